/*
 * What somebody may have done.  It is asked of the auth role with what says
 * who asks; auth decides, writes it down and has it done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/get.h"
#include "apid/request.h"
#include "common/jtree.h"
#include "common/record_agent.h"

#define ACT_MS  20000 /* a pool may take 10 s to answer a replay */
#define LOOK_MS 5000

struct work {
	struct request *r;
	struct act act;
	char session[SESSION_TEXT];
	char *text; /* a line of a replay, a password */
};

static void
work_free(struct request *r)
{
	struct work *w = r->work;

	if (w->text != NULL)
		explicit_bzero(w->text, strlen(w->text));
	free(w->text);
	free(w);
}

static struct work *
work_new(struct request *r, unsigned kind)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		reply_error(r, 503, "out of memory");
		return NULL;
	}
	w->r = r;
	w->act.who = r->identify.who;
	w->act.kind = (uint8_t)kind;
	r->work = w;
	r->work_free = work_free;
	return w;
}

/* --- the body --- */

/* Its tree; NULL: it was answered.  No body is an empty object. */
static struct jtree *
parse_body(struct request *r)
{
	struct jtree *t = malloc(sizeof(*t));
	bool empty = r->body.len == 0;
	size_t bad;

	if (t == NULL) {
		reply_error(r, 503, "out of memory");
		return NULL;
	}
	if (!empty &&
	    json_valid(r->body.data, r->body.len, JTREE_DEPTH, &bad) == -1) {
		reply_error(r, 422, "the body is not JSON (byte %zu)", bad);
		free(t);
		return NULL;
	}
	if (jtree_parse(t, empty ? "{}" : (const char *)r->body.data,
		empty ? 2 : r->body.len) == -1 ||
	    !jtree_is(t, jtree_root(t), J_OBJECT)) {
		reply_error(r, 422, "the body is not a JSON object");
		free(t);
		return NULL;
	}
	return t;
}

/* A string of the body, of malloc(); NULL when it is not there. */
static char *
body_text(const struct jtree *t, const char *key, size_t max)
{
	uint32_t n = jtree_member(t, jtree_root(t), key);
	char *s;

	if (!jtree_is(t, n, J_STRING) || (s = malloc(max + 1)) == NULL)
		return NULL;
	if (jtree_str(t, n, s, max + 1) == -1) {
		free(s);
		return NULL;
	}
	return s;
}

/* --- the answer --- */

static void
put_setting(struct json_out *o, const struct work *w)
{
	const struct act *a = &w->act;

	json_object(o);
	json_kcstr(o, "session_id", w->session);
	switch (a->kind) {
	case ACT_BROADCAST:
		json_kbool(o, "broadcast_enabled", a->on);
		break;
	case ACT_REPEAT_COUNT:
		json_kuint(o, "repeat_count", a->n);
		break;
	case ACT_AUTO_REPLAY:
		json_kbool(o, "auto_replay_enabled", a->on);
		break;
	case ACT_AUTO_REPLAY_COUNT:
		json_kuint(o, "auto_replay_count", a->n);
		break;
	default:
		json_kcstr(o, "message", "Session disconnected");
		break;
	}
	json_object_end(o);
}

static void
on_acted(void *arg, struct msg_in *m, const char *why)
{
	struct work *w = arg;
	struct request *r = w->r;
	struct act_done done = { .status = 503 };

	r->ask = NULL;
	if (m != NULL) {
		act_done_get(&m->cur, &done);
		if (msg_end(&m->cur) == -1) {
			done = (struct act_done){ .status = 503 };
			why = "the auth process answered nonsense";
		} else {
			why = done.detail;
		}
	}
	if (done.status != 200) {
		reply_error(r, done.status, "%s", why);
		return;
	}
	if (w->session[0] != '\0' && w->act.kind != ACT_REPLAY)
		put_setting(&r->out, w);
	else if (done.result_len > 0)
		json_raw(&r->out, done.result, done.result_len);
	else {
		json_object(&r->out);
		json_kbool(&r->out, "success", true);
		json_object_end(&r->out);
	}
	reply_json(r, 200);
}

static void
send_act(struct work *w)
{
	static const struct ask_ops ops = { NULL, on_acted };
	struct request *r = w->r;
	struct mbuf body;
	const char *why;

	w->act.text = w->text == NULL ? "" : w->text;
	w->act.text_len = (uint32_t)strlen(w->act.text);
	mbuf_init(&body);
	act_put(&body, &w->act);
	r->ask = ask_new(r->api, ROLE_AUTH, MSG_ACT, &body, ACT_MS, &ops, w,
	    &why);
	/* A password may have been in it. */
	if (body.data != NULL)
		explicit_bzero(body.data, body.len);
	mbuf_free(&body);
	if (r->ask == NULL)
		reply_error(r, 503, "%s", why);
}

bool
act_is_audited(const struct route *t)
{
	const struct act_info *info = NULL;

	if (t->handler == act_replay)
		info = act_info(ACT_REPLAY);
	else if (t->handler == act_session || t->handler == act_plain ||
	    t->handler == act_agents)
		info = act_info(t->arg >> 1);
	return info != NULL && info->audited;
}

/* --- sessions --- */

/* A count in the body; 0: it was answered. */
static uint64_t
body_count(struct request *r, const char *key, uint64_t max, unsigned status)
{
	struct jtree *t = parse_body(r);
	int64_t n = 0;

	if (t == NULL)
		return 0;
	if (jtree_int(t, jtree_member(t, jtree_root(t), key), &n) == -1 ||
	    n < 1 || (uint64_t)n > max) {
		reply_error(r, status, "%s must be between 1 and %llu", key,
		    (unsigned long long)max);
		n = 0;
	}
	free(t);
	return (uint64_t)n;
}

/* The session of the path; -1: it was answered. */
static int
take_session(struct work *w)
{
	if (uuid_parse(w->r->id[0], w->act.session) == -1) {
		reply_error(w->r, 404, "Session not found");
		return -1;
	}
	w->act.has_session = true;
	uuid_text(w->act.session, w->session);
	return 0;
}

void
act_session(struct request *r)
{
	struct work *w = work_new(r, r->route->arg >> 1);

	if (w == NULL || take_session(w) == -1)
		return;
	w->act.on = (r->route->arg & 1) != 0;
	if (w->act.kind == ACT_REPEAT_COUNT)
		w->act.n = body_count(r, "repeat_count", 1000, 400);
	else if (w->act.kind == ACT_AUTO_REPLAY_COUNT)
		w->act.n = body_count(r, "auto_replay_count", 900000, 422);
	if (r->answer == NULL)
		send_act(w);
}

static void
on_session(void *arg, struct msg_in *m)
{
	struct work *w = arg;
	struct session_rec s;

	if (m->type != MSG_ROW_SESSION)
		return;
	session_get(&m->cur, &s);
	if (msg_end(&m->cur) == -1)
		return;
	if (w->act.kind == ACT_BROADCAST)
		w->act.on = s.broadcast_enabled;
	else if (w->act.kind == ACT_REPEAT_COUNT)
		w->act.n = s.repeat_count;
	else if (w->act.kind == ACT_AUTO_REPLAY)
		w->act.on = s.auto_replay_enabled;
	else
		w->act.n = s.auto_replay_count;
	put_setting(&w->r->out, w);
}

static void
on_session_end(void *arg, struct msg_in *m, const char *why)
{
	struct work *w = arg;
	struct request *r = w->r;
	struct query_end end = { .status = 3 };

	r->ask = NULL;
	if (m != NULL)
		query_end_get(&m->cur, &end);
	if (r->out.done)
		reply_json(r, 200);
	else if (end.status <= 1)
		reply_error(r, 404, "Session not found");
	else
		reply_error(r, 503, "%s", m == NULL ? why : end.text);
}

void
act_setting(struct request *r)
{
	static const struct ask_ops ops = { on_session, on_session_end };
	struct query q = { .kind = Q_SESSION, .flags = QF_SESSION, .limit = 1 };
	struct work *w = work_new(r, r->route->arg >> 1);
	struct mbuf body;
	const char *why;

	if (w == NULL || take_session(w) == -1)
		return;
	memcpy(q.session, w->act.session, sizeof(q.session));
	mbuf_init(&body);
	query_put(&body, &q);
	r->ask = ask_new(r->api, ROLE_QUERY_PAGE, MSG_QUERY, &body, LOOK_MS,
	    &ops, w, &why);
	mbuf_free(&body);
	if (r->ask == NULL)
		reply_error(r, 503, "%s", why);
}

/* --- replays --- */

void
act_replay(struct request *r)
{
	struct work *w = work_new(r, ACT_REPLAY);
	struct jtree *t;
	char *end;

	if (w == NULL)
		return;
	w->act.pos = strtoull(r->id[0], &end, 10);
	if (*end != '\0' || r->id[0][0] < '0' || r->id[0][0] > '9') {
		reply_error(r, 404, "Message not found");
		return;
	}
	w->act.n = 1;
	if ((t = parse_body(r)) == NULL)
		return;
	if (jtree_is(t, jtree_member(t, jtree_root(t), "modified_message"),
		J_STRING)) {
		w->text = body_text(t, "modified_message", ACT_TEXT_MAX);
		if (w->text == NULL || strchr(w->text, '\n') != NULL ||
		    json_valid(w->text, strlen(w->text), JTREE_DEPTH, NULL) ==
			-1)
			reply_error(r, 422,
			    "modified_message must be one line of JSON");
	}
	free(t);
	if (r->answer == NULL)
		send_act(w);
}

/* --- agents --- */

/* One of the body, or all. */
void
act_agents(struct request *r)
{
	struct work *w = work_new(r, r->route->arg >> 1);
	struct jtree *t;
	char *id;
	uint32_t node;

	if (w == NULL || (t = parse_body(r)) == NULL)
		return;
	node = jtree_member(t, jtree_root(t), "agent_id");
	if (node != JTREE_NONE && !jtree_is(t, node, J_NULL)) {
		id = w->text = calloc(1, AGENT_ID_MAX + 1);
		if (id == NULL || !jtree_is(t, node, J_STRING) ||
		    jtree_str(t, node, id, AGENT_ID_MAX + 1) !=
			(long)strlen(id) ||
		    id[0] == '\0')
			reply_error(r, 422,
			    "agent_id must be 1 to %d bytes of text",
			    AGENT_ID_MAX);
	}
	free(t);
	if (r->answer == NULL)
		send_act(w);
}

/* --- users, tokens, the audit log --- */

/* A string of the body or, without it, of the path. */
static void
take_name(struct work *w, const struct jtree *t, const char *key)
{
	char *s = body_text(t, key, ACT_NAME - 1);

	if (s != NULL)
		snprintf(w->act.name, sizeof(w->act.name), "%s", s);
	else if (w->r->id[0][0] != '\0')
		snprintf(w->act.name, sizeof(w->act.name), "%.*s", ACT_NAME - 1,
		    w->r->id[0]);
	free(s);
}

/* "old\nnew", or "new". */
static void
take_password(struct work *w, const struct jtree *t)
{
	char *new = body_text(t, "password", 256),
	     *old = body_text(t, "old_password", 256);

	if (old != NULL && new != NULL &&
	    asprintf(&w->text, "%s\n%s", old, new) == -1)
		w->text = NULL;
	else if (old == NULL && new != NULL)
		w->text = strdup(new);
	free(old);
	free(new);
	if (w->text == NULL)
		reply_error(w->r, 422, "password is missing");
}

static void
take_role(struct work *w, const struct jtree *t)
{
	char *role = body_text(t, "role", 16);

	w->act.role = (uint8_t)(role == NULL ? ACT_ROLE_NONE :
					       act_role_parse(role));
	free(role);
	if (w->act.role == ACT_ROLE_NONE)
		reply_error(w->r, 422,
		    "role must be viewer, operator or admin");
}

void
act_plain(struct request *r)
{
	struct work *w = work_new(r, r->route->arg >> 1);
	struct jtree *t;
	int64_t n;

	if (w == NULL || (t = parse_body(r)) == NULL)
		return;
	if (w->act.kind == ACT_AUDIT) {
		w->act.n = param(r, "limit")->u;
		w->act.pos = param(r, "before")->u;
	}
	take_name(w, t, "name");
	if (jtree_int(t, jtree_member(t, jtree_root(t), "lives_s"), &n) == 0 &&
	    n > 0)
		w->act.n = (uint64_t)n;
	if (w->act.kind == ACT_USER_ADD || w->act.kind == ACT_USER_ROLE ||
	    w->act.kind == ACT_TOKEN_CREATE)
		take_role(w, t);
	if (r->answer == NULL &&
	    (w->act.kind == ACT_USER_ADD || w->act.kind == ACT_USER_PASSWORD))
		take_password(w, t);
	free(t);
	if (r->answer == NULL)
		send_act(w);
}
