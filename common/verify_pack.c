/*
 * A session's state as bytes and back, for captured's restart.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/verify_int.h"

#define PACK_VERSION 1
#define F_NEGOTIATED 0x01
#define F_FORGOT     0x02
#define F_CROWDED    0x04

static void
put_en(struct mbuf *b, const struct verify_en *e)
{
	msg_put_u32(b, e->serial);
	msg_put_u8(b, e->size);
	msg_put_u8(b, e->usable);
	msg_put_bytes(b, e->b.b, e->b.len);
}

static void
get_en(struct mcur *c, struct verify_en *e)
{
	const uint8_t *p;
	size_t len;

	e->serial = msg_get_u32(c);
	e->size = msg_get_u8(c);
	e->usable = msg_get_u8(c) != 0;
	p = msg_get_bytes(c, &len, WORK_EXTRANONCE_MAX);
	if (c->bad || e->size > WORK_EXTRANONCE_MAX) {
		c->bad = true;
		return;
	}
	e->b.len = (uint8_t)len;
	memcpy(e->b.b, p, len);
}

static void
put_given(struct mbuf *b, const struct verify_given *g)
{
	static const uint8_t none[SHA256_LEN];

	msg_put_raw(b, g->job != NULL ? g->job->key : none, SHA256_LEN);
	msg_put_u64(b, g->ts);
	msg_put_u64(b, g->retired);
	msg_put_double(b, g->difficulty);
	msg_put_u32(b, g->id_hash);
	msg_put_u32(b, g->en);
	msg_put_u8(b, g->after);
}

static void
get_given(struct mcur *c, struct work_store *store, struct verify_given *g)
{
	uint8_t key[SHA256_LEN];

	msg_get_raw(c, key, sizeof(key));
	g->ts = msg_get_u64(c);
	g->retired = msg_get_u64(c);
	g->difficulty = msg_get_double(c);
	g->id_hash = msg_get_u32(c);
	g->en = msg_get_u32(c);
	g->after = msg_get_u8(c);
	if (!isfinite(g->difficulty) || g->difficulty < 0)
		c->bad = true;
	g->job = c->bad ? NULL : work_find(store, key);
}

static void
put_set(struct mbuf *b, const struct verify_set *s, bool with)
{
	uint32_t i;

	msg_put_u32(b, with ? s->n : 0);
	for (i = 0; with && i < s->cap; i++)
		if (s->slot[i] != 0)
			msg_put_u64(b, s->slot[i]);
}

static void
get_set(struct mcur *c, struct verify *v)
{
	uint32_t n = msg_get_u32(c);

	if (n > VERIFY_SEEN_MAX)
		c->bad = true;
	for (; n > 0 && !c->bad; n--)
		verify_set_add(v, msg_get_u64(c));
}

void
verify_pack(const struct verify *v, struct mbuf *b, bool seen)
{
	unsigned i;

	msg_put_u8(b, PACK_VERSION);
	msg_put_u8(b,
	    (uint8_t)((v->negotiated ? F_NEGOTIATED : 0) |
		(v->forgot ? F_FORGOT : 0) | (v->crowded ? F_CROWDED : 0)));
	msg_put_u8(b, v->doubt);
	msg_put_u8(b, v->after);
	for (i = 0; i < VERIFY_EN_MAX; i++)
		put_en(b, &v->en[i]);
	msg_put_u32(b, v->en_active);
	msg_put_double(b, v->present);
	msg_put_double(b, v->previous);
	msg_put_u32(b, v->mask);
	msg_put_u64(b, v->cleaned);
	msg_put_u32(b, v->acked_invalid);
	msg_put_u32(b, v->rejected);
	msg_put_u8(b, v->jobs);
	for (i = 0; i < v->jobs; i++)
		put_given(b, &v->given[i]);
	msg_put_u8(b, v->workers);
	for (i = 0; i < v->workers; i++) {
		msg_put_u64(b, v->worker[i].name);
		msg_put_u64(b, v->worker[i].id);
		msg_put_u8(b, v->worker[i].state);
	}
	/* The older ones first. */
	put_set(b, &v->seen[1], seen);
	put_set(b, &v->seen[0], seen);
}

static void
get_plain(struct mcur *c, struct verify *v)
{
	uint8_t flags;
	int i;

	if (msg_get_u8(c) != PACK_VERSION)
		c->bad = true;
	flags = msg_get_u8(c);
	v->negotiated = flags & F_NEGOTIATED;
	v->forgot = flags & F_FORGOT;
	v->crowded = flags & F_CROWDED;
	v->doubt = msg_get_u8(c);
	v->after = msg_get_u8(c);
	for (i = 0; i < VERIFY_EN_MAX; i++)
		get_en(c, &v->en[i]);
	v->en_active = msg_get_u32(c);
	v->present = msg_get_double(c);
	v->previous = msg_get_double(c);
	v->mask = msg_get_u32(c);
	v->cleaned = msg_get_u64(c);
	v->acked_invalid = msg_get_u32(c);
	v->rejected = msg_get_u32(c);
	if (!isfinite(v->present) || v->present < 0 || !isfinite(v->previous) ||
	    v->previous < 0)
		c->bad = true;
}

/* -1: no memory. */
static int
get_jobs(struct mcur *c, struct verify *v)
{
	uint8_t n = msg_get_u8(c);

	if (c->bad || n > VERIFY_JOBS_MAX) {
		c->bad = true;
		return 0;
	}
	if (n > 0 && (v->given = calloc(n, sizeof(*v->given))) == NULL)
		return -1;
	v->jobs_cap = n;
	while (v->jobs < n)
		get_given(c, v->store, &v->given[v->jobs++]);
	return 0;
}

static int
get_workers(struct mcur *c, struct verify *v)
{
	uint8_t n = msg_get_u8(c);
	struct verify_worker *w;

	if (c->bad || n > VERIFY_WORKERS_MAX) {
		c->bad = true;
		return 0;
	}
	if (n > 0 && (v->worker = calloc(n, sizeof(*v->worker))) == NULL)
		return -1;
	v->workers_cap = n;
	while (v->workers < n) {
		w = &v->worker[v->workers++];
		w->name = msg_get_u64(c);
		w->id = msg_get_u64(c);
		w->state = msg_get_u8(c);
		if (w->state > WORKER_REFUSED)
			c->bad = true;
	}
	return 0;
}

struct verify *
verify_unpack(struct work_store *store, struct mcur *c)
{
	struct verify *v = verify_new(store);

	if (v == NULL)
		return NULL;
	get_plain(c, v);
	if (get_jobs(c, v) == -1 || get_workers(c, v) == -1) {
		verify_free(v);
		return NULL;
	}
	get_set(c, v);
	get_set(c, v);
	if (c->bad) {
		verify_free(v);
		return NULL;
	}
	return v;
}

uint64_t
verify_generation(const struct verify *v)
{
	return v->generation;
}
