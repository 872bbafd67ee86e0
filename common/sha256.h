/*
 * SHA-256 (FIPS 180-4) and Bitcoin's double of it, with midstates.
 *
 * Own code instead of libcrypto: EVP has no midstate that can be copied
 * without an allocation and costs 100 ns a call, more than the hashing.  A
 * share with twelve branches is some forty blocks; with the SHA instructions
 * of amd64 and arm64 a block takes 35 ns, in plain C 250.
 */
#ifndef COMMON_SHA256_H
#define COMMON_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN   32
#define SHA256_BLOCK 64

/* A plain value: copy it to keep a midstate. */
struct sha256 {
	uint32_t h[8];
	uint64_t len; /* bytes taken */
	uint8_t buf[SHA256_BLOCK];
};

void sha256_init(struct sha256 *);
void sha256_update(struct sha256 *, const void *, size_t);
void sha256_final(struct sha256 *, uint8_t out[SHA256_LEN]);
/* The end of the double hash: sha256 of what sha256_final() gives. */
void sha256d_final(struct sha256 *, uint8_t out[SHA256_LEN]);

void sha256(const void *, size_t, uint8_t out[SHA256_LEN]);
void sha256d(const void *, size_t, uint8_t out[SHA256_LEN]);

enum sha256_code {
	SHA256_C,
	SHA256_CPU, /* the processor's instructions, where it has them */
};

/*
 * The code in use; the fastest unless told otherwise.  For tests and
 * benchmarks sha256_use() takes another; -1 if this processor cannot.
 */
enum sha256_code sha256_code(void);
int sha256_use(enum sha256_code);

#endif
