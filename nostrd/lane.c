/*
 * A lane: the way of the outbox's shares to one relay in one format.
 *
 * An event is a range of numbers.  Which ranges are under way, and when their
 * events were made, is in a journal before anything is written to a socket.
 * From range and time the same event can be made again, with the same id: so
 * after kill -9 what may have been written keeps its id.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sha256.h"
#include "nostrd/nostrd.h"

#define FRESH_EPHEMERAL_S 50  /* relays refuse those older than 60 s */
#define EXPIRES_S         600 /* of events that are kept */
#define FRESH_KEPT_S      540
#define JOURNAL_MAGIC     0x4c414e32u
#define JOURNAL_RANGE     25u /* bytes */
#define AGAIN_MS          200
#define TAGS_ALL          8     /* that one of our events may have */
#define FEW               0x80u /* in the journal, with the bits of work */

/* --- the journal --- */

static void
journal_write(struct lane *l)
{
	struct mbuf *m = &l->buf;
	uint8_t sum[32];
	unsigned n = 0;

	for (unsigned i = 0; i < LANE_RANGES; i++)
		n += l->range[i].state != RANGE_FREE;
	mbuf_reset(m);
	msg_put_u32(m, JOURNAL_MAGIC);
	msg_put_u64(m, l->next);
	msg_put_u32(m, n);
	for (unsigned i = 0; i < LANE_RANGES; i++) {
		if (l->range[i].state == RANGE_FREE)
			continue;
		msg_put_u64(m, l->range[i].from);
		msg_put_u64(m, l->range[i].to);
		msg_put_i64(m, l->range[i].created_at);
		msg_put_u8(m, l->range[i].pow | (l->range[i].few ? FEW : 0));
	}
	sha256(m->data, m->len, sum);
	msg_put_raw(m, sum, 8);
	if (m->bad || pwrite(l->fd, m->data, m->len, 0) != (ssize_t)m->len)
		log_warn("%s: its journal", relay_url(l->relay));
}

static struct range *
range_new(struct lane *l, uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < LANE_RANGES; i++) {
		struct range *r = &l->range[i];

		if (r->state != RANGE_FREE)
			continue;
		memset(r, 0, sizeof(*r));
		r->state = RANGE_TODO;
		r->from = from;
		r->to = to;
		return r;
	}
	return NULL;
}

static int
journal_parse(struct lane *l, const uint8_t *p, size_t len)
{
	uint8_t sum[32];
	struct range *r;
	struct mcur c;
	uint32_t n;

	mcur_init(&c, p, len);
	if (msg_get_u32(&c) != JOURNAL_MAGIC)
		return -1;
	l->next = msg_get_u64(&c);
	n = msg_get_u32(&c);
	if (c.bad || n > LANE_RANGES || c.left < n * JOURNAL_RANGE + 8)
		return -1;
	sha256(p, 16 + n * JOURNAL_RANGE, sum);
	if (memcmp(p + 16 + n * JOURNAL_RANGE, sum, 8) != 0)
		return -1;
	while (n-- > 0) {
		uint64_t from = msg_get_u64(&c), to = msg_get_u64(&c);

		if ((r = range_new(l, from, to)) == NULL || from > to)
			return -1;
		r->created_at = msg_get_i64(&c);
		r->pow = msg_get_u8(&c);
		r->few = (r->pow & FEW) != 0;
		r->pow &= (uint8_t)~FEW;
		r->exact = r->created_at != 0;
	}
	return 0;
}

/* What is not there any more has been counted when it went. */
static void
journal_fit(struct lane *l)
{
	struct outbox *o = relay_nostrd(l->relay)->outbox;

	if (l->next > outbox_next(o))
		l->next = outbox_next(o);
	if (l->next < outbox_first(o))
		l->next = outbox_first(o);
	for (unsigned i = 0; i < LANE_RANGES; i++)
		if (l->range[i].state != RANGE_FREE &&
		    (l->range[i].to < outbox_first(o) ||
			l->range[i].to >= outbox_next(o)))
			l->range[i].state = RANGE_FREE;
}

static void
journal_read(struct lane *l)
{
	uint8_t p[16 + LANE_RANGES * JOURNAL_RANGE + 8];
	ssize_t n = pread(l->fd, p, sizeof(p), 0);

	if (n <= 0 || journal_parse(l, p, (size_t)n) == -1) {
		memset(l->range, 0, sizeof(l->range));
		/* A relay that is new here gets what is new. */
		l->next = outbox_next(relay_nostrd(l->relay)->outbox);
	}
	journal_fit(l);
	journal_write(l);
}

/* Named by the relay, so that a reload or another order finds it. */
static int
journal_open(const struct lane *l)
{
	const char *url = relay_url(l->relay);
	uint8_t sum[32];
	char name[64];

	sha256(url, strlen(url), sum);
	snprintf(name, sizeof(name), "%02x%02x%02x%02x%02x%02x-%s.lane", sum[0],
	    sum[1], sum[2], sum[3], sum[4], sum[5],
	    l->batch ? "batch" : "single");
	return openat(relay_nostrd(l->relay)->dir, name,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

struct lane *
lane_new(struct relay *r, bool batch)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->relay = r;
	l->batch = batch;
	l->fd = journal_open(l);
	if (l->fd == -1) {
		log_warn("%s: its journal", relay_url(r));
		free(l);
		return NULL;
	}
	journal_read(l);
	if (lane_pending(l) > 0)
		l->pending_ms = nostrd_now();
	return l;
}

void
lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	sign_forget(relay_nostrd(l->relay)->signer, &l->draft);
	close(l->fd);
	mbuf_free(&l->buf);
	mbuf_free(&l->draft.content);
	free(l);
}

/* --- where it is --- */

uint64_t
lane_wanted(const struct lane *l)
{
	uint64_t lowest = l->next;

	for (unsigned i = 0; i < LANE_RANGES; i++)
		if (l->range[i].state != RANGE_FREE &&
		    l->range[i].from < lowest)
			lowest = l->range[i].from;
	return lowest;
}

uint64_t
lane_pending(const struct lane *l)
{
	uint64_t n = outbox_next(relay_nostrd(l->relay)->outbox) - l->next;

	for (unsigned i = 0; i < LANE_RANGES; i++)
		if (l->range[i].state != RANGE_FREE)
			n += l->range[i].to - l->range[i].from + 1;
	return n;
}

static struct range *
lowest_todo(struct lane *l)
{
	struct range *best = NULL;

	for (unsigned i = 0; i < LANE_RANGES; i++)
		if (l->range[i].state == RANGE_TODO &&
		    (best == NULL || l->range[i].from < best->from))
			best = &l->range[i];
	return best;
}

/* --- making an event --- */

static uint32_t
kind_of(const struct lane *l)
{
	const struct nostr_conf *c = &relay_nostrd(l->relay)->conf;

	return l->batch ? c->kind_batch : c->kind_share;
}

static void
common_tags(struct lane *l, bool few, const char *type, const char *schema)
{
	const char *run = relay_nostrd(l->relay)->conf.run;
	struct draft *d = &l->draft;

	draft_tag(d, "t", "hashscope");
	draft_tag(d, "t", "hashscope:%s", run);
	/* For people only; the content says the same. */
	if (!few) {
		draft_tag(d, "run", "%s", run);
		draft_tag(d, "type", "%s", type);
		draft_tag(d, "schema", "%s", schema);
	}
	if (!NOSTR_EPHEMERAL(d->event.kind))
		draft_tag(d, "expiration", "%lld",
		    (long long)d->event.created_at + EXPIRES_S);
}

/* As much of the range as fits; r->to is then its end. */
static unsigned
fill_batch(struct lane *l, struct range *r)
{
	struct nostrd *n = relay_nostrd(l->relay);
	const struct publisher *p = relay_publisher(l->relay);
	unsigned rows = r->exact ? NOSTR_ROWS_MAX : p->rows, count;
	size_t max = r->exact ? MSG_KIB(64) : p->bytes;
	struct nostr_batch *b = nostr_batch_new();
	struct outbox_rec rec;
	uint64_t i;
	bool fits = true;

	if (b == NULL)
		return 0;
	nostr_batch_begin(b, n->conf.run);
	for (i = r->from; i <= r->to && fits; i++) {
		if (outbox_read(n->outbox, &l->at, i, &rec) != 1)
			continue;
		fits = rec.type == OUTBOX_GAP ?
		    nostr_batch_gap(b, &rec.gap, max) :
		    nostr_batch_share(b, &rec.share, rows, max);
	}
	if (!fits)
		r->to = i - 2;
	count = nostr_batch_count(b);
	nostr_batch_write(b, &l->draft.content);
	nostr_batch_free(b);
	draft_tag(&l->draft, "d", "%s", n->conf.run);
	common_tags(l, r->few, "share-batch", "hashscope.v2");
	return count;
}

static unsigned
fill_single(struct lane *l, struct range *r)
{
	struct nostrd *n = relay_nostrd(l->relay);
	struct outbox_rec rec;
	char session[SESSION_TEXT];
	struct json_out o;
	const char *text;
	size_t len;

	r->to = r->from;
	if (outbox_read(n->outbox, &l->at, r->from, &rec) != 1 ||
	    rec.type != OUTBOX_SHARE)
		return 0;
	json_init(&o, MSG_KIB(16));
	nostr_single_write(&o, n->conf.run, &rec.share);
	text = json_finish(&o, &len);
	if (text == NULL)
		l->draft.content.bad = true;
	else
		msg_put_raw(&l->draft.content, text, len);
	json_clear(&o);
	uuid_text(rec.share.session, session);
	draft_tag(&l->draft, "d", "%s:%s:%llu", n->conf.run, session,
	    (unsigned long long)rec.share.seq);
	common_tags(l, r->few, "share", "hashscope.v1");
	return 1;
}

static int64_t
fresh_s(const struct lane *l)
{
	return NOSTR_EPHEMERAL(kind_of(l)) ? FRESH_EPHEMERAL_S : FRESH_KEPT_S;
}

static void
give_up(struct lane *l, struct range *r)
{
	nostrd_lost(relay_nostrd(l->relay), &l->at, r->from, r->to);
	r->state = RANGE_FREE;
}

static void
on_signed(void *arg, struct draft *d, bool ok)
{
	struct lane *l = arg;
	struct range *r = l->signing;
	int64_t age = nostrd_real_us() / 1000000 - d->event.created_at;
	uint64_t fresh;

	l->signing = NULL;
	if (d->late)
		pub_pow_failed(relay_publisher(l->relay), nostrd_now());
	if (!ok || r == NULL) {
		if (r != NULL)
			r->state = RANGE_TODO;
		return;
	}
	fresh = age >= fresh_s(l) ? 0 : (uint64_t)(fresh_s(l) - age) * 1000;
	mbuf_reset(&l->buf);
	nostr_event_put(&d->event, &l->buf);
	if (l->buf.bad ||
	    pub_add(relay_publisher(l->relay), r->cookie, d->event.id,
		(char *)l->buf.data, l->buf.len, nostrd_now() + fresh) == -1) {
		r->state = RANGE_TODO;
		return;
	}
	r->state = RANGE_OUT;
	r->exact = true;
	/* Before a byte of it is written anywhere. */
	journal_write(l);
	relay_turn(l->relay);
}

/* -1: later. */
static int
make_event(struct lane *l, struct range *r)
{
	struct nostrd *n = relay_nostrd(l->relay);
	const struct publisher *p = relay_publisher(l->relay);
	int64_t now = nostrd_real_us() / 1000000;
	uint64_t to = r->to;
	unsigned count;

	if (r->exact && now - r->created_at >= fresh_s(l)) {
		/* It may have been written, and nobody would take it now. */
		give_up(l, r);
		journal_write(l);
		return 0;
	}
	if (!r->exact) {
		r->created_at = now;
		r->pow = (uint8_t)pub_pow(p);
		r->few = p->info.tags_max > 0 && p->info.tags_max < TAGS_ALL;
	}
	draft_begin(&l->draft, kind_of(l), r->created_at);
	l->draft.pow = r->pow;
	count = l->batch ? fill_batch(l, r) : fill_single(l, r);
	if (r->to < r->from) {
		/* One that does not fit even alone. */
		r->to = r->from;
		count = 0;
		nostrd_lost(n, &l->at, r->from, r->from);
	}
	if (r->to < to && range_new(l, r->to + 1, to) == NULL)
		nostrd_lost(n, &l->at, r->to + 1, to);
	if (count == 0) {
		r->state = RANGE_FREE;
		journal_write(l);
		return 0;
	}
	if (l->draft.content.bad || signer_link_key(n->signer) == NULL ||
	    draft_encrypt(n->signer, &l->draft) == -1 ||
	    sign_ask(n->signer, &l->draft, on_signed, l) == -1)
		return -1;
	/* Cookies grow with the numbers: the oldest is written first. */
	r->cookie = r->from << 1 | (l->batch ? 1 : 0);
	r->state = RANGE_SIGNING;
	l->signing = r;
	return 0;
}

/* --- when --- */

static bool
due(const struct lane *l, uint64_t now)
{
	const struct publisher *p = relay_publisher(l->relay);
	uint64_t n = outbox_next(relay_nostrd(l->relay)->outbox) - l->next;

	if (n == 0)
		return false;
	return !l->batch || n >= p->rows || now - l->pending_ms >= p->flush_ms;
}

static unsigned
room(const struct lane *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LANE_RANGES; i++)
		n += l->range[i].state == RANGE_FREE;
	return n;
}

/* The records that nobody has taken up yet, as one range. */
static struct range *
take_new(struct lane *l, uint64_t now)
{
	uint64_t end = outbox_next(relay_nostrd(l->relay)->outbox);
	uint64_t most = l->batch ? NOSTR_ROWS_MAX : 1;
	struct range *r;

	if (!due(l, now) || room(l) < 3)
		return NULL;
	if (l->next < outbox_first(relay_nostrd(l->relay)->outbox))
		l->next = outbox_first(relay_nostrd(l->relay)->outbox);
	if (end - l->next > most)
		end = l->next + most;
	if ((r = range_new(l, l->next, end - 1)) == NULL)
		return NULL;
	l->next = end;
	l->pending_ms = l->next < outbox_next(relay_nostrd(l->relay)->outbox) ?
	    now :
	    0;
	return r;
}

void
lane_turn(struct lane *l, uint64_t now)
{
	struct publisher *p = relay_publisher(l->relay);
	struct range *r;

	if (l->pending_ms == 0 &&
	    l->next < outbox_next(relay_nostrd(l->relay)->outbox))
		l->pending_ms = now;
	while (l->signing == NULL && pub_wants(p, now)) {
		if ((r = lowest_todo(l)) == NULL &&
		    (r = take_new(l, now)) == NULL)
			return;
		if (make_event(l, r) == -1)
			return;
	}
}

uint64_t
lane_wake(const struct lane *l, uint64_t now)
{
	const struct publisher *p = relay_publisher(l->relay);
	uint64_t at;

	if (p->state != PUB_OPEN || l->signing != NULL)
		return PUB_NEVER;
	for (unsigned i = 0; i < LANE_RANGES; i++)
		if (l->range[i].state == RANGE_TODO)
			return AGAIN_MS;
	if (l->pending_ms == 0)
		return PUB_NEVER;
	at = l->pending_ms + (l->batch ? p->flush_ms : 0);
	return at > now ? at - now : AGAIN_MS;
}

/* --- what became of it --- */

static void
split(struct lane *l, struct range *r)
{
	uint64_t middle = r->from + (r->to - r->from) / 2;

	r->exact = false;
	r->created_at = 0;
	r->state = RANGE_TODO;
	if (r->from == r->to || range_new(l, middle + 1, r->to) == NULL)
		give_up(l, r);
	else
		r->to = middle;
}

void
lane_done(struct lane *l, uint64_t cookie, enum pub_outcome what)
{
	struct range *r = NULL;

	for (unsigned i = 0; i < LANE_RANGES; i++)
		if (l->range[i].state == RANGE_OUT &&
		    l->range[i].cookie == cookie)
			r = &l->range[i];
	if (r == NULL)
		return;
	if (what == PUB_ACCEPTED) {
		r->state = RANGE_FREE;
	} else if (what == PUB_SPLIT) {
		split(l, r);
	} else if (what == PUB_AGAIN) {
		r->state = RANGE_TODO;
		r->exact = false;
		r->created_at = 0;
	} else {
		give_up(l, r);
	}
	journal_write(l);
}
