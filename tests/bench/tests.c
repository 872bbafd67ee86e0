/*
 * The ways of measuring.  Each opens its sessions through what is measured,
 * works for a bounded count and time, and prints one JSON object; -1 when the
 * work could not be done, never because it took long.
 */

#include <sys/epoll.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bench.h"

struct span {
	struct pool_count pool;
	struct usage use[BENCH_PIDS];
	uint64_t at;
};

static int
span_read(struct span *s, const struct options *o, int ctl)
{
	for (int i = 0; i < o->npid; i++)
		if (usage_read(o->pid[i], &s->use[i]) == -1)
			return (-1);
	s->at = now_ns();
	return (control_count(ctl, &s->pool));
}

/* What every test tells: when, how many lines passed, and each process's
 * CPU for one operation. */
static void
span_print(const struct options *o, const struct span *a, const struct span *b,
    uint64_t operations)
{
	double us[BENCH_PIDS];

	for (int i = 0; i < o->npid; i++)
		us[i] = (double)(b->use[i].cpu_ns - a->use[i].cpu_ns) / 1e3 /
		    (double)operations;
	result_number("start_ns", (double)a->at);
	result_number("end_ns", (double)b->at);
	result_number("lines", (double)(b->pool.lines - a->pool.lines));
	result_number("operations", (double)operations);
	result_numbers("cpu_us_per_operation", us, o->npid);
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x < *y ? -1 : *x > *y);
}

static double
quantile_us(const uint32_t *sorted, uint64_t n, double q)
{
	return ((double)sorted[(uint64_t)(q * (double)(n - 1))] / 1e3);
}

/* One submit and its answer on a blocking socket; ns[0] the time. */
static int
round_trip(int fd, uint64_t serial, uint32_t *ns)
{
	char buf[BENCH_READ];
	size_t len = line_submit(buf, 0, serial);
	uint64_t start = now_ns();
	ssize_t n;

	if (write(fd, buf, len) != (ssize_t)len)
		return (-1);
	do {
		if ((n = read(fd, buf, sizeof(buf))) <= 0)
			return (-1);
	} while (buf[n - 1] != '\n');
	*ns = (uint32_t)(now_ns() - start);
	return (0);
}

/* Returns how many of at most max were done in the time. */
static uint64_t
round_trips(int fd, uint32_t *ns, uint64_t max, double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9), i;

	for (i = 0; i < max; i++)
		if (round_trip(fd, i, &ns[i]) == -1 || now_ns() > end)
			break;
	return (i);
}

static int
rtt_session(const struct options *o, int ctl, int fd, uint32_t *ns)
{
	struct span a, b;
	uint64_t n;

	round_trips(fd, ns, o->count / 20 + 100, o->seconds);
	if (span_read(&a, o, ctl) == -1)
		return (-1);
	n = round_trips(fd, ns, o->count, o->seconds);
	if (span_read(&b, o, ctl) == -1 || n == 0)
		return (-1);
	qsort(ns, n, sizeof(*ns), by_value);
	result_begin("rtt");
	span_print(o, &a, &b, n);
	result_number("p50_us", quantile_us(ns, n, 0.5));
	result_number("p99_us", quantile_us(ns, n, 0.99));
	result_number("p999_us", quantile_us(ns, n, 0.999));
	result_number("max_us", quantile_us(ns, n, 1));
	result_end();
	return (0);
}

/* The client blocks in read: its own wake-up is part of any round trip. */
int
test_rtt(const struct options *o, int ctl)
{
	uint32_t *ns = calloc(o->count + 1000, sizeof(*ns));
	int fd = net_connect(o->to), rc = -1;

	if (ns != NULL && fd != -1)
		rc = rtt_session(o, ctl, fd, ns);
	free(ns);
	if (fd != -1)
		close(fd);
	return (rc);
}

static int
flow_session(const struct options *o, int ctl, struct client *cl)
{
	struct flow f = { .depth = o->depth,
		.rate = o->rate,
		.count = o->count,
		.seconds = o->seconds };
	struct span a, b;

	if (client_open(cl) == -1 || span_read(&a, o, ctl) == -1)
		return (-1);
	if (flow_run(cl, &f) == -1 && f.answered == 0)
		return (-1);
	if (span_read(&b, o, ctl) == -1)
		return (-1);
	result_begin("flow");
	span_print(o, &a, &b, f.answered);
	result_number("sessions", o->sessions);
	result_number("depth", o->depth);
	result_number("rate", (double)o->rate);
	result_number("lost", (double)(f.sent - f.answered));
	result_number("per_second",
	    (double)f.answered / ((double)(f.end - f.start) / 1e9));
	result_end();
	return (0);
}

int
test_flow(const struct options *o, int ctl)
{
	struct client cl;
	int rc = -1;

	if (client_init(&cl, o->to, o->sessions, STAGE_UP) == 0)
		rc = flow_session(o, ctl, &cl);
	client_clear(&cl);
	return (rc);
}

/* Every session that is through its handshake is closed and opened anew
 * until count cycles are done or the time is over. */
static uint64_t
churn_cycles(struct client *cl, const struct options *o, int *errors)
{
	struct epoll_event ev[BENCH_EVENTS];
	uint64_t end = now_ns() + (uint64_t)(o->seconds * 1e9), cycles = 0;
	int n, rc;

	for (int i = 0; i < cl->nconn; i++)
		*errors += conn_open(cl, &cl->conn[i]) == -1;
	while (cycles < o->count && now_ns() < end && cl->opened > 0) {
		n = epoll_wait(cl->ep, ev, BENCH_EVENTS, BENCH_STALL_S * 1000);
		if (n == 0)
			break;
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if ((rc = conn_step(cl, c)) == 0)
				continue;
			cycles += rc == 1;
			conn_close(cl, c);
			*errors += (rc == -1) + (conn_open(cl, c) == -1);
		}
	}
	return (cycles);
}

static int
churn_session(const struct options *o, int ctl, struct client *cl)
{
	struct span a, b;
	uint64_t cycles, end;
	int errors = 0;

	if (span_read(&a, o, ctl) == -1)
		return (-1);
	cycles = churn_cycles(cl, o, &errors);
	end = now_ns();
	for (int i = 0; i < cl->nconn; i++)
		conn_close(cl, &cl->conn[i]);
	if (cycles == 0 || control_wait_sessions(ctl, 0) == -1 ||
	    span_read(&b, o, ctl) == -1)
		return (-1);
	result_begin("churn");
	span_print(o, &a, &b, cycles);
	result_number("sessions", o->sessions);
	result_number("errors", errors);
	result_number("per_second",
	    (double)cycles / ((double)(end - a.at) / 1e9));
	result_end();
	return (0);
}

int
test_churn(const struct options *o, int ctl)
{
	struct client cl;
	int rc = -1;

	if (client_init(&cl, o->to, o->sessions, STAGE_JOB) == 0)
		rc = churn_session(o, ctl, &cl);
	client_clear(&cl);
	return (rc);
}

/* Opens n sessions and waits until the pool sees them, or is rid of them. */
static int
sessions_open(const struct options *o, int ctl, struct client *cl, int n)
{
	if (client_init(cl, o->to, n, STAGE_UP) == -1 ||
	    client_open(cl) == -1 || control_wait_sessions(ctl, n) == -1)
		return (-1);
	return (0);
}

/* A first few sessions bring in the pages that any session needs. */
static int
idle_warm_up(const struct options *o, int ctl)
{
	struct client cl;
	int rc = sessions_open(o, ctl, &cl, 64);

	client_clear(&cl);
	return (rc == -1 ? -1 : control_wait_sessions(ctl, 0));
}

static void
idle_print(const struct options *o, const struct span *a, const struct span *b)
{
	double rss[BENCH_PIDS], pss[BENCH_PIDS];
	const struct usage *x, *y;

	for (int i = 0; i < o->npid; i++) {
		x = &a->use[i];
		y = &b->use[i];
		rss[i] = (double)(y->rss_kb - x->rss_kb) / o->sessions;
		pss[i] = x->pss_kb == -1 || y->pss_kb == -1 ?
		    rss[i] :
		    (double)(y->pss_kb - x->pss_kb) / o->sessions;
	}
	result_number("sessions", o->sessions);
	result_numbers("rss_kb_per_session", rss, o->npid);
	result_numbers("pss_kb_per_session", pss, o->npid);
}

int
test_idle(const struct options *o, int ctl)
{
	struct client cl;
	struct span a, b;
	int rc = -1;

	if (idle_warm_up(o, ctl) == -1 || span_read(&a, o, ctl) == -1)
		return (-1);
	if (sessions_open(o, ctl, &cl, o->sessions) == 0 &&
	    span_read(&b, o, ctl) == 0) {
		result_begin("idle");
		span_print(o, &a, &b, (uint64_t)o->sessions);
		idle_print(o, &a, &b);
		result_end();
		rc = 0;
	}
	client_clear(&cl);
	return (rc);
}

/* Reads until each session has its job; the time of the last, or 0. */
static uint64_t
fanout_collect(struct client *cl)
{
	struct epoll_event ev[BENCH_EVENTS];
	char buf[BENCH_READ];
	ssize_t len;
	int n, have = 0;

	while (have < cl->up) {
		n = epoll_wait(cl->ep, ev, BENCH_EVENTS, BENCH_STALL_S * 1000);
		if (n == 0)
			return (0);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if ((len = read(c->fd, buf, sizeof(buf))) > 0)
				have += (int)count_lf(buf, (size_t)len);
			else if (len == 0 ||
			    (errno != EAGAIN && errno != EINTR))
				return (0);
		}
	}
	return (now_ns());
}

/* One new job to all; the time until the last has it, in ms, or -1. */
static double
fanout_once(struct client *cl, int ctl)
{
	char buf[64];
	uint64_t start, end;
	int sessions;

	if (net_write(ctl, "!fanout\n", 8) == -1)
		return (-1);
	end = fanout_collect(cl);
	if (end == 0 || net_line(ctl, buf, sizeof(buf)) == -1 ||
	    sscanf(buf, "fanout %" SCNu64 " %d", &start, &sessions) != 2 ||
	    sessions != cl->up)
		return (-1);
	return ((double)(end - start) / 1e6);
}

static int
by_double(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x < *y ? -1 : *x > *y);
}

static int
fanout_session(const struct options *o, int ctl, struct client *cl)
{
	double ms[64];
	struct span a, b;
	int n = o->count < 64 ? (int)o->count : 64;

	if (span_read(&a, o, ctl) == -1)
		return (-1);
	for (int i = 0; i < n; i++)
		if ((ms[i] = fanout_once(cl, ctl)) < 0)
			return (-1);
	if (span_read(&b, o, ctl) == -1)
		return (-1);
	qsort(ms, (size_t)n, sizeof(ms[0]), by_double);
	result_begin("fanout");
	span_print(o, &a, &b, (uint64_t)n * (uint64_t)cl->up);
	result_number("sessions", cl->up);
	result_number("min_ms", ms[0]);
	result_number("last_ms", ms[n / 2]);
	result_number("max_ms", ms[n - 1]);
	result_end();
	return (0);
}

int
test_fanout(const struct options *o, int ctl)
{
	struct client cl;
	int rc = -1;

	if (sessions_open(o, ctl, &cl, o->sessions) == 0)
		rc = fanout_session(o, ctl, &cl);
	client_clear(&cl);
	return (rc);
}
