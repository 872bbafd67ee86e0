/*
 * The channel from relayd.
 *
 * Under load it is not waited for by event: a sender that wakes a sleeping
 * reader on another core pays 12 to 50 µs for it, and relayd is never to be
 * slowed.  So while bytes flow it is read dry every 2 ms by a timer, and
 * only after a while of silence an event is waited for again.
 */
#ifndef CAPTURED_TAP_IN_H
#define CAPTURED_TAP_IN_H

#include <event2/event.h>

#include "captured/ingest.h"
#include "common/ipc.h"

struct tap_in;

/* turn is called after each round of reading and commits, for the feed and
 * the like. */
struct tap_in *tap_in_new(struct event_base *, void (*turn)(void *), void *);
void tap_in_free(struct tap_in *);
/* Nothing is read before this. */
void tap_in_start(struct tap_in *, struct ingest *);
/* A relayd; takes fd over, an older channel is closed. */
void tap_in_peer(struct tap_in *, int fd);
/* Commits when due, and acknowledges; from the housekeeping too. */
void tap_in_commit(struct tap_in *, bool now);
/* At the end: what is still in the socket, for at most so long. */
void tap_in_drain(struct tap_in *, unsigned ms);
/* Soon again: something waits for the next turn. */
void tap_in_again(struct tap_in *);
void tap_in_stats(const struct tap_in *, struct stats *);

#endif
