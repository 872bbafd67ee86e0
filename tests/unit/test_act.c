/*
 * Acts come out of a body as they went in, and what no act is is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/act.h"

static void
test_act(void **state)
{
	struct act a = { .who = { .credential = ACT_UID,
			     .uid = 7,
			     .may_act = 1,
			     .peer = "hashscopectl",
			     .user = "ann" },
		.kind = ACT_REPEAT_COUNT,
		.has_session = true,
		.session = { 1, 2, 3 },
		.worker = "w.1",
		.pos = UINT64_MAX,
		.n = 1000,
		.on = true,
		.role = ACT_ROLE_ADMIN,
		.name = "n",
		.text = "one\nline",
		.text_len = 8 };
	struct act b;
	struct mbuf body;
	struct mcur cur;

	mbuf_init(&body);
	act_put(&body, &a);
	for (size_t cut = 0; cut < body.len; cut++) {
		mcur_init(&cur, body.data, cut);
		act_get(&cur, &b);
		assert_int_equal(msg_end(&cur), -1);
	}
	mcur_init(&cur, body.data, body.len);
	act_get(&cur, &b);
	assert_int_equal(msg_end(&cur), 0);
	assert_int_equal(b.text_len, a.text_len);
	assert_memory_equal(b.text, a.text, a.text_len);
	b.text = a.text;
	assert_string_equal(b.worker, a.worker);
	assert_string_equal(b.who.user, "ann");
	assert_true(b.has_session && b.on && b.who.may_act);
	assert_memory_equal(b.session, a.session, 16);
	assert_true(b.pos == a.pos && b.n == a.n && b.role == a.role);
	mbuf_free(&body);
}

static void
test_no_act(void **state)
{
	const uint8_t kinds[] = { ACT_NONE, ACT_MAX, 255 };
	struct act a, b;
	struct mbuf body;
	struct mcur cur;

	for (unsigned i = 0; i < sizeof(kinds); i++) {
		memset(&a, 0, sizeof(a));
		a.kind = kinds[i];
		mbuf_init(&body);
		act_put(&body, &a);
		mcur_init(&cur, body.data, body.len);
		act_get(&cur, &b);
		assert_int_equal(msg_end(&cur), -1);
		assert_null(act_info(kinds[i]));
		mbuf_free(&body);
	}
}

static void
test_table(void **state)
{
	for (unsigned i = ACT_NONE + 1; i < ACT_MAX; i++) {
		const struct act_info *info = act_info(i);

		assert_non_null(info);
		assert_true(info->role >= ACT_ROLE_VIEWER);
		for (unsigned k = i + 1; k < ACT_MAX; k++)
			assert_string_not_equal(info->name, act_info(k)->name);
	}
	assert_int_equal(act_role_parse("operator"), ACT_ROLE_OPERATOR);
	assert_int_equal(act_role_parse(""), ACT_ROLE_NONE);
	assert_int_equal(act_role_parse("root"), ACT_ROLE_NONE);
	assert_string_equal(act_role_name(ACT_ROLE_ADMIN), "admin");
}

static void
test_answers(void **state)
{
	struct act_done d = { .status = 409,
		.detail = "ended",
		.result = "{\"a\":1}",
		.result_len = 7 },
			e;
	struct act_identity i = { .status = 200,
		.role = ACT_ROLE_VIEWER,
		.retry_s = 1,
		.lives_s = 2,
		.user = "u",
		.secret = "s" },
			    j;
	struct act_login l = { .peer = "p",
		.user = "u",
		.password = "x",
		.code = "c" },
			 m;
	struct mbuf body;
	struct mcur cur;

	mbuf_init(&body);
	act_done_put(&body, &d);
	act_identity_put(&body, &i);
	act_login_put(&body, &l);
	mcur_init(&cur, body.data, body.len);
	act_done_get(&cur, &e);
	act_identity_get(&cur, &j);
	act_login_get(&cur, &m);
	assert_int_equal(msg_end(&cur), 0);
	assert_int_equal(e.status, 409);
	assert_string_equal(e.detail, "ended");
	assert_memory_equal(e.result, d.result, 7);
	assert_int_equal(j.role, ACT_ROLE_VIEWER);
	assert_true(j.retry_s == 1 && j.lives_s == 2);
	assert_string_equal(j.secret, "s");
	assert_string_equal(m.code, "c");
	mbuf_free(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_act),
		cmocka_unit_test(test_no_act),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
