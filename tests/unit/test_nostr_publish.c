/*
 * The polite publisher, minute by minute, with a clock of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/nostr_publish.h"

static struct publisher p;
static struct mbuf frame;
static struct jtree tree;
static uint64_t now;
static uint64_t done_cookie;
static int done_what; /* -1: nothing */

static void
on_done(void *arg, uint64_t cookie, enum pub_outcome what)
{
	done_cookie = cookie;
	done_what = (int)what;
}

static void
on_request(void *arg, struct mbuf *m)
{
	nostr_put_req(m, "s", &(struct nostr_filter){ .since = 1 });
}

static const struct pub_ops ops = { on_done, on_request };

static int
begin(void **state)
{
	struct pub_conf conf;

	pub_conf_default(&conf);
	now = 1000;
	pub_init(&p, &conf, &ops, NULL, 42);
	p.tokens_at = now;
	assert_true(pub_may_connect(&p, now));
	pub_connecting(&p, now);
	pub_opened(&p, now);
	done_what = -1;
	return 0;
}

static int
end(void **state)
{
	pub_clear(&p);
	mbuf_free(&frame);
	mbuf_init(&frame);
	return 0;
}

static void
add(unsigned n)
{
	uint8_t id[32] = { (uint8_t)n };

	assert_int_equal(pub_add(&p, n, id, "{}", 2, now + 50000), 0);
}

static void
urgent(unsigned slot, unsigned n)
{
	uint8_t id[32] = { (uint8_t)n };

	assert_int_equal(pub_urgent(&p, slot, id, "{}", 2, now, now + 50000),
	    0);
}

/* Writes the next frame; it must be an event. */
static void
write_one(void)
{
	assert_true(pub_next(&p, now, &frame));
	assert_memory_equal(frame.data, "[\"EVENT\",{}]", frame.len);
}

static void hear(const char *, ...) __attribute__((format(printf, 1, 2)));

static void
hear(const char *fmt, ...)
{
	struct nostr_frame f;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_int_equal(nostr_frame_parse(&f, &tree, text, strlen(text)), 0);
	pub_frame(&p, now, &f);
}

static void
answer(unsigned n, const char *rest)
{
	uint8_t id[32] = { (uint8_t)n };
	char hex[65];

	hex_text(id, 32, hex);
	hear("[\"OK\",\"%s\",%s]", hex, rest);
}

static void
test_accepted(void **state)
{
	assert_true(pub_wants(&p, now));
	add(1);
	write_one();
	assert_false(pub_next(&p, now, &frame));
	answer(2, "true,\"\"");
	assert_int_equal(done_what, -1);
	answer(1, "true,\"\"");
	assert_int_equal(done_what, PUB_ACCEPTED);
	assert_int_equal(p.nflights, 0);
	/* Mute and duplicate are as good; a second answer is nothing. */
	done_what = -1;
	answer(1, "true,\"\"");
	assert_int_equal(done_what, -1);
	add(2);
	write_one();
	answer(2, "false,\"mute: nobody listens\"");
	assert_int_equal(done_what, PUB_ACCEPTED);
	add(3);
	write_one();
	answer(3, "false,\"invalid: bad sig\"");
	assert_int_equal(done_what, PUB_REFUSED);
	assert_string_equal(p.reason, "invalid: bad sig");
}

/* Ten at once, then two a second; no more than 32 without an answer. */
static void
test_pace(void **state)
{
	unsigned n = 0;

	while (pub_wants(&p, now)) {
		add(++n);
		write_one();
	}
	assert_int_equal(n, 10);
	now += 499;
	assert_false(pub_wants(&p, now));
	now += 1;
	assert_true(pub_wants(&p, now));
	for (unsigned i = 0; i < 100; i++, now += 499) {
		if (!pub_wants(&p, now))
			continue;
		add(++n);
		write_one();
		p.flight[0].sent_at = now; /* nothing is overdue */
	}
	assert_int_equal(n, PUB_FLIGHTS);
	/* Two that wait take two tokens. */
	for (unsigned i = 1; i <= n; i++)
		answer(i, "true,\"\"");
	p.tokens = 2;
	assert_true(pub_wants(&p, now));
	add(100);
	assert_true(pub_wants(&p, now));
	add(101);
	assert_false(pub_wants(&p, now));
}

static void
test_rate_limited(void **state)
{
	add(1);
	add(2);
	write_one();
	write_one();
	answer(1, "false,\"rate-limited: slow down\"");
	answer(2, "false,\"rate-limited: slow down\"");
	assert_int_equal(done_what, -1);
	/* One complaint: half the rate, twice the time to collect. */
	assert_true(p.rate > 0.99 && p.rate < 1.01);
	assert_int_equal(p.flush_ms, 2000);
	assert_false(pub_wants(&p, now));
	assert_false(pub_next(&p, now, &frame));
	assert_int_equal(pub_wake(&p, now), 5000);
	now += 5000;
	pub_tick(&p, now);
	write_one();
	/* The same, said in a notice, and no OK. */
	hear("[\"NOTICE\",\"rate limit exceeded\"]");
	assert_true(p.rate > 0.49 && p.rate < 0.51);
	assert_int_equal(p.paused_until, now + 10000);
	assert_false(pub_next(&p, now + 9999, &frame));
	/* After a while without complaints it goes faster again. */
	now += 10000;
	for (unsigned i = 1; i <= 2; i++)
		answer(i, "true,\"\"");
	for (unsigned i = 10; i < 60; i++) {
		now += 2500;
		assert_true(pub_wants(&p, now));
		add(i);
		write_one();
		answer(i, "true,\"\"");
	}
	assert_true(p.rate > 1.99);
	assert_int_equal(p.flush_ms, 1000);
}

/* No OK: the same once more, then another connection, with the same id. */
/* Proof of work: what it says, more when it does not say, and the bound. */
static void
test_pow(void **state)
{
	const size_t most = p.bytes;

	assert_int_equal(pub_pow(&p), 0);
	add(1);
	write_one();
	answer(1, "false,\"pow: difficulty 3 is less than 16\"");
	assert_int_equal(done_what, PUB_AGAIN);
	assert_int_equal(pub_pow(&p), 16);
	assert_true(p.bytes < most && p.bytes >= 1024);
	add(2);
	write_one();
	done_what = -1;
	answer(2, "false,\"pow: 21 bits\"");
	/* It is kept, and nothing is written for a while. */
	assert_int_equal(done_what, -1);
	assert_int_equal(p.nflights, 1);
	assert_string_equal(p.reason,
	    "it wants 21 bits of proof of work, of which 20 are configured at "
	    "most");
	assert_false(pub_wants(&p, now));
	assert_int_equal(pub_pow(&p), 0);
	now += p.conf.blocked_ms;
	assert_true(pub_wants(&p, now));
	/* By now it wants less. */
	assert_true(pub_next(&p, now, &frame));
	answer(2, "false,\"pow: 12\"");
	assert_int_equal(done_what, PUB_AGAIN);
	assert_int_equal(pub_pow(&p), 12);
	/* One that does not say how much is not given less. */
	add(10);
	write_one();
	answer(10, "false,\"pow: more\"");
	assert_int_equal(pub_pow(&p), 12);
}

static void
test_info(void **state)
{
	struct nostr_info i = { .known = true, .message_max = 20000 };

	pub_info(&p, now, &i);
	assert_int_equal(p.bytes, (20000 - 2048) / 3 * 2);
	i.content_max = 5000;
	pub_info(&p, now, &i);
	assert_int_equal(p.bytes, 5000);
	p.conf.encrypted = true;
	pub_info(&p, now, &i);
	assert_int_equal(p.bytes, 5000 / 3 * 2);
	/* Nothing fits into that: it is not so. */
	i.content_max = i.message_max = 100;
	pub_info(&p, now, &i);
	assert_int_equal(p.bytes, p.conf.bytes);
	i.pow = 30;
	assert_true(pub_wants(&p, now));
	pub_info(&p, now, &i);
	assert_false(pub_wants(&p, now));
}

static void
test_silent(void **state)
{
	add(1);
	write_one();
	assert_int_equal(pub_wake(&p, now), 10000);
	now += 10000;
	pub_tick(&p, now);
	write_one();
	now += 10000;
	pub_tick(&p, now);
	assert_true(pub_hang_up(&p));
	assert_int_equal(done_what, -1);
	pub_closed(&p, now, NULL);
	assert_false(pub_hang_up(&p));
	assert_true(p.connect_at <= now + 1001);
	now = p.connect_at;
	assert_true(pub_may_connect(&p, now));
	pub_connecting(&p, now);
	pub_opened(&p, now);
	write_one();
	answer(1, "true,\"\"");
	assert_int_equal(done_what, PUB_ACCEPTED);
}

/* It talks, but not of this event: given up. */
static void
test_unanswered(void **state)
{
	add(1);
	write_one();
	now += 10000;
	pub_tick(&p, now);
	write_one();
	now += 1;
	hear("[\"NOTICE\",\"hello\"]");
	now += 10000;
	pub_tick(&p, now);
	assert_false(pub_hang_up(&p));
	assert_int_equal(done_what, PUB_REFUSED);
}

static void
test_old(void **state)
{
	/* Never written: signed anew. */
	add(1);
	p.tokens = 0;
	now += 50000;
	pub_tick(&p, now);
	assert_int_equal(done_what, PUB_AGAIN);
	/* Written, and not known whether it arrived: lost. */
	add(2);
	p.tokens = 1;
	write_one();
	pub_closed(&p, now, "reset");
	now += 50000;
	pub_tick(&p, now);
	assert_int_equal(done_what, PUB_LOST);
	/* The relay said that it did not take it. */
	pub_connecting(&p, now);
	pub_opened(&p, now);
	add(3);
	write_one();
	answer(3, "false,\"rate-limited: x\"");
	now += 50000;
	pub_tick(&p, now);
	assert_int_equal(done_what, PUB_AGAIN);
	add(4);
	write_one();
	answer(4, "false,\"invalid: ephemeral event expired\"");
	assert_int_equal(done_what, PUB_AGAIN);
}

static void
test_blocked(void **state)
{
	add(1);
	write_one();
	answer(1, "false,\"restricted: members only\"");
	assert_string_equal(p.reason, "restricted: members only");
	assert_false(pub_wants(&p, now + 599999));
	assert_int_equal(pub_wake(&p, now), 50000); /* it grows old */
	assert_true(pub_wants(&p, now + 600000));
}

static void
test_too_large(void **state)
{
	add(1);
	write_one();
	answer(1, "false,\"invalid: event too large\"");
	assert_int_equal(done_what, PUB_SPLIT);
	assert_int_equal(p.rows, 200);
	for (unsigned i = 0; i < 20; i++) {
		add(2);
		p.tokens = 5;
		write_one();
		answer(2, "false,\"too big\"");
	}
	assert_int_equal(p.rows, 1);
}

/* An event that ends the connection is not sent for ever. */
static void
test_cuts(void **state)
{
	add(1);
	add(2);
	write_one();
	write_one();
	for (unsigned i = 0; i < 10 && done_what == -1; i++) {
		pub_closed(&p, now, "cut");
		now = p.connect_at;
		pub_connecting(&p, now);
		pub_opened(&p, now);
		if (done_what != -1)
			break;
		write_one();
		assert_false(pub_next(&p, now, &frame));
	}
	assert_int_equal(done_what, PUB_SPLIT);
	assert_int_equal(done_cookie, 1);
	/* The other is not blamed. */
	write_one();
	answer(2, "true,\"\"");
	assert_int_equal(done_what, PUB_ACCEPTED);
	assert_false(p.careful);
}

static void
test_auth(void **state)
{
	uint8_t id[32] = { 200 };

	hear("[\"AUTH\",\"one\"]");
	assert_string_equal(pub_wants_auth(&p), "one");
	assert_null(pub_wants_auth(&p));
	assert_int_equal(pub_auth(&p, id, "{}", 2), 0);
	assert_true(pub_next(&p, now, &frame));
	assert_memory_equal(frame.data, "[\"AUTH\",{}]", frame.len);
	answer(200, "true,\"\"");
	assert_true(p.auth_done);
	/* On demand: the event waits, and goes out once more. */
	hear("[\"AUTH\",\"two\"]");
	assert_string_equal(pub_wants_auth(&p), "two");
	add(1);
	write_one();
	answer(1, "false,\"auth-required: who are you\"");
	assert_false(pub_next(&p, now, &frame));
	assert_int_equal(pub_auth(&p, id, "{}", 2), 0);
	assert_true(pub_next(&p, now, &frame));
	answer(200, "true,\"\"");
	write_one();
	/* And if that was not enough, not again for a while. */
	answer(1, "false,\"auth-required: still\"");
	assert_false(pub_next(&p, now, &frame));
	assert_int_equal(p.blocked_until, now + 600000);
	/* Without an answer to AUTH: another connection. */
	hear("[\"AUTH\",\"three\"]");
	assert_non_null(pub_wants_auth(&p));
	pub_auth(&p, id, "{}", 2);
	assert_true(pub_next(&p, now, &frame));
	now += 10000;
	pub_tick(&p, now);
	assert_true(pub_hang_up(&p));
}

/* It wants to know who we are, and never asks. */
static void
test_auth_never(void **state)
{
	add(1);
	write_one();
	answer(1, "false,\"auth-required: who?\"");
	assert_int_equal(pub_wake(&p, now), 10000);
	now += 10000;
	pub_tick(&p, now);
	assert_int_equal(p.blocked_until, now + 600000);
}

static void
test_subscription(void **state)
{
	pub_subscribe(&p, true);
	assert_true(pub_next(&p, now, &frame));
	assert_memory_equal(frame.data, "[\"REQ\",\"s\",{\"since\":1}]",
	    frame.len);
	assert_false(pub_next(&p, now, &frame));
	hear("[\"EOSE\",\"s\"]");
	assert_int_equal(pub_wake(&p, now), PUB_NEVER);
	hear("[\"CLOSED\",\"s\",\"error: shutting down\"]");
	assert_int_equal(pub_wake(&p, now), 5000);
	assert_false(pub_next(&p, now, &frame));
	now += 5000;
	assert_true(pub_next(&p, now, &frame));
	/* After AUTH, when it wants that. */
	hear("[\"CLOSED\",\"s\",\"auth-required: who?\"]");
	assert_false(pub_next(&p, now + 100000, &frame));
	hear("[\"AUTH\",\"c\"]");
	assert_non_null(pub_wants_auth(&p));
	pub_auth(&p, (const uint8_t[32]){ 7 }, "{}", 2);
	assert_true(pub_next(&p, now, &frame));
	answer(7, "true,\"\"");
	assert_true(pub_next(&p, now, &frame));
	assert_memory_equal(frame.data, "[\"REQ\"", 6);
	hear("[\"CLOSED\",\"s\",\"restricted: no\"]");
	assert_int_equal(pub_wake(&p, now), 600000);
	/* A relay that says nothing at all. */
	now += 600000;
	assert_true(pub_next(&p, now, &frame));
	assert_int_equal(pub_wake(&p, now), 10000);
	now += 10000;
	pub_tick(&p, now);
	assert_true(pub_hang_up(&p));
}

static void
test_reconnect(void **state)
{
	uint64_t most = 1000, wait, longest = 0;

	for (unsigned i = 0; i < 200; i++) {
		pub_closed(&p, now, "refused");
		wait = p.connect_at - now;
		assert_true(wait >= 1 && wait <= most + 1);
		longest = wait > longest ? wait : longest;
		assert_int_equal(pub_wake(&p, now), wait);
		now = p.connect_at;
		assert_true(pub_may_connect(&p, now));
		pub_connecting(&p, now);
		most = most * 2 > 60000 ? 60000 : most * 2;
	}
	assert_true(longest > 50000);
	/* It takes the connection and says nothing. */
	assert_int_equal(pub_wake(&p, now), 10000);
	now += 10000;
	pub_tick(&p, now);
	assert_true(pub_hang_up(&p));
	pub_closed(&p, now, NULL);
	now = p.connect_at;
	pub_connecting(&p, now);
	pub_opened(&p, now);
	hear("[\"EOSE\",\"s\"]");
	pub_closed(&p, now, "bye");
	assert_true(p.connect_at <= now + 1001);
	/* Garbage is borne for a while. */
	now = p.connect_at;
	pub_connecting(&p, now);
	pub_opened(&p, now);
	for (unsigned i = 0; i < 16; i++)
		pub_garbage(&p, now);
	assert_false(pub_hang_up(&p));
	pub_garbage(&p, now);
	assert_true(pub_hang_up(&p));
}

/* Whatever happens, the machine does not ask to be woken without doing
 * something then, and each event is answered for exactly once. */
static unsigned outstanding;

static void
on_done_count(void *arg, uint64_t cookie, enum pub_outcome what)
{
	assert_true(outstanding > 0);
	outstanding--;
}

static void
say_something(unsigned n, unsigned r)
{
	static const char *const said[] = { "true,\"\"",
		"false,\"rate-limited: \"", "false,\"blocked: \"",
		"false,\"auth-required: \"", "false,\"error: \"",
		"false,\"too large\"", "false,\"invalid: too old\"",
		"false,\"duplicate: \"", "false", "true" };

	if (r % 16 < 10)
		answer(n, said[r % 16]);
	else if (r % 16 == 10)
		hear("[\"NOTICE\",\"too fast\"]");
	else if (r % 16 == 11)
		hear("[\"AUTH\",\"%u\"]", r);
	else if (r % 16 == 12)
		hear("[\"CLOSED\",\"s\",\"error: \"]");
}

static void
test_random(void **state)
{
	static const struct pub_ops counting = { on_done_count, on_request };
	unsigned r, spins = 0, n = 0;
	uint64_t wake;

	p.ops = &counting;
	pub_subscribe(&p, true);
	srandom(7);
	for (unsigned i = 0; i < 200000; i++) {
		r = (unsigned)random();
		if (pub_may_connect(&p, now)) {
			pub_connecting(&p, now);
			if (r % 3 != 0)
				pub_opened(&p, now);
		}
		pub_tick(&p, now);
		if (pub_hang_up(&p) || r % 97 == 0)
			pub_closed(&p, now, "x");
		if (pub_wants_auth(&p) != NULL)
			pub_auth(&p, (const uint8_t[32]){ 255, 1 }, "{}", 2);
		if (r % 50 == 0)
			urgent(r % URGENT_MAX, n);
		if (pub_wants(&p, now)) {
			outstanding++;
			add(n = (n + 1) % 200);
		}
		while (pub_next(&p, now, &frame))
			;
		if (p.state == PUB_OPEN && r % 5 == 0)
			say_something(n, r >> 8);
		wake = pub_wake(&p, now);
		spins = wake == 0 ? spins + 1 : 0;
		assert_true(spins < 5);
		now += wake == PUB_NEVER || r % 4 == 0 ? r % 1000 : wake;
		assert_int_equal(outstanding, p.nflights);
	}
	assert_true(p.accepted > 100 && p.connects > 100);
}

/* Before what waits, whatever the pace; said again until it is answered. */
static void
test_urgent(void **state)
{
	for (unsigned i = 0; i < 20; i++)
		add(i);
	for (unsigned i = 0; i < 10; i++)
		write_one();
	assert_false(pub_next(&p, now, &frame));
	answer(0, "false,\"rate-limited: slow\"");
	assert_true(now < p.paused_until);
	urgent(0, 100);
	urgent(7, 101);
	assert_int_equal(pub_wake(&p, now), 0);
	write_one();
	write_one();
	assert_false(pub_next(&p, now, &frame));
	answer(100, "true,\"\"");
	assert_int_equal(p.urgent[0].state, URGENT_TAKEN);
	answer(101, "false,\"rate-limited: you too\"");
	assert_int_equal(p.urgent[7].state, URGENT_WAITING);
	assert_false(pub_next(&p, now, &frame));
	now += 500;
	write_one();
	answer(101, "false,\"mute: nobody listens\"");
	assert_int_equal(p.urgent[7].state, URGENT_TAKEN);
	answer(101, "false,\"invalid: late\"");
	assert_int_equal(p.urgent[7].state, URGENT_TAKEN);
	assert_int_equal(done_what, -1);
	urgent(7, 102);
	write_one();
	answer(102, "false,\"invalid: no\"");
	assert_int_equal(p.urgent[7].state, URGENT_REFUSED);
	assert_string_equal(p.urgent[7].why, "invalid: no");
}

/* On the next connection, which is opened at once; with AUTH; not for ever. */
static void
test_urgent_cut(void **state)
{
	urgent(0, 100);
	write_one();
	pub_closed(&p, now, "gone");
	p.connect_at = now + 60000;
	urgent(1, 101);
	assert_true(pub_may_connect(&p, now));
	pub_connecting(&p, now);
	pub_opened(&p, now);
	hear("[\"AUTH\",\"x\"]");
	write_one();
	write_one();
	answer(100, "true,\"\"");
	answer(101, "false,\"auth-required: who?\"");
	assert_int_equal(p.urgent[1].state, URGENT_WAITING);
	assert_false(pub_next(&p, now, &frame));
	assert_string_equal(pub_wants_auth(&p), "x");
	assert_int_equal(pub_auth(&p, (uint8_t[32]){ 200 }, "{}", 2), 0);
	assert_true(pub_next(&p, now, &frame));
	assert_false(pub_next(&p, now, &frame));
	answer(200, "true,\"\"");
	write_one();
	/* No answer: the same again, on another connection. */
	now += 10000;
	pub_tick(&p, now);
	assert_true(pub_hang_up(&p));
	pub_closed(&p, now, NULL);
	assert_int_equal(p.urgent[1].state, URGENT_WAITING);
	now += 40000;
	pub_tick(&p, now);
	assert_int_equal(p.urgent[1].state, URGENT_REFUSED);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_accepted),
		TEST(test_pace),
		TEST(test_rate_limited),
		TEST(test_pow),
		TEST(test_info),
		TEST(test_silent),
		TEST(test_unanswered),
		TEST(test_old),
		TEST(test_blocked),
		TEST(test_too_large),
		TEST(test_cuts),
		TEST(test_auth),
		TEST(test_auth_never),
		TEST(test_subscription),
		TEST(test_reconnect),
		TEST(test_urgent),
		TEST(test_urgent_cut),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
