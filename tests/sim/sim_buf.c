/*
 * A queue of bytes: appended at the end, consumed at the front.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_buf.h"

char *
sim_buf_reserve(struct sim_buf *b, size_t n)
{
	size_t size = b->size ? b->size : 256;
	char *p;

	if (b->start && b->start + b->len + n > b->size) {
		memmove(b->data, b->data + b->start, b->len);
		b->start = 0;
	}
	while (size < b->len + n)
		size *= 2;
	if (size != b->size) {
		if ((p = realloc(b->data, size)) == NULL)
			return NULL;
		b->data = p;
		b->size = size;
	}
	return b->data + b->start + b->len;
}

int
sim_buf_add(struct sim_buf *b, const void *data, size_t n)
{
	char *p = sim_buf_reserve(b, n);

	if (p == NULL)
		return -1;
	memcpy(p, data, n);
	b->len += n;
	return 0;
}

/* An empty queue gives its memory back: ten thousand of them are idle. */
void
sim_buf_consume(struct sim_buf *b, size_t n)
{
	b->start += n;
	b->len -= n;
	if (b->len)
		return;
	if (b->size > 4096)
		sim_buf_clear(b);
	else
		b->start = 0;
}

void
sim_buf_clear(struct sim_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
