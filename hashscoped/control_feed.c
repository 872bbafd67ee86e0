/*
 * captured's news to the clients that follow them.  A monitor learns where
 * it begins from an empty batch that says where the feed stood: messages
 * that follow are its own, even if captured dies before it told them.
 */
#include "hashscoped/control_int.h"

static bool
any_monitor(const struct control *k)
{
	const struct control_client *cl;

	TAILQ_FOREACH(cl, &k->clients, entry)
		if (cl->monitor)
			return true;
	return false;
}

void
control_subscribe(struct control *k)
{
	struct ipc *captured = k->peers[ROLE_CAPTURE].ipc;
	bool want = any_monitor(k);
	struct mbuf b;

	if (captured == NULL || k->subscribed == want)
		return;
	mbuf_init(&b);
	msg_put_u32(&b, want ? FEED_MESSAGES | FEED_ALERTS : 0);
	if (ipc_send(captured, MSG_FEED_SUBSCRIBE, 0, -1, &b) == 0) {
		control_unsubscribed(k);
		k->subscribed = want;
	}
	mbuf_free(&b);
}

void
control_unsubscribed(struct control *k)
{
	k->subscribed = false;
	k->feed_known = false;
}

struct mbuf
control_body(const struct msg_in *m)
{
	struct mbuf b = { .data = (uint8_t *)(uintptr_t)m->cur.p,
		.len = m->cur.left };

	return b;
}

/* An empty batch: how far the feed has come, as far as this one is told. */
static int
send_head(struct control_client *cl, const struct feed_head *end)
{
	struct feed_head h = *end;
	struct mbuf b;
	int r;

	h.prev = h.first = h.last;
	h.count = 0;
	mbuf_init(&b);
	feed_head_put(&b, &h);
	r = ipc_send(cl->ipc, MSG_FEED_BATCH, cl->monitor_id, -1, &b);
	mbuf_free(&b);
	return r;
}

/* A batch is left out, which the next one's prev will show. */
static void
skip(struct control_client *cl, const struct feed_head *h)
{
	cl->behind = *h;
	cl->skipped = true;
}

/* Where the feed stands, to one who reads; later to one who does not. */
static void
tell_head(struct control_client *cl, const struct feed_head *h)
{
	cl->begun = true;
	cl->told_by = cl->control->peers[ROLE_CAPTURE].generation;
	if (ipc_queued(cl->ipc) > CONTROL_FEED || send_head(cl, h) == -1)
		skip(cl, h);
}

void
control_feed_begin(struct control_client *cl)
{
	struct control *k = cl->control;

	control_subscribe(k);
	if (k->feed_known)
		tell_head(cl, &k->feed);
}

/* It reads again, and there may be no next batch for long: an empty one
 * says how far the others are. */
void
control_feed_catch_up(struct control_client *cl)
{
	if (cl->skipped)
		cl->skipped = send_head(cl, &cl->behind) == -1;
}

/* Those who were told by another captured learn the rest from RESET, which
 * a new one sends next. */
void
control_feed_hello(struct control *k, const struct msg_in *m)
{
	struct mcur cur = m->cur;
	struct feed_head h = { .count = 0 };
	struct control_client *cl;

	msg_get_raw(&cur, h.store_id, sizeof(h.store_id));
	h.last = msg_get_u64(&cur);
	h.committed = msg_get_u64(&cur);
	if (msg_end(&cur) == -1)
		return;
	k->feed = h;
	k->feed_known = true;
	TAILQ_FOREACH(cl, &k->clients, entry)
		if (cl->monitor && !cl->begun)
			tell_head(cl, &h);
}

static int
pass(struct control_client *cl, const struct msg_in *m)
{
	struct mbuf body = control_body(m);

	return ipc_send(cl->ipc, (enum msg_type)m->type, cl->monitor_id, -1,
	    &body);
}

/*
 * What the captured before this one had told above that position comes
 * again; what this one took before it was asked for news is in the store.
 */
static int
pass_reset(struct control_client *cl, const struct msg_in *m)
{
	const struct control *k = cl->control;
	struct mcur cur = m->cur;
	uint64_t to = msg_get_u64(&cur);

	if (cl->begun && cl->told_by == k->peers[ROLE_CAPTURE].generation)
		return 0;
	if (!cur.bad && cl->behind.last > to)
		cl->behind.last = to;
	if (pass(cl, m) == -1)
		return -1;
	if (k->feed_known)
		tell_head(cl, &k->feed);
	return 0;
}

/* One monitor's share of the news; -1: it goes. */
static int
pass_news(struct control_client *cl, const struct msg_in *m,
    const struct feed_head *h)
{
	if (m->type == MSG_FEED_RESET)
		return pass_reset(cl, m);
	if (m->type == MSG_FEED_BATCH && ipc_queued(cl->ipc) > CONTROL_FEED) {
		skip(cl, h);
		return 0;
	}
	return pass(cl, m);
}

void
control_feed(struct control *k, const struct msg_in *m)
{
	struct mcur cur = m->cur;
	struct feed_head h = { .count = 0 };
	struct control_client *cl, *next;

	if (m->type == MSG_FEED_BATCH) {
		feed_head_get(&cur, &h);
		if (cur.bad)
			return;
		k->feed = h;
	}
	for (cl = TAILQ_FIRST(&k->clients); cl != NULL; cl = next) {
		next = TAILQ_NEXT(cl, entry);
		if (cl->monitor && pass_news(cl, m, &h) == -1)
			control_client_drop(cl, "does not read");
	}
}
