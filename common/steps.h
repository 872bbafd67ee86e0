/*
 * A share verified again, step by step, for those who want to see it: from the
 * job and what is kept of the share to coinbase, Merkle root, header, hash, and
 * what each rule says of them.
 *
 * Pure; what cannot be computed again says why and is not guessed.
 */
#ifndef COMMON_STEPS_H
#define COMMON_STEPS_H

#include "common/json.h"
#include "common/record_share.h"
#include "common/work.h"

/* One way to put the version bits into the header. */
struct steps_formula {
	uint32_t version;
	uint8_t hash[32];
	double reached;
	bool reaches; /* a difficulty that may be asked */
	bool used;    /* it is the share's */
};

struct steps {
	const char *why;      /* it is not possible; NULL: it is */
	uint8_t coinbase[32]; /* its hash */
	uint8_t branches;
	uint8_t root[WORK_BRANCHES_MAX][32]; /* behind each branch */
	uint8_t merkle[32];
	uint8_t header[WORK_HEADER];
	uint8_t hash[32];
	bool same; /* hash and version are those that were found first */
	double reached;
	uint8_t passed; /* VERIFY_BY_* */
	bool is_block;
	unsigned formulas; /* 0 without version bits */
	struct steps_formula formula[WORK_FORMULAS];
};

/* The job is that of the share; NULL: it is not known any more. */
void steps_make(struct steps *, const struct share_rec *,
    const struct work_job *);
/* As a JSON object. */
void steps_json(struct json_out *, const struct steps *,
    const struct share_rec *, const struct work_job *);

#endif
