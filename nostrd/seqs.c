/*
 * A table of sessions by their ids, which are random enough to be hashes.
 */
#include <stdlib.h>
#include <string.h>

#include "nostrd/seqs.h"

#define DAY_US INT64_C(86400000000)

void
seqs_free(struct seqs *t)
{
	free(t->slot);
	memset(t, 0, sizeof(*t));
}

/* Where it is, or would be; last 0 is free. */
static struct seq *
place(const struct seqs *t, const uint8_t session[16])
{
	uint64_t h;
	unsigned i;

	/* The last bytes of a UUIDv7 are the random ones. */
	memcpy(&h, session + 8, sizeof(h));
	h *= UINT64_C(0x9e3779b97f4a7c15);
	for (i = (unsigned)(h >> 32) & (t->cap - 1); t->slot[i].last != 0 &&
	     memcmp(t->slot[i].session, session, 16) != 0;
	     i = (i + 1) & (t->cap - 1))
		;
	return &t->slot[i];
}

/* Into a table of this size, without those older than since. */
static int
rebuild(struct seqs *t, unsigned cap, int64_t since)
{
	struct seqs more = { calloc(cap, sizeof(struct seq)), cap, 0 };

	if (more.slot == NULL)
		return -1;
	for (unsigned i = 0; i < t->cap; i++) {
		if (t->slot[i].last == 0 || t->slot[i].ts_us < since)
			continue;
		*place(&more, t->slot[i].session) = t->slot[i];
		more.n++;
	}
	free(t->slot);
	*t = more;
	return 0;
}

uint64_t
seqs_last(const struct seqs *t, const uint8_t session[16])
{
	return t->cap == 0 ? 0 : place(t, session)->last;
}

int
seqs_room(struct seqs *t, int64_t ts_us)
{
	if (t->n >= SEQS_MAX && rebuild(t, t->cap, ts_us - DAY_US) == -1)
		return -1;
	if (t->n * 2 < t->cap)
		return 0;
	return rebuild(t, t->cap == 0 ? 64 : t->cap * 2, INT64_MIN);
}

int
seqs_set(struct seqs *t, const uint8_t session[16], uint64_t last,
    int64_t ts_us)
{
	struct seq *s;

	if (seqs_room(t, ts_us) == -1)
		return -1;
	s = place(t, session);
	t->n += s->last == 0;
	memcpy(s->session, session, 16);
	s->last = last;
	s->ts_us = ts_us;
	return 0;
}

void
seqs_put(const struct seqs *t, struct mbuf *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->cap; i++)
		n += t->slot[i].last != 0;
	msg_put_u32(m, n);
	for (unsigned i = 0; i < t->cap; i++) {
		if (t->slot[i].last == 0)
			continue;
		msg_put_raw(m, t->slot[i].session, 16);
		msg_put_u64(m, t->slot[i].last);
		msg_put_i64(m, t->slot[i].ts_us);
	}
}

void
seqs_get(struct seqs *t, struct mcur *c)
{
	uint32_t n = msg_get_u32(c);
	uint8_t session[16];
	uint64_t last;
	int64_t ts;

	seqs_free(t);
	while (n-- > 0 && !c->bad) {
		msg_get_raw(c, session, 16);
		last = msg_get_u64(c);
		ts = msg_get_i64(c);
		if (c->bad || last == 0 || seqs_set(t, session, last, ts) == -1)
			c->bad = true;
	}
}
