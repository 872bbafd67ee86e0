/*
 * See fanout.h.
 */
#include "common/fanout.h"

#define FIRST_US 10.0
#define FACTOR   1.3

void
fanout_add(struct fanout *f, int64_t us)
{
	double bound = FIRST_US;
	unsigned i = 0;

	if (us < 0)
		us = 0;
	while (i < FANOUT_HIST - 1 && (double)us >= bound) {
		bound *= FACTOR;
		i++;
	}
	f->hist[i]++;
	f->sessions++;
	if (us > f->last_us)
		f->last_us = us;
}

int64_t
fanout_part(const struct fanout *f, double part)
{
	double want = part * (double)f->sessions, seen = 0, low = 0;
	double high = FIRST_US;
	int64_t us;

	for (unsigned i = 0; i < FANOUT_HIST; i++) {
		if (f->hist[i] > 0 && seen + f->hist[i] >= want) {
			us = (int64_t)(low +
			    (high - low) * (want - seen) / f->hist[i]);
			return us < f->last_us ? us : f->last_us;
		}
		seen += f->hist[i];
		low = high;
		high *= FACTOR;
	}
	return 0;
}

void
fanout_pack(const struct fanout *f, struct mbuf *m)
{
	msg_put_u64(m, f->sessions);
	msg_put_i64(m, f->last_us);
	for (unsigned i = 0; i < FANOUT_HIST; i++) {
		if (f->hist[i] == 0)
			continue;
		msg_put_u8(m, (uint8_t)i);
		msg_put_u32(m, f->hist[i]);
	}
}

int
fanout_unpack(struct fanout *f, const void *data, size_t len)
{
	struct mcur c;
	int64_t last;
	uint32_t n;
	unsigned i;

	mcur_init(&c, data, len);
	f->sessions += msg_get_u64(&c);
	last = msg_get_i64(&c);
	if (last > f->last_us)
		f->last_us = last;
	while (c.left > 0 && !c.bad) {
		i = msg_get_u8(&c);
		n = msg_get_u32(&c);
		if (i >= FANOUT_HIST)
			c.bad = true;
		else
			f->hist[i] += n;
	}
	return c.bad ? -1 : 0;
}
