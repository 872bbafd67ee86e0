/*
 * The messages that pass between the processes, all of them, in one list:
 * name, who may send it, who may receive it, the largest body, how many
 * descriptors travel with it.  A receiver checks all four before a handler
 * sees the message (ipc.c); a message that fails is its sender's fault and
 * is dropped and counted.
 *
 * Bodies are written with msg_put_* and read with msg_get_*, whose cursor
 * is sticky: read everything, then ask msg_end() once whether each field
 * was there and nothing is left over.  Numbers are little-endian.  A string
 * or a byte string is a u32 length and that many bytes.
 *
 * doc/PROTOCOL.md describes the bodies and is held against this list by a
 * test.
 */
#ifndef COMMON_MSG_H
#define COMMON_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stated by the supervisor's HELLO and by whoever opens a control socket. */
#define MSG_PROTOCOL 1u

enum role {
	ROLE_SUPERVISOR,
	ROLE_CONTROL,
	ROLE_RESOLVER,
	ROLE_RELAY,
	ROLE_CAPTURE,
	ROLE_QUERY_PAGE,
	ROLE_QUERY_SEARCH,
	ROLE_AUTH, /* users, tokens; the only way to act */
	ROLE_API,
	ROLE_REPLAY, /* submits captured shares again */
	ROLE_NOSTR,
	ROLE_SIGNER,         /* holds nostrd's key */
	ROLE_PASSWORD,       /* checks passwords for auth */
	ROLE_NOSTR_RESOLVER, /* nostrd's names, so that relayd's never wait */
	ROLE_CTL,            /* hashscopectl, on the control socket */
	ROLE_MAX
};

/* One bit a role, for the masks in the list below. */
#define R_SUP      (1u << ROLE_SUPERVISOR)
#define R_CONTROL  (1u << ROLE_CONTROL)
#define R_RESOLVER ((1u << ROLE_RESOLVER) | (1u << ROLE_NOSTR_RESOLVER))
#define R_RELAY    (1u << ROLE_RELAY)
#define R_CAPTURE  (1u << ROLE_CAPTURE)
#define R_QUERY    ((1u << ROLE_QUERY_PAGE) | (1u << ROLE_QUERY_SEARCH))
#define R_AUTH     (1u << ROLE_AUTH)
#define R_API      (1u << ROLE_API)
#define R_REPLAY   (1u << ROLE_REPLAY)
#define R_NOSTR    (1u << ROLE_NOSTR)
#define R_SIGNER   (1u << ROLE_SIGNER)
#define R_PASSWORD (1u << ROLE_PASSWORD)
#define R_CTL      (1u << ROLE_CTL)
/* Who looks at what is captured. */
#define R_VIEWER   (R_CONTROL | R_API | R_REPLAY | R_NOSTR)
#define R_CHILD                                                            \
	(R_CONTROL | R_RESOLVER | R_RELAY | R_CAPTURE | R_QUERY | R_AUTH | \
	    R_API | R_REPLAY | R_NOSTR | R_SIGNER | R_PASSWORD)

#define MSG_KIB(n)        ((n)*1024u)
/* The largest body of a message; a longer one travels in fragments. */
#define MSG_PACKET_MAX    MSG_KIB(32)
/* A stored line is at most 64 KiB; a record is two of them and its fields. */
#define MSG_RECORD_MAX    MSG_KIB(192)
/* The same, explained. */
#define MSG_EXPLAINED_MAX MSG_KIB(384)

/* clang-format off */
/*	name             from         to         largest        fds */
#define MSG_LIST(X) \
	/* supervision */ \
	X(HELLO,         R_SUP,       R_CHILD,   MSG_KIB(4),     0) \
	X(READY,         R_CHILD,     R_SUP,     0,              0) \
	X(PEER,          R_SUP,       R_CHILD,   8,              1) \
	X(SHUTDOWN,      R_SUP,       R_CHILD,   0,              0) \
	X(LOG,           R_CHILD,     R_SUP,     MSG_KIB(4),     0) \
	X(LOG_LEVEL,     R_SUP,       R_CHILD,   1,              0) \
	/* configuration: BEGIN, items, END; PREPARED; COMMIT or ABORT */ \
	X(CONF_BEGIN,    R_SUP,       R_CHILD,   0,              0) \
	X(CONF_RELAY,    R_SUP,       R_RELAY,   MSG_KIB(1),     0) \
	X(CONF_LISTEN,   R_SUP,       R_RELAY,   MSG_KIB(1),     1) \
	X(CONF_POOL,     R_SUP,       R_RELAY,   MSG_KIB(1),     0) \
	X(CONF_PROXY,    R_SUP,       R_RELAY,   64,             0) \
	X(CONF_CAPTURE,  R_SUP,       R_CAPTURE, MSG_KIB(5),     0) \
	X(CONF_WATCH,    R_SUP,       R_CAPTURE, MSG_KIB(64),    0) \
	X(CONF_QUERY,    R_SUP,       R_QUERY,   MSG_KIB(5),     0) \
	X(CONF_CONTROL,  R_SUP,       R_CONTROL, MSG_KIB(1),     1) \
	X(CONF_API,      R_SUP,       R_API,     MSG_KIB(2),     1) \
	X(CONF_API_LISTEN, R_SUP,     R_API,     128,            1) \
	X(CONF_API_HOST, R_SUP,       R_API,     512,            0) \
	X(CONF_API_CORS, R_SUP,       R_API,     512,            0) \
	X(CONF_BROADCAST, R_SUP,      R_CAPTURE, MSG_KIB(1),     0) \
	X(CONF_REPLAY,   R_SUP,       R_REPLAY,  MSG_KIB(1),     0) \
	X(CONF_AUTH,     R_SUP,       R_AUTH,    MSG_KIB(1),     1) \
	X(CONF_NOSTR,    R_SUP,       R_NOSTR,   MSG_KIB(4),     1) \
	X(CONF_NOSTR_CA, R_SUP,       R_NOSTR,   0,              1) \
	X(CONF_NOSTR_RELAY, R_SUP,    R_NOSTR,   512,            0) \
	X(CONF_NOSTR_TRUST, R_SUP,    R_NOSTR,   32,             0) \
	X(CONF_SIGNER,   R_SUP,       R_SIGNER,  128,            1) \
	X(CONF_END,      R_SUP,       R_CHILD,   0,              0) \
	X(CONF_PREPARED, R_CHILD,     R_SUP,     MSG_KIB(1),     0) \
	X(CONF_COMMIT,   R_SUP,       R_CHILD,   0,              0) \
	X(CONF_ABORT,    R_SUP,       R_CHILD,   0,              0) \
	X(CONF_DONE,     R_CHILD,     R_SUP,     0,              0) \
	/* a pool connection of HashScope's own, to replay shares; REPLY */ \
	X(REPLAY,        R_SUP,       R_RELAY,   512,            1) \
	X(REPLAY_OPEN,   R_REPLAY,    R_SUP,     512,            0) \
	X(REPLAY_OPENED, R_SUP,       R_REPLAY,  512,            1) \
	/* sessions that the replay role follows */ \
	X(REPLAY_FOLLOW, R_REPLAY,    R_CAPTURE, 17,             0) \
	X(REPLAY_FOLLOWED, R_CAPTURE, R_REPLAY,  MSG_KIB(16),    0) \
	X(REPLAY_SHARE,  R_CAPTURE,   R_REPLAY,  MSG_RECORD_MAX, 0) \
	X(REPLAY_OVER,   R_CAPTURE,   R_REPLAY,  16,             0) \
	/* names to addresses */ \
	X(RESOLVE,       R_RELAY | R_NOSTR, R_RESOLVER, 300,     0) \
	X(RESOLVED,      R_RESOLVER,  R_RELAY | R_NOSTR, MSG_KIB(2), 0) \
	/* the tap: relayd's copies */ \
	X(TAP_HELLO,     R_RELAY,     R_CAPTURE, 64,             0) \
	X(TAP_RESUME,    R_CAPTURE,   R_RELAY,   24,             0) \
	X(TAP_BATCH,     R_RELAY,     R_CAPTURE, MSG_PACKET_MAX, 0) \
	X(TAP_ACK,       R_CAPTURE,   R_RELAY,   24,             0) \
	/* the feed: captured's news */ \
	X(FEED_SUBSCRIBE, R_VIEWER,   R_CAPTURE, 16,             0) \
	X(FEED_HELLO,    R_CAPTURE,   R_VIEWER | R_CTL, 64,      0) \
	X(FEED_BATCH,    R_CAPTURE | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(512),   0) \
	X(FEED_SHARES,   R_CAPTURE,   R_VIEWER,  MSG_KIB(128),   0) \
	X(FEED_RESET,    R_CAPTURE | R_CONTROL, R_VIEWER | R_CTL, 8, 0) \
	X(FEED_ALERT,    R_CAPTURE | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(4),     0) \
	X(FEED_CHANGED,  R_CAPTURE,   R_VIEWER,  0,              0) \
	/* queries on the store */ \
	X(QUERY,         R_VIEWER | R_CTL, R_QUERY | R_CONTROL, \
					     MSG_KIB(4),     0) \
	X(QUERY_CANCEL,  R_VIEWER | R_CTL, R_QUERY | R_CONTROL, 0, 0) \
	X(ROW_SESSION,   R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(16),    0) \
	X(ROW_MESSAGE,   R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_EXPLAINED_MAX, 0) \
	X(ROW_SHARE,     R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_RECORD_MAX, 0) \
	X(ROW_WORKER,    R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(1),     0) \
	X(ROW_JOB,       R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(64),    0) \
	X(ROW_STAT,      R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(2),     0) \
	X(ROW_ALERT,     R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(4),     0) \
	X(QUERY_END,     R_QUERY | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(1),     0) \
	X(HOLD,          R_CAPTURE,   R_QUERY,   0,              0) \
	X(HELD,          R_QUERY,     R_CAPTURE, 0,              0) \
	X(GO,            R_CAPTURE,   R_QUERY,   0,              0) \
	X(HOLD_LATE,     R_CAPTURE,   R_SUP,     4,              0) \
	/* Nostr: events to sign; agents and relays, answered with REPLY */ \
	X(SIGNER_HELLO,  R_SIGNER,    R_NOSTR,   98,             0) \
	X(SIGN,          R_NOSTR,     R_SIGNER,  MSG_KIB(192),   0) \
	X(SIGNED,        R_SIGNER,    R_NOSTR,   128,            0) \
	X(REQ_AGENTS,    R_CTL | R_CONTROL | R_API, R_CONTROL | R_NOSTR, \
					     256,            0) \
	X(REQ_RELAYS,    R_CTL | R_CONTROL | R_API, R_CONTROL | R_NOSTR, 0, 0) \
	X(REQ_NOSTR_KEY, R_CTL | R_CONTROL | R_API, R_CONTROL | R_NOSTR, 0, 0) \
	X(ROW_AGENT,     R_NOSTR | R_CONTROL, R_CONTROL | R_CTL | R_API, \
					     MSG_KIB(2),     0) \
	X(ROW_NOSTR_RELAY, R_NOSTR | R_CONTROL, R_CONTROL | R_CTL | R_API, \
					     MSG_KIB(1),     0) \
	/* the operator's requests: asked of control, answered with REPLY */ \
	X(CTL_HELLO,     R_CTL,       R_CONTROL, 4,              0) \
	X(CTL_WELCOME,   R_CONTROL,   R_CTL,     MSG_KIB(1),     0) \
	X(REQ_PROCESSES, R_CTL | R_CONTROL | R_API, R_CONTROL | R_SUP, 0, 0) \
	X(REQ_CONFIG,    R_CTL | R_CONTROL | R_API, R_CONTROL | R_SUP, 0, 0) \
	X(REQ_DRAIN,     R_SUP,       R_RELAY,   4,              0) \
	X(REQ_DISCONNECT, R_SUP,      R_RELAY,   16,             0) \
	X(REQ_RELAY_STATS, R_CTL | R_CONTROL | R_API | R_SUP, \
			 R_CONTROL | R_SUP | R_RELAY, 0,         0) \
	X(REQ_POOLS,     R_CTL | R_CONTROL | R_API | R_SUP, \
			 R_CONTROL | R_SUP | R_RELAY, 0,         0) \
	X(REQ_CAPTURE_STATS, R_CTL | R_VIEWER, R_CONTROL | R_CAPTURE, 0, 0) \
	X(REQ_MONITOR,   R_CTL,       R_CONTROL, 0,              0) \
	X(ROW_PROCESS,   R_SUP | R_CONTROL, R_CONTROL | R_CTL | R_API, 512, 0) \
	X(ROW_TEXT,      R_SUP | R_CONTROL, R_CONTROL | R_CTL | R_API, \
					     MSG_KIB(256),   0) \
	X(RELAY_STATS,   R_RELAY | R_SUP | R_CONTROL, \
			 R_SUP | R_CONTROL | R_CTL | R_API, \
					     MSG_KIB(16),    0) \
	X(POOLS,         R_RELAY | R_SUP | R_CONTROL, \
			 R_SUP | R_CONTROL | R_CTL | R_API, \
					     MSG_KIB(256),   0) \
	X(CAPTURE_STATS, R_CAPTURE | R_CONTROL, R_VIEWER | R_CTL, \
					     MSG_KIB(16),     0) \
	/* acting, see common/act.h */ \
	X(ACT,           R_API | R_CONTROL | R_CTL, R_AUTH | R_CONTROL, \
					     MSG_KIB(66),    0) \
	X(ACTED,         R_AUTH | R_CONTROL, R_API | R_CONTROL | R_CTL, \
					     MSG_KIB(257),   0) \
	X(DO,            R_AUTH,      R_SUP | R_CAPTURE | R_REPLAY | R_NOSTR, \
					     MSG_KIB(66),    0) \
	X(DONE,          R_SUP | R_CAPTURE | R_REPLAY | R_NOSTR, R_AUTH, \
					     MSG_KIB(257),   0) \
	/* who is it: asked by apid */ \
	X(WHO,           R_API,       R_AUTH,    512,            0) \
	X(LOGIN,         R_API,       R_AUTH,    MSG_KIB(1),     0) \
	X(LOGOUT,        R_API,       R_AUTH,    512,            0) \
	X(IDENTITY,      R_AUTH,      R_API,     512,            0) \
	X(FORGET,        R_AUTH,      R_API,     0,              0) \
	/* what auth has done for it */ \
	X(AUDIT_FILE,    R_SUP,       R_AUTH,    1,              1) \
	X(AUDIT_FULL,    R_AUTH,      R_SUP,     0,              0) \
	X(LOGIN_CODE,    R_AUTH,      R_SUP,     256,            0) \
	X(HASH,          R_AUTH,      R_PASSWORD, MSG_KIB(1),    0) \
	X(HASHED,        R_PASSWORD,  R_AUTH,    512,            0) \
	X(REPLY,         R_SUP | R_RELAY | R_CAPTURE | R_NOSTR | R_CONTROL, \
			 R_SUP | R_CONTROL | R_CTL | R_API, MSG_KIB(1), 0)
/* clang-format on */

enum msg_type {
	MSG_NONE,
#define X(name, from, to, size, fds) MSG_##name,
	MSG_LIST(X)
#undef X
	MSG_MAX
};

struct msg_info {
	const char *name;
	uint32_t from; /* mask of roles */
	uint32_t to;   /* mask of roles */
	uint32_t size; /* largest body, bytes */
	unsigned nfds; /* descriptors: this many or none */
};

/* NULL for a number that is no message. */
const struct msg_info *msg_info(unsigned type);
const char *role_name(unsigned role);

/* --- writing a body --- */

struct mbuf {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool bad; /* out of memory: the body is not to be sent */
};

void mbuf_init(struct mbuf *);
void mbuf_reset(struct mbuf *); /* empty, keep the memory */
void mbuf_free(struct mbuf *);

void msg_put_u8(struct mbuf *, uint8_t);
void msg_put_u16(struct mbuf *, uint16_t);
void msg_put_u32(struct mbuf *, uint32_t);
void msg_put_u64(struct mbuf *, uint64_t);
void msg_put_i64(struct mbuf *, int64_t);
void msg_put_double(struct mbuf *, double);
void msg_put_raw(struct mbuf *, const void *, size_t); /* no length before */
void msg_put_bytes(struct mbuf *, const void *, size_t);
void msg_put_str(struct mbuf *, const char *); /* NULL as "" */

/* --- reading a body --- */

struct mcur {
	const uint8_t *p;
	size_t left;
	bool bad;
};

void mcur_init(struct mcur *, const void *, size_t);
uint8_t msg_get_u8(struct mcur *);
bool msg_get_bool(struct mcur *); /* a u8; more than 1 is bad */
uint16_t msg_get_u16(struct mcur *);
uint32_t msg_get_u32(struct mcur *);
uint64_t msg_get_u64(struct mcur *);
int64_t msg_get_i64(struct mcur *);
double msg_get_double(struct mcur *);
/* Copies exactly n bytes; zeroes dst when they are not there. */
void msg_get_raw(struct mcur *, void *dst, size_t n);
/* A pointer into the body, valid as long as the body; "" when bad. */
const uint8_t *msg_get_bytes(struct mcur *, size_t *len, size_t max);
/* Copies a string and ends it; too long or with a NUL inside is bad. */
void msg_get_str(struct mcur *, char *dst, size_t size);
/* 0 when every field was there and nothing is left, else -1. */
int msg_end(const struct mcur *);

#endif
