/*
 * Questions to the other processes, under numbers of our own; answers find
 * who asked.  Each ends: with its answer, with the end of who was asked, or
 * with its time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/apid.h"
#include "apid/ask.h"
#include "common/log.h"

#define ASKS_MAX 1024

struct ask {
	TAILQ_ENTRY(ask) entry;
	struct apid *api;
	uint32_t id;
	unsigned type;
	enum role at;
	int64_t until; /* ms */
	const struct ask_ops *ops;
	void *arg;
};

static struct ipc *
channel(const struct apid *a, enum role at)
{
	return at == ROLE_SUPERVISOR ? a->supervisor : a->peer[at];
}

/* Why a process is not there, for people. */
static const char *
absent(enum role at)
{
	static const char *const text[ROLE_MAX] = {
		[ROLE_CAPTURE] = "captured is not running",
		[ROLE_QUERY_PAGE] = "the query process is not running",
		[ROLE_QUERY_SEARCH] = "the query process is not running",
		[ROLE_AUTH] = "the auth process is not running",
		[ROLE_NOSTR] = "nostrd is not running",
		[ROLE_REPLAY] = "the replay process is not running",
	};

	return text[at] != NULL ? text[at] : "a process is not running";
}

struct ask *
ask_new(struct apid *a, enum role at, enum msg_type type,
    const struct mbuf *body, unsigned ms, const struct ask_ops *ops, void *arg,
    const char **why)
{
	struct ipc *ipc = channel(a, at);
	struct mbuf empty = { 0 };
	struct ask *k;

	if (ipc == NULL) {
		*why = absent(at);
		return NULL;
	}
	*why = "too much is asked at once";
	if (a->nasks >= ASKS_MAX || (k = calloc(1, sizeof(*k))) == NULL)
		return NULL;
	/* Small numbers: the supervisor has a use for the highest bit. */
	a->last_id = a->last_id % 0x7fffffffu + 1;
	k->api = a;
	k->id = a->last_id;
	k->type = type;
	k->at = at;
	k->until = api_now() + ms;
	k->ops = ops;
	k->arg = arg;
	if (ipc_send(ipc, type, k->id, -1, body != NULL ? body : &empty) ==
	    -1) {
		free(k);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&a->asks, k, entry);
	a->nasks++;
	return k;
}

static void
ask_free(struct ask *k)
{
	TAILQ_REMOVE(&k->api->asks, k, entry);
	k->api->nasks--;
	free(k);
}

void
ask_cancel(struct apid *a, struct ask *k)
{
	struct ipc *ipc;

	if (k == NULL)
		return;
	ipc = channel(a, k->at);
	if (k->type == MSG_QUERY && ipc != NULL)
		(void)ipc_send_empty(ipc, MSG_QUERY_CANCEL, k->id);
	ask_free(k);
}

static struct ask *
ask_find(struct apid *a, enum role at, uint32_t id)
{
	struct ask *k;

	TAILQ_FOREACH(k, &a->asks, entry)
		if (k->id == id && k->at == at)
			return k;
	return NULL;
}

static void
ask_end(struct ask *k, struct msg_in *m, const char *why)
{
	const struct ask_ops *ops = k->ops;
	void *arg = k->arg;

	/* First, so that the callback may ask again. */
	ask_free(k);
	ops->end(arg, m, why);
}

bool
ask_row(struct apid *a, enum role at, struct msg_in *m)
{
	struct ask *k = ask_find(a, at, m->id);

	if (k != NULL && k->ops->row != NULL)
		k->ops->row(k->arg, m);
	return k != NULL;
}

void
ask_last(struct apid *a, enum role at, struct msg_in *m)
{
	struct ask *k = ask_find(a, at, m->id);

	if (k != NULL)
		ask_end(k, m, NULL);
}

void
asks_fail(struct apid *a, enum role at)
{
	struct ask *k;

	/* From the start each time: a callback may end others. */
	do {
		TAILQ_FOREACH(k, &a->asks, entry)
			if (k->at == at)
				break;
		if (k != NULL)
			ask_end(k, NULL, absent(at));
	} while (k != NULL);
}

void
asks_tick(struct apid *a)
{
	int64_t now = api_now();
	struct ipc *ipc;
	struct ask *k;

	do {
		TAILQ_FOREACH(k, &a->asks, entry)
			if (k->until <= now)
				break;
		if (k == NULL)
			break;
		ipc = channel(a, k->at);
		if (k->type == MSG_QUERY && ipc != NULL)
			(void)ipc_send_empty(ipc, MSG_QUERY_CANCEL, k->id);
		ask_end(k, NULL, "no answer in time");
	} while (1);
}

void
asks_free(struct apid *a)
{
	struct ask *k;

	while ((k = TAILQ_FIRST(&a->asks)) != NULL)
		ask_free(k);
}
