/*
 * The console's files as they lie in the pack, with ETags and compressed
 * when the client takes that; and what there is without a pack.
 */
#include <stdio.h>
#include <string.h>

#include "apid/openapi.h"
#include "apid/page.h"
#include "apid/request.h"

static const char no_console[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<title>HashScope</title>"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<style>body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;"
    "padding:0 1em}code{background:#eee;padding:.1em .3em}</style></head>"
    "<body><h1>HashScope is running</h1>"
    "<p>The web console has not been built into this installation. To build "
    "it, install Node.js and run <code>make ui</code>, then <code>make</code>"
    " and start <code>hashscoped</code> again.</p>"
    "<p>Everything it shows is here, too: <a href=\"/docs\">the reference of "
    "the API</a>, <a href=\"/health\">/health</a>, "
    "<a href=\"/metrics\">/metrics</a>, and on this machine "
    "<code>hashscopectl show summary</code>.</p></body></html>\n";

static bool
accepts(const struct request *r, const char *header, const char *word)
{
	const char *v = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND,
	    header);

	return v != NULL && strcasestr(v, word) != NULL;
}

static void
send_file(struct request *r, const struct pack_file *f)
{
	const char *match = MHD_lookup_connection_value(r->conn,
	    MHD_HEADER_KIND, "If-None-Match");
	bool gzip = f->gzip_len > 0 && accepts(r, "Accept-Encoding", "gzip");
	char what[96];

	reply_header(r, "ETag", "%s", f->etag);
	reply_header(r, "Cache-Control",
	    f->immutable ? "public, max-age=31536000, immutable" : "no-cache");
	if (f->gzip_len > 0)
		reply_header(r, "Vary", "Accept-Encoding");
	if (match != NULL &&
	    (strstr(match, f->etag) != NULL || strcmp(match, "*") == 0)) {
		reply_empty(r, 304);
		return;
	}
	if (gzip)
		reply_header(r, "Content-Encoding", "gzip");
	snprintf(what, sizeof(what), "%.*s", (int)f->type_len, f->type);
	if (gzip)
		reply_static(r, 200, what, f->gzip, f->gzip_len);
	else
		reply_static(r, 200, what, f->body, f->len);
}

/* A path of the console's own: no file of that kind would be one. */
static bool
is_view(const char *path)
{
	return strchr(strrchr(path, '/'), '.') == NULL;
}

/* The file of a path: itself, the index of a directory, a page of the manual
 * without its ending; a path of the console's own is index.html. */
static bool
find_file(const struct pack *k, const char *path, struct pack_file *f)
{
	size_t n = strlen(path);
	char other[512];

	if (path[0] != '/' || n > sizeof(other) - 16)
		return false;
	if (pack_find(k, path, f))
		return true;
	snprintf(other, sizeof(other), "%s%s", path,
	    path[n - 1] == '/' ? "index.html" : ".html");
	if (pack_find(k, other, f))
		return true;
	return is_view(path) && strncmp(path, "/docs/", 6) != 0 &&
	    pack_find(k, "/index.html", f);
}

void
page_file(struct request *r)
{
	const struct pack *k = &r->api->pack;
	struct pack_file f;

	if (find_file(k, r->target, &f))
		send_file(r, &f);
	else if (r->target[0] == '/' && k->p == NULL && is_view(r->target))
		reply_static(r, 200, "text/html; charset=utf-8", no_console,
		    sizeof(no_console) - 1);
	else
		reply_error(r, 404, "there is no %s", r->target);
}

/* A browser gets the console, a program the words that the original had. */
void
page_root(struct request *r)
{
	if (accepts(r, "Accept", "text/html")) {
		page_file(r);
		return;
	}
	reply_header(r, "Vary", "Accept");
	json_object(&r->out);
	json_kcstr(&r->out, "name", "HashScope API");
	json_kcstr(&r->out, "version", r->api->set.conf.version);
	json_kcstr(&r->out, "docs", "/docs");
	json_object_end(&r->out);
	reply_json(r, 200);
}

void
page_openapi(struct request *r)
{
	openapi_write(&r->out, r->api->set.conf.version);
	reply_json(r, 200);
}

void
page_docs(struct request *r)
{
	struct pack_file f;
	char *text;
	size_t n;

	if (pack_find(&r->api->pack, "/docs/index.html", &f)) {
		/* Its pages refer to each other by relative names. */
		reply_header(r, "Location", "/docs/");
		reply_empty(r, 302);
		return;
	}
	text = openapi_html(&n);
	if (text == NULL)
		reply_error(r, 503, "out of memory");
	else
		reply_owned(r, 200, "text/html; charset=utf-8", text, n);
}
