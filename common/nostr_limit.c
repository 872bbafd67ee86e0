/*
 * What an event for a relay may hold, and the work that it gets: by the
 * configuration, by what the relay says of itself, and by what it refused.
 */
#include <stdio.h>

#include "common/nostr_publish.h"

/* An event's frame beside its content: id, key, signature, tags. */
#define AROUND      2048u
#define BYTES_LEAST 1024u
/* Blocks of SHA-256 that a proof of work may take, as a power of two. */
#define POW_WORK    24

/*
 * Of what relays say of their limits some is not so: less than an event can
 * do with is not believed.  A proof of work is over the whole event, so the
 * more bits, the less may be in it.
 */
void
pub_limit(struct publisher *p)
{
	size_t most = p->conf.bytes, limit;
	const struct nostr_info *i = &p->info;
	unsigned pow = pub_pow(p);

	/* In a frame there are backslashes besides; and base64, padded. */
	limit = i->message_max > AROUND ? (i->message_max - AROUND) / 3 * 2 : 0;
	if (limit >= BYTES_LEAST && limit < most)
		most = limit;
	limit = p->conf.encrypted ? i->content_max / 3 * 2 : i->content_max;
	if (limit >= BYTES_LEAST && limit < most)
		most = limit;
	limit = pow == 0 || pow > POW_WORK ? BYTES_LEAST :
					     (size_t)64 << (POW_WORK - pow);
	if (pow > 0 && limit < most)
		most = limit < BYTES_LEAST ? BYTES_LEAST : limit;
	p->bytes = most;
}

/* --- proof of work --- */

unsigned
pub_pow(const struct publisher *p)
{
	/* One that wants too much is asked again without, now and then:
	 * perhaps it wants less by now. */
	return p->pow > p->conf.pow ? 0 : p->pow;
}

void
pub_set_pow(struct publisher *p, uint64_t now, unsigned bits)
{
	p->pow = bits;
	pub_limit(p);
	if (bits <= p->conf.pow)
		return;
	snprintf(p->reason, sizeof(p->reason),
	    "it wants %u bits of proof of work, of which %u are configured "
	    "at most",
	    bits, p->conf.pow);
	p->blocked_until = now + p->conf.blocked_ms;
}

void
pub_pow_failed(struct publisher *p, uint64_t now)
{
	snprintf(p->reason, sizeof(p->reason),
	    "%u bits of proof of work, which it wants, take too long", p->pow);
	p->blocked_until = now + p->conf.blocked_ms;
}

void
pub_info(struct publisher *p, uint64_t now, const struct nostr_info *info)
{
	p->info = *info;
	if (info->pow > p->pow)
		pub_set_pow(p, now, info->pow);
	pub_limit(p);
}
