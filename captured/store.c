/*
 * Opening and closing the store, positions, reading back at the start.
 *
 * A file that is damaged is moved aside and a new one begun: capturing goes
 * on, and the old one is there for whoever wants to look.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "captured/migrate.h"
#include "captured/store_int.h"

/* A file up to this size is checked whole when it is opened. */
#define CHECK_BYTES (INT64_C(16) << 20)

static const char setup[] = "PRAGMA page_size=4096;"
			    "PRAGMA auto_vacuum=INCREMENTAL;"
			    "PRAGMA journal_mode=WAL;"
			    "PRAGMA synchronous=NORMAL;"
			    "PRAGMA temp_store=MEMORY;"
			    "PRAGMA cache_size=-32000;"
			    "PRAGMA cell_size_check=ON;"
			    "PRAGMA trusted_schema=OFF;";

enum store_err
store_errno(const struct store *st)
{
	return st->err;
}

const char *
store_error(const struct store *st)
{
	return st->errmsg;
}

const uint8_t *
store_id(const struct store *st)
{
	return st->id;
}

const struct store_mark *
store_mark(const struct store *st)
{
	return &st->saved.mark;
}

uint64_t
store_committed(const struct store *st)
{
	return st->saved.last;
}

void
store_conf(struct store *st, const struct capture_conf *conf)
{
	char dir[CONF_PATH];

	memcpy(dir, st->conf.dir, sizeof(dir));
	st->conf = *conf;
	memcpy(st->conf.dir, dir, sizeof(dir));
	st->space_seen = 0;
}

/* --- the file --- */

/* SQLite gives -wal and -shm the mode of the file. */
static int
file_create(struct store *st)
{
	int fd;

	fd = open(st->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd == -1 || fchmod(fd, 0640) == -1) {
		st->err = errno == ENOSPC ? STORE_FULL : STORE_IO;
		snprintf(st->errmsg, sizeof(st->errmsg), STORE_FILE ": %s",
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static int
db_setup(struct store *st)
{
	int on = 1, rc;

	/* Counting memory takes a lock for each piece; too late is no harm. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	rc = sqlite3_open_v2(st->path, &st->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	    NULL);
	if (rc != SQLITE_OK)
		return store_failed(st, rc);
	sqlite3_extended_result_codes(st->db, 1);
	sqlite3_busy_timeout(st->db, 50);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* Readers without the right to write need both files to be there. */
	sqlite3_file_control(st->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	rc = sqlite3_exec(st->db, setup, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return store_failed(st, rc);
	wal_hook(st);
	return 0;
}

static int
db_migrate(struct store *st)
{
	int foreign;

	if (migrate(st->db, &foreign) == 0)
		return 0;
	if (!foreign)
		return store_failed(st, sqlite3_errcode(st->db));
	st->err = STORE_CORRUPT;
	snprintf(st->errmsg, sizeof(st->errmsg), "not a store of this version");
	return -1;
}

/* One value of a statement that is used once; -1 when there is none. */
static int64_t
db_value(struct store *st, const char *sql)
{
	sqlite3_stmt *q;
	int64_t v = -1;

	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

/* Damage is better found now than under load; large files only in part. */
static int
db_check(struct store *st)
{
	static const char *const look[] = {
		"SELECT count(*) FROM (SELECT * FROM messages"
		" ORDER BY pos LIMIT 100)",
		"SELECT count(*) FROM (SELECT * FROM messages"
		" ORDER BY pos DESC LIMIT 100)",
		"SELECT count(*) FROM (SELECT session FROM messages"
		" ORDER BY session DESC LIMIT 100)",
		"SELECT count(*) FROM sessions WHERE live=1",
	};
	size_t i;

	if (db_value(st, "PRAGMA page_count") * st->page_size <= CHECK_BYTES &&
	    db_value(st,
		"SELECT quick_check='ok' FROM pragma_quick_check(1)") != 1)
		return store_failed(st, SQLITE_CORRUPT);
	for (i = 0; i < sizeof(look) / sizeof(look[0]); i++)
		if (db_value(st, look[i]) == -1)
			return store_failed(st, sqlite3_errcode(st->db));
	return 0;
}

static int
head_load(struct store *st)
{
	struct head *h = &st->head;
	struct bind b;
	struct col c;
	int r;

	memset(h, 0, sizeof(*h));
	sql_start(st, SQL_HEAD_LOAD, &b);
	r = sql_step(st, SQL_HEAD_LOAD, &b);
	if (r != 1)
		return r == -1 ? -1 : store_failed(st, SQLITE_CORRUPT);
	col_init(&c, b.q, 0);
	col_fixed(&c, st->id, sizeof(st->id));
	col_fixed(&c, h->mark.epoch, sizeof(h->mark.epoch));
	st->reserved = (uint64_t)col_int(&c);
	h->floor = (uint64_t)col_int(&c);
	h->last = (uint64_t)col_int(&c);
	h->last_sid = (uint64_t)col_int(&c);
	h->visible = (uint64_t)col_int(&c);
	h->stored = (uint64_t)col_int(&c);
	h->top = col_int(&c);
	h->mark.seq = (uint64_t)col_int(&c);
	h->roll.folded = (uint64_t)col_int(&c);
	h->roll.next_id = (uint64_t)col_int(&c);
	h->roll.began = col_int(&c);
	h->roll.bytes[0] = col_int(&c);
	h->roll.bytes[1] = col_int(&c);
	sql_reset(st, SQL_HEAD_LOAD);
	if (rolls_load(st) == -1)
		return -1;
	st->saved = *h;
	return 0;
}

static void
clock_load(struct store *st)
{
	int64_t last = db_value(st, "SELECT max(pos) FROM clocks");
	int64_t now = real_minus_mono();
	struct bind b;

	/* A clock that ran back while we were away: trust no ages yet. */
	if (mono_now() + now < st->head.top * 1000 - CLOCK_JUMP_NS)
		st->age_pause_until = mono_now() + AGE_PAUSE_NS;
	st->own_clock = now;
	if (last <= 0)
		return;
	sql_start(st, SQL_CLOCK_LAST, &b);
	if (sql_step(st, SQL_CLOCK_LAST, &b) == 1) {
		st->clock = st->clock_saved = sqlite3_column_int64(b.q, 0);
		/* After a boot the monotonic clock is another one; that is
		 * no jump. */
		st->have_clock = st->clock - now < CLOCK_JUMP_NS &&
		    now - st->clock < CLOCK_JUMP_NS;
	}
	sql_reset(st, SQL_CLOCK_LAST);
}

static int
db_open(struct store *st)
{
	if (file_create(st) == -1 || db_setup(st) == -1)
		return -1;
	if (db_migrate(st) == -1)
		return -1;
	st->page_size = (uint32_t)db_value(st, "PRAGMA page_size");
	if (db_check(st) == -1)
		return -1;
	if (sql_prepare(st) == -1 || head_load(st) == -1 ||
	    names_load(st) == -1 || bounds_load(st) == -1)
		return -1;
	if (st->reserved > st->next_pos)
		st->next_pos = st->reserved;
	else
		st->reserved = st->next_pos;
	if (st->head.last_sid >= st->next_sid)
		st->next_sid = st->head.last_sid + 1;
	clock_load(st);
	return store_clock(st, real_minus_mono());
}

static void
db_close(struct store *st)
{
	sql_finalize(st);
	if (st->db != NULL)
		sqlite3_close(st->db);
	st->db = NULL;
	st->in_tx = false;
}

/* --- moving a damaged file aside --- */

static int
rename_with(const char *from, const char *to, const char *suffix)
{
	char a[CONF_PATH + 96], b[CONF_PATH + 96];

	snprintf(a, sizeof(a), "%s%s", from, suffix);
	snprintf(b, sizeof(b), "%s%s", to, suffix);
	return rename(a, b) == -1 && errno != ENOENT ? -1 : 0;
}

/* The WAL first: beside a new file it would be taken for that one's. */
static int
move_aside(struct store *st, char *moved, size_t size)
{
	char to[CONF_PATH + 80], when[32];
	struct stat sb;
	struct tm tm;
	time_t now = time(NULL);
	int n = 0;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(to, sizeof(to), "%s.corrupt-%s", st->path, when);
	while (lstat(to, &sb) == 0 && n < 1000)
		snprintf(to, sizeof(to), "%s.corrupt-%s.%d", st->path, when,
		    ++n);
	if (rename_with(st->path, to, "-wal") == -1 ||
	    rename_with(st->path, to, "-shm") == -1 ||
	    rename_with(st->path, to, "") == -1) {
		st->err = STORE_IO;
		snprintf(st->errmsg, sizeof(st->errmsg),
		    "cannot move " STORE_FILE " aside: %s", strerror(errno));
		return -1;
	}
	snprintf(moved, size, "%s", to);
	return 0;
}

static int
open_or_replace(struct store *st, char *moved, size_t size)
{
	if (db_open(st) == 0)
		return 0;
	/* A statement that the file's schema does not allow: the same. */
	if (st->err != STORE_CORRUPT && st->err != STORE_BUG)
		return -1;
	db_close(st);
	if (move_aside(st, moved, size) == -1)
		return -1;
	st->err = STORE_OK;
	return db_open(st);
}

/* --- positions --- */

static int
reserve(struct store *st)
{
	uint64_t end = st->next_pos + RESERVE_RANGE;
	struct bind b;
	int r;

	if (tx_begin(st) == -1)
		return -1;
	sql_start(st, SQL_RESERVE, &b);
	bind_int(&b, (int64_t)end);
	r = sql_run(st, SQL_RESERVE, &b);
	if (r == 0)
		r = tx_commit(st);
	if (r == -1)
		store_rollback(st);
	else
		st->reserved = end;
	return r;
}

/* This one commit must be on disk before a position is used: a power cut
 * may take back others, and their positions come again, but never these. */
static int
reserve_synced(struct store *st)
{
	int r;

	if (sqlite3_exec(st->db, "PRAGMA synchronous=FULL", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return store_failed(st, sqlite3_errcode(st->db));
	r = reserve(st);
	(void)sqlite3_exec(st->db, "PRAGMA synchronous=NORMAL", NULL, NULL,
	    NULL);
	return r;
}

uint64_t
store_next_pos(struct store *st)
{
	if (st->next_pos >= st->reserved) {
		st->err = STORE_OK;
		if (reserve_synced(st) == -1)
			return 0;
	}
	return st->next_pos++;
}

uint64_t
store_next_sid(struct store *st)
{
	return st->next_sid++;
}

/* --- open, close, recover --- */

int
store_open(struct store **out, const struct capture_conf *conf, char *moved,
    size_t size, char *err, size_t errlen)
{
	struct store *st = calloc(1, sizeof(*st));

	*out = NULL;
	if (size > 0)
		moved[0] = '\0';
	if (st == NULL) {
		snprintf(err, errlen, "out of memory");
		return -1;
	}
	st->conf = *conf;
	snprintf(st->path, sizeof(st->path), "%s/" STORE_FILE, conf->dir);
	snprintf(st->ballast, sizeof(st->ballast), "%s/" STORE_BALLAST,
	    conf->dir);
	st->next_pos = st->next_sid = 1;
	st->space_ok = true;
	st->have_ballast = access(st->ballast, F_OK) == 0;
	batch_init(&st->batch);
	map_init(&st->deltas, sizeof(struct delta));
	map_init(&st->names, sizeof(struct name));
	map_init(&st->shelves, sizeof(struct shelf));
	shares_init(st);
	rolls_init(st);
	if (open_or_replace(st, moved, size) == -1) {
		snprintf(err, errlen, "%s", st->errmsg);
		store_close(st);
		return -1;
	}
	space_ballast(st);
	*out = st;
	return 0;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	store_rollback(st);
	db_close(st);
	batch_free(&st->batch);
	names_free(st);
	bodies_clear(st);
	map_free(&st->deltas);
	map_free(&st->shelves);
	shares_free(st);
	rolls_free(st);
	mbuf_free(&st->packed_hot);
	mbuf_free(&st->packed_cold);
	free(st->queue);
	free(st);
}

int
store_recover(struct store *st, char *moved, size_t size)
{
	bool was_open;

	st->n_dropped += st->batch.nrows;
	batch_clear(&st->batch);
	/* Not open: an earlier attempt got no further, there is nothing to
	 * move. */
	was_open = st->db != NULL;
	db_close(st);
	bodies_clear(st);
	shares_forget(st);
	rolls_forget(st);
	map_clear(&st->deltas);
	st->have_clock = false;
	st->wal_frames = st->wal_passive = 0;
	st->err = STORE_OK;
	moved[0] = '\0';
	if (was_open && move_aside(st, moved, size) == -1)
		return -1;
	/* Positions and numbers go on where they were, behind what is
	 * reserved: a new reservation is made with the next position. */
	if (open_or_replace(st, moved, size) == 0)
		return 0;
	db_close(st);
	return -1;
}

/* --- reading back --- */

static int
load_partial(struct store *st, uint64_t sid, unsigned dir, struct mbuf *to)
{
	struct bind b;
	struct col c;
	const void *p;
	size_t len;
	int r;

	mbuf_reset(to);
	sql_start(st, SQL_PARTIALS_LOAD, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, dir);
	while ((r = sql_step(st, SQL_PARTIALS_LOAD, &b)) == 1) {
		col_init(&c, b.q, 0);
		p = col_blob(&c, &len);
		msg_put_raw(to, p, len);
	}
	if (r == 0 && to->bad)
		return store_fail_memory(st);
	return r;
}

static int
load_session(struct store *st, sqlite3_stmt *q, struct mbuf partial[2],
    struct store_session *s)
{
	struct col c;
	size_t len;
	unsigned dir;

	memset(s, 0, sizeof(*s));
	col_init(&c, q, 0);
	col_session(&c, &s->rec);
	s->sid = (uint64_t)col_int(&c);
	col_fixed(&c, s->epoch, sizeof(s->epoch));
	s->number = (uint64_t)col_int(&c);
	s->state = col_blob(&c, &len);
	s->state_len = (uint32_t)len;
	for (dir = 0; dir < 2; dir++) {
		if (load_partial(st, s->sid, dir, &partial[dir]) == -1)
			return -1;
		s->partial[dir] = partial[dir].data;
		s->partial_len[dir] = (uint32_t)partial[dir].len;
	}
	return 0;
}

int
store_load_sessions(struct store *st,
    int (*fn)(void *, const struct store_session *), void *arg)
{
	struct mbuf partial[2];
	struct store_session s;
	struct bind b;
	int r;

	st->err = STORE_OK;
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	mbuf_init(&partial[0]);
	mbuf_init(&partial[1]);
	sql_start(st, SQL_SESSIONS_LOAD, &b);
	while ((r = sql_step(st, SQL_SESSIONS_LOAD, &b)) == 1)
		if (load_session(st, b.q, partial, &s) == -1 ||
		    fn(arg, &s) == -1)
			break;
	sql_reset(st, SQL_SESSIONS_LOAD);
	mbuf_free(&partial[0]);
	mbuf_free(&partial[1]);
	return r == 0 ? 0 : -1;
}

int
store_load_items(struct store *st,
    int (
	*fn)(void *, uint64_t, enum store_item, uint64_t, const void *, size_t),
    void *arg)
{
	uint64_t sid, pos;
	const void *p;
	struct bind b;
	struct col c;
	size_t len;
	int64_t kind;
	int r;

	st->err = STORE_OK;
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_ITEMS_LOAD, &b);
	while ((r = sql_step(st, SQL_ITEMS_LOAD, &b)) == 1) {
		col_init(&c, b.q, 0);
		sid = (uint64_t)col_int(&c);
		kind = col_int(&c);
		pos = (uint64_t)col_int(&c);
		p = col_blob(&c, &len);
		if (kind < 0 || kind >= ITEM_MAX)
			continue;
		if (fn(arg, sid, (enum store_item)kind, pos, p, len) == -1)
			break;
	}
	sql_reset(st, SQL_ITEMS_LOAD);
	return r == 0 ? 0 : -1;
}

void
store_stats(const struct store *st, struct stats *out)
{
	const struct head *h = &st->saved;
	struct stat sb;

	if (stat(st->path, &sb) == 0)
		stats_add(out, "store_file_bytes", (uint64_t)sb.st_size);
	stats_add(out, "store_visible", h->visible);
	stats_add(out, "store_rows", h->stored);
	stats_add(out, "store_floor", h->floor);
	stats_add(out, "store_last", h->last);
	stats_add(out, "store_commits", st->n_commits);
	stats_add(out, "store_failed", st->n_failed);
	stats_add(out, "store_dropped", st->n_dropped);
	stats_add(out, "store_deleted", st->n_deleted);
	stats_add(out, "store_bodies_shared", st->n_shared);
	stats_add(out, "store_wal_bytes", store_wal_bytes(st));
	stats_add(out, "store_free_bytes", st->free_bytes);
	stats_add(out, "store_writable", st->space_ok && !st->full);
	stats_add(out, "store_age_paused", store_age_paused(st));
}
