/*
 * Verdicts and causes in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/verify_int.h"

static const char *const verdicts[VERDICTS] = {
	[VERDICT_VALID] = "valid",
	[VERDICT_LOW_DIFFICULTY] = "low_difficulty",
	[VERDICT_STALE] = "stale",
	[VERDICT_DUPLICATE] = "duplicate",
	[VERDICT_BAD_NTIME] = "bad_ntime",
	[VERDICT_BAD_EXTRANONCE2] = "bad_extranonce2",
	[VERDICT_BAD_VERSION] = "bad_version",
	[VERDICT_UNKNOWN_JOB] = "unknown_job",
	[VERDICT_UNDECIDED] = "undecided",
};

static const struct {
	const char *name, *text;
} causes[CAUSES] = {
	[CAUSE_NONE] = { "", "" },
	[CAUSE_BORDERLINE] = { "borderline",
	    "it is within a ten-thousandth of the limit, where the two "
	    "definitions of difficulty one differ" },
	[CAUSE_IN_FLIGHT] = { "difficulty_in_flight",
	    "the difficulty changed while the share was on its way" },
	[CAUSE_OLD_DIFFICULTY] = { "old_difficulty",
	    "it reaches only the difficulty before the present one" },
	[CAUSE_LOW] = { "low_difficulty",
	    "it does not reach the difficulty asked for" },
	[CAUSE_FORMULA] = { "version_formula",
	    "only some ways to put the version bits into the header make it "
	    "valid" },
	[CAUSE_OLD_EXTRANONCE] = { "old_extranonce",
	    "the miner used an extranonce1 that was replaced" },
	[CAUSE_NEW_EXTRANONCE] = { "early_extranonce",
	    "the miner used the new extranonce1 before the next job" },
	[CAUSE_JOB_REUSED] = { "job_id_reused",
	    "it was made for an earlier job of the same id" },
	[CAUSE_WRONG_WORKER] = { "wrong_worker",
	    "its worker name is not one that was authorized here" },
	[CAUSE_NOT_AUTHORIZED] = { "not_authorized",
	    "its worker was not authorized by the pool" },
	[CAUSE_STALE] = { "stale", "the pool had withdrawn its job" },
	[CAUSE_OLD_BLOCK] = { "old_block",
	    "newer jobs build on another block" },
	[CAUSE_STALE_IN_FLIGHT] = { "stale_in_flight",
	    "the pool had gone on to a new job, which crossed with the "
	    "share" },
	[CAUSE_DUPLICATE] = { "duplicate",
	    "the same share was submitted before" },
	[CAUSE_NTIME_EARLY] = { "ntime_early", "its time is before its job's" },
	[CAUSE_NTIME_LATE] = { "ntime_late",
	    "its time is too far ahead of its job's" },
	[CAUSE_NTIME_ODD] = { "ntime_malformed", "its time is no hex number" },
	[CAUSE_EN2_LENGTH] = { "extranonce2_length",
	    "its extranonce2 has not the length that the pool asked for" },
	[CAUSE_EN2_ODD] = { "extranonce2_malformed",
	    "its extranonce2 is not hex" },
	[CAUSE_BITS_OUTSIDE] = { "bits_outside_mask",
	    "it has version bits outside of the mask" },
	[CAUSE_BITS_UNASKED] = { "bits_not_negotiated",
	    "it has version bits, which were never negotiated" },
	[CAUSE_BITS_ODD] = { "bits_malformed",
	    "its version bits are no hex number" },
	[CAUSE_UNKNOWN_JOB] = { "unknown_job",
	    "no job of this id was sent here" },
	[CAUSE_GAP] = { "gap",
	    "bytes of the pool's are missing on which it depends" },
	[CAUSE_MALFORMED] = { "malformed",
	    "a parameter of the submit is missing or of another type" },
	[CAUSE_BAD_JOB] = { "bad_job", "its job cannot be read" },
	[CAUSE_JOB_LOST] = { "job_lost", "there was no room to keep its job" },
	[CAUSE_NO_EXTRANONCE] = { "no_extranonce",
	    "no usable extranonce1 was seen" },
	[CAUSE_NO_DIFFICULTY] = { "no_difficulty",
	    "the pool never said what difficulty it asks for" },
};

const char *
verify_verdict_name(enum verify_verdict v)
{
	return (unsigned)v < VERDICTS ? verdicts[v] : "";
}

const char *
verify_cause_name(enum verify_cause c)
{
	return (unsigned)c < CAUSES ? causes[c].name : "";
}

const char *
verify_cause_text(enum verify_cause c)
{
	return (unsigned)c < CAUSES ? causes[c].text : "";
}

const char *
verify_agreement_name(enum verify_agreement a)
{
	static const char *const name[AGREEMENTS] = {
		[AGREE_UNANSWERED] = "unanswered",
		[AGREE_YES] = "agrees",
		[AGREE_OTHER_REASON] = "other_reason",
		[AGREE_OPEN] = "open",
		[AGREE_POOL_ACCEPTS_INVALID] = "pool_accepts_invalid",
		[AGREE_POOL_REJECTS_VALID] = "pool_rejects_valid",
	};

	return (unsigned)a < AGREEMENTS ? name[a] : "";
}

int
verify_verdict_find(const char *name)
{
	for (int i = 0; i < VERDICTS; i++)
		if (strcmp(name, verify_verdict_name((enum verify_verdict)i)) ==
		    0)
			return i;
	return -1;
}

int
verify_cause_find(const char *name)
{
	for (int i = 0; i < CAUSES; i++)
		if (strcmp(name, verify_cause_name((enum verify_cause)i)) == 0)
			return i;
	return -1;
}

int
verify_agreement_find(const char *name)
{
	for (int i = 0; i < AGREEMENTS; i++)
		if (strcmp(name,
			verify_agreement_name((enum verify_agreement)i)) == 0)
			return i;
	return -1;
}

const char *
verify_en2_name(enum verify_en2 e)
{
	static const char *const name[] = { "as_sent", "padded", "truncated" };

	return (unsigned)e < sizeof(name) / sizeof(name[0]) ? name[e] : "";
}

/* "12.3 s", "45 ms", "300 us" */
static const char *
span(uint64_t ns, char buf[32])
{
	if (ns >= UINT64_C(10000000000))
		snprintf(buf, 32, "%.1f s", (double)ns / 1e9);
	else if (ns >= 1000000)
		snprintf(buf, 32, "%" PRIu64 " ms", ns / 1000000);
	else
		snprintf(buf, 32, "%" PRIu64 " us", ns / 1000);
	return buf;
}

static void
say_formulas(const struct verify_share *s, char *buf, size_t size)
{
	static const char *const how[WORK_FORMULAS] = {
		"(job & ~mask) | (bits & mask), as BIP 310 has it",
		"job | bits, as ckpool and DATUM do",
		"job ^ bits, as btcpool and public-pool do",
		"the job's, without the bits"
	};
	unsigned f, n = 0;
	size_t at;

	at = (size_t)snprintf(buf, size,
	    "valid only when the header's version is ");
	for (f = 0; f < WORK_FORMULAS && at < size; f++)
		if (s->formulas & 1u << f)
			at += (size_t)snprintf(buf + at, size - at, "%s%s",
			    n++ > 0 ? "; or " : "", how[f]);
}

/* The difficulties: which it reaches, which not. */
static void
say_difficulty(const struct verify_share *s, char *buf, size_t size)
{
	if (s->cause == CAUSE_OLD_DIFFICULTY)
		snprintf(buf, size,
		    "reaches difficulty %.6g: that would do for the earlier "
		    "%.6g, not for the job's %.6g",
		    s->reached, s->previous, s->job_difficulty);
	else if (s->cause == CAUSE_IN_FLIGHT)
		snprintf(buf, size,
		    "the difficulty changed in flight: it reaches %.6g, the "
		    "job was sent with %.6g, since then the pool asks for %.6g",
		    s->reached, s->job_difficulty, s->present);
	else if (s->cause == CAUSE_BORDERLINE)
		snprintf(buf, size,
		    "borderline: it reaches difficulty %.9g of %.9g",
		    s->reached, s->job_difficulty);
	else
		snprintf(buf, size, "reaches difficulty %.6g of %.6g",
		    s->reached, s->job_difficulty);
}

static void
say_extranonce2(const struct verify_share *s, char *buf, size_t size)
{
	static const char *const how[] = { "valid as it was sent",
		"valid when zeros are added on the right, as ckpool does",
		"valid when it is cut on the right, as ckpool does" };
	const char *good = s->formulas != 0 && s->en2_form <= EN2_CUT ?
	    how[s->en2_form] :
	    "not valid in any reading";

	snprintf(buf, size,
	    "extranonce2 has %s%u bytes where the pool asks for %u; %s",
	    s->en2_sent == 255 ? "more than " : "", s->en2_sent, s->en2_size,
	    good);
}

static void
say_ntime(const struct verify_share *s, char *buf, size_t size)
{
	int64_t ahead;

	if (s->job == NULL) {
		snprintf(buf, size, "%s",
		    verify_cause_text((enum verify_cause)s->cause));
		return;
	}
	ahead = (int64_t)s->ntime - (int64_t)s->job->ntime;
	snprintf(buf, size, "its time is %" PRId64 " s %s its job's",
	    ahead < 0 ? -ahead : ahead, ahead < 0 ? "before" : "ahead of");
}

static void
say_malformed(const struct verify_share *s, char *buf, size_t size)
{
	static const char *const param[] = { "the worker's name",
		"the job's id", "extranonce2", "ntime", "the nonce",
		"the version bits" };
	unsigned p = s->bad_param;

	snprintf(buf, size, "%s is missing or cannot be read",
	    p >= 1 && p <= 6 ? param[p - 1] : "a parameter");
}

static void
say_bits(const struct verify_share *s, char *buf, size_t size)
{
	size_t at;

	if (s->cause == CAUSE_BITS_UNASKED)
		at = (size_t)snprintf(buf, size,
		    "version bits %08" PRIx32 " were never negotiated",
		    s->bits);
	else
		at = (size_t)snprintf(buf, size,
		    "version bits %08" PRIx32 " lie outside of the mask "
		    "%08" PRIx32,
		    s->bits & ~s->mask, s->mask);
	if (at + 3 < size && s->formulas != 0) {
		at += (size_t)snprintf(buf + at, size - at, "; ");
		say_formulas(s, buf + at, size - at);
	}
}

void
verify_sentence(const struct verify_share *s, char *buf, size_t size)
{
	char t[32];

	switch ((enum verify_cause)s->cause) {
	case CAUSE_BORDERLINE:
	case CAUSE_IN_FLIGHT:
	case CAUSE_OLD_DIFFICULTY:
	case CAUSE_LOW:
		say_difficulty(s, buf, size);
		break;
	case CAUSE_FORMULA:
		say_formulas(s, buf, size);
		break;
	case CAUSE_STALE:
		snprintf(buf, size,
		    "stale by %s: the pool had withdrawn the job",
		    span(s->late, t));
		break;
	case CAUSE_OLD_BLOCK:
		snprintf(buf, size,
		    "stale by %s: newer jobs build on another block, though "
		    "none said clean_jobs",
		    span(s->late, t));
		break;
	case CAUSE_NTIME_EARLY:
	case CAUSE_NTIME_LATE:
		say_ntime(s, buf, size);
		break;
	case CAUSE_EN2_LENGTH:
		say_extranonce2(s, buf, size);
		break;
	case CAUSE_BITS_OUTSIDE:
	case CAUSE_BITS_UNASKED:
		say_bits(s, buf, size);
		break;
	case CAUSE_BAD_JOB:
		snprintf(buf, size, "its job cannot be used: %s",
		    s->job == NULL ?
			"" :
			work_fault_text((enum work_fault)s->job->fault));
		break;
	case CAUSE_MALFORMED:
		say_malformed(s, buf, size);
		break;
	case CAUSE_NONE:
	case CAUSE_OLD_EXTRANONCE:
	case CAUSE_NEW_EXTRANONCE:
	case CAUSE_JOB_REUSED:
	case CAUSE_WRONG_WORKER:
	case CAUSE_NOT_AUTHORIZED:
	case CAUSE_STALE_IN_FLIGHT:
	case CAUSE_DUPLICATE:
	case CAUSE_NTIME_ODD:
	case CAUSE_EN2_ODD:
	case CAUSE_BITS_ODD:
	case CAUSE_UNKNOWN_JOB:
	case CAUSE_GAP:
	case CAUSE_JOB_LOST:
	case CAUSE_NO_EXTRANONCE:
	case CAUSE_NO_DIFFICULTY:
	case CAUSES:
		snprintf(buf, size, "%s",
		    verify_cause_text((enum verify_cause)s->cause));
		break;
	}
}
