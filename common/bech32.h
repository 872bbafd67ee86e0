/*
 * bech32 (BIP 173) and bech32m (BIP 350): a prefix for people, "1", digits of
 * five bits, a checksum of six.  Bitcoin's addresses and Nostr's keys (NIP-19)
 * are written so.
 */
#ifndef COMMON_BECH32_H
#define COMMON_BECH32_H

#include <stddef.h>
#include <stdint.h>

#define BECH32_MAX 90 /* characters, without the NUL */
#define BECH32_HRP 16 /* the longest prefix that is read, with the NUL */

/* What the checksum must come to. */
#define BECH32_V1  1u
#define BECH32_M   0x2bc830a3u

/* Groups of five bits, the last one filled up with zeros; how many. */
size_t bech32_groups(const uint8_t *, size_t len, uint8_t *out);
/* Back to bytes; -1 when the bits left over are more than four, or not 0. */
int bech32_bytes(const uint8_t *group, size_t n, uint8_t *out, size_t *len);

/* out has room for the prefix, 1, n, 6 and the NUL. */
void bech32_encode(const char *hrp, const uint8_t *group, size_t n,
    uint32_t constant, char *out);
/*
 * Text of either case but not both.  hrp in lower case, group with room for
 * BECH32_MAX.  -1 if anything is odd.
 */
int bech32_decode(const char *text, uint32_t constant, char hrp[BECH32_HRP],
    uint8_t *group, size_t *n);

#endif
