/*
 * WebSockets for the relay, as RFC 6455 has them, the server's side: the
 * handshake, masked frames in, whole messages out.  Nothing is negotiated.
 */
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sim/relay.h"
#include "tests/sim/sim_util.h"

#define HEAD_MAX 8192
#define GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
	OP_MORE,
	OP_TEXT,
	OP_BINARY,
	OP_CLOSE = 8,
	OP_PING,
	OP_PONG
};

struct server {
	struct event_base *base;
	const struct relay_ws_ops *ops;
	unsigned clients;
};

struct relay_ws {
	struct server *server;
	struct bufferevent *bev;
	void *arg; /* NULL: not yet a WebSocket */
	char *message;
	size_t len;
	int ending; /* all that waits is written, then it is closed */
	int now;    /* it is closed, without that */
};

static void
ws_free(struct relay_ws *w)
{
	if (w->arg != NULL)
		w->server->ops->closed(w->arg);
	w->server->clients--;
	bufferevent_free(w->bev);
	free(w->message);
	free(w);
}

/* From the loop, not from here: callers may hold it. */
static void
ws_end(struct relay_ws *w)
{
	w->ending = 1;
	bufferevent_disable(w->bev, EV_READ);
	bufferevent_trigger(w->bev, EV_WRITE,
	    BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

/* --- out --- */

static void
put_frame(struct relay_ws *w, int op, const void *data, size_t len)
{
	uint8_t head[10] = { (uint8_t)(0x80 | op) };
	size_t n = 2;

	if (len < 126) {
		head[1] = (uint8_t)len;
	} else if (len < 65536) {
		head[1] = 126;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
		n = 4;
	} else {
		head[1] = 127;
		for (unsigned i = 0; i < 8; i++)
			head[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
		n = 10;
	}
	bufferevent_write(w->bev, head, n);
	bufferevent_write(w->bev, data, len);
}

int
relay_send(struct relay_ws *w, const char *text, size_t len)
{
	if (w->ending)
		return -1;
	if (evbuffer_get_length(bufferevent_get_output(w->bev)) > RELAY_OUT) {
		w->now = 1;
		ws_end(w);
		return -1;
	}
	put_frame(w, OP_TEXT, text, len);
	return 0;
}

/* --- the handshake --- */

/* The value of a header; its length, or 0. */
static size_t
header(const char *head, const char *name, const char **value)
{
	const char *p = head, *end;
	size_t n = strlen(name);

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 1;
		p += strspn(p, " \t");
		end = strstr(p, "\r\n");
		*value = p;
		return end == NULL ? 0 : (size_t)(end - p);
	}
	return 0;
}

static void
say(struct relay_ws *w, const char *text)
{
	bufferevent_write(w->bev, text, strlen(text));
}

static void
accept_key(const char *key, size_t len, char out[64])
{
	char text[128];
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	snprintf(text, sizeof(text), "%.*s" GUID, (int)len, key);
	EVP_Digest(text, strlen(text), md, &n, EVP_sha1(), NULL);
	EVP_EncodeBlock((unsigned char *)out, md, (int)n);
}

/* NIP-11, for who asks by plain HTTP. */
static void
inform(struct relay_ws *w)
{
	static const char text[] =
	    "{\"name\":\"the demo's relay\",\"supported_nips\":[1,11,40],"
	    "\"limitation\":{\"max_message_length\":262144}}";
	char head[200];

	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/nostr+json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    sizeof(text) - 1);
	say(w, head);
	say(w, text);
	ws_end(w);
}

static void
greet(struct relay_ws *w, const char *head)
{
	const char *key = "";
	char reply[200], accept[64];
	size_t n = header(head, "Sec-WebSocket-Key", &key);

	if (strncmp(head, "GET ", 4) != 0 || n == 0 || n > 64) {
		inform(w);
		return;
	}
	accept_key(key, n, accept);
	snprintf(reply, sizeof(reply),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	say(w, reply);
	w->arg = w->server->ops->opened(w);
	if (w->arg == NULL)
		ws_end(w);
}

/* 1: go on with what is behind it. */
static int
read_head(struct relay_ws *w, struct evbuffer *in)
{
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	char head[HEAD_MAX + 1];
	ev_ssize_t n;

	if (end.pos < 0 || end.pos + 4 > HEAD_MAX) {
		if (evbuffer_get_length(in) >= HEAD_MAX)
			ws_end(w);
		return 0;
	}
	n = evbuffer_remove(in, head, (size_t)end.pos + 4);
	head[n < 0 ? 0 : n] = '\0';
	greet(w, head);
	return !w->ending;
}

/* --- frames in --- */

static int
take(struct relay_ws *w, int op, int fin, const uint8_t *data, size_t len)
{
	char *more;

	if (op == OP_CLOSE || op == OP_BINARY || len > RELAY_FRAME - w->len)
		return -1;
	if (op == OP_PING)
		put_frame(w, OP_PONG, data, len);
	if (op != OP_TEXT && op != OP_MORE)
		return 0;
	more = realloc(w->message, w->len + len + 1);
	if (more == NULL)
		return -1;
	w->message = more;
	memcpy(more + w->len, data, len);
	w->len += len;
	if (fin) {
		len = w->len;
		w->len = 0;
		w->server->ops->text(w->arg, w->message, len);
	}
	return 0;
}

/* Bytes of the frame at the beginning; 0 not all there, -1 none. */
static long
frame(struct relay_ws *w, uint8_t *p, size_t have)
{
	size_t at = 2;
	uint64_t len;
	unsigned n;

	if (have < 2)
		return 0;
	len = p[1] & 0x7f;
	n = len == 126 ? 2 : len == 127 ? 8 : 0;
	if ((p[0] & 0x70) != 0 || (p[1] & 0x80) == 0)
		return -1;
	if (have < at + n + 4)
		return 0;
	if (n > 0)
		for (len = 0; n > 0; n--)
			len = len << 8 | p[at++];
	if (len > RELAY_FRAME)
		return -1;
	if (have < at + 4 + len)
		return 0;
	for (uint64_t i = 0; i < len; i++)
		p[at + 4 + i] ^= p[at + i % 4];
	if (take(w, p[0] & 15, p[0] & 0x80, p + at + 4, (size_t)len) == -1)
		return -1;
	return (long)(at + 4 + len);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct relay_ws *w = arg;
	size_t have;
	long n = 1;

	if (w->arg == NULL && !read_head(w, in))
		return;
	while (n > 0 && !w->ending && (have = evbuffer_get_length(in)) > 0) {
		n = frame(w, evbuffer_pullup(in, -1), have);
		if (n > 0)
			evbuffer_drain(in, (size_t)n);
	}
	if (n < 0)
		ws_end(w);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct relay_ws *w = arg;

	if (w->ending &&
	    (w->now || evbuffer_get_length(bufferevent_get_output(bev)) == 0))
		ws_free(w);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
		ws_free(arg);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct server *s = arg;
	struct relay_ws *w = calloc(1, sizeof(*w));
	const struct timeval unread = { 30, 0 };

	if (w == NULL || s->clients >= RELAY_CLIENTS ||
	    (w->bev = bufferevent_socket_new(s->base, fd,
		 BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS)) == NULL) {
		free(w);
		evutil_closesocket(fd);
		return;
	}
	w->server = s;
	s->clients++;
	bufferevent_setcb(w->bev, on_read, on_write, on_event, w);
	bufferevent_set_timeouts(w->bev, NULL, &unread);
	bufferevent_setwatermark(w->bev, EV_READ, 0, RELAY_FRAME + HEAD_MAX);
	bufferevent_enable(w->bev, EV_READ | EV_WRITE);
}

void
relay_listen(struct event_base *base, const char *host, const char *port,
    const struct relay_ws_ops *ops)
{
	static struct server server;
	struct sim_addr addr;
	int fd;

	if (sim_addr_parse(&addr, host, port) == -1)
		sim_die("%s %s: no address", host, port);
	fd = sim_listen(&addr, 0);
	if (fd == -1)
		sim_die("%s %s: cannot listen", host, port);
	server.base = base;
	server.ops = ops;
	if (evconnlistener_new(base, on_accept, &server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd) == NULL)
		sim_die("out of memory");
	sim_say_listening(fd);
}
