/*
 * Secrets in lines: found wherever a miner puts them, hidden without changing
 * a length or breaking JSON, and nothing else touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/stratum.h"

#define AUTH "\"method\":\"mining.authorize\""

static const struct {
	const char *in, *want;
} cases[] = {
	/* The plain ones. */
	{ "{\"id\":2," AUTH ",\"params\":[\"w.1\",\"secret\"]}",
	    "{\"id\":2," AUTH ",\"params\":[\"w.1\",\"******\"]}" },
	{ "{\"params\": [ \"w.1\" , \"x\" ] , " AUTH ",\"id\": 2}\r",
	    "{\"params\": [ \"w.1\" , \"*\" ] , " AUTH ",\"id\": 2}\r" },
	{ "{" AUTH ",\"params\":[\"w\",\"\"]}",
	    "{" AUTH ",\"params\":[\"w\",\"\"]}" },
	{ "{" AUTH ",\"params\":[\"w\"]}", "{" AUTH ",\"params\":[\"w\"]}" },
	{ "{" AUTH ",\"params\":[]}", "{" AUTH ",\"params\":[]}" },
	{ "{" AUTH "}", "{" AUTH "}" },
	/* Quotes, escapes, commas and brackets within strings. */
	{ "{" AUTH ",\"params\":[\"w,\\\"]\",\"a\\\"b,]\\\\\"]}",
	    "{" AUTH ",\"params\":[\"w,\\\"]\",\"********\"]}" },
	{ "{" AUTH ",\"params\":[\"w\",\"p\xc3\xa4ss\"]}",
	    "{" AUTH ",\"params\":[\"w\",\"*****\"]}" },
	/* No strings, more of them, nested ones. */
	{ "{" AUTH ",\"params\":[\"w\",1234,5,true,null,-1.5e3]}",
	    "{" AUTH ",\"params\":[\"w\",\"**\",0,\"**\",null,\"****\"]}" },
	{ "{" AUTH ",\"params\":[\"w\",[\"a\",[\"bc\"]],{\"k\":\"v\",\"l\":"
	  "12}],\"id\":2}",
	    "{" AUTH ",\"params\":[\"w\",[\"*\",[\"**\"]],{\"*\":\"*\",\"*\":"
	    "\"\"}],\"id\":2}" },
	{ "{" AUTH ",\"params\":[[\"w\",\"v\"],\"pw\"]}",
	    "{" AUTH ",\"params\":[[\"w\",\"v\"],\"**\"]}" },
	{ "{" AUTH ",\"params\":{\"password\":\"pw\",\"user\":\"w\",\"x\":"
	  "[1]}}",
	    "{" AUTH ",\"params\":{\"password\":\"**\",\"user\":\"w\",\"x\":"
	    "[0]}}" },
	{ "{" AUTH ",\"params\":\"w pw\"}", "{" AUTH ",\"params\":\"****\"}" },
	/* Twice, escaped, in any case, in arrays. */
	{ "{" AUTH ",\"params\":[1,\"a\"],\"params\":[1,\"b\"]}",
	    "{" AUTH ",\"params\":[1,\"*\"],\"params\":[1,\"*\"]}" },
	{ "{\"m\\u0065thod\":\"mining\\u002Eauthorize\",\"p\\u0061rams\":"
	  "[\"w\",\"pw\"]}",
	    "{\"m\\u0065thod\":\"mining\\u002Eauthorize\",\"p\\u0061rams\":"
	    "[\"w\",\"**\"]}" },
	{ "{\"method\":\"Mining.Authorize\",\"method\":\"x\",\"params\":[1,"
	  "\"pw\"]}",
	    "{\"method\":\"Mining.Authorize\",\"method\":\"x\",\"params\":[1,"
	    "\"**\"]}" },
	{ "[{" AUTH ",\"params\":[\"w\",\"pw\"]}]",
	    "[{" AUTH ",\"params\":[\"w\",\"**\"]}]" },
	/* The other coins. */
	{ "{\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"x\","
	  "\"agent\":\"a\"}}",
	    "{\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"*\","
	    "\"agent\":\"a\"}}" },
	{ "{\"method\":\"eth_submitLogin\",\"params\":[\"w\",\"pw\"]}",
	    "{\"method\":\"eth_submitLogin\",\"params\":[\"w\",\"**\"]}" },
	/* Not one of them. */
	{ "{\"method\":\"mining.submit\",\"params\":[\"w\",\"j\"]}",
	    "{\"method\":\"mining.submit\",\"params\":[\"w\",\"j\"]}" },
	{ "{\"method\":\"client.show_message\",\"params\":[1,"
	  "\"mining.authorize failed\"]}",
	    "{\"method\":\"client.show_message\",\"params\":[1,"
	    "\"mining.authorize failed\"]}" },
	{ "{\"result\":[\"mining.authorize\",\"params\"]}",
	    "{\"result\":[\"mining.authorize\",\"params\"]}" },
	{ "", "" },
	{ "hello", "hello" },
	/* Broken off, or not quite JSON: rather more than less. */
	{ "{" AUTH ",\"params\":[\"w\",\"secr",
	    "{" AUTH ",\"params\":[\"w\",*****" },
	{ "{" AUTH ",\"params\":[\"w,\"pw\"]}\r",
	    "{" AUTH ",\"params\":[\"w,******\r" },
	{ "{'method':'mining.authorize','params':['w','pw']}",
	    "{'method':'mining.authorize','params':['w',******" },
	{ "{'params':['w','pw'],'method':'mining.authorize'}",
	    "{'params':['w',**********************************" },
	{ "mining.authorize w pw", "*********************" },
	{ "{" AUTH ",\"params\":[\"\xe4\",\"pw\"]}",
	    "{" AUTH ",\"params\":[\"\xe4\",******" },
	{ "{" AUTH ",\"params\":[\"w\",\"pw\"]}{" AUTH ",\"params\":[1,2]}",
	    "{" AUTH ",\"params\":[\"w\",******************************"
	    "********************" },
	/* HTTP. */
	{ "Authorization: Basic dTpw\r", "Authorization: Basic ****\r" },
	{ "authorization:basic   dTpw  ", "authorization:basic   ****  " },
	{ "Proxy-Authorization: Bearer abc",
	    "Proxy-Authorization: Bearer ***" },
	{ "Authorization: dTpw", "Authorization: ****" },
	{ "Authorization: Digest a=\"b\", c=\"d\"",
	    "Authorization: Digest ************" },
	{ "Authorization:", "Authorization:" },
	{ "X-Authorization: Basic dTpw", "X-Authorization: Basic dTpw" },
	{ "POST / HTTP/1.1\r\nAuthorization: Basic dTpw\r\nHost: x\r\n\r\n",
	    "POST / HTTP/1.1\r\nAuthorization: Basic ****\r\nHost: x\r\n\r\n" },
	{ "Authorization: Basic dTpw\n\n{" AUTH ",\"params\":[1,2]}",
	    "Authorization: Basic ****\n\n{" AUTH ",\"params\":[1,***" },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* In a block of exactly its size. */
static char *
exact(const char *s, size_t len)
{
	char *p = malloc(len + !len);

	assert_non_null(p);
	memcpy(p, s, len);
	return p;
}

static void
test_table(void **state)
{
	size_t i, len;
	char *s;

	for (i = 0; i < N_CASES; i++) {
		len = strlen(cases[i].in);
		assert_int_equal(len, strlen(cases[i].want));
		s = exact(cases[i].in, len);
		assert_int_equal(stratum_redact(s, len) > 0,
		    strcmp(cases[i].in, cases[i].want) != 0);
		if (memcmp(s, cases[i].want, len) != 0)
			print_message("%.*s\n", (int)len, s);
		assert_memory_equal(s, cases[i].want, len);
		if (json_valid(cases[i].in, len, 64, NULL) == 0)
			assert_int_equal(json_valid(s, len, 64, NULL), 0);
		free(s);
	}
}

/* The ranges say what is hidden, in order, and the flag announces them. */
static void
test_ranges(void **state)
{
	struct stratum_parser *p = stratum_parser_new();
	struct stratum_range r[STRATUM_RANGES_MAX];
	struct stratum_msg m;
	size_t i, k, n, len, at, changed;

	assert_non_null(p);
	for (i = 0; i < N_CASES; i++) {
		len = strlen(cases[i].in);
		n = stratum_redact_find(cases[i].in, len, r,
		    STRATUM_RANGES_MAX);
		for (k = at = 0; k < n; k++) {
			assert_true(r[k].start >= at && r[k].len > 0);
			for (; at < r[k].start; at++)
				assert_int_equal(cases[i].in[at],
				    cases[i].want[at]);
			at += r[k].len;
		}
		assert_true(at <= len);
		assert_string_equal(cases[i].in + at, cases[i].want + at);
		changed = strcmp(cases[i].in, cases[i].want) != 0;
		assert_int_equal(n > 0, changed);
		stratum_classify(p, cases[i].in, len, false, &m);
		if (changed)
			assert_true(m.flags & STRATUM_F_SENSITIVE);
	}
	stratum_parser_free(p);
}

/* Cut anywhere, a line never shows a byte of the password. */
static void
test_cut(void **state)
{
	static const char *const lines[] = {
		"{\"id\":2," AUTH ",\"params\":[\"w.1\",\"QQQQQQQQ\"]}",
		"{\"id\":2," AUTH ",\"params\":[\"w.1\",{\"Q\":[\"Q\",\"QQ\"]}"
		",\"QQ\"],\"id\":2}",
	};
	size_t i, len;
	char *s;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (len = 0; len <= strlen(lines[i]); len++) {
			s = exact(lines[i], len);
			stratum_redact(s, len);
			assert_null(memchr(s, 'Q', len));
			free(s);
		}
}

/* More secrets than ranges: the last one covers them. */
static void
test_many(void **state)
{
	static const char head[] = "{" AUTH ",\"params\":[\"w\"";
	struct stratum_range r[4];
	char s[1024];
	size_t n = sizeof(head) - 1, i, k;

	memcpy(s, head, n);
	for (i = 0; i < 100; i++, n += 4)
		memcpy(s + n, ",\"Q\"", 4);
	memcpy(s + n, "]}", 2);
	n += 2;
	assert_int_equal(stratum_redact_find(s, n, r, 4), 4);
	for (i = 0; i < n; i++) {
		for (k = 0; k < 4; k++)
			if (i >= r[k].start && i - r[k].start < r[k].len)
				break;
		assert_true(s[i] != 'Q' || k < 4);
	}
	assert_int_equal(stratum_redact(s, n), 100);
	assert_null(memchr(s, 'Q', n));
	assert_int_equal(json_valid(s, n, 64, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
