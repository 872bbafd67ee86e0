/*
 * The ring of the tap, and the sessions whose bytes lie in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "relayd/tap_int.h"

#define LOG_EVERY_MS 60000u

/* --- the sessions by number --- */

int
tap_slot_take(struct tap *t, struct session *s)
{
	struct session **p;
	uint32_t i, n;

	for (i = 0; i < t->nslots; i++) {
		n = (t->free_slot_hint + i) % t->nslots;
		if (t->slots[n] == NULL)
			goto found;
	}
	n = t->nslots;
	p = realloc(t->slots, (n == 0 ? 64 : n * 2) * sizeof(*p));
	if (p == NULL)
		return -1;
	t->slots = p;
	t->nslots = n == 0 ? 64 : n * 2;
	memset(p + n, 0, (t->nslots - n) * sizeof(*p));
found:
	t->slots[n] = s;
	t->free_slot_hint = n + 1;
	s->slot = n;
	s->no = (uint64_t)++t->generation << 32 | n;
	return 0;
}

static struct session *
session_of(const struct tap *t, uint64_t no)
{
	uint32_t slot = (uint32_t)no;

	if (slot >= t->nslots || t->slots[slot] == NULL ||
	    t->slots[slot]->no != no)
		return NULL;
	return t->slots[slot];
}

static void
forget(struct tap *t, struct session *s)
{
	if (s->is_dirty)
		TAILQ_REMOVE(&t->dirty, s, dirty);
	t->slots[s->slot] = NULL;
	t->free_slot_hint = s->slot;
	t->nended--;
	session_free(s);
}

void
tap_make_dirty(struct tap *t, struct session *s)
{
	if (s->is_dirty)
		return;
	s->is_dirty = true;
	TAILQ_INSERT_TAIL(&t->dirty, s, dirty);
}

/* --- the ring --- */

struct tap_head *
tap_at(const struct tap *t, uint64_t where)
{
	return (struct tap_head *)(void *)(t->ring + where % t->size);
}

size_t
tap_entry_size(const struct tap_head *h)
{
	return sizeof(*h) + TAP_PAD(h->len);
}

/* Where the entry at or after `where` begins: past the unused end. */
uint64_t
tap_normal(const struct tap *t, uint64_t where)
{
	size_t left = t->size - where % t->size;

	if (where == t->tail)
		return where;
	if (left < sizeof(struct tap_head) ||
	    tap_at(t, where)->kind == TAP_NONE)
		return where + left;
	return where;
}

static uint64_t
after(const struct tap *t, uint64_t where)
{
	return tap_normal(t, where + tap_entry_size(tap_at(t, where)));
}

/* Its end is on captured's disk: it may go, unless there is more to tell. */
static void
fact_acked(struct tap *t, struct session *s, uint64_t seq)
{
	if (s->phase == S_ENDED && seq == s->end_seq && !s->is_dirty)
		forget(t, s);
}

/* Bytes are lost with the ring's entry, facts are told again. */
static void
fact_dropped(struct tap *t, struct session *s, const struct tap_head *h)
{
	if (h->kind == TAP_CLOSED)
		s->close_dropped = true;
	if (h->kind != TAP_CHUNK &&
	    (h->kind != TAP_FWD || (h->flags & TAP_END)))
		tap_make_dirty(t, s);
}

/* The oldest entry leaves the ring, acknowledged or dropped. */
void
tap_release_oldest(struct tap *t, bool acked)
{
	struct tap_head *h = tap_at(t, t->head);
	struct session *s = session_of(t, h->session);
	bool unsent = t->head == t->sent;

	if (s != NULL)
		s->ring_bytes -= (uint32_t)tap_entry_size(h);
	if (!acked && unsent && h->kind == TAP_CHUNK) {
		t->lost_bytes += h->len;
		t->lost_chunks++;
	}
	if (s != NULL && acked)
		fact_acked(t, s, h->seq);
	else if (s != NULL)
		fact_dropped(t, s, h);
	t->head = after(t, t->head);
	if (unsent)
		t->sent = t->head;
}

static void
note_filling(struct tap *t)
{
	if (t->filling)
		return;
	t->filling = true;
	t->lost_at_log = t->lost_bytes;
	t->filling_logged = t->logged_ms == 0 ||
	    mono_ms() - t->logged_ms > LOG_EVERY_MS;
	if (!t->filling_logged)
		return;
	t->logged_ms = mono_ms();
	log_warnx("captured is behind: the ring of copies is full, the oldest "
		  "are dropped; mining is not touched");
}

/* Room for n bytes in a row; drops the oldest for it. */
static struct tap_head *
reserve(struct tap *t, size_t n)
{
	size_t left = t->size - t->tail % t->size, want = n;

	if (left < n)
		want += left;
	while (t->tail + want - t->head > t->size) {
		note_filling(t);
		tap_release_oldest(t, false);
	}
	if (left < n) {
		if (left >= sizeof(struct tap_head))
			memset(tap_at(t, t->tail), 0, sizeof(struct tap_head));
		if (t->sent == t->tail)
			t->sent += left;
		if (t->head == t->tail)
			t->head += left;
		t->tail += left;
	}
	return tap_at(t, t->tail);
}

/*
 * A timer of 2 ms ends after 4 to 8 where the kernel has 250 ticks a second.
 * While there is traffic its own times tell it sooner, and no call more is
 * made for that; the batch goes when this round of the loop has served all.
 */
static void
flush_if_late(struct tap *t, uint64_t now)
{
	if (t->oldest_ns == 0)
		t->oldest_ns = now;
	else if (now > t->oldest_ns && t->timer != NULL &&
	    now - t->oldest_ns >= t->flush_ms * UINT64_C(1000000))
		event_active(t->timer, EV_TIMEOUT, 0);
}

void
tap_put(struct tap *t, struct session *s, struct tap_head h,
    const void *payload)
{
	size_t n = sizeof(h) + TAP_PAD(h.len);
	struct tap_head *dst = reserve(t, n);

	h.session = s == NULL ? 0 : s->no;
	h.seq = ++t->seq;
	if (h.kind == TAP_CLOSED || (h.flags & TAP_END))
		s->end_seq = h.seq;
	*dst = h;
	if (h.len > 0)
		memcpy(dst + 1, payload, h.len);
	if (s != NULL)
		s->ring_bytes += (uint32_t)n;
	t->tail += n;
	t->put_bytes += n;
	if (t->state == TAP_AWAY)
		return;
	if (t->tail - t->sent >= TAP_BATCH_MAX && t->state == TAP_STREAMING) {
		tap_flush(t);
		return;
	}
	tap_arm(t);
	flush_if_late(t, h.ts_fwd > h.ts_recv ? h.ts_fwd : h.ts_recv);
}

void
tap_chunk(struct tap *t, struct session *s, unsigned dir, uint64_t offset,
    uint64_t ts_recv, uint64_t ts_fwd, unsigned flags, const uint8_t *p,
    size_t n)
{
	struct tap_head h = { .len = (uint32_t)n,
		.kind = TAP_CHUNK,
		.dir = (uint8_t)dir,
		.flags = (uint16_t)flags,
		.offset = offset,
		.ts_recv = ts_recv,
		.ts_fwd = ts_fwd };

	if (t->ring == NULL || s->no == 0)
		return;
	if (s->ring_bytes + n > t->share) {
		t->lost_bytes += n;
		t->lost_chunks++;
		t->share_drops++;
		note_filling(t);
		return;
	}
	tap_put(t, s, h, p);
}

void
tap_fwd(struct tap *t, struct session *s, unsigned dir, uint64_t offset,
    uint64_t ts_fwd)
{
	struct tap_head h = { .kind = TAP_FWD,
		.dir = (uint8_t)dir,
		.offset = offset,
		.ts_fwd = ts_fwd };

	if (t->ring != NULL && s->no != 0 && s->phase != S_ENDED &&
	    s->ring_bytes + sizeof(h) <= t->share)
		tap_put(t, s, h, NULL);
}
