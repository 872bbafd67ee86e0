/*
 * The beginnings of a session: accepted, perhaps with a PROXY header before
 * the miner's own bytes, and connected to its pool.
 */
#include <sys/random.h>

#include <netinet/tcp.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relayd/session_int.h"

/* UUIDv7, RFC 9562: 48 bits of milliseconds, then chance. */
static void
uuid_new(uint8_t id[16])
{
	uint64_t ms = (uint64_t)real_us() / 1000;

	if (getrandom(id, 16, GRND_NONBLOCK) != 16) {
		/* Unique in this process is enough to go on with. */
		static uint64_t n;
		uint64_t t = mono_ns();

		n++;
		memcpy(id, &n, sizeof(n));
		memcpy(id + 8, &t, sizeof(t));
	}
	for (int i = 0; i < 6; i++)
		id[i] = (uint8_t)(ms >> (40 - 8 * i));
	id[6] = (uint8_t)(0x70 | (id[6] & 0x0f));
	id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
}

static void
socket_options(struct relay *r, int fd)
{
	const struct relay_conf *conf = relay_conf(r);
	int on = 1, v;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	if (conf->keep_idle_s == 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	v = (int)conf->keep_idle_s;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &v, sizeof(v));
	v = (int)conf->keep_interval_s;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &v, sizeof(v));
	v = (int)conf->keep_count;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &v, sizeof(v));
}

static int
side_open(struct session *s, unsigned i, int fd)
{
	struct side *side = &s->side[i];

	side->session = s;
	side->fd = fd;
	socket_options(s->relay, fd);
	return event_assign(&side->ev, relay_base(s->relay), fd,
	    EV_READ | EV_PERSIST, session_on_readable, side);
}

void
session_connected(struct session *s, struct pool *pool, unsigned index, int fd,
    const union address *peer, uint32_t connect_us)
{
	session_effort_free(s);
	s->pool = pool_hold(pool);
	s->pool->sessions++;
	s->pool_index = (uint8_t)index;
	s->pool_peer = *peer;
	s->connect_us = connect_us;
	s->active_ms = mono_ms();
	side_open(s, POOL, fd);
	s->phase = S_RELAY;
	tap_pool(relay_tap(s->relay), s);
	if (event_add(&s->side[MINER].ev, NULL) == -1 ||
	    event_add(&s->side[POOL].ev, NULL) == -1)
		session_end(s, "no_memory", "", true);
}

/* The peer is known: count it, tell of it, find it a pool. */
static void
session_begin(struct session *s)
{
	s->phase = S_CONNECT;
	tap_open(relay_tap(s->relay), s);
	if (relay_admits(s->relay, s))
		connect_begin(s);
	else
		session_end(s, "limit", "sessions of one address", true);
}

static void
on_proxy_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	/* Silence is a miner's right; half a header is nobody's. */
	if (s->effort->head_len == 0) {
		event_del(&s->side[MINER].ev);
		session_effort_free(s);
		side_open(s, MINER, s->side[MINER].fd);
		session_begin(s);
		return;
	}
	relay_counters(s->relay)->proxy_bad++;
	session_end(s, "proxy_header", "incomplete in time", true);
}

/* Not called again before there are n bytes, or the end. */
static void
wait_for_bytes(int fd, size_t n)
{
	int low = (int)n;

	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static void
proxy_bad(struct session *s)
{
	relay_counters(s->relay)->proxy_bad++;
	session_end(s, "proxy_header", "malformed", true);
}

/* Half a header, of n bytes: the rest is waited for. */
static void
proxy_half(struct session *s, size_t n, bool ended)
{
	if (ended) {
		session_end(s, "proxy_header", "ended before it", true);
		return;
	}
	s->effort->head_len = n;
	wait_for_bytes(s->side[MINER].fd, n + 1);
}

/*
 * Looks at what is there and takes the header when it is whole.  Before that
 * nothing is taken: it may turn out to be a miner's own bytes, which stay in
 * the socket until a pool is connected.
 */
static void
on_proxy_readable(evutil_socket_t fd, short what, void *arg)
{
	struct side *side = arg;
	struct session *s = side->session;
	struct effort *e = s->effort;
	struct proxy_header head;
	ssize_t n;
	int r;

	n = recv(fd, e->head, sizeof(e->head), MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		session_end(s, "proxy_header", "ended before it", true);
		return;
	}
	r = proxy_parse(e->head, (size_t)n, &head);
	if (r == -2 || (r == 0 && n == sizeof(e->head))) {
		proxy_bad(s);
		return;
	}
	if (r == 0) {
		proxy_half(s, (size_t)n, (what & EV_CLOSED) != 0);
		return;
	}
	/* Peeked already, so it is there. */
	if (r == 1 && recv(fd, e->head, head.len, 0) != (ssize_t)head.len)
		log_warnx("a PROXY header changed while it was read");
	if (r == 1 && head.has_source) {
		s->via = s->peer;
		s->peer = head.source;
	}
	wait_for_bytes(fd, 1);
	event_del(&side->ev);
	session_effort_free(s);
	side_open(s, MINER, fd);
	session_begin(s);
}

static void
session_read_proxy(struct session *s)
{
	uint32_t ms = relay_conf(s->relay)->proxy_ms;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	s->phase = S_PROXY;
	if (session_effort_begin(s, "", "") == -1) {
		session_end(s, "no_memory", "", true);
		return;
	}
	evtimer_assign(s->effort->timer, relay_base(s->relay), on_proxy_timeout,
	    s);
	event_add(s->effort->timer, &tv);
	event_assign(&s->side[MINER].ev, relay_base(s->relay),
	    s->side[MINER].fd, EV_READ | EV_CLOSED | EV_PERSIST,
	    on_proxy_readable, &s->side[MINER]);
	event_add(&s->side[MINER].ev, NULL);
}

/* With the miner's side open; NULL without memory, then fd is closed. */
static struct session *
session_new(struct relay *r, struct listener *l, int fd,
    const union address *peer)
{
	struct session *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->relay = r;
	s->listener = listener_hold(l);
	if (peer != NULL)
		s->peer = *peer;
	s->side[MINER].fd = s->side[POOL].fd = -1;
	s->side[POOL].session = s;
	s->opened_us = real_us();
	s->opened_mono = mono_ns();
	uuid_new(s->uuid);
	side_open(s, MINER, fd);
	relay_session_began(r, s);
	return s;
}

void
session_accept(struct relay *r, struct listener *l, int fd,
    const union address *peer)
{
	struct session *s = session_new(r, l, fd, peer);

	if (s == NULL)
		return;
	if (listener_trusts(l, peer))
		session_read_proxy(s);
	else
		session_begin(s);
}

void
session_replay(struct relay *r, struct listener *l, const struct replay_ask *a,
    int fd)
{
	struct session *s = session_new(r, l, fd, NULL);

	if (s == NULL)
		return;
	s->replay = true;
	s->replay_of = a->replay_of;
	if (a->pool.host[0] != '\0') {
		s->pinned = true;
		s->pool_index = (uint8_t)listener_pool(l, &a->pool);
	}
	session_begin(s);
}
