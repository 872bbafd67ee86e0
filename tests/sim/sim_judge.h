/*
 * The pool's knowledge: which jobs were given out, what was asked of whom,
 * and which shares have been there.  It makes the jobs and judges every
 * submit by hashing it.
 */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "tests/sim/sim_util.h"
#include "tests/sim/sim_verdict.h"
#include "tests/sim/sim_work.h"

#define SIM_JOBS 64 /* kept, also retired ones: to say "stale" of them */

/* Hashes that were accepted, by 8 of their bytes: an open-addressed set. */
struct sim_seen {
	uint64_t *slot;
	size_t used, size;
};

struct sim_given {
	struct sim_job job;
	uint64_t seq; /* 0: never used */
	bool retired;
	struct sim_seen seen;
};

struct sim_judge {
	enum sim_formula formula;
	uint32_t version, nbits;
	int branches;
	bool unnegotiated; /* bits are fine without mining.configure */
	bool fixed_time;   /* ntime from the seed, not from the clock */
	struct sim_rng rng;
	uint64_t seq; /* of the latest job */
	uint32_t height, time0;
	uint8_t prevhash[32], payee[20];
	size_t nonces_len; /* extranonce1 and 2 together, for the script */
	struct sim_given given[SIM_JOBS];
};

/* What holds for a client from one job on. */
struct sim_terms {
	uint64_t from; /* job sequence number */
	double difficulty;
	struct sim_nonce en1;
	size_t en2_len;
};

#define SIM_TERMS 4 /* earlier ones, for shares of earlier jobs */

struct sim_seat {
	struct sim_terms now, before[SIM_TERMS]; /* latest first */
	uint32_t mask; /* version bits that are the client's; 0 none */
	uint32_t pool_mask;
};

struct sim_submit {
	char job[SIM_ID_MAX];
	struct sim_nonce en2;
	uint32_t ntime, nonce, bits;
	bool has_bits;
};

/* What the judge computed, for the log; hash is valid when hashed. */
struct sim_finding {
	bool hashed;
	uint8_t hash[32];
	double required, reached;
};

/* formula, version, branches, ... are the caller's to set before. */
void sim_judge_init(struct sim_judge *, uint64_t seed, bool seeded);
void sim_judge_clear(struct sim_judge *);
/* A new job; clean retires all the others and begins a new block. */
const struct sim_job *sim_judge_next(struct sim_judge *, bool clean);
const struct sim_job *sim_judge_latest(const struct sim_judge *);
/* Opens new terms that begin with the next job; change what is returned. */
struct sim_terms *sim_judge_terms(const struct sim_judge *, struct sim_seat *);
enum sim_verdict sim_judge_submit(struct sim_judge *, const struct sim_seat *,
    const struct sim_submit *, struct sim_finding *);

#endif
