/*
 * What a client has missed: pages from the query process, from its position
 * up to where the ring begins; then it is live.  It gets them as fast as it
 * reads, and nobody waits for it.
 */
#include <string.h>

#include "apid/ws_int.h"
#include "common/object.h"
#include "common/object_share.h"

#define PAGE     250u
#define ASK_MS   8000
#define RETRY_MS 500

static void ask_page(struct ws_sub *);

/* There is no room for more: until it reads on, some of it may be gone, so
 * that is asked again then. */
static void
wait_for_room(struct ws_sub *s)
{
	s->asked_old = s->topic != TOPIC_MESSAGES;
}

static void
end_frame(struct ws_sub *s)
{
	if (s->open)
		sub_close(s, s->at);
	s->open = false;
}

static void
caught_up(struct ws_sub *s)
{
	s->past = false;
	/* Should it fall behind again, that is another time. */
	s->asked_old = s->topic != TOPIC_MESSAGES;
	sub_push(s);
}

/* --- messages of the store --- */

static void
put_row(struct ws_sub *s, struct msg_in *in)
{
	struct message_rec m;
	struct share_rec r;
	bool message = in->type == MSG_ROW_MESSAGE;

	if (message)
		message_get(&in->cur, &m);
	else
		share_get(&in->cur, &r);
	if (msg_end(&in->cur) == -1)
		return;
	s->at = message ? m.pos : r.pos;
	if (!s->open)
		sub_open(s, s->at);
	s->open = true;
	if (message)
		object_message(&s->frame, &m);
	else
		object_share(&s->frame, &r);
	s->rows++;
}

static void
on_row(void *arg, struct msg_in *in)
{
	struct ws_sub *s = arg;

	if (in->type != MSG_ROW_MESSAGE && in->type != MSG_ROW_SHARE)
		return;
	put_row(s, in);
	if (s->frame.len < WS_FRAME)
		return;
	end_frame(s);
	if (!client_full(s->client))
		return;
	/* It goes on from here when that has been read. */
	ask_cancel(s->client->ws->api, s->ask);
	s->ask = NULL;
	if (s->topic == TOPIC_MESSAGES)
		s->cursor = s->at;
	wait_for_room(s);
}

/* All that the store had is sent: is that where the ring begins? */
static void
all_there_was(struct ws_sub *s)
{
	struct ws *ws = s->client->ws;

	if (s->topic != TOPIC_MESSAGES) {
		caught_up(s);
		return;
	}
	if (s->committed > s->at)
		s->at = s->committed;
	s->cursor = s->at;
	if (s->cursor >= ws->messages.prev)
		caught_up(s);
	else
		s->waits = true;
}

static void
on_end(void *arg, struct msg_in *in, const char *why)
{
	struct ws_sub *s = arg;
	struct query_end end = { .status = 3 };

	s->ask = NULL;
	end_frame(s);
	if (s->topic == TOPIC_MESSAGES)
		s->cursor = s->at;
	if (in != NULL && in->type == MSG_QUERY_END)
		query_end_get(&in->cur, &end);
	if (end.status == 3 || end.status == 2) {
		s->retry = api_now() + RETRY_MS;
	} else if (!end.complete) {
		if (end.stopped_at > s->at)
			s->at = end.stopped_at;
		ask_page(s);
	} else if (s->rows < PAGE) {
		all_there_was(s);
	} else {
		ask_page(s);
	}
}

static void
send_query(struct ws_sub *s, const struct query *q, const struct ask_ops *ops)
{
	struct ws *ws = s->client->ws;
	struct mbuf body;
	const char *why;

	mbuf_init(&body);
	query_put(&body, q);
	s->ask = ask_new(ws->api,
	    q->text[0] != '\0' ? ROLE_QUERY_SEARCH : ROLE_QUERY_PAGE, MSG_QUERY,
	    &body, ASK_MS, ops, s, &why);
	mbuf_free(&body);
	if (s->ask == NULL)
		s->retry = api_now() + RETRY_MS;
}

static void
ask_page(struct ws_sub *s)
{
	static const struct ask_ops ops = { on_row, on_end };
	struct query q = s->filter;

	if (client_full(s->client)) {
		wait_for_room(s);
		return;
	}
	q.kind = s->topic == TOPIC_MESSAGES ? Q_MESSAGES : Q_SHARES;
	q.flags |= QF_ASCENDING;
	q.after = s->at;
	q.limit = PAGE;
	s->rows = 0;
	s->waits = false;
	s->committed = s->client->ws->committed;
	send_query(s, &q, &ops);
}

/* --- what is gone for ever --- */

static void
on_oldest(void *arg, struct msg_in *in)
{
	struct ws_sub *s = arg;
	struct ws *ws = s->client->ws;
	struct message_rec m;

	if (in->type != MSG_ROW_MESSAGE)
		return;
	message_get(&in->cur, &m);
	if (msg_end(&in->cur) == -1 || m.pos - 1 <= s->at)
		return;
	json_reset(&ws->out);
	json_object(&ws->out);
	json_kcstr(&ws->out, "type", "missed");
	json_kuint(&ws->out, "count", m.pos - 1 - s->at);
	json_object_end(&ws->out);
	client_json(s->client);
	s->at = s->cursor = m.pos - 1;
}

static void
on_oldest_end(void *arg, struct msg_in *in, const char *why)
{
	struct ws_sub *s = arg;

	s->ask = NULL;
	if (in == NULL) {
		s->retry = api_now() + RETRY_MS;
		return;
	}
	s->asked_old = true;
	ask_page(s);
}

static void
ask_oldest(struct ws_sub *s)
{
	static const struct ask_ops ops = { on_oldest, on_oldest_end };
	struct query q = { .kind = Q_MESSAGES,
		.flags = QF_ASCENDING,
		.limit = 1 };

	send_query(s, &q, &ops);
}

void
past_go_on(struct ws_sub *s)
{
	struct ws *ws = s->client->ws;

	if (s->ask != NULL || s->client->gone || api_now() < s->retry)
		return;
	if (client_full(s->client)) {
		wait_for_room(s);
		return;
	}
	if (s->waits && ws->committed <= s->committed &&
	    s->cursor < ws->messages.prev)
		return;
	if (!s->asked_old)
		ask_oldest(s);
	else
		ask_page(s);
}

void
past_start(struct ws_sub *s)
{
	s->past = true;
	s->at = s->cursor;
	s->retry = 0;
	past_go_on(s);
}

void
past_shares(struct ws_sub *s, uint64_t pos)
{
	s->past = s->asked_old = true;
	s->at = pos;
	s->retry = 0;
}
