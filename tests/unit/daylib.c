/*
 * See daylib.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/watching.h"
#include "tests/unit/daylib.h"

#define BLOCK_S    600 /* between blocks, on average */
#define JOB_S      30
#define BATCH      4096 /* entries that are given at once */
/* Every hash is good enough: the day is about watches. */
#define DIFFICULTY 1e-12

static void
fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static unsigned
roll(struct day *d, unsigned n)
{
	return (unsigned)rand_r(&d->seed) % n;
}

/* --- entries --- */

static void
give(struct day *d)
{
	if (d->r.n == 0)
		return;
	if (ring_give(&d->r, 0, d->r.n, &d->in) == -1)
		fail("an entry is malformed");
	if (store_batch_rows(d->in.store) >= 2000 &&
	    ingest_commit(&d->in) == -1)
		fail(store_error(d->in.store));
	ring_reset(&d->r);
}

static void speak(struct day *, struct day_miner *, unsigned, const char *,
    va_list) __attribute__((format(printf, 4, 0)));

static void
speak(struct day *d, struct day_miner *m, unsigned dir, const char *fmt,
    va_list ap)
{
	static char line[16384];
	int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);

	line[n++] = '\n';
	/* The ring's clock moves on by a millisecond with each chunk. */
	if (d->r.now < d->now)
		d->r.now = d->now;
	ring_chunk(&d->r, m->session, dir, m->off[dir], line, (size_t)n, true);
	m->off[dir] += (size_t)n;
	d->messages++;
	if (d->r.n >= BATCH)
		give(d);
}

void
day_say(struct day *d, struct day_miner *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	speak(d, m, 1, fmt, ap);
	va_end(ap);
}

static void ask(struct day *, struct day_miner *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
ask(struct day *d, struct day_miner *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	speak(d, m, 0, fmt, ap);
	va_end(ap);
}

void
day_commit(struct day *d)
{
	give(d);
	if (ingest_commit(&d->in) == -1)
		fail(store_error(d->in.store));
}

/* --- jobs --- */

/* Bytes that look like a hash, out of two numbers. */
static void
hash_hex(uint64_t a, uint64_t b, unsigned bytes, char *out)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b + 1;

	for (unsigned i = 0; i < bytes; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		snprintf(out + 2 * (size_t)i, 3, "%02x",
		    (unsigned)(x >> 24) & 0xff);
	}
}

/* An output: so much to the key hash that two numbers make. */
static size_t
put_output(char *out, uint64_t value, uint64_t a, uint64_t b)
{
	char hash[41];
	size_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		n += (size_t)sprintf(out + n, "%02x",
		    (unsigned)(value >> 8 * i) & 0xff);
	hash_hex(a, b, 20, hash);
	return n + (size_t)sprintf(out + n, "160014%s", hash);
}

#define COIN UINT64_C(100000000)

/* Whom number n of them pays: [outputs][outputs]... as hex. */
static void
put_outputs(struct day *d, const struct day_pool *p, const struct day_miner *m,
    char *out)
{
	unsigned pool = (unsigned)(p - d->pool);
	uint64_t fees = p->job % 50 * 100000; /* change with each job */
	char all[4096];
	size_t len = 0;
	unsigned n = 1, k;

	if (p->swapped) {
		len = put_output(all, 3 * COIN + fees, 666, p->swapped);
	} else if (p->payout == PAYS_ITSELF) {
		len = put_output(all, 3 * COIN + fees, 1, pool);
	} else if (p->payout == PAYS_EACH_BLOCK) {
		len = put_output(all, 3 * COIN + fees, 2, p->seen);
	} else if (p->payout == PAYS_THE_USER) {
		n = 2;
		k = (unsigned)(m - d->miner) / 4; /* four machines a user */
		len = put_output(all, 3 * COIN + fees, 3, k);
		len += put_output(all + len, COIN / 16, 3, 1000);
	} else {
		n = 13;
		len = put_output(all, COIN / 16, 4, 1000);
		/* Some stay from block to block, others do not. */
		for (k = 0; k < 12; k++)
			len += put_output(all + len, COIN / 4 + fees, 4,
			    k < 4 ? (p->seen + k) / 4 * 4 + k :
				    p->seen * 16 + k);
	}
	sprintf(out, "%02x%s", n, all);
}

static void
send_job(struct day *d, struct day_pool *p, struct day_miner *m, bool clean)
{
	uint64_t height = 870000 + p->seen;
	char prev[65], outputs[4200];

	hash_hex(p->strayed ? 99 : 7, p->seen, 28, prev);
	memcpy(prev + 56, "00000000", 9);
	put_outputs(d, p, m, outputs);
	day_say(d, m,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"%llx\","
	    "\"%s\",\"01000000010000000000000000000000000000000000000000000000"
	    "000000000000000000ffffffff2003%02x%02x%02x04deadbe%02x2f6461792f"
	    "\",\"0a2f706f6f6c2f313030ffffffff%s00000000\",[],\"20000000\","
	    "\"17030ecd\",\"%08x\",%s]}",
	    (unsigned long long)p->job, prev, (unsigned)height & 0xff,
	    (unsigned)height >> 8 & 0xff, (unsigned)height >> 16 & 0xff,
	    (unsigned)p->job & 0xff, outputs,
	    (unsigned)(1700000000 + d->now / DAY_S), clean ? "true" : "false");
	m->stale = clean ? m->job : 0;
	m->job = p->job;
}

static void
new_job(struct day *d, struct day_pool *p, bool clean)
{
	p->job++;
	p->sent = d->now;
	for (unsigned i = 0; i < DAY_MINERS; i++)
		if (d->miner[i].session != 0 && &d->pool[d->miner[i].pool] == p)
			send_job(d, p, &d->miner[i], clean);
}

static void
run_pool(struct day *d, struct day_pool *p)
{
	if (p->down)
		return;
	if (p->seen < d->block && d->now >= d->block_at + p->lag) {
		p->seen = d->block;
		new_job(d, p, true);
	} else if (d->now - p->sent >= JOB_S * DAY_S) {
		new_job(d, p, false);
	}
}

/* --- miners --- */

static void
send_difficulty(struct day *d, struct day_miner *m)
{
	day_say(d, m,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\","
	    "\"params\":[%.3g]}",
	    DIFFICULTY * (1u << m->level));
	m->adjusted = d->now;
}

static void
tell_pool(struct day *d, const struct day_miner *m)
{
	struct tap_head h = { .kind = TAP_POOL,
		.len = sizeof(struct tap_pool),
		.session = m->session,
		.ts_recv = d->now };
	struct tap_pool t = { .port = 3333, .connect_us = 500 };

	snprintf(t.host, sizeof(t.host), "%s", d->pool[m->pool].host);
	snprintf(t.peer, sizeof(t.peer), "198.51.100.%u:3333", m->pool);
	ring_entry(&d->r, h, &t, true);
}

static void
connect_miner(struct day *d, struct day_miner *m)
{
	struct day_pool *p = &d->pool[m->home];

	m->pool = p->down ? (m->home + 1) % DAY_POOLS : m->home;
	p = &d->pool[m->pool];
	m->session = ++d->sessions;
	m->off[0] = m->off[1] = 0;
	m->level = 1;
	m->stale = 0;
	ring_open(&d->r, m->session, true);
	tell_pool(d, m);
	ask(d, m,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":"
	    "[\"day/1.0\"]}");
	day_say(d, m,
	    "{\"id\":1,\"result\":[[[\"mining.notify\",\"1\"]],\"%08x\",4],"
	    "\"error\":null}",
	    (unsigned)m->session);
	ask(d, m,
	    "{\"id\":2,\"method\":\"mining.authorize\",\"params\":"
	    "[\"%s\",\"x\"]}",
	    m->worker);
	day_say(d, m, "{\"id\":2,\"result\":true,\"error\":null}");
	send_difficulty(d, m);
	send_job(d, p, m, true);
	m->stale = 0;
	m->next = d->now + roll(d, 10) * DAY_S;
}

static void
disconnect_miner(struct day *d, struct day_miner *m, unsigned seconds)
{
	if (m->session == 0)
		return;
	ring_closed(&d->r, m->session, m->off, m->off, true);
	m->session = 0;
	m->back = d->now + seconds * DAY_S;
}

static void
submit(struct day *d, struct day_miner *m, uint64_t job, uint32_t nonce,
    const char *answer)
{
	m->id = m->id % 100000 + 3;
	ask(d, m,
	    "{\"id\":%u,\"method\":\"mining.submit\",\"params\":[\"%s\","
	    "\"%llx\",\"%08x\",\"%08x\",\"%08x\"]}",
	    m->id, m->worker, (unsigned long long)job, nonce,
	    (unsigned)(1700000000 + d->now / DAY_S), nonce);
	day_say(d, m, "{\"id\":%u,%s}", m->id, answer);
}

/* Now and then one that is late, or twice. */
static void
send_share(struct day *d, struct day_miner *m)
{
	static const char yes[] = "\"result\":true,\"error\":null";
	unsigned kind = roll(d, 1000);

	m->nonce++;
	if (kind < 2) {
		submit(d, m, m->job, m->nonce, yes);
		submit(d, m, m->job, m->nonce,
		    "\"result\":null,\"error\":[22,\"Duplicate share\",null]");
	} else if (kind < 12 && m->stale != 0) {
		submit(d, m, m->stale, m->nonce,
		    "\"result\":null,\"error\":[21,\"Stale share\",null]");
	} else {
		submit(d, m, m->job, m->nonce, yes);
	}
}

static void
run_miner(struct day *d, struct day_miner *m)
{
	if (m->session == 0) {
		if (d->now >= m->back)
			connect_miner(d, m);
		return;
	}
	/* Every three hours or so it is switched off for a moment. */
	if (roll(d, 3 * 3600) == 0) {
		disconnect_miner(d, m, 5 + roll(d, 120));
		return;
	}
	if (d->now - m->adjusted > 600 * DAY_S && roll(d, 60) == 0) {
		m->level = m->level == 0 || (roll(d, 2) && m->level < 6) ?
		    m->level + 1 :
		    m->level - 1;
		send_difficulty(d, m);
	}
	if (m->mute || d->now < m->next)
		return;
	send_share(d, m);
	m->next = d->now +
	    (uint64_t)(roll(d, 1000) / 500.0 * 60 / d->rate * DAY_S);
}

/* --- time --- */

void
day_pass(struct day *d, unsigned seconds)
{
	for (; seconds > 0; seconds--) {
		d->now += DAY_S;
		if (roll(d, BLOCK_S) == 0 &&
		    d->now - d->block_at > 20 * DAY_S) {
			d->block++;
			d->block_at = d->now;
		}
		for (unsigned i = 0; i < DAY_POOLS; i++)
			run_pool(d, &d->pool[i]);
		for (unsigned i = 0; i < DAY_MINERS; i++)
			run_miner(d, &d->miner[i]);
	}
}

void
day_skip(struct day *d, unsigned seconds)
{
	d->now += seconds * DAY_S;
}

void
day_pool_down(struct day *d, unsigned pool, bool down)
{
	d->pool[pool].down = down;
	/* Those that are elsewhere meanwhile come home one by one. */
	for (unsigned i = 0; i < DAY_MINERS; i++)
		if (d->miner[i].home == pool)
			disconnect_miner(d, &d->miner[i], 1 + roll(d, 60));
}

static void
open_ingest(struct day *d)
{
	char err[256];

	if (ingest_open(&d->in, &d->conf, err, sizeof(err)) == -1)
		fail(err);
	watching_conf(&d->in, &d->watch);
	ingest_hello(&d->in, d->epoch, TEST_OFFSET);
}

void
day_restart(struct day *d)
{
	day_commit(d);
	ingest_close(&d->in);
	open_ingest(d);
}

void
day_restart_relay(struct day *d)
{
	day_commit(d);
	d->epoch[0]++;
	d->r.seq = 0;
	for (unsigned i = 0; i < DAY_MINERS; i++) {
		d->miner[i].session = 0;
		d->miner[i].back = d->now + (1 + roll(d, 30)) * DAY_S;
	}
	ingest_hello(&d->in, d->epoch, TEST_OFFSET);
}

void
day_begin(struct day *d, double rate)
{
	static const uint64_t lags[DAY_POOLS] = { 0, 1 * DAY_S, 3 * DAY_S,
		7 * DAY_S };

	memset(d, 0, sizeof(*d));
	test_dir(d->dir, sizeof(d->dir));
	test_conf(&d->conf, d->dir);
	d->conf.messages = 20000; /* of the day only its watches matter */
	watch_conf_default(&d->watch);
	d->watch.silent_ms = 600000;
	d->watch.rejects_bp = 500;
	for (unsigned i = 0; i < DAY_MINERS / 4; i++)
		snprintf(d->watch.users.name[d->watch.users.n++], WATCH_NAME,
		    "farm%u", i);
	ring_init(&d->r);
	d->seed = 20261121;
	d->rate = rate;
	d->epoch[1] = 1;
	d->now = d->block_at = 1000 * DAY_S;
	for (unsigned i = 0; i < DAY_POOLS; i++) {
		snprintf(d->pool[i].host, sizeof(d->pool[i].host),
		    "pool%u.example", i);
		d->pool[i].payout = (enum day_payout)i;
		d->pool[i].lag = lags[i];
		d->pool[i].job = 1 + i * 1000000;
	}
	for (unsigned i = 0; i < DAY_MINERS; i++) {
		snprintf(d->miner[i].worker, sizeof(d->miner[i].worker),
		    "farm%u.%u", i / 4, i);
		d->miner[i].home = i % DAY_POOLS;
		d->miner[i].back = d->now + roll(d, 60) * DAY_S;
	}
	open_ingest(d);
}

void
day_end(struct day *d)
{
	ingest_close(&d->in);
	ring_free(&d->r);
	test_dir_remove(d->dir);
}
