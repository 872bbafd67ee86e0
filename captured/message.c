/*
 * A line becomes a message: classified, cleared of passwords, linked with
 * its request, given a position, collected for the store, told to viewers.
 */
#include <stdio.h>
#include <string.h>

#include "captured/account.h"
#include "captured/share.h"
#include "captured/watching.h"

/* A message on its way; its pointers live as long as the line. */
struct making {
	struct ingest *in;
	struct session *s;
	struct flow *f;
	unsigned d;
	const struct line *l;
	struct store_msg m;
	char id[72];
	char error[STRATUM_ERROR_MAX + 32];
	struct pair_answer request; /* that it answers; pos 0 for none */
	bool asks;                  /* an answer may come */
};

static bool
can_pair(const struct stratum_id *id)
{
	return id->type != STRATUM_ID_NONE && id->type != STRATUM_ID_NULL;
}

/* --- what the line is --- */

static const struct {
	unsigned from, to;
} line_flags[] = {
	{ LINE_TRUNCATED, MF_TRUNCATED },
	{ LINE_NO_NEWLINE, MF_NO_NEWLINE },
	{ LINE_AFTER_GAP, MF_AFTER_GAP },
}, stratum_flags[] = {
	{ STRATUM_F_MULTIPLE, MF_MULTIPLE },
};

static const uint32_t kind_flags[] = {
	[STRATUM_NOT_JSON] = MF_PARSE_ERROR,
	[STRATUM_NOT_OBJECT] = MF_PARSE_ERROR,
	[STRATUM_FOREIGN] = MF_PARSE_ERROR | MF_FOREIGN,
	[STRATUM_REQUEST] = MF_REQUEST,
	[STRATUM_NOTIFICATION] = MF_NOTIFICATION,
	[STRATUM_RESPONSE] = MF_RESPONSE,
};

/* A response that says no: by an error, or by a bare false. */
static bool
says_no(const struct stratum_msg *sm)
{
	return sm->kind == STRATUM_RESPONSE &&
	    (sm->flags & (STRATUM_F_ERROR | STRATUM_F_RESULT_FALSE)) != 0;
}

static void
set_flags(struct making *k, const struct stratum_msg *sm)
{
	const unsigned whole = STRATUM_F_JSON | STRATUM_F_UTF8;
	uint32_t flags = kind_flags[sm->kind];

	for (size_t i = 0; i < sizeof(line_flags) / sizeof(line_flags[0]); i++)
		if (k->l->flags & line_flags[i].from)
			flags |= line_flags[i].to;
	for (size_t i = 0; i < sizeof(stratum_flags) / sizeof(stratum_flags[0]);
	     i++)
		if (sm->flags & stratum_flags[i].from)
			flags |= stratum_flags[i].to;
	if (sm->error[0] != '\0')
		flags |= MF_PARSE_ERROR;
	if (says_no(sm))
		flags |= MF_ERROR;
	if ((sm->flags & whole) == whole)
		flags |= MF_JSON;
	if (k->f->after_gap)
		flags |= MF_AFTER_GAP;
	k->f->after_gap = false;
	k->m.flags = flags;
}

/* While the first bytes do not say it all yet, what they look like. */
static unsigned
session_protocol(const struct session *s)
{
	struct stratum_foreign f;

	if (s->decided || s->first == NULL)
		return s->protocol;
	stratum_foreign(s->first, s->first_len, true, &f);
	return f.protocol;
}

/* A session's protocol explains lines that are no JSON-RPC themselves. */
static void
set_protocol(struct making *k, const struct stratum_msg *sm)
{
	unsigned p = sm->protocol;

	if (p == STRATUM_P_STRATUM && sm->kind <= STRATUM_FOREIGN)
		p = session_protocol(k->s);
	k->m.protocol = stratum_protocol_name((enum stratum_protocol)p);
	if (p != STRATUM_P_STRATUM)
		k->m.flags |= MF_FOREIGN;
	if (sm->kind <= STRATUM_FOREIGN && p >= STRATUM_P_TLS &&
	    p <= STRATUM_P_SV2) {
		snprintf(k->error, sizeof(k->error), "not Stratum: %s",
		    k->m.protocol);
		k->m.parse_error = k->error;
	} else if (sm->error[0] != '\0') {
		k->m.parse_error = sm->error;
	}
}

/* The id as JSON text; one that does not fit is in raw only. */
static void
set_id(struct making *k, const struct stratum_msg *sm)
{
	if (sm->raw_id == NULL || sm->raw_id_len >= sizeof(k->id))
		return;
	memcpy(k->id, sm->raw_id, sm->raw_id_len);
	k->id[sm->raw_id_len] = '\0';
	k->m.jsonrpc_id = k->id;
}

/* The bytes that are kept: no line end, and no password. */
static void
set_raw(struct making *k, const struct stratum_msg *sm)
{
	const struct line *l = k->l;
	size_t len = l->len;

	if ((l->flags & LINE_CR) && len > 0) {
		k->m.flags |= MF_CRLF;
		len--;
	}
	k->m.raw = l->data;
	k->m.raw_len = (uint32_t)len;
	if (!k->in->conf.redact || !(sm->flags & STRATUM_F_SENSITIVE))
		return;
	memcpy(k->in->scratch, l->data, len);
	if (stratum_redact(k->in->scratch, len) == 0)
		return;
	k->m.raw = k->in->scratch;
	k->m.flags |= MF_REDACTED;
}

/* --- what it says of its session --- */

static void
note(struct making *k, char *dst, size_t size, const char *text)
{
	if (text[0] == '\0' || strcmp(dst, text) == 0)
		return;
	snprintf(dst, size, "%s", text);
	k->s->facts = true;
	account_renamed(k->s);
}

static void
note_facts(struct making *k, const struct stratum_msg *sm)
{
	struct session_rec *r = &k->s->rec;

	if (sm->method == STRATUM_M_SUBSCRIBE && k->d == 0) {
		note(k, r->user_agent, sizeof(r->user_agent), sm->user_agent);
		note(k, r->mining_session_id, sizeof(r->mining_session_id),
		    sm->mining_session);
	} else if (sm->method == STRATUM_M_AUTHORIZE && k->d == 0) {
		note(k, r->worker, sizeof(r->worker), sm->worker);
		account_worker(k->s, sm->worker);
		if (settings_apply(&k->in->settings, r))
			k->s->facts = true;
	} else if (sm->method == STRATUM_M_SET_DIFFICULTY && k->d == 1 &&
	    (sm->flags & STRATUM_F_DIFFICULTY)) {
		r->difficulty = sm->difficulty;
	}
}

static void
count(struct making *k)
{
	struct session_rec *r = &k->s->rec;

	r->messages++;
	r->by_dir[k->d]++;
	k->in->n.seen++;
	k->f->batch_rows++;
	k->f->batch_bytes += k->m.size;
	if (k->m.flags & MF_PARSE_ERROR) {
		r->parse_errors++;
		k->in->n.parse_errors++;
	}
}

/* --- who answers whom --- */

static void
find_request(struct making *k, const struct stratum_msg *sm)
{
	struct pair_list *asked = &k->s->flow[1 - k->d].pair;

	k->m.latency = -1;
	if (sm->kind == STRATUM_REQUEST) {
		k->asks = can_pair(&sm->id);
	} else if (sm->kind == STRATUM_RESPONSE && can_pair(&sm->id) &&
	    pair_take(asked, &sm->id, &k->request)) {
		k->m.pair = k->request.pos;
		k->m.latency = (int64_t)(k->m.ts_recv - k->request.ts);
		k->m.method = k->request.method;
	}
}

static void
link_pair(struct making *k, const struct stratum_msg *sm)
{
	struct store *st = k->in->store;
	struct pair_list *l = &k->f->pair;
	uint8_t item[1 + PAIR_ITEM_MAX];
	uint64_t dropped;
	size_t n;

	if (k->m.pair != 0) {
		store_answered(st, k->m.pair, k->m.pos, k->m.latency);
		store_item_del(st, k->s->sid, ITEM_UNANSWERED, k->m.pair);
	}
	if (!k->asks ||
	    pair_push(l, k->m.pos, k->m.ts_recv, sm, &dropped) == -1)
		return;
	if (dropped != 0) {
		k->in->n.pair_dropped++;
		store_item_del(st, k->s->sid, ITEM_UNANSWERED, dropped);
	}
	item[0] = (uint8_t)k->d;
	n = 1 + pair_pack(l, item + 1);
	store_item_put(st, k->s->sid, ITEM_UNANSWERED, k->m.pos, item, n);
}

/* --- when it was sent on --- */

static void
set_times(struct making *k, unsigned chunk_flags)
{
	const struct line *l = k->l;

	k->m.ts_recv = l->ts_recv;
	k->m.ts_fwd = l->ts_fwd;
	if (chunk_flags & TAP_UNDELIVERED)
		k->m.flags |= MF_UNDELIVERED;
	else if (l->ts_fwd == 0 && l->end <= k->f->fwd_off)
		k->m.ts_fwd = k->f->fwd_ts;
}

static void
wait_for_fwd(struct making *k)
{
	struct store *st = k->in->store;
	uint8_t item[9];
	uint64_t dropped;

	if (k->m.ts_fwd != 0 || (k->m.flags & MF_UNDELIVERED) ||
	    unsent_push(&k->f->unsent, k->m.pos, k->l->end, &dropped) == -1)
		return;
	if (dropped != 0)
		store_item_del(st, k->s->sid, ITEM_UNSENT, dropped);
	item[0] = (uint8_t)k->d;
	memcpy(item + 1, &k->l->end, 8);
	store_item_put(st, k->s->sid, ITEM_UNSENT, k->m.pos, item,
	    sizeof(item));
}

/* --- viewers --- */

static void
copy_text(char *dst, size_t size, const char *src)
{
	size_t n = src == NULL ? 0 : strnlen(src, size - 1);

	if (n > 0)
		memcpy(dst, src, n);
	dst[n] = '\0';
}

static void
as_record(const struct making *k, struct message_rec *out)
{
	const struct store_msg *m = &k->m;
	const struct session_rec *sr = &k->s->rec;
	struct message_rec r = { .pos = m->pos,
		.dir = m->dir,
		.flags = m->flags,
		.size = m->size,
		.ts_recv_us = store_real_us(k->in->store, m->ts_recv),
		.ts_fwd_us = store_real_us(k->in->store, m->ts_fwd),
		.pair = m->pair,
		.share = k->in->share,
		.latency_us = m->latency < 0 ? -1 : m->latency / 1000,
		.raw = m->raw,
		.raw_len = m->raw_len };

	memcpy(r.session, sr->id, 16);
	message_set_peer(&r, sr->peer, sr->pool_peer);
	copy_text(r.method, sizeof(r.method), m->method);
	copy_text(r.jsonrpc_id, sizeof(r.jsonrpc_id), m->jsonrpc_id);
	copy_text(r.protocol, sizeof(r.protocol), m->protocol);
	copy_text(r.parse_error, sizeof(r.parse_error), m->parse_error);
	if (message_is_replay(&r))
		r.replay_of = sr->replay_of;
	*out = r;
}

/* A share of a session whose shares are to be repeated. */
static bool
is_followed(const struct making *k, const struct stratum_msg *sm)
{
	return k->s->rec.auto_replay_enabled && k->in->on_follow != NULL &&
	    k->d == 0 && sm->kind == STRATUM_REQUEST &&
	    sm->method == STRATUM_M_SUBMIT && !(k->m.flags & MF_TRUNCATED);
}

static void
tell_viewers(const struct making *k, const struct stratum_msg *sm)
{
	struct ingest *in = k->in;
	bool followed = is_followed(k, sm);
	struct message_rec r;

	if (!followed && in->on_message == NULL)
		return;
	as_record(k, &r);
	if (in->on_message != NULL)
		in->on_message(in->arg, &r);
	if (followed)
		in->on_follow(in->arg, k->s, &r);
}

/* --- all together --- */

static void
make(struct making *k, unsigned chunk_flags)
{
	struct stratum_msg *sm = &k->in->msg;

	stratum_classify(k->in->parser, k->l->data, k->l->len,
	    (k->l->flags & LINE_TRUNCATED) != 0, sm);
	k->m.sid = k->s->sid;
	k->m.dir = (uint8_t)(k->d == 0 && k->s->rec.replay ?
		DIR_HASHSCOPE_TO_POOL :
		k->d);
	k->m.size = k->l->size > UINT32_MAX ? UINT32_MAX : (uint32_t)k->l->size;
	if (sm->method_text[0] != '\0')
		k->m.method = sm->method_text;
	set_flags(k, sm);
	set_protocol(k, sm);
	set_id(k, sm);
	set_raw(k, sm);
	set_times(k, chunk_flags);
	note_facts(k, sm);
	memcpy(k->m.who, account_who(k->in, k->s, k->l->ts_recv),
	    sizeof(k->m.who));
}

/* It could not be collected: as if it had not come. */
static void
lose(struct making *k)
{
	k->f->after_gap = true;
	k->s->rec.gaps++;
	k->s->rec.gap_bytes += k->l->size;
	k->in->n.gaps++;
	k->in->n.gap_bytes += k->l->size;
	k->in->n.dropped++;
	ingest_forget_pairs(k->in, k->s);
	share_on_gap(k->in, k->s);
	if (k->request.pos != 0)
		store_item_del(k->in->store, k->s->sid, ITEM_UNANSWERED,
		    k->request.pos);
}

void
message_on_line(void *arg, const struct line *l)
{
	const struct line_from *from = arg;
	struct ingest *in = from->in;
	struct making k = { .in = in,
		.s = from->s,
		.f = &from->s->flow[from->d],
		.d = from->d,
		.l = l };

	/* What a gap has torn is no message; its bytes are counted. */
	if (l->flags & (LINE_BROKEN | LINE_BLANK)) {
		k.f->after_gap |= (l->flags & LINE_AFTER_GAP) != 0;
		in->n.blank += (l->flags & LINE_BLANK) != 0;
		in->n.skipped += (l->flags & LINE_BROKEN) ? l->size : 0;
		return;
	}
	make(&k, from->flags);
	k.m.pos = store_next_pos(in->store);
	if (k.m.pos == 0) {
		lose(&k);
		return;
	}
	find_request(&k, &in->msg);
	if (store_add(in->store, &k.m) == -1) {
		lose(&k);
		return;
	}
	in->last_pos = k.m.pos;
	watching_message(in, k.s, k.d, l, k.m.pos);
	account_message(in, k.s, k.d, l, k.m.pos, &k.request);
	share_on_message(in, k.s, k.d, l, &k.m, &k.request);
	link_pair(&k, &in->msg);
	wait_for_fwd(&k);
	count(&k);
	tell_viewers(&k, &in->msg);
}
