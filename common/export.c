/*
 * The three formats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/export.h"
#include "common/object.h"
#include "common/utf8.h"

#define JSON_MAX (4u << 20)

static const struct {
	const char *name, *type, *suffix;
} formats[] = {
	[EXPORT_JSONL] = { "jsonl", "application/x-ndjson", "jsonl" },
	[EXPORT_CSV] = { "csv", "text/csv; charset=utf-8", "csv" },
	[EXPORT_PCAPNG] = { "pcapng", "application/x-pcapng", "pcapng" },
};

int
export_format_find(const char *name)
{
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(formats[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *
export_type(enum export_format f)
{
	return formats[f].type;
}

const char *
export_suffix(enum export_format f)
{
	return formats[f].suffix;
}

const struct export_context *
export_contexts(void)
{
	static const struct export_context list[EXPORT_CONTEXTS] = {
		{ "mining.subscribe", 2 },
		{ "mining.configure", 2 },
		{ "mining.authorize", 2 },
		{ "mining.set_extranonce", 1 },
		{ "mining.set_version_mask", 1 },
		/* The one before holds for older jobs. */
		{ "mining.set_difficulty", 2 },
		{ "mining.notify", 16 },
		{ NULL, 0 },
	};

	return list;
}

void
export_init(struct export *e, enum export_format format)
{
	memset(e, 0, sizeof(*e));
	e->format = format;
}

void
export_free(struct export *e)
{
	free(e->session);
	memset(e, 0, sizeof(*e));
}

void
export_begin(const struct export *e, struct mbuf *out)
{
	static const char csv[] =
	    "id,ts_recv,ts_fwd,direction,session_id,peer,method,jsonrpc_id,"
	    "size_bytes,is_request,is_response,is_error,parse_error,"
	    "paired_message_id,latency_ms,protocol,context,raw_encoding,raw"
	    "\r\n";

	if (e->format == EXPORT_CSV)
		msg_put_raw(out, csv, sizeof(csv) - 1);
	else if (e->format == EXPORT_PCAPNG)
		pcapng_begin(out, "HashScope " HS_VERSION);
}

static struct export_session *
find(const struct export *e, const uint8_t id[16])
{
	/* The newest are asked for most. */
	for (unsigned i = e->nsessions; i-- > 0;)
		if (memcmp(e->session[i].id, id, 16) == 0)
			return &e->session[i];
	return NULL;
}

bool
export_knows(const struct export *e, const uint8_t session[16])
{
	return find(e, session) != NULL;
}

static int
session_add(struct export *e, const uint8_t id[16], const struct session_rec *s,
    int64_t us, struct mbuf *out)
{
	struct export_session *grown;
	unsigned room;

	if (e->nsessions == e->room) {
		room = e->room == 0 ? 64 : e->room * 2;
		grown = realloc(e->session, room * sizeof(*grown));
		if (grown == NULL)
			return -1;
		e->session = grown;
		e->room = room;
	}
	grown = &e->session[e->nsessions++];
	memset(grown, 0, sizeof(*grown));
	memcpy(grown->id, id, 16);
	if (e->format == EXPORT_PCAPNG)
		pcapng_open(out, &grown->stream, s == NULL ? "" : s->peer,
		    s == NULL ? "" : s->pool_peer, us);
	return 0;
}

/* --- JSON lines --- */

static void
put_jsonl(const struct message_rec *m, bool context, struct mbuf *out)
{
	static const char mark[] = "{\"context\":true,";
	struct json_out o;
	const char *text;
	size_t len;

	json_init(&o, JSON_MAX);
	object_message(&o, m);
	text = json_finish(&o, &len);
	if (text != NULL && context) {
		msg_put_raw(out, mark, sizeof(mark) - 1);
		text++;
		len--;
	}
	if (text != NULL) {
		msg_put_raw(out, text, len);
		msg_put_raw(out, "\n", 1);
	}
	json_clear(&o);
}

/* --- CSV, RFC 4180 --- */

static void
put_text(struct mbuf *out, const char *text)
{
	msg_put_raw(out, text, strlen(text));
}

/* Quoted; what a spreadsheet would take for a formula begins with '. */
static void
put_quoted(struct mbuf *out, const char *p, size_t len)
{
	msg_put_raw(out, "\"", 1);
	if (len > 0 && strchr("=+-@\t\r", p[0]) != NULL)
		msg_put_raw(out, "'", 1);
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"')
			msg_put_raw(out, "\"", 1);
		msg_put_raw(out, p + i, 1);
	}
	msg_put_raw(out, "\"", 1);
}

static void
put_time(struct mbuf *out, int64_t us)
{
	char text[OBJECT_TIME];

	if (us == 0)
		return;
	object_time(us, text);
	put_text(out, text);
}

static void
put_base64(struct mbuf *out, const uint8_t *p, size_t len)
{
	struct json_out o;
	const char *text;
	size_t n;

	json_init(&o, JSON_MAX);
	json_base64(&o, p, len);
	text = json_finish(&o, &n);
	if (text != NULL) /* quotes and all */
		msg_put_raw(out, text, n);
	json_clear(&o);
}

static void
put_csv(const struct message_rec *m, bool context, struct mbuf *out)
{
	char text[160], session[SESSION_TEXT];
	bool utf8 = utf8_valid(m->raw, m->raw_len);

	uuid_text(m->session, session);
	snprintf(text, sizeof(text), "%llu,", (unsigned long long)m->pos);
	put_text(out, text);
	put_time(out, m->ts_recv_us);
	put_text(out, ",");
	put_time(out, m->ts_fwd_us);
	snprintf(text, sizeof(text), ",%s,%s,", dir_name(m->dir), session);
	put_text(out, text);
	put_quoted(out, m->peer, strlen(m->peer));
	put_text(out, ",");
	put_quoted(out, m->method, strlen(m->method));
	put_text(out, ",");
	put_quoted(out, m->jsonrpc_id, strlen(m->jsonrpc_id));
	snprintf(text, sizeof(text), ",%u,%d,%d,%d,", m->size,
	    (m->flags & MF_REQUEST) != 0, (m->flags & MF_RESPONSE) != 0,
	    (m->flags & MF_ERROR) != 0);
	put_text(out, text);
	put_quoted(out, m->parse_error, strlen(m->parse_error));
	text[0] = '\0';
	if (m->pair != 0)
		snprintf(text, sizeof(text), "%llu",
		    (unsigned long long)m->pair);
	put_text(out, ",");
	put_text(out, text);
	text[0] = '\0';
	if (m->pair != 0 && m->latency_us >= 0)
		snprintf(text, sizeof(text), "%.3f",
		    (double)m->latency_us / 1000);
	put_text(out, ",");
	put_text(out, text);
	put_text(out, ",");
	put_quoted(out, m->protocol, strlen(m->protocol));
	put_text(out, context ? ",1," : ",0,");
	put_text(out, utf8 ? "utf8," : "base64,");
	if (utf8)
		put_quoted(out, (const char *)m->raw, m->raw_len);
	else
		put_base64(out, m->raw, m->raw_len);
	put_text(out, "\r\n");
}

/* --- pcapng --- */

static void
put_packets(struct export *e, const struct message_rec *m, struct mbuf *out)
{
	struct export_session *s = find(e, m->session);
	unsigned end = m->dir == DIR_POOL_TO_MINER ? 1 : 0;
	struct mbuf line;

	if (s == NULL)
		return;
	mbuf_init(&line);
	msg_put_raw(&line, m->raw, m->raw_len);
	if (m->flags & MF_CRLF)
		msg_put_raw(&line, "\r", 1);
	if (!(m->flags & (MF_NO_NEWLINE | MF_TRUNCATED)))
		msg_put_raw(&line, "\n", 1);
	pcapng_data(out, &s->stream, end, line.data, line.len, m->ts_recv_us);
	mbuf_free(&line);
}

static void
put_message(struct export *e, const struct message_rec *m, bool context,
    struct mbuf *out)
{
	switch (e->format) {
	case EXPORT_JSONL:
		put_jsonl(m, context, out);
		break;
	case EXPORT_CSV:
		put_csv(m, context, out);
		break;
	case EXPORT_PCAPNG:
		put_packets(e, m, out);
		break;
	}
}

void
export_message(struct export *e, const struct message_rec *m, struct mbuf *out)
{
	put_message(e, m, false, out);
}

static int
by_pos(const void *a, const void *b)
{
	const struct message_rec *p = a, *q = b;

	return p->pos < q->pos ? -1 : p->pos > q->pos;
}

int
export_open(struct export *e, const uint8_t id[16], const struct session_rec *s,
    struct message_rec *context, unsigned n, int64_t us, struct mbuf *out)
{
	if (n > 0) {
		qsort(context, n, sizeof(*context), by_pos);
		us = context[0].ts_recv_us;
	}
	if (session_add(e, id, s, us, out) == -1)
		return -1;
	for (unsigned i = 0; i < n; i++)
		put_message(e, &context[i], true, out);
	return 0;
}
