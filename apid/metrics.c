/*
 * /metrics, in Prometheus' text format.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/gather.h"
#include "apid/get.h"

#define ASK_MS 3000

/* Counters of the processes that have a name of their own here; times are in
 * seconds, sizes in bytes. */
struct metric {
	const char *stat;
	const char *name; /* with its labels */
	const char *type;
	const char *help; /* NULL: the one before has said it */
};

static const struct metric relay_metrics[] = {
	{ "sessions_live", "hashscope_sessions", "gauge",
	    "Sessions of miners that are open." },
	{ "sessions_total", "hashscope_sessions_total", "counter",
	    "Sessions since relayd was started." },
	{ "accepted", "hashscope_connections_accepted_total", "counter",
	    "Connections accepted from miners." },
	{ "refused_limit",
	    "hashscope_connections_refused_total{reason=\"limit\"}", "counter",
	    "Connections of miners that were refused." },
	{ "refused_address",
	    "hashscope_connections_refused_total{reason=\"address\"}",
	    "counter", NULL },
	{ "refused_own", "hashscope_connections_refused_total{reason=\"loop\"}",
	    "counter", NULL },
	{ "no_pool", "hashscope_connections_refused_total{reason=\"no_pool\"}",
	    "counter", NULL },
	{ "proxy_bad",
	    "hashscope_connections_refused_total{reason=\"proxy_header\"}",
	    "counter", NULL },
	{ "bytes_from_miners",
	    "hashscope_relay_read_bytes_total{leg=\"miner\"}", "counter",
	    "Bytes read by the relay." },
	{ "bytes_from_pools", "hashscope_relay_read_bytes_total{leg=\"pool\"}",
	    "counter", NULL },
	{ "bytes_to_miners",
	    "hashscope_relay_written_bytes_total{leg=\"miner\"}", "counter",
	    "Bytes written by the relay." },
	{ "bytes_to_pools", "hashscope_relay_written_bytes_total{leg=\"pool\"}",
	    "counter", NULL },
	{ "undelivered_to_miners",
	    "hashscope_relay_undelivered_bytes_total{leg=\"miner\"}", "counter",
	    "Bytes that could not be delivered any more." },
	{ "undelivered_to_pools",
	    "hashscope_relay_undelivered_bytes_total{leg=\"pool\"}", "counter",
	    NULL },
	{ "pools_up", "hashscope_pools{state=\"up\"}", "gauge",
	    "Configured pools by whether they were reached last." },
	{ "pools_down", "hashscope_pools{state=\"down\"}", "gauge", NULL },
	{ "pool_connects", "hashscope_pool_connects_total", "counter",
	    "Connections made to pools." },
	{ "pool_failures", "hashscope_pool_failures_total", "counter",
	    "Connections to pools that failed." },
	{ "tap.ring_bytes", "hashscope_tap_ring_size_bytes", "gauge",
	    "Size of the ring that holds copies for captured." },
	{ "tap.ring_used", "hashscope_tap_ring_used_bytes", "gauge",
	    "Bytes in the ring." },
	{ "tap.unsent", "hashscope_tap_unsent_bytes", "gauge",
	    "Bytes in the ring that captured has not been sent." },
	{ "tap.ring_seconds", "hashscope_tap_ring_seconds", "gauge",
	    "How long the ring lasts at the present rate." },
	{ "tap.lost_bytes", "hashscope_tap_lost_bytes_total", "counter",
	    "Bytes that were relayed and not captured." },
	{ "tap.lost_chunks", "hashscope_tap_lost_chunks_total", "counter",
	    "Chunks that were relayed and not captured." },
	{ "tap.attached", "hashscope_tap_attached", "gauge",
	    "1 while captured takes the copies." },
	{ NULL, NULL, NULL, NULL },
};

static const struct metric capture_metrics[] = {
	{ "store_file_bytes", "hashscope_store_file_bytes", "gauge",
	    "Size of the store's file." },
	{ "store_wal_bytes", "hashscope_store_wal_bytes", "gauge",
	    "Size of the store's write-ahead log." },
	{ "store_free_bytes", "hashscope_store_free_bytes", "gauge",
	    "Free space where the store is." },
	{ "store_visible", "hashscope_store_messages", "gauge",
	    "Messages in the store." },
	{ "store_commits", "hashscope_store_commits_total", "counter",
	    "Transactions committed." },
	{ "store_failed", "hashscope_store_failures_total", "counter",
	    "Transactions that failed." },
	{ "store_dropped", "hashscope_store_dropped_total", "counter",
	    "Messages that could not be stored." },
	{ "store_deleted", "hashscope_store_deleted_total", "counter",
	    "Messages deleted to stay within bounds." },
	{ "store_writable", "hashscope_store_writable", "gauge",
	    "1 while messages can be stored." },
	{ "feed.messages", "hashscope_feed_messages_total", "counter",
	    "Messages passed on to viewers." },
	{ "feed.skipped", "hashscope_feed_skipped_total", "counter",
	    "Messages that a slow viewer had to fetch later." },
	{ NULL, NULL, NULL, NULL },
};

/* The rest keeps the name that `hashscopectl show summary` gives it, but for
 * the unit: times are seconds here. */
static void
put_one(FILE *f, const char *process, const struct stat_item *item)
{
	char name[STAT_NAME + 16];
	bool us = false;
	size_t n;

	snprintf(name, sizeof(name), "%s", item->name);
	for (char *c = name; *c != '\0'; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
			*c = '_';
	n = strlen(name);
	if (n > 3 && strcmp(name + n - 3, "_us") == 0) {
		us = true;
		snprintf(name + n - 3, sizeof(name) - n + 3, "_seconds");
	}
	fprintf(f,
	    "# HELP hashscope_%s_%s Counter %s of %s.\n"
	    "# TYPE hashscope_%s_%s untyped\n"
	    "hashscope_%s_%s %.*f\n",
	    process, name, item->name, process, process, name, process, name,
	    us ? 6 : 0, us ? (double)item->value / 1e6 : (double)item->value);
}

static void
put_rest(FILE *f, const char *process, const struct metric *known,
    const struct stats *st)
{
	for (unsigned i = 0; i < st->n; i++) {
		const struct metric *m = known;

		while (
		    m->stat != NULL && strcmp(m->stat, st->item[i].name) != 0)
			m++;
		if (m->stat == NULL)
			put_one(f, process, &st->item[i]);
	}
}

/* HELP and TYPE once a family: its rows are together. */
static void
head(FILE *f, const char *name, const char *type, const char *help)
{
	int n = (int)strcspn(name, "{");

	fprintf(f, "# HELP %.*s %s\n# TYPE %.*s %s\n", n, name, help, n, name,
	    type);
}

static void
put_stats(FILE *f, const char *process, const struct metric *m,
    const struct stats *st)
{
	for (const struct metric *i = m; i->stat != NULL; i++) {
		if (i->help != NULL)
			head(f, i->name, i->type, i->help);
		fprintf(f, "%s %llu\n", i->name,
		    (unsigned long long)stats_value(st, i->stat));
	}
	put_rest(f, process, m, st);
}

static void
put_processes(FILE *f, const struct gather *g)
{
	const struct process_rec *p = g->process;

	head(f, "hashscope_process_up", "gauge", "1 while a process is ready.");
	for (unsigned i = 0; i < g->nprocesses; i++)
		fprintf(f, "hashscope_process_up{process=\"%s\"} %d\n",
		    p[i].role, strcmp(p[i].state, "ready") == 0);
	head(f, "hashscope_process_starts_total", "counter",
	    "How often a process was started.");
	for (unsigned i = 0; i < g->nprocesses; i++)
		fprintf(f,
		    "hashscope_process_starts_total{process=\"%s\"} %u\n",
		    p[i].role, p[i].generation);
	head(f, "hashscope_process_resident_bytes", "gauge",
	    "Resident memory of a process.");
	for (unsigned i = 0; i < g->nprocesses; i++)
		fprintf(f,
		    "hashscope_process_resident_bytes{process=\"%s\"} %llu\n",
		    p[i].role, (unsigned long long)p[i].rss_kb * 1024);
	head(f, "hashscope_process_cpu_seconds_total", "counter",
	    "CPU time that a process has used since its start.");
	for (unsigned i = 0; i < g->nprocesses; i++)
		fprintf(f,
		    "hashscope_process_cpu_seconds_total{process=\"%s\"} "
		    "%.3f\n",
		    p[i].role, (double)p[i].cpu_ms / 1000);
	head(f, "hashscope_log_lines_dropped_total", "counter",
	    "Log lines that could not be written.");
	for (unsigned i = 0; i < g->nprocesses; i++)
		fprintf(f,
		    "hashscope_log_lines_dropped_total{process=\"%s\"} %llu\n",
		    p[i].role, (unsigned long long)p[i].logs_dropped);
}

/* Of all shares that the statistics know. */
static void
put_shares(FILE *f, const struct roll *r)
{
	const struct {
		const char *name;
		int64_t n;
	} said[] = { { "accepted", r->accepted }, { "rejected", r->rejected },
		{ "odd", r->odd }, { "unanswered", roll_unanswered(r) } };
	/* As in common/roll.h: below 100 us, then half as much again. */
	double bound = 100e-6;
	int64_t below = 0;

	head(f, "hashscope_shares_total", "counter",
	    "Shares by HashScope's verdict.");
	for (unsigned i = 0; i < VERDICTS; i++)
		fprintf(f, "hashscope_shares_total{verdict=\"%s\"} %lld\n",
		    verify_verdict_name((enum verify_verdict)i),
		    (long long)r->verdict[i]);
	head(f, "hashscope_share_causes_total", "counter",
	    "Shares that are not plainly valid, by the reason.");
	for (unsigned i = 1; i < CAUSES; i++)
		fprintf(f, "hashscope_share_causes_total{cause=\"%s\"} %lld\n",
		    verify_cause_name((enum verify_cause)i),
		    (long long)r->cause[i]);
	head(f, "hashscope_share_answers_total", "counter",
	    "Shares by the pool's answer.");
	for (unsigned i = 0; i < 4; i++)
		fprintf(f,
		    "hashscope_share_answers_total{answer=\"%s\"} %lld\n",
		    said[i].name, (long long)said[i].n);
	head(f, "hashscope_shares_disputed_total", "counter",
	    "Shares that the pool judged against its own rules.");
	fprintf(f, "hashscope_shares_disputed_total %lld\n",
	    (long long)r->disputed);
	head(f, "hashscope_blocks_total", "counter",
	    "Shares that were good enough for a block.");
	fprintf(f, "hashscope_blocks_total %lld\n", (long long)r->blocks);
	head(f, "hashscope_share_latency_seconds", "histogram",
	    "From a share's first sight to its answer's.");
	for (unsigned i = 0; i + 1 < ROLL_HIST; i++) {
		below += r->hist[i];
		fprintf(f,
		    "hashscope_share_latency_seconds_bucket{le=\"%.6g\"} "
		    "%lld\n",
		    bound, (long long)below);
		bound *= 1.5;
	}
	fprintf(f,
	    "hashscope_share_latency_seconds_bucket{le=\"+Inf\"} %lld\n"
	    "hashscope_share_latency_seconds_sum %.6f\n"
	    "hashscope_share_latency_seconds_count %lld\n",
	    (long long)(below + r->hist[ROLL_HIST - 1]),
	    (double)r->latency / 1e6,
	    (long long)(below + r->hist[ROLL_HIST - 1]));
}

static void
put_own(FILE *f, const struct apid *a)
{
	const struct api_counters *n = &a->n;
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} tab[] = {
		{ "hashscope_api_connections", "gauge",
		    "Connections to the console and the API.",
		    door_connections(a->door) },
		{ "hashscope_api_connections_accepted_total", "counter",
		    "Connections accepted.", n->accepted },
		{ "hashscope_api_connections_refused_total", "counter",
		    "Connections closed because there was no room.",
		    n->refused },
		{ "hashscope_api_requests_total", "counter",
		    "Requests over HTTP.", n->requests },
		{ "hashscope_api_bad_requests_total", "counter",
		    "Connections whose first bytes were no request.",
		    n->bad_heads },
		{ "hashscope_api_timeouts_total", "counter",
		    "Connections that took too long.", n->timeouts },
		{ "hashscope_api_answer_memory_bytes", "gauge",
		    "Memory of answers that are being made or sent.",
		    a->memory },
		{ "hashscope_ws_opened_total", "counter", "WebSockets opened.",
		    n->ws_opened },
		{ "hashscope_ws_frames_total", "counter",
		    "Frames sent to WebSockets.", n->ws_frames },
		{ "hashscope_ws_sent_bytes_total", "counter",
		    "Bytes of frames sent to WebSockets.", n->ws_bytes },
		{ "hashscope_ws_cut_total", "counter",
		    "WebSockets closed because they did not read.", n->ws_cut },
	};

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		head(f, tab[i].name, tab[i].type, tab[i].help);
		fprintf(f, "%s %llu\n", tab[i].name,
		    (unsigned long long)tab[i].value);
	}
	head(f, "hashscope_api_forbidden_total", "counter",
	    "Requests refused for whence they come or who asks.");
	for (unsigned i = 0; i < REFUSALS; i++)
		fprintf(f,
		    "hashscope_api_forbidden_total{reason=\"%s\"} %llu\n",
		    refusal_name((enum refusal)i),
		    (unsigned long long)a->refused[i].count);
	head(f, "hashscope_api_answers_total", "counter",
	    "Answers by the class of their status.");
	for (unsigned i = 2; i < 6; i++)
		fprintf(f, "hashscope_api_answers_total{class=\"%uxx\"} %llu\n",
		    i, (unsigned long long)n->answers[i]);
}

static void
metrics_done(struct gather *g)
{
	struct request *r = g->r;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (f == NULL) {
		reply_error(r, 503, "out of memory");
		return;
	}
	head(f, "hashscope_build_info", "gauge", "The version, as a label.");
	fprintf(f, "hashscope_build_info{version=\"%s\"} 1\n",
	    r->api->set.conf.version);
	if (g->have & GATHER_LIST)
		put_processes(f, g);
	if (g->have & GATHER_RELAY)
		put_stats(f, "relayd", relay_metrics, &g->relay);
	if (g->have & GATHER_CAPTURE)
		put_stats(f, "captured", capture_metrics, &g->capture);
	if (g->have & GATHER_SHARES)
		put_shares(f, &g->shares);
	put_own(f, r->api);
	if (fclose(f) != 0) {
		free(text);
		reply_error(r, 503, "out of memory");
		return;
	}
	reply_owned(r, 200, "text/plain; version=0.0.4; charset=utf-8", text,
	    n);
}

void
get_metrics(struct request *r)
{
	gather_start(r,
	    GATHER_RELAY | GATHER_CAPTURE | GATHER_LIST | GATHER_SHARES, ASK_MS,
	    metrics_done);
}
