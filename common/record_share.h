/*
 * Shares, workers and jobs as they pass from the store to whoever asks for
 * them, as record.h has it for sessions and messages.  JSON is written by
 * object_share.c and object_job.c.
 */
#ifndef COMMON_RECORD_SHARE_H
#define COMMON_RECORD_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/coinbase.h"
#include "common/msg.h"
#include "common/rates.h"
#include "common/verify.h"

/* Flags of a share. */
#define SF_FIRM      0x001u /* no pool's rules give another verdict */
#define SF_BLOCK     0x002u
#define SF_HASHED    0x004u /* hash, version, extranonce1, reached are set */
#define SF_BITS      0x008u /* it came with version bits */
#define SF_NTIME     0x010u /* ntime is a number */
#define SF_NONCE     0x020u
#define SF_CODE      0x040u /* the pool's error has a number */
#define SF_COMMITTED 0x080u /* in the store, not only seen */
#define SF_BROADCAST 0x100u /* its session's shares are published */

struct share_rec {
	uint64_t pos;    /* of its submit: its id */
	uint64_t answer; /* the message that answered; 0 none */
	uint64_t job;    /* the store's number of its job; 0 unknown */
	uint8_t session[16];
	int64_t ts_us;     /* real time */
	uint32_t flags;    /* SF_* */
	uint8_t verdict;   /* enum verify_verdict */
	uint8_t cause;     /* enum verify_cause */
	uint8_t said;      /* enum answer_class: the pool's verdict */
	uint8_t agreement; /* enum verify_agreement */
	uint8_t reason;    /* enum answer_reason */
	uint8_t formula;   /* enum work_formula; WORK_FORMULAS: no bits */
	uint8_t formulas;  /* bits 1 << enum work_formula: the valid ones */
	uint8_t passed;    /* VERIFY_BY_* */
	struct work_bytes en1, en2;
	uint8_t hash[32]; /* reversed on display */
	uint32_t ntime, nonce, bits, version, mask;
	double reached;  /* difficulties; 0: not known */
	double required; /* the highest that it passed, or the job's */
	double job_difficulty, present, previous;
	int64_t late_us;    /* since its job was withdrawn; 0 not */
	int64_t job_age_us; /* since its job was sent */
	int64_t code;
	uint32_t repeat; /* how often agents are to submit it */
	/* From the submit's first sight to its answer's, and its parts; -1 not
	 * known.  pool_us has the network's as well while tcp_pool_us is not
	 * known. */
	int64_t latency_us, own_us, tcp_miner_us, tcp_pool_us, pool_us;
	char worker[STRATUM_TEXT_MAX + 1];
	char job_id[WORK_ID_MAX + 1];
	char error[ANSWER_TEXT_MAX + 1];
	/* When asked for, JSON: how it was verified, step by step. */
	const uint8_t *verification; /* NULL: not told */
	uint32_t verification_len;
};

void share_put(struct mbuf *, const struct share_rec *);
/* verification points into the body.  Check msg_end afterwards. */
void share_get(struct mcur *, struct share_rec *);

#define WORKER_SESSIONS 8 /* live ones that are named; all are counted */

struct worker_rec {
	uint64_t id; /* the store's number */
	char name[STRATUM_TEXT_MAX + 1];
	uint64_t last; /* the position of its last share */
	int64_t first_seen_us, last_share_us;
	/* All since first_seen, stored still or not. */
	uint64_t shares, valid, stale, duplicate, low, blocks;
	uint64_t accepted, rejected, disputed;
	double accepted_difficulty; /* of all accepted shares together */
	double best;                /* highest difficulty reached */
	double hashrate[RATES_MAX]; /* over each window until now */
	uint32_t live;              /* sessions that are connected now */
	uint8_t sessions;           /* that follow, the newest first */
	uint8_t session[WORKER_SESSIONS][16];
};

void worker_put(struct mbuf *, const struct worker_rec *);
void worker_get(struct mcur *, struct worker_rec *);

#define JOB_SCRIPT 83 /* bytes of an output's script that are kept */
#define JOB_POOL   264

struct job_output {
	uint64_t value; /* satoshi */
	uint8_t type;   /* enum address_type */
	char address[ADDRESS_MAX];
	uint32_t script_len; /* the true one */
	uint8_t script[JOB_SCRIPT];
};

struct job_rec {
	uint64_t id;          /* the store's number */
	uint64_t pos;         /* of the notify: the first, or the session's */
	uint64_t first, last; /* notify that was first, message that names it */
	int64_t ts_us;        /* of pos */
	char pool[JOB_POOL];  /* host:port */
	char job_id[WORK_ID_MAX + 1];
	/* How it spread: sessions that were given it while they had another,
	 * and how long after the first that half, all but a hundredth, and
	 * all of them had it. */
	uint64_t sessions;
	int64_t spread_p50_us, spread_p99_us, spread_last_us;
	uint8_t fault; /* enum work_fault; then nothing below is set */
	int8_t clean;  /* 1, 0, -1 not known any more */
	uint32_t version, nbits, ntime;
	uint8_t prevhash[32]; /* as in the header */
	uint8_t branches;
	uint8_t branch[WORK_BRANCHES_MAX][32];
	uint8_t coinbase_fault; /* enum coinbase_fault */
	uint8_t extranonce_len; /* both together, as found */
	int64_t height;         /* -1 unknown */
	char tag[COINBASE_TAG_MAX + 1];
	uint64_t total; /* satoshi */
	uint32_t outputs;
	bool has_commitment;
	uint8_t commitment[32];
	uint8_t kept; /* outputs that follow */
	struct job_output output[COINBASE_OUTPUTS_MAX];
	/* Of one job that was asked for; NULL in lists. */
	const uint8_t *coinb1, *coinb2;
	uint32_t coinb1_len, coinb2_len;
};

void job_put(struct mbuf *, const struct job_rec *);
/* coinb1 and coinb2 point into the body. */
void job_get(struct mcur *, struct job_rec *);

/*
 * Head of a FEED_SHARES; count share_rec follow: each when it was verified,
 * and once more when the pool's answer is known.  Nothing is sent again: who
 * was left out, or finds a hole, asks the store.
 */
struct share_head {
	uint8_t store_id[16];
	uint64_t committed; /* the store has everything up to here */
	uint64_t skipped;   /* in all, so far, for this subscriber */
	uint32_t count;
};

void share_head_put(struct mbuf *, const struct share_head *);
void share_head_get(struct mcur *, struct share_head *);

#endif
