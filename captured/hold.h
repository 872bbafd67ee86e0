/*
 * The WAL and its readers.  A checkpoint that empties the WAL needs a moment
 * without readers: past a size, each lane of the query role is told HOLD,
 * ends its reads and answers HELD; then the checkpoint, then GO.  A lane
 * that does not answer is reported, and the supervisor restarts it.
 */
#ifndef CAPTURED_HOLD_H
#define CAPTURED_HOLD_H

#include <event2/event.h>

#include "captured/store.h"
#include "common/ipc.h"

#define HOLD_LANES 2

struct hold;

/* late is told of each lane that did not answer in time. */
struct hold *hold_new(struct event_base *, void (*late)(void *, enum role),
    void *);
void hold_free(struct hold *);
void hold_conf(struct hold *, uint64_t wal_bytes, uint32_t ms);
/* The channel of a lane; takes fd over, an older channel is closed. */
void hold_lane(struct hold *, enum role, int fd);
/* From now on there is a store; NULL: no more. */
void hold_store(struct hold *, struct store *);
/* After commits: is it time? */
void hold_check(struct hold *);
void hold_stats(const struct hold *, struct stats *);

#endif
