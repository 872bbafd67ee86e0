/*
 * A thin layer on SQLite for both sides of the store: values are bound and
 * columns read in order through a cursor, and the columns of a session's row
 * are listed once.
 */
#ifndef CAPTURED_SQL_H
#define CAPTURED_SQL_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "common/record.h"
#include "common/record_alert.h"

/* Binds from the first parameter on; rc keeps the first error. */
struct bind {
	sqlite3_stmt *q;
	int n;
	int rc;
};
void bind_init(struct bind *, sqlite3_stmt *);
void bind_int(struct bind *, int64_t);
void bind_null(struct bind *);
void bind_double(struct bind *, double);
/* Not copied: must stay until the statement was stepped.  NULL is NULL. */
void bind_text(struct bind *, const char *);
void bind_blob(struct bind *, const void *, size_t);

/* Reads columns from the given one on. */
struct col {
	sqlite3_stmt *q;
	int n;
};
void col_init(struct col *, sqlite3_stmt *, int first);
int64_t col_int(struct col *);
double col_double(struct col *);
/* Cut to size; NULL is "". */
void col_text(struct col *, char *, size_t size);
/* Valid until the next step. */
const void *col_blob(struct col *, size_t *len);
/* Exactly len bytes, or zeroes. */
void col_fixed(struct col *, void *, size_t len);

/*
 * The columns of table sessions that are a session_rec, without those that
 * are computed on reading (first_pos, last_pos).  Those up to rtt_pool change
 * with every message (bind_session_hot), the others seldom.
 */
#define SESSION_COLS                                                            \
	"last_seen, messages, from_miner, from_pool, bytes_miner, "             \
	"bytes_pool, parse_errors, gaps, gap_bytes, difficulty, "               \
	"rtt_miner, rtt_pool, account, uuid, live, replay, first_seen, ended, " \
	"pool_port, pool_index, pool_connect, peer, via, listener, "            \
	"pool_host, pool_peer, user_agent, mining_session, worker, "            \
	"close_reason, close_detail, replay_of, broadcast, repeat, "            \
	"auto_count, auto_replay, workers, extranonce1, "                       \
	"extranonce2_size, rates"
#define SESSION_NCOLS 40

/* The columns of table alerts that are an alert_rec, the id first. */
#define ALERT_COLS                                                      \
	"id, kind, severity, first, last, ended, count, pos, session, " \
	"pool, worker, text"
/* All but the id. */
void bind_alert(struct bind *, const struct alert_rec *);
void col_alert(struct col *, struct alert_rec *);

/* What is packed for it lies in the mbuf until the statement was stepped;
 * open: as in account_pack(). */
void bind_session_hot(struct bind *, const struct session_rec *, bool open,
    struct mbuf *);
void bind_session_cold(struct bind *, const struct session_rec *,
    struct mbuf *);
void col_session(struct col *, struct session_rec *);

#endif
