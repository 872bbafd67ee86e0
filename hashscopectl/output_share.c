/*
 * Shares and workers for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/object_share.h"
#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

static const struct table_column share_table[] = {
	{ "SHARE", 1, 0 },
	{ "TIME", 0, 0 },
	{ "SESSION", 0, 0 },
	{ "WORKER", 0, 32 },
	{ "JOB", 0, 20 },
	{ "REACHES", 1, 0 },
	{ "ASKED", 1, 0 },
	{ "VERDICT", 0, 0 },
	{ "POOL", 0, 0 },
	{ "LATENCY", 1, 0 },
	{ "NOTE", 0, 0 },
	{ NULL, 0, 0 },
};

static const struct table_column worker_table[] = {
	{ "WORKER", 0, 48 },
	{ "LIVE", 1, 0 },
	{ "HASHRATE", 1, 0 },
	{ "SHARES", 1, 0 },
	{ "ACCEPTED", 1, 0 },
	{ "REJECTED", 1, 0 },
	{ "STALE", 1, 0 },
	{ "LOW", 1, 0 },
	{ "DISPUTED", 1, 0 },
	{ "DIFFICULTY", 1, 0 },
	{ "BEST", 1, 0 },
	{ "LAST SHARE", 1, 0 },
	{ NULL, 0, 0 },
};

static const struct table_column job_table[] = {
	{ "ID", 1, 0 },
	{ "TIME", 0, 0 },
	{ "POOL", 0, 40 },
	{ "JOB", 0, 20 },
	{ "CLEAN", 0, 0 },
	{ "HEIGHT", 1, 0 },
	{ "BTC", 1, 0 },
	{ "BRANCHES", 1, 0 },
	{ "TAG", 0, 32 },
	{ "PAYS", 0, 0 },
	{ NULL, 0, 0 },
};

const struct table_column *
share_columns(enum listing l)
{
	return l == LIST_WORKERS ? worker_table :
	    l == LIST_JOBS       ? job_table :
				   share_table;
}

/* --- shares --- */

static const char *
verdict(const struct share_rec *s)
{
	return verify_verdict_name((enum verify_verdict)s->verdict);
}

static const char *
said(const struct share_rec *s)
{
	return answer_class_name((enum answer_class)s->said);
}

static bool
is_disputed(const struct share_rec *s)
{
	return s->agreement == AGREE_POOL_ACCEPTS_INVALID ||
	    s->agreement == AGREE_POOL_REJECTS_VALID;
}

static const char *
share_colour(const struct output *o, const struct share_rec *s)
{
	if (is_disputed(s))
		return text_colour(o, RED);
	if (s->verdict != VERDICT_VALID || s->said == ANSWER_REJECTED ||
	    s->said == ANSWER_ODD)
		return text_colour(o, YELLOW);
	return NULL;
}

/* Who is right, if they differ; then why. */
static void
describe(const struct share_rec *s, char *buf, size_t size)
{
	char why[600];

	share_sentence(s, why, sizeof(why));
	if (s->agreement == AGREE_POOL_ACCEPTS_INVALID)
		snprintf(buf, size, "the pool is wrong to accept it: %s", why);
	else if (s->agreement == AGREE_POOL_REJECTS_VALID)
		snprintf(buf, size, "the pool is wrong to reject it%s%s%s%s",
		    s->error[0] != '\0' ? " as " : "", s->error,
		    why[0] != '\0' ? "; " : "", why);
	else if (s->agreement == AGREE_OTHER_REASON)
		snprintf(buf, size, "the pool says %s; %s",
		    s->error[0] != '\0' ? s->error : "no", why);
	else
		snprintf(buf, size, "%s", why);
}

static void
difficulty_cell(struct table *t, double d)
{
	if (d > 0)
		table_cell(t, "%.6g", d);
	else
		table_cell(t, "-");
}

void
share_row(struct output *o, const struct share_rec *s)
{
	struct table *t = &o->table;
	char id[SESSION_TEXT], buf[TEXT_MAX], num[UNITS_TEXT], why[900];

	uuid_text(s->session, id);
	describe(s, why, sizeof(why));
	table_cell(t, "%" PRIu64, s->pos);
	table_cell(t, "%s", units_time(s->ts_us, o->now_us, num));
	table_cell(t, "%.18s", id);
	table_cell(t, "%s", safe(s->worker, buf));
	table_cell(t, "%s", safe(s->job_id, buf));
	difficulty_cell(t, s->flags & SF_HASHED ? s->reached : 0);
	difficulty_cell(t, s->required);
	table_cell(t, "%s%s", verdict(s),
	    s->flags & SF_BLOCK ? ", a block" : "");
	table_cell(t, "%s", said(s));
	table_cell(t, "%s",
	    s->latency_us >= 0 ? units_us(s->latency_us, num) : "-");
	table_cell(t, "%s", why[0] != '\0' ? safe(why, buf) : "");
	table_row(t, share_colour(o, s));
}

static void
hex_line(struct output *o, const char *label, const uint8_t *p, size_t len)
{
	char hex[2 * WORK_EXTRANONCE_MAX + 1];

	hex_text(p, len, hex);
	line(o, label, "%s", len > 0 ? hex : "-");
}

static void
header_lines(struct output *o, const struct share_rec *s)
{
	char hash[65];

	if (s->flags & SF_HASHED)
		hex_line(o, "extranonce1", s->en1.b, s->en1.len);
	hex_line(o, "extranonce2", s->en2.b, s->en2.len);
	if (s->flags & SF_NTIME)
		line(o, "ntime", "%08" PRIx32, s->ntime);
	if (s->flags & SF_NONCE)
		line(o, "nonce", "%08" PRIx32, s->nonce);
	if (s->flags & SF_BITS)
		line(o, "version bits", "%08" PRIx32 ", mask %08" PRIx32,
		    s->bits, s->mask);
	if ((s->flags & SF_HASHED) == 0)
		return;
	line(o, "version", "%08" PRIx32 "%s%s", s->version,
	    s->formula < WORK_FORMULAS ? ", by formula " : "",
	    s->formula < WORK_FORMULAS ?
		work_formula_name((enum work_formula)s->formula) :
		"");
	hex_text_reversed(s->hash, 32, hash);
	line(o, "hash", "%s", hash);
}

static void
difficulty_lines(struct output *o, const struct share_rec *s)
{
	if (s->flags & SF_HASHED)
		line(o, "reaches", "difficulty %.10g%s", s->reached,
		    s->flags & SF_BLOCK ? ": a block" : "");
	if (s->job_difficulty > 0)
		line(o, "asked for", "%.10g with its job%s", s->job_difficulty,
		    s->passed & VERIFY_BY_JOB ? ", reached" : "");
	if (s->present > 0 && s->present != s->job_difficulty)
		line(o, "", "%.10g when it came%s", s->present,
		    s->passed & VERIFY_BY_PRESENT ? ", reached" : "");
	if (s->previous > 0)
		line(o, "", "%.10g before that%s", s->previous,
		    s->passed & VERIFY_BY_PREVIOUS ? ", reached" : "");
}

static void
latency_lines(struct output *o, const struct share_rec *s)
{
	char num[UNITS_TEXT];

	if (s->latency_us >= 0)
		line(o, "answered after", "%s", units_us(s->latency_us, num));
	if (s->own_us >= 0)
		line(o, "of that here", "%s", units_us(s->own_us, num));
	if (s->pool_us >= 0)
		line(o, "of that the pool", "%s%s", units_us(s->pool_us, num),
		    s->tcp_pool_us < 0 ? ", with the network to it" : "");
	if (s->tcp_miner_us >= 0)
		line(o, "round trip, miner", "%s",
		    units_us(s->tcp_miner_us, num));
	if (s->tcp_pool_us >= 0)
		line(o, "round trip, pool", "%s",
		    units_us(s->tcp_pool_us, num));
}

void
share_lines(struct output *o, const struct share_rec *s)
{
	const char *colour = share_colour(o, s);
	char why[900], buf[TEXT_MAX];

	describe(s, why, sizeof(why));
	line(o, "verdict", "%s%s%s%s", colour != NULL ? colour : "", verdict(s),
	    s->flags & SF_FIRM ? "" : " (some pools' rules differ)",
	    colour != NULL ? OFF : "");
	if (why[0] != '\0')
		line(o, "because", "%s", safe(why, buf));
	line(o, "the pool", "%s%s%s", said(s), s->error[0] != '\0' ? ": " : "",
	    s->error[0] != '\0' ? safe(s->error, buf) : "");
	difficulty_lines(o, s);
	latency_lines(o, s);
}

void
share_one(struct output *o, const struct share_rec *s)
{
	char id[SESSION_TEXT], num[UNITS_TEXT];

	uuid_text(s->session, id);
	fprintf(o->fp, "share %" PRIu64 "\n", s->pos);
	line(o, "session", "%s", id);
	text_line(o, "worker", s->worker);
	text_line(o, "job", s->job_id);
	if (s->job != 0)
		line(o, "stored as job", "%" PRIu64, s->job);
	line(o, "submitted", "%s", units_time(s->ts_us, o->now_us, num));
	if (s->answer != 0)
		line(o, "answered by", "message %" PRIu64, s->answer);
	header_lines(o, s);
	share_lines(o, s);
	verification_lines(o, s);
}

/* --- workers --- */

void
worker_row(struct output *o, const struct worker_rec *w)
{
	struct table *t = &o->table;
	char buf[TEXT_MAX], num[UNITS_TEXT];

	table_cell(t, "%s", safe(w->name, buf));
	table_cell(t, "%" PRIu32, w->live);
	table_cell(t, "%s", units_hashrate(w->hashrate[RATES_10M], num));
	table_cell(t, "%s", units_count(w->shares, num));
	table_cell(t, "%s", units_count(w->accepted, num));
	table_cell(t, "%s", units_count(w->rejected, num));
	table_cell(t, "%s", units_count(w->stale, num));
	table_cell(t, "%s", units_count(w->low, num));
	table_cell(t, "%s", units_count(w->disputed, num));
	difficulty_cell(t, w->accepted_difficulty);
	difficulty_cell(t, w->best);
	table_cell(t, "%s ago",
	    units_span((o->now_us - w->last_share_us) / 1000000, num));
	table_row(t,
	    w->disputed > 0  ? text_colour(o, RED) :
		w->live == 0 ? text_colour(o, DIM) :
			       NULL);
}
