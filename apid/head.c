/*
 * The head of a request; RFC 9112, at its strictest.
 */
#include <string.h>
#include <strings.h>

#include "apid/head.h"

bool
span_is(struct span s, const char *text)
{
	return s.p != NULL && s.len == strlen(text) &&
	    strncasecmp(s.p, text, s.len) == 0;
}

static struct span
trim(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct span){ p, (size_t)(end - p) };
}

bool
span_has(struct span s, const char *word)
{
	const char *p = s.p, *end, *comma;

	if (p == NULL)
		return false;
	for (end = p + s.len; p < end; p = comma + 1) {
		comma = memchr(p, ',', (size_t)(end - p));
		if (comma == NULL)
			comma = end;
		if (span_is(trim(p, comma), word))
			return true;
	}
	return false;
}

bool
span_copy(struct span s, char *dst, size_t size)
{
	if (s.p == NULL || s.len >= size || memchr(s.p, '\0', s.len) != NULL)
		return false;
	memcpy(dst, s.p, s.len);
	dst[s.len] = '\0';
	return true;
}

struct span
head_cookie(struct span cookies, const char *name)
{
	const char *p = cookies.p, *end, *semi, *eq;

	for (end = p == NULL ? NULL : p + cookies.len; p < end; p = semi + 1) {
		semi = memchr(p, ';', (size_t)(end - p));
		if (semi == NULL)
			semi = end;
		eq = memchr(p, '=', (size_t)(semi - p));
		if (eq != NULL && span_is(trim(p, eq), name))
			return trim(eq + 1, semi);
	}
	return (struct span){ NULL, 0 };
}

static enum head_result
bad(struct head *h, unsigned status, const char *why)
{
	h->status = status;
	h->why = why;
	return HEAD_BAD;
}

/* RFC 9110's tchar. */
static bool
is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_target(char c)
{
	return c > ' ' && c < 0x7f && c != '#' && c != '"' && c != '<' &&
	    c != '>' && c != '\\';
}

/* METHOD SP target SP HTTP/1.x */
static enum head_result
request_line(struct head *h, const char *p, const char *end)
{
	const char *start = p;

	while (p < end && is_token(*p))
		p++;
	h->method = (struct span){ start, (size_t)(p - start) };
	if (h->method.len == 0 || h->method.len > 16 || p == end || *p != ' ')
		return bad(h, 400, "the request line is malformed");
	start = ++p;
	while (p < end && is_target(*p) && *p != '?')
		p++;
	h->path = (struct span){ start, (size_t)(p - start) };
	if (p < end && *p == '?') {
		start = ++p;
		while (p < end && is_target(*p))
			p++;
		h->query = (struct span){ start, (size_t)(p - start) };
	}
	if (p == end || *p != ' ')
		return bad(h, 400, "the request line is malformed");
	p++;
	if (end - p != 8 || memcmp(p, "HTTP/", 5) != 0)
		return bad(h, 400, "the request line is malformed");
	if (memcmp(p + 5, "1.1", 3) != 0 && memcmp(p + 5, "1.0", 3) != 0)
		return bad(h, 505, "only version 1.1 of HTTP is spoken here");
	h->http10 = p[7] == '0';
	if (h->path.len == 0 ||
	    (h->path.p[0] != '/' &&
		!(span_is(h->path, "*") && span_is(h->method, "OPTIONS"))))
		return bad(h, 400, "the target is not a path");
	return HEAD_OK;
}

/* Each of these at most once. */
static struct span *
known(struct head *h, struct span name)
{
	const struct {
		const char *name;
		struct span *into;
	} tab[] = {
		{ "host", &h->host },
		{ "origin", &h->origin },
		{ "cookie", &h->cookie },
		{ "authorization", &h->authorization },
		{ "sec-fetch-site", &h->fetch_site },
		{ "connection", &h->connection },
		{ "upgrade", &h->upgrade },
		{ "sec-websocket-version", &h->ws_version },
		{ "sec-websocket-key", &h->ws_key },
		{ "content-length", &h->length },
		{ "transfer-encoding", &h->encoding },
	};

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		if (span_is(name, tab[i].name))
			return tab[i].into;
	return NULL;
}

static enum head_result
header(struct head *h, const char *p, const char *end)
{
	const char *colon = p, *c;
	struct span *into, name;

	if (*p == ' ' || *p == '\t')
		return bad(h, 400, "a folded header");
	while (colon < end && is_token(*colon))
		colon++;
	if (colon == p || colon == end || *colon != ':')
		return bad(h, 400, "a header is malformed");
	for (c = colon + 1; c < end; c++)
		if ((unsigned char)*c < ' ' && *c != '\t')
			return bad(h, 400, "a control character in a header");
	name = (struct span){ p, (size_t)(colon - p) };
	into = known(h, name);
	if (into == NULL)
		return HEAD_OK;
	if (into->p != NULL)
		return bad(h, 400, "a header that may come once came twice");
	*into = trim(colon + 1, end);
	return HEAD_OK;
}

static enum head_result
check_body(struct head *h)
{
	if (h->length.p != NULL && h->encoding.p != NULL)
		return bad(h, 400, "both Content-Length and Transfer-Encoding");
	if (h->encoding.p != NULL &&
	    (h->http10 || !span_is(h->encoding, "chunked")))
		return bad(h, 400, "this Transfer-Encoding is not spoken here");
	if (h->length.p == NULL)
		return HEAD_OK;
	for (size_t i = 0; i < h->length.len; i++)
		if (h->length.p[i] < '0' || h->length.p[i] > '9')
			return bad(h, 400, "Content-Length is no number");
	if (h->length.len == 0)
		return bad(h, 400, "Content-Length is no number");
	if (h->length.len > 9)
		return bad(h, 413, "the body is too long");
	return HEAD_OK;
}

static enum head_result
check_upgrade(struct head *h)
{
	if (h->upgrade.p == NULL)
		return HEAD_OK;
	if (!span_is(h->upgrade, "websocket"))
		return bad(h, 400, "only WebSocket may be upgraded to");
	if (!span_is(h->method, "GET") || h->http10 || h->length.p != NULL ||
	    h->encoding.p != NULL || h->ws_key.len != 24 ||
	    !span_has(h->connection, "upgrade"))
		return bad(h, 400, "the upgrade to WebSocket is malformed");
	if (!span_is(h->ws_version, "13"))
		return bad(h, 426, "only version 13 of WebSocket is spoken");
	h->wants_ws = true;
	return HEAD_OK;
}

static enum head_result
check(struct head *h)
{
	enum head_result r;

	if (h->host.p == NULL && !h->http10)
		return bad(h, 400, "no Host");
	r = check_body(h);
	return r == HEAD_OK ? check_upgrade(h) : r;
}

/* A line without its CR LF; NULL: not all there, or it ends wrongly. */
static const char *
line_end(const char *p, const char *end, bool *bare)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	*bare = false;
	if (lf == NULL)
		return NULL;
	if (lf == p || lf[-1] != '\r') {
		*bare = true;
		return NULL;
	}
	return lf - 1;
}

enum head_result
head_parse(const char *text, size_t len, struct head *h)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n";
	const char *p = text, *end = text + len, *eol;
	enum head_result r = HEAD_OK;
	bool first = true, bare;

	memset(h, 0, sizeof(*h));
	if (len > 0 && !is_token(text[0]))
		return bad(h, 400, "this is not HTTP");
	if (len >= sizeof(preface) - 1 &&
	    memcmp(text, preface, sizeof(preface) - 1) == 0)
		return bad(h, 505, "only version 1.1 of HTTP is spoken here");
	while ((eol = line_end(p, end, &bare)) != NULL) {
		if (eol == p && !first) {
			h->len = (size_t)(eol + 2 - text);
			return h->len > HEAD_MAX ?
			    bad(h, 431, "the head is too long") :
			    check(h);
		}
		r = first ? request_line(h, p, eol) : header(h, p, eol);
		if (r != HEAD_OK)
			return r;
		first = false;
		p = eol + 2;
	}
	if (bare)
		return bad(h, 400, "a line that does not end in CR LF");
	if (len >= HEAD_MAX)
		return bad(h, first ? 414 : 431, "the head is too long");
	return HEAD_MORE;
}

/* Puts back what ended a line at p; the offset of the next one, 0: not both. */
static size_t
restore_end(char *region, size_t len, size_t p)
{
	if (p + 1 >= len || region[p] != '\0' || region[p + 1] != '\0')
		return 0;
	region[p] = '\r';
	region[p + 1] = '\n';
	return p + 2;
}

int
head_restore(char *region, size_t len, size_t version, const char *target,
    size_t target_len)
{
	size_t method = strnlen(region, len), p;
	int n = 0;

	if (version > len || method + target_len + 2 != version ||
	    region[version - 1] != '\0')
		return -1;
	region[method] = region[version - 1] = ' ';
	memcpy(region + method + 1, target, target_len);
	p = restore_end(region, len,
	    version + strnlen(region + version, len - version));
	for (; p != 0 && p < len && region[p] != '\0'; n++) {
		p += strnlen(region + p, len - p);
		if (p == len)
			return -1;
		region[p++] = ':';
		p = restore_end(region, len, p + strnlen(region + p, len - p));
	}
	return p != 0 && restore_end(region, len, p) == len ? n : -1;
}
