/*
 * Keys as people write them: npub and nsec (NIP-19), or 64 digits of hex.
 * On the wire there is only hex.
 */
#ifndef COMMON_NOSTR_NAME_H
#define COMMON_NOSTR_NAME_H

#include <stdint.h>

#define NOSTR_NAME 64 /* "npub1…" with its NUL */

/* npub1… or hex, in either case; -1 for anything else, an nsec too. */
int nostr_public_parse(const char *, uint8_t key[32]);
/* nsec1… or hex. */
int nostr_secret_parse(const char *, uint8_t key[32]);
void nostr_npub(const uint8_t key[32], char out[NOSTR_NAME]);
void nostr_nsec(const uint8_t key[32], char out[NOSTR_NAME]);

#endif
