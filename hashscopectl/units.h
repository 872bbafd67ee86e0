/*
 * Numbers as people read them.
 */
#ifndef HASHSCOPECTL_UNITS_H
#define HASHSCOPECTL_UNITS_H

#include <stdint.h>

#define UNITS_TEXT 32

/* Each returns out. */
const char *units_bytes(uint64_t, char out[UNITS_TEXT]);  /* "1.5 MiB" */
const char *units_us(int64_t us, char out[UNITS_TEXT]);   /* "1.5 ms" */
const char *units_span(int64_t s, char out[UNITS_TEXT]);  /* "3h 12m" */
const char *units_count(uint64_t, char out[UNITS_TEXT]);  /* "12,345" */
const char *units_hashrate(double, char out[UNITS_TEXT]); /* "1.5 TH/s" */
/* Local; with the date when it is not today's. */
const char *units_time(int64_t us, int64_t now_us, char out[UNITS_TEXT]);
const char *units_date(int64_t us, char out[UNITS_TEXT]);

#endif
