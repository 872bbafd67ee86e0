/*
 * A queue of bytes: appended at the end, consumed at the front.
 */
#ifndef SIM_BUF_H
#define SIM_BUF_H

#include <stddef.h>

struct sim_buf {
	char *data;
	size_t start; /* first byte not yet consumed */
	size_t len;   /* bytes from start */
	size_t size;
};

/* Room for n more bytes behind the last one; NULL when out of memory. */
char *sim_buf_reserve(struct sim_buf *, size_t n);
/* 0, -1 out of memory. */
int sim_buf_add(struct sim_buf *, const void *, size_t n);
void sim_buf_consume(struct sim_buf *, size_t n);
void sim_buf_clear(struct sim_buf *);

static inline char *
sim_buf_head(const struct sim_buf *b)
{
	return b->data + b->start;
}

#endif
