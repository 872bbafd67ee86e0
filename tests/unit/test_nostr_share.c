/*
 * Shares in events and back: what went in comes out, always in the same
 * bytes, and nothing that is wrong comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/nostr_share.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct jtree tree;
static struct nostr_rows rows;

static struct nostr_share
share(unsigned session, uint64_t seq, const char *params)
{
	struct nostr_share s;

	memset(&s, 0, sizeof(s));
	s.session[0] = 1;
	s.session[15] = (uint8_t)session;
	s.seq = seq;
	s.ts_us = INT64_C(1763740800000000) + (int64_t)seq * 1000;
	s.repeat = 1;
	s.pool_port = 3333;
	snprintf(s.pool_host, sizeof(s.pool_host), "pool.example");
	snprintf(s.id, sizeof(s.id), "4");
	snprintf(s.params, sizeof(s.params), "%s", params);
	return s;
}

static void
same(const struct nostr_share *a, const struct nostr_share *b)
{
	assert_memory_equal(a->session, b->session, 16);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->repeat, b->repeat);
	assert_string_equal(a->pool_host, b->pool_host);
	assert_int_equal(a->pool_port, b->pool_port);
	assert_string_equal(a->peer, b->peer);
	assert_string_equal(a->params, b->params);
}

#define USUAL "[\"w.1\",\"6a\",\"00000001\",\"5f5e1000\",\"deadBEEF\"]"
#define ROLLED \
	"[\"w.1\",\"6a\",\"00000001\",\"5f5e1000\",\"deadbeef\",\"00c0\"]"

static void
test_single(void **state)
{
	struct nostr_share s = share(1, 7, ROLLED), back;
	struct json_out o;
	const char *text;
	size_t len;

	s.repeat = 5;
	json_init(&o, 4096);
	nostr_single_write(&o, "north-1", &s);
	assert_non_null(text = json_finish(&o, &len));
	assert_string_equal(text,
	    "{\"schema\":\"hashscope.v1\",\"run_id\":\"north-1\",\"event_id\":"
	    "\"c65d82ea-a46d-8229-8961-e3d2fde5a019\",\"seq\":7,\"ts\":"
	    "\"2025-11-21T16:00:00.007000Z\",\"pool\":{\"host\":"
	    "\"pool.example\",\"port\":3333},\"stratum\":{\"method\":"
	    "\"mining.submit\",\"id\":4,\"params\":" ROLLED
	    "},\"repeat_count\":5,\"context\":{\"session_id\":"
	    "\"01000000-0000-0000-0000-000000000001\",\"miner_peer\":\"\"},"
	    "\"raw\":null}");
	assert_int_equal(nostr_single_parse(&tree, text, len, "north-1", &back),
	    0);
	same(&s, &back);
	assert_string_equal(back.id, "4");
	assert_int_equal(nostr_single_parse(&tree, text, len, "north-2", &back),
	    -1);
	json_clear(&o);
}

/* One thing is wrong with each. */
static void
test_single_refused(void **state)
{
	static const char *const good =
	    "{\"schema\":\"hashscope.v1\",\"run_id\":\"r\",\"seq\":7,\"pool\":"
	    "{\"host\":\"p\",\"port\":3333},\"stratum\":{\"method\":"
	    "\"mining.submit\",\"id\":4,\"params\":[\"a\",\"b\",\"c\"]},"
	    "\"repeat_count\":1000,\"context\":{\"session_id\":"
	    "\"01000000-0000-0000-0000-000000000001\"}}";
	static const char *const v[][2] = { { "hashscope.v1", "hashscope.v2" },
		{ "\"r\"", "\"R\"" }, { "\"r\"", "5" }, { ":7,", ":0," },
		{ ":7,", ":-7," }, { ":7,", ":7.5," }, { ":7,", ":\"7\"," },
		{ "3333", "0" }, { "3333", "65536" }, { "\"p\"", "\"\"" },
		{ ":1000", ":1001" }, { ":1000", ":1000000000" },
		{ ":1000", ":0" }, { ":1000", ":\"1\"" }, { ":1000", ":null" },
		{ "mining.submit", "mining.notify" }, { "\"c\"", "5" },
		{ "\"c\"", "null" }, { "\"c\"", "{}" }, { ",\"c\"", "" },
		{ "[\"a\",\"b\",\"c\"]", "{}" }, { ":4,", ":{}," },
		{ ":4,", ":true," }, { "01000000-", "0100000-" },
		{ "}}", "}" } };
	struct nostr_share s;
	char text[1000];
	size_t i;

	assert_int_equal(nostr_single_parse(&tree, good, strlen(good), "r", &s),
	    0);
	for (i = 0; i < N(v); i++) {
		const char *at = strstr(good, v[i][0]);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good,
		    v[i][1], at + strlen(v[i][0]));
		if (nostr_single_parse(&tree, text, strlen(text), "r", &s) == 0)
			fail_msg("was taken: %s", text);
	}
}

/* --- batches --- */

static struct nostr_batch *batch;
static struct mbuf out;

static const char *
written(void)
{
	mbuf_reset(&out);
	nostr_batch_write(batch, &out);
	assert_false(out.bad);
	msg_put_raw(&out, "", 1);
	return (const char *)out.data;
}

static void
test_batch(void **state)
{
	static const char *const params[] = { USUAL, ROLLED,
		"[\"w.1\",\"6a\",\"\",\"zz\",\"\"]", "[\"w\",\"j\",\"00\"]",
		"[\"\xc3\xa4\\\\,\\\"\",\"@\",\"00\",\"01\",\"02\"]",
		"[\"w\\u0000x\",\"j\",\"00\",\"01\",\"02\"]" };
	struct nostr_gap g = { .session = { 9 }, .first = 5, .last = 9 }, back;
	struct nostr_share in[64], s;
	unsigned i, n = 0;

	batch = nostr_batch_new();
	nostr_batch_begin(batch, "r \"1\"");
	for (i = 0; i < 3 * N(params); i++) {
		in[n] = share(i % 3, i + 1, params[i % N(params)]);
		in[n].repeat = i % 4 == 0 ? 1000 : 1;
		if (i % 3 == 1)
			snprintf(in[n].peer, sizeof(in[n].peer), "[::1]:%u", i);
		assert_true(nostr_batch_share(batch, &in[n++], 400, 40000));
	}
	assert_true(nostr_batch_gap(batch, &g, 40000));
	assert_int_equal(nostr_batch_count(batch), n + 1);
	written();
	assert_int_equal(nostr_rows_parse(&rows, (char *)out.data, out.len - 1,
			     "r \"1\""),
	    0);
	assert_int_equal(rows.nrows, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(nostr_rows_share(&rows, i, &s), 0);
		same(&in[i], &s);
		assert_true(s.ts_us == in[i].ts_us);
	}
	assert_int_equal(rows.ndropped, 1);
	assert_int_equal(nostr_rows_gap(&rows, 0, &back), 0);
	assert_memory_equal(&g, &back, sizeof(g));
	assert_int_equal(nostr_rows_share(&rows, n, &s), -1);
	assert_int_equal(nostr_rows_parse(&rows, (char *)out.data, out.len - 1,
			     "other"),
	    -1);
	nostr_batch_free(batch);
}

/* 400 shares of 50 sessions, each of another job now and then. */
static void
test_batch_bounds(void **state)
{
	char params[200], *first;
	struct nostr_share s;
	struct mbuf event;
	unsigned i;

	batch = nostr_batch_new();
	nostr_batch_begin(batch, "north-1");
	for (i = 0; i < 500; i++) {
		snprintf(params, sizeof(params),
		    "[\"bc1qexample.rig%u\",\"%x\",\"%08x\",\"692095%02x\","
		    "\"%08x\",\"%08x\"]",
		    i % 50, i / 100, i, i % 100, i * 77777777, i << 13);
		s = share(i % 50, i + 1, params);
		if (!nostr_batch_share(batch, &s, NOSTR_ROWS_MAX, 60000))
			break;
	}
	assert_int_equal(i, NOSTR_ROWS_MAX);
	first = strdup(written());
	/* Under 82 bytes a share, in the event around it too. */
	mbuf_init(&event);
	for (const char *p = first; *p != '\0'; p++)
		msg_put_raw(&event, "\\", *p == '"' || *p == '\\');
	assert_true((strlen(first) + event.len) / 400 < 82);
	mbuf_free(&event);

	/* The bound in bytes holds, whatever the event needs to escape. */
	nostr_batch_begin(batch, "north-1");
	for (i = 0; i < 400; i++) {
		snprintf(params, sizeof(params),
		    "[\"\\\"\\\\\\\"%u\\u0001\",\"\xff\xff\",\"x\"]", i);
		s = share(i, 1, params);
		if (!nostr_batch_share(batch, &s, 400, 20000))
			break;
	}
	assert_true(i > 50 && i < 400);
	mbuf_init(&event);
	for (const char *p = written(); *p != '\0'; p++)
		msg_put_raw(&event, "xx", *p == '"' || *p == '\\' ? 2 : 1);
	assert_true(event.len <= 20000);
	assert_int_equal(nostr_rows_parse(&rows, (char *)out.data, out.len - 1,
			     "north-1"),
	    0);
	assert_int_equal(rows.nrows, i);
	mbuf_free(&event);
	free(first);
	nostr_batch_free(batch);
}

static void
test_rows_refused(void **state)
{
#define BATCH                                                                   \
	"{\"schema\":\"hashscope.v2\",\"run_id\":\"r\",\"base\":0,\"pools\":"   \
	"[\"p:1\"],\"sessions\":[\"01000000-0000-0000-0000-000000000001,0\","   \
	"\"x\",\"01000000-0000-0000-0000-000000000001,7\"],\"workers\":[\"w\"]" \
	",\"jobs\":[\"j\"],\"odd\":[\"[]\",\"{\"],\"rows\":[\"%s\"]}"
	static const char *const bad[] = { "", "0", "0,1", "0,1,0", "0,1,0,0",
		"0,1,0,1,0,00,00,00", "0,1,0,0,1,00,00,00",
		"1,1,0,0,0,00,00,00", "2,1,0,0,0,00,00,00",
		"3,1,0,0,0,00,00,00", "0,0,0,0,0,00,00,00",
		"0,-1,0,0,0,00,00,00", "0,1,0,0,0,0g,00,00",
		"0,1,0,0,0,00,00,00,00,0", "0,1,0,0,0,00,00,00,00,1001",
		"0,1,0,0,0,00,00,00,00,1,1", "0,1,0,@1", "0,1,0,@2",
		"0,1,0,@-1", "0,1,0,@0,0", " 0,1,0,@0", "0,+1,0,@0",
		"0,99999999999999999999,0,@0", "0,1,99999999999,@0" };
	static const char *const good[] = { "0,1,0,0,0,00,00,00",
		"0,1,-5,0,0,,,", "0,1,0,0,0,00,00,00,00",
		"0,1,0,0,0,00,00,00,,1000", "0,1,0,@0", "0,1,0,@0,7" };
	struct nostr_share s;
	char text[1000];
	size_t i;

	for (i = 0; i < N(bad); i++) {
		snprintf(text, sizeof(text), BATCH, bad[i]);
		assert_int_equal(nostr_rows_parse(&rows, text, strlen(text),
				     "r"),
		    0);
		if (nostr_rows_share(&rows, 0, &s) == 0)
			fail_msg("was taken: %s", bad[i]);
	}
	for (i = 0; i < N(good); i++) {
		snprintf(text, sizeof(text), BATCH, good[i]);
		assert_int_equal(nostr_rows_parse(&rows, text, strlen(text),
				     "r"),
		    0);
		if (nostr_rows_share(&rows, 0, &s) == -1)
			fail_msg("was refused: %s", good[i]);
	}
}

static void
test_bytes(void **state)
{
	struct nostr_share s = share(3, 9, USUAL), back;
	struct mbuf m;
	struct mcur c;

	snprintf(s.peer, sizeof(s.peer), "10.0.0.1:4444");
	mbuf_init(&m);
	nostr_share_put(&m, &s);
	mcur_init(&c, m.data, m.len);
	nostr_share_get(&c, &back);
	assert_int_equal(msg_end(&c), 0);
	same(&s, &back);
	for (size_t i = 0; i < m.len; i++) {
		mcur_init(&c, m.data, i);
		nostr_share_get(&c, &back);
		assert_int_equal(msg_end(&c), -1);
	}
	mbuf_free(&m);
}

static int
done(void **state)
{
	mbuf_free(&out);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_single_refused),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_bounds),
		cmocka_unit_test(test_rows_refused),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
