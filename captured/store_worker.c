/*
 * Workers and their counts; the verifiers' states; what is read back of
 * shares and jobs at the start and when an answer comes late.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/store_int.h"

#define KNOWN_MAX 8192

/* --- workers --- */

static int
worker_remember(struct store *st, const char *name, int64_t id)
{
	struct worker_known *k;

	if (st->workers_known.n >= KNOWN_MAX)
		map_clear(&st->workers_known);
	k = map_put(&st->workers_known, hash_bytes(name, strlen(name)));
	if (k == NULL)
		return store_fail_memory(st);
	k->id = id;
	k->len = (uint32_t)strlen(name);
	memcpy(k->name, name, k->len);
	return 0;
}

static int
worker_add(struct store *st, const char *name, int64_t us, int64_t *id)
{
	struct bind b;

	sql_start(st, SQL_WORKER_ADD, &b);
	bind_text(&b, name);
	bind_int(&b, us);
	if (sql_run(st, SQL_WORKER_ADD, &b) == -1)
		return -1;
	*id = sqlite3_last_insert_rowid(st->db);
	return worker_remember(st, name, *id);
}

int
worker_find(struct store *st, const char *name, int64_t us, int64_t *id)
{
	const struct worker_known *k;
	size_t len = strlen(name);
	struct bind b;
	int r;

	/* Whoever makes two names with one hash is looked up each time. */
	k = map_get(&st->workers_known, hash_bytes(name, len));
	if (k != NULL && k->len == len && memcmp(k->name, name, len) == 0) {
		*id = k->id;
		return 0;
	}
	sql_start(st, SQL_WORKER_FIND, &b);
	bind_text(&b, name);
	r = sql_step(st, SQL_WORKER_FIND, &b);
	if (r == 1)
		*id = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_WORKER_FIND);
	if (r == -1)
		return -1;
	return r == 1 ? worker_remember(st, name, *id) :
			worker_add(st, name, us, id);
}

static struct worker_delta *
delta_of(struct store *st, int64_t id)
{
	struct worker_delta *d = map_put(&st->workers_used, (uint64_t)id);

	if (d == NULL)
		store_fail_memory(st);
	return d;
}

int
worker_share(struct store *st, int64_t id, const struct share_row *r,
    int64_t us)
{
	const struct verify_share *s = &r->s;
	struct worker_delta *d = delta_of(st, id);

	if (d == NULL)
		return -1;
	d->shares++;
	d->valid += s->verdict == VERDICT_VALID;
	d->stale += s->verdict == VERDICT_STALE;
	d->duplicate += s->verdict == VERDICT_DUPLICATE;
	d->low += s->verdict == VERDICT_LOW_DIFFICULTY;
	d->blocks += s->is_block;
	if (s->reached > d->best)
		d->best = s->reached;
	if (r->pos > d->last)
		d->last = r->pos;
	if (us > d->last_us)
		d->last_us = us;
	return 0;
}

int
worker_answer(struct store *st, int64_t id, const struct store_answer *a,
    double required)
{
	struct worker_delta *d = delta_of(st, id);

	if (d == NULL)
		return -1;
	d->disputed += a->judged.agreement == AGREE_POOL_ACCEPTS_INVALID ||
	    a->judged.agreement == AGREE_POOL_REJECTS_VALID;
	if (a->said.class == ANSWER_ACCEPTED) {
		d->accepted++;
		d->accepted_difficulty += required;
	} else if (a->said.class == ANSWER_REJECTED) {
		d->rejected++;
	}
	return 0;
}

int
workers_save(struct store *st)
{
	const struct worker_delta *d;
	struct bind b;
	size_t i = 0;

	while ((d = map_next(&st->workers_used, &i)) != NULL) {
		sql_start(st, SQL_WORKER_COUNT, &b);
		bind_int(&b, (int64_t)d->last);
		bind_int(&b, d->last_us);
		bind_int(&b, d->shares);
		bind_int(&b, d->valid);
		bind_int(&b, d->stale);
		bind_int(&b, d->duplicate);
		bind_int(&b, d->low);
		bind_int(&b, d->blocks);
		bind_int(&b, d->accepted);
		bind_int(&b, d->rejected);
		bind_int(&b, d->disputed);
		bind_double(&b, d->accepted_difficulty);
		bind_double(&b, d->best);
		bind_int(&b, (int64_t)d->id);
		if (sql_run(st, SQL_WORKER_COUNT, &b) == -1)
			return -1;
	}
	map_clear(&st->workers_used);
	return 0;
}

/* --- shares that are stored --- */

/* What is not known any more is open: the pool is not called wrong. */
static uint8_t
verdict_named(const char *name)
{
	int v = verify_verdict_find(name);

	return v == -1 ? VERDICT_UNDECIDED : (uint8_t)v;
}

static uint8_t
cause_named(const char *name)
{
	int v = verify_cause_find(name);

	return v == -1 ? CAUSE_NONE : (uint8_t)v;
}

int
store_share_brief(struct store *st, uint64_t pos, struct verify_brief *out,
    uint64_t *ts_fwd, char worker[STRATUM_TEXT_MAX + 1])
{
	char name[64];
	struct bind b;
	struct col c;
	int r;

	memset(out, 0, sizeof(*out));
	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_SHARE_BRIEF, &b);
	bind_int(&b, (int64_t)pos);
	r = sql_step(st, SQL_SHARE_BRIEF, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		col_text(&c, name, sizeof(name));
		out->verdict = verdict_named(name);
		col_text(&c, name, sizeof(name));
		out->cause = cause_named(name);
		out->firm = col_int(&c) != 0;
		out->reached = col_double(&c);
		out->required = col_double(&c);
		out->ts = (uint64_t)col_int(&c);
		*ts_fwd = (uint64_t)col_int(&c);
		col_text(&c, worker, STRATUM_TEXT_MAX + 1);
	}
	sql_reset(st, SQL_SHARE_BRIEF);
	return r;
}

int
store_load_seen(struct store *st, uint64_t sid, uint64_t from, unsigned max,
    void (*fn)(void *, const uint8_t hash[32]), void *arg)
{
	uint8_t hash[32];
	struct bind b;
	struct col c;
	int r;

	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_SHARES_SEEN, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, (int64_t)from);
	bind_int(&b, max);
	while ((r = sql_step(st, SQL_SHARES_SEEN, &b)) == 1) {
		col_init(&c, b.q, 0);
		col_fixed(&c, hash, sizeof(hash));
		fn(arg, hash);
	}
	return r;
}

/* --- bytes that are read back --- */

/* The blob of a row that is found, copied; 1, 0 none, -1. */
static int
load_blob(struct store *st, enum sql n, const struct bind *b, void **out,
    size_t *len)
{
	const void *p;
	struct col c;
	int r = sql_step(st, n, b);

	*out = NULL;
	if (r == 1) {
		col_init(&c, b->q, 0);
		p = col_blob(&c, len);
		*out = malloc(*len + 1);
		if (*out == NULL)
			r = store_fail_memory(st);
		else if (*len > 0)
			memcpy(*out, p, *len);
	}
	sql_reset(st, n);
	return r;
}

int
store_job_params(struct store *st, const uint8_t *key, char **out, size_t *len)
{
	struct bind b;
	void *p;
	int r;

	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_JOB_PARAMS, &b);
	bind_blob(&b, key, SHA256_LEN);
	r = load_blob(st, SQL_JOB_PARAMS, &b, &p, len);
	*out = p;
	return r;
}

int
store_verifier_load(struct store *st, uint64_t sid, uint8_t **out, size_t *len)
{
	struct bind b;
	void *p;
	int r;

	if (st->db == NULL)
		return store_failed(st, SQLITE_NOTADB);
	sql_start(st, SQL_VERIFIER_LOAD, &b);
	bind_int(&b, (int64_t)sid);
	r = load_blob(st, SQL_VERIFIER_LOAD, &b, &p, len);
	*out = p;
	return r;
}

static int
verifier_write(struct store *st, uint64_t sid, const void *p, size_t len)
{
	struct bind b;

	sql_start(st, SQL_VERIFIER_ITEMS, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, ITEM_JOB);
	if (sql_run(st, SQL_VERIFIER_ITEMS, &b) == -1)
		return -1;
	sql_start(st, SQL_VERIFIER_PUT, &b);
	bind_int(&b, (int64_t)sid);
	bind_blob(&b, p, len);
	return sql_run(st, SQL_VERIFIER_PUT, &b);
}

int
store_verifier(struct store *st, uint64_t sid, const void *p, size_t len)
{
	if (!st->in_tx)
		return store_fail_bug(st, "no transaction is open");
	if (verifier_write(st, sid, p, len) == 0)
		return 0;
	store_rollback(st);
	return -1;
}
