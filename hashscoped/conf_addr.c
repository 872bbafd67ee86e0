/*
 * Addresses of the configuration: what is listened on, who may send PROXY
 * headers, and the pools.  No name is resolved here.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hashscoped/conf_int.h"

static void
quoted_say(struct conf_why *why, const char *before, const char *s,
    const char *after)
{
	char q[CONF_QUOTE_LEN];

	conf_quote(s, q);
	conf_say(why, "%s %s: %s", before, q, after);
}

static struct sockaddr_in *
sin4(struct conf_addr *a)
{
	return (struct sockaddr_in *)&a->ss;
}

static struct sockaddr_in6 *
sin6(struct conf_addr *a)
{
	return (struct sockaddr_in6 *)&a->ss;
}

/* The bytes of the address; *len says how many. */
static const uint8_t *
addr_bytes(const struct conf_addr *a, size_t *len)
{
	if (a->ss.ss_family == AF_INET6) {
		*len = 16;
		return ((const struct sockaddr_in6 *)&a->ss)->sin6_addr.s6_addr;
	}
	*len = 4;
	return (const uint8_t *)&((const struct sockaddr_in *)&a->ss)->sin_addr;
}

/* FNV-1a: stable across versions and machines, and that is all it must be. */
static uint64_t
addr_id(const struct conf_addr *a)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	const uint8_t *p;
	size_t i, len;

	p = addr_bytes(a, &len);
	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	h = (h ^ (a->port >> 8)) * 0x100000001b3ULL;
	h = (h ^ (a->port & 0xff)) * 0x100000001b3ULL;
	return h != 0 ? h : 1;
}

void
conf_addr_set_port(struct conf_addr *a, uint16_t port)
{
	char host[INET6_ADDRSTRLEN];
	int six = a->ss.ss_family == AF_INET6;

	a->port = port;
	if (six)
		sin6(a)->sin6_port = htons(port);
	else
		sin4(a)->sin_port = htons(port);
	inet_ntop(a->ss.ss_family,
	    six ? (const void *)&sin6(a)->sin6_addr :
		  (const void *)&sin4(a)->sin_addr,
	    host, sizeof(host));
	snprintf(a->text, sizeof(a->text), six ? "[%s]:%u" : "%s:%u", host,
	    port);
	a->id = addr_id(a);
}

static void
set_v4(struct conf_addr *a, const struct in_addr *in, uint16_t port)
{
	memset(&a->ss, 0, sizeof(a->ss));
	sin4(a)->sin_family = AF_INET;
	sin4(a)->sin_addr = *in;
	a->ss_len = sizeof(struct sockaddr_in);
	conf_addr_set_port(a, port);
}

static void
set_v6(struct conf_addr *a, const struct in6_addr *in, uint16_t port)
{
	memset(&a->ss, 0, sizeof(a->ss));
	sin6(a)->sin6_family = AF_INET6;
	sin6(a)->sin6_addr = *in;
	a->ss_len = sizeof(struct sockaddr_in6);
	conf_addr_set_port(a, port);
}

/* Text without the brackets that an IPv6 address may wear. */
static int
unbracket(const char *s, char *out, size_t size)
{
	size_t len = strlen(s);

	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len >= size)
		return -1;
	memcpy(out, s, len);
	out[len] = '\0';
	return 0;
}

int
conf_to_addrs(const char *host, uint16_t port, struct conf_addr out[2],
    struct conf_why *why)
{
	const struct in_addr any4 = { htonl(INADDR_ANY) };
	const struct in_addr loop4 = { htonl(INADDR_LOOPBACK) };
	char bare[INET6_ADDRSTRLEN];
	struct in_addr in4;
	struct in6_addr in6;

	if (strcmp(host, "*") == 0) {
		set_v4(&out[0], &any4, port);
		set_v6(&out[1], &in6addr_any, port);
		return 2;
	}
	if (strcasecmp(host, "localhost") == 0) {
		set_v4(&out[0], &loop4, port);
		return 1;
	}
	if (inet_pton(AF_INET, host, &in4) == 1) {
		if (!IN_MULTICAST(ntohl(in4.s_addr)) &&
		    in4.s_addr != htonl(INADDR_BROADCAST)) {
			set_v4(&out[0], &in4, port);
			return 1;
		}
	} else if (unbracket(host, bare, sizeof(bare)) == 0 &&
	    inet_pton(AF_INET6, bare, &in6) == 1) {
		/* Mapped ones cannot be bound by an IPv6-only socket. */
		if (!IN6_IS_ADDR_MULTICAST(&in6) &&
		    !IN6_IS_ADDR_V4MAPPED(&in6)) {
			set_v6(&out[0], &in6, port);
			return 1;
		}
	}
	quoted_say(why, "bad address", host,
	    "an IPv4 or IPv6 address of this host, or *, was expected");
	return -1;
}

static int
addr_is_any(const struct conf_addr *a)
{
	static const uint8_t zero[16];
	const uint8_t *p;
	size_t len;

	p = addr_bytes(a, &len);
	return memcmp(p, zero, len) == 0;
}

int
conf_addr_overlap(const struct conf_addr *a, const struct conf_addr *b)
{
	const uint8_t *p, *q;
	size_t len;

	if (a->ss.ss_family != b->ss.ss_family || a->port != b->port)
		return 0;
	p = addr_bytes(a, &len);
	q = addr_bytes(b, &len);
	return addr_is_any(a) || addr_is_any(b) || memcmp(p, q, len) == 0;
}

int
conf_addr_loopback(const struct conf_addr *a)
{
	const uint8_t *p;
	size_t len;

	p = addr_bytes(a, &len);
	if (len == 4)
		return p[0] == 127;
	return memcmp(p, &in6addr_loopback, len) == 0;
}

static void
by_default(struct conf_addr *a)
{
	snprintf(a->where, sizeof(a->where), CONF_BY_DEFAULT);
}

void
conf_add_default_listeners(struct config *c)
{
	const struct in_addr any4 = { htonl(INADDR_ANY) };
	const struct in_addr loop4 = { htonl(INADDR_LOOPBACK) };

	if (c->nlisten == 0) {
		memset(c->listen, 0, 2 * sizeof(c->listen[0]));
		set_v4(&c->listen[0].addr, &any4, CONF_MINER_PORT);
		set_v6(&c->listen[1].addr, &in6addr_any, CONF_MINER_PORT);
		by_default(&c->listen[0].addr);
		by_default(&c->listen[1].addr);
		c->nlisten = 2;
	}
	if (c->console.nlisten == 0) {
		set_v4(&c->console.listen[0], &loop4, CONF_CONSOLE_PORT);
		by_default(&c->console.listen[0]);
		c->console.nlisten = 1;
	}
}

/* Whether all bits of addr behind the prefix are zero. */
static int
host_bits_zero(const uint8_t *addr, unsigned int bits, unsigned int all)
{
	unsigned int i;

	for (i = bits; i < all; i++)
		if (addr[i / 8] & (0x80 >> (i % 8)))
			return 0;
	return 1;
}

int
conf_to_net(const char *s, struct conf_net *net, struct conf_why *why)
{
	static const char expected[] =
	    "a network such as 10.0.0.0/8 or fd00::/8, or an address, "
	    "was expected";
	const char *slash = strchr(s, '/');
	char host[INET6_ADDRSTRLEN + 2], bare[INET6_ADDRSTRLEN];
	size_t len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	unsigned int all;
	uint64_t bits;

	memset(net, 0, sizeof(*net));
	quoted_say(why, "bad network", s, expected);
	if (len >= sizeof(host))
		return -1;
	memcpy(host, s, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, net->addr) == 1)
		net->family = AF_INET;
	else if (unbracket(host, bare, sizeof(bare)) == 0 &&
	    inet_pton(AF_INET6, bare, net->addr) == 1)
		net->family = AF_INET6;
	else
		return -1;
	all = bits = net->family == AF_INET ? 32 : 128;
	if (slash != NULL) {
		struct conf_why ignored;

		if (conf_to_number(slash + 1, &bits, &ignored) == -1 ||
		    bits > all)
			return -1;
	}
	net->bits = (uint8_t)bits;
	/* More often a host with a forgotten /32 than a network. */
	if (!host_bits_zero(net->addr, net->bits, all)) {
		quoted_say(why, "bad network", s,
		    "it names a host in it; a network ends in zero bits");
		return -1;
	}
	return 0;
}

/* One label of a name: what is found in DNS, underscores included. */
static int
label_ok(const char *s, size_t len)
{
	size_t i;

	if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-')
		return 0;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return 0;
	return 1;
}

static int
name_ok(const char *s)
{
	const char *last = s;
	size_t len;

	if (strlen(s) > 253)
		return 0;
	for (;;) {
		len = strcspn(s, ".");
		if (!label_ok(s, len))
			return 0;
		last = s;
		s += len;
		if (*s == '\0' || s[1] == '\0') /* a dot may end it */
			break;
		s++;
	}
	/* 10.0.0.256 is a mistyped address and not a name. */
	return strspn(last, "0123456789") != len;
}

int
conf_host_ok(const char *s)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, s, addr) == 1 ||
	    inet_pton(AF_INET6, s, addr) == 1 || name_ok(s);
}

/* Behind the scheme, if there is one; NULL when it is not spoken. */
static const char *
skip_scheme(const char *s, struct conf_why *why)
{
	const char *sep = strstr(s, "://");
	char scheme[24], q[CONF_QUOTE_LEN];

	if (sep == NULL)
		return s;
	if (strncasecmp(s, "stratum+tcp://", 14) == 0)
		return s + 14;
	snprintf(scheme, sizeof(scheme), "%.*s", (int)(sep - s), s);
	conf_quote(scheme, q);
	conf_say(why,
	    "pools with scheme %s are not spoken to; stratum+tcp was expected",
	    q);
	return NULL;
}

/*
 * Cut "host", "host:port", "[v6]:port", "v6" in two; port is "" without one.
 */
static int
split_host(const char *s, char host[CONF_NAME_LEN], char port[8])
{
	const char *end, *rest;
	uint8_t addr[16];

	if (*s == '[') {
		end = strchr(++s, ']');
		if (end == NULL)
			return -1;
		rest = end + 1;
	} else if (inet_pton(AF_INET6, s, addr) == 1) {
		end = rest = s + strlen(s);
	} else {
		end = rest = s + strcspn(s, ":/");
	}
	if (snprintf(host, CONF_NAME_LEN, "%.*s", (int)(end - s), s) >=
	    CONF_NAME_LEN)
		return -1;
	/* Brackets are for IPv6 only. */
	if (rest != end && inet_pton(AF_INET6, host, addr) != 1)
		return -1;
	port[0] = '\0';
	if (*rest == ':') {
		size_t len = strcspn(++rest, "/");

		if (len == 0 || len > 5)
			return -1;
		snprintf(port, 8, "%.*s", (int)len, rest);
		rest += len;
	}
	if (*rest == '/') /* URLs are often copied with it */
		rest++;
	return *rest == '\0' ? 0 : -1;
}

int
conf_to_pool(const char *s, struct conf_pool *pool, int *has_port,
    struct conf_why *why)
{
	const char *p = skip_scheme(s, why);
	char port[8], *c;

	memset(pool, 0, sizeof(*pool));
	if (p == NULL)
		return -1;
	if (split_host(p, pool->host, port) == -1 ||
	    !conf_host_ok(pool->host)) {
		quoted_say(why, "bad pool", s,
		    "stratum+tcp://host:port was expected");
		return -1;
	}
	/* Names are alike in any case; equal pools must look equal. */
	for (c = pool->host; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	pool->port = CONF_POOL_PORT;
	*has_port = port[0] != '\0';
	return *has_port ? conf_to_port(port, &pool->port, why) : 0;
}
