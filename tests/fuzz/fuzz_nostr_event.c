/*
 * Any text as an event: what is taken can be written, and what was written
 * is read as the same event with the same id.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static struct jtree tree;
static struct nostr_event e, again;

static bool
same(const struct nostr_str *a, const struct nostr_str *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static void
check_again(const char *text, size_t len)
{
	char *room = malloc(len + 1);
	uint8_t a[32], b[32];
	unsigned i;

	REQUIRE(room != NULL);
	REQUIRE(jtree_parse(&tree, text, len) == 0);
	REQUIRE(nostr_event_parse(&again, &tree, jtree_root(&tree), room,
		    len + 1) == 0);
	REQUIRE(again.ntags == e.ntags && again.nitems == e.nitems);
	for (i = 0; i < e.nitems; i++)
		REQUIRE(same(&e.item[i], &again.item[i]));
	REQUIRE(same(&e.content, &again.content));
	nostr_event_id(&e, a);
	nostr_event_id(&again, b);
	REQUIRE(memcmp(a, b, 32) == 0);
	REQUIRE(nostr_event_expiration(&e) == nostr_event_expiration(&again));
	free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *room = malloc(size + 1);
	struct mbuf m;

	REQUIRE(room != NULL);
	mbuf_init(&m);
	if (jtree_parse(&tree, data, size) == 0 &&
	    nostr_event_parse(&e, &tree, jtree_root(&tree), room, size + 1) ==
		0) {
		nostr_event_put(&e, &m);
		REQUIRE(!m.bad);
		check_again((const char *)m.data, m.len);
	}
	mbuf_free(&m);
	free(room);
	return 0;
}
