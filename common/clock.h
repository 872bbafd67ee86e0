/*
 * The clocks.  Monotonic time is what differences are made of; real time,
 * since 1970 in UTC, is what is shown and kept.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
clock_read_ns(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline uint64_t
clock_mono_ns(void)
{
	return (uint64_t)clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t
clock_mono_ms(void)
{
	return clock_read_ns(CLOCK_MONOTONIC) / 1000000;
}

static inline int64_t
clock_real_us(void)
{
	return clock_read_ns(CLOCK_REALTIME) / 1000;
}

#endif
