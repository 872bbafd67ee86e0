/*
 * Events and frames: the id against values that another implementation gave,
 * what is refused, and what relays really say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/nostr_frame.h"
#include "common/nostr_key.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct jtree tree;
static char room[4096];

static int
parse(struct nostr_event *e, const char *text)
{
	if (jtree_parse(&tree, text, strlen(text)) == -1)
		return -1;
	return nostr_event_parse(e, &tree, jtree_root(&tree), room,
	    sizeof(room));
}

/* --- ids; those of Python's json.dumps and hashlib --- */

static const struct {
	const char *event, *id;
} ids[] = {
	{ "{\"id\": \"000000000000000000000000000000000000000000000000000"
	  "0000000000000\", \"pubkey\": \"f9308a019258c31049344f85f89d522"
	  "9b531c845836f99b08601f113bce036f9\", \"sig\": \"00000000000000"
	  "00000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000\", \"kind"
	  "\": 1, \"created_at\": 1763740800, \"tags\": [], \"content\": "
	  "\"hello\"}",
	    "a2058a8ca1519e9134cdd31bfc5ea98b124a22518564aa02f279028aa46c3689" },
	{ "{\"id\": \"000000000000000000000000000000000000000000000000000"
	  "0000000000000\", \"pubkey\": \"f9308a019258c31049344f85f89d522"
	  "9b531c845836f99b08601f113bce036f9\", \"sig\": \"00000000000000"
	  "00000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000\", \"kind"
	  "\": 30080, \"created_at\": 0, \"tags\": [[\"t\", \"hashscope\""
	  "], [\"d\", \"a:b:1\"], [\"x\"], []], \"content\": \"{\\\"a\\\""
	  ":\\\"\\\\u007f\\\\u0001\\\"}\"}",
	    "95972c1242a6498554c5ab52f1f1a07a688b3792cc17c83d7aa35c86c77ae768" },
	{ "{\"id\": \"000000000000000000000000000000000000000000000000000"
	  "0000000000000\", \"pubkey\": \"f9308a019258c31049344f85f89d522"
	  "9b531c845836f99b08601f113bce036f9\", \"sig\": \"00000000000000"
	  "00000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000\", \"kind"
	  "\": 65535, \"created_at\": 9007199254740993, \"tags\": [[\"e\""
	  ", \"\\\"\\\\/\\b\\f\\n\\r\\t\"]], \"content\": \"quote \\\" sl"
	  "ash / back \\\\ lines \\n\\r tabs \\t bell \\u0007 nul \\u0000"
	  " us \\u001f del \\u007f\"}",
	    "cad11976ded5d87848281cd2c900fac95485265c4b5494081a343186e84aba05" },
	{ "{\"id\": \"000000000000000000000000000000000000000000000000000"
	  "0000000000000\", \"pubkey\": \"f9308a019258c31049344f85f89d522"
	  "9b531c845836f99b08601f113bce036f9\", \"sig\": \"00000000000000"
	  "00000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000\", \"kind"
	  "\": 7, \"created_at\": 5, \"tags\": [[\"\\u043f\", \"\\u65e5\\"
	  "u672c\", \"\\ud83c\\udf55\"]], \"content\": \"\\u2028\\u2029 "
	  "\\u00e9 \\ud83c\\udf55\\u00a0\"}",
	    "f50ac054944b995ce4228a4d7a5d22f71f544e35e70253d6cb6f7ab9f8c3dea2" },
};

static void
test_ids(void **state)
{
	struct nostr_event e;
	char hex[65];
	uint8_t id[32];
	size_t i;

	for (i = 0; i < N(ids); i++) {
		assert_int_equal(parse(&e, ids[i].event), 0);
		nostr_event_id(&e, id);
		hex_text(id, 32, hex);
		assert_string_equal(hex, ids[i].id);
	}
}

/* What was written is read back as the same, and signed. */
static void
test_round(void **state)
{
	struct nostr_verifier *v = nostr_verifier_new();
	struct nostr_event e, back;
	uint8_t secret[32], id[32];
	struct nostr_key *k;
	struct mbuf m;

	nostr_secret_make(secret);
	assert_non_null(v);
	assert_non_null(k = nostr_key_new(secret));
	nostr_event_init(&e, 20780, 1763740800);
	memcpy(e.pubkey, nostr_key_public(k), 32);
	assert_int_equal(nostr_tag_add(&e, "t", "hashscope"), 0);
	assert_int_equal(nostr_tag_add(&e, "t", "hashscope:\"run\"\n"), 0);
	assert_int_equal(nostr_tag_add(&e, "expiration", "1763741400"), 0);
	e.content = (struct nostr_str){ "a\tb\x01\x7f\xc3\xa4\0z", 10 };
	nostr_event_id(&e, e.id);
	assert_int_equal(nostr_key_sign(k, e.id, e.sig), 0);
	mbuf_init(&m);
	nostr_event_put(&e, &m);
	msg_put_raw(&m, "", 1);
	assert_int_equal(parse(&back, (char *)m.data), 0);
	assert_memory_equal(back.sig, e.sig, 64);
	assert_int_equal(back.content.len, 10);
	assert_memory_equal(back.content.s, e.content.s, 10);
	nostr_event_id(&back, id);
	assert_memory_equal(id, e.id, 32);
	assert_true(nostr_verify(v, back.pubkey, id, 32, back.sig));
	assert_true(nostr_tag_has(&back, "t", "hashscope"));
	assert_true(nostr_tag_has(&back, "t", "hashscope:\"run\"\n"));
	assert_false(nostr_tag_has(&back, "t", "hashscop"));
	assert_true(nostr_event_expiration(&back) == 1763741400);
	mbuf_free(&m);
	nostr_key_free(k);
	nostr_verifier_free(v);
}

#define ID  "\"id\":\"" H32 "\","
#define PK  "\"pubkey\":\"" H32 "\","
#define SIG "\"sig\":\"" H32 H32 "\","
#define H32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TC  "\"tags\":[],\"content\":\"\"}"
#define KA  "\"kind\":1,\"created_at\":5,"

static void
test_refused(void **state)
{
	static const char *const bad[] = { "", "1", "[]", "{}",
		"{" ID PK SIG TC, "{" PK SIG KA TC, "{" ID SIG KA TC,
		"{" ID PK KA TC,
		"{" ID PK SIG "\"kind\":-1,\"created_at\":5," TC,
		"{" ID PK SIG "\"kind\":65536,\"created_at\":5," TC,
		"{" ID PK SIG "\"kind\":1.5,\"created_at\":5," TC,
		"{" ID PK SIG "\"kind\":\"1\",\"created_at\":5," TC,
		"{" ID PK SIG "\"kind\":1,\"created_at\":-5," TC,
		"{" ID PK SIG "\"kind\":1,\"created_at\":1e3," TC,
		"{" ID PK SIG
		"\"kind\":1,\"created_at\":99999999999999999999," TC,
		"{" ID PK SIG KA "\"tags\":{},\"content\":\"\"}",
		"{" ID PK SIG KA "\"tags\":[1],\"content\":\"\"}",
		"{" ID PK SIG KA "\"tags\":[[1]],\"content\":\"\"}",
		"{" ID PK SIG KA "\"tags\":[[null]],\"content\":\"\"}",
		"{" ID PK SIG KA "\"content\":\"\"}",
		"{" ID PK SIG KA "\"tags\":[]}",
		"{" ID PK SIG KA "\"tags\":[],\"content\":{}}",
		"{" ID PK SIG KA "\"tags\":[],\"content\":\"\\ud800\"}",
		"{" ID PK SIG KA "\"tags\":[],\"content\":\"\\udc00\\ud800\"}",
		"{" ID PK SIG KA "\"tags\":[],\"content\":\"\\ud83d\\ud83d\"}",
		"{" ID PK SIG KA "\"tags\":[],\"content\":\"\xff\"}",
		"{\"id\":\"00112233445566778899AABBCCDDEEFF0011223344556677889"
		"9aabbccddeeff\"," PK SIG KA TC,
		"{\"id\":\"00\"," PK SIG KA TC };
	struct nostr_event e;
	size_t i;

	for (i = 0; i < N(bad); i++)
		if (parse(&e, bad[i]) != -1)
			fail_msg("was taken: %s", bad[i]);
	assert_int_equal(parse(&e, "{" ID PK SIG KA TC), 0);
	assert_int_equal(parse(&e,
			     "{" ID PK SIG KA
			     "\"tags\":[[]],\"x\":[1],\"content\":"
			     "\"\\ud83d\\ude00\"}"),
	    0);
	/* More tags, and more of them than there is room for. */
	{
		char text[4000];
		size_t n = (size_t)snprintf(text, sizeof(text), "%s",
		    "{" ID PK SIG KA "\"content\":\"\",\"tags\":[[]");

		for (i = 0; i < NOSTR_TAGS; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    ",[]");
		snprintf(text + n, sizeof(text) - n, "]}");
		assert_int_equal(parse(&e, text), -1);
	}
}

static void
test_expiration(void **state)
{
	static const struct {
		const char *tags;
		int64_t want;
	} v[] = { { "", 0 }, { "[\"expiration\",\"12\"]", 12 },
		{ "[\"expiration\"]", 0 }, { "[\"expiration\",\"\"]", -1 },
		{ "[\"expiration\",\"-5\"]", -1 },
		{ "[\"expiration\",\"1e9\"]", -1 },
		{ "[\"expiration\",\"9999999999999999999\"]", -1 } };
	struct nostr_event e;
	char text[600];
	size_t i;

	for (i = 0; i < N(v); i++) {
		snprintf(text, sizeof(text),
		    "{" ID PK SIG KA "\"content\":\"\",\"tags\":[%s]}",
		    v[i].tags);
		assert_int_equal(parse(&e, text), 0);
		assert_true(nostr_event_expiration(&e) == v[i].want);
	}
}

/* --- frames --- */

static void
test_frames(void **state)
{
	static const struct {
		const char *text;
		int type; /* -1: refused */
		enum nostr_reason reason;
	} v[] = {
		{ "[\"OK\",\"" H32 "\",true,\"\"]", NF_OK, NR_NONE },
		{ "[\"OK\",\"" H32 "\",true]", NF_OK, NR_NONE },
		{ "[\"OK\",\"" H32 "\",false,\"rate-limited: wait\",7]", NF_OK,
		    NR_RATE_LIMITED },
		{ "[\"OK\",\"" H32 "\",false,\"invalid: event too large\"]",
		    NF_OK, NR_TOO_LARGE },
		{ "[\"OK\",\"" H32 "\",false,\"invalid: bad signature\"]",
		    NF_OK, NR_INVALID },
		{ "[\"OK\",\"" H32 "\",false,\"invalid: ephemeral event "
		  "expired\"]",
		    NF_OK, NR_TOO_OLD },
		{ "[\"OK\",\"" H32 "\",false,\"blocked: too many friends\"]",
		    NF_OK, NR_BLOCKED },
		{ "[\"OK\",\"" H32 "\",false,\"mute: nobody listens\"]", NF_OK,
		    NR_MUTE },
		{ "[\"OK\",\"" H32 "\",false,\"auth-required: who?\"]", NF_OK,
		    NR_AUTH_REQUIRED },
		{ "[\"OK\",\"" H32 "\",false,\"pow: 20 bits\"]", NF_OK,
		    NR_POW },
		{ "[\"OK\",\"" H32 "\",false,\"no\"]", NF_OK, NR_UNKNOWN },
		{ "[\"OK\",\"" H32 "\",1,\"\"]", -1, NR_NONE },
		{ "[\"OK\",\"" H32 "00\",true,\"\"]", -1, NR_NONE },
		{ "[\"OK\",\"" H32 "\",true,5]", -1, NR_NONE },
		{ "[\"OK\"]", -1, NR_NONE },
		{ "[\"EOSE\",\"sub\"]", NF_EOSE, NR_NONE },
		{ "[\"EOSE\",\"\"]", -1, NR_NONE },
		{ "[\"EOSE\"]", -1, NR_NONE },
		{ "[\"CLOSED\",\"sub\",\"error: could not\"]", NF_CLOSED,
		    NR_ERROR },
		{ "[\"CLOSED\",\"sub\"]", NF_CLOSED, NR_NONE },
		{ "[\"NOTICE\",\"You are noting too much: rate limit\"]",
		    NF_NOTICE, NR_RATE_LIMITED },
		{ "[\"NOTICE\",\"hello\"]", NF_NOTICE, NR_UNKNOWN },
		{ "[\"NOTICE\",[]]", -1, NR_NONE },
		{ "[\"AUTH\",\"challenge\"]", NF_AUTH, NR_NONE },
		{ "[\"AUTH\",\"\"]", -1, NR_NONE },
		{ "[\"EVENT\",\"sub\",{}]", NF_EVENT, NR_NONE },
		{ "[\"EVENT\",\"sub\",[]]", -1, NR_NONE },
		{ "[\"EVENT\",{}]", -1, NR_NONE },
		{ "[\"COUNT\",\"x\",{}]", NF_OTHER, NR_NONE },
		{ "{}", -1, NR_NONE },
		{ "[]", -1, NR_NONE },
		{ "[5]", -1, NR_NONE },
		{ "[\"OK\"", -1, NR_NONE },
	};
	struct nostr_frame f;
	size_t i;

	for (i = 0; i < N(v); i++) {
		int r = nostr_frame_parse(&f, &tree, v[i].text,
		    strlen(v[i].text));

		if (r != (v[i].type == -1 ? -1 : 0) ||
		    (r == 0 && (int)f.type != v[i].type) ||
		    (r == 0 && f.reason != v[i].reason))
			fail_msg("%s: %d, type %d, %s", v[i].text, r, f.type,
			    nostr_reason_name(f.reason));
	}
}

static void
test_filter(void **state)
{
	struct nostr_filter f = { .kind = { 20780, 78 },
		.nkinds = 2,
		.nauthors = 1,
		.tag_t = "hashscope:r",
		.since = 100,
		.limit = 5 };
	struct nostr_event e;
	struct mbuf m;

	mbuf_init(&m);
	nostr_put_req(&m, "s", &f);
	msg_put_raw(&m, "", 1);
	assert_string_equal((char *)m.data,
	    "[\"REQ\",\"s\",{\"kinds\":[20780,78],\"authors\":[\"0000000000"
	    "000000000000000000000000000000000000000000000000000000\"],"
	    "\"#t\":[\"hashscope:r\"],\"since\":100,\"limit\":5}]");
	mbuf_reset(&m);
	nostr_put_req(&m, "\"", &(struct nostr_filter){ .since = 7 });
	msg_put_raw(&m, "", 1);
	assert_string_equal((char *)m.data, "[\"REQ\",\"\\\"\",{\"since\":7}]");
	mbuf_free(&m);

	nostr_event_init(&e, 78, 100);
	nostr_tag_add(&e, "t", "hashscope:r");
	assert_true(nostr_filter_matches(&f, &e));
	e.created_at = 99;
	assert_false(nostr_filter_matches(&f, &e));
	e.created_at = 101;
	e.kind = 79;
	assert_false(nostr_filter_matches(&f, &e));
	e.kind = 20780;
	e.pubkey[31] = 1;
	assert_false(nostr_filter_matches(&f, &e));
	e.pubkey[31] = 0;
	assert_true(nostr_filter_matches(&f, &e));
	e.item[1] = (struct nostr_str){ "hashscope:other", 15 };
	assert_false(nostr_filter_matches(&f, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_expiration),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
