/*
 * The verifier against what real pools and miners did, and against shares
 * that are made here: hashed by the simulators' own code, on libcrypto, with
 * each fault and each formula, so that the right verdict is known beforehand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"
#include "tests/sim/sim_work.h"
#include "tests/unit/verifylib.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MS   UINT64_C(1000000)
#define DIFF 1e-5
#define MASK 0x1fffe000u

/* --- a session whose shares are made to order --- */

struct rig {
	struct vl l;
	struct sim_job job;
	struct sim_nonce en1;
	uint64_t ts;
	unsigned id;
	/* Of the share that share() makes. */
	struct sim_nonce en2;
	uint32_t version, ntime, nonce, bits;
	bool has_bits;
	double least, most; /* difficulty that it shall have */
};

static void
new_job(struct rig *r, const char *id)
{
	snprintf(r->job.id, sizeof(r->job.id), "%s", id);
	for (int i = 0; i < 32; i++)
		r->job.prevhash[i] = (uint8_t)(i * 7 + 1);
	memset(r->job.prevhash + 28, 0, 4);
	memcpy(r->job.coinb1, "\x01\x00\x00\x00 here begins a coinbase", 27);
	r->job.coinb1_len = 27;
	memcpy(r->job.coinb2, "and here it ends", 16);
	r->job.coinb2_len = 16;
	for (int i = 0; i < 3; i++)
		memset(r->job.branch[i], 0x11 * (i + 1), 32);
	r->job.branches = 3;
	r->job.version = 0x20000000;
	r->job.nbits = 0x1702b000;
	r->job.ntime = 0x67000000;
	r->version = r->job.version;
	r->ntime = r->job.ntime;
}

static void
notify(struct rig *r, bool clean)
{
	char params[8192];

	assert_true(sim_job_print(&r->job, clean, params, sizeof(params)) > 0);
	r->ts += MS;
	vl_pool(&r->l, r->ts,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":%s}", params);
}

static void
difficulty(struct rig *r, double d)
{
	vl_pool(&r->l, r->ts,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":"
	    "[%.17g]}",
	    d);
}

static void
authorize(struct rig *r, const char *worker, bool ok)
{
	vl_miner(&r->l, r->ts,
	    "{\"id\":\"auth\",\"method\":\"mining.authorize\",\"params\":"
	    "[\"%s\",\"x\"]}",
	    worker);
	vl_pool(&r->l, r->ts, "{\"id\":\"auth\",\"result\":%s,\"error\":null}",
	    ok ? "true" : "false");
}

static void
subscribe(struct rig *r, const char *en1, unsigned size)
{
	vl_miner(&r->l, r->ts,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}");
	vl_pool(&r->l, r->ts,
	    "{\"id\":1,\"result\":[[[\"mining.notify\",\"s\"]],\"%s\",%u],"
	    "\"error\":null}",
	    en1, size);
	r->en1.len = strlen(en1) / 2;
	assert_int_equal(hex_bytes(en1, strlen(en1), r->en1.b), 0);
}

static void
configure(struct rig *r, const char *result)
{
	vl_miner(&r->l, r->ts,
	    "{\"id\":2,\"method\":\"mining.configure\",\"params\":"
	    "[[\"version-rolling\"],{\"version-rolling.mask\":\"ffffffff\"}]}");
	vl_pool(&r->l, r->ts, "{\"id\":2,\"result\":%s,\"error\":null}",
	    result);
}

/* Subscribed and authorized; no difficulty, no job. */
static void
rig_bare(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	vl_init(&r->l, NULL);
	r->ts = 5000 * MS;
	r->id = 10;
	subscribe(r, "0a0b0c0d", 4);
	authorize(r, "w.1", true);
	new_job(r, "j1");
	r->en2.len = 4;
	r->least = DIFF;
	r->most = 1e9;
}

static void
rig_init(struct rig *r)
{
	rig_bare(r);
	difficulty(r, DIFF);
	notify(r, true);
}

static void
rig_free(struct rig *r)
{
	vl_free(&r->l);
}

static void
negotiate(struct rig *r)
{
	configure(r,
	    "{\"version-rolling\":true,"
	    "\"version-rolling.mask\":\"1fffe000\"}");
}

/* A nonce whose hash has a difficulty within [least, most). */
static void
mine(struct rig *r, const struct sim_job *job, const struct sim_nonce *en1)
{
	struct sim_try w = { .en1 = *en1,
		.en2 = r->en2,
		.version = r->version,
		.ntime = r->ntime };
	uint8_t header[80], hash[32], target[32];
	struct sim_mid mid;
	uint32_t nonce = 0;

	sim_header(job, &w, header);
	sim_midstate(header, &mid);
	sim_target(r->least, target);
	do {
		while (!sim_search(&mid, target, &nonce, 1u << 16))
			assert_true(nonce < 0xf0000000u);
		r->nonce = w.nonce = nonce++;
		sim_header(job, &w, header);
		sim_sha256d(header, 80, hash);
	} while (sim_difficulty(hash) >= r->most);
}

static const struct verify_share *
submit(struct rig *r)
{
	char en2[2 * SIM_NONCE_MAX + 1], bits[16] = "";

	hex_text(r->en2.b, r->en2.len, en2);
	if (r->has_bits)
		snprintf(bits, sizeof(bits), ",\"%08x\"", r->bits);
	r->ts += MS;
	assert_true(vl_miner(&r->l, r->ts,
	    "{\"id\":%u,\"method\":\"mining.submit\",\"params\":[\"w.1\","
	    "\"%s\",\"%s\",\"%08x\",\"%08x\"%s]}",
	    ++r->id, r->job.id, en2, r->ntime, r->nonce, bits));
	return &r->l.share;
}

static const struct verify_share *
share(struct rig *r)
{
	mine(r, &r->job, &r->en1);
	return submit(r);
}

static void
answer(struct rig *r, const char *rest)
{
	assert_true(vl_pool(&r->l, r->ts, "{\"id\":%u,%s}", r->id, rest));
}

#define ACCEPT       "\"result\":true,\"error\":null"
#define REJECT(text) "\"result\":null,\"error\":[20,\"" text "\",null]"

static void
check(const struct verify_share *s, enum verify_verdict verdict,
    enum verify_cause cause, bool firm)
{
	char words[600];

	assert_string_equal(verify_verdict_name(s->verdict),
	    verify_verdict_name(verdict));
	assert_string_equal(verify_cause_name(s->cause),
	    verify_cause_name(cause));
	assert_int_equal(s->firm, firm);
	verify_sentence(s, words, sizeof(words));
	assert_int_equal(words[0] == '\0', cause == CAUSE_NONE);
}

#define SENTENCE(s, text)                                   \
	do {                                                \
		char words_[600];                           \
		verify_sentence(s, words_, sizeof(words_)); \
		assert_string_equal(words_, text);          \
	} while (0)

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

/* The session as it would be after a restart. */
static void
restart(struct vl *l)
{
	struct mbuf b;
	struct mcur c;

	mbuf_init(&b);
	verify_pack(l->v, &b, true);
	assert_false(b.bad);
	mcur_init(&c, b.data, b.len);
	struct verify *v = verify_unpack(l->store, &c);
	assert_non_null(v);
	assert_int_equal(msg_end(&c), 0);
	verify_free(l->v);
	l->v = v;
	mbuf_free(&b);
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

static void
set_extranonce(struct rig *r, const char *en1, unsigned size)
{
	vl_pool(&r->l, r->ts,
	    "{\"id\":null,\"method\":\"mining.set_extranonce\",\"params\":"
	    "[\"%s\",%u]}",
	    en1, size);
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
		"\"0102030405060708091011121314151617181920212223242526272829"
		"3031323334\",4" };
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
		cmocka_unit_test(test_unknown_job),
		cmocka_unit_test(test_job_reused),
		cmocka_unit_test(test_bad_job),
		cmocka_unit_test(test_job_lost),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_dialects),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_no_handshake),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_acks_anything),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_unpack_cut),
		cmocka_unit_test(test_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
