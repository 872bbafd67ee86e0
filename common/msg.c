/*
 * The message list as a table, and the cursors that write and read bodies.
 */
#include <stdlib.h>
#include <string.h>

#include "common/msg.h"

static const struct msg_info infos[MSG_MAX] = {
#define X(name, from, to, size, fds) \
	[MSG_##name] = { #name, from, to, size, fds },
	MSG_LIST(X)
#undef X
};

static const char *const role_names[ROLE_MAX] = {
	[ROLE_SUPERVISOR] = "hashscoped",
	[ROLE_CONTROL] = "control",
	[ROLE_RESOLVER] = "resolver",
	[ROLE_RELAY] = "relayd",
	[ROLE_CAPTURE] = "captured",
	[ROLE_QUERY_PAGE] = "query page",
	[ROLE_QUERY_SEARCH] = "query search",
	[ROLE_AUTH] = "auth",
	[ROLE_API] = "apid",
	[ROLE_REPLAY] = "replay",
	[ROLE_NOSTR] = "nostrd",
	[ROLE_SIGNER] = "signer",
	[ROLE_PASSWORD] = "password",
	[ROLE_NOSTR_RESOLVER] = "resolver of nostrd",
	[ROLE_CTL] = "hashscopectl",
};

const struct msg_info *
msg_info(unsigned type)
{
	if (type >= MSG_MAX || infos[type].name == NULL)
		return NULL;
	return &infos[type];
}

const char *
role_name(unsigned role)
{
	return role < ROLE_MAX ? role_names[role] : "unknown";
}

void
mbuf_init(struct mbuf *m)
{
	memset(m, 0, sizeof(*m));
}

void
mbuf_reset(struct mbuf *m)
{
	m->len = 0;
	m->bad = false;
}

void
mbuf_free(struct mbuf *m)
{
	free(m->data);
	mbuf_init(m);
}

static uint8_t *
mbuf_room(struct mbuf *m, size_t n)
{
	uint8_t *p;
	size_t cap;

	if (m->bad)
		return NULL;
	if (m->cap - m->len < n) {
		cap = m->cap < 256 ? 256 : m->cap;
		while (cap - m->len < n)
			cap *= 2;
		p = realloc(m->data, cap);
		if (p == NULL) {
			m->bad = true;
			return NULL;
		}
		m->data = p;
		m->cap = cap;
	}
	p = m->data + m->len;
	m->len += n;
	return p;
}

void
msg_put_raw(struct mbuf *m, const void *src, size_t n)
{
	uint8_t *p = n > 0 ? mbuf_room(m, n) : NULL;

	if (p != NULL)
		memcpy(p, src, n);
}

static void
put_le(struct mbuf *m, uint64_t v, size_t n)
{
	uint8_t *p = mbuf_room(m, n);

	for (size_t i = 0; p != NULL && i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void
msg_put_u8(struct mbuf *m, uint8_t v)
{
	put_le(m, v, 1);
}

void
msg_put_u16(struct mbuf *m, uint16_t v)
{
	put_le(m, v, 2);
}

void
msg_put_u32(struct mbuf *m, uint32_t v)
{
	put_le(m, v, 4);
}

void
msg_put_u64(struct mbuf *m, uint64_t v)
{
	put_le(m, v, 8);
}

void
msg_put_i64(struct mbuf *m, int64_t v)
{
	put_le(m, (uint64_t)v, 8);
}

void
msg_put_double(struct mbuf *m, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_le(m, bits, 8);
}

void
msg_put_bytes(struct mbuf *m, const void *src, size_t n)
{
	if (n > UINT32_MAX) {
		m->bad = true;
		return;
	}
	msg_put_u32(m, (uint32_t)n);
	msg_put_raw(m, src, n);
}

void
msg_put_str(struct mbuf *m, const char *s)
{
	if (s == NULL)
		s = "";
	msg_put_bytes(m, s, strlen(s));
}

void
mcur_init(struct mcur *c, const void *p, size_t n)
{
	c->p = p;
	c->left = n;
	c->bad = false;
}

static const uint8_t *
take(struct mcur *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || c->left < n) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	c->left -= n;
	return p;
}

static uint64_t
get_le(struct mcur *c, size_t n)
{
	const uint8_t *p = take(c, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t
msg_get_u8(struct mcur *c)
{
	return (uint8_t)get_le(c, 1);
}

bool
msg_get_bool(struct mcur *c)
{
	uint8_t v = msg_get_u8(c);

	if (v > 1)
		c->bad = true;
	return v == 1;
}

uint16_t
msg_get_u16(struct mcur *c)
{
	return (uint16_t)get_le(c, 2);
}

uint32_t
msg_get_u32(struct mcur *c)
{
	return (uint32_t)get_le(c, 4);
}

uint64_t
msg_get_u64(struct mcur *c)
{
	return get_le(c, 8);
}

int64_t
msg_get_i64(struct mcur *c)
{
	return (int64_t)get_le(c, 8);
}

double
msg_get_double(struct mcur *c)
{
	uint64_t bits = get_le(c, 8);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

void
msg_get_raw(struct mcur *c, void *dst, size_t n)
{
	const uint8_t *p = take(c, n);

	if (p != NULL)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

const uint8_t *
msg_get_bytes(struct mcur *c, size_t *len, size_t max)
{
	static const uint8_t nothing[1];
	const uint8_t *p;
	size_t n = msg_get_u32(c);

	*len = 0;
	if (n > max)
		c->bad = true;
	p = take(c, n);
	if (p == NULL)
		return nothing;
	*len = n;
	return p;
}

void
msg_get_str(struct mcur *c, char *dst, size_t size)
{
	const uint8_t *p;
	size_t n;

	p = msg_get_bytes(c, &n, size - 1);
	if (memchr(p, '\0', n) != NULL) {
		c->bad = true;
		n = 0;
	}
	memcpy(dst, p, n);
	dst[n] = '\0';
}

int
msg_end(const struct mcur *c)
{
	return c->bad || c->left != 0 ? -1 : 0;
}
