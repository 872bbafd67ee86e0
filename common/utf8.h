/*
 * Strict UTF-8: what RFC 3629 allows and nothing else (no overlong forms,
 * no surrogates, nothing above U+10FFFF).  Miners and pools send anything;
 * JSON, SQLite's text and browsers want the real thing.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes from the beginning are valid; len when all of them are. */
size_t utf8_prefix(const void *s, size_t len);

static inline bool
utf8_valid(const void *s, size_t len)
{
	return utf8_prefix(s, len) == len;
}

/*
 * The number of bytes of the first character of s (len > 0).  *ok says
 * whether it is one; if not, that many bytes stand for one U+FFFD (the
 * "maximal subpart" of the Unicode standard, chapter 3.9).
 */
size_t utf8_step(const unsigned char *s, size_t len, bool *ok);

/*
 * Copy into dst, which has room for cap bytes (at least 1) with the NUL:
 * what is invalid, and NUL itself, becomes U+FFFD, and a character that does
 * not fit whole ends the copy.  Returns the bytes in dst, without the NUL.
 */
size_t utf8_copy(char *dst, size_t cap, const void *src, size_t len);

#endif
