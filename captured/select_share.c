/*
 * Shares: the filters, the row, and what of it stands elsewhere in the store
 * (names, the times of submit and answer, what was sent when no header could
 * be made of it).
 */
#include <stdio.h>
#include <string.h>

#include "captured/select_int.h"
#include "common/hex.h"

/* The first columns of SHARE_COLS in reader.c; the rest is read in order. */
enum {
	S_POS,
	S_SESSION,
	S_WORKER,
	S_VERDICT,
	S_CAUSE,
	S_AGREEMENT,
	S_SAID,
	S_TS,
	S_FORMULA,
	S_REASON,
	S_REST
};

/* What a store of another build has a name for that is not known here. */
static uint8_t
known(int found, unsigned otherwise)
{
	return (uint8_t)(found == -1 ? (int)otherwise : found);
}

/* --- the filters --- */

static bool
wanted_verdict(const struct query *q, struct reader *rd, sqlite3_stmt *row)
{
	int v;

	if (q->said != 0 &&
	    (1u << (sqlite3_column_int(row, S_SAID) & 7) & q->said) == 0)
		return false;
	if (q->verdicts != 0) {
		v = known(verify_verdict_find(reader_name(rd, row, S_VERDICT)),
		    VERDICT_UNDECIDED);
		if ((1u << v & q->verdicts) == 0)
			return false;
	}
	if ((q->flags & QF_DISPUTED) == 0)
		return true;
	v = verify_agreement_find(reader_name(rd, row, S_AGREEMENT));
	return v == AGREE_POOL_ACCEPTS_INVALID || v == AGREE_POOL_REJECTS_VALID;
}

/* 1 its session's shares are published, 0 not, -1 error. */
static int
is_published(struct reader *rd, uint64_t sid)
{
	struct bind b;
	int r, on = 0;

	rd_start(rd, RD_SHARE_SESSION, &b);
	bind_int(&b, (int64_t)sid);
	r = rd_step(rd, RD_SHARE_SESSION, &b);
	if (r == 1)
		on = sqlite3_column_int(b.q, 1) != 0;
	rd_reset(rd, RD_SHARE_SESSION);
	return r == -1 ? -1 : on;
}

/* The messages around it are there, or it is kept apart: 1, 0, -1. */
static int
share_visible(struct reader *rd, uint64_t pos, uint64_t sid)
{
	int r = reader_visible(rd, pos, sid);
	int64_t us;
	struct bind b;

	if (r != 0)
		return r;
	rd_start(rd, RD_KEPT_SHARE, &b);
	bind_int(&b, (int64_t)pos);
	return rd_value(rd, RD_KEPT_SHARE, &b, &us);
}

/* 1 wanted, 0 not, -1 error. */
static int
wanted(struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	const struct query *q = &sel->q;
	uint64_t sid = (uint64_t)sqlite3_column_int64(row, S_SESSION);
	int r;

	if (((q->flags & QF_SESSION) != 0 && sid != sel->sid) ||
	    (q->worker[0] != '\0' &&
		sqlite3_column_int64(row, S_WORKER) != sel->worker) ||
	    !wanted_verdict(q, rd, row) ||
	    !select_in_time(sel, rd, sel->at, sqlite3_column_int64(row, S_TS)))
		return 0;
	if ((q->flags & QF_BROADCAST) != 0 && (r = is_published(rd, sid)) != 1)
		return r;
	return share_visible(rd, sel->at, sid);
}

/* --- the row --- */

static void
set_flag(struct share_rec *s, uint32_t flag, bool on)
{
	if (on)
		s->flags |= flag;
}

static void
get_bytes(struct col *c, struct work_bytes *w)
{
	size_t len;
	const void *p = col_blob(c, &len);

	w->len = (uint8_t)(len < sizeof(w->b) ? len : sizeof(w->b));
	memcpy(w->b, p, w->len);
}

static bool
is_null(const struct col *c)
{
	return sqlite3_column_type(c->q, c->n) == SQLITE_NULL;
}

/* ns in the store. */
static int64_t
col_us(struct col *c)
{
	bool none = is_null(c);
	int64_t ns = col_int(c);

	return none ? -1 : ns / 1000;
}

/* No round trip takes no time: it was not known. */
static int64_t
zero_unknown(int64_t us)
{
	return us == 0 ? -1 : us;
}

static void
fill_header(struct share_rec *s, struct col *c)
{
	get_bytes(c, &s->en1);
	get_bytes(c, &s->en2);
	s->ntime = (uint32_t)col_int(c);
	s->nonce = (uint32_t)col_int(c);
	set_flag(s, SF_BITS, !is_null(c));
	s->bits = (uint32_t)col_int(c);
	s->version = (uint32_t)col_int(c);
	set_flag(s, SF_HASHED, !is_null(c));
	col_fixed(c, s->hash, sizeof(s->hash));
	if (s->flags & SF_HASHED)
		s->flags |= SF_NTIME | SF_NONCE;
}

static void
fill_rest(struct share_rec *s, sqlite3_stmt *row)
{
	struct col c;

	col_init(&c, row, S_REST);
	s->job = (uint64_t)col_int(&c);
	col_text(&c, s->job_id, sizeof(s->job_id));
	fill_header(s, &c);
	s->reached = col_double(&c);
	s->required = col_double(&c);
	s->job_difficulty = col_double(&c);
	s->present = col_double(&c);
	s->previous = col_double(&c);
	s->mask = (uint32_t)col_int(&c);
	set_flag(s, SF_FIRM, col_int(&c) != 0);
	set_flag(s, SF_BLOCK, col_int(&c) != 0);
	s->formulas = (uint8_t)(col_int(&c) & ((1 << WORK_FORMULAS) - 1));
	s->passed = (uint8_t)(col_int(&c) & 7);
	s->late_us = col_us(&c);
	s->job_age_us = col_us(&c);
	s->answer = (uint64_t)col_int(&c);
	set_flag(s, SF_CODE, !is_null(&c));
	s->code = col_int(&c);
	col_text(&c, s->error, sizeof(s->error));
	s->latency_us = col_us(&c);
	s->own_us = col_us(&c);
	s->tcp_miner_us = zero_unknown(col_us(&c));
	s->tcp_pool_us = zero_unknown(col_us(&c));
	s->pool_us = col_us(&c);
}

static void
fill_verdict(struct share_rec *s, struct reader *rd, sqlite3_stmt *row)
{
	const char *formula = reader_name(rd, row, S_FORMULA);
	int said = sqlite3_column_int(row, S_SAID);

	s->verdict = known(verify_verdict_find(reader_name(rd, row, S_VERDICT)),
	    VERDICT_UNDECIDED);
	s->cause = known(verify_cause_find(reader_name(rd, row, S_CAUSE)),
	    CAUSE_NONE);
	s->agreement = known(verify_agreement_find(
				 reader_name(rd, row, S_AGREEMENT)),
	    AGREE_UNANSWERED);
	s->reason = known(answer_reason_find(reader_name(rd, row, S_REASON)),
	    ANSWER_R_NONE);
	s->formula = known(formula[0] == '\0' ? -1 : work_formula_find(formula),
	    WORK_FORMULAS);
	s->said = (uint8_t)(said >= 0 && said <= ANSWER_ODD ? said :
							      ANSWER_NONE);
}

/* The session and what it says of its shares. */
static int
fill_session(struct share_rec *s, struct reader *rd, int64_t sid)
{
	struct bind b;
	struct col c;
	int r;

	rd_start(rd, RD_SHARE_SESSION, &b);
	bind_int(&b, sid);
	r = rd_step(rd, RD_SHARE_SESSION, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		col_fixed(&c, s->session, sizeof(s->session));
		set_flag(s, SF_BROADCAST, col_int(&c) != 0);
		s->repeat = (uint32_t)col_int(&c);
	}
	rd_reset(rd, RD_SHARE_SESSION);
	return r == -1 ? -1 : 0;
}

static int
fill_worker(struct share_rec *s, struct reader *rd, int64_t worker)
{
	struct bind b;
	struct col c;
	int r;

	rd_start(rd, RD_WORKER_NAME, &b);
	bind_int(&b, worker);
	r = rd_step(rd, RD_WORKER_NAME, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		col_text(&c, s->worker, sizeof(s->worker));
	}
	rd_reset(rd, RD_WORKER_NAME);
	return r == -1 ? -1 : 0;
}

/* --- what was sent, where no header came of it --- */

static bool
sent_u32(const struct jtree *t, uint32_t params, unsigned i, uint32_t *out)
{
	size_t len;
	const char *hex = jtree_plain(t, jtree_item(t, params, i), &len);

	return hex != NULL && hex_u32(hex, len, out) == 0;
}

static void
take_sent(struct share_rec *s, const struct jtree *t)
{
	uint32_t params = jtree_member(t, jtree_root(t), "params");
	size_t len;
	const char *hex = jtree_plain(t, jtree_item(t, params, 2), &len);

	set_flag(s, SF_NTIME, sent_u32(t, params, 3, &s->ntime));
	set_flag(s, SF_NONCE, sent_u32(t, params, 4, &s->nonce));
	set_flag(s, SF_BITS, sent_u32(t, params, 5, &s->bits));
	if (s->en2.len == 0 && hex != NULL && len <= 2 * sizeof(s->en2.b) &&
	    hex_bytes(hex, len, s->en2.b) == 0)
		s->en2.len = (uint8_t)(len / 2);
}

/* The submit: when it was sent on, -1 if that is not known. */
static int
fill_sent(struct share_rec *s, struct reader *rd, int64_t *fwd)
{
	struct jtree *t = reader_tree(rd);
	const uint8_t *raw;
	struct bind b;
	uint32_t len;
	int r;

	*fwd = -1;
	rd_start(rd, RD_SENT, &b);
	bind_int(&b, (int64_t)s->pos);
	r = rd_step(rd, RD_SENT, &b);
	if (r == 1 && sqlite3_column_type(b.q, 0) != SQLITE_NULL)
		*fwd = sqlite3_column_int64(b.q, 0);
	if (r == 1 && (s->flags & SF_HASHED) == 0 && t != NULL) {
		r = reader_raw(rd, b.q, 1, RD_BODY_SENT, &raw, &len);
		if (r == 0 && jtree_parse(t, raw, len) == 0)
			take_sent(s, t);
		rd_reset(rd, RD_BODY_SENT);
	}
	rd_reset(rd, RD_SENT);
	return r == -1 ? -1 : 0;
}

/* Its session, its worker and the clock of its time may be gone. */
static int
fill_kept(struct share_rec *s, struct reader *rd)
{
	struct bind b;
	struct col c;
	int r;

	rd_start(rd, RD_KEPT_SHARE, &b);
	bind_int(&b, (int64_t)s->pos);
	r = rd_step(rd, RD_KEPT_SHARE, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		s->ts_us = col_int(&c);
		col_fixed(&c, s->session, sizeof(s->session));
		col_text(&c, s->worker, sizeof(s->worker));
	}
	rd_reset(rd, RD_KEPT_SHARE);
	return r == -1 ? -1 : 0;
}

static int
answer_fwd(struct reader *rd, uint64_t answer, int64_t *fwd)
{
	struct bind b;

	*fwd = -1;
	if (answer == 0)
		return 0;
	rd_start(rd, RD_ANSWERED, &b);
	bind_int(&b, (int64_t)answer);
	return rd_value(rd, RD_ANSWERED, &b, fwd) == -1 ? -1 : 0;
}

/*
 * When both messages are there still, they say best how long we had them: the
 * answer may have been sent on after it was counted.  A share from before its
 * legs were kept has what can be told from them.
 */
static int
fill_latency(struct share_rec *s, struct reader *rd)
{
	int64_t there, back;

	if (fill_sent(s, rd, &there) == -1 ||
	    answer_fwd(rd, s->answer, &back) == -1)
		return -1;
	if (there >= 0 && back >= 0)
		s->own_us = (there + back) / 1000;
	if (s->latency_us >= 0 && s->pool_us < 0)
		s->pool_us = s->latency_us - (there > 0 ? there / 1000 : 0);
	if (s->pool_us < -1)
		s->pool_us = 0; /* answered before it was wholly sent on */
	return 0;
}

int
share_fill(struct share_rec *s, struct reader *rd, sqlite3_stmt *row)
{
	memset(s, 0, sizeof(*s));
	s->pos = (uint64_t)sqlite3_column_int64(row, S_POS);
	s->ts_us = reader_real_us(rd, s->pos, sqlite3_column_int64(row, S_TS));
	s->flags = SF_COMMITTED;
	fill_verdict(s, rd, row);
	fill_rest(s, row);
	if (fill_session(s, rd, sqlite3_column_int64(row, S_SESSION)) == -1 ||
	    fill_worker(s, rd, sqlite3_column_int64(row, S_WORKER)) == -1 ||
	    (s->pos < rd->floor && fill_kept(s, rd) == -1))
		return -1;
	return fill_latency(s, rd);
}

/* --- the list, and one --- */

int
share_is(struct reader *rd, uint64_t pos)
{
	struct bind b;
	int64_t one;

	rd_start(rd, RD_SHARE_IS, &b);
	bind_int(&b, (int64_t)pos);
	return rd_value(rd, RD_SHARE_IS, &b, &one);
}

int
share_at(struct reader *rd, uint64_t pos, struct share_rec *s)
{
	struct bind b;
	int r;

	rd_start(rd, RD_SHARES, &b);
	bind_int(&b, (int64_t)pos);
	bind_int(&b, (int64_t)pos);
	r = rd_step(rd, RD_SHARES, &b);
	if (r == 1)
		r = share_visible(rd, pos,
		    (uint64_t)sqlite3_column_int64(b.q, S_SESSION));
	if (r == 1)
		r = share_fill(s, rd, b.q) == -1 ? -1 : 1;
	rd_reset(rd, RD_SHARES);
	return r;
}

static int
emit(struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	struct share_rec s;

	if (sel->skip > 0) {
		sel->skip--;
		return 0;
	}
	if (share_fill(&s, rd, row) == -1)
		return -1;
	return select_took(sel, sel->ops->share(sel->arg, &s));
}

/* Positions that one statement without an index looks at. */
#define WINDOW 16384u

static bool
in_windows(const struct select *sel)
{
	return sel->plan >= RD_SHARES_WORKER && sel->plan <= RD_SHARES_SAID_ASC;
}

/* Of lo…hi what the next statement looks at. */
static void
window(const struct select *sel, const struct reader *rd, uint64_t *lo,
    uint64_t *hi)
{
	bool odd = sel->plan == RD_SHARES_ODD || sel->plan == RD_SHARES_ODD_ASC;

	/* Of those that are odd some are kept for longer. */
	*lo = (odd || sel->lo > rd->floor) ? sel->lo : rd->floor;
	*hi = sel->hi;
	if (!in_windows(sel) || *hi < *lo || *hi - *lo < WINDOW)
		return;
	if (sel->ascending)
		*hi = *lo + WINDOW;
	else
		*lo = *hi - WINDOW;
}

static void
start(const struct select *sel, struct reader *rd, struct bind *b, uint64_t lo,
    uint64_t hi)
{
	rd_start(rd, sel->plan, b);
	bind_int(b, (int64_t)lo);
	bind_int(b, (int64_t)hi);
	if (sel->plan == RD_SHARES_SESSION ||
	    sel->plan == RD_SHARES_SESSION_ASC)
		bind_int(b, (int64_t)sel->sid);
	else if (sel->plan == RD_SHARES_WORKER ||
	    sel->plan == RD_SHARES_WORKER_ASC)
		bind_int(b, sel->worker);
	else if (in_windows(sel))
		bind_int(b,
		    sel->q.said == 1u << ANSWER_NONE ? ANSWER_NONE :
						       ANSWER_ODD);
}

static int
look_at(struct select *sel, struct reader *rd, const struct bind *b,
    int64_t until)
{
	unsigned looked = 0;
	int r, w;

	while ((r = rd_step(rd, sel->plan, b)) == 1) {
		select_looked(sel, (uint64_t)sqlite3_column_int64(b->q, S_POS));
		w = wanted(sel, rd, b->q);
		if (w == 1)
			w = emit(sel, rd, b->q);
		if (w == -1)
			select_look_again(sel);
		if (w != 0)
			return w;
		if (++looked % 64 == 0 && ms_now() >= until)
			return 1;
	}
	return r;
}

int
select_shares(struct select *sel, struct reader *rd, int64_t until)
{
	uint64_t lo, hi;
	struct bind b;
	int r;

	for (;;) {
		window(sel, rd, &lo, &hi);
		if (lo > hi)
			return 0;
		start(sel, rd, &b, lo, hi);
		if ((r = look_at(sel, rd, &b, until)) != 0)
			return r;
		select_looked(sel, sel->ascending ? hi : lo);
		if (!in_windows(sel))
			return 0;
		if (ms_now() >= until)
			return 1;
	}
}

int
select_share(struct select *sel, struct reader *rd)
{
	struct share_rec s;
	int r = share_at(rd, sel->q.pos, &s);

	sel->at = sel->q.pos;
	if (r == 1 && (sel->q.flags & QF_VERIFY) != 0 &&
	    share_explain(rd, &s) == -1)
		r = -1;
	if (r == 1)
		(void)select_took(sel, sel->ops->share(sel->arg, &s));
	sel->done = r != -1;
	if (r == 0) {
		sel->status = 1;
		sel->why = "no such share";
	}
	return r == -1 ? -1 : 0;
}
