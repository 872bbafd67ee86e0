/*
 * Agents: what nostrd knows of them and tells as it comes.  A client of
 * /api/ws/agents begins with all that are known, so its first frame waits for
 * nostrd's list; where there is no nostrd, the list is empty at once.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/ws_int.h"
#include "common/record_agent.h"

#define AGENTS_MAX 256
#define ASK_MS     3000

/* What an agent told last, as a row of /api/agents. */
struct known_agent {
	char id[AGENT_ID_MAX + 1];
	char *json;
	size_t len;
};

struct agents {
	struct ws *ws;
	struct ask *ask; /* for the list */
	bool listed;     /* it has come; more rows follow by themselves */
	struct json_out one;
	uint64_t seq;
	struct known_agent v[AGENTS_MAX];
	unsigned n;
};

static bool
is_wanted(const struct ws *ws)
{
	const struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry)
		if (c->kind == WS_AGENTS || c->sub[TOPIC_AGENTS].on)
			return true;
	return false;
}

static struct known_agent *
agent_of(struct agents *g, const char *id)
{
	struct known_agent *a;

	for (unsigned i = 0; i < g->n; i++)
		if (strcmp(g->v[i].id, id) == 0)
			return &g->v[i];
	if (g->n == AGENTS_MAX)
		return NULL;
	a = &g->v[g->n++];
	memset(a, 0, sizeof(*a));
	memcpy(a->id, id, sizeof(a->id));
	return a;
}

static void
forget(struct agents *g)
{
	while (g->n > 0)
		free(g->v[--g->n].json);
}

/* --- on to the clients --- */

static bool
may_have(const struct ws_client *c)
{
	return c->open && !c->gone && !client_full(c);
}

static void
tell_telemetry(struct agents *g, const struct agent_rec *a)
{
	struct json_out *o = &g->one;
	struct ws_client *c;
	const char *text;
	size_t len;

	json_reset(o);
	json_object(o);
	json_kcstr(o, "type", "telemetry");
	json_kcstr(o, "agent_id", a->agent_id);
	json_key(o, "data");
	object_telemetry(o, a);
	json_object_end(o);
	text = json_finish(o, &len);
	LIST_FOREACH(c, &g->ws->clients, entry)
		if (text != NULL && c->agents_told && may_have(c))
			client_text(c, text, len);
	json_reset(o);
}

static void
tell_topic(struct agents *g, const struct known_agent *k)
{
	struct ws_client *c;

	g->seq++;
	LIST_FOREACH(c, &g->ws->clients, entry) {
		struct ws_sub *s = &c->sub[TOPIC_AGENTS];

		if (!s->on || !may_have(c))
			continue;
		sub_open(s, g->seq);
		json_checked(&s->frame, k->json, k->len);
		sub_close(s, g->seq);
	}
}

static void
say_ping(struct ws_client *c)
{
	static const char ping[] = "{\"type\":\"ping\"}";

	client_text(c, ping, sizeof(ping) - 1);
}

static void
say_init(struct agents *g, struct ws_client *c)
{
	struct json_out *o = &c->ws->out;

	json_reset(o);
	json_object(o);
	json_kcstr(o, "type", "init");
	json_karray(o, "agents");
	for (unsigned i = 0; i < g->n; i++)
		if (g->v[i].json != NULL)
			json_checked(o, g->v[i].json, g->v[i].len);
	json_array_end(o);
	json_object_end(o);
	client_json(c);
	c->agents_told = true;
}

/* Who waits for the list has it now, or as much as there is of it. */
static void
begin_all(struct agents *g)
{
	struct ws_client *c;

	LIST_FOREACH(c, &g->ws->clients, entry)
		if (c->kind == WS_AGENTS && c->open && !c->gone &&
		    !c->agents_told)
			say_init(g, c);
}

/* --- from nostrd --- */

static void
take(struct agents *g, struct msg_in *m)
{
	struct known_agent *k;
	struct agent_rec a;
	const char *text;

	if (m->type != MSG_ROW_AGENT)
		return;
	agent_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1 || (k = agent_of(g, a.agent_id)) == NULL)
		return;
	json_reset(&g->one);
	object_agent(&g->one, &a);
	text = json_finish(&g->one, &k->len);
	free(k->json);
	k->json = text == NULL ? NULL : strdup(text);
	if (k->json == NULL)
		return;
	tell_topic(g, k);
	tell_telemetry(g, &a);
}

static void
on_row(void *arg, struct msg_in *m)
{
	take(arg, m);
}

static void
on_list(void *arg, struct msg_in *m, const char *why)
{
	struct agents *g = arg;

	g->ask = NULL;
	g->listed = m != NULL;
	begin_all(g);
}

void
ws_on_agent(struct ws *ws, struct msg_in *m)
{
	if (ws->agents->listed)
		take(ws->agents, m);
}

void
ws_on_nostr_end(struct ws *ws)
{
	ws->agents->listed = false;
	forget(ws->agents);
}

/* All that are known; what comes later is told under the same number. */
static void
ask_list(struct agents *g)
{
	static const struct ask_ops ops = { on_row, on_list };
	struct mbuf body;
	const char *why;

	if (g->ask != NULL || g->listed)
		return;
	mbuf_init(&body);
	msg_put_str(&body, "");
	msg_put_u32(&body, 0);
	msg_put_u8(&body, 1);
	g->ask = ask_new(g->ws->api, ROLE_NOSTR, MSG_REQ_AGENTS, &body, ASK_MS,
	    &ops, g, &why);
	mbuf_free(&body);
	if (g->ask == NULL)
		begin_all(g);
}

/* --- the life of it --- */

void
agents_opened(struct ws_client *c)
{
	struct agents *g = c->ws->agents;

	if (c->kind != WS_AGENTS)
		return;
	if (g->listed)
		say_init(g, c);
	else
		ask_list(g);
}

void
agents_tick(struct ws *ws)
{
	int64_t now = api_now();
	struct ws_client *c;

	if (is_wanted(ws))
		ask_list(ws->agents);
	LIST_FOREACH(c, &ws->clients, entry)
		if (c->agents_told && c->open && !c->gone &&
		    now - c->spoke >= ws->api->set.conf.ping_ms)
			say_ping(c);
}

int
agents_init(struct ws *ws)
{
	ws->agents = calloc(1, sizeof(*ws->agents));
	if (ws->agents == NULL)
		return -1;
	ws->agents->ws = ws;
	json_init(&ws->agents->one, 1u << 20);
	return 0;
}

void
agents_free(struct ws *ws)
{
	struct agents *g = ws->agents;

	ask_cancel(ws->api, g->ask);
	forget(g);
	json_clear(&g->one);
	free(g);
	ws->agents = NULL;
}
