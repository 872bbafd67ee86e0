/*
 * Explanations as JSON for programs and as lines of text for people.
 */
#include <stdio.h>
#include <string.h>

#include "common/explain.h"
#include "common/utf8.h"

#define SHOWN_MAX 240 /* characters of a value in a line of text */

void
explain_json(const struct explain *e, const char *text, bool fields,
    struct json_out *j)
{
	const struct explain_field *f;
	unsigned i;

	json_object(j);
	json_kcstr(j, "title", e->title);
	json_kcstr(j, "summary", e->summary);
	json_kcstr(j, "text", text);
	json_karray(j, "fields");
	for (i = 0; fields && i < e->fields; i++) {
		f = &e->field[i];
		json_object(j);
		json_kcstr(j, "name", f->name);
		json_kcstr(j, "value", f->value);
		json_kcstr(j, "unit", f->unit);
		json_kcstr(j, "meaning", f->meaning);
		json_object_end(j);
	}
	json_array_end(j);
	json_karray(j, "notes");
	for (i = 0; i < e->notes; i++)
		json_cstr(j, e->note[i]);
	json_array_end(j);
	json_kbool(j, "complete", fields && !e->full);
	json_object_end(j);
}

struct out {
	char *buf;
	size_t cap, len;
};

static void
put(struct out *o, const char *s)
{
	size_t n = strlen(s), room = o->len < o->cap ? o->cap - o->len : 0;

	if (room > 1)
		memcpy(o->buf + o->len, s, n < room ? n : room - 1);
	o->len += n;
}

/* What came from outside: nothing that a terminal would obey. */
static void
put_value(struct out *o, const char *s)
{
	char buf[SHOWN_MAX + 1];

	text_escape(buf, sizeof(buf), s, strlen(s));
	put(o, buf);
}

static void
put_field(struct out *o, const struct explain_field *f)
{
	put(o, "  ");
	put_value(o, f->name);
	put(o, ": ");
	put_value(o, f->value);
	if (f->unit[0] != '\0' && strcmp(f->unit, "hex") != 0 &&
	    strcmp(f->unit, "json") != 0) {
		put(o, " ");
		put(o, f->unit);
	}
	if (f->meaning[0] != '\0') {
		put(o, "  (");
		put(o, f->meaning);
		put(o, ")");
	}
	put(o, "\n");
}

size_t
explain_text(const struct explain *e, char *buf, size_t cap)
{
	struct out o = { .buf = buf, .cap = cap };
	unsigned i;

	put_value(&o, e->title);
	put(&o, "\n");
	put_value(&o, e->summary);
	put(&o, "\n");
	for (i = 0; i < e->fields; i++)
		put_field(&o, &e->field[i]);
	for (i = 0; i < e->notes; i++) {
		put(&o, "  note: ");
		put_value(&o, e->note[i]);
		put(&o, "\n");
	}
	if (e->full)
		put(&o, "  note: not everything is shown\n");
	buf[o.len < cap ? o.len : cap - 1] = '\0';
	return o.len;
}

size_t
explain_words(const struct explain *e, char *buf, size_t cap)
{
	struct out o = { .buf = buf, .cap = cap };
	unsigned i;
	size_t end;

	put(&o, e->summary);
	for (i = 0; i < e->notes; i++) {
		put(&o, i == 0 ? " Note: " : "; ");
		put(&o, e->note[i]);
	}
	if (e->notes > 0)
		put(&o, ".");
	end = o.len < cap ? o.len : cap - 1;
	/* It is cut behind a character, not within. */
	while (end > 0 && end < o.len && !utf8_valid(buf, end))
		end--;
	buf[end] = '\0';
	return o.len;
}
