/*
 * Any bytes as the head of a request: what is taken lies within them, and
 * more bytes behind it change nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apid/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static bool
within(struct span s, const char *p, size_t len)
{
	return s.p == NULL ||
	    (s.p >= p && s.len <= len && (size_t)(s.p - p) <= len - s.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct head h, again;
	char text[64];

	switch (head_parse(p, size, &h)) {
	case HEAD_MORE:
		REQUIRE(size < HEAD_MAX);
		return 0;
	case HEAD_BAD:
		REQUIRE(h.status >= 400 && h.status < 600 && h.why != NULL);
		return 0;
	case HEAD_OK:
		break;
	}
	REQUIRE(h.len <= size && h.len <= HEAD_MAX);
	REQUIRE(memcmp(p + h.len - 4, "\r\n\r\n", 4) == 0);
	REQUIRE(within(h.path, p, h.len) && within(h.query, p, h.len));
	REQUIRE(within(h.host, p, h.len) && within(h.cookie, p, h.len));
	REQUIRE(within(head_cookie(h.cookie, "hashscope"), p, h.len));
	REQUIRE(h.length.p == NULL || h.encoding.p == NULL);
	(void)span_copy(h.host, text, sizeof(text));
	REQUIRE(head_parse(p, h.len, &again) == HEAD_OK);
	REQUIRE(again.len == h.len && again.wants_ws == h.wants_ws);
	return 0;
}
