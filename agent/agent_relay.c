/*
 * The relays: shares come in, telemetry goes out, by the same ties that
 * nostrd has (nostrd/tie.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "nostrd/tie.h"

#define EXPIRES_S 3600
#define FRESH_MS  50000

struct feed {
	struct agent *agent;
	struct nostr_net *net;
	struct tie *tie[AGENT_RELAYS];
	unsigned n;
	struct draft telemetry;
	bool signing;
	struct event *timer;
	struct mbuf buf;
	uint64_t cookie;
	int64_t started_s;
};

/* --- what a tie asks and tells --- */

static void
on_done(void *arg, uint64_t cookie, enum pub_outcome what)
{
	/* Telemetry that was not taken is followed by newer. */
}

static void
on_request(void *arg, struct mbuf *frame, int64_t since_s)
{
	struct feed *f = arg;
	struct nostr_filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL) {
		frame->bad = true;
		return;
	}
	intake_filter(f->agent->intake, filter);
	filter->since = since_s != 0 ? since_s : f->started_s;
	nostr_put_req(frame, TIE_SUB, filter);
	free(filter);
}

static void
on_event(void *arg, const struct jtree *t, uint32_t node)
{
	struct feed *f = arg;
	struct agent *a = f->agent;

	intake_event(a->intake, t, node, agent_real_us() / 1000000);
	a->stats.refused = intake_refused(a->intake);
}

static uint32_t
on_resolve(void *arg, const char *host)
{
	struct feed *f = arg;

	return agent_resolve(f->agent, host);
}

static void
on_say(void *arg, struct tie *t, bool trouble, const char *text)
{
	agent_log("relay %s: %s", tie_url(t), text);
}

static const struct tie_ops tie_ops = { .request = on_request,
	.event = on_event,
	.done = on_done,
	.resolve = on_resolve,
	.say = on_say };

void
feed_resolved(struct feed *f, uint32_t id, struct mcur *c, unsigned n,
    const char *why)
{
	for (unsigned i = 0; i < f->n; i++)
		tie_resolved(f->tie[i], id, why, c, n);
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
		struct publisher *p = tie_publisher(f->tie[i]);

		/* One at a time: what a relay has not taken is old news. */
		if (pub_wants(p, now) && p->nflights == 0)
			pub_add(p, ++f->cookie, d->event.id,
			    (char *)f->buf.data, f->buf.len, now + FRESH_MS);
		tie_turn(f->tie[i]);
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
	r->stopped = f->agent->stopped;
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
	for (unsigned i = 0; i < f->n; i++)
		if (pub_pow(tie_publisher(f->tie[i])) > f->telemetry.pow)
			f->telemetry.pow = pub_pow(tie_publisher(f->tie[i]));
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
	struct tie_env env = { .base = a->base, .signer = a->signer };
	struct pub_conf conf;

	if (f == NULL)
		return NULL;
	f->agent = a;
	f->started_s = agent_real_us() / 1000000;
	f->net = nostr_net_new(a->base, ca, calen);
	f->timer = evtimer_new(a->base, on_telemetry, f);
	if (f->net == NULL || f->timer == NULL)
		return NULL;
	env.net = f->net;
	pub_conf_default(&conf);
	conf.ok_ms = conf.connect_ms = (uint32_t)a->conf.answer_ms;
	conf.retry_ms = (uint32_t)a->conf.retry_ms;
	conf.retry_max_ms = (uint32_t)a->conf.retry_max_ms;
	for (; f->n < a->conf.nrelays; f->n++) {
		struct tie *t = tie_new(&env, a->conf.relay[f->n], &conf,
		    &tie_ops, f);

		if (t == NULL)
			return NULL;
		pub_subscribe(tie_publisher(t), true);
		f->tie[f->n] = t;
	}
	return f;
}

void
feed_start(struct feed *f)
{
	for (unsigned i = 0; i < f->n; i++)
		tie_turn(f->tie[i]);
	on_telemetry(-1, 0, f);
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->n; i++)
		tie_free(f->tie[i]);
	nostr_net_free(f->net);
	event_free(f->timer);
	mbuf_free(&f->telemetry.content);
	mbuf_free(&f->buf);
	free(f);
}
