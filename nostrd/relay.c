/*
 * One relay.  The publisher (common/nostr_publish.c) says what to do; here
 * it is done: connecting, writing, reading, timers.
 */
#include <sys/random.h>

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/nostr_frame.h"
#include "common/utf8.h"
#include "nostrd/nostrd.h"

#define ADDRS      8
#define LEAST_MS   5
#define AUTH_TAG   "hashscope"
#define SINCE_S    10 /* subscribed again from before the last event */
#define FIRST_S    60
#define REFRESH_MS 300000u

struct relay {
	struct nostrd *nostrd;
	char url[256];
	struct nostr_url parts;
	struct publisher pub;
	struct lane *batch, *single;
	struct nostr_ws *ws;
	struct event *timer;
	bool turning, again;
	/* addresses */
	char addr[ADDRS][48];
	unsigned naddrs, next_addr;
	uint32_t asked; /* 0: nobody */
	uint64_t resolved_ms;
	/* subscription */
	int64_t last_s; /* when the last event came */
	uint64_t telemetry;
	struct draft auth;
	bool auth_signing;
	struct mbuf frame;
	struct jtree tree;
	char said[NOSTR_TEXT_MAX]; /* the reason that was logged last */
	int64_t state_us;
	enum pub_state state;
};

static void on_done(void *, uint64_t, enum pub_outcome);
static void on_request(void *, struct mbuf *);

static const struct pub_ops pub_ops = { on_done, on_request };

const char *
relay_url(const struct relay *r)
{
	return r->url;
}

struct publisher *
relay_publisher(struct relay *r)
{
	return &r->pub;
}

struct nostrd *
relay_nostrd(struct relay *r)
{
	return r->nostrd;
}

/* --- the publisher's words --- */

static void
on_done(void *arg, uint64_t cookie, enum pub_outcome what)
{
	struct relay *r = arg;
	struct lane *l = cookie & 1 ? r->batch : r->single;

	if (l != NULL)
		lane_done(l, cookie, what);
}

static void
on_request(void *arg, struct mbuf *frame)
{
	struct nostr_filter *f = calloc(1, sizeof(*f));
	struct relay *r = arg;
	int64_t now = nostrd_real_us() / 1000000;

	if (f == NULL || !agents_filter(r->nostrd->agents, f)) {
		frame->bad = true;
		free(f);
		return;
	}
	f->since = r->last_s != 0 ? r->last_s - SINCE_S : now - FIRST_S;
	nostr_put_req(frame, "hashscope", f);
	free(f);
}

static void
log_trouble(struct relay *r)
{
	char text[2 * NOSTR_TEXT_MAX];

	if (strcmp(r->said, r->pub.reason) == 0)
		return;
	snprintf(r->said, sizeof(r->said), "%s", r->pub.reason);
	text_escape(text, sizeof(text), r->said, strlen(r->said));
	log_warnx("relay %s: %s", r->url, text);
}

/* --- the connection's words --- */

static void
on_opened(void *arg)
{
	struct relay *r = arg;

	pub_opened(&r->pub, nostrd_now());
	r->said[0] = '\0';
	log_info("relay %s: connected", r->url);
	relay_turn(r);
}

static void
on_frame(void *arg, const char *text, size_t len)
{
	struct relay *r = arg;
	struct nostr_frame f;
	uint64_t now = nostrd_now();

	if (text == NULL || !utf8_valid(text, len) ||
	    nostr_frame_parse(&f, &r->tree, text, len) == -1) {
		pub_garbage(&r->pub, now);
	} else {
		if (f.type == NF_EVENT) {
			r->last_s = nostrd_real_us() / 1000000;
			r->telemetry += agents_event(r->nostrd->agents,
			    &r->tree, f.event);
		}
		pub_frame(&r->pub, now, &f);
	}
	relay_turn(r);
}

static void
on_sent(void *arg)
{
	relay_turn(arg);
}

static void
on_closed(void *arg, const char *why)
{
	struct relay *r = arg;

	r->ws = NULL;
	sign_forget(r->nostrd->signer, &r->auth);
	r->auth_signing = false;
	/* What made us hang up says more than that we did. */
	pub_closed(&r->pub, nostrd_now(),
	    pub_hang_up(&r->pub) ? NULL :
		why[0] != '\0'   ? why :
				   "the connection failed");
	log_trouble(r);
	relay_turn(r);
}

static const struct nostr_ws_ops ws_ops = { on_opened, on_frame, on_sent,
	on_closed };

/* --- connecting --- */

void
relay_resolved(struct relay *r, uint32_t id, const char *why, struct mcur *c,
    unsigned n)
{
	struct mcur copy = *c;
	uint8_t family, bytes[16];

	if (r->asked == 0 || r->asked != id)
		return;
	r->asked = 0;
	if (n > 0)
		r->naddrs = 0;
	for (; n > 0 && r->naddrs < ADDRS; n--) {
		family = msg_get_u8(&copy);
		msg_get_raw(&copy, bytes, family == 4 ? 4 : 16);
		if (!copy.bad &&
		    inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes,
			r->addr[r->naddrs], sizeof(r->addr[0])) != NULL)
			r->naddrs++;
	}
	r->resolved_ms = nostrd_now();
	if (r->naddrs == 0)
		pub_closed(&r->pub, r->resolved_ms, why);
	log_trouble(r);
	relay_turn(r);
}

void
relay_resolver_gone(struct relay *r)
{
	r->asked = 0;
}

/* An address to try; NULL while the resolver thinks. */
static const char *
address(struct relay *r, uint64_t now)
{
	if (nostr_url_literal(&r->parts))
		return r->parts.host;
	if (r->asked == 0 &&
	    (r->naddrs == 0 || now - r->resolved_ms > REFRESH_MS))
		r->asked = nostrd_resolve(r->nostrd, r->parts.host);
	if (r->naddrs == 0)
		return NULL;
	return r->addr[r->next_addr++ % r->naddrs];
}

static void
connect_now(struct relay *r, uint64_t now)
{
	const char *addr = address(r, now), *why;

	if (addr == NULL)
		return;
	pub_connecting(&r->pub, now);
	r->ws = nostr_ws_open(r->nostrd->net, &r->parts, addr, &ws_ops, r,
	    &why);
	if (r->ws == NULL) {
		pub_closed(&r->pub, now, why);
		log_trouble(r);
	}
}

/* --- who we are --- */

static void
on_auth_signed(void *arg, struct draft *d, bool ok)
{
	struct relay *r = arg;

	r->auth_signing = false;
	mbuf_reset(&r->frame);
	nostr_event_put(&d->event, &r->frame);
	if (ok && !r->frame.bad)
		pub_auth(&r->pub, d->event.id, (char *)r->frame.data,
		    r->frame.len);
	relay_turn(r);
}

static void
authenticate(struct relay *r)
{
	const char *challenge;

	if (r->auth_signing || signer_link_key(r->nostrd->signer) == NULL ||
	    (challenge = pub_wants_auth(&r->pub)) == NULL)
		return;
	draft_begin(&r->auth, NOSTR_KIND_AUTH, nostrd_real_us() / 1000000);
	draft_tag(&r->auth, "relay", "%s", r->url);
	draft_tag(&r->auth, "challenge", "%s", challenge);
	r->auth_signing = sign_ask(r->nostrd->signer, &r->auth, on_auth_signed,
			      r) == 0;
}

/* --- a turn --- */

static void
turn(struct relay *r, uint64_t now)
{
	pub_tick(&r->pub, now);
	if (pub_hang_up(&r->pub) && r->ws != NULL)
		nostr_ws_close(r->ws, false);
	if (pub_may_connect(&r->pub, now) && r->ws == NULL)
		connect_now(r, now);
	authenticate(r);
	/* Single events are few, or one should have batches. */
	if (r->single != NULL)
		lane_turn(r->single, now);
	if (r->batch != NULL)
		lane_turn(r->batch, now);
	if (r->ws != NULL && !nostr_ws_busy(r->ws) &&
	    pub_next(&r->pub, now, &r->frame) &&
	    nostr_ws_send(r->ws, r->frame.data, r->frame.len) == -1)
		nostr_ws_close(r->ws, false);
	if (r->state != r->pub.state) {
		r->state = r->pub.state;
		r->state_us = nostrd_real_us();
	}
}

static void
set_timer(struct relay *r, uint64_t now)
{
	uint64_t ms = pub_wake(&r->pub, now), other;
	struct timeval tv;

	if (r->batch != NULL && (other = lane_wake(r->batch, now)) < ms)
		ms = other;
	if (r->single != NULL && (other = lane_wake(r->single, now)) < ms)
		ms = other;
	if (ms == PUB_NEVER) {
		evtimer_del(r->timer);
		return;
	}
	/* Nothing that is overdue is so for want of a millisecond; and who
	 * waits for a resolver or a socket is told. */
	if (ms < LEAST_MS)
		ms = r->ws == NULL ? 200 : LEAST_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(r->timer, &tv);
}

void
relay_turn(struct relay *r)
{
	uint64_t now = 0;

	/* A callback of what we are just doing. */
	if (r->turning) {
		r->again = true;
		return;
	}
	r->turning = true;
	do {
		r->again = false;
		now = nostrd_now();
		turn(r, now);
	} while (r->again);
	r->turning = false;
	set_timer(r, now);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	relay_turn(arg);
}

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
	pub_configure(&r->pub, &conf);
	set_lane(r, &r->batch, true, n->formats & NOSTR_FORMAT_BATCH);
	set_lane(r, &r->single, false, n->formats & NOSTR_FORMAT_COMPAT);
	pub_subscribe(&r->pub,
	    f != NULL && agents_filter(r->nostrd->agents, f));
	free(f);
	relay_turn(r);
}

struct relay *
relay_new(struct nostrd *n, const char *url)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct pub_conf conf;
	uint64_t seed = 0;

	if (r == NULL)
		return NULL;
	r->nostrd = n;
	snprintf(r->url, sizeof(r->url), "%s", url);
	r->timer = evtimer_new(n->base, on_timer, r);
	if (nostr_url_parse(url, &r->parts) == -1 || r->timer == NULL) {
		if (r->timer != NULL)
			event_free(r->timer);
		free(r);
		return NULL;
	}
	if (getrandom(&seed, sizeof(seed), 0) == -1)
		seed = nostrd_now();
	fill_conf(&n->conf, &conf);
	pub_init(&r->pub, &conf, &pub_ops, r, seed);
	r->state_us = nostrd_real_us();
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	if (r->ws != NULL)
		nostr_ws_close(r->ws, true);
	sign_forget(r->nostrd->signer, &r->auth);
	mbuf_free(&r->auth.content);
	lane_free(r->batch);
	lane_free(r->single);
	pub_clear(&r->pub);
	event_free(r->timer);
	mbuf_free(&r->frame);
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
state_name(const struct relay *r, uint64_t now)
{
	if (r->pub.state == PUB_CONNECTING)
		return "connecting";
	if (r->pub.state == PUB_WAITING)
		return "waiting";
	if (now < r->pub.blocked_until)
		return "refused";
	return now < r->pub.paused_until ? "paused" : "connected";
}

void
relay_describe(const struct relay *r, struct nostr_relay_rec *rec)
{
	const struct publisher *p = &r->pub;

	memset(rec, 0, sizeof(*rec));
	snprintf(rec->url, sizeof(rec->url), "%s", r->url);
	snprintf(rec->state, sizeof(rec->state), "%s",
	    state_name(r, nostrd_now()));
	utf8_copy(rec->reason, sizeof(rec->reason), p->reason,
	    strlen(p->reason));
	rec->since_us = r->state_us;
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
	rec->subscribed = p->state == PUB_OPEN && p->sub_open;
}
