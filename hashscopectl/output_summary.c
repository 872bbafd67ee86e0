/*
 * show summary for people: what somebody who was woken up wants to know, in
 * a dozen lines, and below them only the counters that should be 0 and are
 * not.  All counters are in the JSON.
 */
#include <inttypes.h>
#include <string.h>

#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

/* Counters that are 0 while all is well, and what it means if not. */
static const struct trouble {
	const char *name;
	bool relay; /* whose it is */
	bool bad;   /* red, else yellow */
	bool state; /* yes or no, not a number */
	const char *text;
} troubles[] = {
	{ "no_pool", true, true, false,
	    "miners turned away: no pool answered" },
	{ "pools_down", true, true, false, "pools are down" },
	{ "refused_limit", true, true, false, "miners refused at a limit" },
	{ "refused_address", true, false, false,
	    "miners refused: too many from their address" },
	{ "refused_own", true, true, false,
	    "pools refused: they lead back here" },
	{ "out_of_descriptors", true, true, false, "times out of descriptors" },
	{ "accept_errors", true, false, false, "errors when accepting" },
	{ "proxy_bad", true, false, false, "bad PROXY headers" },
	{ "draining", true, false, true, "draining: no new miners are taken" },
	{ "tap.lost_chunks", true, true, false,
	    "reads that were not captured" },
	{ "tap.share_drops", true, false, false,
	    "reads not captured: one session had too much waiting" },
	{ "store.paused", false, true, true, "capture is paused: no space" },
	{ "store.failing", false, true, true, "the store cannot be written" },
	{ "store.recovered", false, true, false, "damaged stores moved aside" },
	{ "commits_failed", false, true, false, "commits failed" },
	{ "messages_dropped", false, true, false, "messages were not stored" },
	{ "gaps", false, false, false, "gaps in what was captured" },
	{ "parse_errors", false, false, false, "messages that are not valid" },
	{ "lines_truncated", false, false, false,
	    "messages longer than 64 KiB" },
	{ "tap.malformed", false, true, false,
	    "malformed entries from relayd" },
	{ "hold.late", false, false, false,
	    "queries that held up a checkpoint" },
};

static bool
knows(const struct stats *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->item[i].name, name) == 0)
			return true;
	return false;
}

static void
relay_lines(struct output *o, const struct stats *s)
{
	char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT];
	int64_t seconds;

	line(o, "sessions", "%s live of at most %s, %s in all",
	    units_count(stats_value(s, "sessions_live"), a),
	    units_count(stats_value(s, "sessions_max"), b),
	    units_count(stats_value(s, "sessions_total"), c));
	line(o, "pools", "%s up, %s connections made, %s failed",
	    units_count(stats_value(s, "pools_up"), a),
	    units_count(stats_value(s, "pool_connects"), b),
	    units_count(stats_value(s, "pool_failures"), c));
	line(o, "forwarded", "%s to pools, %s to miners",
	    units_bytes(stats_value(s, "bytes_to_pools"), a),
	    units_bytes(stats_value(s, "bytes_to_miners"), b));
	if (!knows(s, "tap.ring_bytes"))
		return;
	seconds = (int64_t)stats_value(s, "tap.ring_seconds");
	line(o, "ring", "%s of %s in use%s%s",
	    units_bytes(stats_value(s, "tap.ring_used"), a),
	    units_bytes(stats_value(s, "tap.ring_bytes"), b),
	    seconds > 0 ? ", at this rate it holds " : "",
	    seconds > 0 ? units_span(seconds, c) : "");
}

static void
capture_lines(struct output *o, const struct stats *s)
{
	char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT];

	line(o, "captured", "%s messages seen, %s committed, %s broken",
	    units_count(stats_value(s, "messages_seen"), a),
	    units_count(stats_value(s, "messages_committed"), b),
	    units_count(stats_value(s, "parse_errors"), c));
	line(o, "shares", "%s, %s accepted, %s rejected, %s judged wrongly",
	    units_count(stats_value(s, "shares"), a),
	    units_count(stats_value(s, "shares_accepted"), b),
	    units_count(stats_value(s, "shares_rejected"), c),
	    units_count(stats_value(s, "shares_disputed"), d));
	line(o, "last commit", "%s rows in %s",
	    units_count(stats_value(s, "last_commit_rows"), a),
	    units_us((int64_t)stats_value(s, "last_commit_us"), b));
	line(o, "store", "%s messages, %s and %s of log",
	    units_count(stats_value(s, "store_visible"), a),
	    units_bytes(stats_value(s, "store.bytes"), b),
	    units_bytes(stats_value(s, "store.wal_bytes"), c));
	if (knows(s, "store_free_bytes"))
		line(o, "free space", "%s",
		    units_bytes(stats_value(s, "store_free_bytes"), a));
}

static void
warning(struct output *o, const char *colour, const char *text)
{
	fprintf(o->fp, "  %s! %s%s\n", o->colour ? colour : "", text,
	    o->colour ? OFF : "");
}

static void
trouble_lines(struct output *o, const struct summary *s)
{
	char text[160], num[UNITS_TEXT];
	const struct trouble *t;
	uint64_t value;
	size_t i;

	for (i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		t = &troubles[i];
		value = stats_value(t->relay ? &s->relay : &s->capture,
		    t->name);
		if (value == 0)
			continue;
		snprintf(text, sizeof(text), "%s%s%s",
		    t->state ? "" : units_count(value, num),
		    t->state ? "" : " ", t->text);
		warning(o, t->bad ? RED : YELLOW, text);
	}
}

/* The text of each is in show alerts. */
static void
alert_lines(struct output *o, const struct summary *s)
{
	uint64_t n = stats_value(&s->capture, "watch.active");
	char text[TEXT_MAX], buf[TEXT_MAX], num[UNITS_TEXT];
	const struct alert_rec *a;

	for (unsigned i = 0; i < s->nalerts; i++) {
		a = &s->alert[i];
		snprintf(text, sizeof(text), "alert %llu: %s %s%s since %s",
		    (unsigned long long)a->id,
		    alert_kind_name((enum alert_kind)a->kind),
		    safe(a->worker[0] != '\0' ? a->worker : a->pool, buf), "",
		    units_time(a->first_us, o->now_us, num));
		warning(o, a->severity == ALERT_CRITICAL ? RED : YELLOW, text);
	}
	if (n > s->nalerts)
		warning(o, YELLOW, "there are more: show alerts");
}

void
summary_text(struct output *o, const struct summary *s)
{
	const struct client *c = s->client;
	char buf[TEXT_MAX], num[UNITS_TEXT];
	unsigned i;

	fprintf(o->fp, "HashScope %s, up %s\n", safe(c->version, buf),
	    units_span((o->now_us - c->started_us) / 1000000, num));
	for (i = 0; i < c->nminer; i++)
		line(o, i == 0 ? "miners connect to" : "", "%s",
		    safe(c->miner[i], buf));
	if (c->nminer == 0)
		line(o, "miners connect to", "nothing: there is no listener");
	text_line(o, "console", c->console);
	if (s->relay_error[0] == '\0')
		relay_lines(o, &s->relay);
	if (s->capture_error[0] == '\0')
		capture_lines(o, &s->capture);
	if (s->relay_error[0] != '\0')
		warning(o, RED, safe(s->relay_error, buf));
	if (s->capture_error[0] != '\0')
		warning(o, RED, safe(s->capture_error, buf));
	trouble_lines(o, s);
	alert_lines(o, s);
}
