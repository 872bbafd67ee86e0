/*
 * What control and apid ask: agents, relays, our key.  Who follows is told of
 * each telemetry as it comes, or misses it when it does not read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/nostr_name.h"
#include "nostrd/nostrd.h"

#define QUEUE (256u * 1024u)

struct asker {
	struct answers *answers;
	struct ipc *ipc;
	bool follows;
	uint32_t id; /* of the question that is followed */
};

struct answers {
	struct nostrd *nostrd;
	struct asker control, api;
	struct mbuf body;
	struct ipc *to; /* of the answer that is being written */
	uint32_t id;
};

static void
reply(struct answers *a, struct ipc *ipc, uint32_t id, bool ok,
    const char *text)
{
	mbuf_reset(&a->body);
	msg_put_u8(&a->body, ok);
	msg_put_str(&a->body, text);
	if (ipc_send(ipc, MSG_REPLY, id, -1, &a->body) == -1)
		log_debug("a reply was not taken");
}

static void
send_agent(void *arg, const struct agent_rec *rec)
{
	struct answers *a = arg;

	mbuf_reset(&a->body);
	agent_put(&a->body, rec);
	if (ipc_send(a->to, MSG_ROW_AGENT, a->id, -1, &a->body) == -1)
		log_debug("a row was not taken");
}

static void
on_agents(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct asker *k = arg;
	struct answers *a = k->answers;
	char id[AGENT_ID_MAX + 1];
	uint32_t history;
	bool follow;

	msg_get_str(&m->cur, id, sizeof(id));
	history = msg_get_u32(&m->cur);
	follow = msg_get_bool(&m->cur);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	a->to = ipc;
	a->id = m->id;
	agents_each(a->nostrd->agents, id, history, send_agent, a);
	reply(a, ipc, m->id, true, "");
	if (follow) {
		k->follows = true;
		k->id = m->id;
	}
}

static void
on_relays(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct asker *k = arg;
	struct answers *a = k->answers;
	struct nostr_relay_rec rec;

	for (unsigned i = 0; i < a->nostrd->nrelays; i++) {
		relay_describe(a->nostrd->relays[i], &rec);
		mbuf_reset(&a->body);
		nostr_relay_put(&a->body, &rec);
		if (ipc_send(ipc, MSG_ROW_NOSTR_RELAY, m->id, -1, &a->body) ==
		    -1)
			log_debug("a row was not taken");
	}
	reply(a, ipc, m->id, true, "");
}

static void
on_key(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct asker *k = arg;
	const uint8_t *key = signer_link_key(k->answers->nostrd->signer);
	char npub[NOSTR_NAME];

	if (key == NULL) {
		reply(k->answers, ipc, m->id, false, "the signer is away");
		return;
	}
	nostr_npub(key, npub);
	reply(k->answers, ipc, m->id, true, npub);
}

static const struct ipc_handler handlers[] = {
	{ MSG_REQ_AGENTS, on_agents },
	{ MSG_REQ_RELAYS, on_relays },
	{ MSG_REQ_NOSTR_KEY, on_key },
	{ MSG_NONE, NULL },
};

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct asker *k = arg;

	if (k->ipc == ipc) {
		k->ipc = NULL;
		k->follows = false;
	}
	ipc_free(ipc);
}

static const struct ipc_ops ops = { .handlers = handlers, .on_end = on_end };

void
answers_peer(struct answers *a, enum role role, int fd)
{
	struct asker *k = role == ROLE_API ? &a->api : &a->control;

	ipc_free(k->ipc);
	k->follows = false;
	k->ipc = ipc_new(a->nostrd->base, fd, ROLE_NOSTR, role, &ops, k);
	if (k->ipc != NULL)
		ipc_set_limit(k->ipc, 32u << 20);
}

void
answers_agent(struct answers *a, const struct agent_rec *rec)
{
	struct asker *const both[] = { &a->control, &a->api };

	for (unsigned i = 0; i < 2; i++) {
		if (both[i]->ipc == NULL || !both[i]->follows ||
		    ipc_queued(both[i]->ipc) > QUEUE)
			continue;
		a->to = both[i]->ipc;
		a->id = both[i]->id;
		send_agent(a, rec);
	}
}

struct answers *
answers_new(struct nostrd *n)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->nostrd = n;
	a->control.answers = a->api.answers = a;
	return a;
}

void
answers_free(struct answers *a)
{
	if (a == NULL)
		return;
	ipc_free(a->control.ipc);
	ipc_free(a->api.ipc);
	mbuf_free(&a->body);
	free(a);
}
