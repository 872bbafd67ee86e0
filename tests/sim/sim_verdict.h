/*
 * The verdicts on a share, the words and numbers that pools use for them,
 * and the shapes in which they say so.
 */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include <stddef.h>

#include "tests/sim/sim_json.h"

enum sim_verdict {
	SIM_ACCEPTED,
	SIM_STALE,
	SIM_UNKNOWN_JOB,
	SIM_DUPLICATE,
	SIM_LOW,
	SIM_NTIME,
	SIM_NONCE2,
	SIM_VERSION,
	SIM_UNAUTHORIZED,
	SIM_UNSUBSCRIBED,
	SIM_MALFORMED,
	SIM_OTHER, /* an error that no row of the table names */
	SIM_VERDICTS
};

enum sim_shape {
	SIM_SHAPE_ARRAY,  /* "error":[23,"Low difficulty share",null] */
	SIM_SHAPE_OBJECT, /* "error":{"code":23,"message":...,"data":null} */
	SIM_SHAPE_CKPOOL, /* "reject-reason":"Above target","result":false */
	SIM_SHAPE_STRING, /* "result":null,"error":"Above target" */
};

/* Name for logs and summaries: "accepted", "low-difficulty", ... */
const char *sim_verdict_name(enum sim_verdict);
/* The number of a pool's error: 20 to 25; 0 for accepted. */
int sim_verdict_code(enum sim_verdict);
const char *sim_verdict_text(enum sim_verdict, enum sim_shape);
int sim_shape_parse(const char *, enum sim_shape *);

/* The answer's line with LF; id as it was written. Length, 0: too small. */
size_t sim_verdict_print(enum sim_verdict, enum sim_shape, const char *id,
    size_t id_len, char *buf, size_t size);
/* Of a response in any of the shapes: by its text first, then its code. */
enum sim_verdict sim_verdict_read(const struct sim_tok *, int response);

#endif
