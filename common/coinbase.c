/*
 * A coinbase, byte by byte (the transaction format of Bitcoin, BIP 34 for the
 * height, BIP 141 for the commitment).
 */
#include <string.h>

#include "common/coinbase.h"
#include "common/utf8.h"

#define SCRIPT_MAX 100 /* bytes of a coinbase's script: consensus */
#define TAG_RUN    4   /* readable bytes in a row that are no accident */
#define EN_MAX     (2 * WORK_EXTRANONCE_MAX)

struct cursor {
	const uint8_t *p;
	size_t at, len;
	bool bad;
};

static const uint8_t *
take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p + c->at;

	if (c->bad || n > c->len - c->at) {
		c->bad = true;
		return NULL;
	}
	c->at += n;
	return p;
}

static uint64_t
take_le(struct cursor *c, unsigned n)
{
	const uint8_t *p = take(c, n);
	uint64_t v = 0;

	while (p != NULL && n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static uint64_t
take_varint(struct cursor *c)
{
	uint64_t v = take_le(c, 1);

	if (v == 0xfd)
		return take_le(c, 2);
	if (v == 0xfe)
		return take_le(c, 4);
	return v == 0xff ? take_le(c, 8) : v;
}

static enum coinbase_fault
take_input(struct coinbase *cb, struct cursor *c)
{
	static const uint8_t none[32];
	const uint8_t *p;
	uint64_t n;

	cb->version = (uint32_t)take_le(c, 4);
	n = take_varint(c);
	if (n == 0 && !c->bad) {
		cb->witness = take_le(c, 1) == 1;
		n = take_varint(c);
	}
	p = take(c, 32);
	if (n != 1 || p == NULL || memcmp(p, none, 32) != 0 ||
	    take_le(c, 4) != UINT32_MAX)
		return COINBASE_BAD_INPUT;
	n = take_varint(c);
	cb->script_at = (uint32_t)c->at;
	if (c->bad || n > SCRIPT_MAX || take(c, n) == NULL)
		return COINBASE_BAD_SCRIPT;
	cb->script_len = (uint32_t)n;
	cb->sequence = (uint32_t)take_le(c, 4);
	return c->bad ? COINBASE_BAD_END : COINBASE_SOUND;
}

static void
note_commitment(struct coinbase *cb, const uint8_t *script, size_t len)
{
	if (len < 38 || memcmp(script, "\x6a\x24\xaa\x21\xa9\xed", 6) != 0)
		return;
	/* The last one counts. */
	cb->has_commitment = true;
	memcpy(cb->commitment, script + 6, 32);
}

static enum coinbase_fault
take_output(struct coinbase *cb, struct cursor *c)
{
	uint64_t value = take_le(c, 8), n = take_varint(c);
	const uint8_t *script;

	if (c->bad || n > c->len - c->at)
		return COINBASE_BAD_OUTPUT;
	script = take(c, n);
	cb->total += value;
	note_commitment(cb, script, n);
	if (cb->kept < COINBASE_OUTPUTS_MAX)
		cb->output[cb->kept++] = (struct coinbase_output){
			.value = value,
			.script = script,
			.script_len = (uint32_t)n,
		};
	return COINBASE_SOUND;
}

static enum coinbase_fault
take_outputs(struct coinbase *cb, struct cursor *c)
{
	uint64_t n = take_varint(c), i;

	/* An output has nine bytes at least. */
	if (c->bad || n > (c->len - c->at) / 9)
		return COINBASE_BAD_OUTPUT;
	cb->outputs = (uint32_t)n;
	for (i = 0; i < n; i++)
		if (take_output(cb, c) != COINBASE_SOUND)
			return COINBASE_BAD_OUTPUT;
	return COINBASE_SOUND;
}

/* One item of 32 bytes, the reserved value, where there is a marker. */
static void
take_witness(struct coinbase *cb, struct cursor *c)
{
	uint64_t n;

	if (!cb->witness)
		return;
	for (n = take_varint(c); n > 0 && !c->bad; n--)
		take(c, take_varint(c));
}

static enum coinbase_fault
parse(struct coinbase *cb)
{
	struct cursor c = { .p = cb->bytes, .len = cb->len };
	enum coinbase_fault f;

	cb->witness = false;
	cb->total = cb->outputs = cb->kept = 0;
	cb->has_commitment = false;
	cb->script_len = 0;
	if ((f = take_input(cb, &c)) != COINBASE_SOUND ||
	    (f = take_outputs(cb, &c)) != COINBASE_SOUND)
		return f;
	take_witness(cb, &c);
	cb->locktime = (uint32_t)take_le(&c, 4);
	return c.bad || c.at != c.len ? COINBASE_BAD_END : COINBASE_SOUND;
}

/* --- what its script says --- */

/* BIP 34: the script begins with the height as a number. */
static int64_t
find_height(const uint8_t *s, size_t len)
{
	int64_t v = 0;
	size_t n, i;

	if (len == 0)
		return -1;
	if (s[0] == 0)
		return 0;
	if (s[0] >= 0x51 && s[0] <= 0x60)
		return s[0] - 0x50;
	n = s[0];
	if (n > 5 || n > len - 1 || s[n] & 0x80)
		return -1;
	for (i = n; i > 0; i--)
		v = v << 8 | s[i];
	return v;
}

/* How many bytes from here on are readable text. */
static size_t
readable(const uint8_t *s, size_t len)
{
	size_t i = 0, n;
	bool ok;

	while (i < len && s[i] >= 0x20 && s[i] != 0x7f) {
		n = utf8_step(s + i, len - i, &ok);
		/* C1 controls are text for nobody. */
		if (!ok || (n == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0))
			break;
		i += n;
	}
	return i;
}

static void
find_text(struct coinbase *cb, const uint8_t *s, size_t len)
{
	size_t have = strlen(cb->tag), i = 0, n;

	while (i < len) {
		n = readable(s + i, len - i);
		if (n >= TAG_RUN && have + n + 1 < sizeof(cb->tag)) {
			if (have > 0)
				cb->tag[have++] = ' ';
			memcpy(cb->tag + have, s + i, n);
			have += n;
			cb->tag[have] = '\0';
		}
		i += n > 0 ? n : 1;
	}
}

/* Of both sides of the extranonces, which may look like text by accident. */
static void
find_tag(struct coinbase *cb, size_t len1)
{
	const uint8_t *s = cb->bytes + cb->script_at;
	size_t end = cb->script_at + cb->script_len, skip = 0, first, second;

	cb->height = find_height(s, cb->script_len);
	if (cb->height >= 0 && cb->script_len > 0 && s[0] < 0x51)
		skip = 1u + s[0];
	cb->tag[0] = '\0';
	first = len1 < end ? len1 : end;
	if (first > cb->script_at + skip)
		find_text(cb, s + skip, first - cb->script_at - skip);
	second = len1 + (size_t)cb->extranonce_len;
	if (second < cb->script_at + skip)
		second = cb->script_at + skip;
	if (second < end)
		find_text(cb, cb->bytes + second, end - second);
	cb->in_script = len1 >= cb->script_at && second <= end;
}

static void
join(struct coinbase *cb, const uint8_t *a, size_t na, const uint8_t *b,
    size_t nb, int en)
{
	memcpy(cb->bytes, a, na);
	memset(cb->bytes + na, 0, (size_t)en);
	memcpy(cb->bytes + na + (size_t)en, b, nb);
	cb->len = (uint32_t)(na + nb + (size_t)en);
	cb->extranonce_len = en;
}

/*
 * The length with which it is whole.  Eight bytes first, which most pools
 * have; a second one that would do is said.
 */
static int
find_en(struct coinbase *cb, const uint8_t *a, size_t na, const uint8_t *b,
    size_t nb)
{
	int en, found = -1, i;

	for (i = 0; i <= EN_MAX; i++) {
		en = i == 0 ? 8 : i <= 8 ? i - 1 : i;
		join(cb, a, na, b, nb, en);
		if (parse(cb) != COINBASE_SOUND)
			continue;
		if (found != -1) {
			cb->ambiguous = true;
			break;
		}
		found = en;
	}
	return found;
}

int
coinbase_parse(struct coinbase *cb, const uint8_t *a, size_t na,
    const uint8_t *b, size_t nb, int en, enum address_net net)
{
	uint32_t i;

	memset(cb, 0, offsetof(struct coinbase, output));
	cb->height = -1;
	if (na > WORK_COINBASE_MAX || nb > WORK_COINBASE_MAX - na ||
	    en > EN_MAX) {
		cb->fault = COINBASE_TOO_LONG;
		return -1;
	}
	/* Without a length that does, what eight bytes tell is told. */
	if (en < 0 && (en = find_en(cb, a, na, b, nb)) == -1)
		en = 8;
	join(cb, a, na, b, nb, en);
	cb->fault = (uint8_t)parse(cb);
	if (cb->fault != COINBASE_BAD_INPUT && cb->script_at > 0)
		find_tag(cb, na);
	for (i = 0; i < cb->kept; i++)
		cb->output[i].type = (uint8_t)
		    address_of_script(cb->output[i].script,
			cb->output[i].script_len, net, cb->output[i].address);
	return cb->fault == COINBASE_SOUND ? 0 : -1;
}

const char *
coinbase_fault_text(enum coinbase_fault f)
{
	static const char *const text[COINBASE_FAULTS] = {
		[COINBASE_SOUND] = "",
		[COINBASE_TOO_LONG] = "it is too long",
		[COINBASE_BAD_INPUT] = "it has not the one input of a coinbase",
		[COINBASE_BAD_SCRIPT] = "its script is longer than 100 bytes, "
					"or than it is",
		[COINBASE_BAD_OUTPUT] = "an output is broken off",
		[COINBASE_BAD_END] = "it does not end where it should",
	};

	return (unsigned)f < COINBASE_FAULTS ? text[f] : "";
}
