/*
 * See steps.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/object_put.h"
#include "common/object_share.h"
#include "common/sha256.h"
#include "common/steps.h"
#include "common/target.h"

#define NTIME_AHEAD 7000 /* s after the job's, as verify_rule.c has it */

/* --- computing --- */

static const char *
why_not(const struct share_rec *s, const struct work_job *j)
{
	if ((s->flags & SF_HASHED) == 0)
		return "no header was made of it: what was submitted, or its "
		       "job, cannot be used";
	if (j == NULL)
		return "its job is not kept any more";
	if (j->fault != WORK_SOUND)
		return "its job cannot be used";
	if (s->en1.len == 0)
		return "the extranonce1 that it was made with was not kept";
	return NULL;
}

static void
make_root(struct steps *t, const struct share_rec *s, const struct work_job *j)
{
	struct sha256 h = j->mid;
	uint8_t pair[64];

	sha256_update(&h, s->en1.b, s->en1.len);
	sha256_update(&h, s->en2.b, s->en2.len);
	sha256_update(&h, j->coinb2, j->coinb2_len);
	sha256d_final(&h, t->coinbase);
	memcpy(t->merkle, t->coinbase, 32);
	t->branches = j->branches;
	for (unsigned i = 0; i < j->branches; i++) {
		memcpy(pair, t->merkle, 32);
		memcpy(pair + 32, j->branch + 32 * i, 32);
		sha256d(pair, 64, t->merkle);
		memcpy(t->root[i], t->merkle, 32);
	}
}

static double
reached_by(const uint8_t hash[32])
{
	struct u256 h = target_of_hash(hash);

	return target_difficulty(&h, TARGET_BDIFF);
}

/* Exact: the hash against the target of the difficulty. */
static bool
reaches(const uint8_t hash[32], double difficulty)
{
	struct u256 h = target_of_hash(hash), limit;

	return difficulty > 0 &&
	    target_of_difficulty(difficulty, TARGET_BDIFF, &limit) == 0 &&
	    target_cmp(&h, &limit) <= 0;
}

static void
make_header(struct steps *t, const struct share_rec *s,
    const struct work_job *j, uint32_t version, uint8_t header[WORK_HEADER],
    uint8_t hash[32])
{
	work_header(j, t->merkle, version, s->ntime, s->nonce, header);
	sha256d(header, WORK_HEADER, hash);
}

static void
make_formula(struct steps *t, const struct share_rec *s,
    const struct work_job *j, unsigned f)
{
	struct steps_formula *to = &t->formula[f];
	uint8_t header[WORK_HEADER];

	to->version = work_version((enum work_formula)f, j->version, s->mask,
	    s->bits);
	make_header(t, s, j, to->version, header, to->hash);
	to->reached = reached_by(to->hash);
	to->reaches = reaches(to->hash, s->job_difficulty) ||
	    reaches(to->hash, s->present);
	to->used = f == s->formula;
}

void
steps_make(struct steps *t, const struct share_rec *s, const struct work_job *j)
{
	struct u256 h;

	memset(t, 0, sizeof(*t));
	if ((t->why = why_not(s, j)) != NULL)
		return;
	make_root(t, s, j);
	make_header(t, s, j, s->version, t->header, t->hash);
	t->same = memcmp(t->hash, s->hash, sizeof(t->hash)) == 0;
	t->reached = reached_by(t->hash);
	if (reaches(t->hash, s->job_difficulty))
		t->passed |= VERIFY_BY_JOB;
	if (reaches(t->hash, s->present))
		t->passed |= VERIFY_BY_PRESENT;
	if (reaches(t->hash, s->previous))
		t->passed |= VERIFY_BY_PREVIOUS;
	h = target_of_hash(t->hash);
	t->is_block = !target_is_zero(&j->target) &&
	    target_cmp(&h, &j->target) <= 0;
	if (s->flags & SF_BITS)
		for (t->formulas = 0; t->formulas < WORK_FORMULAS;
		     t->formulas++)
			make_formula(t, s, j, t->formulas);
}

/* --- as JSON --- */

static void
put_coinbase(struct json_out *o, const struct steps *t,
    const struct share_rec *s, const struct work_job *j)
{
	json_kobject(o, "coinbase");
	object_put_hex(o, "coinbase1", true, j->coinb1, j->coinb1_len);
	object_put_hex(o, "extranonce1", true, s->en1.b, s->en1.len);
	object_put_hex(o, "extranonce2", true, s->en2.b, s->en2.len);
	object_put_hex(o, "coinbase2", true, j->coinb2, j->coinb2_len);
	json_kuint(o, "bytes",
	    (uint64_t)j->coinb1_len + s->en1.len + s->en2.len + j->coinb2_len);
	object_put_hash(o, "txid", true, t->coinbase);
	object_put_hex(o, "hash", true, t->coinbase, 32);
	json_object_end(o);
}

static void
put_merkle(struct json_out *o, const struct steps *t, const struct work_job *j)
{
	unsigned i;

	json_kobject(o, "merkle");
	json_karray(o, "branches");
	for (i = 0; i < t->branches; i++) {
		json_object(o);
		object_put_hex(o, "branch", true, j->branch + 32 * i, 32);
		object_put_hex(o, "root", true, t->root[i], 32);
		json_object_end(o);
	}
	json_array_end(o);
	object_put_hex(o, "root", true, t->merkle, 32);
	json_object_end(o);
}

static void
put_header(struct json_out *o, const struct steps *t, const struct share_rec *s,
    const struct work_job *j)
{
	json_kobject(o, "header");
	object_put_hex(o, "hex", true, t->header, sizeof(t->header));
	object_put_hex32(o, "version", true, s->version);
	object_put_hash(o, "previous_block", true, j->prevhash);
	object_put_hash(o, "merkle_root", true, t->merkle);
	object_put_hex32(o, "ntime", true, s->ntime);
	object_put_hex32(o, "nbits", true, j->nbits);
	object_put_hex32(o, "nonce", true, s->nonce);
	json_object_end(o);
	object_put_hash(o, "hash", true, t->hash);
	json_kbool(o, "hash_matches", t->same);
}

static void
put_target(struct json_out *o, const char *key, double difficulty)
{
	struct u256 limit;
	char hex[65];

	if (difficulty <= 0 ||
	    target_of_difficulty(difficulty, TARGET_BDIFF, &limit) == -1) {
		json_knull(o, key);
		return;
	}
	target_hex(&limit, hex);
	json_kcstr(o, key, hex);
}

static void
put_limit(struct json_out *o, const char *name, double difficulty, bool passed)
{
	json_object(o);
	json_kcstr(o, "asked", name);
	object_put_positive(o, "difficulty", difficulty);
	put_target(o, "target", difficulty);
	if (difficulty > 0)
		json_kbool(o, "reached", passed);
	else
		json_knull(o, "reached");
	json_object_end(o);
}

static void
put_limits(struct json_out *o, const struct steps *t, const struct share_rec *s,
    const struct work_job *j)
{
	char hex[65];

	json_kdouble(o, "difficulty", t->reached);
	json_karray(o, "limits");
	put_limit(o, "job", s->job_difficulty, t->passed & VERIFY_BY_JOB);
	put_limit(o, "present", s->present, t->passed & VERIFY_BY_PRESENT);
	put_limit(o, "previous", s->previous, t->passed & VERIFY_BY_PREVIOUS);
	json_array_end(o);
	target_hex(&j->target, hex);
	json_kcstr(o, "network_target",
	    target_is_zero(&j->target) ? NULL : hex);
	json_kbool(o, "is_block", t->is_block);
}

static void
put_formulas(struct json_out *o, const struct steps *t,
    const struct share_rec *s, const struct work_job *j)
{
	static const char *const how[WORK_FORMULAS] = {
		"(job & ~mask) | (bits & mask)",
		"job | bits",
		"job ^ bits",
		"job",
	};
	unsigned f;

	object_put_hex32(o, "job_version", true, j->version);
	json_karray(o, "formulas");
	for (f = 0; f < t->formulas; f++) {
		json_object(o);
		json_kcstr(o, "name", work_formula_name((enum work_formula)f));
		json_kcstr(o, "formula", how[f]);
		object_put_hex32(o, "version", true, t->formula[f].version);
		object_put_hash(o, "hash", true, t->formula[f].hash);
		json_kdouble(o, "difficulty", t->formula[f].reached);
		json_kbool(o, "reaches", t->formula[f].reaches);
		json_kbool(o, "used", t->formula[f].used);
		json_object_end(o);
	}
	json_array_end(o);
	object_put_hex32(o, "version_bits", (s->flags & SF_BITS) != 0, s->bits);
	object_put_hex32(o, "version_mask", s->mask != 0, s->mask);
}

/* --- what each rule says --- */

static void
put_check(struct json_out *o, const char *name, bool ok, const char *text)
{
	json_object(o);
	json_kcstr(o, "name", name);
	json_kbool(o, "ok", ok);
	json_kcstr(o, "text", text);
	json_object_end(o);
}

static void
check_difficulty(struct json_out *o, const struct steps *t,
    const struct share_rec *s)
{
	char text[128];

	if (s->job_difficulty > 0)
		snprintf(text, sizeof(text),
		    "it reaches difficulty %.10g, its job was sent with %.10g",
		    t->reached, s->job_difficulty);
	else
		snprintf(text, sizeof(text),
		    "it reaches difficulty %.10g, what was asked for is not "
		    "known",
		    t->reached);
	put_check(o, "difficulty", (t->passed & VERIFY_BY_JOB) != 0, text);
}

static void
check_ntime(struct json_out *o, const struct share_rec *s,
    const struct work_job *j)
{
	int64_t ahead = (int64_t)s->ntime - (int64_t)j->ntime;
	char text[128];

	snprintf(text, sizeof(text), "its time is %" PRId64 " s %s its job's",
	    ahead < 0 ? -ahead : ahead, ahead < 0 ? "before" : "after");
	put_check(o, "ntime", ahead >= 0 && ahead <= NTIME_AHEAD, text);
}

static void
check_bits(struct json_out *o, const struct share_rec *s)
{
	char text[128];

	if ((s->flags & SF_BITS) == 0)
		return;
	if (s->mask == 0)
		snprintf(text, sizeof(text),
		    "version bits %08" PRIx32 ", without a mask", s->bits);
	else
		snprintf(text, sizeof(text),
		    "version bits %08" PRIx32 ", of the mask %08" PRIx32,
		    s->bits, s->mask);
	put_check(o, "version_bits", (s->bits & ~s->mask) == 0, text);
}

static void
check_job(struct json_out *o, const struct share_rec *s)
{
	bool stale = s->verdict == VERDICT_STALE || s->late_us > 0;
	char text[128];

	if (stale)
		snprintf(text, sizeof(text),
		    "the pool had withdrawn its job %.3f ms before",
		    (double)s->late_us / 1000);
	else
		snprintf(text, sizeof(text),
		    "its job was sent %.3f s before, and still good",
		    (double)s->job_age_us / 1e6);
	put_check(o, "job", !stale, text);
}

static void
put_checks(struct json_out *o, const struct steps *t, const struct share_rec *s,
    const struct work_job *j)
{
	json_karray(o, "checks");
	put_check(o, "hash", t->same,
	    t->same ? "computed again, the hash is the same" :
		      "computed again, the hash is another one");
	check_difficulty(o, t, s);
	check_job(o, s);
	put_check(o, "extranonce2", s->verdict != VERDICT_BAD_EXTRANONCE2,
	    s->verdict != VERDICT_BAD_EXTRANONCE2 ?
		"its extranonce2 has the length that the pool asked for" :
		verify_cause_text((enum verify_cause)s->cause));
	check_ntime(o, s, j);
	check_bits(o, s);
	/* Of others it was not looked for. */
	if (s->verdict == VERDICT_VALID || s->verdict == VERDICT_DUPLICATE)
		put_check(o, "duplicate", s->verdict == VERDICT_VALID,
		    s->verdict == VERDICT_VALID ?
			"it was not submitted before" :
			"the same share was submitted before");
	json_array_end(o);
}

static void
put_verdicts(struct json_out *o, const struct share_rec *s)
{
	char words[600];

	share_sentence(s, words, sizeof(words));
	json_kobject(o, "verdicts");
	json_kcstr(o, "own",
	    verify_verdict_name((enum verify_verdict)s->verdict));
	object_put_text(o, "cause",
	    verify_cause_name((enum verify_cause)s->cause));
	object_put_text(o, "cause_text", words);
	json_kcstr(o, "pool", answer_class_name((enum answer_class)s->said));
	object_put_text(o, "pool_error", s->error);
	json_kcstr(o, "agreement",
	    verify_agreement_name((enum verify_agreement)s->agreement));
	json_object_end(o);
}

void
steps_json(struct json_out *o, const struct steps *t, const struct share_rec *s,
    const struct work_job *j)
{
	json_object(o);
	json_kbool(o, "possible", t->why == NULL);
	json_kcstr(o, "why", t->why);
	if (t->why == NULL && j != NULL) {
		put_coinbase(o, t, s, j);
		put_merkle(o, t, j);
		put_header(o, t, s, j);
		put_limits(o, t, s, j);
		put_formulas(o, t, s, j);
		put_checks(o, t, s, j);
	}
	put_verdicts(o, s);
	json_object_end(o);
}
