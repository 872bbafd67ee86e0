/*
 * Statistics out of the roll-ups.
 *
 * Of an hour that lies wholly in a point the row of the hour is read, of any
 * other its minutes; of hours whose minutes are gone, the hour.  All rows are
 * added up first, in slices, then points are given out: by time, and then by
 * what they earned.  Where hours end and minutes begin is settled in the
 * first slice; a minute that is folded meanwhile is not counted twice.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/select_int.h"
#include "captured/store_roll.h"

#define MINUTE_US  INT64_C(60000000)
#define POINTS_MAX 10000

struct point {
	uint64_t start; /* minute */
	uint64_t key;
	struct roll r;
};
struct point_ref {
	uint64_t key; /* start and key */
	size_t index;
};

struct stats_run {
	struct roll_times t;
	unsigned by;
	uint64_t lo, hi; /* keys that are looked at */
	uint64_t step;   /* minutes; 0: one point for all */
	uint64_t from, to, at;
	int64_t since_us, until_us;
	bool added; /* all is added up; next is to be given out */
	size_t next;
	struct map refs;
	struct point *point;
	size_t n, cap;
};

void
stats_free(struct stats_run *s)
{
	if (s == NULL)
		return;
	map_free(&s->refs);
	free(s->point);
	free(s);
}

/* --- what there is --- */

int
roll_times(struct reader *rd, struct roll_times *t)
{
	struct bind b;
	struct col c;
	int r;

	memset(t, 0, sizeof(*t));
	rd_start(rd, RD_ROLL_HEAD, &b);
	r = rd_step(rd, RD_ROLL_HEAD, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		t->whole = (uint64_t)col_int(&c) / 60;
		t->began = col_int(&c);
		t->top = col_int(&c);
		t->oldest_minute = (uint64_t)col_int(&c);
		t->oldest_hour = (uint64_t)col_int(&c);
	}
	rd_reset(rd, RD_ROLL_HEAD);
	return r == -1 ? -1 : 0;
}

/* The key of a name and when it was first seen: 1, 0 none, -1. */
static int
find_key(struct reader *rd, unsigned by, const char *name, uint64_t *key,
    int64_t *first)
{
	struct bind b;
	struct col c;
	int r;

	rd_start(rd, RD_ROLL_KEY, &b);
	bind_int(&b, by);
	bind_text(&b, name);
	r = rd_step(rd, RD_ROLL_KEY, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		*key = (uint64_t)col_int(&c);
		*first = col_int(&c);
	}
	rd_reset(rd, RD_ROLL_KEY);
	return r;
}

/* Each row of a minute or an hour whose key is in [lo, hi). */
static int
each_row(struct reader *rd, enum rd n, uint64_t when, uint64_t lo, uint64_t hi,
    int (*fn)(void *, uint64_t key, const void *, size_t), void *arg)
{
	const void *p;
	struct bind b;
	struct col c;
	uint64_t key;
	size_t len;
	int r;

	rd_start(rd, n, &b);
	bind_int(&b, (int64_t)when);
	bind_int(&b, (int64_t)lo);
	bind_int(&b, (int64_t)hi);
	while ((r = rd_step(rd, n, &b)) == 1) {
		col_init(&c, b.q, 0);
		key = (uint64_t)col_int(&c);
		p = col_blob(&c, &len);
		if (fn(arg, key, p, len) == -1) {
			rd_reset(rd, n);
			return 1;
		}
	}
	return r;
}

/* --- the rate now --- */

static int
add_roll(void *arg, uint64_t key, const void *p, size_t len)
{
	(void)roll_unpack(arg, p, len);
	return 0;
}

struct rating {
	int64_t now, start; /* us */
	bool hour;
	double *sum;
};

/* What was accepted in a while of that length, to each window its part. */
static int
rate_one(struct reader *rd, const struct rating *g, uint64_t lo, uint64_t hi)
{
	int64_t length = g->hour ? 60 * MINUTE_US : MINUTE_US, from;
	struct roll r;
	double part;
	unsigned w;

	memset(&r, 0, sizeof(r));
	if (each_row(rd, g->hour ? RD_HOUR : RD_MINUTE,
		(uint64_t)(g->start / length), lo, hi, add_roll, &r) == -1)
		return -1;
	for (w = 0; w < RATES_MAX; w++) {
		from = g->now - rates_us((enum rates_window)w);
		part = (double)(g->start + length - from) / (double)length;
		if (part > 0)
			g->sum[w] += r.accepted_difficulty *
			    (part < 1 ? part : 1);
	}
	return 0;
}

/*
 * Minutes for the last hour, and back to where hours are whole; then those.
 * The oldest of either counts by the part that is in the window.
 */
int
roll_rates(struct reader *rd, const struct roll_times *t,
    const struct roll_span *span, double rate[RATES_MAX])
{
	int64_t end = span->now_us - rates_us(RATES_24H);
	int64_t fine = span->now_us - rates_us(RATES_1H) - MINUTE_US;
	int64_t whole = (int64_t)t->whole * 60 * MINUTE_US;
	double sum[RATES_MAX] = { 0 };
	struct rating g = { .now = span->now_us, .sum = sum };
	unsigned w;

	if (end < span->first_us)
		end = span->first_us;
	end -= end % MINUTE_US;
	g.start = span->now_us - span->now_us % MINUTE_US;
	while (g.start >= end && g.start > 0) {
		if (rate_one(rd, &g, span->lo, span->hi) == -1)
			return -1;
		g.hour = g.start < fine && g.start <= whole &&
		    g.start % (60 * MINUTE_US) == 0;
		if (g.hour && g.start <= end)
			break;
		g.start -= g.hour ? 60 * MINUTE_US : MINUTE_US;
	}
	for (w = 0; w < RATES_MAX; w++)
		rate[w] = roll_hashrate(sum[w],
		    rates_seconds((enum rates_window)w, span->first_us,
			span->now_us));
	return 0;
}

int
roll_rates_of(struct reader *rd, enum roll_by by, const char *name,
    double rate[RATES_MAX])
{
	struct roll_times t;
	struct roll_span span;
	int r;

	memset(rate, 0, RATES_MAX * sizeof(rate[0]));
	r = find_key(rd, by, name, &span.lo, &span.first_us);
	if (r != 1)
		return r;
	span.hi = span.lo + 1;
	if (roll_times(rd, &t) == -1)
		return -1;
	span.now_us = t.top;
	return roll_rates(rd, &t, &span, rate);
}

/* --- adding up --- */

static int
bad(struct select *sel, const char *why)
{
	sel->status = 2;
	sel->why = why;
	sel->done = true;
	return 0;
}

/* Only this name; 1, 0 there is none. */
static int
limit_to(struct stats_run *s, struct reader *rd, const struct query *q)
{
	const char *name = s->by == ROLL_POOL ? q->pool : q->worker;
	int64_t first;
	int r;

	if (name[0] == '\0')
		return 1;
	r = find_key(rd, s->by, name, &s->lo, &first);
	s->hi = s->lo + 1;
	return r;
}

static void
set_range(struct stats_run *s, const struct query *q)
{
	const struct roll_times *t = &s->t;
	uint64_t oldest = t->oldest_hour * 60;

	if (oldest == 0 || (t->oldest_minute != 0 && t->oldest_minute < oldest))
		oldest = t->oldest_minute;
	s->from = (uint64_t)(q->since_us / MINUTE_US);
	if (s->from < oldest)
		s->from = oldest;
	s->until_us = t->top;
	if (q->until_us != 0 && q->until_us < t->top)
		s->until_us = q->until_us;
	s->to = (uint64_t)((s->until_us + MINUTE_US - 1) / MINUTE_US);
	s->since_us = (int64_t)s->from * MINUTE_US;
	s->at = s->from;
	s->step = q->step_s / 60;
}

static int
begin(struct select *sel, struct reader *rd)
{
	const struct query *q = &sel->q;
	struct stats_run *s = calloc(1, sizeof(*s));
	unsigned by = q->by == ROLL_ALL ? ROLL_POOL : q->by;
	int r;

	if (s == NULL)
		return bad(sel, "out of memory");
	sel->stats = s;
	map_init(&s->refs, sizeof(struct point_ref));
	s->by = q->by;
	s->lo = ROLL_KEY(by, 0);
	s->hi = ROLL_KEY(by + 1, 0);
	if (roll_times(rd, &s->t) == -1)
		return -1;
	set_range(s, q);
	r = s->by == ROLL_ALL ? 1 : limit_to(s, rd, q);
	if (r == 0)
		sel->done = true;
	return r == -1 ? -1 : 0;
}

static struct roll *
point_of(struct stats_run *s, uint64_t start, uint64_t key)
{
	struct point_ref *ref = map_put(&s->refs, start << 36 | key);
	struct point *p;
	size_t cap;

	if (ref == NULL)
		return NULL;
	if (s->n > 0 && ref->index < s->n &&
	    s->point[ref->index].start == start &&
	    s->point[ref->index].key == key)
		return &s->point[ref->index].r;
	if (s->n == s->cap) {
		if (s->n >= POINTS_MAX)
			return NULL;
		cap = s->cap == 0 ? 64 : s->cap * 2;
		p = realloc(s->point, cap * sizeof(*p));
		if (p == NULL)
			return NULL;
		s->point = p;
		s->cap = cap;
	}
	ref->index = s->n++;
	p = &s->point[ref->index];
	memset(p, 0, sizeof(*p));
	p->start = start;
	p->key = key;
	return &p->r;
}

static int
add_row(void *arg, uint64_t key, const void *data, size_t len)
{
	struct stats_run *s = arg;
	uint64_t start = s->step == 0 ? s->from : s->at - s->at % s->step;
	struct roll *r;

	r = point_of(s, start,
	    s->by == ROLL_ALL ? ROLL_KEY(ROLL_POOL, 0) : key);
	if (r == NULL)
		return -1;
	(void)roll_unpack(r, data, len);
	return 0;
}

/* One hour, or one minute; 1: too many points. */
static int
add_next(struct stats_run *s, struct reader *rd)
{
	uint64_t hour = s->at / 60;
	bool in = s->at % 60 == 0 && s->at + 60 <= s->to && s->step % 60 == 0;
	bool gone = s->t.oldest_minute == 0 || s->at < s->t.oldest_minute;
	int r;

	if (hour < s->t.whole && (in || gone)) {
		r = each_row(rd, RD_HOUR, hour, s->lo, s->hi, add_row, s);
		s->at = (hour + 1) * 60;
	} else {
		r = each_row(rd, RD_MINUTE, s->at, s->lo, s->hi, add_row, s);
		s->at++;
	}
	return r;
}

/* --- giving out --- */

static int
compare(const void *a, const void *b)
{
	const struct point *p = a, *q = b;
	double x = p->r.accepted_difficulty, y = q->r.accepted_difficulty;

	if (p->start != q->start)
		return p->start < q->start ? -1 : 1;
	if (x != y)
		return x > y ? -1 : 1;
	return p->key < q->key ? -1 : p->key > q->key;
}

/* Its name; and since when there was somebody of that name. */
static int
name_point(struct reader *rd, const struct stats_run *s, const struct point *p,
    struct stat_rec *out, int64_t *first)
{
	struct bind b;
	struct col c;
	int r;

	*first = s->t.began;
	out->by = (uint8_t)s->by;
	if (s->by == ROLL_ALL)
		return 0;
	rd_start(rd, RD_ROLL_NAME, &b);
	bind_int(&b, (int64_t)p->key);
	r = rd_step(rd, RD_ROLL_NAME, &b);
	out->other = r == 0;
	if (r == 1) {
		col_init(&c, b.q, 0);
		col_text(&c, out->name, sizeof(out->name));
		*first = col_int(&c);
	}
	rd_reset(rd, RD_ROLL_NAME);
	return r == -1 ? -1 : 0;
}

static void
time_point(const struct stats_run *s, const struct point *p, int64_t first,
    struct stat_rec *out)
{
	int64_t from = (int64_t)p->start * MINUTE_US, to = s->until_us;

	out->ts_us = from;
	if (s->step != 0 && from + (int64_t)s->step * MINUTE_US < to)
		to = from + (int64_t)s->step * MINUTE_US;
	if (from < s->since_us)
		from = s->since_us;
	if (from < first)
		from = first;
	out->seconds = from < to ? (double)(to - from) / 1e6 : 0;
}

static int
fill(struct select *sel, struct reader *rd, const struct point *p,
    struct stat_rec *out)
{
	const struct stats_run *s = sel->stats;
	struct roll_span span = { .lo = p->key,
		.hi = p->key + 1,
		.now_us = s->until_us };

	memset(out, 0, sizeof(*out));
	out->roll = p->r;
	if (name_point(rd, s, p, out, &span.first_us) == -1)
		return -1;
	time_point(s, p, span.first_us, out);
	out->rated = s->step == 0;
	if (!out->rated)
		return 0;
	if (s->by == ROLL_ALL) {
		span.lo = ROLL_KEY(ROLL_POOL, 0);
		span.hi = ROLL_KEY(ROLL_POOL + 1, 0);
	}
	return roll_rates(rd, &s->t, &span, out->hashrate);
}

static int
give_out(struct select *sel, struct reader *rd, int64_t until)
{
	struct stats_run *s = sel->stats;
	struct stat_rec out;

	while (s->next < s->n) {
		if (sel->skip > 0) {
			sel->skip--;
			s->next++;
			continue;
		}
		if (fill(sel, rd, &s->point[s->next], &out) == -1)
			return -1;
		s->next++;
		sel->at = s->next;
		if (select_took(sel, sel->ops->stat(sel->arg, &out)))
			return 1;
		if (ms_now() >= until)
			return 1;
	}
	return 0;
}

int
select_stats(struct select *sel, struct reader *rd, int64_t until)
{
	struct stats_run *s;
	unsigned looked = 0;
	int r;

	if (sel->stats == NULL && (begin(sel, rd) == -1 || sel->done))
		return sel->done ? 0 : -1;
	s = sel->stats;
	while (!s->added && s->at < s->to) {
		r = add_next(s, rd);
		if (r == -1)
			return -1;
		if (r == 1)
			return bad(sel,
			    "too many points: ask for longer steps");
		if (++looked % 16 == 0 && ms_now() >= until)
			return 1;
	}
	if (!s->added && s->n > 0)
		qsort(s->point, s->n, sizeof(*s->point), compare);
	s->added = true;
	return give_out(sel, rd, until);
}
