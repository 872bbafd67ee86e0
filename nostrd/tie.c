/*
 * One relay: what the publisher says is done here.
 */
#include <sys/random.h>

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/utf8.h"
#include "nostrd/tie.h"

#define ADDRS            8
#define LEAST_MS         5
#define AWAY_MS          200
#define SINCE_S          10 /* subscribed again from before the last event */
#define REFRESH_MS       300000u
/* The document is read again after so long, and looked after so often. */
#define DOCUMENT_MS      3600000u
#define DOCUMENT_LOOK_MS 1000u

struct tie {
	struct tie_env env;
	const struct tie_ops *ops;
	void *arg;
	char url[256];
	struct nostr_url parts;
	struct publisher pub;
	struct nostr_ws *ws;
	struct nostr_ws *document; /* what it says of itself, being read */
	uint64_t document_ms;      /* since when; or when to read it again */
	struct event *timer;
	bool turning, again;
	/* addresses */
	char addr[ADDRS][48];
	unsigned naddrs, next_addr;
	char at[256];   /* the one that we are connected to */
	uint32_t asked; /* 0: nobody */
	uint64_t resolved_ms;
	/* subscription */
	int64_t last_s; /* when the last event came */
	struct draft auth;
	bool auth_signing;
	struct mbuf frame;
	struct jtree tree;
	char said[NOSTR_TEXT_MAX]; /* the reason that was told last */
	uint64_t said_until;       /* until then it was told that it does not
				    * want events */
	int64_t state_us;
	enum pub_state state;
};

static uint64_t
now_ms(void)
{
	return (uint64_t)clock_mono_ms();
}

const char *
tie_url(const struct tie *t)
{
	return t->url;
}

struct publisher *
tie_publisher(struct tie *t)
{
	return &t->pub;
}

int64_t
tie_since_us(const struct tie *t)
{
	return t->state_us;
}

/* --- the publisher's words --- */

static void
on_done(void *arg, uint64_t cookie, enum pub_outcome what)
{
	struct tie *t = arg;

	t->ops->done(t->arg, cookie, what);
}

static void
on_request(void *arg, struct mbuf *frame)
{
	struct tie *t = arg;

	t->ops->request(t->arg, frame,
	    t->last_s == 0 ? 0 : t->last_s - SINCE_S);
}

static const struct pub_ops pub_ops = { on_done, on_request };

/* Each trouble once, until it works again. */
static void
say_trouble(struct tie *t)
{
	char text[2 * NOSTR_TEXT_MAX];

	if (strcmp(t->said, t->pub.reason) == 0)
		return;
	snprintf(t->said, sizeof(t->said), "%s", t->pub.reason);
	text_escape(text, sizeof(text), t->said, strlen(t->said));
	t->ops->say(t->arg, t, true, text);
}

/* Once each time that it does not want our events. */
static void
say_blocked(struct tie *t, uint64_t now)
{
	if (now >= t->pub.blocked_until || now < t->said_until)
		return;
	t->said_until = t->pub.blocked_until;
	say_trouble(t);
}

/* --- what it says of itself (NIP-11) --- */

/* Nothing depends on it: a relay without it, or with a wrong one, is used as
 * it answers. */
static void
on_document(void *arg, const char *text, size_t len)
{
	struct tie *t = arg;
	struct nostr_info info;

	if (nostr_info_parse(&info, &t->tree, text, len) == 0)
		pub_info(&t->pub, now_ms(), &info);
	tie_turn(t);
}

static void
on_document_end(void *arg, const char *why)
{
	struct tie *t = arg;

	t->document = NULL;
	t->document_ms = now_ms() + DOCUMENT_MS;
}

static const struct nostr_ws_ops document_ops = { .frame = on_document,
	.closed = on_document_end };

/* Beside the connection that has just been made, and not often. */
static void
read_document(struct tie *t, uint64_t now)
{
	const char *why;

	if (t->document != NULL || now < t->document_ms)
		return;
	t->document = nostr_ws_get(t->env.net, &t->parts, t->at, &document_ops,
	    t, &why);
	t->document_ms = t->document != NULL ? now : now + DOCUMENT_MS;
}

/* One that is slow has said nothing. */
static void
end_document(struct tie *t, uint64_t now, bool anyway)
{
	if (t->document == NULL ||
	    (!anyway && now - t->document_ms < t->pub.conf.connect_ms))
		return;
	nostr_ws_close(t->document, true);
	t->document = NULL;
	t->document_ms = now + DOCUMENT_MS;
}

/* --- the connection's words --- */

static void
on_opened(void *arg)
{
	struct tie *t = arg;

	pub_opened(&t->pub, now_ms());
	t->said[0] = '\0';
	t->ops->say(t->arg, t, false, "connected");
	read_document(t, now_ms());
	tie_turn(t);
}

static void
on_frame(void *arg, const char *text, size_t len)
{
	struct tie *t = arg;
	struct nostr_frame f;
	uint64_t now = now_ms();

	if (text == NULL || !utf8_valid(text, len) ||
	    nostr_frame_parse(&f, &t->tree, text, len) == -1) {
		pub_garbage(&t->pub, now);
	} else {
		if (f.type == NF_EVENT) {
			t->last_s = clock_real_us() / 1000000;
			t->ops->event(t->arg, &t->tree, f.event);
		}
		pub_frame(&t->pub, now, &f);
	}
	tie_turn(t);
}

static void
on_sent(void *arg)
{
	tie_turn(arg);
}

static void
on_closed(void *arg, const char *why)
{
	struct tie *t = arg;

	t->ws = NULL;
	sign_forget(t->env.signer, &t->auth);
	t->auth_signing = false;
	/* What made us hang up says more than that we did. */
	pub_closed(&t->pub, now_ms(),
	    pub_hang_up(&t->pub) ? NULL :
		why[0] != '\0'   ? why :
				   "the connection failed");
	say_trouble(t);
	tie_turn(t);
}

static const struct nostr_ws_ops ws_ops = { on_opened, on_frame, on_sent,
	on_closed };

/* --- connecting --- */

void
tie_resolved(struct tie *t, uint32_t id, const char *why, struct mcur *c,
    unsigned n)
{
	struct mcur copy = *c;
	uint8_t family, bytes[16];

	if (t->asked == 0 || t->asked != id)
		return;
	t->asked = 0;
	if (n > 0)
		t->naddrs = 0;
	for (; n > 0 && t->naddrs < ADDRS; n--) {
		family = msg_get_u8(&copy);
		msg_get_raw(&copy, bytes, family == 4 ? 4 : 16);
		if (!copy.bad &&
		    inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes,
			t->addr[t->naddrs], sizeof(t->addr[0])) != NULL)
			t->naddrs++;
	}
	t->resolved_ms = now_ms();
	if (t->naddrs == 0)
		pub_closed(&t->pub, t->resolved_ms, why);
	say_trouble(t);
	tie_turn(t);
}

void
tie_resolver_gone(struct tie *t)
{
	t->asked = 0;
}

/* An address to try; NULL while the resolver thinks. */
static const char *
address(struct tie *t, uint64_t now)
{
	if (nostr_url_literal(&t->parts))
		return t->parts.host;
	if (t->asked == 0 &&
	    (t->naddrs == 0 || now - t->resolved_ms > REFRESH_MS))
		t->asked = t->ops->resolve(t->arg, t->parts.host);
	if (t->naddrs == 0)
		return NULL;
	return t->addr[t->next_addr++ % t->naddrs];
}

static void
connect_now(struct tie *t, uint64_t now)
{
	const char *addr = address(t, now), *why;

	if (addr == NULL)
		return;
	snprintf(t->at, sizeof(t->at), "%s", addr);
	pub_connecting(&t->pub, now);
	t->ws = nostr_ws_open(t->env.net, &t->parts, addr, &ws_ops, t, &why);
	if (t->ws == NULL) {
		pub_closed(&t->pub, now, why);
		say_trouble(t);
	}
}

/* --- who we are --- */

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
	tie_turn(t);
}

static void
authenticate(struct tie *t)
{
	const char *challenge;

	if (t->auth_signing || signer_link_key(t->env.signer) == NULL ||
	    (challenge = pub_wants_auth(&t->pub)) == NULL)
		return;
	draft_begin(&t->auth, NOSTR_KIND_AUTH, clock_real_us() / 1000000);
	draft_tag(&t->auth, "relay", "%s", t->url);
	draft_tag(&t->auth, "challenge", "%s", challenge);
	t->auth_signing = sign_ask(t->env.signer, &t->auth, on_auth_signed,
			      t) == 0;
}

/* --- a turn --- */

static void
one_turn(struct tie *t, uint64_t now)
{
	pub_tick(&t->pub, now);
	say_blocked(t, now);
	end_document(t, now, false);
	if (pub_hang_up(&t->pub) && t->ws != NULL)
		nostr_ws_close(t->ws, false);
	if (pub_may_connect(&t->pub, now) && t->ws == NULL)
		connect_now(t, now);
	authenticate(t);
	if (t->ops->turn != NULL)
		t->ops->turn(t->arg, now);
	if (t->ws != NULL && !nostr_ws_busy(t->ws) &&
	    pub_next(&t->pub, now, &t->frame) &&
	    nostr_ws_send(t->ws, t->frame.data, t->frame.len) == -1)
		nostr_ws_close(t->ws, false);
	if (t->state != t->pub.state) {
		t->state = t->pub.state;
		t->state_us = clock_real_us();
	}
}

static void
set_timer(struct tie *t, uint64_t now)
{
	uint64_t ms = pub_wake(&t->pub, now), other;
	struct timeval tv;

	if (t->ops->wake != NULL && (other = t->ops->wake(t->arg, now)) < ms)
		ms = other;
	if (t->document != NULL && ms > DOCUMENT_LOOK_MS)
		ms = DOCUMENT_LOOK_MS;
	if (ms == PUB_NEVER) {
		evtimer_del(t->timer);
		return;
	}
	/* Nothing that is overdue is so for want of a millisecond; and who
	 * waits for a resolver or a socket is told. */
	if (ms < LEAST_MS)
		ms = t->ws == NULL ? AWAY_MS : LEAST_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(t->timer, &tv);
}

void
tie_turn(struct tie *t)
{
	uint64_t now = 0;

	/* A callback of what we are just doing. */
	if (t->turning) {
		t->again = true;
		return;
	}
	t->turning = true;
	do {
		t->again = false;
		now = now_ms();
		one_turn(t, now);
	} while (t->again);
	t->turning = false;
	set_timer(t, now);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	tie_turn(arg);
}

/* --- its life --- */

struct tie *
tie_new(const struct tie_env *env, const char *url, const struct pub_conf *conf,
    const struct tie_ops *ops, void *arg)
{
	struct tie *t = calloc(1, sizeof(*t));
	uint64_t seed = 0;

	if (t == NULL)
		return NULL;
	t->env = *env;
	t->ops = ops;
	t->arg = arg;
	snprintf(t->url, sizeof(t->url), "%s", url);
	t->timer = evtimer_new(env->base, on_timer, t);
	if (nostr_url_parse(url, &t->parts) == -1 || t->timer == NULL) {
		if (t->timer != NULL)
			event_free(t->timer);
		free(t);
		return NULL;
	}
	if (getrandom(&seed, sizeof(seed), 0) == -1)
		seed = clock_mono_ns();
	pub_init(&t->pub, conf, &pub_ops, t, seed);
	t->state_us = clock_real_us();
	return t;
}

void
tie_free(struct tie *t)
{
	if (t == NULL)
		return;
	if (t->ws != NULL)
		nostr_ws_close(t->ws, true);
	end_document(t, 0, true);
	sign_forget(t->env.signer, &t->auth);
	mbuf_free(&t->auth.content);
	pub_clear(&t->pub);
	event_free(t->timer);
	mbuf_free(&t->frame);
	free(t);
}
