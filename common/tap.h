/*
 * What relayd tells captured.  A TAP_BATCH body is a row of entries, each a
 * fixed head and a payload padded to 8 bytes, in the order in which relayd
 * read the bytes.  The ring in relayd holds entries in the same form, so
 * that a batch is sent from it as it lies.
 *
 * Every entry has a sequence number of its relay epoch; captured
 * acknowledges (epoch, seq) once everything up to it is committed.
 */
#ifndef COMMON_TAP_H
#define COMMON_TAP_H

#include <stdint.h>

#include "common/msg.h"

enum tap_kind {
	TAP_NONE,
	TAP_CHUNK,  /* bytes; offset of the first */
	TAP_FWD,    /* bytes before offset were written at ts_fwd */
	TAP_OPEN,   /* struct tap_open: told again after each resume */
	TAP_POOL,   /* struct tap_pool: likewise */
	TAP_HALF,   /* dir ended with FIN at offset */
	TAP_CLOSED, /* struct tap_closed: likewise */
	TAP_INFO,   /* struct tap_info: TCP_INFO of both legs */
	TAP_CLOCK,  /* offset is real time minus monotonic time, ns, signed */
	TAP_LOST,   /* offset is the count of bytes not copied so far, in all */
	TAP_KIND_MAX
};

enum tap_dir {
	DIR_MINER_TO_POOL,
	DIR_POOL_TO_MINER,
	DIR_HASHSCOPE_TO_POOL, /* only in records; on the tap it is dir 0 */
	DIR_MAX
};

/* As it lies in the ring and in a batch; all native, both ends are one
 * machine and one build. */
struct tap_head {
	uint32_t len; /* payload, without padding */
	uint8_t kind;
	uint8_t dir;
	uint16_t flags;
	uint64_t seq;
	uint64_t session; /* relayd's number for it, unique in the epoch */
	uint64_t offset;  /* in this direction's stream */
	uint64_t ts_recv; /* CLOCK_MONOTONIC, ns */
	uint64_t ts_fwd;  /* the same; 0: a FWD entry will tell */
};

#define TAP_CHUNK_MAX   16384u
#define TAP_PAYLOAD_MAX 16384u
#define TAP_PAD(n)      (((n) + 7u) & ~7u)
/* Flags of TAP_OPEN. */
#define TAP_REPLAY      0x1u /* not a miner: HashScope's own, for a replay */
/* Flags of TAP_CHUNK. */
#define TAP_UNDELIVERED 0x1u /* read, but the other side could not get it */

/* Payload of TAP_OPEN; strings end with NUL.  ts_recv is when it opened. */
struct tap_open {
	uint8_t uuid[16];  /* UUIDv7 */
	int64_t opened_us; /* real time, µs since 1970 */
	char peer[64];     /* "192.0.2.1:5000", "[2001:db8::1]:5000" */
	char via[64]; /* the proxy's address when a PROXY header was read */
	char listener[64];
	uint64_t replay_of; /* TAP_REPLAY: position of what is repeated */
};

/* Payload of TAP_POOL. */
struct tap_pool {
	char host[256]; /* as configured */
	char peer[64];  /* "ip:port" that was connected */
	uint16_t port;
	uint16_t index; /* in the listener's list, from 0 */
	uint32_t connect_us;
};

/* Payload of TAP_CLOSED.  The reason is a stable word (relayd(8)). */
struct tap_closed {
	uint64_t read[2];      /* final stream offset of each direction */
	uint64_t delivered[2]; /* of those, bytes that were written */
	int64_t closed_us;
	char reason[64];
	char detail[128];
};

/* Payload of TAP_INFO, µs; leg 0 is the miner's, 1 the pool's. */
struct tap_info {
	uint32_t rtt_us[2];
	uint32_t rttvar_us[2];
	uint32_t retrans[2];
};

/* One entry taken from a batch; payload points into it. */
struct tap_entry {
	struct tap_head h;
	const uint8_t *payload;
};

/*
 * The next entry: 1, 0 at the end of the batch, -1 when the rest is no
 * entry.  Checks kind, dir, length and that fixed payloads have their size
 * and end their strings.
 */
int tap_next(struct mcur *, struct tap_entry *);

const char *dir_name(unsigned dir); /* "miner_to_pool", ... */

#endif
