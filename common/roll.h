/*
 * What came of the work of somebody in a while: counts and sums of shares,
 * of answers, of time and of bytes.  A roll-up of a minute or an hour is one
 * of these, and so is the account of a session.
 *
 * Answers are counted where their share is: one that comes in the next
 * minute changes the minute in which the share was submitted.
 *
 * Packed, only what is not zero takes room, each field under a number that
 * stays, so that new ones need no new store.
 */
#ifndef COMMON_ROLL_H
#define COMMON_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "common/verify.h"

/* Latencies by size: below 100 us, then each bound half as much again. */
#define ROLL_HIST   32
#define ROLL_PACKED 1024 /* bytes that a packed one takes at most */
/* Hashes of a share of difficulty 1, as everybody counts them. */
#define ROLL_HASHES 4294967296.0

/* By what they are grouped. */
enum roll_by {
	ROLL_ALL,
	ROLL_WORKER,
	ROLL_POOL,
	ROLL_AGENT, /* user agent: the firmware */
	ROLL_BYS
};
#define ROLL_KINDS (ROLL_BYS - 1)

/* Where the time of a share went; ns, each 0 when it is not known. */
struct roll_legs {
	int64_t own;       /* HashScope's forwarding, there and back */
	int64_t tcp_miner; /* a round trip on the miner's leg */
	int64_t tcp_pool;  /* a round trip on the pool's leg */
	int64_t pool;      /* the rest: the pool's thinking */
};

struct roll {
	int64_t messages[2]; /* miner_to_pool (with replays), pool_to_miner */
	int64_t bytes[2];
	int64_t verdict[VERDICTS]; /* shares, each once */
	int64_t cause[CAUSES];     /* shares that have one */
	int64_t blocks;
	int64_t accepted, rejected, odd; /* answers; the rest has none */
	int64_t stale;    /* of the rejected: because the work was old */
	int64_t disputed; /* the pool judged wrongly */
	/* In µs, of answered shares; latency is own, tcp_pool and pool. */
	int64_t latency_n, latency, own, tcp_miner, tcp_pool, pool;
	int64_t hist[ROLL_HIST]; /* of latency */
	int64_t last_us;         /* real time of the last share */
	double accepted_difficulty, rejected_difficulty, stale_difficulty;
	double best; /* the highest that a valid share reached */
};

/* An answer, with what is known of its share. */
struct roll_answer {
	const struct verify_brief *share;
	const struct answer *said;
	const struct verify_judged *judged;
	bool answered; /* the legs are known */
	struct roll_legs legs;
};

void roll_message(struct roll *, unsigned dir, uint64_t bytes);
void roll_share(struct roll *, const struct verify_brief *, bool is_block,
    int64_t real_us);
void roll_answer(struct roll *, const struct roll_answer *);
/* Adds; of what is a maximum, the higher one stays. */
void roll_add(struct roll *, const struct roll *);

/* All that were submitted; those without an answer. */
int64_t roll_shares(const struct roll *);
int64_t roll_unanswered(const struct roll *);
/* Of the answered ones, 0 to 1. */
double roll_reject_rate(const struct roll *);
double roll_stale_rate(const struct roll *);
/* Hashes a second; 0 for no time. */
double roll_hashrate(double accepted_difficulty, double seconds);
/* The latency in µs that a part (0 to 1) of them stays below; 0 none. */
int64_t roll_latency(const struct roll *, double part);
/* The pool said wrong. */
bool roll_is_dispute(uint8_t agreement);

void roll_pack(const struct roll *, struct mbuf *);
/* Adds what is packed; -1 if that makes no sense (part of it is added). */
int roll_unpack(struct roll *, const void *, size_t);

#endif
