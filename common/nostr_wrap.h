/*
 * A private message that the usual clients show (NIP-17): a rumour of kind
 * 14, which nobody signs; in a seal of kind 13, which the sender signs; in a
 * wrap of kind 1059, by a key that is used once.  Rumour and seal are
 * encrypted to the receiver (NIP-44), so a relay sees only for whom it is.
 *
 *	nostr_rumor()	the text to be encrypted into the seal
 *	...		the seal is encrypted with the sender's conversation
 *			key, and signed by the signer
 *	nostr_wrap()	the event that goes out
 */
#ifndef COMMON_NOSTR_WRAP_H
#define COMMON_NOSTR_WRAP_H

#include "common/nostr_event.h"

#define NOSTR_KIND_SEAL    13u
#define NOSTR_KIND_MESSAGE 14u
#define NOSTR_KIND_WRAP    1059u
#define NOSTR_MESSAGE_MAX  8192u /* bytes of text */

/* Appends the rumour.  0 or -1. */
int nostr_rumor(const uint8_t from[32], const uint8_t to[32],
    int64_t created_at, const char *text, size_t len, struct mbuf *out);
/* Replaces the text by what the holder of the key can read, with a fresh
 * nonce.  0 or -1. */
int nostr_seal(const uint8_t conversation[32], struct mbuf *text);
/* Appends the wrap of a signed seal, and gives its id.  0 or -1. */
int nostr_wrap(const uint8_t to[32], int64_t created_at, const char *seal,
    size_t len, struct mbuf *out, uint8_t id[32]);

#endif
