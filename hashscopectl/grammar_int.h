/*
 * What the files of the grammar share: grammar.c has the words, and finds
 * them; grammar_apply.c knows what they mean.
 */
#ifndef HASHSCOPECTL_GRAMMAR_INT_H
#define HASHSCOPECTL_GRAMMAR_INT_H

#include "hashscopectl/grammar.h"

enum arg {
	ARG_NONE,
	ARG_SESSION,
	ARG_NUMBER,
	ARG_NUMBER0,
	ARG_SECONDS,
	ARG_LIMIT,
	ARG_WORD,
	ARG_TEXT,
	ARG_TIME,
	ARG_FILE,
	ARG_SHARE,
	ARG_SHARE0,
	ARG_JOB,
	ARG_WORKER,
	ARG_POOL,
	ARG_USER,
	ARG_AGE,
	ARG_LAST,
	ARG_AGENT,
	ARG_FLEET,
	ARG_STEP,
	ARG_TIMES,
	ARG_REPEAT,
	ARG_AUTO,
	ARG_LINE,
	ARG_MAX
};

enum set {
	SET_NOTHING,
	SET_ACTION,
	SET_SESSION,
	SET_DIR,
	SET_FLAG,
	SET_METHOD,
	SET_TEXT,
	SET_SINCE,
	SET_UNTIL,
	SET_BEFORE,
	SET_AFTER,
	SET_POS,
	SET_LIMIT,
	SET_SECONDS,
	SET_VERBOSE,
	SET_FILE,
	SET_DISPUTED,
	SET_WORKER,
	SET_POOL,
	SET_VERDICT,
	SET_SAID,
	SET_ALERTS,
	SET_USER,
	SET_ROLE,
	SET_EXPIRES,
	SET_BY,
	SET_BY_NAME,
	SET_BY_POOL,
	SET_STEP,
	SET_ON,
	SET_FORMAT,
	SET_COUNT, /* value: the most */
	SET_EDIT,
	SET_AGENT
};

struct word {
	const char *word; /* NULL: the argument alone */
	enum arg arg;
	enum set set;
	unsigned value;
	const struct place *next; /* NULL: the end */
	const char *help;
};

struct place {
	const struct word *words; /* ends with help NULL */
	const struct place *also; /* said here as well */
	bool may_end;
};

/* What a word means; arg is "" for those without one.  -1: not so. */
int grammar_apply(struct command *, const struct word *, const char *arg,
    int64_t now_us);

#endif
