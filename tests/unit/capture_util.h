/*
 * A relayd of paper for the tests of captured: writes the tap's entries,
 * keeps them as its ring would, and reads back what was stored.
 */
#ifndef TESTS_UNIT_CAPTURE_UTIL_H
#define TESTS_UNIT_CAPTURE_UTIL_H

#include "captured/ingest.h"

#define TEST_OFFSET INT64_C(1700000000000000000) /* real minus monotonic */

/* Entries in order; entry i is at[i] … at[i + 1] of data. */
struct ring {
	struct mbuf data;
	size_t *at;
	size_t n, cap;
	uint64_t seq; /* of the last; 0 entries have none */
	uint64_t now; /* time of the next, ns */
};

void ring_init(struct ring *);
void ring_free(struct ring *);
void ring_reset(struct ring *);
/* Appends; numbered unless told. */
void ring_entry(struct ring *, struct tap_head, const void *payload,
    bool numbered);
void ring_open(struct ring *, uint64_t session, bool numbered);
void ring_pool(struct ring *, uint64_t session, bool numbered);
void ring_chunk(struct ring *, uint64_t session, unsigned dir, uint64_t offset,
    const void *, size_t, bool forwarded);
void ring_fwd(struct ring *, uint64_t session, unsigned dir, uint64_t offset);
void ring_half(struct ring *, uint64_t session, unsigned dir, uint64_t offset,
    bool numbered);
void ring_closed(struct ring *, uint64_t session, const uint64_t read[2],
    const uint64_t delivered[2], bool numbered);
struct tap_head ring_head(const struct ring *, size_t i);
/* Gives entries from…to to captured as one batch. */
int ring_give(const struct ring *, size_t from, size_t to, struct ingest *);

/* The UUID and the peer that sessions of this number have. */
void test_uuid(uint64_t session, uint8_t uuid[16]);

/* A new directory, and its removal with all in it. */
void test_dir(char *dir, size_t size);
void test_dir_remove(const char *dir);
void test_conf(struct capture_conf *, const char *dir);

/* A stored message. */
struct got {
	uint64_t pos;
	uint64_t session; /* relayd's number */
	unsigned dir;
	uint32_t flags;
	uint32_t size;
	int64_t ts, fwd; /* fwd: monotonic ns, 0 none */
	uint64_t pair;
	int64_t latency; /* -1 none */
	char method[80], id[80], protocol[24], error[160];
	uint32_t len;
	uint8_t *raw;
};
struct got_list {
	struct got *m;
	size_t n;
};
/* All messages by position; -1 when the store cannot be read. */
int got_load(const char *dir, struct got_list *);
void got_free(struct got_list *);
/* One number that a statement gives; -1 when it fails. */
int64_t got_number(const char *dir, const char *sql);

#endif
