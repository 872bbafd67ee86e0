/*
 * The life of a child, against a supervisor that is this test.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/proc.h"

#define NOBODY 65534u
#define LATE   42 /* a message came when the role had gone */

static char state_of_role;

static void *
role_new(void)
{
	return &state_of_role;
}

static void
nothing(void *arg)
{
}

static int
prepare(void *arg, char *why, size_t size)
{
	return 0;
}

static void
start(struct proc *p, void *arg)
{
}

static void
sandbox(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_PASSFD;
}

static void
peer(struct proc *p, enum role role, uint32_t generation, int fd, void *arg)
{
	_exit(LATE);
}

static void
role_shutdown(struct proc *p, void *arg)
{
	proc_exit(p, 0);
}

static const struct proc_role roles[] = {
	{ .role = ROLE_CAPTURE,
	    .name = "role",
	    .create = role_new,
	    .conf_begin = nothing,
	    .conf_prepare = prepare,
	    .conf_commit = nothing,
	    .start = start,
	    .sandbox = sandbox,
	    .peer = peer,
	    .shutdown = role_shutdown },
	{ .name = NULL },
};

/* The child's pid; our end of its channel. */
static pid_t
spawn(int *channel)
{
	char name[] = "role", *argv[] = { name, NULL };
	int fds[2];
	pid_t pid;

	assert_int_equal(ipc_pair(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(fds[1], PROC_FD) == -1)
			_exit(1);
		_exit(proc_main(1, argv, roles));
	}
	close(fds[1]);
	*channel = fds[0];
	return pid;
}

static void
say(int fd, enum msg_type type, const struct mbuf *body)
{
	assert_int_equal(ipc_write_blocking(fd, type, 0, body), 0);
}

/* Waits for this message, past the log. */
static void
hear(int fd, unsigned want)
{
	struct mbuf body;
	unsigned type = MSG_LOG;
	uint32_t id;
	int passed;

	mbuf_init(&body);
	while (type == MSG_LOG)
		assert_int_equal(ipc_read_blocking(fd, ROLE_SUPERVISOR,
				     ROLE_CAPTURE, &body, &type, &id, &passed),
		    0);
	assert_int_equal(type, want);
	mbuf_free(&body);
}

static void
bring_up(int fd)
{
	struct proc_hello hello = { .role = ROLE_CAPTURE,
		.generation = 1,
		.is_root = geteuid() == 0,
		.uid = NOBODY,
		.gid = NOBODY,
		.parent = (uint32_t)getpid() };
	struct mbuf body;

	mbuf_init(&body);
	proc_hello_put(&body, &hello);
	say(fd, MSG_HELLO, &body);
	mbuf_free(&body);
	say(fd, MSG_CONF_BEGIN, NULL);
	say(fd, MSG_CONF_END, NULL);
	hear(fd, MSG_CONF_PREPARED);
	say(fd, MSG_CONF_COMMIT, NULL);
	hear(fd, MSG_READY);
}

/*
 * A peer that is introduced while the child is told to go: the role has
 * freed what it had, and must not hear of it.
 */
static void
nothing_after_the_end(void **state)
{
	struct mbuf body;
	int fd, status, pair[2];
	pid_t pid = spawn(&fd);

	bring_up(fd);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	say(fd, MSG_SHUTDOWN, NULL);
	mbuf_init(&body);
	msg_put_u16(&body, MSG_PEER);
	msg_put_u16(&body, 0);
	msg_put_u32(&body, 0);
	msg_put_u32(&body, ROLE_RELAY);
	msg_put_u32(&body, 1);
	assert_int_equal(ipc_pair(pair), 0);
	assert_true(ipc_send_fd(fd, body.data, body.len, pair[0], 0) > 0);
	mbuf_free(&body);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

/* The same message does reach a role that serves. */
static void
peer_is_heard(void **state)
{
	struct mbuf body;
	int fd, status, pair[2];
	pid_t pid = spawn(&fd);

	bring_up(fd);
	mbuf_init(&body);
	msg_put_u16(&body, MSG_PEER);
	msg_put_u16(&body, 0);
	msg_put_u32(&body, 0);
	msg_put_u32(&body, ROLE_RELAY);
	msg_put_u32(&body, 1);
	assert_int_equal(ipc_pair(pair), 0);
	assert_true(ipc_send_fd(fd, body.data, body.len, pair[0], 0) > 0);
	mbuf_free(&body);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), LATE);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_after_the_end),
		cmocka_unit_test(peer_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
