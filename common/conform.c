/*
 * See conform.h.
 */
#include <string.h>

#include "common/conform.h"

static const struct {
	const char *code;
	const char *text;
} names[CONFORM_MAX] = {
	[CONFORM_ID_NULL] = { "id_null",
	    "a request whose id is null: nothing can answer it" },
	[CONFORM_ID_MISSING] = { "id_missing",
	    "a request without an id: nothing can answer it" },
	[CONFORM_ID_STRING] = { "id_string",
	    "ids are strings; some pools answer numbers only" },
	[CONFORM_ID_ODD] = { "id_odd",
	    "an id that is neither a number nor a string" },
	[CONFORM_ID_REUSED] = { "id_reused",
	    "an id is used again before its answer came, so that answers can "
	    "be told apart by their order alone" },
	[CONFORM_NOTIFICATION_ID] = { "notification_id",
	    "a notification has an id, as if it were to be answered" },
	[CONFORM_UNKNOWN_ANSWER] = { "unknown_answer",
	    "an answer to nothing that was asked" },
	[CONFORM_UNKNOWN_METHOD] = { "unknown_method",
	    "a method that Stratum does not have" },
	[CONFORM_WRONG_SIDE] = { "wrong_side",
	    "a method that belongs to the other side" },
	[CONFORM_KEY_ORDER] = { "key_order",
	    "params or result come before id and method, which a reader that "
	    "expects an order does not find" },
	[CONFORM_DUPLICATE_KEY] = { "duplicate_key",
	    "a key comes twice in one object: readers differ in which counts" },
	[CONFORM_CRLF] = { "crlf", "lines end with CR LF; Stratum has LF" },
	[CONFORM_SEVERAL] = { "several_objects",
	    "several objects in one line" },
	[CONFORM_NOT_JSON] = { "not_json", "a line that is no JSON object" },
	[CONFORM_TOO_LONG] = { "too_long", "a line longer than 64 KiB" },
	[CONFORM_SUGGEST_EARLY] = { "suggest_before_authorize",
	    "a difficulty is suggested before mining.authorize; some pools "
	    "listen to it only afterwards" },
	[CONFORM_AUTHORIZE_EARLY] = { "authorize_before_subscribe",
	    "mining.authorize comes before mining.subscribe" },
	[CONFORM_CONFIGURE_LATE] = { "configure_after_subscribe",
	    "mining.configure comes after mining.subscribe; BIP 310 wants it "
	    "first" },
	[CONFORM_SUBMIT_UNAUTHORIZED] = { "submit_unauthorized",
	    "a share before any worker was authorized" },
	[CONFORM_SUBMIT_WORKER] = { "submit_wrong_worker",
	    "a share for another worker than was authorized" },
	[CONFORM_SUBMIT_RETIRED] = { "submit_retired_job",
	    "a share for a job that a clean one had retired" },
	[CONFORM_SUBMIT_UNKNOWN_JOB] = { "submit_unknown_job",
	    "a share for a job that this session was never given" },
	[CONFORM_SUBMIT_DUPLICATE] = { "submit_duplicate",
	    "the same share once more" },
	[CONFORM_SUBMIT_EXTRANONCE2] = { "submit_extranonce2_size",
	    "an extranonce2 of another size than the pool asked for" },
	[CONFORM_SUBMIT_BITS_UNASKED] = { "submit_bits_unnegotiated",
	    "version bits that were never negotiated" },
	[CONFORM_SUBMIT_BITS_OUTSIDE] = { "submit_bits_outside_mask",
	    "version bits outside of the mask that was negotiated" },
	[CONFORM_SUBMIT_NTIME] = { "submit_ntime",
	    "an ntime before the job's, too far ahead, or no number" },
	[CONFORM_SUBMIT_MALFORMED] = { "submit_malformed",
	    "parameters of mining.submit that cannot be read" },
};

const char *
conform_code(enum conform c)
{
	return c < CONFORM_MAX ? names[c].code : "";
}

const char *
conform_text(enum conform c)
{
	return c < CONFORM_MAX ? names[c].text : "";
}

void
conform_note(struct conform_notes *n, enum conform c, uint64_t pos)
{
	struct conform_note *of = &n->of[c];

	if (of->count++ == 0)
		of->first = pos;
	of->last = pos;
}

void
conform_pack(const struct conform_notes *n, struct mbuf *m)
{
	uint8_t kinds = 0;
	unsigned i;

	for (i = 0; i < CONFORM_MAX; i++)
		kinds += n->of[i].count != 0;
	msg_put_u8(m, kinds);
	for (i = 0; i < CONFORM_MAX; i++) {
		if (n->of[i].count == 0)
			continue;
		msg_put_u8(m, (uint8_t)i);
		msg_put_u64(m, n->of[i].count);
		msg_put_u64(m, n->of[i].first);
		msg_put_u64(m, n->of[i].last);
	}
}

void
conform_unpack(struct conform_notes *n, struct mcur *c)
{
	struct conform_note note;
	unsigned kinds, i;

	memset(n, 0, sizeof(*n));
	for (kinds = msg_get_u8(c); kinds > 0 && !c->bad; kinds--) {
		i = msg_get_u8(c);
		note.count = msg_get_u64(c);
		note.first = msg_get_u64(c);
		note.last = msg_get_u64(c);
		if (i < CONFORM_MAX && !c->bad)
			n->of[i] = note;
	}
}
