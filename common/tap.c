/*
 * Taking a batch of the tap apart.  captured trusts nobody's lengths, not
 * even relayd's: relayd is the process that strangers speak to.
 */
#include <string.h>

#include "common/tap.h"

#define FIELD_ENDS(payload, type, field)                 \
	(memchr((payload) + offsetof(type, field), '\0', \
	     sizeof(((const type *)0)->field)) != NULL)

static bool
open_ok(const uint8_t *p)
{
	return FIELD_ENDS(p, struct tap_open, peer) &&
	    FIELD_ENDS(p, struct tap_open, via) &&
	    FIELD_ENDS(p, struct tap_open, listener);
}

static bool
pool_ok(const uint8_t *p)
{
	return FIELD_ENDS(p, struct tap_pool, host) &&
	    FIELD_ENDS(p, struct tap_pool, peer);
}

static bool
closed_ok(const uint8_t *p)
{
	return FIELD_ENDS(p, struct tap_closed, reason) &&
	    FIELD_ENDS(p, struct tap_closed, detail);
}

/* What each kind carries: between min and max bytes, and these strings. */
static const struct shape {
	uint32_t min;
	uint32_t max;
	bool (*ok)(const uint8_t *);
} shapes[TAP_KIND_MAX] = {
	[TAP_CHUNK] = { 0, TAP_CHUNK_MAX, NULL },
	[TAP_FWD] = { 0, 0, NULL },
	[TAP_OPEN] = { sizeof(struct tap_open), sizeof(struct tap_open),
	    open_ok },
	[TAP_POOL] = { sizeof(struct tap_pool), sizeof(struct tap_pool),
	    pool_ok },
	[TAP_HALF] = { 0, 0, NULL },
	[TAP_CLOSED] = { sizeof(struct tap_closed), sizeof(struct tap_closed),
	    closed_ok },
	[TAP_INFO] = { sizeof(struct tap_info), sizeof(struct tap_info), NULL },
	[TAP_CLOCK] = { 0, 0, NULL },
	[TAP_LOST] = { 0, 0, NULL },
};

_Static_assert(TAP_CHUNK_MAX <= TAP_PAYLOAD_MAX, "a chunk is a payload");
_Static_assert(sizeof(struct tap_head) == 48, "payloads stay 8-aligned");

static bool
head_ok(const struct tap_head *h)
{
	const struct shape *s;

	if (h->kind == TAP_NONE || h->kind >= TAP_KIND_MAX || h->dir > 1 ||
	    h->len > TAP_PAYLOAD_MAX)
		return false;
	s = &shapes[h->kind];
	return h->len >= s->min && h->len <= s->max;
}

int
tap_next(struct mcur *c, struct tap_entry *e)
{
	const struct shape *s;
	size_t padded;

	memset(e, 0, sizeof(*e));
	if (!c->bad && c->left == 0)
		return 0;
	msg_get_raw(c, &e->h, sizeof(e->h));
	if (c->bad || !head_ok(&e->h))
		goto bad;
	padded = TAP_PAD(e->h.len);
	if (padded > c->left)
		goto bad;
	s = &shapes[e->h.kind];
	if (s->ok != NULL && !s->ok(c->p))
		goto bad;
	e->payload = c->p;
	c->p += padded;
	c->left -= padded;
	return 1;
bad:
	memset(e, 0, sizeof(*e));
	c->bad = true;
	return -1;
}

const char *
dir_name(unsigned dir)
{
	static const char *const names[DIR_MAX] = {
		[DIR_MINER_TO_POOL] = "miner_to_pool",
		[DIR_POOL_TO_MINER] = "pool_to_miner",
		[DIR_HASHSCOPE_TO_POOL] = "hashscope_to_pool",
	};

	return dir < DIR_MAX ? names[dir] : "unknown";
}
