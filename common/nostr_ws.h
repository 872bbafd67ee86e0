/*
 * Connections to relays: a WebSocket client on libwebsockets, inside our own
 * event loop.
 *
 * Names are resolved elsewhere: it connects to an address, and gives the name
 * as Host and SNI and checks it in the certificate.  Set up before the
 * sandbox, so that certificates are loaded and nothing is read later.
 */
#ifndef COMMON_NOSTR_WS_H
#define COMMON_NOSTR_WS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOSTR_WS_FRAME (256u * 1024u) /* the largest frame that is read */

struct nostr_url {
	bool tls;
	uint16_t port;
	char host[256]; /* IPv6 without brackets */
	char path[256];
};

/* ws:// or wss://, a host, perhaps a port and a path; else -1. */
int nostr_url_parse(const char *, struct nostr_url *);
/* A host that needs no resolver. */
bool nostr_url_literal(const struct nostr_url *);

struct nostr_net;
struct nostr_ws;

struct nostr_ws_ops {
	void (*opened)(void *arg);
	/* A whole text frame; anything else is NULL. */
	void (*frame)(void *arg, const char *text, size_t len);
	/* What was sent is on its way, the next may come. */
	void (*sent)(void *arg);
	/* The end, once; the connection is gone when this returns. */
	void (*closed)(void *arg, const char *why);
};

/* ca: certificates in PEM, or len 0 for none.  NULL: out of memory, or not
 * one of them could be read. */
struct nostr_net *nostr_net_new(struct event_base *, const void *ca,
    size_t len);
/* All connections are closed before. */
void nostr_net_free(struct nostr_net *);

/* NULL: it could not even begin; why says it. */
struct nostr_ws *nostr_ws_open(struct nostr_net *, const struct nostr_url *,
    const char *address, const struct nostr_ws_ops *, void *arg,
    const char **why);
/* The document of the relay at that URL (NIP-11), by HTTP: frame() has the
 * whole body, once, when there is one and it is not too long; closed() comes
 * behind it as ever. */
struct nostr_ws *nostr_ws_get(struct nostr_net *, const struct nostr_url *,
    const char *address, const struct nostr_ws_ops *, void *arg,
    const char **why);
/* One frame at a time: -1 while the one before waits. */
int nostr_ws_send(struct nostr_ws *, const void *text, size_t len);
bool nostr_ws_busy(const struct nostr_ws *);
/* closed() is called later, or is not if quiet. */
void nostr_ws_close(struct nostr_ws *, bool quiet);

#endif
