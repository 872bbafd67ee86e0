/*
 * Alerts, told to the operator as private messages (common/nostr_wrap.h).
 *
 * What captured's store has and was not told yet becomes lines of a message:
 * each alert when it begins and when it ends.  A few at once go out as they
 * come; beyond that one message in so long says all that came meanwhile, so
 * that a bad night is not a hundred messages.  What was told and what some
 * relay has not taken yet is on disk: kill -9 tells nothing twice but what
 * was being written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/nostr_wrap.h"
#include "common/utf8.h"
#include "nostrd/alerts_int.h"

#define LINES_MAX 4096u /* bytes of one message's text */
#define BURST     5

/* --- what is to be told --- */

void
alerts_store(struct alerts *a, const uint8_t id[16])
{
	if (memcmp(a->store, id, 16) != 0) {
		/* Its numbers begin anew. */
		memcpy(a->store, id, 16);
		a->nknown = 0;
		a->floor = 0;
		a->first = true;
	}
	a->placed = true;
}

static struct known *
find(struct alerts *a, uint64_t id)
{
	for (unsigned i = 0; i < a->nknown; i++)
		if (a->known[i].id == id)
			return &a->known[i];
	return NULL;
}

/* Another is forgotten when there are too many: the oldest that is over. */
static struct known *
add(struct alerts *a, uint64_t id)
{
	struct known *k = NULL;

	if (a->nknown < KNOWN) {
		k = &a->known[a->nknown++];
	} else {
		for (unsigned i = 0; i < KNOWN; i++)
			if (a->known[i].ended == STEP_TOLD &&
			    (k == NULL || a->known[i].id < k->id))
				k = &a->known[i];
		if (k == NULL || k->id > id)
			return NULL;
		if (k->id > a->floor)
			a->floor = k->id;
	}
	memset(k, 0, sizeof(*k));
	k->id = id;
	return k;
}

static void
line(struct alerts *a, const struct alert_rec *r, bool over)
{
	char text[ALERT_TEXT + ALERT_POOL + 512], worker[160], pool[ALERT_POOL];
	int n;

	utf8_copy(worker, sizeof(worker), r->worker, strlen(r->worker));
	utf8_copy(pool, sizeof(pool), r->pool, strlen(r->pool));
	n = snprintf(text, sizeof(text), "\n%s: %s%s%s%s%s: %s",
	    over ? "over" : alert_severity_name(r->severity),
	    alert_kind_name(r->kind), pool[0] != '\0' ? ", pool " : "", pool,
	    worker[0] != '\0' ? ", worker " : "", worker, r->text);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    a->lines.len + (size_t)n > LINES_MAX) {
		a->more++;
		return;
	}
	msg_put_raw(&a->lines, text, (size_t)n);
	a->nlines++;
}

void
alerts_row(struct alerts *a, const struct alert_rec *r)
{
	struct known *k = find(a, r->id);

	if (k == NULL) {
		if (r->id <= a->floor || (k = add(a, r->id)) == NULL)
			return;
		if (a->first && r->ended_us != 0) {
			/* Of before there was anybody to tell. */
			k->begun = k->ended = STEP_TOLD;
			return;
		}
		k->begun = STEP_WAITING;
		line(a, r, false);
	}
	if (r->ended_us != 0 && k->ended == STEP_NONE) {
		k->ended = STEP_WAITING;
		line(a, r, true);
	}
}

void
alerts_listed(struct alerts *a)
{
	if (a->first) {
		a->first = false;
		alerts_save(a);
	}
	alerts_tick(a, nostrd_now());
}

/* --- making a message --- */

static void
step_all(struct alerts *a, uint8_t from, uint8_t to)
{
	for (unsigned i = 0; i < a->nknown; i++) {
		struct known *k = &a->known[i];

		if (k->begun == from)
			k->begun = to;
		if (k->ended == from)
			k->ended = to;
	}
}

/* They were not told: when the store is read again they are new. */
static void
forget_signing(struct alerts *a)
{
	for (unsigned i = 0; i < a->nknown;) {
		struct known *k = &a->known[i];

		if (k->ended == STEP_SIGNING)
			k->ended = STEP_NONE;
		if (k->begun == STEP_SIGNING)
			*k = a->known[--a->nknown];
		else
			i++;
	}
}

static int
keep_wrap(struct alerts *a, const struct draft *seal)
{
	const struct nostrd *n = a->nostrd;
	struct mbuf text, out;
	uint8_t id[32];
	struct note *t;
	int ok;

	mbuf_init(&text);
	mbuf_init(&out);
	nostr_event_put(&seal->event, &text);
	ok = text.bad ? -1 :
			nostr_wrap(n->conf.alerts_to, seal->event.created_at,
			    (char *)text.data, text.len, &out, id);
	if (ok == 0 && out.len <= NOTE_MAX) {
		t = alerts_note_room(a);
		memcpy(t->id, id, 32);
		t->serial = ++a->serial;
		a->nnotes++;
		t->text = (char *)out.data;
		t->len = out.len;
		mbuf_init(&out);
	}
	mbuf_free(&text);
	mbuf_free(&out);
	return ok;
}

static void
on_sealed(void *arg, struct draft *d, bool ok)
{
	struct alerts *a = arg;

	a->signing = false;
	if (!ok || keep_wrap(a, d) == -1) {
		forget_signing(a);
		return;
	}
	log_info("the operator is told of alerts");
	step_all(a, STEP_SIGNING, STEP_TOLD);
	a->tokens -= 1;
	alerts_save(a);
	nostrd_news(a->nostrd);
}

static int
make_seal(struct alerts *a)
{
	const struct nostrd *n = a->nostrd;
	const uint8_t *conversation = signer_link_alerts(n->signer);
	int64_t now = nostrd_real_us() / 1000000;
	char more[96] = "", head[128];
	struct mbuf text;
	int ok;

	if (conversation == NULL)
		return -1;
	snprintf(head, sizeof(head), "HashScope %s", n->conf.site);
	if (a->more > 0)
		snprintf(more, sizeof(more),
		    "\nand %u more: hashscopectl show alerts", a->more);
	mbuf_init(&text);
	msg_put_raw(&text, head, strlen(head));
	msg_put_raw(&text, a->lines.data, a->lines.len);
	msg_put_raw(&text, more, strlen(more));
	draft_begin(&a->seal, NOSTR_KIND_SEAL, now);
	ok = text.bad ||
		nostr_rumor(signer_link_key(n->signer), n->conf.alerts_to, now,
		    (char *)text.data, text.len, &a->seal.content) == -1 ||
		nostr_seal(conversation, &a->seal.content) == -1 ?
	    -1 :
	    sign_ask(n->signer, &a->seal, on_sealed, a);
	mbuf_free(&text);
	return ok;
}

/* --- when --- */

static void
refill(struct alerts *a, uint64_t now)
{
	if (a->tokens_at != 0 && a->nostrd->conf.alerts_pause_ms > 0)
		a->tokens += (double)(now - a->tokens_at) /
		    a->nostrd->conf.alerts_pause_ms;
	if (a->tokens > BURST || a->tokens_at == 0)
		a->tokens = BURST;
	a->tokens_at = now;
}

void
alerts_tick(struct alerts *a, uint64_t now)
{
	alerts_finish(a);
	refill(a, now);
	if (a->signing || a->nlines + a->more == 0 || a->tokens < 1 ||
	    !a->nostrd->conf.alerts || a->nostrd->nrelays == 0)
		return;
	if (make_seal(a) == -1)
		return;
	/* What comes while this is signed belongs to the next. */
	a->signing = true;
	step_all(a, STEP_WAITING, STEP_SIGNING);
	mbuf_reset(&a->lines);
	a->nlines = a->more = 0;
}

/* --- its life --- */

struct alerts *
alerts_new(struct nostrd *n)
{
	struct alerts *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->nostrd = n;
	a->first = true;
	return a;
}

void
alerts_free(struct alerts *a)
{
	if (a == NULL)
		return;
	for (unsigned i = 0; i < NOTES; i++)
		alerts_note_free(a, &a->note[i]);
	mbuf_free(&a->lines);
	mbuf_free(&a->seal.content);
	mbuf_free(&a->buf);
	free(a);
}
