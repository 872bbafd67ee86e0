/*
 * A map from numbers to small records of one size, open addressing; nothing
 * is ever taken out singly.
 */
#ifndef CAPTURED_MAP_H
#define CAPTURED_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
	void *slot;
	size_t size; /* of a record; it begins with its uint64_t key, not 0 */
	size_t cap;
	size_t n;
};

void map_init(struct map *, size_t size);
void map_free(struct map *);
void map_clear(struct map *); /* empty, keep the memory */
/* A record, valid until the next map_put; NULL when there is none. */
void *map_get(const struct map *, uint64_t key);
/* The record, made with zeroes when there is none; NULL without memory. */
void *map_put(struct map *, uint64_t key);
/* The next record from *i on (begin with 0), or NULL. */
void *map_next(const struct map *, size_t *i);

#endif
