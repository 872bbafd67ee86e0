/*
 * See store_alert.h.
 */
#include <string.h>

#include "captured/store_alert.h"
#include "captured/store_int.h"

static int
alert_write(struct store *st, const struct alert_rec *a)
{
	struct bind b;

	sql_start(st, SQL_ALERT_PUT, &b);
	bind_int(&b, (int64_t)a->id);
	bind_alert(&b, a);
	return sql_run(st, SQL_ALERT_PUT, &b);
}

/* One ends: the oldest of the ended make room. */
static int
alerts_prune(struct store *st, const struct alert_rec *a)
{
	struct bind b;

	sql_start(st, SQL_ALERTS_PRUNE, &b);
	bind_int(&b, (int64_t)a->id - ALERTS_KEPT);
	bind_int(&b, a->ended_us - ALERTS_KEPT_AGE);
	return sql_run(st, SQL_ALERTS_PRUNE, &b);
}

/* The end of a step: on failure nothing is left half done. */
static int
result(struct store *st, int r)
{
	if (r == -1)
		store_rollback(st);
	return r;
}

int
store_alert(struct store *st, const struct alert_rec *a)
{
	int r;

	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	r = alert_write(st, a);
	if (r == 0 && a->ended_us != 0)
		r = alerts_prune(st, a);
	return result(st, r);
}

int
store_watch(struct store *st, const void *name, size_t len, uint64_t at,
    const void *state, size_t size)
{
	enum sql n = state != NULL ? SQL_WATCH_PUT : SQL_WATCH_DEL;
	struct bind b;

	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	sql_start(st, n, &b);
	bind_blob(&b, name, len);
	if (state != NULL) {
		bind_int(&b, (int64_t)at);
		bind_blob(&b, state, size);
	}
	return result(st, sql_run(st, n, &b));
}

int
store_load_alerts(struct store *st, uint64_t *last_id,
    int (*fn)(void *, const struct alert_rec *), void *arg)
{
	struct alert_rec a;
	struct bind b;
	struct col c;
	int r;

	st->err = STORE_OK;
	*last_id = 0;
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_ALERT_LAST, &b);
	if ((r = sql_step(st, SQL_ALERT_LAST, &b)) == 1) {
		col_init(&c, b.q, 0);
		*last_id = (uint64_t)col_int(&c);
	}
	sql_reset(st, SQL_ALERT_LAST);
	if (r == -1)
		return -1;
	sql_start(st, SQL_ALERTS_LOAD, &b);
	while ((r = sql_step(st, SQL_ALERTS_LOAD, &b)) == 1) {
		col_init(&c, b.q, 0);
		col_alert(&c, &a);
		if (fn(arg, &a) == -1) {
			sql_reset(st, SQL_ALERTS_LOAD);
			return store_fail_memory(st);
		}
	}
	return r;
}

int
store_load_watches(struct store *st,
    void (*fn)(void *, const void *, size_t, const void *, size_t), void *arg)
{
	const void *name, *state;
	size_t len, size;
	struct bind b;
	struct col c;
	int r;

	st->err = STORE_OK;
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_WATCHES_LOAD, &b);
	while ((r = sql_step(st, SQL_WATCHES_LOAD, &b)) == 1) {
		col_init(&c, b.q, 0);
		name = col_blob(&c, &len);
		state = col_blob(&c, &size);
		if (name != NULL && state != NULL)
			fn(arg, name, len, state, size);
	}
	return r;
}
