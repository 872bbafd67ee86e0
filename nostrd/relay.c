/*
 * One relay of nostrd: what goes there, shares in one format or both, and
 * what comes from there, telemetry.  The connection is nostrd/tie.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/utf8.h"
#include "nostrd/nostrd.h"
#include "nostrd/tie.h"

#define AGAIN_MS 200
#define FIRST_S  60 /* telemetry of before the start */

struct relay {
	struct nostrd *nostrd;
	struct tie *tie;
	struct lane *batch, *single;
	uint64_t telemetry;
};

const char *
relay_url(const struct relay *r)
{
	return tie_url(r->tie);
}

struct publisher *
relay_publisher(struct relay *r)
{
	return tie_publisher(r->tie);
}

struct nostrd *
relay_nostrd(struct relay *r)
{
	return r->nostrd;
}

void
relay_turn(struct relay *r)
{
	tie_turn(r->tie);
}

void
relay_resolved(struct relay *r, uint32_t id, const char *why, struct mcur *c,
    unsigned n)
{
	tie_resolved(r->tie, id, why, c, n);
}

void
relay_resolver_gone(struct relay *r)
{
	tie_resolver_gone(r->tie);
}

/* --- what the tie asks and tells --- */

static void
on_request(void *arg, struct mbuf *frame, int64_t since_s)
{
	struct nostr_filter *f = calloc(1, sizeof(*f));
	struct relay *r = arg;

	if (f == NULL || !agents_filter(r->nostrd->agents, f)) {
		frame->bad = true;
		free(f);
		return;
	}
	f->since = since_s != 0 ? since_s :
				  nostrd_real_us() / 1000000 - FIRST_S;
	nostr_put_req(frame, TIE_SUB, f);
	free(f);
}

static void
on_event(void *arg, const struct jtree *t, uint32_t node)
{
	struct relay *r = arg;

	r->telemetry += agents_event(r->nostrd->agents, t, node);
}

static void
on_done(void *arg, uint64_t cookie, enum pub_outcome what)
{
	struct relay *r = arg;
	struct lane *l = cookie & 1 ? r->batch : r->single;

	if (cookie >= ALERT_COOKIE)
		alerts_done(r->nostrd->alerts, r, cookie, what);
	else if (l != NULL)
		lane_done(l, cookie, what);
}

/* Alerts and single events are few, or one should have batches. */
static void
on_turn(void *arg, uint64_t now)
{
	struct relay *r = arg;

	alerts_turn(r->nostrd->alerts, r, now);
	if (r->single != NULL)
		lane_turn(r->single, now);
	if (r->batch != NULL)
		lane_turn(r->batch, now);
}

static uint64_t
on_wake(void *arg, uint64_t now)
{
	struct relay *r = arg;
	uint64_t a = r->batch != NULL ? lane_wake(r->batch, now) : PUB_NEVER;
	uint64_t b = r->single != NULL ? lane_wake(r->single, now) : PUB_NEVER;

	uint64_t least = a < b ? a : b;

	if (least > AGAIN_MS && alerts_wait(r->nostrd->alerts, r))
		least = AGAIN_MS;
	return least;
}

static uint32_t
on_resolve(void *arg, const char *host)
{
	struct relay *r = arg;

	return nostrd_resolve(r->nostrd, host);
}

static void
on_say(void *arg, struct tie *t, bool trouble, const char *text)
{
	if (trouble)
		log_warnx("relay %s: %s", tie_url(t), text);
	else
		log_info("relay %s: %s", tie_url(t), text);
}

static const struct tie_ops tie_ops = { .request = on_request,
	.event = on_event,
	.done = on_done,
	.turn = on_turn,
	.wake = on_wake,
	.resolve = on_resolve,
	.say = on_say };

/* --- its life --- */

static void
fill_conf(const struct nostr_conf *n, struct pub_conf *c)
{
	pub_conf_default(c);
	c->rate = n->rate_milli / 1000.0;
	c->burst = n->burst;
	c->ok_ms = n->answer_ms;
	c->flush_ms = n->flush_ms;
	if (c->flush_max_ms < c->flush_ms)
		c->flush_max_ms = c->flush_ms;
	c->connect_ms = n->connect_ms;
	c->retry_ms = n->retry_ms;
	c->retry_max_ms = n->retry_max_ms;
	c->pause_ms = n->pause_ms;
	if (c->pause_max_ms < c->pause_ms)
		c->pause_max_ms = c->pause_ms;
	c->blocked_ms = n->blocked_ms;
	c->pow = n->pow;
	c->encrypted = n->encrypted;
}

static void
set_lane(struct relay *r, struct lane **lane, bool batch, bool wanted)
{
	if (wanted && *lane == NULL) {
		*lane = lane_new(r, batch);
	} else if (!wanted && *lane != NULL) {
		lane_free(*lane);
		*lane = NULL;
	}
}

void
relay_configure(struct relay *r)
{
	const struct nostr_conf *n = &r->nostrd->conf;
	struct nostr_filter *f = calloc(1, sizeof(*f));
	struct pub_conf conf;

	fill_conf(n, &conf);
	pub_configure(relay_publisher(r), &conf);
	set_lane(r, &r->batch, true, n->formats & NOSTR_FORMAT_BATCH);
	set_lane(r, &r->single, false, n->formats & NOSTR_FORMAT_COMPAT);
	pub_subscribe(relay_publisher(r),
	    f != NULL && agents_filter(r->nostrd->agents, f));
	free(f);
	relay_turn(r);
}

struct relay *
relay_new(struct nostrd *n, const char *url)
{
	const struct tie_env env = { n->base, n->net, n->signer };
	struct relay *r = calloc(1, sizeof(*r));
	struct pub_conf conf;

	if (r == NULL)
		return NULL;
	r->nostrd = n;
	fill_conf(&n->conf, &conf);
	r->tie = tie_new(&env, url, &conf, &tie_ops, r);
	if (r->tie == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	lane_free(r->batch);
	lane_free(r->single);
	tie_free(r->tie);
	free(r);
}

uint64_t
relay_wanted(const struct relay *r)
{
	uint64_t a = r->batch != NULL ? lane_wanted(r->batch) : PUB_NEVER;
	uint64_t b = r->single != NULL ? lane_wanted(r->single) : PUB_NEVER;

	return a < b ? a : b;
}

static const char *
state_name(const struct publisher *p, uint64_t now)
{
	if (p->state == PUB_CONNECTING)
		return "connecting";
	if (p->state == PUB_WAITING)
		return "waiting";
	if (now < p->blocked_until)
		return "refused";
	return now < p->paused_until ? "paused" : "connected";
}

void
relay_describe(const struct relay *r, struct nostr_relay_rec *rec)
{
	const struct publisher *p = tie_publisher(r->tie);

	memset(rec, 0, sizeof(*rec));
	snprintf(rec->url, sizeof(rec->url), "%s", relay_url(r));
	snprintf(rec->state, sizeof(rec->state), "%s",
	    state_name(p, nostrd_now()));
	utf8_copy(rec->reason, sizeof(rec->reason), p->reason,
	    strlen(p->reason));
	rec->since_us = tie_since_us(r->tie);
	rec->connects = p->connects;
	rec->sent = p->sent;
	rec->accepted = p->accepted;
	rec->refused = p->refused;
	rec->lost = p->lost;
	rec->limited = p->limited;
	rec->pending = (r->batch != NULL ? lane_pending(r->batch) : 0) +
	    (r->single != NULL ? lane_pending(r->single) : 0);
	rec->telemetry = r->telemetry;
	rec->rate = p->rate;
	rec->told = p->info.known;
	rec->auth = p->info.auth;
	rec->payment = p->info.payment;
	rec->message_max = p->info.message_max;
	rec->content_max = p->info.content_max;
	rec->tags_max = p->info.tags_max;
	rec->pow = p->pow;
	rec->subscribed = p->state == PUB_OPEN && p->sub_open;
}
