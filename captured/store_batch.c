/*
 * What is collected for the next transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/store_int.h"

void
batch_init(struct batch *b)
{
	memset(b, 0, sizeof(*b));
	map_init(&b->item_refs, sizeof(struct item_ref));
	map_init(&b->job_refs, sizeof(struct job_ref));
}

void
batch_clear(struct batch *b)
{
	b->nrows = b->nchanges = b->nitems = b->nclocks = 0;
	b->nshares = b->nanswers = b->njobs = b->ngiven = 0;
	b->len = 0;
	map_clear(&b->item_refs);
	map_clear(&b->job_refs);
}

void
batch_free(struct batch *b)
{
	free(b->rows);
	free(b->changes);
	free(b->items);
	free(b->clocks);
	free(b->data);
	map_free(&b->item_refs);
	map_free(&b->job_refs);
	free(b->shares);
	free(b->answers);
	free(b->jobs);
	free(b->given);
	batch_init(b);
}

int
grow(void *array, size_t *cap, size_t n, size_t size)
{
	void **p = array, *bigger;
	size_t want;

	if (n < *cap)
		return 0;
	want = *cap == 0 ? 64 : *cap;
	while (want <= n)
		want *= 2;
	bigger = realloc(*p, want * size);
	if (bigger == NULL)
		return -1;
	*p = bigger;
	*cap = want;
	return 0;
}

/* Room for len more bytes; offset 0 is never given out, it means none. */
static int
reserve_data(struct batch *b, size_t len)
{
	if (b->len == 0)
		b->len = 1;
	return grow(&b->data, &b->cap, b->len + len, 1);
}

static size_t
copy_data(struct batch *b, const void *p, size_t len)
{
	size_t at = b->len;

	if (len > 0)
		memcpy(b->data + at, p, len);
	b->len += len;
	return at;
}

uint32_t
batch_copy(struct store *st, const void *p, size_t len)
{
	struct batch *b = &st->batch;

	if (b->len + len > UINT32_MAX || reserve_data(b, len) == -1) {
		store_fail_memory(st);
		return 0;
	}
	return (uint32_t)copy_data(b, p, len);
}

static uint32_t
copy_text(struct batch *b, const char *s)
{
	if (s == NULL || s[0] == '\0')
		return 0;
	return (uint32_t)copy_data(b, s, strlen(s) + 1);
}

static size_t
text_size(const char *s)
{
	return s == NULL ? 0 : strlen(s) + 1;
}

int
store_add(struct store *st, const struct store_msg *m)
{
	struct batch *b = &st->batch;
	size_t need = m->raw_len + text_size(m->method) +
	    text_size(m->jsonrpc_id) + text_size(m->protocol) +
	    text_size(m->parse_error);
	struct row *r;

	if (st->in_tx || m->pos == 0 || m->sid == 0 ||
	    (b->nrows > 0 && m->pos <= b->rows[b->nrows - 1].m.pos))
		return store_fail_bug(st, "message out of order");
	if (b->len + need > UINT32_MAX ||
	    grow(&b->rows, &b->rows_cap, b->nrows, sizeof(*r)) == -1 ||
	    reserve_data(b, need) == -1)
		return store_fail_memory(st);
	r = &b->rows[b->nrows++];
	r->m = *m;
	r->raw = copy_data(b, m->raw, m->raw_len);
	r->method = copy_text(b, m->method);
	r->jsonrpc_id = copy_text(b, m->jsonrpc_id);
	r->protocol = copy_text(b, m->protocol);
	r->parse_error = copy_text(b, m->parse_error);
	return 0;
}

/* A collected row by position, or NULL. */
static struct row *
find_row(struct batch *b, uint64_t pos)
{
	size_t lo = 0, hi = b->nrows, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (b->rows[mid].m.pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->nrows && b->rows[lo].m.pos == pos ? &b->rows[lo] : NULL;
}

static int
add_change(struct store *st, enum change_kind kind, uint64_t pos,
    uint64_t value, int64_t latency)
{
	struct batch *b = &st->batch;
	struct change *c;

	if (grow(&b->changes, &b->changes_cap, b->nchanges, sizeof(*c)) == -1)
		return store_fail_memory(st);
	c = &b->changes[b->nchanges++];
	c->kind = kind;
	c->pos = pos;
	c->value = value;
	c->latency = latency;
	return 0;
}

int
store_answered(struct store *st, uint64_t pos, uint64_t pair, int64_t latency)
{
	struct row *r = find_row(&st->batch, pos);

	if (r == NULL)
		return add_change(st, CHANGE_ANSWERED, pos, pair, latency);
	r->m.pair = pair;
	r->m.latency = latency;
	return 0;
}

int
store_forwarded(struct store *st, uint64_t pos, uint64_t ts_fwd)
{
	struct row *r = find_row(&st->batch, pos);

	if (r == NULL)
		return add_change(st, CHANGE_FORWARDED, pos, ts_fwd, 0);
	r->m.ts_fwd = ts_fwd;
	return 0;
}

int
store_flag(struct store *st, uint64_t pos, uint32_t flags)
{
	struct row *r = find_row(&st->batch, pos);

	if (r == NULL)
		return add_change(st, CHANGE_FLAG, pos, flags, 0);
	r->m.flags |= flags;
	return 0;
}

static int
add_item(struct store *st, const struct item *what, const void *data)
{
	struct batch *b = &st->batch;
	struct item_ref *ref;
	struct item *it;

	if (grow(&b->items, &b->items_cap, b->nitems, sizeof(*it)) == -1 ||
	    reserve_data(b, what->len) == -1)
		return store_fail_memory(st);
	ref = map_put(&b->item_refs, what->pos * ITEM_MAX + what->kind);
	if (ref == NULL)
		return store_fail_memory(st);
	it = &b->items[b->nitems];
	*it = *what;
	it->data = copy_data(b, data, what->len);
	ref->index = b->nitems++;
	return 0;
}

static struct item *
find_item(struct batch *b, enum store_item kind, uint64_t pos)
{
	const struct item_ref *ref = map_get(&b->item_refs,
	    pos * ITEM_MAX + kind);

	return ref == NULL ? NULL : &b->items[ref->index];
}

int
store_item_put(struct store *st, uint64_t sid, enum store_item kind,
    uint64_t pos, const void *data, size_t len)
{
	struct item it = { .sid = sid, .pos = pos, .kind = kind };
	struct item *old;

	if (len > STORE_ITEM_MAX || pos == 0)
		return store_fail_bug(st, "item out of range");
	it.len = (uint32_t)len;
	old = find_item(&st->batch, kind, pos);
	if (old != NULL && !old->del)
		old->gone = true;
	return add_item(st, &it, data);
}

int
store_item_del(struct store *st, uint64_t sid, enum store_item kind,
    uint64_t pos)
{
	struct item it = { .sid = sid, .pos = pos, .kind = kind, .del = true };
	struct item *old = find_item(&st->batch, kind, pos);

	if (old != NULL && !old->del) {
		old->gone = true;
		return 0;
	}
	return add_item(st, &it, NULL);
}

int
store_clock(struct store *st, int64_t offset)
{
	struct batch *b = &st->batch;
	int64_t diff = offset - st->clock;

	/* Reading two clocks is never exact; less is not worth a row. */
	if (st->have_clock && diff > -100000 && diff < 100000)
		return 0;
	if (grow(&b->clocks, &b->clocks_cap, b->nclocks, sizeof(*b->clocks)) ==
	    -1)
		return store_fail_memory(st);
	if (st->have_clock && (diff > CLOCK_JUMP_NS || diff < -CLOCK_JUMP_NS))
		st->age_pause_until = mono_now() + AGE_PAUSE_NS;
	b->clocks[b->nclocks].pos = st->next_pos;
	b->clocks[b->nclocks++].offset = offset;
	st->clock = offset;
	st->have_clock = true;
	return 0;
}

int64_t
store_real_us(const struct store *st, uint64_t mono_ns)
{
	return mono_ns == 0 ? 0 : ((int64_t)mono_ns + st->clock) / 1000;
}

unsigned
store_batch_rows(const struct store *st)
{
	return (unsigned)st->batch.nrows;
}

size_t
store_batch_bytes(const struct store *st)
{
	return st->batch.len;
}

/* Changes and removals of what is stored stay: they are true. */
unsigned
store_drop(struct store *st)
{
	struct batch *b = &st->batch;
	unsigned n = (unsigned)b->nrows;
	uint64_t first = n > 0 ? b->rows[0].m.pos : 0;
	size_t i, kept = 0;

	for (i = 0; i < b->nchanges; i++)
		if (n == 0 || b->changes[i].kind != CHANGE_ANSWERED ||
		    b->changes[i].value < first)
			b->changes[kept++] = b->changes[i];
	b->nchanges = kept;
	for (i = 0; i < b->nitems; i++)
		if (n > 0 && !b->items[i].del && b->items[i].pos >= first)
			b->items[i].gone = true;
	/* Shares and answers are those of the rows; jobs are true anyway. */
	if (n > 0)
		b->nshares = b->nanswers = 0;
	b->nrows = 0;
	st->n_dropped += n;
	return n;
}
