/*
 * The half of the classifier that speaks with yajl: the members of one
 * object, as they come.  Private to the stratum files.
 */
#ifndef COMMON_STRATUM_PARSE_H
#define COMMON_STRATUM_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include <yajl/yajl_parse.h>

#include "common/stratum.h"

enum key {
	K_OTHER,
	K_ID,
	K_METHOD,
	K_PARAMS,
	K_RESULT,
	K_ERROR,
	K_REJECT
};

/* The types of JSON, as far as they matter here. */
enum type {
	T_NONE,
	T_NULL,
	T_TRUE,
	T_FALSE,
	T_NUMBER,
	T_STRING,
	T_NESTED
};

/* One of the first two parameters. */
struct param {
	enum type type;
	const char *s; /* into the line, or copy when it had escapes */
	size_t len;
	char copy[STRATUM_TEXT_MAX + 1];
};

struct stratum_parser {
	yajl_handle yajl;
	unsigned char *arena;
	size_t arena_used;
	/* Of the line at hand. */
	const char *line;
	size_t len;
	struct stratum_msg *msg;
	unsigned int depth;
	enum key key;        /* whose value comes next, at depth 1 */
	size_t key_end;      /* offset behind that key */
	unsigned int seen;   /* a bit per key */
	bool any_method_key; /* a "method" at any depth: its value comes next */
	bool complete;       /* the first object is */
	bool in_params, in_id;
	bool reject; /* has a reject-reason */
	bool too_deep;
	size_t object_start; /* of the object at hand */
	size_t object_end;   /* behind the last complete one */
	size_t end;          /* where parsing ended, if not well */
	struct param param[2];
};

/*
 * Parse a line that begins with an object into *msg, which has been cleared.
 * True if it is one object or several; if not, `complete` says whether the
 * first one was, `depth` and `too_deep` where it ended.
 */
bool stratum_parse(struct stratum_parser *, const char *line, size_t len,
    struct stratum_msg *msg);

#endif
