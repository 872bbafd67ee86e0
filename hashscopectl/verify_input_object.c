/*
 * What an object says: its members, which are looked at one by one, for an
 * object may hold a message of any size.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/utf8.h"
#include "hashscopectl/verify_input_int.h"

/* --- members; the text is valid JSON --- */

static const char *
blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
		s++;
	return s;
}

/* Behind a string; s is at its quote. */
static const char *
string_end(const char *s)
{
	for (s++; *s != '"'; s++)
		if (*s == '\\')
			s++;
	return s + 1;
}

/* Behind a value. */
static const char *
value_end(const char *s)
{
	unsigned depth = 0;

	do {
		if (*s == '"') {
			s = string_end(s);
			continue;
		}
		if (*s == '{' || *s == '[')
			depth++;
		else if (*s == '}' || *s == ']')
			depth--;
		s++;
	} while (depth > 0);
	/* A number or a word. */
	if (s[-1] != '"' && s[-1] != '}' && s[-1] != ']')
		while (strchr(" \t\r\n,}]", *s) == NULL)
			s++;
	return s;
}

static struct slice *
member(struct object *o, const char *name, size_t len)
{
	const struct {
		const char *name;
		struct slice *slice;
	} tab[] = {
		{ "t", &o->t },
		{ "session", &o->session },
		{ "bytes", &o->bytes },
		{ "id", &o->id },
		{ "ts_recv", &o->ts_recv },
		{ "ts_fwd", &o->ts_fwd },
		{ "session_id", &o->session_id },
		{ "raw", &o->raw },
		{ "raw_encoding", &o->raw_encoding },
		{ "truncated", &o->truncated },
		{ "after_gap", &o->after_gap },
		{ "broken", &o->broken },
		{ "direction", &o->direction },
	};
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		if (strlen(tab[i].name) == len &&
		    memcmp(tab[i].name, name, len) == 0)
			return tab[i].slice;
	return NULL;
}

int
object_members(const char *text, size_t len, struct object *o)
{
	const char *s = text, *name, *end;
	struct slice *to;

	memset(o, 0, sizeof(*o));
	if (len < 2 || *s != '{' || text[len - 1] != '}')
		return -1;
	for (s = blanks(s + 1); s < text + len - 1; s = blanks(s)) {
		if (*s == ',')
			s = blanks(s + 1);
		name = s + 1;
		end = string_end(s);
		to = member(o, name, (size_t)(end - name - 1));
		s = blanks(end);
		s = blanks(s + 1); /* the colon */
		end = value_end(s);
		if (to != NULL)
			*to = (struct slice){ s, (size_t)(end - s) };
		s = end;
	}
	return 0;
}

bool
object_equals(const struct slice *v, const char *want)
{
	size_t len = strlen(want);

	return v->len == len + 2 && v->s[0] == '"' &&
	    memcmp(v->s + 1, want, len) == 0;
}

bool
object_true(const struct slice *v)
{
	return v->len == 4 && memcmp(v->s, "true", 4) == 0;
}

/* --- values --- */

long
object_text(struct jtree *t, const struct slice *v, char *dst, size_t cap)
{
	if (v->s == NULL || jtree_parse(t, v->s, v->len) == -1)
		return -1;
	return jtree_str(t, jtree_root(t), dst, cap);
}

long
object_latin1(struct jtree *t, const struct slice *v, char *dst, size_t cap)
{
	long len = object_text(t, v, dst, cap), i, n = 0;
	const unsigned char *s = (const unsigned char *)dst;

	for (i = 0; i < len; i++) {
		if (s[i] < 0x80) {
			dst[n++] = (char)s[i];
		} else if (s[i] == 0xc2 || s[i] == 0xc3) {
			dst[n++] = (char)((s[i] & 3) << 6 | (s[i + 1] & 0x3f));
			i++;
		} else
			return -1;
	}
	return len < 0 ? -1 : n;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long
object_base64(char *s, size_t len)
{
	uint32_t bits = 0;
	size_t i, pad = 0;
	long n = 0;
	int d;

	if (len % 4 != 0)
		return -1;
	while (pad < 2 && pad < len && s[len - 1 - pad] == '=')
		pad++;
	for (i = 0; i < len - pad; i++) {
		if ((d = base64_digit(s[i])) == -1)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 != 0)
			s[n++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return n;
}

int
object_position(const struct slice *v, uint64_t *id)
{
	const char *s = v->s;
	size_t len = v->len, i;
	uint64_t n = 0;

	if (s != NULL && len > 2 && s[0] == '"') {
		s++;
		len -= 2;
	}
	if (s == NULL || len == 0 || len > 19)
		return -1;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	*id = n;
	return 0;
}

/* n digits; -1 if they are none. */
static int
digits(const char *s, int n)
{
	int v = 0;

	for (; n > 0; n--, s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

/* The fraction of a second, which begins at its point, in ns. */
static int64_t
fraction(const char *s, size_t len)
{
	int64_t ns = 0, unit = 100000000;
	size_t i;

	if (len == 0)
		return 0;
	if (*s != '.' || len < 2)
		return -1;
	for (i = 1; i < len; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		ns += unit * (s[i] - '0');
	}
	return ns;
}

/* "2026-11-21T12:00:00.123456Z" in its quotes. */
int
object_time_ns(const struct slice *v, uint64_t *ns)
{
	const char *s;
	struct tm tm = { 0 };
	int64_t part;
	time_t t;

	if (v->s == NULL || v->len < 22 || v->s[0] != '"')
		return -1;
	s = v->s + 1;
	if (s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
	    s[16] != ':' || s[v->len - 3] != 'Z')
		return -1;
	tm.tm_year = digits(s, 4) - 1900;
	tm.tm_mon = digits(s + 5, 2) - 1;
	tm.tm_mday = digits(s + 8, 2);
	tm.tm_hour = digits(s + 11, 2);
	tm.tm_min = digits(s + 14, 2);
	tm.tm_sec = digits(s + 17, 2);
	part = fraction(s + 19, v->len - 22);
	if (tm.tm_year < 70 || tm.tm_year > 600 || tm.tm_mon < 0 ||
	    tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
	    tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60 || part < 0 ||
	    (t = timegm(&tm)) < 0)
		return -1;
	*ns = (uint64_t)t * 1000000000 + (uint64_t)part;
	return 0;
}
