/*
 * show shares, workers, jobs, alerts: page by page, and one of them.
 */
#include <stdlib.h>

#include "hashscopectl/ctl.h"

#define PAGE 500

/* What becomes of a row; *at is where the next page goes on. */
typedef int row_fn(struct ctl *, struct mcur *, uint64_t *at);

static int
malformed(void)
{
	return ctl_no("malformed answer");
}

static int
on_share(struct ctl *c, struct mcur *cur, uint64_t *at)
{
	struct share_rec s;

	share_get(cur, &s);
	if (msg_end(cur) == -1)
		return malformed();
	c->out.w->share(&c->out, &s);
	*at = s.pos;
	return EXIT_OK;
}

static int
on_worker(struct ctl *c, struct mcur *cur, uint64_t *at)
{
	struct worker_rec w;

	worker_get(cur, &w);
	if (msg_end(cur) == -1)
		return malformed();
	c->out.w->worker(&c->out, &w);
	*at = w.id;
	return EXIT_OK;
}

static int
on_job(struct ctl *c, struct mcur *cur, uint64_t *at)
{
	struct job_rec j;

	job_get(cur, &j);
	if (msg_end(cur) == -1)
		return malformed();
	c->out.w->job(&c->out, &j);
	*at = j.pos;
	return EXIT_OK;
}

static int
on_alert(struct ctl *c, struct mcur *cur, uint64_t *at)
{
	struct alert_rec a;

	alert_get(cur, &a);
	if (msg_end(cur) == -1)
		return malformed();
	c->out.w->alert(&c->out, &a);
	*at = a.id;
	return EXIT_OK;
}

static int
print_rows(struct ctl *c, const struct rows *rows, row_fn *fn, uint64_t *at)
{
	struct mcur cur;
	size_t i;
	int code = EXIT_OK;

	for (i = 0; i < rows->n && code == EXIT_OK; i++) {
		mcur_init(&cur, rows->row[i].data, rows->row[i].len);
		code = fn(c, &cur, at);
	}
	c->out.w->flush(&c->out);
	return code;
}

static int
show_list(struct ctl *c, enum query_kind kind, enum listing listing, row_fn *fn)
{
	struct query q = c->cmd.query;
	uint64_t want = ctl_wanted(c), at = 0, shown = 0;
	struct query_end end;
	struct rows rows;
	int code = EXIT_OK;

	if (c->cmd.session[0] != '\0') {
		if ((code = ctl_find_session(c, q.session)) != EXIT_OK)
			return code;
		q.flags |= QF_SESSION;
	}
	q.kind = (uint8_t)kind;
	c->out.w->begin(&c->out, listing);
	rows_init(&rows);
	do {
		q.limit = (uint32_t)(want < PAGE ? want : PAGE);
		code = ctl_query(c, &q, &rows, &end);
		if (code == EXIT_OK)
			code = print_rows(c, &rows, fn, &at);
		want -= rows.n;
		shown += rows.n;
	} while (
	    code == EXIT_OK && want > 0 && ctl_next_page(&q, &rows, &end, at));
	rows_clear(&rows);
	c->out.w->end(&c->out);
	ctl_tell_limit(c, shown);
	return code;
}

int
show_shares(struct ctl *c)
{
	return show_list(c, Q_SHARES, LIST_SHARES, on_share);
}

int
show_workers(struct ctl *c)
{
	return show_list(c, Q_WORKERS, LIST_WORKERS, on_worker);
}

int
show_jobs(struct ctl *c)
{
	return show_list(c, Q_JOBS, LIST_JOBS, on_job);
}

/* Those that are active, unless somebody asks for others. */
int
show_alerts(struct ctl *c)
{
	if ((c->cmd.query.flags & (QF_LIVE | QF_ENDED)) == 0)
		c->cmd.query.flags |= QF_LIVE;
	return show_list(c, Q_ALERTS, LIST_ALERTS, on_alert);
}

/* For the summary: the newest of the active ones. */
int
ctl_active_alerts(struct ctl *c, struct summary *s)
{
	struct query q = { .kind = Q_ALERTS,
		.flags = QF_LIVE,
		.limit = SUMMARY_ALERTS };
	struct query_end end;
	struct rows rows;
	struct mcur cur;
	int code;

	rows_init(&rows);
	code = ctl_query(c, &q, &rows, &end);
	for (size_t i = 0; code == EXIT_OK && i < rows.n; i++) {
		mcur_init(&cur, rows.row[i].data, rows.row[i].len);
		alert_get(&cur, &s->alert[s->nalerts]);
		s->nalerts += msg_end(&cur) == 0;
	}
	rows_clear(&rows);
	return code;
}

/* --- one --- */

static int
on_one_share(struct ctl *c, struct mcur *cur)
{
	struct share_rec s;

	share_get(cur, &s);
	if (msg_end(cur) == -1)
		return malformed();
	c->out.w->one_share(&c->out, &s);
	return EXIT_OK;
}

static int
on_one_job(struct ctl *c, struct mcur *cur)
{
	struct job_rec j;

	job_get(cur, &j);
	if (msg_end(cur) == -1)
		return malformed();
	c->out.w->one_job(&c->out, &j);
	return EXIT_OK;
}

static int
show_one(struct ctl *c, enum query_kind kind, uint32_t flags,
    int (*fn)(struct ctl *, struct mcur *), const char *none)
{
	struct query q = { .kind = (uint8_t)kind,
		.flags = flags,
		.pos = c->cmd.query.pos,
		.limit = 1 };
	struct query_end end;
	struct rows rows;
	struct mcur cur;
	int code;

	rows_init(&rows);
	code = ctl_query(c, &q, &rows, &end);
	if (code == EXIT_OK && rows.n == 0)
		code = ctl_no(none);
	if (code == EXIT_OK) {
		mcur_init(&cur, rows.row[0].data, rows.row[0].len);
		code = fn(c, &cur);
	}
	rows_clear(&rows);
	return code;
}

int
show_share(struct ctl *c)
{
	return show_one(c, Q_SHARE, QF_VERIFY, on_one_share, "no such share");
}

int
show_job(struct ctl *c)
{
	return show_one(c, Q_JOB, 0, on_one_job, "no such job");
}
