/*
 * The pool's knowledge: which jobs were given out, what was asked of whom,
 * and which shares have been there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/sim_judge.h"

/* As ckpool has it. */
#define NTIME_AHEAD 7000

static bool
seen_insert(struct sim_seen *s, uint64_t key)
{
	size_t i;

	for (i = key & (s->size - 1); s->slot[i]; i = (i + 1) & (s->size - 1))
		if (s->slot[i] == key)
			return false;
	s->slot[i] = key;
	s->used++;
	return true;
}

static int
seen_grow(struct sim_seen *s)
{
	struct sim_seen bigger = { .size = s->size ? 2 * s->size : 64 };

	if ((bigger.slot = calloc(bigger.size, sizeof(uint64_t))) == NULL)
		return -1;
	for (size_t i = 0; i < s->size; i++)
		if (s->slot[i])
			seen_insert(&bigger, s->slot[i]);
	free(s->slot);
	*s = bigger;
	return 0;
}

/* True when the hash is new. Out of memory: every share is. */
static bool
seen_add(struct sim_seen *s, const uint8_t hash[32])
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	if (2 * s->used >= s->size && seen_grow(s) == -1)
		return true;
	return seen_insert(s, key ? key : 1);
}

static void
seen_clear(struct sim_seen *s)
{
	free(s->slot);
	memset(s, 0, sizeof(*s));
}

/* The hash of a block that would be one: its last 8 bytes are zero, which
 * the wire's word order leaves at the end. */
static void
new_block(struct sim_judge *j)
{
	sim_rand_bytes(&j->rng, j->prevhash, 24);
	memset(j->prevhash + 24, 0, 8);
	j->height++;
}

void
sim_judge_init(struct sim_judge *j, uint64_t seed, bool seeded)
{
	j->rng.s = seed;
	j->fixed_time = seeded;
	j->time0 = seeded ? 0x6b000000 : (uint32_t)time(NULL);
	j->height = 881000;
	sim_rand_bytes(&j->rng, j->payee, sizeof(j->payee));
	new_block(j);
}

void
sim_judge_clear(struct sim_judge *j)
{
	for (int i = 0; i < SIM_JOBS; i++)
		seen_clear(&j->given[i].seen);
}

static void
put_bytes(uint8_t **p, const void *data, size_t n)
{
	memcpy(*p, data, n);
	*p += n;
}

static void
put_le(uint8_t **p, uint64_t v, int n)
{
	for (; n > 0; n--, v >>= 8)
		*(*p)++ = (uint8_t)v;
}

/* Version, one input from nowhere, and a script that pushes height, time
 * and the extranonces, with the pool's name behind them. */
static void
make_coinb1(struct sim_judge *j, struct sim_job *job)
{
	static const char tag[] = "/sim/";
	uint8_t *p = job->coinb1;
	size_t script = 4 + 5 + 1 + j->nonces_len + sizeof(tag) - 1;

	put_le(&p, 1, 4);
	put_le(&p, 1, 1);
	memset(p, 0, 32);
	p += 32;
	put_le(&p, 0xffffffff, 4);
	put_le(&p, script, 1);
	put_le(&p, 3, 1);
	put_le(&p, j->height, 3);
	put_le(&p, 4, 1);
	put_le(&p, job->ntime, 4);
	put_le(&p, j->nonces_len, 1);
	job->coinb1_len = (size_t)(p - job->coinb1);

	p = job->coinb2;
	put_bytes(&p, tag, sizeof(tag) - 1);
	job->coinb2_len = (size_t)(p - job->coinb2);
}

/* Sequence, a payment to the pool's key hash, a witness commitment. */
static void
make_coinb2(struct sim_judge *j, struct sim_job *job)
{
	static const uint8_t commit[] = { 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed };
	uint8_t *p = job->coinb2 + job->coinb2_len;

	put_le(&p, 0xffffffff, 4);
	put_le(&p, 2, 1);
	put_le(&p, 312500000 + sim_rand(&j->rng) % 5000000, 8);
	put_le(&p, 22, 1);
	put_le(&p, 0x1400, 2);
	put_bytes(&p, j->payee, sizeof(j->payee));
	put_le(&p, 0, 8);
	put_le(&p, 38, 1);
	put_bytes(&p, commit, sizeof(commit));
	sim_rand_bytes(&j->rng, p, 32);
	p += 32;
	put_le(&p, 0, 4);
	job->coinb2_len = (size_t)(p - job->coinb2);
}

static void
retire_all(struct sim_judge *j)
{
	for (int i = 0; i < SIM_JOBS; i++) {
		j->given[i].retired = true;
		seen_clear(&j->given[i].seen);
	}
}

const struct sim_job *
sim_judge_next(struct sim_judge *j, bool clean)
{
	struct sim_given *g;
	struct sim_job *job;

	if (clean && j->seq) {
		retire_all(j);
		new_block(j);
	}
	g = &j->given[++j->seq % SIM_JOBS];
	seen_clear(&g->seen);
	g->seq = j->seq;
	g->retired = false;
	job = &g->job;
	job->clean = clean;
	job->ntime = j->fixed_time ? j->time0 + (uint32_t)j->seq :
				     (uint32_t)time(NULL);
	snprintf(job->id, sizeof(job->id), "%08x%08llx", j->time0,
	    (unsigned long long)j->seq);
	memcpy(job->prevhash, j->prevhash, 32);
	job->version = j->version;
	job->nbits = j->nbits;
	job->branches = j->branches;
	for (int i = 0; i < j->branches; i++)
		sim_rand_bytes(&j->rng, job->branch[i], 32);
	make_coinb1(j, job);
	make_coinb2(j, job);
	return job;
}

const struct sim_job *
sim_judge_latest(const struct sim_judge *j)
{
	return &j->given[j->seq % SIM_JOBS].job;
}

struct sim_terms *
sim_judge_terms(const struct sim_judge *j, struct sim_seat *s)
{
	if (s->now.from <= j->seq) {
		memmove(s->before + 1, s->before,
		    sizeof(s->before) - sizeof(s->before[0]));
		s->before[0] = s->now;
		s->now.from = j->seq + 1;
	}
	return &s->now;
}

static const struct sim_terms *
terms_for(const struct sim_seat *s, uint64_t seq)
{
	const struct sim_terms *t = &s->now;

	for (int i = 0; i < SIM_TERMS && seq < t->from; i++)
		t = &s->before[i];
	return t;
}

static struct sim_given *
find_job(struct sim_judge *j, const char *id)
{
	struct sim_given *g;

	/* The latest first: nearly every submit is for it. */
	for (uint64_t n = 0; n < SIM_JOBS && n < j->seq; n++) {
		g = &j->given[(j->seq - n) % SIM_JOBS];
		if (!strcmp(g->job.id, id))
			return g;
	}
	return NULL;
}

/* The bits' verdict, and the version that the header gets. */
static enum sim_verdict
judge_version(const struct sim_judge *j, const struct sim_seat *s,
    const struct sim_job *job, const struct sim_submit *sub, uint32_t *version)
{
	uint32_t mask = s->mask;

	*version = job->version;
	if (!sub->has_bits)
		return SIM_ACCEPTED;
	if (mask == 0 && j->unnegotiated)
		mask = s->pool_mask;
	if (sub->bits & ~mask)
		return SIM_VERSION;
	*version = sim_version(j->formula, job->version, mask, sub->bits);
	return SIM_ACCEPTED;
}

static void
judge_hash(const struct sim_job *job, const struct sim_terms *t,
    const struct sim_submit *sub, uint32_t version, struct sim_finding *f)
{
	struct sim_try w = { .en1 = t->en1,
		.en2 = sub->en2,
		.version = version,
		.ntime = sub->ntime,
		.nonce = sub->nonce };
	uint8_t header[80];

	sim_header(job, &w, header);
	sim_sha256d(header, sizeof(header), f->hash);
	f->hashed = true;
	f->required = t->difficulty;
	f->reached = sim_difficulty(f->hash);
}

/* Also a stale share is hashed, for the log; the first fault is the verdict. */
enum sim_verdict
sim_judge_submit(struct sim_judge *j, const struct sim_seat *s,
    const struct sim_submit *sub, struct sim_finding *f)
{
	struct sim_given *g = find_job(j, sub->job);
	const struct sim_terms *t;
	enum sim_verdict v;
	uint8_t target[32];
	uint32_t version;

	memset(f, 0, sizeof(*f));
	f->required = s->now.difficulty;
	if (g == NULL)
		return SIM_UNKNOWN_JOB;
	t = terms_for(s, g->seq);
	if (sub->en2.len != t->en2_len)
		return SIM_NONCE2;
	v = judge_version(j, s, &g->job, sub, &version);
	judge_hash(&g->job, t, sub, version, f);
	if (g->retired)
		return SIM_STALE;
	if (v != SIM_ACCEPTED)
		return v;
	if (sub->ntime < g->job.ntime ||
	    sub->ntime > g->job.ntime + NTIME_AHEAD)
		return SIM_NTIME;
	sim_target(t->difficulty, target);
	if (!sim_below(f->hash, target))
		return SIM_LOW;
	return seen_add(&g->seen, f->hash) ? SIM_ACCEPTED : SIM_DUPLICATE;
}
