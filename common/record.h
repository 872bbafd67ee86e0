/*
 * What captured knows of a session and of a message, as it passes to the
 * query role's clients and to the feed's subscribers, and the filter by
 * which they ask.  Typed on the wire; JSON is written at the edge by
 * object.c, tables by hashscopectl.
 */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conform.h"
#include "common/msg.h"
#include "common/rates.h"
#include "common/roll.h"
#include "common/tap.h"

#define SESSION_TEXT    37 /* "0190…-…" and NUL */

/* Flags of a message. */
#define MF_REQUEST      0x0001u
#define MF_NOTIFICATION 0x0002u
#define MF_RESPONSE     0x0004u
#define MF_PARSE_ERROR  0x0008u /* not valid JSON, or cut */
#define MF_ERROR        0x0010u /* a response that says no */
#define MF_TRUNCATED    0x0020u /* raw is the first 64 KiB of size */
#define MF_REDACTED     0x0040u
#define MF_AFTER_GAP    0x0080u /* bytes before it were not captured */
#define MF_BROKEN       0x0100u /* cut by a gap or by the session's end */
#define MF_NO_NEWLINE   0x0200u
#define MF_CRLF         0x0400u /* ended with CR LF */
#define MF_MULTIPLE     0x0800u /* several objects in the line */
#define MF_JSON         0x1000u /* raw is valid JSON and UTF-8 */
#define MF_FOREIGN      0x2000u /* another protocol; see protocol */
#define MF_UNDELIVERED  0x4000u

struct message_rec {
	uint64_t pos; /* its position, and its id in JSON */
	uint8_t session[16];
	uint8_t dir; /* enum tap_dir */
	uint32_t flags;
	uint32_t size;      /* with its newline; the true one when truncated */
	int64_t ts_recv_us; /* real time, µs since 1970 */
	int64_t ts_fwd_us;  /* 0: never written to the other side, or unknown */
	uint64_t pair; /* request of a response, response of a request; 0 */
	uint64_t replay_of;  /* the message that this one repeats; 0 none */
	int64_t latency_us;  /* of a pair, from monotonic times; -1 unknown */
	char peer[64];       /* who sent it */
	char method[64];     /* of the request, for a response; "" if none */
	char jsonrpc_id[72]; /* JSON text; "" when there is none */
	char protocol[24];   /* "stratum", or the foreign protocol's name */
	char parse_error[160];
	const uint8_t *raw; /* without the newline */
	uint32_t raw_len;
	/* For a request that was answered, when asked for. */
	int64_t resp_ts_us;
	const uint8_t *resp_raw; /* NULL: not told */
	uint32_t resp_len;
	uint64_t share; /* that it submits, or answers; 0 none, not known */
	/* With QF_EXPLAIN, JSON: what it means in plain words, and every value
	 * by its name (explain.h); NULL: not told. */
	const uint8_t *explanation;
	uint32_t explanation_len;
};

/* States of a session. */
enum session_state {
	SESSION_LIVE,
	SESSION_ENDED
};

#define SESSION_WORKERS 512 /* bytes of their names together */

/*
 * What a session has earned, and how it speaks.  The sums of accepted
 * difficulty since the rates were last written are in open: so the rates,
 * which are large, are written every ten seconds, and nothing is lost.
 */
struct session_account {
	struct roll roll;
	struct rates rates; /* of accepted difficulty, with open */
	double open;
	int64_t open_us;
	struct conform_notes notes;
};

/* Without the rates; open false: as if there were nothing open. */
void account_pack(const struct session_account *, bool open, struct mbuf *);
/* -1: it makes no sense. */
int account_unpack(struct session_account *, const void *, size_t);

struct session_rec {
	uint8_t id[16];
	uint8_t state;
	bool replay;
	int64_t first_seen_us;
	int64_t last_seen_us;
	int64_t ended_us;   /* 0: live */
	uint64_t messages;  /* all that were seen, stored still or not */
	uint64_t by_dir[2]; /* miner_to_pool (with replays), pool_to_miner */
	uint64_t bytes[2];  /* read from the miner, read from the pool */
	uint64_t parse_errors;
	uint64_t gaps;
	uint64_t gap_bytes;
	uint64_t first_pos; /* of its stored messages; 0 none */
	uint64_t last_pos;
	double difficulty; /* last mining.set_difficulty; 0 none */
	uint16_t pool_port;
	uint16_t pool_index;
	uint32_t pool_connect_us;
	uint32_t rtt_us[2]; /* miner's leg, pool's leg; 0 unknown */
	char peer[64];
	char via[64];
	char listener[64];
	char pool_host[256]; /* "" while there is none */
	char pool_peer[64];
	char user_agent[129];
	char mining_session_id[129];
	char worker[129]; /* last mining.authorize */
	/* All of them, each ended by a newline, as far as there is room. */
	char workers[SESSION_WORKERS];
	char extranonce1[65]; /* hex; "" while there is none */
	uint8_t extranonce2_size;
	struct session_account account;
	int64_t now_us; /* when rates are asked for: see session_hashrate() */
	char close_reason[64];
	char close_detail[128];
	uint64_t replay_of; /* of a replay: the message it repeats */
	/* What holds for its worker, see captured/setting.h. */
	bool broadcast_enabled;
	uint16_t repeat_count;      /* 1…REPEAT_MAX */
	uint32_t auto_replay_count; /* 1…AUTO_REPLAY_MAX */
	bool auto_replay_enabled;   /* the replay role follows it */
};

/* How often agents submit a share, and auto-replay repeats one. */
#define REPEAT_MAX      1000u
#define AUTO_REPLAY_MAX 900000u

/* Who sent a message of a session of these ends: "hashscope→IP:PORT" when
 * it was HashScope itself. */
void message_set_peer(struct message_rec *, const char *peer,
    const char *pool_peer);
/* It repeats another: a submit of HashScope's own, not what comes before. */
bool message_is_replay(const struct message_rec *);

void message_put(struct mbuf *, const struct message_rec *);
/* raw and what else is a pointer points into the body.  Check msg_end
 * afterwards. */
void message_get(struct mcur *, struct message_rec *);
void session_put(struct mbuf *, const struct session_rec *);
void session_get(struct mcur *, struct session_rec *);

/* Hashes a second over a window, until now or the session's end. */
double session_hashrate(const struct session_rec *, enum rates_window);

/* UUID text; parse returns -1 unless it is 8-4-4-4-12 hex. */
void uuid_text(const uint8_t id[16], char out[SESSION_TEXT]);
int uuid_parse(const char *, uint8_t id[16]);

/* --- asking --- */

enum query_kind {
	Q_SESSIONS = 1, /* newest first */
	Q_SESSION,      /* one, by session */
	Q_MESSAGES,     /* newest first; after: oldest first */
	Q_MESSAGE,      /* one, by pos */
	Q_ALERTS,       /* newest first; live and ended as for sessions */
	Q_SHARES,       /* newest first; after: oldest first */
	Q_SHARE,        /* one, by pos: that of its submit */
	Q_WORKERS,      /* the newest first, by their number */
	Q_JOBS,         /* newest first; after: oldest first */
	Q_JOB,          /* one, by pos: the store's number of it */
	Q_STATS,        /* points by time; of whom: by */
	Q_MAX
};

#define QF_DIR           0x1u
#define QF_SESSION       0x2u
#define QF_ERRORS_PARSE  0x4u
#define QF_ERRORS_POOL   0x8u
#define QF_NO_RESPONSES  0x10u   /* leave out paired responses */
#define QF_WITH_RESPONSE 0x20u   /* fill resp_* of answered requests */
#define QF_LIVE          0x40u   /* sessions: live ones */
#define QF_ENDED         0x80u   /* sessions: ended ones */
#define QF_ASCENDING     0x100u  /* messages, shares, jobs: oldest first */
#define QF_EXPLAIN       0x200u  /* messages: explained, with their fields */
#define QF_VERIFY        0x400u  /* one share: verified again, step by step */
#define QF_DISPUTED      0x800u  /* shares: that the pool judged wrongly */
#define QF_BROADCAST     0x1000u /* shares: of sessions that publish theirs */

struct query {
	uint8_t kind;
	uint32_t flags;
	uint8_t session[16];
	uint8_t dir;
	char method[64]; /* "" any */
	/* "" any; bytes that raw, or a worker's name, contains, ASCII case
	 * folded. */
	char text[256];
	/* "" any; shares and workers: the name; stats by worker or by user
	 * agent: only this one. */
	char worker[129];
	char pool[264];    /* "" any; jobs: host:port, or the host alone; stats
			 * by pool: host:port */
	uint8_t by;        /* stats: enum roll_by */
	uint32_t step_s;   /* stats: whole minutes; 0: one point for all */
	uint16_t verdicts; /* shares: bits 1 << enum verify_verdict; 0 any */
	uint8_t said;      /* shares: bits 1 << enum answer_class; 0 any */
	int64_t since_us;  /* 0 none; real time, received then or later */
	int64_t until_us;  /* 0 none; received before */
	uint64_t before;   /* positions < before; 0 none */
	uint64_t after;    /* positions > after; 0 none */
	uint64_t pos;      /* Q_MESSAGE, Q_SHARE, Q_JOB */
	uint32_t limit;    /* 1…100000 */
	uint32_t offset;   /* ≤ 10,000 */
	uint32_t deadline_ms; /* 0: the role's own */
};

void query_put(struct mbuf *, const struct query *);
/* Values out of range make the cursor bad. */
void query_get(struct mcur *, struct query *);

/* Body of QUERY_END. */
struct query_end {
	uint8_t status;      /* 0 ok, 1 not found, 2 bad request, 3 failed */
	bool complete;       /* false: the deadline came first */
	uint64_t stopped_at; /* the position reached, when not complete */
	uint64_t rows;
	char text[256]; /* why, when status is not 0 */
};

void query_end_put(struct mbuf *, const struct query_end *);
void query_end_get(struct mcur *, struct query_end *);

/* --- the feed --- */

/* FEED_SUBSCRIBE: what from now on; 0: no more. */
#define FEED_MESSAGES 0x1u /* batches of messages */
#define FEED_MARKS    0x2u /* how far the store is, when that changes */
#define FEED_ALERTS   0x4u /* each that begins or ends: FEED_ALERT */
#define FEED_SHARES   0x8u /* shares as they are judged, and as answered */
#define FEED_SESSIONS \
	0x10u /* that one was given other settings: FEED_CHANGED */

/*
 * Head of a FEED_BATCH; count message_rec follow.  With none, for who was
 * left out of earlier batches or wants to know how far the store is: prev,
 * first and last are the same, where the batches ended.
 */
struct feed_head {
	uint8_t store_id[16];
	uint64_t prev; /* the position before first, 0 at the start */
	uint64_t first;
	uint64_t last;
	uint64_t committed; /* the store has everything up to here */
	uint32_t count;
};

void feed_head_put(struct mbuf *, const struct feed_head *);
void feed_head_get(struct mcur *, struct feed_head *);

/* --- counters --- */

/* Named counters, so that a new one needs no new message: u32 count, then
 * (str name, u64 value) each.  Body of RELAY_STATS and CAPTURE_STATS. */
#define STATS_MAX 128
#define STAT_NAME 48
struct stat_item {
	char name[STAT_NAME];
	uint64_t value;
};
struct stats {
	unsigned n;
	struct stat_item item[STATS_MAX];
};
void stats_add(struct stats *, const char *name, uint64_t value);
uint64_t stats_value(const struct stats *, const char *name);
void stats_put(struct mbuf *, const struct stats *);
void stats_get(struct mcur *, struct stats *);

/* A row of `show processes`. */
struct process_rec {
	char role[24];
	char state[16]; /* "ready", "starting", "waiting", "stopped" */
	int32_t pid;
	uint32_t uid;
	uint32_t generation; /* 1 at the first start */
	uint64_t uptime_ms;
	uint64_t rss_kb;
	uint64_t cpu_ms;
	uint64_t logs_dropped;
	char last_exit[64]; /* "signal 9", "exit 1", "" */
};
void process_put(struct mbuf *, const struct process_rec *);
void process_get(struct mcur *, struct process_rec *);

#endif
