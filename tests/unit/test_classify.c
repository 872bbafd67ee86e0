/*
 * The classifier: each dialect that stratum.md knows, and what hostile peers
 * send instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/line.h"
#include "common/stratum.h"

#define S(text) text, sizeof(text) - 1

#define REQ     STRATUM_REQUEST
#define NOTE    STRATUM_NOTIFICATION
#define RESP    STRATUM_RESPONSE
#define NOT     STRATUM_NOT_JSON

#define RES     STRATUM_F_HAS_RESULT
#define TRUE_   (RES | STRATUM_F_RESULT_TRUE)
#define FALSE_  (RES | STRATUM_F_RESULT_FALSE)
#define NULL_   (RES | STRATUM_F_RESULT_NULL)
#define ERR     STRATUM_F_ERROR
#define MULTI   STRATUM_F_MULTIPLE
#define DUP     STRATUM_F_DUP_KEY
#define ODD     STRATUM_F_ODD_METHOD
#define DIFF    STRATUM_F_DIFFICULTY
#define SECRET  STRATUM_F_SENSITIVE

/* All flags but those that only say how sound the line is. */
#define SOUND   (STRATUM_F_UTF8 | STRATUM_F_JSON)

static const struct {
	const char *s;
	size_t len;
	enum stratum_kind kind;
	enum stratum_method method;
	enum stratum_id_type id_type;
	const char *id, *raw_id;
	unsigned int flags;
	const char *error;
} cases[] = {
	/* Requests; key order and spacing as miners and pools have them. */
	{ S("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}"),
	    REQ, STRATUM_M_SUBSCRIBE, STRATUM_ID_INT, "1", "1", 0, "" },
	{ S("{\"method\":\"mining.submit\",\"params\":[\"w\",\"j\",\"0\","
	    "\"1\",\"2\"],\"id\":4}"),
	    REQ, STRATUM_M_SUBMIT, STRATUM_ID_INT, "4", "4", 0, "" },
	{ S(" \t{ \"params\" : [ ] ,\"id\"\t:\"auth\" , \"method\" :"
	    "\"mining.configure\" } \r"),
	    REQ, STRATUM_M_CONFIGURE, STRATUM_ID_STRING, "auth", "\"auth\"", 0,
	    "" },
	{ S("{\"id\":\"txlist6b01\",\"method\":\"mining.get_transactions\"}"),
	    REQ, STRATUM_M_GET_TRANSACTIONS, STRATUM_ID_STRING, "txlist6b01",
	    "\"txlist6b01\"", 0, "" },
	{ S("{\"id\":7,\"method\":\"client.get_version\",\"params\":[]}"), REQ,
	    STRATUM_M_GET_VERSION, STRATUM_ID_INT, "7", "7", 0, "" },
	{ S("{\"id\":7,\"method\":\"mining.ping\"}"), REQ, STRATUM_M_PING,
	    STRATUM_ID_INT, "7", "7", 0, "" },
	{ S("{\"id\":7,\"method\":\"pong\"}"), REQ, STRATUM_M_PONG,
	    STRATUM_ID_INT, "7", "7", 0, "" },
	{ S("{\"id\":7,\"method\":\"\"}"), REQ, STRATUM_M_OTHER, STRATUM_ID_INT,
	    "7", "7", 0, "" },
	/* Escapes in keys and values. */
	{ S("{\"i\\u0064\":\"\\u0061b\",\"\\u006dethod\":"
	    "\"mining.su\\u0062mit\"}"),
	    REQ, STRATUM_M_SUBMIT, STRATUM_ID_STRING, "ab", "\"\\u0061b\"", 0,
	    "" },
	/* Notifications: by id, or by method whatever the id (Bitminter). */
	{ S("{\"id\":null,\"method\":\"mining.notify\",\"params\":[]}"), NOTE,
	    STRATUM_M_NOTIFY, STRATUM_ID_NULL, "", "null", 0, "" },
	{ S("{\"method\":\"mining.notify\",\"params\":[]}"), NOTE,
	    STRATUM_M_NOTIFY, STRATUM_ID_NONE, "", "", 0, "" },
	{ S("{\"id\":1,\"method\":\"mining.notify\",\"params\":[]}"), NOTE,
	    STRATUM_M_NOTIFY, STRATUM_ID_INT, "1", "1", 0, "" },
	{ S("{\"id\":1,\"method\":\"mining.set_difficulty\",\"params\":[8]}"),
	    NOTE, STRATUM_M_SET_DIFFICULTY, STRATUM_ID_INT, "1", "1", DIFF,
	    "" },
	{ S("{\"id\":0,\"method\":\"client.reconnect\",\"params\":[]}"), NOTE,
	    STRATUM_M_RECONNECT, STRATUM_ID_INT, "0", "0", 0, "" },
	{ S("{\"id\":null,\"method\":\"mining.hashes_done\"}"), NOTE,
	    STRATUM_M_HASHES_DONE, STRATUM_ID_NULL, "", "null", 0, "" },
	/* Responses and every shape of error. */
	{ S("{\"result\":true,\"id\":4,\"error\":null}"), RESP, 0,
	    STRATUM_ID_INT, "4", "4", TRUE_, "" },
	{ S("{\"id\":4,\"result\":null,\"error\":[23,\"Above target\",null]}"),
	    RESP, 0, STRATUM_ID_INT, "4", "4", NULL_ | ERR, "" },
	{ S("{\"id\":4,\"error\":{\"code\":21,\"message\":\"Stale\"}}"), RESP,
	    0, STRATUM_ID_INT, "4", "4", ERR, "" },
	{ S("{\"id\":4,\"error\":\"bare\",\"result\":null}"), RESP, 0,
	    STRATUM_ID_INT, "4", "4", NULL_ | ERR, "" },
	{ S("{\"reject-reason\":\"Above target\",\"result\":false,"
	    "\"error\":null,\"id\":4}"),
	    RESP, 0, STRATUM_ID_INT, "4", "4", FALSE_ | ERR, "" },
	{ S("{\"reject-reason\":\"x\",\"result\":true,\"id\":4}"), RESP, 0,
	    STRATUM_ID_INT, "4", "4", TRUE_, "" },
	{ S("{\"reject-reason\":null,\"result\":false,\"id\":4}"), RESP, 0,
	    STRATUM_ID_INT, "4", "4", FALSE_, "" },
	{ S("{\"id\":4,\"result\":false,\"error\":false}"), RESP, 0,
	    STRATUM_ID_INT, "4", "4", FALSE_, "" },
	{ S("{\"id\":4,\"result\":{\"error\":1,\"id\":5,\"method\":\"x\"}}"),
	    RESP, 0, STRATUM_ID_INT, "4", "4", RES, "" },
	{ S("{}"), RESP, 0, STRATUM_ID_NONE, "", "", 0, "" },
	{ S("{\"id\":1,\"method\":null,\"result\":1}"), RESP, 0, STRATUM_ID_INT,
	    "1", "1", RES, "" },
	{ S("{\"id\":1,\"method\":[\"mining.submit\"]}"), RESP, 0,
	    STRATUM_ID_INT, "1", "1", ODD, "" },
	/* Ids of any type. */
	{ S("{\"id\":-0}"), RESP, 0, STRATUM_ID_INT, "0", "-0", 0, "" },
	{ S("{\"id\":-17}"), RESP, 0, STRATUM_ID_INT, "-17", "-17", 0, "" },
	{ S("{\"id\":123456789012345678901234567890}"), RESP, 0, STRATUM_ID_INT,
	    "123456789012345678901234567890", "123456789012345678901234567890",
	    0, "" },
	{ S("{\"id\":1.5}"), RESP, 0, STRATUM_ID_OTHER, "1.5", "1.5", 0, "" },
	{ S("{\"id\":1E3}"), RESP, 0, STRATUM_ID_OTHER, "1E3", "1E3", 0, "" },
	{ S("{\"id\":true}"), RESP, 0, STRATUM_ID_OTHER, "true", "true", 0,
	    "" },
	{ S("{\"id\":false }"), RESP, 0, STRATUM_ID_OTHER, "false", "false", 0,
	    "" },
	{ S("{\"id\":[1,[2]] ,\"result\":1}"), RESP, 0, STRATUM_ID_OTHER,
	    "[1,[2]]", "[1,[2]]", RES, "" },
	{ S("{\"id\": {\"id\":2}}"), RESP, 0, STRATUM_ID_OTHER, "{\"id\":2}",
	    "{\"id\":2}", 0, "" },
	{ S("{\"id\":\"\"}"), RESP, 0, STRATUM_ID_STRING, "", "\"\"", 0, "" },
	/* A key twice: the last one wins. */
	{ S("{\"id\":1,\"id\":\"b\",\"method\":\"x\",\"method\":\"pong\"}"),
	    REQ, STRATUM_M_PONG, STRATUM_ID_STRING, "b", "\"b\"", DUP, "" },
	{ S("{\"id\":1,\"method\":\"x\",\"method\":null,\"result\":true,"
	    "\"result\":false,\"error\":\"x\",\"error\":null}"),
	    RESP, 0, STRATUM_ID_INT, "1", "1", FALSE_ | DUP, "" },
	{ S("{\"method\":\"mining.set_difficulty\",\"params\":[1],"
	    "\"params\":[]}"),
	    NOTE, STRATUM_M_SET_DIFFICULTY, STRATUM_ID_NONE, "", "", DUP, "" },
	/* More on the line than one object. */
	{ S("{\"id\":1,\"method\":\"pong\"}{\"id\":2,\"result\":true}"), REQ,
	    STRATUM_M_PONG, STRATUM_ID_INT, "1", "1", MULTI, "" },
	{ S("{\"id\":1} {\"id\":2} {}"), RESP, 0, STRATUM_ID_INT, "1", "1",
	    MULTI, "" },
	{ S("{\"id\":1} x"), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 9: unexpected 'x' behind the object" },
	{ S("{\"id\":1},{\"id\":2}"), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 8: unexpected ',' behind the object" },
	{ S("{\"id\":1}[]"), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 8: unexpected '[' behind the object" },
	{ S("{\"id\":1}{\"id\":2]"), RESP, 0, STRATUM_ID_INT, "1", "1", MULTI,
	    "invalid JSON at byte 15: unexpected ']' behind the object" },
	{ S("{\"id\":1}{\"id\":2"), RESP, 0, STRATUM_ID_INT, "1", "1", MULTI,
	    "invalid JSON at byte 15: ends too early" },
	{ S("{\"id\":1}\0"), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 8: unexpected '\\x00' behind the object" },
	/* The beginning of a token, with which yajl is content. */
	{ S("{\"id\":1}\""), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 8: unexpected '\"' behind the object" },
	{ S("{\"id\":1} tr"), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 9: unexpected 't' behind the object" },
	{ S("{\"id\":1}-"), RESP, 0, STRATUM_ID_INT, "1", "1", 0,
	    "invalid JSON at byte 8: unexpected '-' behind the object" },
	/* Not JSON. */
	{ S(""), NOT, 0, 0, "", "", 0, "empty line" },
	{ S(" \r"), NOT, 0, 0, "", "", 0, "empty line" },
	{ S("{\"id\":1,\"method\":\"pong\""), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 23: ends too early" },
	{ S("{\"id\":1,\"method\":\"po"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 20: ends too early" },
	{ S("{\"id\":4,,}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 8: unexpected ','" },
	{ S("{\"id\":NaN}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 6: unexpected 'N'" },
	{ S("{\"id\":1,\"params\":[1e]}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 20: unexpected ']'" },
	{ S("{\"id\":01}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 7: unexpected '1'" },
	{ S("{'id':1}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 1: unexpected '''" },
	{ S("{\"id\":1}\v"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 8: unexpected '\\x0b'" },
	{ S("{\"id\":\"\n\"}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 7: unexpected '\\x0a'" },
	{ S("{\"id\"\0:1}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 5: unexpected '\\x00'" },
	{ S("\xef\xbb\xbf{\"id\":1}"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 0: unexpected '\\xef'" },
	{ S("hello"), NOT, 0, 0, "", "", 0,
	    "invalid JSON at byte 0: unexpected 'h'" },
	/* Broken UTF-8: overlong, surrogate, cut. */
	{ S("{\"id\":\"\xc0\xaf\"}"), NOT, 0, 0, "", "", 0,
	    "invalid UTF-8 at byte 7" },
	{ S("{\"id\":\"\xed\xa0\x80\"}"), NOT, 0, 0, "", "", 0,
	    "invalid UTF-8 at byte 7" },
	{ S("{}\xe2\x82"), NOT, 0, 0, "", "", 0, "invalid UTF-8 at byte 2" },
	/* JSON, but no object. */
	{ S("[]"), STRATUM_NOT_OBJECT, 0, 0, "", "", 0, "not a JSON object" },
	{ S("null"), STRATUM_NOT_OBJECT, 0, 0, "", "", 0, "not a JSON object" },
	{ S(" \"x\" "), STRATUM_NOT_OBJECT, 0, 0, "", "", 0,
	    "not a JSON object" },
	{ S("[{\"id\":1,\"method\":\"mining.submit\"}]"), STRATUM_NOT_OBJECT, 0,
	    0, "", "", 0, "not a JSON object" },
	/* Lone surrogates and NUL are JSON. */
	{ S("{\"id\":\"\\u0000\",\"result\":\"\\ud800\"}"), RESP, 0,
	    STRATUM_ID_STRING, "\0", "\"\\u0000\"", RES, "" },
	/* Something to hide, whoever names it. */
	{ S("{\"id\":1,\"method\":\"mining.authorize\",\"params\":[1,2]}"), REQ,
	    STRATUM_M_AUTHORIZE, STRATUM_ID_INT, "1", "1", SECRET, "" },
	{ S("{\"method\":\"mining.authorize\",\"method\":\"x\","
	    "\"params\":[1,2]}"),
	    NOTE, STRATUM_M_OTHER, 0, "", "", DUP | SECRET, "" },
	{ S("{\"x\":{\"Method\":\"Mining.Authori\\u007ae\"}}"), RESP, 0, 0, "",
	    "", SECRET, "" },
	{ S("[{\"method\":\"mining.authorize\",\"params\":[1,2]}]"),
	    STRATUM_NOT_OBJECT, 0, 0, "", "", SECRET, "not a JSON object" },
	{ S("{\"method\":\"mining.authorize\",\"params\":[1,2"), NOT, 0, 0, "",
	    "", SECRET, "invalid JSON at byte 42: ends too early" },
	{ S("Authorization: Basic eDp5"), NOT, 0, 0, "", "", SECRET,
	    "invalid JSON at byte 0: unexpected 'A'" },
};

static void
test_table(void **state)
{
	struct stratum_parser *p = stratum_parser_new();
	struct stratum_msg m;
	size_t i;

	assert_non_null(p);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t id_len = strlen(cases[i].id);
		char *exact = malloc(cases[i].len + !cases[i].len);

		assert_non_null(exact);
		memcpy(exact, cases[i].s, cases[i].len);
		memset(&m, 0xee, sizeof(m));
		stratum_classify(p, exact, cases[i].len, false, &m);
		if (m.kind != cases[i].kind || m.method != cases[i].method ||
		    (m.flags & ~SOUND) != cases[i].flags ||
		    strcmp(m.error, cases[i].error) != 0)
			print_message("%s: %s, %x\n", cases[i].s, m.error,
			    m.flags);
		assert_string_equal(m.error, cases[i].error);
		assert_int_equal(m.kind, cases[i].kind);
		assert_int_equal(m.method, cases[i].method);
		assert_int_equal(m.flags & ~SOUND, cases[i].flags);
		assert_int_equal(m.id.type, cases[i].id_type);
		if (strcmp(cases[i].raw_id, "\"\\u0000\"") == 0)
			id_len = 1;
		assert_int_equal(m.id.len, id_len);
		assert_memory_equal(m.id.text, cases[i].id, id_len);
		assert_int_equal(m.raw_id_len, strlen(cases[i].raw_id));
		if (m.raw_id_len > 0)
			assert_memory_equal(m.raw_id, cases[i].raw_id,
			    m.raw_id_len);
		free(exact);
	}
	stratum_parser_free(p);
}

static struct stratum_msg
classify(const char *s)
{
	struct stratum_parser *p = stratum_parser_new();
	struct stratum_msg m;

	assert_non_null(p);
	stratum_classify(p, s, strlen(s), false, &m);
	stratum_parser_free(p);
	return m;
}

/* Each name that we know is found and says its own number. */
static void
test_methods(void **state)
{
	char line[128];
	struct stratum_msg m;
	const char *name;
	int i;

	for (i = STRATUM_M_OTHER + 1; i < STRATUM_M_CRYPTONOTE; i++) {
		name = stratum_method_name(i);
		if (name == NULL || name[0] == '\0') {
			fail();
			return;
		}
		assert_int_equal(stratum_method_find(name, strlen(name)), i);
		snprintf(line, sizeof(line), "{\"id\":1,\"method\":\"%s\"}",
		    name);
		m = classify(line);
		assert_int_equal(m.method, i);
		assert_string_equal(m.method_text, name);
		assert_int_equal(m.method_len, strlen(name));
		assert_int_equal(m.kind,
		    stratum_method_notifies(i) ? NOTE : REQ);
	}
	assert_int_equal(stratum_method_find("mining.notif", 12),
	    STRATUM_M_OTHER);
	assert_int_equal(stratum_method_find("Mining.notify", 13),
	    STRATUM_M_OTHER);
}

static void
test_long_method(void **state)
{
	char line[256] = "{\"id\":1,\"method\":\"";
	struct stratum_msg m;
	size_t n = strlen(line), i;

	for (i = 0; i < 50; i++)
		memcpy(line + n + 2 * i, "\xc3\xa4", 2);
	memcpy(line + n + 100, "\"}", 3);
	m = classify(line);
	assert_int_equal(m.kind, REQ);
	assert_int_equal(m.method_len, STRATUM_METHOD_MAX);
	assert_int_equal(strlen(m.method_text), STRATUM_METHOD_MAX);
	memmove(line + n + 1, line + n, 103);
	line[n] = 'x'; /* now the bound is in the middle of a character */
	m = classify(line);
	assert_int_equal(m.method_len, STRATUM_METHOD_MAX - 1);
}

static void
test_protocols(void **state)
{
	static const struct {
		const char *s;
		enum stratum_kind kind;
		enum stratum_protocol protocol;
	} table[] = {
		{ "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}",
		    REQ, STRATUM_P_CRYPTONOTE },
		{ "{\"method\":\"job\",\"params\":{}}", NOTE,
		    STRATUM_P_CRYPTONOTE },
		{ "{\"id\":1,\"method\":\"eth_submitLogin\",\"params\":[]}",
		    REQ, STRATUM_P_ETHEREUM },
		{ "{\"id\":1,\"method\":\"eth_getWork\"}", REQ,
		    STRATUM_P_ETHEREUM },
		{ "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":"
		  "[\"m\",\"EthereumStratum/1.0.0\"]}",
		    REQ, STRATUM_P_ETHEREUM },
		{ "{\"id\":null,\"method\":\"mining.notify\",\"params\":"
		  "[\"j\",\"v\",\"p\",\"m\",\"r\",\"t\",\"b\",true]}",
		    NOTE, STRATUM_P_ZCASH },
		{ "{\"id\":null,\"method\":\"mining.notify\",\"params\":"
		  "[\"j\",\"p\",\"1\",\"2\",[],\"v\",\"b\",\"t\",true]}",
		    NOTE, STRATUM_P_STRATUM },
		{ "GET / HTTP/1.1\r", STRATUM_FOREIGN, STRATUM_P_HTTP },
		{ "POST / HTTP/1.1\r", STRATUM_FOREIGN, STRATUM_P_HTTP },
		{ "HTTP/1.1 400 Bad Request\r", STRATUM_FOREIGN,
		    STRATUM_P_HTTP },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r", STRATUM_FOREIGN,
		    STRATUM_P_PROXY_V1 },
		{ "\x16\x03\x01\x02", STRATUM_FOREIGN, STRATUM_P_TLS },
		{ "\x16\x03\x01\xff\xff", STRATUM_FOREIGN, STRATUM_P_TLS },
		{ "GETTING nowhere", NOT, STRATUM_P_STRATUM },
	};
	struct stratum_msg m;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		m = classify(table[i].s);
		assert_int_equal(m.kind, table[i].kind);
		assert_int_equal(m.protocol, table[i].protocol);
		assert_int_equal(m.error[0] != '\0', m.kind < STRATUM_REQUEST);
	}
	assert_string_equal(classify("GET / HTTP/1.1\r").error,
	    "not Stratum: http");
}

static void
test_difficulty(void **state)
{
	static const struct {
		const char *method, *params;
		double want; /* NAN: none */
	} table[] = {
		{ "mining.set_difficulty", "[0.001]", 0.001 },
		{ "mining.set_difficulty", "[16383.75]", 16383.75 },
		{ "mining.set_difficulty", "[ 5e5 , 1]", 5e5 },
		{ "mining.set_difficulty", "[\"1024\"]", 1024 },
		{ "mining.set_difficulty", "[0]", 0 },
		{ "mining.set_difficulty", "[-1]", -1 },
		{ "mining.suggest_difficulty", "[65536]", 65536 },
		{ "mining.suggest_difficulty(32)", "[]", 32 },
		{ "mining.suggest_difficulty(0.5)", "[7]", 0.5 },
		{ "mining.suggest_difficulty(", "[]", (double)NAN },
		{ "mining.suggest_difficulty()", "[]", (double)NAN },
		{ "mining.suggest_difficulty(x)", "[]", (double)NAN },
		{ "mining.set_difficulty", "[]", (double)NAN },
		{ "mining.set_difficulty", "[null]", (double)NAN },
		{ "mining.set_difficulty", "[[1]]", (double)NAN },
		{ "mining.set_difficulty", "{\"d\":1}", (double)NAN },
		{ "mining.set_difficulty", "[1e999]", (double)NAN },
		{ "mining.set_difficulty", "[\"0x10\"]", (double)NAN },
		{ "mining.set_difficulty", "[\"nan\"]", (double)NAN },
		{ "mining.set_difficulty", "[\"1 \"]", (double)NAN },
		{ "mining.set_difficulty",
		    "[1000000000000000000000000000000000000000000000000000"
		    "00000000000000000000]",
		    (double)NAN },
		{ "mining.submit", "[1]", (double)NAN },
	};
	char line[256];
	struct stratum_msg m;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(line, sizeof(line),
		    "{\"params\":%s,\"id\":null,\"method\":\"%s\"}",
		    table[i].params, table[i].method);
		m = classify(line);
		assert_string_equal(m.error, "");
		assert_int_equal((m.flags & STRATUM_F_DIFFICULTY) != 0,
		    !isnan(table[i].want));
		if (!isnan(table[i].want))
			assert_true(m.difficulty >= table[i].want &&
			    m.difficulty <= table[i].want);
	}
	assert_int_equal(classify("{\"method\":\"mining.suggest_difficulty(1)"
				  "\"}")
			     .method,
	    STRATUM_M_SUGGEST_DIFFICULTY);
}

static void
test_texts(void **state)
{
	struct stratum_msg m;

	m = classify("{\"params\":[\"bitaxe/BM1370/v2\",\"986a\",\"h\",1],"
		     "\"method\":\"mining.subscribe\",\"id\":1}");
	assert_string_equal(m.user_agent, "bitaxe/BM1370/v2");
	assert_string_equal(m.mining_session, "986a");
	assert_int_equal(m.n_params, 4);
	m = classify("{\"id\":1,\"method\":\"mining.subscribe\","
		     "\"params\":[null,[\"x\"]]}");
	assert_string_equal(m.user_agent, "");
	assert_string_equal(m.mining_session, "");
	assert_int_equal(m.n_params, 2);
	/* Escapes in both, so that each needs a place of its own. */
	m = classify("{\"id\":1,\"params\":[\"a\\u00e4\\u0000\\ud800z\","
		     "\"\\\"b\\\"\",\"\\u0063\"],"
		     "\"method\":\"mining.subscribe\"}");
	assert_memory_equal(m.user_agent, "a\xc3\xa4\xef\xbf\xbd", 6);
	assert_string_equal(m.mining_session, "\"b\"");
	m = classify("{\"id\":1,\"method\":\"mining.authorize\","
		     "\"params\":[\"w.1\",\"x\"]}");
	assert_string_equal(m.worker, "w.1");
	m = classify("{\"id\":1,\"method\":\"mining.authorize\","
		     "\"params\":{\"user\":\"w\"}}");
	assert_string_equal(m.worker, "");
	assert_int_equal(m.n_params, 0);
}

static void
test_long_text(void **state)
{
	char line[1024] = "{\"id\":1,\"method\":\"mining.authorize\","
			  "\"params\":[\"";
	size_t n = strlen(line);
	struct stratum_msg m;

	memset(line + n, 'w', 500);
	memcpy(line + n + STRATUM_TEXT_MAX - 1, "\xc3\xa4", 2);
	strcpy(line + n + 500, "\"]}");
	m = classify(line);
	assert_int_equal(strlen(m.worker), STRATUM_TEXT_MAX - 1);
}

/* Ids are keys by value and type, however long. */
static void
test_ids(void **state)
{
	static const char *const ids[] = { "1", "\"1\"", "1.0", "null", "true",
		"\"true\"", "[1]", "2", "-1", "\"\"",
		/* 64, 65 and 66 bytes */
		"\"0123456789012345678901234567890123456789012345678901234567"
		"890123\"",
		"\"0123456789012345678901234567890123456789012345678901234567"
		"890123a\"",
		"\"0123456789012345678901234567890123456789012345678901234567"
		"890123b\"",
		"\"0123456789012345678901234567890123456789012345678901234567"
		"890123ab\"" };
	const size_t n = sizeof(ids) / sizeof(ids[0]);
	char line[128];
	struct stratum_msg a, b;
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++) {
			snprintf(line, sizeof(line), "{\"id\":%s}", ids[i]);
			a = classify(line);
			snprintf(line, sizeof(line),
			    "{\"method\":\"x\", \"id\": %s }", ids[k]);
			b = classify(line);
			assert_int_equal(stratum_id_equal(&a.id, &b.id),
			    i == k);
		}
	a = classify("{\"id\":\"ab\"}");
	b = classify("{\"id\":\"\\u0061b\"}");
	assert_true(stratum_id_equal(&a.id, &b.id));
	a = classify("{\"id\":0}");
	b = classify("{\"id\":-0}");
	assert_true(stratum_id_equal(&a.id, &b.id));
}

static void
test_depth(void **state)
{
	char line[1024], want[96];
	struct stratum_msg m;
	size_t n, depth;

	for (depth = 2; depth < 200; depth++) {
		n = (size_t)snprintf(line, sizeof(line),
		    "{\"id\":1,\"result\":");
		snprintf(want, sizeof(want),
		    "invalid JSON at byte %zu: nested deeper than 64 levels",
		    n + 63);
		memset(line + n, '[', depth - 1);
		memset(line + n + depth - 1, ']', depth - 1);
		strcpy(line + n + 2 * depth - 2, "}");
		m = classify(line);
		assert_int_equal(m.kind, depth <= 64 ? RESP : NOT);
		assert_string_equal(m.error, depth <= 64 ? "" : want);
	}
}

/* The longest lines, of what makes yajl hungriest, one after another. */
static void
test_longest(void **state)
{
	static const char *const units[] = { "\\u0041", "a", "\\", "[",
		"{\"\":", "\\n", "1", "\xc3\xa4" };
	static char line[STRATUM_LINE_MAX + 1];
	struct stratum_parser *p = stratum_parser_new();
	struct stratum_msg m;
	size_t i, at, end, round;

	assert_non_null(p);
	for (round = 0; round < 3 * sizeof(units) / sizeof(units[0]); round++) {
		i = round % (sizeof(units) / sizeof(units[0]));
		at = (size_t)sprintf(line, "{\"id\":%s",
		    round < 16 ? "\"" : "[\"x\\n\",");
		end = STRATUM_LINE_MAX - 2;
		for (; at + strlen(units[i]) <= end; at += strlen(units[i]))
			memcpy(line + at, units[i], strlen(units[i]));
		memset(line + at, ' ', STRATUM_LINE_MAX - at);
		if (round >= 8)
			memcpy(line + at, "\"}", 2);
		stratum_classify(p, line, STRATUM_LINE_MAX, false, &m);
		assert_int_equal(m.flags & STRATUM_F_UTF8, STRATUM_F_UTF8);
		assert_int_equal(m.kind == RESP, m.error[0] == '\0');
	}
	stratum_classify(p, line, sizeof(line), false, &m);
	assert_string_equal(m.error, "line longer than 65536 bytes");
	stratum_classify(p, S("{}"), true, &m);
	assert_string_equal(m.error, "line longer than 65536 bytes");
	assert_int_equal(m.kind, NOT);
	stratum_classify(p, S("{}"), false, &m);
	assert_int_equal(m.kind, RESP);
	stratum_parser_free(p);
}

/* What one line left behind never shows in the next. */
static void
test_reuse(void **state)
{
	const size_t n = sizeof(cases) / sizeof(cases[0]);
	struct stratum_parser *p = stratum_parser_new();
	struct stratum_msg again;
	size_t i, k;

	assert_non_null(p);
	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++) {
			stratum_classify(p, cases[i].s, cases[i].len, false,
			    &again);
			stratum_classify(p, cases[k].s, cases[k].len, false,
			    &again);
			assert_string_equal(again.error, cases[k].error);
			assert_int_equal(again.kind, cases[k].kind);
			assert_int_equal(again.flags & ~SOUND, cases[k].flags);
			assert_int_equal(again.id.type, cases[k].id_type);
		}
	stratum_parser_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_long_method),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_difficulty),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
