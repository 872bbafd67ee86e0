/*
 * Bytes in order out of packets: frames to IP, IP to TCP, and of each
 * connection two streams by their sequence numbers, whatever came twice, too
 * early or never.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hashscopectl/verify_input_int.h"

#define EARLY_MAX   256 /* segments that wait for one before them */
#define EARLY_BYTES (256 * 1024)
#define EARLY_NS    1000000000u /* after it was acknowledged */

#define LINK_NULL   0
#define LINK_ETHER  1
#define LINK_RAW    101
#define LINK_LOOP   108
#define LINK_SLL    113
#define LINK_IPV4   228
#define LINK_IPV6   229
#define LINK_SLL2   276

#define TCP_FIN     0x01
#define TCP_SYN     0x02
#define TCP_RST     0x04
#define TCP_ACK     0x10

/* Came before its turn. */
struct early {
	struct early *next;
	uint64_t off, ts, at;
	size_t len;
	uint8_t data[];
};

/* One direction. */
struct half {
	struct line_cut cut;
	bool begun, acked;
	uint32_t base; /* sequence number of offset 0 */
	uint32_t ack;  /* what the other end has */
	uint64_t hole; /* time since when something is missing; 0 nothing */
	bool fin;
	uint64_t end; /* offset behind the last byte, with fin */
	struct early *early;
	unsigned nearly;
	size_t bytes;
	uint64_t gaps; /* that were told */
};

struct flow {
	struct keyed_node node;
	char name[INPUT_NAME];
	struct half half[2]; /* from the lower address, from the higher */
	unsigned opener;     /* which half sent the first packet */
	bool deaf, over;
	int failed;
	/* Of the packet that is being read. */
	unsigned side;
	uint64_t at;
	struct tcp *tcp;
};

struct tcp {
	struct input *in;
	struct keyed flows;
	uint64_t serial; /* of connections: ports are used again */
	int failed;
};

/* A TCP segment, and whose. */
struct segment {
	uint8_t family;      /* 4, 6 */
	uint8_t ends[2][18]; /* address and port: from, to */
	uint32_t seq, ack;
	uint8_t flags;
	const uint8_t *data;
	size_t len;
};

/* --- down to the segment; -1: it is none, or not whole --- */

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* len is what was captured, whole the length that IP says. */
static int
parse_tcp(const uint8_t *p, size_t len, size_t whole, struct segment *s)
{
	size_t head;

	if (len < 20 || whole < 20)
		return -1;
	head = (size_t)(p[12] >> 4) * 4;
	if (head < 20 || head > whole)
		return -1;
	memcpy(s->ends[0] + 16, p, 2);
	memcpy(s->ends[1] + 16, p + 2, 2);
	s->seq = be32(p + 4);
	s->ack = be32(p + 8);
	s->flags = p[13];
	if (len > whole)
		len = whole;
	s->data = head < len ? p + head : p + len;
	s->len = head < len ? len - head : 0;
	/* What was cut off comes never: it is as if it were not sent, and
	 * the FIN behind it is not there. */
	if (len < whole)
		s->flags &= (uint8_t)~TCP_FIN;
	return 0;
}

static int
parse_ipv4(const uint8_t *p, size_t len, struct segment *s)
{
	size_t head, whole;

	if (len < 20 || p[0] >> 4 != 4)
		return -1;
	head = (size_t)(p[0] & 15) * 4;
	whole = be16(p + 2);
	if (whole == 0) /* left to the network card */
		whole = len;
	if (head < 20 || head > len || head > whole || p[9] != 6 ||
	    (be16(p + 6) & 0x3fff) != 0)
		return -1;
	s->family = 4;
	memcpy(s->ends[0], p + 12, 4);
	memcpy(s->ends[1], p + 16, 4);
	return parse_tcp(p + head, len - head, whole - head, s);
}

static int
parse_ipv6(const uint8_t *p, size_t len, struct segment *s)
{
	size_t whole, at = 40, n;
	uint8_t next;

	if (len < 40 || p[0] >> 4 != 6)
		return -1;
	whole = be16(p + 4) == 0 ? len : 40 + (size_t)be16(p + 4);
	next = p[6];
	/* Hop by hop, routing, destination. */
	while (next == 0 || next == 43 || next == 60) {
		if (at + 8 > len)
			return -1;
		n = 8 + (size_t)p[at + 1] * 8;
		next = p[at];
		at += n;
	}
	if (next != 6 || at > len || at > whole)
		return -1;
	s->family = 6;
	memcpy(s->ends[0], p + 8, 16);
	memcpy(s->ends[1], p + 24, 16);
	return parse_tcp(p + at, len - at, whole - at, s);
}

static int
parse_ip(const uint8_t *p, size_t len, struct segment *s)
{
	if (len == 0)
		return -1;
	return p[0] >> 4 == 4 ? parse_ipv4(p, len, s) : parse_ipv6(p, len, s);
}

/* Behind the two addresses of Ethernet: VLAN tags, then the type. */
static int
parse_type(const uint8_t *p, size_t len, struct segment *s)
{
	unsigned tags;

	for (tags = 0; len >= 6 && tags < 4; tags++, p += 4, len -= 4)
		if (be16(p) != 0x8100 && be16(p) != 0x88a8)
			break;
	if (len < 2 || (be16(p) != 0x0800 && be16(p) != 0x86dd))
		return -1;
	return parse_ip(p + 2, len - 2, s);
}

static int
parse_link(unsigned link, const uint8_t *p, size_t len, struct segment *s)
{
	switch (link) {
	case LINK_ETHER:
		return len < 14 ? -1 : parse_type(p + 12, len - 12, s);
	case LINK_SLL:
		return len < 16 ? -1 : parse_type(p + 14, len - 14, s);
	case LINK_SLL2:
		if (len < 20 || (be16(p) != 0x0800 && be16(p) != 0x86dd))
			return -1;
		return parse_ip(p + 20, len - 20, s);
	case LINK_NULL:
	case LINK_LOOP:
		return len < 4 ? -1 : parse_ip(p + 4, len - 4, s);
	case LINK_RAW:
	case 12: /* the numbers of some BSDs */
	case 14:
	case LINK_IPV4:
	case LINK_IPV6:
		return parse_ip(p, len, s);
	default:
		return -1;
	}
}

bool
tcp_knows_link(unsigned link)
{
	return link == LINK_ETHER || link == LINK_SLL || link == LINK_SLL2 ||
	    link == LINK_NULL || link == LINK_LOOP || link == LINK_RAW ||
	    link == 12 || link == 14 || link == LINK_IPV4 || link == LINK_IPV6;
}

/* --- one direction --- */

static void
hand_over(void *arg, const struct line *l)
{
	struct flow *f = arg;
	struct input *in = f->tcp->in;
	struct input_line il = { .session = f->name,
		.from = f->side == f->opener ? FROM_ONE : FROM_OTHER,
		.ts = l->ts_recv,
		.data = l->data,
		.len = l->len,
		.flags = l->flags,
		.at = f->at };
	int r;

	if (f->deaf || f->failed || l->flags & LINE_BLANK)
		return;
	r = in->h->line(in->h->arg, &il);
	f->deaf = r == 1;
	f->failed = r == -1;
}

static void
feed(struct flow *f, uint64_t off, uint64_t ts, uint64_t at,
    const uint8_t *data, size_t len)
{
	struct half *h = &f->half[f->side];
	struct line_chunk c = { .data = data,
		.len = len,
		.offset = off,
		.ts_recv = ts };

	f->at = at;
	if (line_feed(&h->cut, &c, hand_over, f) == -1)
		f->failed = 1;
	f->tcp->in->info->gaps += h->cut.n.gaps - h->gaps;
	h->gaps = h->cut.n.gaps;
}

static void
pop_early(struct flow *f, struct half *h)
{
	struct early *e = h->early;

	h->early = e->next;
	h->nearly--;
	h->bytes -= e->len;
	feed(f, e->off, e->ts, e->at, e->data, e->len);
	free(e);
}

/* Those whose turn has come; with `force` the first one's has. */
static void
drain(struct flow *f, struct half *h, bool force)
{
	while (h->early != NULL && (force || h->early->off <= h->cut.off)) {
		pop_early(f, h);
		force = false;
	}
	if (h->early == NULL)
		h->hole = 0;
}

static void
keep_early(struct flow *f, struct half *h, uint64_t off, const struct packet *p,
    const struct segment *s)
{
	struct early *e, **to = &h->early;

	if ((e = malloc(sizeof(*e) + s->len)) == NULL) {
		f->failed = 1;
		return;
	}
	*e = (struct early){ .off = off,
		.ts = p->ts,
		.at = p->at,
		.len = s->len };
	memcpy(e->data, s->data, s->len);
	while (*to != NULL && (*to)->off <= off)
		to = &(*to)->next;
	e->next = *to;
	*to = e;
	h->nearly++;
	h->bytes += s->len;
	if (h->hole == 0)
		h->hole = p->ts != 0 ? p->ts : 1;
}

/* The offset of a sequence number that is near to what is expected. */
static int64_t
offset_of(const struct half *h, uint32_t seq)
{
	uint32_t next = h->base + (uint32_t)h->cut.off;

	return (int64_t)h->cut.off + (int32_t)(seq - next);
}

static void
begin(struct half *h, uint32_t base)
{
	line_clear(&h->cut);
	line_init(&h->cut, 0);
	h->begun = true;
	h->base = base;
}

/* The first that is seen of a connection that was there before: a line
 * begins here, or nobody knows where. */
static void
begin_within(struct half *h, const struct segment *s)
{
	begin(h, s->data[0] == '{' ? s->seq : s->seq - 1);
}

/* What is missing will not come any more: the far end has it. */
static bool
is_lost(const struct half *h, uint64_t now)
{
	if (h->early == NULL)
		return false;
	if (h->nearly > EARLY_MAX || h->bytes > EARLY_BYTES)
		return true;
	return h->acked && offset_of(h, h->ack) >= (int64_t)h->early->off &&
	    now > h->hole && now - h->hole > EARLY_NS;
}

static void
take_data(struct flow *f, struct half *h, const struct segment *s,
    const struct packet *p)
{
	const uint8_t *data = s->data;
	size_t len = s->len;
	bool first = !h->begun;
	int64_t off;

	if (first)
		begin_within(h, s);
	off = offset_of(h, s->seq);
	if (off < 0) {
		if ((uint64_t)-off >= len)
			return;
		data += -off;
		len -= (size_t)-off;
		off = 0;
	}
	/* A stream that begins within a line has a gap before it. */
	if (first || (uint64_t)off <= h->cut.off)
		feed(f, (uint64_t)off, p->ts, p->at, data, len);
	else
		keep_early(f, h, (uint64_t)off, p, s);
	drain(f, h, false);
}

/* --- connections --- */

static void
finish_flow(struct flow *f)
{
	struct half *h;

	if (f->over)
		return;
	for (f->side = 0; f->side < 2; f->side++) {
		h = &f->half[f->side];
		while (h->early != NULL)
			drain(f, h, true);
		if (h->begun)
			line_finish(&h->cut, h->cut.off, hand_over, f);
	}
	f->over = true;
	f->tcp->in->h->end(f->tcp->in->h->arg, f->name);
}

/* Gives back what it holds; only a new connection brings it back. */
static void
silence(struct flow *f)
{
	finish_flow(f);
	line_clear(&f->half[0].cut);
	line_clear(&f->half[1].cut);
}

static void
drop_flow(void *arg, void *thing)
{
	struct tcp *t = arg;
	struct flow *f = thing;

	silence(f);
	if (f->failed)
		t->failed = 1;
}

static void
name_end(const struct segment *s, unsigned end, char out[48])
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(s->family == 4 ? AF_INET : AF_INET6, s->ends[end], text,
	    sizeof(text));
	snprintf(out, 48, s->family == 4 ? "%s:%u" : "[%s]:%u", text,
	    be16(s->ends[end] + 16));
}

/* A number tells connections apart that have the same ends. */
static void
name_flow(struct flow *f, const struct segment *s)
{
	bool answers = (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	char a[48], b[48];
	int n;

	f->opener = answers ? !f->side : f->side;
	name_end(s, answers ? 1 : 0, a);
	name_end(s, answers ? 0 : 1, b);
	f->tcp->serial++;
	n = snprintf(f->name, sizeof(f->name), "%.40s-%.40s#%llu", a, b,
	    (unsigned long long)f->tcp->serial);
	if (n < 0 || (size_t)n >= sizeof(f->name))
		snprintf(f->name, sizeof(f->name), "#%llu",
		    (unsigned long long)f->tcp->serial);
}

/* The same ends, another connection. */
static void
renew(struct flow *f)
{
	struct keyed_node node = f->node;
	struct tcp *t = f->tcp;

	drop_flow(t, f);
	memset(f, 0, sizeof(*f));
	f->node = node;
	f->tcp = t;
}

static struct flow *
find_flow(struct tcp *t, const struct segment *s, unsigned *side)
{
	uint8_t key[37];
	struct flow *f;
	bool fresh;

	*side = memcmp(s->ends[0], s->ends[1], sizeof(s->ends[0])) > 0;
	key[0] = s->family;
	memcpy(key + 1, s->ends[*side], 18);
	memcpy(key + 19, s->ends[!*side], 18);
	/* Nothing begins with what brings nothing. */
	if (!(s->flags & TCP_SYN) && s->len == 0)
		return keyed_find(&t->flows, key, sizeof(key));
	if ((f = keyed_get(&t->flows, key, sizeof(key), &fresh)) == NULL) {
		t->failed = 1;
		return NULL;
	}
	f->tcp = t;
	return f;
}

static void
take_syn(struct flow *f, const struct segment *s)
{
	unsigned side = f->side;
	struct half *h = &f->half[side], *other = &f->half[!side];
	bool first = !(s->flags & TCP_ACK); /* of a connection */

	if (h->begun && h->base == s->seq + 1 && !f->over)
		return; /* once more */
	if (f->over || (first && (h->begun || other->cut.off > 0))) {
		renew(f);
		f->side = side;
	}
	if (f->name[0] == '\0')
		name_flow(f, s);
	if (!h->begun)
		begin(h, s->seq + 1);
}

static bool
is_at_end(const struct half *h)
{
	return h->fin && h->cut.off >= h->end;
}

static void
take_segment(struct flow *f, const struct segment *s, const struct packet *p)
{
	struct half *h = &f->half[f->side], *other = &f->half[!f->side];
	uint64_t end;

	if (s->flags & TCP_ACK) {
		other->acked = true;
		other->ack = s->ack;
	}
	if (s->len > 0)
		take_data(f, h, s, p);
	if (s->flags & TCP_FIN && h->begun && !h->fin) {
		end = (uint64_t)offset_of(h, s->seq) + s->len;
		h->fin = true;
		h->end = end;
	}
	if (is_lost(h, p->ts))
		drain(f, h, true);
	f->side = !f->side;
	if (is_lost(other, p->ts))
		drain(f, other, true);
	if (s->flags & TCP_RST || (is_at_end(h) && is_at_end(other)))
		finish_flow(f);
}

int
tcp_packet(struct tcp *t, unsigned link, const struct packet *p)
{
	struct segment s = { 0 };
	struct flow *f;
	unsigned side;

	if (parse_link(link, p->data, p->len, &s) == -1)
		return 1;
	if ((f = find_flow(t, &s, &side)) == NULL)
		return t->failed ? -1 : 0;
	f->side = side;
	f->at = p->at;
	if (s.flags & TCP_SYN) {
		take_syn(f, &s);
		s.seq++; /* data behind it, if any */
	}
	if (f->over)
		return 0;
	if (f->name[0] == '\0')
		name_flow(f, &s);
	take_segment(f, &s, p);
	if (f->deaf)
		silence(f);
	return f->failed || t->failed ? -1 : 0;
}

struct tcp *
tcp_new(struct input *in)
{
	struct tcp *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->in = in;
	keyed_init(&t->flows, sizeof(struct flow), INPUT_STREAMS, drop_flow, t);
	return t;
}

int
tcp_finish(struct tcp *t)
{
	keyed_clear(&t->flows);
	return t->failed ? -1 : 0;
}

void
tcp_free(struct tcp *t)
{
	keyed_clear(&t->flows);
	free(t);
}
