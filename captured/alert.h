/*
 * The alerts that are active, and those that have ended since the last
 * commit.  Raised again, an alert is the same one: it is counted, not
 * doubled.  No I/O: what has changed is taken up by watching.c.
 */
#ifndef CAPTURED_ALERT_H
#define CAPTURED_ALERT_H

#include <sys/queue.h>

#include "common/record_alert.h"

#define ALERTS_MAX      256 /* active at one time */
#define ALERTS_KIND_MAX 64  /* of one kind; more are counted, not raised */

/* Whom an alert is about; NULL where it does not apply. */
struct alert_at {
	const char *pool;
	const char *worker;
	const uint8_t *session; /* 16 bytes */
	uint64_t pos;
};

struct alert {
	TAILQ_ENTRY(alert) entry;
	struct alert_rec rec;
	uint64_t seen; /* the watches' clock, ns, when it was last raised */
	uint64_t hold; /* it ends when it was not raised for so long; 0 never */
	bool dirty;    /* the store has another */
	bool news;     /* its beginning was not told */
	bool told;     /* its end was */
};
TAILQ_HEAD(alert_list, alert);

struct alerts {
	struct alert_list active;
	struct alert_list over; /* ended, not taken up yet */
	unsigned n, of_kind[ALERT_KINDS];
	uint64_t now;    /* the watches' clock, ns */
	int64_t real_us; /* of the message that is being looked at */
	uint64_t next_id;
	uint64_t started, ended, dropped;
};

void alerts_init(struct alerts *);
void alerts_clear(struct alerts *);

/*
 * The active one of that kind and subject.  Kinds that are about a session
 * (alert_by_session) are told apart by it.
 */
struct alert *alert_find(const struct alerts *, enum alert_kind,
    const struct alert_at *);
bool alert_by_session(enum alert_kind);
/* Begins it, or counts it once more; hold in ns. */
struct alert *alert_raise(struct alerts *, enum alert_kind,
    const struct alert_at *, uint64_t hold, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* NULL is fine. */
void alert_end(struct alerts *, struct alert *);
/* Ends those that were not raised for their hold. */
void alerts_expire(struct alerts *);
/* One that was active before the start. */
int alert_restore(struct alerts *, const struct alert_rec *, uint64_t hold);
/* Ended and taken up: gone. */
void alert_forget(struct alerts *, struct alert *);

#endif
