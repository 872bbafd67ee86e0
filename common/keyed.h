/*
 * Things by a key, no more than so many: the one that was asked for longest
 * ago goes for a new one.
 */
#ifndef COMMON_KEYED_H
#define COMMON_KEYED_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYED_KEY     416 /* bytes of a key */
#define KEYED_BUCKETS 4096

/* Each thing begins with it. */
struct keyed_node {
	TAILQ_ENTRY(keyed_node) lru;
	struct keyed_node *next;
	uint64_t hash;
	size_t len;
	char key[KEYED_KEY];
};

struct keyed {
	struct keyed_node *bucket[KEYED_BUCKETS];
	TAILQ_HEAD(keyed_list, keyed_node) lru; /* the latest last */
	size_t n, max, size;
	/* Gives back what a thing holds, before it is freed. */
	void (*drop)(void *arg, void *thing);
	void *arg;
};

/* size bytes each, at most max of them. */
void keyed_init(struct keyed *, size_t size, size_t max,
    void (*drop)(void *arg, void *thing), void *arg);
/* Drops all, the oldest first. */
void keyed_clear(struct keyed *);
/*
 * The thing of a key of at most KEYED_KEY bytes; a new one, all zero behind
 * its node, if there is none (*fresh).  NULL: no memory.
 */
void *keyed_get(struct keyed *, const void *key, size_t len, bool *fresh);
/* The same, NULL if there is none. */
void *keyed_find(struct keyed *, const void *key, size_t len);
/* The same, without it counting as asked for. */
void *keyed_peek(const struct keyed *, const void *key, size_t len);
void keyed_remove(struct keyed *, void *thing);
uint64_t keyed_hash(const void *key, size_t len);

#endif
