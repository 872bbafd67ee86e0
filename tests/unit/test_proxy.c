/*
 * PROXY headers: each form, each cut, each way of being wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/relay.h"

#define V2SIG    "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(s) (s), sizeof(s) - 1

static const struct {
	const char *bytes;
	size_t len;
	int want;
	size_t header;      /* its length, when want is 1 */
	const char *source; /* NULL: none is named */
} cases[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 5000 3333\r\n"), 1, 42,
	    "192.0.2.1:5000" },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 5000 3333\r\n{\"id\""), 1, 42,
	    "192.0.2.1:5000" },
	{ BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n"), 1, 44,
	    "[2001:db8::1]:65535" },
	{ BYTES("PROXY UNKNOWN\r\n"), 1, 15, NULL },
	{ BYTES("PROXY UNKNOWN ff ff 1 2\r\n"), 1, 25, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 5000 70000\r\n"), -2, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 5000\r\n"), -2, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 5000 1 2\r\n"), -2, 0, NULL },
	{ BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), -2, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"), -2, 0, NULL },
	{ BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), -2, 0, NULL },
	{ BYTES("PROXY UNKNOWN\n"), -2, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), -2, 0, NULL },
	{ BYTES("{\"id\":1,\"method\":\"mining.subscribe\"}\n"), -1, 0, NULL },
	{ BYTES("PROXx"), -1, 0, NULL },
	{ BYTES(V2SIG "\x21\x11\x00\x0c"
		      "\xc0\x00\x02\x01\xc0\x00\x02\x02\x13\x88\x0d\x05"),
	    1, 28, "192.0.2.1:5000" },
	{ BYTES(V2SIG "\x21\x11\x00\x0f"
		      "\xc0\x00\x02\x01\xc0\x00\x02\x02\x13\x88\x0d\x05"
		      "\x04\x00\x00{\""),
	    1, 31, "192.0.2.1:5000" },
	{ BYTES(V2SIG "\x21\x21\x00\x24"
		      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x13\x88\x0d"
		      "\x05"),
	    1, 52, "[2001:db8::1]:5000" },
	{ BYTES(V2SIG "\x20\x00\x00\x00"), 1, 16, NULL },
	{ BYTES(V2SIG "\x21\x00\x00\x00"), 1, 16, NULL },
	{ BYTES(V2SIG "\x21\x11\x00\x04\xc0\x00\x02\x01"), -2, 0, NULL },
	{ BYTES(V2SIG "\x21\x21\x00\x0c"
		      "\xc0\x00\x02\x01\xc0\x00\x02\x02\x13\x88\x0d\x05"),
	    -2, 0, NULL },
	{ BYTES(V2SIG "\x11\x11\x00\x00"), -2, 0, NULL },
	{ BYTES(V2SIG "\x22\x11\x00\x00"), -2, 0, NULL },
	{ BYTES(V2SIG "\x21\x11\xff\xff"), -2, 0, NULL },
};

static void
check(size_t i, size_t n, int want)
{
	struct proxy_header h;
	char text[64] = "";

	assert_int_equal(proxy_parse((const uint8_t *)cases[i].bytes, n, &h),
	    want);
	if (want != 1)
		return;
	assert_int_equal(h.len, cases[i].header);
	assert_int_equal(h.has_source, cases[i].source != NULL);
	if (cases[i].source == NULL)
		return;
	address_text(&h.source, text, sizeof(text));
	assert_string_equal(text, cases[i].source);
}

static void
whole(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(i, cases[i].len, cases[i].want);
}

/* Until the header is complete, every beginning of one asks for more. */
static void
cut(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].want != 1)
			continue;
		for (size_t n = 0; n < cases[i].header; n++)
			check(i, n, 0);
		for (size_t n = cases[i].header; n <= cases[i].len; n++)
			check(i, n, 1);
	}
}

/* A first line that does not end is refused, not collected for ever. */
static void
endless(void **state)
{
	uint8_t line[PROXY_MAX];
	struct proxy_header h;

	memset(line, ' ', sizeof(line));
	memcpy(line, "PROXY TCP4", 10);
	assert_int_equal(proxy_parse(line, 106, &h), 0);
	assert_int_equal(proxy_parse(line, 107, &h), -2);
	assert_int_equal(proxy_parse(line, sizeof(line), &h), -2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(cut),
		cmocka_unit_test(endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
