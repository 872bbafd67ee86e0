/*
 * A day of pools and miners, made up but always the same, and fed through
 * captured's own ingest faster than it would pass: time is in the entries of
 * the tap alone.
 */
#ifndef TESTS_UNIT_DAYLIB_H
#define TESTS_UNIT_DAYLIB_H

#include "tests/unit/capture_util.h"

#define DAY_POOLS  4
#define DAY_MINERS 48
#define DAY_S      UINT64_C(1000000000)

/* How a pool's coinbase pays. */
enum day_payout {
	PAYS_ITSELF,     /* one address, always the same */
	PAYS_EACH_BLOCK, /* to an address that is new with each block */
	PAYS_THE_USER,   /* the user's own, and a fee: a solo pool */
	PAYS_MINERS,     /* a fee, and miners who change from block to block */
};

struct day_pool {
	char host[32];
	enum day_payout payout;
	uint64_t lag;  /* behind the network, ns */
	bool down;     /* miners go to the next one */
	uint64_t seen; /* block that it builds on */
	uint64_t job;  /* number of the latest */
	uint64_t sent; /* when */
	/* What a test does to it. */
	unsigned swapped; /* pays somebody else */
	unsigned strayed; /* builds on blocks of its own */
};

struct day_miner {
	char worker[32];
	unsigned home, pool; /* where it wants to be, and is */
	uint64_t session;    /* 0: not connected */
	uint64_t back;       /* when it comes again */
	uint64_t off[2];
	unsigned id;
	uint64_t next;  /* share */
	uint64_t job;   /* that it works on, and the one before */
	uint64_t stale; /* 0: none */
	uint32_t nonce;
	unsigned level; /* of vardiff */
	uint64_t adjusted;
	bool mute; /* a test stops it */
};

struct day {
	char dir[CONF_PATH];
	struct capture_conf conf;
	struct watch_conf watch;
	struct ring r;
	struct ingest in;
	uint8_t epoch[16];
	unsigned seed;
	double rate;       /* shares a miner and minute */
	uint64_t now, end; /* ns */
	uint64_t block, block_at;
	uint64_t sessions;
	struct day_pool pool[DAY_POOLS];
	struct day_miner miner[DAY_MINERS];
	uint64_t messages;
};

void day_begin(struct day *, double rate);
void day_end(struct day *);
/* So many seconds pass, with all that happens in them. */
void day_pass(struct day *, unsigned seconds);
/* Nothing passes but time. */
void day_skip(struct day *, unsigned seconds);
/* All miners of a pool lose it, and it does not take them for a while. */
void day_pool_down(struct day *, unsigned pool, bool down);
/* captured, and relayd, are stopped and begin again. */
void day_restart(struct day *);
void day_restart_relay(struct day *);
/* A line of the pool's to that miner. */
void day_say(struct day *, struct day_miner *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* All is in the store. */
void day_commit(struct day *);

#endif
