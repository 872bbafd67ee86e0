/*
 * GET /api/export: messages as a file, streamed.  A page of rows is asked
 * for when what there was has been taken, so that memory does not depend on
 * how much is exported or on how fast it is read.
 *
 *	page -> each row: is its session new? -> session, context -> the row
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/export.h"
#include "apid/get.h"
#include "apid/request.h"
#include "common/export.h"

#define PAGE       200u
#define PAGE_MAX   (4u << 20) /* bytes of rows; then the page ends */
#define ASK_MS     20000
#define OUT_ENOUGH (256u * 1024u)

struct row {
	uint64_t pos;
	uint8_t *data;
	size_t len;
};

struct work {
	struct request *r;
	struct export export;
	struct query q;
	struct mbuf out;
	size_t taken;    /* of out */
	struct row *row; /* PAGE */
	unsigned n, next;
	size_t bytes;
	uint64_t last; /* position asked for so far */
	bool ended;    /* the store has no more */
	bool failed;
	bool waiting; /* the connection is suspended */
	/* The session that opens. */
	uint8_t session[16];
	bool have_session;
	struct session_rec rec;
	unsigned context; /* the next query */
	struct row ctx[EXPORT_CONTEXT_ROWS];
	unsigned nctx;
};

static void go_on(struct work *);

static void
rows_clear(struct row *row, unsigned *n)
{
	while (*n > 0)
		free(row[--*n].data);
}

static void
work_free(struct request *r)
{
	struct work *w = r->work;

	rows_clear(w->row, &w->n);
	rows_clear(w->ctx, &w->nctx);
	free(w->row);
	export_free(&w->export);
	mbuf_free(&w->out);
	free(w);
}

/* Whoever waits for bytes, or for the end, has them. */
static void
wake(struct work *w)
{
	if (!w->waiting)
		return;
	w->waiting = false;
	MHD_resume_connection(w->r->conn);
	http_kick(w->r->api->http);
}

static void
fail(struct work *w)
{
	w->failed = true;
	wake(w);
}

/* --- rows as they come; a copy, since what they need is asked for first --- */

static bool
keep_row(struct row *row, struct msg_in *m)
{
	struct message_rec rec;
	struct mcur cur = m->cur;

	message_get(&cur, &rec);
	if (msg_end(&cur) == -1)
		return false;
	row->pos = rec.pos;
	row->len = m->cur.left;
	row->data = malloc(row->len + 1);
	if (row->data == NULL)
		return false;
	memcpy(row->data, m->cur.p, row->len);
	return true;
}

static void
row_get(const struct row *row, struct message_rec *m)
{
	struct mcur cur;

	mcur_init(&cur, row->data, row->len);
	message_get(&cur, m);
}

static void
ask(struct work *w, const struct query *q, const struct ask_ops *ops)
{
	struct request *r = w->r;
	struct mbuf body;
	const char *why;

	mbuf_init(&body);
	query_put(&body, q);
	r->ask = ask_new(r->api,
	    q->text[0] != '\0' ? ROLE_QUERY_SEARCH : ROLE_QUERY_PAGE, MSG_QUERY,
	    &body, ASK_MS, ops, w, &why);
	mbuf_free(&body);
	if (r->ask == NULL)
		fail(w);
}

/* --- a page --- */

static void
on_row(void *arg, struct msg_in *m)
{
	struct work *w = arg;

	if (m->type != MSG_ROW_MESSAGE || w->n == PAGE ||
	    !keep_row(&w->row[w->n], m))
		return;
	w->last = w->row[w->n].pos;
	w->bytes += w->row[w->n++].len;
	if (w->bytes < PAGE_MAX)
		return;
	ask_cancel(w->r->api, w->r->ask);
	w->r->ask = NULL;
	go_on(w);
}

static void
on_page(void *arg, struct msg_in *m, const char *why)
{
	struct work *w = arg;
	struct query_end end = { .status = 3 };

	w->r->ask = NULL;
	if (m != NULL)
		query_end_get(&m->cur, &end);
	if (end.status >= 2) {
		fail(w);
		return;
	}
	w->ended = end.status == 1 || (end.complete && w->n < PAGE);
	if (!end.complete && end.stopped_at > w->last)
		w->last = end.stopped_at;
	go_on(w);
}

static void
ask_page(struct work *w)
{
	static const struct ask_ops ops = { on_row, on_page };

	rows_clear(w->row, &w->n);
	w->next = 0;
	w->bytes = 0;
	w->q.after = w->last;
	w->q.limit = PAGE;
	ask(w, &w->q, &ops);
}

/* --- a session that is new --- */

static void
on_session(void *arg, struct msg_in *m)
{
	struct work *w = arg;

	if (m->type != MSG_ROW_SESSION)
		return;
	session_get(&m->cur, &w->rec);
	w->have_session = msg_end(&m->cur) == 0;
}

static void
on_context_row(void *arg, struct msg_in *m)
{
	struct work *w = arg;

	if (m->type == MSG_ROW_MESSAGE && w->nctx < EXPORT_CONTEXT_ROWS &&
	    keep_row(&w->ctx[w->nctx], m))
		w->nctx++;
}

static void
write_context(struct work *w)
{
	struct message_rec first, m[EXPORT_CONTEXT_ROWS];

	row_get(&w->row[w->next], &first);
	for (unsigned i = 0; i < w->nctx; i++)
		row_get(&w->ctx[i], &m[i]);
	if (export_open(&w->export, w->session,
		w->have_session ? &w->rec : NULL, m, w->nctx, first.ts_recv_us,
		&w->out) == -1)
		w->failed = true;
	rows_clear(w->ctx, &w->nctx);
}

static void ask_context(struct work *);

static void
on_context(void *arg, struct msg_in *m, const char *why)
{
	struct work *w = arg;

	w->r->ask = NULL;
	if (m == NULL)
		fail(w);
	else
		ask_context(w);
}

static void
ask_context(struct work *w)
{
	static const struct ask_ops session = { on_session, on_context };
	static const struct ask_ops row = { on_context_row, on_context };
	const struct export_context *c;
	struct query q = { .kind = Q_SESSION, .flags = QF_SESSION, .limit = 1 };

	memcpy(q.session, w->session, sizeof(q.session));
	if (w->context++ == 0) {
		ask(w, &q, &session);
		return;
	}
	c = &export_contexts()[w->context - 2];
	if (c->method == NULL) {
		write_context(w);
		go_on(w);
		return;
	}
	q.kind = Q_MESSAGES;
	q.before = w->row[w->next].pos;
	q.limit = c->limit;
	snprintf(q.method, sizeof(q.method), "%s", c->method);
	ask(w, &q, &row);
}

static void
open_session(struct work *w, const uint8_t id[16])
{
	memcpy(w->session, id, 16);
	w->have_session = false;
	w->context = 0;
	w->nctx = 0;
	ask_context(w);
}

/* --- what is next --- */

static void
go_on(struct work *w)
{
	struct message_rec m;

	while (w->next < w->n && w->out.len < OUT_ENOUGH && !w->failed) {
		row_get(&w->row[w->next], &m);
		if (!export_knows(&w->export, m.session)) {
			open_session(w, m.session);
			return;
		}
		export_message(&w->export, &m, &w->out);
		w->next++;
	}
	if (w->out.bad)
		w->failed = true;
	if (w->out.len > 0 || w->failed || w->ended)
		wake(w);
	else if (w->next == w->n)
		ask_page(w);
}

/* libmicrohttpd wants bytes. */
static ssize_t
reader(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	struct work *w = r->work;
	size_t n = w->out.len - w->taken;

	/* As long again for whoever reads. */
	r->hc->since = api_now();
	r->hc->allowed_ms = r->api->set.conf.answer_ms;
	if (n > 0) {
		n = n < max ? n : max;
		memcpy(buf, w->out.data + w->taken, n);
		w->taken += n;
		if (w->taken == w->out.len) {
			mbuf_reset(&w->out);
			w->taken = 0;
		}
		return (ssize_t)n;
	}
	/* An answer that breaks off shall not look whole. */
	if (w->failed)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (w->ended && w->next == w->n)
		return MHD_CONTENT_READER_END_OF_STREAM;
	w->waiting = true;
	r->hc->since = INT64_MAX / 2;
	MHD_suspend_connection(r->conn);
	if (r->ask == NULL)
		go_on(w);
	return 0;
}

void
get_export(struct request *r)
{
	struct work *w = calloc(1, sizeof(*w));
	enum export_format f = (enum export_format)param(r, "format")->u;

	if (w == NULL || (w->row = calloc(PAGE, sizeof(*w->row))) == NULL) {
		free(w);
		reply_error(r, 503, "out of memory");
		return;
	}
	w->r = r;
	r->work = w;
	r->work_free = work_free;
	(void)messages_filter(r, &w->q);
	w->q.flags |= QF_ASCENDING;
	w->last = w->q.after;
	mbuf_init(&w->out);
	export_init(&w->export, f);
	export_begin(&w->export, &w->out);
	reply_header(r, "Content-Disposition",
	    "attachment; filename=\"hashscope.%s\"", export_suffix(f));
	reply_stream(r, export_type(f), reader);
}
