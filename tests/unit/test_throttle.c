/*
 * Slowing those who guess, by a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hashscoped/auth_throttle.h"

#define MOST 60000

static struct throttle t;
static const uint8_t key[16] = "sixteen bytes!!";

static int
setup(void **state)
{
	throttle_init(&t, key, MOST);
	return 0;
}

static void
test_delays_grow(void **state)
{
	static const int64_t delays[] = { 0, 0, 0, 1000, 2000, 4000, 8000,
		16000, 32000, 60000, 60000, 60000 };
	int64_t now = 5000;

	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		assert_int_equal(throttle_wait(&t, "192.0.2.1", now), 0);
		throttle_charge(&t, "192.0.2.1", now);
		assert_int_equal(throttle_wait(&t, "192.0.2.1", now),
		    delays[i]);
		/* Nobody else waits. */
		assert_int_equal(throttle_wait(&t, "192.0.2.2", now), 0);
		now += delays[i];
	}
}

static void
test_forgotten(void **state)
{
	for (unsigned i = 0; i < 10; i++)
		throttle_charge(&t, "ann", 1000);
	assert_true(throttle_wait(&t, "ann", 1001) > 0);
	assert_int_equal(throttle_wait(&t, "ann", 1001 + THROTTLE_FORGET), 0);
	/* From the start again. */
	throttle_charge(&t, "ann", 2000 + THROTTLE_FORGET);
	assert_int_equal(throttle_wait(&t, "ann", 2000 + THROTTLE_FORGET), 0);
}

static void
test_right_at_last(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		throttle_charge(&t, "ann", 1000);
	throttle_refund(&t, "ann");
	assert_int_equal(throttle_wait(&t, "ann", 1000), 0);
	/* What it did before is not forgotten by that. */
	throttle_charge(&t, "ann", 1000);
	assert_int_equal(throttle_wait(&t, "ann", 1000), 2000);
	throttle_clear(&t, "ann");
	throttle_charge(&t, "ann", 1000);
	assert_int_equal(throttle_wait(&t, "ann", 1000), 0);
	throttle_refund(&t, "nobody");
}

/* However many names there are, the table stays as it is, and few of those
 * who did nothing share a slot. */
static void
test_many_names(void **state)
{
	unsigned slowed = 0;
	char name[32];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "10.0.0.%u", i);
		for (unsigned j = 0; j < 10; j++)
			throttle_charge(&t, name, 1000);
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "192.0.2.%u", i);
		slowed += throttle_wait(&t, name, 1000) > 0;
	}
	assert_true(slowed < 100);
}

static void
test_addresses(void **state)
{
	static const char *const tab[][2] = {
		{ "192.0.2.1:1234", "192.0.2.1" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::" },
		{ "2001:db8:1:2:ffff::1", "2001:db8:1:2::" },
		{ "[::ffff:192.0.2.1]:80", "192.0.2.1" },
		{ "[fe80::1%eth0]:80", "fe80::" },
		{ "[::1]:80", "::" },
		{ "hashscopectl", "hashscopectl" },
		{ "", "" },
		{ "[", "" },
	};
	char out[THROTTLE_NAME];

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		throttle_address(tab[i][0], out);
		assert_string_equal(out, tab[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_delays_grow, setup),
		cmocka_unit_test_setup(test_forgotten, setup),
		cmocka_unit_test_setup(test_right_at_last, setup),
		cmocka_unit_test_setup(test_many_names, setup),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
