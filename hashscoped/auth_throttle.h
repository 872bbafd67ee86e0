/*
 * Slowing those who guess.  A table of counts for addresses and one for
 * users, of fixed size: a name falls into a slot by a keyed hash, so that
 * nobody can fill the table or choose whom to share a slot with, and a
 * stranger's name costs no more than a known one.
 *
 * Pure: the clock is the caller's, in ms that only grow.
 */
#ifndef HASHSCOPED_AUTH_THROTTLE_H
#define HASHSCOPED_AUTH_THROTTLE_H

#include <stdint.h>

#define THROTTLE_SLOTS  4096u /* a power of two */
#define THROTTLE_FREE   3u    /* failures before there is a delay */
#define THROTTLE_FORGET (15 * 60 * 1000)

struct throttle_slot {
	uint32_t failures;
	int64_t last;  /* ms: when the last was */
	int64_t until; /* ms: no other before */
};

struct throttle {
	uint8_t key[16];
	int64_t most; /* ms: the longest delay */
	struct throttle_slot slot[THROTTLE_SLOTS];
};

/* key: 16 random bytes; most: the longest delay in ms. */
void throttle_init(struct throttle *, const uint8_t key[16], int64_t most);
/* Milliseconds until name may try again; 0: now. */
int64_t throttle_wait(struct throttle *, const char *name, int64_t now);
/*
 * It tries, and this counts as a failure until it is known: so that many at
 * once do not all get through.  Past the first few the delay doubles from a
 * second on.
 */
void throttle_charge(struct throttle *, const char *name, int64_t now);
/* It was none. */
void throttle_refund(struct throttle *, const char *name);
/* The failures of a name are forgotten. */
void throttle_clear(struct throttle *, const char *name);

/*
 * The name of an address for this: "192.0.2.1:1234" and "[2001:db8::1]:80"
 * without the port, IPv6 by its /64, IPv4 in IPv6 as IPv4.
 */
#define THROTTLE_NAME 64
void throttle_address(const char *peer, char out[THROTTLE_NAME]);

#endif
