/*
 * Events.  Never built with a general JSON writer: NIP-01 says byte by byte
 * how the serialisation that is hashed must look.
 */
#include <string.h>

#include "common/hex.h"
#include "common/nostr_event.h"
#include "common/sha256.h"
#include "common/utf8.h"

/* --- writing --- */

/* The escape of c; 0 when it stands for itself. */
static size_t
escape(unsigned char c, char out[6])
{
	static const char hexdigits[] = "0123456789abcdef";
	static const char *const from = "\b\t\n\f\r\"\\",
				 *const to = "btnfr\"\\";
	const char *p = c == 0 ? NULL : strchr(from, c);

	if (p != NULL) {
		out[0] = '\\';
		out[1] = to[p - from];
		return 2;
	}
	if (c >= 0x20)
		return 0;
	memcpy(out, "\\u00", 4);
	out[4] = hexdigits[c >> 4];
	out[5] = hexdigits[c & 15];
	return 6;
}

void
nostr_string_put(struct mbuf *m, const char *s, size_t len)
{
	size_t i, from = 0, n;
	char esc[6];

	msg_put_raw(m, "\"", 1);
	for (i = 0; i < len; i++) {
		n = escape((unsigned char)s[i], esc);
		if (n == 0)
			continue;
		msg_put_raw(m, s + from, i - from);
		msg_put_raw(m, esc, n);
		from = i + 1;
	}
	msg_put_raw(m, s + from, len - from);
	msg_put_raw(m, "\"", 1);
}

static void
put(struct mbuf *m, const char *text)
{
	msg_put_raw(m, text, strlen(text));
}

static void
put_hex(struct mbuf *m, const uint8_t *bytes, size_t n)
{
	char text[129];

	hex_text(bytes, n, text);
	msg_put_raw(m, text, 2 * n);
}

static void
put_number(struct mbuf *m, int64_t v)
{
	char text[24];
	size_t i = sizeof(text);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		text[--i] = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		text[--i] = '-';
	msg_put_raw(m, text + i, sizeof(text) - i);
}

static void
put_tags(struct mbuf *m, const struct nostr_event *e)
{
	unsigned i, k;

	put(m, "[");
	for (i = 0; i < e->ntags; i++) {
		put(m, i == 0 ? "[" : ",[");
		for (k = 0; k < e->tag[i].n; k++) {
			const struct nostr_str *s =
			    &e->item[e->tag[i].first + k];

			if (k > 0)
				put(m, ",");
			nostr_string_put(m, s->s, s->len);
		}
		put(m, "]");
	}
	put(m, "]");
}

void
nostr_event_serialise(const struct nostr_event *e, struct mbuf *m)
{
	put(m, "[0,\"");
	put_hex(m, e->pubkey, 32);
	put(m, "\",");
	put_number(m, e->created_at);
	put(m, ",");
	put_number(m, e->kind);
	put(m, ",");
	put_tags(m, e);
	put(m, ",");
	nostr_string_put(m, e->content.s, e->content.len);
	put(m, "]");
}

void
nostr_event_id(const struct nostr_event *e, uint8_t id[32])
{
	struct mbuf m;

	mbuf_init(&m);
	nostr_event_serialise(e, &m);
	/* Out of memory: an id that no event has. */
	if (m.bad)
		memset(id, 0, 32);
	else
		sha256(m.data, m.len, id);
	mbuf_free(&m);
}

static void
put_event(struct mbuf *m, const struct nostr_event *e)
{
	put(m, "{\"id\":\"");
	put_hex(m, e->id, 32);
	put(m, "\",\"pubkey\":\"");
	put_hex(m, e->pubkey, 32);
	put(m, "\",\"created_at\":");
	put_number(m, e->created_at);
	put(m, ",\"kind\":");
	put_number(m, e->kind);
	put(m, ",\"tags\":");
	put_tags(m, e);
	put(m, ",\"content\":");
	nostr_string_put(m, e->content.s, e->content.len);
}

void
nostr_event_put(const struct nostr_event *e, struct mbuf *m)
{
	put_event(m, e);
	put(m, ",\"sig\":\"");
	put_hex(m, e->sig, 64);
	put(m, "\"}");
}

void
nostr_rumor_put(const struct nostr_event *e, struct mbuf *m)
{
	put_event(m, e);
	put(m, "}");
}

/* --- reading --- */

struct room {
	const struct jtree *t;
	char *p;
	size_t left;
};

/* A lone surrogate would be mended by the tree, and the id be another. */
static bool
lone_surrogate(const char *s, size_t len)
{
	unsigned high = 0, v, k;
	size_t i;

	for (i = 0; i < len; i++) {
		v = 0;
		if (s[i] == '\\' && i + 5 < len && s[i + 1] == 'u') {
			for (k = 2; k < 6; k++)
				v = v << 4 | (unsigned)hex_digit(s[i + k]);
			i += 5;
		} else if (s[i] == '\\') {
			i++;
		}
		if (high && (v < 0xdc00 || v > 0xdfff))
			return true;
		if (!high && v >= 0xdc00 && v <= 0xdfff)
			return true;
		high = !high && v >= 0xd800 && v < 0xdc00;
	}
	return high != 0;
}

static int
take_string(struct room *r, uint32_t node, struct nostr_str *out)
{
	const char *raw;
	size_t rawlen;
	long n;

	if (!jtree_is(r->t, node, J_STRING) || r->left == 0)
		return -1;
	raw = jtree_raw(r->t, node, &rawlen);
	if (lone_surrogate(raw + 1, rawlen - 2))
		return -1;
	n = jtree_str(r->t, node, r->p, r->left);
	if (n == -1 || !utf8_valid(r->p, (size_t)n))
		return -1;
	out->s = r->p;
	out->len = (size_t)n;
	r->p += n + 1;
	r->left -= (size_t)n + 1;
	return 0;
}

/* Exactly n bytes in lower-case hex, as the protocol wants it. */
static int
take_hex(const struct jtree *t, uint32_t object, const char *name, uint8_t *out,
    size_t n)
{
	size_t len, i;
	const char *s = jtree_plain(t, jtree_member(t, object, name), &len);

	if (s == NULL || len != 2 * n)
		return -1;
	for (i = 0; i < len; i++)
		if (s[i] >= 'A' && s[i] <= 'F')
			return -1;
	return hex_bytes(s, len, out);
}

static int
take_tags(struct nostr_event *e, struct room *r, uint32_t array)
{
	uint32_t i, k, node, n = jtree_count(r->t, array);

	if (!jtree_is(r->t, array, J_ARRAY) || n > NOSTR_TAGS)
		return -1;
	for (i = 0; i < n; i++) {
		uint32_t tag = jtree_item(r->t, array, i), items;

		items = jtree_count(r->t, tag);
		if (!jtree_is(r->t, tag, J_ARRAY) ||
		    items > NOSTR_ITEMS - e->nitems)
			return -1;
		e->tag[i].first = (uint16_t)e->nitems;
		e->tag[i].n = (uint16_t)items;
		for (k = 0; k < items; k++) {
			node = jtree_item(r->t, tag, k);
			if (take_string(r, node, &e->item[e->nitems++]) == -1)
				return -1;
		}
	}
	e->ntags = n;
	return 0;
}

int
nostr_event_parse(struct nostr_event *e, const struct jtree *t, uint32_t node,
    char *room, size_t cap)
{
	struct room r = { t, room, cap };
	int64_t kind, at;

	e->ntags = e->nitems = 0;
	if (!jtree_is(t, node, J_OBJECT) ||
	    take_hex(t, node, "id", e->id, 32) == -1 ||
	    take_hex(t, node, "pubkey", e->pubkey, 32) == -1 ||
	    take_hex(t, node, "sig", e->sig, 64) == -1 ||
	    jtree_int(t, jtree_member(t, node, "kind"), &kind) == -1 ||
	    jtree_int(t, jtree_member(t, node, "created_at"), &at) == -1 ||
	    kind < 0 || kind > 65535 || at < 0)
		return -1;
	e->kind = (uint32_t)kind;
	e->created_at = at;
	if (take_tags(e, &r, jtree_member(t, node, "tags")) == -1)
		return -1;
	return take_string(&r, jtree_member(t, node, "content"), &e->content);
}

/* --- tags --- */

void
nostr_event_init(struct nostr_event *e, uint32_t kind, int64_t created_at)
{
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->created_at = created_at;
	e->content.s = "";
}

int
nostr_tag_add(struct nostr_event *e, const char *name, const char *value)
{
	struct nostr_str *item = &e->item[e->nitems];

	if (e->ntags == NOSTR_TAGS || e->nitems + 2 > NOSTR_ITEMS)
		return -1;
	e->tag[e->ntags].first = (uint16_t)e->nitems;
	e->tag[e->ntags++].n = 2;
	item[0] = (struct nostr_str){ name, strlen(name) };
	item[1] = (struct nostr_str){ value, strlen(value) };
	e->nitems += 2;
	return 0;
}

static bool
str_is(const struct nostr_str *s, const char *text)
{
	size_t len = strlen(text);

	return s->len == len && memcmp(s->s, text, len) == 0;
}

const struct nostr_str *
nostr_tag_find(const struct nostr_event *e, const char *name, unsigned nth)
{
	unsigned i;

	for (i = 0; i < e->ntags; i++) {
		const struct nostr_tag *t = &e->tag[i];

		if (t->n >= 2 && str_is(&e->item[t->first], name) && nth-- == 0)
			return &e->item[t->first + 1];
	}
	return NULL;
}

bool
nostr_tag_has(const struct nostr_event *e, const char *name, const char *value)
{
	const struct nostr_str *s;
	unsigned i;

	for (i = 0; (s = nostr_tag_find(e, name, i)) != NULL; i++)
		if (str_is(s, value))
			return true;
	return false;
}

int64_t
nostr_event_expiration(const struct nostr_event *e)
{
	const struct nostr_str *s = nostr_tag_find(e, "expiration", 0);
	int64_t v = 0;
	size_t i;

	if (s == NULL)
		return 0;
	if (s->len == 0 || s->len > 18)
		return -1;
	for (i = 0; i < s->len; i++) {
		if (s->s[i] < '0' || s->s[i] > '9')
			return -1;
		v = v * 10 + (s->s[i] - '0');
	}
	return v;
}
