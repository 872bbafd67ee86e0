/*
 * Between ingest and its watches: what happens in a session becomes an event,
 * what the watches know goes into the store with the messages, and an alert
 * that began or ended is told once it is there: a line in the log, a count, an
 * event of the feed.
 *
 * Sessions that are HashScope's own replays are not watched.
 */
#ifndef CAPTURED_WATCHING_H
#define CAPTURED_WATCHING_H

#include "captured/ingest.h"
#include "captured/store_share.h"

/* Before anything else; after the store was opened; at the end. */
int watching_open(struct ingest *);
int watching_restore(struct ingest *);
void watching_close(struct ingest *);
void watching_conf(struct ingest *, const struct watch_conf *);

/* A message was collected, before what comes of it. */
void watching_message(struct ingest *, struct session *, unsigned d,
    const struct line *, uint64_t pos);
void watching_job(struct ingest *, struct session *, uint64_t pos,
    const struct work_job *);
void watching_share(struct ingest *, struct session *, uint64_t pos,
    const struct verify_share *);
void watching_answer(struct ingest *, struct session *, uint64_t pos,
    const struct verify_brief *, const struct store_answer *);
void watching_end(struct ingest *, struct session *);

void watching_foreign(struct ingest *, struct session *,
    const struct stratum_foreign *);
void watching_gap(struct ingest *, struct session *, uint64_t bytes);
void watching_paused(struct ingest *, const char *why);
void watching_resumed(struct ingest *);
void watching_damaged(struct ingest *, const char *moved);

/* In the transaction; when it is committed; when there is another store. */
int watching_write(struct ingest *);
void watching_settle(struct ingest *);
void watching_rewrite(struct ingest *);
/* Alerts that began or ended while nothing can be committed. */
void watching_tell(struct ingest *);
void watching_stats(const struct ingest *, struct stats *);

#endif
