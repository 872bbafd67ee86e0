/*
 * SHA-256: the vectors of FIPS 180-4, and libcrypto on every length and
 * every way to cut it, for each code that this processor can run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "common/sha256.h"

#define MILLION 1000000

static void
check_hex(const uint8_t hash[SHA256_LEN], const char *want)
{
	char hex[2 * SHA256_LEN + 1];
	int i;

	for (i = 0; i < SHA256_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(hex, want);
}

/* The examples of FIPS 180-4 and of NIST's CAVP. */
static void
check_vectors(void)
{
	static const struct {
		const char *in, *out;
	} v[] = {
		{ "",
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
		    "7852b855" },
		{ "abc",
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410"
		    "ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd4"
		    "19db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac4503"
		    "7afee9d1" },
	};
	uint8_t out[SHA256_LEN], *a = malloc(MILLION);
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		sha256(v[i].in, strlen(v[i].in), out);
		check_hex(out, v[i].out);
	}
	assert_non_null(a);
	memset(a, 'a', MILLION);
	sha256(a, MILLION, out);
	check_hex(out,
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39"
	    "ccc7112cd0");
	free(a);
	sha256d("hello", 5, out);
	check_hex(out,
	    "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883"
	    "a419833d50");
}

static void
check_libcrypto(void)
{
	uint8_t data[400], ours[32], theirs[32];
	struct sha256 s, mid;
	size_t len, cut;

	srand(7);
	for (len = 0; len < sizeof(data); len++)
		data[len] = (uint8_t)rand();
	for (len = 0; len <= sizeof(data); len++) {
		SHA256(data, len, theirs);
		for (cut = 0; cut <= len; cut += 1 + len / 50) {
			sha256_init(&s);
			sha256_update(&s, data, cut);
			mid = s;
			sha256_update(&s, data + cut, len - cut);
			sha256_final(&s, ours);
			assert_memory_equal(ours, theirs, 32);
			/* The copy goes its own way. */
			sha256_update(&mid, data + cut, len - cut);
			sha256_final(&mid, ours);
			assert_memory_equal(ours, theirs, 32);
		}
		SHA256(theirs, 32, theirs);
		sha256d(data, len, ours);
		assert_memory_equal(ours, theirs, 32);
	}
}

static void
test_c(void **state)
{
	assert_int_equal(sha256_use(SHA256_C), 0);
	assert_int_equal(sha256_code(), SHA256_C);
	check_vectors();
	check_libcrypto();
}

static void
test_cpu(void **state)
{
	if (sha256_use(SHA256_CPU) == -1)
		skip();
	assert_int_equal(sha256_code(), SHA256_CPU);
	check_vectors();
	check_libcrypto();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c),
		cmocka_unit_test(test_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
