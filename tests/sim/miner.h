/*
 * The miner: N connections to one pool (or to the relay before it), shares
 * that are really hashed, and a mix of faults with the verdict that each of
 * them must get.
 *
 *	miner.c		options, start, signals, the summary
 *	miner_conn.c	one connection: handshake, what the pool says, answers
 *	miner_work.c	making shares of each kind, and sending them when due
 */
#ifndef SIM_MINER_H
#define SIM_MINER_H

#include "tests/sim/sim_conn.h"
#include "tests/sim/sim_util.h"
#include "tests/sim/sim_verdict.h"
#include "tests/sim/sim_work.h"

#define MINER_TOKENS 512

/* What a share is meant to be. */
enum kind {
	KIND_VALID,
	KIND_STALE,
	KIND_DUPLICATE,
	KIND_LOW,
	KIND_NTIME,
	KIND_EXTRANONCE2,
	KIND_VERSION,
	KIND_WORKER,
	KIND_JOB,
	KIND_UNSUBSCRIBED,
	KINDS
};

struct share {
	enum kind kind;
	char job[SIM_ID_MAX];
	struct sim_try fill;
	uint32_t bits;
	bool has_bits;
};

/* A submit without its answer yet. */
struct pending {
	STAILQ_ENTRY(pending) entry;
	uint64_t id, sent_us;
	uint32_t may; /* bits 1 << verdict that are right */
	struct share share;
};

enum phase {
	PHASE_CONNECT,
	PHASE_HANDSHAKE,
	PHASE_MINING,
	PHASE_WAITING
};

struct miner;

struct link {
	struct sim_conn conn;
	struct miner *m;
	enum phase phase;
	TAILQ_ENTRY(link) entry;
	TAILQ_ENTRY(link) hungry; /* waits for a share to be made */
	struct sim_addr addr;
	bool is_hungry, subscribed, authorized, has_job, has_old, has_done;
	int number;              /* 0 up, for the worker's name */
	struct sim_job job, old; /* old: retired by a clean notify */
	struct sim_nonce en1, old_en1, next_en1;
	size_t en2_len, old_en2_len, next_en2_len;
	double difficulty, old_difficulty, next_difficulty;
	uint32_t mask;
	uint64_t en2;
	struct share made, done; /* next to be sent; accepted and not retired */
	bool making, has_made, due;
	struct sim_mid mid; /* of made, while it is searched for */
	uint8_t target[32];
	uint32_t tried;
	uint64_t next_id, next_due;
	STAILQ_HEAD(pendings, pending) pending;
	unsigned outstanding;
	struct event timer; /* next share, or next attempt to connect */
	uint64_t backoff_us;
};

struct miner_options {
	struct sim_addr pool;
	const char *worker, *password, *agent;
	int connections;
	double rate, duration, suggest;
	uint64_t shares, seed;
	unsigned depth;
	int weight[KINDS], weights;
	uint32_t mask;
	enum sim_formula formula;
	bool rolling, configure, cpuminer_ids, reconnect, lenient;
	bool unsubscribed, extranonce;
	char proxy[128];
	size_t proxy_len;
};

struct miner {
	struct miner_options opt;
	struct event_base *base;
	struct event hash, duration, deadline;
	TAILQ_HEAD(links, link) links;
	TAILQ_HEAD(hungry, link) hungry;
	struct sim_rng rng;
	int balance[KINDS];         /* of the weighted round robin */
	int opened, opening, ready; /* links made, in handshake, mining */
	bool said_ready, stopping;
	uint64_t connects, lost, refused, lines, parse_errors, notifies;
	uint64_t bytes_in, bytes_out;
	uint64_t submits, outstanding, answers, mismatches, unanswered, stalled;
	uint64_t sent[KINDS], verdict[SIM_VERDICTS];
	char mismatch[128]; /* the first one, in words */
	uint32_t *latency;  /* microseconds */
	size_t latencies;
};

#define MINER_LATENCIES (1 << 20) /* the latest that are kept */

const char *miner_kind_name(enum kind);
/* 0, -1 no such kind. */
int miner_kind_parse(const char *, size_t len, enum kind *);

/* miner_conn.c: opens as many links as may be in their handshake. */
void miner_open_more(struct miner *);
void miner_link_free(struct link *);

/* miner_work.c */
void miner_work_init(struct miner *);
/* The link is ready to mine: begins to make shares and to send them. */
void miner_work_start(struct link *);
void miner_work_stop(struct link *);
/* A clean notify or new terms: what was made for the old is thrown away, and
 * what is under way may also be given one of these verdicts. */
void miner_work_changed(struct link *, uint32_t verdicts);
/* The answer to a submit: checked, counted, and there is room for the next. */
void miner_work_answered(struct link *, uint64_t id, enum sim_verdict);

/* miner.c: all shares are sent and answered, or no link is left. */
void miner_check_end(struct miner *);

#endif
