/*
 * The routes: one table, from which requests are answered and the reference
 * is written.
 */
#ifndef APID_ROUTE_H
#define APID_ROUTE_H

#include "common/act.h"

#define PARAMS_MAX 20

enum param_type {
	P_TEXT,
	P_UINT,
	P_POS, /* a position: text of a 64-bit number */
	P_TIME,
	P_UUID,
	P_ENUM,
	P_BOOL
};

struct param {
	const char *name; /* NULL ends the list */
	enum param_type type;
	uint64_t min, max; /* of numbers; of texts the longest */
	uint64_t dflt;
	const char *const *values; /* P_ENUM; value.u is the index */
	const char *about;
};

struct param_value {
	bool given;
	const char *text;
	uint64_t u;
	int64_t time_us;
	uint8_t id[16];
};

struct request;

#define ROUTE_STATIC 0x1u /* one of the console's paths */
#define ROUTE_LIST   0x2u /* an array, in pages */
#define ROUTE_HIDDEN 0x4u /* not in the reference */

struct route {
	const char *method;
	const char *path; /* {id} is one segment */
	enum act_role role;
	void (*handler)(struct request *);
	const struct param *params; /* NULL: none */
	const char *answer;         /* schema's name, or NULL */
	const char *type;           /* of the answer; NULL: JSON */
	const char *body;           /* schema's name, or NULL */
	const char *about;
	unsigned flags;
	unsigned arg; /* for the handler: an act, a query's kind */
};

/* Ends with a method of NULL. */
const struct route *route_table(void);
/* Segments of path against a pattern; ids receive what {…} matched. */
bool route_match(const char *pattern, const char *path, char (*ids)[160],
    unsigned nids);

/* --- query.c --- */
/*
 * Reads r's query string by its route's schema.  NULL, or what is wrong.
 */
const char *query_parse(struct request *, char *why, size_t size);
/* The value of a parameter that the schema has; not given: its default. */
const struct param_value *param(const struct request *, const char *name);
/* %XX and + resolved in place; -1 when malformed or with a NUL. */
int query_unescape(char *);
/* RFC 3339 with Z or an offset, or seconds since 1970; -1. */
int time_parse(const char *, int64_t *us);

#endif
