/*
 * pcapng, link type RAW: each packet begins with its IP header.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pcapng.h"

#define LINK_RAW 101
#define SEGMENT  32768u
#define HEADERS  60 /* IPv6 and TCP */
#define FLAG_SYN 0x02
#define FLAG_PSH 0x08
#define FLAG_ACK 0x10

static void
pad(struct mbuf *b, size_t n)
{
	static const uint8_t zero[4];

	msg_put_raw(b, zero, (4 - n % 4) % 4);
}

static void
option(struct mbuf *b, uint16_t code, const void *p, size_t n)
{
	msg_put_u16(b, code);
	msg_put_u16(b, (uint16_t)n);
	msg_put_raw(b, p, n);
	pad(b, n);
}

void
pcapng_begin(struct mbuf *b, const char *application)
{
	static const uint8_t micro = 6;
	size_t n = strlen(application), at;
	uint32_t len;

	at = b->len;
	len = (uint32_t)(28 + 4 + (n + 3) / 4 * 4 + 4);
	msg_put_u32(b, 0x0a0d0d0a); /* section header */
	msg_put_u32(b, len);
	msg_put_u32(b, 0x1a2b3c4d);
	msg_put_u16(b, 1);
	msg_put_u16(b, 0);
	msg_put_i64(b, -1);
	option(b, 4, application, n); /* shb_userappl */
	option(b, 0, NULL, 0);
	msg_put_u32(b, (uint32_t)(b->len - at + 4));
	msg_put_u32(b, 1); /* interface */
	msg_put_u32(b, 32);
	msg_put_u16(b, LINK_RAW);
	msg_put_u16(b, 0);
	msg_put_u32(b, 0);
	option(b, 9, &micro, 1); /* if_tsresol */
	option(b, 0, NULL, 0);
	msg_put_u32(b, 32);
}

/* --- packets --- */

static void
be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v & 0xffff);
}

static uint32_t
sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (; n > 1; p += 2, n -= 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (n > 0)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* The IP header; returns its length. */
static size_t
ip_header(uint8_t *p, const struct pcapng_stream *s, unsigned from, size_t len)
{
	if (!s->v4) {
		p[0] = 0x60;
		be16(p + 4, (unsigned)(20 + len));
		p[6] = 6;
		p[7] = 64;
		memcpy(p + 8, s->addr[from], 16);
		memcpy(p + 24, s->addr[1 - from], 16);
		return 40;
	}
	p[0] = 0x45;
	be16(p + 2, (unsigned)(40 + len));
	p[6] = 0x40;
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, s->addr[from] + 12, 4);
	memcpy(p + 16, s->addr[1 - from] + 12, 4);
	be16(p + 10, ~sum(0, p, 20) & 0xffff);
	return 20;
}

static uint32_t
pseudo_sum(const struct pcapng_stream *s, unsigned from, size_t tcp_len)
{
	size_t at = s->v4 ? 12 : 0;
	uint32_t v = 6 + (uint32_t)tcp_len;

	v = sum(v, s->addr[from] + at, 16 - at);
	return sum(v, s->addr[1 - from] + at, 16 - at);
}

static void
packet(struct mbuf *b, struct pcapng_stream *s, unsigned from, unsigned flags,
    const uint8_t *data, size_t len, int64_t us)
{
	uint8_t head[HEADERS];
	size_t ip, total;
	uint8_t *tcp;
	uint32_t check;

	memset(head, 0, sizeof(head));
	ip = ip_header(head, s, from, len);
	tcp = head + ip;
	be16(tcp, s->port[from]);
	be16(tcp + 2, s->port[1 - from]);
	be32(tcp + 4, s->seq[from]);
	be32(tcp + 8, flags & FLAG_ACK ? s->seq[1 - from] : 0);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
	be16(tcp + 14, 65535);
	check = sum(pseudo_sum(s, from, 20 + len), tcp, 20);
	be16(tcp + 16, ~sum(check, data, len) & 0xffff);
	total = ip + 20 + len;
	msg_put_u32(b, 6); /* enhanced packet */
	msg_put_u32(b, (uint32_t)(32 + (total + 3) / 4 * 4));
	msg_put_u32(b, 0);
	msg_put_u32(b, (uint32_t)((uint64_t)us >> 32));
	msg_put_u32(b, (uint32_t)us);
	msg_put_u32(b, (uint32_t)total);
	msg_put_u32(b, (uint32_t)total);
	msg_put_raw(b, head, ip + 20);
	msg_put_raw(b, data, len);
	pad(b, total);
	msg_put_u32(b, (uint32_t)(32 + (total + 3) / 4 * 4));
	s->seq[from] += (uint32_t)len + ((flags & FLAG_SYN) != 0);
}

/* --- ends --- */

static bool
parse_v4(const char *host, uint8_t addr[16])
{
	memset(addr, 0, 10);
	memset(addr + 10, 0xff, 2);
	return inet_pton(AF_INET, host, addr + 12) == 1;
}

/* Whether it is IPv4. */
static bool
parse_end(const char *text, unsigned end, struct pcapng_stream *s)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	int n = colon == NULL ? 0 : (int)(colon - text);

	if (n > 1 && text[0] == '[') {
		text++;
		n -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", n, text);
	s->port[end] = colon == NULL ? (uint16_t)(3333 + end) :
				       (uint16_t)atoi(colon + 1);
	if (parse_v4(host, s->addr[end]))
		return true;
	if (inet_pton(AF_INET6, host, s->addr[end]) == 1)
		return false;
	/* RFC 5737 */
	return parse_v4(end == 0 ? "192.0.2.1" : "192.0.2.2", s->addr[end]);
}

void
pcapng_open(struct mbuf *b, struct pcapng_stream *s, const char *first,
    const char *second, int64_t us)
{
	bool a, z;

	memset(s, 0, sizeof(*s));
	a = parse_end(first, 0, s);
	z = parse_end(second, 1, s);
	s->v4 = a && z;
	packet(b, s, 0, FLAG_SYN, NULL, 0, us);
	packet(b, s, 1, FLAG_SYN | FLAG_ACK, NULL, 0, us);
	packet(b, s, 0, FLAG_ACK, NULL, 0, us);
}

void
pcapng_data(struct mbuf *b, struct pcapng_stream *s, unsigned end,
    const void *data, size_t len, int64_t us)
{
	const uint8_t *p = data;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len < SEGMENT ? len : SEGMENT;
		packet(b, s, end, FLAG_PSH | FLAG_ACK, p, n, us);
	}
}
