/*
 * The control role between its clients, the supervisor, captured and the
 * query lanes, all of them played by this test over socketpairs.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/act.h"
#include "common/record.h"
#include "hashscoped/control.h"
#include "hashscoped/control_int.h"

#define DEADLINE_MS 10000

struct world {
	struct control *k;
	struct event_base *base;
	struct ipc_ops supervisor_ops;
	int supervisor, page, search, capture, auth; /* the far ends */
};

/* What was read last at a far end. */
static unsigned got_type;
static uint32_t got_id;
static struct mbuf got;

static void
pump(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static int
make_peer(struct world *w, enum role role, uint32_t generation)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	control_peer(w->k, role, generation, fds[0]);
	return fds[1];
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fds[2];

	assert_non_null(w);
	w->k = control_new();
	w->base = event_base_new();
	assert_non_null(w->k);
	assert_non_null(w->base);
	w->k->base = w->base;
	w->k->conf.owner_uid = 1000;
	w->k->conf.nminer = 1;
	strcpy(w->k->conf.miner[0], "stratum+tcp://192.0.2.1:3333");
	strcpy(w->k->conf.version, "1.2.3");
	assert_int_equal(ipc_pair(fds), 0);
	w->supervisor_ops.handlers = control_role()->handlers;
	w->k->supervisor = ipc_new(w->base, fds[0], ROLE_CONTROL,
	    ROLE_SUPERVISOR, &w->supervisor_ops, w->k);
	w->supervisor = fds[1];
	w->page = make_peer(w, ROLE_QUERY_PAGE, 1);
	w->search = make_peer(w, ROLE_QUERY_SEARCH, 1);
	w->capture = make_peer(w, ROLE_CAPTURE, 1);
	w->auth = make_peer(w, ROLE_AUTH, 1);
	mbuf_init(&got);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	struct control_client *cl;

	while ((cl = TAILQ_FIRST(&w->k->clients)) != NULL)
		control_client_drop(cl, NULL);
	assert_true(TAILQ_EMPTY(&w->k->requests));
	for (unsigned i = 0; i < ROLE_MAX; i++)
		ipc_free(w->k->peers[i].ipc);
	ipc_free(w->k->supervisor);
	close(w->supervisor);
	close(w->page);
	close(w->search);
	close(w->capture);
	if (w->auth != -1)
		close(w->auth);
	event_base_free(w->base);
	mbuf_free(&got);
	free(w->k);
	free(w);
	return 0;
}

/* The next message at a far end, which plays this role. */
static void
receive(struct world *w, int fd, enum role self, unsigned type)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int passed;

	for (int ms = 0; ms < DEADLINE_MS; ms += 5) {
		pump(w);
		if (poll(&p, 1, ms == 0 ? 0 : 5) != 1)
			continue;
		if (ipc_read_blocking(fd, self, ROLE_CONTROL, &got, &got_type,
			&got_id, &passed) == -1)
			fail_msg("read: %s", strerror(errno));
		if (got_type != type)
			fail_msg("%s instead of %s", msg_info(got_type)->name,
			    msg_info(type)->name);
		return;
	}
	fail_msg("no %s", msg_info(type)->name);
}

static void
nothing_at(struct world *w, int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	pump(w);
	pump(w);
	assert_int_equal(poll(&p, 1, 0), 0);
}

/* The far end has nothing more to read but the end. */
static void
closed_at(struct world *w, int fd)
{
	char c;
	ssize_t n;

	pump(w);
	n = recv(fd, &c, 1, MSG_DONTWAIT);
	if (n == -1 && errno == ECONNRESET)
		n = 0;
	assert_int_equal(n, 0);
}

static void
tell(struct world *w, int fd, enum msg_type type, uint32_t id,
    const struct mbuf *body)
{
	assert_int_equal(ipc_write_blocking(fd, type, id, body), 0);
	pump(w);
}

static void
reply_is(bool ok, const char *text)
{
	struct mcur c;
	char said[512];

	mcur_init(&c, got.data, got.len);
	assert_int_equal(msg_get_u8(&c), ok);
	msg_get_str(&c, said, sizeof(said));
	assert_int_equal(msg_end(&c), 0);
	if (strstr(said, text) == NULL)
		fail_msg("says: %s", said);
}

static void
end_is(uint8_t status, const char *text)
{
	struct query_end end;
	struct mcur c;

	mcur_init(&c, got.data, got.len);
	query_end_get(&c, &end);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(end.status, status);
	if (strstr(end.text, text) == NULL)
		fail_msg("says: %s", end.text);
}

static int
connect_as(struct world *w, uid_t uid, enum control_access access)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	control_client_new(w->k, fds[0], uid, access);
	return fds[1];
}

static void
say_hello(struct world *w, int fd, uint32_t protocol)
{
	struct mbuf b;

	mbuf_init(&b);
	msg_put_u32(&b, protocol);
	tell(w, fd, MSG_CTL_HELLO, 1, &b);
	mbuf_free(&b);
}

static int
welcomed(struct world *w, uid_t uid, enum control_access access)
{
	int fd = connect_as(w, uid, access);

	say_hello(w, fd, MSG_PROTOCOL);
	receive(w, fd, ROLE_CTL, MSG_CTL_WELCOME);
	return fd;
}

static void
send_query(struct world *w, int fd, uint32_t id, const char *text)
{
	struct query q = { .kind = Q_MESSAGES, .limit = 10 };
	struct mbuf b;

	snprintf(q.text, sizeof(q.text), "%s", text);
	mbuf_init(&b);
	query_put(&b, &q);
	tell(w, fd, MSG_QUERY, id, &b);
	mbuf_free(&b);
}

static void
send_end(struct world *w, int fd, uint32_t id)
{
	struct query_end end = { .complete = true };
	struct mbuf b;

	mbuf_init(&b);
	query_end_put(&b, &end);
	tell(w, fd, MSG_QUERY_END, id, &b);
	mbuf_free(&b);
}

static void
send_row(struct world *w, int fd, uint32_t id, uint64_t pos, size_t size)
{
	struct message_rec m = { .pos = pos };
	struct mbuf b;
	uint8_t *raw = calloc(1, size + 1);

	assert_non_null(raw);
	m.raw = raw;
	m.raw_len = (uint32_t)size;
	mbuf_init(&b);
	message_put(&b, &m);
	tell(w, fd, MSG_ROW_MESSAGE, id, &b);
	mbuf_free(&b);
	free(raw);
}

static uint64_t
row_pos(void)
{
	struct message_rec m;
	struct mcur c;

	mcur_init(&c, got.data, got.len);
	message_get(&c, &m);
	assert_int_equal(msg_end(&c), 0);
	return m.pos;
}

/* --- who may do what --- */

static void
test_access(void **state)
{
	static const struct control_conf conf = { .owner_uid = 1000,
		.full_gid = 50,
		.view_gid = 60,
		.nrefused = 2,
		.refused = { 2000, 2001 } };
	static const struct {
		uid_t uid;
		gid_t groups[3];
		unsigned n;
		enum control_access want;
	} tab[] = {
		{ 0, { 0 }, 1, ACCESS_FULL },
		{ 1000, { 9 }, 1, ACCESS_FULL },
		{ 1001, { 9 }, 1, ACCESS_NONE },
		{ 1001, { 50 }, 1, ACCESS_FULL },
		{ 1001, { 9, 8, 50 }, 3, ACCESS_FULL },
		{ 1001, { 9, 8, 50 }, 2, ACCESS_NONE },
		{ 1001, { 9, 60 }, 2, ACCESS_VIEW },
		{ 1001, { 60, 50 }, 2, ACCESS_FULL },
		{ 1001, { 0 }, 0, ACCESS_NONE },
		/* Our children, whatever groups they are in. */
		{ 2000, { 50 }, 1, ACCESS_NONE },
		{ 2001, { 60 }, 1, ACCESS_NONE },
	};
	struct control_conf none = conf;
	const gid_t no_gid = CONTROL_NO_GID;
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
		assert_int_equal(control_access(&conf, tab[i].uid,
				     tab[i].groups, tab[i].n),
		    tab[i].want);
	none.full_gid = none.view_gid = CONTROL_NO_GID;
	assert_int_equal(control_access(&none, 1001, &no_gid, 1), ACCESS_NONE);
}

static void
test_hello(void **state)
{
	struct world *w = *state;
	struct mcur c;
	char text[128];
	int fd = welcomed(w, 1000, ACCESS_FULL);

	mcur_init(&c, got.data, got.len);
	assert_int_equal(msg_get_u32(&c), MSG_PROTOCOL);
	assert_int_equal(msg_get_u8(&c), 1);
	msg_get_str(&c, text, sizeof(text));
	assert_string_equal(text, "1.2.3");
	msg_get_i64(&c);
	assert_int_equal(msg_get_u8(&c), 1);
	msg_get_str(&c, text, sizeof(text));
	assert_string_equal(text, "stratum+tcp://192.0.2.1:3333");
	msg_get_str(&c, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(msg_end(&c), 0);
	close(fd);

	fd = connect_as(w, 1000, ACCESS_FULL);
	say_hello(w, fd, MSG_PROTOCOL + 1);
	receive(w, fd, ROLE_CTL, MSG_REPLY);
	reply_is(false, "different versions");
	closed_at(w, fd);
	close(fd);

	fd = connect_as(w, 1000, ACCESS_FULL);
	tell(w, fd, MSG_REQ_CONFIG, 3, NULL);
	receive(w, fd, ROLE_CTL, MSG_REPLY);
	reply_is(false, "hello");
	closed_at(w, fd);
	nothing_at(w, w->supervisor);
	close(fd);
}

static void
put_act(struct mbuf *b, enum act_kind kind, uint64_t n)
{
	struct act a = { .kind = (uint8_t)kind, .n = n };

	/* What a client says of itself is not believed. */
	a.who.credential = ACT_COOKIE;
	a.who.may_act = true;
	a.who.uid = 4711;
	snprintf(a.who.secret, sizeof(a.who.secret), "secret");
	snprintf(a.who.peer, sizeof(a.who.peer), "192.0.2.1:1");
	mbuf_init(b);
	act_put(b, &a);
}

static void
acted_is(uint16_t status, const char *words)
{
	struct act_done d;
	struct mcur c;

	mcur_init(&c, got.data, got.len);
	act_done_get(&c, &d);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(d.status, status);
	assert_non_null(strstr(d.detail, words));
}

/* auth is told who asks, and decides. */
static void
act_as(struct world *w, uid_t uid, enum control_access access)
{
	struct act_done d = { .status = 200, .detail = "draining" };
	int fd = welcomed(w, uid, access);
	struct mbuf b;
	struct mcur c;
	struct act a;

	put_act(&b, ACT_DRAIN, 77);
	tell(w, fd, MSG_ACT, 9, &b);
	receive(w, w->auth, ROLE_AUTH, MSG_ACT);
	mcur_init(&c, got.data, got.len);
	act_get(&c, &a);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(a.kind, ACT_DRAIN);
	assert_int_equal(a.n, 77);
	assert_int_equal(a.who.credential, ACT_UID);
	assert_int_equal(a.who.uid, uid);
	assert_int_equal(a.who.may_act, access == ACCESS_FULL);
	assert_string_equal(a.who.secret, "");
	assert_string_equal(a.who.peer, "hashscopectl");
	mbuf_reset(&b);
	act_done_put(&b, &d);
	tell(w, w->auth, MSG_ACTED, got_id, &b);
	receive(w, fd, ROLE_CTL, MSG_ACTED);
	assert_int_equal(got_id, 9);
	acted_is(200, "draining");
	mbuf_free(&b);
	nothing_at(w, w->supervisor);
	close(fd);
}

static void
test_acts(void **state)
{
	act_as(*state, 0, ACCESS_FULL);
	act_as(*state, 1001, ACCESS_VIEW);
}

/* Nothing is done past auth. */
static void
test_acts_without_auth(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL);
	struct control_request *r;
	struct mbuf b;

	put_act(&b, ACT_RELOAD, 0);
	tell(w, fd, MSG_ACT, 3, &b);
	receive(w, w->auth, ROLE_AUTH, MSG_ACT);
	close(w->auth);
	w->auth = -1;
	receive(w, fd, ROLE_CTL, MSG_ACTED);
	acted_is(503, "auth has ended");
	/* What is asked meanwhile waits a little. */
	tell(w, fd, MSG_ACT, 4, &b);
	nothing_at(w, fd);
	TAILQ_FOREACH(r, &w->k->requests, entry)
		r->since -= CONTROL_AUTH_S * 1000 + 1;
	control_clients_tick(w->k);
	receive(w, fd, ROLE_CTL, MSG_ACTED);
	assert_int_equal(got_id, 4);
	acted_is(503, "auth is not running");
	tell(w, fd, MSG_ACT, 5, &b);
	nothing_at(w, fd);
	w->auth = make_peer(w, ROLE_AUTH, 2);
	receive(w, w->auth, ROLE_AUTH, MSG_ACT);
	mbuf_free(&b);
	nothing_at(w, w->supervisor);
	close(fd);
}

static void
test_malformed(void **state)
{
	static const struct {
		enum msg_type type;
		size_t len;
	} tab[] = { { MSG_REQ_CONFIG, 1 }, { MSG_REQ_PROCESSES, 15 },
		{ MSG_ACT, 0 }, { MSG_ACT, 30 }, { MSG_QUERY, 20 },
		{ MSG_CTL_HELLO, 4 } };
	static const uint8_t zeros[32];
	struct world *w = *state;
	struct mbuf b;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		fd = welcomed(w, 0, ACCESS_FULL);
		mbuf_init(&b);
		msg_put_raw(&b, zeros, tab[i].len);
		tell(w, fd, tab[i].type, 2, &b);
		mbuf_free(&b);
		receive(w, fd, ROLE_CTL, MSG_REPLY);
		reply_is(false, "malformed");
		closed_at(w, fd);
		close(fd);
	}
	nothing_at(w, w->supervisor);
	assert_int_equal(w->k->nclients, 0);
}

/* --- questions and answers --- */

/* Two clients use one number; each gets its own answer. */
static void
test_numbers(void **state)
{
	struct world *w = *state;
	int a = welcomed(w, 0, ACCESS_FULL), b = welcomed(w, 0, ACCESS_FULL);
	uint32_t id_a, id_b;
	struct mbuf body;

	tell(w, a, MSG_REQ_CONFIG, 7, NULL);
	receive(w, w->supervisor, ROLE_SUPERVISOR, MSG_REQ_CONFIG);
	id_a = got_id;
	tell(w, b, MSG_REQ_CONFIG, 7, NULL);
	receive(w, w->supervisor, ROLE_SUPERVISOR, MSG_REQ_CONFIG);
	id_b = got_id;
	assert_int_not_equal(id_a, id_b);

	mbuf_init(&body);
	msg_put_str(&body, "for b");
	tell(w, w->supervisor, MSG_ROW_TEXT, id_b, &body);
	receive(w, b, ROLE_CTL, MSG_ROW_TEXT);
	assert_int_equal(got_id, 7);
	assert_memory_equal(got.data + 4, "for b", 5);
	nothing_at(w, a);
	mbuf_reset(&body);
	msg_put_u8(&body, 1);
	msg_put_str(&body, "");
	tell(w, w->supervisor, MSG_REPLY, id_b, &body);
	receive(w, b, ROLE_CTL, MSG_REPLY);
	/* Answered: what comes under that number now is nobody's. */
	tell(w, w->supervisor, MSG_REPLY, id_b, &body);
	nothing_at(w, b);
	tell(w, w->supervisor, MSG_REPLY, id_a, &body);
	receive(w, a, ROLE_CTL, MSG_REPLY);
	assert_int_equal(got_id, 7);
	mbuf_free(&body);
	close(a);
	close(b);
}

static void
test_lanes(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL);
	uint32_t page_id;

	send_query(w, fd, 11, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	page_id = got_id;
	nothing_at(w, w->search);
	send_query(w, fd, 12, "needle");
	receive(w, w->search, ROLE_QUERY_SEARCH, MSG_QUERY);
	nothing_at(w, w->page);
	send_end(w, w->search, got_id);
	receive(w, fd, ROLE_CTL, MSG_QUERY_END);
	assert_int_equal(got_id, 12);
	send_row(w, w->page, page_id, 5, 10);
	receive(w, fd, ROLE_CTL, MSG_ROW_MESSAGE);
	assert_int_equal(got_id, 11);
	assert_int_equal(row_pos(), 5);
	/* The other lane cannot answer for this one. */
	send_end(w, w->search, page_id);
	nothing_at(w, fd);
	send_end(w, w->page, page_id);
	receive(w, fd, ROLE_CTL, MSG_QUERY_END);
	end_is(0, "");
	close(fd);
}

static void
test_peer_away(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL);

	/* In the middle of an answer. */
	send_query(w, fd, 3, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	close(w->page);
	receive(w, fd, ROLE_CTL, MSG_QUERY_END);
	assert_int_equal(got_id, 3);
	end_is(3, "has ended");
	/* Before it. */
	send_query(w, fd, 4, "");
	receive(w, fd, ROLE_CTL, MSG_QUERY_END);
	end_is(3, "is not running");
	close(w->capture);
	pump(w);
	tell(w, fd, MSG_REQ_CAPTURE_STATS, 5, NULL);
	receive(w, fd, ROLE_CTL, MSG_REPLY);
	reply_is(false, "captured is not running");
	tell(w, fd, MSG_REQ_MONITOR, 6, NULL);
	receive(w, fd, ROLE_CTL, MSG_REPLY);
	reply_is(false, "captured is not running");
	/* It comes back. */
	w->page = make_peer(w, ROLE_QUERY_PAGE, 2);
	w->capture = make_peer(w, ROLE_CAPTURE, 2);
	send_query(w, fd, 7, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	close(fd);
}

/* A newer generation replaces the older, which is still there. */
static void
test_generations(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL), old = w->search;

	send_query(w, fd, 3, "x");
	receive(w, w->search, ROLE_QUERY_SEARCH, MSG_QUERY);
	w->search = make_peer(w, ROLE_QUERY_SEARCH, 2);
	receive(w, fd, ROLE_CTL, MSG_QUERY_END);
	end_is(3, "restarted");
	closed_at(w, old);
	close(old);
	send_query(w, fd, 4, "x");
	receive(w, w->search, ROLE_QUERY_SEARCH, MSG_QUERY);
	close(fd);
}

static void
test_cancel(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL);
	uint32_t id;

	send_query(w, fd, 3, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	id = got_id;
	tell(w, fd, MSG_QUERY_CANCEL, 3, NULL);
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY_CANCEL);
	assert_int_equal(got_id, id);
	send_row(w, w->page, id, 1, 10);
	nothing_at(w, fd);
	/* A client that goes takes its questions along. */
	send_query(w, fd, 4, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	id = got_id;
	close(fd);
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY_CANCEL);
	assert_int_equal(got_id, id);
	send_row(w, w->page, id, 1, 10);
	assert_int_equal(w->k->nclients, 0);
}

static void
test_late(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL);

	tell(w, fd, MSG_REQ_RELAY_STATS, 3, NULL);
	receive(w, w->supervisor, ROLE_SUPERVISOR, MSG_REQ_RELAY_STATS);
	control_clients_tick(w->k);
	nothing_at(w, fd);
	TAILQ_FIRST(&w->k->requests)->since -= CONTROL_ANSWER_S * 1000;
	control_clients_tick(w->k);
	receive(w, fd, ROLE_CTL, MSG_REPLY);
	assert_int_equal(got_id, 3);
	reply_is(false, "no answer");
	close(fd);
}

/* --- limits --- */

static void
test_limits(void **state)
{
	struct world *w = *state;
	int fds[CONTROL_CLIENTS], one, i;

	for (i = 0; i < CONTROL_PER_UID; i++)
		fds[i] = welcomed(w, 1, ACCESS_FULL);
	one = connect_as(w, 1, ACCESS_FULL);
	receive(w, one, ROLE_CTL, MSG_REPLY);
	reply_is(false, "too many clients");
	closed_at(w, one);
	close(one);
	for (; i < CONTROL_CLIENTS; i++)
		fds[i] = welcomed(w, 2 + (uid_t)i / CONTROL_PER_UID,
		    ACCESS_FULL);
	one = connect_as(w, 99, ACCESS_FULL);
	receive(w, one, ROLE_CTL, MSG_REPLY);
	reply_is(false, "too many clients");
	close(one);
	for (i = 0; i < CONTROL_REQUESTS; i++) {
		send_query(w, fds[0], 50, "");
		receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	}
	send_query(w, fds[0], 51, "");
	receive(w, fds[0], ROLE_CTL, MSG_QUERY_END);
	assert_int_equal(got_id, 51);
	end_is(3, "too many requests");
	for (i = 0; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
	while (w->k->nclients > 0)
		pump(w);
	one = welcomed(w, 1, ACCESS_FULL);
	close(one);
}

static void
test_silent(void **state)
{
	struct world *w = *state;
	int fd = connect_as(w, 0, ACCESS_FULL);

	control_clients_tick(w->k);
	assert_int_equal(w->k->nclients, 1);
	TAILQ_FIRST(&w->k->clients)->since -= CONTROL_HELLO_S * 1000 + 1;
	control_clients_tick(w->k);
	assert_int_equal(w->k->nclients, 0);
	closed_at(w, fd);
	close(fd);
}

/* --- back-pressure --- */

#define ROW_SIZE 30000

/* Rows until the lane is paused; how many were sent. */
static uint64_t
flood(struct world *w, uint32_t id)
{
	uint64_t n = 0;

	while (!w->k->peers[ROLE_QUERY_PAGE].paused) {
		send_row(w, w->page, id, ++n, ROW_SIZE);
		assert_true(n < 1000);
	}
	return n;
}

static void
test_slow_reader(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL);
	uint64_t sent, i;
	uint32_t id;

	send_query(w, fd, 3, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	id = got_id;
	sent = flood(w, id);
	/* Behind the pause they wait in the lane, not in our memory. */
	assert_true(ipc_queued(TAILQ_FIRST(&w->k->clients)->ipc) <
	    CONTROL_HIGH + 2 * ROW_SIZE);
	send_row(w, w->page, id, ++sent, ROW_SIZE);
	send_end(w, w->page, id);
	for (i = 1; i <= sent; i++) {
		receive(w, fd, ROLE_CTL, MSG_ROW_MESSAGE);
		assert_int_equal(row_pos(), i);
	}
	receive(w, fd, ROLE_CTL, MSG_QUERY_END);
	assert_false(w->k->peers[ROLE_QUERY_PAGE].paused);
	close(fd);
}

/* One that never reads goes; the others' questions are answered then. */
static void
test_stuck_reader(void **state)
{
	struct world *w = *state;
	int fd = welcomed(w, 0, ACCESS_FULL), other;
	struct control_client *stuck;
	uint32_t id, other_id;

	other = welcomed(w, 0, ACCESS_FULL);
	stuck = TAILQ_FIRST(&w->k->clients);
	send_query(w, fd, 3, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	id = got_id;
	send_query(w, other, 4, "");
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY);
	other_id = got_id;
	flood(w, id);
	send_end(w, w->page, other_id);
	nothing_at(w, other);
	control_clients_tick(w->k);
	assert_int_equal(w->k->nclients, 2);
	stuck->since -= CONTROL_STALL_S * 1000 + 1;
	control_clients_tick(w->k);
	assert_int_equal(w->k->nclients, 1);
	receive(w, other, ROLE_CTL, MSG_QUERY_END);
	assert_int_equal(got_id, 4);
	receive(w, w->page, ROLE_QUERY_PAGE, MSG_QUERY_CANCEL);
	assert_int_equal(got_id, id);
	close(other);
	close(fd);
}

/* --- the feed --- */

static void
send_batch(struct world *w, uint64_t first, size_t size)
{
	struct feed_head h = { .prev = first - 1,
		.first = first,
		.last = first };
	struct mbuf b;
	uint8_t *filler = calloc(1, size);

	assert_non_null(filler);
	mbuf_init(&b);
	feed_head_put(&b, &h);
	msg_put_raw(&b, filler, size);
	tell(w, w->capture, MSG_FEED_BATCH, 0, &b);
	mbuf_free(&b);
	free(filler);
}

static uint64_t
batch_first(void)
{
	struct feed_head h;
	struct mcur c;

	mcur_init(&c, got.data, got.len);
	feed_head_get(&c, &h);
	return h.first;
}

static int
monitoring(struct world *w, uint32_t id)
{
	int fd = welcomed(w, 0, ACCESS_FULL);

	tell(w, fd, MSG_REQ_MONITOR, id, NULL);
	receive(w, fd, ROLE_CTL, MSG_REPLY);
	assert_int_equal(got_id, id);
	reply_is(true, "");
	return fd;
}

static void
send_reset(struct world *w, uint64_t to)
{
	struct mbuf b;

	mbuf_init(&b);
	msg_put_u64(&b, to);
	tell(w, w->capture, MSG_FEED_RESET, 0, &b);
	mbuf_free(&b);
}

static void
test_monitor(void **state)
{
	struct world *w = *state;
	int a, c, idle = welcomed(w, 0, ACCESS_FULL);

	nothing_at(w, w->capture);
	a = monitoring(w, 21);
	receive(w, w->capture, ROLE_CAPTURE, MSG_FEED_SUBSCRIBE);
	c = monitoring(w, 22);
	nothing_at(w, w->capture);
	send_batch(w, 100, 10);
	receive(w, a, ROLE_CTL, MSG_FEED_BATCH);
	assert_int_equal(got_id, 21);
	assert_int_equal(batch_first(), 100);
	receive(w, c, ROLE_CTL, MSG_FEED_BATCH);
	assert_int_equal(got_id, 22);
	nothing_at(w, idle);
	send_reset(w, 90);
	receive(w, a, ROLE_CTL, MSG_FEED_RESET);
	receive(w, c, ROLE_CTL, MSG_FEED_RESET);
	/* captured began again: subscribed without being asked. */
	close(w->capture);
	w->capture = make_peer(w, ROLE_CAPTURE, 2);
	receive(w, w->capture, ROLE_CAPTURE, MSG_FEED_SUBSCRIBE);
	send_batch(w, 200, 10);
	receive(w, a, ROLE_CTL, MSG_FEED_BATCH);
	assert_int_equal(batch_first(), 200);
	close(a);
	close(c);
	close(idle);
}

static void
send_hello(struct world *w, uint64_t last)
{
	static const uint8_t store_id[16] = { 7 };
	struct mbuf b;

	mbuf_init(&b);
	msg_put_raw(&b, store_id, sizeof(store_id));
	msg_put_u64(&b, last);
	msg_put_u64(&b, last);
	tell(w, w->capture, MSG_FEED_HELLO, 0, &b);
	mbuf_free(&b);
}

/* An empty batch that says where the feed stands. */
static void
told_end(struct world *w, int fd, uint64_t end)
{
	struct feed_head h;
	struct mcur c;

	receive(w, fd, ROLE_CTL, MSG_FEED_BATCH);
	mcur_init(&c, got.data, got.len);
	feed_head_get(&c, &h);
	assert_int_equal(msg_end(&c), 0);
	assert_int_equal(h.prev, end);
	assert_int_equal(h.last, end);
	assert_int_equal(h.count, 0);
	assert_int_equal(h.store_id[0], 7);
}

/* A monitor knows where it begins before there is anything to tell, so that
 * a captured which dies then takes nothing from it. */
static void
test_monitor_begins(void **state)
{
	struct world *w = *state;
	int a, late;

	a = monitoring(w, 21);
	receive(w, w->capture, ROLE_CAPTURE, MSG_FEED_SUBSCRIBE);
	nothing_at(w, a);
	send_hello(w, 100);
	told_end(w, a, 100);
	late = monitoring(w, 22);
	told_end(w, late, 100);
	/* It began at 90, and took 10 before there was a monitor. */
	send_reset(w, 90);
	nothing_at(w, a);
	nothing_at(w, late);
	/* Another captured: what it took before it was asked, after RESET. */
	close(w->capture);
	w->capture = make_peer(w, ROLE_CAPTURE, 2);
	receive(w, w->capture, ROLE_CAPTURE, MSG_FEED_SUBSCRIBE);
	send_hello(w, 102);
	nothing_at(w, a);
	send_reset(w, 100);
	receive(w, a, ROLE_CTL, MSG_FEED_RESET);
	told_end(w, a, 102);
	receive(w, late, ROLE_CTL, MSG_FEED_RESET);
	told_end(w, late, 102);
	close(a);
	close(late);
}

/* A slow monitor loses batches, never the connection; others lose none. */
static void
test_slow_monitor(void **state)
{
	struct world *w = *state;
	int slow = monitoring(w, 1), quick = monitoring(w, 2);
	uint64_t i, last = 0, seen = 0;

	receive(w, w->capture, ROLE_CAPTURE, MSG_FEED_SUBSCRIBE);
	for (i = 1; i <= 100; i++) {
		send_batch(w, i, ROW_SIZE);
		receive(w, quick, ROLE_CTL, MSG_FEED_BATCH);
		assert_int_equal(batch_first(), i);
	}
	assert_int_equal(w->k->nclients, 2);
	assert_true(ipc_queued(TAILQ_FIRST(&w->k->clients)->ipc) <
	    CONTROL_FEED + 2 * ROW_SIZE);
	/* Having read what waited, it gets the next, whose prev tells. */
	do {
		receive(w, slow, ROLE_CTL, MSG_FEED_BATCH);
		assert_int_equal(batch_first(), last + 1);
		last = batch_first();
		seen++;
		pump(w);
	} while (ipc_queued(TAILQ_FIRST(&w->k->clients)->ipc) > 0);
	send_batch(w, 101, 10);
	do {
		receive(w, slow, ROLE_CTL, MSG_FEED_BATCH);
		seen++;
	} while (batch_first() != 101);
	assert_true(seen < 101);
	close(slow);
	close(quick);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		T(test_hello),
		T(test_acts),
		T(test_acts_without_auth),
		T(test_malformed),
		T(test_numbers),
		T(test_lanes),
		T(test_peer_away),
		T(test_generations),
		T(test_cancel),
		T(test_late),
		T(test_limits),
		T(test_silent),
		T(test_slow_reader),
		T(test_stuck_reader),
		T(test_monitor),
		T(test_monitor_begins),
		T(test_slow_monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
