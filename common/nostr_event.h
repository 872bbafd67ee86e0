/*
 * A Nostr event (NIP-01): read from hostile JSON, written, and its id, which
 * is the SHA-256 of one exact serialisation.  Pure; signatures are
 * nostr_key.h's.
 */
#ifndef COMMON_NOSTR_EVENT_H
#define COMMON_NOSTR_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/jtree.h"
#include "common/msg.h"

#define NOSTR_EVENT_MAX         131072u /* bytes of JSON; more is not looked at */
#define NOSTR_TAGS              64u     /* of an event */
#define NOSTR_ITEMS             256u    /* of all its tags */

/* NIP-01: these are passed on and not kept. */
#define NOSTR_EPHEMERAL(kind)   ((kind) >= 20000 && (kind) < 30000)
#define NOSTR_ADDRESSABLE(kind) ((kind) >= 30000 && (kind) < 40000)
#define NOSTR_KIND_AUTH         22242u

struct nostr_str {
	const char *s; /* may hold a NUL */
	size_t len;
};

struct nostr_tag {
	uint16_t first, n; /* of item[] */
};

/* About 6 KB.  The strings lie in somebody else's memory. */
struct nostr_event {
	uint8_t id[32], pubkey[32], sig[64];
	int64_t created_at; /* seconds since 1970 */
	uint32_t kind;
	uint32_t ntags, nitems;
	struct nostr_tag tag[NOSTR_TAGS];
	struct nostr_str item[NOSTR_ITEMS];
	struct nostr_str content;
};

/*
 * The object at node, whose strings are copied without their escapes into
 * room; as many bytes as the tree's text will always do.  -1: a member that
 * is missing or of the wrong type, hex in upper case, a number out of range,
 * a string that is no UTF-8 or has half a surrogate pair (its id could not
 * be known), more tags than fit.  Extra members are not looked at.  Neither
 * id nor signature is checked.
 */
int nostr_event_parse(struct nostr_event *, const struct jtree *, uint32_t node,
    char *room, size_t cap);

/* The id that it must have, from pubkey, created_at, kind, tags, content. */
void nostr_event_id(const struct nostr_event *, uint8_t id[32]);
/* The serialisation itself; mbuf.bad is the only error. */
void nostr_event_serialise(const struct nostr_event *, struct mbuf *);
/* The event as a JSON object, appended. */
void nostr_event_put(const struct nostr_event *, struct mbuf *);
/* The same without a signature: NIP-59's rumours have none. */
void nostr_rumor_put(const struct nostr_event *, struct mbuf *);
/* A string with quotes and NIP-01's escapes, appended. */
void nostr_string_put(struct mbuf *, const char *, size_t len);

/* --- tags --- */

/* Begins anew, without tags. */
void nostr_event_init(struct nostr_event *, uint32_t kind, int64_t created_at);
/* A tag of name and one value, which must live on; -1: it does not fit. */
int nostr_tag_add(struct nostr_event *, const char *name, const char *value);
/* The first value of the i-th tag of that name; NULL if there is none. */
const struct nostr_str *nostr_tag_find(const struct nostr_event *,
    const char *name, unsigned i);
/* There is a tag of that name whose first value is this. */
bool nostr_tag_has(const struct nostr_event *, const char *name,
    const char *value);
/* NIP-40: 0 none, -1 one that is no number (as good as expired). */
int64_t nostr_event_expiration(const struct nostr_event *);

#endif
