/*
 * Counting failures and the delays that follow from them.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "common/sha256.h"
#include "hashscoped/auth_throttle.h"

#define FIRST_MS 1000

void
throttle_init(struct throttle *t, const uint8_t key[16], int64_t most)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->key, key, sizeof(t->key));
	t->most = most;
}

static struct throttle_slot *
slot_of(struct throttle *t, const char *name)
{
	uint8_t digest[SHA256_LEN];
	struct sha256 h;
	uint32_t n;

	sha256_init(&h);
	sha256_update(&h, t->key, sizeof(t->key));
	sha256_update(&h, name, strlen(name));
	sha256_final(&h, digest);
	memcpy(&n, digest, sizeof(n));
	return &t->slot[n & (THROTTLE_SLOTS - 1)];
}

int64_t
throttle_wait(struct throttle *t, const char *name, int64_t now)
{
	struct throttle_slot *s = slot_of(t, name);

	if (s->failures > 0 && now - s->last > THROTTLE_FORGET)
		memset(s, 0, sizeof(*s));
	return s->until > now ? s->until - now : 0;
}

void
throttle_charge(struct throttle *t, const char *name, int64_t now)
{
	struct throttle_slot *s = slot_of(t, name);
	int64_t delay = FIRST_MS;

	if (s->failures < UINT32_MAX)
		s->failures++;
	s->last = now;
	if (s->failures <= THROTTLE_FREE)
		return;
	for (uint32_t i = THROTTLE_FREE + 1; i < s->failures && delay < t->most;
	     i++)
		delay *= 2;
	s->until = now + (delay < t->most ? delay : t->most);
}

void
throttle_refund(struct throttle *t, const char *name)
{
	struct throttle_slot *s = slot_of(t, name);

	if (s->failures > 0)
		s->failures--;
	s->until = 0;
}

void
throttle_clear(struct throttle *t, const char *name)
{
	memset(slot_of(t, name), 0, sizeof(struct throttle_slot));
}

/* The address in peer, without brackets and port. */
static void
bare(const char *peer, char out[THROTTLE_NAME])
{
	const char *end;

	if (peer[0] == '[') {
		peer++;
		end = strchr(peer, ']');
	} else {
		end = strrchr(peer, ':');
		/* More than one: IPv6 without a port. */
		if (end != NULL && strchr(peer, ':') != end)
			end = NULL;
	}
	snprintf(out, THROTTLE_NAME, "%.*s",
	    end == NULL ? (int)strlen(peer) : (int)(end - peer), peer);
}

void
throttle_address(const char *peer, char out[THROTTLE_NAME])
{
	char text[THROTTLE_NAME], *zone;
	struct in6_addr six;
	struct in_addr four;

	bare(peer, out);
	memcpy(text, out, sizeof(text));
	if ((zone = strchr(text, '%')) != NULL)
		*zone = '\0';
	if (inet_pton(AF_INET6, text, &six) != 1)
		return;
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(&four, &six.s6_addr[12], sizeof(four));
		inet_ntop(AF_INET, &four, out, THROTTLE_NAME);
		return;
	}
	/* Whoever has one address of a /64 has them all. */
	memset(&six.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &six, out, THROTTLE_NAME);
}
