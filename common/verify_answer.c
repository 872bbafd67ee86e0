/*
 * The pool's verdict beside ours.
 */
#include "common/verify_int.h"

#define ACKS_ANYTHING 3 /* invalid shares taken, none ever refused */

void
verify_brief(const struct verify_share *s, struct verify_brief *b)
{
	b->verdict = s->verdict;
	b->cause = s->cause;
	b->firm = s->firm;
	b->reached = s->reached;
	b->ts = s->ts;
	b->required = s->job_difficulty;
	if (s->passed & VERIFY_BY_PRESENT && s->present > b->required)
		b->required = s->present;
}

/* Reasons that are the same as ours in other words. */
static bool
is_same_reason(enum verify_verdict v, enum answer_reason r)
{
	switch (v) {
	case VERDICT_STALE:
	case VERDICT_UNKNOWN_JOB:
		return r == ANSWER_R_STALE || r == ANSWER_R_UNKNOWN_JOB;
	case VERDICT_LOW_DIFFICULTY:
		return r == ANSWER_R_LOW_DIFFICULTY;
	case VERDICT_DUPLICATE:
		return r == ANSWER_R_DUPLICATE;
	case VERDICT_BAD_NTIME:
		return r == ANSWER_R_NTIME;
	case VERDICT_BAD_EXTRANONCE2:
		return r == ANSWER_R_EXTRANONCE2;
	case VERDICT_BAD_VERSION:
		/* Bits that are left out make another hash. */
		return r == ANSWER_R_VERSION || r == ANSWER_R_LOW_DIFFICULTY;
	case VERDICT_VALID:
	case VERDICT_UNDECIDED:
	case VERDICTS:
		break;
	}
	return false;
}

/* Reasons that lie outside of the share: nothing here can tell. */
static bool
is_beyond(enum answer_reason r)
{
	return r == ANSWER_R_BANNED || r == ANSWER_R_INTERNAL ||
	    r == ANSWER_R_UNSUBSCRIBED;
}

/*
 * What had changed when the answer came: pool and miner send at the same
 * time, so a share is judged by what the miner could not know yet.
 */
static enum verify_cause
crossed(const struct verify *v, const struct verify_brief *b,
    enum answer_reason r)
{
	if ((r == ANSWER_R_STALE || r == ANSWER_R_UNKNOWN_JOB) &&
	    v->cleaned >= b->ts && v->cleaned != 0)
		return CAUSE_STALE_IN_FLIGHT;
	if (r == ANSWER_R_LOW_DIFFICULTY && v->present > b->reached)
		return CAUSE_IN_FLIGHT;
	return CAUSE_NONE;
}

static void
rejected(struct verify *v, const struct verify_brief *b,
    enum answer_reason reason, struct verify_judged *j)
{
	enum verify_cause why;

	if (v->rejected++ == 0)
		v->generation++;
	if (b->verdict == VERDICT_UNDECIDED) {
		j->agreement = AGREE_OPEN;
	} else if (b->verdict != VERDICT_VALID) {
		j->agreement = is_same_reason((enum verify_verdict)b->verdict,
				   reason) ?
		    AGREE_YES :
		    AGREE_OTHER_REASON;
	} else if ((why = crossed(v, b, reason)) != CAUSE_NONE) {
		j->agreement = AGREE_OPEN;
		j->cause = (uint8_t)why;
	} else
		j->agreement = b->firm && !is_beyond(reason) ?
		    AGREE_POOL_REJECTS_VALID :
		    AGREE_OPEN;
}

static void
accepted(struct verify *v, const struct verify_brief *b,
    struct verify_judged *j)
{
	if (b->verdict == VERDICT_VALID) {
		j->agreement = AGREE_YES;
	} else if (!b->firm) {
		j->agreement = AGREE_OPEN;
	} else {
		j->agreement = AGREE_POOL_ACCEPTS_INVALID;
		v->acked_invalid++;
		v->generation++;
	}
}

void
verify_answer(struct verify *v, const struct verify_brief *b,
    const struct answer *a, struct verify_judged *j)
{
	*j = (struct verify_judged){ .cause = b->cause };
	switch ((enum answer_class)a->class) {
	case ANSWER_ACCEPTED:
		accepted(v, b, j);
		break;
	case ANSWER_REJECTED:
		rejected(v, b, (enum answer_reason)a->reason, j);
		break;
	case ANSWER_ODD:
		j->agreement = AGREE_OPEN;
		break;
	case ANSWER_NONE:
		break;
	}
	j->acks_anything = v->acked_invalid >= ACKS_ANYTHING &&
	    v->rejected == 0;
}
