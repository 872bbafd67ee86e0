/*
 * See watchconf.h.
 */
#include <string.h>

#include "common/address.h"
#include "common/watchconf.h"

void
watch_conf_default(struct watch_conf *w)
{
	memset(w, 0, sizeof(*w));
	w->payout_change = w->reconnect = w->height = true;
	w->foreign = w->capture = true;
	w->forget_ms = UINT64_C(86400000);
	w->rejects_window_ms = 600000;
	w->rejects_shares = 50;
	w->prevhash_ms = 60000;
	w->difficulty = 64;
	w->disputes = 3;
	w->unanswered = 64;
}

static void
names_put(struct mbuf *b, const struct watch_names *l)
{
	msg_put_u16(b, l->n);
	for (unsigned i = 0; i < l->n; i++)
		msg_put_str(b, l->name[i]);
}

static void
names_get(struct mcur *c, struct watch_names *l)
{
	l->n = msg_get_u16(c);
	if (l->n > WATCH_NAMES) {
		c->bad = true;
		l->n = 0;
	}
	for (unsigned i = 0; i < l->n; i++)
		msg_get_str(c, l->name[i], WATCH_NAME);
}

void
watch_conf_put(struct mbuf *b, const struct watch_conf *w)
{
	names_put(b, &w->payouts);
	names_put(b, &w->users);
	names_put(b, &w->reconnects);
	msg_put_u8(b, w->chain);
	msg_put_u8(b, w->payout_change);
	msg_put_u8(b, w->reconnect);
	msg_put_u8(b, w->height);
	msg_put_u8(b, w->foreign);
	msg_put_u8(b, w->capture);
	msg_put_u64(b, w->silent_ms);
	msg_put_u64(b, w->forget_ms);
	msg_put_u32(b, w->rejects_bp);
	msg_put_u64(b, w->rejects_window_ms);
	msg_put_u32(b, w->rejects_shares);
	msg_put_u64(b, w->prevhash_ms);
	msg_put_u32(b, w->difficulty);
	msg_put_u32(b, w->disputes);
	msg_put_u32(b, w->unanswered);
}

void
watch_conf_get(struct mcur *c, struct watch_conf *w)
{
	memset(w, 0, sizeof(*w));
	names_get(c, &w->payouts);
	names_get(c, &w->users);
	names_get(c, &w->reconnects);
	w->chain = msg_get_u8(c);
	w->payout_change = msg_get_bool(c);
	w->reconnect = msg_get_bool(c);
	w->height = msg_get_bool(c);
	w->foreign = msg_get_bool(c);
	w->capture = msg_get_bool(c);
	w->silent_ms = msg_get_u64(c);
	w->forget_ms = msg_get_u64(c);
	w->rejects_bp = msg_get_u32(c);
	w->rejects_window_ms = msg_get_u64(c);
	w->rejects_shares = msg_get_u32(c);
	w->prevhash_ms = msg_get_u64(c);
	w->difficulty = msg_get_u32(c);
	w->disputes = msg_get_u32(c);
	w->unanswered = msg_get_u32(c);
	if (w->chain >= ADDRESS_NETS)
		c->bad = true;
}
