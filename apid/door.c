/*
 * The door: connections are accepted here and stay until the head of their
 * first request is there, which is looked at without being read.  Then
 * libwebsockets gets those that may become WebSockets, libmicrohttpd the
 * rest.  Who takes too long or sends what is no request is told so and goes.
 *
 * When there is no room, the one that has waited longest without a complete
 * head makes it: thousands of half-open connections push each other out,
 * and a client that speaks at once always gets through.
 */
#include <sys/ioctl.h>

#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/guard.h"
#include "apid/request.h"
#include "apid/ws.h"
#include "common/log.h"

#define ACCEPT_BURST 64
#define LEAVE_MS     1000
#define DISCARD_MAX  (256 * 1024) /* of who is leaving */

struct visitor {
	TAILQ_ENTRY(visitor) entry;
	struct door *door;
	int fd;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	struct event *ev;
	int64_t until; /* ms */
	bool leaving;  /* told why, may read that */
	size_t discarded;
	struct identify identify; /* for a WebSocket */
	const struct ws_path *path;
	char *query;
	size_t head_len;
};
TAILQ_HEAD(visitors, visitor);

struct door {
	struct apid *api;
	struct event *listen_ev[API_LISTEN_MAX];
	int listen_fd[API_LISTEN_MAX];
	unsigned nlisten;
	struct visitors visitors; /* longest first */
	unsigned nvisitors;
	unsigned conns; /* with those that have gone through */
	char buf[HEAD_MAX];
};

static void on_visitor(evutil_socket_t, short, void *);

struct door *
door_new(struct apid *a)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->api = a;
	TAILQ_INIT(&d->visitors);
	return d;
}

/* --- coming and going --- */

/* The connection itself belongs to somebody else now, or is closed. */
static void
visitor_free(struct visitor *v)
{
	struct door *d = v->door;

	guard_cancel(&v->identify);
	TAILQ_REMOVE(&d->visitors, v, entry);
	d->nvisitors--;
	if (v->ev != NULL)
		event_free(v->ev);
	free(v->query);
	free(v);
}

void
door_left(struct door *d, const struct sockaddr_storage *addr)
{
	d->conns--;
	guard_leave(d->api->guard, addr);
}

static void
visitor_close(struct visitor *v)
{
	struct door *d = v->door;
	struct sockaddr_storage addr = v->addr;

	close(v->fd);
	visitor_free(v);
	door_left(d, &addr);
}

/* Tells why, and lets it read that: a close would reset what is unread. */
static void
turn_away(struct visitor *v, unsigned status, const char *why)
{
	static const struct {
		unsigned status;
		const char *text;
	} tab[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 426, "Upgrade Required\r\nSec-WebSocket-Version: 13" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	const char *text = "Error";
	char out[512], body[160];
	int n;

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		if (tab[i].status == status)
			text = tab[i].text;
	/* Our own words, so nothing in them needs escaping. */
	snprintf(body, sizeof(body), "{\"detail\":\"%s\"}", why);
	n = snprintf(out, sizeof(out),
	    "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n"
	    "X-Content-Type-Options: nosniff\r\n\r\n%s",
	    status, text, strlen(body), body);
	(void)send(v->fd, out, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(v->fd, SHUT_WR);
	v->leaving = true;
	event_add(v->ev, NULL);
	v->until = api_now() + LEAVE_MS;
	on_visitor(v->fd, EV_READ, v);
}

/* Room for one more: of who has waited longest and has said least. */
static bool
make_room(struct door *d, const struct sockaddr_storage *addr)
{
	struct visitor *v;

	TAILQ_FOREACH(v, &d->visitors, entry) {
		if (addr != NULL && !guard_same(&v->addr, addr))
			continue;
		d->api->n.refused++;
		visitor_close(v);
		return true;
	}
	return false;
}

static void
visitor_new(struct door *d, int fd, const struct sockaddr_storage *addr,
    socklen_t len)
{
	const struct api_conf *conf = &d->api->set.conf;
	struct visitor *v;

	d->api->n.accepted++;
	if (!guard_enter(d->api->guard, addr)) {
		/* One of its own makes room for it, or it has to go. */
		if (!make_room(d, addr) || !guard_enter(d->api->guard, addr)) {
			d->api->n.refused++;
			close(fd);
			return;
		}
	}
	d->conns++;
	if (d->nvisitors >= conf->waiting || d->conns > conf->max_conns)
		(void)make_room(d, NULL);
	v = calloc(1, sizeof(*v));
	if (v == NULL || d->conns > conf->max_conns) {
		d->api->n.refused++;
		free(v);
		close(fd);
		door_left(d, addr);
		return;
	}
	v->door = d;
	v->fd = fd;
	v->addr = *addr;
	v->addr_len = len;
	v->until = api_now() + conf->head_ms;
	TAILQ_INSERT_TAIL(&d->visitors, v, entry);
	d->nvisitors++;
	v->ev = event_new(d->api->base, fd,
	    EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_visitor, v);
	if (v->ev == NULL || event_add(v->ev, NULL) == -1)
		visitor_close(v);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct door *d = arg;
	struct sockaddr_storage addr;
	socklen_t len;
	int fd;

	for (unsigned i = 0; i < ACCEPT_BURST; i++) {
		len = sizeof(addr);
		memset(&addr, 0, sizeof(addr));
		fd = accept4(lfd, (struct sockaddr *)&addr, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1)
			visitor_new(d, fd, &addr, len);
		else if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	if (fd == -1 && (errno == EMFILE || errno == ENFILE))
		(void)make_room(d, NULL);
}

/* --- who is there --- */

static void
to_http(struct visitor *v)
{
	struct door *d = v->door;
	struct sockaddr_storage addr = v->addr;
	socklen_t len = v->addr_len;
	int fd = v->fd;

	visitor_free(v);
	http_add(d->api->http, fd, &addr, len);
}

static void
to_ws(struct visitor *v)
{
	struct door *d = v->door;
	struct span query = { v->query, strlen(v->query) };
	const char *why;

	if (ws_add(d->api->ws, v->fd, &v->addr, v->path, query, v->head_len,
		&v->identify.who, &why) == -1) {
		turn_away(v, 503, why);
		return;
	}
	visitor_free(v);
}

static void
on_identity(void *arg, const struct act_identity *id)
{
	struct visitor *v = arg;

	if (id->status == 200 && id->role >= ACT_ROLE_VIEWER)
		to_ws(v);
	else if (id->status == 200)
		turn_away(v, 403, "this takes the role viewer");
	else if (id->status == 503)
		turn_away(v, 503, "the auth process is not running");
	else
		turn_away(v, 401, "log in first");
}

static void
ask_for_ws(struct visitor *v, const struct head *h)
{
	struct apid *a = v->door->api;
	char peer[64];

	address_text(&v->addr, peer, sizeof(peer));
	if (!guard_host(a, h->host)) {
		refuse_count(a, REFUSED_HOST, peer, h->host);
		turn_away(v, 403, "this name is not ours (console host)");
		return;
	}
	/* A page of another site could read along, cookies or not. */
	if (guard_origin(a, h->origin, h->host) == ORIGIN_FOREIGN) {
		refuse_count(a, REFUSED_ORIGIN, peer, h->origin);
		turn_away(v, 403, "this origin is not allowed (console cors)");
		return;
	}
	if (!guard_may_ask(a->guard, &v->addr)) {
		turn_away(v, 429, "too many requests");
		return;
	}
	v->head_len = h->len;
	v->query = strndup(h->query.p == NULL ? "" : h->query.p, h->query.len);
	if (v->query == NULL) {
		turn_away(v, 503, "out of memory");
		return;
	}
	guard_who(a, h, peer, &v->identify.who);
	v->identify.fn = on_identity;
	v->identify.arg = v;
	event_del(v->ev);
	(void)guard_identify(a, &v->identify);
}

static void
look(struct visitor *v, ssize_t n)
{
	struct door *d = v->door;
	struct head h;

	switch (head_parse(d->buf, (size_t)n, &h)) {
	case HEAD_MORE:
		return;
	case HEAD_BAD:
		d->api->n.bad_heads++;
		turn_away(v, h.status, h.why);
		return;
	case HEAD_OK:
		break;
	}
	v->path = h.wants_ws ? ws_path(h.path) : NULL;
	if (v->path != NULL)
		ask_for_ws(v, &h);
	else
		to_http(v);
}

static void
on_visitor(evutil_socket_t fd, short what, void *arg)
{
	struct visitor *v = arg;
	struct door *d = v->door;
	ssize_t n;

	while (v->leaving) {
		n = recv(fd, d->buf, sizeof(d->buf), MSG_DONTWAIT);
		if (n > 0)
			v->discarded += (size_t)n;
		if (n == 0 || v->discarded > DISCARD_MAX ||
		    (n == -1 && errno != EAGAIN && errno != EINTR)) {
			visitor_close(v);
			return;
		}
		if (n == -1)
			return;
	}
	n = recv(fd, d->buf, sizeof(d->buf), MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || what & EV_CLOSED) {
		/* Whoever has said all it wants to say may wait for the
		 * answer with its side closed. */
		struct head h;

		if (n <= 0 || head_parse(d->buf, (size_t)n, &h) == HEAD_MORE) {
			visitor_close(v);
			return;
		}
	}
	look(v, n);
}

void
door_tick(struct door *d)
{
	struct visitor *v, *next;
	int64_t now = api_now();

	for (v = TAILQ_FIRST(&d->visitors); v != NULL; v = next) {
		next = TAILQ_NEXT(v, entry);
		if (v->until > now || v->identify.ask != NULL)
			continue;
		if (v->leaving) {
			visitor_close(v);
			continue;
		}
		d->api->n.timeouts++;
		turn_away(v, 408, "no request came in time");
	}
}

unsigned
door_waiting(const struct door *d)
{
	return d->nvisitors;
}

unsigned
door_connections(const struct door *d)
{
	return d->conns;
}

/* --- listening --- */

static void
close_listeners(struct door *d)
{
	for (unsigned i = 0; i < d->nlisten; i++) {
		event_free(d->listen_ev[i]);
		close(d->listen_fd[i]);
	}
	d->nlisten = 0;
}

void
door_listen(struct door *d)
{
	struct api_settings *set = &d->api->set;

	/* The sockets are the supervisor's: these are other descriptors of
	 * the same ones, and nobody is refused meanwhile. */
	close_listeners(d);
	for (size_t i = 0; i < set->nlisten; i++) {
		struct event *ev = event_new(d->api->base, set->listen_fd[i],
		    EV_READ | EV_PERSIST, on_accept, d);

		if (ev == NULL || event_add(ev, NULL) == -1)
			fatal("listening");
		d->listen_ev[d->nlisten] = ev;
		d->listen_fd[d->nlisten++] = set->listen_fd[i];
		set->listen_fd[i] = -1;
	}
}

void
door_free(struct door *d)
{
	struct visitor *v;

	if (d == NULL)
		return;
	while ((v = TAILQ_FIRST(&d->visitors)) != NULL)
		visitor_close(v);
	close_listeners(d);
	free(d);
}
