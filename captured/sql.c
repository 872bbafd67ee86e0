/*
 * Binding values and reading columns in order; the session's row.
 */
#include <string.h>

#include "captured/sql.h"

void
bind_init(struct bind *b, sqlite3_stmt *q)
{
	b->q = q;
	b->n = 0;
	b->rc = SQLITE_OK;
}

static void
bind_result(struct bind *b, int rc)
{
	if (b->rc == SQLITE_OK)
		b->rc = rc;
}

void
bind_int(struct bind *b, int64_t v)
{
	bind_result(b, sqlite3_bind_int64(b->q, ++b->n, v));
}

void
bind_null(struct bind *b)
{
	bind_result(b, sqlite3_bind_null(b->q, ++b->n));
}

void
bind_double(struct bind *b, double v)
{
	bind_result(b, sqlite3_bind_double(b->q, ++b->n, v));
}

void
bind_text(struct bind *b, const char *s)
{
	bind_result(b, sqlite3_bind_text(b->q, ++b->n, s, -1, SQLITE_STATIC));
}

void
bind_blob(struct bind *b, const void *p, size_t len)
{
	/* An empty blob needs a pointer, or it would become NULL. */
	bind_result(b,
	    sqlite3_bind_blob64(b->q, ++b->n, len == 0 ? "" : p, len,
		SQLITE_STATIC));
}

void
col_init(struct col *c, sqlite3_stmt *q, int first)
{
	c->q = q;
	c->n = first;
}

int64_t
col_int(struct col *c)
{
	return sqlite3_column_int64(c->q, c->n++);
}

double
col_double(struct col *c)
{
	return sqlite3_column_double(c->q, c->n++);
}

void
col_text(struct col *c, char *dst, size_t size)
{
	const void *p = sqlite3_column_text(c->q, c->n);
	size_t len = (size_t)sqlite3_column_bytes(c->q, c->n);

	c->n++;
	if (p == NULL)
		len = 0;
	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(dst, p, len);
	dst[len] = '\0';
}

const void *
col_blob(struct col *c, size_t *len)
{
	const void *p = sqlite3_column_blob(c->q, c->n);

	*len = p == NULL ? 0 : (size_t)sqlite3_column_bytes(c->q, c->n);
	c->n++;
	return p == NULL ? "" : p;
}

void
col_fixed(struct col *c, void *dst, size_t len)
{
	size_t have;
	const void *p = col_blob(c, &have);

	if (have == len)
		memcpy(dst, p, len);
	else
		memset(dst, 0, len);
}

static void
bind_packed(struct bind *b, const struct mbuf *m)
{
	if (m->bad)
		bind_result(b, SQLITE_NOMEM);
	else
		bind_blob(b, m->data, m->len);
}

void
bind_session_hot(struct bind *b, const struct session_rec *r, bool open,
    struct mbuf *m)
{
	bind_int(b, r->last_seen_us);
	bind_int(b, (int64_t)r->messages);
	bind_int(b, (int64_t)r->by_dir[0]);
	bind_int(b, (int64_t)r->by_dir[1]);
	bind_int(b, (int64_t)r->bytes[0]);
	bind_int(b, (int64_t)r->bytes[1]);
	bind_int(b, (int64_t)r->parse_errors);
	bind_int(b, (int64_t)r->gaps);
	bind_int(b, (int64_t)r->gap_bytes);
	bind_double(b, r->difficulty);
	bind_int(b, r->rtt_us[0]);
	bind_int(b, r->rtt_us[1]);
	mbuf_reset(m);
	account_pack(&r->account, open, m);
	bind_packed(b, m);
}

void
bind_session_cold(struct bind *b, const struct session_rec *r, struct mbuf *m)
{
	bind_blob(b, r->id, sizeof(r->id));
	bind_int(b, r->state == SESSION_LIVE);
	bind_int(b, r->replay);
	bind_int(b, r->first_seen_us);
	bind_int(b, r->ended_us);
	bind_int(b, r->pool_port);
	bind_int(b, r->pool_index);
	bind_int(b, r->pool_connect_us);
	bind_text(b, r->peer);
	bind_text(b, r->via);
	bind_text(b, r->listener);
	bind_text(b, r->pool_host);
	bind_text(b, r->pool_peer);
	bind_text(b, r->user_agent);
	bind_text(b, r->mining_session_id);
	bind_text(b, r->worker);
	bind_text(b, r->close_reason);
	bind_text(b, r->close_detail);
	bind_int(b, (int64_t)r->replay_of);
	bind_int(b, r->broadcast_enabled);
	bind_int(b, r->repeat_count);
	bind_int(b, r->auto_replay_count);
	bind_int(b, r->auto_replay_enabled);
	bind_text(b, r->workers);
	bind_text(b, r->extranonce1);
	bind_int(b, r->extranonce2_size);
	mbuf_reset(m);
	rates_pack(&r->account.rates, m);
	bind_packed(b, m);
}

static void
col_account(struct col *c, struct session_account *a)
{
	size_t len;
	const void *p = col_blob(c, &len);

	/* Of one that makes no sense nothing is known. */
	(void)account_unpack(a, p, len);
}

/* What is open is in the account and not yet in the rates. */
static void
col_rates(struct col *c, struct session_account *a)
{
	size_t len;
	const void *p = col_blob(c, &len);

	(void)rates_unpack(&a->rates, p, len);
	rates_add(&a->rates, a->open_us, a->open);
}

static void
col_session_hot(struct col *c, struct session_rec *r)
{
	r->last_seen_us = col_int(c);
	r->messages = (uint64_t)col_int(c);
	r->by_dir[0] = (uint64_t)col_int(c);
	r->by_dir[1] = (uint64_t)col_int(c);
	r->bytes[0] = (uint64_t)col_int(c);
	r->bytes[1] = (uint64_t)col_int(c);
	r->parse_errors = (uint64_t)col_int(c);
	r->gaps = (uint64_t)col_int(c);
	r->gap_bytes = (uint64_t)col_int(c);
	r->difficulty = col_double(c);
	r->rtt_us[0] = (uint32_t)col_int(c);
	r->rtt_us[1] = (uint32_t)col_int(c);
	col_account(c, &r->account);
}

void
col_session(struct col *c, struct session_rec *r)
{
	memset(r, 0, sizeof(*r));
	col_session_hot(c, r);
	col_fixed(c, r->id, sizeof(r->id));
	r->state = col_int(c) != 0 ? SESSION_LIVE : SESSION_ENDED;
	r->replay = col_int(c) != 0;
	r->first_seen_us = col_int(c);
	r->ended_us = col_int(c);
	r->pool_port = (uint16_t)col_int(c);
	r->pool_index = (uint16_t)col_int(c);
	r->pool_connect_us = (uint32_t)col_int(c);
	col_text(c, r->peer, sizeof(r->peer));
	col_text(c, r->via, sizeof(r->via));
	col_text(c, r->listener, sizeof(r->listener));
	col_text(c, r->pool_host, sizeof(r->pool_host));
	col_text(c, r->pool_peer, sizeof(r->pool_peer));
	col_text(c, r->user_agent, sizeof(r->user_agent));
	col_text(c, r->mining_session_id, sizeof(r->mining_session_id));
	col_text(c, r->worker, sizeof(r->worker));
	col_text(c, r->close_reason, sizeof(r->close_reason));
	col_text(c, r->close_detail, sizeof(r->close_detail));
	r->replay_of = (uint64_t)col_int(c);
	r->broadcast_enabled = col_int(c) != 0;
	r->repeat_count = (uint16_t)col_int(c);
	r->auto_replay_count = (uint32_t)col_int(c);
	r->auto_replay_enabled = col_int(c) != 0;
	col_text(c, r->workers, sizeof(r->workers));
	col_text(c, r->extranonce1, sizeof(r->extranonce1));
	r->extranonce2_size = (uint8_t)col_int(c);
	col_rates(c, &r->account);
}

void
bind_alert(struct bind *b, const struct alert_rec *a)
{
	bind_int(b, a->kind);
	bind_int(b, a->severity);
	bind_int(b, a->first_us);
	bind_int(b, a->last_us);
	bind_int(b, a->ended_us);
	bind_int(b, (int64_t)a->count);
	bind_int(b, (int64_t)a->pos);
	if (a->has_session)
		bind_blob(b, a->session, sizeof(a->session));
	else
		bind_null(b);
	bind_text(b, a->pool);
	bind_text(b, a->worker);
	bind_text(b, a->text);
}

static uint8_t
col_below(struct col *c, uint8_t end)
{
	int64_t v = col_int(c);

	return v >= 0 && v < end ? (uint8_t)v : 0;
}

void
col_alert(struct col *c, struct alert_rec *a)
{
	memset(a, 0, sizeof(*a));
	a->id = (uint64_t)col_int(c);
	a->kind = col_below(c, ALERT_KINDS);
	a->severity = col_below(c, ALERT_SEVERITIES);
	a->first_us = col_int(c);
	a->last_us = col_int(c);
	a->ended_us = col_int(c);
	a->count = (uint64_t)col_int(c);
	a->pos = (uint64_t)col_int(c);
	a->has_session = sqlite3_column_type(c->q, c->n) != SQLITE_NULL;
	col_fixed(c, a->session, sizeof(a->session));
	col_text(c, a->pool, sizeof(a->pool));
	col_text(c, a->worker, sizeof(a->worker));
	col_text(c, a->text, sizeof(a->text));
}
