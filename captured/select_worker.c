/*
 * Workers: their counts, and which live sessions named them last.
 */
#include <string.h>

#include "captured/select_int.h"

static uint64_t
name_hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	return h != 0 ? h : 1;
}

/* All of them at once: fewer than ten thousand short rows. */
static int
count_live(struct select *sel, struct reader *rd)
{
	struct worker_live *l;
	char name[129];
	struct bind b;
	struct col c;
	int r;

	map_clear(&sel->live);
	rd_start(rd, RD_WORKERS_LIVE, &b);
	while ((r = rd_step(rd, RD_WORKERS_LIVE, &b)) == 1) {
		col_init(&c, b.q, 0);
		col_text(&c, name, sizeof(name));
		if (name[0] == '\0' ||
		    (l = map_put(&sel->live, name_hash(name))) == NULL)
			continue;
		l->n++;
		if (l->named < WORKER_SESSIONS)
			col_fixed(&c, l->session[l->named++], 16);
	}
	sel->counted = r == 0;
	return r;
}

static uint64_t
read_row(const struct select *sel, sqlite3_stmt *q, struct worker_rec *w)
{
	const struct worker_live *l;
	struct col c;

	memset(w, 0, sizeof(*w));
	col_init(&c, q, 0);
	w->id = (uint64_t)col_int(&c);
	col_text(&c, w->name, sizeof(w->name));
	w->last = (uint64_t)col_int(&c);
	w->first_seen_us = col_int(&c);
	w->last_share_us = col_int(&c);
	w->shares = (uint64_t)col_int(&c);
	w->valid = (uint64_t)col_int(&c);
	w->stale = (uint64_t)col_int(&c);
	w->duplicate = (uint64_t)col_int(&c);
	w->low = (uint64_t)col_int(&c);
	w->blocks = (uint64_t)col_int(&c);
	w->accepted = (uint64_t)col_int(&c);
	w->rejected = (uint64_t)col_int(&c);
	w->disputed = (uint64_t)col_int(&c);
	w->accepted_difficulty = col_double(&c);
	w->best = col_double(&c);
	l = map_get(&sel->live, name_hash(w->name));
	if (l != NULL) {
		w->live = l->n;
		w->sessions = l->named;
		memcpy(w->session, l->session, sizeof(w->session));
	}
	return w->id;
}

static int
give(struct select *sel, struct reader *rd, struct worker_rec *w)
{
	if (roll_rates_of(rd, ROLL_WORKER, w->name, w->hashrate) == -1)
		return -1;
	return select_took(sel, sel->ops->worker(sel->arg, w));
}

static bool
wanted(const struct query *q, const struct worker_rec *w)
{
	if (q->worker[0] != '\0' && strcmp(w->name, q->worker) != 0)
		return false;
	if (q->since_us != 0 && w->last_share_us < q->since_us)
		return false;
	if (q->until_us != 0 && w->first_seen_us > q->until_us)
		return false;
	if ((q->flags & QF_LIVE) != 0 && w->live == 0)
		return false;
	return q->text[0] == '\0' ||
	    text_within(w->name, strlen(w->name), q->text);
}

/* One that is named is looked for by its name. */
static void
start(const struct select *sel, struct reader *rd, enum rd n, struct bind *b)
{
	rd_start(rd, n, b);
	if (n == RD_WORKER) {
		bind_text(b, sel->q.worker);
		return;
	}
	bind_int(b, (int64_t)sel->lo);
	bind_int(b, (int64_t)sel->hi);
}

int
select_workers(struct select *sel, struct reader *rd, int64_t until)
{
	enum rd n = sel->q.worker[0] != '\0' ? RD_WORKER : RD_WORKERS;
	struct worker_rec w;
	unsigned looked = 0;
	struct bind b;
	int rc;

	if (!sel->counted && count_live(sel, rd) == -1)
		return -1;
	start(sel, rd, n, &b);
	while ((rc = rd_step(rd, n, &b)) == 1) {
		sel->at = read_row(sel, b.q, &w);
		sel->hi = sel->at - 1;
		if (wanted(&sel->q, &w)) {
			if (sel->skip > 0)
				sel->skip--;
			else if ((rc = give(sel, rd, &w)) != 0)
				return rc;
		}
		if (++looked % 16 == 0 && ms_now() >= until)
			return 1;
	}
	return rc;
}
