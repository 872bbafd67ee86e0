/*
 * show ...: asking, page by page, and handing over to the writer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hashscopectl/ctl.h"

#define PAGE           500  /* messages in one question */
#define SESSIONS_PAGE  1000 /* sessions in one question */
#define OFFSET_MAX     10000
#define DEFAULT_PEOPLE 100 /* rows, when nobody said limit */

/* Programs get all: they cannot see a cut. */
uint64_t
ctl_wanted(const struct ctl *c)
{
	if (c->cmd.query.limit != 0)
		return c->cmd.query.limit;
	return c->out.w == writer_json() ? UINT64_MAX : DEFAULT_PEOPLE;
}

void
ctl_tell_limit(const struct ctl *c, uint64_t shown)
{
	if (c->cmd.query.limit == 0 && shown == DEFAULT_PEOPLE &&
	    c->out.w != writer_json())
		fprintf(stderr, "(the first %d; say `limit N' for more)\n",
		    DEFAULT_PEOPLE);
}

/* --- sessions --- */

static int
get_sessions(const struct rows *rows, struct session_rec **out)
{
	struct session_rec *s;
	struct mcur cur;
	size_t i;

	*out = s = calloc(rows->n + 1, sizeof(*s));
	if (s == NULL)
		return ctl_no("out of memory");
	for (i = 0; i < rows->n; i++) {
		mcur_init(&cur, rows->row[i].data, rows->row[i].len);
		session_get(&cur, &s[i]);
		if (msg_end(&cur) == -1)
			return ctl_no("malformed answer");
	}
	return EXIT_OK;
}

/* What is done with each page of sessions; a code to end with, or -1. */
typedef int sessions_fn(struct ctl *, const struct session_rec *, size_t,
    void *arg);

static int
each_sessions(struct ctl *c, struct query *q, uint64_t want, sessions_fn *fn,
    void *arg)
{
	struct rows rows;
	struct query_end end;
	struct session_rec *s;
	uint64_t asked;
	int code;

	rows_init(&rows);
	q->kind = Q_SESSIONS;
	do {
		asked = want < SESSIONS_PAGE ? want : SESSIONS_PAGE;
		q->limit = (uint32_t)asked;
		code = ctl_query(c, q, &rows, &end);
		if (code == EXIT_OK) {
			code = get_sessions(&rows, &s);
			if (code == EXIT_OK)
				code = fn(c, s, rows.n, arg);
			free(s);
		}
		want -= rows.n;
		q->offset += (uint32_t)rows.n;
	} while (code == EXIT_OK && want > 0 && rows.n > 0 &&
	    (rows.n == asked || !end.complete) && q->offset <= OFFSET_MAX);
	rows_clear(&rows);
	return code;
}

static int
print_sessions(struct ctl *c, const struct session_rec *s, size_t n, void *arg)
{
	uint64_t *shown = arg;

	c->out.w->sessions(&c->out, s, n);
	c->out.w->flush(&c->out);
	*shown += n;
	return EXIT_OK;
}

int
show_sessions(struct ctl *c)
{
	struct query q = c->cmd.query;
	uint64_t shown = 0;
	int code;

	c->out.w->begin(&c->out, LIST_SESSIONS);
	code = each_sessions(c, &q, ctl_wanted(c), print_sessions, &shown);
	c->out.w->end(&c->out);
	ctl_tell_limit(c, shown);
	return code;
}

/* --- a session by the beginning of its id --- */

struct match {
	const char *text;
	uint8_t id[16];
	unsigned n;
	char names[4 * SESSION_TEXT];
};

static int
match_sessions(struct ctl *c, const struct session_rec *s, size_t n, void *arg)
{
	struct match *m = arg;
	char id[SESSION_TEXT];
	size_t i, len;

	for (i = 0; i < n; i++) {
		uuid_text(s[i].id, id);
		if (strncmp(id, m->text, strlen(m->text)) != 0)
			continue;
		/* NOLINTNEXTLINE: there are no rows without s */
		memcpy(m->id, s[i].id, sizeof(m->id));
		len = strlen(m->names);
		if (m->n++ < 3)
			snprintf(m->names + len, sizeof(m->names) - len, " %s",
			    id);
	}
	return EXIT_OK;
}

int
ctl_find_session(struct ctl *c, uint8_t id[16])
{
	struct query q = { 0 };
	struct match m = { .text = c->cmd.session };
	char why[320];
	int code;

	if (uuid_parse(m.text, id) == 0)
		return EXIT_OK;
	code = each_sessions(c, &q, UINT64_MAX, match_sessions, &m);
	if (code != EXIT_OK)
		return code;
	if (m.n == 1) {
		memcpy(id, m.id, sizeof(m.id));
		return EXIT_OK;
	}
	if (m.n == 0)
		snprintf(why, sizeof(why), "no session %s", m.text);
	else
		snprintf(why, sizeof(why), "%s begins %u sessions:%s%s", m.text,
		    m.n, m.names, m.n > 3 ? " ..." : "");
	return ctl_no(why);
}

int
show_session(struct ctl *c)
{
	struct query q = { .kind = Q_SESSION, .limit = 1 };
	struct rows rows;
	struct query_end end;
	struct session_rec *s = NULL;
	int code;

	if ((code = ctl_find_session(c, q.session)) != EXIT_OK)
		return code;
	rows_init(&rows);
	q.flags = QF_SESSION;
	code = ctl_query(c, &q, &rows, &end);
	if (code == EXIT_OK && rows.n == 0)
		code = ctl_no("no such session");
	if (code == EXIT_OK)
		code = get_sessions(&rows, &s);
	if (code == EXIT_OK)
		c->out.w->one_session(&c->out, s);
	free(s);
	rows_clear(&rows);
	return code;
}

/* --- messages --- */

static int
get_message(const struct mbuf *row, struct message_rec *m)
{
	struct mcur cur;

	mcur_init(&cur, row->data, row->len);
	message_get(&cur, m);
	return msg_end(&cur) == -1 ? ctl_no("malformed answer") : EXIT_OK;
}

static int
print_messages(struct ctl *c, const struct rows *rows, uint64_t *last)
{
	struct message_rec m;
	size_t i;

	for (i = 0; i < rows->n; i++) {
		if (get_message(&rows->row[i], &m) != EXIT_OK)
			return EXIT_NO;
		c->out.w->message(&c->out, &m);
		*last = m.pos;
	}
	c->out.w->flush(&c->out);
	return EXIT_OK;
}

bool
ctl_next_page(struct query *q, const struct rows *rows,
    const struct query_end *end, uint64_t last)
{
	uint64_t *cursor = q->flags & QF_ASCENDING ? &q->after : &q->before;
	uint64_t at = last;

	if (!end->complete)
		at = end->stopped_at;
	else if (rows->n < q->limit)
		return false;
	/* Without progress there would be no end. */
	if (at == 0 || at == *cursor)
		return false;
	*cursor = at;
	return true;
}

static int
page_messages(struct ctl *c, struct query *q, uint64_t want)
{
	struct rows rows;
	struct query_end end;
	uint64_t last = 0, shown = 0;
	int code;

	rows_init(&rows);
	do {
		q->limit = (uint32_t)(want < PAGE ? want : PAGE);
		code = ctl_query(c, q, &rows, &end);
		if (code == EXIT_OK)
			code = print_messages(c, &rows, &last);
		want -= rows.n;
		shown += rows.n;
	} while (
	    code == EXIT_OK && want > 0 && ctl_next_page(q, &rows, &end, last));
	rows_clear(&rows);
	ctl_tell_limit(c, shown);
	return code;
}

int
show_messages(struct ctl *c)
{
	struct query q = c->cmd.query;
	int code;

	if (c->cmd.session[0] != '\0') {
		if ((code = ctl_find_session(c, q.session)) != EXIT_OK)
			return code;
		q.flags |= QF_SESSION;
	}
	q.kind = Q_MESSAGES;
	if (c->out.w == writer_json())
		q.flags |= QF_WITH_RESPONSE;
	c->out.w->begin(&c->out, LIST_MESSAGES);
	code = page_messages(c, &q, ctl_wanted(c));
	c->out.w->end(&c->out);
	return code;
}

/* What it submits or answers, for people; none is no reason to fail. */
static const struct share_rec *
share_of(struct ctl *c, const struct message_rec *m, struct share_rec *s)
{
	struct query q = { .kind = Q_SHARE, .pos = m->share, .limit = 1 };
	struct query_end end;
	struct rows rows;
	struct mcur cur;
	bool found = false;

	if (m->share == 0 || c->out.w == writer_json())
		return NULL;
	rows_init(&rows);
	if (ctl_query(c, &q, &rows, &end) == EXIT_OK && rows.n == 1) {
		mcur_init(&cur, rows.row[0].data, rows.row[0].len);
		share_get(&cur, s);
		found = msg_end(&cur) == 0;
		s->verification = NULL;
	}
	rows_clear(&rows);
	return found ? s : NULL;
}

int
show_message(struct ctl *c)
{
	struct query q = { .kind = Q_MESSAGE,
		.flags = QF_WITH_RESPONSE | QF_EXPLAIN,
		.pos = c->cmd.query.pos,
		.limit = 1 };
	struct rows rows;
	struct query_end end;
	struct message_rec m;
	struct share_rec s;
	int code;

	rows_init(&rows);
	code = ctl_query(c, &q, &rows, &end);
	if (code == EXIT_OK && rows.n == 0)
		code = ctl_no("no such message");
	if (code == EXIT_OK)
		code = get_message(&rows.row[0], &m);
	if (code == EXIT_OK)
		c->out.w->one_message(&c->out, &m, share_of(c, &m, &s));
	rows_clear(&rows);
	return code;
}

/* --- processes, configuration, summary --- */

int
show_processes(struct ctl *c)
{
	struct process_rec p;
	struct client_msg a;
	uint32_t id;
	bool ok;

	id = client_ask(&c->client, MSG_REQ_PROCESSES, NULL);
	if (id == 0)
		return ctl_away(c);
	c->out.w->begin(&c->out, LIST_PROCESSES);
	for (;;) {
		if (client_wait(&c->client, id, &a) == -1)
			return ctl_away(c);
		if (a.type != MSG_ROW_PROCESS)
			break;
		process_get(&a.cur, &p);
		if (msg_end(&a.cur) == 0)
			c->out.w->process(&c->out, &p);
	}
	c->out.w->end(&c->out);
	ok = a.type == MSG_REPLY && client_reply(&c->client, &a);
	return ok ? EXIT_OK : ctl_no(c->client.error);
}

/* Asks for text; what came is added to text, the reply's in error. */
static int
ask_text(struct ctl *c, enum msg_type type, const struct mbuf *body,
    struct mbuf *text)
{
	const uint8_t *p;
	struct client_msg a;
	uint32_t id;
	size_t len;

	if ((id = client_ask(&c->client, type, body)) == 0)
		return ctl_away(c);
	for (;;) {
		if (client_wait(&c->client, id, &a) == -1)
			return ctl_away(c);
		if (a.type != MSG_ROW_TEXT)
			break;
		p = msg_get_bytes(&a.cur, &len, MSG_KIB(256));
		msg_put_raw(text, p, len);
	}
	if (a.type != MSG_REPLY)
		return ctl_no("unexpected answer");
	return client_reply(&c->client, &a) ? EXIT_OK : EXIT_NO;
}

int
show_config(struct ctl *c)
{
	struct mbuf text;
	int code;

	mbuf_init(&text);
	code = ask_text(c, MSG_REQ_CONFIG, NULL, &text);
	if (code == EXIT_OK)
		c->out.w->config(&c->out, (const char *)text.data, text.len);
	else if (code == EXIT_NO)
		ctl_no(c->client.error);
	mbuf_free(&text);
	return code;
}

static int
get_counters(struct ctl *c, enum msg_type ask, enum msg_type answer,
    struct stats *stats, char *error, size_t size)
{
	struct client_msg a;
	uint32_t id;

	if ((id = client_ask(&c->client, ask, NULL)) == 0 ||
	    client_wait(&c->client, id, &a) == -1)
		return ctl_away(c);
	if (a.type == answer) {
		stats_get(&a.cur, stats);
		if (msg_end(&a.cur) == 0)
			return EXIT_OK;
		snprintf(error, size, "malformed answer");
	} else if (a.type == MSG_REPLY) {
		client_reply(&c->client, &a);
		snprintf(error, size, "%s", c->client.error);
	}
	stats->n = 0;
	return EXIT_NO;
}

int
show_summary(struct ctl *c)
{
	static struct summary s;
	int code, relay, capture;

	s.client = &c->client;
	relay = get_counters(c, MSG_REQ_RELAY_STATS, MSG_RELAY_STATS, &s.relay,
	    s.relay_error, sizeof(s.relay_error));
	if (relay == EXIT_AWAY)
		return relay;
	capture = get_counters(c, MSG_REQ_CAPTURE_STATS, MSG_CAPTURE_STATS,
	    &s.capture, s.capture_error, sizeof(s.capture_error));
	if (capture == EXIT_AWAY)
		return capture;
	code = relay != EXIT_OK ? relay : capture;
	if (capture == EXIT_OK && ctl_active_alerts(c, &s) == EXIT_AWAY)
		return EXIT_AWAY;
	c->out.w->summary(&c->out, &s);
	return code;
}
