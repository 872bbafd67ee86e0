/*
 * The schema and its history.  PRAGMA user_version counts the steps that a
 * file has seen.  A step that was released is never changed: what is wrong
 * with it is put right by a later one.
 */
#include <stdbool.h>
#include <stdio.h>

#include "captured/migrate.h"

/*
 * 1.  store: one row.  Positions below floor are gone, those from reserved on
 *	were never given out.  visible counts the messages that a reader may
 *	see, stored those that are there still.
 * messages: ts, fwd (after ts), latency in ns of the monotonic clock, which
 *	clocks makes real time of.  method and protocol are numbers in names,
 *	or text when names is full.  raw, or body for bytes kept once.
 * kept: how many visible messages a session has, and its own floor.
 * empty: ended sessions that no visible message names, in order.
 * commits: from time to positions.  lo and hi are the real times of its
 *	messages, top the highest hi so far, late says that lo is below the top
 *	before it.
 */
static const char step1[] =
    "CREATE TABLE store(one INTEGER PRIMARY KEY CHECK(one = 1),"
    " store_id BLOB NOT NULL, reserved INTEGER NOT NULL,"
    " floor INTEGER NOT NULL, last INTEGER NOT NULL,"
    " last_sid INTEGER NOT NULL, visible INTEGER NOT NULL,"
    " stored INTEGER NOT NULL, top INTEGER NOT NULL,"
    " epoch BLOB NOT NULL, seq INTEGER NOT NULL);"

    "CREATE TABLE sessions(sid INTEGER PRIMARY KEY, uuid BLOB NOT NULL,"
    " epoch BLOB NOT NULL, number INTEGER NOT NULL, live INTEGER NOT NULL,"
    " replay INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, from_miner INTEGER NOT NULL,"
    " from_pool INTEGER NOT NULL, bytes_miner INTEGER NOT NULL,"
    " bytes_pool INTEGER NOT NULL, parse_errors INTEGER NOT NULL,"
    " gaps INTEGER NOT NULL, gap_bytes INTEGER NOT NULL,"
    " difficulty REAL NOT NULL, rtt_miner INTEGER NOT NULL,"
    " rtt_pool INTEGER NOT NULL, pool_port INTEGER NOT NULL,"
    " pool_index INTEGER NOT NULL, pool_connect INTEGER NOT NULL,"
    " peer TEXT NOT NULL, via TEXT NOT NULL, listener TEXT NOT NULL,"
    " pool_host TEXT NOT NULL, pool_peer TEXT NOT NULL,"
    " user_agent TEXT NOT NULL, mining_session TEXT NOT NULL,"
    " worker TEXT NOT NULL, close_reason TEXT NOT NULL,"
    " close_detail TEXT NOT NULL, state BLOB);"
    "CREATE INDEX sessions_uuid ON sessions(uuid);"
    "CREATE INDEX sessions_live ON sessions(sid) WHERE live = 1;"

    "CREATE TABLE messages(pos INTEGER PRIMARY KEY,"
    " session INTEGER NOT NULL, dir INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, ts INTEGER NOT NULL, fwd INTEGER,"
    " size INTEGER NOT NULL, method, protocol, jsonrpc_id TEXT,"
    " pair INTEGER, latency INTEGER, parse_error TEXT,"
    " body INTEGER, raw BLOB);"
    "CREATE INDEX messages_session ON messages(session);"
    "CREATE INDEX messages_method ON messages(method)"
    " WHERE method IS NOT NULL;"
    "CREATE INDEX messages_errors ON messages(pos) WHERE flags & 24;"

    "CREATE TABLE bodies(body INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " raw BLOB NOT NULL);"
    "CREATE INDEX bodies_last ON bodies(last);"
    "CREATE TABLE names(name INTEGER PRIMARY KEY,"
    " text TEXT NOT NULL UNIQUE);"

    "CREATE TABLE kept(session INTEGER PRIMARY KEY,"
    " visible INTEGER NOT NULL, floor INTEGER NOT NULL);"
    "CREATE INDEX kept_floor ON kept(floor) WHERE floor > 0;"
    "CREATE TABLE empty(session INTEGER PRIMARY KEY, pos INTEGER NOT NULL,"
    " at INTEGER NOT NULL);"

    "CREATE TABLE partials(n INTEGER PRIMARY KEY, session INTEGER NOT NULL,"
    " dir INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX partials_session ON partials(session, dir);"
    "CREATE TABLE items(session INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " pos INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(session, kind, pos)) WITHOUT ROWID;"

    "CREATE TABLE commits(last INTEGER PRIMARY KEY, first INTEGER NOT NULL,"
    " at INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,"
    " top INTEGER NOT NULL, late INTEGER NOT NULL);"
    "CREATE INDEX commits_top ON commits(top, last);"
    "CREATE INDEX commits_lo ON commits(lo, last) WHERE late = 0;"
    "CREATE INDEX commits_late ON commits(lo, last) WHERE late = 1;"
    "CREATE TABLE clocks(pos INTEGER PRIMARY KEY, offset INTEGER NOT NULL);"

    "INSERT INTO store VALUES(1, randomblob(16), 1, 1, 0, 0, 0, 0, 0,"
    " zeroblob(16), 0);";

/*
 * 2.  shares: pos is the submit's.  ts, late, job_age, latency in ns of the
 *	monotonic clock.  verdict, cause, formula, reason and agreement are
 *	names as in messages.  pool_verdict: 0 unanswered, 1 accepted, 2
 *	rejected, 3 neither.  seen: the same hash again would be a duplicate.
 *	Those of a session are found by the index of its messages: another one
 *	that is as scattered would make ingest dearer by a third (measured).
 * jobs: params is what key is the SHA-256 of; first and last are positions.
 * workers: counts of all shares since first_seen (real times, in us).
 * verifiers: what the verifier of a live session knows.
 */
static const char step2[] =
    "CREATE TABLE shares(pos INTEGER PRIMARY KEY,"
    " session INTEGER NOT NULL, worker INTEGER NOT NULL, job INTEGER,"
    " job_id TEXT NOT NULL, ts INTEGER NOT NULL, extranonce2 BLOB,"
    " ntime INTEGER NOT NULL, nonce INTEGER NOT NULL, bits INTEGER,"
    " version INTEGER, hash BLOB, reached REAL NOT NULL,"
    " required REAL NOT NULL, job_difficulty REAL NOT NULL,"
    " present REAL NOT NULL, previous REAL NOT NULL,"
    " mask INTEGER NOT NULL, verdict NOT NULL, cause NOT NULL,"
    " firm INTEGER NOT NULL, block INTEGER NOT NULL,"
    " seen INTEGER NOT NULL, formula, formulas INTEGER NOT NULL,"
    " passed INTEGER NOT NULL, late INTEGER NOT NULL,"
    " job_age INTEGER NOT NULL, pool_verdict INTEGER NOT NULL,"
    " answer INTEGER, agreement, reason, code INTEGER, error TEXT,"
    " latency INTEGER);"

    "CREATE TABLE jobs(job INTEGER PRIMARY KEY, key BLOB NOT NULL,"
    " pool TEXT NOT NULL, job_id TEXT NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, ts INTEGER NOT NULL, params BLOB NOT NULL);"
    "CREATE UNIQUE INDEX jobs_key ON jobs(key, pool);"
    "CREATE INDEX jobs_last ON jobs(last);"

    "CREATE TABLE workers(worker INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_share INTEGER NOT NULL,"
    " shares INTEGER NOT NULL, valid INTEGER NOT NULL,"
    " stale INTEGER NOT NULL, duplicate INTEGER NOT NULL,"
    " low INTEGER NOT NULL, blocks INTEGER NOT NULL,"
    " accepted INTEGER NOT NULL, rejected INTEGER NOT NULL,"
    " disputed INTEGER NOT NULL, accepted_difficulty REAL NOT NULL,"
    " best REAL NOT NULL);"
    "CREATE INDEX workers_last ON workers(last);"

    "CREATE TABLE verifiers(session INTEGER PRIMARY KEY,"
    " state BLOB NOT NULL);"
    /* Of sessions from before nothing is known: no state reads like that. */
    "INSERT INTO verifiers SELECT sid, x'00' FROM sessions WHERE live = 1;";

/*
 * 3.  settings: what an operator has set for a worker; NULL where nothing was.
 *	They are not bounded with what is captured: nobody set them to expire.
 * sessions: what of it holds for the session, and for a replay which message
 *	it repeats.
 */
static const char step3[] =
    "CREATE TABLE settings(worker TEXT PRIMARY KEY, broadcast INTEGER,"
    " repeat INTEGER, auto_count INTEGER) WITHOUT ROWID;"
    "ALTER TABLE sessions ADD COLUMN replay_of INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN broadcast INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN repeat INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE sessions ADD COLUMN auto_count INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE sessions ADD COLUMN auto_replay INTEGER NOT NULL DEFAULT 0;";

/*
 * 4.  shares: extranonce1 as it was taken into the header, so that a share and
 *	its job are all that is needed to compute it again.  shares_odd has
 *	each that is not valid, is not surely so, or was refused: with them
 *	begins whoever asks for a verdict.  It grows at its end only, and by few
 *	rows (measured: 0.2 us a share, 0.6 us one that is in it).
 * jobs_first: jobs in the order in which they came.
 */
static const char step4[] = "ALTER TABLE shares ADD COLUMN extranonce1 BLOB;"
			    "CREATE INDEX shares_odd ON shares(pos)"
			    " WHERE seen = 0 OR firm = 0 OR pool_verdict = 2;"
			    "CREATE INDEX jobs_first ON jobs(first);";

/*
 * 5.  alerts: times in us since 1970, ended 0 while it is active; kind by its
 *	number (common/record_alert.h), pool host:port, pos of the message.
 * watches: what the watches know of each thing, loaded in the order of at.
 */
static const char step5[] =
    "CREATE TABLE alerts(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " severity INTEGER NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " count INTEGER NOT NULL, pos INTEGER NOT NULL, session BLOB,"
    " pool TEXT NOT NULL, worker TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX alerts_active ON alerts(id) WHERE ended = 0;"
    "CREATE TABLE watches(name BLOB PRIMARY KEY, at INTEGER NOT NULL,"
    " state BLOB NOT NULL) WITHOUT ROWID;";

/*
 * 6.  roll_keys: names of workers (kind 1), pools (2) and user agents (3).
 *	key is kind << 34 | id, never used twice, id 0 for all that have no
 *	name of their own.  first in us, last in minutes; proven: a share of it
 *	was accepted.
 * minutes, hours: numbers since 1970, key, and a struct roll (roll.h).
 * sessions: account and rates as in record.h; workers, a line each.
 * shares: where the time until the answer went, in ns (struct roll_legs).
 */
static const char step6[] =
    "CREATE TABLE roll_keys(key INTEGER PRIMARY KEY,"
    " kind INTEGER NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, proven INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX roll_keys_name ON roll_keys(kind, name);"
    "CREATE INDEX roll_keys_last ON roll_keys(kind, proven, last);"
    "CREATE TABLE minutes(minute INTEGER NOT NULL, key INTEGER NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY(minute, key)) WITHOUT ROWID;"
    "CREATE TABLE hours(hour INTEGER NOT NULL, key INTEGER NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY(hour, key)) WITHOUT ROWID;"
    "ALTER TABLE sessions ADD COLUMN account BLOB;"
    "ALTER TABLE sessions ADD COLUMN rates BLOB;"
    "ALTER TABLE sessions ADD COLUMN workers TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sessions ADD COLUMN extranonce1 TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sessions ADD COLUMN extranonce2_size INTEGER"
    " NOT NULL DEFAULT 0;"
    "ALTER TABLE shares ADD COLUMN own INTEGER;"
    "ALTER TABLE shares ADD COLUMN tcp_miner INTEGER;"
    "ALTER TABLE shares ADD COLUMN tcp_pool INTEGER;"
    "ALTER TABLE shares ADD COLUMN pool INTEGER;"
    "ALTER TABLE store ADD COLUMN roll_folded INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE store ADD COLUMN roll_next INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE store ADD COLUMN roll_began INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE store ADD COLUMN roll_minutes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE store ADD COLUMN roll_hours INTEGER NOT NULL DEFAULT 0;";

/*
 * 7.  fanouts: how a job spread over sessions (fanout.h).
 * kept_shares: rejected (kind 1) and disputed (2) shares, whose rows in
 *	shares stay when the messages around them go, with what of their
 *	session's row does not; us is their real time.  Their jobs stay too.
 */
static const char step7[] =
    "CREATE TABLE fanouts(job INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE kept_shares(pos INTEGER PRIMARY KEY,"
    " kind INTEGER NOT NULL, job INTEGER, us INTEGER NOT NULL,"
    " session BLOB, worker TEXT, pool TEXT, peer TEXT, user_agent TEXT,"
    " extranonce2_size INTEGER);"
    "CREATE INDEX kept_shares_kind ON kept_shares(kind, pos);"
    "CREATE INDEX kept_shares_job ON kept_shares(job);";

static const char *const steps[] = { step1, step2, step3, step4, step5, step6,
	step7 };

int
migrate_latest(void)
{
	return (int)(sizeof(steps) / sizeof(steps[0]));
}

static int
pragma_int(sqlite3 *db, const char *sql, int *value)
{
	sqlite3_stmt *q;
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		return -1;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*value = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int
exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int
run_step(sqlite3 *db, int n)
{
	char end[96];

	snprintf(end, sizeof(end),
	    "PRAGMA user_version=%d;PRAGMA application_id=%d;COMMIT", n + 1,
	    STORE_APPLICATION_ID);
	if (exec(db, "BEGIN IMMEDIATE") == 0 && exec(db, steps[n]) == 0 &&
	    exec(db, end) == 0)
		return 0;
	if (sqlite3_get_autocommit(db) == 0)
		(void)exec(db, "ROLLBACK");
	return -1;
}

int
migrate(sqlite3 *db, int *foreign)
{
	int version, app, n;

	*foreign = 0;
	if (pragma_int(db, "PRAGMA user_version", &version) == -1 ||
	    pragma_int(db, "PRAGMA application_id", &app) == -1)
		return -1;
	/* A file without a version must be an empty one. */
	if (version == 0 &&
	    pragma_int(db, "SELECT count(*) FROM sqlite_schema", &n) == -1)
		return -1;
	if (version < 0 || version > migrate_latest() ||
	    (version == 0 && n != 0) ||
	    (version > 0 && app != STORE_APPLICATION_ID)) {
		*foreign = 1;
		return -1;
	}
	for (n = version; n < migrate_latest(); n++)
		if (run_step(db, n) == -1)
			return -1;
	return 0;
}
