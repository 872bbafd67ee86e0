/*
 * The verdict on a share that has been hashed: the first fault in the order
 * in which pools look for them, and whether all pools would say the same.
 */
#include <math.h>
#include <string.h>

#include "common/verify_int.h"

#define NTIME_AHEAD 7000 /* s after the job's: ckpool */
#define NTIME_LIMIT 7200 /* s after the present: the network, DATUM */
#define OLD_JOBS    3    /* see say_low() */
#define NS_PER_S    UINT64_C(1000000000)

#define ROLLING     ((1u << WORK_BIP310) | (1u << WORK_OR) | (1u << WORK_XOR))

static bool
say(struct verify_share *s, enum verify_verdict verdict, enum verify_cause why,
    bool firm)
{
	s->verdict = (uint8_t)verdict;
	s->cause = (uint8_t)why;
	s->firm = firm;
	return true;
}

/* By the way it was hashed the share is one that some pool would take. */
static bool
is_good(const struct verify_share *s)
{
	return s->formulas != 0;
}

/* Each rule is true when it has spoken. */

static bool
rule_extranonce2(struct verify_share *s)
{
	return s->en2_sent != s->en2_size &&
	    say(s, VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_LENGTH, !is_good(s));
}

/* Do newer jobs build on another block, though none was clean? */
static bool
is_old_block(const struct verify *v, const struct verify_given *g)
{
	const struct work_job *newest = v->given[v->jobs - 1].job;

	return newest != NULL && newest->fault == WORK_SOUND &&
	    newest != g->job &&
	    memcmp(newest->prevhash, g->job->prevhash, 32) != 0;
}

static uint64_t
other_block_since(const struct verify *v, const struct verify_given *g)
{
	const struct verify_given *i = g + 1, *end = v->given + v->jobs;

	while (i < end &&
	    (i->job == NULL || i->job->fault != WORK_SOUND ||
		memcmp(i->job->prevhash, g->job->prevhash, 32) == 0))
		i++;
	return i < end ? i->ts : g->ts;
}

static bool
rule_stale(const struct verify *v, const struct verify_given *g,
    struct verify_share *s)
{
	uint64_t since;

	if (g->retired != 0)
		return say(s, VERDICT_STALE, CAUSE_STALE, true);
	if (!is_old_block(v, g))
		return false;
	since = other_block_since(v, g);
	s->late = s->ts > since ? s->ts - since : 0;
	return say(s, VERDICT_STALE, CAUSE_OLD_BLOCK, false);
}

/*
 * BIP 310: bits outside of the mask make a share invalid.  Not all pools
 * look; and where the mask has just changed, either may hold.
 */
static bool
rule_bits(const struct verify *v, struct verify_share *s)
{
	if (!s->has_bits || (s->bits & ~s->mask) == 0)
		return false;
	if (v->doubt & DOUBT_HASH && is_good(s))
		return false;
	return say(s, VERDICT_BAD_VERSION,
	    v->negotiated ? CAUSE_BITS_OUTSIDE : CAUSE_BITS_UNASKED,
	    !is_good(s));
}

static bool
rule_ntime(struct verify_share *s)
{
	int64_t ahead = (int64_t)s->ntime - (int64_t)s->job->ntime;
	int64_t limit = NTIME_LIMIT + (int64_t)(s->job_age / NS_PER_S);

	if (ahead < 0)
		return say(s, VERDICT_BAD_NTIME, CAUSE_NTIME_EARLY,
		    ahead < -NTIME_LIMIT);
	return ahead > NTIME_AHEAD &&
	    say(s, VERDICT_BAD_NTIME, CAUSE_NTIME_LATE, ahead > limit);
}

static void
find_passed(struct verify_share *s)
{
	if (verify_reaches(s->hash, s->reached, s->job_difficulty))
		s->passed |= VERIFY_BY_JOB;
	if (verify_reaches(s->hash, s->reached, s->present))
		s->passed |= VERIFY_BY_PRESENT;
	if (verify_reaches(s->hash, s->reached, s->previous))
		s->passed |= VERIFY_BY_PREVIOUS;
	s->borderline = s->job_difficulty > 0 &&
	    fabs(s->reached / s->job_difficulty - 1) < VERIFY_BORDERLINE;
}

/*
 * Why a share does not reach the difficulty of its job.  ckpool judges not
 * only earlier jobs by the difficulty before: with a block in between it did
 * so for the first two jobs behind the change (the recorded transcript), so
 * what reaches that is not called low for certain with the first three.
 */
static bool
say_low(const struct verify *v, const struct verify_given *g,
    struct verify_share *s)
{
	if (s->borderline)
		return say(s, VERDICT_LOW_DIFFICULTY, CAUSE_BORDERLINE, false);
	if (s->passed & VERIFY_BY_PRESENT)
		return say(s, VERDICT_LOW_DIFFICULTY, CAUSE_IN_FLIGHT, false);
	if (s->passed & VERIFY_BY_PREVIOUS)
		return say(s, VERDICT_LOW_DIFFICULTY, CAUSE_OLD_DIFFICULTY,
		    g->after > OLD_JOBS && !(v->doubt & DOUBT_DIFFICULTY));
	if (v->doubt & (DOUBT_HASH | DOUBT_DIFFICULTY))
		return say(s, VERDICT_UNDECIDED, CAUSE_GAP, false);
	return say(s, VERDICT_LOW_DIFFICULTY, CAUSE_LOW, true);
}

/* A pool that puts the header together as it should sees a high hash. */
static bool
rule_other_header(const struct verify *v, enum verify_cause why,
    struct verify_share *s)
{
	if (why != CAUSE_NONE && v->doubt & DOUBT_HASH)
		return say(s, VERDICT_UNDECIDED, CAUSE_GAP, false);
	if (why != CAUSE_NONE)
		return say(s, VERDICT_LOW_DIFFICULTY, why,
		    why == CAUSE_OLD_EXTRANONCE);
	if (s->has_bits && is_good(s) && (s->formulas & ROLLING) == 0)
		return say(s, VERDICT_LOW_DIFFICULTY, CAUSE_FORMULA, true);
	return false;
}

static bool
rule_difficulty(const struct verify *v, const struct verify_given *g,
    struct verify_share *s)
{
	if (s->job_difficulty <= 0)
		return say(s, VERDICT_UNDECIDED,
		    v->doubt & DOUBT_DIFFICULTY ? CAUSE_GAP :
						  CAUSE_NO_DIFFICULTY,
		    false);
	return !(s->passed & VERIFY_BY_JOB) && say_low(v, g, s);
}

static enum verify_cause
worker_cause(const struct verify *v, uint64_t name)
{
	unsigned i;

	for (i = 0; i < v->workers; i++)
		if (v->worker[i].name == name)
			return v->worker[i].state == WORKER_REFUSED ?
			    CAUSE_NOT_AUTHORIZED :
			    CAUSE_NONE;
	if (v->crowded || v->doubt & DOUBT_WORKERS)
		return CAUSE_NONE;
	return v->workers > 0 ? CAUSE_WRONG_WORKER : CAUSE_NOT_AUTHORIZED;
}

/* Valid; the most telling of what may yet make a pool refuse it. */
static void
say_valid(const struct verify *v, uint64_t worker, struct verify_share *s)
{
	enum verify_cause why = worker_cause(v, worker);

	if (s->has_bits && (s->formulas & ROLLING) != ROLLING)
		why = CAUSE_FORMULA;
	else if (s->present > 0 && !(s->passed & VERIFY_BY_PRESENT))
		why = CAUSE_IN_FLIGHT;
	else if (s->borderline)
		why = CAUSE_BORDERLINE;
	say(s, VERDICT_VALID, why, why == CAUSE_NONE);
}

void
verify_rule(struct verify *v, const struct verify_given *g, uint64_t worker,
    enum verify_cause why, struct verify_share *s)
{
	struct u256 hash = target_of_hash(s->hash);
	uint64_t key = verify_set_key(s->hash);
	bool low;

	s->is_block = !target_is_zero(&s->job->target) &&
	    target_cmp(&hash, &s->job->target) <= 0;
	find_passed(s);
	if (rule_extranonce2(s) || rule_stale(v, g, s) || rule_bits(v, s) ||
	    rule_ntime(s))
		return;
	low = rule_other_header(v, why, s) || rule_difficulty(v, g, s);
	if (low && s->firm)
		return;
	if (verify_set_has(v, key)) {
		say(s, VERDICT_DUPLICATE, CAUSE_DUPLICATE, true);
		return;
	}
	verify_set_add(v, key);
	if (!low)
		say_valid(v, worker, s);
	/* What the gap left in doubt is plain again. */
	if (s->verdict == VERDICT_VALID && s->cause == CAUSE_NONE)
		v->doubt &= (uint8_t)~DOUBT_HASH;
}
