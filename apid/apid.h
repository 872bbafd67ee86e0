/*
 * The map of apid: one port for the console, REST and WebSocket.
 *
 *	api.c		the role: configuration, peers, start
 *	door.c		listeners and connections nobody has claimed yet
 *	head.c		the head of a request, checked at the door
 *	guard.c		who may ask: Host, Origin, credentials, addresses
 *	refuse.c	what is counted and told of those who may not
 *	http.c		libmicrohttpd: connections, requests in and out
 *	reply.c		answers
 *	query.c		query strings by their schema
 *	route.c		from method and path to a row of route_table.c
 *	ask.c		questions to the other processes
 *	get_*.c, act.c	the handlers
 *	openapi.c, schema.c	the reference, written from the table
 *	pack.c, page.c	the console's files
 *	ws*.c		libwebsockets
 *
 * It holds accepted connections and channels, and nothing else: no files, no
 * sockets of its own making.  One thread, one libevent loop.  libmicrohttpd
 * lends its epoll descriptor to that loop; libwebsockets is served without
 * waiting whenever one of its sockets has something (wsloop.c).
 */
#ifndef APID_APID_H
#define APID_APID_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "apid/head.h"
#include "apid/pack.h"
#include "common/act.h"
#include "common/childconf.h"
#include "common/json.h"
#include "common/proc.h"
#include "common/record.h"

#define API_LISTEN_MAX 8
#define API_NAMES_MAX  64
#define API_NAME       256
#define API_BODY_MAX   (ACT_TEXT_MAX + 2048u) /* of a request */
/* One answer in memory, and all of them. */
#define API_ANSWER_MAX (16u * 1024u * 1024u)
#define API_MEMORY_MAX (192u * 1024u * 1024u)

struct apid;
struct door;
struct http;
struct ws;
struct guard;
struct request;

struct api_names {
	size_t n;
	char name[API_NAMES_MAX][API_NAME];
};

/* What CONF_* brought, whole. */
struct api_settings {
	struct api_conf conf;
	struct api_listen listen[API_LISTEN_MAX];
	int listen_fd[API_LISTEN_MAX];
	size_t nlisten;
	struct api_names hosts, cors;
	int pack_fd;
	bool have;
};

/* For /metrics. */
struct api_counters {
	uint64_t accepted, refused, bad_heads, timeouts, requests, answers[6];
	uint64_t ws_opened, ws_frames, ws_bytes, ws_dropped, ws_cut;
};

/* Why a request is refused before anything is done about it. */
enum refusal {
	REFUSED_HOST,
	REFUSED_ORIGIN,
	REFUSED_FORM, /* what a page of another site can send */
	REFUSED_ROLE,
	REFUSALS
};
struct refused {
	uint64_t count;
	int64_t told; /* ms: when the log was told */
};

struct apid {
	struct proc *proc;
	struct event_base *base;
	struct ipc *supervisor;
	struct api_settings set, next;
	struct ipc *peer[ROLE_MAX];
	uint32_t last_id;
	TAILQ_HEAD(asks, ask) asks;
	unsigned nasks;
	size_t memory; /* bytes of answers that are being made */
	struct event *tick;
	struct door *door;
	struct http *http;
	struct ws *ws;
	struct guard *guard;
	struct pack pack;
	struct api_counters n;
	struct refused refused[REFUSALS];
	unsigned passing; /* refused acts in this second */
	int64_t passing_since;
	bool stopping;
};

int64_t api_now(void); /* ms that only grow */

/* --- api.c --- */
const struct proc_role *apid_role(void);
/* A connection to a client's address; text as "1.2.3.4:5". */
void address_text(const struct sockaddr_storage *, char *, size_t);

/* --- door.c --- */
struct door *door_new(struct apid *);
void door_free(struct door *);
void door_listen(struct door *); /* to what the settings name */
void door_tick(struct door *);
unsigned door_waiting(const struct door *);
/* A connection that http or ws had is closed. */
void door_left(struct door *, const struct sockaddr_storage *);
unsigned door_connections(const struct door *);

/* --- guard.c --- */
struct guard *guard_new(struct apid *);
void guard_free(struct guard *);
/* Whether Host names us. */
bool guard_host(const struct apid *, struct span host);
enum origin_kind {
	ORIGIN_NONE, /* not told: no browser, or the same site */
	ORIGIN_SAME,
	ORIGIN_LISTED, /* by cors */
	ORIGIN_ANY,    /* cors "*" */
	ORIGIN_FOREIGN
};
enum origin_kind guard_origin(const struct apid *, struct span origin,
    struct span host);
/* What the head says of who asks. */
void guard_who(const struct apid *, const struct head *, const char *peer,
    struct act_who *);
/* A bucket of requests for each address. */
bool guard_may_ask(struct guard *, const struct sockaddr_storage *);
/*
 * Who is it?  Calls back at once when that is known (then returns false), or
 * later (true); guard_forget_me() before the asker goes.
 */
struct identify {
	struct act_who who;
	void (*fn)(void *arg, const struct act_identity *);
	void *arg;
	struct ask *ask;
	struct guard *guard;
};
bool guard_identify(struct apid *, struct identify *);
void guard_cancel(struct identify *);
void guard_flush(struct guard *);

/* --- refuse.c --- */
const char *refusal_name(enum refusal);
/* what: the bytes that were wrong. */
void refuse_count(struct apid *, enum refusal, const char *peer,
    struct span what);
/* Counts what its asker's role does not allow; whether auth is to write that
 * down. */
bool refuse_pass_on(struct apid *, bool is_act);

/* --- ask.c --- */
struct ask_ops {
	/* A row; the cursor is at its body. */
	void (*row)(void *arg, struct msg_in *);
	/* The end: m is the last message, or NULL and why there is none. */
	void (*end)(void *arg, struct msg_in *m, const char *why);
};
struct ask;
/*
 * Asks at.  NULL when that could not be asked: why says so, and nothing is
 * called.  Body may be NULL.
 */
struct ask *ask_new(struct apid *, enum role at, enum msg_type,
    const struct mbuf *body, unsigned ms, const struct ask_ops *, void *arg,
    const char **why);
/* Nothing is called any more; NULL is fine. */
void ask_cancel(struct apid *, struct ask *);
void asks_tick(struct apid *);
void asks_free(struct apid *);

#endif
