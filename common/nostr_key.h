/*
 * Keys: BIP-340 signatures and the shared secret of NIP-44, with
 * libsecp256k1.  The only files that call it are nostr_key.c's users; a
 * program which does not sign or verify is not linked with it.
 */
#ifndef COMMON_NOSTR_KEY_H
#define COMMON_NOSTR_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nostr_key; /* a secret key and its public one, parsed once */
struct nostr_verifier;

/* NULL: no memory, or no valid key (0, or not below the group's order). */
struct nostr_key *nostr_key_new(const uint8_t secret[32]);
void nostr_key_free(struct nostr_key *); /* overwritten; NULL is fine */
const uint8_t *nostr_key_public(const struct nostr_key *);
/* A secret from the kernel's generator that is valid; -1 and errno. */
int nostr_secret_make(uint8_t secret[32]);

/* Over 32 bytes (an id), with fresh auxiliary randomness.  0 or -1. */
int nostr_key_sign(struct nostr_key *, const uint8_t id[32], uint8_t sig[64]);
/* The same with given randomness: the vectors of BIP-340. */
int nostr_key_sign_aux(struct nostr_key *, const uint8_t *msg, size_t len,
    const uint8_t aux[32], uint8_t sig[64]);
/* NIP-44: the x coordinate of our secret times their point.  0 or -1. */
int nostr_key_shared(const struct nostr_key *, const uint8_t pubkey[32],
    uint8_t x[32]);

/* Keeps the last few keys parsed. */
struct nostr_verifier *nostr_verifier_new(void);
void nostr_verifier_free(struct nostr_verifier *); /* NULL is fine */
bool nostr_verify(struct nostr_verifier *, const uint8_t pubkey[32],
    const uint8_t *msg, size_t len, const uint8_t sig[64]);

#endif
