/*
 * See watching.h.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "captured/share.h"
#include "captured/store_alert.h"
#include "captured/watching.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"

/* --- events --- */

/* Whom an event is about.  A session has one pool and keeps it. */
static struct watch_at
at_of(struct session *s, uint64_t pos)
{
	if (s->watch.pool[0] == '\0' && s->rec.pool_host[0] != '\0')
		snprintf(s->watch.pool, sizeof(s->watch.pool), "%s:%u",
		    s->rec.pool_host, s->rec.pool_port);
	return (struct watch_at){ .pool = s->watch.pool,
		.worker = s->rec.worker,
		.session = s->rec.id,
		.pos = pos };
}

/* The host that a client.reconnect names; "" is the one that said it. */
static void
reconnect_host(struct ingest *in, const struct line *l, char *out, size_t size)
{
	const struct jtree *t = in->tree;
	uint32_t params;

	out[0] = '\0';
	if (jtree_parse(in->tree, l->data, l->len) == -1)
		return;
	params = jtree_member(t, jtree_root(t), "params");
	if (jtree_str(t, jtree_item(t, params, 0), out, size) == -1)
		out[0] = '\0';
}

static void
on_reconnect(struct ingest *in, const struct session *s,
    const struct watch_at *at, const struct line *l)
{
	char host[256], safe[1024];

	reconnect_host(in, l, host, sizeof(host));
	text_escape(safe, sizeof(safe), host, strlen(host));
	watch_reconnect(in->watch, at, s->rec.pool_host, s->rec.pool_peer,
	    safe);
}

void
watching_message(struct ingest *in, struct session *s, unsigned d,
    const struct line *l, uint64_t pos)
{
	const struct stratum_msg *m = &in->msg;
	struct watch_at at;

	watch_time(in->watch, l->ts_recv, store_real_us(in->store, l->ts_recv));
	if (s->rec.replay || m->kind == STRATUM_RESPONSE)
		return;
	if (d == 1 && m->method == STRATUM_M_RECONNECT) {
		at = at_of(s, pos);
		on_reconnect(in, s, &at, l);
	} else if (d == 1 && m->method == STRATUM_M_SET_DIFFICULTY &&
	    (m->flags & STRATUM_F_DIFFICULTY) != 0) {
		at = at_of(s, pos);
		watch_difficulty(in->watch, &at, &s->watch, m->difficulty);
	} else if (d == 0 && m->method == STRATUM_M_AUTHORIZE) {
		at = at_of(s, pos);
		at.worker = m->worker;
		watch_authorize(in->watch, &at);
	}
}

void
watching_job(struct ingest *in, struct session *s, uint64_t pos,
    const struct work_job *j)
{
	struct watch_at at = at_of(s, pos);
	const struct work_bytes *en1;
	uint8_t en2;

	if (s->rec.replay)
		return;
	en1 = verify_extranonce1(s->verify, &en2);
	watch_job(in->watch, &at, j,
	    en1 != NULL ? en1->len + en2 : COINBASE_ANY);
}

void
watching_share(struct ingest *in, struct session *s, uint64_t pos,
    const struct verify_share *sh)
{
	struct watch_at at = at_of(s, pos);

	if (s->rec.replay)
		return;
	if (sh->worker[0] != '\0')
		at.worker = sh->worker;
	watch_share(in->watch, &at, &s->watch, sh->present, s->npending);
}

void
watching_answer(struct ingest *in, struct session *s, uint64_t pos,
    const struct verify_brief *b, const struct store_answer *a)
{
	struct watch_at at = at_of(s, pos);
	struct watch_judged j = {
		.rejected = a->said.class == ANSWER_REJECTED,
		.wrongly_accepted = a->judged.agreement ==
		    AGREE_POOL_ACCEPTS_INVALID,
		.wrongly_rejected = a->judged.agreement ==
		    AGREE_POOL_REJECTS_VALID,
		.why = verify_verdict_name((enum verify_verdict)b->verdict),
	};

	if (!s->rec.replay)
		watch_answer(in->watch, &at, &j, s->npending);
}

void
watching_end(struct ingest *in, struct session *s)
{
	struct watch_at at = at_of(s, 0);

	watch_session_end(in->watch, &at);
}

/* --- HashScope itself --- */

/* What is no message's has the time at which it was found. */
static void
real_now(struct ingest *in)
{
	watch_alerts(in->watch)->real_us = clock_real_us();
}

void
watching_foreign(struct ingest *in, struct session *s,
    const struct stratum_foreign *f)
{
	char peer[64];
	struct watch_at at = at_of(s, 0);

	snprintf(peer, sizeof(peer), "%s", s->rec.peer);
	watch_alerts(in->watch)->real_us = s->rec.last_seen_us;
	watch_foreign(in->watch, &at, peer, f->name, f->hint);
}

void
watching_gap(struct ingest *in, struct session *s, uint64_t bytes)
{
	struct watch_at at = at_of(s, 0);

	real_now(in);
	watch_gap(in->watch, &at, bytes);
}

void
watching_paused(struct ingest *in, const char *why)
{
	real_now(in);
	watch_paused(in->watch, why);
	watching_tell(in);
}

void
watching_resumed(struct ingest *in)
{
	real_now(in);
	watch_resumed(in->watch);
	ingest_touch(in, NULL);
}

void
watching_damaged(struct ingest *in, const char *moved)
{
	char safe[ALERT_TEXT];

	text_escape(safe, sizeof(safe), moved, strlen(moved));
	real_now(in);
	watch_damaged(in->watch, safe);
	ingest_touch(in, NULL);
}

/* --- telling --- */

static void
log_alert(const struct alert_rec *a)
{
	char worker[4 * sizeof(a->worker)], text[2 * ALERT_TEXT];
	const char *word = a->ended_us == 0 ? "began" : "ended";

	text_escape(worker, sizeof(worker), a->worker, strlen(a->worker));
	text_escape(text, sizeof(text), a->text, strlen(a->text));
	log_session(a->has_session ? a->session : NULL);
	(a->severity == ALERT_INFO || a->ended_us != 0 ? log_info : log_warnx)(
	    "alert %llu %s: %s severity=%s pool=%s worker=%s count=%llu "
	    "message=%llu: %s",
	    (unsigned long long)a->id, word,
	    alert_kind_name((enum alert_kind)a->kind),
	    alert_severity_name((enum alert_severity)a->severity),
	    a->pool[0] != '\0' ? a->pool : "-",
	    worker[0] != '\0' ? worker : "-", (unsigned long long)a->count,
	    (unsigned long long)a->pos, text);
	log_session(NULL);
}

static void
tell(struct ingest *in, const struct alert_rec *a)
{
	log_alert(a);
	if (in->on_alert != NULL)
		in->on_alert(in->arg, a);
}

void
watching_tell(struct ingest *in)
{
	struct alerts *all = watch_alerts(in->watch);
	struct alert_rec begun;
	struct alert *x;

	TAILQ_FOREACH(x, &all->active, entry) {
		if (!x->news)
			continue;
		x->news = false;
		tell(in, &x->rec);
	}
	TAILQ_FOREACH(x, &all->over, entry) {
		if (x->told)
			continue;
		if (x->news) {
			begun = x->rec;
			begun.ended_us = 0;
			tell(in, &begun);
		}
		x->news = false;
		x->told = true;
		tell(in, &x->rec);
	}
}

/* --- the store --- */

static int
save_state(void *arg, const void *name, size_t len, uint64_t at,
    const void *state, size_t size)
{
	struct ingest *in = arg;

	return store_watch(in->store, name, len, at, state, size);
}

int
watching_write(struct ingest *in)
{
	struct alerts *all = watch_alerts(in->watch);
	struct alert *x;

	TAILQ_FOREACH(x, &all->over, entry)
		if (store_alert(in->store, &x->rec) == -1)
			return -1;
	TAILQ_FOREACH(x, &all->active, entry)
		if (x->dirty && store_alert(in->store, &x->rec) == -1)
			return -1;
	return watch_save(in->watch, save_state, in);
}

void
watching_settle(struct ingest *in)
{
	struct alerts *all = watch_alerts(in->watch);
	struct alert *x;

	watch_saved(in->watch);
	watching_tell(in);
	TAILQ_FOREACH(x, &all->active, entry)
		x->dirty = false;
	while ((x = TAILQ_FIRST(&all->over)) != NULL)
		alert_forget(all, x);
}

void
watching_rewrite(struct ingest *in)
{
	watch_unsaved(in->watch);
}

static void
load_state(void *arg, const void *name, size_t len, const void *state,
    size_t size)
{
	struct ingest *in = arg;

	watch_load(in->watch, name, len, state, size);
}

static int
load_alert(void *arg, const struct alert_rec *a)
{
	struct ingest *in = arg;

	return watch_load_alert(in->watch, a);
}

int
watching_open(struct ingest *in)
{
	in->watch = watch_new();
	return in->watch == NULL ? -1 : 0;
}

int
watching_restore(struct ingest *in)
{
	uint64_t last;

	if (store_load_watches(in->store, load_state, in) == -1 ||
	    store_load_alerts(in->store, &last, load_alert, in) == -1)
		return -1;
	watch_alerts(in->watch)->next_id = last + 1;
	/* If there is no space still, it is said again. */
	real_now(in);
	watch_resumed(in->watch);
	return 0;
}

void
watching_close(struct ingest *in)
{
	watch_free(in->watch);
	in->watch = NULL;
}

void
watching_conf(struct ingest *in, const struct watch_conf *conf)
{
	real_now(in);
	watch_set(in->watch, conf);
	ingest_touch(in, NULL);
}

void
watching_stats(const struct ingest *in, struct stats *st)
{
	const struct alerts *all = watch_alerts(in->watch);
	uint64_t n[ALERT_SEVERITIES] = { 0 };
	const struct alert *x;

	TAILQ_FOREACH(x, &all->active, entry)
		n[x->rec.severity]++;
	stats_add(st, "watch.active", all->n);
	stats_add(st, "watch.critical", n[ALERT_CRITICAL]);
	stats_add(st, "watch.warning", n[ALERT_WARNING]);
	stats_add(st, "watch.info", n[ALERT_INFO]);
	stats_add(st, "watch.began", all->started);
	stats_add(st, "watch.ended", all->ended);
	stats_add(st, "watch.dropped", all->dropped);
	stats_add(st, "watch.workers", watch_workers(in->watch));
	stats_add(st, "watch.pools", watch_pools(in->watch));
}
