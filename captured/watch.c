/*
 * The clock of the watches, what they keep, and those that are about HashScope itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/watch_int.h"

#define CHECK_NS NS_S
#define SAVE_NS  (5 * NS_S)

/* --- things --- */

static void
forget(void *arg, void *thing)
{
	struct watch *w = arg;
	struct thing *t = thing;

	if (t->node.key[0] == 'w')
		worker_gone(w, thing);
	if (t->dirty)
		TAILQ_REMOVE(&w->changed, t, entry);
	msg_put_bytes(&w->gone, t->node.key, t->node.len);
}

struct watch *
watch_new(void)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	watch_conf_default(&w->conf);
	alerts_init(&w->alerts);
	TAILQ_INIT(&w->changed);
	mbuf_init(&w->gone);
	mbuf_init(&w->out);
	keyed_init(&w->pools, sizeof(struct pool), WATCH_POOLS, forget, w);
	keyed_init(&w->payers, sizeof(struct payer), WATCH_PAYERS, forget, w);
	keyed_init(&w->workers, sizeof(struct worker), WATCH_WORKERS, forget,
	    w);
	return w;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	keyed_clear(&w->pools);
	keyed_clear(&w->payers);
	keyed_clear(&w->workers);
	alerts_clear(&w->alerts);
	mbuf_free(&w->gone);
	mbuf_free(&w->out);
	free(w);
}

struct alerts *
watch_alerts(struct watch *w)
{
	return &w->alerts;
}

unsigned
watch_pools(const struct watch *w)
{
	return (unsigned)w->pools.n;
}

unsigned
watch_workers(const struct watch *w)
{
	return (unsigned)w->workers.n;
}

void
watch_touch(struct watch *w, void *thing)
{
	struct thing *t = thing;

	if (t->dirty)
		return;
	t->dirty = true;
	TAILQ_INSERT_TAIL(&w->changed, t, entry);
}

static size_t
put_text(char *out, const char *text, size_t most)
{
	size_t n = strnlen(text, most - 1);

	memcpy(out, text, n);
	return n;
}

static size_t
make_name(char out[KEYED_KEY], char letter, const char *a, const char *b)
{
	size_t n = 1;

	out[0] = letter;
	n += put_text(out + n, a, ALERT_POOL);
	if (b != NULL) {
		out[n++] = '\n';
		n += put_text(out + n, b,
		    sizeof(((struct alert_rec *)0)->worker));
	}
	return n;
}

void *
watch_get(struct watch *w, struct keyed *k, char letter, const char *a,
    const char *b, bool *fresh)
{
	char name[KEYED_KEY];
	size_t len = make_name(name, letter, a, b);
	struct thing *t = keyed_get(k, name, len, fresh);

	if (t != NULL && *fresh)
		watch_touch(w, t);
	return t;
}

void *
watch_peek(struct keyed *k, char letter, const char *a)
{
	char name[KEYED_KEY];

	return keyed_peek(k, name, make_name(name, letter, a, NULL));
}

const char *
watch_name(const void *thing)
{
	const struct thing *t = thing;

	/* Names are shorter than their place, which was zero. */
	return t->node.key + 1;
}

struct pool *
watch_pool(struct watch *w, const char *name)
{
	bool fresh;
	struct pool *p = watch_get(w, &w->pools, 'p', name, NULL, &fresh);

	if (p != NULL && fresh)
		p->height = -1;
	return p;
}

void
watch_user(const char *worker, char out[129])
{
	size_t n = strcspn(worker, ".");

	if (n > 128)
		n = 128;
	memcpy(out, worker, n);
	out[n] = '\0';
}

struct alert_at
watch_subject(const struct watch_at *at)
{
	return (struct alert_at){ .pool = at->pool,
		.worker = at->worker,
		.session = at->session,
		.pos = at->pos };
}

uint64_t
watch_hold(const struct watch *w, enum alert_kind kind)
{
	/* Of some it is the configuration that says. */
	static const uint64_t hold[ALERT_KINDS] = {
		[ALERT_RECONNECT] = NS_HOUR,
		[ALERT_USER] = NS_HOUR,
		[ALERT_POOL_ACCEPTS] = NS_HOUR,
		[ALERT_POOL_REJECTS] = NS_HOUR,
		[ALERT_FOREIGN] = NS_HOUR,
		[ALERT_GAP] = NS_HOUR,
		[ALERT_STORE] = NS_DAY,
		/* When nobody gets jobs of that pool any more. */
		[ALERT_HEIGHT] = NS_DAY,
		[ALERT_PAYOUT] = NS_DAY,
	};

	if (kind == ALERT_PREVHASH)
		return 4 * w->conf.prevhash_ms * NS_MS + NS_S;
	if (kind == ALERT_REJECTS)
		return 2 * w->conf.rejects_window_ms * NS_MS;
	return hold[kind];
}

/* --- the configuration --- */

/* What is not watched any more is not alerted about. */
static bool
is_off(const struct watch_conf *c, enum alert_kind kind)
{
	const bool off[ALERT_KINDS] = {
		[ALERT_PAYOUT] = c->payouts.n == 0 && !c->payout_change,
		[ALERT_RECONNECT] = !c->reconnect,
		[ALERT_USER] = c->users.n == 0,
		[ALERT_PREVHASH] = c->prevhash_ms == 0,
		[ALERT_HEIGHT] = !c->height,
		[ALERT_DIFFICULTY] = c->difficulty == 0,
		[ALERT_SILENT] = c->silent_ms == 0,
		[ALERT_REJECTS] = c->rejects_bp == 0,
		[ALERT_POOL_ACCEPTS] = c->disputes == 0,
		[ALERT_POOL_REJECTS] = c->disputes == 0,
		[ALERT_UNANSWERED] = c->unanswered == 0,
		[ALERT_FOREIGN] = !c->foreign,
		[ALERT_GAP] = !c->capture,
		[ALERT_PAUSED] = !c->capture,
		[ALERT_STORE] = !c->capture,
	};

	return off[kind];
}

static bool
same_names(const struct watch_names *a, const struct watch_names *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->name[i], b->name[i]) != 0)
			return false;
	return true;
}

static bool
is_over(const struct watch_conf *c, const struct alert_rec *r, bool payouts)
{
	if (is_off(c, (enum alert_kind)r->kind))
		return true;
	if (r->kind == ALERT_USER)
		return worker_listed(c, r->worker);
	return r->kind == ALERT_PAYOUT && payouts;
}

void
watch_set(struct watch *w, const struct watch_conf *conf)
{
	/* The first one was in force before the restart, too. */
	bool was_on = !w->set || watch_has_workers(&w->conf);
	bool payouts = w->set && !same_names(&w->conf.payouts, &conf->payouts);
	struct alert *x, *next;

	w->conf = *conf;
	w->set = true;
	for (x = TAILQ_FIRST(&w->alerts.active); x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		x->hold = watch_hold(w, (enum alert_kind)x->rec.kind);
		if (is_over(conf, &x->rec, payouts))
			alert_end(&w->alerts, x);
	}
	watch_reset_workers(w, was_on);
	if (payouts)
		watch_reset_payers(w);
}

/* --- time --- */

/* A stretch without any message counts no longer than this. */
static uint64_t
longest_quiet(const struct watch *w)
{
	uint64_t ns = w->conf.silent_ms * NS_MS / 4;

	return ns == 0 || ns > 60 * NS_S ? 60 * NS_S : ns;
}

static uint64_t
check_every(const struct watch *w)
{
	uint64_t ns = w->conf.silent_ms * NS_MS / 8;

	return ns == 0 || ns > CHECK_NS ? CHECK_NS : ns;
}

void
watch_time(struct watch *w, uint64_t ts, int64_t real_us)
{
	struct alerts *a = &w->alerts;
	uint64_t step = ts > w->ts && w->begun ? ts - w->ts : 0;

	/* Chunks of two sessions may be a moment out of order; a clock that
	 * began anew is another matter. */
	if (ts > w->ts || w->ts - ts > 60 * NS_S || !w->begun)
		w->ts = ts;
	w->begun = true;
	if (step > longest_quiet(w))
		step = longest_quiet(w);
	a->now += step;
	a->real_us = real_us;
	if (a->now - w->checked < check_every(w) && w->checked != 0)
		return;
	w->checked = a->now;
	alerts_expire(a);
	watch_check_workers(w);
	if (a->now - w->clock_saved >= SAVE_NS)
		w->clock_dirty = true;
}

/* --- HashScope itself, and who is no miner --- */

void
watch_foreign(struct watch *w, const struct watch_at *at, const char *peer,
    const char *name, const char *hint)
{
	struct alert_at who = { .session = at->session, .pos = at->pos };

	if (w->conf.foreign)
		alert_raise(&w->alerts, ALERT_FOREIGN, &who,
		    watch_hold(w, ALERT_FOREIGN),
		    "%s speaks %s at the port for miners, not Stratum: %s",
		    peer, name, hint);
}

void
watch_gap(struct watch *w, const struct watch_at *at, uint64_t bytes)
{
	struct alert_at who = { .session = at->session, .pos = at->pos };

	if (w->conf.capture)
		alert_raise(&w->alerts, ALERT_GAP, &who,
		    watch_hold(w, ALERT_GAP),
		    "%llu bytes or more were forwarded and not captured; what "
		    "hangs on them is undecided, mining is not touched. If it "
		    "goes on, the machine is too slow or the ring (tap in "
		    "hashscope.conf) too small.",
		    (unsigned long long)bytes);
}

void
watch_paused(struct watch *w, const char *why)
{
	struct alert_at who = { 0 };

	if (w->conf.capture)
		alert_raise(&w->alerts, ALERT_PAUSED, &who,
		    watch_hold(w, ALERT_PAUSED),
		    "nothing is stored: %s. Mining is not touched. Make room "
		    "in the state directory; capture goes on by itself.",
		    why);
}

void
watch_resumed(struct watch *w)
{
	struct alert_at who = { 0 };

	alert_end(&w->alerts, alert_find(&w->alerts, ALERT_PAUSED, &who));
}

void
watch_damaged(struct watch *w, const char *moved)
{
	struct alert_at who = { 0 };

	if (w->conf.capture)
		alert_raise(&w->alerts, ALERT_STORE, &who,
		    watch_hold(w, ALERT_STORE),
		    "the store was damaged: it was moved to %s and a new one "
		    "begun, without what came before. Look at the disk.",
		    moved);
}
