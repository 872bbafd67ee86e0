/*
 * Urgent events, from being given to the relay's answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nostr_urgent.h"

#define AGAIN_MS 500 /* after a relay's "later" */

int
urgent_set(struct urgent *u, const uint8_t id[32], const char *event,
    size_t len, uint64_t now, uint64_t until)
{
	char *text = malloc(len);

	urgent_clear(u);
	if (text == NULL)
		return -1;
	memcpy(text, event, len);
	memcpy(u->id, id, 32);
	u->text = text;
	u->len = len;
	u->at = now;
	u->until = until;
	u->state = URGENT_WAITING;
	return 0;
}

void
urgent_clear(struct urgent *u)
{
	free(u->text);
	memset(u, 0, sizeof(*u));
}

static void
end(struct urgent *u, enum urgent_state state, const char *why)
{
	u->state = state;
	snprintf(u->why, sizeof(u->why), "%s", why);
}

static void
again(struct urgent *u, uint64_t at, const char *why)
{
	end(u, URGENT_WAITING, why);
	u->at = at;
}

bool
urgent_next(struct urgent *all, uint64_t now, struct mbuf *frame)
{
	for (struct urgent *u = all; u < all + URGENT_MAX; u++) {
		if (u->state != URGENT_WAITING || now < u->at ||
		    now >= u->until)
			continue;
		u->state = URGENT_SENT;
		u->sent_at = now;
		nostr_put_event(frame, u->text, u->len);
		return true;
	}
	return false;
}

static int
refused(struct urgent *u, uint64_t now, const struct nostr_frame *fr)
{
	if (fr->reason == NR_DUPLICATE || fr->reason == NR_MUTE) {
		/* It was there, or nobody listens. */
		end(u, URGENT_TAKEN, fr->text);
	} else if (fr->reason == NR_RATE_LIMITED || fr->reason == NR_ERROR) {
		again(u, now + AGAIN_MS, fr->text);
	} else if (fr->reason == NR_AUTH_REQUIRED && !u->auth_tried) {
		u->auth_tried = true;
		again(u, URGENT_NEVER, fr->text);
		return 2;
	} else {
		end(u, URGENT_REFUSED,
		    fr->text[0] != '\0' ? fr->text :
					  "refused without a reason");
	}
	return 1;
}

int
urgent_ok(struct urgent *all, uint64_t now, const struct nostr_frame *fr)
{
	for (struct urgent *u = all; u < all + URGENT_MAX; u++) {
		if (u->state == URGENT_NONE || memcmp(u->id, fr->id, 32) != 0)
			continue;
		/* An answer that comes twice, or to what was not asked. */
		if (u->state != URGENT_SENT && u->state != URGENT_WAITING)
			return 1;
		if (!fr->ok)
			return refused(u, now, fr);
		end(u, URGENT_TAKEN, "");
		return 1;
	}
	return 0;
}

void
urgent_authed(struct urgent *all, uint64_t now)
{
	for (struct urgent *u = all; u < all + URGENT_MAX; u++)
		if (u->state == URGENT_WAITING && u->at == URGENT_NEVER)
			u->at = now;
}

void
urgent_cut(struct urgent *all)
{
	for (struct urgent *u = all; u < all + URGENT_MAX; u++) {
		if (u->state != URGENT_SENT && u->state != URGENT_WAITING)
			continue;
		u->state = URGENT_WAITING;
		u->at = 0;
		u->auth_tried = false;
	}
}

uint64_t
urgent_tick(struct urgent *all, uint64_t now, uint64_t ok_ms)
{
	uint64_t first = 0;

	for (struct urgent *u = all; u < all + URGENT_MAX; u++) {
		if (u->state != URGENT_SENT && u->state != URGENT_WAITING)
			continue;
		if (now >= u->until) {
			end(u, URGENT_REFUSED,
			    u->why[0] != '\0' ? u->why : "no answer in time");
		} else if (u->state == URGENT_SENT &&
		    now - u->sent_at >= ok_ms) {
			if (first == 0 || u->sent_at < first)
				first = u->sent_at;
			again(u, now, "no OK came");
		}
	}
	return first;
}

uint64_t
urgent_wake(const struct urgent *all, bool open, uint64_t ok_ms)
{
	uint64_t at = URGENT_NEVER, t;

	for (const struct urgent *u = all; u < all + URGENT_MAX; u++) {
		if (u->state != URGENT_SENT && u->state != URGENT_WAITING)
			continue;
		t = u->until;
		if (u->state == URGENT_SENT && u->sent_at + ok_ms < t)
			t = u->sent_at + ok_ms;
		else if (u->state == URGENT_WAITING && open && u->at < t)
			t = u->at;
		at = t < at ? t : at;
	}
	return at;
}
