/*
 * What the watches know, as bytes: one state for each thing, by its name.
 */
#include <stdio.h>
#include <string.h>

#include "captured/watch_int.h"

#define STATE_VERSION 1

static const char clock_name[] = "c", tips_name[] = "t";

static void
clock_pack(const struct watch *w, struct mbuf *m)
{
	msg_put_u64(m, w->alerts.now);
	msg_put_u64(m, w->ts);
	msg_put_u32(m, w->last_chain);
}

static void
clock_unpack(struct watch *w, struct mcur *c)
{
	uint64_t now = msg_get_u64(c), ts = msg_get_u64(c);
	uint32_t chain = msg_get_u32(c);

	if (msg_end(c) == -1)
		return;
	if (now > w->alerts.now)
		w->alerts.now = now;
	w->ts = ts;
	w->last_chain = chain > w->last_chain ? chain : w->last_chain;
	w->begun = true;
}

static void
thing_pack(const struct thing *t, struct mbuf *m)
{
	const void *p = t;

	switch (t->node.key[0]) {
	case 'p':
		pool_pack(p, m);
		break;
	case 'y':
		payer_pack(p, m);
		break;
	default:
		worker_pack(p, m);
	}
}

static void
begin_state(struct watch *w)
{
	mbuf_reset(&w->out);
	msg_put_u8(&w->out, STATE_VERSION);
}

static int
save_gone(struct watch *w, watch_save_fn *fn, void *arg)
{
	const uint8_t *p;
	struct mcur c;
	size_t len;

	mcur_init(&c, w->gone.data, w->gone.len);
	while (c.left > 0) {
		p = msg_get_bytes(&c, &len, KEYED_KEY);
		if (c.bad)
			break;
		if (fn(arg, p, len, 0, NULL, 0) == -1)
			return -1;
	}
	return 0;
}

static int
save_one(struct watch *w, watch_save_fn *fn, void *arg, const void *name,
    size_t len, uint64_t at)
{
	if (w->out.bad)
		return 0; /* without memory: it is kept as it was */
	return fn(arg, name, len, at, w->out.data, w->out.len);
}

/* Workers come back in the order in which they were heard of. */
static uint64_t
order_of(const struct thing *t, uint64_t now)
{
	const void *p = t;
	const struct worker *x = p;

	return t->node.key[0] == 'w' ? x->last : now;
}

int
watch_save(struct watch *w, watch_save_fn *fn, void *arg)
{
	const struct thing *t;
	uint64_t at;

	if (save_gone(w, fn, arg) == -1)
		return -1;
	TAILQ_FOREACH(t, &w->changed, entry) {
		begin_state(w);
		thing_pack(t, &w->out);
		at = order_of(t, w->alerts.now);
		if (save_one(w, fn, arg, t->node.key, t->node.len, at) == -1)
			return -1;
	}
	if (w->tips_dirty) {
		begin_state(w);
		tips_pack(w, &w->out);
		if (save_one(w, fn, arg, tips_name, 1, 0) == -1)
			return -1;
	}
	if (!w->clock_dirty && TAILQ_EMPTY(&w->changed))
		return 0;
	begin_state(w);
	clock_pack(w, &w->out);
	return save_one(w, fn, arg, clock_name, 1, 0);
}

void
watch_saved(struct watch *w)
{
	struct thing *t;

	while ((t = TAILQ_FIRST(&w->changed)) != NULL) {
		TAILQ_REMOVE(&w->changed, t, entry);
		t->dirty = false;
	}
	mbuf_reset(&w->gone);
	w->tips_dirty = w->clock_dirty = false;
	w->clock_saved = w->alerts.now;
}

static void
touch_all(struct watch *w, struct keyed *k)
{
	struct keyed_node *n;

	TAILQ_FOREACH(n, &k->lru, lru)
		watch_touch(w, n);
}

void
watch_unsaved(struct watch *w)
{
	struct alert *x;

	touch_all(w, &w->pools);
	touch_all(w, &w->payers);
	touch_all(w, &w->workers);
	w->tips_dirty = w->clock_dirty = true;
	TAILQ_FOREACH(x, &w->alerts.active, entry)
		x->dirty = true;
}

static void
load_thing(struct watch *w, struct keyed *k, const void *name, size_t len,
    struct mcur *c)
{
	bool fresh;
	void *t;

	if (len == 0 || len >= KEYED_KEY ||
	    (t = keyed_get(k, name, len, &fresh)) == NULL)
		return;
	if (k == &w->pools)
		pool_unpack(t, c);
	else if (k == &w->payers)
		payer_unpack(t, c);
	else
		worker_unpack(t, c);
	/* Half a state is none. */
	if (msg_end(c) == -1)
		keyed_remove(k, t);
}

void
watch_load(struct watch *w, const void *name, size_t len, const void *state,
    size_t size)
{
	struct mcur c;

	mcur_init(&c, state, size);
	if (len == 0 || msg_get_u8(&c) != STATE_VERSION)
		return;
	switch (*(const char *)name) {
	case 'c':
		clock_unpack(w, &c);
		break;
	case 't':
		tips_unpack(w, &c);
		break;
	case 'p':
		load_thing(w, &w->pools, name, len, &c);
		break;
	case 'y':
		load_thing(w, &w->payers, name, len, &c);
		break;
	case 'w':
		load_thing(w, &w->workers, name, len, &c);
		break;
	default:
		break;
	}
}

int
watch_load_alert(struct watch *w, const struct alert_rec *rec)
{
	if (rec->kind >= ALERT_KINDS)
		return 0;
	return alert_restore(&w->alerts, rec,
	    watch_hold(w, (enum alert_kind)rec->kind));
}
