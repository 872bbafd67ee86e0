/*
 * The coinbase transaction that a pool hands out in two halves, with the
 * extranonces between them: what it says and whom it pays.
 */
#ifndef COMMON_COINBASE_H
#define COMMON_COINBASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/work.h"

#define COINBASE_OUTPUTS_MAX 64   /* that are kept; all are counted */
#define COINBASE_TAG_MAX     256  /* bytes of readable text */
#define COINBASE_ANY         (-1) /* the extranonces' length is not known */

enum coinbase_fault {
	COINBASE_SOUND,
	COINBASE_TOO_LONG,
	COINBASE_BAD_INPUT,  /* it is not one input without a source */
	COINBASE_BAD_SCRIPT, /* longer than it may be, or than there is */
	COINBASE_BAD_OUTPUT,
	COINBASE_BAD_END, /* it ends too early, or goes on */
	COINBASE_FAULTS
};

struct coinbase_output {
	uint64_t value;        /* satoshi */
	const uint8_t *script; /* into the struct */
	uint32_t script_len;
	uint8_t type; /* enum address_type */
	char address[ADDRESS_MAX];
};

/* Large, 40 KB: keep one. */
struct coinbase {
	uint8_t fault;  /* enum coinbase_fault; then only what came before */
	bool witness;   /* has the marker that it should not have here */
	bool in_script; /* the extranonces lie in the script, as usual */
	bool ambiguous; /* several lengths of the extranonces would do */
	int extranonce_len; /* both together, as given or as found */
	uint32_t version, sequence, locktime;
	int64_t height; /* BIP 34; -1: the script does not begin with one */
	uint32_t script_len;
	uint32_t script_at;             /* where it begins */
	char tag[COINBASE_TAG_MAX + 1]; /* its readable parts, valid UTF-8 */
	uint64_t total;                 /* satoshi */
	uint32_t outputs;
	uint32_t kept;
	bool has_commitment;
	uint8_t commitment[32]; /* BIP 141, as it is in the output */
	struct coinbase_output output[COINBASE_OUTPUTS_MAX];
	/* The transaction, zeros where the extranonces are. */
	uint32_t len;
	uint8_t bytes[WORK_COINBASE_MAX + 2 * WORK_EXTRANONCE_MAX];
};

/*
 * Take it apart.  en is the length of both extranonces together; with
 * COINBASE_ANY the one is looked for with which it is a whole transaction.
 * 0; -1 with the reason in fault.
 */
int coinbase_parse(struct coinbase *, const uint8_t *coinb1, size_t len1,
    const uint8_t *coinb2, size_t len2, int en, enum address_net);
const char *coinbase_fault_text(enum coinbase_fault);

#endif
