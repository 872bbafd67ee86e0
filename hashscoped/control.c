/*
 * The control role.  It holds a listening Unix socket and channels to the
 * supervisor, to captured, to auth and to both lanes of the query role; it opens no
 * file and reads no body that is not addressed to it.  Who may act and who
 * may look is decided here, once, when a client connects; a child of ours
 * is never a client, so that a child which was taken over cannot ask.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "hashscoped/control.h"
#include "hashscoped/control_int.h"

#define ACCEPT_BURST 16

static const struct timeval tick_every = { 1, 0 };

void *
control_new(void)
{
	struct control *k;

	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->next_fd = k->listen_fd = -1;
	TAILQ_INIT(&k->clients);
	TAILQ_INIT(&k->requests);
	return k;
}

/* --- configuration --- */

static void
conf_begin(void *arg)
{
	struct control *k = arg;

	k->have_next = false;
	if (k->next_fd != -1)
		close(k->next_fd);
	k->next_fd = -1;
}

static void
on_conf_control(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control *k = arg;

	control_conf_get(&m->cur, &k->next);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (k->next_fd != -1)
		close(k->next_fd);
	k->next_fd = msg_take_fd(m);
	k->have_next = true;
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	struct control *k = arg;

	if (k->listen_fd != -1 || (k->have_next && k->next_fd != -1))
		return 0;
	snprintf(why, size, "no control socket");
	return -1;
}

static void on_accept(evutil_socket_t, short, void *);

static void
listen_on(struct control *k)
{
	k->accept_ev = event_new(k->base, k->listen_fd, EV_READ | EV_PERSIST,
	    on_accept, k);
	if (k->accept_ev == NULL || event_add(k->accept_ev, NULL) == -1)
		fatal("control socket");
}

static void
conf_commit(void *arg)
{
	struct control *k = arg;

	if (!k->have_next)
		return;
	k->conf = k->next;
	k->have_next = false;
	if (k->next_fd == -1)
		return;
	if (k->accept_ev != NULL)
		event_free(k->accept_ev);
	k->accept_ev = NULL;
	if (k->listen_fd != -1)
		close(k->listen_fd);
	k->listen_fd = k->next_fd;
	k->next_fd = -1;
	if (k->tick_ev != NULL) /* else serve() will */
		listen_on(k);
}

/* --- who comes --- */

static bool
in_group(gid_t gid, const gid_t *groups, unsigned n)
{
	unsigned i;

	if (gid == CONTROL_NO_GID)
		return false;
	for (i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

enum control_access
control_access(const struct control_conf *conf, uid_t uid, const gid_t *groups,
    unsigned ngroups)
{
	unsigned i;

	if (uid == 0 || uid == conf->owner_uid)
		return ACCESS_FULL;
	for (i = 0; i < conf->nrefused; i++)
		if (uid == conf->refused[i])
			return ACCESS_NONE;
	if (in_group(conf->full_gid, groups, ngroups))
		return ACCESS_FULL;
	if (in_group(conf->view_gid, groups, ngroups))
		return ACCESS_VIEW;
	return ACCESS_NONE;
}

/*
 * The groups of the process that connected: the primary one first.  The
 * number of them; memory that the caller frees in *groups, NULL for none.
 */
static unsigned
peer_groups(int fd, gid_t primary, gid_t **groups)
{
	socklen_t len = 0;
	gid_t *g;

	/* Asked with no room it says how much it needs. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == -1 &&
	    errno != ERANGE)
		len = 0;
	*groups = g = calloc(1, sizeof(gid_t) + len);
	if (g == NULL)
		return 0;
	g[0] = primary;
	if (len > 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, g + 1, &len) == -1)
		len = 0;
	return 1 + (unsigned)(len / sizeof(gid_t));
}

static enum control_access
access_of(struct control *k, int fd, uid_t *uid)
{
	enum control_access access;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups;
	unsigned n;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return ACCESS_NONE;
	*uid = cred.uid;
	n = peer_groups(fd, cred.gid, &groups);
	access = control_access(&k->conf, cred.uid, groups, n);
	free(groups);
	return access;
}

static void
turn_away(struct control *k, int fd, uid_t uid)
{
	int64_t now = control_now();

	/* Whoever tries again and again must not fill the log. */
	if (now - k->refused_at >= 1000 || k->refused_at == 0) {
		log_info("uid %u may not use the control socket", uid);
		k->refused_at = now;
	}
	control_refuse(fd, "your user may not use this socket");
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *k = arg;

	control_clients_tick(k);
	if (k->accept_ev != NULL)
		event_add(k->accept_ev, NULL);
	if (k->nclients == 0)
		event_del(k->tick_ev);
}

static void
on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct control *k = arg;
	enum control_access access;
	uid_t uid = (uid_t)-1;
	unsigned i;
	int fd;

	for (i = 0; i < ACCEPT_BURST; i++) {
		fd = accept4(listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1) {
			/* Out of descriptors: the tick tries again. */
			if (errno == EMFILE || errno == ENFILE) {
				event_del(k->accept_ev);
				event_add(k->tick_ev, &tick_every);
			}
			return;
		}
		access = access_of(k, fd, &uid);
		if (access == ACCESS_NONE) {
			turn_away(k, fd, uid);
			continue;
		}
		control_client_new(k, fd, uid, access);
		event_add(k->tick_ev, &tick_every);
	}
}

/* --- peers --- */

static void
peer_close(struct control_peer *p)
{
	ipc_free(p->ipc);
	p->ipc = NULL;
	p->paused = false;
}

static void
on_peer_end(struct ipc *ipc, int err, void *arg)
{
	struct control_peer *p = arg;
	struct control *k = p->control;
	enum role role = ipc_peer(ipc);
	char why[64];

	peer_close(p);
	if (role == ROLE_CAPTURE)
		control_unsubscribed(k);
	snprintf(why, sizeof(why), "%s has ended", role_name(role));
	control_fail(k, role, why);
}

static void
on_peer_answer(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_peer *p = arg;

	control_answer(p->control, ipc_peer(ipc), m);
}

static void
on_feed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_peer *p = arg;

	control_feed(p->control, m);
}

static void
on_feed_hello(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct control_peer *p = arg;

	control_feed_hello(p->control, m);
}

static const struct ipc_handler lane_handlers[] = {
	{ MSG_ROW_SESSION, on_peer_answer },
	{ MSG_ROW_MESSAGE, on_peer_answer },
	{ MSG_ROW_SHARE, on_peer_answer },
	{ MSG_ROW_WORKER, on_peer_answer },
	{ MSG_ROW_STAT, on_peer_answer },
	{ MSG_ROW_JOB, on_peer_answer },
	{ MSG_ROW_ALERT, on_peer_answer },
	{ MSG_QUERY_END, on_peer_answer },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler capture_handlers[] = {
	{ MSG_CAPTURE_STATS, on_peer_answer },
	{ MSG_REPLY, on_peer_answer },
	{ MSG_FEED_HELLO, on_feed_hello },
	{ MSG_FEED_BATCH, on_feed },
	{ MSG_FEED_RESET, on_feed },
	{ MSG_FEED_ALERT, on_feed },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler auth_handlers[] = {
	{ MSG_ACTED, on_peer_answer },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops auth_ops = {
	.handlers = auth_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_handler nostr_handlers[] = {
	{ MSG_ROW_AGENT, on_peer_answer },
	{ MSG_ROW_NOSTR_RELAY, on_peer_answer },
	{ MSG_REPLY, on_peer_answer },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops nostr_ops = {
	.handlers = nostr_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops lane_ops = {
	.handlers = lane_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops capture_ops = {
	.handlers = capture_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops *
ops_for(enum role role)
{
	if (role == ROLE_CAPTURE)
		return &capture_ops;
	if (role == ROLE_QUERY_PAGE || role == ROLE_QUERY_SEARCH)
		return &lane_ops;
	if (role == ROLE_NOSTR)
		return &nostr_ops;
	return role == ROLE_AUTH ? &auth_ops : NULL;
}

void
control_peer(struct control *k, enum role role, uint32_t generation, int fd)
{
	struct control_peer *p = &k->peers[role];
	const struct ipc_ops *ops = ops_for(role);
	char why[64];

	if (ops == NULL) {
		close(fd);
		return;
	}
	p->control = k;
	if (p->ipc != NULL) {
		peer_close(p);
		snprintf(why, sizeof(why), "%s was restarted", role_name(role));
		control_fail(k, role, why);
	}
	p->generation = generation;
	p->ipc = ipc_new(k->base, fd, ROLE_CONTROL, role, ops, p);
	if (p->ipc == NULL)
		log_warn("channel to %s", role_name(role));
	if (role == ROLE_AUTH)
		control_held(k);
	if (role == ROLE_CAPTURE) {
		control_unsubscribed(k);
		control_subscribe(k);
	}
}

/* --- the role --- */

static void
on_supervisor_answer(struct ipc *ipc, struct msg_in *m, void *arg)
{
	control_answer(arg, ROLE_SUPERVISOR, m);
}

static const struct ipc_handler supervisor_handlers[] = {
	{ MSG_CONF_CONTROL, on_conf_control },
	{ MSG_ROW_PROCESS, on_supervisor_answer },
	{ MSG_ROW_TEXT, on_supervisor_answer },
	{ MSG_RELAY_STATS, on_supervisor_answer },
	{ MSG_POOLS, on_supervisor_answer },
	{ MSG_REPLY, on_supervisor_answer },
	{ MSG_NONE, NULL },
};

static void
start(struct proc *proc, void *arg)
{
	struct control *k = arg;

	k->base = proc_base(proc);
	k->supervisor = proc_supervisor(proc);
	k->tick_ev = event_new(k->base, -1, EV_PERSIST, on_tick, k);
	if (k->tick_ev == NULL ||
	    evutil_make_socket_nonblocking(k->listen_fd) == -1)
		fatal("control socket");
}

static void
promises(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_ACCEPT | SB_PASSFD;
	box->nofile = 128;
	box->memory = 256u << 20;
}

static void
serve(struct proc *proc, void *arg)
{
	listen_on(arg);
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct control *k = arg;

	/* A peer may be introduced before the configuration is complete. */
	k->base = proc_base(proc);
	control_peer(k, role, generation, fd);
}

static void
stop(struct proc *proc, void *arg)
{
	struct control *k = arg;
	struct control_client *cl;

	while ((cl = TAILQ_FIRST(&k->clients)) != NULL)
		control_client_drop(cl, NULL);
	proc_exit(proc, 0);
}

static const struct proc_role role = {
	.role = ROLE_CONTROL,
	.name = "control",
	.handlers = supervisor_handlers,
	.create = control_new,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
	.start = start,
	.sandbox = promises,
	.serve = serve,
	.peer = peer,
	.shutdown = stop,
};

const struct proc_role *
control_role(void)
{
	return &role;
}
