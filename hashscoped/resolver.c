/*
 * The resolver: names to addresses with getaddrinfo, which blocks, reads
 * files and speaks a protocol of its own to the network; hence a process
 * that has nothing but that.  It talks to its one client, and may not open
 * AF_UNIX: "files dns" is all it uses of nsswitch.
 *
 * It answers one question after another.  A client that asks faster waits.
 */
#include <sys/socket.h>

#include <netdb.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hashscoped/resolver.h"

#define RESOLVED_MAX 8

/* In glibc, without a header of its own. */
int __nss_configure_lookup(const char *, const char *);

struct resolver {
	struct proc *proc;
	struct ipc *client;
};

static unsigned
put_addresses(struct mbuf *body, const struct addrinfo *list)
{
	unsigned n = 0;

	for (; list != NULL && n < RESOLVED_MAX; list = list->ai_next) {
		if (list->ai_family == AF_INET) {
			const struct sockaddr_in *in = (const void *)
							   list->ai_addr;

			msg_put_u8(body, 4);
			msg_put_raw(body, &in->sin_addr, 4);
		} else if (list->ai_family == AF_INET6) {
			const struct sockaddr_in6 *in6 = (const void *)
							     list->ai_addr;

			msg_put_u8(body, 6);
			msg_put_raw(body, &in6->sin6_addr, 16);
		} else {
			continue;
		}
		n++;
	}
	return n;
}

static void
on_resolve(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	struct mbuf body, addrs;
	char host[256];
	unsigned n = 0;
	int err;

	msg_get_str(&m->cur, host, sizeof(host));
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	err = getaddrinfo(host, NULL, &hints, &list);
	if (err == EAI_NONAME || err == EAI_ADDRFAMILY) {
		/* Only loopback is up: then its addresses are wanted. */
		hints.ai_flags = 0;
		err = getaddrinfo(host, NULL, &hints, &list);
	}
	mbuf_init(&body);
	mbuf_init(&addrs);
	if (err == 0)
		n = put_addresses(&addrs, list);
	msg_put_str(&body,
	    err != 0 ? gai_strerror(err) : (n == 0 ? "no address" : ""));
	msg_put_u8(&body, (uint8_t)n);
	msg_put_raw(&body, addrs.data, addrs.len);
	if (ipc_send(ipc, MSG_RESOLVED, m->id, -1, &body) == -1)
		log_warn("an answer could not be sent");
	mbuf_free(&body);
	mbuf_free(&addrs);
	if (err == 0)
		freeaddrinfo(list);
}

static void
on_client_end(struct ipc *ipc, int err, void *arg)
{
	struct resolver *r = arg;

	if (r->client == ipc)
		r->client = NULL;
	ipc_free(ipc);
}

static const struct ipc_handler client_handlers[] = {
	{ MSG_RESOLVE, on_resolve },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops client_ops = {
	.handlers = client_handlers,
	.on_end = on_client_end,
};

static void
on_alone_end(struct ipc *ipc, int err, void *arg)
{
	ipc_free(ipc);
	event_base_loopbreak(arg);
}

static const struct ipc_ops alone_ops = {
	.handlers = client_handlers,
	.on_end = on_alone_end,
};

int
resolver_alone(struct event_base *base, int fd)
{
	if (__nss_configure_lookup("hosts", "files dns") != 0)
		return -1;
	return ipc_new(base, fd, ROLE_NOSTR_RESOLVER, ROLE_NOSTR, &alone_ops,
		   base) == NULL ?
	    -1 :
	    0;
}

static void
conf_begin(void *arg)
{
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	return 0;
}

static void
conf_commit(void *arg)
{
}

static void
start(struct proc *proc, void *arg)
{
	struct resolver *r = arg;

	r->proc = proc;
	if (__nss_configure_lookup("hosts", "files dns") != 0)
		fatalx("nsswitch: \"files dns\" was refused");
}

static void
sandbox(struct sandbox *box, void *arg)
{
	static const struct sandbox_path paths[] = { SANDBOX_DNS_PATHS };

	box->promises = SB_STDIO | SB_PASSFD | SB_DNS;
	box->paths = paths;
	box->npaths = sizeof(paths) / sizeof(paths[0]);
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct resolver *r = arg;

	ipc_free(r->client);
	r->client = ipc_new(proc_base(proc), fd, ROLE_RESOLVER, role,
	    &client_ops, r);
}

#define RESOLVER(which, title)                                            \
	{                                                                 \
		.role = (which), .name = (title), .keeps_files = true,    \
		.create = resolver_new, .conf_begin = conf_begin,         \
		.conf_prepare = conf_prepare, .conf_commit = conf_commit, \
		.start = start, .sandbox = sandbox, .peer = peer,         \
	}

static const struct proc_role roles[] = {
	RESOLVER(ROLE_RESOLVER, "resolver"),
	RESOLVER(ROLE_NOSTR_RESOLVER, "nostr-resolver"),
};

const struct proc_role *
resolver_role(void)
{
	return &roles[0];
}

const struct proc_role *
nostr_resolver_role(void)
{
	return &roles[1];
}

void *
resolver_new(void)
{
	return calloc(1, sizeof(struct resolver));
}
