/*
 * Where shares come from.  captured says how far its store is; the query role
 * gives the submits behind our place, and the sessions they belong to; those
 * of workers whose broadcast is on go to the outbox.
 *
 * Nothing here is waited for by captured: who is slow reads later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jtree.h"
#include "common/log.h"
#include "nostrd/nostrd.h"

#define PAGE         500
#define SESSIONS     4096 /* known ones; a power of two */
#define KNOWN_MS     2000 /* then asked again: broadcast may have changed */
#define MARK_MS      10000
#define QUERY_MS     10000
/* Of alerts: at most, every so many seconds, and so often after one. */
#define ALERTS_ASKED 256
#define ALERTS_S     60
#define ALERTS_SOON  5

struct known {
	uint8_t id[16];
	bool used, asked, broadcast;
	uint64_t at_ms; /* 0: not known yet */
	uint32_t repeat;
	uint16_t pool_port;
	char pool_host[256];
	char peer[64];
};

struct row {
	uint64_t pos;
	struct nostr_share share;
};

struct input {
	struct nostrd *nostrd;
	struct ipc *capture, *query;
	uint8_t store[16];
	uint64_t pos, committed, asked_to, marked_ms;
	bool placed;               /* pos means something */
	bool failing;              /* the outbox takes nothing */
	uint32_t last_id, page_id; /* page_id 0: no page is being read */
	uint32_t alerts_id;        /* the same for the list of alerts */
	unsigned alerts_due;       /* it is asked for in this many seconds */
	unsigned alerts_again;     /* and so often each second then */
	uint64_t page_ms;
	struct row *rows;
	unsigned nrows, nseen, nasked;
	uint64_t last_pos;
	struct known *known;
	struct jtree tree;
	struct mbuf body;
	struct event *again;
};

static void read_on(struct input *);

/* --- sessions --- */

/* Its place in the table; another's is taken when there are too many. */
static struct known *
lookup(struct input *in, const uint8_t id[16])
{
	struct known *k, *oldest = NULL;
	uint64_t h;

	memcpy(&h, id + 8, sizeof(h));
	h *= UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < 8; i++) {
		k = &in->known[((h >> 32) + i) & (SESSIONS - 1)];
		if (k->used && memcmp(k->id, id, 16) == 0)
			return k;
		if (oldest == NULL || !k->used ||
		    (oldest->used && k->at_ms < oldest->at_ms))
			oldest = k;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->id, id, 16);
	oldest->used = true;
	return oldest;
}

static int
ask(struct input *in, const struct query *q, uint32_t *id)
{
	if (++in->last_id == 0)
		in->last_id = 1;
	*id = in->last_id;
	mbuf_reset(&in->body);
	query_put(&in->body, q);
	return ipc_send(in->query, MSG_QUERY, *id, -1, &in->body);
}

static int
ask_session(struct input *in, struct known *k)
{
	struct query q = { .kind = Q_SESSION, .limit = 1 };
	uint32_t id;

	memcpy(q.session, k->id, 16);
	q.flags = QF_SESSION;
	if (ask(in, &q, &id) == -1)
		return -1;
	k->asked = true;
	in->nasked++;
	return 0;
}

static void
on_session(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;
	struct session_rec *s = calloc(1, sizeof(*s));
	struct known *k;

	if (s == NULL)
		return;
	session_get(&m->cur, s);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		free(s);
		return;
	}
	k = lookup(in, s->id);
	k->at_ms = nostrd_now();
	k->asked = false;
	k->broadcast = s->broadcast_enabled && !s->replay;
	k->repeat = s->repeat_count == 0 ? 1 : s->repeat_count;
	k->pool_port = s->pool_port;
	snprintf(k->pool_host, sizeof(k->pool_host), "%s", s->pool_host);
	snprintf(k->peer, sizeof(k->peer), "%s", s->peer);
	free(s);
}

/* --- a page of submits --- */

static int
take_json(const struct jtree *t, uint32_t node, char *out, size_t cap)
{
	size_t len;
	const char *raw = jtree_raw(t, node, &len);

	if (node == JTREE_NONE || len >= cap || memchr(raw, '\0', len) != NULL)
		return -1;
	memcpy(out, raw, len);
	out[len] = '\0';
	return 0;
}

/* What an agent could submit again: an array of parameters. */
static int
take_share(struct input *in, const struct message_rec *r, struct nostr_share *s)
{
	uint32_t params;

	if ((r->flags & MF_JSON) == 0 ||
	    (r->flags & (MF_TRUNCATED | MF_BROKEN | MF_MULTIPLE)) != 0 ||
	    jtree_parse(&in->tree, r->raw, r->raw_len) == -1)
		return -1;
	params = jtree_member(&in->tree, jtree_root(&in->tree), "params");
	memset(s, 0, sizeof(*s));
	if (!jtree_is(&in->tree, params, J_ARRAY) ||
	    take_json(&in->tree, params, s->params, sizeof(s->params)) == -1)
		return -1;
	memcpy(s->session, r->session, 16);
	s->ts_us = r->ts_recv_us;
	snprintf(s->id, sizeof(s->id), "%s", r->jsonrpc_id);
	return 0;
}

static void
on_message(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;
	struct message_rec r;

	message_get(&m->cur, &r);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (m->id != in->page_id)
		return;
	in->nseen++;
	in->last_pos = r.pos;
	if (in->nrows == PAGE || r.dir != DIR_MINER_TO_POOL)
		return;
	if (take_share(in, &r, &in->rows[in->nrows].share) == 0)
		in->rows[in->nrows++].pos = r.pos;
}

/* -1: the disk, now; later it may. */
static int
publish(struct input *in, const struct row *row)
{
	const struct known *k = lookup(in, row->share.session);
	const struct nostrd *n = in->nostrd;
	struct nostr_share s;

	if (!k->broadcast || k->pool_host[0] == '\0' || k->pool_port == 0)
		return 0;
	s = row->share;
	s.repeat = k->repeat > NOSTR_REPEAT_MAX ? NOSTR_REPEAT_MAX : k->repeat;
	s.pool_port = k->pool_port;
	memcpy(s.pool_host, k->pool_host, sizeof(s.pool_host));
	if (n->conf.miner_address)
		memcpy(s.peer, k->peer, sizeof(s.peer));
	return outbox_share(n->outbox, &s, row->pos);
}

/* All sessions of the page are known: out with it. */
static void
page_done(struct input *in)
{
	uint64_t now = nostrd_now();
	unsigned i;

	in->page_id = 0;
	for (i = 0; i < in->nrows; i++) {
		if (publish(in, &in->rows[i]) == 0) {
			in->failing = false;
			continue;
		}
		/* A full disk: from here on again, in a second. */
		if (!in->failing)
			log_warn("the outbox takes nothing");
		in->failing = true;
		if (i > 0)
			in->pos = in->rows[i - 1].pos;
		return;
	}
	if (in->asked_to > in->pos)
		in->pos = in->asked_to;
	if (now - in->marked_ms >= MARK_MS) {
		in->marked_ms = now;
		outbox_mark(in->nostrd->outbox, in->store, in->pos);
	}
	if (in->nrows > 0)
		nostrd_news(in->nostrd);
	read_on(in);
}

static void
on_page_end(struct input *in, const struct query_end *e)
{
	uint64_t now = nostrd_now();
	struct known *k;

	if (e->status != 0) {
		/* Later again; it is not our place that is wrong. */
		in->page_id = 0;
		return;
	}
	if (in->nseen >= PAGE)
		in->asked_to = in->last_pos;
	else if (!e->complete)
		in->asked_to = e->stopped_at;
	/* More may have been committed since it was asked: those are not
	 * asked for again. */
	if (in->asked_to < in->last_pos)
		in->asked_to = in->last_pos;
	for (unsigned i = 0; i < in->nrows; i++) {
		k = lookup(in, in->rows[i].share.session);
		if (!k->asked && (k->at_ms == 0 || now - k->at_ms > KNOWN_MS))
			ask_session(in, k);
	}
	if (in->nasked == 0)
		page_done(in);
}

/* --- alerts --- */

/*
 * They are read from the store, where they are when they are committed; what
 * captured says of one only tells us to look, and now and then we look
 * anyway.
 */
static void
ask_alerts(struct input *in)
{
	struct query q = { .kind = Q_ALERTS, .limit = ALERTS_ASKED };

	if (!in->nostrd->conf.alerts || !in->placed || in->query == NULL)
		return;
	in->alerts_due = ALERTS_S;
	if (ask(in, &q, &in->alerts_id) == -1)
		in->alerts_id = 0;
}

static void
on_alert_row(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;
	struct alert_rec rec;

	alert_get(&m->cur, &rec);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
	else if (m->id == in->alerts_id)
		alerts_row(in->nostrd->alerts, &rec);
}

static void
on_alerts_end(struct input *in, const struct query_end *e)
{
	in->alerts_id = 0;
	if (e->status == 0 && e->complete)
		alerts_listed(in->nostrd->alerts);
}

static void
alerts_second(struct input *in)
{
	if (in->alerts_again > 0)
		in->alerts_again--;
	else if (in->alerts_due > 0 && --in->alerts_due > 0)
		return;
	ask_alerts(in);
}

static void
on_feed_alert(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;

	in->alerts_again = ALERTS_SOON;
}

/* --- the end of an answer --- */

static void
on_end(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;
	struct query_end e;

	query_end_get(&m->cur, &e);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (m->id == in->alerts_id && m->id != 0)
		on_alerts_end(in, &e);
	else if (m->id == in->page_id)
		on_page_end(in, &e);
	else if (in->nasked > 0 && --in->nasked == 0 && in->page_id != 0)
		page_done(in);
}

static void
read_on(struct input *in)
{
	struct query q = { .kind = Q_MESSAGES,
		.flags = QF_DIR | QF_ASCENDING,
		.dir = DIR_MINER_TO_POOL,
		.limit = PAGE };

	if (!in->placed || in->query == NULL || in->page_id != 0 ||
	    in->committed <= in->pos)
		return;
	snprintf(q.method, sizeof(q.method), "mining.submit");
	q.after = in->pos;
	in->nrows = in->nseen = in->nasked = 0;
	in->last_pos = in->pos;
	in->asked_to = in->committed;
	in->page_ms = nostrd_now();
	for (unsigned i = 0; i < SESSIONS; i++)
		in->known[i].asked = false;
	if (ask(in, &q, &in->page_id) == -1)
		in->page_id = 0;
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct input *in = arg;

	/* An answer that does not come is not waited for. */
	if (in->page_id != 0 && nostrd_now() - in->page_ms > QUERY_MS)
		in->page_id = 0;
	alerts_second(in);
	read_on(in);
}

/* --- captured --- */

static void
on_hello(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;
	uint8_t store[16], ours[16];
	uint64_t last, committed, source;

	msg_get_raw(&m->cur, store, 16);
	last = msg_get_u64(&m->cur);
	committed = msg_get_u64(&m->cur);
	if (msg_end(&m->cur) == -1 || committed > last) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	source = outbox_source(in->nostrd->outbox, ours);
	if (memcmp(store, ours, 16) != 0) {
		/* The first time, or another store: from now on. */
		source = committed;
		outbox_mark(in->nostrd->outbox, store, committed);
	}
	if (!in->placed || memcmp(in->store, store, 16) != 0)
		in->pos = source;
	memcpy(in->store, store, 16);
	in->placed = true;
	in->committed = committed;
	alerts_store(in->nostrd->alerts, store);
	ask_alerts(in);
	read_on(in);
}

static void
on_batch(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct input *in = arg;
	struct feed_head h;

	feed_head_get(&m->cur, &h);
	if (m->cur.bad) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (memcmp(h.store_id, in->store, 16) == 0 &&
	    h.committed > in->committed) {
		in->committed = h.committed;
		/* The one that we were told of may be in the store now. */
		if (in->alerts_again > 0 && in->alerts_id == 0)
			ask_alerts(in);
	}
	read_on(in);
}

static void
on_reset(struct ipc *ipc, struct msg_in *m, void *arg)
{
	/* Only what is committed was looked at. */
}

static const struct ipc_handler capture_handlers[] = {
	{ MSG_FEED_HELLO, on_hello },
	{ MSG_FEED_BATCH, on_batch },
	{ MSG_FEED_RESET, on_reset },
	{ MSG_FEED_ALERT, on_feed_alert },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler query_handlers[] = {
	{ MSG_ROW_MESSAGE, on_message },
	{ MSG_ROW_SESSION, on_session },
	{ MSG_ROW_ALERT, on_alert_row },
	{ MSG_QUERY_END, on_end },
	{ MSG_NONE, NULL },
};

static void
on_gone(struct ipc *ipc, int err, void *arg)
{
	struct input *in = arg;

	if (in->capture == ipc)
		in->capture = NULL;
	if (in->query == ipc) {
		in->query = NULL;
		in->page_id = in->alerts_id = 0;
		in->nasked = 0;
	}
	ipc_free(ipc);
}

static const struct ipc_ops capture_ops = { .handlers = capture_handlers,
	.on_end = on_gone };
static const struct ipc_ops query_ops = { .handlers = query_handlers,
	.on_end = on_gone };

static void
subscribe(struct input *in)
{
	if (in->capture == NULL)
		return;
	mbuf_reset(&in->body);
	msg_put_u32(&in->body,
	    FEED_MARKS | (in->nostrd->conf.alerts ? FEED_ALERTS : 0));
	if (ipc_send(in->capture, MSG_FEED_SUBSCRIBE, 0, -1, &in->body) == -1)
		log_warn("FEED_SUBSCRIBE");
}

void
input_capture(struct input *in, int fd)
{
	ipc_free(in->capture);
	in->capture = ipc_new(in->nostrd->base, fd, ROLE_NOSTR, ROLE_CAPTURE,
	    &capture_ops, in);
	subscribe(in);
}

void
input_configure(struct input *in)
{
	subscribe(in);
	ask_alerts(in);
}

void
input_query(struct input *in, int fd)
{
	ipc_free(in->query);
	in->page_id = in->alerts_id = 0;
	in->nasked = 0;
	in->query = ipc_new(in->nostrd->base, fd, ROLE_NOSTR, ROLE_QUERY_PAGE,
	    &query_ops, in);
	ask_alerts(in);
	read_on(in);
}

struct input *
input_new(struct nostrd *n)
{
	struct input *in = calloc(1, sizeof(*in));
	struct timeval second = { 1, 0 };

	if (in == NULL)
		return NULL;
	in->nostrd = n;
	in->rows = calloc(PAGE, sizeof(*in->rows));
	in->known = calloc(SESSIONS, sizeof(*in->known));
	in->again = event_new(n->base, -1, EV_PERSIST, on_again, in);
	if (in->rows == NULL || in->known == NULL || in->again == NULL) {
		input_free(in);
		return NULL;
	}
	event_add(in->again, &second);
	return in;
}

void
input_free(struct input *in)
{
	if (in == NULL)
		return;
	if (in->placed)
		outbox_mark(in->nostrd->outbox, in->store, in->pos);
	ipc_free(in->capture);
	ipc_free(in->query);
	if (in->again != NULL)
		event_free(in->again);
	free(in->rows);
	free(in->known);
	mbuf_free(&in->body);
	free(in);
}
