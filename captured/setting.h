/*
 * What an operator has set for a worker: whether its shares are published,
 * how often agents submit each, how often auto-replay repeats one.  Kept by
 * the worker's name, so that it survives a reconnect, and in the store, so
 * that it survives us.
 *
 * What was not set comes from the configuration: the first pattern that
 * matches the worker, else the default.
 */
#ifndef CAPTURED_SETTING_H
#define CAPTURED_SETTING_H

#include <stdbool.h>
#include <stdint.h>

#include "captured/map.h"
#include "common/childconf.h"
#include "common/record.h"

/* Workers with settings; a bound against a script gone mad. */
#define SETTINGS_MAX 16384u

enum setting_on {
	SETTING_UNSET,
	SETTING_OFF,
	SETTING_ON
};

struct setting {
	uint64_t hash;       /* of the name */
	bool dirty;          /* not in the store yet */
	uint8_t broadcast;   /* enum setting_on */
	uint32_t repeat;     /* 0: not set */
	uint32_t auto_count; /* 0: not set */
	char worker[129];
};

struct settings {
	struct map map;
	bool dirty; /* some are */
	/* Of the configuration. */
	bool broadcast;
	unsigned npatterns;
	struct broadcast_conf pattern[BROADCAST_PATTERNS];
};

void settings_init(struct settings *);
void settings_free(struct settings *);
/* What was set for this worker; NULL for nothing. */
const struct setting *settings_find(const struct settings *,
    const char *worker);
/* The same to be changed, made when there is none; NULL without memory, with
 * too many, or when another worker's name has its hash. */
struct setting *settings_get(struct settings *, const char *worker);
/* Fills what holds for the session's worker; true when that is news. */
bool settings_apply(const struct settings *, struct session_rec *);

/* A name against a pattern: `*` any bytes, `?` one.  Linear in practice and
 * never worse than the product of both lengths. */
bool setting_match(const char *pattern, const char *name);

#endif
