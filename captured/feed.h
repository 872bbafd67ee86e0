/*
 * The feed: messages to each subscriber as soon as they are parsed, in
 * batches, never waiting for anybody.  What does not fit into a subscriber's
 * channel is skipped for that one; each batch says which position was before
 * it, so the subscriber sees that and asks the query role.
 */
#ifndef CAPTURED_FEED_H
#define CAPTURED_FEED_H

#include "common/ipc.h"
#include "common/record.h"
#include "common/record_alert.h"
#include "common/record_share.h"

/* control, apid, replay, nostrd */
#define FEED_SUBSCRIBERS 4

struct feed_sub {
	struct ipc *ipc; /* not ours; NULL: free */
	uint32_t topics; /* FEED_* of common/record.h */
	bool behind;     /* batches were skipped, and none sent since */
	uint64_t told;   /* committed, as it was last told */
	uint64_t shares_skipped;
};

struct feed {
	struct feed_sub sub[FEED_SUBSCRIBERS];
	uint32_t topics;     /* that anybody wants */
	uint32_t reset_told; /* roles that know what was given out in vain */
	uint8_t store_id[16];
	struct mbuf records; /* of the batch that is being built */
	struct mbuf shares;  /* the same of shares */
	uint32_t nshares;
	struct mbuf out;
	struct feed_head head;
	uint64_t prev; /* position before the next message */
	uint64_t sent_ns;
	uint64_t batches, messages, skipped;
};

void feed_init(struct feed *);
void feed_free(struct feed *);
/* A subscriber, or other topics for one; told where it is, and once what to
 * forget.  -1 when there are too many. */
int feed_subscribe(struct feed *, struct ipc *, uint32_t id, uint32_t topics,
    uint64_t last, uint64_t committed, uint64_t reset_to);
/* No subscriber is fine. */
void feed_unsubscribe(struct feed *, const struct ipc *);
/* Another store, or a start: its id, and the last position given out. */
void feed_store(struct feed *, const uint8_t id[16], uint64_t last);
void feed_message(struct feed *, const struct message_rec *);
/* At once, to who wants alerts; all of them are in the store as well. */
void feed_alert(struct feed *, const struct alert_rec *);
/* Sessions have other settings, and the store has them. */
void feed_changed(struct feed *);
void feed_share(struct feed *, const struct share_rec *);
/* Sends what there is when it is time. */
void feed_flush(struct feed *, uint64_t committed, uint64_t now_ns);
/* Something waits to be sent. */
bool feed_waiting(const struct feed *);

#endif
