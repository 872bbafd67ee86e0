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
	dev_t dev;
	ino_t ino;
	char *names[READER_NAMES];
	/* Of the transaction that is open. */
	uint64_t floor;
	uint64_t last;
	bool any_floor; /* some session has a floor above the common one */
	struct map floors;
	struct reader_clock *clocks;
	size_t nclocks, clocks_cap;
	int rc; /* the first error */
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
/* 1 visible, 0 not, -1 error. */
int reader_visible(struct reader *, uint64_t pos, uint64_t sid);

/* Bodies found to hold the text or not; they are shared by many messages. */
struct body_memo {
	int64_t body;
	bool within;
};
#define BODY_MEMO 64

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
	uint64_t sid;    /* with QF_SESSION */
	int64_t method;  /* number of q.method, 0: kept as text */
	uint64_t lo, hi; /* what is still to be looked at, inclusive */
	uint64_t at;     /* the last position that was looked at, 0 none */
	uint32_t skip, left;
	uint64_t rows;
	struct body_memo memo[BODY_MEMO];
	char err[256];
};

int64_t ms_now(void);
/* select_message.c: a slice of messages, or the one message. */
int select_messages(struct select *, struct reader *, int64_t until);
int select_message(struct select *, struct reader *);
/* Decides on index and range, in the first slice. */
int select_plan(struct select *, struct reader *);
/* select_session.c */
int select_sessions(struct select *, struct reader *, int64_t until);
int select_session(struct select *, struct reader *);

/* A row was looked at and is to be given out: 1 when the slice ends. */
int select_took(struct select *, int result);

#endif
