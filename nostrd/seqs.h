/*
 * The last seq that each session's shares were given.  A session that was
 * silent for a day makes room when there are too many.
 */
#ifndef NOSTRD_SEQS_H
#define NOSTRD_SEQS_H

#include "common/msg.h"

#define SEQS_MAX 16384u

struct seq {
	uint8_t session[16];
	uint64_t last;
	int64_t ts_us;
};

struct seqs {
	struct seq *slot; /* open addressing */
	unsigned cap, n;
};

void seqs_free(struct seqs *);
uint64_t seqs_last(const struct seqs *, const uint8_t session[16]);
/* That one more will find room; -1: out of memory. */
int seqs_room(struct seqs *, int64_t ts_us);
/* last is not 0.  -1: out of memory. */
int seqs_set(struct seqs *, const uint8_t session[16], uint64_t last,
    int64_t ts_us);
void seqs_put(const struct seqs *, struct mbuf *);
/* Replaces what was there. */
void seqs_get(struct seqs *, struct mcur *);

#endif
