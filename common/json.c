/*
 * The JSON writer and the log escape.  Whether text is JSON is decided in
 * json_valid.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/utf8.h"

static const char hexdigits[] = "0123456789abcdef";

void
json_init(struct json_out *o, size_t max)
{
	memset(o, 0, sizeof(*o));
	o->max = max;
}

void
json_reset(struct json_out *o)
{
	o->len = 0;
	o->in_object = o->has_item = 0;
	o->depth = 0;
	o->after_key = o->done = o->failed = false;
}

void
json_clear(struct json_out *o)
{
	free(o->buf);
	json_init(o, o->max);
}

/* Room for n more bytes and a NUL, or NULL and failed for good. */
static char *
reserve(struct json_out *o, size_t n)
{
	size_t cap = o->cap;
	char *buf;

	if (o->failed)
		return NULL;
	if (n > o->max - o->len) {
		o->failed = true;
		return NULL;
	}
	if (o->len + n < cap)
		return o->buf + o->len;
	while (cap <= o->len + n)
		cap = cap ? cap + cap / 2 + 1 : 256;
	if ((buf = realloc(o->buf, cap)) == NULL) {
		o->failed = true;
		return NULL;
	}
	o->buf = buf;
	o->cap = cap;
	return buf + o->len;
}

static void
put(struct json_out *o, const void *s, size_t n)
{
	char *p = reserve(o, n);

	if (p != NULL && n > 0) {
		memcpy(p, s, n);
		o->len += n;
	}
}

static void
put_char(struct json_out *o, char c)
{
	put(o, &c, 1);
}

static uint64_t
level(const struct json_out *o)
{
	return UINT64_C(1) << (o->depth - 1);
}

/* Before a key, or a value of an array: the comma. */
static void
separate(struct json_out *o)
{
	if (o->has_item & level(o))
		put_char(o, ',');
	o->has_item |= level(o);
}

/* Before any value: is one allowed here?  A wrong place fails the writer. */
static void
before_value(struct json_out *o)
{
	if (o->depth == 0) {
		if (o->done)
			o->failed = true;
		o->done = true;
	} else if (o->in_object & level(o)) {
		if (!o->after_key)
			o->failed = true;
		o->after_key = false;
	} else
		separate(o);
}

static void
put_value(struct json_out *o, const void *s, size_t n)
{
	before_value(o);
	put(o, s, n);
}

static void
open_level(struct json_out *o, bool object)
{
	put_value(o, object ? "{" : "[", 1);
	if (o->depth == JSON_DEPTH_MAX)
		o->failed = true;
	if (o->failed)
		return;
	o->depth++;
	o->has_item &= ~level(o);
	if (object)
		o->in_object |= level(o);
	else
		o->in_object &= ~level(o);
}

static void
close_level(struct json_out *o, bool object)
{
	if (o->failed || o->depth == 0 || o->after_key ||
	    ((o->in_object & level(o)) != 0) != object) {
		o->failed = true;
		return;
	}
	o->depth--;
	put_char(o, object ? '}' : ']');
}

const char *
json_finish(struct json_out *o, size_t *len)
{
	char *p;

	if (o->depth != 0 || !o->done)
		o->failed = true;
	if ((p = reserve(o, 0)) == NULL)
		return NULL;
	*p = '\0';
	if (len != NULL)
		*len = o->len;
	return o->buf;
}

void
json_object(struct json_out *o)
{
	open_level(o, true);
}

void
json_object_end(struct json_out *o)
{
	close_level(o, true);
}

void
json_array(struct json_out *o)
{
	open_level(o, false);
}

void
json_array_end(struct json_out *o)
{
	close_level(o, false);
}

/* The two-character escapes; 0 for what has none. */
static char
short_escape(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

static void
put_escape(struct json_out *o, unsigned char c)
{
	char esc[6] = { '\\', short_escape(c), '0', '0', 0, 0 };

	if (esc[1] != 0) {
		put(o, esc, 2);
		return;
	}
	esc[1] = 'u';
	esc[4] = hexdigits[c >> 4];
	esc[5] = hexdigits[c & 15];
	put(o, esc, 6);
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One character that is not plain; returns the bytes of it. */
static size_t
put_odd(struct json_out *o, const unsigned char *s, size_t len)
{
	size_t n;
	bool ok;

	if (s[0] < 0x80) {
		put_escape(o, s[0]);
		return 1;
	}
	n = utf8_step(s, len, &ok);
	if (!ok)
		put(o, "\xef\xbf\xbd", 3);
	else if (n == 3 && memcmp(s, "\xe2\x80\xa8", 3) == 0)
		put(o, "\\u2028", 6);
	else if (n == 3 && memcmp(s, "\xe2\x80\xa9", 3) == 0)
		put(o, "\\u2029", 6);
	else
		put(o, s, n);
	return n;
}

static void
put_string(struct json_out *o, const void *text, size_t len)
{
	const unsigned char *s = text;
	size_t i = 0, from;

	put_char(o, '"');
	while (i < len && !o->failed) {
		from = i;
		while (i < len && is_plain(s[i]))
			i++;
		put(o, s + from, i - from);
		if (i < len)
			i += put_odd(o, s + i, len - i);
	}
	put_char(o, '"');
}

void
json_key(struct json_out *o, const char *key)
{
	if (o->depth == 0 || !(o->in_object & level(o)) || o->after_key)
		o->failed = true;
	if (o->failed)
		return;
	separate(o);
	put_string(o, key, strlen(key));
	put_char(o, ':');
	o->after_key = true;
}

void
json_str(struct json_out *o, const void *s, size_t len)
{
	before_value(o);
	put_string(o, s, len);
}

void
json_cstr(struct json_out *o, const char *s)
{
	if (s == NULL)
		json_null(o);
	else
		json_str(o, s, strlen(s));
}

void
json_int(struct json_out *o, int64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)v);

	put_value(o, text, (size_t)n);
}

void
json_uint(struct json_out *o, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v);

	put_value(o, text, (size_t)n);
}

void
json_uint_str(struct json_out *o, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "\"%llu\"", (unsigned long long)v);

	put_value(o, text, (size_t)n);
}

/*
 * 15 digits are always told apart in decimal, 17 always in binary, so one of
 * 15 to 17 is the shortest; only denormal numbers have fewer digits to show.
 */
void
json_double(struct json_out *o, double v)
{
	char text[40];
	int digits = isnormal(v) ? 15 : 1, n;

	if (!isfinite(v)) {
		json_null(o);
		return;
	}
	do
		n = snprintf(text, sizeof(text), "%.*g", digits, v);
	while (digits++ < 17 && strtod(text, NULL) != v);
	put_value(o, text, (size_t)n);
}

void
json_bool(struct json_out *o, bool v)
{
	put_value(o, v ? "true" : "false", v ? 4 : 5);
}

void
json_null(struct json_out *o)
{
	put_value(o, "null", 4);
}

void
json_base64(struct json_out *o, const void *data, size_t len)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = data;
	size_t i, left;
	uint32_t v;
	char q[4];

	before_value(o);
	put_char(o, '"');
	for (i = 0; i < len && !o->failed; i += 3) {
		left = len - i;
		v = (uint32_t)s[i] << 16;
		v |= left > 1 ? (uint32_t)s[i + 1] << 8 : 0;
		v |= left > 2 ? s[i + 2] : 0;
		q[0] = set[v >> 18];
		q[1] = set[v >> 12 & 63];
		q[2] = left > 1 ? set[v >> 6 & 63] : '=';
		q[3] = left > 2 ? set[v & 63] : '=';
		put(o, q, 4);
	}
	put_char(o, '"');
}

/* The value of \uXXXX at s if it is a surrogate, else 0. */
static unsigned int
surrogate(const char *s, const char *end)
{
	unsigned int v = 0, i;
	const char *digit;

	if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
		return 0;
	for (i = 2; i < 6; i++) {
		digit = strchr(hexdigits, s[i] | 0x20);
		if (digit == NULL)
			return 0;
		v = v << 4 | (unsigned int)(digit - hexdigits);
	}
	return v >= 0xd800 && v <= 0xdfff ? v : 0;
}

/* In valid JSON a backslash is always the first byte of an escape. */
static void
mend_surrogates(char *s, const char *end)
{
	while ((s = memchr(s, '\\', (size_t)(end - s))) != NULL) {
		unsigned int v = surrogate(s, end);

		if (v == 0)
			s += 2;
		else if (v < 0xdc00 && surrogate(s + 6, end) >= 0xdc00)
			s += 12;
		else {
			memcpy(s, "\\ufffd", 6);
			s += 6;
		}
	}
}

void
json_raw(struct json_out *o, const void *text, size_t len)
{
	size_t from;

	if (json_valid(text, len, JSON_DEPTH_MAX, NULL) == -1) {
		json_null(o);
		return;
	}
	before_value(o);
	from = o->len;
	put(o, text, len);
	if (!o->failed)
		mend_surrogates(o->buf + from, o->buf + o->len);
}

void
json_checked(struct json_out *o, const void *text, size_t len)
{
	before_value(o);
	put(o, text, len);
}

void
json_kstr(struct json_out *o, const char *key, const void *s, size_t len)
{
	json_key(o, key);
	json_str(o, s, len);
}

void
json_kcstr(struct json_out *o, const char *key, const char *s)
{
	json_key(o, key);
	json_cstr(o, s);
}

void
json_kint(struct json_out *o, const char *key, int64_t v)
{
	json_key(o, key);
	json_int(o, v);
}

void
json_kuint(struct json_out *o, const char *key, uint64_t v)
{
	json_key(o, key);
	json_uint(o, v);
}

void
json_kuint_str(struct json_out *o, const char *key, uint64_t v)
{
	json_key(o, key);
	json_uint_str(o, v);
}

void
json_kdouble(struct json_out *o, const char *key, double v)
{
	json_key(o, key);
	json_double(o, v);
}

void
json_kbool(struct json_out *o, const char *key, bool v)
{
	json_key(o, key);
	json_bool(o, v);
}

void
json_knull(struct json_out *o, const char *key)
{
	json_key(o, key);
	json_null(o);
}

void
json_kobject(struct json_out *o, const char *key)
{
	json_key(o, key);
	json_object(o);
}

void
json_karray(struct json_out *o, const char *key)
{
	json_key(o, key);
	json_array(o);
}

/* One byte as it appears in a log; returns the length. */
static size_t
escape_byte(char out[4], unsigned char c)
{
	if (c == '\\') {
		memcpy(out, "\\\\", 2);
		return 2;
	}
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = hexdigits[c >> 4];
	out[3] = hexdigits[c & 15];
	return 4;
}

size_t
text_escape(char *dst, size_t cap, const void *src, size_t len)
{
	const unsigned char *s = src;
	size_t i, n, out = 0, fits = 0; /* fits: and dots behind it */
	char esc[4];

	for (i = 0; i < len; i++) {
		n = escape_byte(esc, s[i]);
		if (out + n >= cap)
			break;
		memcpy(dst + out, esc, n);
		out += n;
		if (out + 3 < cap)
			fits = out;
	}
	if (i < len && cap > 3) {
		memcpy(dst + fits, "...", 3);
		out = fits + 3;
	}
	dst[out] = '\0';
	return out;
}
