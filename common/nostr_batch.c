/*
 * Batches.  Whatever occurs more than once stands in a list of its own, and
 * a row is one string of numbers and hex, without quotes that the event
 * around it would have to escape: about 60 bytes a share.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_share.h"
#include "common/record.h"

#define VALUES_MAX 1900 /* of JTREE_MAX, with a little room */
#define FIELD_MAX  64   /* digits of an extranonce2 */
#define HEAD_BYTES 256  /* the names, brackets and the run around it all */
#define ROW_MAX    300

/* Strings by number. */
struct dict {
	struct mbuf raw;
	struct {
		uint32_t hash, at, len;
	} item[NOSTR_ROWS_MAX];
	unsigned n;
};

enum {
	D_POOL,
	D_SESSION,
	D_WORKER,
	D_JOB,
	D_ODD,
	D_ROW,
	D_DROPPED,
	DICTS
};

static const char *const dict_names[DICTS] = { "pools", "sessions", "workers",
	"jobs", "odd", "rows", "dropped" };

struct nostr_batch {
	struct dict dict[DICTS];
	char run[NOSTR_RUN_MAX + 1];
	int64_t base_ms;
	bool based;
	unsigned values;
	size_t bytes; /* at most this many come out */
	struct jtree tree;
};

struct nostr_batch *
nostr_batch_new(void)
{
	return calloc(1, sizeof(struct nostr_batch));
}

void
nostr_batch_free(struct nostr_batch *b)
{
	if (b == NULL)
		return;
	for (unsigned i = 0; i < DICTS; i++)
		mbuf_free(&b->dict[i].raw);
	free(b);
}

void
nostr_batch_begin(struct nostr_batch *b, const char *run)
{
	for (unsigned i = 0; i < DICTS; i++) {
		mbuf_reset(&b->dict[i].raw);
		b->dict[i].n = 0;
	}
	snprintf(b->run, sizeof(b->run), "%s", run);
	b->based = false;
	b->base_ms = 0;
	b->values = 0;
	b->bytes = HEAD_BYTES + 6 * strlen(b->run);
}

unsigned
nostr_batch_count(const struct nostr_batch *b)
{
	return b->dict[D_ROW].n + b->dict[D_DROPPED].n;
}

/* --- the lists --- */

static uint32_t
hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	while (len-- > 0)
		h = (h ^ (uint8_t)*s++) * 16777619u;
	return h;
}

/* What it takes in JSON, and in the event around that, at most. */
static size_t
cost(const char *s, size_t len)
{
	size_t n = 5; /* \"\" and a comma */

	while (len-- > 0) {
		unsigned char c = (unsigned char)*s++;

		n += c == '"' || c == '\\' ? 4 :
		    c < 0x20 || c == 0x7f  ? 7 :
		    c >= 0x80              ? 3 :
					     1;
	}
	return n;
}

/* Of empty words alone there are no bytes. */
static const char *
word(const struct dict *d, unsigned i)
{
	return d->raw.data == NULL ? "" :
				     (const char *)d->raw.data + d->item[i].at;
}

/* Its number; looked up, but rows are all their own. */
static long
add(struct nostr_batch *b, unsigned which, const char *s, size_t len)
{
	struct dict *d = &b->dict[which];
	uint32_t h = hash(s, len);
	unsigned i;

	for (i = 0; which < D_ROW && i < d->n; i++)
		if (d->item[i].hash == h && d->item[i].len == len &&
		    memcmp(word(d, i), s, len) == 0)
			return (long)i;
	if (d->n == NOSTR_ROWS_MAX)
		return -1;
	d->item[d->n].hash = h;
	d->item[d->n].at = (uint32_t)d->raw.len;
	d->item[d->n].len = (uint32_t)len;
	msg_put_raw(&d->raw, s, len);
	b->values++;
	b->bytes += cost(s, len);
	return d->raw.bad ? -1 : (long)d->n++;
}

/* To undo a share that does not fit after all. */
struct mark {
	unsigned n[DICTS];
	size_t len[DICTS];
	unsigned values;
	size_t bytes;
	bool based;
};

static void
mark_set(const struct nostr_batch *b, struct mark *k)
{
	for (unsigned i = 0; i < DICTS; i++) {
		k->n[i] = b->dict[i].n;
		k->len[i] = b->dict[i].raw.len;
	}
	k->values = b->values;
	k->bytes = b->bytes;
	k->based = b->based;
}

static void
mark_back(struct nostr_batch *b, const struct mark *k)
{
	for (unsigned i = 0; i < DICTS; i++) {
		b->dict[i].n = k->n[i];
		b->dict[i].raw.len = k->len[i];
		b->dict[i].raw.bad = false;
	}
	b->values = k->values;
	b->bytes = k->bytes;
	b->based = k->based;
}

/* --- rows --- */

static bool
is_hex(const char *s, size_t len)
{
	if (len > FIELD_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* A string without a NUL in it. */
static int
name(const struct jtree *t, uint32_t node, char out[256])
{
	long n = jtree_str(t, node, out, 256);

	return n == -1 || strlen(out) != (size_t)n ? -1 : 0;
}

/*
 * The fields of a usual submit: worker, job, extranonce2, ntime, nonce and
 * perhaps version bits.  False for any other.
 */
static bool
usual(struct nostr_batch *b, const char *params, char worker[256],
    char job[256], char hex[4][FIELD_MAX + 1])
{
	struct jtree *t = &b->tree;
	uint32_t root, n;
	size_t len;

	if (jtree_parse(t, params, strlen(params)) == -1)
		return false;
	root = jtree_root(t);
	n = jtree_count(t, root);
	if (!jtree_is(t, root, J_ARRAY) || n < 5 || n > 6 ||
	    name(t, jtree_item(t, root, 0), worker) == -1 ||
	    name(t, jtree_item(t, root, 1), job) == -1 ||
	    strlen(worker) + strlen(job) > 400)
		return false;
	hex[3][0] = '\0';
	for (uint32_t i = 2; i < n; i++) {
		const char *s = jtree_plain(t, jtree_item(t, root, i), &len);

		if (s == NULL || !is_hex(s, len) || (i == 5 && len == 0))
			return false;
		memcpy(hex[i - 2], s, len);
		hex[i - 2][len] = '\0';
	}
	return true;
}

static long
add_session(struct nostr_batch *b, const struct nostr_share *s)
{
	char uuid[SESSION_TEXT], text[400];
	long pool;
	int n;

	n = snprintf(text, sizeof(text), "%s:%u", s->pool_host,
	    (unsigned)s->pool_port);
	if ((pool = add(b, D_POOL, text, (size_t)n)) == -1)
		return -1;
	uuid_text(s->session, uuid);
	n = snprintf(text, sizeof(text), "%s,%ld%s%s", uuid, pool,
	    s->peer[0] != '\0' ? "," : "", s->peer);
	return add(b, D_SESSION, text, (size_t)n);
}

static int
add_row(struct nostr_batch *b, const struct nostr_share *s)
{
	char worker[256], job[256], hex[4][FIELD_MAX + 1], row[ROW_MAX],
	    repeat[16] = "";
	long session = add_session(b, s), w, j;
	long long ms;
	int n;

	if (session == -1)
		return -1;
	if (!b->based) {
		b->base_ms = s->ts_us / 1000;
		b->based = true;
	}
	ms = (long long)(s->ts_us / 1000 - b->base_ms);
	if (s->repeat > 1)
		snprintf(repeat, sizeof(repeat), ",%u", (unsigned)s->repeat);
	if (usual(b, s->params, worker, job, hex)) {
		if ((w = add(b, D_WORKER, worker, strlen(worker))) == -1 ||
		    (j = add(b, D_JOB, job, strlen(job))) == -1)
			return -1;
		n = snprintf(row, sizeof(row),
		    "%ld,%llu,%lld,%ld,%ld,%s,%s,%s%s%s%s", session,
		    (unsigned long long)s->seq, ms, w, j, hex[0], hex[1],
		    hex[2], hex[3][0] != '\0' || s->repeat > 1 ? "," : "",
		    hex[3], repeat);
	} else {
		if ((w = add(b, D_ODD, s->params, strlen(s->params))) == -1)
			return -1;
		n = snprintf(row, sizeof(row), "%ld,%llu,%lld,@%ld%s", session,
		    (unsigned long long)s->seq, ms, w, repeat);
	}
	return add(b, D_ROW, row, (size_t)n) == -1 ? -1 : 0;
}

bool
nostr_batch_share(struct nostr_batch *b, const struct nostr_share *s,
    unsigned rows, size_t max)
{
	struct mark before;

	if (b->dict[D_ROW].n >= rows)
		return false;
	mark_set(b, &before);
	if (add_row(b, s) == 0 && b->values <= VALUES_MAX && b->bytes <= max)
		return true;
	mark_back(b, &before);
	return false;
}

bool
nostr_batch_gap(struct nostr_batch *b, const struct nostr_gap *g, size_t max)
{
	char uuid[SESSION_TEXT], text[100];
	struct mark before;
	int n;

	mark_set(b, &before);
	uuid_text(g->session, uuid);
	n = snprintf(text, sizeof(text), "%s,%llu,%llu", uuid,
	    (unsigned long long)g->first, (unsigned long long)g->last);
	if (add(b, D_DROPPED, text, (size_t)n) != -1 &&
	    b->values <= VALUES_MAX && b->bytes <= max)
		return true;
	mark_back(b, &before);
	return false;
}

void
nostr_batch_write(const struct nostr_batch *b, struct mbuf *m)
{
	struct json_out o;
	const char *text;
	size_t len;

	json_init(&o, b->bytes + 65536);
	json_object(&o);
	json_kcstr(&o, "schema", "hashscope.v2");
	json_kcstr(&o, "run_id", b->run);
	json_kint(&o, "base", b->base_ms);
	for (unsigned i = 0; i < DICTS; i++) {
		const struct dict *d = &b->dict[i];

		if (d->n == 0)
			continue;
		json_karray(&o, dict_names[i]);
		for (unsigned k = 0; k < d->n; k++)
			json_str(&o, word(d, k), d->item[k].len);
		json_array_end(&o);
	}
	json_object_end(&o);
	if ((text = json_finish(&o, &len)) == NULL)
		m->bad = true;
	else
		msg_put_raw(m, text, len);
	json_clear(&o);
}

/* --- reading --- */

/* An array of strings, or nothing. */
static int
list(const struct nostr_rows *r, const char *name, uint32_t *out)
{
	const struct jtree *t = &r->tree;
	uint32_t i, n;

	*out = jtree_member(t, jtree_root(t), name);
	if (*out == JTREE_NONE)
		return 0;
	n = jtree_count(t, *out);
	if (!jtree_is(t, *out, J_ARRAY) || n > NOSTR_ROWS_MAX)
		return -1;
	for (i = t->node[*out].child; i != JTREE_NONE; i = t->node[i].next)
		if (!jtree_is(t, i, J_STRING))
			return -1;
	return 0;
}

int
nostr_rows_parse(struct nostr_rows *r, const char *content, size_t len,
    const char *run)
{
	const struct jtree *t = &r->tree;
	uint32_t root;

	if (len > NOSTR_CONTENT_MAX ||
	    json_valid(content, len, 4, NULL) == -1 ||
	    jtree_parse(&r->tree, content, len) == -1)
		return -1;
	root = jtree_root(t);
	if (!jtree_equals(t, jtree_member(t, root, "schema"), "hashscope.v2") ||
	    !jtree_equals(t, jtree_member(t, root, "run_id"), run) ||
	    jtree_int(t, jtree_member(t, root, "base"), &r->base_ms) == -1 ||
	    r->base_ms < 0 || r->base_ms > INT64_C(253402300799999) ||
	    list(r, "pools", &r->pools) == -1 ||
	    list(r, "sessions", &r->sessions) == -1 ||
	    list(r, "workers", &r->workers) == -1 ||
	    list(r, "jobs", &r->jobs) == -1 || list(r, "odd", &r->odd) == -1 ||
	    list(r, "rows", &r->rows) == -1 ||
	    list(r, "dropped", &r->dropped) == -1)
		return -1;
	r->nrows = jtree_count(t, r->rows);
	r->ndropped = jtree_count(t, r->dropped);
	return 0;
}

/* The next number of a row, up to a comma or the end. */
static int
number(const char **p, long long min, long long max, long long *out)
{
	char *end;

	if (!isdigit((unsigned char)**p) && **p != '-')
		return -1;
	errno = 0;
	*out = strtoll(*p, &end, 10);
	if (errno != 0 || end == *p || (*end != ',' && *end != '\0') ||
	    *out < min || *out > max)
		return -1;
	*p = *end == ',' ? end + 1 : end;
	return 0;
}

static int
hex_field(const char **p, char out[FIELD_MAX + 1])
{
	size_t len = strcspn(*p, ",");

	if (!is_hex(*p, len))
		return -1;
	memcpy(out, *p, len);
	out[len] = '\0';
	*p += len;
	if (**p == ',')
		(*p)++;
	return 0;
}

static int
take_session(const struct nostr_rows *r, long long i, struct nostr_share *s)
{
	const struct jtree *t = &r->tree;
	char text[400], pool[300], *colon;
	const char *p = text + SESSION_TEXT;
	long long n, port;

	if (jtree_str(t, jtree_item(t, r->sessions, (uint32_t)i), text,
		sizeof(text)) < SESSION_TEXT ||
	    text[SESSION_TEXT - 1] != ',')
		return -1;
	text[SESSION_TEXT - 1] = '\0';
	if (uuid_parse(text, s->session) == -1 ||
	    number(&p, 0, NOSTR_ROWS_MAX, &n) == -1 ||
	    strlen(p) >= sizeof(s->peer) ||
	    jtree_str(t, jtree_item(t, r->pools, (uint32_t)n), pool,
		sizeof(pool)) == -1 ||
	    (colon = strrchr(pool, ':')) == NULL)
		return -1;
	memcpy(s->peer, p, strlen(p) + 1);
	*colon = '\0';
	p = colon + 1;
	if (number(&p, 1, 65535, &port) == -1 ||
	    strlen(pool) >= sizeof(s->pool_host))
		return -1;
	memcpy(s->pool_host, pool, strlen(pool) + 1);
	s->pool_port = (uint16_t)port;
	return 0;
}

/* "@3": parameters that stand in the list of odd ones as they are. */
static int
take_odd(const struct nostr_rows *r, const char **p, struct nostr_share *s)
{
	const struct jtree *t = &r->tree;
	long long n;

	(*p)++;
	if (number(p, 0, NOSTR_ROWS_MAX, &n) == -1 ||
	    jtree_str(t, jtree_item(t, r->odd, (uint32_t)n), s->params,
		sizeof(s->params)) < 2 ||
	    s->params[0] != '[' ||
	    json_valid(s->params, strlen(s->params), 8, NULL) == -1)
		return -1;
	return 0;
}

static int
put_params(struct nostr_share *s, const char *const *item, unsigned n)
{
	struct json_out o;
	const char *text;
	size_t len;
	int ok = -1;

	json_init(&o, sizeof(s->params));
	json_array(&o);
	for (unsigned i = 0; i < n; i++)
		json_cstr(&o, item[i]);
	json_array_end(&o);
	text = json_finish(&o, &len);
	if (text != NULL && len < sizeof(s->params)) {
		memcpy(s->params, text, len + 1);
		ok = 0;
	}
	json_clear(&o);
	return ok;
}

static int
take_usual(const struct nostr_rows *r, const char **p, struct nostr_share *s)
{
	const struct jtree *t = &r->tree;
	char worker[256], job[256], hex[4][FIELD_MAX + 1] = { "" };
	const char *const item[] = { worker, job, hex[0], hex[1], hex[2],
		hex[3] };
	long long w, j;

	if (number(p, 0, NOSTR_ROWS_MAX, &w) == -1 ||
	    number(p, 0, NOSTR_ROWS_MAX, &j) == -1 ||
	    jtree_str(t, jtree_item(t, r->workers, (uint32_t)w), worker,
		sizeof(worker)) == -1 ||
	    jtree_str(t, jtree_item(t, r->jobs, (uint32_t)j), job,
		sizeof(job)) == -1)
		return -1;
	for (unsigned i = 0; i < 3; i++)
		if (hex_field(p, hex[i]) == -1)
			return -1;
	if (**p != '\0' && hex_field(p, hex[3]) == -1)
		return -1;
	return put_params(s, item, hex[3][0] != '\0' ? 6 : 5);
}

int
nostr_rows_share(const struct nostr_rows *r, unsigned i, struct nostr_share *s)
{
	const struct jtree *t = &r->tree;
	long long session, seq, ms, repeat = 1;
	char row[ROW_MAX];
	const char *p = row;

	memset(s, 0, sizeof(*s));
	if (jtree_str(t, jtree_item(t, r->rows, i), row, sizeof(row)) == -1 ||
	    number(&p, 0, NOSTR_ROWS_MAX, &session) == -1 ||
	    number(&p, 1, INT64_MAX, &seq) == -1 ||
	    number(&p, -INT64_C(86400000), INT64_C(86400000), &ms) == -1 ||
	    take_session(r, session, s) == -1 ||
	    (*p == '@' ? take_odd(r, &p, s) : take_usual(r, &p, s)) == -1 ||
	    (*p != '\0' && number(&p, 1, NOSTR_REPEAT_MAX, &repeat) == -1) ||
	    *p != '\0')
		return -1;
	s->seq = (uint64_t)seq;
	s->ts_us = (r->base_ms + ms) * 1000;
	s->repeat = (uint32_t)repeat;
	return 0;
}

int
nostr_rows_gap(const struct nostr_rows *r, unsigned i, struct nostr_gap *g)
{
	char text[100];
	const char *p = text + SESSION_TEXT;
	long long first, last;

	if (jtree_str(&r->tree, jtree_item(&r->tree, r->dropped, i), text,
		sizeof(text)) < SESSION_TEXT ||
	    text[SESSION_TEXT - 1] != ',')
		return -1;
	text[SESSION_TEXT - 1] = '\0';
	if (uuid_parse(text, g->session) == -1 ||
	    number(&p, 1, INT64_MAX, &first) == -1 ||
	    number(&p, first, INT64_MAX, &last) == -1 || *p != '\0')
		return -1;
	g->first = (uint64_t)first;
	g->last = (uint64_t)last;
	return 0;
}
