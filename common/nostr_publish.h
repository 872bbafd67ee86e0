/*
 * The polite publisher: what one client does at one relay, as a state
 * machine without sockets or clocks.  The caller brings the connection, the
 * frames and the time (ms that only grow), and does what it is told.
 *
 *	pub_may_connect		connect now; tell pub_connecting, then
 *				pub_opened or pub_closed
 *	pub_next		the next frame to write
 *	pub_wants		sign one more event, and pub_add() it
 *	pub_wants_auth		sign an AUTH for this challenge, pub_auth()
 *	pub_hang_up		end the connection: the relay is frozen or lies
 *	pub_wake		look again in so many ms
 *
 * An event stays here, with its id, until the relay has answered for it or
 * it is given up; which of both, ops->done says.
 */
#ifndef COMMON_NOSTR_PUBLISH_H
#define COMMON_NOSTR_PUBLISH_H

#include "common/nostr_frame.h"
#include "common/nostr_info.h"
#include "common/nostr_urgent.h"

#define PUB_FLIGHTS 32
#define PUB_NEVER   UINT64_MAX

struct pub_conf {
	double rate;      /* events a second */
	unsigned burst;   /* at once, after a rest */
	unsigned flights; /* unacknowledged at most, up to PUB_FLIGHTS */
	uint32_t ok_ms;   /* to an OK, then the same id once more */
	uint32_t flush_ms, flush_max_ms; /* how long rows are collected */
	uint32_t pause_ms, pause_max_ms; /* after "rate-limited" */
	uint32_t blocked_ms;             /* after "blocked", "restricted" */
	uint32_t retry_ms, retry_max_ms; /* between connections */
	uint32_t connect_ms;             /* to an open connection */
	unsigned rows;                   /* of a batch */
	size_t bytes;                    /* of an event's content */
	unsigned pow;   /* most bits of proof of work that it gets */
	bool encrypted; /* contents are longer than what is in them */
};
/* What nostr.md's measurements and the limits of public relays suggest. */
void pub_conf_default(struct pub_conf *);

enum pub_outcome {
	PUB_ACCEPTED, /* or nobody listened, or it was there already */
	PUB_REFUSED,  /* for good; the reason is in pub->reason */
	PUB_SPLIT,    /* too large: send it again in smaller ones */
	PUB_AGAIN,    /* grew old here, or there: sign it anew */
	PUB_LOST,     /* written, not answered, too old to be repeated */
	PUB_OUTCOMES
};

enum pub_state {
	PUB_WAITING,
	PUB_CONNECTING,
	PUB_OPEN
};

struct pub_flight {
	bool used, sent, auth_tried;
	bool unsure; /* written, and whether it arrived is not known */
	uint64_t cookie;
	uint8_t id[32];
	char *text;
	size_t len;
	uint64_t fresh_until; /* PUB_NEVER: does not grow old */
	uint64_t sent_at;
	unsigned tries; /* writes on this connection */
	unsigned cuts;  /* connections that ended with it alone on them */
	unsigned errors;
};

struct pub_ops {
	void (*done)(void *arg, uint64_t cookie, enum pub_outcome);
	/* Appends the REQ frame; NULL: no subscription is wanted. */
	void (*request)(void *arg, struct mbuf *frame);
};

struct publisher {
	struct pub_conf conf;
	const struct pub_ops *ops;
	void *arg;
	enum pub_state state;
	struct pub_flight flight[PUB_FLIGHTS];
	unsigned nflights;
	struct urgent urgent[URGENT_MAX];
	/* connection */
	uint64_t since;      /* of the state */
	uint64_t connect_at; /* not before */
	unsigned attempts;
	uint64_t heard_at; /* the last frame */
	bool hang_up;
	uint64_t random;
	/* pace */
	double rate, tokens;
	uint64_t tokens_at;
	uint32_t flush_ms, pause_ms;
	uint64_t paused_until, blocked_until;
	unsigned rows; /* of a batch, after a refusal for size */
	unsigned good; /* accepted since the last complaint */
	/* what it says of itself, and what it has asked for */
	struct nostr_info info;
	size_t bytes; /* of an event's content */
	unsigned pow; /* bits of proof of work */
	bool careful; /* one at a time, to find which event cuts */
	/* authentication */
	char challenge[NOSTR_TEXT_MAX];
	bool auth_needed, auth_asked, auth_done;
	uint8_t auth_id[32];
	char *auth_text;
	size_t auth_len;
	uint64_t auth_sent_at, auth_needed_at;
	/* subscription */
	bool sub_wanted, sub_open, sub_eose;
	uint64_t sub_at; /* not before */
	uint64_t sub_sent_at;
	/* for people */
	char reason[NOSTR_TEXT_MAX];
	uint64_t sent, accepted, refused, lost, limited, connects, garbage;
};

void pub_init(struct publisher *, const struct pub_conf *,
    const struct pub_ops *, void *arg, uint64_t seed);
void pub_clear(struct publisher *);
/* Another pace; what is under way stays. */
void pub_configure(struct publisher *, const struct pub_conf *);

bool pub_may_connect(const struct publisher *, uint64_t now);
void pub_connecting(struct publisher *, uint64_t now);
void pub_opened(struct publisher *, uint64_t now);
void pub_closed(struct publisher *, uint64_t now, const char *why);
bool pub_hang_up(const struct publisher *);

/* EVENT frames are the caller's; they count as a sign of life. */
void pub_frame(struct publisher *, uint64_t now, const struct nostr_frame *);
/* What it says of itself. */
void pub_info(struct publisher *, uint64_t now, const struct nostr_info *);
/* Bits of proof of work that an event is to have now. */
unsigned pub_pow(const struct publisher *);
/* It wants so many; more than the configuration has: no writes for a while. */
void pub_set_pow(struct publisher *, uint64_t now, unsigned bits);
/* Sizes anew, after a change of any of these. */
void pub_limit(struct publisher *);
/* They were not found in time. */
void pub_pow_failed(struct publisher *, uint64_t now);
/* Something that is no frame. */
void pub_garbage(struct publisher *, uint64_t now);

/* A signed event would be written at once. */
bool pub_wants(struct publisher *, uint64_t now);
/* -1 without memory or room; else it is kept until done() is called. */
int pub_add(struct publisher *, uint64_t cookie, const uint8_t id[32],
    const char *event, size_t len, uint64_t fresh_until);
/* One of that cookie is here. */
bool pub_has(const struct publisher *, uint64_t cookie);
/*
 * Before everything, and without regard to the pace; on a connection that is
 * opened at once if there is none.  What becomes of it is in p->urgent[i].
 */
int pub_urgent(struct publisher *, unsigned i, const uint8_t id[32],
    const char *event, size_t len, uint64_t now, uint64_t until);
/* The challenge to sign, or NULL. */
const char *pub_wants_auth(struct publisher *);
int pub_auth(struct publisher *, const uint8_t id[32], const char *event,
    size_t len);
/* Ask for the subscription (again). */
void pub_subscribe(struct publisher *, bool wanted);
/* Fills frame (reset first) with what is to be written; false: nothing. */
bool pub_next(struct publisher *, uint64_t now, struct mbuf *frame);

/* Looks at what is overdue. */
void pub_tick(struct publisher *, uint64_t now);
/* When something will be due, if no frame comes; PUB_NEVER. */
uint64_t pub_wake(const struct publisher *, uint64_t now);

#endif
