/*
 * What the files of the control role share: control.c is the role (its
 * configuration, its socket, its peers), control_client.c the clients and
 * what they may ask, control_feed.c the news that they follow.
 */
#ifndef HASHSCOPED_CONTROL_INT_H
#define HASHSCOPED_CONTROL_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include "common/childconf.h"
#include "common/proc.h"
#include "common/record.h"

#define CONTROL_CLIENTS  32
#define CONTROL_PER_UID  8
#define CONTROL_REQUESTS 16 /* of one client at once */
/* Bytes that wait for a client: past HIGH it is slow, past LIMIT it goes. */
#define CONTROL_HIGH     (256u * 1024u)
#define CONTROL_FEED     (1024u * 1024u) /* past this a monitor is skipped */
#define CONTROL_LIMIT    (4u * 1024u * 1024u)
/* Seconds: to say hello; without reading while others wait; for an answer. */
#define CONTROL_HELLO_S  5
#define CONTROL_STALL_S  5
#define CONTROL_ANSWER_S 15
#define CONTROL_AUTH_S   3 /* for auth to be there, after a restart */

enum control_access {
	ACCESS_NONE,
	ACCESS_VIEW,
	ACCESS_FULL
};

struct control;

struct control_client {
	TAILQ_ENTRY(control_client) entry;
	struct control *control;
	struct ipc *ipc;
	uid_t uid;
	enum control_access access;
	bool welcomed;
	bool monitor;
	uint32_t monitor_id;
	bool begun;              /* it knows where the feed stood, */
	uint32_t told_by;        /* from the captured of this generation */
	bool skipped;            /* batches, of which nothing was said yet */
	struct feed_head behind; /* the last of them */
	unsigned nrequests;
	int64_t since;      /* ms: connected, or when it last read */
	size_t queued_then; /* what waited for it then */
};

/* A question on its way: the client's number, and ours. */
struct control_request {
	TAILQ_ENTRY(control_request) entry;
	struct control_client *client;
	uint32_t id;
	uint32_t own;
	unsigned type;
	enum role at;     /* who is to answer */
	int64_t since;    /* ms: asked, or the last row */
	struct mbuf held; /* an act that waits until auth is there */
};

struct control_peer {
	struct control *control;
	struct ipc *ipc; /* NULL: away */
	uint32_t generation;
	bool paused;
};

struct control {
	struct event_base *base;
	struct ipc *supervisor;
	struct control_conf conf, next;
	bool have_next;
	int next_fd, listen_fd;
	struct event *accept_ev, *tick_ev;
	struct control_peer peers[ROLE_MAX];
	bool subscribed;
	bool feed_known;       /* where the feed stands: captured said so */
	struct feed_head feed; /* an empty batch, at its end */
	uint32_t last_id;
	unsigned nclients;
	int64_t refused_at; /* ms: when a refusal was last logged */
	TAILQ_HEAD(, control_client) clients;
	TAILQ_HEAD(, control_request) requests;
};

/* Milliseconds that only grow. */
int64_t control_now(void);

/* What a user with these groups may do. */
enum control_access control_access(const struct control_conf *, uid_t uid,
    const gid_t *groups, unsigned ngroups);

/* fd, of a user who may do that, becomes a client; fd is taken over. */
void control_client_new(struct control *, int fd, uid_t uid,
    enum control_access);
/* Tells a stranger why not, and closes. */
void control_refuse(int fd, const char *why);
void control_client_drop(struct control_client *, const char *why);
/* Once a second while there are clients: who is late, who is stuck. */
void control_clients_tick(struct control *);

/* The end of an answer's way: to the client that asked. */
void control_answer(struct control *, enum role from, const struct msg_in *);
/* Whoever was to answer is gone: every question there ends with why. */
void control_fail(struct control *, enum role at, const char *why);

/* auth is there: what waited for it is asked. */
void control_held(struct control *);

/* A message as it came, without its head; not to be freed. */
struct mbuf control_body(const struct msg_in *);

/* captured's news to the monitors. */
void control_feed_hello(struct control *, const struct msg_in *);
void control_feed(struct control *, const struct msg_in *);
/* A client became a monitor: captured is asked for news while there are
 * monitors. */
void control_feed_begin(struct control_client *);
/* A monitor reads again. */
void control_feed_catch_up(struct control_client *);
void control_subscribe(struct control *);
/* There is no subscription, as captured is gone or another. */
void control_unsubscribed(struct control *);

/* A channel to a peer, newer than the one there may be; fd is taken over. */
void control_peer(struct control *, enum role, uint32_t generation, int fd);

#endif
