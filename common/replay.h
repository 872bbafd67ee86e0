/*
 * What passes between the replay role and the others: the channel to a pool
 * that it asks for, and the sessions that it follows.
 */
#ifndef COMMON_REPLAY_H
#define COMMON_REPLAY_H

#include "common/childconf.h"
#include "common/record.h"

/*
 * Body of REPLAY_OPEN, and as it is of REPLAY: where a pool connection of
 * HashScope's own is to lead, and what it will say there.  relayd tells that
 * to captured with the other facts of the session, so that it is stored with
 * it and told again whenever it has to be.
 */
struct replay_ask {
	char listener[64];     /* "": the first that has this pool */
	struct pool_conf pool; /* host "": whichever answers */
	uint64_t replay_of;    /* position of the message; 0 none */
};
void replay_ask_put(struct mbuf *, const struct replay_ask *);
void replay_ask_get(struct mcur *, struct replay_ask *);

/* CONF_REPLAY */
struct replay_conf {
	char worker[256];   /* "": the worker of the share */
	char password[256]; /* of either */
	uint32_t rate;      /* submits a second, of each loop */
	uint32_t answer_ms; /* how long a pool may take to answer */
	uint32_t idle_ms;   /* until an unused pool connection is closed */
};
void replay_conf_put(struct mbuf *, const struct replay_conf *);
void replay_conf_get(struct mcur *, struct replay_conf *);

/* Body of REPLAY_FOLLOW. */
struct replay_follow {
	uint8_t session[16];
	bool on;
};
void replay_follow_put(struct mbuf *, const struct replay_follow *);
void replay_follow_get(struct mcur *, struct replay_follow *);

/* REPLAY_FOLLOWED: u8 is it live, struct session_rec (the id if it is not).
 * REPLAY_SHARE: u32 how often, struct message_rec.
 * REPLAY_OVER: 16 bytes session. */

#endif
