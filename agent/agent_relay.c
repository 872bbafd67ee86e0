/*
 * The relays: shares come in, telemetry goes out, by the same publisher that
 * nostrd has.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "common/utf8.h"
#include "nostrd/nostrd.h"

#define LEAST_MS  10
#define SINCE_S   10
#define EXPIRES_S 3600
#define FRESH_MS  50000

struct tie {
	struct feed *feed;
	struct nostr_url url;
	const char *text;
	struct publisher pub;
	struct nostr_ws *ws;
	struct event *timer;
	char addr[48];
	uint32_t asked;
	int64_t last_s;
	struct draft auth;
	bool auth_signing, turning, again;
	struct mbuf frame;
	char said[NOSTR_TEXT_MAX];
};

struct feed {
	struct agent *agent;
	struct nostr_net *net;
	struct tie tie[AGENT_RELAYS];
	unsigned n;
	struct jtree tree;
	struct draft telemetry;
	bool signing;
	struct event *timer;
	struct mbuf buf;
	uint64_t cookie;
	int64_t started_s;
};

static void turn(struct tie *);

/* --- the publisher's words --- */

static void
on_done(void *arg, uint64_t cookie, enum pub_outcome what)
{
	/* Telemetry that was not taken is followed by newer. */
}

static void
on_request(void *arg, struct mbuf *frame)
{
	struct tie *t = arg;
	struct nostr_filter *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		frame->bad = true;
		return;
	}
	intake_filter(t->feed->agent->intake, f);
	f->since = t->last_s != 0 ? t->last_s - SINCE_S : t->feed->started_s;
	nostr_put_req(frame, "hashscope", f);
	free(f);
}

static const struct pub_ops pub_ops = { on_done, on_request };

/* --- the connection's words --- */

static void
on_opened(void *arg)
{
	struct tie *t = arg;

	pub_opened(&t->pub, agent_now_ms());
	t->said[0] = '\0';
	agent_log("relay %s: connected", t->text);
	turn(t);
}

static void
on_frame(void *arg, const char *text, size_t len)
{
	struct tie *t = arg;
	struct agent *a = t->feed->agent;
	struct nostr_frame f;
	uint64_t now = agent_now_ms();

	if (text == NULL || !utf8_valid(text, len) ||
	    nostr_frame_parse(&f, &t->feed->tree, text, len) == -1) {
		pub_garbage(&t->pub, now);
	} else {
		if (f.type == NF_EVENT) {
			t->last_s = agent_real_us() / 1000000;
			intake_event(a->intake, &t->feed->tree, f.event,
			    t->last_s);
			a->stats.refused = intake_refused(a->intake);
		}
		pub_frame(&t->pub, now, &f);
	}
	turn(t);
}

static void
on_sent(void *arg)
{
	turn(arg);
}

static void
on_closed(void *arg, const char *why)
{
	struct tie *t = arg;
	char text[2 * NOSTR_TEXT_MAX];

	t->ws = NULL;
	sign_forget(t->feed->agent->signer, &t->auth);
	t->auth_signing = false;
	pub_closed(&t->pub, agent_now_ms(),
	    pub_hang_up(&t->pub) ? NULL :
		why[0] != '\0'   ? why :
				   "the connection failed");
	if (strcmp(t->said, t->pub.reason) != 0) {
		snprintf(t->said, sizeof(t->said), "%s", t->pub.reason);
		text_escape(text, sizeof(text), t->said, strlen(t->said));
		agent_log("relay %s: %s", t->text, text);
	}
	turn(t);
}

static const struct nostr_ws_ops ws_ops = { on_opened, on_frame, on_sent,
	on_closed };

/* --- a turn --- */

static void
connect_now(struct tie *t, uint64_t now)
{
	const char *addr = nostr_url_literal(&t->url) ? t->url.host : t->addr,
		   *why;

	if (addr[0] == '\0') {
		if (t->asked == 0)
			t->asked = agent_resolve(t->feed->agent, t->url.host);
		return;
	}
	pub_connecting(&t->pub, now);
	t->ws = nostr_ws_open(t->feed->net, &t->url, addr, &ws_ops, t, &why);
	/* Asked for anew before the next attempt. */
	t->addr[0] = '\0';
	if (t->ws == NULL)
		pub_closed(&t->pub, now, why);
}

void
feed_resolved(struct feed *f, uint32_t id, struct mcur *c, unsigned n,
    const char *why)
{
	uint8_t family, bytes[16];

	for (unsigned i = 0; i < f->n; i++) {
		struct tie *t = &f->tie[i];
		struct mcur copy = *c;

		if (t->asked == 0 || t->asked != id)
			continue;
		t->asked = 0;
		family = msg_get_u8(&copy);
		msg_get_raw(&copy, bytes, family == 4 ? 4 : 16);
		if (n == 0 || copy.bad ||
		    inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, t->addr,
			sizeof(t->addr)) == NULL)
			pub_closed(&t->pub, agent_now_ms(), why);
		turn(t);
	}
}

static void
on_auth_signed(void *arg, struct draft *d, bool ok)
{
	struct tie *t = arg;

	t->auth_signing = false;
	mbuf_reset(&t->frame);
	nostr_event_put(&d->event, &t->frame);
	if (ok && !t->frame.bad)
		pub_auth(&t->pub, d->event.id, (char *)t->frame.data,
		    t->frame.len);
	turn(t);
}

static void
authenticate(struct tie *t)
{
	struct signer_link *signer = t->feed->agent->signer;
	const char *challenge;

	if (t->auth_signing || signer_link_key(signer) == NULL ||
	    (challenge = pub_wants_auth(&t->pub)) == NULL)
		return;
	draft_begin(&t->auth, NOSTR_KIND_AUTH, agent_real_us() / 1000000);
	draft_tag(&t->auth, "relay", "%s", t->text);
	draft_tag(&t->auth, "challenge", "%s", challenge);
	t->auth_signing = sign_ask(signer, &t->auth, on_auth_signed, t) == 0;
}

static void
one_turn(struct tie *t, uint64_t now)
{
	pub_tick(&t->pub, now);
	if (pub_hang_up(&t->pub) && t->ws != NULL)
		nostr_ws_close(t->ws, false);
	if (pub_may_connect(&t->pub, now) && t->ws == NULL)
		connect_now(t, now);
	authenticate(t);
	if (t->ws != NULL && !nostr_ws_busy(t->ws) &&
	    pub_next(&t->pub, now, &t->frame) &&
	    nostr_ws_send(t->ws, t->frame.data, t->frame.len) == -1)
		nostr_ws_close(t->ws, false);
}

static void
turn(struct tie *t)
{
	struct timeval tv;
	uint64_t now = 0, ms;

	if (t->turning) {
		t->again = true;
		return;
	}
	t->turning = true;
	do {
		t->again = false;
		now = agent_now_ms();
		one_turn(t, now);
	} while (t->again);
	t->turning = false;
	ms = pub_wake(&t->pub, now);
	if (ms == PUB_NEVER)
		return;
	if (ms < LEAST_MS)
		ms = t->ws == NULL ? 100 : LEAST_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(t->timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	turn(arg);
}

/* --- telemetry --- */

static void
on_signed(void *arg, struct draft *d, bool ok)
{
	struct feed *f = arg;
	uint64_t now = agent_now_ms();

	f->signing = false;
	mbuf_reset(&f->buf);
	nostr_event_put(&d->event, &f->buf);
	if (!ok || f->buf.bad)
		return;
	for (unsigned i = 0; i < f->n; i++) {
		struct tie *t = &f->tie[i];

		/* One at a time: what a relay has not taken is old news. */
		if (pub_wants(&t->pub, now) && t->pub.nflights == 0)
			pub_add(&t->pub, ++f->cookie, d->event.id,
			    (char *)f->buf.data, f->buf.len, now + FRESH_MS);
		turn(t);
	}
}

static void
put_errors(const struct feed *f, struct agent_rec *r)
{
	const char *why = pool_error(f->agent->pool);
	struct json_out o;
	const char *text;
	size_t len;

	if (why[0] == '\0')
		return;
	json_init(&o, sizeof(r->errors));
	json_array(&o);
	json_cstr(&o, why);
	json_array_end(&o);
	text = json_finish(&o, &len);
	if (text != NULL && len < sizeof(r->errors))
		memcpy(r->errors, text, len + 1);
	json_clear(&o);
}

static void
put_content(struct feed *f, struct mbuf *m)
{
	const struct agent_conf *c = &f->agent->conf;
	struct agent_rec *r = calloc(1, sizeof(*r));
	struct json_out o;
	const char *text;
	size_t len;

	if (r == NULL) {
		m->bad = true;
		return;
	}
	snprintf(r->agent_id, sizeof(r->agent_id), "%s", c->id);
	snprintf(r->run, sizeof(r->run), "%s", c->run);
	snprintf(r->pool_host, sizeof(r->pool_host), "%s", c->pool_host);
	r->pool_port = c->pool_port;
	r->created_us = agent_real_us();
	r->state = (uint8_t)pool_state(f->agent->pool);
	stats_fill(&f->agent->stats, agent_now_ms() / 1000, r);
	put_errors(f, r);
	json_init(&o, 16384);
	telemetry_write(&o, r);
	text = json_finish(&o, &len);
	if (text == NULL)
		m->bad = true;
	else
		msg_put_raw(m, text, len);
	json_clear(&o);
	free(r);
}

static void
on_telemetry(evutil_socket_t fd, short what, void *arg)
{
	struct feed *f = arg;
	const struct agent_conf *c = &f->agent->conf;
	int64_t now = agent_real_us() / 1000000;
	uint64_t ms = c->telemetry_ms * 9 / 10 +
	    agent_now_ns() % (c->telemetry_ms / 5 + 1);
	struct timeval tv = { (time_t)(ms / 1000),
		(suseconds_t)(ms % 1000 * 1000) };

	/* With jitter: a fleet does not speak at once. */
	evtimer_add(f->timer, &tv);
	if (f->signing || signer_link_key(f->agent->signer) == NULL)
		return;
	draft_begin(&f->telemetry, (uint32_t)c->kind_telemetry, now);
	put_content(f, &f->telemetry.content);
	draft_tag(&f->telemetry, "d", "%s:%s", c->run, c->id);
	draft_tag(&f->telemetry, "t", "hashscope");
	draft_tag(&f->telemetry, "t", "hashscope:%s", c->run);
	draft_tag(&f->telemetry, "run", "%s", c->run);
	draft_tag(&f->telemetry, "agent", "%s", c->id);
	draft_tag(&f->telemetry, "type", "telemetry");
	draft_tag(&f->telemetry, "schema", "hashscope.v1");
	draft_tag(&f->telemetry, "expiration", "%lld",
	    (long long)now + EXPIRES_S);
	f->signing = !f->telemetry.content.bad &&
	    sign_ask(f->agent->signer, &f->telemetry, on_signed, f) == 0;
}

/* --- its life --- */

struct feed *
feed_new(struct agent *a, const void *ca, size_t calen)
{
	struct feed *f = calloc(1, sizeof(*f));
	struct pub_conf conf;

	if (f == NULL)
		return NULL;
	f->agent = a;
	f->started_s = agent_real_us() / 1000000;
	f->net = nostr_net_new(a->base, ca, calen);
	f->timer = evtimer_new(a->base, on_telemetry, f);
	if (f->net == NULL || f->timer == NULL)
		return NULL;
	pub_conf_default(&conf);
	conf.ok_ms = conf.connect_ms = (uint32_t)a->conf.answer_ms;
	conf.retry_ms = (uint32_t)a->conf.retry_ms;
	conf.retry_max_ms = (uint32_t)a->conf.retry_max_ms;
	for (; f->n < a->conf.nrelays; f->n++) {
		struct tie *t = &f->tie[f->n];

		t->feed = f;
		t->text = a->conf.relay[f->n];
		t->timer = evtimer_new(a->base, on_timer, t);
		if (t->timer == NULL || nostr_url_parse(t->text, &t->url) == -1)
			return NULL;
		pub_init(&t->pub, &conf, &pub_ops, t,
		    agent_now_ns() + f->n * 7919);
		pub_subscribe(&t->pub, true);
	}
	return f;
}

void
feed_start(struct feed *f)
{
	for (unsigned i = 0; i < f->n; i++)
		turn(&f->tie[i]);
	on_telemetry(-1, 0, f);
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->n; i++) {
		struct tie *t = &f->tie[i];

		if (t->ws != NULL)
			nostr_ws_close(t->ws, true);
		pub_clear(&t->pub);
		event_free(t->timer);
		mbuf_free(&t->frame);
		mbuf_free(&t->auth.content);
	}
	nostr_net_free(f->net);
	event_free(f->timer);
	mbuf_free(&f->telemetry.content);
	mbuf_free(&f->buf);
	free(f);
}
