/*
 * A channel between two processes: SOCK_SEQPACKET, one message a packet or
 * several, longer ones in fragments, at most one descriptor with each.  Sending never
 * blocks: what the socket does not take waits in a bounded queue.
 */
#ifndef COMMON_IPC_H
#define COMMON_IPC_H

#include <sys/types.h>

#include <event2/event.h>

#include "common/msg.h"

struct ipc;

/* A message that passed the checks of the list in msg.h. */
struct msg_in {
	unsigned type;
	uint32_t id; /* the sender's number for a request and its answers */
	struct mcur cur;
	int fd; /* -1, or one descriptor; see msg_take_fd() */
};

struct ipc_handler {
	unsigned type; /* a table ends with type MSG_NONE */
	void (*fn)(struct ipc *, struct msg_in *, void *arg);
};

struct ipc_ops {
	const struct ipc_handler *handlers;
	/* The peer is gone (err 0: closed; else errno).  The channel takes no
	 * more messages; free it, here or later. */
	void (*on_end)(struct ipc *, int err, void *arg);
	/* A message the list does not allow here, or whose handler found its
	 * body wrong (ipc_bad).  May be NULL: it is counted anyhow. */
	void (*on_bad)(struct ipc *, unsigned type, const char *why, void *arg);
	/* The queue has emptied after a send had to wait.  May be NULL. */
	void (*on_drained)(struct ipc *, void *arg);
};

/*
 * Takes fd over, and makes it non-blocking.  self and peer are the roles at
 * its ends.  NULL and errno when out of memory.
 */
struct ipc *ipc_new(struct event_base *, int fd, enum role self, enum role peer,
    const struct ipc_ops *, void *arg);
/* NULL is fine.  Safe inside a handler. */
void ipc_free(struct ipc *);

/* Most bytes that may wait in the queue; 1 MiB unless set. */
void ipc_set_limit(struct ipc *, size_t bytes);
size_t ipc_queued(const struct ipc *);
unsigned ipc_bad_count(const struct ipc *);
int ipc_fd(const struct ipc *);
enum role ipc_peer(const struct ipc *);

/*
 * Sends one message; fd -1 for none, else it is duplicated into the packet
 * and stays the caller's.  -1 and errno when it was not sent nor queued:
 * ENOBUFS when the queue is full, EINVAL when the list forbids it or the
 * body is bad, EPIPE when the peer is gone.
 */
int ipc_send(struct ipc *, enum msg_type, uint32_t id, int fd,
    const struct mbuf *body);
int ipc_send_empty(struct ipc *, enum msg_type, uint32_t id);
/*
 * The same without a descriptor, in a packet with those that follow: it goes
 * when that is full, with the next ipc_send() or ipc_flush().  Who ends its
 * turn without one of them keeps the peer waiting.  -1 and errno also when
 * an earlier one could not go: none of that packet has gone then.
 */
int ipc_send_together(struct ipc *, enum msg_type, uint32_t id,
    const struct mbuf *body);
int ipc_flush(struct ipc *);

/* Stop and resume reading, for back-pressure; inside a handler what shares
 * its packet still comes. */
void ipc_pause(struct ipc *);
void ipc_resume(struct ipc *);
/*
 * Reads what is there without waiting for an event; at most max packets.
 * Returns how many were read.
 */
unsigned ipc_poll(struct ipc *, unsigned max);

/* Inside a handler: the descriptor becomes the handler's. */
int msg_take_fd(struct msg_in *);
/* Inside a handler: the body was wrong; counted and reported as on_bad. */
void ipc_bad(struct ipc *, const struct msg_in *, const char *why);

/*
 * The same without a loop, for clients and for the start of a process: waits
 * for one message, whether fd is blocking or not.  Writing wants a blocking
 * one.  0, or -1 with errno
 * (0: closed by the peer).  body is the caller's buffer, reset first.
 */
int ipc_read_blocking(int fd, enum role self, enum role peer, struct mbuf *body,
    unsigned *type, uint32_t *id, int *passed_fd);
int ipc_write_blocking(int fd, enum msg_type, uint32_t id,
    const struct mbuf *body);

/*
 * One packet and at most one descriptor, as sendmsg(2) and recvmsg(2) with
 * these flags, without the checks of a channel.  No SIGPIPE; what is passed
 * in is -1 for none, and stays the caller's.
 */
ssize_t ipc_send_fd(int fd, const void *, size_t, int passed, int flags);
ssize_t ipc_recv_fd(int fd, void *, size_t, int *passed, int flags);

/* A connected pair, close-on-exec, non-blocking; -1 and errno. */
int ipc_pair(int fds[2]);

#endif
