/*
 * HELLO, RESUME, batches and acknowledgements.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "captured/tap_in.h"
#include "common/log.h"
#include "common/proc.h"

#define TICK_MS        2
/* Empty ticks before waiting by event again. */
#define IDLE_TICKS     50
/* Packets in a round, of 32 KiB: some 10 ms of work at most. */
#define ROUND_PACKETS  16
/* Silence after which nothing more is expected at the end. */
#define DRAIN_QUIET_MS 50

struct tap_in {
	struct event_base *base;
	struct ingest *in;
	struct ipc *ipc;
	struct event *tick;
	void (*turn)(void *);
	void *arg;
	bool greeted;
	bool ticking;
	unsigned idle;
	uint64_t acked;
	uint64_t ack_ns;
	uint8_t ack_epoch[16];
	uint64_t rounds, wakeups, hellos, acks;
	struct mbuf out;
};

static void
tick_in(struct tap_in *t, unsigned ms)
{
	struct timeval tv = { 0, (suseconds_t)ms * 1000 };

	evtimer_add(t->tick, &tv);
}

/* From waiting by event to reading by the clock. */
static void
begin_ticking(struct tap_in *t)
{
	t->idle = 0;
	if (t->ticking)
		return;
	t->ticking = true;
	t->wakeups++;
	if (t->ipc != NULL)
		ipc_pause(t->ipc);
	tick_in(t, TICK_MS);
}

static void
end_ticking(struct tap_in *t)
{
	t->ticking = false;
	if (t->ipc != NULL)
		ipc_resume(t->ipc);
}

/* --- acknowledging --- */

static void
acknowledge(struct tap_in *t)
{
	uint64_t seq = ingest_acked(t->in), now = clock_ns();

	if (t->ipc == NULL || !t->greeted || seq <= t->acked ||
	    now - t->ack_ns < t->in->conf.ack_ms * UINT64_C(1000000))
		return;
	mbuf_reset(&t->out);
	msg_put_raw(&t->out, t->in->mark.epoch, sizeof(t->in->mark.epoch));
	msg_put_u64(&t->out, seq);
	if (ipc_send(t->ipc, MSG_TAP_ACK, 0, -1, &t->out) == -1)
		return;
	t->acked = seq;
	t->ack_ns = now;
	t->acks++;
}

void
tap_in_commit(struct tap_in *t, bool now)
{
	if (t->in == NULL)
		return;
	if (now || ingest_due(t->in, clock_ns()))
		ingest_commit(t->in);
	acknowledge(t);
}

/* --- what relayd says --- */

static void
on_hello(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct tap_in *t = arg;
	uint8_t epoch[16];
	uint32_t version;
	uint64_t seq;
	int64_t offset;

	version = msg_get_u32(&m->cur);
	msg_get_raw(&m->cur, epoch, sizeof(epoch));
	(void)msg_get_u64(&m->cur); /* its monotonic time: ours as well */
	offset = msg_get_i64(&m->cur);
	(void)msg_get_u64(&m->cur); /* bytes of its ring */
	if (msg_end(&m->cur) == -1 || version != MSG_PROTOCOL || t->greeted) {
		ipc_bad(ipc, m, "malformed, or not expected");
		return;
	}
	seq = ingest_hello(t->in, epoch, offset);
	mbuf_reset(&t->out);
	msg_put_raw(&t->out, epoch, sizeof(epoch));
	msg_put_u64(&t->out, seq);
	if (ipc_send(ipc, MSG_TAP_RESUME, 0, -1, &t->out) == -1) {
		log_warn("TAP_RESUME");
		return;
	}
	t->greeted = true;
	t->acked = seq;
	t->hellos++;
	log_debug("relayd goes on behind %llu", (unsigned long long)seq);
}

static void
on_batch(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct tap_in *t = arg;

	if (!t->greeted) {
		ipc_bad(ipc, m, "before HELLO");
		return;
	}
	begin_ticking(t);
	if (ingest_batch(t->in, m->cur.p, m->cur.left) == -1)
		ipc_bad(ipc, m, "an entry is malformed");
	if (t->in->phase == INGEST_OK)
		tap_in_commit(t, false);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct tap_in *t = arg;

	if (t->ipc == ipc) {
		t->ipc = NULL;
		t->greeted = false;
		if (t->in != NULL)
			ingest_lost(t->in);
	}
	ipc_free(ipc);
}

static const struct ipc_handler handlers[] = {
	{ MSG_TAP_HELLO, on_hello },
	{ MSG_TAP_BATCH, on_batch },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops ops = {
	.handlers = handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad,
};

/* --- reading --- */

/* One round; how many packets there were. */
static unsigned
read_round(struct tap_in *t)
{
	if (t->ipc == NULL || !ingest_ready(t->in))
		return 0;
	return ipc_poll(t->ipc, ROUND_PACKETS);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct tap_in *t = arg;
	unsigned n = read_round(t);

	t->rounds++;
	t->idle = n > 0 ? 0 : t->idle + 1;
	tap_in_commit(t, false);
	t->turn(t->arg);
	/* What is collected is not left lying: that ends before this does. */
	if (t->idle > IDLE_TICKS && !t->in->changed)
		end_ticking(t);
	else
		/* Others get their turn before the next round. */
		tick_in(t, n == ROUND_PACKETS ? 0 : TICK_MS);
}

void
tap_in_again(struct tap_in *t)
{
	if (t->in != NULL)
		begin_ticking(t);
}

void
tap_in_drain(struct tap_in *t, unsigned ms)
{
	uint64_t end = clock_ns() + ms * UINT64_C(1000000);
	struct pollfd p = { .events = POLLIN };

	while (t->ipc != NULL && t->in != NULL && clock_ns() < end) {
		p.fd = ipc_fd(t->ipc);
		if (poll(&p, 1, DRAIN_QUIET_MS) <= 0)
			break;
		if (!ingest_ready(t->in) || ipc_poll(t->ipc, 1) == 0)
			break;
	}
	tap_in_commit(t, true);
}

void
tap_in_peer(struct tap_in *t, int fd)
{
	ipc_free(t->ipc);
	t->greeted = false;
	t->ipc = ipc_new(t->base, fd, ROLE_CAPTURE, ROLE_RELAY, &ops, t);
	if (t->ipc == NULL)
		log_warn("no channel to relayd");
	else if (t->in == NULL || t->ticking)
		ipc_pause(t->ipc);
}

void
tap_in_start(struct tap_in *t, struct ingest *in)
{
	t->in = in;
	if (t->ipc != NULL)
		ipc_resume(t->ipc);
}

void
tap_in_stats(const struct tap_in *t, struct stats *st)
{
	stats_add(st, "tap.connected", t->ipc != NULL && t->greeted);
	stats_add(st, "tap.by_clock", t->ticking);
	stats_add(st, "tap.rounds", t->rounds);
	stats_add(st, "tap.wakeups", t->wakeups);
	stats_add(st, "tap.acks", t->acks);
}

struct tap_in *
tap_in_new(struct event_base *base, void (*turn)(void *), void *arg)
{
	struct tap_in *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->base = base;
	t->turn = turn;
	t->arg = arg;
	mbuf_init(&t->out);
	t->tick = evtimer_new(base, on_tick, t);
	if (t->tick == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
tap_in_free(struct tap_in *t)
{
	if (t == NULL)
		return;
	ipc_free(t->ipc);
	event_free(t->tick);
	mbuf_free(&t->out);
	free(t);
}
