/*
 * A query as it goes on from slice to slice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/select_int.h"
#include "common/clock.h"

int64_t
ms_now(void)
{
	return clock_mono_ms();
}

static bool
is_list(unsigned kind)
{
	return kind == Q_SESSIONS || kind == Q_MESSAGES || kind == Q_SHARES ||
	    kind == Q_WORKERS || kind == Q_JOBS || kind == Q_STATS ||
	    kind == Q_ALERTS;
}

struct select *
select_new(const struct query *q, unsigned deadline_ms,
    const struct select_ops *ops, void *arg)
{
	struct select *sel = calloc(1, sizeof(*sel));

	if (sel == NULL)
		return NULL;
	sel->q = *q;
	text_fold(sel->q.text);
	sel->ops = ops;
	sel->arg = arg;
	sel->left = 1;
	map_init(&sel->live, sizeof(struct worker_live));
	if (is_list(q->kind)) {
		sel->skip = q->offset;
		sel->left = q->limit;
	}
	sel->ascending = is_list(q->kind) && q->kind != Q_SESSIONS &&
	    q->kind != Q_WORKERS && q->kind != Q_STATS && q->kind != Q_ALERTS &&
	    (q->after != 0 || (q->flags & QF_ASCENDING) != 0);
	if (deadline_ms > 0)
		sel->deadline = ms_now() + deadline_ms;
	return sel;
}

void
select_free(struct select *sel)
{
	if (sel != NULL)
		map_free(&sel->live);
	if (sel != NULL)
		stats_free(sel->stats);
	free(sel);
}

void
select_postpone(struct select *sel, unsigned ms)
{
	if (sel->deadline != 0)
		sel->deadline += ms;
}

bool
select_late(const struct select *sel)
{
	return sel->deadline != 0 && ms_now() >= sel->deadline;
}

uint64_t
select_rows(const struct select *sel)
{
	return sel->rows;
}

const char *
select_error(const struct select *sel)
{
	return sel->err;
}

int
select_took(struct select *sel, int result)
{
	sel->rows++;
	sel->left--;
	if (result == -1 || sel->left == 0)
		sel->done = true;
	return result != 0 || sel->left == 0;
}

static int
run(struct select *sel, struct reader *rd, int64_t until)
{
	if (!sel->begun && select_plan(sel, rd) == -1)
		return -1;
	sel->begun = true;
	if (sel->done || sel->left == 0)
		return 0;
	switch (sel->q.kind) {
	case Q_SESSIONS:
		return select_sessions(sel, rd, until);
	case Q_SESSION:
		return select_session(sel, rd);
	case Q_MESSAGES:
		return select_messages(sel, rd, until);
	case Q_SHARES:
		return select_shares(sel, rd, until);
	case Q_SHARE:
		return select_share(sel, rd);
	case Q_WORKERS:
		return select_workers(sel, rd, until);
	case Q_ALERTS:
		return select_alerts(sel, rd, until);
	case Q_JOBS:
		return select_jobs(sel, rd, until);
	case Q_JOB:
		return select_job(sel, rd);
	case Q_STATS:
		return select_stats(sel, rd, until);
	default:
		return select_message(sel, rd);
	}
}

/* Errors that pass: the writer is at it, or somebody replaces the file. */
static bool
passing(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_READONLY:
	case SQLITE_INTERRUPT:
	case SQLITE_SCHEMA:
		return true;
	default:
		return false;
	}
}

static enum select_result
failed(struct select *sel, const struct reader *rd)
{
	snprintf(sel->err, sizeof(sel->err), "%s (%d)", sqlite3_errstr(rd->rc),
	    rd->rc);
	return passing(rd->rc) ? SELECT_AGAIN : SELECT_FAILED;
}

enum select_result
select_step(struct select *sel, struct reader *rd, unsigned ms)
{
	int64_t until;
	int r;

	if (sel->done)
		return SELECT_DONE;
	if (reader_begin(rd) == -1)
		return failed(sel, rd);
	until = ms_now() + ms;
	if (sel->deadline != 0 && until > sel->deadline)
		until = sel->deadline;
	r = run(sel, rd, until);
	reader_end(rd);
	if (r == -1)
		return failed(sel, rd);
	if (r == 0)
		sel->done = true;
	if (sel->done)
		return SELECT_DONE;
	if (select_late(sel)) {
		sel->stopped = true;
		sel->done = true;
		return SELECT_DONE;
	}
	return SELECT_MORE;
}

/* Where to go on: behind the last that was looked at. */
static uint64_t
stopped_at(const struct select *sel)
{
	if (sel->at != 0)
		return sel->at;
	if (sel->ascending)
		return sel->q.after;
	return sel->begun ? sel->hi + 1 : sel->q.before;
}

void
select_end(const struct select *sel, struct query_end *end)
{
	memset(end, 0, sizeof(*end));
	end->status = sel->status;
	end->rows = sel->rows;
	end->complete = sel->done && !sel->stopped;
	if (!end->complete)
		end->stopped_at = stopped_at(sel);
	if (sel->why != NULL)
		snprintf(end->text, sizeof(end->text), "%s", sel->why);
}
