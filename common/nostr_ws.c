/*
 * libwebsockets as Debian ships it has no plugin for our event loop, so its
 * own loop is turned from ours: when one of its sockets has something to
 * read, after each thing that we ask of it, and by a timer, quick while a
 * connection is being made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/nostr_ws.h"

#define QUICK_MS          10
#define SLOW_MS           500
/* Without a sign of life for so long it is asked for one, and then ended. */
#define PING_S            30
#define HANG_UP_S         45
#define READ_BYTES        16384
#define NOSTR_WS_DOCUMENT 65536u

struct nostr_ws {
	struct nostr_net *net;
	struct nostr_ws *next;
	const struct nostr_ws_ops *ops;
	void *arg;
	struct lws *wsi;
	struct event *readable;
	bool get; /* a document, by HTTP */
	bool opened, closing, quiet;
	char why[160];
	char address[64], host[300];
	uint8_t *out; /* LWS_PRE bytes before it */
	size_t outlen;
	char *in;
	size_t inlen;
	bool too_long, binary;
};

struct nostr_net {
	struct event_base *base;
	struct lws_context *lws;
	struct event *turn;
	struct nostr_ws *list;
	const void *ca;
	size_t calen;
	unsigned ncerts;
	bool turning, again;
};

static int callback(struct lws *, enum lws_callback_reasons, void *, void *,
    size_t);

static const struct lws_protocols protocols[] = {
	{ .name = "relay", .callback = callback, .rx_buffer_size = READ_BYTES },
	{ .name = NULL },
};

static const uint32_t no_retries[] = { 1000 };
static const lws_retry_bo_t idle = { .retry_ms_table = no_retries,
	.retry_ms_table_count = 1,
	.conceal_count = 1,
	.secs_since_valid_ping = PING_S,
	.secs_since_valid_hangup = HANG_UP_S };

/* --- the two loops --- */

static void
turn_later(struct nostr_net *net)
{
	struct timeval tv = { 0, 0 };

	net->again = true;
	if (!net->turning)
		event_add(net->turn, &tv);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct nostr_net *net = arg;
	struct timeval tv = { 0, SLOW_MS * 1000 };
	struct nostr_ws *ws;

	net->turning = true;
	net->again = false;
	/* Less than 0: look, and do not wait. */
	lws_service(net->lws, -1);
	net->turning = false;
	for (ws = net->list; ws != NULL; ws = ws->next)
		if (!ws->opened || ws->closing || ws->outlen > 0)
			tv.tv_usec = QUICK_MS * 1000;
	if (net->again)
		tv.tv_usec = 0;
	if (net->list != NULL || net->again)
		event_add(net->turn, &tv);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct nostr_ws *ws = arg;

	on_turn(fd, what, ws->net);
}

/* --- one connection --- */

static void
watch(struct nostr_ws *ws, struct lws *wsi)
{
	struct nostr_net *net = ws->net;

	ws->readable = event_new(net->base, lws_get_socket_fd(wsi),
	    EV_READ | EV_PERSIST, on_readable, ws);
	/* Without it, the timer does. */
	if (ws->readable != NULL)
		event_add(ws->readable, NULL);
}

static void
unwatch(struct nostr_ws *ws)
{
	if (ws->readable != NULL)
		event_free(ws->readable);
	ws->readable = NULL;
}

static void
destroyed(struct nostr_ws *ws)
{
	struct nostr_ws **at = &ws->net->list;

	while (*at != ws)
		at = &(*at)->next;
	*at = ws->next;
	unwatch(ws);
	if (!ws->quiet)
		ws->ops->closed(ws->arg, ws->why);
	free(ws->out);
	free(ws->in);
	free(ws);
}

/* Fragments are put together, up to a bound. */
static void
received(struct nostr_ws *ws, struct lws *wsi, const void *data, size_t len)
{
	if (lws_is_first_fragment(wsi)) {
		ws->inlen = 0;
		ws->too_long = false;
		ws->binary = lws_frame_is_binary(wsi) != 0;
	}
	if (ws->inlen + len > NOSTR_WS_FRAME)
		ws->too_long = true;
	if (!ws->too_long && ws->in == NULL)
		ws->in = malloc(NOSTR_WS_FRAME);
	if (ws->in == NULL)
		ws->too_long = true;
	if (!ws->too_long) {
		memcpy(ws->in + ws->inlen, data, len);
		ws->inlen += len;
	}
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return;
	if (!ws->quiet)
		ws->ops->frame(ws->arg,
		    ws->too_long || ws->binary ? NULL : ws->in, ws->inlen);
	/* Most frames are small: what a large one took is not kept. */
	if (ws->inlen > READ_BYTES) {
		free(ws->in);
		ws->in = NULL;
	}
	ws->inlen = 0;
}

static int
writeable(struct nostr_ws *ws, struct lws *wsi)
{
	uint8_t *out = ws->out;
	size_t len = ws->outlen;
	int n;

	if (ws->closing)
		return -1;
	if (len == 0)
		return 0;
	n = lws_write(wsi, out + LWS_PRE, len, LWS_WRITE_TEXT);
	ws->out = NULL;
	ws->outlen = 0;
	free(out);
	if (n < (int)len)
		return -1;
	if (!ws->quiet)
		ws->ops->sent(ws->arg);
	return 0;
}

static void
load_certificates(struct nostr_net *net, SSL_CTX *ctx)
{
	BIO *bio;
	X509 *cert;

	if (net->calen == 0 ||
	    (bio = BIO_new_mem_buf(net->ca, (int)net->calen)) == NULL)
		return;
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		net->ncerts += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx),
				   cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
}

static void
keep_why(struct nostr_ws *ws, const void *text, size_t len)
{
	if (ws->why[0] == '\0' && text != NULL)
		snprintf(ws->why, sizeof(ws->why), "%.*s", (int)len,
		    (const char *)text);
}

/* --- a document --- */

static int
ask_for_json(struct lws *wsi, uint8_t **at, size_t len)
{
	static const char type[] = "application/nostr+json";

	return lws_add_http_header_by_name(wsi,
	    (const uint8_t *)"accept:", (const uint8_t *)type,
	    (int)sizeof(type) - 1, at, *at + len);
}

static int
read_some(struct lws *wsi)
{
	char room[LWS_PRE + 2048], *p = room + LWS_PRE;
	int len = sizeof(room) - LWS_PRE;

	return lws_http_client_read(wsi, &p, &len) < 0 ? -1 : 0;
}

static int
keep_some(struct nostr_ws *ws, const void *data, size_t len)
{
	if (ws->inlen + len > NOSTR_WS_DOCUMENT)
		return -1;
	if (ws->in == NULL && (ws->in = malloc(NOSTR_WS_DOCUMENT)) == NULL)
		return -1;
	memcpy(ws->in + ws->inlen, data, len);
	ws->inlen += len;
	return 0;
}

/* Whatever comes that is not asked for ends it. */
static int
get_callback(struct nostr_ws *ws, struct lws *wsi,
    enum lws_callback_reasons reason, void *in, size_t len)
{
	if (ws->closing)
		return -1;
	if (reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER)
		return ask_for_json(wsi, in, len);
	if (reason == LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP)
		return lws_http_client_http_response(wsi) == 200 ? 0 : -1;
	if (reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP)
		return read_some(wsi);
	if (reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ)
		return keep_some(ws, in, len);
	if (reason == LWS_CALLBACK_CLIENT_HTTP_REDIRECT)
		return -1;
	if (reason == LWS_CALLBACK_COMPLETED_CLIENT_HTTP) {
		if (!ws->quiet && ws->inlen > 0)
			ws->ops->frame(ws->arg, ws->in, ws->inlen);
		return -1;
	}
	return 0;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct nostr_ws *ws = lws_get_opaque_user_data(wsi);

	/* There are more reasons than we have business with. */
	if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS) {
		load_certificates(lws_context_user(lws_get_context(wsi)), user);
		return 0;
	}
	if (ws == NULL)
		return 0;
	if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR) {
		keep_why(ws, in, len);
	} else if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED) {
		ws->opened = true;
		watch(ws, wsi);
		if (!ws->quiet)
			ws->ops->opened(ws->arg);
	} else if (reason == LWS_CALLBACK_CLIENT_RECEIVE) {
		received(ws, wsi, in, len);
		return ws->closing ? -1 : 0;
	} else if (reason == LWS_CALLBACK_CLIENT_WRITEABLE) {
		return writeable(ws, wsi);
	} else if (reason == LWS_CALLBACK_CLIENT_CLOSED) {
		keep_why(ws, "the relay ended the connection", 30);
		/* The descriptor is closed next. */
		unwatch(ws);
	} else if (reason == LWS_CALLBACK_WSI_DESTROY) {
		lws_set_opaque_user_data(wsi, NULL);
		destroyed(ws);
	} else if (ws->get) {
		return get_callback(ws, wsi, reason, in, len);
	}
	return 0;
}

/* --- what others call --- */

struct nostr_net *
nostr_net_new(struct event_base *base, const void *ca, size_t len)
{
	struct lws_context_creation_info info;
	struct nostr_net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		return NULL;
	net->base = base;
	net->ca = ca;
	net->calen = len;
	lws_set_log_level(0, NULL);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
	    LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	info.user = net;
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	info.fd_limit_per_thread = 64;
	info.retry_and_idle_policy = &idle;
	net->turn = evtimer_new(base, on_turn, net);
	net->lws = net->turn == NULL ? NULL : lws_create_context(&info);
	net->ca = NULL;
	net->calen = 0;
	if (net->lws == NULL || (len > 0 && net->ncerts == 0)) {
		nostr_net_free(net);
		return NULL;
	}
	return net;
}

void
nostr_net_free(struct nostr_net *net)
{
	struct nostr_ws *ws;

	if (net == NULL)
		return;
	for (ws = net->list; ws != NULL; ws = ws->next)
		ws->quiet = true;
	net->turning = true;
	if (net->lws != NULL)
		lws_context_destroy(net->lws);
	if (net->turn != NULL)
		event_free(net->turn);
	free(net);
}

/* As a browser names it: the port when it is not the usual one. */
static void
put_host(char *dst, size_t size, const struct nostr_url *url)
{
	int n = snprintf(dst, size,
	    strchr(url->host, ':') != NULL ? "[%s]" : "%s", url->host);

	if (url->port != (url->tls ? 443 : 80))
		snprintf(dst + n, size - (size_t)n, ":%u", url->port);
}

static struct nostr_ws *
begin(struct nostr_net *net, const struct nostr_url *url, const char *address,
    const struct nostr_ws_ops *ops, void *arg, bool get, const char **why)
{
	struct lws_client_connect_info info;
	struct nostr_ws *ws = calloc(1, sizeof(*ws));

	*why = "out of memory";
	if (ws == NULL)
		return NULL;
	ws->net = net;
	ws->ops = ops;
	ws->arg = arg;
	ws->get = get;
	ws->next = net->list;
	net->list = ws;
	snprintf(ws->address, sizeof(ws->address), "%s", address);
	put_host(ws->host, sizeof(ws->host), url);
	memset(&info, 0, sizeof(info));
	info.context = net->lws;
	info.address = ws->address;
	info.port = url->port;
	info.ssl_connection = url->tls ? LCCSCF_USE_SSL : 0;
	info.path = url->path;
	info.host = ws->host;
	info.ietf_version_or_minus_one = -1;
	info.local_protocol_name = "relay";
	info.retry_and_idle_policy = &idle;
	info.opaque_user_data = ws;
	if (get) {
		info.method = "GET";
		info.alpn = "http/1.1";
		info.ssl_connection |= LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
	}
	info.pwsi = &ws->wsi;
	/* It may fail, and be destroyed, before this returns. */
	ws->quiet = true;
	if (lws_client_connect_via_info(&info) == NULL) {
		for (struct nostr_ws *p = net->list; p != NULL; p = p->next) {
			if (p == ws) {
				destroyed(ws);
				break;
			}
		}
		*why = "cannot connect";
		return NULL;
	}
	ws->quiet = false;
	turn_later(net);
	return ws;
}

struct nostr_ws *
nostr_ws_open(struct nostr_net *net, const struct nostr_url *url,
    const char *address, const struct nostr_ws_ops *ops, void *arg,
    const char **why)
{
	return begin(net, url, address, ops, arg, false, why);
}

struct nostr_ws *
nostr_ws_get(struct nostr_net *net, const struct nostr_url *url,
    const char *address, const struct nostr_ws_ops *ops, void *arg,
    const char **why)
{
	return begin(net, url, address, ops, arg, true, why);
}

int
nostr_ws_send(struct nostr_ws *ws, const void *text, size_t len)
{
	if (!ws->opened || ws->closing || ws->outlen > 0)
		return -1;
	ws->out = malloc(LWS_PRE + len);
	if (ws->out == NULL)
		return -1;
	memcpy(ws->out + LWS_PRE, text, len);
	ws->outlen = len;
	lws_callback_on_writable(ws->wsi);
	turn_later(ws->net);
	return 0;
}

bool
nostr_ws_busy(const struct nostr_ws *ws)
{
	return !ws->opened || ws->closing || ws->outlen > 0;
}

void
nostr_ws_close(struct nostr_ws *ws, bool quiet)
{
	ws->closing = true;
	ws->quiet = ws->quiet || quiet;
	lws_set_timeout(ws->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	turn_later(ws->net);
}
