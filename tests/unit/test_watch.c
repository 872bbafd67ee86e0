/*
 * The watches by themselves: events in, alerts out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/watch.h"
#include "common/utf8.h"

#define SECOND UINT64_C(1000000000)

struct world {
	struct watch *w;
	struct alerts *a;
	struct watch_conf conf;
	struct watch_session s;
	struct work_store *store;
	uint64_t ts;
	uint8_t session[16];
};

static int
setup(void **state)
{
	struct world *x = calloc(1, sizeof(*x));

	x->w = watch_new();
	x->a = watch_alerts(x->w);
	x->store = work_store_new(1u << 20);
	watch_conf_default(&x->conf);
	x->conf.silent_ms = 10000;
	x->conf.rejects_bp = 500;
	watch_set(x->w, &x->conf);
	x->ts = 5 * SECOND;
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	watch_free(x->w);
	work_store_free(x->store);
	free(x);
	return 0;
}

/* Time passes in messages, a second apart. */
static void
pass(struct world *x, unsigned seconds)
{
	for (; seconds > 0; seconds--) {
		x->ts += SECOND;
		watch_time(x->w, x->ts, (int64_t)(x->ts / 1000));
	}
}

static struct watch_at
at(const struct world *x, const char *pool, const char *worker)
{
	return (struct watch_at){ .pool = pool,
		.worker = worker,
		.session = x->session,
		.pos = 7 };
}

static void
share(struct world *x, const char *worker)
{
	struct watch_at who = at(x, "p:1", worker);

	pass(x, 0);
	watch_share(x->w, &who, &x->s, 1000, 1);
}

static void
answer(struct world *x, const char *worker, bool rejected)
{
	struct watch_at who = at(x, "p:1", worker);
	struct watch_judged j = { .rejected = rejected, .why = "valid" };

	share(x, worker);
	watch_answer(x->w, &who, &j, 0);
}

static struct alert *
active(const struct world *x)
{
	return TAILQ_FIRST(&x->a->active);
}

static void
assert_active(const struct world *x, enum alert_kind kind)
{
	assert_int_equal(x->a->n, 1);
	assert_int_equal(active(x)->rec.kind, kind);
	assert_true(
	    utf8_valid(active(x)->rec.text, strlen(active(x)->rec.text)));
}

/* --- silent --- */

static void
test_silent(void **state)
{
	struct world *x = *state;

	pass(x, 1);
	share(x, "a.1");
	share(x, "a.2");
	pass(x, 9);
	share(x, "a.2");
	assert_int_equal(x->a->n, 0);
	pass(x, 2);
	assert_active(x, ALERT_SILENT);
	assert_string_equal(active(x)->rec.worker, "a.1");
	assert_int_equal(active(x)->rec.first_us, (x->ts - SECOND) / 1000);
	pass(x, 5);
	assert_int_equal(x->a->started, 1);
	assert_int_equal(active(x)->rec.count, 1);
	share(x, "a.1");
	assert_int_equal(x->a->n, 0);
	assert_int_equal(x->a->ended, 1);
	/* Both now, and both are forgotten at last. */
	pass(x, 20);
	assert_int_equal(x->a->n, 2);
	pass(x, 86400);
	assert_int_equal(x->a->n, 0);
	assert_int_equal(watch_workers(x->w), 0);
}

/* Nothing at all came for an hour: nobody could be heard. */
static void
test_quiet_is_not_silent(void **state)
{
	struct world *x = *state;

	pass(x, 1);
	share(x, "a.1");
	pass(x, 5);
	x->ts += 3600 * SECOND;
	pass(x, 1);
	assert_int_equal(x->a->n, 0);
	/* Nor when the machine was started again, and its clock. */
	share(x, "a.1");
	x->ts = SECOND;
	pass(x, 5);
	assert_int_equal(x->a->n, 0);
	pass(x, 6);
	assert_active(x, ALERT_SILENT);
}

static void
test_reload(void **state)
{
	struct world *x = *state;

	pass(x, 1);
	share(x, "a.1");
	pass(x, 15);
	assert_active(x, ALERT_SILENT);
	x->conf.silent_ms = 0;
	watch_set(x->w, &x->conf);
	assert_int_equal(x->a->n, 0);
	x->conf.silent_ms = 30000;
	watch_set(x->w, &x->conf);
	pass(x, 1);
	assert_int_equal(x->a->n, 0);
	pass(x, 30);
	assert_active(x, ALERT_SILENT);
}

/* --- rejects --- */

static void
test_rejects(void **state)
{
	struct world *x = *state;
	unsigned i;

	x->conf.silent_ms = 0;
	watch_set(x->w, &x->conf);
	pass(x, 1);
	/* Few, all rejected: too few to say. */
	for (i = 0; i < 49; i++)
		answer(x, "few.1", true);
	assert_int_equal(x->a->n, 0);
	/* Six of a hundred at 5 %: chance. */
	for (i = 0; i < 100; i++)
		answer(x, "lucky.1", i % 16 == 0);
	assert_int_equal(x->a->n, 0);
	for (i = 0; i < 100; i++)
		answer(x, "bad.1", i % 4 == 0);
	assert_active(x, ALERT_REJECTS);
	assert_string_equal(active(x)->rec.worker, "bad.1");
	/* The window moves, and it is good again. */
	for (i = 0; i < 1300; i++) {
		pass(x, 1);
		answer(x, "bad.1", false);
	}
	assert_int_equal(x->a->n, 0);
	assert_int_equal(x->a->started, 1);
}

/* --- sessions --- */

static void
test_difficulty(void **state)
{
	struct world *x = *state;
	struct watch_at who = at(x, "p:1", "a.1");
	unsigned i;

	pass(x, 1);
	/* From the pool's first one up to what fits is no jump. */
	watch_difficulty(x->w, &who, &x->s, 1);
	watch_difficulty(x->w, &who, &x->s, 1000000);
	for (i = 0; i < 20; i++)
		share(x, "a.1");
	watch_difficulty(x->w, &who, &x->s, 60000);
	assert_int_equal(x->a->n, 0);
	watch_difficulty(x->w, &who, &x->s, 70000);
	assert_active(x, ALERT_DIFFICULTY);
	watch_difficulty(x->w, &who, &x->s, 80000);
	assert_int_equal(active(x)->rec.count, 2);
	watch_difficulty(x->w, &who, &x->s, 2000);
	assert_int_equal(x->a->n, 0);
	watch_difficulty(x->w, &who, &x->s, 70000);
	watch_session_end(x->w, &who);
	assert_int_equal(x->a->n, 0);
	assert_int_equal(x->a->started, 2);
}

static void
test_unanswered(void **state)
{
	struct world *x = *state;
	struct watch_at who = at(x, "p:1", "a.1");
	unsigned i;

	pass(x, 1);
	for (i = 1; i < 64; i++)
		watch_share(x->w, &who, &x->s, 1, i);
	assert_int_equal(x->a->n, 0);
	for (; i < 70; i++)
		watch_share(x->w, &who, &x->s, 1, i);
	assert_active(x, ALERT_UNANSWERED);
	watch_share(x->w, &who, &x->s, 1, 33);
	assert_int_equal(x->a->n, 1);
	watch_share(x->w, &who, &x->s, 1, 32);
	assert_int_equal(x->a->n, 0);
}

static void
test_reconnect(void **state)
{
	static const struct {
		const char *pool, *peer, *host;
		bool foreign;
	} tab[] = {
		{ "pool.example", "192.0.2.1:3333", "", false },
		{ "pool.example", "192.0.2.1:3333", "pool.example", false },
		{ "pool.example", "192.0.2.1:3333", "EU.Pool.Example", false },
		{ "eu.pool.example", "192.0.2.1:3333", "us.pool.example",
		    false },
		{ "eu.pool.example", "192.0.2.1:3333", "192.0.2.1", false },
		{ "p.example", "[2001:db8::1]:3333", "2001:db8::1", false },
		{ "p.example", "192.0.2.1:3333", "good.test", false },
		{ "p.example", "192.0.2.1:3333", "a.good.test", false },
		{ "p.example", "192.0.2.1:3333", "notgood.test", true },
		{ "p.example", "192.0.2.1:3333", "evil.test", true },
		{ "p.example", "192.0.2.1:3333", "192.0.2.10", true },
		{ "p.example", "192.0.2.1:3333", "192.0.2", true },
		{ "a.co.uk", "192.0.2.1:3333", "b.co.uk", true },
		{ "x.a.co.uk", "192.0.2.1:3333", "y.a.co.uk", false },
		{ "192.0.2.1", "192.0.2.1:3333", "192.0.2.2", true },
		{ "example", "192.0.2.1:3333", "test", true },
		{ "pool.example", "192.0.2.1:3333", ".", true },
		{ "pool.example", "192.0.2.1:3333", ".example", true },
	};
	struct world *x = *state;
	struct watch_at who = at(x, "p:1", "a.1");

	x->conf.reconnects.n = 1;
	snprintf(x->conf.reconnects.name[0], WATCH_NAME, "good.test");
	watch_set(x->w, &x->conf);
	pass(x, 1);
	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		watch_reconnect(x->w, &who, tab[i].pool, tab[i].peer,
		    tab[i].host);
		if ((x->a->n == 1) != tab[i].foreign)
			fail_msg("%s to %s", tab[i].pool, tab[i].host);
		if (x->a->n == 1)
			alert_end(x->a, active(x));
	}
}

static void
test_users(void **state)
{
	struct world *x = *state;
	struct watch_at who = at(x, "p:1", "alice.rig");

	pass(x, 1);
	watch_authorize(x->w, &who);
	assert_int_equal(x->a->n, 0); /* nobody is listed: all may */
	x->conf.users.n = 2;
	snprintf(x->conf.users.name[0], WATCH_NAME, "alice");
	snprintf(x->conf.users.name[1], WATCH_NAME, "odd.name");
	watch_set(x->w, &x->conf);
	watch_authorize(x->w, &who);
	who.worker = "odd.name";
	watch_authorize(x->w, &who);
	assert_int_equal(x->a->n, 0);
	who.worker = "odd.other";
	watch_authorize(x->w, &who);
	who.worker = "odd.one";
	watch_authorize(x->w, &who);
	assert_active(x, ALERT_USER);
	assert_string_equal(active(x)->rec.worker, "odd");
	assert_int_equal(active(x)->rec.count, 2);
	snprintf(x->conf.users.name[1], WATCH_NAME, "odd");
	watch_set(x->w, &x->conf);
	assert_int_equal(x->a->n, 0);
}

static void
test_disputes(void **state)
{
	struct world *x = *state;
	struct watch_at who = at(x, "p:1", "a.1");
	struct watch_judged j = { .wrongly_accepted = true, .why = "stale" };

	pass(x, 1);
	watch_answer(x->w, &who, &j, 0);
	watch_answer(x->w, &who, &j, 0);
	/* Two an hour are two an hour. */
	pass(x, 3601);
	watch_answer(x->w, &who, &j, 0);
	watch_answer(x->w, &who, &j, 0);
	assert_int_equal(x->a->n, 0);
	watch_answer(x->w, &who, &j, 0);
	assert_active(x, ALERT_POOL_ACCEPTS);
	pass(x, 3601);
	assert_int_equal(x->a->n, 0);
}

/* --- bounds --- */

static void
test_bounded(void **state)
{
	struct world *x = *state;
	struct watch_at who;
	char name[160], long_name[400];
	unsigned i;

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	x->conf.users.n = 1;
	watch_set(x->w, &x->conf);
	pass(x, 1);
	for (i = 0; i < 3 * WATCH_WORKERS; i++) {
		snprintf(name, sizeof(name), "user%u.\xc3\xa9%100u", i, i);
		share(x, name);
		who = at(x, "p:1", name);
		watch_authorize(x->w, &who);
	}
	assert_int_equal(watch_workers(x->w), WATCH_WORKERS);
	assert_int_equal(x->a->n, ALERTS_KIND_MAX);
	assert_true(x->a->dropped > 1000);
	who = at(x, long_name, long_name);
	watch_share(x->w, &who, &x->s, 1, 200);
	pass(x, 60);
	assert_true(x->a->n <= ALERTS_MAX);
}

/* --- kept --- */

struct kept {
	char name[KEYED_KEY];
	size_t len, size;
	uint64_t at;
	uint8_t state[16384];
};
static struct kept kept[64];
static unsigned nkept;

static int
keep(void *arg, const void *name, size_t len, uint64_t order, const void *state,
    size_t size)
{
	struct kept *k = &kept[nkept];

	if (state == NULL)
		return 0;
	assert_true(
	    nkept < 64 && len <= sizeof(k->name) && size <= sizeof(k->state));
	memcpy(k->name, name, len);
	memcpy(k->state, state, size);
	k->len = len;
	k->size = size;
	k->at = order;
	nkept++;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Another one, from what the first has said; its bytes cut to max. */
static struct watch *
born_again(struct world *x, size_t max)
{
	struct watch *w = watch_new();
	struct alert *a;

	for (unsigned i = 0; i < nkept; i++)
		watch_load(w, kept[i].name, kept[i].len, kept[i].state,
		    kept[i].size < max ? kept[i].size : max);
	TAILQ_FOREACH(a, &x->a->active, entry)
		watch_load_alert(w, &a->rec);
	watch_set(w, &x->conf);
	return w;
}

static void
test_kept(void **state)
{
	struct world *x = *state;
	struct watch *w;
	size_t cut;

	nkept = 0;
	pass(x, 1);
	share(x, "a.1");
	share(x, "a.2");
	pass(x, 9);
	share(x, "a.2");
	pass(x, 3);
	assert_active(x, ALERT_SILENT);
	watch_unsaved(x->w);
	assert_int_equal(watch_save(x->w, keep, NULL), 0);
	assert_true(nkept >= 3);
	qsort(kept, nkept, sizeof(kept[0]), compare);
	/* Half of it is nothing, and hurts nobody. */
	for (cut = 0; cut < 64; cut++)
		watch_free(born_again(x, cut));
	w = born_again(x, sizeof(kept[0].state));
	watch_free(x->w);
	x->w = w;
	x->a = watch_alerts(w);
	assert_int_equal(watch_workers(w), 2);
	pass(x, 2);
	assert_active(x, ALERT_SILENT);
	assert_int_equal(x->a->started, 0);
	pass(x, 6);
	assert_int_equal(x->a->n, 2); /* the other one, in its time */
	share(x, "a.1");
	share(x, "a.2");
	assert_int_equal(x->a->n, 0);
	/* What is saved is not said again. */
	watch_saved(w);
	nkept = 0;
	assert_int_equal(watch_save(w, keep, NULL), 0);
	assert_int_equal(nkept, 0);
}

static void
test_record(void **state)
{
	struct alert_rec a = { .id = 3, .kind = ALERT_STORE }, b;
	struct mbuf m;
	struct mcur c;

	for (unsigned k = 0; k < ALERT_KINDS; k++)
		assert_int_equal(alert_kind_find(
				     alert_kind_name((enum alert_kind)k)),
		    k);
	assert_int_equal(alert_kind_find("nothing"), ALERT_KINDS);
	mbuf_init(&m);
	memset(a.text, 'x', sizeof(a.text) - 1);
	alert_put(&m, &a);
	mcur_init(&c, m.data, m.len);
	alert_get(&c, &b);
	assert_int_equal(msg_end(&c), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	m.data[8] = ALERT_KINDS;
	mcur_init(&c, m.data, m.len);
	alert_get(&c, &b);
	assert_int_equal(msg_end(&c), -1);
	mbuf_free(&m);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_silent),
		T(test_quiet_is_not_silent),
		T(test_reload),
		T(test_rejects),
		T(test_difficulty),
		T(test_unanswered),
		T(test_reconnect),
		T(test_users),
		T(test_disputes),
		T(test_bounded),
		T(test_kept),
		T(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
