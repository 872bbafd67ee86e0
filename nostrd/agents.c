/*
 * Telemetry.  An event is believed when its author is in the configuration,
 * its id and signature are right, and its content is what it should be; what
 * is left of it is numbers and short texts.
 *
 * With "trust any" others are kept too, marked as not verified: shown, and
 * counted nowhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/nostr_frame.h"
#include "common/nostr_key.h"
#include "nostrd/nostrd.h"

#define AGENTS    256
#define STRANGERS 64 /* of them */
#define HISTORY   60
#define SEEN      2048 /* ids that were had already */
#define FUTURE_S  60
#define PAST_S    3600

struct agent {
	struct agent_rec *rec; /* a ring of HISTORY */
	unsigned n, last;
};

struct agents {
	struct nostrd *nostrd;
	struct agent agent[AGENTS];
	unsigned n, strangers;
	struct nostr_verifier *verifier;
	struct nostr_filter filter;
	uint8_t seen[SEEN][32];
	unsigned next_seen;
	struct nostr_event event;
	struct jtree tree;
	char room[NOSTR_EVENT_MAX];
	uint64_t received, refused, repeated;
};

struct agents *
agents_new(struct nostrd *n)
{
	struct agents *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->nostrd = n;
	a->verifier = nostr_verifier_new();
	if (a->verifier == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void
agents_free(struct agents *a)
{
	if (a == NULL)
		return;
	for (unsigned i = 0; i < a->n; i++)
		free(a->agent[i].rec);
	nostr_verifier_free(a->verifier);
	free(a);
}

uint64_t
agents_refused(const struct agents *a)
{
	return a->refused;
}

bool
agents_filter(struct agents *a, struct nostr_filter *f)
{
	const struct nostrd *n = a->nostrd;

	memset(f, 0, sizeof(*f));
	f->kind[0] = n->conf.kind_telemetry;
	f->nkinds = 1;
	if (!n->conf.trust_any) {
		f->nauthors = n->ntrust;
		memcpy(f->author, n->trust, n->ntrust * sizeof(n->trust[0]));
	}
	snprintf(f->tag_t, sizeof(f->tag_t), "hashscope:%s", n->conf.run);
	return n->conf.trust_any || n->ntrust > 0;
}

/* --- is it to be believed --- */

static bool
trusted(const struct agents *a, const uint8_t key[32])
{
	for (unsigned i = 0; i < a->nostrd->ntrust; i++)
		if (memcmp(a->nostrd->trust[i], key, 32) == 0)
			return true;
	return false;
}

static bool
had_it(struct agents *a, const uint8_t id[32])
{
	for (unsigned i = 0; i < SEEN; i++)
		if (memcmp(a->seen[i], id, 32) == 0)
			return true;
	return false;
}

static bool
in_time(const struct nostr_event *e, int64_t now)
{
	int64_t until = nostr_event_expiration(e);

	return e->created_at <= now + FUTURE_S &&
	    e->created_at >= now - PAST_S && (until == 0 || until > now);
}

/* The cheap questions first; the signature last. */
static bool
check(struct agents *a, const struct nostr_event *e)
{
	uint8_t id[32];

	if (!nostr_filter_matches(&a->filter, e) ||
	    !in_time(e, nostrd_real_us() / 1000000))
		return false;
	nostr_event_id(e, id);
	return memcmp(id, e->id, 32) == 0 &&
	    nostr_verify(a->verifier, e->pubkey, e->id, 32, e->sig);
}

/* --- keeping --- */

static struct agent *
find(struct agents *a, const struct agent_rec *rec)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct agent_rec *r = &a->agent[i].rec[a->agent[i].last];

		if (strcmp(r->agent_id, rec->agent_id) == 0 &&
		    memcmp(r->pubkey, rec->pubkey, 32) == 0)
			return &a->agent[i];
	}
	return NULL;
}

/* Room for one more: the one that was silent longest goes. */
static struct agent *
make(struct agents *a, bool known)
{
	struct agent *g = NULL;
	struct agent_rec *rec;

	if (!known && a->strangers >= STRANGERS)
		return NULL;
	if (a->n < AGENTS) {
		g = &a->agent[a->n];
	} else {
		for (unsigned i = 0; i < a->n; i++)
			if (g == NULL ||
			    a->agent[i].rec[a->agent[i].last].received_us <
				g->rec[g->last].received_us)
				g = &a->agent[i];
		a->strangers -= !g->rec[g->last].trusted;
		g->n = g->last = 0;
		a->strangers += !known;
		return g;
	}
	if ((rec = calloc(HISTORY, sizeof(*rec))) == NULL)
		return NULL;
	g->rec = rec;
	g->n = g->last = 0;
	a->n++;
	a->strangers += !known;
	return g;
}

static bool
keep(struct agents *a, const struct agent_rec *rec)
{
	struct agent *g = find(a, rec);

	/* Events may come in any order; one that is older is history that
	 * nobody misses. */
	if (g != NULL && rec->created_us < g->rec[g->last].created_us)
		return false;
	if (g == NULL && (g = make(a, rec->trusted)) == NULL)
		return false;
	if (g->n > 0)
		g->last = (g->last + 1) % HISTORY;
	g->rec[g->last] = *rec;
	if (g->n < HISTORY)
		g->n++;
	answers_agent(a->nostrd->answers, rec);
	return true;
}

bool
agents_event(struct agents *a, const struct jtree *t, uint32_t node)
{
	struct nostr_event *e = &a->event;
	struct agent_rec rec;

	a->received++;
	agents_filter(a, &a->filter);
	if (nostr_event_parse(e, t, node, a->room, sizeof(a->room)) == -1) {
		a->refused++;
		return false;
	}
	if (had_it(a, e->id)) {
		a->repeated++;
		return false;
	}
	if (!check(a, e) ||
	    telemetry_parse(&a->tree, e->content.s, e->content.len,
		a->nostrd->conf.run, &rec) == -1) {
		a->refused++;
		return false;
	}
	memcpy(a->seen[a->next_seen++ % SEEN], e->id, 32);
	memcpy(rec.pubkey, e->pubkey, 32);
	rec.trusted = trusted(a, e->pubkey);
	rec.created_us = e->created_at * 1000000;
	rec.received_us = nostrd_real_us();
	return keep(a, &rec);
}

void
agents_each(struct agents *a, const char *id, uint32_t history,
    void (*fn)(void *, const struct agent_rec *), void *arg)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct agent *g = &a->agent[i];

		if (id[0] != '\0' && strcmp(g->rec[g->last].agent_id, id) != 0)
			continue;
		for (unsigned k = 0; k < g->n && (k == 0 || k < history); k++)
			fn(arg, &g->rec[(g->last + HISTORY - k) % HISTORY]);
	}
}
