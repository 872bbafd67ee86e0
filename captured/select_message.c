/*
 * Messages: the filters, the row.
 */
#include <stdio.h>
#include <string.h>

#include "captured/select_int.h"

/* --- the filters --- */

static bool
wanted_flags(const struct query *q, sqlite3_stmt *row)
{
	uint32_t flags = (uint32_t)sqlite3_column_int64(row, C_FLAGS);

	if ((q->flags & QF_DIR) != 0 &&
	    sqlite3_column_int(row, C_DIR) != q->dir)
		return false;
	if ((q->flags & SELECT_ERRORS) != 0 &&
	    !((q->flags & QF_ERRORS_PARSE) != 0 &&
		(flags & MF_PARSE_ERROR) != 0) &&
	    !((q->flags & QF_ERRORS_POOL) != 0 && (flags & MF_ERROR) != 0))
		return false;
	return (q->flags & QF_NO_RESPONSES) == 0 ||
	    (flags & MF_RESPONSE) == 0 ||
	    sqlite3_column_int64(row, C_PAIR) == 0;
}

static bool
wanted_method(const struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	if (sel->q.method[0] == '\0')
		return true;
	if (sqlite3_column_type(row, C_METHOD) == SQLITE_INTEGER)
		return sqlite3_column_int64(row, C_METHOD) == sel->method;
	return strcmp(reader_name(rd, row, C_METHOD), sel->q.method) == 0;
}

int
reader_raw(struct reader *rd, sqlite3_stmt *row, int body_col, enum rd n,
    const uint8_t **raw, uint32_t *len)
{
	struct bind b;
	struct col c;
	size_t size;
	int r;

	col_init(&c, row, body_col + 1);
	if (sqlite3_column_type(row, body_col) == SQLITE_NULL) {
		*raw = col_blob(&c, &size);
		*len = (uint32_t)size;
		return 0;
	}
	rd_start(rd, n, &b);
	bind_int(&b, sqlite3_column_int64(row, body_col));
	r = rd_step(rd, n, &b);
	*raw = (const uint8_t *)"";
	*len = 0;
	if (r == 1) {
		col_init(&c, b.q, 0);
		*raw = col_blob(&c, &size);
		*len = (uint32_t)size;
	}
	return r == -1 ? -1 : 0;
}

static int
wanted_text(struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	struct body_memo *memo = NULL;
	const uint8_t *raw;
	uint32_t len;
	int64_t body;

	if (sel->q.text[0] == '\0')
		return 1;
	if (sqlite3_column_type(row, C_BODY) != SQLITE_NULL) {
		body = sqlite3_column_int64(row, C_BODY);
		memo = &sel->memo[body & (BODY_MEMO - 1)];
		if (memo->body == body)
			return memo->within;
		memo->body = 0;
	}
	if (reader_raw(rd, row, C_BODY, RD_BODY, &raw, &len) == -1)
		return -1;
	if (memo == NULL)
		return text_within(raw, len, sel->q.text);
	memo->within = text_within(raw, len, sel->q.text);
	memo->body = sqlite3_column_int64(row, C_BODY);
	return memo->within;
}

/* 1 wanted, 0 not, -1 error.  The cheap ones first. */
static int
wanted(struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	const struct query *q = &sel->q;
	uint64_t sid = (uint64_t)sqlite3_column_int64(row, C_SESSION);
	int r;

	if ((q->flags & QF_SESSION) != 0 && sid != sel->sid)
		return 0;
	if (!wanted_flags(q, row) || !wanted_method(sel, rd, row) ||
	    !select_in_time(sel, rd, sel->at, sqlite3_column_int64(row, C_TS)))
		return 0;
	r = reader_visible(rd, sel->at, sid);
	return r == 1 ? wanted_text(sel, rd, row) : r;
}

/* --- the row --- */

static int
fill_session(struct message_rec *m, struct reader *rd, int64_t sid)
{
	struct bind b;
	struct col c;
	char peer[64], pool_peer[64];
	int r;

	rd_start(rd, RD_WHO, &b);
	bind_int(&b, sid);
	r = rd_step(rd, RD_WHO, &b);
	if (r != 1)
		return r;
	col_init(&c, b.q, 0);
	col_fixed(&c, m->session, sizeof(m->session));
	col_text(&c, peer, sizeof(peer));
	col_text(&c, pool_peer, sizeof(pool_peer));
	message_set_peer(m, peer, pool_peer);
	if (message_is_replay(m))
		m->replay_of = (uint64_t)col_int(&c);
	rd_reset(rd, RD_WHO);
	return 0;
}

/* The answer of a request, when it is still there. */
static int
fill_response(struct message_rec *m, struct reader *rd)
{
	struct bind b;
	int r;

	rd_start(rd, RD_RESPONSE, &b);
	bind_int(&b, (int64_t)m->pair);
	r = rd_step(rd, RD_RESPONSE, &b);
	if (r != 1)
		return r;
	r = reader_visible(rd, m->pair, (uint64_t)sqlite3_column_int64(b.q, 1));
	if (r != 1)
		return r;
	m->resp_ts_us = reader_real_us(rd, m->pair,
	    sqlite3_column_int64(b.q, 0));
	return reader_raw(rd, b.q, 2, RD_BODY_RESPONSE, &m->resp_raw,
	    &m->resp_len);
}

/* The share that it submits, or that it answers. */
static int
fill_share(struct message_rec *m, struct reader *rd)
{
	uint64_t pos = m->dir != DIR_POOL_TO_MINER ? m->pos :
	    (m->flags & MF_RESPONSE)               ? m->pair :
						     0;
	int r;

	if (pos == 0 || strcmp(m->method, "mining.submit") != 0)
		return 0;
	if ((r = share_is(rd, pos)) == 1)
		m->share = pos;
	return r == -1 ? -1 : 0;
}

static void
fill_times(struct message_rec *m, const struct reader *rd, sqlite3_stmt *row)
{
	int64_t ts = sqlite3_column_int64(row, C_TS);

	m->ts_recv_us = reader_real_us(rd, m->pos, ts);
	if (sqlite3_column_type(row, C_FWD) != SQLITE_NULL)
		m->ts_fwd_us = reader_real_us(rd, m->pos,
		    ts + sqlite3_column_int64(row, C_FWD));
	m->latency_us = -1;
	if (sqlite3_column_type(row, C_LATENCY) != SQLITE_NULL)
		m->latency_us = sqlite3_column_int64(row, C_LATENCY) / 1000;
}

static int
fill(struct message_rec *m, const struct select *sel, struct reader *rd,
    sqlite3_stmt *row)
{
	struct col c;

	memset(m, 0, sizeof(*m));
	m->pos = (uint64_t)sqlite3_column_int64(row, C_POS);
	m->dir = (uint8_t)sqlite3_column_int(row, C_DIR);
	m->flags = (uint32_t)sqlite3_column_int64(row, C_FLAGS);
	m->size = (uint32_t)sqlite3_column_int64(row, C_SIZE);
	m->pair = (uint64_t)sqlite3_column_int64(row, C_PAIR);
	fill_times(m, rd, row);
	snprintf(m->method, sizeof(m->method), "%s",
	    reader_name(rd, row, C_METHOD));
	snprintf(m->protocol, sizeof(m->protocol), "%s",
	    reader_name(rd, row, C_PROTOCOL));
	col_init(&c, row, C_ID);
	col_text(&c, m->jsonrpc_id, sizeof(m->jsonrpc_id));
	col_init(&c, row, C_ERROR);
	col_text(&c, m->parse_error, sizeof(m->parse_error));
	if (fill_session(m, rd, sqlite3_column_int64(row, C_SESSION)) == -1 ||
	    reader_raw(rd, row, C_BODY, RD_BODY, &m->raw, &m->raw_len) == -1 ||
	    fill_share(m, rd) == -1)
		return -1;
	if ((sel->q.flags & QF_WITH_RESPONSE) != 0 && m->pair != 0 &&
	    (m->flags & MF_REQUEST) != 0 && fill_response(m, rd) == -1)
		return -1;
	if ((sel->q.flags & QF_EXPLAIN) == 0)
		return 0;
	return message_explain(rd, m,
	    (uint64_t)sqlite3_column_int64(row, C_SESSION));
}

/* Gives the row out: 1 when the slice ends, 0, -1 error. */
static int
emit(struct select *sel, struct reader *rd, sqlite3_stmt *row)
{
	struct message_rec m;

	if (sel->skip > 0) {
		sel->skip--;
		return 0;
	}
	if (fill(&m, sel, rd, row) == -1)
		return -1;
	return select_took(sel, sel->ops->message(sel->arg, &m));
}

static void
bind_method(const struct select *sel, struct bind *b)
{
	if (sel->method != 0)
		bind_int(b, sel->method);
	else
		bind_text(b, sel->q.method);
}

static void
start(struct select *sel, struct reader *rd, struct bind *b)
{
	uint64_t lo = sel->lo > rd->floor ? sel->lo : rd->floor;

	rd_start(rd, sel->plan, b);
	bind_int(b, (int64_t)lo);
	bind_int(b, (int64_t)sel->hi);
	if (sel->plan == RD_BY_SESSION || sel->plan == RD_BY_SESSION_ASC)
		bind_int(b, (int64_t)sel->sid);
	if (sel->plan == RD_BY_METHOD || sel->plan == RD_BY_METHOD_ASC)
		bind_method(sel, b);
}

int
select_messages(struct select *sel, struct reader *rd, int64_t until)
{
	unsigned looked = 0;
	struct bind b;
	int r, w;

	if (sel->lo > sel->hi)
		return 0;
	start(sel, rd, &b);
	while ((r = rd_step(rd, sel->plan, &b)) == 1) {
		select_looked(sel, (uint64_t)sqlite3_column_int64(b.q, C_POS));
		w = wanted(sel, rd, b.q);
		if (w == 1)
			w = emit(sel, rd, b.q);
		if (w == -1)
			select_look_again(sel);
		if (w != 0)
			return w;
		if (++looked % 64 == 0 && ms_now() >= until)
			return 1;
	}
	return r;
}

int
select_message(struct select *sel, struct reader *rd)
{
	struct bind b;
	int r, w;

	sel->at = sel->q.pos;
	rd_start(rd, RD_MESSAGES, &b);
	bind_int(&b, (int64_t)sel->q.pos);
	bind_int(&b, (int64_t)sel->q.pos);
	r = rd_step(rd, RD_MESSAGES, &b);
	if (r == -1)
		return -1;
	w = r == 0 ? 0 :
		     reader_visible(rd, sel->q.pos,
			 (uint64_t)sqlite3_column_int64(b.q, C_SESSION));
	if (w == 1)
		w = emit(sel, rd, b.q);
	else if (w == 0) {
		sel->status = 1;
		sel->why = "no such message";
	}
	sel->done = w != -1;
	return w == -1 ? -1 : 0;
}
