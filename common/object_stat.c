/*
 * Accounts and statistics as JSON.
 */
#include <string.h>

#include "common/object_put.h"
#include "common/record_stat.h"

void
object_put_hashrates(struct json_out *o, const double rate[RATES_MAX])
{
	unsigned w;

	json_kdouble(o, "hashrate", rate[RATES_10M]);
	json_kobject(o, "hashrates");
	for (w = 0; w < RATES_MAX; w++)
		json_kdouble(o, rates_name((enum rates_window)w), rate[w]);
	json_object_end(o);
}

static void
put_kinds(struct json_out *o, const struct roll *r)
{
	unsigned i;

	json_kobject(o, "verdicts");
	for (i = 0; i < VERDICTS; i++)
		if (r->verdict[i] != 0)
			json_kint(o,
			    verify_verdict_name((enum verify_verdict)i),
			    r->verdict[i]);
	json_object_end(o);
	json_kobject(o, "causes");
	for (i = 0; i < CAUSES; i++)
		if (r->cause[i] != 0 && i != CAUSE_NONE)
			json_kint(o, verify_cause_name((enum verify_cause)i),
			    r->cause[i]);
	json_object_end(o);
}

static void
put_latency(struct json_out *o, const struct roll *r)
{
	static const struct {
		const char *key;
		double part;
	} parts[] = { { "p50_us", 0.5 }, { "p90_us", 0.9 },
		{ "p99_us", 0.99 } };
	int64_t n = r->latency_n > 0 ? r->latency_n : 1;
	size_t i;

	json_kobject(o, "latency");
	json_kint(o, "count", r->latency_n);
	json_kint(o, "mean_us", r->latency / n);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		json_kint(o, parts[i].key, roll_latency(r, parts[i].part));
	json_kint(o, "own_us", r->own / n);
	json_kint(o, "tcp_miner_us", r->tcp_miner / n);
	json_kint(o, "tcp_pool_us", r->tcp_pool / n);
	json_kint(o, "pool_us", r->pool / n);
	json_object_end(o);
}

void
object_put_roll(struct json_out *o, const struct roll *r)
{
	json_kobject(o, "shares");
	json_kint(o, "total", roll_shares(r));
	json_kint(o, "accepted", r->accepted);
	json_kint(o, "rejected", r->rejected);
	json_kint(o, "stale", r->stale);
	json_kint(o, "unanswered", roll_unanswered(r));
	json_kint(o, "disputed", r->disputed);
	json_kint(o, "blocks", r->blocks);
	put_kinds(o, r);
	json_kdouble(o, "reject_rate", roll_reject_rate(r));
	json_kdouble(o, "stale_rate", roll_stale_rate(r));
	json_kdouble(o, "accepted_difficulty", r->accepted_difficulty);
	json_kdouble(o, "rejected_difficulty", r->rejected_difficulty);
	json_kdouble(o, "stale_difficulty", r->stale_difficulty);
	object_put_positive(o, "best_difficulty", r->best);
	object_put_time(o, "last_share", r->last_us);
	json_object_end(o);
	put_latency(o, r);
}

static void
put_pair(struct json_out *o, const char *key, const int64_t v[2])
{
	json_kobject(o, key);
	json_kint(o, "miner_to_pool", v[0]);
	json_kint(o, "pool_to_miner", v[1]);
	json_object_end(o);
}

void
object_stat(struct json_out *o, const struct stat_rec *s)
{
	json_object(o);
	object_put_time(o, "ts", s->ts_us);
	json_kdouble(o, "seconds", s->seconds);
	json_kcstr(o, "by", roll_by_name((enum roll_by)s->by));
	json_kcstr(o, "name", s->by == ROLL_ALL || s->other ? NULL : s->name);
	json_kbool(o, "other", s->other);
	if (s->rated) {
		object_put_hashrates(o, s->hashrate);
	} else {
		json_knull(o, "hashrate");
		json_kobject(o, "hashrates");
		json_object_end(o);
	}
	json_kdouble(o, "mean_hashrate",
	    roll_hashrate(s->roll.accepted_difficulty, s->seconds));
	object_put_roll(o, &s->roll);
	put_pair(o, "messages", s->roll.messages);
	put_pair(o, "bytes", s->roll.bytes);
	json_object_end(o);
}
