/*
 * Explanations, made when somebody reads: of a message with what the store
 * knows around it (its request, its share, its session), of a share with how
 * it was verified.  What is not known any more is said to be so.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/select_int.h"
#include "common/explain.h"
#include "common/object_share.h"
#include "common/steps.h"

#define WORDS_MAX 8192
#define JSON_MAX  (160u << 10)
#define NOTES_MAX 12
#define NOTE_LEN  720

/* Large; one for all that is explained. */
struct explainer {
	struct explain *e;
	struct stratum_parser *parser;
	struct stratum_msg msg;
	struct steps steps;
	struct json_out json;
	char words[WORDS_MAX];
	char note[NOTES_MAX][NOTE_LEN];
	const char *notes[NOTES_MAX];
	unsigned n;
	char agent[129];
};

void
explainer_free(struct explainer *x)
{
	if (x == NULL)
		return;
	explain_free(x->e);
	stratum_parser_free(x->parser);
	json_clear(&x->json);
	free(x);
}

static struct explainer *
explainer_of(struct reader *rd)
{
	struct explainer *x = rd->explainer;

	if (x != NULL || (x = calloc(1, sizeof(*x))) == NULL)
		return x;
	json_init(&x->json, JSON_MAX);
	x->e = explain_new();
	x->parser = stratum_parser_new();
	if (x->e == NULL || x->parser == NULL || reader_tree(rd) == NULL) {
		explainer_free(x);
		return NULL;
	}
	rd->explainer = x;
	return x;
}

/* --- notes on what is around it --- */

static void note(struct explainer *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
note(struct explainer *x, const char *fmt, ...)
{
	va_list ap;

	if (x->n == NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(x->note[x->n], NOTE_LEN, fmt, ap);
	va_end(ap);
	x->notes[x->n] = x->note[x->n];
	x->n++;
}

static void
note_capture(struct explainer *x, const struct message_rec *m)
{
	if (m->flags & MF_TRUNCATED)
		note(x,
		    "it has %" PRIu32 " bytes, of which the first %" PRIu32
		    " are kept",
		    m->size, m->raw_len);
	if (m->flags & MF_REDACTED)
		note(x,
		    "the password was replaced by as many * before it was "
		    "stored");
	if (m->flags & MF_AFTER_GAP)
		note(x, "bytes before it were not captured");
	if (m->flags & MF_UNDELIVERED)
		note(x, "it was not delivered: the other side was gone");
	if (m->replay_of != 0)
		note(x, "HashScope sent it itself, repeating message %" PRIu64,
		    m->replay_of);
}

static void
note_pair(struct explainer *x, const struct message_rec *m, bool live)
{
	if (m->pair != 0)
		return;
	if (m->flags & MF_REQUEST)
		note(x,
		    live ? "it has not been answered so far" :
			   "it was never answered");
	else if (m->flags & MF_RESPONSE)
		note(x,
		    "its request was not captured, or had the id of none "
		    "that waits: what it answers is not known");
}

/* What HashScope found, for the answer's reader. */
static void
note_share(struct explainer *x, const struct share_rec *s)
{
	char words[600];

	share_sentence(s, words, sizeof(words));
	note(x, "HashScope finds the share %s%s%s",
	    verify_verdict_name((enum verify_verdict)s->verdict),
	    words[0] != '\0' ? ": " : "", words);
	if (s->agreement == AGREE_POOL_ACCEPTS_INVALID)
		note(x, "the pool is wrong to accept it");
	else if (s->agreement == AGREE_POOL_REJECTS_VALID)
		note(x, "the pool is wrong to reject it");
}

/* --- the share of a submit --- */

/* As the verifier had it; the job is there as long as its reference. */
static void
as_verified(const struct share_rec *s, const struct work_job *j,
    struct verify_share *v)
{
	*v = (struct verify_share){ .verdict = s->verdict,
		.cause = s->cause,
		.firm = (s->flags & SF_FIRM) != 0,
		.is_block = (s->flags & SF_BLOCK) != 0,
		.has_bits = (s->flags & SF_BITS) != 0,
		.hashed = (s->flags & SF_HASHED) != 0,
		.ntime = s->ntime,
		.nonce = s->nonce,
		.bits = s->bits,
		.mask = s->mask,
		.version = s->version,
		.formula = s->formula,
		.formulas = s->formulas,
		.passed = s->passed,
		.late = s->late_us > 0 ? (uint64_t)s->late_us * 1000 : 0,
		.job = j,
		.reached = s->reached,
		.job_difficulty = s->job_difficulty,
		.present = s->present,
		.previous = s->previous };
	memcpy(v->hash, s->hash, sizeof(v->hash));
}

/*
 * These sentences hang on what is not kept with a share; the submit itself
 * shows it, and the cause by itself is plain enough.
 */
static bool
tells_without_more(const struct share_rec *s)
{
	return s->cause != CAUSE_EN2_LENGTH && s->cause != CAUSE_MALFORMED;
}

/* --- all together --- */

static int
load_session(struct reader *rd, uint64_t sid, struct explainer *x, bool *live)
{
	struct bind b;
	struct col c;
	int r;

	x->agent[0] = '\0';
	*live = false;
	rd_start(rd, RD_SESSION_NOTES, &b);
	bind_int(&b, (int64_t)sid);
	r = rd_step(rd, RD_SESSION_NOTES, &b);
	if (r == 1) {
		col_init(&c, b.q, 0);
		col_text(&c, x->agent, sizeof(x->agent));
		*live = col_int(&c) != 0;
	}
	rd_reset(rd, RD_SESSION_NOTES);
	return r == -1 ? -1 : 0;
}

/* Of a submit the verdict is what matters. */
static void
add_verdict(struct explainer *x, const struct share_rec *s)
{
	size_t at = strlen(x->words);
	char words[600];

	share_sentence(s, words, sizeof(words));
	if (at + sizeof(words) + 200 > sizeof(x->words))
		return;
	at += (size_t)snprintf(x->words + at, sizeof(x->words) - at,
	    " HashScope finds it %s%s%s.",
	    verify_verdict_name((enum verify_verdict)s->verdict),
	    words[0] != '\0' ? ": " : "", words);
	if (s->said == ANSWER_ACCEPTED || s->said == ANSWER_REJECTED)
		snprintf(x->words + at, sizeof(x->words) - at,
		    " The pool %s it%s.",
		    answer_class_name((enum answer_class)s->said),
		    s->agreement == AGREE_POOL_ACCEPTS_INVALID ||
			    s->agreement == AGREE_POOL_REJECTS_VALID ?
			", wrongly" :
			"");
}

static void
give(struct explainer *x, struct message_rec *m, const struct share_rec *s)
{
	const char *text;
	size_t len;

	explain_words(x->e, x->words, sizeof(x->words));
	if (s != NULL && s->pos == m->pos)
		add_verdict(x, s);
	json_reset(&x->json);
	explain_json(x->e, x->words, true, &x->json);
	if ((text = json_finish(&x->json, &len)) == NULL) {
		/* With more in it than fits the words must do. */
		json_reset(&x->json);
		explain_json(x->e, x->words, false, &x->json);
		text = json_finish(&x->json, &len);
	}
	m->explanation = (const uint8_t *)text;
	m->explanation_len = text != NULL ? (uint32_t)len : 0;
}

static void
explain(struct reader *rd, struct explainer *x, struct message_rec *m,
    const struct share_rec *s, const struct work_job *j)
{
	struct explain_input in = { .msg = &x->msg,
		.line = (const char *)m->raw,
		.len = m->raw_len,
		.to_miner = m->dir == DIR_POOL_TO_MINER,
		.net = rd->chain,
		.agent = x->agent[0] != '\0' ? x->agent : NULL,
		.more = x->notes };
	struct verify_share v;

	stratum_classify(x->parser, m->raw, m->raw_len,
	    (m->flags & MF_TRUNCATED) != 0, &x->msg);
	/* The job was read with the same tree. */
	if (x->msg.kind >= STRATUM_REQUEST &&
	    jtree_parse(rd->tree, m->raw, m->raw_len) == 0)
		in.tree = rd->tree;
	if (m->pair != 0 && (m->flags & MF_RESPONSE))
		in.answers = stratum_method_find(m->method, strlen(m->method));
	if (s != NULL && s->pos == m->pos && tells_without_more(s)) {
		as_verified(s, j, &v);
		in.share = &v;
	} else if (s != NULL && s->pos != m->pos) {
		note_share(x, s);
	}
	in.n_more = x->n;
	explain_message(x->e, &in);
	give(x, m, s);
}

int
message_explain(struct reader *rd, struct message_rec *m, uint64_t sid)
{
	struct explainer *x = explainer_of(rd);
	struct work_job *j = NULL;
	struct share_rec s;
	bool live;
	int r = 0;

	if (x == NULL)
		return 0;
	x->n = 0;
	if (load_session(rd, sid, x, &live) == -1)
		return -1;
	if (m->share != 0 && (r = share_at(rd, m->share, &s)) == -1)
		return -1;
	if (r == 1 && job_load(rd, s.job, &j) == -1)
		return -1;
	note_capture(x, m);
	note_pair(x, m, live);
	if (strcmp(m->method, "mining.submit") == 0 && r != 1)
		note(x,
		    m->flags & MF_REQUEST ? "no verdict on it is kept" :
					    "no verdict on the share is kept");
	explain(rd, x, m, r == 1 ? &s : NULL, j);
	if (j != NULL)
		work_unref(rd->works, j);
	return 0;
}

int
share_explain(struct reader *rd, struct share_rec *s)
{
	struct explainer *x = explainer_of(rd);
	struct work_job *j;
	const char *text;
	size_t len;

	if (x == NULL)
		return 0;
	if (job_load(rd, s->job, &j) == -1)
		return -1;
	steps_make(&x->steps, s, j);
	json_reset(&x->json);
	steps_json(&x->json, &x->steps, s, j);
	if ((text = json_finish(&x->json, &len)) != NULL) {
		s->verification = (const uint8_t *)text;
		s->verification_len = (uint32_t)len;
	}
	if (j != NULL)
		work_unref(rd->works, j);
	return 0;
}
