/*
 * Settings of workers, in memory; store_setting.c keeps them.
 */
#include <string.h>

#include "captured/setting.h"

void
settings_init(struct settings *t)
{
	memset(t, 0, sizeof(*t));
	map_init(&t->map, sizeof(struct setting));
}

void
settings_free(struct settings *t)
{
	map_free(&t->map);
}

/* FNV-1a; never 0. */
static uint64_t
hash_of(const char *worker)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *worker != '\0'; worker++)
		h = (h ^ (uint8_t)*worker) * UINT64_C(0x100000001b3);
	return h == 0 ? 1 : h;
}

const struct setting *
settings_find(const struct settings *t, const char *worker)
{
	const struct setting *s = map_get(&t->map, hash_of(worker));

	return s != NULL && strcmp(s->worker, worker) == 0 ? s : NULL;
}

struct setting *
settings_get(struct settings *t, const char *worker)
{
	struct setting *s = map_get(&t->map, hash_of(worker));
	size_t len = strlen(worker);

	if (s != NULL)
		return strcmp(s->worker, worker) == 0 ? s : NULL;
	if (t->map.n >= SETTINGS_MAX || len >= sizeof(s->worker) ||
	    (s = map_put(&t->map, hash_of(worker))) == NULL)
		return NULL;
	memcpy(s->worker, worker, len + 1);
	return s;
}

bool
setting_match(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (*s != '\0') {
		if (*p == '*') {
			star = p++;
			from = s;
		} else if (*p != '\0' && (*p == '?' || *p == *s)) {
			p++;
			s++;
		} else if (star != NULL) {
			/* The last star takes one byte more. */
			p = star + 1;
			s = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

static bool
broadcast_of(const struct settings *t, const struct setting *s,
    const struct session_rec *r)
{
	/* What HashScope repeats was published when a miner said it. */
	if (r->replay)
		return false;
	if (s != NULL && s->broadcast != SETTING_UNSET)
		return s->broadcast == SETTING_ON;
	for (unsigned i = 0; i < t->npatterns; i++)
		if (setting_match(t->pattern[i].pattern, r->worker))
			return t->pattern[i].on;
	return t->broadcast;
}

bool
settings_apply(const struct settings *t, struct session_rec *r)
{
	const struct setting *s = settings_find(t, r->worker);
	bool broadcast = broadcast_of(t, s, r);
	uint16_t repeat = s != NULL && s->repeat != 0 ? (uint16_t)s->repeat : 1;
	uint32_t count = s != NULL && s->auto_count != 0 ? s->auto_count : 1;
	bool news = r->broadcast_enabled != broadcast ||
	    r->repeat_count != repeat || r->auto_replay_count != count;

	r->broadcast_enabled = broadcast;
	r->repeat_count = repeat;
	r->auto_replay_count = count;
	return news;
}
