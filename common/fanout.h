/*
 * How a job spread: how long after the first session each other one was
 * given it.  Sessions are counted, not listed; each has its notify in the
 * messages.
 */
#ifndef COMMON_FANOUT_H
#define COMMON_FANOUT_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

/* Delays by size: below 10 us, then each bound 1.3 times the one before. */
#define FANOUT_HIST   64
#define FANOUT_PACKED 512

struct fanout {
	uint64_t sessions;
	int64_t last_us; /* the longest delay */
	uint32_t hist[FANOUT_HIST];
};

void fanout_add(struct fanout *, int64_t us);
/* The delay in us that a part (0 to 1) of them stays below; 0 none. */
int64_t fanout_part(const struct fanout *, double part);
void fanout_pack(const struct fanout *, struct mbuf *);
/* Adds what is packed; -1 if that makes no sense. */
int fanout_unpack(struct fanout *, const void *, size_t);

#endif
