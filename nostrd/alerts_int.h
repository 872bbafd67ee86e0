/*
 * What the files of the alerts share: alerts.c (what is to be told, and
 * when), alerts_note.c (messages, until the relays have them), alerts_file.c
 * (what of both is on disk).
 */
#ifndef NOSTRD_ALERTS_INT_H
#define NOSTRD_ALERTS_INT_H

#include "nostrd/nostrd.h"

#define KNOWN    512 /* alerts that are remembered */
#define NOTES    32  /* messages that some relay has not taken */
#define NOTE_MAX 32768u

enum step {
	STEP_NONE,
	STEP_WAITING, /* in the lines of the next message */
	STEP_SIGNING, /* in the one that is being made */
	STEP_TOLD
};

struct known {
	uint64_t id;
	uint8_t begun, ended; /* enum step */
};

/* A message, until every relay has answered for it. */
struct note {
	uint64_t serial; /* 0: free */
	uint8_t id[32];
	char *text;
	size_t len;
	uint64_t done[RELAYS_MAX]; /* relays, by name_of() */
	unsigned ndone;
	bool taken; /* by one of them */
};

struct alerts {
	struct nostrd *nostrd;
	uint8_t store[16];
	bool placed;    /* store is said */
	bool first;     /* nothing of this store was read */
	uint64_t floor; /* those up to here are forgotten */
	struct known known[KNOWN];
	unsigned nknown;
	struct note note[NOTES];
	unsigned nnotes;
	uint64_t serial;
	/* the next message */
	struct mbuf lines;
	unsigned nlines, more;
	struct draft seal;
	bool signing;
	/* how many may go out now */
	double tokens;
	uint64_t tokens_at;
	struct mbuf buf;
};

/* --- alerts_note.c --- */
/* A place for one more; the oldest goes when there is none. */
struct note *alerts_note_room(struct alerts *);
void alerts_note_free(struct alerts *, struct note *);
/* Those that only waited for a relay which is not configured any more go. */
void alerts_finish(struct alerts *);

/* --- alerts_file.c --- */
/* A failure is logged: what was told may then be told again. */
void alerts_save(struct alerts *);

#endif
