/*
 * Addresses of relays.
 */
#include <arpa/inet.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/nostr_ws.h"

/* "host", "[v6]", each perhaps with ":port". */
static int
take_host(const char *s, size_t len, struct nostr_url *u)
{
	const char *end = s + len, *port = NULL, *close;
	size_t n = len;
	unsigned long v;
	char *rest;

	if (len > 0 && s[0] == '[') {
		if ((close = memchr(s, ']', len)) == NULL)
			return -1;
		if (close + 1 < end && close[1] != ':')
			return -1;
		port = close + 1 < end ? close + 2 : NULL;
		s++;
		n = (size_t)(close - s);
	} else if ((close = memchr(s, ':', len)) != NULL) {
		port = close + 1;
		n = (size_t)(close - s);
	}
	if (n == 0 || n >= sizeof(u->host))
		return -1;
	memcpy(u->host, s, n);
	u->host[n] = '\0';
	if (port == NULL)
		return 0;
	if (port == end || !isdigit((unsigned char)*port))
		return -1;
	v = strtoul(port, &rest, 10);
	if (rest != end || v == 0 || v > 65535)
		return -1;
	u->port = (uint16_t)v;
	return 0;
}

int
nostr_url_parse(const char *text, struct nostr_url *u)
{
	const char *s;
	size_t len;

	memset(u, 0, sizeof(*u));
	if (strncasecmp(text, "wss://", 6) == 0) {
		u->tls = true;
		s = text + 6;
	} else if (strncasecmp(text, "ws://", 5) == 0) {
		s = text + 5;
	} else {
		return -1;
	}
	u->port = u->tls ? 443 : 80;
	len = strcspn(s, "/?#");
	if (memchr(s, '@', len) != NULL || take_host(s, len, u) == -1)
		return -1;
	s += len;
	len = strcspn(s, "#");
	if (len + 2 > sizeof(u->path))
		return -1;
	snprintf(u->path, sizeof(u->path), "%s%.*s", *s == '/' ? "" : "/",
	    (int)len, s);
	for (s = text; *s != '\0'; s++)
		if (*s <= ' ' || *s == 0x7f)
			return -1;
	return 0;
}

bool
nostr_url_literal(const struct nostr_url *u)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, u->host, addr) == 1 ||
	    inet_pton(AF_INET6, u->host, addr) == 1;
}
