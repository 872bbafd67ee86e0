/*
 * What the tests of the store share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <dirent.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "tests/unit/storelib.h"

void
fixture_init(struct fixture *f)
{
	const char *tmp = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	snprintf(f->conf.dir, sizeof(f->conf.dir), "%s/store.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(f->conf.dir));
	f->conf.messages = 1000000;
	f->conf.per_session = 100000;
	f->conf.age_s = 30 * 86400;
	f->conf.minutes_s = 7 * 86400;
	f->conf.hours_s = 400 * 86400;
	f->conf.size_bytes = UINT64_C(2) << 30;
	f->conf.reserve_bytes = 1024 * 1024;
	f->conf.commit_rows = 2000;
	f->conf.query_ms = 250;
}

void
fixture_done(struct fixture *f)
{
	struct dirent *e;
	DIR *d;

	fixture_close(f);
	d = opendir(f->conf.dir);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlink(fixture_path(f, e->d_name));
	closedir(d);
	rmdir(f->conf.dir);
}

const char *
fixture_path(const struct fixture *f, const char *name)
{
	static char path[CONF_PATH + 300];

	snprintf(path, sizeof(path), "%s/%s", f->conf.dir, name);
	return path;
}

void
fixture_open(struct fixture *f)
{
	char err[256] = "";

	if (store_open(&f->st, &f->conf, f->moved, sizeof(f->moved), err,
		sizeof(err)) == -1)
		fail_msg("store_open: %s", err);
}

void
fixture_close(struct fixture *f)
{
	store_close(f->st);
	f->st = NULL;
}

void
uuid_of(uint64_t sid, uint8_t id[16])
{
	memset(id, 0xa5, 16);
	memcpy(id, &sid, sizeof(sid));
}

void
make_session(struct store_session *s, struct store *st)
{
	memset(s, 0, sizeof(*s));
	s->sid = store_next_sid(st);
	s->number = s->sid + 1000;
	memset(s->epoch, 0xe1, sizeof(s->epoch));
	uuid_of(s->sid, s->rec.id);
	s->rec.first_seen_us = s->rec.last_seen_us = (int64_t)time(NULL) *
	    1000000;
	snprintf(s->rec.peer, sizeof(s->rec.peer), "192.0.2.%u:4444",
	    (unsigned)(s->sid % 250));
	snprintf(s->rec.pool_peer, sizeof(s->rec.pool_peer),
	    "203.0.113.9:3333");
}

static void
must(struct store *st, int r)
{
	if (r == -1)
		fail_msg("store: %s", store_error(st));
}

void
write_session(struct store *st, struct store_session *s)
{
	must(st, store_begin(st));
	must(st, store_session(st, s, true));
	must(st, store_commit(st, NULL));
}

void
end_session(struct store *st, struct store_session *s)
{
	s->rec.state = SESSION_ENDED;
	s->rec.ended_us = (int64_t)time(NULL) * 1000000;
	write_session(st, s);
}

void
make_msg(struct store_msg *m, struct store *st, uint64_t sid, const char *raw)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	memset(m, 0, sizeof(*m));
	m->pos = store_next_pos(st);
	assert_int_not_equal(m->pos, 0);
	m->sid = sid;
	m->flags = MF_REQUEST | MF_JSON;
	m->raw = (const uint8_t *)raw;
	m->raw_len = (uint32_t)strlen(raw);
	m->size = m->raw_len + 1;
	m->ts_recv = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	m->ts_fwd = m->ts_recv + 5000;
	m->latency = -1;
	m->method = "mining.submit";
	m->jsonrpc_id = "4";
	m->protocol = "stratum";
}

uint64_t
add_msg(struct store *st, uint64_t sid, const char *raw)
{
	struct store_msg m;

	make_msg(&m, st, sid, raw);
	must(st, store_add(st, &m));
	return m.pos;
}

void
commit(struct store *st)
{
	struct store_mark mark = *store_mark(st);

	mark.seq++;
	must(st, store_begin(st));
	must(st, store_commit(st, &mark));
}

uint64_t
stat_of(struct store *st, const char *name)
{
	struct stats all;

	memset(&all, 0, sizeof(all));
	store_stats(st, &all);
	return stats_value(&all, name);
}

int64_t
ask(const struct fixture *f, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	int64_t v = -1;

	assert_int_equal(sqlite3_open_v2(fixture_path(f, STORE_FILE), &db,
			     SQLITE_OPEN_READONLY, NULL),
	    SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return v;
}
