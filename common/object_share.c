/*
 * Shares and workers as JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/object.h"
#include "common/object_put.h"
#include "common/object_share.h"
#include "common/record_stat.h"

void
object_put_positive(struct json_out *o, const char *key, double d)
{
	if (d > 0)
		json_kdouble(o, key, d);
	else
		json_knull(o, key);
}

void
object_put_hex32(struct json_out *o, const char *key, bool known, uint32_t v)
{
	char text[9];

	snprintf(text, sizeof(text), "%08" PRIx32, v);
	json_kcstr(o, key, known ? text : NULL);
}

void
object_put_hash(struct json_out *o, const char *key, bool known,
    const uint8_t hash[32])
{
	char text[65];

	hex_text_reversed(hash, 32, text);
	json_kcstr(o, key, known ? text : NULL);
}

void
object_put_hex(struct json_out *o, const char *key, bool known,
    const uint8_t *p, size_t len)
{
	char text[2 * 32768 + 1];

	if (!known || len > sizeof(text) / 2) {
		json_knull(o, key);
		return;
	}
	hex_text(p, len, text);
	json_kcstr(o, key, text);
}

static void
put_us(struct json_out *o, const char *key, int64_t us)
{
	if (us < 0)
		json_knull(o, key);
	else
		json_kint(o, key, us);
}

/* --- shares --- */

void
share_sentence(const struct share_rec *s, char *buf, size_t size)
{
	struct verify_share v = { .verdict = s->verdict,
		.cause = s->cause,
		.firm = (s->flags & SF_FIRM) != 0,
		.has_bits = (s->flags & SF_BITS) != 0,
		.bits = s->bits,
		.mask = s->mask,
		.late = s->late_us > 0 ? (uint64_t)s->late_us * 1000 : 0,
		.formulas = s->formulas,
		.reached = s->reached,
		.job_difficulty = s->job_difficulty,
		.present = s->present,
		.previous = s->previous };

	/* These hang on what is not kept with a share. */
	if (s->cause == CAUSE_EN2_LENGTH || s->cause == CAUSE_MALFORMED ||
	    s->cause == CAUSE_BAD_JOB)
		snprintf(buf, size, "%s",
		    verify_cause_text((enum verify_cause)s->cause));
	else
		verify_sentence(&v, buf, size);
}

static void
put_header(struct json_out *o, const struct share_rec *s)
{
	bool hashed = (s->flags & SF_HASHED) != 0;

	object_put_hex(o, "extranonce1", hashed, s->en1.b, s->en1.len);
	object_put_hex(o, "extranonce2", s->en2.len > 0, s->en2.b, s->en2.len);
	object_put_hex32(o, "ntime", (s->flags & SF_NTIME) != 0, s->ntime);
	object_put_hex32(o, "nonce", (s->flags & SF_NONCE) != 0, s->nonce);
	object_put_hex32(o, "version", hashed, s->version);
	object_put_hex32(o, "version_bits", (s->flags & SF_BITS) != 0, s->bits);
	object_put_hex32(o, "version_mask", s->mask != 0, s->mask);
	object_put_hash(o, "hash", hashed, s->hash);
	object_put_positive(o, "difficulty", hashed ? s->reached : 0);
}

/* What the pool says or said in the three ways to count. */
static void
put_difficulties(struct json_out *o, const struct share_rec *s)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} by[] = {
		{ "job", VERIFY_BY_JOB },
		{ "present", VERIFY_BY_PRESENT },
		{ "previous", VERIFY_BY_PREVIOUS },
	};
	size_t i;

	object_put_positive(o, "required_difficulty", s->required);
	json_kobject(o, "difficulties");
	object_put_positive(o, "job", s->job_difficulty);
	object_put_positive(o, "present", s->present);
	object_put_positive(o, "previous", s->previous);
	json_karray(o, "passed");
	for (i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		if (s->passed & by[i].bit)
			json_cstr(o, by[i].name);
	json_array_end(o);
	json_object_end(o);
}

static void
put_pool(struct json_out *o, const struct share_rec *s)
{
	char code[32];

	snprintf(code, sizeof(code), "code %" PRId64, s->code);
	json_kcstr(o, "pool_verdict",
	    answer_class_name((enum answer_class)s->said));
	if (s->error[0] != '\0')
		json_kcstr(o, "pool_error", s->error);
	else if (s->flags & SF_CODE)
		json_kcstr(o, "pool_error", code);
	else
		json_knull(o, "pool_error");
	if (s->flags & SF_CODE)
		json_kint(o, "pool_error_code", s->code);
	else
		json_knull(o, "pool_error_code");
	object_put_text(o, "pool_reason",
	    answer_reason_name((enum answer_reason)s->reason));
	json_kcstr(o, "agreement",
	    verify_agreement_name((enum verify_agreement)s->agreement));
	object_put_id(o, "answer_id", s->answer);
}

static void
put_formulas(struct json_out *o, const struct share_rec *s)
{
	unsigned f;

	json_kcstr(o, "version_formula",
	    s->formula < WORK_FORMULAS ?
		work_formula_name((enum work_formula)s->formula) :
		NULL);
	json_karray(o, "version_formulas");
	for (f = 0; f < WORK_FORMULAS; f++)
		if (s->formulas & 1u << f && s->flags & SF_BITS)
			json_cstr(o, work_formula_name((enum work_formula)f));
	json_array_end(o);
}

static void
put_verdict(struct json_out *o, const struct share_rec *s)
{
	char words[600];

	share_sentence(s, words, sizeof(words));
	json_kbool(o, "is_block", (s->flags & SF_BLOCK) != 0);
	json_kcstr(o, "verdict",
	    verify_verdict_name((enum verify_verdict)s->verdict));
	json_kbool(o, "firm", (s->flags & SF_FIRM) != 0);
	object_put_text(o, "cause",
	    verify_cause_name((enum verify_cause)s->cause));
	object_put_text(o, "cause_text", words);
	put_pool(o, s);
	put_formulas(o, s);
	if (s->late_us > 0)
		json_kdouble(o, "late_ms", (double)s->late_us / 1000);
	else
		json_knull(o, "late_ms");
}

static void
put_latency(struct json_out *o, const struct share_rec *s)
{
	if (s->latency_us < 0)
		json_knull(o, "latency_ms");
	else
		json_kdouble(o, "latency_ms", (double)s->latency_us / 1000);
	json_kobject(o, "latency");
	put_us(o, "own_us", s->own_us);
	put_us(o, "tcp_miner_us", s->tcp_miner_us);
	put_us(o, "tcp_pool_us", s->tcp_pool_us);
	put_us(o, "pool_us", s->pool_us);
	json_object_end(o);
}

void
object_share(struct json_out *o, const struct share_rec *s)
{
	char session[SESSION_TEXT];

	uuid_text(s->session, session);
	json_object(o);
	json_kuint_str(o, "id", s->pos);
	json_kuint_str(o, "message_id", s->pos);
	json_kcstr(o, "session_id", session);
	json_kcstr(o, "worker", s->worker);
	json_kcstr(o, "job_id", s->job_id);
	object_put_id(o, "job", s->job);
	object_put_time(o, "ts", s->ts_us);
	put_header(o, s);
	put_difficulties(o, s);
	put_verdict(o, s);
	put_latency(o, s);
	json_kbool(o, "committed", (s->flags & SF_COMMITTED) != 0);
	if (s->verification != NULL) {
		json_key(o, "verification");
		json_raw(o, s->verification, s->verification_len);
	}
	json_object_end(o);
}

/* --- workers --- */

/* Of those that were answered. */
static double
part(uint64_t n, const struct worker_rec *w)
{
	uint64_t answered = w->accepted + w->rejected;

	return answered == 0 ? 0 : (double)n / (double)answered;
}

void
object_worker(struct json_out *o, const struct worker_rec *w)
{
	uint64_t known = w->valid + w->stale + w->duplicate + w->low;
	char session[SESSION_TEXT];
	unsigned i;

	json_object(o);
	json_kuint_str(o, "id", w->id);
	json_kcstr(o, "name", w->name);
	object_put_time(o, "first_seen", w->first_seen_us);
	object_put_time(o, "last_share", w->last_share_us);
	object_put_id(o, "last_share_id", w->last);
	json_kobject(o, "shares");
	json_kuint(o, "total", w->shares);
	json_kuint(o, "valid", w->valid);
	json_kuint(o, "stale", w->stale);
	json_kuint(o, "duplicate", w->duplicate);
	json_kuint(o, "low_difficulty", w->low);
	json_kuint(o, "other", w->shares > known ? w->shares - known : 0);
	json_kuint(o, "accepted", w->accepted);
	json_kuint(o, "rejected", w->rejected);
	json_kuint(o, "disputed", w->disputed);
	json_kuint(o, "blocks", w->blocks);
	json_object_end(o);
	object_put_hashrates(o, w->hashrate);
	json_kdouble(o, "reject_rate", part(w->rejected, w));
	json_kdouble(o, "accepted_difficulty", w->accepted_difficulty);
	object_put_positive(o, "best_difficulty", w->best);
	json_kuint(o, "live_sessions", w->live);
	json_karray(o, "sessions");
	for (i = 0; i < w->sessions; i++) {
		uuid_text(w->session[i], session);
		json_cstr(o, session);
	}
	json_array_end(o);
	json_object_end(o);
}
