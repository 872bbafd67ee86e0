/*
 * What a relay says of itself (NIP-11): its limits, as far as they are of use
 * here.  Every member is optional, and some relays say what is not so: it is
 * advice, and what they answer to events counts.  Pure.
 */
#ifndef COMMON_NOSTR_INFO_H
#define COMMON_NOSTR_INFO_H

#include "common/jtree.h"

#define NOSTR_INFO_MAX 65536u /* bytes that are looked at */

/* 0: not said. */
struct nostr_info {
	bool known;                        /* there was such a document */
	uint32_t message_max, content_max; /* bytes, characters */
	uint32_t tags_max;                 /* of an event */
	uint8_t pow;                       /* bits */
	bool auth, payment;                /* required */
};

/* -1: no JSON object.  A member of a wrong type or size is none. */
int nostr_info_parse(struct nostr_info *, struct jtree *, const char *text,
    size_t len);

#endif
