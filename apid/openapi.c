/*
 * OpenAPI 3.1 and a page for people, both from the table of routes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/openapi.h"
#include "apid/route.h"

/* --- schemas --- */

static void ref(struct json_out *o, const char *name, size_t len);

static void
type_object(struct json_out *o, const char *type, bool null)
{
	json_object(o);
	json_key(o, "type");
	if (null) {
		json_array(o);
		json_cstr(o, type);
		json_cstr(o, "null");
		json_array_end(o);
	} else {
		json_cstr(o, type);
	}
}

static const struct {
	const char *name, *type, *key, *value;
} simple[] = {
	{ "s", "string", NULL, NULL },
	{ "i", "integer", NULL, NULL },
	{ "n", "number", NULL, NULL },
	{ "b", "boolean", NULL, NULL },
	{ "t", "string", "format", "date-time" },
	{ "id", "string", "pattern", "^[0-9]+$" },
	{ "u", "string", "format", "uuid" },
};

static void
words(struct json_out *o, const char *p, size_t len, bool null)
{
	const char *end = p + len, *bar;

	json_object(o);
	json_karray(o, "enum");
	for (; p < end; p = bar + 1) {
		bar = memchr(p, '|', (size_t)(end - p));
		if (bar == NULL)
			bar = end;
		json_str(o, p, (size_t)(bar - p));
	}
	if (null)
		json_null(o);
	json_array_end(o);
	json_object_end(o);
}

/* A type without its ? and brackets. */
static void
plain(struct json_out *o, const char *p, size_t len, bool null)
{
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		if (strlen(simple[i].name) != len ||
		    memcmp(simple[i].name, p, len) != 0)
			continue;
		type_object(o, simple[i].type, null);
		if (simple[i].key != NULL)
			json_kcstr(o, simple[i].key, simple[i].value);
		json_object_end(o);
		return;
	}
	if (len == 3 && memcmp(p, "any", 3) == 0) {
		json_object(o);
		json_object_end(o);
	} else if (memchr(p, '|', len) != NULL) {
		words(o, p, len, null);
	} else {
		ref(o, p, len);
	}
}

static const char *fields(struct json_out *, const char *);

/* One type; returns what follows it. */
static const char *
type(struct json_out *o, const char *p)
{
	size_t len;
	bool null;

	if (*p == '{') {
		p = fields(o, p + 1);
		return p;
	}
	len = strcspn(p, " ");
	null = p[len - 1] == '?';
	if (*p == '[') {
		type_object(o, "array", false);
		json_key(o, "items");
		plain(o, p + 1, len - 2, false);
		json_object_end(o);
	} else {
		plain(o, p, len - null, null);
	}
	return p + len;
}

#define FIELDS_MAX 64

/* "name:type …" up to the end or a closing brace; returns what follows. */
static const char *
fields(struct json_out *o, const char *p)
{
	char name[64], need[FIELDS_MAX][64];
	unsigned n = 0;
	size_t len;

	json_object(o);
	json_kcstr(o, "type", "object");
	json_kobject(o, "properties");
	for (p += strspn(p, " "); *p != '\0' && *p != '}';
	     p += strspn(p, " ")) {
		len = strcspn(p, ":");
		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		if (name[len - 1] == '~')
			name[len - 1] = '\0';
		else if (n < FIELDS_MAX)
			memcpy(need[n++], name, sizeof(name));
		json_key(o, name);
		p = type(o, p + len + 1);
	}
	json_object_end(o);
	json_karray(o, "required");
	for (unsigned i = 0; i < n; i++)
		json_cstr(o, need[i]);
	json_array_end(o);
	json_object_end(o);
	return *p == '}' ? p + 1 : p;
}

static void
ref(struct json_out *o, const char *name, size_t len)
{
	char text[96];

	snprintf(text, sizeof(text), "#/components/schemas/%.*s", (int)len,
	    name);
	json_object(o);
	json_kcstr(o, "$ref", text);
	json_object_end(o);
}

static void
components(struct json_out *o)
{
	json_kobject(o, "components");
	json_kobject(o, "schemas");
	for (const struct schema *s = schemas(); s->name != NULL; s++) {
		json_key(o, s->name);
		if (s->text != NULL) {
			(void)fields(o, s->text);
			continue;
		}
		json_object(o);
		json_object_end(o);
	}
	json_object_end(o);
	json_kobject(o, "securitySchemes");
	json_kobject(o, "bearer");
	json_kcstr(o, "type", "http");
	json_kcstr(o, "scheme", "bearer");
	json_object_end(o);
	json_kobject(o, "cookie");
	json_kcstr(o, "type", "apiKey");
	json_kcstr(o, "in", "cookie");
	json_kcstr(o, "name", "hashscope");
	json_object_end(o);
	json_object_end(o);
	json_object_end(o);
}

/* --- operations --- */

static void
param_schema(struct json_out *o, const struct param *p)
{
	json_kobject(o, "schema");
	switch (p->type) {
	case P_UINT:
		json_kcstr(o, "type", "integer");
		json_kuint(o, "minimum", p->min);
		json_kuint(o, "maximum", p->max);
		if (p->dflt != 0)
			json_kuint(o, "default", p->dflt);
		break;
	case P_POS:
		json_kcstr(o, "type", "string");
		json_kcstr(o, "pattern", "^[0-9]+$");
		break;
	case P_BOOL:
		json_kcstr(o, "type", "boolean");
		break;
	case P_TEXT:
		json_kcstr(o, "type", "string");
		json_kuint(o, "maxLength", p->max);
		break;
	case P_TIME:
		json_kcstr(o, "type", "string");
		json_kcstr(o, "format", "date-time");
		break;
	case P_UUID:
		json_kcstr(o, "type", "string");
		json_kcstr(o, "format", "uuid");
		break;
	case P_ENUM:
		json_kcstr(o, "type", "string");
		json_karray(o, "enum");
		for (unsigned i = 0; p->values[i] != NULL; i++)
			json_cstr(o, p->values[i]);
		json_array_end(o);
		break;
	}
	json_object_end(o);
}

/* The {…} of a path. */
static void
path_params(struct json_out *o, const char *path)
{
	char name[64];

	for (const char *p = path; (p = strchr(p, '{')) != NULL; p++) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, "}"),
		    p + 1);
		json_object(o);
		json_kcstr(o, "name", name);
		json_kcstr(o, "in", "path");
		json_kbool(o, "required", true);
		json_kobject(o, "schema");
		json_kcstr(o, "type", "string");
		json_object_end(o);
		json_object_end(o);
	}
}

static void
parameters(struct json_out *o, const struct route *r)
{
	json_karray(o, "parameters");
	path_params(o, r->path);
	for (const struct param *p = r->params; p != NULL && p->name != NULL;
	     p++) {
		json_object(o);
		json_kcstr(o, "name", p->name);
		json_kcstr(o, "in", "query");
		json_kcstr(o, "description", p->about);
		param_schema(o, p);
		json_object_end(o);
	}
	json_array_end(o);
}

/* "content": { type: { "schema": … } } */
static void
content(struct json_out *o, const char *mime, const char *schema, bool array)
{
	json_kobject(o, "content");
	json_kobject(o, mime);
	json_key(o, "schema");
	if (schema == NULL) {
		type_object(o, "string", false);
		json_object_end(o);
	} else if (array) {
		type_object(o, "array", false);
		json_key(o, "items");
		ref(o, schema, strlen(schema));
		json_object_end(o);
	} else {
		ref(o, schema, strlen(schema));
	}
	json_object_end(o);
	json_object_end(o);
}

static void
responses(struct json_out *o, const struct route *r)
{
	json_kobject(o, "responses");
	json_kobject(o, "200");
	json_kcstr(o, "description", r->about);
	content(o, r->type == NULL ? "application/json" : r->type, r->answer,
	    (r->flags & ROUTE_LIST) != 0);
	json_object_end(o);
	if (r->answer != NULL && strcmp(r->answer, "Health") == 0) {
		json_kobject(o, "503");
		json_kcstr(o, "description", "Something is ill.");
		content(o, "application/json", "Health", false);
		json_object_end(o);
	}
	json_kobject(o, "default");
	json_kcstr(o, "description", "Why not.");
	content(o, "application/json", "Error", false);
	json_object_end(o);
	json_object_end(o);
}

static void
security(struct json_out *o, const struct route *r)
{
	json_karray(o, "security");
	if (r->role != ACT_ROLE_NONE) {
		json_object(o);
		json_karray(o, "bearer");
		json_array_end(o);
		json_object_end(o);
		json_object(o);
		json_karray(o, "cookie");
		json_array_end(o);
		json_object_end(o);
	}
	json_array_end(o);
	json_kcstr(o, "x-role",
	    r->role == ACT_ROLE_NONE ? "none" : act_role_name(r->role));
}

static void
operation(struct json_out *o, const struct route *r)
{
	const char *method = r->method[0] == 'G' ? "get" :
	    r->method[0] == 'P'                  ? "post" :
						   "delete";

	json_kobject(o, method);
	json_kcstr(o, "summary", r->about);
	parameters(o, r);
	if (r->body != NULL) {
		json_kobject(o, "requestBody");
		content(o, "application/json", r->body, false);
		json_object_end(o);
	}
	responses(o, r);
	security(o, r);
	json_object_end(o);
}

/* The path had its turn with an earlier row. */
static bool
came_before(const struct route *r)
{
	for (const struct route *t = route_table(); t != r; t++)
		if (strcmp(t->path, r->path) == 0)
			return true;
	return false;
}

void
openapi_write(struct json_out *o, const char *version)
{
	json_object(o);
	json_kcstr(o, "openapi", "3.1.0");
	json_kobject(o, "info");
	json_kcstr(o, "title", "HashScope");
	json_kcstr(o, "version", version);
	json_kcstr(o, "description",
	    "WebSockets are at /api/ws and /api/ws/agents; see "
	    "hashscope-api(7).");
	json_object_end(o);
	json_kobject(o, "paths");
	for (const struct route *r = route_table(); r->method != NULL; r++) {
		if (came_before(r) || r->flags & ROUTE_HIDDEN)
			continue;
		json_kobject(o, r->path);
		for (const struct route *t = r; t->method != NULL; t++)
			if (strcmp(t->path, r->path) == 0)
				operation(o, t);
		json_object_end(o);
	}
	json_object_end(o);
	components(o);
	json_object_end(o);
}

/* --- for people --- */

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<title>HashScope: the API</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"><style>"
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;"
    "padding:0 1em}code,h2{font-family:monospace}h2{font-size:1em;"
    "margin:1.5em 0 .2em;background:#eef;padding:.3em}"
    "dt{font-family:monospace}dd{margin:0 0 .3em 2em}.r{color:#666}"
    "</style></head><body><h1>HashScope: the API</h1>"
    "<p>For programs: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI "
    "3.1). In full: hashscope-api(7). Errors are <code>{\"detail\": "
    "…}</code>. Credentials are a cookie (<code>POST /api/login</code>) or "
    "<code>Authorization: Bearer TOKEN</code>. WebSockets: <code>/api/ws"
    "</code>, <code>/api/ws/agents</code>.</p>\n";

static void
html_route(FILE *f, const struct route *r)
{
	fprintf(f, "<h2>%s %s</h2><p>%s <span class=\"r\">", r->method, r->path,
	    r->about);
	if (r->role == ACT_ROLE_NONE)
		fputs("Open to all.", f);
	else
		fprintf(f, "Takes the role %s.", act_role_name(r->role));
	if (r->answer != NULL && strcmp(r->answer, "Any") != 0)
		fprintf(f, " Answers %s%s.",
		    r->flags & ROUTE_LIST ? "an array of " : "", r->answer);
	if (r->body != NULL)
		fprintf(f, " Takes %s.", r->body);
	fputs("</span></p>", f);
	if (r->params == NULL)
		return;
	fputs("<dl>", f);
	for (const struct param *p = r->params; p->name != NULL; p++)
		fprintf(f, "<dt>%s</dt><dd>%s</dd>", p->name, p->about);
	fputs("</dl>\n", f);
}

char *
openapi_html(size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (f == NULL)
		return NULL;
	fputs(html_head, f);
	for (const struct route *r = route_table(); r->method != NULL; r++)
		if (!(r->flags & ROUTE_HIDDEN))
			html_route(f, r);
	fputs("<h1>Objects</h1><dl>", f);
	for (const struct schema *s = schemas(); s->name != NULL; s++)
		if (s->text != NULL)
			fprintf(f, "<dt>%s</dt><dd><code>%s</code></dd>",
			    s->name, s->text);
	fputs("</dl></body></html>\n", f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
