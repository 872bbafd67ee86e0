/*
 * Explanations: each method in both directions, every shape of error, and
 * what is missing or odd, which must be named.
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
#include "tests/unit/verifylib.h"

#define N(a)      (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX_ (256u << 10)

static struct explain *e;
static struct stratum_parser *parser;
static struct jtree *tree;
static struct explain_input in;
static struct stratum_msg msg;

static int
setup(void **state)
{
	e = explain_new();
	parser = stratum_parser_new();
	tree = malloc(sizeof(*tree));
	return e == NULL || parser == NULL || tree == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	explain_free(e);
	stratum_parser_free(parser);
	free(tree);
	return 0;
}

static void
explain_line(bool to_miner, enum stratum_method answers, const char *line)
{
	struct json_out j;
	size_t len = strlen(line), n;
	char *text = malloc(TEXT_MAX_);
	const char *json;

	stratum_classify(parser, line, len, false, &msg);
	in.msg = &msg;
	in.tree = jtree_parse(tree, line, len) == 0 ? tree : NULL;
	in.line = line;
	in.len = len;
	in.to_miner = to_miner;
	in.answers = answers;
	explain_message(e, &in);
	assert_true(e->title[0] != '\0' && e->summary[0] != '\0');
	/* Both forms can be made of all that is explained. */
	json_init(&j, 1 << 20);
	explain_json(e, "in words", true, &j);
	json = json_finish(&j, &n);
	assert_non_null(json);
	assert_int_equal(json_valid(json, n, 10, NULL), 0);
	json_clear(&j);
	assert_non_null(text);
	n = explain_text(e, text, TEXT_MAX_);
	assert_int_equal(n, strlen(text));
	assert_int_equal(text[n - 1], '\n');
	free(text);
}

/* The value of the field of this name, NULL if there is none. */
static const char *
value(const char *name)
{
	unsigned i;

	for (i = 0; i < e->fields; i++)
		if (strcmp(e->field[i].name, name) == 0)
			return e->field[i].value;
	return NULL;
}

static bool
has_note(const char *text)
{
	unsigned i;

	for (i = 0; i < e->notes; i++)
		if (strstr(e->note[i], text) != NULL)
			return true;
	return false;
}

static void
check_value(const char *name, const char *want)
{
	assert_non_null(value(name));
	assert_string_equal(value(name), want);
}

/* --- each method --- */

#define POOL  true
#define MINER false

/* "name=value" of a field, "!text" of a note; up to six. */
static const struct {
	bool to_miner;
	enum stratum_method answers;
	const char *line;
	const char *want[6];
	unsigned notes;
} cases[] = {
	/* miner to pool */
	{ MINER, 0,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":"
	    "[\"cgminer/4.12\",\"aabb\",\"pool.example:3333\",\"3333\"]}",
	    { "user_agent=cgminer/4.12", "session=aabb",
		"host=\"pool.example:3333\"", "port=\"3333\"",
		"!earlier session" },
	    1 },
	{ MINER, 0, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}",
	    { NULL }, 0 },
	{ MINER, 0,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[7,null]}",
	    { "user_agent=7", "!user_agent is a number" }, 1 },
	{ MINER, 0,
	    "{\"id\":2,\"method\":\"mining.configure\",\"params\":[["
	    "\"version-rolling\",\"info\"],{\"version-rolling.mask\":"
	    "\"1fffe000\",\"version-rolling.min-bit-count\":2,\"info.hw-id\":"
	    "\"h\",\"odd.one\":[1]}]}",
	    { "extension=version-rolling", "version-rolling.mask=1fffe000",
		"version-rolling.bits=16", "version-rolling.min-bit-count=2",
		"info.hw-id=h", "!odd.one is not in BIP 310" },
	    1 },
	{ MINER, 0, "{\"id\":2,\"method\":\"mining.configure\",\"params\":7}",
	    { "!params is a number", "!list of extensions is missing" }, 2 },
	{ MINER, 0,
	    "{\"id\":3,\"method\":\"mining.authorize\",\"params\":"
	    "[\"acc.rig\",\"secret\"]}",
	    { "user=acc.rig", "account=acc", "worker=rig",
		"password=********" },
	    0 },
	{ MINER, 0,
	    "{\"id\":3,\"method\":\"mining.authorize\",\"params\":["
	    "\"0123456789012345678901234567890123456789012345678901234567890123"
	    "\"]}",
	    { "!Avalon cuts it at 63" }, 1 },
	{ MINER, 0,
	    "{\"id\":3,\"method\":\"mining.authorize\",\"params\":"
	    "{\"user\":\"u\",\"pass\":\"secret\"}}",
	    { "params=not shown", "!user is missing" }, 2 },
	{ MINER, 0,
	    "{\"id\":4,\"method\":\"mining.submit\",\"params\":[\"w\",\"j\","
	    "\"00000001\",\"504e86ed\",\"b2957c02\",\"00004000\"]}",
	    { "worker=w", "job_id=j", "extranonce2.length=4",
		"time=2012-09-11 00:33:49 UTC", "nonce=b2957c02",
		"version_bits=00004000" },
	    0 },
	{ MINER, 0,
	    "{\"id\":4,\"method\":\"mining.submit\",\"params\":[\"w\",5,\"001\""
	    ",\"504e86\",7,\"4000\",true]}",
	    { "job_id=5", "!extranonce2 is a string where hex",
		"!ntime has 6 hex digits", "!nonce is a number",
		"!version_bits has 4", "params[6]=true" },
	    5 },
	{ MINER, 0,
	    "{\"id\":5,\"method\":\"mining.extranonce.subscribe\","
	    "\"params\":[]}",
	    { NULL }, 0 },
	{ MINER, 0,
	    "{\"id\":6,\"method\":\"mining.suggest_difficulty\","
	    "\"params\":[1024.5]}",
	    { "difficulty=1024.5" }, 0 },
	{ MINER, 0, "{\"id\":6,\"method\":\"mining.suggest_difficulty(99)\"}",
	    { "difficulty=99", "!in the method's name" }, 1 },
	{ MINER, 0,
	    "{\"id\":6,\"method\":\"mining.suggest_difficulty\","
	    "\"params\":[\"x\"]}",
	    { "!the difficulty is a string" }, 1 },
	{ MINER, 0,
	    "{\"id\":7,\"method\":\"mining.suggest_target\",\"params\":[\""
	    "00000000ffff0000000000000000000000000000000000000000000000000000"
	    "\"]}",
	    { "difficulty=1" }, 0 },
	{ MINER, 0,
	    "{\"id\":7,\"method\":\"mining.suggest_target\",\"params\":[\"ff\""
	    "]}",
	    { "target=ff", "!the target is not" }, 1 },
	{ MINER, 0,
	    "{\"id\":\"txlist1\",\"method\":\"mining.get_transactions\","
	    "\"params\":[\"job\"]}",
	    { "job_id=\"job\"" }, 0 },
	{ MINER, 0,
	    "{\"id\":1,\"method\":\"mining.get_txnhashes\",\"params\":[]}",
	    { NULL }, 0 },
	{ MINER, 0,
	    "{\"id\":1,\"method\":\"mining.capabilities\",\"params\":"
	    "[{\"a\":1}]}",
	    { "params=[{\"a\":1}]" }, 0 },
	{ MINER, 0,
	    "{\"id\":1,\"method\":\"mining.hashes_done\",\"params\":[1]}",
	    { "params=[1]" }, 0 },
	{ MINER, 0,
	    "{\"id\":1,\"method\":\"mining.multi_version\",\"params\":[1]}",
	    { "params=[1]" }, 0 },
	{ MINER, 0, "{\"id\":1,\"method\":\"pong\",\"params\":[]}", { NULL },
	    0 },
	/* pool to miner */
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":"
	    "[16383.75]}",
	    { "difficulty=16383.75" }, 0 },
	{ POOL, 0,
	    "{\"id\":1,\"method\":\"mining.set_difficulty\",\"params\":[0,7]}",
	    { "!above zero", "!2 parameters where 1", "!with an id",
		"params[1]=7" },
	    3 },
	{ POOL, 0, "{\"id\":null,\"method\":\"mining.set_difficulty\"}",
	    { "!difficulty is missing" }, 1 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"mining.set_target\",\"params\":[\""
	    "00000000ffff0000000000000000000000000000000000000000000000000000"
	    "\"]}",
	    { "difficulty=1", "!btcpool" }, 1 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"mining.set_extranonce\",\"params\":"
	    "[\"0a0b0c\",16]}",
	    { "extranonce1=0a0b0c", "extranonce1.length=3",
		"extranonce2_size=16", "!Whatsminer" },
	    1 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"mining.set_version_mask\",\"params\":"
	    "[\"1fffffe0\"]}",
	    { "mask=1fffffe0", "bits=24" }, 0 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"mining.set_goal\",\"params\":[\"btc\"]}",
	    { "params=[\"btc\"]" }, 0 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"client.reconnect\",\"params\":"
	    "[\"evil.example\",\"3333\",5]}",
	    { "host=\"evil.example\"", "port=\"3333\"", "wait=5", "!hijacker" },
	    1 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"client.reconnect\",\"params\":[]}",
	    { NULL }, 0 },
	{ POOL, 0, "{\"id\":8,\"method\":\"client.get_version\",\"params\":[]}",
	    { NULL }, 0 },
	{ POOL, 0,
	    "{\"id\":null,\"method\":\"client.show_message\",\"params\":"
	    "[\"hello\\u0000you\"]}",
	    { "message=hello?you" }, 0 },
	{ POOL, 0, "{\"id\":9,\"method\":\"mining.ping\",\"params\":[]}",
	    { NULL }, 0 },
	/* what neither is known to send */
	{ POOL, 0,
	    "{\"id\":9,\"method\":\"mining.new_thing\",\"params\":"
	    "{\"a\":[1,2]}}",
	    { "params={\"a\":[1,2]}" }, 0 },
	{ POOL, 0,
	    "{\"id\":9,\"method\":\"mining.submit\",\"params\":"
	    "[\"w\",\"j\",\"00\",\"00000000\",\"00000000\"]}",
	    { "worker=w", "!usually sent by the miner" }, 1 },
	{ MINER, 0,
	    "{\"id\":9,\"method\":\"mining.ping\",\"params\":[],"
	    "\"worker\":{\"x\":1}}",
	    { "!usually sent by the pool", "member.worker={\"x\":1}",
		"!has a member \"worker\"" },
	    2 },
	{ MINER, 0,
	    "{\"id\":null,\"method\":\"mining.submit\",\"params\":"
	    "[\"w\",\"j\",\"00\",\"00000000\",\"00000000\"]}{}",
	    { "!nobody answers", "!more than one object" }, 2 },
	{ MINER, 0, "{\"id\":1,\"id\":1.5,\"method\":\"mining.ping\"}",
	    { "!comes twice", "!neither a number nor a string" }, 3 },
	/* answers */
	{ POOL, STRATUM_M_SUBSCRIBE,
	    "{\"id\":1,\"result\":[[[\"mining.notify\",\"ab\"]],\"0a0b\",12]}",
	    { "subscription=mining.notify ab", "extranonce1=0a0b",
		"extranonce1.length=2", "extranonce2_size=12", "!Whatsminer" },
	    1 },
	{ POOL, STRATUM_M_SUBSCRIBE,
	    "{\"id\":1,\"result\":[[\"mining.notify\",\"ab\"],null]}",
	    { "subscription=\"mining.notify\"", "!extranonce1 is null",
		"!extranonce2_size is missing" },
	    2 },
	{ POOL, STRATUM_M_SUBSCRIBE, "{\"id\":1,\"error\":[20,\"no\",null]}",
	    { "!the result is missing", "error.code=20", "error.text=no",
		"error.shape=array" },
	    1 },
	{ POOL, STRATUM_M_CONFIGURE,
	    "{\"id\":1,\"result\":{\"version-rolling\":true,"
	    "\"version-rolling.mask\":\"1fffe000\",\"minimum-difficulty\":"
	    "false}}",
	    { "version-rolling=true", "version-rolling.mask=1fffe000",
		"minimum-difficulty=false" },
	    0 },
	{ POOL, STRATUM_M_CONFIGURE,
	    "{\"id\":1,\"result\":{\"version-rolling\":true,\"x\":1}}",
	    { "!without a mask", "!Whatsminer drops", "x=1" }, 2 },
	{ POOL, STRATUM_M_AUTHORIZE, "{\"id\":1,\"result\":true}", { NULL },
	    0 },
	{ POOL, STRATUM_M_AUTHORIZE,
	    "{\"id\":1,\"result\":false,\"error\":\"who are you\"}",
	    { "error.text=who are you", "error.shape=string" }, 0 },
	{ POOL, STRATUM_M_AUTHORIZE, "{\"id\":1,\"result\":7}",
	    { "!the result is a number" }, 1 },
	{ POOL, STRATUM_M_SUBMIT, "{\"id\":1,\"result\":true,\"error\":null}",
	    { NULL }, 0 },
	{ POOL, STRATUM_M_SUBMIT,
	    "{\"id\":1,\"result\":null,\"error\":{\"code\":21,\"message\":"
	    "\"Job not found\",\"data\":null}}",
	    { "reason=unknown_job", "error.code=21", "error.shape=object",
		"error.text=Job not found" },
	    0 },
	{ POOL, STRATUM_M_SUBMIT,
	    "{\"reject-reason\":\"Above target\",\"result\":false,"
	    "\"error\":null,\"id\":1}",
	    { "reason=low_difficulty", "error.shape=reject-reason",
		"error.text=Above target" },
	    0 },
	{ POOL, STRATUM_M_SUBMIT, "{\"id\":1,\"result\":true,\"error\":[1]}",
	    { "!says true and gives an error" }, 1 },
	{ POOL, STRATUM_M_SUBMIT, "{\"id\":1}",
	    { "!neither a result nor an error" }, 1 },
	{ POOL, STRATUM_M_EXTRANONCE_SUBSCRIBE,
	    "{\"id\":1,\"result\":false,\"error\":[20,\"Not supported\",null]}",
	    { "error.code=20" }, 0 },
	{ MINER, STRATUM_M_GET_VERSION, "{\"id\":8,\"result\":\"cgminer\"}",
	    { "result=\"cgminer\"" }, 0 },
	{ MINER, STRATUM_M_PING, "{\"id\":8,\"result\":\"pong\"}",
	    { "result=\"pong\"" }, 0 },
	{ POOL, STRATUM_M_NONE, "{\"id\":8,\"result\":[1]}", { "result=[1]" },
	    0 },
	/* no messages */
	{ MINER, 0, "GET / HTTP/1.1", { "!http" }, 1 },
	{ MINER, 0, "{\"id\":1,\"method\":", { "!" }, 1 },
	{ MINER, 0, "[1,2]", { "!" }, 1 },
};

static void
check_want(const char *want)
{
	char name[64];
	size_t n;

	if (want[0] == '!') {
		if (!has_note(want + 1))
			fail_msg("no note \"%s\" on %s", want + 1, in.line);
		return;
	}
	n = strcspn(want, "=");
	snprintf(name, sizeof(name), "%.*s", (int)n, want);
	if (value(name) == NULL)
		fail_msg("no field %s of %s", name, in.line);
	assert_string_equal(value(name), want + n + 1);
}

static void
test_methods(void **state)
{
	size_t i, k;

	for (i = 0; i < N(cases); i++) {
		explain_line(cases[i].to_miner, cases[i].answers,
		    cases[i].line);
		for (k = 0; k < N(cases[i].want) && cases[i].want[k] != NULL;
		     k++)
			check_want(cases[i].want[k]);
		if (e->notes != cases[i].notes)
			fail_msg("%u notes on %s: %s", e->notes, in.line,
			    e->notes > 0 ? e->note[0] : "");
		assert_false(e->full);
	}
}

/* No method that is known is left without an explanation. */
static void
test_all_methods(void **state)
{
	enum stratum_method m;
	const char *name;
	char line[200];

	for (m = STRATUM_M_SUBSCRIBE; m < STRATUM_M_CRYPTONOTE; m++) {
		name = stratum_method_name(m);
		assert_true(name[0] != '\0');
		snprintf(line, sizeof(line), "{\"id\":1,\"method\":\"%s\"}",
		    name);
		explain_line(m >= STRATUM_M_NOTIFY, STRATUM_M_NONE, line);
		assert_null(strstr(e->title, "known here"));
	}
}

/* A password is not shown, whatever is wrong with the login. */
static void
test_passwords(void **state)
{
	static const char *const v[] = {
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":"
		"[\"u\",\"s3cret\"]}",
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":"
		"[\"u\",{\"p\":\"s3cret\"},\"s3cret\"]}",
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":"
		"[{\"pass\":\"s3cret\"}]}",
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":"
		"{\"pass\":\"s3cret\"}}",
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":"
		"[\"u\"],\"pass\":\"s3cret\"}",
		"{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"u\","
		"\"pass\":\"s3cret\"}}",
		"{\"id\":1,\"method\":\"eth_submitLogin\",\"params\":"
		"[\"u\",\"s3cret\"]}",
	};
	char *text = malloc(TEXT_MAX_);
	size_t i;

	for (i = 0; i < N(v); i++) {
		explain_line(false, STRATUM_M_NONE, v[i]);
		explain_text(e, text, TEXT_MAX_);
		assert_null(strstr(text, "s3cret"));
	}
	free(text);
}

/* --- jobs --- */

static char *
notify_of(const char *name)
{
	size_t len, n;
	char *data = vl_data(name, &len), *line = malloc(len + 100);
	const char *raw;

	assert_non_null(data);
	assert_int_equal(jtree_parse(tree, data, len), 0);
	raw = jtree_raw(tree, jtree_member(tree, 1, "notify_params"), &n);
	sprintf(line,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":"
	    "%.*s}",
	    (int)n, raw);
	free(data);
	return line;
}

static void
test_notify(void **state)
{
	char *line = notify_of("block-881423.json");

	in.net = ADDRESS_MAIN;
	explain_line(true, STRATUM_M_NONE, line);
	check_value("job_id", "block");
	check_value("clean_jobs", "true");
	check_value("previous_block",
	    "00000000000000000001543bc4d2b5e1"
	    "434cb64af8995e21fe15ca708a6ac9e3");
	check_value("height", "881423");
	check_value("tag", "Apollo /mined by 256 Foundation/");
	check_value("extranonce.length", "8");
	check_value("outputs", "2");
	check_value("reward", "3.14616437");
	check_value("output[0].value", "3.14616437");
	check_value("output[0].address",
	    "bc1qce93hy5rhg02s6aeu7mfdvxg76x66pqqtrvzs3");
	check_value("output[1].value", "0.00000000");
	check_value("witness_commitment",
	    "b395560ab72068c2afb1d7e6c7db26b8134"
	    "82089d2c4d2471b9036c5e8261406");
	check_value("network_target",
	    "000000000000000000029a8a0000000000000000"
	    "000000000000000000000000");
	check_value("network_difficulty", "1.081054338e+14 (108.11 T)");
	check_value("branches", "11");
	assert_non_null(value("branch[10]"));
	assert_null(value("branch[11]"));
	check_value("time", "2025-01-30 00:01:45 UTC");
	assert_int_equal(e->notes, 0);
	/* The same on another network. */
	in.net = ADDRESS_REGTEST;
	explain_line(true, STRATUM_M_NONE, line);
	assert_memory_equal(value("output[0].address"), "bcrt1q", 6);
	in.net = ADDRESS_MAIN;
	/* With a length of the extranonces that cannot be. */
	in.extranonce_len = 9;
	explain_line(true, STRATUM_M_NONE, line);
	assert_true(has_note("the coinbase cannot be taken apart"));
	in.extranonce_len = 0;
	free(line);
}

static void
test_notify_odd(void **state)
{
	explain_line(true, STRATUM_M_NONE,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":"
	    "[1,2,3,4,5,6,7,8,9,10]}");
	check_value("job_id", "1");
	assert_true(has_note("prevhash is a number"));
	assert_true(has_note("clean_jobs is a number"));
	assert_true(has_note("10 parameters where 9 are known"));
	assert_true(has_note("no share can be made of this job"));
	explain_line(true, STRATUM_M_NONE,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"a\","
	    "\"0000000000000000000000000000000000000000000000000000000000000000"
	    "\",\"00\",\"00\",[],\"20000000\",\"ff123456\",\"00000000\",true]}");
	assert_true(has_note("the coinbase cannot be taken apart"));
	assert_true(has_note("nbits is no valid target"));
}

/* --- the verdict beside it --- */

static void
test_share(void **state)
{
	size_t n, i, shares = 0;
	struct vl_record *r = vl_transcript("transcripts/ckpool-cpuminer.jsonl",
	    &n);
	static struct vl s[3];

	vl_init(&s[1], NULL);
	vl_init(&s[2], &s[1]);
	for (i = 0; i < n; i++) {
		struct vl *l = &s[r[i].session];
		vl_line(l, r[i].to_miner, r[i].ts, r[i].line, r[i].len);
		in.share = l->is_share ? &l->share : NULL;
		explain_line(r[i].to_miner,
		    l->is_answer ? STRATUM_M_SUBMIT : STRATUM_M_NONE,
		    r[i].line);
		if (!l->is_share)
			continue;
		shares++;
		check_value("verdict", "valid");
		assert_int_equal(strlen(value("hash")), 64);
	}
	in.share = NULL;
	assert_int_equal(shares, 189);
	vl_free(&s[2]);
	vl_free(&s[1]);
	vl_transcript_free(r, n);
}

/* --- bounds --- */

static void
test_bounds(void **state)
{
	static char line[STRATUM_LINE_MAX];
	size_t n, i;
	char small[50];

	/* More values than are looked at. */
	n = (size_t)sprintf(line, "{\"id\":1,\"method\":\"x\",\"params\":[0");
	for (i = 0; i < 30000; i++)
		n += (size_t)sprintf(line + n, ",1");
	sprintf(line + n, "]}");
	explain_line(true, STRATUM_M_NONE, line);
	assert_non_null(strstr(e->title, "too large"));
	/* More than there is room for. */
	n = (size_t)sprintf(line, "{\"id\":1,\"method\":\"mining.ping\"");
	for (i = 0; i < 400; i++)
		n += (size_t)sprintf(line + n, ",\"m%zu\":\"%0100d\"", i, 0);
	sprintf(line + n, "}");
	explain_line(true, STRATUM_M_NONE, line);
	assert_true(e->full);
	assert_true(e->fields <= EXPLAIN_FIELDS && e->notes == EXPLAIN_NOTES);
	/* Cut, as snprintf(3) does it. */
	n = explain_text(e, small, sizeof(small));
	assert_true(n > sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
	small[0] = 'x';
	explain_text(e, small, 1);
	assert_int_equal(small[0], '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_all_methods),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_odd),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
