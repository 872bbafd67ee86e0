/*
 * Writing the audit log, and reading it back from the end.
 */
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/auth_audit.h"

#define BLOCK  65536 /* more than a line */
#define NUMBER "{\"n\":"

struct audit_line {
	STAILQ_ENTRY(audit_line) entry;
	size_t len;
	char text[];
};

void
audit_init(struct audit *a)
{
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	for (unsigned i = 0; i < AUDIT_WHOSE; i++)
		a->failed[i].allow = AUDIT_BURST;
	STAILQ_INIT(&a->pending);
}

static void
close_all(struct audit *a)
{
	if (a->fd != -1)
		close(a->fd);
	a->fd = -1;
	for (unsigned i = 0; i < a->nold; i++)
		close(a->old[i]);
	a->nold = 0;
}

static void
drop_first(struct audit *a)
{
	struct audit_line *l = STAILQ_FIRST(&a->pending);

	STAILQ_REMOVE_HEAD(&a->pending, entry);
	a->npending--;
	free(l);
}

void
audit_clear(struct audit *a)
{
	while (a->npending > 0)
		drop_first(a);
	close_all(a);
}

/* --- reading --- */

/* The number that a line of ours begins with; 0 for any other. */
static uint64_t
number_of(const char *line, size_t len)
{
	size_t i = strlen(NUMBER);
	uint64_t n = 0;

	if (len <= i || memcmp(line, NUMBER, i) != 0)
		return 0;
	for (; i < len && line[i] >= '0' && line[i] <= '9'; i++) {
		if (n > UINT64_MAX / 10 - 1)
			return 0;
		n = n * 10 + (uint64_t)(line[i] - '0');
	}
	return i < len && line[i] == ',' ? n : 0;
}

/* What is done with a line; false ends the walk. */
typedef bool line_fn(const char *line, size_t len, void *arg);

/*
 * The lines of a block from its last to its first; *start is where the
 * first whole one begins.  at_start: the block begins a line.
 */
static bool
walk_block(const char *block, size_t n, bool at_start, size_t *start,
    line_fn *fn, void *arg)
{
	const char *end, *from;

	*start = n;
	while (*start > 0) {
		/* block[*start - 1] is the end of the line. */
		end = block + *start - 1;
		from = memrchr(block, '\n', (size_t)(end - block));
		if (from == NULL && !at_start)
			return true;
		from = from == NULL ? block : from + 1;
		if (!fn(from, (size_t)(end - from), arg))
			return false;
		*start = (size_t)(from - block);
	}
	return true;
}

/* The lines of a file from its end; what has no end yet is left out. */
static bool
walk_file(int fd, char *block, line_fn *fn, void *arg)
{
	struct stat st;
	size_t n, start;
	off_t end, at;
	ssize_t got;
	const char *nl;

	if (fstat(fd, &st) == -1)
		return true;
	for (end = st.st_size; end > 0; end = at + (off_t)start) {
		n = end < BLOCK ? (size_t)end : BLOCK;
		at = end - (off_t)n;
		got = pread(fd, block, n, at);
		if (got != (ssize_t)n)
			return true;
		nl = memrchr(block, '\n', n);
		if (nl == NULL && at == 0)
			return true;
		/* Longer than a block: not ours. */
		if (nl == NULL) {
			start = 0;
			continue;
		}
		n = (size_t)(nl - block) + 1;
		if (!walk_block(block, n, at == 0, &start, fn, arg))
			return false;
		/* No progress: again a line that is longer than a block. */
		if (start == n && n == BLOCK)
			start = 0;
	}
	return true;
}

static bool
take_number(const char *line, size_t len, void *arg)
{
	uint64_t *n = arg;

	*n = number_of(line, len);
	return *n == 0;
}

static uint64_t
last_number(int fd)
{
	char *block = malloc(BLOCK);
	uint64_t n = 0;

	if (block != NULL)
		walk_file(fd, block, take_number, &n);
	free(block);
	return n;
}

struct reading {
	struct json_out *json;
	unsigned left;
	uint64_t before;
	size_t max;
};

static bool
take_line(const char *line, size_t len, void *arg)
{
	struct reading *r = arg;
	uint64_t n = number_of(line, len);

	if (n == 0 || (r->before != 0 && n >= r->before) ||
	    json_valid(line, len, 8, NULL) == -1)
		return true;
	if (r->left == 0 || r->json->len + len + 2 > r->max)
		return false;
	json_raw(r->json, line, len);
	r->left--;
	return true;
}

void
audit_read(const struct audit *a, unsigned count, uint64_t before, size_t max,
    struct json_out *j)
{
	struct reading r = { j, count, before, max };
	char *block = malloc(BLOCK);
	bool more;

	json_array(j);
	if (block != NULL) {
		more = a->fd == -1 || walk_file(a->fd, block, take_line, &r);
		for (unsigned i = 0; more && i < a->nold; i++)
			more = walk_file(a->old[i], block, take_line, &r);
	}
	free(block);
	json_array_end(j);
}

/* --- writing --- */

void
audit_file(struct audit *a, unsigned index, int fd)
{
	struct stat st;
	char c = '\n';

	if (index == 0) {
		close_all(a);
		a->fd = fd;
		a->bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
		/* Whoever was killed in the midst of a line. */
		a->torn = a->bytes > 0 &&
		    pread(fd, &c, 1, (off_t)a->bytes - 1) == 1 && c != '\n';
	} else if (a->nold < AUDIT_OLD) {
		a->old[a->nold++] = fd;
	} else {
		close(fd);
		return;
	}
	if (a->last == 0)
		a->last = last_number(fd);
}

static int
append(struct audit *a, const char *object, size_t len, bool sync)
{
	char head[32];
	struct iovec v[3];
	size_t all;
	ssize_t n;

	if (a->fd == -1) {
		errno = EBADF;
		return -1;
	}
	/* A line that was torn gets its end. */
	snprintf(head, sizeof(head), "%s" NUMBER "%" PRIu64 ",",
	    a->torn ? "\n" : "", a->last + 1);
	v[0] = (struct iovec){ head, strlen(head) };
	v[1] = (struct iovec){ (void *)(uintptr_t)(object + 1), len - 1 };
	v[2] = (struct iovec){ (void *)(uintptr_t) "\n", 1 };
	all = v[0].iov_len + v[1].iov_len + v[2].iov_len;
	n = writev(a->fd, v, 3);
	if (n > 0)
		a->bytes += (uint64_t)n;
	if (n != (ssize_t)all) {
		if (n > 0) {
			a->torn = true;
			errno = ENOSPC;
		}
		return -1;
	}
	a->torn = false;
	a->last++;
	return sync ? fdatasync(a->fd) : 0;
}

int
audit_flush(struct audit *a)
{
	struct audit_line *l;

	while ((l = STAILQ_FIRST(&a->pending)) != NULL) {
		if (append(a, l->text, l->len, false) == -1)
			return -1;
		drop_first(a);
	}
	return 0;
}

int
audit_write(struct audit *a, const char *object, size_t len, bool sync,
    uint64_t *n)
{
	if (len < 2 || object[0] != '{' || len > AUDIT_LINE) {
		errno = EMSGSIZE;
		return -1;
	}
	if (audit_flush(a) == -1 || append(a, object, len, sync) == -1)
		return -1;
	if (n != NULL)
		*n = a->last;
	return 0;
}

void
audit_write_later(struct audit *a, const char *object, size_t len)
{
	struct audit_line *l;

	if (audit_write(a, object, len, false, NULL) == 0)
		return;
	l = a->npending < AUDIT_PENDING && len <= AUDIT_LINE ?
	    malloc(sizeof(*l) + len) :
	    NULL;
	if (l == NULL) {
		a->lost++;
		return;
	}
	l->len = len;
	memcpy(l->text, object, len);
	STAILQ_INSERT_TAIL(&a->pending, l, entry);
	a->npending++;
}

bool
audit_may_note(struct audit *a, enum audit_whose whose, int64_t now,
    uint64_t *unnoted)
{
	struct audit_bucket *b = &a->failed[whose];
	int64_t grown = (now - b->allow_at) / AUDIT_EVERY_MS;

	if (grown > 0) {
		b->allow += grown < AUDIT_BURST ? (unsigned)grown : AUDIT_BURST;
		if (b->allow > AUDIT_BURST)
			b->allow = AUDIT_BURST;
		b->allow_at = now;
	}
	if (b->allow == 0) {
		b->unnoted++;
		return false;
	}
	b->allow--;
	*unnoted = b->unnoted;
	b->unnoted = 0;
	return true;
}
