/*
 * What an operator sets for a worker, from the act to the sessions and to
 * the store.
 */
#ifndef CAPTURED_WORKER_H
#define CAPTURED_WORKER_H

#include "captured/ingest.h"
#include "common/act.h"
#include "common/json.h"

/* Into every live session, after the configuration or anything has changed. */
void workers_apply(struct ingest *);
/* What the configuration says of names; all sessions anew. */
void workers_conf(struct ingest *, const struct broadcast_conf *, unsigned n);
/* Nobody follows any session; how many were followed. */
unsigned workers_unfollow(struct ingest *);
/* The live session of this id, or NULL. */
struct session *workers_session(struct ingest *, const uint8_t uuid[16]);
/* This session is followed, or is not. */
void workers_follow(struct ingest *, struct session *, bool on);

/* With the transaction: writes what was set, and it is written. */
int workers_write(struct ingest *);
void workers_settle(struct ingest *);
/* The store is a new one: all of it is to be written again. */
void workers_rewrite(struct ingest *);

/*
 * BROADCAST, REPEAT_COUNT, AUTO_REPLAY_COUNT.  The status of HTTP; with 200
 * the answer's object is in out, else why not in detail.  It is done in
 * memory and with the next commit in the store.
 */
unsigned workers_act(struct ingest *, const struct act *, struct json_out *,
    char *detail, size_t size);

#endif
