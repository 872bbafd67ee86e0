/*
 * WebSocket clients, as the rest of apid sees them.
 */
#ifndef APID_WS_H
#define APID_WS_H

#include "apid/apid.h"

/* The paths of WebSockets; NULL when path is none. */
struct ws_path;
const struct ws_path *ws_path(struct span path);

struct ws *ws_new(struct apid *); /* before the sandbox */
void ws_free(struct ws *);
/*
 * Takes a connection over whose head, still unread, of head_len bytes, asks
 * for an upgrade and may have it.  -1 and why when there are too many; fd is then still the
 * caller's.
 */
int ws_add(struct ws *, int fd, const struct sockaddr_storage *,
    const struct ws_path *, struct span query, size_t head_len,
    const struct act_who *, const char **why);
/* Credentials have changed: who still may is found out, others go. */
void ws_forget(struct ws *);
void ws_tick(struct ws *);
unsigned ws_clients(const struct ws *);
/* captured's news, and its coming and going (ipc NULL). */
void ws_on_feed(struct ws *, struct msg_in *);
void ws_on_capture(struct ws *, struct ipc *);
/* A row that nobody asked for: nostrd's news.  Its end. */
void ws_on_agent(struct ws *, struct msg_in *);
void ws_on_nostr_end(struct ws *);

#endif
