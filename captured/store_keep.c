/*
 * Rejected and disputed shares: they are few, and worth more than what is
 * around them.  Their rows stay when the messages go, up to bounds of their
 * own, the oldest first to go; and with them their jobs, and what of their
 * sessions is needed to tell who it was.  A share's row and its job's are
 * enough to compute it again.
 */
#include "captured/store_int.h"

/* More than the bound, before the oldest go. */
#define SLACK 64

void
shares_recount(struct store *st)
{
	for (unsigned kind = 0; kind <= KEPT_KINDS; kind++)
		st->nkept_all[kind] = -1;
	st->nkept = 0;
}

static int
count(struct store *st, int kind)
{
	struct bind b;
	int r;

	if (st->nkept_all[kind] >= 0)
		return 0;
	sql_start(st, SQL_KEPT_SHARES_COUNT, &b);
	bind_int(&b, kind);
	r = sql_step(st, SQL_KEPT_SHARES_COUNT, &b);
	if (r == 1)
		st->nkept_all[kind] = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_KEPT_SHARES_COUNT);
	return r == -1 ? -1 : 0;
}

/* Its row goes at once when those around it have gone. */
static int
forget(struct store *st, uint64_t pos)
{
	struct bind b;

	if (pos >= st->head.gone)
		return 0;
	sql_start(st, SQL_KEPT_SHARE_DROP, &b);
	bind_int(&b, (int64_t)pos);
	return sql_run(st, SQL_KEPT_SHARE_DROP, &b);
}

static int
trim(struct store *st, int kind, int64_t most)
{
	struct bind b;
	int r;

	if (count(st, kind) == -1)
		return -1;
	if (st->nkept_all[kind] <= most + SLACK)
		return 0;
	sql_start(st, SQL_KEPT_SHARES_TRIM, &b);
	bind_int(&b, kind);
	bind_int(&b, st->nkept_all[kind] - most);
	while ((r = sql_step(st, SQL_KEPT_SHARES_TRIM, &b)) == 1) {
		st->nkept_all[kind]--;
		if (forget(st, (uint64_t)sqlite3_column_int64(b.q, 0)) == -1) {
			sql_reset(st, SQL_KEPT_SHARES_TRIM);
			return -1;
		}
	}
	return r;
}

int
shares_keep(struct store *st)
{
	const struct share_kept *k;
	struct bind b;
	size_t i;

	if (st->nkept == 0)
		return 0;
	if (count(st, KEPT_REJECTED) == -1 || count(st, KEPT_DISPUTED) == -1)
		return -1;
	for (i = 0; i < st->nkept; i++) {
		k = &st->kept[i];
		sql_start(st, SQL_KEEP_SHARE, &b);
		bind_int(&b, (int64_t)k->pos);
		bind_int(&b, k->kind);
		bind_int(&b, st->clock);
		if (sql_run(st, SQL_KEEP_SHARE, &b) == -1)
			return -1;
		st->nkept_all[k->kind] += sqlite3_changes(st->db);
	}
	return trim(st, KEPT_REJECTED, KEPT_REJECTED_MAX) == -1 ?
	    -1 :
	    trim(st, KEPT_DISPUTED, KEPT_DISPUTED_MAX);
}
