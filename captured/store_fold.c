/*
 * The rows of minutes and hours: adding to them, making hours of minutes,
 * and deleting what is too old or too much.
 */
#include <string.h>

#include "captured/store_int.h"

/* What a row takes beside its data, about. */
#define ROW_BYTES        20
/* Of the store's size, what minutes and what hours may take. */
#define SHARE_OF_MINUTES 8
#define SHARE_OF_HOURS   4
/* Minutes, or hours, that are deleted in one go. */
#define DELETE_MAX       8

/* The two tables. */
static const struct table {
	enum sql get, put, oldest, del;
	unsigned seconds;
	unsigned share;
} tables[] = {
	{ SQL_MINUTE_GET, SQL_MINUTE_PUT, SQL_MINUTES_OLDEST, SQL_MINUTE_DELETE,
	    60, SHARE_OF_MINUTES },
	{ SQL_HOUR_GET, SQL_HOUR_PUT, SQL_HOURS_OLDEST, SQL_HOUR_DELETE, 3600,
	    SHARE_OF_HOURS },
};

/* Adds what the row holds to *r: 1, 0 there is none, -1.  len is its. */
static int
row_get(struct store *st, unsigned table, uint64_t when, uint64_t key,
    struct roll *r, size_t *len)
{
	enum sql n = tables[table].get;
	const void *p;
	struct bind b;
	struct col c;
	int found;

	sql_start(st, n, &b);
	bind_int(&b, (int64_t)when);
	bind_int(&b, (int64_t)key);
	found = sql_step(st, n, &b);
	if (found == 1) {
		col_init(&c, b.q, 0);
		p = col_blob(&c, len);
		/* One that makes no sense is begun anew. */
		(void)roll_unpack(r, p, *len);
	}
	sql_reset(st, n);
	return found;
}

static int
row_put(struct store *st, unsigned table, uint64_t when, uint64_t key,
    const struct roll *r)
{
	enum sql n = tables[table].put;
	struct mbuf *m = &st->rolls.packed;
	struct bind b;

	mbuf_reset(m);
	roll_pack(r, m);
	if (m->bad) {
		mbuf_free(m);
		return store_fail_memory(st);
	}
	sql_start(st, n, &b);
	bind_int(&b, (int64_t)when);
	bind_int(&b, (int64_t)key);
	bind_blob(&b, m->data, m->len);
	st->head.roll.bytes[table] += (int64_t)m->len;
	return sql_run(st, n, &b);
}

/* Is there room for one more row in this minute? */
static bool
has_room(struct roll_head *h, uint64_t minute, uint64_t key)
{
	unsigned by = ROLL_BY(key);

	if (key == ROLL_KEY(by, 0) || minute < h->newest)
		return true;
	if (minute > h->newest) {
		h->newest = minute;
		memset(h->rows, 0, sizeof(h->rows));
	}
	if (h->rows[by] >= ROLL_ROWS_MAX)
		return false;
	h->rows[by]++;
	return true;
}

int
roll_minute_add(struct store *st, uint64_t minute, uint64_t key,
    const struct roll *add)
{
	struct roll_head *h = &st->head.roll;
	struct roll r = *add;
	size_t len = 0;
	int found = row_get(st, 0, minute, key, &r, &len);

	if (found == -1)
		return -1;
	if (found == 0 && !has_room(h, minute, key))
		return roll_minute_add(st, minute, ROLL_KEY(ROLL_BY(key), 0),
		    add);
	h->bytes[0] += found ? -(int64_t)len : ROW_BYTES;
	if (row_put(st, 0, minute, key, &r) == -1)
		return -1;
	/* Its hour has this minute already. */
	return minute < h->folded ? roll_hour_add(st, minute / 60, key, add) :
				    0;
}

/* Once an hour is often enough to know who is still there. */
static int
key_used(struct store *st, uint64_t hour, uint64_t key, bool proven)
{
	struct bind b;

	sql_start(st, SQL_ROLL_KEY_USED, &b);
	bind_int(&b, (int64_t)hour * 60);
	bind_int(&b, proven);
	bind_int(&b, (int64_t)key);
	return sql_run(st, SQL_ROLL_KEY_USED, &b);
}

int
roll_hour_add(struct store *st, uint64_t hour, uint64_t key,
    const struct roll *add)
{
	struct roll_head *h = &st->head.roll;
	struct roll r = *add;
	size_t len = 0;
	int found = row_get(st, 1, hour, key, &r, &len);

	if (found == -1)
		return -1;
	h->bytes[1] += found ? -(int64_t)len : ROW_BYTES;
	if (row_put(st, 1, hour, key, &r) == -1)
		return -1;
	if (found == 1 && (add->accepted == 0 || r.accepted != add->accepted))
		return 0;
	return key_used(st, hour, key, r.accepted > 0);
}

/* --- too old, too much --- */

/* The oldest there is; -1 none, -2 failed. */
static int64_t
oldest(struct store *st, unsigned table)
{
	enum sql n = tables[table].oldest;
	int64_t when = -1;
	struct bind b;
	int r;

	sql_start(st, n, &b);
	r = sql_step(st, n, &b);
	if (r == 1 && sqlite3_column_type(b.q, 0) != SQLITE_NULL)
		when = sqlite3_column_int64(b.q, 0);
	sql_reset(st, n);
	return r == -1 ? -2 : when;
}

static int
delete_one(struct store *st, unsigned table, int64_t when)
{
	enum sql n = tables[table].del;
	struct bind b;
	int r;

	sql_start(st, n, &b);
	bind_int(&b, when);
	while ((r = sql_step(st, n, &b)) == 1)
		st->head.roll.bytes[table] -= sqlite3_column_int64(b.q, 0) +
		    ROW_BYTES;
	return r;
}

/* Neither a clock that jumped nor one that is ahead deletes anything. */
static bool
too_old(struct store *st, unsigned table, int64_t when, uint64_t minute)
{
	uint64_t keep = table == 0 ? st->conf.minutes_s : st->conf.hours_s;
	int64_t now = (mono_now() + real_minus_mono()) / 1000000000;
	int64_t newest = (int64_t)minute * 60;

	if (keep == 0 || store_age_paused(st))
		return false;
	if (newest < now)
		now = newest;
	return (when + 1) * tables[table].seconds + (int64_t)keep <= now;
}

static bool
too_much(const struct store *st, unsigned table)
{
	int64_t most = (int64_t)st->conf.size_bytes / tables[table].share;

	return most > 0 && st->head.roll.bytes[table] > most;
}

static int
trim(struct store *st, unsigned table, uint64_t minute)
{
	int64_t when;
	unsigned i;

	for (i = 0; i < DELETE_MAX; i++) {
		when = oldest(st, table);
		if (when < 0)
			return when == -2 ? -1 : 0;
		if (!too_old(st, table, when, minute) && !too_much(st, table))
			return 0;
		/* What is still written to stays. */
		if ((when + 1) * tables[table].seconds >= (int64_t)minute * 60)
			return 0;
		if (delete_one(st, table, when) == -1)
			return -1;
	}
	return 0;
}

/* --- hours of minutes --- */

static int
fold_rows(struct store *st, uint64_t from, uint64_t to)
{
	struct bind b;
	struct col c;
	struct roll r;
	uint64_t minute, key;
	const void *p;
	size_t len;
	int found;

	sql_start(st, SQL_MINUTES_FROM, &b);
	bind_int(&b, (int64_t)from);
	bind_int(&b, (int64_t)to);
	while ((found = sql_step(st, SQL_MINUTES_FROM, &b)) == 1) {
		memset(&r, 0, sizeof(r));
		col_init(&c, b.q, 0);
		minute = (uint64_t)col_int(&c);
		key = (uint64_t)col_int(&c);
		p = col_blob(&c, &len);
		(void)roll_unpack(&r, p, len);
		if (roll_hour_add(st, minute / 60, key, &r) == -1) {
			sql_reset(st, SQL_MINUTES_FROM);
			return -1;
		}
	}
	return found;
}

int
rolls_fold(struct store *st, uint64_t minute)
{
	struct roll_head *h = &st->head.roll;

	if (fold_rows(st, h->folded, minute) == -1)
		return -1;
	h->folded = minute;
	return trim(st, 0, minute) == -1 ? -1 : trim(st, 1, minute);
}
