/*
 * What a pool answered to a share, in any of the shapes that pools use.
 */
#ifndef COMMON_ANSWER_H
#define COMMON_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/jtree.h"

#define ANSWER_TEXT_MAX 128 /* bytes of the pool's words that are kept */

enum answer_class {
	ANSWER_NONE, /* unanswered */
	ANSWER_ACCEPTED,
	ANSWER_REJECTED,
	ANSWER_ODD, /* neither: contradicts itself, or says nothing */
};

/* Why it was rejected, by the pool's words first, by its number second. */
enum answer_reason {
	ANSWER_R_NONE,
	ANSWER_R_OTHER, /* it gave a reason that is not known, or none */
	ANSWER_R_STALE,
	ANSWER_R_UNKNOWN_JOB,
	ANSWER_R_DUPLICATE,
	ANSWER_R_LOW_DIFFICULTY,
	ANSWER_R_NTIME,
	ANSWER_R_EXTRANONCE2,
	ANSWER_R_VERSION,
	ANSWER_R_UNAUTHORIZED,
	ANSWER_R_UNSUBSCRIBED,
	ANSWER_R_WORKER,
	ANSWER_R_MALFORMED,
	ANSWER_R_BANNED,
	ANSWER_R_INTERNAL,
	ANSWER_REASONS
};

/* How the error was written (stratum.md). */
enum answer_shape {
	ANSWER_S_NONE,
	ANSWER_S_ARRAY,  /* [code, "text", x] */
	ANSWER_S_OBJECT, /* {"code", "message", "data"} */
	ANSWER_S_STRING,
	ANSWER_S_REJECT, /* ckpool's "reject-reason" */
	ANSWER_S_OTHER,  /* a number, true, … */
};

struct answer {
	uint8_t class;  /* enum answer_class */
	uint8_t reason; /* enum answer_reason */
	uint8_t shape;  /* enum answer_shape */
	bool has_code;
	int64_t code;
	char text[ANSWER_TEXT_MAX + 1]; /* the pool's words, valid UTF-8 */
};

/* Of a whole response (an object); anything else is ANSWER_ODD. */
void answer_parse(const struct jtree *, struct answer *);
/* By words and number alone; has_code says whether there is one. */
enum answer_reason answer_reason(const char *text, bool has_code, int64_t code);
/* What a code means by itself, in words; NULL if that is not known. */
const char *answer_code_text(int64_t code);

const char *answer_class_name(enum answer_class);
const char *answer_reason_name(enum answer_reason);
/* -1: no such name. */
int answer_reason_find(const char *);
const char *answer_shape_name(enum answer_shape);

#endif
