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
#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "relayd/tap_int.h"

#define TAP_SHARE     16u /* one session may hold this part of the ring */
#define CLOCK_STEP_NS 1000000
#define TAP_RING_MIN  (256u * 1024u)

static int64_t
real_minus_mono(void)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return ((int64_t)real.tv_sec - mono.tv_sec) * 1000000000 +
	    (real.tv_nsec - mono.tv_nsec);
}

void
tap_arm(struct tap *t)
{
	struct timeval tv = { t->flush_ms / 1000, (t->flush_ms % 1000) * 1000 };

	if (t->timer_set || t->timer == NULL)
		return;
	t->timer_set = event_add(t->timer, &tv) == 0;
}

/* --- sending --- */

static bool
may_send(const struct tap *t)
{
	return t->ipc != NULL && ipc_queued(t->ipc) == 0;
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
				tap_tell_session(t, s);
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
		tap_tell_session(t, s);
		if (ended) {
			tap_fact_closed(&f, s);
			tap_tell(t, &f);
		}
		if (send_out(t) == -1) {
			tap_make_dirty(t, s);
			return;
		}
		if (ended)
			tap_put(t, s, end, NULL);
	}
}

static void
tell_lost(struct tap *t)
{
	struct tap_head h = { .kind = TAP_LOST, .offset = t->lost_bytes };

	if (t->lost_told == t->lost_bytes)
		return;
	t->lost_told = t->lost_bytes;
	tap_put(t, NULL, h, NULL);
}

/* As many whole entries as fit into one packet and lie in a row. */
static size_t
run_length(const struct tap *t, uint64_t *next)
{
	uint64_t p = t->sent;
	size_t n = 0, one;

	while (p != t->tail) {
		one = tap_entry_size(tap_at(t, p));
		if (n + one > TAP_BATCH_MAX + sizeof(struct tap_head))
			break;
		n += one;
		p += one;
		*next = tap_normal(t, p);
		/* The row ends with the ring, also where nothing is left over
		 * at its end. */
		if (*next != p || p % t->size == 0)
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
		view.data = (uint8_t *)tap_at(t, t->sent);
		view.len = n;
		if (ipc_send(t->ipc, MSG_TAP_BATCH, 0, -1, &view) == -1)
			return;
		t->batches++;
		t->sent = next;
	}
}

void
tap_flush(struct tap *t)
{
	t->oldest_ns = 0;
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
		tap_arm(t);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tap *t = arg;

	t->timer_set = false;
	tap_flush(t);
}

static void
tell_clock(struct tap *t)
{
	struct tap_head h = { .kind = TAP_CLOCK, .ts_recv = mono_ns() };

	h.offset = (uint64_t)t->clock_offset;
	tap_put(t, NULL, h, NULL);
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
	while (t->head != t->tail && tap_at(t, t->head)->seq <= seq)
		tap_release_oldest(t, true);
	t->sent = t->head;
	t->tell = 0;
	/* An end that was told beside the ring may have died on its way. */
	for (uint32_t i = 0; i < t->nslots; i++) {
		if (t->slots[i] != NULL && t->slots[i]->close_dropped)
			tap_make_dirty(t, t->slots[i]);
	}
	t->state = TAP_TELLING;
	t->resumes++;
	tell_clock(t);
	tap_flush(t);
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
	while (t->head != t->sent && tap_at(t, t->head)->seq <= seq)
		tap_release_oldest(t, true);
}

static void
on_drained(struct ipc *ipc, void *arg)
{
	tap_flush(arg);
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
	stats_add(st, "tap.ends_lost", t->ends_lost);
	stats_add(st, "tap.attached", t->state == TAP_STREAMING);
}

void
tap_set_flush(struct tap *t, uint32_t ms)
{
	t->flush_ms = ms;
}

bool
tap_flushed(struct tap *t)
{
	if (t->ring == NULL || t->state == TAP_AWAY)
		return true;
	tap_flush(t);
	return t->sent == t->tail && TAILQ_EMPTY(&t->dirty) && may_send(t);
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

void
tap_free(struct tap *t)
{
	if (t == NULL)
		return;
	ipc_free(t->ipc);
	if (t->timer != NULL)
		event_free(t->timer);
	if (t->clock_timer != NULL)
		event_free(t->clock_timer);
	if (t->ring != NULL)
		munmap(t->ring, t->size);
	free(t->slots);
	mbuf_free(&t->out);
	free(t);
}
