/*
 * Acts, from DO to DONE: what is asked, what is looked up for it, what is
 * refused and in which words (those of the original where it had some).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/replay.h"
#include "common/log.h"

#define ERRANDS_MAX 128

/* An act that is not answered yet. */
struct errand {
	TAILQ_ENTRY(errand) entry;
	struct replay *replay;
	uint32_t id; /* of DO */
	uint8_t kind;
	/* ACT_REPLAY */
	struct share share;
	struct origin origin;
	uint64_t count;
	struct fetch *fetch;
	struct run *run;
	/* ACT_AUTO_REPLAY */
	uint32_t follow_id; /* of REPLAY_FOLLOW; 0 none */
	uint8_t session[16];
	bool on;
};

/* --- answering --- */

static void
send_done(struct replay *r, uint32_t id, struct act_done *d)
{
	mbuf_reset(&r->body);
	act_done_put(&r->body, d);
	if (r->auth == NULL ||
	    ipc_send(r->auth, MSG_DONE, id, -1, &r->body) == -1)
		log_debug("nobody takes the answer to an act");
}

static void
refuse(struct replay *r, uint32_t id, uint16_t status, const char *why)
{
	struct act_done d = { .status = status };

	snprintf(d.detail, sizeof(d.detail), "%s", why);
	send_done(r, id, &d);
}

/* What is in r->json. */
static void
done(struct replay *r, uint32_t id)
{
	struct act_done d = { .status = 200 };
	size_t len = 0;

	d.result = json_finish(&r->json, &len);
	d.result_len = (uint32_t)len;
	if (d.result == NULL)
		refuse(r, id, 503, "out of memory");
	else
		send_done(r, id, &d);
}

static struct errand *
errand_new(struct replay *r, uint32_t id, const struct act *a)
{
	struct errand *e, *other;
	unsigned n = 0;

	TAILQ_FOREACH(other, &r->errands, entry)
		n++;
	if (n >= ERRANDS_MAX || (e = calloc(1, sizeof(*e))) == NULL) {
		refuse(r, id, 429, "too many replays at once");
		return NULL;
	}
	e->replay = r;
	e->id = id;
	e->kind = a->kind;
	memcpy(e->session, a->session, sizeof(e->session));
	e->on = a->on;
	TAILQ_INSERT_TAIL(&r->errands, e, entry);
	return e;
}

static void
errand_free(struct errand *e)
{
	struct replay *r = e->replay;

	fetch_cancel(r, e->fetch);
	TAILQ_REMOVE(&r->errands, e, entry);
	free(e->share.line);
	free(e);
}

static void
errand_refuse(struct errand *e, uint16_t status, const char *why)
{
	refuse(e->replay, e->id, status, why);
	errand_free(e);
}

/* --- a replay --- */

static void
on_run(void *arg, const struct run_result *res)
{
	struct errand *e = arg;
	struct replay *r = e->replay;
	struct json_out *o = &r->json;
	bool success = res->accepted == e->count;

	json_reset(o);
	json_object(o);
	json_kbool(o, "success", success);
	json_key(o, "pool_response");
	if (res->response != NULL)
		json_raw(o, res->response, res->response_len);
	else
		json_null(o);
	json_kcstr(o, "error",
	    success || res->error[0] == '\0' ? NULL : res->error);
	if (res->response != NULL)
		json_kdouble(o, "latency_ms", (double)res->latency_ns / 1e6);
	else
		json_knull(o, "latency_ms");
	json_kcstr(o, "note", res->note[0] == '\0' ? NULL : res->note);
	if (e->count > 1) {
		json_kuint(o, "count", e->count);
		json_kuint(o, "sent", res->sent);
		json_kuint(o, "accepted", res->accepted);
		json_kuint(o, "rejected", res->rejected);
	}
	json_object_end(o);
	e->run = NULL;
	done(r, e->id);
	errand_free(e);
}

static void
on_subscription(void *arg, enum fetch_status status,
    const struct message_rec *m, const struct session_rec *s)
{
	struct errand *e = arg;
	struct replay *r = e->replay;

	e->fetch = NULL;
	/* Without it there is less to say, and nothing less to do. */
	if (status == FETCH_OK && m != NULL)
		fetch_subscription(r->tree, (const char *)m->resp_raw,
		    m->resp_len, &e->origin);
	e->run = run_begin(r, &e->share, &e->origin, e->count, true, on_run, e);
	if (e->run == NULL)
		errand_refuse(e, 429, "too many replays at once");
}

static void
on_session(void *arg, enum fetch_status status, const struct message_rec *m,
    const struct session_rec *s)
{
	struct query q = { .kind = Q_MESSAGES,
		.flags = QF_SESSION | QF_ASCENDING | QF_WITH_RESPONSE |
		    QF_NO_RESPONSES,
		.limit = 1,
		.method = "mining.subscribe" };
	struct errand *e = arg;

	e->fetch = NULL;
	if (status == FETCH_FAILED) {
		errand_refuse(e, 503, "the store does not answer");
		return;
	}
	if (status == FETCH_NONE || s == NULL || s->state != SESSION_LIVE) {
		errand_refuse(e, 404,
		    "Session not active: it has ended, and with it what its "
		    "pool knew of it");
		return;
	}
	e->origin.rec = *s;
	snprintf(e->origin.session, sizeof(e->origin.session), "%s",
	    s->mining_session_id);
	memcpy(q.session, s->id, sizeof(q.session));
	e->fetch = fetch_begin(e->replay, &q, on_subscription, e);
	if (e->fetch == NULL)
		errand_refuse(e, 503, "the store does not answer");
}

/* Why this message cannot be replayed; NULL when it can. */
static const char *
refusal(const struct message_rec *m)
{
	if (m->dir != DIR_MINER_TO_POOL)
		return "Can only replay messages from miner to pool";
	if (strcmp(m->method, "mining.submit") != 0 ||
	    (m->flags & MF_RESPONSE) != 0)
		return "Can only replay mining.submit messages";
	if ((m->flags & (MF_TRUNCATED | MF_BROKEN | MF_MULTIPLE)) != 0)
		return "the message was not stored whole, or is several";
	return NULL;
}

static bool
accepted(struct jtree *t, const struct message_rec *m)
{
	struct answer a;

	if (m->resp_raw == NULL ||
	    jtree_parse(t, (const char *)m->resp_raw, m->resp_len) == -1)
		return false;
	answer_parse(t, &a);
	return a.class == ANSWER_ACCEPTED;
}

static void
on_message(void *arg, enum fetch_status status, const struct message_rec *m,
    const struct session_rec *s)
{
	struct query q = { .kind = Q_SESSION, .flags = QF_SESSION, .limit = 1 };
	struct errand *e = arg;
	struct replay *r = e->replay;
	char why[160];

	e->fetch = NULL;
	if (status != FETCH_OK || m == NULL) {
		errand_refuse(e, status == FETCH_FAILED ? 503 : 404,
		    status == FETCH_FAILED ? "the store does not answer" :
					     "Message not found");
		return;
	}
	if (refusal(m) != NULL) {
		errand_refuse(e, 400, refusal(m));
		return;
	}
	e->share.ts_us = m->ts_recv_us;
	e->share.was_accepted = accepted(r->tree, m);
	if (!e->share.edited) {
		e->share.line = malloc(m->raw_len + 1);
		if (e->share.line == NULL) {
			errand_refuse(e, 503, "out of memory");
			return;
		}
		memcpy(e->share.line, m->raw, m->raw_len);
		e->share.len = m->raw_len;
	}
	if (poolclient_check_line(r->tree, e->share.line, e->share.len, why,
		sizeof(why)) == -1) {
		errand_refuse(e, 400, why);
		return;
	}
	memcpy(q.session, m->session, sizeof(q.session));
	e->fetch = fetch_begin(r, &q, on_session, e);
	if (e->fetch == NULL)
		errand_refuse(e, 503, "the store does not answer");
}

/* The line that is to go instead; one newline behind it is forgiven. */
static int
take_edit(struct errand *e, const struct act *a)
{
	char why[160], text[224];
	size_t len = a->text_len;

	if (len == 0)
		return 0;
	if (a->text[len - 1] == '\n')
		len--;
	if (poolclient_check_line(e->replay->tree, a->text, len, why,
		sizeof(why)) == -1) {
		snprintf(text, sizeof(text), "modified_message: %s", why);
		errand_refuse(e, 400, text);
		return -1;
	}
	e->share.line = malloc(len + 1);
	if (e->share.line == NULL) {
		errand_refuse(e, 503, "out of memory");
		return -1;
	}
	memcpy(e->share.line, a->text, len);
	e->share.len = len;
	e->share.edited = true;
	return 0;
}

static void
do_replay(struct replay *r, uint32_t id, const struct act *a)
{
	struct query q = { .kind = Q_MESSAGE,
		.flags = QF_WITH_RESPONSE,
		.limit = 1,
		.pos = a->pos };
	struct errand *e;

	if (a->n > REPLAY_COUNT_MAX) {
		refuse(r, id, 422, "count must be 1 to 1000");
		return;
	}
	e = errand_new(r, id, a);
	if (e == NULL || take_edit(e, a) == -1)
		return;
	e->count = a->n == 0 ? 1 : a->n;
	e->share.pos = a->pos;
	e->fetch = fetch_begin(r, &q, on_message, e);
	if (e->fetch == NULL)
		errand_refuse(e, 503, "the store does not answer");
}

/* --- auto-replay --- */

static void
tell_auto(struct replay *r, uint32_t id, const uint8_t session[16], bool on)
{
	char text[SESSION_TEXT];

	uuid_text(session, text);
	json_reset(&r->json);
	json_object(&r->json);
	json_kcstr(&r->json, "session_id", text);
	json_kbool(&r->json, "auto_replay_enabled", on);
	json_object_end(&r->json);
	done(r, id);
}

bool
act_followed(struct replay *r, uint32_t id, bool live,
    const struct session_rec *rec)
{
	struct errand *e;
	struct loop *l;

	TAILQ_FOREACH(e, &r->errands, entry) {
		if (e->follow_id != 0 && e->follow_id == id)
			break;
	}
	if (e == NULL)
		return false;
	l = loop_find(r, e->session);
	if (!live) {
		if (l != NULL)
			loop_end(l, "the session has ended", false);
		errand_refuse(e, 404,
		    "Session not active: it has ended, or "
		    "there is none");
		return true;
	}
	if (e->on)
		loop_on_followed(r, rec);
	tell_auto(r, e->id, e->session, e->on && l != NULL);
	errand_free(e);
	return true;
}

static void
do_auto(struct replay *r, uint32_t id, const struct act *a)
{
	struct errand *e;
	struct loop *l;

	if (!a->has_session) {
		refuse(r, id, 400, "no session was named");
		return;
	}
	if (r->capture == NULL) {
		refuse(r, id, 503, "captured is away");
		return;
	}
	l = loop_find(r, a->session);
	/* What runs stops now, whatever captured says later. */
	if (!a->on && l != NULL)
		loop_end(l, "switched off", false);
	e = errand_new(r, id, a);
	if (e == NULL)
		return;
	if (a->on && l == NULL && loop_new(r, a->session) == NULL) {
		errand_refuse(e, 429, "too many sessions are followed");
		return;
	}
	e->follow_id = replay_id(r);
	if (loop_tell(r, a->session, a->on, e->follow_id) == 0)
		return;
	errand_refuse(e, 503, "captured is away");
	if (a->on && l == NULL)
		loop_end(loop_find(r, a->session), "captured is away", false);
}

/* --- stop --- */

static void
do_stop(struct replay *r, uint32_t id)
{
	unsigned runs = 0, loops = r->nloops;
	struct errand *e, *next;

	loops_end(r, "stopped");
	for (e = TAILQ_FIRST(&r->errands); e != NULL; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (e->kind != ACT_REPLAY)
			continue;
		runs++;
		if (e->run != NULL)
			run_stop(e->run);
		else
			errand_refuse(e, 409, "stopped");
	}
	json_reset(&r->json);
	json_object(&r->json);
	json_kuint(&r->json, "replays_stopped", runs);
	json_kuint(&r->json, "auto_replays_stopped", loops);
	json_object_end(&r->json);
	done(r, id);
}

void
act_on_do(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct replay *r = arg;
	struct act a;

	act_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		refuse(r, m->id, 400, "malformed");
	} else if (a.kind == ACT_REPLAY) {
		do_replay(r, m->id, &a);
	} else if (a.kind == ACT_AUTO_REPLAY) {
		do_auto(r, m->id, &a);
	} else if (a.kind == ACT_REPLAY_STOP) {
		do_stop(r, m->id);
	} else {
		refuse(r, m->id, 400, "not an act of the replay role");
	}
}

void
acts_drop(struct replay *r)
{
	struct errand *e;

	/* Their answers go nowhere: auth is away. */
	while ((e = TAILQ_FIRST(&r->errands)) != NULL) {
		if (e->run != NULL)
			run_stop(e->run);
		else
			errand_free(e);
	}
}

void
acts_fail_follow(struct replay *r)
{
	struct errand *e, *next;

	for (e = TAILQ_FIRST(&r->errands); e != NULL; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (e->follow_id != 0)
			errand_refuse(e, 503, "captured has gone away");
	}
}
