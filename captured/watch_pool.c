/*
 * Jobs: whom they pay, and the height that they are for.  And what a pool
 * says of shares against every rule.
 *
 * A coinbase is taken apart once for each job, however many sessions get it.
 * Nobody says which outputs are to stay: what has stayed is expected to.  A
 * payout that changes with each block never becomes usual; of one that does
 * (a fee beside changing miners) only the larger part of the value counts.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "captured/watch_int.h"

/* --- scripts --- */

static const struct script *
find_script(const struct scripts *l, uint64_t hash)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->s[i].hash == hash)
			return &l->s[i];
	return NULL;
}

/* Room is for the largest. */
static void
add_script(struct scripts *l, uint64_t hash, double part)
{
	unsigned i, least = 0;

	for (i = 0; i < l->n; i++) {
		if (l->s[i].hash == hash) {
			l->s[i].part += part;
			return;
		}
		if (l->s[i].part < l->s[least].part)
			least = i;
	}
	if (l->n < SCRIPTS)
		l->s[l->n++] = (struct script){ hash, part };
	else if (l->s[least].part < part)
		l->s[least] = (struct script){ hash, part };
}

static void
paid_by(const struct coinbase *cb, struct scripts *out)
{
	const struct coinbase_output *o;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < cb->kept; i++) {
		o = &cb->output[i];
		if (o->value > 0)
			add_script(out, keyed_hash(o->script, o->script_len),
			    (double)o->value / (double)cb->total);
	}
}

/* What those that are usual carried and that goes elsewhere now. */
static double
missing_part(const struct scripts *usual, const struct scripts *now)
{
	double part = 0;

	for (unsigned i = 0; i < usual->n; i++)
		if (find_script(now, usual->s[i].hash) == NULL)
			part += usual->s[i].part;
	return part;
}

/* One more job: keeps what is in it too. */
static void
learn(struct scripts *usual, const struct scripts *now, bool same_block)
{
	const struct script *s;
	unsigned n = 0;

	for (unsigned i = 0; i < usual->n; i++)
		if ((s = find_script(now, usual->s[i].hash)) != NULL)
			usual->s[n++] = *s;
	usual->n = n;
	if (n == 0) {
		*usual = *now;
		usual->blocks = usual->jobs = 1;
		return;
	}
	usual->blocks += !same_block && usual->blocks < ADOPT_BLOCKS;
	usual->jobs = same_block ? usual->jobs + 1 : 1;
}

static bool
is_learned(const struct scripts *l, bool same_block)
{
	return l->blocks >= LEARN_BLOCKS ||
	    (same_block && l->jobs >= LEARN_JOBS);
}

/* --- payouts --- */

/* The output that carries most, in words. */
static const char *
largest(const struct coinbase *cb, const struct scripts *but)
{
	const struct coinbase_output *o, *best = NULL;

	for (unsigned i = 0; i < cb->kept; i++) {
		o = &cb->output[i];
		if (o->value > 0 && (best == NULL || o->value > best->value) &&
		    (but == NULL ||
			find_script(but,
			    keyed_hash(o->script, o->script_len)) == NULL))
			best = o;
	}
	if (best == NULL)
		return "nobody";
	return best->address[0] != '\0' ?
	    best->address :
	    address_type_name((enum address_type)best->type);
}

/* Which of the networks it is, the coinbase does not say. */
static bool
is_listed(const struct watch_names *l, const struct coinbase_output *o)
{
	char address[ADDRESS_MAX];

	for (unsigned net = 0; net < ADDRESS_NETS; net++) {
		address_of_script(o->script, o->script_len,
		    (enum address_net)net, address);
		for (unsigned i = 0; i < l->n && address[0] != '\0'; i++)
			/* Those with a 1 behind letters know no case. */
			if (strcmp(l->name[i], address) == 0 ||
			    (strchr("bt", address[0]) != NULL &&
				strcasecmp(l->name[i], address) == 0))
				return true;
	}
	return false;
}

/* A swap of a pool's payout is one alert, however many users it has. */
static bool
others_swapped(struct watch *w, const struct payer *p, const char *pool)
{
	size_t len = strlen(pool);
	struct keyed_node *n;
	struct payer *x;
	void *thing;

	TAILQ_FOREACH(n, &w->payers.lru, lru) {
		thing = n;
		x = thing;
		if (x != p && x->swapped &&
		    strncmp(watch_name(x), pool, len) == 0 &&
		    watch_name(x)[len] == '\n')
			return true;
	}
	return false;
}

static void
payout_is_good(struct watch *w, struct payer *p, const struct alert_at *who)
{
	if (!p->swapped)
		return;
	p->swapped = false;
	memset(&p->other, 0, sizeof(p->other));
	if (!others_swapped(w, p, who->pool))
		alert_end(&w->alerts,
		    alert_find(&w->alerts, ALERT_PAYOUT, who));
}

static void
payout_strict(struct watch *w, struct payer *p, const struct alert_at *who,
    const char *user)
{
	const struct coinbase_output *o;

	for (unsigned i = 0; i < w->cb.kept; i++) {
		o = &w->cb.output[i];
		if (o->value == 0 || is_listed(&w->conf.payouts, o))
			continue;
		p->swapped = true;
		alert_raise(&w->alerts, ALERT_PAYOUT, who,
		    watch_hold(w, ALERT_PAYOUT),
		    "a job of %s for %s pays %.8f to %s, which is not a "
		    "payout that was named. If that is not the pool's own "
		    "doing, somebody mines with these machines: disconnect "
		    "them and ask the pool.",
		    who->pool, user, (double)o->value / 1e8,
		    o->address[0] != '\0' ?
			o->address :
			address_type_name((enum address_type)o->type));
		return;
	}
	payout_is_good(w, p, who);
}

/* It goes elsewhere; that may last until it is what is usual. */
static void
payout_other(struct watch *w, struct payer *p, const struct alert_at *who,
    const char *user, const struct scripts *now, bool same_block)
{
	learn(&p->other, now, same_block && p->swapped);
	if (p->other.blocks >= ADOPT_BLOCKS) {
		p->usual = p->other;
		payout_is_good(w, p, who);
		return;
	}
	p->swapped = true;
	alert_raise(&w->alerts, ALERT_PAYOUT, who, watch_hold(w, ALERT_PAYOUT),
	    "jobs of %s for %s pay to %s now: the outputs that used to carry "
	    "most of a block are gone. If the pool did not announce it, "
	    "somebody mines with these machines: disconnect them and ask the "
	    "pool. It ends when they are back, or when the new ones have "
	    "stayed for %u blocks.",
	    who->pool, user, largest(&w->cb, &p->usual), ADOPT_BLOCKS);
}

static void
payout_learned(struct watch *w, struct payer *p, const struct alert_at *who,
    const char *user, const uint8_t prevhash[32])
{
	bool same_block = memcmp(p->prevhash, prevhash, 32) == 0;
	struct scripts now;

	paid_by(&w->cb, &now);
	if (now.n == 0)
		return;
	memcpy(p->prevhash, prevhash, 32);
	/* What has once been learned is compared with until it is back. */
	if (missing_part(&p->usual, &now) > 0.5 &&
	    (p->swapped || is_learned(&p->usual, same_block))) {
		payout_other(w, p, who, user, &now, same_block);
		return;
	}
	payout_is_good(w, p, who);
	learn(&p->usual, &now, same_block);
}

static void
job_payout(struct watch *w, struct payer *p, const struct watch_at *at,
    const uint8_t prevhash[32])
{
	struct alert_at who = watch_subject(at);
	char user[129];

	watch_user(at->worker, user);
	if (user[0] == '\0')
		snprintf(user, sizeof(user), "miners");
	who.worker = NULL;
	if (w->cb.total == 0)
		return;
	if (w->conf.payouts.n > 0)
		payout_strict(w, p, &who, user);
	else if (w->conf.payout_change)
		payout_learned(w, p, &who, user, prevhash);
}

void
watch_reset_payers(struct watch *w)
{
	struct keyed_node *n;
	struct payer *p;
	void *thing;

	TAILQ_FOREACH(n, &w->payers.lru, lru) {
		thing = n;
		p = thing;
		p->swapped = false;
	}
}

/* --- heights --- */

static void
job_height(struct watch *w, struct pool *p, const struct watch_at *at,
    int64_t height)
{
	/* Twice, so that pools that disagree are compared first. */
	uint64_t patience = 2 * w->conf.prevhash_ms * NS_MS, since;
	struct alert_at who = watch_subject(at);

	who.worker = NULL;
	if (height < 0)
		return;
	if (height >= p->height) {
		if (p->behind != 0)
			alert_end(&w->alerts,
			    alert_find(&w->alerts, ALERT_HEIGHT, &who));
		p->behind = 0;
		if (height > p->height)
			watch_touch(w, p);
		p->height = height;
		return;
	}
	watch_touch(w, p);
	if (p->behind == 0)
		p->behind = w->alerts.now;
	since = w->alerts.now - p->behind;
	if (since >= NS_DAY) {
		/* It is another chain, and has been for a day. */
		p->height = height - 1;
		job_height(w, p, at, height);
	} else if (w->conf.height &&
	    since >= (patience != 0 ? patience : NS_S) &&
	    !chain_disputed(w, p)) {
		alert_raise(&w->alerts, ALERT_HEIGHT, &who,
		    watch_hold(w, ALERT_HEIGHT),
		    "jobs of %s went back from height %lld to %lld and stay "
		    "there: what is found on them is worth nothing. The pool's "
		    "node is behind or follows another chain; use another pool "
		    "until it is right.",
		    at->pool, (long long)p->height, (long long)height);
	}
}

/* --- a job --- */

/* Of no pool that pays the same for all its users do we keep many. */
static struct payer *
payer_of(struct watch *w, const struct watch_at *at)
{
	char user[129];
	bool fresh;

	watch_user(at->worker, user);
	return watch_get(w, &w->payers, 'y', at->pool, user, &fresh);
}

static bool
is_new_job(struct payer *p, const uint8_t *key)
{
	uint64_t k;

	memcpy(&k, key, sizeof(k));
	for (unsigned i = 0; i < RECENT_JOBS; i++)
		if (p->recent[i] == k)
			return false;
	p->recent[p->nrecent++ % RECENT_JOBS] = k;
	return true;
}

void
watch_job(struct watch *w, const struct watch_at *at, const struct work_job *j,
    int en)
{
	struct payer *payer = payer_of(w, at);
	struct pool *pool = watch_pool(w, at->pool);

	if (payer == NULL || pool == NULL || j->fault != WORK_SOUND)
		return;
	if (is_new_job(payer, j->key)) {
		watch_touch(w, payer);
		chain_network(w, pool, at, j);
		chain_told(w, pool, at, j);
		if (coinbase_parse(&w->cb, j->coinb1, j->coinb1_len, j->coinb2,
			j->coinb2_len, en,
			(enum address_net)w->conf.chain) == 0) {
			job_payout(w, payer, at, j->prevhash);
			job_height(w, pool, at, w->cb.height);
		}
		return;
	}
	chain_told(w, pool, at, j);
}

/* --- what a pool says of shares --- */

static unsigned
tally(struct tally *t, uint64_t now)
{
	if (t->n == 0 || now - t->since > NS_HOUR) {
		t->since = now;
		t->n = 0;
	}
	return ++t->n;
}

void
pool_answer(struct watch *w, const struct watch_at *at,
    const struct watch_judged *j)
{
	bool accepts = j->wrongly_accepted;
	enum alert_kind kind = accepts ? ALERT_POOL_ACCEPTS :
					 ALERT_POOL_REJECTS;
	struct alert_at who = watch_subject(at);
	struct pool *p;
	unsigned n;

	if (w->conf.disputes == 0 || (!accepts && !j->wrongly_rejected) ||
	    (p = watch_pool(w, at->pool)) == NULL)
		return;
	watch_touch(w, p);
	who.worker = NULL;
	n = tally(accepts ? &p->accepts : &p->rejects, w->alerts.now);
	if (n < w->conf.disputes)
		return;
	if (accepts)
		alert_raise(&w->alerts, kind, &who, watch_hold(w, kind),
		    "%s accepted %u shares within an hour that are invalid by "
		    "any rule (the last: %s): it acknowledges without looking, "
		    "and may pay for nothing. Compare what it credits.",
		    at->pool, n, j->why);
	else
		alert_raise(&w->alerts, kind, &who, watch_hold(w, kind),
		    "%s rejected %u shares within an hour that are valid by "
		    "its own terms: that work is lost. show shares lists them, "
		    "to be shown to the pool.",
		    at->pool, n);
}

/* --- kept --- */

static void
scripts_pack(const struct scripts *l, struct mbuf *m)
{
	msg_put_u8(m, (uint8_t)l->n);
	msg_put_u32(m, l->blocks);
	msg_put_u32(m, l->jobs);
	for (unsigned i = 0; i < l->n; i++) {
		msg_put_u64(m, l->s[i].hash);
		msg_put_double(m, l->s[i].part);
	}
}

static void
scripts_unpack(struct scripts *l, struct mcur *c)
{
	l->n = msg_get_u8(c);
	l->blocks = msg_get_u32(c);
	l->jobs = msg_get_u32(c);
	if (l->n > SCRIPTS) {
		l->n = 0;
		c->bad = true;
	}
	for (unsigned i = 0; i < l->n; i++) {
		l->s[i].hash = msg_get_u64(c);
		l->s[i].part = msg_get_double(c);
	}
}

void
payer_pack(const struct payer *p, struct mbuf *m)
{
	msg_put_raw(m, p->prevhash, sizeof(p->prevhash));
	scripts_pack(&p->usual, m);
	scripts_pack(&p->other, m);
	msg_put_u8(m, p->swapped);
	msg_put_u32(m, p->nrecent);
	for (unsigned i = 0; i < RECENT_JOBS; i++)
		msg_put_u64(m, p->recent[i]);
}

void
payer_unpack(struct payer *p, struct mcur *c)
{
	msg_get_raw(c, p->prevhash, sizeof(p->prevhash));
	scripts_unpack(&p->usual, c);
	scripts_unpack(&p->other, c);
	p->swapped = msg_get_bool(c);
	p->nrecent = msg_get_u32(c);
	for (unsigned i = 0; i < RECENT_JOBS; i++)
		p->recent[i] = msg_get_u64(c);
}

void
pool_pack(const struct pool *p, struct mbuf *m)
{
	msg_put_u32(m, p->chain);
	msg_put_i64(m, p->height);
	msg_put_u64(m, p->behind);
	msg_put_double(m, p->network);
	msg_put_u64(m, p->strayed);
	msg_put_u64(m, p->accepts.since);
	msg_put_u32(m, p->accepts.n);
	msg_put_u64(m, p->rejects.since);
	msg_put_u32(m, p->rejects.n);
}

void
pool_unpack(struct pool *p, struct mcur *c)
{
	p->chain = msg_get_u32(c);
	p->height = msg_get_i64(c);
	p->behind = msg_get_u64(c);
	p->network = msg_get_double(c);
	p->strayed = msg_get_u64(c);
	p->accepts.since = msg_get_u64(c);
	p->accepts.n = msg_get_u32(c);
	p->rejects.since = msg_get_u64(c);
	p->rejects.n = msg_get_u32(c);
}
