/*
 * The map of nostrd: shares go out to relays, telemetry of agents comes in.
 *
 *	nostrd.c	the role: configuration, peers, its life
 *	input.c		committed shares from captured and the query role
 *	outbox.c	shares on disk; seqs.c their numbers
 *	relay.c		one relay: its lanes, its subscription
 *	tie.c		the connection to one, by the polite publisher; sign.h
 *			and tie.h are the agent's as well
 *	lane.c		what one relay is to get in one format
 *	sign.c		asks the signer
 *	signer.c	the signer, a role of its own
 *	alerts.c	alerts, told to the operator
 *	agents.c	telemetry, checked and kept
 *	answer.c	what control and apid ask
 *	command.c	stopping the fleet: what auth passes on
 */
#ifndef NOSTRD_NOSTRD_H
#define NOSTRD_NOSTRD_H

#include <event2/event.h>

#include "common/childconf.h"
#include "common/nostr_publish.h"
#include "common/nostr_ws.h"
#include "common/proc.h"
#include "common/record.h"
#include "common/record_agent.h"
#include "common/record_alert.h"
#include "nostrd/outbox.h"
#include "nostrd/sign.h"

#define RELAYS_MAX 16
#define TRUST_MAX  64

struct nostrd;
struct relay;

/* --- lane.c --- */
#define LANE_RANGES 64

enum range_state {
	RANGE_FREE,
	RANGE_TODO, /* to be made into an event */
	RANGE_SIGNING,
	RANGE_OUT /* with the publisher */
};

/* Numbers of the outbox that are, or are to be, one event. */
struct range {
	enum range_state state;
	uint64_t cookie;
	uint64_t from, to;
	int64_t created_at; /* 0: not yet, or to be signed anew */
	uint8_t pow;        /* bits of proof of work in it */
	bool few;           /* without the tags that can be spared */
	bool exact;         /* it was an event: not to be extended */
};

struct lane {
	struct relay *relay;
	bool batch;
	struct range range[LANE_RANGES];
	uint64_t next;       /* the first number that is in no range */
	uint64_t pending_ms; /* since when something waits; 0 nothing */
	struct outbox_at at;
	struct draft draft;
	struct range *signing;
	int fd; /* its journal */
	struct mbuf buf;
};

struct lane *lane_new(struct relay *, bool batch);
void lane_free(struct lane *);
/* The lowest number that this relay has not answered for. */
uint64_t lane_wanted(const struct lane *);
uint64_t lane_pending(const struct lane *);
/* Makes the next event if it is time and the publisher takes one. */
void lane_turn(struct lane *, uint64_t now);
/* When it would be time; PUB_NEVER. */
uint64_t lane_wake(const struct lane *, uint64_t now);
void lane_done(struct lane *, uint64_t cookie, enum pub_outcome);

/* --- relay.c --- */
struct relay *relay_new(struct nostrd *, const char *url);
void relay_free(struct relay *);
const char *relay_url(const struct relay *);
void relay_configure(struct relay *);
void relay_turn(struct relay *);
uint64_t relay_wanted(const struct relay *);
void relay_resolved(struct relay *, uint32_t id, const char *why, struct mcur *,
    unsigned n);
/* The resolver took our question with it. */
void relay_resolver_gone(struct relay *);
void relay_describe(const struct relay *, struct nostr_relay_rec *);
struct publisher *relay_publisher(struct relay *);
struct nostrd *relay_nostrd(struct relay *);

/* --- input.c --- */
struct input;
struct input *input_new(struct nostrd *);
void input_free(struct input *);
void input_capture(struct input *, int fd);
void input_query(struct input *, int fd);
/* The configuration is another. */
void input_configure(struct input *);

/* --- agents.c --- */
struct agents;
struct agents *agents_new(struct nostrd *);
void agents_free(struct agents *);
/* What to subscribe to; false: nobody is trusted. */
bool agents_filter(struct agents *, struct nostr_filter *);
/* An event that a relay sent; true when it was news. */
bool agents_event(struct agents *, const struct jtree *, uint32_t node);
/* Calls fn for the latest of each (history 0), or of one, newest first. */
void agents_each(struct agents *, const char *id, uint32_t history,
    void (*fn)(void *, const struct agent_rec *), void *arg);
uint64_t agents_refused(const struct agents *);

/* --- alerts.c --- */
/* Cookies of alerts at a publisher; those of lanes are below. */
#define ALERT_COOKIE (UINT64_C(1) << 63)

struct alerts;
struct alerts *alerts_new(struct nostrd *);
void alerts_free(struct alerts *);
/* What was on disk; when the outbox's directory is there. */
void alerts_open(struct alerts *);
/* Which store the alerts that follow are of. */
void alerts_store(struct alerts *, const uint8_t id[16]);
/* One of the store: told when it was not. */
void alerts_row(struct alerts *, const struct alert_rec *);
/* All that the store has were given. */
void alerts_listed(struct alerts *);
/* Makes a message of what is to be told, if it is time. */
void alerts_tick(struct alerts *, uint64_t now);
/* Gives a relay what it has not had; whether something waits for it. */
void alerts_turn(struct alerts *, struct relay *, uint64_t now);
bool alerts_wait(const struct alerts *, struct relay *);
void alerts_done(struct alerts *, struct relay *, uint64_t cookie,
    enum pub_outcome);

/* --- answer.c --- */
struct answers;
struct answers *answers_new(struct nostrd *);
void answers_free(struct answers *);
void answers_peer(struct answers *, enum role, int fd);
void answers_agent(struct answers *, const struct agent_rec *);

/* --- command.c --- */
struct commands;
struct commands *commands_new(struct nostrd *);
void commands_free(struct commands *);
void commands_auth(struct commands *, int fd);

/* --- nostrd.c --- */
struct nostrd {
	struct proc *proc;
	struct event_base *base;
	struct nostr_conf conf, next;
	bool have_next, serving;
	int dir; /* of the outbox */
	char urls[RELAYS_MAX][256], next_urls[RELAYS_MAX][256];
	unsigned nurls, next_nurls;
	uint8_t trust[TRUST_MAX][32], next_trust[TRUST_MAX][32];
	unsigned ntrust, next_ntrust;
	void *ca;
	size_t calen;
	struct outbox *outbox;
	struct nostr_net *net;
	struct relay *relays[RELAYS_MAX];
	unsigned nrelays;
	struct signer_link *signer;
	struct input *input;
	struct agents *agents;
	struct answers *answers;
	struct alerts *alerts;
	struct commands *commands;
	struct ipc *resolver;
	struct event *second;
	uint64_t lost; /* shares that some relay did not get */
	uint64_t lost_said;
};

const struct proc_role *nostrd_role(void);
uint64_t nostrd_now(void); /* ms that only grow */
int64_t nostrd_real_us(void);
/* There is something new in the outbox. */
void nostrd_news(struct nostrd *);
/* Asks for the addresses of a name; 0 when nobody is there to ask. */
uint32_t nostrd_resolve(struct nostrd *, const char *host);
/* These shares will not reach that relay. */
void nostrd_lost(struct nostrd *, struct outbox_at *, uint64_t from,
    uint64_t to);

#endif
