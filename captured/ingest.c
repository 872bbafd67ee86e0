/*
 * What relayd tells, entry by entry.
 *
 * Facts are told again after each reconnect and whenever relayd's ring had
 * to drop them; then they have sequence number 0, which never moves the
 * watermark, and say nothing new as a rule.  A session's CLOSED comes after
 * all of its chunks that ever will.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/account.h"
#include "captured/share.h"
#include "captured/store_find.h"
#include "captured/watching.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"

/* Strangers knock often; one line about them is enough for a while. */
#define SAY_EVERY_NS UINT64_C(10000000000)

uint64_t
clock_ns(void)
{
	return clock_mono_ns();
}

void
ingest_touch(struct ingest *in, struct session *s)
{
	if (s != NULL)
		session_dirty(&in->sessions, s);
	if (in->changed)
		return;
	in->changed = true;
	in->changed_ns = clock_ns();
}

static void
touch_facts(struct ingest *in, struct session *s)
{
	s->facts = true;
	ingest_touch(in, s);
}

void
ingest_forget_pairs(struct ingest *in, struct session *s)
{
	uint64_t pos;

	share_forget(s);
	for (unsigned d = 0; d < 2; d++)
		while ((pos = pair_shift(&s->flow[d].pair)) != 0)
			store_item_del(in->store, s->sid, ITEM_UNANSWERED, pos);
}

/* --- the protocol of a session, by the miner's first bytes --- */

static void
name_protocol(struct ingest *in, struct session *s, const void *p, size_t n,
    bool final)
{
	struct stratum_foreign f;
	char detail[300];

	stratum_foreign(p, n, final, &f);
	if (f.protocol == STRATUM_P_MORE)
		return;
	s->decided = true;
	s->protocol = f.protocol;
	free(s->first);
	s->first = NULL;
	s->first_len = 0;
	if (f.protocol == STRATUM_P_STRATUM || n == 0)
		return;
	watching_foreign(in, s, &f);
	text_escape(detail, sizeof(detail), f.detail, strlen(f.detail));
	if (clock_ns() - in->said_ns < SAY_EVERY_NS && in->said_ns != 0)
		return;
	in->said_ns = clock_ns();
	log_session(s->rec.id);
	log_info("%s speaks %s%s%s, not Stratum: %s", s->rec.peer, f.name,
	    detail[0] == '\0' ? "" : " for ", detail, f.hint);
	log_session(NULL);
}

/* Collects the first bytes while they do not tell yet. */
static void
look_at_first(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	size_t n = e->h.len;

	if (s->decided || s->rec.replay || e->h.dir != 0 || n == 0)
		return;
	if (e->h.offset != s->first_len) {
		/* Their beginning was lost: nothing can be said. */
		s->decided = e->h.offset > s->first_len;
		return;
	}
	if (s->first == NULL) {
		name_protocol(in, s, e->payload, n, false);
		if (s->decided ||
		    (s->first = malloc(STRATUM_FIRST_MAX)) == NULL)
			return;
	}
	if (n > STRATUM_FIRST_MAX - (size_t)s->first_len)
		n = STRATUM_FIRST_MAX - (size_t)s->first_len;
	memcpy(s->first + s->first_len, e->payload, n);
	s->first_len += (uint16_t)n;
	name_protocol(in, s, s->first, s->first_len, false);
}

/* --- bytes --- */

static void
count_cut(struct ingest *in, struct session *s, const struct line_count *before,
    const struct line_count *now)
{
	in->n.skipped += now->skipped - before->skipped;
	in->n.truncated += now->truncated - before->truncated;
	if (now->gaps == before->gaps)
		return;
	s->rec.gaps += now->gaps - before->gaps;
	s->rec.gap_bytes += now->gap_bytes - before->gap_bytes;
	in->n.gaps += now->gaps - before->gaps;
	in->n.gap_bytes += now->gap_bytes - before->gap_bytes;
	watching_gap(in, s, now->gap_bytes - before->gap_bytes);
}

static void
finish_flow(struct ingest *in, struct session *s, unsigned d, uint64_t end)
{
	struct line_from from = { in, s, d, 0 };
	struct flow *f = &s->flow[d];
	struct line_count before = f->cut.n;

	line_finish(&f->cut, end, message_on_line, &from);
	count_cut(in, s, &before, &f->cut.n);
}

static void
on_chunk(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct line_from from = { in, s, e->h.dir, e->h.flags };
	struct line_chunk ch = { .data = e->payload,
		.len = e->h.len,
		.offset = e->h.offset,
		.ts_recv = e->h.ts_recv,
		.ts_fwd = e->h.ts_fwd };
	struct flow *f = &s->flow[e->h.dir];
	struct line_count before = f->cut.n;

	if (in->phase == INGEST_PAUSED) {
		in->n.dropped_bytes += e->h.len;
		return;
	}
	in->last_ts = e->h.ts_recv;
	in->n.bytes += e->h.len;
	look_at_first(in, s, e);
	s->rec.last_seen_us = store_real_us(in->store, e->h.ts_recv);
	/* Who answers whom is a matter of counting, and the count is lost. */
	if (e->h.offset > f->cut.off) {
		ingest_forget_pairs(in, s);
		share_on_gap(in, s);
	}
	line_feed(&f->cut, &ch, message_on_line, &from);
	count_cut(in, s, &before, &f->cut.n);
	s->rec.bytes[e->h.dir] = f->cut.off;
	ingest_touch(in, s);
	if (f->half && f->cut.off >= f->half_off)
		finish_flow(in, s, e->h.dir, f->cut.off);
}

/* Bytes before offset have reached the other side. */
static void
on_fwd(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct flow *f = &s->flow[e->h.dir];
	uint64_t pos;

	if (e->h.offset > f->fwd_off) {
		f->fwd_off = e->h.offset;
		f->fwd_ts = e->h.ts_fwd;
		ingest_touch(in, s);
	}
	while ((pos = unsent_take(&f->unsent, e->h.offset)) != 0) {
		store_forwarded(in->store, pos, e->h.ts_fwd);
		share_forwarded(s, pos, e->h.ts_fwd);
		store_item_del(in->store, s->sid, ITEM_UNSENT, pos);
	}
}

/* --- facts --- */

/* Copies a text that may have been told before; true when it is new. */
static bool
set_text(char *dst, size_t size, const char *src)
{
	if (strncmp(dst, src, size) == 0)
		return false;
	snprintf(dst, size, "%s", src);
	return true;
}

#define SET_TEXT(dst, src) set_text((dst), sizeof(dst), (src))

/* A session that was told of before, ended, and told of again. */
static bool
is_past(struct ingest *in, const struct tap_entry *e, const uint8_t uuid[16])
{
	return e->h.seq == 0 && store_knows(in->store, uuid) == 1;
}

static struct session *
new_session(struct ingest *in, const struct tap_entry *e,
    const struct tap_open *o)
{
	struct session *s;
	uint64_t sid;

	if (is_past(in, e, o->uuid) || (sid = store_next_sid(in->store)) == 0)
		return NULL;
	s = sessions_add(&in->sessions, e->h.session, sid);
	if (s == NULL)
		return NULL;
	memcpy(s->rec.id, o->uuid, 16);
	s->rec.state = SESSION_LIVE;
	s->rec.replay = (e->h.flags & TAP_REPLAY) != 0;
	s->rec.replay_of = s->rec.replay ? o->replay_of : 0;
	s->rec.first_seen_us = s->rec.last_seen_us = o->opened_us;
	(void)settings_apply(&in->settings, &s->rec);
	s->facts = s->whole = true;
	in->n.sessions++;
	return s;
}

static void
on_open(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct tap_open o;
	bool news;

	memcpy(&o, e->payload, sizeof(o));
	news = s == NULL;
	if (news && (s = new_session(in, e, &o)) == NULL) {
		in->n.unknown++;
		return;
	}
	news |= SET_TEXT(s->rec.peer, o.peer);
	news |= SET_TEXT(s->rec.via, o.via);
	news |= SET_TEXT(s->rec.listener, o.listener);
	if (news)
		touch_facts(in, s);
}

static void
on_pool(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct session_rec *r = &s->rec;
	struct tap_pool p;
	bool news;

	memcpy(&p, e->payload, sizeof(p));
	news = r->pool_port != p.port || r->pool_index != p.index ||
	    r->pool_connect_us != p.connect_us;
	news |= SET_TEXT(r->pool_host, p.host);
	news |= SET_TEXT(r->pool_peer, p.peer);
	r->pool_port = p.port;
	r->pool_index = p.index;
	r->pool_connect_us = p.connect_us;
	if (!news)
		return;
	account_renamed(s);
	touch_facts(in, s);
}

static void
on_half(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct flow *f = &s->flow[e->h.dir];

	if (f->half)
		return;
	f->half = true;
	f->half_off = e->h.offset;
	/* Told ahead of its chunks, the end is looked for in on_chunk(). */
	if (f->cut.off >= f->half_off)
		finish_flow(in, s, e->h.dir, f->cut.off);
	ingest_touch(in, s);
}

static void
on_info(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct tap_info i;

	memcpy(&i, e->payload, sizeof(i));
	if (i.rtt_us[0] == s->rec.rtt_us[0] && i.rtt_us[1] == s->rec.rtt_us[1])
		return;
	s->rec.rtt_us[0] = i.rtt_us[0];
	s->rec.rtt_us[1] = i.rtt_us[1];
	ingest_touch(in, s);
}

/* Of what waits to be sent on, what never was. */
static void
flag_undelivered(struct ingest *in, struct session *s, unsigned d,
    uint64_t delivered)
{
	struct unsent_list *l = &s->flow[d].unsent;
	uint64_t pos, end;

	while (l->n > 0) {
		end = l->e[l->head].end;
		pos = unsent_take(l, UINT64_MAX);
		if (end > delivered)
			store_flag(in->store, pos, MF_UNDELIVERED);
	}
}

static void
end_session(struct ingest *in, struct session *s, const struct tap_closed *c)
{
	uint64_t end;

	if (!s->decided && s->first != NULL)
		name_protocol(in, s, s->first, s->first_len, true);
	for (unsigned d = 0; d < 2; d++) {
		end = c->read[d];
		if (end < s->flow[d].cut.off)
			end = s->flow[d].cut.off;
		finish_flow(in, s, d, end);
		flag_undelivered(in, s, d, c->delivered[d]);
		s->rec.bytes[d] = end;
		pair_clear(&s->flow[d].pair);
	}
	share_forget(s);
	watching_end(in, s);
	s->rec.state = SESSION_ENDED;
	s->rec.ended_us = c->closed_us;
	SET_TEXT(s->rec.close_reason, c->reason);
	SET_TEXT(s->rec.close_detail, c->detail);
	s->ended = true;
	if (s->rec.auto_replay_enabled && in->on_follow != NULL)
		in->on_follow(in->arg, s, NULL);
	s->rec.auto_replay_enabled = false;
	in->sessions.live--;
	touch_facts(in, s);
	/* While nothing can be written, what says nothing is not kept. */
	if (in->phase == INGEST_PAUSED && s->whole && s->rec.messages == 0)
		sessions_remove(&in->sessions, s);
}

static void
on_closed(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	struct tap_closed c;

	memcpy(&c, e->payload, sizeof(c));
	end_session(in, s, &c);
}

static void
on_clock(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	store_clock(in->store, (int64_t)e->h.offset);
}

static void
on_lost(struct ingest *in, struct session *s, const struct tap_entry *e)
{
	in->n.relay_lost = e->h.offset;
}

static const struct {
	void (*fn)(struct ingest *, struct session *, const struct tap_entry *);
	bool no_session;
} kinds[TAP_KIND_MAX] = {
	[TAP_CHUNK] = { on_chunk, false },
	[TAP_FWD] = { on_fwd, false },
	[TAP_OPEN] = { on_open, true },
	[TAP_POOL] = { on_pool, false },
	[TAP_HALF] = { on_half, false },
	[TAP_CLOSED] = { on_closed, false },
	[TAP_INFO] = { on_info, false },
	[TAP_CLOCK] = { on_clock, true },
	[TAP_LOST] = { on_lost, true },
};

static void
take(struct ingest *in, const struct tap_entry *e)
{
	struct session *s = sessions_find(&in->sessions, e->h.session);

	if (s != NULL && s->ended)
		; /* told again, while its end is on the way to the disk */
	else if (s == NULL && !kinds[e->h.kind].no_session)
		in->n.unknown++;
	else
		kinds[e->h.kind].fn(in, s, e);
	if (e->h.seq <= in->mark.seq)
		return;
	in->mark.seq = e->h.seq;
	ingest_touch(in, NULL);
}

int
ingest_batch(struct ingest *in, const void *data, size_t len)
{
	struct tap_entry e;
	struct mcur c;
	int r;

	if (!store_writable(in->store) && in->phase == INGEST_OK)
		ingest_pause(in, "too little space is left");
	mcur_init(&c, data, len);
	while ((r = tap_next(&c, &e)) == 1)
		take(in, &e);
	if (r == -1)
		in->n.malformed++;
	if (in->last_ts != 0)
		in->n.lag_us = (clock_ns() - in->last_ts) / 1000;
	return r;
}

/* --- relayd comes and goes --- */

static void
end_epoch(struct ingest *in)
{
	struct tap_closed c = { .reason = "relay_ended",
		.detail = "relayd was started again" };
	struct session *s;

	TAILQ_FOREACH(s, &in->sessions.all, all) {
		if (s->ended)
			continue;
		for (unsigned d = 0; d < 2; d++) {
			c.read[d] = s->flow[d].cut.off;
			c.delivered[d] = s->flow[d].fwd_off;
		}
		/* Of a relayd that ended while we were not there, only its
		 * last byte is known. */
		c.closed_us = in->lost_ns != 0 ?
		    store_real_us(in->store, in->lost_ns) :
		    s->rec.last_seen_us;
		end_session(in, s, &c);
	}
}

uint64_t
ingest_hello(struct ingest *in, const uint8_t epoch[16], int64_t offset)
{
	const struct store_mark *mark;
	bool known = memcmp(in->mark.epoch, epoch, 16) == 0;

	if (!known)
		end_epoch(in);
	/* What is told as the watermark has to be on the disk; failing that,
	 * some of it comes again and is recognised by its offsets. */
	ingest_commit(in);
	store_clock(in->store, offset);
	in->lost_ns = 0;
	if (!known) {
		memcpy(in->mark.epoch, epoch, 16);
		in->mark.seq = 0;
		ingest_touch(in, NULL);
	}
	mark = store_mark(in->store);
	return memcmp(mark->epoch, epoch, 16) == 0 ? mark->seq : 0;
}

void
ingest_lost(struct ingest *in)
{
	in->lost_ns = clock_ns();
}
