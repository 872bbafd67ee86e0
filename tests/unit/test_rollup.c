/*
 * Roll-ups in the store: a scripted sequence against plain sums of it, with
 * rollbacks, other opens in between, late answers; retention; and whoever
 * invents a hundred thousand names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "captured/store_roll.h"
#include "captured/store_share.h"
#include "tests/unit/storelib.h"

#define SECOND  UINT64_C(1000000000)
#define WORKERS 5
#define MINUTES 200

struct said {
	int64_t messages, bytes, shares, accepted, rejected;
	double difficulty;
};

struct pending {
	uint64_t pos;
	struct verify_brief brief;
	uint32_t who[ROLL_KINDS];
	unsigned worker, minute;
};

struct plan {
	struct fixture f;
	struct store_session session;
	uint64_t start; /* monotonic; the first minute begins here */
	int64_t first;  /* that minute's number */
	struct said want[WORKERS][MINUTES];
	struct pending wait[64];
	unsigned nwait;
	uint64_t ts;
};

static int
setup(void **state)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct timespec ts;
	int64_t real;

	assert_non_null(p);
	fixture_init(&p->f);
	fixture_open(&p->f);
	make_session(&p->session, p->f.st);
	write_session(p->f.st, &p->session);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	/* Days ago, maybe before this machine was started: no clock is asked,
	 * but what is too old is so by the real one as well.  Half a second
	 * into a minute, so that clocks may disagree a little. */
	p->start = (uint64_t)ts.tv_sec * SECOND - 4 * 86400 * SECOND;
	real = store_real_us(p->f.st, p->start);
	p->first = real / 60000000 + 1;
	p->start += (uint64_t)(p->first * 60000000 + 500000 - real) * 1000;
	p->ts = p->start;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct plan *p = *state;

	fixture_done(&p->f);
	free(p);
	return 0;
}

static void
who_of(struct plan *p, const char *worker, uint32_t who[ROLL_KINDS])
{
	int64_t us = store_real_us(p->f.st, p->ts);

	who[0] = store_roll_id(p->f.st, ROLL_WORKER, worker, us);
	who[1] = store_roll_id(p->f.st, ROLL_POOL, "pool.example:3333", us);
	who[2] = store_roll_id(p->f.st, ROLL_AGENT, "bench/1.0", us);
}

static uint64_t
message(struct plan *p, const uint32_t who[ROLL_KINDS], unsigned dir,
    uint32_t size)
{
	struct store_msg m;

	make_msg(&m, p->f.st, p->session.sid, "{}");
	m.dir = (uint8_t)dir;
	m.size = size;
	m.ts_recv = p->ts;
	m.ts_fwd = 0;
	memcpy(m.who, who, sizeof(m.who));
	assert_int_equal(store_add(p->f.st, &m), 0);
	return m.pos;
}

static uint64_t
share(struct plan *p, const char *worker, const uint32_t who[ROLL_KINDS],
    double difficulty, uint64_t pos, struct verify_brief *brief)
{
	struct verify_share s;

	memset(&s, 0, sizeof(s));
	s.verdict = VERDICT_VALID;
	s.firm = true;
	s.hashed = true;
	s.passed = VERIFY_BY_JOB;
	s.reached = difficulty * 3;
	s.job_difficulty = s.present = difficulty;
	s.ts = p->ts;
	snprintf(s.worker, sizeof(s.worker), "%s", worker);
	snprintf(s.job_id, sizeof(s.job_id), "j");
	assert_int_equal(store_share(p->f.st, pos, p->session.sid,
			     "pool.example:3333", who, &s),
	    0);
	verify_brief(&s, brief);
	assert_true(brief->required == difficulty);
	return pos;
}

static void
answer(struct plan *p, const struct pending *s, bool yes, uint64_t pos)
{
	struct store_answer a;

	memset(&a, 0, sizeof(a));
	a.answer = pos;
	a.latency = 5000000;
	a.legs.own = 1000000;
	a.legs.pool = 4000000;
	a.said.class = yes ? ANSWER_ACCEPTED : ANSWER_REJECTED;
	a.judged.agreement = AGREE_YES;
	a.share = s->brief;
	memcpy(a.who, s->who, sizeof(a.who));
	assert_int_equal(store_share_answered(p->f.st, s->pos, &a), 0);
}

static void
answer_some(struct plan *p, unsigned leave)
{
	uint32_t who[ROLL_KINDS];
	struct pending *s;
	struct said *w;
	bool yes;

	who_of(p, "w0", who);
	while (p->nwait > leave) {
		s = &p->wait[--p->nwait];
		w = &p->want[s->worker][s->minute];
		yes = rand() % 4 != 0;
		/* It counts where its share is, the message where it is. */
		answer(p, s, yes, message(p, who, DIR_POOL_TO_MINER, 50));
		w->accepted += yes;
		w->rejected += !yes;
		w->difficulty += yes ? s->brief.required : 0;
		w = &p->want[0][(p->ts - p->start) / (60 * SECOND)];
		w->messages++;
		w->bytes += 50;
	}
}

static void
step(struct plan *p)
{
	unsigned worker = (unsigned)rand() % WORKERS;
	struct pending *s = &p->wait[p->nwait];
	unsigned minute = (unsigned)((p->ts - p->start) / (60 * SECOND));
	double difficulty = 1 << rand() % 10;
	char name[16];

	if (p->nwait == 64 || minute >= MINUTES)
		return;
	snprintf(name, sizeof(name), "w%u", worker);
	who_of(p, name, s->who);
	s->pos = message(p, s->who, DIR_MINER_TO_POOL, 100);
	share(p, name, s->who, difficulty, s->pos, &s->brief);
	s->worker = worker;
	s->minute = minute;
	p->want[worker][minute].messages++;
	p->want[worker][minute].bytes += 100;
	p->want[worker][minute].shares++;
	p->nwait++;
}

/* --- reading --- */

static void
read_roll(struct plan *p, const char *table, const char *column, int64_t from,
    int64_t to, const char *name, struct roll *r)
{
	char sql[256];
	sqlite3 *db;
	sqlite3_stmt *q;

	memset(r, 0, sizeof(*r));
	snprintf(sql, sizeof(sql),
	    "SELECT data FROM %s JOIN roll_keys USING(key) WHERE %s >= %lld"
	    " AND %s < %lld AND name='%s'",
	    table, column, (long long)from, column, (long long)to, name);
	assert_int_equal(sqlite3_open(fixture_path(&p->f, STORE_FILE), &db), 0);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW)
		assert_int_equal(roll_unpack(r, sqlite3_column_blob(q, 0),
				     (size_t)sqlite3_column_bytes(q, 0)),
		    0);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static void
check(const struct roll *r, const struct said *w)
{
	assert_int_equal(r->messages[0] + r->messages[1], w->messages);
	assert_int_equal(r->bytes[0] + r->bytes[1], w->bytes);
	assert_int_equal(roll_shares(r), w->shares);
	assert_int_equal(r->accepted, w->accepted);
	assert_int_equal(r->rejected, w->rejected);
	assert_true(r->accepted_difficulty == w->difficulty);
	assert_int_equal(r->latency_n, w->accepted + w->rejected);
	assert_int_equal(r->latency, 5000 * r->latency_n);
}

static void
add_said(struct said *to, const struct said *from)
{
	to->messages += from->messages;
	to->bytes += from->bytes;
	to->shares += from->shares;
	to->accepted += from->accepted;
	to->rejected += from->rejected;
	to->difficulty += from->difficulty;
}

static void
check_all(struct plan *p)
{
	int64_t hour, folded = ask(&p->f, "SELECT roll_folded FROM store");
	struct said sum, all = { 0 };
	struct roll r;
	char name[16];
	int64_t i, m;

	for (i = 0; i < WORKERS; i++) {
		snprintf(name, sizeof(name), "w%d", (int)i);
		for (m = 0; m < MINUTES; m++) {
			read_roll(p, "minutes", "minute", p->first + m,
			    p->first + m + 1, name, &r);
			check(&r, &p->want[i][m]);
			add_said(&all, &p->want[i][m]);
		}
		for (hour = p->first / 60; hour <= (p->first + MINUTES) / 60;
		     hour++) {
			memset(&sum, 0, sizeof(sum));
			for (m = 0; m < MINUTES; m++)
				if ((p->first + m) / 60 == hour &&
				    p->first + m < folded)
					add_said(&sum, &p->want[i][m]);
			read_roll(p, "hours", "hour", hour, hour + 1, name, &r);
			check(&r, &sum);
		}
	}
	read_roll(p, "minutes", "minute", 0, INT64_C(1) << 40,
	    "pool.example:3333", &r);
	check(&r, &all);
	read_roll(p, "minutes", "minute", 0, INT64_C(1) << 40, "bench/1.0", &r);
	check(&r, &all);
	assert_int_equal(roll_unanswered(&r), p->nwait);
}

/*
 * Shares for three hours, answered at once, later, or never; commits that
 * fail and are tried again; the store closed and opened in between, with and
 * without what was collected.
 */
static void
test_sequence(void **state)
{
	struct plan *p = *state;
	unsigned i;

	srand(3);
	for (i = 0; i < 3000; i++) {
		p->ts += (uint64_t)(rand() % 8) * SECOND;
		if (p->ts - p->start >= MINUTES * 60 * SECOND)
			break;
		step(p);
		if (rand() % 3 == 0)
			answer_some(p, (unsigned)rand() % (p->nwait + 1));
		if (rand() % 10 == 0) {
			assert_int_equal(store_begin(p->f.st), 0);
			store_rollback(p->f.st);
		}
		if (rand() % 5 != 0)
			continue;
		commit(p->f.st);
		if (rand() % 20 == 0) {
			fixture_close(&p->f);
			fixture_open(&p->f);
		}
	}
	commit(p->f.st);
	assert_true(p->ts - p->start > 120 * 60 * SECOND);
	check_all(p);
	/* Hours are behind by the minute that goes on, no more. */
	assert_int_equal(ask(&p->f, "SELECT roll_folded FROM store"),
	    p->first + (int64_t)((p->ts - p->start) / (60 * SECOND)));
}

/* Answers after their minute, and after their hour is made. */
static void
test_late_answer(void **state)
{
	struct plan *p = *state;

	srand(4);
	step(p);
	commit(p->f.st);
	p->ts += 150 * 60 * SECOND;
	step(p);
	commit(p->f.st);
	answer_some(p, 0);
	commit(p->f.st);
	check_all(p);
}

/* What was collected and given up is in no sum. */
static void
test_dropped(void **state)
{
	struct plan *p = *state;
	struct plan before;

	srand(5);
	step(p);
	commit(p->f.st);
	before = *p;
	step(p);
	answer_some(p, 0);
	assert_int_equal(store_drop(p->f.st), 3);
	memcpy(p->want, before.want, sizeof(p->want));
	p->nwait = 1;
	commit(p->f.st);
	check_all(p);
}

static void
test_retention(void **state)
{
	struct plan *p = *state;
	struct roll r;
	uint32_t who[ROLL_KINDS];
	unsigned i;

	p->f.conf.minutes_s = 3600;
	p->f.conf.hours_s = 2 * 86400;
	store_conf(p->f.st, &p->f.conf);
	for (i = 0; i < 3 * 24 * 60; i += 10) {
		p->ts = p->start + i * 60 * SECOND;
		who_of(p, "w0", who);
		message(p, who, DIR_MINER_TO_POOL, 100);
		commit(p->f.st);
	}
	assert_in_range(ask(&p->f,
			    "SELECT max(minute) - min(minute) FROM minutes"),
	    50, 60);
	assert_in_range(ask(&p->f, "SELECT max(hour) - min(hour) FROM hours"),
	    46, 48);
	/* Messages that still are there, or not, do not matter. */
	read_roll(p, "hours", "hour", 0, INT64_C(1) << 40, "w0", &r);
	assert_in_range(r.messages[0], 47 * 6, 49 * 6);
}

/* A share of the size is theirs, and the sums know how much they take. */
static void
test_size(void **state)
{
	struct plan *p = *state;
	uint32_t who[ROLL_KINDS];
	char name[32];
	unsigned i, j;

	p->f.conf.size_bytes = 1 << 20;
	store_conf(p->f.st, &p->f.conf);
	for (i = 0; i < 120; i++) {
		p->ts = p->start + i * 60 * SECOND;
		for (j = 0; j < 100; j++) {
			snprintf(name, sizeof(name), "rig%u", j);
			who_of(p, name, who);
			message(p, who, DIR_MINER_TO_POOL, 100);
		}
		commit(p->f.st);
	}
	assert_in_range(ask(&p->f, "SELECT roll_minutes FROM store"), 1,
	    (1 << 20) / 8 + 8000);
	assert_int_equal(ask(&p->f, "SELECT roll_minutes FROM store"),
	    ask(&p->f, "SELECT sum(length(data) + 20) FROM minutes"));
	assert_int_equal(ask(&p->f, "SELECT roll_hours FROM store"),
	    ask(&p->f, "SELECT sum(length(data) + 20) FROM hours"));
	assert_true(
	    ask(&p->f, "SELECT max(minute) - min(minute) FROM minutes") > 20);
}

/* A hundred thousand names, each with a message: sums stay, rows do not. */
static void
test_names(void **state)
{
	struct plan *p = *state;
	uint32_t who[ROLL_KINDS], honest[ROLL_KINDS];
	struct pending s = { .worker = 0 };
	struct roll r;
	char name[64];
	unsigned i;

	/* Somebody who earns something, and is there before. */
	who_of(p, "honest", honest);
	s.pos = message(p, honest, DIR_MINER_TO_POOL, 100);
	memcpy(s.who, honest, sizeof(s.who));
	share(p, "honest", honest, 8, s.pos, &s.brief);
	answer(p, &s, true, message(p, honest, DIR_POOL_TO_MINER, 50));
	commit(p->f.st);
	p->ts += 60 * SECOND;
	for (i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "invented-%u-%040u", i, i);
		p->ts += SECOND / 100;
		who_of(p, name, who);
		message(p, who, DIR_MINER_TO_POOL, 100);
		if (i % 2000 == 1999)
			commit(p->f.st);
	}
	commit(p->f.st);
	assert_in_range(ask(&p->f, "SELECT count(*) FROM roll_keys"), 1,
	    ROLL_KEYS_MAX + 10);
	assert_in_range(ask(&p->f,
			    "SELECT max(n) FROM (SELECT count(*) AS n"
			    " FROM minutes GROUP BY minute)"),
	    1, ROLL_ROWS_MAX + 10);
	assert_int_equal(ask(&p->f,
			     "SELECT count(*) FROM roll_keys"
			     " WHERE name='honest' AND proven=1"),
	    1);
	/* Its pool has them all, and so have they and "other" together. */
	read_roll(p, "minutes", "minute", 0, INT64_C(1) << 40,
	    "pool.example:3333", &r);
	assert_int_equal(r.messages[0], 100001);
	assert_int_equal(store_roll_id(p->f.st, ROLL_WORKER, "honest", 1),
	    honest[0]);
	assert_true(store_roll_generation(p->f.st) > 1);
}

/* Those that the pool judged wrongly outlive their messages, up to a bound
 * of their own. */
static void
test_kept(void **state)
{
	struct plan *p = *state;
	uint32_t who[ROLL_KINDS];
	struct pending s = { .worker = 0 };
	struct store_answer a;
	uint64_t first = 0;
	unsigned i;

	p->f.conf.messages = 1000;
	store_conf(p->f.st, &p->f.conf);
	who_of(p, "w0", who);
	for (i = 0; i < 10500; i++) {
		p->ts += SECOND / 1000;
		s.pos = message(p, who, DIR_MINER_TO_POOL, 100);
		share(p, "w0", who, 1, s.pos, &s.brief);
		memset(&a, 0, sizeof(a));
		a.said.class = ANSWER_REJECTED;
		a.judged.agreement = AGREE_POOL_REJECTS_VALID;
		a.share = s.brief;
		memcpy(a.who, who, sizeof(a.who));
		a.answer = message(p, who, DIR_POOL_TO_MINER, 50);
		assert_int_equal(store_share_answered(p->f.st, s.pos, &a), 0);
		first = first == 0 ? s.pos : first;
		if (i % 250 == 249) {
			commit(p->f.st);
			store_idle(p->f.st);
		}
	}
	store_idle(p->f.st);
	assert_in_range(ask(&p->f, "SELECT count(*) FROM messages"), 1000,
	    9000);
	assert_in_range(ask(&p->f, "SELECT count(*) FROM kept_shares"), 10000,
	    10064);
	assert_int_equal(ask(&p->f,
			     "SELECT count(*) FROM kept_shares k"
			     " JOIN shares h ON h.pos=k.pos"),
	    ask(&p->f, "SELECT count(*) FROM kept_shares"));
	/* The oldest went first, and wholly. */
	assert_true(
	    ask(&p->f, "SELECT min(pos) FROM shares") > (int64_t)first + 100);
	/* Whoever opens it again knows how many there are. */
	fixture_close(&p->f);
	fixture_open(&p->f);
	who_of(p, "w0", who);
	s.pos = message(p, who, DIR_MINER_TO_POOL, 100);
	share(p, "w0", who, 1, s.pos, &s.brief);
	a.share = s.brief;
	assert_int_equal(store_share_answered(p->f.st, s.pos, &a), 0);
	commit(p->f.st);
	assert_in_range(ask(&p->f, "SELECT count(*) FROM kept_shares"), 10000,
	    10064);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sequence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_answer, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
