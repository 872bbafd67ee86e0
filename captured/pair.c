/*
 * The list lies in one array, e[head] to e[head + n - 1], oldest first.
 * Answers come nearly always in order, so taking out is at the front.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/pair.h"

#define PAIR_FIXED 24

static const char *
entry_id(const struct pair_entry *e)
{
	return e->id_kept > PAIR_INLINE ? e->more : e->id;
}

static const char *
entry_method(const struct pair_entry *e)
{
	if (e->method_len == 0)
		return stratum_method_name((enum stratum_method)e->method);
	return e->more + (e->id_kept > PAIR_INLINE ? e->id_kept : 0);
}

static int
make_room(struct pair_list *l)
{
	struct pair_entry *e;
	uint16_t cap;

	if (l->head + l->n < l->cap)
		return 0;
	if (l->head > 0) {
		memmove(l->e, l->e + l->head, l->n * sizeof(*l->e));
		l->head = 0;
		return 0;
	}
	cap = l->cap == 0 ? 4 : (uint16_t)(l->cap * 2);
	e = realloc(l->e, cap * sizeof(*e));
	if (e == NULL)
		return -1;
	l->e = e;
	l->cap = cap;
	return 0;
}

/* Removes the i-th; an idle session shall hold no memory for this. */
static void
remove_at(struct pair_list *l, unsigned i)
{
	struct pair_entry *e = l->e + l->head;

	free(e[i].more);
	l->n--;
	if (i == 0)
		l->head++;
	else
		memmove(e + i, e + i + 1, (l->n - i) * sizeof(*e));
	if (l->n > 0)
		return;
	l->head = 0;
	if (l->cap > 16) {
		free(l->e);
		l->e = NULL;
		l->cap = 0;
	}
}

/* Fills e from an id's kept bytes and a method; -1 without memory. */
static int
fill(struct pair_entry *e, const char *id, size_t id_kept, const char *method,
    size_t method_len)
{
	size_t spill = id_kept > PAIR_INLINE ? id_kept : 0;

	e->id_kept = (uint8_t)id_kept;
	e->method_len = (uint8_t)method_len;
	if (spill == 0)
		memcpy(e->id, id, id_kept);
	if (spill + method_len == 0)
		return 0;
	e->more = malloc(spill + method_len + 1);
	if (e->more == NULL)
		return -1;
	memcpy(e->more, id, spill);
	memcpy(e->more + spill, method, method_len);
	e->more[spill + method_len] = '\0';
	return 0;
}

static int
add(struct pair_list *l, struct pair_entry *e, const char *id, size_t id_kept,
    const char *method, size_t method_len)
{
	if (make_room(l) == -1 ||
	    fill(e, id, id_kept, method, method_len) == -1)
		return -1;
	l->e[l->head + l->n++] = *e;
	return 0;
}

int
pair_push(struct pair_list *l, uint64_t pos, uint64_t ts,
    const struct stratum_msg *m, uint64_t *dropped)
{
	struct pair_entry e = { .pos = pos,
		.ts = ts,
		.hash = m->id.hash,
		.id_len = m->id.len,
		.id_type = m->id.type,
		.method = m->method };
	size_t kept = m->id.len < STRATUM_ID_MAX ? m->id.len : STRATUM_ID_MAX;
	const char *known = stratum_method_name((enum stratum_method)m->method);
	size_t named = strcmp(known, m->method_text) == 0 ? 0 : m->method_len;

	*dropped = l->n >= PAIR_MAX ? pair_shift(l) : 0;
	return add(l, &e, m->id.text, kept, m->method_text, named);
}

static bool
same_id(const struct pair_entry *e, const struct stratum_id *id)
{
	return e->hash == id->hash && e->id_type == id->type &&
	    e->id_len == id->len &&
	    memcmp(entry_id(e), id->text, e->id_kept) == 0;
}

bool
pair_take(struct pair_list *l, const struct stratum_id *id,
    struct pair_answer *out)
{
	const struct pair_entry *e = l->e + l->head;
	const char *method;

	for (unsigned i = 0; i < l->n; i++, e++) {
		if (!same_id(e, id))
			continue;
		out->pos = e->pos;
		out->ts = e->ts;
		out->kind = (enum stratum_method)e->method;
		method = entry_method(e);
		memcpy(out->method, method, strlen(method) + 1);
		remove_at(l, i);
		return true;
	}
	return false;
}

bool
pair_is_newest(const struct pair_list *l, const struct stratum_id *id)
{
	return l->n > 0 && same_id(&l->e[l->head + l->n - 1], id);
}

uint64_t
pair_shift(struct pair_list *l)
{
	uint64_t pos;

	if (l->n == 0)
		return 0;
	pos = l->e[l->head].pos;
	remove_at(l, 0);
	return pos;
}

uint64_t
pair_newest(const struct pair_list *l)
{
	return l->n == 0 ? 0 : l->e[l->head + l->n - 1].pos;
}

uint64_t
pair_pop(struct pair_list *l)
{
	uint64_t pos = pair_newest(l);

	if (l->n > 0)
		remove_at(l, l->n - 1u);
	return pos;
}

void
pair_clear(struct pair_list *l)
{
	while (l->n > 0)
		remove_at(l, l->n - 1u);
	free(l->e);
	memset(l, 0, sizeof(*l));
}

/* ts, hash, id_len, type, kept, method, method_len; the id; the method. */
size_t
pair_pack(const struct pair_list *l, uint8_t out[PAIR_ITEM_MAX])
{
	const struct pair_entry *e = &l->e[l->head + l->n - 1];
	uint8_t *p = out + PAIR_FIXED;

	memcpy(out, &e->ts, 8);
	memcpy(out + 8, &e->hash, 8);
	memcpy(out + 16, &e->id_len, 4);
	out[20] = e->id_type;
	out[21] = e->id_kept;
	out[22] = e->method;
	out[23] = e->method_len;
	memcpy(p, entry_id(e), e->id_kept);
	if (e->method_len > 0)
		memcpy(p + e->id_kept, entry_method(e), e->method_len);
	return PAIR_FIXED + (size_t)e->id_kept + e->method_len;
}

int
pair_unpack(struct pair_list *l, uint64_t pos, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct pair_entry e = { .pos = pos };

	if (len < PAIR_FIXED || l->n >= PAIR_MAX || p[21] > STRATUM_ID_MAX ||
	    p[22] >= STRATUM_M_COUNT || p[23] > STRATUM_METHOD_MAX ||
	    len != PAIR_FIXED + (size_t)p[21] + p[23])
		return -1;
	memcpy(&e.ts, p, 8);
	memcpy(&e.hash, p + 8, 8);
	memcpy(&e.id_len, p + 16, 4);
	e.id_type = p[20];
	e.method = p[22];
	return add(l, &e, (const char *)p + PAIR_FIXED, p[21],
	    (const char *)p + PAIR_FIXED + p[21], p[23]);
}
