/*
 * WebSocket clients.  libwebsockets speaks the protocol; which socket has
 * something is our loop's to know, and then it is served without waiting.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/ws_int.h"
#include "common/log.h"

struct ws_path {
	const char *path;
	enum ws_kind kind;
};

static const struct ws_path paths[] = {
	{ "/api/ws", WS_MESSAGES },
	{ "/api/ws/agents", WS_AGENTS },
};

const struct ws_path *
ws_path(struct span path)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (path.len == strlen(paths[i].path) &&
		    memcmp(path.p, paths[i].path, path.len) == 0)
			return &paths[i];
	return NULL;
}

/* --- frames --- */

struct blob *
blob_new(const char *text, size_t len)
{
	struct blob *b = malloc(sizeof(*b) + LWS_PRE + len);

	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->len = len;
	memcpy(b->data + LWS_PRE, text, len);
	return b;
}

void
blob_free(struct blob *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}

static void
frame_free(struct ws_client *c)
{
	struct ws_frame *f = STAILQ_FIRST(&c->frames);

	STAILQ_REMOVE_HEAD(&c->frames, entry);
	c->queued -= f->blob->len;
	blob_free(f->blob);
	free(f);
}

bool
client_full(const struct ws_client *c)
{
	return c->queued >= c->ws->api->set.conf.queue;
}

void
client_send(struct ws_client *c, struct blob *b)
{
	struct ws_frame *f;

	if (c->gone || b == NULL)
		return;
	f = malloc(sizeof(*f));
	if (f == NULL || c->queued + b->len > c->ws->api->set.conf.queue_max) {
		free(f);
		c->ws->api->n.ws_cut++;
		client_end(c, LWS_CLOSE_STATUS_POLICY_VIOLATION);
		return;
	}
	if (c->queued == 0)
		c->moved = api_now();
	f->blob = b;
	b->refs++;
	c->queued += b->len;
	c->spoke = api_now();
	STAILQ_INSERT_TAIL(&c->frames, f, entry);
	if (c->open) {
		lws_callback_on_writable(c->wsi);
		ws_serve(c->ws);
	}
}

void
client_text(struct ws_client *c, const char *text, size_t len)
{
	struct blob *b = blob_new(text, len);

	client_send(c, b);
	blob_free(b);
}

void
client_json(struct ws_client *c)
{
	const char *text;
	size_t len;

	text = json_finish(&c->ws->out, &len);
	if (text != NULL)
		client_text(c, text, len);
	json_reset(&c->ws->out);
}

void
client_end(struct ws_client *c, enum lws_close_status status)
{
	if (c->gone)
		return;
	c->gone = true;
	lws_close_reason(c->wsi, status, NULL, 0);
	/* It ends when libwebsockets next looks at it. */
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	ws_serve(c->ws);
}

/* --- libwebsockets' callbacks --- */

static void
client_free(struct ws_client *c)
{
	struct ws *ws = c->ws;
	struct sockaddr_storage addr = c->addr;

	guard_cancel(&c->identify);
	explicit_bzero(&c->identify.who, sizeof(c->identify.who));
	for (unsigned i = 0; i < TOPICS; i++)
		sub_clear(&c->sub[i]);
	while (!STAILQ_EMPTY(&c->frames))
		frame_free(c);
	if (c->rd != NULL)
		event_free(c->rd);
	if (c->wr != NULL)
		event_free(c->wr);
	LIST_REMOVE(c, entry);
	ws->n--;
	free(c);
	door_left(ws->api->door, &addr);
}

static int
on_writable(struct ws_client *c)
{
	struct ws_frame *f = STAILQ_FIRST(&c->frames);
	struct blob *b;

	if (c->gone)
		return -1;
	if (f == NULL)
		return 0;
	b = f->blob;
	if (lws_write(c->wsi, b->data + LWS_PRE, b->len, LWS_WRITE_TEXT) < 0)
		return -1;
	c->moved = api_now();
	c->ws->api->n.ws_frames++;
	c->ws->api->n.ws_bytes += b->len;
	frame_free(c);
	if (!STAILQ_EMPTY(&c->frames))
		lws_callback_on_writable(c->wsi);
	else
		live_drained(c);
	return 0;
}

/* A message may come in pieces; there is an end to their length and number. */
static int
on_receive(struct ws_client *c, const char *p, size_t len)
{
	if (c->in_len + len > WS_TEXT_MAX || ++c->parts > WS_PARTS_MAX ||
	    lws_frame_is_binary(c->wsi)) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
		    NULL, 0);
		return -1;
	}
	memcpy(c->in + c->in_len, p, len);
	c->in_len += len;
	if (!lws_is_final_fragment(c->wsi) ||
	    lws_remaining_packet_payload(c->wsi) > 0)
		return 0;
	if (++c->said > 50) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION,
		    NULL, 0);
		return -1;
	}
	c->in[c->in_len] = '\0';
	sub_said(c);
	c->in_len = c->parts = 0;
	return c->gone ? -1 : 0;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
    size_t len)
{
	struct ws_client *c = wsi == NULL ? NULL :
					    lws_get_opaque_user_data(wsi);

	if (c == NULL)
		return 0;
	/* The others are none of our concern. */
	if (why == LWS_CALLBACK_ESTABLISHED) {
		c->open = true;
		c->ws->api->n.ws_opened++;
		agents_opened(c);
		live_want(c->ws);
		if (!STAILQ_EMPTY(&c->frames))
			lws_callback_on_writable(wsi);
	} else if (why == LWS_CALLBACK_SERVER_WRITEABLE) {
		return on_writable(c);
	} else if (why == LWS_CALLBACK_RECEIVE) {
		return on_receive(c, in, len);
	} else if (why == LWS_CALLBACK_CLOSED) {
		c->gone = true;
		c->open = false;
	} else if (why == LWS_CALLBACK_WSI_DESTROY) {
		lws_set_opaque_user_data(wsi, NULL);
		client_free(c);
	}
	return 0;
}

/* --- serving --- */

void
ws_serve(struct ws *ws)
{
	event_active(ws->serve, EV_TIMEOUT, 0);
}

static void
on_serve(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;
	struct ws_client *c;

	/* Again while it has something of its own to do; bounded, since it
	 * is not the only one here. */
	for (unsigned i = 0; i < 8; i++) {
		lws_service(ws->context, -1);
		if (lws_service_adjust_timeout(ws->context, 1, 0) != 0)
			break;
	}
	LIST_FOREACH(c, &ws->clients, entry)
		if (!STAILQ_EMPTY(&c->frames) ||
		    (c->open && lws_partial_buffered(c->wsi)))
			event_add(c->wr, NULL);
}

/* It may have to be answered, with a pong or the end. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ws_client *c = arg;
	enum lws_close_status bad = track_look(c);

	if (bad != LWS_CLOSE_STATUS_NOSTATUS) {
		/* What it has sent is not read any more. */
		c->ws->api->n.ws_cut++;
		shutdown(fd, SHUT_RD);
		client_end(c, bad);
	}
	event_add(c->wr, NULL);
	on_serve(fd, what, c->ws);
}

static const struct lws_protocols protocols[] = {
	/* Without the last a frame leaves in pieces of what may come in. */
	{ "", callback, 0, WS_TEXT_MAX, 0, NULL, 2 * WS_FRAME },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

/* A peer that is gone without a word is found by pings. */
static const lws_retry_bo_t pings = {
	.secs_since_valid_ping = 30,
	.secs_since_valid_hangup = 60,
};

struct ws *
ws_new(struct apid *a)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		/* Descriptors, its own and ours among them. */
		.fd_limit_per_thread = API_WS_MAX + 16,
		.timeout_secs = 10,
		.retry_and_idle_policy = &pings,
	};
	struct ws *ws = calloc(1, sizeof(*ws));

	if (ws == NULL)
		return NULL;
	ws->api = a;
	LIST_INIT(&ws->clients);
	json_init(&ws->out, 4u << 20);
	lws_set_log_level(0, NULL);
	ws->context = lws_create_context(&info);
	if (ws->context == NULL)
		fatalx("libwebsockets does not start");
	ws->vhost = lws_create_vhost(ws->context, &info);
	ws->serve = event_new(a->base, -1, 0, on_serve, ws);
	if (ws->vhost == NULL || ws->serve == NULL)
		fatalx("libwebsockets does not start");
	live_init(ws);
	if (poll_init(ws) == -1 || agents_init(ws) == -1)
		fatalx("out of memory");
	return ws;
}

/* --- coming --- */

static void
set_options(struct ws_client *c, struct span query)
{
	char text[256], *rest = text, *pair;
	bool topics = false;

	if (!span_copy(query, text, sizeof(text)))
		return;
	while ((pair = strsep(&rest, "&")) != NULL) {
		if (strncmp(pair, "session_id=", 11) == 0)
			c->has_session = uuid_parse(pair + 11, c->session) == 0;
		else if (strncmp(pair, "subscribe", 9) == 0)
			topics = true;
	}
	c->subscribed = topics;
}

/* --- who is still allowed to listen --- */

static void
on_identity(void *arg, const struct act_identity *id)
{
	struct ws_client *c = arg;

	/* While auth is away nobody is sent away for it. */
	if (id->status == 200 ? id->role < ACT_ROLE_VIEWER : id->status != 503)
		client_end(c, LWS_CLOSE_STATUS_POLICY_VIOLATION);
}

static void
look_again(struct ws_client *c)
{
	if (c->gone || !c->open || c->identify.ask != NULL)
		return;
	c->identified = api_now();
	(void)guard_identify(c->ws->api, &c->identify);
}

void
ws_forget(struct ws *ws)
{
	struct ws_client *c;

	LIST_FOREACH(c, &ws->clients, entry)
		look_again(c);
}

static bool
plain_place(const struct ws *ws)
{
	const struct ws_client *c;
	unsigned n = 0;

	LIST_FOREACH(c, &ws->clients, entry)
		n += c->plain;
	return n < ws->api->set.conf.plain;
}

int
ws_add(struct ws *ws, int fd, const struct sockaddr_storage *addr,
    const struct ws_path *path, struct span query, size_t head_len,
    const struct act_who *who, const char **why)
{
	struct ws_client *c;
	int on = 1;

	*why = "too many WebSockets are open";
	if (ws->n >= ws->api->set.conf.websockets)
		return -1;
	*why = "out of memory";
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -1;
	c->ws = ws;
	c->fd = fd;
	c->addr = *addr;
	c->kind = path->kind;
	c->track.at = head_len;
	c->since = c->moved = c->spoke = c->identified = api_now();
	c->identify.who = *who;
	c->identify.fn = on_identity;
	c->identify.arg = c;
	STAILQ_INIT(&c->frames);
	for (unsigned i = 0; i < TOPICS; i++) {
		c->sub[i].client = c;
		c->sub[i].topic = (uint8_t)i;
	}
	set_options(c, query);
	if (c->kind == WS_MESSAGES && !c->subscribed)
		c->plain = plain_place(ws);
	c->rd = event_new(ws->api->base, fd, EV_READ | EV_PERSIST, on_readable,
	    c);
	c->wr = event_new(ws->api->base, fd, EV_WRITE, on_serve, ws);
	if (c->rd == NULL || c->wr == NULL || event_add(c->rd, NULL) == -1) {
		if (c->rd != NULL)
			event_free(c->rd);
		if (c->wr != NULL)
			event_free(c->wr);
		free(c);
		return -1;
	}
	LIST_INSERT_HEAD(&ws->clients, c, entry);
	ws->n++;
	/* Else a frame waits until the one before it is acknowledged, which a
	 * browser puts off for 40 ms. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->wsi = lws_adopt_socket_vhost(ws->vhost, fd);
	if (c->wsi == NULL) {
		/* It has closed fd. */
		client_free(c);
		return 0;
	}
	lws_set_opaque_user_data(c->wsi, c);
	ws_serve(ws);
	return 0;
}

unsigned
ws_clients(const struct ws *ws)
{
	return ws->n;
}

void
ws_tick(struct ws *ws)
{
	const struct api_conf *conf = &ws->api->set.conf;
	struct ws_client *c, *next;
	int64_t now = api_now();

	for (c = LIST_FIRST(&ws->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		c->said = c->said > 12 ? c->said - 12 : 0;
		if (now - c->identified > conf->recheck_ms)
			look_again(c);
		if (c->queued > 0 && now - c->moved > conf->stuck_ms) {
			ws->api->n.ws_cut++;
			client_end(c, LWS_CLOSE_STATUS_POLICY_VIOLATION);
		} else if (c->kind == WS_MESSAGES && !c->plain &&
		    !c->subscribed && now - c->since > WS_PLAIN_MS) {
			client_end(c, LWS_CLOSE_STATUS_POLICY_VIOLATION);
		}
	}
	live_want(ws);
	poll_tick(ws);
	agents_tick(ws);
	/* Its own timeouts and pings. */
	if (ws->n > 0)
		ws_serve(ws);
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL)
		return;
	poll_free(ws);
	agents_free(ws);
	/* Ends every client, by WSI_DESTROY. */
	lws_context_destroy(ws->context);
	live_free(ws);
	event_free(ws->serve);
	json_clear(&ws->out);
	free(ws);
}
