/*
 * Jobs out of mining.notify, kept by content, and headers out of jobs.
 */
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/work.h"

#define STORE_BUCKETS 4096 /* jobs are few: a pool's recent ones */

struct work_store {
	struct work_job *bucket[STORE_BUCKETS];
	size_t jobs, bytes, max;
};

/* --- the store --- */

struct work_store *
work_store_new(size_t max)
{
	struct work_store *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->max = max;
	return s;
}

void
work_store_free(struct work_store *s)
{
	struct work_job *j;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < STORE_BUCKETS; i++)
		while ((j = s->bucket[i]) != NULL) {
			s->bucket[i] = j->next;
			free(j);
		}
	free(s);
}

size_t
work_store_jobs(const struct work_store *s)
{
	return s->jobs;
}

size_t
work_store_bytes(const struct work_store *s)
{
	return s->bytes;
}

static struct work_job **
bucket(struct work_store *s, const uint8_t key[SHA256_LEN])
{
	return &s->bucket[(key[0] | key[1] << 8) % STORE_BUCKETS];
}

struct work_job *
work_ref(struct work_job *j)
{
	j->refs++;
	return j;
}

struct work_job *
work_find(struct work_store *s, const uint8_t key[SHA256_LEN])
{
	struct work_job *j;

	for (j = *bucket(s, key); j != NULL; j = j->next)
		if (memcmp(j->key, key, SHA256_LEN) == 0)
			return work_ref(j);
	return NULL;
}

void
work_unref(struct work_store *s, struct work_job *j)
{
	struct work_job **at;

	if (j == NULL || --j->refs > 0)
		return;
	for (at = bucket(s, j->key); *at != j; at = &(*at)->next)
		;
	*at = j->next;
	s->jobs--;
	s->bytes -= j->size;
	free(j);
}

/* A cleared job with that many bytes behind its id; NULL: no room. */
static struct work_job *
job_new(struct work_store *s, size_t id_len, size_t bytes)
{
	size_t size = sizeof(struct work_job) + id_len + 1 + bytes;
	struct work_job *j;

	if (size > s->max || s->bytes > s->max - size ||
	    (j = calloc(1, size)) == NULL)
		return NULL;
	j->size = (uint32_t)size;
	j->id_len = (uint16_t)id_len;
	return j;
}

/* Everything is filled in but what follows from it. */
static struct work_job *
job_keep(struct work_store *s, struct work_job *j)
{
	struct work_job **at = bucket(s, j->key);

	if (target_of_nbits(j->nbits, &j->target) == -1)
		memset(&j->target, 0, sizeof(j->target));
	sha256_init(&j->mid);
	sha256_update(&j->mid, j->coinb1, j->coinb1_len);
	j->refs = 1;
	j->next = *at;
	*at = j;
	s->jobs++;
	s->bytes += j->size;
	return j;
}

/* --- a notify --- */

enum {
	P_ID,
	P_PREVHASH,
	P_COINB1,
	P_COINB2,
	P_BRANCHES,
	P_VERSION,
	P_NBITS,
	P_NTIME,
	P_CLEAN
};

/* Where the parameters stand, and how long. */
struct notify {
	const struct jtree *t;
	uint32_t p[WORK_PARAMS];
	const char *coinb1, *coinb2; /* hex digits */
	size_t coinb1_len, coinb2_len;
	uint32_t branches;
	char id[WORK_ID_MAX + 1];
	size_t id_len;
};

/* The id: a string, or a number as it is written. */
static int
take_id(struct notify *n)
{
	long len;

	len = jtree_name(n->t, n->p[P_ID], n->id, sizeof(n->id));
	n->id_len = len < 0 ? 0 : (size_t)len;
	return len < 0 ? -1 : 0;
}

/* Hex digits of whole bytes, looked at later. */
static const char *
take_hex(const struct notify *n, int param, size_t *len)
{
	const char *s = jtree_plain(n->t, n->p[param], len);

	return s != NULL && *len % 2 == 0 ? s : NULL;
}

static int
take_coinbase(struct notify *n)
{
	n->coinb1 = take_hex(n, P_COINB1, &n->coinb1_len);
	n->coinb2 = take_hex(n, P_COINB2, &n->coinb2_len);
	if (n->coinb1 == NULL || n->coinb2 == NULL)
		return -1;
	n->coinb1_len /= 2;
	n->coinb2_len /= 2;
	return n->coinb1_len > WORK_COINBASE_MAX ||
		n->coinb2_len > WORK_COINBASE_MAX - n->coinb1_len ?
	    -1 :
	    0;
}

static int
take_branches(struct notify *n)
{
	n->branches = jtree_count(n->t, n->p[P_BRANCHES]);
	return jtree_is(n->t, n->p[P_BRANCHES], J_ARRAY) &&
		n->branches <= WORK_BRANCHES_MAX ?
	    0 :
	    -1;
}

/* What can be said without looking at the digits. */
static enum work_fault
take_params(struct notify *n, uint32_t params)
{
	uint32_t i, v = jtree_item(n->t, params, 0);

	for (i = 0; i < WORK_PARAMS; i++) {
		n->p[i] = v;
		v = n->t->node[v].next;
	}
	if (n->p[P_ID] == JTREE_NONE)
		return WORK_BAD_PARAMS;
	if (take_id(n) == -1)
		return WORK_BAD_ID;
	if (n->p[P_NTIME] == JTREE_NONE)
		return WORK_BAD_PARAMS;
	if (take_coinbase(n) == -1)
		return WORK_BAD_COINBASE;
	return take_branches(n) == -1 ? WORK_BAD_BRANCHES : WORK_SOUND;
}

/* Each word of four bytes is sent with its bytes reversed. */
static int
put_prevhash(const struct notify *n, uint8_t out[32])
{
	uint8_t sent[32];
	size_t len;
	const char *s = take_hex(n, P_PREVHASH, &len);
	int i;

	if (s == NULL || len != 64 || hex_bytes(s, len, sent) == -1)
		return -1;
	for (i = 0; i < 32; i++)
		out[i] = sent[i ^ 3];
	return 0;
}

static int
put_branches(const struct notify *n, uint8_t *out)
{
	uint32_t v = jtree_item(n->t, n->p[P_BRANCHES], 0), i;
	const char *s;
	size_t len;

	for (i = 0; i < n->branches; i++, out += 32, v = n->t->node[v].next) {
		s = jtree_plain(n->t, v, &len);
		if (s == NULL || len != 64 || hex_bytes(s, len, out) == -1)
			return -1;
	}
	return 0;
}

static int
put_u32(const struct notify *n, int param, uint32_t *out)
{
	size_t len;
	const char *s = jtree_plain(n->t, n->p[param], &len);

	return s == NULL ? -1 : hex_u32(s, len, out);
}

static enum work_fault
put_params(const struct notify *n, struct work_job *j)
{
	uint8_t *at = (uint8_t *)j->id + n->id_len + 1;

	j->coinb1 = at;
	j->coinb1_len = (uint32_t)n->coinb1_len;
	j->coinb2 = at + n->coinb1_len;
	j->coinb2_len = (uint32_t)n->coinb2_len;
	j->branch = j->coinb2 + n->coinb2_len;
	j->branches = (uint8_t)n->branches;
	if (put_prevhash(n, j->prevhash) == -1)
		return WORK_BAD_PREVHASH;
	if (hex_bytes(n->coinb1, 2 * n->coinb1_len, at) == -1)
		return WORK_BAD_COINBASE;
	at += n->coinb1_len;
	if (hex_bytes(n->coinb2, 2 * n->coinb2_len, at) == -1)
		return WORK_BAD_COINBASE;
	if (put_branches(n, at + n->coinb2_len) == -1)
		return WORK_BAD_BRANCHES;
	if (put_u32(n, P_VERSION, &j->version) == -1)
		return WORK_BAD_VERSION;
	if (put_u32(n, P_NBITS, &j->nbits) == -1)
		return WORK_BAD_NBITS;
	return put_u32(n, P_NTIME, &j->ntime) == -1 ? WORK_BAD_NTIME :
						      WORK_SOUND;
}

static struct work_job *
job_of_notify(struct work_store *s, struct notify *n, uint32_t params,
    const char *text, size_t text_len)
{
	enum work_fault fault = take_params(n, params);
	size_t bytes = fault != WORK_SOUND ?
	    0 :
	    n->coinb1_len + n->coinb2_len + 32 * (size_t)n->branches;
	struct work_job *j = job_new(s, n->id_len, bytes + text_len);
	char *copy;

	if (j == NULL)
		return NULL;
	copy = j->id + n->id_len + 1 + bytes;
	if (text_len > 0)
		memcpy(copy, text, text_len);
	j->text = copy;
	j->text_len = (uint32_t)text_len;
	memcpy(j->id, n->id, n->id_len);
	j->fault = (uint8_t)(fault != WORK_SOUND ? fault : put_params(n, j));
	if (j->fault != WORK_SOUND)
		j->coinb1_len = j->coinb2_len = j->branches = 0;
	return j;
}

/*
 * The key is made of the parameters' text, so that a job that is there
 * already is found without reading them; clean_jobs is not part of the job.
 */
static const char *
notify_text(const struct jtree *t, uint32_t params, size_t *len)
{
	uint32_t first = jtree_item(t, params, 0), last, v;
	const char *from, *to;
	size_t i;

	for (v = last = first, i = 0; v != JTREE_NONE && i < P_CLEAN; i++) {
		last = v;
		v = t->node[v].next;
	}
	from = jtree_raw(t, first, len);
	to = jtree_raw(t, last, len);
	*len += (size_t)(to - from);
	return from;
}

struct work_job *
work_take(struct work_store *s, const struct jtree *t, uint32_t params)
{
	struct notify n = { .t = t };
	uint8_t key[SHA256_LEN] = { 0 };
	const char *text = NULL;
	struct work_job *j;
	size_t len = 0;

	if (jtree_count(t, params) != 0 && jtree_is(t, params, J_ARRAY)) {
		text = notify_text(t, params, &len);
		sha256(text, len, key);
	}
	if ((j = work_find(s, key)) != NULL)
		return j;
	if ((j = job_of_notify(s, &n, params, text, len)) == NULL)
		return NULL;
	memcpy(j->key, key, sizeof(j->key));
	return job_keep(s, j);
}

int
work_clean(const struct jtree *t, uint32_t params)
{
	switch (jtree_type(t, jtree_item(t, params, P_CLEAN))) {
	case J_TRUE:
		return 1;
	case J_FALSE:
		return 0;
	case J_NONE:
	case J_NULL:
	case J_NUMBER:
	case J_STRING:
	case J_ARRAY:
	case J_OBJECT:
		break;
	}
	return -1;
}

const char *
work_fault_text(enum work_fault f)
{
	static const char *const text[WORK_FAULTS] = {
		[WORK_SOUND] = "",
		[WORK_BAD_PARAMS] = "it has too few parameters",
		[WORK_BAD_ID] = "its id is no string, or too long",
		[WORK_BAD_PREVHASH] = "its previous hash is not 64 hex digits",
		[WORK_BAD_COINBASE] = "a part of its coinbase is not hex, or "
				      "too long",
		[WORK_BAD_BRANCHES] = "its branches are no list of at most 32 "
				      "hashes",
		[WORK_BAD_VERSION] = "its version is no hex number",
		[WORK_BAD_NBITS] = "its nbits are no hex number",
		[WORK_BAD_NTIME] = "its ntime is no hex number",
	};

	return (unsigned)f < WORK_FAULTS ? text[f] : "";
}

/* --- as bytes --- */

void
work_pack(const struct work_job *j, struct mbuf *b)
{
	msg_put_raw(b, j->key, sizeof(j->key));
	msg_put_u8(b, j->fault);
	msg_put_bytes(b, j->id, j->id_len);
	msg_put_u32(b, j->version);
	msg_put_u32(b, j->nbits);
	msg_put_u32(b, j->ntime);
	msg_put_raw(b, j->prevhash, sizeof(j->prevhash));
	msg_put_bytes(b, j->coinb1, j->coinb1_len);
	msg_put_bytes(b, j->coinb2, j->coinb2_len);
	msg_put_bytes(b, j->branch, 32 * (size_t)j->branches);
}

/* What a packed job holds, in the bytes themselves. */
struct packed {
	const uint8_t *id, *coinb1, *coinb2, *branch;
	size_t id_len, coinb1_len, coinb2_len, branch_len;
	struct work_job fixed;
};

static int
get_packed(struct packed *p, struct mcur *c)
{
	memset(p, 0, sizeof(*p));
	msg_get_raw(c, p->fixed.key, sizeof(p->fixed.key));
	p->fixed.fault = msg_get_u8(c);
	p->id = msg_get_bytes(c, &p->id_len, WORK_ID_MAX);
	p->fixed.version = msg_get_u32(c);
	p->fixed.nbits = msg_get_u32(c);
	p->fixed.ntime = msg_get_u32(c);
	msg_get_raw(c, p->fixed.prevhash, sizeof(p->fixed.prevhash));
	p->coinb1 = msg_get_bytes(c, &p->coinb1_len, WORK_COINBASE_MAX);
	p->coinb2 = msg_get_bytes(c, &p->coinb2_len, WORK_COINBASE_MAX);
	p->branch = msg_get_bytes(c, &p->branch_len, 32 * WORK_BRANCHES_MAX);
	if (p->fixed.fault >= WORK_FAULTS || p->branch_len % 32 != 0 ||
	    p->coinb1_len + p->coinb2_len > WORK_COINBASE_MAX)
		c->bad = true;
	return c->bad ? -1 : 0;
}

static uint8_t *
put_bytes(uint8_t *at, const void *data, size_t len)
{
	if (len > 0)
		memcpy(at, data, len);
	return at + len;
}

struct work_job *
work_unpack(struct work_store *s, struct mcur *c)
{
	struct packed p;
	struct work_job *j;
	uint32_t size;
	uint8_t *at;

	if (get_packed(&p, c) == -1)
		return NULL;
	if ((j = work_find(s, p.fixed.key)) != NULL)
		return j;
	j = job_new(s, p.id_len, p.coinb1_len + p.coinb2_len + p.branch_len);
	if (j == NULL)
		return NULL;
	size = j->size;
	memcpy(j, &p.fixed, sizeof(p.fixed));
	j->size = size;
	j->id_len = (uint16_t)p.id_len;
	j->coinb1_len = (uint32_t)p.coinb1_len;
	j->coinb2_len = (uint32_t)p.coinb2_len;
	j->branches = (uint8_t)(p.branch_len / 32);
	at = put_bytes((uint8_t *)j->id, p.id, p.id_len) + 1;
	j->coinb1 = at;
	j->coinb2 = at = put_bytes(at, p.coinb1, p.coinb1_len);
	j->branch = at = put_bytes(at, p.coinb2, p.coinb2_len);
	put_bytes(at, p.branch, p.branch_len);
	return job_keep(s, j);
}

/* --- headers --- */

void
work_root(const struct work_job *j, const struct work_bytes *en1,
    const struct work_bytes *en2, uint8_t root[32])
{
	struct sha256 s = j->mid;
	uint8_t pair[64];
	unsigned i;

	sha256_update(&s, en1->b, en1->len);
	sha256_update(&s, en2->b, en2->len);
	sha256_update(&s, j->coinb2, j->coinb2_len);
	sha256d_final(&s, pair);
	for (i = 0; i < j->branches; i++) {
		memcpy(pair + 32, j->branch + 32 * i, 32);
		sha256d(pair, 64, pair);
	}
	memcpy(root, pair, 32);
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

void
work_header(const struct work_job *j, const uint8_t root[32], uint32_t version,
    uint32_t ntime, uint32_t nonce, uint8_t out[WORK_HEADER])
{
	put_le32(out, version);
	memcpy(out + 4, j->prevhash, 32);
	memcpy(out + 36, root, 32);
	put_le32(out + 68, ntime);
	put_le32(out + 72, j->nbits);
	put_le32(out + 76, nonce);
}

uint32_t
work_version(enum work_formula f, uint32_t job, uint32_t mask, uint32_t bits)
{
	switch (f) {
	case WORK_BIP310:
		return (job & ~mask) | (bits & mask);
	case WORK_OR:
		return job | bits;
	case WORK_XOR:
		return job ^ bits;
	case WORK_NONE:
	case WORK_FORMULAS:
		break;
	}
	return job;
}

const char *
work_formula_name(enum work_formula f)
{
	static const char *const name[WORK_FORMULAS] = { "bip310", "or", "xor",
		"none" };

	return (unsigned)f < WORK_FORMULAS ? name[f] : "";
}

int
work_formula_find(const char *name)
{
	for (int f = 0; f < WORK_FORMULAS; f++)
		if (strcmp(name, work_formula_name((enum work_formula)f)) == 0)
			return f;
	return -1;
}
