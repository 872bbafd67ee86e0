/*
 * A session whose shares are made to order, and what a verdict is checked
 * against.  Hashed by the simulators' own code.
 */
#ifndef TESTS_UNIT_VERIFYRIG_H
#define TESTS_UNIT_VERIFYRIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"
#include "tests/sim/sim_work.h"
#include "tests/unit/verifylib.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MS   UINT64_C(1000000)
#define DIFF 1e-5
#define MASK 0x1fffe000u

struct rig {
	struct vl l;
	struct sim_job job;
	struct sim_nonce en1;
	uint64_t ts;
	unsigned id;
	/* Of the share that share() makes. */
	struct sim_nonce en2;
	uint32_t version, ntime, nonce, bits;
	bool has_bits;
	double least, most; /* difficulty that it shall have */
};

#define ACCEPT       "\"result\":true,\"error\":null"
#define REJECT(text) "\"result\":null,\"error\":[20,\"" text "\",null]"
#define SENTENCE(s, text)                                   \
	do {                                                \
		char words_[600];                           \
		verify_sentence(s, words_, sizeof(words_)); \
		assert_string_equal(words_, text);          \
	} while (0)

void new_job(struct rig *r, const char *id);
void notify(struct rig *r, bool clean);
void difficulty(struct rig *r, double d);
void authorize(struct rig *r, const char *worker, bool ok);
void subscribe(struct rig *r, const char *en1, unsigned size);
void configure(struct rig *r, const char *result);
void rig_bare(struct rig *r);
void rig_init(struct rig *r);
void rig_free(struct rig *r);
void negotiate(struct rig *r);
void mine(struct rig *r, const struct sim_job *job,
    const struct sim_nonce *en1);
const struct verify_share *submit(struct rig *r);
const struct verify_share *share(struct rig *r);
void answer(struct rig *r, const char *rest);
void check(const struct verify_share *s, enum verify_verdict verdict,
    enum verify_cause cause, bool firm);
void set_extranonce(struct rig *r, const char *en1, unsigned size);
/* As after a restart: packed, and unpacked into a new one. */
void restart(struct vl *l);

#endif
