/*
 * verify FILE: what a pool said of shares, checked without HashScope and
 * without a network.
 *
 *	verify.c		sessions: lines to the verifier, answers to
 *				their shares
 *	verify_input*.c		lines out of files
 *	verify_report.c		what comes of it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/line.h"
#include "common/verify.h"
#include "hashscopectl/ctl.h"
#include "common/keyed.h"
#include "hashscopectl/verify_report.h"

#define JOBS_BYTES (256u << 20)
#define ASKED_MAX  256   /* requests of a session without their answer */
#define ASKED_ALL  65536 /* of all of them */
#define ODD_MAX    16    /* lines until a connection is not Stratum */

/* A request that waits for its answer. */
struct asked {
	struct stratum_id id;
	enum stratum_method method;
	struct report_row *row; /* of a share */
};

struct session {
	struct keyed_node node;
	char name[INPUT_NAME];
	struct verify *v;
	bool begun, acks_anything;
	bool sided;    /* it is known who the miner is */
	uint8_t miner; /* FROM_ONE, FROM_OTHER */
	unsigned odd;  /* lines while it is not */
	uint64_t ts;   /* the latest */
	struct asked *asked;
	unsigned nasked;
};

struct verifier {
	struct report report;
	struct input_info info;
	struct keyed sessions;
	struct work_store *store;
	struct stratum_parser *parser;
	struct jtree *tree;
	uint64_t serial; /* of shares */
	size_t nasked;   /* of all sessions */
	/* Of the line that is being read. */
	struct stratum_msg msg;
	struct verify_share share;
};

/* --- requests and answers --- */

/* It leaves the list; a share in it is told of. */
static void
settle(struct verifier *w, struct session *s, unsigned i)
{
	struct report_row *row = s->asked[i].row;

	if (row != NULL)
		report_share(&w->report, row);
	free(row);
	s->nasked--;
	w->nasked--;
	memmove(s->asked + i, s->asked + i + 1,
	    (s->nasked - i) * sizeof(*s->asked));
}

static void
settle_all(struct verifier *w, struct session *s)
{
	while (s->nasked > 0)
		settle(w, s, 0);
}

/* Takes the row.  Who never answers loses the oldest. */
static void
ask(struct verifier *w, struct session *s, struct report_row *row)
{
	bool pairs = w->msg.id.type != STRATUM_ID_NONE &&
	    w->msg.id.type != STRATUM_ID_NULL;

	if (s->nasked > 0 && (s->nasked == ASKED_MAX || w->nasked == ASKED_ALL))
		settle(w, s, 0);
	if (s->asked == NULL)
		s->asked = calloc(ASKED_MAX, sizeof(*s->asked));
	if (!pairs || w->nasked == ASKED_ALL || s->asked == NULL) {
		if (row != NULL)
			report_share(&w->report, row);
		free(row);
		return;
	}
	s->asked[s->nasked++] = (struct asked){ .id = w->msg.id,
		.method = (enum stratum_method)w->msg.method,
		.row = row };
	w->nasked++;
}

/* The oldest request of this id; -1 if there is none. */
static int
find_asked(const struct session *s, const struct stratum_id *id)
{
	unsigned i;

	for (i = 0; i < s->nasked; i++)
		if (stratum_id_equal(&s->asked[i].id, id))
			return (int)i;
	return -1;
}

/* --- shares --- */

/* What was sent, also where the verifier did not come so far. */
static void
take_sent(const struct jtree *t, struct report_row *row)
{
	uint32_t params = jtree_member(t, jtree_root(t), "params");
	struct verify_share *s = &row->share;
	size_t len;
	const char *p;

	p = jtree_plain(t, jtree_item(t, params, 3), &len);
	row->has_ntime = p != NULL && hex_u32(p, len, &s->ntime) == 0;
	p = jtree_plain(t, jtree_item(t, params, 4), &len);
	row->has_nonce = p != NULL && hex_u32(p, len, &s->nonce) == 0;
	p = jtree_plain(t, jtree_item(t, params, 2), &len);
	if (s->en2.len == 0 && p != NULL && len <= 2 * sizeof(s->en2.b) &&
	    hex_bytes(p, len, s->en2.b) == 0)
		s->en2.len = (uint8_t)(len / 2);
}

static struct report_row *
new_row(struct verifier *w, const struct session *s, const struct input_line *l)
{
	struct report_row *row = calloc(1, sizeof(*row));

	if (row == NULL)
		return NULL;
	row->id = ++w->serial;
	row->message_id = l->id;
	row->at = l->at;
	memcpy(row->session, s->name, sizeof(row->session));
	row->ts = l->ts;
	row->ts_fwd = l->ts_fwd;
	row->share = w->share;
	verify_brief(&w->share, &row->brief);
	verify_sentence(&w->share, row->sentence, sizeof(row->sentence));
	row->share.job = NULL; /* it may be gone soon */
	take_sent(w->tree, row);
	return row;
}

static void
answer_share(struct verifier *w, struct session *s, struct report_row *row,
    const struct input_line *l, const struct jtree *tree)
{
	row->answer_ts = l->ts;
	row->answer_fwd = l->ts_fwd;
	if (tree != NULL)
		answer_parse(tree, &row->answer);
	else
		row->answer.class = ANSWER_ODD;
	verify_answer(s->v, &row->brief, &row->answer, &row->judged);
	if (row->judged.acks_anything && !s->acks_anything) {
		s->acks_anything = true;
		w->report.acks_anything++;
	}
}

/* --- lines --- */

/* Bytes are missing: what was asked may have been answered there. */
static void
lose(struct verifier *w, struct session *s)
{
	settle_all(w, s);
	verify_gap(s->v);
}

/* A session begins with what a miner says first. */
static bool
is_handshake(const struct stratum_msg *m, bool to_miner)
{
	return !to_miner && m->kind == STRATUM_REQUEST &&
	    m->method != STRATUM_M_SUBMIT;
}

static int
message(struct verifier *w, struct session *s, const struct input_line *l,
    bool to_miner)
{
	struct verify_message m = { .msg = &w->msg,
		.tree = w->tree,
		.to_miner = to_miner };
	struct report_row *row = NULL;
	int i = -1;

	s->ts = l->ts > s->ts ? l->ts : s->ts;
	m.ts = s->ts;
	if (l->flags & LINE_AFTER_GAP ||
	    (!s->begun && !is_handshake(&w->msg, to_miner)))
		lose(w, s);
	s->begun = true;
	if (w->msg.kind < STRATUM_REQUEST ||
	    jtree_parse(w->tree, l->data, l->len) == -1)
		m.tree = NULL;
	if (to_miner && w->msg.kind == STRATUM_RESPONSE &&
	    (i = find_asked(s, &w->msg.id)) != -1)
		m.answers = s->asked[i].method;
	if (verify_message(s->v, &m, &w->share) &&
	    (row = new_row(w, s, l)) == NULL)
		return -1;
	if (i != -1) {
		if (s->asked[i].row != NULL)
			answer_share(w, s, s->asked[i].row, l, m.tree);
		settle(w, s, (unsigned)i);
	}
	if (!to_miner && (row != NULL || w->msg.kind == STRATUM_REQUEST))
		ask(w, s, row);
	return 0;
}

/* Who is who, by what only one of them says; false while it is not known. */
static bool
find_side(struct session *s, const struct stratum_msg *m, uint8_t from)
{
	uint8_t other = from == FROM_ONE ? FROM_OTHER : FROM_ONE;

	switch ((enum stratum_method)m->method) {
	case STRATUM_M_SUBSCRIBE:
	case STRATUM_M_CONFIGURE:
	case STRATUM_M_AUTHORIZE:
	case STRATUM_M_SUBMIT:
	case STRATUM_M_EXTRANONCE_SUBSCRIBE:
	case STRATUM_M_SUGGEST_DIFFICULTY:
	case STRATUM_M_SUGGEST_TARGET:
		s->miner = from;
		return s->sided = true;
	case STRATUM_M_NOTIFY:
	case STRATUM_M_SET_DIFFICULTY:
	case STRATUM_M_SET_TARGET:
	case STRATUM_M_SET_EXTRANONCE:
	case STRATUM_M_SET_VERSION_MASK:
		s->miner = other;
		return s->sided = true;
	case STRATUM_M_NONE:
	case STRATUM_M_OTHER:
	case STRATUM_M_GET_TRANSACTIONS:
	case STRATUM_M_GET_TXNHASHES:
	case STRATUM_M_CAPABILITIES:
	case STRATUM_M_HASHES_DONE:
	case STRATUM_M_MULTI_VERSION:
	case STRATUM_M_PONG:
	case STRATUM_M_SET_GOAL:
	case STRATUM_M_RECONNECT:
	case STRATUM_M_GET_VERSION:
	case STRATUM_M_SHOW_MESSAGE:
	case STRATUM_M_PING:
	case STRATUM_M_CRYPTONOTE:
	case STRATUM_M_ETHEREUM:
	case STRATUM_M_COUNT:
		break;
	}
	return false;
}

static struct session *
find_session(struct verifier *w, const struct input_line *l)
{
	struct session *s;
	bool fresh;

	s = keyed_get(&w->sessions, l->session, strlen(l->session), &fresh);
	if (s == NULL || !fresh)
		return s;
	snprintf(s->name, sizeof(s->name), "%s", l->session);
	if ((s->v = verify_new(w->store)) == NULL) {
		keyed_remove(&w->sessions, s);
		return NULL;
	}
	if (l->from == FROM_MINER || l->from == FROM_POOL) {
		s->sided = true;
		w->report.sessions++;
	}
	return s;
}

static int
on_line(void *arg, const struct input_line *l)
{
	struct verifier *w = arg;
	struct session *s = find_session(w, l);
	bool known;

	if (s == NULL)
		return -1;
	w->report.info = w->info;
	if (w->report.messages == 0)
		w->report.began = l->ts;
	stratum_classify(w->parser, l->data, l->len,
	    (l->flags & (LINE_TRUNCATED | LINE_BROKEN)) != 0, &w->msg);
	known = s->sided;
	if (!known && !find_side(s, &w->msg, l->from)) {
		if (++s->odd < ODD_MAX)
			return 0;
		keyed_remove(&w->sessions, s);
		return 1;
	}
	w->report.sessions += !known;
	w->report.messages++;
	return message(w, s, l,
	    l->from == FROM_POOL ||
		(l->from >= FROM_ONE && l->from != s->miner));
}

static void
on_end(void *arg, const char *name)
{
	struct verifier *w = arg;
	struct session *s = keyed_find(&w->sessions, name, strlen(name));

	if (s != NULL)
		keyed_remove(&w->sessions, s);
}

static void
drop_session(void *arg, void *thing)
{
	struct verifier *w = arg;
	struct session *s = thing;

	settle_all(w, s);
	verify_free(s->v);
	free(s->asked);
}

/* --- the command --- */

static int
start(struct verifier *w, struct ctl *c)
{
	keyed_init(&w->sessions, sizeof(struct session), INPUT_STREAMS,
	    drop_session, w);
	w->store = work_store_new(JOBS_BYTES);
	w->parser = stratum_parser_new();
	w->tree = malloc(sizeof(*w->tree));
	if (w->store == NULL || w->parser == NULL || w->tree == NULL)
		return -1;
	report_begin(&w->report, &c->out, c->cmd.disputed);
	return 0;
}

static void
stop(struct verifier *w)
{
	keyed_clear(&w->sessions);
	if (w->store != NULL)
		work_store_free(w->store);
	stratum_parser_free(w->parser);
	free(w->tree);
}

static int
run(struct verifier *w, struct ctl *c)
{
	struct input_handler h = { .line = on_line, .end = on_end, .arg = w };
	char error[INPUT_ERROR];

	input_read(c->cmd.file, &h, &w->info, error);
	keyed_clear(&w->sessions);
	w->report.info = w->info;
	if (error[0] == '\0' && w->report.sessions == 0)
		snprintf(error, sizeof(error), "%.200s: no Stratum session",
		    c->cmd.file);
	report_end(&w->report, error);
	if (error[0] != '\0')
		return ctl_no(error);
	return report_is_good(&w->report) ? EXIT_OK : EXIT_NO;
}

int
verify(struct ctl *c)
{
	static struct verifier w;
	int code = EXIT_NO;

	if (start(&w, c) == -1)
		code = ctl_no("out of memory");
	else
		code = run(&w, c);
	stop(&w);
	return code;
}
