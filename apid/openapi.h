/*
 * The reference, written from the table of routes.
 */
#ifndef APID_OPENAPI_H
#define APID_OPENAPI_H

#include "common/json.h"

/* OpenAPI 3.1 */
void openapi_write(struct json_out *, const char *version);
/* A page for people; of malloc(), NULL without memory. */
char *openapi_html(size_t *len);

/* --- schema.c --- */
struct schema {
	const char *name; /* "Session" */
	const char *text; /* JSON Schema */
};
/* Ends with a name of NULL. */
const struct schema *schemas(void);

#endif
