/*
 * One subscriber: the control role, which passes it on to its own.
 */
#include <string.h>

#include "captured/feed.h"

#define FEED_BYTES    (64u * 1024u)
#define FEED_EVERY_NS UINT64_C(4000000)
/* What may wait in the channel before batches are skipped. */
#define FEED_QUEUE    (1024u * 1024u)

void
feed_init(struct feed *f)
{
	memset(f, 0, sizeof(*f));
	mbuf_init(&f->records);
	mbuf_init(&f->out);
}

void
feed_free(struct feed *f)
{
	mbuf_free(&f->records);
	mbuf_free(&f->out);
}

static void
begin(struct feed *f)
{
	mbuf_reset(&f->records);
	f->head.count = 0;
}

static void
say_hello(struct feed *f, uint32_t id, uint64_t last, uint64_t committed)
{
	mbuf_reset(&f->out);
	msg_put_raw(&f->out, f->store_id, sizeof(f->store_id));
	msg_put_u64(&f->out, last);
	msg_put_u64(&f->out, committed);
	(void)ipc_send(f->ipc, MSG_FEED_HELLO, id, -1, &f->out);
}

void
feed_subscribe(struct feed *f, struct ipc *ipc, uint32_t id, uint64_t last,
    uint64_t committed, uint64_t reset_to)
{
	f->ipc = ipc;
	f->subscribed = true;
	begin(f);
	f->prev = last;
	f->behind = false;
	say_hello(f, id, last, committed);
	if (f->reset_told)
		return;
	f->reset_told = true;
	mbuf_reset(&f->out);
	msg_put_u64(&f->out, reset_to);
	(void)ipc_send(ipc, MSG_FEED_RESET, id, -1, &f->out);
}

void
feed_unsubscribe(struct feed *f, const struct ipc *ipc)
{
	if (f->ipc != ipc)
		return;
	f->ipc = NULL;
	f->subscribed = false;
	begin(f);
}

void
feed_store(struct feed *f, const uint8_t id[16], uint64_t last)
{
	memcpy(f->store_id, id, sizeof(f->store_id));
	f->prev = last;
	begin(f);
	if (f->subscribed)
		say_hello(f, 0, last, 0);
}

static void
send_batch(struct feed *f, uint64_t committed)
{
	f->head.committed = committed;
	memcpy(f->head.store_id, f->store_id, sizeof(f->store_id));
	mbuf_reset(&f->out);
	feed_head_put(&f->out, &f->head);
	msg_put_raw(&f->out, f->records.data, f->records.len);
	if (ipc_queued(f->ipc) > FEED_QUEUE || f->records.bad || f->out.bad ||
	    ipc_send(f->ipc, MSG_FEED_BATCH, 0, -1, &f->out) == -1) {
		f->skipped += f->head.count;
		f->behind = true;
	} else {
		f->behind = false;
		f->batches++;
		f->messages += f->head.count;
	}
	begin(f);
}

void
feed_message(struct feed *f, const struct message_rec *r)
{
	if (!f->subscribed)
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

bool
feed_waiting(const struct feed *f)
{
	return f->head.count > 0;
}

/* There may be no message for long: how far it went while nobody read. */
static void
catch_up(struct feed *f, uint64_t committed)
{
	if (ipc_queued(f->ipc) > 0)
		return;
	f->head.prev = f->head.first = f->head.last = f->prev;
	send_batch(f, committed);
}

void
feed_flush(struct feed *f, uint64_t committed, uint64_t now)
{
	f->head.committed = committed;
	if (now - f->sent_ns < FEED_EVERY_NS)
		return;
	if (f->head.count > 0) {
		f->sent_ns = now;
		send_batch(f, committed);
	} else if (f->behind && f->subscribed) {
		catch_up(f, committed);
	}
}
