/*
 * What pools send.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/explain_int.h"
#include "common/hex.h"

#define WHATSMINER_EN2 8 /* it cannot take a longer extranonce2 */
#define NICEHASH_LEAST 524288

static void
explain_set_difficulty(struct explaining *x)
{
	char buf[32];
	double d;

	ex_title(x->e, "mining.set_difficulty");
	if (!ex_number(x, ex_param(x, 0), "difficulty", "",
		"what a share must reach, from the next job on", &d)) {
		ex_summary(x->e,
		    "The pool changes the difficulty, but does "
		    "not say to what.");
		return;
	}
	ex_summary(x->e,
	    "From the next job on a share must reach difficulty "
	    "%s.",
	    ex_difficulty(d, buf));
	if (d <= 0)
		ex_note(x->e, "a difficulty is above zero");
	else
		ex_field(x->e, "hashes", "", "tried per share on average",
		    "%.6g", d * 0x1p48 / 0xffff);
	if (d > 0 && d < NICEHASH_LEAST && x->in->agent != NULL &&
	    strcasestr(x->in->agent, "nicehash") != NULL)
		ex_note(x->e, "NiceHash refuses pools below difficulty 524288");
	ex_extra(x, 1);
}

static void
explain_set_target(struct explaining *x)
{
	ex_title(x->e, "mining.set_target");
	ex_summary(x->e,
	    "From the next job on a share's hash must not be "
	    "above this target.");
	ex_target(x, ex_param(x, 0));
	ex_note(x->e,
	    "Bitcoin pools use mining.set_difficulty; this comes from "
	    "variants of btcpool and from Zcash");
	ex_extra(x, 1);
}

static void
explain_set_extranonce(struct explaining *x)
{
	size_t n;
	double size;

	ex_title(x->e, "mining.set_extranonce");
	ex_summary(x->e,
	    "From the next job on the miner has another "
	    "extranonce1.");
	if (ex_hex(x, ex_param(x, 0), "extranonce1",
		"the pool's part of the coinbase", &n))
		ex_field(x->e, "extranonce1.length", "bytes", "", "%zu", n);
	if (ex_number(x, ex_param(x, 1), "extranonce2_size", "bytes",
		"what the miner adds to it", &size) &&
	    size > WHATSMINER_EN2)
		ex_note(x->e,
		    "Whatsminer cannot take more than 8 bytes of "
		    "extranonce2");
	ex_extra(x, 2);
}

static void
explain_set_version_mask(struct explaining *x)
{
	uint32_t mask;

	ex_title(x->e, "mining.set_version_mask");
	ex_summary(x->e, "The miner may roll these version bits, from now on.");
	if (ex_u32(x, ex_param(x, 0), "mask", "bits that are the miner's",
		&mask))
		ex_field(x->e, "bits", "bits", "how many those are", "%d",
		    __builtin_popcount(mask));
	ex_extra(x, 1);
}

static void
explain_reconnect(struct explaining *x)
{
	char host[256];
	double wait;

	ex_title(x->e, "client.reconnect");
	ex_short(x, ex_param(x, 0), host);
	if (host[0] == '\0') {
		ex_summary(x->e, "The pool asks the miner to connect anew.");
	} else {
		ex_summary(x->e, "The pool sends the miner to %s.", host);
		ex_note(x->e,
		    "rental markets do so, and so does a hijacker; "
		    "Bitaxe ignores the host");
	}
	if (ex_param(x, 0) != JTREE_NONE)
		ex_raw(x, ex_param(x, 0), "host", "where to; none: the same");
	if (ex_param(x, 1) != JTREE_NONE)
		ex_raw(x, ex_param(x, 1), "port", "");
	if (ex_param(x, 2) != JTREE_NONE)
		ex_number(x, ex_param(x, 2), "wait", "s", "before it connects",
		    &wait);
	ex_extra(x, 3);
}

static void
explain_get_version(struct explaining *x)
{
	ex_title(x->e, "client.get_version");
	ex_summary(x->e, "The pool asks for the miner's software.");
	ex_extra(x, 0);
}

static void
explain_show_message(struct explaining *x)
{
	ex_title(x->e, "client.show_message");
	ex_summary(x->e, "The pool has a message for people.");
	ex_str(x, ex_param(x, 0), "message", "to be shown by the miner");
	ex_extra(x, 1);
}

static void
explain_ping(struct explaining *x)
{
	ex_title(x->e, "mining.ping");
	ex_summary(x->e, "The pool asks whether the miner is there.");
	ex_extra(x, 0);
}

static void
explain_set_goal(struct explaining *x)
{
	ex_title(x->e, "mining.set_goal");
	ex_summary(x->e, "The pool names what is mined next.");
	ex_raw(x, x->params, "params", "as it was sent");
}

explain_fn *
explain_pool_fn(enum stratum_method m)
{
	static explain_fn *const fn[STRATUM_M_COUNT] = {
		[STRATUM_M_NOTIFY] = explain_notify,
		[STRATUM_M_SET_DIFFICULTY] = explain_set_difficulty,
		[STRATUM_M_SET_TARGET] = explain_set_target,
		[STRATUM_M_SET_EXTRANONCE] = explain_set_extranonce,
		[STRATUM_M_SET_VERSION_MASK] = explain_set_version_mask,
		[STRATUM_M_SET_GOAL] = explain_set_goal,
		[STRATUM_M_RECONNECT] = explain_reconnect,
		[STRATUM_M_GET_VERSION] = explain_get_version,
		[STRATUM_M_SHOW_MESSAGE] = explain_show_message,
		[STRATUM_M_PING] = explain_ping,
	};

	return fn[m];
}
