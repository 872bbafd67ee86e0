/*
 * How many sessions an address has.  A hash table with open addressing that
 * grows with what is in it; entries whose count is 0 are swept when it
 * grows.  Memory is bounded by the sessions' own limit.
 */
#include <stdlib.h>
#include <string.h>

#include "relayd/relay.h"

struct count {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned n;
	bool used;
};

struct limits {
	struct count *table;
	size_t size; /* a power of two */
	size_t used;
};

struct limits *
limits_new(void)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->size = 256;
	l->table = calloc(l->size, sizeof(*l->table));
	if (l->table == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void
limits_free(struct limits *l)
{
	if (l != NULL)
		free(l->table);
	free(l);
}

static void
key_of(const union address *a, uint8_t key[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->sa.sa_family == AF_INET6) {
		memcpy(key, &a->in6.sin6_addr, 16);
		return;
	}
	memcpy(key, mapped, 12);
	memcpy(key + 12, &a->in.sin_addr, 4);
}

static struct count *
find(struct count *table, size_t size, const uint8_t key[16])
{
	uint64_t h = 1469598103934665603u; /* FNV-1a */
	size_t i;

	for (i = 0; i < 16; i++)
		h = (h ^ key[i]) * 1099511628211u;
	for (i = (size_t)h & (size - 1); table[i].used;
	     i = (i + 1) & (size - 1)) {
		if (memcmp(table[i].addr, key, 16) == 0)
			break;
	}
	return &table[i];
}

/* Twice the room, or the same without the empty ones. */
static void
rehash(struct limits *l)
{
	struct count *table, *c;
	size_t live = 0, size, i;

	for (i = 0; i < l->size; i++)
		live += l->table[i].n > 0;
	size = live * 4 > l->size ? l->size * 2 : l->size;
	table = calloc(size, sizeof(*table));
	if (table == NULL)
		return;
	for (i = 0; i < l->size; i++) {
		if (l->table[i].n == 0)
			continue;
		c = find(table, size, l->table[i].addr);
		*c = l->table[i];
	}
	free(l->table);
	l->table = table;
	l->size = size;
	l->used = live;
}

unsigned
limits_count(struct limits *l, const union address *a, int add)
{
	struct count *c;
	uint8_t key[16];

	key_of(a, key);
	if (add > 0 && (l->used + 1) * 4 > l->size * 3)
		rehash(l);
	c = find(l->table, l->size, key);
	if (!c->used) {
		/* Without room to count, nobody is turned away. */
		if (add <= 0 || l->used + 1 >= l->size)
			return 0;
		memcpy(c->addr, key, sizeof(key));
		c->used = true;
		l->used++;
	}
	if (add > 0)
		c->n++;
	else if (add < 0 && c->n > 0)
		c->n--;
	return c->n;
}
