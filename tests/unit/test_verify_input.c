/*
 * What verify reads: transcripts, messages of HashScope, packets in every
 * kind of frame; files that end too early, and files of anything.
 */
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/line.h"
#include "hashscopectl/verify_input.h"

#define SYN 0x02
#define ACK 0x10
#define FIN 0x01
#define RST 0x04

/* A file in the making. */
struct file {
	uint8_t b[1 << 20];
	size_t len;
};

/* What came of it, a line each: "session from flags text\n". */
struct got {
	char text[65536];
	size_t len;
	unsigned ends;
	int answer; /* of the handler */
	uint64_t ts, ts_fwd, id, at;
	struct input_info info;
	char error[INPUT_ERROR];
};

static struct file file;
static struct got got;

static void
put(const void *data, size_t len)
{
	assert_true(len <= sizeof(file.b) - file.len);
	memcpy(file.b + file.len, data, len);
	file.len += len;
}

static void
put_text(const char *s)
{
	put(s, strlen(s));
}

static int
on_line(void *arg, const struct input_line *l)
{
	struct got *g = arg;
	int n;

	n = snprintf(g->text + g->len, sizeof(g->text) - g->len,
	    "%s %u%s%s%s %.*s\n", l->session, l->from,
	    l->flags & LINE_AFTER_GAP ? " gap" : "",
	    l->flags & LINE_NO_NEWLINE ? " end" : "",
	    l->flags & LINE_TRUNCATED ? " cut" : "",
	    l->len > 100 ? 100 : (int)l->len, (const char *)l->data);
	assert_true(n > 0 && (size_t)n < sizeof(g->text) - g->len);
	g->len += (size_t)n;
	g->ts = l->ts;
	g->ts_fwd = l->ts_fwd;
	g->id = l->id;
	g->at = l->at;
	return g->answer;
}

static void
on_end(void *arg, const char *session)
{
	struct got *g = arg;

	assert_true(session[0] != '\0');
	g->ends++;
}

/* Reads n bytes of the file that was made. */
static int
read_some(size_t n)
{
	struct input_handler h = { .line = on_line,
		.end = on_end,
		.arg = &got };
	char path[32];
	int fd = memfd_create("file", MFD_CLOEXEC), r, answer = got.answer;

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, file.b, n), (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(&got, 0, sizeof(got));
	got.answer = answer;
	r = input_read(path, &h, &got.info, got.error);
	close(fd);
	assert_int_equal(r == -1, got.error[0] != '\0');
	return r;
}

static int
read_all(void)
{
	return read_some(file.len);
}

static int
reset(void **state)
{
	file.len = 0;
	memset(&got, 0, sizeof(got));
	return 0;
}

static void
assert_read(const char *want)
{
	if (read_all() == -1)
		fail_msg("%s", got.error);
	assert_string_equal(got.text, want);
}

static void
assert_error(const char *want)
{
	assert_int_equal(read_all(), -1);
	if (strstr(got.error, want) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", got.error, want);
}

/* --- transcripts --- */

#define T(t, session, dir, bytes)                                   \
	"{\"t\":" t ",\"session\":" session ",\"direction\":\"" dir \
	"\",\"bytes\":\"" bytes "\"}\n"
#define UP   "miner_to_pool"
#define DOWN "pool_to_miner"

static void
test_transcript(void **state)
{
	put_text(T("0.5", "1", UP, "one\\ntw") T("1", "2", DOWN, "three\\r\\n")
		T("1.5", "1", UP, "o\\n\\n")
		    T("2", "1", DOWN, "\\u00ff\303\251"));
	assert_read("1 0 one\n2 1 three\r\n1 0 two\n1 1 end \377\351\n");
	assert_int_equal(got.ts, 2000000000);
	assert_int_equal(got.at, 4);
	assert_int_equal(got.ends, 2);
	assert_int_equal(got.info.format, INPUT_TRANSCRIPT);
	assert_int_equal(got.info.items, 4);
	assert_false(got.info.absolute);
}

static void
test_transcript_as_array(void **state)
{
	put_text(" \n[" T("0", "\"a b\"", UP, "x\\n") "," T("0", "\"a b\"",
	    DOWN, "y\\n") "]\n");
	assert_read("a b 0 x\na b 1 y\n");
}

static void
test_transcript_deaf(void **state)
{
	put_text(T("0", "1", UP, "a\\nb\\n") T("0", "2", UP, "c\\n")
		T("0", "1", UP, "d\\n"));
	got.answer = 1;
	assert_read("1 0 a\n2 0 c\n");
}

static void
test_wrong_objects(void **state)
{
	static const struct {
		const char *text, *error;
	} tab[] = {
		{ T("0", "1", UP, "x") "x", ":2: expected an object" },
		{ "{\"t\":1", ":1: the object has no end" },
		{ "\n\n{\"bytes\":tru}", ":3: not valid JSON" },
		{ "{\"a\":1}", ":1: neither a transcript" },
		{ "[" T("0", "1", UP, "x"), ": the array has no end" },
		{ "[" T("0", "1", UP, "x") "]]", "expected an object" },
		{ "[" T("0", "1", UP, "x") ",]", "expected an object" },
		{ "[" T("0", "1", UP, "x") T("0", "1", UP, "x") "]",
		    ":2: expected an object" },
		{ T("0", "1", "up", "x"), ":1: the direction" },
		{ T("-1", "1", UP, "x"), ":1: the time t" },
		{ T("1e300", "1", UP, "x"), ":1: the time t" },
		{ T("\"1\"", "1", UP, "x"), ":1: the time t" },
		{ T("0", "[1]", UP, "x"), ":1: the session" },
		{ T("0", "1", UP, "\\u0100"), ":1: bytes is missing or not" },
		{ T("0", "1", UP, "x") "{\"t\":0,\"direction\":\"" UP "\"}",
		    ":2: bytes" },
	};
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		reset(NULL);
		put_text(tab[i].text);
		assert_error(tab[i].error);
	}
}

/* What came before an error is handed over. */
static void
test_transcript_cut(void **state)
{
	put_text(T("0", "1", UP, "a\\n") "{\"t\":0,");
	assert_error(":2: the object has no end");
	assert_string_equal(got.text, "1 0 a\n");
}

static void
test_huge_object(void **state)
{
	static const char tail[] = "\"}";
	char path[] = "/tmp/test_verify_input.XXXXXX";
	struct input_handler h = { .line = on_line,
		.end = on_end,
		.arg = &got };
	int fd = mkstemp(path), i;

	put_text("{\"bytes\":\"");
	assert_int_equal(write(fd, file.b, file.len), (ssize_t)file.len);
	memset(file.b, 'x', sizeof(file.b));
	for (i = 0; i < 5; i++)
		assert_int_equal(write(fd, file.b, sizeof(file.b)),
		    (ssize_t)sizeof(file.b));
	assert_int_equal(write(fd, tail, 2), 2);
	close(fd);
	assert_int_equal(input_read(path, &h, &got.info, got.error), -1);
	unlink(path);
	assert_non_null(strstr(got.error, ":1: the object is longer than"));
}

/* --- HashScope's messages --- */

#define M(id, session, dir, more)                                         \
	"{\"id\":\"" id "\",\"ts_recv\":\"2026-11-21T12:00:00.000001Z\"," \
	"\"ts_fwd\":\"2026-11-21T12:00:00.000003Z\",\"direction\":\"" dir \
	"\",\"session_id\":\"" session "\"," more "}"
#define RAW(s) "\"raw\":\"" s "\",\"raw_encoding\":\"utf8\""

static void
test_messages(void **state)
{
	/* Newest first, as `show messages' has them. */
	put_text("[" M("30", "s", DOWN, RAW("{\\\"a\\\":3}")) ",\n" M("20", "s",
	    "hashscope_to_pool",
	    "\"decoded\":{\"raw\":[1,{\"x\":\"}\"}]}," RAW("two")) ",\n" M("10",
	    "s", UP,
	    "\"raw\":\"b25lAP8=\",\"raw_encoding\":\"base64\","
	    "\"after_gap\":true") "\n]\n");
	assert_int_equal(read_all(), 0);
	assert_string_equal(got.text,
	    "s 0 gap one\n" /* and a NUL, and 0xff */
	    "s 0 two\ns 1 {\"a\":3}\n");
	assert_int_equal(got.id, 30);
	assert_int_equal(got.at, 1);
	assert_int_equal(got.ts, INT64_C(1795262400000001000));
	assert_int_equal(got.ts_fwd, INT64_C(1795262400000003000));
	assert_true(got.info.absolute);
	assert_int_equal(got.info.gaps, 1);
	assert_int_equal(got.info.format, INPUT_HASHSCOPE);
}

/* monitor: one a line, in order; more of them than one buffer holds. */
static void
test_messages_in_order(void **state)
{
	char object[512];
	int i;

	for (i = 1; i <= 900; i++) {
		snprintf(object, sizeof(object),
		    M("%d", "s", UP, RAW("m")) "\n", i);
		put_text(object);
	}
	assert_int_equal(read_all(), 0);
	assert_int_equal(got.len, 900 * strlen("s 0 m\n"));
	assert_int_equal(got.at, 900);
	assert_int_equal(got.info.items, 900);
}

static void
test_messages_twice(void **state)
{
	put_text(M("2", "s", UP, RAW("b")) M("1", "s", UP, RAW("a"))
		M("2", "s", UP, RAW("b")) M("2", "t", UP, RAW("c")));
	assert_int_equal(read_all(), 0);
	assert_int_equal(got.len, strlen("s 0 a\ns 0 b\nt 0 c\n"));
}

static void
test_wrong_messages(void **state)
{
	static const struct {
		const char *text, *error;
	} tab[] = {
		{ M("0", "s", UP, RAW("x")), ":1: the message's id" },
		{ M("x", "s", UP, RAW("x")), ":1: the message's id" },
		{ M("99999999999999999999", "s", UP, RAW("x")),
		    ":1: the message's id" },
		{ M("1", "", UP, RAW("x")), ":1: session_id" },
		{ M("1", "s", "x", RAW("x")), ":1: the direction" },
		{ M("1", "s", UP, "\"raw\":1,\"raw_encoding\":\"utf8\""),
		    ":1: raw" },
		{ M("1", "s", UP, "\"raw\":\"?\",\"raw_encoding\":\"base64\""),
		    ":1: raw" },
		{ M("1", "s", UP, "\"raw\":\"\",\"raw_encoding\":\"hex\""),
		    ":1: raw" },
		{ M("1", "s", UP, RAW("x") ",\"ts_recv\":\"yesterday\""),
		    ":1: id or ts_recv" },
		{ M("1", "s", UP,
		      RAW("x") ",\"ts_recv\":"
			       "\"2026-13-21T12:00:00Z\""),
		    ":1: id or ts_recv" },
	};
	size_t i;

	for (i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		reset(NULL);
		put_text(tab[i].text);
		assert_error(tab[i].error);
	}
}

static void
test_messages_cut(void **state)
{
	put_text(
	    "[" M("2", "s", UP, RAW("b")) "," M("1", "s", UP, RAW("a")) ",{");
	assert_error("the object has no end");
	assert_string_equal(got.text, "s 0 a\ns 0 b\n");
}

/* --- packets --- */

static void
put16(unsigned v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, 2);
}

static void
put32(uint32_t v)
{
	put16(v >> 16);
	put16(v & 0xffff);
}

static void
pcap_head(unsigned link)
{
	put32(0xa1b2c3d4);
	put32(0x00020004);
	put32(0);
	put32(0);
	put32(262144);
	put32(link);
}

struct seg {
	bool from_pool;
	uint8_t flags;
	uint32_t seq;
	const char *text;
	bool v6;
	unsigned cut; /* bytes that were not captured */
};

static size_t
ip_len(const struct seg *s)
{
	return (s->v6 ? 40u : 20u) + 20 + strlen(s->text);
}

static void
put_end(const struct seg *s, bool pool)
{
	int i;

	for (i = 0; s->v6 && i < 12; i++)
		put("\xfd", 1);
	put32(pool ? 0x0a000001 : 0x0a000002);
}

static void
put_ip(const struct seg *s)
{
	if (s->v6) {
		put32(0x60000000);
		put16((unsigned)ip_len(s) - 40);
		put16(0x0640);
	} else {
		put16(0x4500);
		put16((unsigned)ip_len(s));
		put32(0);
		put32(0x40060000);
	}
	put_end(s, s->from_pool);
	put_end(s, !s->from_pool);
	put16(s->from_pool ? 3333 : 5000);
	put16(s->from_pool ? 5000 : 3333);
	put32(s->seq);
	put32(0);
	put16(0x5000u | s->flags);
	put16(1000);
	put32(0);
	put(s->text, strlen(s->text) - s->cut);
}

static void
put_frame(unsigned link, unsigned tags, const struct seg *s)
{
	static const uint8_t zero[20];
	unsigned type = s->v6 ? 0x86dd : 0x0800;

	switch (link) {
	case 1:
		put(zero, 12);
		for (; tags > 0; tags--) {
			put16(tags == 2 ? 0x88a8 : 0x8100);
			put16(7);
		}
		put16(type);
		break;
	case 113:
		put(zero, 14);
		put16(type);
		break;
	case 276:
		put16(type);
		put(zero, 18);
		break;
	case 0:
		put32(s->v6 ? 10 : 2);
		break;
	}
	put_ip(s);
}

/* A record of pcap; its length is put in afterwards. */
static void
put_packet(uint32_t seconds, unsigned link, unsigned tags, const struct seg *s)
{
	size_t at;
	uint8_t len[2];

	put32(seconds);
	put32(250000);
	at = file.len;
	put32(0);
	put32(0);
	put_frame(link, tags, s);
	len[0] = (uint8_t)((file.len - at - 8) >> 8);
	len[1] = (uint8_t)(file.len - at - 8);
	memcpy(file.b + at + 2, len, 2);
	memcpy(file.b + at + 6, len, 2);
}

static void
segments(const struct seg *s, size_t n)
{
	size_t i;

	pcap_head(1);
	for (i = 0; i < n; i++)
		put_packet((uint32_t)i + 1, 1, 0, &s[i]);
}

#define FLOW "10.0.0.2:5000-10.0.0.1:3333#1"
#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
test_links(void **state)
{
	static const struct {
		unsigned link, tags;
	} tab[] = { { 1, 0 }, { 1, 1 }, { 1, 2 }, { 101, 0 }, { 113, 0 },
		{ 276, 0 }, { 0, 0 }, { 228, 0 }, { 12, 0 } };
	size_t i;
	int v6;

	for (i = 0; i < 2 * N(tab); i++) {
		v6 = i % 2 != 0;
		reset(NULL);
		pcap_head(tab[i / 2].link);
		put_packet(1, tab[i / 2].link, tab[i / 2].tags,
		    &(struct seg){ .flags = SYN,
			.seq = 99,
			.text = "",
			.v6 = v6 });
		put_packet(2, tab[i / 2].link, tab[i / 2].tags,
		    &(struct seg){ .seq = 100, .text = "hi\n", .v6 = v6 });
		put_packet(3, tab[i / 2].link, tab[i / 2].tags,
		    &(struct seg){ .from_pool = true,
			.seq = 7,
			.v6 = v6,
			.text = "{}\n" });
		assert_int_equal(read_all(), 0);
		assert_non_null(strstr(got.text, "#1 2 hi\n"));
		assert_non_null(strstr(got.text, "#1 3 {}\n"));
		assert_int_equal(got.ts, UINT64_C(3250000000));
		assert_int_equal(got.at, 3);
		assert_int_equal(got.ends, 1);
		assert_int_equal(got.info.skipped, 0);
	}
}

static void
test_unknown_link(void **state)
{
	pcap_head(147);
	put_packet(1, 147, 0, &(struct seg){ .text = "" });
	assert_error("link type 147");
}

static void
test_order(void **state)
{
	static const struct seg s[] = {
		{ .flags = SYN, .seq = 0xfffffffe, .text = "" },
		{ .from_pool = true,
		    .flags = SYN | ACK,
		    .seq = 499,
		    .text = "" },
		{ .seq = 2, .text = "d\nef" },        /* early */
		{ .seq = 0xffffffff, .text = "ab" },  /* over the end */
		{ .seq = 0xffffffff, .text = "abc" }, /* again, and more */
		{ .from_pool = true, .seq = 500, .text = "p\n" },
		{ .seq = 2, .text = "d\nef" }, /* again */
		{ .seq = 6, .text = "g\n" },
		{ .from_pool = true, .flags = FIN, .seq = 502, .text = "q" },
		{ .flags = FIN, .seq = 8, .text = "" },
		{ .flags = FIN, .seq = 8, .text = "" },
	};

	segments(s, N(s));
	assert_read(
	    FLOW " 2 abcd\n" FLOW " 3 p\n" FLOW " 2 efg\n" FLOW " 3 end q\n");
	assert_int_equal(got.ends, 1);
	assert_int_equal(got.info.gaps, 0);
}

static void
test_lost_packet(void **state)
{
	static const struct seg s[] = {
		{ .flags = SYN, .seq = 0, .text = "" },
		{ .seq = 1, .text = "a\nb" },
		{ .seq = 9, .text = "x\ny\n" },
		{ .flags = RST, .seq = 13, .text = "" },
	};

	segments(s, N(s));
	assert_read(FLOW " 2 a\n" FLOW " 2 b\n" FLOW " 2 gap y\n");
	assert_int_equal(got.info.gaps, 1);
	assert_int_equal(got.ends, 1);
}

/* The end of a packet was not captured: that is a gap. */
static void
test_short_packet(void **state)
{
	static const struct seg s[] = {
		{ .flags = SYN, .seq = 0, .text = "" },
		{ .seq = 1, .text = "a\nbcd\n", .cut = 2 },
		{ .seq = 7, .text = "e\nf\n" },
	};

	segments(s, N(s));
	assert_read(FLOW " 2 a\n" FLOW " 2 bc\n" FLOW " 2 gap f\n");
}

/* More than the bound waits: it goes on behind the hole. */
static void
test_early_bound(void **state)
{
	char text[8];
	struct seg s = { .text = text };
	uint32_t i;

	pcap_head(1);
	put_packet(0, 1, 0, &(struct seg){ .flags = SYN, .text = "" });
	for (i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "%03u\n", i);
		s.seq = 100 + 4 * i;
		put_packet(1, 1, 0, &s);
	}
	assert_int_equal(read_all(), 0);
	/* The first is behind the gap, whose end is at its LF. */
	assert_memory_equal(got.text, FLOW " 2 gap 001\n",
	    strlen(FLOW " 2 gap 001\n"));
	assert_non_null(strstr(got.text, "299"));
	assert_int_equal(got.info.gaps, 1);
}

static void
test_begins_within(void **state)
{
	static const struct seg s[] = {
		{ .seq = 50, .text = "rest\nwhole\n" },
		{ .from_pool = true, .seq = 90, .text = "{\"id\":1}\n" },
	};

	segments(s, N(s));
	assert_read(FLOW " 2 gap whole\n" FLOW " 3 {\"id\":1}\n");
}

/* The same ports, one connection after the other. */
static void
test_ports_again(void **state)
{
	static const struct seg s[] = {
		{ .flags = SYN, .seq = 10, .text = "" },
		{ .seq = 11, .text = "a\nb" },
		{ .flags = SYN, .seq = 9000, .text = "" },
		{ .flags = SYN, .seq = 9000, .text = "" },
		{ .seq = 9001, .text = "c\n" },
		{ .flags = RST, .seq = 9003, .text = "" },
		{ .seq = 9003, .text = "late\n" },
	};

	segments(s, N(s));
	assert_read(FLOW " 2 a\n" FLOW " 2 end b\n"
			 "10.0.0.2:5000-10.0.0.1:3333#2 2 c\n");
	assert_int_equal(got.ends, 2);
}

static void
test_not_tcp(void **state)
{
	struct seg s = { .seq = 1, .text = "x\n" };
	size_t at;

	pcap_head(1);
	at = file.len;
	put_packet(1, 1, 0, &s);
	file.b[at + 16 + 14 + 9] = 17; /* UDP */
	at = file.len;
	put_packet(1, 1, 0, &s);
	file.b[at + 16 + 14 + 7] = 1; /* a fragment */
	at = file.len;
	put_packet(1, 1, 0, &s);
	file.b[at + 16 + 14 + 20 + 12] = 0x10; /* a header of 4 bytes */
	assert_read("");
	assert_int_equal(got.info.skipped, 3);
}

/* --- pcapng --- */

static void
le32(uint32_t v)
{
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
		(uint8_t)(v >> 24) };

	put(b, 4);
}

static size_t
block_begin(uint32_t type)
{
	size_t at = file.len;

	le32(type);
	le32(0);
	return at;
}

static void
block_end(size_t at)
{
	uint32_t len;
	size_t end;

	while (file.len % 4 != 0)
		put("", 1);
	len = (uint32_t)(file.len - at) + 4;
	le32(len);
	end = file.len;
	file.len = at + 4;
	le32(len);
	file.len = end;
}

static void
ng_head(unsigned link, int resolution)
{
	size_t at = block_begin(0x0a0d0d0a);

	le32(0x1a2b3c4d);
	le32(1);
	le32(UINT32_MAX);
	le32(UINT32_MAX);
	block_end(at);
	at = block_begin(1);
	le32(link);
	le32(0);
	if (resolution >= 0) {
		le32(1 << 16 | 9);
		le32((uint32_t)resolution);
		le32(0);
	}
	block_end(at);
}

static void
ng_packet(uint32_t interface, uint64_t t, const struct seg *s)
{
	size_t at = block_begin(6), start;
	uint32_t n;

	le32(interface);
	le32((uint32_t)(t >> 32));
	le32((uint32_t)t);
	le32(0);
	le32(0);
	start = file.len;
	put_frame(1, 0, s);
	n = (uint32_t)(file.len - start);
	file.len = start - 8;
	le32(n);
	le32(n);
	file.len = start + n;
	block_end(at);
}

static void
test_pcapng(void **state)
{
	static const struct seg syn = { .flags = SYN, .seq = 0, .text = "" };
	static const struct seg a = { .seq = 1, .text = "a\n" };
	static const struct seg b = { .seq = 3, .text = "b\n" };
	size_t at, start;
	uint32_t n;

	ng_head(1, 9);
	ng_packet(0, UINT64_C(7000000001), &syn);
	at = block_begin(0x0bad); /* is skipped */
	put_text("whatever it is");
	block_end(at);
	ng_packet(0, UINT64_C(8000000001), &a);
	at = block_begin(3); /* a simple one, without a time */
	le32(0);
	start = file.len;
	put_frame(1, 0, &b);
	n = (uint32_t)(file.len - start);
	file.len = start - 4;
	le32(n);
	file.len = start + n;
	block_end(at);
	assert_read(FLOW " 2 a\n" FLOW " 2 b\n");
	assert_int_equal(got.ts, UINT64_C(8000000001));
	assert_int_equal(got.at, 3);
	assert_int_equal(got.info.format, INPUT_PCAPNG);
}

static void
test_pcapng_resolutions(void **state)
{
	static const struct {
		int resolution;
		uint64_t t, ns;
	} tab[] = {
		{ -1, 3500000, 3500000000 },
		{ 6, 3500000, 3500000000 },
		{ 3, 3500, 3500000000 },
		{ 0x80 | 1, 7, 3500000000 },
	};
	size_t i;

	for (i = 0; i < N(tab); i++) {
		reset(NULL);
		ng_head(1, tab[i].resolution);
		ng_packet(0, tab[i].t, &(struct seg){ .text = "{}\n" });
		assert_int_equal(read_all(), 0);
		assert_int_equal(got.ts, tab[i].ns);
	}
}

static void
test_wrong_pcapng(void **state)
{
	static const struct seg s = { .text = "{}\n" };
	size_t at;

	ng_head(1, -1);
	ng_packet(7, 0, &s);
	assert_error("packet 1: of an interface that is not known");
	reset(NULL);
	ng_head(1, 0xff);
	assert_error("too fine");
	reset(NULL);
	ng_head(1, -1);
	at = file.len;
	ng_packet(0, 0, &s);
	file.b[at + 8 + 12] = 0xff; /* captured: more than is there */
	assert_error("packet 1: longer than its block");
	reset(NULL);
	ng_head(1, -1);
	at = file.len;
	ng_packet(0, 0, &s);
	file.b[file.len - 4]++;
	assert_error("two lengths");
	reset(NULL);
	ng_head(1, -1);
	file.b[4] = 3;
	assert_error("a section that cannot be read");
}

/* --- anything --- */

static void
test_not_a_format(void **state)
{
	static const char *const text[] = { "x", "hello world", "\n\n",
		"\177ELF", "\037\213", "\xd4\xc3", "\"{}\"", "1" };
	size_t i;

	for (i = 0; i < N(text); i++) {
		reset(NULL);
		put_text(text[i]);
		assert_error("is neither a transcript nor");
	}
	reset(NULL);
	assert_error("is empty");
}

/* Each file cut at each byte: an error or fewer lines, never more. */
static void
cut_everywhere(void)
{
	static char whole[sizeof(got.text)];
	size_t n;

	assert_int_equal(read_all(), 0);
	strcpy(whole, got.text);
	for (n = 0; n < file.len; n++) {
		read_some(n);
		assert_true(got.len <= strlen(whole) + 8);
	}
}

static void
test_cut_everywhere(void **state)
{
	static const struct seg s[] = {
		{ .flags = SYN, .seq = 0, .text = "" },
		{ .seq = 3, .text = "b\n" },
		{ .seq = 1, .text = "a\n" },
	};

	put_text("[" T("0", "1", UP, "x\\n") "," T("0", "1", UP, "y\\n") "]");
	cut_everywhere();
	reset(NULL);
	put_text(M("2", "s", UP, RAW("b")) "\n" M("1", "s", UP, RAW("a")));
	cut_everywhere();
	reset(NULL);
	segments(s, N(s));
	cut_everywhere();
	reset(NULL);
	ng_head(1, 9);
	ng_packet(0, 1, &s[0]);
	ng_packet(0, 1, &s[2]);
	cut_everywhere();
}

/* Each byte of a file changed, to this and that: no crash, no end. */
static void
spoil_everywhere(void)
{
	static const uint8_t with[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '}' };
	uint8_t saved;
	size_t i, k;

	for (i = 0; i < file.len; i++) {
		saved = file.b[i];
		for (k = 0; k < sizeof(with); k++) {
			file.b[i] = with[k];
			read_all();
		}
		file.b[i] = saved;
	}
}

static void
test_spoilt_everywhere(void **state)
{
	static const struct seg s[] = {
		{ .flags = SYN, .seq = 0, .text = "" },
		{ .seq = 3, .text = "b\n" },
		{ .seq = 1, .text = "a\n", .v6 = true },
	};

	put_text("[" T("0", "1", UP, "x\\n") "]");
	spoil_everywhere();
	reset(NULL);
	put_text(M("2", "s", UP, RAW("b")) "\n" M("1", "s", UP, RAW("a")));
	spoil_everywhere();
	reset(NULL);
	segments(s, N(s));
	spoil_everywhere();
	reset(NULL);
	ng_head(1, 9);
	ng_packet(0, 1, &s[0]);
	ng_packet(0, 1, &s[2]);
	spoil_everywhere();
}

#define TEST(f) cmocka_unit_test_setup(f, reset)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_transcript),
		TEST(test_transcript_as_array),
		TEST(test_transcript_deaf),
		TEST(test_wrong_objects),
		TEST(test_transcript_cut),
		TEST(test_huge_object),
		TEST(test_messages),
		TEST(test_messages_in_order),
		TEST(test_messages_twice),
		TEST(test_wrong_messages),
		TEST(test_messages_cut),
		TEST(test_links),
		TEST(test_unknown_link),
		TEST(test_order),
		TEST(test_lost_packet),
		TEST(test_short_packet),
		TEST(test_early_bound),
		TEST(test_begins_within),
		TEST(test_ports_again),
		TEST(test_not_tcp),
		TEST(test_pcapng),
		TEST(test_pcapng_resolutions),
		TEST(test_wrong_pcapng),
		TEST(test_not_a_format),
		TEST(test_cut_everywhere),
		TEST(test_spoilt_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
