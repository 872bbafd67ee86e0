/*
 * Sums over the last minute, ten minutes, hour and day, in a fixed room:
 * each window is a ring of buckets, a sixth to a twenty-fourth of it long,
 * of which the oldest counts by the part that is still inside.
 *
 * Times are real ones in us, of messages; "now" is given.
 */
#ifndef COMMON_RATES_H
#define COMMON_RATES_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

enum rates_window {
	RATES_1M,
	RATES_10M,
	RATES_1H,
	RATES_24H,
	RATES_MAX
};
#define RATES_BUCKETS (7 + 11 + 13 + 25)
#define RATES_PACKED  (9 * RATES_BUCKETS + 8)
/* The shortest bucket. */
#define RATES_STEP_US INT64_C(10000000)

struct rates {
	int64_t last_us; /* the newest that was added; 0 none */
	double sum[RATES_BUCKETS];
};

void rates_add(struct rates *, int64_t us, double amount);
/* The sum over the window before now. */
double rates_sum(const struct rates *, enum rates_window, int64_t now_us);
/* Its length in seconds, or what of it has passed since it all began. */
double rates_seconds(enum rates_window, int64_t began_us, int64_t now_us);
/* "1m", "10m", "1h", "24h". */
const char *rates_name(enum rates_window);
int64_t rates_us(enum rates_window);

void rates_pack(const struct rates *, struct mbuf *);
/* -1 and nothing in it if that makes no sense. */
int rates_unpack(struct rates *, const void *, size_t);

#endif
