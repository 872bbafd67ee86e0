/*
 * The tap: copies of what was forwarded, for captured.
 *
 * A ring of pre-faulted memory holds entries exactly as they travel
 * (common/tap.h).  Three marks move through it:
 *
 *	head		the oldest that captured has not acknowledged
 *	sent		the first that has not been sent to it
 *	tail		where the next goes
 *
 * When there is no room the oldest go: first those that were sent (they are
 * lost only if captured dies now), then those that were not.  captured sees
 * what is missing by the offsets.  Entries travel in batches, when 32 KiB
 * are there or after a few ms, never one by one and never before the bytes
 * themselves.
 *
 * Only bytes depend on the ring: what is known of a session stays with the
 * session.  Facts that the ring had to drop are told again from there, as
 * are all of them to a captured that has just come; told again they have
 * sequence number 0 and do not move the watermark.
 */
#include <sys/mman.h>

#include <errno.h>
#include <sys/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "relayd/relay.h"

#define TAP_BATCH_MAX (MSG_PACKET_MAX - 256u)
#define TAP_SHARE     16u     /* one session may hold this part of the ring */
#define TAP_END       0x8000u /* flag of a FWD: it ends the session's facts */
#define TAP_ENDED_MAX \
	65536u /* ended sessions kept for a captured that is away */
#define CLOCK_STEP_NS 1000000
#define LOG_EVERY_MS  60000u
#define TAP_RING_MIN  (256u * 1024u)

enum tap_state {
	TAP_AWAY,    /* no captured */
	TAP_GREETED, /* HELLO sent, waiting for RESUME */
	TAP_TELLING, /* facts of all sessions */
	TAP_STREAMING
};

TAILQ_HEAD(session_list, session);

struct tap {
	struct relay *relay;
	struct ipc *ipc;
	enum tap_state state;
	struct event *timer, *clock_timer;
	bool timer_set;
	uint32_t flush_ms;
	uint8_t epoch[16];

	uint8_t *ring;
	size_t size;
	uint64_t head, sent, tail; /* ever growing; index is modulo size */
	uint64_t seq;              /* of the last entry */
	uint64_t share;            /* most bytes of one session */

	struct session **slots;
	uint32_t nslots, free_slot_hint;
	uint32_t generation;
	uint32_t tell; /* next slot to be told of */
	struct session_list dirty;
	uint32_t nended;

	int64_t clock_offset;
	bool filling;        /* dropping, since the ring was last empty */
	bool filling_logged; /* a line told of it; one a minute does */
	uint64_t logged_ms;
	uint64_t lost_bytes, lost_chunks, lost_told, lost_at_log;
	uint64_t put_bytes, batches, acked, resumes, share_drops;
	uint64_t rate_bytes, rate_at_ms; /* for "ring in seconds" */
	double rate;
	struct mbuf out;
};

static void flush(struct tap *);

static int64_t
real_minus_mono(void)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return ((int64_t)real.tv_sec - mono.tv_sec) * 1000000000 +
	    (real.tv_nsec - mono.tv_nsec);
}

/* --- the sessions by number --- */

static int
slot_take(struct tap *t, struct session *s)
{
	struct session **p;
	uint32_t i, n;

	for (i = 0; i < t->nslots; i++) {
		n = (t->free_slot_hint + i) % t->nslots;
		if (t->slots[n] == NULL)
			goto found;
	}
	n = t->nslots;
	p = realloc(t->slots, (n == 0 ? 64 : n * 2) * sizeof(*p));
	if (p == NULL)
		return -1;
	t->slots = p;
	t->nslots = n == 0 ? 64 : n * 2;
	memset(p + n, 0, (t->nslots - n) * sizeof(*p));
found:
	t->slots[n] = s;
	t->free_slot_hint = n + 1;
	s->slot = n;
	s->no = (uint64_t)++t->generation << 32 | n;
	return 0;
}

static struct session *
session_of(const struct tap *t, uint64_t no)
{
	uint32_t slot = (uint32_t)no;

	if (slot >= t->nslots || t->slots[slot] == NULL ||
	    t->slots[slot]->no != no)
		return NULL;
	return t->slots[slot];
}

static void
forget(struct tap *t, struct session *s)
{
	if (s->is_dirty)
		TAILQ_REMOVE(&t->dirty, s, dirty);
	t->slots[s->slot] = NULL;
	t->free_slot_hint = s->slot;
	t->nended--;
	session_free(s);
}

static void
make_dirty(struct tap *t, struct session *s)
{
	if (s->is_dirty)
		return;
	s->is_dirty = true;
	TAILQ_INSERT_TAIL(&t->dirty, s, dirty);
}

/* --- the ring --- */

static struct tap_head *
at(const struct tap *t, uint64_t where)
{
	return (struct tap_head *)(void *)(t->ring + where % t->size);
}

static size_t
entry_size(const struct tap_head *h)
{
	return sizeof(*h) + TAP_PAD(h->len);
}

/* Where the entry at or after `where` begins: past the unused end. */
static uint64_t
normal(const struct tap *t, uint64_t where)
{
	size_t left = t->size - where % t->size;

	if (where == t->tail)
		return where;
	if (left < sizeof(struct tap_head) || at(t, where)->kind == TAP_NONE)
		return where + left;
	return where;
}

static uint64_t
after(const struct tap *t, uint64_t where)
{
	return normal(t, where + entry_size(at(t, where)));
}

/* The oldest entry leaves the ring, acknowledged or dropped. */
static void
release_oldest(struct tap *t, bool acked)
{
	struct tap_head *h = at(t, t->head);
	struct session *s = session_of(t, h->session);
	bool unsent = t->head == t->sent;

	if (s != NULL)
		s->ring_bytes -= (uint32_t)entry_size(h);
	if (!acked && unsent && h->kind == TAP_CHUNK) {
		t->lost_bytes += h->len;
		t->lost_chunks++;
	}
	if (s != NULL && h->kind != TAP_CHUNK &&
	    (h->kind != TAP_FWD || (h->flags & TAP_END))) {
		if (!acked)
			make_dirty(t, s);
		else if (s->phase == S_ENDED &&
		    (h->kind == TAP_CLOSED || h->kind == TAP_FWD) &&
		    !s->is_dirty)
			forget(t, s);
	}
	t->head = after(t, t->head);
	if (unsent)
		t->sent = t->head;
}

static void
note_filling(struct tap *t)
{
	if (t->filling)
		return;
	t->filling = true;
	t->lost_at_log = t->lost_bytes;
	t->filling_logged = t->logged_ms == 0 ||
	    mono_ms() - t->logged_ms > LOG_EVERY_MS;
	if (!t->filling_logged)
		return;
	t->logged_ms = mono_ms();
	log_warnx("captured is behind: the ring of copies is full, the oldest "
		  "are dropped; mining is not touched");
}

/* Room for n bytes in a row; drops the oldest for it. */
static struct tap_head *
reserve(struct tap *t, size_t n)
{
	size_t left = t->size - t->tail % t->size, want = n;

	if (left < n)
		want += left;
	while (t->tail + want - t->head > t->size) {
		note_filling(t);
		release_oldest(t, false);
	}
	if (left < n) {
		if (left >= sizeof(struct tap_head))
			memset(at(t, t->tail), 0, sizeof(struct tap_head));
		if (t->sent == t->tail)
			t->sent += left;
		if (t->head == t->tail)
			t->head += left;
		t->tail += left;
	}
	return at(t, t->tail);
}

static void
arm(struct tap *t)
{
	struct timeval tv = { t->flush_ms / 1000, (t->flush_ms % 1000) * 1000 };

	if (t->timer_set || t->timer == NULL)
		return;
	t->timer_set = event_add(t->timer, &tv) == 0;
}

static void
put(struct tap *t, struct session *s, struct tap_head h, const void *payload)
{
	size_t n = sizeof(h) + TAP_PAD(h.len);
	struct tap_head *dst = reserve(t, n);

	h.session = s == NULL ? 0 : s->no;
	h.seq = ++t->seq;
	*dst = h;
	if (h.len > 0)
		memcpy(dst + 1, payload, h.len);
	if (s != NULL)
		s->ring_bytes += (uint32_t)n;
	t->tail += n;
	t->put_bytes += n;
	if (t->state == TAP_AWAY)
		return;
	if (t->tail - t->sent >= TAP_BATCH_MAX && t->state == TAP_STREAMING)
		flush(t);
	else
		arm(t);
}

void
tap_chunk(struct tap *t, struct session *s, unsigned dir, uint64_t offset,
    uint64_t ts_recv, uint64_t ts_fwd, unsigned flags, const uint8_t *p,
    size_t n)
{
	struct tap_head h = { .len = (uint32_t)n,
		.kind = TAP_CHUNK,
		.dir = (uint8_t)dir,
		.flags = (uint16_t)flags,
		.offset = offset,
		.ts_recv = ts_recv,
		.ts_fwd = ts_fwd };

	if (t->ring == NULL || s->no == 0)
		return;
	if (s->ring_bytes + n > t->share) {
		t->lost_bytes += n;
		t->lost_chunks++;
		t->share_drops++;
		note_filling(t);
		return;
	}
	put(t, s, h, p);
}

void
tap_fwd(struct tap *t, struct session *s, unsigned dir, uint64_t offset,
    uint64_t ts_fwd)
{
	struct tap_head h = { .kind = TAP_FWD,
		.dir = (uint8_t)dir,
		.offset = offset,
		.ts_fwd = ts_fwd };

	if (t->ring != NULL && s->no != 0 && s->phase != S_ENDED &&
	    s->ring_bytes + sizeof(h) <= t->share)
		put(t, s, h, NULL);
}

/* --- facts: each as it is now, into the ring or straight to captured --- */

struct fact {
	struct tap_head h;
	union {
		struct tap_open open;
		struct tap_pool pool;
		struct tap_closed closed;
		struct tap_info info;
	} u;
};

static void
fact_begin(struct fact *f, const struct session *s, enum tap_kind kind,
    size_t len)
{
	memset(f, 0, sizeof(*f));
	f->h.kind = (uint8_t)kind;
	f->h.len = (uint32_t)len;
	f->h.session = s->no;
	f->h.ts_recv = s->opened_mono;
}

static void
fact_open(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_OPEN, sizeof(f->u.open));
	memcpy(f->u.open.uuid, s->uuid, 16);
	f->u.open.opened_us = s->opened_us;
	address_text(&s->peer, f->u.open.peer, sizeof(f->u.open.peer));
	address_text(&s->via, f->u.open.via, sizeof(f->u.open.via));
	snprintf(f->u.open.listener, sizeof(f->u.open.listener), "%s",
	    s->listener->conf.name);
}

static void
fact_pool(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_POOL, sizeof(f->u.pool));
	memcpy(f->u.pool.host, s->pool->conf.host, sizeof(f->u.pool.host));
	address_text(&s->pool_peer, f->u.pool.peer, sizeof(f->u.pool.peer));
	f->u.pool.port = s->pool->conf.port;
	f->u.pool.index = s->pool_index;
	f->u.pool.connect_us = s->connect_us;
}

static void
fact_half(struct fact *f, const struct session *s, unsigned dir)
{
	fact_begin(f, s, TAP_HALF, 0);
	f->h.dir = (uint8_t)dir;
	f->h.offset = s->side[dir].read;
}

static void
fact_info(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_INFO, sizeof(f->u.info));
	f->u.info = s->info;
}

static void
fact_closed(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_CLOSED, sizeof(f->u.closed));
	f->h.ts_recv = mono_ns();
	if (s->closed != NULL)
		f->u.closed = *s->closed;
	else
		snprintf(f->u.closed.reason, sizeof(f->u.closed.reason),
		    "no_memory");
}

void
tap_open(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || slot_take(t, s) == -1)
		return;
	fact_open(&f, s);
	put(t, s, f.h, &f.u);
}

void
tap_pool(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0)
		return;
	fact_pool(&f, s);
	put(t, s, f.h, &f.u);
}

void
tap_half(struct tap *t, struct session *s, unsigned dir, uint64_t offset)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0)
		return;
	fact_half(&f, s, dir);
	f.h.offset = offset;
	put(t, s, f.h, NULL);
}

void
tap_info(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0)
		return;
	fact_info(&f, s);
	put(t, s, f.h, &f.u);
}

bool
tap_closed(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0 || t->nended >= TAP_ENDED_MAX) {
		if (s->no != 0) {
			t->slots[s->slot] = NULL;
			if (s->is_dirty)
				TAILQ_REMOVE(&t->dirty, s, dirty);
		}
		return false;
	}
	t->nended++;
	fact_closed(&f, s);
	put(t, s, f.h, &f.u);
	return true;
}

/* --- sending --- */

static bool
may_send(const struct tap *t)
{
	return t->ipc != NULL && ipc_queued(t->ipc) == 0;
}

static void
tell(struct tap *t, const struct fact *f)
{
	static const uint8_t zero[8];
	size_t pad = TAP_PAD(f->h.len) - f->h.len;

	msg_put_raw(&t->out, &f->h, sizeof(f->h));
	msg_put_raw(&t->out, &f->u, f->h.len);
	msg_put_raw(&t->out, zero, pad);
}

/* All that is known of a session, with sequence number 0. */
static void
tell_session(struct tap *t, struct session *s)
{
	struct fact f;

	fact_open(&f, s);
	tell(t, &f);
	if (s->pool != NULL) {
		fact_pool(&f, s);
		tell(t, &f);
	}
	for (unsigned d = 0; d < 2; d++) {
		if (s->side[d].rd == RD_EOF) {
			fact_half(&f, s, d);
			tell(t, &f);
		}
	}
	if (s->has_info) {
		fact_info(&f, s);
		tell(t, &f);
	}
}

static int
send_out(struct tap *t)
{
	int r = 0;

	if (t->out.len > 0) {
		r = ipc_send(t->ipc, MSG_TAP_BATCH, 0, -1, &t->out);
		t->batches++;
	}
	mbuf_reset(&t->out);
	return r;
}

/* To a captured that has just come: every session, as it is. */
static void
send_all_facts(struct tap *t)
{
	struct session *s;

	while (may_send(t) && t->tell < t->nslots) {
		mbuf_reset(&t->out);
		while (
		    t->tell < t->nslots && t->out.len < MSG_PACKET_MAX - 2048) {
			s = t->slots[t->tell++];
			/* An ended one's CLOSED comes in its place in the
			 * ring, or below if that was dropped. */
			if (s != NULL)
				tell_session(t, s);
		}
		if (send_out(t) == -1)
			return;
	}
	if (t->tell >= t->nslots)
		t->state = TAP_STREAMING;
}

/*
 * Facts whose entries the ring dropped.  What came before them in the ring
 * has been sent or dropped by then, so a CLOSED may be told as well; the
 * entry that follows it, once acknowledged, lets the session go.
 */
static void
send_dirty(struct tap *t)
{
	struct tap_head end = { .kind = TAP_FWD, .flags = TAP_END };
	struct session *s;
	struct fact f;
	bool ended;

	while (may_send(t) && (s = TAILQ_FIRST(&t->dirty)) != NULL) {
		TAILQ_REMOVE(&t->dirty, s, dirty);
		s->is_dirty = false;
		ended = s->phase == S_ENDED;
		mbuf_reset(&t->out);
		tell_session(t, s);
		if (ended) {
			fact_closed(&f, s);
			tell(t, &f);
		}
		if (send_out(t) == -1) {
			make_dirty(t, s);
			return;
		}
		if (ended) {
			end.offset = s->side[0].delivered;
			put(t, s, end, NULL);
		}
	}
}

static void
tell_lost(struct tap *t)
{
	struct tap_head h = { .kind = TAP_LOST, .offset = t->lost_bytes };

	if (t->lost_told == t->lost_bytes)
		return;
	t->lost_told = t->lost_bytes;
	put(t, NULL, h, NULL);
}

/* As many whole entries as fit into one packet and lie in a row. */
static size_t
run_length(const struct tap *t, uint64_t *next)
{
	uint64_t p = t->sent;
	size_t n = 0, one;

	while (p != t->tail) {
		one = entry_size(at(t, p));
		if (n + one > TAP_BATCH_MAX + sizeof(struct tap_head))
			break;
		n += one;
		p += one;
		*next = normal(t, p);
		if (*next != p)
			break;
	}
	return n;
}

static void
send_ring(struct tap *t)
{
	struct mbuf view;
	uint64_t next = t->sent;
	size_t n;

	while (may_send(t) && t->sent != t->tail) {
		mbuf_init(&view);
		n = run_length(t, &next);
		/* A view of the ring: ipc_send() copies, or queues a copy. */
		view.data = (uint8_t *)at(t, t->sent);
		view.len = n;
		if (ipc_send(t->ipc, MSG_TAP_BATCH, 0, -1, &view) == -1)
			return;
		t->batches++;
		t->sent = next;
	}
}

static void
flush(struct tap *t)
{
	if (t->state == TAP_TELLING)
		send_all_facts(t);
	if (t->state != TAP_STREAMING)
		return;
	send_ring(t);
	if (!TAILQ_EMPTY(&t->dirty) && t->sent == t->tail)
		send_dirty(t);
	if (t->filling && t->sent == t->tail) {
		t->filling = false;
		if (t->filling_logged)
			log_info("captured has caught up; %llu bytes were not "
				 "copied",
			    (unsigned long long)(t->lost_bytes -
				t->lost_at_log));
		tell_lost(t);
	}
	if (t->sent != t->tail && may_send(t))
		arm(t);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tap *t = arg;

	t->timer_set = false;
	flush(t);
}

static void
tell_clock(struct tap *t)
{
	struct tap_head h = { .kind = TAP_CLOCK, .ts_recv = mono_ns() };

	h.offset = (uint64_t)t->clock_offset;
	put(t, NULL, h, NULL);
}

/* Once a second: has somebody moved the clock?  How fast does it fill? */
static void
on_clock(evutil_socket_t fd, short what, void *arg)
{
	struct tap *t = arg;
	int64_t now = real_minus_mono(), d = now - t->clock_offset;
	uint64_t ms = mono_ms();
	double rate;

	if (d > CLOCK_STEP_NS || d < -CLOCK_STEP_NS) {
		t->clock_offset = now;
		tell_clock(t);
	}
	if (ms > t->rate_at_ms) {
		rate = (double)(t->put_bytes - t->rate_bytes) * 1000.0 /
		    (double)(ms - t->rate_at_ms);
		t->rate += (rate - t->rate) / 8;
	}
	t->rate_bytes = t->put_bytes;
	t->rate_at_ms = ms;
}

/* --- captured --- */

static void
on_resume(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct tap *t = arg;
	uint8_t epoch[16];
	uint64_t seq;

	msg_get_raw(&m->cur, epoch, sizeof(epoch));
	seq = msg_get_u64(&m->cur);
	if (msg_end(&m->cur) == -1 || t->state != TAP_GREETED) {
		ipc_bad(ipc, m, "malformed or not asked for");
		return;
	}
	if (memcmp(epoch, t->epoch, sizeof(epoch)) != 0)
		seq = 0;
	/* What it has is released; the rest is sent again. */
	while (t->head != t->tail && at(t, t->head)->seq <= seq)
		release_oldest(t, true);
	t->sent = t->head;
	t->tell = 0;
	t->state = TAP_TELLING;
	t->resumes++;
	tell_clock(t);
	flush(t);
}

static void
on_ack(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct tap *t = arg;
	uint8_t epoch[16];
	uint64_t seq;

	msg_get_raw(&m->cur, epoch, sizeof(epoch));
	seq = msg_get_u64(&m->cur);
	if (msg_end(&m->cur) == -1 ||
	    memcmp(epoch, t->epoch, sizeof(epoch)) != 0) {
		ipc_bad(ipc, m, "malformed or of another epoch");
		return;
	}
	t->acked = seq;
	while (t->head != t->sent && at(t, t->head)->seq <= seq)
		release_oldest(t, true);
}

static void
on_drained(struct ipc *ipc, void *arg)
{
	flush(arg);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct tap *t = arg;

	if (ipc != t->ipc)
		return;
	t->state = TAP_AWAY;
	t->ipc = NULL;
	ipc_free(ipc);
}

static void
on_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	/* Not a line a message: whoever sends one sends many. */
	if (ipc_bad_count(ipc) == 1)
		log_warnx("captured sent message %u: %s", type, why);
}

static const struct ipc_handler handlers[] = {
	{ MSG_TAP_RESUME, on_resume },
	{ MSG_TAP_ACK, on_ack },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops ops = {
	.handlers = handlers,
	.on_end = on_end,
	.on_bad = on_bad,
	.on_drained = on_drained,
};

void
tap_attach(struct tap *t, int fd)
{
	struct mbuf hello;

	ipc_free(t->ipc);
	t->state = TAP_AWAY;
	t->ipc = ipc_new(relay_base(t->relay), fd, ROLE_RELAY, ROLE_CAPTURE,
	    &ops, t);
	if (t->ipc == NULL) {
		log_warn("no channel to captured");
		return;
	}
	mbuf_init(&hello);
	msg_put_u32(&hello, MSG_PROTOCOL);
	msg_put_raw(&hello, t->epoch, sizeof(t->epoch));
	msg_put_u64(&hello, mono_ns());
	msg_put_i64(&hello, t->clock_offset);
	msg_put_u64(&hello, t->size);
	if (ipc_send(t->ipc, MSG_TAP_HELLO, 0, -1, &hello) == 0)
		t->state = TAP_GREETED;
	mbuf_free(&hello);
}

void
tap_stats(struct tap *t, struct stats *st)
{
	stats_add(st, "tap.ring_bytes", t->size);
	stats_add(st, "tap.ring_used", t->tail - t->head);
	stats_add(st, "tap.unsent", t->tail - t->sent);
	stats_add(st, "tap.ring_seconds",
	    t->rate < 1 ? 0 : (uint64_t)((double)t->size / t->rate));
	stats_add(st, "tap.lost_bytes", t->lost_bytes);
	stats_add(st, "tap.lost_chunks", t->lost_chunks);
	stats_add(st, "tap.share_drops", t->share_drops);
	stats_add(st, "tap.batches", t->batches);
	stats_add(st, "tap.seq", t->seq);
	stats_add(st, "tap.acked", t->acked);
	stats_add(st, "tap.resumes", t->resumes);
	stats_add(st, "tap.ended_kept", t->nended);
	stats_add(st, "tap.attached", t->state == TAP_STREAMING);
}

void
tap_set_flush(struct tap *t, uint32_t ms)
{
	t->flush_ms = ms;
}

void
tap_stop(struct tap *t)
{
	if (t->ring != NULL)
		flush(t);
}

int
tap_start(struct tap *t)
{
	struct timeval second = { 1, 0 };

	if (t->ring == NULL)
		return 0;
	t->timer = evtimer_new(relay_base(t->relay), on_timer, t);
	t->clock_timer = event_new(relay_base(t->relay), -1, EV_PERSIST,
	    on_clock, t);
	if (t->timer == NULL || t->clock_timer == NULL)
		return -1;
	t->rate_at_ms = mono_ms();
	return event_add(t->clock_timer, &second);
}

struct tap *
tap_new(struct relay *r, uint64_t ring_bytes)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->relay = r;
	t->flush_ms = 2;
	t->clock_offset = real_minus_mono();
	TAILQ_INIT(&t->dirty);
	if (getrandom(t->epoch, sizeof(t->epoch), 0) != sizeof(t->epoch))
		goto fail;
	if (ring_bytes == 0)
		return t;
	t->size = ring_bytes & ~(size_t)4095;
	if (t->size < TAP_RING_MIN)
		t->size = TAP_RING_MIN;
	t->share = t->size / TAP_SHARE;
	/* Even in a tiny ring a session has room for two chunks. */
	if (t->share < 2 * (TAP_CHUNK_MAX + sizeof(struct tap_head)))
		t->share = 2 * (TAP_CHUNK_MAX + sizeof(struct tap_head));
	/* Faulted in now: a page fault is a wait. */
	t->ring = mmap(NULL, t->size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (t->ring == MAP_FAILED)
		goto fail;
	return t;
fail:
	free(t);
	return NULL;
}
