/*
 * See capture_util.h.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/capture_util.h"

void
ring_init(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	mbuf_init(&r->data);
	r->now = 1000000000;
}

void
ring_reset(struct ring *r)
{
	mbuf_reset(&r->data);
	r->n = 0;
}

void
ring_free(struct ring *r)
{
	mbuf_free(&r->data);
	free(r->at);
}

void
ring_entry(struct ring *r, struct tap_head h, const void *payload,
    bool numbered)
{
	static const uint8_t zero[8];

	if (r->n + 2 > r->cap) {
		r->cap = r->cap == 0 ? 256 : r->cap * 2;
		r->at = realloc(r->at, r->cap * sizeof(*r->at));
		if (r->at == NULL)
			abort();
	}
	h.seq = numbered ? ++r->seq : 0;
	r->at[r->n++] = r->data.len;
	msg_put_raw(&r->data, &h, sizeof(h));
	msg_put_raw(&r->data, payload, h.len);
	msg_put_raw(&r->data, zero, TAP_PAD(h.len) - h.len);
	r->at[r->n] = r->data.len;
}

void
test_uuid(uint64_t session, uint8_t uuid[16])
{
	memset(uuid, 0x55, 16);
	memcpy(uuid, &session, sizeof(session));
}

void
ring_open(struct ring *r, uint64_t session, bool numbered)
{
	struct tap_head h = { .kind = TAP_OPEN,
		.len = sizeof(struct tap_open),
		.session = session,
		.ts_recv = r->now };
	struct tap_open o = { .opened_us = 1700000000000000 };

	test_uuid(session, o.uuid);
	snprintf(o.peer, sizeof(o.peer), "192.0.2.%u:5000",
	    (unsigned)session & 255);
	snprintf(o.listener, sizeof(o.listener), "0.0.0.0:3333");
	ring_entry(r, h, &o, numbered);
}

void
ring_pool(struct ring *r, uint64_t session, bool numbered)
{
	struct tap_head h = { .kind = TAP_POOL,
		.len = sizeof(struct tap_pool),
		.session = session,
		.ts_recv = r->now };
	struct tap_pool p = { .port = 3333, .connect_us = 500 };

	snprintf(p.host, sizeof(p.host), "pool.example");
	snprintf(p.peer, sizeof(p.peer), "198.51.100.1:3333");
	ring_entry(r, h, &p, numbered);
}

void
ring_chunk(struct ring *r, uint64_t session, unsigned dir, uint64_t offset,
    const void *p, size_t len, bool forwarded)
{
	struct tap_head h = { .kind = TAP_CHUNK,
		.dir = (uint8_t)dir,
		.len = (uint32_t)len,
		.session = session,
		.offset = offset };

	r->now += 1000000;
	h.ts_recv = r->now;
	h.ts_fwd = forwarded ? r->now + 1000 : 0;
	ring_entry(r, h, p, true);
}

void
ring_fwd(struct ring *r, uint64_t session, unsigned dir, uint64_t offset)
{
	struct tap_head h = { .kind = TAP_FWD,
		.dir = (uint8_t)dir,
		.session = session,
		.offset = offset };

	r->now += 1000;
	h.ts_fwd = r->now;
	ring_entry(r, h, NULL, true);
}

void
ring_half(struct ring *r, uint64_t session, unsigned dir, uint64_t offset,
    bool numbered)
{
	struct tap_head h = { .kind = TAP_HALF,
		.dir = (uint8_t)dir,
		.session = session,
		.offset = offset };

	ring_entry(r, h, NULL, numbered);
}

void
ring_closed(struct ring *r, uint64_t session, const uint64_t read[2],
    const uint64_t delivered[2], bool numbered)
{
	struct tap_head h = { .kind = TAP_CLOSED,
		.len = sizeof(struct tap_closed),
		.session = session,
		.ts_recv = r->now };
	struct tap_closed c = { .closed_us = 1700000100000000,
		.reason = "miner_closed" };

	memcpy(c.read, read, sizeof(c.read));
	memcpy(c.delivered, delivered, sizeof(c.delivered));
	ring_entry(r, h, &c, numbered);
}

struct tap_head
ring_head(const struct ring *r, size_t i)
{
	struct tap_head h;

	memcpy(&h, r->data.data + r->at[i], sizeof(h));
	return h;
}

int
ring_give(const struct ring *r, size_t from, size_t to, struct ingest *in)
{
	if (from == to)
		return 0;
	return ingest_batch(in, r->data.data + r->at[from],
	    r->at[to] - r->at[from]);
}

/* --- directories --- */

void
test_dir(char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, size, "%s/captured.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(dir) == NULL)
		abort();
}

void
test_dir_remove(const char *dir)
{
	char path[CONF_PATH];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

void
test_conf(struct capture_conf *c, const char *dir)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	c->messages = 1000000;
	c->per_session = 100000;
	c->size_bytes = UINT64_C(2) << 30;
	c->ack_ms = 20;
	c->commit_ms = 200;
	c->commit_rows = 2000;
	c->hold_ms = 1000;
	c->wal_bytes = 64u << 20;
}

/* --- what was stored --- */

static sqlite3_stmt *
query(const char *dir, const char *sql, sqlite3 **db)
{
	char path[CONF_PATH];
	sqlite3_stmt *q = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, STORE_FILE);
	if (sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE, NULL) !=
		SQLITE_OK ||
	    sqlite3_prepare_v2(*db, sql, -1, &q, NULL) != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(*db));
	return q;
}

static void
text(sqlite3_stmt *q, int col, char *out, size_t size)
{
	const char *s = (const char *)sqlite3_column_text(q, col);

	snprintf(out, size, "%s", s == NULL ? "" : s);
}

static void
row(sqlite3_stmt *q, struct got *g)
{
	g->pos = (uint64_t)sqlite3_column_int64(q, 0);
	g->session = (uint64_t)sqlite3_column_int64(q, 1);
	g->dir = (unsigned)sqlite3_column_int(q, 2);
	g->flags = (uint32_t)sqlite3_column_int64(q, 3);
	g->ts = sqlite3_column_int64(q, 4);
	g->size = (uint32_t)sqlite3_column_int64(q, 5);
	g->fwd = sqlite3_column_type(q, 6) == SQLITE_NULL ?
	    0 :
	    g->ts + sqlite3_column_int64(q, 6);
	g->pair = (uint64_t)sqlite3_column_int64(q, 7);
	g->latency = sqlite3_column_type(q, 8) == SQLITE_NULL ?
	    -1 :
	    sqlite3_column_int64(q, 8);
	text(q, 9, g->method, sizeof(g->method));
	text(q, 10, g->protocol, sizeof(g->protocol));
	text(q, 11, g->id, sizeof(g->id));
	text(q, 12, g->error, sizeof(g->error));
	g->len = (uint32_t)sqlite3_column_bytes(q, 13);
	g->raw = malloc(g->len + 1u);
	if (g->raw == NULL)
		abort();
	if (g->len > 0)
		memcpy(g->raw, sqlite3_column_blob(q, 13), g->len);
	g->raw[g->len] = '\0';
}

int
got_load(const char *dir, struct got_list *l)
{
	static const char sql[] =
	    "SELECT pos, s.number, dir, flags, ts, size, fwd, pair, latency,"
	    " coalesce(nm.text, method), coalesce(np.text, protocol),"
	    " jsonrpc_id, parse_error, coalesce(b.raw, m.raw)"
	    " FROM messages m JOIN sessions s ON s.sid = m.session"
	    " LEFT JOIN names nm ON nm.name = m.method"
	    " LEFT JOIN names np ON np.name = m.protocol"
	    " LEFT JOIN bodies b ON b.body = m.body ORDER BY pos";
	sqlite3 *db;
	sqlite3_stmt *q = query(dir, sql, &db);
	size_t cap = 0;
	int rc = SQLITE_ERROR;

	memset(l, 0, sizeof(*l));
	while (q != NULL && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		if (l->n == cap) {
			cap = cap == 0 ? 256 : cap * 2;
			l->m = realloc(l->m, cap * sizeof(*l->m));
			if (l->m == NULL)
				abort();
		}
		memset(&l->m[l->n], 0, sizeof(*l->m));
		row(q, &l->m[l->n++]);
	}
	sqlite3_finalize(q);
	sqlite3_close(db);
	return rc == SQLITE_DONE ? 0 : -1;
}

void
got_free(struct got_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->m[i].raw);
	free(l->m);
	memset(l, 0, sizeof(*l));
}

int64_t
got_number(const char *dir, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *q = query(dir, sql, &db);
	int64_t v = -1;

	if (q != NULL && sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return v;
}
