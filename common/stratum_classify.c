/*
 * One line in, what it is out.  What parses goes through stratum_parse.c;
 * here is what its members mean, and what is said of lines that do not.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/stratum.h"
#include "common/stratum_parse.h"
#include "common/stratum_scan.h"
#include "common/utf8.h"

static void
clear(struct stratum_msg *m)
{
	m->kind = STRATUM_NOT_JSON;
	m->method = STRATUM_M_NONE;
	m->protocol = STRATUM_P_STRATUM;
	m->flags = 0;
	m->n_params = 0;
	m->method_text[0] = '\0';
	m->method_len = 0;
	memset(&m->id, 0, sizeof(m->id));
	m->raw_id = NULL;
	m->raw_id_len = 0;
	m->difficulty = 0;
	m->user_agent[0] = m->mining_session[0] = m->worker[0] = '\0';
	m->error[0] = '\0';
}

/* A number of JSON; false if it is none, not finite, or absurdly long. */
static bool
read_number(const char *s, size_t len, double *v)
{
	char text[64], *end;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (strspn(text, "+-.0123456789eE") < len)
		return false;
	*v = strtod(text, &end);
	return end == text + len && isfinite(*v);
}

/* From params[0], a number or a numeric string, or method(n). */
static void
finish_difficulty(struct stratum_parser *p)
{
	struct stratum_msg *m = p->msg;
	const struct param *q = &p->param[0];
	const char *open = strchr(m->method_text, '(');
	bool ok = false;

	if (open != NULL && m->method_text[m->method_len - 1] == ')')
		ok = read_number(open + 1, strlen(open + 1) - 1,
		    &m->difficulty);
	else if (q->type == T_NUMBER || q->type == T_STRING)
		ok = read_number(q->s, q->len, &m->difficulty);
	if (ok)
		m->flags |= STRATUM_F_DIFFICULTY;
	else
		m->difficulty = 0;
}

static void
text_param(const struct param *q, char out[STRATUM_TEXT_MAX + 1])
{
	if (q->type == T_STRING)
		utf8_copy(out, STRATUM_TEXT_MAX + 1, q->s, q->len);
}

static void
finish_params(struct stratum_parser *p)
{
	static const char ether[] = "EthereumStratum/";
	struct stratum_msg *m = p->msg;

	if (m->method == STRATUM_M_SUBSCRIBE) {
		text_param(&p->param[0], m->user_agent);
		text_param(&p->param[1], m->mining_session);
		if (strncmp(m->mining_session, ether, sizeof(ether) - 1) == 0)
			m->protocol = STRATUM_P_ETHEREUM;
	} else if (m->method == STRATUM_M_AUTHORIZE)
		text_param(&p->param[0], m->worker);
	else if (m->method == STRATUM_M_SET_DIFFICULTY ||
	    m->method == STRATUM_M_SUGGEST_DIFFICULTY)
		finish_difficulty(p);
	else if (m->method == STRATUM_M_NOTIFY && m->n_params == 8)
		m->protocol = STRATUM_P_ZCASH;
	else if (m->method == STRATUM_M_CRYPTONOTE)
		m->protocol = STRATUM_P_CRYPTONOTE;
	else if (m->method == STRATUM_M_ETHEREUM)
		m->protocol = STRATUM_P_ETHEREUM;
}

/* The first object is complete: what does it all mean? */
static void
finish(struct stratum_parser *p)
{
	struct stratum_msg *m = p->msg;
	bool no_id = m->id.type <= STRATUM_ID_NULL;

	if (m->method == STRATUM_M_NONE)
		m->kind = STRATUM_RESPONSE;
	else if (no_id || stratum_method_notifies(m->method))
		m->kind = STRATUM_NOTIFICATION;
	else
		m->kind = STRATUM_REQUEST;
	if (p->reject && !(m->flags & STRATUM_F_RESULT_TRUE))
		m->flags |= STRATUM_F_ERROR;
	if (m->method != STRATUM_M_NONE)
		finish_params(p);
}

static void
say_byte(struct stratum_msg *m, const char *s, size_t len, size_t at,
    const char *where)
{
	char byte[8];

	if (at >= len) {
		snprintf(m->error, sizeof(m->error),
		    "invalid JSON at byte %zu: ends too early", len);
		return;
	}
	text_escape(byte, sizeof(byte), s + at, 1);
	snprintf(m->error, sizeof(m->error),
	    "invalid JSON at byte %zu: unexpected '%s'%s", at, byte, where);
}

/* yajl gave up, or was not asked: where and why, in our own words. */
static void
say_why(struct stratum_parser *p, const char *s, size_t len)
{
	const char *where = p->complete ? " behind the object" : "";
	size_t from = p->object_start, at = 0;

	if (p->too_deep) {
		snprintf(p->msg->error, sizeof(p->msg->error),
		    "invalid JSON at byte %zu: nested deeper than %d levels",
		    p->end - 1, STRATUM_DEPTH_MAX);
		return;
	}
	if (p->complete && p->depth == 0)
		from = scan_blanks(s, p->object_end, len);
	else
		json_valid(s + from, len - from, STRATUM_DEPTH_MAX, &at);
	say_byte(p->msg, s, len, from + at, where);
}

/* What of an object that broke off must not be believed. */
static void
disbelieve(struct stratum_msg *m)
{
	char error[STRATUM_ERROR_MAX];

	memcpy(error, m->error, sizeof(error));
	clear(m);
	memcpy(m->error, error, sizeof(error));
}

static void
object(struct stratum_parser *p, const char *s, size_t len,
    struct stratum_msg *m)
{
	if (stratum_parse(p, s, len, m)) {
		finish(p);
		if (!(m->flags & STRATUM_F_MULTIPLE))
			m->flags |= STRATUM_F_JSON;
		return;
	}
	say_why(p, s, len);
	if (p->complete)
		finish(p);
	else
		disbelieve(m);
}

/* Another protocol that can be told by one line?  Then that is what it is. */
static void
other_protocol(struct stratum_msg *m, const char *s, size_t len)
{
	struct stratum_foreign f;

	stratum_foreign(s, len, true, &f);
	if (f.protocol != STRATUM_P_TLS && f.protocol != STRATUM_P_HTTP &&
	    f.protocol != STRATUM_P_PROXY_V1 &&
	    f.protocol != STRATUM_P_PROXY_V2)
		return;
	m->kind = STRATUM_FOREIGN;
	m->protocol = f.protocol;
	snprintf(m->error, sizeof(m->error), "not Stratum: %s", f.name);
}

/* What is not an object. */
static void
not_object(struct stratum_msg *m, const char *s, size_t len)
{
	size_t at = 0;

	if (json_valid(s, len, STRATUM_DEPTH_MAX, &at) == 0) {
		m->kind = STRATUM_NOT_OBJECT;
		m->flags |= STRATUM_F_JSON;
		snprintf(m->error, sizeof(m->error), "not a JSON object");
		return;
	}
	if (scan_blanks(s, 0, len) == len)
		snprintf(m->error, sizeof(m->error), "empty line");
	else
		say_byte(m, s, len, at, "");
	other_protocol(m, s, len);
}

/* What is not even looked at. */
static void
refuse(struct stratum_msg *m, const char *s, size_t len, bool too_long)
{
	if (too_long)
		snprintf(m->error, sizeof(m->error),
		    "line longer than %d bytes", STRATUM_LINE_MAX);
	else
		snprintf(m->error, sizeof(m->error),
		    "invalid UTF-8 at byte %zu", utf8_prefix(s, len));
	other_protocol(m, s, len);
}

/* yajl takes VT and FF for blanks; in JSON they have no place at all. */
static bool
has_odd_blanks(const char *s, size_t len)
{
	return memchr(s, '\v', len) != NULL || memchr(s, '\f', len) != NULL;
}

void
stratum_classify(struct stratum_parser *p, const void *line, size_t len,
    bool truncated, struct stratum_msg *m)
{
	const char *s = line;
	struct stratum_range secret;
	size_t first;
	bool utf8;

	clear(m);
	truncated |= len > STRATUM_LINE_MAX;
	utf8 = !truncated && utf8_valid(s, len);
	first = scan_blanks(s, 0, len);
	if (!utf8)
		refuse(m, s, len, truncated);
	else if (first < len && s[first] == '{' && !has_odd_blanks(s, len))
		object(p, s, len, m);
	else
		not_object(m, s, len);
	if (utf8)
		m->flags |= STRATUM_F_UTF8;
	/* What is not one JSON value is searched as text. */
	if ((m->error[0] != '\0' || (m->flags & STRATUM_F_MULTIPLE)) &&
	    stratum_redact_find(s, len, &secret, 1) > 0)
		m->flags |= STRATUM_F_SENSITIVE;
}

bool
stratum_id_equal(const struct stratum_id *a, const struct stratum_id *b)
{
	size_t kept = a->len < STRATUM_ID_MAX ? a->len : STRATUM_ID_MAX;

	return a->type == b->type && a->len == b->len && a->hash == b->hash &&
	    memcmp(a->text, b->text, kept) == 0;
}
