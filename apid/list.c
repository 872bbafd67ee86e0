/*
 * Lists and single objects of the store.  Rows become JSON as they come; an
 * answer that would grow too long ends early and says where it stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/list.h"
#include "common/object.h"
#include "common/object_alert.h"
#include "common/object_share.h"
#include "common/record_alert.h"
#include "common/record_share.h"
#include "common/record_stat.h"

#define ASK_MS 8000
/* Past this an answer ends, whatever the limit. */
#define ENOUGH (8u * 1024u * 1024u)

struct list {
	struct request *r;
	const struct list_row *row;
	const char *key;       /* of an object around the array */
	const char *not_found; /* one object */
	uint32_t limit, rows;
	uint64_t last; /* cursor of the last row */
	bool ascending;
};

static bool
write_session(struct json_out *o, struct mcur *c, uint64_t *cursor)
{
	struct session_rec s;

	session_get(c, &s);
	if (msg_end(c) == -1)
		return false;
	object_session(o, &s);
	return true;
}

static bool
write_stat(struct json_out *o, struct mcur *c, uint64_t *cursor)
{
	struct stat_rec s;

	stat_get(c, &s);
	if (msg_end(c) == -1)
		return false;
	object_stat(o, &s);
	return true;
}

#define WRITER(name, type, get, put, position)                       \
	static bool write_##name(struct json_out *o, struct mcur *c, \
	    uint64_t *cursor)                                        \
	{                                                            \
		struct type rec;                                     \
                                                                     \
		get(c, &rec);                                        \
		if (msg_end(c) == -1)                                \
			return false;                                \
		put(o, &rec);                                        \
		*cursor = rec.position;                              \
		return true;                                         \
	}

WRITER(message, message_rec, message_get, object_message, pos)
WRITER(share, share_rec, share_get, object_share, pos)
WRITER(worker, worker_rec, worker_get, object_worker, id)
WRITER(job, job_rec, job_get, object_job, id)
WRITER(alert, alert_rec, alert_get, object_alert, id)

static const struct {
	unsigned query;
	struct list_row row;
} kinds[] = {
	{ Q_SESSIONS, { MSG_ROW_SESSION, write_session } },
	{ Q_SESSION, { MSG_ROW_SESSION, write_session } },
	{ Q_MESSAGES, { MSG_ROW_MESSAGE, write_message } },
	{ Q_MESSAGE, { MSG_ROW_MESSAGE, write_message } },
	{ Q_SHARES, { MSG_ROW_SHARE, write_share } },
	{ Q_SHARE, { MSG_ROW_SHARE, write_share } },
	{ Q_WORKERS, { MSG_ROW_WORKER, write_worker } },
	{ Q_JOBS, { MSG_ROW_JOB, write_job } },
	{ Q_JOB, { MSG_ROW_JOB, write_job } },
	{ Q_ALERTS, { MSG_ROW_ALERT, write_alert } },
	{ Q_STATS, { MSG_ROW_STAT, write_stat } },
};

const struct list_row *
list_row_of(unsigned query_kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].query == query_kind)
			return &kinds[i].row;
	return NULL;
}

/* --- headers of a page --- */

/* The same query, from a cursor on. */
static void
put_link(struct request *r, const char *cursor, uint64_t at, uint64_t offset)
{
	char *copy = strdup(r->query), *rest = copy, *pair, *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	while (
	    copy != NULL && f != NULL && (pair = strsep(&rest, "&")) != NULL) {
		if (pair[0] == '\0' || strncmp(pair, "before=", 7) == 0 ||
		    strncmp(pair, "after=", 6) == 0 ||
		    strncmp(pair, "offset=", 7) == 0)
			continue;
		fprintf(f, "%s&", pair);
	}
	if (f != NULL) {
		fprintf(f, "%s=%llu", cursor,
		    (unsigned long long)(at != 0 ? at : offset));
		fclose(f);
	}
	if (copy != NULL && out != NULL)
		reply_header(r, "Link", "<%s?%s>; rel=\"next\"", r->target,
		    out);
	free(copy);
	free(out);
}

static void
put_page(struct list *l, bool complete, uint64_t stopped_at)
{
	struct request *r = l->r;
	uint64_t at = l->last;

	if (!complete) {
		reply_header(r, "Hashscope-Stopped-At", "%llu",
		    (unsigned long long)stopped_at);
		at = stopped_at;
	}
	if (complete && l->rows < l->limit)
		return;
	if (at != 0)
		put_link(r, l->ascending ? "after" : "before", at, 0);
	else if (l->rows > 0)
		put_link(r, "offset", 0, param(r, "offset")->u + l->rows);
}

/* --- the answer --- */

static void
finish(struct list *l, bool complete, uint64_t stopped_at)
{
	struct request *r = l->r;

	r->ask = NULL;
	if (l->not_found != NULL) {
		reply_json(r, 200);
		return;
	}
	json_array_end(&r->out);
	if (l->key != NULL) {
		json_kbool(&r->out, "complete", complete);
		if (complete && l->rows < l->limit)
			json_knull(&r->out, "next");
		else
			json_kuint_str(&r->out, "next",
			    complete ? l->last : stopped_at);
		json_object_end(&r->out);
	}
	put_page(l, complete, stopped_at);
	reply_json(r, 200);
}

static void
on_row(void *arg, struct msg_in *m)
{
	struct list *l = arg;
	struct request *r = l->r;

	if (m->type != l->row->msg ||
	    !l->row->write(&r->out, &m->cur, &l->last))
		return;
	l->rows++;
	if (!request_charge(r)) {
		ask_cancel(r->api, r->ask);
		r->ask = NULL;
		reply_error(r, 503, "too many answers are being made");
	} else if (r->out.len > ENOUGH && l->last != 0) {
		ask_cancel(r->api, r->ask);
		finish(l, false, l->last);
	}
}

static void
on_end(void *arg, struct msg_in *m, const char *why)
{
	struct list *l = arg;
	struct request *r = l->r;
	struct query_end end = { .status = 3 };

	r->ask = NULL;
	if (m != NULL && m->type == MSG_QUERY_END) {
		query_end_get(&m->cur, &end);
		if (msg_end(&m->cur) == -1)
			end = (struct query_end){ .status = 3 };
		why = end.text;
	}
	if (end.status == 0 && (l->not_found == NULL || l->rows == 1))
		finish(l, end.complete, end.stopped_at);
	else if (end.status <= 1 && l->not_found != NULL)
		reply_error(r, 404, "%s", l->not_found);
	else if (end.status == 1)
		finish(l, true, 0); /* a session that is unknown has nothing */
	else if (end.status == 2)
		reply_error(r, 422, "%s", why);
	else
		reply_error(r, 503, "%s",
		    why != NULL && why[0] != '\0' ? why : "the query failed");
}

static const struct ask_ops ops = { on_row, on_end };

static void
free_work(struct request *r)
{
	free(r->work);
}

static void
start(struct request *r, struct query *q, const struct list_row *row,
    const char *key, const char *not_found)
{
	struct list *l = calloc(1, sizeof(*l));
	struct mbuf body;
	const char *why;

	if (l == NULL) {
		reply_error(r, 503, "out of memory");
		return;
	}
	*l = (struct list){ .r = r,
		.row = row,
		.key = key,
		.not_found = not_found,
		.limit = q->limit,
		.ascending = (q->flags & QF_ASCENDING) != 0 || q->after != 0 };
	r->work = l;
	r->work_free = free_work;
	if (key != NULL) {
		json_object(&r->out);
		json_key(&r->out, key);
	}
	if (not_found == NULL)
		json_array(&r->out);
	mbuf_init(&body);
	query_put(&body, q);
	r->ask = ask_new(r->api,
	    q->text[0] != '\0' ? ROLE_QUERY_SEARCH : ROLE_QUERY_PAGE, MSG_QUERY,
	    &body, ASK_MS, &ops, l, &why);
	mbuf_free(&body);
	if (r->ask == NULL)
		reply_error(r, 503, "%s", why);
}

void
list_start(struct request *r, struct query *q, const struct list_row *row)
{
	start(r, q, row, NULL, NULL);
}

void
list_one(struct request *r, struct query *q, const struct list_row *row,
    const char *not_found)
{
	q->limit = 1;
	start(r, q, row, NULL, not_found);
}

void
list_object(struct request *r, struct query *q, const struct list_row *row,
    const char *key)
{
	start(r, q, row, key, NULL);
}

void
list_page(const struct request *r, struct query *q)
{
	q->limit = (uint32_t)param(r, "limit")->u;
	q->offset = (uint32_t)param(r, "offset")->u;
	q->before = param(r, "before")->u;
	q->after = param(r, "after")->u;
	if (q->after != 0)
		q->flags |= QF_ASCENDING;
	q->since_us = param(r, "since")->time_us;
	q->until_us = param(r, "until")->time_us;
	if (q->limit == 0)
		q->limit = 100;
}
