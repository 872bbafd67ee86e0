/*
 * Frames as they come, looked at before libwebsockets reads them: it takes
 * frames that are not masked, which RFC 6455 (5.1) wants ended, and finds out
 * late how long one is.
 *
 * The bytes are peeked at.  Where in the stream they begin, the kernel tells:
 * what it has received less what nobody has read yet.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <linux/tcp.h>

#include <string.h>

#include "apid/ws_int.h"

#define TRIES      8
#define CLOSE_WAIT 8 /* of tcpi_state; with linux/tcp.h it has no name */

/* Header of a frame: 2 bytes, the length if it is long, the mask. */
static unsigned
header_len(const struct ws_track *t)
{
	unsigned n = t->head[1] & 0x7f;

	return 6 + (n == 126 ? 2 : n == 127 ? 8 : 0);
}

static uint64_t
payload_len(const struct ws_track *t)
{
	unsigned n = t->head[1] & 0x7f, bytes = n == 126 ? 2 : 8;
	uint64_t len = 0;

	if (n < 126)
		return n;
	for (unsigned i = 0; i < bytes; i++)
		len = len << 8 | t->head[2 + i];
	return len;
}

enum lws_close_status
track_bytes(struct ws_track *t, const uint8_t *p, size_t len)
{
	size_t n;

	while (len > 0) {
		if (t->payload > 0) {
			n = t->payload < len ? (size_t)t->payload : len;
			t->payload -= n;
			t->at += n;
			p += n;
			len -= n;
			continue;
		}
		t->head[t->have++] = *p++;
		t->at++;
		len--;
		if (t->have < 2)
			continue;
		if (!(t->head[1] & 0x80))
			return LWS_CLOSE_STATUS_PROTOCOL_ERR;
		if (t->have < header_len(t))
			continue;
		t->payload = payload_len(t);
		t->have = 0;
		if (t->payload > WS_TEXT_MAX)
			return LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE;
	}
	return LWS_CLOSE_STATUS_NOSTATUS;
}

/* Where the first byte that nobody has read is in the stream. */
static int
stream_offset(int fd, uint64_t *off)
{
	struct tcp_info info;
	socklen_t len;
	int before, after;

	for (unsigned i = 0; i < TRIES; i++) {
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (ioctl(fd, FIONREAD, &before) == -1 ||
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
		    ioctl(fd, FIONREAD, &after) == -1)
			return -1;
		if (before != after)
			continue;
		/* Its end counts as a byte there. */
		*off = info.tcpi_bytes_received - (uint64_t)after -
		    (info.tcpi_state == CLOSE_WAIT);
		return 0;
	}
	return -1;
}

enum lws_close_status
track_look(struct ws_client *c)
{
	struct ws *ws = c->ws;
	struct ws_track *t = &c->track;
	uint64_t off, skip;
	ssize_t n;

	if (stream_offset(c->fd, &off) == -1)
		return LWS_CLOSE_STATUS_NOSTATUS;
	n = recv(c->fd, ws->peek, sizeof(ws->peek), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0 || off > t->at)
		return LWS_CLOSE_STATUS_NOSTATUS;
	skip = t->at - off;
	if (skip >= (uint64_t)n)
		return LWS_CLOSE_STATUS_NOSTATUS;
	return track_bytes(t, ws->peek + skip, (size_t)n - (size_t)skip);
}
