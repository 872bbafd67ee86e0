/*
 * Proof of work (NIP-13): a "nonce" tag that makes an event's id begin with
 * so many zero bits.  Looked for in slices, so that nobody waits; the first
 * that will do is always the same for the same event.
 */
#ifndef COMMON_NOSTR_POW_H
#define COMMON_NOSTR_POW_H

#include "common/nostr_event.h"

#define NOSTR_POW_MAX 24 /* bits; each doubles the work */

/* Values of the tag; they must live as long as the event. */
struct nostr_nonce {
	char value[16], bits[4];
};

struct nostr_pow;

/* Adds the tag to the event, whose author, content and other tags are
 * final.  NULL: out of memory, or no room for a tag. */
struct nostr_pow *nostr_pow_new(struct nostr_event *, struct nostr_nonce *,
    unsigned bits);
void nostr_pow_free(struct nostr_pow *); /* NULL is fine */
/* Tries about so many bytes' worth of hashing: true when it is found, and
 * the tag has it. */
bool nostr_pow_try(struct nostr_pow *, size_t bytes);

/* Zero bits that it begins with. */
unsigned nostr_pow_bits(const uint8_t id[32]);
/* How many bits a refusal asks for; 0: it does not say. */
unsigned nostr_pow_wanted(const char *text);

#endif
