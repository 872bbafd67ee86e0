/*
 * nostrd: publishes shares on Nostr, and hears what agents say there.
 *
 * It keeps the right to open outgoing TCP, and its outbox, a directory that it
 * was handed open.  It has no key: the signer has.  Certificates are loaded
 * before its rights go.  Everything that a relay sends is hostile; nothing
 * that a relay does reaches captured, which only says how far its store is.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "nostrd/nostrd.h"

#define SYNC_S  5
#define CA_MOST (16u << 20)

uint64_t
nostrd_now(void)
{
	return (uint64_t)clock_mono_ms();
}

int64_t
nostrd_real_us(void)
{
	return clock_real_us();
}

/* --- the outbox --- */

static uint64_t
on_wanted(void *arg)
{
	struct nostrd *n = arg;
	uint64_t least = PUB_NEVER, w;

	for (unsigned i = 0; i < n->nrelays; i++) {
		w = relay_wanted(n->relays[i]);
		least = w < least ? w : least;
	}
	return least;
}

static void
on_dropped(void *arg, uint64_t shares)
{
	struct nostrd *n = arg;

	n->lost += shares;
}

static const struct outbox_ops outbox_ops = { on_wanted, on_dropped };

void
nostrd_news(struct nostrd *n)
{
	for (unsigned i = 0; i < n->nrelays; i++)
		relay_turn(n->relays[i]);
}

/* Told as gaps, one for each run of a session's numbers. */
void
nostrd_lost(struct nostrd *n, struct outbox_at *at, uint64_t from, uint64_t to)
{
	struct nostr_gap gap[64];
	struct outbox_rec rec;
	unsigned ngaps = 0, k;

	for (uint64_t i = from; i <= to; i++) {
		if (outbox_read(n->outbox, at, i, &rec) != 1 ||
		    rec.type != OUTBOX_SHARE)
			continue;
		n->lost++;
		for (k = 0; k < ngaps; k++)
			if (memcmp(gap[k].session, rec.share.session, 16) == 0)
				break;
		if (k == 64) {
			/* More sessions than that: those so far first. */
			for (k = 0; k < ngaps; k++)
				outbox_gap(n->outbox, &gap[k]);
			ngaps = k = 0;
		}
		if (k == ngaps) {
			memcpy(gap[k].session, rec.share.session, 16);
			gap[k].first = rec.share.seq;
			ngaps++;
		}
		gap[k].last = rec.share.seq;
	}
	for (k = 0; k < ngaps; k++)
		outbox_gap(n->outbox, &gap[k]);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct nostrd *n = arg;

	outbox_trim(n->outbox);
	alerts_tick(n->alerts, nostrd_now());
	if (nostrd_now() / 1000 % SYNC_S == 0)
		outbox_sync(n->outbox);
	if (n->lost != n->lost_said) {
		log_warnx("%llu shares will not reach every relay",
		    (unsigned long long)(n->lost - n->lost_said));
		n->lost_said = n->lost;
	}
	nostrd_news(n);
}

/* --- names --- */

static void
on_resolved(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct nostrd *n = arg;
	char why[128];
	unsigned count;

	msg_get_str(&m->cur, why, sizeof(why));
	count = msg_get_u8(&m->cur);
	if (m->cur.bad) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	for (unsigned i = 0; i < n->nrelays; i++)
		relay_resolved(n->relays[i], m->id, why, &m->cur, count);
}

static void
on_resolver_end(struct ipc *ipc, int err, void *arg)
{
	struct nostrd *n = arg;

	if (n->resolver == ipc)
		n->resolver = NULL;
	ipc_free(ipc);
	for (unsigned i = 0; i < n->nrelays; i++)
		relay_resolver_gone(n->relays[i]);
}

static const struct ipc_handler resolver_handlers[] = {
	{ MSG_RESOLVED, on_resolved },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops resolver_ops = { .handlers = resolver_handlers,
	.on_end = on_resolver_end };

uint32_t
nostrd_resolve(struct nostrd *n, const char *host)
{
	static uint32_t last;
	struct mbuf body;
	int r = -1;

	if (n->resolver == NULL)
		return 0;
	if (++last == 0)
		last = 1;
	mbuf_init(&body);
	msg_put_str(&body, host);
	r = ipc_send(n->resolver, MSG_RESOLVE, last, -1, &body);
	mbuf_free(&body);
	return r == 0 ? last : 0;
}

/* --- configuration --- */

static void
conf_begin(void *arg)
{
	struct nostrd *n = arg;

	n->have_next = false;
	n->next_nurls = n->next_ntrust = 0;
}

static void
on_conf(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct nostrd *n = arg;
	int fd;

	nostr_conf_get(&m->cur, &n->next);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	n->have_next = true;
	if ((fd = msg_take_fd(m)) == -1)
		return;
	if (n->dir == -1)
		n->dir = fd;
	else
		close(fd);
}

static void
on_conf_relay(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct nostrd *n = arg;
	struct nostr_url parts;
	char *url;

	if (n->next_nurls == RELAYS_MAX) {
		ipc_bad(ipc, m, "too many");
		return;
	}
	url = n->next_urls[n->next_nurls];
	msg_get_str(&m->cur, url, sizeof(n->urls[0]));
	if (msg_end(&m->cur) == -1 || nostr_url_parse(url, &parts) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	n->next_nurls++;
}

static void
on_conf_trust(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct nostrd *n = arg;

	if (n->next_ntrust == TRUST_MAX) {
		ipc_bad(ipc, m, "too many");
		return;
	}
	msg_get_raw(&m->cur, n->next_trust[n->next_ntrust], 32);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
	else
		n->next_ntrust++;
}

static void
on_conf_ca(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct nostrd *n = arg;
	int fd = msg_take_fd(m);
	struct stat st;
	void *p;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
	    (size_t)st.st_size <= CA_MOST && n->ca == NULL &&
	    (p = malloc((size_t)st.st_size)) != NULL) {
		if (pread(fd, p, (size_t)st.st_size, 0) == st.st_size) {
			n->ca = p;
			n->calen = (size_t)st.st_size;
		} else {
			free(p);
		}
	}
	close(fd);
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	struct nostrd *n = arg;

	if (!n->have_next)
		snprintf(why, size, "nothing was configured");
	else if (n->dir == -1)
		snprintf(why, size, "there is no directory for the outbox");
	else
		return 0;
	return -1;
}

static struct relay *
relay_of(struct nostrd *n, const char *url)
{
	for (unsigned i = 0; i < n->nrelays; i++)
		if (n->relays[i] != NULL &&
		    strcmp(relay_url(n->relays[i]), url) == 0)
			return n->relays[i];
	return NULL;
}

/* Those that are configured still go on as they are. */
static void
apply(struct nostrd *n)
{
	struct relay *kept[RELAYS_MAX] = { NULL };
	unsigned nkept = 0;

	for (unsigned i = 0; i < n->nurls; i++) {
		kept[nkept] = relay_of(n, n->urls[i]);
		if (kept[nkept] == NULL)
			kept[nkept] = relay_new(n, n->urls[i]);
		nkept += kept[nkept] != NULL;
	}
	for (unsigned i = 0; i < n->nrelays; i++) {
		bool found = false;

		for (unsigned k = 0; k < nkept; k++)
			found = found || kept[k] == n->relays[i];
		if (!found)
			relay_free(n->relays[i]);
	}
	memcpy(n->relays, kept, sizeof(kept));
	n->nrelays = nkept;
	outbox_bound(n->outbox, n->conf.outbox_bytes);
	for (unsigned i = 0; i < n->nrelays; i++)
		relay_configure(n->relays[i]);
	input_configure(n->input);
}

static void
conf_commit(void *arg)
{
	struct nostrd *n = arg;

	n->conf = n->next;
	memcpy(n->urls, n->next_urls, sizeof(n->urls));
	n->nurls = n->next_nurls;
	memcpy(n->trust, n->next_trust, sizeof(n->trust));
	n->ntrust = n->next_ntrust;
	if (n->serving)
		apply(n);
}

/* --- the role --- */

/* Whatever comes first, a peer or the start. */
static void
make_parts(struct nostrd *n, struct proc *proc)
{
	if (n->proc != NULL)
		return;
	n->proc = proc;
	n->base = proc_base(proc);
	n->signer = signer_link_new();
	n->agents = agents_new(n);
	n->answers = answers_new(n);
	n->alerts = alerts_new(n);
	n->commands = commands_new(n);
	n->input = input_new(n);
	n->second = event_new(n->base, -1, EV_PERSIST, on_second, n);
	if (n->signer == NULL || n->agents == NULL || n->answers == NULL ||
	    n->alerts == NULL || n->commands == NULL || n->input == NULL ||
	    n->second == NULL)
		fatalx("out of memory");
}

static void
start(struct proc *proc, void *arg)
{
	struct nostrd *n = arg;

	make_parts(n, proc);
	n->net = nostr_net_new(n->base, n->ca, n->calen);
	if (n->net == NULL && n->calen > 0) {
		log_warnx("no certificate could be read: wss relays will be "
			  "refused");
		n->net = nostr_net_new(n->base, NULL, 0);
	}
	if (n->net == NULL)
		fatalx("libwebsockets could not be set up");
	free(n->ca);
	n->ca = NULL;
}

static void
sandbox(struct sandbox *box, void *arg)
{
	struct nostrd *n = arg;

	box->promises = SB_STDIO | SB_PASSFD | SB_INET | SB_RPATH | SB_WPATH |
	    SB_CPATH;
	box->dir_fd = n->dir;
	box->dir_rights = SB_PATH_READ | SB_PATH_WRITE | SB_PATH_READDIR;
}

static void
serve(struct proc *proc, void *arg)
{
	struct timeval second = { 1, 0 };
	struct nostrd *n = arg;
	char err[256];

	n->outbox = outbox_open(n->dir, n->conf.outbox_bytes, &outbox_ops, n,
	    err, sizeof(err));
	if (n->outbox == NULL)
		fatalx("the outbox: %s", err);
	alerts_open(n->alerts);
	n->serving = true;
	apply(n);
	event_add(n->second, &second);
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct nostrd *n = arg;

	if (role == ROLE_NOSTR_RESOLVER) {
		ipc_free(n->resolver);
		n->resolver = ipc_new(n->base, fd, ROLE_NOSTR, role,
		    &resolver_ops, n);
	} else if (role == ROLE_SIGNER) {
		signer_link_attach(n->signer, n->base, fd);
	} else if (role == ROLE_CAPTURE) {
		input_capture(n->input, fd);
	} else if (role == ROLE_QUERY_PAGE) {
		input_query(n->input, fd);
	} else if (role == ROLE_CONTROL || role == ROLE_API) {
		answers_peer(n->answers, role, fd);
	} else if (role == ROLE_AUTH) {
		commands_auth(n->commands, fd);
	} else {
		close(fd);
	}
}

static void
shut_down(struct proc *proc, void *arg)
{
	struct nostrd *n = arg;

	/* The order and the end of who gave it may both come. */
	if (!n->serving)
		return;
	n->serving = false;
	event_free(n->second);
	input_free(n->input);
	commands_free(n->commands);
	for (unsigned i = 0; i < n->nrelays; i++)
		relay_free(n->relays[i]);
	n->nrelays = 0;
	nostr_net_free(n->net);
	outbox_close(n->outbox);
	answers_free(n->answers);
	agents_free(n->agents);
	alerts_free(n->alerts);
	signer_link_free(n->signer);
	ipc_free(n->resolver);
	n->resolver = NULL;
	close(n->dir);
	proc_exit(proc, 0);
}

static void *
create(void)
{
	struct nostrd *n = calloc(1, sizeof(*n));

	if (n != NULL)
		n->dir = -1;
	return n;
}

static const struct ipc_handler handlers[] = {
	{ MSG_CONF_NOSTR, on_conf },
	{ MSG_CONF_NOSTR_CA, on_conf_ca },
	{ MSG_CONF_NOSTR_RELAY, on_conf_relay },
	{ MSG_CONF_NOSTR_TRUST, on_conf_trust },
	{ MSG_NONE, NULL },
};

static const struct proc_role role = {
	.role = ROLE_NOSTR,
	.name = "nostrd",
	.handlers = handlers,
	.create = create,
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
nostrd_role(void)
{
	return &role;
}
