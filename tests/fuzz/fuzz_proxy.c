/*
 * PROXY headers: never past the end, the same answer for the same bytes, and
 * what is complete stays so whatever follows.
 */
#include <stdlib.h>
#include <string.h>

#include "relayd/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct proxy_header a, b;
	uint8_t *copy;
	int r;

	if (len > PROXY_MAX)
		len = PROXY_MAX;
	/* Of its own size, so that a byte too far is seen. */
	copy = malloc(len + 1);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, len);
	r = proxy_parse(copy, len, &a);
	if (r == 1) {
		if (a.len > len || a.len == 0)
			abort();
		if (proxy_parse(copy, a.len, &b) != 1 || b.len != a.len)
			abort();
		for (size_t n = 0; n < a.len; n++) {
			if (proxy_parse(copy, n, &b) != 0)
				abort();
		}
	}
	free(copy);
	return 0;
}
