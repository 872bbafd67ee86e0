/*
 * What the supervisor tells each child of the configuration: only what that
 * child needs, already checked.  The same messages serve at the start and
 * at a reload (CONF_BEGIN … CONF_END, PREPARED, COMMIT).
 */
#ifndef COMMON_CHILDCONF_H
#define COMMON_CHILDCONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"

#define CONF_PATH 1024

/* CONF_RELAY: limits and timers of relayd; ms, 0 is off. */
struct relay_conf {
	bool capture; /* false: no copies at all */
	uint64_t ring_bytes;
	uint32_t max_sessions;
	uint32_t max_per_address; /* 0: no limit */
	uint32_t session_buffer;  /* most bytes waiting for one side */
	uint32_t keep_idle_s, keep_interval_s, keep_count;
	uint32_t idle_ms, half_close_ms, proxy_ms, connect_ms, retry_ms;
	uint32_t drain_ms, reset_ms, flush_ms, refresh_ms;
};

/* CONF_LISTEN; fd is the listening socket, or none when it is already
 * held (a reload).  Pools and networks that follow belong to it. */
struct listen_conf {
	uint32_t id;
	char name[64]; /* "0.0.0.0:3333" */
};

/* CONF_POOL */
struct pool_conf {
	char host[256];
	uint16_t port;
};

/* CONF_PROXY: a network that may send PROXY headers. */
struct net_conf {
	uint8_t family; /* 4 or 6 */
	uint8_t bits;
	uint8_t addr[16];
};

/* CONF_CAPTURE and CONF_QUERY */
struct capture_conf {
	char dir[CONF_PATH]; /* the state directory */
	uint64_t messages;   /* bounds; 0 is none */
	uint64_t per_session;
	uint64_t age_s;
	uint64_t minutes_s; /* roll-ups of minutes and of hours; 0: for ever */
	uint64_t hours_s;
	uint64_t size_bytes;
	uint64_t reserve_bytes; /* stop capturing below this much free space */
	bool redact;
	uint8_t chain;   /* enum address_net: how addresses are written */
	uint32_t ack_ms; /* at most this long between acknowledgements */
	uint32_t commit_ms;
	uint32_t commit_rows;
	uint32_t hold_ms;   /* how long query may take to answer HOLD */
	uint32_t query_ms;  /* a query's own deadline */
	uint64_t wal_bytes; /* checkpoint with HOLD past this */
	bool broadcast;     /* of workers for whom nobody has said */
};

/* CONF_BROADCAST: what holds instead for those with such names. */
#define BROADCAST_PATTERNS 64
struct broadcast_conf {
	bool on;
	char pattern[129];
};

/* CONF_NOSTR; fd is the outbox's directory. */
#define NOSTR_FORMAT_BATCH  1u
#define NOSTR_FORMAT_COMPAT 2u
struct nostr_conf {
	char run[65];
	uint8_t formats; /* NOSTR_FORMAT_* */
	bool trust_any;  /* show agents that nobody vouched for */
	bool miner_address;
	uint32_t kind_share, kind_batch, kind_telemetry, kind_control;
	uint32_t rate_milli; /* events in 1,000 s */
	uint32_t burst;
	uint32_t flush_ms, answer_ms, connect_ms, retry_ms, retry_max_ms;
	uint32_t pause_ms, blocked_ms;
	uint64_t outbox_bytes;
	bool encrypted; /* shares, to a group */
	uint8_t pow;    /* most bits of proof of work that an event gets */
	/* Alerts, to one who may read them. */
	bool alerts;
	uint8_t alerts_to[32];
	uint32_t alerts_pause_ms;
	char site[65];
};

#define CONTROL_REFUSED 16
#define CONTROL_MINERS  8
#define CONTROL_URL     80
#define CONTROL_NO_GID  UINT32_MAX

/* CONF_CONTROL; fd is the listening socket, or none at a reload. */
struct control_conf {
	uint32_t owner_uid; /* who started HashScope: full */
	uint32_t full_gid;  /* members may act; CONTROL_NO_GID for no group */
	uint32_t view_gid;  /* members may look */
	uint8_t nrefused;
	uint32_t refused[CONTROL_REFUSED]; /* uids of the children */
	uint8_t nminer;
	char miner[CONTROL_MINERS][CONTROL_URL]; /* to type into a miner */
	char console[96]; /* URL; "" while there is none */
	char version[24];
	int64_t started_us; /* real time, µs since 1970 */
};

#define AUTH_URL 96

/* CONF_AUTH; fd is auth's directory, or none at a reload. */
struct auth_conf {
	bool open;      /* auth none: whoever comes is an admin */
	bool print_url; /* run by hand: a URL to log in is printed at start */
	uint32_t idle_s, age_s; /* of the console's sessions */
	uint64_t audit_bytes;   /* of a file, until the next is begun */
	uint32_t owner_uid;     /* who started HashScope */
	char console[AUTH_URL]; /* URL; "" while there is none */
};

void auth_conf_put(struct mbuf *, const struct auth_conf *);
void auth_conf_get(struct mcur *, struct auth_conf *);
/* The most that may be configured. */
#define API_CONNS_MAX 4096
#define API_WS_MAX    256

/* CONF_API: limits and timers of apid, and what /api/config tells of the
 * rest; fd is the console's pack, or none. */
struct api_conf {
	bool auth; /* false: API_AUTH=none, everybody may do everything */
	uint32_t max_conns;
	uint32_t per_address;
	uint32_t waiting;    /* connections without a first request */
	uint32_t requests;   /* a second, of one address */
	uint32_t websockets; /* in all */
	uint32_t plain;      /* of them: that get bare objects */
	uint32_t queue;      /* bytes; past it a WebSocket gets nothing new */
	uint32_t queue_max;  /* bytes; past it it goes */
	uint32_t head_ms;    /* until a request's head is there */
	uint32_t body_ms;    /* and its body */
	uint32_t idle_ms;    /* between two requests */
	uint32_t answer_ms;  /* in which some of an answer must be taken */
	uint32_t stuck_ms;   /* the same of a WebSocket */
	uint32_t ping_ms;    /* of silence on /api/ws/agents */
	uint32_t recheck_ms; /* between two looks at who a WebSocket is */
	/* for people */
	char site[65];
	char version[24];
	char hostname[65]; /* of the machine, for Host */
	char listen_host[64], pool_host[256], run_id[256];
	uint16_t listen_port, pool_port, api_port;
	uint64_t capture_messages;
	bool capture, nostr;
	int64_t started_us; /* real time, µs since 1970 */
};

/* CONF_API_LISTEN; fd is the listening socket, or none when it is already
 * held (a reload). */
struct api_listen {
	uint32_t id;
	char name[64]; /* "127.0.0.1:8000" */
	bool loopback;
};

void api_conf_put(struct mbuf *, const struct api_conf *);
void api_conf_get(struct mcur *, struct api_conf *);
void api_listen_put(struct mbuf *, const struct api_listen *);
void api_listen_get(struct mcur *, struct api_listen *);
void control_conf_put(struct mbuf *, const struct control_conf *);
void control_conf_get(struct mcur *, struct control_conf *);
void relay_conf_put(struct mbuf *, const struct relay_conf *);
void relay_conf_get(struct mcur *, struct relay_conf *);
void listen_conf_put(struct mbuf *, const struct listen_conf *);
void listen_conf_get(struct mcur *, struct listen_conf *);
void pool_conf_put(struct mbuf *, const struct pool_conf *);
void pool_conf_get(struct mcur *, struct pool_conf *);
void net_conf_put(struct mbuf *, const struct net_conf *);
void net_conf_get(struct mcur *, struct net_conf *);
void capture_conf_put(struct mbuf *, const struct capture_conf *);
void capture_conf_get(struct mcur *, struct capture_conf *);
void nostr_conf_put(struct mbuf *, const struct nostr_conf *);
void nostr_conf_get(struct mcur *, struct nostr_conf *);
void broadcast_conf_put(struct mbuf *, const struct broadcast_conf *);
void broadcast_conf_get(struct mcur *, struct broadcast_conf *);

#endif
