/*
 * JSON out, JSON checked, text for logs.
 *
 * The writer puts out valid JSON whatever it is given: strings are escaped
 * and made valid UTF-8, numbers are finite, raw JSON is checked before it is
 * spliced in, and a call in the wrong place or a failed allocation is kept
 * and reported once, at the end.  So callers write straight on and look at
 * the result of json_finish() only.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX   64   /* of the writer and of what it splices in */
#define JSON_VALID_DEPTH 1024 /* the most that json_valid() can count */

struct json_out {
	char *buf;
	size_t len, cap, max;
	uint64_t in_object; /* a bit per level: object or array */
	uint64_t has_item;  /* a bit per level: a comma is due */
	unsigned int depth;
	bool after_key;
	bool done; /* the one top-level value is written */
	bool failed;
};

/* An empty writer; the text will not grow beyond max bytes. */
void json_init(struct json_out *, size_t max);
/* Begin again with the same buffer. */
void json_reset(struct json_out *);
/* Give the buffer back; what json_finish() returned is gone. */
void json_clear(struct json_out *);
/*
 * The finished text, NUL-terminated, its length in *len (may be NULL).  It
 * belongs to the writer until reset or clear.  NULL if anything went wrong:
 * memory, the bound, nesting, or a value that is not complete.
 */
const char *json_finish(struct json_out *, size_t *len);

void json_object(struct json_out *);
void json_object_end(struct json_out *);
void json_array(struct json_out *);
void json_array_end(struct json_out *);
void json_key(struct json_out *, const char *key);

/*
 * Strings: ", \, control characters, DEL, U+2028 and U+2029 are escaped,
 * invalid UTF-8 becomes U+FFFD.
 */
void json_str(struct json_out *, const void *s, size_t len);
void json_cstr(struct json_out *, const char *s); /* NULL: null */
void json_int(struct json_out *, int64_t);
void json_uint(struct json_out *, uint64_t);
/* As a string: JavaScript's numbers end at 2^53. */
void json_uint_str(struct json_out *, uint64_t);
/* The shortest text that reads back as the same; not finite: null. */
void json_double(struct json_out *, double);
void json_bool(struct json_out *, bool);
void json_null(struct json_out *);
/* A base64 string (RFC 4648 with padding). */
void json_base64(struct json_out *, const void *data, size_t len);
/*
 * One JSON value as it is, if it is valid to depth JSON_DEPTH_MAX; null if
 * not.  Escapes of lone surrogates, which are grammatical and break readers,
 * become \ufffd.
 */
void json_raw(struct json_out *, const void *text, size_t len);
/* The same without a look: what one of our own writers has finished. */
void json_checked(struct json_out *, const void *text, size_t len);

/* A key and its value. */
void json_kstr(struct json_out *, const char *key, const void *, size_t);
void json_kcstr(struct json_out *, const char *key, const char *);
void json_kint(struct json_out *, const char *key, int64_t);
void json_kuint(struct json_out *, const char *key, uint64_t);
void json_kuint_str(struct json_out *, const char *key, uint64_t);
void json_kdouble(struct json_out *, const char *key, double);
void json_kbool(struct json_out *, const char *key, bool);
void json_knull(struct json_out *, const char *key);
void json_kobject(struct json_out *, const char *key);
void json_karray(struct json_out *, const char *key);

/*
 * Is this exactly one JSON value (RFC 8259), in valid UTF-8, nested at most
 * max_depth deep (an array or object is one level; 0 < max_depth <=
 * JSON_VALID_DEPTH)?  0, or -1 with the offset of the first byte that is
 * wrong in *error (may be NULL); len means that the text ends too early.
 */
int json_valid(const void *text, size_t len, unsigned int max_depth,
    size_t *error);

/*
 * Untrusted bytes as printable ASCII for a log line: others as \xNN, a
 * backslash doubled.  dst has room for cap bytes (at least 1) with the NUL;
 * what does not fit ends in "...".  Returns the length of dst.
 */
size_t text_escape(char *dst, size_t cap, const void *src, size_t len);

#endif
