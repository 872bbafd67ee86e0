/*
 * What an agent believes, once; and its numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "common/nostr_key.h"

#define NOW 1763740800

static struct agent_conf conf;
static struct intake *in;
static struct nostr_key *key;
static struct jtree tree;
static unsigned got;
static uint64_t last_seq;
static int said; /* -1 nothing */

static void
on_share(void *arg, const struct nostr_share *s)
{
	got++;
	last_seq = s->seq;
}

static void
on_control(void *arg, bool stop)
{
	said = stop;
}

static const struct intake_ops ops = { on_share, on_control };

static int
begin(void **state)
{
	uint8_t secret[32] = { 1 };

	memset(&conf, 0, sizeof(conf));
	key = nostr_key_new(secret);
	assert_non_null(key);
	memcpy(conf.trust[0], nostr_key_public(key), 32);
	conf.ntrust = 1;
	conf.kind_share = 30080;
	conf.kind_batch = 20780;
	conf.kind_control = 20781;
	snprintf(conf.run, sizeof(conf.run), "r");
	snprintf(conf.id, sizeof(conf.id), "me");
	in = intake_new(&conf, NOW - 100, &ops, NULL);
	assert_non_null(in);
	got = 0;
	said = -1;
	return 0;
}

static int
end(void **state)
{
	intake_free(in);
	nostr_key_free(key);
	return 0;
}

static enum intake_fault
give(uint32_t kind, int64_t created_at, const char *content)
{
	struct nostr_event e;
	enum intake_fault fault;
	struct mbuf m;

	nostr_event_init(&e, kind, created_at);
	nostr_tag_add(&e, "t", "hashscope:r");
	e.content = (struct nostr_str){ content, strlen(content) };
	memcpy(e.pubkey, nostr_key_public(key), 32);
	nostr_event_id(&e, e.id);
	nostr_key_sign(key, e.id, e.sig);
	mbuf_init(&m);
	nostr_event_put(&e, &m);
	assert_int_equal(jtree_parse(&tree, m.data, m.len), 0);
	fault = intake_event(in, &tree, jtree_root(&tree), NOW);
	mbuf_free(&m);
	return fault;
}

static enum intake_fault
share(unsigned session, uint64_t seq)
{
	char text[600];

	snprintf(text, sizeof(text),
	    "{\"schema\":\"hashscope.v1\",\"run_id\":\"r\",\"seq\":%llu,"
	    "\"pool\":{\"host\":\"p\",\"port\":1},\"stratum\":{\"method\":"
	    "\"mining.submit\",\"id\":1,\"params\":[\"a\",\"b\",\"c\"]},"
	    "\"context\":{\"session_id\":\"01000000-0000-0000-0000-%012u\"}}",
	    (unsigned long long)seq, session);
	return give(30080, NOW, text);
}

/* Each number once, in whatever order; far behind the last: not at all. */
static void
test_once(void **state)
{
	assert_int_equal(share(1, 5), INTAKE_OK);
	assert_int_equal(share(1, 5), INTAKE_REPEATED);
	assert_int_equal(share(1, 3), INTAKE_OK);
	assert_int_equal(share(1, 3), INTAKE_REPEATED);
	assert_int_equal(share(1, 4), INTAKE_OK);
	assert_int_equal(share(2, 5), INTAKE_OK);
	assert_int_equal(share(1, 5000), INTAKE_OK);
	assert_int_equal(share(1, 904), INTAKE_REPEATED);
	assert_int_equal(share(1, 905), INTAKE_OK);
	assert_int_equal(share(1, 4999), INTAKE_OK);
	assert_int_equal(share(1, 1000000000), INTAKE_OK);
	assert_int_equal(share(1, 5000), INTAKE_REPEATED);
	assert_int_equal(share(1, 999999999), INTAKE_OK);
	assert_int_equal(share(1, 999999999), INTAKE_REPEATED);
	assert_int_equal(got, 9);
	assert_int_equal(intake_refused(in), 0);
}

static void
test_faults(void **state)
{
	assert_int_equal(give(30080, NOW, "{}"), INTAKE_MALFORMED);
	assert_int_equal(give(30079, NOW, "{}"), INTAKE_FOREIGN);
	assert_int_equal(give(30080, NOW + 61, "{}"), INTAKE_TIME);
	assert_int_equal(give(30080, NOW - 101, "{}"), INTAKE_TIME);
	memset(conf.trust[0], 7, 32);
	assert_int_equal(give(30080, NOW, "{}"), INTAKE_STRANGER);
	assert_int_equal(got, 0);
	assert_int_equal(intake_refused(in), 5);
}

#define WORD(command, more)                                                    \
	"{\"schema\":\"hashscope.v1\",\"run_id\":\"r\",\"command\":\"" command \
	"\"" more "}"

static void
test_control(void **state)
{
	assert_int_equal(give(20781, NOW - 5, WORD("stop", "")), INTAKE_OK);
	assert_int_equal(said, 1);
	said = -1;
	/* Said again, older, of the same second, too old, to somebody else. */
	assert_int_equal(give(20781, NOW - 5, WORD("stop", "")),
	    INTAKE_REPEATED);
	assert_int_equal(give(20781, NOW - 6, WORD("start", "")), INTAKE_TIME);
	assert_int_equal(give(20781, NOW - 5, WORD("start", "")), INTAKE_TIME);
	assert_int_equal(give(20781, NOW - 61, WORD("start", "")), INTAKE_TIME);
	assert_int_equal(give(20781, NOW,
			     WORD("start", ",\"agent_id\":\"you\"")),
	    INTAKE_OK);
	assert_int_equal(give(20781, NOW, WORD("dance", "")), INTAKE_MALFORMED);
	assert_int_equal(said, -1);
	assert_int_equal(give(20781, NOW,
			     WORD("start", ",\"agent_id\":\"me\"")),
	    INTAKE_OK);
	assert_int_equal(said, 0);
	/* In doubt it is to be stop; and what came before that is nothing. */
	assert_int_equal(give(20781, NOW, WORD("stop", ",\"agent_id\":null")),
	    INTAKE_OK);
	assert_int_equal(said, 1);
	assert_int_equal(give(20781, NOW,
			     WORD("start", ",\"agent_id\":\"me\"")),
	    INTAKE_REPEATED);
	assert_int_equal(said, 1);
}

/* --- shares of its own --- */

static uint32_t granted; /* version bits */

static void
notify(struct miner *m, const char *job, const char *clean)
{
	const struct poolclient_facts facts = { .extranonce1 = "abcd",
		.extranonce2_size = 4,
		.version_mask = granted,
		.difficulty = 1e-9 };
	char text[600];

	snprintf(text, sizeof(text),
	    "[\"%s\",\"00000000000000000000000000000000000000000000000000000"
	    "00000000000\",\"01000000\",\"ffffffff\",[],\"20000000\","
	    "\"1d00ffff\",\"69209500\",%s]",
	    job, clean);
	assert_int_equal(jtree_parse(&tree, text, strlen(text)), 0);
	miner_notice(m, &facts, "mining.notify", &tree, jtree_root(&tree));
}

/* The mix is kept, and no fault is made that could not be one yet. */
static void
test_mine(void **state)
{
	unsigned made[MINE_KINDS] = { 0 };
	char params[NOSTR_PARAMS_MAX], last[NOSTR_PARAMS_MAX] = "";
	enum mine_kind kind;
	struct miner *m;

	conf.mix[MINE_VALID] = 80;
	conf.mix[MINE_STALE] = conf.mix[MINE_DUPLICATE] = 8;
	conf.mix[MINE_LOW] = conf.mix[MINE_MALFORMED] = 2;
	snprintf(conf.worker, sizeof(conf.worker), "w");
	assert_non_null(m = miner_new(&conf));
	assert_int_equal(miner_next(m, 100, params, &kind), 0);
	notify(m, "1", "true");
	for (unsigned i = 0; i < 50; i++) {
		while (miner_next(m, 1000, params, &kind) == 0)
			;
		assert_int_not_equal(kind, MINE_STALE);
	}
	notify(m, "2", "true");
	for (unsigned i = 0; i < 1000; i++) {
		while (miner_next(m, 1000, params, &kind) == 0)
			;
		made[kind]++;
		if (kind == MINE_DUPLICATE)
			assert_string_equal(params, last);
		else if (kind == MINE_VALID)
			assert_string_not_equal(params, last);
		assert_true((strncmp(params, "[\"w\",\"1\"", 8) == 0) ==
		    (kind == MINE_STALE));
		if (kind == MINE_VALID)
			memcpy(last, params, sizeof(last));
	}
	assert_in_range(made[MINE_VALID], 790, 810);
	assert_in_range(made[MINE_STALE], 75, 85);
	assert_in_range(made[MINE_DUPLICATE], 75, 85);
	assert_in_range(made[MINE_LOW], 15, 25);
	assert_in_range(made[MINE_MALFORMED], 15, 25);
	/* Version bits, once they are granted and as far as they are ours. */
	assert_int_equal(jtree_parse(&tree, params, strlen(params)), 0);
	assert_int_equal(jtree_count(&tree, jtree_root(&tree)), 5);
	granted = 0xf0006000;
	notify(m, "3", "true");
	for (unsigned i = 0, all = 0; i < 200 || all != 0x10006000; i++) {
		char bits[9];

		while (miner_next(m, 1000, params, &kind) == 0)
			;
		if (kind != MINE_VALID)
			continue;
		assert_int_equal(jtree_parse(&tree, params, strlen(params)), 0);
		assert_int_equal(jtree_str(&tree,
				     jtree_item(&tree, jtree_root(&tree), 5),
				     bits, sizeof(bits)),
		    8);
		all |= (unsigned)strtoul(bits, NULL, 16);
		assert_int_equal(all & ~0x10006000u, 0);
		assert_true(i < 1000);
	}
	granted = 0;
	/* Another session: nothing is known. */
	miner_reset(m);
	assert_int_equal(miner_next(m, 1000, params, &kind), 0);
	miner_free(m);
}

/* --- numbers --- */

static void
test_percentiles(void **state)
{
	static struct agent_stats s;
	uint64_t us, got_us;

	assert_int_equal(stats_percentile(&s, 0.5), 0);
	for (us = 1; us <= 100000; us++)
		stats_answer(&s, us);
	for (unsigned p = 1; p <= 99; p++) {
		got_us = stats_percentile(&s, p / 100.0);
		assert_true(got_us >= p * 1000 * 98 / 100 &&
		    got_us <= p * 1000 * 102 / 100);
	}
	stats_answer(&s, UINT64_MAX);
	assert_true(stats_percentile(&s, 1) > 100000);
}

static void
test_rates(void **state)
{
	static struct agent_stats s;
	uint64_t now;

	for (now = 1000; now < 1100; now++)
		for (unsigned i = 0; i < (now < 1090 ? 3 : 6); i++)
			stats_submit(&s, now);
	assert_true(stats_rate(&s, 1100, 10) > 5.99);
	assert_true(stats_rate(&s, 1100, 10) < 6.01);
	assert_true(stats_rate(&s, 1100, 60) > 3.49);
	assert_true(stats_rate(&s, 1100, 60) < 3.51);
	assert_true(stats_rate(&s, 1200, 60) < 0.01);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_once),
		TEST(test_faults),
		TEST(test_control),
		TEST(test_mine),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
