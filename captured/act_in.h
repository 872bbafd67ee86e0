/*
 * What auth passes on, and what the replay role follows: the two channels by
 * which captured is told to do something.
 */
#ifndef CAPTURED_ACT_IN_H
#define CAPTURED_ACT_IN_H

#include <event2/event.h>

#include "captured/ingest.h"
#include "common/ipc.h"

struct act_in;

/* commit writes what there is now, and says whether it is in the store. */
struct act_in *act_in_new(struct event_base *, bool (*commit)(void *), void *);
void act_in_free(struct act_in *);
/* Nothing is read before this. */
void act_in_start(struct act_in *, struct ingest *);
/* No more of it: the store closes. */
void act_in_stop(struct act_in *);
/* A channel to auth or replay; takes fd over, an older one is closed. */
void act_in_peer(struct act_in *, enum role, int fd);
/* For ingest's on_follow. */
void act_in_follow(struct act_in *, const struct session *,
    const struct message_rec *);

#endif
