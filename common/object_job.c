/*
 * Jobs as JSON.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/hex.h"
#include "common/object.h"
#include "common/object_put.h"
#include "common/object_share.h"

#define COIN UINT64_C(100000000)

/* As text: a double does not hold every satoshi in a reader's hands. */
static void
put_btc(struct json_out *o, const char *key, uint64_t satoshi)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%08" PRIu64, satoshi / COIN,
	    satoshi % COIN);
	json_kcstr(o, key, text);
}

static void
put_output(struct json_out *o, const struct job_output *t)
{
	size_t kept = t->script_len < JOB_SCRIPT ? t->script_len : JOB_SCRIPT;

	json_object(o);
	json_kuint(o, "value", t->value);
	put_btc(o, "btc", t->value);
	json_kcstr(o, "type", address_type_name((enum address_type)t->type));
	object_put_text(o, "address", t->address);
	object_put_hex(o, "script", true, t->script, kept);
	json_kuint(o, "script_bytes", t->script_len);
	json_object_end(o);
}

static void
put_coinbase(struct json_out *o, const struct job_rec *j)
{
	bool sound = j->fault == WORK_SOUND &&
	    j->coinbase_fault == COINBASE_SOUND;
	unsigned i;

	object_put_text(o, "coinbase_fault",
	    j->fault != WORK_SOUND ?
		"" :
		coinbase_fault_text((enum coinbase_fault)j->coinbase_fault));
	if (j->height >= 0)
		json_kint(o, "height", j->height);
	else
		json_knull(o, "height");
	object_put_text(o, "tag", j->tag);
	json_karray(o, "outputs");
	for (i = 0; i < j->kept; i++)
		put_output(o, &j->output[i]);
	json_array_end(o);
	if (sound) {
		json_kuint(o, "output_count", j->outputs);
		json_kuint(o, "reward", j->total);
		put_btc(o, "reward_btc", j->total);
		json_kuint(o, "extranonce_bytes", j->extranonce_len);
	} else {
		json_knull(o, "output_count");
		json_knull(o, "reward");
		json_knull(o, "reward_btc");
		json_knull(o, "extranonce_bytes");
	}
	object_put_hex(o, "witness_commitment", j->has_commitment,
	    j->commitment, sizeof(j->commitment));
	object_put_hex(o, "coinbase1", j->coinb1 != NULL, j->coinb1,
	    j->coinb1_len);
	object_put_hex(o, "coinbase2", j->coinb2 != NULL, j->coinb2,
	    j->coinb2_len);
}

static void
put_target(struct json_out *o, bool sound, uint32_t nbits)
{
	struct u256 t;
	char hex[65];

	object_put_hex32(o, "nbits", sound, nbits);
	if (!sound || target_of_nbits(nbits, &t) == -1) {
		json_knull(o, "network_target");
		json_knull(o, "network_difficulty");
		return;
	}
	target_hex(&t, hex);
	json_kcstr(o, "network_target", hex);
	json_kdouble(o, "network_difficulty",
	    target_difficulty(&t, TARGET_BDIFF));
}

static void
put_header(struct json_out *o, const struct job_rec *j)
{
	bool sound = j->fault == WORK_SOUND;
	unsigned i;

	object_put_hash(o, "previous_block", sound, j->prevhash);
	object_put_hex32(o, "version", sound, j->version);
	put_target(o, sound, j->nbits);
	object_put_hex32(o, "ntime", sound, j->ntime);
	object_put_time(o, "time",
	    sound ? (int64_t)j->ntime * INT64_C(1000000) : 0);
	json_karray(o, "merkle_branches");
	for (i = 0; i < j->branches; i++) {
		char hex[65];

		hex_text(j->branch[i], 32, hex);
		json_cstr(o, hex);
	}
	json_array_end(o);
}

void
object_job(struct json_out *o, const struct job_rec *j)
{
	json_object(o);
	json_kuint_str(o, "id", j->id);
	json_kcstr(o, "job_id", j->job_id);
	object_put_text(o, "pool", j->pool);
	object_put_time(o, "ts", j->ts_us);
	object_put_id(o, "message_id", j->pos);
	object_put_id(o, "first_message_id", j->first);
	object_put_id(o, "last_message_id", j->last);
	object_put_text(o, "fault", work_fault_text((enum work_fault)j->fault));
	if (j->clean == -1)
		json_knull(o, "clean_jobs");
	else
		json_kbool(o, "clean_jobs", j->clean != 0);
	json_kobject(o, "fanout");
	json_kuint(o, "sessions", j->sessions);
	json_kint(o, "p50_us", j->spread_p50_us);
	json_kint(o, "p99_us", j->spread_p99_us);
	json_kint(o, "last_us", j->spread_last_us);
	json_object_end(o);
	put_header(o, j);
	put_coinbase(o, j);
	json_object_end(o);
}
