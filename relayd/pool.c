/*
 * Pools: held by listeners and sessions, one for each host and port, and the
 * addresses that the resolver finds for their names.
 */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relayd/relay_int.h"

struct pool *
pool_hold(struct pool *p)
{
	p->refs++;
	return p;
}

void
pool_release(struct pool *p)
{
	if (--p->refs > 0)
		return;
	LIST_REMOVE(p, entry);
	free(p);
}

/* An address needs no resolver. */
static void
pool_literal(struct pool *p)
{
	union address *a = &p->addrs[0];

	if (inet_pton(AF_INET, p->conf.host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(p->conf.port);
	} else if (inet_pton(AF_INET6, p->conf.host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(p->conf.port);
	} else {
		return;
	}
	p->literal = true;
	p->naddrs = 1;
}

/* The same pool of another listener or of before a reload is one pool. */
struct pool *
pool_get(struct relay *r, const struct pool_conf *conf)
{
	struct pool *p;

	LIST_FOREACH(p, &r->pools, entry) {
		if (p->conf.port == conf->port &&
		    strcmp(p->conf.host, conf->host) == 0)
			return pool_hold(p);
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->conf = *conf;
	TAILQ_INIT(&p->waiting);
	pool_literal(p);
	LIST_INSERT_HEAD(&r->pools, p, entry);
	return p;
}

/* --- names --- */

int
relay_resolve(struct relay *r, struct pool *p)
{
	struct mbuf body;
	int ret;

	if (r->resolver == NULL)
		return -1;
	p->id = ++r->resolve_id;
	mbuf_init(&body);
	msg_put_str(&body, p->conf.host);
	ret = ipc_send(r->resolver, MSG_RESOLVE, p->id, -1, &body);
	mbuf_free(&body);
	if (ret == 0) {
		p->asked = true;
		p->refreshed_ms = mono_ms();
	}
	return ret;
}

static void
take_addresses(struct pool *p, struct mcur *c, unsigned n)
{
	union address got[POOL_ADDRS];
	unsigned kept = 0;
	uint8_t family;

	memset(got, 0, sizeof(got));
	for (unsigned i = 0; i < n; i++) {
		union address a;

		memset(&a, 0, sizeof(a));
		family = msg_get_u8(c);
		if (family == 4) {
			a.in.sin_family = AF_INET;
			a.in.sin_port = htons(p->conf.port);
			msg_get_raw(c, &a.in.sin_addr, 4);
		} else {
			a.in6.sin6_family = AF_INET6;
			a.in6.sin6_port = htons(p->conf.port);
			msg_get_raw(c, &a.in6.sin6_addr, 16);
		}
		if (kept < POOL_ADDRS && !c->bad)
			got[kept++] = a;
	}
	if (c->bad || kept == 0)
		return;
	/* Stay with the address that works, if it is still one of them. */
	for (unsigned i = 0; i < kept; i++) {
		if (p->naddrs > 0 &&
		    memcmp(&got[i], &p->addrs[p->good], sizeof(got[i])) == 0) {
			p->good = i;
			break;
		}
		if (i + 1 == kept)
			p->good = 0;
	}
	memcpy(p->addrs, got, sizeof(got));
	p->naddrs = kept;
}

static void
on_resolved(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	char why[128];
	struct pool *p;
	uint64_t more;
	unsigned n;

	msg_get_str(&m->cur, why, sizeof(why));
	n = msg_get_u8(&m->cur);
	LIST_FOREACH(p, &r->pools, entry) {
		if (p->asked && p->id == m->id)
			break;
	}
	if (p == NULL)
		return;
	p->asked = false;
	take_addresses(p, &m->cur, n);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
	if (n == 0 && relay_may_log(r, T_RESOLVE, &more))
		log_warnx("pool %s: %s%s (%llu more)", p->conf.host, why,
		    p->naddrs > 0 ? "; the last good addresses are kept" : "",
		    (unsigned long long)more);
	/* It may go away with the last session that waits for it. */
	pool_hold(p);
	connect_resolved(r, p);
	pool_release(p);
}

static void
on_resolver_end(struct ipc *ipc, int err, void *arg)
{
	struct relay *r = arg;
	struct pool *p;

	if (ipc == r->resolver)
		r->resolver = NULL;
	ipc_free(ipc);
	LIST_FOREACH(p, &r->pools, entry)
		p->asked = false;
}

static const struct ipc_handler resolver_handlers[] = {
	{ MSG_RESOLVED, on_resolved },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops resolver_ops = {
	.handlers = resolver_handlers,
	.on_end = on_resolver_end,
};

/* Names are asked for before a miner needs them, and again of a new resolver
 * when the old one took the question with it. */
void
pools_resolve(struct relay *r)
{
	struct pool *p;

	LIST_FOREACH(p, &r->pools, entry) {
		if (!p->literal && !p->asked &&
		    (p->refreshed_ms == 0 || p->naddrs == 0))
			relay_resolve(r, p);
	}
}

void
resolver_attach(struct relay *r, int fd)
{
	ipc_free(r->resolver);
	r->resolver = ipc_new(r->base, fd, ROLE_RELAY, ROLE_RESOLVER,
	    &resolver_ops, r);
	pools_resolve(r);
}
