/*
 * The replay role: submits captured shares again.
 *
 * It holds channels and nothing else: no network, no file, no key.  A pool is
 * reached through a stream socket whose other end relayd connects to it, so
 * that every byte of a replay is relayed and captured like a miner's, under
 * the direction hashscope_to_pool; a miner's own connection is out of reach.
 *
 *	replay.c	the role: configuration, peers, acts
 *	replay_fetch.c	the message, its session and what its pool had said
 *	replay_link.c	a connection to a pool
 *	replay_run.c	one share, submitted so and so often
 *	replay_loop.c	auto-replay: the shares of a session as they come
 */
#ifndef AGENT_REPLAY_H
#define AGENT_REPLAY_H

#include <sys/queue.h>

#include <event2/event.h>

#include "common/act.h"
#include "common/json.h"
#include "common/poolclient.h"
#include "common/proc.h"
#include "common/replay.h"

#define REPLAY_RUNS      64    /* at once */
#define REPLAY_LOOPS     64    /* sessions that are followed */
#define REPLAY_LINKS     96    /* connections, the unused ones with them */
#define REPLAY_COUNT_MAX 1000u /* of one act */
#define REPLAY_WINDOW    64u   /* submits of a run without an answer */

struct replay;
struct run;
struct loop;
struct link;

/* What is submitted, and to whom. */
struct share {
	uint64_t pos;
	char *line; /* as stored, or as edited; its id is replaced later */
	size_t len;
	int64_t ts_us;
	bool edited;
	bool was_accepted;
};

/* What is known of the conversation it comes from. */
struct origin {
	struct session_rec rec;
	char extranonce1[129]; /* "" not known */
	char session[129]; /* that the pool gave, else that the miner said */
};

/* --- replay_fetch.c --- */

struct fetch;
enum fetch_status {
	FETCH_OK,
	FETCH_NONE,  /* there is no such thing */
	FETCH_FAILED /* the store does not answer */
};
/* Called once; message is NULL unless FETCH_OK and asked for. */
typedef void fetch_fn(void *, enum fetch_status, const struct message_rec *,
    const struct session_rec *);
/* NULL when there is nobody to ask.  limit is 1. */
struct fetch *fetch_begin(struct replay *, const struct query *, fetch_fn *,
    void *);
void fetch_cancel(struct replay *, struct fetch *);
/* A message of the query role: for the fetch that it answers. */
void fetch_on_row(struct ipc *, struct msg_in *, void *);
void fetch_on_end(struct ipc *, struct msg_in *, void *);
/* The query role has gone: all fail. */
void fetch_fail_all(struct replay *);
/* Pool's session id and extranonce1 from the answer to a mining.subscribe. */
void fetch_subscription(struct jtree *, const char *, size_t, struct origin *);

/* --- replay_link.c --- */

enum link_state {
	LINK_ASKED, /* of the supervisor */
	LINK_TALKS, /* subscribing, authorizing */
	LINK_READY,
	LINK_DEAD
};
struct link {
	TAILQ_ENTRY(link) entry;
	struct replay *replay;
	enum link_state state;
	uint32_t id; /* of REPLAY_OPEN */
	uint64_t pos;
	uint8_t session[16];
	int fd;
	struct event *rd, *wr, *idle;
	struct poolclient_conf conf;
	struct poolclient *client;
	struct run *run; /* that uses it */
	char why[256];
};
/* One that leads to the pool of this share's session, used before or new;
 * NULL when there are too many. */
struct link *link_get(struct replay *, const struct share *,
    const struct origin *, const struct poolclient_conf *, struct run *);
/* The run has no more use for it: kept for a while when it is ready. */
void link_release(struct link *, bool keep);
void link_free(struct link *);
/* Sends what lies in the client's out buffer. */
void link_flush(struct link *);
/* The supervisor's answer. */
void link_on_opened(struct ipc *, struct msg_in *, void *);

/* --- replay_run.c --- */

struct run_result {
	bool stopped; /* by the operator or with its session */
	uint64_t sent, accepted, rejected;
	char error[320];      /* "" none */
	const char *response; /* the last; NULL none */
	size_t response_len;
	uint64_t latency_ns; /* of it */
	char note[768];      /* why a refusal was to be expected */
};
typedef void run_fn(void *, const struct run_result *);

/* Takes the share's line over.  NULL when there are too many. */
struct run *run_begin(struct replay *, struct share *, const struct origin *,
    uint64_t count, bool keep, run_fn *, void *);
/* Ends it now; its function is called with stopped. */
void run_stop(struct run *);
/* --- for the link --- */
void run_on_ready(struct run *);
void run_on_dead(struct run *, const char *why);
void run_on_answer(struct run *, const struct poolclient_answer *);
/* Sends what may be sent by now. */
void runs_pump(struct replay *);

/* --- replay_loop.c --- */

/* True when the session is followed, or is about to be. */
struct loop *loop_find(struct replay *, const uint8_t session[16]);
struct loop *loop_new(struct replay *, const uint8_t session[16]);
/* Ends it and what it runs; captured is told when tell is set. */
void loop_end(struct loop *, const char *why, bool tell);
void loops_end(struct replay *, const char *why);
/* captured has come (again): it hears of each. */
void loops_tell(struct replay *);
int loop_tell(struct replay *, const uint8_t session[16], bool on, uint32_t id);
void loop_on_share(struct ipc *, struct msg_in *, void *);
void loop_on_over(struct ipc *, struct msg_in *, void *);
void loop_on_followed(struct replay *, const struct session_rec *);

/* --- replay_act.c --- */

struct errand;
void act_on_do(struct ipc *, struct msg_in *, void *);
/* captured answered this errand. */
bool act_followed(struct replay *, uint32_t id, bool live,
    const struct session_rec *);
/* auth has gone, or captured: nobody waits for these any more, or in vain. */
void acts_drop(struct replay *);
void acts_fail_follow(struct replay *);

struct replay {
	struct proc *proc;
	struct event_base *base;
	struct replay_conf conf, next;
	bool have_next;
	struct ipc *auth, *query, *capture;
	uint32_t last_id;
	struct event *pace_ev;
	uint64_t pace_ns; /* when the next submit may go */
	struct mbuf body;
	struct json_out json;
	struct jtree *tree;
	unsigned nruns, nloops, nlinks;
	TAILQ_HEAD(, run) runs;
	TAILQ_HEAD(, loop) loops;
	TAILQ_HEAD(, link) links;
	TAILQ_HEAD(, fetch) fetches;
	TAILQ_HEAD(, errand) errands;
};

uint64_t replay_now(void); /* CLOCK_MONOTONIC, ns */
uint32_t replay_id(struct replay *);
/* May one more submit go now?  Else *wait_ns is when. */
bool replay_pace(struct replay *, uint64_t now, uint64_t *wait_ns);
const struct proc_role *replay_role(void);
void *replay_new(void);

#endif
