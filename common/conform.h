/*
 * What is odd about how a miner or a pool speaks Stratum: not wrong enough
 * to stop it, and what a developer of firmware wants to know.  Each oddity
 * has a stable code and a sentence; of each session the first and the last
 * message that showed it are kept, and how often that was.
 */
#ifndef COMMON_CONFORM_H
#define COMMON_CONFORM_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

/* New ones go to the end: stores know them by number. */
enum conform {
	CONFORM_ID_NULL,
	CONFORM_ID_MISSING,
	CONFORM_ID_STRING,
	CONFORM_ID_ODD,
	CONFORM_ID_REUSED,
	CONFORM_NOTIFICATION_ID,
	CONFORM_UNKNOWN_ANSWER,
	CONFORM_UNKNOWN_METHOD,
	CONFORM_WRONG_SIDE,
	CONFORM_KEY_ORDER,
	CONFORM_DUPLICATE_KEY,
	CONFORM_CRLF,
	CONFORM_SEVERAL,
	CONFORM_NOT_JSON,
	CONFORM_TOO_LONG,
	CONFORM_SUGGEST_EARLY,
	CONFORM_AUTHORIZE_EARLY,
	CONFORM_CONFIGURE_LATE,
	CONFORM_SUBMIT_UNAUTHORIZED,
	CONFORM_SUBMIT_WORKER,
	CONFORM_SUBMIT_RETIRED,
	CONFORM_SUBMIT_UNKNOWN_JOB,
	CONFORM_SUBMIT_DUPLICATE,
	CONFORM_SUBMIT_EXTRANONCE2,
	CONFORM_SUBMIT_BITS_UNASKED,
	CONFORM_SUBMIT_BITS_OUTSIDE,
	CONFORM_SUBMIT_NTIME,
	CONFORM_SUBMIT_MALFORMED,
	CONFORM_MAX
};

struct conform_note {
	uint64_t count; /* 0: not seen */
	uint64_t first; /* positions of messages */
	uint64_t last;
};

struct conform_notes {
	struct conform_note of[CONFORM_MAX];
};

const char *conform_code(enum conform);
const char *conform_text(enum conform);

void conform_note(struct conform_notes *, enum conform, uint64_t pos);
void conform_pack(const struct conform_notes *, struct mbuf *);
/* Codes of a newer HashScope are left out; what makes no sense is bad. */
void conform_unpack(struct conform_notes *, struct mcur *);

#endif
