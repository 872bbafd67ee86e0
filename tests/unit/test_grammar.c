/*
 * The language of hashscopectl: what words mean, what they may be cut to,
 * and what is said of those that mean nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/verify.h"
#include "hashscopectl/grammar.h"

#define NOW    INT64_C(1795262400000000) /* 2026-11-21T12:00:00Z */
#define SECOND INT64_C(1000000)
#define UUID   "0193a5b4-c001-7abc-8def-0123456789ab"

/* A command line in one string, cut at blanks. */
static int
parse(const char *text, struct command *c, struct grammar_error *err)
{
	char copy[512], *argv[32], *save = NULL, *w;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (w = strtok_r(copy, " ", &save); w != NULL && argc < 32;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return grammar_parse(argc, argv, NOW, c, err);
}

static void
test_actions(void **state)
{
	static const struct {
		const char *text;
		enum action action;
	} tab[] = {
		{ "show summary", CMD_SUMMARY },
		{ "show sessions", CMD_SESSIONS },
		{ "show session " UUID, CMD_SESSION },
		{ "show session 0193", CMD_SESSION },
		{ "show messages", CMD_MESSAGES },
		{ "show message 17", CMD_MESSAGE },
		{ "show processes", CMD_PROCESSES },
		{ "show relays", CMD_RELAYS },
		{ "show agents", CMD_AGENTS },
		{ "key show", CMD_KEY },
		{ "show config", CMD_CONFIG },
		{ "monitor", CMD_MONITOR },
		{ "disconnect " UUID, CMD_DISCONNECT },
		{ "drain", CMD_DRAIN },
		{ "drain 60", CMD_DRAIN },
		{ "reload", CMD_RELOAD },
		{ "log verbose", CMD_LOG },
		{ "log brief", CMD_LOG },
		{ "verify capture.pcap", CMD_VERIFY },
		{ "replay 17", CMD_REPLAY },
		{ "replay 17 count 1000", CMD_REPLAY },
		{ "replay 17 edit {} count 2", CMD_REPLAY },
		{ "replay stop", CMD_REPLAY_STOP },
		{ "agents stop", CMD_AGENTS_STOP },
		{ "agents stop all", CMD_AGENTS_STOP },
		{ "agents start a-1", CMD_AGENTS_START },
		{ "broadcast worker farm.1 on", CMD_BROADCAST },
		{ "b s 0193 off", CMD_BROADCAST },
		{ "repeat-count worker farm.1 1000", CMD_REPEAT_COUNT },
		{ "auto-replay session 0193 on", CMD_AUTO_REPLAY },
		{ "auto-replay-count session 0193 900000", CMD_AUTO_COUNT },
		{ "show audit", CMD_AUDIT },
		{ "show audit last 5", CMD_AUDIT },
		{ "login-url", CMD_LOGIN_URL },
		{ "user add ann role admin", CMD_USER_ADD },
		{ "user remove ann", CMD_USER_REMOVE },
		{ "user password ann", CMD_USER_PASSWORD },
		{ "user role ann viewer", CMD_USER_ROLE },
		{ "u l", CMD_USER_LIST },
		{ "token create graf role viewer", CMD_TOKEN_CREATE },
		{ "token create graf role v expires 30d", CMD_TOKEN_CREATE },
		{ "token revoke graf", CMD_TOKEN_REVOKE },
		{ "t l", CMD_TOKEN_LIST },
		{ "v ./help disp", CMD_VERIFY },
		{ "export", CMD_EXPORT },
		{ "e pcapng session 0193 since 10m", CMD_EXPORT },
		{ "export csv method mining.submit", CMD_EXPORT },
		{ "export errors pool limit 5", CMD_EXPORT },
		/* Prefixes, as short as they tell words apart. */
		{ "s su", CMD_SUMMARY },
		{ "sh pr", CMD_PROCESSES },
		{ "sh po", CMD_POOLS },
		{ "sho c", CMD_CONFIG },
		{ "m", CMD_MONITOR },
		{ "rel", CMD_RELOAD },
		{ "dr 1", CMD_DRAIN },
		{ "di 01", CMD_DISCONNECT },
		{ "log v", CMD_LOG },
		{ "s messages d m e pa l 3", CMD_MESSAGES },
		{ "show shares", CMD_SHARES },
		{ "show share 5", CMD_SHARE },
		{ "sh shares w rig.1 v st v du po rej dis l 9", CMD_SHARES },
		{ "show w live text rig since 10m", CMD_WORKERS },
		{ "show jobs pool example.org:3333 a 0", CMD_JOBS },
		{ "show job 5", CMD_JOB },
	};
	struct grammar_error err;
	struct command c;
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		if (parse(tab[i].text, &c, &err) != 0)
			fail_msg("%s: %s", tab[i].text, err.text);
		if (c.action != tab[i].action)
			fail_msg("%s: action %d", tab[i].text, c.action);
	}
}

/* Verdicts add up; of flags of one kind the last one counts. */
static void
test_share_filters(void **state)
{
	struct grammar_error err;
	struct command c;

	assert_int_equal(parse("show shares worker w.1 verdict stale verdict "
			       "duplicate pool rejected pool odd disputed "
			       "before 9",
			     &c, &err),
	    0);
	assert_string_equal(c.query.worker, "w.1");
	assert_int_equal(c.query.verdicts,
	    1 << VERDICT_STALE | 1 << VERDICT_DUPLICATE);
	assert_int_equal(c.query.said, 1 << ANSWER_REJECTED | 1 << ANSWER_ODD);
	assert_int_equal(c.query.flags, QF_DISPUTED);
	assert_int_equal(c.query.before, 9);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text;
		int at;
		const char *says;
		bool lists; /* what was expected */
	} tab[] = {
		{ "shwo", 0, "not understood", true },
		{ "show", 1, "not complete", true },
		{ "show mess", 1, "ambiguous: messages, message", true },
		{ "show se", 1, "ambiguous: sessions, session", true },
		{ "d", 0, "ambiguous: disconnect, drain", true },
		{ "show summary now", 2, "nothing more", false },
		{ "show session", 2, "not complete", true },
		{ "show session xyz", 2, "session's id", false },
		{ "show session " UUID "0", 2, "session's id", false },
		{ "show message 0", 2, "number from 1", false },
		{ "show message 12x", 2, "number from 1", false },
		{ "show message -1", 2, "number from 1", false },
		{ "show message 18446744073709551616", 2, "number from 1",
		    false },
		{ "show messages limit", 3, "1 to 100000", false },
		{ "show messages limit 0", 3, "1 to 100000", false },
		{ "show messages limit 100001", 3, "1 to 100000", false },
		{ "show messages direction", 3, "not complete", true },
		{ "show messages direction up", 3, "not understood", true },
		{ "show messages since yesterday", 3, "a time", false },
		{ "show messages live", 2, "not understood", true },
		{ "show shares verdict", 3, "not complete", true },
		{ "show shares verdict good", 3, "not understood", true },
		{ "show shares verdict bad", 3, "ambiguous", true },
		{ "show shares pool a.org", 3, "not understood", true },
		{ "show share x", 2, "share's id", false },
		{ "show job 0", 2, "job's id", false },
		{ "show workers worker", 3, "worker's name", false },
		{ "monitor since 10m", 1, "not understood", true },
		{ "drain 86401", 1, "0 to 86400", false },
		{ "drain soon", 1, "0 to 86400", false },
		{ "log", 1, "not complete", true },
		{ "log loud", 1, "not understood", true },
		{ "reload now", 1, "nothing more", false },
		{ "verify", 1, "not complete", true },
		{ "verify f all", 2, "not understood", true },
	};
	struct grammar_error err;
	struct command c;
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		if (parse(tab[i].text, &c, &err) != -1)
			fail_msg("%s is understood", tab[i].text);
		if (err.at != tab[i].at)
			fail_msg("%s: at %d", tab[i].text, err.at);
		if (strstr(err.text, tab[i].says) == NULL)
			fail_msg("%s: %s", tab[i].text, err.text);
		assert_int_equal(err.expected != NULL, tab[i].lists);
	}
}

static void
test_filters(void **state)
{
	struct grammar_error err;
	struct command c;

	assert_int_equal(parse("show messages limit 7 text abc method "
			       "mining.submit errors pool direction "
			       "pool_to_miner session 0193A5 since 10m until "
			       "1m before 900 after 100",
			     &c, &err),
	    0);
	assert_int_equal(c.query.limit, 7);
	assert_string_equal(c.query.text, "abc");
	assert_string_equal(c.query.method, "mining.submit");
	assert_int_equal(c.query.flags, QF_ERRORS_POOL | QF_DIR | QF_ASCENDING);
	assert_int_equal(c.query.dir, DIR_POOL_TO_MINER);
	assert_string_equal(c.session, "0193a5");
	assert_int_equal(c.query.since_us, NOW - 600 * SECOND);
	assert_int_equal(c.query.until_us, NOW - 60 * SECOND);
	assert_int_equal(c.query.before, 900);
	assert_int_equal(c.query.after, 100);

	assert_int_equal(parse("show messages after 0", &c, &err), 0);
	assert_int_equal(c.query.flags, QF_ASCENDING);

	/* An argument is an argument, whatever it looks like. */
	assert_int_equal(parse("show messages text help", &c, &err), 0);
	assert_string_equal(c.query.text, "help");
	assert_int_equal(parse("show messages text limit", &c, &err), 0);
	assert_string_equal(c.query.text, "limit");

	assert_int_equal(parse("show sessions live limit 2", &c, &err), 0);
	assert_int_equal(c.query.flags, QF_LIVE);
	assert_int_equal(parse("show sessions live ended", &c, &err), 0);
	assert_int_equal(c.query.flags, QF_ENDED);
	assert_int_equal(parse("drain 60", &c, &err), 0);
	assert_int_equal(c.drain_ms, 60000);
	assert_int_equal(parse("drain 0", &c, &err), 0);
	assert_int_equal(c.drain_ms, 0);
	assert_int_equal(parse("drain", &c, &err), 0);
	assert_int_equal(c.drain_ms, DRAIN_CONFIGURED);
	assert_int_equal(parse("log verbose", &c, &err), 0);
	assert_true(c.verbose);
	assert_int_equal(parse("log brief", &c, &err), 0);
	assert_false(c.verbose);
}

static void
test_error_kinds(void **state)
{
	static const struct {
		const char *text;
		uint32_t flags;
	} tab[] = {
		{ "show messages errors", QF_ERRORS_PARSE | QF_ERRORS_POOL },
		{ "show messages errors any",
		    QF_ERRORS_PARSE | QF_ERRORS_POOL },
		{ "show messages errors parse", QF_ERRORS_PARSE },
		{ "show messages errors pool", QF_ERRORS_POOL },
		{ "show messages errors limit 3",
		    QF_ERRORS_PARSE | QF_ERRORS_POOL },
		{ "monitor errors pool direction miner_to_pool",
		    QF_ERRORS_POOL | QF_DIR },
		{ "monitor errors text x", QF_ERRORS_PARSE | QF_ERRORS_POOL },
	};
	struct grammar_error err;
	struct command c;
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		assert_int_equal(parse(tab[i].text, &c, &err), 0);
		if (c.query.flags != tab[i].flags)
			fail_msg("%s: %x", tab[i].text, c.query.flags);
	}
}

/* What help prints for a command line. */
static void
help_says(const char *text, const char *has, const char *has_not)
{
	struct grammar_error err;
	struct command c;
	char *out = NULL;
	size_t size = 0;
	FILE *fp;

	if (parse(text, &c, &err) != 1)
		fail_msg("%s: no help", text);
	fp = open_memstream(&out, &size);
	assert_non_null(fp);
	grammar_help(fp, err.expected);
	fclose(fp);
	if (strstr(out, has) == NULL || strstr(out, has_not) != NULL)
		fail_msg("%s: %s", text, out);
	free(out);
}

static void
test_help(void **state)
{
	help_says("", "disconnect", "summary");
	help_says("help", "disconnect", "summary");
	help_says("help show", "summary", "disconnect");
	help_says("show help", "summary", "disconnect");
	help_says("help show messages", "direction", "summary");
	help_says("show messages limit 3 help", "since TIME", "summary");
	help_says("show messages errors help", "pool", "summary");
	help_says("log help", "brief", "summary");
	help_says("help reload", "(nothing)", "summary");
}

static void
test_long_arguments(void **state)
{
	static const struct {
		const char *word;
		size_t len;
		int want;
	} tab[] = { { "method", 63, 0 }, { "method", 64, -1 },
		{ "text", 255, 0 }, { "text", 256, -1 } };
	char text[512], arg[300];
	struct grammar_error err;
	struct command c;
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		memset(arg, 'x', tab[i].len);
		arg[tab[i].len] = '\0';
		snprintf(text, sizeof(text), "show messages %s %s", tab[i].word,
		    arg);
		assert_int_equal(parse(text, &c, &err), tab[i].want);
	}
}

static void
test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t us; /* -1: no time */
	} tab[] = {
		{ "90s", NOW - 90 * SECOND },
		{ "10m", NOW - 600 * SECOND },
		{ "2h", NOW - 7200 * SECOND },
		{ "3d", NOW - 259200 * SECOND },
		{ "0s", NOW },
		{ "2026-11-21T12:00:00Z", NOW },
		{ "2026-11-21t12:00:00z", NOW },
		{ "2026-11-21T12:00Z", NOW },
		{ "2026-11-21T12:00:00.123456Z", NOW + 123456 },
		{ "2026-11-21T12:00:00.5Z", NOW + 500000 },
		{ "2026-11-21T12:00:00.1234567Z", NOW + 123456 },
		{ "2026-11-21T13:30:00+01:30", NOW },
		{ "2026-11-21T07:00:00-05:00", NOW },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
		/* The clock on the wall, today or yesterday. */
		{ "12:00", NOW },
		{ "11:59:30", NOW - 30 * SECOND },
		{ "12:01", NOW - 86340 * SECOND },
		{ "00:00", NOW - 43200 * SECOND },
		{ "", -1 },
		{ "10", -1 },
		{ "10x", -1 },
		{ "10mm", -1 },
		{ "m", -1 },
		{ "99999999999999999999s", -1 },
		{ "36501d", -1 },
		{ "24:00", -1 },
		{ "12:60", -1 },
		{ "12:00:60", -1 },
		{ "1:00", -1 },
		{ "12:00:", -1 },
		{ "12:00x", -1 },
		{ "2026-11-21", -1 },
		{ "2026-11-21T12:00:00", -1 },
		{ "2026-04-31T12:00:00Z", -1 },
		{ "2026-13-01T12:00:00Z", -1 },
		{ "2026-00-01T12:00:00Z", -1 },
		{ "2025-02-29T12:00:00Z", -1 },
		{ "2026-11-21T12:00:00.Z", -1 },
		{ "2026-11-21T12:00:00Z2", -1 },
		{ "2026-11-21T12:00:00+24:00", -1 },
		{ "-10m", -1 },
	};
	int64_t us;
	size_t i;
	int r;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		us = 0;
		r = grammar_time(tab[i].text, NOW, &us);
		if (tab[i].us == -1) {
			if (r != -1)
				fail_msg("%s is a time", tab[i].text);
		} else if (r != 0 || us != tab[i].us) {
			fail_msg("%s: %d, %lld", tab[i].text, r, (long long)us);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_share_filters),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_error_kinds),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_long_arguments),
		cmocka_unit_test(test_times),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
