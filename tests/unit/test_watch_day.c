/*
 * A day of ordinary traffic raises no alert; then what should raise one does,
 * once, and ends.  HS_DAY=full has a share every three seconds of each miner
 * where the short form has one every minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/watching.h"
#include "common/log.h"
#include "tests/unit/daylib.h"

static struct day day;
static bool is_full;

/* What the alerts say, for whoever reads why it failed. */
static int64_t
alerts(const char *where)
{
	char sql[256], path[CONF_PATH + 16];
	sqlite3_stmt *q;
	sqlite3 *db;
	int64_t n = 0;

	day_commit(&day);
	snprintf(path, sizeof(path), "%s/" STORE_FILE, day.dir);
	snprintf(sql, sizeof(sql),
	    "SELECT kind, count, pool, worker, text FROM alerts WHERE %s",
	    where);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE,
			     NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	for (; sqlite3_step(q) == SQLITE_ROW; n++)
		print_message("%s, %d times, %s %s: %s\n",
		    alert_kind_name((enum alert_kind)sqlite3_column_int(q, 0)),
		    sqlite3_column_int(q, 1), sqlite3_column_text(q, 2),
		    sqlite3_column_text(q, 3), sqlite3_column_text(q, 4));
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static int
setup(void **state)
{
	day_begin(&day, 1);
	return 0;
}

/* As many shares as miners send, if there is time. */
static int
setup_day(void **state)
{
	day_begin(&day, is_full ? 20 : 1);
	return 0;
}

static int
teardown(void **state)
{
	day_end(&day);
	return 0;
}

#define HOUR 3600

static void
ordinary_day(void)
{
	unsigned hour;

	for (hour = 0; hour < 24; hour++) {
		day_pass(&day, HOUR / 2);
		switch (hour) {
		case 3: /* the machine sleeps for twenty minutes */
			day_skip(&day, 1200);
			break;
		case 6:
			day_restart(&day);
			break;
		case 8: /* a pool is down for an hour */
			day_pool_down(&day, 0, true);
			break;
		case 9:
			day_pool_down(&day, 0, false);
			break;
		case 12: /* away for longer than anybody may be silent */
			day_restart(&day);
			day_skip(&day, 5400);
			day_restart_relay(&day);
			break;
		case 16:
			day_restart_relay(&day);
			break;
		default:
			break;
		}
		day_pass(&day, HOUR / 2);
	}
}

static void
test_a_day(void **state)
{
	ordinary_day();
	assert_int_equal(alerts("1"), 0);
	assert_true(day.messages > 250000);
	/* It was seen as what it was. */
	assert_true(
	    got_number(day.dir, "SELECT sum(shares) FROM workers") > 50000);
	assert_true(got_number(day.dir, "SELECT sum(stale) FROM workers") > 20);
	assert_int_equal(got_number(day.dir,
			     "SELECT sum(disputed) FROM workers"),
	    0);
	assert_int_equal(watch_workers(day.in.watch), DAY_MINERS);
	assert_int_equal(watch_pools(day.in.watch), DAY_POOLS);
}

/* One alert of a kind in all, active or over. */
static void
assert_one(enum alert_kind kind, bool active)
{
	char where[64];

	assert_int_equal(alerts("1"), 1);
	snprintf(where, sizeof(where), "kind=%d AND ended%s0", kind,
	    active ? "=" : "!=");
	assert_int_equal(alerts(where), 1);
}

static void
test_payout_swap(void **state)
{
	day_pass(&day, HOUR);
	day.pool[0].swapped = 1;
	day_pass(&day, 120);
	assert_one(ALERT_PAYOUT, true);
	day_restart(&day);
	day_pass(&day, HOUR);
	assert_one(ALERT_PAYOUT, true);
	day.pool[0].swapped = 0;
	day_pass(&day, 120);
	assert_one(ALERT_PAYOUT, false);
	day_pass(&day, HOUR);
	assert_one(ALERT_PAYOUT, false);
}

static void
test_payout_stays_new(void **state)
{
	if (!is_full)
		skip();
	day_pass(&day, HOUR);
	day.pool[0].swapped = 1;
	for (unsigned i = 0; i < 40; i++)
		day_pass(&day, HOUR);
	/* After a day of blocks it is what is usual. */
	assert_one(ALERT_PAYOUT, false);
}

static void
test_foreign_reconnect(void **state)
{
	struct day_miner *m = &day.miner[5];

	day_pass(&day, 600);
	while (m->session == 0)
		day_pass(&day, 1);
	day_say(&day, m,
	    "{\"id\":null,\"method\":\"client.reconnect\",\"params\":[]}");
	day_say(&day, m,
	    "{\"id\":null,\"method\":\"client.reconnect\",\"params\":"
	    "[\"eu.pool1.example\",3333,5]}");
	assert_int_equal(alerts("1"), 0);
	for (unsigned i = 0; i < 3; i++)
		day_say(&day, m,
		    "{\"id\":null,\"method\":\"client.reconnect\","
		    "\"params\":[\"evil.test\",3333,5]}");
	assert_one(ALERT_RECONNECT, true);
	day_restart(&day);
	day_pass(&day, 2 * HOUR);
	assert_one(ALERT_RECONNECT, false);
}

static void
test_wrong_chain(void **state)
{
	day_pass(&day, HOUR);
	day.pool[2].strayed = 1;
	day_pass(&day, 300);
	day_restart(&day);
	day_pass(&day, HOUR);
	assert_one(ALERT_PREVHASH, true);
	day.pool[2].strayed = 0;
	day_pass(&day, HOUR);
	assert_one(ALERT_PREVHASH, false);
}

static void
test_silent_worker(void **state)
{
	struct day_miner *m = &day.miner[7];

	day_pass(&day, HOUR);
	m->mute = true;
	day_pass(&day, 560);
	assert_int_equal(alerts("1"), 0);
	day_pass(&day, 120);
	assert_one(ALERT_SILENT, true);
	day_restart(&day);
	day_pass(&day, HOUR);
	assert_one(ALERT_SILENT, true);
	m->mute = false;
	day_pass(&day, 120);
	assert_one(ALERT_SILENT, false);
}

/* One that never comes back is expected no more after a day. */
static void
test_silent_forever(void **state)
{
	if (!is_full)
		skip();
	day_pass(&day, HOUR);
	day.miner[7].back = UINT64_MAX;
	day.miner[7].mute = true;
	day_pass(&day, 2 * HOUR);
	assert_one(ALERT_SILENT, true);
	for (unsigned i = 0; i < 24; i++)
		day_pass(&day, HOUR);
	assert_one(ALERT_SILENT, false);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_day, setup_day,
		    teardown),
		T(test_payout_swap),
		T(test_payout_stays_new),
		T(test_foreign_reconnect),
		T(test_wrong_chain),
		T(test_silent_worker),
		T(test_silent_forever),
	};

	const char *full = getenv("HS_DAY");

	is_full = full != NULL && strcmp(full, "full") == 0;
	log_init("test_watch_day");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
