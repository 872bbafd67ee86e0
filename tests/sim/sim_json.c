/*
 * A JSON reader without memory of its own: one line becomes a flat array of
 * tokens that point into it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_json.h"
#include "tests/sim/sim_util.h"

struct reader {
	const char *p, *end;
	struct sim_tok *toks;
	int n, max, depth;
};

static int read_value(struct reader *);

static void
skip_blank(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p != '\0')
		r->p++;
}

static bool
accept_char(struct reader *r, char c)
{
	skip_blank(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static int
read_string(struct reader *r)
{
	for (r->p++; r->p < r->end; r->p++) {
		if ((unsigned char)*r->p < 0x20)
			return -1;
		if (*r->p == '"') {
			r->p++;
			return 0;
		}
		if (*r->p == '\\' && ++r->p == r->end)
			return -1;
	}
	return -1;
}

static int
read_literal(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
		return -1;
	r->p += n;
	return 0;
}

static int
read_number(struct reader *r)
{
	const char *start = r->p;

	while (
	    r->p < r->end && *r->p != '\0' && strchr("+-0123456789.eE", *r->p))
		r->p++;
	return r->p == start ? -1 : 0;
}

/* Arrays and objects; the opening bracket is already behind us. */
static int
read_members(struct reader *r, int self, char close)
{
	if (++r->depth > SIM_JSON_DEPTH)
		return -1;
	if (accept_char(r, close)) {
		r->depth--;
		return 0;
	}
	do {
		skip_blank(r);
		if (close == '}') {
			if (r->p == r->end || *r->p != '"')
				return -1;
			if (read_value(r) == -1 || !accept_char(r, ':'))
				return -1;
		}
		if (read_value(r) == -1)
			return -1;
		r->toks[self].count++;
	} while (accept_char(r, ','));
	r->depth--;
	return accept_char(r, close) ? 0 : -1;
}

static int
read_typed(struct reader *r, int self, struct sim_tok *t)
{
	switch (*r->p) {
	case '{':
		r->p++;
		t->type = SIM_OBJECT;
		return read_members(r, self, '}');
	case '[':
		r->p++;
		t->type = SIM_ARRAY;
		return read_members(r, self, ']');
	case '"':
		t->type = SIM_STRING;
		return read_string(r);
	case 'n':
		t->type = SIM_NULL;
		return read_literal(r, "null");
	case 't':
		t->type = SIM_BOOL;
		return read_literal(r, "true");
	case 'f':
		t->type = SIM_BOOL;
		return read_literal(r, "false");
	default:
		t->type = SIM_NUMBER;
		return read_number(r);
	}
}

static int
read_value(struct reader *r)
{
	int self = r->n;
	struct sim_tok *t;

	skip_blank(r);
	if (r->p == r->end || r->n == r->max)
		return -1;
	t = &r->toks[r->n++];
	*t = (struct sim_tok){ .raw = r->p };
	if (read_typed(r, self, t) == -1)
		return -1;
	t->len = (size_t)(r->p - t->raw);
	t->next = r->n;
	return 0;
}

int
sim_json_parse(const char *text, size_t len, struct sim_tok *toks, int max)
{
	struct reader r = { .p = text,
		.end = text + len,
		.toks = toks,
		.max = max };

	if (read_value(&r) == -1)
		return -1;
	skip_blank(&r);
	return r.p == r.end ? r.n : -1;
}

int
sim_json_get(const struct sim_tok *toks, int obj, const char *key)
{
	size_t n = strlen(key);
	int k;

	if (obj < 0 || toks[obj].type != SIM_OBJECT)
		return -1;
	k = obj + 1;
	for (int i = 0; i < toks[obj].count; i++) {
		if (toks[k].len == n + 2 && !memcmp(toks[k].raw + 1, key, n))
			return k + 1;
		k = toks[k + 1].next;
	}
	return -1;
}

int
sim_json_at(const struct sim_tok *toks, int arr, int i)
{
	int k;

	if (arr < 0 || toks[arr].type != SIM_ARRAY || i < 0 ||
	    i >= toks[arr].count)
		return -1;
	for (k = arr + 1; i > 0; i--)
		k = toks[k].next;
	return k;
}

/* \uXXXX of ASCII only; anything else becomes '?', no one here needs it. */
static int
decode_unicode(const char **p, const char *end, char *out)
{
	uint32_t v;

	if (end - *p < 5 || sim_hex_u32(*p + 1, 4, &v) == -1)
		return -1;
	*out = v > 0 && v < 0x80 ? (char)v : '?';
	*p += 4;
	return 0;
}

static int
decode_escape(const char **p, const char *end, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;

	if (**p == 'u')
		return decode_unicode(p, end, out);
	if (**p == '\0' || (hit = strchr(from, **p)) == NULL)
		return -1;
	*out = to[hit - from];
	return 0;
}

int
sim_json_str(const struct sim_tok *toks, int i, char *buf, size_t size)
{
	const char *p, *end;
	size_t n = 0;

	if (i < 0 || toks[i].type != SIM_STRING)
		return -1;
	end = toks[i].raw + toks[i].len - 1;
	for (p = toks[i].raw + 1; p < end; p++) {
		if (n + 1 >= size)
			return -1;
		buf[n] = *p;
		if (*p == '\\' && (p++, decode_escape(&p, end, &buf[n]) == -1))
			return -1;
		n++;
	}
	buf[n] = '\0';
	return (int)n;
}

/* One byte from p on, which is moved to its last character. */
static int
decode_latin1(const char **p, const char *end, char *out)
{
	unsigned char c = (unsigned char)**p;
	uint32_t v;

	*out = **p;
	if (c == '\\' && (*p)[1] == 'u') {
		if (end - *p < 6 || sim_hex_u32(*p + 2, 4, &v) == -1 || v > 255)
			return -1;
		*out = (char)v;
		*p += 5;
	} else if (c == '\\') {
		(*p)++;
		return decode_escape(p, end, out);
	} else if (c >= 0x80) {
		if ((c != 0xc2 && c != 0xc3) || end - *p < 2)
			return -1;
		(*p)++;
		*out = (char)((c & 3) << 6 | (**p & 0x3f));
	}
	return 0;
}

int
sim_json_latin1(const struct sim_tok *toks, int i, char *buf, size_t size)
{
	const char *p, *end;
	size_t n = 0;

	if (i < 0 || toks[i].type != SIM_STRING)
		return -1;
	end = toks[i].raw + toks[i].len - 1;
	for (p = toks[i].raw + 1; p < end; p++) {
		if (n == size || decode_latin1(&p, end, &buf[n]) == -1)
			return -1;
		n++;
	}
	return (int)n;
}

int
sim_json_num(const struct sim_tok *toks, int i, double *out)
{
	char buf[64], *end;
	size_t n;

	if (i < 0)
		return -1;
	if (toks[i].type == SIM_STRING) {
		if (sim_json_str(toks, i, buf, sizeof(buf)) < 1)
			return -1;
	} else if (toks[i].type == SIM_NUMBER) {
		if ((n = toks[i].len) >= sizeof(buf))
			return -1;
		memcpy(buf, toks[i].raw, n);
		buf[n] = '\0';
	} else {
		return -1;
	}
	*out = strtod(buf, &end);
	return *end == '\0' ? 0 : -1;
}

bool
sim_json_true(const struct sim_tok *toks, int i)
{
	return i >= 0 && toks[i].type == SIM_BOOL && toks[i].len == 4;
}
