/*
 * The outbox on a real disk: what went in comes out, after any cut, and what
 * is dropped is told.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nostrd/outbox.h"

static char dir[64];
static int box_dir = -1;
static uint64_t wanted, lost;
static struct outbox *box;

static uint64_t
on_wanted(void *arg)
{
	return wanted;
}

static void
on_dropped(void *arg, uint64_t n)
{
	lost += n;
}

static const struct outbox_ops ops = { on_wanted, on_dropped };

static void
reopen(uint64_t max)
{
	char err[200];

	outbox_close(box);
	box = outbox_open(box_dir, max, &ops, NULL, err, sizeof(err));
	assert_non_null(box);
}

static int
begin(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/hs-outbox-XXXXXX");
	assert_non_null(mkdtemp(dir));
	box_dir = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(box_dir != -1);
	wanted = 1;
	lost = 0;
	reopen(1u << 30);
	return 0;
}

/* Every file of the directory, last name first. */
static int
each_file(void (*fn)(const char *))
{
	struct dirent **names;
	char path[400];
	int n = scandir(dir, &names, NULL, alphasort), files = 0;

	for (int i = n - 1; i >= 0; i--) {
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir,
			    names[i]->d_name);
			files++;
			if (fn != NULL)
				fn(path);
		}
		free(names[i]);
	}
	free(names);
	return files;
}

static void
remove_file(const char *path)
{
	unlink(path);
}

static int
end(void **state)
{
	outbox_close(box);
	box = NULL;
	each_file(remove_file);
	close(box_dir);
	return rmdir(dir);
}

static uint64_t
share(unsigned session, uint64_t source)
{
	struct nostr_share s;

	memset(&s, 0, sizeof(s));
	s.session[15] = (uint8_t)session;
	s.ts_us = 1000 + (int64_t)source;
	s.repeat = 1;
	s.pool_port = 1;
	snprintf(s.pool_host, sizeof(s.pool_host), "pool");
	snprintf(s.params, sizeof(s.params), "[\"w\",\"%llu\"]",
	    (unsigned long long)source);
	assert_int_equal(outbox_share(box, &s, source), 0);
	return s.seq;
}

static void
test_order(void **state)
{
	struct outbox_at at = { 0 }, other = { 0 };
	struct nostr_gap g = { .session = { 5 }, .first = 2, .last = 9 };
	struct outbox_rec r;
	uint8_t store[16];

	for (unsigned i = 1; i <= 100; i++)
		assert_int_equal(share(i % 3, i),
		    (i + (i % 3 == 0 ? 0 : 3 - i % 3)) / 3);
	assert_int_equal(outbox_gap(box, &g), 0);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(outbox_first(box), 1);
		assert_int_equal(outbox_next(box), 102);
		for (unsigned i = 1; i <= 100; i++) {
			assert_int_equal(outbox_read(box, &at, i, &r), 1);
			assert_int_equal(r.type, OUTBOX_SHARE);
			assert_int_equal(r.source, i);
			assert_int_equal(r.share.session[15], i % 3);
		}
		assert_int_equal(outbox_read(box, &at, 101, &r), 1);
		assert_int_equal(r.type, OUTBOX_GAP);
		assert_int_equal(r.gap.last, 9);
		assert_int_equal(outbox_read(box, &at, 102, &r), 0);
		/* Back, and with another reader. */
		assert_int_equal(outbox_read(box, &at, 7, &r), 1);
		assert_int_equal(r.source, 7);
		assert_int_equal(outbox_read(box, &other, 50, &r), 1);
		assert_int_equal(r.source, 50);
		assert_int_equal(outbox_source(box, store), 100);
		reopen(1u << 30);
	}
	/* seq goes on where it was. */
	assert_int_equal(share(0, 101), 34);
	assert_int_equal(share(9, 102), 1);
}

static void
test_mark(void **state)
{
	uint8_t store[16] = { 7 }, got[16];

	assert_int_equal(outbox_mark(box, store, 500), 0);
	share(1, 501);
	assert_int_equal(outbox_mark(box, store, 900), 0);
	reopen(1u << 30);
	assert_int_equal(outbox_source(box, got), 900);
	assert_memory_equal(got, store, 16);
}

static off_t cut_to;

static void
cut_file(const char *path)
{
	assert_int_equal(truncate(path, cut_to), 0);
}

/* The end of the file is anywhere: what was whole is there, and goes on. */
static void
test_torn(void **state)
{
	struct outbox_at at;
	struct outbox_rec r;
	uint64_t next, size;

	for (unsigned i = 1; i <= 5; i++)
		share(1, i);
	size = outbox_bytes(box);
	for (cut_to = (off_t)size - 1; cut_to > (off_t)size - 300; cut_to--) {
		outbox_close(box);
		box = NULL;
		each_file(cut_file);
		reopen(1u << 30);
		next = outbox_next(box);
		assert_true(next >= 2 && next <= 5);
		assert_int_equal(share(1, next), next);
		memset(&at, 0, sizeof(at));
		for (uint64_t i = 1; i <= next; i++) {
			assert_int_equal(outbox_read(box, &at, i, &r), 1);
			assert_int_equal(r.share.seq, i);
		}
	}
}

static off_t damage_at;

static void
damage_file(const char *path)
{
	int fd = open(path, O_RDWR);
	uint8_t c;

	assert_int_equal(pread(fd, &c, 1, damage_at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, damage_at), 1);
	close(fd);
}

static void
test_damaged(void **state)
{
	struct outbox_at at = { 0 };
	struct outbox_rec r;
	uint64_t size;

	for (unsigned i = 1; i <= 3; i++)
		share(1, i);
	size = outbox_bytes(box);
	outbox_close(box);
	box = NULL;
	for (damage_at = 0; damage_at < (off_t)size; damage_at += 3) {
		each_file(damage_file);
		reopen(1u << 30);
		assert_true(outbox_next(box) <= 4);
		for (uint64_t i = 1; i < outbox_next(box); i++) {
			assert_int_equal(outbox_read(box, &at, i, &r), 1);
			assert_int_equal(r.share.seq, i);
		}
		outbox_close(box);
		box = NULL;
		each_file(remove_file);
		reopen(1u << 30);
		for (unsigned i = 1; i <= 3; i++)
			share(1, i);
		outbox_close(box);
		box = NULL;
	}
}

/* 1 MiB is all there is: the oldest goes, and is told. */
static void
test_bound(void **state)
{
	uint64_t n = 20000, told = 0;
	struct outbox_at at = { 0 };
	struct outbox_rec r;

	reopen(1u << 20);
	for (uint64_t i = 1; i <= n; i++)
		share((unsigned)(i % 7), i);
	assert_true(outbox_bytes(box) <= (1u << 20) + (128u << 10));
	assert_true(lost > 1000);
	assert_true(outbox_first(box) > 1000);
	for (uint64_t i = outbox_first(box); i < outbox_next(box); i++) {
		assert_int_equal(outbox_read(box, &at, i, &r), 1);
		if (r.type == OUTBOX_GAP && told == 0)
			told = i;
	}
	assert_true(told > 0);
	/* All that was lost is in some gap or was in one that was lost. */
	assert_true(outbox_next(box) - 1 > n);
	/* What nobody wants goes without a word. */
	lost = 0;
	wanted = outbox_next(box);
	outbox_trim(box);
	assert_int_equal(lost, 0);
	assert_int_equal(each_file(NULL), 1);
	assert_int_equal(share(3, n + 1), 20000 / 7 + 1);
	reopen(1u << 20);
	assert_int_equal(share(3, n + 2), 20000 / 7 + 2);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_mark),
		TEST(test_torn),
		TEST(test_damaged),
		TEST(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
