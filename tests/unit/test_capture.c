/*
 * captured's inside, without sockets: entries in, rows out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/unit/capture_util.h"

struct world {
	char dir[CONF_PATH];
	struct capture_conf conf;
	struct ingest in;
	struct ring r;
	size_t given;
	uint64_t off[2];
	struct got_list got;
};

static const uint8_t epoch_a[16] = { 1, 2, 3 };
static const uint8_t epoch_b[16] = { 9 };

static void
open_store(struct world *w)
{
	char err[256];

	if (ingest_open(&w->in, &w->conf, err, sizeof(err)) == -1)
		fail_msg("ingest_open: %s", err);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	test_dir(w->dir, sizeof(w->dir));
	test_conf(&w->conf, w->dir);
	ring_init(&w->r);
	open_store(w);
	ingest_hello(&w->in, epoch_a, TEST_OFFSET);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	if (w->in.store != NULL)
		ingest_close(&w->in);
	got_free(&w->got);
	ring_free(&w->r);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

/* What is in the ring and was not given yet. */
static void
give(struct world *w)
{
	assert_int_equal(ring_give(&w->r, w->given, w->r.n, &w->in), 0);
	w->given = w->r.n;
}

static void
restart(struct world *w)
{
	ingest_close(&w->in);
	open_store(w);
	assert_int_equal(ingest_hello(&w->in, epoch_a, TEST_OFFSET), w->r.seq);
}

static void
say(struct world *w, unsigned dir, const char *text, size_t n, bool forwarded)
{
	ring_chunk(&w->r, 7, dir, w->off[dir], text, n, forwarded);
	w->off[dir] += n;
	give(w);
}

static void
line(struct world *w, unsigned dir, const char *text)
{
	say(w, dir, text, strlen(text), true);
}

static void
begin(struct world *w)
{
	ring_open(&w->r, 7, true);
	ring_pool(&w->r, 7, true);
	give(w);
}

static void
load(struct world *w)
{
	assert_int_equal(ingest_commit(&w->in), 0);
	got_free(&w->got);
	assert_int_equal(got_load(w->dir, &w->got), 0);
}

#define SUBMIT "{\"id\":4,\"method\":\"mining.submit\",\"params\":[]}\n"
#define YES    "{\"id\":4,\"result\":true,\"error\":null}\n"

static void
test_fields(void **state)
{
	struct world *w = *state;
	const struct got *g;

	begin(w);
	line(w, 0,
	    "{\"id\":1,\"method\":\"mining.subscribe\","
	    "\"params\":[\"cg/4\",\"s1\"]}\r\n");
	line(w, 1, "{\"id\":1,\"result\":[],\"error\":null}\n");
	line(w, 1,
	    "\n{\"id\":null,\"method\":\"mining.set_difficulty\","
	    "\"params\":[0.5]}\n");
	line(w, 1,
	    "{\"id\":\"1\",\"result\":false,\"error\":[20,\"x\",null]}\n");
	line(w, 0, "nonsense\n");
	load(w);
	assert_int_equal(w->got.n, 5);
	g = w->got.m;
	assert_int_equal(g[0].flags, MF_REQUEST | MF_JSON | MF_CRLF);
	assert_int_equal(g[0].size, g[0].len + 2);
	assert_string_equal(g[0].method, "mining.subscribe");
	assert_string_equal(g[0].id, "1");
	assert_int_equal(g[0].ts, 1001000000);
	assert_int_equal(g[0].fwd, 1001001000);
	assert_int_equal(g[0].pair, g[1].pos);
	assert_int_equal(g[1].pair, g[0].pos);
	assert_int_equal(g[1].latency, 1000000);
	assert_string_equal(g[1].method, "mining.subscribe");
	assert_int_equal(g[2].flags, MF_NOTIFICATION | MF_JSON);
	/* "1" is not 1. */
	assert_int_equal(g[3].pair, 0);
	assert_int_equal(g[3].flags, MF_RESPONSE | MF_ERROR | MF_JSON);
	assert_string_equal(g[3].id, "\"1\"");
	assert_int_equal(g[4].flags & MF_PARSE_ERROR, MF_PARSE_ERROR);
	assert_string_equal((char *)g[4].raw, "nonsense");
	assert_true(g[4].error[0] != '\0');
	assert_int_equal(
	    got_number(w->dir,
		"SELECT count(*) FROM sessions WHERE live = 1 AND"
		" user_agent = 'cg/4' AND mining_session = 's1' AND"
		" difficulty = 0.5 AND parse_errors = 1 AND"
		" messages = 5 AND pool_host = 'pool.example'"),
	    1);
}

static void
test_reused_ids(void **state)
{
	struct world *w = *state;
	const struct got *g;

	begin(w);
	for (int i = 0; i < 3; i++)
		line(w, 0, SUBMIT);
	line(w, 1, YES);
	restart(w);
	line(w, 1, YES);
	line(w, 0, SUBMIT);
	line(w, 1, YES);
	restart(w);
	line(w, 1, YES);
	line(w, 1, YES); /* to nothing */
	load(w);
	assert_int_equal(w->got.n, 9);
	g = w->got.m;
	assert_int_equal(g[3].pair, g[0].pos);
	assert_int_equal(g[4].pair, g[1].pos);
	assert_int_equal(g[6].pair, g[2].pos);
	assert_int_equal(g[7].pair, g[5].pos);
	assert_int_equal(g[8].pair, 0);
	assert_int_equal(g[1].pair, g[4].pos);
	assert_int_equal(g[4].latency, g[4].ts - g[1].ts);
	assert_string_equal(g[7].method, "mining.submit");
	assert_string_equal(g[8].method, "");
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM items"), 0);
}

/* Odd ids and methods survive a restart; another type is another id. */
static void
test_odd_ids(void **state)
{
	static const char long_id[] =
	    "\"0123456789012345678901234567890123456789012345678901234567890"
	    "123456789012345678901234567890123456789\"";
	static const char *const ids[] = { "\"4\"", "4", "1.5", long_id,
		"\"a long enough id for two\"" };
	struct world *w = *state;
	char buf[512];
	size_t i, n = sizeof(ids) / sizeof(ids[0]);

	begin(w);
	for (i = 0; i < n; i++) {
		snprintf(buf, sizeof(buf),
		    "{\"id\":%s,\"method\":\"odd.method.%zu\"}\n", ids[i], i);
		line(w, 0, buf);
	}
	restart(w);
	for (i = n; i-- > 0;) {
		snprintf(buf, sizeof(buf), "{\"id\":%s,\"result\":1}\n",
		    ids[i]);
		line(w, 1, buf);
	}
	load(w);
	assert_int_equal(w->got.n, 2 * n);
	for (i = 0; i < n; i++) {
		assert_int_equal(w->got.m[i].pair, w->got.m[2 * n - 1 - i].pos);
		assert_string_equal(w->got.m[2 * n - 1 - i].method,
		    w->got.m[i].method);
		assert_string_equal(w->got.m[i].id,
		    ids[i] == long_id ? "" : ids[i]);
	}
}

static void
test_unanswered_bound(void **state)
{
	struct world *w = *state;

	begin(w);
	for (int i = 0; i < PAIR_MAX + 10; i++)
		line(w, 0, SUBMIT);
	line(w, 1, YES);
	load(w);
	assert_int_equal(w->got.m[PAIR_MAX + 10].pair, w->got.m[10].pos);
	assert_int_equal(w->in.n.pair_dropped, 10);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM items"),
	    PAIR_MAX - 1);
}

static void
test_forwarded_later(void **state)
{
	struct world *w = *state;
	int64_t t[3];

	begin(w);
	for (int i = 0; i < 4; i++)
		say(w, 0, SUBMIT, strlen(SUBMIT), false);
	/* Half of the second: only the first is through. */
	ring_fwd(&w->r, 7, 0, strlen(SUBMIT) + 5);
	t[0] = (int64_t)w->r.now;
	give(w);
	assert_int_equal(ingest_commit(&w->in), 0);
	ring_fwd(&w->r, 7, 0, strlen(SUBMIT) * 2);
	t[1] = (int64_t)w->r.now;
	give(w);
	restart(w);
	ring_fwd(&w->r, 7, 0, strlen(SUBMIT) * 3);
	t[2] = (int64_t)w->r.now;
	give(w);
	/* The last never gets there. */
	ring_closed(&w->r, 7, w->off,
	    (const uint64_t[2]){ strlen(SUBMIT) * 3, 0 }, true);
	give(w);
	load(w);
	assert_int_equal(w->got.n, 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(w->got.m[i].fwd, t[i]);
		assert_int_equal(w->got.m[i].flags & MF_UNDELIVERED, 0);
	}
	assert_int_equal(w->got.m[3].fwd, 0);
	assert_int_equal(w->got.m[3].flags & MF_UNDELIVERED, MF_UNDELIVERED);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM items"), 0);
}

static void
test_gap(void **state)
{
	struct world *w = *state;

	begin(w);
	line(w, 0, SUBMIT "{\"id\":5,\"met");
	w->off[0] += 1000;
	line(w, 0, "rest of some line\n" SUBMIT SUBMIT);
	line(w, 1, YES);
	load(w);
	assert_int_equal(w->got.n, 4);
	assert_int_equal(w->got.m[0].flags & MF_AFTER_GAP, 0);
	assert_int_equal(w->got.m[1].flags & MF_AFTER_GAP, MF_AFTER_GAP);
	assert_int_equal(w->got.m[2].flags & MF_AFTER_GAP, 0);
	/* What was asked before the gap may have been answered in it. */
	assert_int_equal(w->got.m[3].pair, w->got.m[1].pos);
	assert_int_equal(got_number(w->dir, "SELECT gaps FROM sessions"), 1);
	assert_int_equal(got_number(w->dir, "SELECT gap_bytes FROM sessions"),
	    1000);
}

static void
test_gap_over_restart(void **state)
{
	struct world *w = *state;

	begin(w);
	line(w, 0, SUBMIT "{\"id\":5,\"met");
	restart(w);
	w->off[0] += 10;
	line(w, 0, "torn\n" SUBMIT);
	load(w);
	assert_int_equal(w->got.n, 2);
	assert_int_equal(w->got.m[1].flags & MF_AFTER_GAP, MF_AFTER_GAP);
}

static void
test_told_twice(void **state)
{
	struct world *w = *state;
	size_t half = strlen(SUBMIT) / 2;

	begin(w);
	line(w, 0, SUBMIT);
	/* The same bytes again, and some that overlap. */
	w->off[0] = 0;
	line(w, 0, SUBMIT);
	w->off[0] = half;
	line(w, 0, &(SUBMIT SUBMIT)[half]);
	ring_open(&w->r, 7, false);
	ring_pool(&w->r, 7, false);
	give(w);
	load(w);
	assert_int_equal(w->got.n, 2);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM sessions"),
	    1);
}

/* relayd does not know yet that the end is on the disk, and tells again. */
static void
test_told_after_end(void **state)
{
	struct world *w = *state;

	begin(w);
	line(w, 0, SUBMIT);
	ring_closed(&w->r, 7, w->off, w->off, true);
	give(w);
	for (int i = 0; i < 2; i++) {
		ring_open(&w->r, 7, false);
		ring_pool(&w->r, 7, false);
		ring_closed(&w->r, 7, w->off, w->off, false);
		give(w);
		restart(w);
	}
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM sessions"),
	    1);
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM sessions WHERE live = 0 AND"
			     " close_reason = 'miner_closed'"),
	    1);
}

static void
test_new_epoch(void **state)
{
	struct world *w = *state;

	begin(w);
	line(w, 0, SUBMIT "half a li");
	assert_int_equal(ingest_hello(&w->in, epoch_b, TEST_OFFSET), 0);
	/* Its numbers begin anew. */
	w->off[0] = 0;
	w->r.seq = 0;
	begin(w);
	line(w, 0, SUBMIT);
	load(w);
	assert_int_equal(w->got.n, 3);
	assert_int_equal(w->got.m[1].flags & MF_NO_NEWLINE, MF_NO_NEWLINE);
	assert_string_equal((char *)w->got.m[1].raw, "half a li");
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM sessions WHERE live = 0 AND"
			     " close_reason = 'relay_ended' AND messages = 2"),
	    1);
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM sessions WHERE live = 1"),
	    1);
}

static void
test_end_of_stream(void **state)
{
	struct world *w = *state;

	begin(w);
	/* Told ahead of the bytes, as after a reconnect. */
	ring_half(&w->r, 7, 0, 12, false);
	give(w);
	line(w, 0, "{\"id\":1,");
	line(w, 0, "\"m\"}");
	line(w, 1, "no end");
	ring_closed(&w->r, 7, w->off, w->off, true);
	give(w);
	load(w);
	assert_int_equal(w->got.n, 2);
	assert_string_equal((char *)w->got.m[0].raw, "{\"id\":1,\"m\"}");
	assert_int_equal(w->got.m[0].flags & MF_NO_NEWLINE, MF_NO_NEWLINE);
	assert_string_equal((char *)w->got.m[1].raw, "no end");
}

static void
test_long_line(void **state)
{
	struct world *w = *state;
	char *s = malloc(TAP_CHUNK_MAX);
	uint64_t total = 0;

	begin(w);
	memset(s, 'x', TAP_CHUNK_MAX);
	for (int i = 0; i < 6; i++) {
		say(w, 0, s, TAP_CHUNK_MAX, true);
		total += TAP_CHUNK_MAX;
		if (i & 1)
			restart(w);
	}
	line(w, 0, "\n" SUBMIT);
	free(s);
	load(w);
	assert_int_equal(w->got.n, 2);
	assert_int_equal(w->got.m[0].size, total + 1);
	assert_int_equal(w->got.m[0].len, LINE_KEEP);
	assert_int_equal(w->got.m[0].flags & MF_TRUNCATED, MF_TRUNCATED);
	assert_string_equal(w->got.m[1].method, "mining.submit");
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM partials"),
	    0);
}

/* --- passwords --- */

static bool
file_has(const char *path, const char *needle)
{
	static char buf[1 << 22];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, buf, sizeof(buf));

	if (fd != -1)
		close(fd);
	return n > 0 && memmem(buf, (size_t)n, needle, strlen(needle)) != NULL;
}

static bool
disk_has(const struct world *w, const char *needle)
{
	char path[CONF_PATH + 300];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir(w->dir);

	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, e->d_name);
		found |= file_has(path, needle);
	}
	closedir(d);
	return found;
}

static void
authorize(struct world *w)
{
	begin(w);
	line(w, 0,
	    "{\"id\":2,\"method\":\"mining.authorize\","
	    "\"params\":[\"worker\",\"tops");
	assert_int_equal(ingest_commit(&w->in), 0);
	line(w, 0, "ecre");
	restart(w);
	line(w, 0, "t\"]}\n");
	load(w);
	assert_int_equal(w->got.n, 1);
}

static void
test_redacted(void **state)
{
	struct world *w = *state;

	w->conf.redact = true;
	ingest_conf(&w->in, &w->conf);
	authorize(w);
	assert_int_equal(w->got.m[0].flags & MF_REDACTED, MF_REDACTED);
	assert_string_equal((char *)w->got.m[0].raw,
	    "{\"id\":2,\"method\":\"mining.authorize\","
	    "\"params\":[\"worker\",\"*********\"]}");
	assert_true(disk_has(w, "mining.authorize"));
	assert_false(disk_has(w, "tops"));
	assert_int_equal(got_number(w->dir,
			     "SELECT count(*) FROM sessions WHERE"
			     " worker = 'worker'"),
	    1);
}

static void
test_not_redacted(void **state)
{
	struct world *w = *state;

	authorize(w);
	assert_int_equal(w->got.m[0].flags & MF_REDACTED, 0);
	assert_non_null(strstr((char *)w->got.m[0].raw, "topsecret"));
}

/* --- what is not Stratum --- */

static void
test_foreign(void **state)
{
	static const char tls[] = "\x16\x03\x01\x00\x05\x01\nrest of it";
	struct world *w = *state;

	begin(w);
	say(w, 0, tls, 2, true);
	restart(w);
	say(w, 0, tls + 2, sizeof(tls) - 3, true);
	ring_closed(&w->r, 7, w->off, w->off, true);
	give(w);
	load(w);
	assert_int_equal(w->got.n, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(w->got.m[i].protocol, "tls");
		assert_int_equal(w->got.m[i].flags & MF_FOREIGN, MF_FOREIGN);
	}
	assert_memory_equal(w->got.m[0].raw, tls, 6);
}

/* --- nonsense from relayd --- */

static void
test_hostile(void **state)
{
	struct world *w = *state;
	uint8_t junk[512];
	unsigned seed = 1;

	begin(w);
	line(w, 0, SUBMIT);
	ring_chunk(&w->r, 99, 0, 0, "x\n", 2, true); /* never opened */
	give(w);
	assert_int_equal(w->in.n.unknown, 1);
	for (int i = 0; i < 2000; i++) {
		for (size_t k = 0; k < sizeof(junk); k++)
			junk[k] = (uint8_t)(rand_r(&seed) >> 8);
		/* Half of them with a head that is nearly right. */
		if (i & 1) {
			memset(junk, 0, sizeof(struct tap_head));
			junk[0] = (uint8_t)(rand_r(&seed) & 127);
			junk[4] = (uint8_t)(rand_r(&seed) % 10);
			junk[5] = (uint8_t)(rand_r(&seed) % 3);
			junk[16] = 7;
			junk[24] = (uint8_t)(rand_r(&seed) & 127);
		}
		ingest_batch(&w->in, junk, sizeof(junk));
	}
	assert_true(w->in.n.malformed > 0);
	assert_int_equal(ingest_commit(&w->in), 0);
}

/* --- when the store cannot be written --- */

static void
test_no_space(void **state)
{
	struct world *w = *state;
	uint64_t seq;

	begin(w);
	line(w, 0, SUBMIT "{\"half");
	w->conf.reserve_bytes = UINT64_MAX / 2;
	ingest_conf(&w->in, &w->conf);
	line(w, 0, SUBMIT);
	seq = w->r.seq;
	assert_int_equal(w->in.phase, INGEST_PAUSED);
	assert_int_equal(ingest_acked(&w->in), seq);
	assert_int_equal(w->in.n.dropped_bytes, strlen(SUBMIT));
	w->conf.reserve_bytes = 0;
	ingest_conf(&w->in, &w->conf);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(w->in.phase, INGEST_OK);
	line(w, 0, "rest\n" SUBMIT);
	load(w);
	assert_int_equal(w->got.n, 2);
	assert_int_equal(w->got.m[1].flags & MF_AFTER_GAP, MF_AFTER_GAP);
	assert_int_equal(got_number(w->dir, "SELECT gap_bytes FROM sessions"),
	    strlen(SUBMIT));
}

static sqlite3 *
lock_store(const struct world *w)
{
	char path[CONF_PATH + 32];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", w->dir, STORE_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
	return db;
}

static void
test_retry(void **state)
{
	struct world *w = *state;
	sqlite3 *db;

	begin(w);
	line(w, 0, SUBMIT "{\"half");
	db = lock_store(w);
	assert_int_equal(ingest_commit(&w->in), -1);
	assert_int_equal(w->in.phase, INGEST_RETRY);
	assert_false(ingest_ready(&w->in));
	assert_int_equal(ingest_acked(&w->in), 0);
	sqlite3_close(db);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(w->in.phase, INGEST_OK);
	line(w, 0, "\n" SUBMIT);
	load(w);
	assert_int_equal(w->got.n, 3);
	assert_int_equal(w->got.m[2].flags & MF_AFTER_GAP, 0);
}

/* It does not pass: given up, counted, and then it passes after all. */
static void
test_give_up(void **state)
{
	struct world *w = *state;
	sqlite3 *db;

	begin(w);
	line(w, 0, SUBMIT);
	line(w, 0, SUBMIT);
	db = lock_store(w);
	assert_int_equal(ingest_commit(&w->in), -1);
	w->in.failing_ns -= UINT64_C(4000000000);
	assert_int_equal(ingest_commit(&w->in), -1);
	assert_int_equal(w->in.phase, INGEST_PAUSED);
	assert_int_equal(w->in.n.dropped, 2);
	sqlite3_close(db);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(w->in.phase, INGEST_OK);
	line(w, 0, SUBMIT);
	line(w, 1, YES);
	load(w);
	assert_int_equal(w->got.n, 2);
	assert_int_equal(w->got.m[0].flags & MF_AFTER_GAP, MF_AFTER_GAP);
	assert_int_equal(w->got.m[1].pair, w->got.m[0].pos);
	assert_int_equal(got_number(w->dir, "SELECT gaps FROM sessions"), 1);
	assert_int_equal(got_number(w->dir, "SELECT gap_bytes FROM sessions"),
	    2 * strlen(SUBMIT));
}

static void
spoil(const struct world *w)
{
	char path[CONF_PATH + 32];
	uint8_t junk[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, STORE_FILE);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (off_t i = 1; i < 40; i++)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), i * 4096),
		    sizeof(junk));
	close(fd);
}

static void
test_corrupt(void **state)
{
	struct world *w = *state;
	uint64_t last;

	begin(w);
	line(w, 0, SUBMIT "{\"id\":5,");
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(store_checkpoint(w->in.store), 0);
	last = w->in.last_pos;
	ingest_close(&w->in);
	spoil(w);
	open_store(w);
	/* It was moved aside, and the sessions with it. */
	assert_int_equal(ingest_hello(&w->in, epoch_a, TEST_OFFSET), 0);
	ring_open(&w->r, 7, false);
	ring_pool(&w->r, 7, false);
	give(w);
	line(w, 0, "\"x\":1}\n" SUBMIT);
	load(w);
	assert_int_equal(w->got.n, 1);
	assert_int_equal(w->got.m[0].flags & MF_AFTER_GAP, MF_AFTER_GAP);
	assert_true(last > 0);
	assert_int_equal(got_number(w->dir, "SELECT gaps FROM sessions"), 1);
}

/* --- viewers --- */

static void
see(void *arg, const struct message_rec *r)
{
	struct got_list *l = arg;

	assert_true(r->raw_len > 0);
	l->m[l->n].pos = r->pos;
	l->m[l->n].pair = r->pair;
	l->m[l->n].ts = r->ts_recv_us;
	snprintf(l->m[l->n].method, sizeof(l->m[0].method), "%.24s %.40s",
	    r->method, r->peer);
	l->n++;
}

static void
test_viewers(void **state)
{
	struct world *w = *state;
	struct got seen[4] = { 0 };
	struct got_list l = { seen, 0 };

	w->in.on_message = see;
	w->in.arg = &l;
	begin(w);
	line(w, 0, SUBMIT);
	line(w, 1, YES);
	assert_int_equal(l.n, 2);
	assert_string_equal(seen[0].method, "mining.submit 192.0.2.7:5000");
	assert_string_equal(seen[1].method, "mining.submit 198.51.100.1:3333");
	assert_int_equal(seen[1].pair, seen[0].pos);
	assert_int_equal(seen[0].ts, (TEST_OFFSET + 1001000000) / 1000);
	load(w);
	assert_int_equal(w->got.m[1].pos, seen[1].pos);
}

static void
quiet(void *arg, enum log_level level, const uint8_t *session, const char *text)
{
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fields),
		T(test_reused_ids),
		T(test_odd_ids),
		T(test_unanswered_bound),
		T(test_forwarded_later),
		T(test_gap),
		T(test_gap_over_restart),
		T(test_told_twice),
		T(test_told_after_end),
		T(test_new_epoch),
		T(test_end_of_stream),
		T(test_long_line),
		T(test_redacted),
		T(test_not_redacted),
		T(test_foreign),
		T(test_hostile),
		T(test_no_space),
		T(test_retry),
		T(test_give_up),
		T(test_corrupt),
		T(test_viewers),
	};

	log_init("test_capture");
	log_set_sink(quiet, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
