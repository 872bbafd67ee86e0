/*
 * The tolerant scanner.  Linear, without memory, and never wrong about valid
 * JSON: there its tokens are JSON's.
 */
#include <string.h>
#include <strings.h>

#include "common/stratum_scan.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_punct(uint8_t c)
{
	return c == '{' || c == '}' || c == '[' || c == ']' || c == ':' ||
	    c == ',';
}

size_t
scan_blanks(const void *line, size_t i, size_t len)
{
	const uint8_t *s = line;

	while (i < len && is_blank(s[i]))
		i++;
	return i;
}

/* To the closing quote, or the end of the line if it never comes. */
static void
take_string(struct scan_line *p, struct scan_token *t)
{
	t->type = SCAN_STRING;
	t->start = ++p->i;
	while (p->i < p->len && p->s[p->i] != '"')
		p->i += p->s[p->i] == '\\' ? 2 : 1;
	if (p->i > p->len)
		p->i = p->len;
	t->len = p->i - t->start;
	if (p->i < p->len)
		p->i++;
}

static void
take_word(struct scan_line *p, struct scan_token *t)
{
	t->type = SCAN_WORD;
	t->start = p->i;
	while (p->i < p->len && !is_blank(p->s[p->i]) &&
	    !is_punct(p->s[p->i]) && p->s[p->i] != '"')
		p->i++;
	t->len = p->i - t->start;
}

bool
scan_next(struct scan_line *p, struct scan_token *t)
{
	p->i = scan_blanks(p->s, p->i, p->len);
	t->type = SCAN_END;
	if (p->i == p->len)
		return false;
	if (p->s[p->i] == '"') {
		take_string(p, t);
	} else if (is_punct(p->s[p->i])) {
		t->type = SCAN_PUNCT;
		t->punct = p->s[p->i];
		t->start = p->i++;
		t->len = 1;
	} else
		take_word(p, t);
	return true;
}

bool
scan_take(struct scan_line *p, uint8_t c)
{
	p->i = scan_blanks(p->s, p->i, p->len);
	if (p->i == p->len || p->s[p->i] != c)
		return false;
	p->i++;
	return true;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * One character of a JSON string, as far as names are concerned: what is not
 * ASCII, or no proper escape, is -1.  Returns the bytes taken.
 */
static size_t
string_char(const uint8_t *s, size_t len, int *c)
{
	size_t i;
	int h;

	*c = s[0] < 0x80 ? s[0] : -1;
	if (s[0] != '\\')
		return 1;
	*c = len > 1 && (s[1] == '/' || s[1] == '"') ? s[1] : -1;
	if (len < 6 || s[1] != 'u')
		return len > 1 ? 2 : 1;
	for (*c = 0, i = 2; i < 6; i++) {
		h = hex_value(s[i]);
		if (h == -1) {
			*c = -1;
			return 2;
		}
		*c = *c * 16 + h;
	}
	return 6;
}

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool
scan_is(const struct scan_line *p, const struct scan_token *t, const char *want)
{
	const uint8_t *s = p->s + t->start;
	size_t i = 0;
	int c;

	if (t->type != SCAN_STRING)
		return false;
	while (i < t->len && *want != '\0') {
		i += string_char(s + i, t->len - i, &c);
		if (lower(c) != lower((unsigned char)*want++))
			return false;
	}
	return i == t->len && *want == '\0';
}

bool
scan_member(struct scan_line *p, const char *key, struct scan_token *t)
{
	struct scan_line ahead;

	while (scan_next(p, t)) {
		if (!scan_is(p, t, key) || !scan_take(p, ':'))
			continue;
		ahead = *p;
		if (scan_next(&ahead, t) && t->type == SCAN_STRING) {
			*p = ahead;
			return true;
		}
	}
	return false;
}

const uint8_t *
scan_text(const uint8_t *s, size_t len, const char *want)
{
	size_t n = strlen(want), i;
	int first = lower((unsigned char)want[0]);

	for (i = 0; i + n <= len; i++)
		if (lower(s[i]) == first &&
		    strncasecmp((const char *)s + i, want, n) == 0)
			return s + i;
	return NULL;
}
