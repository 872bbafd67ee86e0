/*
 * The state machine of a pool's client.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/poolclient.h"

enum {
	ID_CONFIGURE = 1,
	ID_SUBSCRIBE,
	ID_AUTHORIZE,
	ID_FIRST /* of submits */
};
/* Ids are small: there are pools that keep them in 32 bits, or in a double. */
#define ID_LAST 0x7ffffffeu

struct waiting {
	uint32_t id; /* 0: taken out */
	uint64_t tag;
	uint64_t sent_ns;
};

struct poolclient {
	struct poolclient_conf conf;
	const struct poolclient_ops *ops;
	void *arg;
	enum poolclient_state state;
	char why[256];
	struct poolclient_facts facts;
	struct mbuf in, out;
	bool busy;   /* in feed(), whose callbacks may free it */
	bool doomed; /* they have */
	uint64_t now;
	uint32_t next_id;
	/* A ring in the order of sending. */
	struct waiting wait[POOLCLIENT_WAITING];
	unsigned head, n, live;
	struct jtree tree;
};

/* --- sending --- */

static void
put_text(struct poolclient *p, const char *text)
{
	msg_put_raw(&p->out, text, strlen(text));
}

static void
put_json(struct poolclient *p, const char *text)
{
	struct json_out o;
	const char *s;
	size_t len;

	json_init(&o, 8 * POOLCLIENT_TEXT);
	json_cstr(&o, text);
	s = json_finish(&o, &len);
	if (s != NULL)
		msg_put_raw(&p->out, s, len);
	else
		p->out.bad = true;
	json_clear(&o);
}

static void
say_subscribe(struct poolclient *p)
{
	char line[192];

	if (p->conf.version_mask != 0) {
		snprintf(line, sizeof(line),
		    "{\"id\":%d,\"method\":\"mining.configure\",\"params\":"
		    "[[\"version-rolling\"],{\"version-rolling.mask\":"
		    "\"%08x\",\"version-rolling.min-bit-count\":2}]}\n",
		    ID_CONFIGURE, p->conf.version_mask);
		put_text(p, line);
	}
	snprintf(line, sizeof(line),
	    "{\"id\":%d,\"method\":\"mining.subscribe\",\"params\":[",
	    ID_SUBSCRIBE);
	put_text(p, line);
	put_json(p, p->conf.user_agent);
	if (p->conf.session[0] != '\0') {
		put_text(p, ",");
		put_json(p, p->conf.session);
	}
	put_text(p, "]}\n");
}

static void
say_authorize(struct poolclient *p)
{
	char line[96];

	snprintf(line, sizeof(line),
	    "{\"id\":%d,\"method\":\"mining.authorize\",\"params\":[",
	    ID_AUTHORIZE);
	put_text(p, line);
	put_json(p, p->conf.worker);
	put_text(p, ",");
	put_json(p, p->conf.password);
	put_text(p, "]}\n");
}

/* --- states --- */

static void
set_state(struct poolclient *p, enum poolclient_state state)
{
	p->state = state;
	if (state == POOLCLIENT_READY || state == POOLCLIENT_FAILED)
		p->ops->on_state(p->arg, state);
}

static void
fail_with(struct poolclient *p, const char *what, const struct answer *a)
{
	if (p->state == POOLCLIENT_FAILED)
		return;
	if (a != NULL && a->text[0] != '\0')
		snprintf(p->why, sizeof(p->why), "%s: %s", what, a->text);
	else
		snprintf(p->why, sizeof(p->why), "%s", what);
	set_state(p, POOLCLIENT_FAILED);
}

struct poolclient *
poolclient_new(const struct poolclient_conf *conf,
    const struct poolclient_ops *ops, void *arg)
{
	struct poolclient *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conf = *conf;
	p->ops = ops;
	p->arg = arg;
	p->next_id = ID_FIRST;
	mbuf_init(&p->in);
	mbuf_init(&p->out);
	say_subscribe(p);
	if (!p->out.bad)
		return p;
	poolclient_free(p);
	return NULL;
}

void
poolclient_free(struct poolclient *p)
{
	if (p == NULL)
		return;
	p->doomed = true;
	if (p->busy)
		return; /* feed() does it */
	mbuf_free(&p->in);
	mbuf_free(&p->out);
	explicit_bzero(p->conf.password, sizeof(p->conf.password));
	free(p);
}

struct mbuf *
poolclient_out(struct poolclient *p)
{
	return &p->out;
}

void
poolclient_sent(struct poolclient *p, size_t n)
{
	if (n > p->out.len)
		n = p->out.len;
	memmove(p->out.data, p->out.data + n, p->out.len - n);
	p->out.len -= n;
}

enum poolclient_state
poolclient_state(const struct poolclient *p)
{
	return p->state;
}

const char *
poolclient_why(const struct poolclient *p)
{
	return p->why;
}

const struct poolclient_facts *
poolclient_facts(const struct poolclient *p)
{
	return &p->facts;
}

unsigned
poolclient_waiting(const struct poolclient *p)
{
	return p->live;
}

/* --- submits on their way --- */

static struct waiting *
wait_at(struct poolclient *p, unsigned i)
{
	return &p->wait[(p->head + i) % POOLCLIENT_WAITING];
}

static int
wait_push(struct poolclient *p, uint32_t id, uint64_t tag, uint64_t now)
{
	struct waiting *w;

	if (p->n >= POOLCLIENT_WAITING)
		return -1;
	w = wait_at(p, p->n++);
	w->id = id;
	w->tag = tag;
	w->sent_ns = now;
	p->live++;
	return 0;
}

/* What was taken out at the front makes room. */
static void
wait_trim(struct poolclient *p)
{
	while (p->n > 0 && wait_at(p, 0)->id == 0) {
		p->head = (p->head + 1) % POOLCLIENT_WAITING;
		p->n--;
	}
}

static bool
wait_take(struct poolclient *p, int64_t id, struct waiting *out)
{
	struct waiting *w;

	for (unsigned i = 0; i < p->n; i++) {
		w = wait_at(p, i);
		if (w->id == 0 || w->id != id)
			continue;
		*out = *w;
		w->id = 0;
		p->live--;
		wait_trim(p);
		return true;
	}
	return false;
}

void
poolclient_forget(struct poolclient *p, uint64_t tag)
{
	struct waiting *w;

	for (unsigned i = 0; i < p->n; i++) {
		w = wait_at(p, i);
		if (w->id == 0 || w->tag != tag)
			continue;
		w->id = 0;
		p->live--;
	}
	wait_trim(p);
}

static uint32_t
take_id(struct poolclient *p)
{
	uint32_t id = p->next_id;

	p->next_id = id >= ID_LAST ? ID_FIRST : id + 1;
	return id;
}

/* The line with each id of its object replaced; some pools take the first of
 * two, some the last. */
static void
put_with_id(struct poolclient *p, const char *line, size_t len, uint32_t id)
{
	const struct jtree *t = &p->tree;
	uint32_t name = JTREE_NONE, value;
	const char *raw;
	char text[16];
	size_t at = 0, n;

	snprintf(text, sizeof(text), "%u", id);
	while ((value = jtree_next(t, jtree_root(t), &name)) != JTREE_NONE) {
		if (!jtree_equals(t, name, "id"))
			continue;
		raw = jtree_raw(t, value, &n);
		msg_put_raw(&p->out, line + at, (size_t)(raw - line) - at);
		put_text(p, text);
		at = (size_t)(raw - line) + n;
	}
	msg_put_raw(&p->out, line + at, len - at);
	put_text(p, "\n");
}

static int
may_submit(const struct poolclient *p)
{
	return p->state == POOLCLIENT_READY && p->n < POOLCLIENT_WAITING &&
		!p->out.bad ?
	    0 :
	    -1;
}

int
poolclient_submit_line(struct poolclient *p, const char *line, size_t len,
    uint64_t tag, uint64_t now)
{
	char why[128];
	uint32_t id;

	if (may_submit(p) == -1 ||
	    poolclient_check_line(&p->tree, line, len, why, sizeof(why)) == -1)
		return -1;
	id = take_id(p);
	put_with_id(p, line, len, id);
	return p->out.bad ? -1 : wait_push(p, id, tag, now);
}

int
poolclient_submit(struct poolclient *p, const char *params, size_t len,
    uint64_t tag, uint64_t now)
{
	char line[80];
	uint32_t id;

	if (may_submit(p) == -1 || len > POOLCLIENT_LINE_MAX ||
	    memchr(params, '\n', len) != NULL)
		return -1;
	id = take_id(p);
	snprintf(line, sizeof(line),
	    "{\"id\":%u,\"method\":\"mining.submit\",\"params\":", id);
	put_text(p, line);
	msg_put_raw(&p->out, params, len);
	put_text(p, "}\n");
	return p->out.bad ? -1 : wait_push(p, id, tag, now);
}

static int
refuse(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -1;
}

int
poolclient_check_line(struct jtree *t, const char *line, size_t len, char *why,
    size_t size)
{
	uint32_t root, name = JTREE_NONE, value;
	unsigned methods = 0;

	if (len == 0 || len > POOLCLIENT_LINE_MAX)
		return refuse(why, size, "not a line of 1 to 65536 bytes");
	if (memchr(line, '\n', len) != NULL || memchr(line, '\r', len) != NULL)
		return refuse(why, size, "more than one line");
	if (json_valid(line, len, JTREE_DEPTH, NULL) == -1 ||
	    jtree_parse(t, line, len) == -1)
		return refuse(why, size, "not one JSON value in UTF-8");
	root = jtree_root(t);
	if (!jtree_is(t, root, J_OBJECT))
		return refuse(why, size, "not a JSON object");
	while ((value = jtree_next(t, root, &name)) != JTREE_NONE) {
		if (!jtree_equals(t, name, "method"))
			continue;
		if (methods++ > 0 || !jtree_equals(t, value, "mining.submit"))
			return refuse(why, size, "not a mining.submit");
	}
	if (methods == 0)
		return refuse(why, size, "not a mining.submit");
	if (!jtree_is(t, jtree_member(t, root, "params"), J_ARRAY))
		return refuse(why, size, "its params are not an array");
	if (jtree_member(t, root, "id") == JTREE_NONE)
		return refuse(why, size, "it has no id");
	return 0;
}

/* --- what the pool says --- */

static void
on_configured(struct poolclient *p)
{
	const struct jtree *t = &p->tree;
	uint32_t result = jtree_member(t, jtree_root(t), "result");
	char hex[16];

	/* A pool that does not know it says so, and goes on. */
	if (jtree_str(t, jtree_member(t, result, "version-rolling.mask"), hex,
		sizeof(hex)) > 0)
		p->facts.version_mask = (uint32_t)strtoul(hex, NULL, 16);
}

/* [["mining.set_difficulty", "id"], ["mining.notify", "id"]], or less. */
static void
take_subscription(struct poolclient *p, uint32_t list)
{
	const struct jtree *t = &p->tree;
	uint32_t item;

	for (uint32_t i = 0; i < jtree_count(t, list); i++) {
		item = jtree_item(t, list, i);
		if (jtree_equals(t, jtree_item(t, item, 0), "mining.notify"))
			(void)jtree_str(t, jtree_item(t, item, 1),
			    p->facts.session, sizeof(p->facts.session));
	}
	if (jtree_equals(t, jtree_item(t, list, 0), "mining.notify"))
		(void)jtree_str(t, jtree_item(t, list, 1), p->facts.session,
		    sizeof(p->facts.session));
}

static void
on_subscribed(struct poolclient *p)
{
	const struct jtree *t = &p->tree;
	uint32_t result = jtree_member(t, jtree_root(t), "result");
	struct answer a;

	if (p->state != POOLCLIENT_SUBSCRIBING)
		return;
	answer_parse(t, &a);
	if (!jtree_is(t, result, J_ARRAY) || jtree_count(t, result) < 3 ||
	    jtree_str(t, jtree_item(t, result, 1), p->facts.extranonce1,
		sizeof(p->facts.extranonce1)) == -1 ||
	    jtree_int(t, jtree_item(t, result, 2),
		&p->facts.extranonce2_size) == -1) {
		fail_with(p, "the pool refuses mining.subscribe", &a);
		return;
	}
	take_subscription(p, jtree_item(t, result, 0));
	p->facts.subscribed = true;
	say_authorize(p);
	set_state(p, POOLCLIENT_AUTHORIZING);
}

static void
on_authorized(struct poolclient *p)
{
	struct answer a;

	if (p->state != POOLCLIENT_AUTHORIZING)
		return;
	answer_parse(&p->tree, &a);
	if (a.class != ANSWER_ACCEPTED)
		fail_with(p, "the pool refuses the worker", &a);
	else
		set_state(p, POOLCLIENT_READY);
}

static void
on_response(struct poolclient *p, const char *line, size_t len)
{
	struct poolclient_answer a = { .raw = line, .raw_len = len };
	const struct jtree *t = &p->tree;
	struct waiting w;
	int64_t id;

	if (jtree_int(t, jtree_member(t, jtree_root(t), "id"), &id) == -1)
		return;
	if (id == ID_CONFIGURE && p->conf.version_mask != 0) {
		on_configured(p);
	} else if (id == ID_SUBSCRIBE) {
		on_subscribed(p);
	} else if (id == ID_AUTHORIZE) {
		on_authorized(p);
	} else if (wait_take(p, id, &w)) {
		a.tag = w.tag;
		a.waited_ns = p->now > w.sent_ns ? p->now - w.sent_ns : 0;
		answer_parse(t, &a.said);
		p->ops->on_answer(p->arg, &a);
	}
}

static void
take_notice(struct poolclient *p, const char *method, uint32_t params)
{
	const struct jtree *t = &p->tree;
	struct poolclient_facts *f = &p->facts;
	char hex[16];
	double d;

	if (strcmp(method, "mining.set_difficulty") == 0) {
		if (jtree_double(t, jtree_item(t, params, 0), &d) == 0 && d > 0)
			f->difficulty = d;
	} else if (strcmp(method, "mining.set_extranonce") == 0) {
		if (jtree_str(t, jtree_item(t, params, 0), f->extranonce1,
			sizeof(f->extranonce1)) != -1)
			(void)jtree_int(t, jtree_item(t, params, 1),
			    &f->extranonce2_size);
	} else if (strcmp(method, "mining.set_version_mask") == 0) {
		if (jtree_str(t, jtree_item(t, params, 0), hex, sizeof(hex)) >
		    0)
			f->version_mask = (uint32_t)strtoul(hex, NULL, 16);
	}
}

/* What a pool asks: its version and whether anybody is there. */
static void
answer_request(struct poolclient *p, const char *method)
{
	const struct jtree *t = &p->tree;
	uint32_t id = jtree_member(t, jtree_root(t), "id");
	bool version = strcmp(method, "client.get_version") == 0;
	const char *raw;
	size_t n;

	if (id == JTREE_NONE || jtree_is(t, id, J_NULL) ||
	    (!version && strcmp(method, "mining.ping") != 0))
		return;
	raw = jtree_raw(t, id, &n);
	put_text(p, "{\"id\":");
	msg_put_raw(&p->out, raw, n);
	put_text(p, ",\"result\":");
	put_json(p, version ? p->conf.user_agent : "pong");
	put_text(p, ",\"error\":null}\n");
}

static void
on_line(struct poolclient *p, const char *line, size_t len)
{
	const struct jtree *t = &p->tree;
	uint32_t root, method;
	char name[65];

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return;
	if (json_valid(line, len, JTREE_DEPTH, NULL) == -1 ||
	    jtree_parse(&p->tree, line, len) == -1 ||
	    !jtree_is(t, jtree_root(t), J_OBJECT)) {
		fail_with(p, "the pool does not speak Stratum", NULL);
		return;
	}
	root = jtree_root(t);
	method = jtree_member(t, root, "method");
	if (!jtree_is(t, method, J_STRING)) {
		on_response(p, line, len);
		return;
	}
	if (jtree_str(t, method, name, sizeof(name)) == -1)
		return;
	take_notice(p, name, jtree_member(t, root, "params"));
	answer_request(p, name);
	if (p->ops->on_notice != NULL)
		p->ops->on_notice(p->arg, name, t,
		    jtree_member(t, root, "params"));
}

static bool
goes_on(const struct poolclient *p)
{
	return !p->doomed && p->state != POOLCLIENT_FAILED;
}

/* The lines that are complete; the rest stays. */
static void
cut_lines(struct poolclient *p)
{
	const char *data = (const char *)p->in.data, *end;
	size_t at = 0, len;

	while (goes_on(p) && p->in.len > at &&
	    (end = memchr(data + at, '\n', p->in.len - at)) != NULL) {
		len = (size_t)(end - (data + at));
		on_line(p, data + at, len);
		at += len + 1;
	}
	if (at == 0)
		return;
	memmove(p->in.data, p->in.data + at, p->in.len - at);
	p->in.len -= at;
}

int
poolclient_feed(struct poolclient *p, const void *data, size_t len,
    uint64_t now_ns)
{
	if (!goes_on(p))
		return -1;
	p->now = now_ns;
	p->busy = true;
	msg_put_raw(&p->in, data, len);
	if (p->in.bad)
		fail_with(p, "out of memory", NULL);
	else
		cut_lines(p);
	if (goes_on(p) && p->in.len > POOLCLIENT_LINE_MAX)
		fail_with(p, "a line of the pool has no end", NULL);
	if (goes_on(p) && p->out.bad)
		fail_with(p, "out of memory", NULL);
	p->busy = false;
	if (goes_on(p))
		return 0;
	if (p->doomed)
		poolclient_free(p);
	return -1;
}
