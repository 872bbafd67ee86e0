/*
 * Shares, jobs, workers, and what the verifier of a session knows: the part
 * of the store that is about them.  Collected and committed like messages,
 * in the same transactions (store.h); bounded with them.
 */
#ifndef CAPTURED_STORE_SHARE_H
#define CAPTURED_STORE_SHARE_H

#include "captured/store_roll.h"
#include "common/answer.h"
#include "common/verify.h"

/* A job as a notify gave it: kept once for each pool, by its key. */
struct store_job {
	const uint8_t *key; /* of struct work_job */
	const char *pool;   /* host:port */
	const char *id;
	/* Its parameters before clean_jobs as they were written, without the
	 * brackets around them: what the key is the hash of. */
	const void *params;
	size_t len;
	uint64_t pos; /* of the notify */
	uint64_t ts;  /* monotonic ns */
	/* When this session was given it, with all the others; 0: it has just
	 * come, or had it before. */
	uint64_t given;
};
int store_job(struct store *, const struct store_job *);

/* A share: the submit at pos, which was added before.  All is copied. */
int store_share(struct store *, uint64_t pos, uint64_t sid, const char *pool,
    const uint32_t who[ROLL_KINDS], const struct verify_share *);
/* What the pool said to it, at position answer. */
struct store_answer {
	uint64_t answer;
	int64_t latency; /* ns */
	struct roll_legs legs;
	struct answer said;
	struct verify_judged judged;
	struct verify_brief share; /* what is known of the share */
	uint32_t who[ROLL_KINDS];
};
/* The share at pos, collected or stored. */
int store_share_answered(struct store *, uint64_t pos,
    const struct store_answer *);

/* What a share's answer is judged by, of one that is stored already, when it
 * was sent on (0: not known) and for whom: 1, 0 if there is none, or -1. */
int store_share_brief(struct store *, uint64_t pos, struct verify_brief *,
    uint64_t *ts_fwd, char worker[STRATUM_TEXT_MAX + 1]);

/* --- the verifier of a session; the state is the caller's --- */

/* In the transaction; the session's ITEM_JOBs so far go with it. */
int store_verifier(struct store *, uint64_t sid, const void *, size_t);
/* 1 and the state (free it), 0 there is none, -1. */
int store_verifier_load(struct store *, uint64_t sid, uint8_t **, size_t *);
/* The hashes of the session's shares from a position on that a duplicate
 * would repeat, the oldest first; at most max, the newest. */
int store_load_seen(struct store *, uint64_t sid, uint64_t from, unsigned max,
    void (*fn)(void *, const uint8_t hash[32]), void *);
/* Parameters of a job by its key: 1 (free them), 0, -1. */
int store_job_params(struct store *, const uint8_t *key, char **, size_t *);
/* Asked before a job that no visible row names is deleted. */
void store_job_held(struct store *, bool (*fn)(void *, const uint8_t *key),
    void *);

#endif
