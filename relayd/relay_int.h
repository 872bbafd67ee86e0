/*
 * What the files of the relay role share: relay.c, listen.c, pool.c,
 * config.c, request.c.
 */
#ifndef RELAYD_RELAY_INT_H
#define RELAYD_RELAY_INT_H

#include "relayd/relay.h"

LIST_HEAD(pool_list, pool);

struct relay {
	struct proc *proc;
	struct event_base *base;
	struct relay_conf conf, next_conf;
	struct listener *listeners[RELAY_LISTENERS];
	struct listener *next[RELAY_LISTENERS];
	unsigned nlisteners, nnext;
	struct session_list sessions; /* live ones */
	struct session_list dead;     /* to be freed outside any callback */
	unsigned nsessions, max_sessions;
	unsigned fit; /* sessions that the descriptors suffice for */
	uint64_t nsessions_ever;
	struct pool_list pools;
	uint32_t resolve_id;
	struct ipc *resolver;
	struct tap *tap;
	struct limits *limits;
	struct counters counters;
	struct event *tick, *bury, *unpause, *leave;
	bool paused;
	bool draining;
	bool leaving; /* SHUTDOWN */
	uint64_t leave_by_ms;
	uint64_t drain_until_ms;
	struct {
		uint64_t logged_ms, suppressed;
	} trouble[T_MAX];
	struct session *info_next; /* whose TCP_INFO is asked for next */
};

/* --- relay.c --- */
void relay_finish_all(struct relay *, const char *reason);

/* --- listen.c --- */
void listeners_enable(struct relay *, bool on);
int listener_start(struct listener *);
/* The timer that ends a pause of accepting. */
void listeners_unpause(evutil_socket_t, short, void *relay);

/* --- pool.c --- */
/* Held; NULL without memory. */
struct pool *pool_get(struct relay *, const struct pool_conf *);
/* Asks for the names that nobody has asked for yet. */
void pools_resolve(struct relay *);
void resolver_attach(struct relay *, int fd);

/* --- config.c: the CONF items, and the three steps --- */
void conf_on_relay(struct ipc *, struct msg_in *, void *);
void conf_on_listen(struct ipc *, struct msg_in *, void *);
void conf_on_pool(struct ipc *, struct msg_in *, void *);
void conf_on_proxy(struct ipc *, struct msg_in *, void *);
void conf_begin(void *);
int conf_prepare(void *, char *why, size_t size);
void conf_commit(void *);
/* Keeps the limit to what the descriptors suffice for. */
void conf_bound_sessions(struct relay *);

/* --- request.c: what the operator asks for --- */
void request_disconnect(struct ipc *, struct msg_in *, void *);
void request_drain(struct ipc *, struct msg_in *, void *);
void request_replay(struct ipc *, struct msg_in *, void *);
void request_stats(struct ipc *, struct msg_in *, void *);
void request_pools(struct ipc *, struct msg_in *, void *);

#endif
