/*
 * libmicrohttpd, in our loop: it lends us its epoll descriptor and runs when
 * that says so.  The first head of a connection was checked at the door.  Those
 * that follow on it libmicrohttpd reads in place, leniently; they are put
 * together again from what it has left and checked by the same parser, before
 * anything is done about them.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/request.h"
#include "common/log.h"

#define MEMORY_PER_CONN (24u * 1024u)
#define DRAIN_BYTES_S   16384 /* the slowest reader that is waited for */

struct http {
	struct apid *api;
	struct MHD_Daemon *mhd;
	struct event *ready, *timer, *kick;
	LIST_HEAD(, http_conn) conns;
	unsigned nconns;
	const struct sockaddr_storage *adding; /* inside http_add() */
	int adding_fd;
	bool strange; /* this libmicrohttpd leaves something else */
	char head[HEAD_MAX];
};

/* --- running --- */

static void
run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval tv;

	MHD_run(h->mhd);
	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES) {
		if (ms == 0) {
			http_kick(h);
			return;
		}
		tv.tv_sec = (time_t)(ms / 1000);
		tv.tv_usec = (ms % 1000) * 1000;
		event_add(h->timer, &tv);
	}
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	run(arg);
}

void
http_kick(struct http *h)
{
	event_active(h->kick, EV_TIMEOUT, 0);
}

/* --- connections --- */

static void
on_connection(void *cls, struct MHD_Connection *conn, void **socket_cls,
    enum MHD_ConnectionNotificationCode what)
{
	struct http *h = cls;
	struct http_conn *c = *socket_cls;
	const union MHD_ConnectionInfo *info;
	struct sockaddr_storage addr;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(conn,
		    MHD_CONNECTION_INFO_CLIENT_ADDRESS);
		c = calloc(1, sizeof(*c));
		*socket_cls = c;
		if (c == NULL || info == NULL)
			return;
		c->api = h->api;
		c->conn = conn;
		memcpy(&c->addr, info->client_addr,
		    info->client_addr->sa_family == AF_INET6 ?
			sizeof(struct sockaddr_in6) :
			sizeof(struct sockaddr_in));
		info = MHD_get_connection_info(conn,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		c->fd = info == NULL ? -1 : info->connect_fd;
		address_text(&c->addr, c->peer, sizeof(c->peer));
		c->since = api_now();
		LIST_INSERT_HEAD(&h->conns, c, entry);
		h->nconns++;
		return;
	}
	if (c == NULL)
		return;
	addr = c->addr;
	LIST_REMOVE(c, entry);
	h->nconns--;
	free(c);
	if (h->api->door != NULL)
		door_left(h->api->door, &addr);
}

void
http_add(struct http *h, int fd, const struct sockaddr_storage *addr,
    socklen_t len)
{
	unsigned before = h->nconns;

	/* It closes fd when it cannot have it; whether on_connection saw it
	 * tells who has to count it out. */
	if (MHD_add_connection(h->mhd, fd, (const struct sockaddr *)addr,
		len) != MHD_YES &&
	    h->nconns == before)
		door_left(h->api->door, addr);
	http_kick(h);
}

static void
phase(struct http_conn *c, int to)
{
	if (c == NULL)
		return;
	c->phase = to;
	c->since = api_now();
}

void
http_tick(struct http *h)
{
	const struct api_conf *conf = &h->api->set.conf;
	int64_t now = api_now(), allowed = 0;
	struct http_conn *c;

	LIST_FOREACH(c, &h->conns, entry) {
		if (c->phase == CONN_IDLE)
			allowed = conf->idle_ms;
		else if (c->phase == CONN_READS)
			allowed = conf->body_ms;
		else if (c->phase == CONN_ANSWERS)
			allowed = c->allowed_ms;
		else
			continue;
		if (now - c->since <= allowed || c->fd == -1)
			continue;
		/* libmicrohttpd finds it ended. */
		h->api->n.timeouts += c->phase != CONN_IDLE;
		shutdown(c->fd, SHUT_RDWR);
		phase(c, CONN_WORKS);
		http_kick(h);
	}
}

unsigned
http_connections(const struct http *h)
{
	return h->nconns;
}

/* --- requests --- */

/* The first word about a request: its target as it came. */
static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct http *h = cls;
	const union MHD_ConnectionInfo *info;
	struct request *r = calloc(1, sizeof(*r));
	char *q;

	if (r == NULL)
		return NULL;
	info = MHD_get_connection_info(conn,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	r->api = h->api;
	r->conn = conn;
	r->hc = info == NULL ? NULL : info->socket_context;
	r->target = strdup(uri);
	if (r->target == NULL || r->hc == NULL) {
		free(r->target);
		free(r);
		return NULL;
	}
	r->target_len = strlen(r->target);
	q = strchr(r->target, '?');
	r->query = "";
	if (q != NULL) {
		*q = '\0';
		r->query = q + 1;
	}
	mbuf_init(&r->body);
	json_init(&r->out, API_ANSWER_MAX);
	phase(r->hc, CONN_READS);
	h->api->n.requests++;
	return r;
}

static void
request_free(struct request *r)
{
	struct apid *a = r->api;

	guard_cancel(&r->identify);
	ask_cancel(a, r->ask);
	if (r->work_free != NULL)
		r->work_free(r);
	a->memory -= r->charged;
	if (r->answer != NULL)
		MHD_destroy_response(r->answer);
	for (unsigned i = 0; i < r->nheaders; i++)
		free(r->header[i].value);
	json_clear(&r->out);
	mbuf_free(&r->body);
	free(r->decoded);
	free(r->target);
	free(r);
}

static void
on_completed(void *cls, struct MHD_Connection *conn, void **req_cls,
    enum MHD_RequestTerminationCode why)
{
	struct request *r = *req_cls;

	*req_cls = NULL;
	if (r == NULL)
		return;
	phase(r->hc, CONN_IDLE);
	request_free(r);
}

bool
request_charge(struct request *r)
{
	size_t now = r->out.cap;

	r->api->memory += now - r->charged;
	r->charged = now;
	return r->api->memory <= API_MEMORY_MAX;
}

void
request_done(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->conn);
	http_kick(r->api->http);
}

/* --- heads --- */

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
    const char *value, size_t len)
{
	static const struct {
		const char *name;
		size_t at;
	} tab[] = {
		{ "host", offsetof(struct head, host) },
		{ "origin", offsetof(struct head, origin) },
		{ "cookie", offsetof(struct head, cookie) },
		{ "authorization", offsetof(struct head, authorization) },
		{ "sec-fetch-site", offsetof(struct head, fetch_site) },
		{ "upgrade", offsetof(struct head, upgrade) },
		{ "content-length", offsetof(struct head, length) },
		{ "transfer-encoding", offsetof(struct head, encoding) },
	};
	struct span name = { key, key_len };
	struct head *h = cls;

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		if (span_is(name, tab[i].name))
			*(struct span *)(void *)((char *)h + tab[i].at) =
			    (struct span){ value == NULL ? "" : value, len };
	return MHD_YES;
}

/* As it came, into the buffer, unless it is longer than that: its length, 0
 * when something was put right. */
static size_t
restore(struct request *r, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->conn,
	    MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	size_t len = info == NULL ? 0 : info->header_size,
	       at = (size_t)((uintptr_t)version - (uintptr_t)method);
	struct http *h = r->api->http;
	char *q = r->target + strlen(r->target);
	int n;

	if (len > HEAD_MAX)
		return len;
	/* A version that is none is not within the head. */
	if (at >= len)
		return 0;
	memcpy(h->head, method, len);
	if (strlen(r->target) < r->target_len)
		*q = '?';
	n = head_restore(h->head, len, at, r->target, r->target_len);
	r->target[q - r->target] = '\0';
	return n != -1 &&
		n ==
		    MHD_get_connection_values_n(r->conn, MHD_HEADER_KIND, NULL,
			NULL) ?
	    len :
	    0;
}

/* 0, or the status with which it is refused. */
static unsigned
read_head(struct request *r, const char *version, struct head *h)
{
	struct http *http = r->api->http;
	size_t len = restore(r, r->method, version);
	bool first = !r->hc->used;

	memset(h, 0, sizeof(*h));
	r->hc->used = true;
	h->why = "the head is too long";
	if (len > HEAD_MAX)
		return 431;
	h->why = NULL;
	if (len > 0 && head_parse(http->head, len, h) == HEAD_OK)
		return 0;
	if (h->why == NULL)
		h->why =
		    "a line that does not end in CR LF, or a folded header";
	if (len > 0 || !first)
		return h->status != 0 ? h->status : 400;
	/* The door found nothing wrong with it, so it is the library that is
	 * another: no connection has a second request then. */
	if (!http->strange)
		log_warnx("this libmicrohttpd (%s) reads requests in another "
			  "way: connections are not kept",
		    MHD_get_version());
	http->strange = true;
	MHD_get_connection_values_n(r->conn, MHD_HEADER_KIND, on_header, h);
	return 0;
}

/* 0, or the status with which it is refused. */
static unsigned
check_head(struct request *r, struct head *h)
{
	struct apid *a = r->api;
	bool get = strcmp(r->method, "GET") == 0 ||
	    strcmp(r->method, "HEAD") == 0;

	if (h->upgrade.p != NULL) {
		h->why = "a new connection is needed for an upgrade";
		return span_is(h->upgrade, "websocket") ? 426 : 400;
	}
	if (!guard_host(a, h->host)) {
		refuse_count(a, REFUSED_HOST, r->hc->peer, h->host);
		h->why = "this name is not ours (console { host … })";
		return 403;
	}
	r->origin = guard_origin(a, h->origin, h->host);
	(void)span_copy(h->origin, r->origin_text, sizeof(r->origin_text));
	if (r->origin == ORIGIN_FOREIGN) {
		refuse_count(a, REFUSED_ORIGIN, r->hc->peer, h->origin);
		h->why = "this origin is not allowed (console { cors … })";
		return 403;
	}
	if (!get && r->origin == ORIGIN_NONE &&
	    (span_is(h->fetch_site, "cross-site") ||
		span_is(h->fetch_site, "same-site"))) {
		refuse_count(a, REFUSED_FORM, r->hc->peer, h->fetch_site);
		h->why = "a page of another site may not act here";
		return 403;
	}
	return 0;
}

/* What a form can send; anything else needs our own page, or no browser. */
static bool
is_form(struct request *r)
{
	static const char *const types[] = {
		"application/x-www-form-urlencoded", "multipart/form-data",
		"text/plain"
	};
	const char *t = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND,
	    "Content-Type");

	for (unsigned i = 0; t != NULL && i < 3; i++)
		if (strncasecmp(t, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

/* Its head is there. */
static void
begin(struct request *r, const char *method, const char *version)
{
	struct head h;
	unsigned status;

	r->begun = true;
	r->method = method;
	status = read_head(r, version, &h);
	if (r->api->http->strange)
		reply_header(r, "Connection", "close");
	if (!guard_may_ask(r->api->guard, &r->hc->addr)) {
		reply_header(r, "Retry-After", "1");
		reply_error(r, 429, "too many requests");
		return;
	}
	if (status == 0)
		status = check_head(r, &h);
	if (status != 0) {
		reply_header(r, "Connection", "close");
		if (status == 426)
			reply_header(r, "Upgrade", "websocket");
		reply_error(r, status, "%s", h.why);
		return;
	}
	if (h.length.p != NULL &&
	    strtoul(h.length.p, NULL, 10) > API_BODY_MAX) {
		reply_header(r, "Connection", "close");
		reply_error(r, 413, "the body is too long");
		return;
	}
	r->form = is_form(r);
	guard_who(r->api, &h, r->hc->peer, &r->identify.who);
}

/* The answer becomes libmicrohttpd's. */
static enum MHD_Result
queue(struct request *r)
{
	enum MHD_Result ok;
	int64_t bytes;

	reply_common(r, r->answer);
	r->api->n.answers[r->status / 100 < 6 ? r->status / 100 : 0]++;
	bytes = (int64_t)r->out.len;
	r->hc->allowed_ms = r->api->set.conf.answer_ms +
	    bytes * 1000 / DRAIN_BYTES_S;
	phase(r->hc, CONN_ANSWERS);
	ok = MHD_queue_response(r->conn, r->status, r->answer);
	r->answered = true;
	return ok;
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **req_cls)
{
	struct request *r = *req_cls;

	if (r == NULL || r->answered)
		return MHD_NO;
	if (!r->begun) {
		begin(r, method, version);
		return r->answer != NULL ? queue(r) : MHD_YES;
	}
	if (*len > 0) {
		if (r->body.len + *len <= API_BODY_MAX)
			msg_put_raw(&r->body, data, *len);
		else if (r->answer == NULL)
			reply_error(r, 413, "the body is too long");
		*len = 0;
		return MHD_YES;
	}
	if (!r->dispatched && r->answer == NULL) {
		r->dispatched = true;
		phase(r->hc, CONN_WORKS);
		route_request(r);
		if (r->answer == NULL) {
			r->suspended = true;
			MHD_suspend_connection(conn);
			return MHD_YES;
		}
	}
	return r->answer != NULL ? queue(r) : MHD_NO;
}

/* --- the daemon --- */

static void
on_mhd_log(void *cls, const char *fmt, va_list ap)
{
	char text[512], clean[600];

	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	text_escape(clean, sizeof(clean), text, strlen(text));
	log_debug("libmicrohttpd: %s", clean);
}

static struct MHD_Daemon *
start(struct http *h)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET |
		MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
	    0, NULL, NULL, on_access, h,
	    /* The first, so that it sees what the others say. */
	    MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, h,
	    MHD_OPTION_URI_LOG_CALLBACK, on_uri, h, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNS_MAX + 16,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONN,
	    /* http_tick() knows better in which phase it is. */
	    MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_END);
}

struct http *
http_new(struct apid *a)
{
	const union MHD_DaemonInfo *info;
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->api = a;
	LIST_INIT(&h->conns);
	h->mhd = start(h);
	if (h->mhd == NULL)
		fatalx("libmicrohttpd does not start");
	info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd == -1)
		fatalx("libmicrohttpd has no epoll descriptor");
	h->ready = event_new(a->base, info->epoll_fd, EV_READ | EV_PERSIST,
	    on_ready, h);
	h->timer = evtimer_new(a->base, on_ready, h);
	h->kick = event_new(a->base, -1, 0, on_ready, h);
	if (h->ready == NULL || h->timer == NULL || h->kick == NULL ||
	    event_add(h->ready, NULL) == -1)
		fatalx("out of memory");
	return h;
}

void
http_free(struct http *h)
{
	struct http_conn *c;

	if (h == NULL)
		return;
	/* It must not be stopped with connections suspended. */
	LIST_FOREACH(c, &h->conns, entry) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		    c->conn, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);

		if (info != NULL && info->suspended == MHD_YES)
			MHD_resume_connection(c->conn);
	}
	event_free(h->ready);
	event_free(h->timer);
	MHD_stop_daemon(h->mhd);
	event_free(h->kick);
	free(h);
}
