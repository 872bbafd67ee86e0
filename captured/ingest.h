/*
 * From the tap's entries to the store: everything that captured does with
 * what relayd tells, without a socket in it.
 *
 *	ingest.c	entries: facts of sessions, chunks, times
 *	message.c	a line becomes a message
 *	share.c		a submit becomes a share with a verdict
 *	commit.c	the transaction, and what to do when it fails
 *	restore.c	what the store knows, taken up at the start
 *	worker.c	what was set for a worker, in its sessions
 *	watching.c	what an operator should be told
 *
 * The order of calls: ingest_open(); ingest_hello() for each relayd that
 * says hello; ingest_batch() any number of times; ingest_commit() when
 * ingest_due(), then ingest_acked() may be told to relayd.
 */
#ifndef CAPTURED_INGEST_H
#define CAPTURED_INGEST_H

#include "captured/session.h"
#include "captured/setting.h"
#include "captured/store.h"
#include "captured/watch.h"
#include "common/childconf.h"
#include "common/stratum.h"

enum ingest_state {
	INGEST_OK,
	INGEST_RETRY,  /* a commit failed: take nothing more, try again */
	INGEST_PAUSED, /* nothing can be written: copies are dropped */
};

struct ingest_count {
	uint64_t seen;          /* messages */
	uint64_t committed;     /* messages */
	uint64_t dropped;       /* messages that were collected, not written */
	uint64_t bytes;         /* of chunks, taken */
	uint64_t dropped_bytes; /* of chunks, while paused */
	uint64_t parse_errors;
	uint64_t gaps, gap_bytes;
	uint64_t skipped; /* bytes of lines that a gap tore */
	uint64_t truncated;
	uint64_t blank;   /* lines with nothing in them */
	uint64_t unknown; /* entries of sessions that we do not have */
	uint64_t malformed;
	uint64_t sessions;
	uint64_t pair_dropped;
	uint64_t shares;
	uint64_t disputed;           /* shares that the pool judged wrongly */
	uint64_t accepted, rejected; /* of them */
	uint64_t commits, commits_failed;
	uint64_t recovered; /* stores that were moved aside */
	uint64_t last_commit_us, max_commit_us;
	uint64_t last_commit_rows;
	uint64_t relay_lost; /* bytes that relayd did not copy */
	uint64_t lag_us;     /* from relayd's reading to ours, of the last */
};

struct ingest {
	struct store *store;
	struct capture_conf conf;
	struct sessions sessions;
	struct stratum_parser *parser;
	struct stratum_msg msg;
	uint8_t *scratch; /* LINE_KEEP bytes, for what must be redacted */
	struct mbuf state;
	struct work_store *jobs; /* of all sessions */
	struct jtree *tree;
	struct mbuf verifier;
	struct settings settings;
	struct watch *watch;
	struct work_job **held; /* while sessions are restored */
	size_t nheld;

	/* Each message when it has a position; NULL: nobody wants them. */
	void (*on_message)(void *, const struct message_rec *);
	/* A submit of a session with auto_replay_enabled; NULL: its end. */
	void (*on_follow)(void *, const struct session *,
	    const struct message_rec *);
	/* An alert began, or, with an end, ended: it is in the store. */
	void (*on_alert)(void *, const struct alert_rec *);
	/* Shares for viewers, see share_news.h; NULL: nobody wants them. */
	struct share_news *news;
	uint64_t share; /* of the latest message: submitted or answered; 0 */
	/* The store is another one. */
	void (*on_reset)(void *);
	void *arg;

	enum ingest_state phase;
	uint64_t retry_ns, failing_ns;      /* next try; since when */
	uint64_t paused_bytes, paused_rows; /* counts when it began */
	bool changed;        /* a commit has something to write */
	uint64_t changed_ns; /* since when */

	struct store_mark mark;   /* up to where entries were taken */
	uint64_t lost_ns;         /* when the channel to relayd ended; 0 */
	uint64_t last_pos;        /* given out last, or committed before */
	uint64_t first_committed; /* the store's end when we began */
	uint64_t last_ts;         /* ts_recv of the last chunk */
	uint64_t said_ns;         /* last line about a foreign protocol */
	struct ingest_count n;
};

uint64_t clock_ns(void); /* CLOCK_MONOTONIC */

/* Opens the store and takes up what it knows.  -1 with the reason in err;
 * a store that was moved aside is a line in the log, not an error. */
int ingest_open(struct ingest *, const struct capture_conf *, char *err,
    size_t errlen);
/* Commits first what can be. */
void ingest_close(struct ingest *);
void ingest_conf(struct ingest *, const struct capture_conf *);

/*
 * A relayd of this epoch is there, and its real time is that much (ns)
 * ahead of the monotonic.  The sessions of another epoch end.  Returns the
 * watermark in that epoch, to be told in RESUME.
 */
uint64_t ingest_hello(struct ingest *, const uint8_t epoch[16], int64_t offset);
/* Its channel has ended. */
void ingest_lost(struct ingest *);
/* The entries of one TAP_BATCH.  -1: the rest of it was malformed. */
int ingest_batch(struct ingest *, const void *, size_t);

/* A commit is due: by rows, bytes or time, or to try again. */
bool ingest_due(const struct ingest *, uint64_t now_ns);
/* False while a failed commit waits to be tried again. */
bool ingest_ready(const struct ingest *);
int ingest_commit(struct ingest *);
/* Up to where relayd may forget; the epoch is mark.epoch. */
uint64_t ingest_acked(const struct ingest *);
void ingest_stats(const struct ingest *, struct stats *);

/* --- between ingest.c, message.c and commit.c --- */

/* A line of direction d; flags are the chunk's (TAP_UNDELIVERED). */
struct line_from {
	struct ingest *in;
	struct session *s;
	unsigned d;
	unsigned flags;
};
void message_on_line(void *line_from, const struct line *);
/* Something is to be written; without a session when s is NULL. */
void ingest_touch(struct ingest *, struct session *);
/* What waits for an answer is not known any more. */
void ingest_forget_pairs(struct ingest *, struct session *);
/* No space, or an error that stays: a line in the log, and drop copies. */
void ingest_pause(struct ingest *, const char *why);

#endif
