/*
 * The role: what it is configured with, whom it talks to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/replay.h"
#include "common/clock.h"
#include "common/log.h"

#define RESULT_MAX (160u * 1024u)

uint64_t
replay_now(void)
{
	return clock_mono_ns();
}

uint32_t
replay_id(struct replay *r)
{
	if (++r->last_id == 0)
		r->last_id = 1;
	return r->last_id;
}

/* --- configuration --- */

static void
conf_begin(void *arg)
{
	struct replay *r = arg;

	r->have_next = false;
}

static void
on_conf(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct replay *r = arg;

	replay_conf_get(&m->cur, &r->next);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	r->have_next = true;
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	const struct replay *r = arg;

	if (r->have_next)
		return 0;
	snprintf(why, size, "no configuration came");
	return -1;
}

static void
conf_commit(void *arg)
{
	struct replay *r = arg;

	r->conf = r->next;
	r->have_next = false;
	explicit_bzero(r->next.password, sizeof(r->next.password));
}

/* --- peers --- */

static void
on_followed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct replay *r = arg;
	struct session_rec rec;
	struct loop *l;
	bool live = msg_get_bool(&m->cur);

	session_get(&m->cur, &rec);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (m->id != 0) {
		(void)act_followed(r, m->id, live, &rec);
		return;
	}
	/* We had told a captured that has come again. */
	l = loop_find(r, rec.id);
	if (live)
		loop_on_followed(r, &rec);
	else if (l != NULL)
		loop_end(l, "the session has ended", false);
}

static const struct ipc_handler auth_handlers[] = {
	{ MSG_DO, act_on_do },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler query_handlers[] = {
	{ MSG_ROW_MESSAGE, fetch_on_row },
	{ MSG_ROW_SESSION, fetch_on_row },
	{ MSG_QUERY_END, fetch_on_end },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler capture_handlers[] = {
	{ MSG_REPLAY_FOLLOWED, on_followed },
	{ MSG_REPLAY_SHARE, loop_on_share },
	{ MSG_REPLAY_OVER, loop_on_over },
	{ MSG_NONE, NULL },
};

static void
auth_gone(struct replay *r)
{
	ipc_free(r->auth);
	r->auth = NULL;
	acts_drop(r);
}

static void
query_gone(struct replay *r)
{
	ipc_free(r->query);
	r->query = NULL;
	fetch_fail_all(r);
}

static void
capture_gone(struct replay *r)
{
	ipc_free(r->capture);
	r->capture = NULL;
	acts_fail_follow(r);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct replay *r = arg;

	if (ipc == r->auth)
		auth_gone(r);
	else if (ipc == r->query)
		query_gone(r);
	else if (ipc == r->capture)
		capture_gone(r);
	else
		ipc_free(ipc);
}

static const struct ipc_ops auth_ops = { .handlers = auth_handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad };
static const struct ipc_ops query_ops = { .handlers = query_handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad };
static const struct ipc_ops capture_ops = { .handlers = capture_handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad };

static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
	runs_pump(arg);
}

/* Whatever comes first, a peer or the start. */
static void
make_parts(struct replay *r, struct proc *proc)
{
	if (r->proc != NULL)
		return;
	r->proc = proc;
	r->base = proc_base(proc);
	r->pace_ev = evtimer_new(r->base, on_pace, r);
	if (r->pace_ev == NULL)
		fatalx("out of memory");
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct replay *r = arg;
	struct ipc *ipc;

	make_parts(r, proc);
	if (role != ROLE_AUTH && role != ROLE_QUERY_PAGE &&
	    role != ROLE_CAPTURE) {
		close(fd);
		return;
	}
	ipc = ipc_new(r->base, fd, ROLE_REPLAY, role,
	    role == ROLE_AUTH           ? &auth_ops :
		role == ROLE_QUERY_PAGE ? &query_ops :
					  &capture_ops,
	    r);
	if (ipc == NULL) {
		log_warn("channel to %s", role_name(role));
		return;
	}
	if (role == ROLE_AUTH) {
		auth_gone(r);
		r->auth = ipc;
	} else if (role == ROLE_QUERY_PAGE) {
		query_gone(r);
		r->query = ipc;
	} else {
		capture_gone(r);
		r->capture = ipc;
		loops_tell(r);
	}
}

/* --- the role --- */

static void
start(struct proc *proc, void *arg)
{
	make_parts(arg, proc);
}

static void
promises(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_PASSFD;
	box->nofile = 64 + REPLAY_LINKS;
	box->memory = 256u << 20;
}

static void
stop(struct proc *proc, void *arg)
{
	struct replay *r = arg;

	loops_end(r, "HashScope ends");
	acts_drop(r);
	proc_exit(proc, 0);
}

static const struct ipc_handler handlers[] = {
	{ MSG_CONF_REPLAY, on_conf },
	{ MSG_REPLAY_OPENED, link_on_opened },
	{ MSG_NONE, NULL },
};

void *
replay_new(void)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->tree = malloc(sizeof(*r->tree));
	if (r->tree == NULL) {
		free(r);
		return NULL;
	}
	r->conf.rate = 1;
	mbuf_init(&r->body);
	json_init(&r->json, RESULT_MAX);
	TAILQ_INIT(&r->runs);
	TAILQ_INIT(&r->loops);
	TAILQ_INIT(&r->links);
	TAILQ_INIT(&r->fetches);
	TAILQ_INIT(&r->errands);
	return r;
}

static const struct proc_role role = {
	.role = ROLE_REPLAY,
	.name = "replay",
	.create = replay_new,
	.handlers = handlers,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
	.start = start,
	.sandbox = promises,
	.peer = peer,
	.shutdown = stop,
};

const struct proc_role *
replay_role(void)
{
	return &role;
}
