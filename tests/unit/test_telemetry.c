/*
 * Telemetry: read from anything, written with the original's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record_agent.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct jtree tree;

static const char good[] =
    "{\"schema\":\"hashscope.v1\",\"run_id\":\"r\",\"agent_id\":\"a-1\",\"ts\":"
    "\"2025-11-21T16:00:00.000000Z\",\"pool_target\":{\"host\":\"p\","
    "\"port\":3333},\"conn_state\":\"connected\",\"stopped\":true,\"stats\":{"
    "\"share_events_received_total\":10,\"submits_attempted_total\":9,"
    "\"submits_accepted_total\":8,\"submits_rejected_total\":1,"
    "\"last_submit_latency_ms\":1.5,\"submits_per_second_1min\":0.25,"
    "\"submits_per_second_10sec\":0.5,\"latency_p50_ms\":null,"
    "\"latency_p90_ms\":null,\"latency_p99_ms\":null,"
    "\"verdict_mismatches_total\":0},\"errors\":[\"x\"]}";

static int
parse(const char *text, struct agent_rec *a)
{
	return telemetry_parse(&tree, text, strlen(text), "r", a);
}

static void
test_round(void **state)
{
	struct agent_rec a, b;
	struct json_out o;
	struct mbuf m;
	struct mcur c;

	assert_int_equal(parse(good, &a), 0);
	assert_int_equal(a.received, 10);
	assert_int_equal(a.state, AGENT_CONNECTED);
	assert_true(a.last_latency_ms > 1.4 && a.p50_ms < 0);
	a.created_us = INT64_C(1763740800000000);
	json_init(&o, 4096);
	telemetry_write(&o, &a);
	assert_string_equal(json_finish(&o, NULL), good);
	json_reset(&o);
	a.received_us = a.created_us;
	object_agent(&o, &a);
	assert_string_equal(json_finish(&o, NULL),
	    "{\"agent_id\":\"a-1\",\"last_seen\":"
	    "\"2025-11-21T16:00:00.000000Z\",\"conn_state\":\"connected\","
	    "\"stopped\":true,\"stats\":{\"share_events_received_total\":10,"
	    "\"submits_attempted_total\":9,\"submits_accepted_total\":8,"
	    "\"submits_rejected_total\":1,\"last_submit_latency_ms\":1.5,"
	    "\"submits_per_second_1min\":0.25,\"submits_per_second_10sec\":0.5,"
	    "\"latency_p50_ms\":null,\"latency_p90_ms\":null,"
	    "\"latency_p99_ms\":null,\"verdict_mismatches_total\":0},"
	    "\"pool_target\":{\"host\":\"p\",\"port\":3333},\"pubkey\":"
	    "\"000000000000000000000000000000000000000000000000000000000000000"
	    "0\",\"verified\":false}");
	json_clear(&o);
	mbuf_init(&m);
	agent_put(&m, &a);
	for (size_t i = 0; i <= m.len; i++) {
		memset(&b, 0, sizeof(b));
		mcur_init(&c, m.data, i);
		agent_get(&c, &b);
		assert_int_equal(msg_end(&c), i == m.len ? 0 : -1);
	}
	assert_string_equal(b.errors, "[\"x\"]");
	assert_int_equal(b.accepted, 8);
	assert_true(b.stopped);
	mbuf_free(&m);
}

static void
test_refused(void **state)
{
	static const char *const v[][2] = { { "hashscope.v1", "hashscope.v9" },
		{ "\"r\"", "\"q\"" }, { "\"a-1\"", "\"\"" }, { "\"a-1\"", "5" },
		{ "\"a-1\"", "\"\\n\"" }, { "\"a-1\"", "\"\\u0000\"" },
		{ "\"a-1\"",
		    "\"00000000001111111111222222222233333333334444444444555"
		    "5555555666666\"" },
		{ "\"p\"", "\"\"" }, { "3333", "99999" }, { "3333", "-1" },
		{ "\"connected\"", "\"fine\"" }, { "\"connected\"", "1" },
		{ ":10,", ":-10," }, { ":10,", ":1e400," }, { ":10,", ":1.5," },
		{ ":10,", ":99999999999999999," }, { ":1.5,", ":-1.5," },
		{ ":1.5,", ":1e300," }, { ":1.5,", ":\"1\"," },
		{ "[\"x\"]", "{}" }, { "\"stats\":{", "\"stats\":[{" } };
	static const char *const fine[][2] = { { ":1.5,", ":null," },
		{ "[\"x\"]", "[]" }, { "[\"x\"]", "null" },
		{ "\"errors\"", "\"more\"" }, { "\"connected\"", "\"error\"" },
		{ "\"verdict_mismatches_total\":0", "\"other\":{}" } };
	struct agent_rec a;
	char text[2000];

	for (size_t i = 0; i < N(v) + N(fine); i++) {
		const char *const *p = i < N(v) ? v[i] : fine[i - N(v)];
		const char *at = strstr(good, p[0]);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good,
		    p[1], at + strlen(p[0]));
		if ((parse(text, &a) == 0) != (i >= N(v)))
			fail_msg("wrong: %s", text);
	}
}

static void
test_relay(void **state)
{
	struct nostr_relay_rec r = { .url = "wss://x",
		.state = "connected",
		.since_us = 1,
		.sent = 3,
		.rate = 0.5,
		.subscribed = true };
	struct nostr_relay_rec b;
	struct json_out o;
	struct mbuf m;
	struct mcur c;

	mbuf_init(&m);
	nostr_relay_put(&m, &r);
	mcur_init(&c, m.data, m.len);
	memset(&b, 0, sizeof(b));
	nostr_relay_get(&c, &b);
	assert_int_equal(msg_end(&c), 0);
	json_init(&o, 4096);
	object_nostr_relay(&o, &b);
	assert_string_equal(json_finish(&o, NULL),
	    "{\"url\":\"wss://x\",\"state\":\"connected\",\"reason\":null,"
	    "\"since\":\"1970-01-01T00:00:00.000001Z\",\"subscribed\":true,"
	    "\"connects\":0,\"sent\":3,\"accepted\":0,\"refused\":0,\"lost\":0,"
	    "\"rate_limited\":0,\"pending\":0,\"telemetry\":0,\"rate\":0.5,"
	    "\"pow_bits\":0,\"limits\":null}");
	json_clear(&o);
	mbuf_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
