/*
 * What is named by its first bytes, at every split: each beginning of each
 * sample must say "more" or the same as the whole, and never change its mind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/stratum.h"

#define S(text) text, sizeof(text) - 1

#define ALL     SIZE_MAX /* the whole line */

/* 64 bytes as a Noise key has them. */
#define NOISE                                                          \
	"\x8f\x1d\xa2\x07\xe9\x5c\x33\xfa\x90\x4b\xd1\x6e\x22\xbc\x85" \
	"\x19\xc7\x58\x03\xee\x71\xad\x9a\x4f\xf6\x2b\x60\x95\xd8\x0c" \
	"\xb3\x37\x81\xea\x14\xcf\x5d\x99\x26\x7b\xf0\xa8\x43\xde\x68" \
	"\x01\xbf\x92\x3e\xc5\x7a\x10\xe4\x57\x8c\xfd\x2a\x9f\x65\xb0" \
	"\xd3\x48\x1e\xab"

static const struct {
	const char *s;
	size_t len;
	enum stratum_protocol whole; /* when nothing more comes */
	size_t known_at;             /* bytes needed without that; 0: never */
} cases[] = {
	{ S("\x16\x03\x01\x00\x05\x02hello"), STRATUM_P_TLS, 6 },
	{ S("\x16\x03"), STRATUM_P_BINARY, 0 },
	{ S("\x16\x03\x05zz"), STRATUM_P_BINARY, 0 },
	{ S("GET / HTTP/1.1\r\n\r\n"), STRATUM_P_HTTP, 4 },
	{ S("POST / HTTP/1.1\r\n"), STRATUM_P_HTTP, 5 },
	{ S("HTTP/1.1 200 OK\r\n"), STRATUM_P_HTTP, 7 },
	{ S("OPTIONS * HTTP/1.1\r\n"), STRATUM_P_HTTP, 8 },
	{ S("POS"), STRATUM_P_TEXT, 0 },
	{ S("GETWORK\n"), STRATUM_P_TEXT, 8 },
	{ S("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), STRATUM_P_PROXY_V1, 6 },
	{ S("\r\n\r\n\0\r\nQUIT\n\x21\x11"), STRATUM_P_PROXY_V2, 12 },
	{ S("\r\n\r\n{\"id\":1,\"method\":\"mining.subscribe\"}\n"),
	    STRATUM_P_STRATUM, ALL },
	{ S(NOISE), STRATUM_P_SV2, 64 },
	{ S(NOISE "more"), STRATUM_P_SV2, 64 },
	{ S("\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0"),
	    STRATUM_P_BINARY, 64 },
	{ S("\x01\x02\x03"), STRATUM_P_BINARY, 0 },
	{ S("{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n"),
	    STRATUM_P_STRATUM, ALL },
	{ S("{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"),
	    STRATUM_P_STRATUM, 0 },
	{ S("{\"method\":\"login\",\"params\":{\"login\":\"x\"}}\n"),
	    STRATUM_P_CRYPTONOTE, ALL },
	{ S("{\"params\":{\"login\":\"x\"},\"method\" : \"login\"}\r\n"),
	    STRATUM_P_CRYPTONOTE, ALL },
	{ S("{\"params\":[\"login\"],\"method\":\"mining.submit\"}\n"),
	    STRATUM_P_STRATUM, ALL },
	{ S("{\"id\":1,\"method\":\"eth_submitLogin\",\"params\":[]}\n"),
	    STRATUM_P_ETHEREUM, ALL },
	{ S("{\"id\":1,\"method\":\"eth_getWork\"}\n"), STRATUM_P_ETHEREUM,
	    32 },
	{ S("{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"m\","
	    "\"EthereumStratum/1.0.0\"]}\n"),
	    STRATUM_P_ETHEREUM, ALL },
	{ S("{\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"\xe4\"]"
	    "}\n"),
	    STRATUM_P_STRATUM, ALL },
	{ S("hello\nworld\n"), STRATUM_P_TEXT, 6 },
	{ S("\xff\xfe hello\n"), STRATUM_P_BINARY, 0 },
	{ S(""), STRATUM_P_TEXT, 0 },
	{ S("\n\n"), STRATUM_P_TEXT, 0 },
};

static enum stratum_protocol
name(const char *s, size_t len, bool final, struct stratum_foreign *f)
{
	char *exact = malloc(len + !len);

	assert_non_null(exact);
	memcpy(exact, s, len);
	stratum_foreign(exact, len, final, f);
	free(exact);
	assert_string_equal(f->name, stratum_protocol_name(f->protocol));
	assert_string_equal(f->hint, stratum_protocol_hint(f->protocol));
	return f->protocol;
}

static void
test_table(void **state)
{
	struct stratum_foreign f;
	size_t i, n, at;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = cases[i].len;
		assert_int_equal(name(cases[i].s, n, true, &f), cases[i].whole);
		at = cases[i].known_at != 0 ? cases[i].known_at : n + 1;
		at = at == ALL ? n : at;
		for (n = 0; n <= cases[i].len; n++) {
			if (name(cases[i].s, n, false, &f) !=
			    (n < at ? STRATUM_P_MORE : cases[i].whole))
				print_message("%s: %zu\n", cases[i].s, n);
			assert_int_equal(f.protocol,
			    n < at ? STRATUM_P_MORE : cases[i].whole);
			assert_int_not_equal(name(cases[i].s, n, true, &f),
			    STRATUM_P_MORE);
		}
	}
}

/* Each protocol that can be answered has a name and a hint. */
static void
test_names(void **state)
{
	int p;

	for (p = STRATUM_P_MORE; p < STRATUM_P_COUNT; p++) {
		assert_true(stratum_protocol_name(p)[0] != '\0');
		assert_true(stratum_protocol_hint(p)[0] != '\0');
	}
	assert_string_equal(stratum_protocol_name(STRATUM_P_COUNT), "");
}

static size_t
put(char *s, size_t n, const char *bytes, size_t len)
{
	memcpy(s + n, bytes, len);
	return n + len;
}

/* A ClientHello with padding before, and maybe a server name. */
static size_t
client_hello(char *s, size_t padding, const char *host)
{
	size_t n = 0, len = host != NULL ? strlen(host) : 0;
	size_t exts = 4 + padding + (host != NULL ? 9 + len : 0);
	size_t body = 2 + 32 + 1 + 32 + 2 + 4 + 1 + 1 + 2 + exts;

	n = put(s, n, S("\x16\x03\x01"));
	s[n++] = (char)((body + 4) >> 8);
	s[n++] = (char)(body + 4);
	n = put(s, n, S("\x01\0"));
	s[n++] = (char)(body >> 8);
	s[n++] = (char)body;
	n = put(s, n, S("\x03\x03"));
	memset(s + n, 'R', 32);
	n += 32;
	s[n++] = 32;
	memset(s + n, 'S', 32);
	n += 32;
	n = put(s, n, S("\0\x04\x13\x01\x13\x02\x01\0"));
	s[n++] = (char)(exts >> 8);
	s[n++] = (char)exts;
	n = put(s, n, S("\0\x15")); /* padding */
	s[n++] = (char)(padding >> 8);
	s[n++] = (char)padding;
	memset(s + n, 0, padding);
	n += padding;
	if (host == NULL)
		return n;
	n = put(s, n, S("\0\0\0"));
	s[n++] = (char)(len + 5);
	s[n++] = 0;
	s[n++] = (char)(len + 3);
	n = put(s, n, S("\0\0"));
	s[n++] = (char)len;
	return put(s, n, host, len);
}

static void
check_hello(size_t padding, const char *host, const char *want)
{
	static char s[20000];
	struct stratum_foreign f;
	size_t len = client_hello(s, padding, host), n;
	size_t all = len < STRATUM_FIRST_MAX ? len : STRATUM_FIRST_MAX;

	for (n = 0; n < all; n++) {
		assert_int_equal(name(s, n, false, &f), STRATUM_P_MORE);
		assert_string_equal(f.detail, "");
		if (n >= 3)
			assert_int_equal(name(s, n, true, &f), STRATUM_P_TLS);
	}
	for (; n < len + 10; n++) {
		assert_int_equal(name(s, n, false, &f), STRATUM_P_TLS);
		assert_string_equal(f.detail, want);
	}
}

static void
test_server_name(void **state)
{
	check_hello(0, "pool.example", "pool.example");
	check_hello(600, "pool.example", "pool.example");
	check_hello(0, NULL, "");
	check_hello(16, "", "");
	check_hello(0, "p\x1b\n\\", "p\\x1b\\x0a\\\\");
	/* Too far behind. */
	check_hello(5000, "pool.example", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_server_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
