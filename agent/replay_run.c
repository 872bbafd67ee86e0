/*
 * One share, submitted so and so often over one connection, no faster than
 * all that is replayed may go.  A pool has a while to answer: the first time
 * from when it is connected to, then from each answer or, when none is owed,
 * from the next submit.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/replay.h"
#include "common/log.h"

/* Late by so much at most is made up for; what is older is forgone. */
#define BURST_NS     UINT64_C(20000000)
/* A share of another age than this belongs to a job of before. */
#define OLD_S        60
#define VERSION_MASK 0x1fffe000u
/* Whoever asked for a replay waits for its end: so much longer than for one
 * answer, however many there are. */
#define EXTRA_MS     3000u

struct run {
	TAILQ_ENTRY(run) entry;
	struct replay *replay;
	struct share share;
	struct origin origin;
	uint64_t count;
	bool keep; /* the connection, for another replay of this message */
	run_fn *fn;
	void *arg;
	struct link *link;
	struct event *timer; /* the pool's time is over */
	struct event *end;   /* that of who asked is */
	struct run_result res;
	char *response;
	char extranonce1[129]; /* of our connection */
};

/* --- pace --- */

bool
replay_pace(struct replay *r, uint64_t now, uint64_t *wait_ns)
{
	uint64_t step = UINT64_C(1000000000) / r->conf.rate;

	if (r->pace_ns + BURST_NS < now)
		r->pace_ns = now;
	if (r->pace_ns > now) {
		*wait_ns = r->pace_ns - now;
		return false;
	}
	r->pace_ns += step;
	return true;
}

/* --- ends --- */

static void
run_free(struct run *run)
{
	struct replay *r = run->replay;

	TAILQ_REMOVE(&r->runs, run, entry);
	r->nruns--;
	if (run->timer != NULL)
		event_free(run->timer);
	if (run->end != NULL)
		event_free(run->end);
	free(run->share.line);
	free(run->response);
	free(run);
}

static void say(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a clause. */
static void
say(char *out, size_t size, const char *fmt, ...)
{
	size_t len = strlen(out);
	va_list ap;

	if (len > 0 && len + 2 < size) {
		memcpy(out + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	vsnprintf(out + len, size - len, fmt, ap);
	va_end(ap);
}

/* Why a pool that is right may refuse it. */
static void
fill_note(struct run *run)
{
	const struct origin *o = &run->origin;
	const struct poolclient_conf *c = run->link != NULL ? &run->link->conf :
							      NULL;
	struct run_result *res = &run->res;
	int64_t age = (run->origin.rec.last_seen_us - run->share.ts_us) /
	    1000000;

	if (run->extranonce1[0] != '\0' && o->extranonce1[0] != '\0' &&
	    strcmp(run->extranonce1, o->extranonce1) != 0)
		say(res->note, sizeof(res->note),
		    "the pool gave this connection extranonce1 %.40s instead "
		    "of %.40s: the share hashes to something else here",
		    run->extranonce1, o->extranonce1);
	else if (run->share.was_accepted && !run->share.edited)
		say(res->note, sizeof(res->note),
		    "the pool has accepted this share before: it is a "
		    "duplicate");
	if (age > OLD_S)
		say(res->note, sizeof(res->note),
		    "the share was %lld s old: its job may be stale",
		    (long long)age);
	if (c != NULL && run->replay->conf.worker[0] != '\0')
		say(res->note, sizeof(res->note),
		    "authorized as %.64s, which need not be the worker of the "
		    "share",
		    c->worker);
	if (run->share.edited)
		say(res->note, sizeof(res->note), "the line was edited");
	if (run->count > 1)
		say(res->note, sizeof(res->note),
		    "all but the first are duplicates");
}

static void
finish(struct run *run)
{
	fill_note(run);
	if (run->link != NULL)
		link_release(run->link, run->keep);
	run->link = NULL;
	run->res.response = run->response;
	run->fn(run->arg, &run->res);
	run_free(run);
}

static void
fail(struct run *run, const char *why)
{
	snprintf(run->res.error, sizeof(run->res.error), "%s", why);
	finish(run);
}

void
run_stop(struct run *run)
{
	run->res.stopped = true;
	run->keep = false;
	if (run->link != NULL) {
		link_release(run->link, false);
		run->link = NULL;
	}
	fail(run, "stopped");
}

void
run_on_dead(struct run *run, const char *why)
{
	run->link = NULL;
	fail(run, why);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;
	struct replay *r = run->replay;
	char why[96];

	/* Not to be used again: its answers would be mistaken for later ones. */
	if (run->link != NULL) {
		run->link->run = NULL;
		link_release(run->link, false);
		run->link = NULL;
	}
	snprintf(why, sizeof(why), "the pool did not answer within %.3g s",
	    r->conf.answer_ms / 1000.0);
	fail(run, why);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	if (run->link != NULL)
		link_release(run->link, false);
	run->link = NULL;
	fail(run, "time is over: not all were sent, or answered");
}

/* A replay that somebody waits for; a loop lasts as long as it likes. */
static int
end_begins(struct run *run)
{
	uint32_t ms = run->replay->conf.answer_ms + EXTRA_MS;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	run->end = evtimer_new(run->replay->base, on_end, run);
	return run->end == NULL ? -1 : event_add(run->end, &tv);
}

static void
time_begins(struct run *run)
{
	uint32_t ms = run->replay->conf.answer_ms;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(run->timer, &tv);
}

/* --- submitting --- */

static bool
wants_more(const struct run *run)
{
	return run->link != NULL && run->link->state == LINK_READY &&
	    run->res.sent < run->count &&
	    poolclient_waiting(run->link->client) < REPLAY_WINDOW;
}

/* False when it has ended. */
static bool
submit(struct run *run, uint64_t now)
{
	struct poolclient *p = run->link->client;

	if (poolclient_submit_line(p, run->share.line, run->share.len, 1,
		now) == -1) {
		fail(run, "the share cannot be sent as a line of Stratum");
		return false;
	}
	run->res.sent++;
	if (poolclient_waiting(p) == 1)
		time_begins(run);
	link_flush(run->link);
	return true;
}

static void
pump_later(struct replay *r, uint64_t wait_ns)
{
	uint64_t us = wait_ns / 1000 + 1;
	struct timeval tv = { (time_t)(us / 1000000),
		(suseconds_t)(us % 1000000) };

	event_add(r->pace_ev, &tv);
}

/* In turns: whoever has submitted goes to the end of the list. */
void
runs_pump(struct replay *r)
{
	uint64_t now = replay_now(), wait;
	struct run *run;

	for (;;) {
		TAILQ_FOREACH(run, &r->runs, entry) {
			if (wants_more(run))
				break;
		}
		if (run == NULL)
			return;
		if (!replay_pace(r, now, &wait)) {
			pump_later(r, wait);
			return;
		}
		TAILQ_REMOVE(&r->runs, run, entry);
		TAILQ_INSERT_TAIL(&r->runs, run, entry);
		(void)submit(run, now);
	}
}

static void
note_extranonce1(struct run *run)
{
	snprintf(run->extranonce1, sizeof(run->extranonce1), "%s",
	    poolclient_facts(run->link->client)->extranonce1);
}

void
run_on_ready(struct run *run)
{
	note_extranonce1(run);
	runs_pump(run->replay);
}

static void
keep_response(struct run *run, const struct poolclient_answer *a)
{
	char *copy = realloc(run->response, a->raw_len + 1);

	if (copy == NULL)
		return;
	run->response = copy;
	memcpy(copy, a->raw, a->raw_len);
	copy[a->raw_len] = '\0';
	run->res.response_len = a->raw_len;
	run->res.latency_ns = a->waited_ns;
}

void
run_on_answer(struct run *run, const struct poolclient_answer *a)
{
	struct replay *r = run->replay;

	/* The first answer is what one wants to see; a bad one more so. */
	if (a->said.class == ANSWER_ACCEPTED)
		run->res.accepted++;
	else
		run->res.rejected++;
	if (run->response == NULL || a->said.class != ANSWER_ACCEPTED)
		keep_response(run, a);
	if (a->said.class == ANSWER_REJECTED && run->res.error[0] == '\0')
		snprintf(run->res.error, sizeof(run->res.error),
		    "the pool rejects it%s%s",
		    a->said.text[0] != '\0' ? ": " : "", a->said.text);
	else if (a->said.class != ANSWER_ACCEPTED && run->res.error[0] == '\0')
		snprintf(run->res.error, sizeof(run->res.error),
		    "the pool neither accepts nor rejects it");
	if (run->res.accepted + run->res.rejected >= run->count) {
		finish(run);
		return;
	}
	if (poolclient_waiting(run->link->client) > 0)
		time_begins(run);
	else
		event_del(run->timer);
	runs_pump(r);
}

/* --- beginning --- */

static void
worker_of_share(struct jtree *t, char *out, size_t size)
{
	uint32_t params = jtree_member(t, jtree_root(t), "params");

	if (jtree_str(t, jtree_item(t, params, 0), out, size) == -1)
		out[0] = '\0';
}

static void
fill_conf(struct replay *r, const struct share *s, const struct origin *o,
    struct poolclient_conf *c)
{
	char why[64];
	uint32_t params;

	memset(c, 0, sizeof(*c));
	snprintf(c->user_agent, sizeof(c->user_agent), "HashScope/%s",
	    HS_VERSION);
	snprintf(c->session, sizeof(c->session), "%s", o->session);
	snprintf(c->password, sizeof(c->password), "%s", r->conf.password);
	if (poolclient_check_line(r->tree, s->line, s->len, why, sizeof(why)) ==
	    -1)
		return;
	params = jtree_member(r->tree, jtree_root(r->tree), "params");
	/* A sixth parameter is bits of the version, which are negotiated. */
	if (jtree_count(r->tree, params) > 5)
		c->version_mask = VERSION_MASK;
	snprintf(c->worker, sizeof(c->worker), "%s", r->conf.worker);
	if (c->worker[0] == '\0')
		worker_of_share(r->tree, c->worker, sizeof(c->worker));
	if (c->worker[0] == '\0')
		snprintf(c->worker, sizeof(c->worker), "%s", o->rec.worker);
}

struct run *
run_begin(struct replay *r, struct share *s, const struct origin *o,
    uint64_t count, bool keep, run_fn *fn, void *arg)
{
	struct poolclient_conf conf;
	struct run *run;

	if (r->nruns >= REPLAY_RUNS || (run = calloc(1, sizeof(*run))) == NULL)
		return NULL;
	run->replay = r;
	run->share = *s;
	s->line = NULL;
	run->origin = *o;
	run->count = count;
	run->keep = keep;
	run->fn = fn;
	run->arg = arg;
	TAILQ_INSERT_TAIL(&r->runs, run, entry);
	r->nruns++;
	run->timer = evtimer_new(r->base, on_time, run);
	fill_conf(r, &run->share, o, &conf);
	if (run->timer != NULL && (!keep || end_begins(run) == 0))
		run->link = link_get(r, &run->share, o, &conf, run);
	explicit_bzero(conf.password, sizeof(conf.password));
	if (run->link == NULL) {
		run_free(run);
		return NULL;
	}
	time_begins(run);
	/* Not before whoever begins it knows of it. */
	if (run->link->state == LINK_READY) {
		note_extranonce1(run);
		pump_later(r, 0);
	}
	return run;
}
