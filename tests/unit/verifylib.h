/*
 * A session for tests and benchmarks of the verifier: lines in, shares out,
 * with the pairing that the programs have; and the recorded transcript.
 */
#ifndef TESTS_UNIT_VERIFYLIB_H
#define TESTS_UNIT_VERIFYLIB_H

#include "common/stratum.h"
#include "common/verify.h"

#define VL_PENDING 64

struct vl_pending {
	struct stratum_id id;
	enum stratum_method method;
	struct verify_brief brief;
};

struct vl {
	struct work_store *store;
	struct verify *v;
	struct stratum_parser *parser;
	struct jtree *tree;
	bool borrowed; /* store, parser and tree belong to another */
	struct vl_pending pending[VL_PENDING];
	unsigned n;
	/* Of the latest line. */
	struct stratum_msg msg;
	bool is_share, is_answer;
	struct verify_share share;
	struct answer answer;
	struct verify_judged judged;
};

/* NULL: with a store and a parser of its own; else those of the other. */
void vl_init(struct vl *, struct vl *from);
void vl_free(struct vl *);
/* One line; true if it was a share or the answer to one. */
bool vl_line(struct vl *, bool to_miner, uint64_t ts, const char *line,
    size_t len);
/* The same of a formatted line. */
bool vl_pool(struct vl *, uint64_t ts, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool vl_miner(struct vl *, uint64_t ts, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A line of the transcript. */
struct vl_record {
	uint64_t ts;
	unsigned session;
	bool to_miner;
	size_t len;
	char *line;
};

/* The whole of tests/data/NAME; NULL if it cannot be read.  To be freed. */
char *vl_data(const char *name, size_t *len);
/* All lines of a transcript in order; exits with a message if it is odd. */
struct vl_record *vl_transcript(const char *name, size_t *n);
void vl_transcript_free(struct vl_record *, size_t n);

#endif
