/*
 * The pool's client as bytes: what it says, what it makes of answers, and of
 * pools that say odd things.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/poolclient.h"

#define SUBSCRIBED                                                          \
	"{\"id\":2,\"error\":null,\"result\":[[[\"mining.set_difficulty\"," \
	"\"d\"],[\"mining.notify\",\"5e55\"]],\"f000000f\",4]}\n"
#define AUTHORIZED "{\"id\":3,\"result\":true,\"error\":null}\n"
#define SUBMIT                                                               \
	"{\"id\": \"x\", \"method\": \"mining.submit\", \"params\": [\"w\"," \
	" \"j\", \"00\", \"5f\", \"01\"]}"

struct world {
	struct poolclient *p;
	unsigned nstates, nanswers, nnotices;
	enum poolclient_state state;
	struct poolclient_answer a;
	char raw[256], method[65];
	bool free_on_answer, free_on_state;
};

static void
on_state(void *arg, enum poolclient_state state)
{
	struct world *w = arg;

	w->nstates++;
	w->state = state;
	if (w->free_on_state) {
		poolclient_free(w->p);
		w->p = NULL;
	}
}

static void
on_answer(void *arg, const struct poolclient_answer *a)
{
	struct world *w = arg;

	w->nanswers++;
	w->a = *a;
	snprintf(w->raw, sizeof(w->raw), "%.*s", (int)a->raw_len, a->raw);
	if (w->free_on_answer) {
		poolclient_free(w->p);
		w->p = NULL;
	}
}

static void
on_notice(void *arg, const char *method, const struct jtree *t, uint32_t params)
{
	struct world *w = arg;

	w->nnotices++;
	snprintf(w->method, sizeof(w->method), "%s", method);
}

static const struct poolclient_ops ops = { on_state, on_answer, on_notice };

static struct poolclient_conf
conf(void)
{
	struct poolclient_conf c = { .user_agent = "test/1",
		.session = "abc",
		.worker = "w\"\n.1",
		.password = "x" };

	return c;
}

static void
open_with(struct world *w, const struct poolclient_conf *c)
{
	memset(w, 0, sizeof(*w));
	w->p = poolclient_new(c, &ops, w);
	assert_non_null(w->p);
}

/* What it wants to send is this, and is sent. */
static void
says(struct world *w, const char *text)
{
	struct mbuf *out = poolclient_out(w->p);

	assert_int_equal(out->len, strlen(text));
	assert_memory_equal(out->data, text, out->len);
	poolclient_sent(w->p, out->len);
}

static int
hears(struct world *w, const char *text)
{
	return poolclient_feed(w->p, text, strlen(text), 1000);
}

static void
ready(struct world *w)
{
	struct poolclient_conf c = conf();

	open_with(w, &c);
	assert_int_equal(hears(w, SUBSCRIBED AUTHORIZED), 0);
	assert_int_equal(w->state, POOLCLIENT_READY);
	poolclient_sent(w->p, poolclient_out(w->p)->len);
}

static void
test_handshake(void **state)
{
	struct poolclient_conf c = conf();
	const struct poolclient_facts *f;
	struct world w;

	open_with(&w, &c);
	says(&w,
	    "{\"id\":2,\"method\":\"mining.subscribe\","
	    "\"params\":[\"test/1\",\"abc\"]}\n");
	assert_int_equal(poolclient_submit_line(w.p, SUBMIT, strlen(SUBMIT), 1,
			     0),
	    -1);
	/* Byte for byte, and with what comes between. */
	for (const char *s =
		 "{\"id\":null,\"method\":\"mining.set_difficulty\","
		 "\"params\":[2.5]}\r\n" SUBSCRIBED;
	     *s != '\0'; s++)
		assert_int_equal(poolclient_feed(w.p, s, 1, 0), 0);
	says(&w,
	    "{\"id\":3,\"method\":\"mining.authorize\","
	    "\"params\":[\"w\\\"\\n.1\",\"x\"]}\n");
	f = poolclient_facts(w.p);
	assert_string_equal(f->extranonce1, "f000000f");
	assert_int_equal(f->extranonce2_size, 4);
	assert_string_equal(f->session, "5e55");
	assert_true(f->difficulty == 2.5);
	assert_int_equal(w.nstates, 0);
	assert_int_equal(hears(&w, AUTHORIZED), 0);
	assert_int_equal(w.nstates, 1);
	assert_int_equal(w.state, POOLCLIENT_READY);
	assert_int_equal(w.nnotices, 1);
	assert_string_equal(w.method, "mining.set_difficulty");
	poolclient_free(w.p);
}

static void
test_configure(void **state)
{
	struct poolclient_conf c = conf();
	struct world w;

	c.version_mask = 0x1fffe000;
	c.session[0] = '\0';
	open_with(&w, &c);
	says(&w,
	    "{\"id\":1,\"method\":\"mining.configure\",\"params\":"
	    "[[\"version-rolling\"],{\"version-rolling.mask\":\"1fffe000\","
	    "\"version-rolling.min-bit-count\":2}]}\n"
	    "{\"id\":2,\"method\":\"mining.subscribe\","
	    "\"params\":[\"test/1\"]}\n");
	assert_int_equal(hears(&w,
			     "{\"id\":1,\"result\":{\"version-rolling\":"
			     "true,\"version-rolling.mask\":"
			     "\"00fff000\"},\"error\":null}\n"),
	    0);
	assert_int_equal(poolclient_facts(w.p)->version_mask, 0x00fff000);
	/* One that does not know it. */
	assert_int_equal(hears(&w,
			     "{\"id\":1,\"result\":null,"
			     "\"error\":[20,\"no\",null]}\n"),
	    0);
	poolclient_free(w.p);
}

static void
test_submit(void **state)
{
	struct world w;

	ready(&w);
	assert_int_equal(poolclient_submit_line(w.p, SUBMIT, strlen(SUBMIT), 7,
			     400),
	    0);
	says(&w,
	    "{\"id\": 4, \"method\": \"mining.submit\", \"params\": [\"w\","
	    " \"j\", \"00\", \"5f\", \"01\"]}\n");
	assert_int_equal(poolclient_submit(w.p, "[1]", 3, 8, 500), 0);
	says(&w, "{\"id\":5,\"method\":\"mining.submit\",\"params\":[1]}\n");
	assert_int_equal(poolclient_waiting(w.p), 2);
	/* In another order than they were sent. */
	assert_int_equal(hears(&w,
			     "{\"id\":5,\"result\":true,\"error\":null}\n"),
	    0);
	assert_int_equal(w.a.tag, 8);
	assert_int_equal(w.a.waited_ns, 500);
	assert_int_equal(w.a.said.class, ANSWER_ACCEPTED);
	assert_int_equal(hears(&w,
			     "{\"id\":4,\"result\":null,"
			     "\"error\":[21,\"Stale\",null]}\n"),
	    0);
	assert_int_equal(w.a.tag, 7);
	assert_int_equal(w.a.said.class, ANSWER_REJECTED);
	assert_string_equal(w.a.said.text, "Stale");
	assert_string_equal(w.raw,
	    "{\"id\":4,\"result\":null,\"error\":[21,\"Stale\",null]}");
	/* To nothing, and once more. */
	assert_int_equal(hears(&w,
			     "{\"id\":4,\"result\":true}\n"
			     "{\"id\":99,\"result\":true}\n"
			     "{\"id\":\"4\",\"result\":true}\n"
			     "{\"result\":true}\n\n"),
	    0);
	assert_int_equal(w.nanswers, 2);
	assert_int_equal(poolclient_waiting(w.p), 0);
	poolclient_free(w.p);
}

static void
test_two_ids(void **state)
{
	static const char line[] = "{\"id\":1,\"method\":\"mining.submit\","
				   "\"params\":[{\"id\":9}],\"id\":[2,{}]}";
	struct world w;

	ready(&w);
	assert_int_equal(poolclient_submit_line(w.p, line, strlen(line), 1, 0),
	    0);
	says(&w,
	    "{\"id\":4,\"method\":\"mining.submit\","
	    "\"params\":[{\"id\":9}],\"id\":4}\n");
	poolclient_free(w.p);
}

static void
test_many(void **state)
{
	char text[64];
	struct world w;

	ready(&w);
	for (unsigned i = 0; i < POOLCLIENT_WAITING; i++)
		assert_int_equal(poolclient_submit(w.p, "[]", 2, i & 1, 0), 0);
	assert_int_equal(poolclient_submit(w.p, "[]", 2, 0, 0), -1);
	poolclient_forget(w.p, 1);
	assert_int_equal(poolclient_waiting(w.p), POOLCLIENT_WAITING / 2);
	for (unsigned i = 0; i < POOLCLIENT_WAITING; i++) {
		snprintf(text, sizeof(text), "{\"id\":%u,\"result\":true}\n",
		    4 + i);
		assert_int_equal(hears(&w, text), 0);
	}
	assert_int_equal(w.nanswers, POOLCLIENT_WAITING / 2);
	assert_int_equal(poolclient_submit(w.p, "[]", 2, 0, 0), 0);
	poolclient_free(w.p);
}

static void
test_asked(void **state)
{
	struct world w;

	ready(&w);
	assert_int_equal(hears(&w,
			     "{\"id\":\"q\",\"method\":\"client.get_version\","
			     "\"params\":[]}\n"
			     "{\"id\":7,\"method\":\"mining.ping\"}\n"
			     "{\"id\":8,\"method\":\"client.show_message\","
			     "\"params\":[\"hi\"]}\n"
			     "{\"id\":null,\"method\":\"mining.ping\"}\n"),
	    0);
	says(&w,
	    "{\"id\":\"q\",\"result\":\"test/1\",\"error\":null}\n"
	    "{\"id\":7,\"result\":\"pong\",\"error\":null}\n");
	assert_int_equal(hears(&w,
			     "{\"method\":\"mining.set_extranonce\","
			     "\"params\":[\"aa\",6]}\n"
			     "{\"method\":\"mining.set_version_mask\","
			     "\"params\":[\"1fff0000\"]}\n"),
	    0);
	assert_string_equal(poolclient_facts(w.p)->extranonce1, "aa");
	assert_int_equal(poolclient_facts(w.p)->extranonce2_size, 6);
	assert_int_equal(poolclient_facts(w.p)->version_mask, 0x1fff0000);
	poolclient_free(w.p);
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *text, *why;
	} t[] = {
		{ "{\"id\":2,\"result\":null,\"error\":[24,\"go away\",null]}\n",
		    "the pool refuses mining.subscribe: go away" },
		{ "{\"id\":2,\"result\":[[],5,4]}\n",
		    "the pool refuses mining.subscribe" },
		{ "{\"id\":2,\"result\":[[],\"aa\",\"4\"]}\n",
		    "the pool refuses mining.subscribe" },
		{ SUBSCRIBED "{\"id\":3,\"result\":false,\"error\":null}\n",
		    "the pool refuses the worker" },
		{ "HTTP/1.1 400 Bad Request\n",
		    "the pool does not speak Stratum" },
		{ "[1,2]\n", "the pool does not speak Stratum" },
		{ "{\"id\":2,\"result\":\"\xff\"}\n",
		    "the pool does not speak Stratum" },
	};
	struct poolclient_conf c = conf();
	struct world w;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		open_with(&w, &c);
		assert_int_equal(hears(&w, t[i].text), -1);
		assert_int_equal(w.state, POOLCLIENT_FAILED);
		assert_int_equal(w.nstates, 1);
		assert_string_equal(poolclient_why(w.p), t[i].why);
		assert_int_equal(hears(&w, SUBSCRIBED), -1);
		poolclient_free(w.p);
	}
}

static void
test_endless(void **state)
{
	struct poolclient_conf c = conf();
	char *text = malloc(POOLCLIENT_LINE_MAX + 1);
	struct world w;

	assert_non_null(text);
	memset(text, ' ', POOLCLIENT_LINE_MAX + 1);
	open_with(&w, &c);
	assert_int_equal(poolclient_feed(w.p, text, POOLCLIENT_LINE_MAX, 0), 0);
	assert_int_equal(poolclient_feed(w.p, text, 1, 0), -1);
	assert_string_equal(poolclient_why(w.p),
	    "a line of the pool has no end");
	poolclient_free(w.p);
	free(text);
}

/* A callback may free it: nothing is touched behind that. */
static void
test_freed(void **state)
{
	struct poolclient_conf c = conf();
	struct world w;

	ready(&w);
	assert_int_equal(poolclient_submit(w.p, "[]", 2, 0, 0), 0);
	w.free_on_answer = true;
	assert_int_equal(hears(&w, "{\"id\":4,\"result\":true}\n" SUBSCRIBED),
	    -1);
	open_with(&w, &c);
	w.free_on_state = true;
	assert_int_equal(hears(&w, SUBSCRIBED AUTHORIZED SUBSCRIBED), -1);
	open_with(&w, &c);
	w.free_on_state = true;
	assert_int_equal(hears(&w, "nonsense\n" SUBSCRIBED), -1);
}

static void
test_check_line(void **state)
{
	static const struct {
		const char *line, *why; /* NULL: fine */
	} t[] = {
		{ SUBMIT, NULL },
		{ " {\"params\":[],\"id\":null,\"method\":\"mining.submit\"} ",
		    NULL },
		{ "", "not a line of 1 to 65536 bytes" },
		{ SUBMIT "\n" SUBMIT, "more than one line" },
		{ SUBMIT "\r", "more than one line" },
		{ SUBMIT SUBMIT, "not one JSON value in UTF-8" },
		{ "{\"id\":1,", "not one JSON value in UTF-8" },
		{ "{\"id\":1,\"x\":\"\xc3\"}", "not one JSON value in UTF-8" },
		{ "[]", "not a JSON object" },
		{ "{\"id\":1,\"params\":[]}", "not a mining.submit" },
		{ "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}",
		    "not a mining.submit" },
		{ "{\"id\":1,\"method\":\"mining.submit\",\"params\":[],"
		  "\"method\":\"mining.authorize\"}",
		    "not a mining.submit" },
		{ "{\"id\":1,\"method\":\"mining.submit\",\"method\":"
		  "\"mining.submit\",\"params\":[]}",
		    "not a mining.submit" },
		{ "{\"id\":1,\"method\":\"mining.submit\",\"params\":{}}",
		    "its params are not an array" },
		{ "{\"method\":\"mining.submit\",\"params\":[]}",
		    "it has no id" },
	};
	struct jtree *tree = malloc(sizeof(*tree));
	char why[128];
	int r;

	assert_non_null(tree);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		r = poolclient_check_line(tree, t[i].line, strlen(t[i].line),
		    why, sizeof(why));
		assert_int_equal(r, t[i].why == NULL ? 0 : -1);
		if (t[i].why != NULL)
			assert_string_equal(why, t[i].why);
	}
	free(tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_two_ids),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_freed),
		cmocka_unit_test(test_check_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
