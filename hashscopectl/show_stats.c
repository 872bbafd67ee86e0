/*
 * show stats: what was done in a time, by whom.  All points are one answer:
 * they are added up anew with each question, so there are no pages.
 */
#include "hashscopectl/ctl.h"

/* More than the query role adds up at once. */
#define POINTS 100000u

int
show_stats(struct ctl *c)
{
	struct query q = c->cmd.query;
	struct query_end end;
	struct stat_rec s;
	struct rows rows;
	struct mcur cur;
	uint64_t want = ctl_wanted(c);
	size_t i;
	int code;

	q.kind = Q_STATS;
	q.limit = want < POINTS ? (uint32_t)want : POINTS;
	q.deadline_ms = 10000;
	rows_init(&rows);
	code = ctl_query(c, &q, &rows, &end);
	c->out.w->begin(&c->out, LIST_STATS);
	for (i = 0; i < rows.n && code == EXIT_OK; i++) {
		mcur_init(&cur, rows.row[i].data, rows.row[i].len);
		stat_get(&cur, &s);
		if (msg_end(&cur) == -1)
			code = ctl_no("malformed answer");
		else
			c->out.w->stat(&c->out, &s);
	}
	c->out.w->end(&c->out);
	ctl_tell_limit(c, rows.n);
	rows_clear(&rows);
	if (code == EXIT_OK && !end.complete)
		code = ctl_no("it took too long: ask for less");
	return code;
}
