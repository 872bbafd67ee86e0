/*
 * Lines to the verifier, as the programs give them.
 */
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/verifylib.h"

#define STORE_MAX (64u << 20)
#define LINE      65536

void
vl_init(struct vl *l, struct vl *from)
{
	memset(l, 0, sizeof(*l));
	l->borrowed = from != NULL;
	l->store = from != NULL ? from->store : work_store_new(STORE_MAX);
	l->parser = from != NULL ? from->parser : stratum_parser_new();
	l->tree = from != NULL ? from->tree : malloc(sizeof(*l->tree));
	if (l->store == NULL || l->parser == NULL || l->tree == NULL ||
	    (l->v = verify_new(l->store)) == NULL)
		errx(1, "out of memory");
}

void
vl_free(struct vl *l)
{
	verify_free(l->v);
	if (l->borrowed)
		return;
	work_store_free(l->store);
	stratum_parser_free(l->parser);
	free(l->tree);
}

static void
push(struct vl *l)
{
	struct vl_pending *p;

	if (l->n == VL_PENDING)
		memmove(l->pending, l->pending + 1,
		    --l->n * sizeof(l->pending[0]));
	p = &l->pending[l->n++];
	p->id = l->msg.id;
	p->method = (enum stratum_method)l->msg.method;
	if (l->is_share)
		verify_brief(&l->share, &p->brief);
}

/* The oldest request of this id. */
static bool
take(struct vl *l, struct vl_pending *out)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (stratum_id_equal(&l->pending[i].id, &l->msg.id)) {
			*out = l->pending[i];
			l->n--;
			memmove(l->pending + i, l->pending + i + 1,
			    (l->n - i) * sizeof(l->pending[0]));
			return true;
		}
	return false;
}

bool
vl_line(struct vl *l, bool to_miner, uint64_t ts, const char *line, size_t len)
{
	struct verify_message m = { .msg = &l->msg,
		.ts = ts,
		.to_miner = to_miner,
		.tree = l->tree };
	struct vl_pending p = { .method = STRATUM_M_NONE };

	stratum_classify(l->parser, line, len, false, &l->msg);
	if (jtree_parse(l->tree, line, len) == -1)
		m.tree = NULL;
	if (to_miner && l->msg.kind == STRATUM_RESPONSE && take(l, &p))
		m.answers = p.method;
	l->is_share = verify_message(l->v, &m, &l->share);
	l->is_answer = m.answers == STRATUM_M_SUBMIT && m.tree != NULL;
	if (l->is_answer) {
		answer_parse(l->tree, &l->answer);
		verify_answer(l->v, &p.brief, &l->answer, &l->judged);
	}
	if (!to_miner && l->msg.kind == STRATUM_REQUEST)
		push(l);
	return l->is_share || l->is_answer;
}

static bool format_line(struct vl *, bool, uint64_t, const char *, va_list)
    __attribute__((format(printf, 4, 0)));

static bool
format_line(struct vl *l, bool to_miner, uint64_t ts, const char *fmt,
    va_list ap)
{
	static char line[2 * LINE];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n < 0 || (size_t)n >= sizeof(line))
		errx(1, "the line is too long");
	return vl_line(l, to_miner, ts, line, (size_t)n);
}

bool
vl_pool(struct vl *l, uint64_t ts, const char *fmt, ...)
{
	va_list ap;
	bool r;

	va_start(ap, fmt);
	r = format_line(l, true, ts, fmt, ap);
	va_end(ap);
	return r;
}

bool
vl_miner(struct vl *l, uint64_t ts, const char *fmt, ...)
{
	va_list ap;
	bool r;

	va_start(ap, fmt);
	r = format_line(l, false, ts, fmt, ap);
	va_end(ap);
	return r;
}

/* --- files --- */

char *
vl_data(const char *name, size_t *len)
{
	char path[256], *data;
	long n;
	FILE *f;

	snprintf(path, sizeof(path), "tests/data/%s", name);
	if ((f = fopen(path, "rb")) == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == -1 || (n = ftell(f)) == -1)
		err(1, "%s", path);
	rewind(f);
	if ((data = malloc((size_t)n + 1)) == NULL)
		err(1, NULL);
	if (fread(data, 1, (size_t)n, f) != (size_t)n)
		errx(1, "%s: cannot be read whole", path);
	data[n] = '\0';
	fclose(f);
	*len = (size_t)n;
	return data;
}

struct reader {
	struct vl_record *r;
	size_t n, cap;
	struct jtree *tree;
};

static void
add_line(struct reader *rd, const struct vl_record *like, const char *line,
    size_t len)
{
	struct vl_record *r;

	if (rd->n == rd->cap) {
		rd->cap = rd->cap == 0 ? 256 : 2 * rd->cap;
		rd->r = realloc(rd->r, rd->cap * sizeof(*rd->r));
		if (rd->r == NULL)
			err(1, NULL);
	}
	r = &rd->r[rd->n++];
	*r = *like;
	r->len = len;
	if ((r->line = malloc(len + 1)) == NULL)
		err(1, NULL);
	memcpy(r->line, line, len);
	r->line[len] = '\0';
}

/* One chunk, which holds whole lines in this recording. */
static void
add_chunk(struct reader *rd, const char *json, size_t len)
{
	static char bytes[2 * LINE];
	const struct jtree *t = rd->tree;
	struct vl_record like = { 0 };
	char *at = bytes, *nl;
	int64_t session;
	double seconds;

	if (jtree_parse(rd->tree, json, len) == -1 ||
	    jtree_double(t, jtree_member(t, 1, "t"), &seconds) == -1 ||
	    jtree_int(t, jtree_member(t, 1, "session"), &session) == -1 ||
	    jtree_str(t, jtree_member(t, 1, "bytes"), bytes, sizeof(bytes)) ==
		-1)
		errx(1, "the transcript is odd: %.80s", json);
	like.ts = 1000000000 + (uint64_t)(seconds * 1e9);
	like.session = (unsigned)session;
	like.to_miner = jtree_equals(t, jtree_member(t, 1, "direction"),
	    "pool_to_miner");
	for (; (nl = strchr(at, '\n')) != NULL; at = nl + 1)
		add_line(rd, &like, at, (size_t)(nl - at));
	if (*at != '\0')
		errx(1, "the transcript ends a chunk within a line");
}

struct vl_record *
vl_transcript(const char *name, size_t *n)
{
	struct reader rd = { .tree = malloc(sizeof(*rd.tree)) };
	size_t len;
	char *data = vl_data(name, &len), *at = data, *nl;

	if (data == NULL || rd.tree == NULL)
		err(1, "%s", name);
	for (; (nl = strchr(at, '\n')) != NULL; at = nl + 1)
		add_chunk(&rd, at, (size_t)(nl - at));
	free(data);
	free(rd.tree);
	*n = rd.n;
	return rd.r;
}

void
vl_transcript_free(struct vl_record *r, size_t n)
{
	while (n > 0)
		free(r[--n].line);
	free(r);
}
