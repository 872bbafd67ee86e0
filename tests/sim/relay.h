/*
 * A small Nostr relay for the demo and for tests: NIP-01 with the memory of
 * an hour, on loopback, bounded in everything.  Frames are relay_ws.c's,
 * events and subscriptions relay.c's.
 */
#ifndef SIM_RELAY_H
#define SIM_RELAY_H

#include <event2/event.h>
#include <stddef.h>

#define RELAY_CLIENTS 64
#define RELAY_FRAME   (256u * 1024u) /* of a client's message */
#define RELAY_OUT     (8u << 20)     /* who reads no more than that is cut */

struct relay_ws;

/* A whole message; arg is what ws_arg() is to point to. */
struct relay_ws_ops {
	void *(*opened)(struct relay_ws *);
	void (*text)(void *arg, const char *, size_t);
	void (*closed)(void *arg);
};

/* Listens on a loopback address; sim_die()s when that is not possible. */
void relay_listen(struct event_base *, const char *host, const char *port,
    const struct relay_ws_ops *);
/* One message; 0, or -1 when the client is gone or reads nothing. */
int relay_send(struct relay_ws *, const char *, size_t);

#endif
