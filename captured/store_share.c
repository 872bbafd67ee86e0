/*
 * Shares and jobs: collected beside the messages, written with them.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/store_int.h"

/* Rows whose numbers are remembered; then all are looked up anew. */
#define KNOWN_MAX 8192

void
shares_init(struct store *st)
{
	map_init(&st->jobs_known, sizeof(struct job_known));
	map_init(&st->jobs_used, sizeof(struct job_used));
	map_init(&st->fanouts, sizeof(struct job_fanout));
	shares_recount(st);
	map_init(&st->workers_known, sizeof(struct worker_known));
	map_init(&st->workers_used, sizeof(struct worker_delta));
}

void
shares_free(struct store *st)
{
	map_free(&st->jobs_known);
	map_free(&st->jobs_used);
	map_free(&st->fanouts);
	free(st->kept);
	map_free(&st->workers_known);
	map_free(&st->workers_used);
}

void
shares_forget(struct store *st)
{
	map_clear(&st->jobs_known);
	map_clear(&st->jobs_used);
	shares_recount(st);
	map_clear(&st->workers_known);
	map_clear(&st->workers_used);
}

void
store_job_held(struct store *st, bool (*fn)(void *, const uint8_t *), void *arg)
{
	st->job_held = fn;
	st->job_held_arg = arg;
}

/* --- collecting --- */

/* The key is a cryptographic hash already. */
static uint64_t
job_hash(const uint8_t *key, const char *pool)
{
	uint64_t h;

	memcpy(&h, key, sizeof(h));
	h ^= hash_bytes(pool, strlen(pool));
	return h != 0 ? h : 1;
}

static const char *
text_at(const struct store *st, size_t at)
{
	return (const char *)st->batch.data + at;
}

static int
job_collect(struct store *st, const struct store_job *j, struct job_row *r)
{
	memcpy(r->key, j->key, sizeof(r->key));
	r->first = r->last = j->pos;
	r->ts = j->ts;
	r->pool = batch_copy(st, j->pool, strlen(j->pool) + 1);
	r->id = batch_copy(st, j->id, strlen(j->id) + 1);
	r->params = batch_copy(st, j->params, j->len);
	r->len = j->len;
	return r->pool == 0 || r->id == 0 || r->params == 0 ? -1 : 0;
}

static int
job_given(struct store *st, size_t index, uint64_t ts)
{
	struct batch *b = &st->batch;

	if (ts == 0)
		return 0;
	if (grow(&b->given, &b->given_cap, b->ngiven, sizeof(*b->given)) == -1)
		return store_fail_memory(st);
	b->given[b->ngiven].index = index;
	b->given[b->ngiven++].ts = ts;
	return 0;
}

int
store_job(struct store *st, const struct store_job *j)
{
	struct batch *b = &st->batch;
	uint64_t hash = job_hash(j->key, j->pool);
	struct job_ref *ref = map_get(&b->job_refs, hash);

	if (ref != NULL) {
		b->jobs[ref->index].last = j->pos;
		return job_given(st, ref->index, j->given);
	}
	if (grow(&b->jobs, &b->jobs_cap, b->njobs, sizeof(*b->jobs)) == -1)
		return store_fail_memory(st);
	if (job_collect(st, j, &b->jobs[b->njobs]) == -1)
		return -1;
	if ((ref = map_put(&b->job_refs, hash)) == NULL)
		return store_fail_memory(st);
	ref->index = b->njobs++;
	return job_given(st, ref->index, j->given);
}

int
store_share(struct store *st, uint64_t pos, uint64_t sid, const char *pool,
    const uint32_t who[ROLL_KINDS], const struct verify_share *s)
{
	struct batch *b = &st->batch;
	struct share_row *r;

	if (b->nshares > 0 && pos <= b->shares[b->nshares - 1].pos)
		return store_fail_bug(st, "share out of order");
	if (grow(&b->shares, &b->shares_cap, b->nshares, sizeof(*r)) == -1)
		return store_fail_memory(st);
	r = &b->shares[b->nshares];
	r->s = *s;
	r->s.job = NULL;
	r->pos = pos;
	r->sid = sid;
	memcpy(r->who, who, sizeof(r->who));
	r->answered = false;
	r->has_job = s->job != NULL;
	if (r->has_job)
		memcpy(r->key, s->job->key, sizeof(r->key));
	r->pool = batch_copy(st, pool, strlen(pool) + 1);
	if (r->pool == 0)
		return -1;
	b->nshares++;
	return 0;
}

static struct share_row *
find_share(struct batch *b, uint64_t pos)
{
	size_t lo = 0, hi = b->nshares, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (b->shares[mid].pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->nshares && b->shares[lo].pos == pos ? &b->shares[lo] :
							     NULL;
}

int
store_share_answered(struct store *st, uint64_t pos,
    const struct store_answer *a)
{
	struct batch *b = &st->batch;
	struct share_row *r = find_share(b, pos);

	if (r != NULL) {
		r->answered = true;
		r->a = *a;
		return 0;
	}
	if (grow(&b->answers, &b->answers_cap, b->nanswers,
		sizeof(*b->answers)) == -1)
		return store_fail_memory(st);
	b->answers[b->nanswers].pos = pos;
	b->answers[b->nanswers++].a = *a;
	return 0;
}

/* --- writing jobs --- */

static int
job_used(struct store *st, int64_t id, uint64_t pos)
{
	struct job_used *u = map_put(&st->jobs_used, (uint64_t)id);

	if (u == NULL)
		return store_fail_memory(st);
	if (pos > u->last)
		u->last = pos;
	return 0;
}

static int
job_remember(struct store *st, uint64_t hash, int64_t id, int64_t ts)
{
	struct job_known *k;

	if (st->jobs_known.n >= KNOWN_MAX)
		map_clear(&st->jobs_known);
	if ((k = map_put(&st->jobs_known, hash)) == NULL)
		return store_fail_memory(st);
	k->id = id;
	k->ts = ts;
	return 0;
}

/* The job's row; 0 when there is none. */
static int
job_find(struct store *st, const uint8_t *key, const char *pool, int64_t *id)
{
	uint64_t hash = job_hash(key, pool);
	const struct job_known *k = map_get(&st->jobs_known, hash);
	int64_t ts = 0;
	struct bind b;
	int r;

	*id = k == NULL ? 0 : k->id;
	if (k != NULL)
		return 0;
	sql_start(st, SQL_JOB_FIND, &b);
	bind_blob(&b, key, SHA256_LEN);
	bind_text(&b, pool);
	r = sql_step(st, SQL_JOB_FIND, &b);
	if (r == 1)
		*id = sqlite3_column_int64(b.q, 0);
	if (r == 1)
		ts = sqlite3_column_int64(b.q, 1);
	sql_reset(st, SQL_JOB_FIND);
	if (r == 1)
		return job_remember(st, hash, *id, ts);
	return r;
}

static int
job_add(struct store *st, const struct job_row *r, int64_t *id)
{
	struct bind b;

	sql_start(st, SQL_JOB_ADD, &b);
	bind_blob(&b, r->key, sizeof(r->key));
	bind_text(&b, text_at(st, r->pool));
	bind_text(&b, text_at(st, r->id));
	bind_int(&b, (int64_t)r->first);
	bind_int(&b, (int64_t)r->last);
	bind_int(&b, (int64_t)r->ts);
	bind_blob(&b, text_at(st, r->params), r->len);
	if (sql_run(st, SQL_JOB_ADD, &b) == -1)
		return -1;
	*id = sqlite3_last_insert_rowid(st->db);
	return job_remember(st, job_hash(r->key, text_at(st, r->pool)), *id,
	    (int64_t)r->ts);
}

/* --- how jobs spread --- */

static int
fanout_given(struct store *st, const struct job_given *g)
{
	const struct job_row *r = &st->batch.jobs[g->index];
	const struct job_known *k;
	struct job_fanout *f;
	int64_t id;

	if (job_find(st, r->key, text_at(st, r->pool), &id) == -1)
		return -1;
	k = map_get(&st->jobs_known, job_hash(r->key, text_at(st, r->pool)));
	if (id == 0 || k == NULL)
		return 0;
	if ((f = map_put(&st->fanouts, (uint64_t)id)) == NULL)
		return store_fail_memory(st);
	fanout_add(&f->f, ((int64_t)g->ts - k->ts) / 1000);
	return 0;
}

static int
fanout_save(struct store *st, struct job_fanout *f)
{
	struct mbuf *m = &st->rolls.packed;
	const void *p;
	struct bind b;
	struct col c;
	size_t len;

	sql_start(st, SQL_FANOUT_GET, &b);
	bind_int(&b, (int64_t)f->id);
	if (sql_step(st, SQL_FANOUT_GET, &b) == 1) {
		col_init(&c, b.q, 0);
		p = col_blob(&c, &len);
		(void)fanout_unpack(&f->f, p, len);
	}
	sql_reset(st, SQL_FANOUT_GET);
	mbuf_reset(m);
	fanout_pack(&f->f, m);
	if (m->bad) {
		mbuf_free(m);
		return store_fail_memory(st);
	}
	sql_start(st, SQL_FANOUT_PUT, &b);
	bind_int(&b, (int64_t)f->id);
	bind_blob(&b, m->data, m->len);
	return sql_run(st, SQL_FANOUT_PUT, &b);
}

static int
fanouts_save(struct store *st)
{
	struct job_fanout *f;
	size_t i;

	map_clear(&st->fanouts);
	for (i = 0; i < st->batch.ngiven; i++)
		if (fanout_given(st, &st->batch.given[i]) == -1)
			return -1;
	i = 0;
	while ((f = map_next(&st->fanouts, &i)) != NULL)
		if (fanout_save(st, f) == -1)
			return -1;
	return 0;
}

static int
write_job(struct store *st, const struct job_row *r)
{
	int64_t id;

	if (job_find(st, r->key, text_at(st, r->pool), &id) == -1)
		return -1;
	return id == 0 ? job_add(st, r, &id) : job_used(st, id, r->last);
}

static int
jobs_save(struct store *st)
{
	const struct job_used *u;
	struct bind b;
	size_t i = 0;

	while ((u = map_next(&st->jobs_used, &i)) != NULL) {
		sql_start(st, SQL_JOB_USED, &b);
		bind_int(&b, (int64_t)u->last);
		bind_int(&b, (int64_t)u->id);
		if (sql_run(st, SQL_JOB_USED, &b) == -1)
			return -1;
	}
	map_clear(&st->jobs_used);
	return 0;
}

/* --- writing shares --- */

/* Would the same hash again be a duplicate?  As verify_rule() has it. */
static bool
is_seen(const struct verify_share *s)
{
	return s->hashed &&
	    (s->verdict == VERDICT_VALID ||
		(!s->firm &&
		    (s->verdict == VERDICT_LOW_DIFFICULTY ||
			s->verdict == VERDICT_UNDECIDED)));
}

static void
bind_header(struct bind *b, const struct verify_share *s)
{
	bind_blob(b, s->en2.b, s->en2.len);
	bind_int(b, s->ntime);
	bind_int(b, s->nonce);
	if (s->has_bits)
		bind_int(b, s->bits);
	else
		bind_null(b);
	if (s->hashed) {
		bind_int(b, s->version);
		bind_blob(b, s->hash, sizeof(s->hash));
	} else {
		bind_null(b);
		bind_null(b);
	}
}

static int
bind_verdict(struct store *st, struct bind *b, const struct verify_share *s)
{
	bind_int(b, s->firm);
	bind_int(b, s->is_block);
	bind_int(b, is_seen(s));
	bind_int(b, s->formulas);
	bind_int(b, s->passed);
	bind_int(b, (int64_t)s->late);
	bind_int(b, (int64_t)s->job_age);
	if (names_bind(st, b,
		verify_verdict_name((enum verify_verdict)s->verdict)) == -1)
		return -1;
	if (s->hashed && s->has_bits)
		return names_bind(st, b,
		    work_formula_name((enum work_formula)s->formula));
	bind_null(b);
	return 0;
}

/* Cause and answer; a NULL answer is none yet. */
static int
bind_answer(struct store *st, struct bind *b, uint8_t cause,
    const struct store_answer *a)
{
	if (names_bind(st, b, verify_cause_name((enum verify_cause)cause)) ==
	    -1)
		return -1;
	if (a == NULL) {
		bind_int(b, ANSWER_NONE);
		for (int i = 0; i < 10; i++)
			bind_null(b);
		return 0;
	}
	bind_int(b, a->said.class);
	bind_int(b, (int64_t)a->answer);
	if (names_bind(st, b,
		verify_agreement_name(
		    (enum verify_agreement)a->judged.agreement)) == -1 ||
	    names_bind(st, b,
		answer_reason_name((enum answer_reason)a->said.reason)) == -1)
		return -1;
	if (a->said.has_code)
		bind_int(b, a->said.code);
	else
		bind_null(b);
	bind_text(b, a->said.text[0] != '\0' ? a->said.text : NULL);
	bind_int(b, a->latency);
	bind_int(b, a->legs.own);
	bind_int(b, a->legs.tcp_miner);
	bind_int(b, a->legs.tcp_pool);
	bind_int(b, a->legs.pool);
	return 0;
}

static int
share_refs(struct store *st, const struct share_row *r, int64_t us,
    int64_t *worker, int64_t *job)
{
	*job = 0;
	if (worker_find(st, r->s.worker, us, worker) == -1 ||
	    (r->has_job &&
		job_find(st, r->key, text_at(st, r->pool), job) == -1))
		return -1;
	return *job != 0 ? job_used(st, *job, r->pos) : 0;
}

static int
share_insert(struct store *st, const struct share_row *r, int64_t worker,
    int64_t job, double required)
{
	const struct verify_share *s = &r->s;
	const struct store_answer *a = r->answered ? &r->a : NULL;
	struct bind b;

	sql_start(st, SQL_SHARE_ADD, &b);
	bind_int(&b, (int64_t)r->pos);
	bind_int(&b, (int64_t)r->sid);
	bind_int(&b, worker);
	if (job != 0)
		bind_int(&b, job);
	else
		bind_null(&b);
	bind_text(&b, s->job_id);
	bind_int(&b, (int64_t)s->ts);
	bind_header(&b, s);
	bind_double(&b, s->reached);
	bind_double(&b, required);
	bind_double(&b, s->job_difficulty);
	bind_double(&b, s->present);
	bind_double(&b, s->previous);
	bind_int(&b, s->mask);
	if (bind_verdict(st, &b, s) == -1 ||
	    bind_answer(st, &b, a != NULL ? a->judged.cause : s->cause, a) ==
		-1)
		return -1;
	if (s->hashed)
		bind_blob(&b, s->en1.b, s->en1.len);
	else
		bind_null(&b);
	return sql_run(st, SQL_SHARE_ADD, &b);
}

/* Those that somebody will want to look at when their messages are gone. */
static int
keep_if_odd(struct store *st, uint64_t pos, const struct store_answer *a)
{
	bool disputed = roll_is_dispute(a->judged.agreement);

	if ((!disputed && a->said.class != ANSWER_REJECTED) ||
	    st->nkept >= KEPT_AT_ONCE)
		return 0;
	if (grow(&st->kept, &st->kept_cap, st->nkept, sizeof(*st->kept)) == -1)
		return store_fail_memory(st);
	st->kept[st->nkept].pos = pos;
	st->kept[st->nkept++].kind = disputed ? KEPT_DISPUTED : KEPT_REJECTED;
	return 0;
}

static int
write_share(struct store *st, const struct share_row *r)
{
	struct verify_brief brief;
	int64_t worker, job, us = store_real_us(st, r->s.ts);

	verify_brief(&r->s, &brief);
	if (share_refs(st, r, us, &worker, &job) == -1 ||
	    share_insert(st, r, worker, job, brief.required) == -1 ||
	    worker_share(st, worker, r, us) == -1 ||
	    rolls_share(st, r, &brief) == -1)
		return -1;
	if (!r->answered)
		return 0;
	if (keep_if_odd(st, r->pos, &r->a) == -1)
		return -1;
	return worker_answer(st, worker, &r->a, brief.required) == -1 ?
	    -1 :
	    rolls_answer(st, &r->a);
}

static int
write_answer(struct store *st, const struct share_change *c)
{
	int64_t worker = 0;
	double required = 0;
	struct bind b;
	int r;

	if (rolls_answer(st, &c->a) == -1 ||
	    keep_if_odd(st, c->pos, &c->a) == -1)
		return -1;
	sql_start(st, SQL_SHARE_ANSWERED, &b);
	if (bind_answer(st, &b, c->a.judged.cause, &c->a) == -1)
		return -1;
	bind_int(&b, (int64_t)c->pos);
	r = sql_step(st, SQL_SHARE_ANSWERED, &b);
	if (r == 1) {
		worker = sqlite3_column_int64(b.q, 0);
		required = sqlite3_column_double(b.q, 1);
	}
	sql_reset(st, SQL_SHARE_ANSWERED);
	if (r != 1)
		return r; /* it is gone already, or failed */
	return worker_answer(st, worker, &c->a, required);
}

int
shares_write(struct store *st)
{
	const struct batch *t = &st->batch;
	size_t i;

	map_clear(&st->jobs_used);
	map_clear(&st->workers_used);
	st->nkept = 0;
	for (i = 0; i < t->njobs; i++)
		if (write_job(st, &t->jobs[i]) == -1)
			return -1;
	for (i = 0; i < t->nshares; i++)
		if (write_share(st, &t->shares[i]) == -1)
			return -1;
	for (i = 0; i < t->nanswers; i++)
		if (write_answer(st, &t->answers[i]) == -1)
			return -1;
	if (jobs_save(st) == -1 || fanouts_save(st) == -1)
		return -1;
	return workers_save(st);
}

/* --- deleting --- */

int
shares_delete(struct store *st, uint64_t from, uint64_t upto)
{
	struct bind b;

	sql_start(st, SQL_DELETE_SHARES, &b);
	bind_int(&b, (int64_t)from);
	bind_int(&b, (int64_t)upto);
	return sql_run(st, SQL_DELETE_SHARES, &b);
}

int
shares_delete_session(struct store *st, uint64_t sid, uint64_t floor,
    uint64_t limit)
{
	struct bind b;

	sql_start(st, SQL_DELETE_SHARES_SESSION, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, (int64_t)floor);
	bind_int(&b, (int64_t)limit);
	return sql_run(st, SQL_DELETE_SHARES_SESSION, &b);
}

/* One that a live session may still get shares for is as if just used. */
static int
job_drop(struct store *st, int64_t id, const uint8_t *key)
{
	static const enum sql remove[] = { SQL_FANOUT_REMOVE, SQL_JOB_REMOVE };
	bool held = st->job_held != NULL && st->job_held(st->job_held_arg, key);
	struct bind b;
	int r = 0;

	if (!held) {
		sql_start(st, SQL_KEPT_SHARE_JOB, &b);
		bind_int(&b, id);
		r = sql_step(st, SQL_KEPT_SHARE_JOB, &b);
		sql_reset(st, SQL_KEPT_SHARE_JOB);
	}
	if (r == -1)
		return -1;
	if (held || r == 1)
		return job_used(st, id, st->head.last);
	for (size_t i = 0; i < 2 && r == 0; i++) {
		sql_start(st, remove[i], &b);
		bind_int(&b, id);
		r = sql_run(st, remove[i], &b);
	}
	return r;
}

#define DROP_MAX 64u

static int
jobs_delete(struct store *st)
{
	uint8_t key[DROP_MAX][SHA256_LEN];
	int64_t id[DROP_MAX];
	struct bind b;
	struct col c;
	unsigned n = 0, i;
	int r;

	sql_start(st, SQL_JOBS_OLD, &b);
	bind_int(&b, (int64_t)st->head.floor);
	bind_int(&b, DROP_MAX);
	while ((r = sql_step(st, SQL_JOBS_OLD, &b)) == 1 && n < DROP_MAX) {
		col_init(&c, b.q, 0);
		id[n] = col_int(&c);
		col_fixed(&c, key[n++], SHA256_LEN);
	}
	sql_reset(st, SQL_JOBS_OLD);
	if (r == -1)
		return -1;
	for (i = 0; i < n; i++)
		if (job_drop(st, id[i], key[i]) == -1)
			return -1;
	if (n > 0)
		map_clear(&st->jobs_known);
	return jobs_save(st);
}

int
shares_delete_unused(struct store *st, uint64_t limit)
{
	struct bind b;

	if (jobs_delete(st) == -1)
		return -1;
	sql_start(st, SQL_DELETE_WORKERS, &b);
	bind_int(&b, (int64_t)st->head.floor);
	bind_int(&b, (int64_t)limit);
	if (sql_run(st, SQL_DELETE_WORKERS, &b) == -1)
		return -1;
	if (sqlite3_changes(st->db) > 0)
		map_clear(&st->workers_known);
	return 0;
}
