/*
 * Strict UTF-8.  Nearly all that passes here is ASCII, so that goes eight
 * bytes at a time and everything else by the table of RFC 3629, section 4.
 */
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* How many of the first bytes are ASCII. */
static size_t
ascii_prefix(const unsigned char *s, size_t len)
{
	uint64_t word;
	size_t i = 0;

	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, s + i, sizeof(word));
		if (word & HIGH_BITS)
			break;
	}
	while (i < len && s[i] < 0x80)
		i++;
	return i;
}

/*
 * The continuation bytes that a first byte asks for, and the bounds of the
 * first of them: that is where overlong forms, surrogates and what lies above
 * U+10FFFF are told from the rest.  0: no first byte.
 */
static unsigned int
sequence(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef)
		return 2;
	if (c >= 0xf0 && c <= 0xf4)
		return 3;
	return 0;
}

size_t
utf8_step(const unsigned char *s, size_t len, bool *ok)
{
	unsigned char low, high;
	unsigned int want, i;

	*ok = s[0] < 0x80;
	if (*ok || (want = sequence(s[0], &low, &high)) == 0)
		return 1;
	for (i = 1; i <= want; i++) {
		if (i == len || s[i] < low || s[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*ok = true;
	return i;
}

size_t
utf8_prefix(const void *text, size_t len)
{
	const unsigned char *s = text;
	size_t i = 0, n;
	bool ok;

	for (;;) {
		i += ascii_prefix(s + i, len - i);
		if (i == len)
			return len;
		n = utf8_step(s + i, len - i, &ok);
		if (!ok)
			return i;
		i += n;
	}
}

size_t
utf8_copy(char *dst, size_t cap, const void *src, size_t len)
{
	static const char bad[] = "\xef\xbf\xbd";
	const unsigned char *s = src;
	size_t i = 0, out = 0, n, w;
	const void *from;
	bool ok;

	while (i < len) {
		n = utf8_step(s + i, len - i, &ok);
		if (s[i] == '\0')
			ok = false;
		from = ok ? (const void *)(s + i) : bad;
		w = ok ? n : sizeof(bad) - 1;
		if (w >= cap - out)
			break;
		memcpy(dst + out, from, w);
		out += w;
		i += n;
	}
	dst[out] = '\0';
	return out;
}
