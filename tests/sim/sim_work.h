/*
 * Stratum V1 work: from a notify and a submit to the header, its hash and
 * its difficulty.  The simulators' own code, on libcrypto's SHA-256: it
 * judges what HashScope computes and must not share its mistakes.
 */
#ifndef SIM_WORK_H
#define SIM_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/sim_json.h"

#define SIM_COINB_MAX    1024
#define SIM_BRANCHES_MAX 32
#define SIM_NONCE_MAX    32 /* bytes of an extranonce */
#define SIM_ID_MAX       64

/* How the sixth parameter of mining.submit becomes the header's version. */
enum sim_formula {
	SIM_BIP310, /* (job & ~mask) | (bits & mask) */
	SIM_OR,     /* job | bits */
	SIM_XOR,    /* job ^ bits */
};

struct sim_job {
	char id[SIM_ID_MAX];
	uint8_t prevhash[32]; /* as on the wire: words byte-reversed */
	uint8_t coinb1[SIM_COINB_MAX], coinb2[SIM_COINB_MAX];
	size_t coinb1_len, coinb2_len;
	uint8_t branch[SIM_BRANCHES_MAX][32];
	int branches;
	uint32_t version, nbits, ntime;
	bool clean;
};

struct sim_nonce {
	uint8_t b[SIM_NONCE_MAX];
	size_t len;
};

/* What a submit adds to a job. */
struct sim_try {
	struct sim_nonce en1, en2;
	uint32_t version, ntime, nonce;
};

/* SHA-256 state behind the first 64 bytes of a header. */
struct sim_mid {
	uint32_t h[8];
	uint8_t tail[16]; /* bytes 64 to 79 */
};

/* 0, -1 no such formula. */
int sim_formula_parse(const char *, enum sim_formula *);
uint32_t sim_version(enum sim_formula, uint32_t job, uint32_t mask,
    uint32_t bits);

/* From the params array of a mining.notify. 0, -1 anything odd. */
int sim_job_parse(struct sim_job *, const struct sim_tok *, int params);
/* The params array in JSON; returns its length, 0 when buf is too small. */
size_t sim_job_print(const struct sim_job *, bool clean, char *buf,
    size_t size);

void sim_header(const struct sim_job *, const struct sim_try *,
    uint8_t out[80]);
void sim_sha256d(const void *, size_t, uint8_t out[32]);
void sim_midstate(const uint8_t header[80], struct sim_mid *);
/* Tries n nonces (rounded up to an even number) from *nonce on: true when one
 * has hash <= target (both little-endian numbers); *nonce is then that one,
 * else the next to try. */
bool sim_search(const struct sim_mid *, const uint8_t target[32],
    uint32_t *nonce, uint32_t n);

/* floor(D1 / difficulty) as a little-endian number, D1 = 0xFFFF * 2^208;
 * difficulties that would pass 2^256 give all ones. */
void sim_target(double difficulty, uint8_t target[32]);
void sim_target_nbits(uint32_t nbits, uint8_t target[32]);
double sim_difficulty(const uint8_t hash[32]);
bool sim_below(const uint8_t hash[32], const uint8_t target[32]);
/* 64 digits, most significant first, as it is displayed. */
void sim_hash_print(const uint8_t hash[32], char out[65]);

#endif
