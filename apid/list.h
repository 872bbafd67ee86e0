/*
 * What most routes are: a query to the store, its rows written as objects.
 */
#ifndef APID_LIST_H
#define APID_LIST_H

#include "apid/request.h"

/* One kind of row. */
struct list_row {
	unsigned msg; /* MSG_ROW_* */
	/* Reads a row and writes it; false when it is malformed.  Its cursor
	 * for pages, or 0. */
	bool (*write)(struct json_out *, struct mcur *, uint64_t *cursor);
};

/* An array, with Link and Hashscope-Stopped-At. */
void list_start(struct request *, struct query *, const struct list_row *);
/* One object, or 404 with these words. */
void list_one(struct request *, struct query *, const struct list_row *,
    const char *not_found);
/* An object with the array under this key, complete and next. */
void list_object(struct request *, struct query *, const struct list_row *,
    const char *key);
/* limit, offset, before, after, since, until of the request, where its
 * schema has them. */
void list_page(const struct request *, struct query *);

/* The row of a kind of query (Q_SESSIONS, …). */
const struct list_row *list_row_of(unsigned query_kind);

#endif
