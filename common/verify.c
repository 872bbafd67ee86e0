/*
 * The session: what the messages of pool and miner change in it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/verify_int.h"

struct verify *
verify_new(struct work_store *store)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (v != NULL)
		v->store = store;
	return v;
}

void
verify_free(struct verify *v)
{
	unsigned i;

	if (v == NULL)
		return;
	for (i = 0; i < v->jobs; i++)
		work_unref(v->store, v->given[i].job);
	verify_set_clear(v);
	free(v->given);
	free(v->worker);
	free(v);
}

size_t
verify_memory(const struct verify *v)
{
	return sizeof(*v) + v->jobs_cap * sizeof(*v->given) +
	    v->workers_cap * sizeof(*v->worker) +
	    (v->seen[0].cap + v->seen[1].cap) * sizeof(uint64_t);
}

uint64_t
verify_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; len > 0; len--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

/* --- extranonce --- */

const struct verify_en *
verify_en_find(const struct verify *v, uint32_t serial)
{
	int i;

	for (i = 0; i < VERIFY_EN_MAX && serial != 0; i++)
		if (v->en[i].serial == serial)
			return &v->en[i];
	return NULL;
}

static bool
read_en(const struct jtree *t, uint32_t en1, uint32_t size,
    struct verify_en *en)
{
	size_t len;
	const char *s = jtree_plain(t, en1, &len);
	int64_t n;

	if (s == NULL || len > 2 * WORK_EXTRANONCE_MAX ||
	    hex_bytes(s, len, en->b.b) == -1 || jtree_int(t, size, &n) == -1 ||
	    n < 0 || n > WORK_EXTRANONCE_MAX)
		return false;
	en->b.len = (uint8_t)(len / 2);
	en->size = (uint8_t)n;
	return true;
}

/* One that waits for its notify and never came into force is replaced. */
static void
push_en(struct verify *v, const struct jtree *t, uint32_t en1, uint32_t size)
{
	uint32_t serial = v->en[0].serial + 1;

	if (v->en[0].serial == v->en_active)
		memmove(v->en + 1, v->en,
		    (VERIFY_EN_MAX - 1) * sizeof(v->en[0]));
	memset(&v->en[0], 0, sizeof(v->en[0]));
	v->en[0].serial = serial;
	v->en[0].usable = read_en(t, en1, size, &v->en[0]);
	v->generation++;
}

/* [[…], extranonce1, extranonce2_size]; at once, for there was none. */
void
verify_subscribed(struct verify *v, const struct jtree *t, uint32_t result)
{
	if (!jtree_is(t, result, J_ARRAY) || jtree_count(t, result) < 3)
		return;
	push_en(v, t, jtree_item(t, result, 1), jtree_item(t, result, 2));
	v->en_active = v->en[0].serial;
	v->doubt &= (uint8_t)~DOUBT_HASH;
}

/* Effective with the next notify. */
void
verify_set_extranonce(struct verify *v, const struct jtree *t, uint32_t params)
{
	if (jtree_count(t, params) == 0)
		return;
	push_en(v, t, jtree_item(t, params, 0), jtree_item(t, params, 1));
}

/* --- version rolling --- */

static void
set_mask(struct verify *v, uint32_t mask, bool negotiated)
{
	if (negotiated == v->negotiated && mask == v->mask)
		return;
	v->mask = mask;
	v->negotiated = negotiated;
	v->generation++;
}

/* The answer to mining.configure (BIP 310). */
void
verify_configured(struct verify *v, const struct jtree *t, uint32_t result)
{
	uint32_t on = jtree_member(t, result, "version-rolling"), mask;
	size_t len;
	const char *s = jtree_plain(t,
	    jtree_member(t, result, "version-rolling.mask"), &len);

	if (jtree_is(t, on, J_TRUE) && s != NULL && hex_u32(s, len, &mask) == 0)
		set_mask(v, mask, true);
	else if (jtree_is(t, on, J_FALSE))
		set_mask(v, 0, false);
}

/* Effective at once. */
void
verify_set_version_mask(struct verify *v, const struct jtree *t,
    uint32_t params)
{
	uint32_t mask;
	size_t len;
	const char *s = jtree_plain(t, jtree_item(t, params, 0), &len);

	if (s != NULL && hex_u32(s, len, &mask) == 0)
		set_mask(v, mask, true);
}

/* --- difficulty --- */

void
verify_set_difficulty(struct verify *v, double d)
{
	if (!isfinite(d) || d <= 0)
		return;
	v->doubt &= (uint8_t)~DOUBT_DIFFICULTY;
	if (d == v->present)
		return;
	v->previous = v->present;
	v->present = d;
	v->after = 0;
	v->generation++;
}

/*
 * A target instead of a difficulty (btcpool's variants).  Kept as a
 * difficulty: that is off by less than 1e-15, and what is within 1e-4 of a
 * limit is called borderline.
 */
void
verify_set_target(struct verify *v, const struct jtree *t, uint32_t params)
{
	struct u256 target;
	size_t len;
	const char *s = jtree_plain(t, jtree_item(t, params, 0), &len);

	if (s != NULL && target_of_hex(s, len, &target) == 0 &&
	    !target_is_zero(&target))
		verify_set_difficulty(v,
		    target_difficulty(&target, TARGET_BDIFF));
}

/* --- jobs --- */

void
verify_given_drop(struct verify *v, unsigned i)
{
	v->root.job = NULL;
	work_unref(v->store, v->given[i].job);
	v->jobs--;
	memmove(v->given + i, v->given + i + 1,
	    (v->jobs - i) * sizeof(*v->given));
}

int
verify_given_find(const struct verify *v, const char *id, size_t len, int end)
{
	uint32_t h = (uint32_t)verify_hash(id, len);
	const struct work_job *j;
	int i;

	for (i = end - 1; i >= 0; i--) {
		j = v->given[i].job;
		if (v->given[i].id_hash == h &&
		    (j == NULL ||
			(j->id_len == len && memcmp(j->id, id, len) == 0)))
			return i;
	}
	return -1;
}

static int
room_for_job(struct verify *v)
{
	unsigned cap = v->jobs_cap == 0 ? 4 : 2u * v->jobs_cap;
	void *p;

	/* Room for more than that there may be, after a restart. */
	if (v->jobs >= VERIFY_JOBS_MAX) {
		v->forgot |= v->given[0].retired == 0;
		verify_given_drop(v, 0);
		return 0;
	}
	if (v->jobs < v->jobs_cap)
		return 0;
	if (cap > VERIFY_JOBS_MAX)
		cap = VERIFY_JOBS_MAX;
	if ((p = realloc(v->given, cap * sizeof(*v->given))) == NULL)
		return -1;
	v->given = p;
	v->jobs_cap = (uint8_t)cap;
	return 0;
}

static void
retire_all(struct verify *v, const struct work_job *next, uint64_t ts)
{
	bool again = false;
	unsigned i;

	for (i = 0; i < v->jobs; i++) {
		if (v->given[i].retired == 0)
			v->given[i].retired = ts != 0 ? ts : 1;
		again |= v->given[i].job == next;
	}
	/* Whatever was there is stale now; not so if the job comes again. */
	if (!again)
		verify_set_clear(v);
	v->cleaned = ts;
	v->forgot = false;
	v->doubt &= (uint8_t)~DOUBT_JOBS;
}

/*
 * The same job once more, with the same extranonce: its terms are the milder
 * of both, for a miner may go by either.
 */
static bool
given_again(struct verify *v, const struct work_job *job, const char *id,
    size_t len)
{
	int i = verify_given_find(v, id, len, v->jobs);
	struct verify_given *g;

	if (i == -1 || v->given[i].job != job || job == NULL ||
	    v->given[i].en != v->en_active)
		return false;
	g = &v->given[i];
	g->retired = 0;
	if (g->difficulty == 0 ||
	    (v->present > 0 && v->present < g->difficulty))
		g->difficulty = v->present;
	/* It is the newest again. */
	struct verify_given keep = *g;
	memmove(g, g + 1, (v->jobs - (unsigned)i - 1) * sizeof(*g));
	v->given[v->jobs - 1] = keep;
	return true;
}

void
verify_notify(struct verify *v, const struct jtree *t, uint32_t params,
    uint64_t ts)
{
	struct work_job *job = work_take(v->store, t, params);
	char id[WORK_ID_MAX + 1];
	long len = jtree_name(t, jtree_item(t, params, 0), id, sizeof(id));
	size_t n = len < 0 ? 0 : (size_t)len;

	v->generation++;
	if (work_clean(t, params) == 1)
		retire_all(v, job, ts);
	v->en_active = v->en[0].serial;
	v->after += v->after < UINT8_MAX;
	if (given_again(v, job, id, n)) {
		work_unref(v->store, job);
		return;
	}
	if (room_for_job(v) == -1) {
		work_unref(v->store, job);
		v->forgot = true;
		return;
	}
	v->given[v->jobs++] = (struct verify_given){ .job = job,
		.ts = ts,
		.difficulty = v->present,
		.id_hash = (uint32_t)verify_hash(id, n),
		.en = v->en_active,
		.after = v->after };
}

/* --- workers --- */

static struct verify_worker *
worker_find(struct verify *v, uint64_t name)
{
	unsigned i;

	for (i = 0; i < v->workers; i++)
		if (v->worker[i].name == name)
			return &v->worker[i];
	return NULL;
}

static struct verify_worker *
worker_new(struct verify *v)
{
	unsigned cap = v->workers_cap == 0 ? 1 : 2u * v->workers_cap;
	void *p;

	if (v->workers == VERIFY_WORKERS_MAX)
		return NULL;
	if (v->workers == v->workers_cap) {
		p = realloc(v->worker, cap * sizeof(*v->worker));
		if (p == NULL)
			return NULL;
		v->worker = p;
		v->workers_cap = (uint8_t)cap;
	}
	return &v->worker[v->workers++];
}

void
verify_authorize(struct verify *v, const struct jtree *t, uint32_t params,
    uint64_t id_hash)
{
	char name[4 * STRATUM_TEXT_MAX];
	long len = jtree_name(t, jtree_item(t, params, 0), name, sizeof(name));
	uint64_t h;
	struct verify_worker *w;

	if (len < 0)
		return;
	h = verify_hash(name, (size_t)len);
	v->generation++;
	if ((w = worker_find(v, h)) == NULL && (w = worker_new(v)) == NULL) {
		v->crowded = true;
		return;
	}
	*w = (struct verify_worker){ .name = h, .id = id_hash };
}

void
verify_authorized(struct verify *v, uint64_t id_hash, bool ok)
{
	unsigned i;

	for (i = 0; i < v->workers; i++)
		if (v->worker[i].state == WORKER_ASKED &&
		    v->worker[i].id == id_hash) {
			v->worker[i].state = ok ? WORKER_OK : WORKER_REFUSED;
			v->generation++;
			return;
		}
}

/* --- lines --- */

void
verify_gap(struct verify *v)
{
	v->doubt = DOUBT_JOBS | DOUBT_HASH | DOUBT_DIFFICULTY | DOUBT_WORKERS;
	v->generation++;
}

static void
from_pool(struct verify *v, const struct verify_message *m, uint32_t params)
{
	const struct jtree *t = m->tree;
	double d;

	if (m->msg->method == STRATUM_M_NOTIFY)
		verify_notify(v, t, params, m->ts);
	else if (m->msg->method == STRATUM_M_SET_TARGET)
		verify_set_target(v, t, params);
	else if (m->msg->method == STRATUM_M_SET_EXTRANONCE)
		verify_set_extranonce(v, t, params);
	else if (m->msg->method == STRATUM_M_SET_VERSION_MASK)
		verify_set_version_mask(v, t, params);
	else if (m->msg->method == STRATUM_M_SET_DIFFICULTY &&
	    jtree_double(t, jtree_item(t, params, 0), &d) == 0)
		verify_set_difficulty(v, d);
}

static void
answer_from_pool(struct verify *v, const struct verify_message *m)
{
	uint32_t result = jtree_member(m->tree, jtree_root(m->tree), "result");

	if (m->answers == STRATUM_M_SUBSCRIBE)
		verify_subscribed(v, m->tree, result);
	else if (m->answers == STRATUM_M_CONFIGURE)
		verify_configured(v, m->tree, result);
	else if (m->answers == STRATUM_M_AUTHORIZE)
		verify_authorized(v, m->msg->id.hash,
		    jtree_is(m->tree, result, J_TRUE));
}

bool
verify_message(struct verify *v, const struct verify_message *m,
    struct verify_share *s)
{
	uint32_t params;

	if (m->tree == NULL || m->msg->kind < STRATUM_REQUEST)
		return false;
	params = jtree_member(m->tree, jtree_root(m->tree), "params");
	if (m->to_miner) {
		if (m->msg->kind == STRATUM_RESPONSE)
			answer_from_pool(v, m);
		else
			from_pool(v, m, params);
		return false;
	}
	if (m->msg->method == STRATUM_M_AUTHORIZE)
		verify_authorize(v, m->tree, params, m->msg->id.hash);
	if (m->msg->method != STRATUM_M_SUBMIT)
		return false;
	verify_submit(v, m->tree, params, m->ts, s);
	return true;
}

/* --- what it knows --- */

double
verify_difficulty(const struct verify *v)
{
	return v->present;
}

bool
verify_mask(const struct verify *v, uint32_t *mask)
{
	*mask = v->negotiated ? v->mask : 0;
	return v->negotiated;
}

const struct work_bytes *
verify_extranonce1(const struct verify *v, uint8_t *en2_size)
{
	const struct verify_en *en = verify_en_find(v, v->en_active);

	*en2_size = en != NULL && en->usable ? en->size : 0;
	return en != NULL && en->usable ? &en->b : NULL;
}

const struct work_job *
verify_job(const struct verify *v, unsigned i, uint64_t *ts, bool *retired)
{
	const struct verify_given *g;

	if (i >= v->jobs)
		return NULL;
	g = &v->given[v->jobs - 1 - i];
	*ts = g->ts;
	*retired = g->retired != 0;
	return g->job;
}

unsigned
verify_jobs(const struct verify *v)
{
	return v->jobs;
}
