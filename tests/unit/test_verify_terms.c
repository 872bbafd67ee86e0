/*
 * The verifier when the terms change: extranonces, difficulty, version
 * rolling.
 */
#include "tests/unit/verifyrig.h"

/* --- extranonces --- */

static void
test_extranonce2(void **state)
{
	struct rig r;

	rig_init(&r);
	/* One byte too few; the miner hashed it with a zero behind. */
	memset(r.en2.b, 7, 3);
	r.en2.b[3] = 0;
	mine(&r, &r.job, &r.en1);
	r.en2.len = 3;
	check(submit(&r), VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_LENGTH, false);
	assert_int_equal(r.l.share.en2_form, EN2_PADDED);
	assert_int_equal(r.l.share.en2_sent, 3);
	assert_int_equal(r.l.share.en2.len, 4);
	assert_true(r.l.share.passed & VERIFY_BY_JOB);
	SENTENCE(&r.l.share,
	    "extranonce2 has 3 bytes where the pool asks for "
	    "4; valid when zeros are added on the right, as "
	    "ckpool does");
	/* It hashed what it sent. */
	check(share(&r), VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_LENGTH, false);
	assert_int_equal(r.l.share.en2_form, EN2_AS_SENT);
	/* Too much of it. */
	r.en2.len = 4;
	r.en2.b[3] = 9;
	mine(&r, &r.job, &r.en1);
	r.en2.len = 8;
	check(submit(&r), VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_LENGTH, false);
	assert_int_equal(r.l.share.en2_form, EN2_CUT);
	/* Nothing makes it valid. */
	r.en2.len = 2;
	check(submit(&r), VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_LENGTH, true);
	answer(&r, REJECT("Invalid nonce2 length"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	rig_free(&r);
}

/* Effective with the next notify, also when it repeats the job's id. */
static void
test_set_extranonce(void **state)
{
	struct sim_nonce old, new = { { 0xee, 0xff }, 2 };
	struct rig r;

	rig_init(&r);
	old = r.en1;
	set_extranonce(&r, "eeff", 4);
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	mine(&r, &r.job, &new);
	check(submit(&r), VERDICT_LOW_DIFFICULTY, CAUSE_NEW_EXTRANONCE, false);
	notify(&r, false);
	r.en2.b[0]++;
	mine(&r, &r.job, &new);
	check(submit(&r), VERDICT_VALID, CAUSE_NONE, true);
	mine(&r, &r.job, &old);
	check(submit(&r), VERDICT_LOW_DIFFICULTY, CAUSE_OLD_EXTRANONCE, true);
	assert_memory_equal(r.l.share.en1.b, old.b, old.len);
	answer(&r, REJECT("Above target"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	new_job(&r, "j2");
	notify(&r, true);
	mine(&r, &r.job, &old);
	check(submit(&r), VERDICT_LOW_DIFFICULTY, CAUSE_OLD_EXTRANONCE, true);
	restart(&r.l);
	r.en2.b[0]++;
	mine(&r, &r.job, &old);
	check(submit(&r), VERDICT_LOW_DIFFICULTY, CAUSE_OLD_EXTRANONCE, true);
	mine(&r, &r.job, &new);
	check(submit(&r), VERDICT_VALID, CAUSE_NONE, true);
	rig_free(&r);
}

/* Lengths seen in the field, and what cannot be used. */
static void
test_extranonce1(void **state)
{
	static const char *const en1[] = { "", "01", "01020304050607",
		"0102030405060708",
		"010203040506070809101112131415161718192021222324" };
	static const char *const odd[] = { "\"abc\",4", "\"zz\",4", "1,4",
		"\"01\",\"4\"", "\"01\",-1", "\"01\",33", "\"01\",null",
		("\"01020304050607080910111213141516171819202122232425262728"
		 "293031323334\",4") };
	struct rig r;
	size_t i;

	for (i = 0; i < N(en1); i++) {
		rig_init(&r);
		subscribe(&r, en1[i], 8);
		notify(&r, true);
		r.en2.len = 8;
		check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
		rig_free(&r);
	}
	for (i = 0; i < N(odd); i++) {
		rig_init(&r);
		vl_miner(&r.l, r.ts,
		    "{\"id\":1,\"method\":\"mining.subscribe\"}");
		vl_pool(&r.l, r.ts, "{\"id\":1,\"result\":[[],%s]}", odd[i]);
		new_job(&r, "j2");
		notify(&r, true);
		check(submit(&r), VERDICT_UNDECIDED, CAUSE_NO_EXTRANONCE,
		    false);
		rig_free(&r);
	}
}

/* --- difficulty --- */

static void
test_in_flight(void **state)
{
	struct rig r;
	int i;

	rig_init(&r);
	r.most = 4 * DIFF;
	difficulty(&r, 4 * DIFF);
	check(share(&r), VERDICT_VALID, CAUSE_IN_FLIGHT, false);
	assert_int_equal(r.l.share.passed, VERIFY_BY_JOB | VERIFY_BY_PREVIOUS);
	answer(&r, REJECT("Above target"));
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	/* With the next job it is too low, and the miner lags behind. */
	new_job(&r, "j2");
	notify(&r, false);
	r.en2.b[0]++;
	check(share(&r), VERDICT_LOW_DIFFICULTY, CAUSE_OLD_DIFFICULTY, false);
	for (i = 0; i < 3; i++) {
		r.ntime = ++r.job.ntime;
		notify(&r, false);
	}
	r.en2.b[0]++;
	check(share(&r), VERDICT_LOW_DIFFICULTY, CAUSE_OLD_DIFFICULTY, true);
	/* Down again: the share does for the present one only. */
	difficulty(&r, DIFF);
	r.en2.b[0]++;
	check(share(&r), VERDICT_LOW_DIFFICULTY, CAUSE_IN_FLIGHT, false);
	assert_int_equal(r.l.share.passed, VERIFY_BY_PRESENT);
	answer(&r, ACCEPT);
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	new_job(&r, "j3");
	notify(&r, false);
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	rig_free(&r);
}

/* The change and the share cross: the pool judges by what comes later. */
static void
test_crossed(void **state)
{
	struct rig r;

	rig_init(&r);
	r.most = 4 * DIFF;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	difficulty(&r, 4 * DIFF);
	answer(&r, REJECT("Above target"));
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	assert_int_equal(r.l.judged.cause, CAUSE_IN_FLIGHT);
	difficulty(&r, DIFF);
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	new_job(&r, "j2");
	notify(&r, true);
	answer(&r, "\"result\":false,\"error\":[21,\"\",null]");
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	assert_int_equal(r.l.judged.cause, CAUSE_STALE_IN_FLIGHT);
	rig_free(&r);
}

/* A difficulty that first comes behind the job is meant for it. */
static void
test_late_difficulty(void **state)
{
	struct rig r;

	rig_bare(&r);
	notify(&r, true);
	check(share(&r), VERDICT_UNDECIDED, CAUSE_NO_DIFFICULTY, false);
	assert_true(r.l.share.hashed && r.l.share.reached >= DIFF);
	difficulty(&r, DIFF);
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	/* Nonsense changes nothing. */
	vl_pool(&r.l, r.ts,
	    "{\"method\":\"mining.set_difficulty\",\"params\":"
	    "[\"12\"]}");
	vl_pool(&r.l, r.ts,
	    "{\"method\":\"mining.set_difficulty\",\"params\":"
	    "[-1]}");
	vl_pool(&r.l, r.ts,
	    "{\"method\":\"mining.set_difficulty\",\"params\":"
	    "[0]}");
	vl_pool(&r.l, r.ts,
	    "{\"method\":\"mining.set_difficulty\",\"params\":"
	    "[1e999]}");
	assert_true(verify_difficulty(r.l.v) == DIFF);
	rig_free(&r);
}

static void
test_set_target(void **state)
{
	struct rig r;
	struct u256 t;
	char hex[65];

	rig_bare(&r);
	assert_int_equal(target_of_difficulty(DIFF, TARGET_BDIFF, &t), 0);
	target_hex(&t, hex);
	vl_pool(&r.l, r.ts,
	    "{\"id\":null,\"method\":\"mining.set_target\",\"params\":[\"%s\"]}",
	    hex);
	notify(&r, true);
	assert_true(fabs(verify_difficulty(r.l.v) / DIFF - 1) < 1e-12);
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	rig_free(&r);
}

/* At the limit to the last bit, and near it. */
static void
test_borderline(void **state)
{
	static const double near[] = { -9e-5, -5e-5, -1e-9, 1e-9, 5e-5, 9e-5 };
	double reached, d;
	uint8_t target[32];
	struct rig r;
	size_t i;
	int ulp;

	rig_init(&r);
	reached = share(&r)->reached;
	for (i = 0; i < N(near); i++) {
		new_job(&r, "j1");
		rig_free(&r);
		rig_bare(&r);
		difficulty(&r, reached * (1 + near[i]));
		notify(&r, true);
		r.least = DIFF;
		check(share(&r),
		    near[i] < 0 ? VERDICT_VALID : VERDICT_LOW_DIFFICULTY,
		    CAUSE_BORDERLINE, false);
		assert_true(r.l.share.borderline);
	}
	for (ulp = -8, d = reached; ulp < 0; ulp++)
		d = nextafter(d, 0);
	for (ulp = -8; ulp <= 8; ulp++, d = nextafter(d, 1)) {
		sim_target(d, target);
		assert_int_equal(sim_difficulty(r.l.share.hash) > 0, 1);
		rig_free(&r);
		rig_bare(&r);
		difficulty(&r, d);
		notify(&r, true);
		share(&r);
		assert_int_equal(r.l.share.verdict == VERDICT_VALID,
		    memcmp(r.l.share.hash, target, 32) == 0 ||
			sim_below(r.l.share.hash, target));
	}
	rig_free(&r);
}

/* --- version rolling --- */

/* A job's version with bits inside of the mask tells the formulas apart. */
static void
check_formula(enum work_formula f, bool negotiated)
{
	const uint32_t job = 0x20006000, bits = 0x0000a000;
	struct rig r;
	const struct verify_share *s;

	rig_bare(&r);
	if (negotiated)
		negotiate(&r);
	difficulty(&r, DIFF);
	r.job.version = job;
	notify(&r, true);
	r.has_bits = true;
	r.bits = bits;
	r.version = work_version(f, job, negotiated ? MASK : 0, bits);
	s = share(&r);
	if (!negotiated) {
		check(s, VERDICT_BAD_VERSION, CAUSE_BITS_UNASKED, false);
		/* Without a mask BIP 310 leaves the job's version. */
		assert_int_equal(s->formulas,
		    f == WORK_NONE || f == WORK_BIP310 ? 9 : 1 << f);
	} else {
		check(s,
		    f == WORK_NONE ? VERDICT_LOW_DIFFICULTY : VERDICT_VALID,
		    CAUSE_FORMULA, f == WORK_NONE);
		assert_int_equal(s->formulas, 1 << f);
		assert_int_equal(s->formula, f);
	}
	assert_int_equal(s->version, r.version);
	assert_true(s->passed & VERIFY_BY_JOB);
	answer(&r, REJECT("Above target"));
	assert_int_equal(r.l.judged.agreement,
	    s->verdict == VERDICT_VALID ? AGREE_OPEN : AGREE_YES);
	rig_free(&r);
}

static void
test_formulas(void **state)
{
	enum work_formula f;

	for (f = WORK_BIP310; f < WORK_FORMULAS; f++) {
		check_formula(f, true);
		check_formula(f, false);
	}
}

/* With no bit of the job inside of the mask they all agree. */
static void
test_formulas_agree(void **state)
{
	struct rig r;

	rig_bare(&r);
	negotiate(&r);
	difficulty(&r, DIFF);
	notify(&r, true);
	r.has_bits = true;
	r.bits = 0x0e596000;
	r.version = 0x2e596000;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	assert_int_equal(r.l.share.formulas & 7, 7);
	assert_int_equal(r.l.share.mask, MASK);
	/* A miner may stop half-way, with zeros or with nothing. */
	r.version = 0x20000000;
	r.bits = 0;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	r.has_bits = false;
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	rig_free(&r);
}

static void
test_mask(void **state)
{
	uint32_t mask;
	struct rig r;

	rig_bare(&r);
	negotiate(&r);
	difficulty(&r, DIFF);
	notify(&r, true);
	r.has_bits = true;
	r.bits = 0x00000010;
	r.version = 0x20000010;
	check(share(&r), VERDICT_BAD_VERSION, CAUSE_BITS_OUTSIDE, false);
	r.nonce ^= 0x80000000;
	check(submit(&r), VERDICT_BAD_VERSION, CAUSE_BITS_OUTSIDE, true);
	SENTENCE(&r.l.share,
	    "version bits 00000010 lie outside of the mask "
	    "1fffe000");
	answer(&r, REJECT("Invalid version mask"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	/* BIP 323's mask; effective at once. */
	vl_pool(&r.l, r.ts,
	    "{\"method\":\"mining.set_version_mask\","
	    "\"params\":[\"1fffffe0\"]}");
	r.bits = 0x00000020;
	r.version = 0x20000020;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	assert_true(verify_mask(r.l.v, &mask));
	assert_int_equal(mask, 0x1fffffe0);
	configure(&r, "{\"version-rolling\":false}");
	assert_false(verify_mask(r.l.v, &mask));
	r.nonce++;
	check(submit(&r), VERDICT_BAD_VERSION, CAUSE_BITS_UNASKED, true);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extranonce2),
		cmocka_unit_test(test_set_extranonce),
		cmocka_unit_test(test_extranonce1),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_crossed),
		cmocka_unit_test(test_late_difficulty),
		cmocka_unit_test(test_set_target),
		cmocka_unit_test(test_borderline),
		cmocka_unit_test(test_formulas),
		cmocka_unit_test(test_formulas_agree),
		cmocka_unit_test(test_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
