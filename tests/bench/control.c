/*
 * The client's side of the pool's orders.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

int
control_open(uint16_t port)
{
	return (net_connect(port));
}

int
control_cpu(int fd, int cpu)
{
	char buf[32];
	int n = snprintf(buf, sizeof(buf), "!cpu %d\n", cpu);

	if (net_write(fd, buf, (size_t)n) == -1 ||
	    net_line(fd, buf, sizeof(buf)) == -1)
		return (-1);
	return (strcmp(buf, "ok") == 0 ? 0 : -1);
}

int
control_count(int fd, struct pool_count *pc)
{
	char buf[64];

	if (net_write(fd, "!count\n", 7) == -1 ||
	    net_line(fd, buf, sizeof(buf)) == -1)
		return (-1);
	return (
	    sscanf(buf, "count %ld %" SCNu64, &pc->sessions, &pc->lines) == 2 ?
		0 :
		-1);
}

int
control_wait_sessions(int fd, long n)
{
	struct pool_count pc;
	uint64_t moved = now_ns();
	long last = -1;

	for (;;) {
		if (control_count(fd, &pc) == -1)
			return (-1);
		if (pc.sessions == n)
			return (0);
		if (pc.sessions != last)
			moved = now_ns();
		last = pc.sessions;
		if (now_ns() - moved > BENCH_STALL_S * UINT64_C(1000000000))
			return (-1);
		poll(NULL, 0, 5);
	}
}
