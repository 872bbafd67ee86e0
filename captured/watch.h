/*
 * The watches: what of the traffic an operator should be told.  Events in,
 * alerts out, no I/O: time comes with the messages, and what outlives the
 * process is handed out as bytes.
 *
 *	watch.c		time, what is kept, what is handed out
 *	watch_pool.c	jobs: payouts and heights; what a pool does wrong
 *	watch_chain.c	jobs: whether sessions agree on the previous block
 *	watch_worker.c	workers: silent, rejected, not listed
 *	alert.c		the alerts themselves
 *
 * Their clock is that of the messages, less the stretches in which nothing
 * came: after a restart nobody is silent who could not be heard.  Memory is
 * bounded; who was not heard of for longest goes first.
 */
#ifndef CAPTURED_WATCH_H
#define CAPTURED_WATCH_H

#include "captured/alert.h"
#include "common/coinbase.h"
#include "common/keyed.h"
#include "common/watchconf.h"
#include "common/work.h"

#define WATCH_POOLS   256  /* host:port */
#define WATCH_PAYERS  1024 /* pool and user */
#define WATCH_WORKERS 8192
#define WATCH_TIPS    64 /* previous blocks, of all chains */

struct watch;

/* Who an event is about.  The texts are "" where they are not known. */
struct watch_at {
	const char *pool;       /* host:port */
	const char *worker;     /* as authorized, or as submitted */
	const uint8_t *session; /* 16 bytes */
	uint64_t pos;           /* of the message */
};

/* What is remembered of a session; all zero at its beginning. */
struct watch_session {
	double usual;          /* difficulty */
	uint32_t shares;       /* that made it usual */
	char pool[ALERT_POOL]; /* host:port */
};

struct watch *watch_new(void); /* NULL: no memory */
void watch_free(struct watch *);
void watch_set(struct watch *, const struct watch_conf *);
struct alerts *watch_alerts(struct watch *);

/* A message came; monotonic ns, real µs.  Before its own event. */
void watch_time(struct watch *, uint64_t ts, int64_t real_us);

/* --- events --- */

/* en: bytes of both extranonces, COINBASE_ANY if that is not known. */
void watch_job(struct watch *, const struct watch_at *, const struct work_job *,
    int en);
void watch_authorize(struct watch *, const struct watch_at *);
/* host "": the one it is connected to; peer is that one's address. */
void watch_reconnect(struct watch *, const struct watch_at *,
    const char *pool_host, const char *peer, const char *host);
void watch_difficulty(struct watch *, const struct watch_at *,
    struct watch_session *, double difficulty);
/* Waiting: shares of the session without an answer, this one included. */
void watch_share(struct watch *, const struct watch_at *,
    struct watch_session *, double difficulty, unsigned waiting);
struct watch_judged {
	bool rejected;
	bool wrongly_accepted, wrongly_rejected;
	const char *why; /* the verdict, in a word */
};
void watch_answer(struct watch *, const struct watch_at *,
    const struct watch_judged *, unsigned waiting);
void watch_session_end(struct watch *, const struct watch_at *);
void watch_foreign(struct watch *, const struct watch_at *, const char *peer,
    const char *name, const char *hint);
void watch_gap(struct watch *, const struct watch_at *, uint64_t bytes);
void watch_paused(struct watch *, const char *why);
void watch_resumed(struct watch *);
void watch_damaged(struct watch *, const char *moved);

/* --- what outlives the process --- */

/*
 * Each thing that has changed: its name (of len bytes), a number to load them
 * in the order of, and its state; NULL: it is gone.  0, or -1 as fn said.
 */
typedef int watch_save_fn(void *, const void *name, size_t len, uint64_t at,
    const void *state, size_t size);
int watch_save(struct watch *, watch_save_fn *, void *);
/* What was handed out is safe. */
void watch_saved(struct watch *);
/* Nothing is kept any more: all is to be handed out again. */
void watch_unsaved(struct watch *);
/* Ascending; what makes no sense is passed over. */
void watch_load(struct watch *, const void *name, size_t len, const void *state,
    size_t size);
/* An alert that was active, after the states. */
int watch_load_alert(struct watch *, const struct alert_rec *);

unsigned watch_pools(const struct watch *);
unsigned watch_workers(const struct watch *);

#endif
