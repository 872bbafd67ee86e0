/*
 * Numbers of a run.  Latency is kept in buckets that grow by 2 %, so the
 * percentiles are right to that, from a microsecond to ten minutes.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "agent/agent.h"
#include "common/object_put.h"

#define GROWTH 1.02

static unsigned
bucket_of(uint64_t us)
{
	double b = us < 2 ? 0 : log((double)us) / log(GROWTH);

	return b >= STATS_BUCKETS ? STATS_BUCKETS - 1 : (unsigned)b;
}

void
stats_submit(struct agent_stats *s, uint64_t now)
{
	unsigned i = (unsigned)(now % 61);

	if (s->second_of[i] != now) {
		s->second_of[i] = now;
		s->second[i] = 0;
	}
	s->second[i]++;
	s->attempted++;
}

void
stats_answer(struct agent_stats *s, uint64_t us)
{
	s->bucket[bucket_of(us)]++;
	s->answers++;
	s->last_us = us == 0 ? 1 : us;
}

double
stats_rate(const struct agent_stats *s, uint64_t now, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 61; i++)
		if (s->second_of[i] < now && s->second_of[i] + n >= now)
			sum += s->second[i];
	return (double)sum / n;
}

uint64_t
stats_percentile(const struct agent_stats *s, double part)
{
	uint64_t want = (uint64_t)ceil(part * (double)s->answers), n = 0;

	if (s->answers == 0)
		return 0;
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		n += s->bucket[i];
		/* The middle of the bucket. */
		if (n >= want && n > 0)
			return (uint64_t)pow(GROWTH, i + 0.5);
	}
	return 0;
}

static double
ms(uint64_t us)
{
	return us == 0 ? -1 : (double)us / 1000;
}

void
stats_fill(const struct agent_stats *s, uint64_t now, struct agent_rec *r)
{
	r->received = s->received;
	r->attempted = s->attempted;
	r->accepted = s->accepted;
	r->rejected = s->rejected;
	r->mismatches = 0;
	for (unsigned k = 0; k < MINE_KINDS; k++)
		r->mismatches += s->wrong[k];
	r->last_latency_ms = ms(s->last_us);
	r->per_second_1min = stats_rate(s, now, 60);
	r->per_second_10sec = stats_rate(s, now, 10);
	r->p50_ms = ms(stats_percentile(s, 0.5));
	r->p90_ms = ms(stats_percentile(s, 0.9));
	r->p99_ms = ms(stats_percentile(s, 0.99));
}

static void
report_text(const struct agent_stats *s, const struct agent_conf *c,
    double seconds, FILE *f)
{
	fprintf(f, "agent %s, run %s, %.1f s\n", c->id, c->run, seconds);
	fprintf(f, "  shares received    %" PRIu64 "\n", s->received);
	fprintf(f, "  submitted          %" PRIu64 " (%.1f/s)\n", s->attempted,
	    seconds > 0 ? (double)s->attempted / seconds : 0);
	fprintf(f, "  accepted           %" PRIu64 "\n", s->accepted);
	fprintf(f, "  rejected           %" PRIu64 "\n", s->rejected);
	for (unsigned i = 0; i < ANSWER_REASONS; i++)
		if (s->reason[i] > 0)
			fprintf(f, "    %-16s %" PRIu64 "\n",
			    answer_reason_name((enum answer_reason)i),
			    s->reason[i]);
	for (unsigned k = 0; c->mine && k < MINE_KINDS; k++)
		fprintf(f,
		    "  %-18s %" PRIu64 ", accepted %" PRIu64
		    ", judged wrongly %" PRIu64 "\n",
		    mine_kind_name(k), s->made[k], s->took[k], s->wrong[k]);
	fprintf(f, "  unanswered         %" PRIu64 "\n", s->unanswered);
	fprintf(f, "  dropped            %" PRIu64 "\n", s->dropped);
	fprintf(f, "  events refused     %" PRIu64 "\n", s->refused);
	if (s->answers > 0)
		fprintf(f,
		    "  latency            p50 %.2f ms, p90 %.2f ms, "
		    "p99 %.2f ms\n",
		    ms(stats_percentile(s, 0.5)), ms(stats_percentile(s, 0.9)),
		    ms(stats_percentile(s, 0.99)));
	fflush(f);
}

static void
report_json(const struct agent_stats *s, const struct agent_conf *c,
    double seconds, FILE *f)
{
	struct json_out o;
	const char *text;

	json_init(&o, 65536);
	json_object(&o);
	json_kcstr(&o, "agent_id", c->id);
	json_kcstr(&o, "run_id", c->run);
	json_kdouble(&o, "seconds", seconds);
	json_kuint(&o, "received", s->received);
	json_kuint(&o, "submitted", s->attempted);
	json_kuint(&o, "accepted", s->accepted);
	json_kuint(&o, "rejected", s->rejected);
	json_kobject(&o, "rejected_by_reason");
	for (unsigned i = 0; i < ANSWER_REASONS; i++)
		if (s->reason[i] > 0)
			json_kuint(&o,
			    answer_reason_name((enum answer_reason)i),
			    s->reason[i]);
	json_object_end(&o);
	json_kobject(&o, "made");
	for (unsigned k = 0; c->mine && k < MINE_KINDS; k++) {
		json_kobject(&o, mine_kind_name(k));
		json_kuint(&o, "submitted", s->made[k]);
		json_kuint(&o, "accepted", s->took[k]);
		json_kuint(&o, "wrong", s->wrong[k]);
		json_object_end(&o);
	}
	json_object_end(&o);
	json_kuint(&o, "late", s->late);
	json_kuint(&o, "unanswered", s->unanswered);
	json_kuint(&o, "dropped", s->dropped);
	json_kuint(&o, "events_refused", s->refused);
	object_put_positive(&o, "latency_p50_ms", ms(stats_percentile(s, 0.5)));
	object_put_positive(&o, "latency_p90_ms", ms(stats_percentile(s, 0.9)));
	object_put_positive(&o, "latency_p99_ms",
	    ms(stats_percentile(s, 0.99)));
	json_object_end(&o);
	text = json_finish(&o, NULL);
	if (text != NULL)
		fprintf(f, "%s\n", text);
	fflush(f);
	json_clear(&o);
}

void
stats_report(const struct agent_stats *s, const struct agent_conf *c,
    double seconds, FILE *text, FILE *json)
{
	if (text != NULL)
		report_text(s, c, seconds, text);
	if (json != NULL)
		report_json(s, c, seconds, json);
}
