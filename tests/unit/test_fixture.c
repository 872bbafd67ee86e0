/*
 * The objects of the API, written from fixed records, are byte for byte those
 * of tests/fixtures/api, against which the console checks its types: so
 * neither changes without the other.
 *
 * After a change of an object that is meant: HS_FIXTURES=write, run it again,
 * and look at the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/explain.h"
#include "common/object.h"
#include "common/object_alert.h"
#include "common/object_share.h"
#include "common/poolrec.h"
#include "common/record_agent.h"
#include "common/record_stat.h"
#include "common/steps.h"

#define DIR    "tests/fixtures/api"
#define MAX    (1u << 20)
#define NOON   INT64_C(1795262400123456) /* 2026-11-21T12:00:00.123456Z */
#define SECOND INT64_C(1000000)

static const uint8_t UUID[16] = { 0x01, 0xa1, 0xff, 0x8d, 0x7f, 0x00, 0x72,
	0x5f, 0xaa, 0x3d, 0x37, 0xf6, 0xd6, 0xed, 0x29, 0xb3 };

static const char SUBMIT[] = "{\"id\":4,\"method\":\"mining.submit\","
			     "\"params\":[\"demo.rack\",\"6b\",\"00000001\","
			     "\"6b01ef45\",\"05bc3187\",\"010c6000\"]}";
static const char ANSWER[] = "{\"id\":4,\"result\":null,"
			     "\"error\":[23,\"Low difficulty share\",null]}";
static const char NOTIFY[] =
    "[\"6b\",\"de380a729cd791ec207c5d0903c69f41a8541302e146227b00000000"
    "00000000\",\"0100\",\"ffff\",[\"078a54b1ce569c124dd79053d9c41e8b12c60e9d"
    "bdfa9a9b775d7b8a47f09c77\"],\"20000000\",\"1702b000\",\"6b01ef45\",true]";

/* --- records --- */

static void
explain_submit(struct json_out *o)
{
	struct explain *e = explain_new();

	assert_non_null(e);
	e->title = "mining.submit, a share";
	e->summary = "demo.rack hands in a share for job 6b.";
	e->fields = e->notes = 1;
	e->field[0] = (struct explain_field){ "ntime", "6b01ef45", "hex",
		"the time in the header" };
	e->note[0] = "something out of the ordinary";
	explain_json(e, "all of it\n", true, o);
	explain_free(e);
}

static void
put_message(struct json_out *o)
{
	const struct message_rec m = { .pos = 1697,
		.dir = DIR_MINER_TO_POOL,
		.flags = MF_REQUEST | MF_JSON,
		.size = sizeof(SUBMIT),
		.ts_recv_us = NOON,
		.ts_fwd_us = NOON + 40,
		.pair = 1698,
		.replay_of = 12,
		.latency_us = 3400,
		.peer = "192.0.2.1:50000",
		.method = "mining.submit",
		.jsonrpc_id = "4",
		.protocol = "stratum",
		.raw = (const uint8_t *)SUBMIT,
		.raw_len = sizeof(SUBMIT) - 1,
		.resp_ts_us = NOON + 3400,
		.resp_raw = (const uint8_t *)ANSWER,
		.resp_len = sizeof(ANSWER) - 1,
		.share = 1697 };
	struct message_rec with = m;
	struct json_out inner;
	const char *text;
	size_t len;

	memcpy(with.session, UUID, sizeof(UUID));
	json_init(&inner, MAX);
	explain_submit(&inner);
	text = json_finish(&inner, &len);
	assert_non_null(text);
	with.explanation = (const uint8_t *)text;
	with.explanation_len = (uint32_t)len;
	object_message(o, &with);
	json_clear(&inner);
}

/* Neither text nor JSON, from nobody known, and all that can be said of it. */
static void
put_message_odd(struct json_out *o)
{
	const struct message_rec m = { .pos = UINT64_C(1) << 60,
		.dir = DIR_POOL_TO_MINER,
		.flags = MF_RESPONSE | MF_ERROR | MF_TRUNCATED | MF_REDACTED |
		    MF_AFTER_GAP | MF_BROKEN | MF_NO_NEWLINE | MF_CRLF |
		    MF_MULTIPLE | MF_UNDELIVERED | MF_PARSE_ERROR,
		.size = 70000,
		.latency_us = -1,
		.parse_error = "not JSON at byte 0",
		.raw = (const uint8_t *)"\xff\xfe",
		.raw_len = 2 };

	object_message(o, &m);
}

/* What came of two shares; each field another number. */
static void
fill_roll(struct roll *r)
{
	r->messages[0] = 11;
	r->messages[1] = 12;
	r->bytes[0] = 1300;
	r->bytes[1] = 1400;
	r->verdict[VERDICT_VALID] = 5;
	r->verdict[VERDICT_STALE] = 3;
	r->cause[CAUSE_STALE] = 3;
	r->blocks = 1;
	r->accepted = 4;
	r->rejected = 2;
	r->odd = 1;
	r->stale = 2;
	r->disputed = 1;
	r->latency_n = 6;
	r->latency = 24000;
	r->own = 600;
	r->tcp_miner = 1200;
	r->tcp_pool = 12000;
	r->pool = 6000;
	r->hist[9] = 6;
	r->last_us = NOON;
	r->accepted_difficulty = 65536;
	r->rejected_difficulty = 2048;
	r->stale_difficulty = 1024;
	r->best = 123456.5;
}

static void
put_session(struct json_out *o)
{
	struct session_rec *s = calloc(1, sizeof(*s));
	static const struct session_rec known = { .state = SESSION_LIVE,
		.first_seen_us = NOON,
		.last_seen_us = NOON + 60 * SECOND,
		.messages = 1506,
		.by_dir = { 653, 853 },
		.bytes = { 81920, 173056 },
		.parse_errors = 1,
		.gaps = 2,
		.gap_bytes = 4096,
		.first_pos = 7,
		.last_pos = 1697,
		.difficulty = 2e-5,
		.pool_port = 3333,
		.pool_index = 1,
		.pool_connect_us = 11000,
		.rtt_us = { 13, 4300 },
		.peer = "192.0.2.1:50000",
		.via = "192.0.2.7:40000",
		.listener = "0.0.0.0:3333",
		.pool_host = "pool.example",
		.pool_peer = "198.51.100.9:3333",
		.user_agent = "demo-rack/1.0",
		.mining_session_id = "ae6812eb",
		.worker = "demo.rack",
		.workers = "demo.rack\ndemo.spare\n",
		.extranonce1 = "85000003",
		.extranonce2_size = 8,
		.broadcast_enabled = true,
		.repeat_count = 7,
		.auto_replay_count = 900000,
		.auto_replay_enabled = true };

	assert_non_null(s);
	*s = known;
	memcpy(s->id, UUID, sizeof(UUID));
	fill_roll(&s->account.roll);
	s->now_us = NOON + 60 * SECOND;
	rates_add(&s->account.rates, NOON + 30 * SECOND, 65536);
	conform_note(&s->account.notes, CONFORM_SUBMIT_RETIRED, 1697);
	object_session(o, s);
	free(s);
}

static void
put_session_ended(struct json_out *o)
{
	struct session_rec *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->state = SESSION_ENDED;
	s->replay = true;
	s->replay_of = 1697;
	s->ended_us = NOON;
	snprintf(s->close_reason, sizeof(s->close_reason), "pool_closed");
	snprintf(s->close_detail, sizeof(s->close_detail), "after 3 s");
	object_session(o, s);
	free(s);
}

static void
fill_share(struct share_rec *s)
{
	static const struct share_rec known = { .pos = 1697,
		.answer = 1698,
		.job = 47,
		.ts_us = NOON,
		.flags = SF_FIRM | SF_HASHED | SF_BITS | SF_NTIME | SF_NONCE |
		    SF_CODE | SF_COMMITTED | SF_BLOCK,
		.verdict = VERDICT_STALE,
		.cause = CAUSE_STALE,
		.said = ANSWER_REJECTED,
		.agreement = AGREE_YES,
		.reason = ANSWER_R_STALE,
		.formula = WORK_BIP310,
		.formulas = 1 << WORK_BIP310 | 1 << WORK_OR,
		.passed = VERIFY_BY_JOB | VERIFY_BY_PRESENT,
		.en1 = { 4, { 0x85, 0, 0, 3 } },
		.en2 = { 8, { 0x3b, 1 } },
		.hash = { 0xaa, 0xbb },
		.ntime = 0x6b01ef45,
		.nonce = 0x05bc3187,
		.bits = 0x010c6000,
		.version = 0x210c6000,
		.mask = 0x1fffe000,
		.reached = 2.4e-5,
		.required = 2e-5,
		.job_difficulty = 2e-5,
		.present = 2e-5,
		.previous = 1e-5,
		.late_us = 441250,
		.job_age_us = 862000,
		.code = 21,
		.repeat = 7,
		.latency_us = 3400,
		.own_us = 96,
		.tcp_miner_us = 20,
		.tcp_pool_us = 3000,
		.pool_us = 304,
		.worker = "demo.rack",
		.job_id = "6b",
		.error = "Stale share" };

	*s = known;
	memcpy(s->session, UUID, sizeof(UUID));
}

/* As GET /api/shares/{id} has it, verified step by step. */
static void
put_share(struct json_out *o)
{
	struct share_rec s;
	struct steps steps;
	static struct jtree tree;
	struct work_store *store = work_store_new(1u << 20);
	struct work_job *job;
	struct json_out inner;
	const char *text;
	size_t len;

	assert_non_null(store);
	assert_int_equal(jtree_parse(&tree, NOTIFY, sizeof(NOTIFY) - 1), 0);
	job = work_take(store, &tree, jtree_root(&tree));
	assert_non_null(job);
	assert_int_equal(job->fault, WORK_SOUND);
	fill_share(&s);
	steps_make(&steps, &s, job);
	json_init(&inner, MAX);
	steps_json(&inner, &steps, &s, job);
	text = json_finish(&inner, &len);
	assert_non_null(text);
	s.verification = (const uint8_t *)text;
	s.verification_len = (uint32_t)len;
	object_share(o, &s);
	json_clear(&inner);
	work_unref(store, job);
	work_store_free(store);
}

static void
put_share_open(struct json_out *o)
{
	const struct share_rec s = { .pos = 3,
		.verdict = VERDICT_UNDECIDED,
		.cause = CAUSE_GAP,
		.formula = WORK_FORMULAS,
		.latency_us = -1,
		.own_us = -1,
		.tcp_miner_us = -1,
		.tcp_pool_us = -1,
		.pool_us = -1 };

	object_share(o, &s);
}

static void
put_worker(struct json_out *o)
{
	struct worker_rec w = { .id = 3,
		.name = "demo.rack",
		.last = 1697,
		.first_seen_us = NOON,
		.last_share_us = NOON + SECOND,
		.shares = 20,
		.valid = 10,
		.stale = 4,
		.duplicate = 3,
		.low = 2,
		.blocks = 1,
		.accepted = 11,
		.rejected = 8,
		.disputed = 1,
		.accepted_difficulty = 65536,
		.best = 123456.5,
		.hashrate = { 1e12, 2e12, 3e12, 4e12 },
		.live = 1,
		.sessions = 1 };

	memcpy(w.session[0], UUID, sizeof(UUID));
	object_worker(o, &w);
}

static void
put_job(struct json_out *o)
{
	struct job_rec *j = calloc(1, sizeof(*j));

	assert_non_null(j);
	j->id = 47;
	j->pos = 1680;
	j->first = 1680;
	j->last = 1690;
	j->ts_us = NOON;
	snprintf(j->pool, sizeof(j->pool), "pool.example:3333");
	snprintf(j->job_id, sizeof(j->job_id), "6b");
	j->sessions = 3;
	j->spread_p50_us = 100;
	j->spread_p99_us = 200;
	j->spread_last_us = 300;
	j->clean = 1;
	j->version = 0x20000000;
	j->nbits = 0x1702b000;
	j->ntime = 0x6b01ef45;
	j->prevhash[0] = 0x7a;
	j->branches = 1;
	j->branch[0][31] = 0x77;
	j->extranonce_len = 12;
	j->height = 881009;
	snprintf(j->tag, sizeof(j->tag), "/sim/");
	j->total = 313817485;
	j->outputs = 2;
	j->has_commitment = true;
	j->commitment[0] = 0x2b;
	j->kept = 2;
	j->output[0].value = 313817485;
	j->output[0].type = ADDRESS_P2WPKH;
	snprintf(j->output[0].address, sizeof(j->output[0].address),
	    "bc1qca4kvnpk8fcfqr37eep247q3tzgkl7w9y0y364");
	j->output[0].script_len = 22;
	j->output[0].script[1] = 0x14;
	j->output[1].type = ADDRESS_OP_RETURN;
	j->output[1].script_len = 1;
	j->output[1].script[0] = 0x6a;
	j->coinb1 = (const uint8_t *)"\x01";
	j->coinb1_len = 1;
	j->coinb2 = (const uint8_t *)"\xff\xff";
	j->coinb2_len = 2;
	object_job(o, j);
	free(j);
}

static void
put_job_faulty(struct json_out *o)
{
	struct job_rec *j = calloc(1, sizeof(*j));

	assert_non_null(j);
	j->id = 48;
	j->fault = WORK_BAD_COINBASE;
	j->clean = -1;
	j->height = -1;
	object_job(o, j);
	free(j);
}

static void
put_alert(struct json_out *o)
{
	struct alert_rec a = { .id = 7,
		.kind = ALERT_REJECTS,
		.severity = ALERT_WARNING,
		.first_us = NOON,
		.last_us = NOON + SECOND,
		.ended_us = NOON + 2 * SECOND,
		.count = 62,
		.pos = 1697,
		.has_session = true,
		.pool = "pool.example:3333",
		.worker = "demo.rack",
		.text = "of the last 22 shares of demo.rack 6 were rejected" };

	memcpy(a.session, UUID, sizeof(UUID));
	object_alert(o, &a);
}

static void
put_alert_open(struct json_out *o)
{
	const struct alert_rec a = { .id = 8,
		.kind = ALERT_PAUSED,
		.severity = ALERT_CRITICAL,
		.first_us = NOON,
		.last_us = NOON,
		.count = 1,
		.text = "nothing is stored: no space" };

	object_alert(o, &a);
}

static void
put_stat(struct json_out *o)
{
	struct stat_rec *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->by = ROLL_WORKER;
	s->rated = true;
	s->ts_us = NOON;
	s->seconds = 60;
	snprintf(s->name, sizeof(s->name), "demo.rack");
	for (unsigned w = 0; w < RATES_MAX; w++)
		s->hashrate[w] = 1e12 * (w + 1);
	fill_roll(&s->roll);
	object_stat(o, s);
	free(s);
}

static void
put_stat_other(struct json_out *o)
{
	struct stat_rec *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->by = ROLL_AGENT;
	s->other = true;
	s->ts_us = NOON;
	object_stat(o, s);
	free(s);
}

static const struct agent_rec AGENT = { .pubkey = { 0x9f, 0x01 },
	.trusted = true,
	.received_us = NOON,
	.created_us = NOON - SECOND,
	.agent_id = "rack-agent-1",
	.run = "north-1",
	.pool_host = "pool.example",
	.pool_port = 3333,
	.state = AGENT_CONNECTED,
	.stopped = true,
	.received = 7,
	.attempted = 6,
	.accepted = 5,
	.rejected = 1,
	.last_latency_ms = 4.25,
	.per_second_1min = 5,
	.per_second_10sec = 4.5,
	.p50_ms = 4.301,
	.p90_ms = 5.904,
	.p99_ms = 46.301,
	.mismatches = 2,
	.errors = "[\"relay ws://relay.example: closed\"]" };

static void
put_agent(struct json_out *o)
{
	object_agent(o, &AGENT);
}

static void
put_telemetry(struct json_out *o)
{
	object_telemetry(o, &AGENT);
}

/* It has told the least that one may. */
static void
put_telemetry_bare(struct json_out *o)
{
	const struct agent_rec a = { .created_us = NOON,
		.agent_id = "a",
		.run = "r",
		.state = AGENT_ERROR,
		.last_latency_ms = -1,
		.p50_ms = -1,
		.p90_ms = -1,
		.p99_ms = -1 };

	object_telemetry(o, &a);
}

static void
put_relay(struct json_out *o)
{
	const struct nostr_relay_rec r = { .url = "wss://relay.example",
		.state = "waiting",
		.reason = "rate-limited: slow down",
		.since_us = NOON,
		.connects = 1,
		.sent = 2,
		.accepted = 3,
		.refused = 4,
		.lost = 5,
		.limited = 6,
		.pending = 7,
		.telemetry = 8,
		.rate = 0.5,
		.subscribed = true,
		.told = true,
		.auth = true,
		.payment = true,
		.message_max = 65536,
		.content_max = 32768,
		.tags_max = 100,
		.pow = 12 };

	object_nostr_relay(o, &r);
}

static void
put_pool(struct json_out *o)
{
	const struct pool_rec p = { .listener = "0.0.0.0:3333",
		.index = 1,
		.host = "pool.example",
		.port = 3333,
		.retry_ms = 1500,
		.peer = "198.51.100.9:3333",
		.sessions = 3,
		.connects = 9,
		.failures = 2,
		.connect_us = 11000,
		.connected_us = NOON,
		.failed_us = NOON + SECOND,
		.error = "connection refused" };

	object_pool(o, &p);
}

static void
put_process(struct json_out *o)
{
	const struct process_rec p = { .role = "relayd",
		.state = "ready",
		.pid = 698,
		.uid = 59801,
		.generation = 2,
		.uptime_ms = 148500,
		.rss_kb = 67584,
		.cpu_ms = 400,
		.logs_dropped = 1,
		.last_exit = "signal 9" };

	object_process(o, &p);
}

static void
put_counters(struct json_out *o)
{
	static const char *const names[] = { "messages_seen", "gaps",
		"store_visible", "store_file_bytes", "store_wal_bytes",
		"tap.ring_used", "tap.ring_bytes" };
	struct stats *relay = calloc(1, sizeof(*relay));
	struct stats *capture = calloc(1, sizeof(*capture));
	const struct object_source src[] = { { "relay", relay },
		{ "capture", capture } };

	assert_non_null(relay);
	assert_non_null(capture);
	stats_add(relay, "sessions_live", 3);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		stats_add(capture, names[i], 10 + i);
	json_object(o);
	object_counters(o, src, 2);
	json_object_end(o);
	free(relay);
	free(capture);
}

/* --- files --- */

static const struct {
	const char *name;
	void (*put)(struct json_out *);
} objects[] = {
	{ "message", put_message },
	{ "message-odd", put_message_odd },
	{ "session", put_session },
	{ "session-ended", put_session_ended },
	{ "share", put_share },
	{ "share-open", put_share_open },
	{ "worker", put_worker },
	{ "job", put_job },
	{ "job-faulty", put_job_faulty },
	{ "alert", put_alert },
	{ "alert-open", put_alert_open },
	{ "stat", put_stat },
	{ "stat-other", put_stat_other },
	{ "agent", put_agent },
	{ "telemetry", put_telemetry },
	{ "telemetry-bare", put_telemetry_bare },
	{ "relay", put_relay },
	{ "pool", put_pool },
	{ "process", put_process },
	{ "counters", put_counters },
};

static FILE *
open_fixture(const char *name, const char *mode)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), DIR "/%s.json", name);
	if ((f = fopen(path, mode)) == NULL)
		fail_msg("%s: cannot open it", path);
	return f;
}

static void
check(const char *name, const char *text, size_t len)
{
	static char have[MAX];
	size_t n;
	FILE *f = open_fixture(name, "r");

	n = fread(have, 1, sizeof(have) - 1, f);
	have[n] = '\0';
	fclose(f);
	if (n != len + 1 || have[len] != '\n' || memcmp(have, text, len) != 0)
		fail_msg("%s.json is another (HS_FIXTURES=write if that is "
			 "meant):\n%s%s",
		    name, have, text);
}

static void
test_fixtures(void **state)
{
	const char *how = getenv("HS_FIXTURES");
	struct json_out o;
	const char *text;
	size_t len;
	FILE *f;

	json_init(&o, MAX);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		json_reset(&o);
		objects[i].put(&o);
		text = json_finish(&o, &len);
		assert_non_null(text);
		if (how != NULL && strcmp(how, "write") == 0) {
			f = open_fixture(objects[i].name, "w");
			fprintf(f, "%s\n", text);
			assert_int_equal(fclose(f), 0);
		}
		check(objects[i].name, text, len);
	}
	json_clear(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fixtures) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
