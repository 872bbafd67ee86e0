/*
 * A share: its parameters, and the headers that may be meant by them.
 *
 * The plain one is tried first, and with an ordinary share that is all: one
 * Merkle root, mostly kept from the share before, and one hash.  Only when it
 * fails are the others tried; their number is bounded, about a dozen roots.
 */
#include <math.h>
#include <string.h>

#include "common/hex.h"
#include "common/utf8.h"
#include "common/verify_int.h"

#define REUSED_MAX 2 /* earlier jobs of the same id that are tried */

enum {
	P_WORKER,
	P_JOB,
	P_EN2,
	P_NTIME,
	P_NONCE,
	P_BITS
};

bool
verify_reaches(const uint8_t hash[32], double reached, double required)
{
	struct u256 h, limit;

	if (required <= 0)
		return false;
	if (fabs(reached / required - 1) > 1e-12)
		return reached > required;
	h = target_of_hash(hash);
	return target_of_difficulty(required, TARGET_BDIFF, &limit) == 0 &&
	    target_cmp(&h, &limit) <= 0;
}

/* One way to make the header, and what comes of it. */
struct trial {
	const struct work_job *job;
	const struct verify_en *en;
	struct work_bytes en2;
	enum verify_en2 form;
	double least; /* the lowest difficulty that may be asked; 0 unknown */
	uint8_t root[32];
	/* Out: of the formula whose hash is the best. */
	double reached;
	uint32_t version;
	uint8_t formula, formulas;
	uint8_t header[WORK_HEADER], hash[32];
};

static void
find_root(struct verify *v, struct trial *t)
{
	struct verify_root *r = &v->root;

	if (r->job != t->job || r->en != t->en->serial ||
	    r->en2.len != t->en2.len ||
	    memcmp(r->en2.b, t->en2.b, t->en2.len) != 0) {
		work_root(t->job, &t->en->b, &t->en2, r->root);
		r->job = t->job;
		r->en = t->en->serial;
		r->en2 = t->en2;
	}
	memcpy(t->root, r->root, sizeof(t->root));
}

static void
try_version(struct trial *t, const struct verify_share *s, enum work_formula f,
    uint32_t version)
{
	uint8_t header[WORK_HEADER], hash[32];
	struct u256 h;
	double reached;

	work_header(t->job, t->root, version, s->ntime, s->nonce, header);
	sha256d(header, sizeof(header), hash);
	h = target_of_hash(hash);
	reached = target_difficulty(&h, TARGET_BDIFF);
	if (verify_reaches(hash, reached, t->least))
		t->formulas |= (uint8_t)(1u << f);
	if (reached <= t->reached)
		return;
	t->reached = reached;
	t->version = version;
	t->formula = (uint8_t)f;
	memcpy(t->header, header, sizeof(header));
	memcpy(t->hash, hash, sizeof(hash));
}

/*
 * A formula that gives the same version as one before is as good as that.
 * "No bits" is looked at when the others do not agree on a good hash.
 */
static void
try_formulas(struct trial *t, const struct verify_share *s)
{
	uint32_t version[WORK_FORMULAS];
	unsigned f, same;

	for (f = 0; f < WORK_FORMULAS; f++) {
		version[f] = work_version((enum work_formula)f, t->job->version,
		    s->mask, s->bits);
		if (f == WORK_NONE && t->formulas == 7)
			return;
		for (same = 0; version[same] != version[f]; same++)
			;
		if (same < f)
			t->formulas |= (uint8_t)((t->formulas >> same & 1u)
			    << f);
		else
			try_version(t, s, (enum work_formula)f, version[f]);
	}
}

/* True when its hash is good. */
static bool
run(struct verify *v, struct trial *t, const struct verify_share *s)
{
	t->reached = 0;
	t->formulas = 0;
	find_root(v, t);
	if (s->has_bits)
		try_formulas(t, s);
	else
		try_version(t, s, WORK_NONE, t->job->version);
	return t->formulas != 0;
}

/* With the length that the pool asks for. */
static void
fit_en2(struct trial *t)
{
	uint8_t size = t->en->size;

	t->form = t->en2.len < size ? EN2_PADDED : EN2_CUT;
	if (t->en2.len < size)
		memset(t->en2.b + t->en2.len, 0, size - t->en2.len);
	t->en2.len = size;
}

static bool
try_other_en(struct verify *v, struct trial *t, const struct verify_share *s,
    enum verify_cause *why)
{
	const struct verify_en *own = t->en;
	int i;

	for (i = 0; i < VERIFY_EN_MAX; i++) {
		if (!v->en[i].usable || v->en[i].serial == own->serial)
			continue;
		t->en = &v->en[i];
		*why = t->en->serial > own->serial ? CAUSE_NEW_EXTRANONCE :
						     CAUSE_OLD_EXTRANONCE;
		if (run(v, t, s))
			return true;
	}
	t->en = own;
	return false;
}

static bool
try_other_job(struct verify *v, struct trial *t, const struct verify_share *s,
    int given, enum verify_cause *why)
{
	const struct verify_en *own = t->en;
	const struct work_job *j;
	int n, i = given;

	for (n = 0; n < REUSED_MAX; n++) {
		i = verify_given_find(v, s->job_id, strlen(s->job_id), i);
		if (i == -1)
			return false;
		j = v->given[i].job;
		t->en = verify_en_find(v, v->given[i].en);
		if (j == NULL || j->fault != WORK_SOUND || t->en == NULL ||
		    !t->en->usable)
			continue;
		*why = j == t->job ? CAUSE_OLD_EXTRANONCE : CAUSE_JOB_REUSED;
		t->job = j;
		if (run(v, t, s))
			return true;
	}
	t->en = own;
	return false;
}

static void
put_trial(const struct trial *t, struct verify_share *s)
{
	s->hashed = true;
	s->job = t->job;
	s->en1 = t->en->b;
	s->en2 = t->en2;
	s->en2_form = (uint8_t)t->form;
	s->reached = t->reached;
	s->version = t->version;
	s->formula = t->formula;
	s->formulas = t->formulas;
	memcpy(s->header, t->header, sizeof(s->header));
	memcpy(s->hash, t->hash, sizeof(s->hash));
}

enum verify_cause
verify_hash_share(struct verify *v, int given, struct verify_share *s)
{
	struct trial plain = { .job = v->given[given].job,
		.en = verify_en_find(v, v->given[given].en),
		.en2 = s->en2,
		.form = s->en2_sent > s->en2.len ? EN2_CUT : EN2_AS_SENT };
	struct trial other;
	enum verify_cause why = CAUSE_NONE;

	plain.least = s->job_difficulty;
	if (s->present > 0 && (plain.least == 0 || s->present < plain.least))
		plain.least = s->present;
	if (plain.en == NULL)
		plain.en = verify_en_find(v, v->en_active);
	if (run(v, &plain, s) || plain.least == 0) {
		put_trial(&plain, s);
		return CAUSE_NONE;
	}
	other = plain;
	if (other.en2.len != other.en->size) {
		fit_en2(&other);
		if (run(v, &other, s)) {
			put_trial(&other, s);
			return CAUSE_NONE;
		}
		other = plain;
	}
	if (try_other_en(v, &other, s, &why) ||
	    try_other_job(v, &other, s, given, &why)) {
		put_trial(&other, s);
		return why;
	}
	put_trial(&plain, s);
	return CAUSE_NONE;
}

/* --- the parameters --- */

static int
undecided(struct verify_share *s, enum verify_cause why)
{
	s->verdict = VERDICT_UNDECIDED;
	s->cause = (uint8_t)why;
	return -1;
}

static int
malformed(struct verify_share *s, int param)
{
	s->bad_param = (uint8_t)(param + 1);
	return undecided(s, CAUSE_MALFORMED);
}

static int
wrong(struct verify_share *s, enum verify_verdict verdict,
    enum verify_cause why)
{
	s->verdict = (uint8_t)verdict;
	s->cause = (uint8_t)why;
	s->firm = true;
	return -1;
}

/* Names are ASCII nearly always, and need no decoding then. */
static bool
is_ascii(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

/* The hash of the name, which may be longer than what is kept of it. */
static uint64_t
take_worker(const struct jtree *t, uint32_t node, struct verify_share *s)
{
	char name[4 * STRATUM_TEXT_MAX];
	long n = jtree_name(t, node, name, sizeof(name));

	if (n <= 0)
		return 0;
	if ((size_t)n < sizeof(s->worker) && is_ascii(name, (size_t)n))
		memcpy(s->worker, name, (size_t)n + 1);
	else
		utf8_copy(s->worker, sizeof(s->worker), name, (size_t)n);
	return verify_hash(name, (size_t)n);
}

/* Without a job's id nothing else can be said. */
static int
take_job(const struct jtree *t, const uint32_t p[6], struct verify_share *s)
{
	if (jtree_name(t, p[P_JOB], s->job_id, sizeof(s->job_id)) < 0)
		return malformed(s, P_JOB);
	return 0;
}

static int
take_en2(const struct jtree *t, uint32_t node, struct verify_share *s)
{
	size_t len;
	const char *hex = jtree_plain(t, node, &len);

	if (node == JTREE_NONE)
		return malformed(s, P_EN2);
	if (hex == NULL)
		return wrong(s, VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_ODD);
	s->en2_sent = (uint8_t)(len / 2 < 255 ? len / 2 : 255);
	s->en2.len = s->en2_sent < WORK_EXTRANONCE_MAX ? s->en2_sent :
							 WORK_EXTRANONCE_MAX;
	if (len % 2 != 0 || hex_bytes(hex, 2 * s->en2.len, s->en2.b) == -1)
		return wrong(s, VERDICT_BAD_EXTRANONCE2, CAUSE_EN2_ODD);
	return 0;
}

static int
take_u32(const struct jtree *t, uint32_t node, uint32_t *out)
{
	size_t len;
	const char *hex = jtree_plain(t, node, &len);

	return hex == NULL ? -1 : hex_u32(hex, len, out);
}

static int
take_numbers(const struct jtree *t, const uint32_t p[6], struct verify_share *s)
{
	if (take_en2(t, p[P_EN2], s) == -1)
		return -1;
	if (p[P_NTIME] == JTREE_NONE)
		return malformed(s, P_NTIME);
	if (take_u32(t, p[P_NTIME], &s->ntime) == -1)
		return wrong(s, VERDICT_BAD_NTIME, CAUSE_NTIME_ODD);
	if (take_u32(t, p[P_NONCE], &s->nonce) == -1)
		return malformed(s, P_NONCE);
	if (s->worker[0] == '\0')
		return malformed(s, P_WORKER);
	if (p[P_BITS] == JTREE_NONE || jtree_is(t, p[P_BITS], J_NULL))
		return 0;
	s->has_bits = true;
	if (take_u32(t, p[P_BITS], &s->bits) == -1)
		return wrong(s, VERDICT_BAD_VERSION, CAUSE_BITS_ODD);
	return 0;
}

/* The job that is meant; -1 when that is the end of it. */
static int
find_given(const struct verify *v, struct verify_share *s)
{
	int i = verify_given_find(v, s->job_id, strlen(s->job_id), v->jobs);
	const struct verify_given *g;

	if (i == -1 && v->doubt & DOUBT_JOBS)
		return undecided(s, CAUSE_GAP);
	if (i == -1) {
		wrong(s, VERDICT_UNKNOWN_JOB, CAUSE_UNKNOWN_JOB);
		s->firm = !v->forgot;
		return -1;
	}
	g = &v->given[i];
	s->job = g->job;
	s->job_age = s->ts > g->ts ? s->ts - g->ts : 0;
	s->job_difficulty = g->difficulty > 0 ? g->difficulty : v->present;
	if (g->retired != 0 && s->ts > g->retired)
		s->late = s->ts - g->retired;
	return i;
}

/* Is there all that a header needs? */
static int
check_given(const struct verify *v, const struct verify_given *g,
    struct verify_share *s)
{
	const struct verify_en *en;

	if (g->job == NULL)
		return undecided(s, CAUSE_JOB_LOST);
	if (g->job->fault != WORK_SOUND)
		return undecided(s, CAUSE_BAD_JOB);
	en = verify_en_find(v, g->en != 0 ? g->en : v->en_active);
	if (en == NULL || !en->usable)
		return undecided(s,
		    v->doubt & DOUBT_HASH ? CAUSE_GAP : CAUSE_NO_EXTRANONCE);
	s->en2_size = en->size;
	return 0;
}

void
verify_submit(struct verify *v, const struct jtree *t, uint32_t params,
    uint64_t ts, struct verify_share *s)
{
	uint32_t p[6], node = jtree_item(t, params, 0);
	uint64_t worker;
	enum verify_cause why;
	int i;

	memset(s, 0, sizeof(*s));
	s->ts = ts;
	s->present = v->present;
	s->previous = v->previous;
	s->mask = v->negotiated ? v->mask : 0;
	for (i = 0; i < 6; i++) {
		p[i] = node;
		node = t->node[node].next;
	}
	worker = take_worker(t, p[P_WORKER], s);
	if (take_job(t, p, s) == -1 || (i = find_given(v, s)) == -1 ||
	    take_numbers(t, p, s) == -1 ||
	    check_given(v, &v->given[i], s) == -1)
		return;
	why = verify_hash_share(v, i, s);
	verify_rule(v, &v->given[i], worker, why, s);
}
