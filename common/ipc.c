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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc_int.h"

#define IPC_BURST 32 /* packets read before others have their turn */
#define IPC_LIMIT (1024u * 1024u)

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
	struct mbuf many; /* a packet, of what waits to share it */
	unsigned bad;
	unsigned depth;   /* handlers running: free later */
	bool dead;        /* no more messages */
	bool freed;       /* ipc_free() was called inside a handler */
	struct mbuf part; /* fragments so far */
	unsigned part_type;
	int part_fd;
	uint8_t packet[IPC_PACKET];
};

static void
queue_clear(struct ipc *ipc)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&ipc->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ipc->queue, entry);
		ipc_close_fd(&p->fd);
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
	ipc_close_fd(&ipc->fd);
	ipc_close_fd(&ipc->part_fd);
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
	const char *why = ipc_forbidden(head->type, ipc->peer, ipc->self);

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
	ipc_close_fd(&m.fd);
}

/* A packet that begins, continues or ends a longer message. */
static void
fragment(struct ipc *ipc, const struct ipc_head *head, const uint8_t *body,
    size_t len, int fd)
{
	const struct msg_info *info = msg_info(head->type);

	if (ipc->part.len == 0) {
		ipc->part_type = head->type;
		ipc_close_fd(&ipc->part_fd);
		ipc->part_fd = fd;
	} else {
		ipc_close_fd(&fd);
	}
	if (info == NULL || head->type != ipc->part_type ||
	    ipc->part.len + len > info->size) {
		reject(ipc, head->type, "fragments too long or mixed");
		mbuf_reset(&ipc->part);
		ipc_close_fd(&ipc->part_fd);
		return;
	}
	msg_put_raw(&ipc->part, body, len);
	if (head->flags & IPC_MORE)
		return;
	fd = ipc->part_fd;
	ipc->part_fd = -1;
	if (ipc->part.bad) {
		ipc_close_fd(&fd);
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
		ipc_close_fd(&fd);
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
		ipc_close_fd(&p->fd);
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
	    ipc_forbidden(type, ipc->self, ipc->peer) != NULL ||
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
	int r = -1;

	if (ipc->many.len == 0)
		return 0;
	if (paused(ipc))
		errno = EPIPE;
	else
		r = send_packet(ipc, ipc->many.data, ipc->many.len, -1);
	mbuf_reset(&ipc->many);
	return r;
}

int
ipc_send_together(struct ipc *ipc, enum msg_type type, uint32_t id,
    const struct mbuf *body)
{
	static const struct ipc_head head = { MSG_NONE, IPC_MANY, 0 };
	struct many_head one = { .head = { (uint16_t)type, 0, id } };

	if (check_send(ipc, type, body) == -1)
		return -1;
	one.len = (uint32_t)body->len;
	if (body->len > MSG_PACKET_MAX - sizeof(one))
		return ipc_send(ipc, type, id, -1, body);
	if (ipc->many.len + sizeof(one) + body->len > IPC_PACKET &&
	    ipc_flush(ipc) == -1)
		return -1;
	if (ipc->many.len == 0)
		msg_put_raw(&ipc->many, &head, sizeof(head));
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
	uint8_t packet[IPC_PACKET];
	size_t off = 0, n;

	if (check_send(ipc, type, body) == -1 || ipc_flush(ipc) == -1)
		return -1;
	do {
		n = ipc_cut(packet, type, id, body, &off);
		if (send_packet(ipc, packet, n, fd) == -1)
			return -1;
		fd = -1;
	} while (body != NULL && off < body->len);
	return 0;
}

int
ipc_send_empty(struct ipc *ipc, enum msg_type type, uint32_t id)
{
	return ipc_send(ipc, type, id, -1, NULL);
}
