/*
 * What session.c (the bytes and the ends) and accept.c (the beginnings)
 * share.
 */
#ifndef RELAYD_SESSION_INT_H
#define RELAYD_SESSION_INT_H

#include "relayd/relay.h"

#define MINER DIR_MINER_TO_POOL /* the side that direction is read from */
#define POOL  DIR_POOL_TO_MINER

/* arg is a struct side. */
void session_on_readable(evutil_socket_t, short, void *arg);
/* 0, or -1 without memory; then the session cannot wait for anything. */
int session_effort_begin(struct session *, const char *reason,
    const char *detail);
void session_effort_free(struct session *);
/* The end: sockets go, the facts stay until captured has them. */
void session_end(struct session *, const char *reason, const char *detail,
    bool reset);

#endif
