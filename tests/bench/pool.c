/*
 * The pool of the benchmarks: answers every submit with true and every line
 * of a handshake with what a pool would say, at once, all answers to what
 * one read brought in one write.  Orders are lines that begin with '!':
 *
 *	!cpu N		run on processor N only (-1: any)	ok
 *	!count		sessions, lines seen and sent		count S L
 *	!fanout		a new job to every session		fanout T0 S
 */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum {
	HEAD = 16
}; /* as much of a line as tells which one it is */

struct miner {
	int fd;
	bool session;    /* it has said a line which is no order */
	size_t len;      /* of head */
	char head[HEAD]; /* the beginning of the line that is being read */
	struct miner *next, **prev;
};

static int ep = -1;
static struct miner *miners;
static struct pool_count count;

/* The answers to one read; flushed when it could overflow. */
static char out[65536];
static size_t out_len;

static void
out_put(const char *p, size_t n)
{
	memcpy(out + out_len, p, n);
	out_len += n;
}

static int
out_flush(struct miner *m)
{
	size_t n = out_len;

	out_len = 0;
	return (n == 0 ? 0 : net_write(m->fd, out, n));
}

static int
order_fanout(void)
{
	struct line job = line_notify();
	struct miner *m;
	uint64_t start = now_ns();
	int sessions = 0;

	for (m = miners; m != NULL; m = m->next) {
		if (!m->session)
			continue;
		if (net_write(m->fd, job.text, job.len) == 0)
			sessions++;
		count.lines++;
	}
	return (snprintf(out, sizeof(out), "fanout %" PRIu64 " %d\n", start,
	    sessions));
}

static int
order(struct miner *m)
{
	int n;

	m->head[HEAD - 1] = '\0';
	if (strncmp(m->head, "!cpu ", 5) == 0)
		n = snprintf(out, sizeof(out), "%s\n",
		    cpu_pin(atoi(m->head + 5)) == 0 ? "ok" : "failed");
	else if (strncmp(m->head, "!count", 6) == 0)
		n = snprintf(out, sizeof(out), "count %ld %" PRIu64 "\n",
		    count.sessions, count.lines);
	else if (strncmp(m->head, "!fanout", 7) == 0)
		n = order_fanout();
	else
		n = snprintf(out, sizeof(out), "unknown\n");
	out_len = (size_t)n;
	return (out_flush(m));
}

static void
answer(struct line l, int lines)
{
	out_put(l.text, l.len);
	count.lines += (uint64_t)lines;
}

static void
answer_job(void)
{
	struct line job = line_notify();

	answer(line_answer(STAGE_JOB), 2);
	answer(job, 1);
}

/* One whole line, of which m->head has the beginning: {"id":N,... */
static int
on_line(struct miner *m)
{
	if (m->head[0] == '!')
		return (order(m));
	if (!m->session) {
		m->session = true;
		count.sessions++;
	}
	count.lines++;
	switch (m->len > 6 ? m->head[6] : 0) {
	case '1':
		answer(line_answer(STAGE_SUBSCRIBE), 1);
		break;
	case '2':
		answer(line_answer(STAGE_AUTHORIZE), 1);
		break;
	case '3':
		answer_job();
		break;
	default:
		answer(line_accepted(), 1);
		break;
	}
	return (out_len > sizeof(out) / 2 ? out_flush(m) : 0);
}

static void
head_put(struct miner *m, const char *p, size_t n)
{
	if (n > HEAD - m->len)
		n = HEAD - m->len;
	memcpy(m->head + m->len, p, n);
	m->len += n;
}

static int
on_bytes(struct miner *m, const char *p, size_t n)
{
	const char *lf;

	while ((lf = memchr(p, '\n', n)) != NULL) {
		head_put(m, p, (size_t)(lf - p));
		if (m->len < HEAD)
			m->head[m->len] = '\0';
		if (on_line(m) == -1)
			return (-1);
		m->len = 0;
		n -= (size_t)(lf + 1 - p);
		p = lf + 1;
	}
	head_put(m, p, n);
	return (out_flush(m));
}

static void
miner_free(struct miner *m)
{
	if (m->session)
		count.sessions--;
	if ((*m->prev = m->next) != NULL)
		m->next->prev = m->prev;
	close(m->fd);
	free(m);
}

static void
on_readable(struct miner *m)
{
	char buf[BENCH_READ];
	ssize_t n = read(m->fd, buf, sizeof(buf));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || on_bytes(m, buf, (size_t)n) == -1) {
		out_len = 0;
		miner_free(m);
	}
}

static void
miner_new(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct miner *m = calloc(1, sizeof(*m));

	if (m == NULL || net_nodelay(fd) == -1) {
		free(m);
		close(fd);
		return;
	}
	m->fd = fd;
	if ((m->next = miners) != NULL)
		miners->prev = &m->next;
	m->prev = &miners;
	miners = m;
	ev.data.ptr = m;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1)
		miner_free(m);
}

static void
on_accept(int listener)
{
	int fd;

	for (int i = 0; i < BENCH_HANDSHAKES; i++) {
		fd = accept4(listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		miner_new(fd);
	}
}

int
pool_run(uint16_t port, int cpu)
{
	struct epoll_event ev[BENCH_EVENTS], in = { .events = EPOLLIN };
	int listener, n;

	/* Never outlive the benchmark that started us. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	ep = epoll_create1(EPOLL_CLOEXEC);
	listener = net_listen(&port);
	if (ep == -1 || listener == -1 || cpu_pin(cpu) == -1 ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &in) == -1)
		return (-1);
	printf("ready %u\n", port);
	fflush(stdout);
	for (;;) {
		n = epoll_wait(ep, ev, BENCH_EVENTS, -1);
		if (n == -1 && errno != EINTR)
			return (-1);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				on_accept(listener);
			else
				on_readable(ev[i].data.ptr);
		}
	}
}
