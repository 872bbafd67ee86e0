/*
 * Sessions per address, against a plain array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/relay.h"

#define ADDRESSES 3000
#define STEPS     200000

static union address
address(unsigned i)
{
	union address a;

	memset(&a, 0, sizeof(a));
	if (i % 2 == 0) {
		a.in.sin_family = AF_INET;
		a.in.sin_addr.s_addr = htonl(0x0a000000 + i);
	} else {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_addr.s6_addr[0] = 0x20;
		a.in6.sin6_addr.s6_addr[14] = (uint8_t)(i >> 8);
		a.in6.sin6_addr.s6_addr[15] = (uint8_t)i;
	}
	/* Ports do not count. */
	a.in.sin_port = (in_port_t)i;
	return a;
}

static void
as_a_plain_array(void **state)
{
	static unsigned model[ADDRESSES];
	struct limits *l = limits_new();
	union address a;
	unsigned i;

	assert_non_null(l);
	srandom(1);
	for (unsigned step = 0; step < STEPS; step++) {
		/* A window that moves: addresses come and go for good. */
		i = (step / 100 + (unsigned)random() % 50) % ADDRESSES;
		a = address(i);
		if (random() % 2 == 0)
			assert_int_equal(limits_count(l, &a, 1), ++model[i]);
		else if (model[i] > 0)
			assert_int_equal(limits_count(l, &a, -1), --model[i]);
		assert_int_equal(limits_count(l, &a, 0), model[i]);
	}
	limits_free(l);
}

/* IPv4 and its mapped form are one host. */
static void
mapped(void **state)
{
	static const uint8_t bytes[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct limits *l = limits_new();
	union address v4, v6;

	memset(&v4, 0, sizeof(v4));
	memset(&v6, 0, sizeof(v6));
	v4.in.sin_family = AF_INET;
	memcpy(&v4.in.sin_addr, bytes + 12, 4);
	v6.in6.sin6_family = AF_INET6;
	memcpy(&v6.in6.sin6_addr, bytes, 16);
	assert_int_equal(limits_count(l, &v4, 1), 1);
	assert_int_equal(limits_count(l, &v6, 1), 2);
	assert_int_equal(limits_count(l, &v4, -1), 1);
	limits_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_a_plain_array),
		cmocka_unit_test(mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
