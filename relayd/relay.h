/*
 * The map of relayd: what it holds, and who may call whom.
 *
 *	relay.c		the role, its clock, its sessions
 *	config.c	the configuration, item by item
 *	request.c	what the operator asks for
 *	listen.c	accepting newcomers
 *	accept.c	the beginning of a session
 *	proxy.c		PROXY protocol headers (pure)
 *	limits.c	how many sessions an address has
 *	pool.c		pools and the addresses of their names
 *	connect.c	finding a pool for a session, failover
 *	session.c	the bytes between a miner and its pool, and the ends
 *	tap.c		copies for captured: tap_ring.c, tap_fact.c
 *
 * The rule before every line here: the relay never waits, and nothing that
 * is done for anybody else comes before a byte that can be forwarded.
 */
#ifndef RELAYD_RELAY_H
#define RELAYD_RELAY_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/childconf.h"
#include "common/ipc.h"
#include "common/proc.h"
#include "common/record.h"
#include "common/replay.h"
#include "common/tap.h"

#define RELAY_READ          16384u /* bytes read at once */
#define RELAY_ACCEPTS       64     /* connections accepted a pass */
#define RELAY_INFOS         8      /* sessions asked for TCP_INFO a pass */
#define RELAY_INFO_EVERY_MS 10000u
#define POOL_ADDRS          8 /* addresses kept of a pool's name */
#define LISTEN_POOLS        16
#define LISTEN_NETS         64
#define RELAY_LISTENERS     64
#define RELAY_POOLS         256

struct relay;
struct session;

TAILQ_HEAD(session_list, session);

/* IPv4 or IPv6; 28 bytes. */
union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A pool as some configuration names it; lives while anybody refers to it. */
struct pool {
	LIST_ENTRY(pool) entry;
	unsigned refs;
	struct pool_conf conf;
	bool literal; /* an address: nothing to resolve */
	bool asked;   /* the resolver owes an answer */
	uint32_t id;  /* of that question */
	unsigned naddrs;
	union address addrs[POOL_ADDRS];
	unsigned good;          /* index of the last that connected */
	uint64_t refreshed_ms;  /* when asked last; 0 never */
	uint64_t down_until_ms; /* newcomers try the next pool first */
	uint64_t own_until_ms;  /* led back to us: not tried at all */
	uint64_t connects, failures;
	unsigned sessions;    /* connected to it */
	uint32_t connect_us;  /* how long the last connect took */
	int64_t connected_us; /* when that was, and the last failure; 0 never */
	int64_t failed_us;
	char error[64];                /* why that was */
	TAILQ_HEAD(, session) waiting; /* for its addresses */
};

struct listener {
	unsigned refs;
	int fd; /* -1 once it is no longer listened on */
	struct event *ev;
	struct relay *relay;
	struct listen_conf conf;
	unsigned npools;
	struct pool *pools[LISTEN_POOLS];
	unsigned nnets;
	struct net_conf nets[LISTEN_NETS];
};

/* Bytes that wait for one side; there is none while nothing waits. */
struct outbuf {
	size_t off, len, cap;
	uint8_t *data;
	struct event *ev; /* EV_WRITE */
};

enum rd_state {
	RD_OPEN,
	RD_EOF,
	RD_ERROR
};
enum wr_state {
	WR_OPEN,
	WR_FIN_WANTED,
	WR_FIN_SENT,
	WR_DEAD
};

/* One leg; index 0 of a session is the miner's, 1 the pool's. */
struct side {
	struct session *session;
	struct event ev; /* EV_READ */
	int fd;          /* -1 none */
	uint8_t rd, wr;  /* enum rd_state, enum wr_state */
	bool stopped;    /* not read: the other side holds its limit */
	struct outbuf *out;
	uint64_t read;      /* bytes read from this side */
	uint64_t delivered; /* of them, written to the other */
};

enum session_phase {
	S_PROXY,   /* reading a PROXY header */
	S_CONNECT, /* looking for a pool; nothing is read */
	S_RELAY,
	S_RESET,  /* one side died: the other gets its last bytes, then RST */
	S_FINISH, /* ended by the operator: FIN, RST after a while */
	S_ENDED   /* only the facts are left, until captured has them */
};

/* While a session has no pool yet, or is about to end. */
struct effort {
	struct event *timer;
	struct event *ev; /* of the socket that connects */
	int fd;           /* that socket, -1 none */
	unsigned pool;    /* index in the listener's list */
	unsigned addr;    /* addresses of it that were tried */
	uint32_t tried;   /* bit per pool */
	uint64_t started_ns;
	uint64_t deadline_ms; /* of a RESET or FINISH */
	unsigned wait_ms;     /* until it is looked at again */
	bool own;             /* an address of this pool led back to us */
	char reason[32];
	char detail[96];
	size_t head_len; /* of a PROXY header, so far */
	uint8_t head[1024];
};

struct session {
	TAILQ_ENTRY(session) entry;   /* all, or the ended ones */
	TAILQ_ENTRY(session) waiting; /* in pool->waiting */
	TAILQ_ENTRY(session) dirty;   /* facts that the ring has dropped */
	struct relay *relay;
	struct listener *listener;
	struct pool *pool; /* the one it is connected to */
	struct side side[2];
	uint8_t phase;
	bool is_dirty;
	bool is_waiting;
	bool close_dropped; /* the ring no longer has its CLOSED */
	bool replay;        /* see session_replay() */
	bool pinned;        /* to the pool of pool_index */
	bool counted;       /* in limits */
	uint8_t first_fin;  /* 0 none yet, else 1 + the side's index */
	bool has_info;
	uint8_t pool_index;
	uint32_t slot;
	uint64_t no; /* generation << 32 | slot, unique in this epoch */
	uint8_t uuid[16];
	int64_t opened_us;
	uint64_t opened_mono;
	uint32_t connect_us;
	uint32_t ring_bytes; /* that this session holds of the ring */
	uint64_t replay_of;  /* position of the message that it repeats */
	uint64_t end_seq;    /* acknowledged, it may be forgotten */
	uint64_t info_ms;
	uint64_t active_ms; /* last byte, or first half-close */
	union address peer, via, pool_peer;
	struct effort *effort;
	struct tap_closed *closed; /* once it has ended */
	struct tap_info info;
};

struct counters {
	uint64_t accepted, refused_limit, refused_address, refused_own;
	uint64_t no_pool, accept_errors, proxy_bad, fds_out;
	uint64_t bytes_from[2]; /* read from miners, from pools */
	uint64_t bytes_to[2];   /* written to miners, to pools */
	uint64_t undelivered[2];
};

/* Clocks: CLOCK_MONOTONIC in ns and ms, real time in µs. */
uint64_t mono_ns(void);
uint64_t mono_ms(void);
int64_t real_us(void);

/* --- relay.c --- */
const struct proc_role *relay_role(void);
void *relay_new(void);
struct event_base *relay_base(struct relay *);
const struct relay_conf *relay_conf(struct relay *);
struct counters *relay_counters(struct relay *);
struct tap *relay_tap(struct relay *);
/* One of our own addresses and one of our ports (rule: no loops). */
bool relay_is_own(struct relay *, int connected_fd);
/* -1 while there is no resolver. */
int relay_resolve(struct relay *, struct pool *);
void relay_session_began(struct relay *, struct session *);
void relay_session_ended(struct relay *, struct session *);
/* Counts it for its address; false when that has its limit. */
bool relay_admits(struct relay *, struct session *);
/* At most one line a minute for each kind of trouble. */
enum trouble {
	T_NO_POOL,
	T_LIMIT,
	T_ADDRESS,
	T_FDS,
	T_ACCEPT,
	T_RESOLVE,
	T_MAX
};
bool relay_may_log(struct relay *, enum trouble, uint64_t *suppressed);
void listener_free(struct listener *);
struct listener *listener_hold(struct listener *);
/* Which of its pools that is; -1 none. */
int listener_pool(const struct listener *, const struct pool_conf *);
struct pool *pool_hold(struct pool *);
void pool_release(struct pool *);
/* Whether address (a peer of this listener) may send a PROXY header. */
bool listener_trusts(const struct listener *, const union address *);

/* --- session.c --- */
/* Takes fd over. */
void session_accept(struct relay *, struct listener *, int fd,
    const union address *peer);
/*
 * A session of HashScope's own: fd, taken over, is one end of a socketpair
 * that stands where the miner would.  Its first direction is recorded as
 * hashscope_to_pool.  It never writes into a miner's connection.
 */
void session_replay(struct relay *, struct listener *,
    const struct replay_ask *, int fd);
/* connect.c found a pool: fd is connected. */
void session_connected(struct session *, struct pool *, unsigned index, int fd,
    const union address *peer, uint32_t connect_us);
/* It did not: RST to the miner. */
void session_no_pool(struct session *, const char *why);
/* Rule f: FIN after what waits is written, RST after reset_ms. */
void session_finish(struct session *, const char *reason);
void session_read_info(struct session *);
/*
 * A side that has said FIN is not read any more; whether it has died since,
 * by RST or keepalive, has to be asked.
 */
void session_find_dead(struct session *);
/* Frees what is left; the tap has no more use for it. */
void session_free(struct session *);
void address_text(const union address *, char *out, size_t size);

/* --- connect.c --- */
void connect_begin(struct session *);
void connect_cancel(struct session *);
/* Names were resolved, or not: go on with those who wait. */
void connect_resolved(struct relay *, struct pool *);

/* --- proxy.c --- */
struct proxy_header {
	bool has_source;
	union address source;
	size_t len; /* bytes of the header */
};
/*
 * 1: a header, complete; 0: the beginning of one, need more; -1: none, these
 * are a miner's own bytes; -2: a header that is wrong.  Source: the PROXY
 * protocol's specification by HAProxy, versions 1 and 2.
 */
int proxy_parse(const uint8_t *, size_t, struct proxy_header *);
#define PROXY_MAX sizeof(((struct effort *)0)->head)

/* --- limits.c --- */
struct limits;
struct limits *limits_new(void);
void limits_free(struct limits *);
/* How many sessions this address has; add is +1 or -1 applied before. */
unsigned limits_count(struct limits *, const union address *, int add);

/* --- tap.c --- */
struct tap;
/* ring_bytes 0: no copies.  NULL and errno. */
struct tap *tap_new(struct relay *, uint64_t ring_bytes);
void tap_free(struct tap *);           /* and all that it still knows */
int tap_start(struct tap *);           /* makes its events; -1 when it cannot */
void tap_attach(struct tap *, int fd); /* a new captured; takes fd over */
/* Sends what the socket takes; true when nothing is left, or nobody reads. */
bool tap_flushed(struct tap *);
void tap_open(struct tap *, struct session *);
void tap_pool(struct tap *, struct session *);
void tap_half(struct tap *, struct session *, unsigned dir, uint64_t offset);
void tap_info(struct tap *, struct session *);
/* True: the session is the tap's from here, it calls session_free() later.
 * False: it has no use for it. */
bool tap_closed(struct tap *, struct session *);
void tap_chunk(struct tap *, struct session *, unsigned dir, uint64_t offset,
    uint64_t ts_recv, uint64_t ts_fwd, unsigned flags, const uint8_t *, size_t);
void tap_fwd(struct tap *, struct session *, unsigned dir, uint64_t offset,
    uint64_t ts_fwd);
void tap_stats(struct tap *, struct stats *);
void tap_set_flush(struct tap *, uint32_t ms);

#endif
