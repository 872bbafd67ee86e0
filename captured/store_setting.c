/*
 * Prepared each time: an operator sets something once in a while, and what
 * is written for each message has its statements ready (store_sql.c).
 */
#include <string.h>

#include "captured/store_int.h"
#include "captured/store_setting.h"

static int
prepare(struct store *st, const char *text, struct bind *b)
{
	sqlite3_stmt *q;
	int rc;

	memset(b, 0, sizeof(*b));
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	rc = sqlite3_prepare_v2(st->db, text, -1, &q, NULL);
	if (rc != SQLITE_OK)
		return store_failed(st, rc);
	bind_init(b, q);
	return 0;
}

/* Steps it: 1 a row, 0 done, -1. */
static int
step(struct store *st, const struct bind *b)
{
	int rc = b->rc == SQLITE_OK ? sqlite3_step(b->q) : b->rc;

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : store_failed(st, rc);
}

static void
bind_set(struct bind *b, int64_t value, bool set)
{
	if (set)
		bind_int(b, value);
	else
		bind_null(b);
}

static int
put(struct store *st, const struct setting *s)
{
	struct bind b;
	int r;

	if (prepare(st,
		"INSERT OR REPLACE INTO settings(worker, broadcast, repeat,"
		" auto_count) VALUES(?,?,?,?)",
		&b) == -1)
		return -1;
	bind_text(&b, s->worker);
	bind_set(&b, s->broadcast == SETTING_ON, s->broadcast != SETTING_UNSET);
	bind_set(&b, s->repeat, s->repeat != 0);
	bind_set(&b, s->auto_count, s->auto_count != 0);
	r = step(st, &b);
	sqlite3_finalize(b.q);
	return r;
}

static int
put_sessions(struct store *st, const struct setting *s,
    const struct session_rec *holds)
{
	struct bind b;
	int r;

	if (prepare(st,
		"UPDATE sessions SET broadcast=?, repeat=?, auto_count=?"
		" WHERE worker=? AND replay=0",
		&b) == -1)
		return -1;
	bind_int(&b, holds->broadcast_enabled);
	bind_int(&b, holds->repeat_count);
	bind_int(&b, holds->auto_replay_count);
	bind_text(&b, s->worker);
	r = step(st, &b);
	sqlite3_finalize(b.q);
	return r;
}

int
store_setting(struct store *st, const struct setting *s,
    const struct session_rec *holds)
{
	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	if (put(st, s) == 0 && put_sessions(st, s, holds) == 0)
		return 0;
	store_rollback(st);
	return -1;
}

static void
take(struct settings *t, sqlite3_stmt *q)
{
	struct setting *s;
	struct col c;
	char worker[sizeof(s->worker)];

	col_init(&c, q, 0);
	col_text(&c, worker, sizeof(worker));
	s = settings_get(t, worker);
	if (s == NULL)
		return;
	s->broadcast = (uint8_t)col_int(&c);
	s->repeat = (uint32_t)col_int(&c);
	s->auto_count = (uint32_t)col_int(&c);
	if (s->repeat > REPEAT_MAX)
		s->repeat = 0;
	if (s->auto_count > AUTO_REPLAY_MAX)
		s->auto_count = 0;
}

int
store_load_settings(struct store *st, struct settings *t)
{
	struct bind b;
	int r;

	st->err = STORE_OK;
	if (prepare(st,
		"SELECT worker, coalesce(broadcast + 1, 0),"
		" coalesce(repeat, 0), coalesce(auto_count, 0) FROM settings",
		&b) == -1)
		return -1;
	while ((r = step(st, &b)) == 1)
		take(t, b.q);
	sqlite3_finalize(b.q);
	return r;
}

int
store_worker_of(struct store *st, const uint8_t uuid[16], char *out,
    size_t size)
{
	struct bind b;
	struct col c;
	int r;

	st->err = STORE_OK;
	if (prepare(st,
		"SELECT worker FROM sessions WHERE uuid=? AND replay=0"
		" ORDER BY sid DESC LIMIT 1",
		&b) == -1)
		return -1;
	bind_blob(&b, uuid, 16);
	r = step(st, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		col_text(&c, out, size);
	}
	sqlite3_finalize(b.q);
	return r;
}
