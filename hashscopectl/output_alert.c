/*
 * Alerts for people: what it is in a line, whom it is about, and what to do,
 * in lines of their own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

#define INDENT     4
#define WRAP_LEAST 40
#define WRAP_PIPE  100

/* By words, at the width of the terminal. */
static void
wrapped(struct output *o, const char *s)
{
	size_t width = o->width >= WRAP_LEAST ? o->width : WRAP_PIPE;
	size_t at = width, len;

	while (*s != '\0') {
		len = strcspn(s, " ");
		if (at + 1 + len > width) {
			fprintf(o->fp, "%s%*s", at == width ? "" : "\n", INDENT,
			    "");
			at = INDENT;
		} else {
			fputc(' ', o->fp);
			at++;
		}
		fprintf(o->fp, "%.*s", (int)len, s);
		at += len;
		s += len;
		s += strspn(s, " ");
	}
	fputc('\n', o->fp);
}

static void
subject(struct output *o, const struct alert_rec *a)
{
	char buf[TEXT_MAX], id[SESSION_TEXT];

	if (a->pool[0] == '\0' && a->worker[0] == '\0' && !a->has_session &&
	    a->pos == 0)
		return;
	fprintf(o->fp, "%*s", INDENT - 1, "");
	if (a->pool[0] != '\0')
		fprintf(o->fp, " pool %s", safe(a->pool, buf));
	if (a->worker[0] != '\0')
		fprintf(o->fp, " worker %s", safe(a->worker, buf));
	uuid_text(a->session, id);
	if (a->has_session)
		fprintf(o->fp, " session %s", id);
	if (a->pos != 0)
		fprintf(o->fp, " message %" PRIu64, a->pos);
	fputc('\n', o->fp);
}

static const char *
severity_colour(const struct alert_rec *a)
{
	if (a->ended_us != 0)
		return DIM;
	return a->severity == ALERT_CRITICAL ? RED :
	    a->severity == ALERT_WARNING     ? YELLOW :
					       DIM;
}

void
alert_row(struct output *o, const struct alert_rec *a)
{
	char first[UNITS_TEXT], last[UNITS_TEXT], buf[4 * ALERT_TEXT];

	fprintf(o->fp, "%s%" PRIu64 " %s %s %s %s, ",
	    o->colour ? severity_colour(a) : "", a->id,
	    alert_severity_name((enum alert_severity)a->severity),
	    alert_kind_name((enum alert_kind)a->kind),
	    a->ended_us != 0 ? "from" : "since",
	    units_time(a->first_us, o->now_us, first));
	if (a->ended_us != 0)
		fprintf(o->fp, "ended %s, ",
		    units_time(a->ended_us, o->now_us, last));
	else
		fprintf(o->fp, "last %s, ",
		    units_time(a->last_us, o->now_us, last));
	fprintf(o->fp, "seen %s%s\n",
	    a->count == 1 ? "once" : units_count(a->count, last),
	    a->count == 1 ? "" : " times");
	if (o->colour)
		fputs(OFF, o->fp);
	subject(o, a);
	text_escape(buf, sizeof(buf), a->text, strlen(a->text));
	wrapped(o, buf);
}
