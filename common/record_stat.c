/*
 * See record_stat.h.
 */
#include <string.h>

#include "common/record_stat.h"

static const char *const by_names[ROLL_BYS] = {
	[ROLL_ALL] = "all",
	[ROLL_WORKER] = "worker",
	[ROLL_POOL] = "pool",
	[ROLL_AGENT] = "user_agent",
};

const char *
roll_by_name(enum roll_by by)
{
	return by < ROLL_BYS ? by_names[by] : "";
}

int
roll_by_find(const char *name)
{
	for (int i = 0; i < ROLL_BYS; i++)
		if (strcmp(name, by_names[i]) == 0)
			return i;
	return -1;
}

void
stat_put(struct mbuf *b, const struct stat_rec *s)
{
	struct mbuf packed;
	unsigned i;

	msg_put_u8(b, s->by);
	msg_put_u8(b, s->other);
	msg_put_u8(b, s->rated);
	msg_put_i64(b, s->ts_us);
	msg_put_double(b, s->seconds);
	msg_put_str(b, s->name);
	for (i = 0; i < RATES_MAX; i++)
		msg_put_double(b, s->hashrate[i]);
	mbuf_init(&packed);
	roll_pack(&s->roll, &packed);
	b->bad |= packed.bad;
	msg_put_bytes(b, packed.data, packed.len);
	mbuf_free(&packed);
}

void
stat_get(struct mcur *c, struct stat_rec *s)
{
	const uint8_t *p;
	size_t len;
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->by = msg_get_u8(c);
	s->other = msg_get_bool(c);
	s->rated = msg_get_bool(c);
	s->ts_us = msg_get_i64(c);
	s->seconds = msg_get_double(c);
	msg_get_str(c, s->name, sizeof(s->name));
	for (i = 0; i < RATES_MAX; i++)
		s->hashrate[i] = msg_get_double(c);
	p = msg_get_bytes(c, &len, ROLL_PACKED);
	if (s->by >= ROLL_BYS ||
	    (!c->bad && roll_unpack(&s->roll, p, len) == -1))
		c->bad = true;
}
