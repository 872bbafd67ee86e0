/*
 * Frames of the relay protocol.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/hex.h"
#include "common/nostr_frame.h"
#include "common/utf8.h"

static const struct {
	const char *prefix;
	enum nostr_reason reason;
} prefixes[] = {
	{ "duplicate", NR_DUPLICATE },
	{ "pow", NR_POW },
	{ "blocked", NR_BLOCKED },
	{ "rate-limited", NR_RATE_LIMITED },
	{ "invalid", NR_INVALID },
	{ "restricted", NR_RESTRICTED },
	{ "mute", NR_MUTE },
	{ "error", NR_ERROR },
	{ "auth-required", NR_AUTH_REQUIRED },
};

/* Some say it in words only, and not all of them under the right prefix. */
static const struct {
	const char *word;
	enum nostr_reason reason;
} words[] = {
	{ "rate limit", NR_RATE_LIMITED },
	{ "rate-limit", NR_RATE_LIMITED },
	{ "ratelimit", NR_RATE_LIMITED },
	{ "too fast", NR_RATE_LIMITED },
	{ "slow down", NR_RATE_LIMITED },
	{ "too many", NR_RATE_LIMITED },
	{ "too large", NR_TOO_LARGE },
	{ "too big", NR_TOO_LARGE },
	{ "too long", NR_TOO_LARGE },
	{ "event size", NR_TOO_LARGE },
	{ "message size", NR_TOO_LARGE },
	{ "oversize", NR_TOO_LARGE },
	{ "expired", NR_TOO_OLD },
	{ "too old", NR_TOO_OLD },
	{ "too early", NR_TOO_OLD },
	{ "too late", NR_TOO_OLD },
};

static const char *const names[NR_REASONS] = { "none", "duplicate", "pow",
	"blocked", "rate-limited", "invalid", "restricted", "mute", "error",
	"auth-required", "too large", "too old", "unknown" };

const char *
nostr_reason_name(enum nostr_reason r)
{
	return (unsigned)r < NR_REASONS ? names[r] : "unknown";
}

enum nostr_reason
nostr_reason_of(const char *text)
{
	const char *colon = strchr(text, ':');
	enum nostr_reason found = NR_UNKNOWN;
	size_t i, len = colon == NULL ? 0 : (size_t)(colon - text);

	if (text[0] == '\0')
		return NR_NONE;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (len == strlen(prefixes[i].prefix) &&
		    strncasecmp(text, prefixes[i].prefix, len) == 0)
			found = prefixes[i].reason;
	if (found != NR_UNKNOWN && found != NR_INVALID && found != NR_ERROR)
		return found;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(text, words[i].word) != NULL)
			return words[i].reason;
	return found;
}

/* --- reading --- */

/* Cut rather than refused: only its beginning means something. */
static int
take_text(const struct jtree *t, uint32_t node, char out[NOSTR_TEXT_MAX])
{
	const char *raw;
	size_t len;

	if (!jtree_is(t, node, J_STRING))
		return -1;
	if (jtree_str(t, node, out, NOSTR_TEXT_MAX) == -1) {
		raw = jtree_raw(t, node, &len);
		utf8_copy(out, NOSTR_TEXT_MAX, raw + 1, len - 2);
	}
	return 0;
}

static int
take_sub(const struct jtree *t, uint32_t node, char out[NOSTR_SUB_MAX + 1])
{
	return jtree_str(t, node, out, NOSTR_SUB_MAX + 1) < 1 ? -1 : 0;
}

static int
parse_ok(struct nostr_frame *f, const struct jtree *t, uint32_t array)
{
	uint32_t said = jtree_item(t, array, 2), why = jtree_item(t, array, 3);
	size_t len;
	const char *id = jtree_plain(t, jtree_item(t, array, 1), &len);

	if (id == NULL || len != 64 || hex_bytes(id, len, f->id) == -1 ||
	    (!jtree_is(t, said, J_TRUE) && !jtree_is(t, said, J_FALSE)))
		return -1;
	f->ok = jtree_is(t, said, J_TRUE);
	/* The reason is required, and left out by some. */
	if (why != JTREE_NONE && take_text(t, why, f->text) == -1)
		return -1;
	f->reason = nostr_reason_of(f->text);
	return 0;
}

static int
parse_closed(struct nostr_frame *f, const struct jtree *t, uint32_t array)
{
	uint32_t why = jtree_item(t, array, 2);

	if (take_sub(t, jtree_item(t, array, 1), f->sub) == -1 ||
	    (why != JTREE_NONE && take_text(t, why, f->text) == -1))
		return -1;
	f->reason = nostr_reason_of(f->text);
	return 0;
}

static int
parse_body(struct nostr_frame *f, const struct jtree *t, uint32_t array)
{
	switch (f->type) {
	case NF_EVENT:
		f->event = jtree_item(t, array, 2);
		return jtree_is(t, f->event, J_OBJECT) ?
		    take_sub(t, jtree_item(t, array, 1), f->sub) :
		    -1;
	case NF_OK:
		return parse_ok(f, t, array);
	case NF_EOSE:
		return take_sub(t, jtree_item(t, array, 1), f->sub);
	case NF_CLOSED:
		return parse_closed(f, t, array);
	case NF_NOTICE:
		if (take_text(t, jtree_item(t, array, 1), f->text) == -1)
			return -1;
		f->reason = nostr_reason_of(f->text);
		return 0;
	case NF_AUTH:
		/* One that was cut could not be answered. */
		return jtree_str(t, jtree_item(t, array, 1), f->text,
			   NOSTR_TEXT_MAX) < 1 ?
		    -1 :
		    0;
	case NF_OTHER:
		break;
	}
	return 0;
}

int
nostr_frame_parse(struct nostr_frame *f, struct jtree *t, const void *text,
    size_t len)
{
	static const char *const types[] = { [NF_EVENT] = "EVENT",
		[NF_OK] = "OK",
		[NF_EOSE] = "EOSE",
		[NF_CLOSED] = "CLOSED",
		[NF_NOTICE] = "NOTICE",
		[NF_AUTH] = "AUTH" };
	uint32_t array, first;
	unsigned i;

	memset(f, 0, sizeof(*f));
	if (len > 2 * NOSTR_EVENT_MAX || jtree_parse(t, text, len) == -1)
		return -1;
	array = jtree_root(t);
	first = jtree_item(t, array, 0);
	if (!jtree_is(t, array, J_ARRAY) || !jtree_is(t, first, J_STRING))
		return -1;
	for (i = 0; i < NF_OTHER; i++)
		if (jtree_equals(t, first, types[i]))
			break;
	f->type = (enum nostr_type)i;
	return parse_body(f, t, array);
}

/* --- writing --- */

static void
put(struct mbuf *m, const char *text)
{
	msg_put_raw(m, text, strlen(text));
}

static void
put_around(struct mbuf *m, const char *before, const char *event, size_t len)
{
	put(m, before);
	msg_put_raw(m, event, len);
	put(m, "]");
}

void
nostr_put_event(struct mbuf *m, const char *event, size_t len)
{
	put_around(m, "[\"EVENT\",", event, len);
}

void
nostr_put_auth(struct mbuf *m, const char *event, size_t len)
{
	put_around(m, "[\"AUTH\",", event, len);
}

void
nostr_put_close(struct mbuf *m, const char *sub)
{
	put(m, "[\"CLOSE\",");
	nostr_string_put(m, sub, strlen(sub));
	put(m, "]");
}

static void
put_number(struct mbuf *m, const char *key, int64_t v)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%lld", key, (long long)v);
	put(m, text);
}

void
nostr_put_req(struct mbuf *m, const char *sub, const struct nostr_filter *f)
{
	const char *comma = "";
	char hex[65];
	unsigned i;

	put(m, "[\"REQ\",");
	nostr_string_put(m, sub, strlen(sub));
	put(m, ",{");
	for (i = 0; i < f->nkinds; i++)
		put_number(m, i == 0 ? "\"kinds\":[" : ",", f->kind[i]);
	if (f->nkinds > 0) {
		put(m, "]");
		comma = ",";
	}
	for (i = 0; i < f->nauthors; i++) {
		put(m, i == 0 ? comma : ",");
		put(m, i == 0 ? "\"authors\":[\"" : "\"");
		hex_text(f->author[i], 32, hex);
		put(m, hex);
		put(m, "\"");
	}
	if (f->nauthors > 0) {
		put(m, "]");
		comma = ",";
	}
	if (f->tag_t[0] != '\0') {
		put(m, comma);
		put(m, "\"#t\":[");
		nostr_string_put(m, f->tag_t, strlen(f->tag_t));
		put(m, "]");
		comma = ",";
	}
	if (f->since != 0) {
		put(m, comma);
		put_number(m, "\"since\":", f->since);
		comma = ",";
	}
	if (f->limit != 0) {
		put(m, comma);
		put_number(m, "\"limit\":", f->limit);
	}
	put(m, "}]");
}

bool
nostr_filter_matches(const struct nostr_filter *f, const struct nostr_event *e)
{
	bool found = f->nkinds == 0;
	unsigned i;

	for (i = 0; i < f->nkinds; i++)
		found = found || f->kind[i] == e->kind;
	if (!found)
		return false;
	found = f->nauthors == 0;
	for (i = 0; i < f->nauthors; i++)
		found = found || memcmp(f->author[i], e->pubkey, 32) == 0;
	if (!found || e->created_at < f->since)
		return false;
	return f->tag_t[0] == '\0' || nostr_tag_has(e, "t", f->tag_t);
}
