/*
 * Records on the wire: each put and its get name the same fields in the
 * same order.  A get leaves the cursor bad when a field is missing, does
 * not fit, or says what no sender of ours can mean.
 */
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/record.h"

#define QF_KNOWN                                                      \
	(QF_DIR | QF_SESSION | QF_ERRORS_PARSE | QF_ERRORS_POOL |     \
	    QF_NO_RESPONSES | QF_WITH_RESPONSE | QF_LIVE | QF_ENDED | \
	    QF_ASCENDING | QF_EXPLAIN | QF_VERIFY | QF_DISPUTED |     \
	    QF_BROADCAST)
/* Nobody can mean more: verdicts are fewer than 16, the pool's than 8. */
#define VERDICTS_KNOWN   0x1ffu
#define SAID_KNOWN       0x0fu
#define QUERY_LIMIT_MAX  100000u
#define QUERY_OFFSET_MAX 10000u
#define QUERY_END_STATUS 3u /* the highest */

static uint8_t
get_below(struct mcur *c, uint8_t end)
{
	uint8_t v = msg_get_u8(c);

	if (v >= end) {
		c->bad = true;
		return 0;
	}
	return v;
}

static const uint8_t *
get_long(struct mcur *c, uint32_t *len32)
{
	const uint8_t *p;
	size_t len;

	p = msg_get_bytes(c, &len, MSG_RECORD_MAX);
	*len32 = c->bad ? 0 : (uint32_t)len;
	return p;
}

void
message_set_peer(struct message_rec *m, const char *peer, const char *pool_peer)
{
	if (m->dir == DIR_HASHSCOPE_TO_POOL)
		snprintf(m->peer, sizeof(m->peer), "hashscope→%.48s",
		    pool_peer);
	else
		snprintf(m->peer, sizeof(m->peer), "%s",
		    m->dir == DIR_POOL_TO_MINER ? pool_peer : peer);
}

bool
message_is_replay(const struct message_rec *m)
{
	return m->dir == DIR_HASHSCOPE_TO_POOL &&
	    (m->flags & MF_REQUEST) != 0 &&
	    strcmp(m->method, "mining.submit") == 0;
}

/* Bytes that may not have been told, which is not the same as none. */
static void
put_maybe(struct mbuf *b, const uint8_t *p, uint32_t len)
{
	msg_put_u8(b, p != NULL);
	msg_put_bytes(b, p, p != NULL ? len : 0);
}

static const uint8_t *
get_maybe(struct mcur *c, uint32_t *len)
{
	bool told = msg_get_bool(c);
	const uint8_t *p = get_long(c, len);

	if (told)
		return p;
	if (*len != 0)
		c->bad = true;
	*len = 0;
	return NULL;
}

void
message_put(struct mbuf *b, const struct message_rec *m)
{
	msg_put_u64(b, m->pos);
	msg_put_raw(b, m->session, sizeof(m->session));
	msg_put_u8(b, m->dir);
	msg_put_u32(b, m->flags);
	msg_put_u32(b, m->size);
	msg_put_i64(b, m->ts_recv_us);
	msg_put_i64(b, m->ts_fwd_us);
	msg_put_u64(b, m->pair);
	msg_put_u64(b, m->replay_of);
	msg_put_i64(b, m->latency_us);
	msg_put_str(b, m->peer);
	msg_put_str(b, m->method);
	msg_put_str(b, m->jsonrpc_id);
	msg_put_str(b, m->protocol);
	msg_put_str(b, m->parse_error);
	msg_put_bytes(b, m->raw, m->raw_len);
	msg_put_i64(b, m->resp_ts_us);
	put_maybe(b, m->resp_raw, m->resp_len);
	msg_put_u64(b, m->share);
	put_maybe(b, m->explanation, m->explanation_len);
}

void
message_get(struct mcur *c, struct message_rec *m)
{
	memset(m, 0, sizeof(*m));
	m->pos = msg_get_u64(c);
	msg_get_raw(c, m->session, sizeof(m->session));
	m->dir = get_below(c, DIR_MAX);
	m->flags = msg_get_u32(c);
	m->size = msg_get_u32(c);
	m->ts_recv_us = msg_get_i64(c);
	m->ts_fwd_us = msg_get_i64(c);
	m->pair = msg_get_u64(c);
	m->replay_of = msg_get_u64(c);
	m->latency_us = msg_get_i64(c);
	msg_get_str(c, m->peer, sizeof(m->peer));
	msg_get_str(c, m->method, sizeof(m->method));
	msg_get_str(c, m->jsonrpc_id, sizeof(m->jsonrpc_id));
	msg_get_str(c, m->protocol, sizeof(m->protocol));
	msg_get_str(c, m->parse_error, sizeof(m->parse_error));
	m->raw = get_long(c, &m->raw_len);
	m->resp_ts_us = msg_get_i64(c);
	m->resp_raw = get_maybe(c, &m->resp_len);
	m->share = msg_get_u64(c);
	m->explanation = get_maybe(c, &m->explanation_len);
}

static void
put_account(struct mbuf *b, const struct session_account *a)
{
	struct mbuf m;

	mbuf_init(&m);
	account_pack(a, true, &m);
	msg_put_bytes(b, m.data, m.len);
	b->bad |= m.bad;
	mbuf_reset(&m);
	rates_pack(&a->rates, &m);
	msg_put_bytes(b, m.data, m.len);
	b->bad |= m.bad;
	mbuf_free(&m);
}

static void
get_account(struct mcur *c, struct session_account *a)
{
	const uint8_t *p;
	size_t len;

	p = msg_get_bytes(c, &len, MSG_KIB(4));
	if (!c->bad && account_unpack(a, p, len) == -1)
		c->bad = true;
	p = msg_get_bytes(c, &len, MSG_KIB(4));
	if (!c->bad && rates_unpack(&a->rates, p, len) == -1)
		c->bad = true;
}

void
session_put(struct mbuf *b, const struct session_rec *s)
{
	unsigned i;

	msg_put_raw(b, s->id, sizeof(s->id));
	msg_put_u8(b, s->state);
	msg_put_u8(b, s->replay);
	msg_put_i64(b, s->first_seen_us);
	msg_put_i64(b, s->last_seen_us);
	msg_put_i64(b, s->ended_us);
	msg_put_u64(b, s->messages);
	for (i = 0; i < 2; i++) {
		msg_put_u64(b, s->by_dir[i]);
		msg_put_u64(b, s->bytes[i]);
		msg_put_u32(b, s->rtt_us[i]);
	}
	msg_put_u64(b, s->parse_errors);
	msg_put_u64(b, s->gaps);
	msg_put_u64(b, s->gap_bytes);
	msg_put_u64(b, s->first_pos);
	msg_put_u64(b, s->last_pos);
	msg_put_double(b, s->difficulty);
	msg_put_u16(b, s->pool_port);
	msg_put_u16(b, s->pool_index);
	msg_put_u32(b, s->pool_connect_us);
	msg_put_str(b, s->peer);
	msg_put_str(b, s->via);
	msg_put_str(b, s->listener);
	msg_put_str(b, s->pool_host);
	msg_put_str(b, s->pool_peer);
	msg_put_str(b, s->user_agent);
	msg_put_str(b, s->mining_session_id);
	msg_put_str(b, s->worker);
	msg_put_str(b, s->workers);
	msg_put_str(b, s->extranonce1);
	msg_put_u8(b, s->extranonce2_size);
	put_account(b, &s->account);
	msg_put_i64(b, s->now_us);
	msg_put_str(b, s->close_reason);
	msg_put_str(b, s->close_detail);
	msg_put_u64(b, s->replay_of);
	msg_put_u8(b, s->broadcast_enabled);
	msg_put_u16(b, s->repeat_count);
	msg_put_u32(b, s->auto_replay_count);
	msg_put_u8(b, s->auto_replay_enabled);
}

void
session_get(struct mcur *c, struct session_rec *s)
{
	unsigned i;

	memset(s, 0, sizeof(*s));
	msg_get_raw(c, s->id, sizeof(s->id));
	s->state = get_below(c, SESSION_ENDED + 1);
	s->replay = msg_get_bool(c);
	s->first_seen_us = msg_get_i64(c);
	s->last_seen_us = msg_get_i64(c);
	s->ended_us = msg_get_i64(c);
	s->messages = msg_get_u64(c);
	for (i = 0; i < 2; i++) {
		s->by_dir[i] = msg_get_u64(c);
		s->bytes[i] = msg_get_u64(c);
		s->rtt_us[i] = msg_get_u32(c);
	}
	s->parse_errors = msg_get_u64(c);
	s->gaps = msg_get_u64(c);
	s->gap_bytes = msg_get_u64(c);
	s->first_pos = msg_get_u64(c);
	s->last_pos = msg_get_u64(c);
	s->difficulty = msg_get_double(c);
	s->pool_port = msg_get_u16(c);
	s->pool_index = msg_get_u16(c);
	s->pool_connect_us = msg_get_u32(c);
	msg_get_str(c, s->peer, sizeof(s->peer));
	msg_get_str(c, s->via, sizeof(s->via));
	msg_get_str(c, s->listener, sizeof(s->listener));
	msg_get_str(c, s->pool_host, sizeof(s->pool_host));
	msg_get_str(c, s->pool_peer, sizeof(s->pool_peer));
	msg_get_str(c, s->user_agent, sizeof(s->user_agent));
	msg_get_str(c, s->mining_session_id, sizeof(s->mining_session_id));
	msg_get_str(c, s->worker, sizeof(s->worker));
	msg_get_str(c, s->workers, sizeof(s->workers));
	msg_get_str(c, s->extranonce1, sizeof(s->extranonce1));
	s->extranonce2_size = msg_get_u8(c);
	get_account(c, &s->account);
	s->now_us = msg_get_i64(c);
	msg_get_str(c, s->close_reason, sizeof(s->close_reason));
	msg_get_str(c, s->close_detail, sizeof(s->close_detail));
	s->replay_of = msg_get_u64(c);
	s->broadcast_enabled = msg_get_bool(c);
	s->repeat_count = msg_get_u16(c);
	s->auto_replay_count = msg_get_u32(c);
	s->auto_replay_enabled = msg_get_bool(c);
}

void
uuid_text(const uint8_t id[16], char out[SESSION_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	unsigned i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[id[i] >> 4];
		*out++ = hex[id[i] & 15];
	}
	*out = '\0';
}

int
uuid_parse(const char *s, uint8_t id[16])
{
	uint8_t v[16];
	unsigned i;
	int hi, lo;

	for (i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return -1;
		if ((hi = hex_digit(s[0])) == -1 ||
		    (lo = hex_digit(s[1])) == -1)
			return -1;
		v[i] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	if (*s != '\0')
		return -1;
	memcpy(id, v, sizeof(v));
	return 0;
}

void
query_put(struct mbuf *b, const struct query *q)
{
	msg_put_u8(b, q->kind);
	msg_put_u32(b, q->flags);
	msg_put_raw(b, q->session, sizeof(q->session));
	msg_put_u8(b, q->dir);
	msg_put_str(b, q->method);
	msg_put_str(b, q->text);
	msg_put_str(b, q->worker);
	msg_put_str(b, q->pool);
	msg_put_u8(b, q->by);
	msg_put_u32(b, q->step_s);
	msg_put_u16(b, q->verdicts);
	msg_put_u8(b, q->said);
	msg_put_i64(b, q->since_us);
	msg_put_i64(b, q->until_us);
	msg_put_u64(b, q->before);
	msg_put_u64(b, q->after);
	msg_put_u64(b, q->pos);
	msg_put_u32(b, q->limit);
	msg_put_u32(b, q->offset);
	msg_put_u32(b, q->deadline_ms);
}

void
query_get(struct mcur *c, struct query *q)
{
	memset(q, 0, sizeof(*q));
	q->kind = get_below(c, Q_MAX);
	q->flags = msg_get_u32(c);
	msg_get_raw(c, q->session, sizeof(q->session));
	q->dir = get_below(c, DIR_MAX);
	msg_get_str(c, q->method, sizeof(q->method));
	msg_get_str(c, q->text, sizeof(q->text));
	msg_get_str(c, q->worker, sizeof(q->worker));
	msg_get_str(c, q->pool, sizeof(q->pool));
	q->by = get_below(c, ROLL_BYS);
	q->step_s = msg_get_u32(c);
	q->verdicts = msg_get_u16(c);
	q->said = msg_get_u8(c);
	q->since_us = msg_get_i64(c);
	q->until_us = msg_get_i64(c);
	q->before = msg_get_u64(c);
	q->after = msg_get_u64(c);
	q->pos = msg_get_u64(c);
	q->limit = msg_get_u32(c);
	q->offset = msg_get_u32(c);
	q->deadline_ms = msg_get_u32(c);
	if (q->kind == 0 || (q->flags & ~QF_KNOWN) != 0 || q->limit == 0 ||
	    (q->verdicts & ~VERDICTS_KNOWN) != 0 ||
	    (q->said & ~SAID_KNOWN) != 0 || q->limit > QUERY_LIMIT_MAX ||
	    q->step_s % 60 != 0 || q->offset > QUERY_OFFSET_MAX)
		c->bad = true;
}

void
query_end_put(struct mbuf *b, const struct query_end *e)
{
	msg_put_u8(b, e->status);
	msg_put_u8(b, e->complete);
	msg_put_u64(b, e->stopped_at);
	msg_put_u64(b, e->rows);
	msg_put_str(b, e->text);
}

void
query_end_get(struct mcur *c, struct query_end *e)
{
	memset(e, 0, sizeof(*e));
	e->status = get_below(c, QUERY_END_STATUS + 1);
	e->complete = msg_get_bool(c);
	e->stopped_at = msg_get_u64(c);
	e->rows = msg_get_u64(c);
	msg_get_str(c, e->text, sizeof(e->text));
}

void
feed_head_put(struct mbuf *b, const struct feed_head *h)
{
	msg_put_raw(b, h->store_id, sizeof(h->store_id));
	msg_put_u64(b, h->prev);
	msg_put_u64(b, h->first);
	msg_put_u64(b, h->last);
	msg_put_u64(b, h->committed);
	msg_put_u32(b, h->count);
}

void
feed_head_get(struct mcur *c, struct feed_head *h)
{
	memset(h, 0, sizeof(*h));
	msg_get_raw(c, h->store_id, sizeof(h->store_id));
	h->prev = msg_get_u64(c);
	h->first = msg_get_u64(c);
	h->last = msg_get_u64(c);
	h->committed = msg_get_u64(c);
	h->count = msg_get_u32(c);
	if (h->first > h->last)
		c->bad = true;
}

void
stats_add(struct stats *s, const char *name, uint64_t value)
{
	struct stat_item *item;

	if (s->n >= STATS_MAX)
		return;
	item = &s->item[s->n++];
	snprintf(item->name, sizeof(item->name), "%s", name);
	item->value = value;
}

uint64_t
stats_value(const struct stats *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->item[i].name, name) == 0)
			return s->item[i].value;
	return 0;
}

void
stats_put(struct mbuf *b, const struct stats *s)
{
	unsigned i;

	msg_put_u32(b, s->n);
	for (i = 0; i < s->n; i++) {
		msg_put_str(b, s->item[i].name);
		msg_put_u64(b, s->item[i].value);
	}
}

void
stats_get(struct mcur *c, struct stats *s)
{
	uint32_t i, n;

	memset(s, 0, sizeof(*s));
	n = msg_get_u32(c);
	if (n > STATS_MAX)
		c->bad = true;
	for (i = 0; i < n && !c->bad; i++) {
		msg_get_str(c, s->item[i].name, sizeof(s->item[i].name));
		s->item[i].value = msg_get_u64(c);
	}
	s->n = c->bad ? 0 : n;
}

void
process_put(struct mbuf *b, const struct process_rec *p)
{
	msg_put_str(b, p->role);
	msg_put_str(b, p->state);
	msg_put_u32(b, (uint32_t)p->pid);
	msg_put_u32(b, p->uid);
	msg_put_u32(b, p->generation);
	msg_put_u64(b, p->uptime_ms);
	msg_put_u64(b, p->rss_kb);
	msg_put_u64(b, p->cpu_ms);
	msg_put_u64(b, p->logs_dropped);
	msg_put_str(b, p->last_exit);
}

void
process_get(struct mcur *c, struct process_rec *p)
{
	memset(p, 0, sizeof(*p));
	msg_get_str(c, p->role, sizeof(p->role));
	msg_get_str(c, p->state, sizeof(p->state));
	p->pid = (int32_t)msg_get_u32(c);
	p->uid = msg_get_u32(c);
	p->generation = msg_get_u32(c);
	p->uptime_ms = msg_get_u64(c);
	p->rss_kb = msg_get_u64(c);
	p->cpu_ms = msg_get_u64(c);
	p->logs_dropped = msg_get_u64(c);
	msg_get_str(c, p->last_exit, sizeof(p->last_exit));
}
