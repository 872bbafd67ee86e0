/*
 * The audit log: numbers, torn lines, a full disk, rotation, reading back.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hashscoped/auth_audit.h"

static struct audit a;
static char dir[] = "/tmp/hs-audit-XXXXXX";
static char path[64];

static int
open_log(const char *name, int flags)
{
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags, 0600);
	assert_true(fd != -1);
	return fd;
}

static int
append_to(const char *name)
{
	return open_log(name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC);
}

static int
setup(void **state)
{
	strcpy(dir, "/tmp/hs-audit-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	audit_init(&a);
	audit_file(&a, 0, append_to("log"));
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "log", "log.1", "log.2" };

	audit_clear(&a);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static int
say(const char *object, uint64_t *n)
{
	return audit_write(&a, object, strlen(object), true, n);
}

/* What the log says, as one array. */
static void
reads(unsigned count, uint64_t before, const char *want)
{
	struct json_out j;

	json_init(&j, 1u << 20);
	audit_read(&a, count, before, 1u << 20, &j);
	assert_string_equal(json_finish(&j, NULL), want);
	json_clear(&j);
}

static void
test_numbers(void **state)
{
	uint64_t n;

	reads(10, 0, "[]");
	assert_int_equal(say("{\"x\":1}", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(say("{\"x\":2}", &n), 0);
	assert_int_equal(say("{\"x\":3}", &n), 0);
	assert_int_equal(n, 3);
	reads(2, 0, "[{\"n\":3,\"x\":3},{\"n\":2,\"x\":2}]");
	reads(10, 3, "[{\"n\":2,\"x\":2},{\"n\":1,\"x\":1}]");
	reads(10, 1, "[]");
	/* Another process goes on where this one was. */
	audit_clear(&a);
	audit_init(&a);
	audit_file(&a, 0, append_to("log"));
	assert_int_equal(say("{\"x\":4}", &n), 0);
	assert_int_equal(n, 4);
}

static void
test_files(void **state)
{
	uint64_t n;
	char from[64];

	assert_int_equal(say("{\"x\":1}", &n), 0);
	snprintf(from, sizeof(from), "%s/log", dir);
	snprintf(path, sizeof(path), "%s/log.1", dir);
	assert_int_equal(rename(from, path), 0);
	/* Until the new one comes it is written where it was. */
	assert_int_equal(say("{\"x\":2}", &n), 0);
	audit_file(&a, 0, append_to("log"));
	audit_file(&a, 1, open_log("log.1", O_RDONLY | O_CLOEXEC));
	assert_int_equal(a.bytes, 0);
	assert_int_equal(say("{\"x\":3}", &n), 0);
	assert_int_equal(n, 3);
	reads(10, 0, "[{\"n\":3,\"x\":3},{\"n\":2,\"x\":2},{\"n\":1,\"x\":1}]");
	reads(2, 3, "[{\"n\":2,\"x\":2},{\"n\":1,\"x\":1}]");
	/* The current one is empty: the number is that of the one before. */
	audit_clear(&a);
	audit_init(&a);
	snprintf(from, sizeof(from), "%s/log.1", dir);
	snprintf(path, sizeof(path), "%s/log.2", dir);
	assert_int_equal(rename(from, path), 0);
	snprintf(from, sizeof(from), "%s/log", dir);
	snprintf(path, sizeof(path), "%s/log.1", dir);
	assert_int_equal(rename(from, path), 0);
	audit_file(&a, 0, append_to("log"));
	audit_file(&a, 1, open_log("log.1", O_RDONLY | O_CLOEXEC));
	audit_file(&a, 2, open_log("log.2", O_RDONLY | O_CLOEXEC));
	assert_int_equal(say("{\"x\":4}", &n), 0);
	assert_int_equal(n, 4);
}

/* Killed in the midst of a line, or somebody wrote there. */
static void
test_torn(void **state)
{
	static const char rest[] = "not ours\n{\"n\":7,\"x\":\"half";
	uint64_t n;
	int fd;

	assert_int_equal(say("{\"x\":1}", &n), 0);
	fd = append_to("log");
	assert_int_equal(write(fd, rest, strlen(rest)), strlen(rest));
	close(fd);
	audit_clear(&a);
	audit_init(&a);
	audit_file(&a, 0, append_to("log"));
	assert_int_equal(say("{\"x\":2}", &n), 0);
	assert_int_equal(n, 2);
	reads(10, 0, "[{\"n\":2,\"x\":2},{\"n\":1,\"x\":1}]");
}

/* More than a block of lines, and lines of every length up to the longest. */
static void
test_long_lines(void **state)
{
	static char object[AUDIT_LINE + 2];
	struct json_out j;
	uint64_t n = 0;
	const char *text;
	size_t len;
	unsigned found = 0;

	for (unsigned i = 0; i < 60; i++) {
		size_t pad = (i * 997) % (AUDIT_LINE - 32);

		memset(object, 'y', sizeof(object));
		memcpy(object, "{\"x\":\"", 6);
		memcpy(object + 6 + pad, "\"}", 3);
		assert_int_equal(say(object, &n), 0);
	}
	json_init(&j, 4u << 20);
	audit_read(&a, 1000, 0, 4u << 20, &j);
	text = json_finish(&j, &len);
	assert_non_null(text);
	for (const char *p = text; (p = strstr(p, "{\"n\":")) != NULL; p++)
		found++;
	assert_int_equal(found, 60);
	json_clear(&j);
	/* A bound of bytes ends it between two lines. */
	json_init(&j, 40000);
	audit_read(&a, 1000, 0, 39000, &j);
	assert_non_null(json_finish(&j, &len));
	json_clear(&j);
	/* Longer than a line may be. */
	memset(object, 'y', sizeof(object));
	object[0] = '{';
	assert_int_equal(audit_write(&a, object, sizeof(object), true, &n), -1);
}

/* The disk is full: RLIMIT_FSIZE says no as ENOSPC would. */
static void
test_full_disk(void **state)
{
	struct rlimit lim, was;
	uint64_t n;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(say("{\"x\":1}", &n), 0);
	getrlimit(RLIMIT_FSIZE, &was);
	lim = was;
	lim.rlim_cur = a.bytes + 5;
	setrlimit(RLIMIT_FSIZE, &lim);
	assert_int_equal(say("{\"x\":\"torn\"}", &n), -1);
	assert_int_equal(say("{\"x\":\"refused\"}", &n), -1);
	/* What has happened waits. */
	audit_write_later(&a, "{\"x\":\"late\"}", 12);
	assert_int_equal(a.npending, 1);
	assert_int_equal(audit_flush(&a), -1);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(say("{\"x\":\"after\"}", &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(a.npending, 0);
	reads(10, 0,
	    "[{\"n\":3,\"x\":\"after\"},{\"n\":2,\"x\":\"late\"},"
	    "{\"n\":1,\"x\":1}]");
}

static void
test_no_file(void **state)
{
	audit_clear(&a);
	audit_init(&a);
	assert_int_equal(say("{\"x\":1}", NULL), -1);
	assert_int_equal(errno, EBADF);
	for (unsigned i = 0; i < AUDIT_PENDING + 5; i++)
		audit_write_later(&a, "{\"x\":1}", 7);
	assert_int_equal(a.npending, AUDIT_PENDING);
	assert_int_equal(a.lost, 5);
	reads(10, 0, "[]");
}

/* Failures are noted, but cannot push out what was done. */
static void
test_few_failures(void **state)
{
	uint64_t unnoted;
	unsigned noted = 0;

	for (unsigned i = 0; i < 1000; i++)
		noted += audit_may_note(&a, AUDIT_STRANGER, 1000, &unnoted);
	assert_int_equal(noted, AUDIT_BURST);
	assert_false(audit_may_note(&a, AUDIT_STRANGER,
	    1000 + AUDIT_EVERY_MS - 1001, &unnoted));
	assert_true(audit_may_note(&a, AUDIT_STRANGER, 1000 + AUDIT_EVERY_MS,
	    &unnoted));
	assert_int_equal(unnoted, 1000 - AUDIT_BURST + 1);
	/* A stranger's flood leaves room for whoever is known. */
	assert_true(audit_may_note(&a, AUDIT_KNOWN, 1000, &unnoted));
	assert_int_equal(unnoted, 0);
	assert_false(audit_may_note(&a, AUDIT_STRANGER, 1000 + AUDIT_EVERY_MS,
	    &unnoted));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_numbers),
		T(test_files),
		T(test_torn),
		T(test_long_lines),
		T(test_full_disk),
		T(test_no_file),
		T(test_few_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
