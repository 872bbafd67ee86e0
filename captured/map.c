/*
 * The map: linear probing, at most half full, grows by doubling.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/map.h"

void
map_init(struct map *m, size_t size)
{
	memset(m, 0, sizeof(*m));
	m->size = size;
}

void
map_free(struct map *m)
{
	free(m->slot);
	map_init(m, m->size);
}

void
map_clear(struct map *m)
{
	if (m->cap > 65536) {
		/* One huge batch shall not cost every later one. */
		map_free(m);
		return;
	}
	if (m->n > 0)
		memset(m->slot, 0, m->cap * m->size);
	m->n = 0;
}

static uint64_t
slot_key(const void *slot)
{
	uint64_t key;

	memcpy(&key, slot, sizeof(key));
	return key;
}

static void *
find_slot(const struct map *m, uint64_t key)
{
	uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 20) & (m->cap - 1);
	char *p;

	for (;; i = (i + 1) & (m->cap - 1)) {
		p = (char *)m->slot + i * m->size;
		if (slot_key(p) == key || slot_key(p) == 0)
			return p;
	}
}

void *
map_get(const struct map *m, uint64_t key)
{
	void *p;

	if (m->n == 0 || key == 0)
		return NULL;
	p = find_slot(m, key);
	return slot_key(p) == key ? p : NULL;
}

static int
map_grow(struct map *m)
{
	struct map old = *m;
	size_t cap = old.cap == 0 ? 64 : old.cap * 2;
	size_t i;
	char *p;

	m->slot = calloc(cap, m->size);
	if (m->slot == NULL) {
		*m = old;
		return -1;
	}
	m->cap = cap;
	for (i = 0; i < old.cap; i++) {
		p = (char *)old.slot + i * old.size;
		if (slot_key(p) != 0)
			memcpy(find_slot(m, slot_key(p)), p, m->size);
	}
	free(old.slot);
	return 0;
}

void *
map_put(struct map *m, uint64_t key)
{
	void *p;

	if (key == 0)
		return NULL;
	if (m->n * 2 >= m->cap && map_grow(m) == -1)
		return NULL;
	p = find_slot(m, key);
	if (slot_key(p) == 0) {
		memcpy(p, &key, sizeof(key));
		m->n++;
	}
	return p;
}

void *
map_next(const struct map *m, size_t *i)
{
	char *p;

	while (*i < m->cap) {
		p = (char *)m->slot + (*i)++ * m->size;
		if (slot_key(p) != 0)
			return p;
	}
	return NULL;
}
