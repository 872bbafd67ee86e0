/*
 * Single shares: the original's event, and the bytes of the outbox.
 */
#include <string.h>

#include "common/nostr_share.h"
#include "common/object.h"
#include "common/record.h"
#include "common/sha256.h"

void
nostr_share_put(struct mbuf *m, const struct nostr_share *s)
{
	msg_put_raw(m, s->session, 16);
	msg_put_u64(m, s->seq);
	msg_put_i64(m, s->ts_us);
	msg_put_u32(m, s->repeat);
	msg_put_u16(m, s->pool_port);
	msg_put_str(m, s->pool_host);
	msg_put_str(m, s->peer);
	msg_put_str(m, s->id);
	msg_put_str(m, s->params);
}

void
nostr_share_get(struct mcur *c, struct nostr_share *s)
{
	msg_get_raw(c, s->session, 16);
	s->seq = msg_get_u64(c);
	s->ts_us = msg_get_i64(c);
	s->repeat = msg_get_u32(c);
	s->pool_port = msg_get_u16(c);
	msg_get_str(c, s->pool_host, sizeof(s->pool_host));
	msg_get_str(c, s->peer, sizeof(s->peer));
	msg_get_str(c, s->id, sizeof(s->id));
	msg_get_str(c, s->params, sizeof(s->params));
	if (s->repeat == 0 || s->repeat > NOSTR_REPEAT_MAX)
		c->bad = true;
}

void
nostr_gap_put(struct mbuf *m, const struct nostr_gap *g)
{
	msg_put_raw(m, g->session, 16);
	msg_put_u64(m, g->first);
	msg_put_u64(m, g->last);
}

void
nostr_gap_get(struct mcur *c, struct nostr_gap *g)
{
	msg_get_raw(c, g->session, 16);
	g->first = msg_get_u64(c);
	g->last = msg_get_u64(c);
	if (g->first > g->last)
		c->bad = true;
}

/*
 * The original made a random one; ours is of what the event is about, so
 * that an event which is built again is the same event.
 */
static void
event_id(const char *run, const struct nostr_share *s, char out[SESSION_TEXT])
{
	struct mbuf m;
	uint8_t h[32] = { 0 };

	mbuf_init(&m);
	msg_put_str(&m, run);
	msg_put_raw(&m, s->session, 16);
	msg_put_u64(&m, s->seq);
	if (!m.bad)
		sha256(m.data, m.len, h);
	mbuf_free(&m);
	h[6] = (uint8_t)((h[6] & 0x0f) | 0x80);
	h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
	uuid_text(h, out);
}

void
nostr_single_write(struct json_out *o, const char *run,
    const struct nostr_share *s)
{
	char uuid[SESSION_TEXT], ts[OBJECT_TIME];

	json_object(o);
	json_kcstr(o, "schema", "hashscope.v1");
	json_kcstr(o, "run_id", run);
	event_id(run, s, uuid);
	json_kcstr(o, "event_id", uuid);
	json_kuint(o, "seq", s->seq);
	object_time(s->ts_us, ts);
	json_kcstr(o, "ts", ts);
	json_kobject(o, "pool");
	json_kcstr(o, "host", s->pool_host);
	json_kuint(o, "port", s->pool_port);
	json_object_end(o);
	json_kobject(o, "stratum");
	json_kcstr(o, "method", "mining.submit");
	json_key(o, "id");
	json_raw(o, s->id, strlen(s->id));
	json_key(o, "params");
	json_raw(o, s->params, strlen(s->params));
	json_object_end(o);
	json_kuint(o, "repeat_count", s->repeat);
	json_kobject(o, "context");
	uuid_text(s->session, uuid);
	json_kcstr(o, "session_id", uuid);
	json_kcstr(o, "miner_peer", s->peer);
	json_object_end(o);
	json_knull(o, "raw");
	json_object_end(o);
}

/* --- reading --- */

static int
take_json(const struct jtree *t, uint32_t node, char *out, size_t cap)
{
	const char *raw;
	size_t len;

	raw = jtree_raw(t, node, &len);
	if (node == JTREE_NONE || len >= cap || memchr(raw, '\0', len) != NULL)
		return -1;
	memcpy(out, raw, len);
	out[len] = '\0';
	return 0;
}

/* The submit: strings only, three to eight of them. */
static int
take_params(const struct jtree *t, uint32_t params, struct nostr_share *s)
{
	uint32_t i, n = jtree_count(t, params);

	if (!jtree_is(t, params, J_ARRAY) || n < 3 || n > 8)
		return -1;
	for (i = 0; i < n; i++)
		if (!jtree_is(t, jtree_item(t, params, i), J_STRING))
			return -1;
	return take_json(t, params, s->params, sizeof(s->params));
}

static int
take_id(const struct jtree *t, uint32_t id, struct nostr_share *s)
{
	switch (jtree_type(t, id)) {
	case J_NUMBER:
	case J_STRING:
		return take_json(t, id, s->id, sizeof(s->id));
	case J_NONE:
	case J_NULL:
		s->id[0] = '\0';
		return 0;
	case J_FALSE:
	case J_TRUE:
	case J_ARRAY:
	case J_OBJECT:
		break;
	}
	return -1;
}

static int
take_pool(const struct jtree *t, uint32_t pool, struct nostr_share *s)
{
	int64_t port = 0;

	if (jtree_str(t, jtree_member(t, pool, "host"), s->pool_host,
		sizeof(s->pool_host)) < 1 ||
	    jtree_int(t, jtree_member(t, pool, "port"), &port) == -1 ||
	    port < 1 || port > 65535)
		return -1;
	s->pool_port = (uint16_t)port;
	return 0;
}

int
nostr_single_parse(struct jtree *t, const char *content, size_t len,
    const char *run, struct nostr_share *s)
{
	int64_t seq = 0, repeat = 1;
	uint32_t root, stratum, context, node;
	char uuid[SESSION_TEXT];

	memset(s, 0, sizeof(*s));
	if (len > NOSTR_PARAMS_MAX + 4096 ||
	    json_valid(content, len, 16, NULL) == -1 ||
	    jtree_parse(t, content, len) == -1)
		return -1;
	root = jtree_root(t);
	stratum = jtree_member(t, root, "stratum");
	context = jtree_member(t, root, "context");
	node = jtree_member(t, root, "repeat_count");
	if (!jtree_equals(t, jtree_member(t, root, "schema"), "hashscope.v1") ||
	    !jtree_equals(t, jtree_member(t, root, "run_id"), run) ||
	    !jtree_equals(t, jtree_member(t, stratum, "method"),
		"mining.submit") ||
	    take_params(t, jtree_member(t, stratum, "params"), s) == -1 ||
	    take_id(t, jtree_member(t, stratum, "id"), s) == -1 ||
	    take_pool(t, jtree_member(t, root, "pool"), s) == -1 ||
	    jtree_int(t, jtree_member(t, root, "seq"), &seq) == -1 || seq < 1 ||
	    (node != JTREE_NONE && jtree_int(t, node, &repeat) == -1) ||
	    repeat < 1 || repeat > NOSTR_REPEAT_MAX ||
	    jtree_str(t, jtree_member(t, context, "session_id"), uuid,
		sizeof(uuid)) == -1 ||
	    uuid_parse(uuid, s->session) == -1)
		return -1;
	s->seq = (uint64_t)seq;
	s->repeat = (uint32_t)repeat;
	return 0;
}
