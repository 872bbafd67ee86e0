/*
 * What a relay says of itself, and why it refuses an event.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_info.h"
#include "common/nostr_pow.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jtree tree;
	struct nostr_info i;
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (nostr_info_parse(&i, &tree, text, size) == 0 && !i.known)
		abort();
	if (nostr_pow_wanted(text) > 256)
		abort();
	free(text);
	return 0;
}
