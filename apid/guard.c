/*
 * Who may ask: the names in Host, the origins of pages, credentials, and how
 * much one address may ask.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apid/apid.h"
#include "apid/guard.h"
#include "common/log.h"

#define SLOTS    1024 /* addresses at once; a power of two */
#define CACHE    128  /* credentials known to be good */
#define CACHE_MS 10000
#define WHO_MS   15000

struct slot {
	uint8_t key[16];
	bool used;
	unsigned conns;
	double tokens;
	int64_t at; /* ms: when tokens was right */
};

struct known {
	uint8_t credential;
	char secret[ACT_SECRET];
	struct act_identity id;
	int64_t until;
};

struct guard {
	struct apid *api;
	struct slot slot[SLOTS];
	struct known known[CACHE];
	unsigned next;
};

struct guard *
guard_new(struct apid *a)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (g != NULL)
		g->api = a;
	return g;
}

void
guard_free(struct guard *g)
{
	if (g != NULL)
		explicit_bzero(g->known, sizeof(g->known));
	free(g);
}

/* --- names --- */

/* "name:80" or "[::1]:80" without the port; false when malformed. */
static bool
split_host(struct span in, struct span *name)
{
	const char *end = in.p + in.len, *p = end;

	*name = in;
	if (in.p == NULL || in.len == 0)
		return false;
	while (p > in.p && p[-1] >= '0' && p[-1] <= '9')
		p--;
	if (p > in.p && p[-1] == ':' && in.p[0] != '[')
		name->len = (size_t)(p - 1 - in.p);
	if (in.p[0] != '[')
		return name->len > 0;
	p = memchr(in.p, ']', in.len);
	if (p == NULL || (p + 1 != end && p[1] != ':'))
		return false;
	*name = (struct span){ in.p + 1, (size_t)(p - in.p - 1) };
	return true;
}

static bool
is_literal(struct span name)
{
	char text[64];
	uint8_t raw[16];

	return span_copy(name, text, sizeof(text)) &&
	    (inet_pton(AF_INET, text, raw) == 1 ||
		inet_pton(AF_INET6, text, raw) == 1);
}

static bool
is_machine(const struct apid *a, struct span name)
{
	const char *host = a->set.conf.hostname;
	size_t n = strlen(host);

	if (span_is(name, host))
		return n > 0;
	return n > 0 && name.len == n + 6 &&
	    strncasecmp(name.p, host, n) == 0 &&
	    strncasecmp(name.p + n, ".local", 6) == 0;
}

bool
guard_host(const struct apid *a, struct span host)
{
	struct span name;

	if (!split_host(host, &name))
		return false;
	if (is_literal(name) || span_is(name, "localhost") ||
	    is_machine(a, name))
		return true;
	for (size_t i = 0; i < a->set.hosts.n; i++)
		if (span_is(name, a->set.hosts.name[i]))
			return true;
	return false;
}

/* http://HOST with the same host and port as the request's own. */
static bool
is_same(struct span origin, struct span host)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(schemes[i]);

		if (origin.len == n + host.len &&
		    strncasecmp(origin.p, schemes[i], n) == 0 &&
		    strncasecmp(origin.p + n, host.p, host.len) == 0)
			return true;
	}
	return false;
}

enum origin_kind
guard_origin(const struct apid *a, struct span origin, struct span host)
{
	enum origin_kind kind = ORIGIN_FOREIGN;

	if (origin.p == NULL)
		return ORIGIN_NONE;
	if (host.p != NULL && is_same(origin, host))
		return ORIGIN_SAME;
	for (size_t i = 0; i < a->set.cors.n; i++) {
		if (span_is(origin, a->set.cors.name[i]))
			return ORIGIN_LISTED;
		if (strcmp(a->set.cors.name[i], "*") == 0)
			kind = ORIGIN_ANY;
	}
	return kind;
}

/* --- credentials --- */

void
guard_who(const struct apid *a, const struct head *h, const char *peer,
    struct act_who *who)
{
	static const char bearer[] = "Bearer ";
	struct span s = h->authorization;

	memset(who, 0, sizeof(*who));
	snprintf(who->peer, sizeof(who->peer), "%s", peer);
	if (!a->set.conf.auth) {
		who->credential = ACT_OPEN;
		return;
	}
	if (s.p != NULL && s.len > sizeof(bearer) - 1 &&
	    strncasecmp(s.p, bearer, sizeof(bearer) - 1) == 0) {
		s.p += sizeof(bearer) - 1;
		s.len -= sizeof(bearer) - 1;
		if (span_copy(s, who->secret, sizeof(who->secret)))
			who->credential = ACT_BEARER;
		return;
	}
	s = head_cookie(h->cookie, GUARD_COOKIE);
	if (s.p != NULL && s.len > 0 &&
	    span_copy(s, who->secret, sizeof(who->secret)))
		who->credential = ACT_COOKIE;
}

/* Takes the same time whatever the bytes are. */
static bool
same_secret(const char *a, const char *b)
{
	unsigned diff = 0;

	for (unsigned i = 0; i < ACT_SECRET; i++)
		diff |= (unsigned char)a[i] ^ (unsigned char)b[i];
	return diff == 0;
}

static struct known *
cache_find(struct guard *g, const struct act_who *who)
{
	struct known *k, *found = NULL;
	int64_t now = api_now();

	for (unsigned i = 0; i < CACHE; i++) {
		k = &g->known[i];
		if (k->until > now && k->credential == who->credential &&
		    same_secret(k->secret, who->secret))
			found = k;
	}
	return found;
}

static void
cache_put(struct guard *g, const struct act_who *who,
    const struct act_identity *id)
{
	struct known *k = &g->known[g->next++ % CACHE];
	int64_t ms = CACHE_MS;

	if (id->lives_s != 0 && (int64_t)id->lives_s * 1000 < ms)
		ms = (int64_t)id->lives_s * 1000;
	memset(k, 0, sizeof(*k));
	k->credential = who->credential;
	memcpy(k->secret, who->secret, sizeof(k->secret));
	k->id = *id;
	k->until = api_now() + ms;
}

void
guard_flush(struct guard *g)
{
	explicit_bzero(g->known, sizeof(g->known));
}

static void
on_identity(void *arg, struct msg_in *m, const char *why)
{
	struct identify *i = arg;
	struct act_identity id = { .status = 503 };
	struct ask *ask = i->ask;

	i->ask = NULL;
	if (m != NULL) {
		act_identity_get(&m->cur, &id);
		if (msg_end(&m->cur) == -1)
			id = (struct act_identity){ .status = 503 };
	}
	if (id.status == 200 && ask != NULL)
		cache_put(i->guard, &i->who, &id);
	i->fn(i->arg, &id);
}

static const struct ask_ops identity_ops = { NULL, on_identity };

bool
guard_identify(struct apid *a, struct identify *i)
{
	struct act_identity id = { .status = 401 };
	const struct known *k;
	struct mbuf body;
	const char *why;

	i->guard = a->guard;
	if (i->who.credential == ACT_OPEN) {
		id.status = 200;
		id.role = ACT_ROLE_ADMIN;
	}
	if (i->who.credential == ACT_OPEN || i->who.credential == ACT_NOBODY) {
		i->fn(i->arg, &id);
		return false;
	}
	if ((k = cache_find(a->guard, &i->who)) != NULL) {
		i->fn(i->arg, &k->id);
		return false;
	}
	mbuf_init(&body);
	act_who_put(&body, &i->who);
	i->ask = ask_new(a, ROLE_AUTH, MSG_WHO, &body, WHO_MS, &identity_ops, i,
	    &why);
	mbuf_free(&body);
	if (i->ask != NULL)
		return true;
	id.status = 503;
	i->fn(i->arg, &id);
	return false;
}

void
guard_cancel(struct identify *i)
{
	if (i->ask != NULL)
		ask_cancel(i->guard->api, i->ask);
	i->ask = NULL;
}

/* --- addresses --- */

/* An IPv4 address, or the /64 of an IPv6 one. */
static void
address_key(const struct sockaddr_storage *ss, uint8_t key[16])
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	memset(key, 0, 16);
	if (ss->ss_family == AF_INET) {
		memcpy(key + 12, &in->sin_addr, 4);
		return;
	}
	memcpy(key, &in6->sin6_addr, 8);
	key[8] = 1;
}

bool
guard_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	uint8_t ka[16], kb[16];

	address_key(a, ka);
	address_key(b, kb);
	return memcmp(ka, kb, 16) == 0;
}

/* Its slot, or one that nobody needs any more; NULL when all are in use. */
static struct slot *
slot_of(struct guard *g, const struct sockaddr_storage *ss)
{
	struct slot *s, *free_slot = NULL;
	uint8_t key[16];
	uint32_t h = 2166136261u;

	address_key(ss, key);
	for (unsigned i = 0; i < 16; i++)
		h = (h ^ key[i]) * 16777619u;
	for (unsigned i = 0; i < 16; i++) {
		s = &g->slot[(h + i) % SLOTS];
		if (s->used && memcmp(s->key, key, 16) == 0)
			return s;
		if (free_slot == NULL && s->conns == 0 &&
		    (!s->used || api_now() - s->at > 2000))
			free_slot = s;
	}
	if (free_slot == NULL)
		return NULL;
	memset(free_slot, 0, sizeof(*free_slot));
	memcpy(free_slot->key, key, 16);
	free_slot->used = true;
	free_slot->tokens = 2.0 * g->api->set.conf.requests;
	free_slot->at = api_now();
	return free_slot;
}

bool
guard_enter(struct guard *g, const struct sockaddr_storage *ss)
{
	struct slot *s = slot_of(g, ss);

	if (s == NULL || s->conns >= g->api->set.conf.per_address)
		return false;
	s->conns++;
	return true;
}

void
guard_leave(struct guard *g, const struct sockaddr_storage *ss)
{
	struct slot *s = slot_of(g, ss);

	if (s != NULL && s->conns > 0)
		s->conns--;
}

bool
guard_may_ask(struct guard *g, const struct sockaddr_storage *ss)
{
	double rate = g->api->set.conf.requests;
	struct slot *s = slot_of(g, ss);
	int64_t now = api_now();

	if (s == NULL)
		return false;
	s->tokens += (double)(now - s->at) * rate / 1000;
	if (s->tokens > 2 * rate)
		s->tokens = 2 * rate;
	s->at = now;
	if (s->tokens < 1)
		return false;
	s->tokens--;
	return true;
}
