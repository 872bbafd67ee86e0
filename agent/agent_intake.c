/*
 * What an agent believes.  A share is taken from an event whose author is
 * configured, whose id and signature are right, that is of our run and of
 * now; and each (publisher, session, seq) once, however many events bring it.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "common/nostr_key.h"
#include "common/nostr_nip44.h"

#define SESSIONS  4096 /* a power of two */
#define WINDOW    4096 /* numbers behind the highest that are told apart */
#define SEEN      4096
#define FUTURE_S  60
#define PAST_S    600
#define CONTROL_S 60 /* how old a word of the operator may be */

/* Which numbers of a session were had. */
struct had {
	uint8_t publisher[32], session[16];
	bool used;
	uint64_t highest;
	uint64_t touched;
	uint64_t bits[WINDOW / 64];
};

struct intake {
	const struct agent_conf *conf;
	const struct intake_ops *ops;
	void *arg;
	int64_t started_s, control_s;
	struct nostr_verifier *verifier;
	struct nostr_event event;
	struct jtree tree;
	struct nostr_rows rows;
	char room[NOSTR_EVENT_MAX];
	uint8_t seen[SEEN][32];
	unsigned next_seen;
	struct had *had;
	uint64_t touch;
	uint64_t refused;
	struct mbuf plain; /* what was encrypted */
};

struct intake *
intake_new(const struct agent_conf *conf, int64_t started_s,
    const struct intake_ops *ops, void *arg)
{
	struct intake *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->conf = conf;
	in->ops = ops;
	in->arg = arg;
	in->started_s = in->control_s = started_s;
	in->verifier = nostr_verifier_new();
	in->had = calloc(SESSIONS, sizeof(*in->had));
	if (in->verifier == NULL || in->had == NULL) {
		intake_free(in);
		return NULL;
	}
	return in;
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	nostr_verifier_free(in->verifier);
	free(in->had);
	mbuf_free(&in->plain);
	free(in);
}

uint64_t
intake_refused(const struct intake *in)
{
	return in->refused;
}

void
intake_filter(const struct intake *in, struct nostr_filter *f)
{
	const struct agent_conf *c = in->conf;

	memset(f, 0, sizeof(*f));
	f->kind[0] = (uint32_t)c->kind_batch;
	f->kind[1] = (uint32_t)c->kind_share;
	f->kind[2] = (uint32_t)c->kind_control;
	f->nkinds = 3;
	f->nauthors = c->ntrust;
	memcpy(f->author, c->trust, c->ntrust * sizeof(c->trust[0]));
	snprintf(f->tag_t, sizeof(f->tag_t), "hashscope:%s", c->run);
}

/* --- once only --- */

/* Its place; the one that was not touched for longest makes room. */
static struct had *
lookup(struct intake *in, const uint8_t publisher[32],
    const uint8_t session[16])
{
	struct had *h, *oldest = NULL;
	uint64_t x;

	memcpy(&x, session + 8, sizeof(x));
	x *= UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < 16; i++) {
		h = &in->had[((x >> 32) + i) & (SESSIONS - 1)];
		if (h->used && memcmp(h->session, session, 16) == 0 &&
		    memcmp(h->publisher, publisher, 32) == 0)
			return h;
		if (oldest == NULL || h->touched < oldest->touched)
			oldest = h;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->publisher, publisher, 32);
	memcpy(oldest->session, session, 16);
	oldest->used = true;
	return oldest;
}

/* True the first time; what is too far behind counts as had. */
static bool
is_new(struct intake *in, const uint8_t publisher[32],
    const struct nostr_share *s)
{
	struct had *h = lookup(in, publisher, s->session);
	uint64_t n, bit = UINT64_C(1) << (s->seq % 64);
	uint64_t *word = &h->bits[s->seq / 64 % (WINDOW / 64)];

	h->touched = ++in->touch;
	if (s->seq > h->highest) {
		/* Numbers that are passed over may still come. */
		n = s->seq - h->highest > WINDOW ? s->seq - WINDOW : h->highest;
		while (++n <= s->seq)
			h->bits[n / 64 % (WINDOW / 64)] &= ~(
			    UINT64_C(1) << (n % 64));
		h->highest = s->seq;
	} else if (h->highest - s->seq >= WINDOW || (*word & bit) != 0) {
		return false;
	}
	*word |= bit;
	return true;
}

static bool
had_event(struct intake *in, const uint8_t id[32])
{
	for (unsigned i = 0; i < SEEN; i++)
		if (memcmp(in->seen[i], id, 32) == 0)
			return true;
	memcpy(in->seen[in->next_seen++ % SEEN], id, 32);
	return false;
}

/* --- is it to be believed --- */

static bool
in_time(const struct intake *in, const struct nostr_event *e, int64_t now)
{
	int64_t until = nostr_event_expiration(e);

	return e->created_at <= now + FUTURE_S &&
	    e->created_at >= now - PAST_S && e->created_at >= in->started_s &&
	    (until == 0 || until > now);
}

/* The cheap questions first; the signature last. */
static enum intake_fault
check(struct intake *in, const struct nostr_event *e, int64_t now)
{
	struct nostr_filter f;
	uint8_t id[32];
	unsigned i;

	intake_filter(in, &f);
	for (i = 0; i < f.nauthors; i++)
		if (memcmp(f.author[i], e->pubkey, 32) == 0)
			break;
	if (i == f.nauthors)
		return INTAKE_STRANGER;
	if (!nostr_filter_matches(&f, e))
		return INTAKE_FOREIGN;
	if (!in_time(in, e, now))
		return INTAKE_TIME;
	nostr_event_id(e, id);
	if (memcmp(id, e->id, 32) != 0 ||
	    !nostr_verify(in->verifier, e->pubkey, e->id, 32, e->sig))
		return INTAKE_FORGED;
	return had_event(in, e->id) ? INTAKE_REPEATED : INTAKE_OK;
}

/* --- what it says --- */

static enum intake_fault
take_single(struct intake *in)
{
	const struct nostr_event *e = &in->event;
	struct nostr_share s;

	if (nostr_single_parse(&in->tree, e->content.s, e->content.len,
		in->conf->run, &s) == -1)
		return INTAKE_MALFORMED;
	if (!is_new(in, e->pubkey, &s))
		return INTAKE_REPEATED;
	in->ops->share(in->arg, &s);
	return INTAKE_OK;
}

static enum intake_fault
take_batch(struct intake *in)
{
	const struct nostr_event *e = &in->event;
	struct nostr_share s;
	unsigned bad = 0;

	if (nostr_rows_parse(&in->rows, e->content.s, e->content.len,
		in->conf->run) == -1)
		return INTAKE_MALFORMED;
	for (unsigned i = 0; i < in->rows.nrows; i++) {
		if (nostr_rows_share(&in->rows, i, &s) == -1)
			bad++;
		else if (is_new(in, e->pubkey, &s))
			in->ops->share(in->arg, &s);
	}
	return bad > 0 ? INTAKE_MALFORMED : INTAKE_OK;
}

/* An old word, or one that was said before, is nothing. */
static enum intake_fault
take_control(struct intake *in, int64_t now)
{
	const struct nostr_event *e = &in->event;
	const struct jtree *t = &in->tree;
	uint32_t root, who, command;
	bool stop;

	if (json_valid(e->content.s, e->content.len, 8, NULL) == -1 ||
	    jtree_parse(&in->tree, e->content.s, e->content.len) == -1)
		return INTAKE_MALFORMED;
	root = jtree_root(t);
	who = jtree_member(t, root, "agent_id");
	command = jtree_member(t, root, "command");
	if (!jtree_equals(t, jtree_member(t, root, "schema"), "hashscope.v1") ||
	    !jtree_equals(t, jtree_member(t, root, "run_id"), in->conf->run) ||
	    (!jtree_equals(t, command, "stop") &&
		!jtree_equals(t, command, "start")))
		return INTAKE_MALFORMED;
	stop = jtree_equals(t, command, "stop");
	/* Times are whole seconds: of two words in one, it is to be "stop". */
	if (e->created_at < in->control_s ||
	    (e->created_at == in->control_s && !stop) ||
	    now - e->created_at > CONTROL_S)
		return INTAKE_TIME;
	if (who != JTREE_NONE && !jtree_is(t, who, J_NULL) &&
	    !jtree_equals(t, who, in->conf->id))
		return INTAKE_OK;
	in->control_s = e->created_at;
	in->ops->control(in->arg, stop);
	return INTAKE_OK;
}

/* Encrypted to the group, or plain as it is. */
static int
open_content(struct intake *in)
{
	struct nostr_event *e = &in->event;
	unsigned i;

	if (!in->conf->encrypted || e->content.len == 0 ||
	    e->content.s[0] == '{')
		return 0;
	for (i = 0; i < in->conf->ntrust; i++)
		if (memcmp(in->conf->trust[i], e->pubkey, 32) == 0)
			break;
	mbuf_reset(&in->plain);
	if (i == in->conf->ntrust ||
	    nip44_decrypt(in->conf->conversation[i], e->content.s,
		e->content.len, &in->plain) == -1)
		return -1;
	e->content.s = (const char *)in->plain.data;
	e->content.len = in->plain.len;
	return 0;
}

enum intake_fault
intake_event(struct intake *in, const struct jtree *t, uint32_t node,
    int64_t now)
{
	struct nostr_event *e = &in->event;
	enum intake_fault fault = INTAKE_MALFORMED;

	if (nostr_event_parse(e, t, node, in->room, sizeof(in->room)) == 0)
		fault = check(in, e, now);
	if (fault == INTAKE_OK && open_content(in) == -1)
		fault = INTAKE_MALFORMED;
	if (fault == INTAKE_OK) {
		if (e->kind == in->conf->kind_control)
			fault = take_control(in, now);
		else if (e->kind == in->conf->kind_share)
			fault = take_single(in);
		else
			fault = take_batch(in);
	}
	/* The same share by two relays is no offence. */
	in->refused += fault != INTAKE_OK && fault != INTAKE_REPEATED;
	return fault;
}
