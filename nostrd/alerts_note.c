/*
 * Messages with alerts, from when they are sealed until every relay of the
 * configuration has answered for them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/sha256.h"
#include "nostrd/alerts_int.h"

void
alerts_note_free(struct alerts *a, struct note *t)
{
	a->nnotes -= t->serial != 0;
	free(t->text);
	memset(t, 0, sizeof(*t));
}

struct note *
alerts_note_room(struct alerts *a)
{
	struct note *t = NULL;

	for (unsigned i = 0; i < NOTES; i++) {
		if (a->note[i].serial == 0)
			return &a->note[i];
		if (t == NULL || a->note[i].serial < t->serial)
			t = &a->note[i];
	}
	if (!t->taken)
		log_warnx("a message with alerts reached no relay, and there "
			  "is no room to keep it");
	alerts_note_free(a, t);
	return t;
}

static uint64_t
name_of(const struct relay *r)
{
	uint8_t sum[32];
	uint64_t name;

	sha256(relay_url(r), strlen(relay_url(r)), sum);
	memcpy(&name, sum, sizeof(name));
	return name;
}

static bool
is_done(const struct note *t, uint64_t name)
{
	for (unsigned i = 0; i < t->ndone; i++)
		if (t->done[i] == name)
			return true;
	return false;
}

/* The oldest that the relay is still to be given. */
static struct note *
next_note(const struct alerts *a, struct relay *r)
{
	const struct publisher *p = relay_publisher(r);
	const struct note *best = NULL;
	uint64_t name;

	if (a->nnotes == 0)
		return NULL;
	name = name_of(r);
	for (unsigned i = 0; i < NOTES; i++) {
		const struct note *t = &a->note[i];

		if (t->serial != 0 && !is_done(t, name) &&
		    !pub_has(p, ALERT_COOKIE | t->serial) &&
		    (best == NULL || t->serial < best->serial))
			best = t;
	}
	return best == NULL ? NULL : (struct note *)(uintptr_t)best;
}

void
alerts_turn(struct alerts *a, struct relay *r, uint64_t now)
{
	struct publisher *p = relay_publisher(r);
	struct note *t;

	while (pub_wants(p, now) && (t = next_note(a, r)) != NULL)
		if (pub_add(p, ALERT_COOKIE | t->serial, t->id, t->text, t->len,
			PUB_NEVER) == -1)
			return;
}

bool
alerts_wait(const struct alerts *a, struct relay *r)
{
	return relay_publisher(r)->state == PUB_OPEN && next_note(a, r) != NULL;
}

/* Every relay of the configuration has answered for it. */
static bool
all_done(const struct alerts *a, const struct note *t)
{
	const struct nostrd *n = a->nostrd;

	for (unsigned i = 0; i < n->nrelays; i++)
		if (!is_done(t, name_of(n->relays[i])))
			return false;
	return true;
}

static void
finish(struct alerts *a, struct note *t)
{
	if (!t->taken)
		log_warnx("a message with alerts reached no relay");
	alerts_note_free(a, t);
}

/* Those that only waited for a relay which is not configured any more. */
void
alerts_finish(struct alerts *a)
{
	for (unsigned i = 0; i < NOTES && a->nnotes > 0; i++)
		if (a->note[i].serial != 0 && a->note[i].ndone > 0 &&
		    all_done(a, &a->note[i]))
			finish(a, &a->note[i]);
}

void
alerts_done(struct alerts *a, struct relay *r, uint64_t cookie,
    enum pub_outcome what)
{
	struct note *t = NULL;
	char why[2 * NOSTR_TEXT_MAX];

	for (unsigned i = 0; i < NOTES; i++)
		if ((ALERT_COOKIE | a->note[i].serial) == cookie)
			t = &a->note[i];
	if (t == NULL || t->serial == 0)
		return;
	if (what == PUB_ACCEPTED) {
		t->taken = true;
	} else {
		text_escape(why, sizeof(why), relay_publisher(r)->reason,
		    strlen(relay_publisher(r)->reason));
		log_warnx("relay %s does not take a message with alerts: %s",
		    relay_url(r), why);
	}
	if (t->ndone < RELAYS_MAX)
		t->done[t->ndone++] = name_of(r);
	if (all_done(a, t))
		finish(a, t);
	alerts_save(a);
}
