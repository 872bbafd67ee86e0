/*
 * An alert: something that a watch of captured noticed and an operator
 * should know.  It begins, repeats, and ends; one of the same kind about the
 * same subject is one alert however often it repeats.
 */
#ifndef COMMON_RECORD_ALERT_H
#define COMMON_RECORD_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"

#define ALERT_POOL 272 /* host:port */
#define ALERT_TEXT 512

enum alert_severity {
	ALERT_INFO,
	ALERT_WARNING,
	ALERT_CRITICAL,
	ALERT_SEVERITIES
};

/* What it is about; the names (alert_kind_name) are stable. */
enum alert_kind {
	ALERT_PAYOUT,     /* a job pays to somebody else */
	ALERT_RECONNECT,  /* miners are sent to a foreign host */
	ALERT_USER,       /* somebody mines for a user that is not listed */
	ALERT_PREVHASH,   /* sessions of one chain build on different blocks */
	ALERT_HEIGHT,     /* jobs went back to an earlier height */
	ALERT_DIFFICULTY, /* a difficulty far from the session's usual one */
	ALERT_SILENT,     /* a worker sends no shares any more */
	ALERT_REJECTS,    /* too many of a worker's shares are rejected */
	ALERT_POOL_ACCEPTS, /* a pool accepts shares that are invalid */
	ALERT_POOL_REJECTS, /* a pool rejects shares that are valid */
	ALERT_UNANSWERED,   /* submits without an answer pile up */
	ALERT_FOREIGN, /* something else than Stratum at the miners' port */
	ALERT_GAP,     /* bytes were not captured */
	ALERT_PAUSED,  /* nothing is stored: no space, or errors */
	ALERT_STORE,   /* a damaged store was moved aside */
	ALERT_KINDS
};

struct alert_rec {
	uint64_t id;
	uint8_t kind;     /* enum alert_kind */
	uint8_t severity; /* enum alert_severity */
	int64_t first_us; /* real time, µs since 1970 */
	int64_t last_us;
	int64_t ended_us; /* 0: active */
	uint64_t count;   /* how often it was seen */
	uint64_t pos;     /* the message that raised it; 0 none */
	bool has_session;
	uint8_t session[16];
	char pool[ALERT_POOL]; /* "" where it does not apply */
	char worker[129];
	char text[ALERT_TEXT]; /* plain words; valid UTF-8 */
};

const char *alert_kind_name(enum alert_kind);
/* ALERT_KINDS when there is none of that name. */
enum alert_kind alert_kind_find(const char *name);
enum alert_severity alert_kind_severity(enum alert_kind);
const char *alert_severity_name(enum alert_severity);

void alert_put(struct mbuf *, const struct alert_rec *);
/* Values out of range make the cursor bad. */
void alert_get(struct mcur *, struct alert_rec *);

#endif
