/*
 * Explanations for people: they come as JSON, whose texts are a peer's in
 * part and are escaped like those.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jtree.h"
#include "hashscopectl/text.h"

#define VALUE_MAX 4097
#define SHOWN     240 /* bytes of a value in a line */

/* Member name of node as text for a terminal, cut; "" if it is none. */
static const char *
member(const struct jtree *t, uint32_t node, const char *name,
    char buf[TEXT_MAX])
{
	char value[VALUE_MAX];
	long n = jtree_str(t, jtree_member(t, node, name), value,
	    sizeof(value));

	buf[0] = '\0';
	if (n > 0)
		text_escape(buf, TEXT_MAX, value,
		    n < SHOWN ? (size_t)n : SHOWN);
	return buf;
}

static void
field_line(struct output *o, const struct jtree *t, uint32_t node)
{
	char name[TEXT_MAX], value[TEXT_MAX], unit[TEXT_MAX], what[TEXT_MAX];

	member(t, node, "name", name);
	member(t, node, "value", value);
	member(t, node, "unit", unit);
	member(t, node, "meaning", what);
	if (strcmp(unit, "hex") == 0 || strcmp(unit, "json") == 0)
		unit[0] = '\0';
	line(o, name, "%s%s%s%s%s%s", value, unit[0] != '\0' ? " " : "", unit,
	    what[0] != '\0' ? "  (" : "", what, what[0] != '\0' ? ")" : "");
}

static void
explained_lines(struct output *o, const struct jtree *t)
{
	uint32_t root = jtree_root(t), list, i;
	char buf[TEXT_MAX], note[VALUE_MAX];
	long n;

	fprintf(o->fp, "  %s\n", member(t, root, "title", buf));
	fprintf(o->fp, "  %s\n", member(t, root, "summary", buf));
	list = jtree_member(t, root, "notes");
	for (i = 0; i < jtree_count(t, list); i++) {
		n = jtree_str(t, jtree_item(t, list, i), note, sizeof(note));
		if (n <= 0)
			continue;
		text_escape(buf, sizeof(buf), note, (size_t)n);
		line(o, "note", "%s", buf);
	}
	list = jtree_member(t, root, "fields");
	for (i = 0; i < jtree_count(t, list); i++)
		field_line(o, t, jtree_item(t, list, i));
	if (!jtree_is(t, jtree_member(t, root, "complete"), J_TRUE))
		line(o, "note", "not everything is shown");
	fputc('\n', o->fp);
}

void
explain_lines(struct output *o, const struct message_rec *m)
{
	struct jtree *t;

	if (m->explanation == NULL || (t = malloc(sizeof(*t))) == NULL)
		return;
	if (jtree_parse(t, m->explanation, m->explanation_len) == 0)
		explained_lines(o, t);
	free(t);
}

/* --- the steps of a verification --- */

static void
hex_line(struct output *o, const struct jtree *t, uint32_t node,
    const char *name, const char *label)
{
	char buf[TEXT_MAX];

	if (member(t, node, name, buf)[0] != '\0')
		line(o, label, "%s", buf);
}

static void
formula_lines(struct output *o, const struct jtree *t, uint32_t list)
{
	char name[TEXT_MAX], version[TEXT_MAX], how[TEXT_MAX];
	double d;
	uint32_t f, i;

	for (i = 0; i < jtree_count(t, list); i++) {
		f = jtree_item(t, list, i);
		if (jtree_double(t, jtree_member(t, f, "difficulty"), &d) == -1)
			d = 0;
		line(o, i == 0 ? "version by formula" : "",
		    "%-6s  %s = %s, difficulty %.6g%s%s",
		    member(t, f, "name", name), member(t, f, "formula", how),
		    member(t, f, "version", version), d,
		    jtree_is(t, jtree_member(t, f, "reaches"), J_TRUE) ?
			", enough" :
			"",
		    jtree_is(t, jtree_member(t, f, "used"), J_TRUE) ?
			", the one that counts" :
			"");
	}
}

static void
check_lines(struct output *o, const struct jtree *t, uint32_t list)
{
	char text[TEXT_MAX];
	uint32_t c, i;
	bool ok;

	for (i = 0; i < jtree_count(t, list); i++) {
		c = jtree_item(t, list, i);
		ok = jtree_is(t, jtree_member(t, c, "ok"), J_TRUE);
		line(o, ok ? "yes" : "NO", "%s%s%s",
		    !ok && o->colour ? YELLOW : "", member(t, c, "text", text),
		    !ok && o->colour ? OFF : "");
	}
}

static void
step_lines(struct output *o, const struct jtree *t)
{
	uint32_t root = jtree_root(t), node;
	char why[TEXT_MAX];

	fputs("\nverified step by step\n", o->fp);
	if (!jtree_is(t, jtree_member(t, root, "possible"), J_TRUE)) {
		line(o, "not possible", "%s", member(t, root, "why", why));
		return;
	}
	node = jtree_member(t, root, "coinbase");
	hex_line(o, t, node, "coinbase1", "coinbase1");
	hex_line(o, t, node, "extranonce1", "+ extranonce1");
	hex_line(o, t, node, "extranonce2", "+ extranonce2");
	hex_line(o, t, node, "coinbase2", "+ coinbase2");
	hex_line(o, t, node, "hash", "hashed twice");
	node = jtree_member(t, root, "merkle");
	hex_line(o, t, node, "root", "Merkle root");
	node = jtree_member(t, root, "header");
	hex_line(o, t, node, "hex", "header");
	hex_line(o, t, root, "hash", "hash");
	formula_lines(o, t, jtree_member(t, root, "formulas"));
	check_lines(o, t, jtree_member(t, root, "checks"));
}

void
verification_lines(struct output *o, const struct share_rec *s)
{
	struct jtree *t;

	if (s->verification == NULL || (t = malloc(sizeof(*t))) == NULL)
		return;
	if (jtree_parse(t, s->verification, s->verification_len) == 0)
		step_lines(o, t);
	free(t);
}
