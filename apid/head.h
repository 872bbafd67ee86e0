/*
 * The head of an HTTP/1.x request, checked before any library sees it.  A
 * pure parser: bytes in, spans of them out.  What two readers could take
 * differently (two lengths, a space before a colon, folded lines, a bare LF)
 * is refused.
 */
#ifndef APID_HEAD_H
#define APID_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_MAX 8192 /* bytes of a head */

struct span {
	const char *p; /* NULL: not there */
	size_t len;
};

struct head {
	size_t len; /* with its last line, which is empty */
	struct span method, path, query;
	struct span host, origin, cookie, authorization, fetch_site;
	struct span connection, upgrade, ws_version, ws_key;
	struct span length, encoding;
	bool http10;
	bool wants_ws;   /* an upgrade to WebSocket */
	unsigned status; /* why it was refused */
	const char *why;
};

enum head_result {
	HEAD_MORE, /* not all of it is there */
	HEAD_OK,
	HEAD_BAD /* status and why say so */
};

enum head_result head_parse(const char *, size_t, struct head *);

/*
 * A head as it came, from what a library has left of it that reads it in
 * place: NUL stands for each byte of a line's end, for the first colon of each
 * header and for the two spaces of the first line, whose target (given as it
 * came) is not there any more.  region is changed in place.
 *
 * region is len bytes up to the end of the empty line, version the offset of
 * "HTTP/1.1" in it.  The number of headers; -1 when some line did not end in
 * CR LF or a header was folded: then the library has put something right.
 */
int head_restore(char *region, size_t len, size_t version, const char *target,
    size_t target_len);

bool span_is(struct span, const char *); /* ASCII case does not matter */
/* A word in a list with commas. */
bool span_has(struct span, const char *word);
/* Copied and ended; false when it does not fit. */
bool span_copy(struct span, char *, size_t);
/* The value of a cookie of this name; not there: p NULL. */
struct span head_cookie(struct span cookies, const char *name);

#endif
