/*
 * JSON: the checker against yajl, the writer driven by the input as a list of
 * calls, and strings, raw JSON and log text made of it.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "common/json.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define DEPTH 1000

static bool
has_byte(const uint8_t *s, size_t len, int c)
{
	return len > 0 && memchr(s, c, len) != NULL;
}

static int
on_number(void *ctx, const char *s, size_t len)
{
	return 1;
}

/* Numbers by their text: else yajl says no to large ones. */
static const yajl_callbacks callbacks = { .yajl_number = on_number };

static bool
yajl_says(const uint8_t *s, size_t len)
{
	yajl_handle h = yajl_alloc(&callbacks, NULL, NULL);
	bool ok;

	REQUIRE(h != NULL);
	ok = yajl_parse(h, s, len) == yajl_status_ok &&
	    yajl_complete_parse(h) == yajl_status_ok;
	yajl_free(h);
	return ok;
}

/*
 * Up to the depth, and where yajl is right: VT and FF are no blanks, and what
 * follows the value may not be the beginning of a string or a word.
 */
static void
check_valid(const uint8_t *s, size_t len)
{
	size_t at = len + 1, cut;
	bool ok = json_valid(s, len, DEPTH, &at) == 0;

	REQUIRE(ok == (at == len + 1));
	if (!ok) {
		/* What lies behind the error has no say in it. */
		REQUIRE(at <= len);
		REQUIRE(json_valid(s, at, DEPTH, &cut) == 0 || cut == at ||
		    has_byte(s, len, 0xff) || utf8_prefix(s, len) < len);
	}
	if (len < DEPTH && utf8_valid(s, len) && !has_byte(s, len, '\v') &&
	    !has_byte(s, len, '\f'))
		REQUIRE(ok == yajl_says(s, len) ||
		    (!ok && json_valid(s, at, DEPTH, NULL) == 0));
}

static const char *
finish(struct json_out *o, size_t *len)
{
	const char *s = json_finish(o, len);

	REQUIRE(s == NULL ||
	    (strlen(s) == *len &&
		json_valid(s, *len, 2 * JSON_DEPTH_MAX, NULL) == 0));
	return s;
}

static void
check_strings(const uint8_t *s, size_t len)
{
	struct json_out o;
	size_t n, i;

	json_init(&o, 10 * len + 100);
	json_array(&o);
	json_str(&o, s, len);
	json_base64(&o, s, len);
	json_raw(&o, s, len);
	json_array_end(&o);
	REQUIRE(finish(&o, &n) != NULL);
	for (i = 0; i < n; i++)
		REQUIRE(o.buf[i] != '\x7f' || has_byte(s, len, '\x7f'));
	json_clear(&o);
}

static void
check_texts(const uint8_t *s, size_t len)
{
	char text[64];
	size_t cap = len % sizeof(text) + 1, n;

	if (cap > sizeof(text))
		cap = sizeof(text);
	n = text_escape(text, cap, s, len);
	REQUIRE(n < cap && strlen(text) == n);
	while (n-- > 0)
		REQUIRE(text[n] >= 0x20 && text[n] < 0x7f);
	n = utf8_copy(text, cap, s, len);
	REQUIRE(n < cap && strlen(text) == n && utf8_valid(text, n));
}

/* One call of the writer, right or wrong, with what follows as its value. */
static void
call(struct json_out *o, uint8_t op, const uint8_t *s, size_t len)
{
	double d = 0;

	switch (op % 12) {
	case 0:
		json_object(o);
		break;
	case 1:
		json_object_end(o);
		break;
	case 2:
		json_array(o);
		break;
	case 3:
		json_array_end(o);
		break;
	case 4:
	case 5:
		json_key(o, "k\"\n");
		break;
	case 6:
		json_str(o, s, len < 9 ? len : 9);
		break;
	case 7:
		json_int(o, (int64_t)len - 9);
		break;
	case 8:
		json_raw(o, s, len < 9 ? len : 9);
		break;
	case 9:
		memcpy(&d, s, len < sizeof(d) ? len : sizeof(d));
		json_double(o, d);
		break;
	case 10:
		json_base64(o, s, len < 9 ? len : 9);
		break;
	default:
		json_uint_str(o, len);
	}
}

static void
check_calls(const uint8_t *s, size_t len)
{
	struct json_out o;
	size_t n, i;

	json_init(&o, 4096);
	for (i = 0; i < len; i++) {
		call(&o, s[i], s + i + 1, len - i - 1);
		if (o.depth == 0) { /* maybe complete */
			finish(&o, &n);
			json_reset(&o);
		}
	}
	finish(&o, &n);
	json_clear(&o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_valid(data, size);
	check_strings(data, size);
	check_texts(data, size);
	check_calls(data, size);
	return 0;
}
