/*
 * The report of verify, for people and for programs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/object.h"
#include "common/object_put.h"
#include "common/target.h"
#include "hashscopectl/text.h"
#include "hashscopectl/units.h"
#include "hashscopectl/verify_report.h"

#define LOT 500 /* rows of a table whose columns are measured at once */

static const struct table_column columns[] = {
	{ "SHARE", 1, 0 },
	{ "WHERE", 0, 0 },
	{ "TIME", 1, 0 },
	{ "SESSION", 0, 48 },
	{ "WORKER", 0, 32 },
	{ "JOB", 0, 20 },
	{ "REACHES", 1, 0 },
	{ "ASKED", 1, 0 },
	{ "VERDICT", 0, 0 },
	{ "POOL", 0, 0 },
	{ "NOTE", 0, 0 },
	{ NULL, 0, 0 },
};

static bool
is_json(const struct report *r)
{
	return r->out->w == writer_json();
}

/* --- a share in words --- */

static const char *
pool_verdict(const struct report_row *row)
{
	return answer_class_name((enum answer_class)row->answer.class);
}

/* The job's difficulty; of a job that is not known the present one. */
static double
required(const struct report_row *row)
{
	const struct verify_share *s = &row->share;

	return s->job_difficulty > 0 ? s->job_difficulty : s->present;
}

static bool
is_disputed(const struct report_row *row)
{
	return row->share.verdict == VERDICT_UNDECIDED ||
	    (row->judged.agreement != AGREE_YES &&
		row->judged.agreement != AGREE_UNANSWERED);
}

/* The pool's reason, or its number, or that it gave none. */
static void
pool_words(const struct answer *a, char *buf, size_t size)
{
	if (a->text[0] != '\0')
		snprintf(buf, size, "\"%s\"", a->text);
	else if (a->has_code)
		snprintf(buf, size, "code %" PRId64, a->code);
	else
		snprintf(buf, size, "without a reason");
}

/* Why, in words; of a share that is plainly valid what it reaches. */
static void
own_words(const struct report_row *row, char *buf, size_t size)
{
	const struct verify_share *s = &row->share;

	if (row->judged.agreement != AGREE_UNANSWERED &&
	    row->judged.cause != s->cause)
		snprintf(buf, size, "%s",
		    verify_cause_text((enum verify_cause)row->judged.cause));
	else if (row->sentence[0] != '\0')
		snprintf(buf, size, "%s", row->sentence);
	else
		snprintf(buf, size, "it reaches difficulty %.6g of %.6g",
		    s->reached, required(row));
}

/* One sentence that names who is right; "" where there is nothing to say. */
static void
describe(const struct report_row *row, char *buf, size_t size)
{
	char own[REPORT_SENTENCE], pool[ANSWER_TEXT_MAX + 16];
	const char *verdict = verify_verdict_name(
	    (enum verify_verdict)row->share.verdict);

	own_words(row, own, sizeof(own));
	pool_words(&row->answer, pool, sizeof(pool));
	switch ((enum verify_agreement)row->judged.agreement) {
	case AGREE_POOL_ACCEPTS_INVALID:
		snprintf(buf, size,
		    "the pool is wrong to accept it: it is %s, %s", verdict,
		    own);
		break;
	case AGREE_POOL_REJECTS_VALID:
		snprintf(buf, size,
		    "the pool is wrong to reject it (%s): it is valid, %s",
		    pool, own);
		break;
	case AGREE_OTHER_REASON:
		snprintf(buf, size,
		    "the pool rejects it for another reason (%s): it is %s, "
		    "%s",
		    pool, verdict, own);
		break;
	case AGREE_OPEN:
		snprintf(buf, size, "%s, but it may: %s",
		    row->answer.class == ANSWER_ODD ?
			"the pool's answer says neither yes nor no" :
			row->answer.class == ANSWER_ACCEPTED ?
			"the pool accepts it" :
			"the pool rejects it",
		    own);
		break;
	case AGREE_YES:
	case AGREE_UNANSWERED:
	case AGREEMENTS:
		snprintf(buf, size, "%s", row->sentence);
		break;
	}
}

/* --- for people --- */

static const char *
seconds_text(const struct report *r, uint64_t ts, char out[UNITS_TEXT])
{
	if (r->info.absolute)
		return units_time((int64_t)(ts / 1000), r->out->now_us, out);
	snprintf(out, UNITS_TEXT, "%.3f s", (double)ts / 1e9);
	return out;
}

static const char *
row_colour(const struct report *r, const struct report_row *row)
{
	if (!r->out->colour)
		return NULL;
	switch ((enum verify_agreement)row->judged.agreement) {
	case AGREE_POOL_ACCEPTS_INVALID:
	case AGREE_POOL_REJECTS_VALID:
		return RED;
	case AGREE_OTHER_REASON:
	case AGREE_OPEN:
		return YELLOW;
	case AGREE_YES:
	case AGREE_UNANSWERED:
	case AGREEMENTS:
		break;
	}
	return row->share.verdict == VERDICT_UNDECIDED ? YELLOW : NULL;
}

static void
difficulty_cell(struct table *t, double d)
{
	if (d > 0)
		table_cell(t, "%.6g", d);
	else
		table_cell(t, "-");
}

static void
share_text(struct report *r, const struct report_row *row)
{
	struct table *t = &r->out->table;
	const struct verify_share *s = &row->share;
	char buf[TEXT_MAX], time[UNITS_TEXT], note[2 * REPORT_SENTENCE];

	describe(row, note, sizeof(note));
	table_cell(t, "%" PRIu64, row->id);
	if (row->message_id != 0)
		table_cell(t, "message %" PRIu64, row->message_id);
	else
		table_cell(t, "%s %" PRIu64, input_unit(r->info.format),
		    row->at);
	table_cell(t, "%s", seconds_text(r, row->ts, time));
	table_cell(t, "%s", safe(row->session, buf));
	table_cell(t, "%s", safe(s->worker, buf));
	table_cell(t, "%s", safe(s->job_id, buf));
	difficulty_cell(t, s->hashed ? s->reached : 0);
	difficulty_cell(t, required(row));
	table_cell(t, "%s%s",
	    verify_verdict_name((enum verify_verdict)s->verdict),
	    s->is_block ? ", a block" : "");
	table_cell(t, "%s", pool_verdict(row));
	table_cell(t, "%s", safe(note, buf));
	table_row(t, row_colour(r, row));
	if (t->nrows == LOT)
		table_print(t, r->out->fp, r->out->width);
}

/* "12 valid, 3 stale": those that are there. */
static void
counts_line(struct output *o, const char *label, const uint64_t *n,
    unsigned count, const char *(*name)(unsigned))
{
	char buf[512] = "";
	size_t at = 0;
	unsigned i;

	for (i = 0; i < count && at < sizeof(buf); i++)
		if (n[i] > 0)
			at += (size_t)snprintf(buf + at, sizeof(buf) - at,
			    "%s%" PRIu64 " %s", at > 0 ? ", " : "", n[i],
			    name(i));
	line(o, label, "%s", at > 0 ? buf : "none");
}

static const char *
verdict_name(unsigned v)
{
	return verify_verdict_name((enum verify_verdict)v);
}

static const char *
class_name(unsigned c)
{
	return answer_class_name((enum answer_class)c);
}

static void
agreement_lines(const struct report *r)
{
	struct output *o = r->out;
	const uint64_t *n = r->agreement;

	line(o, "agreement", "%" PRIu64 " of %" PRIu64, n[AGREE_YES],
	    r->answered);
	if (n[AGREE_OTHER_REASON] > 0)
		line(o, "other reason",
		    "%" PRIu64 " rejected by both, not "
		    "for the same reason",
		    n[AGREE_OTHER_REASON]);
	if (n[AGREE_OPEN] > 0)
		line(o, "open", "%" PRIu64 " where the pool may differ",
		    n[AGREE_OPEN]);
	if (n[AGREE_POOL_ACCEPTS_INVALID] > 0)
		line(o, "WRONG", "%" PRIu64 " accepted that are not valid",
		    n[AGREE_POOL_ACCEPTS_INVALID]);
	if (n[AGREE_POOL_REJECTS_VALID] > 0)
		line(o, "WRONG", "%" PRIu64 " rejected that are valid",
		    n[AGREE_POOL_REJECTS_VALID]);
	if (r->acks_anything > 0)
		line(o, "WRONG",
		    "%" PRIu64 " sessions whose upstream takes anything",
		    r->acks_anything);
}

static void
summary_lines(struct report *r)
{
	struct output *o = r->out;

	fprintf(o->fp, "%s%s\n", r->listed > 0 ? "\n" : "",
	    input_format_name(r->info.format));
	line(o, "read",
	    "%" PRIu64 " %ss, %" PRIu64 " sessions, %" PRIu64 " messages",
	    r->info.items, r->info.format < INPUT_PCAP ? "object" : "packet",
	    r->sessions, r->messages);
	if (r->info.gaps > 0)
		line(o, "gaps", "%" PRIu64 " places where bytes are missing",
		    r->info.gaps);
	line(o, "shares", "%" PRIu64, r->shares);
	if (r->blocks > 0)
		line(o, "blocks", "%" PRIu64, r->blocks);
	counts_line(o, "verdicts", r->verdict, VERDICTS, verdict_name);
	counts_line(o, "pool", r->pool, ANSWER_ODD + 1, class_name);
	agreement_lines(r);
}

/* --- for programs --- */

static void
put_us(struct json_out *j, const char *key, bool known, uint64_t from,
    uint64_t to)
{
	if (known && to >= from)
		json_kuint(j, key, (to - from) / 1000);
	else
		json_knull(j, key);
}

/* The network's part is not in a file; pool_us has what lies behind us. */
static void
put_latency(struct json_out *j, const struct report_row *row)
{
	bool answered = row->answer.class != ANSWER_NONE;
	bool fwd = row->ts_fwd >= row->ts && row->ts_fwd != 0;
	bool both = answered && fwd && row->answer_fwd >= row->answer_ts;

	json_kobject(j, "latency");
	put_us(j, "own_us", both, row->ts + row->answer_ts,
	    row->ts_fwd + row->answer_fwd);
	json_knull(j, "tcp_miner_us");
	json_knull(j, "tcp_pool_us");
	put_us(j, "pool_us", answered, fwd ? row->ts_fwd : row->ts,
	    row->answer_ts);
	json_object_end(j);
}

static void
put_times(struct json_out *j, const struct report *r,
    const struct report_row *row)
{
	char time[OBJECT_TIME];

	object_time((int64_t)(row->ts / 1000), time);
	json_kcstr(j, "ts", r->info.absolute ? time : NULL);
	json_kdouble(j, "t",
	    (double)(row->ts >= r->began ? row->ts - r->began : 0) / 1e9);
}

static void
put_header(struct json_out *j, const struct report_row *row)
{
	const struct verify_share *s = &row->share;
	char hex[65];

	hex_text(s->en2.b, s->en2.len, hex);
	json_kcstr(j, "extranonce2", s->en2.len > 0 ? hex : NULL);
	object_put_hex32(j, "ntime", row->has_ntime, s->ntime);
	object_put_hex32(j, "nonce", row->has_nonce, s->nonce);
	object_put_hex32(j, "version", s->hashed, s->version);
	object_put_hex32(j, "version_bits", s->has_bits, s->bits);
	hex_text_reversed(s->hash, 32, hex);
	json_kcstr(j, "hash", s->hashed ? hex : NULL);
	object_put_positive(j, "difficulty", s->hashed ? s->reached : 0);
}

static void
put_verdict(struct json_out *j, const struct report_row *row)
{
	const struct verify_share *s = &row->share;
	const struct answer *a = &row->answer;
	bool judged = row->judged.agreement != AGREE_UNANSWERED;
	char note[2 * REPORT_SENTENCE];

	describe(row, note, sizeof(note));
	json_kbool(j, "is_block", s->is_block);
	json_kcstr(j, "verdict", verdict_name(s->verdict));
	json_kcstr(j, "pool_verdict", pool_verdict(row));
	if (a->class == ANSWER_NONE || (a->text[0] == '\0' && !a->has_code))
		json_knull(j, "pool_error");
	else if (a->text[0] != '\0')
		json_kcstr(j, "pool_error", a->text);
	else
		json_kint(j, "pool_error", a->code);
	object_put_text(j, "cause",
	    verify_cause_name(
		(enum verify_cause)(judged ? row->judged.cause : s->cause)));
	object_put_text(j, "sentence", note);
	json_kcstr(j, "agreement",
	    verify_agreement_name(
		(enum verify_agreement)row->judged.agreement));
	json_kcstr(j, "version_formula",
	    s->hashed && s->has_bits ?
		work_formula_name((enum work_formula)s->formula) :
		NULL);
}

static void
share_json(struct report *r, const struct report_row *row)
{
	struct json_out *j = &r->out->json;

	fputs(r->listed > 0 ? ",\n" : "\n", r->out->fp);
	json_reset(j);
	json_object(j);
	json_kuint_str(j, "id", row->id);
	if (row->message_id != 0)
		json_kuint_str(j, "message_id", row->message_id);
	else
		json_knull(j, "message_id");
	json_kuint(j, input_unit(r->info.format), row->at);
	json_kcstr(j, "session_id", row->session);
	object_put_text(j, "worker", row->share.worker);
	object_put_text(j, "job_id", row->share.job_id);
	put_times(j, r, row);
	put_header(j, row);
	object_put_positive(j, "required_difficulty", required(row));
	put_verdict(j, row);
	put_latency(j, row);
	json_object_end(j);
	output_object(r->out);
}

static void
put_counts(struct json_out *j, const char *key, const uint64_t *n,
    unsigned count, const char *(*name)(unsigned))
{
	unsigned i;

	json_kobject(j, key);
	for (i = 0; i < count; i++)
		json_kuint(j, name(i), n[i]);
	json_object_end(j);
}

static const char *
agreement_name(unsigned a)
{
	return verify_agreement_name((enum verify_agreement)a);
}

static void
summary_json(struct report *r, const char *error)
{
	struct json_out *j = &r->out->json;

	fputs(r->listed > 0 ? "\n],\"summary\":" : "],\"summary\":",
	    r->out->fp);
	json_reset(j);
	json_object(j);
	json_kcstr(j, "format", input_format_name(r->info.format));
	json_kuint(j, r->info.format < INPUT_PCAP ? "objects" : "packets",
	    r->info.items);
	json_kuint(j, "sessions", r->sessions);
	json_kuint(j, "messages", r->messages);
	json_kuint(j, "gaps", r->info.gaps);
	json_kuint(j, "shares", r->shares);
	json_kuint(j, "blocks", r->blocks);
	put_counts(j, "verdicts", r->verdict, VERDICTS, verdict_name);
	put_counts(j, "pool_verdicts", r->pool, ANSWER_ODD + 1, class_name);
	put_counts(j, "agreement", r->agreement, AGREEMENTS, agreement_name);
	json_kuint(j, "answered", r->answered);
	json_kuint(j, "agreed", r->agreement[AGREE_YES]);
	json_kuint(j, "acks_anything", r->acks_anything);
	json_kbool(j, "complete", error[0] == '\0');
	object_put_text(j, "error", error);
	json_object_end(j);
	output_object(r->out);
	fputs("}\n", r->out->fp);
}

/* --- */

void
report_begin(struct report *r, struct output *o, bool only_disputed)
{
	memset(r, 0, sizeof(*r));
	r->out = o;
	r->only_disputed = only_disputed;
	if (is_json(r))
		fputs("{\"shares\":[", o->fp);
	else
		table_init(&o->table, columns);
}

void
report_share(struct report *r, const struct report_row *row)
{
	r->shares++;
	r->blocks += row->share.is_block;
	r->verdict[row->share.verdict]++;
	r->pool[row->answer.class]++;
	r->agreement[row->judged.agreement]++;
	r->answered += row->answer.class != ANSWER_NONE;
	if (r->only_disputed && !is_disputed(row))
		return;
	if (is_json(r))
		share_json(r, row);
	else
		share_text(r, row);
	r->listed++;
}

void
report_end(struct report *r, const char *error)
{
	if (is_json(r)) {
		summary_json(r, error);
		return;
	}
	table_print(&r->out->table, r->out->fp, r->out->width);
	if (r->messages > 0 || error[0] == '\0')
		summary_lines(r);
}

bool
report_is_good(const struct report *r)
{
	return r->agreement[AGREE_POOL_ACCEPTS_INVALID] == 0 &&
	    r->agreement[AGREE_POOL_REJECTS_VALID] == 0 &&
	    r->verdict[VERDICT_UNDECIDED] == 0;
}
