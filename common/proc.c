/*
 * The life of a child, the same for all of them.  There is one a process,
 * so its state is a static.
 */
#include <sys/prctl.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/privdrop.h"
#include "common/proc.h"

#define PROC_HANDLERS  48
/* Log lines that may wait for the supervisor; more are dropped. */
#define PROC_LOG_QUEUE (64u * 1024u)

struct proc {
	struct event_base *base;
	struct ipc *supervisor;
	const struct proc_role *role;
	void *arg;
	struct proc_hello hello;
	struct ipc_handler handlers[PROC_HANDLERS];
	bool serving;
	bool conf_bad;
	int status;
	uint64_t logs_dropped;
	struct mbuf log;
};

static struct proc self;

void
proc_hello_put(struct mbuf *m, const struct proc_hello *h)
{
	msg_put_u32(m, MSG_PROTOCOL);
	msg_put_u32(m, h->role);
	msg_put_u32(m, h->generation);
	msg_put_u32(m, h->parent);
	msg_put_u8(m, h->is_root);
	msg_put_u8(m, h->verbose);
	msg_put_u8(m, h->sandbox_log);
	msg_put_u8(m, h->sched_batch);
	msg_put_u32(m, h->uid);
	msg_put_u32(m, h->gid);
	msg_put_u32(m, h->ngroups);
	for (unsigned i = 0; i < 4; i++)
		msg_put_u32(m, h->groups[i]);
	msg_put_u32(m, (uint32_t)h->oom_score_adj);
	msg_put_str(m, h->chroot_dir);
}

void
proc_hello_get(struct mcur *c, struct proc_hello *h)
{
	memset(h, 0, sizeof(*h));
	if (msg_get_u32(c) != MSG_PROTOCOL)
		c->bad = true;
	h->role = msg_get_u32(c);
	h->generation = msg_get_u32(c);
	h->parent = msg_get_u32(c);
	h->is_root = msg_get_u8(c) != 0;
	h->verbose = msg_get_u8(c) != 0;
	h->sandbox_log = msg_get_u8(c) != 0;
	h->sched_batch = msg_get_u8(c) != 0;
	h->uid = msg_get_u32(c);
	h->gid = msg_get_u32(c);
	h->ngroups = msg_get_u32(c);
	if (h->ngroups > 4)
		c->bad = true;
	for (unsigned i = 0; i < 4; i++)
		h->groups[i] = msg_get_u32(c);
	h->oom_score_adj = (int32_t)msg_get_u32(c);
	msg_get_str(c, h->chroot_dir, sizeof(h->chroot_dir));
}

static void
send_log(void *arg, enum log_level level, const uint8_t *session,
    const char *text)
{
	mbuf_reset(&self.log);
	msg_put_u8(&self.log, (uint8_t)level);
	msg_put_bytes(&self.log, session, session == NULL ? 0 : 16);
	msg_put_str(&self.log, text);
	msg_put_u64(&self.log, self.logs_dropped);
	if (ipc_queued(self.supervisor) > PROC_LOG_QUEUE ||
	    ipc_send(self.supervisor, MSG_LOG, 0, -1, &self.log) == -1)
		self.logs_dropped++;
}

struct event_base *
proc_base(const struct proc *p)
{
	return p->base;
}

struct ipc *
proc_supervisor(const struct proc *p)
{
	return p->supervisor;
}

void
proc_exit(struct proc *p, int status)
{
	p->status = status;
	/* What is queued behind this has nobody left to act on it. */
	ipc_pause(p->supervisor);
	event_base_loopbreak(p->base);
}

/* Step 4: from here on nothing new can be reached. */
static void
drop_rights(void)
{
	const struct proc_hello *h = &self.hello;
	struct privdrop drop = { .uid = h->uid,
		.gid = h->gid,
		.ngroups = h->ngroups,
		.is_root = h->is_root,
		.parent = (pid_t)h->parent,
		.oom_score_adj = h->oom_score_adj,
		.sched_batch = h->sched_batch };
	struct sandbox box = { .promises = SB_STDIO };
	char err[256], line[512];

	for (unsigned i = 0; i < h->ngroups; i++)
		drop.groups[i] = h->groups[i];
	if (h->chroot_dir[0] != '\0' && !self.role->keeps_files)
		drop.chroot_dir = h->chroot_dir;
	if (privdrop_apply(&drop, err, sizeof(err)) == -1)
		fatalx("cannot drop rights: %s", err);
	if (err[0] != '\0')
		log_debug("%s", err);
	self.role->sandbox(&box, self.arg);
	box.mode = h->sandbox_log ? SANDBOX_LOG : SANDBOX_ENFORCE;
	if (sandbox_apply(&box, err, sizeof(err)) == -1)
		fatalx("cannot enter the sandbox: %s", err);
	log_debug("sandbox: %s", sandbox_describe(&box, line, sizeof(line)));
}

static void
first_commit(void)
{
	self.role->start(&self, self.arg);
	drop_rights();
	self.serving = true;
	if (self.role->serve != NULL)
		self.role->serve(&self, self.arg);
	if (ipc_send_empty(self.supervisor, MSG_READY, 0) == -1)
		fatal("READY");
}

static void
on_conf_begin(struct ipc *ipc, struct msg_in *m, void *arg)
{
	self.conf_bad = false;
	self.role->conf_begin(arg);
}

static void
on_conf_end(struct ipc *ipc, struct msg_in *m, void *arg)
{
	char why[256] = "an item of the configuration was malformed";
	struct mbuf body;
	int ok = 0;

	if (!self.conf_bad)
		ok = self.role->conf_prepare(arg, why, sizeof(why)) == 0;
	mbuf_init(&body);
	msg_put_u8(&body, (uint8_t)ok);
	msg_put_str(&body, ok ? "" : why);
	if (ipc_send(ipc, MSG_CONF_PREPARED, m->id, -1, &body) == -1)
		fatal("CONF_PREPARED");
	mbuf_free(&body);
}

/* A reload is answered when everybody has come to its end. */
static void
conf_done(struct ipc *ipc, uint32_t id)
{
	if (ipc_send_empty(ipc, MSG_CONF_DONE, id) == -1)
		log_warn("CONF_DONE");
}

static void
on_conf_commit(struct ipc *ipc, struct msg_in *m, void *arg)
{
	self.role->conf_commit(arg);
	if (!self.serving)
		first_commit();
	else
		conf_done(ipc, m->id);
}

static void
on_conf_abort(struct ipc *ipc, struct msg_in *m, void *arg)
{
	self.role->conf_begin(arg);
	conf_done(ipc, m->id);
}

static void
on_log_level(struct ipc *ipc, struct msg_in *m, void *arg)
{
	bool verbose = msg_get_u8(&m->cur) != 0;

	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	log_set_verbose(verbose);
}

static void
on_peer(struct ipc *ipc, struct msg_in *m, void *arg)
{
	uint32_t role = msg_get_u32(&m->cur);
	uint32_t generation = msg_get_u32(&m->cur);

	if (msg_end(&m->cur) == -1 || role >= ROLE_MAX || m->fd == -1 ||
	    self.role->peer == NULL) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	self.role->peer(&self, (enum role)role, generation, msg_take_fd(m),
	    arg);
}

static void
on_shutdown(struct ipc *ipc, struct msg_in *m, void *arg)
{
	if (self.role->shutdown != NULL && self.serving)
		self.role->shutdown(&self, arg);
	else
		proc_exit(&self, 0);
}

static void
on_supervisor_end(struct ipc *ipc, int err, void *arg)
{
	/* Without a supervisor nobody restarts or introduces anybody. */
	if (self.role->shutdown != NULL && self.serving)
		self.role->shutdown(&self, arg);
	else
		proc_exit(&self, 1);
}

static void
on_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	const struct msg_info *info = msg_info(type);

	self.conf_bad = true;
	log_warnx("message %s from the supervisor: %s",
	    info == NULL ? "?" : info->name, why);
}

void
proc_on_peer_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	const struct msg_info *info = msg_info(type);

	if (ipc_bad_count(ipc) == 1)
		log_warnx("message %s from %s: %s",
		    info == NULL ? "?" : info->name, role_name(ipc_peer(ipc)),
		    why);
}

static const struct ipc_handler own_handlers[] = {
	{ MSG_CONF_BEGIN, on_conf_begin },
	{ MSG_CONF_END, on_conf_end },
	{ MSG_CONF_COMMIT, on_conf_commit },
	{ MSG_CONF_ABORT, on_conf_abort },
	{ MSG_LOG_LEVEL, on_log_level },
	{ MSG_PEER, on_peer },
	{ MSG_SHUTDOWN, on_shutdown },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops supervisor_ops = {
	.handlers = self.handlers,
	.on_end = on_supervisor_end,
	.on_bad = on_bad,
};

/* Our handlers and the role's, in one table. */
static void
join_handlers(const struct ipc_handler *theirs)
{
	unsigned n = 0;

	for (const struct ipc_handler *h = own_handlers; h->type != MSG_NONE;
	     h++)
		self.handlers[n++] = *h;
	for (const struct ipc_handler *h = theirs;
	     h != NULL && h->type != MSG_NONE; h++) {
		if (n == PROC_HANDLERS - 1)
			fatalx("too many handlers");
		self.handlers[n++] = *h;
	}
	self.handlers[n].type = MSG_NONE;
}

/* Step 1.  Nothing but a supervisor starts us: say so to whoever tries. */
static void
read_hello(const struct proc_role *roles)
{
	struct mbuf body;
	struct mcur cur;
	unsigned type, i;
	uint32_t id;
	int fd;

	mbuf_init(&body);
	/* The sender's role is the supervisor, whichever child we are. */
	if (ipc_read_blocking(PROC_FD, roles[0].role, ROLE_SUPERVISOR, &body,
		&type, &id, &fd) == -1 ||
	    type != MSG_HELLO) {
		fprintf(stderr, "%s is started by hashscoped(8).\n",
		    roles[0].name);
		exit(1);
	}
	mcur_init(&cur, body.data, body.len);
	proc_hello_get(&cur, &self.hello);
	if (msg_end(&cur) == -1)
		fatalx("malformed HELLO");
	mbuf_free(&body);
	for (i = 0; roles[i].name != NULL; i++) {
		if (roles[i].role == (enum role)self.hello.role)
			break;
	}
	if (roles[i].name == NULL)
		fatalx("not a role of this program: %s",
		    role_name(self.hello.role));
	self.role = &roles[i];
	self.arg = self.role->create();
	if (self.arg == NULL)
		fatal("%s", self.role->name);
}

static struct event_base *
new_base(bool precise_timers)
{
	struct event_config *conf = event_config_new();
	struct event_base *base;

	if (conf == NULL)
		fatal("no event loop");
	if (precise_timers)
		event_config_set_flag(conf, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(conf);
	if (base == NULL)
		fatal("no event loop");
	event_config_free(conf);
	return base;
}

int
proc_main(int argc, char *argv[], const struct proc_role *roles)
{
	signal(SIGPIPE, SIG_IGN);
	/* A terminal's or a group's signal is the supervisor's to act on. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	read_hello(roles);
	prctl(PR_SET_NAME, self.role->name);
	log_init(self.role->name);
	log_set_verbose(self.hello.verbose);
	join_handlers(self.role->handlers);
	self.base = new_base(self.role->precise_timers);
	self.supervisor = ipc_new(self.base, PROC_FD, self.role->role,
	    ROLE_SUPERVISOR, &supervisor_ops, self.arg);
	if (self.supervisor == NULL)
		fatal("channel to the supervisor");
	log_set_sink(send_log, NULL);
	self.role->conf_begin(self.arg);
	event_base_dispatch(self.base);
	return self.status;
}
