/*
 * A Stratum V1 pool for tests, benchmarks and the demo.  It makes jobs up and
 * verifies every share by hashing it, and it can be slow, silent, wrong or
 * rude on demand.
 *
 *	pool.c		options, start, accept, timers, signals, the summary
 *	pool_client.c	one miner: what it asks and what it is told
 *	pool_command.c	what a test asks for, by lines on stdin
 *	pool_verify.c	--verify: a notify and a submit from a file
 */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include <stdio.h>

#include "tests/sim/sim_conn.h"
#include "tests/sim/sim_judge.h"

#define POOL_WORKERS 8 /* authorized on one connection */

struct pool_options {
	const char *host, *port;
	const char *users;      /* only names that begin so are authorized */
	const char *reconnect;  /* HOST:PORT of client.reconnect, or NULL */
	const char *last_words; /* a line before an RST */
	const char *verify;
	double difficulty, wrong_rate, job_interval, block_interval;
	uint32_t mask;
	size_t en1_len, en2_len, max_clients;
	enum sim_shape shape;
	uint64_t delay_us, spread_us, seed;
	uint32_t read_rate;
	bool accept_all, silent, seeded;
};

struct pool_counts {
	uint64_t connections, refused, lines, parse_errors, submits, wrong;
	uint64_t verdict[SIM_VERDICTS];
	uint64_t bytes_in, bytes_out, jobs;
	size_t live, peak;
};

struct pool {
	struct pool_options opt;
	struct pool_counts count;
	struct event_base *base;
	struct event accept_event, accept_again, job_event, block_event;
	struct event log_event, stdin_event;
	TAILQ_HEAD(clients, client) clients;
	struct sim_judge judge;
	struct sim_buf input; /* commands not yet complete */
	uint64_t next_en1;
	FILE *share_log, *late_log;
};

struct client {
	struct sim_conn conn;
	struct pool *pool;
	struct sim_seat seat;
	bool subscribed, authorized, has_job;
	char worker[POOL_WORKERS][128];
	int workers;
	TAILQ_ENTRY(client) entry;
};

/* What a client asks for; the tokens are those of its line. */
struct request {
	const struct sim_tok *t;
	int params; /* index, or -1 */
	const char *id;
	size_t id_len;
};

/* pool_client.c: the fd is the client's from here on. */
void pool_client_new(struct pool *, int fd);
void pool_client_free(struct client *);
void pool_say_difficulty(struct client *);
void pool_new_extranonce1(struct pool *, struct sim_terms *);
/* To all who mine. */
void pool_new_job(struct pool *, bool clean);
/* The params of a mining.submit. 0, -1 malformed. */
int pool_read_submit(const struct request *, struct sim_submit *, char *worker,
    size_t);

/* pool_command.c */
void pool_watch_stdin(struct pool *);
void pool_reconnect_all(struct pool *);
void pool_reset_all(struct pool *);

/* pool_verify.c: prints header, hash and difficulty in JSON. */
void pool_verify_file(const char *path, enum sim_formula);

#endif
