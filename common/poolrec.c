/*
 * Pools on the wire and as JSON.
 */
#include <string.h>

#include "common/object.h"
#include "common/poolrec.h"

void
pool_rec_put(struct mbuf *b, const struct pool_rec *p)
{
	msg_put_str(b, p->listener);
	msg_put_u16(b, p->index);
	msg_put_str(b, p->host);
	msg_put_u16(b, p->port);
	msg_put_u8(b, p->up);
	msg_put_u32(b, p->retry_ms);
	msg_put_str(b, p->peer);
	msg_put_u32(b, p->sessions);
	msg_put_u64(b, p->connects);
	msg_put_u64(b, p->failures);
	msg_put_u32(b, p->connect_us);
	msg_put_i64(b, p->connected_us);
	msg_put_i64(b, p->failed_us);
	msg_put_str(b, p->error);
}

void
pool_rec_get(struct mcur *c, struct pool_rec *p)
{
	memset(p, 0, sizeof(*p));
	msg_get_str(c, p->listener, sizeof(p->listener));
	p->index = msg_get_u16(c);
	msg_get_str(c, p->host, sizeof(p->host));
	p->port = msg_get_u16(c);
	p->up = msg_get_bool(c);
	p->retry_ms = msg_get_u32(c);
	msg_get_str(c, p->peer, sizeof(p->peer));
	p->sessions = msg_get_u32(c);
	p->connects = msg_get_u64(c);
	p->failures = msg_get_u64(c);
	p->connect_us = msg_get_u32(c);
	p->connected_us = msg_get_i64(c);
	p->failed_us = msg_get_i64(c);
	msg_get_str(c, p->error, sizeof(p->error));
}

static void
put_text(struct json_out *o, const char *key, const char *text)
{
	json_kcstr(o, key, text[0] == '\0' ? NULL : text);
}

static void
put_when(struct json_out *o, const char *key, int64_t us)
{
	char text[OBJECT_TIME];

	if (us != 0)
		object_time(us, text);
	json_kcstr(o, key, us != 0 ? text : NULL);
}

void
object_pool_members(struct json_out *o, const struct pool_rec *p)
{
	json_kcstr(o, "listener", p->listener);
	json_kuint(o, "index", p->index);
	json_kcstr(o, "host", p->host);
	json_kuint(o, "port", p->port);
	json_kcstr(o, "state", p->up ? "up" : "down");
	if (p->up)
		json_knull(o, "retry_ms");
	else
		json_kuint(o, "retry_ms", p->retry_ms);
	put_text(o, "peer", p->peer);
	json_kuint(o, "sessions", p->sessions);
	json_kuint(o, "connects", p->connects);
	json_kuint(o, "failures", p->failures);
	if (p->connect_us != 0)
		json_kdouble(o, "connect_ms", p->connect_us / 1000.0);
	else
		json_knull(o, "connect_ms");
	put_when(o, "last_connect", p->connected_us);
	put_when(o, "last_failure", p->failed_us);
	put_text(o, "error", p->error);
}

void
object_pool(struct json_out *o, const struct pool_rec *p)
{
	json_object(o);
	object_pool_members(o, p);
	json_object_end(o);
}
