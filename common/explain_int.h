/*
 * How the explanations are put together.  Private to the explain files.
 *
 *	explain.c	the message as a whole, the tools of all
 *	explain_miner.c	what miners send
 *	explain_pool.c	what pools send
 *	explain_job.c	mining.notify, and the coinbase in it
 *	explain_answer.c	responses
 *	explain_out.c	as JSON and as text
 */
#ifndef COMMON_EXPLAIN_INT_H
#define COMMON_EXPLAIN_INT_H

#include "common/coinbase.h"
#include "common/explain.h"

/* One message being explained: params or result are what it is about. */
struct explaining {
	struct explain *e;
	const struct explain_input *in;
	const struct jtree *t;
	uint32_t root, params;
};

#define PRINTF(f, a) __attribute__((format(printf, f, a)))

void ex_title(struct explain *, const char *fmt, ...) PRINTF(2, 3);
void ex_summary(struct explain *, const char *fmt, ...) PRINTF(2, 3);
void ex_note(struct explain *, const char *fmt, ...) PRINTF(2, 3);
/* A field; name may be made of parts too, so it is copied. */
void ex_field(struct explain *, const char *name, const char *unit,
    const char *meaning, const char *fmt, ...) PRINTF(5, 6);

/*
 * Values out of the tree.  Each gives a field when there is one, and a note
 * when it is missing or of another type; what it is then becomes the field's
 * value as it is written.  They return true when it was as it should be.
 */
bool ex_str(struct explaining *, uint32_t node, const char *name,
    const char *meaning);
bool ex_number(struct explaining *, uint32_t node, const char *name,
    const char *unit, const char *meaning, double *out);
/* A hex number of up to 8 digits. */
bool ex_u32(struct explaining *, uint32_t node, const char *name,
    const char *meaning, uint32_t *out);
/* Hex bytes; *bytes is their number. */
bool ex_hex(struct explaining *, uint32_t node, const char *name,
    const char *meaning, size_t *bytes);
bool ex_time(struct explaining *, uint32_t node, const char *meaning,
    uint32_t *out);
/* A target of 64 hex digits, also as a difficulty. */
void ex_target(struct explaining *, uint32_t node);
/* The value as it is written, whatever it is; nothing if there is none. */
void ex_raw(struct explaining *, uint32_t node, const char *name,
    const char *meaning);
/* Says that a value is missing or is not what was wanted, and shows it. */
void ex_odd(struct explaining *, uint32_t node, const char *name,
    const char *wanted);
/* Parameters from number n on, which nobody knows. */
void ex_extra(struct explaining *, uint32_t n);
/* A short string for a sentence, "" if it is none. */
const char *ex_short(struct explaining *, uint32_t node, char buf[256]);
uint32_t ex_param(const struct explaining *, uint32_t i);

/* Seconds since 1970 as "2026-11-21 12:00:00 UTC". */
const char *ex_clock(uint32_t, char buf[32]);
/* A difficulty with its unit's prefix: "126.98 T". */
const char *ex_difficulty(double, char buf[32]);

typedef void explain_fn(struct explaining *);

/* NULL: no explanation of its own. */
explain_fn *explain_miner_fn(enum stratum_method);
explain_fn *explain_pool_fn(enum stratum_method);
explain_fn explain_notify;
explain_fn explain_response;
void explain_share(struct explain *, const struct verify_share *);

#endif
