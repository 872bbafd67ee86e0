/*
 * Channels: reading with the checks of the message list, sending with a
 * bounded queue.
 *
 * On the wire a packet is a head of 8 bytes and up to 32 KiB of body.  A
 * longer body is cut into packets that carry IPC_MORE but for the last;
 * they follow each other directly, so one buffer puts them together.
 * Short messages may share a packet with IPC_MANY: each is a struct
 * many_head and its body, one behind the other.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc.h"

#define IPC_MORE  0x1u
#define IPC_MANY  0x2u
#define IPC_BURST 32 /* packets read before others have their turn */
#define IPC_LIMIT (1024u * 1024u)

struct ipc_head {
	uint16_t type;
	uint16_t flags;
	uint32_t id;
};

struct many_head {
	struct ipc_head head;
	uint32_t len;
};

struct packet {
	STAILQ_ENTRY(packet) entry;
	int fd;
	size_t len;
	uint8_t data[];
};

struct ipc {
	int fd;
	enum role self, peer;
	const struct ipc_ops *ops;
	void *arg;
	struct event *rd, *wr;
	STAILQ_HEAD(, packet) queue;
	size_t queued, limit;
	struct mbuf many; /* what waits to share a packet */
	unsigned bad;
	unsigned depth;   /* handlers running: free later */
	bool dead;        /* no more messages */
	bool freed;       /* ipc_free() was called inside a handler */
	struct mbuf part; /* fragments so far */
	unsigned part_type;
	int part_fd;
	uint8_t packet[sizeof(struct ipc_head) + MSG_PACKET_MAX];
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
queue_clear(struct ipc *ipc)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&ipc->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ipc->queue, entry);
		close_fd(&p->fd);
		free(p);
	}
	ipc->queued = 0;
}

static void
destroy(struct ipc *ipc)
{
	if (ipc->rd != NULL)
		event_free(ipc->rd);
	if (ipc->wr != NULL)
		event_free(ipc->wr);
	close_fd(&ipc->fd);
	close_fd(&ipc->part_fd);
	queue_clear(ipc);
	mbuf_free(&ipc->part);
	mbuf_free(&ipc->many);
	free(ipc);
}

static void
ended(struct ipc *ipc, int err)
{
	if (ipc->dead)
		return;
	ipc->dead = true;
	event_del(ipc->rd);
	event_del(ipc->wr);
	queue_clear(ipc);
	if (!ipc->freed && ipc->ops->on_end != NULL)
		ipc->ops->on_end(ipc, err, ipc->arg);
}

static void
reject(struct ipc *ipc, unsigned type, const char *why)
{
	ipc->bad++;
	if (ipc->ops->on_bad != NULL)
		ipc->ops->on_bad(ipc, type, why, ipc->arg);
}

void
ipc_bad(struct ipc *ipc, const struct msg_in *m, const char *why)
{
	reject(ipc, m->type, why);
}

int
msg_take_fd(struct msg_in *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}

/* What the list says of this message between these two, or NULL. */
static const char *
forbidden(unsigned type, enum role from, enum role to)
{
	const struct msg_info *info = msg_info(type);

	if (info == NULL)
		return "no such message";
	if ((info->from & (1u << from)) == 0)
		return "not the sender's to send";
	if ((info->to & (1u << to)) == 0)
		return "not for this receiver";
	return NULL;
}

static void
dispatch(struct ipc *ipc, struct msg_in *m)
{
	const struct ipc_handler *h;

	for (h = ipc->ops->handlers; h->type != MSG_NONE; h++) {
		if (h->type == m->type) {
			h->fn(ipc, m, ipc->arg);
			return;
		}
	}
	reject(ipc, m->type, "not expected here");
}

/* A whole message: body and descriptor. */
static void
deliver(struct ipc *ipc, const struct ipc_head *head, const void *body,
    size_t len, int fd)
{
	struct msg_in m = { .type = head->type, .id = head->id, .fd = fd };
	const char *why = forbidden(head->type, ipc->peer, ipc->self);

	if (why == NULL && len > msg_info(head->type)->size)
		why = "too long";
	if (why == NULL && fd != -1 && msg_info(head->type)->nfds == 0)
		why = "a descriptor that does not belong";
	if (why != NULL) {
		reject(ipc, head->type, why);
	} else {
		mcur_init(&m.cur, body, len);
		dispatch(ipc, &m);
	}
	close_fd(&m.fd);
}

/* A packet that begins, continues or ends a longer message. */
static void
fragment(struct ipc *ipc, const struct ipc_head *head, const uint8_t *body,
    size_t len, int fd)
{
	const struct msg_info *info = msg_info(head->type);

	if (ipc->part.len == 0) {
		ipc->part_type = head->type;
		close_fd(&ipc->part_fd);
		ipc->part_fd = fd;
	} else {
		close_fd(&fd);
	}
	if (info == NULL || head->type != ipc->part_type ||
	    ipc->part.len + len > info->size) {
		reject(ipc, head->type, "fragments too long or mixed");
		mbuf_reset(&ipc->part);
		close_fd(&ipc->part_fd);
		return;
	}
	msg_put_raw(&ipc->part, body, len);
	if (head->flags & IPC_MORE)
		return;
	fd = ipc->part_fd;
	ipc->part_fd = -1;
	if (ipc->part.bad) {
		close_fd(&fd);
		reject(ipc, head->type, "out of memory");
	} else {
		deliver(ipc, head, ipc->part.data, ipc->part.len, fd);
	}
	mbuf_reset(&ipc->part);
}

static bool
paused(const struct ipc *ipc)
{
	return ipc->dead || ipc->freed;
}

/* Several messages in a packet, to where the channel may end. */
static void
many(struct ipc *ipc, const uint8_t *body, size_t len)
{
	struct many_head one;

	while (len > 0 && !paused(ipc)) {
		if (len < sizeof(one))
			break;
		memcpy(&one, body, sizeof(one));
		body += sizeof(one);
		len -= sizeof(one);
		if (one.head.flags != 0 || one.len > len)
			break;
		deliver(ipc, &one.head, body, one.len, -1);
		body += one.len;
		len -= one.len;
	}
	if (len > 0 && !paused(ipc))
		reject(ipc, MSG_NONE, "a packet of many is torn");
}

ssize_t
ipc_recv_fd(int fd, void *buf, size_t size, int *passed, int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 8)];
	} control;
	struct iovec iov = { buf, size };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t n;
	size_t count;
	int one;

	*passed = -1;
	n = recvmsg(fd, &mh, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return n;
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			memcpy(&one, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(one));
			/* The first is kept; nobody may fill our table. */
			if (*passed == -1)
				*passed = one;
			else
				close(one);
		}
	}
	return n;
}

/* 1: a packet was read; 0: nothing there; -1: the channel has ended. */
static int
read_packet(struct ipc *ipc)
{
	struct ipc_head head;
	uint8_t *body = ipc->packet + sizeof(head);
	ssize_t n;
	int fd;

	n = ipc_recv_fd(ipc->fd, ipc->packet, sizeof(ipc->packet), &fd,
	    MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		ended(ipc, n == 0 ? 0 : errno);
		return -1;
	}
	if ((size_t)n < sizeof(head)) {
		close_fd(&fd);
		reject(ipc, MSG_NONE, "shorter than its head");
		return 1;
	}
	memcpy(&head, ipc->packet, sizeof(head));
	n -= (ssize_t)sizeof(head);
	if (head.flags == IPC_MANY && ipc->part.len == 0 && fd == -1)
		many(ipc, body, (size_t)n);
	else if ((head.flags & IPC_MORE) || ipc->part.len > 0)
		fragment(ipc, &head, body, (size_t)n, fd);
	else
		deliver(ipc, &head, body, (size_t)n, fd);
	return 1;
}

unsigned
ipc_poll(struct ipc *ipc, unsigned max)
{
	unsigned n = 0;

	ipc->depth++;
	while (n < max && !paused(ipc) && read_packet(ipc) == 1)
		n++;
	ipc->depth--;
	if (ipc->freed && ipc->depth == 0)
		destroy(ipc);
	return n;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	unsigned n;

	/* A handler may pause: then what is left waits in the socket. */
	ipc->depth++;
	for (n = 0; n < IPC_BURST && !paused(ipc) &&
	     (n == 0 || event_pending(ipc->rd, EV_READ, NULL)) &&
	     read_packet(ipc) == 1;
	     n++)
		;
	ipc->depth--;
	if (ipc->freed && ipc->depth == 0)
		destroy(ipc);
}

/* Waits until fd can be read or written, whatever O_NONBLOCK says. */
static int
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, -1) == -1) {
		if (errno != EINTR)
			return -1;
	}
	return 0;
}

ssize_t
ipc_send_fd(int fd, const void *buf, size_t len, int passed, int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)buf, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (passed != -1) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	return sendmsg(fd, &mh, flags | MSG_NOSIGNAL);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	struct packet *p;

	while ((p = STAILQ_FIRST(&ipc->queue)) != NULL) {
		if (ipc_send_fd(ipc->fd, p->data, p->len, p->fd, MSG_DONTWAIT) <
		    0) {
			if (errno == EAGAIN || errno == EINTR ||
			    errno == ENOBUFS)
				return;
			/* The reading side tells of the end; this must not
			 * spin until then. */
			queue_clear(ipc);
			break;
		}
		STAILQ_REMOVE_HEAD(&ipc->queue, entry);
		ipc->queued -= p->len;
		close_fd(&p->fd);
		free(p);
	}
	event_del(ipc->wr);
	ipc->depth++;
	if (!paused(ipc) && ipc->ops->on_drained != NULL)
		ipc->ops->on_drained(ipc, ipc->arg);
	ipc->depth--;
	if (ipc->freed && ipc->depth == 0)
		destroy(ipc);
}

struct ipc *
ipc_new(struct event_base *base, int fd, enum role self, enum role peer,
    const struct ipc_ops *ops, void *arg)
{
	struct ipc *ipc;

	ipc = calloc(1, sizeof(*ipc));
	if (ipc == NULL) {
		close(fd);
		return NULL;
	}
	ipc->fd = fd;
	ipc->part_fd = -1;
	ipc->self = self;
	ipc->peer = peer;
	ipc->ops = ops;
	ipc->arg = arg;
	ipc->limit = IPC_LIMIT;
	STAILQ_INIT(&ipc->queue);
	ipc->rd = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, ipc);
	ipc->wr = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, ipc);
	if (ipc->rd == NULL || ipc->wr == NULL ||
	    evutil_make_socket_nonblocking(fd) == -1 ||
	    event_add(ipc->rd, NULL) == -1) {
		destroy(ipc);
		return NULL;
	}
	return ipc;
}

void
ipc_free(struct ipc *ipc)
{
	if (ipc == NULL || ipc->freed)
		return;
	if (ipc->depth > 0) {
		ipc->freed = true;
		event_del(ipc->rd);
		event_del(ipc->wr);
		return;
	}
	destroy(ipc);
}

void
ipc_set_limit(struct ipc *ipc, size_t bytes)
{
	ipc->limit = bytes;
}

size_t
ipc_queued(const struct ipc *ipc)
{
	return ipc->queued;
}

unsigned
ipc_bad_count(const struct ipc *ipc)
{
	return ipc->bad;
}

int
ipc_fd(const struct ipc *ipc)
{
	return ipc->fd;
}

enum role
ipc_peer(const struct ipc *ipc)
{
	return ipc->peer;
}

void
ipc_pause(struct ipc *ipc)
{
	event_del(ipc->rd);
}

void
ipc_resume(struct ipc *ipc)
{
	if (!paused(ipc))
		event_add(ipc->rd, NULL);
}

static int
enqueue(struct ipc *ipc, const uint8_t *data, size_t len, int fd)
{
	struct packet *p;

	p = malloc(sizeof(*p) + len);
	if (p == NULL)
		return -1;
	p->fd = -1;
	if (fd != -1 && (p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		free(p);
		return -1;
	}
	p->len = len;
	memcpy(p->data, data, len);
	STAILQ_INSERT_TAIL(&ipc->queue, p, entry);
	ipc->queued += len;
	event_add(ipc->wr, NULL);
	return 0;
}

/* One packet: at once when nothing waits, else behind the others. */
static int
send_packet(struct ipc *ipc, const uint8_t *data, size_t len, int fd)
{
	if (STAILQ_EMPTY(&ipc->queue)) {
		if (ipc_send_fd(ipc->fd, data, len, fd, MSG_DONTWAIT) >= 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return -1;
	}
	return enqueue(ipc, data, len, fd);
}

/* Whether such a message may go now; -1 and errno. */
static int
check_send(const struct ipc *ipc, enum msg_type type, const struct mbuf *body)
{
	size_t len = body == NULL ? 0 : body->len;
	size_t waiting = ipc->queued + ipc->many.len;

	if (paused(ipc)) {
		errno = EPIPE;
		return -1;
	}
	if ((body != NULL && body->bad) ||
	    forbidden(type, ipc->self, ipc->peer) != NULL ||
	    len > msg_info(type)->size) {
		errno = EINVAL;
		return -1;
	}
	if (waiting > 0 && waiting + len > ipc->limit) {
		errno = ENOBUFS;
		return -1;
	}
	return 0;
}

int
ipc_flush(struct ipc *ipc)
{
	uint8_t packet[sizeof(struct ipc_head) + MSG_PACKET_MAX];
	struct ipc_head head = { MSG_NONE, IPC_MANY, 0 };
	size_t n = ipc->many.len;

	if (n == 0)
		return 0;
	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), ipc->many.data, n);
	mbuf_reset(&ipc->many);
	if (paused(ipc)) {
		errno = EPIPE;
		return -1;
	}
	return send_packet(ipc, packet, sizeof(head) + n, -1);
}

int
ipc_send_together(struct ipc *ipc, enum msg_type type, uint32_t id,
    const struct mbuf *body)
{
	struct many_head one = { .head = { (uint16_t)type, 0, id } };

	if (check_send(ipc, type, body) == -1)
		return -1;
	one.len = (uint32_t)body->len;
	if (body->len > MSG_PACKET_MAX - sizeof(one))
		return ipc_send(ipc, type, id, -1, body);
	if (ipc->many.len + sizeof(one) + body->len > MSG_PACKET_MAX &&
	    ipc_flush(ipc) == -1)
		return -1;
	msg_put_raw(&ipc->many, &one, sizeof(one));
	msg_put_raw(&ipc->many, body->data, body->len);
	if (!ipc->many.bad)
		return 0;
	mbuf_reset(&ipc->many);
	errno = ENOMEM;
	return -1;
}

int
ipc_send(struct ipc *ipc, enum msg_type type, uint32_t id, int fd,
    const struct mbuf *body)
{
	uint8_t packet[sizeof(struct ipc_head) + MSG_PACKET_MAX];
	struct ipc_head head = { (uint16_t)type, 0, id };
	size_t left = body == NULL ? 0 : body->len, off = 0, n;

	if (check_send(ipc, type, body) == -1 || ipc_flush(ipc) == -1)
		return -1;
	do {
		n = left < MSG_PACKET_MAX ? left : MSG_PACKET_MAX;
		head.flags = left > n ? IPC_MORE : 0;
		memcpy(packet, &head, sizeof(head));
		if (n > 0)
			memcpy(packet + sizeof(head), body->data + off, n);
		if (send_packet(ipc, packet, sizeof(head) + n, fd) == -1)
			return -1;
		fd = -1;
		off += n;
		left -= n;
	} while (left > 0);
	return 0;
}

int
ipc_send_empty(struct ipc *ipc, enum msg_type type, uint32_t id)
{
	return ipc_send(ipc, type, id, -1, NULL);
}

/* A channel's ends are non-blocking even for who has no loop yet. */
static void
wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	poll(&pfd, 1, -1);
}

int
ipc_read_blocking(int fd, enum role self, enum role peer, struct mbuf *body,
    unsigned *type, uint32_t *id, int *passed_fd)
{
	uint8_t packet[sizeof(struct ipc_head) + MSG_PACKET_MAX];
	struct ipc_head head = { 0, IPC_MORE, 0 };
	ssize_t n;
	int extra;

	mbuf_reset(body);
	*passed_fd = -1;
	while (head.flags & IPC_MORE) {
		n = ipc_recv_fd(fd, packet, sizeof(packet), &extra, 0);
		if (*passed_fd == -1)
			*passed_fd = extra;
		else
			close_fd(&extra);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			wait_readable(fd);
			continue;
		}
		if (n <= 0) {
			errno = n == 0 ? 0 : errno;
			goto fail;
		}
		if ((size_t)n < sizeof(head)) {
			errno = EBADMSG;
			goto fail;
		}
		memcpy(&head, packet, sizeof(head));
		if (forbidden(head.type, peer, self) != NULL ||
		    body->len + (size_t)n - sizeof(head) >
			msg_info(head.type)->size) {
			errno = EBADMSG;
			goto fail;
		}
		msg_put_raw(body, packet + sizeof(head),
		    (size_t)n - sizeof(head));
	}
	if (body->bad) {
		errno = ENOMEM;
		goto fail;
	}
	*type = head.type;
	*id = head.id;
	return 0;
fail:
	close_fd(passed_fd);
	return -1;
}

int
ipc_write_blocking(int fd, enum msg_type type, uint32_t id,
    const struct mbuf *body)
{
	uint8_t packet[sizeof(struct ipc_head) + MSG_PACKET_MAX];
	struct ipc_head head = { (uint16_t)type, 0, id };
	size_t left = body == NULL ? 0 : body->len, off = 0, n;

	do {
		n = left < MSG_PACKET_MAX ? left : MSG_PACKET_MAX;
		head.flags = left > n ? IPC_MORE : 0;
		memcpy(packet, &head, sizeof(head));
		if (n > 0)
			memcpy(packet + sizeof(head), body->data + off, n);
		while (ipc_send_fd(fd, packet, sizeof(head) + n, -1, 0) < 0) {
			if (errno != EINTR &&
			    (errno != EAGAIN || wait_for(fd, POLLOUT) == -1))
				return -1;
		}
		off += n;
		left -= n;
	} while (left > 0);
	return 0;
}

int
ipc_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}
