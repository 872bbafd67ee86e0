/*
 * What the operator asks relayd for.  control and the supervisor have
 * checked who may.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/poolrec.h"
#include "relayd/relay_int.h"

static void
reply(struct ipc *ipc, uint32_t id, bool ok, const char *text)
{
	struct mbuf body;

	mbuf_init(&body);
	msg_put_u8(&body, ok);
	msg_put_str(&body, text);
	if (ipc_send(ipc, MSG_REPLY, id, -1, &body) == -1)
		log_warn("reply");
	mbuf_free(&body);
}

void
request_disconnect(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct session *s;
	uint8_t uuid[16];

	msg_get_raw(&m->cur, uuid, sizeof(uuid));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	TAILQ_FOREACH(s, &r->sessions, entry) {
		if (memcmp(s->uuid, uuid, sizeof(uuid)) == 0)
			break;
	}
	if (s == NULL) {
		reply(ipc, m->id, false, "no such session is live");
		return;
	}
	session_finish(s, "disconnected");
	reply(ipc, m->id, true, "disconnected");
}

/* No newcomers: their connection is refused, so that they go elsewhere. */
static void
drain(struct relay *r, uint64_t ms)
{
	r->draining = true;
	r->drain_until_ms = mono_ms() + ms;
	for (unsigned i = 0; i < r->nlisteners; i++) {
		event_del(r->listeners[i]->ev);
		shutdown(r->listeners[i]->fd, SHUT_RDWR);
	}
	log_info("drain: no newcomers, %u sessions have %llu s", r->nsessions,
	    (unsigned long long)ms / 1000);
}

void
request_drain(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	uint32_t ms = msg_get_u32(&m->cur);
	char text[96];

	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (ms == UINT32_MAX)
		ms = r->conf.drain_ms;
	drain(r, ms);
	snprintf(text, sizeof(text),
	    "no newcomers; %u sessions have %u s; `reload` ends the drain",
	    r->nsessions, ms / 1000);
	reply(ipc, m->id, true, text);
}

int
listener_pool(const struct listener *l, const struct pool_conf *p)
{
	for (unsigned i = 0; i < l->npools; i++) {
		if (l->pools[i]->conf.port == p->port &&
		    strcmp(l->pools[i]->conf.host, p->host) == 0)
			return (int)i;
	}
	return -1;
}

/* The listener that is meant, with the pool that is meant. */
static struct listener *
listener_asked(struct relay *r, const struct replay_ask *a)
{
	for (unsigned i = 0; i < r->nlisteners; i++) {
		struct listener *l = r->listeners[i];

		if (a->listener[0] != '\0' &&
		    strcmp(l->conf.name, a->listener) != 0)
			continue;
		if (a->pool.host[0] == '\0' ? l->npools > 0 :
					      listener_pool(l, &a->pool) != -1)
			return l;
	}
	return NULL;
}

void
request_replay(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct replay_ask a;
	struct listener *l;

	replay_ask_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1 || m->fd == -1 ||
	    evutil_make_socket_nonblocking(m->fd) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	l = listener_asked(r, &a);
	if (l == NULL) {
		reply(ipc, m->id, false,
		    "the session's listener or pool is not configured any more");
	} else if (r->nsessions >= r->max_sessions || r->leaving) {
		reply(ipc, m->id, false, "no more sessions are taken");
	} else {
		session_replay(r, l, &a, msg_take_fd(m));
		reply(ipc, m->id, true, "");
	}
}

static void
pool_stats(struct relay *r, struct stats *st)
{
	unsigned up = 0, down = 0;
	uint64_t now = mono_ms(), connects = 0, failures = 0;
	struct pool *p;

	LIST_FOREACH(p, &r->pools, entry) {
		if (p->down_until_ms > now)
			down++;
		else
			up++;
		connects += p->connects;
		failures += p->failures;
	}
	stats_add(st, "pools_up", up);
	stats_add(st, "pools_down", down);
	stats_add(st, "pool_connects", connects);
	stats_add(st, "pool_failures", failures);
}

void
request_stats(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	const struct counters *c = &r->counters;
	static struct stats st;
	struct mbuf body;

	st.n = 0;
	stats_add(&st, "sessions_live", r->nsessions);
	stats_add(&st, "sessions_total", r->nsessions_ever);
	stats_add(&st, "sessions_max", r->max_sessions);
	stats_add(&st, "accepted", c->accepted);
	stats_add(&st, "refused_limit", c->refused_limit);
	stats_add(&st, "refused_address", c->refused_address);
	stats_add(&st, "refused_own", c->refused_own);
	stats_add(&st, "no_pool", c->no_pool);
	stats_add(&st, "accept_errors", c->accept_errors);
	stats_add(&st, "proxy_bad", c->proxy_bad);
	stats_add(&st, "out_of_descriptors", c->fds_out);
	stats_add(&st, "bytes_from_miners", c->bytes_from[0]);
	stats_add(&st, "bytes_to_pools", c->bytes_to[1]);
	stats_add(&st, "bytes_from_pools", c->bytes_from[1]);
	stats_add(&st, "bytes_to_miners", c->bytes_to[0]);
	stats_add(&st, "undelivered_to_pools", c->undelivered[0]);
	stats_add(&st, "undelivered_to_miners", c->undelivered[1]);
	stats_add(&st, "draining", r->draining);
	pool_stats(r, &st);
	tap_stats(r->tap, &st);
	mbuf_init(&body);
	stats_put(&body, &st);
	if (ipc_send(ipc, MSG_RELAY_STATS, m->id, -1, &body) == -1)
		log_warn("stats");
	mbuf_free(&body);
}

static void
pool_row(const struct listener *l, unsigned index, struct mbuf *body)
{
	const struct pool *p = l->pools[index];
	uint64_t now = mono_ms();
	struct pool_rec r;

	memset(&r, 0, sizeof(r));
	snprintf(r.listener, sizeof(r.listener), "%s", l->conf.name);
	r.index = (uint16_t)index;
	memcpy(r.host, p->conf.host, sizeof(r.host));
	r.port = p->conf.port;
	r.up = p->down_until_ms <= now;
	if (!r.up)
		r.retry_ms = (uint32_t)(p->down_until_ms - now);
	if (p->connects > 0 && p->good < p->naddrs)
		address_text(&p->addrs[p->good], r.peer, sizeof(r.peer));
	r.sessions = p->sessions;
	r.connects = p->connects;
	r.failures = p->failures;
	r.connect_us = p->connect_us;
	r.connected_us = p->connected_us;
	r.failed_us = p->failed_us;
	memcpy(r.error, p->error, sizeof(r.error));
	pool_rec_put(body, &r);
}

void
request_pools(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct mbuf rows, body;
	uint32_t n = 0;

	mbuf_init(&rows);
	mbuf_init(&body);
	for (unsigned i = 0; i < r->nlisteners; i++) {
		const struct listener *l = r->listeners[i];

		for (unsigned j = 0; j < l->npools && n < POOLS_MAX; j++, n++)
			pool_row(l, j, &rows);
	}
	msg_put_u32(&body, n);
	msg_put_raw(&body, rows.data, rows.len);
	if (rows.bad || ipc_send(ipc, MSG_POOLS, m->id, -1, &body) == -1)
		log_warn("pools");
	mbuf_free(&rows);
	mbuf_free(&body);
}
