/*
 * The tie to one relay: connection, AUTH, turns, timers, for whoever has
 * something to publish or to hear there, nostrd and the agent.  What to do
 * the publisher (common/nostr_publish.h) says; here it is done.
 */
#ifndef NOSTRD_TIE_H
#define NOSTRD_TIE_H

#include "common/jtree.h"
#include "common/nostr_publish.h"
#include "common/nostr_ws.h"
#include "nostrd/sign.h"

#define TIE_SUB "hashscope" /* the subscription's id */

struct tie;

struct tie_ops {
	/* Appends the REQ frame; since_s is where to begin, 0 the first
	 * time. */
	void (*request)(void *arg, struct mbuf *frame, int64_t since_s);
	/* An event of the subscription, at node of the tree; not checked. */
	void (*event)(void *arg, const struct jtree *, uint32_t node);
	/* What became of an event, as in pub_ops. */
	void (*done)(void *arg, uint64_t cookie, enum pub_outcome);
	/* Before something is written: what is due may be added.  NULL: no
	 * need. */
	void (*turn)(void *arg, uint64_t now);
	/* In how many ms there is something to be added; PUB_NEVER. */
	uint64_t (*wake)(void *arg, uint64_t now);
	/* Asks for a name's addresses, for tie_resolved(); 0: nobody is
	 * there to ask. */
	uint32_t (*resolve)(void *arg, const char *host);
	/* For people; already fit for a log. */
	void (*say)(void *arg, struct tie *, bool trouble, const char *text);
};

struct tie_env {
	struct event_base *base;
	struct nostr_net *net;
	struct signer_link *signer;
};

/* NULL: out of memory, or no URL of a relay.  The first turn is the
 * caller's. */
struct tie *tie_new(const struct tie_env *, const char *url,
    const struct pub_conf *, const struct tie_ops *, void *arg);
void tie_free(struct tie *); /* NULL is fine */

const char *tie_url(const struct tie *);
struct publisher *tie_publisher(struct tie *);
/* Real time at which the state began, µs. */
int64_t tie_since_us(const struct tie *);

void tie_turn(struct tie *);
/* The answer to the question with this id; n 0: why not. */
void tie_resolved(struct tie *, uint32_t id, const char *why, struct mcur *,
    unsigned n);
/* The resolver took our question with it. */
void tie_resolver_gone(struct tie *);

#endif
