/*
 * Jobs: the list by the notify that was first to give each, or by those of
 * one session, and what is in them.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/select_int.h"
#include "common/fanout.h"

/* The jobs in hand at once are one; the rest is for its size. */
#define WORKS_BYTES (256u << 10)

/* Columns of JOB_COLS in reader.c. */
enum {
	J_JOB,
	J_FIRST,
	J_LAST,
	J_TS,
	J_POOL,
	J_ID,
	J_PARAMS
};
static int
need_room(struct reader *rd)
{
	if (reader_tree(rd) == NULL)
		return -1;
	if (rd->works == NULL)
		rd->works = work_store_new(WORKS_BYTES);
	if (rd->coinbase == NULL)
		rd->coinbase = malloc(sizeof(*rd->coinbase));
	return rd->works == NULL || rd->coinbase == NULL ? -1 : 0;
}

struct work_job *
job_work(struct reader *rd, const uint8_t *params, size_t len)
{
	struct work_job *j = NULL;
	char *text;

	if (need_room(rd) == -1 || (text = malloc(len + 3)) == NULL)
		return NULL;
	text[0] = '[';
	memcpy(text + 1, params, len);
	memcpy(text + 1 + len, "]", 2);
	if (jtree_parse(rd->tree, text, len + 2) == 0)
		j = work_take(rd->works, rd->tree, jtree_root(rd->tree));
	free(text);
	return j;
}

int
job_load(struct reader *rd, uint64_t id, struct work_job **j)
{
	const void *params;
	struct bind b;
	struct col c;
	size_t len;
	int r;

	*j = NULL;
	if (id == 0)
		return 0;
	rd_start(rd, RD_JOB, &b);
	bind_int(&b, (int64_t)id);
	r = rd_step(rd, RD_JOB, &b);
	if (r == 1) {
		col_init(&c, b.q, J_PARAMS);
		params = col_blob(&c, &len);
		*j = job_work(rd, params, len);
	}
	rd_reset(rd, RD_JOB);
	return r == -1 ? -1 : 0;
}

/* --- what is in it --- */

static void
fill_output(struct job_output *to, const struct coinbase_output *from)
{
	to->value = from->value;
	to->type = from->type;
	memcpy(to->address, from->address, sizeof(to->address));
	to->script_len = from->script_len;
	memcpy(to->script, from->script,
	    from->script_len < JOB_SCRIPT ? from->script_len : JOB_SCRIPT);
}

static void
fill_coinbase(struct job_rec *r, const struct work_job *j, struct coinbase *c,
    enum address_net chain)
{
	unsigned i;

	coinbase_parse(c, j->coinb1, j->coinb1_len, j->coinb2, j->coinb2_len,
	    COINBASE_ANY, chain);
	r->coinbase_fault = c->fault;
	r->height = -1;
	if (c->fault == COINBASE_BAD_INPUT || c->fault == COINBASE_TOO_LONG)
		return;
	r->height = c->height;
	memcpy(r->tag, c->tag, sizeof(r->tag));
	if (c->fault != COINBASE_SOUND)
		return;
	r->extranonce_len = (uint8_t)c->extranonce_len;
	r->total = c->total;
	r->outputs = c->outputs;
	r->has_commitment = c->has_commitment;
	memcpy(r->commitment, c->commitment, sizeof(r->commitment));
	r->kept = (uint8_t)c->kept;
	for (i = 0; i < c->kept; i++)
		fill_output(&r->output[i], &c->output[i]);
}

static void
fill_work(struct job_rec *r, const struct work_job *j, struct coinbase *c,
    enum address_net chain)
{
	r->fault = j->fault;
	if (j->fault != WORK_SOUND)
		return;
	r->version = j->version;
	r->nbits = j->nbits;
	r->ntime = j->ntime;
	memcpy(r->prevhash, j->prevhash, sizeof(r->prevhash));
	r->branches = j->branches;
	memcpy(r->branch, j->branch, 32 * (size_t)j->branches);
	fill_coinbase(r, j, c, chain);
}

/* clean_jobs is no part of the job: the notify has it, if that is there. */
static int
fill_clean(struct job_rec *r, struct reader *rd)
{
	const uint8_t *raw;
	struct bind b;
	uint32_t len;
	int w;

	r->clean = -1;
	rd_start(rd, RD_NOTIFY, &b);
	bind_int(&b, (int64_t)r->pos);
	w = rd_step(rd, RD_NOTIFY, &b);
	if (w == 1)
		w = reader_visible(rd, r->pos,
		    (uint64_t)sqlite3_column_int64(b.q, 0));
	if (w == 1 && (w = reader_raw(rd, b.q, 1, RD_BODY, &raw, &len)) == 0 &&
	    jtree_parse(rd->tree, raw, len) == 0)
		r->clean = (int8_t)work_clean(rd->tree,
		    jtree_member(rd->tree, jtree_root(rd->tree), "params"));
	rd_reset(rd, RD_BODY);
	rd_reset(rd, RD_NOTIFY);
	return w == -1 ? -1 : 0;
}

static int
fill_fanout(struct job_rec *r, struct reader *rd)
{
	struct fanout f = { .sessions = 0 };
	const void *p;
	struct bind b;
	struct col c;
	size_t len;
	int w;

	rd_start(rd, RD_FANOUT, &b);
	bind_int(&b, (int64_t)r->id);
	w = rd_step(rd, RD_FANOUT, &b);
	if (w == 1) {
		col_init(&c, b.q, 0);
		p = col_blob(&c, &len);
		(void)fanout_unpack(&f, p, len);
		r->sessions = f.sessions;
		r->spread_p50_us = fanout_part(&f, 0.5);
		r->spread_p99_us = fanout_part(&f, 0.99);
		r->spread_last_us = f.last_us;
	}
	rd_reset(rd, RD_FANOUT);
	return w == -1 ? -1 : 0;
}

/* Gives it out: 1 when the slice ends, 0, -1 error.  pos and ts are those of
 * the notify; with parts the halves of the coinbase go with it. */
static int
emit(struct select *sel, struct reader *rd, sqlite3_stmt *row, uint64_t pos,
    int64_t ts, bool parts)
{
	struct job_rec r = { .pos = pos, .ts_us = reader_real_us(rd, pos, ts) };
	struct work_job *j;
	const void *params;
	size_t len;
	struct col c;
	int done;

	col_init(&c, row, 0);
	r.id = (uint64_t)col_int(&c);
	r.first = (uint64_t)col_int(&c);
	r.last = (uint64_t)col_int(&c);
	(void)col_int(&c);
	col_text(&c, r.pool, sizeof(r.pool));
	col_text(&c, r.job_id, sizeof(r.job_id));
	params = col_blob(&c, &len);
	r.fault = WORK_BAD_PARAMS;
	r.height = -1;
	if ((j = job_work(rd, params, len)) != NULL)
		fill_work(&r, j, rd->coinbase, rd->chain);
	done = rd->tree == NULL ? 0 : fill_clean(&r, rd);
	if (done == 0)
		done = fill_fanout(&r, rd);
	if (j != NULL && j->fault == WORK_SOUND && parts) {
		r.coinb1 = j->coinb1;
		r.coinb1_len = j->coinb1_len;
		r.coinb2 = j->coinb2;
		r.coinb2_len = j->coinb2_len;
	}
	if (done == 0)
		done = select_took(sel, sel->ops->job(sel->arg, &r));
	if (j != NULL)
		work_unref(rd->works, j);
	return done;
}

static bool
wanted_pool(const struct query *q, const char *pool)
{
	size_t len = strlen(q->pool);

	return len == 0 ||
	    (strncmp(pool, q->pool, len) == 0 &&
		(pool[len] == '\0' || pool[len] == ':'));
}

static int
take(struct select *sel, struct reader *rd, sqlite3_stmt *row, uint64_t pos,
    int64_t ts)
{
	char pool[JOB_POOL];
	struct col c;

	col_init(&c, row, J_POOL);
	col_text(&c, pool, sizeof(pool));
	if (!wanted_pool(&sel->q, pool) || !select_in_time(sel, rd, pos, ts))
		return 0;
	if (sel->skip > 0) {
		sel->skip--;
		return 0;
	}
	return emit(sel, rd, row, pos, ts, false);
}

/* --- all --- */

static int
all_jobs(struct select *sel, struct reader *rd, int64_t until)
{
	unsigned looked = 0;
	struct bind b;
	int r, w;

	rd_start(rd, sel->plan, &b);
	bind_int(&b, (int64_t)sel->lo);
	bind_int(&b, (int64_t)sel->hi);
	while ((r = rd_step(rd, sel->plan, &b)) == 1) {
		select_looked(sel,
		    (uint64_t)sqlite3_column_int64(b.q, J_FIRST));
		w = take(sel, rd, b.q, sel->at,
		    sqlite3_column_int64(b.q, J_TS));
		if (w == -1)
			select_look_again(sel);
		if (w != 0)
			return w;
		if (++looked % 16 == 0 && ms_now() >= until)
			return 1;
	}
	return r;
}

/* --- those of a session --- */

static bool
is_notify(struct reader *rd, sqlite3_stmt *row)
{
	return sqlite3_column_int(row, C_DIR) == DIR_POOL_TO_MINER &&
	    strcmp(reader_name(rd, row, C_METHOD), "mining.notify") == 0;
}

/* The key of the job in a notify; 1, 0 it cannot be read, -1. */
static int
notify_key(struct reader *rd, sqlite3_stmt *row, uint8_t key[SHA256_LEN])
{
	struct work_job *j = NULL;
	const uint8_t *raw;
	uint32_t len;
	int r;

	if (need_room(rd) == -1)
		return 0;
	r = reader_raw(rd, row, C_BODY, RD_BODY, &raw, &len);
	if (r == 0 && jtree_parse(rd->tree, raw, len) == 0)
		j = work_take(rd->works, rd->tree,
		    jtree_member(rd->tree, jtree_root(rd->tree), "params"));
	rd_reset(rd, RD_BODY);
	if (j == NULL)
		return r;
	memcpy(key, j->key, SHA256_LEN);
	work_unref(rd->works, j);
	return 1;
}

static int
take_notify(struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	int64_t ts = sqlite3_column_int64(row, C_TS);
	uint8_t key[SHA256_LEN];
	struct bind b;
	int r;

	if (!is_notify(rd, row))
		return 0;
	if ((r = reader_visible(rd, sel->at, sel->sid)) != 1 ||
	    (r = notify_key(rd, row, key)) != 1)
		return r;
	rd_start(rd, RD_JOB_KEY, &b);
	bind_blob(&b, key, sizeof(key));
	bind_int(&b, (int64_t)sel->sid);
	if ((r = rd_step(rd, RD_JOB_KEY, &b)) == 1)
		r = take(sel, rd, b.q, sel->at, ts);
	rd_reset(rd, RD_JOB_KEY);
	return r;
}

static int
session_jobs(struct select *sel, struct reader *rd, int64_t until)
{
	unsigned looked = 0;
	struct bind b;
	int r, w;

	rd_start(rd, sel->plan, &b);
	bind_int(&b, (int64_t)(sel->lo > rd->floor ? sel->lo : rd->floor));
	bind_int(&b, (int64_t)sel->hi);
	bind_int(&b, (int64_t)sel->sid);
	while ((r = rd_step(rd, sel->plan, &b)) == 1) {
		select_looked(sel, (uint64_t)sqlite3_column_int64(b.q, C_POS));
		w = take_notify(sel, rd, b.q);
		if (w == -1)
			select_look_again(sel);
		if (w != 0)
			return w;
		if (++looked % 16 == 0 && ms_now() >= until)
			return 1;
	}
	return r;
}

int
select_jobs(struct select *sel, struct reader *rd, int64_t until)
{
	if (sel->lo > sel->hi)
		return 0;
	return sel->plan == RD_JOBS || sel->plan == RD_JOBS_ASC ?
	    all_jobs(sel, rd, until) :
	    session_jobs(sel, rd, until);
}

int
select_job(struct select *sel, struct reader *rd)
{
	struct bind b;
	int r;

	sel->at = sel->q.pos;
	rd_start(rd, RD_JOB, &b);
	bind_int(&b, (int64_t)sel->q.pos);
	r = rd_step(rd, RD_JOB, &b);
	if (r == 1)
		r = emit(sel, rd, b.q,
		    (uint64_t)sqlite3_column_int64(b.q, J_FIRST),
		    sqlite3_column_int64(b.q, J_TS), true);
	else if (r == 0) {
		sel->status = 1;
		sel->why = "no such job";
	}
	sel->done = r != -1;
	return r == -1 ? -1 : 0;
}
