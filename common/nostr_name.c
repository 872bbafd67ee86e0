/*
 * NIP-19, the two of its forms that a configuration needs.
 */
#include <string.h>

#include "common/bech32.h"
#include "common/hex.h"
#include "common/nostr_name.h"

static int
parse(const char *text, const char *prefix, uint8_t key[32])
{
	uint8_t group[BECH32_MAX], bytes[BECH32_MAX];
	char hrp[BECH32_HRP];
	size_t n;

	if (strnlen(text, 65) == 64)
		return hex_bytes(text, 64, key);
	if (bech32_decode(text, BECH32_V1, hrp, group, &n) == -1 ||
	    strcmp(hrp, prefix) != 0 ||
	    bech32_bytes(group, n, bytes, &n) == -1 || n != 32)
		return -1;
	memcpy(key, bytes, 32);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(group, sizeof(group));
	return 0;
}

int
nostr_public_parse(const char *text, uint8_t key[32])
{
	return parse(text, "npub", key);
}

int
nostr_secret_parse(const char *text, uint8_t key[32])
{
	return parse(text, "nsec", key);
}

static void
write_as(const char *prefix, const uint8_t key[32], char out[NOSTR_NAME])
{
	uint8_t group[64];
	size_t n = bech32_groups(key, 32, group);

	bech32_encode(prefix, group, n, BECH32_V1, out);
	explicit_bzero(group, sizeof(group));
}

void
nostr_npub(const uint8_t key[32], char out[NOSTR_NAME])
{
	write_as("npub", key, out);
}

void
nostr_nsec(const uint8_t key[32], char out[NOSTR_NAME])
{
	write_as("nsec", key, out);
}
