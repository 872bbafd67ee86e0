/*
 * The JSON writer (what it writes, what it refuses, what it does without
 * memory), the checker against a table of good and bad texts, and the log
 * escape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

#define S(text) text, sizeof(text) - 1

void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);

static int allocations = -1; /* how many still succeed; -1: all */

void *
__wrap_realloc(void *p, size_t n)
{
	if (allocations == 0)
		return NULL;
	if (allocations > 0)
		allocations--;
	return __real_realloc(p, n);
}

static void
finish(struct json_out *o, const char *want)
{
	size_t len;
	const char *s = json_finish(o, &len);

	if (want == NULL) {
		assert_null(s);
	} else {
		assert_non_null(s);
		assert_string_equal(s, want);
		assert_int_equal(len, strlen(want));
		assert_int_equal(json_valid(s, len, JSON_DEPTH_MAX, NULL), 0);
	}
	json_clear(o);
}

static void
write_all(struct json_out *o)
{
	json_object(o);
	json_kcstr(o, "s", "a\"b\\c\n\x01\x7f/");
	json_kcstr(o, "none", NULL);
	json_kint(o, "i", INT64_MIN);
	json_kuint(o, "u", UINT64_MAX);
	json_kuint_str(o, "us", UINT64_MAX);
	json_kdouble(o, "d", 0.001);
	json_kbool(o, "t", true);
	json_kbool(o, "f", false);
	json_knull(o, "n");
	json_karray(o, "a");
	json_int(o, 1);
	json_array(o);
	json_array_end(o);
	json_object(o);
	json_object_end(o);
	json_base64(o, S("\xff\xfe\xfd\x00"));
	json_raw(o, S(" {\"x\": [1]}"));
	json_array_end(o);
	json_kobject(o, "o");
	json_kstr(o, "k\"", S("v"));
	json_object_end(o);
	json_object_end(o);
}

static const char all[] =
    "{\"s\":\"a\\\"b\\\\c\\n\\u0001\\u007f/\",\"none\":null,"
    "\"i\":-9223372036854775808,\"u\":18446744073709551615,"
    "\"us\":\"18446744073709551615\",\"d\":0.001,\"t\":true,\"f\":false,"
    "\"n\":null,\"a\":[1,[],{},\"//79AA==\", {\"x\": [1]}],"
    "\"o\":{\"k\\\"\":\"v\"}}";

static void
test_writer(void **state)
{
	struct json_out o;

	json_init(&o, 1000);
	write_all(&o);
	finish(&o, all);
	/* Again in the same buffer. */
	json_init(&o, 1000);
	write_all(&o);
	json_reset(&o);
	json_bool(&o, true);
	finish(&o, "true");
}

/* Each bound and each failing allocation: no text, and no harm. */
static void
test_bounds(void **state)
{
	struct json_out o;
	size_t max, len;
	bool ok = false;
	int i, n;

	for (max = 0; max < sizeof(all) - 1; max++) {
		json_init(&o, max);
		write_all(&o);
		finish(&o, NULL);
	}
	json_init(&o, sizeof(all) - 1);
	write_all(&o);
	finish(&o, all);
	for (n = 0; !ok; n++) {
		json_init(&o, 1 << 20);
		allocations = n;
		json_array(&o);
		for (i = 0; i < 10; i++)
			write_all(&o);
		json_array_end(&o);
		ok = json_finish(&o, &len) != NULL;
		assert_true(!ok || json_valid(o.buf, len, 9, NULL) == 0);
		json_clear(&o);
	}
	assert_true(n > 4);
	allocations = -1;
}

static void
test_misuse(void **state)
{
	struct json_out o;
	unsigned int i;

	json_init(&o, 1000);
	finish(&o, NULL); /* nothing */
	json_object(&o);
	finish(&o, NULL); /* not complete */
	json_object(&o);
	json_int(&o, 1); /* no key */
	json_object_end(&o);
	finish(&o, NULL);
	json_array(&o);
	json_key(&o, "k"); /* in an array */
	json_array_end(&o);
	finish(&o, NULL);
	json_key(&o, "k"); /* nowhere */
	finish(&o, NULL);
	json_object(&o);
	json_key(&o, "k");
	json_key(&o, "k");
	json_null(&o);
	json_object_end(&o);
	finish(&o, NULL);
	json_object(&o);
	json_key(&o, "k"); /* no value */
	json_object_end(&o);
	finish(&o, NULL);
	json_array(&o);
	json_object_end(&o);
	finish(&o, NULL);
	json_array_end(&o);
	finish(&o, NULL);
	json_null(&o);
	json_null(&o); /* a second value */
	finish(&o, NULL);
	for (i = 0; i <= JSON_DEPTH_MAX; i++)
		json_array(&o);
	for (i = 0; i <= JSON_DEPTH_MAX; i++)
		json_array_end(&o);
	finish(&o, NULL);
}

static void
test_depth(void **state)
{
	struct json_out o;
	char want[2 * JSON_DEPTH_MAX + 1] = { 0 };
	unsigned int i;

	json_init(&o, 1000);
	for (i = 0; i < JSON_DEPTH_MAX; i++)
		json_array(&o);
	for (i = 0; i < JSON_DEPTH_MAX; i++)
		json_array_end(&o);
	memset(want, '[', JSON_DEPTH_MAX);
	memset(want + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	finish(&o, want);
}

static void
test_strings(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		const char *want;
	} cases[] = {
		{ S(""), "\"\"" },
		{ S("\0\b\f\r\t\x1f"), "\"\\u0000\\b\\f\\r\\t\\u001f\"" },
		{ S("\xc3\xa4\xf0\x9f\x98\x80"),
		    "\"\xc3\xa4\xf0\x9f\x98\x80\"" },
		{ S("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
		    "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"" },
		{ S("a\xff\xed\xa0\x80z"),
		    "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"" },
		{ S("</script>"), "\"</script>\"" },
	};
	struct json_out o;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_init(&o, 1000);
		json_str(&o, cases[i].s, cases[i].len);
		finish(&o, cases[i].want);
	}
}

static void
test_base64(void **state)
{
	static const char *const want[] = { "\"\"", "\"Zg==\"", "\"Zm8=\"",
		"\"Zm9v\"", "\"Zm9vYg==\"", "\"Zm9vYmE=\"", "\"Zm9vYmFy\"" };
	struct json_out o;
	size_t i;

	for (i = 0; i <= 6; i++) { /* RFC 4648, 10 */
		json_init(&o, 1000);
		json_base64(&o, "foobar", i);
		finish(&o, want[i]);
	}
}

static void
test_doubles(void **state)
{
	static const struct {
		double v;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ 1024, "1024" },
		{ 16383.75, "16383.75" },
		{ 0.1, "0.1" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 5e-324, "5e-324" },
		{ 1e22, "1e+22" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ (double)NAN, "null" },
		{ (double)INFINITY, "null" },
		{ -(double)INFINITY, "null" },
	};
	struct json_out o;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_init(&o, 1000);
		json_double(&o, cases[i].v);
		finish(&o, cases[i].want);
	}
}

/* Any bits of a double come back from its text. */
static void
test_doubles_round_trip(void **state)
{
	uint64_t bits = 88172645463325252u;
	struct json_out o;
	double v, back;
	int i;

	json_init(&o, 100);
	for (i = 0; i < 50000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		json_reset(&o);
		json_double(&o, v);
		back = strtod(json_finish(&o, NULL), NULL);
		assert_memory_equal(&v, &back, sizeof(v));
	}
	json_clear(&o);
}

static void
test_raw(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "1", "1" },
		{ "\"a\"", "\"a\"" },
		{ "{\"a\":[1,2]}", "{\"a\":[1,2]}" },
		{ "", "null" },
		{ "{", "null" },
		{ "1 2", "null" },
		{ "NaN", "null" },
		{ "\"\xff\"", "null" },
		/* Surrogates: a pair stays, each lone one goes. */
		{ "\"\\uD83D\\uDE00\"", "\"\\uD83D\\uDE00\"" },
		{ "\"\\ud83d\"", "\"\\ufffd\"" },
		{ "\"\\uDE00x\\ud83d\\n\"", "\"\\ufffdx\\ufffd\\n\"" },
		{ "\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"" },
		{ "\"\\\\ud83d\\\\\"", "\"\\\\ud83d\\\\\"" },
		{ "\"\\uD7ff\\ue000\"", "\"\\uD7ff\\ue000\"" },
	};
	struct json_out o;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_init(&o, 1000);
		json_raw(&o, cases[i].in, strlen(cases[i].in));
		finish(&o, cases[i].want);
	}
}

static const struct {
	const char *s;
	size_t len;
	int error; /* -1: valid */
} texts[] = {
	{ S("{}"), -1 },
	{ S(" [ ] "), -1 },
	{ S("\t\r\n null \n"), -1 },
	{ S("true"), -1 },
	{ S("false"), -1 },
	{ S("\"\""), -1 },
	{ S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00aF\x7f\xc3\xa4\""), -1 },
	{ S("\"\\ud800\""), -1 },
	{ S("0"), -1 },
	{ S("-0"), -1 },
	{ S("-12.50e+10"), -1 },
	{ S("0E-0"), -1 },
	{ S("123456789012345678901234567890"), -1 },
	{ S("1e999999"), -1 },
	{ S("{\"a\":1,\"a\":{\"b\":[[],{},[1,\"x\",null]]}}"), -1 },
	{ S("[1,2 , 3]"), -1 },
	{ S(""), 0 },
	{ S("  "), 2 },
	{ S("\0"), 0 },
	{ S("{}\0"), 2 },
	{ S("{}{}"), 2 },
	{ S("1 2"), 2 },
	{ S("tru"), 3 },
	{ S("trUe"), 2 },
	{ S("nulll"), 4 },
	{ S("NaN"), 0 },
	{ S("[NaN]"), 1 },
	{ S("Infinity"), 0 },
	{ S("-Infinity"), 1 },
	{ S("+1"), 0 },
	{ S("01"), 1 },
	{ S("-"), 1 },
	{ S("1."), 2 },
	{ S(".5"), 0 },
	{ S("1e"), 2 },
	{ S("1e+"), 3 },
	{ S("0x10"), 1 },
	{ S("\"abc"), 4 },
	{ S("\"a\nb\""), 2 },
	{ S("\"a\0b\""), 2 },
	{ S("\"\\x\""), 2 },
	{ S("\"\\u12g4\""), 5 },
	{ S("\"\\u12"), 5 },
	{ S("\"\\"), 2 },
	{ S("\"\\\0\""), 2 },
	{ S("'a'"), 0 },
	{ S("[1,]"), 3 },
	{ S("[,1]"), 1 },
	{ S("[1 2]"), 3 },
	{ S("[1}"), 2 },
	{ S("["), 1 },
	{ S("]"), 0 },
	{ S("{\"a\"}"), 4 },
	{ S("{\"a\":}"), 5 },
	{ S("{\"a\":1,}"), 7 },
	{ S("{a:1}"), 1 },
	{ S("{1:1}"), 1 },
	{ S("{\"a\":1]"), 6 },
	{ S("{\"a\" 1}"), 5 },
	{ S("{,}"), 1 },
	{ S("// x\n1"), 0 },
	{ S("[1]\v"), 3 },
	{ S("[\f1]"), 1 },
	{ S("\xef\xbb\xbf{}"), 0 },
	{ S("[\"\xc0\x80\"]"), 2 },
	{ S("[\"\xed\xa0\x80\"]"), 2 },
	{ S("[\"ab\xff\"}"), 4 },
	{ S("[x\"\xff\"]"), 1 },
	{ S("{}\xff"), 2 },
	{ S("\xc2\xa0{}"), 0 },
};

static void
test_valid(void **state)
{
	size_t i, at;
	char *exact;
	int ret;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		/* Exactly as long, so that a sanitizer sees each overrun. */
		exact = malloc(texts[i].len + !texts[i].len);
		assert_non_null(exact);
		memcpy(exact, texts[i].s, texts[i].len);
		at = 12345;
		ret = json_valid(exact, texts[i].len, 16, &at);
		free(exact);
		if (texts[i].error == -1) {
			assert_int_equal(ret, 0);
			continue;
		}
		assert_int_equal(ret, -1);
		if (at != (size_t)texts[i].error)
			print_message("%s\n", texts[i].s);
		assert_int_equal(at, texts[i].error);
	}
}

static void
test_valid_depth(void **state)
{
	char s[4 * JSON_VALID_DEPTH];
	unsigned int n;
	size_t at;

	for (n = 1; n <= JSON_VALID_DEPTH; n++) {
		memset(s, '[', n);
		memset(s + n, ']', n);
		assert_int_equal(json_valid(s, 2 * n, n, NULL), 0);
		assert_int_equal(json_valid(s, 2 * n, n - 1, &at), -1);
		assert_int_equal(at, n - 1);
	}
	/* No depth is too deep for the checker itself. */
	memset(s, '[', sizeof(s));
	assert_int_equal(json_valid(s, sizeof(s), 1u << 30, &at), -1);
	assert_int_equal(at, JSON_VALID_DEPTH);
	assert_int_equal(json_valid(S("{\"a\":[{\"b\":[1]}]}"), 4, NULL), 0);
	assert_int_equal(json_valid(S("{\"a\":[{\"b\":[1]}]}"), 3, NULL), -1);
}

static void
test_escape(void **state)
{
	static const struct {
		const char *s;
		size_t len, cap;
		const char *want;
	} cases[] = {
		{ S(""), 10, "" },
		{ S("plain \"text\""), 100, "plain \"text\"" },
		{ S("a\\b\n\0\x7f\xff"), 100, "a\\\\b\\x0a\\x00\\x7f\\xff" },
		{ S("\x1b[31m"), 100, "\\x1b[31m" },
		{ S("12345"), 6, "12345" },
		{ S("123456"), 6, "12..." },
		{ S("a\n"), 6, "a\\x0a" },
		{ S("ab\n"), 6, "ab..." },
		{ S("\n\n"), 6, "..." },
		{ S("abcdef"), 4, "..." },
		{ S("abcdef"), 3, "ab" },
		{ S("abcdef"), 1, "" },
	};
	char out[128];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(out, 'X', sizeof(out));
		assert_int_equal(text_escape(out, cases[i].cap, cases[i].s,
				     cases[i].len),
		    strlen(cases[i].want));
		assert_string_equal(out, cases[i].want);
		assert_int_equal(out[cases[i].cap], 'X');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_doubles_round_trip),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_valid_depth),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
