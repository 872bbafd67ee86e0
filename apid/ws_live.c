/*
 * captured's news: into the rings, then to each client what it wants of
 * them.  Plain clients, written for the original, get a bare object for each
 * message, and the request again when its answer is there.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/ws_int.h"
#include "common/log.h"
#include "common/object.h"
#include "common/object_alert.h"

#define FETCHING_MAX 64
#define FETCH_MS     3000

/* --- what is wanted --- */

static uint32_t
wanted(const struct ws *ws)
{
	const struct ws_client *c;
	uint32_t want = 0;

	LIST_FOREACH(c, &ws->clients, entry) {
		if (!c->open || c->gone)
			continue;
		if (c->plain || c->sub[TOPIC_MESSAGES].on)
			want |= FEED_MESSAGES | FEED_MARKS;
		if (c->sub[TOPIC_SHARES].on)
			want |= FEED_SHARES | FEED_MARKS;
		if (c->sub[TOPIC_ALERTS].on)
			want |= FEED_ALERTS;
		if (c->sub[TOPIC_SESSIONS].on)
			want |= FEED_SESSIONS;
	}
	return want;
}

void
live_want(struct ws *ws)
{
	struct ipc *captured = ws->api->peer[ROLE_CAPTURE];
	uint32_t want = wanted(ws), old = ws->wanted;
	struct mbuf b;

	if (captured == NULL || want == ws->wanted)
		return;
	mbuf_init(&b);
	msg_put_u32(&b, want);
	if (ipc_send(captured, MSG_FEED_SUBSCRIBE, 1, -1, &b) == 0) {
		ws->wanted = want;
		/* What was not listened to is not in the ring. */
		if (!(old & FEED_MESSAGES))
			ws->hello = false;
	}
	mbuf_free(&b);
}

void
ws_on_capture(struct ws *ws, struct ipc *ipc)
{
	ws->wanted = 0;
	ws->hello = false;
	if (ipc == NULL)
		return;
	ws->epoch++;
	live_want(ws);
}

/* --- plain clients --- */

static bool
plain_wants(const struct ws_client *c, const struct message_rec *m)
{
	return c->plain && c->open && !c->gone &&
	    (!c->has_session || memcmp(c->session, m->session, 16) == 0);
}

static bool
any_plain(const struct ws *ws, const struct message_rec *m)
{
	const struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry)
		if (plain_wants(c, m))
			return true;
	return false;
}

static void
plain_text(struct ws *ws, const struct message_rec *m, const char *text,
    size_t len)
{
	struct blob *b = blob_new(text, len);
	struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry)
		if (plain_wants(c, m))
			client_send(c, b);
	blob_free(b);
}

/* The request with its answer in it, as the original told it. */
static void
plain_answered(struct ws *ws, struct message_rec *request,
    const struct message_rec *answer)
{
	const char *text;
	size_t len;

	request->pair = answer->pos;
	request->latency_us = answer->latency_us;
	request->resp_ts_us = answer->ts_recv_us;
	request->resp_raw = answer->raw;
	request->resp_len = answer->raw_len;
	json_reset(&ws->out);
	object_message(&ws->out, request);
	text = json_finish(&ws->out, &len);
	if (text != NULL)
		plain_text(ws, request, text, len);
	json_reset(&ws->out);
}

/* A request that came before anybody listened. */
struct fetch {
	struct ws *ws;
	struct item *answer; /* a copy */
};

static void
on_fetched(void *arg, struct msg_in *m)
{
	struct fetch *f = arg;
	struct message_rec request, answer;
	struct mcur cur;

	if (m->type != MSG_ROW_MESSAGE)
		return;
	message_get(&m->cur, &request);
	mcur_init(&cur, f->answer->rec, f->answer->len);
	message_get(&cur, &answer);
	if (msg_end(&m->cur) == 0)
		plain_answered(f->ws, &request, &answer);
}

static void
on_fetch_end(void *arg, struct msg_in *m, const char *why)
{
	struct fetch *f = arg;

	f->ws->fetching--;
	free(f->answer);
	free(f);
}

static void
fetch(struct ws *ws, const struct item *it, uint64_t pos)
{
	static const struct ask_ops ops = { on_fetched, on_fetch_end };
	struct query q = { .kind = Q_MESSAGE, .pos = pos, .limit = 1 };
	struct fetch *f = calloc(1, sizeof(*f));
	size_t size = sizeof(*it) + it->len;
	struct mbuf body;
	const char *why;

	if (f == NULL || ws->fetching >= FETCHING_MAX ||
	    (f->answer = malloc(size)) == NULL) {
		free(f);
		return;
	}
	f->ws = ws;
	memcpy(f->answer, it, size);
	mbuf_init(&body);
	query_put(&body, &q);
	ws->fetching++;
	if (ask_new(ws->api, ROLE_QUERY_PAGE, MSG_QUERY, &body, FETCH_MS, &ops,
		f, &why) == NULL)
		on_fetch_end(f, NULL, why);
	mbuf_free(&body);
}

static void
plain_one(struct ws *ws, struct item *it, const struct message_rec *m)
{
	struct message_rec request;
	struct item *first;
	struct mcur cur;
	const char *text;

	if (!any_plain(ws, m))
		return;
	if (!(m->flags & MF_RESPONSE) || m->pair == 0) {
		text = item_json(&ws->messages, it);
		if (text != NULL)
			plain_text(ws, m, text, it->json_len);
		return;
	}
	first = ring_find(&ws->messages, m->pair);
	if (first == NULL) {
		fetch(ws, it, m->pair);
		return;
	}
	mcur_init(&cur, first->rec, first->len);
	message_get(&cur, &request);
	plain_answered(ws, &request, m);
}

/* --- the feed --- */

/* Another store: its positions have nothing to do with those before. */
static void
check_store(struct ws *ws, const uint8_t id[16])
{
	struct ws_client *c;

	if (ws->has_store && memcmp(ws->store_id, id, 16) != 0) {
		ring_cut(&ws->messages, 0);
		LIST_FOREACH(c, &ws->clients, entry)
			sub_reset(&c->sub[TOPIC_MESSAGES], 0);
	}
	ws->has_store = true;
	memcpy(ws->store_id, id, 16);
}

/*
 * What captured had given out before it ended may never have been stored:
 * who was told by that one forgets it.  Who came later was told by this one.
 */
static void
on_reset(struct ws *ws, uint64_t to)
{
	struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry) {
		struct ws_sub *s = &c->sub[TOPIC_MESSAGES];

		if (s->epoch != ws->epoch)
			sub_reset(s, to);
		s->epoch = ws->epoch;
	}
	live_push(ws);
}

static void
on_hello(struct ws *ws, struct msg_in *m)
{
	uint64_t last, committed;
	struct ws_client *c;
	uint8_t id[16];

	msg_get_raw(&m->cur, id, sizeof(id));
	last = msg_get_u64(&m->cur);
	committed = msg_get_u64(&m->cur);
	if (msg_end(&m->cur) == -1)
		return;
	check_store(ws, id);
	if (committed > 0)
		ws->committed = committed;
	if (!ws->hello)
		ring_clear(&ws->messages, last);
	ws->hello = true;
	LIST_FOREACH(c, &ws->clients, entry)
		if (c->sub[TOPIC_MESSAGES].on &&
		    c->sub[TOPIC_MESSAGES].cursor == UINT64_MAX)
			c->sub[TOPIC_MESSAGES].cursor = last;
	live_push(ws);
}

static void
take_message(struct ws *ws, const uint8_t *rec, size_t len,
    const struct message_rec *m)
{
	if (m->pos <= ws->messages.last)
		return;
	ring_add(&ws->messages, m->pos, m->pos, rec, len);
	if (ws->messages.n > 0)
		plain_one(ws, ring_at(&ws->messages, ws->messages.n - 1), m);
}

static void
on_batch(struct ws *ws, struct msg_in *in)
{
	struct feed_head h;
	struct message_rec m;
	const uint8_t *rec;

	feed_head_get(&in->cur, &h);
	if (in->cur.bad || !ws->hello)
		return;
	check_store(ws, h.store_id);
	ws->committed = h.committed;
	/* We were too slow for a while: what is between is in the store. */
	if (h.prev > ws->messages.last)
		ring_clear(&ws->messages, h.prev);
	for (uint32_t i = 0; i < h.count; i++) {
		rec = in->cur.p;
		message_get(&in->cur, &m);
		if (in->cur.bad)
			return;
		take_message(ws, rec, (size_t)(in->cur.p - rec), &m);
	}
	live_push(ws);
}

static void
on_shares(struct ws *ws, struct msg_in *in)
{
	struct share_head h;
	struct share_rec s;
	const uint8_t *rec;

	share_head_get(&in->cur, &h);
	for (uint32_t i = 0; i < h.count && !in->cur.bad; i++) {
		rec = in->cur.p;
		share_get(&in->cur, &s);
		if (in->cur.bad)
			return;
		ring_add(&ws->shares, ++ws->shares_seq, s.pos, rec,
		    (size_t)(in->cur.p - rec));
	}
	live_push(ws);
}

static void
on_alert(struct ws *ws, struct msg_in *m)
{
	struct alert_rec a;
	struct ws_client *c;

	alert_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1)
		return;
	LIST_FOREACH(c, &ws->clients, entry) {
		struct ws_sub *s = &c->sub[TOPIC_ALERTS];

		if (!s->on || client_full(c))
			continue;
		if (s->filter.flags & QF_SESSION &&
		    (!a.has_session ||
			memcmp(s->filter.session, a.session, 16) != 0))
			continue;
		sub_open(s, a.id);
		object_alert(&s->frame, &a);
		sub_close(s, a.id);
	}
}

void
ws_on_feed(struct ws *ws, struct msg_in *m)
{
	uint64_t to;

	switch (m->type) {
	case MSG_FEED_HELLO:
		on_hello(ws, m);
		break;
	case MSG_FEED_BATCH:
		on_batch(ws, m);
		break;
	case MSG_FEED_SHARES:
		on_shares(ws, m);
		break;
	case MSG_FEED_ALERT:
		on_alert(ws, m);
		break;
	case MSG_FEED_CHANGED:
		poll_changed(ws);
		break;
	case MSG_FEED_RESET:
		to = msg_get_u64(&m->cur);
		if (msg_end(&m->cur) == 0)
			on_reset(ws, to);
		break;
	default:
		break;
	}
}

/* --- on to the clients --- */

void
live_push(struct ws *ws)
{
	struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry) {
		if (!c->open || c->gone)
			continue;
		sub_push(&c->sub[TOPIC_MESSAGES]);
		sub_push(&c->sub[TOPIC_SHARES]);
	}
}

void
live_drained(struct ws_client *c)
{
	sub_push(&c->sub[TOPIC_MESSAGES]);
	sub_push(&c->sub[TOPIC_SHARES]);
}

/* Frames that waited for their time. */
static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	live_push(arg);
}

void
live_init(struct ws *ws)
{
	ws->due = evtimer_new(ws->api->base, on_due, ws);
	if (ws->due == NULL || ring_init(&ws->messages, true, &ws->out) == -1 ||
	    ring_init(&ws->shares, false, &ws->out) == -1)
		fatalx("out of memory");
}

void
live_free(struct ws *ws)
{
	ring_free(&ws->messages);
	ring_free(&ws->shares);
	event_free(ws->due);
}
