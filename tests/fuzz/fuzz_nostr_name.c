/*
 * Any text as a key: what is taken is written as the same key, and no text
 * is both a public and a secret one, but for plain hex.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[32], again[32];
	char *text = malloc(size + 1), out[NOSTR_NAME];
	int pub, sec;

	REQUIRE(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	pub = nostr_public_parse(text, key);
	if (pub == 0) {
		nostr_npub(key, out);
		REQUIRE(nostr_public_parse(out, again) == 0);
		REQUIRE(memcmp(key, again, 32) == 0);
	}
	sec = nostr_secret_parse(text, key);
	if (sec == 0) {
		nostr_nsec(key, out);
		REQUIRE(nostr_secret_parse(out, again) == 0);
		REQUIRE(memcmp(key, again, 32) == 0);
	}
	REQUIRE(pub == -1 || sec == -1 || strlen(text) == 64);
	free(text);
	return 0;
}
