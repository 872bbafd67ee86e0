/*
 * What both writers share: the choice between them, and the end.
 */
#include <sys/ioctl.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscopectl/output.h"

/* An object holds two lines of 64 KiB, each as text and as value. */
#define OBJECT_MAX (4u << 20)

static unsigned
terminal_width(int fd)
{
	struct winsize ws;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &ws) == -1 || ws.ws_col == 0)
		return 80;
	return ws.ws_col;
}

void
output_init(struct output *o, bool json, int64_t now_us)
{
	const char *no_colour = getenv("NO_COLOR");

	memset(o, 0, sizeof(*o));
	o->w = json ? writer_json() : writer_text();
	o->fp = stdout;
	o->now_us = now_us;
	o->width = terminal_width(STDOUT_FILENO);
	o->colour = o->width != 0 && (no_colour == NULL || *no_colour == '\0');
	json_init(&o->json, OBJECT_MAX);
}

int
output_finish(struct output *o)
{
	json_clear(&o->json);
	table_clear(&o->table);
	return fflush(o->fp) != 0 || ferror(o->fp) ? -1 : 0;
}
