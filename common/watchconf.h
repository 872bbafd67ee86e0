/*
 * What the watches of captured go by, as the supervisor tells it (CONF_WATCH):
 * the block watch of hashscope.conf(5).
 */
#ifndef COMMON_WATCHCONF_H
#define COMMON_WATCHCONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"

#define WATCH_NAMES 64  /* of each list */
#define WATCH_NAME  256 /* bytes of a name, with NUL */

struct watch_names {
	uint16_t n;
	char name[WATCH_NAMES][WATCH_NAME];
};

/* Times in ms.  0 switches a watch off. */
struct watch_conf {
	struct watch_names payouts;    /* addresses that jobs may pay to */
	struct watch_names users;      /* accounts that may be mined for */
	struct watch_names reconnects; /* domains that miners may be sent to */
	uint8_t chain;                 /* enum address_net */
	bool payout_change;            /* without a list: learn, per pool */
	bool reconnect;
	bool height;
	bool foreign;
	bool capture; /* gaps, pauses and damage of the capture itself */
	uint64_t silent_ms;
	uint64_t forget_ms;  /* a silent worker is forgotten after that */
	uint32_t rejects_bp; /* hundredths of a percent */
	uint64_t rejects_window_ms;
	uint32_t rejects_shares; /* no judgement on fewer */
	uint64_t prevhash_ms;    /* two blocks for longer than that */
	uint32_t difficulty;     /* times the usual */
	uint32_t disputes;       /* shares that the pool judged wrongly */
	uint32_t unanswered;     /* submits of a session */
};

/* As without a block watch: quiet, but for what is never ordinary. */
void watch_conf_default(struct watch_conf *);
void watch_conf_put(struct mbuf *, const struct watch_conf *);
void watch_conf_get(struct mcur *, struct watch_conf *);

#endif
