/*
 * PROXY protocol headers, versions 1 and 2, receiving only.  Pure: bytes in,
 * struct out.  Source: "The PROXY protocol", HAProxy, 2020/03/05.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/relay.h"

#define V1_MAX  107u /* "PROXY UNKNOWN ..." with two IPv6 addresses, CR LF */
#define V2_HEAD 16u

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
	0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* Whether p begins with, or is the beginning of, the signature. */
static bool
begins(const uint8_t *p, size_t n, const void *sig, size_t len)
{
	return memcmp(p, sig, n < len ? n : len) == 0;
}

static void
set_source(struct proxy_header *h, int family, const void *addr, uint16_t port)
{
	memset(&h->source, 0, sizeof(h->source));
	h->has_source = true;
	if (family == AF_INET) {
		h->source.in.sin_family = AF_INET;
		h->source.in.sin_port = htons(port);
		memcpy(&h->source.in.sin_addr, addr, 4);
	} else {
		h->source.in6.sin6_family = AF_INET6;
		h->source.in6.sin6_port = htons(port);
		memcpy(&h->source.in6.sin6_addr, addr, 16);
	}
}

static int
port_of(const char *s)
{
	char *end;
	long v;

	if (s == NULL || *s < '0' || *s > '9')
		return -1;
	v = strtol(s, &end, 10);
	return *end == '\0' && v <= 65535 ? (int)v : -1;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 5000 3333", without its CR LF. */
static int
parse_v1_line(char *line, struct proxy_header *h)
{
	uint8_t src[16], dst[16];
	char *word[6], *save = NULL, *w;
	int n = 0, family, port;

	for (w = strtok_r(line, " ", &save); w != NULL && n < 6;
	     w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (n >= 2 && strcmp(word[1], "UNKNOWN") == 0)
		return 1;
	if (n != 6 || w != NULL)
		return -2;
	if (strcmp(word[1], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(word[1], "TCP6") == 0)
		family = AF_INET6;
	else
		return -2;
	port = port_of(word[4]);
	if (inet_pton(family, word[2], src) != 1 ||
	    inet_pton(family, word[3], dst) != 1 || port < 0 ||
	    port_of(word[5]) < 0)
		return -2;
	set_source(h, family, src, (uint16_t)port);
	return 1;
}

static int
parse_v1(const uint8_t *p, size_t n, struct proxy_header *h)
{
	const uint8_t *lf = memchr(p, '\n', n < V1_MAX ? n : V1_MAX);
	char line[V1_MAX + 1];
	size_t len;

	if (lf == NULL)
		return n >= V1_MAX ? -2 : 0;
	len = (size_t)(lf - p);
	if (len == 0 || p[len - 1] != '\r' || memchr(p, '\0', len) != NULL)
		return -2;
	memcpy(line, p, len - 1);
	line[len - 1] = '\0';
	h->len = len + 1;
	return parse_v1_line(line, h);
}

static int
parse_v2(const uint8_t *p, size_t n, struct proxy_header *h)
{
	const uint8_t *a = p + V2_HEAD;
	unsigned command, family;
	size_t len;

	if (n < V2_HEAD)
		return 0;
	command = p[12];
	family = p[13];
	len = (size_t)p[14] << 8 | p[15];
	if ((command & 0xf0) != 0x20 || (command & 0x0f) > 1 ||
	    V2_HEAD + len > PROXY_MAX)
		return -2;
	if (n < V2_HEAD + len)
		return 0;
	h->len = V2_HEAD + len;
	/* LOCAL: the proxy's own check, its own address stands. */
	if ((command & 0x0f) == 0)
		return 1;
	if (family == 0x11) {
		if (len < 12)
			return -2;
		set_source(h, AF_INET, a, (uint16_t)(a[8] << 8 | a[9]));
	} else if (family == 0x21) {
		if (len < 36)
			return -2;
		set_source(h, AF_INET6, a, (uint16_t)(a[32] << 8 | a[33]));
	}
	return 1;
}

int
proxy_parse(const uint8_t *p, size_t n, struct proxy_header *h)
{
	memset(h, 0, sizeof(*h));
	if (n == 0)
		return 0;
	if (begins(p, n, "PROXY ", 6))
		return n < 6 ? 0 : parse_v1(p, n, h);
	if (begins(p, n, v2_signature, sizeof(v2_signature)))
		return parse_v2(p, n, h);
	return -1;
}
