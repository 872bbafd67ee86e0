/*
 * See nostr_wrap.h.  NIP-59 suggests that times be moved into the past; ours
 * are true: relays that refuse what is old would never show an alert, and
 * when a box has alerts is no secret of anybody's.
 */
#include <sys/random.h>

#include <string.h>

#include "common/hex.h"
#include "common/nostr_key.h"
#include "common/nostr_nip44.h"
#include "common/nostr_wrap.h"

int
nostr_rumor(const uint8_t from[32], const uint8_t to[32], int64_t created_at,
    const char *text, size_t len, struct mbuf *out)
{
	struct nostr_event e;
	char p[65];

	if (len > NOSTR_MESSAGE_MAX)
		return -1;
	hex_text(to, 32, p);
	nostr_event_init(&e, NOSTR_KIND_MESSAGE, created_at);
	memcpy(e.pubkey, from, 32);
	nostr_tag_add(&e, "p", p);
	e.content.s = text;
	e.content.len = len;
	nostr_event_id(&e, e.id);
	nostr_rumor_put(&e, out);
	return out->bad ? -1 : 0;
}

int
nostr_seal(const uint8_t conversation[32], struct mbuf *text)
{
	uint8_t nonce[32];
	struct mbuf out;
	int ok;

	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		return -1;
	mbuf_init(&out);
	ok = text->bad ?
	    -1 :
	    nip44_encrypt(conversation, nonce, text->data, text->len, &out);
	mbuf_free(text);
	*text = out;
	return ok;
}

/* The key that is used once, and what it shares with the receiver. */
static struct nostr_key *
once(const uint8_t to[32], uint8_t conversation[32])
{
	uint8_t secret[32], shared[32];
	struct nostr_key *key;

	if (nostr_secret_make(secret) == -1)
		return NULL;
	key = nostr_key_new(secret);
	if (key != NULL &&
	    (nostr_key_shared(key, to, shared) == -1 ||
		nip44_conversation(shared, conversation) == -1)) {
		nostr_key_free(key);
		key = NULL;
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(shared, sizeof(shared));
	return key;
}

int
nostr_wrap(const uint8_t to[32], int64_t created_at, const char *seal,
    size_t len, struct mbuf *out, uint8_t id[32])
{
	uint8_t conversation[32] = { 0 };
	struct nostr_key *key = once(to, conversation);
	struct nostr_event e;
	struct mbuf content;
	char p[65];
	int ok = -1;

	if (key == NULL)
		return -1;
	mbuf_init(&content);
	msg_put_raw(&content, seal, len);
	hex_text(to, 32, p);
	nostr_event_init(&e, NOSTR_KIND_WRAP, created_at);
	memcpy(e.pubkey, nostr_key_public(key), 32);
	nostr_tag_add(&e, "p", p);
	if (nostr_seal(conversation, &content) == 0) {
		e.content.s = (const char *)content.data;
		e.content.len = content.len;
		nostr_event_id(&e, e.id);
		if (nostr_key_sign(key, e.id, e.sig) == 0) {
			nostr_event_put(&e, out);
			memcpy(id, e.id, 32);
			ok = out->bad ? -1 : 0;
		}
	}
	explicit_bzero(conversation, sizeof(conversation));
	nostr_key_free(key);
	mbuf_free(&content);
	return ok;
}
