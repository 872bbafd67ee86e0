/*
 * What a session's verifier holds.  Private to the verify files.
 *
 *	verify.c	the session: what messages change in it
 *	verify_submit.c	a share: headers, hashes
 *	verify_rule.c	the verdict on it
 *	verify_answer.c	beside it the pool's
 *	verify_seen.c	which shares have been there
 *	verify_pack.c	as bytes and back
 *	verify_text.c	in words
 */
#ifndef COMMON_VERIFY_INT_H
#define COMMON_VERIFY_INT_H

#include "common/verify.h"

/* An extranonce1 and how much the miner adds to it. */
struct verify_en {
	uint32_t serial; /* grows; 0: none */
	uint8_t size;    /* bytes of extranonce2 */
	bool usable;     /* it is hex, and neither is too long */
	struct work_bytes b;
};

/* A job as it was sent to this session. */
struct verify_given {
	struct work_job *job; /* NULL: there was no room for it */
	uint64_t ts;
	uint64_t retired;  /* when a clean job followed; 0: it did not */
	double difficulty; /* asked when it was sent; 0: none yet */
	uint32_t id_hash;
	uint32_t en;   /* serial; 0: none yet */
	uint8_t after; /* jobs since the difficulty changed; the first is 1 */
};

enum worker_state {
	WORKER_ASKED,
	WORKER_OK,
	WORKER_REFUSED
};

struct verify_worker {
	uint64_t name; /* hash */
	uint64_t id;   /* hash of the request's, while ASKED */
	uint8_t state;
};

/* The low 8 bytes of hashes, open-addressed; 0 is a free slot. */
struct verify_set {
	uint64_t *slot;
	uint32_t cap, n;
};

/* The Merkle root of the latest share: the next one has often the same. */
struct verify_root {
	const struct work_job *job; /* NULL: nothing is kept */
	uint32_t en;
	struct work_bytes en2;
	uint8_t root[32];
};

/* What a gap leaves in doubt, until it is said anew. */
#define DOUBT_JOBS       0x01
#define DOUBT_HASH       0x02 /* extranonce, mask */
#define DOUBT_DIFFICULTY 0x04
#define DOUBT_WORKERS    0x08

struct verify {
	struct work_store *store;
	uint64_t generation;
	struct verify_en en[VERIFY_EN_MAX]; /* the newest first */
	uint32_t en_active;                 /* serial in force for new jobs */
	double present, previous;           /* difficulties; 0: none */
	uint32_t mask;
	bool negotiated;
	bool forgot;  /* a job that was not retired had to go */
	bool crowded; /* more workers than are kept */
	uint8_t doubt;
	uint8_t after; /* jobs since the difficulty changed, at most 255 */
	uint8_t jobs, jobs_cap;
	uint8_t workers, workers_cap;
	struct verify_given *given; /* the newest last */
	struct verify_worker *worker;
	uint64_t cleaned; /* when the latest clean job came */
	uint32_t acked_invalid, rejected;
	struct verify_set seen[2]; /* now, and before that */
	struct verify_root root;
};

/* FNV-1a, for ids and names. */
uint64_t verify_hash(const void *, size_t);
/* By serial; NULL if it is not kept any more. */
const struct verify_en *verify_en_find(const struct verify *, uint32_t serial);
/* The newest job of this id before number `end`, or -1. */
int verify_given_find(const struct verify *, const char *id, size_t len,
    int end);
/* The entry goes, and what hangs on it. */
void verify_given_drop(struct verify *, unsigned i);

/* Hashes the share in *s every way that may be meant.  Returns why the
 * header is not the plain one, CAUSE_NONE if it is. */
enum verify_cause verify_hash_share(struct verify *, int given,
    struct verify_share *s);
/* Does this hash have the difficulty?  Exact. */
bool verify_reaches(const uint8_t hash[32], double reached, double required);
/* The verdict on a share that is hashed; worker is its name's hash. */
void verify_rule(struct verify *, const struct verify_given *, uint64_t worker,
    enum verify_cause why, struct verify_share *);

bool verify_set_has(const struct verify *, uint64_t);
/* Without memory it is forgotten. */
void verify_set_add(struct verify *, uint64_t);
void verify_set_clear(struct verify *);
uint64_t verify_set_key(const uint8_t hash[32]);

#endif
