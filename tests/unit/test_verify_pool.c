/*
 * The verifier beside the pool: bytes that are missing, answers, agreement;
 * and its bounds.
 */
#include "tests/unit/verifyrig.h"

/* --- bytes that are missing --- */

static void
test_gap(void **state)
{
	struct rig r;

	rig_init(&r);
	verify_gap(r.l.v);
	r.least = DIFF / 100;
	r.most = DIFF / 2;
	check(share(&r), VERDICT_UNDECIDED, CAUSE_GAP, false);
	snprintf(r.job.id, sizeof(r.job.id), "j9");
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_GAP, false);
	restart(&r.l);
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_GAP, false);
	/* What is valid is so whatever was missed; then all is known again. */
	notify(&r, true);
	difficulty(&r, DIFF);
	r.least = DIFF;
	r.most = 1e9;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	r.least = DIFF / 100;
	r.most = DIFF / 2;
	check(share(&r), VERDICT_LOW_DIFFICULTY, CAUSE_LOW, true);
	snprintf(r.job.id, sizeof(r.job.id), "j8");
	check(submit(&r), VERDICT_UNKNOWN_JOB, CAUSE_UNKNOWN_JOB, true);
	rig_free(&r);
}

/* A session that was joined in its middle. */
static void
test_no_handshake(void **state)
{
	struct rig r;

	rig_bare(&r);
	verify_free(r.l.v);
	r.l.v = verify_new(r.l.store);
	check(submit(&r), VERDICT_UNKNOWN_JOB, CAUSE_UNKNOWN_JOB, true);
	verify_gap(r.l.v);
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_GAP, false);
	notify(&r, true);
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_GAP, false);
	rig_free(&r);
}

/* --- the pool's answers --- */

static void
test_answers(void **state)
{
	static const struct {
		const char *json;
		enum answer_class class;
		enum answer_reason reason;
		enum answer_shape shape;
		int code; /* -99: none */
		const char *text;
	} v[] = {
#define OK ANSWER_ACCEPTED
#define NO ANSWER_REJECTED
		{ "{\"result\":true,\"error\":null}", OK, 0, 0, -99, "" },
		{ "{\"result\":true}", OK, 0, 0, -99, "" },
		{ "{\"result\":true,\"error\":false}", OK, 0, 0, -99, "" },
		{ "{\"result\":false,\"error\":null}", NO, ANSWER_R_OTHER, 0,
		    -99, "" },
		{ "{\"result\":null,\"error\":[21,\"Job not found\",null]}", NO,
		    ANSWER_R_UNKNOWN_JOB, ANSWER_S_ARRAY, 21, "Job not found" },
		{ "{\"result\":false,\"error\":[21,\"Stale\",null]}", NO,
		    ANSWER_R_STALE, ANSWER_S_ARRAY, 21, "Stale" },
		{ "{\"error\":{\"code\":23,\"message\":\"x\",\"data\":null}}",
		    NO, ANSWER_R_LOW_DIFFICULTY, ANSWER_S_OBJECT, 23, "x" },
		{ "{\"result\":null,\"error\":\"Above target\"}", NO,
		    ANSWER_R_LOW_DIFFICULTY, ANSWER_S_STRING, -99,
		    "Above target" },
		{ "{\"reject-reason\":\"Above target\",\"result\":false,"
		  "\"error\":null}",
		    NO, ANSWER_R_LOW_DIFFICULTY, ANSWER_S_REJECT, -99,
		    "Above target" },
		{ "{\"result\":null,\"error\":[20,\"unknown-work\"]}", NO,
		    ANSWER_R_UNKNOWN_JOB, ANSWER_S_ARRAY, 20, "unknown-work" },
		{ "{\"error\":[23,\"high-hash\"]}", NO, ANSWER_R_LOW_DIFFICULTY,
		    ANSWER_S_ARRAY, 23, "high-hash" },
		{ "{\"error\":[23,\"H-not-zero\"]}", NO,
		    ANSWER_R_LOW_DIFFICULTY, ANSWER_S_ARRAY, 23, "H-not-zero" },
		{ "{\"error\":[23,\"bad-version\"]}", NO, ANSWER_R_VERSION,
		    ANSWER_S_ARRAY, 23, "bad-version" },
		{ "{\"error\":[21,\"stale-prevblk\"]}", NO, ANSWER_R_STALE,
		    ANSWER_S_ARRAY, 21, "stale-prevblk" },
		{ "{\"error\":[21,\"time-too-old\"]}", NO, ANSWER_R_NTIME,
		    ANSWER_S_ARRAY, 21, "time-too-old" },
		{ "{\"error\":[21,\"time-too-new\"]}", NO, ANSWER_R_NTIME,
		    ANSWER_S_ARRAY, 21, "time-too-new" },
		{ "{\"error\":[22,\"duplicate\"]}", NO, ANSWER_R_DUPLICATE,
		    ANSWER_S_ARRAY, 22, "duplicate" },
		{ "{\"error\":[24,\"\"]}", NO, ANSWER_R_UNAUTHORIZED,
		    ANSWER_S_ARRAY, 24, "" },
		{ "{\"error\":[25,null]}", NO, ANSWER_R_UNSUBSCRIBED,
		    ANSWER_S_ARRAY, 25, "" },
		{ "{\"error\":[28]}", NO, ANSWER_R_BANNED, ANSWER_S_ARRAY, 28,
		    "" },
		{ "{\"error\":[31]}", NO, ANSWER_R_NTIME, ANSWER_S_ARRAY, 31,
		    "" },
		{ "{\"error\":[33]}", NO, ANSWER_R_VERSION, ANSWER_S_ARRAY, 33,
		    "" },
		{ "{\"error\":[35]}", NO, ANSWER_R_EXTRANONCE2, ANSWER_S_ARRAY,
		    35, "" },
		{ "{\"error\":[37]}", NO, ANSWER_R_STALE, ANSWER_S_ARRAY, 37,
		    "" },
		{ "{\"error\":[-3]}", NO, ANSWER_R_MALFORMED, ANSWER_S_ARRAY,
		    -3, "" },
		{ "{\"error\":[99,\"\"]}", NO, ANSWER_R_OTHER, ANSWER_S_ARRAY,
		    99, "" },
		{ "{\"error\":[\"23\",1]}", NO, ANSWER_R_OTHER, ANSWER_S_ARRAY,
		    -99, "" },
		{ "{\"error\":[]}", NO, ANSWER_R_OTHER, ANSWER_S_ARRAY, -99,
		    "" },
		{ "{\"error\":23}", NO, ANSWER_R_OTHER, ANSWER_S_OTHER, -99,
		    "" },
		{ "{\"result\":true,\"error\":[20,\"x\"]}", ANSWER_ODD, 0,
		    ANSWER_S_ARRAY, 20, "x" },
		{ "{\"result\":null,\"error\":null}", ANSWER_ODD, 0, 0, -99,
		    "" },
		{ "{\"result\":\"ok\"}", ANSWER_ODD, 0, 0, -99, "" },
		{ "{}", ANSWER_ODD, 0, 0, -99, "" },
		{ "[]", ANSWER_ODD, 0, 0, -99, "" },
	};
	static const struct {
		const char *text;
		enum answer_reason reason;
	} texts[] = {
		{ "Invalid nonce2 length", ANSWER_R_EXTRANONCE2 },
		{ "Worker mismatch", ANSWER_R_WORKER },
		{ "No nonce", ANSWER_R_MALFORMED },
		{ "No ntime", ANSWER_R_MALFORMED },
		{ "No nonce2", ANSWER_R_MALFORMED },
		{ "No job_id", ANSWER_R_MALFORMED },
		{ "No username", ANSWER_R_MALFORMED },
		{ "Invalid array size", ANSWER_R_MALFORMED },
		{ "Params not array", ANSWER_R_MALFORMED },
		{ "Invalid JobID", ANSWER_R_UNKNOWN_JOB },
		{ "Stale", ANSWER_R_STALE },
		{ "Ntime out of range", ANSWER_R_NTIME },
		{ "Duplicate", ANSWER_R_DUPLICATE },
		{ "Above target", ANSWER_R_LOW_DIFFICULTY },
		{ "Invalid version mask", ANSWER_R_VERSION },
		{ "low difficulty share of 0.5", ANSWER_R_LOW_DIFFICULTY },
		{ "Unauthorized worker", ANSWER_R_UNAUTHORIZED },
		{ "Not subscribed", ANSWER_R_UNSUBSCRIBED },
		{ "whatever", ANSWER_R_OTHER },
	};
	static struct jtree t;
	struct answer a;
	size_t i;

	for (i = 0; i < N(v); i++) {
		assert_int_equal(jtree_parse(&t, v[i].json, strlen(v[i].json)),
		    0);
		answer_parse(&t, &a);
		assert_int_equal(a.class, v[i].class);
		/* A bare number is its code. */
		if (v[i].shape != ANSWER_S_OTHER) {
			assert_int_equal(a.reason, v[i].reason);
			assert_int_equal(a.has_code, v[i].code != -99);
		} else
			assert_int_equal(a.reason, ANSWER_R_LOW_DIFFICULTY);
		assert_int_equal(a.shape, v[i].shape);
		if (v[i].code != -99)
			assert_int_equal(a.code, v[i].code);
		assert_string_equal(a.text, v[i].text);
	}
	for (i = 0; i < N(texts); i++)
		assert_int_equal(answer_reason(texts[i].text, true, 20),
		    texts[i].reason);
}

/* A pool that is wrong is shown as wrong. */
static void
test_agreement(void **state)
{
	struct rig r;

	rig_init(&r);
	share(&r);
	answer(&r, REJECT("Above target"));
	assert_int_equal(r.l.judged.agreement, AGREE_POOL_REJECTS_VALID);
	submit(&r);
	answer(&r, ACCEPT);
	assert_int_equal(r.l.judged.agreement, AGREE_POOL_ACCEPTS_INVALID);
	assert_false(r.l.judged.acks_anything);
	submit(&r);
	answer(&r, REJECT("Above target"));
	assert_int_equal(r.l.judged.agreement, AGREE_OTHER_REASON);
	r.nonce++;
	r.en2.b[0]++;
	share(&r);
	answer(&r, "\"result\":\"maybe\"");
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	r.en2.b[0]++;
	share(&r);
	answer(&r, REJECT("you are banned"));
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	rig_free(&r);
}

/* An upstream that acknowledges everything by itself. */
static void
test_acks_anything(void **state)
{
	struct rig r;
	int i;

	rig_init(&r);
	share(&r);
	answer(&r, ACCEPT);
	for (i = 1; i <= 3; i++) {
		submit(&r);
		answer(&r, ACCEPT);
		assert_int_equal(r.l.judged.acks_anything, i == 3);
	}
	restart(&r.l);
	submit(&r);
	answer(&r, ACCEPT);
	assert_true(r.l.judged.acks_anything);
	submit(&r);
	answer(&r, REJECT("Duplicate"));
	assert_false(r.l.judged.acks_anything);
	rig_free(&r);
}

/* --- bounds --- */

static void
test_bounded(void **state)
{
	struct rig r;
	char en1[9];
	unsigned i;

	rig_init(&r);
	for (i = 0; i < 3000; i++) {
		snprintf(en1, sizeof(en1), "%08x", i);
		set_extranonce(&r, en1, i % 40);
		snprintf(r.job.id, sizeof(r.job.id), "%x", i % 100);
		r.job.ntime++;
		notify(&r, i % 977 == 0);
		authorize(&r, en1, true);
		r.nonce = i;
		submit(&r);
		difficulty(&r, 1e-12 * i);
	}
	assert_true(verify_memory(r.l.v) < 64 * 1024);
	assert_true(work_store_jobs(r.l.store) <= VERIFY_JOBS_MAX);
	rig_free(&r);
	/* A session that does nothing takes next to nothing. */
	rig_bare(&r);
	assert_true(verify_memory(r.l.v) < 600);
	rig_free(&r);
}

/* A restart with any number of jobs does not move the bound on them. */
static void
test_bounds_after_restart(void **state)
{
	struct rig r;
	unsigned i, at;
	char id[16];

	for (at = 1; at <= VERIFY_JOBS_MAX; at += 7) {
		rig_init(&r);
		for (i = 0; i < 4 * VERIFY_JOBS_MAX; i++) {
			if (i == at)
				restart(&r.l);
			snprintf(id, sizeof(id), "n%u", i);
			new_job(&r, id);
			notify(&r, false);
			assert_true(verify_jobs(r.l.v) <= VERIFY_JOBS_MAX);
		}
		assert_int_equal(verify_jobs(r.l.v), VERIFY_JOBS_MAX);
		restart(&r.l);
		rig_free(&r);
	}
}

static void
test_unpack_cut(void **state)
{
	struct rig r;
	struct mbuf b;
	struct mcur c;
	size_t cut;

	rig_init(&r);
	share(&r);
	mbuf_init(&b);
	verify_pack(r.l.v, &b, true);
	for (cut = 0; cut < b.len; cut++) {
		mcur_init(&c, b.data, cut);
		assert_null(verify_unpack(r.l.store, &c));
		assert_true(c.bad);
	}
	b.data[0] ^= 0x80;
	mcur_init(&c, b.data, b.len);
	assert_null(verify_unpack(r.l.store, &c));
	mbuf_free(&b);
	rig_free(&r);
}

/* What needs to be written again, and what does not. */
static void
test_generation(void **state)
{
	struct rig r;
	uint64_t g;

	rig_init(&r);
	g = verify_generation(r.l.v);
	share(&r);
	answer(&r, ACCEPT);
	difficulty(&r, DIFF);
	assert_int_equal(verify_generation(r.l.v), g);
	difficulty(&r, 2 * DIFF);
	assert_true(verify_generation(r.l.v) > g);
	g = verify_generation(r.l.v);
	notify(&r, false);
	assert_true(verify_generation(r.l.v) > g);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_no_handshake),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_acks_anything),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_bounds_after_restart),
		cmocka_unit_test(test_unpack_cut),
		cmocka_unit_test(test_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
