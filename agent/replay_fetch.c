/*
 * Asking the query role, one row at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/replay.h"

struct fetch {
	TAILQ_ENTRY(fetch) entry;
	uint32_t id;
	bool found;
	fetch_fn *fn;
	void *arg;
};

struct fetch *
fetch_begin(struct replay *r, const struct query *q, fetch_fn *fn, void *arg)
{
	struct fetch *f;

	if (r->query == NULL || (f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->id = replay_id(r);
	f->fn = fn;
	f->arg = arg;
	mbuf_reset(&r->body);
	query_put(&r->body, q);
	if (ipc_send(r->query, MSG_QUERY, f->id, -1, &r->body) == -1) {
		free(f);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&r->fetches, f, entry);
	return f;
}

static void
fetch_free(struct replay *r, struct fetch *f)
{
	TAILQ_REMOVE(&r->fetches, f, entry);
	free(f);
}

void
fetch_cancel(struct replay *r, struct fetch *f)
{
	if (f == NULL)
		return;
	if (r->query != NULL)
		(void)ipc_send_empty(r->query, MSG_QUERY_CANCEL, f->id);
	fetch_free(r, f);
}

static struct fetch *
find(struct replay *r, uint32_t id)
{
	struct fetch *f;

	TAILQ_FOREACH(f, &r->fetches, entry) {
		if (f->id == id)
			return f;
	}
	return NULL;
}

static void
finish(struct replay *r, struct fetch *f, enum fetch_status status,
    const struct message_rec *m, const struct session_rec *s)
{
	fetch_fn *fn = f->fn;
	void *arg = f->arg;

	fetch_free(r, f);
	fn(arg, status, m, s);
}

void
fetch_on_row(struct ipc *ipc, struct msg_in *in, void *arg)
{
	struct replay *r = arg;
	struct message_rec m;
	struct session_rec s;
	struct fetch *f;

	if (in->type == MSG_ROW_MESSAGE)
		message_get(&in->cur, &m);
	else
		session_get(&in->cur, &s);
	if (msg_end(&in->cur) == -1) {
		ipc_bad(ipc, in, "malformed");
		return;
	}
	/* The first row is all that was asked for; the end finds nobody. */
	f = find(r, in->id);
	if (f != NULL && in->type == MSG_ROW_MESSAGE)
		finish(r, f, FETCH_OK, &m, NULL);
	else if (f != NULL)
		finish(r, f, FETCH_OK, NULL, &s);
}

void
fetch_on_end(struct ipc *ipc, struct msg_in *in, void *arg)
{
	struct replay *r = arg;
	struct query_end end;
	struct fetch *f;

	query_end_get(&in->cur, &end);
	if (msg_end(&in->cur) == -1) {
		ipc_bad(ipc, in, "malformed");
		return;
	}
	f = find(r, in->id);
	if (f != NULL)
		finish(r, f, end.status <= 1 ? FETCH_NONE : FETCH_FAILED, NULL,
		    NULL);
}

void
fetch_fail_all(struct replay *r)
{
	struct fetch *f;

	while ((f = TAILQ_FIRST(&r->fetches)) != NULL)
		finish(r, f, FETCH_FAILED, NULL, NULL);
}

/* [["mining.notify", "id"]] or ["mining.notify", "id"], among others. */
static void
take_session(const struct jtree *t, uint32_t list, struct origin *o)
{
	uint32_t item = list;

	for (uint32_t i = 0; i <= jtree_count(t, list); i++) {
		if (jtree_equals(t, jtree_item(t, item, 0), "mining.notify"))
			(void)jtree_str(t, jtree_item(t, item, 1), o->session,
			    sizeof(o->session));
		item = jtree_item(t, list, i);
	}
	item = jtree_count(t, list) > 0 ?
	    jtree_item(t, list, jtree_count(t, list) - 1) :
	    JTREE_NONE;
	if (jtree_equals(t, jtree_item(t, item, 0), "mining.notify"))
		(void)jtree_str(t, jtree_item(t, item, 1), o->session,
		    sizeof(o->session));
}

void
fetch_subscription(struct jtree *t, const char *text, size_t len,
    struct origin *o)
{
	char was[sizeof(o->session)];
	uint32_t result;

	memcpy(was, o->session, sizeof(was));
	if (text == NULL || jtree_parse(t, text, len) == -1)
		return;
	result = jtree_member(t, jtree_root(t), "result");
	(void)jtree_str(t, jtree_item(t, result, 1), o->extranonce1,
	    sizeof(o->extranonce1));
	take_session(t, jtree_item(t, result, 0), o);
	if (o->session[0] == '\0')
		memcpy(o->session, was, sizeof(was));
}
