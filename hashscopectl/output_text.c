/*
 * The writer for people: aligned tables, units, and colour where something
 * is wrong.  Whatever a miner or a pool sent is escaped before it is put
 * anywhere near a terminal.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

#define SNIPPET  512 /* bytes of a message in a list */
#define ID_SHORT 13  /* a session's id up to its millisecond */

static const struct table_column session_columns[] = {
	{ "SESSION", 0, 0 },
	{ "STATE", 0, 0 },
	{ "MINER", 0, 0 },
	{ "WORKER", 0, 32 },
	{ "AGENT", 0, 24 },
	{ "POOL", 0, 40 },
	{ "HASHRATE", 1, 0 },
	{ "DIFF", 1, 0 },
	{ "MESSAGES", 1, 0 },
	{ "BROKEN", 1, 0 },
	{ "GAPS", 1, 0 },
	{ "LAST SEEN", 1, 0 },
	{ NULL, 0, 0 },
};

static const struct table_column message_columns[] = {
	{ "ID", 1, 0 },
	{ "TIME", 0, 0 },
	{ "SESSION", 0, 0 },
	{ "DIRECTION", 0, 0 },
	{ "METHOD", 0, 28 },
	{ "SIZE", 1, 0 },
	{ "LATENCY", 1, 0 },
	{ "NOTE", 0, 0 },
	{ "TEXT", 0, 0 },
	{ NULL, 0, 0 },
};

static const struct table_column process_columns[] = {
	{ "PROCESS", 0, 0 },
	{ "STATE", 0, 0 },
	{ "PID", 1, 0 },
	{ "UID", 1, 0 },
	{ "STARTS", 1, 0 },
	{ "UP", 1, 0 },
	{ "MEMORY", 1, 0 },
	{ "CPU", 1, 0 },
	{ "LAST EXIT", 0, 0 },
	{ NULL, 0, 0 },
};

const char *
safe(const char *s, char buf[TEXT_MAX])
{
	if (s[0] == '\0')
		return "-";
	text_escape(buf, TEXT_MAX, s, strlen(s));
	return buf;
}

void
line(struct output *o, const char *label, const char *fmt, ...)
{
	va_list ap;

	fprintf(o->fp, "  %-18s ", label);
	va_start(ap, fmt);
	vfprintf(o->fp, fmt, ap);
	va_end(ap);
	fputc('\n', o->fp);
}

void
text_line(struct output *o, const char *label, const char *text)
{
	char buf[TEXT_MAX];

	if (text[0] != '\0')
		line(o, label, "%s", safe(text, buf));
}

const char *
text_colour(const struct output *o, const char *sequence)
{
	return o->colour ? sequence : NULL;
}

/* --- lists --- */

static void
begin(struct output *o, enum listing listing)
{
	static const struct table_column *const columns[] = {
		[LIST_SESSIONS] = session_columns,
		[LIST_MESSAGES] = message_columns,
		[LIST_PROCESSES] = process_columns,
		[LIST_SHARES] = NULL,
		[LIST_WORKERS] = NULL,
		[LIST_JOBS] = NULL,
		[LIST_STATS] = NULL,
		[LIST_ALERTS] = NULL,
		[LIST_RELAYS] = NULL,
		[LIST_AGENTS] = NULL,
		[LIST_MONITOR] = message_columns,
	};

	o->listing = listing;
	table_init(&o->table,
	    columns[listing] != NULL           ? columns[listing] :
		listing == LIST_STATS          ? stat_columns() :
		nostr_columns(listing) != NULL ? nostr_columns(listing) :
						 share_columns(listing));
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* How much of the ids tells these sessions apart. */
static unsigned
id_length(const struct session_rec *s, size_t n)
{
	char a[SESSION_TEXT], b[SESSION_TEXT];
	unsigned len = ID_SHORT, same;
	uint8_t(*ids)[16];
	size_t i;

	if ((ids = calloc(n + 1, sizeof(*ids))) == NULL)
		return SESSION_TEXT - 1;
	for (i = 0; i < n; i++)
		memcpy(ids[i], s[i].id, sizeof(*ids));
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (i = 1; i < n; i++) {
		uuid_text(ids[i - 1], a);
		uuid_text(ids[i], b);
		for (same = 0; a[same] != '\0' && a[same] == b[same];)
			same++;
		if (same + 1 > len)
			len = same + 1;
	}
	free(ids);
	return len < SESSION_TEXT - 1 ? len : SESSION_TEXT - 1;
}

static void
session_row(struct output *o, const struct session_rec *s, unsigned id_len)
{
	struct table *t = &o->table;
	char id[SESSION_TEXT], buf[TEXT_MAX], num[UNITS_TEXT];
	bool live = s->state == SESSION_LIVE;

	uuid_text(s->id, id);
	table_cell(t, "%.*s", (int)id_len, id);
	table_cell(t, "%s", live ? "live" : "ended");
	table_cell(t, "%s", safe(s->peer, buf));
	table_cell(t, "%s", safe(s->worker, buf));
	table_cell(t, "%s", safe(s->user_agent, buf));
	if (s->pool_host[0] != '\0')
		table_cell(t, "%s:%u", safe(s->pool_host, buf), s->pool_port);
	else
		table_cell(t, "-");
	table_cell(t, "%s",
	    units_hashrate(session_hashrate(s, RATES_10M), num));
	if (s->difficulty > 0)
		table_cell(t, "%.6g", s->difficulty);
	else
		table_cell(t, "-");
	table_cell(t, "%s", units_count(s->messages, num));
	table_cell(t, "%s", units_count(s->parse_errors, num));
	table_cell(t, "%s", units_count(s->gaps, num));
	table_cell(t, "%s ago",
	    units_span((o->now_us - s->last_seen_us) / 1000000, num));
	table_row(t,
	    text_colour(o,
		!live                                  ? DIM :
		    s->gaps > 0 || s->parse_errors > 0 ? YELLOW :
							 NULL));
}

static void
sessions(struct output *o, const struct session_rec *s, size_t n)
{
	unsigned len = id_length(s, n);
	size_t i;

	for (i = 0; i < n; i++)
		session_row(o, &s[i], len);
}

static const char *
direction(unsigned dir)
{
	static const char *const names[DIR_MAX] = {
		[DIR_MINER_TO_POOL] = "to pool",
		[DIR_POOL_TO_MINER] = "to miner",
		[DIR_HASHSCOPE_TO_POOL] = "replay",
	};

	return dir < DIR_MAX ? names[dir] : "?";
}

/* The one thing about a message that somebody should know first. */
static const char *
note(const struct message_rec *m)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} tab[] = {
		{ MF_ERROR, "refused" },
		{ MF_FOREIGN, "foreign" },
		{ MF_TRUNCATED, "too long" },
		{ MF_BROKEN, "broken off" },
		{ MF_PARSE_ERROR, "not valid" },
		{ MF_AFTER_GAP, "after gap" },
		{ MF_UNDELIVERED, "undelivered" },
		{ MF_MULTIPLE, "several" },
	};
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		if (m->flags & tab[i].flag)
			return tab[i].text;
	return "";
}

static const char *
message_colour(const struct output *o, const struct message_rec *m)
{
	if (m->flags & (MF_ERROR | MF_PARSE_ERROR | MF_FOREIGN))
		return text_colour(o, RED);
	if (m->flags & (MF_AFTER_GAP | MF_BROKEN | MF_UNDELIVERED))
		return text_colour(o, YELLOW);
	return NULL;
}

static void
message(struct output *o, const struct message_rec *m)
{
	struct table *t = &o->table;
	char id[SESSION_TEXT], buf[TEXT_MAX], num[UNITS_TEXT];
	size_t len = m->raw_len < SNIPPET ? m->raw_len : SNIPPET;

	uuid_text(m->session, id);
	table_cell(t, "%" PRIu64, m->pos);
	table_cell(t, "%s", units_time(m->ts_recv_us, o->now_us, num));
	table_cell(t, "%.18s", id);
	table_cell(t, "%s", direction(m->dir));
	table_cell(t, "%s", safe(m->method, buf));
	table_cell(t, "%" PRIu32, m->size);
	table_cell(t, "%s",
	    m->pair != 0 && m->latency_us >= 0 ? units_us(m->latency_us, num) :
						 "");
	table_cell(t, "%s", note(m));
	text_escape(buf, sizeof(buf), m->raw, len);
	table_cell(t, "%s", buf);
	table_row(t, message_colour(o, m));
}

static void
process(struct output *o, const struct process_rec *p)
{
	struct table *t = &o->table;
	char buf[TEXT_MAX], num[UNITS_TEXT];
	bool ready = strcmp(p->state, "ready") == 0;

	table_cell(t, "%s", safe(p->role, buf));
	table_cell(t, "%s", safe(p->state, buf));
	if (p->pid > 0)
		table_cell(t, "%" PRId32, p->pid);
	else
		table_cell(t, "-");
	table_cell(t, "%" PRIu32, p->uid);
	table_cell(t, "%" PRIu32, p->generation);
	table_cell(t, "%s", units_span((int64_t)(p->uptime_ms / 1000), num));
	table_cell(t, "%s", units_bytes(p->rss_kb * 1024, num));
	table_cell(t, "%s", units_us((int64_t)p->cpu_ms * 1000, num));
	table_cell(t, "%s", safe(p->last_exit, buf));
	table_row(t, text_colour(o, ready ? NULL : RED));
}

static void
flush(struct output *o)
{
	table_print(&o->table, o->fp, o->width);
	fflush(o->fp);
}

static void
end(struct output *o)
{
	flush(o);
}

/* --- one thing --- */

static void
session_pool(struct output *o, const struct session_rec *s)
{
	char buf[TEXT_MAX], num[UNITS_TEXT];

	if (s->pool_host[0] == '\0') {
		line(o, "pool", "none");
		return;
	}
	line(o, "pool", "%s:%u, number %u of its list", safe(s->pool_host, buf),
	    s->pool_port, s->pool_index + 1u);
	text_line(o, "pool's address", s->pool_peer);
	line(o, "connected in", "%s", units_us(s->pool_connect_us, num));
}

static void
session_counts(struct output *o, const struct session_rec *s)
{
	char a[UNITS_TEXT], b[UNITS_TEXT];

	line(o, "messages", "%s to pool, %s to miner",
	    units_count(s->by_dir[0], a), units_count(s->by_dir[1], b));
	line(o, "bytes", "%s to pool, %s to miner", units_bytes(s->bytes[0], a),
	    units_bytes(s->bytes[1], b));
	line(o, "broken messages", "%s", units_count(s->parse_errors, a));
	line(o, "gaps", "%s, %s", units_count(s->gaps, a),
	    units_bytes(s->gap_bytes, b));
	line(o, "TCP round trip", "miner %s, pool %s",
	    s->rtt_us[0] ? units_us(s->rtt_us[0], a) : "-",
	    s->rtt_us[1] ? units_us(s->rtt_us[1], b) : "-");
	if (s->first_pos != 0)
		line(o, "stored", "message %" PRIu64 " to %" PRIu64,
		    s->first_pos, s->last_pos);
}

static void
session_replay(struct output *o, const struct session_rec *s)
{
	if (s->replay) {
		line(o, "repeats message", "%llu",
		    (unsigned long long)s->replay_of);
		return;
	}
	line(o, "its shares", "%s, by agents %u times each",
	    s->broadcast_enabled ? "published" : "not published",
	    s->repeat_count);
	line(o, "auto-replay", "%s, %u times each",
	    s->auto_replay_enabled ? "on" : "off", s->auto_replay_count);
}

static void
one_session(struct output *o, const struct session_rec *s)
{
	char id[SESSION_TEXT], num[UNITS_TEXT];

	uuid_text(s->id, id);
	fprintf(o->fp, "session %s%s\n", id, s->replay ? " (a replay)" : "");
	line(o, "state", "%s", s->state == SESSION_LIVE ? "live" : "ended");
	text_line(o, "miner", s->peer);
	text_line(o, "through proxy", s->via);
	text_line(o, "listener", s->listener);
	text_line(o, "worker", s->worker);
	text_line(o, "agent", s->user_agent);
	text_line(o, "mining session", s->mining_session_id);
	session_pool(o, s);
	if (s->difficulty > 0)
		line(o, "difficulty", "%.10g", s->difficulty);
	line(o, "since", "%s", units_date(s->first_seen_us, num));
	line(o, "last seen", "%s", units_date(s->last_seen_us, num));
	if (s->state == SESSION_ENDED) {
		line(o, "ended", "%s", units_date(s->ended_us, num));
		text_line(o, "because", s->close_reason);
		text_line(o, "in detail", s->close_detail);
	}
	session_replay(o, s);
	session_counts(o, s);
	account_lines(o, s);
}

/* Bytes of any length as they may be shown. */
static void
raw_line(struct output *o, const char *label, const uint8_t *bytes, size_t len)
{
	size_t cap = len * 4 + 1;
	char *buf = malloc(cap);

	if (buf == NULL)
		return;
	text_escape(buf, cap, bytes, len);
	line(o, label, "%s", buf);
	free(buf);
}

static void
message_kind(struct output *o, const struct message_rec *m)
{
	const char *kind = m->flags & MF_REQUEST ? "request" :
	    m->flags & MF_NOTIFICATION           ? "notification" :
	    m->flags & MF_RESPONSE               ? "answer" :
						   "none";
	char buf[TEXT_MAX];

	line(o, "kind", "%s%s%s", kind, m->method[0] != '\0' ? ", " : "",
	    m->method[0] != '\0' ? safe(m->method, buf) : "");
	if (m->jsonrpc_id[0] != '\0')
		text_line(o, "JSON-RPC id", m->jsonrpc_id);
	text_line(o, "protocol", m->protocol);
	text_line(o, "not valid", m->parse_error);
	if (note(m)[0] != '\0')
		line(o, "note", "%s", note(m));
}

static void
one_message(struct output *o, const struct message_rec *m,
    const struct share_rec *share)
{
	char id[SESSION_TEXT], num[UNITS_TEXT], fwd[UNITS_TEXT];

	uuid_text(m->session, id);
	fprintf(o->fp, "message %" PRIu64 "\n", m->pos);
	explain_lines(o, m);
	line(o, "session", "%s", id);
	line(o, "direction", "%s", dir_name(m->dir));
	text_line(o, "from", m->peer);
	line(o, "received", "%s", units_time(m->ts_recv_us, o->now_us, num));
	if (m->ts_fwd_us != 0)
		line(o, "forwarded", "%s, after %s",
		    units_time(m->ts_fwd_us, o->now_us, num),
		    units_us(m->ts_fwd_us - m->ts_recv_us, fwd));
	else
		line(o, "forwarded", "never, or not known");
	line(o, "size", "%" PRIu32 " bytes%s", m->size,
	    m->flags & MF_TRUNCATED ? ", the first 65536 are kept" : "");
	message_kind(o, m);
	raw_line(o, m->flags & MF_REDACTED ? "text (redacted)" : "text", m->raw,
	    m->raw_len);
	if (m->pair != 0)
		line(o, m->flags & MF_RESPONSE ? "answers" : "answered by",
		    "message %" PRIu64 ", after %s", m->pair,
		    units_us(m->latency_us, num));
	if (m->resp_raw != NULL)
		raw_line(o, "answer", m->resp_raw, m->resp_len);
	if (share != NULL)
		share_lines(o, share);
}

/* --- the rest --- */

static void
config(struct output *o, const char *text, size_t len)
{
	const char *nl;
	char buf[4096];
	size_t n;

	if (o->width == 0) {
		fwrite(text, 1, len, o->fp);
		return;
	}
	while (len > 0) {
		nl = memchr(text, '\n', len);
		n = nl != NULL ? (size_t)(nl - text) : len;
		/* Tabs begin lines; everything else is what was typed. */
		for (; n > 0 && *text == '\t'; text++, n--, len--)
			fputc('\t', o->fp);
		text_escape(buf, sizeof(buf), text, n);
		fprintf(o->fp, "%s\n", buf);
		n += nl != NULL;
		text += n;
		len -= n;
	}
}

static void
done(struct output *o, const char *text)
{
	char buf[TEXT_MAX];

	fprintf(o->fp, "%s\n", text[0] != '\0' ? safe(text, buf) : "done");
}

static const struct writer writer = {
	.begin = begin,
	.sessions = sessions,
	.message = message,
	.process = process,
	.relay = relay_row,
	.agent = agent_row,
	.share = share_row,
	.worker = worker_row,
	.job = job_row,
	.stat = stat_row,
	.alert = alert_row,
	.flush = flush,
	.end = end,
	.one_session = one_session,
	.one_message = one_message,
	.one_share = share_one,
	.one_job = job_one,
	.summary = summary_text,
	.config = config,
	.done = done,
};

const struct writer *
writer_text(void)
{
	return &writer;
}
