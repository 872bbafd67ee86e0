/*
 * captured's channels: the tap with relayd, the feed, and HOLD with the
 * lanes of the query role, over real socketpairs.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captured/feed.h"
#include "captured/hold.h"
#include "captured/tap_in.h"
#include "common/log.h"
#include "tests/unit/capture_util.h"

#define DEADLINE_NS UINT64_C(10000000000)

/* What the other side of a channel has received. */
struct other {
	struct ipc *ipc;
	unsigned n[MSG_MAX];
	uint64_t seq; /* of the last RESUME or ACK */
	struct feed_head head[16];
	unsigned nheads;
	uint64_t shares, shares_skipped;
	uint64_t reset_to, hello_last;
	bool ended;
};

struct world {
	struct event_base *base;
	char dir[CONF_PATH];
	struct capture_conf conf;
	struct ingest in;
	struct ring r;
	struct tap_in *tap;
	struct hold *hold;
	struct feed feed;
	struct other relay, viewer, lane[2];
	struct ipc *to_viewer; /* captured's end */
	unsigned late[ROLE_MAX];
	unsigned turns;
};

static const uint8_t epoch[16] = { 8 };

static void
take_seq(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct other *o = arg;
	uint8_t e[16];

	msg_get_raw(&m->cur, e, sizeof(e));
	o->seq = msg_get_u64(&m->cur);
	assert_int_equal(msg_end(&m->cur), 0);
	assert_memory_equal(e, epoch, 16);
	o->n[m->type]++;
}

static void
take_feed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct other *o = arg;
	struct message_rec r;

	o->n[m->type]++;
	if (m->type == MSG_FEED_HELLO) {
		m->cur.p += 16;
		m->cur.left -= 16;
		o->hello_last = msg_get_u64(&m->cur);
		msg_get_u64(&m->cur);
	} else if (m->type == MSG_FEED_RESET) {
		o->reset_to = msg_get_u64(&m->cur);
	} else if (m->type == MSG_FEED_SHARES) {
		struct share_head h;
		struct share_rec s;

		share_head_get(&m->cur, &h);
		for (uint32_t i = 0; i < h.count; i++)
			share_get(&m->cur, &s);
		o->shares += h.count;
		o->shares_skipped = h.skipped;
		assert_int_equal(h.committed, 77);
	} else {
		assert_true(o->nheads < 16);
		feed_head_get(&m->cur, &o->head[o->nheads]);
		for (uint32_t i = 0; i < o->head[o->nheads].count; i++)
			message_get(&m->cur, &r);
		assert_int_equal(r.pos, o->head[o->nheads].last);
		o->nheads++;
	}
	assert_int_equal(msg_end(&m->cur), 0);
}

static void
take_any(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct other *o = arg;

	o->n[m->type]++;
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct other *o = arg;

	o->ended = true;
}

static const struct ipc_handler other_handlers[] = {
	{ MSG_TAP_RESUME, take_seq },
	{ MSG_TAP_ACK, take_seq },
	{ MSG_FEED_HELLO, take_feed },
	{ MSG_FEED_BATCH, take_feed },
	{ MSG_FEED_SHARES, take_feed },
	{ MSG_FEED_RESET, take_feed },
	{ MSG_HOLD, take_any },
	{ MSG_GO, take_any },
	{ MSG_NONE, NULL },
};
static const struct ipc_ops other_ops = { .handlers = other_handlers,
	.on_end = on_end };
static const struct ipc_handler no_handlers[] = { { MSG_NONE, NULL } };
static const struct ipc_ops no_ops = { .handlers = no_handlers,
	.on_end = on_end };

static void
on_turn(void *arg)
{
	struct world *w = arg;

	w->turns++;
}

static void
on_late(void *arg, enum role role)
{
	struct world *w = arg;

	w->late[role]++;
}

/* The other side of a new channel; captured's end is returned. */
static int
connect_other(struct world *w, struct other *o, enum role role)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	o->ipc = ipc_new(w->base, fds[1], role, ROLE_CAPTURE, &other_ops, o);
	assert_non_null(o->ipc);
	return fds[0];
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char err[256];

	w->base = event_base_new();
	test_dir(w->dir, sizeof(w->dir));
	test_conf(&w->conf, w->dir);
	w->conf.commit_ms = 20;
	w->conf.ack_ms = 1;
	ring_init(&w->r);
	assert_int_equal(ingest_open(&w->in, &w->conf, err, sizeof(err)), 0);
	w->tap = tap_in_new(w->base, on_turn, w);
	w->hold = hold_new(w->base, on_late, w);
	feed_init(&w->feed);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	tap_in_free(w->tap);
	hold_free(w->hold);
	feed_free(&w->feed);
	ipc_free(w->to_viewer);
	ipc_free(w->relay.ipc);
	ipc_free(w->viewer.ipc);
	ipc_free(w->lane[0].ipc);
	ipc_free(w->lane[1].ipc);
	ingest_close(&w->in);
	ring_free(&w->r);
	event_base_free(w->base);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

/* Lets events happen until it is so. */
#define UNTIL(w, what)                                        \
	do {                                                  \
		uint64_t end_ = clock_ns() + DEADLINE_NS;     \
		while (!(what)) {                             \
			if (clock_ns() > end_)                \
				fail_msg("never: %s", #what); \
			event_base_loop((w)->base,            \
			    EVLOOP_ONCE | EVLOOP_NONBLOCK);   \
		}                                             \
	} while (0)

/* --- the tap --- */

static void
hello(struct world *w)
{
	struct mbuf b;

	mbuf_init(&b);
	msg_put_u32(&b, MSG_PROTOCOL);
	msg_put_raw(&b, epoch, sizeof(epoch));
	msg_put_u64(&b, clock_ns());
	msg_put_i64(&b, TEST_OFFSET);
	msg_put_u64(&b, 1 << 26);
	assert_int_equal(ipc_send(w->relay.ipc, MSG_TAP_HELLO, 0, -1, &b), 0);
	mbuf_free(&b);
}

static void
send_ring(struct world *w)
{
	assert_int_equal(ipc_send(w->relay.ipc, MSG_TAP_BATCH, 0, -1,
			     &w->r.data),
	    0);
	ring_reset(&w->r);
}

static uint64_t
tap_stat(const struct world *w, const char *name)
{
	static struct stats st;

	st.n = 0;
	tap_in_stats(w->tap, &st);
	return stats_value(&st, name);
}

static void
test_tap(void **state)
{
	static const char text[] = "{\"id\":1,\"method\":\"x\"}\n";
	struct world *w = *state;

	/* A relayd that is there before the store is open waits. */
	tap_in_peer(w->tap, connect_other(w, &w->relay, ROLE_RELAY));
	hello(w);
	event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(w->relay.n[MSG_TAP_RESUME], 0);
	tap_in_start(w->tap, &w->in);
	UNTIL(w, w->relay.n[MSG_TAP_RESUME] == 1);
	assert_int_equal(w->relay.seq, 0);
	ring_open(&w->r, 1, true);
	ring_chunk(&w->r, 1, 0, 0, text, sizeof(text) - 1, true);
	send_ring(w);
	UNTIL(w, w->relay.seq == 2);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM messages"),
	    1);
	/* Nothing comes: it waits by event again, and hears when it does. */
	UNTIL(w, tap_stat(w, "tap.by_clock") == 0);
	assert_int_equal(tap_stat(w, "tap.wakeups"), 1);
	ring_chunk(&w->r, 1, 0, sizeof(text) - 1, text, sizeof(text) - 1, true);
	send_ring(w);
	UNTIL(w, w->relay.seq == 3);
	assert_int_equal(tap_stat(w, "tap.wakeups"), 2);
	/* A newer relayd channel: goes on behind what is committed. */
	ipc_free(w->relay.ipc);
	tap_in_peer(w->tap, connect_other(w, &w->relay, ROLE_RELAY));
	hello(w);
	UNTIL(w, w->relay.n[MSG_TAP_RESUME] == 2);
	assert_int_equal(w->relay.seq, 3);
}

static void
test_tap_bad(void **state)
{
	struct world *w = *state;

	tap_in_start(w->tap, &w->in);
	tap_in_peer(w->tap, connect_other(w, &w->relay, ROLE_RELAY));
	ring_open(&w->r, 1, true);
	send_ring(w); /* before HELLO: not taken */
	hello(w);
	UNTIL(w, w->relay.n[MSG_TAP_RESUME] == 1);
	assert_int_equal(w->in.n.sessions, 0);
	msg_put_raw(&w->r.data, "not an entry", 12);
	send_ring(w);
	UNTIL(w, w->in.n.malformed == 1);
	/* The channel serves on. */
	ring_open(&w->r, 2, true);
	send_ring(w);
	UNTIL(w, w->in.n.sessions == 1);
}

static void
test_drain(void **state)
{
	struct world *w = *state;

	tap_in_start(w->tap, &w->in);
	tap_in_peer(w->tap, connect_other(w, &w->relay, ROLE_RELAY));
	hello(w);
	UNTIL(w, w->relay.n[MSG_TAP_RESUME] == 1);
	ring_open(&w->r, 1, true);
	for (uint64_t i = 0; i < 5; i++) {
		ring_chunk(&w->r, 1, 0, i * 3, "{}\n", 3, true);
		send_ring(w);
	}
	tap_in_drain(w->tap, 1000);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM messages"),
	    5);
}

/* --- the feed --- */

static void
message(struct feed *f, uint64_t pos, size_t len)
{
	static uint8_t raw[60000];
	struct message_rec r = { .pos = pos,
		.raw = raw,
		.raw_len = (uint32_t)len };

	memset(raw, 'x', len);
	feed_message(f, &r);
}

static void
subscribe(struct world *w)
{
	int fd = connect_other(w, &w->viewer, ROLE_CONTROL);

	w->to_viewer = ipc_new(w->base, fd, ROLE_CAPTURE, ROLE_CONTROL, &no_ops,
	    &w->viewer);
	assert_non_null(w->to_viewer);
	assert_int_equal(feed_subscribe(&w->feed, w->to_viewer, 5,
			     FEED_MESSAGES, 100, 90, 80),
	    0);
}

static void
test_feed(void **state)
{
	static const uint8_t id[16] = { 1 };
	struct world *w = *state;
	const struct feed_head *h = w->viewer.head;

	feed_store(&w->feed, id, 100);
	message(&w->feed, 100, 10); /* nobody is there */
	assert_false(feed_waiting(&w->feed));
	subscribe(w);
	UNTIL(w, w->viewer.n[MSG_FEED_RESET] == 1);
	assert_int_equal(w->viewer.hello_last, 100);
	assert_int_equal(w->viewer.reset_to, 80);
	message(&w->feed, 101, 10);
	message(&w->feed, 102, 10);
	assert_true(feed_waiting(&w->feed));
	feed_flush(&w->feed, 100, clock_ns());
	UNTIL(w, w->viewer.nheads == 1);
	assert_int_equal(h[0].prev, 100);
	assert_int_equal(h[0].first, 101);
	assert_int_equal(h[0].last, 102);
	assert_int_equal(h[0].committed, 100);
	assert_memory_equal(h[0].store_id, id, 16);
	/* Soon after, it waits for more; a big one goes at once. */
	message(&w->feed, 103, 10);
	feed_flush(&w->feed, 102, w->feed.sent_ns + 1000);
	assert_true(feed_waiting(&w->feed));
	message(&w->feed, 107, 60000);
	message(&w->feed, 108, 60000);
	assert_false(feed_waiting(&w->feed));
	UNTIL(w, w->viewer.nheads == 2);
	assert_int_equal(h[1].prev, 102);
	assert_int_equal(h[1].first, 103);
	assert_int_equal(h[1].last, 108);
}

/* A viewer that does not read: batches are left out, and it can see it. */
static void
test_feed_full(void **state)
{
	static const uint8_t id[16] = { 1 };
	struct world *w = *state;
	uint64_t pos = 100;

	feed_store(&w->feed, id, 100);
	subscribe(w);
	while (w->feed.skipped == 0) {
		message(&w->feed, ++pos, 60000);
		assert_true(pos < 1000);
	}
	assert_true(ipc_queued(w->to_viewer) < 2u << 20);
	w->viewer.nheads = 0;
	UNTIL(w, (w->viewer.nheads &= 7, ipc_queued(w->to_viewer) == 0));
	UNTIL(w, w->viewer.n[MSG_FEED_BATCH] == w->feed.batches);
	w->viewer.nheads = 0;
	message(&w->feed, ++pos, 60000);
	message(&w->feed, ++pos, 60000);
	UNTIL(w, w->viewer.nheads > 0);
	/* Its cursor is not this: something is missing. */
	assert_true(w->viewer.head[0].prev > 100 + w->feed.batches);
}

/* Only who asked for shares gets them; and is told how many it missed. */
static void
test_feed_shares(void **state)
{
	static const uint8_t id[16] = { 1 };
	struct world *w = *state;
	struct share_rec s = { .pos = 101, .formula = WORK_FORMULAS };
	unsigned sent = 0;

	feed_store(&w->feed, id, 100);
	subscribe(w);
	feed_share(&w->feed, &s);
	assert_false(feed_waiting(&w->feed));
	assert_int_equal(feed_subscribe(&w->feed, w->to_viewer, 6, FEED_SHARES,
			     100, 77, 80),
	    0);
	feed_share(&w->feed, &s);
	assert_true(feed_waiting(&w->feed));
	feed_flush(&w->feed, 77, clock_ns());
	assert_false(feed_waiting(&w->feed));
	UNTIL(w, w->viewer.shares == 1);
	assert_int_equal(w->viewer.shares_skipped, 0);
	while (w->feed.sub[0].shares_skipped == 0) {
		feed_share(&w->feed, &s);
		assert_true(++sent < 100000);
	}
	assert_true(ipc_queued(w->to_viewer) < 2u << 20);
	UNTIL(w, ipc_queued(w->to_viewer) == 0);
	feed_flush(&w->feed, 77, w->feed.sent_ns + UINT64_C(10000000));
	feed_share(&w->feed, &s);
	feed_flush(&w->feed, 77, w->feed.sent_ns + UINT64_C(10000000));
	UNTIL(w, w->viewer.shares_skipped > 0);
	UNTIL(w, w->viewer.shares + w->viewer.shares_skipped == sent + 2);
	feed_unsubscribe(&w->feed, w->to_viewer);
	feed_share(&w->feed, &s);
	assert_false(feed_waiting(&w->feed));
}

/* --- HOLD --- */

/* A commit makes the WAL larger than this. */
static void
grow_wal(struct world *w)
{
	ingest_hello(&w->in, epoch, TEST_OFFSET);
	ring_open(&w->r, 1, true);
	ring_give(&w->r, 0, w->r.n, &w->in);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_true(store_wal_bytes(w->in.store) > 1);
	hold_store(w->hold, w->in.store);
	/* Late is who was not heard of for so long, not we. */
	hold_conf(w->hold, 1, 1000);
}

static void
lanes(struct world *w)
{
	hold_lane(w->hold, ROLE_QUERY_PAGE,
	    connect_other(w, &w->lane[0], ROLE_QUERY_PAGE));
	hold_lane(w->hold, ROLE_QUERY_SEARCH,
	    connect_other(w, &w->lane[1], ROLE_QUERY_SEARCH));
}

static void
held(struct other *o)
{
	assert_int_equal(ipc_send_empty(o->ipc, MSG_HELD, 0), 0);
}

static void
test_hold(void **state)
{
	struct world *w = *state;

	lanes(w);
	grow_wal(w);
	hold_check(w->hold);
	hold_check(w->hold);
	UNTIL(w, w->lane[0].n[MSG_HOLD] == 1 && w->lane[1].n[MSG_HOLD] == 1);
	held(&w->lane[0]);
	/* One of two is not enough. */
	UNTIL(w, w->late[ROLE_QUERY_SEARCH] == 1);
	assert_int_equal(w->late[ROLE_QUERY_PAGE], 0);
	assert_true(store_wal_bytes(w->in.store) > 1);
	assert_int_equal(w->lane[0].n[MSG_GO], 0);
	held(&w->lane[1]);
	UNTIL(w, w->lane[0].n[MSG_GO] == 1 && w->lane[1].n[MSG_GO] == 1);
	assert_int_equal(store_wal_bytes(w->in.store), 0);
}

/* The supervisor ends the one that is late: then it counts no more, and its
 * successor is held as well until it is over. */
static void
test_hold_restart(void **state)
{
	struct world *w = *state;

	lanes(w);
	grow_wal(w);
	hold_check(w->hold);
	UNTIL(w, w->lane[1].n[MSG_HOLD] == 1);
	ipc_free(w->lane[1].ipc);
	memset(&w->lane[1], 0, sizeof(w->lane[1]));
	hold_lane(w->hold, ROLE_QUERY_SEARCH,
	    connect_other(w, &w->lane[1], ROLE_QUERY_SEARCH));
	UNTIL(w, w->lane[1].n[MSG_HOLD] == 1);
	held(&w->lane[0]);
	ipc_free(w->lane[1].ipc);
	w->lane[1].ipc = NULL;
	UNTIL(w, w->lane[0].n[MSG_GO] == 1);
	assert_int_equal(store_wal_bytes(w->in.store), 0);
}

static void
quiet(void *arg, enum log_level level, const uint8_t *session, const char *text)
{
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_tap),
		T(test_tap_bad),
		T(test_drain),
		T(test_feed),
		T(test_feed_full),
		T(test_feed_shares),
		T(test_hold),
		T(test_hold_restart),
	};

	log_init("test_capture_ipc");
	log_set_sink(quiet, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
