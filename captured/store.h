/*
 * The store, as captured writes it: one SQLite file in WAL mode.
 *
 * What was parsed is collected in memory (store_add and its companions) and
 * written by one transaction, which also holds everything that must change
 * together with it: sessions, unfinished lines, what waits for an answer,
 * and the watermark up to which relayd may forget.  Either all of it is on
 * disk or none:
 *
 *	pos = store_next_pos(st);
 *	store_add(st, &msg);		// any number, also the others below
 *	...
 *	store_begin(st);		// when rows or time say so
 *	store_session(st, ...);		// each session that changed
 *	store_partial(st, ...);
 *	store_commit(st, &mark);
 *
 * When a step fails the transaction is rolled back and the collected rows
 * stay: try again, or store_drop() them and commit the rest.
 *
 * Nothing here logs.  Functions return 0, or -1 with store_errno() and
 * store_error() saying why; no failure is fatal.
 */
#ifndef CAPTURED_STORE_H
#define CAPTURED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/childconf.h"
#include "common/record.h"

/* The file in the state directory; -wal and -shm are beside it. */
#define STORE_FILE    "store.db"
#define STORE_BALLAST "ballast"

struct store;

enum store_err {
	STORE_OK,
	STORE_FULL,    /* no space: store_drop(), commit, wait */
	STORE_CORRUPT, /* store_recover() */
	STORE_IO,      /* anything else the system said; may pass */
	STORE_BUG,     /* a statement of ours was refused */
};

/* How far relayd's copies are in: see common/tap.h. */
struct store_mark {
	uint8_t epoch[16]; /* all zero: none yet */
	uint64_t seq;
};

/* --- opening --- */

/*
 * Opens conf->dir/store.db, makes it when there is none, migrates an older
 * one.  A file that is no sound database is moved aside first: then moved
 * (of size bytes) holds its new name, else "".  -1 with the reason in err.
 */
int store_open(struct store **, const struct capture_conf *, char *moved,
    size_t size, char *err, size_t errlen);
/* NULL is fine.  What was collected and not committed is dropped. */
void store_close(struct store *);
/* New bounds; dir is not looked at. */
void store_conf(struct store *, const struct capture_conf *);

/*
 * After STORE_CORRUPT: moves the file aside (moved: its new name) and begins
 * a new one, with a new id, behind the positions given out so far.  What was
 * collected is dropped, and the sessions are gone: the caller writes each
 * live one again, whole (facts, all of its unfinished lines, its items),
 * under the number it had.  -1: nothing is open; until a later call succeeds
 * each transaction fails with STORE_CORRUPT.
 */
int store_recover(struct store *, char *moved, size_t size);

enum store_err store_errno(const struct store *);
const char *store_error(const struct store *);

const uint8_t *store_id(const struct store *); /* 16 bytes */
/* The watermark of the last commit. */
const struct store_mark *store_mark(const struct store *);
/* The highest position that a commit holds, 0 if none ever did. */
uint64_t store_committed(const struct store *);

/* --- collecting --- */

/*
 * The next position, greater than any that was ever given out, also before
 * a crash.  0 when a new range could not be reserved (see store_errno).
 * Not between store_begin and store_commit.
 */
uint64_t store_next_pos(struct store *);
/* A session's number in the store; like positions never used twice. */
uint64_t store_next_sid(struct store *);

/* Monotonic nanoseconds throughout; real time is made on reading. */
struct store_msg {
	uint64_t pos; /* of store_next_pos(), ascending */
	uint64_t sid;
	uint8_t dir;    /* enum tap_dir */
	uint32_t flags; /* MF_* */
	uint32_t size;  /* with its newline, the true one */
	uint64_t ts_recv;
	uint64_t ts_fwd;    /* 0: not known (yet) */
	uint64_t pair;      /* of a response: its request; 0 none */
	int64_t latency;    /* of a response with pair, ns; -1 unknown */
	uint32_t who[3];    /* ids of worker, pool, agent: store_roll.h */
	const char *method; /* texts may be NULL */
	const char *jsonrpc_id;
	const char *protocol;
	const char *parse_error;
	const uint8_t *raw; /* without the newline, at most 64 KiB */
	uint32_t raw_len;
};

/* All is copied. */
int store_add(struct store *, const struct store_msg *);
/* The request at pos, collected or stored, was answered at pair. */
int store_answered(struct store *, uint64_t pos, uint64_t pair,
    int64_t latency);
/* The message at pos, collected or stored, was sent on at ts_fwd. */
int store_forwarded(struct store *, uint64_t pos, uint64_t ts_fwd);
/* The same: more flags. */
int store_flag(struct store *, uint64_t pos, uint32_t flags);

/*
 * What a session waits for, so that it is known after a restart: an entry
 * per message until it is taken back.  Put and taken back within one batch
 * costs nothing; one of a kind is put once for a message.  data is the
 * caller's own, at most 256 bytes.  Retention does not touch them; they go
 * with the session's end.
 */
enum store_item {
	ITEM_UNANSWERED, /* a request without its answer */
	ITEM_UNSENT,     /* a message whose FWD has not come */
	ITEM_JOB,        /* a notify that the verifier's state has not yet */
	ITEM_MAX
};
#define STORE_ITEM_MAX 256
int store_item_put(struct store *, uint64_t sid, enum store_item, uint64_t pos,
    const void *data, size_t len);
int store_item_del(struct store *, uint64_t sid, enum store_item, uint64_t pos);

/* Real minus monotonic time, ns, from the next position on. */
int store_clock(struct store *, int64_t offset);
/* Real time in µs of a monotonic time, by the newest offset; 0 for 0. */
int64_t store_real_us(const struct store *, uint64_t mono_ns);

/* How much is collected: when to commit.  bytes counts what is copied. */
unsigned store_batch_rows(const struct store *);
size_t store_batch_bytes(const struct store *);

/* --- the transaction --- */

/* Begins it and writes the collected rows. */
int store_begin(struct store *);

#define STORE_STATE_MAX 4096
/* A session's row. */
struct store_session {
	uint64_t sid;
	uint8_t epoch[16];      /* of the relayd that has it */
	uint64_t number;        /* relayd's */
	struct session_rec rec; /* first_pos and last_pos are not looked at */
	/* Its rates are written too, and nothing of them is open any more;
	 * with all of its facts they always are. */
	bool rates;
	const uint8_t *state; /* the caller's own, STORE_STATE_MAX */
	uint32_t state_len;
	const uint8_t *partial[2]; /* on loading only: the unfinished line */
	uint32_t partial_len[2];
};
/*
 * Writes it.  facts: all of it (at the beginning, at the end, when a text or
 * the pool changed), else only what changes with every message: last seen,
 * counts, difficulty, rtt, state.  With rec.state SESSION_ENDED the state,
 * unfinished lines and items go, and later calls are not to come.
 */
int store_session(struct store *, const struct store_session *, bool facts);
/*
 * Bytes added to the unfinished line of a direction; fresh: what was kept
 * of it goes first (see line_unsaved()).
 */
int store_partial(struct store *, uint64_t sid, unsigned dir, bool fresh,
    const void *, size_t);

/*
 * Commits, after moving the floors to where the bounds want them and
 * deleting some of what lies beneath.  mark NULL keeps the old one.
 */
int store_commit(struct store *, const struct store_mark *);
/* Gives up the transaction; what was collected stays. */
void store_rollback(struct store *);
/* Forgets the collected messages (their answers, times and items too),
 * which were not to be written.  How many. */
unsigned store_drop(struct store *);

/*
 * Once a second or so, outside a transaction: the bound by age, leftovers
 * of deletion, returning pages to the file system, the ballast.
 */
int store_idle(struct store *);

/* --- reading back at the start --- */

/* Each live session, oldest first; 0, or -1 also when the callback said so. */
int store_load_sessions(struct store *,
    int (*fn)(void *, const struct store_session *), void *);
/* The items of live sessions, by position. */
int store_load_items(struct store *,
    int (*fn)(void *, uint64_t sid, enum store_item, uint64_t pos,
	const void *data, size_t len),
    void *);

/* --- space --- */

/* False while less than reserve_bytes are free, or space ran out and has
 * not come back: then no messages are to be added.  Looks at most every
 * 100 ms. */
bool store_writable(struct store *);
/* True while the bound by age waits because the real-time clock jumped. */
bool store_age_paused(const struct store *);
/* Bytes in the WAL that are in use. */
uint64_t store_wal_bytes(const struct store *);
/*
 * Brings all of the WAL into the file and begins it anew; needs the readers
 * to have ended (HOLD).  0, or -1 (a reader is still there).
 */
int store_checkpoint(struct store *);

/* Counters for show summary, by name, with "store_" before each. */
void store_stats(const struct store *, struct stats *);

#endif
