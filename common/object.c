/*
 * Records as JSON.  What is unknown is null, what is untrusted is a string
 * or checked before it is spliced in.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/object.h"
#include "common/record_stat.h"
#include "common/object_put.h"
#include "common/summary.h"
#include "common/utf8.h"

#define TIME_MAX_US 253402300799999999 /* the end of the year 9999 */

void
object_time(int64_t us, char out[OBJECT_TIME])
{
	struct tm tm;
	time_t t;
	char date[sizeof("2026-11-21T12:00:00")];

	if (us < 0)
		us = 0;
	if (us > TIME_MAX_US)
		us = TIME_MAX_US;
	t = (time_t)(us / 1000000);
	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, OBJECT_TIME, "%s.%06dZ", date, (int)(us % 1000000));
}

void
object_put_time(struct json_out *o, const char *key, int64_t us)
{
	char text[OBJECT_TIME];

	if (us == 0) {
		json_knull(o, key);
		return;
	}
	object_time(us, text);
	json_kcstr(o, key, text);
}

void
object_put_text(struct json_out *o, const char *key, const char *text)
{
	json_kcstr(o, key, text[0] != '\0' ? text : NULL);
}

void
object_put_id(struct json_out *o, const char *key, uint64_t id)
{
	if (id == 0)
		json_knull(o, key);
	else
		json_kuint_str(o, key, id);
}

static void
put_value(struct json_out *o, const char *key, const void *text, size_t len)
{
	json_key(o, key);
	json_raw(o, text, len);
}

/* Bytes as they are when they are text, else in base64; NULL is null. */
static void
put_bytes(struct json_out *o, const char *key, const char *encoding_key,
    const uint8_t *bytes, size_t len)
{
	if (bytes == NULL) {
		json_knull(o, key);
		json_knull(o, encoding_key);
	} else if (utf8_valid(bytes, len)) {
		json_kstr(o, key, bytes, len);
		json_kcstr(o, encoding_key, "utf8");
	} else {
		json_key(o, key);
		json_base64(o, bytes, len);
		json_kcstr(o, encoding_key, "base64");
	}
}

static void
put_ms(struct json_out *o, const char *key, int64_t us)
{
	if (us < 0)
		json_knull(o, key);
	else
		json_kdouble(o, key, (double)us / 1000);
}

static void
put_response(struct json_out *o, const struct message_rec *m)
{
	if (m->resp_raw == NULL) {
		json_knull(o, "response");
		json_knull(o, "response_ts_recv");
	} else {
		put_value(o, "response", m->resp_raw, m->resp_len);
		object_put_time(o, "response_ts_recv", m->resp_ts_us);
	}
	put_bytes(o, "response_raw", "response_raw_encoding", m->resp_raw,
	    m->resp_len);
}

static void
put_flags(struct json_out *o, uint32_t flags)
{
	static const struct {
		const char *key;
		uint32_t flag;
	} tab[] = {
		{ "redacted", MF_REDACTED },
		{ "is_request", MF_REQUEST },
		{ "is_notification", MF_NOTIFICATION },
		{ "is_response", MF_RESPONSE },
		{ "is_error", MF_ERROR },
		{ "truncated", MF_TRUNCATED },
		{ "after_gap", MF_AFTER_GAP },
		{ "broken", MF_BROKEN },
		{ "no_newline", MF_NO_NEWLINE },
		{ "crlf", MF_CRLF },
		{ "multiple", MF_MULTIPLE },
		{ "undelivered", MF_UNDELIVERED },
	};
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		json_kbool(o, tab[i].key, (flags & tab[i].flag) != 0);
}

void
object_message(struct json_out *o, const struct message_rec *m)
{
	char session[SESSION_TEXT], summary[SUMMARY_MAX];

	uuid_text(m->session, session);
	json_object(o);
	json_kuint_str(o, "id", m->pos);
	object_put_time(o, "ts_recv", m->ts_recv_us);
	object_put_time(o, "ts_fwd", m->ts_fwd_us);
	json_kcstr(o, "direction", dir_name(m->dir));
	json_kcstr(o, "session_id", session);
	json_kcstr(o, "peer", m->peer);
	put_bytes(o, "raw", "raw_encoding", m->raw, m->raw_len);
	if (m->flags & MF_JSON)
		put_value(o, "decoded", m->raw, m->raw_len);
	else
		json_knull(o, "decoded");
	object_put_text(o, "parse_error", m->parse_error);
	json_kuint(o, "size_bytes", m->size);
	object_put_text(o, "method", m->method);
	if (m->jsonrpc_id[0] != '\0')
		put_value(o, "jsonrpc_id", m->jsonrpc_id,
		    strlen(m->jsonrpc_id));
	else
		json_knull(o, "jsonrpc_id");
	put_flags(o, m->flags);
	object_put_id(o, "paired_message_id", m->pair);
	put_response(o, m);
	put_ms(o, "latency_ms", m->pair != 0 ? m->latency_us : -1);
	object_put_text(o, "protocol", m->protocol);
	object_put_id(o, "replay_of", m->replay_of);
	object_put_id(o, "share_id", m->share);
	message_summary(m, summary, sizeof(summary));
	json_kcstr(o, "summary", summary);
	if (m->explanation == NULL)
		json_knull(o, "explanation");
	else
		put_value(o, "explanation", m->explanation, m->explanation_len);
	json_object_end(o);
}

static void
put_session_pool(struct json_out *o, const struct session_rec *s)
{
	object_put_text(o, "pool_host", s->pool_host);
	if (s->pool_port == 0)
		json_knull(o, "pool_port");
	else
		json_kuint(o, "pool_port", s->pool_port);
	json_kbool(o, "pool_connected",
	    s->state == SESSION_LIVE && s->pool_peer[0] != '\0');
	object_put_text(o, "pool_peer", s->pool_peer);
	json_kuint(o, "pool_index", s->pool_index);
	put_ms(o, "pool_connect_ms",
	    s->pool_connect_us != 0 ? (int64_t)s->pool_connect_us : -1);
}

static void
put_session_replay(struct json_out *o, const struct session_rec *s)
{
	json_kbool(o, "broadcast_enabled", s->broadcast_enabled);
	json_kuint(o, "repeat_count", s->repeat_count);
	json_kbool(o, "auto_replay_enabled", s->auto_replay_enabled);
	json_kuint(o, "auto_replay_count", s->auto_replay_count);
}

static void
put_session_counts(struct json_out *o, const struct session_rec *s)
{
	json_kobject(o, "stats");
	json_kuint(o, "total_messages", s->messages);
	json_kuint(o, "miner_to_pool", s->by_dir[0]);
	json_kuint(o, "pool_to_miner", s->by_dir[1]);
	json_kuint(o, "parse_errors", s->parse_errors);
	json_object_end(o);
	json_kobject(o, "bytes");
	json_kuint(o, "miner_to_pool", s->bytes[0]);
	json_kuint(o, "pool_to_miner", s->bytes[1]);
	json_object_end(o);
	json_kuint(o, "gaps", s->gaps);
	json_kuint(o, "gap_bytes", s->gap_bytes);
	json_kobject(o, "rtt_ms");
	put_ms(o, "miner", s->rtt_us[0] != 0 ? (int64_t)s->rtt_us[0] : -1);
	put_ms(o, "pool", s->rtt_us[1] != 0 ? (int64_t)s->rtt_us[1] : -1);
	json_object_end(o);
}

static void
put_workers(struct json_out *o, const struct session_rec *s)
{
	const char *p = s->workers, *end;

	json_karray(o, "workers");
	if (*p == '\0' && s->worker[0] != '\0')
		json_cstr(o, s->worker);
	for (; (end = strchr(p, '\n')) != NULL; p = end + 1)
		json_str(o, p, (size_t)(end - p));
	json_array_end(o);
}

static void
put_conformance(struct json_out *o, const struct conform_notes *notes)
{
	const struct conform_note *n;
	unsigned i;

	json_karray(o, "conformance");
	for (i = 0; i < CONFORM_MAX; i++) {
		n = &notes->of[i];
		if (n->count == 0)
			continue;
		json_object(o);
		json_kcstr(o, "code", conform_code((enum conform)i));
		json_kcstr(o, "text", conform_text((enum conform)i));
		json_kuint(o, "count", n->count);
		object_put_id(o, "first_message_id", n->first);
		object_put_id(o, "last_message_id", n->last);
		json_object_end(o);
	}
	json_array_end(o);
}

static void
put_session_account(struct json_out *o, const struct session_rec *s)
{
	double rate[RATES_MAX];
	unsigned w;

	for (w = 0; w < RATES_MAX; w++)
		rate[w] = session_hashrate(s, (enum rates_window)w);
	put_workers(o, s);
	object_put_text(o, "extranonce1", s->extranonce1);
	if (s->extranonce1[0] != '\0')
		json_kuint(o, "extranonce2_size", s->extranonce2_size);
	else
		json_knull(o, "extranonce2_size");
	object_put_hashrates(o, rate);
	object_put_roll(o, &s->account.roll);
	put_conformance(o, &s->account.notes);
}

void
object_session(struct json_out *o, const struct session_rec *s)
{
	char id[SESSION_TEXT];

	uuid_text(s->id, id);
	json_object(o);
	json_kcstr(o, "session_id", id);
	json_kcstr(o, "peer", s->peer);
	object_put_time(o, "first_seen", s->first_seen_us);
	object_put_time(o, "last_seen", s->last_seen_us);
	json_kuint(o, "message_count", s->messages);
	object_put_text(o, "user_agent", s->user_agent);
	object_put_text(o, "mining_session_id", s->mining_session_id);
	json_key(o, "difficulty");
	if (s->difficulty > 0)
		json_double(o, s->difficulty);
	else
		json_null(o);
	put_session_pool(o, s);
	put_session_replay(o, s);
	put_session_counts(o, s);
	put_session_account(o, s);
	json_kcstr(o, "state", s->state == SESSION_LIVE ? "live" : "ended");
	object_put_time(o, "ended_at", s->ended_us);
	object_put_text(o, "close_reason", s->close_reason);
	object_put_text(o, "close_detail", s->close_detail);
	object_put_text(o, "listener", s->listener);
	object_put_text(o, "via", s->via);
	json_kbool(o, "replay", s->replay);
	object_put_id(o, "replay_of", s->replay_of);
	object_put_id(o, "first_message_id", s->first_pos);
	object_put_id(o, "last_message_id", s->last_pos);
	json_object_end(o);
}

void
object_process(struct json_out *o, const struct process_rec *p)
{
	json_object(o);
	json_kcstr(o, "role", p->role);
	json_kcstr(o, "state", p->state);
	if (p->pid > 0)
		json_kint(o, "pid", p->pid);
	else
		json_knull(o, "pid");
	json_kuint(o, "uid", p->uid);
	json_kuint(o, "generation", p->generation);
	json_kdouble(o, "uptime_s", (double)p->uptime_ms / 1000);
	json_kuint(o, "rss_kb", p->rss_kb);
	json_kdouble(o, "cpu_s", (double)p->cpu_ms / 1000);
	json_kuint(o, "logs_dropped", p->logs_dropped);
	object_put_text(o, "last_exit", p->last_exit);
	json_object_end(o);
}

/* --- counters --- */

/* A counter's name in two: its group (not ended) and what follows. */
struct counter_name {
	const char *group;
	size_t len;
	const char *key;
};

static struct counter_name
split(const struct object_source *src, unsigned i)
{
	const char *name = src->stats->item[i].name;
	const char *dot = strchr(name, '.');
	struct counter_name n = { src->group, strlen(src->group), name };

	if (dot != NULL && dot != name && dot[1] != '\0') {
		n.group = name;
		n.len = (size_t)(dot - name);
		n.key = dot + 1;
	}
	return n;
}

static bool
same_group(const struct counter_name *a, const struct counter_name *b)
{
	return a->len == b->len && memcmp(a->group, b->group, a->len) == 0;
}

/* Whether the group, or with_key the very counter, came before (s, i). */
static bool
came_before(const struct object_source *src, unsigned s, unsigned i,
    const struct counter_name *name, bool with_key)
{
	struct counter_name other;
	unsigned t, j;

	for (t = 0; t <= s; t++) {
		for (j = 0; (t < s || j < i) && j < src[t].stats->n; j++) {
			other = split(&src[t], j);
			if (same_group(&other, name) &&
			    (!with_key || strcmp(other.key, name->key) == 0))
				return true;
		}
	}
	return false;
}

static void
put_group(struct json_out *o, const struct object_source *src, unsigned n,
    const struct counter_name *group)
{
	struct counter_name name;
	char key[STAT_NAME + 1];
	unsigned s, i;

	snprintf(key, sizeof(key), "%.*s", (int)group->len, group->group);
	json_kobject(o, key);
	for (s = 0; s < n; s++) {
		for (i = 0; i < src[s].stats->n; i++) {
			name = split(&src[s], i);
			if (same_group(&name, group) &&
			    !came_before(src, s, i, &name, true))
				json_kuint(o, name.key,
				    src[s].stats->item[i].value);
		}
	}
	json_object_end(o);
}

/* Whether the group is one of the sources' own, before the s-th. */
static bool
is_own(const struct object_source *src, unsigned s,
    const struct counter_name *group)
{
	struct counter_name own;
	unsigned t;

	for (t = 0; t < s; t++) {
		own.group = src[t].group;
		own.len = strlen(own.group);
		if (same_group(&own, group))
			return true;
	}
	return false;
}

void
object_counters(struct json_out *o, const struct object_source *src, unsigned n)
{
	struct counter_name group;
	unsigned s, i;

	for (s = 0; s < n; s++) {
		group.group = src[s].group;
		group.len = strlen(group.group);
		if (!is_own(src, s, &group))
			put_group(o, src, n, &group);
	}
	for (s = 0; s < n; s++) {
		for (i = 0; i < src[s].stats->n; i++) {
			group = split(&src[s], i);
			if (!is_own(src, n, &group) &&
			    !came_before(src, s, i, &group, false))
				put_group(o, src, n, &group);
		}
	}
}
