/*
 * See share.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/account.h"
#include "captured/share.h"
#include "captured/share_news.h"
#include "captured/store_share.h"
#include "captured/watching.h"
#include "common/hex.h"

/* All jobs that live sessions know, in memory. */
#define JOBS_BYTES   (64u << 20)
/* Notifies that are kept one by one before the state is written anew. */
#define NOTES_MAX    16
#define NOTE_LEN     (1 + SHA256_LEN + 8 + 1)
#define STATE_FORMAT 1

static bool
is_held(void *arg, const uint8_t *key)
{
	struct ingest *in = arg;
	struct work_job *j = work_find(in->jobs, key);

	if (j == NULL)
		return false;
	work_unref(in->jobs, j);
	return true;
}

int
shares_open(struct ingest *in)
{
	in->jobs = work_store_new(JOBS_BYTES);
	in->tree = malloc(sizeof(*in->tree));
	mbuf_init(&in->verifier);
	if (in->jobs == NULL || in->tree == NULL)
		return -1;
	return 0;
}

void
shares_close(struct ingest *in)
{
	share_news_free(in);
	work_store_free(in->jobs);
	free(in->tree);
	mbuf_free(&in->verifier);
}

/* --- shares whose answer is awaited --- */

static void
pending_drop(struct session *s, unsigned i)
{
	s->npending--;
	memmove(s->pending + i, s->pending + i + 1,
	    (s->npending - i) * sizeof(*s->pending));
	if (s->npending > 0 || s->pending_cap <= 8)
		return;
	free(s->pending);
	s->pending = NULL;
	s->pending_cap = 0;
}

/* Whom a share counts for: the worker is who it names. */
static void
share_who(struct ingest *in, struct session *s, const char *worker, uint64_t ts,
    uint32_t who[ROLL_KINDS])
{
	memcpy(who, account_who(in, s, ts), ROLL_KINDS * sizeof(who[0]));
	if (strcmp(worker, s->rec.worker) != 0)
		who[ROLL_WORKER - 1] = store_roll_id(in->store, ROLL_WORKER,
		    worker, store_real_us(in->store, ts));
}

static void
pending_push(struct session *s, const struct share_pending *new)
{
	uint16_t cap = s->pending_cap == 0 ? 4 : s->pending_cap * 2;
	void *p;

	if (s->npending == PAIR_MAX)
		pending_drop(s, 0);
	if (s->npending == s->pending_cap) {
		p = realloc(s->pending, cap * sizeof(*s->pending));
		if (p == NULL)
			return;
		s->pending = p;
		s->pending_cap = cap;
	}
	s->pending[s->npending++] = *new;
}

void
share_forwarded(struct session *s, uint64_t pos, uint64_t ts_fwd)
{
	for (unsigned i = 0; i < s->npending; i++)
		if (s->pending[i].pos == pos)
			s->pending[i].ts_fwd = ts_fwd;
}

static bool
pending_stored(struct ingest *in, struct session *s, uint64_t pos,
    struct share_pending *out)
{
	char worker[STRATUM_TEXT_MAX + 1];

	memset(out, 0, sizeof(*out));
	if (store_share_brief(in->store, pos, &out->brief, &out->ts_fwd,
		worker) != 1)
		return false;
	out->pos = pos;
	share_who(in, s, worker, out->brief.ts, out->who);
	return true;
}

/* Of one that was there before the start, from the store. */
static bool
pending_take(struct ingest *in, struct session *s, uint64_t pos,
    struct share_pending *out)
{
	unsigned i = 0;

	while (i < s->npending && s->pending[i].pos != pos)
		i++;
	if (i == s->npending)
		return pending_stored(in, s, pos, out);
	*out = s->pending[i];
	pending_drop(s, i);
	return true;
}

void
share_forget(struct session *s)
{
	while (s->npending > 0)
		pending_drop(s, s->npending - 1u);
}

void
share_forget_above(struct session *s, uint64_t last)
{
	while (s->npending > 0 && s->pending[s->npending - 1].pos > last)
		pending_drop(s, s->npending - 1u);
	/* Of what it has learned, the store has nothing. */
	s->verify_whole = true;
}

void
share_on_gap(struct ingest *in, struct session *s)
{
	if (s->verify == NULL && (s->verify = verify_new(in->jobs)) == NULL)
		return;
	verify_gap(s->verify);
	s->verify_whole = true;
}

/* --- jobs --- */

static const char *
pool_name(const struct session *s, char *buf, size_t size)
{
	snprintf(buf, size, "%s:%u", s->rec.pool_host, s->rec.pool_port);
	return buf;
}

/* Every share before this notify is stale now, unless its job came again. */
static bool
clears_seen(const struct verify *v, int clean)
{
	uint64_t ts, when;
	bool retired;
	const struct work_job *newest = verify_job(v, 0, &when, &retired);

	if (clean != 1)
		return false;
	for (unsigned i = 1; i < verify_jobs(v); i++)
		if (verify_job(v, i, &ts, &retired) == newest)
			return false;
	return true;
}

static void
note_job(struct ingest *in, struct session *s, const struct work_job *j,
    uint64_t pos, uint64_t ts, int clean)
{
	uint8_t note[NOTE_LEN];

	if (s->verify_whole || s->notes >= NOTES_MAX) {
		s->verify_whole = true;
		return;
	}
	note[0] = 1;
	memcpy(note + 1, j->key, SHA256_LEN);
	memcpy(note + 1 + SHA256_LEN, &ts, 8);
	note[1 + SHA256_LEN + 8] = (uint8_t)(clean + 1);
	if (store_item_put(in->store, s->sid, ITEM_JOB, pos, note,
		sizeof(note)) == -1)
		s->verify_whole = true;
	else
		s->notes++;
}

static void
on_notify(struct ingest *in, struct session *s, uint64_t pos, uint64_t ts,
    uint64_t fwd)
{
	const struct jtree *t = in->tree;
	uint32_t params = jtree_member(t, jtree_root(t), "params");
	int clean = work_clean(t, params);
	char pool[sizeof(s->rec.pool_host) + 8];
	uint64_t when;
	bool retired;
	const struct work_job *j = verify_job(s->verify, 0, &when, &retired);
	struct store_job row = { .pos = pos, .ts = ts };
	const struct work_job *before = verify_job(s->verify, 1, &when,
	    &retired);

	if (j == NULL) {
		s->verify_whole = true; /* there was no room for it */
		return;
	}
	watching_job(in, s, pos, j);
	if (clears_seen(s->verify, clean))
		s->seen_from = pos;
	/* Who has just connected is given a job that others have long had,
	 * and some pools say the same job again. */
	if (s->given && before != j)
		row.given = fwd > ts ? fwd : ts;
	s->given = true;
	row.key = j->key;
	row.pool = pool_name(s, pool, sizeof(pool));
	row.id = j->id;
	row.params = j->text == NULL ? "" : j->text;
	row.len = j->text_len;
	if (store_job(in->store, &row) == -1)
		return;
	note_job(in, s, j, pos, ts, clean);
}

void
share_jobs_again(struct ingest *in, struct session *s)
{
	char pool[sizeof(s->rec.pool_host) + 8];
	struct store_job row = { .pos = in->last_pos };
	const struct work_job *j;
	bool retired;

	row.pool = pool_name(s, pool, sizeof(pool));
	for (unsigned i = 0; s->verify != NULL && i < verify_jobs(s->verify);
	     i++) {
		j = verify_job(s->verify, i, &row.ts, &retired);
		if (j == NULL || j->text == NULL)
			continue;
		row.key = j->key;
		row.id = j->id;
		row.params = j->text;
		row.len = j->text_len;
		(void)store_job(in->store, &row);
	}
}

/* --- messages --- */

/* Only these need a look inside; of most messages the kind is enough. */
static bool
matters(const struct stratum_msg *m, unsigned d,
    const struct pair_answer *request)
{
	static const bool from_miner[STRATUM_M_COUNT] = {
		[STRATUM_M_AUTHORIZE] = true,
		[STRATUM_M_SUBMIT] = true,
	}, from_pool[STRATUM_M_COUNT] = {
		[STRATUM_M_NOTIFY] = true,
		[STRATUM_M_SET_DIFFICULTY] = true,
		[STRATUM_M_SET_TARGET] = true,
		[STRATUM_M_SET_EXTRANONCE] = true,
		[STRATUM_M_SET_VERSION_MASK] = true,
	}, answered[STRATUM_M_COUNT] = {
		[STRATUM_M_SUBSCRIBE] = true,
		[STRATUM_M_CONFIGURE] = true,
		[STRATUM_M_AUTHORIZE] = true,
		[STRATUM_M_SUBMIT] = true,
	};

	if (m->kind < STRATUM_REQUEST)
		return false;
	if (m->kind == STRATUM_RESPONSE)
		return d == 1 && request->pos != 0 && answered[request->kind];
	return d == 0 ? from_miner[m->method] : from_pool[m->method];
}

/*
 * Where the time went: what is not ours, and not TCP's, is the pool's.  A
 * round trip is that of relayd's last look; the pool's leg cannot have taken
 * longer than the answer did.
 */
static void
split_time(const struct session *s, const struct share_pending *p,
    const struct store_msg *answer, struct roll_legs *legs)
{
	uint64_t sent = p->ts_fwd > p->brief.ts ? p->ts_fwd : p->brief.ts;
	int64_t round = (int64_t)(answer->ts_recv - sent);

	if (round < 0)
		round = 0;
	legs->own = (int64_t)(sent - p->brief.ts);
	if (answer->ts_fwd > answer->ts_recv)
		legs->own += (int64_t)(answer->ts_fwd - answer->ts_recv);
	legs->tcp_miner = (int64_t)s->rec.rtt_us[0] * 1000;
	legs->tcp_pool = (int64_t)s->rec.rtt_us[1] * 1000;
	if (legs->tcp_pool > round)
		legs->tcp_pool = round;
	legs->pool = round - legs->tcp_pool;
}

static void
on_answer(struct ingest *in, struct session *s, const struct store_msg *m,
    const struct pair_answer *request)
{
	struct store_answer a = { .answer = m->pos,
		.latency = (int64_t)(m->ts_recv - request->ts) };
	struct share_pending p;

	if (!pending_take(in, s, request->pos, &p))
		return;
	answer_parse(in->tree, &a.said);
	verify_answer(s->verify, &p.brief, &a.said, &a.judged);
	split_time(s, &p, m, &a.legs);
	a.share = p.brief;
	memcpy(a.who, p.who, sizeof(a.who));
	store_share_answered(in->store, request->pos, &a);
	account_answer(in, s, &a);
	watching_answer(in, s, m->pos, &p.brief, &a);
	share_news_answered(in, request->pos, &a);
	in->share = request->pos;
	in->n.disputed += roll_is_dispute(a.judged.agreement);
	in->n.accepted += a.said.class == ANSWER_ACCEPTED;
	in->n.rejected += a.said.class == ANSWER_REJECTED;
}

static void
on_share(struct ingest *in, struct session *s, const struct store_msg *m,
    const struct verify_share *sh)
{
	struct share_pending p = { .pos = m->pos, .ts_fwd = m->ts_fwd };
	char pool[sizeof(s->rec.pool_host) + 8];

	in->n.shares++;
	verify_brief(sh, &p.brief);
	share_who(in, s, sh->worker, sh->ts, p.who);
	account_share(in, s, m->pos, sh, &p.brief);
	if (store_share(in->store, m->pos, s->sid,
		pool_name(s, pool, sizeof(pool)), p.who, sh) == 0)
		pending_push(s, &p);
	share_news_seen(in, s, m, sh);
	in->share = m->pos;
	watching_share(in, s, m->pos, sh);
}

/* What a miner may put before its own, as the pool gave it. */
static void
note_extranonce(struct session *s)
{
	char text[sizeof(s->rec.extranonce1)] = "";
	uint8_t size = 0;
	const struct work_bytes *en1 = verify_extranonce1(s->verify, &size);

	if (en1 != NULL)
		hex_text(en1->b, en1->len, text);
	if (strcmp(text, s->rec.extranonce1) == 0 &&
	    size == s->rec.extranonce2_size)
		return;
	memcpy(s->rec.extranonce1, text, sizeof(text));
	s->rec.extranonce2_size = size;
	s->facts = true;
}

static void
verify_line(struct ingest *in, struct session *s, unsigned d,
    const struct line *l, const struct store_msg *at,
    const struct pair_answer *request)
{
	struct verify_message m = { .msg = &in->msg,
		.tree = in->tree,
		.ts = l->ts_recv,
		.to_miner = d == 1 };
	uint64_t before = verify_generation(s->verify);
	struct verify_share sh;

	if (in->msg.kind == STRATUM_RESPONSE)
		m.answers = request->kind;
	if (verify_message(s->verify, &m, &sh))
		on_share(in, s, at, &sh);
	if (m.answers == STRATUM_M_SUBMIT)
		on_answer(in, s, at, request);
	if (verify_generation(s->verify) == before)
		return;
	note_extranonce(s);
	if (d == 1 && in->msg.kind != STRATUM_RESPONSE &&
	    in->msg.method == STRATUM_M_NOTIFY)
		on_notify(in, s, at->pos, l->ts_recv, at->ts_fwd);
	else
		s->verify_whole = true;
}

void
share_on_message(struct ingest *in, struct session *s, unsigned d,
    const struct line *l, const struct store_msg *at,
    const struct pair_answer *request)
{
	in->share = 0;
	/* What HashScope repeats was mined, judged and counted before. */
	if (s->rec.replay)
		return;
	/* What was in it cannot be known. */
	if (d == 1 && (l->flags & LINE_TRUNCATED) != 0) {
		share_on_gap(in, s);
		return;
	}
	if (!matters(&in->msg, d, request) ||
	    jtree_parse(in->tree, l->data, l->len) == -1)
		return;
	if (s->verify == NULL && (s->verify = verify_new(in->jobs)) == NULL)
		return;
	verify_line(in, s, d, l, at, request);
}

/* --- into the store --- */

/* The jobs by their keys go before, so that they can be found first. */
static void
pack(const struct session *s, struct mbuf *m)
{
	unsigned n = verify_jobs(s->verify);
	const struct work_job *j;
	uint64_t ts;
	bool retired;

	mbuf_reset(m);
	msg_put_u8(m, STATE_FORMAT);
	msg_put_u64(m, s->seen_from);
	msg_put_u8(m, (uint8_t)n);
	for (unsigned i = 0; i < n; i++) {
		static const uint8_t none[SHA256_LEN];

		j = verify_job(s->verify, i, &ts, &retired);
		msg_put_raw(m, j == NULL ? none : j->key, SHA256_LEN);
	}
	verify_pack(s->verify, m, false);
}

int
share_write(struct ingest *in, struct session *s)
{
	if (s->verify == NULL || !s->verify_whole || s->ended)
		return 0;
	pack(s, &in->verifier);
	if (in->verifier.bad)
		return -1;
	return store_verifier(in->store, s->sid, in->verifier.data,
	    in->verifier.len);
}

void
share_settle(struct session *s)
{
	if (!s->verify_whole)
		return;
	s->verify_whole = false;
	s->notes = 0;
}

/* --- and out of it --- */

/* A job's parameters as a tree, whose text the caller frees. */
static char *
job_tree(struct ingest *in, const uint8_t *key, int clean)
{
	char *params, *text;
	size_t len, n;

	if (store_job_params(in->store, key, &params, &len) != 1)
		return NULL;
	text = malloc(len + 16);
	if (text != NULL) {
		text[0] = '[';
		memcpy(text + 1, params, len);
		n = (size_t)snprintf(text + 1 + len, 15, "%s]",
		    clean < 0      ? "" :
			clean == 0 ? ",false" :
				     ",true");
		if (jtree_parse(in->tree, text, 1 + len + n) == -1) {
			free(text);
			text = NULL;
		}
	}
	free(params);
	return text;
}

/* Keeps it until all sessions have been restored. */
static int
hold_job(struct ingest *in, const uint8_t *key)
{
	struct work_job *j = work_find(in->jobs, key), **held;
	char *text;

	if (j != NULL) {
		work_unref(in->jobs, j);
		return 0;
	}
	if ((text = job_tree(in, key, -1)) == NULL)
		return 0; /* its shares will be undecided */
	j = work_take(in->jobs, in->tree, jtree_root(in->tree));
	free(text);
	if (j == NULL)
		return 0;
	held = realloc(in->held, (in->nheld + 1) * sizeof(*held));
	if (held == NULL) {
		work_unref(in->jobs, j);
		return -1;
	}
	in->held = held;
	in->held[in->nheld++] = j;
	return 0;
}

static void
on_seen(void *arg, const uint8_t hash[32])
{
	verify_seen(arg, hash);
}

static int
unpack(struct ingest *in, struct session *s, const uint8_t *data, size_t len)
{
	uint8_t key[SHA256_LEN];
	struct mcur c;
	unsigned n;

	mcur_init(&c, data, len);
	if (msg_get_u8(&c) != STATE_FORMAT)
		c.bad = true;
	s->seen_from = msg_get_u64(&c);
	for (n = msg_get_u8(&c); n > 0 && !c.bad; n--) {
		msg_get_raw(&c, key, sizeof(key));
		if (!c.bad && hold_job(in, key) == -1)
			return -1;
	}
	s->verify = c.bad ? NULL : verify_unpack(in->jobs, &c);
	return 0;
}

int
share_restore(struct ingest *in, struct session *s)
{
	uint8_t *data;
	size_t len;
	int r = store_verifier_load(in->store, s->sid, &data, &len);

	if (r == 1) {
		r = unpack(in, s, data, len);
		free(data);
		/* One that makes no sense: nothing is known any more. */
		if (r == 0 && s->verify == NULL)
			share_on_gap(in, s);
	}
	return r;
}

void
share_restore_job(struct ingest *in, struct session *s, uint64_t pos,
    const uint8_t *note, size_t len)
{
	uint64_t ts;
	int clean;
	char *text;

	if (len != NOTE_LEN || note[NOTE_LEN - 1] > 2 ||
	    (s->verify == NULL && (s->verify = verify_new(in->jobs)) == NULL))
		return;
	memcpy(&ts, note + 1 + SHA256_LEN, 8);
	clean = (int)note[NOTE_LEN - 1] - 1;
	if ((text = job_tree(in, note + 1, clean)) == NULL) {
		share_on_gap(in, s);
		return;
	}
	verify_notify(s->verify, in->tree, jtree_root(in->tree), ts);
	free(text);
	if (clears_seen(s->verify, clean))
		s->seen_from = pos;
	s->notes++;
}

void
share_restored(struct ingest *in)
{
	struct session *s;

	TAILQ_FOREACH(s, &in->sessions.all, all)
		if (s->verify != NULL)
			(void)store_load_seen(in->store, s->sid, s->seen_from,
			    2 * VERIFY_SEEN_MAX, on_seen, s->verify);
	while (in->nheld > 0)
		work_unref(in->jobs, in->held[--in->nheld]);
	free(in->held);
	in->held = NULL;
	store_job_held(in->store, is_held, in);
}
