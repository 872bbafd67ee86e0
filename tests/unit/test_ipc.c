/*
 * Reading a channel without a loop: what every child does first.
 */
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_comes_first),
		cmocka_unit_test(test_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
