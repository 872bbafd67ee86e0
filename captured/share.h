/*
 * The verifier of each session, fed with its messages in the order of the
 * tap, and kept in the store so that a restart changes no verdict:
 *
 *	verifiers	the state, written anew now and then
 *	ITEM_JOB	each notify since then: a pool sends the same job to
 *			thousands of sessions, which cost a few bytes each
 *	jobs		the jobs themselves, once
 *	shares		which there were (for duplicates), and what an answer
 *			will be judged by
 */
#ifndef CAPTURED_SHARE_H
#define CAPTURED_SHARE_H

#include "captured/ingest.h"

/* What all sessions share; in struct ingest. */
int shares_open(struct ingest *);
/* After the sessions. */
void shares_close(struct ingest *);

/* A message that was collected; request is what it answers, pos 0 none. */
void share_on_message(struct ingest *, struct session *, unsigned d,
    const struct line *, const struct store_msg *,
    const struct pair_answer *request);
/* The message at pos was sent on. */
void share_forwarded(struct session *, uint64_t pos, uint64_t ts_fwd);
/* Bytes are missing, of either direction. */
void share_on_gap(struct ingest *, struct session *);
/* No answers are known any more. */
void share_forget(struct session *);
/* Messages above this position were not written. */
void share_forget_above(struct session *, uint64_t last);

/* The store has none of its jobs any more. */
void share_jobs_again(struct ingest *, struct session *);

/* In the transaction; once it is committed. */
int share_write(struct ingest *, struct session *);
void share_settle(struct session *);

/* At the start: a session, then its items, by position; at last the end. */
int share_restore(struct ingest *, struct session *);
void share_restore_job(struct ingest *, struct session *, uint64_t pos,
    const uint8_t *, size_t);
void share_restored(struct ingest *);

#endif
