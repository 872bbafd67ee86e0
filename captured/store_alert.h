/*
 * Alerts, and what the watches know, in the store: both written in the
 * transaction of the messages that they came of (store.h).
 */
#ifndef CAPTURED_STORE_ALERT_H
#define CAPTURED_STORE_ALERT_H

#include "captured/store.h"
#include "common/record_alert.h"

#define ALERTS_KEPT     10000 /* ended ones; then the oldest go */
#define ALERTS_KEPT_AGE (INT64_C(400) * 86400 * 1000000)

/* Within the transaction. */
int store_alert(struct store *, const struct alert_rec *);
/* A state by its name; NULL: it goes. */
int store_watch(struct store *, const void *name, size_t len, uint64_t at,
    const void *state, size_t size);

/* At the start: the highest id, then the active ones, by id. */
int store_load_alerts(struct store *, uint64_t *last_id,
    int (*fn)(void *, const struct alert_rec *), void *);
/* The states by `at', ascending. */
int store_load_watches(struct store *,
    void (*fn)(void *, const void *name, size_t len, const void *state,
	size_t size),
    void *);

#endif
