/*
 * The result of a run: one JSON object on stdout, written as it goes.
 */

#include <math.h>
#include <stdio.h>

#include "tests/bench/bench.h"

static void
put_value(double v)
{
	if (!isfinite(v))
		printf("null");
	else
		printf("%.15g", v);
}

void
result_begin(const char *test)
{
	printf("{\"test\":\"%s\"", test);
}

void
result_number(const char *key, double v)
{
	printf(",\"%s\":", key);
	put_value(v);
}

void
result_numbers(const char *key, const double *v, int n)
{
	printf(",\"%s\":[", key);
	for (int i = 0; i < n; i++) {
		if (i > 0)
			putchar(',');
		put_value(v[i]);
	}
	putchar(']');
}

void
result_end(void)
{
	printf("}\n");
}
