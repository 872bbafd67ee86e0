/*
 * Segments, records, recovery.
 */
#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nostrd/outbox.h"
#include "nostrd/seqs.h"

#define SEGMENT_MOST  (4u << 20)
#define SEGMENT_LEAST (64u << 10)
#define RECORD_MAX    (1u << 20) /* a head with many sessions */
#define HEAD_BYTES    9          /* u32 length, u32 checksum, u8 type */

struct segment {
	TAILQ_ENTRY(segment) entry;
	uint64_t first, n; /* numbers */
	uint64_t bytes;
	int fd;
};

struct outbox {
	int dir; /* not ours */
	uint64_t max_bytes, bytes;
	TAILQ_HEAD(segments, segment) segments;
	struct seqs seqs;
	uint8_t store[16];
	uint64_t source;
	const struct outbox_ops *ops;
	void *arg;
	struct mbuf out, body;
	uint8_t *in; /* a record being read */
	bool dirty;
};

static struct segment *
last_segment(const struct outbox *b)
{
	return TAILQ_LAST(&b->segments, segments);
}

/* --- records --- */

static uint32_t
checksum(uint8_t type, const uint8_t *p, size_t len)
{
	static uint32_t table[256];
	uint32_t c, i, k;

	if (table[1] == 0)
		for (i = 0; i < 256; i++) {
			for (c = i, k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
			table[i] = c;
		}
	c = ~0u;
	c = table[(c ^ type) & 255] ^ c >> 8;
	while (len-- > 0)
		c = table[(c ^ *p++) & 255] ^ c >> 8;
	return ~c;
}

static void
name_of(uint64_t first, char out[24])
{
	snprintf(out, 24, "%016llx.log", (unsigned long long)first);
}

/* Reads the record at the offset; its whole length, 0 at the end, -1. */
static long
read_record(struct outbox *b, const struct segment *s, uint64_t offset,
    uint8_t *type, struct mcur *c)
{
	uint8_t head[HEAD_BYTES];
	uint32_t len, sum;

	if (offset >= s->bytes)
		return 0;
	if (pread(s->fd, head, sizeof(head), (off_t)offset) != sizeof(head))
		return -1;
	mcur_init(c, head, sizeof(head));
	len = msg_get_u32(c);
	sum = msg_get_u32(c);
	*type = msg_get_u8(c);
	if (len > RECORD_MAX ||
	    pread(s->fd, b->in, len, (off_t)(offset + HEAD_BYTES)) !=
		(ssize_t)len ||
	    checksum(*type, b->in, len) != sum)
		return -1;
	mcur_init(c, b->in, len);
	return (long)(HEAD_BYTES + len);
}

/* Whole, or not at all: a torn one is cut off again. */
static int
append(struct outbox *b, enum outbox_type type)
{
	struct segment *s = last_segment(b);
	ssize_t n;

	if (b->body.bad || b->body.len > RECORD_MAX)
		return -1;
	mbuf_reset(&b->out);
	msg_put_u32(&b->out, (uint32_t)b->body.len);
	msg_put_u32(&b->out,
	    checksum((uint8_t)type, b->body.data, b->body.len));
	msg_put_u8(&b->out, (uint8_t)type);
	msg_put_raw(&b->out, b->body.data, b->body.len);
	if (b->out.bad)
		return -1;
	n = pwrite(s->fd, b->out.data, b->out.len, (off_t)s->bytes);
	if (n != (ssize_t)b->out.len) {
		if (n > 0 && ftruncate(s->fd, (off_t)s->bytes) == -1)
			b->dirty = true;
		return -1;
	}
	s->bytes += b->out.len;
	b->bytes += b->out.len;
	s->n += type == OUTBOX_SHARE || type == OUTBOX_GAP;
	b->dirty = true;
	return 0;
}

/* --- what a record says --- */

static void
get_head(struct outbox *b, struct mcur *c)
{
	msg_get_raw(c, b->store, 16);
	b->source = msg_get_u64(c);
	seqs_get(&b->seqs, c);
}

static int
get_record(uint8_t type, struct mcur *c, struct outbox_rec *r)
{
	r->type = (enum outbox_type)type;
	r->source = 0;
	if (type == OUTBOX_SHARE) {
		r->source = msg_get_u64(c);
		nostr_share_get(c, &r->share);
	} else if (type == OUTBOX_GAP) {
		nostr_gap_get(c, &r->gap);
	} else {
		return -1;
	}
	return msg_end(c);
}

/* At a start: what it says of sessions and of where we were. */
static int
learn(struct outbox *b, struct segment *s, uint8_t type, struct mcur *c,
    struct outbox_rec *r)
{
	if (type == OUTBOX_HEAD) {
		get_head(b, c);
		return msg_end(c);
	}
	if (type == OUTBOX_MARK) {
		msg_get_raw(c, b->store, 16);
		b->source = msg_get_u64(c);
		return msg_end(c);
	}
	if (get_record(type, c, r) == -1)
		return -1;
	if (type == OUTBOX_SHARE) {
		if (r->source > b->source)
			b->source = r->source;
		seqs_set(&b->seqs, r->share.session, r->share.seq,
		    r->share.ts_us);
	}
	s->n++;
	return 0;
}

/* --- segments --- */

static struct segment *
segment_open(struct outbox *b, uint64_t first, bool make)
{
	struct segment *s = calloc(1, sizeof(*s));
	char name[24];

	if (s == NULL)
		return NULL;
	name_of(first, name);
	s->first = first;
	s->fd = openat(b->dir, name,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);
	if (s->fd == -1) {
		free(s);
		return NULL;
	}
	return s;
}

static void
segment_close(struct outbox *b, struct segment *s)
{
	TAILQ_REMOVE(&b->segments, s, entry);
	b->bytes -= s->bytes;
	close(s->fd);
	free(s);
}

static void
segment_remove(struct outbox *b, struct segment *s)
{
	char name[24];

	name_of(s->first, name);
	unlinkat(b->dir, name, 0);
	segment_close(b, s);
}

static int
segment_begin(struct outbox *b)
{
	struct segment *s = segment_open(b, outbox_next(b), true);

	if (s == NULL || ftruncate(s->fd, 0) == -1) {
		if (s != NULL)
			close(s->fd);
		free(s);
		return -1;
	}
	TAILQ_INSERT_TAIL(&b->segments, s, entry);
	mbuf_reset(&b->body);
	msg_put_raw(&b->body, b->store, 16);
	msg_put_u64(&b->body, b->source);
	seqs_put(&b->seqs, &b->body);
	if (append(b, OUTBOX_HEAD) == -1) {
		segment_remove(b, s);
		return -1;
	}
	return 0;
}

/* Goes through it once, and cuts off what is torn. */
static void
segment_recover(struct outbox *b, struct segment *s)
{
	struct outbox_rec r;
	struct stat st;
	struct mcur c;
	uint64_t at = 0;
	uint8_t type;
	long n;

	if (fstat(s->fd, &st) == -1)
		return;
	s->bytes = (uint64_t)st.st_size;
	while ((n = read_record(b, s, at, &type, &c)) > 0 &&
	    learn(b, s, type, &c, &r) == 0)
		at += (uint64_t)n;
	if (at < s->bytes && ftruncate(s->fd, (off_t)at) == 0)
		s->bytes = at;
	s->bytes = at;
	b->bytes += at;
}

static int
is_segment(const struct dirent *d)
{
	return strlen(d->d_name) == 20 && strcmp(d->d_name + 16, ".log") == 0;
}

static int
recover(struct outbox *b)
{
	struct dirent **names;
	struct segment *s, *last;
	int i, n = scandirat(b->dir, ".", &names, is_segment, alphasort);

	if (n == -1)
		return -1;
	for (i = 0; i < n; i++) {
		s = segment_open(b, strtoull(names[i]->d_name, NULL, 16),
		    false);
		free(names[i]);
		if (s == NULL)
			continue;
		last = last_segment(b);
		/* Numbers are used once; this is none of ours. */
		if (last != NULL && s->first < last->first + last->n) {
			close(s->fd);
			free(s);
			continue;
		}
		TAILQ_INSERT_TAIL(&b->segments, s, entry);
		segment_recover(b, s);
	}
	free(names);
	return 0;
}

struct outbox *
outbox_open(int dir, uint64_t max_bytes, const struct outbox_ops *ops,
    void *arg, char *err, size_t errlen)
{
	struct outbox *b = calloc(1, sizeof(*b));

	if (b != NULL && (b->in = malloc(RECORD_MAX)) == NULL) {
		free(b);
		b = NULL;
	}
	if (b == NULL) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	TAILQ_INIT(&b->segments);
	b->dir = dir;
	b->max_bytes = max_bytes;
	b->ops = ops;
	b->arg = arg;
	if (recover(b) == -1 ||
	    (TAILQ_EMPTY(&b->segments) && segment_begin(b) == -1)) {
		snprintf(err, errlen, "%s", strerror(errno));
		outbox_close(b);
		return NULL;
	}
	return b;
}

void
outbox_close(struct outbox *b)
{
	if (b == NULL)
		return;
	outbox_sync(b);
	while (!TAILQ_EMPTY(&b->segments))
		segment_close(b, TAILQ_FIRST(&b->segments));
	seqs_free(&b->seqs);
	mbuf_free(&b->out);
	mbuf_free(&b->body);
	free(b->in);
	free(b);
}

void
outbox_bound(struct outbox *b, uint64_t max_bytes)
{
	b->max_bytes = max_bytes;
}

uint64_t
outbox_first(const struct outbox *b)
{
	const struct segment *s = TAILQ_FIRST(&b->segments);

	return s == NULL ? 1 : s->first;
}

uint64_t
outbox_next(const struct outbox *b)
{
	const struct segment *s = last_segment(b);

	return s == NULL ? 1 : s->first + s->n;
}

uint64_t
outbox_bytes(const struct outbox *b)
{
	return b->bytes;
}

uint64_t
outbox_source(const struct outbox *b, uint8_t store[16])
{
	memcpy(store, b->store, 16);
	return b->source;
}

void
outbox_sync(struct outbox *b)
{
	struct segment *s = last_segment(b);

	if (b->dirty && s != NULL && fdatasync(s->fd) == 0)
		b->dirty = false;
}

/* --- its bound --- */

/* One more lost share, joined to the last gap when it follows on. */
static unsigned
add_gap(struct nostr_gap *gap, unsigned n, unsigned max,
    const struct nostr_share *s)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (memcmp(gap[i].session, s->session, 16) == 0 &&
		    s->seq >= gap[i].first) {
			gap[i].last = s->seq;
			return n;
		}
	if (n == max)
		return n;
	memcpy(gap[n].session, s->session, 16);
	gap[n].first = gap[n].last = s->seq;
	return n + 1;
}

#define GAPS 4096

/* The oldest segment goes, though somebody wants some of it. */
static void
drop(struct outbox *b, struct segment *s, uint64_t wanted)
{
	struct nostr_gap *gap = calloc(GAPS, sizeof(*gap));
	uint64_t at = 0, number = s->first, lost = 0;
	struct outbox_rec r;
	unsigned i, ngaps = 0;
	struct mcur c;
	uint8_t type;
	long n;

	while ((n = read_record(b, s, at, &type, &c)) > 0) {
		at += (uint64_t)n;
		if (type == OUTBOX_HEAD || type == OUTBOX_MARK ||
		    number++ < wanted || get_record(type, &c, &r) == -1 ||
		    type != OUTBOX_SHARE)
			continue;
		lost++;
		if (gap != NULL)
			ngaps = add_gap(gap, ngaps, GAPS, &r.share);
	}
	segment_remove(b, s);
	if (lost > 0)
		b->ops->dropped(b->arg, lost);
	for (i = 0; gap != NULL && i < ngaps; i++)
		outbox_gap(b, &gap[i]);
	free(gap);
}

void
outbox_trim(struct outbox *b)
{
	uint64_t wanted = b->ops->wanted(b->arg);
	struct segment *s;

	while ((s = TAILQ_FIRST(&b->segments)) != NULL &&
	    TAILQ_NEXT(s, entry) != NULL) {
		if (s->first + s->n <= wanted)
			segment_remove(b, s);
		else if (b->bytes > b->max_bytes)
			drop(b, s, wanted);
		else
			break;
	}
}

static int
make_room(struct outbox *b)
{
	struct segment *s = last_segment(b);
	uint64_t most = b->max_bytes / 16;

	if (most > SEGMENT_MOST)
		most = SEGMENT_MOST;
	if (most < SEGMENT_LEAST)
		most = SEGMENT_LEAST;
	if (s->bytes < most)
		return 0;
	outbox_sync(b);
	if (segment_begin(b) == -1)
		return -1;
	outbox_trim(b);
	return 0;
}

/* --- appending --- */

int
outbox_mark(struct outbox *b, const uint8_t store[16], uint64_t source)
{
	if (source == b->source && memcmp(store, b->store, 16) == 0)
		return 0;
	mbuf_reset(&b->body);
	msg_put_raw(&b->body, store, 16);
	msg_put_u64(&b->body, source);
	if (append(b, OUTBOX_MARK) == -1)
		return -1;
	memcpy(b->store, store, 16);
	b->source = source;
	return make_room(b);
}

int
outbox_share(struct outbox *b, struct nostr_share *s, uint64_t source)
{
	if (make_room(b) == -1 || seqs_room(&b->seqs, s->ts_us) == -1)
		return -1;
	s->seq = seqs_last(&b->seqs, s->session) + 1;
	mbuf_reset(&b->body);
	msg_put_u64(&b->body, source);
	nostr_share_put(&b->body, s);
	if (append(b, OUTBOX_SHARE) == -1)
		return -1;
	b->source = source;
	return seqs_set(&b->seqs, s->session, s->seq, s->ts_us);
}

int
outbox_gap(struct outbox *b, const struct nostr_gap *g)
{
	mbuf_reset(&b->body);
	nostr_gap_put(&b->body, g);
	return append(b, OUTBOX_GAP);
}

/* --- reading --- */

static struct segment *
segment_of(struct outbox *b, uint64_t number)
{
	struct segment *s;

	TAILQ_FOREACH(s, &b->segments, entry) {
		if (number >= s->first && number < s->first + s->n)
			return s;
	}
	return NULL;
}

int
outbox_read(struct outbox *b, struct outbox_at *at, uint64_t number,
    struct outbox_rec *r)
{
	struct segment *s = segment_of(b, number);
	struct mcur c;
	uint8_t type;
	long n;

	if (s == NULL)
		return 0;
	if (at->segment != s->first || at->number > number || at->offset == 0) {
		at->segment = s->first;
		at->number = s->first;
		at->offset = 0;
	}
	while ((n = read_record(b, s, at->offset, &type, &c)) > 0) {
		at->offset += (uint64_t)n;
		if (type != OUTBOX_SHARE && type != OUTBOX_GAP)
			continue;
		if (at->number++ == number)
			return get_record(type, &c, r) == -1 ? -1 : 1;
	}
	return -1;
}
