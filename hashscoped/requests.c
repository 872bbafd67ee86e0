/*
 * What the control role asks for, and what apid may look at.  Control has
 * checked who asks; here it is only done, or passed on to relayd, whose
 * answer goes back under the same id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/supervisor.h"

/* Marks a number of apid's on its way to relayd and back; control's are
 * far below. */
#define FROM_API 0x80000000u

static void
reply_to(struct child *c, uint32_t id, bool ok, const char *text)
{
	struct mbuf body;
	char cut[900];

	if (c->ipc == NULL)
		return;
	snprintf(cut, sizeof(cut), "%s", text);
	mbuf_init(&body);
	msg_put_u8(&body, ok);
	msg_put_str(&body, cut);
	if (ipc_send(c->ipc, MSG_REPLY, id, -1, &body) == -1)
		log_warn("reply to %s", c->name);
	mbuf_free(&body);
}

void
request_reply(struct supervisor *sup, uint32_t id, bool ok, const char *text)
{
	reply_to(child_by_role(sup, ROLE_CONTROL), id, ok, text);
}

static void
send_process(struct ipc *ipc, uint32_t id, const struct process_rec *p,
    struct mbuf *body)
{
	mbuf_reset(body);
	process_put(body, p);
	if (ipc_send(ipc, MSG_ROW_PROCESS, id, -1, body) == -1)
		log_warn("row to control");
}

void
request_on_processes(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg,
		     me = { .sup = c->sup,
			     .name = "hashscoped",
			     .state = CHILD_READY,
			     .pid = getpid(),
			     .uid = getuid(),
			     .generation = 1,
			     .started_ms = c->sup->started_ms,
			     .logs_dropped = logger_dropped() };
	struct process_rec p;
	struct mbuf body;

	mbuf_init(&body);
	child_fill(&me, &p);
	send_process(ipc, m->id, &p, &body);
	for (unsigned i = 0; i < CHILDREN; i++) {
		/* One that is not configured is not missed. */
		if (c->sup->child[i].generation == 0 ||
		    c->sup->child[i].state == CHILD_STOPPED)
			continue;
		child_fill(&c->sup->child[i], &p);
		send_process(ipc, m->id, &p, &body);
	}
	mbuf_free(&body);
	reply_to(c, m->id, true, "");
}

void
request_on_config(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;
	struct mbuf body;
	char *text = NULL;
	size_t n = 0;
	FILE *f;

	f = open_memstream(&text, &n);
	if (f == NULL || conf_print_public(c->sup->conf, f) == -1 ||
	    fclose(f) != 0) {
		reply_to(c, m->id, false, "out of memory");
		free(text);
		return;
	}
	mbuf_init(&body);
	msg_put_str(&body, text);
	free(text);
	if (ipc_send(ipc, MSG_ROW_TEXT, m->id, -1, &body) == -1)
		reply_to(c, m->id, false,
		    "the configuration is too long to be shown");
	else
		reply_to(c, m->id, true, "");
	mbuf_free(&body);
}

/* Body and id as they are. */
static int
pass_on(struct child *to, struct msg_in *m, uint32_t id)
{
	struct mbuf body;
	int r = -1;

	mbuf_init(&body);
	msg_put_raw(&body, m->cur.p, m->cur.left);
	if (to->ipc != NULL)
		r = ipc_send(to->ipc, (enum msg_type)m->type, id, -1, &body);
	mbuf_free(&body);
	return r;
}

void
request_for_relay(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg, *relay = child_by_role(c->sup, ROLE_RELAY);
	uint32_t id = m->id;

	/* apid may look, and nothing else. */
	if (c->role == ROLE_API && !(id & FROM_API)) {
		id |= FROM_API;
	} else if (c->role != ROLE_CONTROL) {
		ipc_bad(ipc, m, "not the sender's to send");
		return;
	}
	if (relay->state != CHILD_READY || pass_on(relay, m, id) == -1)
		reply_to(c, m->id, false, "relayd is not running");
}

void
request_answer(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg, *to;

	if (c->role != ROLE_RELAY) {
		ipc_bad(ipc, m, "not the sender's to send");
		return;
	}
	if (m->type == MSG_REPLY &&
	    (acts_on_reply(c->sup, m) || replay_on_reply(c->sup, m)))
		return;
	to = child_by_role(c->sup, m->id & FROM_API ? ROLE_API : ROLE_CONTROL);
	if (pass_on(to, m, m->id & ~FROM_API) == -1)
		log_debug("%s is away: an answer is lost", to->name);
}
