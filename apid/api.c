/*
 * The role: its configuration, its channels, and the parts in the order in
 * which they start.  What strangers send is met in door.c and behind it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/ask.h"
#include "apid/request.h"
#include "apid/ws.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"

#define TICK_MS 250

int64_t
api_now(void)
{
	return clock_mono_ms();
}

void
address_text(const struct sockaddr_storage *ss, char *out, size_t size)
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;
	char ip[INET6_ADDRSTRLEN] = "?";
	bool v6 = ss->ss_family == AF_INET6;

	inet_ntop(ss->ss_family,
	    v6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr,
	    ip, sizeof(ip));
	snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", ip,
	    ntohs(v6 ? in6->sin6_port : in->sin_port));
}

/* --- configuration --- */

static void
settings_clear(struct api_settings *s)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (s->listen_fd[i] != -1)
			close(s->listen_fd[i]);
	if (s->pack_fd != -1)
		close(s->pack_fd);
	memset(s, 0, sizeof(*s));
	s->pack_fd = -1;
}

static void *
api_new(void)
{
	struct apid *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->set.pack_fd = a->next.pack_fd = -1;
	TAILQ_INIT(&a->asks);
	return a;
}

static void
conf_begin(void *arg)
{
	struct apid *a = arg;

	settings_clear(&a->next);
}

static void
on_conf_api(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;

	api_conf_get(&m->cur, &a->next.conf);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (a->next.pack_fd != -1)
		close(a->next.pack_fd);
	a->next.pack_fd = msg_take_fd(m);
	a->next.have = true;
}

static void
on_conf_listen(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;
	size_t n = a->next.nlisten;

	if (n == API_LISTEN_MAX) {
		ipc_bad(ipc, m, "too many listeners");
		return;
	}
	api_listen_get(&m->cur, &a->next.listen[n]);
	if (msg_end(&m->cur) == -1 || m->fd == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	a->next.listen_fd[n] = msg_take_fd(m);
	a->next.nlisten = n + 1;
}

static void
take_name(struct ipc *ipc, struct msg_in *m, struct api_names *names)
{
	if (names->n == API_NAMES_MAX) {
		ipc_bad(ipc, m, "too many names");
		return;
	}
	msg_get_str(&m->cur, names->name[names->n], API_NAME);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
	else
		names->n++;
}

static void
on_conf_host(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;

	take_name(ipc, m, &a->next.hosts);
}

static void
on_conf_cors(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;

	take_name(ipc, m, &a->next.cors);
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	struct apid *a = arg;

	if (a->next.have)
		return 0;
	snprintf(why, size, "no settings came");
	return -1;
}

/* Once: an answer may be on its way from it, so it stays. */
static void
take_pack(struct apid *a)
{
	if (a->set.pack_fd == -1)
		return;
	if (pack_map(&a->pack, a->set.pack_fd) == -1)
		log_warnx("the console's pack is damaged: no console");
	a->set.pack_fd = -1;
}

static void
conf_commit(void *arg)
{
	struct apid *a = arg;

	if (!a->next.have)
		return;
	settings_clear(&a->set);
	a->set = a->next;
	memset(&a->next, 0, sizeof(a->next));
	a->next.pack_fd = -1;
	if (a->door != NULL) {
		door_listen(a->door);
		guard_flush(a->guard);
	}
}

/* --- peers --- */

static void
on_row(struct ipc *ipc, struct msg_in *m, void *arg)
{
	(void)ask_row(arg, ipc_peer(ipc), m);
}

static void
on_agent(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;

	/* After the list the rows of whoever follows come under its number. */
	if (!ask_row(a, ipc_peer(ipc), m) && a->ws != NULL)
		ws_on_agent(a->ws, m);
}

static void
on_last(struct ipc *ipc, struct msg_in *m, void *arg)
{
	ask_last(arg, ipc_peer(ipc), m);
}

static void
on_feed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;

	ws_on_feed(a->ws, m);
}

static void
on_forget(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct apid *a = arg;

	guard_flush(a->guard);
	ws_forget(a->ws);
}

static const struct ipc_handler peer_handlers[] = {
	{ MSG_ROW_SESSION, on_row },
	{ MSG_ROW_MESSAGE, on_row },
	{ MSG_ROW_SHARE, on_row },
	{ MSG_ROW_WORKER, on_row },
	{ MSG_ROW_JOB, on_row },
	{ MSG_ROW_ALERT, on_row },
	{ MSG_ROW_STAT, on_row },
	{ MSG_ROW_AGENT, on_agent },
	{ MSG_ROW_NOSTR_RELAY, on_row },
	{ MSG_REPLY, on_last },
	{ MSG_QUERY_END, on_last },
	{ MSG_CAPTURE_STATS, on_last },
	{ MSG_FEED_HELLO, on_feed },
	{ MSG_FEED_BATCH, on_feed },
	{ MSG_FEED_RESET, on_feed },
	{ MSG_FEED_SHARES, on_feed },
	{ MSG_FEED_ALERT, on_feed },
	{ MSG_FEED_CHANGED, on_feed },
	{ MSG_ACTED, on_last },
	{ MSG_IDENTITY, on_last },
	{ MSG_FORGET, on_forget },
	{ MSG_NONE, NULL },
};

static void
peer_close(struct apid *a, enum role role)
{
	ipc_free(a->peer[role]);
	a->peer[role] = NULL;
	if (role == ROLE_CAPTURE && a->ws != NULL)
		ws_on_capture(a->ws, NULL);
	if (role == ROLE_NOSTR && a->ws != NULL)
		ws_on_nostr_end(a->ws);
	if (role == ROLE_AUTH && a->guard != NULL)
		guard_flush(a->guard);
	asks_fail(a, role);
}

static void
on_peer_end(struct ipc *ipc, int err, void *arg)
{
	peer_close(arg, ipc_peer(ipc));
}

static const struct ipc_ops peer_ops = {
	.handlers = peer_handlers,
	.on_end = on_peer_end,
	.on_bad = proc_on_peer_bad,
};

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct apid *a = arg;

	a->base = proc_base(proc);
	peer_close(a, role);
	a->peer[role] = ipc_new(a->base, fd, ROLE_API, role, &peer_ops, a);
	if (a->peer[role] == NULL)
		log_warn("channel to %s", role_name(role));
	else if (role == ROLE_CAPTURE && a->ws != NULL)
		ws_on_capture(a->ws, a->peer[role]);
}

/* --- the life of it --- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct apid *a = arg;

	asks_tick(a);
	door_tick(a->door);
	http_tick(a->http);
	ws_tick(a->ws);
}

static void
start(struct proc *proc, void *arg)
{
	struct apid *a = arg;

	a->proc = proc;
	a->base = proc_base(proc);
	a->supervisor = proc_supervisor(proc);
	take_pack(a);
	a->guard = guard_new(a);
	a->door = door_new(a);
	a->http = http_new(a);
	a->ws = ws_new(a);
	a->tick = event_new(a->base, -1, EV_PERSIST, on_tick, a);
	if (a->guard == NULL || a->door == NULL || a->http == NULL ||
	    a->ws == NULL || a->tick == NULL)
		fatalx("out of memory");
}

static void
sandbox(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_ACCEPT | SB_PASSFD;
	box->nofile = API_CONNS_MAX + API_WS_MAX + 128;
	box->memory = 768u << 20;
}

static void
serve(struct proc *proc, void *arg)
{
	static const struct timeval every = { 0, TICK_MS * 1000 };
	struct apid *a = arg;

	door_listen(a->door);
	event_add(a->tick, &every);
}

static void
shut_down(struct proc *proc, void *arg)
{
	struct apid *a = arg;

	if (a->stopping)
		return;
	a->stopping = true;
	ws_free(a->ws);
	http_free(a->http);
	door_free(a->door);
	asks_free(a);
	for (unsigned i = 0; i < ROLE_MAX; i++)
		ipc_free(a->peer[i]);
	event_free(a->tick);
	guard_free(a->guard);
	pack_unmap(&a->pack);
	proc_exit(proc, 0);
}

static const struct ipc_handler supervisor_handlers[] = {
	{ MSG_CONF_API, on_conf_api },
	{ MSG_CONF_API_LISTEN, on_conf_listen },
	{ MSG_CONF_API_HOST, on_conf_host },
	{ MSG_CONF_API_CORS, on_conf_cors },
	{ MSG_ROW_PROCESS, on_row },
	{ MSG_ROW_TEXT, on_row },
	{ MSG_RELAY_STATS, on_last },
	{ MSG_POOLS, on_last },
	{ MSG_REPLY, on_last },
	{ MSG_NONE, NULL },
};

static const struct proc_role role = {
	.role = ROLE_API,
	.name = "apid",
	.handlers = supervisor_handlers,
	.create = api_new,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
	.start = start,
	.sandbox = sandbox,
	.serve = serve,
	.peer = peer,
	.shutdown = shut_down,
};

const struct proc_role *
apid_role(void)
{
	return &role;
}
