/*
 * The message as a whole, and what all explanations are made with.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/explain_int.h"
#include "common/hex.h"
#include "common/utf8.h"

#define VALUE_MAX 4096 /* bytes of one value */

struct explain *
explain_new(void)
{
	struct explain *e = calloc(1, sizeof(*e));

	if (e != NULL && (e->coinbase = malloc(sizeof(*e->coinbase))) == NULL) {
		free(e);
		return NULL;
	}
	return e;
}

void
explain_free(struct explain *e)
{
	if (e == NULL)
		return;
	free(e->coinbase);
	free(e);
}

/* --- texts --- */

static const char *
keep(struct explain *e, const char *s, size_t len)
{
	char *at = e->text + e->used;
	size_t room = sizeof(e->text) - e->used;

	if (room < 3 * len + 1) {
		/* What is not UTF-8 may become three times as long. */
		e->full = true;
		return "";
	}
	e->used += utf8_copy(at, room, s, len) + 1;
	return at;
}

static const char *
keep_format(struct explain *e, const char *fmt, va_list ap)
{
	char buf[VALUE_MAX];
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);

	if (n < 0)
		return "";
	if ((size_t)n >= sizeof(buf)) {
		memcpy(buf + sizeof(buf) - 4, "...", 4);
		n = sizeof(buf) - 1;
	}
	return keep(e, buf, (size_t)n);
}

void
ex_title(struct explain *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	e->title = keep_format(e, fmt, ap);
	va_end(ap);
}

void
ex_summary(struct explain *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	e->summary = keep_format(e, fmt, ap);
	va_end(ap);
}

void
ex_note(struct explain *e, const char *fmt, ...)
{
	va_list ap;

	if (e->notes == EXPLAIN_NOTES) {
		e->full = true;
		return;
	}
	va_start(ap, fmt);
	e->note[e->notes++] = keep_format(e, fmt, ap);
	va_end(ap);
}

void
ex_field(struct explain *e, const char *name, const char *unit,
    const char *meaning, const char *fmt, ...)
{
	struct explain_field *f;
	va_list ap;

	if (e->fields == EXPLAIN_FIELDS) {
		e->full = true;
		return;
	}
	f = &e->field[e->fields++];
	f->name = keep(e, name, strlen(name));
	f->unit = unit;
	f->meaning = meaning;
	va_start(ap, fmt);
	f->value = keep_format(e, fmt, ap);
	va_end(ap);
}

/* --- values out of the tree --- */

static const char *
type_text(enum jtype t)
{
	static const char *const text[] = { "nothing", "null", "false", "true",
		"a number", "a string", "an array", "an object" };

	return text[t];
}

uint32_t
ex_param(const struct explaining *x, uint32_t i)
{
	return jtree_item(x->t, x->params, i);
}

void
ex_raw(struct explaining *x, uint32_t node, const char *name,
    const char *meaning)
{
	size_t len;
	const char *raw = jtree_raw(x->t, node, &len);

	if (node == JTREE_NONE)
		return;
	/* A login's password may be anywhere within. */
	if (x->in->msg->flags & STRATUM_F_SENSITIVE) {
		ex_field(x->e, name, "", meaning, "not shown");
		return;
	}
	ex_field(x->e, name, "json", meaning, "%.*s",
	    (int)(len < VALUE_MAX ? len : VALUE_MAX), raw);
}

void
ex_odd(struct explaining *x, uint32_t node, const char *name,
    const char *wanted)
{
	if (node == JTREE_NONE) {
		ex_note(x->e, "%s is missing", name);
		return;
	}
	ex_note(x->e, "%s is %s where %s is usual", name,
	    type_text(jtree_type(x->t, node)), wanted);
	ex_raw(x, node, name, "not as it should be");
}

bool
ex_str(struct explaining *x, uint32_t node, const char *name,
    const char *meaning)
{
	char buf[VALUE_MAX];
	long n = jtree_str(x->t, node, buf, sizeof(buf));

	if (n < 0) {
		ex_odd(x, node, name, "a string");
		return false;
	}
	/* A NUL inside is shown, not taken for the end. */
	for (long i = 0; i < n; i++)
		if (buf[i] == '\0')
			buf[i] = '?';
	ex_field(x->e, name, "", meaning, "%s", buf);
	return true;
}

const char *
ex_short(struct explaining *x, uint32_t node, char buf[256])
{
	char whole[VALUE_MAX];
	long n = jtree_name(x->t, node, whole, sizeof(whole));

	buf[0] = '\0';
	if (n > 0)
		utf8_copy(buf, 256, whole, (size_t)n);
	return buf;
}

bool
ex_number(struct explaining *x, uint32_t node, const char *name,
    const char *unit, const char *meaning, double *out)
{
	size_t len;
	const char *raw;

	if (jtree_double(x->t, node, out) == -1) {
		ex_odd(x, node, name, "a number");
		return false;
	}
	raw = jtree_raw(x->t, node, &len);
	ex_field(x->e, name, unit, meaning, "%.*s", (int)len, raw);
	return true;
}

bool
ex_u32(struct explaining *x, uint32_t node, const char *name,
    const char *meaning, uint32_t *out)
{
	size_t len;
	const char *s = jtree_plain(x->t, node, &len);

	if (s == NULL || hex_u32(s, len, out) == -1) {
		ex_odd(x, node, name, "a number of 8 hex digits");
		return false;
	}
	if (len != 8)
		ex_note(x->e, "%s has %zu hex digits where 8 are usual", name,
		    len);
	ex_field(x->e, name, "hex", meaning, "%.*s", (int)len, s);
	return true;
}

static bool
is_hex(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (hex_digit(s[i]) == -1)
			return false;
	return len % 2 == 0;
}

bool
ex_hex(struct explaining *x, uint32_t node, const char *name,
    const char *meaning, size_t *bytes)
{
	size_t len;
	const char *s = jtree_plain(x->t, node, &len);

	if (s == NULL || !is_hex(s, len)) {
		ex_odd(x, node, name, "hex");
		return false;
	}
	*bytes = len / 2;
	ex_field(x->e, name, "hex", meaning, "%.*s",
	    (int)(len < VALUE_MAX ? len : VALUE_MAX), s);
	return true;
}

void
ex_target(struct explaining *x, uint32_t node)
{
	struct u256 t;
	size_t len, n;
	const char *s = jtree_plain(x->t, node, &len);
	char buf[32];

	ex_hex(x, node, "target", "hashes up to this are shares", &n);
	if (s == NULL || target_of_hex(s, len, &t) == -1 || target_is_zero(&t))
		ex_note(x->e,
		    "the target is not a number of 64 hex digits "
		    "above zero");
	else
		ex_field(x->e, "difficulty", "", "the same as a difficulty",
		    "%s",
		    ex_difficulty(target_difficulty(&t, TARGET_BDIFF), buf));
}

const char *
ex_clock(uint32_t seconds, char buf[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(buf, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return buf;
}

bool
ex_time(struct explaining *x, uint32_t node, const char *meaning, uint32_t *out)
{
	char buf[32];

	if (!ex_u32(x, node, "ntime", meaning, out))
		return false;
	ex_field(x->e, "time", "", "ntime as people write it", "%s",
	    ex_clock(*out, buf));
	return true;
}

const char *
ex_difficulty(double d, char buf[32])
{
	static const char prefix[][3] = { "", " k", " M", " G", " T", " P",
		" E" };
	unsigned i = 0;

	while (d >= 1000 && i + 1 < sizeof(prefix) / sizeof(prefix[0])) {
		d /= 1000;
		i++;
	}
	snprintf(buf, 32, "%.5g%s", d, prefix[i]);
	return buf;
}

void
ex_extra(struct explaining *x, uint32_t n)
{
	uint32_t count = jtree_count(x->t, x->params);
	char name[32];

	if (!jtree_is(x->t, x->params, J_ARRAY) || count <= n)
		return;
	ex_note(x->e,
	    "it has %" PRIu32 " parameters where %" PRIu32 " are known", count,
	    n);
	for (; n < count && !x->e->full; n++) {
		snprintf(name, sizeof(name), "params[%" PRIu32 "]", n);
		ex_raw(x, ex_param(x, n), name, "not known");
	}
}

/* --- the message --- */

static bool
is_known_member(const struct jtree *t, uint32_t name)
{
	static const char *const known[] = { "id", "method", "params", "result",
		"error", "reject-reason", "jsonrpc" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (jtree_equals(t, name, known[i]))
			return true;
	return false;
}

/* What stands beside the members that JSON-RPC has. */
static void
note_members(struct explaining *x)
{
	uint32_t name = JTREE_NONE, v;
	char buf[256], field[300];

	while ((v = jtree_next(x->t, x->root, &name)) != JTREE_NONE)
		if (!is_known_member(x->t, name)) {
			ex_note(x->e, "it has a member \"%s\"",
			    ex_short(x, name, buf));
			snprintf(field, sizeof(field), "member.%s", buf);
			ex_raw(x, v, field, "not part of the protocol");
		}
}

static void
note_flags(struct explaining *x)
{
	const struct stratum_msg *m = x->in->msg;
	bool null_id = m->id.type == STRATUM_ID_NULL ||
	    m->id.type == STRATUM_ID_NONE;

	if (m->flags & STRATUM_F_MULTIPLE)
		ex_note(x->e,
		    "more than one object is on this line; the first "
		    "one is explained");
	if (m->flags & STRATUM_F_DUP_KEY)
		ex_note(x->e, "a member comes twice; the last one counts");
	if (m->flags & STRATUM_F_ODD_METHOD)
		ex_note(x->e, "its method is no string");
	if (m->error[0] != '\0')
		ex_note(x->e, "%s", m->error);
	if (m->kind == STRATUM_NOTIFICATION && !null_id)
		ex_note(x->e, "a notification with an id; no answer is meant");
	if (m->kind == STRATUM_NOTIFICATION && null_id &&
	    !stratum_method_notifies((enum stratum_method)m->method) &&
	    !x->in->to_miner)
		ex_note(x->e, "without an id nobody answers to it");
	if (m->id.type == STRATUM_ID_OTHER)
		ex_note(x->e, "its id is neither a number nor a string");
}

/* Methods that only the other side sends. */
static void
note_direction(struct explaining *x, enum stratum_method m)
{
	bool miners = explain_miner_fn(m) != NULL;
	bool pools = explain_pool_fn(m) != NULL;

	if (x->in->to_miner ? miners && !pools : pools && !miners)
		ex_note(x->e, "this method is usually sent by the %s",
		    x->in->to_miner ? "miner" : "pool");
}

static void
explain_other(struct explaining *x)
{
	ex_title(x->e, "%s, not a method of Stratum that is known here",
	    x->in->msg->method_text);
	ex_summary(x->e, "The %s calls %s, which is not explained.",
	    x->in->to_miner ? "pool" : "miner", x->in->msg->method_text);
	ex_raw(x, x->params, "params", "as it was sent");
}

static void
explain_call(struct explaining *x)
{
	enum stratum_method m = (enum stratum_method)x->in->msg->method;
	explain_fn *fn = x->in->to_miner ? explain_pool_fn(m) :
					   explain_miner_fn(m);

	x->params = jtree_member(x->t, x->root, "params");
	if (fn == NULL)
		fn = x->in->to_miner ? explain_miner_fn(m) : explain_pool_fn(m);
	if (fn == NULL)
		fn = explain_other;
	else if (!jtree_is(x->t, x->params, J_ARRAY) && x->params != JTREE_NONE)
		ex_odd(x, x->params, "params", "an array");
	fn(x);
	note_direction(x, m);
}

static void
explain_foreign(struct explaining *x)
{
	enum stratum_protocol p = (enum stratum_protocol)x->in->msg->protocol;

	ex_title(x->e, "not Stratum: %s", stratum_protocol_name(p));
	ex_summary(x->e, "This is another protocol: %s.",
	    stratum_protocol_hint(p));
}

static void
explain_no_object(struct explaining *x)
{
	const struct stratum_msg *m = x->in->msg;

	ex_title(x->e, "%s",
	    m->kind == STRATUM_NOT_OBJECT ? "JSON, but no message" :
					    "not JSON");
	ex_summary(x->e,
	    "A Stratum message is one JSON object on a line; "
	    "this is none.");
}

static void
explain_begin(struct explain *e)
{
	e->title = e->summary = "";
	e->fields = e->notes = 0;
	e->full = false;
	e->used = 0;
}

void
explain_message(struct explain *e, const struct explain_input *in)
{
	static struct jtree none; /* empty */
	struct explaining x = { .e = e, .in = in };

	explain_begin(e);
	x.t = in->tree != NULL ? in->tree : &none;
	x.root = jtree_root(x.t);
	if (in->msg->kind == STRATUM_FOREIGN)
		explain_foreign(&x);
	else if (in->msg->kind < STRATUM_REQUEST)
		explain_no_object(&x);
	else if (in->tree == NULL) {
		ex_title(e, "%s, too large to be explained",
		    stratum_kind_name((enum stratum_kind)in->msg->kind));
		ex_summary(e,
		    "It has more values than are looked at, or is "
		    "broken off.");
	} else if (in->msg->kind == STRATUM_RESPONSE)
		explain_response(&x);
	else
		explain_call(&x);
	if (in->tree != NULL && in->msg->kind >= STRATUM_REQUEST)
		note_members(&x);
	note_flags(&x);
	if (in->share != NULL)
		explain_share(e, in->share);
	for (unsigned i = 0; i < in->n_more; i++)
		ex_note(e, "%s", in->more[i]);
}
