/*
 * Being polite to relays, which are somebody else's machines: slow down when
 * told to, stop when not wanted, never repeat for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_pow.h"
#include "common/nostr_publish.h"

#define GARBAGE_MAX   16 /* frames that are none, of one connection */
#define CUTS_MAX      3  /* connections that one event may end */
#define ERRORS_MAX    2
#define RATE_LEAST    0.02
#define RECOVER_AFTER 20 /* accepted events, until it may go faster again */
#define AUTH_WAIT_MS  10000u
#define POW_STEP      2 /* bits more, when it does not say how many */

void
pub_conf_default(struct pub_conf *c)
{
	*c = (struct pub_conf){ .rate = 2,
		.burst = 10,
		.flights = PUB_FLIGHTS,
		.ok_ms = 10000,
		.flush_ms = 1000,
		.flush_max_ms = 15000,
		.pause_ms = 5000,
		.pause_max_ms = 60000,
		.blocked_ms = 600000,
		.retry_ms = 1000,
		.retry_max_ms = 60000,
		.connect_ms = 10000,
		.rows = 400,
		.bytes = 40000,
		.pow = 20 };
}

void
pub_init(struct publisher *p, const struct pub_conf *conf,
    const struct pub_ops *ops, void *arg, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->arg = arg;
	p->random = seed | 1;
	pub_configure(p, conf);
	p->tokens = conf->burst;
}

void
pub_configure(struct publisher *p, const struct pub_conf *conf)
{
	p->conf = *conf;
	if (p->conf.flights > PUB_FLIGHTS)
		p->conf.flights = PUB_FLIGHTS;
	p->rate = conf->rate;
	p->flush_ms = conf->flush_ms;
	p->pause_ms = conf->pause_ms;
	p->rows = conf->rows;
	pub_limit(p);
}

static void
forget(struct publisher *p, struct pub_flight *f)
{
	free(f->text);
	memset(f, 0, sizeof(*f));
	p->nflights--;
}

void
pub_clear(struct publisher *p)
{
	for (unsigned i = 0; i < PUB_FLIGHTS; i++)
		if (p->flight[i].used)
			forget(p, &p->flight[i]);
	for (unsigned i = 0; i < URGENT_MAX; i++)
		urgent_clear(&p->urgent[i]);
	free(p->auth_text);
	p->auth_text = NULL;
}

static void
say(struct publisher *p, const char *text)
{
	snprintf(p->reason, sizeof(p->reason), "%s", text);
}

/* xorshift64*: jitter, no secret. */
static uint64_t
random_below(struct publisher *p, uint64_t n)
{
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;
	return n == 0 ? 0 :
			(p->random * UINT64_C(2685821657736338717) >> 16) % n;
}

/* The flight may be another's, or none, when this returns. */
static void
finish(struct publisher *p, struct pub_flight *f, enum pub_outcome what)
{
	uint64_t cookie = f->cookie;

	if (what == PUB_ACCEPTED)
		p->accepted++;
	else if (what == PUB_REFUSED)
		p->refused++;
	else if (what == PUB_LOST)
		p->lost++;
	forget(p, f);
	p->ops->done(p->arg, cookie, what);
}

/* --- the connection --- */

bool
pub_may_connect(const struct publisher *p, uint64_t now)
{
	return p->state == PUB_WAITING && now >= p->connect_at;
}

void
pub_connecting(struct publisher *p, uint64_t now)
{
	p->state = PUB_CONNECTING;
	p->since = now;
	p->hang_up = false;
}

void
pub_opened(struct publisher *p, uint64_t now)
{
	p->state = PUB_OPEN;
	p->since = p->heard_at = now;
	p->connects++;
	p->garbage = 0;
	p->auth_needed = p->auth_asked = p->auth_done = false;
	p->auth_sent_at = 0;
	p->challenge[0] = '\0';
	p->sub_open = p->sub_eose = false;
	p->sub_at = now;
}

/* Full jitter: after a relay's restart its clients do not come in step. */
static void
back_off(struct publisher *p, uint64_t now)
{
	uint64_t most = p->conf.retry_ms;
	unsigned i;

	for (i = 0; i < p->attempts && most < p->conf.retry_max_ms; i++)
		most *= 2;
	if (most > p->conf.retry_max_ms)
		most = p->conf.retry_max_ms;
	p->attempts++;
	p->connect_at = now + 1 + random_below(p, most);
}

void
pub_closed(struct publisher *p, uint64_t now, const char *why)
{
	struct pub_flight *f, *alone = NULL;
	unsigned nsent = 0;

	if (why != NULL && why[0] != '\0')
		say(p, why);
	p->state = PUB_WAITING;
	p->since = now;
	p->hang_up = false;
	free(p->auth_text);
	p->auth_text = NULL;
	p->auth_needed = false;
	p->auth_sent_at = 0;
	back_off(p, now);
	urgent_cut(p->urgent);
	for (unsigned i = 0; i < PUB_FLIGHTS; i++) {
		f = &p->flight[i];
		if (!f->used || f->tries == 0)
			continue;
		nsent += f->sent;
		alone = f->sent ? f : alone;
		/* Written before: it goes out again, under the same id. */
		f->unsure = true;
		f->sent = f->auth_tried = false;
		f->tries = 0;
	}
	if (nsent == 0)
		return;
	p->careful = true;
	if (nsent == 1 && ++alone->cuts >= CUTS_MAX)
		finish(p, alone, PUB_SPLIT);
}

bool
pub_hang_up(const struct publisher *p)
{
	return p->hang_up;
}

/* --- what a relay says --- */

static struct pub_flight *
find(struct publisher *p, const uint8_t id[32])
{
	for (unsigned i = 0; i < PUB_FLIGHTS; i++)
		if (p->flight[i].used && memcmp(p->flight[i].id, id, 32) == 0)
			return &p->flight[i];
	return NULL;
}

static void
slow_down(struct publisher *p, uint64_t now)
{
	p->limited++;
	p->good = 0;
	/* A burst gets as many answers: it is one complaint. */
	if (now < p->paused_until)
		return;
	p->rate = p->rate / 2 < RATE_LEAST ? RATE_LEAST : p->rate / 2;
	p->flush_ms *= 2;
	if (p->flush_ms > p->conf.flush_max_ms)
		p->flush_ms = p->conf.flush_max_ms;
	p->paused_until = now + p->pause_ms;
	p->pause_ms *= 2;
	if (p->pause_ms > p->conf.pause_max_ms)
		p->pause_ms = p->conf.pause_max_ms;
}

static void
speed_up(struct publisher *p)
{
	p->attempts = 0;
	p->careful = false;
	if (++p->good < RECOVER_AFTER)
		return;
	p->good = 0;
	p->pause_ms = p->conf.pause_ms;
	p->flush_ms = p->flush_ms / 2 > p->conf.flush_ms ? p->flush_ms / 2 :
							   p->conf.flush_ms;
	p->rate = p->rate * 2 < p->conf.rate ? p->rate * 2 : p->conf.rate;
	p->rows = p->rows * 2 < p->conf.rows ? p->rows * 2 : p->conf.rows;
}

static void
stop_writing(struct publisher *p, uint64_t now)
{
	p->blocked_until = now + p->conf.blocked_ms;
}

/* The relay has not taken it: it waits, and will be written again. */
static void
keep(struct pub_flight *f)
{
	f->sent = f->unsure = false;
	f->tries = 0;
}

static void
need_auth(struct publisher *p, uint64_t now, struct pub_flight *f)
{
	keep(f);
	/* We have said who we are, and it was not enough. */
	if (p->auth_done || f->auth_tried) {
		stop_writing(p, now);
		return;
	}
	f->auth_tried = true;
	p->auth_needed = true;
	p->auth_needed_at = now;
}

static void
need_pow(struct publisher *p, uint64_t now, struct pub_flight *f,
    const char *text)
{
	unsigned wanted = nostr_pow_wanted(text), had = nostr_pow_bits(f->id);

	/* It has what it says, or it does not say. */
	if (wanted <= had) {
		wanted = had + POW_STEP;
		if (wanted < p->pow && p->pow <= p->conf.pow)
			wanted = p->pow;
	}
	pub_set_pow(p, now, wanted);
	if (p->pow > p->conf.pow)
		keep(f);
	else
		finish(p, f, PUB_AGAIN);
}

static void
refused(struct publisher *p, uint64_t now, struct pub_flight *f,
    const struct nostr_frame *fr)
{
	say(p, fr->text[0] != '\0' ? fr->text : "refused without a reason");
	switch (fr->reason) {
	case NR_DUPLICATE:
	case NR_MUTE:
		finish(p, f, PUB_ACCEPTED);
		break;
	case NR_RATE_LIMITED:
		keep(f);
		slow_down(p, now);
		break;
	case NR_AUTH_REQUIRED:
		need_auth(p, now, f);
		break;
	case NR_BLOCKED:
	case NR_RESTRICTED:
		keep(f);
		stop_writing(p, now);
		break;
	case NR_TOO_LARGE:
		if (p->rows > 1)
			p->rows /= 2;
		p->good = 0;
		finish(p, f, PUB_SPLIT);
		break;
	case NR_TOO_OLD:
		finish(p, f, PUB_AGAIN);
		break;
	case NR_ERROR:
		/* Its own trouble, perhaps over in a moment. */
		if (++f->errors < ERRORS_MAX) {
			keep(f);
			slow_down(p, now);
		} else {
			finish(p, f, PUB_REFUSED);
		}
		break;
	case NR_POW:
		need_pow(p, now, f, fr->text);
		break;
	case NR_NONE:
	case NR_INVALID:
	case NR_UNKNOWN:
	case NR_REASONS:
		finish(p, f, PUB_REFUSED);
		break;
	}
}

static void
on_ok(struct publisher *p, uint64_t now, const struct nostr_frame *fr)
{
	struct pub_flight *f;
	int urgent;

	if (p->auth_sent_at != 0 && memcmp(fr->id, p->auth_id, 32) == 0) {
		p->auth_sent_at = 0;
		p->auth_needed = false;
		p->auth_done = fr->ok;
		if (!fr->ok) {
			say(p, fr->text);
			stop_writing(p, now);
		} else {
			urgent_authed(p->urgent, now);
			if (!p->sub_open)
				p->sub_at = now;
		}
		return;
	}
	urgent = urgent_ok(p->urgent, now, fr);
	if (urgent == 2) {
		p->auth_needed = !p->auth_done;
		p->auth_needed_at = now;
	}
	if (urgent != 0)
		return;
	/* One that we did not send, or have given up. */
	if ((f = find(p, fr->id)) == NULL || f->sent_at == 0)
		return;
	if (!fr->ok) {
		refused(p, now, f, fr);
		return;
	}
	speed_up(p);
	finish(p, f, PUB_ACCEPTED);
}

static void
on_closed(struct publisher *p, uint64_t now, const struct nostr_frame *fr)
{
	say(p, fr->text);
	p->sub_open = p->sub_eose = false;
	switch (fr->reason) {
	case NR_AUTH_REQUIRED:
		/* Asked for again when AUTH has been accepted. */
		p->sub_at = p->auth_done ? now + p->conf.blocked_ms : PUB_NEVER;
		p->auth_needed = !p->auth_done;
		p->auth_needed_at = now;
		break;
	case NR_RESTRICTED:
	case NR_BLOCKED:
		p->sub_at = now + p->conf.blocked_ms;
		break;
	case NR_RATE_LIMITED:
		slow_down(p, now);
		p->sub_at = p->paused_until;
		break;
	case NR_NONE:
	case NR_DUPLICATE:
	case NR_POW:
	case NR_INVALID:
	case NR_MUTE:
	case NR_ERROR:
	case NR_TOO_LARGE:
	case NR_TOO_OLD:
	case NR_UNKNOWN:
	case NR_REASONS:
		p->sub_at = now + p->conf.pause_ms;
		break;
	}
}

static void
on_notice(struct publisher *p, uint64_t now, const struct nostr_frame *fr)
{
	say(p, fr->text);
	/* Over the limit some say only this, and no OK comes. */
	if (fr->reason == NR_RATE_LIMITED)
		slow_down(p, now);
	else if (fr->reason == NR_BLOCKED || fr->reason == NR_RESTRICTED)
		stop_writing(p, now);
}

void
pub_frame(struct publisher *p, uint64_t now, const struct nostr_frame *fr)
{
	p->heard_at = now;
	switch (fr->type) {
	case NF_OK:
		on_ok(p, now, fr);
		break;
	case NF_EOSE:
		p->sub_eose = true;
		p->attempts = 0;
		break;
	case NF_CLOSED:
		on_closed(p, now, fr);
		break;
	case NF_NOTICE:
		on_notice(p, now, fr);
		break;
	case NF_AUTH:
		/* The latest counts. */
		snprintf(p->challenge, sizeof(p->challenge), "%s", fr->text);
		p->auth_asked = false;
		p->auth_done = false;
		break;
	case NF_EVENT:
	case NF_OTHER:
		break;
	}
}

void
pub_garbage(struct publisher *p, uint64_t now)
{
	p->heard_at = now;
	if (++p->garbage > GARBAGE_MAX) {
		say(p, "it sends what is no frame");
		p->hang_up = true;
	}
}

/* --- writing --- */

static void
refill(struct publisher *p, uint64_t now)
{
	if (now > p->tokens_at)
		p->tokens += (double)(now - p->tokens_at) * p->rate / 1000;
	if (p->tokens > p->conf.burst)
		p->tokens = p->conf.burst;
	p->tokens_at = now;
}

static bool
may_write(const struct publisher *p, uint64_t now)
{
	return p->state == PUB_OPEN && !p->hang_up && now >= p->paused_until &&
	    now >= p->blocked_until && !p->auth_needed;
}

/* Those that wait to be written. */
static unsigned
unsent(const struct publisher *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PUB_FLIGHTS; i++)
		n += p->flight[i].used && !p->flight[i].sent;
	return n;
}

bool
pub_wants(struct publisher *p, uint64_t now)
{
	unsigned most = p->careful ? 1 : p->conf.flights;

	refill(p, now);
	return may_write(p, now) && p->nflights < most &&
	    p->tokens >= unsent(p) + 1;
}

int
pub_add(struct publisher *p, uint64_t cookie, const uint8_t id[32],
    const char *event, size_t len, uint64_t fresh_until)
{
	struct pub_flight *f = NULL;

	for (unsigned i = 0; f == NULL && i < PUB_FLIGHTS; i++)
		if (!p->flight[i].used)
			f = &p->flight[i];
	if (f == NULL || (f->text = malloc(len)) == NULL)
		return -1;
	memcpy(f->text, event, len);
	memcpy(f->id, id, 32);
	f->len = len;
	f->used = true;
	f->cookie = cookie;
	f->fresh_until = fresh_until;
	p->nflights++;
	return 0;
}

bool
pub_has(const struct publisher *p, uint64_t cookie)
{
	for (unsigned i = 0; i < PUB_FLIGHTS; i++)
		if (p->flight[i].used && p->flight[i].cookie == cookie)
			return true;
	return false;
}

int
pub_urgent(struct publisher *p, unsigned i, const uint8_t id[32],
    const char *event, size_t len, uint64_t now, uint64_t until)
{
	if (p->state == PUB_WAITING && p->connect_at > now)
		p->connect_at = now;
	return urgent_set(&p->urgent[i], id, event, len, now, until);
}

const char *
pub_wants_auth(struct publisher *p)
{
	/* Relays that greet with a challenge mean it, so do not wait to be
	 * refused. */
	if (p->state != PUB_OPEN || p->challenge[0] == '\0' || p->auth_asked)
		return NULL;
	p->auth_asked = true;
	return p->challenge;
}

int
pub_auth(struct publisher *p, const uint8_t id[32], const char *event,
    size_t len)
{
	char *text = malloc(len);

	if (text == NULL)
		return -1;
	memcpy(text, event, len);
	free(p->auth_text);
	p->auth_text = text;
	p->auth_len = len;
	memcpy(p->auth_id, id, 32);
	return 0;
}

void
pub_subscribe(struct publisher *p, bool wanted)
{
	p->sub_wanted = wanted && p->ops->request != NULL;
	p->sub_open = p->sub_eose = false;
}

/* The oldest that waits. */
static struct pub_flight *
next_flight(struct publisher *p)
{
	struct pub_flight *f, *best = NULL;
	unsigned nsent = 0;

	for (unsigned i = 0; i < PUB_FLIGHTS; i++) {
		f = &p->flight[i];
		if (!f->used)
			continue;
		nsent += f->sent;
		if (!f->sent && (best == NULL || f->cookie < best->cookie))
			best = f;
	}
	return p->careful && nsent > 0 ? NULL : best;
}

bool
pub_next(struct publisher *p, uint64_t now, struct mbuf *frame)
{
	struct pub_flight *f;

	mbuf_reset(frame);
	if (p->state != PUB_OPEN || p->hang_up)
		return false;
	if (p->auth_text != NULL) {
		nostr_put_auth(frame, p->auth_text, p->auth_len);
		free(p->auth_text);
		p->auth_text = NULL;
		p->auth_sent_at = now;
		return !frame->bad;
	}
	if (urgent_next(p->urgent, now, frame))
		return !frame->bad;
	if (p->sub_wanted && !p->sub_open && now >= p->sub_at) {
		p->ops->request(p->arg, frame);
		p->sub_open = true;
		p->sub_sent_at = now;
		return !frame->bad;
	}
	refill(p, now);
	if (!may_write(p, now) || p->tokens < 1 || (f = next_flight(p)) == NULL)
		return false;
	p->tokens -= 1;
	f->sent = true;
	f->tries++;
	f->sent_at = now;
	p->sent++;
	nostr_put_event(frame, f->text, f->len);
	return !frame->bad;
}

/* --- time --- */

static void
check_flight(struct publisher *p, struct pub_flight *f, uint64_t now)
{
	/* Not answered, and by now nobody would take it. */
	if (now >= f->fresh_until && !f->sent) {
		finish(p, f, f->unsure ? PUB_LOST : PUB_AGAIN);
		return;
	}
	if (!f->sent || p->state != PUB_OPEN ||
	    now - f->sent_at < p->conf.ok_ms)
		return;
	if (f->tries < 2) {
		f->sent = false; /* the same once more */
		f->unsure = true;
		return;
	}
	say(p, "no OK came");
	if (p->heard_at <= f->sent_at)
		p->hang_up = true; /* it is frozen: another connection */
	else
		finish(p, f, PUB_REFUSED);
}

void
pub_tick(struct publisher *p, uint64_t now)
{
	uint64_t overdue = urgent_tick(p->urgent, now, p->conf.ok_ms);

	if (overdue != 0 && p->state == PUB_OPEN && p->heard_at <= overdue) {
		say(p, "no OK came");
		p->hang_up = true;
	}
	if (p->state == PUB_CONNECTING &&
	    now - p->since >= p->conf.connect_ms) {
		say(p, "it does not answer");
		p->hang_up = true;
	}
	if (p->auth_sent_at != 0 && now - p->auth_sent_at >= AUTH_WAIT_MS) {
		say(p, "no answer to AUTH");
		p->hang_up = true;
	}
	if (p->state == PUB_OPEN && p->sub_open && !p->sub_eose &&
	    now - p->sub_sent_at >= p->conf.ok_ms &&
	    p->heard_at <= p->sub_sent_at) {
		say(p, "it does not answer the subscription");
		p->hang_up = true;
	}
	if (p->auth_needed && p->challenge[0] == '\0' &&
	    now - p->auth_needed_at >= p->conf.ok_ms) {
		p->auth_needed = false;
		stop_writing(p, now);
	}
	for (unsigned i = 0; i < PUB_FLIGHTS; i++)
		if (p->flight[i].used)
			check_flight(p, &p->flight[i], now);
}

static void
sooner(uint64_t *at, uint64_t t)
{
	if (t < *at)
		*at = t;
}

/* When the next event may be written, were there one. */
static uint64_t
next_write(const struct publisher *p, uint64_t now)
{
	uint64_t at = now;

	if (p->tokens < 1)
		at = p->tokens_at +
		    (uint64_t)((1 - p->tokens) * 1000 / p->rate) + 1;
	if (at < p->paused_until)
		at = p->paused_until;
	return at < p->blocked_until ? p->blocked_until : at;
}

static void
wake_flights(const struct publisher *p, uint64_t now, uint64_t *at)
{
	unsigned waiting = unsent(p);
	bool may = p->state == PUB_OPEN && !p->auth_needed &&
	    !(p->careful && waiting < p->nflights);

	if (waiting > 0 && may)
		sooner(at, next_write(p, now));
	for (unsigned i = 0; i < PUB_FLIGHTS; i++) {
		const struct pub_flight *f = &p->flight[i];

		if (!f->used)
			continue;
		if (!f->sent)
			sooner(at, f->fresh_until);
		else if (p->state == PUB_OPEN)
			sooner(at, f->sent_at + p->conf.ok_ms);
	}
}

uint64_t
pub_wake(const struct publisher *p, uint64_t now)
{
	uint64_t at = PUB_NEVER;

	if (p->state == PUB_WAITING)
		sooner(&at, p->connect_at);
	if (p->state == PUB_CONNECTING)
		sooner(&at, p->since + p->conf.connect_ms);
	if (p->auth_sent_at != 0)
		sooner(&at, p->auth_sent_at + AUTH_WAIT_MS);
	if (p->auth_needed && p->challenge[0] == '\0')
		sooner(&at, p->auth_needed_at + p->conf.ok_ms);
	if (p->state == PUB_OPEN && p->sub_wanted) {
		if (!p->sub_open)
			sooner(&at, p->sub_at);
		else if (!p->sub_eose && p->heard_at <= p->sub_sent_at)
			sooner(&at, p->sub_sent_at + p->conf.ok_ms);
	}
	wake_flights(p, now, &at);
	sooner(&at,
	    urgent_wake(p->urgent, p->state == PUB_OPEN, p->conf.ok_ms));
	return at <= now ? 0 : at == PUB_NEVER ? PUB_NEVER : at - now;
}
