/*
 * What the two ways of using a channel share: ipc.c (with a loop), and
 * ipc_blocking.c (without).
 */
#ifndef COMMON_IPC_INT_H
#define COMMON_IPC_INT_H

#include "common/ipc.h"

/* Flags of a packet. */
#define IPC_MORE 0x1u /* another fragment follows */
#define IPC_MANY 0x2u /* several messages, each with its own head */

struct ipc_head {
	uint16_t type;
	uint16_t flags;
	uint32_t id;
};

#define IPC_PACKET (sizeof(struct ipc_head) + MSG_PACKET_MAX)

/* What the list says against this message between these two, or NULL. */
const char *ipc_forbidden(unsigned type, enum role from, enum role to);
/*
 * The next packet of a message, from body's byte *off on, which it moves;
 * NULL is an empty body.  Its length.
 */
size_t ipc_cut(uint8_t packet[IPC_PACKET], enum msg_type, uint32_t id,
    const struct mbuf *body, size_t *off);
/* Unless it is -1, which it is then. */
void ipc_close_fd(int *);

#endif
