/*
 * The pool's verdicts: shapes, words, numbers (stratum.md, "Errors").
 */
#include <stddef.h>
#include <string.h>

#include "common/answer.h"
#include "common/utf8.h"

/*
 * Words that name a reason, in lower case, '-' and '_' as blanks.  The first
 * one that occurs counts, so the narrow come before the wide.
 */
static const struct {
	const char *words;
	enum answer_reason reason;
} by_text[] = {
	{ "duplicate", ANSWER_R_DUPLICATE },
	{ "no nonce", ANSWER_R_MALFORMED },
	{ "no ntime", ANSWER_R_MALFORMED },
	{ "no job id", ANSWER_R_MALFORMED },
	{ "no username", ANSWER_R_MALFORMED },
	{ "array size", ANSWER_R_MALFORMED },
	{ "not array", ANSWER_R_MALFORMED },
	{ "parameter", ANSWER_R_MALFORMED },
	{ "params", ANSWER_R_MALFORMED },
	{ "malformed", ANSWER_R_MALFORMED },
	{ "unknown method", ANSWER_R_MALFORMED },
	{ "worker mismatch", ANSWER_R_WORKER },
	{ "unauthori", ANSWER_R_UNAUTHORIZED },
	{ "not authori", ANSWER_R_UNAUTHORIZED },
	{ "invalid worker", ANSWER_R_UNAUTHORIZED },
	{ "invalid user", ANSWER_R_UNAUTHORIZED },
	{ "not subscribed", ANSWER_R_UNSUBSCRIBED },
	{ "unsubscribed", ANSWER_R_UNSUBSCRIBED },
	{ "banned", ANSWER_R_BANNED },
	{ "stale", ANSWER_R_STALE },
	{ "job not found", ANSWER_R_UNKNOWN_JOB },
	{ "unknown job", ANSWER_R_UNKNOWN_JOB },
	{ "unknown work", ANSWER_R_UNKNOWN_JOB },
	{ "invalid job", ANSWER_R_UNKNOWN_JOB },
	{ "no such job", ANSWER_R_UNKNOWN_JOB },
	{ "nonce2", ANSWER_R_EXTRANONCE2 },
	{ "extranonce", ANSWER_R_EXTRANONCE2 },
	{ "nonce prefix", ANSWER_R_EXTRANONCE2 },
	{ "version", ANSWER_R_VERSION },
	{ "ntime", ANSWER_R_NTIME },
	{ "time too", ANSWER_R_NTIME },
	{ "time out of", ANSWER_R_NTIME },
	{ "timestamp", ANSWER_R_NTIME },
	{ "low diff", ANSWER_R_LOW_DIFFICULTY },
	{ "diff too low", ANSWER_R_LOW_DIFFICULTY },
	{ "difficulty too low", ANSWER_R_LOW_DIFFICULTY },
	{ "low share", ANSWER_R_LOW_DIFFICULTY },
	{ "above target", ANSWER_R_LOW_DIFFICULTY },
	{ "high hash", ANSWER_R_LOW_DIFFICULTY },
	{ "h not zero", ANSWER_R_LOW_DIFFICULTY },
	{ "internal", ANSWER_R_INTERNAL },
};

static const struct {
	int64_t code;
	enum answer_reason reason;
	const char *text;
} by_code[] = {
	{ 20, ANSWER_R_OTHER, "other" },
	{ 21, ANSWER_R_UNKNOWN_JOB, "job not found or stale" },
	{ 22, ANSWER_R_DUPLICATE, "duplicate share" },
	{ 23, ANSWER_R_LOW_DIFFICULTY, "low difficulty" },
	{ 24, ANSWER_R_UNAUTHORIZED, "unauthorized worker" },
	{ 25, ANSWER_R_UNSUBSCRIBED, "not subscribed" },
	{ 26, ANSWER_R_MALFORMED, "illegal method (btcpool)" },
	{ 27, ANSWER_R_MALFORMED, "illegal parameters (btcpool)" },
	{ 28, ANSWER_R_BANNED, "banned (btcpool)" },
	{ 29, ANSWER_R_UNAUTHORIZED, "invalid user name (btcpool)" },
	{ 30, ANSWER_R_INTERNAL, "internal error (btcpool)" },
	{ 31, ANSWER_R_NTIME, "time too old (btcpool)" },
	{ 32, ANSWER_R_NTIME, "time too new (btcpool)" },
	{ 33, ANSWER_R_VERSION, "bits outside the version mask (btcpool)" },
	{ 34, ANSWER_R_OTHER, "invalid solution (btcpool)" },
	{ 35, ANSWER_R_EXTRANONCE2, "wrong nonce prefix (btcpool)" },
	{ 36, ANSWER_R_UNKNOWN_JOB, "job not found (btcpool)" },
	{ 37, ANSWER_R_STALE, "stale share (btcpool)" },
	{ -3, ANSWER_R_MALFORMED, "unknown method" },
};

static void
normalise(const char *text, char out[ANSWER_TEXT_MAX + 1])
{
	size_t i;
	char c;

	for (i = 0; i < ANSWER_TEXT_MAX && text[i] != '\0'; i++) {
		c = text[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		out[i] = c == '-' || c == '_' ? ' ' : c;
	}
	out[i] = '\0';
}

enum answer_reason
answer_reason(const char *text, bool has_code, int64_t code)
{
	char words[ANSWER_TEXT_MAX + 1];
	size_t i;

	normalise(text, words);
	for (i = 0; i < sizeof(by_text) / sizeof(by_text[0]); i++)
		if (strstr(words, by_text[i].words) != NULL)
			return by_text[i].reason;
	for (i = 0; has_code && i < sizeof(by_code) / sizeof(by_code[0]); i++)
		if (by_code[i].code == code)
			return by_code[i].reason;
	return ANSWER_R_OTHER;
}

const char *
answer_code_text(int64_t code)
{
	size_t i;

	for (i = 0; i < sizeof(by_code) / sizeof(by_code[0]); i++)
		if (by_code[i].code == code)
			return by_code[i].text;
	return NULL;
}

static void
take_text(const struct jtree *t, uint32_t node, struct answer *a)
{
	char buf[4 * ANSWER_TEXT_MAX];
	size_t len;
	const char *raw;
	long n = jtree_str(t, node, buf, sizeof(buf));

	if (n >= 0)
		utf8_copy(a->text, sizeof(a->text), buf, (size_t)n);
	else if (jtree_is(t, node, J_STRING)) {
		/* Too long for its escapes to be looked at. */
		raw = jtree_raw(t, node, &len);
		utf8_copy(a->text, sizeof(a->text), raw + 1, len - 2);
	}
}

static void
take_code(const struct jtree *t, uint32_t node, struct answer *a)
{
	a->has_code = jtree_int(t, node, &a->code) == 0;
}

static void
take_error(const struct jtree *t, uint32_t e, struct answer *a)
{
	switch (jtree_type(t, e)) {
	case J_NONE:
	case J_NULL:
	case J_FALSE:
		break;
	case J_ARRAY:
		a->shape = ANSWER_S_ARRAY;
		take_code(t, jtree_item(t, e, 0), a);
		take_text(t, jtree_item(t, e, 1), a);
		break;
	case J_OBJECT:
		a->shape = ANSWER_S_OBJECT;
		take_code(t, jtree_member(t, e, "code"), a);
		take_text(t, jtree_member(t, e, "message"), a);
		break;
	case J_STRING:
		a->shape = ANSWER_S_STRING;
		take_text(t, e, a);
		break;
	case J_NUMBER:
	case J_TRUE:
		a->shape = ANSWER_S_OTHER;
		take_code(t, e, a);
		break;
	}
}

static void
take_reject(const struct jtree *t, struct answer *a)
{
	uint32_t r = jtree_member(t, jtree_root(t), "reject-reason");

	if (a->shape != ANSWER_S_NONE || jtree_is(t, r, J_NONE) ||
	    jtree_is(t, r, J_NULL))
		return;
	a->shape = ANSWER_S_REJECT;
	take_text(t, r, a);
}

/*
 * A result of true with an error beside it contradicts itself; a null result
 * without any error says nothing.
 */
static enum answer_class
class_of(enum jtype result, enum answer_shape shape)
{
	bool error = shape != ANSWER_S_NONE;

	switch (result) {
	case J_TRUE:
		/* ckpool may warn of a share that it takes. */
		return error && shape != ANSWER_S_REJECT ? ANSWER_ODD :
							   ANSWER_ACCEPTED;
	case J_FALSE:
		return ANSWER_REJECTED;
	case J_NONE:
	case J_NULL:
		return error ? ANSWER_REJECTED : ANSWER_ODD;
	case J_NUMBER:
	case J_STRING:
	case J_ARRAY:
	case J_OBJECT:
		break;
	}
	return error ? ANSWER_REJECTED : ANSWER_ODD;
}

void
answer_parse(const struct jtree *t, struct answer *a)
{
	uint32_t root = jtree_root(t);

	memset(a, 0, sizeof(*a));
	take_error(t, jtree_member(t, root, "error"), a);
	take_reject(t, a);
	a->class = (uint8_t)class_of(jtree_type(t,
					 jtree_member(t, root, "result")),
	    (enum answer_shape)a->shape);
	if (a->class == ANSWER_REJECTED)
		a->reason = (uint8_t)answer_reason(a->text, a->has_code,
		    a->code);
}

const char *
answer_class_name(enum answer_class c)
{
	static const char *const name[] = { "unanswered", "accepted",
		"rejected", "odd" };

	return (unsigned)c < sizeof(name) / sizeof(name[0]) ? name[c] : "";
}

const char *
answer_reason_name(enum answer_reason r)
{
	static const char *const name[ANSWER_REASONS] = { "", "other", "stale",
		"unknown_job", "duplicate", "low_difficulty", "bad_ntime",
		"bad_extranonce2", "bad_version", "unauthorized",
		"not_subscribed", "wrong_worker", "malformed", "banned",
		"internal" };

	return (unsigned)r < ANSWER_REASONS ? name[r] : "";
}

int
answer_reason_find(const char *name)
{
	for (int i = 0; i < ANSWER_REASONS; i++)
		if (strcmp(name, answer_reason_name((enum answer_reason)i)) ==
		    0)
			return i;
	return -1;
}

const char *
answer_shape_name(enum answer_shape s)
{
	static const char *const name[] = { "", "array", "object", "string",
		"reject-reason", "other" };

	return (unsigned)s < sizeof(name) / sizeof(name[0]) ? name[s] : "";
}
