/*
 * Any text as the content of an event: what is taken out of a batch can be
 * put into one, and comes out again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_share.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static struct jtree tree;
static struct nostr_rows rows, again;

static void
check(const struct nostr_share *s)
{
	REQUIRE(s->seq > 0 && s->repeat >= 1 && s->repeat <= NOSTR_REPEAT_MAX);
	REQUIRE(s->pool_port != 0);
	REQUIRE(json_valid(s->params, strlen(s->params), 16, NULL) == 0);
}

static void
check_again(unsigned n)
{
	struct nostr_batch *b = nostr_batch_new();
	struct nostr_share s, t;
	struct mbuf m;

	REQUIRE(b != NULL);
	mbuf_init(&m);
	nostr_batch_begin(b, "r");
	REQUIRE(nostr_rows_share(&rows, n, &s) == 0);
	REQUIRE(nostr_batch_share(b, &s, 1, SIZE_MAX));
	nostr_batch_write(b, &m);
	REQUIRE(!m.bad);
	REQUIRE(nostr_rows_parse(&again, (char *)m.data, m.len, "r") == 0);
	REQUIRE(nostr_rows_share(&again, 0, &t) == 0);
	REQUIRE(s.seq == t.seq && s.repeat == t.repeat && s.ts_us == t.ts_us);
	REQUIRE(memcmp(s.session, t.session, 16) == 0);
	mbuf_free(&m);
	nostr_batch_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct nostr_share s;
	struct nostr_gap g;

	if (nostr_single_parse(&tree, text, size, "r", &s) == 0)
		check(&s);
	if (nostr_rows_parse(&rows, text, size, "r") == -1)
		return 0;
	for (unsigned i = 0; i < rows.nrows; i++) {
		if (nostr_rows_share(&rows, i, &s) == -1)
			continue;
		check(&s);
		check_again(i);
	}
	for (unsigned i = 0; i < rows.ndropped; i++)
		if (nostr_rows_gap(&rows, i, &g) == 0)
			REQUIRE(g.first >= 1 && g.first <= g.last);
	return 0;
}
