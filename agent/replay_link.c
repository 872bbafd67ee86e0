/*
 * A connection to a pool: asked of the supervisor, which gives relayd the
 * other end.  One connection repeats one message, so that what captured
 * knows of the connection says which message each of its submits repeats.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/replay.h"
#include "common/log.h"

#define READ_BYTES 16384

static void
dead(struct link *l, const char *why)
{
	struct run *run = l->run;

	if (l->state == LINK_DEAD)
		return;
	l->state = LINK_DEAD;
	snprintf(l->why, sizeof(l->why), "%s", why);
	l->run = NULL;
	if (run != NULL)
		run_on_dead(run, l->why);
	link_free(l);
}

void
link_free(struct link *l)
{
	struct replay *r = l->replay;

	TAILQ_REMOVE(&r->links, l, entry);
	r->nlinks--;
	if (l->rd != NULL)
		event_free(l->rd);
	if (l->wr != NULL)
		event_free(l->wr);
	if (l->idle != NULL)
		event_free(l->idle);
	if (l->fd != -1)
		close(l->fd);
	poolclient_free(l->client);
	explicit_bzero(l->conf.password, sizeof(l->conf.password));
	free(l);
}

/* --- the conversation --- */

static void
on_state(void *arg, enum poolclient_state state)
{
	struct link *l = arg;

	if (state == POOLCLIENT_READY) {
		l->state = LINK_READY;
		if (l->run != NULL)
			run_on_ready(l->run);
		return;
	}
	dead(l, poolclient_why(l->client));
}

static void
on_answer(void *arg, const struct poolclient_answer *a)
{
	struct link *l = arg;

	if (l->run != NULL)
		run_on_answer(l->run, a);
}

static const struct poolclient_ops client_ops = {
	.on_state = on_state,
	.on_answer = on_answer,
};

void
link_flush(struct link *l)
{
	struct mbuf *out = poolclient_out(l->client);
	ssize_t n;

	while (out->len > 0) {
		n = send(l->fd, out->data, out->len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			event_add(l->wr, NULL);
			return;
		}
		/* That it is gone is read at the other side, with what it
		 * said last. */
		if (n == -1)
			return;
		poolclient_sent(l->client, (size_t)n);
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	link_flush(arg);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	char data[READ_BYTES];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		dead(l,
		    l->state == LINK_READY ?
			"the pool has closed the connection" :
			"the pool could not be reached, or closed the "
			"connection at once");
		return;
	}
	/* -1: it has failed, and is freed. */
	if (poolclient_feed(l->client, data, (size_t)n, replay_now()) == 0)
		link_flush(l);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	if (l->run == NULL)
		link_free(l);
}

/* --- opening --- */

static int
ask(struct link *l, const struct share *s, const struct session_rec *rec)
{
	struct replay *r = l->replay;
	struct replay_ask a = { .replay_of = s->pos };

	snprintf(a.listener, sizeof(a.listener), "%s", rec->listener);
	snprintf(a.pool.host, sizeof(a.pool.host), "%s", rec->pool_host);
	a.pool.port = rec->pool_port;
	mbuf_reset(&r->body);
	replay_ask_put(&r->body, &a);
	return ipc_send(proc_supervisor(r->proc), MSG_REPLAY_OPEN, l->id, -1,
	    &r->body);
}

static struct link *
link_new(struct replay *r, const struct share *s, const struct origin *o,
    const struct poolclient_conf *conf)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->replay = r;
	l->fd = -1;
	l->id = replay_id(r);
	l->pos = s->pos;
	l->conf = *conf;
	memcpy(l->session, o->rec.id, sizeof(l->session));
	TAILQ_INSERT_TAIL(&r->links, l, entry);
	r->nlinks++;
	l->idle = evtimer_new(r->base, on_idle, l);
	if (l->idle == NULL || ask(l, s, &o->rec) == -1) {
		link_free(l);
		return NULL;
	}
	return l;
}

/* The one that has been unused for longest makes room. */
static void
make_room(struct replay *r)
{
	struct link *l;

	if (r->nlinks < REPLAY_LINKS)
		return;
	TAILQ_FOREACH(l, &r->links, entry) {
		if (l->run == NULL) {
			link_free(l);
			return;
		}
	}
}

static bool
same_conf(const struct poolclient_conf *a, const struct poolclient_conf *b)
{
	return strcmp(a->worker, b->worker) == 0 &&
	    strcmp(a->password, b->password) == 0 &&
	    a->version_mask == b->version_mask;
}

struct link *
link_get(struct replay *r, const struct share *s, const struct origin *o,
    const struct poolclient_conf *conf, struct run *run)
{
	struct link *l;

	TAILQ_FOREACH(l, &r->links, entry) {
		if (l->run == NULL && l->state == LINK_READY &&
		    l->pos == s->pos && same_conf(&l->conf, conf) &&
		    memcmp(l->session, o->rec.id, sizeof(l->session)) == 0) {
			event_del(l->idle);
			l->run = run;
			return l;
		}
	}
	make_room(r);
	if (r->nlinks >= REPLAY_LINKS)
		return NULL;
	l = link_new(r, s, o, conf);
	if (l != NULL)
		l->run = run;
	return l;
}

void
link_release(struct link *l, bool keep)
{
	uint32_t ms = l->replay->conf.idle_ms;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	l->run = NULL;
	if (!keep || l->state != LINK_READY ||
	    poolclient_waiting(l->client) > 0)
		link_free(l);
	else
		event_add(l->idle, &tv);
}

static void
opened(struct link *l, int fd)
{
	struct replay *r = l->replay;

	l->fd = fd;
	l->state = LINK_TALKS;
	l->rd = event_new(r->base, fd, EV_READ | EV_PERSIST, on_readable, l);
	l->wr = event_new(r->base, fd, EV_WRITE, on_writable, l);
	l->client = poolclient_new(&l->conf, &client_ops, l);
	if (l->rd == NULL || l->wr == NULL || l->client == NULL ||
	    evutil_make_socket_nonblocking(fd) == -1 ||
	    event_add(l->rd, NULL) == -1) {
		dead(l, "out of memory");
		return;
	}
	link_flush(l);
}

void
link_on_opened(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct replay *r = arg;
	struct link *l;
	char why[256];

	msg_get_str(&m->cur, why, sizeof(why));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	TAILQ_FOREACH(l, &r->links, entry) {
		if (l->state == LINK_ASKED && l->id == m->id)
			break;
	}
	/* Nobody wants it any more: the descriptor is closed with m. */
	if (l == NULL)
		return;
	if (why[0] != '\0' || m->fd == -1)
		dead(l, why[0] != '\0' ? why : "no connection");
	else
		opened(l, msg_take_fd(m));
}
