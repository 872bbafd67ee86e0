/*
 * Shares as they travel in events: one in an event of its own, as the
 * original's agents read it ("hashscope.v1"), or many in a batch
 * ("hashscope.v2", doc/PROTOCOL.md).  Pure, both ways.
 */
#ifndef COMMON_NOSTR_SHARE_H
#define COMMON_NOSTR_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/jtree.h"
#include "common/msg.h"

#define NOSTR_RUN_MAX     64   /* characters of a run's id */
#define NOSTR_PARAMS_MAX  1024 /* bytes of a submit's parameters, as JSON */
#define NOSTR_ROWS_MAX    400  /* shares of a batch */
#define NOSTR_REPEAT_MAX  1000
#define NOSTR_CONTENT_MAX 131072 /* bytes that are looked at */

struct nostr_share {
	uint8_t session[16];
	uint64_t seq;  /* of the session, from 1 */
	int64_t ts_us; /* real time, µs since 1970 */
	uint32_t repeat;
	uint16_t pool_port;
	char pool_host[256];
	char peer[64];                 /* "" unless the operator asks for it */
	char id[72];                   /* of the request, JSON; "" not known */
	char params[NOSTR_PARAMS_MAX]; /* a JSON array */
};

/* Shares of a session that nobody will get: first to last. */
struct nostr_gap {
	uint8_t session[16];
	uint64_t first, last;
};

/* For the outbox and between processes. */
void nostr_share_put(struct mbuf *, const struct nostr_share *);
void nostr_share_get(struct mcur *, struct nostr_share *);
void nostr_gap_put(struct mbuf *, const struct nostr_gap *);
void nostr_gap_get(struct mcur *, struct nostr_gap *);

/* --- single events --- */

/* The content; the same share always gives the same bytes. */
void nostr_single_write(struct json_out *, const char *run,
    const struct nostr_share *);
/* -1: another schema or run, or anything of a wrong type or out of bounds. */
int nostr_single_parse(struct jtree *, const char *content, size_t len,
    const char *run, struct nostr_share *);

/* --- batches --- */

struct nostr_batch;

struct nostr_batch *nostr_batch_new(void);
void nostr_batch_free(struct nostr_batch *);
void nostr_batch_begin(struct nostr_batch *, const char *run);
/* False when it is full: most rows, or max bytes of content. */
bool nostr_batch_share(struct nostr_batch *, const struct nostr_share *,
    unsigned rows, size_t max);
bool nostr_batch_gap(struct nostr_batch *, const struct nostr_gap *,
    size_t max);
/* Shares and gaps in it. */
unsigned nostr_batch_count(const struct nostr_batch *);
/* Appended.  The same members in the same order give the same bytes. */
void nostr_batch_write(const struct nostr_batch *, struct mbuf *);

/* A batch being read; holds a tree and points into the content. */
struct nostr_rows {
	struct jtree tree;
	uint32_t pools, sessions, workers, jobs, odd, rows, dropped;
	int64_t base_ms;
	unsigned nrows, ndropped;
};

/* -1: another schema or run, or not of this shape. */
int nostr_rows_parse(struct nostr_rows *, const char *content, size_t len,
    const char *run);
/* The i-th row; -1: it is wrong (the others may not be). */
int nostr_rows_share(const struct nostr_rows *, unsigned i,
    struct nostr_share *);
int nostr_rows_gap(const struct nostr_rows *, unsigned i, struct nostr_gap *);

#endif
