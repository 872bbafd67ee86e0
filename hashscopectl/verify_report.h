/*
 * What verify found: shares as they are judged, then how they add up.
 */
#ifndef HASHSCOPECTL_VERIFY_REPORT_H
#define HASHSCOPECTL_VERIFY_REPORT_H

#include "common/answer.h"
#include "common/verify.h"
#include "hashscopectl/output.h"
#include "hashscopectl/verify_input.h"

#define REPORT_SENTENCE 320

/* A share, with its answer once that is there. */
struct report_row {
	uint64_t id;         /* from 1, in the order of the submits */
	uint64_t message_id; /* HashScope's; 0 none */
	uint64_t at;         /* where in the file */
	char session[INPUT_NAME];
	uint64_t ts, ts_fwd; /* of the submit; ns */
	uint64_t answer_ts, answer_fwd;
	/* Its job is gone; ntime and nonce as sent, and extranonce2 if it was
	 * not taken up. */
	struct verify_share share;
	bool has_ntime, has_nonce; /* they are numbers */
	struct verify_brief brief;
	char sentence[REPORT_SENTENCE];
	struct answer answer; /* ANSWER_NONE: there is none */
	struct verify_judged judged;
};

struct report {
	struct output *out;
	bool only_disputed;
	struct input_info info;
	uint64_t began; /* ns, the first message */
	/* Counted by report_share(). */
	uint64_t shares, listed, answered, blocks;
	uint64_t verdict[VERDICTS], pool[ANSWER_ODD + 1];
	uint64_t agreement[AGREEMENTS];
	/* Counted by who hands them over. */
	uint64_t sessions, messages;
	uint64_t acks_anything; /* sessions whose upstream does */
};

/* info is of the file as it is read. */
void report_begin(struct report *, struct output *, bool only_disputed);
void report_share(struct report *, const struct report_row *);
/* error is "" when all could be read. */
void report_end(struct report *, const char *error);
/* Did the pool judge each share as it should, and could each be judged? */
bool report_is_good(const struct report *);

#endif
