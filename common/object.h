/*
 * Records as JSON: the objects of the API and of hashscopectl -j, with the
 * field names of hashscope-api(7).  Valid JSON and UTF-8 come out whatever a
 * miner or a pool sent.
 */
#ifndef COMMON_OBJECT_H
#define COMMON_OBJECT_H

#include "common/json.h"
#include "common/record.h"

#define OBJECT_TIME 28 /* "2026-11-21T12:00:00.123456Z" and NUL */

/* RFC 3339, UTC, microseconds; beyond the years 1970…9999 their ends. */
void object_time(int64_t us, char out[OBJECT_TIME]);

void object_message(struct json_out *, const struct message_rec *);
void object_session(struct json_out *, const struct session_rec *);
void object_process(struct json_out *, const struct process_rec *);

/* Counters of one process; a name without a dot belongs to group. */
struct object_source {
	const char *group;
	const struct stats *stats;
};

/*
 * Writes keys into the object that is open: each group an object of its
 * counters, "tap.ring_used" as {"tap":{"ring_used":…}}, in the order of
 * their first mention; a name that came before is left out.  The sources'
 * own groups are there even when they have no counters.
 */
void object_counters(struct json_out *, const struct object_source *,
    unsigned n);

#endif
