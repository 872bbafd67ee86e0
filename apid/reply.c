/*
 * Answers: JSON, errors, bytes that lie still, streams; and the headers that
 * all of them have.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/request.h"

#define STREAM_BLOCK (32u * 1024u)

/*
 * The page may load and connect to nothing but us, nobody may frame it, and
 * nothing is told where it leads.
 */
static const char csp[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static void
set_answer(struct request *r, unsigned status, struct MHD_Response *m)
{
	if (r->answer != NULL)
		MHD_destroy_response(r->answer);
	r->answer = m;
	r->status = status;
	if (m != NULL)
		request_done(r);
}

static void
type(struct MHD_Response *m, const char *text)
{
	if (m != NULL)
		MHD_add_response_header(m, "Content-Type", text);
}

void
reply_owned(struct request *r, unsigned status, const char *what, void *p,
    size_t len)
{
	struct MHD_Response *m = MHD_create_response_from_buffer(len, p,
	    MHD_RESPMEM_MUST_FREE);

	if (m == NULL)
		free(p);
	type(m, what);
	if (m != NULL)
		set_answer(r, status, m);
	else
		reply_empty(r, 503);
}

void
reply_static(struct request *r, unsigned status, const char *what,
    const void *p, size_t len)
{
	struct MHD_Response *m = MHD_create_response_from_buffer(len,
	    (void *)(uintptr_t)p, MHD_RESPMEM_PERSISTENT);

	if (what != NULL)
		type(m, what);
	set_answer(r, status, m);
}

void
reply_empty(struct request *r, unsigned status)
{
	reply_static(r, status, NULL, "", 0);
}

void
reply_json(struct request *r, unsigned status)
{
	static const char sorry[] = "{\"detail\":\"out of memory\"}";
	size_t len;

	if (json_finish(&r->out, &len) == NULL) {
		reply_static(r, 503, "application/json", sorry,
		    sizeof(sorry) - 1);
		return;
	}
	/* The writer's buffer becomes the answer's. */
	reply_owned(r, status, "application/json", r->out.buf, len);
	r->out.buf = NULL;
	r->out.len = r->out.cap = 0;
}

void
reply_error(struct request *r, unsigned status, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_reset(&r->out);
	json_object(&r->out);
	json_kcstr(&r->out, "detail", text);
	json_object_end(&r->out);
	if (status == 401)
		reply_header(r, "WWW-Authenticate",
		    "Bearer realm=\"HashScope\"");
	reply_json(r, status);
}

void
reply_stream(struct request *r, const char *what,
    MHD_ContentReaderCallback reader)
{
	struct MHD_Response *m = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, STREAM_BLOCK, reader, r, NULL);

	type(m, what);
	if (m != NULL)
		set_answer(r, 200, m);
	else
		reply_error(r, 503, "out of memory");
}

void
reply_header(struct request *r, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	if (r->nheaders == REQUEST_HDR)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		return;
	r->header[r->nheaders].name = name;
	r->header[r->nheaders++].value = text;
}

static void
put_cors(struct request *r, struct MHD_Response *m)
{
	bool any = r->origin == ORIGIN_ANY;

	if (r->origin != ORIGIN_LISTED && !any)
		return;
	MHD_add_response_header(m, "Access-Control-Allow-Origin",
	    any ? "*" : r->origin_text);
	if (!any)
		MHD_add_response_header(m, "Access-Control-Allow-Credentials",
		    "true");
	MHD_add_response_header(m, "Access-Control-Expose-Headers",
	    "ETag, Link, Hashscope-Stopped-At, Hashscope-Complete, "
	    "Hashscope-Nostr");
	MHD_add_response_header(m, "Vary", "Origin");
}

void
reply_common(struct request *r, struct MHD_Response *m)
{
	static const char *const always[][2] = {
		{ "Content-Security-Policy", csp },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		MHD_add_response_header(m, always[i][0], always[i][1]);
	put_cors(r, m);
	for (unsigned i = 0; i < r->nheaders; i++)
		MHD_add_response_header(m, r->header[i].name,
		    r->header[i].value);
	/* What was captured, or who somebody is, is nobody's to keep. */
	if (MHD_get_response_header(m, "Cache-Control") == NULL)
		MHD_add_response_header(m, "Cache-Control", "no-store");
}
