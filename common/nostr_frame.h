/*
 * The frames between a client and a relay (NIP-01, NIP-42): those of a relay
 * read, ours written.  Pure.  Relays differ, so what is read is tolerant of
 * extra elements and unknown reasons, and of nothing else.
 */
#ifndef COMMON_NOSTR_FRAME_H
#define COMMON_NOSTR_FRAME_H

#include "common/nostr_event.h"

#define NOSTR_SUB_MAX  64  /* characters of a subscription's id */
#define NOSTR_TEXT_MAX 256 /* of a reason, a notice, a challenge, kept */
#define NOSTR_AUTHORS  64  /* of a filter */

enum nostr_type {
	NF_EVENT,
	NF_OK,
	NF_EOSE,
	NF_CLOSED,
	NF_NOTICE,
	NF_AUTH,
	NF_OTHER /* well-formed, of a type that we do not know */
};

/* What a relay means, by the machine-readable prefix, or by its words. */
enum nostr_reason {
	NR_NONE,
	NR_DUPLICATE,
	NR_POW,
	NR_BLOCKED,
	NR_RATE_LIMITED,
	NR_INVALID,
	NR_RESTRICTED,
	NR_MUTE,
	NR_ERROR,
	NR_AUTH_REQUIRED,
	NR_TOO_LARGE,
	NR_TOO_OLD,
	NR_UNKNOWN,
	NR_REASONS
};

struct nostr_frame {
	enum nostr_type type;
	char sub[NOSTR_SUB_MAX + 1]; /* EVENT, EOSE, CLOSED */
	uint8_t id[32];              /* OK */
	bool ok;                     /* OK */
	enum nostr_reason reason;    /* OK, CLOSED, NOTICE */
	char text[NOSTR_TEXT_MAX]; /* OK, CLOSED, NOTICE; AUTH: the challenge */
	uint32_t event;            /* EVENT: its node in the tree */
};

/*
 * One text frame, with the caller's tree, which the event of an EVENT stays
 * in.  -1: no JSON, no array, a member of the wrong type.
 */
int nostr_frame_parse(struct nostr_frame *, struct jtree *, const void *text,
    size_t len);
enum nostr_reason nostr_reason_of(const char *text);
const char *nostr_reason_name(enum nostr_reason);

struct nostr_filter {
	uint32_t kind[4];
	unsigned nkinds;
	uint8_t author[NOSTR_AUTHORS][32];
	unsigned nauthors;
	char tag_t[80]; /* "" any: the value of #t */
	int64_t since;  /* 0: not said */
	uint32_t limit; /* 0: not said */
};

/* Appended; whole frames. */
void nostr_put_event(struct mbuf *, const char *event, size_t len);
void nostr_put_auth(struct mbuf *, const char *event, size_t len);
void nostr_put_close(struct mbuf *, const char *sub);
/* Never an empty array: a list without members is left out. */
void nostr_put_req(struct mbuf *, const char *sub, const struct nostr_filter *);
/* Checked again here: relays ignore what they do not know. */
bool nostr_filter_matches(const struct nostr_filter *,
    const struct nostr_event *);

#endif
