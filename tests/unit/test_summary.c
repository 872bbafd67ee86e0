/*
 * Messages in one short line, and explanations as one text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/explain.h"
#include "common/summary.h"
#include "common/utf8.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void
summary_is(uint32_t flags, const char *method, const char *raw,
    const char *want)
{
	struct message_rec m = { .flags = flags,
		.raw = (const uint8_t *)raw,
		.raw_len = (uint32_t)strlen(raw),
		.protocol = "stratum" };
	char buf[SUMMARY_MAX];

	snprintf(m.method, sizeof(m.method), "%s", method);
	message_summary(&m, buf, sizeof(buf));
	assert_string_equal(buf, want);
}

static void
test_summaries(void **state)
{
	static const struct {
		uint32_t flags;
		const char *method, *raw, *want;
	} tab[] = {
		{ MF_REQUEST, "mining.submit",
		    "{\"params\":[\"rig.1\",\"6b01\",\"00\",\"1\",\"2\"]}",
		    "share for job 6b01 by rig.1" },
		{ MF_REQUEST, "mining.submit", "{\"params\":7}", "share" },
		{ MF_NOTIFICATION, "mining.notify",
		    "{\"params\":[\"j1\",0,0,0,0,0,0,0,true]}",
		    "new job j1, earlier ones are stale" },
		{ MF_NOTIFICATION, "mining.notify", "{\"params\":[17]}",
		    "new job 17" },
		{ MF_NOTIFICATION, "mining.set_difficulty",
		    "{\"params\":[0.001]}", "difficulty 0.001" },
		{ MF_REQUEST, "mining.subscribe", "{\"params\":[\"cg/4\"]}",
		    "subscribes, cg/4" },
		{ MF_REQUEST, "mining.subscribe", "{\"params\":[]}",
		    "subscribes" },
		{ MF_REQUEST, "mining.authorize",
		    "{\"params\":[\"a.b\",\"secret\"]}", "logs in as a.b" },
		{ MF_NOTIFICATION, "client.reconnect",
		    "{\"params\":[\"x.org\",3333,0]}",
		    "told to reconnect to x.org:3333" },
		{ MF_REQUEST, "mining.unheard", "{}", "mining.unheard" },
		{ MF_RESPONSE, "mining.submit", "{\"result\":true}",
		    "share accepted" },
		{ MF_RESPONSE | MF_ERROR, "mining.submit",
		    "{\"result\":null,\"error\":[23,\"Low\",null]}",
		    "share rejected: Low" },
		{ MF_RESPONSE, "mining.subscribe", "{\"result\":[]}",
		    "answer to mining.subscribe" },
		{ MF_RESPONSE | MF_ERROR, "mining.authorize",
		    "{\"result\":false,\"error\":[24,\"\",null]}",
		    "no to mining.authorize: code 24" },
		{ MF_RESPONSE, "", "{\"result\":1}", "answer" },
		{ MF_PARSE_ERROR, "", "GET / HTTP", "not JSON" },
		{ MF_REQUEST, "mining.subscribe",
		    "{\"params\":[\"a\\u0007\\n\\u001b[31m\"]}",
		    "subscribes, a   [31m" },
	};
	size_t i;

	for (i = 0; i < LEN(tab); i++)
		summary_is(tab[i].flags, tab[i].method, tab[i].raw,
		    tab[i].want);
}

/* However long and odd, it is a short line of UTF-8. */
static void
test_long(void **state)
{
	struct message_rec m = { .flags = MF_REQUEST,
		.method = "mining.submit" };
	char raw[4096] = "{\"params\":[\"", buf[SUMMARY_MAX];
	size_t size;

	for (unsigned i = 0; i < 100; i++)
		strcat(raw, "\xe2\x82\xac");
	strcat(raw, "\",\"\xff\xfe\xe2\"]}");
	m.raw = (const uint8_t *)raw;
	m.raw_len = (uint32_t)strlen(raw);
	for (size = 1; size <= sizeof(buf); size++) {
		memset(buf, 'z', sizeof(buf));
		message_summary(&m, buf, size);
		assert_true(strlen(buf) < size);
		assert_true(utf8_valid(buf, strlen(buf)));
	}
	m.raw = NULL;
	m.raw_len = 0;
	message_summary(&m, buf, sizeof(buf));
	assert_string_equal(buf, "share");
}

static void
test_words(void **state)
{
	static const char *const more[] = { "first", "second \xe2\x82\xac" };
	static const char line[] =
	    "{\"id\":null,\"method\":\"mining.set_difficulty\","
	    "\"params\":[8]}";
	struct stratum_parser *p = stratum_parser_new();
	struct explain *e = explain_new();
	struct jtree *t = malloc(sizeof(*t));
	struct stratum_msg msg;
	struct explain_input in = { .msg = &msg,
		.tree = t,
		.to_miner = true,
		.more = more,
		.n_more = 2 };
	char buf[512];
	size_t whole, cap;

	assert_true(p != NULL && e != NULL && t != NULL);
	stratum_classify(p, line, sizeof(line) - 1, false, &msg);
	assert_int_equal(jtree_parse(t, line, sizeof(line) - 1), 0);
	explain_message(e, &in);
	whole = explain_words(e, buf, sizeof(buf));
	assert_int_equal(whole, strlen(buf));
	assert_non_null(strstr(buf, " Note: first; second \xe2\x82\xac."));
	for (cap = 1; cap <= whole; cap++) {
		assert_int_equal(explain_words(e, buf, cap), whole);
		assert_true(strlen(buf) < cap);
		assert_true(utf8_valid(buf, strlen(buf)));
	}
	in.n_more = 0;
	explain_message(e, &in);
	explain_words(e, buf, sizeof(buf));
	assert_null(strstr(buf, "Note"));
	free(t);
	explain_free(e);
	stratum_parser_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summaries),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
