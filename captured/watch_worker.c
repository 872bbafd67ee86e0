/*
 * Workers: who is silent, whose shares are rejected, who was never listed.
 *
 * A worker is watched from its first share on, wherever it connects.  It is
 * silent when it has sent none for so long, whether it is connected or not:
 * a miner that has lost its power does not come to say so.  After `forget' it
 * is not expected any more.  Workers are kept in the order of their last
 * share, so that the silent ones are the first.
 */
#include <stdio.h>
#include <string.h>

#include "captured/watch_int.h"

bool
watch_has_workers(const struct watch_conf *c)
{
	return c->silent_ms != 0 || c->rejects_bp != 0 || c->users.n != 0;
}

static void
end_of(struct watch *w, enum alert_kind kind, const char *worker)
{
	struct alert_at who = { .worker = worker };

	alert_end(&w->alerts, alert_find(&w->alerts, kind, &who));
}

/* Whoever was not watched is not late. */
void
watch_reset_workers(struct watch *w, bool was_on)
{
	struct keyed_node *n;
	struct worker *x;
	void *thing;

	if (!watch_has_workers(&w->conf))
		keyed_clear(&w->workers);
	TAILQ_FOREACH(n, &w->workers.lru, lru) {
		thing = n;
		x = thing;
		if (!was_on)
			x->last = w->alerts.now;
		x->silent = x->silent && w->conf.silent_ms != 0 && was_on;
	}
}

void
worker_gone(struct watch *w, struct worker *x)
{
	end_of(w, ALERT_SILENT, watch_name(x));
	end_of(w, ALERT_REJECTS, watch_name(x));
}

/* --- not listed --- */

bool
worker_listed(const struct watch_conf *c, const char *worker)
{
	char user[129];

	watch_user(worker, user);
	for (unsigned i = 0; i < c->users.n; i++)
		if (strcmp(c->users.name[i], user) == 0 ||
		    strcmp(c->users.name[i], worker) == 0)
			return true;
	return false;
}

static void
check_user(struct watch *w, const struct watch_at *at)
{
	struct alert_at who = watch_subject(at);
	char user[129];

	if (w->conf.users.n == 0 || at->worker[0] == '\0' ||
	    worker_listed(&w->conf, at->worker))
		return;
	watch_user(at->worker, user);
	who.worker = user;
	alert_raise(&w->alerts, ALERT_USER, &who, watch_hold(w, ALERT_USER),
	    "a miner works for %s at %s, a user that is not listed: what it "
	    "finds is paid to somebody else. Set it right on the miner, or "
	    "name the user in watch.",
	    user, at->pool);
}

void
watch_authorize(struct watch *w, const struct watch_at *at)
{
	check_user(w, at);
}

/* --- silent --- */

static void
minutes_text(uint64_t ns, char out[32])
{
	uint64_t s = ns / NS_S;

	if (s < 120)
		snprintf(out, 32, "%llu s", (unsigned long long)s);
	else if (s < 7200)
		snprintf(out, 32, "%llu min", (unsigned long long)s / 60);
	else
		snprintf(out, 32, "%llu h", (unsigned long long)s / 3600);
}

static void
say_silent(struct watch *w, struct worker *x)
{
	struct alert_at who = { .worker = watch_name(x) };
	char text[32];

	x->silent = true;
	watch_touch(w, x);
	minutes_text(w->alerts.now - x->last, text);
	alert_raise(&w->alerts, ALERT_SILENT, &who, watch_hold(w, ALERT_SILENT),
	    "%s has sent no share for %s. Look whether the machine runs and "
	    "reaches the network; show sessions says whether it is connected, "
	    "and why its last connection ended.",
	    who.worker, text);
}

void
watch_check_workers(struct watch *w)
{
	uint64_t now = w->alerts.now, silent = w->conf.silent_ms * NS_MS;
	struct keyed_node *n, *next;
	struct worker *x;
	void *thing;

	if (silent == 0)
		return;
	for (n = TAILQ_FIRST(&w->workers.lru); n != NULL; n = next) {
		next = TAILQ_NEXT(n, lru);
		thing = n;
		x = thing;
		if (now < x->last + silent)
			break;
		if (now >= x->last + silent + w->conf.forget_ms * NS_MS)
			keyed_remove(&w->workers, x);
		else if (!x->silent)
			say_silent(w, x);
	}
}

/* --- rejected --- */

/* The window is two halves, of which one grows. */
static void
move_window(const struct watch *w, struct worker *x)
{
	uint64_t half = w->conf.rejects_window_ms * NS_MS / 2;
	uint64_t now = w->alerts.now;

	if (now - x->window < half)
		return;
	x->shares[1] = now - x->window < 2 * half ? x->shares[0] : 0;
	x->rejected[1] = now - x->window < 2 * half ? x->rejected[0] : 0;
	x->shares[0] = x->rejected[0] = 0;
	x->window = now;
}

/*
 * More than chance explains: three standard deviations above what a worker
 * with just that rate would have.  Of 50 shares at 5 % that is more than 7.
 */
static bool
is_above(uint32_t n, uint32_t k, double p)
{
	double over = k - n * p;

	return over > 0 && over * over > 9 * n * p * (1 - p);
}

static void
judge_rejects(struct watch *w, const struct watch_at *at, struct worker *x,
    bool rejected)
{
	uint32_t n = x->shares[0] + x->shares[1];
	uint32_t k = x->rejected[0] + x->rejected[1];
	double p = w->conf.rejects_bp / 10000.0;
	struct alert_at who = watch_subject(at);

	if (n < w->conf.rejects_shares)
		return;
	who.pool = NULL;
	if (rejected && is_above(n, k, p))
		alert_raise(&w->alerts, ALERT_REJECTS, &who,
		    watch_hold(w, ALERT_REJECTS),
		    "of the last %u shares of %s %u were rejected (%.1f %%). "
		    "show message on a rejected one says why; most often it is "
		    "a slow network or a miner that is set wrongly.",
		    n, at->worker, k, 100.0 * k / n);
	else if (k <= n * p)
		alert_end(&w->alerts,
		    alert_find(&w->alerts, ALERT_REJECTS, &who));
}

/* --- shares and answers --- */

static void
worker_share(struct watch *w, const struct watch_at *at)
{
	uint64_t now = w->alerts.now;
	struct worker *x;
	bool fresh;

	if (!watch_has_workers(&w->conf) || at->worker[0] == '\0')
		return;
	x = watch_get(w, &w->workers, 'w', at->worker, NULL, &fresh);
	if (x == NULL)
		return;
	x->last = now;
	if (x->silent) {
		x->silent = false;
		end_of(w, ALERT_SILENT, at->worker);
		watch_touch(w, x);
	}
	if (fresh)
		x->window = now;
	/* A moment's precision is worth no row with each commit. */
	if (now - x->saved >= 10 * NS_S ||
	    now - x->saved >= w->conf.silent_ms * NS_MS / 16) {
		x->saved = now;
		watch_touch(w, x);
		check_user(w, at);
	}
}

void
watch_share(struct watch *w, const struct watch_at *at, struct watch_session *s,
    double difficulty, unsigned waiting)
{
	struct alert_at who = watch_subject(at);

	session_difficulty(w, &who, s, difficulty);
	session_waiting(w, at, &who, waiting);
	worker_share(w, at);
}

void
watch_answer(struct watch *w, const struct watch_at *at,
    const struct watch_judged *j, unsigned waiting)
{
	struct alert_at who = watch_subject(at);
	struct worker *x;

	session_waiting(w, at, &who, waiting);
	pool_answer(w, at, j);
	if (w->conf.rejects_bp == 0 || at->worker[0] == '\0')
		return;
	/* An answer is no sign of life of the worker: its place stays. */
	x = watch_peek(&w->workers, 'w', at->worker);
	if (x == NULL)
		return;
	move_window(w, x);
	x->shares[0]++;
	x->rejected[0] += j->rejected;
	judge_rejects(w, at, x, j->rejected);
}

/* --- kept --- */

void
worker_pack(const struct worker *x, struct mbuf *m)
{
	msg_put_u64(m, x->last);
	msg_put_u8(m, x->silent);
	msg_put_u64(m, x->window);
	for (unsigned i = 0; i < 2; i++) {
		msg_put_u32(m, x->shares[i]);
		msg_put_u32(m, x->rejected[i]);
	}
}

void
worker_unpack(struct worker *x, struct mcur *c)
{
	x->last = x->saved = msg_get_u64(c);
	x->silent = msg_get_bool(c);
	x->window = msg_get_u64(c);
	for (unsigned i = 0; i < 2; i++) {
		x->shares[i] = msg_get_u32(c);
		x->rejected[i] = msg_get_u32(c);
	}
}
