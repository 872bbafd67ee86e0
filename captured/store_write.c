/*
 * The transaction: what was collected, sessions, watermark, all or nothing.
 */
#include <string.h>

#include "captured/store_int.h"

int
tx_begin(struct store *st)
{
	struct bind b;

	st->err = STORE_OK;
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	if (st->in_tx)
		return store_fail_bug(st, "a transaction is open");
	sql_start(st, SQL_BEGIN, &b);
	if (sql_run(st, SQL_BEGIN, &b) == -1)
		return -1;
	st->in_tx = true;
	st->saved = st->head;
	map_clear(&st->deltas);
	return 0;
}

int
tx_commit(struct store *st)
{
	struct bind b;

	sql_start(st, SQL_COMMIT, &b);
	if (sql_run(st, SQL_COMMIT, &b) == -1)
		return -1;
	st->in_tx = false;
	st->saved = st->head;
	st->n_commits++;
	return 0;
}

void
store_rollback(struct store *st)
{
	enum store_err err = st->err;
	struct bind b;

	if (!st->in_tx)
		return;
	st->in_tx = false;
	st->n_failed++;
	if (sqlite3_get_autocommit(st->db) == 0) {
		sql_start(st, SQL_ROLLBACK, &b);
		(void)sql_run(st, SQL_ROLLBACK, &b);
	}
	/* What is in memory goes back to what is on disk.  When that cannot
	 * be read, the next transaction fails as well and says so. */
	st->head = st->saved;
	map_clear(&st->deltas);
	bodies_clear(st);
	shares_forget(st);
	(void)names_load(st);
	(void)bounds_load(st);
	if (err != STORE_OK)
		st->err = err;
}

/* The end of a step: on failure nothing is left half done. */
static int
tx_result(struct store *st, int r)
{
	if (r == -1)
		store_rollback(st);
	return r;
}

/* --- what was collected --- */

static const char *
row_text(const struct store *st, uint32_t at)
{
	return at == 0 ? NULL : (const char *)st->batch.data + at;
}

static int
bind_name(struct store *st, struct bind *b, uint32_t at)
{
	if (at != 0)
		return names_bind(st, b, row_text(st, at));
	bind_null(b);
	return 0;
}

static void
bind_unless_zero(struct bind *b, uint64_t v)
{
	if (v != 0)
		bind_int(b, (int64_t)v);
	else
		bind_null(b);
}

static int
bind_raw(struct store *st, struct bind *b, const struct row *r)
{
	const uint8_t *raw = st->batch.data + r->raw;
	int64_t body;

	if (r->m.raw_len < BODY_MIN) {
		bind_null(b);
		bind_blob(b, raw, r->m.raw_len);
		return 0;
	}
	if (body_find(st, r->m.pos, raw, r->m.raw_len, &body) == -1)
		return -1;
	bind_int(b, body);
	bind_null(b);
	return 0;
}

static int
write_row(struct store *st, const struct row *r)
{
	const struct store_msg *m = &r->m;
	struct bind b;

	sql_start(st, SQL_MESSAGE_ADD, &b);
	bind_int(&b, (int64_t)m->pos);
	bind_int(&b, (int64_t)m->sid);
	bind_int(&b, m->dir);
	bind_int(&b, m->flags);
	bind_int(&b, (int64_t)m->ts_recv);
	bind_int(&b, m->size);
	if (bind_name(st, &b, r->method) == -1 ||
	    bind_name(st, &b, r->protocol) == -1)
		return -1;
	if (m->ts_fwd != 0)
		bind_int(&b, (int64_t)(m->ts_fwd - m->ts_recv));
	else
		bind_null(&b);
	bind_text(&b, row_text(st, r->jsonrpc_id));
	bind_unless_zero(&b, m->pair);
	if (m->pair != 0 && m->latency >= 0)
		bind_int(&b, m->latency);
	else
		bind_null(&b);
	bind_text(&b, row_text(st, r->parse_error));
	if (bind_raw(st, &b, r) == -1 || sql_run(st, SQL_MESSAGE_ADD, &b) == -1)
		return -1;
	if (rolls_message(st, m) == -1)
		return -1;
	return delta_add(st, m->sid, 1);
}

static int
write_rows(struct store *st)
{
	size_t i;

	for (i = 0; i < st->batch.nrows; i++)
		if (write_row(st, &st->batch.rows[i]) == -1)
			return -1;
	if (i > 0)
		st->head.last = st->batch.rows[i - 1].m.pos;
	st->head.visible += i;
	st->head.stored += i;
	return 0;
}

static int
write_change(struct store *st, const struct change *c)
{
	static const enum sql which[] = {
		[CHANGE_ANSWERED] = SQL_MESSAGE_ANSWERED,
		[CHANGE_FORWARDED] = SQL_MESSAGE_FORWARDED,
		[CHANGE_FLAG] = SQL_MESSAGE_FLAG,
	};
	enum sql n = which[c->kind];
	struct bind b;

	sql_start(st, n, &b);
	bind_int(&b, (int64_t)c->value);
	if (c->kind == CHANGE_ANSWERED) {
		if (c->latency >= 0)
			bind_int(&b, c->latency);
		else
			bind_null(&b);
	}
	bind_int(&b, (int64_t)c->pos);
	return sql_run(st, n, &b);
}

static int
write_item(struct store *st, const struct item *it)
{
	enum sql n = it->del ? SQL_ITEM_DEL : SQL_ITEM_PUT;
	struct bind b;

	if (it->gone)
		return 0;
	sql_start(st, n, &b);
	bind_int(&b, (int64_t)it->sid);
	bind_int(&b, it->kind);
	bind_int(&b, (int64_t)it->pos);
	if (!it->del)
		bind_blob(&b, st->batch.data + it->data, it->len);
	return sql_run(st, n, &b);
}

static int
write_clock(struct store *st, const struct clock_at *c)
{
	struct bind b;

	sql_start(st, SQL_CLOCK_ADD, &b);
	bind_int(&b, (int64_t)c->pos);
	bind_int(&b, c->offset);
	return sql_run(st, SQL_CLOCK_ADD, &b);
}

static int
write_batch(struct store *st)
{
	const struct batch *t = &st->batch;
	size_t i;

	rolls_begin(st);
	for (i = 0; i < t->nclocks; i++)
		if (write_clock(st, &t->clocks[i]) == -1)
			return -1;
	if (write_rows(st) == -1 || shares_write(st) == -1)
		return -1;
	for (i = 0; i < t->nchanges; i++)
		if (write_change(st, &t->changes[i]) == -1)
			return -1;
	for (i = 0; i < t->nitems; i++)
		if (write_item(st, &t->items[i]) == -1)
			return -1;
	return rolls_save(st);
}

int
store_begin(struct store *st)
{
	if (tx_begin(st) == -1)
		return -1;
	return tx_result(st, write_batch(st));
}

/* --- sessions --- */

static void
bind_state(struct bind *b, const struct store_session *s)
{
	if (s->rec.state == SESSION_LIVE && s->state_len > 0)
		bind_blob(b, s->state, s->state_len);
	else
		bind_null(b);
}

/* 1 when the row was there. */
static int
session_hot(struct store *st, const struct store_session *s)
{
	struct bind b;

	sql_start(st, SQL_SESSION_HOT, &b);
	bind_session_hot(&b, &s->rec, !s->rates, &st->packed_hot);
	bind_state(&b, s);
	bind_int(&b, (int64_t)s->sid);
	if (sql_run(st, SQL_SESSION_HOT, &b) == -1)
		return -1;
	return sqlite3_changes(st->db) > 0;
}

static int
session_rates(struct store *st, const struct store_session *s)
{
	struct mbuf *m = &st->packed_cold;
	struct bind b;

	mbuf_reset(m);
	rates_pack(&s->rec.account.rates, m);
	if (m->bad)
		return store_fail_memory(st);
	sql_start(st, SQL_SESSION_RATES, &b);
	bind_blob(&b, m->data, m->len);
	bind_int(&b, (int64_t)s->sid);
	return sql_run(st, SQL_SESSION_RATES, &b);
}

static int
session_all(struct store *st, const struct store_session *s)
{
	struct bind b;

	sql_start(st, SQL_SESSION_PUT, &b);
	bind_session_hot(&b, &s->rec, false, &st->packed_hot);
	bind_session_cold(&b, &s->rec, &st->packed_cold);
	bind_int(&b, (int64_t)s->sid);
	bind_blob(&b, s->epoch, sizeof(s->epoch));
	bind_int(&b, (int64_t)s->number);
	bind_state(&b, s);
	return sql_run(st, SQL_SESSION_PUT, &b);
}

static int
session_end(struct store *st, uint64_t sid)
{
	static const enum sql which[] = { SQL_PARTIALS_END, SQL_ITEMS_END,
		SQL_VERIFIER_END };
	struct bind b;
	size_t i;

	for (i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		sql_start(st, which[i], &b);
		bind_int(&b, (int64_t)sid);
		if (sql_run(st, which[i], &b) == -1)
			return -1;
	}
	return delta_ended(st, sid);
}

static int
session_write(struct store *st, const struct store_session *s, bool facts)
{
	int r = 0;

	if (s->rec.state == SESSION_ENDED)
		facts = true;
	if (!facts)
		r = session_hot(st, s);
	if (r == 1 && s->rates && session_rates(st, s) == -1)
		return -1;
	/* A row that is not there is written whole, whatever was asked. */
	if (r == 0)
		r = session_all(st, s);
	if (r == -1)
		return -1;
	return s->rec.state == SESSION_ENDED ? session_end(st, s->sid) : 0;
}

int
store_session(struct store *st, const struct store_session *s, bool facts)
{
	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	return tx_result(st, session_write(st, s, facts));
}

static int
partial_write(struct store *st, uint64_t sid, unsigned dir, bool fresh,
    const void *p, size_t len)
{
	struct bind b;

	if (fresh) {
		sql_start(st, SQL_PARTIAL_FRESH, &b);
		bind_int(&b, (int64_t)sid);
		bind_int(&b, dir);
		if (sql_run(st, SQL_PARTIAL_FRESH, &b) == -1)
			return -1;
	}
	if (len == 0)
		return 0;
	sql_start(st, SQL_PARTIAL_ADD, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, dir);
	bind_blob(&b, p, len);
	return sql_run(st, SQL_PARTIAL_ADD, &b);
}

int
store_partial(struct store *st, uint64_t sid, unsigned dir, bool fresh,
    const void *p, size_t len)
{
	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	return tx_result(st, partial_write(st, sid, dir, fresh, p, len));
}

/* --- the end --- */

/* The offset that holds at a position: clocks of this batch, else older. */
static int64_t
clock_for(const struct store *st, int64_t before, uint64_t pos)
{
	int64_t offset = before;
	size_t i;

	for (i = 0; i < st->batch.nclocks; i++)
		if (st->batch.clocks[i].pos <= pos)
			offset = st->batch.clocks[i].offset;
	return offset;
}

/* The real times of the batch's messages; head.top moves. */
static int
write_times(struct store *st)
{
	const struct batch *t = &st->batch;
	int64_t lo = INT64_MAX, hi = INT64_MIN, us;
	struct bind b;
	size_t i;
	bool late;

	for (i = 0; i < t->nrows; i++) {
		us = ((int64_t)t->rows[i].m.ts_recv +
			 clock_for(st, st->clock_saved, t->rows[i].m.pos)) /
		    1000;
		lo = us < lo ? us : lo;
		hi = us > hi ? us : hi;
	}
	late = lo < st->head.top;
	if (hi > st->head.top)
		st->head.top = hi;
	sql_start(st, SQL_COMMITS_ADD, &b);
	bind_int(&b, (int64_t)t->rows[t->nrows - 1].m.pos);
	bind_int(&b, (int64_t)t->rows[0].m.pos);
	bind_int(&b, (mono_now() + real_minus_mono()) / 1000);
	bind_int(&b, lo);
	bind_int(&b, hi);
	bind_int(&b, st->head.top);
	bind_int(&b, late);
	return sql_run(st, SQL_COMMITS_ADD, &b);
}

int
head_save(struct store *st)
{
	const struct head *h = &st->head;
	struct bind b;

	sql_start(st, SQL_HEAD_SAVE, &b);
	bind_int(&b, (int64_t)h->floor);
	bind_int(&b, (int64_t)h->last);
	bind_int(&b, (int64_t)h->last_sid);
	bind_int(&b, (int64_t)h->visible);
	bind_int(&b, (int64_t)h->stored);
	bind_int(&b, h->top);
	bind_blob(&b, h->mark.epoch, sizeof(h->mark.epoch));
	bind_int(&b, (int64_t)h->mark.seq);
	bind_int(&b, (int64_t)h->roll.folded);
	bind_int(&b, (int64_t)h->roll.next_id);
	bind_int(&b, h->roll.began);
	bind_int(&b, h->roll.bytes[0]);
	bind_int(&b, h->roll.bytes[1]);
	return sql_run(st, SQL_HEAD_SAVE, &b);
}

static int
commit_write(struct store *st, const struct store_mark *mark)
{
	uint64_t rows = st->batch.nrows;

	if (rows > 0 && write_times(st) == -1)
		return -1;
	if (shares_keep(st) == -1 || bodies_save(st) == -1 ||
	    bounds_apply(st, rows * 2 + 64) == -1)
		return -1;
	st->head.last_sid = st->next_sid - 1;
	if (mark != NULL)
		st->head.mark = *mark;
	if (head_save(st) == -1)
		return -1;
	return tx_commit(st);
}

int
store_commit(struct store *st, const struct store_mark *mark)
{
	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	if (tx_result(st, commit_write(st, mark)) == -1)
		return -1;
	batch_clear(&st->batch);
	rolls_settle(st);
	st->clock_saved = st->clock;
	wal_passive(st);
	return 0;
}

static int
idle_write(struct store *st)
{
	if (bounds_idle(st) == -1 || head_save(st) == -1)
		return -1;
	return tx_commit(st);
}

int
store_idle(struct store *st)
{
	int r = 0;

	st->err = STORE_OK;
	if (st->in_tx || st->db == NULL)
		return 0;
	clock_watch(st);
	bounds_prune(st);
	if (bounds_due(st)) {
		r = tx_begin(st);
		if (r == 0)
			r = tx_result(st, idle_write(st));
	}
	if (r == 0)
		space_vacuum(st);
	space_ballast(st);
	wal_passive(st);
	return r;
}
