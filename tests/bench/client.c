/*
 * The miners' end: many sessions in one epoll, opened a few at a time.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bench.h"

int
client_init(struct client *cl, uint16_t port, int nconn, enum stage goal)
{
	cl->port = port;
	cl->nconn = nconn;
	cl->opened = cl->up = cl->errors = 0;
	cl->goal = goal;
	cl->ep = epoll_create1(EPOLL_CLOEXEC);
	cl->conn = calloc((size_t)nconn, sizeof(*cl->conn));
	if (cl->conn == NULL)
		cl->nconn = 0;
	if (cl->ep == -1 || cl->conn == NULL)
		return (-1);
	for (int i = 0; i < nconn; i++) {
		cl->conn[i].fd = -1;
		cl->conn[i].n = i;
	}
	return (0);
}

void
client_clear(struct client *cl)
{
	for (int i = 0; i < cl->nconn; i++)
		conn_close(cl, &cl->conn[i]);
	free(cl->conn);
	close(cl->ep);
}

void
conn_close(struct client *cl, struct conn *c)
{
	if (c->fd == -1)
		return;
	close(c->fd);
	c->fd = -1;
	cl->opened--;
	if (c->stage == cl->goal)
		cl->up--;
}

static int
conn_ask(struct conn *c, enum stage stage)
{
	struct line l = line_request(stage);

	c->stage = stage;
	c->expect = line_answers(stage);
	return (net_write(c->fd, l.text, l.len));
}

int
conn_open(struct client *cl, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	/* On the loopback a connect ends at once, whoever accepts later. */
	if ((c->fd = net_connect(cl->port)) == -1)
		return (-1);
	c->outstanding = 0;
	c->stage = STAGE_SUBSCRIBE;
	cl->opened++;
	if (net_nonblock(c->fd) == -1 || conn_ask(c, STAGE_SUBSCRIBE) == -1 ||
	    epoll_ctl(cl->ep, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
		conn_close(cl, c);
		return (-1);
	}
	return (0);
}

int
conn_step(struct client *cl, struct conn *c)
{
	char buf[BENCH_READ];
	ssize_t n = read(c->fd, buf, sizeof(buf));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	if (c->stage == cl->goal)
		return (0); /* what a pool says to an idle session */
	c->expect -= (int)count_lf(buf, (size_t)n);
	if (c->expect > 0)
		return (0);
	if (c->stage + 1 < cl->goal)
		return (conn_ask(c, c->stage + 1));
	c->stage = cl->goal;
	cl->up++;
	return (1);
}

/* Opens more until BENCH_HANDSHAKES are under way; returns the next that is
 * not opened yet. */
static int
open_more(struct client *cl, int next)
{
	while (next < cl->nconn && cl->opened - cl->up < BENCH_HANDSHAKES)
		if (conn_open(cl, &cl->conn[next++]) == -1)
			cl->errors++;
	return (next);
}

int
client_open(struct client *cl)
{
	struct epoll_event ev[BENCH_EVENTS];
	int n, next = 0;

	for (;;) {
		next = open_more(cl, next);
		if (next == cl->nconn && cl->up == cl->opened)
			return (cl->errors == 0 ? 0 : -1);
		n = epoll_wait(cl->ep, ev, BENCH_EVENTS, BENCH_STALL_S * 1000);
		if (n == 0)
			return (-1);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (conn_step(cl, c) == -1) {
				cl->errors++;
				conn_close(cl, c);
			}
		}
	}
}
