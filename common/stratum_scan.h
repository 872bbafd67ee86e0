/*
 * A scanner for lines that look like JSON and need not be: it finds tokens
 * where a parser would give up.  For what must work on broken lines too:
 * hiding secrets and naming protocols.  Private to the stratum files.
 */
#ifndef COMMON_STRATUM_SCAN_H
#define COMMON_STRATUM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scan_type {
	SCAN_END,
	SCAN_PUNCT,  /* one of {}[]:, */
	SCAN_STRING, /* start, len: what is between the quotes */
	SCAN_WORD,   /* anything else up to a blank, a quote or punctuation */
};

struct scan_token {
	enum scan_type type;
	uint8_t punct;
	size_t start, len;
};

struct scan_line {
	const uint8_t *s;
	size_t i, len;
};

/* The first index from i on that is no blank of JSON, or len. */
size_t scan_blanks(const void *s, size_t i, size_t len);
/* The next token; false at the end. */
bool scan_next(struct scan_line *, struct scan_token *);
/* Is the next byte that is not blank this one?  Takes it if so. */
bool scan_take(struct scan_line *, uint8_t c);
/*
 * Is the token a string which, its escapes resolved, is this one, in upper
 * or lower case?
 */
bool scan_is(const struct scan_line *, const struct scan_token *,
    const char *want);
/*
 * The next string that is the value of a key of this name, at any depth;
 * false if there is none up to the end.
 */
bool scan_member(struct scan_line *, const char *key, struct scan_token *);

/* memmem(3) for text in any case; NULL if there is none. */
const uint8_t *scan_text(const uint8_t *s, size_t len, const char *want);

/*
 * The methods whose messages carry a password, by number from 0; NULL behind
 * the last one.
 */
const char *stratum_secret_method(size_t n);

#endif
