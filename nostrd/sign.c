/*
 * Drafts, and the way to the signer.  What was asked of a signer that went
 * away has failed; whoever asked tries again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/nostr_nip44.h"
#include "common/sha256.h"
#include "nostrd/sign.h"

#define PENDING     64
/* Proof of work: so long at once, then as long nothing; given up after. */
#define SLICE_NS    UINT64_C(5000000)
#define SLICE_BYTES 65536u
#define REST_US     5000
#define LATE_NS     UINT64_C(40000000000)

struct signer_link {
	struct ipc *ipc;
	bool known;
	uint8_t key[32];
	/* NIP-44's conversation keys. */
	bool encrypt, alerts;
	uint8_t group[32], operator[32];
	uint32_t last_id;
	struct {
		uint32_t id; /* 0: free */
		struct draft *draft;
		sign_done done;
		void *arg;
		struct nostr_pow *pow; /* being looked for; NULL: asked */
		uint64_t since_ns;
	} pending[PENDING];
	unsigned turn;      /* of those that are looked for */
	struct event *mine; /* the next slice */
	struct mbuf body;
};

void
draft_begin(struct draft *d, uint32_t kind, int64_t created_at)
{
	nostr_event_init(&d->event, kind, created_at);
	d->ntext = 0;
	d->pow = 0;
	d->late = false;
	mbuf_reset(&d->content);
}

void
draft_tag(struct draft *d, const char *name, const char *fmt, ...)
{
	char *value;
	va_list ap;

	if (d->ntext == DRAFT_TAGS)
		return;
	value = d->text[d->ntext++];
	va_start(ap, fmt);
	vsnprintf(value, sizeof(d->text[0]), fmt, ap);
	va_end(ap);
	nostr_tag_add(&d->event, name, value);
}

struct signer_link *
signer_link_new(void)
{
	return calloc(1, sizeof(struct signer_link));
}

static void
release(struct signer_link *l, unsigned i)
{
	nostr_pow_free(l->pending[i].pow);
	l->pending[i].pow = NULL;
	l->pending[i].id = 0;
}

static void
fail(struct signer_link *l, unsigned i)
{
	release(l, i);
	l->pending[i].done(l->pending[i].arg, l->pending[i].draft, false);
}

/* All that was asked has failed. */
static void
fail_all(struct signer_link *l)
{
	for (unsigned i = 0; i < PENDING; i++)
		if (l->pending[i].id != 0)
			fail(l, i);
}

void
signer_link_free(struct signer_link *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; i < PENDING; i++)
		release(l, i);
	if (l->mine != NULL)
		event_free(l->mine);
	ipc_free(l->ipc);
	mbuf_free(&l->body);
	free(l);
}

const uint8_t *
signer_link_key(const struct signer_link *l)
{
	return l->known ? l->key : NULL;
}

const uint8_t *
signer_link_alerts(const struct signer_link *l)
{
	return l->known && l->alerts ? l->operator: NULL;
}

/*
 * The nonce follows from the text, by a hash that only the group can compute:
 * the same content is the same event again.
 */
int
draft_encrypt(const struct signer_link *l, struct draft *d)
{
	uint8_t nonce[32];
	struct sha256 h;
	struct mbuf out;
	int ok;

	if (!l->encrypt)
		return 0;
	sha256_init(&h);
	sha256_update(&h, l->group, 32);
	sha256_update(&h, d->content.data, d->content.len);
	sha256d_final(&h, nonce);
	mbuf_init(&out);
	ok = nip44_encrypt(l->group, nonce, d->content.data, d->content.len,
	    &out);
	mbuf_free(&d->content);
	d->content = out;
	return ok;
}

static void on_mine(evutil_socket_t, short, void *);

static void
on_hello(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct signer_link *l = arg;

	msg_get_raw(&m->cur, l->key, 32);
	l->encrypt = msg_get_bool(&m->cur);
	msg_get_raw(&m->cur, l->group, 32);
	l->alerts = msg_get_bool(&m->cur);
	msg_get_raw(&m->cur, l->operator, 32);
	l->known = msg_end(&m->cur) == 0;
}

static void
on_signed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct signer_link *l = arg;
	struct draft *d;
	unsigned i;
	bool ok;

	for (i = 0; i < PENDING; i++)
		if (l->pending[i].id == m->id && m->id != 0 &&
		    l->pending[i].pow == NULL)
			break;
	if (i == PENDING)
		return;
	d = l->pending[i].draft;
	ok = msg_get_bool(&m->cur);
	msg_get_raw(&m->cur, d->event.id, 32);
	msg_get_raw(&m->cur, d->event.sig, 64);
	memcpy(d->event.pubkey, l->key, 32);
	l->pending[i].id = 0;
	l->pending[i].done(l->pending[i].arg, d, ok && msg_end(&m->cur) == 0);
}

static const struct ipc_handler handlers[] = {
	{ MSG_SIGNER_HELLO, on_hello },
	{ MSG_SIGNED, on_signed },
	{ MSG_NONE, NULL },
};

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct signer_link *l = arg;

	if (l->ipc == ipc) {
		l->ipc = NULL;
		l->known = false;
	}
	ipc_free(ipc);
	fail_all(l);
}

static const struct ipc_ops ops = { .handlers = handlers, .on_end = on_end };

void
signer_link_attach(struct signer_link *l, struct event_base *base, int fd)
{
	ipc_free(l->ipc);
	l->known = false;
	fail_all(l);
	l->ipc = ipc_new(base, fd, ROLE_NOSTR, ROLE_SIGNER, &ops, l);
	if (l->ipc != NULL)
		ipc_set_limit(l->ipc, 8u << 20);
	if (l->mine == NULL)
		l->mine = evtimer_new(base, on_mine, l);
}

static void
put_event(struct mbuf *m, const struct draft *d)
{
	const struct nostr_event *e = &d->event;

	mbuf_reset(m);
	msg_put_u32(m, e->kind);
	msg_put_i64(m, e->created_at);
	msg_put_u16(m, (uint16_t)e->ntags);
	for (unsigned i = 0; i < e->ntags; i++) {
		msg_put_u16(m, e->tag[i].n);
		for (unsigned k = 0; k < e->tag[i].n; k++) {
			const struct nostr_str *s =
			    &e->item[e->tag[i].first + k];

			msg_put_bytes(m, s->s, s->len);
		}
	}
	msg_put_bytes(m, d->content.data, d->content.len);
}

/* --- proof of work --- */

static int
send_off(struct signer_link *l, unsigned i)
{
	put_event(&l->body, l->pending[i].draft);
	return ipc_send(l->ipc, MSG_SIGN, l->pending[i].id, -1, &l->body);
}

static void
mine_later(struct signer_link *l)
{
	const struct timeval tv = { 0, REST_US };

	evtimer_add(l->mine, &tv);
}

/* One slice for one of them, in turns; then the others have the loop. */
static void
mine_some(struct signer_link *l, unsigned i)
{
	uint64_t began = clock_mono_ns();
	bool found = false;

	while (!found && clock_mono_ns() - began < SLICE_NS)
		found = nostr_pow_try(l->pending[i].pow, SLICE_BYTES);
	if (found) {
		nostr_pow_free(l->pending[i].pow);
		l->pending[i].pow = NULL;
		if (l->ipc == NULL || send_off(l, i) == -1)
			fail(l, i);
	} else if (began - l->pending[i].since_ns > LATE_NS) {
		l->pending[i].draft->late = true;
		fail(l, i);
	}
}

static void
on_mine(evutil_socket_t fd, short what, void *arg)
{
	struct signer_link *l = arg;

	for (unsigned k = 0; k < PENDING; k++) {
		unsigned i = l->turn++ % PENDING;

		if (l->pending[i].id == 0 || l->pending[i].pow == NULL)
			continue;
		mine_later(l);
		mine_some(l, i);
		return;
	}
}

int
sign_ask(struct signer_link *l, struct draft *d, sign_done done, void *arg)
{
	struct nostr_pow *pow = NULL;
	unsigned i;

	for (i = 0; i < PENDING && l->pending[i].id != 0; i++)
		;
	if (!l->known || i == PENDING)
		return -1;
	d->event.content.s = d->content.len == 0 ? "" : (char *)d->content.data;
	d->event.content.len = d->content.len;
	memcpy(d->event.pubkey, l->key, 32);
	if (d->pow > 0 &&
	    (l->mine == NULL ||
		(pow = nostr_pow_new(&d->event, &d->nonce, d->pow)) == NULL))
		return -1;
	if (++l->last_id == 0)
		l->last_id = 1;
	l->pending[i].id = l->last_id;
	l->pending[i].draft = d;
	l->pending[i].done = done;
	l->pending[i].arg = arg;
	l->pending[i].pow = pow;
	l->pending[i].since_ns = clock_mono_ns();
	if (pow != NULL) {
		mine_later(l);
	} else if (send_off(l, i) == -1) {
		l->pending[i].id = 0;
		return -1;
	}
	return 0;
}

void
sign_forget(struct signer_link *l, const struct draft *d)
{
	for (unsigned i = 0; i < PENDING; i++)
		if (l->pending[i].draft == d)
			release(l, i);
}
