/*
 * Reading a channel without a loop: what every child does first.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc.h"

/* Sends once the other has been seen to wait, or after a while. */
static void
send_late(int fd)
{
	struct mbuf body;

	mbuf_init(&body);
	msg_put_u8(&body, 7);
	poll(NULL, 0, 50);
	_exit(ipc_write_blocking(fd, MSG_LOG_LEVEL, 9, &body) == -1);
}

/* A child may be faster than the supervisor that is to greet it. */
static void
test_reader_comes_first(void **state)
{
	struct mbuf body;
	unsigned type;
	uint32_t id;
	int fds[2], fd, status;
	pid_t pid;

	mbuf_init(&body);
	assert_int_equal(ipc_pair(fds), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0)
		send_late(fds[0]);
	assert_int_equal(ipc_read_blocking(fds[1], ROLE_RELAY, ROLE_SUPERVISOR,
			     &body, &type, &id, &fd),
	    0);
	assert_int_equal(type, MSG_LOG_LEVEL);
	assert_int_equal(id, 9);
	assert_int_equal(fd, -1);
	assert_int_equal(body.len, 1);
	assert_int_equal(body.data[0], 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mbuf_free(&body);
	close(fds[0]);
	close(fds[1]);
}

static void
test_nobody_is_there(void **state)
{
	struct mbuf body;
	unsigned type;
	uint32_t id;
	int fds[2], fd;

	mbuf_init(&body);
	assert_int_equal(ipc_pair(fds), 0);
	close(fds[0]);
	assert_int_equal(ipc_read_blocking(fds[1], ROLE_RELAY, ROLE_SUPERVISOR,
			     &body, &type, &id, &fd),
	    -1);
	assert_int_equal(errno, 0);
	mbuf_free(&body);
	close(fds[1]);
}

/* --- several in a packet --- */

struct ends {
	struct event_base *base;
	struct ipc *query, *api;
	int fds[2]; /* the same, by hand */
	unsigned rows, ends, bad;
	size_t bytes;
	uint32_t last;
	bool free_at_once;
};

static void
on_row(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct ends *e = arg;

	assert_int_equal(m->id, ++e->last);
	assert_int_equal(m->fd, -1);
	e->rows++;
	e->bytes += m->cur.left;
	for (; m->cur.left > 0; m->cur.p++, m->cur.left--)
		assert_int_equal(*m->cur.p, (uint8_t)m->id);
	if (e->free_at_once) {
		ipc_free(ipc);
		e->api = NULL;
	}
}

static void
on_query_end(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct ends *e = arg;

	assert_int_equal(m->id, e->last);
	e->ends++;
}

static void
on_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	struct ends *e = arg;

	e->bad++;
}

static const struct ipc_handler handlers[] = {
	{ MSG_ROW_MESSAGE, on_row },
	{ MSG_QUERY_END, on_query_end },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops ops = { .handlers = handlers, .on_bad = on_bad };

static void
ends_open(struct ends *e, bool by_hand)
{
	memset(e, 0, sizeof(*e));
	e->base = event_base_new();
	assert_non_null(e->base);
	assert_int_equal(ipc_pair(e->fds), 0);
	e->api = ipc_new(e->base, e->fds[1], ROLE_API, ROLE_QUERY_PAGE, &ops,
	    e);
	assert_non_null(e->api);
	if (by_hand)
		return;
	e->query = ipc_new(e->base, e->fds[0], ROLE_QUERY_PAGE, ROLE_API, &ops,
	    e);
	assert_non_null(e->query);
}

static void
ends_close(struct ends *e)
{
	ipc_free(e->api);
	if (e->query != NULL)
		ipc_free(e->query);
	else
		close(e->fds[0]);
	event_base_free(e->base);
}

static void
together(struct ends *e, uint32_t id, size_t len)
{
	struct mbuf body;

	mbuf_init(&body);
	for (size_t i = 0; i < len; i++)
		msg_put_u8(&body, (uint8_t)id);
	assert_int_equal(ipc_send_together(e->query, MSG_ROW_MESSAGE, id,
			     &body),
	    0);
	mbuf_free(&body);
}

/* Of any length, in their order; a page of 100 rows in a packet or two. */
static void
test_together(void **state)
{
	static const size_t sizes[] = { 0, 1, MSG_PACKET_MAX - 13,
		MSG_PACKET_MAX - 12, MSG_PACKET_MAX - 11, MSG_PACKET_MAX,
		MSG_PACKET_MAX + 1, 100, MSG_RECORD_MAX, 7 };
	struct ends e;
	uint32_t id = 0;
	size_t sum = 0;

	ends_open(&e, false);
	for (unsigned i = 0; i < 100; i++)
		together(&e, ++id, 300);
	assert_int_equal(e.rows, 0);
	assert_int_equal(ipc_send_empty(e.query, MSG_QUERY_END, id), 0);
	assert_int_equal(ipc_poll(e.api, 100), 2);
	assert_int_equal(e.rows, 100);
	assert_int_equal(e.ends, 1);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		together(&e, ++id, sizes[i]);
		sum += sizes[i];
	}
	assert_int_equal(ipc_flush(e.query), 0);
	assert_int_equal(ipc_flush(e.query), 0);
	/* What the socket had no room for goes by events. */
	while (e.rows < id)
		assert_int_equal(event_base_loop(e.base, EVLOOP_ONCE), 0);
	assert_int_equal(e.bytes, 100 * 300 + sum);
	assert_int_equal(e.bad, 0);
	ends_close(&e);
}

/* The list is asked for these as well, and the queue has its bound. */
static void
test_together_refused(void **state)
{
	struct ends e;
	struct mbuf body;

	ends_open(&e, false);
	mbuf_init(&body);
	assert_int_equal(ipc_send_together(e.query, MSG_QUERY, 1, &body), -1);
	assert_int_equal(errno, EINVAL);
	for (unsigned i = 0; i < 1000; i++)
		msg_put_u8(&body, 1);
	ipc_set_limit(e.query, 1500);
	assert_int_equal(ipc_send_together(e.query, MSG_ROW_MESSAGE, 1, &body),
	    0);
	assert_int_equal(ipc_send_together(e.query, MSG_ROW_MESSAGE, 2, &body),
	    -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(ipc_flush(e.query), 0);
	assert_int_equal(ipc_poll(e.api, 10), 1);
	assert_int_equal(e.rows, 1);
	mbuf_free(&body);
	ends_close(&e);
}

/* A channel that ends inside a packet takes no more of it. */
static void
test_together_freed(void **state)
{
	struct ends e;

	ends_open(&e, false);
	e.free_at_once = true;
	together(&e, 1, 10);
	together(&e, 2, 10);
	assert_int_equal(ipc_flush(e.query), 0);
	(void)ipc_poll(e.api, 10);
	assert_null(e.api);
	assert_int_equal(e.rows, 1);
	assert_int_equal(e.bad, 0);
	ends_close(&e);
}

struct torn {
	const char *what;
	uint8_t bytes[32];
	size_t len;
	unsigned rows, bad;
};

#define MANY 0, 0, 2, 0, 0, 0, 0, 0
#define ROW  MSG_ROW_MESSAGE & 255, MSG_ROW_MESSAGE >> 8

/* A peer that has been taken over sends what it likes. */
static void
test_together_torn(void **state)
{
	static const struct torn table[] = {
		{ "nothing in it", { MANY }, 8, 0, 0 },
		{ "less than a head", { MANY, ROW, 0, 0, 1 }, 13, 0, 1 },
		{ "one", { MANY, ROW, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 }, 21, 1,
		    0 },
		{ "longer than the packet",
		    { MANY, ROW, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1 }, 21, 0, 1 },
		{ "as long as can be",
		    { MANY, ROW, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 1 }, 21,
		    0, 1 },
		{ "many in it", { MANY, ROW, 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 },
		    21, 0, 1 },
		{ "a fragment in it",
		    { MANY, ROW, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 }, 21, 0, 1 },
		{ "one, and a rest",
		    { MANY, ROW, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9 }, 22, 1,
		    1 },
		{ "not the sender's",
		    { MANY, MSG_QUERY, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 }, 20, 0,
		    1 },
		{ "many and more",
		    { 0, 0, 3, 0, 0, 0, 0, 0, ROW, 0, 0, 1, 0, 0, 0, 0, 0, 0,
			0 },
		    20, 0, 1 },
	};
	struct ends e;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ends_open(&e, true);
		assert_int_equal(send(e.fds[0], table[i].bytes, table[i].len,
				     0),
		    table[i].len);
		assert_int_equal(ipc_poll(e.api, 10), 1);
		if (e.rows != table[i].rows || e.bad != table[i].bad)
			fail_msg("%s: %u rows, %u bad", table[i].what, e.rows,
			    e.bad);
		ends_close(&e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_comes_first),
		cmocka_unit_test(test_nobody_is_there),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_together_refused),
		cmocka_unit_test(test_together_freed),
		cmocka_unit_test(test_together_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
