/*
 * Shares for the feed: each as it is verified, and once more with the pool's
 * answer.  For viewers only; whoever must have each share once reads the
 * store.
 */
#ifndef CAPTURED_SHARE_NEWS_H
#define CAPTURED_SHARE_NEWS_H

#include "captured/ingest.h"
#include "captured/store_share.h"
#include "common/record_share.h"

/* Shares whose answer is awaited, a slot for each by its position: of two that
 * are so far apart the older is not told again. */
#define NEWS_SLOTS 4096u

struct share_news {
	void (*fn)(void *, const struct share_rec *);
	/* A share was answered, and could not be told. */
	uint64_t lost;
	struct share_rec *slot; /* NULL: nobody listens */
};

/* fn NULL: nobody listens any more.  -1 without memory. */
int share_news_to(struct ingest *,
    void (*fn)(void *, const struct share_rec *));
void share_news_free(struct ingest *);

/* A share, of the message with which it came; and its answer. */
void share_news_seen(struct ingest *, const struct session *,
    const struct store_msg *, const struct verify_share *);
void share_news_answered(struct ingest *, uint64_t pos,
    const struct store_answer *);

#endif
