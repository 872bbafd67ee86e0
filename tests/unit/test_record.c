/*
 * Records on the wire: what was put is got, each cut makes the cursor bad,
 * so does one byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/childconf.h"
#include "common/record.h"

/* A kind of record behind void pointers, for the tests they all share. */
struct kind {
	const char *name;
	size_t size;
	void (*fill)(void *);
	void (*put)(struct mbuf *, const void *);
	void (*get)(struct mcur *, void *);
};

#define FN(type, stem)                                        \
	static void put_##stem(struct mbuf *b, const void *p) \
	{                                                     \
		stem##_put(b, (const struct type *)p);        \
	}                                                     \
	static void get_##stem(struct mcur *c, void *p)       \
	{                                                     \
		stem##_get(c, (struct type *)p);              \
	}

/* clang-format off */
FN(message_rec, message)
FN(session_rec, session)
FN(query, query)
FN(query_end, query_end)
FN(feed_head, feed_head)
FN(stats, stats)
FN(process_rec, process)
FN(relay_conf, relay_conf)
FN(listen_conf, listen_conf)
FN(pool_conf, pool_conf)
FN(net_conf, net_conf)
FN(capture_conf, capture_conf)
FN(control_conf, control_conf)
/* clang-format on */

static const uint8_t raw_bytes[] = "{\"id\":1}\0\xff";
static const uint8_t resp_bytes[] = "{\"id\":1,\"result\":true}";

static void
longest(char *s, size_t size)
{
	memset(s, 'x', size - 1);
	s[size - 1] = '\0';
}
#define LONGEST(a) longest(a, sizeof(a))

static void
fill_message(void *p)
{
	struct message_rec *m = p;

	m->pos = 1ULL << 40 | 3;
	memset(m->session, 0xab, sizeof(m->session));
	m->dir = DIR_HASHSCOPE_TO_POOL;
	m->flags = MF_REQUEST | MF_UNDELIVERED;
	m->size = 70000;
	m->ts_recv_us = 1790000000123456;
	m->ts_fwd_us = -5;
	m->pair = 99;
	m->replay_of = 98;
	m->latency_us = -1;
	LONGEST(m->peer);
	LONGEST(m->method);
	LONGEST(m->jsonrpc_id);
	LONGEST(m->protocol);
	LONGEST(m->parse_error);
	m->raw = raw_bytes;
	m->raw_len = sizeof(raw_bytes);
	m->resp_ts_us = 12;
	m->resp_raw = resp_bytes;
	m->resp_len = sizeof(resp_bytes);
	m->share = 98;
	m->explanation = resp_bytes;
	m->explanation_len = 3;
}

static void
fill_session(void *p)
{
	struct session_rec *s = p;

	memset(s->id, 0x5a, sizeof(s->id));
	s->state = SESSION_ENDED;
	s->replay = true;
	s->first_seen_us = 1;
	s->last_seen_us = 2;
	s->ended_us = 3;
	s->messages = 4;
	s->by_dir[0] = 5;
	s->by_dir[1] = 6;
	s->bytes[0] = 7;
	s->bytes[1] = UINT64_MAX;
	s->parse_errors = 8;
	s->gaps = 9;
	s->gap_bytes = 10;
	s->first_pos = 11;
	s->last_pos = 12;
	s->difficulty = 0.001;
	s->pool_port = 65535;
	s->pool_index = 3;
	s->pool_connect_us = 13;
	s->rtt_us[0] = 14;
	s->rtt_us[1] = 15;
	LONGEST(s->peer);
	LONGEST(s->via);
	LONGEST(s->listener);
	LONGEST(s->pool_host);
	LONGEST(s->pool_peer);
	LONGEST(s->user_agent);
	LONGEST(s->mining_session_id);
	LONGEST(s->worker);
	LONGEST(s->close_reason);
	LONGEST(s->close_detail);
	s->replay_of = 16;
	s->broadcast_enabled = true;
	s->repeat_count = REPEAT_MAX;
	s->auto_replay_count = AUTO_REPLAY_MAX;
	s->auto_replay_enabled = true;
}

static void
fill_query(void *p)
{
	struct query *q = p;

	q->kind = Q_MESSAGES;
	q->flags = QF_DIR | QF_ASCENDING;
	memset(q->session, 1, sizeof(q->session));
	q->dir = DIR_POOL_TO_MINER;
	LONGEST(q->method);
	LONGEST(q->text);
	q->since_us = 1;
	q->until_us = 2;
	q->before = 3;
	q->after = 4;
	q->pos = 5;
	q->limit = 100000;
	q->offset = 10000;
	q->deadline_ms = 6;
}

static void
fill_query_end(void *p)
{
	struct query_end *e = p;

	e->status = 3;
	e->complete = true;
	e->stopped_at = 4;
	e->rows = 5;
	LONGEST(e->text);
}

static void
fill_feed_head(void *p)
{
	struct feed_head *h = p;

	memset(h->store_id, 9, sizeof(h->store_id));
	h->prev = 1;
	h->first = 5;
	h->last = 5;
	h->committed = 4;
	h->count = 1;
}

static void
fill_stats(void *p)
{
	struct stats *s = p;

	stats_add(s, "sessions_live", 3);
	stats_add(s, "tap.ring_used", UINT64_MAX);
}

static void
fill_process(void *p)
{
	struct process_rec *r = p;

	LONGEST(r->role);
	LONGEST(r->state);
	r->pid = -1;
	r->uid = 1000;
	r->generation = 2;
	r->uptime_ms = 3;
	r->rss_kb = 4;
	r->cpu_ms = 5;
	r->logs_dropped = 6;
	LONGEST(r->last_exit);
}

static void
fill_relay_conf(void *p)
{
	struct relay_conf *r = p;

	r->capture = true;
	r->ring_bytes = 1ULL << 33;
	r->max_sessions = 1;
	r->max_per_address = 2;
	r->session_buffer = 3;
	r->keep_idle_s = 4;
	r->keep_interval_s = 5;
	r->keep_count = 6;
	r->idle_ms = 7;
	r->half_close_ms = 8;
	r->proxy_ms = 9;
	r->connect_ms = 10;
	r->retry_ms = 11;
	r->drain_ms = 12;
	r->reset_ms = 13;
	r->flush_ms = 14;
	r->refresh_ms = 15;
}

static void
fill_listen_conf(void *p)
{
	struct listen_conf *l = p;

	l->id = 77;
	LONGEST(l->name);
}

static void
fill_pool_conf(void *p)
{
	struct pool_conf *q = p;

	LONGEST(q->host);
	q->port = 3333;
}

static void
fill_net_conf(void *p)
{
	struct net_conf *n = p;

	n->family = 6;
	n->bits = 128;
	memset(n->addr, 0xfe, sizeof(n->addr));
}

static void
fill_capture_conf(void *p)
{
	struct capture_conf *k = p;

	LONGEST(k->dir);
	k->messages = 1;
	k->per_session = 2;
	k->age_s = 3;
	k->size_bytes = 4;
	k->reserve_bytes = 5;
	k->redact = true;
	k->chain = 2;
	k->ack_ms = 6;
	k->commit_ms = 7;
	k->commit_rows = 8;
	k->hold_ms = 9;
	k->query_ms = 10;
	k->wal_bytes = 11;
}

static void
fill_control_conf(void *p)
{
	struct control_conf *k = p;
	unsigned i;

	k->owner_uid = 1000;
	k->full_gid = CONTROL_NO_GID;
	k->view_gid = 2;
	k->nrefused = CONTROL_REFUSED;
	for (i = 0; i < CONTROL_REFUSED; i++)
		k->refused[i] = 61000 + i;
	k->nminer = CONTROL_MINERS;
	for (i = 0; i < CONTROL_MINERS; i++)
		LONGEST(k->miner[i]);
	LONGEST(k->console);
	LONGEST(k->version);
	k->started_us = 1;
}

#define KIND(type, stem)                                             \
	{                                                            \
#type, sizeof(struct type), fill_##stem, put_##stem, \
		    get_##stem                                       \
	}

static const struct kind kinds[] = {
	KIND(message_rec, message),
	KIND(session_rec, session),
	KIND(query, query),
	KIND(query_end, query_end),
	KIND(feed_head, feed_head),
	KIND(stats, stats),
	KIND(process_rec, process),
	KIND(relay_conf, relay_conf),
	KIND(listen_conf, listen_conf),
	KIND(pool_conf, pool_conf),
	KIND(net_conf, net_conf),
	KIND(capture_conf, capture_conf),
	KIND(control_conf, control_conf),
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Whether a copy of exactly these bytes is a record and nothing else. */
static int
get_copy(const struct kind *k, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1); /* so ASan sees the end */
	void *rec = malloc(k->size);
	struct mcur c;
	int ok;

	assert_non_null(copy);
	assert_non_null(rec);
	memcpy(copy, bytes, len);
	mcur_init(&c, copy, len);
	k->get(&c, rec);
	ok = msg_end(&c);
	free(rec);
	free(copy);
	return ok;
}

static void
put_filled(const struct kind *k, struct mbuf *b)
{
	void *rec = calloc(1, k->size);

	assert_non_null(rec);
	k->fill(rec);
	mbuf_init(b);
	k->put(b, rec);
	assert_false(b->bad);
	free(rec);
}

/* Field by field what was filled in; but for pointers, which moved. */
static void
same_fields(const struct kind *k, const void *got)
{
	void *want;

	if (k->get == get_message)
		return;
	want = calloc(1, k->size);
	assert_non_null(want);
	k->fill(want);
	assert_memory_equal(got, want, k->size);
	free(want);
}

/* What is got and put again is what was put first: no field is lost. */
static void
test_round_trip(void **state)
{
	struct mbuf first, again;
	struct mcur c;
	void *rec;
	size_t i;

	for (i = 0; i < NKINDS; i++) {
		put_filled(&kinds[i], &first);
		rec = malloc(kinds[i].size);
		assert_non_null(rec);
		mcur_init(&c, first.data, first.len);
		kinds[i].get(&c, rec);
		assert_int_equal(msg_end(&c), 0);
		mbuf_init(&again);
		kinds[i].put(&again, rec);
		assert_int_equal(again.len, first.len);
		assert_memory_equal(again.data, first.data, first.len);
		same_fields(&kinds[i], rec);
		free(rec);
		mbuf_free(&again);
		mbuf_free(&first);
	}
}

static void
test_cut_and_extra(void **state)
{
	struct mbuf b;
	size_t i, n;

	for (i = 0; i < NKINDS; i++) {
		put_filled(&kinds[i], &b);
		for (n = 0; n < b.len; n++)
			if (get_copy(&kinds[i], b.data, n) == 0)
				fail_msg("%s cut to %zu of %zu passes",
				    kinds[i].name, n, b.len);
		n = b.len;
		assert_int_equal(get_copy(&kinds[i], b.data, n), 0);
		msg_put_u8(&b, 0);
		if (get_copy(&kinds[i], b.data, b.len) == 0)
			fail_msg("%s with a byte too many", kinds[i].name);
		mbuf_free(&b);
	}
}

/* The largest of each fits the message that carries it. */
static void
test_sizes(void **state)
{
	static const struct {
		const char *kind;
		enum msg_type type;
	} tab[] = {
		{ "session_rec", MSG_ROW_SESSION },
		{ "query", MSG_QUERY },
		{ "query_end", MSG_QUERY_END },
		{ "process_rec", MSG_ROW_PROCESS },
		{ "relay_conf", MSG_CONF_RELAY },
		{ "listen_conf", MSG_CONF_LISTEN },
		{ "pool_conf", MSG_CONF_POOL },
		{ "net_conf", MSG_CONF_PROXY },
		{ "capture_conf", MSG_CONF_CAPTURE },
		{ "control_conf", MSG_CONF_CONTROL },
	};
	struct mbuf b;
	size_t i, j, found = 0;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		for (j = 0; j < NKINDS; j++) {
			if (strcmp(kinds[j].name, tab[i].kind) != 0)
				continue;
			found++;
			put_filled(&kinds[j], &b);
			if (b.len > msg_info(tab[i].type)->size)
				fail_msg("%s: %zu bytes", tab[i].kind, b.len);
			mbuf_free(&b);
		}
	}
	assert_int_equal(found, sizeof(tab) / sizeof(tab[0]));
}

static void
test_message_fields(void **state)
{
	struct message_rec m = { 0 }, out;
	struct mbuf b;
	struct mcur c;

	fill_message(&m);
	mbuf_init(&b);
	message_put(&b, &m);
	mcur_init(&c, b.data, b.len);
	message_get(&c, &out);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(out.pos, m.pos);
	assert_int_equal(out.dir, DIR_HASHSCOPE_TO_POOL);
	assert_int_equal(out.ts_fwd_us, -5);
	assert_int_equal(out.latency_us, -1);
	assert_int_equal(out.raw_len, sizeof(raw_bytes));
	assert_memory_equal(out.raw, raw_bytes, sizeof(raw_bytes));
	assert_memory_equal(out.resp_raw, resp_bytes, sizeof(resp_bytes));
	assert_int_equal(strlen(out.parse_error), sizeof(m.parse_error) - 1);

	/* An answer that was not told is not an empty one. */
	m.resp_raw = NULL;
	mbuf_reset(&b);
	message_put(&b, &m);
	mcur_init(&c, b.data, b.len);
	message_get(&c, &out);
	assert_int_equal(msg_end(&c), 0);
	assert_null(out.resp_raw);
	assert_int_equal(out.resp_len, 0);
	mbuf_free(&b);
}

static void
test_message_bad(void **state)
{
	struct message_rec m = { 0 }, out;
	struct mbuf b;
	struct mcur c;

	fill_message(&m);
	m.dir = DIR_MAX;
	mbuf_init(&b);
	message_put(&b, &m);
	mcur_init(&c, b.data, b.len);
	message_get(&c, &out);
	assert_int_equal(msg_end(&c), -1);
	mbuf_free(&b);
}

static void
query_is(const struct query *q, int want, const char *what)
{
	struct query out;
	struct mbuf b;
	struct mcur c;

	mbuf_init(&b);
	query_put(&b, q);
	mcur_init(&c, b.data, b.len);
	query_get(&c, &out);
	if (msg_end(&c) != want)
		fail_msg("query: %s", what);
	mbuf_free(&b);
}

static void
test_query_ranges(void **state)
{
	struct query q = { .kind = Q_SESSIONS, .limit = 1 };

	query_is(&q, 0, "smallest");
	q.limit = 0;
	query_is(&q, -1, "limit 0");
	q.limit = 100001;
	query_is(&q, -1, "limit 100001");
	q.limit = 100000;
	q.offset = 10000;
	query_is(&q, 0, "largest");
	q.offset = 10001;
	query_is(&q, -1, "offset 10001");
	q.offset = 0;
	q.kind = 0;
	query_is(&q, -1, "kind 0");
	q.kind = Q_MAX;
	query_is(&q, -1, "kind past the last");
	q.kind = Q_MESSAGE;
	q.dir = DIR_MAX;
	query_is(&q, -1, "dir past the last");
	q.dir = 0;
	q.flags = 0x8000;
	query_is(&q, -1, "unknown flag");
}

static void
test_stats(void **state)
{
	struct stats *s = calloc(1, sizeof(*s));
	struct stats *out = calloc(1, sizeof(*out));
	struct mbuf b;
	struct mcur c;
	unsigned i;

	assert_non_null(s);
	assert_non_null(out);
	for (i = 0; i < STATS_MAX + 5; i++)
		stats_add(s, i == 3 ? "three" : "other", i);
	assert_int_equal(s->n, STATS_MAX);
	assert_int_equal(stats_value(s, "three"), 3);
	assert_int_equal(stats_value(s, "four"), 0);
	mbuf_init(&b);
	stats_put(&b, s);
	mcur_init(&c, b.data, b.len);
	stats_get(&c, out);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(out->n, STATS_MAX);

	/* A count past the table is refused before it is used. */
	b.data[0] = STATS_MAX + 1;
	mcur_init(&c, b.data, b.len);
	stats_get(&c, out);
	assert_int_equal(msg_end(&c), -1);
	assert_int_equal(out->n, 0);
	mbuf_free(&b);
	free(out);
	free(s);
}

static void
test_control_counts(void **state)
{
	struct control_conf k = { .nrefused = CONTROL_REFUSED + 1 }, out;
	struct mbuf b;
	struct mcur c;

	mbuf_init(&b);
	msg_put_u32(&b, 0);
	msg_put_u32(&b, 0);
	msg_put_u32(&b, 0);
	msg_put_u8(&b, k.nrefused);
	for (unsigned i = 0; i < 500; i++)
		msg_put_u32(&b, 1);
	mcur_init(&c, b.data, b.len);
	control_conf_get(&c, &out);
	assert_int_equal(msg_end(&c), -1);
	assert_int_equal(out.nrefused, 0);
	mbuf_free(&b);
}

static void
test_net_bits(void **state)
{
	static const struct {
		uint8_t family, bits;
		int want;
	} tab[] = { { 4, 32, 0 }, { 4, 33, -1 }, { 6, 128, 0 }, { 6, 129, -1 },
		{ 5, 0, -1 }, { 0, 0, -1 } };
	struct net_conf n = { 0 }, out;
	struct mbuf b;
	struct mcur c;
	size_t i;

	mbuf_init(&b);
	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		n.family = tab[i].family;
		n.bits = tab[i].bits;
		mbuf_reset(&b);
		net_conf_put(&b, &n);
		mcur_init(&c, b.data, b.len);
		net_conf_get(&c, &out);
		assert_int_equal(msg_end(&c), tab[i].want);
	}
	mbuf_free(&b);
}

static void
test_uuid(void **state)
{
	static const char text[] = "0193a5b4-c001-7abc-8def-0123456789ab";
	static const char *const bad[] = { "",
		"0193a5b4-c001-7abc-8def-0123456789a",
		"0193a5b4-c001-7abc-8def-0123456789abc",
		"0193a5b4c001-7abc-8def-0123456789ab",
		"0193a5b4-c001-7abc-8def-0123456789ag",
		"0193a5b4-c0017-abc-8def-0123456789ab", "-------------" };
	uint8_t id[16];
	char out[SESSION_TEXT];
	size_t i;

	assert_int_equal(uuid_parse(text, id), 0);
	uuid_text(id, out);
	assert_string_equal(out, text);
	assert_int_equal(uuid_parse("0193A5B4-C001-7ABC-8DEF-0123456789AB", id),
	    0);
	uuid_text(id, out);
	assert_string_equal(out, text);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(uuid_parse(bad[i], id), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_and_extra),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_message_fields),
		cmocka_unit_test(test_message_bad),
		cmocka_unit_test(test_query_ranges),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_control_counts),
		cmocka_unit_test(test_net_bits),
		cmocka_unit_test(test_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
