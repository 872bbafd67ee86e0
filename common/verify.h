/*
 * The verifier: the messages of one session in, a verdict on each share out.
 *
 * Every mining.submit is built into a block header and hashed; what the pool
 * should say of it is the verdict, why is the cause.  Pools differ in their
 * rules (stratum.md); where another pool's rule gives another verdict, the
 * verdict is not firm, and a pool that differs from it is not called wrong.
 *
 * Pure: time comes with the messages (nanoseconds of one clock that does not
 * run back), nothing waits, and memory is bounded whatever a peer sends.
 */
#ifndef COMMON_VERIFY_H
#define COMMON_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/answer.h"
#include "common/jtree.h"
#include "common/msg.h"
#include "common/stratum.h"
#include "common/work.h"

#define VERIFY_JOBS_MAX    64   /* of a session, retired ones among them */
#define VERIFY_WORKERS_MAX 64   /* names that are told apart */
#define VERIFY_EN_MAX      4    /* extranonce1 now, next and before */
#define VERIFY_SEEN_MAX    1024 /* shares that are surely known again */
#define VERIFY_BORDERLINE  1e-4 /* relative distance to the limit */

enum verify_verdict {
	VERDICT_VALID,
	VERDICT_LOW_DIFFICULTY,
	VERDICT_STALE,
	VERDICT_DUPLICATE,
	VERDICT_BAD_NTIME,
	VERDICT_BAD_EXTRANONCE2,
	VERDICT_BAD_VERSION,
	VERDICT_UNKNOWN_JOB,
	VERDICT_UNDECIDED,
	VERDICTS
};

/* Why; the names are stable (verify_cause_name). */
enum verify_cause {
	CAUSE_NONE,
	/* of valid shares and of low ones */
	CAUSE_BORDERLINE,     /* at the limit, by 1e-4 */
	CAUSE_IN_FLIGHT,      /* the difficulty changed behind the job */
	CAUSE_OLD_DIFFICULTY, /* reaches only the difficulty before */
	CAUSE_LOW,            /* reaches none */
	CAUSE_FORMULA,        /* valid with some of the formulas only */
	CAUSE_OLD_EXTRANONCE, /* valid with an extranonce1 of before */
	CAUSE_NEW_EXTRANONCE, /* valid with the one that is not in force yet */
	CAUSE_JOB_REUSED,     /* valid for an earlier job of the same id */
	CAUSE_WRONG_WORKER,   /* not the name that was authorized */
	CAUSE_NOT_AUTHORIZED, /* no name was, or the pool refused it */
	/* stale */
	CAUSE_STALE,           /* behind a clean job */
	CAUSE_OLD_BLOCK,       /* newer jobs build on another block */
	CAUSE_STALE_IN_FLIGHT, /* the clean job crossed with the share */
	CAUSE_DUPLICATE,
	/* bad ntime */
	CAUSE_NTIME_EARLY,
	CAUSE_NTIME_LATE,
	CAUSE_NTIME_ODD, /* no hex number */
	/* bad extranonce2 */
	CAUSE_EN2_LENGTH,
	CAUSE_EN2_ODD, /* no hex */
	/* bad version bits */
	CAUSE_BITS_OUTSIDE, /* of the mask */
	CAUSE_BITS_UNASKED, /* never negotiated */
	CAUSE_BITS_ODD,     /* no hex number */
	CAUSE_UNKNOWN_JOB,
	/* undecided */
	CAUSE_GAP,           /* bytes are missing that it hangs on */
	CAUSE_MALFORMED,     /* parameters of the submit */
	CAUSE_BAD_JOB,       /* the job itself cannot be read */
	CAUSE_JOB_LOST,      /* too many jobs to keep this one */
	CAUSE_NO_EXTRANONCE, /* none was seen, or none that is usable */
	CAUSE_NO_DIFFICULTY,
	CAUSES
};

/* Difficulties that a share reached. */
#define VERIFY_BY_JOB      0x01 /* the one when the job was sent */
#define VERIFY_BY_PRESENT  0x02
#define VERIFY_BY_PREVIOUS 0x04

/* How the extranonce2 was taken. */
enum verify_en2 {
	EN2_AS_SENT,
	EN2_PADDED, /* zeros on the right, as ckpool does */
	EN2_CUT,    /* on the right */
};

struct verify_share {
	uint8_t verdict; /* enum verify_verdict */
	uint8_t cause;   /* enum verify_cause */
	bool firm;       /* no pool's rules give another verdict */
	bool borderline;
	bool is_block;
	uint64_t ts;

	/* As sent. */
	char worker[STRATUM_TEXT_MAX + 1]; /* valid UTF-8 */
	char job_id[WORK_ID_MAX + 1];
	uint8_t bad_param; /* CAUSE_MALFORMED: which one, 1 is the first */
	bool has_bits;
	uint32_t ntime, nonce, bits;
	struct work_bytes en2; /* as taken */
	uint8_t en2_sent;      /* its bytes as sent; 255: more */
	uint8_t en2_size;      /* its bytes as the pool asks */
	uint8_t en2_form;      /* enum verify_en2 */

	/* The job; NULL if it is unknown.  Valid until the next message. */
	const struct work_job *job;
	uint64_t job_age; /* ns since it was sent */
	uint64_t late;    /* stale: ns since the job was retired */
	uint32_t mask;    /* version bits negotiated; 0 none */

	/* The header; valid when hashed. */
	bool hashed;
	uint8_t header[WORK_HEADER];
	uint8_t hash[32]; /* as SHA-256 gives it: reversed on display */
	uint32_t version; /* in the header */
	uint8_t formula;  /* enum work_formula that gave it */
	uint8_t formulas; /* bits 1 << enum work_formula: the valid ones */
	struct work_bytes en1;
	double reached; /* difficulty, of D1 = 0xFFFF * 2^208 */
	double job_difficulty, present, previous; /* required; 0: not known */
	uint8_t passed;                           /* VERIFY_BY_* */
};

struct verify;

/* NULL: no memory.  The store outlives it. */
struct verify *verify_new(struct work_store *);
void verify_free(struct verify *);
/* Bytes that it takes, without the jobs in the store. */
size_t verify_memory(const struct verify *);

/* A message; the tree is of its line, NULL if that was no JSON. */
struct verify_message {
	const struct stratum_msg *msg;
	const struct jtree *tree;
	uint64_t ts;
	bool to_miner;
	enum stratum_method answers; /* a response: to what */
};

/*
 * Take one message of either direction, in the order in which they passed.
 * True when it was a share, of which *share then tells.
 */
bool verify_message(struct verify *, const struct verify_message *,
    struct verify_share *);

/* Bytes of the pool's are missing: what follows from them is not known. */
void verify_gap(struct verify *);

/* The single events, for callers without lines.  Nodes are params, result. */
void verify_subscribed(struct verify *, const struct jtree *, uint32_t result);
void verify_configured(struct verify *, const struct jtree *, uint32_t result);
void verify_set_difficulty(struct verify *, double);
void verify_set_target(struct verify *, const struct jtree *, uint32_t params);
void verify_set_extranonce(struct verify *, const struct jtree *,
    uint32_t params);
void verify_set_version_mask(struct verify *, const struct jtree *,
    uint32_t params);
void verify_notify(struct verify *, const struct jtree *, uint32_t params,
    uint64_t ts);
/* The answer is matched by the hash of the request's id. */
void verify_authorize(struct verify *, const struct jtree *, uint32_t params,
    uint64_t id_hash);
void verify_authorized(struct verify *, uint64_t id_hash, bool ok);
void verify_submit(struct verify *, const struct jtree *, uint32_t params,
    uint64_t ts, struct verify_share *);

/* What the session knows now: 0 and NULL if it does not. */
double verify_difficulty(const struct verify *);
bool verify_mask(const struct verify *, uint32_t *mask);
const struct work_bytes *verify_extranonce1(const struct verify *,
    uint8_t *en2_size);
/* Job number i, the newest is 0; NULL behind the last (or it was not kept). */
const struct work_job *verify_job(const struct verify *, unsigned i,
    uint64_t *ts, bool *retired);
unsigned verify_jobs(const struct verify *);

/* --- the pool's answer --- */

enum verify_agreement {
	AGREE_UNANSWERED,
	AGREE_YES,
	AGREE_OTHER_REASON, /* it rejects it too, for something else */
	AGREE_OPEN,         /* it differs, and may */
	AGREE_POOL_ACCEPTS_INVALID,
	AGREE_POOL_REJECTS_VALID,
	AGREEMENTS
};

/* What is needed of a share when its answer comes. */
struct verify_brief {
	uint8_t verdict, cause;
	bool firm;
	double reached;
	double required; /* the highest that it passed, or the job's */
	uint64_t ts;
};

struct verify_judged {
	uint8_t agreement; /* enum verify_agreement */
	uint8_t cause;     /* the share's, or what the answer showed */
	/* This upstream acknowledged at least three shares that are invalid
	 * by any rule, and never rejected one. */
	bool acks_anything;
};

void verify_brief(const struct verify_share *, struct verify_brief *);
/* Call it once per answer; counts what the pool takes. */
void verify_answer(struct verify *, const struct verify_brief *,
    const struct answer *, struct verify_judged *);

/* --- kept over a restart --- */

/* Grows with every change of what verify_pack() writes but for the shares
 * seen. */
uint64_t verify_generation(const struct verify *);
/*
 * The state as bytes, with the shares seen or without; the jobs by their key.
 * They must be in the store when it is unpacked; one that is not makes its
 * shares undecided.
 */
void verify_pack(const struct verify *, struct mbuf *, bool seen);
/* NULL: no memory, or not what verify_pack() writes (the cursor is bad). */
struct verify *verify_unpack(struct work_store *, struct mcur *);
/* This share (its hash) has been there. */
void verify_seen(struct verify *, const uint8_t hash[32]);

/* --- in words --- */

const char *verify_verdict_name(enum verify_verdict);
const char *verify_cause_name(enum verify_cause);
const char *verify_agreement_name(enum verify_agreement);
const char *verify_en2_name(enum verify_en2);
/* The other way round; -1: no such name. */
int verify_verdict_find(const char *);
int verify_cause_find(const char *);
int verify_agreement_find(const char *);
/* One sentence; "" for a share that is plainly valid. */
void verify_sentence(const struct verify_share *, char *buf, size_t size);
/* The same of a cause alone, without numbers. */
const char *verify_cause_text(enum verify_cause);

#endif
