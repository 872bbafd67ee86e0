/*
 * The verdicts on a share, the words and numbers that pools use for them,
 * and the shapes in which they say so.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/sim/sim_verdict.h"

/* The first text is what most pools say, the second is ckpool's. */
static const struct {
	const char *name;
	int code;
	const char *text, *ckpool;
} verdicts[SIM_VERDICTS] = {
	[SIM_ACCEPTED] = { "accepted", 0, "", "" },
	[SIM_STALE] = { "stale", 21, "Stale share", "Stale" },
	[SIM_UNKNOWN_JOB] = { "unknown-job", 21, "Job not found",
	    "Invalid JobID" },
	[SIM_DUPLICATE] = { "duplicate", 22, "Duplicate share", "Duplicate" },
	[SIM_LOW] = { "low-difficulty", 23, "Low difficulty share",
	    "Above target" },
	[SIM_NTIME] = { "bad-ntime", 20, "Ntime out of range",
	    "Ntime out of range" },
	[SIM_NONCE2] = { "bad-extranonce2", 20, "Invalid extranonce2 length",
	    "Invalid nonce2 length" },
	[SIM_VERSION] = { "bad-version", 20, "Version bits outside the mask",
	    "Invalid version mask" },
	[SIM_UNAUTHORIZED] = { "unauthorized", 24, "Unauthorized worker",
	    "Worker mismatch" },
	[SIM_UNSUBSCRIBED] = { "not-subscribed", 25, "Not subscribed",
	    "Not subscribed" },
	[SIM_MALFORMED] = { "malformed", 20, "Invalid parameters",
	    "Invalid array size" },
	[SIM_OTHER] = { "other", 20, "Other/Unknown", "Unknown" },
};

static const char *const shapes[] = { "array", "object", "ckpool", "string" };

const char *
sim_verdict_name(enum sim_verdict v)
{
	return verdicts[v].name;
}

int
sim_verdict_code(enum sim_verdict v)
{
	return verdicts[v].code;
}

const char *
sim_verdict_text(enum sim_verdict v, enum sim_shape s)
{
	return s == SIM_SHAPE_CKPOOL || s == SIM_SHAPE_STRING ?
	    verdicts[v].ckpool :
	    verdicts[v].text;
}

int
sim_shape_parse(const char *s, enum sim_shape *out)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (!strcmp(s, shapes[i])) {
			*out = (enum sim_shape)i;
			return 0;
		}
	return -1;
}

size_t
sim_verdict_print(enum sim_verdict v, enum sim_shape s, const char *id,
    size_t id_len, char *buf, size_t size)
{
	const char *text = sim_verdict_text(v, s);
	int n, il = (int)id_len;

	if (v == SIM_ACCEPTED)
		n = snprintf(buf, size,
		    "{\"id\":%.*s,\"result\":true,\"error\":null}\n", il, id);
	else if (s == SIM_SHAPE_CKPOOL)
		n = snprintf(buf, size,
		    "{\"reject-reason\":\"%s\",\"result\":false,\"error\":null,"
		    "\"id\":%.*s}\n",
		    text, il, id);
	else if (s == SIM_SHAPE_STRING)
		n = snprintf(buf, size,
		    "{\"id\":%.*s,\"result\":null,\"error\":\"%s\"}\n", il, id,
		    text);
	else if (s == SIM_SHAPE_OBJECT)
		n = snprintf(buf, size,
		    "{\"id\":%.*s,\"result\":null,\"error\":{\"code\":%d,"
		    "\"message\":\"%s\",\"data\":null}}\n",
		    il, id, verdicts[v].code, text);
	else
		n = snprintf(buf, size,
		    "{\"id\":%.*s,\"result\":null,\"error\":[%d,\"%s\",null]}\n",
		    il, id, verdicts[v].code, text);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static enum sim_verdict
verdict_of(const char *text, double code)
{
	for (int v = SIM_STALE; v < SIM_OTHER; v++)
		if (!strcasecmp(text, verdicts[v].text) ||
		    !strcasecmp(text, verdicts[v].ckpool))
			return (enum sim_verdict)v;
	for (int v = SIM_STALE; v < SIM_OTHER; v++)
		if (code != 20 && code == verdicts[v].code)
			return (enum sim_verdict)v;
	return SIM_OTHER;
}

enum sim_verdict
sim_verdict_read(const struct sim_tok *t, int resp)
{
	int err = sim_json_get(t, resp, "error"), text, num = -1;
	char buf[128] = "";
	double code = 0;

	if (sim_json_true(t, sim_json_get(t, resp, "result")))
		return SIM_ACCEPTED;
	if (err >= 0 && t[err].type == SIM_ARRAY) {
		num = sim_json_at(t, err, 0);
		text = sim_json_at(t, err, 1);
	} else if (err >= 0 && t[err].type == SIM_OBJECT) {
		num = sim_json_get(t, err, "code");
		text = sim_json_get(t, err, "message");
	} else if (err >= 0 && t[err].type == SIM_STRING) {
		text = err;
	} else {
		text = sim_json_get(t, resp, "reject-reason");
	}
	if (sim_json_str(t, text, buf, sizeof(buf)) == -1)
		buf[0] = '\0';
	if (sim_json_num(t, num, &code) == -1)
		code = 0;
	return verdict_of(buf, code);
}
