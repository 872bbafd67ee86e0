/*
 * Logging in and out.  The secret of a session is a cookie which no script
 * can read and no other site can have sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/get.h"
#include "apid/guard.h"
#include "apid/request.h"
#include "common/jtree.h"

#define LOGIN_MS 30000

static void
set_cookie(struct request *r, const char *secret, uint32_t lives_s)
{
	reply_header(r, "Set-Cookie",
	    GUARD_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%u",
	    secret, lives_s);
}

static void
on_identity(void *arg, struct msg_in *m, const char *why)
{
	struct request *r = arg;
	struct act_identity id = { .status = 503 };

	r->ask = NULL;
	if (m != NULL) {
		act_identity_get(&m->cur, &id);
		if (msg_end(&m->cur) == -1)
			id = (struct act_identity){ .status = 503 };
	}
	if (id.status == 429)
		reply_header(r, "Retry-After", "%u", id.retry_s);
	if (id.status != 200) {
		reply_error(r, id.status, "%s",
		    id.status == 401     ? "wrong name, password or code" :
			id.status == 429 ? "too many wrong passwords: wait" :
			why != NULL      ? why :
					   "the auth process is not there");
		explicit_bzero(&id, sizeof(id));
		return;
	}
	set_cookie(r, id.secret, id.lives_s != 0 ? id.lives_s : 30 * 86400);
	json_object(&r->out);
	json_kcstr(&r->out, "user", id.user);
	json_kcstr(&r->out, "role", act_role_name((enum act_role)id.role));
	json_kbool(&r->out, "auth_required", true);
	json_object_end(&r->out);
	explicit_bzero(&id, sizeof(id));
	reply_json(r, 200);
}

static void
copy(const struct jtree *t, const char *key, char *dst, size_t size)
{
	(void)jtree_str(t, jtree_member(t, jtree_root(t), key), dst, size);
}

/* What the body says; -1 when that is no login. */
static int
read_login(struct request *r, struct act_login *l)
{
	struct jtree *t = malloc(sizeof(*t));
	int ok = -1;

	memset(l, 0, sizeof(*l));
	snprintf(l->peer, sizeof(l->peer), "%s", r->hc->peer);
	if (t != NULL &&
	    json_valid(r->body.data, r->body.len, JTREE_DEPTH, NULL) == 0 &&
	    jtree_parse(t, r->body.data, r->body.len) == 0) {
		copy(t, "user", l->user, sizeof(l->user));
		copy(t, "password", l->password, sizeof(l->password));
		copy(t, "code", l->code, sizeof(l->code));
		ok = (l->user[0] != '\0' && l->password[0] != '\0') ||
			l->code[0] != '\0' ?
		    0 :
		    -1;
	}
	free(t);
	return ok;
}

void
login_post(struct request *r)
{
	static const struct ask_ops ops = { NULL, on_identity };
	struct act_login l;
	struct mbuf body;
	const char *why;

	if (read_login(r, &l) == -1) {
		reply_error(r, 422, "user and password, or code, are missing");
		return;
	}
	mbuf_init(&body);
	act_login_put(&body, &l);
	explicit_bzero(&l, sizeof(l));
	r->ask = ask_new(r->api, ROLE_AUTH, MSG_LOGIN, &body, LOGIN_MS, &ops, r,
	    &why);
	if (body.data != NULL)
		explicit_bzero(body.data, body.len);
	mbuf_free(&body);
	if (r->ask == NULL)
		reply_error(r, 503, "%s", why);
}

void
login_out(struct request *r)
{
	struct ipc *auth = r->api->peer[ROLE_AUTH];
	struct mbuf body;

	if (auth != NULL && r->identify.who.credential == ACT_COOKIE) {
		mbuf_init(&body);
		act_who_put(&body, &r->identify.who);
		(void)ipc_send(auth, MSG_LOGOUT, 0, -1, &body);
		mbuf_free(&body);
		guard_flush(r->api->guard);
	}
	set_cookie(r, "", 0);
	json_object(&r->out);
	json_kbool(&r->out, "success", true);
	json_object_end(&r->out);
	reply_json(r, 200);
}
