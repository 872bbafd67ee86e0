/*
 * The message cutter against a simple one that sees the whole stream: every
 * way to cut the samples in two and three, byte by byte, with chunks that come
 * twice, with every gap, and saved and made again between any two chunks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/line.h"

#define MAX_LINES 64

void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);

static bool no_memory;

void *
__wrap_realloc(void *p, size_t n)
{
	return no_memory ? NULL : __real_realloc(p, n);
}

/* Lines as they came, their bytes copied. */
struct got {
	size_t n;
	struct line l[MAX_LINES];
	uint8_t *bytes[MAX_LINES];
};

static void
on_line(void *arg, const struct line *l)
{
	struct got *g = arg;

	assert_true(g->n < MAX_LINES);
	g->l[g->n] = *l;
	g->bytes[g->n] = malloc(l->len + 1);
	assert_non_null(g->bytes[g->n]);
	if (l->len > 0)
		memcpy(g->bytes[g->n], l->data, l->len);
	g->n++;
}

static void
got_clear(struct got *g)
{
	while (g->n > 0)
		free(g->bytes[--g->n]);
}

/* A stream, of which [gap, gap_end) never comes. */
struct sample {
	const char *s;
	size_t len;
	size_t gap, gap_end;
};

static unsigned int
flags_of(const char *s, size_t len, unsigned int flags)
{
	bool lf = !(flags & (LINE_BROKEN | LINE_NO_NEWLINE));
	size_t i = 0;

	while (i < len && strchr(" \t\r", s[i]) != NULL && s[i] != '\0')
		i++;
	if (i == len)
		flags |= LINE_BLANK;
	if (lf && len > 0 && s[len - 1] == '\r')
		flags |= LINE_CR;
	return flags;
}

/* The cutter as one would write it with all bytes at hand. */
static void
expect(const struct sample *p, struct got *g)
{
	bool gapped = p->gap < p->gap_end, after = false;
	size_t at = 0, i;

	memset(g, 0, sizeof(*g));
	for (i = 0; i <= p->len; i++) {
		bool broken = gapped && i == p->gap;
		bool lf = !broken && i < p->len && p->s[i] == '\n';
		struct line l = { .data = (const uint8_t *)p->s + at };

		if (!broken && !lf && i < p->len)
			continue;
		l.len = i - at;
		l.start = at;
		l.end = i + lf;
		l.size = l.end - at;
		l.flags = flags_of(p->s + at, l.len,
		    broken ? LINE_BROKEN :
			lf ? 0 :
			     LINE_NO_NEWLINE);
		l.flags |= after ? LINE_AFTER_GAP : 0;
		if (lf || l.len > 0) {
			on_line(g, &l);
			after = false;
		}
		if (broken) {
			gapped = false;
			after = true;
			for (i = p->gap_end; i < p->len && p->s[i] != '\n';)
				i++;
			if (i == p->len)
				return;
		}
		at = i + 1;
	}
}

static void
check(const struct got *want, const struct got *have)
{
	size_t i;

	assert_int_equal(want->n, have->n);
	for (i = 0; i < want->n; i++) {
		const struct line *w = &want->l[i], *h = &have->l[i];

		assert_int_equal(w->start, h->start);
		assert_int_equal(w->end, h->end);
		assert_int_equal(w->size, h->size);
		assert_int_equal(w->len, h->len);
		assert_int_equal(w->flags, h->flags);
		assert_memory_equal(want->bytes[i], have->bytes[i], w->len);
		/* The times name the chunk: it has the last byte. */
		assert_true(h->ts_recv >= 1000 && h->ts_recv - 1000 < h->end);
		assert_true(h->end <= h->ts_fwd);
	}
}

/* Where the state is saved: appended to, never read while it runs. */
struct store {
	struct line_state st;
	uint8_t bytes[LINE_KEEP];
	size_t len;
};

static void
save(struct line_cut *c, struct store *store)
{
	if (!line_unsaved(c, &store->st))
		return;
	if (store->st.fresh)
		store->len = 0;
	if (store->st.add_len > 0)
		memcpy(store->bytes + store->len, store->st.add,
		    store->st.add_len);
	store->len += store->st.add_len;
	assert_int_equal(store->len, store->st.len);
	line_mark(c);
	assert_false(line_unsaved(c, &store->st));
}

static void
restart(struct line_cut *c, struct store *store)
{
	struct line_count n = c->n;
	struct line_state st;

	save(c, store);
	line_export(c, &st);
	line_clear(c);
	st.add = store->bytes;
	st.add_len = (uint32_t)store->len;
	assert_int_equal(line_import(c, &st), 0);
	assert_false(line_unsaved(c, &st));
	c->n = n;
}

enum {
	PLAIN,
	TWICE,
	OVERLAP,
	RESTART,
	WAYS
};

struct run {
	const struct sample *p;
	int way;
	struct line_cut c;
	struct got g;
	struct store *store;
};

static void
feed(struct run *r, size_t from, size_t to)
{
	uint8_t *exact = malloc(to - from + 1); /* for the sanitizer */
	struct line_chunk ch = { .data = exact,
		.len = to - from,
		.offset = from,
		.ts_recv = from + 1000,
		.ts_fwd = to };

	assert_non_null(exact);
	memcpy(exact, r->p->s + from, to - from);
	assert_int_equal(line_feed(&r->c, &ch, on_line, &r->g), 0);
	free(exact);
	if (r->way == RESTART)
		restart(&r->c, r->store);
}

/* A chunk of the stream, without what lies in the gap. */
static void
chunk(struct run *r, size_t from, size_t to)
{
	const struct sample *p = r->p;
	size_t back = r->way == OVERLAP && from > 2 ? from - 3 : from;

	if (from < p->gap_end && to > p->gap) {
		if (from < p->gap)
			chunk(r, from, p->gap);
		if (to > p->gap_end)
			chunk(r, p->gap_end, to);
		return;
	}
	feed(r, back, to);
	if (r->way == TWICE)
		feed(r, from, to);
}

static void
run_cuts(const struct sample *p, const size_t *cuts, size_t n, int way)
{
	static struct store store;
	struct run r = { .p = p, .way = way, .store = &store };
	struct got want;
	size_t i, at = 0;

	memset(&store.st, 0, sizeof(store.st));
	store.len = 0;
	line_init(&r.c, 0);
	for (i = 0; i < n; at = cuts[i++])
		chunk(&r, at, cuts[i]);
	chunk(&r, at, p->len);
	assert_int_equal(r.c.buf != NULL, r.c.start != r.c.off);
	line_finish(&r.c, p->len, on_line, &r.g);
	expect(p, &want);
	check(&want, &r.g);
	assert_null(r.c.buf);
	assert_int_equal(r.c.n.gaps, p->gap < p->gap_end);
	assert_int_equal(r.c.n.gap_bytes, p->gap_end - p->gap);
	for (i = at = 0; i < r.g.n; i++)
		at += r.g.l[i].size;
	assert_int_equal(at + r.c.n.gap_bytes + r.c.n.skipped, p->len);
	got_clear(&want);
	got_clear(&r.g);
	line_clear(&r.c);
}

static void
run_bytewise(const struct sample *p, int way)
{
	size_t cuts[128], i;

	assert_true(p->len < 128);
	for (i = 0; i < p->len; i++)
		cuts[i] = i;
	run_cuts(p, cuts, p->len, way);
}

static const struct {
	const char *s;
	size_t len;
} samples[] = {
#define S(text)                        \
	{                              \
		text, sizeof(text) - 1 \
	}
	S(""),
	S("\n"),
	S("\r\n\r\n"),
	S("a"),
	S("a\n"),
	S("{\"id\":1}\n{\"id\":2}\n"),
	S("{\"id\":1}\r\n \t\r\n{\"id\":2}\r\nrest"),
	S("a\r"),
	S("a\rb\n\nc\r\n\r"),
	S("\n\n\nx\n\n"),
	S("\0\xff\n\0\0\n\x16\x03\x01"),
	S("first line\nsecond, longer line\nthe third\nno newline"),
};

#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void
test_segments(void **state)
{
	size_t i, cuts[2];
	int way;

	for (i = 0; i < N_SAMPLES; i++) {
		struct sample p = { samples[i].s, samples[i].len, 0, 0 };

		for (way = 0; way < WAYS; way++) {
			run_bytewise(&p, way);
			for (cuts[0] = 0; cuts[0] <= p.len; cuts[0]++)
				for (cuts[1] = cuts[0]; cuts[1] <= p.len;
				     cuts[1]++)
					run_cuts(&p, cuts, 2, way);
		}
	}
}

static void
test_gaps(void **state)
{
	size_t i, cut;
	int way;

	for (i = 0; i < N_SAMPLES; i++) {
		struct sample p = { samples[i].s, samples[i].len, 0, 0 };

		for (p.gap = 0; p.gap < p.len; p.gap++)
			for (p.gap_end = p.gap + 1; p.gap_end <= p.len;
			     p.gap_end++)
				for (way = 0; way < WAYS; way += RESTART) {
					run_bytewise(&p, way);
					for (cut = 0; cut <= p.len; cut++)
						run_cuts(&p, &cut, 1, way);
				}
	}
}

static void
feed_at(struct line_cut *c, struct got *g, uint64_t off, const char *s,
    size_t len)
{
	struct line_chunk ch = { s, len, off, 1, 2 };

	assert_int_equal(line_feed(c, &ch, on_line, g), 0);
}

/* Two gaps in a row, one in the middle of what a third one lost. */
static void
test_gap_in_gap(void **state)
{
	struct line_cut c;
	struct got g = { 0 };

	line_init(&c, 1000);
	feed_at(&c, &g, 1000, "one\ntw", 6);
	feed_at(&c, &g, 1010, "lost", 4);
	feed_at(&c, &g, 1020, "lost too\nthree\n", 15);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.l[1].flags, LINE_BROKEN);
	assert_int_equal(g.l[1].start, 1004);
	assert_int_equal(g.l[1].end, 1006);
	assert_int_equal(g.l[2].flags, LINE_AFTER_GAP);
	assert_int_equal(g.l[2].start, 1029);
	assert_int_equal(c.n.gaps, 2);
	assert_int_equal(c.n.gap_bytes, 4 + 6);
	assert_int_equal(c.n.skipped, 4 + 9);
	/* A chunk from long ago changes nothing. */
	feed_at(&c, &g, 0, "\n\n\n", 3);
	assert_int_equal(g.n, 3);
	assert_int_equal(c.n.dup_bytes, 3);
	got_clear(&g);
	line_clear(&c);
}

/* The end of the stream is known and its last bytes never came. */
static void
test_gap_at_end(void **state)
{
	struct line_cut c;
	struct got g = { 0 };

	line_init(&c, 0);
	feed_at(&c, &g, 0, "one\ntw", 6);
	line_finish(&c, 10, on_line, &g);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.l[1].flags, LINE_BROKEN);
	assert_int_equal(c.n.gap_bytes, 4);
	assert_null(c.buf);
	got_clear(&g);
}

/* Lines around LINE_KEEP, in chunks of several sizes. */
static void
test_long(void **state)
{
	static const size_t sizes[] = { LINE_KEEP - 1, LINE_KEEP, LINE_KEEP + 1,
		3 * LINE_KEEP + 5 };
	static const size_t chunks[] = { 1000, 16384, 65536, 1 << 20 };
	static char s[4 * LINE_KEEP];
	static struct store store;
	size_t i, k, at;

	for (i = 0; i < 4; i++)
		for (k = 0; k < 4; k++) {
			struct sample p = { s, sizes[i] + 3, 0, 0 };
			struct run r = { .p = &p,
				.way = RESTART,
				.store = &store };

			store.len = 0;
			memset(s, 'x', sizes[i]);
			memcpy(s + sizes[i], "\ny\n", 3);
			line_init(&r.c, 0);
			for (at = 0; at < p.len; at += chunks[k])
				chunk(&r, at,
				    at + chunks[k] < p.len ? at + chunks[k] :
							     p.len);
			assert_int_equal(r.g.n, 2);
			assert_int_equal(r.g.l[0].size, sizes[i] + 1);
			assert_int_equal(r.g.l[0].len,
			    sizes[i] < LINE_KEEP ? sizes[i] : LINE_KEEP);
			assert_int_equal(r.g.l[0].flags,
			    sizes[i] > LINE_KEEP ? LINE_TRUNCATED : 0);
			assert_int_equal(r.g.l[1].flags, 0);
			assert_int_equal(r.g.l[1].start, sizes[i] + 1);
			assert_null(r.c.buf);
			got_clear(&r.g);
			line_clear(&r.c);
		}
}

static void
test_import_nonsense(void **state)
{
	static const uint8_t ab[] = "ab", lf[] = "a\n";
	const struct line_state bad[] = {
		{ .off = 5, .start = 6 },
		{ .off = 5, .start = 3, .lost = true, .add = ab, .add_len = 2 },
		{ .off = 5, .start = 4, .add = ab, .add_len = 2 },
		{ .off = 5, .start = 2, .add = ab, .add_len = 2 },
		{ .off = 5, .start = 3, .add = lf, .add_len = 2 },
		{ .off = 1 << 20, .start = 0, .add = ab, .add_len = 2 },
	};
	struct line_cut c;
	struct got g = { 0 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(line_import(&c, &bad[i]), -1);
		assert_true(c.lost);
		feed_at(&c, &g, bad[i].off, "x\ny\n", 4);
		assert_int_equal(g.n, 1);
		assert_int_equal(g.l[0].flags, LINE_AFTER_GAP);
		got_clear(&g);
		line_clear(&c);
	}
}

/* Without memory a line is lost, not the cutter. */
static void
test_no_memory(void **state)
{
	struct line_chunk ch = { "one\ntw", 6, 0, 1, 2 };
	struct line_chunk more = { "o\nthree\n", 8, 6, 1, 2 };
	struct line_cut c;
	struct got g = { 0 };

	line_init(&c, 0);
	no_memory = true;
	assert_int_equal(line_feed(&c, &ch, on_line, &g), -1);
	no_memory = false;
	assert_int_equal(g.n, 1);
	assert_int_equal(line_feed(&c, &more, on_line, &g), 0);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.l[1].flags, LINE_AFTER_GAP);
	assert_int_equal(g.l[1].start, 8);
	assert_int_equal(c.n.skipped, 4);
	got_clear(&g);
	line_clear(&c);
}

/* The same when the line is completed, but cannot be put together. */
static void
test_no_memory_at_end(void **state)
{
	static char rest[1000];
	struct line_chunk more = { rest, sizeof(rest), 6, 1, 2 };
	struct line_cut c;
	struct got g = { 0 };

	memset(rest, 'x', sizeof(rest));
	memcpy(rest + 990, "\nthree\ntw", 9);
	line_init(&c, 0);
	feed_at(&c, &g, 0, "one\ntw", 6);
	no_memory = true;
	assert_int_equal(line_feed(&c, &more, on_line, &g), -1);
	no_memory = false;
	assert_int_equal(g.n, 2);
	assert_int_equal(g.l[1].flags, LINE_AFTER_GAP);
	assert_memory_equal(g.bytes[1], "three", 5);
	assert_true(c.lost && c.buf == NULL);
	got_clear(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_gap_in_gap),
		cmocka_unit_test(test_gap_at_end),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_import_nonsense),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_memory_at_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
