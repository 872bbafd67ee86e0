/*
 * hashscopectl export: pages of messages, oldest first, as a file on the
 * standard output.  common/export.c writes; here it is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/export.h"
#include "hashscopectl/ctl.h"

#define PAGE 500u

struct work {
	struct ctl *c;
	struct export export;
	struct mbuf out;
	struct rows rows; /* of the page */
};

static int
row_get(const struct rows *rows, size_t i, struct message_rec *m)
{
	struct mcur cur;

	mcur_init(&cur, rows->row[i].data, rows->row[i].len);
	message_get(&cur, m);
	return msg_end(&cur);
}

static int
flush(struct work *w)
{
	size_t n = w->out.len;

	if (w->out.bad)
		return ctl_no("out of memory");
	if (n > 0 && fwrite(w->out.data, 1, n, stdout) != n)
		return ctl_no("the standard output takes no more");
	mbuf_reset(&w->out);
	return EXIT_OK;
}

/* --- a session that is new --- */

static int
get_session(struct work *w, const uint8_t id[16], struct session_rec *s,
    bool *known)
{
	struct query q = { .kind = Q_SESSION, .flags = QF_SESSION, .limit = 1 };
	struct query_end end;
	struct rows rows;
	struct mcur cur;
	int code;

	memcpy(q.session, id, 16);
	rows_init(&rows);
	code = ctl_query(w->c, &q, &rows, &end);
	*known = code == EXIT_OK && rows.n == 1;
	if (*known) {
		mcur_init(&cur, rows.row[0].data, rows.row[0].len);
		session_get(&cur, s);
		*known = msg_end(&cur) == 0;
	}
	rows_clear(&rows);
	return code == EXIT_AWAY ? code : EXIT_OK;
}

/* Opens it with what the rows of all questions have. */
static int
write_context(struct work *w, const struct message_rec *first,
    const struct session_rec *s, struct rows *rows, unsigned n)
{
	struct message_rec *m = calloc(EXPORT_CONTEXT_ROWS, sizeof(*m));
	unsigned have = 0;
	int code = EXIT_OK;

	if (m == NULL)
		return ctl_no("out of memory");
	for (unsigned k = 0; k < n; k++)
		for (size_t i = 0; i < rows[k].n && have < EXPORT_CONTEXT_ROWS;
		     i++)
			have += row_get(&rows[k], i, &m[have]) == 0;
	if (export_open(&w->export, first->session, s, m, have,
		first->ts_recv_us, &w->out) == -1)
		code = ctl_no("out of memory");
	free(m);
	return code;
}

static int
open_session(struct work *w, const struct message_rec *first)
{
	const struct export_context *c = export_contexts();
	struct query q = { .kind = Q_MESSAGES,
		.flags = QF_SESSION,
		.before = first->pos };
	struct rows rows[EXPORT_CONTEXTS];
	struct session_rec s;
	struct query_end end;
	unsigned n = 0;
	bool known;
	int code;

	code = get_session(w, first->session, &s, &known);
	memcpy(q.session, first->session, 16);
	for (; code == EXIT_OK && c[n].method != NULL; n++) {
		q.limit = c[n].limit;
		snprintf(q.method, sizeof(q.method), "%s", c[n].method);
		rows_init(&rows[n]);
		code = ctl_query(w->c, &q, &rows[n], &end);
	}
	if (code == EXIT_OK)
		code = write_context(w, first, known ? &s : NULL, rows, n);
	while (n > 0)
		rows_clear(&rows[--n]);
	return code;
}

/* --- pages --- */

static int
write_page(struct work *w, size_t n)
{
	struct message_rec m;
	int code = EXIT_OK;

	for (size_t i = 0; i < n && code == EXIT_OK; i++) {
		if (row_get(&w->rows, i, &m) == -1)
			return ctl_no("malformed answer");
		if (!export_knows(&w->export, m.session))
			code = open_session(w, &m);
		if (code == EXIT_OK)
			export_message(&w->export, &m, &w->out);
	}
	return code == EXIT_OK ? flush(w) : code;
}

static int
pages(struct work *w, struct query *q, uint64_t wanted)
{
	struct message_rec m;
	struct query_end end;
	int code;

	do {
		q->limit = wanted < PAGE ? (uint32_t)wanted : PAGE;
		if ((code = ctl_query(w->c, q, &w->rows, &end)) != EXIT_OK)
			return code;
		if ((code = write_page(w, w->rows.n)) != EXIT_OK)
			return code;
		wanted -= w->rows.n;
		if (w->rows.n > 0 && row_get(&w->rows, w->rows.n - 1, &m) == 0)
			q->after = m.pos;
		if (!end.complete && end.stopped_at > q->after)
			q->after = end.stopped_at;
	} while (wanted > 0 && (!end.complete || w->rows.n == q->limit));
	return EXIT_OK;
}

int
export_messages(struct ctl *c)
{
	struct query q = c->cmd.query;
	struct work w = { .c = c };
	int code;

	if (c->cmd.session[0] != '\0') {
		if ((code = ctl_find_session(c, q.session)) != EXIT_OK)
			return code;
		q.flags |= QF_SESSION;
	}
	q.kind = Q_MESSAGES;
	q.flags |= QF_ASCENDING;
	mbuf_init(&w.out);
	rows_init(&w.rows);
	export_init(&w.export, (enum export_format)c->cmd.format);
	export_begin(&w.export, &w.out);
	code = flush(&w);
	if (code == EXIT_OK)
		code = pages(&w, &q, q.limit != 0 ? q.limit : UINT64_MAX);
	if (code == EXIT_OK && fflush(stdout) != 0)
		code = ctl_no("the standard output takes no more");
	export_free(&w.export);
	rows_clear(&w.rows);
	mbuf_free(&w.out);
	return code;
}
