/*
 * Channels without a loop: packets and descriptors, one message at a time.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc_int.h"

void
ipc_close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

const char *
ipc_forbidden(unsigned type, enum role from, enum role to)
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

size_t
ipc_cut(uint8_t packet[IPC_PACKET], enum msg_type type, uint32_t id,
    const struct mbuf *body, size_t *off)
{
	struct ipc_head head = { (uint16_t)type, 0, id };
	size_t left = body == NULL ? 0 : body->len - *off;
	size_t n = left < MSG_PACKET_MAX ? left : MSG_PACKET_MAX;

	head.flags = left > n ? IPC_MORE : 0;
	memcpy(packet, &head, sizeof(head));
	if (n > 0)
		memcpy(packet + sizeof(head), body->data + *off, n);
	*off += n;
	return sizeof(head) + n;
}

/* --- one packet --- */

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

/* --- one message --- */

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

int
ipc_read_blocking(int fd, enum role self, enum role peer, struct mbuf *body,
    unsigned *type, uint32_t *id, int *passed_fd)
{
	uint8_t packet[IPC_PACKET];
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
			ipc_close_fd(&extra);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			/* Both ends are non-blocking, also without a loop. */
			(void)wait_for(fd, POLLIN);
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
		if (ipc_forbidden(head.type, peer, self) != NULL ||
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
	ipc_close_fd(passed_fd);
	return -1;
}

int
ipc_write_blocking(int fd, enum msg_type type, uint32_t id,
    const struct mbuf *body)
{
	uint8_t packet[IPC_PACKET];
	size_t off = 0, n;

	do {
		n = ipc_cut(packet, type, id, body, &off);
		while (ipc_send_fd(fd, packet, n, -1, 0) < 0) {
			if (errno != EINTR &&
			    (errno != EAGAIN || wait_for(fd, POLLOUT) == -1))
				return -1;
		}
	} while (body != NULL && off < body->len);
	return 0;
}

int
ipc_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}
