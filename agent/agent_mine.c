/*
 * Shares of our own: hashed for the pool's work at its difficulty, in a stated
 * mix of good ones and of faults, each with the verdict that it must get.
 *
 * Pure but for the clock of its caller: what the pool said in, parameters of
 * a submit out.  The search goes on from call to call, so that no call takes
 * long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "common/hex.h"
#include "common/work.h"

#define STORE_BYTES (4u << 20)

static const char *const names[MINE_KINDS] = { "valid", "stale", "duplicate",
	"low", "malformed" };

struct miner {
	const struct agent_conf *conf;
	struct work_store *store;
	struct work_job *job, *old; /* old: withdrawn by clean_jobs */
	uint64_t generation;        /* of the jobs that were withdrawn */
	struct work_bytes en1;
	unsigned en2_len;
	double difficulty;
	struct u256 target;
	uint32_t mask; /* of the version bits that the pool lets us roll */
	bool able;
	/* what is being looked for */
	enum mine_kind kind;
	bool searching;
	const struct work_job *on;
	struct work_bytes en2;
	uint64_t counter;
	uint32_t nonce;
	uint32_t bits;     /* of the version, within the mask */
	struct sha256 mid; /* of the header's first block */
	uint8_t tail[16];
	char last[NOSTR_PARAMS_MAX]; /* the last valid one */
	int64_t turn[MINE_KINDS];
};

const char *
mine_kind_name(unsigned k)
{
	return k < MINE_KINDS ? names[k] : "unknown";
}

struct miner *
miner_new(const struct agent_conf *conf)
{
	struct miner *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->conf = conf;
	m->store = work_store_new(STORE_BYTES);
	if (m->store == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void
miner_free(struct miner *m)
{
	if (m == NULL)
		return;
	work_store_free(m->store);
	free(m);
}

uint64_t
miner_generation(const struct miner *m)
{
	return m->generation;
}

/* --- what the pool says --- */

void
miner_reset(struct miner *m)
{
	if (m->job != NULL)
		work_unref(m->store, m->job);
	if (m->old != NULL)
		work_unref(m->store, m->old);
	m->job = m->old = NULL;
	m->on = NULL;
	m->searching = m->able = false;
	m->last[0] = '\0';
	m->generation++;
}

static void
take_facts(struct miner *m, const struct poolclient_facts *f)
{
	size_t len = strlen(f->extranonce1);

	m->able = false;
	if (len % 2 != 0 || len / 2 > WORK_EXTRANONCE_MAX ||
	    hex_bytes(f->extranonce1, len, m->en1.b) == -1 ||
	    f->extranonce2_size < 1 ||
	    f->extranonce2_size > WORK_EXTRANONCE_MAX)
		return;
	m->en1.len = (uint8_t)(len / 2);
	m->en2_len = (unsigned)f->extranonce2_size;
	/* A pool may take it back, and may not give more than was asked. */
	m->mask = f->version_mask & MINE_VERSION_MASK;
	/* A pool that says nothing means 1. */
	m->difficulty = f->difficulty > 0 ? f->difficulty : 1;
	m->able = target_of_difficulty(m->difficulty, TARGET_BDIFF,
		      &m->target) == 0;
}

void
miner_notice(struct miner *m, const struct poolclient_facts *f,
    const char *method, const struct jtree *t, uint32_t params)
{
	struct work_job *job;

	take_facts(m, f);
	/* What was being looked for may not do any more. */
	m->searching = false;
	if (strcmp(method, "mining.notify") != 0 ||
	    (job = work_take(m->store, t, params)) == NULL)
		return;
	if (job->fault != WORK_SOUND) {
		work_unref(m->store, job);
		return;
	}
	if (m->job != NULL && work_clean(t, params) == 1) {
		if (m->old != NULL)
			work_unref(m->store, m->old);
		m->old = m->job;
		m->generation++;
		m->last[0] = '\0';
	} else if (m->job != NULL) {
		work_unref(m->store, m->job);
	}
	m->job = job;
}

/* --- the search --- */

/* The kind whose turn it is: by smooth weighted turns, so that a mix is one
 * from the first dozen on. */
static enum mine_kind
next_kind(struct miner *m)
{
	const uint32_t *mix = m->conf->mix;
	long best = -1;
	uint32_t all = 0;

	for (unsigned k = 0; k < MINE_KINDS; k++) {
		all += mix[k];
		m->turn[k] += mix[k];
		if (mix[k] > 0 && (best == -1 || m->turn[k] > m->turn[best]))
			best = (long)k;
	}
	if (best == -1)
		return MINE_VALID;
	m->turn[best] -= all;
	if (best == MINE_STALE && m->old == NULL)
		return MINE_VALID;
	if (best == MINE_DUPLICATE && m->last[0] == '\0')
		return MINE_VALID;
	return (enum mine_kind)best;
}

/* The low bits of n, put where the mask has ones. */
static uint32_t
spread(uint64_t n, uint32_t mask)
{
	uint32_t out = 0;

	for (; mask != 0; mask &= mask - 1, n >>= 1)
		if (n & 1)
			out |= mask & -mask;
	return out;
}

static void
begin(struct miner *m)
{
	uint32_t version;
	uint8_t root[32], header[WORK_HEADER];

	m->kind = next_kind(m);
	m->on = m->kind == MINE_STALE ? m->old : m->job;
	m->searching = true;
	m->nonce = 0;
	m->counter++;
	memset(&m->en2, 0, sizeof(m->en2));
	m->en2.len = (uint8_t)m->en2_len;
	for (unsigned i = 0; i < m->en2_len && i < 8; i++)
		m->en2.b[m->en2_len - 1 - i] = (uint8_t)(m->counter >> 8 * i);
	work_root(m->on, &m->en1, &m->en2, root);
	m->bits = spread(m->counter, m->mask);
	version = work_version(WORK_BIP310, m->on->version, m->mask, m->bits);
	work_header(m->on, root, version, m->on->ntime, 0, header);
	sha256_init(&m->mid);
	sha256_update(&m->mid, header, 64);
	memcpy(m->tail, header + 64, 16);
}

static bool
meets(const struct miner *m, uint32_t nonce)
{
	struct sha256 s = m->mid;
	uint8_t tail[16], hash[32];
	struct u256 n;

	memcpy(tail, m->tail, 12);
	for (unsigned i = 0; i < 4; i++)
		tail[12 + i] = (uint8_t)(nonce >> 8 * i);
	sha256_update(&s, tail, sizeof(tail));
	sha256d_final(&s, hash);
	n = target_of_hash(hash);
	return target_cmp(&n, &m->target) <= 0;
}

static void
write_params(struct miner *m, uint32_t nonce, bool malformed,
    char out[NOSTR_PARAMS_MAX])
{
	char en2[2 * WORK_EXTRANONCE_MAX + 1], number[16];
	struct json_out o;
	const char *text;
	size_t len;

	hex_text(m->en2.b, m->en2.len, en2);
	json_init(&o, NOSTR_PARAMS_MAX);
	json_array(&o);
	json_cstr(&o, m->conf->worker);
	json_cstr(&o, m->on->id);
	/* A byte too few, and a time that is none. */
	if (malformed)
		en2[2 * m->en2.len - 2] = '\0';
	json_cstr(&o, en2);
	snprintf(number, sizeof(number), malformed ? "zz%06x" : "%08x",
	    malformed ? m->on->ntime & 0xffffff : m->on->ntime);
	json_cstr(&o, number);
	snprintf(number, sizeof(number), "%08x", nonce);
	json_cstr(&o, number);
	if (m->mask != 0) {
		snprintf(number, sizeof(number), "%08x", m->bits);
		json_cstr(&o, number);
	}
	json_array_end(&o);
	text = json_finish(&o, &len);
	out[0] = '\0';
	if (text != NULL && len < NOSTR_PARAMS_MAX)
		memcpy(out, text, len + 1);
	json_clear(&o);
}

/* The nonce is found, or needs none. */
static int
give(struct miner *m, uint32_t nonce, char out[NOSTR_PARAMS_MAX],
    enum mine_kind *kind)
{
	*kind = m->kind;
	m->searching = false;
	if (m->kind == MINE_DUPLICATE)
		memcpy(out, m->last, sizeof(m->last));
	else
		write_params(m, nonce, m->kind == MINE_MALFORMED, out);
	if (m->kind == MINE_VALID)
		memcpy(m->last, out, sizeof(m->last));
	return out[0] != '\0';
}

int
miner_next(struct miner *m, unsigned hashes, char out[NOSTR_PARAMS_MAX],
    enum mine_kind *kind)
{
	if (!m->able || m->job == NULL)
		return 0;
	if (!m->searching)
		begin(m);
	if (m->kind == MINE_DUPLICATE || m->kind == MINE_MALFORMED)
		return give(m, 0, out, kind);
	for (; hashes > 0; hashes--, m->nonce++)
		if (meets(m, m->nonce) == (m->kind != MINE_LOW))
			return give(m, m->nonce++, out, kind);
	return 0;
}
