/*
 * A batch is built once and sent to all who want messages.
 */
#include <string.h>

#include "captured/feed.h"

#define FEED_BYTES    (64u * 1024u)
/* Once a round of reading, unless rounds follow each other at once. */
#define FEED_EVERY_NS UINT64_C(1000000)
/* What may wait in a channel before batches are skipped. */
#define FEED_QUEUE    (1024u * 1024u)

void
feed_init(struct feed *f)
{
	memset(f, 0, sizeof(*f));
	mbuf_init(&f->records);
	mbuf_init(&f->shares);
	mbuf_init(&f->out);
}

void
feed_free(struct feed *f)
{
	mbuf_free(&f->records);
	mbuf_free(&f->shares);
	mbuf_free(&f->out);
}

static void
begin(struct feed *f)
{
	mbuf_reset(&f->records);
	f->head.count = 0;
}

static void
begin_shares(struct feed *f)
{
	mbuf_reset(&f->shares);
	f->nshares = 0;
}

static void
say_hello(struct feed *f, struct ipc *ipc, uint32_t id, uint64_t last,
    uint64_t committed)
{
	mbuf_reset(&f->out);
	msg_put_raw(&f->out, f->store_id, sizeof(f->store_id));
	msg_put_u64(&f->out, last);
	msg_put_u64(&f->out, committed);
	(void)ipc_send(ipc, MSG_FEED_HELLO, id, -1, &f->out);
}

static struct feed_sub *
sub_find(struct feed *f, const struct ipc *ipc)
{
	for (unsigned i = 0; i < FEED_SUBSCRIBERS; i++)
		if (f->sub[i].ipc == ipc)
			return &f->sub[i];
	return NULL;
}

static void
count_topics(struct feed *f)
{
	f->topics = 0;
	for (unsigned i = 0; i < FEED_SUBSCRIBERS; i++)
		if (f->sub[i].ipc != NULL)
			f->topics |= f->sub[i].topics;
	if (!(f->topics & FEED_MESSAGES))
		begin(f);
	if (!(f->topics & FEED_SHARES))
		begin_shares(f);
}

int
feed_subscribe(struct feed *f, struct ipc *ipc, uint32_t id, uint32_t topics,
    uint64_t last, uint64_t committed, uint64_t reset_to)
{
	uint32_t role = 1u << ipc_peer(ipc);
	struct feed_sub *s = sub_find(f, ipc);

	if (s == NULL)
		s = sub_find(f, NULL);
	if (s == NULL)
		return -1;
	if (!(f->topics & FEED_MESSAGES))
		f->prev = last;
	s->ipc = ipc;
	s->topics = topics;
	s->behind = false;
	s->told = committed;
	count_topics(f);
	say_hello(f, ipc, id, last, committed);
	if (f->reset_told & role)
		return 0;
	f->reset_told |= role;
	mbuf_reset(&f->out);
	msg_put_u64(&f->out, reset_to);
	(void)ipc_send(ipc, MSG_FEED_RESET, id, -1, &f->out);
	return 0;
}

void
feed_unsubscribe(struct feed *f, const struct ipc *ipc)
{
	struct feed_sub *s = sub_find(f, ipc);

	if (ipc == NULL || s == NULL)
		return;
	memset(s, 0, sizeof(*s));
	count_topics(f);
}

void
feed_store(struct feed *f, const uint8_t id[16], uint64_t last)
{
	memcpy(f->store_id, id, sizeof(f->store_id));
	f->prev = last;
	begin(f);
	begin_shares(f);
	for (unsigned i = 0; i < FEED_SUBSCRIBERS; i++)
		if (f->sub[i].ipc != NULL)
			say_hello(f, f->sub[i].ipc, 0, last, 0);
}

/* What is in out, of count messages. */
static void
send_to(struct feed *f, struct feed_sub *s, uint32_t count, uint64_t committed)
{
	if (ipc_queued(s->ipc) > FEED_QUEUE || f->out.bad ||
	    ipc_send(s->ipc, MSG_FEED_BATCH, 0, -1, &f->out) == -1) {
		f->skipped += count;
		s->behind = true;
		return;
	}
	s->behind = false;
	s->told = committed;
	if (count > 0) {
		f->batches++;
		f->messages += count;
	}
}

static void
put_batch(struct feed *f, uint64_t committed)
{
	f->head.committed = committed;
	memcpy(f->head.store_id, f->store_id, sizeof(f->store_id));
	mbuf_reset(&f->out);
	feed_head_put(&f->out, &f->head);
	msg_put_raw(&f->out, f->records.data, f->records.len);
	if (f->records.bad)
		f->out.bad = true;
}

static void
send_batch(struct feed *f, uint64_t committed)
{
	put_batch(f, committed);
	for (unsigned i = 0; i < FEED_SUBSCRIBERS; i++)
		if (f->sub[i].ipc != NULL && f->sub[i].topics & FEED_MESSAGES)
			send_to(f, &f->sub[i], f->head.count, committed);
	begin(f);
}

void
feed_message(struct feed *f, const struct message_rec *r)
{
	if (!(f->topics & FEED_MESSAGES))
		return;
	if (f->head.count == 0) {
		f->head.prev = f->prev;
		f->head.first = r->pos;
	}
	message_put(&f->records, r);
	f->head.last = r->pos;
	f->head.count++;
	f->prev = r->pos;
	if (f->records.len >= FEED_BYTES)
		send_batch(f, f->head.committed);
}

void
feed_alert(struct feed *f, const struct alert_rec *a)
{
	struct feed_sub *s;

	if (!(f->topics & FEED_ALERTS))
		return;
	mbuf_reset(&f->out);
	alert_put(&f->out, a);
	for (s = f->sub; s < f->sub + FEED_SUBSCRIBERS; s++)
		if (s->ipc != NULL && s->topics & FEED_ALERTS &&
		    ipc_queued(s->ipc) <= FEED_QUEUE)
			(void)ipc_send(s->ipc, MSG_FEED_ALERT, 0, -1, &f->out);
}

void
feed_changed(struct feed *f)
{
	struct feed_sub *s;

	for (s = f->sub; s < f->sub + FEED_SUBSCRIBERS; s++)
		if (s->ipc != NULL && s->topics & FEED_SESSIONS &&
		    ipc_queued(s->ipc) <= FEED_QUEUE)
			(void)ipc_send_empty(s->ipc, MSG_FEED_CHANGED, 0);
}

/* --- shares --- */

static void
send_shares_to(struct feed *f, struct feed_sub *s, uint64_t committed)
{
	struct share_head h = { .committed = committed,
		.skipped = s->shares_skipped,
		.count = f->nshares };

	memcpy(h.store_id, f->store_id, sizeof(h.store_id));
	mbuf_reset(&f->out);
	share_head_put(&f->out, &h);
	msg_put_raw(&f->out, f->shares.data, f->shares.len);
	if (ipc_queued(s->ipc) > FEED_QUEUE || f->shares.bad || f->out.bad ||
	    ipc_send(s->ipc, MSG_FEED_SHARES, 0, -1, &f->out) == -1)
		s->shares_skipped += f->nshares;
}

static void
send_shares(struct feed *f, uint64_t committed)
{
	for (unsigned i = 0; i < FEED_SUBSCRIBERS; i++)
		if (f->sub[i].ipc != NULL && f->sub[i].topics & FEED_SHARES)
			send_shares_to(f, &f->sub[i], committed);
	begin_shares(f);
}

void
feed_share(struct feed *f, const struct share_rec *r)
{
	if (!(f->topics & FEED_SHARES))
		return;
	share_put(&f->shares, r);
	f->nshares++;
	if (f->shares.len >= FEED_BYTES)
		send_shares(f, f->head.committed);
}

bool
feed_waiting(const struct feed *f)
{
	return f->head.count > 0 || f->nshares > 0;
}

/*
 * There may be no message for long: how far it went while it did not read,
 * and how far the store has come, to who wants to know.
 */
static bool
is_due(const struct feed *f, const struct feed_sub *s, uint64_t committed)
{
	if (s->ipc == NULL || ipc_queued(s->ipc) > 0)
		return false;
	if (s->behind)
		return true;
	return s->topics & FEED_MARKS && s->told != committed;
}

static void
send_marks(struct feed *f, uint64_t committed)
{
	bool put = false;

	for (unsigned i = 0; i < FEED_SUBSCRIBERS; i++) {
		if (!is_due(f, &f->sub[i], committed))
			continue;
		if (!put) {
			f->head.prev = f->head.first = f->head.last = f->prev;
			put_batch(f, committed);
			put = true;
		}
		send_to(f, &f->sub[i], 0, committed);
	}
}

void
feed_flush(struct feed *f, uint64_t committed, uint64_t now)
{
	f->head.committed = committed;
	if (now - f->sent_ns < FEED_EVERY_NS)
		return;
	if (feed_waiting(f))
		f->sent_ns = now;
	if (f->head.count > 0)
		send_batch(f, committed);
	if (f->nshares > 0)
		send_shares(f, committed);
	send_marks(f, committed);
}
