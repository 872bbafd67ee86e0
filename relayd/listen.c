/*
 * Listeners: accepting newcomers, and knowing a connection to oneself.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relayd/relay_int.h"

#define PAUSE_MS 100u /* after running out of descriptors */

/* --- held by the configuration and by sessions --- */

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

/* ::ffff:192.0.2.1 is 192.0.2.1, and arrives there. */
static void
unmap(union address *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (a->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	in.sin_port = a->in6.sin6_port;
	memcpy(&in.sin_addr, &a->in6.sin6_addr.s6_addr[12], 4);
	memset(a, 0, sizeof(*a));
	a->in = in;
}

/* The far end of a socket, or ours. */
static bool
end_of(int fd, bool far, union address *a)
{
	socklen_t len = sizeof(*a);
	int r;

	memset(a, 0, sizeof(*a));
	r = far ? getpeername(fd, &a->sa, &len) : getsockname(fd, &a->sa, &len);
	unmap(a);
	return r == 0;
}

/* IPv6 sockets of ours take IPv6 only: any is any of its family. */
static bool
takes(const union address *bound, const union address *a)
{
	return bound->sa.sa_family == a->sa.sa_family &&
	    port_of(bound) == port_of(a) &&
	    (is_any(bound) || same_host(bound, a));
}

bool
relay_is_own(struct relay *r, int fd)
{
	union address peer, local, bound;

	if (!end_of(fd, true, &peer) || !end_of(fd, false, &local))
		return false;
	/* A connection to oneself has oneself at both ends. */
	if (!is_loopback(&peer) && !same_host(&peer, &local))
		return false;
	for (unsigned i = 0; i < r->nlisteners; i++) {
		if (end_of(r->listeners[i]->fd, false, &bound) &&
		    takes(&bound, &peer))
			return true;
	}
	return false;
}

/* --- accepting --- */

static void
refuse(int fd)
{
	struct linger hard = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

void
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

void
listeners_unpause(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	r->paused = false;
	if (!r->draining && !r->leaving)
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

int
listener_start(struct listener *l)
{
	/* After a drain the socket was closed to newcomers. */
	if (listen(l->fd, SOMAXCONN) == -1)
		return -1;
	l->ev = event_new(l->relay->base, l->fd, EV_READ | EV_PERSIST,
	    on_acceptable, l);
	return l->ev == NULL ? -1 : event_add(l->ev, NULL);
}
