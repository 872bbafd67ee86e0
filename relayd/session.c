/*
 * A session: a miner, its pool, and the bytes between them.
 *
 * Bytes are written to the other side as soon as they are read; only what
 * its socket does not take is kept, and while that is more than the limit
 * the sending side is not read.  How each kind of end is passed on is rules
 * b, c and f of doc/ARCHITECTURE.md: FIN for FIN, RST for RST but never
 * before the last bytes have arrived.
 *
 * The session ends nothing by itself, and what captured, the disk or the
 * log do has no place here: tap_* puts a copy into memory and returns.
 */
#include <sys/ioctl.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "relayd/session_int.h"

#define RESET_LOOK_MS 50u /* longest between two looks at SIOCOUTQ */

static const char *const side_names[] = { "miner", "pool" };

static void side_failed(struct side *, int err);
static void step(struct session *);

uint64_t
mono_ns(void)
{
	return clock_mono_ns();
}

uint64_t
mono_ms(void)
{
	return mono_ns() / 1000000u;
}

int64_t
real_us(void)
{
	return clock_real_us();
}

void
address_text(const union address *a, char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	switch (a->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
		snprintf(out, size, "%s:%u", ip, ntohs(a->in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip));
		snprintf(out, size, "[%s]:%u", ip, ntohs(a->in6.sin6_port));
		break;
	default:
		out[0] = '\0';
	}
}

static struct side *
other(struct side *side)
{
	struct session *s = side->session;

	return &s->side[side == &s->side[MINER] ? POOL : MINER];
}

static unsigned
side_index(const struct side *side)
{
	return side == &side->session->side[MINER] ? MINER : POOL;
}

/* --- what waits for a side --- */

static void
out_free(struct side *side)
{
	if (side->out == NULL)
		return;
	if (side->out->ev != NULL)
		event_free(side->out->ev);
	free(side->out->data);
	free(side->out);
	side->out = NULL;
}

static bool
out_empty(const struct side *side)
{
	return side->out == NULL;
}

/* Room for n more bytes at the end; -1 when memory is short. */
static int
out_reserve(struct outbuf *out, size_t n)
{
	uint8_t *p;
	size_t cap;

	if (out->off > 0) {
		memmove(out->data, out->data + out->off, out->len);
		out->off = 0;
	}
	if (out->cap - out->len >= n)
		return 0;
	cap = out->cap == 0 ? 4096 : out->cap;
	while (cap - out->len < n)
		cap *= 2;
	p = realloc(out->data, cap);
	if (p == NULL)
		return -1;
	out->data = p;
	out->cap = cap;
	return 0;
}

static void
stop_reading(struct side *side)
{
	side->stopped = true;
	event_del(&side->ev);
}

static void
go_on_reading(struct side *side)
{
	if (!side->stopped)
		return;
	side->stopped = false;
	if (side->rd == RD_OPEN)
		event_add(&side->ev, NULL);
}

/* Everything that waited for this side is written, or never will be. */
static void
out_done(struct side *side)
{
	out_free(side);
	go_on_reading(other(side));
	if (side->wr == WR_FIN_WANTED) {
		shutdown(side->fd, SHUT_WR);
		side->wr = WR_FIN_SENT;
	}
}

/* Nothing can be written to this side any more.  It is still read. */
static void
write_failed(struct side *side, int err)
{
	struct session *s = side->session;
	unsigned dir = side_index(other(side));

	side->wr = WR_DEAD;
	if (side->out != NULL)
		relay_counters(s->relay)->undelivered[dir] += side->out->len;
	out_done(side);
	/* Its reading would tell of the end, unless that is over. */
	if (side->rd != RD_OPEN)
		side_failed(side, err);
}

static void
delivered(struct side *to, size_t n)
{
	struct side *from = other(to);

	from->delivered += n;
	relay_counters(to->session->relay)->bytes_to[side_index(to)] += n;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct side *to = arg;
	struct session *s = to->session;
	struct outbuf *out = to->out;
	ssize_t n;

	n = send(to->fd, out->data + out->off, out->len, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			write_failed(to, errno);
			step(s);
		}
		return;
	}
	out->off += (size_t)n;
	out->len -= (size_t)n;
	delivered(to, (size_t)n);
	tap_fwd(relay_tap(s->relay), s, side_index(other(to)),
	    other(to)->delivered, mono_ns());
	if (out->len == 0) {
		out_done(to);
		step(s);
	} else if (out->len <= relay_conf(s->relay)->session_buffer / 2) {
		go_on_reading(other(to));
	}
}

/* Keeps the rest for when the socket takes it; -1 when memory is short. */
static int
out_append(struct side *to, const uint8_t *p, size_t n)
{
	struct session *s = to->session;

	if (to->out == NULL) {
		to->out = calloc(1, sizeof(*to->out));
		if (to->out == NULL)
			return -1;
		to->out->ev = event_new(relay_base(s->relay), to->fd,
		    EV_WRITE | EV_PERSIST, on_writable, to);
		if (to->out->ev == NULL || out_reserve(to->out, n) == -1) {
			out_free(to);
			return -1;
		}
		event_add(to->out->ev, NULL);
	} else if (out_reserve(to->out, n) == -1) {
		return -1;
	}
	memcpy(to->out->data + to->out->off + to->out->len, p, n);
	to->out->len += n;
	if (to->out->len > relay_conf(s->relay)->session_buffer)
		stop_reading(other(to));
	return 0;
}

/* --- the one thing all this is for --- */

/*
 * Writes n bytes that were just read from `from` to the other side.
 * Returns how many could be written or kept, -1 when memory is short.
 */
static ssize_t
pass(struct side *to, const uint8_t *p, size_t n, uint64_t *ts_fwd)
{
	ssize_t sent = 0;

	if (to->wr != WR_OPEN)
		return 0;
	if (out_empty(to)) {
		sent = send(to->fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			write_failed(to, errno);
			return 0;
		}
		if (sent < 0)
			sent = 0;
		delivered(to, (size_t)sent);
		if ((size_t)sent == n) {
			*ts_fwd = mono_ns();
			return sent;
		}
	}
	if (out_append(to, p + sent, n - (size_t)sent) == -1)
		return -1;
	return (ssize_t)n;
}

static void
forward(struct side *from, const uint8_t *p, size_t n)
{
	struct session *s = from->session;
	struct counters *c = relay_counters(s->relay);
	unsigned dir = side_index(from), flags = 0;
	uint64_t ts_recv = mono_ns(), ts_fwd = 0, offset = from->read;
	ssize_t kept;

	from->read += n;
	kept = pass(other(from), p, n, &ts_fwd);
	c->bytes_from[dir] += n;
	if (relay_conf(s->relay)->idle_ms != 0)
		s->active_ms = ts_recv / 1000000u;
	if (kept <= 0) {
		c->undelivered[dir] += n;
		flags = TAP_UNDELIVERED;
	}
	if (s->phase == S_ENDED)
		return;
	tap_chunk(relay_tap(s->relay), s, dir, offset, ts_recv, ts_fwd, flags,
	    p, n);
	if (kept < 0)
		session_finish(s, "no_memory");
}

static void
side_eof(struct side *side)
{
	struct session *s = side->session;
	struct side *to = other(side);

	side->rd = RD_EOF;
	event_del(&side->ev);
	if (s->first_fin == 0)
		s->first_fin = (uint8_t)(1 + side_index(side));
	tap_half(relay_tap(s->relay), s, side_index(side), side->read);
	s->active_ms = mono_ms();
	if (to->wr == WR_OPEN) {
		to->wr = WR_FIN_WANTED;
		if (out_empty(to))
			out_done(to);
	}
}

void
session_on_readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t chunk[RELAY_READ];
	struct side *from = arg;
	struct session *s = from->session;
	ssize_t n;

	n = recv(fd, chunk, sizeof(chunk), 0);
	if (n > 0) {
		forward(from, chunk, (size_t)n);
		if (s->phase == S_RELAY)
			return;
	} else if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		side_failed(from, errno);
	} else if (from->wr == WR_DEAD) {
		/* A write has taken the error that this end comes from. */
		side_failed(from, ECONNRESET);
	} else {
		side_eof(from);
	}
	step(s);
}

/* --- ends --- */

static void
on_effort_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	step(s);
}

void
session_effort_free(struct session *s)
{
	struct effort *e = s->effort;

	if (e == NULL)
		return;
	if (e->timer != NULL)
		event_free(e->timer);
	if (e->ev != NULL)
		event_free(e->ev);
	if (e->fd != -1)
		close(e->fd);
	free(e);
	s->effort = NULL;
}

/* 0, or -1 without memory; then the session cannot wait for anything. */
int
session_effort_begin(struct session *s, const char *reason, const char *detail)
{
	session_effort_free(s);
	s->effort = calloc(1, sizeof(*s->effort));
	if (s->effort == NULL)
		return -1;
	s->effort->fd = -1;
	snprintf(s->effort->reason, sizeof(s->effort->reason), "%s", reason);
	snprintf(s->effort->detail, sizeof(s->effort->detail), "%s", detail);
	s->effort->deadline_ms = mono_ms() + relay_conf(s->relay)->reset_ms;
	s->effort->wait_ms = 1;
	s->effort->timer = evtimer_new(relay_base(s->relay), on_effort_timer,
	    s);
	return s->effort->timer == NULL ? -1 : 0;
}

/* One leg of TCP_INFO; false when there is none. */
static bool
leg_info(const struct side *side, struct tap_info *info, unsigned leg)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	if (side->fd == -1 ||
	    getsockopt(side->fd, IPPROTO_TCP, TCP_INFO, &ti, &len) == -1)
		return false;
	info->rtt_us[leg] = ti.tcpi_rtt;
	info->rttvar_us[leg] = ti.tcpi_rttvar;
	info->retrans[leg] = ti.tcpi_total_retrans;
	return true;
}

void
session_read_info(struct session *s)
{
	bool any = leg_info(&s->side[MINER], &s->info, 0);

	any = leg_info(&s->side[POOL], &s->info, 1) || any;
	if (!any)
		return;
	s->has_info = true;
	tap_info(relay_tap(s->relay), s);
}

static void
side_close(struct side *side, bool reset)
{
	struct linger hard = { 1, 0 };

	out_free(side);
	if (side->fd == -1)
		return;
	event_del(&side->ev);
	if (reset)
		setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &hard,
		    sizeof(hard));
	close(side->fd);
	side->fd = -1;
}

/* The end: sockets go, the facts stay until captured has them. */
void
session_end(struct session *s, const char *reason, const char *detail,
    bool reset)
{
	struct tap_closed *closed;

	if (s->pool != NULL && s->phase != S_ENDED)
		s->pool->sessions--;
	if (s->phase == S_PROXY)
		tap_open(relay_tap(s->relay), s);
	else if (s->phase != S_CONNECT)
		session_read_info(s);
	closed = calloc(1, sizeof(*closed));
	if (closed != NULL) {
		snprintf(closed->reason, sizeof(closed->reason), "%s", reason);
		snprintf(closed->detail, sizeof(closed->detail), "%s", detail);
		for (unsigned d = 0; d < 2; d++) {
			closed->read[d] = s->side[d].read;
			closed->delivered[d] = s->side[d].delivered;
		}
		closed->closed_us = real_us();
	}
	s->closed = closed;
	log_session(s->uuid);
	log_debug("session ended: %s%s%s", reason, detail[0] ? ", " : "",
	    detail);
	log_session(NULL);
	connect_cancel(s);
	session_effort_free(s);
	side_close(&s->side[MINER], reset);
	side_close(&s->side[POOL], reset);
	s->phase = S_ENDED;
	relay_session_ended(s->relay, s);
}

/*
 * This side died: an error on reading it, or on writing after its FIN.
 * What it sent before is written to the other side first (rule c).
 */
static void
side_failed(struct side *side, int err)
{
	struct session *s = side->session;
	unsigned dir = side_index(other(side));
	char reason[32];

	side->rd = RD_ERROR;
	side->wr = WR_DEAD;
	event_del(&side->ev);
	if (side->out != NULL)
		relay_counters(s->relay)->undelivered[dir] += side->out->len;
	out_done(side);
	if (s->phase != S_RELAY)
		return;
	snprintf(reason, sizeof(reason), "%s_%s", side_names[side_index(side)],
	    err == ETIMEDOUT ? "timeout" : "reset");
	s->phase = S_RESET;
	if (session_effort_begin(s, reason, strerror(err)) == -1)
		session_end(s, reason, strerror(err), true);
}

/* S_RESET: true once the side that lives has all it can get. */
static bool
reset_may_pass(struct session *s)
{
	struct side *live = &s->side[MINER];
	int queued = 0;

	if (live->rd == RD_ERROR)
		live = &s->side[POOL];
	if (live->rd == RD_ERROR || live->wr == WR_DEAD)
		return true;
	if (mono_ms() >= s->effort->deadline_ms)
		return true;
	return out_empty(live) &&
	    (ioctl(live->fd, SIOCOUTQ, &queued) == -1 || queued == 0);
}

static void
look_again(struct session *s)
{
	struct effort *e = s->effort;
	struct timeval tv;
	uint64_t now = mono_ms(), left;

	left = e->deadline_ms > now ? e->deadline_ms - now : 1;
	if (e->wait_ms > left)
		e->wait_ms = (unsigned)left;
	tv.tv_sec = e->wait_ms / 1000;
	tv.tv_usec = (e->wait_ms % 1000) * 1000;
	event_add(e->timer, &tv);
	e->wait_ms *= 2;
	if (e->wait_ms > RESET_LOOK_MS)
		e->wait_ms = RESET_LOOK_MS;
}

static bool
both_read(const struct session *s)
{
	return s->side[MINER].rd != RD_OPEN && s->side[POOL].rd != RD_OPEN;
}

static bool
both_told(const struct session *s)
{
	return s->side[MINER].wr >= WR_FIN_SENT &&
	    s->side[POOL].wr >= WR_FIN_SENT;
}

/* After anything that may have changed the phase: what comes next. */
static void
step(struct session *s)
{
	char reason[32], detail[96];

	switch (s->phase) {
	case S_RELAY:
		if (!both_read(s) || !both_told(s))
			return;
		session_end(s,
		    s->first_fin == 1 + POOL ? "pool_closed" : "miner_closed",
		    "", false);
		return;
	case S_RESET:
		if (!reset_may_pass(s)) {
			look_again(s);
			return;
		}
		break;
	case S_FINISH:
		if (!(both_read(s) && both_told(s)) &&
		    mono_ms() < s->effort->deadline_ms) {
			look_again(s);
			return;
		}
		break;
	default:
		return;
	}
	memcpy(reason, s->effort->reason, sizeof(reason));
	memcpy(detail, s->effort->detail, sizeof(detail));
	session_end(s, reason, detail,
	    s->phase == S_RESET || !both_read(s) || !both_told(s));
}

void
session_find_dead(struct session *s)
{
	struct side *side;
	socklen_t len;
	int err;

	for (unsigned i = 0; i < 2; i++) {
		side = &s->side[i];
		err = 0;
		len = sizeof(err);
		if (s->phase != S_RELAY || side->rd != RD_EOF ||
		    side->wr == WR_DEAD)
			continue;
		if (getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &err, &len) ==
			0 &&
		    err != 0)
			side_failed(side, err);
	}
	step(s);
}

void
session_finish(struct session *s, const char *reason)
{
	if (s->phase == S_ENDED || s->phase == S_RESET || s->phase == S_FINISH)
		return;
	if (s->phase != S_RELAY || session_effort_begin(s, reason, "") == -1) {
		session_end(s, reason, "", true);
		return;
	}
	s->phase = S_FINISH;
	for (unsigned i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		if (side->wr == WR_OPEN)
			side->wr = WR_FIN_WANTED;
		/* Read on, to see its FIN: nothing more can be delivered. */
		go_on_reading(side);
		if (side->wr == WR_FIN_WANTED && out_empty(side))
			out_done(side);
	}
	step(s);
}

void
session_no_pool(struct session *s, const char *why)
{
	relay_counters(s->relay)->no_pool++;
	session_end(s, "no_pool", why, true);
}

void
session_free(struct session *s)
{
	session_effort_free(s);
	if (s->pool != NULL)
		pool_release(s->pool);
	if (s->listener != NULL)
		listener_free(s->listener);
	free(s->closed);
	free(s);
}
