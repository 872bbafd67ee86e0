/*
 * Shares, workers and jobs on the wire; the rules are those of record.c.
 */
#include <string.h>

#include "common/record_share.h"

#define SF_KNOWN                                                          \
	(SF_FIRM | SF_BLOCK | SF_HASHED | SF_BITS | SF_NTIME | SF_NONCE | \
	    SF_CODE | SF_COMMITTED | SF_BROADCAST)
#define FORMULAS_KNOWN ((1u << WORK_FORMULAS) - 1)
#define PASSED_KNOWN   (VERIFY_BY_JOB | VERIFY_BY_PRESENT | VERIFY_BY_PREVIOUS)

static uint8_t
get_below(struct mcur *c, unsigned end)
{
	uint8_t v = msg_get_u8(c);

	if (v >= end) {
		c->bad = true;
		return 0;
	}
	return v;
}

static uint32_t
get_mask(struct mcur *c, uint32_t v, uint32_t known)
{
	if ((v & ~known) != 0)
		c->bad = true;
	return v & known;
}

/* Bytes that may not be there at all, which is not the same as none. */
static void
put_maybe(struct mbuf *b, const uint8_t *p, size_t len)
{
	msg_put_u8(b, p != NULL);
	msg_put_bytes(b, p, p != NULL ? len : 0);
}

static const uint8_t *
get_maybe(struct mcur *c, uint32_t *len32, size_t max)
{
	bool told = msg_get_bool(c);
	size_t len;
	const uint8_t *p = msg_get_bytes(c, &len, max);

	if (!told && len != 0)
		c->bad = true;
	*len32 = c->bad || !told ? 0 : (uint32_t)len;
	return told ? p : NULL;
}

static void
put_fixed(struct mbuf *b, const struct work_bytes *w)
{
	msg_put_bytes(b, w->b, w->len);
}

static void
get_fixed(struct mcur *c, struct work_bytes *w)
{
	size_t len;
	const uint8_t *p = msg_get_bytes(c, &len, sizeof(w->b));

	w->len = c->bad ? 0 : (uint8_t)len;
	if (w->len > 0)
		memcpy(w->b, p, w->len);
}

/* --- shares --- */

static void
put_judged(struct mbuf *b, const struct share_rec *s)
{
	msg_put_u32(b, s->flags);
	msg_put_u8(b, s->verdict);
	msg_put_u8(b, s->cause);
	msg_put_u8(b, s->said);
	msg_put_u8(b, s->agreement);
	msg_put_u8(b, s->reason);
	msg_put_u8(b, s->formula);
	msg_put_u8(b, s->formulas);
	msg_put_u8(b, s->passed);
}

static void
get_judged(struct mcur *c, struct share_rec *s)
{
	s->flags = get_mask(c, msg_get_u32(c), SF_KNOWN);
	s->verdict = get_below(c, VERDICTS);
	s->cause = get_below(c, CAUSES);
	s->said = get_below(c, ANSWER_ODD + 1);
	s->agreement = get_below(c, AGREEMENTS);
	s->reason = get_below(c, ANSWER_REASONS);
	s->formula = get_below(c, WORK_FORMULAS + 1);
	s->formulas = (uint8_t)get_mask(c, msg_get_u8(c), FORMULAS_KNOWN);
	s->passed = (uint8_t)get_mask(c, msg_get_u8(c), PASSED_KNOWN);
}

static void
put_numbers(struct mbuf *b, const struct share_rec *s)
{
	msg_put_u32(b, s->ntime);
	msg_put_u32(b, s->nonce);
	msg_put_u32(b, s->bits);
	msg_put_u32(b, s->version);
	msg_put_u32(b, s->mask);
	msg_put_double(b, s->reached);
	msg_put_double(b, s->required);
	msg_put_double(b, s->job_difficulty);
	msg_put_double(b, s->present);
	msg_put_double(b, s->previous);
	msg_put_i64(b, s->late_us);
	msg_put_i64(b, s->job_age_us);
	msg_put_i64(b, s->code);
	msg_put_u32(b, s->repeat);
	msg_put_i64(b, s->latency_us);
	msg_put_i64(b, s->own_us);
	msg_put_i64(b, s->tcp_miner_us);
	msg_put_i64(b, s->tcp_pool_us);
	msg_put_i64(b, s->pool_us);
}

static void
get_numbers(struct mcur *c, struct share_rec *s)
{
	s->ntime = msg_get_u32(c);
	s->nonce = msg_get_u32(c);
	s->bits = msg_get_u32(c);
	s->version = msg_get_u32(c);
	s->mask = msg_get_u32(c);
	s->reached = msg_get_double(c);
	s->required = msg_get_double(c);
	s->job_difficulty = msg_get_double(c);
	s->present = msg_get_double(c);
	s->previous = msg_get_double(c);
	s->late_us = msg_get_i64(c);
	s->job_age_us = msg_get_i64(c);
	s->code = msg_get_i64(c);
	s->repeat = msg_get_u32(c);
	s->latency_us = msg_get_i64(c);
	s->own_us = msg_get_i64(c);
	s->tcp_miner_us = msg_get_i64(c);
	s->tcp_pool_us = msg_get_i64(c);
	s->pool_us = msg_get_i64(c);
}

void
share_put(struct mbuf *b, const struct share_rec *s)
{
	msg_put_u64(b, s->pos);
	msg_put_u64(b, s->answer);
	msg_put_u64(b, s->job);
	msg_put_raw(b, s->session, sizeof(s->session));
	msg_put_i64(b, s->ts_us);
	put_judged(b, s);
	put_fixed(b, &s->en1);
	put_fixed(b, &s->en2);
	msg_put_raw(b, s->hash, sizeof(s->hash));
	put_numbers(b, s);
	msg_put_str(b, s->worker);
	msg_put_str(b, s->job_id);
	msg_put_str(b, s->error);
	put_maybe(b, s->verification, s->verification_len);
}

void
share_get(struct mcur *c, struct share_rec *s)
{
	memset(s, 0, sizeof(*s));
	s->pos = msg_get_u64(c);
	s->answer = msg_get_u64(c);
	s->job = msg_get_u64(c);
	msg_get_raw(c, s->session, sizeof(s->session));
	s->ts_us = msg_get_i64(c);
	get_judged(c, s);
	get_fixed(c, &s->en1);
	get_fixed(c, &s->en2);
	msg_get_raw(c, s->hash, sizeof(s->hash));
	get_numbers(c, s);
	msg_get_str(c, s->worker, sizeof(s->worker));
	msg_get_str(c, s->job_id, sizeof(s->job_id));
	msg_get_str(c, s->error, sizeof(s->error));
	s->verification = get_maybe(c, &s->verification_len, MSG_RECORD_MAX);
}

void
share_head_put(struct mbuf *b, const struct share_head *h)
{
	msg_put_raw(b, h->store_id, sizeof(h->store_id));
	msg_put_u64(b, h->committed);
	msg_put_u64(b, h->skipped);
	msg_put_u32(b, h->count);
}

void
share_head_get(struct mcur *c, struct share_head *h)
{
	memset(h, 0, sizeof(*h));
	msg_get_raw(c, h->store_id, sizeof(h->store_id));
	h->committed = msg_get_u64(c);
	h->skipped = msg_get_u64(c);
	h->count = msg_get_u32(c);
}

/* --- workers --- */

void
worker_put(struct mbuf *b, const struct worker_rec *w)
{
	unsigned i;

	msg_put_u64(b, w->id);
	msg_put_str(b, w->name);
	msg_put_u64(b, w->last);
	msg_put_i64(b, w->first_seen_us);
	msg_put_i64(b, w->last_share_us);
	msg_put_u64(b, w->shares);
	msg_put_u64(b, w->valid);
	msg_put_u64(b, w->stale);
	msg_put_u64(b, w->duplicate);
	msg_put_u64(b, w->low);
	msg_put_u64(b, w->blocks);
	msg_put_u64(b, w->accepted);
	msg_put_u64(b, w->rejected);
	msg_put_u64(b, w->disputed);
	msg_put_double(b, w->accepted_difficulty);
	msg_put_double(b, w->best);
	for (i = 0; i < RATES_MAX; i++)
		msg_put_double(b, w->hashrate[i]);
	msg_put_u32(b, w->live);
	msg_put_u8(b, w->sessions);
	for (i = 0; i < w->sessions; i++)
		msg_put_raw(b, w->session[i], sizeof(w->session[i]));
}

void
worker_get(struct mcur *c, struct worker_rec *w)
{
	unsigned i;

	memset(w, 0, sizeof(*w));
	w->id = msg_get_u64(c);
	msg_get_str(c, w->name, sizeof(w->name));
	w->last = msg_get_u64(c);
	w->first_seen_us = msg_get_i64(c);
	w->last_share_us = msg_get_i64(c);
	w->shares = msg_get_u64(c);
	w->valid = msg_get_u64(c);
	w->stale = msg_get_u64(c);
	w->duplicate = msg_get_u64(c);
	w->low = msg_get_u64(c);
	w->blocks = msg_get_u64(c);
	w->accepted = msg_get_u64(c);
	w->rejected = msg_get_u64(c);
	w->disputed = msg_get_u64(c);
	w->accepted_difficulty = msg_get_double(c);
	w->best = msg_get_double(c);
	for (i = 0; i < RATES_MAX; i++)
		w->hashrate[i] = msg_get_double(c);
	w->live = msg_get_u32(c);
	w->sessions = get_below(c, WORKER_SESSIONS + 1);
	for (i = 0; i < w->sessions; i++)
		msg_get_raw(c, w->session[i], sizeof(w->session[i]));
}

/* --- jobs --- */

static void
put_output(struct mbuf *b, const struct job_output *o)
{
	size_t kept = o->script_len < JOB_SCRIPT ? o->script_len : JOB_SCRIPT;

	msg_put_u64(b, o->value);
	msg_put_u8(b, o->type);
	msg_put_str(b, o->address);
	msg_put_u32(b, o->script_len);
	msg_put_raw(b, o->script, kept);
}

static void
get_output(struct mcur *c, struct job_output *o)
{
	o->value = msg_get_u64(c);
	o->type = get_below(c, ADDRESS_TYPES);
	msg_get_str(c, o->address, sizeof(o->address));
	o->script_len = msg_get_u32(c);
	msg_get_raw(c, o->script,
	    o->script_len < JOB_SCRIPT ? o->script_len : JOB_SCRIPT);
}

static void
put_coinbase(struct mbuf *b, const struct job_rec *j)
{
	unsigned i;

	msg_put_u8(b, j->coinbase_fault);
	msg_put_u8(b, j->extranonce_len);
	msg_put_i64(b, j->height);
	msg_put_str(b, j->tag);
	msg_put_u64(b, j->total);
	msg_put_u32(b, j->outputs);
	msg_put_u8(b, j->has_commitment);
	msg_put_raw(b, j->commitment, sizeof(j->commitment));
	msg_put_u8(b, j->kept);
	for (i = 0; i < j->kept; i++)
		put_output(b, &j->output[i]);
}

static void
get_coinbase(struct mcur *c, struct job_rec *j)
{
	unsigned i;

	j->coinbase_fault = get_below(c, COINBASE_FAULTS);
	j->extranonce_len = msg_get_u8(c);
	j->height = msg_get_i64(c);
	msg_get_str(c, j->tag, sizeof(j->tag));
	j->total = msg_get_u64(c);
	j->outputs = msg_get_u32(c);
	j->has_commitment = msg_get_bool(c);
	msg_get_raw(c, j->commitment, sizeof(j->commitment));
	j->kept = get_below(c, COINBASE_OUTPUTS_MAX + 1);
	for (i = 0; i < j->kept; i++)
		get_output(c, &j->output[i]);
}

void
job_put(struct mbuf *b, const struct job_rec *j)
{
	msg_put_u64(b, j->id);
	msg_put_u64(b, j->pos);
	msg_put_u64(b, j->first);
	msg_put_u64(b, j->last);
	msg_put_i64(b, j->ts_us);
	msg_put_str(b, j->pool);
	msg_put_str(b, j->job_id);
	msg_put_u64(b, j->sessions);
	msg_put_i64(b, j->spread_p50_us);
	msg_put_i64(b, j->spread_p99_us);
	msg_put_i64(b, j->spread_last_us);
	msg_put_u8(b, j->fault);
	msg_put_u8(b, (uint8_t)(j->clean + 1));
	msg_put_u32(b, j->version);
	msg_put_u32(b, j->nbits);
	msg_put_u32(b, j->ntime);
	msg_put_raw(b, j->prevhash, sizeof(j->prevhash));
	msg_put_u8(b, j->branches);
	msg_put_raw(b, j->branch, 32 * (size_t)j->branches);
	put_coinbase(b, j);
	put_maybe(b, j->coinb1, j->coinb1_len);
	put_maybe(b, j->coinb2, j->coinb2_len);
}

void
job_get(struct mcur *c, struct job_rec *j)
{
	memset(j, 0, sizeof(*j));
	j->id = msg_get_u64(c);
	j->pos = msg_get_u64(c);
	j->first = msg_get_u64(c);
	j->last = msg_get_u64(c);
	j->ts_us = msg_get_i64(c);
	msg_get_str(c, j->pool, sizeof(j->pool));
	msg_get_str(c, j->job_id, sizeof(j->job_id));
	j->sessions = msg_get_u64(c);
	j->spread_p50_us = msg_get_i64(c);
	j->spread_p99_us = msg_get_i64(c);
	j->spread_last_us = msg_get_i64(c);
	j->fault = get_below(c, WORK_FAULTS);
	j->clean = (int8_t)(get_below(c, 3) - 1);
	j->version = msg_get_u32(c);
	j->nbits = msg_get_u32(c);
	j->ntime = msg_get_u32(c);
	msg_get_raw(c, j->prevhash, sizeof(j->prevhash));
	j->branches = get_below(c, WORK_BRANCHES_MAX + 1);
	msg_get_raw(c, j->branch, 32 * (size_t)j->branches);
	get_coinbase(c, j);
	j->coinb1 = get_maybe(c, &j->coinb1_len, WORK_COINBASE_MAX);
	j->coinb2 = get_maybe(c, &j->coinb2_len, WORK_COINBASE_MAX);
}
