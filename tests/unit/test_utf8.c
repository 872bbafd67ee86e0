/*
 * UTF-8: a table of what is valid and where it stops being so, and every
 * code point and every two-byte sequence against the definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/utf8.h"

#define S(text) text, sizeof(text) - 1

static const struct {
	const char *s;
	size_t len;
	size_t valid; /* bytes that are */
	const char *copy;
} cases[] = {
	{ S(""), 0, "" },
	{ S("plain ascii, more than eight bytes"), 34,
	    "plain ascii, more than eight bytes" },
	{ S("a\0b"), 3,
	    "a\xef\xbf\xbd"
	    "b" },
	{ S("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 9,
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ S("\xef\xbf\xbf\xf4\x8f\xbf\xbf"), 7,
	    "\xef\xbf\xbf\xf4\x8f\xbf\xbf" },
	/* Overlong. */
	{ S("\xc0\x80"), 0, "\xef\xbf\xbd\xef\xbf\xbd" },
	{ S("x\xc1\xbf"), 1, "x\xef\xbf\xbd\xef\xbf\xbd" },
	{ S("\xe0\x9f\xbf"), 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ S("\xf0\x8f\xbf\xbf"), 0,
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	/* Surrogates, and above U+10FFFF. */
	{ S("ab\xed\xa0\x80"), 2, "ab\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ S("\xf4\x90\x80\x80"), 0,
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ S("\xf5"), 0, "\xef\xbf\xbd" },
	{ S("\xff\xfe"), 0, "\xef\xbf\xbd\xef\xbf\xbd" },
	/* Cut off, alone, interrupted: one mark for the longest beginning. */
	{ S("12345678\xe2\x82"), 8, "12345678\xef\xbf\xbd" },
	{ S("\xf0\x9f\x98"), 0, "\xef\xbf\xbd" },
	{ S("\x80z"), 0, "\xef\xbf\xbdz" },
	{ S("\xe2\x82z"), 0, "\xef\xbf\xbdz" },
	{ S("1234567890\xc3(45678901"), 10, "1234567890\xef\xbf\xbd(45678901" },
};

static void
test_table(void **state)
{
	char out[128];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(utf8_prefix(cases[i].s, cases[i].len),
		    cases[i].valid);
		assert_int_equal(utf8_valid(cases[i].s, cases[i].len),
		    cases[i].valid == cases[i].len);
		n = utf8_copy(out, sizeof(out), cases[i].s, cases[i].len);
		assert_int_equal(n, strlen(cases[i].copy));
		assert_string_equal(out, cases[i].copy);
	}
}

static size_t
encode(uint32_t c, unsigned char *s)
{
	if (c < 0x80) {
		s[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		s[0] = (unsigned char)(0xc0 | c >> 6);
		s[1] = (unsigned char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		s[0] = (unsigned char)(0xe0 | c >> 12);
		s[1] = (unsigned char)(0x80 | (c >> 6 & 63));
		s[2] = (unsigned char)(0x80 | (c & 63));
		return 3;
	}
	s[0] = (unsigned char)(0xf0 | c >> 18);
	s[1] = (unsigned char)(0x80 | (c >> 12 & 63));
	s[2] = (unsigned char)(0x80 | (c >> 6 & 63));
	s[3] = (unsigned char)(0x80 | (c & 63));
	return 4;
}

/* All that four bytes can encode, at each place in a word of eight. */
static void
test_code_points(void **state)
{
	unsigned char s[16], *at;
	size_t n, k;
	uint32_t c;
	bool valid;

	memset(s, 'x', sizeof(s));
	for (c = 0; c < 0x200000; c++) {
		at = s + c % 9;
		n = encode(c, at);
		valid = c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
		assert_int_equal(utf8_valid(s, sizeof(s)), valid);
		for (k = 1; valid && k < n; k++)
			assert_int_equal(utf8_prefix(at, k), 0);
		memset(at, 'x', n);
	}
}

/* Of two bytes exactly c2..df with 80..bf are a character. */
static void
test_pairs(void **state)
{
	unsigned char s[2];
	unsigned int a, b;

	for (a = 0x80; a < 0x100; a++)
		for (b = 0; b < 0x100; b++) {
			s[0] = (unsigned char)a;
			s[1] = (unsigned char)b;
			assert_int_equal(utf8_valid(s, 2),
			    a >= 0xc2 && a <= 0xdf && (b & 0xc0) == 0x80);
		}
}

/* A copy never ends within a character and never beyond its room. */
static void
test_copy_room(void **state)
{
	static const char s[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const size_t want[] = { 0, 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11,
		11 };
	char *out;
	size_t cap;

	for (cap = 1; cap < sizeof(want) / sizeof(want[0]); cap++) {
		out = malloc(cap);
		assert_non_null(out);
		assert_int_equal(utf8_copy(out, cap, s, sizeof(s) - 1),
		    want[cap]);
		assert_int_equal(strlen(out), want[cap]);
		assert_memory_equal(out, s, want[cap]);
		free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_code_points),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_copy_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
