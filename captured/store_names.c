/*
 * What is stored once and named by many messages: the names of methods and
 * protocols, and long bodies that a pool sends to each of its miners.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/store_int.h"

/* FNV-1a, eight bytes at a time: bodies are long. */
uint64_t
hash_bytes(const void *p, size_t len)
{
	const uint8_t *s = p;
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len, w;

	for (; len >= 8; len -= 8, s += 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * UINT64_C(0x100000001b3);
		h ^= h >> 29;
	}
	for (; len > 0; len--)
		h = (h ^ *s++) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	return h == 0 ? 1 : h;
}

void
names_free(struct store *st)
{
	struct name *n;
	size_t i = 0;

	while ((n = map_next(&st->names, &i)) != NULL)
		free(n->text);
	map_free(&st->names);
}

static int
remember(struct store *st, int64_t id, const char *text)
{
	uint64_t hash = hash_bytes(text, strlen(text));
	struct name *n;
	char *copy;

	if (map_get(&st->names, hash) != NULL)
		return 0; /* another text with this hash: never a number */
	copy = strdup(text);
	n = copy == NULL ? NULL : map_put(&st->names, hash);
	if (n == NULL) {
		free(copy);
		return store_fail_memory(st);
	}
	n->id = id;
	n->text = copy;
	return 0;
}

int
names_load(struct store *st)
{
	struct bind b;
	const char *s;
	int r;

	names_free(st);
	sql_start(st, SQL_NAMES_LOAD, &b);
	while ((r = sql_step(st, SQL_NAMES_LOAD, &b)) == 1) {
		s = (const char *)sqlite3_column_text(b.q, 1);
		if (s != NULL &&
		    remember(st, sqlite3_column_int64(b.q, 0), s) == -1) {
			sql_reset(st, SQL_NAMES_LOAD);
			return -1;
		}
	}
	return r;
}

static int
name_add(struct store *st, const char *text)
{
	struct bind b;

	sql_start(st, SQL_NAME_ADD, &b);
	bind_text(&b, text);
	if (sql_run(st, SQL_NAME_ADD, &b) == -1)
		return -1;
	return remember(st, sqlite3_last_insert_rowid(st->db), text);
}

int
names_bind(struct store *st, struct bind *b, const char *text)
{
	const struct name *n;
	uint64_t hash = hash_bytes(text, strlen(text));

	n = map_get(&st->names, hash);
	if (n == NULL && st->names.n < NAMES_MAX) {
		if (name_add(st, text) == -1)
			return -1;
		n = map_get(&st->names, hash);
	}
	if (n != NULL && strcmp(n->text, text) == 0)
		bind_int(b, n->id);
	else
		bind_text(b, text);
	return 0;
}

/* --- bodies --- */

static void
body_forget(struct store *st, struct body *body)
{
	st->body_bytes -= body->len;
	free(body->raw);
	memset(body, 0, sizeof(*body));
}

void
bodies_clear(struct store *st)
{
	int i;

	for (i = 0; i < BODY_CACHE; i++)
		body_forget(st, &st->bodies[i]);
}

/* The slot with these bytes, else a free one, else the one longest unused. */
static struct body *
body_slot(struct store *st, uint64_t hash, const uint8_t *raw, size_t len)
{
	struct body *b, *best = &st->bodies[0];
	int i;

	for (i = 0; i < BODY_CACHE; i++) {
		b = &st->bodies[i];
		if (b->id != 0 && b->hash == hash && b->len == len &&
		    memcmp(b->raw, raw, len) == 0)
			return b;
		if (b->last < best->last)
			best = b;
	}
	return best;
}

static int
body_save(struct store *st, struct body *body)
{
	struct bind b;

	body->used = false;
	sql_start(st, SQL_BODY_USED, &b);
	bind_int(&b, (int64_t)body->last);
	bind_int(&b, body->id);
	return sql_run(st, SQL_BODY_USED, &b);
}

static int
body_new(struct store *st, struct body *body, uint64_t pos, const uint8_t *raw,
    size_t len)
{
	struct bind b;

	sql_start(st, SQL_BODY_ADD, &b);
	bind_int(&b, (int64_t)pos);
	bind_blob(&b, raw, len);
	if (sql_run(st, SQL_BODY_ADD, &b) == -1)
		return -1;
	body->raw = malloc(len);
	if (body->raw == NULL)
		return store_fail_memory(st);
	memcpy(body->raw, raw, len);
	body->len = (uint32_t)len;
	body->id = sqlite3_last_insert_rowid(st->db);
	st->body_bytes += len;
	return 0;
}

/* Puts another body into a slot; what was there must be on record first. */
static int
body_replace(struct store *st, struct body *body, uint64_t pos,
    const uint8_t *raw, size_t len)
{
	if (body->used && body_save(st, body) == -1)
		return -1;
	body_forget(st, body);
	return body_new(st, body, pos, raw, len);
}

static int
bodies_shrink(struct store *st)
{
	struct body *b, *old;
	int i;

	while (st->body_bytes > BODY_CACHE_BYTES) {
		old = NULL;
		for (i = 0; i < BODY_CACHE; i++) {
			b = &st->bodies[i];
			if (b->id != 0 && (old == NULL || b->last < old->last))
				old = b;
		}
		if (old == NULL)
			break;
		if (old->used && body_save(st, old) == -1)
			return -1;
		body_forget(st, old);
	}
	return 0;
}

int
body_find(struct store *st, uint64_t pos, const uint8_t *raw, size_t len,
    int64_t *id)
{
	uint64_t hash = hash_bytes(raw, len);
	struct body *b = body_slot(st, hash, raw, len);

	/* One whose last use lies beneath the floor may be deleted already. */
	if (b->hash == hash && b->id != 0 && b->last >= st->head.floor &&
	    b->len == len && memcmp(b->raw, raw, len) == 0) {
		st->n_shared++;
	} else {
		if (body_replace(st, b, pos, raw, len) == -1)
			return -1;
		b->hash = hash;
	}
	b->last = pos;
	b->used = true;
	*id = b->id;
	return bodies_shrink(st);
}

int
bodies_save(struct store *st)
{
	int i;

	for (i = 0; i < BODY_CACHE; i++)
		if (st->bodies[i].used && body_save(st, &st->bodies[i]) == -1)
			return -1;
	return 0;
}
