/*
 * Asking the store: one question, its rows, its end.
 */
#include <stdlib.h>
#include <string.h>

#include "hashscopectl/ctl.h"

void
rows_init(struct rows *r)
{
	memset(r, 0, sizeof(*r));
}

void
rows_clear(struct rows *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		mbuf_free(&r->row[i]);
	free(r->row);
	rows_init(r);
}

int
rows_add(struct rows *r, const struct client_msg *a)
{
	struct mbuf *grown, *row;

	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 64;
		grown = realloc(r->row, r->room * sizeof(*grown));
		if (grown == NULL)
			return -1;
		r->row = grown;
	}
	row = &r->row[r->n++];
	mbuf_init(row);
	msg_put_raw(row, a->cur.p, a->cur.left);
	return row->bad ? -1 : 0;
}

static bool
is_row(unsigned type)
{
	return type == MSG_ROW_MESSAGE || type == MSG_ROW_SESSION ||
	    type == MSG_ROW_SHARE || type == MSG_ROW_WORKER ||
	    type == MSG_ROW_STAT || type == MSG_ROW_JOB ||
	    type == MSG_ROW_ALERT;
}

int
ctl_query(struct ctl *c, const struct query *q, struct rows *rows,
    struct query_end *end)
{
	struct client_msg a;
	uint32_t id;

	rows_clear(rows);
	if ((id = client_query(&c->client, q)) == 0)
		return ctl_away(c);
	for (;;) {
		if (client_wait(&c->client, id, &a) == -1)
			return ctl_away(c);
		if (a.type == MSG_QUERY_END)
			break;
		if (!is_row(a.type))
			return ctl_no("unexpected answer");
		if (rows_add(rows, &a) == -1)
			return ctl_no("out of memory");
	}
	query_end_get(&a.cur, end);
	if (msg_end(&a.cur) == -1)
		return ctl_no("malformed answer");
	if (end->status == 0)
		return EXIT_OK;
	return ctl_no(end->text[0] != '\0' ? end->text :
		end->status == 1           ? "not found" :
					     "the store does not answer");
}
