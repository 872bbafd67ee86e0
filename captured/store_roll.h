/*
 * Roll-ups: what each worker, pool and firmware did in each minute and in
 * each hour, kept for much longer than the messages that it is made of.
 *
 * They are made of the batch in the transaction that writes it, so nothing
 * is counted twice and nothing is lost, whatever happens to captured.  Hours
 * are made of minutes: once the messages' time has passed a minute, it is
 * added to its hour (head.folded says how far that has come); what comes for
 * an earlier minute is added to both.  Time is that of the messages.
 *
 * Names are a peer's invention: there are at most ROLL_KEYS_MAX of each
 * kind, and of them ROLL_ROWS_MAX in a minute.  What is beyond is counted
 * under "other", so that sums stay true.
 */
#ifndef CAPTURED_STORE_ROLL_H
#define CAPTURED_STORE_ROLL_H

#include "captured/store.h"
#include "common/roll.h"

#define ROLL_KEYS_MAX    65536u
#define ROLL_ROWS_MAX    4096u
/* Keys that one transaction may touch; the rest of it is "other". */
#define ROLL_DELTAS_MAX  8192u

/* The key of a name in the tables; 0 as id is "other". */
#define ROLL_KEY(by, id) ((uint64_t)(by) << 34 | (uint64_t)(id))
#define ROLL_BY(key)     ((unsigned)((key) >> 34))

/* Whom a message counts for, by ROLL_WORKER - 1 and so on. */
struct store_who {
	uint32_t generation; /* 0: nothing is known yet */
	uint32_t id[ROLL_KINDS];
};

/* The id of a name, seen at this real time; 0 when there are too many. */
uint32_t store_roll_id(struct store *, enum roll_by, const char *name,
    int64_t us);
/* Ids are good as long as this stays the same; never 0. */
uint32_t store_roll_generation(const struct store *);

#endif
