/*
 * The message cutter.  A line that lies whole in a chunk is given out from
 * there; only what is left at a chunk's end is copied, and the copy is given
 * back with the line, so that an idle session holds no buffer.
 *
 * Between calls: a half-read line exists when start != off, `len` of its
 * off - start bytes are kept, and while `lost` there is none.
 */
#include <stdlib.h>
#include <string.h>

#include "common/line.h"

/* Where lines go, and the times that they get. */
struct out {
	line_cb *cb;
	void *arg;
};

static void
drop_buffer(struct line_cut *c)
{
	free(c->buf);
	c->buf = NULL;
	c->len = c->cap = 0;
}

void
line_init(struct line_cut *c, uint64_t offset)
{
	memset(c, 0, sizeof(*c));
	c->off = c->start = c->saved_off = c->saved_start = offset;
}

void
line_clear(struct line_cut *c)
{
	drop_buffer(c);
	c->start = c->off;
}

static bool
is_blank(const uint8_t *s, size_t len)
{
	size_t i = 0;

	while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r'))
		i++;
	return i == len;
}

/* Give out the line from start to end, of which `kept` bytes are at data. */
static void
give(struct line_cut *c, const uint8_t *data, size_t kept, uint64_t end,
    unsigned int flags, const struct out *out)
{
	bool has_lf = !(flags & (LINE_BROKEN | LINE_NO_NEWLINE));
	struct line l = { .data = data,
		.len = kept,
		.start = c->start,
		.end = end,
		.size = end - c->start,
		.ts_recv = c->ts_recv,
		.ts_fwd = c->ts_fwd };

	if (l.size - has_lf > kept)
		flags |= LINE_TRUNCATED;
	else if (has_lf && kept > 0 && data[kept - 1] == '\r')
		flags |= LINE_CR;
	if (!(flags & LINE_TRUNCATED) && is_blank(data, kept))
		flags |= LINE_BLANK;
	if (c->after_gap)
		flags |= LINE_AFTER_GAP;
	l.flags = flags;
	c->after_gap = false;
	c->n.lines++;
	c->n.truncated += (flags & LINE_TRUNCATED) != 0;
	out->cb(out->arg, &l);
}

static int
grow(struct line_cut *c, uint32_t need)
{
	uint32_t cap = c->cap ? c->cap : 256;
	uint8_t *buf;

	if (need <= c->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	if ((buf = realloc(c->buf, cap)) == NULL)
		return -1;
	c->buf = buf;
	c->cap = cap;
	return 0;
}

/* Keep what fits of n more bytes of the half-read line. */
static int
append(struct line_cut *c, const uint8_t *s, size_t n)
{
	if (n > LINE_KEEP - c->len)
		n = LINE_KEEP - c->len;
	if (n == 0)
		return 0;
	if (grow(c, c->len + (uint32_t)n) == -1)
		return -1;
	memcpy(c->buf + c->len, s, n);
	c->len += (uint32_t)n;
	return 0;
}

/* Forget the half-read line, and all before `to`, for want of memory. */
static void
forget(struct line_cut *c, uint64_t to)
{
	c->n.skipped += to - c->start;
	c->n.gaps++;
	c->after_gap = true;
	c->off = c->start = to;
	drop_buffer(c);
}

/* Bytes up to `to` never came. */
static void
gap(struct line_cut *c, uint64_t to, const struct out *out)
{
	if (c->start != c->off)
		give(c, c->buf, c->len, c->off, LINE_BROKEN, out);
	c->n.gaps++;
	c->n.gap_bytes += to - c->off;
	c->off = c->start = to;
	c->lost = c->after_gap = true;
	drop_buffer(c);
}

/* Behind a gap: nothing counts before the next LF.  Returns bytes taken. */
static size_t
resync(struct line_cut *c, const uint8_t *s, size_t n)
{
	const uint8_t *lf = memchr(s, '\n', n);

	if (lf != NULL) {
		n = (size_t)(lf - s) + 1;
		c->lost = false;
	}
	c->n.skipped += n;
	c->off += n;
	c->start = c->off;
	return n;
}

/* One line of n bytes before its LF is complete.  -1: it had to be dropped. */
static int
complete(struct line_cut *c, const uint8_t *s, size_t n, const struct out *out)
{
	uint64_t end = c->off + n + 1;

	if (c->start == c->off) {
		give(c, s, n < LINE_KEEP ? n : LINE_KEEP, end, 0, out);
	} else if (append(c, s, n) == 0) {
		give(c, c->buf, c->len, end, 0, out);
	} else {
		forget(c, end);
		return -1;
	}
	c->off = c->start = end;
	if (c->buf != NULL)
		drop_buffer(c);
	return 0;
}

/* The bytes behind the last LF of a chunk. */
static int
begin_next(struct line_cut *c, const uint8_t *s, size_t n)
{
	if (append(c, s, n) == -1) {
		forget(c, c->off + n);
		c->lost = true;
		return -1;
	}
	c->off += n;
	return 0;
}

static int
cut(struct line_cut *c, const uint8_t *s, size_t n, const struct out *out)
{
	const uint8_t *lf, *end = s + n;
	int ret = 0;

	if (c->lost)
		s += resync(c, s, n);
	while (s < end) {
		lf = memchr(s, '\n', (size_t)(end - s));
		if (lf == NULL)
			return begin_next(c, s, (size_t)(end - s)) | ret;
		ret |= complete(c, s, (size_t)(lf - s), out);
		s = lf + 1;
	}
	return ret;
}

int
line_feed(struct line_cut *c, const struct line_chunk *ch, line_cb *cb,
    void *arg)
{
	const struct out out = { cb, arg };
	size_t skip = 0;

	if (ch->offset > c->off)
		gap(c, ch->offset, &out);
	else if (c->off - ch->offset >= ch->len)
		skip = ch->len;
	else
		skip = (size_t)(c->off - ch->offset);
	c->n.dup_bytes += skip;
	if (skip == ch->len)
		return 0;
	c->ts_recv = ch->ts_recv;
	c->ts_fwd = ch->ts_fwd;
	return cut(c, (const uint8_t *)ch->data + skip, ch->len - skip, &out);
}

void
line_finish(struct line_cut *c, uint64_t end, line_cb *cb, void *arg)
{
	const struct out out = { cb, arg };

	if (end > c->off)
		gap(c, end, &out);
	if (c->start != c->off)
		give(c, c->buf, c->len, c->off, LINE_NO_NEWLINE, &out);
	line_clear(c);
}

void
line_export(const struct line_cut *c, struct line_state *st)
{
	*st = (struct line_state){ .off = c->off,
		.start = c->start,
		.ts_recv = c->ts_recv,
		.ts_fwd = c->ts_fwd,
		.lost = c->lost,
		.after_gap = c->after_gap,
		.fresh = true,
		.add = c->buf,
		.add_len = c->len,
		.len = c->len };
}

bool
line_unsaved(const struct line_cut *c, struct line_state *st)
{
	line_export(c, st);
	if (c->start == c->saved_start) {
		st->fresh = false;
		st->add_len -= c->saved_len;
		if (st->add_len > 0)
			st->add += c->saved_len;
	}
	/* Nothing else changes without one of these. */
	return c->off != c->saved_off || c->start != c->saved_start;
}

void
line_mark(struct line_cut *c)
{
	c->saved_off = c->off;
	c->saved_start = c->start;
	c->saved_len = c->len;
}

static bool
makes_sense(const struct line_state *st)
{
	uint64_t kept = st->off - st->start;

	if (st->start > st->off || (st->lost && st->start != st->off))
		return false;
	if (kept > LINE_KEEP)
		kept = LINE_KEEP;
	return st->add_len == kept &&
	    (kept == 0 || memchr(st->add, '\n', kept) == NULL);
}

int
line_import(struct line_cut *c, const struct line_state *st)
{
	line_init(c, st->off);
	if (!makes_sense(st) || append(c, st->add, st->add_len) == -1) {
		c->lost = c->after_gap = true;
		return -1;
	}
	c->start = st->start;
	c->ts_recv = st->ts_recv;
	c->ts_fwd = st->ts_fwd;
	c->lost = st->lost;
	c->after_gap = st->after_gap;
	line_mark(c);
	return 0;
}
