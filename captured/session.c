/*
 * The table of sessions, and what of each outlives the process.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/session.h"
#include "common/stratum.h"

#define STATE_VERSION 2
#define SLOTS_FIRST   256

void
sessions_init(struct sessions *t)
{
	memset(t, 0, sizeof(*t));
	TAILQ_INIT(&t->all);
	TAILQ_INIT(&t->dirty);
}

void
sessions_clear(struct sessions *t)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&t->all)) != NULL)
		sessions_remove(t, s);
	free(t->slot);
	sessions_init(t);
}

static size_t
slot_of(const struct sessions *t, uint64_t number)
{
	/* relayd's numbers differ in their low and in their high half. */
	number ^= number >> 32;
	return (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) &
	    (t->nslots - 1);
}

struct session *
sessions_find(const struct sessions *t, uint64_t number)
{
	struct session *s;

	if (t->nslots == 0)
		return NULL;
	s = t->slot[slot_of(t, number)];
	while (s != NULL && s->number != number)
		s = s->next;
	return s;
}

static int
grow_slots(struct sessions *t)
{
	size_t n = t->nslots == 0 ? SLOTS_FIRST : t->nslots * 2;
	struct session **slot, *s;

	if (t->n < t->nslots)
		return 0;
	slot = calloc(n, sizeof(struct session *));
	if (slot == NULL)
		return -1;
	free(t->slot);
	t->slot = slot;
	t->nslots = n;
	TAILQ_FOREACH(s, &t->all, all) {
		s->next = slot[slot_of(t, s->number)];
		slot[slot_of(t, s->number)] = s;
	}
	return 0;
}

struct session *
sessions_add(struct sessions *t, uint64_t number, uint64_t sid)
{
	struct session *s;

	if (t->n >= SESSIONS_MAX || grow_slots(t) == -1 ||
	    (s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->number = number;
	s->sid = sid;
	s->protocol = STRATUM_P_STRATUM;
	line_init(&s->flow[0].cut, 0);
	line_init(&s->flow[1].cut, 0);
	s->next = t->slot[slot_of(t, number)];
	t->slot[slot_of(t, number)] = s;
	TAILQ_INSERT_TAIL(&t->all, s, all);
	t->n++;
	t->live++;
	return s;
}

void
sessions_hide(struct sessions *t, struct session *s)
{
	struct session **p = &t->slot[slot_of(t, s->number)];

	if (s->hidden)
		return;
	s->hidden = true;
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
}

void
sessions_remove(struct sessions *t, struct session *s)
{
	sessions_hide(t, s);
	TAILQ_REMOVE(&t->all, s, all);
	if (s->dirty)
		TAILQ_REMOVE(&t->dirty, s, changed);
	t->n--;
	t->live -= !s->ended;
	for (unsigned d = 0; d < 2; d++) {
		line_clear(&s->flow[d].cut);
		pair_clear(&s->flow[d].pair);
		unsent_clear(&s->flow[d].unsent);
	}
	verify_free(s->verify);
	free(s->pending);
	free(s->first);
	free(s);
}

void
session_dirty(struct sessions *t, struct session *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	TAILQ_INSERT_TAIL(&t->dirty, s, changed);
}

/* --- messages that wait to be sent on, in the order of their bytes --- */

static int
unsent_room(struct unsent_list *l)
{
	struct unsent *e;
	uint32_t cap;

	if (l->head + l->n < l->cap)
		return 0;
	/* Moving half of it pays for as many that are taken at the front. */
	if (l->head > 0 && l->head >= l->n / 2) {
		memmove(l->e, l->e + l->head, l->n * sizeof(*l->e));
		l->head = 0;
		return 0;
	}
	cap = l->cap == 0 ? 16 : l->cap * 2;
	e = realloc(l->e, cap * sizeof(*e));
	if (e == NULL)
		return -1;
	l->e = e;
	l->cap = cap;
	return 0;
}

int
unsent_push(struct unsent_list *l, uint64_t pos, uint64_t end,
    uint64_t *dropped)
{
	*dropped = l->n >= UNSENT_MAX ? unsent_take(l, UINT64_MAX) : 0;
	if (unsent_room(l) == -1)
		return -1;
	l->e[l->head + l->n].pos = pos;
	l->e[l->head + l->n++].end = end;
	return 0;
}

uint64_t
unsent_take(struct unsent_list *l, uint64_t end)
{
	uint64_t pos;

	if (l->n == 0 || l->e[l->head].end > end)
		return 0;
	pos = l->e[l->head].pos;
	l->head++;
	if (--l->n == 0)
		unsent_clear(l);
	return pos;
}

void
unsent_clear(struct unsent_list *l)
{
	free(l->e);
	memset(l, 0, sizeof(*l));
}

/* --- the state that the store keeps --- */

static void
pack_flow(const struct flow *f, struct mbuf *m)
{
	struct line_state st;

	line_export(&f->cut, &st);
	msg_put_u64(m, st.off);
	msg_put_u64(m, st.start);
	msg_put_u64(m, st.ts_recv);
	msg_put_u64(m, st.ts_fwd);
	msg_put_u64(m, f->fwd_off);
	msg_put_u64(m, f->fwd_ts);
	msg_put_u64(m, f->half_off);
	msg_put_u8(m,
	    (uint8_t)(st.lost | st.after_gap << 1 | f->half << 2 |
		f->after_gap << 3));
}

void
session_pack(const struct session *s, struct mbuf *m)
{
	mbuf_reset(m);
	msg_put_u8(m, STATE_VERSION);
	msg_put_u8(m, s->decided);
	msg_put_u8(m, s->protocol);
	msg_put_u8(m, s->said);
	pack_flow(&s->flow[0], m);
	pack_flow(&s->flow[1], m);
}

static int
unpack_flow(struct flow *f, struct mcur *c, const uint8_t *line, uint32_t len)
{
	struct line_state st = { .fresh = true };
	uint8_t bits;

	st.off = msg_get_u64(c);
	st.start = msg_get_u64(c);
	st.ts_recv = msg_get_u64(c);
	st.ts_fwd = msg_get_u64(c);
	f->fwd_off = msg_get_u64(c);
	f->fwd_ts = msg_get_u64(c);
	f->half_off = msg_get_u64(c);
	bits = msg_get_u8(c);
	st.lost = (bits & 1) != 0;
	st.after_gap = (bits & 2) != 0;
	f->half = (bits & 4) != 0;
	f->after_gap = (bits & 8) != 0;
	st.add = line;
	st.add_len = st.len = len;
	return line_import(&f->cut, &st);
}

int
session_unpack(struct session *s, const struct store_session *from)
{
	struct mcur c;
	uint8_t version;
	int r = 0;

	mcur_init(&c, from->state, from->state_len);
	version = msg_get_u8(&c);
	if (version == 0 || version > STATE_VERSION)
		c.bad = true;
	s->decided = msg_get_u8(&c) != 0;
	s->protocol = msg_get_u8(&c);
	/* Of what was said before this was kept nothing is made. */
	s->said = version < 2 ? UINT8_MAX : msg_get_u8(&c);
	for (unsigned d = 0; d < 2; d++)
		r |= unpack_flow(&s->flow[d], &c, from->partial[d],
		    from->partial_len[d]);
	if (s->protocol >= STRATUM_P_COUNT)
		s->protocol = STRATUM_P_STRATUM;
	return msg_end(&c) == -1 ? -1 : r;
}
