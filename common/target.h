/*
 * Targets and difficulties: 256-bit numbers, exact where a share's fate hangs
 * on it.
 *
 * Two numbers are in use as difficulty one: 0xFFFF * 2^208, that of Bitcoin
 * and of most pools, and 2^224 (stratum.md).
 */
#ifndef COMMON_TARGET_H
#define COMMON_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* w[0] holds the lowest 64 bits. */
struct u256 {
	uint64_t w[4];
};

enum target_one {
	TARGET_BDIFF, /* 0xFFFF * 2^208 */
	TARGET_PDIFF, /* 2^224 */
};

/* A hash as SHA-256 gives it, which is a little-endian number, and back. */
struct u256 target_of_hash(const uint8_t hash[32]);
void target_bytes(const struct u256 *, uint8_t le[32]);
/* -1, 0, 1 */
int target_cmp(const struct u256 *, const struct u256 *);
bool target_is_zero(const struct u256 *);

/*
 * floor(D1 / difficulty), the division exact for the double as it is; more
 * than 2^256 - 1 becomes that.  -1 if the difficulty is not above 0 and
 * finite.
 */
int target_of_difficulty(double difficulty, enum target_one, struct u256 *);
/* D1 / target to 15 digits; of target 0 as of target 1. */
double target_difficulty(const struct u256 *, enum target_one);

/*
 * The compact form in block headers: mantissa * 256^(exponent - 3).  -1 if
 * it is negative, zero or does not fit (Bitcoin's arith_uint256::SetCompact,
 * CheckProofOfWork).
 */
int target_of_nbits(uint32_t nbits, struct u256 *);

/* As people write hashes and targets: 64 hex digits, highest first. */
void target_hex(const struct u256 *, char out[65]);
/* Of 64 hex digits, highest first; -1 if they are not. */
int target_of_hex(const char *s, size_t len, struct u256 *);

#endif
