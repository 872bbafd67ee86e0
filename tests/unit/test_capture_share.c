/*
 * Shares at ingest: the recorded conversation through captured, whole and
 * with captured killed at random, must give the verdicts that the verifier
 * alone gives, and those of the pool that was recorded.
 */
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captured/migrate.h"
#include "common/log.h"
#include "tests/unit/capture_util.h"
#include "tests/unit/verifylib.h"

#define TRANSCRIPT "transcripts/ckpool-cpuminer.jsonl"

static const uint8_t epoch[16] = { 7 };

struct world {
	char dir[CONF_PATH];
	struct capture_conf conf;
	struct ring r;
	struct vl_record *rec;
	size_t nrec;
	unsigned seed;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	test_dir(w->dir, sizeof(w->dir));
	test_conf(&w->conf, w->dir);
	ring_init(&w->r);
	w->rec = vl_transcript(TRANSCRIPT, &w->nrec);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	vl_transcript_free(w->rec, w->nrec);
	ring_free(&w->r);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

/* The transcript as entries, some lines in two pieces. */
static void
fill_ring(struct world *w)
{
	uint64_t off[3][2] = { { 0 } };
	char line[65536];

	for (unsigned s = 1; s <= 2; s++) {
		ring_open(&w->r, s, true);
		ring_pool(&w->r, s, true);
	}
	for (size_t i = 0; i < w->nrec; i++) {
		const struct vl_record *x = &w->rec[i];
		size_t cut = (unsigned)rand_r(&w->seed) % (x->len + 1);
		uint64_t *o = &off[x->session][x->to_miner];

		memcpy(line, x->line, x->len);
		line[x->len] = '\n';
		if (cut > 0)
			ring_chunk(&w->r, x->session, x->to_miner, *o, line,
			    cut, true);
		w->r.now = x->ts - 1000000; /* the chunk is 1 ms later */
		ring_chunk(&w->r, x->session, x->to_miner, *o + cut, line + cut,
		    x->len + 1 - cut, true);
		*o += x->len + 1;
	}
}

/* One life of captured: from its watermark on, up to its death. */
static void
live(struct world *w, unsigned mortal)
{
	struct ingest in;
	char err[256];
	uint64_t from;

	if (ingest_open(&in, &w->conf, err, sizeof(err)) == -1)
		_exit(2);
	from = ingest_hello(&in, epoch, TEST_OFFSET);
	for (size_t i = 0; i < w->r.n; i++) {
		if (ring_head(&w->r, i).seq <= from)
			continue;
		if (ring_give(&w->r, i, i + 1, &in) == -1)
			_exit(3);
		if (rand_r(&w->seed) % 8 == 0 && ingest_commit(&in) == -1)
			_exit(4);
		if (mortal != 0 && (unsigned)rand_r(&w->seed) % mortal == 0)
			raise(SIGKILL);
	}
	ingest_close(&in);
	_exit(0);
}

/* Lives until one gets to the end; how many there were. */
static unsigned
play(struct world *w, unsigned mortal)
{
	unsigned lives = 0;
	int status;
	pid_t pid;

	do {
		w->seed += 7919;
		lives++;
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			live(w, mortal);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status))
			assert_int_equal(WEXITSTATUS(status), 0);
	} while (WIFSIGNALED(status) && lives < 2000);
	return lives;
}

/* --- what is stored, against the verifier alone --- */

static const char stored[] =
    "SELECT s.number, h.hash, h.reached, h.job_difficulty, h.job_id, w.name,"
    " v.text, c.text, a.text, h.pool_verdict, h.firm, h.block, h.nonce,"
    " h.latency, h.answer IS NOT NULL"
    " FROM shares h JOIN sessions s ON s.sid=h.session"
    " JOIN workers w ON w.worker=h.worker"
    " JOIN names v ON v.name=h.verdict JOIN names c ON c.name=h.cause"
    " LEFT JOIN names a ON a.name=h.agreement ORDER BY h.pos";

static const char *
text(sqlite3_stmt *q, int i)
{
	return (const char *)sqlite3_column_text(q, i);
}

static void
check_share(sqlite3_stmt *q, const struct vl_record *x,
    const struct verify_share *s)
{
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(q, 0), x->session);
	assert_int_equal(sqlite3_column_bytes(q, 1), 32);
	assert_memory_equal(sqlite3_column_blob(q, 1), s->hash, 32);
	assert_true(sqlite3_column_double(q, 2) == s->reached);
	assert_true(sqlite3_column_double(q, 3) == s->job_difficulty);
	assert_string_equal(text(q, 4), s->job_id);
	assert_string_equal(text(q, 5), s->worker);
	assert_string_equal(text(q, 6), verify_verdict_name(s->verdict));
	assert_string_equal(text(q, 7), verify_cause_name(s->cause));
	assert_string_equal(text(q, 8), verify_agreement_name(AGREE_YES));
	assert_int_equal(sqlite3_column_int(q, 9),
	    s->verdict == VERDICT_VALID ? ANSWER_ACCEPTED : ANSWER_REJECTED);
	assert_int_equal(sqlite3_column_int(q, 10), s->firm);
	assert_int_equal(sqlite3_column_int(q, 11), s->is_block);
	assert_true(sqlite3_column_int64(q, 12) == s->nonce);
	assert_true(sqlite3_column_int64(q, 13) > 0);
	assert_int_equal(sqlite3_column_int(q, 14), 1);
}

static void
check_stored(struct world *w)
{
	static struct vl l[3];
	char path[CONF_PATH + 16];
	unsigned shares = 0;
	sqlite3_stmt *q;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" STORE_FILE, w->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE,
			     NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, stored, -1, &q, NULL),
	    SQLITE_OK);
	vl_init(&l[1], NULL);
	vl_init(&l[2], &l[1]);
	for (size_t i = 0; i < w->nrec; i++) {
		const struct vl_record *x = &w->rec[i];
		struct vl *v = &l[x->session];

		if (vl_line(v, x->to_miner, x->ts, x->line, x->len) &&
		    v->is_share) {
			check_share(q, x, &v->share);
			shares++;
		}
	}
	assert_int_equal(shares, 189);
	assert_int_equal(sqlite3_step(q), SQLITE_DONE);
	vl_free(&l[2]);
	vl_free(&l[1]);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static void
check_tables(struct world *w)
{
	/* Both sessions were sent the same seventeen jobs. */
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM jobs"), 17);
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM shares WHERE job IS NULL"),
	    0);
	assert_int_equal(got_number(w->dir, "SELECT sum(shares) FROM workers"),
	    189);
	assert_int_equal(got_number(w->dir,
			     "SELECT sum(accepted + rejected) FROM workers"),
	    189);
	assert_int_equal(got_number(w->dir,
			     "SELECT sum(accepted - valid) FROM workers"),
	    0);
	assert_int_equal(got_number(w->dir,
			     "SELECT sum(disputed) FROM workers"),
	    0);
	/* Each share is where its submit is, and so is its answer. */
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM shares h JOIN messages m"
			     " ON m.pos=h.pos AND m.session=h.session"
			     " AND m.pair=h.answer AND m.latency=h.latency"),
	    189);
}

static void
test_transcript(void **state)
{
	struct world *w = *state;

	fill_ring(w);
	assert_int_equal(play(w, 0), 1);
	check_stored(w);
	check_tables(w);
}

/* Also killed before the first commit, and between notify and submit. */
static void
test_transcript_killed(void **state)
{
	struct world *w = *state;

	w->seed = 12;
	fill_ring(w);
	assert_true(play(w, 40) > 10);
	check_stored(w);
	check_tables(w);
}

/* --- what messages that are gone have left --- */

static void
open_ingest(struct world *w, struct ingest *in)
{
	char err[256];

	if (ingest_open(in, &w->conf, err, sizeof(err)) == -1)
		fail_msg("ingest_open: %s", err);
	ingest_hello(in, epoch, TEST_OFFSET);
}

static void
say(struct world *w, struct ingest *in, bool to_miner, const char *line)
{
	static uint64_t off[2];
	size_t at = w->r.n;

	if (in == NULL) {
		off[0] = off[1] = 0;
		return;
	}
	ring_chunk(&w->r, 1, to_miner, off[to_miner], line, strlen(line), true);
	off[to_miner] += strlen(line);
	assert_int_equal(ring_give(&w->r, at, w->r.n, in), 0);
	assert_int_equal(ingest_commit(in), 0);
}

#define NOTIFY(id, clean)                                                  \
	"{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"" id      \
	"\",\"00000000000000000000000000000000000000000000000000000000000" \
	"00000\",\"0100\",\"ffff\",[],\"20000000\",\"1d00ffff\","          \
	"\"665f0000\"," clean "]}\n"
#define SUBMIT(id, nonce)                                                \
	"{\"id\":4,\"method\":\"mining.submit\",\"params\":[\"w\",\"" id \
	"\",\"00000001\",\"665f0000\",\"" nonce "\"]}\n"

static void
begin(struct world *w, struct ingest *in)
{
	open_ingest(w, in);
	say(w, NULL, false, NULL);
	ring_open(&w->r, 1, true);
	ring_pool(&w->r, 1, true);
	assert_int_equal(ring_give(&w->r, 0, w->r.n, in), 0);
	say(w, in, false,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n");
	say(w, in, true,
	    "{\"id\":1,\"result\":[[],\"aabbccdd\",4],\"error\":null}\n");
	say(w, in, false,
	    "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"w\","
	    "\"x\"]}\n");
	say(w, in, true, "{\"id\":2,\"result\":true,\"error\":null}\n");
	say(w, in, true,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":["
	    "1e-12]}\n");
}

static void
assert_named(struct world *w, const char *column, const char *want)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
	    "SELECT text='%s' FROM names WHERE name=(SELECT %s FROM shares"
	    " ORDER BY pos DESC LIMIT 1)",
	    want, column);
	assert_int_equal(got_number(w->dir, sql), 1);
}

/* The notify is long gone, its job is there while a session may use it. */
static void
test_job_outlives_its_message(void **state)
{
	struct world *w = *state;
	struct ingest in;
	char ping[64];

	w->conf.messages = 20;
	begin(w, &in);
	say(w, &in, true, NOTIFY("j1", "true"));
	for (int i = 0; i < 300; i++) {
		snprintf(ping, sizeof(ping),
		    "{\"id\":%d,\"method\":\"x\",\"params\":[]}\n", 10 + i);
		say(w, &in, false, ping);
	}
	assert_int_equal(store_idle(in.store), 0);
	assert_int_equal(
	    got_number(w->dir,
		"SELECT count(*) FROM messages m JOIN names n"
		" ON n.name=m.method WHERE n.text='mining.notify'"),
	    0);
	ingest_close(&in);
	open_ingest(w, &in);
	say(w, &in, false, SUBMIT("j1", "00000001"));
	assert_named(w, "verdict", "valid");
	ingest_close(&in);
	open_ingest(w, &in);
	say(w, &in, false, SUBMIT("j1", "00000001"));
	assert_named(w, "verdict", "duplicate");
	say(w, &in, false, SUBMIT("nope", "00000002"));
	assert_named(w, "verdict", "unknown_job");
	ingest_close(&in);
}

/* A job that no session knows any more, and no row names, goes. */
static void
test_old_rows_go(void **state)
{
	struct world *w = *state;
	struct ingest in;
	char line[600];

	w->conf.messages = 20;
	begin(w, &in);
	for (int i = 0; i < 300; i++) {
		snprintf(line, sizeof(line), NOTIFY("j%d", "true"), i);
		say(w, &in, true, line);
		snprintf(line, sizeof(line), SUBMIT("j%d", "%08x"), i, i);
		say(w, &in, false, line);
	}
	for (int i = 0; i < 10; i++)
		assert_int_equal(store_idle(in.store), 0);
	assert_true(got_number(w->dir, "SELECT count(*) FROM shares") < 60);
	assert_true(got_number(w->dir, "SELECT count(*) FROM jobs") <
	    VERIFY_JOBS_MAX + 40);
	assert_int_equal(
	    got_number(w->dir,
		"SELECT count(*) FROM shares WHERE job NOT IN"
		" (SELECT job FROM jobs) AND pos >= (SELECT floor FROM store)"),
	    0);
	assert_int_equal(got_number(w->dir, "SELECT shares FROM workers"), 300);
	ingest_close(&in);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM verifiers"),
	    1);
}

/* Each of many notifies, as items or in the state, over a restart. */
static void
test_every_job_survives(void **state)
{
	struct world *w = *state;
	struct ingest in;
	char line[600];

	begin(w, &in);
	for (int i = 0; i < 40; i++) {
		snprintf(line, sizeof(line), NOTIFY("j%d", "%s"), i,
		    i == 5 ? "true" : "false");
		say(w, &in, true, line);
		ingest_close(&in);
		open_ingest(w, &in);
	}
	assert_in_range(got_number(w->dir,
			    "SELECT count(*) FROM items WHERE kind=2"),
	    1, 16);
	for (int i = 0; i < 40; i++) {
		snprintf(line, sizeof(line), SUBMIT("j%d", "%08x"), i, i);
		say(w, &in, false, line);
		assert_named(w, "verdict", i < 5 ? "stale" : "valid");
		say(w, &in, true,
		    i < 5 ? "{\"id\":4,\"result\":null,\"error\":[21,\"Job not "
			    "found\",null]}\n" :
			    "{\"id\":4,\"result\":true,\"error\":null}\n");
		assert_named(w, "agreement", "agrees");
	}
	ingest_close(&in);
}

/* The pool's bytes were lost: no share is called anything. */
static void
test_gap_leaves_it_open(void **state)
{
	struct world *w = *state;
	struct ingest in;
	size_t at;

	begin(w, &in);
	say(w, &in, true, NOTIFY("j1", "true"));
	at = w->r.n;
	ring_chunk(&w->r, 1, 1, 1000000, "\n", 1, true);
	assert_int_equal(ring_give(&w->r, at, w->r.n, &in), 0);
	ingest_close(&in);
	open_ingest(w, &in);
	say(w, &in, false, SUBMIT("j2", "00000001"));
	assert_named(w, "verdict", "undecided");
	assert_named(w, "cause", "gap");
	ingest_close(&in);
}

/* The file is damaged while it is in use, and replaced: what the session has
 * learned goes into the new one, also for who comes after. */
static void
test_damaged_store(void **state)
{
	struct world *w = *state;
	char path[CONF_PATH + 32];
	uint8_t junk[4096];
	struct ingest in;
	int fd;

	begin(w, &in);
	say(w, &in, true, NOTIFY("j1", "true"));
	assert_int_equal(store_checkpoint(in.store), 0);
	snprintf(path, sizeof(path), "%s/%s", w->dir, STORE_FILE);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (off_t i = 2; i < 60; i++)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), i * 4096),
		    sizeof(junk));
	close(fd);
	/* Somebody else's change has pages read again. */
	got_number(w->dir, "PRAGMA user_version=77");
	say(w, &in, true, "{\"id\":null,\"method\":\"x\",\"params\":[]}\n");
	assert_int_equal(in.n.recovered, 1);
	say(w, &in, false, SUBMIT("j1", "00000001"));
	assert_named(w, "verdict", "valid");
	say(w, &in, true, "{\"id\":4,\"result\":true,\"error\":null}\n");
	ingest_close(&in);
	open_ingest(w, &in);
	say(w, &in, false, SUBMIT("j1", "00000002"));
	assert_named(w, "verdict", "valid");
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM shares WHERE job NOT NULL"),
	    2);
	/* Its account is whole as well. */
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM sessions"
			     " WHERE extranonce1='aabbccdd' AND worker='w'"),
	    1);
	ingest_close(&in);
}

/* A store from before there were shares: its sessions go on, in doubt. */
static void
test_older_store(void **state)
{
	static const char *const undo[] = { "DROP TABLE shares",
		"DROP TABLE jobs", "DROP TABLE workers", "DROP TABLE verifiers",
		"DELETE FROM items WHERE kind=2", "DROP TABLE settings",
		"DROP TABLE alerts", "DROP TABLE watches",
		"ALTER TABLE sessions DROP COLUMN replay_of",
		"ALTER TABLE sessions DROP COLUMN broadcast",
		"ALTER TABLE sessions DROP COLUMN repeat",
		"ALTER TABLE sessions DROP COLUMN auto_count",
		"ALTER TABLE sessions DROP COLUMN auto_replay",
		"ALTER TABLE sessions DROP COLUMN account",
		"ALTER TABLE sessions DROP COLUMN rates",
		"ALTER TABLE sessions DROP COLUMN workers",
		"ALTER TABLE sessions DROP COLUMN extranonce1",
		"ALTER TABLE sessions DROP COLUMN extranonce2_size",
		"DROP TABLE fanouts", "DROP TABLE kept_shares",
		"DROP TABLE roll_keys", "DROP TABLE minutes",
		"DROP TABLE hours", "ALTER TABLE store DROP COLUMN roll_folded",
		"ALTER TABLE store DROP COLUMN roll_next",
		"ALTER TABLE store DROP COLUMN roll_began",
		"ALTER TABLE store DROP COLUMN roll_minutes",
		"ALTER TABLE store DROP COLUMN roll_hours",
		"PRAGMA user_version=1" };
	struct world *w = *state;
	struct ingest in;

	begin(w, &in);
	say(w, &in, true, NOTIFY("j1", "true"));
	ingest_close(&in);
	for (size_t i = 0; i < sizeof(undo) / sizeof(undo[0]); i++)
		got_number(w->dir, undo[i]);
	assert_int_equal(got_number(w->dir, "PRAGMA user_version"), 1);
	open_ingest(w, &in);
	assert_int_equal(got_number(w->dir, "PRAGMA user_version"),
	    migrate_latest());
	assert_true(got_number(w->dir, "SELECT count(*) FROM messages") > 5);
	say(w, &in, false, SUBMIT("j1", "00000001"));
	assert_named(w, "verdict", "undecided");
	assert_named(w, "cause", "gap");
	ingest_close(&in);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_transcript),
		T(test_transcript_killed),
		T(test_job_outlives_its_message),
		T(test_old_rows_go),
		T(test_every_job_survives),
		T(test_gap_leaves_it_open),
		T(test_damaged_store),
		T(test_older_store),
	};

	log_init("test_capture_share");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
