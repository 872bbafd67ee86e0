/*
 * Subscriptions.  A client says {"subscribe": {…}}; frames are
 * {"type": topic, "first": …, "last": …, "data": […]}, of at most 64 KiB
 * unless one object alone is longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apid/route.h"
#include "apid/ws_int.h"

#define EVERY_MAX 60000

const char *
topic_name(unsigned t)
{
	static const char *const names[TOPICS] = { "messages", "shares",
		"sessions", "alerts", "stats", "agents" };

	return t < TOPICS ? names[t] : "";
}

/* --- frames --- */

void
sub_open(struct ws_sub *s, uint64_t first)
{
	json_reset(&s->frame);
	s->first = first;
	json_object(&s->frame);
	json_kcstr(&s->frame, "type", topic_name(s->topic));
	json_kuint_str(&s->frame, "first", first);
	json_karray(&s->frame, "data");
}

void
sub_close(struct ws_sub *s, uint64_t last)
{
	const char *text;
	size_t len;

	json_array_end(&s->frame);
	json_kuint_str(&s->frame, "last", last);
	json_object_end(&s->frame);
	text = json_finish(&s->frame, &len);
	if (text != NULL)
		client_text(s->client, text, len);
	json_reset(&s->frame);
}

static void
say(struct ws_client *c, const char *type, const char *key, uint64_t n)
{
	struct json_out *o = &c->ws->out;

	json_reset(o);
	json_object(o);
	json_kcstr(o, "type", type);
	json_kuint_str(o, key, n);
	json_object_end(o);
	client_json(c);
}

void
sub_reset(struct ws_sub *s, uint64_t to)
{
	if (!s->on || s->cursor <= to || s->cursor == UINT64_MAX)
		return;
	s->cursor = to;
	say(s->client, "reset", "to", to);
}

/* --- filters of what comes live; the query process has the same --- */

static bool
contains(const uint8_t *hay, size_t len, const char *needle)
{
	size_t n = strlen(needle);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp((const char *)hay + i, needle, n) == 0)
			return true;
	return false;
}

bool
sub_wants_message(const struct ws_sub *s, const struct message_rec *m)
{
	const struct query *q = &s->filter;
	uint32_t errors = 0;

	if (q->flags & QF_SESSION && memcmp(q->session, m->session, 16) != 0)
		return false;
	if (q->flags & QF_DIR && q->dir != m->dir)
		return false;
	if (q->method[0] != '\0' && strcmp(q->method, m->method) != 0)
		return false;
	if (q->flags & QF_ERRORS_PARSE)
		errors |= MF_PARSE_ERROR;
	if (q->flags & QF_ERRORS_POOL)
		errors |= MF_ERROR;
	if (errors != 0 && !(m->flags & errors))
		return false;
	return q->text[0] == '\0' || contains(m->raw, m->raw_len, q->text);
}

bool
sub_wants_share(const struct ws_sub *s, const struct share_rec *r)
{
	const struct query *q = &s->filter;

	if (q->flags & QF_SESSION && memcmp(q->session, r->session, 16) != 0)
		return false;
	return q->worker[0] == '\0' || strcmp(q->worker, r->worker) == 0;
}

static bool
wants(const struct ws_sub *s, const struct item *it)
{
	struct message_rec m;
	struct share_rec r;
	struct mcur cur;

	if (s->topic == TOPIC_MESSAGES && s->filter.flags == 0 &&
	    s->filter.method[0] == '\0' && s->filter.text[0] == '\0')
		return true;
	mcur_init(&cur, it->rec, it->len);
	if (s->topic == TOPIC_MESSAGES) {
		message_get(&cur, &m);
		return sub_wants_message(s, &m);
	}
	share_get(&cur, &r);
	return sub_wants_share(s, &r);
}

/* --- sending what the ring has --- */

static struct ring *
ring_of(const struct ws_sub *s)
{
	struct ws *ws = s->client->ws;

	return s->topic == TOPIC_MESSAGES ? &ws->messages : &ws->shares;
}

/* One frame from item i on; returns the index behind it. */
static unsigned
send_frame(struct ws_sub *s, struct ring *r, unsigned i)
{
	uint64_t last_pos = 0;
	bool open = false;
	const char *json;
	struct item *it;

	for (; i < r->n && s->frame.len < WS_FRAME; i++) {
		it = ring_at(r, i);
		s->cursor = it->seq;
		if (!wants(s, it) || (json = item_json(r, it)) == NULL)
			continue;
		if (!open)
			sub_open(s, it->pos);
		open = true;
		json_checked(&s->frame, json, it->json_len);
		if (it->pos > last_pos)
			last_pos = it->pos;
	}
	if (open)
		sub_close(s, last_pos);
	return i;
}

void
sub_push(struct ws_sub *s)
{
	struct ring *r = ring_of(s);
	struct ws *ws = s->client->ws;
	struct timeval tv = { 0, 5000 };
	int64_t now;
	unsigned i;

	if (!s->on || s->cursor == UINT64_MAX || s->client->gone)
		return;
	if (s->past) {
		past_go_on(s);
		return;
	}
	if (s->topic == TOPIC_MESSAGES && !ws->hello)
		return;
	if (s->cursor < r->prev) {
		if (s->topic == TOPIC_MESSAGES) {
			past_start(s);
		} else {
			say(s->client, "missed", "count", r->prev - s->cursor);
			s->cursor = r->prev;
		}
		return;
	}
	if (s->cursor >= r->last)
		return;
	now = api_now();
	if (s->every > 0 && now < s->next) {
		if (!evtimer_pending(ws->due, NULL))
			event_add(ws->due, &tv);
		return;
	}
	i = ring_after(r, s->cursor);
	while (i < r->n && !client_full(s->client))
		i = send_frame(s, r, i);
	/* What did not fit waits for room, and not for its time as well. */
	s->next = i == r->n ? now + s->every : 0;
	if (i == r->n)
		s->cursor = r->last;
}

/* --- what clients say --- */

static void
refuse(struct ws_client *c, const char *why)
{
	struct json_out *o = &c->ws->out;

	json_reset(o);
	json_object(o);
	json_kcstr(o, "type", "error");
	json_kcstr(o, "detail", why);
	json_object_end(o);
	client_json(c);
}

static void
text_of(const struct jtree *t, uint32_t node, const char *key, char *dst,
    size_t size)
{
	if (jtree_str(t, jtree_member(t, node, key), dst, size) == -1)
		dst[0] = '\0';
}

/* A position: a string, or a number. */
static bool
position(const struct jtree *t, uint32_t node, uint64_t *out)
{
	char text[32], *end;

	if (jtree_name(t, node, text, sizeof(text)) <= 0 ||
	    strspn(text, "0123456789") != strlen(text))
		return false;
	*out = strtoull(text, &end, 10);
	return *out <= INT64_MAX;
}

static const char *
read_filter(const struct jtree *t, uint32_t n, struct query *q)
{
	static const char *const dirs[] = { "miner_to_pool", "pool_to_miner",
		"hashscope_to_pool" };
	char text[64];

	memset(q, 0, sizeof(*q));
	text_of(t, n, "session", text, sizeof(text));
	if (text[0] != '\0') {
		if (uuid_parse(text, q->session) == -1)
			return "session is no session's id";
		q->flags |= QF_SESSION;
	}
	text_of(t, n, "direction", text, sizeof(text));
	if (text[0] != '\0') {
		for (q->dir = 0; q->dir < 3; q->dir++)
			if (strcmp(dirs[q->dir], text) == 0)
				break;
		if (q->dir == 3)
			return "direction is unknown";
		q->flags |= QF_DIR;
	}
	text_of(t, n, "errors", text, sizeof(text));
	if (strcmp(text, "parse") == 0 || strcmp(text, "any") == 0)
		q->flags |= QF_ERRORS_PARSE;
	if (strcmp(text, "pool") == 0 || strcmp(text, "any") == 0)
		q->flags |= QF_ERRORS_POOL;
	text_of(t, n, "method", q->method, sizeof(q->method));
	text_of(t, n, "q", q->text, sizeof(q->text));
	text_of(t, n, "worker", q->worker, sizeof(q->worker));
	return NULL;
}

void
sub_clear(struct ws_sub *s)
{
	ask_cancel(s->client->ws->api, s->ask);
	s->ask = NULL;
	s->on = s->past = s->asked_old = s->waits = s->open = false;
	json_clear(&s->frame);
}

/* A position that was never given out: another store's, or a mistake. */
static void
check_future(struct ws_sub *s)
{
	const struct ring *r = ring_of(s);

	if (s->topic == TOPIC_MESSAGES && s->client->ws->hello)
		sub_reset(s, r->last);
}

static void
begin(struct ws_sub *s, bool since, uint64_t pos)
{
	struct ws *ws = s->client->ws;

	json_init(&s->frame, 2u << 20);
	s->on = true;
	s->next = 0;
	if (s->topic == TOPIC_SHARES) {
		s->cursor = ws->shares.last;
		if (since)
			past_shares(s, pos);
	} else if (s->topic == TOPIC_MESSAGES) {
		/* captured may have to say first where it is. */
		s->cursor = since ? pos :
		    ws->hello     ? ws->messages.last :
				    UINT64_MAX;
		check_future(s);
	}
	s->asked_old = s->topic != TOPIC_MESSAGES && !since;
	s->epoch = ws->epoch;
}

static void
subscribe(struct ws_client *c, const struct jtree *t, uint32_t n)
{
	struct query filter;
	struct ws_sub *s = NULL;
	uint64_t since = 0;
	int64_t every = 0;
	const char *why;
	char topic[32];
	bool has;

	text_of(t, n, "topic", topic, sizeof(topic));
	for (unsigned i = 0; i < TOPICS; i++)
		if (strcmp(topic, topic_name(i)) == 0)
			s = &c->sub[i];
	if (s == NULL) {
		refuse(c, "there is no such topic");
		return;
	}
	has = jtree_type(t, jtree_member(t, n, "since")) > J_NULL;
	if (has && !position(t, jtree_member(t, n, "since"), &since)) {
		refuse(c, "since is no position");
		return;
	}
	if ((why = read_filter(t, n, &filter)) != NULL) {
		refuse(c, why);
		return;
	}
	(void)jtree_int(t, jtree_member(t, n, "every"), &every);
	c->plain = false;
	c->subscribed = true;
	sub_clear(s);
	s->filter = filter;
	s->every = every < 0 || every > EVERY_MAX ? EVERY_MAX : (uint32_t)every;
	begin(s, has, since);
	live_want(c->ws);
	sub_push(s);
}

static void
unsubscribe(struct ws_client *c, const char *topic)
{
	for (unsigned i = 0; i < TOPICS; i++)
		if (strcmp(topic, topic_name(i)) == 0)
			sub_clear(&c->sub[i]);
}

/* The original ignored what its clients said; what is no subscription of
 * ours is ignored as well. */
void
sub_said(struct ws_client *c)
{
	struct jtree *t = &c->ws->tree;
	uint32_t n;
	char topic[32];

	if (json_valid(c->in, c->in_len, JTREE_DEPTH, NULL) == -1 ||
	    jtree_parse(t, c->in, c->in_len) == -1 ||
	    !jtree_is(t, jtree_root(t), J_OBJECT))
		return;
	n = jtree_member(t, jtree_root(t), "subscribe");
	if (jtree_is(t, n, J_OBJECT)) {
		subscribe(c, t, n);
		return;
	}
	text_of(t, jtree_root(t), "unsubscribe", topic, sizeof(topic));
	if (topic[0] != '\0')
		unsubscribe(c, topic);
}
