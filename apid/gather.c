/*
 * Asking several at once.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/gather.h"

#define SESSIONS_MAX 20000u

static void
one_less(struct gather *g)
{
	if (--g->waiting == 0)
		g->fn(g);
}

static void
on_relay(void *arg, struct msg_in *m, const char *why)
{
	struct gather *g = arg;

	g->ask[0] = NULL;
	if (m != NULL && m->type == MSG_RELAY_STATS) {
		stats_get(&m->cur, &g->relay);
		if (msg_end(&m->cur) == 0)
			g->have |= GATHER_RELAY;
	}
	one_less(g);
}

static void
on_capture(void *arg, struct msg_in *m, const char *why)
{
	struct gather *g = arg;

	g->ask[1] = NULL;
	if (m != NULL && m->type == MSG_CAPTURE_STATS) {
		stats_get(&m->cur, &g->capture);
		if (msg_end(&m->cur) == 0)
			g->have |= GATHER_CAPTURE;
	}
	one_less(g);
}

static void
on_process(void *arg, struct msg_in *m)
{
	struct gather *g = arg;

	if (m->type != MSG_ROW_PROCESS || g->nprocesses == GATHER_PROCESSES)
		return;
	process_get(&m->cur, &g->process[g->nprocesses]);
	if (msg_end(&m->cur) == 0)
		g->nprocesses++;
}

static void
on_processes(void *arg, struct msg_in *m, const char *why)
{
	struct gather *g = arg;

	g->ask[2] = NULL;
	if (m != NULL)
		g->have |= GATHER_LIST;
	one_less(g);
}

static struct gather_pool *
pool_of(struct gather *g, const struct session_rec *s)
{
	struct gather_pool *p;

	for (unsigned i = 0; i < g->npools; i++)
		if (g->pool[i].port == s->pool_port &&
		    strcmp(g->pool[i].host, s->pool_host) == 0)
			return &g->pool[i];
	if (g->npools == GATHER_POOLS)
		return NULL;
	p = &g->pool[g->npools++];
	memcpy(p->host, s->pool_host, sizeof(p->host));
	p->port = s->pool_port;
	return p;
}

/* Newest first. */
static void
on_session(void *arg, struct msg_in *m)
{
	struct gather *g = arg;
	struct gather_pool *p;
	struct session_rec s;

	if (m->type != MSG_ROW_SESSION)
		return;
	session_get(&m->cur, &s);
	if (msg_end(&m->cur) == -1)
		return;
	g->sessions++;
	g->connected += s.pool_peer[0] != '\0';
	if (s.pool_host[0] == '\0' || (p = pool_of(g, &s)) == NULL)
		return;
	p->sessions++;
	p->connected += s.pool_peer[0] != '\0';
	p->messages += s.messages;
	if (p->peer[0] == '\0')
		memcpy(p->peer, s.pool_peer, sizeof(p->peer));
	if (p->last_seen_us < s.last_seen_us)
		p->last_seen_us = s.last_seen_us;
	if (p->connect_us == 0)
		p->connect_us = s.pool_connect_us;
	if (p->rtt_us == 0)
		p->rtt_us = s.rtt_us[1];
}

static void
on_sessions(void *arg, struct msg_in *m, const char *why)
{
	struct gather *g = arg;
	struct query_end end = { .status = 3 };

	g->ask[3] = NULL;
	if (m != NULL && m->type == MSG_QUERY_END) {
		query_end_get(&m->cur, &end);
		if (msg_end(&m->cur) == 0 && end.status == 0) {
			g->have |= GATHER_SESSIONS;
			g->sessions_complete = end.complete;
		}
	}
	one_less(g);
}

static void
on_stat(void *arg, struct msg_in *m)
{
	struct gather *g = arg;
	struct stat_rec s;

	if (m->type != MSG_ROW_STAT)
		return;
	stat_get(&m->cur, &s);
	if (msg_end(&m->cur) == 0) {
		g->shares = s.roll;
		g->have |= GATHER_SHARES;
	}
}

static void
on_stats(void *arg, struct msg_in *m, const char *why)
{
	struct gather *g = arg;

	g->ask[4] = NULL;
	one_less(g);
}

static void
take_pools(struct gather *g, struct mcur *c)
{
	uint32_t n = msg_get_u32(c);

	if (n > POOLS_MAX || g->pools != NULL ||
	    (g->pools = calloc(n + 1, sizeof(*g->pools))) == NULL)
		return;
	for (uint32_t i = 0; i < n; i++)
		pool_rec_get(c, &g->pools[i]);
	if (msg_end(c) == -1)
		return;
	g->npool_list = n;
	g->have |= GATHER_POOL_LIST;
}

static void
on_pools(void *arg, struct msg_in *m, const char *why)
{
	struct gather *g = arg;

	g->ask[5] = NULL;
	if (m != NULL && m->type == MSG_POOLS)
		take_pools(g, &m->cur);
	one_less(g);
}

static void
gather_free(struct request *r)
{
	struct gather *g = r->work;

	for (unsigned i = 0; i < GATHER_ASKS; i++)
		ask_cancel(r->api, g->ask[i]);
	free(g->pools);
	free(g);
}

void
gather_start(struct request *r, unsigned what, unsigned ms,
    void (*fn)(struct gather *))
{
	static const struct {
		unsigned what;
		enum role at;
		enum msg_type type;
		struct ask_ops ops;
	} tab[] = {
		{ GATHER_RELAY, ROLE_SUPERVISOR, MSG_REQ_RELAY_STATS,
		    { NULL, on_relay } },
		{ GATHER_CAPTURE, ROLE_CAPTURE, MSG_REQ_CAPTURE_STATS,
		    { NULL, on_capture } },
		{ GATHER_LIST, ROLE_SUPERVISOR, MSG_REQ_PROCESSES,
		    { on_process, on_processes } },
		{ GATHER_SESSIONS, ROLE_QUERY_PAGE, MSG_QUERY,
		    { on_session, on_sessions } },
		{ GATHER_SHARES, ROLE_QUERY_PAGE, MSG_QUERY,
		    { on_stat, on_stats } },
		{ GATHER_POOL_LIST, ROLE_SUPERVISOR, MSG_REQ_POOLS,
		    { NULL, on_pools } },
	};
	static const struct query live = { .kind = Q_SESSIONS,
		.flags = QF_LIVE,
		.limit = SESSIONS_MAX };
	static const struct query all = { .kind = Q_STATS, .limit = 1 };
	struct gather *g = calloc(1, sizeof(*g));
	struct mbuf body;
	const char *why;

	if (g == NULL) {
		reply_error(r, 503, "out of memory");
		return;
	}
	g->r = r;
	g->fn = fn;
	r->work = g;
	r->work_free = gather_free;
	mbuf_init(&body);
	for (unsigned i = 0; i < GATHER_ASKS; i++) {
		if (!(what & tab[i].what))
			continue;
		mbuf_reset(&body);
		if (tab[i].type == MSG_QUERY)
			query_put(&body,
			    tab[i].what == GATHER_SHARES ? &all : &live);
		g->ask[i] = ask_new(r->api, tab[i].at, tab[i].type, &body, ms,
		    &tab[i].ops, g, &why);
		g->waiting += g->ask[i] != NULL;
	}
	mbuf_free(&body);
	if (g->waiting == 0)
		fn(g);
}
