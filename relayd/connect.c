/*
 * Finding a pool for a session: the listener's pools in their order, each
 * pool's addresses beginning with the one that was good last.  A pool that
 * failed is passed over by newcomers for a while, unless all have failed.
 * Nothing is read from the miner meanwhile, so trying the next one is free.
 */
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relayd/relay.h"

static void next_pool(struct session *);
static void next_address(struct session *);

static struct pool *
current(struct session *s)
{
	return s->listener->pools[s->effort->pool];
}

static void
socket_drop(struct effort *e)
{
	if (e->ev != NULL)
		event_free(e->ev);
	e->ev = NULL;
	if (e->fd != -1)
		close(e->fd);
	e->fd = -1;
}

static void
stop_waiting(struct session *s)
{
	if (s->is_waiting)
		TAILQ_REMOVE(&current(s)->waiting, s, waiting);
	s->is_waiting = false;
}

void
connect_cancel(struct session *s)
{
	struct effort *e = s->effort;

	if (e == NULL || s->phase != S_CONNECT)
		return;
	stop_waiting(s);
	socket_drop(e);
	if (e->timer != NULL)
		event_free(e->timer);
	free(e);
	s->effort = NULL;
}

static void
arm(struct session *s)
{
	uint32_t ms = relay_conf(s->relay)->connect_ms;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(s->effort->timer, &tv);
}

/* The pool gave nothing: newcomers go past it for a while. */
static void
pool_failed(struct session *s, const char *why)
{
	struct pool *p = current(s);
	uint64_t now = mono_ms();

	p->failures++;
	p->failed_us = real_us();
	snprintf(p->error, sizeof(p->error), "%s", why);
	if (p->down_until_ms <= now)
		log_warnx("pool %s:%u: %s; tried again in %u s", p->conf.host,
		    p->conf.port, why, relay_conf(s->relay)->retry_ms / 1000);
	p->down_until_ms = now + relay_conf(s->relay)->retry_ms;
	/* Our own visit is a newcomer as well, and would visit us again. */
	if (s->effort->own)
		p->own_until_ms = p->down_until_ms;
	snprintf(s->effort->detail, sizeof(s->effort->detail), "%.60s: %.30s",
	    p->conf.host, why);
	next_pool(s);
}

static void
pool_works(struct session *s, const union address *peer)
{
	struct pool *p = current(s);

	if (p->down_until_ms != 0)
		log_info("pool %s:%u answers again", p->conf.host,
		    p->conf.port);
	p->down_until_ms = 0;
	p->connects++;
	p->connected_us = real_us();
	p->connect_us = (uint32_t)((mono_ns() - s->effort->started_ns) / 1000);
	for (unsigned i = 0; i < p->naddrs; i++) {
		if (memcmp(&p->addrs[i], peer, sizeof(*peer)) == 0)
			p->good = i;
	}
}

static const union address *
address_tried(struct session *s)
{
	struct pool *p = current(s);

	return &p->addrs[(p->good + s->effort->addr - 1) % p->naddrs];
}

static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	struct effort *e = s->effort;
	union address peer;
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		err = errno;
	len = sizeof(peer);
	memset(&peer, 0, sizeof(peer));
	if (err == 0 && getpeername(fd, &peer.sa, &len) == -1)
		err = errno;
	if (err != 0) {
		snprintf(e->reason, sizeof(e->reason), "%s", strerror(err));
		next_address(s);
		return;
	}
	if (relay_is_own(s->relay, fd)) {
		relay_counters(s->relay)->refused_own++;
		e->own = true;
		snprintf(e->reason, sizeof(e->reason), "leads back to us");
		next_address(s);
		return;
	}
	e->fd = -1;
	pool_works(s, &peer);
	session_connected(s, current(s), e->pool, fd, &peer,
	    (uint32_t)((mono_ns() - e->started_ns) / 1000));
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	if (s->is_waiting) {
		stop_waiting(s);
		pool_failed(s, "its name was not resolved in time");
		return;
	}
	snprintf(s->effort->reason, sizeof(s->effort->reason), "no answer");
	next_address(s);
}

/* 0: under way; -1: errno says why this address cannot be. */
static int
connect_to(struct session *s, const union address *to)
{
	struct effort *e = s->effort;
	socklen_t len = to->sa.sa_family == AF_INET ? sizeof(to->in) :
						      sizeof(to->in6);

	e->fd = socket(to->sa.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (e->fd == -1)
		return -1;
	if (connect(e->fd, &to->sa, len) == -1 && errno != EINPROGRESS)
		return -1;
	e->ev = event_new(relay_base(s->relay), e->fd, EV_WRITE, on_connected,
	    s);
	if (e->ev == NULL || event_add(e->ev, NULL) == -1) {
		errno = ENOMEM;
		return -1;
	}
	e->started_ns = mono_ns();
	arm(s);
	return 0;
}

static void
next_address(struct session *s)
{
	struct effort *e = s->effort;
	struct pool *p = current(s);
	uint64_t more;

	socket_drop(e);
	event_del(e->timer);
	while (e->addr < p->naddrs) {
		e->addr++;
		if (connect_to(s, address_tried(s)) == 0)
			return;
		if (errno == EMFILE || errno == ENFILE) {
			relay_counters(s->relay)->fds_out++;
			if (relay_may_log(s->relay, T_FDS, &more))
				log_warnx("out of descriptors, a miner was "
					  "turned away (%llu more)",
				    (unsigned long long)more);
			session_no_pool(s, "out of descriptors");
			return;
		}
		snprintf(e->reason, sizeof(e->reason), "%s", strerror(errno));
		socket_drop(e);
	}
	pool_failed(s, e->reason);
}

static void
ask_for_addresses(struct session *s, struct pool *p)
{
	/* While there is no resolver: it is asked as soon as it comes. */
	if (!p->asked)
		relay_resolve(s->relay, p);
	if (p->naddrs > 0)
		return;
	TAILQ_INSERT_TAIL(&p->waiting, s, waiting);
	s->is_waiting = true;
	arm(s);
}

static void
try_pool(struct session *s, unsigned index)
{
	struct effort *e = s->effort;
	struct pool *p;

	e->pool = index;
	e->addr = 0;
	e->own = false;
	e->tried |= 1u << index;
	snprintf(e->reason, sizeof(e->reason), "no address");
	p = current(s);
	if (p->naddrs == 0) {
		ask_for_addresses(s, p);
		return;
	}
	if (!p->literal &&
	    mono_ms() - p->refreshed_ms > relay_conf(s->relay)->refresh_ms)
		ask_for_addresses(s, p);
	next_address(s);
}

/* The first that is not known to be down; after those, the ones that are. */
static void
next_pool(struct session *s)
{
	struct listener *l = s->listener;
	uint64_t now = mono_ms();
	char why[96] = "it leads back to us";
	unsigned i;

	for (int pass = 0; pass < 2; pass++) {
		for (i = 0; i < l->npools; i++) {
			if (s->effort->tried & 1u << i)
				continue;
			if (l->pools[i]->own_until_ms > now ||
			    (pass == 0 && l->pools[i]->down_until_ms > now))
				continue;
			try_pool(s, i);
			return;
		}
	}
	if (s->effort->detail[0] != '\0')
		memcpy(why, s->effort->detail, sizeof(why));
	session_no_pool(s, why);
}

void
connect_resolved(struct relay *r, struct pool *p)
{
	struct session *s;

	/* Each leaves the list here, and may come back to another's. */
	while ((s = TAILQ_FIRST(&p->waiting)) != NULL) {
		stop_waiting(s);
		if (p->naddrs == 0)
			pool_failed(s, "its name has no address");
		else
			next_address(s);
	}
}

void
connect_begin(struct session *s)
{
	struct effort *e;
	uint64_t more;

	if (s->listener->npools == 0) {
		if (relay_may_log(s->relay, T_NO_POOL, &more))
			log_warnx("no pool is configured for %s: miners are "
				  "turned away (%llu more)",
			    s->listener->conf.name, (unsigned long long)more);
		session_no_pool(s, "none is configured");
		return;
	}
	e = s->effort = calloc(1, sizeof(*e));
	if (e != NULL) {
		e->fd = -1;
		e->timer = evtimer_new(relay_base(s->relay), on_timeout, s);
	}
	if (e == NULL || e->timer == NULL) {
		session_no_pool(s, "no memory");
		return;
	}
	/* What a replay repeats makes sense at one pool only. */
	if (s->pinned)
		e->tried = ~(1u << s->pool_index);
	next_pool(s);
}
