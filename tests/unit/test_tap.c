/*
 * Taking a batch apart: entries come out as they went in, and anything odd
 * ends the batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/tap.h"

static void
add(struct mbuf *b, const struct tap_head *h, const void *payload)
{
	static const uint8_t zeros[8];

	msg_put_raw(b, h, sizeof(*h));
	msg_put_raw(b, payload, h->len);
	msg_put_raw(b, zeros, TAP_PAD(h->len) - h->len);
}

static int
next_of(const struct mbuf *b, size_t len, struct tap_entry *e)
{
	struct mcur c;

	mcur_init(&c, b->data, len);
	return tap_next(&c, e);
}

static void
test_batch(void **state)
{
	struct tap_open open = { .opened_us = 5, .peer = "192.0.2.1:5000" };
	struct tap_head h = { .kind = TAP_OPEN, .len = sizeof(open), .seq = 1 };
	struct tap_entry e;
	struct mbuf b;
	struct mcur c;

	mbuf_init(&b);
	add(&b, &h, &open);
	h = (struct tap_head){ .kind = TAP_CHUNK,
		.dir = 1,
		.len = 5,
		.seq = 2,
		.session = 9,
		.offset = 100,
		.ts_recv = 1 };
	add(&b, &h, "hello");
	h = (struct tap_head){ .kind = TAP_LOST, .seq = 3, .offset = 77 };
	add(&b, &h, "");

	mcur_init(&c, b.data, b.len);
	assert_int_equal(tap_next(&c, &e), 1);
	assert_int_equal(e.h.kind, TAP_OPEN);
	memcpy(&open, e.payload, sizeof(open));
	assert_string_equal(open.peer, "192.0.2.1:5000");
	assert_int_equal(tap_next(&c, &e), 1);
	assert_int_equal(e.h.seq, 2);
	assert_int_equal(e.h.offset, 100);
	assert_memory_equal(e.payload, "hello", 5);
	assert_int_equal(tap_next(&c, &e), 1);
	assert_int_equal(e.h.offset, 77);
	assert_int_equal(tap_next(&c, &e), 0);
	assert_int_equal(msg_end(&c), 0);
	mbuf_free(&b);
}

static void
test_heads(void **state)
{
	static const struct {
		uint8_t kind, dir;
		uint32_t len;
		int want;
	} tab[] = {
		{ TAP_NONE, 0, 0, -1 },
		{ TAP_KIND_MAX, 0, 0, -1 },
		{ 255, 0, 0, -1 },
		{ TAP_FWD, 0, 0, 1 },
		{ TAP_FWD, 1, 0, 1 },
		{ TAP_FWD, 2, 0, -1 },
		{ TAP_FWD, 0, 8, -1 },
		{ TAP_HALF, 0, 0, 1 },
		{ TAP_HALF, 0, 1, -1 },
		{ TAP_CLOCK, 0, 0, 1 },
		{ TAP_LOST, 0, 0, 1 },
		{ TAP_LOST, 0, 16, -1 },
		{ TAP_CHUNK, 0, 1, 1 },
		{ TAP_CHUNK, 0, TAP_CHUNK_MAX, 1 },
		{ TAP_CHUNK, 0, TAP_CHUNK_MAX + 1, -1 },
		{ TAP_CHUNK, 0, UINT32_MAX, -1 },
		{ TAP_CHUNK, 0, UINT32_MAX - 6, -1 },
		{ TAP_OPEN, 0, sizeof(struct tap_open), 1 },
		{ TAP_OPEN, 0, sizeof(struct tap_open) - 1, -1 },
		{ TAP_OPEN, 0, sizeof(struct tap_open) + 1, -1 },
		{ TAP_POOL, 0, sizeof(struct tap_pool), 1 },
		{ TAP_POOL, 0, 0, -1 },
		{ TAP_CLOSED, 0, sizeof(struct tap_closed), 1 },
		{ TAP_CLOSED, 0, sizeof(struct tap_open), -1 },
		{ TAP_INFO, 0, sizeof(struct tap_info), 1 },
		{ TAP_INFO, 0, sizeof(struct tap_info) + 8, -1 },
	};
	static const uint8_t zeros[TAP_PAYLOAD_MAX + 16];
	struct tap_entry e;
	struct mbuf b;
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		struct tap_head h = { .kind = tab[i].kind,
			.dir = tab[i].dir,
			.len = tab[i].len };

		mbuf_init(&b);
		msg_put_raw(&b, &h, sizeof(h));
		msg_put_raw(&b, zeros, sizeof(zeros));
		if (next_of(&b, b.len, &e) != tab[i].want)
			fail_msg("kind %u dir %u len %u", tab[i].kind,
			    tab[i].dir, tab[i].len);
		mbuf_free(&b);
	}
}

static void
test_cut(void **state)
{
	struct tap_pool pool = { .host = "pool.example" };
	struct tap_head h = { .kind = TAP_POOL, .len = sizeof(pool) };
	struct tap_entry e;
	struct mbuf b;
	size_t n;

	mbuf_init(&b);
	add(&b, &h, &pool);
	assert_int_equal(next_of(&b, 0, &e), 0);
	for (n = 1; n < b.len; n++)
		assert_int_equal(next_of(&b, n, &e), -1);
	assert_int_equal(next_of(&b, b.len, &e), 1);
	mbuf_free(&b);
}

/* The padding has to be there too: the next head begins behind it. */
static void
test_padding(void **state)
{
	struct tap_head h = { .kind = TAP_CHUNK, .len = 3 };
	struct tap_entry e;
	struct mbuf b;

	mbuf_init(&b);
	msg_put_raw(&b, &h, sizeof(h));
	msg_put_raw(&b, "abc", 3);
	assert_int_equal(next_of(&b, b.len, &e), -1);
	mbuf_free(&b);
}

#define UNENDED(type, field, k)                                        \
	do {                                                           \
		struct type t = { 0 };                                 \
		struct tap_head h = { .kind = (k), .len = sizeof(t) }; \
		struct tap_entry e;                                    \
		struct mbuf b;                                         \
		memset(t.field, 'x', sizeof(t.field));                 \
		mbuf_init(&b);                                         \
		add(&b, &h, &t);                                       \
		assert_int_equal(next_of(&b, b.len, &e), -1);          \
		mbuf_free(&b);                                         \
	} while (0)

static void
test_strings(void **state)
{
	UNENDED(tap_open, peer, TAP_OPEN);
	UNENDED(tap_open, via, TAP_OPEN);
	UNENDED(tap_open, listener, TAP_OPEN);
	UNENDED(tap_pool, host, TAP_POOL);
	UNENDED(tap_pool, peer, TAP_POOL);
	UNENDED(tap_closed, reason, TAP_CLOSED);
	UNENDED(tap_closed, detail, TAP_CLOSED);
}

/* Once bad, always bad: what follows a wrong entry is not guessed at. */
static void
test_sticky(void **state)
{
	struct tap_head h = { .kind = TAP_KIND_MAX };
	struct tap_entry e;
	struct mbuf b;
	struct mcur c;

	mbuf_init(&b);
	add(&b, &h, "");
	h.kind = TAP_FWD;
	add(&b, &h, "");
	mcur_init(&c, b.data, b.len);
	assert_int_equal(tap_next(&c, &e), -1);
	assert_int_equal(tap_next(&c, &e), -1);
	assert_int_equal(msg_end(&c), -1);
	mbuf_free(&b);
}

static void
test_dir_name(void **state)
{
	assert_string_equal(dir_name(DIR_MINER_TO_POOL), "miner_to_pool");
	assert_string_equal(dir_name(DIR_POOL_TO_MINER), "pool_to_miner");
	assert_string_equal(dir_name(DIR_HASHSCOPE_TO_POOL),
	    "hashscope_to_pool");
	assert_string_equal(dir_name(DIR_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_dir_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
