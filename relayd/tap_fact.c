/*
 * Facts of sessions, each as it is now, into the ring or straight to
 * captured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "relayd/tap_int.h"

/* Ended sessions kept for a captured that is away. */
#define TAP_ENDED_MAX 65536u

static void
fact_begin(struct fact *f, const struct session *s, enum tap_kind kind,
    size_t len)
{
	memset(f, 0, sizeof(*f));
	f->h.kind = (uint8_t)kind;
	f->h.len = (uint32_t)len;
	f->h.session = s->no;
	f->h.ts_recv = s->opened_mono;
}

static void
fact_open(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_OPEN, sizeof(f->u.open));
	memcpy(f->u.open.uuid, s->uuid, 16);
	f->u.open.opened_us = s->opened_us;
	if (s->replay) {
		f->h.flags = TAP_REPLAY;
		f->u.open.replay_of = s->replay_of;
		snprintf(f->u.open.peer, sizeof(f->u.open.peer), "hashscope");
	} else {
		address_text(&s->peer, f->u.open.peer, sizeof(f->u.open.peer));
	}
	address_text(&s->via, f->u.open.via, sizeof(f->u.open.via));
	snprintf(f->u.open.listener, sizeof(f->u.open.listener), "%s",
	    s->listener->conf.name);
}

static void
fact_pool(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_POOL, sizeof(f->u.pool));
	memcpy(f->u.pool.host, s->pool->conf.host, sizeof(f->u.pool.host));
	address_text(&s->pool_peer, f->u.pool.peer, sizeof(f->u.pool.peer));
	f->u.pool.port = s->pool->conf.port;
	f->u.pool.index = s->pool_index;
	f->u.pool.connect_us = s->connect_us;
}

static void
fact_half(struct fact *f, const struct session *s, unsigned dir)
{
	fact_begin(f, s, TAP_HALF, 0);
	f->h.dir = (uint8_t)dir;
	f->h.offset = s->side[dir].read;
}

static void
fact_info(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_INFO, sizeof(f->u.info));
	f->u.info = s->info;
}

void
tap_fact_closed(struct fact *f, const struct session *s)
{
	fact_begin(f, s, TAP_CLOSED, sizeof(f->u.closed));
	f->h.ts_recv = mono_ns();
	if (s->closed != NULL)
		f->u.closed = *s->closed;
	else
		snprintf(f->u.closed.reason, sizeof(f->u.closed.reason),
		    "no_memory");
}

void
tap_open(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || tap_slot_take(t, s) == -1)
		return;
	fact_open(&f, s);
	tap_put(t, s, f.h, &f.u);
}

void
tap_pool(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0)
		return;
	fact_pool(&f, s);
	tap_put(t, s, f.h, &f.u);
}

void
tap_half(struct tap *t, struct session *s, unsigned dir, uint64_t offset)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0)
		return;
	fact_half(&f, s, dir);
	f.h.offset = offset;
	tap_put(t, s, f.h, NULL);
}

void
tap_info(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0)
		return;
	fact_info(&f, s);
	tap_put(t, s, f.h, &f.u);
}

bool
tap_closed(struct tap *t, struct session *s)
{
	struct fact f;

	if (t->ring == NULL || s->no == 0 || t->nended >= TAP_ENDED_MAX) {
		if (s->no != 0) {
			t->ends_lost++;
			t->slots[s->slot] = NULL;
			if (s->is_dirty)
				TAILQ_REMOVE(&t->dirty, s, dirty);
		}
		return false;
	}
	t->nended++;
	tap_fact_closed(&f, s);
	tap_put(t, s, f.h, &f.u);
	return true;
}

void
tap_tell(struct tap *t, const struct fact *f)
{
	static const uint8_t zero[8];
	size_t pad = TAP_PAD(f->h.len) - f->h.len;

	msg_put_raw(&t->out, &f->h, sizeof(f->h));
	msg_put_raw(&t->out, &f->u, f->h.len);
	msg_put_raw(&t->out, zero, pad);
}

/* All that is known of a session, with sequence number 0. */
void
tap_tell_session(struct tap *t, struct session *s)
{
	struct fact f;

	fact_open(&f, s);
	tap_tell(t, &f);
	if (s->pool != NULL) {
		fact_pool(&f, s);
		tap_tell(t, &f);
	}
	for (unsigned d = 0; d < 2; d++) {
		if (s->side[d].rd == RD_EOF) {
			fact_half(&f, s, d);
			tap_tell(t, &f);
		}
	}
	if (s->has_info) {
		fact_info(&f, s);
		tap_tell(t, &f);
	}
}
