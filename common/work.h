/*
 * Work: what mining.notify hands out, and the header that a share makes of
 * it.  Jobs are shared by content: a pool sends the same one to all its
 * miners, and ten thousand sessions keep it once.
 */
#ifndef COMMON_WORK_H
#define COMMON_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/jtree.h"
#include "common/msg.h"
#include "common/sha256.h"
#include "common/target.h"

#define WORK_ID_MAX         128   /* bytes of a job's id */
#define WORK_BRANCHES_MAX   32    /* a block has fewer than 2^32 transactions */
#define WORK_COINBASE_MAX   32768 /* bytes of coinb1 and coinb2 together */
#define WORK_EXTRANONCE_MAX 32    /* bytes of extranonce1, and of 2 */
#define WORK_PARAMS         9     /* of mining.notify */
#define WORK_HEADER         80

/* What is wrong with a notify: the first parameter that cannot be used. */
enum work_fault {
	WORK_SOUND,
	WORK_BAD_PARAMS, /* not an array, or too short */
	WORK_BAD_ID,
	WORK_BAD_PREVHASH,
	WORK_BAD_COINBASE, /* coinb1 or coinb2 */
	WORK_BAD_BRANCHES,
	WORK_BAD_VERSION,
	WORK_BAD_NBITS,
	WORK_BAD_NTIME,
	WORK_FAULTS
};

/*
 * One job.  Belongs to its store; not to be changed.  Faulty ones are kept
 * too, with an id if they have one: a share for such a job is undecided, not
 * unknown.
 */
struct work_job {
	/* SHA-256 of the parameters before clean_jobs, as they were written. */
	uint8_t key[SHA256_LEN];
	struct work_job *next; /* in the store */
	uint32_t refs;
	uint32_t size; /* bytes that it takes */
	uint8_t fault; /* enum work_fault */
	uint8_t branches;
	uint16_t id_len;
	uint32_t version, nbits, ntime;
	uint32_t coinb1_len, coinb2_len;
	uint8_t prevhash[32]; /* as in the header */
	struct u256 target;   /* of nbits; 0 if that is no valid one */
	struct sha256 mid;    /* when coinb1 is taken */
	const uint8_t *coinb1, *coinb2, *branch;
	/* What key is the hash of; NULL when it came from work_unpack(). */
	const char *text;
	uint32_t text_len;
	char id[]; /* NUL-terminated, then the bytes */
};

struct work_store;

/* All jobs together will not take more than max bytes.  NULL: no memory. */
struct work_store *work_store_new(size_t max);
/* Frees all jobs, whoever still holds them. */
void work_store_free(struct work_store *);
size_t work_store_jobs(const struct work_store *);
size_t work_store_bytes(const struct work_store *);

/*
 * The job of a mining.notify's params (a node of the tree), with a reference
 * for the caller.  NULL: no memory, or the store is full.
 */
struct work_job *work_take(struct work_store *, const struct jtree *,
    uint32_t params);
/* The same by key, with a reference; NULL if it is not there. */
struct work_job *work_find(struct work_store *, const uint8_t key[SHA256_LEN]);
struct work_job *work_ref(struct work_job *);
/* The last reference frees it. */
void work_unref(struct work_store *, struct work_job *);

/*
 * A job as bytes, and back into a store, with a reference.  NULL if the bytes
 * make no sense (the cursor is then bad), or there is no room.
 */
void work_pack(const struct work_job *, struct mbuf *);
struct work_job *work_unpack(struct work_store *, struct mcur *);

/* clean_jobs of a notify: 1, 0, or -1 if it is missing or no bool. */
int work_clean(const struct jtree *, uint32_t params);
const char *work_fault_text(enum work_fault);

/* A string of bytes, for the two extranonces. */
struct work_bytes {
	uint8_t len;
	uint8_t b[WORK_EXTRANONCE_MAX];
};

/*
 * The Merkle root of a sound job with these extranonces, as in the header:
 * the double hash of coinb1, extranonce1, extranonce2, coinb2, then with each
 * branch.
 */
void work_root(const struct work_job *, const struct work_bytes *en1,
    const struct work_bytes *en2, uint8_t root[32]);
/* The header; the job's version is not put in by itself. */
void work_header(const struct work_job *, const uint8_t root[32],
    uint32_t version, uint32_t ntime, uint32_t nonce, uint8_t out[WORK_HEADER]);

/* The three ways to put a miner's version bits into the header. */
enum work_formula {
	WORK_BIP310, /* (job & ~mask) | (bits & mask): BIP 310, p2poolv2 */
	WORK_OR,     /* job | bits: ckpool, DATUM */
	WORK_XOR,    /* job ^ bits: btcpool, public-pool, ESP-Miner */
	WORK_NONE,   /* the job's version, whatever the bits */
	WORK_FORMULAS
};

uint32_t work_version(enum work_formula, uint32_t job, uint32_t mask,
    uint32_t bits);
const char *work_formula_name(enum work_formula);
/* -1: no such name. */
int work_formula_find(const char *);

#endif
