/*
 * A line of JSON as a flat list of its values, to look up by position and by
 * name.  For what must be read out of messages: parameters, results, errors.
 *
 * Bounded: nothing is allocated, strings stay where they are in the text.
 * Strict: what is not JSON (RFC 8259) is refused, but for the encoding of
 * strings, which is not looked at.
 */
#ifndef COMMON_JTREE_H
#define COMMON_JTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JTREE_MAX   2048 /* values, names included */
#define JTREE_DEPTH 64   /* arrays and objects */
#define JTREE_NONE  0    /* no such value; its type is J_NONE */

enum jtype {
	J_NONE,
	J_NULL,
	J_FALSE,
	J_TRUE,
	J_NUMBER,
	J_STRING,
	J_ARRAY,
	J_OBJECT,
};

struct jnode {
	uint8_t type; /* enum jtype */
	bool escaped; /* a string with a backslash in it */
	uint32_t start,
	    len;       /* in the text; of strings what is between quotes */
	uint32_t next; /* the sibling behind it, JTREE_NONE if it is the last */
	uint32_t child; /* the first one */
	uint32_t n;     /* children: items, or members */
};

/* About 50 KB: keep one, not one per message. */
struct jtree {
	const char *text;
	size_t end; /* behind the first value */
	uint32_t n; /* nodes in use; node 0 is none, node 1 the first value */
	struct jnode node[JTREE_MAX];
};

/*
 * Take up the first value of the text, which must outlive the tree; what
 * follows behind it is not looked at.  -1: not JSON, nested too deep, or too
 * many values; the tree is then empty, its root J_NONE.
 */
int jtree_parse(struct jtree *, const void *text, size_t len);

/* The first value. */
uint32_t jtree_root(const struct jtree *);
enum jtype jtree_type(const struct jtree *, uint32_t node);
bool jtree_is(const struct jtree *, uint32_t node, enum jtype);
/* Items of an array, members of an object, 0 of anything else. */
uint32_t jtree_count(const struct jtree *, uint32_t node);
/* Item number i of an array; JTREE_NONE if there is none. */
uint32_t jtree_item(const struct jtree *, uint32_t array, uint32_t i);
/* Member of an object by name; the last one wins. */
uint32_t jtree_member(const struct jtree *, uint32_t object, const char *name);
/*
 * Members one after the other: *name is the node of its name.  Begin with
 * *name JTREE_NONE.  Returns the value, JTREE_NONE behind the last.
 */
uint32_t jtree_next(const struct jtree *, uint32_t object, uint32_t *name);

/* The text of the value as it is written, quotes included. */
const char *jtree_raw(const struct jtree *, uint32_t node, size_t *len);
/*
 * A string, its escapes resolved, NUL-terminated, into dst with room for cap
 * bytes.  Lone surrogates become U+FFFD.  Its length; -1 if it is no string
 * or does not fit (dst is then "").
 */
long jtree_str(const struct jtree *, uint32_t node, char *dst, size_t cap);
/*
 * A name: a string as jtree_str() gives it, or a number as it is written.
 * Its length; -1 if it is neither or does not fit.
 */
long jtree_name(const struct jtree *, uint32_t node, char *dst, size_t cap);
/* The bytes of a string without escapes, in the text; NULL of all others. */
const char *jtree_plain(const struct jtree *, uint32_t node, size_t *len);
/* Is it a string that says this? */
bool jtree_equals(const struct jtree *, uint32_t node, const char *want);
/* A number; -1 if it is none, or no finite one. */
int jtree_double(const struct jtree *, uint32_t node, double *);
/* A number without fraction and exponent that fits; -1 if not. */
int jtree_int(const struct jtree *, uint32_t node, int64_t *);

#endif
