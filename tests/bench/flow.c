/*
 * Submits and answers in many sessions at once: as many outstanding in each
 * as asked for, as fast as the answers come or at a given rate, until the
 * count or the time is reached and the last answer is there.
 */

#include <sys/epoll.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

/* How many more may be sent now, by count and by rate. */
static uint64_t
flow_budget(const struct flow *f, uint64_t now)
{
	uint64_t due;
	double age = (double)(now - f->start) / 1e9;

	if (f->sent >= f->count || age >= f->seconds)
		return (0);
	if (f->rate == 0)
		return (f->count - f->sent);
	due = (uint64_t)(age * (double)f->rate) + 1;
	if (due > f->count)
		due = f->count;
	return (due > f->sent ? due - f->sent : 0);
}

/* n submits in one write, as a busy session's would be read. */
static int
conn_submit(struct flow *f, struct conn *c, int n)
{
	char buf[BENCH_DEPTH_MAX * BENCH_LINE_MAX];
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += line_submit(buf + len, c->n, f->sent++);
	c->outstanding += n;
	return (net_write(c->fd, buf, len));
}

/* Up to want submits into c, as far as its depth allows. */
static int
conn_fill(struct flow *f, struct conn *c, uint64_t want)
{
	int room = f->depth - c->outstanding;

	if (want < (uint64_t)room)
		room = (int)want;
	return (room > 0 ? conn_submit(f, c, room) : 0);
}

/* At a rate: one line a session in turn, each a packet of its own. */
static int
flow_send(struct client *cl, struct flow *f, uint64_t want)
{
	static int turn;
	int full = 0;

	while (want > 0 && full < cl->nconn) {
		struct conn *c = &cl->conn[turn++ % cl->nconn];

		if (turn >= cl->nconn)
			turn = 0;
		if (c->outstanding >= f->depth) {
			full++;
			continue;
		}
		full = 0;
		want--;
		if (conn_submit(f, c, 1) == -1)
			return (-1);
	}
	return (0);
}

static int
conn_answers(struct flow *f, struct conn *c, uint64_t now)
{
	char buf[BENCH_READ];
	ssize_t n = read(c->fd, buf, sizeof(buf));
	int lines;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	lines = (int)count_lf(buf, (size_t)n);
	f->answered += (uint64_t)lines;
	c->outstanding -= lines;
	if (f->rate != 0)
		return (0);
	return (conn_fill(f, c, flow_budget(f, now)));
}

/* -1 when a session broke. */
static int
flow_pass(struct client *cl, struct flow *f, int timeout)
{
	struct epoll_event ev[BENCH_EVENTS];
	int n = epoll_wait(cl->ep, ev, BENCH_EVENTS, timeout);
	uint64_t now = now_ns();

	for (int i = 0; i < n; i++)
		if (conn_answers(f, ev[i].data.ptr, now) == -1)
			return (-1);
	if (n > 0)
		f->end = now_ns();
	return (0);
}

static int
flow_start(struct client *cl, struct flow *f)
{
	f->sent = f->answered = 0;
	f->start = f->end = now_ns();
	for (int i = 0; f->rate == 0 && i < cl->nconn; i++)
		if (conn_fill(f, &cl->conn[i], flow_budget(f, f->start)) == -1)
			return (-1);
	return (0);
}

int
flow_run(struct client *cl, struct flow *f)
{
	uint64_t now, budget, stall = BENCH_STALL_S * UINT64_C(1000000000);

	if (flow_start(cl, f) == -1)
		return (-1);
	for (;;) {
		now = now_ns();
		budget = flow_budget(f, now);
		if (f->rate != 0 && flow_send(cl, f, budget) == -1)
			return (-1);
		if (f->answered == f->sent &&
		    (f->sent >= f->count ||
			(double)(now - f->start) / 1e9 >= f->seconds))
			return (0);
		if (now - f->end > stall)
			return (-1);
		if (flow_pass(cl, f, f->rate != 0 ? 1 : 100) == -1)
			return (-1);
	}
}
