/*
 * Retention.  A bound moves a floor, one for all or one of a session; what
 * lies beneath is invisible at once, and is deleted by ranges in proportion
 * to what comes in.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/store_int.h"

/* Rows that one transaction looks at while it moves the common floor. */
#define WALK_MAX       200000
/* A session's hidden rows are deleted when so many are together. */
#define HIDDEN_MIN     512
/* Hidden rows of a session of which we do not know how many it has. */
#define HIDDEN_UNKNOWN (UINT64_C(1) << 20)
/* Rows that are deleted together when there are many. */
#define DELETE_LOT     8192
#define COMMITS_MAX    2000
#define EMPTY_STEPS    256

/* --- counts of visible messages --- */

static struct delta *
delta_of(struct store *st, uint64_t sid)
{
	struct delta *d = map_put(&st->deltas, sid);

	if (d == NULL)
		store_fail_memory(st);
	return d;
}

int
delta_add(struct store *st, uint64_t sid, int64_t n)
{
	struct delta *d = delta_of(st, sid);

	if (d == NULL)
		return -1;
	d->n += n;
	return 0;
}

int
delta_ended(struct store *st, uint64_t sid)
{
	struct delta *d = delta_of(st, sid);

	if (d == NULL)
		return -1;
	d->ended = true;
	return 0;
}

/* Writes a session's change down; -1, or how many it has now. */
static int64_t
delta_save(struct store *st, struct delta *d)
{
	struct bind b;
	int64_t visible = 0;
	int r;

	sql_start(st, SQL_KEPT_ADD, &b);
	bind_int(&b, (int64_t)d->sid);
	bind_int(&b, d->n);
	r = sql_step(st, SQL_KEPT_ADD, &b);
	if (r == -1)
		return -1;
	if (r == 1)
		visible = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_KEPT_ADD);
	d->n = 0;
	return visible < 0 ? 0 : visible;
}

/* --- the floor of a session --- */

static int
queue_session(struct store *st, struct shelf *s)
{
	if (s->queued || s->hidden < HIDDEN_MIN)
		return 0;
	if (grow(&st->queue, &st->queue_cap, st->nqueue, sizeof(*st->queue)) ==
	    -1)
		return store_fail_memory(st);
	st->queue[st->nqueue++] = s->sid;
	s->queued = true;
	return 0;
}

/* The position of the nth visible message of a session; 0 none, -1 error. */
static int64_t
session_nth(struct store *st, uint64_t sid, uint64_t from, uint64_t n)
{
	struct bind b;
	int64_t pos = 0;
	int r;

	sql_start(st, SQL_SESSION_NTH, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, (int64_t)from);
	bind_int(&b, (int64_t)n);
	r = sql_step(st, SQL_SESSION_NTH, &b);
	if (r == 1)
		pos = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_SESSION_NTH);
	return r == -1 ? -1 : pos;
}

static int
kept_floor(struct store *st, uint64_t sid, uint64_t visible, uint64_t floor)
{
	struct bind b;

	sql_start(st, SQL_KEPT_FLOOR, &b);
	bind_int(&b, (int64_t)visible);
	bind_int(&b, (int64_t)floor);
	bind_int(&b, (int64_t)sid);
	return sql_run(st, SQL_KEPT_FLOOR, &b);
}

static int
session_bound(struct store *st, uint64_t sid, uint64_t visible)
{
	uint64_t over = visible - st->conf.per_session;
	struct shelf *s = map_put(&st->shelves, sid);
	uint64_t from = st->head.floor;
	int64_t pos;

	if (s == NULL)
		return store_fail_memory(st);
	if (s->floor > from)
		from = s->floor;
	pos = session_nth(st, sid, from, over);
	if (pos <= 0)
		return (int)pos;
	s->floor = (uint64_t)pos;
	s->hidden += over;
	st->head.visible -= over;
	if (queue_session(st, s) == -1)
		return -1;
	return kept_floor(st, sid, st->conf.per_session, s->floor);
}

static int
sessions_grown(struct store *st)
{
	struct delta *d;
	int64_t visible;
	size_t i = 0;

	while ((d = map_next(&st->deltas, &i)) != NULL) {
		if (d->n <= 0)
			continue;
		visible = delta_save(st, d);
		if (visible == -1)
			return -1;
		if (st->conf.per_session > 0 &&
		    (uint64_t)visible > st->conf.per_session &&
		    session_bound(st, d->sid, (uint64_t)visible) == -1)
			return -1;
	}
	return 0;
}

/* --- the common floor --- */

static int64_t
pragma_value(struct store *st, enum sql n)
{
	struct bind b;
	int64_t v = -1;

	sql_start(st, n, &b);
	if (sql_step(st, n, &b) == 1)
		v = sqlite3_column_int64(b.q, 0);
	sql_reset(st, n);
	return v;
}

/* How many messages must go for the file to fit; -1 error. */
static int64_t
over_size(struct store *st)
{
	int64_t pages, unused;
	uint64_t used, each, hidden, rolls;

	if (st->conf.size_bytes == 0 || st->head.stored == 0)
		return 0;
	pages = pragma_value(st, SQL_PAGE_COUNT);
	unused = pragma_value(st, SQL_FREE_COUNT);
	if (pages == -1 || unused == -1)
		return -1;
	used = (uint64_t)(pages - unused) * st->page_size;
	/* Roll-ups have bounds of their own, within the same size. */
	rolls = (uint64_t)(st->head.roll.bytes[0] + st->head.roll.bytes[1]);
	rolls = rolls < used ? rolls : used;
	each = (used - rolls) / st->head.stored + 1;
	/* What is hidden already counts as gone. */
	hidden = (st->head.stored - st->head.visible) * each;
	if (used <= st->conf.size_bytes + hidden)
		return 0;
	return (int64_t)((used - hidden - st->conf.size_bytes) / each) + 1;
}

/*
 * The position up to which all is too old; at most COMMITS_MAX commits are
 * looked at, the rest is for the next time.  0 nothing, -1 error.  A commit
 * that seems to come from the future tells of a clock that was wrong, and
 * neither goes nor stays by itself.
 */
static int64_t
age_floor(struct store *st)
{
	int64_t now, cutoff, hi, floor = 0;
	struct bind b;
	int i, r = 0;

	if (st->conf.age_s == 0 || store_age_paused(st))
		return 0;
	now = (mono_now() + real_minus_mono()) / 1000;
	if (st->conf.age_s > (uint64_t)now / 1000000)
		return 0;
	cutoff = now - (int64_t)st->conf.age_s * 1000000;
	sql_start(st, SQL_COMMITS_FROM, &b);
	bind_int(&b, (int64_t)st->head.floor);
	for (i = 0; i < COMMITS_MAX; i++) {
		r = sql_step(st, SQL_COMMITS_FROM, &b);
		if (r != 1)
			break;
		hi = sqlite3_column_int64(b.q, 1);
		if (hi < cutoff)
			floor = sqlite3_column_int64(b.q, 0) + 1;
		else if (hi < now + CLOCK_JUMP_NS / 1000)
			break;
	}
	sql_reset(st, SQL_COMMITS_FROM);
	return r == -1 ? -1 : floor;
}

/* The floor passes one message; hidden ones were counted before. */
static int
walk_row(struct store *st, uint64_t pos, uint64_t sid, uint64_t *passed)
{
	const struct shelf *s = map_get(&st->shelves, sid);

	if (s != NULL && pos < s->floor)
		return 0;
	(*passed)++;
	st->head.visible--;
	return delta_add(st, sid, -1);
}

/* Moves the floor past n visible messages, and at least to `to`. */
static int
walk(struct store *st, uint64_t n, uint64_t to)
{
	uint64_t passed = 0, pos = 0;
	struct bind b;
	int i, r = 0;

	sql_start(st, SQL_WALK, &b);
	bind_int(&b, (int64_t)st->head.floor);
	for (i = 0; i < WALK_MAX; i++) {
		r = sql_step(st, SQL_WALK, &b);
		if (r != 1)
			break;
		pos = (uint64_t)sqlite3_column_int64(b.q, 0);
		if (passed >= n && pos >= to)
			break;
		if (walk_row(st, pos, (uint64_t)sqlite3_column_int64(b.q, 1),
			&passed) == -1) {
			r = -1;
			break;
		}
	}
	sql_reset(st, SQL_WALK);
	if (r == -1)
		return -1;
	if (r == 0)
		pos = st->head.last + 1;
	else if (i == WALK_MAX)
		pos++;
	if (pos > st->head.floor)
		st->head.floor = pos;
	return 0;
}

/* How far the common floor must go: messages, and a position. */
static int
floor_wanted(struct store *st, uint64_t *n, uint64_t *to)
{
	int64_t size = over_size(st), age = age_floor(st);

	if (size == -1 || age == -1)
		return -1;
	*n = 0;
	*to = (uint64_t)age > st->head.floor ? (uint64_t)age : 0;
	if (st->conf.messages > 0 && st->head.visible > st->conf.messages)
		*n = st->head.visible - st->conf.messages;
	if ((uint64_t)size > *n)
		*n = (uint64_t)size;
	if (*n > st->head.visible)
		*n = st->head.visible;
	return 0;
}

/* --- sessions that nothing names any more --- */

static int
run_with(struct store *st, enum sql n, uint64_t value)
{
	struct bind b;

	sql_start(st, n, &b);
	bind_int(&b, (int64_t)value);
	return sql_run(st, n, &b);
}

/* Unless it is live. */
static int
session_remove(struct store *st, uint64_t sid)
{
	if (run_with(st, SQL_SESSION_REMOVE, sid) == -1)
		return -1;
	if (sqlite3_changes(st->db) == 0)
		return 0;
	return run_with(st, SQL_KEPT_REMOVE, sid);
}

static int
empty_add(struct store *st, uint64_t sid)
{
	struct bind b;
	int64_t visible = 0;
	int r;

	sql_start(st, SQL_KEPT_COUNT, &b);
	bind_int(&b, (int64_t)sid);
	r = sql_step(st, SQL_KEPT_COUNT, &b);
	if (r == 1)
		visible = sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_KEPT_COUNT);
	if (r == -1 || visible > 0)
		return r == -1 ? -1 : 0;
	sql_start(st, SQL_EMPTY_ADD, &b);
	bind_int(&b, (int64_t)sid);
	bind_int(&b, (int64_t)st->head.last);
	bind_int(&b, (mono_now() + real_minus_mono()) / 1000);
	if (sql_run(st, SQL_EMPTY_ADD, &b) == -1)
		return -1;
	st->nempty++;
	return 0;
}

static int
sessions_shrunk(struct store *st)
{
	struct delta *d;
	int64_t visible;
	size_t i = 0;

	while ((d = map_next(&st->deltas, &i)) != NULL) {
		if (d->n < 0) {
			visible = delta_save(st, d);
			if (visible == -1 ||
			    (visible == 0 && session_remove(st, d->sid) == -1))
				return -1;
		}
		if (d->ended && empty_add(st, d->sid) == -1)
			return -1;
	}
	return 0;
}

/* An empty session goes when the floor has passed it, or by age or number. */
static bool
empty_expired(struct store *st, uint64_t pos, int64_t at)
{
	int64_t now = (mono_now() + real_minus_mono()) / 1000;

	if (st->nempty > EMPTY_MAX || pos < st->head.floor - 1)
		return true;
	return st->conf.age_s > 0 && !store_age_paused(st) &&
	    st->conf.age_s < (uint64_t)(now - at) / 1000000 && at < now;
}

static int
empty_trim(struct store *st)
{
	struct bind b;
	uint64_t sid, pos;
	int64_t at;
	int i, r;

	for (i = 0; i < EMPTY_STEPS && st->nempty > 0; i++) {
		sql_start(st, SQL_EMPTY_OLDEST, &b);
		r = sql_step(st, SQL_EMPTY_OLDEST, &b);
		if (r != 1)
			return r;
		sid = (uint64_t)sqlite3_column_int64(b.q, 0);
		pos = (uint64_t)sqlite3_column_int64(b.q, 1);
		at = sqlite3_column_int64(b.q, 2);
		sql_reset(st, SQL_EMPTY_OLDEST);
		if (!empty_expired(st, pos, at))
			return 0;
		if (session_remove(st, sid) == -1 ||
		    run_with(st, SQL_EMPTY_REMOVE, sid) == -1)
			return -1;
		st->nempty--;
	}
	return 0;
}

/* --- deleting --- */

static uint64_t
deleted(struct store *st)
{
	uint64_t n = (uint64_t)sqlite3_changes64(st->db);

	st->head.stored -= n < st->head.stored ? n : st->head.stored;
	st->n_deleted += n;
	return n;
}

/* From below the common floor, *budget rows at most. */
static int
delete_common(struct store *st, uint64_t *budget)
{
	uint64_t upto = st->head.floor, from = st->head.gone, n;
	struct bind b;
	int r;

	if (st->head.gone >= upto || *budget == 0)
		return 0;
	sql_start(st, SQL_DELETE_NTH, &b);
	bind_int(&b, (int64_t)*budget);
	r = sql_step(st, SQL_DELETE_NTH, &b);
	if (r == 1 && (uint64_t)sqlite3_column_int64(b.q, 0) < upto)
		upto = (uint64_t)sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_DELETE_NTH);
	if (r == -1 || run_with(st, SQL_DELETE_UPTO, upto) == -1)
		return -1;
	n = deleted(st);
	*budget -= n < *budget ? n : *budget;
	st->head.gone = upto;
	return shares_delete(st, from, upto);
}

static int
delete_session(struct store *st, struct shelf *s, uint64_t *budget)
{
	struct bind b;
	uint64_t n;

	/* They are found by the messages that are to go. */
	if (shares_delete_session(st, s->sid, s->floor, *budget) == -1)
		return -1;
	sql_start(st, SQL_DELETE_SESSION, &b);
	bind_int(&b, (int64_t)s->sid);
	bind_int(&b, (int64_t)s->floor);
	bind_int(&b, (int64_t)*budget);
	if (sql_run(st, SQL_DELETE_SESSION, &b) == -1)
		return -1;
	n = deleted(st);
	if (n < *budget)
		s->hidden = 0;
	else
		s->hidden -= n < s->hidden ? n : s->hidden;
	*budget -= n < *budget ? n : *budget;
	return 0;
}

static int
delete_sessions(struct store *st, uint64_t *budget)
{
	struct shelf *s;

	while (*budget > 0 && st->nqueue > 0) {
		s = map_get(&st->shelves, st->queue[--st->nqueue]);
		if (s == NULL)
			continue;
		s->queued = false;
		if (s->floor <= st->head.floor) {
			s->hidden = 0; /* delete_common has them */
			continue;
		}
		if (delete_session(st, s, budget) == -1 ||
		    queue_session(st, s) == -1)
			return -1;
	}
	return 0;
}

static int
delete_others(struct store *st, uint64_t limit)
{
	static const enum sql which[] = { SQL_DELETE_COMMITS,
		SQL_DELETE_BODIES };
	struct bind b;
	size_t i;

	for (i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		sql_start(st, which[i], &b);
		bind_int(&b, (int64_t)st->head.floor);
		bind_int(&b, (int64_t)limit);
		if (sql_run(st, which[i], &b) == -1)
			return -1;
	}
	if (shares_delete_unused(st, limit) == -1)
		return -1;
	return run_with(st, SQL_DELETE_CLOCKS, st->head.floor);
}

/*
 * Rows to delete now.  Neighbours share pages of the table and of each
 * index: many together cost much less than the same number in small lots.
 */
static uint64_t
delete_budget(const struct store *st, uint64_t rows)
{
	uint64_t backlog = st->head.stored - st->head.visible;
	uint64_t lot = st->head.visible / 16;

	if (lot > DELETE_LOT)
		lot = DELETE_LOT;
	if (backlog < lot)
		return 0;
	return rows + lot;
}

/* --- all of it --- */

static int
move_floors(struct store *st)
{
	uint64_t n, to;

	if (sessions_grown(st) == -1 || floor_wanted(st, &n, &to) == -1)
		return -1;
	if ((n > 0 || to > 0) && walk(st, n, to) == -1)
		return -1;
	return sessions_shrunk(st) == -1 ? -1 : empty_trim(st);
}

static int
delete_rows(struct store *st, uint64_t budget)
{
	uint64_t left = budget;

	if (budget == 0)
		return 0;
	if (delete_common(st, &left) == -1 || delete_sessions(st, &left) == -1)
		return -1;
	return delete_others(st, budget);
}

int
bounds_apply(struct store *st, uint64_t rows)
{
	if (move_floors(st) == -1)
		return -1;
	return delete_rows(st, delete_budget(st, rows));
}

int
bounds_idle(struct store *st)
{
	if (move_floors(st) == -1)
		return -1;
	return delete_rows(st, DELETE_LOT);
}

bool
bounds_due(struct store *st)
{
	uint64_t n, to;

	if (st->head.gone < st->head.floor || st->nqueue > 0)
		return true;
	return floor_wanted(st, &n, &to) == 0 && (n > 0 || to > 0);
}

void
bounds_prune(struct store *st)
{
	struct map old = st->shelves;
	struct shelf *s, *copy;
	size_t i = 0;

	if (old.n < 64)
		return;
	map_init(&st->shelves, sizeof(struct shelf));
	while ((s = map_next(&old, &i)) != NULL) {
		if (s->floor <= st->head.floor)
			continue;
		copy = map_put(&st->shelves, s->sid);
		if (copy == NULL) {
			map_free(&st->shelves);
			st->shelves = old;
			return;
		}
		*copy = *s;
	}
	map_free(&old);
}

int
bounds_load(struct store *st)
{
	struct shelf *s;
	struct bind b;
	int r;

	map_clear(&st->shelves);
	st->nqueue = 0;
	sql_start(st, SQL_KEPT_LOAD, &b);
	bind_int(&b, (int64_t)st->head.floor);
	while ((r = sql_step(st, SQL_KEPT_LOAD, &b)) == 1) {
		s = map_put(&st->shelves,
		    (uint64_t)sqlite3_column_int64(b.q, 0));
		if (s == NULL) {
			sql_reset(st, SQL_KEPT_LOAD);
			return store_fail_memory(st);
		}
		s->floor = (uint64_t)sqlite3_column_int64(b.q, 1);
		s->hidden = HIDDEN_UNKNOWN;
		if (queue_session(st, s) == -1)
			return -1;
	}
	if (r == -1)
		return -1;
	st->nempty = 0;
	sql_start(st, SQL_EMPTY_COUNT, &b);
	r = sql_step(st, SQL_EMPTY_COUNT, &b);
	if (r == 1)
		st->nempty = (uint64_t)sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_EMPTY_COUNT);
	return r == -1 ? -1 : 0;
}
