/*
 * The connection to the control role: finding its socket, saying hello,
 * asking and waiting.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc.h"
#include "hashscopectl/client.h"

#define SOCKET_NAME "control.sock"
/* Longer than control itself waits for whoever is to answer. */
#define ANSWER_MS   30000

static int failed(struct client *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static int
failed(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* Another user's ./run is not to be trusted: whoever runs us may be root. */
static bool
is_own_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_uid == geteuid();
}

static const char *
find_socket(char *buf, size_t size)
{
	const char *dir = getenv("HASHSCOPE_RUN_DIR");

	if (dir != NULL && dir[0] != '\0') {
		snprintf(buf, size, "%s/" SOCKET_NAME, dir);
		return buf;
	}
	if (is_own_socket("run/" SOCKET_NAME))
		return "run/" SOCKET_NAME;
	return "/run/hashscope/" SOCKET_NAME;
}

static int
connect_to(struct client *c, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return failed(c, "%s: path too long", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return failed(c, "socket: %s", strerror(errno));
	if (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return failed(c, "%s: %s", path, strerror(errno));
	return 0;
}

static int
read_welcome(struct client *c, struct client_msg *a)
{
	unsigned i;

	if (a->type != MSG_CTL_WELCOME)
		return failed(c, "not a welcome");
	msg_get_u32(&a->cur); /* protocol; control compared it */
	c->full = msg_get_u8(&a->cur) != 0;
	msg_get_str(&a->cur, c->version, sizeof(c->version));
	c->started_us = msg_get_i64(&a->cur);
	c->nminer = msg_get_u8(&a->cur);
	if (c->nminer > CONTROL_MINERS)
		return failed(c, "malformed welcome");
	for (i = 0; i < c->nminer; i++)
		msg_get_str(&a->cur, c->miner[i], sizeof(c->miner[i]));
	msg_get_str(&a->cur, c->console, sizeof(c->console));
	if (msg_end(&a->cur) == -1)
		return failed(c, "malformed welcome");
	return 0;
}

static int
greet(struct client *c)
{
	struct client_msg a;
	struct mbuf b;

	mbuf_init(&b);
	msg_put_u32(&b, MSG_PROTOCOL);
	/* Refused clients may find the socket closed already; the reason is
	 * there to be read all the same. */
	(void)ipc_write_blocking(c->fd, MSG_CTL_HELLO, ++c->last_id, &b);
	mbuf_free(&b);
	if (client_next(c, &a, ANSWER_MS) != 0)
		return failed(c, "the control socket does not answer");
	if (a.type == MSG_REPLY) {
		client_reply(c, &a);
		return -1;
	}
	return read_welcome(c, &a);
}

int
client_open(struct client *c, const char *path)
{
	char buf[4096];

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	mbuf_init(&c->body);
	if (path == NULL)
		path = find_socket(buf, sizeof(buf));
	if (connect_to(c, path) == -1 || greet(c) == -1) {
		client_close(c);
		return -1;
	}
	return 0;
}

void
client_close(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	mbuf_free(&c->body);
}

uint32_t
client_ask(struct client *c, enum msg_type type, const struct mbuf *body)
{
	c->last_id++;
	if (ipc_write_blocking(c->fd, type, c->last_id, body) == 0)
		return c->last_id;
	failed(c, "connection lost: %s", strerror(errno));
	return 0;
}

uint32_t
client_query(struct client *c, const struct query *q)
{
	struct mbuf b;
	uint32_t id;

	mbuf_init(&b);
	query_put(&b, q);
	id = client_ask(c, MSG_QUERY, &b);
	mbuf_free(&b);
	return id;
}

/* The next message, past an error that only tells of the end. */
static int
read_one(struct client *c, struct client_msg *a)
{
	int fd, tries;

	for (tries = 0; tries < 2; tries++) {
		if (ipc_read_blocking(c->fd, ROLE_CTL, ROLE_CONTROL, &c->body,
			&a->type, &a->id, &fd) == 0) {
			if (fd != -1)
				close(fd);
			mcur_init(&a->cur, c->body.data, c->body.len);
			return 0;
		}
		/* The other end closed with words of ours unread; its own
		 * last words come behind this error. */
		if (errno != ECONNRESET)
			break;
	}
	if (errno == 0 || errno == ECONNRESET)
		return failed(c, "HashScope closed the connection");
	return failed(c, "connection lost: %s", strerror(errno));
}

int
client_next(struct client *c, struct client_msg *a, int wait_ms)
{
	struct pollfd p = { c->fd, POLLIN, 0 };
	int n;

	do
		n = poll(&p, 1, wait_ms);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		return 1;
	return read_one(c, a);
}

int
client_wait(struct client *c, uint32_t id, struct client_msg *a)
{
	int r;

	do {
		r = client_next(c, a, ANSWER_MS);
		if (r == 1)
			return failed(c, "no answer");
		if (r == -1)
			return -1;
		/* Number 0 is control's own: this connection ends. */
		if (a->type == MSG_REPLY && a->id == 0) {
			client_reply(c, a);
			return -1;
		}
	} while (a->id != id);
	return 0;
}

bool
client_reply(struct client *c, struct client_msg *a)
{
	bool ok = msg_get_u8(&a->cur) == 1;

	msg_get_str(&a->cur, c->error, sizeof(c->error));
	if (msg_end(&a->cur) == 0)
		return ok;
	failed(c, "malformed answer");
	return false;
}
