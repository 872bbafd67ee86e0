/*
 * What the files of the store share: its state, its statements, and the
 * functions by which they call each other.  Nobody else includes it.
 */
#ifndef CAPTURED_STORE_INT_H
#define CAPTURED_STORE_INT_H

#include <sqlite3.h>

#include "captured/map.h"
#include "captured/sql.h"
#include "captured/store.h"
#include "captured/store_share.h"
#include "common/fanout.h"

/* Positions and session numbers are reserved in ranges of this size. */
#define RESERVE_RANGE    (UINT64_C(1) << 20)
#define NAMES_MAX        1024
/* Equal bytes from this length on share a row. */
#define BODY_MIN         512
#define BODY_CACHE       128
#define BODY_CACHE_BYTES (4u << 20)
/* Ended sessions without a message that are kept. */
#define EMPTY_MAX        10000
/* A passive checkpoint each time that so much was added to the WAL; a longer
 * WAL makes every look-up of a page dearer (measured: 32 MiB costs 10 %). */
#define PASSIVE_BYTES    (16u << 20)
#define BALLAST_BYTES    (4u << 20)
/* How long the bound by age waits after a jump of the real-time clock. */
#define AGE_PAUSE_NS     (INT64_C(3600) * 1000000000)
#define CLOCK_JUMP_NS    (INT64_C(60) * 1000000000)

/* The statements; their text is in store_sql.c. */
enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_HEAD_LOAD,
	SQL_HEAD_SAVE,
	SQL_RESERVE,
	SQL_NAMES_LOAD,
	SQL_NAME_ADD,
	SQL_MESSAGE_ADD,
	SQL_MESSAGE_ANSWERED,
	SQL_MESSAGE_FORWARDED,
	SQL_MESSAGE_FLAG,
	SQL_BODY_ADD,
	SQL_BODY_USED,
	SQL_ITEM_PUT,
	SQL_ITEM_DEL,
	SQL_ITEMS_LOAD,
	SQL_ITEMS_END,
	SQL_CLOCK_ADD,
	SQL_CLOCK_LAST,
	SQL_SESSION_PUT,
	SQL_SESSION_HOT,
	SQL_SESSION_RATES,
	SQL_SESSIONS_LOAD,
	SQL_SESSION_REMOVE,
	SQL_PARTIAL_ADD,
	SQL_PARTIAL_FRESH,
	SQL_PARTIALS_LOAD,
	SQL_PARTIALS_END,
	SQL_KEPT_ADD,
	SQL_KEPT_FLOOR,
	SQL_KEPT_LOAD,
	SQL_KEPT_COUNT,
	SQL_KEPT_REMOVE,
	SQL_EMPTY_ADD,
	SQL_EMPTY_OLDEST,
	SQL_EMPTY_REMOVE,
	SQL_EMPTY_COUNT,
	SQL_COMMITS_ADD,
	SQL_COMMITS_FROM,
	SQL_WALK,
	SQL_SESSION_NTH,
	SQL_DELETE_UPTO,
	SQL_DELETE_NTH,
	SQL_DELETE_SESSION,
	SQL_DELETE_COMMITS,
	SQL_DELETE_CLOCKS,
	SQL_DELETE_BODIES,
	SQL_SHARE_ADD,
	SQL_SHARE_ANSWERED,
	SQL_SHARE_BRIEF,
	SQL_SHARES_SEEN,
	SQL_JOB_FIND,
	SQL_JOB_ADD,
	SQL_JOB_USED,
	SQL_JOB_PARAMS,
	SQL_JOBS_OLD,
	SQL_JOB_REMOVE,
	SQL_FANOUT_GET,
	SQL_FANOUT_PUT,
	SQL_FANOUT_REMOVE,
	SQL_KEEP_SHARE,
	SQL_KEPT_SHARES_COUNT,
	SQL_KEPT_SHARES_TRIM,
	SQL_KEPT_SHARE_DROP,
	SQL_KEPT_SHARE_JOB,
	SQL_WORKER_FIND,
	SQL_WORKER_ADD,
	SQL_WORKER_COUNT,
	SQL_VERIFIER_PUT,
	SQL_VERIFIER_ITEMS,
	SQL_VERIFIER_LOAD,
	SQL_VERIFIER_END,
	SQL_DELETE_SHARES,
	SQL_DELETE_SHARES_SESSION,
	SQL_DELETE_WORKERS,
	SQL_ALERT_PUT,
	SQL_ALERT_LAST,
	SQL_ALERTS_LOAD,
	SQL_ALERTS_PRUNE,
	SQL_WATCH_PUT,
	SQL_WATCH_DEL,
	SQL_WATCHES_LOAD,
	SQL_ROLL_KEY_FIND,
	SQL_ROLL_KEY_ADD,
	SQL_ROLL_KEY_USED,
	SQL_ROLL_KEYS_COUNT,
	SQL_ROLL_KEYS_EVICT,
	SQL_MINUTE_GET,
	SQL_MINUTE_PUT,
	SQL_MINUTES_FROM,
	SQL_MINUTES_OLDEST,
	SQL_MINUTE_DELETE,
	SQL_HOUR_GET,
	SQL_HOUR_PUT,
	SQL_HOURS_OLDEST,
	SQL_HOUR_DELETE,
	SQL_PAGE_COUNT,
	SQL_FREE_COUNT,
	SQL_MAX
};

/* The one row of table store, and where a rollback returns to. */
struct head {
	uint64_t floor;
	uint64_t last; /* highest committed position */
	uint64_t last_sid;
	uint64_t visible;
	uint64_t stored;
	int64_t top;   /* highest real time of a message, µs */
	uint64_t gone; /* nothing is left below this; not on disk */
	struct store_mark mark;
	struct roll_head {
		uint64_t folded;        /* minutes below are in their hours */
		uint64_t next_id;       /* of a name */
		int64_t began;          /* real time of the first message, us */
		int64_t bytes[2];       /* about, of minutes and of hours */
		int64_t keys[ROLL_BYS]; /* names that are kept; not on disk */
		/* Rows of the newest minute; not on disk. */
		uint64_t newest;
		uint32_t rows[ROLL_BYS];
	} roll;
};

/* Shares that outlive the messages around them; how many of each kind. */
enum kept_kind {
	KEPT_REJECTED = 1,
	KEPT_DISPUTED
};
#define KEPT_KINDS        2
#define KEPT_REJECTED_MAX 50000
#define KEPT_DISPUTED_MAX 10000
/* Of one transaction: whoever floods a pool does not keep us busy. */
#define KEPT_AT_ONCE      256

/* Of text or bytes; never 0. */
uint64_t hash_bytes(const void *, size_t);

/* A collected message; what varies in length lies in batch.data. */
struct row {
	struct store_msg m; /* its pointers are not used */
	size_t raw;
	uint32_t method, jsonrpc_id, protocol, parse_error; /* 0: none */
};

enum change_kind {
	CHANGE_ANSWERED,
	CHANGE_FORWARDED,
	CHANGE_FLAG
};
/* A change to a message that is stored already. */
struct change {
	enum change_kind kind;
	uint64_t pos;
	uint64_t value;
	int64_t latency;
};

struct item {
	uint64_t sid;
	uint64_t pos;
	enum store_item kind;
	bool gone; /* put and taken back: nothing to write */
	bool del;
	uint32_t len;
	size_t data;
};
struct item_ref {
	uint64_t key; /* pos and kind */
	size_t index;
};

struct clock_at {
	uint64_t pos;
	int64_t offset;
};

/* A collected share; texts lie in batch.data, 0 for none. */
struct share_row {
	struct verify_share s; /* its job is not used */
	uint64_t pos, sid;
	uint32_t who[ROLL_KINDS];
	uint32_t pool;
	uint8_t key[SHA256_LEN];
	bool has_job, answered;
	struct store_answer a;
};
struct share_change {
	uint64_t pos;
	struct store_answer a;
};
struct job_row {
	uint8_t key[SHA256_LEN];
	uint64_t first, last, ts;
	uint32_t pool, id;
	size_t params, len;
};
/* Which of them a key is, in the batch and in the store. */
struct job_ref {
	uint64_t hash;
	size_t index;
};
struct job_known {
	uint64_t hash; /* of key and pool */
	int64_t id;
	int64_t ts; /* of its first notify */
};
/* A session was given a job of the batch, at that time. */
struct job_given {
	size_t index;
	uint64_t ts;
};
struct job_fanout {
	uint64_t id;
	struct fanout f;
};
/* A share of the transaction that is to be kept apart. */
struct share_kept {
	uint64_t pos;
	int kind;
};
struct job_used {
	uint64_t id;
	uint64_t last;
};
struct worker_known {
	uint64_t hash;
	int64_t id;
	uint32_t len;
	char name[STRATUM_TEXT_MAX + 1];
};
/* What a transaction adds to a worker's counts. */
struct worker_delta {
	uint64_t id;
	uint64_t last;
	int64_t last_us;
	int64_t shares, valid, stale, duplicate, low, blocks;
	int64_t accepted, rejected, disputed;
	double accepted_difficulty, best;
};

struct batch {
	struct share_row *shares;
	size_t nshares, shares_cap;
	struct share_change *answers;
	size_t nanswers, answers_cap;
	struct job_row *jobs;
	size_t njobs, jobs_cap;
	struct map job_refs;
	struct job_given *given;
	size_t ngiven, given_cap;
	struct row *rows;
	size_t nrows, rows_cap;
	struct change *changes;
	size_t nchanges, changes_cap;
	struct item *items;
	size_t nitems, items_cap;
	struct map item_refs;
	struct clock_at *clocks;
	size_t nclocks, clocks_cap;
	uint8_t *data;
	size_t len, cap;
};

/* Change of a session's count of visible messages in this transaction. */
struct delta {
	uint64_t sid;
	int64_t n;
	bool ended; /* by store_session */
};

/* A session that has a floor of its own. */
struct shelf {
	uint64_t sid;
	uint64_t floor;
	uint64_t hidden; /* at most so many rows lie beneath it */
	bool queued;
};

struct body {
	uint64_t hash;
	int64_t id;    /* 0: slot is free */
	uint64_t last; /* the highest position that uses it */
	bool used;     /* in this transaction */
	uint32_t len;
	uint8_t *raw;
};

struct name {
	uint64_t hash;
	int64_t id;
	char *text;
};

struct roll_name {
	uint64_t hash; /* of kind and name */
	uint32_t id;
	uint8_t by;
	uint8_t len;
	char text[STRATUM_TEXT_MAX + 1];
};
struct roll_fresh {
	uint32_t id;
	uint8_t by;
	int64_t us;
	char text[STRATUM_TEXT_MAX + 1];
};
struct roll_ref {
	uint64_t key; /* minute and key */
	size_t index;
};
struct roll_delta {
	uint64_t minute;
	uint64_t key;
	struct roll r;
};

/* The roll-ups as they are made; see store_roll.h. */
struct rolls {
	uint32_t generation;
	bool crowded;             /* names go at the next commit */
	struct map names;         /* of struct roll_name */
	struct roll_fresh *fresh; /* not in the store yet */
	size_t nfresh, fresh_cap;
	struct map refs; /* of the transaction: struct roll_ref */
	struct roll_delta *delta;
	size_t ndelta, delta_cap;
	struct mbuf packed;
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *q[SQL_MAX];
	struct capture_conf conf;
	char path[CONF_PATH + 32];
	char ballast[CONF_PATH + 32];
	enum store_err err;
	char errmsg[256];

	uint8_t id[16];
	struct head head, saved;
	bool in_tx;
	uint64_t next_pos, reserved; /* given out: below next_pos */
	uint64_t next_sid;

	struct batch batch;
	struct map deltas;
	struct map names; /* of struct name, by the hash of their text */
	struct body bodies[BODY_CACHE];
	size_t body_bytes;
	uint64_t body_tick;

	struct map jobs_known, jobs_used, fanouts;
	struct share_kept *kept;
	size_t nkept, kept_cap;
	int64_t nkept_all[KEPT_KINDS + 1]; /* -1: not counted yet */
	struct map workers_known, workers_used;
	struct rolls rolls;
	bool (*job_held)(void *, const uint8_t *key);
	void *job_held_arg;

	struct map shelves;
	uint64_t *queue; /* sessions with rows to delete beneath their floor */
	size_t nqueue, queue_cap;
	uint64_t nempty;

	int64_t clock;       /* real minus monotonic, ns */
	int64_t clock_saved; /* the same at the last commit */
	bool have_clock;
	int64_t own_clock;
	int64_t age_pause_until; /* monotonic ns; 0: not paused */

	bool full; /* space ran out */
	bool have_ballast;
	int64_t space_seen; /* monotonic ns */
	bool space_ok;
	uint64_t free_bytes;
	uint64_t wal_frames;
	uint64_t wal_passive; /* frames at the last passive checkpoint */
	uint32_t page_size;

	struct mbuf packed_hot, packed_cold; /* of a session's row */

	uint64_t n_commits, n_failed, n_dropped, n_deleted, n_shared;
};

/* --- store_sql.c --- */

int sql_prepare(struct store *);
void sql_finalize(struct store *);
/* The statement, reset, with its cursor for binding. */
sqlite3_stmt *sql_start(struct store *, enum sql, struct bind *);
/* Steps it: 1 a row, 0 done (and reset), -1 failed (noted, reset). */
int sql_step(struct store *, enum sql, const struct bind *);
/* For statements without a result; 0 or -1. */
int sql_run(struct store *, enum sql, const struct bind *);
void sql_reset(struct store *, enum sql);
/* Notes what SQLite says; returns -1. */
int store_failed(struct store *, int rc);
int store_fail_bug(struct store *, const char *why);
int store_fail_memory(struct store *);

/* --- store_write.c --- */

int head_save(struct store *);
int tx_begin(struct store *);
int tx_commit(struct store *);

/* --- store_batch.c --- */

void batch_init(struct batch *);
void batch_clear(struct batch *);
void batch_free(struct batch *);
/* Grows an array to hold one more; -1 without memory. */
int grow(void *array, size_t *cap, size_t n, size_t size);

/* Copies into batch.data: where it lies; 0 without memory. */
uint32_t batch_copy(struct store *, const void *, size_t);

/* --- store_share.c, store_worker.c --- */

void shares_init(struct store *);
void shares_free(struct store *);
/* What was found out of rows may be wrong now. */
void shares_forget(struct store *);
/* Writes jobs and shares of the batch. */
int shares_write(struct store *);
/* In the transaction, when sessions are written: keeps those apart that
 * are, as many as there is room for. */
int shares_keep(struct store *);
/* What is kept apart was changed by somebody else. */
void shares_recount(struct store *);
/* Deletes up to a position, and of a session beneath its floor. */
int shares_delete(struct store *, uint64_t from, uint64_t upto);
int shares_delete_session(struct store *, uint64_t sid, uint64_t floor,
    uint64_t limit);
/* Jobs and workers that nothing visible names. */
int shares_delete_unused(struct store *, uint64_t limit);
/* The row of a worker's name, made when there is none; -1. */
int worker_find(struct store *, const char *name, int64_t us, int64_t *id);
/* A share of it, and an answer; both at most once for each share. */
int worker_share(struct store *, int64_t id, const struct share_row *,
    int64_t us);
int worker_answer(struct store *, int64_t id, const struct store_answer *,
    double required);
int workers_save(struct store *);

/* --- store_roll.c, store_fold.c --- */

void rolls_init(struct store *);
void rolls_free(struct store *);
/* Another file, or the old state of this one: ids are not good any more. */
void rolls_forget(struct store *);
int rolls_load(struct store *);
/* A transaction begins: nothing is counted yet. */
void rolls_begin(struct store *);
int rolls_message(struct store *, const struct store_msg *);
int rolls_share(struct store *, const struct share_row *,
    const struct verify_brief *);
int rolls_answer(struct store *, const struct store_answer *);
/* Writes what was counted. */
int rolls_save(struct store *);
/* It is committed. */
void rolls_settle(struct store *);
/* Adds a roll-up to the row of a minute, or of an hour (in store_fold.c). */
int roll_minute_add(struct store *, uint64_t minute, uint64_t key,
    const struct roll *);
/* Brings hours up to this minute, and deletes what is too old. */
int rolls_fold(struct store *, uint64_t minute);
int roll_hour_add(struct store *, uint64_t hour, uint64_t key,
    const struct roll *);

/* --- store_names.c: names and bodies that are kept once --- */

int names_load(struct store *);
void names_free(struct store *);
/* Binds a method or protocol: its number, or its text when names is full. */
int names_bind(struct store *, struct bind *, const char *);
/* The row that holds these bytes, made when there is none. */
int body_find(struct store *, uint64_t pos, const uint8_t *, size_t len,
    int64_t *id);
/* Writes down the last use of those that were used. */
int bodies_save(struct store *);
void bodies_clear(struct store *);

/* --- store_bound.c --- */

int bounds_load(struct store *);
/* How many messages of a session became visible (or fewer). */
int delta_add(struct store *, uint64_t sid, int64_t n);
int delta_ended(struct store *, uint64_t sid);
/*
 * In the transaction, once everything is written: moves the floors to where
 * the bounds want them, deletes about `rows` of what lies beneath.
 */
int bounds_apply(struct store *, uint64_t rows);
/* The same with time to spare: deletes small leftovers too. */
int bounds_idle(struct store *);
/* There is something for bounds_apply to do. */
bool bounds_due(struct store *);
/* Forget the floors of sessions that the common one has overtaken. */
void bounds_prune(struct store *);

/* --- store_space.c --- */

int64_t mono_now(void);
int64_t real_minus_mono(void);
void space_full(struct store *);
void space_ballast(struct store *);
void clock_watch(struct store *);
/* A passive checkpoint when enough was written. */
void wal_passive(struct store *);
void wal_hook(struct store *);
/* Gives pages that are not needed back, a few at a time. */
void space_vacuum(struct store *);

#endif
