/*
 * Is this text JSON?  RFC 8259 to the letter, iteratively: nesting costs a
 * bit and not a stack frame, and the first wrong byte is known exactly.
 */
#include <string.h>

#include "common/json.h"
#include "common/utf8.h"

struct scan {
	const unsigned char *s;
	size_t i, len;
	unsigned int depth, max_depth;
	uint64_t in_object[JSON_VALID_DEPTH / 64]; /* a bit per level */
};

/* The byte at the cursor; at the end one that fits nowhere. */
static int
peek(const struct scan *p)
{
	return p->i < p->len ? p->s[p->i] : -1;
}

static void
blanks(struct scan *p)
{
	int c;

	while ((c = peek(p)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		p->i++;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int
word(struct scan *p, const char *w)
{
	for (; *w != '\0'; w++, p->i++)
		if (peek(p) != *w)
			return -1;
	return 0;
}

static int
digits(struct scan *p)
{
	if (!is_digit(peek(p)))
		return -1;
	while (is_digit(peek(p)))
		p->i++;
	return 0;
}

static int
number(struct scan *p)
{
	if (peek(p) == '-')
		p->i++;
	if (peek(p) == '0')
		p->i++;
	else if (digits(p) == -1)
		return -1;
	if (peek(p) == '.') {
		p->i++;
		if (digits(p) == -1)
			return -1;
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->i++;
		if (peek(p) == '+' || peek(p) == '-')
			p->i++;
		return digits(p);
	}
	return 0;
}

/* What follows a backslash. */
static int
escape(struct scan *p)
{
	int c = peek(p), n;

	if (c == -1 || c == 0 || strchr("\"\\/bfnrtu", c) == NULL)
		return -1;
	p->i++;
	for (n = 0; c == 'u' && n < 4; n++, p->i++)
		if (!is_hex(peek(p)))
			return -1;
	return 0;
}

static int
string(struct scan *p)
{
	int c;

	if (peek(p) != '"')
		return -1;
	p->i++;
	while ((c = peek(p)) != '"') {
		if (c < 0x20) /* a control character, or the end */
			return -1;
		p->i++;
		if (c == '\\' && escape(p) == -1)
			return -1;
	}
	p->i++;
	return 0;
}

static bool
inside_object(const struct scan *p)
{
	unsigned int n = p->depth - 1;

	return p->in_object[n / 64] >> (n % 64) & 1;
}

static int
enter(struct scan *p, bool object)
{
	unsigned int n = p->depth;
	uint64_t bit = UINT64_C(1) << (n % 64);

	if (n == p->max_depth)
		return -1;
	p->i++;
	p->depth++;
	if (object)
		p->in_object[n / 64] |= bit;
	else
		p->in_object[n / 64] &= ~bit;
	return 0;
}

static int
scalar(struct scan *p)
{
	switch (peek(p)) {
	case '"':
		return string(p);
	case 't':
		return word(p, "true");
	case 'f':
		return word(p, "false");
	case 'n':
		return word(p, "null");
	default:
		return number(p);
	}
}

static int
key(struct scan *p)
{
	blanks(p);
	if (string(p) == -1)
		return -1;
	blanks(p);
	if (peek(p) != ':')
		return -1;
	p->i++;
	return 0;
}

/*
 * One value, entering arrays and objects down to the first scalar or the
 * first empty one, whose closing bracket is left for after_value().
 */
static int
value(struct scan *p)
{
	for (;;) {
		bool object;

		blanks(p);
		object = peek(p) == '{';
		if (!object && peek(p) != '[')
			return scalar(p);
		if (enter(p, object) == -1)
			return -1;
		blanks(p);
		if (peek(p) == (object ? '}' : ']'))
			return 0;
		if (object && key(p) == -1)
			return -1;
	}
}

/*
 * After a value: close what closes here.  1 if another value follows, 0 if
 * the outermost one is complete.
 */
static int
after_value(struct scan *p)
{
	while (p->depth > 0) {
		bool object = inside_object(p);

		blanks(p);
		if (peek(p) == ',') {
			p->i++;
			if (object && key(p) == -1)
				return -1;
			return 1;
		}
		if (peek(p) != (object ? '}' : ']'))
			return -1;
		p->i++;
		p->depth--;
	}
	return 0;
}

static int
grammar(struct scan *p)
{
	int more;

	do {
		if (value(p) == -1)
			return -1;
		if ((more = after_value(p)) == -1)
			return -1;
	} while (more);
	blanks(p);
	return p->i == p->len ? 0 : -1;
}

int
json_valid(const void *text, size_t len, unsigned int max_depth, size_t *error)
{
	struct scan p = { .s = text, .max_depth = max_depth };

	/* Cut at the first invalid character the grammar ends there too. */
	p.len = utf8_prefix(text, len);
	if (p.max_depth > JSON_VALID_DEPTH)
		p.max_depth = JSON_VALID_DEPTH;
	if (grammar(&p) == 0 && p.len == len)
		return 0;
	if (error != NULL)
		*error = p.i;
	return -1;
}
