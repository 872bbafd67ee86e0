/*
 * Records as JSON: the fields of the contract, and valid JSON whatever the
 * record holds.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/object.h"
#include "common/object_alert.h"

#define MAX_TEXT (1u << 20)

/* The text, checked to be JSON; the caller's writer holds it. */
static const char *
finish(struct json_out *o)
{
	const char *text;
	size_t len;

	text = json_finish(o, &len);
	assert_non_null(text);
	assert_int_equal(json_valid(text, len, 64, NULL), 0);
	assert_int_equal(strlen(text), len);
	return text;
}

static void
has(const char *text, const char *want)
{
	if (strstr(text, want) == NULL)
		fail_msg("no %s in %s", want, text);
}

static void
has_keys(const char *text, const char *const *keys)
{
	char quoted[80];

	for (; *keys != NULL; keys++) {
		snprintf(quoted, sizeof(quoted), "\"%s\":", *keys);
		has(text, quoted);
	}
}

static void
message_is(const struct message_rec *m, const char *const *wants)
{
	struct json_out o;
	const char *text;

	json_init(&o, MAX_TEXT);
	object_message(&o, m);
	text = finish(&o);
	for (; *wants != NULL; wants++)
		has(text, *wants);
	json_clear(&o);
}

#define RAW(m, s)                         \
	((m)->raw = (const uint8_t *)(s), \
	    (m)->raw_len = (uint32_t)(sizeof(s) - 1))

static void
test_message(void **state)
{
	static const char *const keys[] = { "id", "ts_recv", "ts_fwd",
		"direction", "session_id", "peer", "raw", "raw_encoding",
		"redacted", "decoded", "parse_error", "size_bytes", "method",
		"jsonrpc_id", "is_request", "is_response", "paired_message_id",
		"response", "response_ts_recv", "response_raw", "latency_ms",
		"explanation", "summary", "share_id", "replay_of", "truncated",
		"protocol", "after_gap", NULL };
	static const char resp[] = "{\"id\":4,\"result\":true}";
	struct message_rec m = { .pos = 1ULL << 60,
		.dir = DIR_MINER_TO_POOL,
		.flags = MF_REQUEST | MF_JSON,
		.size = 34,
		.ts_recv_us = 1795262400123456,
		.pair = 77,
		.latency_us = 1500,
		.peer = "192.0.2.1:5000",
		.method = "mining.submit",
		.jsonrpc_id = "\"4\"",
		.protocol = "stratum",
		.resp_ts_us = 1795262400000001,
		.resp_raw = (const uint8_t *)resp,
		.resp_len = sizeof(resp) - 1 };
	struct json_out o;

	RAW(&m, "{\"id\":\"4\",\"method\":\"mining.submit\"}");
	json_init(&o, MAX_TEXT);
	object_message(&o, &m);
	has_keys(finish(&o), keys);
	json_clear(&o);
	message_is(&m,
	    (const char *const[]){ "\"id\":\"1152921504606846976\"",
		"\"ts_recv\":\"2026-11-21T12:00:00.123456Z\"",
		"\"ts_fwd\":null", "\"direction\":\"miner_to_pool\"",
		"\"raw\":\"{\\\"id\\\":", "\"raw_encoding\":\"utf8\"",
		"\"decoded\":{\"id\":\"4\",", "\"jsonrpc_id\":\"4\"",
		"\"is_request\":true", "\"is_response\":false",
		"\"paired_message_id\":\"77\"", "\"latency_ms\":1.5",
		"\"response\":{\"id\":4,\"result\":true}",
		"\"response_ts_recv\":\"2026-11-21T12:00:00.000001Z\"",
		"\"response_raw\":\"{\\\"id\\\":4", "\"parse_error\":null",
		"\"explanation\":null", "\"share_id\":null",
		"\"summary\":\"share\"", NULL });
	m.share = m.pos;
	m.explanation = (const uint8_t *)"{\"title\":\"t\"}";
	m.explanation_len = 13;
	message_is(&m,
	    (const char *const[]){ "\"explanation\":{\"title\":\"t\"}",
		"\"share_id\":\"1152921504606846976\"", NULL });
}

static void
test_message_bare(void **state)
{
	struct message_rec m = { .pos = 1, .latency_us = -1 };

	RAW(&m, "");
	message_is(&m,
	    (const char *const[]){ "\"method\":null", "\"jsonrpc_id\":null",
		"\"paired_message_id\":null", "\"latency_ms\":null",
		"\"response\":null", "\"response_raw\":null",
		"\"decoded\":null", "\"raw\":\"\"", "\"ts_recv\":null", NULL });
}

/* Bytes that are no text, ids that are no JSON, flags that lie. */
static void
test_message_hostile(void **state)
{
	struct message_rec m = { .pos = 1, .flags = UINT32_MAX };

	RAW(&m, "\x16\x03\x01\xff\x00");
	strcpy(m.jsonrpc_id, "{\"cut");
	strcpy(m.method, "a\"\\\x01\xff");
	strcpy(m.peer, "\xed\xa0\x80");
	message_is(&m,
	    (const char *const[]){ "\"raw\":\"FgMB/wA=\"",
		"\"raw_encoding\":\"base64\"", "\"decoded\":null",
		"\"jsonrpc_id\":null", NULL });

	/* Grammatical, but no reader of JSON in UTF-8 takes it. */
	RAW(&m, "{\"id\":1,\"x\":\"a\\ud800b\"}");
	message_is(&m,
	    (const char *const[]){ "\"x\":\"a\\ufffdb\"", "\\\\ud800",
		"\"raw_encoding\":\"utf8\"", NULL });

	RAW(&m, "nul\0inside");
	message_is(&m, (const char *const[]){ "nul\\u0000inside", NULL });
}

static void
session_is(const struct session_rec *s, const char *const *keys,
    const char *const *wants)
{
	struct json_out o;
	const char *text;

	json_init(&o, MAX_TEXT);
	object_session(&o, s);
	text = finish(&o);
	has_keys(text, keys);
	for (; *wants != NULL; wants++)
		has(text, *wants);
	json_clear(&o);
}

static void
test_session(void **state)
{
	static const char *const keys[] = { "session_id", "peer", "first_seen",
		"last_seen", "message_count", "user_agent", "mining_session_id",
		"difficulty", "pool_host", "pool_port", "pool_connected",
		"pool_peer", "broadcast_enabled", "repeat_count",
		"auto_replay_enabled", "auto_replay_count", "stats",
		"total_messages", "miner_to_pool", "pool_to_miner",
		"parse_errors", "state", "ended_at", "close_reason", "workers",
		"gaps", "bytes", NULL };
	struct session_rec s = { .messages = 9,
		.by_dir = { 5, 4 },
		.bytes = { 500, 400 },
		.difficulty = 0.5,
		.pool_port = 3333,
		.pool_host = "pool.example",
		.pool_peer = "192.0.2.9:3333",
		.worker = "w\xff",
		.broadcast_enabled = true,
		.repeat_count = 7,
		.auto_replay_count = 900000,
		.replay_of = 5 };

	session_is(&s, keys,
	    (const char *const[]){ "\"pool_connected\":true",
		"\"state\":\"live\"", "\"difficulty\":0.5",
		"\"workers\":[\"w\xef\xbf\xbd\"]",
		"\"stats\":{\"total_messages\":9,\"miner_to_pool\":5,"
		"\"pool_to_miner\":4,\"parse_errors\":0}",
		"\"broadcast_enabled\":true", "\"repeat_count\":7",
		"\"auto_replay_enabled\":false", "\"auto_replay_count\":900000",
		"\"replay_of\":\"5\"", NULL });
	s.state = SESSION_ENDED;
	s.difficulty = NAN;
	s.worker[0] = '\0';
	session_is(&s, keys,
	    (const char *const[]){ "\"pool_connected\":false",
		"\"state\":\"ended\"", "\"difficulty\":null", "\"workers\":[]",
		NULL });
	s.difficulty = INFINITY;
	session_is(&s, keys,
	    (const char *const[]){ "\"difficulty\":null", NULL });
}

static void
test_process(void **state)
{
	struct process_rec p = { .role = "relayd",
		.state = "ready",
		.pid = 12,
		.uptime_ms = 1500,
		.last_exit = "signal 9" };
	struct json_out o;
	const char *text;

	json_init(&o, MAX_TEXT);
	object_process(&o, &p);
	text = finish(&o);
	has(text, "\"role\":\"relayd\"");
	has(text, "\"pid\":12");
	has(text, "\"uptime_s\":1.5");
	has(text, "\"last_exit\":\"signal 9\"");
	json_clear(&o);
}

static void
test_counters(void **state)
{
	struct stats *relay = calloc(1, sizeof(*relay));
	struct stats *capture = calloc(1, sizeof(*capture));
	struct object_source src[] = { { "relay", relay },
		{ "capture", capture } };
	struct json_out o;

	assert_non_null(relay);
	assert_non_null(capture);
	stats_add(relay, "sessions_live", 3);
	stats_add(relay, "tap.ring_used", 10);
	stats_add(relay, "relay.odd", 1);
	stats_add(relay, ".x", 2);
	stats_add(relay, "y.", 3);
	stats_add(capture, "messages", 5);
	stats_add(capture, "tap.batches", 6);
	stats_add(capture, "messages", 7);
	json_init(&o, MAX_TEXT);
	json_object(&o);
	object_counters(&o, src, 2);
	json_object_end(&o);
	assert_string_equal(finish(&o),
	    "{\"relay\":{\"sessions_live\":3,\"odd\":1,\".x\":2,\"y.\":3},"
	    "\"capture\":{\"messages\":5},"
	    "\"tap\":{\"ring_used\":10,\"batches\":6}}");
	relay->n = capture->n = 0;
	json_reset(&o);
	json_object(&o);
	object_counters(&o, src, 2);
	json_object_end(&o);
	assert_string_equal(finish(&o), "{\"relay\":{},\"capture\":{}}");
	json_clear(&o);
	free(capture);
	free(relay);
}

static void
test_time(void **state)
{
	static const struct {
		int64_t us;
		const char *want;
	} tab[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ -1, "1970-01-01T00:00:00.000000Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ 1795262400999999, "2026-11-21T12:00:00.999999Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999999Z" },
	};
	char out[OBJECT_TIME];
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		object_time(tab[i].us, out);
		assert_string_equal(out, tab[i].want);
	}
}

static void
test_alert(void **state)
{
	static const char *const keys[] = { "id", "kind", "severity", "active",
		"first_seen", "last_seen", "ended_at", "count", "pool",
		"worker", "session_id", "message_id", "text", NULL };
	struct alert_rec a = { .id = 7,
		.kind = ALERT_SILENT,
		.severity = ALERT_WARNING,
		.first_us = 1000000,
		.last_us = 2000000,
		.count = 3 };
	struct json_out o;
	const char *text;

	json_init(&o, MAX_TEXT);
	snprintf(a.worker, sizeof(a.worker), "a\"\\\x01\xff");
	object_alert(&o, &a);
	text = finish(&o);
	has_keys(text, keys);
	has(text, "\"id\":\"7\",\"kind\":\"worker_silent\"");
	has(text, "\"severity\":\"warning\",\"active\":true");
	has(text, "\"ended_at\":null,\"count\":3,\"pool\":null");
	has(text, "\"session_id\":null,\"message_id\":null");
	json_reset(&o);
	a.ended_us = 3000000;
	a.has_session = true;
	a.pos = 9;
	object_alert(&o, &a);
	text = finish(&o);
	has(text, "\"active\":false");
	has(text, "\"ended_at\":\"1970-01-01T00:00:03.000000Z\"");
	has(text, "\"session_id\":\"00000000-0000-0000-0000-000000000000\"");
	has(text, "\"message_id\":\"9\"");
	json_clear(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_message_bare),
		cmocka_unit_test(test_message_hostile),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
