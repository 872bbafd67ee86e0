/*
 * The replay role as it runs: the real process, in its sandbox, with this
 * test as supervisor, auth, query role, captured, and as the pool.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/act.h"
#include "common/proc.h"
#include "common/replay.h"

#define WAIT_S    20
#define OTHER_UID 64999
/* 100 ms, and what a busy machine takes; never the time of 900,000. */
#define STOP_MS   5000
#define SUBMIT                                                     \
	"{\"id\": 44, \"method\": \"mining.submit\", \"params\": " \
	"[\"farm.1\", \"j\", \"00\", \"5f\", \"01\"]}"
#define SUBSCRIBED                                                  \
	"{\"id\":2,\"error\":null,\"result\":[[[\"mining.notify\"," \
	"\"new\"]],\"f000000f\",4]}\n"
#define AUTHORIZED "{\"id\":3,\"result\":true,\"error\":null}\n"
#define OLD_SUBSCRIBED                                         \
	"{\"id\":1,\"result\":[[[\"mining.notify\",\"old\"]]," \
	"\"aaaa0001\",4],\"error\":null}"

static const uint8_t session_id[16] = { 1, 2, 3 };

struct world {
	pid_t pid;
	int sup, auth, query, capture;
	int pool; /* the other end of the role's connection */
	struct mbuf in, out;
	unsigned type;
	uint32_t id, last_id;
	struct replay_conf conf;
	struct replay_ask ask;
	struct act_done done;
	char result[4096];
	char line[1024];
	struct message_rec m;
	struct session_rec s;
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
our_end(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

/* --- channels --- */

/* One packet with one descriptor, as the supervisor sends them. */
static void
pass(struct world *w, enum msg_type type, uint32_t id, int fd)
{
	uint8_t packet[600];
	uint16_t head[2] = { (uint16_t)type, 0 };

	assert_true(w->out.len + 8 <= sizeof(packet));
	memcpy(packet, head, 4);
	memcpy(packet + 4, &id, 4);
	if (w->out.len > 0)
		memcpy(packet + 8, w->out.data, w->out.len);
	assert_int_equal(ipc_send_fd(w->sup, packet, 8 + w->out.len, fd, 0),
	    (ssize_t)(8 + w->out.len));
	mbuf_reset(&w->out);
}

static void
tell(struct world *w, int fd, enum msg_type type, uint32_t id)
{
	if (ipc_write_blocking(fd, type, id, &w->out) == -1)
		fail_msg("message %u: %s", type, strerror(errno));
	mbuf_reset(&w->out);
}

static void
hear(struct world *w, int fd, enum role self, unsigned type)
{
	int passed;

	do {
		if (ipc_read_blocking(fd, self, ROLE_REPLAY, &w->in, &w->type,
			&w->id, &passed) == -1)
			fail_msg("nothing heard: %s", strerror(errno));
	} while (w->type == MSG_LOG);
	assert_int_equal(w->type, type);
}

static struct mcur
body(struct world *w)
{
	struct mcur c;

	mcur_init(&c, w->in.data, w->in.len);
	return c;
}

static void
introduce(struct world *w, enum role peer, int *ours)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	msg_put_u32(&w->out, peer);
	msg_put_u32(&w->out, 1);
	pass(w, MSG_PEER, 0, fds[1]);
	close(fds[1]);
	if (*ours != -1)
		close(*ours);
	*ours = fds[0];
	our_end(*ours);
}

static void
configure(struct world *w, uint32_t id)
{
	tell(w, w->sup, MSG_CONF_BEGIN, id);
	replay_conf_put(&w->out, &w->conf);
	tell(w, w->sup, MSG_CONF_REPLAY, id);
	tell(w, w->sup, MSG_CONF_END, id);
	hear(w, w->sup, ROLE_SUPERVISOR, MSG_CONF_PREPARED);
	assert_int_equal(w->in.data[0], 1);
	tell(w, w->sup, MSG_CONF_COMMIT, id);
}

/* A round trip on the supervisor's channel: it knows who was introduced. */
static void
settled(struct world *w)
{
	configure(w, 1);
	hear(w, w->sup, ROLE_SUPERVISOR, MSG_CONF_DONE);
}

static void
hello(struct world *w)
{
	struct proc_hello h;

	memset(&h, 0, sizeof(h));
	h.role = ROLE_REPLAY;
	h.generation = 1;
	h.parent = (uint32_t)getpid();
	h.is_root = geteuid() == 0;
	if (h.is_root)
		h.uid = h.gid = OTHER_UID;
	proc_hello_put(&w->out, &h);
	tell(w, w->sup, MSG_HELLO, 0);
}

static void
start(struct world *w)
{
	char self[1024], path[1100];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fds[2];

	assert_true(n > 0);
	self[n] = '\0';
	snprintf(path, sizeof(path), "%s/libexec/replay",
	    dirname(dirname(self)));
	assert_int_equal(ipc_pair(fds), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		if (dup2(fds[1], 3) == 3)
			execl(path, "replay", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	w->sup = fds[0];
	our_end(w->sup);
	hello(w);
	configure(w, 0);
	hear(w, w->sup, ROLE_SUPERVISOR, MSG_READY);
	introduce(w, ROLE_AUTH, &w->auth);
	introduce(w, ROLE_QUERY_PAGE, &w->query);
	introduce(w, ROLE_CAPTURE, &w->capture);
	settled(w);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->auth = w->query = w->capture = w->pool = -1;
	mbuf_init(&w->in);
	mbuf_init(&w->out);
	w->conf = (struct replay_conf){ .password = "pw",
		.rate = 100000,
		.answer_ms = WAIT_S * 1000,
		.idle_ms = WAIT_S * 1000 };
	w->m = (struct message_rec){ .pos = 77,
		.dir = DIR_MINER_TO_POOL,
		.flags = MF_REQUEST | MF_JSON,
		.ts_recv_us = 1000000,
		.method = "mining.submit",
		.raw = (const uint8_t *)SUBMIT,
		.raw_len = sizeof(SUBMIT) - 1 };
	memcpy(w->m.session, session_id, 16);
	w->s = (struct session_rec){ .state = SESSION_LIVE,
		.last_seen_us = 2000000,
		.pool_port = 3333,
		.listener = "0.0.0.0:3333",
		.pool_host = "pool.example",
		.mining_session_id = "miner's",
		.worker = "farm.1" };
	memcpy(w->s.id, session_id, 16);
	start(w);
	*state = w;
	return 0;
}

static void
shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	int status;

	tell(w, w->sup, MSG_SHUTDOWN, 0);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_int_equal(status, 0);
	shut(&w->sup);
	shut(&w->auth);
	shut(&w->query);
	shut(&w->capture);
	shut(&w->pool);
	mbuf_free(&w->in);
	mbuf_free(&w->out);
	free(w);
	return 0;
}

/* --- what is asked and answered --- */

static void
act_on(struct world *w, enum act_kind kind, uint64_t n, bool on,
    const char *text)
{
	struct act a = { .kind = (uint8_t)kind,
		.pos = 77,
		.n = n,
		.on = on,
		.has_session = kind == ACT_AUTO_REPLAY,
		.text = text,
		.text_len = (uint32_t)strlen(text) };

	memcpy(a.session, session_id, 16);
	act_put(&w->out, &a);
	tell(w, w->auth, MSG_DO, ++w->last_id);
}

static void
done(struct world *w, unsigned status)
{
	struct mcur c;

	hear(w, w->auth, ROLE_AUTH, MSG_DONE);
	c = body(w);
	act_done_get(&c, &w->done);
	assert_int_equal(msg_end(&c), 0);
	snprintf(w->result, sizeof(w->result), "%.*s", (int)w->done.result_len,
	    w->done.result);
	if (w->done.status != status)
		fail_msg("%u: %s %s", w->done.status, w->done.detail,
		    w->result);
}

static void
has(struct world *w, const char *text)
{
	if (strstr(w->result, text) == NULL)
		fail_msg("%s lacks %s", w->result, text);
}

static void
end_query(struct world *w, uint32_t id, uint8_t status)
{
	struct query_end e = { .status = status, .complete = true };

	query_end_put(&w->out, &e);
	tell(w, w->query, MSG_QUERY_END, id);
}

static struct query
asked(struct world *w, enum query_kind kind)
{
	struct query q;
	struct mcur c;

	hear(w, w->query, ROLE_QUERY_PAGE, MSG_QUERY);
	c = body(w);
	query_get(&c, &q);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(q.kind, kind);
	return q;
}

static void
give_message(struct world *w)
{
	struct query q = asked(w, Q_MESSAGE);

	assert_int_equal(q.pos, 77);
	message_put(&w->out, &w->m);
	tell(w, w->query, MSG_ROW_MESSAGE, w->id);
	end_query(w, w->id, 0);
}

static void
give_session(struct world *w)
{
	struct query q = asked(w, Q_SESSION);

	assert_memory_equal(q.session, session_id, 16);
	session_put(&w->out, &w->s);
	tell(w, w->query, MSG_ROW_SESSION, w->id);
	end_query(w, w->id, 0);
}

static void
give_subscription(struct world *w)
{
	struct message_rec m = { .pos = 5,
		.raw = (const uint8_t *)"{}",
		.raw_len = 2,
		.resp_raw = (const uint8_t *)OLD_SUBSCRIBED,
		.resp_len = sizeof(OLD_SUBSCRIBED) - 1 };
	struct query q = asked(w, Q_MESSAGES);

	assert_string_equal(q.method, "mining.subscribe");
	message_put(&w->out, &m);
	tell(w, w->query, MSG_ROW_MESSAGE, w->id);
	end_query(w, w->id, 0);
}

static void
open_pool(struct world *w, const char *why)
{
	struct mcur c;
	int fds[2];

	hear(w, w->sup, ROLE_SUPERVISOR, MSG_REPLAY_OPEN);
	c = body(w);
	replay_ask_get(&c, &w->ask);
	assert_int_equal(msg_end(&c), 0);
	msg_put_str(&w->out, why);
	if (why[0] != '\0') {
		tell(w, w->sup, MSG_REPLAY_OPENED, w->id);
		return;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pass(w, MSG_REPLAY_OPENED, w->id, fds[1]);
	close(fds[1]);
	shut(&w->pool);
	w->pool = fds[0];
	our_end(w->pool);
}

static void
pool_hears(struct world *w)
{
	size_t n = 0;

	for (; n == 0 || w->line[n - 1] != '\n'; n++) {
		assert_true(n < sizeof(w->line) - 1);
		assert_int_equal(read(w->pool, w->line + n, 1), 1);
	}
	w->line[n - 1] = '\0';
}

static void
pool_says(struct world *w, const char *text)
{
	assert_int_equal(write(w->pool, text, strlen(text)),
	    (ssize_t)strlen(text));
}

static void
handshake(struct world *w, const char *worker)
{
	char want[256];

	open_pool(w, "");
	pool_hears(w);
	assert_non_null(strstr(w->line, "\"mining.subscribe\""));
	assert_non_null(strstr(w->line, ",\"old\"]"));
	pool_says(w, SUBSCRIBED);
	pool_hears(w);
	snprintf(want, sizeof(want), "\"params\":[\"%s\",\"pw\"]", worker);
	assert_non_null(strstr(w->line, want));
	pool_says(w, AUTHORIZED);
}

static unsigned
pool_takes(struct world *w)
{
	unsigned id;

	pool_hears(w);
	assert_int_equal(sscanf(w->line, "{\"id\": %u", &id), 1);
	assert_string_equal(strchr(w->line, ','), strchr(SUBMIT, ','));
	return id;
}

/* Takes whatever comes, until the role ends the connection. */
static unsigned
pool_serves(struct world *w)
{
	char text[64], c;
	unsigned n = 0;

	for (; recv(w->pool, &c, 1, MSG_PEEK) == 1; n++) {
		snprintf(text, sizeof(text), "{\"id\":%u,\"result\":true}\n",
		    pool_takes(w));
		/* It may end before it is answered. */
		(void)send(w->pool, text, strlen(text), MSG_NOSIGNAL);
	}
	return n;
}

static void
pool_answers(struct world *w, unsigned id, const char *rest)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"id\":%u,%s}\n", id, rest);
	pool_says(w, text);
}

/* --- tests --- */

static void
test_replay(void **state)
{
	struct world *w = *state;

	act_on(w, ACT_REPLAY, 0, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "farm.1");
	assert_string_equal(w->ask.listener, "0.0.0.0:3333");
	assert_string_equal(w->ask.pool.host, "pool.example");
	assert_int_equal(w->ask.pool.port, 3333);
	assert_int_equal(w->ask.replay_of, 77);
	pool_answers(w, pool_takes(w), "\"result\":true,\"error\":null");
	done(w, 200);
	has(w,
	    "{\"success\":true,\"pool_response\":{\"id\":4,"
	    "\"result\":true,\"error\":null},\"error\":null,"
	    "\"latency_ms\":");
	has(w, "extranonce1 f000000f instead of aaaa0001");

	/* The same again goes over the same connection. */
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	pool_answers(w, pool_takes(w),
	    "\"result\":null,\"error\":[22,\"Duplicate\",null]");
	done(w, 200);
	has(w, "\"success\":false");
	has(w, "\"error\":\"the pool rejects it: Duplicate\"");
	has(w, "\"pool_response\":{\"id\":5,");
}

static void
test_refused(void **state)
{
	struct world *w = *state;

	act_on(w, ACT_REPLAY, 1001, false, "");
	done(w, 422);
	act_on(w, ACT_REPLAY, 1, false, "");
	(void)asked(w, Q_MESSAGE);
	end_query(w, w->id, 1);
	done(w, 404);
	assert_string_equal(w->done.detail, "Message not found");
	w->m.dir = DIR_POOL_TO_MINER;
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	done(w, 400);
	assert_string_equal(w->done.detail,
	    "Can only replay messages from miner to pool");
	w->m.dir = DIR_MINER_TO_POOL;
	strcpy(w->m.method, "mining.authorize");
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	done(w, 400);
	assert_string_equal(w->done.detail,
	    "Can only replay mining.submit messages");
	strcpy(w->m.method, "mining.submit");
	w->s.state = SESSION_ENDED;
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	done(w, 404);
	assert_non_null(strstr(w->done.detail, "Session not active"));
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	(void)asked(w, Q_SESSION);
	end_query(w, w->id, 3);
	done(w, 503);
	act_on(w, ACT_BROADCAST, 1, false, "");
	done(w, 400);
	msg_put_u8(&w->out, 1);
	tell(w, w->auth, MSG_DO, 9);
	done(w, 400);
}

static void
test_edited(void **state)
{
	static const char *const wrong[] = { "{", SUBMIT "\n" SUBMIT, "[]",
		"{\"id\":1,\"method\":\"mining.authorize\",\"params\":[]}" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		act_on(w, ACT_REPLAY, 1, false, wrong[i]);
		done(w, 400);
		assert_non_null(strstr(w->done.detail, "modified_message: "));
	}
	act_on(w, ACT_REPLAY, 1, false,
	    "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"z\",\"k\"]}"
	    "\n");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "z");
	pool_hears(w);
	assert_string_equal(w->line,
	    "{\"id\":4,\"method\":\"mining.submit\",\"params\":[\"z\",\"k\"]}");
	pool_answers(w, 4, "\"result\":true");
	done(w, 200);
	has(w, "the line was edited");
}

static void
test_worker_of_the_configuration(void **state)
{
	struct world *w = *state;

	strcpy(w->conf.worker, "test.1");
	settled(w);
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "test.1");
	pool_answers(w, pool_takes(w), "\"result\":true");
	done(w, 200);
	has(w, "authorized as test.1");
}

static void
test_pools_that_fail(void **state)
{
	struct world *w = *state;

	/* relayd would not have it. */
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	open_pool(w, "no more sessions are taken");
	done(w, 200);
	has(w,
	    "{\"success\":false,\"pool_response\":null,\"error\":"
	    "\"no more sessions are taken\",\"latency_ms\":null,");
	/* It is not there. */
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	open_pool(w, "");
	shut(&w->pool);
	done(w, 200);
	has(w, "the pool could not be reached");
	/* It says nothing from the beginning. */
	w->conf.answer_ms = 50;
	settled(w);
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	open_pool(w, "");
	done(w, 200);
	has(w,
	    "{\"success\":false,\"pool_response\":null,\"error\":"
	    "\"the pool did not answer within 0.05 s\"");
	/* Or to the share; until then there is time for what it does say. */
	w->conf.answer_ms = 2000;
	settled(w);
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "farm.1");
	done(w, 200);
	has(w,
	    "{\"success\":false,\"pool_response\":null,\"error\":"
	    "\"the pool did not answer within 2 s\"");
	/* It speaks something else. */
	act_on(w, ACT_REPLAY, 1, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	open_pool(w, "");
	pool_says(w, "220 mail.example ESMTP\n");
	done(w, 200);
	has(w, "the pool does not speak Stratum");
}

static void
test_count(void **state)
{
	struct world *w = *state;

	act_on(w, ACT_REPLAY, 300, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "farm.1");
	for (unsigned i = 0; i < 300; i++)
		pool_answers(w, pool_takes(w),
		    i == 0 ? "\"result\":true" : "\"result\":false");
	done(w, 200);
	has(w, "\"success\":false");
	has(w, "\"count\":300,\"sent\":300,\"accepted\":1,\"rejected\":299}");
}

static void
test_rate(void **state)
{
	struct world *w = *state;
	int64_t began;

	w->conf.rate = 200;
	settled(w);
	act_on(w, ACT_REPLAY, 100, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	/* From before the first: what waits here while we do is not faster. */
	began = now_ms();
	handshake(w, "farm.1");
	for (unsigned i = 0; i < 100; i++)
		pool_answers(w, pool_takes(w), "\"result\":true");
	/* 99 intervals of 5 ms, 20 ms of which may be made up for. */
	assert_true(now_ms() - began >= 99 * 5 - 25);
	done(w, 200);
	has(w, "\"success\":true");
}

/* Who asked does not wait for ever, be the pace as it may. */
static void
test_too_many(void **state)
{
	struct world *w = *state;

	w->conf.rate = 2;
	w->conf.answer_ms = 1700;
	settled(w);
	act_on(w, ACT_REPLAY, 1000, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "farm.1");
	assert_in_range(pool_serves(w), 2, 20);
	done(w, 200);
	has(w, "\"success\":false");
	has(w, "\"error\":\"time is over");
	has(w, "\"count\":1000");
}

static void
follow(struct world *w, bool on, bool live)
{
	struct replay_follow f;
	struct mcur c;

	hear(w, w->capture, ROLE_CAPTURE, MSG_REPLAY_FOLLOW);
	c = body(w);
	replay_follow_get(&c, &f);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(f.on, on);
	assert_memory_equal(f.session, session_id, 16);
	msg_put_u8(&w->out, live);
	session_put(&w->out, &w->s);
	tell(w, w->capture, MSG_REPLAY_FOLLOWED, w->id);
}

static void
share(struct world *w, uint32_t count, uint64_t pos)
{
	w->m.pos = pos;
	msg_put_u32(&w->out, count);
	message_put(&w->out, &w->m);
	tell(w, w->capture, MSG_REPLAY_SHARE, 0);
}

static void
auto_on(struct world *w)
{
	act_on(w, ACT_AUTO_REPLAY, 0, true, "");
	follow(w, true, true);
	give_subscription(w);
	done(w, 200);
	has(w, "\"auto_replay_enabled\":true");
}

static void
test_auto(void **state)
{
	struct world *w = *state;

	auto_on(w);
	share(w, 3, 90);
	handshake(w, "farm.1");
	assert_int_equal(w->ask.replay_of, 90);
	for (unsigned i = 0; i < 3; i++) {
		/* Two more come: only the newer is kept. */
		if (i == 1) {
			share(w, 2, 91);
			share(w, 1, 92);
			/* It hears of them before the last answer. */
			act_on(w, ACT_BROADCAST, 1, false, "");
			done(w, 400);
		}
		pool_answers(w, pool_takes(w), "\"result\":true");
	}
	handshake(w, "farm.1");
	assert_int_equal(w->ask.replay_of, 92);
	pool_answers(w, pool_takes(w), "\"result\":true");
	/* Its session is over: the next share is nobody's. */
	msg_put_raw(&w->out, session_id, 16);
	tell(w, w->capture, MSG_REPLAY_OVER, 0);
	share(w, 1, 93);
	act_on(w, ACT_AUTO_REPLAY, 0, false, "");
	follow(w, false, false);
	done(w, 404);
}

/* 900,000 of them, stopped at once, by each of the ways there are. */
static void
test_stop(void **state)
{
	struct world *w = *state;
	struct pollfd p;
	int64_t began;

	for (int how = 0; how < 3; how++) {
		auto_on(w);
		share(w, AUTO_REPLAY_MAX, 90);
		handshake(w, "farm.1");
		for (unsigned i = 0; i < 500; i++)
			pool_answers(w, pool_takes(w), "\"result\":true");
		began = now_ms();
		if (how == 0) {
			act_on(w, ACT_AUTO_REPLAY, 0, false, "");
			follow(w, false, true);
			done(w, 200);
			has(w, "\"auto_replay_enabled\":false");
		} else if (how == 1) {
			act_on(w, ACT_REPLAY_STOP, 0, false, "");
			follow(w, false, true);
			done(w, 200);
			has(w, "\"auto_replays_stopped\":1");
		} else {
			msg_put_raw(&w->out, session_id, 16);
			tell(w, w->capture, MSG_REPLAY_OVER, 0);
		}
		/* What was sent is there to be read, then the end. */
		p = (struct pollfd){ .fd = w->pool, .events = POLLIN };
		for (char c[4096]; read(w->pool, c, sizeof(c)) > 0;)
			;
		assert_int_equal(poll(&p, 1, 0), 1);
		assert_true(now_ms() - began < STOP_MS);
	}
}

static void
test_stop_replay(void **state)
{
	struct world *w = *state;

	act_on(w, ACT_REPLAY, 1000, false, "");
	give_message(w);
	give_session(w);
	give_subscription(w);
	handshake(w, "farm.1");
	(void)pool_takes(w);
	act_on(w, ACT_REPLAY_STOP, 0, false, "");
	done(w, 200);
	has(w, "\"success\":false");
	has(w, "\"error\":\"stopped\"");
	done(w, 200);
	has(w, "\"replays_stopped\":1");
}

/* captured comes again: it hears of what is followed. */
static void
test_captured_again(void **state)
{
	struct world *w = *state;

	auto_on(w);
	introduce(w, ROLE_CAPTURE, &w->capture);
	follow(w, true, true);
	share(w, 1, 90);
	handshake(w, "farm.1");
	pool_answers(w, pool_takes(w), "\"result\":true");
	/* And once more, when the session has ended meanwhile. */
	introduce(w, ROLE_CAPTURE, &w->capture);
	follow(w, true, false);
	act_on(w, ACT_AUTO_REPLAY, 0, true, "");
	follow(w, true, false);
	done(w, 404);
	assert_non_null(strstr(w->done.detail, "Session not active"));
}

/* Whom it needs is away. */
static void
test_alone(void **state)
{
	struct world *w = *state;

	act_on(w, ACT_REPLAY, 1, false, "");
	(void)asked(w, Q_MESSAGE);
	shut(&w->query);
	done(w, 503);
	act_on(w, ACT_AUTO_REPLAY, 0, true, "");
	hear(w, w->capture, ROLE_CAPTURE, MSG_REPLAY_FOLLOW);
	shut(&w->capture);
	done(w, 503);
	act_on(w, ACT_AUTO_REPLAY, 0, true, "");
	done(w, 503);
	/* A new auth finds it as it was. */
	introduce(w, ROLE_QUERY_PAGE, &w->query);
	settled(w);
	act_on(w, ACT_REPLAY, 1, false, "");
	(void)asked(w, Q_MESSAGE);
	introduce(w, ROLE_AUTH, &w->auth);
	hear(w, w->query, ROLE_QUERY_PAGE, MSG_QUERY_CANCEL);
	act_on(w, ACT_REPLAY, 1, false, "");
	(void)asked(w, Q_MESSAGE);
	end_query(w, w->id, 1);
	done(w, 404);
}

static void
test_many(void **state)
{
	struct world *w = *state;

	/* More than may be at once; each waits for the store. */
	for (unsigned i = 0; i < 129; i++)
		act_on(w, ACT_REPLAY, 1, false, "");
	done(w, 429);
}

int
main(void)
{
#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_replay),
		WITH(test_refused),
		WITH(test_edited),
		WITH(test_worker_of_the_configuration),
		WITH(test_pools_that_fail),
		WITH(test_count),
		WITH(test_rate),
		WITH(test_too_many),
		WITH(test_auto),
		WITH(test_stop),
		WITH(test_stop_replay),
		WITH(test_captured_again),
		WITH(test_alone),
		WITH(test_many),
	};

	signal(SIGPIPE, SIG_IGN);
	/* What waits for nothing is not to wait for ever. */
	alarm(10 * WAIT_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
