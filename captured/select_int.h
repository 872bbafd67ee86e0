/*
 * What the files of the reading side share.
 */
#ifndef CAPTURED_SELECT_INT_H
#define CAPTURED_SELECT_INT_H

#include <sys/types.h>
#include <sqlite3.h>

#include "captured/map.h"
#include "captured/select.h"
#include "captured/sql.h"
#include "common/coinbase.h"
#include "common/jtree.h"
#include "common/work.h"

enum rd {
	RD_BEGIN,
	RD_END,
	RD_HEAD,
	RD_CLOCKS,
	RD_ANY_FLOOR,
	RD_FLOOR,
	RD_NAME,
	RD_NAME_ID,
	RD_SINCE,
	RD_UNTIL,
	RD_UNTIL_LATE,
	RD_SID,
	RD_WHO,
	RD_RESPONSE,
	RD_BODY,
	RD_BODY_RESPONSE,
	RD_BODY_SENT,
	RD_SESSIONS,
	RD_SESSIONS_LIVE,
	RD_MESSAGES, /* four ways in, each newest and oldest first */
	RD_MESSAGES_ASC,
	RD_BY_SESSION,
	RD_BY_SESSION_ASC,
	RD_BY_METHOD,
	RD_BY_METHOD_ASC,
	RD_BY_ERRORS,
	RD_BY_ERRORS_ASC,
	RD_SHARES, /* five ways in, likewise */
	RD_SHARES_ASC,
	RD_SHARES_SESSION,
	RD_SHARES_SESSION_ASC,
	RD_SHARES_ODD,
	RD_SHARES_ODD_ASC,
	RD_SHARES_WORKER,
	RD_SHARES_WORKER_ASC,
	RD_SHARES_SAID,
	RD_SHARES_SAID_ASC,
	RD_SHARE_SESSION,
	RD_SHARE_IS,
	RD_SESSION_NOTES,
	RD_SENT,
	RD_ANSWERED,
	RD_WORKER,
	RD_WORKER_NAME,
	RD_WORKERS,
	RD_WORKERS_LIVE,
	RD_ALERTS,
	RD_ALERTS_ACTIVE,
	RD_JOBS,
	RD_JOBS_ASC,
	RD_JOB,
	RD_JOB_KEY,
	RD_NOTIFY,
	RD_KEPT_SHARE,
	RD_FANOUT,
	RD_ROLL_HEAD,
	RD_ROLL_KEY,
	RD_ROLL_NAME,
	RD_MINUTE,
	RD_HOUR,
	RD_MAX
};

/* More names than the writer makes. */
#define READER_NAMES 2048

struct reader_clock {
	uint64_t pos;
	int64_t offset;
};

struct reader {
	sqlite3 *db;
	sqlite3_stmt *q[RD_MAX];
	char path[1100];
	enum address_net chain;
	dev_t dev;
	ino_t ino;
	char *names[READER_NAMES];
	/* Of the transaction that is open. */
	uint64_t floor;
	uint64_t last;
	int64_t top;    /* real time of the newest message, us */
	bool any_floor; /* some session has a floor above the common one */
	struct map floors;
	struct reader_clock *clocks;
	size_t nclocks, clocks_cap;
	int rc; /* the first error */
	/* Large, one of each for all that is read; made when needed. */
	struct jtree *tree;
	struct work_store *works;
	struct coinbase *coinbase;
	struct explainer *explainer; /* select_explain.c */
};

/* Begins and ends a read transaction; begin reads the head.  0 or -1. */
int reader_begin(struct reader *);
void reader_end(struct reader *);
sqlite3_stmt *rd_start(struct reader *, enum rd, struct bind *);
/* 1 a row, 0 none, -1 an error that is noted in rc. */
int rd_step(struct reader *, enum rd, const struct bind *);
void rd_reset(struct reader *, enum rd);
/* One number; dflt when there is no row; *ok false after an error. */
int rd_value(struct reader *, enum rd, const struct bind *, int64_t *value);

/* Real time in µs of a message's monotonic time. */
int64_t reader_real_us(const struct reader *, uint64_t pos, int64_t mono);
/* A method or protocol as it is stored; "" for NULL. */
const char *reader_name(struct reader *, sqlite3_stmt *, int column);
/* The bytes of a message: in its row, or in a body that several share, which
 * is looked up by that statement. */
int reader_raw(struct reader *, sqlite3_stmt *row, int body_column, enum rd,
    const uint8_t **raw, uint32_t *len);
/* Room for one; NULL without memory. */
struct jtree *reader_tree(struct reader *);
/* 1 visible, 0 not, -1 error. */
int reader_visible(struct reader *, uint64_t pos, uint64_t sid);

/* Bodies found to hold the text or not; they are shared by many messages. */
struct body_memo {
	int64_t body;
	bool within;
};
#define BODY_MEMO 64

/* The live sessions of a worker, by the hash of its name. */
struct worker_live {
	uint64_t hash;
	uint32_t n;
	uint8_t named; /* of them, the newest */
	uint8_t session[WORKER_SESSIONS][16];
};

struct select {
	struct query q;
	const struct select_ops *ops;
	void *arg;
	int64_t deadline; /* monotonic ms; 0 none */
	bool begun;
	bool done;
	bool stopped; /* by the deadline */
	uint8_t status;
	const char *why;
	bool ascending;
	enum rd plan;
	uint64_t sid;   /* with QF_SESSION */
	int64_t worker; /* the number of q.worker */
	struct stats_run *stats;
	struct map live; /* workers: their live sessions */
	bool counted;    /* they are in live */
	int64_t method;  /* number of q.method, 0: kept as text */
	uint64_t lo, hi; /* what is still to be looked at, inclusive */
	uint64_t at;     /* the last position that was looked at, 0 none */
	uint32_t skip, left;
	uint64_t rows;
	struct body_memo memo[BODY_MEMO];
	char err[256];
};

/* Columns of MESSAGE_COLS in reader.c. */
enum {
	C_POS,
	C_SESSION,
	C_DIR,
	C_FLAGS,
	C_TS,
	C_FWD,
	C_SIZE,
	C_METHOD,
	C_PROTOCOL,
	C_ID,
	C_PAIR,
	C_LATENCY,
	C_ERROR,
	C_BODY,
	C_RAW
};

#define SELECT_ERRORS (QF_ERRORS_PARSE | QF_ERRORS_POOL)

/* What of roll-ups there is; numbers of minutes and hours. */
struct roll_times {
	uint64_t whole; /* hours below are complete */
	int64_t began; /* real time of the first message, and of the last, us */
	int64_t top;
	uint64_t oldest_minute, oldest_hour; /* 0: none */
};
/* Whose rate, before when; first_us: when there was any of it. */
struct roll_span {
	uint64_t lo, hi; /* keys, without hi */
	int64_t first_us;
	int64_t now_us;
};

/* select_stats.c */
int roll_times(struct reader *, struct roll_times *);
/* Hashes a second over each window; 0 or -1. */
int roll_rates(struct reader *, const struct roll_times *,
    const struct roll_span *, double rate[RATES_MAX]);
/* The same of a name, now; zeroes when nobody knows it. */
int roll_rates_of(struct reader *, enum roll_by, const char *name,
    double rate[RATES_MAX]);
int select_stats(struct select *, struct reader *, int64_t until);
void stats_free(struct stats_run *);

int64_t ms_now(void);
/* select_plan.c: decides on index and range, in the first slice. */
int select_plan(struct select *, struct reader *);
bool select_in_time(const struct select *, const struct reader *, uint64_t pos,
    int64_t mono);
/* This row was looked at; it could not be read, and the next slice begins
 * with it. */
void select_looked(struct select *, uint64_t pos);
void select_look_again(struct select *);
/* select_message.c: a slice of messages, or the one message. */
int select_messages(struct select *, struct reader *, int64_t until);
int select_message(struct select *, struct reader *);
/*
 * select_explain.c.  Fills what the message means, in plain words and as JSON:
 * valid until the next one.  Without memory it stays untold.  -1: an error of
 * the store.
 */
int message_explain(struct reader *, struct message_rec *, uint64_t sid);
/* The same of how a share is verified. */
int share_explain(struct reader *, struct share_rec *);
void explainer_free(struct explainer *);
/* select_share.c; the row of one of the RD_SHARES statements. */
int share_fill(struct share_rec *, struct reader *, sqlite3_stmt *row);
int select_shares(struct select *, struct reader *, int64_t until);
int select_share(struct select *, struct reader *);
/* The share at a position, if it is visible: 1, 0, -1. */
int share_at(struct reader *, uint64_t pos, struct share_rec *);
/* Whether there is one. */
int share_is(struct reader *, uint64_t pos);
/* select_worker.c */
int select_workers(struct select *, struct reader *, int64_t until);
/*
 * select_job.c.  The work of a row's job, with a reference in rd->works, or
 * NULL: it cannot be read, or no memory.
 */
struct work_job *job_work(struct reader *, const uint8_t *params, size_t);
/* The same by the number of the job; *j NULL when there is none. */
int job_load(struct reader *, uint64_t id, struct work_job **j);
int select_jobs(struct select *, struct reader *, int64_t until);
int select_job(struct select *, struct reader *);
/* select_session.c */
int select_sessions(struct select *, struct reader *, int64_t until);
int select_session(struct select *, struct reader *);
/* select_alert.c */
int select_alerts(struct select *, struct reader *, int64_t until);

/* A row was looked at and is to be given out: 1 when the slice ends. */
int select_took(struct select *, int result);

#endif
