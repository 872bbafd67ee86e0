/*
 * For tests of what a process may not do: such a process has to be a child
 * of the test.  The child runs a function and ends with its result; CHECK
 * in it says what was wrong on stderr and ends it with 99.
 */
#ifndef TESTS_UNIT_SUBPROC_H
#define TESTS_UNIT_SUBPROC_H

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SUBPROC_DEADLINE_MS 20000

#define CHECK(x)                                                              \
	do {                                                                  \
		if (!(x)) {                                                   \
			dprintf(2, "%s:%d: child: %s (errno %d)\n", __FILE__, \
			    __LINE__, #x, errno);                             \
			_exit(99);                                            \
		}                                                             \
	} while (0)

static inline int64_t
subproc_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One byte from a pipe: 1, or 0 at its end, or -1 after the deadline. */
static inline int
subproc_hear(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t end = subproc_now_ms() + SUBPROC_DEADLINE_MS, left;
	char c;

	while ((left = end - subproc_now_ms()) > 0)
		if (poll(&pfd, 1, (int)left) == 1)
			return (int)read(fd, &c, 1);
	return -1;
}

static inline void
subproc_tell(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

static inline pid_t
subproc_start(void (*fn)(const void *), const void *arg)
{
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) != 0)
		return pid;
	alarm(SUBPROC_DEADLINE_MS / 1000);
	fn(arg);
	_exit(0);
}

/* The wait status; alarm() in the child sees to it that there is one. */
static inline int
subproc_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			abort();
	return status;
}

static inline int
subproc_run(void (*fn)(const void *), const void *arg)
{
	return subproc_wait(subproc_start(fn, arg));
}

/* A line of /proc/PID/NAME, "Uid:" say, without its name and tabs. */
static inline int
subproc_status(pid_t pid, const char *field, char *buf, size_t len)
{
	char path[64], line[512];
	size_t n = strlen(field);
	int found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return -1;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		found = strncmp(line, field, n) == 0 && line[n] == ':';
		if (found) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(buf, len, "%s",
			    line + n + 1 + strspn(line + n + 1, "\t "));
		}
	}
	fclose(f);
	return found ? 0 : -1;
}

#endif
