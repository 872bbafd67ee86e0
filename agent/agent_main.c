/*
 * hashscope-agent: start and end.  agent.h is its map.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/clock.h"
#include "common/nostr_key.h"
#include "common/nostr_name.h"
#include "common/nostr_nip44.h"
#include "common/sandbox.h"
#include "nostrd/sign.h"

#define CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define CA_MOST (16u << 20)

uint64_t
agent_now_ns(void)
{
	return clock_mono_ns();
}

uint64_t
agent_now_ms(void)
{
	return agent_now_ns() / 1000000;
}

int64_t
agent_real_us(void)
{
	return clock_real_us();
}

void
agent_log(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "hashscope-agent: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- names --- */

static void
on_resolved(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct agent *a = arg;
	char why[128];
	unsigned n;

	msg_get_str(&m->cur, why, sizeof(why));
	n = msg_get_u8(&m->cur);
	if (m->cur.bad)
		return;
	pool_resolved(a->pool, m->id, &m->cur, n, why);
	feed_resolved(a->feed, m->id, &m->cur, n, why);
}

static void
on_child_end(struct ipc *ipc, int err, void *arg)
{
	struct agent *a = arg;

	agent_log("its resolver has ended");
	a->resolver = NULL;
	ipc_free(ipc);
	agent_end(a);
}

static const struct ipc_handler resolver_handlers[] = {
	{ MSG_RESOLVED, on_resolved },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops resolver_ops = { .handlers = resolver_handlers,
	.on_end = on_child_end };

uint32_t
agent_resolve(struct agent *a, const char *host)
{
	struct mbuf body;
	int r;

	if (a->resolver == NULL)
		return 0;
	if (++a->resolve_id == 0)
		a->resolve_id = 1;
	mbuf_init(&body);
	msg_put_str(&body, host);
	r = ipc_send(a->resolver, MSG_RESOLVE, a->resolve_id, -1, &body);
	mbuf_free(&body);
	return r == 0 ? a->resolve_id : 0;
}

/* --- the operator's word --- */

static void
on_share(void *arg, const struct nostr_share *s)
{
	struct agent *a = arg;

	if (!a->stopped)
		pool_share(a->pool, s);
}

static void
on_control(void *arg, bool stop)
{
	struct agent *a = arg;

	if (a->stopped != stop)
		agent_log("%s by the operator", stop ? "stopped" : "started");
	a->stopped = stop;
	if (stop)
		pool_stop(a->pool);
}

static const struct intake_ops intake_ops = { on_share, on_control };

static void
on_end_signal(evutil_socket_t fd, short what, void *arg)
{
	agent_end(arg);
}

static void
on_stop_signal(evutil_socket_t fd, short what, void *arg)
{
	on_control(arg, true);
}

void
agent_end(struct agent *a)
{
	if (a->ending)
		return;
	a->ending = true;
	event_base_loopbreak(a->base);
}

/* --- start --- */

static void
usage(FILE *f)
{
	fprintf(f,
	    "usage: hashscope-agent [-kn] [-f file]\n"
	    "       hashscope-agent --help | --version\n");
}

static void
help(void)
{
	usage(stdout);
	printf(
	    "\n"
	    "Submits the shares that HashScope publishes on Nostr, or shares "
	    "of its own, to\none pool which you may load.\n"
	    "\n"
	    "  -f file  its configuration; without it the environment alone\n"
	    "  -k       print its public key, to be trusted in "
	    "hashscope.conf; made if new\n"
	    "  -n       only check the configuration\n"
	    "\n"
	    "The least that it needs, as statements or as variables:\n"
	    "\n"
	    "  pool \"stratum+tcp://HOST:PORT\"   POOL_HOST\n"
	    "  authorized yes                   AGENT_AUTHORIZED=yes\n"
	    "  relay \"wss://HOST\"               NOSTR_RELAY_URL\n"
	    "  run \"NAME\"                       RUN_ID\n"
	    "  trust \"npub1...\"                 NOSTR_TRUSTED, as "
	    "`hashscopectl key show` prints\n"
	    "\n"
	    "See hashscope-agent(8), and "
	    "hashscope-agent.conf.example.\n");
}

/* 0600 and ours, made when it is not there. */
static int
read_key(const char *path, uint8_t secret[32])
{
	char text[128] = "", nsec[NOSTR_NAME];
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), ok = -1;

	if (fd == -1 && errno == ENOENT && nostr_secret_make(secret) == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		nostr_nsec(secret, nsec);
		n = snprintf(text, sizeof(text), "%s\n", nsec);
		ok = fd != -1 && write(fd, text, (size_t)n) == n ? 0 : -1;
	} else if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	    read(fd, text, sizeof(text) - 1) > 0) {
		text[strcspn(text, " \r\n")] = '\0';
		ok = nostr_secret_parse(text, secret);
	}
	if (ok == -1)
		agent_log(
		    "%s: no key can be had: a file of ours, of mode 0600, "
		    "with an nsec or 64 digits of hex%s%s",
		    path, fd == -1 ? ": " : "",
		    fd == -1 ? strerror(errno) : "");
	if (fd != -1)
		close(fd);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(nsec, sizeof(nsec));
	return ok;
}

/* What the group may read, we may: the keys for it, and not the secret. */
static int
join_group(struct agent_conf *c)
{
	uint8_t secret[32], shared[32];
	struct nostr_key *key;
	int ok = 0;

	if (c->group[0] == '\0')
		return 0;
	if (read_key(c->group, secret) == -1)
		return -1;
	key = nostr_key_new(secret);
	explicit_bzero(secret, sizeof(secret));
	for (unsigned i = 0; key != NULL && i < c->ntrust && ok == 0; i++)
		if (nostr_key_shared(key, c->trust[i], shared) == -1 ||
		    nip44_conversation(shared, c->conversation[i]) == -1)
			ok = -1;
	c->encrypted = true;
	if (key == NULL || ok == -1)
		agent_log("%s: no key of a group", c->group);
	ok = key == NULL ? -1 : ok;
	nostr_key_free(key);
	return ok;
}

static int
get_secret(struct agent *a, uint8_t secret[32])
{
	struct agent_conf *c = &a->conf;
	int ok;

	if (c->secret[0] != '\0') {
		ok = nostr_secret_parse(c->secret, secret);
		if (ok == -1)
			agent_log("NOSTR_SK: neither an nsec nor hex");
	} else if (c->key[0] != '\0') {
		ok = read_key(c->key, secret);
	} else {
		/* As the original: a new one at each start. */
		ok = nostr_secret_make(secret);
	}
	explicit_bzero(c->secret, sizeof(c->secret));
	return ok;
}

/* For the operator of HashScope, who is to trust it. */
static int
show_key(struct agent *a)
{
	char npub[NOSTR_NAME];
	struct nostr_key *key;
	uint8_t secret[32];

	if (a->conf.key[0] == '\0' && a->conf.secret[0] == '\0') {
		agent_log("key: no file is configured: there is a new one at "
			  "each start");
		return 1;
	}
	if (get_secret(a, secret) == -1)
		return 1;
	key = nostr_key_new(secret);
	explicit_bzero(secret, sizeof(secret));
	if (key == NULL)
		return 1;
	nostr_npub(nostr_key_public(key), npub);
	nostr_key_free(key);
	puts(npub);
	return 0;
}

static void *
read_ca(const struct agent_conf *c, size_t *len)
{
	int fd = open(c->ca[0] != '\0' ? c->ca : CA_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = NULL;

	*len = 0;
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
	    (uint64_t)st.st_size <= CA_MOST &&
	    (p = malloc((size_t)st.st_size)) != NULL &&
	    read(fd, p, (size_t)st.st_size) == st.st_size)
		*len = (size_t)st.st_size;
	close(fd);
	return p;
}

static int
start_children(struct agent *a)
{
	uint8_t secret[32];
	int signer, resolver;

	if (join_group(&a->conf) == -1 || get_secret(a, secret) == -1)
		return -1;
	if (child_signer(a, secret, &signer) == -1) {
		agent_log("its children cannot be started");
		return -1;
	}
	explicit_bzero(secret, sizeof(secret));
	if (child_resolver(a, &resolver) == -1)
		return -1;
	a->base = event_base_new();
	a->signer = signer_link_new();
	if (a->base == NULL || a->signer == NULL)
		return -1;
	signer_link_attach(a->signer, a->base, signer);
	a->resolver = ipc_new(a->base, resolver, ROLE_NOSTR,
	    ROLE_NOSTR_RESOLVER, &resolver_ops, a);
	return a->resolver == NULL ? -1 : 0;
}

static int
set_up(struct agent *a)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1 };
	size_t calen;
	void *ca;

	a->intake = intake_new(&a->conf, agent_real_us() / 1000000, &intake_ops,
	    a);
	a->pool = pool_new(a);
	ca = read_ca(&a->conf, &calen);
	a->feed = feed_new(a, ca, calen);
	free(ca);
	if (a->intake == NULL || a->pool == NULL || a->feed == NULL) {
		agent_log("out of memory, or no certificate can be read");
		return -1;
	}
	for (unsigned i = 0; i < 3; i++) {
		a->signals[i] = evsignal_new(a->base, signals[i],
		    i == 2 ? on_stop_signal : on_end_signal, a);
		if (a->signals[i] == NULL)
			return -1;
		event_add(a->signals[i], NULL);
	}
	if (a->conf.report[0] != '\0' &&
	    (a->report = fopen(a->conf.report, "we")) == NULL) {
		agent_log("%s: %s", a->conf.report, strerror(errno));
		return -1;
	}
	return child_drop(SB_STDIO | SB_INET | SB_PASSFD);
}

static void
finish(struct agent *a)
{
	stats_report(&a->stats, &a->conf,
	    (double)(agent_now_ms() - a->began_ms) / 1000, stdout, a->report);
	if (a->report != NULL)
		fclose(a->report);
	pool_free(a->pool);
	feed_free(a->feed);
	intake_free(a->intake);
	signer_link_free(a->signer);
	ipc_free(a->resolver);
	for (unsigned i = 0; i < 3; i++)
		event_free(a->signals[i]);
	event_base_free(a->base);
}

static int
run(struct agent *a)
{
	const struct agent_conf *c = &a->conf;

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IOLBF, 0);
	agent_log("submits to %s:%u, which its operator says is theirs to load",
	    c->pool_host, c->pool_port);
	if (start_children(a) == -1 || set_up(a) == -1)
		return 1;
	a->began_ms = agent_now_ms();
	feed_start(a->feed);
	event_base_dispatch(a->base);
	finish(a);
	return 0;
}

int
main(int argc, char *argv[], char *envp[])
{
	static struct agent agent;
	const char *path = NULL;
	int ch, only_check = 0, only_key = 0;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("hashscope-agent %s\n", HS_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		help();
		return 0;
	}
	while ((ch = getopt(argc, argv, "f:kn")) != -1) {
		if (ch == 'f') {
			path = optarg;
		} else if (ch == 'k') {
			only_key = 1;
		} else if (ch == 'n') {
			only_check = 1;
		} else {
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	/* To have a key one need not know whom to trust. */
	if (agent_conf_read(&agent.conf, path, envp, !only_key) == -1)
		return 1;
	if (only_key)
		return show_key(&agent);
	return only_check ? 0 : run(&agent);
}
