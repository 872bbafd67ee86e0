/*
 * The miner's work: makes shares of the kinds that were asked for, hashing
 * in slices so that answers are read in between, and sends each when due.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/miner.h"

/* Hashes until the sockets have a turn: about half a millisecond. */
#define SLICE       4096
#define SETUP_COST  16
#define LOW_TRIES   64
#define NO_JOB      "00000000deadbeef"

#define BIT(v)      (1U << (v))
#define NO_SUCH_JOB (BIT(SIM_STALE) | BIT(SIM_UNKNOWN_JOB))

static const struct {
	const char *name;
	uint32_t may;
} kinds[KINDS] = {
	[KIND_VALID] = { "valid", BIT(SIM_ACCEPTED) },
	[KIND_STALE] = { "stale", NO_SUCH_JOB },
	[KIND_DUPLICATE] = { "duplicate", BIT(SIM_DUPLICATE) },
	[KIND_LOW] = { "low", BIT(SIM_LOW) },
	[KIND_NTIME] = { "ntime", BIT(SIM_NTIME) },
	[KIND_EXTRANONCE2] = { "extranonce2", BIT(SIM_NONCE2) },
	[KIND_VERSION] = { "version", BIT(SIM_VERSION) },
	[KIND_WORKER] = { "worker", BIT(SIM_UNAUTHORIZED) },
	[KIND_JOB] = { "job", NO_SUCH_JOB },
	[KIND_UNSUBSCRIBED] = { "unsubscribed", BIT(SIM_UNSUBSCRIBED) },
};

const char *
miner_kind_name(enum kind k)
{
	return kinds[k].name;
}

int
miner_kind_parse(const char *s, size_t len, enum kind *out)
{
	for (int k = 0; k < KINDS; k++)
		if (strlen(kinds[k].name) == len &&
		    !memcmp(kinds[k].name, s, len)) {
			*out = (enum kind)k;
			return 0;
		}
	return -1;
}

/* A weighted round robin keeps the stated proportions also over few shares.
 * What is impossible now (nothing to repeat yet) stays owed. */
static enum kind
pick_kind(const struct link *l)
{
	struct miner *m = l->m;
	int best = -1;

	for (int k = 0; k < KINDS; k++) {
		m->balance[k] += m->opt.weight[k];
		if (!m->opt.weight[k] || (k == KIND_DUPLICATE && !l->has_done))
			continue;
		if (best == -1 || m->balance[k] > m->balance[best])
			best = k;
	}
	/* Only duplicates were asked for: the first has to be valid. */
	if (best == -1)
		best = KIND_VALID;
	m->balance[best] -= m->opt.weights;
	return (enum kind)best;
}

static void
unpick_kind(struct miner *m, enum kind kind)
{
	for (int k = 0; k < KINDS; k++)
		m->balance[k] -= m->opt.weight[k];
	m->balance[kind] += m->opt.weights;
}

static void
fill_share(struct link *l, const struct sim_job *job,
    const struct sim_nonce *en1, size_t en2_len)
{
	struct miner *m = l->m;
	struct share *s = &l->made;
	uint64_t en2 = l->en2++;

	snprintf(s->job, sizeof(s->job), "%s", job->id);
	s->fill.en1 = *en1;
	s->fill.en2.len = en2_len;
	for (size_t i = 0; i < en2_len; i++, en2 >>= 8)
		s->fill.en2.b[i] = (uint8_t)en2;
	s->fill.ntime = job->ntime;
	s->fill.nonce = (uint32_t)sim_rand(&m->rng);
	s->fill.version = job->version;
	s->has_bits = m->opt.rolling && l->mask;
	if (s->has_bits) {
		s->bits = (uint32_t)sim_rand(&m->rng) & l->mask;
		s->fill.version = sim_version(m->opt.formula, job->version,
		    l->mask, s->bits);
	}
}

/* A share whose hash stays clearly above the target: not a borderline one. */
static void
make_low(struct link *l)
{
	struct share *s = &l->made;
	uint8_t header[80], hash[32];

	for (int i = 0; i < LOW_TRIES; i++) {
		sim_header(&l->job, &s->fill, header);
		sim_sha256d(header, sizeof(header), hash);
		if (sim_difficulty(hash) < l->difficulty * 0.9)
			return;
		s->fill.nonce++;
	}
}

static void
make_wrong_length(struct sim_nonce *n)
{
	if (n->len < SIM_NONCE_MAX)
		n->b[n->len++] = 0;
	else
		n->len--;
}

/* A bit that the mask does not have. */
static uint32_t
foreign_bit(uint32_t mask)
{
	uint32_t bit = 1;

	while (bit != 0x80000000 && (mask & bit))
		bit <<= 1;
	return bit;
}

/* False when the share needs no search. */
static bool
prepare_kind(struct link *l)
{
	struct share *s = &l->made;

	switch (s->kind) {
	case KIND_DUPLICATE:
		*s = l->done;
		s->kind = KIND_DUPLICATE;
		return false;
	case KIND_LOW:
		make_low(l);
		return false;
	case KIND_EXTRANONCE2:
		make_wrong_length(&s->fill.en2);
		return false;
	case KIND_VERSION:
		s->has_bits = true;
		s->bits |= foreign_bit(l->mask);
		return false;
	case KIND_NTIME:
		s->fill.ntime += 100000;
		return true;
	case KIND_JOB:
		strcpy(s->job, NO_JOB);
		return false;
	case KIND_STALE:
		if (!l->has_old)
			strcpy(s->job, NO_JOB);
		return l->has_old;
	case KIND_UNSUBSCRIBED:
		return false;
	case KIND_VALID:
	case KIND_WORKER:
	case KINDS:
	default:
		return true;
	}
}

static void
begin_share(struct link *l)
{
	uint8_t header[80];
	bool old;

	memset(&l->made, 0, sizeof(l->made));
	l->made.kind = pick_kind(l);
	old = l->made.kind == KIND_STALE && l->has_old;
	if (old)
		fill_share(l, &l->old, &l->old_en1, l->old_en2_len);
	else
		fill_share(l, &l->job, &l->en1, l->en2_len);
	l->making = true;
	l->tried = 0;
	if (!prepare_kind(l)) {
		l->making = false;
		l->has_made = true;
		return;
	}
	sim_header(old ? &l->old : &l->job, &l->made.fill, header);
	sim_midstate(header, &l->mid);
	sim_target(old ? l->old_difficulty : l->difficulty, l->target);
}

/* Returns the hashes that it took. */
static uint32_t
search_share(struct link *l, uint32_t budget)
{
	uint32_t start = l->made.fill.nonce, used;

	l->has_made = sim_search(&l->mid, l->target, &l->made.fill.nonce,
	    budget);
	used = l->made.fill.nonce - start;
	l->tried += used;
	if (l->has_made) {
		l->making = false;
	} else if (l->tried > 0xf0000000) {
		/* The nonces are used up: the next extranonce2. */
		l->making = false;
		unpick_kind(l->m, l->made.kind);
	}
	return used;
}

static void
feed(struct link *l)
{
	if (l->is_hungry)
		return;
	l->is_hungry = true;
	if (TAILQ_EMPTY(&l->m->hungry))
		event_active(&l->m->hash, EV_TIMEOUT, 0);
	TAILQ_INSERT_TAIL(&l->m->hungry, l, hungry);
}

static void
unfeed(struct link *l)
{
	if (l->is_hungry)
		TAILQ_REMOVE(&l->m->hungry, l, hungry);
	l->is_hungry = false;
}

static const char *
print_submit(const struct link *l, const struct pending *p, size_t *len)
{
	static char line[1024];
	const struct share *s = &p->share;
	char en2[2 * SIM_NONCE_MAX + 1], bits[16] = "";
	int n;

	sim_hex_encode(en2, s->fill.en2.b, s->fill.en2.len);
	if (s->has_bits)
		snprintf(bits, sizeof(bits), ",\"%08x\"", s->bits);
	n = snprintf(line, sizeof(line),
	    "{\"method\": \"mining.submit\", \"params\": [\"%s%s\", \"%s\", "
	    "\"%s\", \"%08x\", \"%08x\"%s], \"id\":%" PRIu64 "}\n",
	    l->m->opt.worker, s->kind == KIND_WORKER ? ".nobody" : "", s->job,
	    en2, s->fill.ntime, s->fill.nonce, bits, p->id);
	*len = n > 0 && (size_t)n < sizeof(line) ? (size_t)n : 0;
	return line;
}

static void
send_share(struct link *l)
{
	struct miner *m = l->m;
	struct pending *p = calloc(1, sizeof(*p));
	const char *line;
	size_t len;

	l->has_made = false;
	if (p == NULL)
		return;
	p->share = l->made;
	p->may = kinds[l->made.kind].may;
	p->id = m->opt.cpuminer_ids ? 4 : l->next_id++;
	STAILQ_INSERT_TAIL(&l->pending, p, entry);
	l->outstanding++;
	m->outstanding++;
	m->submits++;
	m->sent[l->made.kind]++;
	line = print_submit(l, p, &len);
	p->sent_us = sim_now_us();
	sim_conn_send(&l->conn, line, len);
}

static void
schedule(struct link *l)
{
	uint64_t now = sim_now_us(), period;
	struct timeval tv;

	if (l->m->opt.rate <= 0) {
		l->due = true;
		return;
	}
	period = (uint64_t)(1e6 / l->m->opt.rate);
	l->due = false;
	l->next_due += period;
	/* A long stall is not made up for by a burst. */
	if (l->next_due + 1000000 < now)
		l->next_due = now;
	tv = sim_timeval(l->next_due > now ? l->next_due - now : 0);
	evtimer_add(&l->timer, &tv);
}

static bool
all_sent(const struct miner *m)
{
	return m->stopping || (m->opt.shares && m->submits >= m->opt.shares);
}

/* Sends what is made and due, then sees to the next. */
static void
pump(struct link *l)
{
	if (l->phase != PHASE_MINING || all_sent(l->m))
		return;
	if (l->has_made && l->due) {
		if (l->outstanding >= l->m->opt.depth) {
			if (l->m->opt.rate > 0)
				l->m->stalled++;
			return;
		}
		send_share(l);
		schedule(l);
	}
	if (!l->has_made && !all_sent(l->m))
		feed(l);
}

static void
work_on_due(struct link *l)
{
	l->due = true;
	pump(l);
}

static void
miner_on_hash(evutil_socket_t fd, short what, void *arg)
{
	struct miner *m = arg;
	struct timeval now = { 0 };
	uint32_t budget = SLICE, used;
	struct link *l;

	while ((l = TAILQ_FIRST(&m->hungry)) != NULL && budget > 0) {
		used = SETUP_COST;
		if (!l->making)
			begin_share(l);
		else
			used = search_share(l, budget);
		if (l->has_made) {
			unfeed(l);
			pump(l);
		}
		budget -= used < budget ? used : budget;
	}
	if (!TAILQ_EMPTY(&m->hungry))
		evtimer_add(&m->hash, &now);
}

void
miner_work_init(struct miner *m)
{
	evtimer_assign(&m->hash, m->base, miner_on_hash, m);
}

static void
work_on_timer(evutil_socket_t fd, short what, void *arg)
{
	work_on_due(arg);
}

void
miner_work_start(struct link *l)
{
	struct miner *m = l->m;

	evtimer_assign(&l->timer, m->base, work_on_timer, l);
	l->next_due = sim_now_us();
	if (m->opt.rate > 0) /* not all at once */
		l->next_due -= (uint64_t)(sim_rand_unit(&m->rng) * 1e6 /
		    m->opt.rate);
	schedule(l);
	pump(l);
}

void
miner_work_stop(struct link *l)
{
	struct pending *p;

	if (event_initialized(&l->timer))
		event_del(&l->timer);
	unfeed(l);
	while ((p = STAILQ_FIRST(&l->pending)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->pending, entry);
		l->m->unanswered++;
		l->m->outstanding--;
		free(p);
	}
	l->outstanding = 0;
}

void
miner_work_changed(struct link *l, uint32_t verdicts)
{
	struct pending *p;

	for (p = STAILQ_FIRST(&l->pending); p; p = STAILQ_NEXT(p, entry))
		p->may |= verdicts;
	l->has_done = false;
	if (l->making || l->has_made) {
		unpick_kind(l->m, l->made.kind);
		l->making = l->has_made = false;
	}
	pump(l);
}

static void
record_mismatch(struct miner *m, const struct pending *p, enum sim_verdict v)
{
	if (m->mismatches++)
		return;
	snprintf(m->mismatch, sizeof(m->mismatch), "a share meant as %s got %s",
	    kinds[p->share.kind].name, sim_verdict_name(v));
}

static struct pending *
take_pending(struct link *l, uint64_t id)
{
	struct pending *p;

	for (p = STAILQ_FIRST(&l->pending); p; p = STAILQ_NEXT(p, entry))
		if (p->id == id) {
			STAILQ_REMOVE(&l->pending, p, pending, entry);
			return p;
		}
	return NULL;
}

void
miner_work_answered(struct link *l, uint64_t id, enum sim_verdict v)
{
	struct miner *m = l->m;
	struct pending *p = take_pending(l, id);

	if (p == NULL)
		return;
	m->latency[m->latencies++ % MINER_LATENCIES] = (uint32_t)(sim_now_us() -
	    p->sent_us);
	m->answers++;
	m->verdict[v]++;
	m->outstanding--;
	l->outstanding--;
	if (!(p->may & BIT(v)))
		record_mismatch(m, p, v);
	/* Not when a clean notify came since: then STALE is allowed too. */
	if (v == SIM_ACCEPTED && p->may == BIT(SIM_ACCEPTED)) {
		l->done = p->share;
		l->has_done = true;
	}
	free(p);
	pump(l);
	miner_check_end(m);
}
