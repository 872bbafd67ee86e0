/*
 * Events on their way to the signer, and the signer itself; nostrd's and the
 * agent's alike.
 */
#ifndef NOSTRD_SIGN_H
#define NOSTRD_SIGN_H

#include <event2/event.h>

#include "common/nostr_pow.h"
#include "common/proc.h"

#define DRAFT_TAGS 10

/* An event that is being made. */
struct draft {
	struct nostr_event event;
	char text[DRAFT_TAGS][400]; /* values of its tags */
	unsigned ntext;
	struct mbuf content;
	unsigned pow; /* bits of proof of work that it gets */
	bool late;    /* which were not found in time */
	struct nostr_nonce nonce;
};

/* --- sign.c --- */
struct signer_link;
/* Done, with id, pubkey and signature filled; or failed. */
typedef void (*sign_done)(void *arg, struct draft *, bool ok);

struct signer_link *signer_link_new(void);
void signer_link_free(struct signer_link *);
void signer_link_attach(struct signer_link *, struct event_base *, int fd);
/* NULL while the signer is away. */
const uint8_t *signer_link_key(const struct signer_link *);
/* -1: away, or busy; else done is called later, unless it is forgotten. */
int sign_ask(struct signer_link *, struct draft *, sign_done, void *arg);
void sign_forget(struct signer_link *, const struct draft *);

/* NIP-44's conversation key with whom alerts are told; NULL: nobody. */
const uint8_t *signer_link_alerts(const struct signer_link *);

/* To the group, if there is one: the content is replaced.  0 or -1. */
int draft_encrypt(const struct signer_link *, struct draft *);
void draft_begin(struct draft *, uint32_t kind, int64_t created_at);
void draft_tag(struct draft *, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* --- signer.c --- */
const struct proc_role *signer_role(void);
/* Without a supervisor: serves fd, and ends the loop with it. */
int signer_alone(struct event_base *, int fd, const uint8_t secret[32],
    uint32_t kind);

#endif
