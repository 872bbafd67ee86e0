/*
 * The verifier: blocks and shares that were recorded, each verdict, jobs,
 * workers, submits of all kinds.
 */
#include "tests/unit/verifyrig.h"

/* --- recorded --- */

/* Both blocks, as notify and submit of one session. */
static void
check_block(const char *name, double difficulty_, const char *mask,
    const char *hash)
{
	struct vl l;
	size_t len, n;
	char *data = vl_data(name, &len), hex[65];
	struct jtree *t = malloc(sizeof(*t));
	uint32_t root = 1;
	const char *raw;

	assert_non_null(data);
	assert_int_equal(jtree_parse(t, data, len), 0);
	vl_init(&l, NULL);
	raw = jtree_plain(t, jtree_member(t, root, "extranonce1"), &n);
	vl_miner(&l, 1, "{\"id\":1,\"method\":\"mining.subscribe\"}");
	vl_pool(&l, 2, "{\"id\":1,\"result\":[[],\"%.*s\",4]}", (int)n, raw);
	vl_miner(&l, 3,
	    "{\"id\":2,\"method\":\"mining.authorize\",\"params\":"
	    "[\"x\"]}");
	vl_miner(&l, 3,
	    "{\"id\":2,\"method\":\"mining.authorize\",\"params\":"
	    "[\"slush.miner1\"]}");
	vl_pool(&l, 4, "{\"method\":\"mining.set_difficulty\",\"params\":[%f]}",
	    difficulty_);
	vl_pool(&l, 4,
	    "{\"method\":\"mining.set_version_mask\",\"params\":"
	    "[\"%s\"]}",
	    mask);
	raw = jtree_raw(t, jtree_member(t, root, "notify_params"), &n);
	vl_pool(&l, 5, "{\"method\":\"mining.notify\",\"params\":%.*s}", (int)n,
	    raw);
	raw = jtree_raw(t, jtree_member(t, root, "submit_params"), &n);
	assert_true(vl_miner(&l, 6,
	    "{\"id\":3,\"method\":\"mining.submit\",\"params\":%.*s}", (int)n,
	    raw));
	check(&l.share, VERDICT_VALID, CAUSE_NONE, true);
	assert_true(l.share.is_block && l.share.hashed);
	hex_text_reversed(l.share.hash, 32, hex);
	assert_string_equal(hex, hash);
	vl_free(&l);
	free(t);
	free(data);
}

static void
test_blocks(void **state)
{
	check_block("slush-doc.json", 1, "00000000",
	    "000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32");
	check_block("block-881423.json", 1000000, "1fffe000",
	    "0000000000000000000269d52c24ea451225613aab095d90d771d4e29aa96cdd");
}

/*
 * What the pool logged of this share: found by its hash, since the pool's
 * order is another one than the wire's; struck out, for no other is like it.
 */
static void
check_logged(const struct verify_share *s, char *log)
{
	static struct jtree t;
	double sdiff, diff;
	char hex[65], *at, *line;

	hex_text_reversed(s->hash, 32, hex);
	at = strstr(log, hex);
	assert_non_null(at);
	for (line = at; line > log && line[-1] != '\n'; line--)
		;
	assert_int_equal(jtree_parse(&t, line, strcspn(line, "\n")), 0);
	assert_true(jtree_equals(&t, jtree_member(&t, 1, "hash"), hex));
	assert_int_equal(jtree_double(&t, jtree_member(&t, 1, "sdiff"), &sdiff),
	    0);
	assert_int_equal(jtree_double(&t, jtree_member(&t, 1, "diff"), &diff),
	    0);
	assert_true(
	    jtree_equals(&t, jtree_member(&t, 1, "workername"), s->worker));
	assert_true(fabs(s->reached / sdiff - 1) < 1e-12);
	/* Two jobs long ckpool goes on with the difficulty before. */
	assert_true(diff == s->job_difficulty || diff == s->previous);
	assert_true(jtree_type(&t, jtree_member(&t, 1, "result")) ==
	    (s->verdict == VERDICT_VALID ? J_TRUE : J_FALSE));
	*at = 'x';
}

static void
play_transcript(bool restarts)
{
	size_t n, i, len, shares = 0, agree = 0;
	struct vl_record *r = vl_transcript("transcripts/ckpool-cpuminer.jsonl",
	    &n);
	char *log = vl_data("transcripts/ckpool-cpuminer.shares.jsonl", &len);
	static struct vl session[3];
	struct vl *l;

	vl_init(&session[1], NULL);
	vl_init(&session[2], &session[1]);
	for (i = 0; i < n; i++) {
		l = &session[r[i].session];
		if (restarts)
			restart(l);
		if (!vl_line(l, r[i].to_miner, r[i].ts, r[i].line, r[i].len))
			continue;
		agree += l->is_answer && l->judged.agreement == AGREE_YES;
		if (!l->is_share)
			continue;
		shares++;
		check_logged(&l->share, log);
	}
	assert_int_equal(shares, 189);
	assert_int_equal(agree, 189);
	/* The two sessions were sent the same seventeen jobs. */
	assert_int_equal(work_store_jobs(session[1].store), 17);
	vl_free(&session[2]);
	vl_free(&session[1]);
	vl_transcript_free(r, n);
	free(log);
}

static void
test_transcript(void **state)
{
	play_transcript(false);
}

static void
test_transcript_restarts(void **state)
{
	play_transcript(true);
}

/* --- verdicts --- */

static void
test_valid(void **state)
{
	struct rig r;
	const struct verify_share *s;

	rig_init(&r);
	s = share(&r);
	check(s, VERDICT_VALID, CAUSE_NONE, true);
	assert_int_equal(s->passed, VERIFY_BY_JOB | VERIFY_BY_PRESENT);
	assert_true(s->job_difficulty == DIFF && s->present == DIFF);
	assert_true(s->reached >= DIFF && !s->borderline && !s->is_block);
	assert_int_equal(s->formula, WORK_NONE);
	assert_int_equal(s->en2_form, EN2_AS_SENT);
	assert_string_equal(s->worker, "w.1");
	assert_string_equal(s->job_id, "j1");
	assert_int_equal(s->job_age, MS);
	answer(&r, ACCEPT);
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	rig_free(&r);
}

static void
test_low(void **state)
{
	struct rig r;

	rig_init(&r);
	r.least = DIFF / 50;
	r.most = DIFF * 0.99;
	check(share(&r), VERDICT_LOW_DIFFICULTY, CAUSE_LOW, true);
	assert_int_equal(r.l.share.passed, 0);
	assert_true(r.l.share.hashed);
	answer(&r, REJECT("low-difficulty share"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	rig_free(&r);
}

static void
test_stale(void **state)
{
	struct rig r;
	struct sim_job old;

	rig_init(&r);
	mine(&r, &r.job, &r.en1);
	old = r.job;
	new_job(&r, "j2");
	r.job.prevhash[0] ^= 1;
	notify(&r, true);
	r.job = old;
	r.ts += 152 * MS;
	check(submit(&r), VERDICT_STALE, CAUSE_STALE, true);
	assert_int_equal(r.l.share.late, 153 * MS);
	assert_true(r.l.share.passed & VERIFY_BY_JOB);
	SENTENCE(&r.l.share, "stale by 153 ms: the pool had withdrawn the job");
	answer(&r, REJECT("Stale"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	rig_free(&r);
}

/* The same block and no clean_jobs: an earlier job is still good. */
static void
test_not_stale(void **state)
{
	struct rig r;
	struct sim_job old;

	rig_init(&r);
	old = r.job;
	mine(&r, &r.job, &r.en1);
	r.job.ntime++;
	snprintf(r.job.id, sizeof(r.job.id), "j2");
	notify(&r, false);
	r.job = old;
	check(submit(&r), VERDICT_VALID, CAUSE_NONE, true);
	/* On another block, still without it: pools differ. */
	r.job.prevhash[5] ^= 1;
	snprintf(r.job.id, sizeof(r.job.id), "j3");
	notify(&r, false);
	r.job = old;
	r.nonce++;
	check(submit(&r), VERDICT_STALE, CAUSE_OLD_BLOCK, false);
	assert_int_equal(r.l.share.late, MS);
	rig_free(&r);
}

static void
test_duplicate(void **state)
{
	struct rig r;

	rig_init(&r);
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	check(submit(&r), VERDICT_DUPLICATE, CAUSE_DUPLICATE, true);
	answer(&r, REJECT("Duplicate"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	/* The same job once more, with clean_jobs, forgives nothing. */
	notify(&r, true);
	check(submit(&r), VERDICT_DUPLICATE, CAUSE_DUPLICATE, true);
	restart(&r.l);
	check(submit(&r), VERDICT_DUPLICATE, CAUSE_DUPLICATE, true);
	rig_free(&r);
}

/* The latest thousand are known whatever came before. */
static void
test_duplicate_many(void **state)
{
	struct rig r;
	unsigned i, n = 3 * VERIFY_SEEN_MAX;

	rig_bare(&r);
	difficulty(&r, 1e-12);
	notify(&r, true);
	for (i = 0; i < n; i++) {
		r.nonce = i;
		check(submit(&r), VERDICT_VALID, CAUSE_NONE, true);
	}
	for (i = n - VERIFY_SEEN_MAX; i < n; i++) {
		r.nonce = i;
		check(submit(&r), VERDICT_DUPLICATE, CAUSE_DUPLICATE, true);
	}
	assert_true(verify_memory(r.l.v) < 64 * 1024);
	new_job(&r, "j2");
	notify(&r, true);
	assert_true(verify_memory(r.l.v) < 4096);
	rig_free(&r);
}

static void
test_ntime(void **state)
{
	static const struct {
		int64_t ahead;
		enum verify_verdict verdict;
		enum verify_cause cause;
		bool firm;
	} v[] = {
		{ 0, VERDICT_VALID, CAUSE_NONE, true },
		{ 600, VERDICT_VALID, CAUSE_NONE, true },
		{ 7000, VERDICT_VALID, CAUSE_NONE, true },
		{ 7001, VERDICT_BAD_NTIME, CAUSE_NTIME_LATE, false },
		{ 7200, VERDICT_BAD_NTIME, CAUSE_NTIME_LATE, false },
		{ 7203, VERDICT_BAD_NTIME, CAUSE_NTIME_LATE, true },
		{ 100000, VERDICT_BAD_NTIME, CAUSE_NTIME_LATE, true },
		{ -1, VERDICT_BAD_NTIME, CAUSE_NTIME_EARLY, false },
		{ -7201, VERDICT_BAD_NTIME, CAUSE_NTIME_EARLY, true },
	};
	struct rig r;
	size_t i;

	rig_init(&r);
	for (i = 0; i < N(v); i++) {
		r.ntime = (uint32_t)(r.job.ntime + v[i].ahead);
		check(share(&r), v[i].verdict, v[i].cause, v[i].firm);
	}
	SENTENCE(&r.l.share, "its time is 7201 s before its job's");
	answer(&r, REJECT("Ntime out of range"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	rig_free(&r);
}

/* --- jobs --- */

static void
test_unknown_job(void **state)
{
	struct rig r;
	char id[16];
	int i;

	rig_init(&r);
	mine(&r, &r.job, &r.en1);
	snprintf(r.job.id, sizeof(r.job.id), "nope");
	check(submit(&r), VERDICT_UNKNOWN_JOB, CAUSE_UNKNOWN_JOB, true);
	assert_false(r.l.share.hashed);
	answer(&r, REJECT("Job not found"));
	assert_int_equal(r.l.judged.agreement, AGREE_YES);
	/* Many jobs later the first one is forgotten, which is said. */
	for (i = 0; i < 2 * VERIFY_JOBS_MAX; i++) {
		snprintf(id, sizeof(id), "k%d", i);
		new_job(&r, id);
		r.job.ntime += (uint32_t)i;
		notify(&r, false);
	}
	assert_int_equal(verify_jobs(r.l.v), VERIFY_JOBS_MAX);
	assert_int_equal(work_store_jobs(r.l.store), VERIFY_JOBS_MAX);
	new_job(&r, "j1");
	check(submit(&r), VERDICT_UNKNOWN_JOB, CAUSE_UNKNOWN_JOB, false);
	new_job(&r, "clean");
	notify(&r, true);
	new_job(&r, "j1");
	check(submit(&r), VERDICT_UNKNOWN_JOB, CAUSE_UNKNOWN_JOB, true);
	rig_free(&r);
}

static void
test_job_reused(void **state)
{
	struct rig r;
	struct sim_job old;

	rig_init(&r);
	old = r.job;
	r.job.coinb2[0] ^= 1;
	notify(&r, false);
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	mine(&r, &old, &r.en1);
	check(submit(&r), VERDICT_LOW_DIFFICULTY, CAUSE_JOB_REUSED, false);
	rig_free(&r);
}

static void
test_bad_job(void **state)
{
	struct rig r;

	rig_bare(&r);
	difficulty(&r, DIFF);
	vl_pool(&r.l, r.ts,
	    "{\"method\":\"mining.notify\",\"params\":[\"j1\","
	    "\"zz\",\"\",\"\",[],\"1\",\"2\",\"3\",true]}");
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_BAD_JOB, false);
	SENTENCE(&r.l.share,
	    "its job cannot be used: its previous hash is "
	    "not 64 hex digits");
	rig_free(&r);
}

/* No room for jobs: undecided, not unknown. */
static void
test_job_lost(void **state)
{
	struct rig r;

	rig_bare(&r);
	verify_free(r.l.v);
	work_store_free(r.l.store);
	r.l.store = work_store_new(100);
	r.l.v = verify_new(r.l.store);
	subscribe(&r, "0a0b0c0d", 4);
	difficulty(&r, DIFF);
	notify(&r, true);
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_JOB_LOST, false);
	restart(&r.l);
	check(submit(&r), VERDICT_UNDECIDED, CAUSE_JOB_LOST, false);
	rig_free(&r);
}

/* --- workers --- */

static void
test_workers(void **state)
{
	struct rig r;
	char name[16];
	int i;

	rig_bare(&r);
	verify_free(r.l.v);
	r.l.v = verify_new(r.l.store);
	subscribe(&r, "0a0b0c0d", 4);
	difficulty(&r, DIFF);
	notify(&r, true);
	check(share(&r), VERDICT_VALID, CAUSE_NOT_AUTHORIZED, false);
	authorize(&r, "other", true);
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_WRONG_WORKER, false);
	answer(&r, REJECT("Worker mismatch"));
	assert_int_equal(r.l.judged.agreement, AGREE_OPEN);
	authorize(&r, "w.1", false);
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_NOT_AUTHORIZED, false);
	authorize(&r, "w.1", true);
	r.en2.b[0]++;
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	/* More names than are kept: nothing is said of the rest. */
	verify_free(r.l.v);
	r.l.v = verify_new(r.l.store);
	subscribe(&r, "0a0b0c0d", 4);
	difficulty(&r, DIFF);
	notify(&r, true);
	for (i = 0; i <= VERIFY_WORKERS_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		authorize(&r, name, true);
	}
	check(share(&r), VERDICT_VALID, CAUSE_NONE, true);
	rig_free(&r);
}

/* --- submits of all kinds --- */

static void
test_malformed(void **state)
{
	static const struct {
		const char *params;
		enum verify_verdict verdict;
		enum verify_cause cause;
		int param;
	} v[] = {
		{ "[]", VERDICT_UNDECIDED, CAUSE_MALFORMED, 2 },
		{ "{}", VERDICT_UNDECIDED, CAUSE_MALFORMED, 2 },
		{ "null", VERDICT_UNDECIDED, CAUSE_MALFORMED, 2 },
		{ "[\"w.1\",[]]", VERDICT_UNDECIDED, CAUSE_MALFORMED, 2 },
		{ "[\"w.1\",\"j1\"]", VERDICT_UNDECIDED, CAUSE_MALFORMED, 3 },
		{ "[\"w.1\",\"j1\",\"00000000\"]", VERDICT_UNDECIDED,
		    CAUSE_MALFORMED, 4 },
		{ "[\"w.1\",\"j1\",\"00000000\",\"67000000\"]",
		    VERDICT_UNDECIDED, CAUSE_MALFORMED, 5 },
		{ "[\"w.1\",\"j1\",\"00000000\",\"67000000\",1]",
		    VERDICT_UNDECIDED, CAUSE_MALFORMED, 5 },
		{ "[\"w.1\",\"j1\",\"00000000\",\"67000000\",\"0x12\"]",
		    VERDICT_UNDECIDED, CAUSE_MALFORMED, 5 },
		{ "[null,\"j1\",\"00000000\",\"67000000\",\"00000000\"]",
		    VERDICT_UNDECIDED, CAUSE_MALFORMED, 1 },
		{ "[\"w.1\",\"j1\",0,\"67000000\",\"00000000\"]",
		    VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_ODD, 0 },
		{ "[\"w.1\",\"j1\",\"0000000\",\"67000000\",\"00000000\"]",
		    VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_ODD, 0 },
		{ "[\"w.1\",\"j1\",\"0000000g\",\"67000000\",\"00000000\"]",
		    VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_ODD, 0 },
		{ "[\"w.1\",\"j1\",\"00000000\",\"670000000\",\"00000000\"]",
		    VERDICT_BAD_NTIME, CAUSE_NTIME_ODD, 0 },
		{ "[\"w.1\",\"j1\",\"00000000\",true,\"00000000\"]",
		    VERDICT_BAD_NTIME, CAUSE_NTIME_ODD, 0 },
		{ "[\"w.1\",\"j1\",\"00000000\",\"67000000\",\"00000000\","
		  "\"bits\"]",
		    VERDICT_BAD_VERSION, CAUSE_BITS_ODD, 0 },
		{ "[\"w.1\",\"j1\",\"00000000\",\"67000000\",\"00000000\",[]]",
		    VERDICT_BAD_VERSION, CAUSE_BITS_ODD, 0 },
		/* Odd, and yet it says all that is needed. */
		{ "[\"w.1\",\"j1\",\"00000000\",\"67000000\",\"0\",null]",
		    VERDICT_LOW_DIFFICULTY, CAUSE_LOW, 0 },
		{ "[\"w.1\",\"\\u006a1\",\"00000000\",\"67000000\",\"0\",null,"
		  "{\"more\":1}]",
		    VERDICT_LOW_DIFFICULTY, CAUSE_LOW, 0 },
	};
	struct rig r;
	size_t i;

	rig_init(&r);
	for (i = 0; i < N(v); i++) {
		assert_true(vl_miner(&r.l, r.ts,
		    "{\"id\":9,\"method\":\"mining.submit\",\"params\":%s}",
		    v[i].params));
		assert_int_equal(r.l.share.verdict, v[i].verdict);
		assert_int_equal(r.l.share.cause, v[i].cause);
		assert_int_equal(r.l.share.bad_param, v[i].param);
	}
	assert_true(
	    vl_miner(&r.l, r.ts, "{\"id\":9,\"method\":\"mining.submit\"}"));
	assert_int_equal(r.l.share.cause, CAUSE_MALFORMED);
	rig_free(&r);
}

/* Numbers as ids of jobs and workers, ids of all kinds, CR LF, any order. */
static void
test_dialects(void **state)
{
	static const char *const ids[] = { "4", "\"4\"", "null", "-1",
		"\"\\u00e9\"", "1.5" };
	struct rig r;
	char line[512];
	size_t i;

	for (i = 0; i < N(ids); i++) {
		rig_bare(&r);
		vl_pool(&r.l, r.ts,
		    "  {\"params\" : [ %g , \"extra\" ] ,"
		    "\"id\":1, \"jsonrpc\":\"2.0\","
		    "\"method\":\"mining.set_difficulty\"} \r",
		    DIFF);
		notify(&r, true);
		mine(&r, &r.job, &r.en1);
		snprintf(line, sizeof(line),
		    "{ \"params\":[\"w.1\", \"j1\",\"00000000\",\"%08X\","
		    "\"%08x\"],\"extra\":{\"id\":7},\"id\":%s ,\"method\":"
		    "\"mining.submit\"}\r",
		    r.ntime, r.nonce, ids[i]);
		assert_true(vl_line(&r.l, false, r.ts, line, strlen(line)));
		check(&r.l.share, VERDICT_VALID, CAUSE_NONE, true);
		vl_pool(&r.l, r.ts, "{\"result\":true,\"id\":%s}\r", ids[i]);
		if (i != 2) /* with an id of null it is a notification */
			assert_int_equal(r.l.judged.agreement, AGREE_YES);
		rig_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_transcript),
		cmocka_unit_test(test_transcript_restarts),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_low),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_not_stale),
		cmocka_unit_test(test_duplicate),
		cmocka_unit_test(test_duplicate_many),
		cmocka_unit_test(test_ntime),
		cmocka_unit_test(test_unknown_job),
		cmocka_unit_test(test_job_reused),
		cmocka_unit_test(test_bad_job),
		cmocka_unit_test(test_job_lost),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_dialects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
