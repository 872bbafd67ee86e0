/*
 * What miners send.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/explain_int.h"
#include "common/hex.h"

#define AVALON_NAME     63  /* bytes of a user name that Avalon keeps */
#define WHATSMINER_NAME 127 /* and where Whatsminer overflows */

static void
explain_subscribe(struct explaining *x)
{
	char agent[256];

	ex_title(x->e, "mining.subscribe, a miner says hello");
	ex_short(x, ex_param(x, 0), agent);
	ex_summary(x->e, "The miner asks for work%s%s.",
	    agent[0] != '\0' ? "; its software is " : "", agent);
	if (ex_param(x, 0) != JTREE_NONE)
		ex_str(x, ex_param(x, 0), "user_agent",
		    "the miner's software and version");
	if (ex_param(x, 1) != JTREE_NONE &&
	    !jtree_is(x->t, ex_param(x, 1), J_NULL) &&
	    ex_str(x, ex_param(x, 1), "session",
		"an earlier session's id, to be given the same extranonce1"))
		ex_note(x->e, "it asks to go on with an earlier session");
	if (ex_param(x, 2) != JTREE_NONE)
		ex_raw(x, ex_param(x, 2), "host",
		    "the pool that the miner means to talk to");
	if (ex_param(x, 3) != JTREE_NONE)
		ex_raw(x, ex_param(x, 3), "port", "that pool's port");
	ex_extra(x, 4);
}

/* --- mining.configure --- */

static void
configure_mask(struct explaining *x, uint32_t node)
{
	uint32_t mask;

	if (!ex_u32(x, node, "version-rolling.mask",
		"version bits that the miner would like to roll", &mask))
		return;
	ex_field(x->e, "version-rolling.bits", "bits", "how many those are",
	    "%d", __builtin_popcount(mask));
	if (mask == UINT32_MAX)
		ex_note(x->e,
		    "it asks for all version bits, as Bitaxe does; "
		    "the pool says which it gets");
}

static void
configure_bits(struct explaining *x, uint32_t node)
{
	double n;

	if (jtree_is(x->t, node, J_STRING))
		ex_str(x, node, "version-rolling.min-bit-count",
		    "fewer bits than that are of no use to the miner");
	else
		ex_number(x, node, "version-rolling.min-bit-count", "bits",
		    "fewer bits than that are of no use to the miner", &n);
}

static void
configure_parameter(struct explaining *x, uint32_t name, uint32_t v)
{
	static const struct {
		const char *name, *meaning;
	} info[] = {
		{ "info.connection-url",
		    "the address that the miner was given" },
		{ "info.hw-version", "the miner's hardware" },
		{ "info.sw-version", "the miner's software" },
		{ "info.hw-id", "what identifies this piece of hardware" },
	};
	char buf[256];
	double d;
	size_t i;

	if (jtree_equals(x->t, name, "version-rolling.mask")) {
		configure_mask(x, v);
		return;
	}
	if (jtree_equals(x->t, name, "version-rolling.min-bit-count")) {
		configure_bits(x, v);
		return;
	}
	if (jtree_equals(x->t, name, "minimum-difficulty.value")) {
		ex_number(x, v, "minimum-difficulty.value", "",
		    "the miner wants no lower difficulty", &d);
		return;
	}
	for (i = 0; i < sizeof(info) / sizeof(info[0]); i++)
		if (jtree_equals(x->t, name, info[i].name)) {
			ex_str(x, v, info[i].name, info[i].meaning);
			return;
		}
	ex_short(x, name, buf);
	ex_note(x->e, "parameter %s is not in BIP 310", buf);
	ex_raw(x, v, buf, "not known");
}

static void
explain_configure(struct explaining *x)
{
	uint32_t list = ex_param(x, 0), map = ex_param(x, 1), i, v;
	uint32_t name = JTREE_NONE;
	char buf[256];

	ex_title(x->e, "mining.configure, extensions that the miner can");
	ex_summary(x->e,
	    "The miner asks which extensions of the protocol it "
	    "may use (BIP 310).");
	if (!jtree_is(x->t, list, J_ARRAY))
		ex_odd(x, list, "the list of extensions", "an array");
	for (i = 0; i < jtree_count(x->t, list) && !x->e->full; i++)
		ex_field(x->e, "extension", "", "the miner would use it", "%s",
		    ex_short(x, jtree_item(x->t, list, i), buf));
	if (map != JTREE_NONE && !jtree_is(x->t, map, J_OBJECT))
		ex_odd(x, map, "the extensions' parameters", "an object");
	while ((v = jtree_next(x->t, map, &name)) != JTREE_NONE && !x->e->full)
		configure_parameter(x, name, v);
	ex_extra(x, 2);
}

/* --- the rest --- */

static void
explain_authorize(struct explaining *x)
{
	uint32_t user = ex_param(x, 0);
	char buf[256], *dot;
	size_t len = 0;

	ex_title(x->e, "mining.authorize, a worker logs in");
	ex_short(x, user, buf);
	ex_summary(x->e, "The miner logs in as %s.",
	    buf[0] != '\0' ? buf : "nobody");
	if (ex_str(x, user, "user", "account and worker at the pool"))
		jtree_raw(x->t, user, &len);
	if (len > WHATSMINER_NAME + 2)
		ex_note(x->e,
		    "the name has %zu bytes: Whatsminer fails beyond "
		    "127, Avalon cuts it at 63",
		    len - 2);
	else if (len > AVALON_NAME + 2)
		ex_note(x->e, "the name has %zu bytes: Avalon cuts it at 63",
		    len - 2);
	if ((dot = strchr(buf, '.')) != NULL) {
		ex_field(x->e, "account", "", "before the dot: who is paid",
		    "%.*s", (int)(dot - buf), buf);
		ex_field(x->e, "worker", "", "behind it: which machine", "%s",
		    dot + 1);
	}
	if (ex_param(x, 1) != JTREE_NONE)
		ex_field(x->e, "password", "",
		    "not shown; few pools look at it", "********");
	if (jtree_count(x->t, x->params) > 2)
		ex_note(x->e, "it has more parameters than user and password");
}

static void
submit_bits(struct explaining *x)
{
	uint32_t bits;

	if (ex_param(x, 5) == JTREE_NONE)
		return;
	ex_u32(x, ex_param(x, 5), "version_bits",
	    "version bits that the miner rolled (BIP 310)", &bits);
}

static void
explain_submit(struct explaining *x)
{
	char worker[256], job[256];
	uint32_t v;
	size_t n;

	ex_title(x->e, "mining.submit, a share");
	ex_summary(x->e, "%s hands in a share for job %s.",
	    ex_short(x, ex_param(x, 0), worker)[0] != '\0' ? worker :
							     "A worker",
	    ex_short(x, ex_param(x, 1), job));
	ex_str(x, ex_param(x, 0), "worker", "who is credited");
	if (jtree_is(x->t, ex_param(x, 1), J_NUMBER))
		ex_raw(x, ex_param(x, 1), "job_id", "the job it is for");
	else
		ex_str(x, ex_param(x, 1), "job_id", "the job it is for");
	if (ex_hex(x, ex_param(x, 2), "extranonce2",
		"the miner's part of the coinbase", &n))
		ex_field(x->e, "extranonce2.length", "bytes",
		    "must be what the pool asked for", "%zu", n);
	ex_time(x, ex_param(x, 3), "the header's time", &v);
	ex_u32(x, ex_param(x, 4), "nonce", "the header's nonce", &v);
	submit_bits(x);
	ex_extra(x, 6);
}

static void
explain_extranonce_subscribe(struct explaining *x)
{
	ex_title(x->e, "mining.extranonce.subscribe");
	ex_summary(x->e,
	    "The miner can be given a new extranonce1 while it "
	    "is connected (mining.set_extranonce).");
	ex_extra(x, 0);
}

/* The number may stand in the method's name. */
static void
explain_suggest_difficulty(struct explaining *x)
{
	const char *m = x->in->msg->method_text, *open = strchr(m, '(');
	char buf[32];
	double d = x->in->msg->difficulty;

	ex_title(x->e, "mining.suggest_difficulty");
	if (x->in->msg->flags & STRATUM_F_DIFFICULTY) {
		ex_summary(x->e,
		    "The miner would like difficulty %s; the pool "
		    "need not give it.",
		    ex_difficulty(d, buf));
		ex_field(x->e, "difficulty", "", "wished for by the miner",
		    "%.15g", d);
	} else {
		ex_summary(x->e,
		    "The miner would like another difficulty, but "
		    "does not say which.");
		ex_odd(x, ex_param(x, 0), "the difficulty", "a number");
	}
	if (open != NULL)
		ex_note(x->e, "the number stands in the method's name");
	ex_extra(x, open != NULL ? 0 : 1);
}

static void
explain_suggest_target(struct explaining *x)
{
	ex_title(x->e, "mining.suggest_target");
	ex_summary(x->e,
	    "The miner would like this target; the pool need not "
	    "give it.");
	ex_target(x, ex_param(x, 0));
	ex_extra(x, 1);
}

static void
explain_get_transactions(struct explaining *x)
{
	char buf[256];

	ex_title(x->e, "%s", x->in->msg->method_text);
	ex_summary(x->e, "The miner wants to see the transactions of job %s.",
	    ex_short(x, ex_param(x, 0), buf));
	ex_raw(x, ex_param(x, 0), "job_id", "whose transactions");
	ex_extra(x, 1);
}

static void
explain_report(struct explaining *x)
{
	ex_title(x->e, "%s", x->in->msg->method_text);
	ex_summary(x->e, "The miner tells the pool about itself.");
	ex_raw(x, x->params, "params", "as it was sent");
}

static void
explain_pong(struct explaining *x)
{
	ex_title(x->e, "pong");
	ex_summary(x->e,
	    "The miner is there. Most answer mining.ping with a "
	    "response; ESP-Miner with this request.");
	ex_extra(x, 0);
}

explain_fn *
explain_miner_fn(enum stratum_method m)
{
	static explain_fn *const fn[STRATUM_M_COUNT] = {
		[STRATUM_M_SUBSCRIBE] = explain_subscribe,
		[STRATUM_M_CONFIGURE] = explain_configure,
		[STRATUM_M_AUTHORIZE] = explain_authorize,
		[STRATUM_M_SUBMIT] = explain_submit,
		[STRATUM_M_EXTRANONCE_SUBSCRIBE] = explain_extranonce_subscribe,
		[STRATUM_M_SUGGEST_DIFFICULTY] = explain_suggest_difficulty,
		[STRATUM_M_SUGGEST_TARGET] = explain_suggest_target,
		[STRATUM_M_GET_TRANSACTIONS] = explain_get_transactions,
		[STRATUM_M_GET_TXNHASHES] = explain_get_transactions,
		[STRATUM_M_CAPABILITIES] = explain_report,
		[STRATUM_M_HASHES_DONE] = explain_report,
		[STRATUM_M_MULTI_VERSION] = explain_report,
		[STRATUM_M_PONG] = explain_pong,
	};

	return fn[m];
}

/* --- the verdict on a share --- */

void
explain_share(struct explain *e, const struct verify_share *s)
{
	char words[600], hex[65], buf[32];

	ex_field(e, "verdict", "", "what HashScope finds", "%s",
	    verify_verdict_name((enum verify_verdict)s->verdict));
	if (s->cause != CAUSE_NONE) {
		verify_sentence(s, words, sizeof(words));
		ex_field(e, "cause", "", "why", "%s: %s",
		    verify_cause_name((enum verify_cause)s->cause), words);
	}
	if (!s->hashed)
		return;
	hex_text_reversed(s->hash, 32, hex);
	ex_field(e, "hash", "hex", "of the header, as people write it", "%s",
	    hex);
	ex_field(e, "difficulty.reached", "", "of that hash", "%.12g",
	    s->reached);
	if (s->job_difficulty > 0)
		ex_field(e, "difficulty.required", "",
		    "asked for when the job was sent", "%.12g",
		    s->job_difficulty);
	if (s->is_block)
		ex_note(e,
		    "its hash meets the network's target: a block, of "
		    "difficulty %s",
		    ex_difficulty(s->reached, buf));
}
