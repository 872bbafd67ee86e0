/*
 * What is known of an agent and of a relay, as nostrd tells control and
 * apid; and an agent's telemetry, read from hostile JSON.
 */
#ifndef COMMON_RECORD_AGENT_H
#define COMMON_RECORD_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "common/jtree.h"
#include "common/msg.h"

#define AGENT_ID_MAX     64
#define AGENT_ERRORS_MAX 512

enum agent_state {
	AGENT_CONNECTED,
	AGENT_RECONNECTING,
	AGENT_ERROR,
	AGENT_STATES
};

struct agent_rec {
	uint8_t pubkey[32];
	bool trusted; /* its author is; else it is only shown */
	int64_t received_us, created_us;
	char agent_id[AGENT_ID_MAX + 1];
	char run[65];
	char pool_host[256];
	uint16_t pool_port;
	uint8_t state; /* enum agent_state */
	bool stopped;  /* by the kill switch */
	uint64_t received, attempted, accepted, rejected;
	double last_latency_ms; /* -1: not known */
	double per_second_1min, per_second_10sec;
	/* Beyond the original's; -1 not told. */
	double p50_ms, p90_ms, p99_ms;
	uint64_t mismatches;
	char errors[AGENT_ERRORS_MAX]; /* a JSON array; "" none */
};

void agent_put(struct mbuf *, const struct agent_rec *);
void agent_get(struct mcur *, struct agent_rec *);

const char *agent_state_name(unsigned);

/*
 * The content of a telemetry event.  -1: another schema or run, a name that
 * is empty or too long, a number that is negative, not finite or absurd.
 * pubkey, trusted and the times are the caller's.
 */
int telemetry_parse(struct jtree *, const char *content, size_t len,
    const char *run, struct agent_rec *);
/* The same, written. */
void telemetry_write(struct json_out *, const struct agent_rec *);

/* --- relays --- */

struct nostr_relay_rec {
	char url[256];
	char state[24];   /* "connected", "connecting", "waiting", "paused" */
	char reason[160]; /* what it said last, or why it is not connected */
	int64_t since_us; /* of the state */
	uint64_t connects, sent, accepted, refused, lost, limited;
	uint64_t pending;   /* shares that it is still to get */
	uint64_t telemetry; /* events of agents that came from it */
	double rate;        /* events a second, at present */
	bool subscribed;
	/* What it says of itself (NIP-11); 0: nothing. */
	bool told, auth, payment;
	uint32_t message_max, content_max, tags_max;
	uint32_t pow; /* bits of proof of work that it wants */
};

void nostr_relay_put(struct mbuf *, const struct nostr_relay_rec *);
void nostr_relay_get(struct mcur *, struct nostr_relay_rec *);

/* --- JSON: object_nostr.c --- */

/* A row of /api/agents. */
void object_agent(struct json_out *, const struct agent_rec *);
/* Its telemetry as a value: latest, and each of the history. */
void object_telemetry(struct json_out *, const struct agent_rec *);
void object_nostr_relay(struct json_out *, const struct nostr_relay_rec *);

#endif
