/*
 * Settings of workers: what holds, what outlives a restart, and the channels
 * on which captured is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captured/act_in.h"
#include "captured/worker.h"
#include "common/replay.h"
#include "tests/unit/capture_util.h"

#define DEADLINE_NS UINT64_C(10000000000)
#define AUTHORIZE(w)                                                 \
	"{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"" w \
	"\",\"x\"]}\n"
#define SUBMIT                                                \
	"{\"id\":4,\"method\":\"mining.submit\",\"params\":[" \
	"\"farm.1\",\"j\",\"00\",\"5f5e1000\",\"00000001\"]}\n"

static const uint8_t epoch[16] = { 3 };

struct world {
	char dir[CONF_PATH];
	struct capture_conf conf;
	struct ingest in;
	struct ring r;
	uint64_t off[4];
	/* of the channels */
	struct event_base *base;
	struct act_in *acts;
	struct ipc *auth, *replay;
	unsigned ndone, nfollowed, nshares, novers;
	struct act_done done;
	char text[512];
	bool live;
	struct session_rec rec;
	uint32_t count;
	char raw[256];
};

static void
test_match(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool yes;
	} t[] = { { "a", "a", true }, { "a", "b", false }, { "a", "", false },
		{ "", "", true }, { "*", "", true }, { "*", "abc", true },
		{ "farm.*", "farm.1", true }, { "farm.*", "farm", false },
		{ "*.1", "farm.1", true }, { "*.1", "farm.12", false },
		{ "f?rm", "farm", true }, { "f?rm", "frm", false },
		{ "*a*b*c", "xxaxbxbc", true }, { "*a*b*c", "xxaxbxb", false },
		{ "??", "a", false }, { "a*", "A1", false },
		{ "[ab]", "a", false }, { "\\*", "\\x", true } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (setting_match(t[i].pattern, t[i].name) != t[i].yes)
			fail_msg("%s, %s", t[i].pattern, t[i].name);
	}
}

/* What would take a backtracking matcher for ever. */
static void
test_match_hostile(void **state)
{
	char name[129];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_false(setting_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static void
test_holds(void **state)
{
	static const struct broadcast_conf pattern[] = { { false, "farm.9" },
		{ true, "farm.*" } };
	struct session_rec r = { .state = SESSION_LIVE };
	struct settings t;
	struct setting *s;

	settings_init(&t);
	assert_true(settings_apply(&t, &r));
	assert_false(r.broadcast_enabled);
	assert_int_equal(r.repeat_count, 1);
	assert_int_equal(r.auto_replay_count, 1);
	memcpy(t.pattern, pattern, sizeof(pattern));
	t.npatterns = 2;
	strcpy(r.worker, "farm.1");
	assert_true(settings_apply(&t, &r));
	assert_true(r.broadcast_enabled);
	assert_false(settings_apply(&t, &r));
	strcpy(r.worker, "farm.9");
	assert_true(settings_apply(&t, &r));
	assert_false(r.broadcast_enabled);
	/* What an operator has said counts more than both. */
	s = settings_get(&t, "farm.9");
	s->broadcast = SETTING_ON;
	s->repeat = 5;
	assert_true(settings_apply(&t, &r));
	assert_true(r.broadcast_enabled);
	assert_int_equal(r.repeat_count, 5);
	assert_int_equal(r.auto_replay_count, 1);
	r.replay = true;
	assert_true(settings_apply(&t, &r));
	assert_false(r.broadcast_enabled);
	assert_null(settings_find(&t, "farm.8"));
	settings_free(&t);
}

/* --- with a store --- */

static void
open_ingest(struct world *w)
{
	char err[256];

	assert_int_equal(ingest_open(&w->in, &w->conf, err, sizeof(err)), 0);
	ingest_hello(&w->in, epoch, TEST_OFFSET);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	test_dir(w->dir, sizeof(w->dir));
	test_conf(&w->conf, w->dir);
	ring_init(&w->r);
	open_ingest(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	ingest_close(&w->in);
	ring_free(&w->r);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static void
give(struct world *w, size_t from)
{
	assert_int_equal(ring_give(&w->r, from, w->r.n, &w->in), 0);
}

static void
miner(struct world *w, uint64_t session, const char *line)
{
	size_t at = w->r.n;

	if (w->off[session] == 0) {
		ring_open(&w->r, session, true);
		ring_pool(&w->r, session, true);
	}
	ring_chunk(&w->r, session, 0, w->off[session], line, strlen(line),
	    true);
	w->off[session] += strlen(line);
	give(w, at);
}

static void
closed(struct world *w, uint64_t session)
{
	const uint64_t read[2] = { w->off[session], 0 };
	size_t at = w->r.n;

	ring_closed(&w->r, session, read, read, true);
	give(w, at);
}

static unsigned
act(struct world *w, enum act_kind kind, uint64_t session, const char *worker,
    uint64_t n, bool on)
{
	struct act a = { .kind = (uint8_t)kind, .n = n, .on = on };
	char detail[256];
	struct json_out o;
	const char *text;
	unsigned status;

	if (session != 0) {
		a.has_session = true;
		test_uuid(session, a.session);
	}
	snprintf(a.worker, sizeof(a.worker), "%s", worker);
	json_init(&o, 4096);
	status = workers_act(&w->in, &a, &o, detail, sizeof(detail));
	text = status == 200 ? json_finish(&o, NULL) : detail;
	assert_non_null(text);
	snprintf(w->text, sizeof(w->text), "%s", text);
	json_clear(&o);
	return status;
}

static const struct session_rec *
rec(struct world *w, uint64_t session)
{
	uint8_t id[16];
	struct session *s;

	test_uuid(session, id);
	s = workers_session(&w->in, id);
	assert_non_null(s);
	return &s->rec;
}

static void
test_acts(void **state)
{
	struct world *w = *state;

	miner(w, 1, AUTHORIZE("farm.1"));
	miner(w, 2, SUBMIT);
	assert_int_equal(act(w, ACT_BROADCAST, 1, "", 0, true), 200);
	assert_non_null(strstr(w->text, "\"session_id\":\""));
	assert_non_null(strstr(w->text, "\"broadcast_enabled\":true"));
	assert_true(rec(w, 1)->broadcast_enabled);
	assert_int_equal(act(w, ACT_REPEAT_COUNT, 0, "farm.1", 1000, false),
	    200);
	assert_string_equal(w->text,
	    "{\"worker\":\"farm.1\",\"repeat_count\":1000}");
	assert_int_equal(rec(w, 1)->repeat_count, 1000);
	assert_int_equal(act(w, ACT_AUTO_REPLAY_COUNT, 1, "", 900000, false),
	    200);
	assert_int_equal(rec(w, 1)->auto_replay_count, 900000);

	assert_int_equal(act(w, ACT_REPEAT_COUNT, 1, "", 1001, false), 400);
	assert_int_equal(act(w, ACT_REPEAT_COUNT, 1, "", 0, false), 400);
	assert_int_equal(act(w, ACT_AUTO_REPLAY_COUNT, 1, "", 900001, false),
	    422);
	assert_int_equal(act(w, ACT_BROADCAST, 0, "", 0, true), 400);
	assert_int_equal(act(w, ACT_BROADCAST, 3, "", 0, true), 404);
	assert_int_equal(act(w, ACT_BROADCAST, 2, "", 0, true), 409);
	assert_int_equal(act(w, ACT_REPLAY, 1, "", 0, true), 400);

	/* Another session of this worker, and one of another. */
	miner(w, 2, AUTHORIZE("farm.1"));
	assert_int_equal(rec(w, 2)->repeat_count, 1000);
	miner(w, 2, AUTHORIZE("farm.2"));
	assert_int_equal(rec(w, 2)->repeat_count, 1);
	assert_false(rec(w, 2)->broadcast_enabled);
}

static void
test_restart(void **state)
{
	struct world *w = *state;

	miner(w, 1, AUTHORIZE("farm.1"));
	assert_int_equal(act(w, ACT_BROADCAST, 1, "", 0, true), 200);
	closed(w, 1);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(got_number(w->dir,
			     "SELECT broadcast FROM sessions WHERE sid=1"),
	    1);
	/* Of a session that has ended: its worker's all the same. */
	assert_int_equal(act(w, ACT_REPEAT_COUNT, 1, "", 7, false), 200);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(got_number(w->dir,
			     "SELECT repeat FROM sessions WHERE sid=1"),
	    7);
	ingest_close(&w->in);
	open_ingest(w);
	miner(w, 2, AUTHORIZE("farm.1"));
	assert_true(rec(w, 2)->broadcast_enabled);
	assert_int_equal(rec(w, 2)->repeat_count, 7);
	assert_int_equal(rec(w, 2)->auto_replay_count, 1);
}

static void
test_followed_no_more(void **state)
{
	struct world *w = *state;
	uint8_t id[16];

	miner(w, 1, AUTHORIZE("farm.1"));
	test_uuid(1, id);
	workers_follow(&w->in, workers_session(&w->in, id), true);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(got_number(w->dir, "SELECT auto_replay FROM sessions"),
	    1);
	ingest_close(&w->in);
	open_ingest(w);
	assert_false(rec(w, 1)->auto_replay_enabled);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(got_number(w->dir, "SELECT auto_replay FROM sessions"),
	    0);
}

static void
test_patterns(void **state)
{
	static const struct broadcast_conf on = { true, "farm.*" };
	struct world *w = *state;

	miner(w, 1, AUTHORIZE("farm.1"));
	miner(w, 2, AUTHORIZE("barn.1"));
	workers_conf(&w->in, &on, 1);
	assert_true(rec(w, 1)->broadcast_enabled);
	assert_false(rec(w, 2)->broadcast_enabled);
	w->conf.broadcast = true;
	ingest_conf(&w->in, &w->conf);
	assert_true(rec(w, 2)->broadcast_enabled);
	workers_conf(&w->in, &on, 0);
	w->conf.broadcast = false;
	ingest_conf(&w->in, &w->conf);
	assert_false(rec(w, 1)->broadcast_enabled);
}

/* A store that is corrupt is replaced; what was set goes into the new one. */
static void
test_new_store(void **state)
{
	struct world *w = *state;
	char moved[CONF_PATH + 64];

	assert_int_equal(act(w, ACT_REPEAT_COUNT, 0, "farm.1", 9, false), 200);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(store_recover(w->in.store, moved, sizeof(moved)), 0);
	assert_int_equal(got_number(w->dir, "SELECT count(*) FROM settings"),
	    0);
	workers_rewrite(&w->in);
	ingest_touch(&w->in, NULL);
	assert_int_equal(ingest_commit(&w->in), 0);
	assert_int_equal(got_number(w->dir,
			     "SELECT repeat FROM settings"
			     " WHERE worker='farm.1'"),
	    9);
}

/* --- the channels --- */

static bool
commit(void *arg)
{
	struct world *w = arg;

	return ingest_commit(&w->in) == 0;
}

static void
on_done(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct world *w = arg;

	act_done_get(&m->cur, &w->done);
	assert_int_equal(msg_end(&m->cur), 0);
	snprintf(w->text, sizeof(w->text), "%.*s", (int)w->done.result_len,
	    w->done.result);
	w->ndone++;
}

static void
on_followed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct world *w = arg;

	w->live = msg_get_bool(&m->cur);
	session_get(&m->cur, &w->rec);
	assert_int_equal(msg_end(&m->cur), 0);
	w->nfollowed++;
}

static void
on_share(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct message_rec r;
	struct world *w = arg;

	w->count = msg_get_u32(&m->cur);
	message_get(&m->cur, &r);
	assert_int_equal(msg_end(&m->cur), 0);
	snprintf(w->raw, sizeof(w->raw), "%.*s\n", (int)r.raw_len,
	    (const char *)r.raw);
	w->nshares++;
}

static void
on_over(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct world *w = arg;

	w->novers++;
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	fail();
}

static const struct ipc_handler handlers[] = {
	{ MSG_DONE, on_done },
	{ MSG_REPLAY_FOLLOWED, on_followed },
	{ MSG_REPLAY_SHARE, on_share },
	{ MSG_REPLAY_OVER, on_over },
	{ MSG_NONE, NULL },
};
static const struct ipc_ops ops = { .handlers = handlers, .on_end = on_end };

static struct ipc *
introduce(struct world *w, enum role role)
{
	struct ipc *ipc;
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	act_in_peer(w->acts, role, fds[0]);
	ipc = ipc_new(w->base, fds[1], role, ROLE_CAPTURE, &ops, w);
	assert_non_null(ipc);
	return ipc;
}

static void
until(struct world *w, const unsigned *n, unsigned want)
{
	uint64_t end = clock_ns() + DEADLINE_NS;

	while (*n < want) {
		assert_true(clock_ns() < end);
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
}

static void
followed(void *arg, const struct session *s, const struct message_rec *r)
{
	struct world *w = arg;

	act_in_follow(w->acts, s, r);
}

static void
channels_open(struct world *w)
{
	w->base = event_base_new();
	w->acts = act_in_new(w->base, commit, w);
	assert_non_null(w->acts);
	w->in.on_follow = followed;
	w->in.arg = w;
	act_in_start(w->acts, &w->in);
	w->auth = introduce(w, ROLE_AUTH);
	w->replay = introduce(w, ROLE_REPLAY);
}

static void
channels_close(struct world *w)
{
	ipc_free(w->auth);
	ipc_free(w->replay);
	act_in_free(w->acts);
	event_base_free(w->base);
}

static void
test_done(void **state)
{
	struct world *w = *state;
	struct act a = { .kind = ACT_REPEAT_COUNT, .n = 3, .worker = "w" };
	struct mbuf body;

	channels_open(w);
	mbuf_init(&body);
	act_put(&body, &a);
	assert_int_equal(ipc_send(w->auth, MSG_DO, 5, -1, &body), 0);
	until(w, &w->ndone, 1);
	assert_int_equal(w->done.status, 200);
	assert_string_equal(w->text, "{\"worker\":\"w\",\"repeat_count\":3}");
	/* It was in the store before it was answered. */
	assert_int_equal(got_number(w->dir,
			     "SELECT repeat FROM settings WHERE worker='w'"),
	    3);
	a.n = 0;
	mbuf_reset(&body);
	act_put(&body, &a);
	assert_int_equal(ipc_send(w->auth, MSG_DO, 6, -1, &body), 0);
	until(w, &w->ndone, 2);
	assert_int_equal(w->done.status, 400);
	mbuf_reset(&body);
	msg_put_u8(&body, 1);
	assert_int_equal(ipc_send(w->auth, MSG_DO, 7, -1, &body), 0);
	until(w, &w->ndone, 3);
	assert_int_equal(w->done.status, 400);
	mbuf_free(&body);
	channels_close(w);
}

static void
follow(struct world *w, uint64_t session, bool on)
{
	struct replay_follow f = { .on = on };
	struct mbuf body;

	test_uuid(session, f.session);
	mbuf_init(&body);
	replay_follow_put(&body, &f);
	assert_int_equal(ipc_send(w->replay, MSG_REPLAY_FOLLOW, 1, -1, &body),
	    0);
	mbuf_free(&body);
	until(w, &w->nfollowed, w->nfollowed + 1);
}

static void
test_follow(void **state)
{
	struct world *w = *state;

	channels_open(w);
	miner(w, 1, AUTHORIZE("farm.1"));
	miner(w, 2, AUTHORIZE("farm.1"));
	assert_int_equal(act(w, ACT_AUTO_REPLAY_COUNT, 1, "", 12, false), 200);
	follow(w, 3, true);
	assert_false(w->live);
	follow(w, 1, true);
	assert_true(w->live);
	assert_true(w->rec.auto_replay_enabled);
	assert_int_equal(w->rec.auto_replay_count, 12);
	assert_int_equal(got_number(w->dir,
			     "SELECT auto_replay FROM sessions WHERE sid=1"),
	    1);
	/* The other's share is not asked for. */
	miner(w, 2, SUBMIT);
	miner(w, 1, SUBMIT);
	until(w, &w->nshares, 1);
	assert_int_equal(w->count, 12);
	assert_string_equal(w->raw, SUBMIT);
	follow(w, 1, false);
	miner(w, 1, SUBMIT);
	follow(w, 1, true);
	closed(w, 1);
	until(w, &w->novers, 1);
	assert_int_equal(w->nshares, 1);
	/* Whoever followed is gone. */
	follow(w, 2, true);
	ipc_free(w->replay);
	w->replay = introduce(w, ROLE_REPLAY);
	assert_false(rec(w, 2)->auto_replay_enabled);
	channels_close(w);
}

int
main(void)
{
#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_hostile),
		cmocka_unit_test(test_holds),
		WITH(test_acts),
		WITH(test_restart),
		WITH(test_followed_no_more),
		WITH(test_patterns),
		WITH(test_new_store),
		WITH(test_done),
		WITH(test_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
