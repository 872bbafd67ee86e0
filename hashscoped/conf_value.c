/*
 * Values of the configuration: numbers and their units, from text and back.
 * Everything here is pure; what is wrong is said in a sentence, with what
 * was expected.
 */
#include <stdarg.h>
#include <string.h>

#include "common/utf8.h"
#include "hashscoped/conf_int.h"

/* Far above anything sensible, far below where sums could overflow. */
#define NUMBER_MAX 1000000000000000ULL

int
conf_say(struct conf_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}

void
conf_quote(const char *s, char out[CONF_QUOTE_LEN])
{
	size_t n = 0;

	out[n++] = '"';
	/* Room for one escape, the dots, the quote and the NUL. */
	while (*s != '\0' && n < CONF_QUOTE_LEN - 10) {
		unsigned char c = (unsigned char)*s++;

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	snprintf(out + n, CONF_QUOTE_LEN - n, "%s\"", *s != '\0' ? "..." : "");
}

int
conf_text_ok(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == 0x7f)
			return 0;
		/* U+0080 to U+009F: a terminal may obey them. */
		if (c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0)
			return 0;
	}
	return utf8_valid(s, len);
}

/* The digits at *s, which moves behind them; -1 when none or too many. */
static int
digits(const char **s, uint64_t *out)
{
	uint64_t n = 0;
	const char *p;

	for (p = *s; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > NUMBER_MAX)
			return -1;
	}
	if (p == *s)
		return -1;
	*s = p;
	*out = n;
	return 0;
}

static int
bad(struct conf_why *why, const char *what, const char *s, const char *expected)
{
	char q[CONF_QUOTE_LEN];

	conf_quote(s, q);
	return conf_say(why, "bad %s %s: %s was expected", what, q, expected);
}

int
conf_to_number(const char *s, uint64_t *out, struct conf_why *why)
{
	const char *p = s;

	if (digits(&p, out) == -1 || *p != '\0')
		return bad(why, "number", s, "a whole number");
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first: the formats try them in this order. */
static const struct unit sizes[] = {
	{ "G", 1024 * 1024 * 1024 },
	{ "M", 1024 * 1024 },
	{ "K", 1024 },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct unit durations[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
	{ NULL, 0 },
};

/* A number with one of the units behind it. */
static int
with_unit(const char *s, const struct unit *units, uint64_t *out)
{
	const char *p = s;
	uint64_t n;

	if (digits(&p, &n) == -1)
		return -1;
	for (; units->name != NULL; units++) {
		if (strcmp(p, units->name) != 0)
			continue;
		if (n > NUMBER_MAX / units->factor)
			return -1;
		*out = n * units->factor;
		return 0;
	}
	return -1;
}

static void
format_unit(uint64_t n, const struct unit *u, char out[CONF_FORMAT_LEN])
{
	while (n % u->factor != 0)
		u++;
	snprintf(out, CONF_FORMAT_LEN, "%llu%s",
	    (unsigned long long)(n / u->factor), u->name);
}

int
conf_to_size(const char *s, uint64_t *out, struct conf_why *why)
{
	if (with_unit(s, sizes, out) == -1)
		return bad(why, "size", s,
		    "a number of bytes, or one with K, M or G,");
	return 0;
}

int
conf_to_duration(const char *s, uint64_t *ms, struct conf_why *why)
{
	/* A bare number could be taken for seconds, or for milliseconds. */
	if (strcmp(s, "0") == 0) {
		*ms = 0;
		return 0;
	}
	if (with_unit(s, durations, ms) == -1)
		return bad(why, "duration", s,
		    "a number with ms, s, m, h or d");
	return 0;
}

int
conf_to_rate(const char *s, uint64_t *per_second, struct conf_why *why)
{
	const char *p = s;

	if (digits(&p, per_second) == -1 || strcmp(p, "/s") != 0)
		return bad(why, "rate", s, "a number with /s");
	return 0;
}

int
conf_to_percent(const char *s, uint64_t *bp, struct conf_why *why)
{
	static const char expected[] =
	    "a number up to 100 with at most two decimals and %";
	const char *p = s;
	uint64_t whole, part = 0;
	int ok = digits(&p, &whole) == 0 && whole <= 100;

	if (ok && *p == '.') {
		p++;
		ok = *p >= '0' && *p <= '9';
		if (ok)
			part = (uint64_t)(*p++ - '0') * 10;
		if (ok && *p >= '0' && *p <= '9')
			part += (uint64_t)(*p++ - '0');
	}
	if (!ok || strcmp(p, "%") != 0 || whole * 100 + part > 10000)
		return bad(why, "percentage", s, expected);
	*bp = whole * 100 + part;
	return 0;
}

int
conf_to_port(const char *s, uint16_t *out, struct conf_why *why)
{
	const char *p = s;
	uint64_t n;

	if (digits(&p, &n) == -1 || *p != '\0' || n < 1 || n > 65535)
		return bad(why, "port", s, "a number from 1 to 65535");
	*out = (uint16_t)n;
	return 0;
}

void
conf_format_size(uint64_t n, char out[CONF_FORMAT_LEN])
{
	if (n == 0)
		snprintf(out, CONF_FORMAT_LEN, "0");
	else
		format_unit(n, sizes, out);
}

void
conf_format_duration(uint64_t ms, char out[CONF_FORMAT_LEN])
{
	if (ms == 0)
		snprintf(out, CONF_FORMAT_LEN, "0");
	else
		format_unit(ms, durations, out);
}

void
conf_format_percent(uint64_t bp, char out[CONF_FORMAT_LEN])
{
	unsigned int whole = (unsigned int)(bp / 100);
	unsigned int part = (unsigned int)(bp % 100);

	if (part == 0)
		snprintf(out, CONF_FORMAT_LEN, "%u%%", whole);
	else if (part % 10 == 0)
		snprintf(out, CONF_FORMAT_LEN, "%u.%u%%", whole, part / 10);
	else
		snprintf(out, CONF_FORMAT_LEN, "%u.%02u%%", whole, part);
}
