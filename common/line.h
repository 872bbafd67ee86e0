/*
 * The message cutter: the bytes of one direction of one session in, lines
 * out.  It knows nothing of what the lines say.
 *
 * Chunks come with their offset in the stream, so that one that was sent
 * again is recognised and one that is missing is seen: the line that a gap
 * tears is given out as broken, and cutting goes on behind the next LF.
 * Every byte is in exactly one line, or counted as duplicate, gap or skipped.
 *
 * The state is plain and small: no buffer while no line is half read.  It can
 * be saved while it changes (only what was added) and made again from what
 * was saved, at any byte.
 */
#ifndef COMMON_LINE_H
#define COMMON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_KEEP       65536 /* bytes of a line that are kept */

#define LINE_CR         0x01 /* ended in CR LF; the CR is among the bytes */
#define LINE_TRUNCATED  0x02 /* longer than LINE_KEEP, the rest not kept */
#define LINE_NO_NEWLINE 0x04 /* the rest at the end of the stream */
#define LINE_BROKEN     0x08 /* a gap follows; this is what was there */
#define LINE_AFTER_GAP  0x10 /* bytes before it were lost */
#define LINE_BLANK      0x20 /* nothing but blanks, tabs and CR */

/* A chunk of the stream.  Times are nanoseconds, CLOCK_MONOTONIC. */
struct line_chunk {
	const void *data;
	size_t len;
	uint64_t offset;  /* of its first byte in the stream */
	uint64_t ts_recv; /* read */
	uint64_t ts_fwd;  /* sent on; 0: not known yet */
};

struct line {
	const uint8_t *data; /* without the LF; only during the call */
	size_t len;          /* at most LINE_KEEP */
	uint64_t start;      /* offset of its first byte */
	uint64_t end;        /* offset behind its LF, or where it breaks off */
	uint64_t size;       /* end - start: its true length, with the LF */
	uint64_t ts_recv;    /* of the chunk with its last byte */
	uint64_t ts_fwd;
	unsigned int flags; /* LINE_* */
};

typedef void line_cb(void *arg, const struct line *);

struct line_count {
	uint64_t lines;     /* given out, of any kind */
	uint64_t truncated; /* of them longer than LINE_KEEP */
	uint64_t gaps;      /* places where bytes were missing */
	uint64_t gap_bytes; /* bytes that never came */
	uint64_t skipped;   /* came, but behind a gap and before the LF */
	uint64_t dup_bytes; /* came again */
};

/* Make it with line_init() or line_import(); look, but do not write. */
struct line_cut {
	uint64_t off;     /* the next offset that is expected */
	uint64_t start;   /* where the line that is being read begins */
	uint64_t ts_recv; /* of the last chunk that added to it */
	uint64_t ts_fwd;
	uint8_t *buf; /* its bytes, or NULL */
	uint32_t len, cap;
	bool lost;      /* behind a gap, no LF seen yet */
	bool after_gap; /* the next line is the first behind a gap */
	/* What line_mark() last said is saved. */
	uint32_t saved_len;
	uint64_t saved_start, saved_off;
	struct line_count n;
};

/* Begin a stream at this offset (0 unless its beginning is unknown). */
void line_init(struct line_cut *, uint64_t offset);
void line_clear(struct line_cut *);

/*
 * Take one chunk and give out each line that it completes.  -1 only without
 * memory: the line that could not be kept is skipped like one behind a gap,
 * and the cutter stays usable.
 */
int line_feed(struct line_cut *, const struct line_chunk *, line_cb *, void *);

/*
 * The stream has ended at this offset (pass cut->off if it is not known):
 * bytes that never came are a gap, the rest without a newline is given out.
 */
void line_finish(struct line_cut *, uint64_t end, line_cb *, void *);

/*
 * What has to be saved to go on from here later: the plain values, and the
 * bytes of the half-read line.  With `fresh` the line is another than the one
 * that was saved (replace the bytes, maybe by none), else add the bytes to
 * it.  The saved length is then `len` and must be; the true length of the
 * half-read line is off - start.
 */
struct line_state {
	uint64_t off, start, ts_recv, ts_fwd;
	bool lost, after_gap;
	bool fresh;
	const uint8_t *add;
	uint32_t add_len;
	uint32_t len; /* all bytes of the half-read line that are kept */
};

/* The difference to what is marked as saved.  False: nothing to save. */
bool line_unsaved(const struct line_cut *, struct line_state *);
/* All of it: fresh, with all bytes. */
void line_export(const struct line_cut *, struct line_state *);
/* What line_unsaved() said just now is committed. */
void line_mark(struct line_cut *);
/*
 * Make a cutter from what was saved (add, add_len: all bytes) and mark it as
 * saved.  The counters begin at 0.  -1 if the state makes no sense or there
 * is no memory; the cutter is then as line_init(cut, state->off) with `lost`
 * set leaves it.
 */
int line_import(struct line_cut *, const struct line_state *);

#endif
