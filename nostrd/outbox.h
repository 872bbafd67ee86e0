/*
 * The outbox: shares on disk from the moment that they are to be published
 * until every relay has answered for them.
 *
 * An append log in segments, each record with a checksum; a torn end is cut
 * off at the next start.  Records have numbers that only grow.  Beyond the
 * bound in bytes the oldest segment goes, and what some relay had not had of
 * it is told as gaps.  It also keeps, at the head of every segment, the last
 * seq of each session, and how far the captured shares have been read.
 *
 * kill -9 loses nothing.  A power cut may lose the last seconds: then they
 * are read from the store again, and get the same numbers.
 */
#ifndef NOSTRD_OUTBOX_H
#define NOSTRD_OUTBOX_H

#include "common/nostr_share.h"

enum outbox_type {
	OUTBOX_SHARE = 1,
	OUTBOX_GAP,
	OUTBOX_HEAD, /* of a segment; has no number */
	OUTBOX_MARK  /* how far was read; has no number */
};

struct outbox_rec {
	enum outbox_type type;
	uint64_t source; /* position in captured's store */
	struct nostr_share share;
	struct nostr_gap gap;
};

/* Where a reader is; all 0 at first. */
struct outbox_at {
	uint64_t number;
	uint64_t segment; /* its first number */
	uint64_t offset;
};

struct outbox;

struct outbox_ops {
	/* Every relay has everything below this number. */
	uint64_t (*wanted)(void *arg);
	/* These were dropped for want of room: n shares in all. */
	void (*dropped)(void *arg, uint64_t n);
};

/* dir is the directory, open, and stays the caller's.  NULL with the
 * reason. */
struct outbox *outbox_open(int dir, uint64_t max_bytes,
    const struct outbox_ops *, void *arg, char *err, size_t errlen);
void outbox_close(struct outbox *);
void outbox_bound(struct outbox *, uint64_t max_bytes);

/* Numbers first…next-1 are there. */
uint64_t outbox_first(const struct outbox *);
uint64_t outbox_next(const struct outbox *);
uint64_t outbox_bytes(const struct outbox *);

/* Which store, and up to where it was read; 0 at the beginning. */
uint64_t outbox_source(const struct outbox *, uint8_t store[16]);
int outbox_mark(struct outbox *, const uint8_t store[16], uint64_t source);
/* Gives the share its seq, and appends it.  -1: the disk. */
int outbox_share(struct outbox *, struct nostr_share *, uint64_t source);
int outbox_gap(struct outbox *, const struct nostr_gap *);
/* Onto the disk; now and then. */
void outbox_sync(struct outbox *);
/* Drops what nobody wants. */
void outbox_trim(struct outbox *);

/* The record of that number, quick when it is the one after the last;
 * 1 read, 0 it is not there (any more), -1 the disk. */
int outbox_read(struct outbox *, struct outbox_at *, uint64_t number,
    struct outbox_rec *);

#endif
