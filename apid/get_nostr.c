/*
 * Agents and relays, which nostrd knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/get.h"
#include "apid/request.h"
#include "common/record_agent.h"

#define ASK_MS 5000

struct work {
	struct request *r;
	unsigned rows;
	bool one; /* an object around what comes */
};

static void
on_row(void *arg, struct msg_in *m)
{
	struct work *w = arg;
	struct json_out *o = &w->r->out;
	struct nostr_relay_rec relay;
	struct agent_rec agent;

	if (m->type == MSG_ROW_NOSTR_RELAY) {
		nostr_relay_get(&m->cur, &relay);
		if (msg_end(&m->cur) == 0)
			object_nostr_relay(o, &relay);
		return;
	}
	if (m->type != MSG_ROW_AGENT)
		return;
	agent_get(&m->cur, &agent);
	if (msg_end(&m->cur) == -1)
		return;
	w->rows++;
	if (w->one)
		object_telemetry(o, &agent);
	else
		object_agent(o, &agent);
}

static void
on_list(void *arg, struct msg_in *m, const char *why)
{
	struct work *w = arg;
	struct request *r = w->r;

	r->ask = NULL;
	if (m == NULL) {
		reply_error(r, 503, "%s", why);
		return;
	}
	if (w->one && w->rows == 0) {
		reply_error(r, 404, "Agent not found");
		return;
	}
	if (r->route->handler != get_agent)
		json_array_end(&r->out);
	if (w->one)
		json_object_end(&r->out);
	reply_json(r, 200);
}

static void
free_work(struct request *r)
{
	free(r->work);
}

/* agent NULL: relays; "": all agents. */
static void
ask(struct request *r, const char *agent, uint32_t history)
{
	static const struct ask_ops ops = { on_row, on_list };
	struct work *w = calloc(1, sizeof(*w));
	struct mbuf body;
	const char *why;

	if (w == NULL) {
		reply_error(r, 503, "out of memory");
		return;
	}
	w->r = r;
	w->one = agent != NULL && agent[0] != '\0';
	r->work = w;
	r->work_free = free_work;
	mbuf_init(&body);
	if (agent != NULL) {
		msg_put_str(&body, agent);
		msg_put_u32(&body, history);
		msg_put_u8(&body, 0);
	}
	r->ask = ask_new(r->api, ROLE_NOSTR,
	    agent == NULL ? MSG_REQ_RELAYS : MSG_REQ_AGENTS, &body, ASK_MS,
	    &ops, w, &why);
	mbuf_free(&body);
	if (r->ask != NULL)
		return;
	reply_error(r, 503, "%s", why);
}

/* Without Nostr nobody is known, which is no fault of anything: a client of
 * the original has its empty list, and who wants to know why is told. */
static bool
is_off(struct request *r)
{
	if (r->api->set.conf.nostr)
		return false;
	reply_header(r, "Hashscope-Nostr", "off");
	return true;
}

static void
list(struct request *r, const char *agent)
{
	json_array(&r->out);
	if (!is_off(r)) {
		ask(r, agent, 0);
		return;
	}
	json_array_end(&r->out);
	reply_json(r, 200);
}

void
get_agents(struct request *r)
{
	list(r, "");
}

void
get_relays(struct request *r)
{
	list(r, NULL);
}

static bool
agent_id(struct request *r)
{
	if (!is_off(r) && query_unescape(r->id[0]) == 0 &&
	    strlen(r->id[0]) <= AGENT_ID_MAX)
		return true;
	reply_error(r, 404, "Agent not found");
	return false;
}

void
get_agent(struct request *r)
{
	if (!agent_id(r))
		return;
	json_object(&r->out);
	json_kcstr(&r->out, "agent_id", r->id[0]);
	json_key(&r->out, "latest");
	ask(r, r->id[0], 0);
}

void
get_history(struct request *r)
{
	if (!agent_id(r))
		return;
	json_object(&r->out);
	json_kcstr(&r->out, "agent_id", r->id[0]);
	json_karray(&r->out, "history");
	ask(r, r->id[0], (uint32_t)param(r, "limit")->u);
}
