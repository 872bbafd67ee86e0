/*
 * Tables for people.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hashscopectl/table.h"

#define COLOUR_OFF "\033[0m"
#define CELL_MAX   1024

void
table_init(struct table *t, const struct table_column *columns)
{
	unsigned i;

	memset(t, 0, sizeof(*t));
	t->columns = columns;
	for (i = 0; i < TABLE_COLUMNS && columns[i].title != NULL; i++)
		t->widths[i] = strlen(columns[i].title);
	t->ncolumns = i;
}

static void
forget_rows(struct table *t)
{
	size_t i;

	for (i = 0; i < t->ncells; i++)
		free(t->cells[i]);
	t->ncells = t->nrows = 0;
}

void
table_clear(struct table *t)
{
	forget_rows(t);
	free(t->cells);
	free(t->colours);
	t->cells = NULL;
	t->colours = NULL;
	t->room = 0;
}

/* Room for one more row.  Out of memory ends a program for people. */
static void
make_room(struct table *t)
{
	if (t->nrows < t->room)
		return;
	t->room = t->room ? t->room * 2 : 64;
	t->cells = realloc(t->cells, t->room * t->ncolumns * sizeof(*t->cells));
	t->colours = realloc(t->colours, t->room * sizeof(*t->colours));
	if (t->cells == NULL || t->colours == NULL)
		abort();
}

void
table_cell(struct table *t, const char *fmt, ...)
{
	unsigned column = (unsigned)(t->ncells - t->nrows * t->ncolumns);
	char buf[CELL_MAX];
	size_t len, max;
	va_list ap;

	if (column >= t->ncolumns)
		return;
	make_room(t);
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	max = t->columns[column].max;
	len = strlen(buf);
	if (max > 3 && len > max) {
		memcpy(buf + max - 3, "...", 4);
		len = max;
	}
	if (len > t->widths[column])
		t->widths[column] = len;
	if ((t->cells[t->ncells++] = strdup(buf)) == NULL)
		abort();
}

void
table_row(struct table *t, const char *colour)
{
	while (t->ncells < (t->nrows + 1) * t->ncolumns)
		table_cell(t, "%s", "");
	t->colours[t->nrows++] = colour;
}

static void
print_row(const struct table *t, FILE *fp, unsigned width,
    const char *const *cells)
{
	size_t used = 0, pad, len;
	unsigned i;

	for (i = 0; i < t->ncolumns; i++) {
		len = strlen(cells[i]);
		if (i == t->ncolumns - 1) {
			if (width > used + 8 && len > width - used)
				len = width - used;
			fprintf(fp, "%.*s", (int)len, cells[i]);
			break;
		}
		pad = t->widths[i] - len;
		if (t->columns[i].right)
			fprintf(fp, "%*s%s  ", (int)pad, "", cells[i]);
		else
			fprintf(fp, "%s%*s  ", cells[i], (int)pad, "");
		used += t->widths[i] + 2;
	}
}

static void
print_titles(struct table *t, FILE *fp, unsigned width)
{
	const char *titles[TABLE_COLUMNS];
	unsigned i;

	for (i = 0; i < t->ncolumns; i++)
		titles[i] = t->columns[i].title;
	print_row(t, fp, width, titles);
	fputc('\n', fp);
	t->titled = 1;
}

void
table_print(struct table *t, FILE *fp, unsigned width)
{
	const char *const *row;
	size_t i;

	if (!t->titled && t->nrows > 0)
		print_titles(t, fp, width);
	for (i = 0; i < t->nrows; i++) {
		row = (const char *const *)&t->cells[i * t->ncolumns];
		if (t->colours[i] != NULL)
			fputs(t->colours[i], fp);
		print_row(t, fp, width, row);
		fputs(t->colours[i] != NULL ? COLOUR_OFF "\n" : "\n", fp);
	}
	forget_rows(t);
}
