/*
 * The previous blocks that jobs build on.  Pools of one chain hand out the
 * same ones, a few seconds apart; two at once for longer than that means that
 * somebody is left behind, or is on another chain.
 *
 * Nobody says which pools are of one chain: those that were once heard to
 * hand out the same block are.  The network's difficulty helps where there is
 * nobody to compare with: no chain changes it by more than four at once.
 */
#include <string.h>

#include "captured/watch_int.h"
#include "common/hex.h"

#define YOUNG_TIPS 2 /* a chain with no more may turn out to be another */
#define FOURFOLD   4.01

static unsigned
tips_of(const struct watch *w, uint32_t chain)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->ntips; i++)
		n += w->tip[i].chain == chain;
	return n;
}

static struct tip *
find_tip(struct watch *w, uint32_t chain, const uint8_t *hash)
{
	for (unsigned i = 0; i < w->ntips; i++)
		if (w->tip[i].chain == chain &&
		    memcmp(w->tip[i].hash, hash, 32) == 0)
			return &w->tip[i];
	return NULL;
}

/* The same block on any chain but this one. */
static struct tip *
find_elsewhere(struct watch *w, uint32_t chain, const uint8_t *hash)
{
	for (unsigned i = 0; i < w->ntips; i++)
		if (w->tip[i].chain != chain &&
		    memcmp(w->tip[i].hash, hash, 32) == 0)
			return &w->tip[i];
	return NULL;
}

static void
add_pool(struct tip *t, uint64_t pool)
{
	for (unsigned i = 0; i < TIP_POOLS; i++) {
		if (t->pool[i] == pool)
			return;
		if (t->pool[i] == 0) {
			t->pool[i] = pool;
			return;
		}
	}
}

static unsigned
pools_of(const struct tip *t)
{
	unsigned n = 0;

	while (n < TIP_POOLS && t->pool[n] != 0)
		n++;
	return n;
}

static void
drop_tip(struct watch *w, struct tip *t)
{
	*t = w->tip[--w->ntips];
}

/* What both have becomes one. */
static void
merge_tip(struct watch *w, struct tip *t, uint32_t into)
{
	struct tip *same = find_tip(w, into, t->hash);

	if (same == NULL) {
		t->chain = into;
		return;
	}
	if (t->first < same->first) {
		same->first = t->first;
		memcpy(same->by, t->by, sizeof(same->by));
	}
	if (t->last > same->last)
		same->last = t->last;
	for (unsigned i = 0; i < pools_of(t); i++)
		add_pool(same, t->pool[i]);
	drop_tip(w, t);
}

static void
merge_chains(struct watch *w, uint32_t from, uint32_t into)
{
	struct keyed_node *n;
	struct pool *p;
	void *thing;

	for (unsigned i = w->ntips; i-- > 0;)
		if (w->tip[i].chain == from)
			merge_tip(w, &w->tip[i], into);
	TAILQ_FOREACH(n, &w->pools.lru, lru) {
		thing = n;
		p = thing;
		if (p->chain != from)
			continue;
		p->chain = into;
		watch_touch(w, p);
	}
	w->tips_dirty = true;
}

static struct tip *
new_tip(struct watch *w, uint32_t chain, const uint8_t *hash, const char *by)
{
	struct tip *t = &w->tip[0];

	if (w->ntips < WATCH_TIPS) {
		t = &w->tip[w->ntips++];
	} else {
		for (unsigned i = 1; i < w->ntips; i++)
			if (w->tip[i].last < t->last)
				t = &w->tip[i];
	}
	memset(t, 0, sizeof(*t));
	memcpy(t->hash, hash, 32);
	t->chain = chain;
	t->first = w->alerts.now;
	strncpy(t->by, by, sizeof(t->by) - 1);
	w->tips_dirty = true;
	return t;
}

/* The tip of a pool's job, on the chain that this shows the pool to be of. */
static struct tip *
tip_of(struct watch *w, struct pool *p, const char *name, const uint8_t *hash)
{
	struct tip *t = p->chain == 0 ? NULL : find_tip(w, p->chain, hash);
	struct tip *other;

	if (t != NULL)
		return t;
	other = find_elsewhere(w, p->chain, hash);
	if (p->chain == 0) {
		p->chain = other != NULL ? other->chain : ++w->last_chain;
		watch_touch(w, p);
	} else if (other != NULL &&
	    (tips_of(w, p->chain) <= YOUNG_TIPS ||
		tips_of(w, other->chain) <= YOUNG_TIPS)) {
		merge_chains(w, p->chain, other->chain);
	}
	t = find_tip(w, p->chain, hash);
	return t != NULL ? t : new_tip(w, p->chain, hash, name);
}

/* --- agreement --- */

/* The alert about a chain, whichever of its pools it names. */
static struct alert *
find_alert(struct watch *w, enum alert_kind kind, uint32_t chain)
{
	struct alert *x;
	struct pool *p;

	if (w->alerts.of_kind[kind] == 0)
		return NULL;
	TAILQ_FOREACH(x, &w->alerts.active, entry) {
		if (x->rec.kind != kind)
			continue;
		p = watch_peek(&w->pools, 'p', x->rec.pool);
		if (p != NULL && p->chain == chain)
			return x;
	}
	return NULL;
}

bool
chain_disputed(struct watch *w, const struct pool *p)
{
	return find_alert(w, ALERT_PREVHASH, p->chain) != NULL;
}

/* Both handed out for longer than the network needs, and lately. */
static bool
disagree(const struct watch *w, const struct tip *a, const struct tip *b)
{
	uint64_t patience = w->conf.prevhash_ms * NS_MS, now = w->alerts.now;

	return a->last >= b->first + patience &&
	    b->last >= a->first + patience && now - a->last <= 4 * patience &&
	    now - b->last <= 4 * patience;
}

/* The one that fewer pools know, or the later one. */
static const struct tip *
suspect(const struct tip *a, const struct tip *b)
{
	unsigned na = pools_of(a), nb = pools_of(b);

	if (na != nb)
		return na < nb ? a : b;
	return a->first > b->first ? a : b;
}

static void
block_text(const uint8_t hash[32], char out[17])
{
	/* As people write it the zeros come first; the end tells them apart. */
	hex_text_reversed(hash, 8, out);
}

static void
raise_disagreement(struct watch *w, const struct watch_at *at,
    const struct tip *a, const struct tip *b)
{
	const struct tip *odd = suspect(a, b), *other = odd == a ? b : a;
	struct alert *x = find_alert(w, ALERT_PREVHASH, odd->chain);
	struct alert_at who = { .pool = odd->by, .pos = at->pos };
	char h1[17], h2[17];

	/* One chain, one alert, whoever is the odd one by now. */
	if (x != NULL)
		who.pool = x->rec.pool;
	else if (find_alert(w, ALERT_HEIGHT, odd->chain) != NULL)
		return;
	else if (strcmp(at->pool, odd->by) == 0)
		who.session = at->session;
	block_text(odd->hash, h1);
	block_text(other->hash, h2);
	alert_raise(&w->alerts, ALERT_PREVHASH, &who,
	    watch_hold(w, ALERT_PREVHASH),
	    "jobs of %s build on block ...%s while those of %s build on "
	    "...%s, for longer than blocks need to get around: one of them is "
	    "left behind, or its jobs are for another chain, and that work is "
	    "worth nothing. Compare with a block explorer and move the miners.",
	    odd->by, h1, other->by, h2);
}

static void
compare(struct watch *w, const struct watch_at *at, const struct tip *told)
{
	for (unsigned i = 0; i < w->ntips; i++) {
		const struct tip *t = &w->tip[i];

		if (t == told || t->chain != told->chain ||
		    !disagree(w, told, t))
			continue;
		raise_disagreement(w, at, told, t);
		return;
	}
}

void
chain_told(struct watch *w, struct pool *p, const struct watch_at *at,
    const struct work_job *j)
{
	uint64_t now = w->alerts.now, every = w->conf.prevhash_ms * NS_MS / 8;
	struct tip *t;

	if (w->conf.prevhash_ms == 0)
		return;
	t = tip_of(w, p, at->pool, j->prevhash);
	add_pool(t, keyed_hash(at->pool, strlen(at->pool)));
	t->last = now;
	if (now - w->tips_saved >= 4 * every) {
		w->tips_saved = now;
		w->tips_dirty = true;
	}
	if (now - t->compared < every && t->compared != 0)
		return;
	t->compared = now;
	compare(w, at, t);
}

/* --- the network's difficulty --- */

static bool
is_alike(double a, double b)
{
	return a <= b * FOURFOLD && b <= a * FOURFOLD;
}

void
chain_network(struct watch *w, struct pool *p, const struct watch_at *at,
    const struct work_job *j)
{
	double d = target_difficulty(&j->target, TARGET_BDIFF);
	struct alert_at who = { .pool = at->pool,
		.session = at->session,
		.pos = at->pos };

	/* Test networks fall to 1 and rise again, by their rules. */
	if (w->conf.prevhash_ms == 0 || d <= 1)
		return;
	if (p->network <= 1 || is_alike(d, p->network) ||
	    (p->strayed != 0 && w->alerts.now - p->strayed >= NS_DAY)) {
		if (p->network != d || p->strayed != 0)
			watch_touch(w, p);
		p->network = d;
		p->strayed = 0;
		return;
	}
	watch_touch(w, p);
	if (p->strayed == 0)
		p->strayed = w->alerts.now;
	if (find_alert(w, ALERT_PREVHASH, p->chain) != NULL &&
	    alert_find(&w->alerts, ALERT_PREVHASH, &who) == NULL)
		return;
	alert_raise(&w->alerts, ALERT_PREVHASH, &who,
	    watch_hold(w, ALERT_PREVHASH),
	    "jobs of %s are for a network of difficulty %.4g, where it was "
	    "%.4g: no chain changes so much at once, so they are for another "
	    "one. Ask the pool, and move the miners if it is not meant so.",
	    at->pool, d, p->network);
}

/* --- kept --- */

void
tips_pack(const struct watch *w, struct mbuf *m)
{
	msg_put_u8(m, (uint8_t)w->ntips);
	for (unsigned i = 0; i < w->ntips; i++) {
		const struct tip *t = &w->tip[i];

		msg_put_raw(m, t->hash, sizeof(t->hash));
		msg_put_u32(m, t->chain);
		msg_put_u64(m, t->first);
		msg_put_u64(m, t->last);
		for (unsigned k = 0; k < TIP_POOLS; k++)
			msg_put_u64(m, t->pool[k]);
		msg_put_str(m, t->by);
	}
}

void
tips_unpack(struct watch *w, struct mcur *c)
{
	unsigned n = msg_get_u8(c);

	if (n > WATCH_TIPS)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct tip *t = &w->tip[i];

		memset(t, 0, sizeof(*t));
		msg_get_raw(c, t->hash, sizeof(t->hash));
		t->chain = msg_get_u32(c);
		t->first = msg_get_u64(c);
		t->last = msg_get_u64(c);
		for (unsigned k = 0; k < TIP_POOLS; k++)
			t->pool[k] = msg_get_u64(c);
		msg_get_str(c, t->by, sizeof(t->by));
	}
	w->ntips = msg_end(c) == 0 ? n : 0;
}
