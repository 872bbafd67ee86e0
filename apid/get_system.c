/*
 * What HashScope says of itself: health, configuration, processes, pools.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/gather.h"
#include "apid/get.h"
#include "common/object.h"
#include "common/object_put.h"

#define HEALTH_MS 2000
#define ASK_MS    5000

/* --- GET /health --- */

struct ills {
	struct json_out *o;
	unsigned n;
};

static void
ill(struct ills *i, const char *part, const char *why)
{
	json_object(i->o);
	json_kcstr(i->o, "part", part);
	json_kcstr(i->o, "detail", why);
	json_object_end(i->o);
	i->n++;
}

static void
ill_processes(struct ills *i, const struct gather *g)
{
	char text[160];

	if (!(g->have & GATHER_LIST))
		ill(i, "hashscoped", "the supervisor did not answer in time");
	for (unsigned k = 0; k < g->nprocesses; k++) {
		const struct process_rec *p = &g->process[k];

		if (strcmp(p->state, "ready") == 0)
			continue;
		/* Not wanted by the configuration, and so not ill. */
		if (strcmp(p->state, "stopped") == 0 && p->last_exit[0] == '\0')
			continue;
		snprintf(text, sizeof(text), "%s%s%s", p->state,
		    p->last_exit[0] != '\0' ? "; it ended last with " : "",
		    p->last_exit);
		ill(i, p->role, text);
	}
}

static void
ill_parts(struct ills *i, const struct gather *g)
{
	const struct api_conf *conf = &g->r->api->set.conf;
	bool relay = (g->have & GATHER_RELAY) != 0,
	     capture = (g->have & GATHER_CAPTURE) != 0;

	if (!relay)
		ill(i, "relayd", "it did not answer in time");
	if (conf->pool_host[0] == '\0')
		ill(i, "pool", "no pool is configured: miners are turned away");
	else if (relay && stats_value(&g->relay, "pools_up") == 0 &&
	    stats_value(&g->relay, "pools_down") > 0)
		ill(i, "pool", "no pool can be reached");
	if (!conf->capture)
		return;
	if (!capture)
		ill(i, "captured", "it did not answer in time");
	else if (stats_value(&g->capture, "store_writable") == 0)
		ill(i, "store", "nothing is stored: the disk is full or fails");
	if (relay && stats_value(&g->relay, "tap.attached") == 0)
		ill(i, "tap", "captured does not take what relayd copies");
}

static void
health_done(struct gather *g)
{
	struct json_out parts;
	struct ills i = { &parts, 0 };
	struct request *r = g->r;
	const char *text;
	size_t n;

	json_init(&parts, 64 * 1024);
	json_array(&parts);
	ill_processes(&i, g);
	ill_parts(&i, g);
	json_array_end(&parts);
	text = json_finish(&parts, &n);
	json_object(&r->out);
	json_kcstr(&r->out, "status", i.n == 0 ? "ok" : "degraded");
	json_key(&r->out, "ill");
	json_raw(&r->out, text == NULL ? "[]" : text, text == NULL ? 2 : n);
	json_object_end(&r->out);
	json_clear(&parts);
	reply_json(r, i.n == 0 ? 200 : 503);
}

void
get_health(struct request *r)
{
	gather_start(r, GATHER_RELAY | GATHER_LIST | GATHER_CAPTURE, HEALTH_MS,
	    health_done);
}

/* --- GET /api/processes --- */

static void
on_process(void *arg, struct msg_in *m)
{
	struct request *r = arg;
	struct process_rec p;

	if (m->type != MSG_ROW_PROCESS)
		return;
	process_get(&m->cur, &p);
	if (msg_end(&m->cur) == 0)
		object_process(&r->out, &p);
}

static void
on_processes(void *arg, struct msg_in *m, const char *why)
{
	struct request *r = arg;

	r->ask = NULL;
	if (m == NULL) {
		reply_error(r, 503, "%s", why);
		return;
	}
	json_array_end(&r->out);
	reply_json(r, 200);
}

void
get_processes(struct request *r)
{
	static const struct ask_ops ops = { on_process, on_processes };
	const char *why;

	json_array(&r->out);
	r->ask = ask_new(r->api, ROLE_SUPERVISOR, MSG_REQ_PROCESSES, NULL,
	    ASK_MS, &ops, r, &why);
	if (r->ask == NULL)
		reply_error(r, 503, "%s", why);
}

/* --- GET /api/config --- */

static void
text_or_null(struct json_out *o, const char *key, const char *text)
{
	json_kcstr(o, key, text[0] != '\0' ? text : NULL);
}

static void
put_config(struct request *r)
{
	const struct api_conf *c = &r->api->set.conf;
	struct json_out *o = &r->out;
	char started[OBJECT_TIME];

	object_time(c->started_us, started);
	json_kcstr(o, "listen_host", c->listen_host);
	json_kuint(o, "listen_port", c->listen_port);
	text_or_null(o, "pool_host", c->pool_host);
	if (c->pool_port == 0)
		json_knull(o, "pool_port");
	else
		json_kuint(o, "pool_port", c->pool_port);
	json_kuint(o, "api_port", c->api_port);
	json_kuint(o, "capture_max_messages", c->capture_messages);
	json_kbool(o, "nostr_enabled", c->nostr);
	text_or_null(o, "run_id", c->run_id);
	json_kcstr(o, "site", c->site);
	json_kcstr(o, "version", c->version);
	json_kcstr(o, "started_at", started);
	json_kbool(o, "auth_required", c->auth);
	json_kbool(o, "capture_enabled", c->capture);
}

static void
on_text(void *arg, struct msg_in *m)
{
	struct request *r = arg;
	const uint8_t *text;
	size_t n;

	if (m->type != MSG_ROW_TEXT)
		return;
	text = msg_get_bytes(&m->cur, &n, MSG_KIB(256));
	if (msg_end(&m->cur) == 0)
		json_kstr(&r->out, "text", text, n);
}

static void
on_config(void *arg, struct msg_in *m, const char *why)
{
	struct request *r = arg;

	r->ask = NULL;
	if (m == NULL) {
		reply_error(r, 503, "%s", why);
		return;
	}
	put_config(r);
	json_object_end(&r->out);
	reply_json(r, 200);
}

void
get_config(struct request *r)
{
	static const struct ask_ops ops = { on_text, on_config };
	const char *why;

	json_object(&r->out);
	r->ask = ask_new(r->api, ROLE_SUPERVISOR, MSG_REQ_CONFIG, NULL, ASK_MS,
	    &ops, r, &why);
	if (r->ask == NULL)
		reply_error(r, 503, "%s", why);
}

/* --- GET /api/pools --- */

/* As relayd knows it, and what captured knows of the sessions there. */
static void
put_pool(struct json_out *o, const struct gather *g, const struct pool_rec *p)
{
	static const struct gather_pool none;
	const struct gather_pool *seen = &none;
	char at[OBJECT_TIME];

	for (unsigned i = 0; i < g->npools; i++)
		if (g->pool[i].port == p->port &&
		    strcmp(g->pool[i].host, p->host) == 0)
			seen = &g->pool[i];
	object_time(seen->last_seen_us, at);
	json_object(o);
	object_pool_members(o, p);
	json_kuint(o, "connected", seen->connected);
	json_kuint(o, "message_count", seen->messages);
	json_kcstr(o, "last_seen", seen->last_seen_us != 0 ? at : NULL);
	object_put_positive(o, "rtt_ms", seen->rtt_us / 1000.0);
	json_object_end(o);
}

static void
pools_done(struct gather *g)
{
	struct request *r = g->r;

	if (!(g->have & GATHER_POOL_LIST)) {
		reply_error(r, 503, "relayd did not answer");
		return;
	}
	json_array(&r->out);
	for (uint32_t i = 0; i < g->npool_list; i++)
		put_pool(&r->out, g, &g->pools[i]);
	json_array_end(&r->out);
	reply_json(r, 200);
}

void
get_pools(struct request *r)
{
	gather_start(r, GATHER_SESSIONS | GATHER_POOL_LIST, ASK_MS, pools_done);
}

/* --- the rest --- */

void
get_me(struct request *r)
{
	struct json_out *o = &r->out;

	json_object(o);
	text_or_null(o, "user", r->me.user);
	json_kcstr(o, "role", act_role_name((enum act_role)r->me.role));
	json_kbool(o, "auth_required", r->api->set.conf.auth);
	json_object_end(o);
	reply_json(r, 200);
}
