/*
 * Events that go before all others at a relay: the operator's word to agents.
 * They wait for no budget and no pause, since whoever stops a fleet cannot
 * wait for it either; they are few.  Part of the publisher, and as pure.
 */
#ifndef COMMON_NOSTR_URGENT_H
#define COMMON_NOSTR_URGENT_H

#include "common/nostr_frame.h"

#define URGENT_MAX   8
#define URGENT_NEVER UINT64_MAX

enum urgent_state {
	URGENT_NONE,
	URGENT_WAITING, /* to be written */
	URGENT_SENT,
	URGENT_TAKEN,
	URGENT_REFUSED /* or too old by now; see why */
};

struct urgent {
	enum urgent_state state;
	uint8_t id[32];
	char *text;
	size_t len;
	uint64_t at;    /* not written before */
	uint64_t until; /* nor after */
	uint64_t sent_at;
	bool auth_tried;
	char why[NOSTR_TEXT_MAX]; /* what the relay said */
};

/* What was there before is given up.  -1 without memory. */
int urgent_set(struct urgent *, const uint8_t id[32], const char *event,
    size_t len, uint64_t now, uint64_t until);
void urgent_clear(struct urgent *);

/* Of all of a relay: the frame to write, appended; false: none. */
bool urgent_next(struct urgent *, uint64_t now, struct mbuf *frame);
/* An OK: 0 it is not of these; 1 it is; 2 and AUTH has to come first. */
int urgent_ok(struct urgent *, uint64_t now, const struct nostr_frame *);
/* We are known now: what waited for that may go. */
void urgent_authed(struct urgent *, uint64_t now);
/* The connection has ended: what was not answered goes out again. */
void urgent_cut(struct urgent *);
/* Looks at what is overdue; when the first that is was sent, or 0. */
uint64_t urgent_tick(struct urgent *, uint64_t now, uint64_t ok_ms);
/* When something will be due; open: something may be written. */
uint64_t urgent_wake(const struct urgent *, bool open, uint64_t ok_ms);

#endif
