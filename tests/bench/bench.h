/*
 * The load generator in one page: a pool that answers at once, a client with
 * many sessions, and one function per way of measuring.
 *
 * The two ends are two processes, for each may hold 20,000 descriptors at
 * most.  The pool is told what to do by lines that begin with '!' on a
 * connection of its own, which does not pass through what is measured.
 */

#ifndef BENCH_H
#define BENCH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BENCH_READ = 16384,    /* bytes a read, at both ends */
	BENCH_EVENTS = 512,    /* events a wait */
	BENCH_LINE_MAX = 200,  /* a submit has 160 to 200 bytes with its LF */
	BENCH_DEPTH_MAX = 64,  /* submits outstanding in one session */
	BENCH_NOTIFY = 1287,   /* a job with 12 branches, with its LF */
	BENCH_PIDS = 4,        /* processes whose CPU and memory are read */
	BENCH_STALL_S = 10,    /* nothing moved for so long: give up */
	BENCH_HANDSHAKES = 64, /* sessions being opened at the same time */
};

/* What the command line said. */
struct options {
	uint16_t to;              /* port of what is measured, on 127.0.0.1 */
	uint16_t pool;            /* port of the pool */
	int client_cpu, pool_cpu; /* -1: any */
	pid_t pid[BENCH_PIDS];
	int npid;
	uint64_t count; /* operations at most; 0: the test's default */
	double seconds; /* time at most */
	int sessions;
	int depth;
	uint64_t rate; /* submits a second; 0: as fast as answers come */
};

/* net.c: sockets, clocks, processors.  All -1 on error. */
uint64_t now_ns(void);
int net_listen(uint16_t *);
int net_connect(uint16_t);
int net_nonblock(int);
int net_nodelay(int);
/* Writes all of it, waiting for room five seconds at most each time. */
int net_write(int, const void *, size_t);
/* One line into buf (size bytes), NUL instead of LF, reading byte by byte. */
int net_line(int, char *, size_t);
int cpu_pin(int);
void descriptors_raise(void);
size_t count_lf(const char *, size_t);

/* lines.c: what miner and pool say.  Each returns the length with its LF. */
enum stage {
	STAGE_SUBSCRIBE,
	STAGE_AUTHORIZE,
	STAGE_JOB,
	STAGE_UP
};
struct line {
	const char *text;
	size_t len;
};
struct line line_request(enum stage);
struct line line_answer(enum stage);
int line_answers(enum stage); /* lines that the pool answers a request with */
struct line line_accepted(void);
struct line line_notify(void);
/* A submit of session n, distinct in nonce and extranonce2 by serial;
 * buf has BENCH_LINE_MAX bytes. */
size_t line_submit(char *buf, int n, uint64_t serial);

/* pool.c: does not return but to end the process. */
int pool_run(uint16_t, int);

/* client.c: many sessions in one epoll. */
struct conn {
	int fd;
	int n;
	enum stage stage;
	int expect; /* answer lines until the next stage */
	int outstanding;
};

struct client {
	int ep;
	uint16_t port;
	struct conn *conn;
	int nconn;  /* size of conn */
	int opened; /* of these have a socket */
	int up;     /* of these are through the handshake */
	int errors;
	enum stage goal; /* the stage at which a session is up */
};

int client_init(struct client *, uint16_t, int, enum stage);
void client_clear(struct client *);
/* Opens all sessions, BENCH_HANDSHAKES at a time; -1 when one could not be
 * opened or nothing moved for BENCH_STALL_S. */
int client_open(struct client *);
int conn_open(struct client *, struct conn *);
void conn_close(struct client *, struct conn *);
/* Reads answers of a handshake and sends what follows.  1: up, 0: not yet. */
int conn_step(struct client *, struct conn *);

/* flow.c: submits and answers in many sessions at once. */
struct flow {
	int depth;
	uint64_t rate, count;
	double seconds;
	uint64_t sent, answered; /* submits; answers */
	uint64_t start, end;     /* first submit; last answer */
};
int flow_run(struct client *, struct flow *);

/* usage.c: what a process has used, from /proc. */
struct usage {
	uint64_t cpu_ns;
	long rss_kb, pss_kb; /* pss_kb -1 where it may not be read */
};
int usage_read(pid_t, struct usage *);

/* result.c: one JSON object on stdout. */
void result_begin(const char *);
void result_number(const char *, double);
void result_numbers(const char *, const double *, int);
void result_end(void);

/* control.c: the pool's orders, over a connection past the relay. */
struct pool_count {
	long sessions;
	uint64_t lines; /* in both directions, all sessions, since the start */
};
int control_open(uint16_t);
int control_cpu(int, int);
int control_count(int, struct pool_count *);
/* Waits until the pool has exactly n sessions; -1 when that stalls. */
int control_wait_sessions(int, long);

/* tests.c: one function per way of measuring. */
int test_rtt(const struct options *, int);
int test_flow(const struct options *, int);
int test_churn(const struct options *, int);
int test_idle(const struct options *, int);
int test_fanout(const struct options *, int);

#endif
