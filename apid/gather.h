/*
 * What several processes say of themselves, for /health, /metrics and
 * /api/pools: each is asked at once, and who does not answer is missing.
 */
#ifndef APID_GATHER_H
#define APID_GATHER_H

#include "apid/request.h"
#include "common/poolrec.h"
#include "common/record_stat.h"

#define GATHER_PROCESSES 32

#define GATHER_RELAY     0x1u
#define GATHER_CAPTURE   0x2u
#define GATHER_LIST      0x4u  /* processes */
#define GATHER_SESSIONS  0x8u  /* live ones, counted by pool */
#define GATHER_SHARES    0x10u /* of all, ever */
#define GATHER_POOL_LIST 0x20u /* as relayd knows them */
#define GATHER_ASKS      6

#define GATHER_POOLS     64

struct gather_pool {
	char host[256];
	uint16_t port;
	char peer[64]; /* of the newest session */
	unsigned sessions, connected;
	uint64_t messages;
	int64_t last_seen_us;
	uint32_t connect_us, rtt_us; /* of the newest that knows */
};

struct gather {
	struct request *r;
	void (*fn)(struct gather *);
	unsigned have; /* GATHER_*: those that answered */
	unsigned waiting;
	struct stats relay, capture;
	struct process_rec process[GATHER_PROCESSES];
	unsigned nprocesses;
	struct gather_pool pool[GATHER_POOLS];
	unsigned npools, sessions, connected;
	bool sessions_complete;
	struct roll shares;
	struct pool_rec *pools; /* of relayd */
	uint32_t npool_list;
	struct ask *ask[GATHER_ASKS];
};

/* fn answers the request. */
void gather_start(struct request *, unsigned what, unsigned ms,
    void (*fn)(struct gather *));

#endif
