/*
 * See share_news.h.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/share_news.h"

int
share_news_to(struct ingest *in, void (*fn)(void *, const struct share_rec *))
{
	struct share_news *n = in->news;

	if (fn == NULL) {
		share_news_free(in);
		return 0;
	}
	if (n == NULL && (n = calloc(1, sizeof(*n))) == NULL)
		return -1;
	if (n->slot == NULL &&
	    (n->slot = calloc(NEWS_SLOTS, sizeof(*n->slot))) == NULL) {
		free(n);
		in->news = NULL;
		return -1;
	}
	n->fn = fn;
	in->news = n;
	return 0;
}

void
share_news_free(struct ingest *in)
{
	if (in->news != NULL)
		free(in->news->slot);
	free(in->news);
	in->news = NULL;
}

static void
set_flag(struct share_rec *r, uint32_t flag, bool on)
{
	if (on)
		r->flags |= flag;
}

/* What was hashed; of others only what says why not. */
static void
fill_header(struct share_rec *r, const struct verify_share *s)
{
	set_flag(r, SF_FIRM, s->firm);
	set_flag(r, SF_BLOCK, s->is_block);
	set_flag(r, SF_BITS, s->has_bits);
	r->bits = s->bits;
	r->mask = s->mask;
	r->en2 = s->en2;
	r->formula = WORK_FORMULAS;
	if (!s->hashed)
		return;
	r->flags |= SF_HASHED | SF_NTIME | SF_NONCE;
	r->en1 = s->en1;
	r->ntime = s->ntime;
	r->nonce = s->nonce;
	r->version = s->version;
	if (s->has_bits)
		r->formula = s->formula;
	memcpy(r->hash, s->hash, sizeof(r->hash));
	r->reached = s->reached;
}

static void
fill(struct share_rec *r, const struct verify_share *s)
{
	struct verify_brief brief;

	verify_brief(s, &brief);
	r->verdict = s->verdict;
	r->cause = s->cause;
	fill_header(r, s);
	r->formulas = s->formulas;
	r->passed = s->passed;
	r->required = brief.required;
	r->job_difficulty = s->job_difficulty;
	r->present = s->present;
	r->previous = s->previous;
	r->late_us = (int64_t)(s->late / 1000);
	r->job_age_us = (int64_t)(s->job_age / 1000);
	memcpy(r->worker, s->worker, sizeof(r->worker));
	memcpy(r->job_id, s->job_id, sizeof(r->job_id));
}

void
share_news_seen(struct ingest *in, const struct session *s,
    const struct store_msg *m, const struct verify_share *share)
{
	struct share_rec *r;

	if (in->news == NULL)
		return;
	r = &in->news->slot[m->pos % NEWS_SLOTS];
	memset(r, 0, sizeof(*r));
	r->pos = m->pos;
	memcpy(r->session, s->rec.id, sizeof(r->session));
	set_flag(r, SF_BROADCAST, s->rec.broadcast_enabled);
	r->repeat = s->rec.repeat_count;
	r->ts_us = store_real_us(in->store, m->ts_recv);
	fill(r, share);
	r->latency_us = r->own_us = r->pool_us = -1;
	r->tcp_miner_us = r->tcp_pool_us = -1;
	in->news->fn(in->arg, r);
}

static void
fill_answer(struct share_rec *r, const struct store_answer *a)
{
	r->answer = a->answer;
	r->said = a->said.class;
	r->reason = a->said.reason;
	r->agreement = a->judged.agreement;
	r->cause = a->judged.cause;
	set_flag(r, SF_CODE, a->said.has_code);
	r->code = a->said.has_code ? a->said.code : 0;
	memcpy(r->error, a->said.text, sizeof(r->error));
	r->latency_us = a->latency / 1000;
	r->own_us = a->legs.own / 1000;
	/* No round trip takes no time: it is not known. */
	r->tcp_miner_us = a->legs.tcp_miner > 0 ? a->legs.tcp_miner / 1000 : -1;
	r->tcp_pool_us = a->legs.tcp_pool > 0 ? a->legs.tcp_pool / 1000 : -1;
	r->pool_us = a->legs.pool / 1000;
}

void
share_news_answered(struct ingest *in, uint64_t pos,
    const struct store_answer *a)
{
	struct share_rec *r;

	if (in->news == NULL)
		return;
	r = &in->news->slot[pos % NEWS_SLOTS];
	if (r->pos != pos) {
		in->news->lost++;
		return;
	}
	fill_answer(r, a);
	in->news->fn(in->arg, r);
	r->pos = 0;
}
