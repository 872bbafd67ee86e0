/*
 * Passwords, found and hidden.  Two cases: a line that is JSON, where exactly
 * the parameters are hidden and the rest stays as it was; and one that only
 * resembles it, where everything is hidden from the place on where a password
 * could begin.
 */
#include <string.h>

#include "common/json.h"
#include "common/stratum.h"
#include "common/stratum_scan.h"

/* Each secret as it is found. */
typedef void found_cb(void *arg, const struct stratum_range *);

struct finder {
	struct scan_line p;
	found_cb *cb;
	void *arg;
};

static void
found(const struct finder *f, size_t start, size_t len, bool scalar)
{
	struct stratum_range r = { (uint32_t)start, (uint32_t)len, scalar };

	if (len > 0)
		f->cb(f->arg, &r);
}

/* A string or a word; null keeps no secret. */
static void
found_token(const struct finder *f, const struct scan_token *t)
{
	if (t->type == SCAN_STRING)
		found(f, t->start, t->len, false);
	else if (t->type == SCAN_WORD &&
	    !(t->len == 4 && memcmp(f->p.s + t->start, "null", 4) == 0))
		found(f, t->start, t->len, true);
}

static bool
is_open(const struct scan_token *t)
{
	return t->type == SCAN_PUNCT && (t->punct == '[' || t->punct == '{');
}

static bool
is_close(const struct scan_token *t)
{
	return t->type == SCAN_PUNCT && (t->punct == ']' || t->punct == '}');
}

/* Behind the '[' of params: hide all from the second one on. */
static void
hide_array(struct finder *f)
{
	struct scan_token t;
	size_t depth = 1, nth = 0;

	while (depth > 0 && scan_next(&f->p, &t)) {
		if (is_open(&t))
			depth++;
		else if (is_close(&t))
			depth--;
		else if (t.type == SCAN_PUNCT)
			nth += depth == 1 && t.punct == ',';
		else if (nth > 0)
			found_token(f, &t);
	}
}

static bool
is_public_name(const struct finder *f, const struct scan_token *t)
{
	static const char *const names[] = { "user", "username", "worker",
		"workername", "login", "agent" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (scan_is(&f->p, t, names[i]))
			return true;
	return false;
}

/* Behind the '{' of params: hide all but who it is. */
static void
hide_object(struct finder *f)
{
	struct scan_token t;
	size_t depth = 1;
	bool public = false, is_key = true;

	while (depth > 0 && scan_next(&f->p, &t)) {
		if (is_open(&t))
			depth++;
		else if (is_close(&t))
			depth--;
		else if (t.type != SCAN_PUNCT) {
			if (depth == 1 && is_key)
			public = is_public_name(f, &t);
			else if (!public) found_token(f, &t);
		} else if (depth == 1)
			is_key = t.punct == ',';
	}
}

/* The values of every "params" of a line that is JSON. */
static void
hide_params(struct finder *f)
{
	struct scan_token t;

	while (scan_next(&f->p, &t)) {
		if (!scan_is(&f->p, &t, "params") || !scan_take(&f->p, ':'))
			continue;
		if (scan_take(&f->p, '['))
			hide_array(f);
		else if (scan_take(&f->p, '{'))
			hide_object(f);
		else if (scan_next(&f->p, &t))
			found_token(f, &t);
	}
}

/* Does any member "method", however deep, name one that has a password? */
static bool
has_secret_method(struct scan_line p)
{
	struct scan_token t;
	const char *secret;
	size_t i;

	while (scan_member(&p, "method", &t))
		for (i = 0; (secret = stratum_secret_method(i)) != NULL; i++)
			if (scan_is(&p, &t, secret))
				return true;
	return false;
}

/* "Authorization:", maybe "Proxy-", at the head of a line: where it ends. */
static const uint8_t *
header_value(const uint8_t *s, const uint8_t *end)
{
	static const char *const names[] = { "Authorization:",
		"Proxy-Authorization:" };
	size_t i, n;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i]);
		if ((size_t)(end - s) >= n && scan_text(s, n, names[i]) == s)
			return s + n;
	}
	return NULL;
}

/* The credentials behind the scheme ("Basic"), or all if there is none. */
static void
find_header(struct finder *f, const uint8_t *s, const uint8_t *end)
{
	const uint8_t *scheme;

	if ((s = header_value(s, end)) == NULL)
		return;
	while (end > s && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	scheme = s;
	while (s < end && *s != ' ' && *s != '\t')
		s++;
	if (s == end)
		s = scheme;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	found(f, (size_t)(s - f->p.s), (size_t)(end - s), false);
}

static void
find_headers(struct finder *f)
{
	const uint8_t *s = f->p.s, *end = s + f->p.len, *lf;

	while (s < end) {
		lf = memchr(s, '\n', (size_t)(end - s));
		find_header(f, s, lf == NULL ? end : lf);
		if (lf == NULL)
			break;
		s = lf + 1;
	}
}

/* Of a line that is not JSON: all behind the first comma behind "params". */
static void
hide_rest(struct finder *f)
{
	const uint8_t *s = f->p.s, *end = s + f->p.len;
	const uint8_t *params = scan_text(s, f->p.len, "params"), *comma;
	size_t len;

	while (end > s && (end[-1] == '\r' || end[-1] == '\n'))
		end--;
	if (params != NULL && params < end) {
		params += strlen("params");
		comma = memchr(params, ',', (size_t)(end - params));
		s = comma != NULL ? comma + 1 : params;
	}
	len = (size_t)(end - s);
	f->p.len = (size_t)(s - f->p.s);
	find_headers(f);
	found(f, f->p.len, len, false);
}

static bool
find_json(struct finder *f)
{
	bool named = has_secret_method(f->p);

	if (!named && scan_text(f->p.s, f->p.len, "mining.authorize") == NULL)
		return false;
	if (json_valid(f->p.s, f->p.len, JSON_VALID_DEPTH, NULL) == -1)
		hide_rest(f);
	else if (named)
		hide_params(f);
	return true;
}

static void
find(const void *line, size_t len, found_cb *cb, void *arg)
{
	struct finder f = { { line, 0, len }, cb, arg };

	if (!find_json(&f))
		find_headers(&f);
}

struct list {
	struct stratum_range *r;
	size_t n, max, line_len;
};

static void
add_to_list(void *arg, const struct stratum_range *r)
{
	struct list *l = arg;
	struct stratum_range *last;

	if (l->n < l->max)
		l->r[l->n++] = *r;
	else if (l->n > 0) {
		last = &l->r[l->n - 1];
		last->len = (uint32_t)l->line_len - last->start;
	}
}

size_t
stratum_redact_find(const void *line, size_t len, struct stratum_range *ranges,
    size_t max)
{
	struct list l = { ranges, 0, max, len };

	find(line, len, add_to_list, &l);
	return l.n;
}

struct hiding {
	uint8_t *line;
	size_t n;
};

static void
hide(void *arg, const struct stratum_range *r)
{
	struct hiding *h = arg;
	uint8_t *s = h->line + r->start;

	h->n++;
	if (r->scalar && r->len == 1) {
		*s = '0';
		return;
	}
	memset(s, '*', r->len);
	if (r->scalar)
		s[0] = s[r->len - 1] = '"';
}

size_t
stratum_redact(void *line, size_t len)
{
	struct hiding h = { line, 0 };

	/* What is hidden lies behind the scanner, which never looks back. */
	find(line, len, hide, &h);
	return h.n;
}
