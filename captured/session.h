/*
 * The sessions that relayd has, as captured follows them: what is known of
 * each, the line that is half read in each direction, and what waits.
 */
#ifndef CAPTURED_SESSION_H
#define CAPTURED_SESSION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "captured/pair.h"
#include "captured/store_roll.h"
#include "captured/watch.h"
#include "common/line.h"
#include "common/record.h"
#include "common/tap.h"
#include "common/verify.h"

/* More than relayd may have; a bound against one that has gone mad. */
#define SESSIONS_MAX 65536u
/* Messages of one direction whose bytes wait to be sent on. */
#define UNSENT_MAX   16384u

struct unsent {
	uint64_t pos;
	uint64_t end; /* offset behind its last byte */
};

struct unsent_list {
	struct unsent *e;
	uint32_t head, n, cap;
};

/* One direction of a session. */
struct flow {
	struct line_cut cut;
	struct pair_list pair;     /* its requests without an answer */
	struct unsent_list unsent; /* its messages without ts_fwd */
	uint64_t fwd_off, fwd_ts;  /* what the last FWD said */
	uint64_t half_off;         /* where it ends, when half is set */
	bool half;
	bool after_gap;      /* the next message follows lost ones */
	uint32_t batch_rows; /* collected and not committed */
	uint64_t batch_bytes;
};

/* A share without its answer, of this run. */
struct share_pending {
	uint64_t pos;
	uint64_t ts_fwd; /* of the submit; 0: not known */
	uint32_t who[ROLL_KINDS];
	struct verify_brief brief;
};

struct session {
	struct session *next; /* of the same hash */
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) changed;
	uint64_t number;  /* relayd's */
	uint64_t sid;     /* the store's */
	bool dirty;       /* in the list of the changed */
	bool facts;       /* more has changed than its counters */
	bool whole;       /* the store has nothing of it */
	bool ended;       /* freed once that is committed */
	bool hidden;      /* not found by its number any more */
	bool decided;     /* its protocol is known */
	bool given;       /* a job, since captured knows it */
	bool rates_going; /* its rates are in the transaction */
	uint8_t said;     /* account.c: what it has asked so far */
	uint8_t protocol; /* enum stratum_protocol */
	uint16_t first_len;
	uint8_t *first;    /* first bytes of the miner, until decided */
	bool verify_whole; /* the store lacks more than what is in notes */
	uint8_t notes;     /* ITEM_JOBs since the state was written */
	uint16_t npending, pending_cap;
	struct share_pending *pending;
	struct verify *verify; /* from the first message that matters */
	uint64_t seen_from;    /* older shares are no duplicates */
	struct watch_session watch;
	int64_t rates_us; /* up to when its rates are written */
	struct store_who who;
	struct flow flow[2];
	struct session_rec rec;
};

TAILQ_HEAD(session_list, session);

struct sessions {
	struct session **slot;
	size_t nslots;
	size_t n;
	size_t live; /* of n, those that have not ended */
	struct session_list all;
	struct session_list dirty;
};

void sessions_init(struct sessions *);
void sessions_clear(struct sessions *);
struct session *sessions_find(const struct sessions *, uint64_t number);
/* A new one, live, all zero but for its numbers; NULL without memory or
 * when there are too many. */
struct session *sessions_add(struct sessions *, uint64_t number, uint64_t sid);
void sessions_remove(struct sessions *, struct session *);
/* sessions_find() does not find it any more. */
void sessions_hide(struct sessions *, struct session *);
/* Puts it into the list of those to be written. */
void session_dirty(struct sessions *, struct session *);

/* -1 without memory.  dropped: the position that had to go for it, or 0. */
int unsent_push(struct unsent_list *, uint64_t pos, uint64_t end,
    uint64_t *dropped);
/* The oldest that ends at or before `end`: taken out; 0 for none. */
uint64_t unsent_take(struct unsent_list *, uint64_t end);
void unsent_clear(struct unsent_list *);

/*
 * What the store keeps for us beside the record: written at each commit in
 * which the session changed.  Unpacking takes the unfinished lines too; a
 * state that makes no sense is treated as a gap and returns -1.
 */
void session_pack(const struct session *, struct mbuf *);
int session_unpack(struct session *, const struct store_session *);

#endif
