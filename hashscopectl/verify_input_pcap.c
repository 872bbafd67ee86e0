/*
 * Packets out of files of tcpdump, Wireshark and their like: pcap, and of
 * pcapng the blocks that hold packets and what is needed to read them.
 *
 * pcap: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
 * pcapng: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
 */
#include <stdlib.h>
#include <string.h>

#include "hashscopectl/verify_input_int.h"

#define INTERFACES      256
#define OPTIONS         65536 /* bytes of an interface's block */

#define BLOCK_SECTION   0x0a0d0d0a
#define BLOCK_INTERFACE 1
#define BLOCK_OLD       2
#define BLOCK_SIMPLE    3
#define BLOCK_ENHANCED  6

struct interface {
	uint16_t link;
	uint32_t snaplen;
	uint64_t per_second; /* units of a time */
	int64_t offset;      /* seconds added */
};

struct capture {
	struct input *in;
	struct tcp *tcp;
	uint8_t *buf; /* INPUT_PACKET */
	bool swapped;
	struct packet p;
	struct interface *interface; /* INTERFACES */
	unsigned ninterfaces;
	bool known; /* a link type that can be read has been there */
	unsigned link;
};

static uint32_t
u32(const struct capture *c, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return c->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t
u16(const struct capture *c, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return c->swapped ? __builtin_bswap16(v) : v;
}

static int
fail(struct capture *c, const char *what)
{
	return input_fail(c->in, "packet", c->p.at, "%s", what);
}

/* n bytes: 1, 0 at the end and none of them, -1 with error. */
static int
get(struct capture *c, void *dst, size_t n)
{
	ssize_t got = source_read(c->in, dst, n);

	if (got == -1)
		return -1;
	if (got == 0 && n > 0)
		return 0;
	return (size_t)got == n ? 1 : fail(c, "the file ends within it");
}

static int
take_packet(struct capture *c, unsigned link)
{
	int r;

	c->in->info->items++;
	c->known |= tcp_knows_link(link);
	c->link = link;
	r = tcp_packet(c->tcp, link, &c->p);
	c->in->info->skipped += r == 1;
	return r == -1 ? -1 : 0;
}

/* The connections that are still open; r is what reading came to. */
static int
finish(struct capture *c, int r)
{
	if (tcp_finish(c->tcp) == -1)
		r = -1;
	if (r == 0 && c->in->info->items > 0 && !c->known)
		r = input_fail(c->in, "", 0,
		    "link type %u cannot be read: only Ethernet, raw IP, "
		    "loopback and Linux cooked captures can",
		    c->link);
	return r;
}

static int
start(struct capture *c, struct input *in)
{
	memset(c, 0, sizeof(*c));
	c->in = in;
	in->info->absolute = true;
	c->buf = malloc(INPUT_PACKET);
	c->interface = calloc(INTERFACES, sizeof(*c->interface));
	c->tcp = tcp_new(in);
	c->p.data = c->buf;
	if (c->buf == NULL || c->interface == NULL || c->tcp == NULL)
		return fail(c, "out of memory");
	return 0;
}

static void
stop(struct capture *c)
{
	free(c->buf);
	free(c->interface);
	if (c->tcp != NULL)
		tcp_free(c->tcp);
}

/* --- pcap --- */

static int
pcap_packet(struct capture *c, uint64_t unit, unsigned link)
{
	uint8_t head[16];
	int r;

	c->p.at++;
	if ((r = get(c, head, sizeof(head))) != 1)
		return r;
	c->p.ts = (uint64_t)u32(c, head) * 1000000000 +
	    (uint64_t)u32(c, head + 4) * unit;
	c->p.len = u32(c, head + 8);
	if (c->p.len > INPUT_PACKET)
		return fail(c, "longer than 1 MiB");
	if ((r = get(c, c->buf, c->p.len)) != 1)
		return r == 0 ? fail(c, "the file ends within it") : -1;
	return take_packet(c, link) == -1 ? -1 : 1;
}

int
read_pcap(struct input *in)
{
	uint8_t head[24];
	struct capture c;
	uint64_t unit;
	int r = start(&c, in);

	in->info->format = INPUT_PCAP;
	if (r == 0 && (r = get(&c, head, sizeof(head))) == 1) {
		c.swapped = u32(&c, head) != 0xa1b2c3d4 &&
		    u32(&c, head) != 0xa1b23c4d;
		unit = u32(&c, head) == 0xa1b23c4d ? 1 : 1000;
		do
			r = pcap_packet(&c, unit, u32(&c, head + 20) & 0xffff);
		while (r == 1);
		r = finish(&c, r);
	}
	stop(&c);
	return r;
}

/* --- pcapng --- */

/* if_tsresol: a power of ten, or with the highest bit of two. */
static uint64_t
resolution(uint8_t v)
{
	uint64_t n = 1;
	unsigned i;

	if (v & 0x80)
		return (v & 0x7f) < 63 ? UINT64_C(1) << (v & 0x7f) : 0;
	for (i = 0; i < v && i < 19; i++)
		n *= 10;
	return v < 19 ? n : 0;
}

static void
interface_option(const struct capture *c, struct interface *f, uint16_t code,
    const uint8_t *v, uint16_t len)
{
	uint64_t high, low;

	if (code == 9 && len == 1)
		f->per_second = resolution(v[0]);
	if (code == 14 && len == 8) {
		high = u32(c, c->swapped ? v : v + 4);
		low = u32(c, c->swapped ? v + 4 : v);
		f->offset = (int64_t)(high << 32 | low);
	}
}

static int
interface_block(struct capture *c, const uint8_t *b, size_t len)
{
	struct interface *f = &c->interface[c->ninterfaces];
	uint16_t code, n;
	size_t i;

	if (len < 8 || c->ninterfaces == INTERFACES)
		return fail(c, "an interface that cannot be read");
	c->ninterfaces++;
	*f = (struct interface){ .link = u16(c, b),
		.snaplen = u32(c, b + 4),
		.per_second = 1000000 };
	for (i = 8; i + 4 <= len; i += 4 + ((n + 3u) & ~3u)) {
		code = u16(c, b + i);
		n = u16(c, b + i + 2);
		if (code == 0 || n > len - i - 4)
			break;
		interface_option(c, f, code, b + i + 4, n);
	}
	if (f->per_second == 0)
		return fail(c, "an interface with times that are too fine");
	return 1;
}

static uint64_t
block_time(const struct interface *f, uint64_t t)
{
	uint64_t s = t / f->per_second, rest = t % f->per_second;
	uint64_t ns = (uint64_t)((double)rest * 1e9 / (double)f->per_second);
	int64_t at = (int64_t)(s & INT64_C(0x3ffffffff)) + f->offset;

	if (at < 0 || at > INT64_C(0x3ffffffff))
		at = 0;
	return (uint64_t)at * 1000000000 + ns;
}

/* The packet of a block, which lies at `at` with `len` captured bytes. */
static int
block_packet(struct capture *c, unsigned interface, const uint8_t *b,
    size_t room, uint32_t len)
{
	if (interface >= c->ninterfaces)
		return fail(c, "of an interface that is not known");
	if (len > room)
		return fail(c, "longer than its block");
	c->p.data = b;
	c->p.len = len;
	return take_packet(c, c->interface[interface].link) == -1 ? -1 : 1;
}

static int
enhanced_block(struct capture *c, const uint8_t *b, size_t len, bool old)
{
	uint32_t i;

	c->p.at++;
	if (len < 20)
		return fail(c, "a block that is too short");
	i = old ? u16(c, b) : u32(c, b);
	if (i < c->ninterfaces)
		c->p.ts = block_time(&c->interface[i],
		    (uint64_t)u32(c, b + 4) << 32 | u32(c, b + 8));
	return block_packet(c, i, b + 20, len - 20, u32(c, b + 12));
}

/* Without a time: that of the packet before. */
static int
simple_block(struct capture *c, const uint8_t *b, size_t len)
{
	uint32_t n;

	c->p.at++;
	if (len < 4)
		return fail(c, "a block that is too short");
	n = u32(c, b);
	if (c->ninterfaces > 0 && c->interface[0].snaplen != 0 &&
	    n > c->interface[0].snaplen)
		n = c->interface[0].snaplen;
	return block_packet(c, 0, b + 4, len - 4, n);
}

/* The byte order is in the block itself, behind its length. */
static int
section_block(struct capture *c, uint32_t len)
{
	uint8_t magic[4];
	int r = get(c, magic, 4);

	if (r != 1)
		return r == 0 ? fail(c, "the file ends within a block") : -1;
	c->swapped = false;
	if (u32(c, magic) == 0x4d3c2b1a)
		c->swapped = true;
	else if (u32(c, magic) != 0x1a2b3c4d)
		return fail(c, "a section of unknown byte order");
	if (c->swapped)
		len = __builtin_bswap32(len);
	if (len < 28 || len > INPUT_PACKET)
		return fail(c, "a section that cannot be read");
	c->ninterfaces = 0;
	r = get(c, NULL, len - 12);
	return r == 0 ? fail(c, "the file ends within a block") : r;
}

static int
block_body(struct capture *c, uint32_t type, size_t len)
{
	switch (type) {
	case BLOCK_INTERFACE:
		return interface_block(c, c->buf, len);
	case BLOCK_ENHANCED:
	case BLOCK_OLD:
		return enhanced_block(c, c->buf, len, type == BLOCK_OLD);
	case BLOCK_SIMPLE:
		return simple_block(c, c->buf, len);
	default:
		return 1;
	}
}

static int
block(struct capture *c)
{
	uint8_t head[8];
	uint32_t type, len, same;
	bool wanted;
	int r;

	if ((r = get(c, head, sizeof(head))) != 1)
		return r;
	type = u32(c, head);
	same = u32(c, head + 4);
	if (type == BLOCK_SECTION) {
		memcpy(&len, head + 4, 4);
		return section_block(c, len);
	}
	if (same < 12 || same % 4 != 0)
		return fail(c, "a block of a length that cannot be");
	wanted = type == BLOCK_INTERFACE || type == BLOCK_ENHANCED ||
	    type == BLOCK_OLD || type == BLOCK_SIMPLE;
	len = same - 12;
	if (wanted && len > INPUT_PACKET)
		return fail(c, "a block longer than 1 MiB");
	/* What is not wanted may have any size. */
	if ((len > 0 && (r = get(c, wanted ? c->buf : NULL, len)) != 1) ||
	    (r = get(c, head, 4)) != 1)
		return r == 0 ? fail(c, "the file ends within a block") : -1;
	if (u32(c, head) != same)
		return fail(c, "a block with two lengths");
	return block_body(c, type, len);
}

int
read_pcapng(struct input *in)
{
	struct capture c;
	int r = start(&c, in);

	in->info->format = INPUT_PCAPNG;
	if (r == 0) {
		do
			r = block(&c);
		while (r == 1);
		r = finish(&c, r);
	}
	stop(&c);
	return r;
}
