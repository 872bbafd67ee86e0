/*
 * Counting what a transaction writes, by worker, pool and firmware; see
 * store_roll.h.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/store_int.h"

/* Names that are remembered; then all are looked up anew. */
#define KNOWN_MAX 8192
/* Names that make room for others at once. */
#define EVICT     4096
#define MINUTE_US INT64_C(60000000)

void
rolls_init(struct store *st)
{
	struct rolls *t = &st->rolls;

	memset(t, 0, sizeof(*t));
	t->generation = 1;
	map_init(&t->names, sizeof(struct roll_name));
	map_init(&t->refs, sizeof(struct roll_ref));
	mbuf_init(&t->packed);
}

void
rolls_free(struct store *st)
{
	struct rolls *t = &st->rolls;

	map_free(&t->names);
	map_free(&t->refs);
	free(t->fresh);
	free(t->delta);
	mbuf_free(&t->packed);
	rolls_init(st);
}

static void
new_generation(struct rolls *t)
{
	map_clear(&t->names);
	t->nfresh = 0;
	if (++t->generation == 0)
		t->generation = 1;
}

void
rolls_forget(struct store *st)
{
	new_generation(&st->rolls);
	st->rolls.crowded = false;
}

uint32_t
store_roll_generation(const struct store *st)
{
	return st->rolls.generation;
}

int
rolls_load(struct store *st)
{
	struct bind b;
	unsigned by;

	for (by = ROLL_WORKER; by < ROLL_BYS; by++) {
		sql_start(st, SQL_ROLL_KEYS_COUNT, &b);
		bind_int(&b, by);
		if (sql_step(st, SQL_ROLL_KEYS_COUNT, &b) != 1)
			return -1;
		st->head.roll.keys[by] = sqlite3_column_int64(b.q, 0);
		sql_reset(st, SQL_ROLL_KEYS_COUNT);
	}
	st->saved = st->head;
	return 0;
}

/* --- names --- */

static uint64_t
name_hash(enum roll_by by, const char *name, size_t len)
{
	uint64_t h = hash_bytes(name, len) ^
	    (uint64_t)by * UINT64_C(0x9e3779b97f4a7c15);

	return h != 0 ? h : 1;
}

static int
remember(struct rolls *t, enum roll_by by, const char *name, size_t len,
    uint32_t id)
{
	struct roll_name *n;

	/* Those that are not in the store yet are found here alone. */
	if (t->names.n >= KNOWN_MAX && t->nfresh == 0)
		map_clear(&t->names);
	n = map_put(&t->names, name_hash(by, name, len));
	if (n == NULL)
		return -1;
	n->by = (uint8_t)by;
	n->id = id;
	n->len = (uint8_t)len;
	memcpy(n->text, name, len);
	return 0;
}

static uint32_t
add_name(struct store *st, enum roll_by by, const char *name, size_t len,
    int64_t us)
{
	struct rolls *t = &st->rolls;
	struct roll_fresh *f;

	if (st->head.roll.keys[by] + (int64_t)t->nfresh >= ROLL_KEYS_MAX) {
		t->crowded = true;
		return 0;
	}
	if (st->head.roll.next_id > UINT32_MAX || t->nfresh >= KNOWN_MAX ||
	    grow(&t->fresh, &t->fresh_cap, t->nfresh, sizeof(*f)) == -1 ||
	    remember(t, by, name, len, (uint32_t)st->head.roll.next_id) == -1)
		return 0;
	f = &t->fresh[t->nfresh++];
	f->id = (uint32_t)st->head.roll.next_id++;
	f->by = (uint8_t)by;
	f->us = us;
	memcpy(f->text, name, len);
	f->text[len] = '\0';
	return f->id;
}

/* 1 and the id, 0 there is none, -1. */
static int
look_up(struct store *st, enum roll_by by, const char *name, uint32_t *id)
{
	struct bind b;
	int r;

	if (st->db == NULL)
		return -1;
	sql_start(st, SQL_ROLL_KEY_FIND, &b);
	bind_int(&b, by);
	bind_text(&b, name);
	r = sql_step(st, SQL_ROLL_KEY_FIND, &b);
	if (r == 1)
		*id = (uint32_t)sqlite3_column_int64(b.q, 0);
	sql_reset(st, SQL_ROLL_KEY_FIND);
	return r;
}

uint32_t
store_roll_id(struct store *st, enum roll_by by, const char *name, int64_t us)
{
	char text[STRATUM_TEXT_MAX + 1];
	size_t len = strnlen(name, STRATUM_TEXT_MAX);
	const struct roll_name *n;
	uint32_t id = 0;
	int r;

	n = map_get(&st->rolls.names, name_hash(by, name, len));
	if (n != NULL)
		/* Whoever makes two names with one hash shares a row. */
		return n->by == by && n->len == len &&
			memcmp(n->text, name, len) == 0 ?
		    n->id :
		    0;
	memcpy(text, name, len);
	text[len] = '\0';
	r = look_up(st, by, text, &id);
	if (r == -1)
		return 0;
	if (r == 0)
		return add_name(st, by, text, len, us);
	(void)remember(&st->rolls, by, text, len, id);
	return id;
}

static int
save_names(struct store *st)
{
	const struct roll_fresh *f;
	struct bind b;
	size_t i;

	for (i = 0; i < st->rolls.nfresh; i++) {
		f = &st->rolls.fresh[i];
		sql_start(st, SQL_ROLL_KEY_ADD, &b);
		bind_int(&b, (int64_t)ROLL_KEY(f->by, f->id));
		bind_int(&b, f->by);
		bind_text(&b, f->text);
		bind_int(&b, f->us);
		bind_int(&b, f->us / MINUTE_US);
		if (sql_run(st, SQL_ROLL_KEY_ADD, &b) == -1)
			return -1;
		st->head.roll.keys[f->by]++;
	}
	return 0;
}

/* Rows of those that go are "other" from now on. */
static int
make_room(struct store *st)
{
	struct bind b;
	unsigned by;

	for (by = ROLL_WORKER; by < ROLL_BYS; by++) {
		if (st->head.roll.keys[by] < ROLL_KEYS_MAX - EVICT)
			continue;
		sql_start(st, SQL_ROLL_KEYS_EVICT, &b);
		bind_int(&b, by);
		bind_int(&b, EVICT);
		if (sql_run(st, SQL_ROLL_KEYS_EVICT, &b) == -1)
			return -1;
		st->head.roll.keys[by] -= sqlite3_changes(st->db);
	}
	return 0;
}

/* --- counting --- */

void
rolls_begin(struct store *st)
{
	st->rolls.ndelta = 0;
	map_clear(&st->rolls.refs);
}

static struct roll *
delta_new(struct store *st, struct roll_ref *ref, uint64_t minute, uint64_t key)
{
	struct rolls *t = &st->rolls;
	struct roll_delta *d;

	if (grow(&t->delta, &t->delta_cap, t->ndelta, sizeof(*d)) == -1) {
		store_fail_memory(st);
		return NULL;
	}
	ref->index = t->ndelta++;
	d = &t->delta[ref->index];
	memset(d, 0, sizeof(*d));
	d->minute = minute;
	d->key = key;
	return &d->r;
}

/* What is counted of somebody in a minute; NULL without memory. */
static struct roll *
delta_of(struct store *st, unsigned by, uint32_t id, int64_t us)
{
	uint64_t minute = us < 0 ? 0 : (uint64_t)(us / MINUTE_US);
	uint64_t key = ROLL_KEY(by, id), k = minute << 36 | key;
	struct rolls *t = &st->rolls;
	struct roll_ref *ref;

	ref = map_get(&t->refs, k);
	if (ref != NULL)
		return &t->delta[ref->index].r;
	if (t->ndelta >= ROLL_DELTAS_MAX && id != 0)
		return delta_of(st, by, 0, us);
	ref = map_put(&t->refs, k);
	if (ref == NULL) {
		store_fail_memory(st);
		return NULL;
	}
	return delta_new(st, ref, minute, key);
}

int
rolls_message(struct store *st, const struct store_msg *m)
{
	int64_t us = store_real_us(st, m->ts_recv);
	struct roll *r;
	unsigned by;

	if (st->head.roll.began == 0)
		st->head.roll.began = us;
	for (by = ROLL_WORKER; by < ROLL_BYS; by++) {
		r = delta_of(st, by, m->who[by - 1], us);
		if (r == NULL)
			return -1;
		roll_message(r, m->dir == DIR_POOL_TO_MINER, m->size);
	}
	return 0;
}

int
rolls_share(struct store *st, const struct share_row *s,
    const struct verify_brief *brief)
{
	int64_t us = store_real_us(st, s->s.ts);
	struct roll *r;
	unsigned by;

	for (by = ROLL_WORKER; by < ROLL_BYS; by++) {
		r = delta_of(st, by, s->who[by - 1], us);
		if (r == NULL)
			return -1;
		roll_share(r, brief, s->s.is_block, us);
	}
	return 0;
}

int
rolls_answer(struct store *st, const struct store_answer *a)
{
	int64_t us = store_real_us(st, a->share.ts);
	struct roll_answer what = { .share = &a->share,
		.said = &a->said,
		.judged = &a->judged,
		.answered = true,
		.legs = a->legs };
	struct roll *r;
	unsigned by;

	for (by = ROLL_WORKER; by < ROLL_BYS; by++) {
		r = delta_of(st, by, a->who[by - 1], us);
		if (r == NULL)
			return -1;
		roll_answer(r, &what);
	}
	return 0;
}

int
rolls_save(struct store *st)
{
	const struct rolls *t = &st->rolls;
	const struct roll_delta *d;
	uint64_t newest = 0;
	size_t i;

	if (save_names(st) == -1)
		return -1;
	for (i = 0; i < t->ndelta; i++) {
		d = &t->delta[i];
		if (roll_minute_add(st, d->minute, d->key, &d->r) == -1)
			return -1;
		if (d->minute > newest)
			newest = d->minute;
	}
	if (newest > st->head.roll.folded && rolls_fold(st, newest) == -1)
		return -1;
	return t->crowded ? make_room(st) : 0;
}

void
rolls_settle(struct store *st)
{
	struct rolls *t = &st->rolls;

	t->nfresh = 0;
	if (t->crowded)
		new_generation(t);
	t->crowded = false;
}
