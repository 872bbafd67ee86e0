/*
 * Hex digits to bytes and back.
 */
#include "common/hex.h"

/* Digits by their character, plus one, so that 0 is none. */
static const uint8_t values[256] = { ['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16 };

static const char digits[] = "0123456789abcdef";

int
hex_digit(char c)
{
	return values[(unsigned char)c] - 1;
}

int
hex_bytes(const char *s, size_t len, uint8_t *out)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned hi, lo;
	size_t i;

	if (len % 2 != 0)
		return -1;
	for (i = 0; i < len; i += 2) {
		hi = values[p[i]];
		lo = values[p[i + 1]];
		if (hi == 0 || lo == 0)
			return -1;
		*out++ = (uint8_t)((hi - 1) << 4 | (lo - 1));
	}
	return 0;
}

int
hex_u32(const char *s, size_t len, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;
	int d;

	if (len == 0 || len > 8)
		return -1;
	for (i = 0; i < len; i++) {
		if ((d = hex_digit(s[i])) == -1)
			return -1;
		v = v << 4 | (uint32_t)d;
	}
	*out = v;
	return 0;
}

void
hex_text(const uint8_t *p, size_t n, char *out)
{
	for (; n > 0; n--, p++) {
		*out++ = digits[*p >> 4];
		*out++ = digits[*p & 15];
	}
	*out = '\0';
}

void
hex_text_reversed(const uint8_t *p, size_t n, char *out)
{
	while (n-- > 0) {
		*out++ = digits[p[n] >> 4];
		*out++ = digits[p[n] & 15];
	}
	*out = '\0';
}
