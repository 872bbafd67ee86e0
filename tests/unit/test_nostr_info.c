/*
 * What relays say of themselves, and the work that some want.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/nostr_info.h"
#include "common/nostr_pow.h"

static struct jtree tree;

static int
parse(struct nostr_info *i, const char *text)
{
	return nostr_info_parse(i, &tree, text, strlen(text));
}

static void
test_info(void **state)
{
	struct nostr_info i;

	assert_int_equal(parse(&i,
			     "{\"name\":\"r\",\"limitation\":{"
			     "\"max_message_length\":16384,"
			     "\"max_content_length\":8196,"
			     "\"max_event_tags\":100,\"min_pow_difficulty\":30,"
			     "\"auth_required\":true,"
			     "\"payment_required\":false}}"),
	    0);
	assert_true(i.known && i.auth && !i.payment);
	assert_int_equal(i.message_max, 16384);
	assert_int_equal(i.content_max, 8196);
	assert_int_equal(i.tags_max, 100);
	assert_int_equal(i.pow, 30);
	assert_int_equal(parse(&i, "{}"), 0);
	assert_true(i.known && i.message_max == 0);
}

static void
test_nonsense(void **state)
{
	static const char *const bad[] = { "", "[]", "{", "\"x\"", "{}x",
		"{\"a\":\"\xff\"}", "<html>" };
	static const char *const none[] = { "null", "[]", "5", "\"x\"",
		"{\"max_message_length\":-1}", "{\"max_message_length\":1.5}",
		"{\"max_message_length\":1e9}", "{\"max_message_length\":[]}",
		"{\"max_message_length\":99999999999}",
		"{\"min_pow_difficulty\":256}", "{\"auth_required\":1}" };
	struct nostr_info i;
	char text[128];

	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
		assert_int_equal(parse(&i, bad[k]), -1);
	for (size_t k = 0; k < sizeof(none) / sizeof(none[0]); k++) {
		snprintf(text, sizeof(text), "{\"limitation\":%s}", none[k]);
		assert_int_equal(parse(&i, text), 0);
		assert_true(
		    i.known && !i.auth && i.message_max == 0 && i.pow == 0);
	}
}

static void
test_wanted(void **state)
{
	static const struct {
		const char *text;
		unsigned bits;
	} v[] = { { "pow: difficulty 26 is less than 30", 30 },
		{ "pow: 28 bits needed", 28 }, { "pow: 25>=24", 25 },
		{ "pow: more", 0 }, { "", 0 },
		{ "pow: 99999999999999999999999 or 12", 12 },
		{ "20bits", 20 } };

	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++)
		assert_int_equal(nostr_pow_wanted(v[k].text), v[k].bits);
}

static void
test_bits(void **state)
{
	uint8_t id[32] = { 0 };

	assert_int_equal(nostr_pow_bits(id), 256);
	id[0] = 0x80;
	assert_int_equal(nostr_pow_bits(id), 0);
	/* NIP-13's example: 36. */
	id[0] = 0;
	id[4] = 0x0e;
	assert_int_equal(nostr_pow_bits(id), 36);
}

static void
make(struct nostr_event *e, const char *content)
{
	nostr_event_init(e, 1, 1700000000);
	memset(e->pubkey, 7, 32);
	nostr_tag_add(e, "t", "[\"nonce\",\"");
	e->content.s = content;
	e->content.len = strlen(content);
}

/* The id has the bits, and the same event gives the same nonce, however
 * small the slices. */
static void
test_work(void **state)
{
	struct nostr_nonce a, b;
	struct nostr_event e, f;
	struct nostr_pow *w;
	uint8_t id[32];
	unsigned slices = 0;

	make(&e, "[\"nonce\",\"0000000000\"");
	make(&f, "[\"nonce\",\"0000000000\"");
	w = nostr_pow_new(&e, &a, 11);
	assert_non_null(w);
	assert_true(nostr_pow_try(w, 100000000));
	nostr_pow_free(w);
	nostr_event_id(&e, id);
	assert_true(nostr_pow_bits(id) >= 11);
	assert_string_equal(a.bits, "11");
	assert_int_equal(e.tag[1].n, 3);
	w = nostr_pow_new(&f, &b, 11);
	while (!nostr_pow_try(w, 1))
		slices++;
	nostr_pow_free(w);
	assert_true(slices > 0);
	assert_string_equal(a.value, b.value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
