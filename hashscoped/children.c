/*
 * The children: started, introduced to each other, started again.
 *
 * A child that ends is started again at once, then after 100 ms doubling to
 * 2 s while it does not live for 10 s; the others go on meanwhile.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/proc.h"
#include "hashscoped/supervisor.h"

#define CHANNEL_BYTES (4 * 1024 * 1024)
#define OOM_RELAY     (-500)
#define OOM_OTHERS    300
#define END_SECONDS   3 /* for one that is not wanted any more */

static const struct {
	enum role role;
	const char *name;
	const char *program;
	const char *user;
} list[CHILDREN] = {
	/* In this order they are started: mining first. */
	{ ROLE_RELAY, "relayd", "relayd", "hashscope-relay" },
	{ ROLE_RESOLVER, "resolver", NULL, "hashscope-resolve" },
	{ ROLE_CAPTURE, "captured", "captured", "hashscope-capture" },
	{ ROLE_QUERY_PAGE, "query-page", "captured", "hashscope-query" },
	{ ROLE_QUERY_SEARCH, "query-search", "captured", "hashscope-query" },
	{ ROLE_PASSWORD, "password", NULL, "hashscope-password" },
	{ ROLE_AUTH, "auth", NULL, "hashscope-auth" },
	{ ROLE_CONTROL, "control", NULL, "hashscope" },
	{ ROLE_API, "apid", "apid", "hashscope-api" },
	{ ROLE_REPLAY, "replay", "replay", "hashscope-replay" },
	{ ROLE_NOSTR_RESOLVER, "nostr-resolver", NULL, "hashscope-resolve" },
	{ ROLE_SIGNER, "signer", "nostrd", "hashscope-sign" },
	{ ROLE_NOSTR, "nostrd", "nostrd", "hashscope-nostr" },
};

/* Who is introduced to whom, as soon as both are ready. */
static const struct {
	enum role a, b;
} pairs[] = {
	{ ROLE_RELAY, ROLE_RESOLVER },
	{ ROLE_RELAY, ROLE_CAPTURE },
	{ ROLE_CAPTURE, ROLE_QUERY_PAGE },
	{ ROLE_CAPTURE, ROLE_QUERY_SEARCH },
	{ ROLE_CAPTURE, ROLE_CONTROL },
	{ ROLE_CONTROL, ROLE_QUERY_PAGE },
	{ ROLE_CONTROL, ROLE_QUERY_SEARCH },
	{ ROLE_AUTH, ROLE_PASSWORD },
	{ ROLE_AUTH, ROLE_CONTROL },
	{ ROLE_AUTH, ROLE_API },
	{ ROLE_AUTH, ROLE_CAPTURE },
	{ ROLE_AUTH, ROLE_REPLAY },
	{ ROLE_AUTH, ROLE_NOSTR },
	{ ROLE_CAPTURE, ROLE_API },
	{ ROLE_API, ROLE_QUERY_PAGE },
	{ ROLE_API, ROLE_QUERY_SEARCH },
	{ ROLE_REPLAY, ROLE_CAPTURE },
	{ ROLE_REPLAY, ROLE_QUERY_PAGE },
	{ ROLE_NOSTR, ROLE_NOSTR_RESOLVER },
	{ ROLE_NOSTR, ROLE_SIGNER },
	{ ROLE_NOSTR, ROLE_CAPTURE },
	{ ROLE_NOSTR, ROLE_QUERY_PAGE },
	{ ROLE_NOSTR, ROLE_CONTROL },
	{ ROLE_NOSTR, ROLE_API },
};

static void child_start(struct child *);

struct child *
child_by_role(struct supervisor *sup, enum role role)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		if (sup->child[i].role == role)
			return &sup->child[i];
	}
	return NULL;
}

/* --- the child's side of fork --- */

/* Environment: none, but what a sanitizer needs to report anything. */
static char **
child_env(void)
{
	static char *env[4];
	unsigned n = 0;
#ifdef HS_SAN
	static const char *const keep[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS" };
	static char text[2][512];

	for (unsigned i = 0; i < 2; i++) {
		const char *v = getenv(keep[i]);

		if (v == NULL)
			continue;
		snprintf(text[n], sizeof(text[n]), "%s=%s", keep[i], v);
		env[n] = text[n];
		n++;
	}
#endif
	env[n] = NULL;
	return env;
}

static void
child_exec(struct child *c, int channel)
{
	char path[600], role[] = "-R";
	char *name = (char *)(uintptr_t)c->name;
	char *argv[] = { name, c->program == NULL ? role : NULL, NULL };
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1)
		_exit(126);
#ifndef HS_SAN
	if (dup2(null, 2) == -1)
		_exit(126);
#endif
	if (channel == PROC_FD) {
		if (fcntl(channel, F_SETFD, 0) == -1)
			_exit(126);
	} else if (dup2(channel, PROC_FD) == -1) {
		_exit(126);
	}
	if (close_range(PROC_FD + 1, ~0u, 0) == -1)
		_exit(126);
	if (c->program == NULL)
		snprintf(path, sizeof(path), "%s", c->sup->self);
	else
		snprintf(path, sizeof(path), "%s/%s", c->sup->libexec,
		    c->program);
	execve(path, argv, child_env());
	_exit(127);
}

/* --- messages from a child --- */

static void
on_log(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;
	const uint8_t *session;
	char text[2100];
	uint8_t level;
	size_t n;

	level = msg_get_u8(&m->cur);
	session = msg_get_bytes(&m->cur, &n, 16);
	msg_get_str(&m->cur, text, sizeof(text));
	c->logs_dropped = msg_get_u64(&m->cur);
	if (msg_end(&m->cur) == -1 || level > LOG_DEBUG ||
	    (n != 0 && n != 16)) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	logger_write((enum log_level)level, c->name, c->pid,
	    n == 16 ? session : NULL, text);
}

static void
on_prepared(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;
	char why[300];
	bool ok;

	ok = msg_get_u8(&m->cur) != 0;
	msg_get_str(&m->cur, why, sizeof(why));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	/* At the start the number is 0; a reload has its own, and one that
	 * was refused meanwhile gets no COMMIT for a late answer. */
	if (m->id != 0) {
		reload_on_prepared(c->sup, c, m->id, ok, why);
		return;
	}
	if (!ok)
		log_warnx("%s refuses its configuration: %s", c->name, why);
	else if (ipc_send_empty(ipc, MSG_CONF_COMMIT, 0) == -1)
		log_warn("%s: COMMIT", c->name);
}

static void
on_conf_done(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;

	reload_on_done(c->sup, c, m->id);
}

static void
introduce_two(struct child *a, struct child *b)
{
	struct mbuf body;
	int fds[2], size = CHANNEL_BYTES;
	struct child *side[2] = { a, b };

	if (ipc_pair(fds) == -1) {
		log_warn("cannot introduce %s to %s", a->name, b->name);
		return;
	}
	mbuf_init(&body);
	for (int i = 0; i < 2; i++) {
		/* Only root may go past the system's maximum. */
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size,
			sizeof(size)) == -1)
			setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
			    sizeof(size));
		mbuf_reset(&body);
		msg_put_u32(&body, (uint32_t)side[1 - i]->role);
		msg_put_u32(&body, side[1 - i]->generation);
		if (ipc_send(side[i]->ipc, MSG_PEER, 0, fds[i], &body) == -1)
			log_warn("PEER to %s", side[i]->name);
	}
	close(fds[0]);
	close(fds[1]);
	mbuf_free(&body);
}

static void
introduce(struct supervisor *sup, struct child *c)
{
	struct child *a, *b;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (pairs[i].a != c->role && pairs[i].b != c->role)
			continue;
		a = child_by_role(sup, pairs[i].a);
		b = child_by_role(sup, pairs[i].b);
		/* One may have died, which SIGCHLD has yet to tell. */
		if (a != NULL && b != NULL && a->state == CHILD_READY &&
		    a->ipc != NULL && b->state == CHILD_READY && b->ipc != NULL)
			introduce_two(a, b);
	}
}

static void
on_ready(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;

	if (c->state != CHILD_STARTING) {
		ipc_bad(ipc, m, "READY twice");
		return;
	}
	if (c->reaped)
		return;
	c->state = CHILD_READY;
	log_debug("%s is ready, pid %d", c->name, (int)c->pid);
	introduce(c->sup, c);
	if (c->role == ROLE_RELAY)
		supervisor_ready(c->sup);
}

/* captured waits for a query lane that does not let go of the store. */
static void
on_hold_late(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg, *late;
	uint32_t role = msg_get_u32(&m->cur);

	late = child_by_role(c->sup, (enum role)role);
	if (msg_end(&m->cur) == -1 ||
	    (role != ROLE_QUERY_PAGE && role != ROLE_QUERY_SEARCH)) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (late->pid > 0) {
		log_warnx("%s holds the store up: it is started again",
		    late->name);
		kill(late->pid, SIGKILL);
	}
}

static void
on_channel_end(struct ipc *ipc, int err, void *arg)
{
	struct child *c = arg;

	/* SIGCHLD tells the rest; one that only closed its channel is of no
	 * use any more. */
	if (c->ipc == ipc)
		c->ipc = NULL;
	ipc_free(ipc);
	if (c->pid > 0 && !c->reaped && !c->sup->stopping)
		kill(c->pid, SIGKILL);
}

static void
on_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	const struct msg_info *info = msg_info(type);
	struct child *c = arg;

	if (ipc_bad_count(ipc) <= 10)
		log_warnx("message %s from %s: %s",
		    info == NULL ? "?" : info->name, c->name, why);
}

static const struct ipc_handler handlers[] = {
	{ MSG_LOG, on_log },
	{ MSG_READY, on_ready },
	{ MSG_CONF_PREPARED, on_prepared },
	{ MSG_CONF_DONE, on_conf_done },
	{ MSG_HOLD_LATE, on_hold_late },
	{ MSG_REQ_PROCESSES, request_on_processes },
	{ MSG_REQ_CONFIG, request_on_config },
	{ MSG_DO, acts_on_do },
	{ MSG_AUDIT_FULL, audit_on_full },
	{ MSG_LOGIN_CODE, acts_on_login_code },
	{ MSG_REQ_RELAY_STATS, request_for_relay },
	{ MSG_REQ_POOLS, request_for_relay },
	{ MSG_REPLAY_OPEN, replay_on_open },
	{ MSG_RELAY_STATS, request_answer },
	{ MSG_POOLS, request_answer },
	{ MSG_REPLY, request_answer },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops ops = {
	.handlers = handlers,
	.on_end = on_channel_end,
	.on_bad = on_bad,
};

/* --- starting --- */

static int
send_hello(struct child *c)
{
	struct supervisor *sup = c->sup;
	struct proc_hello h;
	struct mbuf body;
	int r;

	memset(&h, 0, sizeof(h));
	h.role = (uint32_t)c->role;
	h.generation = c->generation;
	h.parent = (uint32_t)getpid();
	h.is_root = sup->is_root;
	h.verbose = log_verbose();
	h.sandbox_log = sup->sandbox_log;
	h.sched_batch = c->role == ROLE_CAPTURE || c->role == ROLE_QUERY_PAGE ||
	    c->role == ROLE_QUERY_SEARCH || c->role == ROLE_PASSWORD;
	h.uid = c->uid;
	h.gid = c->gid;
	h.oom_score_adj = c->role == ROLE_RELAY ? OOM_RELAY : OOM_OTHERS;
	snprintf(h.chroot_dir, sizeof(h.chroot_dir), "%s", sup->empty_dir);
	mbuf_init(&body);
	proc_hello_put(&body, &h);
	r = ipc_send(c->ipc, MSG_HELLO, 0, -1, &body);
	mbuf_free(&body);
	return r;
}

static void
start_later(struct child *c)
{
	struct supervisor *sup = c->sup;
	uint64_t lived = now_ms() - c->started_ms;
	struct timeval tv;
	unsigned wait = c->backoff_ms;

	if (c->started_ms != 0 && lived >= sup->conf->timers.restart_reset)
		wait = c->backoff_ms = 0;
	if (c->backoff_ms == 0)
		c->backoff_ms = (unsigned)sup->conf->timers.restart_min;
	else if (c->backoff_ms < sup->conf->timers.restart_max)
		c->backoff_ms *= 2;
	if (c->backoff_ms > sup->conf->timers.restart_max)
		c->backoff_ms = (unsigned)sup->conf->timers.restart_max;
	c->state = CHILD_DOWN;
	tv.tv_sec = wait / 1000;
	tv.tv_usec = (wait % 1000) * 1000;
	event_add(c->timer, &tv);
}

static void
child_start(struct child *c)
{
	struct supervisor *sup = c->sup;
	int fds[2];

	c->generation++;
	if (ipc_pair(fds) == -1) {
		log_warn("channel for %s", c->name);
		start_later(c);
		return;
	}
	c->pid = fork();
	if (c->pid == 0)
		child_exec(c, fds[1]);
	close(fds[1]);
	if (c->pid == -1) {
		log_warn("cannot start %s", c->name);
		close(fds[0]);
		start_later(c);
		return;
	}
	c->reaped = false;
	c->started_ms = now_ms();
	c->state = CHILD_STARTING;
	c->ipc = ipc_new(sup->base, fds[0], ROLE_SUPERVISOR, c->role, &ops, c);
	if (c->ipc == NULL || send_hello(c) == -1 ||
	    conf_send(sup, c, sup->conf, 0) == -1) {
		log_warn("cannot configure %s", c->name);
		kill(c->pid, SIGKILL);
	}
}

/* It is time to start it; or it was told to end, and has not. */
static void
on_start_timer(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	if (c->pid > 0)
		kill(c->pid, SIGKILL);
	else
		child_start(c);
}

int
children_init(struct supervisor *sup)
{
	TAILQ_INIT(&sup->replays);
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		c->sup = sup;
		c->role = list[i].role;
		c->name = list[i].name;
		c->program = list[i].program;
		c->user = list[i].user;
	}
	return 0;
}

/* Without copies of messages there is nothing to store, ask or publish. */
static bool
is_wanted(const struct supervisor *sup, enum role role)
{
	bool nostr = role == ROLE_NOSTR || role == ROLE_SIGNER ||
	    role == ROLE_NOSTR_RESOLVER;

	if (nostr && !sup->conf->nostr.enabled)
		return false;
	return !sup->conf->capture.off ||
	    (!nostr && role != ROLE_CAPTURE && role != ROLE_QUERY_PAGE &&
		role != ROLE_QUERY_SEARCH && role != ROLE_REPLAY);
}

void
children_start(struct supervisor *sup)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		c->timer = evtimer_new(sup->base, on_start_timer, c);
		if (c->timer == NULL)
			fatal("timer");
		if (!is_wanted(sup, c->role)) {
			c->state = CHILD_STOPPED;
			continue;
		}
		child_start(c);
	}
}

/* Not wanted any more: it ends by itself, or is ended. */
static void
child_end(struct child *c)
{
	const struct timeval tv = { END_SECONDS, 0 };

	if (c->pid <= 0) {
		event_del(c->timer);
		c->state = CHILD_STOPPED;
	} else if (c->ipc == NULL ||
	    ipc_send_empty(c->ipc, MSG_SHUTDOWN, 0) == -1) {
		kill(c->pid, SIGKILL);
	} else {
		event_add(c->timer, &tv);
	}
}

void
children_fit(struct supervisor *sup)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		if (is_wanted(sup, c->role) && c->state == CHILD_STOPPED)
			child_start(c);
		else if (!is_wanted(sup, c->role) && c->state != CHILD_STOPPED)
			child_end(c);
	}
}

/* --- the end of one --- */

static void
describe_exit(struct child *c, int status)
{
	if (WIFSIGNALED(status))
		snprintf(c->last_exit, sizeof(c->last_exit), "signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 127)
		snprintf(c->last_exit, sizeof(c->last_exit),
		    "could not be executed");
	else
		snprintf(c->last_exit, sizeof(c->last_exit), "exit %d",
		    WEXITSTATUS(status));
}

static void next_to_stop(struct supervisor *);

static void
child_gone(struct child *c, int status)
{
	struct supervisor *sup = c->sup;

	describe_exit(c, status);
	c->reaped = true;
	/* Its last words may still be in the channel. */
	if (c->ipc != NULL)
		ipc_poll(c->ipc, 1000);
	ipc_free(c->ipc);
	c->ipc = NULL;
	if (sup->stopping || !is_wanted(sup, c->role))
		log_debug("%s has ended: %s", c->name, c->last_exit);
	else
		log_warnx("%s (pid %d) has ended: %s; it is started again",
		    c->name, (int)c->pid, c->last_exit);
	c->pid = 0;
	reload_on_child_gone(sup, c);
	replay_child_gone(sup, c);
	if (!sup->stopping && is_wanted(sup, c->role)) {
		start_later(c);
		return;
	}
	event_del(c->timer);
	c->state = CHILD_STOPPED;
	if (sup->stopping)
		next_to_stop(sup);
}

void
children_reap(struct supervisor *sup)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (reload_on_exit(sup, pid, status))
			continue;
		for (unsigned i = 0; i < CHILDREN; i++) {
			if (sup->child[i].pid == pid)
				child_gone(&sup->child[i], status);
		}
	}
}

/* --- the end of all, in order: who feeds others goes first --- */

static const enum role stop_order[] = { ROLE_REPLAY, ROLE_NOSTR, ROLE_SIGNER,
	ROLE_NOSTR_RESOLVER, ROLE_RELAY, ROLE_CAPTURE, ROLE_RESOLVER, ROLE_API,
	ROLE_QUERY_PAGE, ROLE_QUERY_SEARCH, ROLE_CONTROL, ROLE_AUTH,
	ROLE_PASSWORD };

static void
next_to_stop(struct supervisor *sup)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = child_by_role(sup, stop_order[i]);

		if (c->state == CHILD_STOPPED)
			continue;
		if (c->pid <= 0) {
			if (c->timer != NULL)
				event_del(c->timer);
			c->state = CHILD_STOPPED;
			continue;
		}
		if (c->ipc == NULL ||
		    ipc_send_empty(c->ipc, MSG_SHUTDOWN, 0) == -1)
			kill(c->pid, SIGKILL);
		return;
	}
	supervisor_done(sup);
}

void
children_stop(struct supervisor *sup)
{
	next_to_stop(sup);
}

void
children_kill(struct supervisor *sup)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		if (sup->child[i].pid > 0)
			kill(sup->child[i].pid, SIGKILL);
	}
}

void
children_log_level(struct supervisor *sup)
{
	struct mbuf body;

	mbuf_init(&body);
	msg_put_u8(&body, log_verbose());
	for (unsigned i = 0; i < CHILDREN; i++) {
		if (sup->child[i].ipc != NULL)
			ipc_send(sup->child[i].ipc, MSG_LOG_LEVEL, 0, -1,
			    &body);
	}
	mbuf_free(&body);
}

/* --- for `show processes` --- */

static void
read_usage(pid_t pid, struct process_rec *p)
{
	unsigned long long utime = 0, stime = 0, rss = 0;
	char path[64], line[1024];
	const char *rest;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL &&
	    (rest = strrchr(line, ')')) != NULL &&
	    sscanf(rest + 2,
		"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
		"%*d %*d %*d %*d %*d %*d %*u %*u %llu",
		&utime, &stime, &rss) == 3) {
		p->cpu_ms = (utime + stime) * 1000 /
		    (uint64_t)sysconf(_SC_CLK_TCK);
		p->rss_kb = rss * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
	}
	fclose(f);
}

void
child_fill(const struct child *c, struct process_rec *p)
{
	static const char *const states[] = { [CHILD_DOWN] = "waiting",
		[CHILD_STARTING] = "starting",
		[CHILD_READY] = "ready",
		[CHILD_STOPPED] = "stopped" };

	memset(p, 0, sizeof(*p));
	snprintf(p->role, sizeof(p->role), "%s", c->name);
	snprintf(p->state, sizeof(p->state), "%s", states[c->state]);
	p->pid = (int32_t)c->pid;
	p->uid = c->uid;
	p->generation = c->generation;
	if (c->pid > 0) {
		p->uptime_ms = now_ms() - c->started_ms;
		read_usage(c->pid, p);
	}
	p->logs_dropped = c->logs_dropped;
	snprintf(p->last_exit, sizeof(p->last_exit), "%s", c->last_exit);
}
