/*
 * The reading side of the store: a structured query (common/record.h) in,
 * rows out through a callback, in slices.  Each slice is a read transaction
 * of its own, so that no reader ever holds up the writer's checkpoints; a
 * query goes on in the next slice at the position it had reached, and sees
 * nothing newer than its first slice did.
 *
 * The reader needs no right to write, neither to the file nor to -shm.
 */
#ifndef CAPTURED_SELECT_H
#define CAPTURED_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/record.h"
#include "common/record_alert.h"
#include "common/record_share.h"
#include "common/record_stat.h"

struct reader;
struct select;

/* Opens dir/store.db.  -1 with the reason when it is not there (yet). */
int reader_open(struct reader **, const char *dir, char *err, size_t len);
void reader_close(struct reader *); /* NULL is fine */
/* Whose addresses are written; the main chain's until it is said. */
void reader_chain(struct reader *, enum address_net);
/* The file was replaced by another since it was opened. */
bool reader_stale(const struct reader *);

/*
 * What comes of it.  A callback returns 0 to go on, 1 to end the slice after
 * this row, -1 to end the query.  The record is valid during the call.
 */
struct select_ops {
	int (*message)(void *, const struct message_rec *);
	int (*session)(void *, const struct session_rec *);
	int (*share)(void *, const struct share_rec *);
	int (*worker)(void *, const struct worker_rec *);
	int (*stat)(void *, const struct stat_rec *);
	int (*job)(void *, const struct job_rec *);
	int (*alert)(void *, const struct alert_rec *);
};

enum select_result {
	SELECT_MORE,   /* another slice, please */
	SELECT_DONE,   /* select_end() says how it ended */
	SELECT_AGAIN,  /* the store was busy or is being replaced: try later */
	SELECT_FAILED, /* with this reader it will not work */
};

/*
 * The deadline is in ms from now, 0 for none; q->deadline_ms is not looked
 * at.  NULL without memory.
 */
struct select *select_new(const struct query *, unsigned deadline_ms,
    const struct select_ops *, void *arg);
void select_free(struct select *);

/* One slice of about ms. */
enum select_result select_step(struct select *, struct reader *, unsigned ms);
/* The deadline is that much later: we waited for somebody else. */
void select_postpone(struct select *, unsigned ms);
/* The deadline has passed. */
bool select_late(const struct select *);
/* Rows given out so far. */
uint64_t select_rows(const struct select *);
/* Why SELECT_AGAIN or SELECT_FAILED. */
const char *select_error(const struct select *);

/*
 * How it ended, or would if it ended now.  stopped_at, when not complete, is
 * the last position that was looked at (for sessions and workers: their
 * number): the query goes on with before (newest first) or after (oldest
 * first) set to that.
 */
void select_end(const struct select *, struct query_end *);

/*
 * The bytes of needle (folded by text_fold) occur in hay, ASCII letters in
 * either case.
 */
void text_fold(char *);
bool text_within(const void *hay, size_t len, const char *needle);

#endif
