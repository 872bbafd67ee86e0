/*
 * The reading side of the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "captured/select.h"
#include "tests/unit/storelib.h"

#define LEN(a)   (sizeof(a) / sizeof((a)[0]))
#define ROWS_MAX 6000

/* What a query gave out. */
struct got {
	uint64_t pos[ROWS_MAX];
	unsigned n;
	struct message_rec m; /* the last; raw points to the copies */
	char raw[4096], resp[4096];
	struct session_rec s;
	unsigned stop_every; /* the callback ends the slice */
	struct query_end end;
	unsigned slices;
};

static int
on_message(void *arg, const struct message_rec *m)
{
	struct got *g = arg;

	assert_true(g->n < ROWS_MAX);
	g->pos[g->n++] = m->pos;
	g->m = *m;
	assert_true(m->raw_len < sizeof(g->raw));
	memcpy(g->raw, m->raw, m->raw_len);
	g->raw[m->raw_len] = '\0';
	g->resp[0] = '\0';
	if (m->resp_raw != NULL) {
		assert_true(m->resp_len < sizeof(g->resp));
		memcpy(g->resp, m->resp_raw, m->resp_len);
		g->resp[m->resp_len] = '\0';
	}
	return g->stop_every != 0 && g->n % g->stop_every == 0;
}

static int
on_session(void *arg, const struct session_rec *s)
{
	struct got *g = arg;

	assert_true(g->n < ROWS_MAX);
	memcpy(&g->pos[g->n++], s->id, 8);
	g->s = *s;
	return 0;
}

static const struct select_ops ops = { .message = on_message,
	.session = on_session };

static void
ask_rd(struct reader *rd, const struct query *q, unsigned slice_ms,
    struct got *g)
{
	unsigned stop_every = g->stop_every;
	struct select *sel;
	enum select_result r;

	memset(g, 0, sizeof(*g));
	g->stop_every = stop_every;
	sel = select_new(q, q->deadline_ms, &ops, g);
	assert_non_null(sel);
	do {
		r = select_step(sel, rd, slice_ms);
		g->slices++;
	} while (r == SELECT_MORE);
	if (r != SELECT_DONE)
		fail_msg("select: %s", select_error(sel));
	select_end(sel, &g->end);
	assert_int_equal(g->end.rows, g->n);
	select_free(sel);
}

/* --- a small store in which each message is known --- */

struct small {
	struct fixture f;
	struct reader *rd;
	struct got g;
	struct store_session s[3];
	int64_t t0_us; /* real time of position 1; each later one +10 ms */
};

static uint64_t
mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct store_msg
base(struct small *s, uint64_t t0, unsigned session, const char *raw)
{
	struct store_msg m;

	make_msg(&m, s->f.st, s->s[session].sid, raw);
	m.ts_recv = t0 + (m.pos - 1) * 10000000;
	m.ts_fwd = m.ts_recv + 2000;
	return m;
}

/*
 * Per round of six positions, in session 1, 1, 2, 2, 2, 1:
 *	submit, its answer (an error every third round), authorize, set_difficulty
 *	(from the pool), a line that is no JSON, a submit never answered
 */
static void
round_of_six(struct small *s, uint64_t t0, unsigned n)
{
	struct store *st = s->f.st;
	struct store_msg m;
	uint64_t request;

	m = base(s, t0, 1, "{\"id\":4,\"method\":\"mining.submit\"}");
	request = m.pos;
	assert_int_equal(store_add(st, &m), 0);

	m = base(s, t0, 1, "{\"id\":4,\"result\":TRUE}");
	m.dir = DIR_POOL_TO_MINER;
	m.flags = MF_RESPONSE | MF_JSON | (n % 3 == 0 ? MF_ERROR : 0);
	m.pair = request;
	m.latency = 10000000;
	assert_int_equal(store_add(st, &m), 0);
	store_answered(st, request, m.pos, 10000000);

	m = base(s, t0, 2, "{\"method\":\"mining.authorize\"}");
	m.method = "mining.authorize";
	assert_int_equal(store_add(st, &m), 0);

	m = base(s, t0, 2, "{\"method\":\"mining.set_difficulty\"}");
	m.method = "mining.set_difficulty";
	m.dir = DIR_POOL_TO_MINER;
	m.flags = MF_NOTIFICATION | MF_JSON;
	m.jsonrpc_id = "";
	assert_int_equal(store_add(st, &m), 0);

	m = base(s, t0, 2, "GET / \xff\xfe HTTP/1.1");
	m.flags = MF_PARSE_ERROR;
	m.method = NULL;
	m.parse_error = "invalid JSON at byte 0";
	m.protocol = "HTTP";
	assert_int_equal(store_add(st, &m), 0);

	m = base(s, t0, 1, "{\"id\":5,\"method\":\"mining.submit\"}");
	m.ts_fwd = 0;
	assert_int_equal(store_add(st, &m), 0);
}

#define ROUNDS 50
#define TOTAL  (ROUNDS * 6)

static int
setup(void **state)
{
	struct small *s = calloc(1, sizeof(*s));
	char err[256];
	uint64_t t0 = mono_ns() - UINT64_C(20000000000);
	unsigned i;

	assert_non_null(s);
	fixture_init(&s->f);
	fixture_open(&s->f);
	for (i = 0; i < LEN(s->s); i++) {
		make_session(&s->s[i], s->f.st);
		write_session(s->f.st, &s->s[i]);
	}
	s->t0_us = store_real_us(s->f.st, t0);
	for (i = 0; i < ROUNDS; i++) {
		round_of_six(s, t0, i);
		if (i % 5 == 4)
			commit(s->f.st);
	}
	if (reader_open(&s->rd, s->f.conf.dir, err, sizeof(err)) == -1)
		fail_msg("reader_open: %s", err);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct small *s = *state;

	reader_close(s->rd);
	fixture_done(&s->f);
	free(s);
	return 0;
}

static struct query
messages(void)
{
	struct query q = { .kind = Q_MESSAGES, .limit = 1000 };

	return q;
}

static void
run(struct small *s, const struct query *q)
{
	ask_rd(s->rd, q, 1000, &s->g);
	assert_int_equal(s->g.end.status, 0);
	assert_true(s->g.end.complete);
}

static void
test_order(void **state)
{
	struct small *s = *state;
	struct query q = messages();
	unsigned i;

	run(s, &q);
	assert_int_equal(s->g.n, TOTAL);
	for (i = 0; i < TOTAL; i++)
		assert_int_equal(s->g.pos[i], TOTAL - i);
	q.flags = QF_ASCENDING;
	run(s, &q);
	assert_int_equal(s->g.n, TOTAL);
	for (i = 0; i < TOTAL; i++)
		assert_int_equal(s->g.pos[i], i + 1);
	q.flags = 0;
	q.limit = 7;
	q.offset = 3;
	run(s, &q);
	assert_int_equal(s->g.n, 7);
	assert_int_equal(s->g.pos[0], TOTAL - 3);
	q.after = 10; /* oldest first */
	q.before = 20;
	q.offset = 0;
	q.limit = 100;
	run(s, &q);
	assert_int_equal(s->g.n, 9);
	assert_int_equal(s->g.pos[0], 11);
	assert_int_equal(s->g.pos[8], 19);
}

static void
test_fields(void **state)
{
	struct small *s = *state;
	struct query q = { .kind = Q_MESSAGE, .pos = 7, .limit = 1 };
	struct message_rec *m = &s->g.m;
	uint8_t id[16];

	q.flags = QF_WITH_RESPONSE;
	run(s, &q);
	assert_int_equal(s->g.n, 1);
	assert_int_equal(m->pos, 7);
	uuid_of(s->s[1].sid, id);
	assert_memory_equal(m->session, id, 16);
	assert_string_equal(m->peer, s->s[1].rec.peer);
	assert_string_equal(m->method, "mining.submit");
	assert_string_equal(m->protocol, "stratum");
	assert_string_equal(m->jsonrpc_id, "4");
	assert_int_equal(m->flags, MF_REQUEST | MF_JSON);
	assert_int_equal(m->size, m->raw_len + 1);
	assert_int_equal(m->pair, 8);
	assert_int_equal(m->latency_us, 10000);
	assert_in_range(m->ts_recv_us - s->t0_us, 59998, 60002);
	assert_int_equal(m->ts_fwd_us - m->ts_recv_us, 2);
	assert_string_equal(s->g.raw,
	    "{\"id\":4,\"method\":\"mining.submit\"}");
	assert_string_equal(s->g.resp, "{\"id\":4,\"result\":TRUE}");
	assert_in_range(m->resp_ts_us - m->ts_recv_us, 9999, 10001);

	q.pos = 8;
	run(s, &q);
	assert_string_equal(m->peer, s->s[1].rec.pool_peer);
	assert_int_equal(m->pair, 7);
	assert_null(m->resp_raw);
	q.pos = 11;
	run(s, &q);
	assert_string_equal(m->parse_error, "invalid JSON at byte 0");
	assert_string_equal(m->protocol, "HTTP");
	assert_string_equal(m->method, "");
	assert_int_equal(m->latency_us, -1);
	q.pos = 12;
	run(s, &q);
	assert_int_equal(m->ts_fwd_us, 0);
	assert_null(m->resp_raw);

	q.pos = TOTAL + 1;
	ask_rd(s->rd, &q, 1000, &s->g);
	assert_int_equal(s->g.n, 0);
	assert_int_equal(s->g.end.status, 1);
}

/* Each filter, and the positions of a round (0…5) that it leaves. */
static void
test_filters(void **state)
{
	struct small *s = *state;
	static const struct {
		uint32_t flags;
		unsigned session;
		uint8_t dir;
		const char *method, *text;
		const char *left; /* of rounds that are not errors */
		const char *left_error;
	} t[] = {
		{ QF_DIR, 0, DIR_MINER_TO_POOL, "", "", "0245", "0245" },
		{ QF_DIR, 0, DIR_POOL_TO_MINER, "", "", "13", "13" },
		{ QF_SESSION, 1, 0, "", "", "015", "015" },
		{ QF_SESSION, 2, 0, "", "", "234", "234" },
		{ QF_SESSION, 0, 0, "", "", "", "" },
		{ 0, 0, 0, "mining.submit", "", "015", "015" },
		{ 0, 0, 0, "mining.authorize", "", "2", "2" },
		{ 0, 0, 0, "mining.nothing", "", "", "" },
		{ QF_ERRORS_PARSE, 0, 0, "", "", "4", "4" },
		{ QF_ERRORS_POOL, 0, 0, "", "", "", "1" },
		{ QF_ERRORS_PARSE | QF_ERRORS_POOL, 0, 0, "", "", "4", "14" },
		{ QF_NO_RESPONSES, 0, 0, "", "", "02345", "02345" },
		{ 0, 0, 0, "", "true", "1", "1" },
		{ 0, 0, 0, "", "MINING.s", "035", "035" },
		{ 0, 0, 0, "", "get / \xff", "4", "4" },
		{ 0, 0, 0, "", "\xff\xfe http/1.1", "4", "4" },
		{ 0, 0, 0, "", "nowhere", "", "" },
		{ QF_SESSION | QF_DIR, 1, 0, "mining.submit", "\"id\":5", "5",
		    "5" },
		{ QF_SESSION | QF_ERRORS_PARSE, 1, 0, "", "", "", "" },
		{ QF_SESSION | QF_ERRORS_PARSE, 2, 0, "", "", "4", "4" },
		{ QF_ERRORS_POOL, 0, 0, "mining.submit", "", "", "1" },
	};
	const char *left;
	unsigned i, k, n, r;
	struct query q;

	for (i = 0; i < LEN(t); i++) {
		q = messages();
		q.flags = t[i].flags | QF_ASCENDING;
		q.dir = t[i].dir;
		uuid_of(s->s[t[i].session].sid, q.session);
		snprintf(q.method, sizeof(q.method), "%s", t[i].method);
		snprintf(q.text, sizeof(q.text), "%s", t[i].text);
		run(s, &q);
		n = 0;
		for (r = 0; r < ROUNDS; r++) {
			left = r % 3 == 0 ? t[i].left_error : t[i].left;
			for (k = 0; left[k] != '\0'; k++, n++)
				if (n >= s->g.n ||
				    s->g.pos[n] !=
					r * 6 + 1 + (unsigned)(left[k] - '0'))
					fail_msg("filter %u, round %u, row %u",
					    i, r, n);
		}
		if (n != s->g.n)
			fail_msg("filter %u: %u rows, not %u", i, s->g.n, n);
		/* The same from the other end. */
		q.flags &= ~QF_ASCENDING;
		run(s, &q);
		assert_int_equal(s->g.n, n);
	}
	q = messages();
	q.flags = QF_SESSION; /* one that there never was */
	run(s, &q);
	assert_int_equal(s->g.n, 0);
}

static void
test_times(void **state)
{
	struct small *s = *state;
	struct query q = messages();

	q.flags = QF_ASCENDING;
	q.since_us = s->t0_us + 99 * 10000 - 5000; /* position 100 is first */
	run(s, &q);
	assert_int_equal(s->g.pos[0], 100);
	assert_int_equal(s->g.n, TOTAL - 99);
	q.until_us = s->t0_us + 109 * 10000 + 5000;
	run(s, &q);
	assert_int_equal(s->g.n, 11);
	assert_int_equal(s->g.pos[10], 110);
	q.since_us = 0;
	q.flags = 0;
	run(s, &q);
	assert_int_equal(s->g.n, 110);
	assert_int_equal(s->g.pos[0], 110);
	q.until_us = s->t0_us - 1000000;
	run(s, &q);
	assert_int_equal(s->g.n, 0);
	q.until_us = 0;
	q.since_us = s->t0_us + INT64_C(100000000);
	run(s, &q);
	assert_int_equal(s->g.n, 0);
}

/* The real-time clock ran back, and a line came in late: both are found. */
static void
test_clock_back(void **state)
{
	struct small *s = *state;
	struct query q = messages();
	uint64_t t0 = mono_ns(), pos;
	int64_t real_us = store_real_us(s->f.st, t0);
	struct store_msg m;
	int i;

	assert_int_equal(store_clock(s->f.st,
			     real_us * 1000 - (int64_t)t0 -
				 INT64_C(3600000000000)),
	    0);
	for (i = 0; i < 10; i++) {
		make_msg(&m, s->f.st, s->s[1].sid, "an hour ago");
		m.ts_recv = t0 + (uint64_t)i * 1000000;
		assert_int_equal(store_add(s->f.st, &m), 0);
		commit(s->f.st);
	}
	pos = m.pos;
	q.until_us = real_us - INT64_C(3599) * 1000000;
	run(s, &q);
	assert_int_equal(s->g.n, 10);
	assert_int_equal(s->g.pos[0], pos);
	assert_in_range(s->g.m.ts_recv_us, real_us - INT64_C(3600000000) - 2,
	    real_us - INT64_C(3600000000) + 2);
	/* And what was stored before keeps its time. */
	q.kind = Q_MESSAGE;
	q.pos = 1;
	q.until_us = 0;
	run(s, &q);
	assert_in_range(s->g.m.ts_recv_us, s->t0_us - 1, s->t0_us + 1);
}

/* Page after page by cursor gives each row once, in either direction. */
static void
pages(struct small *s, struct query q, bool up, unsigned want)
{
	static uint8_t seen[TOTAL + 1];
	unsigned n = 0, i;

	memset(seen, 0, sizeof(seen));
	if (up)
		q.flags |= QF_ASCENDING;
	for (;;) {
		run(s, &q);
		if (s->g.n == 0)
			break;
		for (i = 0; i < s->g.n; i++, n++)
			assert_int_equal(seen[s->g.pos[i]]++, 0);
		if (up)
			q.after = s->g.pos[s->g.n - 1];
		else
			q.before = s->g.pos[s->g.n - 1];
	}
	assert_int_equal(n, want);
}

static void
test_cursors(void **state)
{
	struct small *s = *state;
	static const unsigned limits[] = { 1, 7, 100, 299, 300, 301 };
	struct query q = messages();
	unsigned i;

	for (i = 0; i < LEN(limits); i++) {
		q.limit = limits[i];
		pages(s, q, false, TOTAL);
		pages(s, q, true, TOTAL);
		snprintf(q.text, sizeof(q.text), "submit");
		pages(s, q, false, ROUNDS * 2);
		pages(s, q, true, ROUNDS * 2);
		q.text[0] = '\0';
	}
}

/* Slices that end after each row, or at once, change nothing. */
static void
test_slices(void **state)
{
	struct small *s = *state;
	struct query q = messages();
	unsigned i;

	s->g.stop_every = 1;
	ask_rd(s->rd, &q, 1000, &s->g);
	assert_int_equal(s->g.n, TOTAL);
	assert_true(s->g.slices >= TOTAL);
	for (i = 0; i < TOTAL; i++)
		assert_int_equal(s->g.pos[i], TOTAL - i);
	s->g.stop_every = 0;
	ask_rd(s->rd, &q, 0, &s->g);
	assert_int_equal(s->g.n, TOTAL);
	assert_true(s->g.slices > 2);
	assert_true(s->g.end.complete);
}

/* What comes in while a query is under way does not belong to it. */
static void
test_snapshot(void **state)
{
	struct small *s = *state;
	struct query q = messages();
	struct select *sel;
	unsigned i = 0;

	q.flags = QF_ASCENDING;
	q.limit = 100000;
	memset(&s->g, 0, sizeof(s->g));
	s->g.stop_every = 10;
	sel = select_new(&q, 0, &ops, &s->g);
	while (select_step(sel, s->rd, 1000) == SELECT_MORE) {
		add_msg(s->f.st, 1, "new");
		commit(s->f.st);
		assert_true(i++ < TOTAL);
	}
	assert_int_equal(s->g.n, TOTAL);
	select_free(sel);
}

/* A deadline says where it stopped; going on from there loses nothing. */
static void
test_deadline(void **state)
{
	struct small *s = *state;
	static uint8_t seen[TOTAL + 1];
	struct query q = messages();
	struct select *sel;
	unsigned n = 0, i, rounds;

	memset(seen, 0, sizeof(seen));
	snprintf(q.text, sizeof(q.text), "mining");
	for (rounds = 0; rounds < 20; rounds++) {
		memset(&s->g, 0, sizeof(s->g));
		sel = select_new(&q, 1, &ops, &s->g);
		while (!select_late(sel))
			;
		/* Late before it began: one slice of a few rows all the same,
		 * or it would never come to an end. */
		assert_int_equal(select_step(sel, s->rd, 0), SELECT_DONE);
		select_end(sel, &s->g.end);
		select_free(sel);
		for (i = 0; i < s->g.n; i++, n++)
			assert_int_equal(seen[s->g.pos[i]]++, 0);
		if (s->g.end.complete)
			break;
		assert_true(s->g.end.stopped_at > 0);
		if (q.before != 0)
			assert_true(s->g.end.stopped_at < q.before);
		q.before = s->g.end.stopped_at;
	}
	assert_in_range(rounds, 2, 10);
	assert_int_equal(n, ROUNDS * 4);
	assert_int_equal(s->g.end.stopped_at, 0);
}

/* --- floors --- */

static void
test_floors(void **state)
{
	struct small *s = *state;
	struct query q = messages();
	unsigned i;

	q.flags = QF_WITH_RESPONSE;
	s->f.conf.messages = 120;
	store_conf(s->f.st, &s->f.conf);
	commit(s->f.st);
	assert_true(stat_of(s->f.st, "store_rows") > 120);
	run(s, &q);
	assert_int_equal(s->g.n, 120);
	q.flags |= QF_SESSION;
	uuid_of(s->s[2].sid, q.session);
	run(s, &q);
	assert_int_equal(s->g.n, 60);
	/* A session's own floor hides some more. */
	s->f.conf.per_session = 50;
	store_conf(s->f.st, &s->f.conf);
	for (i = 0; i < 10; i++)
		add_msg(s->f.st, s->s[2].sid, "one more");
	commit(s->f.st);
	run(s, &q);
	assert_int_equal(s->g.n, 50);
	assert_int_equal(s->g.pos[0], TOTAL + 10);
	q.flags = 0;
	run(s, &q);
	assert_int_equal(s->g.n, stat_of(s->f.st, "store_visible"));
	/* One message that is hidden, and one that never was. */
	q = (struct query){ .kind = Q_MESSAGE, .pos = 1, .limit = 1 };
	ask_rd(s->rd, &q, 1000, &s->g);
	assert_int_equal(s->g.end.status, 1);
	/* What a session says of its messages is what can be seen. */
	q = (struct query){ .kind = Q_SESSION, .limit = 1 };
	uuid_of(s->s[2].sid, q.session);
	run(s, &q);
	assert_int_equal(s->g.s.last_pos, TOTAL + 10);
	assert_true(s->g.s.first_pos > TOTAL / 2);
}

/* --- sessions --- */

static void
test_sessions(void **state)
{
	struct small *s = *state;
	struct query q = { .kind = Q_SESSIONS, .limit = 10 };

	run(s, &q);
	assert_int_equal(s->g.n, 3);
	assert_int_equal(s->g.pos[0], s->s[2].sid);
	assert_int_equal(s->g.pos[2], s->s[0].sid);
	assert_int_equal(s->g.s.first_pos, 0);
	end_session(s->f.st, &s->s[1]);
	q.flags = QF_LIVE;
	run(s, &q);
	assert_int_equal(s->g.n, 2);
	q.flags = QF_ENDED;
	run(s, &q);
	assert_int_equal(s->g.n, 1);
	assert_int_equal(s->g.pos[0], s->s[1].sid);
	assert_int_equal(s->g.s.state, SESSION_ENDED);
	assert_int_equal(s->g.s.first_pos, 1);
	assert_int_equal(s->g.s.last_pos, TOTAL);
	assert_string_equal(s->g.s.peer, s->s[1].rec.peer);
	q.flags = 0;
	q.limit = 1;
	q.offset = 1;
	run(s, &q);
	assert_int_equal(s->g.n, 1);
	assert_int_equal(s->g.pos[0], s->s[1].sid);
	q.offset = 0;
	q.before = s->s[1].sid;
	run(s, &q);
	assert_int_equal(s->g.pos[0], s->s[0].sid);

	q = (struct query){ .kind = Q_SESSIONS, .limit = 10 };
	snprintf(q.text, sizeof(q.text), "192.0.2.2:");
	run(s, &q);
	assert_int_equal(s->g.n, 1);

	q = (struct query){ .kind = Q_SESSION, .limit = 1 };
	uuid_of(s->s[2].sid, q.session);
	run(s, &q);
	assert_int_equal(s->g.n, 1);
	q.session[0] ^= 0x80;
	ask_rd(s->rd, &q, 1000, &s->g);
	assert_int_equal(s->g.n, 0);
	assert_int_equal(s->g.end.status, 1);
}

/* --- bytes --- */

static void
test_text_within(void **state)
{
	static const struct {
		const char *hay, *needle;
		bool within;
	} t[] = {
		{ "", "", true },
		{ "abc", "", true },
		{ "", "a", false },
		{ "abc", "abc", true },
		{ "ABC", "abc", true },
		{ "xabC", "abc", true },
		{ "ab", "abc", false },
		{ "aaab", "aab", true },
		{ "abababac", "ababac", true },
		{ "worker.1", "ER.1", true },
		{ "[K", "{k", false }, /* folding is for letters only */
		{ "@", "`", false },
		{ "\xc3\x84", "\xc3\x84", true },
		{ "\xc3\x84", "\xc3\xa4", false },
		{ "xyZ", "z", true },
	};
	char needle[32];
	size_t i;

	for (i = 0; i < LEN(t); i++) {
		snprintf(needle, sizeof(needle), "%s", t[i].needle);
		text_fold(needle);
		if (text_within(t[i].hay, strlen(t[i].hay), needle) !=
		    t[i].within)
			fail_msg("%s in %s", t[i].needle, t[i].hay);
	}
	assert_true(text_within("a\0Bc", 4, "bc"));
}

/* Shared bodies are searched and given back byte for byte. */
static void
test_bodies(void **state)
{
	struct small *s = *state;
	struct query q = messages();
	struct store_msg m;
	char body[2000];
	int i;

	memset(body, '.', sizeof(body));
	memcpy(body + 1500, "NEEDLE", 6);
	for (i = 0; i < 20; i++) {
		make_msg(&m, s->f.st, s->s[1].sid, "");
		m.raw = (const uint8_t *)body;
		m.raw_len = sizeof(body) - (i % 2); /* two bodies */
		assert_int_equal(store_add(s->f.st, &m), 0);
	}
	commit(s->f.st);
	assert_int_equal(ask(&s->f, "SELECT count(*) FROM bodies"), 2);
	snprintf(q.text, sizeof(q.text), "needle");
	run(s, &q);
	assert_int_equal(s->g.n, 20);
	assert_int_equal(s->g.m.raw_len, sizeof(body));
	assert_memory_equal(s->g.raw, body, sizeof(body));
}

/* --- a reader without the right to write --- */

#define READER_UID 64999
#define READER_GID 64998

/* As the reader: how many messages it sees; -1. */
static int
reader_counts(struct reader **rd, const char *dir)
{
	static struct got g;
	struct query q = messages();
	struct select *sel;
	enum select_result r;
	char err[256];

	if (*rd == NULL && reader_open(rd, dir, err, sizeof(err)) == -1) {
		fprintf(stderr, "reader: %s\n", err);
		return -1;
	}
	memset(&g, 0, sizeof(g));
	sel = select_new(&q, 0, &ops, &g);
	while ((r = select_step(sel, *rd, 1000)) == SELECT_MORE)
		;
	if (r != SELECT_DONE)
		fprintf(stderr, "reader: %s\n", select_error(sel));
	select_free(sel);
	return r == SELECT_DONE ? (int)g.n : -1;
}

/* Answers each byte of in with a count: 'n' with a new connection. */
static void
reader_child(const char *dir, int in, int out)
{
	gid_t gid = READER_GID;
	struct reader *rd = NULL;
	char what;
	int n;

	if (setgroups(1, &gid) == -1 ||
	    setresgid(READER_UID, READER_UID, READER_UID) == -1 ||
	    setresuid(READER_UID, READER_UID, READER_UID) == -1)
		_exit(1);
	while (read(in, &what, 1) == 1) {
		if (what == 'n') {
			reader_close(rd);
			rd = NULL;
		}
		n = reader_counts(&rd, dir);
		if (access(dir, W_OK) == 0)
			n = -2;
		if (write(out, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
	_exit(0);
}

static int
reader_says(const int to, const int from, char what)
{
	int n = -3;

	assert_int_equal(write(to, &what, 1), 1);
	assert_int_equal(read(from, &n, sizeof(n)), sizeof(n));
	return n;
}

/*
 * As root: the writer's directory is its own, the reader has another uid and
 * only the group.  It sees what is current: while the writer writes, after
 * the writer closed and came back, after it was killed and came back, after
 * a checkpoint, and when the file was replaced.
 */
static void
test_other_uid(void **state)
{
	struct fixture f;
	int to[2], from[2], i, n = 0, status;
	pid_t pid, writer;

	if (geteuid() != 0)
		skip();
	fixture_init(&f);
	assert_int_equal(chown(f.conf.dir, 0, READER_GID), 0);
	assert_int_equal(chmod(f.conf.dir, 02750), 0);
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(to[1]);
		close(from[0]);
		reader_child(f.conf.dir, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);

	fixture_open(&f);
	assert_int_equal(reader_says(to[1], from[0], 'n'), 0);
	for (i = 0; i < 20; i++) {
		add_msg(f.st, 1, "x");
		commit(f.st);
		n++;
		assert_int_equal(reader_says(to[1], from[0],
				     i % 3 == 0 ? 'n' : 's'),
		    n);
		if (i % 7 == 3)
			assert_int_equal(store_checkpoint(f.st), 0);
		if (i % 5 == 4) { /* the writer goes and comes */
			fixture_close(&f);
			assert_int_equal(reader_says(to[1], from[0],
					     i % 2 ? 'n' : 's'),
			    n);
			fixture_open(&f);
			assert_int_equal(reader_says(to[1], from[0],
					     i % 2 ? 's' : 'n'),
			    n);
		}
	}
	/* Killed in the midst, with a reader that stays, and with a new one. */
	fixture_close(&f);
	for (i = 0; i < 4; i++) {
		writer = fork();
		assert_true(writer >= 0);
		if (writer == 0) {
			fixture_open(&f);
			add_msg(f.st, 1, "y");
			commit(f.st);
			add_msg(f.st, 1, "lost");
			(void)store_begin(f.st);
			_exit(0);
		}
		assert_int_equal(waitpid(writer, &status, 0), writer);
		n++;
		assert_int_equal(reader_says(to[1], from[0], i % 2 ? 'n' : 's'),
		    n);
	}
	fixture_open(&f);
	assert_int_equal(reader_says(to[1], from[0], 's'), n);
	add_msg(f.st, 1, "z");
	commit(f.st);
	assert_int_equal(reader_says(to[1], from[0], 's'), n + 1);
	assert_int_equal(store_recover(f.st, f.moved, sizeof(f.moved)), 0);
	assert_int_equal(reader_says(to[1], from[0], 'n'), 0);

	close(to[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(from[0]);
	fixture_done(&f);
}

static void
test_replaced(void **state)
{
	struct small *s = *state;
	struct reader *rd;
	char err[256];

	assert_false(reader_stale(s->rd));
	assert_int_equal(store_recover(s->f.st, s->f.moved, sizeof(s->f.moved)),
	    0);
	assert_true(reader_stale(s->rd));
	assert_int_equal(reader_open(&rd, s->f.conf.dir, err, sizeof(err)), 0);
	assert_false(reader_stale(rd));
	reader_close(rd);
	assert_int_equal(reader_open(&rd, "/nonexistent?#%", err, sizeof(err)),
	    -1);
	assert_null(rd);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_order),
		T(test_fields),
		T(test_filters),
		T(test_times),
		T(test_clock_back),
		T(test_cursors),
		T(test_slices),
		T(test_snapshot),
		T(test_deadline),
		T(test_floors),
		T(test_sessions),
		cmocka_unit_test(test_text_within),
		T(test_bodies),
		cmocka_unit_test(test_other_uid),
		T(test_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
