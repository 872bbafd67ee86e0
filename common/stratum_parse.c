/*
 * yajl's SAX interface with a handle that is used again and again, which
 * costs a few hundred nanoseconds a message.
 *
 * Two things yajl does not do are done here.  It has no depth limit: arrays
 * and objects are counted.  It does not check its allocations: it gets them
 * from an arena that no line of STRATUM_LINE_MAX bytes can exhaust.
 *
 * With yajl_allow_multiple_values a handle is ready for the next line after
 * one that was complete and valid; after any other it is made anew, which in
 * the arena costs next to nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/stratum_parse.h"
#include "common/stratum_scan.h"
#include "common/utf8.h"

/*
 * yajl keeps three growing buffers: one with decoded strings and one with a
 * token that the end of the text cuts, both doubling from 2 KiB to at most
 * four times the line, and a byte per level.  Untouched pages cost nothing.
 */
#define ARENA_SIZE  (20u * STRATUM_LINE_MAX)
#define ARENA_ALIGN 16u

static void *
arena_alloc(void *ctx, size_t n)
{
	struct stratum_parser *p = ctx;
	unsigned char *at = p->arena + p->arena_used;

	n = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (n > ARENA_SIZE - ARENA_ALIGN - p->arena_used)
		return NULL;
	memcpy(at, &n, sizeof(n));
	p->arena_used += ARENA_ALIGN + n;
	return at + ARENA_ALIGN;
}

static void *
arena_realloc(void *ctx, void *old, size_t n)
{
	size_t size;
	void *new;

	if (old != NULL) {
		memcpy(&size, (unsigned char *)old - ARENA_ALIGN, sizeof(size));
		if (size >= n)
			return old;
	}
	new = arena_alloc(ctx, n);
	if (new != NULL && old != NULL)
		memcpy(new, old, size);
	return new;
}

/* All of it is given back at once, by beginning again. */
static void
arena_free(void *ctx, void *ptr)
{
}

static size_t
position(const struct stratum_parser *p)
{
	return yajl_get_bytes_consumed(p->yajl);
}

/* Is this a member of the object that counts, the first one? */
static bool
is_member(const struct stratum_parser *p)
{
	return p->depth == 1 && !p->complete;
}

static uint64_t
id_hash(const char *s, size_t len, uint8_t type)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ type;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void
set_id(struct stratum_parser *p, enum stratum_id_type type, const char *s,
    size_t len)
{
	struct stratum_id *id = &p->msg->id;

	id->type = (uint8_t)type;
	id->len = (uint32_t)len;
	id->hash = id_hash(s, len, id->type);
	memcpy(id->text, s, len < STRATUM_ID_MAX ? len : STRATUM_ID_MAX);
}

/* As it is written: the value that ends at the parser's position. */
static void
set_raw_id(struct stratum_parser *p, size_t start)
{
	p->msg->raw_id = p->line + start;
	p->msg->raw_id_len = (uint32_t)(position(p) - start);
}

static void
id_number(struct stratum_parser *p, const char *s, size_t len)
{
	set_raw_id(p, position(p) - len);
	if (memchr(s, '.', len) != NULL || memchr(s, 'e', len) != NULL ||
	    memchr(s, 'E', len) != NULL)
		set_id(p, STRATUM_ID_OTHER, s, len);
	else if (len == 2 && memcmp(s, "-0", 2) == 0)
		set_id(p, STRATUM_ID_INT, "0", 1);
	else
		set_id(p, STRATUM_ID_INT, s, len);
}

static void
id_string(struct stratum_parser *p, const char *s, size_t len)
{
	const char *from = p->line + p->key_end;
	const char *quote = memchr(from, '"', position(p) - p->key_end);

	set_raw_id(p, (size_t)(quote - p->line));
	set_id(p, STRATUM_ID_STRING, s, len);
}

static void
take_id(struct stratum_parser *p, enum type type, const char *s, size_t len)
{
	switch (type) {
	case T_NULL:
		set_raw_id(p, position(p) - 4);
		set_id(p, STRATUM_ID_NULL, "", 0);
		break;
	case T_TRUE:
	case T_FALSE:
		len = type == T_TRUE ? 4 : 5;
		set_raw_id(p, position(p) - len);
		set_id(p, STRATUM_ID_OTHER, p->msg->raw_id, len);
		break;
	case T_NUMBER:
		id_number(p, s, len);
		break;
	case T_STRING:
		id_string(p, s, len);
		break;
	case T_NESTED: /* known when it ends */
		p->msg->raw_id = p->line + position(p) - 1;
		p->in_id = true;
		break;
	case T_NONE:
		break;
	}
}

static void
take_method(struct stratum_parser *p, enum type type, const char *s, size_t len)
{
	struct stratum_msg *m = p->msg;

	if (type == T_STRING) {
		m->method = (uint8_t)stratum_method_find(s, len);
		m->method_len = (uint8_t)utf8_copy(m->method_text,
		    sizeof(m->method_text), s, len);
	} else if (type != T_NULL)
		m->flags |= STRATUM_F_ODD_METHOD;
}

static void
take_result(struct stratum_parser *p, enum type type)
{
	uint16_t f = STRATUM_F_HAS_RESULT;

	if (type == T_TRUE)
		f |= STRATUM_F_RESULT_TRUE;
	else if (type == T_FALSE)
		f |= STRATUM_F_RESULT_FALSE;
	else if (type == T_NULL)
		f |= STRATUM_F_RESULT_NULL;
	p->msg->flags |= f;
}

/* The value of a member of the object.  s, len: of numbers and strings. */
static void
take_member(struct stratum_parser *p, enum type type, const char *s, size_t len)
{
	switch (p->key) {
	case K_ID:
		take_id(p, type, s, len);
		break;
	case K_METHOD:
		take_method(p, type, s, len);
		break;
	case K_RESULT:
		take_result(p, type);
		break;
	case K_ERROR:
		if (type != T_NULL && type != T_FALSE)
			p->msg->flags |= STRATUM_F_ERROR;
		break;
	case K_REJECT:
		p->reject = type != T_NULL;
		break;
	case K_PARAMS:
	case K_OTHER:
		break;
	}
	p->key = K_OTHER;
}

static void
take_param(struct stratum_parser *p, enum type type, const char *s, size_t len)
{
	uint32_t n = p->msg->n_params++;
	struct param *to = &p->param[n & 1];

	if (n > 1)
		return;
	to->type = type;
	to->s = s;
	to->len = len;
	/* What had escapes lies in a buffer that the next one overwrites. */
	if (len > 0 && (s < p->line || s >= p->line + p->len)) {
		to->len = utf8_copy(to->copy, sizeof(to->copy), s, len);
		to->s = to->copy;
	}
}

/* Any value.  0 ends the parsing: nothing but objects may stand alone. */
static int
take_value(struct stratum_parser *p, enum type type, const char *s, size_t len)
{
	if (p->depth == 0)
		return 0;
	if (is_member(p))
		take_member(p, type, s, len);
	else if (p->depth == 2 && p->in_params)
		take_param(p, type, s, len);
	p->any_method_key = false;
	return 1;
}

static int
on_null(void *ctx)
{
	return take_value(ctx, T_NULL, NULL, 0);
}

static int
on_boolean(void *ctx, int value)
{
	return take_value(ctx, value ? T_TRUE : T_FALSE, NULL, 0);
}

static int
on_number(void *ctx, const char *s, size_t len)
{
	return take_value(ctx, T_NUMBER, s, len);
}

static void
check_secret(struct stratum_parser *p, const char *s, size_t len)
{
	const char *secret;
	size_t i;

	for (i = 0; (secret = stratum_secret_method(i)) != NULL; i++)
		if (strlen(secret) == len && strncasecmp(secret, s, len) == 0)
			p->msg->flags |= STRATUM_F_SENSITIVE;
}

static int
on_string(void *ctx, const unsigned char *s, size_t len)
{
	struct stratum_parser *p = ctx;

	if (p->any_method_key)
		check_secret(p, (const char *)s, len);
	return take_value(p, T_STRING, (const char *)s, len);
}

static enum key
find_key(const char *s, size_t len)
{
	switch (len) {
	case 2:
		return memcmp(s, "id", 2) == 0 ? K_ID : K_OTHER;
	case 5:
		return memcmp(s, "error", 5) == 0 ? K_ERROR : K_OTHER;
	case 6:
		return memcmp(s, "params", 6) == 0 ? K_PARAMS :
		    memcmp(s, "method", 6) == 0    ? K_METHOD :
		    memcmp(s, "result", 6) == 0    ? K_RESULT :
						     K_OTHER;
	case 13:
		return memcmp(s, "reject-reason", 13) == 0 ? K_REJECT : K_OTHER;
	default:
		return K_OTHER;
	}
}

/* The key came before: the last one wins, so the first one never was. */
static void
forget_member(struct stratum_parser *p, enum key key)
{
	struct stratum_msg *m = p->msg;
	uint16_t off = 0;

	m->flags |= STRATUM_F_DUP_KEY;
	if (key == K_ID) {
		set_id(p, STRATUM_ID_NONE, "", 0);
	} else if (key == K_METHOD) {
		m->method = STRATUM_M_NONE;
		m->method_len = 0;
		m->method_text[0] = '\0';
		off = STRATUM_F_ODD_METHOD;
	} else if (key == K_PARAMS) {
		m->n_params = 0;
		p->param[0].type = p->param[1].type = T_NONE;
	} else if (key == K_RESULT)
		off = STRATUM_F_RESULT_TRUE | STRATUM_F_RESULT_FALSE |
		    STRATUM_F_RESULT_NULL;
	else if (key == K_ERROR)
		off = STRATUM_F_ERROR;
	m->flags &= (uint16_t)~off;
}

static int
on_key(void *ctx, const unsigned char *key, size_t len)
{
	struct stratum_parser *p = ctx;
	const char *s = (const char *)key;
	unsigned int bit;

	p->any_method_key = len == 6 && strncasecmp(s, "method", 6) == 0;
	if (!is_member(p))
		return 1;
	p->key = find_key(s, len);
	p->key_end = position(p);
	bit = 1u << p->key;
	if (p->key != K_OTHER && (p->seen & bit))
		forget_member(p, p->key);
	p->seen |= bit;
	return 1;
}

static int
enter(struct stratum_parser *p)
{
	if (p->depth == STRATUM_DEPTH_MAX) {
		p->too_deep = true;
		return 0;
	}
	p->depth++;
	return 1;
}

static int
on_open_object(void *ctx)
{
	struct stratum_parser *p = ctx;

	if (p->depth == 0) {
		p->object_start = position(p) - 1;
		if (p->complete)
			p->msg->flags |= STRATUM_F_MULTIPLE;
	} else
		take_value(p, T_NESTED, NULL, 0);
	return enter(p);
}

static int
on_open_array(void *ctx)
{
	struct stratum_parser *p = ctx;
	bool params = is_member(p) && p->key == K_PARAMS;

	if (!take_value(p, T_NESTED, NULL, 0))
		return 0;
	p->in_params |= params;
	return enter(p);
}

static int
on_close(void *ctx)
{
	struct stratum_parser *p = ctx;

	p->depth--;
	if (p->depth == 1) {
		p->in_params = false;
		if (p->in_id) {
			set_raw_id(p, (size_t)(p->msg->raw_id - p->line));
			set_id(p, STRATUM_ID_OTHER, p->msg->raw_id,
			    p->msg->raw_id_len);
			p->in_id = false;
		}
	} else if (p->depth == 0) {
		p->complete = true;
		p->object_end = position(p);
	}
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_open_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close,
};

/* A fresh handle in an empty arena; this much always fits. */
static void
renew(struct stratum_parser *p)
{
	yajl_alloc_funcs funcs = { arena_alloc, arena_realloc, arena_free, p };

	p->arena_used = 0;
	p->yajl = yajl_alloc(&callbacks, &funcs, p);
	yajl_config(p->yajl, yajl_dont_validate_strings, 1);
	yajl_config(p->yajl, yajl_allow_multiple_values, 1);
}

struct stratum_parser *
stratum_parser_new(void)
{
	struct stratum_parser *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	if ((p->arena = malloc(ARENA_SIZE)) == NULL) {
		free(p);
		return NULL;
	}
	renew(p);
	return p;
}

void
stratum_parser_free(struct stratum_parser *p)
{
	if (p == NULL)
		return;
	free(p->arena);
	free(p);
}

static void
begin(struct stratum_parser *p, const char *line, size_t len,
    struct stratum_msg *m)
{
	p->line = line;
	p->len = len;
	p->msg = m;
	p->depth = 0;
	p->key = K_OTHER;
	p->seen = 0;
	p->any_method_key = p->complete = p->in_params = p->in_id = false;
	p->reject = p->too_deep = false;
	p->object_start = p->object_end = 0;
	p->param[0].type = p->param[1].type = T_NONE;
}

/*
 * yajl is content with the beginning of a token behind the last object, and
 * would take it for that of the next line.
 */
static bool
is_at_end(const struct stratum_parser *p)
{
	return p->complete && p->depth == 0 &&
	    scan_blanks(p->line, p->object_end, p->len) == p->len;
}

bool
stratum_parse(struct stratum_parser *p, const char *line, size_t len,
    struct stratum_msg *m)
{
	yajl_status status;

	begin(p, line, len, m);
	status = yajl_parse(p->yajl, (const unsigned char *)line, len);
	if (status == yajl_status_ok && is_at_end(p))
		return true;
	p->end = position(p);
	renew(p);
	return false;
}
