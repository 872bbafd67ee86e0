/*
 * The line cutter: the first bytes say how the rest is cut into chunks, which
 * come twice, which never, and when the cutter is saved and made again.  No
 * byte may be lost, doubled or torn without being counted.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

struct run {
	const uint8_t *s; /* the whole stream */
	size_t len;
	struct line_cut c;
	uint64_t given; /* bytes in lines */
	uint64_t end;   /* of the last line */
	bool no_more;
	uint8_t saved[LINE_KEEP];
	size_t saved_len;
};

/* The bytes must be those of the stream, and the line must be one. */
static void
on_line(void *arg, const struct line *l)
{
	struct run *r = arg;
	bool lf = !(l->flags & (LINE_BROKEN | LINE_NO_NEWLINE));

	REQUIRE(!r->no_more && l->start >= r->end && l->end <= r->len);
	REQUIRE(l->size == l->end - l->start && l->size > 0);
	REQUIRE(l->len == 0 || memcmp(l->data, r->s + l->start, l->len) == 0);
	REQUIRE(l->len == 0 || memchr(l->data, '\n', l->len) == NULL);
	REQUIRE(!lf || r->s[l->end - 1] == '\n');
	REQUIRE((l->len + lf == l->size) == !(l->flags & LINE_TRUNCATED));
	REQUIRE(l->len == LINE_KEEP || !(l->flags & LINE_TRUNCATED));
	REQUIRE((l->flags & LINE_AFTER_GAP) || l->start == r->end);
	r->end = l->end;
	r->given += l->size;
	r->no_more = (l->flags & LINE_NO_NEWLINE) != 0;
}

static void
save(struct run *r)
{
	struct line_state st;

	if (!line_unsaved(&r->c, &st))
		return;
	if (st.fresh)
		r->saved_len = 0;
	REQUIRE(r->saved_len + st.add_len <= LINE_KEEP);
	if (st.add_len > 0)
		memcpy(r->saved + r->saved_len, st.add, st.add_len);
	r->saved_len += st.add_len;
	REQUIRE(r->saved_len == st.len);
	line_mark(&r->c);
}

static void
restart(struct run *r)
{
	struct line_count n = r->c.n;
	struct line_state st;

	save(r);
	line_export(&r->c, &st);
	REQUIRE(st.len == 0 || memcmp(st.add, r->saved, st.len) == 0);
	line_clear(&r->c);
	st.add = r->saved;
	st.add_len = (uint32_t)r->saved_len;
	REQUIRE(line_import(&r->c, &st) == 0);
	r->c.n = n;
}

static void
feed(struct run *r, size_t at, size_t n)
{
	struct line_chunk ch = { r->s + at, n, at, at, at + n };

	REQUIRE(line_feed(&r->c, &ch, on_line, r) == 0);
}

/* One chunk as its byte says; returns where the next one begins. */
static size_t
step(struct run *r, size_t at, uint8_t op)
{
	size_t n = (op & 31u) + 1, back;

	if (n > 24)
		n = (n - 24) * 5000;
	if (n > r->len - at)
		n = r->len - at;
	back = at < 7 ? at : 7;
	switch (op >> 5) {
	case 0:
		break; /* it never comes */
	case 1:
		feed(r, at, n);
		feed(r, at, n);
		break;
	case 2:
		feed(r, at - back, n + back);
		break;
	case 3:
		feed(r, at, n);
		restart(r);
		break;
	case 4:
		feed(r, at, n);
		save(r);
		break;
	default:
		feed(r, at, n);
	}
	return at + n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	size_t ops = size > 0 ? data[0] % 64u : 0, at = 0, i = 0;

	if (size < ops + 1)
		return 0;
	memset(&r, 0, offsetof(struct run, saved));
	r.saved_len = 0;
	r.s = data + 1 + ops;
	r.len = size - 1 - ops;
	line_init(&r.c, 0);
	while (at < r.len)
		at = step(&r, at, ops > 0 ? data[1 + i++ % ops] : 0xff);
	REQUIRE((r.c.buf != NULL) == (r.c.start != r.c.off));
	line_finish(&r.c, r.len, on_line, &r);
	REQUIRE(r.c.buf == NULL);
	REQUIRE(r.given + r.c.n.gap_bytes + r.c.n.skipped == r.len);
	REQUIRE(r.c.n.gaps > 0 || r.given == r.len);
	line_clear(&r.c);
	return 0;
}
