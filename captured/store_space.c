/*
 * Space on disk and the WAL: when to stop, how to begin again; and the
 * clocks, whose jumps stop the bound by age.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "captured/store_int.h"
#include "common/clock.h"

#define SPACE_EVERY_NS (INT64_C(100) * 1000000)
/* For readers to end; relayd's ring holds what comes meanwhile. */
#define CHECKPOINT_NS  (INT64_C(1000) * 1000000)
#define BUSY_MS        50 /* otherwise, as store.c says at the start */

int64_t
mono_now(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t
real_minus_mono(void)
{
	return clock_read_ns(CLOCK_REALTIME) - clock_read_ns(CLOCK_MONOTONIC);
}

/* The clock may jump while relayd says nothing. */
void
clock_watch(struct store *st)
{
	int64_t now = real_minus_mono(), diff = now - st->own_clock;

	if (diff > CLOCK_JUMP_NS || diff < -CLOCK_JUMP_NS)
		st->age_pause_until = mono_now() + AGE_PAUSE_NS;
	st->own_clock = now;
}

bool
store_age_paused(const struct store *st)
{
	return st->age_pause_until != 0 && mono_now() < st->age_pause_until;
}

/* --- space --- */

static uint64_t
ballast_size(const struct store *st)
{
	uint64_t quarter = st->conf.reserve_bytes / 4;

	return quarter < BALLAST_BYTES ? quarter : BALLAST_BYTES;
}

static void
look(struct store *st)
{
	struct statvfs vfs;
	uint64_t want = st->conf.reserve_bytes;

	st->space_seen = mono_now();
	if (statvfs(st->conf.dir, &vfs) == -1)
		return; /* as before: a write will tell */
	st->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	/* A little more than the reserve, so as not to flutter around it. */
	if (!st->space_ok)
		want += want / 8;
	st->space_ok = st->free_bytes >= want;
	if (st->full && st->space_ok)
		st->full = false;
}

bool
store_writable(struct store *st)
{
	if (mono_now() - st->space_seen >= SPACE_EVERY_NS)
		look(st);
	return st->space_ok && !st->full;
}

/* ENOSPC: give up the ballast, so that the watermark can be written. */
void
space_full(struct store *st)
{
	st->full = true;
	st->space_ok = false;
	if (st->have_ballast && unlink(st->ballast) == 0)
		st->have_ballast = false;
}

static int
ballast_make(const struct store *st, off_t size)
{
	int fd, rc;

	fd = open(st->ballast, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0640);
	if (fd == -1)
		return -1;
	rc = posix_fallocate(fd, 0, size);
	close(fd);
	if (rc != 0)
		unlink(st->ballast);
	return rc == 0 ? 0 : -1;
}

void
space_ballast(struct store *st)
{
	uint64_t size = ballast_size(st);

	if (st->have_ballast || size == 0 || !store_writable(st) ||
	    st->free_bytes < st->conf.reserve_bytes + size)
		return;
	st->have_ballast = ballast_make(st, (off_t)size) == 0;
}

void
space_vacuum(struct store *st)
{
	struct bind b;
	int64_t pages, unused;

	sql_start(st, SQL_PAGE_COUNT, &b);
	if (sql_step(st, SQL_PAGE_COUNT, &b) != 1)
		return;
	pages = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_PAGE_COUNT);
	sql_start(st, SQL_FREE_COUNT, &b);
	if (sql_step(st, SQL_FREE_COUNT, &b) != 1)
		return;
	unused = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_FREE_COUNT);
	/* Some free pages are wanted: new rows go there. */
	if (unused > 1024 && unused > pages / 8)
		(void)sqlite3_exec(st->db, "PRAGMA incremental_vacuum(256)",
		    NULL, NULL, NULL);
}

/* --- the WAL --- */

static int
on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct store *st = arg;

	st->wal_frames = (uint64_t)frames;
	if (st->wal_frames < st->wal_passive)
		st->wal_passive = 0; /* it began anew */
	return SQLITE_OK;
}

/* In place of SQLite's own, which would checkpoint at every 1,000 pages. */
void
wal_hook(struct store *st)
{
	sqlite3_wal_hook(st->db, on_wal, st);
}

uint64_t
store_wal_bytes(const struct store *st)
{
	return st->wal_frames * (st->page_size + 24);
}

void
wal_passive(struct store *st)
{
	uint64_t added = st->wal_frames - st->wal_passive;
	int log, done;

	if (added * st->page_size < PASSIVE_BYTES)
		return;
	st->wal_passive = st->wal_frames;
	/* Not being able to is no failure: the WAL only gets longer. */
	(void)sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    &log, &done);
}

/* SQLite asks whether to go on waiting for a lock. */
static int
wait_more(void *arg, int asked)
{
	static const struct timespec nap = { 0, 2000000 };

	if (mono_now() >= *(const int64_t *)arg)
		return 0;
	nanosleep(&nap, NULL);
	return 1;
}

/*
 * The query role holds still, but others may read, one after the other
 * without a pause.  As nothing is written meanwhile, each of them ends or
 * comes to the WAL's end, and then to the file alone: that takes twice their
 * longest transaction.
 */
int
store_checkpoint(struct store *st)
{
	int64_t until = mono_now() + CHECKPOINT_NS;
	int log, done, rc;

	st->err = STORE_OK;
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sqlite3_busy_handler(st->db, wait_more, &until);
	rc = sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	    &log, &done);
	sqlite3_busy_timeout(st->db, BUSY_MS);
	if (rc != SQLITE_OK)
		return store_failed(st, rc);
	st->wal_frames = st->wal_passive = 0;
	return 0;
}
