/*
 * What came lately, kept until the store surely has it.  An object becomes
 * JSON when the first client wants it, and once for all of them.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/ws_int.h"
#include "common/object.h"
#include "common/object_share.h"

#define RING_ITEMS 32768
#define RING_BYTES (48u << 20)

int
ring_init(struct ring *r, bool messages, struct json_out *out)
{
	memset(r, 0, sizeof(*r));
	r->messages = messages;
	r->out = out;
	r->cap = RING_ITEMS;
	r->v = calloc(r->cap, sizeof(struct item *));
	return r->v == NULL ? -1 : 0;
}

struct item *
ring_at(const struct ring *r, unsigned i)
{
	return r->v[(r->head + i) % r->cap];
}

static void
item_free(struct ring *r, struct item *it)
{
	r->bytes -= sizeof(*it) + it->len + it->json_len;
	free(it->json);
	free(it);
}

static void
drop_first(struct ring *r)
{
	struct item *it = ring_at(r, 0);

	r->prev = it->seq;
	item_free(r, it);
	r->head = (r->head + 1) % r->cap;
	r->n--;
}

void
ring_clear(struct ring *r, uint64_t prev)
{
	while (r->n > 0)
		drop_first(r);
	r->prev = r->last = prev;
}

void
ring_free(struct ring *r)
{
	ring_clear(r, 0);
	free(r->v);
}

void
ring_add(struct ring *r, uint64_t seq, uint64_t pos, const void *rec,
    size_t len)
{
	struct item *it = malloc(sizeof(*it) + len);

	if (it == NULL) {
		/* As if it had not come: who wants it asks the store. */
		ring_clear(r, seq);
		return;
	}
	*it = (struct item){ .seq = seq, .pos = pos, .len = (uint32_t)len };
	memcpy(it->rec, rec, len);
	while (r->n > 0 && (r->n == r->cap || r->bytes > RING_BYTES))
		drop_first(r);
	r->v[(r->head + r->n++) % r->cap] = it;
	r->bytes += sizeof(*it) + len;
	r->last = seq;
}

void
ring_cut(struct ring *r, uint64_t to)
{
	while (r->n > 0 && ring_at(r, r->n - 1)->seq > to)
		item_free(r, ring_at(r, --r->n));
	if (r->last > to)
		r->last = to;
	if (r->prev > to)
		r->prev = to;
}

unsigned
ring_after(const struct ring *r, uint64_t seq)
{
	unsigned lo = 0, hi = r->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ring_at(r, mid)->seq <= seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct item *
ring_find(const struct ring *r, uint64_t seq)
{
	unsigned i = seq == 0 ? r->n : ring_after(r, seq - 1);

	return i < r->n && ring_at(r, i)->seq == seq ? ring_at(r, i) : NULL;
}

const char *
item_json(struct ring *r, struct item *it)
{
	struct message_rec m;
	struct share_rec s;
	struct mcur cur;
	const char *text;
	size_t len;

	if (it->json != NULL)
		return it->json;
	mcur_init(&cur, it->rec, it->len);
	json_reset(r->out);
	if (r->messages) {
		message_get(&cur, &m);
		object_message(r->out, &m);
	} else {
		share_get(&cur, &s);
		object_share(r->out, &s);
	}
	text = json_finish(r->out, &len);
	if (text == NULL || (it->json = malloc(len + 1)) == NULL)
		return NULL;
	memcpy(it->json, text, len + 1);
	it->json_len = (uint32_t)len;
	r->bytes += len;
	return it->json;
}
