/*
 * A message in plain words: each value by name with its unit and what it
 * means, one sentence for the whole, and notes on whatever is odd.
 *
 * Pure and bounded; what is missing, of another type or unknown is named,
 * and nothing is made up for it.
 */
#ifndef COMMON_EXPLAIN_H
#define COMMON_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/json.h"
#include "common/jtree.h"
#include "common/stratum.h"
#include "common/verify.h"

#define EXPLAIN_FIELDS 256
#define EXPLAIN_NOTES  32
#define EXPLAIN_TEXT   (192u << 10) /* bytes of all the texts together */

/* All texts are valid UTF-8; those that are not known are "". */
struct explain_field {
	const char *name; /* "ntime", "output[0].address" */
	const char *value;
	const char *unit;    /* "BTC", "s", "hex", … */
	const char *meaning; /* a phrase */
};

/* Large: keep one. */
struct explain {
	const char *title;   /* what it is: "mining.notify, a new job" */
	const char *summary; /* a sentence */
	unsigned fields, notes;
	bool full; /* something did not fit */
	struct explain_field field[EXPLAIN_FIELDS];
	const char *note[EXPLAIN_NOTES];
	size_t used;
	char text[EXPLAIN_TEXT];
	struct coinbase *coinbase; /* room for one */
};

struct explain *explain_new(void); /* NULL: no memory */
void explain_free(struct explain *);

struct explain_input {
	const struct stratum_msg *msg;
	const struct jtree *tree; /* of the line; NULL: no JSON */
	const char *line;
	size_t len;
	bool to_miner;
	enum stratum_method answers; /* of a response: to what; or M_NONE */
	enum address_net net;
	/* Where it is known: the verdict on this submit, and the length of both
	 * extranonces together (0: not known). */
	const struct verify_share *share;
	unsigned extranonce_len;
	const char *agent; /* the miner's software, or NULL */
	/* What the caller has to add: notes, each a phrase. */
	const char *const *more;
	unsigned n_more;
};

/* Never fails: what cannot be explained says so. */
void explain_message(struct explain *, const struct explain_input *);

/*
 * As JSON: {"title", "summary", "text", "fields": [{"name", "value", "unit",
 * "meaning"}], "notes": [], "complete"}.  text is all of it in words, as the
 * caller has it.  Without the fields it is not complete.
 */
void explain_json(const struct explain *, const char *text, bool fields,
    struct json_out *);
/*
 * The sentence, and the notes behind it, as one text in UTF-8, cut as
 * explain_text() does it.
 */
size_t explain_words(const struct explain *, char *buf, size_t cap);
/*
 * As lines of text, ASCII, each with an LF, NUL-terminated; cut off at cap
 * bytes (at least 1).  Returns the length of the whole, as snprintf(3) does.
 */
size_t explain_text(const struct explain *, char *buf, size_t cap);

#endif
