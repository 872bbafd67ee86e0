/*
 * Sessions: the list, newest first, and one by its id.
 */
#include <string.h>

#include "captured/select_int.h"

static bool
text_in(const char *s, const char *needle)
{
	return text_within(s, strlen(s), needle);
}

static bool
wanted_text(const struct query *q, const struct session_rec *r)
{
	return q->text[0] == '\0' || text_in(r->peer, q->text) ||
	    text_in(r->via, q->text) || text_in(r->pool_host, q->text) ||
	    text_in(r->pool_peer, q->text) || text_in(r->worker, q->text) ||
	    text_in(r->user_agent, q->text) ||
	    text_in(r->close_reason, q->text);
}

/* The times are those between which it was there. */
static bool
wanted(const struct query *q, const struct session_rec *r)
{
	bool live = r->state == SESSION_LIVE;

	if ((q->flags & QF_LIVE) != 0 && (q->flags & QF_ENDED) == 0 && !live)
		return false;
	if ((q->flags & QF_ENDED) != 0 && (q->flags & QF_LIVE) == 0 && live)
		return false;
	if (q->since_us != 0 && !live && r->last_seen_us < q->since_us &&
	    r->ended_us < q->since_us)
		return false;
	if (q->until_us != 0 && r->first_seen_us > q->until_us)
		return false;
	return wanted_text(q, r);
}

static uint64_t
read_row(const struct reader *rd, sqlite3_stmt *q, struct session_rec *r)
{
	struct col c;
	uint64_t sid;

	col_init(&c, q, 0);
	col_session(&c, r);
	r->now_us = rd->top;
	sid = (uint64_t)col_int(&c);
	r->first_pos = (uint64_t)col_int(&c);
	r->last_pos = (uint64_t)col_int(&c);
	return sid;
}

static void
start(struct reader *rd, enum rd n, struct bind *b, uint64_t lo, uint64_t hi)
{
	rd_start(rd, n, b);
	bind_int(b, (int64_t)rd->floor);
	bind_int(b, (int64_t)lo);
	bind_int(b, (int64_t)hi);
}

int
select_sessions(struct select *sel, struct reader *rd, int64_t until)
{
	enum rd n = (sel->q.flags & (QF_LIVE | QF_ENDED)) == QF_LIVE ?
	    RD_SESSIONS_LIVE :
	    RD_SESSIONS;
	struct session_rec r;
	unsigned looked = 0;
	struct bind b;
	int rc;

	start(rd, n, &b, sel->lo, sel->hi);
	while ((rc = rd_step(rd, n, &b)) == 1) {
		sel->at = read_row(rd, b.q, &r);
		sel->hi = sel->at - 1;
		if (wanted(&sel->q, &r)) {
			if (sel->skip > 0)
				sel->skip--;
			else if (select_took(sel,
				     sel->ops->session(sel->arg, &r)))
				return 1;
		}
		if (++looked % 16 == 0 && ms_now() >= until)
			return 1;
	}
	return rc;
}

int
select_session(struct select *sel, struct reader *rd)
{
	struct session_rec r;
	struct bind b;
	int rc = 0;

	sel->done = true;
	if (sel->sid != 0) {
		start(rd, RD_SESSIONS, &b, sel->sid, sel->sid);
		rc = rd_step(rd, RD_SESSIONS, &b);
	}
	if (rc == 1) {
		(void)read_row(rd, b.q, &r);
		(void)select_took(sel, sel->ops->session(sel->arg, &r));
		return 0;
	}
	sel->done = rc == 0;
	sel->status = 1;
	sel->why = "no such session";
	return rc;
}
