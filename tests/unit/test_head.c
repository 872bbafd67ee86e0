/*
 * The door of apid: heads of requests, as they should be, as they come in
 * pieces, and as they are made to be read in two ways; the console's pack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apid/head.h"
#include "apid/pack.h"

#define H "Host: localhost\r\n"
#define WS                                                          \
	"GET /api/ws?session_id=1 HTTP/1.1\r\n" H                   \
	"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" \
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

static void
assert_span(struct span s, const char *want)
{
	assert_non_null(s.p);
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.p, want, s.len);
}

/* Whole, and in every beginning of it, which is never taken for a whole. */
static enum head_result
parse(const char *text, struct head *h)
{
	size_t n = strlen(text);
	enum head_result r;

	for (size_t i = 0; i < n; i++) {
		r = head_parse(text, i, h);
		if (r != HEAD_MORE)
			return r;
	}
	return head_parse(text, n, h);
}

static void
test_good(void **state)
{
	struct head h;

	assert_int_equal(
	    parse("GET /a/b?c=d&e HTTP/1.1\r\n" H
		  "Origin:http://x \r\nCookie: a=b; hashscope=s\r\n"
		  "X: \xff\r\n\r\n",
		&h),
	    HEAD_OK);
	assert_span(h.method, "GET");
	assert_span(h.path, "/a/b");
	assert_span(h.query, "c=d&e");
	assert_span(h.host, "localhost");
	assert_span(h.origin, "http://x");
	assert_span(head_cookie(h.cookie, "hashscope"), "s");
	assert_null(head_cookie(h.cookie, "hash").p);
	assert_false(h.wants_ws);
	assert_int_equal(parse("OPTIONS * HTTP/1.1\r\n" H "\r\n", &h), HEAD_OK);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &h), HEAD_OK);
	assert_int_equal(parse("POST / HTTP/1.1\r\n" H
			       "Content-Length: 12\r\n\r\nbody",
			     &h),
	    HEAD_OK);
	assert_int_equal(h.len,
	    strlen("POST / HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\n"));
	assert_int_equal(parse(WS "Sec-WebSocket-Version: 13\r\n\r\n", &h),
	    HEAD_OK);
	assert_true(h.wants_ws);
}

/* As libmicrohttpd leaves it: \1 stands for the NULs. */
static int
restored(const char *left, const char *target, const char *want)
{
	char region[512];
	size_t len = strlen(left);
	const char *version = strstr(left, "HTTP/1.1");
	int n;

	memcpy(region, left, len);
	for (size_t i = 0; i < len; i++)
		if (region[i] == '\1')
			region[i] = '\0';
	n = head_restore(region, len, (size_t)(version - left), target,
	    strlen(target));
	if (n != -1) {
		assert_int_equal(len, strlen(want));
		assert_memory_equal(region, want, len);
	}
	return n;
}

static void
test_restore(void **state)
{
	static const char *const mended[] = {
		/* A bare LF, in each place. */
		"GET\1/a\1HTTP/1.1\1Host\1 x\1\1\1\1",
		"GET\1/a\1HTTP/1.1\1\1Host\1 x\1X\1y\1\1\1\1",
		"GET\1/a\1HTTP/1.1\1\1Host\1 x\1\1\1",
		"GET\1/a\1HTTP/1.1\1\1Host\1 x\1\1",
		"GET\1/a\1HTTP/1.1\1\1Host\1 x\1",
		"GET\1/a\1HTTP/1.1\1\1Host\1 x",
		"GET\1/a\1HTTP/1.1\1\1Host",
		"GET\1/a\1HTTP/1.1\1\1",
		"GET\1/a\1HTTP/1.1",
		/* Folded: the header has gone elsewhere. */
		"GET\1/a\1HTTP/1.1\1\1\1\1 x\1\1 y\1\1\1\1",
		/* More between the words than a space. */
		"GET\1 /a\1HTTP/1.1\1\1\1\1",
		"GET\1/a \1HTTP/1.1\1\1\1\1",
	};

	assert_int_equal(restored("GET\1/a\1HTTP/1.1\1\1\1\1", "/a",
			     "GET /a HTTP/1.1\r\n\r\n"),
	    0);
	/* What was in a target's place does not matter. */
	assert_int_equal(
	    restored("GET\1/\1a\1%\1HTTP/1.1\1\1Host\1 a:b \1\1X\1\1\1\1\1",
		"/?a=%", "GET /?a=% HTTP/1.1\r\nHost: a:b \r\nX:\r\n\r\n"),
	    2);
	for (size_t i = 0; i < sizeof(mended) / sizeof(mended[0]); i++)
		assert_int_equal(restored(mended[i], "/a", ""), -1);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
	} tab[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
		{ "GET / HTTP/1.1\r\n" H H "\r\n", 400 },
		{ "GET / HTTP/1.1\n" H "\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n: a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET / HTTP/1.1 \r\n" H "\r\n", 400 },
		{ "GET /a b HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET http://x/ HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET / HTTP/2.0\r\n" H "\r\n", 505 },
		{ "GET / HTTP/1.11\r\n" H "\r\n", 400 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "\x16\x03\x01", 400 },
		{ "\r\nGET / HTTP/1.1\r\n" H "\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
		  "Content-Length: 1\r\n\r\n",
		    400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n",
		    400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 9999999999\r\n\r\n",
		    413 },
		{ "POST / HTTP/1.1\r\n" H
		  "Transfer-Encoding: gzip, chunked\r\n\r\n",
		    400 },
		{ "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
		    400 },
		{ "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" H "Upgrade: websocket, h2c\r\n\r\n",
		    400 },
		{ WS "Sec-WebSocket-Version: 8\r\n\r\n", 426 },
		{ WS "\r\n", 426 },
		{ WS "Content-Length: 1\r\n\r\n", 400 },
	};
	struct head h;

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		if (parse(tab[i].text, &h) != HEAD_BAD)
			fail_msg("taken: %s", tab[i].text);
		if (h.status != tab[i].status)
			fail_msg("%u: %s", h.status, tab[i].text);
		assert_non_null(h.why);
	}
}

static void
test_long(void **state)
{
	static char text[2 * HEAD_MAX];
	struct head h;

	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	assert_int_equal(head_parse(text, HEAD_MAX - 1, &h), HEAD_MORE);
	assert_int_equal(head_parse(text, HEAD_MAX, &h), HEAD_BAD);
	assert_int_equal(h.status, 414);
	memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
	assert_int_equal(head_parse(text, HEAD_MAX, &h), HEAD_BAD);
	assert_int_equal(h.status, 431);
}

/* --- the pack --- */

static void
u32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Two files, /a and /b, of one byte each. */
static size_t
make_pack(uint8_t *p)
{
	static const char bytes[] = "/a/bt/x12";
	uint32_t at = PACK_HEAD + 2 * PACK_ENTRY;
	uint8_t *e = p + PACK_HEAD;

	memset(p, 0, at);
	memcpy(p, PACK_MAGIC, 8);
	u32(p + 8, 2);
	for (unsigned i = 0; i < 2; i++, e += PACK_ENTRY) {
		u32(e, at + 2 * i);
		u32(e + 4, 2);
		u32(e + 8, at + 4);
		u32(e + 12, 3);
		u32(e + 16, at + 7 + i);
		u32(e + 20, 1);
		u32(e + 24, at);
		u32(e + 32, i);
	}
	memcpy(p + at, bytes, 9);
	return at + 9;
}

static void
test_pack(void **state)
{
	static uint8_t bytes[4096];
	struct pack_file f;
	struct pack k;
	size_t n = make_pack(bytes);

	assert_int_equal(pack_check(&k, bytes, n), 0);
	assert_true(pack_find(&k, "/b", &f));
	assert_int_equal(f.len, 1);
	assert_int_equal(f.body[0], '2');
	assert_true(f.immutable);
	assert_int_equal(f.gzip_len, 0);
	assert_string_equal(f.etag, "\"00000000000000000000000000000000\"");
	assert_false(pack_find(&k, "/", &f));
	assert_false(pack_find(&k, "/bb", &f));
	/* No byte of its head can make us read beyond the file. */
	for (size_t i = 0; i < PACK_HEAD + 2 * PACK_ENTRY; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1u << bit);
			if (pack_check(&k, bytes, n) == 0 &&
			    pack_find(&k, "/a", &f))
				assert_true(f.body + f.len <= bytes + n);
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pack_check(&k, bytes, i), -1);
	u32(bytes + PACK_HEAD, PACK_HEAD); /* not sorted, no path */
	assert_int_equal(pack_check(&k, bytes, n), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_pack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
