/*
 * The way in: which index, which positions.
 */
#include "captured/select_int.h"

/* The time of a first share and that of its commit may differ a little. */
#define FIRST_SEEN_MARGIN_US INT64_C(60000000)

/* Nothing from then on lies below. */
static int
since_bound(struct select *sel, struct reader *rd, int64_t us)
{
	int64_t since = INT64_MAX;
	struct bind b;

	rd_start(rd, RD_SINCE, &b);
	bind_int(&b, us);
	if (rd_value(rd, RD_SINCE, &b, &since) == -1)
		return -1;
	if ((uint64_t)since > sel->lo)
		sel->lo = (uint64_t)since;
	return 0;
}

static int
time_bounds(struct select *sel, struct reader *rd)
{
	int64_t until = 0, late = 0;
	struct bind b;

	if (sel->q.since_us != 0 && since_bound(sel, rd, sel->q.since_us) == -1)
		return -1;
	if (sel->q.until_us == 0)
		return 0;
	rd_start(rd, RD_UNTIL, &b);
	bind_int(&b, sel->q.until_us);
	if (rd_value(rd, RD_UNTIL, &b, &until) == -1)
		return -1;
	/* Commits that hold something older than what came before them are
	 * few, and looked up apart. */
	rd_start(rd, RD_UNTIL_LATE, &b);
	bind_int(&b, sel->q.until_us);
	if (rd_value(rd, RD_UNTIL_LATE, &b, &late) == -1)
		return -1;
	if (late > until)
		until = late;
	if ((uint64_t)until < sel->hi)
		sel->hi = (uint64_t)until;
	return 0;
}

static int
find_sid(struct select *sel, struct reader *rd)
{
	struct bind b;
	int64_t sid = 0;

	rd_start(rd, RD_SID, &b);
	bind_blob(&b, sel->q.session, sizeof(sel->q.session));
	if (rd_value(rd, RD_SID, &b, &sid) == -1)
		return -1;
	sel->sid = (uint64_t)sid;
	return 0;
}

static int
find_method(struct select *sel, struct reader *rd)
{
	struct bind b;

	rd_start(rd, RD_NAME_ID, &b);
	bind_text(&b, sel->q.method);
	return rd_value(rd, RD_NAME_ID, &b, &sel->method) == -1 ? -1 : 0;
}

/*
 * The worker's number, 0 for none; its shares lie between its first and its
 * last, wherever the clock was set meanwhile.
 */
static int
find_worker(struct select *sel, struct reader *rd)
{
	char name[sizeof(sel->q.worker)];
	int64_t first;
	uint64_t last;
	struct bind b;
	struct col c;
	int r;

	rd_start(rd, RD_WORKER, &b);
	bind_text(&b, sel->q.worker);
	r = rd_step(rd, RD_WORKER, &b);
	if (r != 1)
		return r;
	col_init(&c, b.q, 0);
	sel->worker = col_int(&c);
	col_text(&c, name, sizeof(name));
	last = (uint64_t)col_int(&c);
	first = col_int(&c);
	rd_reset(rd, RD_WORKER);
	if (last < sel->hi)
		sel->hi = last;
	return since_bound(sel, rd, first - FIRST_SEEN_MARGIN_US);
}

/* The index that leaves least to look at: errors are few, a session is
 * seldom longer than what a method has in all sessions. */
static enum rd
choose(const struct query *q)
{
	if ((q->flags & SELECT_ERRORS) != 0)
		return RD_BY_ERRORS;
	if ((q->flags & QF_SESSION) != 0)
		return RD_BY_SESSION;
	if (q->method[0] != '\0')
		return RD_BY_METHOD;
	return RD_MESSAGES;
}

/*
 * What is not a valid share that was accepted has an index of its own; those
 * of a session are found by its messages.  A worker's have none, which would be
 * dear: they are looked for in the time in which it mined, window by window;
 * and so are those that were never answered.
 */
static enum rd
choose_shares(const struct query *q)
{
	const unsigned plain = 1u << VERDICT_VALID;

	if ((q->flags & QF_DISPUTED) != 0 ||
	    (q->verdicts != 0 && (q->verdicts & plain) == 0) ||
	    q->said == 1u << ANSWER_REJECTED)
		return RD_SHARES_ODD;
	if ((q->flags & QF_SESSION) != 0)
		return RD_SHARES_SESSION;
	if (q->worker[0] != '\0')
		return RD_SHARES_WORKER;
	return q->said == 1u << ANSWER_NONE || q->said == 1u << ANSWER_ODD ?
	    RD_SHARES_SAID :
	    RD_SHARES;
}

static int
plan_list(struct select *sel, struct reader *rd)
{
	const struct query *q = &sel->q;

	if (sel->hi > rd->last)
		sel->hi = rd->last;
	if (q->method[0] != '\0' && find_method(sel, rd) == -1)
		return -1;
	if (q->kind == Q_SHARES && q->worker[0] != '\0' &&
	    find_worker(sel, rd) == -1)
		return -1;
	if (time_bounds(sel, rd) == -1)
		return -1;
	if (q->kind == Q_MESSAGES)
		sel->plan = choose(q);
	else if (q->kind == Q_SHARES)
		sel->plan = choose_shares(q);
	else
		sel->plan = (q->flags & QF_SESSION) != 0 ? RD_BY_SESSION :
							   RD_JOBS;
	if (sel->ascending)
		sel->plan = (enum rd)(sel->plan + 1);
	return 0;
}

int
select_plan(struct select *sel, struct reader *rd)
{
	const struct query *q = &sel->q;
	bool list = q->kind == Q_MESSAGES || q->kind == Q_SHARES ||
	    q->kind == Q_JOBS;

	if ((q->kind == Q_SESSION || (q->flags & QF_SESSION) != 0) &&
	    find_sid(sel, rd) == -1)
		return -1;
	sel->lo = q->after + 1;
	sel->hi = INT64_MAX - 1;
	if (q->before != 0 && q->before - 1 < sel->hi)
		sel->hi = q->before - 1;
	if (!list)
		return 0;
	if (plan_list(sel, rd) == -1)
		return -1;
	/* No such session, no such worker: nothing of theirs. */
	if (((q->flags & QF_SESSION) != 0 && sel->sid == 0) ||
	    (q->kind == Q_SHARES && q->worker[0] != '\0' && sel->worker == 0))
		sel->done = true;
	return 0;
}

/* --- what the lists share --- */

bool
select_in_time(const struct select *sel, const struct reader *rd, uint64_t pos,
    int64_t mono)
{
	const struct query *q = &sel->q;
	int64_t us;

	if (q->since_us == 0 && q->until_us == 0)
		return true;
	us = reader_real_us(rd, pos, mono);
	return (q->since_us == 0 || us >= q->since_us) &&
	    (q->until_us == 0 || us < q->until_us);
}

void
select_looked(struct select *sel, uint64_t pos)
{
	sel->at = pos;
	if (sel->ascending)
		sel->lo = pos + 1;
	else
		sel->hi = pos - 1;
}

void
select_look_again(struct select *sel)
{
	if (sel->ascending)
		sel->lo = sel->at;
	else
		sel->hi = sel->at;
}
