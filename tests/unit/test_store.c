/*
 * The writer's side of the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "captured/migrate.h"
#include "common/sandbox.h"
#include "tests/unit/storelib.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fixture_init(f);
	fixture_open(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	fixture_done(*state);
	free(*state);
	return 0;
}

/* --- the file --- */

static void
test_new_file(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { STORE_FILE, STORE_FILE "-wal",
		STORE_FILE "-shm" };
	uint8_t id[16], zero[16] = { 0 };
	struct stat sb;
	size_t i;

	assert_string_equal(f->moved, "");
	for (i = 0; i < LEN(files); i++) {
		assert_int_equal(stat(fixture_path(f, files[i]), &sb), 0);
		assert_int_equal(sb.st_mode & 07777, 0640);
	}
	memcpy(id, store_id(f->st), 16);
	assert_memory_not_equal(id, zero, 16);
	assert_int_equal(ask(f, "PRAGMA user_version"), migrate_latest());
	assert_int_equal(ask(f, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(store_committed(f->st), 0);
	fixture_close(f);
	/* Both stay, for readers that may not make them. */
	assert_int_equal(access(fixture_path(f, STORE_FILE "-shm"), F_OK), 0);
	fixture_open(f);
	assert_memory_equal(store_id(f->st), id, 16);
}

/* A file of version n becomes one of the newest, with what was in it. */
static void
test_migrations(void **state)
{
	sqlite3 *a, *b;
	int foreign = 1;

	assert_int_equal(sqlite3_open(":memory:", &a), SQLITE_OK);
	assert_int_equal(migrate(a, &foreign), 0);
	assert_int_equal(foreign, 0);
	assert_int_equal(migrate(a, &foreign), 0); /* again: nothing to do */
	assert_int_equal(sqlite3_exec(a, "PRAGMA user_version=9999", NULL, NULL,
			     NULL),
	    SQLITE_OK);
	assert_int_equal(migrate(a, &foreign), -1);
	assert_int_equal(foreign, 1);
	sqlite3_close(a);

	assert_int_equal(sqlite3_open(":memory:", &b), SQLITE_OK);
	assert_int_equal(sqlite3_exec(b, "CREATE TABLE theirs(x)", NULL, NULL,
			     NULL),
	    SQLITE_OK);
	assert_int_equal(migrate(b, &foreign), -1);
	assert_int_equal(foreign, 1);
	sqlite3_close(b);
}

static void
scribble(const struct fixture *f, off_t at, size_t len)
{
	int fd = open(fixture_path(f, STORE_FILE), O_WRONLY);
	char junk[4096];

	memset(junk, 'Z', sizeof(junk));
	assert_true(fd >= 0 && len <= sizeof(junk));
	assert_int_equal(pwrite(fd, junk, len, at), (ssize_t)len);
	close(fd);
}

static void
test_corrupt_at_open(void **state)
{
	struct fixture *f = *state;
	static const off_t where[] = { 0, 4096, 100 };
	uint8_t id[16];
	struct stat sb;
	size_t i;

	for (i = 0; i < LEN(where); i++) {
		memcpy(id, store_id(f->st), 16);
		add_msg(f->st, 1, "x");
		commit(f->st);
		assert_int_equal(store_checkpoint(f->st), 0);
		fixture_close(f);
		scribble(f, where[i], 2048);
		fixture_open(f);
		assert_non_null(strstr(f->moved, "store.db.corrupt-"));
		assert_int_equal(stat(f->moved, &sb), 0);
		assert_memory_not_equal(store_id(f->st), id, 16);
		assert_int_equal(store_committed(f->st), 0);
	}
}

static void
touch_from_outside(const struct fixture *f)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture_path(f, STORE_FILE), &db),
	    SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE store SET seq=seq+1", NULL,
			     NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}

/* While it is open: the caller is told, and goes on with a new file. */
static void
test_corrupt_at_work(void **state)
{
	struct fixture *f = *state;
	uint64_t before, pos;
	struct store_session s;
	struct stat sb;
	int i, r = 0;

	make_session(&s, f->st);
	write_session(f->st, &s);
	for (i = 0; i < 4000; i++)
		add_msg(f->st, s.sid, "a message of some bytes, many of them");
	commit(f->st);
	assert_int_equal(store_checkpoint(f->st), 0);
	fixture_close(f);
	/* What was looked at on opening lies in the cache; a change from
	 * outside empties that. */
	fixture_open(f);
	assert_int_equal(stat(fixture_path(f, STORE_FILE), &sb), 0);
	before = store_next_pos(f->st);
	touch_from_outside(f);
	for (i = 5; i < sb.st_size / 4096; i++)
		scribble(f, (off_t)i * 4096, 4096);
	for (i = 0; i < 50 && r == 0; i++) {
		struct store_msg m;

		make_msg(&m, f->st, s.sid, "y");
		assert_int_equal(store_add(f->st, &m), 0);
		assert_int_equal(store_answered(f->st, (uint64_t)i * 80 + 1,
				     m.pos, 1),
		    0);
		r = store_begin(f->st);
		if (r == 0)
			r = store_commit(f->st, NULL);
	}
	assert_int_equal(r, -1);
	assert_int_equal(store_errno(f->st), STORE_CORRUPT);
	assert_int_equal(store_recover(f->st, f->moved, sizeof(f->moved)), 0);
	assert_int_equal(stat(f->moved, &sb), 0);
	pos = add_msg(f->st, s.sid, "z");
	assert_true(pos > before);
	write_session(f->st, &s);
	assert_int_equal(store_committed(f->st), pos);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 1);
}

/* Nothing can be made anew: it says so, and works when that has passed. */
static void
test_recover_fails(void **state)
{
	struct fixture *f = *state;
	char away[CONF_PATH + 8];

	add_msg(f->st, 1, "x");
	commit(f->st);
	snprintf(away, sizeof(away), "%s.away", f->conf.dir);
	assert_int_equal(rename(f->conf.dir, away), 0);
	assert_int_equal(store_recover(f->st, f->moved, sizeof(f->moved)), -1);
	assert_int_equal(store_begin(f->st), -1);
	assert_int_equal(store_errno(f->st), STORE_CORRUPT);
	assert_int_equal(store_idle(f->st), 0);
	assert_int_equal(store_checkpoint(f->st), -1);
	assert_int_equal(store_recover(f->st, f->moved, sizeof(f->moved)), -1);
	assert_int_equal(rename(away, f->conf.dir), 0);
	assert_int_equal(store_recover(f->st, f->moved, sizeof(f->moved)), 0);
	/* There was nothing wrong with it: nothing was moved. */
	assert_string_equal(f->moved, "");
	add_msg(f->st, 1, "y");
	commit(f->st);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 2);
}

/* --- positions --- */

static void
test_positions(void **state)
{
	struct fixture *f = *state;
	uint64_t a, b, n;

	a = store_next_pos(f->st);
	assert_int_equal(a, 1);
	/* Across the end of a reserved range they go on. */
	for (n = 0; n < (1u << 20); n++)
		b = store_next_pos(f->st);
	assert_int_equal(b, a + (1u << 20));
	fixture_close(f);
	fixture_open(f);
	a = store_next_pos(f->st);
	assert_true(a > b);
}

/* A child commits 300 times and is killed in the middle of it. */
static void
child_writes(const struct fixture *f, int out)
{
	struct fixture own = *f;
	struct store_session s;
	struct store_mark mark;
	uint64_t told[2];
	char part[8];

	fixture_open(&own);
	make_session(&s, own.st);
	for (;;) {
		told[0] = add_msg(own.st, s.sid, "one");
		mark = *store_mark(own.st);
		mark.epoch[0] = 7;
		mark.seq++;
		if (store_begin(own.st) == -1)
			_exit(3);
		s.rec.messages++;
		if (store_session(own.st, &s, mark.seq == 1) == -1)
			_exit(4);
		snprintf(part, sizeof(part), "%c", 'a' + (int)(mark.seq % 26));
		if (store_partial(own.st, s.sid, 0, mark.seq % 100 == 0, part,
			1) == -1 ||
		    store_commit(own.st, &mark) == -1)
			_exit(5);
		told[1] = mark.seq;
		if (write(out, told, sizeof(told)) != sizeof(told))
			_exit(6);
	}
}

struct after_kill {
	uint64_t sessions;
	uint64_t messages;
	uint32_t partial;
};

static int
see_session(void *arg, const struct store_session *s)
{
	struct after_kill *a = arg;

	a->sessions++;
	a->messages = s->rec.messages;
	a->partial = s->partial_len[0];
	return 0;
}

/*
 * What was committed is there; watermark, rows, session and unfinished line
 * are of one moment; and the next position was never given out before.
 */
static void
check_after_kill(struct fixture *f, uint64_t rows_before,
    const uint64_t told[2])
{
	struct after_kill a = { 0 };
	uint64_t seq, rows;
	struct store_session s;

	fixture_open(f);
	assert_string_equal(f->moved, "");
	seq = store_mark(f->st)->seq;
	assert_true(seq >= told[1]);
	assert_int_equal(store_mark(f->st)->epoch[0], 7);
	rows = (uint64_t)ask(f, "SELECT count(*) FROM messages");
	assert_int_equal(stat_of(f->st, "store_rows"), rows);
	assert_true(rows > rows_before);
	assert_int_equal(store_load_sessions(f->st, see_session, &a), 0);
	assert_int_equal(a.sessions, 1);
	assert_int_equal(a.messages, rows - rows_before);
	/* Appended since it was last made fresh, and one that made it so. */
	assert_int_equal(a.partial,
	    seq < 100 ? rows - rows_before : seq % 100 + 1);
	assert_true(store_next_pos(f->st) > store_committed(f->st) + 1000);
	/* For the next round. */
	memset(&s, 0, sizeof(s));
	s.sid = (uint64_t)ask(f, "SELECT max(sid) FROM sessions");
	end_session(f->st, &s);
	fixture_close(f);
}

static void
test_kill(void **state)
{
	struct fixture *f = *state;
	uint64_t told[2], rows = 0;
	int fds[2], i, n;
	pid_t pid;

	fixture_close(f);
	for (i = 0; i < 5; i++) {
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			child_writes(f, fds[1]);
		}
		close(fds[1]);
		for (n = 0; n < 120 + i * 37; n++)
			assert_int_equal(read(fds[0], told, sizeof(told)),
			    sizeof(told));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], told, sizeof(told)) == sizeof(told))
			;
		close(fds[0]);
		check_after_kill(f, rows, told);
		rows = (uint64_t)ask(f, "SELECT count(*) FROM messages");
	}
}

/* --- the transaction --- */

static void
test_rollback_keeps_batch(void **state)
{
	struct fixture *f = *state;
	struct store_mark mark = { { 1 }, 5 };
	struct store_session s;
	uint64_t pos;

	make_session(&s, f->st);
	pos = add_msg(f->st, s.sid, "once");
	assert_int_equal(store_begin(f->st), 0);
	assert_int_equal(store_session(f->st, &s, true), 0);
	store_rollback(f->st);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 0);
	assert_int_equal(store_batch_rows(f->st), 1);
	assert_int_equal(store_mark(f->st)->seq, 0);
	assert_int_equal(stat_of(f->st, "store_rows"), 0);

	assert_int_equal(store_begin(f->st), 0);
	assert_int_equal(store_session(f->st, &s, true), 0);
	assert_int_equal(store_commit(f->st, &mark), 0);
	assert_int_equal(store_batch_rows(f->st), 0);
	assert_int_equal(store_mark(f->st)->seq, 5);
	assert_int_equal(store_committed(f->st), pos);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 1);
	assert_int_equal(ask(f,
			     "SELECT count(*) FROM messages JOIN names ON"
			     " method=name WHERE text='mining.submit'"),
	    1);
}

static int
count_item(void *arg, uint64_t sid, enum store_item kind, uint64_t pos,
    const void *data, size_t len)
{
	uint64_t *n = arg;

	n[0]++;
	n[1] = pos;
	n[2] = kind;
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	return 0;
}

static void
items(struct store *st, uint64_t n[3])
{
	n[0] = n[1] = n[2] = 0;
	assert_int_equal(store_load_items(st, count_item, n), 0);
}

static void
test_answers_and_items(void **state)
{
	struct fixture *f = *state;
	struct store_session s;
	uint64_t a, b, c, n[3];

	make_session(&s, f->st);
	write_session(f->st, &s);
	/* Within a batch: one INSERT, no item. */
	a = add_msg(f->st, s.sid, "request");
	store_item_put(f->st, s.sid, ITEM_UNANSWERED, a, "abc", 3);
	b = add_msg(f->st, s.sid, "answer");
	store_answered(f->st, a, b, 777000);
	store_item_del(f->st, s.sid, ITEM_UNANSWERED, a);
	c = add_msg(f->st, s.sid, "request");
	store_item_put(f->st, s.sid, ITEM_UNANSWERED, c, "abc", 3);
	commit(f->st);
	items(f->st, n);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], c);
	assert_int_equal(n[2], ITEM_UNANSWERED);
	assert_int_equal(ask(f, "SELECT pair FROM messages WHERE pos=1"), b);
	assert_int_equal(ask(f, "SELECT latency FROM messages WHERE pos=1"),
	    777000);

	/* Across batches: the older row is changed. */
	b = add_msg(f->st, s.sid, "answer");
	store_answered(f->st, c, b, 5);
	store_item_del(f->st, s.sid, ITEM_UNANSWERED, c);
	store_forwarded(f->st, a, 1);
	store_flag(f->st, a, MF_UNDELIVERED);
	commit(f->st);
	items(f->st, n);
	assert_int_equal(n[0], 0);
	assert_int_equal(ask(f, "SELECT pair FROM messages WHERE pos=3"), b);
	assert_int_equal(ask(f, "SELECT ts+fwd FROM messages WHERE pos=1"), 1);
	assert_int_equal(ask(f, "SELECT flags FROM messages WHERE pos=1"),
	    MF_REQUEST | MF_JSON | MF_UNDELIVERED);

	/* The end of a session takes them along. */
	store_item_put(f->st, s.sid, ITEM_UNSENT, c, "abc", 3);
	commit(f->st);
	items(f->st, n);
	assert_int_equal(n[0], 1);
	end_session(f->st, &s);
	items(f->st, n);
	assert_int_equal(n[0], 0);
}

static void
test_drop(void **state)
{
	struct fixture *f = *state;
	uint64_t a, b, n[3];

	a = add_msg(f->st, 1, "stored");
	store_item_put(f->st, 1, ITEM_UNANSWERED, a, "abc", 3);
	commit(f->st);
	b = add_msg(f->st, 1, "dropped");
	store_item_put(f->st, 1, ITEM_UNSENT, b, "abc", 3);
	store_answered(f->st, a, b, 1);
	store_item_del(f->st, 1, ITEM_UNANSWERED, a);
	store_flag(f->st, a, MF_UNDELIVERED);
	assert_int_equal(store_drop(f->st), 1);
	commit(f->st);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 1);
	/* No answer that is not there, but what is true of the stored one. */
	assert_int_equal(ask(f, "SELECT pair IS NULL FROM messages"), 1);
	assert_int_equal(ask(f, "SELECT (flags & 16384) != 0 FROM messages"),
	    1);
	items(f->st, n);
	assert_int_equal(n[0], 0);
	assert_int_equal(stat_of(f->st, "store_dropped"), 1);
}

/* --- sessions and unfinished lines --- */

struct seen {
	struct store_session s;
	char state[64], partial[2][64];
	unsigned n;
};

static int
see(void *arg, const struct store_session *s)
{
	struct seen *seen = arg;
	int i;

	seen->s = *s;
	snprintf(seen->state, sizeof(seen->state), "%.*s", (int)s->state_len,
	    (const char *)s->state);
	for (i = 0; i < 2; i++)
		snprintf(seen->partial[i], sizeof(seen->partial[i]), "%.*s",
		    (int)s->partial_len[i], (const char *)s->partial[i]);
	seen->n++;
	return 0;
}

static void
partial(struct store *st, struct store_session *s, unsigned dir, bool fresh,
    const char *add)
{
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_session(st, s, false), 0);
	assert_int_equal(store_partial(st, s->sid, dir, fresh, add,
			     strlen(add)),
	    0);
	assert_int_equal(store_commit(st, NULL), 0);
}

static void
test_sessions(void **state)
{
	struct fixture *f = *state;
	struct store_session s, other;
	struct seen seen;

	make_session(&s, f->st);
	snprintf(s.rec.worker, sizeof(s.rec.worker), "bc1q.rig");
	s.state = (const uint8_t *)"first";
	s.state_len = 5;
	s.rec.difficulty = 0.125;
	write_session(f->st, &s);
	make_session(&other, f->st);
	write_session(f->st, &other);
	s.state = (const uint8_t *)"second";
	s.state_len = 6;
	s.rec.messages = 42;
	s.rec.rtt_us[1] = 900;
	partial(f->st, &s, 0, true, "{\"id\"");
	partial(f->st, &s, 0, false, ":1,");
	partial(f->st, &s, 1, false, "other");
	partial(f->st, &s, 1, true, "");
	partial(f->st, &s, 1, false, "way");
	end_session(f->st, &other);

	fixture_close(f);
	fixture_open(f);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(store_load_sessions(f->st, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.s.sid, s.sid);
	assert_int_equal(seen.s.number, s.number);
	assert_memory_equal(seen.s.epoch, s.epoch, 16);
	assert_memory_equal(&seen.s.rec, &s.rec, sizeof(s.rec));
	assert_string_equal(seen.state, "second");
	assert_string_equal(seen.partial[0], "{\"id\":1,");
	assert_string_equal(seen.partial[1], "way");
	/* Numbers are not used again. */
	assert_true(store_next_sid(f->st) > other.sid);
	end_session(f->st, &s);
	assert_int_equal(ask(f, "SELECT count(*) FROM partials"), 0);
}

/* --- bodies --- */

static void
test_bodies(void **state)
{
	struct fixture *f = *state;
	char body[3][1500];
	struct store_msg m;
	int i;

	for (i = 0; i < 3; i++) {
		memset(body[i], 'a' + i, sizeof(body[i]));
		body[i][700] = '\0'; /* bytes, not text */
	}
	for (i = 0; i < 30; i++) {
		make_msg(&m, f->st, 1, "");
		m.raw = (const uint8_t *)body[i % 3];
		m.raw_len = sizeof(body[0]);
		assert_int_equal(store_add(f->st, &m), 0);
		if (i % 10 == 9)
			commit(f->st);
	}
	make_msg(&m, f->st, 1, "");
	m.raw = (const uint8_t *)body[0];
	m.raw_len = 511; /* too short to share */
	assert_int_equal(store_add(f->st, &m), 0);
	commit(f->st);
	assert_int_equal(ask(f, "SELECT count(*) FROM bodies"), 3);
	assert_int_equal(stat_of(f->st, "store_bodies_shared"), 27);
	assert_int_equal(ask(f,
			     "SELECT count(*) FROM messages m JOIN bodies b"
			     " ON m.body=b.body WHERE length(b.raw)=1500 AND"
			     " hex(substr(b.raw,1,1))="
			     "CASE m.pos%3 WHEN 1 THEN '61' WHEN 2 THEN '62'"
			     " ELSE '63' END"),
	    30);
	/* They go when the floor has passed their last use. */
	f->conf.messages = 3;
	store_conf(f->st, &f->conf);
	add_msg(f->st, 1, "small");
	commit(f->st);
	add_msg(f->st, 1, "small");
	commit(f->st);
	assert_int_equal(ask(f, "SELECT count(*) FROM bodies"), 0);
	/* And a body that comes again after that is stored again. */
	make_msg(&m, f->st, 1, "");
	m.raw = (const uint8_t *)body[1];
	m.raw_len = sizeof(body[0]);
	assert_int_equal(store_add(f->st, &m), 0);
	commit(f->st);
	assert_int_equal(ask(f,
			     "SELECT count(*) FROM messages m JOIN bodies b"
			     " ON m.body=b.body"),
	    1);
}

/* --- bounds --- */

static void
bound(struct fixture *f, uint64_t messages, uint64_t per_session)
{
	f->conf.messages = messages;
	f->conf.per_session = per_session;
	store_conf(f->st, &f->conf);
}

static void
add_many(struct fixture *f, uint64_t sid, unsigned n, unsigned each)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		add_msg(f->st, sid, "{\"id\":4,\"method\":\"mining.submit\"}");
		if (i % each == each - 1)
			commit(f->st);
	}
	commit(f->st);
}

static void
test_bound_count(void **state)
{
	struct fixture *f = *state;

	bound(f, 100, 0);
	add_many(f, 1, 1000, 50);
	assert_int_equal(stat_of(f->st, "store_visible"), 100);
	assert_int_equal(stat_of(f->st, "store_floor"), 901);
	assert_int_equal(stat_of(f->st, "store_rows"), 100);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 100);
	assert_int_equal(ask(f, "SELECT min(pos) FROM messages"), 901);
	assert_int_equal(ask(f, "SELECT count(*) FROM commits WHERE last<900"),
	    0);
	/* A bound that is lowered acts at once; deletion follows. */
	bound(f, 10, 0);
	assert_int_equal(store_idle(f->st), 0);
	assert_int_equal(stat_of(f->st, "store_visible"), 10);
	assert_int_equal(ask(f, "SELECT floor FROM store"), 991);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 10);
	/* The counts are those of the disk. */
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(stat_of(f->st, "store_visible"), 10);
}

static void
test_bound_session(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	bound(f, 0, 100);
	add_many(f, 1, 30, 10);
	for (i = 0; i < 30; i++)
		add_many(f, 2, 100, 50);
	assert_int_equal(stat_of(f->st, "store_visible"), 130);
	assert_int_equal(stat_of(f->st, "store_floor"), 1);
	assert_int_equal(ask(f,
			     "SELECT count(*) FROM messages m JOIN kept k"
			     " USING(session) WHERE pos >= k.floor"),
	    130);
	assert_int_equal(ask(f, "SELECT visible FROM kept WHERE session=2"),
	    100);
	/* Deleted in ranges: some are still there, not many. */
	assert_in_range(stat_of(f->st, "store_rows"), 130, 130 + 512 + 200);
	assert_int_equal(stat_of(f->st, "store_rows"),
	    ask(f, "SELECT count(*) FROM messages"));

	/* Both bounds: what is hidden is not counted twice. */
	bound(f, 50, 100);
	add_many(f, 1, 10, 5);
	assert_int_equal(stat_of(f->st, "store_visible"), 50);
	assert_int_equal(ask(f,
			     "SELECT count(*) FROM messages m JOIN kept k"
			     " USING(session) WHERE pos >= k.floor"
			     " AND pos >= (SELECT floor FROM store)"),
	    50);
}

static void
test_bound_age(void **state)
{
	struct fixture *f = *state;
	struct store_msg m;
	int i;

	f->conf.age_s = 5;
	store_conf(f->st, &f->conf);
	for (i = 0; i < 20; i++) {
		make_msg(&m, f->st, 1, "old");
		m.ts_recv -= UINT64_C(6000000000);
		assert_int_equal(store_add(f->st, &m), 0);
		if (i == 9)
			commit(f->st);
	}
	commit(f->st);
	for (i = 0; i < 7; i++)
		add_msg(f->st, 1, "new");
	commit(f->st);
	assert_int_equal(store_idle(f->st), 0);
	assert_int_equal(stat_of(f->st, "store_visible"), 7);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), 7);
}

/* After a jump of the real-time clock nothing is too old for a while. */
static void
test_age_pause(void **state)
{
	struct fixture *f = *state;
	struct timespec real, mono;
	int64_t offset;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	offset = ((int64_t)real.tv_sec - mono.tv_sec) * 1000000000;
	f->conf.age_s = 5;
	store_conf(f->st, &f->conf);
	assert_false(store_age_paused(f->st));
	/* As if it had been 100 s earlier all the time. */
	assert_int_equal(store_clock(f->st, offset - INT64_C(100000000000)), 0);
	assert_true(store_age_paused(f->st));
	add_many(f, 1, 5, 5);
	assert_int_equal(store_idle(f->st), 0);
	assert_int_equal(stat_of(f->st, "store_visible"), 5);
	assert_int_equal(stat_of(f->st, "store_age_paused"), 1);
}

static void
test_bound_size(void **state)
{
	struct fixture *f = *state;
	char raw[400];
	unsigned i, n;
	int64_t used;

	memset(raw, 'r', sizeof(raw) - 1);
	raw[sizeof(raw) - 1] = '\0';
	f->conf.size_bytes = 2 * 1024 * 1024;
	store_conf(f->st, &f->conf);
	for (n = 0; n < 100; n++) {
		for (i = 0; i < 200; i++)
			add_msg(f->st, 1 + i % 5, raw);
		commit(f->st);
	}
	used = ask(f,
	    "SELECT (page_count - freelist_count) * 4096"
	    " FROM pragma_page_count, pragma_freelist_count");
	assert_in_range(used, 1000 * 1024, 2600 * 1024);
	assert_true(stat_of(f->st, "store_visible") > 2000);
	assert_true(stat_of(f->st, "store_floor") > 10000);
	assert_int_equal(stat_of(f->st, "store_rows"),
	    ask(f, "SELECT count(*) FROM messages"));
}

static void
test_session_lives(void **state)
{
	struct fixture *f = *state;
	struct store_session s[4];
	int i;

	bound(f, 10, 0);
	for (i = 0; i < 4; i++) {
		make_session(&s[i], f->st);
		write_session(f->st, &s[i]);
	}
	add_many(f, s[0].sid, 5, 5);
	add_many(f, s[1].sid, 5, 5);
	end_session(f->st, &s[0]);
	end_session(f->st, &s[3]); /* never said anything */
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 4);
	add_many(f, s[2].sid, 4, 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 4);
	/* The last message of s[0] goes, and s[0] with it. */
	add_many(f, s[2].sid, 1, 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 3);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions WHERE sid=1"),
	    0);
	/* s[1] has none left, but is live; s[3] goes as its time passes. */
	add_many(f, s[2].sid, 10, 5);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 2);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions WHERE sid=2"),
	    1);
	end_session(f->st, &s[1]);
	add_many(f, s[2].sid, 15, 5);
	assert_int_equal(ask(f, "SELECT count(*) FROM sessions"), 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM empty"), 0);
}

/* --- a full disk --- */

/* Fills the rest of the file system but for `leave` bytes. */
static void
fill_disk(const char *path, size_t leave)
{
	static char block[4096];
	off_t size = 0;
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		size += sizeof(block);
	assert_int_equal(ftruncate(fd,
			     size > (off_t)leave ? size - (off_t)leave : 0),
	    0);
	close(fd);
}

/* 0 when the messages of a batch could be committed. */
static int
try_commit(struct store *st, unsigned rows)
{
	struct store_mark mark = *store_mark(st);
	char raw[300];
	unsigned i;

	memset(raw, 'q', sizeof(raw) - 1);
	raw[sizeof(raw) - 1] = '\0';
	for (i = 0; i < rows; i++)
		add_msg(st, 1, raw);
	mark.seq++;
	if (store_begin(st) == -1)
		return -1;
	return store_commit(st, &mark);
}

static void
full_disk(struct fixture *f)
{
	struct store_mark mark = { { 9 }, 12345 };
	uint64_t rows, seq;
	int i, r = 0;

	f->conf.reserve_bytes = 1024 * 1024;
	fixture_open(f);
	assert_int_equal(try_commit(f->st, 100), 0);
	assert_true(store_writable(f->st));
	assert_int_equal(access(fixture_path(f, STORE_BALLAST), F_OK), 0);

	/* Somebody else fills the disk faster than we look. */
	fill_disk(fixture_path(f, "filler"), 0);
	for (i = 0; i < 100 && r == 0; i++) {
		rows = (uint64_t)ask(f, "SELECT count(*) FROM messages");
		seq = store_mark(f->st)->seq;
		r = try_commit(f->st, 1000);
	}
	assert_int_equal(r, -1);
	assert_int_equal(store_errno(f->st), STORE_FULL);
	assert_false(store_writable(f->st));
	/* Nothing half written; the batch is there. */
	assert_int_equal(store_batch_rows(f->st), 1000);
	assert_int_equal(ask(f, "SELECT count(*) FROM messages"), rows);
	assert_int_equal(store_mark(f->st)->seq, seq);

	/* The ballast makes room for the watermark. */
	assert_int_equal(access(fixture_path(f, STORE_BALLAST), F_OK), -1);
	assert_int_equal(store_drop(f->st), 1000);
	assert_int_equal(store_begin(f->st), 0);
	assert_int_equal(store_commit(f->st, &mark), 0);
	assert_int_equal(store_mark(f->st)->seq, 12345);

	/* Space again: it goes on by itself. */
	unlink(fixture_path(f, "filler"));
	store_conf(f->st, &f->conf); /* look now, not in 100 ms */
	assert_true(store_writable(f->st));
	assert_int_equal(try_commit(f->st, 100), 0);
	assert_int_equal(store_idle(f->st), 0);
	assert_int_equal(access(fixture_path(f, STORE_BALLAST), F_OK), 0);

	/* Below the reserve it says so before anything fails. */
	fill_disk(fixture_path(f, "filler"), 512 * 1024);
	store_conf(f->st, &f->conf);
	assert_false(store_writable(f->st));
	assert_int_equal(try_commit(f->st, 10), 0);
	unlink(fixture_path(f, "filler"));
	fixture_close(f);
}

static void
test_full_disk(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	fixture_close(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) == -1 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
		    mount("none", f->conf.dir, "tmpfs", 0, "size=12m") == -1)
			_exit(77);
		full_disk(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no right to mount a tmpfs\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- in captured's sandbox --- */

static void
in_sandbox(struct fixture *f)
{
	struct sandbox_path path = { f->conf.dir,
		SB_PATH_READ | SB_PATH_WRITE | SB_PATH_READDIR };
	struct sandbox box = { .promises = SB_STDIO | SB_PASSFD | SB_RPATH |
		    SB_WPATH | SB_CPATH,
		.paths = &path,
		.npaths = 1 };
	struct store_session s;
	char err[256];
	int i;

	if (sandbox_apply(&box, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	fixture_open(f);
	make_session(&s, f->st);
	bound(f, 500, 100);
	for (i = 0; i < 20; i++) {
		add_many(f, s.sid, 100, 50);
		write_session(f->st, &s);
	}
	assert_true(store_writable(f->st));
	assert_int_equal(store_idle(f->st), 0);
	assert_int_equal(store_checkpoint(f->st), 0);
	assert_int_equal(store_recover(f->st, f->moved, sizeof(f->moved)), 0);
	add_many(f, s.sid, 100, 50);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(stat_of(f->st, "store_visible"), 100);
	fixture_close(f);
}

/* Whatever SQLite asks of the kernel on the way, the promises allow it. */
static void
test_sandbox(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	fixture_close(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		in_sandbox(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the child ended with %#x", (unsigned)status);
}

/* Says what a message costs here; it is no test of that. */
static void
test_rate(void **state)
{
	struct fixture *f = *state;
	struct timespec a, b;
	double s;

	clock_gettime(CLOCK_MONOTONIC, &a);
	add_many(f, 1, 60000, 2000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(stat_of(f->st, "store_visible"), 60000);
	s = (double)(b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9;
	print_message("%.0f messages/s in batches of 2,000\n", 60000 / s);
}

/* --- the WAL --- */

static void
test_checkpoint(void **state)
{
	struct fixture *f = *state;
	struct stat sb;
	sqlite3 *db;

	add_many(f, 1, 4000, 100);
	assert_true(store_wal_bytes(f->st) > 100000);
	/* A reader that stands still keeps it. */
	assert_int_equal(sqlite3_open(fixture_path(f, STORE_FILE), &db),
	    SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
			     "BEGIN; SELECT count(*) FROM messages", NULL, NULL,
			     NULL),
	    SQLITE_OK);
	add_many(f, 1, 10, 10);
	assert_int_equal(store_checkpoint(f->st), -1);
	assert_int_equal(store_errno(f->st), STORE_IO);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(store_checkpoint(f->st), 0);
	assert_int_equal(store_wal_bytes(f->st), 0);
	assert_int_equal(stat(fixture_path(f, STORE_FILE "-wal"), &sb), 0);
	assert_int_equal(sb.st_size, 0);
	sqlite3_close(db);
}

/* Names of methods come from strangers: they must not grow for ever. */
static void
test_many_methods(void **state)
{
	struct fixture *f = *state;
	struct store_msg m;
	char name[64];
	int i;

	for (i = 0; i < 1500; i++) {
		make_msg(&m, f->st, 1, "x");
		snprintf(name, sizeof(name), "method.%d", i);
		m.method = name;
		assert_int_equal(store_add(f->st, &m), 0);
	}
	commit(f->st);
	assert_int_equal(ask(f, "SELECT count(*) FROM names"), 1024);
	assert_int_equal(ask(f,
			     "SELECT count(*) FROM messages"
			     " WHERE typeof(method)='text'"),
	    1500 - 1023);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_new_file),
		T(test_migrations),
		T(test_corrupt_at_open),
		T(test_corrupt_at_work),
		T(test_recover_fails),
		T(test_positions),
		T(test_kill),
		T(test_rollback_keeps_batch),
		T(test_answers_and_items),
		T(test_drop),
		T(test_sessions),
		T(test_bodies),
		T(test_bound_count),
		T(test_bound_session),
		T(test_bound_age),
		T(test_age_pause),
		T(test_bound_size),
		T(test_session_lives),
		T(test_full_disk),
		T(test_sandbox),
		T(test_checkpoint),
		T(test_many_methods),
		T(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
