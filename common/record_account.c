/*
 * The account of a session, as bytes: for the store, and within its record.
 */
#include <string.h>

#include "common/record.h"

#define FORMAT 1

void
account_pack(const struct session_account *a, bool open, struct mbuf *m)
{
	msg_put_u8(m, FORMAT);
	msg_put_double(m, open ? a->open : 0);
	msg_put_i64(m, a->open_us);
	conform_pack(&a->notes, m);
	roll_pack(&a->roll, m);
}

int
account_unpack(struct session_account *a, const void *data, size_t len)
{
	struct mcur c;

	memset(a, 0, sizeof(*a));
	if (len == 0)
		return 0;
	mcur_init(&c, data, len);
	if (msg_get_u8(&c) != FORMAT)
		c.bad = true;
	a->open = msg_get_double(&c);
	a->open_us = msg_get_i64(&c);
	conform_unpack(&a->notes, &c);
	if (!c.bad && roll_unpack(&a->roll, c.p, c.left) == 0)
		return 0;
	memset(a, 0, sizeof(*a));
	return -1;
}

double
session_hashrate(const struct session_rec *s, enum rates_window w)
{
	int64_t now = s->state == SESSION_LIVE ? s->now_us : s->last_seen_us;

	if (now < s->last_seen_us)
		now = s->last_seen_us;
	return roll_hashrate(rates_sum(&s->account.rates, w, now),
	    rates_seconds(w, s->first_seen_us, now));
}
