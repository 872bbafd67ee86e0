/*
 * The files of auth: whatever they say, what is taken is what is written
 * again, and nothing is taken of one that is refused.  The first byte says
 * which of the three it is.
 */
#include <stdlib.h>
#include <string.h>

#include "hashscoped/auth_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct auth_db db, again;
	enum auth_file which;
	struct mbuf one, two;
	unsigned line;
	char *copy;

	if (len == 0)
		return 0;
	which = (enum auth_file)(data[0] % AUTH_FILES);
	/* Of its own size, so that a byte too far is seen. */
	copy = malloc(len);
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, len - 1);
	memset(&db, 0, sizeof(db));
	memset(&again, 0, sizeof(again));
	if (auth_db_parse(&db, which, copy, len - 1, &line) == -1) {
		if (db.nusers + db.ntokens + db.nsessions != 0)
			abort();
		free(copy);
		return 0;
	}
	mbuf_init(&one);
	mbuf_init(&two);
	auth_db_format(&db, which, &one);
	if (one.bad ||
	    auth_db_parse(&again, which, (const char *)one.data, one.len,
		&line) == -1)
		abort();
	auth_db_format(&again, which, &two);
	if (one.len != two.len || memcmp(one.data, two.data, one.len) != 0)
		abort();
	mbuf_free(&one);
	mbuf_free(&two);
	free(copy);
	return 0;
}
