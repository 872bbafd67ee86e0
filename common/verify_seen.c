/*
 * The shares that have been there, in two generations: when the younger one
 * is full the older one goes, so that what is kept never has to be searched
 * for its oldest member.
 */
#include <stdlib.h>
#include <string.h>

#include "common/verify_int.h"

#define SET_FIRST 16u /* slots; at most half of them are used */

uint64_t
verify_set_key(const uint8_t hash[32])
{
	uint64_t k;

	/* The low bytes: the high ones of a share are zeros. */
	memcpy(&k, hash, sizeof(k));
	return k != 0 ? k : 1;
}

static uint64_t *
find(const struct verify_set *s, uint64_t k)
{
	uint32_t i = (uint32_t)k & (s->cap - 1);

	while (s->slot[i] != 0 && s->slot[i] != k)
		i = (i + 1) & (s->cap - 1);
	return &s->slot[i];
}

static bool
has(const struct verify_set *s, uint64_t k)
{
	return s->n > 0 && *find(s, k) == k;
}

static int
grow(struct verify_set *s)
{
	struct verify_set old = *s;
	uint32_t i;

	s->cap = old.cap == 0 ? SET_FIRST : 2 * old.cap;
	s->slot = calloc(s->cap, sizeof(*s->slot));
	if (s->slot == NULL) {
		*s = old;
		return -1;
	}
	for (i = 0; i < old.cap; i++)
		if (old.slot[i] != 0)
			*find(s, old.slot[i]) = old.slot[i];
	free(old.slot);
	return 0;
}

bool
verify_set_has(const struct verify *v, uint64_t k)
{
	return has(&v->seen[0], k) || has(&v->seen[1], k);
}

void
verify_set_add(struct verify *v, uint64_t k)
{
	struct verify_set *s = &v->seen[0];

	if (has(s, k))
		return;
	if (s->n == VERIFY_SEEN_MAX) {
		free(v->seen[1].slot);
		v->seen[1] = v->seen[0];
		memset(s, 0, sizeof(*s));
	}
	if (2 * (s->n + 1) > s->cap && grow(s) == -1)
		return;
	*find(s, k) = k;
	s->n++;
}

void
verify_set_clear(struct verify *v)
{
	free(v->seen[0].slot);
	free(v->seen[1].slot);
	memset(v->seen, 0, sizeof(v->seen));
}

void
verify_seen(struct verify *v, const uint8_t hash[32])
{
	verify_set_add(v, verify_set_key(hash));
}
