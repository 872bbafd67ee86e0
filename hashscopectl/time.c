/*
 * The times that people type.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hashscopectl/grammar.h"

#define SECOND_US 1000000
#define AGO_MAX   (100LL * 365 * 86400) /* seconds */

/* Exactly n digits; -1 when they are not there. */
static int
digits(const char **s, int n)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static int
expect(const char **s, char c)
{
	if (**s != c)
		return -1;
	(*s)++;
	return 0;
}

/* "10m": that long before now. */
static int
ago(const char *s, int64_t now_us, int64_t *us)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	int64_t v = 0;
	size_t i;

	if (!isdigit((unsigned char)*s))
		return -1;
	for (; isdigit((unsigned char)*s); s++) {
		v = v * 10 + (*s - '0');
		if (v > AGO_MAX)
			return -1;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s[0] != units[i].unit || s[1] != '\0')
			continue;
		v *= units[i].seconds;
		if (v > AGO_MAX)
			return -1;
		*us = now_us - v * SECOND_US;
		return 0;
	}
	return -1;
}

/* "HH:MM" and "HH:MM:SS" into tm. */
static int
clock_text(const char **s, struct tm *tm)
{
	if ((tm->tm_hour = digits(s, 2)) == -1 || expect(s, ':') == -1 ||
	    (tm->tm_min = digits(s, 2)) == -1)
		return -1;
	tm->tm_sec = 0;
	if (**s == ':') {
		(*s)++;
		if ((tm->tm_sec = digits(s, 2)) == -1)
			return -1;
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60 ? 0 : -1;
}

/* The last time that the clock on the wall showed that. */
static int
time_of_day(const char *s, int64_t now_us, int64_t *us)
{
	time_t now = (time_t)(now_us / SECOND_US), t;
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL || clock_text(&s, &tm) == -1 ||
	    *s != '\0')
		return -1;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	if (t > now) {
		tm.tm_mday--;
		tm.tm_isdst = -1;
		t = mktime(&tm);
	}
	*us = (int64_t)t * SECOND_US;
	return 0;
}

/* ".123456" and longer, in µs. */
static int
fraction(const char **s, int64_t *us)
{
	int64_t unit = SECOND_US / 10;

	*us = 0;
	if (**s != '.')
		return 0;
	(*s)++;
	if (!isdigit((unsigned char)**s))
		return -1;
	for (; isdigit((unsigned char)**s); (*s)++, unit /= 10)
		*us += (**s - '0') * unit;
	return 0;
}

/* "Z" or "+HH:MM", in seconds. */
static int
zone(const char **s, int *offset)
{
	int h, m, sign;

	*offset = 0;
	if (**s == 'Z' || **s == 'z') {
		(*s)++;
		return 0;
	}
	if (**s != '+' && **s != '-')
		return -1;
	sign = *(*s)++ == '-' ? -1 : 1;
	if ((h = digits(s, 2)) == -1 || expect(s, ':') == -1 ||
	    (m = digits(s, 2)) == -1 || h > 23 || m > 59)
		return -1;
	*offset = sign * (h * 3600 + m * 60);
	return 0;
}

static int
rfc3339(const char *s, int64_t *us)
{
	struct tm tm = { 0 }, check;
	int64_t part;
	time_t t;
	int year, month, offset;

	if ((year = digits(&s, 4)) == -1 || expect(&s, '-') == -1 ||
	    (month = digits(&s, 2)) == -1 || expect(&s, '-') == -1 ||
	    (tm.tm_mday = digits(&s, 2)) == -1)
		return -1;
	if (*s != 'T' && *s != 't' && *s != ' ')
		return -1;
	s++;
	if (clock_text(&s, &tm) == -1 || fraction(&s, &part) == -1 ||
	    zone(&s, &offset) == -1 || *s != '\0')
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	check = tm;
	t = timegm(&tm);
	/* The 31st of April comes back as the 1st of May. */
	if (tm.tm_mon != check.tm_mon || tm.tm_mday != check.tm_mday)
		return -1;
	*us = ((int64_t)t - offset) * SECOND_US + part;
	return 0;
}

int
grammar_time(const char *s, int64_t now_us, int64_t *us)
{
	if (strchr(s, '-') != NULL)
		return rfc3339(s, us);
	if (strchr(s, ':') != NULL)
		return time_of_day(s, now_us, us);
	return ago(s, now_us, us);
}
