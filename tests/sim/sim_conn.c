/*
 * A connection that speaks lines, on plain libevent events: the pool's and
 * the miner's common part.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sim_conn.h"
#include "tests/sim/sim_util.h"

#define READ_SIZE      16384
#define READS_A_SECOND 20

static void
conn_fail(struct sim_conn *c, int why)
{
	if (c->dead)
		return;
	c->dead = true;
	c->why = why;
	event_active(&c->timer, EV_TIMEOUT, 0);
}

void
sim_conn_kill(struct sim_conn *c)
{
	conn_fail(c, -1);
}

static void
arm_timer(struct sim_conn *c, uint64_t us)
{
	struct timeval tv = sim_timeval(us);

	evtimer_add(&c->timer, &tv);
}

/* Everything sent: what was to follow the last byte can now happen. */
static void
conn_drained(struct sim_conn *c)
{
	int unacked = 0;

	if (!STAILQ_EMPTY(&c->late) || c->out.len)
		return;
	if (c->rst) {
		if (ioctl(c->fd, SIOCOUTQ, &unacked) == 0 && unacked > 0)
			arm_timer(c, 1000);
		else
			conn_fail(c, -1);
	} else if (c->closing && c->eof) {
		conn_fail(c, 0);
	} else if (c->closing) {
		shutdown(c->fd, SHUT_WR);
		event_add(&c->read, NULL);
	}
}

static void
conn_flush(struct sim_conn *c)
{
	while (c->out.len && !c->dead && !c->connecting) {
		ssize_t n = send(c->fd, sim_buf_head(&c->out), c->out.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(&c->write, NULL);
			return;
		}
		if (n == -1) {
			conn_fail(c, errno);
			return;
		}
		c->bytes_out += (size_t)n;
		sim_buf_consume(&c->out, (size_t)n);
	}
	if (!c->dead)
		conn_drained(c);
}

static void
queue_out(struct sim_conn *c, const void *data, size_t len)
{
	bool waiting = c->out.len > 0;

	if (c->out.len + len > SIM_OUT_MAX ||
	    sim_buf_add(&c->out, data, len) == -1)
		conn_fail(c, ENOBUFS);
	else if (!waiting && !c->corked)
		conn_flush(c);
}

static void
queue_late(struct sim_conn *c, const void *data, size_t len)
{
	struct sim_late *l = malloc(sizeof(*l) + len);

	if (l == NULL) {
		conn_fail(c, ENOMEM);
		return;
	}
	l->since = sim_now_us();
	l->due = l->since + c->delay_us;
	if (c->spread_us)
		l->due += sim_rand(&c->rng) % c->spread_us;
	if (l->due < c->last_due)
		l->due = c->last_due;
	c->last_due = l->due;
	l->len = len;
	memcpy(l->bytes, data, len);
	if (STAILQ_EMPTY(&c->late))
		arm_timer(c, l->due - l->since);
	STAILQ_INSERT_TAIL(&c->late, l, entry);
}

void
sim_conn_send(struct sim_conn *c, const void *data, size_t len)
{
	if (c->dead || c->closing || c->rst)
		return;
	if (c->delay_us)
		queue_late(c, data, len);
	else
		queue_out(c, data, len);
}

void
sim_conn_printf(struct sim_conn *c, const char *fmt, ...)
{
	char buf[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(buf))
		sim_conn_send(c, buf, (size_t)n);
}

void
sim_conn_finish(struct sim_conn *c)
{
	c->closing = true;
	event_del(&c->read);
	conn_flush(c);
}

void
sim_conn_reset(struct sim_conn *c)
{
	c->rst = true;
	event_del(&c->read);
	conn_flush(c);
}

static void
release_late(struct sim_conn *c)
{
	uint64_t now = sim_now_us();
	struct sim_late *l;

	while ((l = STAILQ_FIRST(&c->late)) != NULL && !c->dead) {
		if (l->due > now) {
			arm_timer(c, l->due - now);
			return;
		}
		STAILQ_REMOVE_HEAD(&c->late, entry);
		queue_out(c, l->bytes, l->len);
		if (c->late_log != NULL &&
		    memmem(l->bytes, l->len, "\"result\"", 8) != NULL)
			fprintf(c->late_log, "%llu\n",
			    (unsigned long long)(now - l->since));
		free(l);
	}
	if (!c->dead)
		conn_drained(c);
}

static void
conn_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sim_conn *c = arg;

	if (c->dead) {
		c->ops->on_close(c, c->why);
		return;
	}
	release_late(c);
}

static void
conn_on_pace(evutil_socket_t fd, short what, void *arg)
{
	struct sim_conn *c = arg;

	if (!c->dead && !c->eof && !c->rst)
		event_add(&c->read, NULL);
}

/* Consumes the lines that are complete; the rest waits in c->in. */
static void
conn_lines(struct sim_conn *c, size_t scanned)
{
	char *line, *lf;
	size_t len;

	while (!c->dead && c->in.len > scanned) {
		line = sim_buf_head(&c->in);
		lf = memchr(line + scanned, '\n', c->in.len - scanned);
		if (lf == NULL)
			break;
		scanned = 0;
		len = (size_t)(lf - line);
		if (c->skipping)
			c->skipping = false;
		else if (len && line[len - 1] == '\r')
			c->ops->on_line(c, line, len - 1);
		else
			c->ops->on_line(c, line, len);
		sim_buf_consume(&c->in, len + 1);
	}
	if (c->in.len <= SIM_LINE_MAX)
		return;
	if (!c->skipping && !c->dead)
		c->ops->on_long_line(c);
	c->skipping = true;
	sim_buf_consume(&c->in, c->in.len);
}

static void
conn_ended(struct sim_conn *c, ssize_t n)
{
	if (n == -1) {
		if (errno != EAGAIN && errno != EINTR)
			conn_fail(c, errno);
		return;
	}
	/* A half-close: what is still owed is sent first. */
	c->eof = true;
	sim_conn_finish(c);
}

static void
conn_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct sim_conn *c = arg;
	size_t want = READ_SIZE, had = c->in.len;
	struct timeval tv;
	char *p;
	ssize_t n;

	if (c->dead)
		return;
	if (c->read_rate) {
		want = c->read_rate / READS_A_SECOND + 1;
		want = want < READ_SIZE ? want : READ_SIZE;
		tv = sim_timeval(want * 1000000 / c->read_rate);
		event_del(&c->read);
		evtimer_add(&c->pace, &tv);
	}
	if ((p = sim_buf_reserve(&c->in, want)) == NULL) {
		conn_fail(c, ENOMEM);
		return;
	}
	n = recv(fd, p, want, 0);
	if (n <= 0) {
		conn_ended(c, n);
		return;
	}
	c->bytes_in += (size_t)n;
	if (c->closing)
		return;
	c->in.len += (size_t)n;
	c->corked = true;
	conn_lines(c, had);
	c->corked = false;
	if (c->out.len && !event_pending(&c->write, EV_WRITE, NULL))
		conn_flush(c);
}

static void
conn_on_write(evutil_socket_t fd, short what, void *arg)
{
	struct sim_conn *c = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	if (c->dead)
		return;
	if (c->connecting) {
		c->connecting = false;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err) {
			conn_fail(c, err);
			return;
		}
		event_add(&c->read, NULL);
		c->ops->on_connect(c);
	}
	conn_flush(c);
}

static void
conn_init(struct sim_conn *c, struct event_base *base, int fd,
    const struct sim_conn_ops *ops)
{
	c->fd = fd;
	c->ops = ops;
	STAILQ_INIT(&c->late);
	event_assign(&c->read, base, fd, EV_READ | EV_PERSIST, conn_on_read, c);
	event_assign(&c->write, base, fd, EV_WRITE, conn_on_write, c);
	evtimer_assign(&c->timer, base, conn_on_timer, c);
	evtimer_assign(&c->pace, base, conn_on_pace, c);
}

void
sim_conn_start(struct sim_conn *c, struct event_base *base, int fd,
    const struct sim_conn_ops *ops)
{
	conn_init(c, base, fd, ops);
	event_add(&c->read, NULL);
}

void
sim_conn_start_connecting(struct sim_conn *c, struct event_base *base, int fd,
    const struct sim_conn_ops *ops)
{
	conn_init(c, base, fd, ops);
	c->connecting = true;
	event_add(&c->write, NULL);
}

void
sim_conn_clear(struct sim_conn *c)
{
	struct sim_late *l;

	event_del(&c->read);
	event_del(&c->write);
	event_del(&c->timer);
	event_del(&c->pace);
	while ((l = STAILQ_FIRST(&c->late)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->late, entry);
		free(l);
	}
	sim_buf_clear(&c->in);
	sim_buf_clear(&c->out);
	if (c->fd != -1) {
		if (c->rst)
			sim_close_rst(c->fd);
		else
			close(c->fd);
	}
	c->fd = -1;
}
