/*
 * The replay role's messages: each put and its get name the same fields in
 * the same order.
 */
#include <string.h>

#include "common/replay.h"

void
replay_ask_put(struct mbuf *b, const struct replay_ask *a)
{
	msg_put_str(b, a->listener);
	pool_conf_put(b, &a->pool);
	msg_put_u64(b, a->replay_of);
}

void
replay_ask_get(struct mcur *c, struct replay_ask *a)
{
	memset(a, 0, sizeof(*a));
	msg_get_str(c, a->listener, sizeof(a->listener));
	pool_conf_get(c, &a->pool);
	a->replay_of = msg_get_u64(c);
}

void
replay_conf_put(struct mbuf *b, const struct replay_conf *r)
{
	msg_put_str(b, r->worker);
	msg_put_str(b, r->password);
	msg_put_u32(b, r->rate);
	msg_put_u32(b, r->answer_ms);
	msg_put_u32(b, r->idle_ms);
}

void
replay_conf_get(struct mcur *c, struct replay_conf *r)
{
	memset(r, 0, sizeof(*r));
	msg_get_str(c, r->worker, sizeof(r->worker));
	msg_get_str(c, r->password, sizeof(r->password));
	r->rate = msg_get_u32(c);
	r->answer_ms = msg_get_u32(c);
	r->idle_ms = msg_get_u32(c);
	if (r->rate == 0)
		c->bad = true;
}

void
replay_follow_put(struct mbuf *b, const struct replay_follow *f)
{
	msg_put_raw(b, f->session, sizeof(f->session));
	msg_put_u8(b, f->on);
}

void
replay_follow_get(struct mcur *c, struct replay_follow *f)
{
	memset(f, 0, sizeof(*f));
	msg_get_raw(c, f->session, sizeof(f->session));
	f->on = msg_get_bool(c);
}
