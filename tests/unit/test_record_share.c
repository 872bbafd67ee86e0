/*
 * Shares, workers and jobs on the wire, and as JSON: what was put is got,
 * each cut and each value that nobody can mean is bad, and valid JSON comes
 * out whatever is in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/object_share.h"

#define LONGEST(a) (memset((a), 'x', sizeof(a) - 1), (a)[sizeof(a) - 1] = '\0')

static const uint8_t verification[] = "{\"possible\":true}";
static uint8_t coinb[WORK_COINBASE_MAX / 2];

/* All at their largest. */
static void
fill_share(struct share_rec *s)
{
	memset(s, 0, sizeof(*s));
	s->pos = UINT64_MAX;
	s->answer = 7;
	s->job = 9;
	memset(s->session, 0xab, sizeof(s->session));
	s->ts_us = 1795262400123456;
	s->flags = SF_FIRM | SF_BLOCK | SF_HASHED | SF_BITS | SF_NTIME |
	    SF_NONCE | SF_CODE | SF_COMMITTED | SF_BROADCAST;
	s->repeat = 1000;
	s->verdict = VERDICTS - 1;
	s->cause = CAUSE_STALE;
	s->said = ANSWER_ODD;
	s->agreement = AGREEMENTS - 1;
	s->reason = ANSWER_REASONS - 1;
	s->formula = WORK_XOR;
	s->formulas = 15;
	s->passed = 7;
	s->en1.len = s->en2.len = WORK_EXTRANONCE_MAX;
	memset(s->en1.b, 1, sizeof(s->en1.b));
	memset(s->en2.b, 2, sizeof(s->en2.b));
	for (unsigned i = 0; i < 32; i++)
		s->hash[i] = (uint8_t)i;
	s->ntime = 0x6b016b19;
	s->nonce = 0x00abcdef;
	s->bits = 0x00800000;
	s->version = 0x20800000;
	s->mask = 0x1fffe000;
	s->reached = 0.25;
	s->required = s->job_difficulty = 0.125;
	s->present = 0.0625;
	s->previous = 512;
	s->late_us = 1500;
	s->job_age_us = 3;
	s->code = -3;
	s->latency_us = 2500;
	s->own_us = 4;
	s->tcp_miner_us = 5;
	s->tcp_pool_us = 6;
	s->pool_us = 0;
	LONGEST(s->worker);
	LONGEST(s->job_id);
	LONGEST(s->error);
	s->verification = verification;
	s->verification_len = sizeof(verification) - 1;
}

static void
fill_worker(struct worker_rec *w)
{
	memset(w, 0, sizeof(*w));
	w->id = 3;
	LONGEST(w->name);
	w->last = UINT64_C(1) << 60;
	w->first_seen_us = 1;
	w->last_share_us = 2;
	w->shares = 100;
	w->valid = 90;
	w->stale = 4;
	w->duplicate = 3;
	w->low = 2;
	w->blocks = 1;
	w->accepted = 91;
	w->rejected = 9;
	w->disputed = 1;
	w->accepted_difficulty = 1e300;
	w->best = 5;
	w->live = 12;
	w->sessions = WORKER_SESSIONS;
	memset(w->session, 0x77, sizeof(w->session));
}

static void
fill_job(struct job_rec *j)
{
	memset(j, 0, sizeof(*j));
	j->id = 1;
	j->pos = j->first = 2;
	j->last = 3;
	j->ts_us = 4;
	LONGEST(j->pool);
	LONGEST(j->job_id);
	j->clean = 1;
	j->version = 0x20000000;
	j->nbits = 0x1702b000;
	j->ntime = 0x6b016b19;
	memset(j->prevhash, 9, sizeof(j->prevhash));
	j->branches = WORK_BRANCHES_MAX;
	memset(j->branch, 0x55, sizeof(j->branch));
	j->extranonce_len = 2 * WORK_EXTRANONCE_MAX;
	j->height = 880004;
	LONGEST(j->tag);
	j->total = UINT64_C(312512066);
	j->outputs = 1000;
	j->has_commitment = true;
	memset(j->commitment, 8, sizeof(j->commitment));
	j->kept = COINBASE_OUTPUTS_MAX;
	for (unsigned i = 0; i < j->kept; i++) {
		j->output[i].value = i;
		j->output[i].type = ADDRESS_OP_RETURN;
		LONGEST(j->output[i].address);
		j->output[i].script_len = 10000;
		memset(j->output[i].script, 0x6a, JOB_SCRIPT);
	}
	j->coinb1 = j->coinb2 = coinb;
	j->coinb1_len = j->coinb2_len = sizeof(coinb);
}

/* --- on the wire --- */

#define KIND(type, stem)                                                    \
	static void put_##stem(struct mbuf *b)                              \
	{                                                                   \
		struct type *r = malloc(sizeof(*r));                        \
                                                                            \
		assert_non_null(r);                                         \
		fill_##stem(r);                                             \
		stem##_put(b, r);                                           \
		free(r);                                                    \
	}                                                                   \
	/* A copy of exactly these bytes, so that ASan sees its end. */     \
	static int again_##stem(const uint8_t *p, size_t n, struct mbuf *b) \
	{                                                                   \
		struct type *r = malloc(sizeof(*r));                        \
		uint8_t *copy = malloc(n > 0 ? n : 1);                      \
		struct mcur c;                                              \
		int ok;                                                     \
                                                                            \
		assert_non_null(r);                                         \
		assert_non_null(copy);                                      \
		memcpy(copy, p, n);                                         \
		mcur_init(&c, copy, n);                                     \
		stem##_get(&c, r);                                          \
		ok = msg_end(&c);                                           \
		mbuf_reset(b);                                              \
		if (ok == 0)                                                \
			stem##_put(b, r);                                   \
		free(copy);                                                 \
		free(r);                                                    \
		return ok;                                                  \
	}

/* clang-format off */
KIND(share_rec, share)
KIND(worker_rec, worker)
KIND(job_rec, job)
/* clang-format on */

static const struct {
	void (*put)(struct mbuf *);
	int (*again)(const uint8_t *, size_t, struct mbuf *);
	enum msg_type row;
} kinds[] = {
	{ put_share, again_share, MSG_ROW_SHARE },
	{ put_worker, again_worker, MSG_ROW_WORKER },
	{ put_job, again_job, MSG_ROW_JOB },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
test_round_trip(void **state)
{
	struct mbuf first, again;
	size_t i;

	mbuf_init(&first);
	mbuf_init(&again);
	for (i = 0; i < NKINDS; i++) {
		mbuf_reset(&first);
		kinds[i].put(&first);
		assert_false(first.bad);
		assert_true(first.len <= msg_info(kinds[i].row)->size);
		assert_int_equal(kinds[i].again(first.data, first.len, &again),
		    0);
		assert_int_equal(again.len, first.len);
		assert_memory_equal(again.data, first.data, first.len);
	}
	mbuf_free(&first);
	mbuf_free(&again);
}

static void
test_cut_and_extra(void **state)
{
	struct mbuf b, again;
	size_t i, n;

	mbuf_init(&b);
	mbuf_init(&again);
	for (i = 0; i < NKINDS; i++) {
		mbuf_reset(&b);
		kinds[i].put(&b);
		/* The long tails byte by byte would say nothing more. */
		for (n = 0; n < b.len; n += n < 2000 ? 1 : 997)
			assert_int_equal(kinds[i].again(b.data, n, &again), -1);
		msg_put_u8(&b, 0);
		assert_int_equal(kinds[i].again(b.data, b.len, &again), -1);
	}
	mbuf_free(&b);
	mbuf_free(&again);
}

/* Whether a share with this change passes. */
static bool
share_passes(void (*change)(struct share_rec *))
{
	struct share_rec s;
	struct mbuf b, again;
	bool ok;

	fill_share(&s);
	change(&s);
	mbuf_init(&b);
	mbuf_init(&again);
	share_put(&b, &s);
	ok = again_share(b.data, b.len, &again) == 0;
	mbuf_free(&b);
	mbuf_free(&again);
	return ok;
}

#define CHANGE(name, what)                    \
	static void name(struct share_rec *s) \
	{                                     \
		what;                         \
	}
/* clang-format off */
CHANGE(no_change, (void)s)
CHANGE(no_bits, s->formula = WORK_FORMULAS)
CHANGE(odd_flags, s->flags = 0x10000)
CHANGE(odd_verdict, s->verdict = VERDICTS)
CHANGE(odd_cause, s->cause = CAUSES)
CHANGE(odd_said, s->said = ANSWER_ODD + 1)
CHANGE(odd_agreement, s->agreement = AGREEMENTS)
CHANGE(odd_reason, s->reason = ANSWER_REASONS)
CHANGE(odd_formula, s->formula = WORK_FORMULAS + 1)
CHANGE(odd_formulas, s->formulas = 16)
CHANGE(odd_passed, s->passed = 8)
/* clang-format on */

static void
test_nobody_means_that(void **state)
{
	assert_true(share_passes(no_change));
	assert_true(share_passes(no_bits));
	assert_false(share_passes(odd_flags));
	assert_false(share_passes(odd_verdict));
	assert_false(share_passes(odd_cause));
	assert_false(share_passes(odd_said));
	assert_false(share_passes(odd_agreement));
	assert_false(share_passes(odd_reason));
	assert_false(share_passes(odd_formula));
	assert_false(share_passes(odd_formulas));
	assert_false(share_passes(odd_passed));
}

/* --- as JSON --- */

static const char *
finish(struct json_out *o)
{
	size_t len;
	const char *text = json_finish(o, &len);

	assert_non_null(text);
	assert_int_equal(json_valid(text, len, 64, NULL), 0);
	return text;
}

static void
has(const char *text, const char *const *wants)
{
	for (; *wants != NULL; wants++)
		if (strstr(text, *wants) == NULL)
			fail_msg("no %s in %s", *wants, text);
}

static void
test_share_object(void **state)
{
	static const char *const wants[] = { "\"id\":\"18446744073709551615\"",
		"\"message_id\":\"18446744073709551615\"",
		"\"session_id\":\"abababab-abab-abab-abab-abababababab\"",
		"\"worker\":\"w\"", "\"job_id\":\"j\"", "\"job\":\"9\"",
		"\"ts\":\"2026-11-21T12:00:00.123456Z\"",
		"\"extranonce1\":\"0101", "\"extranonce2\":\"0202",
		"\"ntime\":\"6b016b19\"", "\"nonce\":\"00abcdef\"",
		"\"version\":\"20800000\"", "\"version_bits\":\"00800000\"",
		"\"version_mask\":\"1fffe000\"", "\"hash\":\"1f1e1d",
		"\"difficulty\":0.25", "\"required_difficulty\":0.125",
		"\"difficulties\":{\"job\":0.125,\"present\":0.0625,"
		"\"previous\":512,\"passed\":[\"job\",\"present\","
		"\"previous\"]}",
		"\"is_block\":true", "\"verdict\":\"undecided\"",
		"\"pool_verdict\":\"odd\"", "\"pool_error\":\"no\"",
		"\"pool_error_code\":-3", "\"cause\":\"stale\"",
		"\"cause_text\":\"stale by 1 ms: the pool had withdrawn the "
		"job\"",
		"\"agreement\":\"pool_rejects_valid\"", "\"answer_id\":\"7\"",
		"\"version_formula\":\"xor\"",
		"\"version_formulas\":[\"bip310\",\"or\",\"xor\",\"none\"]",
		"\"late_ms\":1.5", "\"latency_ms\":2.5",
		"\"latency\":{\"own_us\":4,\"tcp_miner_us\":5,"
		"\"tcp_pool_us\":6,\"pool_us\":0}",
		"\"committed\":true", "\"verification\":{\"possible\":true}",
		NULL };
	struct share_rec s;
	struct json_out o;

	fill_share(&s);
	strcpy(s.worker, "w");
	strcpy(s.job_id, "j");
	strcpy(s.error, "no");
	json_init(&o, 1u << 20);
	object_share(&o, &s);
	has(finish(&o), wants);
	/* A pool without words. */
	s.error[0] = '\0';
	json_reset(&o);
	object_share(&o, &s);
	has(finish(&o),
	    (const char *const[]){ "\"pool_error\":\"code -3\"", NULL });
	json_clear(&o);
}

/* What is not known is null, and never a number. */
static void
test_bare_share_object(void **state)
{
	static const char *const wants[] = { "\"worker\":\"\"",
		"\"job_id\":\"\"", "\"extranonce2\":null", "\"ntime\":null",
		"\"nonce\":null", "\"version\":null", "\"version_bits\":null",
		"\"hash\":null", "\"difficulty\":null",
		"\"required_difficulty\":null",
		"\"pool_verdict\":\"unanswered\"", "\"pool_error\":null",
		"\"cause\":null", "\"cause_text\":null", "\"answer_id\":null",
		"\"version_formula\":null", "\"latency_ms\":null",
		"\"latency\":{\"own_us\":null,\"tcp_miner_us\":null,"
		"\"tcp_pool_us\":null,\"pool_us\":null}",
		"\"committed\":false", NULL };
	struct share_rec s = { .pos = 1,
		.formula = WORK_FORMULAS,
		.latency_us = -1,
		.own_us = -1,
		.tcp_miner_us = -1,
		.tcp_pool_us = -1,
		.pool_us = -1 };
	struct json_out o;

	json_init(&o, 1u << 20);
	object_share(&o, &s);
	has(finish(&o), wants);
	assert_null(strstr(finish(&o), "verification"));
	json_clear(&o);
}

/* Every cause has its sentence, and none of them needs the job. */
static void
test_all_causes(void **state)
{
	struct share_rec s;
	char buf[600];

	fill_share(&s);
	for (unsigned c = 0; c < CAUSES; c++) {
		s.cause = (uint8_t)c;
		share_sentence(&s, buf, sizeof(buf));
		assert_int_equal(buf[0] == '\0', c == CAUSE_NONE);
	}
}

static void
test_worker_object(void **state)
{
	static const char *const wants[] = { "\"id\":\"3\"",
		"\"name\":\"\xef\xbf\xbd\\\"\\u001b\"", "\"last_share_id\":\"",
		"\"shares\":{\"total\":100,\"valid\":90,\"stale\":4,"
		"\"duplicate\":3,\"low_difficulty\":2,\"other\":1,"
		"\"accepted\":91,\"rejected\":9,\"disputed\":1,\"blocks\":1}",
		"\"best_difficulty\":5", "\"live_sessions\":12",
		"\"sessions\":[\"77777777-", NULL };
	struct worker_rec w;
	struct json_out o;

	fill_worker(&w);
	/* Nobody's name is what ends the JSON. */
	memcpy(w.name, "\xff\"\x1b", 4);
	json_init(&o, 1u << 20);
	object_worker(&o, &w);
	has(finish(&o), wants);
	json_clear(&o);
}

static void
test_job_object(void **state)
{
	static const char *const wants[] = { "\"id\":\"1\"",
		"\"first_message_id\":\"2\"", "\"last_message_id\":\"3\"",
		"\"fault\":null", "\"clean_jobs\":true",
		"\"previous_block\":\"0909", "\"version\":\"20000000\"",
		"\"nbits\":\"1702b000\"", "\"network_difficulty\":10473327692",
		"\"ntime\":\"6b016b19\"",
		"\"time\":\"2026-11-21T09:57:45.000000Z\"",
		"\"merkle_branches\":[\"5555", "\"coinbase_fault\":null",
		"\"height\":880004", "\"output_count\":1000",
		"\"reward\":312512066", "\"reward_btc\":\"3.12512066\"",
		"\"type\":\"op_return\"", "\"script_bytes\":10000",
		"\"witness_commitment\":\"0808", "\"coinbase1\":\"0000", NULL };
	struct job_rec *j = malloc(sizeof(*j));
	struct json_out o;

	assert_non_null(j);
	fill_job(j);
	json_init(&o, 1u << 20);
	object_job(&o, j);
	has(finish(&o), wants);
	/* One that could not be read has nothing in it. */
	memset(j, 0, sizeof(*j));
	j->fault = WORK_BAD_PREVHASH;
	j->clean = -1;
	j->height = -1;
	json_reset(&o);
	object_job(&o, j);
	has(finish(&o),
	    (const char *const[]){ "\"fault\":\"its previous hash is",
		"\"clean_jobs\":null", "\"previous_block\":null",
		"\"nbits\":null", "\"height\":null", "\"outputs\":[]",
		"\"reward\":null", "\"coinbase1\":null", NULL });
	json_clear(&o);
	free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_and_extra),
		cmocka_unit_test(test_nobody_means_that),
		cmocka_unit_test(test_share_object),
		cmocka_unit_test(test_bare_share_object),
		cmocka_unit_test(test_all_causes),
		cmocka_unit_test(test_worker_object),
		cmocka_unit_test(test_job_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
