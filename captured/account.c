/*
 * See account.h.
 */
#include <stdio.h>
#include <string.h>

#include "captured/account.h"

/* What a session has said so far. */
#define SAID_SUBSCRIBE 0x1
#define SAID_AUTHORIZE 0x2

/* --- for whom it counts --- */

const uint32_t *
account_who(struct ingest *in, struct session *s, uint64_t ts)
{
	struct store *st = in->store;
	struct store_who *w = &s->who;
	char pool[sizeof(s->rec.pool_host) + 8];
	int64_t us;

	if (w->generation == store_roll_generation(st))
		return w->id;
	us = store_real_us(st, ts);
	pool[0] = '\0';
	if (s->rec.pool_host[0] != '\0')
		snprintf(pool, sizeof(pool), "%s:%u", s->rec.pool_host,
		    s->rec.pool_port);
	w->id[ROLL_WORKER - 1] = store_roll_id(st, ROLL_WORKER, s->rec.worker,
	    us);
	w->id[ROLL_POOL - 1] = store_roll_id(st, ROLL_POOL, pool, us);
	w->id[ROLL_AGENT - 1] = store_roll_id(st, ROLL_AGENT, s->rec.user_agent,
	    us);
	w->generation = store_roll_generation(st);
	return w->id;
}

void
account_renamed(struct session *s)
{
	s->who.generation = 0;
}

static bool
listed(const char *list, const char *name, size_t len)
{
	const char *p = list;

	for (; *p != '\0'; p = strchr(p, '\n') + 1)
		if (strncmp(p, name, len) == 0 && p[len] == '\n')
			return true;
	return false;
}

void
account_worker(struct session *s, const char *name)
{
	char *list = s->rec.workers;
	size_t have = strlen(list), len = strlen(name);

	if (len == 0 || strchr(name, '\n') != NULL ||
	    have + len + 2 > sizeof(s->rec.workers) || listed(list, name, len))
		return;
	memcpy(list + have, name, len);
	memcpy(list + have + len, "\n", 2);
	s->facts = true;
}

/* --- how it speaks --- */

static void
note(struct session *s, enum conform c, uint64_t pos)
{
	conform_note(&s->rec.account.notes, c, pos);
}

/* {"params": … comes first: who looks for the method has to wait. */
static bool
params_first(const uint8_t *p, size_t len)
{
	static const char key[] = "\"params\"";
	size_t i = 0;

	while (i < len && strchr(" \t\r{", p[i]) != NULL && p[i] != '\0')
		i++;
	return len - i >= sizeof(key) - 1 &&
	    memcmp(p + i, key, sizeof(key) - 1) == 0;
}

static void
note_id(struct session *s, unsigned d, const struct stratum_msg *m,
    uint64_t pos)
{
	bool notifies = stratum_method_notifies((enum stratum_method)m->method);

	if (m->method == STRATUM_M_OTHER && m->kind == STRATUM_NOTIFICATION)
		return;
	if (notifies) {
		if (m->id.type > STRATUM_ID_NULL)
			note(s, CONFORM_NOTIFICATION_ID, pos);
		return;
	}
	if (m->id.type == STRATUM_ID_NULL)
		note(s, CONFORM_ID_NULL, pos);
	else if (m->id.type == STRATUM_ID_NONE)
		note(s, CONFORM_ID_MISSING, pos);
	else if (m->id.type == STRATUM_ID_STRING)
		note(s, CONFORM_ID_STRING, pos);
	else if (m->id.type == STRATUM_ID_OTHER)
		note(s, CONFORM_ID_ODD, pos);
	if (pair_is_newest(&s->flow[d].pair, &m->id))
		note(s, CONFORM_ID_REUSED, pos);
}

static void
note_side(struct session *s, unsigned d, enum stratum_method m, uint64_t pos)
{
	bool pools = m >= STRATUM_M_NOTIFY && m <= STRATUM_M_PING;
	bool miners = m >= STRATUM_M_SUBSCRIBE && m <= STRATUM_M_PONG;

	if (m == STRATUM_M_OTHER)
		note(s, CONFORM_UNKNOWN_METHOD, pos);
	else if ((pools && d == 0) || (miners && d == 1))
		note(s, CONFORM_WRONG_SIDE, pos);
}

/* Who says what before what. */
static void
note_order(struct session *s, enum stratum_method m, uint64_t pos)
{
	bool subscribed = (s->said & SAID_SUBSCRIBE) != 0;
	bool authorized = (s->said & SAID_AUTHORIZE) != 0;

	if ((m == STRATUM_M_SUGGEST_DIFFICULTY ||
		m == STRATUM_M_SUGGEST_TARGET) &&
	    !authorized)
		note(s, CONFORM_SUGGEST_EARLY, pos);
	if (m == STRATUM_M_AUTHORIZE && !subscribed)
		note(s, CONFORM_AUTHORIZE_EARLY, pos);
	if (m == STRATUM_M_CONFIGURE && subscribed)
		note(s, CONFORM_CONFIGURE_LATE, pos);
	if (m == STRATUM_M_SUBSCRIBE)
		s->said |= SAID_SUBSCRIBE;
	if (m == STRATUM_M_AUTHORIZE)
		s->said |= SAID_AUTHORIZE;
}

static void
note_line(struct session *s, const struct line *l, const struct stratum_msg *m,
    uint64_t pos)
{
	if (l->flags & LINE_CR)
		note(s, CONFORM_CRLF, pos);
	if (l->flags & LINE_TRUNCATED)
		note(s, CONFORM_TOO_LONG, pos);
	else if (m->kind == STRATUM_NOT_JSON || m->kind == STRATUM_NOT_OBJECT)
		note(s, CONFORM_NOT_JSON, pos);
	if (m->flags & STRATUM_F_MULTIPLE)
		note(s, CONFORM_SEVERAL, pos);
	if (m->flags & STRATUM_F_DUP_KEY)
		note(s, CONFORM_DUPLICATE_KEY, pos);
}

void
account_message(struct ingest *in, struct session *s, unsigned d,
    const struct line *l, uint64_t pos, const struct pair_answer *request)
{
	const struct stratum_msg *m = &in->msg;

	if (s->rec.replay)
		return; /* HashScope's own */
	note_line(s, l, m, pos);
	if (m->kind == STRATUM_RESPONSE) {
		/* After a gap it may well have been asked for. */
		if (request->pos == 0 && s->rec.gaps == 0)
			note(s, CONFORM_UNKNOWN_ANSWER, pos);
		return;
	}
	if (m->kind < STRATUM_REQUEST)
		return;
	note_id(s, d, m, pos);
	note_side(s, d, (enum stratum_method)m->method, pos);
	if (params_first(l->data, l->len))
		note(s, CONFORM_KEY_ORDER, pos);
	if (d == 0)
		note_order(s, (enum stratum_method)m->method, pos);
}

/* --- what it earns --- */

static const struct {
	uint8_t cause, note;
} share_notes[] = {
	{ CAUSE_NOT_AUTHORIZED, CONFORM_SUBMIT_UNAUTHORIZED },
	{ CAUSE_WRONG_WORKER, CONFORM_SUBMIT_WORKER },
	{ CAUSE_STALE, CONFORM_SUBMIT_RETIRED },
	{ CAUSE_OLD_BLOCK, CONFORM_SUBMIT_RETIRED },
	{ CAUSE_UNKNOWN_JOB, CONFORM_SUBMIT_UNKNOWN_JOB },
	{ CAUSE_DUPLICATE, CONFORM_SUBMIT_DUPLICATE },
	{ CAUSE_BITS_UNASKED, CONFORM_SUBMIT_BITS_UNASKED },
	{ CAUSE_BITS_OUTSIDE, CONFORM_SUBMIT_BITS_OUTSIDE },
	{ CAUSE_NTIME_EARLY, CONFORM_SUBMIT_NTIME },
	{ CAUSE_NTIME_LATE, CONFORM_SUBMIT_NTIME },
	{ CAUSE_NTIME_ODD, CONFORM_SUBMIT_NTIME },
	{ CAUSE_EN2_LENGTH, CONFORM_SUBMIT_EXTRANONCE2 },
	{ CAUSE_EN2_ODD, CONFORM_SUBMIT_EXTRANONCE2 },
	{ CAUSE_BITS_ODD, CONFORM_SUBMIT_MALFORMED },
	{ CAUSE_MALFORMED, CONFORM_SUBMIT_MALFORMED },
};

void
account_share(struct ingest *in, struct session *s, uint64_t pos,
    const struct verify_share *sh, const struct verify_brief *brief)
{
	size_t i;

	roll_share(&s->rec.account.roll, brief, sh->is_block,
	    store_real_us(in->store, sh->ts));
	if (s->rec.replay)
		return;
	for (i = 0; i < sizeof(share_notes) / sizeof(share_notes[0]); i++)
		if (share_notes[i].cause == sh->cause)
			note(s, (enum conform)share_notes[i].note, pos);
	/* Taken all the same, by some pools. */
	if (sh->en2_form != EN2_AS_SENT && sh->cause != CAUSE_EN2_LENGTH)
		note(s, CONFORM_SUBMIT_EXTRANONCE2, pos);
}

void
account_answer(struct ingest *in, struct session *s,
    const struct store_answer *a)
{
	struct session_account *acc = &s->rec.account;
	struct roll_answer what = { .share = &a->share,
		.said = &a->said,
		.judged = &a->judged,
		.answered = true,
		.legs = a->legs };
	int64_t us = store_real_us(in->store, a->share.ts);

	roll_answer(&acc->roll, &what);
	if (a->said.class != ANSWER_ACCEPTED)
		return;
	rates_add(&acc->rates, us, a->share.required);
	acc->open += a->share.required;
	acc->open_us = us;
}
