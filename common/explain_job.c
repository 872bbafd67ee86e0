/*
 * mining.notify: the job, the coinbase in it, and whom that pays.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/explain_int.h"
#include "common/hex.h"

#define COIN UINT64_C(100000000)

static const char *
btc(uint64_t satoshi, char buf[32])
{
	snprintf(buf, 32, "%" PRIu64 ".%08" PRIu64, satoshi / COIN,
	    satoshi % COIN);
	return buf;
}

static void
explain_output(struct explain *e, const struct coinbase_output *o, uint32_t i)
{
	char name[48], buf[32], hex[2 * 64 + 1];
	uint32_t n = o->script_len < 64 ? o->script_len : 64;

	snprintf(name, sizeof(name), "output[%" PRIu32 "].value", i);
	ex_field(e, name, "BTC", "what it pays", "%s", btc(o->value, buf));
	if (o->address[0] != '\0') {
		snprintf(name, sizeof(name), "output[%" PRIu32 "].address", i);
		ex_field(e, name, address_type_name(o->type), "whom it pays",
		    "%s", o->address);
		return;
	}
	hex_text(o->script, n, hex);
	snprintf(name, sizeof(name), "output[%" PRIu32 "].script", i);
	ex_field(e, name, address_type_name(o->type),
	    o->type == ADDRESS_OP_RETURN ? "data; pays nobody" :
					   "no usual address",
	    "%s%s", hex, n < o->script_len ? "..." : "");
}

static void
explain_outputs(struct explain *e, const struct coinbase *c)
{
	char hex[65], buf[32];
	uint32_t i;

	ex_field(e, "outputs", "", "of the coinbase", "%" PRIu32, c->outputs);
	ex_field(e, "reward", "BTC", "all outputs together: subsidy and fees",
	    "%s", btc(c->total, buf));
	for (i = 0; i < c->kept; i++)
		explain_output(e, &c->output[i], i);
	if (c->kept < c->outputs)
		ex_note(e, "only the first %" PRIu32 " outputs are listed",
		    c->kept);
	if (c->has_commitment) {
		hex_text(c->commitment, 32, hex);
		ex_field(e, "witness_commitment", "hex",
		    "binds the block's witness data (BIP 141)", "%s", hex);
	}
}

static void
explain_script(struct explain *e, const struct coinbase *c)
{
	if (c->height >= 0)
		ex_field(e, "height", "", "of the block being mined (BIP 34)",
		    "%" PRId64, c->height);
	else
		ex_note(e,
		    "the coinbase does not begin with a height (BIP 34)");
	if (c->tag[0] != '\0')
		ex_field(e, "tag", "", "readable text in the coinbase", "%s",
		    c->tag);
	if (!c->in_script)
		ex_note(e,
		    "the extranonces do not lie in the coinbase's "
		    "script");
}

static void
note_coinbase(struct explain *e, const struct coinbase *c)
{
	if (c->fault != COINBASE_SOUND)
		ex_note(e, "the coinbase cannot be taken apart: %s",
		    coinbase_fault_text((enum coinbase_fault)c->fault));
	if (c->ambiguous)
		ex_note(e,
		    "several lengths of the extranonces would fit; "
		    "%d bytes were taken",
		    c->extranonce_len);
	if (c->witness)
		ex_note(e,
		    "the coinbase is sent with its witness marker, "
		    "which changes its hash");
	if (c->outputs == 1 && c->fault == COINBASE_SOUND && !c->has_commitment)
		ex_note(e,
		    "no witness commitment: the block may hold no "
		    "segwit transactions");
}

static void
explain_coinbase(struct explaining *x, const struct work_job *j)
{
	struct coinbase *c = x->e->coinbase;
	unsigned en = x->in->extranonce_len;

	coinbase_parse(c, j->coinb1, j->coinb1_len, j->coinb2, j->coinb2_len,
	    en > 0 && en <= 2 * WORK_EXTRANONCE_MAX ? (int)en : COINBASE_ANY,
	    x->in->net);
	note_coinbase(x->e, c);
	if (c->fault == COINBASE_BAD_INPUT || c->fault == COINBASE_TOO_LONG)
		return;
	explain_script(x->e, c);
	if (c->fault != COINBASE_SOUND)
		return;
	ex_field(x->e, "extranonce.length", "bytes",
	    "both extranonces together", "%d", c->extranonce_len);
	explain_outputs(x->e, c);
}

static void
explain_nbits(struct explain *e, const struct work_job *j)
{
	char hex[65], buf[32];
	double d;

	if (target_is_zero(&j->target)) {
		ex_note(e, "nbits is no valid target");
		return;
	}
	target_hex(&j->target, hex);
	ex_field(e, "network_target", "hex", "a hash up to this is a block",
	    "%s", hex);
	d = target_difficulty(&j->target, TARGET_BDIFF);
	ex_field(e, "network_difficulty", "", "the same as a difficulty",
	    "%.10g (%s)", d, ex_difficulty(d, buf));
}

/* What the hex of a sound job says. */
static void
explain_job(struct explaining *x, const struct work_job *j)
{
	char hex[65];

	hex_text_reversed(j->prevhash, 32, hex);
	ex_field(x->e, "previous_block", "hex",
	    "the block this one builds on, as people write it", "%s", hex);
	explain_coinbase(x, j);
	explain_nbits(x->e, j);
}

static void
explain_hex(struct explaining *x)
{
	uint32_t list = ex_param(x, 4), n = jtree_count(x->t, list), i, v;
	char name[32];
	size_t bytes;

	ex_hex(x, ex_param(x, 1), "prevhash",
	    "the block this one builds on, words as Stratum sends them",
	    &bytes);
	ex_hex(x, ex_param(x, 2), "coinb1",
	    "the coinbase before the extranonces", &bytes);
	ex_hex(x, ex_param(x, 3), "coinb2", "the coinbase behind them", &bytes);
	if (jtree_is(x->t, list, J_ARRAY))
		ex_field(x->e, "branches", "hashes",
		    "of the Merkle tree beside the coinbase", "%" PRIu32, n);
	else
		ex_odd(x, list, "the list of branches", "an array");
	for (i = 0; i < n && i < WORK_BRANCHES_MAX; i++) {
		snprintf(name, sizeof(name), "branch[%" PRIu32 "]", i);
		ex_hex(x, jtree_item(x->t, list, i), name,
		    "hashed with what came before", &bytes);
	}
	ex_u32(x, ex_param(x, 5), "version", "the header's version", &v);
	ex_u32(x, ex_param(x, 6), "nbits", "the network's target, compact", &v);
	ex_time(x, ex_param(x, 7), "the header's time as the pool has it", &v);
}

static void
explain_clean(struct explaining *x, int clean)
{
	if (clean == -1)
		ex_odd(x, ex_param(x, 8), "clean_jobs", "true or false");
	else
		ex_field(x->e, "clean_jobs", "",
		    clean ? "earlier jobs are worthless from now on" :
			    "shares for earlier jobs still count",
		    "%s", clean ? "true" : "false");
}

void
explain_notify(struct explaining *x)
{
	struct work_store *s = work_store_new(256u << 10);
	struct work_job *j = NULL;
	int clean = work_clean(x->t, x->params);
	char id[256];

	ex_title(x->e, "mining.notify, a new job");
	ex_short(x, ex_param(x, 0), id);
	ex_summary(x->e, "The pool hands out job %s%s", id,
	    clean == 1 ? "; shares for earlier jobs are stale from now on." :
			 ".");
	if (jtree_is(x->t, ex_param(x, 0), J_NUMBER))
		ex_raw(x, ex_param(x, 0), "job_id", "its name in submits");
	else
		ex_str(x, ex_param(x, 0), "job_id", "its name in submits");
	explain_clean(x, clean);
	if (s != NULL)
		j = work_take(s, x->t, x->params);
	if (j != NULL && j->fault != WORK_SOUND)
		ex_note(x->e, "no share can be made of this job: %s",
		    work_fault_text((enum work_fault)j->fault));
	else if (j != NULL)
		explain_job(x, j);
	explain_hex(x);
	ex_extra(x, WORK_PARAMS);
	work_store_free(s);
}
