/*
 * The values of the configuration, by tables: numbers with units, addresses,
 * networks and pools.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hashscoped/conf_int.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void
test_numbers(void **state)
{
	static const struct {
		int (*convert)(const char *, uint64_t *, struct conf_why *);
		const char *in;
		int ret;
		uint64_t out;
	} t[] = {
		{ conf_to_number, "0", 0, 0 },
		{ conf_to_number, "007", 0, 7 },
		{ conf_to_number, "1000000000000000", 0, 1000000000000000 },
		{ conf_to_number, "1000000000000001", -1, 0 },
		{ conf_to_number, "18446744073709551617", -1, 0 },
		{ conf_to_number, "", -1, 0 },
		{ conf_to_number, "-1", -1, 0 },
		{ conf_to_number, "+1", -1, 0 },
		{ conf_to_number, " 1", -1, 0 },
		{ conf_to_number, "1K", -1, 0 },
		{ conf_to_number, "0x10", -1, 0 },
		{ conf_to_size, "5", 0, 5 },
		{ conf_to_size, "5K", 0, 5120 },
		{ conf_to_size, "64M", 0, 67108864 },
		{ conf_to_size, "2G", 0, 2147483648 },
		{ conf_to_size, "2g", -1, 0 },
		{ conf_to_size, "2KB", -1, 0 },
		{ conf_to_size, "K", -1, 0 },
		{ conf_to_size, "999999999999G", -1, 0 },
		{ conf_to_duration, "0", 0, 0 },
		{ conf_to_duration, "2ms", 0, 2 },
		{ conf_to_duration, "5s", 0, 5000 },
		{ conf_to_duration, "10m", 0, 600000 },
		{ conf_to_duration, "1h", 0, 3600000 },
		{ conf_to_duration, "30d", 0, 2592000000 },
		{ conf_to_duration, "5", -1, 0 },
		{ conf_to_duration, "1h30m", -1, 0 },
		{ conf_to_rate, "100/s", 0, 100 },
		{ conf_to_rate, "100", -1, 0 },
		{ conf_to_rate, "100/m", -1, 0 },
		{ conf_to_percent, "5%", 0, 500 },
		{ conf_to_percent, "0.5%", 0, 50 },
		{ conf_to_percent, "0.05%", 0, 5 },
		{ conf_to_percent, "100%", 0, 10000 },
		{ conf_to_percent, "100.01%", -1, 0 },
		{ conf_to_percent, "0.005%", -1, 0 },
		{ conf_to_percent, "5.%", -1, 0 },
		{ conf_to_percent, "5", -1, 0 },
	};
	struct conf_why why;
	uint64_t out;
	size_t i;

	for (i = 0; i < N(t); i++) {
		int ret = t[i].convert(t[i].in, &out, &why);

		if (ret != t[i].ret || (ret == 0 && out != t[i].out))
			fail_msg("%zu: %s", i, t[i].in);
	}
}

static void
test_formats(void **state)
{
	static const struct {
		enum conf_kind kind;
		uint64_t in;
		const char *out;
	} t[] = {
		{ KIND_SIZE, 0, "0" },
		{ KIND_SIZE, 1023, "1023" },
		{ KIND_SIZE, 1024, "1K" },
		{ KIND_SIZE, 1025 * 1024, "1025K" },
		{ KIND_SIZE, 2147483648, "2G" },
		{ KIND_DURATION, 0, "0" },
		{ KIND_DURATION, 1500, "1500ms" },
		{ KIND_DURATION, 90000, "90s" },
		{ KIND_DURATION, 172800000, "2d" },
		{ KIND_PERCENT, 500, "5%" },
		{ KIND_PERCENT, 5, "0.05%" },
		{ KIND_PERCENT, 1250, "12.5%" },
		{ KIND_RATE, 7, "7/s" },
		{ KIND_NUMBER, 7, "7" },
	};
	char out[CONF_FORMAT_LEN];
	size_t i;

	for (i = 0; i < N(t); i++) {
		conf_format_number(t[i].kind, t[i].in, out);
		assert_string_equal(out, t[i].out);
	}
}

static void
test_pools(void **state)
{
	static const struct {
		const char *in, *host;
		uint16_t port;
		int has_port;
	} t[] = {
		{ "stratum+tcp://a.example:1", "a.example", 1, 1 },
		{ "STRATUM+TCP://A.Example", "a.example", 3333, 0 },
		{ "stratum+tcp://a.example:65535/", "a.example", 65535, 1 },
		{ "a.example.", "a.example.", 3333, 0 },
		{ "127.0.0.1:3333", "127.0.0.1", 3333, 1 },
		{ "[::1]:5", "::1", 5, 1 },
		{ "::1", "::1", 3333, 0 },
		{ "stratum+tcp://[2001:DB8::1]", "2001:db8::1", 3333, 0 },
		{ "_stratum.a-b.example:1", "_stratum.a-b.example", 1, 1 },
		{ "", NULL, 0, 0 },
		{ ":3333", NULL, 0, 0 },
		{ "a:", NULL, 0, 0 },
		{ "a:0", NULL, 0, 0 },
		{ "a:65536", NULL, 0, 0 },
		{ "a:123456", NULL, 0, 0 },
		{ "a:1:2", NULL, 0, 0 },
		{ "a/path", NULL, 0, 0 },
		{ "a b", NULL, 0, 0 },
		{ "user@a", NULL, 0, 0 },
		{ "-a.example", NULL, 0, 0 },
		{ "a..example", NULL, 0, 0 },
		{ "1.2.3.256", NULL, 0, 0 },
		{ "1.2.3", NULL, 0, 0 },
		{ "[::1", NULL, 0, 0 },
		{ "[127.0.0.1]:1", NULL, 0, 0 },
		{ "[a.example]:1", NULL, 0, 0 },
		{ "fe80::1%eth0", NULL, 0, 0 },
		{ "stratum+ssl://a", NULL, 0, 0 },
		{ "tcp://a", NULL, 0, 0 },
		{ "http://a", NULL, 0, 0 },
		{ "://a", NULL, 0, 0 },
	};
	struct conf_pool pool;
	struct conf_why why;
	int has_port, ret;
	size_t i;

	for (i = 0; i < N(t); i++) {
		ret = conf_to_pool(t[i].in, &pool, &has_port, &why);
		if ((ret == 0) != (t[i].host != NULL))
			fail_msg("%zu: %s", i, t[i].in);
		if (ret == -1) {
			assert_true(strlen(why.text) > 0);
			continue;
		}
		assert_string_equal(pool.host, t[i].host);
		assert_int_equal(pool.port, t[i].port);
		assert_int_equal(has_port, t[i].has_port);
	}
}

static void
test_scheme_is_named(void **state)
{
	static const char *const schemes[] = { "stratum+ssl", "stratum+tls",
		"stratum2+tcp", "stratum", "http" };
	struct conf_pool pool;
	struct conf_why why;
	char url[64];
	int has_port;
	size_t i;

	for (i = 0; i < N(schemes); i++) {
		snprintf(url, sizeof(url), "%s://a.example:1", schemes[i]);
		assert_int_equal(conf_to_pool(url, &pool, &has_port, &why), -1);
		snprintf(url, sizeof(url), "\"%s\"", schemes[i]);
		assert_non_null(strstr(why.text, url));
	}
}

static void
test_addrs(void **state)
{
	static const struct {
		const char *in;
		int n;
		const char *text;
	} t[] = {
		{ "127.0.0.1", 1, "127.0.0.1:3333" },
		{ "::", 1, "[::]:3333" },
		{ "[::1]", 1, "[::1]:3333" },
		{ "2001:DB8:0::1", 1, "[2001:db8::1]:3333" },
		{ "localhost", 1, "127.0.0.1:3333" },
		{ "*", 2, "0.0.0.0:3333" },
		{ "224.0.0.1", -1, NULL },
		{ "255.255.255.255", -1, NULL },
		{ "ff02::1", -1, NULL },
		{ "::ffff:1.2.3.4", -1, NULL },
		{ "a.example", -1, NULL },
		{ "", -1, NULL },
		{ "[]", -1, NULL },
		{ "[127.0.0.1]", -1, NULL },
	};
	struct conf_addr a[2];
	struct conf_why why;
	size_t i;

	for (i = 0; i < N(t); i++) {
		memset(a, 0, sizeof(a));
		if (conf_to_addrs(t[i].in, 3333, a, &why) != t[i].n)
			fail_msg("%zu: %s", i, t[i].in);
		if (t[i].n > 0) {
			assert_string_equal(a[0].text, t[i].text);
			assert_int_not_equal(a[0].id, 0);
		}
	}
	/* Any two of these differ, and both sides of "*" are there. */
	assert_int_equal(conf_to_addrs("*", 3333, a, &why), 2);
	assert_string_equal(a[1].text, "[::]:3333");
	assert_int_equal(a[0].ss.ss_family, AF_INET);
	assert_int_equal(a[1].ss.ss_family, AF_INET6);
	assert_int_equal(((struct sockaddr_in6 *)&a[1].ss)->sin6_port,
	    htons(3333));
	assert_true(a[0].id != a[1].id);
}

/* A reload finds its listeners by this number: it may never change. */
static void
test_ids_are_stable(void **state)
{
	struct conf_addr a[2];
	struct conf_why why;
	uint64_t id;

	assert_int_equal(conf_to_addrs("127.0.0.1", 3333, a, &why), 1);
	id = a[0].id;
	assert_int_equal(conf_to_addrs("localhost", 3333, a, &why), 1);
	assert_true(a[0].id == id);
	conf_addr_set_port(&a[0], 3334);
	assert_true(a[0].id != id);
	conf_addr_set_port(&a[0], 3333);
	assert_true(a[0].id == id);
	/* Computed apart from this: FNV-1a of 7f 00 00 01 0d 05. */
	assert_true(id == 0x8b850d85716df91fULL);
}

static void
test_networks(void **state)
{
	static const struct {
		const char *in;
		int ret, family, bits;
	} t[] = {
		{ "10.0.0.0/8", 0, AF_INET, 8 },
		{ "0.0.0.0/0", 0, AF_INET, 0 },
		{ "10.1.2.3", 0, AF_INET, 32 },
		{ "fd00::/8", 0, AF_INET6, 8 },
		{ "[fd00::]/8", 0, AF_INET6, 8 },
		{ "::1", 0, AF_INET6, 128 },
		{ "::/0", 0, AF_INET6, 0 },
		{ "10.0.0.1/8", -1, 0, 0 },
		{ "10.0.0.0/33", -1, 0, 0 },
		{ "fd00::1/64", -1, 0, 0 },
		{ "fd00::/129", -1, 0, 0 },
		{ "10.0.0.0/", -1, 0, 0 },
		{ "10.0.0.0/-1", -1, 0, 0 },
		{ "10/8", -1, 0, 0 },
		{ "/8", -1, 0, 0 },
		{ "", -1, 0, 0 },
	};
	struct conf_net net;
	struct conf_why why;
	size_t i;

	for (i = 0; i < N(t); i++) {
		if (conf_to_net(t[i].in, &net, &why) != t[i].ret)
			fail_msg("%zu: %s", i, t[i].in);
		if (t[i].ret == -1)
			continue;
		assert_int_equal(net.family, t[i].family);
		assert_int_equal(net.bits, t[i].bits);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_scheme_is_named),
		cmocka_unit_test(test_addrs),
		cmocka_unit_test(test_ids_are_stable),
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests_name("config_values", tests, NULL, NULL);
}
