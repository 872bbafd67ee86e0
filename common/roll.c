/*
 * See roll.h.  The numbers under which fields are packed are in stores:
 * they stay.  Verdicts and causes are packed by their numbers in verify.h,
 * where new ones go to the end.
 */
#include <stddef.h>
#include <string.h>

#include "common/roll.h"

#define FIELD_VERDICT 16u
#define FIELD_HIST    32u
#define FIELD_CAUSE   64u
#define FIELD_REAL    224u /* from here on doubles, 8 bytes each */

#define HIST_FIRST_US 100.0
#define HIST_FACTOR   1.5

_Static_assert(FIELD_VERDICT + VERDICTS <= FIELD_HIST, "too many verdicts");
_Static_assert(FIELD_HIST + ROLL_HIST <= FIELD_CAUSE, "histogram too long");
_Static_assert(FIELD_CAUSE + CAUSES <= FIELD_REAL, "too many causes");

#define AT(member) offsetof(struct roll, member)

static const struct field {
	uint8_t number;
	bool highest; /* not a sum */
	size_t at;
} scalars[] = {
	{ 1, false, AT(messages[0]) },
	{ 2, false, AT(messages[1]) },
	{ 3, false, AT(bytes[0]) },
	{ 4, false, AT(bytes[1]) },
	{ 5, false, AT(blocks) },
	{ 6, false, AT(accepted) },
	{ 7, false, AT(rejected) },
	{ 8, false, AT(odd) },
	{ 9, false, AT(stale) },
	{ 10, false, AT(disputed) },
	{ 11, true, AT(last_us) },
	{ 160, false, AT(latency_n) },
	{ 161, false, AT(latency) },
	{ 162, false, AT(own) },
	{ 163, false, AT(tcp_miner) },
	{ 164, false, AT(tcp_pool) },
	{ 165, false, AT(pool) },
}, reals[] = {
	{ FIELD_REAL, false, AT(accepted_difficulty) },
	{ FIELD_REAL + 1, false, AT(rejected_difficulty) },
	{ FIELD_REAL + 2, false, AT(stale_difficulty) },
	{ FIELD_REAL + 3, true, AT(best) },
};

static const struct {
	uint8_t first, n;
	size_t at;
} arrays[] = {
	{ FIELD_VERDICT, VERDICTS, AT(verdict) },
	{ FIELD_HIST, ROLL_HIST, AT(hist) },
	{ FIELD_CAUSE, CAUSES, AT(cause) },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int64_t *
int_at(struct roll *r, size_t at)
{
	return (int64_t *)(void *)((char *)r + at);
}

static int64_t
int_of(const struct roll *r, size_t at)
{
	int64_t v;

	memcpy(&v, (const char *)r + at, sizeof(v));
	return v;
}

static double
real_of(const struct roll *r, size_t at)
{
	double v;

	memcpy(&v, (const char *)r + at, sizeof(v));
	return v;
}

/* --- counting --- */

void
roll_message(struct roll *r, unsigned dir, uint64_t bytes)
{
	unsigned d = dir == 1;

	r->messages[d]++;
	r->bytes[d] += (int64_t)bytes;
}

void
roll_share(struct roll *r, const struct verify_brief *s, bool is_block,
    int64_t real_us)
{
	r->verdict[s->verdict]++;
	if (s->cause != CAUSE_NONE)
		r->cause[s->cause]++;
	r->blocks += is_block;
	if (s->verdict == VERDICT_VALID && s->reached > r->best)
		r->best = s->reached;
	if (real_us > r->last_us)
		r->last_us = real_us;
}

static unsigned
hist_of(int64_t us)
{
	double bound = HIST_FIRST_US;
	unsigned i = 0;

	while (i < ROLL_HIST - 1 && (double)us >= bound) {
		bound *= HIST_FACTOR;
		i++;
	}
	return i;
}

static void
add_latency(struct roll *r, const struct roll_answer *a)
{
	int64_t us = (a->legs.own + a->legs.tcp_pool + a->legs.pool) / 1000;

	r->latency_n++;
	r->latency += us;
	r->own += a->legs.own / 1000;
	r->tcp_miner += a->legs.tcp_miner / 1000;
	r->tcp_pool += a->legs.tcp_pool / 1000;
	r->pool += a->legs.pool / 1000;
	r->hist[hist_of(us)]++;
}

static bool
is_stale(const struct roll_answer *a)
{
	return a->share->verdict == VERDICT_STALE ||
	    a->said->reason == ANSWER_R_STALE;
}

bool
roll_is_dispute(uint8_t agreement)
{
	return agreement == AGREE_POOL_ACCEPTS_INVALID ||
	    agreement == AGREE_POOL_REJECTS_VALID;
}

void
roll_answer(struct roll *r, const struct roll_answer *a)
{
	double required = a->share->required;

	if (a->said->class == ANSWER_ACCEPTED) {
		r->accepted++;
		r->accepted_difficulty += required;
	} else if (a->said->class == ANSWER_REJECTED) {
		r->rejected++;
		r->rejected_difficulty += required;
		if (is_stale(a)) {
			r->stale++;
			r->stale_difficulty += required;
		}
	} else {
		r->odd++;
	}
	r->disputed += roll_is_dispute(a->judged->agreement);
	/* The answer may show another cause than the share alone did. */
	if (a->judged->cause != a->share->cause) {
		r->cause[a->share->cause] -= a->share->cause != CAUSE_NONE;
		r->cause[a->judged->cause] += a->judged->cause != CAUSE_NONE;
	}
	if (a->answered)
		add_latency(r, a);
}

static void
merge_int(struct roll *to, const struct field *f, int64_t v)
{
	int64_t *p = int_at(to, f->at);

	if (!f->highest)
		*p += v;
	else if (v > *p)
		*p = v;
}

static void
merge_real(struct roll *to, const struct field *f, double v)
{
	double *p = (double *)(void *)((char *)to + f->at);

	if (!f->highest)
		*p += v;
	else if (v > *p)
		*p = v;
}

void
roll_add(struct roll *to, const struct roll *from)
{
	size_t i, j, at;

	for (i = 0; i < COUNT(scalars); i++)
		merge_int(to, &scalars[i], int_of(from, scalars[i].at));
	for (i = 0; i < COUNT(reals); i++)
		merge_real(to, &reals[i], real_of(from, reals[i].at));
	for (i = 0; i < COUNT(arrays); i++) {
		for (j = 0; j < arrays[i].n; j++) {
			at = arrays[i].at + j * sizeof(int64_t);
			*int_at(to, at) += int_of(from, at);
		}
	}
}

/* --- what follows from it --- */

int64_t
roll_shares(const struct roll *r)
{
	int64_t n = 0;

	for (unsigned i = 0; i < VERDICTS; i++)
		n += r->verdict[i];
	return n;
}

int64_t
roll_unanswered(const struct roll *r)
{
	return roll_shares(r) - r->accepted - r->rejected - r->odd;
}

static double
rate(int64_t part, int64_t whole)
{
	return whole <= 0 ? 0 : (double)part / (double)whole;
}

double
roll_reject_rate(const struct roll *r)
{
	return rate(r->rejected, r->accepted + r->rejected);
}

double
roll_stale_rate(const struct roll *r)
{
	return rate(r->stale, r->accepted + r->rejected);
}

double
roll_hashrate(double accepted_difficulty, double seconds)
{
	return seconds > 0 ? accepted_difficulty * ROLL_HASHES / seconds : 0;
}

int64_t
roll_latency(const struct roll *r, double part)
{
	double want, seen = 0, low = 0, high = HIST_FIRST_US;
	int64_t n = 0;
	unsigned i;

	for (i = 0; i < ROLL_HIST; i++)
		n += r->hist[i];
	want = part * (double)n;
	for (i = 0; n > 0 && i < ROLL_HIST; i++) {
		if (r->hist[i] > 0 && seen + (double)r->hist[i] >= want)
			return (int64_t)(low +
			    (high - low) * (want - seen) / (double)r->hist[i]);
		seen += (double)r->hist[i];
		low = high;
		high *= HIST_FACTOR;
	}
	return 0;
}

/* --- as bytes --- */

static void
put_int(struct mbuf *m, unsigned number, int64_t v)
{
	uint64_t z = (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
	uint8_t b[11];
	size_t n = 0;

	if (v == 0)
		return;
	b[n++] = (uint8_t)number;
	for (; z >= 0x80; z >>= 7)
		b[n++] = (uint8_t)(z | 0x80);
	b[n++] = (uint8_t)z;
	msg_put_raw(m, b, n);
}

void
roll_pack(const struct roll *r, struct mbuf *m)
{
	size_t i, j;
	double v;

	for (i = 0; i < COUNT(scalars); i++)
		put_int(m, scalars[i].number, int_of(r, scalars[i].at));
	for (i = 0; i < COUNT(arrays); i++)
		for (j = 0; j < arrays[i].n; j++)
			put_int(m, arrays[i].first + (unsigned)j,
			    int_of(r, arrays[i].at + j * sizeof(int64_t)));
	for (i = 0; i < COUNT(reals); i++) {
		v = real_of(r, reals[i].at);
		if (v == 0)
			continue;
		msg_put_u8(m, reals[i].number);
		msg_put_double(m, v);
	}
}

static int64_t
get_int(struct mcur *c)
{
	uint64_t z = 0;
	uint8_t b;
	unsigned shift = 0;

	do {
		b = msg_get_u8(c);
		if (shift > 63) {
			c->bad = true;
			return 0;
		}
		z |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while ((b & 0x80) != 0 && !c->bad);
	return (int64_t)(z >> 1 ^ (0 - (z & 1)));
}

static void
take_int(struct roll *r, unsigned number, int64_t v)
{
	struct field f = { 0 };
	size_t i;

	for (i = 0; i < COUNT(arrays); i++) {
		if (number < arrays[i].first ||
		    number >= arrays[i].first + (unsigned)arrays[i].n)
			continue;
		f.at = arrays[i].at +
		    (number - arrays[i].first) * sizeof(int64_t);
		merge_int(r, &f, v);
		return;
	}
	/* A number that is not known was written by a newer HashScope. */
	for (i = 0; i < COUNT(scalars); i++)
		if (scalars[i].number == number)
			merge_int(r, &scalars[i], v);
}

static void
take_real(struct roll *r, unsigned number, double v)
{
	for (size_t i = 0; i < COUNT(reals); i++)
		if (reals[i].number == number)
			merge_real(r, &reals[i], v);
}

int
roll_unpack(struct roll *r, const void *data, size_t len)
{
	struct mcur c;
	unsigned number;

	mcur_init(&c, data, len);
	while (c.left > 0 && !c.bad) {
		number = msg_get_u8(&c);
		if (number >= FIELD_REAL)
			take_real(r, number, msg_get_double(&c));
		else
			take_int(r, number, get_int(&c));
	}
	return c.bad ? -1 : 0;
}
