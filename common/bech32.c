/*
 * The code of BIP 173, out and in.
 */
#include <string.h>

#include "common/bech32.h"

#define CHECK 6

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/* One step of the BCH code. */
static uint32_t
polymod(uint32_t c, uint8_t value)
{
	static const uint32_t generator[5] = { 0x3b6a57b2, 0x26508e6d,
		0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
	uint32_t top = c >> 25;
	int i;

	c = (c & 0x1ffffff) << 5 ^ value;
	for (i = 0; i < 5; i++)
		if (top >> i & 1)
			c ^= generator[i];
	return c;
}

static uint32_t
begin(const char *hrp)
{
	uint32_t c = 1;
	const char *p;

	for (p = hrp; *p != '\0'; p++)
		c = polymod(c, (uint8_t)*p >> 5);
	c = polymod(c, 0);
	for (p = hrp; *p != '\0'; p++)
		c = polymod(c, *p & 31);
	return c;
}

size_t
bech32_groups(const uint8_t *p, size_t len, uint8_t *out)
{
	unsigned acc = 0, bits = 0;
	size_t n = 0;

	for (; len > 0; len--) {
		acc = acc << 8 | *p++;
		for (bits += 8; bits >= 5; bits -= 5)
			out[n++] = acc >> (bits - 5) & 31;
	}
	if (bits > 0)
		out[n++] = (uint8_t)(acc << (5 - bits) & 31);
	return n;
}

int
bech32_bytes(const uint8_t *group, size_t n, uint8_t *out, size_t *len)
{
	unsigned acc = 0, bits = 0;
	size_t i, at = 0;

	for (i = 0; i < n; i++) {
		acc = (acc << 5 | group[i]) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[at++] = acc >> bits & 0xff;
		}
	}
	*len = at;
	return bits > 4 || (acc & ((1u << bits) - 1)) != 0 ? -1 : 0;
}

void
bech32_encode(const char *hrp, const uint8_t *group, size_t n,
    uint32_t constant, char *out)
{
	uint32_t c = begin(hrp);
	size_t i, len = strlen(hrp);

	memcpy(out, hrp, len);
	out += len;
	*out++ = '1';
	for (i = 0; i < n; i++) {
		c = polymod(c, group[i]);
		*out++ = digits[group[i]];
	}
	for (i = 0; i < CHECK; i++)
		c = polymod(c, 0);
	c ^= constant;
	for (i = 0; i < CHECK; i++)
		*out++ = digits[c >> 5 * (5 - i) & 31];
	*out = '\0';
}

/* All in lower case into low; -1 for mixed cases and other characters. */
static int
lower(const char *text, char low[BECH32_MAX + 1])
{
	size_t i, len = strnlen(text, BECH32_MAX + 1);
	int up = 0, down = 0;

	if (len > BECH32_MAX)
		return -1;
	for (i = 0; i < len; i++) {
		char c = text[i];

		if (c < 33 || c > 126)
			return -1;
		if (c >= 'A' && c <= 'Z') {
			up = 1;
			c = (char)(c - 'A' + 'a');
		} else if (c >= 'a' && c <= 'z') {
			down = 1;
		}
		low[i] = c;
	}
	low[len] = '\0';
	return up && down ? -1 : 0;
}

int
bech32_decode(const char *text, uint32_t constant, char hrp[BECH32_HRP],
    uint8_t *group, size_t *n)
{
	char low[BECH32_MAX + 1], *one;
	const char *p, *d;
	uint32_t c;
	size_t len;

	if (lower(text, low) == -1 || (one = strrchr(low, '1')) == NULL)
		return -1;
	len = (size_t)(one - low);
	if (len == 0 || len >= BECH32_HRP || strlen(one + 1) < CHECK)
		return -1;
	memcpy(hrp, low, len);
	hrp[len] = '\0';
	c = begin(hrp);
	*n = 0;
	for (p = one + 1; *p != '\0'; p++) {
		if ((d = strchr(digits, *p)) == NULL)
			return -1;
		group[*n] = (uint8_t)(d - digits);
		c = polymod(c, group[(*n)++]);
	}
	*n -= CHECK;
	return c == constant ? 0 : -1;
}
