/*
 * Does a message contain these bytes?  ASCII letters match in either case;
 * LIKE would not look into a blob at all.
 */
#include <stdint.h>
#include <string.h>

#include "captured/select.h"

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

void
text_fold(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)fold((uint8_t)*s);
}

static bool
same(const uint8_t *p, const uint8_t *needle, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (fold(p[i]) != needle[i])
			return false;
	return true;
}

/*
 * memchr looks for the needle's rarest-looking byte, both of its cases in
 * turn: anything but a letter or a digit is rarer in JSON of hex strings, so
 * the last byte is as good a guess as any and needs no table.
 */
static bool
within_byte(const uint8_t *hay, size_t len, const uint8_t *needle, size_t n,
    uint8_t last)
{
	const uint8_t *p = hay + n - 1, *end = hay + len;

	while (p < end) {
		p = memchr(p, last, (size_t)(end - p));
		if (p == NULL)
			return false;
		if (same(p - (n - 1), needle, n - 1))
			return true;
		p++;
	}
	return false;
}

bool
text_within(const void *hay, size_t len, const char *needle)
{
	size_t n = strlen(needle);
	const uint8_t *s = (const uint8_t *)needle;
	uint8_t last;

	if (n == 0)
		return true;
	if (n > len)
		return false;
	last = s[n - 1];
	if (within_byte(hay, len, s, n, last))
		return true;
	return last >= 'a' && last <= 'z' &&
	    within_byte(hay, len, s, n, (uint8_t)(last - 32));
}
