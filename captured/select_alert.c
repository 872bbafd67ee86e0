/*
 * Alerts, newest first: all, or the active or the ended ones.
 */
#include <string.h>

#include "captured/select_int.h"

/* host:port, or the host alone. */
static bool
is_pool(const char *pool, const char *want)
{
	size_t len = strlen(want);

	return strncmp(pool, want, len) == 0 &&
	    (pool[len] == '\0' || pool[len] == ':');
}

static bool
wanted_text(const struct query *q, const struct alert_rec *a)
{
	return q->text[0] == '\0' ||
	    text_within(a->text, strlen(a->text), q->text) ||
	    text_within(alert_kind_name((enum alert_kind)a->kind),
		strlen(alert_kind_name((enum alert_kind)a->kind)), q->text);
}

/* The times are those between which it was active. */
static bool
wanted(const struct query *q, const struct alert_rec *a)
{
	bool active = a->ended_us == 0;

	if ((q->flags & QF_ENDED) != 0 && (q->flags & QF_LIVE) == 0 && active)
		return false;
	if (q->since_us != 0 && !active && a->ended_us < q->since_us)
		return false;
	if (q->until_us != 0 && a->first_us >= q->until_us)
		return false;
	if ((q->flags & QF_SESSION) != 0 &&
	    (!a->has_session || memcmp(a->session, q->session, 16) != 0))
		return false;
	if (q->worker[0] != '\0' && strcmp(a->worker, q->worker) != 0)
		return false;
	if (q->pool[0] != '\0' && !is_pool(a->pool, q->pool))
		return false;
	return wanted_text(q, a);
}

int
select_alerts(struct select *sel, struct reader *rd, int64_t until)
{
	enum rd n = (sel->q.flags & (QF_LIVE | QF_ENDED)) == QF_LIVE ?
	    RD_ALERTS_ACTIVE :
	    RD_ALERTS;
	struct alert_rec a;
	unsigned looked = 0;
	struct bind b;
	struct col c;
	int rc;

	rd_start(rd, n, &b);
	bind_int(&b, (int64_t)sel->lo);
	bind_int(&b, (int64_t)sel->hi);
	while ((rc = rd_step(rd, n, &b)) == 1) {
		col_init(&c, b.q, 0);
		col_alert(&c, &a);
		sel->at = a.id;
		sel->hi = a.id - 1;
		if (wanted(&sel->q, &a)) {
			if (sel->skip > 0)
				sel->skip--;
			else if (select_took(sel,
				     sel->ops->alert(sel->arg, &a)))
				return 1;
		}
		if (++looked % 16 == 0 && ms_now() >= until)
			return 1;
	}
	return rc;
}
