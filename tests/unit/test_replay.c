/*
 * relayd's replay channel: one end of a socketpair stands where a miner
 * would, and what it says is told to captured as HashScope's own.
 */
#include <sys/socket.h>

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/relay_int.h"
#include "relayd/tap_int.h"

#define DEADLINE_MS 5000

static struct {
	struct relay relay;
	struct listener *listener;
	struct ipc *supervisor, *relayd;
	int pool; /* listening */
	struct pool_conf wanted;
	int replies;
	bool ok;
} w;

static void
on_bury(evutil_socket_t fd, short what, void *arg)
{
}

static void
on_reply(struct ipc *ipc, struct msg_in *m, void *arg)
{
	char why[128];

	w.replies++;
	w.ok = msg_get_u8(&m->cur) != 0;
	msg_get_str(&m->cur, why, sizeof(why));
	assert_int_equal(msg_end(&m->cur), 0);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	fail();
}

static const struct ipc_handler sup_handlers[] = { { MSG_REPLY, on_reply },
	{ MSG_NONE, NULL } };
static const struct ipc_handler relay_handlers[] = {
	{ MSG_REPLAY, request_replay },
	{ MSG_NONE, NULL },
};
static const struct ipc_ops sup_ops = { .handlers = sup_handlers,
	.on_end = on_end };
static const struct ipc_ops relay_ops = { .handlers = relay_handlers,
	.on_end = on_end };

static int
setup(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct pool_conf pc = { .host = "127.0.0.1" };
	socklen_t len = sizeof(in);
	int fds[2];

	memset(&w, 0, sizeof(w));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w.pool = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(w.pool, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(w.pool, 8), 0);
	assert_int_equal(getsockname(w.pool, (struct sockaddr *)&in, &len), 0);
	pc.port = ntohs(in.sin_port);

	TAILQ_INIT(&w.relay.sessions);
	TAILQ_INIT(&w.relay.dead);
	LIST_INIT(&w.relay.pools);
	w.relay.base = event_base_new();
	w.relay.max_sessions = 1;
	w.relay.conf.session_buffer = 65536;
	w.relay.conf.connect_ms = w.relay.conf.reset_ms = 1000;
	w.relay.limits = limits_new();
	w.relay.bury = event_new(w.relay.base, -1, 0, on_bury, NULL);
	w.relay.tap = tap_new(&w.relay, 256 * 1024);
	w.listener = calloc(1, sizeof(*w.listener));
	assert_non_null(w.listener);
	w.listener->refs = 1;
	w.listener->fd = -1;
	strcpy(w.listener->conf.name, "127.0.0.1:1");
	w.listener->pools[0] = pool_get(&w.relay, &pc);
	w.listener->npools = 1;
	w.relay.listeners[0] = w.listener;
	w.relay.nlisteners = 1;
	assert_int_equal(ipc_pair(fds), 0);
	w.supervisor = ipc_new(w.relay.base, fds[0], ROLE_SUPERVISOR,
	    ROLE_RELAY, &sup_ops, NULL);
	w.relayd = ipc_new(w.relay.base, fds[1], ROLE_RELAY, ROLE_SUPERVISOR,
	    &relay_ops, &w.relay);
	assert_non_null(w.supervisor);
	assert_non_null(w.relayd);
	return 0;
}

static int
teardown(void **state)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&w.relay.dead)) != NULL) {
		TAILQ_REMOVE(&w.relay.dead, s, entry);
		session_free(s);
	}
	for (uint32_t i = 0; i < w.relay.tap->nslots; i++) {
		if (w.relay.tap->slots[i] != NULL)
			session_free(w.relay.tap->slots[i]);
	}
	listener_free(w.listener);
	tap_free(w.relay.tap);
	limits_free(w.relay.limits);
	ipc_free(w.supervisor);
	ipc_free(w.relayd);
	event_free(w.relay.bury);
	event_base_free(w.relay.base);
	close(w.pool);
	return 0;
}

/* The loop runs until fd can be read. */
static void
until_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end = mono_ms() + DEADLINE_MS;

	while (poll(&p, 1, 1) == 0) {
		assert_true(mono_ms() < end);
		event_base_loop(w.relay.base, EVLOOP_NONBLOCK);
	}
}

static void
until_replied(int n)
{
	uint64_t end = mono_ms() + DEADLINE_MS;

	while (w.replies < n) {
		assert_true(mono_ms() < end);
		event_base_loop(w.relay.base, EVLOOP_NONBLOCK);
	}
}

/* Asks for a replay; our end of its socketpair. */
static int
ask(const char *listener)
{
	struct replay_ask a = { .replay_of = 77 };
	struct mbuf body;
	int fds[2], n = w.replies + 1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	mbuf_init(&body);
	snprintf(a.listener, sizeof(a.listener), "%s", listener);
	a.pool = w.wanted;
	replay_ask_put(&body, &a);
	assert_int_equal(ipc_send(w.supervisor, MSG_REPLAY, 1, fds[1], &body),
	    0);
	mbuf_free(&body);
	close(fds[1]);
	until_replied(n);
	return fds[0];
}

static void
expect(int fd, const char *text)
{
	char got[64] = "";
	size_t n = 0;

	while (n < strlen(text)) {
		ssize_t r;

		until_readable(fd);
		r = read(fd, got + n, sizeof(got) - n);
		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

/* Entries of one kind that lie in the ring; the last goes to *e. */
static unsigned
told(enum tap_kind kind, struct tap_entry *e)
{
	const struct tap *t = w.relay.tap;
	unsigned n = 0;

	for (uint64_t p = t->head; p != t->tail;
	     p = tap_normal(t, p + tap_entry_size(tap_at(t, p)))) {
		if (tap_at(t, p)->kind != kind)
			continue;
		e->h = *tap_at(t, p);
		e->payload = (const uint8_t *)(tap_at(t, p) + 1);
		n++;
	}
	return n;
}

static void
relayed_and_told(void **state)
{
	struct tap_entry e;
	struct tap_open open;
	int us = ask(""), pool;

	assert_true(w.ok);
	until_readable(w.pool);
	pool = accept(w.pool, NULL, NULL);
	assert_true(pool >= 0);
	assert_int_equal(write(us, "submit\n", 7), 7);
	expect(pool, "submit\n");
	assert_int_equal(write(pool, "true\n", 5), 5);
	expect(us, "true\n");

	assert_int_equal(told(TAP_OPEN, &e), 1);
	assert_int_equal(e.h.flags, TAP_REPLAY);
	memcpy(&open, e.payload, sizeof(open));
	assert_string_equal(open.peer, "hashscope");
	assert_int_equal(open.replay_of, 77);
	assert_int_equal(told(TAP_CHUNK, &e), 2);
	assert_int_equal(e.h.dir, DIR_POOL_TO_MINER);
	assert_int_equal(e.h.len, 5);

	/* FIN for FIN, and the session is over. */
	close(us);
	until_readable(pool);
	assert_int_equal(read(pool, &open, 1), 0);
	close(pool);
	for (uint64_t end = mono_ms() + DEADLINE_MS;
	     told(TAP_CLOSED, &e) == 0;) {
		assert_true(mono_ms() < end);
		event_base_loop(w.relay.base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(w.relay.nsessions, 0);
}

static void
refused(void **state)
{
	char c;
	int one, other;

	other = ask("192.0.2.1:1");
	assert_false(w.ok);
	assert_int_equal(read(other, &c, 1), 0);
	close(other);
	one = ask("127.0.0.1:1");
	assert_true(w.ok);
	other = ask("");
	assert_false(w.ok);
	assert_int_equal(read(other, &c, 1), 0);
	close(other);
	close(one);
	session_finish(TAILQ_FIRST(&w.relay.sessions), "shutdown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relayed_and_told, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
