/*
 * Counting, packing, percentiles, and the sums over windows of time: each
 * against a plainer way to come to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/conform.h"
#include "common/fanout.h"
#include "common/rates.h"
#include "common/record.h"
#include "common/roll.h"

#define MINUTE INT64_C(60000000)

static const struct verify_judged agrees = { .agreement = AGREE_YES };

static void
answered(struct roll *r, uint8_t verdict, uint8_t class, uint8_t reason,
    double required, int64_t us)
{
	struct verify_brief share = { .verdict = verdict,
		.required = required,
		.reached = required * 2 };
	struct answer said = { .class = class, .reason = reason };
	struct roll_answer a = { .share = &share,
		.said = &said,
		.judged = &agrees,
		.answered = true,
		.legs = { us * 100, 7000, us * 300, us * 600 } };

	roll_share(r, &share, false, 1000);
	roll_answer(r, &a);
}

static void
test_counts(void **state)
{
	struct roll r = { .best = 0 };
	struct verify_brief share = { .verdict = VERDICT_VALID };

	answered(&r, VERDICT_VALID, ANSWER_ACCEPTED, ANSWER_R_NONE, 8, 500);
	answered(&r, VERDICT_STALE, ANSWER_REJECTED, ANSWER_R_STALE, 16, 500);
	/* It crossed with the new block: valid, and stale to the pool. */
	answered(&r, VERDICT_VALID, ANSWER_REJECTED, ANSWER_R_STALE, 32, 500);
	/* Credited all the same: it cost nothing. */
	answered(&r, VERDICT_STALE, ANSWER_ACCEPTED, ANSWER_R_NONE, 64, 500);
	answered(&r, VERDICT_LOW_DIFFICULTY, ANSWER_REJECTED,
	    ANSWER_R_LOW_DIFFICULTY, 128, 500);
	roll_share(&r, &share, true, 2000);
	assert_int_equal(roll_shares(&r), 6);
	assert_int_equal(r.verdict[VERDICT_VALID], 3);
	assert_int_equal(r.accepted, 2);
	assert_int_equal(r.rejected, 3);
	assert_int_equal(r.stale, 2);
	assert_int_equal(roll_unanswered(&r), 1);
	assert_int_equal(r.blocks, 1);
	assert_int_equal(r.last_us, 2000);
	assert_true(r.accepted_difficulty == 8 + 64);
	assert_true(r.stale_difficulty == 16 + 32);
	assert_true(r.rejected_difficulty == 16 + 32 + 128);
	assert_true(r.best == 64);
	assert_true(roll_reject_rate(&r) == 0.6);
	assert_true(roll_stale_rate(&r) == 0.4);
	/* Legs add up. */
	assert_int_equal(r.latency_n, 5);
	assert_int_equal(r.latency, 5 * 500);
	assert_int_equal(r.own + r.tcp_pool + r.pool, r.latency);
	assert_int_equal(r.tcp_miner, 5 * 7);
}

/* What the answer shows takes the place of what the share alone did. */
static void
test_cause_moves(void **state)
{
	struct roll r = { .best = 0 };
	struct verify_brief share = { .verdict = VERDICT_VALID,
		.cause = CAUSE_IN_FLIGHT };
	struct answer said = { .class = ANSWER_REJECTED };
	struct verify_judged judged = { .agreement = AGREE_POOL_REJECTS_VALID,
		.cause = CAUSE_STALE_IN_FLIGHT };
	struct roll_answer a = { .share = &share,
		.said = &said,
		.judged = &judged };

	roll_share(&r, &share, false, 1);
	assert_int_equal(r.cause[CAUSE_IN_FLIGHT], 1);
	roll_answer(&r, &a);
	assert_int_equal(r.cause[CAUSE_IN_FLIGHT], 0);
	assert_int_equal(r.cause[CAUSE_STALE_IN_FLIGHT], 1);
	assert_int_equal(r.disputed, 1);
	assert_int_equal(r.latency_n, 0);
}

static void
fill(struct roll *r, unsigned seed)
{
	srand(seed);
	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < 50; i++) {
		roll_message(r, (unsigned)rand() % 3, (unsigned)rand() % 4096);
		answered(r, (uint8_t)(rand() % VERDICTS),
		    (uint8_t)(ANSWER_ACCEPTED + rand() % 3),
		    (uint8_t)(rand() % ANSWER_REASONS), (double)rand(),
		    rand() % 5000000);
	}
	r->cause[CAUSES - 1] = -3;
}

static void
test_packed(void **state)
{
	struct roll a, b, sum = { .best = 0 }, back;
	struct mbuf m;

	mbuf_init(&m);
	for (unsigned i = 0; i < 100; i++) {
		fill(&a, i);
		mbuf_reset(&m);
		roll_pack(&a, &m);
		assert_in_range(m.len, 1, ROLL_PACKED);
		memset(&back, 0, sizeof(back));
		assert_int_equal(roll_unpack(&back, m.data, m.len), 0);
		assert_memory_equal(&back, &a, sizeof(a));
		/* Unpacking adds, as roll_add() does. */
		fill(&b, i + 1000);
		sum = b;
		roll_add(&sum, &a);
		assert_int_equal(roll_unpack(&b, m.data, m.len), 0);
		assert_memory_equal(&sum, &b, sizeof(sum));
		/* Whatever is cut off is not silently taken for whole. */
		for (size_t n = 0; n < m.len; n++)
			(void)roll_unpack(&back, m.data, n);
	}
	assert_int_equal(roll_unpack(&back, "\x01", 1), -1);
	assert_int_equal(roll_unpack(&back,
			     "\x01\xff\xff\xff\xff\xff\xff\xff"
			     "\xff\xff\xff\xff\x01",
			     13),
	    -1);
	mbuf_free(&m);
}

/* Stores know verdicts and causes by their numbers: these stay. */
static void
test_numbers_stay(void **state)
{
	static const char *const verdicts[] = { "valid", "low_difficulty",
		"stale", "duplicate", "bad_ntime", "bad_extranonce2",
		"bad_version", "unknown_job", "undecided" };
	static const struct {
		unsigned number;
		const char *name;
	} causes[] = { { 1, "borderline" }, { 11, "stale" },
		{ 14, "duplicate" }, { 18, "extranonce2_length" },
		{ 23, "unknown_job" }, { 24, "gap" } };

	for (unsigned i = 0; i < VERDICTS; i++)
		assert_string_equal(verify_verdict_name((enum verify_verdict)i),
		    verdicts[i]);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		assert_string_equal(verify_cause_name(
					(enum verify_cause)causes[i].number),
		    causes[i].name);
}

static int
compare(const void *a, const void *b)
{
	return (*(const int64_t *)a > *(const int64_t *)b) -
	    (*(const int64_t *)a < *(const int64_t *)b);
}

static void
test_percentiles(void **state)
{
	static const double parts[] = { 0.5, 0.9, 0.99 };
	struct roll r = { .best = 0 };
	int64_t all[1000], got, want;

	assert_int_equal(roll_latency(&r, 0.5), 0);
	srand(5);
	for (unsigned i = 0; i < 1000; i++) {
		all[i] = 200 + rand() % (1 << (8 + rand() % 12));
		answered(&r, VERDICT_VALID, ANSWER_ACCEPTED, 0, 1, all[i]);
	}
	qsort(all, 1000, sizeof(all[0]), compare);
	for (unsigned i = 0; i < 3; i++) {
		got = roll_latency(&r, parts[i]);
		want = all[(unsigned)(parts[i] * 1000)];
		/* A bucket is half as wide as it is high. */
		assert_in_range(got, want * 2 / 3, want * 3 / 2);
	}
}

/* --- windows --- */

static void
test_windows(void **state)
{
	static double amount[200000];
	static int64_t at[200000];
	struct rates r, back;
	struct mbuf m;
	int64_t now = INT64_C(1700000000) * 1000000;
	unsigned n = 0, i, w;
	double want, got;

	memset(&r, 0, sizeof(r));
	mbuf_init(&m);
	srand(9);
	/* About one a second for more than a day. */
	for (; n < 100000; n++) {
		now += rand() % 2000000;
		at[n] = now;
		amount[n] = 1 + rand() % 4;
		rates_add(&r, now, amount[n]);
		if (n % 9973 != 0)
			continue;
		for (w = 0; w < RATES_MAX; w++) {
			want = 0;
			for (i = 0; i <= n; i++)
				if (at[i] > now - rates_us(w))
					want += amount[i];
			got = rates_sum(&r, w, now);
			/* The oldest bucket is spread evenly. */
			assert_true(got > want * 0.85 && got < want * 1.15);
		}
	}
	mbuf_reset(&m);
	rates_pack(&r, &m);
	assert_in_range(m.len, 1, RATES_PACKED);
	assert_int_equal(rates_unpack(&back, m.data, m.len), 0);
	assert_memory_equal(&r, &back, sizeof(r));
	assert_int_equal(rates_unpack(&back, m.data, m.len - 1), -1);
	/* Nothing more comes. */
	assert_true(rates_sum(&r, RATES_1M, now + 2 * MINUTE) == 0);
	assert_true(rates_sum(&r, RATES_1H, now + 2 * MINUTE) > 0);
	assert_true(rates_sum(&r, RATES_24H, now + 26 * 60 * MINUTE) == 0);
	mbuf_free(&m);
}

/* A second of it is enough to tell the rate. */
static void
test_young(void **state)
{
	struct session_rec s = { .state = SESSION_LIVE };
	int64_t began = INT64_C(1700000000) * 1000000 + 123456;

	s.first_seen_us = began;
	for (unsigned i = 1; i <= 50; i++)
		rates_add(&s.account.rates, began + i * 100000, 2);
	s.now_us = s.last_seen_us = began + 5000000;
	for (unsigned w = 0; w < RATES_MAX; w++)
		assert_true(session_hashrate(&s, (enum rates_window)w) ==
		    100 * ROLL_HASHES / 5);
}

/* --- how a job spreads --- */

static void
test_fanout(void **state)
{
	struct fanout f = { .sessions = 0 }, g = { .sessions = 0 };
	struct mbuf m;

	assert_int_equal(fanout_part(&f, 0.5), 0);
	for (int64_t i = 1; i <= 1000; i++)
		fanout_add(&f, i * 100);
	fanout_add(&f, -5); /* clocks of two processors */
	assert_int_equal(f.sessions, 1001);
	assert_int_equal(f.last_us, 100000);
	assert_in_range(fanout_part(&f, 0.5), 43000, 57000);
	assert_in_range(fanout_part(&f, 0.99), 86000, 100000);
	assert_int_equal(fanout_part(&f, 1), 100000);
	mbuf_init(&m);
	fanout_pack(&f, &m);
	assert_in_range(m.len, 1, FANOUT_PACKED);
	/* Unpacking adds. */
	assert_int_equal(fanout_unpack(&g, m.data, m.len), 0);
	assert_memory_equal(&f, &g, sizeof(f));
	assert_int_equal(fanout_unpack(&g, m.data, m.len), 0);
	assert_int_equal(g.sessions, 2002);
	assert_int_equal(g.last_us, 100000);
	assert_int_equal(fanout_unpack(&g, m.data, m.len - 1), -1);
	mbuf_free(&m);
}

/* --- how somebody speaks --- */

static void
test_notes(void **state)
{
	struct conform_notes n = { .of = { { 0 } } }, back;
	struct mbuf m;
	struct mcur c;
	unsigned i, j;

	for (i = 0; i < CONFORM_MAX; i++) {
		/* Each has a code of its own, and says something. */
		assert_true(strlen(conform_text((enum conform)i)) > 10);
		for (j = 0; j < i; j++)
			assert_string_not_equal(conform_code((enum conform)i),
			    conform_code((enum conform)j));
	}
	conform_note(&n, CONFORM_CRLF, 7);
	conform_note(&n, CONFORM_CRLF, 9);
	conform_note(&n, CONFORM_SUBMIT_MALFORMED, 8);
	mbuf_init(&m);
	conform_pack(&n, &m);
	mcur_init(&c, m.data, m.len);
	conform_unpack(&back, &c);
	assert_int_equal(msg_end(&c), 0);
	assert_memory_equal(&n, &back, sizeof(n));
	assert_int_equal(back.of[CONFORM_CRLF].count, 2);
	assert_int_equal(back.of[CONFORM_CRLF].first, 7);
	assert_int_equal(back.of[CONFORM_CRLF].last, 9);
	/* What a newer HashScope wrote is left out. */
	m.data[1] = CONFORM_MAX;
	mcur_init(&c, m.data, m.len);
	conform_unpack(&back, &c);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(back.of[CONFORM_CRLF].count, 0);
	mbuf_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_cause_moves),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_numbers_stay),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_young),
		cmocka_unit_test(test_fanout),
		cmocka_unit_test(test_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
