/*
 * One pass over the text, one node a value, no recursion.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/jtree.h"

#define NUMBER_MAX 512 /* digits of a number that are read */

struct scan {
	struct jtree *t;
	const unsigned char *s;
	size_t i, len;
	uint32_t open[JTREE_DEPTH]; /* arrays and objects around */
	uint32_t last[JTREE_DEPTH]; /* the latest child of each */
	unsigned depth;
};

static void
blanks(struct scan *p)
{
	while (p->i < p->len &&
	    (p->s[p->i] == ' ' || p->s[p->i] == '\t' || p->s[p->i] == '\r' ||
		p->s[p->i] == '\n'))
		p->i++;
}

static bool
take(struct scan *p, unsigned char c)
{
	blanks(p);
	if (p->i == p->len || p->s[p->i] != c)
		return false;
	p->i++;
	return true;
}

/* A node behind its latest sibling; NULL: there are too many. */
static struct jnode *
add(struct scan *p, enum jtype type)
{
	struct jtree *t = p->t;
	struct jnode *n;
	unsigned d = p->depth;

	if (t->n == JTREE_MAX)
		return NULL;
	n = &t->node[t->n];
	*n = (struct jnode){ .type = (uint8_t)type, .start = (uint32_t)p->i };
	if (d > 0) {
		if (p->last[d - 1] == JTREE_NONE)
			t->node[p->open[d - 1]].child = t->n;
		else
			t->node[p->last[d - 1]].next = t->n;
		p->last[d - 1] = t->n;
		t->node[p->open[d - 1]].n++;
	}
	t->n++;
	return n;
}

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

/* What follows a backslash: its length, 0 if it is no escape. */
static size_t
escape_len(const unsigned char *s, size_t len)
{
	size_t i;

	if (len == 0)
		return 0;
	if (s[0] != 'u')
		return s[0] != '\0' && strchr("\"\\/bfnrt", s[0]) != NULL;
	for (i = 1; i < 5; i++)
		if (i >= len || !is_hex(s[i]))
			return 0;
	return 5;
}

/* The position is at the opening quote. */
static int
string(struct scan *p)
{
	struct jnode *n = add(p, J_STRING);
	size_t i = p->i + 1, e;

	if (n == NULL)
		return -1;
	n->start++;
	for (; i < p->len && p->s[i] != '"'; i++) {
		if (p->s[i] < 0x20)
			return -1;
		if (p->s[i] != '\\')
			continue;
		n->escaped = true;
		if ((e = escape_len(p->s + i + 1, p->len - i - 1)) == 0)
			return -1;
		i += e;
	}
	if (i >= p->len)
		return -1;
	n->len = (uint32_t)i - n->start;
	p->i = i + 1;
	return 0;
}

static size_t
digits(struct scan *p)
{
	size_t from = p->i;

	while (p->i < p->len && p->s[p->i] >= '0' && p->s[p->i] <= '9')
		p->i++;
	return p->i - from;
}

static int
number(struct scan *p)
{
	struct jnode *n = add(p, J_NUMBER);
	size_t d;
	bool zero;

	if (n == NULL)
		return -1;
	if (p->s[p->i] == '-')
		p->i++;
	zero = p->i < p->len && p->s[p->i] == '0';
	if ((d = digits(p)) == 0 || (zero && d > 1))
		return -1;
	if (p->i < p->len && p->s[p->i] == '.') {
		p->i++;
		if (digits(p) == 0)
			return -1;
	}
	if (p->i < p->len && (p->s[p->i] | 0x20) == 'e') {
		p->i++;
		if (p->i < p->len && (p->s[p->i] == '+' || p->s[p->i] == '-'))
			p->i++;
		if (digits(p) == 0)
			return -1;
	}
	n->len = (uint32_t)p->i - n->start;
	return 0;
}

static int
word(struct scan *p, const char *w, enum jtype type)
{
	size_t len = strlen(w);
	struct jnode *n;

	if (p->len - p->i < len || memcmp(p->s + p->i, w, len) != 0 ||
	    (n = add(p, type)) == NULL)
		return -1;
	n->len = (uint32_t)len;
	p->i += len;
	return 0;
}

static int
enter(struct scan *p, enum jtype type)
{
	if (p->depth == JTREE_DEPTH || add(p, type) == NULL)
		return -1;
	p->open[p->depth] = p->t->n - 1;
	p->last[p->depth] = JTREE_NONE;
	p->depth++;
	p->i++;
	return 0;
}

static int
value(struct scan *p)
{
	blanks(p);
	if (p->i == p->len)
		return -1;
	switch (p->s[p->i]) {
	case '"':
		return string(p);
	case '[':
		return enter(p, J_ARRAY);
	case '{':
		return enter(p, J_OBJECT);
	case 'n':
		return word(p, "null", J_NULL);
	case 't':
		return word(p, "true", J_TRUE);
	case 'f':
		return word(p, "false", J_FALSE);
	default:
		return p->s[p->i] == '-' ||
			(p->s[p->i] >= '0' && p->s[p->i] <= '9') ?
		    number(p) :
		    -1;
	}
}

/* Closes what ends here.  1 if it did. */
static int
leave(struct scan *p)
{
	struct jnode *n = &p->t->node[p->open[p->depth - 1]];

	if (!take(p, n->type == J_ARRAY ? ']' : '}'))
		return 0;
	n->len = (uint32_t)p->i - n->start;
	if (n->type == J_OBJECT)
		n->n /= 2;
	p->depth--;
	return 1;
}

/* What stands before a value within an array or object. */
static int
separator(struct scan *p)
{
	unsigned d = p->depth - 1;

	if (p->last[d] != JTREE_NONE && !take(p, ','))
		return -1;
	if (p->t->node[p->open[d]].type != J_OBJECT)
		return 0;
	blanks(p);
	if (p->i == p->len || p->s[p->i] != '"' || string(p) == -1)
		return -1;
	return take(p, ':') ? 0 : -1;
}

static int
parse(struct scan *p)
{
	if (value(p) == -1)
		return -1;
	while (p->depth > 0)
		if (leave(p) == 0 && (separator(p) == -1 || value(p) == -1))
			return -1;
	return 0;
}

int
jtree_parse(struct jtree *t, const void *text, size_t len)
{
	struct scan p = { .t = t, .s = text, .len = len };

	t->text = text;
	t->node[JTREE_NONE] = (struct jnode){ .type = J_NONE };
	t->n = 1;
	if (len > UINT32_MAX || parse(&p) == -1) {
		t->n = 1;
		t->end = 0;
		return -1;
	}
	t->end = p.i;
	return 0;
}

static const struct jnode *
at(const struct jtree *t, uint32_t node)
{
	return &t->node[node < t->n ? node : JTREE_NONE];
}

uint32_t
jtree_root(const struct jtree *t)
{
	return t->n > 1 ? 1 : JTREE_NONE;
}

enum jtype
jtree_type(const struct jtree *t, uint32_t node)
{
	return (enum jtype)at(t, node)->type;
}

bool
jtree_is(const struct jtree *t, uint32_t node, enum jtype type)
{
	return at(t, node)->type == type;
}

uint32_t
jtree_count(const struct jtree *t, uint32_t node)
{
	return at(t, node)->n;
}

uint32_t
jtree_item(const struct jtree *t, uint32_t array, uint32_t i)
{
	uint32_t node;

	if (!jtree_is(t, array, J_ARRAY) || i >= at(t, array)->n)
		return JTREE_NONE;
	for (node = at(t, array)->child; i > 0; i--)
		node = at(t, node)->next;
	return node;
}

uint32_t
jtree_next(const struct jtree *t, uint32_t object, uint32_t *name)
{
	if (!jtree_is(t, object, J_OBJECT))
		return JTREE_NONE;
	*name = *name == JTREE_NONE ? at(t, object)->child :
				      at(t, at(t, *name)->next)->next;
	return at(t, *name)->next;
}

uint32_t
jtree_member(const struct jtree *t, uint32_t object, const char *want)
{
	uint32_t name = JTREE_NONE, v, found = JTREE_NONE;

	while ((v = jtree_next(t, object, &name)) != JTREE_NONE)
		if (jtree_equals(t, name, want))
			found = v;
	return found;
}

const char *
jtree_raw(const struct jtree *t, uint32_t node, size_t *len)
{
	const struct jnode *n = at(t, node);

	if (n->type == J_NONE) {
		*len = 0;
		return "";
	}
	*len = n->len + (n->type == J_STRING ? 2 : 0);
	return t->text + n->start - (n->type == J_STRING ? 1 : 0);
}

const char *
jtree_plain(const struct jtree *t, uint32_t node, size_t *len)
{
	const struct jnode *n = at(t, node);

	if (n->type != J_STRING || n->escaped)
		return NULL;
	*len = n->len;
	return t->text + n->start;
}

static unsigned
hex4(const char *s)
{
	unsigned v = 0;
	int i;

	for (i = 0; i < 4; i++)
		v = v << 4 |
		    (unsigned)(s[i] <= '9' ? s[i] - '0' :
					     (s[i] | 0x20) - 'a' + 10);
	return v;
}

static size_t
put_utf8(char out[4], unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX, or two of them that are one character.  Returns what it took. */
static size_t
unescape_u(const char *s, size_t len, unsigned *c)
{
	unsigned low;

	*c = hex4(s + 2);
	if (*c < 0xd800 || *c > 0xdfff)
		return 6;
	if (*c < 0xdc00 && len >= 12 && s[6] == '\\' && s[7] == 'u') {
		low = hex4(s + 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
			return 12;
		}
	}
	*c = 0xfffd;
	return 6;
}

/* One character of the string at s as bytes; returns what it took. */
static size_t
unescape(const char *s, size_t len, char out[4], size_t *n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned c;
	size_t took;

	*n = 1;
	out[0] = s[0];
	if (s[0] != '\\')
		return 1;
	if (s[1] != 'u') {
		out[0] = to[strchr(from, s[1]) - from];
		return 2;
	}
	took = unescape_u(s, len, &c);
	*n = put_utf8(out, c);
	return took;
}

long
jtree_str(const struct jtree *t, uint32_t node, char *dst, size_t cap)
{
	const struct jnode *v = at(t, node);
	const char *s = t->text + v->start;
	size_t i = 0, n = 0, k;
	char c[4];

	dst[0] = '\0';
	if (v->type != J_STRING)
		return -1;
	if (!v->escaped) {
		if (v->len >= cap)
			return -1;
		memcpy(dst, s, v->len);
		dst[v->len] = '\0';
		return (long)v->len;
	}
	while (i < v->len) {
		i += unescape(s + i, v->len - i, c, &k);
		if (k >= cap - n) {
			dst[0] = '\0';
			return -1;
		}
		memcpy(dst + n, c, k);
		n += k;
	}
	dst[n] = '\0';
	return (long)n;
}

long
jtree_name(const struct jtree *t, uint32_t node, char *dst, size_t cap)
{
	const struct jnode *v = at(t, node);

	if (v->type != J_NUMBER || v->len >= cap)
		return jtree_str(t, node, dst, cap);
	memcpy(dst, t->text + v->start, v->len);
	dst[v->len] = '\0';
	return (long)v->len;
}

bool
jtree_equals(const struct jtree *t, uint32_t node, const char *want)
{
	const struct jnode *v = at(t, node);
	size_t len = strlen(want), i = 0, n = 0, k;
	const char *s = t->text + v->start;
	char c[4];

	if (v->type != J_STRING)
		return false;
	if (!v->escaped)
		return v->len == len && memcmp(s, want, len) == 0;
	while (i < v->len) {
		i += unescape(s + i, v->len - i, c, &k);
		if (k > len - n || memcmp(want + n, c, k) != 0)
			return false;
		n += k;
	}
	return n == len;
}

/* The text of a number as a string; NULL if it is none or too long. */
static const char *
number_text(const struct jtree *t, uint32_t node, char buf[NUMBER_MAX + 1])
{
	const struct jnode *n = at(t, node);

	if (n->type != J_NUMBER || n->len > NUMBER_MAX)
		return NULL;
	memcpy(buf, t->text + n->start, n->len);
	buf[n->len] = '\0';
	return buf;
}

int
jtree_double(const struct jtree *t, uint32_t node, double *d)
{
	char buf[NUMBER_MAX + 1];

	if (number_text(t, node, buf) == NULL)
		return -1;
	*d = strtod(buf, NULL);
	return isfinite(*d) ? 0 : -1;
}

int
jtree_int(const struct jtree *t, uint32_t node, int64_t *i)
{
	char buf[NUMBER_MAX + 1];
	long long v;

	if (number_text(t, node, buf) == NULL || strpbrk(buf, ".eE") != NULL)
		return -1;
	errno = 0;
	v = strtoll(buf, NULL, 10);
	if (errno != 0)
		return -1;
	*i = v;
	return 0;
}
