/*
 * Any text as a relay's frame.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_frame.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static struct jtree tree;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nostr_frame f;

	if (nostr_frame_parse(&f, &tree, data, size) == -1)
		return 0;
	REQUIRE(f.type <= NF_OTHER && f.reason < NR_REASONS);
	REQUIRE(strnlen(f.sub, sizeof(f.sub)) <= NOSTR_SUB_MAX);
	REQUIRE(strnlen(f.text, sizeof(f.text)) < NOSTR_TEXT_MAX);
	if (utf8_valid(data, size))
		REQUIRE(utf8_valid(f.text, strlen(f.text)));
	if (f.type == NF_EVENT)
		REQUIRE(jtree_is(&tree, f.event, J_OBJECT));
	REQUIRE(nostr_reason_name(f.reason) != NULL);
	return 0;
}
