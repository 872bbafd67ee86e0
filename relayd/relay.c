/*
 * relayd: carries bytes between miners and pools, and does nothing before
 * that.
 *
 * It keeps: the listening sockets that the supervisor passed in, the
 * connections, the right to open outgoing TCP.  It has no files.  It talks
 * to the supervisor (configuration, requests), the resolver (names) and
 * captured (the tap), and waits for none of them.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relayd/relay.h"

#define TICK_MS    250u
#define PAUSE_MS   100u /* after running out of descriptors */
#define TROUBLE_MS 60000u
#define SPARE_FDS  64u

TAILQ_HEAD(session_list, session);
LIST_HEAD(pool_list, pool);

struct relay {
	struct proc *proc;
	struct event_base *base;
	struct relay_conf conf, next_conf;
	struct listener *listeners[RELAY_LISTENERS];
	struct listener *next[RELAY_LISTENERS];
	unsigned nlisteners, nnext;
	struct session_list sessions; /* live ones */
	struct session_list dead;     /* to be freed outside any callback */
	unsigned nsessions, max_sessions;
	unsigned fit; /* sessions that the descriptors suffice for */
	uint64_t nsessions_ever;
	struct pool_list pools;
	uint32_t resolve_id;
	struct ipc *resolver;
	struct tap *tap;
	struct limits *limits;
	struct counters counters;
	struct event *tick, *bury, *unpause;
	bool paused;
	bool draining;
	bool leaving; /* SHUTDOWN */
	uint64_t drain_until_ms;
	struct {
		uint64_t logged_ms, suppressed;
	} trouble[T_MAX];
	struct session *info_next; /* whose TCP_INFO is asked for next */
};

struct event_base *
relay_base(struct relay *r)
{
	return r->base;
}

const struct relay_conf *
relay_conf(struct relay *r)
{
	return &r->conf;
}

struct counters *
relay_counters(struct relay *r)
{
	return &r->counters;
}

struct tap *
relay_tap(struct relay *r)
{
	return r->tap;
}

bool
relay_may_log(struct relay *r, enum trouble kind, uint64_t *suppressed)
{
	uint64_t now = mono_ms();

	if (r->trouble[kind].logged_ms != 0 &&
	    now - r->trouble[kind].logged_ms < TROUBLE_MS) {
		r->trouble[kind].suppressed++;
		return false;
	}
	*suppressed = r->trouble[kind].suppressed;
	r->trouble[kind].suppressed = 0;
	r->trouble[kind].logged_ms = now;
	return true;
}

/* --- listeners and pools: held by the configuration and by sessions --- */

struct listener *
listener_hold(struct listener *l)
{
	l->refs++;
	return l;
}

void
listener_free(struct listener *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	if (l->ev != NULL)
		event_free(l->ev);
	if (l->fd != -1)
		close(l->fd);
	for (unsigned i = 0; i < l->npools; i++)
		pool_release(l->pools[i]);
	free(l);
}

struct pool *
pool_hold(struct pool *p)
{
	p->refs++;
	return p;
}

void
pool_release(struct pool *p)
{
	if (--p->refs > 0)
		return;
	LIST_REMOVE(p, entry);
	free(p);
}

/* An address needs no resolver. */
static void
pool_literal(struct pool *p)
{
	union address *a = &p->addrs[0];

	if (inet_pton(AF_INET, p->conf.host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(p->conf.port);
	} else if (inet_pton(AF_INET6, p->conf.host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(p->conf.port);
	} else {
		return;
	}
	p->literal = true;
	p->naddrs = 1;
}

/* The same pool of another listener or of before a reload is one pool. */
static struct pool *
pool_get(struct relay *r, const struct pool_conf *conf)
{
	struct pool *p;

	LIST_FOREACH(p, &r->pools, entry) {
		if (p->conf.port == conf->port &&
		    strcmp(p->conf.host, conf->host) == 0)
			return pool_hold(p);
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->conf = *conf;
	TAILQ_INIT(&p->waiting);
	pool_literal(p);
	LIST_INSERT_HEAD(&r->pools, p, entry);
	return p;
}

static bool
in_net(const struct net_conf *net, const union address *a)
{
	const uint8_t *bytes;
	unsigned full = net->bits / 8, rest = net->bits % 8;

	if (net->family == 4 && a->sa.sa_family == AF_INET)
		bytes = (const uint8_t *)&a->in.sin_addr;
	else if (net->family == 6 && a->sa.sa_family == AF_INET6)
		bytes = (const uint8_t *)&a->in6.sin6_addr;
	else
		return false;
	if (memcmp(bytes, net->addr, full) != 0)
		return false;
	return rest == 0 ||
	    ((bytes[full] ^ net->addr[full]) & (0xff << (8 - rest)) & 0xff) ==
	    0;
}

bool
listener_trusts(const struct listener *l, const union address *a)
{
	for (unsigned i = 0; i < l->nnets; i++) {
		if (in_net(&l->nets[i], a))
			return true;
	}
	return false;
}

/* --- no loops: our own addresses with our own ports --- */

static bool
same_host(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
}

static bool
is_loopback(const union address *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

static uint16_t
port_of(const union address *a)
{
	return a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port;
}

static bool
is_any(const union address *a)
{
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

bool
relay_is_own(struct relay *r, int fd)
{
	union address peer, local, bound;
	socklen_t len = sizeof(peer);

	memset(&peer, 0, sizeof(peer));
	memset(&local, 0, sizeof(local));
	if (getpeername(fd, &peer.sa, &len) == -1)
		return false;
	len = sizeof(local);
	if (getsockname(fd, &local.sa, &len) == -1)
		return false;
	/* A connection to oneself has oneself at both ends. */
	if (!is_loopback(&peer) && !same_host(&peer, &local))
		return false;
	for (unsigned i = 0; i < r->nlisteners; i++) {
		len = sizeof(bound);
		memset(&bound, 0, sizeof(bound));
		if (getsockname(r->listeners[i]->fd, &bound.sa, &len) == 0 &&
		    port_of(&bound) == port_of(&peer) &&
		    (is_any(&bound) || same_host(&bound, &peer)))
			return true;
	}
	return false;
}

/* --- sessions: how many, and their end --- */

bool
relay_admits(struct relay *r, struct session *s)
{
	uint64_t more;
	char peer[64];
	unsigned n;

	n = limits_count(r->limits, &s->peer, 1);
	s->counted = true;
	if (r->conf.max_per_address == 0 || n <= r->conf.max_per_address)
		return true;
	r->counters.refused_address++;
	address_text(&s->peer, peer, sizeof(peer));
	if (relay_may_log(r, T_ADDRESS, &more))
		log_warnx("%s: its address has its %u sessions, turned away "
			  "(%llu more)",
		    peer, r->conf.max_per_address, (unsigned long long)more);
	return false;
}

void
relay_session_began(struct relay *r, struct session *s)
{
	TAILQ_INSERT_TAIL(&r->sessions, s, entry);
	r->nsessions++;
	r->nsessions_ever++;
}

static void
maybe_leave(struct relay *r)
{
	if (!r->leaving || r->nsessions > 0)
		return;
	tap_stop(r->tap);
	proc_exit(r->proc, 0);
}

void
relay_session_ended(struct relay *r, struct session *s)
{
	if (r->info_next == s)
		r->info_next = TAILQ_NEXT(s, entry);
	TAILQ_REMOVE(&r->sessions, s, entry);
	r->nsessions--;
	if (s->counted)
		limits_count(r->limits, &s->peer, -1);
	/* Whoever called may still look at it. */
	if (!tap_closed(r->tap, s)) {
		TAILQ_INSERT_TAIL(&r->dead, s, entry);
		event_active(r->bury, EV_TIMEOUT, 1);
	}
	maybe_leave(r);
}

static void
on_bury(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct session *s;

	while ((s = TAILQ_FIRST(&r->dead)) != NULL) {
		TAILQ_REMOVE(&r->dead, s, entry);
		session_free(s);
	}
}

/* --- accepting --- */

static void
refuse(int fd)
{
	struct linger hard = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

static void
listeners_enable(struct relay *r, bool on)
{
	for (unsigned i = 0; i < r->nlisteners; i++) {
		if (on)
			event_add(r->listeners[i]->ev, NULL);
		else
			event_del(r->listeners[i]->ev);
	}
}

/* Nobody can be accepted: look again in a while instead of spinning. */
static void
pause_accepting(struct relay *r, int err)
{
	struct timeval tv = { 0, PAUSE_MS * 1000 };
	enum trouble kind = T_ACCEPT;
	uint64_t more;

	r->counters.accept_errors++;
	if (err == EMFILE || err == ENFILE) {
		r->counters.fds_out++;
		kind = T_FDS;
	}
	if (relay_may_log(r, kind, &more))
		log_warnx("cannot accept: %s; %u sessions go on (%llu more)",
		    strerror(err), r->nsessions, (unsigned long long)more);
	r->paused = true;
	listeners_enable(r, false);
	event_add(r->unpause, &tv);
}

static void
on_unpause(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	r->paused = false;
	if (!r->draining)
		listeners_enable(r, true);
}

static void
newcomer(struct relay *r, struct listener *l, int fd, const union address *peer)
{
	uint64_t more;

	if (r->nsessions < r->max_sessions) {
		session_accept(r, l, fd, peer);
		return;
	}
	r->counters.refused_limit++;
	if (relay_may_log(r, T_LIMIT, &more))
		log_warnx("%u sessions are open, newcomers are turned away "
			  "(%llu more)",
		    r->nsessions, (unsigned long long)more);
	refuse(fd);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	union address peer;
	socklen_t len;
	int c;

	for (int i = 0; i < RELAY_ACCEPTS; i++) {
		len = sizeof(peer);
		memset(&peer, 0, sizeof(peer));
		c = accept4(fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (c == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOMEM || errno == ENOBUFS)
				pause_accepting(l->relay, errno);
			return;
		}
		l->relay->counters.accepted++;
		newcomer(l->relay, l, c, &peer);
	}
}

/* --- names --- */

int
relay_resolve(struct relay *r, struct pool *p)
{
	struct mbuf body;
	int ret;

	if (r->resolver == NULL)
		return -1;
	p->id = ++r->resolve_id;
	mbuf_init(&body);
	msg_put_str(&body, p->conf.host);
	ret = ipc_send(r->resolver, MSG_RESOLVE, p->id, -1, &body);
	mbuf_free(&body);
	if (ret == 0) {
		p->asked = true;
		p->refreshed_ms = mono_ms();
	}
	return ret;
}

static void
take_addresses(struct pool *p, struct mcur *c, unsigned n)
{
	union address got[POOL_ADDRS];
	unsigned kept = 0;
	uint8_t family;

	memset(got, 0, sizeof(got));
	for (unsigned i = 0; i < n; i++) {
		union address a;

		memset(&a, 0, sizeof(a));
		family = msg_get_u8(c);
		if (family == 4) {
			a.in.sin_family = AF_INET;
			a.in.sin_port = htons(p->conf.port);
			msg_get_raw(c, &a.in.sin_addr, 4);
		} else {
			a.in6.sin6_family = AF_INET6;
			a.in6.sin6_port = htons(p->conf.port);
			msg_get_raw(c, &a.in6.sin6_addr, 16);
		}
		if (kept < POOL_ADDRS && !c->bad)
			got[kept++] = a;
	}
	if (c->bad || kept == 0)
		return;
	/* Stay with the address that works, if it is still one of them. */
	for (unsigned i = 0; i < kept; i++) {
		if (p->naddrs > 0 &&
		    memcmp(&got[i], &p->addrs[p->good], sizeof(got[i])) == 0) {
			p->good = i;
			break;
		}
		if (i + 1 == kept)
			p->good = 0;
	}
	memcpy(p->addrs, got, sizeof(got));
	p->naddrs = kept;
}

static void
on_resolved(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	char why[128];
	struct pool *p;
	unsigned n;

	msg_get_str(&m->cur, why, sizeof(why));
	n = msg_get_u8(&m->cur);
	LIST_FOREACH(p, &r->pools, entry) {
		if (p->asked && p->id == m->id)
			break;
	}
	if (p == NULL)
		return;
	p->asked = false;
	take_addresses(p, &m->cur, n);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
	if (n == 0)
		log_warnx("pool %s: %s%s", p->conf.host, why,
		    p->naddrs > 0 ? "; the last good addresses are kept" : "");
	/* It may go away with the last session that waits for it. */
	pool_hold(p);
	connect_resolved(r, p);
	pool_release(p);
}

static void
on_resolver_end(struct ipc *ipc, int err, void *arg)
{
	struct relay *r = arg;
	struct pool *p;

	if (ipc == r->resolver)
		r->resolver = NULL;
	ipc_free(ipc);
	LIST_FOREACH(p, &r->pools, entry)
		p->asked = false;
}

static const struct ipc_handler resolver_handlers[] = {
	{ MSG_RESOLVED, on_resolved },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops resolver_ops = {
	.handlers = resolver_handlers,
	.on_end = on_resolver_end,
};

/* Names are asked for before a miner needs them. */
static void
resolve_all(struct relay *r)
{
	struct pool *p;

	LIST_FOREACH(p, &r->pools, entry) {
		if (!p->literal && !p->asked && p->refreshed_ms == 0)
			relay_resolve(r, p);
	}
}

/* --- configuration --- */

static void
on_conf_begin(void *arg)
{
	struct relay *r = arg;

	for (unsigned i = 0; i < r->nnext; i++)
		listener_free(r->next[i]);
	r->nnext = 0;
}

static void
on_conf_relay(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;

	relay_conf_get(&m->cur, &r->next_conf);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
}

static void
on_conf_listen(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct listener *l;

	if (r->nnext == RELAY_LISTENERS ||
	    (l = calloc(1, sizeof(*l))) == NULL) {
		ipc_bad(ipc, m, "too many listeners, or no memory");
		return;
	}
	l->refs = 1;
	l->relay = r;
	listen_conf_get(&m->cur, &l->conf);
	l->fd = msg_take_fd(m);
	r->next[r->nnext++] = l;
	if (msg_end(&m->cur) == -1 || l->fd == -1)
		ipc_bad(ipc, m, "malformed");
}

static void
on_conf_pool(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct listener *l = r->nnext == 0 ? NULL : r->next[r->nnext - 1];
	struct pool_conf conf;
	struct pool *p;

	pool_conf_get(&m->cur, &conf);
	if (msg_end(&m->cur) == -1 || l == NULL || l->npools == LISTEN_POOLS ||
	    (p = pool_get(r, &conf)) == NULL) {
		ipc_bad(ipc, m, "malformed, or too many pools");
		return;
	}
	l->pools[l->npools++] = p;
}

static void
on_conf_proxy(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct listener *l = r->nnext == 0 ? NULL : r->next[r->nnext - 1];
	struct net_conf net;

	net_conf_get(&m->cur, &net);
	if (msg_end(&m->cur) == -1 || l == NULL || l->nnets == LISTEN_NETS) {
		ipc_bad(ipc, m, "malformed, or too many networks");
		return;
	}
	l->nets[l->nnets++] = net;
}

static int
on_conf_prepare(void *arg, char *why, size_t size)
{
	struct relay *r = arg;

	if (r->nnext == 0) {
		snprintf(why, size, "no listener");
		return -1;
	}
	return 0;
}

static int
listener_start(struct listener *l)
{
	/* After a drain the socket was closed to newcomers. */
	if (listen(l->fd, SOMAXCONN) == -1)
		return -1;
	l->ev = event_new(l->relay->base, l->fd, EV_READ | EV_PERSIST,
	    on_acceptable, l);
	return l->ev == NULL ? -1 : event_add(l->ev, NULL);
}

static void
bound_sessions(struct relay *r)
{
	r->max_sessions = r->conf.max_sessions;
	if (r->max_sessions == 0 || r->max_sessions > r->fit)
		r->max_sessions = r->fit;
	if (r->conf.max_sessions > r->fit)
		log_info("descriptors suffice for %u sessions, not for %u",
		    r->fit, r->conf.max_sessions);
}

/* Sessions keep what they began with; only newcomers see the new. */
static void
on_conf_commit(void *arg)
{
	struct relay *r = arg;

	for (unsigned i = 0; i < r->nlisteners; i++) {
		struct listener *l = r->listeners[i];

		event_free(l->ev);
		l->ev = NULL;
		close(l->fd);
		l->fd = -1;
		listener_free(l);
	}
	memcpy(r->listeners, r->next, sizeof(r->next));
	r->nlisteners = r->nnext;
	r->nnext = 0;
	r->conf = r->next_conf;
	r->draining = false;
	if (r->tap != NULL) {
		bound_sessions(r);
		tap_set_flush(r->tap, r->conf.flush_ms);
		for (unsigned i = 0; i < r->nlisteners; i++) {
			if (listener_start(r->listeners[i]) == -1)
				log_warn("listen on %s",
				    r->listeners[i]->conf.name);
		}
		resolve_all(r);
	}
}

/* --- the tick: TCP_INFO, idle, half-closed, drain --- */

static void
ask_infos(struct relay *r, uint64_t now)
{
	struct session *s;

	for (unsigned i = 0; i < RELAY_INFOS && i < r->nsessions; i++) {
		s = r->info_next;
		if (s == NULL)
			s = TAILQ_FIRST(&r->sessions);
		r->info_next = TAILQ_NEXT(s, entry);
		if (s->phase != S_RELAY ||
		    now - s->info_ms < RELAY_INFO_EVERY_MS)
			continue;
		s->info_ms = now;
		session_read_info(s);
	}
}

static void
end_overdue(struct relay *r, uint64_t now)
{
	struct session *s, *next;
	bool half;

	if (r->conf.idle_ms == 0 && r->conf.half_close_ms == 0)
		return;
	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->phase != S_RELAY)
			continue;
		half = s->first_fin != 0;
		if (half && r->conf.half_close_ms != 0 &&
		    now - s->active_ms >= r->conf.half_close_ms)
			session_finish(s, "half_close_timeout");
		else if (!half && r->conf.idle_ms != 0 &&
		    now - s->active_ms >= r->conf.idle_ms)
			session_finish(s, "idle_timeout");
	}
}

static void
finish_all(struct relay *r, const char *reason)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		session_finish(s, reason);
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	uint64_t now = mono_ms();

	ask_infos(r, now);
	end_overdue(r, now);
	if (r->draining && r->drain_until_ms != 0 && now >= r->drain_until_ms) {
		r->drain_until_ms = 0;
		if (r->nsessions > 0)
			log_info("drain: %u sessions are left, they are ended",
			    r->nsessions);
		finish_all(r, "drained");
	}
}

/* --- requests --- */

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

static void
on_disconnect(struct ipc *ipc, struct msg_in *m, void *arg)
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

static void
on_drain(struct ipc *ipc, struct msg_in *m, void *arg)
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

static void
on_stats(struct ipc *ipc, struct msg_in *m, void *arg)
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

static const struct ipc_handler handlers[] = {
	{ MSG_CONF_RELAY, on_conf_relay },
	{ MSG_CONF_LISTEN, on_conf_listen },
	{ MSG_CONF_POOL, on_conf_pool },
	{ MSG_CONF_PROXY, on_conf_proxy },
	{ MSG_REQ_DISCONNECT, on_disconnect },
	{ MSG_REQ_DRAIN, on_drain },
	{ MSG_REQ_RELAY_STATS, on_stats },
	{ MSG_NONE, NULL },
};

/* --- the role --- */

/* Two descriptors a session; what their limit cannot serve is not promised. */
static void
raise_descriptors(struct relay *r)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1)
		fatal("RLIMIT_NOFILE");
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	r->fit = lim.rlim_cur < SPARE_FDS + 2 ?
	    1 :
	    (unsigned)(lim.rlim_cur - SPARE_FDS) / 2;
	bound_sessions(r);
}

static void
relay_start(struct proc *proc, void *arg)
{
	struct relay *r = arg;

	r->proc = proc;
	r->base = proc_base(proc);
	raise_descriptors(r);
	r->limits = limits_new();
	r->tap = tap_new(r, r->conf.capture ? r->conf.ring_bytes : 0);
	if (r->limits == NULL || r->tap == NULL)
		fatal("no memory for the ring of %llu bytes",
		    (unsigned long long)r->conf.ring_bytes);
}

static void
relay_sandbox(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_ACCEPT | SB_INET | SB_PASSFD;
}

static void
relay_serve(struct proc *proc, void *arg)
{
	struct timeval tick = { 0, TICK_MS * 1000 };
	struct relay *r = arg;

	r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
	r->bury = event_new(r->base, -1, 0, on_bury, r);
	r->unpause = evtimer_new(r->base, on_unpause, r);
	if (r->tick == NULL || r->bury == NULL || r->unpause == NULL ||
	    event_add(r->tick, &tick) == -1 || tap_start(r->tap) == -1)
		fatal("events");
	tap_set_flush(r->tap, r->conf.flush_ms);
	for (unsigned i = 0; i < r->nlisteners; i++) {
		if (listener_start(r->listeners[i]) == -1)
			fatal("listen on %s", r->listeners[i]->conf.name);
	}
}

static void
relay_peer(struct proc *proc, enum role role, uint32_t generation, int fd,
    void *arg)
{
	struct relay *r = arg;

	if (role == ROLE_CAPTURE) {
		tap_attach(r->tap, fd);
	} else if (role == ROLE_RESOLVER) {
		ipc_free(r->resolver);
		r->resolver = ipc_new(r->base, fd, ROLE_RELAY, ROLE_RESOLVER,
		    &resolver_ops, r);
		resolve_all(r);
	} else {
		close(fd);
	}
}

/* SHUTDOWN: end every session as the operator's act, then leave. */
static void
relay_shutdown(struct proc *proc, void *arg)
{
	struct relay *r = arg;

	r->leaving = true;
	listeners_enable(r, false);
	finish_all(r, "shutdown");
	maybe_leave(r);
}

static const struct proc_role role = {
	.role = ROLE_RELAY,
	.name = "relayd",
	.handlers = handlers,
	.conf_begin = on_conf_begin,
	.conf_prepare = on_conf_prepare,
	.conf_commit = on_conf_commit,
	.start = relay_start,
	.sandbox = relay_sandbox,
	.serve = relay_serve,
	.peer = relay_peer,
	.shutdown = relay_shutdown,
};

const struct proc_role *
relay_role(void)
{
	return &role;
}

void *
relay_new(void)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	TAILQ_INIT(&r->sessions);
	TAILQ_INIT(&r->dead);
	LIST_INIT(&r->pools);
	return r;
}
