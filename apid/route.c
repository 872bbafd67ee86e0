/*
 * From a method and a path to a handler: who may, what the query string must
 * look like, and what is said when there is none.
 */
#include <stdio.h>
#include <string.h>

#include "apid/get.h"
#include "apid/page.h"
#include "apid/request.h"

bool
route_match(const char *pattern, const char *path, char (*ids)[160],
    unsigned nids)
{
	unsigned n = 0;
	size_t len;

	while (*pattern != '\0') {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		pattern = strchr(pattern, '}') + 1;
		len = strcspn(path, "/");
		if (len == 0 || len >= sizeof(ids[0]) || n == nids)
			return false;
		memcpy(ids[n], path, len);
		ids[n++][len] = '\0';
		path += len;
	}
	return *path == '\0';
}

static const char *
method_of(const struct request *r)
{
	return strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
}

/* The row of path and method; or *other, one of the path alone. */
static const struct route *
find(struct request *r, const struct route **other)
{
	const char *method = method_of(r);

	*other = NULL;
	for (const struct route *t = route_table(); t->method != NULL; t++) {
		if (!route_match(t->path, r->target, r->id, REQUEST_IDS))
			continue;
		if (strcmp(t->method, method) == 0)
			return t;
		*other = t;
	}
	return NULL;
}

/* "GET, HEAD, POST, OPTIONS" */
static void
allowed(const struct request *r, char *out, size_t size)
{
	char ids[REQUEST_IDS][160];

	snprintf(out, size, "OPTIONS");
	for (const struct route *t = route_table(); t->method != NULL; t++)
		if (route_match(t->path, r->target, ids, REQUEST_IDS))
			snprintf(out + strlen(out), size - strlen(out),
			    ", %s%s", t->method,
			    strcmp(t->method, "GET") == 0 ? ", HEAD" : "");
}

static void
options(struct request *r)
{
	char methods[128];

	allowed(r, methods, sizeof(methods));
	reply_header(r, "Allow", "%s", methods);
	if (r->origin == ORIGIN_LISTED || r->origin == ORIGIN_ANY) {
		reply_header(r, "Access-Control-Allow-Methods", "%s", methods);
		reply_header(r, "Access-Control-Allow-Headers",
		    "Content-Type, Authorization");
		reply_header(r, "Access-Control-Max-Age", "600");
	}
	reply_empty(r, 204);
}

static void
call(struct request *r)
{
	char why[256];
	const char *bad = query_parse(r, why, sizeof(why));

	if (bad != NULL)
		reply_error(r, 422, "%s", bad);
	else
		r->route->handler(r);
}

/*
 * What is an act is asked of auth all the same: it knows the role itself,
 * refuses, and has it in the audit log.  What comes of it otherwise, such as
 * a body that is wrong, is a refusal as well.
 */
static void
refuse(struct request *r)
{
	if (refuse_pass_on(r->api, act_is_audited(r->route))) {
		call(r);
		if (r->answer == NULL)
			return;
	}
	reply_error(r, 403, "this takes the role %s",
	    act_role_name(r->route->role));
}

static void
on_identity(void *arg, const struct act_identity *id)
{
	struct request *r = arg;

	r->me = *id;
	if (id->status == 503)
		reply_error(r, 503, "the auth process is not running");
	else if (id->status == 429)
		reply_error(r, 429, "too many wrong credentials");
	else if (id->status != 200)
		reply_error(r, 401, "log in first");
	else if (id->role < r->route->role)
		refuse(r);
	else
		call(r);
}

static void
not_found(struct request *r, const struct route *other)
{
	char methods[128];

	if (other != NULL) {
		allowed(r, methods, sizeof(methods));
		reply_header(r, "Allow", "%s", methods);
		reply_error(r, 405, "this takes another method: %s", methods);
	} else if (strcmp(method_of(r), "GET") == 0 &&
	    strncmp(r->target, "/api/", 5) != 0) {
		page_file(r);
	} else {
		reply_error(r, 404, "there is no %s", r->target);
	}
}

void
route_request(struct request *r)
{
	const struct route *other;

	if (strcmp(r->method, "OPTIONS") == 0) {
		options(r);
		return;
	}
	r->route = find(r, &other);
	if (r->route == NULL) {
		not_found(r, other);
		return;
	}
	if (r->form && strcmp(r->method, "POST") == 0) {
		refuse_count(r->api, REFUSED_FORM, r->hc->peer,
		    (struct span){ r->target, strlen(r->target) });
		reply_error(r, 403, "forms are not taken: send JSON");
		return;
	}
	if (r->route->role == ACT_ROLE_NONE) {
		call(r);
		return;
	}
	r->identify.fn = on_identity;
	r->identify.arg = r;
	(void)guard_identify(r->api, &r->identify);
}
