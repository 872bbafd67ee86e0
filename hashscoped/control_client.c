/*
 * The clients of the control role.  Questions leave under numbers of our
 * own, because two clients choose the same ones, and answers come back
 * under theirs.  A client that does not read holds up the query lane it
 * asked, for a few seconds; then it is the one to go.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/act.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/record.h"
#include "hashscoped/control_int.h"

/* Of all agents the latest: an empty name, no history, not followed. */
#define AGENTS_ALL 9

/* What a client may ask of whom; what changes anything is an ACT. */
static const struct verb {
	unsigned type;
	enum role at;
	uint32_t size; /* of the body, exactly */
} verbs[] = {
	{ MSG_REQ_PROCESSES, ROLE_SUPERVISOR, 0 },
	{ MSG_REQ_CONFIG, ROLE_SUPERVISOR, 0 },
	{ MSG_REQ_RELAY_STATS, ROLE_SUPERVISOR, 0 },
	{ MSG_REQ_POOLS, ROLE_SUPERVISOR, 0 },
	{ MSG_REQ_CAPTURE_STATS, ROLE_CAPTURE, 0 },
	{ MSG_REQ_RELAYS, ROLE_NOSTR, 0 },
	{ MSG_REQ_NOSTR_KEY, ROLE_NOSTR, 0 },
	{ MSG_REQ_AGENTS, ROLE_NOSTR, AGENTS_ALL },
};

int64_t
control_now(void)
{
	return clock_mono_ms();
}

static bool
is_lane(enum role role)
{
	return role == ROLE_QUERY_PAGE || role == ROLE_QUERY_SEARCH;
}

/* --- answers of our own --- */

static void
put_reply(struct mbuf *b, bool ok, const char *text)
{
	mbuf_init(b);
	msg_put_u8(b, ok);
	msg_put_str(b, text);
}

static void
reply(struct control_client *cl, uint32_t id, bool ok, const char *text)
{
	struct mbuf b;

	put_reply(&b, ok, text);
	/* A client that cannot take this is found by the tick. */
	(void)ipc_send(cl->ipc, MSG_REPLY, id, -1, &b);
	mbuf_free(&b);
}

static void
fail_act(struct control_client *cl, uint32_t id, const char *why)
{
	struct act_done d = { .status = 503 };
	struct mbuf b;

	snprintf(d.detail, sizeof(d.detail), "%s", why);
	mbuf_init(&b);
	act_done_put(&b, &d);
	(void)ipc_send(cl->ipc, MSG_ACTED, id, -1, &b);
	mbuf_free(&b);
}

/* A question ends here, in the form in which its answer would have ended. */
static void
fail_one(struct control_client *cl, unsigned type, uint32_t id, const char *why)
{
	struct query_end end = { .status = 3 };
	struct mbuf b;

	if (type == MSG_ACT) {
		fail_act(cl, id, why);
		return;
	}
	if (type != MSG_QUERY) {
		reply(cl, id, false, why);
		return;
	}
	snprintf(end.text, sizeof(end.text), "%s", why);
	mbuf_init(&b);
	query_end_put(&b, &end);
	(void)ipc_send(cl->ipc, MSG_QUERY_END, id, -1, &b);
	mbuf_free(&b);
}

void
control_refuse(int fd, const char *why)
{
	struct mbuf b;

	put_reply(&b, false, why);
	/* A fresh socket takes a packet; if not, it closes without a word. */
	(void)ipc_write_blocking(fd, MSG_REPLY, 0, &b);
	mbuf_free(&b);
	close(fd);
}

/* --- questions on their way --- */

static struct control_request *
request_new(struct control_client *cl, unsigned type, uint32_t id, enum role at)
{
	struct control *k = cl->control;
	struct control_request *r;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	if (++k->last_id == 0)
		k->last_id = 1;
	r->client = cl;
	r->type = type;
	r->id = id;
	r->own = k->last_id;
	r->at = at;
	r->since = control_now();
	cl->nrequests++;
	TAILQ_INSERT_TAIL(&k->requests, r, entry);
	return r;
}

static void
request_free(struct control *k, struct control_request *r)
{
	TAILQ_REMOVE(&k->requests, r, entry);
	r->client->nrequests--;
	if (r->held.data != NULL)
		explicit_bzero(r->held.data, r->held.len);
	mbuf_free(&r->held);
	free(r);
}

static struct control_request *
request_find(struct control *k, enum role at, uint32_t own)
{
	struct control_request *r;

	TAILQ_FOREACH(r, &k->requests, entry)
		if (r->at == at && r->own == own)
			return r;
	return NULL;
}

static struct ipc *
channel(struct control *k, enum role at)
{
	return at == ROLE_SUPERVISOR ? k->supervisor : k->peers[at].ipc;
}

static void
request_cancel(struct control *k, struct control_request *r)
{
	struct ipc *ipc = channel(k, r->at);

	/* Rows that are under way find no request any more: dropped. */
	if (r->type == MSG_QUERY && ipc != NULL)
		(void)ipc_send_empty(ipc, MSG_QUERY_CANCEL, r->own);
	request_free(k, r);
}

void
control_fail(struct control *k, enum role at, const char *why)
{
	struct control_request *r, *next;

	for (r = TAILQ_FIRST(&k->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->at != at || r->held.len > 0)
			continue;
		fail_one(r->client, r->type, r->id, why);
		request_free(k, r);
	}
}

/* --- back-pressure --- */

/* Whether somebody who asked this lane does not read what it said. */
static bool
lane_blocked(struct control *k, enum role lane)
{
	struct control_request *r;

	TAILQ_FOREACH(r, &k->requests, entry)
		if (r->at == lane && ipc_queued(r->client->ipc) > CONTROL_HIGH)
			return true;
	return false;
}

static void
lanes_resume(struct control *k)
{
	static const enum role lanes[] = { ROLE_QUERY_PAGE, ROLE_QUERY_SEARCH };
	struct control_peer *p;
	unsigned i;

	for (i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
		p = &k->peers[lanes[i]];
		if (p->ipc == NULL || !p->paused || lane_blocked(k, lanes[i]))
			continue;
		p->paused = false;
		ipc_resume(p->ipc);
	}
}

static void
lane_pause(struct control *k, enum role lane, struct control_client *cl)
{
	struct control_peer *p = &k->peers[lane];

	if (p->paused || p->ipc == NULL)
		return;
	cl->since = control_now();
	cl->queued_then = ipc_queued(cl->ipc);
	p->paused = true;
	ipc_pause(p->ipc);
}

static bool
is_final(unsigned type)
{
	return type == MSG_QUERY_END || type == MSG_REPLY ||
	    type == MSG_ACTED || type == MSG_RELAY_STATS || type == MSG_POOLS ||
	    type == MSG_CAPTURE_STATS;
}

void
control_answer(struct control *k, enum role from, const struct msg_in *m)
{
	struct control_request *r = request_find(k, from, m->id);
	struct control_client *cl;
	struct mbuf body = control_body(m);

	if (r == NULL)
		return;
	cl = r->client;
	r->since = control_now();
	if (ipc_send(cl->ipc, (enum msg_type)m->type, r->id, -1, &body) == -1) {
		control_client_drop(cl, "does not read");
		return;
	}
	if (is_final(m->type))
		request_free(k, r);
	else if (is_lane(from) && ipc_queued(cl->ipc) > CONTROL_HIGH)
		lane_pause(k, from, cl);
}

/* --- what clients say --- */

static void
on_hello(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_client *cl = arg;
	const struct control_conf *conf = &cl->control->conf;
	uint32_t protocol = msg_get_u32(&m->cur);
	struct mbuf b;
	unsigned i;

	if (msg_end(&m->cur) == -1 || cl->welcomed) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (protocol != MSG_PROTOCOL) {
		reply(cl, m->id, false,
		    "hashscopectl and hashscoped are of different versions");
		control_client_drop(cl, NULL);
		return;
	}
	cl->welcomed = true;
	mbuf_init(&b);
	msg_put_u32(&b, MSG_PROTOCOL);
	msg_put_u8(&b, cl->access == ACCESS_FULL);
	msg_put_str(&b, conf->version);
	msg_put_i64(&b, conf->started_us);
	msg_put_u8(&b, conf->nminer);
	for (i = 0; i < conf->nminer; i++)
		msg_put_str(&b, conf->miner[i]);
	msg_put_str(&b, conf->console);
	(void)ipc_send(ipc, MSG_CTL_WELCOME, m->id, -1, &b);
	mbuf_free(&b);
}

/* Before anything else is asked.  Whether the question may go on. */
static bool
may_ask(struct control_client *cl, const struct msg_in *m)
{
	if (!cl->welcomed) {
		reply(cl, m->id, false, "say hello first");
		control_client_drop(cl, NULL);
		return false;
	}
	if (cl->nrequests >= CONTROL_REQUESTS) {
		fail_one(cl, m->type, m->id, "too many requests at once");
		return false;
	}
	return true;
}

/* Passes a question on, or ends it at once. */
static void
ask(struct control_client *cl, const struct msg_in *m, enum role at)
{
	struct control *k = cl->control;
	struct ipc *ipc = channel(k, at);
	struct control_request *r;
	struct mbuf body = control_body(m);
	char why[64];

	if (ipc == NULL) {
		snprintf(why, sizeof(why), "%s is not running", role_name(at));
		fail_one(cl, m->type, m->id, why);
		return;
	}
	r = request_new(cl, m->type, m->id, at);
	if (r != NULL &&
	    ipc_send(ipc, (enum msg_type)m->type, r->own, -1, &body) == 0)
		return;
	if (r != NULL)
		request_free(k, r);
	snprintf(why, sizeof(why), "%s is too busy", role_name(at));
	fail_one(cl, m->type, m->id, why);
}

static void
on_request(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_client *cl = arg;
	const struct verb *v = verbs;

	while (v->type != m->type)
		v++;
	if (!may_ask(cl, m))
		return;
	if (m->cur.left != v->size) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	ask(cl, m, v->at);
}

/* At the start, or when auth is started again: that takes a moment, and an
 * operator should not have to ask twice. */
static void
hold_act(struct control_client *cl, uint32_t id, const struct mbuf *body)
{
	struct control_request *r = request_new(cl, MSG_ACT, id, ROLE_AUTH);

	if (r != NULL)
		msg_put_raw(&r->held, body->data, body->len);
	if (r == NULL || r->held.bad) {
		if (r != NULL)
			request_free(cl->control, r);
		fail_act(cl, id, "out of memory");
	}
}

void
control_held(struct control *k)
{
	struct ipc *ipc = k->peers[ROLE_AUTH].ipc;
	struct control_request *r, *next;

	for (r = TAILQ_FIRST(&k->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->held.len == 0 || ipc == NULL)
			continue;
		if (ipc_send(ipc, MSG_ACT, r->own, -1, &r->held) == -1) {
			fail_act(r->client, r->id, "auth is too busy");
			request_free(k, r);
			continue;
		}
		explicit_bzero(r->held.data, r->held.len);
		mbuf_reset(&r->held);
		r->since = control_now();
	}
}

/* auth decides and does it; all we add is who asks. */
static void
on_act(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_client *cl = arg;
	struct msg_in out = *m;
	struct mbuf b;
	struct act a;

	if (!may_ask(cl, m))
		return;
	act_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	memset(&a.who, 0, sizeof(a.who));
	a.who.credential = ACT_UID;
	a.who.uid = cl->uid;
	a.who.may_act = cl->access == ACCESS_FULL;
	snprintf(a.who.peer, sizeof(a.who.peer), "hashscopectl");
	mbuf_init(&b);
	act_put(&b, &a);
	if (b.bad) {
		fail_act(cl, m->id, "out of memory");
	} else if (cl->control->peers[ROLE_AUTH].ipc == NULL) {
		hold_act(cl, m->id, &b);
	} else {
		mcur_init(&out.cur, b.data, b.len);
		ask(cl, &out, ROLE_AUTH);
	}
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	mbuf_free(&b);
}

static void
on_query(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_client *cl = arg;
	struct mcur c = m->cur;
	struct query q;

	if (!may_ask(cl, m))
		return;
	query_get(&c, &q);
	if (msg_end(&c) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	/* A search reads every row: it must not keep pages waiting. */
	ask(cl, m, q.text[0] != '\0' ? ROLE_QUERY_SEARCH : ROLE_QUERY_PAGE);
}

static void
on_cancel(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_client *cl = arg;
	struct control *k = cl->control;
	struct control_request *r, *next;

	for (r = TAILQ_FIRST(&k->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->client == cl && r->id == m->id && r->type == MSG_QUERY)
			request_cancel(k, r);
	}
	lanes_resume(k);
}

static void
on_monitor(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_client *cl = arg;

	if (!may_ask(cl, m))
		return;
	if (cl->control->peers[ROLE_CAPTURE].ipc == NULL) {
		reply(cl, m->id, false, "captured is not running");
		return;
	}
	cl->monitor = true;
	cl->monitor_id = m->id;
	reply(cl, m->id, true, "");
	control_feed_begin(cl);
	log_debug("client of uid %u monitors", cl->uid);
}

static void
on_client_end(struct ipc *ipc, int err, void *arg)
{
	control_client_drop(arg, NULL);
}

static void
on_client_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	struct control_client *cl = arg;

	reply(cl, 0, false, "malformed request");
	control_client_drop(cl, why);
}

static void
on_client_drained(struct ipc *ipc, void *arg)
{
	struct control_client *cl = arg;

	lanes_resume(cl->control);
	control_feed_catch_up(cl);
}

static const struct ipc_handler client_handlers[] = {
	{ MSG_CTL_HELLO, on_hello },
	{ MSG_QUERY, on_query },
	{ MSG_QUERY_CANCEL, on_cancel },
	{ MSG_REQ_MONITOR, on_monitor },
	{ MSG_REQ_PROCESSES, on_request },
	{ MSG_REQ_CONFIG, on_request },
	{ MSG_REQ_RELAY_STATS, on_request },
	{ MSG_REQ_POOLS, on_request },
	{ MSG_REQ_CAPTURE_STATS, on_request },
	{ MSG_REQ_RELAYS, on_request },
	{ MSG_REQ_NOSTR_KEY, on_request },
	{ MSG_REQ_AGENTS, on_request },
	{ MSG_ACT, on_act },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops client_ops = {
	.handlers = client_handlers,
	.on_end = on_client_end,
	.on_bad = on_client_bad,
	.on_drained = on_client_drained,
};

/* --- coming and going --- */

static unsigned
clients_of(const struct control *k, uid_t uid)
{
	const struct control_client *cl;
	unsigned n = 0;

	TAILQ_FOREACH(cl, &k->clients, entry)
		n += cl->uid == uid;
	return n;
}

void
control_client_new(struct control *k, int fd, uid_t uid,
    enum control_access access)
{
	struct control_client *cl;

	if (k->nclients >= CONTROL_CLIENTS ||
	    clients_of(k, uid) >= CONTROL_PER_UID) {
		control_refuse(fd, "too many clients");
		return;
	}
	cl = calloc(1, sizeof(*cl));
	if (cl == NULL) {
		close(fd);
		return;
	}
	cl->control = k;
	cl->uid = uid;
	cl->access = access;
	cl->since = control_now();
	cl->ipc = ipc_new(k->base, fd, ROLE_CONTROL, ROLE_CTL, &client_ops, cl);
	if (cl->ipc == NULL) {
		free(cl);
		return;
	}
	ipc_set_limit(cl->ipc, CONTROL_LIMIT);
	TAILQ_INSERT_TAIL(&k->clients, cl, entry);
	k->nclients++;
}

void
control_client_drop(struct control_client *cl, const char *why)
{
	struct control *k = cl->control;
	struct control_request *r, *next;

	if (why != NULL)
		log_info("client of uid %u dropped: %s", cl->uid, why);
	for (r = TAILQ_FIRST(&k->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->client == cl)
			request_cancel(k, r);
	}
	TAILQ_REMOVE(&k->clients, cl, entry);
	k->nclients--;
	ipc_free(cl->ipc);
	free(cl);
	control_subscribe(k);
	lanes_resume(k);
}

/* Whether it holds up a lane and has read nothing for too long. */
static bool
is_stuck(struct control *k, struct control_client *cl, int64_t now)
{
	size_t queued = ipc_queued(cl->ipc);

	if (queued <= CONTROL_HIGH || cl->nrequests == 0 ||
	    queued < cl->queued_then) {
		cl->since = now;
		cl->queued_then = queued;
		return false;
	}
	cl->queued_then = queued;
	return now - cl->since > CONTROL_STALL_S * 1000;
}

static void
requests_tick(struct control *k, int64_t now)
{
	struct control_request *r, *next;

	for (r = TAILQ_FIRST(&k->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->held.len > 0 && now - r->since > CONTROL_AUTH_S * 1000) {
			fail_act(r->client, r->id, "auth is not running");
			request_free(k, r);
			continue;
		}
		if (now - r->since < CONTROL_ANSWER_S * 1000 ||
		    k->peers[r->at].paused)
			continue;
		fail_one(r->client, r->type, r->id, "no answer in time");
		request_cancel(k, r);
	}
}

void
control_clients_tick(struct control *k)
{
	struct control_client *cl, *next;
	int64_t now = control_now();

	requests_tick(k, now);
	lanes_resume(k);
	for (cl = TAILQ_FIRST(&k->clients); cl != NULL; cl = next) {
		next = TAILQ_NEXT(cl, entry);
		if (!cl->welcomed) {
			if (now - cl->since > CONTROL_HELLO_S * 1000)
				control_client_drop(cl, "said nothing");
		} else if (is_stuck(k, cl, now)) {
			control_client_drop(cl, "does not read");
		}
	}
}
