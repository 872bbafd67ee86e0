/*
 * The statements of the writer, prepared once, by their number.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "captured/store_int.h"

static const char *const text[SQL_MAX] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_HEAD_LOAD] =
	    "SELECT store_id, epoch, reserved, floor, last, last_sid, visible,"
	    " stored, top, seq, roll_folded, roll_next, roll_began,"
	    " roll_minutes, roll_hours FROM store",
	[SQL_HEAD_SAVE] =
	    "UPDATE store SET floor=?, last=?, last_sid=?, visible=?,"
	    " stored=?, top=?, epoch=?, seq=?, roll_folded=?, roll_next=?,"
	    " roll_began=?, roll_minutes=?, roll_hours=?",
	[SQL_RESERVE] = "UPDATE store SET reserved=?",

	[SQL_NAMES_LOAD] = "SELECT name, text FROM names",
	[SQL_NAME_ADD] = "INSERT INTO names(text) VALUES(?)",

	[SQL_MESSAGE_ADD] =
	    "INSERT INTO messages(pos, session, dir, flags, ts, size, method,"
	    " protocol, fwd, jsonrpc_id, pair, latency, parse_error, body, raw)"
	    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_MESSAGE_ANSWERED] =
	    "UPDATE messages SET pair=?, latency=? WHERE pos=?",
	[SQL_MESSAGE_FORWARDED] = "UPDATE messages SET fwd=?-ts WHERE pos=?",
	[SQL_MESSAGE_FLAG] = "UPDATE messages SET flags=flags|? WHERE pos=?",
	[SQL_BODY_ADD] = "INSERT INTO bodies(last, raw) VALUES(?,?)",
	[SQL_BODY_USED] = "UPDATE bodies SET last=? WHERE body=?",

	[SQL_ITEM_PUT] =
	    "INSERT OR REPLACE INTO items(session, kind, pos, data)"
	    " VALUES(?,?,?,?)",
	[SQL_ITEM_DEL] =
	    "DELETE FROM items WHERE session=? AND kind=? AND pos=?",
	[SQL_ITEMS_LOAD] =
	    "SELECT session, kind, pos, data FROM items ORDER BY pos, kind",
	[SQL_ITEMS_END] = "DELETE FROM items WHERE session=?",

	[SQL_CLOCK_ADD] =
	    "INSERT OR REPLACE INTO clocks(pos, offset) VALUES(?,?)",
	[SQL_CLOCK_LAST] =
	    "SELECT offset FROM clocks ORDER BY pos DESC LIMIT 1",

	/* The hot columns first: SESSION_COLS, then the caller's. */
	[SQL_SESSION_PUT] =
	    "INSERT OR REPLACE INTO sessions(" SESSION_COLS
	    ", sid, epoch, number, state) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,"
	    "?,?,?,?,?,?,?,?,?,?,"
	    "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_SESSION_HOT] =
	    "UPDATE sessions SET last_seen=?, messages=?, from_miner=?,"
	    " from_pool=?, bytes_miner=?, bytes_pool=?, parse_errors=?,"
	    " gaps=?, gap_bytes=?, difficulty=?, rtt_miner=?, rtt_pool=?,"
	    " account=?, state=? WHERE sid=?",
	[SQL_SESSION_RATES] = "UPDATE sessions SET rates=? WHERE sid=?",
	[SQL_SESSIONS_LOAD] =
	    "SELECT " SESSION_COLS
	    ", sid, epoch, number, state FROM sessions WHERE live=1"
	    " ORDER BY sid",
	[SQL_SESSION_REMOVE] = "DELETE FROM sessions WHERE sid=? AND live=0",

	[SQL_PARTIAL_ADD] =
	    "INSERT INTO partials(session, dir, bytes) VALUES(?,?,?)",
	[SQL_PARTIAL_FRESH] = "DELETE FROM partials WHERE session=? AND dir=?",
	[SQL_PARTIALS_LOAD] =
	    "SELECT bytes FROM partials WHERE session=? AND dir=? ORDER BY n",
	[SQL_PARTIALS_END] = "DELETE FROM partials WHERE session=?",

	[SQL_KEPT_ADD] =
	    "INSERT INTO kept(session, visible, floor) VALUES(?1,?2,0)"
	    " ON CONFLICT(session) DO UPDATE SET visible=max(0, visible+?2)"
	    " RETURNING visible",
	[SQL_KEPT_FLOOR] = "UPDATE kept SET visible=?, floor=? WHERE session=?",
	[SQL_KEPT_LOAD] = "SELECT session, floor FROM kept WHERE floor > ?",
	[SQL_KEPT_COUNT] = "SELECT visible FROM kept WHERE session=?",
	[SQL_KEPT_REMOVE] = "DELETE FROM kept WHERE session=?",

	[SQL_EMPTY_ADD] =
	    "INSERT OR REPLACE INTO empty(session, pos, at) VALUES(?,?,?)",
	[SQL_EMPTY_OLDEST] =
	    "SELECT session, pos, at FROM empty ORDER BY session LIMIT 1",
	[SQL_EMPTY_REMOVE] = "DELETE FROM empty WHERE session=?",
	[SQL_EMPTY_COUNT] = "SELECT count(*) FROM empty",

	[SQL_COMMITS_ADD] =
	    "INSERT INTO commits(last, first, at, lo, hi, top, late)"
	    " VALUES(?,?,?,?,?,?,?)",
	[SQL_COMMITS_FROM] =
	    "SELECT last, hi FROM commits WHERE last >= ? ORDER BY last",

	[SQL_WALK] =
	    "SELECT pos, session FROM messages WHERE pos >= ? ORDER BY pos",
	[SQL_SESSION_NTH] =
	    "SELECT pos FROM messages INDEXED BY messages_session"
	    " WHERE session=? AND pos >= ? ORDER BY pos LIMIT 1 OFFSET ?",
	[SQL_DELETE_NTH] =
	    "SELECT pos FROM messages ORDER BY pos LIMIT 1 OFFSET ?",
	[SQL_DELETE_UPTO] = "DELETE FROM messages WHERE pos < ?",
	[SQL_DELETE_SESSION] =
	    "DELETE FROM messages WHERE pos IN (SELECT pos FROM messages"
	    " INDEXED BY messages_session WHERE session=? AND pos < ?"
	    " ORDER BY pos LIMIT ?)",
	[SQL_DELETE_COMMITS] =
	    "DELETE FROM commits WHERE last IN (SELECT last FROM commits"
	    " WHERE last < ? ORDER BY last LIMIT ?)",
	[SQL_DELETE_CLOCKS] = "DELETE FROM clocks WHERE pos <"
			      " (SELECT max(pos) FROM clocks WHERE pos <= ?)",
	[SQL_DELETE_BODIES] =
	    "DELETE FROM bodies WHERE body IN (SELECT body FROM bodies"
	    " WHERE last < ? ORDER BY last LIMIT ?)",
	[SQL_SHARE_ADD] =
	    "INSERT INTO shares(pos, session, worker, job, job_id, ts,"
	    " extranonce2, ntime, nonce, bits, version, hash, reached,"
	    " required, job_difficulty, present, previous, mask, firm, block,"
	    " seen, formulas, passed, late, job_age, verdict, formula, cause,"
	    " pool_verdict, answer, agreement, reason, code, error, latency,"
	    " own, tcp_miner, tcp_pool, pool, extranonce1)"
	    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
	    "?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_SHARE_ANSWERED] =
	    "UPDATE shares SET cause=?, pool_verdict=?, answer=?, agreement=?,"
	    " reason=?, code=?, error=?, latency=?, own=?, tcp_miner=?,"
	    " tcp_pool=?, pool=? WHERE pos=?"
	    " RETURNING worker, required",
	[SQL_SHARE_BRIEF] =
	    "SELECT coalesce((SELECT text FROM names WHERE name=verdict),"
	    " verdict), coalesce((SELECT text FROM names WHERE name=cause),"
	    " cause), firm, reached, required, ts, (SELECT m.ts + m.fwd"
	    " FROM messages m WHERE m.pos=shares.pos), (SELECT name"
	    " FROM workers w WHERE w.worker=shares.worker)"
	    " FROM shares WHERE pos=?",
	[SQL_SHARES_SEEN] =
	    "SELECT hash FROM (SELECT h.pos, h.hash FROM messages m"
	    " INDEXED BY messages_session CROSS JOIN shares h ON h.pos=m.pos"
	    " WHERE m.session=? AND m.pos >= ? AND h.seen=1"
	    " ORDER BY m.pos DESC LIMIT ?) ORDER BY pos",
	[SQL_JOB_FIND] = "SELECT job, ts FROM jobs WHERE key=? AND pool=?",
	[SQL_JOB_ADD] =
	    "INSERT INTO jobs(key, pool, job_id, first, last, ts, params)"
	    " VALUES(?,?,?,?,?,?,?)",
	[SQL_JOB_USED] = "UPDATE jobs SET last=max(last, ?) WHERE job=?",
	[SQL_JOB_PARAMS] = "SELECT params FROM jobs WHERE key=? LIMIT 1",
	[SQL_JOBS_OLD] = "SELECT job, key FROM jobs WHERE last < ?"
			 " ORDER BY last LIMIT ?",
	[SQL_JOB_REMOVE] = "DELETE FROM jobs WHERE job=?",
	[SQL_FANOUT_GET] = "SELECT data FROM fanouts WHERE job=?",
	[SQL_FANOUT_PUT] =
	    "INSERT OR REPLACE INTO fanouts(job, data) VALUES(?,?)",
	[SQL_FANOUT_REMOVE] = "DELETE FROM fanouts WHERE job=?",
	[SQL_KEEP_SHARE] =
	    "INSERT OR REPLACE INTO kept_shares(pos, kind, job, us, session,"
	    " worker, pool, peer, user_agent, extranonce2_size)"
	    " SELECT h.pos, ?2, h.job, (h.ts + ?3) / 1000, s.uuid, w.name,"
	    " s.pool_host || ':' || s.pool_port, s.peer, s.user_agent,"
	    " s.extranonce2_size FROM shares h"
	    " LEFT JOIN sessions s ON s.sid=h.session"
	    " LEFT JOIN workers w ON w.worker=h.worker WHERE h.pos=?1",
	[SQL_KEPT_SHARES_COUNT] =
	    "SELECT count(*) FROM kept_shares WHERE kind=?",
	[SQL_KEPT_SHARES_TRIM] =
	    "DELETE FROM kept_shares WHERE pos IN (SELECT pos FROM kept_shares"
	    " WHERE kind=? ORDER BY pos LIMIT ?) RETURNING pos",
	[SQL_KEPT_SHARE_DROP] = "DELETE FROM shares WHERE pos=?",
	[SQL_KEPT_SHARE_JOB] = "SELECT 1 FROM kept_shares WHERE job=? LIMIT 1",
	[SQL_WORKER_FIND] = "SELECT worker FROM workers WHERE name=?",
	[SQL_WORKER_ADD] =
	    "INSERT INTO workers(name, last, first_seen, last_share, shares,"
	    " valid, stale, duplicate, low, blocks, accepted, rejected,"
	    " disputed, accepted_difficulty, best)"
	    " VALUES(?,0,?,0,0,0,0,0,0,0,0,0,0,0,0)",
	[SQL_WORKER_COUNT] =
	    "UPDATE workers SET last=max(last, ?),"
	    " last_share=max(last_share, ?), shares=shares+?, valid=valid+?,"
	    " stale=stale+?, duplicate=duplicate+?, low=low+?,"
	    " blocks=blocks+?, accepted=accepted+?, rejected=rejected+?,"
	    " disputed=disputed+?,"
	    " accepted_difficulty=accepted_difficulty+?, best=max(best, ?)"
	    " WHERE worker=?",
	[SQL_VERIFIER_PUT] =
	    "INSERT OR REPLACE INTO verifiers(session, state) VALUES(?,?)",
	[SQL_VERIFIER_ITEMS] = "DELETE FROM items WHERE session=? AND kind=?",
	[SQL_VERIFIER_LOAD] = "SELECT state FROM verifiers WHERE session=?",
	[SQL_VERIFIER_END] = "DELETE FROM verifiers WHERE session=?",
	[SQL_DELETE_SHARES] =
	    "DELETE FROM shares WHERE pos >= ? AND pos < ? AND NOT EXISTS"
	    " (SELECT 1 FROM kept_shares k WHERE k.pos=shares.pos)",
	[SQL_DELETE_SHARES_SESSION] =
	    "DELETE FROM shares WHERE pos IN (SELECT pos FROM messages"
	    " INDEXED BY messages_session WHERE session=? AND pos < ?"
	    " ORDER BY pos LIMIT ?)"
	    " AND NOT EXISTS (SELECT 1 FROM kept_shares k"
	    " WHERE k.pos=shares.pos)",
	[SQL_DELETE_WORKERS] =
	    "DELETE FROM workers WHERE worker IN (SELECT worker FROM workers"
	    " WHERE last < ? ORDER BY last LIMIT ?)",
	[SQL_ALERT_PUT] = "INSERT OR REPLACE INTO alerts(" ALERT_COLS
			  ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_ALERT_LAST] = "SELECT max(id) FROM alerts",
	[SQL_ALERTS_LOAD] = "SELECT " ALERT_COLS " FROM alerts"
			    " INDEXED BY alerts_active WHERE ended=0"
			    " ORDER BY id",
	[SQL_ALERTS_PRUNE] = "DELETE FROM alerts WHERE id IN (SELECT id"
			     " FROM alerts ORDER BY id LIMIT 64)"
			     " AND ended != 0 AND (id <= ? OR ended <= ?)",
	[SQL_WATCH_PUT] =
	    "INSERT OR REPLACE INTO watches(name, at, state) VALUES(?,?,?)",
	[SQL_WATCH_DEL] = "DELETE FROM watches WHERE name=?",
	[SQL_WATCHES_LOAD] = "SELECT name, state FROM watches ORDER BY at",
	[SQL_ROLL_KEY_FIND] = "SELECT key FROM roll_keys WHERE kind=?"
			      " AND name=?",
	[SQL_ROLL_KEY_ADD] =
	    "INSERT INTO roll_keys(key, kind, name, first, last, proven)"
	    " VALUES(?,?,?,?,?,0)",
	[SQL_ROLL_KEY_USED] = "UPDATE roll_keys SET last=max(last, ?),"
			      " proven=max(proven, ?) WHERE key=?",
	[SQL_ROLL_KEYS_COUNT] = "SELECT count(*) FROM roll_keys WHERE kind=?",
	/* First those that never had a share accepted. */
	[SQL_ROLL_KEYS_EVICT] =
	    "DELETE FROM roll_keys WHERE key IN (SELECT key FROM roll_keys"
	    " WHERE kind=? ORDER BY proven, last LIMIT ?)",
	[SQL_MINUTE_GET] = "SELECT data FROM minutes WHERE minute=? AND key=?",
	[SQL_MINUTE_PUT] =
	    "INSERT OR REPLACE INTO minutes(minute, key, data) VALUES(?,?,?)",
	[SQL_MINUTES_FROM] =
	    "SELECT minute, key, data FROM minutes WHERE minute >= ?"
	    " AND minute < ? ORDER BY minute, key",
	[SQL_MINUTES_OLDEST] = "SELECT min(minute) FROM minutes",
	[SQL_MINUTE_DELETE] =
	    "DELETE FROM minutes WHERE minute=? RETURNING length(data)",
	[SQL_HOUR_GET] = "SELECT data FROM hours WHERE hour=? AND key=?",
	[SQL_HOUR_PUT] =
	    "INSERT OR REPLACE INTO hours(hour, key, data) VALUES(?,?,?)",
	[SQL_HOURS_OLDEST] = "SELECT min(hour) FROM hours",
	[SQL_HOUR_DELETE] =
	    "DELETE FROM hours WHERE hour=? RETURNING length(data)",
	[SQL_PAGE_COUNT] = "PRAGMA page_count",
	[SQL_FREE_COUNT] = "PRAGMA freelist_count",
};

int
sql_prepare(struct store *st)
{
	int i, rc;

	for (i = 0; i < SQL_MAX; i++) {
		rc = sqlite3_prepare_v3(st->db, text[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &st->q[i], NULL);
		if (rc != SQLITE_OK)
			return store_failed(st, rc);
	}
	return 0;
}

void
sql_finalize(struct store *st)
{
	int i;

	for (i = 0; i < SQL_MAX; i++) {
		sqlite3_finalize(st->q[i]);
		st->q[i] = NULL;
	}
}

sqlite3_stmt *
sql_start(struct store *st, enum sql n, struct bind *b)
{
	sqlite3_reset(st->q[n]);
	bind_init(b, st->q[n]);
	return st->q[n];
}

int
sql_step(struct store *st, enum sql n, const struct bind *b)
{
	int rc = b->rc;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st->q[n]);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		store_failed(st, rc);
	sqlite3_reset(st->q[n]);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
sql_run(struct store *st, enum sql n, const struct bind *b)
{
	int r = sql_step(st, n, b);

	/* A RETURNING or a pragma may have had a row that nobody reads. */
	if (r == 1)
		sqlite3_reset(st->q[n]);
	return r == -1 ? -1 : 0;
}

void
sql_reset(struct store *st, enum sql n)
{
	sqlite3_reset(st->q[n]);
}

static enum store_err
classify(const struct store *st, int rc)
{
	/* Growing -shm on a full disk is an I/O error to SQLite. */
	if ((rc & 0xff) == SQLITE_IOERR && st->db != NULL &&
	    sqlite3_system_errno(st->db) == ENOSPC)
		return STORE_FULL;
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return STORE_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return STORE_CORRUPT;
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return STORE_BUG;
	default:
		return STORE_IO;
	}
}

int
store_failed(struct store *st, int rc)
{
	/* The first reason counts: a rollback may fail after it. */
	if (st->err == STORE_OK) {
		st->err = classify(st, rc);
		snprintf(st->errmsg, sizeof(st->errmsg), "%s (%d)",
		    st->db == NULL ? sqlite3_errstr(rc) :
				     sqlite3_errmsg(st->db),
		    st->db == NULL ? rc : sqlite3_extended_errcode(st->db));
	}
	if (st->err == STORE_FULL)
		space_full(st);
	return -1;
}

int
store_fail_bug(struct store *st, const char *why)
{
	st->err = STORE_BUG;
	snprintf(st->errmsg, sizeof(st->errmsg), "%s", why);
	return -1;
}

int
store_fail_memory(struct store *st)
{
	st->err = STORE_IO;
	snprintf(st->errmsg, sizeof(st->errmsg), "out of memory");
	return -1;
}
