/*
 * Tables for people: columns as wide as what is in them.
 */
#ifndef HASHSCOPECTL_TABLE_H
#define HASHSCOPECTL_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 12

struct table_column {
	const char *title;
	unsigned right : 1; /* aligned to the right: numbers */
	unsigned max;       /* bytes of a cell; 0 no limit */
};

struct table {
	const struct table_column *columns;
	unsigned ncolumns;
	size_t widths[TABLE_COLUMNS];
	char **cells; /* rows of ncolumns, and a colour each */
	const char **colours;
	size_t ncells, nrows, room;
	int titled;
};

/* columns ends with title NULL and outlives the table. */
void table_init(struct table *, const struct table_column *);
void table_clear(struct table *);
/* Adds a cell; text is printable ASCII already. */
void table_cell(struct table *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends the row; colour is an escape sequence or NULL. */
void table_row(struct table *, const char *colour);
/*
 * Prints the rows and forgets them; the titles come once, the columns never
 * get narrower.  width is the terminal's, to cut the last column; 0 none.
 */
void table_print(struct table *, FILE *, unsigned width);

#endif
