/*
 * A pool of a listener, as relayd knows it: body of POOLS, and as JSON.
 */
#ifndef COMMON_POOLREC_H
#define COMMON_POOLREC_H

#include "common/json.h"
#include "common/msg.h"

/* In one answer; a configuration may name more, which are not shown. */
#define POOLS_MAX 256

struct pool_rec {
	char listener[64];
	uint16_t index; /* in its list, from 0 */
	char host[256];
	uint16_t port;
	bool up;           /* not known to be down */
	uint32_t retry_ms; /* down: until newcomers try it again */
	char peer[64];     /* the address that connected last; "" none */
	uint32_t sessions; /* connected now, of every listener */
	uint64_t connects; /* in all */
	uint64_t failures;
	uint32_t connect_us;  /* of the last connect; 0 none */
	int64_t connected_us; /* when that was, real time; 0 never */
	int64_t failed_us;    /* the last failure; 0 never */
	char error[64];       /* of it */
};
void pool_rec_put(struct mbuf *, const struct pool_rec *);
void pool_rec_get(struct mcur *, struct pool_rec *);

void object_pool(struct json_out *, const struct pool_rec *);
/* Its members alone, into the object that is open. */
void object_pool_members(struct json_out *, const struct pool_rec *);

#endif
