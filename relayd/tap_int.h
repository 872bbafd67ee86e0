/*
 * What the files of the tap share: tap.c (captured, sending), tap_ring.c
 * (the ring and whose bytes are in it), tap_fact.c (what is known of a
 * session).
 */
#ifndef RELAYD_TAP_INT_H
#define RELAYD_TAP_INT_H

#include "relayd/relay.h"

#define TAP_BATCH_MAX (MSG_PACKET_MAX - 256u)
#define TAP_END       0x8000u /* flag of a FWD: it ends the session's facts */

enum tap_state {
	TAP_AWAY,    /* no captured */
	TAP_GREETED, /* HELLO sent, waiting for RESUME */
	TAP_TELLING, /* facts of all sessions */
	TAP_STREAMING
};

struct tap {
	struct relay *relay;
	struct ipc *ipc;
	enum tap_state state;
	struct event *timer, *clock_timer;
	bool timer_set;
	uint64_t oldest_ns; /* when the first unsent entry came; 0 none */
	uint32_t flush_ms;
	uint8_t epoch[16];

	uint8_t *ring;
	size_t size;
	uint64_t head, sent, tail; /* ever growing; index is modulo size */
	uint64_t seq;              /* of the last entry */
	uint64_t share;            /* most bytes of one session */

	struct session **slots;
	uint32_t nslots, free_slot_hint;
	uint32_t generation;
	uint32_t tell; /* next slot to be told of */
	struct session_list dirty;
	uint32_t nended;
	uint64_t ends_lost; /* ended sessions that captured never heard of */

	int64_t clock_offset;
	bool filling;        /* dropping, since the ring was last empty */
	bool filling_logged; /* a line told of it; one a minute does */
	uint64_t logged_ms;
	uint64_t lost_bytes, lost_chunks, lost_told, lost_at_log;
	uint64_t put_bytes, batches, acked, resumes, share_drops;
	uint64_t rate_bytes, rate_at_ms; /* for "ring in seconds" */
	double rate;
	struct mbuf out;
};

struct fact {
	struct tap_head h;
	union {
		struct tap_open open;
		struct tap_pool pool;
		struct tap_closed closed;
		struct tap_info info;
	} u;
};

/* --- tap_ring.c --- */
struct tap_head *tap_at(const struct tap *, uint64_t where);
size_t tap_entry_size(const struct tap_head *);
/* Where the entry at or after `where` begins: past the unused end. */
uint64_t tap_normal(const struct tap *, uint64_t where);
/* The oldest entry leaves the ring, acknowledged or dropped. */
void tap_release_oldest(struct tap *, bool acked);
/* An entry of its own sequence number; session NULL for none. */
void tap_put(struct tap *, struct session *, struct tap_head,
    const void *payload);
/* Gives the session its number; -1 without memory. */
int tap_slot_take(struct tap *, struct session *);
void tap_make_dirty(struct tap *, struct session *);

/* --- tap_fact.c --- */
void tap_fact_closed(struct fact *, const struct session *);
/* Into t->out, with sequence number 0. */
void tap_tell(struct tap *, const struct fact *);
void tap_tell_session(struct tap *, struct session *);

/* --- tap.c --- */
void tap_flush(struct tap *);
/* A flush is due in flush_ms at the latest. */
void tap_arm(struct tap *);

#endif
