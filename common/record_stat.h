/*
 * A point of the statistics: what one worker, pool, firmware, or all of them
 * did in a while; the answer to Q_STATS.
 */
#ifndef COMMON_RECORD_STAT_H
#define COMMON_RECORD_STAT_H

#include "common/json.h"
#include "common/record.h"

struct stat_rec {
	uint8_t by;     /* enum roll_by */
	bool other;     /* of all whose names are not kept */
	bool rated;     /* hashrate[] is known: of the whole time only */
	int64_t ts_us;  /* where it begins; real time */
	double seconds; /* that it is about, as far as there were messages */
	char name[STRATUM_TEXT_MAX + 1];
	double hashrate[RATES_MAX]; /* over the windows before its end */
	struct roll roll;
};

void stat_put(struct mbuf *, const struct stat_rec *);
void stat_get(struct mcur *, struct stat_rec *);

/* "all", "worker", "pool", "user_agent". */
const char *roll_by_name(enum roll_by);
/* The same back; -1. */
int roll_by_find(const char *);

void object_stat(struct json_out *, const struct stat_rec *);
/* Keys into the object that is open: hashrate (of ten minutes), hashrates. */
void object_put_hashrates(struct json_out *, const double rate[RATES_MAX]);
/* "shares", an object of counts, rates and difficulties; "latency". */
void object_put_roll(struct json_out *, const struct roll *);

#endif
