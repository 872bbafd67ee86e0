/*
 * Numbers as people read them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hashscopectl/units.h"

const char *
units_bytes(uint64_t v, char out[UNITS_TEXT])
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
		"EiB" };
	double d = (double)v / 1024;
	unsigned i = 0;

	if (v < 1024) {
		snprintf(out, UNITS_TEXT, "%u B", (unsigned)v);
		return out;
	}
	for (; d >= 1023.95 && i < 5; i++)
		d /= 1024;
	snprintf(out, UNITS_TEXT, "%.1f %s", d, names[i]);
	return out;
}

const char *
units_us(int64_t us, char out[UNITS_TEXT])
{
	if (us < 0)
		snprintf(out, UNITS_TEXT, "-");
	else if (us < 1000)
		snprintf(out, UNITS_TEXT, "%d us", (int)us);
	else if (us < 1000000)
		snprintf(out, UNITS_TEXT, "%.1f ms", (double)us / 1000);
	else
		snprintf(out, UNITS_TEXT, "%.1f s", (double)us / 1000000);
	return out;
}

const char *
units_span(int64_t s, char out[UNITS_TEXT])
{
	if (s < 0)
		s = 0;
	if (s < 60)
		snprintf(out, UNITS_TEXT, "%ds", (int)s);
	else if (s < 3600)
		snprintf(out, UNITS_TEXT, "%dm %02ds", (int)(s / 60),
		    (int)(s % 60));
	else if (s < 86400)
		snprintf(out, UNITS_TEXT, "%dh %02dm", (int)(s / 3600),
		    (int)(s / 60 % 60));
	else
		snprintf(out, UNITS_TEXT, "%" PRId64 "d %02dh", s / 86400,
		    (int)(s / 3600 % 24));
	return out;
}

const char *
units_count(uint64_t v, char out[UNITS_TEXT])
{
	char digits[24];
	size_t len, i, j = 0;

	len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, v);
	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[j++] = ',';
		out[j++] = digits[i];
	}
	out[j] = '\0';
	return out;
}

const char *
units_time(int64_t us, int64_t now_us, char out[UNITS_TEXT])
{
	time_t t = (time_t)(us / 1000000), now = (time_t)(now_us / 1000000);
	struct tm tm, today;
	size_t n;

	if (localtime_r(&t, &tm) == NULL || localtime_r(&now, &today) == NULL) {
		snprintf(out, UNITS_TEXT, "?");
		return out;
	}
	n = strftime(out, UNITS_TEXT - 4,
	    tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year ?
		"%H:%M:%S" :
		"%m-%d %H:%M:%S",
	    &tm);
	snprintf(out + n, UNITS_TEXT - n, ".%03d", (int)(us / 1000 % 1000));
	return out;
}

const char *
units_date(int64_t us, char out[UNITS_TEXT])
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	if (us == 0 || localtime_r(&t, &tm) == NULL)
		snprintf(out, UNITS_TEXT, "-");
	else
		strftime(out, UNITS_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

const char *
units_hashrate(double v, char out[UNITS_TEXT])
{
	static const char *const unit[] = { "H/s", "kH/s", "MH/s", "GH/s",
		"TH/s", "PH/s", "EH/s" };
	size_t i = 0;

	while (v >= 1000 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		v /= 1000;
		i++;
	}
	snprintf(out, UNITS_TEXT, "%.3g %s", v, unit[i]);
	return out;
}
