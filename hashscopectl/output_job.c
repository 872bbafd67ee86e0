/*
 * Jobs for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/hex.h"
#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

#define COIN UINT64_C(100000000)

static const char *
btc(uint64_t satoshi, char out[UNITS_TEXT])
{
	snprintf(out, UNITS_TEXT, "%" PRIu64 ".%08" PRIu64, satoshi / COIN,
	    satoshi % COIN);
	return out;
}

static const char *
clean_text(int clean)
{
	return clean == -1 ? "-" : clean ? "yes" : "no";
}

/* The output that gets most. */
static const struct job_output *
largest(const struct job_rec *j)
{
	const struct job_output *best = NULL;
	unsigned i;

	for (i = 0; i < j->kept; i++)
		if (best == NULL || j->output[i].value > best->value)
			best = &j->output[i];
	return best;
}

static const char *
payee(const struct job_output *t, char buf[TEXT_MAX])
{
	if (t->address[0] != '\0')
		return safe(t->address, buf);
	return address_type_name((enum address_type)t->type);
}

void
job_row(struct output *o, const struct job_rec *j)
{
	const struct job_output *top = largest(j);
	struct table *t = &o->table;
	char buf[TEXT_MAX], num[UNITS_TEXT];

	table_cell(t, "%" PRIu64, j->id);
	table_cell(t, "%s", units_time(j->ts_us, o->now_us, num));
	table_cell(t, "%s", safe(j->pool, buf));
	table_cell(t, "%s", safe(j->job_id, buf));
	table_cell(t, "%s", clean_text(j->clean));
	if (j->height >= 0)
		table_cell(t, "%" PRId64, j->height);
	else
		table_cell(t, "-");
	table_cell(t, "%s", top != NULL ? btc(j->total, num) : "-");
	table_cell(t, "%u", j->branches);
	table_cell(t, "%s", safe(j->tag, buf));
	if (j->fault != WORK_SOUND)
		table_cell(t, "%s", work_fault_text((enum work_fault)j->fault));
	else
		table_cell(t, "%s", top != NULL ? payee(top, buf) : "-");
	table_row(t, j->fault != WORK_SOUND ? text_colour(o, RED) : NULL);
}

static void
output_lines(struct output *o, const struct job_rec *j)
{
	char buf[TEXT_MAX], num[UNITS_TEXT];
	unsigned i;

	line(o, "reward", "%s BTC in %" PRIu32 " outputs", btc(j->total, num),
	    j->outputs);
	for (i = 0; i < j->kept; i++)
		line(o, i == 0 ? "pays" : "", "%s BTC to %s",
		    btc(j->output[i].value, num), payee(&j->output[i], buf));
	if (j->kept < j->outputs)
		line(o, "", "and %" PRIu32 " more", j->outputs - j->kept);
}

static void
coinbase_lines(struct output *o, const struct job_rec *j)
{
	char hex[65];

	if (j->coinbase_fault != COINBASE_SOUND)
		line(o, "coinbase", "cannot be taken apart: %s",
		    coinbase_fault_text(
			(enum coinbase_fault)j->coinbase_fault));
	if (j->height >= 0)
		line(o, "height", "%" PRId64, j->height);
	text_line(o, "tag", j->tag);
	if (j->coinbase_fault != COINBASE_SOUND)
		return;
	output_lines(o, j);
	if (j->has_commitment) {
		hex_text(j->commitment, 32, hex);
		line(o, "witness commitment", "%s", hex);
	}
	line(o, "extranonces", "%u bytes together", j->extranonce_len);
}

static void
header_lines(struct output *o, const struct job_rec *j)
{
	char hex[65], num[UNITS_TEXT];
	struct u256 t;
	unsigned i;

	hex_text_reversed(j->prevhash, 32, hex);
	line(o, "builds on", "%s", hex);
	line(o, "version", "%08" PRIx32, j->version);
	if (target_of_nbits(j->nbits, &t) == 0) {
		target_hex(&t, hex);
		line(o, "network", "%08" PRIx32 ", difficulty %.10g", j->nbits,
		    target_difficulty(&t, TARGET_BDIFF));
		line(o, "network's target", "%s", hex);
	} else {
		line(o, "network", "%08" PRIx32 ", which is no valid target",
		    j->nbits);
	}
	line(o, "ntime", "%08" PRIx32 ", %s", j->ntime,
	    units_date((int64_t)j->ntime * 1000000, num));
	for (i = 0; i < j->branches; i++) {
		hex_text(j->branch[i], 32, hex);
		line(o, i == 0 ? "branches" : "", "%s", hex);
	}
}

/* Who came when it was there already does not count. */
static void
spread_line(struct output *o, const struct job_rec *j)
{
	char p50[UNITS_TEXT], p99[UNITS_TEXT], last[UNITS_TEXT], n[UNITS_TEXT];

	if (j->sessions == 0)
		return;
	line(o, "given to",
	    "%s sessions, half of them within %s, 99 %% "
	    "within %s, the last after %s",
	    units_count(j->sessions, n), units_us(j->spread_p50_us, p50),
	    units_us(j->spread_p99_us, p99), units_us(j->spread_last_us, last));
}

void
job_one(struct output *o, const struct job_rec *j)
{
	char num[UNITS_TEXT];

	fprintf(o->fp, "job %" PRIu64 "\n", j->id);
	text_line(o, "name", j->job_id);
	text_line(o, "pool", j->pool);
	line(o, "first sent", "%s", units_time(j->ts_us, o->now_us, num));
	line(o, "with message", "%" PRIu64, j->first);
	line(o, "last named by", "message %" PRIu64, j->last);
	line(o, "clean_jobs", "%s", clean_text(j->clean));
	spread_line(o, j);
	if (j->fault != WORK_SOUND) {
		line(o, "not usable", "%s",
		    work_fault_text((enum work_fault)j->fault));
		return;
	}
	header_lines(o, j);
	coinbase_lines(o, j);
}
