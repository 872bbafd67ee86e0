/*
 * See rates.h.
 */
#include <string.h>

#include "common/rates.h"

#define SECOND INT64_C(1000000)

static const struct window {
	const char *name;
	int64_t bucket; /* us */
	unsigned n;     /* buckets of it; one more is kept */
	unsigned at;    /* in sum */
} windows[RATES_MAX] = {
	[RATES_1M] = { "1m", RATES_STEP_US, 6, 0 },
	[RATES_10M] = { "10m", 60 * SECOND, 10, 7 },
	[RATES_1H] = { "1h", 300 * SECOND, 12, 18 },
	[RATES_24H] = { "24h", 3600 * SECOND, 24, 31 },
};

const char *
rates_name(enum rates_window w)
{
	return windows[w].name;
}

int64_t
rates_us(enum rates_window w)
{
	return windows[w].bucket * windows[w].n;
}

/* Makes `to` the newest bucket: those that it passes are empty. */
static void
advance(struct rates *r, const struct window *w, int64_t from, int64_t to)
{
	int64_t i = to - from > w->n ? to - w->n : from + 1;

	for (; i <= to; i++)
		r->sum[w->at + (uint64_t)i % (w->n + 1)] = 0;
}

void
rates_add(struct rates *r, int64_t us, double amount)
{
	const struct window *w;
	int64_t last, i;

	if (us <= 0)
		return;
	for (w = windows; w < windows + RATES_MAX; w++) {
		last = r->last_us / w->bucket;
		i = us / w->bucket;
		if (i > last)
			advance(r, w, last, i);
		else if (i < last - w->n)
			continue;
		r->sum[w->at + (uint64_t)i % (w->n + 1)] += amount;
	}
	if (us > r->last_us)
		r->last_us = us;
}

double
rates_sum(const struct rates *r, enum rates_window which, int64_t now)
{
	const struct window *w = &windows[which];
	int64_t from = now - w->bucket * w->n, last = r->last_us / w->bucket;
	int64_t i, start;
	double sum = 0, part;

	for (i = last - w->n < 0 ? 0 : last - w->n; i <= last; i++) {
		start = i * w->bucket;
		if (start >= from)
			part = 1;
		else
			part = 1 - (double)(from - start) / (double)w->bucket;
		if (part > 0)
			sum += part * r->sum[w->at + (uint64_t)i % (w->n + 1)];
	}
	return sum;
}

double
rates_seconds(enum rates_window w, int64_t began, int64_t now)
{
	int64_t us = rates_us(w);

	if (now - began < us)
		us = now - began;
	return us < 0 ? 0 : (double)us / SECOND;
}

void
rates_pack(const struct rates *r, struct mbuf *m)
{
	msg_put_i64(m, r->last_us);
	for (unsigned i = 0; i < RATES_BUCKETS; i++) {
		if (r->sum[i] == 0)
			continue;
		msg_put_u8(m, (uint8_t)i);
		msg_put_double(m, r->sum[i]);
	}
}

int
rates_unpack(struct rates *r, const void *data, size_t len)
{
	struct mcur c;
	unsigned i;
	double v;

	memset(r, 0, sizeof(*r));
	if (len == 0)
		return 0;
	mcur_init(&c, data, len);
	r->last_us = msg_get_i64(&c);
	while (c.left > 0 && !c.bad) {
		i = msg_get_u8(&c);
		v = msg_get_double(&c);
		if (i >= RATES_BUCKETS || !(v >= 0))
			c.bad = true;
		else
			r->sum[i] = v;
	}
	if (!c.bad && r->last_us >= 0)
		return 0;
	memset(r, 0, sizeof(*r));
	return -1;
}
