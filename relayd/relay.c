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
#include "relayd/relay_int.h"

#define TICK_MS    250u
#define TROUBLE_MS 60000u
#define SPARE_FDS  64u
#define LEAVE_MS   3000u /* for captured to take the rest */

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

/* --- sessions: how many, and their end --- */

bool
relay_admits(struct relay *r, struct session *s)
{
	uint64_t more;
	char peer[64];
	unsigned n;

	if (s->replay)
		return true;
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
	static const struct timeval look = { 0, 5000 };

	if (!r->leaving || r->nsessions > 0)
		return;
	/* What captured can still take, it gets. */
	if (tap_flushed(r->tap) || mono_ms() >= r->leave_by_ms)
		proc_exit(r->proc, 0);
	else
		event_add(r->leave, &look);
}

static void
on_leave(evutil_socket_t fd, short what, void *arg)
{
	maybe_leave(arg);
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
		if (s->phase == S_RELAY && s->first_fin != 0)
			session_find_dead(s);
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

void
relay_finish_all(struct relay *r, const char *reason)
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
		relay_finish_all(r, "drained");
	}
}

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
	conf_bound_sessions(r);
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
	r->unpause = evtimer_new(r->base, listeners_unpause, r);
	r->leave = evtimer_new(r->base, on_leave, r);
	if (r->tick == NULL || r->bury == NULL || r->unpause == NULL ||
	    r->leave == NULL || event_add(r->tick, &tick) == -1 ||
	    tap_start(r->tap) == -1)
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
		resolver_attach(r, fd);
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
	r->leave_by_ms = mono_ms() + r->conf.reset_ms + LEAVE_MS;
	listeners_enable(r, false);
	relay_finish_all(r, "shutdown");
	maybe_leave(r);
}

static const struct ipc_handler handlers[] = {
	{ MSG_CONF_RELAY, conf_on_relay },
	{ MSG_CONF_LISTEN, conf_on_listen },
	{ MSG_CONF_POOL, conf_on_pool },
	{ MSG_CONF_PROXY, conf_on_proxy },
	{ MSG_REQ_DISCONNECT, request_disconnect },
	{ MSG_REQ_DRAIN, request_drain },
	{ MSG_REPLAY, request_replay },
	{ MSG_REQ_RELAY_STATS, request_stats },
	{ MSG_REQ_POOLS, request_pools },
	{ MSG_NONE, NULL },
};

static const struct proc_role role = {
	.role = ROLE_RELAY,
	.name = "relayd",
	.handlers = handlers,
	.create = relay_new,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
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
