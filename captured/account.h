/*
 * What a session earns and how it speaks: its account (common/record.h) as
 * messages, shares and answers come, and for whom they count in the
 * roll-ups.
 */
#ifndef CAPTURED_ACCOUNT_H
#define CAPTURED_ACCOUNT_H

#include "captured/ingest.h"
#include "captured/store_share.h"

/* Whom this session's messages count for; ts as in a message. */
const uint32_t *account_who(struct ingest *, struct session *, uint64_t ts);
/* A name of it is another now. */
void account_renamed(struct session *);
/* A worker was authorized by this name. */
void account_worker(struct session *, const char *name);

/* A message that was collected, before it is paired: what is odd in it. */
void account_message(struct ingest *, struct session *, unsigned d,
    const struct line *, uint64_t pos, const struct pair_answer *request);
void account_share(struct ingest *, struct session *, uint64_t pos,
    const struct verify_share *, const struct verify_brief *);
void account_answer(struct ingest *, struct session *,
    const struct store_answer *);

#endif
