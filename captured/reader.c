/*
 * The read-only connection: its statements, and what a transaction needs to
 * know before it can make sense of a row (floors, clocks, names).
 */
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/migrate.h"
#include "captured/select_int.h"
#include "captured/store.h"

#define MESSAGE_COLS                                                        \
	"SELECT pos, session, dir, flags, ts, fwd, size, method, protocol," \
	" jsonrpc_id, pair, latency, parse_error, body, raw FROM messages "
#define RANGE "pos >= ?1 AND pos <= ?2"

/* First and last visible message, whichever floor is the higher one. */
#define VISIBLE_END(which)                                                 \
	"(SELECT " which "(pos) FROM messages INDEXED BY messages_session" \
	" WHERE session=s.sid AND pos >= max(?1, coalesce((SELECT floor"   \
	" FROM kept WHERE session=s.sid), 0)))"
#define SESSION_SELECT                                                        \
	"SELECT " SESSION_COLS ", sid, " VISIBLE_END("min") ", " VISIBLE_END( \
	    "max") " FROM sessions s "

/* What a filter looks at first, then in the order of select_share.c. */
#define SHARE_COLS                                                        \
	"SELECT h.pos, h.session, h.worker, h.verdict, h.cause,"          \
	" h.agreement, h.pool_verdict, h.ts, h.formula, h.reason, h.job," \
	" h.job_id, h.extranonce1, h.extranonce2, h.ntime, h.nonce,"      \
	" h.bits, h.version, h.hash, h.reached, h.required,"              \
	" h.job_difficulty, h.present, h.previous, h.mask, h.firm,"       \
	" h.block, h.formulas, h.passed, h.late, h.job_age, h.answer,"    \
	" h.code, h.error, h.latency, h.own, h.tcp_miner, h.tcp_pool,"    \
	" h.pool FROM "
#define SHARE_RANGE "h.pos >= ?1 AND h.pos <= ?2"
/* By the messages of its session: CROSS JOIN keeps that order. */
#define SHARES_OF_SESSION                                              \
	SHARE_COLS "messages m INDEXED BY messages_session CROSS JOIN" \
		   " shares h ON h.pos=m.pos WHERE m.session=?3 AND"   \
		   " m.pos >= ?1 AND m.pos <= ?2 ORDER BY m.pos"
#define SHARES_ODD                                                       \
	SHARE_COLS "shares h INDEXED BY shares_odd WHERE (h.seen = 0 OR" \
		   " h.firm = 0 OR h.pool_verdict = 2) AND " SHARE_RANGE \
		   " ORDER BY h.pos"
/* Without an index: to be asked of few positions at a time. */
#define SHARES_WHERE(column)                                         \
	SHARE_COLS "shares h WHERE h." column "=?3 AND " SHARE_RANGE \
		   " ORDER BY h.pos"
#define WORKER_COLS                                                  \
	"SELECT worker, name, last, first_seen, last_share, shares," \
	" valid, stale, duplicate, low, blocks, accepted, rejected," \
	" disputed, accepted_difficulty, best FROM workers "
#define JOB_COLS "SELECT job, first, last, ts, pool, job_id, params FROM jobs "

static const char *const text[RD_MAX] = {
	[RD_BEGIN] = "BEGIN",
	[RD_END] = "COMMIT",
	[RD_KEPT_SHARE] =
	    "SELECT us, session, worker FROM kept_shares WHERE pos=?",
	[RD_FANOUT] = "SELECT data FROM fanouts WHERE job=?",
	[RD_ROLL_HEAD] = "SELECT roll_folded, roll_began, top,"
			 " (SELECT min(minute) FROM minutes),"
			 " (SELECT min(hour) FROM hours) FROM store",
	[RD_ROLL_KEY] = "SELECT key, first FROM roll_keys WHERE kind=?"
			" AND name=?",
	[RD_ROLL_NAME] = "SELECT name, first FROM roll_keys WHERE key=?",
	[RD_MINUTE] = "SELECT key, data FROM minutes WHERE minute=?"
		      " AND key >= ? AND key < ?",
	[RD_HOUR] = "SELECT key, data FROM hours WHERE hour=?"
		    " AND key >= ? AND key < ?",
	[RD_HEAD] = "SELECT floor, last, top FROM store",
	[RD_CLOCKS] = "SELECT pos, offset FROM clocks ORDER BY pos",
	[RD_ANY_FLOOR] = "SELECT 1 FROM kept INDEXED BY kept_floor"
			 " WHERE floor > 0 AND floor > ? LIMIT 1",
	[RD_FLOOR] = "SELECT floor FROM kept WHERE session=?",
	[RD_NAME] = "SELECT text FROM names WHERE name=?",
	[RD_NAME_ID] = "SELECT name FROM names WHERE text=?",
	[RD_SINCE] = "SELECT first FROM commits INDEXED BY commits_top"
		     " WHERE top >= ? ORDER BY top, last LIMIT 1",
	[RD_UNTIL] = "SELECT last FROM commits INDEXED BY commits_lo"
		     " WHERE late=0 AND lo <= ? ORDER BY lo DESC, last DESC"
		     " LIMIT 1",
	[RD_UNTIL_LATE] = "SELECT max(last) FROM commits"
			  " INDEXED BY commits_late WHERE late=1 AND lo <= ?",
	[RD_SID] = "SELECT sid FROM sessions WHERE uuid=?"
		   " ORDER BY sid DESC LIMIT 1",
	[RD_WHO] =
	    "SELECT uuid, peer, pool_peer, replay_of FROM sessions WHERE sid=?",
	[RD_RESPONSE] =
	    "SELECT ts, session, body, raw FROM messages WHERE pos=?",
	[RD_BODY] = "SELECT raw FROM bodies WHERE body=?",
	[RD_BODY_RESPONSE] = "SELECT raw FROM bodies WHERE body=?",
	[RD_BODY_SENT] = "SELECT raw FROM bodies WHERE body=?",
	[RD_SESSIONS] = SESSION_SELECT
	"WHERE sid >= ?2 AND sid <= ?3 ORDER BY sid DESC",
	[RD_SESSIONS_LIVE] = SESSION_SELECT
	"INDEXED BY sessions_live WHERE live=1 AND sid >= ?2"
	" AND sid <= ?3 ORDER BY sid DESC",
	[RD_MESSAGES] = MESSAGE_COLS "WHERE " RANGE " ORDER BY pos DESC",
	[RD_MESSAGES_ASC] = MESSAGE_COLS "WHERE " RANGE " ORDER BY pos",
	[RD_BY_SESSION] = MESSAGE_COLS
	"INDEXED BY messages_session WHERE session=?3 AND " RANGE
	" ORDER BY pos DESC",
	[RD_BY_SESSION_ASC] = MESSAGE_COLS
	"INDEXED BY messages_session WHERE session=?3 AND " RANGE
	" ORDER BY pos",
	[RD_BY_METHOD] = MESSAGE_COLS
	"INDEXED BY messages_method WHERE method=?3 AND " RANGE
	" ORDER BY pos DESC",
	[RD_BY_METHOD_ASC] = MESSAGE_COLS
	"INDEXED BY messages_method WHERE method=?3 AND " RANGE " ORDER BY pos",
	[RD_BY_ERRORS] = MESSAGE_COLS
	"INDEXED BY messages_errors WHERE flags & 24 AND " RANGE
	" ORDER BY pos DESC",
	[RD_BY_ERRORS_ASC] = MESSAGE_COLS
	"INDEXED BY messages_errors WHERE flags & 24 AND " RANGE
	" ORDER BY pos",
	[RD_SHARES] = SHARE_COLS "shares h WHERE " SHARE_RANGE
				 " ORDER BY h.pos DESC",
	[RD_SHARES_ASC] = SHARE_COLS "shares h WHERE " SHARE_RANGE
				     " ORDER BY h.pos",
	[RD_SHARES_SESSION] = SHARES_OF_SESSION " DESC",
	[RD_SHARES_SESSION_ASC] = SHARES_OF_SESSION,
	[RD_SHARES_ODD] = SHARES_ODD " DESC",
	[RD_SHARES_ODD_ASC] = SHARES_ODD,
	[RD_SHARES_WORKER] = SHARES_WHERE("worker") " DESC",
	[RD_SHARES_WORKER_ASC] = SHARES_WHERE("worker"),
	[RD_SHARES_SAID] = SHARES_WHERE("pool_verdict") " DESC",
	[RD_SHARES_SAID_ASC] = SHARES_WHERE("pool_verdict"),
	[RD_SHARE_SESSION] =
	    "SELECT uuid, broadcast, repeat FROM sessions WHERE sid=?",
	[RD_SHARE_IS] = "SELECT 1 FROM shares WHERE pos=?",
	[RD_SESSION_NOTES] =
	    "SELECT user_agent, live FROM sessions WHERE sid=?",
	[RD_SENT] = "SELECT fwd, body, raw FROM messages WHERE pos=?",
	[RD_ANSWERED] = "SELECT fwd FROM messages WHERE pos=?",
	[RD_WORKER] = WORKER_COLS "WHERE name=?",
	[RD_WORKER_NAME] = "SELECT name FROM workers WHERE worker=?",
	[RD_WORKERS] = WORKER_COLS
	"WHERE worker >= ? AND worker <= ? ORDER BY worker DESC",
	[RD_WORKERS_LIVE] =
	    "SELECT worker, uuid FROM sessions INDEXED BY sessions_live"
	    " WHERE live=1 ORDER BY sid DESC",
	[RD_ALERTS] = "SELECT " ALERT_COLS " FROM alerts"
		      " WHERE id >= ? AND id <= ? ORDER BY id DESC",
	[RD_ALERTS_ACTIVE] = "SELECT " ALERT_COLS " FROM alerts"
			     " INDEXED BY alerts_active WHERE ended=0"
			     " AND id >= ? AND id <= ? ORDER BY id DESC",
	[RD_JOBS] = JOB_COLS
	"INDEXED BY jobs_first WHERE first >= ? AND first <= ?"
	" ORDER BY first DESC",
	[RD_JOBS_ASC] = JOB_COLS
	"INDEXED BY jobs_first WHERE first >= ? AND first <= ?"
	" ORDER BY first",
	[RD_JOB] = JOB_COLS "WHERE job=?",
	[RD_JOB_KEY] = JOB_COLS
	"WHERE key=?1 AND pool=(SELECT pool_host || ':' || pool_port"
	" FROM sessions WHERE sid=?2)",
	[RD_NOTIFY] = "SELECT session, body, raw FROM messages WHERE pos=?",
};

/* A path as a URI: what would end the path or begin an escape is escaped. */
static int
make_uri(const char *path, char *uri, size_t size)
{
	static const char tail[] = "?mode=ro&readonly_shm=1";
	size_t n = (size_t)snprintf(uri, size, "file:");

	for (; *path != '\0'; path++) {
		if (n + 4 + sizeof(tail) > size)
			return -1;
		if (strchr("?#%", *path) != NULL)
			n += (size_t)snprintf(uri + n, size - n, "%%%02X",
			    (unsigned char)*path);
		else
			uri[n++] = *path;
	}
	snprintf(uri + n, size - n, "%s", tail);
	return 0;
}

static int
prepare(struct reader *rd)
{
	int i, rc;

	for (i = 0; i < RD_MAX; i++) {
		rc = sqlite3_prepare_v3(rd->db, text[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &rd->q[i], NULL);
		if (rc != SQLITE_OK)
			return -1;
	}
	return 0;
}

static int
check_version(struct reader *rd)
{
	sqlite3_stmt *q;
	int version = -1;

	if (sqlite3_prepare_v2(rd->db, "PRAGMA user_version", -1, &q, NULL) !=
	    SQLITE_OK)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		version = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return version == migrate_latest() ? 0 : -1;
}

static int
reader_setup(struct reader *rd)
{
	char uri[3400];
	struct stat sb;

	if (make_uri(rd->path, uri, sizeof(uri)) == -1 ||
	    stat(rd->path, &sb) == -1)
		return -1;
	rd->dev = sb.st_dev;
	rd->ino = sb.st_ino;
	if (sqlite3_open_v2(uri, &rd->db,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK)
		return -1;
	sqlite3_extended_result_codes(rd->db, 1);
	sqlite3_db_config(rd->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sqlite3_exec(rd->db,
		"PRAGMA temp_store=MEMORY;PRAGMA cache_size=-8000;"
		"PRAGMA query_only=ON;PRAGMA cell_size_check=ON;"
		"PRAGMA trusted_schema=OFF",
		NULL, NULL, NULL) != SQLITE_OK)
		return -1;
	return check_version(rd) == -1 ? -1 : prepare(rd);
}

int
reader_open(struct reader **out, const char *dir, char *err, size_t len)
{
	struct reader *rd = calloc(1, sizeof(*rd));

	*out = NULL;
	if (rd == NULL) {
		snprintf(err, len, "out of memory");
		return -1;
	}
	map_init(&rd->floors, 2 * sizeof(uint64_t));
	snprintf(rd->path, sizeof(rd->path), "%s/" STORE_FILE, dir);
	if (reader_setup(rd) == -1) {
		snprintf(err, len, "%s",
		    rd->db == NULL ? "the store is not there" :
				     sqlite3_errmsg(rd->db));
		reader_close(rd);
		return -1;
	}
	*out = rd;
	return 0;
}

void
reader_close(struct reader *rd)
{
	int i;

	if (rd == NULL)
		return;
	for (i = 0; i < RD_MAX; i++)
		sqlite3_finalize(rd->q[i]);
	sqlite3_close(rd->db);
	for (i = 0; i < READER_NAMES; i++)
		free(rd->names[i]);
	map_free(&rd->floors);
	free(rd->clocks);
	free(rd->tree);
	free(rd->coinbase);
	work_store_free(rd->works);
	explainer_free(rd->explainer);
	free(rd);
}

void
reader_chain(struct reader *rd, enum address_net chain)
{
	rd->chain = chain;
}

bool
reader_stale(const struct reader *rd)
{
	struct stat sb;

	return stat(rd->path, &sb) == -1 || sb.st_dev != rd->dev ||
	    sb.st_ino != rd->ino;
}

/* --- statements --- */

sqlite3_stmt *
rd_start(struct reader *rd, enum rd n, struct bind *b)
{
	sqlite3_reset(rd->q[n]);
	bind_init(b, rd->q[n]);
	return rd->q[n];
}

int
rd_step(struct reader *rd, enum rd n, const struct bind *b)
{
	int rc = b->rc;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(rd->q[n]);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE && rd->rc == SQLITE_OK)
		rd->rc = rc;
	sqlite3_reset(rd->q[n]);
	return rc == SQLITE_DONE ? 0 : -1;
}

void
rd_reset(struct reader *rd, enum rd n)
{
	sqlite3_reset(rd->q[n]);
}

int
rd_value(struct reader *rd, enum rd n, const struct bind *b, int64_t *value)
{
	int r = rd_step(rd, n, b);

	if (r == 1 && sqlite3_column_type(rd->q[n], 0) != SQLITE_NULL)
		*value = sqlite3_column_int64(rd->q[n], 0);
	rd_reset(rd, n);
	return r;
}

/* --- a transaction --- */

static int
load_clocks(struct reader *rd)
{
	struct bind b;
	struct col c;
	void *p;
	size_t cap;
	int r;

	rd->nclocks = 0;
	rd_start(rd, RD_CLOCKS, &b);
	while ((r = rd_step(rd, RD_CLOCKS, &b)) == 1) {
		if (rd->nclocks == rd->clocks_cap) {
			cap = rd->clocks_cap == 0 ? 16 : rd->clocks_cap * 2;
			p = realloc(rd->clocks, cap * sizeof(*rd->clocks));
			if (p == NULL) {
				rd->rc = SQLITE_NOMEM;
				rd_reset(rd, RD_CLOCKS);
				return -1;
			}
			rd->clocks = p;
			rd->clocks_cap = cap;
		}
		col_init(&c, b.q, 0);
		rd->clocks[rd->nclocks].pos = (uint64_t)col_int(&c);
		rd->clocks[rd->nclocks++].offset = col_int(&c);
	}
	return r;
}

static int
load_head(struct reader *rd)
{
	struct bind b;
	struct col c;
	int64_t any = 0;
	int r;

	rd_start(rd, RD_HEAD, &b);
	r = rd_step(rd, RD_HEAD, &b);
	if (r != 1) {
		if (r == 0)
			rd->rc = SQLITE_CORRUPT;
		return -1;
	}
	col_init(&c, b.q, 0);
	rd->floor = (uint64_t)col_int(&c);
	rd->last = (uint64_t)col_int(&c);
	rd->top = col_int(&c);
	rd_reset(rd, RD_HEAD);
	rd_start(rd, RD_ANY_FLOOR, &b);
	bind_int(&b, (int64_t)rd->floor);
	r = rd_value(rd, RD_ANY_FLOOR, &b, &any);
	rd->any_floor = any != 0;
	return r == -1 ? -1 : 0;
}

int
reader_begin(struct reader *rd)
{
	struct bind b;

	rd->rc = SQLITE_OK;
	map_clear(&rd->floors);
	rd_start(rd, RD_BEGIN, &b);
	if (rd_step(rd, RD_BEGIN, &b) == -1)
		return -1;
	if (load_head(rd) == -1 || load_clocks(rd) == -1) {
		reader_end(rd);
		return -1;
	}
	return 0;
}

void
reader_end(struct reader *rd)
{
	int rc = rd->rc, i;
	struct bind b;

	/* A statement that stands on a row would keep the snapshot. */
	for (i = 0; i < RD_MAX; i++)
		sqlite3_reset(rd->q[i]);
	if (sqlite3_get_autocommit(rd->db) == 0) {
		rd_start(rd, RD_END, &b);
		(void)rd_step(rd, RD_END, &b);
	}
	if (rc != SQLITE_OK)
		rd->rc = rc;
}

int64_t
reader_real_us(const struct reader *rd, uint64_t pos, int64_t mono)
{
	size_t lo = 0, hi = rd->nclocks, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (rd->clocks[mid].pos <= pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (rd->nclocks == 0)
		return mono / 1000;
	return (mono + rd->clocks[lo == 0 ? 0 : lo - 1].offset) / 1000;
}

static const char *
load_name(struct reader *rd, int64_t id)
{
	struct bind b;
	const char *s;

	rd_start(rd, RD_NAME, &b);
	bind_int(&b, id);
	if (rd_step(rd, RD_NAME, &b) != 1)
		return "";
	s = (const char *)sqlite3_column_text(b.q, 0);
	rd->names[id] = strdup(s == NULL ? "" : s);
	rd_reset(rd, RD_NAME);
	return rd->names[id] == NULL ? "" : rd->names[id];
}

const char *
reader_name(struct reader *rd, sqlite3_stmt *q, int column)
{
	int type = sqlite3_column_type(q, column);
	const char *s;
	int64_t id;

	if (type == SQLITE_INTEGER) {
		id = sqlite3_column_int64(q, column);
		if (id < 0 || id >= READER_NAMES)
			return "";
		if (rd->names[id] != NULL)
			return rd->names[id];
		return load_name(rd, id);
	}
	s = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(q, column) :
				  NULL;
	return s == NULL ? "" : s;
}

int
reader_visible(struct reader *rd, uint64_t pos, uint64_t sid)
{
	uint64_t *slot;
	int64_t floor = 0;
	struct bind b;

	if (pos < rd->floor)
		return 0;
	if (!rd->any_floor)
		return 1;
	slot = map_get(&rd->floors, sid);
	if (slot == NULL) {
		rd_start(rd, RD_FLOOR, &b);
		bind_int(&b, (int64_t)sid);
		if (rd_value(rd, RD_FLOOR, &b, &floor) == -1)
			return -1;
		slot = map_put(&rd->floors, sid);
		if (slot == NULL)
			return pos >= (uint64_t)floor;
		slot[1] = (uint64_t)floor;
	}
	return pos >= slot[1];
}

struct jtree *
reader_tree(struct reader *rd)
{
	if (rd->tree == NULL)
		rd->tree = malloc(sizeof(*rd->tree));
	return rd->tree;
}
