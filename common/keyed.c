/*
 * Chains in a table of fixed size, and a list in the order of use.
 */
#include <stdlib.h>
#include <string.h>

#include "common/keyed.h"

void
keyed_init(struct keyed *k, size_t size, size_t max,
    void (*drop)(void *arg, void *thing), void *arg)
{
	memset(k, 0, sizeof(*k));
	TAILQ_INIT(&k->lru);
	k->size = size;
	k->max = max;
	k->drop = drop;
	k->arg = arg;
}

/* FNV-1a */
uint64_t
keyed_hash(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; len > 0; len--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

void
keyed_remove(struct keyed *k, void *thing)
{
	struct keyed_node *n = thing, **at;

	at = &k->bucket[n->hash % KEYED_BUCKETS];
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	TAILQ_REMOVE(&k->lru, n, lru);
	k->n--;
	k->drop(k->arg, thing);
	free(n);
}

void
keyed_clear(struct keyed *k)
{
	while (!TAILQ_EMPTY(&k->lru))
		keyed_remove(k, TAILQ_FIRST(&k->lru));
}

static struct keyed_node *
look_up(const struct keyed *k, uint64_t hash, const void *key, size_t len)
{
	struct keyed_node *n = k->bucket[hash % KEYED_BUCKETS];

	while (n != NULL &&
	    (n->hash != hash || n->len != len || memcmp(n->key, key, len) != 0))
		n = n->next;
	return n;
}

static struct keyed_node *
find(struct keyed *k, uint64_t hash, const void *key, size_t len)
{
	struct keyed_node *n = look_up(k, hash, key, len);

	if (n != NULL) {
		TAILQ_REMOVE(&k->lru, n, lru);
		TAILQ_INSERT_TAIL(&k->lru, n, lru);
	}
	return n;
}

void *
keyed_peek(const struct keyed *k, const void *key, size_t len)
{
	return look_up(k, keyed_hash(key, len), key, len);
}

void *
keyed_find(struct keyed *k, const void *key, size_t len)
{
	return find(k, keyed_hash(key, len), key, len);
}

void *
keyed_get(struct keyed *k, const void *key, size_t len, bool *fresh)
{
	uint64_t hash = keyed_hash(key, len);
	struct keyed_node *n = find(k, hash, key, len);

	*fresh = n == NULL;
	if (n != NULL)
		return n;
	if (k->n == k->max)
		keyed_remove(k, TAILQ_FIRST(&k->lru));
	if (len > KEYED_KEY || (n = calloc(1, k->size)) == NULL)
		return NULL;
	n->hash = hash;
	n->len = len;
	memcpy(n->key, key, len);
	n->next = k->bucket[hash % KEYED_BUCKETS];
	k->bucket[hash % KEYED_BUCKETS] = n;
	TAILQ_INSERT_TAIL(&k->lru, n, lru);
	k->n++;
	return n;
}
