/*
 * Shares, workers and jobs read back: the recorded conversation goes through
 * captured, and each filter must give what the same filter in plain C gives
 * of all rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "captured/select.h"
#include "captured/share_news.h"
#include "common/json.h"
#include "tests/unit/capture_util.h"
#include "tests/unit/verifylib.h"

#define TRANSCRIPT "transcripts/ckpool-cpuminer.jsonl"
#define ROWS_MAX   400
#define SHARES     189

static const uint8_t epoch[16] = { 7 };

struct got_rows {
	struct share_rec share[ROWS_MAX];
	struct worker_rec worker[8];
	struct job_rec job[64];
	struct message_rec m;
	char explained[65536], verification[65536];
	unsigned n;
	unsigned stop_every;
	unsigned slices;
	struct query_end end;
};

struct world {
	char dir[CONF_PATH];
	struct capture_conf conf;
	struct ring r;
	struct vl_record *rec;
	size_t nrec;
	struct reader *rd;
	struct got_rows all, got;
	struct share_rec news[2 * ROWS_MAX]; /* as the feed tells them */
	unsigned nnews;
};

static int
on_share(void *arg, const struct share_rec *s)
{
	struct got_rows *g = arg;

	assert_true(g->n < ROWS_MAX);
	g->share[g->n] = *s;
	g->share[g->n].verification = NULL;
	g->share[g->n++].verification_len = 0;
	g->verification[0] = '\0';
	if (s->verification != NULL) {
		assert_int_equal(json_valid(s->verification,
				     s->verification_len, 16, NULL),
		    0);
		assert_true(s->verification_len < sizeof(g->verification));
		memcpy(g->verification, s->verification, s->verification_len);
		g->verification[s->verification_len] = '\0';
	}
	return g->stop_every != 0 && g->n % g->stop_every == 0;
}

static int
on_worker(void *arg, const struct worker_rec *w)
{
	struct got_rows *g = arg;

	assert_true(g->n < 8);
	g->worker[g->n++] = *w;
	return 0;
}

static int
on_job(void *arg, const struct job_rec *j)
{
	struct got_rows *g = arg;

	assert_true(g->n < 64);
	g->job[g->n] = *j;
	g->job[g->n].coinb1 = g->job[g->n].coinb2 = NULL;
	if (j->coinb1 != NULL)
		assert_int_equal(j->coinb1_len > 0 && j->coinb2_len > 0, 1);
	g->n++;
	return g->stop_every != 0 && g->n % g->stop_every == 0;
}

/* Valid JSON, and what a test looks for. */
static int
on_message(void *arg, const struct message_rec *m)
{
	struct got_rows *g = arg;

	g->n++;
	g->m = *m;
	g->explained[0] = '\0';
	if (m->explanation == NULL)
		return 0;
	assert_int_equal(json_valid(m->explanation, m->explanation_len, 16,
			     NULL),
	    0);
	assert_true(m->explanation_len < sizeof(g->explained));
	memcpy(g->explained, m->explanation, m->explanation_len);
	g->explained[m->explanation_len] = '\0';
	return 0;
}

static const struct select_ops ops = { .message = on_message,
	.share = on_share,
	.worker = on_worker,
	.job = on_job };

static void
ask(struct reader *rd, const struct query *q, struct got_rows *g)
{
	unsigned stop_every = g->stop_every;
	struct select *sel;
	enum select_result r;

	memset(g, 0, sizeof(*g));
	g->stop_every = stop_every;
	sel = select_new(q, 0, &ops, g);
	assert_non_null(sel);
	do {
		r = select_step(sel, rd, 1000);
		g->slices++;
	} while (r == SELECT_MORE);
	if (r != SELECT_DONE)
		fail_msg("select: %s", select_error(sel));
	select_end(sel, &g->end);
	assert_int_equal(g->end.rows, g->n);
	select_free(sel);
}

/* --- the store: the transcript, then a session that is all faults --- */

static void
play(struct world *w)
{
	uint64_t off[3][2] = { { 0 } };
	char line[65536];

	for (unsigned s = 1; s <= 2; s++) {
		ring_open(&w->r, s, true);
		ring_pool(&w->r, s, true);
	}
	for (size_t i = 0; i < w->nrec; i++) {
		const struct vl_record *x = &w->rec[i];
		uint64_t *o = &off[x->session][x->to_miner];

		memcpy(line, x->line, x->len);
		line[x->len] = '\n';
		w->r.now = x->ts - 1000000; /* the chunk is 1 ms later */
		ring_chunk(&w->r, x->session, x->to_miner, *o, line, x->len + 1,
		    true);
		*o += x->len + 1;
	}
}

static void
say(struct world *w, uint64_t *off, bool to_miner, const char *line)
{
	size_t len = strlen(line);

	ring_chunk(&w->r, 3, to_miner, off[to_miner], line, len, true);
	off[to_miner] += len;
}

#define SUBMIT(id, job, en2, ntime)                                  \
	"{\"id\":" id ",\"method\":\"mining.submit\",\"params\":["   \
	"\"odd\\u001b\\\"w\",\"" job "\",\"" en2 "\",\"" ntime "\"," \
	"\"00000001\"]}\n"

static void
play_faults(struct world *w)
{
	uint64_t off[2] = { 0, 0 };

	ring_open(&w->r, 3, true);
	ring_pool(&w->r, 3, true);
	say(w, off, false,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n");
	say(w, off, true,
	    "{\"id\":1,\"result\":[[],\"aabb\",4],\"error\":null}\n");
	say(w, off, false, SUBMIT("2", "never", "01020304", "6b016b19"));
	say(w, off, true,
	    "{\"id\":2,\"result\":null,\"error\":[21,\"Job not found\",null]}"
	    "\n");
	say(w, off, false, SUBMIT("3", "never", "zz", "no"));
	say(w, off, true, "{\"id\":3,\"result\":true,\"error\":null}\n");
	say(w, off, true,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"bad\","
	    "\"00\",\"01\",\"02\",[],\"1\",\"2\",\"3\",true]}\n");
	say(w, off, false, SUBMIT("4", "bad", "01020304", "6b016b19"));
}

static void
on_news(void *arg, const struct share_rec *s)
{
	struct world *w = arg;

	assert_true(w->nnews < 2 * ROWS_MAX);
	w->news[w->nnews++] = *s;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct query q = { .kind = Q_SHARES, .limit = 1000 };
	struct ingest in;
	char err[256];

	assert_non_null(w);
	test_dir(w->dir, sizeof(w->dir));
	test_conf(&w->conf, w->dir);
	ring_init(&w->r);
	w->rec = vl_transcript(TRANSCRIPT, &w->nrec);
	play(w);
	play_faults(w);
	assert_int_equal(ingest_open(&in, &w->conf, err, sizeof(err)), 0);
	(void)ingest_hello(&in, epoch, TEST_OFFSET);
	in.arg = w;
	assert_int_equal(share_news_to(&in, on_news), 0);
	for (size_t i = 0; i < w->r.n; i++) {
		assert_int_equal(ring_give(&w->r, i, i + 1, &in), 0);
		if (i % 50 == 49)
			assert_int_equal(ingest_commit(&in), 0);
	}
	ingest_close(&in);
	if (reader_open(&w->rd, w->dir, err, sizeof(err)) == -1)
		fail_msg("reader_open: %s", err);
	ask(w->rd, &q, &w->all);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	reader_close(w->rd);
	vl_transcript_free(w->rec, w->nrec);
	ring_free(&w->r);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

/* --- shares --- */

static bool
is_of(const struct share_rec *s, uint64_t session)
{
	uint8_t id[16];

	test_uuid(session, id);
	return memcmp(s->session, id, 16) == 0;
}

static bool
is_disputed(const struct share_rec *s)
{
	return s->agreement == AGREE_POOL_ACCEPTS_INVALID ||
	    s->agreement == AGREE_POOL_REJECTS_VALID;
}

/* What the filter lets pass, by this test. */
static bool
passes(const struct query *q, const struct share_rec *s, uint64_t session)
{
	return (session == 0 || is_of(s, session)) &&
	    (q->worker[0] == '\0' || strcmp(s->worker, q->worker) == 0) &&
	    (q->verdicts == 0 || (q->verdicts >> s->verdict & 1)) &&
	    (q->said == 0 || (q->said >> s->said & 1)) &&
	    (!(q->flags & QF_DISPUTED) || is_disputed(s)) &&
	    (q->since_us == 0 || s->ts_us >= q->since_us) &&
	    (q->until_us == 0 || s->ts_us < q->until_us) &&
	    (q->before == 0 || s->pos < q->before) && s->pos > q->after;
}

static unsigned
check(struct world *w, struct query *q, uint64_t session)
{
	bool up = q->after != 0 || (q->flags & QF_ASCENDING) != 0;
	unsigned i, n = 0, total = w->all.n;

	q->kind = Q_SHARES;
	if (q->limit == 0)
		q->limit = 1000;
	if (session != 0) {
		q->flags |= QF_SESSION;
		test_uuid(session, q->session);
	}
	ask(w->rd, q, &w->got);
	assert_true(w->got.end.complete);
	for (i = 0; i < total && n < q->limit; i++) {
		const struct share_rec *s =
		    &w->all.share[up ? total - 1 - i : i];

		if (!passes(q, s, session))
			continue;
		assert_true(n < w->got.n);
		assert_memory_equal(&w->got.share[n], s, sizeof(*s));
		n++;
	}
	assert_int_equal(n, w->got.n);
	return n;
}

static void
test_all(void **state)
{
	struct world *w = *state;
	static struct vl l[3];
	unsigned i, at;

	assert_int_equal(w->all.n, SHARES + 3);
	for (i = 1; i < w->all.n; i++)
		assert_true(w->all.share[i].pos < w->all.share[i - 1].pos);
	/* The verifier alone says the same of each. */
	vl_init(&l[1], NULL);
	vl_init(&l[2], &l[1]);
	at = w->all.n;
	for (i = 0; i < w->nrec; i++) {
		const struct vl_record *x = &w->rec[i];
		struct vl *v = &l[x->session];
		const struct share_rec *s;

		if (!vl_line(v, x->to_miner, x->ts, x->line, x->len) ||
		    !v->is_share)
			continue;
		s = &w->all.share[--at];
		assert_true(is_of(s, x->session));
		assert_int_equal(s->verdict, v->share.verdict);
		assert_int_equal(s->cause, v->share.cause);
		assert_int_equal(s->agreement, AGREE_YES);
		assert_memory_equal(s->hash, v->share.hash, 32);
		assert_int_equal(s->en1.len, v->share.en1.len);
		assert_memory_equal(s->en1.b, v->share.en1.b, s->en1.len);
		assert_true(s->reached == v->share.reached);
		assert_string_equal(s->worker, v->share.worker);
		assert_string_equal(s->job_id, v->share.job_id);
		assert_true(s->job != 0 && s->answer > s->pos);
		assert_int_equal(s->ts_us,
		    ((int64_t)x->ts + TEST_OFFSET) / 1000);
		assert_true(s->latency_us > 0 && s->own_us >= 0 &&
		    s->pool_us >= 0 && s->pool_us <= s->latency_us);
		assert_true(s->tcp_miner_us == -1 && s->tcp_pool_us == -1);
		assert_int_equal(s->flags & (SF_HASHED | SF_NTIME | SF_NONCE),
		    SF_HASHED | SF_NTIME | SF_NONCE);
	}
	assert_int_equal(at, 3);
	vl_free(&l[2]);
	vl_free(&l[1]);
}

static const struct share_rec *
find(const struct world *w, uint64_t pos)
{
	for (unsigned i = 0; i < w->all.n; i++)
		if (w->all.share[i].pos == pos)
			return &w->all.share[i];
	fail_msg("share %u is not stored", (unsigned)pos);
	return NULL;
}

static bool
near(int64_t a, int64_t b)
{
	return a >= b - 1 && a <= b + 1;
}

/* Viewers are told of each as it comes and as it is answered: the same. */
static void
test_news(void **state)
{
	struct world *w = *state;
	unsigned seen = 0, answered = 0;

	for (unsigned i = 0; i < w->nnews; i++) {
		struct share_rec n = w->news[i];
		struct share_rec s = *find(w, n.pos);

		if (n.answer == 0) {
			seen++;
			assert_int_equal(n.said, ANSWER_NONE);
			assert_int_equal(n.agreement, AGREE_UNANSWERED);
			assert_int_equal(n.latency_us, -1);
			assert_int_equal(n.verdict, s.verdict);
			continue;
		}
		answered++;
		assert_true(near(n.own_us, s.own_us));
		assert_true(near(n.pool_us, s.pool_us));
		if (!(s.flags & SF_HASHED))
			continue;
		s.own_us = n.own_us;
		s.pool_us = n.pool_us;
		s.flags &= ~SF_COMMITTED;
		s.job = 0;
		assert_memory_equal(&n, &s, sizeof(s));
	}
	assert_int_equal(seen, SHARES + 3);
	assert_int_equal(answered, SHARES + 2);
}

/* What no header was made of is told as it was sent. */
static void
test_as_sent(void **state)
{
	struct world *w = *state;
	const struct share_rec *bad = &w->all.share[0];
	const struct share_rec *odd = &w->all.share[1];
	const struct share_rec *never = &w->all.share[2];

	assert_int_equal(never->verdict, VERDICT_UNKNOWN_JOB);
	assert_int_equal(never->flags & (SF_HASHED | SF_NTIME | SF_NONCE),
	    SF_NTIME | SF_NONCE);
	assert_int_equal(never->ntime, 0x6b016b19);
	assert_int_equal(never->en2.len, 4);
	assert_int_equal(never->en2.b[3], 4);
	assert_string_equal(never->worker, "odd\x1b\"w");
	assert_string_equal(never->error, "Job not found");
	assert_int_equal(never->code, 21);
	assert_int_equal(never->said, ANSWER_REJECTED);
	assert_int_equal(odd->flags & (SF_NTIME | SF_NONCE), SF_NONCE);
	assert_int_equal(odd->en2.len, 0);
	assert_int_equal(odd->agreement, AGREE_POOL_ACCEPTS_INVALID);
	assert_int_equal(bad->cause, CAUSE_BAD_JOB);
	assert_int_equal(bad->said, ANSWER_NONE);
	assert_int_equal(bad->answer, 0);
	assert_int_equal(bad->latency_us, -1);
}

static void
test_filters(void **state)
{
	struct world *w = *state;
	int64_t mid = w->all.share[100].ts_us;
	unsigned a, b;

	a = check(w, &(struct query){ 0 }, 1);
	b = check(w, &(struct query){ 0 }, 2);
	assert_int_equal(a + b, SHARES);
	assert_int_equal(check(w, &(struct query){ 0 }, 3), 3);
	assert_int_equal(check(w, &(struct query){ 0 }, 4), 0);
	assert_int_equal(check(w, &(struct query){ .verdicts = 1 }, 0), SHARES);
	assert_int_equal(check(w, &(struct query){ .verdicts = 1 }, 1), a);
	assert_int_equal(
	    check(w, &(struct query){ .verdicts = 1 << VERDICT_UNKNOWN_JOB },
		0),
	    2);
	assert_int_equal(
	    check(w, &(struct query){ .said = 1 << ANSWER_REJECTED }, 0), 1);
	assert_int_equal(check(w, &(struct query){ .said = 1 << ANSWER_NONE },
			     0),
	    1);
	assert_int_equal(check(w, &(struct query){ .flags = QF_DISPUTED }, 0),
	    1);
	assert_int_equal(check(w, &(struct query){ .flags = QF_DISPUTED }, 1),
	    0);
	assert_int_equal(check(w, &(struct query){ .worker = "odd\x1b\"w" }, 0),
	    3);
	assert_int_equal(check(w, &(struct query){ .worker = "nobody" }, 0), 0);
	a = check(w, &(struct query){ .since_us = mid }, 0);
	b = check(w, &(struct query){ .until_us = mid }, 0);
	assert_true(a > 0 && b > 0);
	assert_int_equal(a + b, SHARES + 3);
	assert_true(check(w, &(struct query){ .since_us = mid }, 2) > 0);
	/* Nobody has said that shares are to be published. */
	w->got.stop_every = 0;
	ask(w->rd,
	    &(struct query){ .kind = Q_SHARES,
		.limit = 1000,
		.flags = QF_BROADCAST | QF_ASCENDING },
	    &w->got);
	assert_int_equal(w->got.n, 0);
	(void)check(w, &(struct query){ .flags = QF_ASCENDING }, 2);
	(void)check(w, &(struct query){ .flags = QF_ASCENDING | QF_DISPUTED },
	    0);
}

static void
test_worker_filter(void **state)
{
	struct world *w = *state;
	struct query q = { 0 };
	unsigned n = 0;

	for (unsigned i = 5; i < w->all.n; i += 90) {
		memcpy(q.worker, w->all.share[i].worker, sizeof(q.worker));
		n += check(w, &q, 0);
		assert_true(w->got.n > 20);
	}
	assert_true(n > 0);
}

/* Pages, each behind the last of the one before; slices of all lengths. */
static void
test_pages(void **state)
{
	struct world *w = *state;
	static const uint32_t ways[] = { 0, QF_ASCENDING };
	struct query q;
	unsigned way, total, stop;

	for (way = 0; way < 2; way++) {
		for (stop = 0; stop < 8; stop += 7) {
			w->got.stop_every = stop;
			q = (struct query){ .flags = ways[way], .limit = 17 };
			total = 0;
			while (check(w, &q, 0) > 0) {
				total += w->got.n;
				if (stop != 0)
					assert_true(w->got.slices > 1 ||
					    w->got.n < stop);
				if (way == 0)
					q.before =
					    w->got.share[w->got.n - 1].pos;
				else
					q.after =
					    w->got.share[w->got.n - 1].pos;
			}
			assert_int_equal(total, SHARES + 3);
		}
	}
	w->got.stop_every = 0;
}

static void
test_one(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_SHARE, .limit = 1 };

	q.pos = w->all.share[50].pos;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 1);
	assert_memory_equal(&w->got.share[0], &w->all.share[50],
	    sizeof(w->got.share[0]));
	q.pos = w->all.share[50].answer;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 0);
	assert_int_equal(w->got.end.status, 1);
	assert_string_equal(w->got.end.text, "no such share");
}

/* --- verified again --- */

static void
contains(const char *text, const char *want)
{
	if (strstr(text, want) == NULL)
		fail_msg("no %s in %s", want, text);
}

/* From the job and the share alone the very hash and verdict. */
static void
test_verified_again(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_SHARE, .limit = 1, .flags = QF_VERIFY };

	for (unsigned i = 0; i < w->all.n; i++) {
		const struct share_rec *s = &w->all.share[i];

		q.pos = s->pos;
		ask(w->rd, &q, &w->got);
		assert_int_equal(w->got.n, 1);
		assert_memory_equal(&w->got.share[0], s, sizeof(*s));
		if (s->flags & SF_HASHED) {
			contains(w->got.verification, "\"possible\":true");
			contains(w->got.verification, "\"hash_matches\":true");
			contains(w->got.verification,
			    "\"name\":\"difficulty\",\"ok\":true");
			contains(w->got.verification,
			    "\"verdicts\":{\"own\":\"valid\"");
		} else {
			contains(w->got.verification, "\"possible\":false");
			contains(w->got.verification,
			    "\"why\":\"no header was made");
		}
	}
	/* Only who asks for it gets it. */
	q.flags = 0;
	ask(w->rd, &q, &w->got);
	assert_string_equal(w->got.verification, "");
}

/* --- explained --- */

static const char *
explained(struct world *w, uint64_t pos)
{
	struct query q = { .kind = Q_MESSAGE,
		.limit = 1,
		.flags = QF_EXPLAIN,
		.pos = pos };

	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 1);
	assert_non_null(w->got.m.explanation);
	return w->got.explained;
}

/* Each message has words of its own; what names a share says which. */
static void
test_every_message(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_MESSAGES, .limit = 1000 };
	unsigned shares = 0, total;

	ask(w->rd, &q, &w->got);
	total = w->got.n;
	assert_null(w->got.m.explanation);
	for (uint64_t pos = 1; pos <= total; pos++) {
		(void)explained(w, pos);
		assert_true(strlen(w->got.explained) > 10);
		contains(w->got.explained, "\"complete\":true");
		if (strcmp(w->got.m.method, "mining.submit") == 0) {
			assert_int_not_equal(w->got.m.share, 0);
			shares += w->got.m.share == pos;
		} else {
			assert_int_equal(w->got.m.share, 0);
		}
	}
	assert_int_equal(shares, SHARES + 3);
	q.flags = QF_EXPLAIN;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, total);
}

static void
test_explained_with_its_context(void **state)
{
	struct world *w = *state;
	const struct share_rec *s = &w->all.share[30];
	const struct share_rec *bad = &w->all.share[0];
	const struct share_rec *odd = &w->all.share[1];
	const struct share_rec *never = &w->all.share[2];

	contains(explained(w, s->pos), "HashScope finds it valid.");
	contains(w->got.explained, "The pool accepted it.");
	contains(w->got.explained, "\"name\":\"difficulty.reached\"");
	contains(explained(w, s->answer), "HashScope finds the share valid");
	assert_int_equal(w->got.m.share, s->pos);
	contains(explained(w, never->pos), "HashScope finds it unknown_job");
	contains(w->got.explained, "The pool rejected it.");
	contains(explained(w, odd->pos), "accepted it, wrongly.");
	contains(explained(w, odd->answer), "the pool is wrong to accept it");
	contains(explained(w, bad->pos), "it has not been answered so far");
	contains(w->got.explained, "its job cannot be read");
	contains(explained(w, bad->pos - 1),
	    "its previous hash is not 64 hex digits");
}

/* --- workers --- */

static void
test_workers(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_WORKERS, .limit = 100 };
	uint64_t shares = 0;
	unsigned i;

	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 3);
	for (i = 0; i < 3; i++) {
		struct worker_rec *r = &w->got.worker[i];
		double best = 0;
		uint64_t n = 0, last = 0;

		assert_true(i == 0 || r->id < w->got.worker[i - 1].id);
		for (unsigned k = 0; k < w->all.n; k++) {
			const struct share_rec *s = &w->all.share[k];

			if (strcmp(s->worker, r->name) != 0)
				continue;
			n++;
			best = s->reached > best ? s->reached : best;
			last = s->pos > last ? s->pos : last;
		}
		assert_int_equal(r->shares, n);
		assert_true(r->best == best);
		assert_int_equal(r->last, last);
		assert_true(r->last_share_us >= r->first_seen_us);
		shares += n;
	}
	assert_int_equal(shares, SHARES + 3);
	/* Sessions 1 and 2 are live; 3 never authorized anybody. */
	assert_int_equal(w->got.worker[0].live, 0);
	assert_int_equal(w->got.worker[1].live + w->got.worker[2].live, 2);
	q.flags = QF_LIVE;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 2);
	q = (struct query){ .kind = Q_WORKERS, .limit = 9, .text = "D\x1b" };
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 1);
	q = (struct query){ .kind = Q_WORKERS,
		.limit = 9,
		.worker = "odd\x1b\"w" };
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 1);
	assert_int_equal(w->got.worker[0].disputed, 1);
	snprintf(q.worker, sizeof(q.worker), "odd");
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 0);
	assert_int_equal(w->got.end.status, 0);
}

static void
test_worker_pages(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_WORKERS, .limit = 1 };
	unsigned n = 0;

	for (;;) {
		ask(w->rd, &q, &w->got);
		if (w->got.n == 0)
			break;
		n++;
		q.before = w->got.worker[0].id;
	}
	assert_int_equal(n, 3);
}

/* --- jobs --- */

static void
test_jobs(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_JOBS, .limit = 100 };
	unsigned total, i;
	const struct job_rec *j;

	ask(w->rd, &q, &w->got);
	total = w->got.n;
	assert_int_equal(total, 18);
	for (i = 1; i < total; i++)
		assert_true(w->got.job[i].pos < w->got.job[i - 1].pos);
	assert_int_equal(w->got.job[0].fault, WORK_BAD_PREVHASH);
	assert_string_equal(w->got.job[0].job_id, "bad");
	assert_int_equal(w->got.job[0].kept, 0);
	for (i = 1; i < total; i++) {
		j = &w->got.job[i];
		assert_int_equal(j->fault, WORK_SOUND);
		assert_int_equal(j->coinbase_fault, COINBASE_SOUND);
		assert_true(j->height >= 880001 && j->height <= 880004);
		assert_int_equal(j->kept, 2);
		assert_string_equal(j->output[0].address,
		    "bc1q28kkr5hk4gnqe3evma6runjrd2pvqyp8fpwfzu");
		assert_true(j->has_commitment && j->clean != -1);
		assert_null(j->coinb1);
	}
	q.limit = 5;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 5);
	q.before = w->got.job[4].pos;
	q.limit = 100;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, total - 5);
	q = (struct query){ .kind = Q_JOBS, .limit = 9, .pool = "elsewhere" };
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 0);
}

/* The same scripts, as another chain's people write them. */
static void
test_chain(void **state)
{
	static const char same[] = "q28kkr5hk4gnqe3evma6runjrd2pvqyp8";
	static const struct {
		enum address_net net;
		const char *begin;
	} chain[] = { { ADDRESS_TEST, "tb1" }, { ADDRESS_REGTEST, "bcrt1" },
		{ ADDRESS_MAIN, "bc1" } };
	struct world *w = *state;
	struct query jobs = { .kind = Q_JOBS, .limit = 1 };
	struct query said = { .kind = Q_MESSAGE,
		.flags = QF_EXPLAIN,
		.limit = 1 };
	char want[64];

	ask(w->rd, &(struct query){ .kind = Q_JOBS, .limit = 2 }, &w->got);
	said.pos = w->got.job[1].pos;
	jobs.before = said.pos + 1;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(want, sizeof(want), "%s%s", chain[i].begin, same);
		reader_chain(w->rd, chain[i].net);
		ask(w->rd, &jobs, &w->got);
		assert_int_equal(w->got.n, 1);
		assert_memory_equal(w->got.job[0].output[0].address, want,
		    strlen(want));
		ask(w->rd, &said, &w->got);
		assert_int_equal(w->got.n, 1);
		assert_non_null(strstr(w->got.explained, want));
	}
}

static void
test_one_job(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_JOB, .limit = 1 };

	q.pos = w->all.share[20].job;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.n, 1);
	assert_string_equal(w->got.job[0].job_id, w->all.share[20].job_id);
	assert_true(w->got.job[0].coinb1_len > 0);
	q.pos = 1000;
	ask(w->rd, &q, &w->got);
	assert_int_equal(w->got.end.status, 1);
}

/* Those that a session was given, with the times at which it got them. */
static void
test_session_jobs(void **state)
{
	struct world *w = *state;
	struct query q = { .kind = Q_JOBS, .limit = 100, .flags = QF_SESSION };
	unsigned s, i, notifies;
	size_t k;

	for (s = 1; s <= 2; s++) {
		notifies = 0;
		for (k = 0; k < w->nrec; k++)
			notifies += w->rec[k].session == s &&
			    memmem(w->rec[k].line, w->rec[k].len,
				"mining.notify", 13) != NULL &&
			    memmem(w->rec[k].line, w->rec[k].len, "params",
				6) != NULL &&
			    w->rec[k].to_miner;
		test_uuid(s, q.session);
		q.flags = QF_SESSION;
		w->got.stop_every = 3;
		ask(w->rd, &q, &w->got);
		assert_int_equal(w->got.n, notifies);
		for (i = 1; i < w->got.n; i++) {
			assert_true(w->got.job[i].pos < w->got.job[i - 1].pos);
			assert_true(w->got.job[i].pos >= w->got.job[i].first);
			assert_true(
			    w->got.job[i].ts_us <= w->got.job[i - 1].ts_us);
		}
		q.flags |= QF_ASCENDING;
		ask(w->rd, &q, &w->got);
		assert_int_equal(w->got.n, notifies);
		assert_true(w->got.job[0].pos < w->got.job[1].pos);
		w->got.stop_every = 0;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_as_sent),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_worker_filter),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_verified_again),
		cmocka_unit_test(test_every_message),
		cmocka_unit_test(test_explained_with_its_context),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_worker_pages),
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_one_job),
		cmocka_unit_test(test_session_jobs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
