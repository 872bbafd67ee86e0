/*
 * A session of any lines through parser and verifier.  Each line begins with
 * a byte that says what it is: 'p' of the pool, 'm' of the miner, 'g' a gap,
 * 'r' a restart.  Whatever comes: memory is bounded, what a verdict says
 * holds together and with the header, and a session that is saved and made
 * again goes on like one that was not.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/utf8.h"
#include "common/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define STORE_MAX  (256u << 10)
#define MEMORY_MAX (64u << 10)
#define PENDING    8

static struct stratum_parser *parser;
static struct jtree tree;

/* What the pool's next answers are to: methods in the order of asking. */
struct session {
	struct work_store *store;
	struct verify *v, *twin; /* the twin is made anew at each step */
	uint64_t ts;
	unsigned pending;
	enum stratum_method method[PENDING];
	struct verify_brief brief[PENDING];
};

/* The tree takes what the checker takes, but for the encoding of strings. */
static void
check_tree(const char *line, size_t len, bool parsed)
{
	size_t n;
	const char *raw;
	uint32_t i;

	if (json_valid(line, len, JTREE_DEPTH, NULL) == 0)
		REQUIRE(parsed || len > 2 * JTREE_MAX - 4);
	if (parsed && utf8_valid(line, tree.end))
		REQUIRE(json_valid(line, tree.end, JTREE_DEPTH, NULL) == 0);
	for (i = 0; i < tree.n; i++) {
		raw = jtree_raw(&tree, i, &n);
		REQUIRE(i == 0 || (raw >= line && raw + n <= line + len));
	}
}

static void
check_hash(const struct verify_share *s)
{
	uint8_t hash[32];
	struct u256 h;

	sha256d(s->header, sizeof(s->header), hash);
	REQUIRE(memcmp(hash, s->hash, 32) == 0);
	h = target_of_hash(hash);
	REQUIRE(target_difficulty(&h, TARGET_BDIFF) == s->reached);
	REQUIRE(s->job != NULL && s->job->fault == WORK_SOUND);
	REQUIRE(s->formula < WORK_FORMULAS);
}

static void
check_share(const struct verify_share *s)
{
	char words[600];
	bool valid = s->verdict == VERDICT_VALID;

	REQUIRE(s->verdict < VERDICTS && s->cause < CAUSES);
	verify_sentence(s, words, sizeof(words));
	REQUIRE((words[0] == '\0') == (s->cause == CAUSE_NONE));
	REQUIRE(valid || s->cause != CAUSE_NONE);
	REQUIRE(utf8_valid(s->worker, strlen(s->worker)));
	REQUIRE(!valid || (s->hashed && s->passed & VERIFY_BY_JOB));
	REQUIRE(s->verdict != VERDICT_UNDECIDED || !s->firm);
	if (s->hashed)
		check_hash(s);
}

static void
check_same(const struct verify_share *a, const struct verify_share *b)
{
	REQUIRE(a->verdict == b->verdict && a->cause == b->cause);
	REQUIRE(a->firm == b->firm && a->hashed == b->hashed);
	REQUIRE(memcmp(a->hash, b->hash, 32) == 0);
	REQUIRE(a->passed == b->passed && a->late == b->late);
	REQUIRE(a->formulas == b->formulas && a->mask == b->mask);
}

static struct verify *
copy(struct session *s)
{
	struct mbuf b;
	struct mcur c;
	struct verify *v;

	mbuf_init(&b);
	verify_pack(s->v, &b, true);
	REQUIRE(!b.bad);
	mcur_init(&c, b.data, b.len);
	REQUIRE((v = verify_unpack(s->store, &c)) != NULL);
	REQUIRE(msg_end(&c) == 0);
	mbuf_free(&b);
	return v;
}

static void
ask(struct session *s, const struct stratum_msg *m,
    const struct verify_share *share)
{
	if (m->kind != STRATUM_REQUEST || s->pending == PENDING)
		return;
	s->method[s->pending] = (enum stratum_method)m->method;
	memset(&s->brief[s->pending], 0, sizeof(s->brief[0]));
	if (share != NULL)
		verify_brief(share, &s->brief[s->pending]);
	s->pending++;
}

static enum stratum_method
answered(struct session *s, struct verify_brief *b)
{
	enum stratum_method m = s->method[0];

	*b = s->brief[0];
	s->pending--;
	memmove(s->method, s->method + 1, s->pending * sizeof(s->method[0]));
	memmove(s->brief, s->brief + 1, s->pending * sizeof(s->brief[0]));
	return m;
}

static void
check_answer(struct session *s, const struct verify_brief *b)
{
	struct verify_judged j, k;
	struct answer a;

	answer_parse(&tree, &a);
	REQUIRE(utf8_valid(a.text, strlen(a.text)));
	verify_answer(s->v, b, &a, &j);
	verify_answer(s->twin, b, &a, &k);
	REQUIRE(j.agreement < AGREEMENTS && j.cause < CAUSES);
	REQUIRE(j.agreement == k.agreement && j.cause == k.cause);
	REQUIRE(j.acks_anything == k.acks_anything);
}

static void
take(struct session *s, bool to_miner, const char *line, size_t len)
{
	struct stratum_msg msg;
	struct verify_brief brief;
	struct verify_share a, b;
	struct verify_message m = { .msg = &msg,
		.ts = s->ts,
		.to_miner = to_miner };
	bool parsed = jtree_parse(&tree, line, len) == 0, is_share;

	check_tree(line, len, parsed);
	stratum_classify(parser, line, len, false, &msg);
	m.tree = parsed ? &tree : NULL;
	if (to_miner && msg.kind == STRATUM_RESPONSE && s->pending > 0)
		m.answers = answered(s, &brief);
	s->twin = copy(s);
	is_share = verify_message(s->v, &m, &a);
	REQUIRE(verify_message(s->twin, &m, &b) == is_share);
	if (is_share) {
		check_share(&a);
		check_same(&a, &b);
	}
	if (m.answers == STRATUM_M_SUBMIT && parsed)
		check_answer(s, &brief);
	if (!to_miner)
		ask(s, &msg, is_share ? &a : NULL);
	verify_free(s->twin);
}

static void
step(struct session *s, const char *line, size_t len)
{
	struct verify *v;

	s->ts += 1 + (uint64_t)len * 1000;
	switch (line[0]) {
	case 'p':
	case 'm':
		take(s, line[0] == 'p', line + 1, len - 1);
		break;
	case 'g':
		verify_gap(s->v);
		break;
	case 'r':
		v = copy(s);
		verify_free(s->v);
		s->v = v;
		break;
	default:
		break;
	}
	REQUIRE(verify_memory(s->v) <= MEMORY_MAX);
	REQUIRE(work_store_bytes(s->store) <= STORE_MAX);
	REQUIRE(work_store_jobs(s->store) <= VERIFY_JOBS_MAX);
}

/* The same bytes as a saved state: refused, or fit for use. */
static void
check_unpack(const uint8_t *data, size_t size)
{
	struct work_store *store = work_store_new(STORE_MAX);
	struct work_job *j;
	struct verify *v;
	struct mcur c;

	REQUIRE(store != NULL);
	mcur_init(&c, data, size);
	j = work_unpack(store, &c);
	work_unref(store, j);
	mcur_init(&c, data, size);
	if ((v = verify_unpack(store, &c)) != NULL)
		verify_free(v);
	REQUIRE(work_store_jobs(store) == 0);
	work_store_free(store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session s = { .store = work_store_new(STORE_MAX) };
	const char *at = (const char *)data, *end = at + size, *nl;

	if (parser == NULL)
		REQUIRE((parser = stratum_parser_new()) != NULL);
	REQUIRE(s.store != NULL);
	REQUIRE((s.v = verify_new(s.store)) != NULL);
	while (at < end) {
		nl = memchr(at, '\n', (size_t)(end - at));
		if (nl == NULL)
			nl = end;
		if (nl > at)
			step(&s, at, (size_t)(nl - at));
		at = nl + 1;
	}
	verify_free(s.v);
	REQUIRE(work_store_jobs(s.store) == 0);
	REQUIRE(work_store_bytes(s.store) == 0);
	work_store_free(s.store);
	check_unpack(data, size);
	return 0;
}
