/*
 * Query strings.  A parameter that the schema does not have is not looked
 * at, as the original did; one that it has must fit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apid/request.h"
#include "common/hex.h"
#include "common/utf8.h"

int
query_unescape(char *s)
{
	char *out = s;
	int hi, lo;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*out++ = *s == '+' ? ' ' : *s;
			continue;
		}
		if ((hi = hex_digit(s[1])) == -1 ||
		    (lo = hex_digit(s[2])) == -1 || (hi == 0 && lo == 0))
			return -1;
		*out++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*out = '\0';
	return 0;
}

static int
parse_uint(const char *s, uint64_t *out)
{
	char *end;

	if (*s < '0' || *s > '9' || strlen(s) > 20)
		return -1;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno != 0 || *end != '\0' ? -1 : 0;
}

static int
parse_seconds(const char *s, int64_t *us)
{
	char *end;
	double v;

	if (strspn(s, "0123456789.") != strlen(s))
		return -1;
	v = strtod(s, &end);
	if (*end != '\0' || end == s || v > 253402300799.0)
		return -1;
	*us = (int64_t)(v * 1e6);
	return 0;
}

/* ".5", then "Z" or "+01:00"; adds both to *us. */
static int
parse_tail(const char *p, int64_t *us)
{
	int64_t unit = 100000;
	int h, m;
	char sign;

	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			*us += (*p - '0') * unit;
	}
	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
		return 0;
	sign = *p;
	/* A plus may have come as a space. */
	if (strlen(p) != 6 || p[3] != ':' ||
	    (sign != '+' && sign != '-' && sign != ' ') ||
	    sscanf(p + 1, "%2d:%2d", &h, &m) != 2 || h > 23 || m > 59 ||
	    h < 0 || m < 0)
		return -1;
	*us += (sign == '-' ? 1 : -1) * (int64_t)(h * 60 + m) * 60000000;
	return 0;
}

int
time_parse(const char *s, int64_t *us)
{
	struct tm tm;
	const char *p;

	if (strchr(s, '-') == NULL)
		return parse_seconds(s, us);
	memset(&tm, 0, sizeof(tm));
	p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (p == NULL || tm.tm_year < 70)
		return -1;
	*us = (int64_t)timegm(&tm) * 1000000;
	return parse_tail(p, us);
}

static int
parse_enum(const struct param *p, const char *s, uint64_t *out)
{
	for (unsigned i = 0; p->values[i] != NULL; i++) {
		if (strcmp(p->values[i], s) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

static int
parse_value(const struct param *p, const char *s, struct param_value *v)
{
	static const char *const yes[] = { "0", "1", "false", "true", "no",
		"yes", NULL };
	struct param b = { .values = yes };

	switch (p->type) {
	case P_TEXT:
		return strlen(s) <= p->max && utf8_valid(s, strlen(s)) ? 0 : -1;
	case P_UINT:
	case P_POS:
		if (parse_uint(s, &v->u) == -1)
			return -1;
		return v->u >= p->min && v->u <= p->max ? 0 : -1;
	case P_TIME:
		return time_parse(s, &v->time_us);
	case P_UUID:
		return uuid_parse(s, v->id);
	case P_ENUM:
		return parse_enum(p, s, &v->u);
	case P_BOOL:
		if (parse_enum(&b, s, &v->u) == -1)
			return -1;
		v->u &= 1;
		return 0;
	}
	return -1;
}

static const char *
expected(const struct param *p, char *buf, size_t size)
{
	switch (p->type) {
	case P_UINT:
	case P_POS:
		snprintf(buf, size, "a number from %llu to %llu",
		    (unsigned long long)p->min, (unsigned long long)p->max);
		return buf;
	case P_TEXT:
		snprintf(buf, size, "text of at most %llu bytes",
		    (unsigned long long)p->max);
		return buf;
	case P_TIME:
		return "a time such as 2026-11-21T12:00:00Z";
	case P_UUID:
		return "a session's id";
	case P_BOOL:
		return "true or false";
	case P_ENUM:
		break;
	}
	snprintf(buf, size, "one of");
	for (unsigned i = 0; p->values[i] != NULL; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), " %s",
		    p->values[i]);
	return buf;
}

/* One name=value; an empty value counts as not given. */
static int
take(struct request *r, char *pair, char *why, size_t size)
{
	const struct param *p = r->route->params;
	char *eq = strchr(pair, '='), *s;
	char text[160];

	if (eq == NULL)
		return 0;
	*eq = '\0';
	s = eq + 1;
	if (query_unescape(pair) == -1 || query_unescape(s) == -1) {
		snprintf(why, size, "the query string is malformed");
		return -1;
	}
	for (unsigned i = 0; p != NULL && p[i].name != NULL; i++) {
		if (strcmp(p[i].name, pair) != 0 || s[0] == '\0')
			continue;
		if (parse_value(&p[i], s, &r->value[i]) == -1) {
			snprintf(why, size, "%s: %s was expected", p[i].name,
			    expected(&p[i], text, sizeof(text)));
			return -1;
		}
		r->value[i].given = true;
		r->value[i].text = s;
	}
	return 0;
}

const char *
query_parse(struct request *r, char *why, size_t size)
{
	const struct param *p = r->route->params;
	char *rest, *pair;

	for (unsigned i = 0; p != NULL && p[i].name != NULL; i++)
		r->value[i] = (struct param_value){ .u = p[i].dflt,
			.text = "" };
	if (r->query[0] == '\0' || p == NULL)
		return NULL;
	r->decoded = strdup(r->query);
	if (r->decoded == NULL)
		return "out of memory";
	for (rest = r->decoded; (pair = strsep(&rest, "&")) != NULL;)
		if (take(r, pair, why, size) == -1)
			return why;
	return NULL;
}

const struct param_value *
param(const struct request *r, const char *name)
{
	static const struct param_value none = { .text = "" };
	const struct param *p = r->route->params;

	for (unsigned i = 0; p != NULL && p[i].name != NULL; i++)
		if (strcmp(p[i].name, name) == 0)
			return &r->value[i];
	return &none;
}
