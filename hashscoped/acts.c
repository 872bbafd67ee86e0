/*
 * What auth has passed on: it knows who asks, has looked whether they may,
 * and has written it down.  Here it is done, or passed on to relayd.
 *
 * What goes to relayd goes under auth's number with the highest bit set, so
 * that its REPLY is told from those to others' requests.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/act.h"
#include "hashscoped/supervisor.h"

#define OURS 0x80000000u

void
acts_done(struct supervisor *sup, uint32_t requester, unsigned status,
    const char *detail)
{
	struct child *c = child_by_role(sup, ROLE_AUTH);
	struct act_done d = { .status = (uint16_t)status };
	struct mbuf body;

	if (c->ipc == NULL)
		return;
	snprintf(d.detail, sizeof(d.detail), "%s", detail);
	mbuf_init(&body);
	act_done_put(&body, &d);
	if (ipc_send(c->ipc, MSG_DONE, requester, -1, &body) == -1)
		log_warn("answer to auth");
	mbuf_free(&body);
}

static void
ask_relay(struct supervisor *sup, uint32_t id, enum msg_type type,
    const struct mbuf *body)
{
	struct child *relay = child_by_role(sup, ROLE_RELAY);

	if (relay->state != CHILD_READY || relay->ipc == NULL ||
	    ipc_send(relay->ipc, type, id | OURS, -1, body) == -1)
		acts_done(sup, id, 503, "relayd is not running");
}

bool
acts_on_reply(struct supervisor *sup, struct msg_in *m)
{
	char text[900];
	bool ok;

	if ((m->id & OURS) == 0)
		return false;
	ok = msg_get_bool(&m->cur);
	msg_get_str(&m->cur, text, sizeof(text));
	if (msg_end(&m->cur) == -1)
		acts_done(sup, m->id & ~OURS, 503, "relayd answers nonsense");
	else
		acts_done(sup, m->id & ~OURS, ok ? 200 : 404, text);
	return true;
}

static void
disconnect(struct supervisor *sup, uint32_t id, const struct act *a)
{
	struct mbuf body;

	mbuf_init(&body);
	msg_put_raw(&body, a->session, sizeof(a->session));
	ask_relay(sup, id, MSG_REQ_DISCONNECT, &body);
	mbuf_free(&body);
}

static void
drain(struct supervisor *sup, uint32_t id, const struct act *a)
{
	struct mbuf body;

	mbuf_init(&body);
	msg_put_u32(&body, a->n > UINT32_MAX ? UINT32_MAX : (uint32_t)a->n);
	ask_relay(sup, id, MSG_REQ_DRAIN, &body);
	mbuf_free(&body);
}

static void
reload(struct supervisor *sup, uint32_t id, const struct act *a)
{
	reload_begin(sup, id);
}

static void
log_level(struct supervisor *sup, uint32_t id, const struct act *a)
{
	log_set_verbose(a->n != 0);
	children_log_level(sup);
	log_info("logging is %s", a->n != 0 ? "verbose" : "brief");
	acts_done(sup, id, 200, a->n != 0 ? "verbose" : "brief");
}

static void
log_act(const struct act *a)
{
	char name[ACT_NAME];

	snprintf(name, sizeof(name), "%s", a->who.user);
	if (a->who.credential == ACT_UID)
		snprintf(name, sizeof(name), "uid %u", a->who.uid);
	if (a->has_session)
		log_session(a->session);
	if (a->kind == ACT_LOG_LEVEL)
		log_info("%s: log %s", name, a->n != 0 ? "verbose" : "brief");
	else if (a->kind == ACT_DRAIN && a->n < UINT32_MAX)
		log_info("%s: drain in %u s", name, (uint32_t)a->n / 1000);
	else
		log_info("%s: %s", name, act_info(a->kind)->name);
	log_session(NULL);
}

void
acts_on_do(struct ipc *ipc, struct msg_in *m, void *arg)
{
	static void (*const fn[ACT_MAX])(struct supervisor *, uint32_t,
	    const struct act *) = {
		[ACT_DISCONNECT] = disconnect,
		[ACT_DRAIN] = drain,
		[ACT_RELOAD] = reload,
		[ACT_LOG_LEVEL] = log_level,
	};
	struct child *c = arg;
	struct act a;

	act_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1 || (m->id & OURS) != 0 || m->id == 0) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (fn[a.kind] == NULL) {
		acts_done(c->sup, m->id, 503, "hashscoped does not do that");
		return;
	}
	log_act(&a);
	fn[a.kind](c->sup, m->id, &a);
}

/* To stderr, by hand: a secret is not for the journal. */
void
acts_on_login_code(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;
	char url[256];

	msg_get_str(&m->cur, url, sizeof(url));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (c->sup->foreground)
		log_info("to log in once, within ten minutes: %s", url);
}
