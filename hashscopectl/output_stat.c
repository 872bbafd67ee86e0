/*
 * Statistics and accounts for people.
 */
#include <inttypes.h>
#include <string.h>

#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

static const struct table_column stat_table[] = {
	{ "TIME", 0, 0 },
	{ "NAME", 0, 40 },
	{ "HASHRATE", 1, 0 },
	{ "1 MIN", 1, 0 },
	{ "SHARES", 1, 0 },
	{ "ACCEPTED", 1, 0 },
	{ "REJECTED", 1, 0 },
	{ "STALE", 1, 0 },
	{ "DISPUTED", 1, 0 },
	{ "P50", 1, 0 },
	{ "P99", 1, 0 },
	{ "MESSAGES", 1, 0 },
	{ NULL, 0, 0 },
};

const struct table_column *
stat_columns(void)
{
	return stat_table;
}

static const char *
percent(double part, char out[UNITS_TEXT])
{
	snprintf(out, UNITS_TEXT, "%.2f %%", part * 100);
	return out;
}

void
stat_row(struct output *o, const struct stat_rec *s)
{
	const struct roll *r = &s->roll;
	struct table *t = &o->table;
	char buf[TEXT_MAX], num[UNITS_TEXT];

	table_cell(t, "%s", units_time(s->ts_us, o->now_us, num));
	table_cell(t, "%s",
	    s->by == ROLL_ALL ? "all" :
		s->other      ? "(others)" :
				safe(s->name, buf));
	table_cell(t, "%s",
	    units_hashrate(roll_hashrate(r->accepted_difficulty, s->seconds),
		num));
	table_cell(t, "%s",
	    s->rated ? units_hashrate(s->hashrate[RATES_1M], num) : "");
	table_cell(t, "%s", units_count((uint64_t)roll_shares(r), num));
	table_cell(t, "%s", units_count((uint64_t)r->accepted, num));
	table_cell(t, "%s", percent(roll_reject_rate(r), num));
	table_cell(t, "%s", percent(roll_stale_rate(r), num));
	table_cell(t, "%s", units_count((uint64_t)r->disputed, num));
	table_cell(t, "%s",
	    r->latency_n > 0 ? units_us(roll_latency(r, 0.5), num) : "-");
	table_cell(t, "%s",
	    r->latency_n > 0 ? units_us(roll_latency(r, 0.99), num) : "-");
	table_cell(t, "%s",
	    units_count((uint64_t)(r->messages[0] + r->messages[1]), num));
	table_row(t,
	    text_colour(o,
		r->disputed > 0                ? RED :
		    roll_reject_rate(r) > 0.05 ? YELLOW :
						 NULL));
}

/* --- of a session --- */

static void
share_counts(struct output *o, const struct roll *r)
{
	char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT];

	line(o, "shares", "%s: %s accepted, %s rejected, %s without an answer",
	    units_count((uint64_t)roll_shares(r), a),
	    units_count((uint64_t)r->accepted, b),
	    units_count((uint64_t)r->rejected, c),
	    units_count((uint64_t)roll_unanswered(r), d));
	for (unsigned i = 0; i < VERDICTS; i++)
		if (r->verdict[i] != 0 && i != VERDICT_VALID)
			line(o, "", "%s %s",
			    units_count((uint64_t)r->verdict[i], a),
			    verify_verdict_name((enum verify_verdict)i));
	if (r->disputed > 0)
		line(o, "", "%s that the pool judged wrongly",
		    units_count((uint64_t)r->disputed, a));
	line(o, "rates", "%s rejected, %s stale, which cost %.6g of %.6g",
	    percent(roll_reject_rate(r), a), percent(roll_stale_rate(r), b),
	    r->stale_difficulty, r->accepted_difficulty + r->stale_difficulty);
	if (r->best > 0)
		line(o, "best share", "%.6g", r->best);
	if (r->last_us != 0)
		line(o, "last share", "%s",
		    units_time(r->last_us, o->now_us, a));
}

static void
latency_line(struct output *o, const struct roll *r)
{
	char p50[UNITS_TEXT], p99[UNITS_TEXT], own[UNITS_TEXT], tcp[UNITS_TEXT],
	    pool[UNITS_TEXT];
	int64_t n = r->latency_n;

	if (n == 0)
		return;
	line(o, "latency",
	    "p50 %s, p99 %s; of the mean HashScope %s, network "
	    "to the pool %s, pool %s",
	    units_us(roll_latency(r, 0.5), p50),
	    units_us(roll_latency(r, 0.99), p99), units_us(r->own / n, own),
	    units_us(r->tcp_pool / n, tcp), units_us(r->pool / n, pool));
}

void
account_lines(struct output *o, const struct session_rec *s)
{
	const struct session_account *a = &s->account;
	char rate[RATES_MAX][UNITS_TEXT];
	const struct conform_note *n;
	char num[UNITS_TEXT];
	unsigned i;

	for (i = 0; i < RATES_MAX; i++)
		units_hashrate(session_hashrate(s, (enum rates_window)i),
		    rate[i]);
	line(o, "hashrate", "%s in 1 min, %s in 10 min, %s in 1 h, %s in 24 h",
	    rate[RATES_1M], rate[RATES_10M], rate[RATES_1H], rate[RATES_24H]);
	share_counts(o, &a->roll);
	latency_line(o, &a->roll);
	text_line(o, "extranonce1", s->extranonce1);
	for (i = 0; i < CONFORM_MAX; i++) {
		n = &a->notes.of[i];
		if (n->count > 0)
			line(o, "oddity",
			    "%s %s, message %" PRIu64 " to %" PRIu64 ": %s",
			    units_count(n->count, num),
			    conform_code((enum conform)i), n->first, n->last,
			    conform_text((enum conform)i));
	}
}
