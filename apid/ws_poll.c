/*
 * What is looked at once a second while a client wants it: sessions that have
 * changed, and counters.  Sessions that were given other settings are announced
 * by captured, and looked at then, so that all who show them agree.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/ws_int.h"
#include "common/object.h"

#define EVERY_MS  1000
#define APART_MS  50 /* two looks at sessions, however often they change */
#define ASK_MS    5000
#define SEEN_MAX  4096
#define ENDED_MAX 32 /* sessions looked up because they are gone, at once */

struct seen {
	uint8_t id[16];
	uint64_t hash;
	unsigned round;
};

struct poll {
	struct ws *ws;
	int64_t next;
	int64_t looked; /* ms: sessions were asked for */
	bool again;     /* they have changed since */
	uint64_t n;     /* of this round */
	unsigned round; /* in which sessions were asked for */
	struct seen seen[SEEN_MAX];
	unsigned nseen;
	bool first; /* nothing was seen before: nothing has changed */
	struct json_out one;
	struct ask *sessions, *relay, *capture;
	unsigned ending;
	struct stats relay_stats, capture_stats;
	bool have_relay, have_capture;
};

static bool
is_wanted(const struct ws *ws, enum topic t)
{
	const struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry)
		if (c->sub[t].on)
			return true;
	return false;
}

/* The object in p->one, to who wants it. */
static void
tell(struct poll *p, enum topic t, const uint8_t *session)
{
	struct ws_client *c;
	const char *text;
	size_t len;

	text = json_finish(&p->one, &len);
	LIST_FOREACH(c, &p->ws->clients, entry) {
		struct ws_sub *s = &c->sub[t];

		if (text == NULL || !s->on || c->gone || client_full(c))
			continue;
		if (session != NULL && s->filter.flags & QF_SESSION &&
		    memcmp(session, s->filter.session, 16) != 0)
			continue;
		sub_open(s, p->n);
		json_checked(&s->frame, text, len);
		sub_close(s, p->n);
	}
	json_reset(&p->one);
}

/* --- sessions --- */

static uint64_t
hash(const char *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	while (len-- > 0)
		h = (h ^ (uint8_t)*p++) * 0x100000001b3u;
	return h;
}

static struct seen *
find_seen(struct poll *p, const uint8_t id[16])
{
	for (unsigned i = 0; i < p->nseen; i++)
		if (memcmp(p->seen[i].id, id, 16) == 0)
			return &p->seen[i];
	if (p->nseen == SEEN_MAX)
		return NULL;
	memset(&p->seen[p->nseen], 0, sizeof(p->seen[0]));
	memcpy(p->seen[p->nseen].id, id, 16);
	return &p->seen[p->nseen++];
}

static void
on_session(void *arg, struct msg_in *m)
{
	struct poll *p = arg;
	struct session_rec s;
	struct seen *seen;
	const char *text;
	uint64_t h;
	size_t len;

	if (m->type != MSG_ROW_SESSION)
		return;
	session_get(&m->cur, &s);
	if (msg_end(&m->cur) == -1 || (seen = find_seen(p, s.id)) == NULL)
		return;
	json_reset(&p->one);
	object_session(&p->one, &s);
	text = json_finish(&p->one, &len);
	if (text == NULL)
		return;
	h = hash(text, len);
	seen->round = p->round;
	if (seen->hash != h && !p->first)
		tell(p, TOPIC_SESSIONS, s.id);
	seen->hash = h;
}

/* --- those that are live no longer --- */

static void
on_gone(void *arg, struct msg_in *m)
{
	struct poll *p = arg;
	struct session_rec s;

	if (m->type != MSG_ROW_SESSION)
		return;
	session_get(&m->cur, &s);
	if (msg_end(&m->cur) == -1)
		return;
	json_reset(&p->one);
	object_session(&p->one, &s);
	tell(p, TOPIC_SESSIONS, s.id);
}

static void
on_gone_end(void *arg, struct msg_in *m, const char *why)
{
	struct poll *p = arg;

	p->ending--;
}

static void
look_up(struct poll *p, const uint8_t id[16])
{
	static const struct ask_ops ops = { on_gone, on_gone_end };
	struct query q = { .kind = Q_SESSION, .flags = QF_SESSION, .limit = 1 };
	struct mbuf body;
	const char *why;

	memcpy(q.session, id, 16);
	mbuf_init(&body);
	query_put(&body, &q);
	if (ask_new(p->ws->api, ROLE_QUERY_PAGE, MSG_QUERY, &body, ASK_MS, &ops,
		p, &why) != NULL)
		p->ending++;
	mbuf_free(&body);
}

static void
on_sessions(void *arg, struct msg_in *m, const char *why)
{
	struct poll *p = arg;

	p->sessions = NULL;
	if (m == NULL)
		return;
	p->first = false;
	for (unsigned i = 0; i < p->nseen;) {
		if (p->seen[i].round == p->round || p->ending >= ENDED_MAX) {
			i++;
			continue;
		}
		look_up(p, p->seen[i].id);
		p->seen[i] = p->seen[--p->nseen];
	}
}

static void
poll_sessions(struct poll *p)
{
	static const struct ask_ops ops = { on_session, on_sessions };
	struct query q = { .kind = Q_SESSIONS,
		.flags = QF_LIVE,
		.limit = SEEN_MAX };
	int64_t now = api_now();
	struct mbuf body;
	const char *why;

	if (p->sessions != NULL || now - p->looked < APART_MS) {
		p->again = true;
		return;
	}
	p->again = false;
	p->looked = now;
	p->round++;
	mbuf_init(&body);
	query_put(&body, &q);
	p->sessions = ask_new(p->ws->api, ROLE_QUERY_PAGE, MSG_QUERY, &body,
	    ASK_MS, &ops, p, &why);
	mbuf_free(&body);
}

void
poll_changed(struct ws *ws)
{
	if (is_wanted(ws, TOPIC_SESSIONS))
		poll_sessions(ws->poll);
}

/* --- counters --- */

static void
tell_stats(struct poll *p)
{
	const struct object_source src[] = { { "relay", &p->relay_stats },
		{ "capture", &p->capture_stats } };

	if (p->relay != NULL || p->capture != NULL ||
	    !(p->have_relay || p->have_capture))
		return;
	json_reset(&p->one);
	json_object(&p->one);
	object_counters(&p->one, src, 2);
	json_object_end(&p->one);
	tell(p, TOPIC_STATS, NULL);
}

static void
on_relay(void *arg, struct msg_in *m, const char *why)
{
	struct poll *p = arg;

	p->relay = NULL;
	if (m != NULL && m->type == MSG_RELAY_STATS) {
		stats_get(&m->cur, &p->relay_stats);
		p->have_relay = msg_end(&m->cur) == 0;
	}
	tell_stats(p);
}

static void
on_capture(void *arg, struct msg_in *m, const char *why)
{
	struct poll *p = arg;

	p->capture = NULL;
	if (m != NULL && m->type == MSG_CAPTURE_STATS) {
		stats_get(&m->cur, &p->capture_stats);
		p->have_capture = msg_end(&m->cur) == 0;
	}
	tell_stats(p);
}

static void
poll_stats(struct poll *p)
{
	static const struct ask_ops relay = { NULL, on_relay },
				    capture = { NULL, on_capture };
	const char *why;

	if (p->relay != NULL || p->capture != NULL)
		return;
	p->relay = ask_new(p->ws->api, ROLE_SUPERVISOR, MSG_REQ_RELAY_STATS,
	    NULL, ASK_MS, &relay, p, &why);
	p->capture = ask_new(p->ws->api, ROLE_CAPTURE, MSG_REQ_CAPTURE_STATS,
	    NULL, ASK_MS, &capture, p, &why);
}

void
poll_tick(struct ws *ws)
{
	struct poll *p = ws->poll;
	int64_t now = api_now();

	live_push(ws);
	if (p->again)
		poll_changed(ws);
	if (now < p->next)
		return;
	p->next = now + EVERY_MS;
	p->n++;
	if (is_wanted(ws, TOPIC_SESSIONS)) {
		poll_sessions(p);
	} else {
		p->first = true;
		p->nseen = 0;
	}
	if (is_wanted(ws, TOPIC_STATS))
		poll_stats(p);
}

int
poll_init(struct ws *ws)
{
	ws->poll = calloc(1, sizeof(*ws->poll));
	if (ws->poll == NULL)
		return -1;
	ws->poll->ws = ws;
	ws->poll->first = true;
	json_init(&ws->poll->one, 1u << 20);
	return 0;
}

void
poll_free(struct ws *ws)
{
	struct poll *p = ws->poll;

	ask_cancel(ws->api, p->sessions);
	ask_cancel(ws->api, p->relay);
	ask_cancel(ws->api, p->capture);
	json_clear(&p->one);
	free(p);
	ws->poll = NULL;
}
