/*
 * Responses, by what they answer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/answer.h"
#include "common/explain_int.h"

#define WHATSMINER_EN2 8

/* --- errors, in all their shapes --- */

static void
explain_error(struct explaining *x, const struct answer *a)
{
	const char *means;

	if (a->shape == ANSWER_S_NONE)
		return;
	ex_field(x->e, "error.shape", "", "how it is written", "%s",
	    answer_shape_name((enum answer_shape)a->shape));
	if (a->has_code) {
		means = answer_code_text(a->code);
		ex_field(x->e, "error.code", "", means != NULL ? means : "",
		    "%" PRId64, a->code);
	}
	if (a->text[0] != '\0')
		ex_field(x->e, "error.text", "", "in the sender's words", "%s",
		    a->text);
	if (a->shape == ANSWER_S_OTHER)
		ex_note(x->e,
		    "the error is neither an array, an object nor a "
		    "string");
}

static void
explain_submitted(struct explaining *x, const struct answer *a)
{
	const char *reason = answer_reason_name((enum answer_reason)a->reason);

	ex_title(x->e, "answer to mining.submit: %s",
	    answer_class_name((enum answer_class)a->class));
	switch ((enum answer_class)a->class) {
	case ANSWER_ACCEPTED:
		ex_summary(x->e, "The pool took the share.");
		break;
	case ANSWER_REJECTED:
		ex_summary(x->e, "The pool refused the share: %s.",
		    a->text[0] != '\0' ? a->text : reason);
		ex_field(x->e, "reason", "", "the same in HashScope's words",
		    "%s", reason);
		break;
	case ANSWER_ODD:
	case ANSWER_NONE:
		ex_summary(x->e,
		    "It says neither that the share was taken nor "
		    "that it was not.");
		break;
	}
}

/* --- results --- */

static uint32_t
result(const struct explaining *x)
{
	return jtree_member(x->t, x->root, "result");
}

static void
explain_subscriptions(struct explaining *x, uint32_t list)
{
	uint32_t i, n = jtree_count(x->t, list), pair;
	char name[256], id[256];

	if (!jtree_is(x->t, list, J_ARRAY)) {
		ex_odd(x, list, "the list of subscriptions", "an array");
		return;
	}
	for (i = 0; i < n && !x->e->full; i++) {
		pair = jtree_item(x->t, list, i);
		if (!jtree_is(x->t, pair, J_ARRAY)) {
			/* Some send one pair without a list around it. */
			ex_raw(x, pair, "subscription", "");
			continue;
		}
		ex_short(x, jtree_item(x->t, pair, 0), name);
		ex_short(x, jtree_item(x->t, pair, 1), id);
		ex_field(x->e, "subscription", "", "and its id", "%s %s", name,
		    id);
	}
}

static void
explain_subscribed(struct explaining *x)
{
	uint32_t r = result(x);
	double size;
	size_t n;

	ex_title(x->e, "answer to mining.subscribe");
	if (!jtree_is(x->t, r, J_ARRAY)) {
		ex_summary(x->e, "The pool did not subscribe the miner.");
		ex_odd(x, r, "the result", "an array");
		return;
	}
	ex_summary(x->e,
	    "The miner is subscribed, and knows its part of the "
	    "coinbase.");
	explain_subscriptions(x, jtree_item(x->t, r, 0));
	if (ex_hex(x, jtree_item(x->t, r, 1), "extranonce1",
		"the pool's part of the coinbase, this session's own", &n))
		ex_field(x->e, "extranonce1.length", "bytes", "", "%zu", n);
	if (ex_number(x, jtree_item(x->t, r, 2), "extranonce2_size", "bytes",
		"what the miner adds to it", &size) &&
	    size > WHATSMINER_EN2)
		ex_note(x->e,
		    "Whatsminer cannot take more than 8 bytes of "
		    "extranonce2");
	if (jtree_count(x->t, r) > 3)
		ex_note(x->e, "the result has more than three values");
}

static void
configured_member(struct explaining *x, uint32_t name, uint32_t v)
{
	static const char *const known[] = { "version-rolling",
		"minimum-difficulty", "subscribe-extranonce", "info" };
	char buf[256];
	uint32_t mask;
	size_t i;

	if (jtree_equals(x->t, name, "version-rolling.mask")) {
		if (ex_u32(x, v, "version-rolling.mask",
			"version bits that are the miner's", &mask))
			ex_field(x->e, "version-rolling.bits", "bits",
			    "how many those are", "%d",
			    __builtin_popcount(mask));
		return;
	}
	ex_short(x, name, buf);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (jtree_equals(x->t, name, known[i])) {
			ex_raw(x, v, buf,
			    jtree_is(x->t, v, J_TRUE) ? "granted" :
							"not granted");
			return;
		}
	ex_note(x->e,
	    "key %s is not in BIP 310; Whatsminer drops the link on "
	    "unknown keys",
	    buf);
	ex_raw(x, v, buf, "not known");
}

static void
explain_configured(struct explaining *x)
{
	uint32_t r = result(x), name = JTREE_NONE, v, on, mask;

	ex_title(x->e, "answer to mining.configure");
	on = jtree_member(x->t, r, "version-rolling");
	mask = jtree_member(x->t, r, "version-rolling.mask");
	ex_summary(x->e,
	    jtree_is(x->t, on, J_TRUE) ?
		"The pool lets the miner roll version bits." :
		"The pool does not let the miner roll version bits.");
	if (!jtree_is(x->t, r, J_OBJECT))
		ex_odd(x, r, "the result", "an object");
	if (jtree_is(x->t, on, J_TRUE) && mask == JTREE_NONE)
		ex_note(x->e, "version rolling is granted without a mask");
	while ((v = jtree_next(x->t, r, &name)) != JTREE_NONE && !x->e->full)
		configured_member(x, name, v);
}

static void
explain_authorized(struct explaining *x, const struct answer *a)
{
	bool ok = jtree_is(x->t, result(x), J_TRUE);

	ex_title(x->e, "answer to mining.authorize");
	if (ok)
		ex_summary(x->e, "The worker is logged in.");
	else
		ex_summary(x->e, "The pool refuses the worker%s%s.",
		    a->text[0] != '\0' ? ": " : "", a->text);
	if (!jtree_is(x->t, result(x), J_FALSE) && !ok &&
	    a->shape == ANSWER_S_NONE)
		ex_odd(x, result(x), "the result", "true or false");
}

static void
explain_extranonce_subscribed(struct explaining *x)
{
	bool ok = jtree_is(x->t, result(x), J_TRUE);

	ex_title(x->e, "answer to mining.extranonce.subscribe");
	ex_summary(x->e, "%s",
	    ok ? "The pool may give the miner another extranonce1 later." :
		 "The pool will not change the extranonce1.");
}

static void
explain_plain(struct explaining *x)
{
	const char *what = stratum_method_name(x->in->answers);
	bool failed = x->in->msg->flags & STRATUM_F_ERROR;

	ex_title(x->e, "answer%s%s", what[0] != '\0' ? " to " : "", what);
	if (what[0] == '\0')
		ex_summary(x->e, "A response; what it answers is not known.");
	else
		ex_summary(x->e, "%s %s.",
		    x->in->to_miner ? "The pool" : "The miner",
		    failed ? "says that it failed" : "answers");
	ex_raw(x, result(x), "result", "as it was sent");
}

void
explain_response(struct explaining *x)
{
	struct answer a;

	answer_parse(x->t, &a);
	if (x->in->to_miner && x->in->answers == STRATUM_M_SUBMIT)
		explain_submitted(x, &a);
	else if (x->in->to_miner && x->in->answers == STRATUM_M_SUBSCRIBE)
		explain_subscribed(x);
	else if (x->in->to_miner && x->in->answers == STRATUM_M_CONFIGURE)
		explain_configured(x);
	else if (x->in->to_miner && x->in->answers == STRATUM_M_AUTHORIZE)
		explain_authorized(x, &a);
	else if (x->in->to_miner &&
	    x->in->answers == STRATUM_M_EXTRANONCE_SUBSCRIBE)
		explain_extranonce_subscribed(x);
	else
		explain_plain(x);
	explain_error(x, &a);
	if (a.class == ANSWER_ODD && a.shape != ANSWER_S_NONE)
		ex_note(x->e, "it says true and gives an error");
	if (result(x) == JTREE_NONE && a.shape == ANSWER_S_NONE)
		ex_note(x->e, "it has neither a result nor an error");
}
