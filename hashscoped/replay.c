/*
 * Pool connections for the replay role: a stream socketpair, of which relayd
 * gets one end with the order where it is to lead, and the role the other
 * once relayd has agreed.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/replay.h"
#include "hashscoped/supervisor.h"

/* Orders that relayd has not answered; it answers at once or is dead. */
#define PENDING_MAX 128
/* relayd answers under numbers of ours, apart from those of acts and control */
#define ID_BIT      0x40000000u

struct pending {
	TAILQ_ENTRY(pending) entry;
	uint32_t id;
	int fd;
};

static void
tell(struct supervisor *sup, uint32_t id, const char *why, int fd)
{
	struct child *c = child_by_role(sup, ROLE_REPLAY);
	struct mbuf body;

	if (c->ipc == NULL)
		return;
	mbuf_init(&body);
	msg_put_str(&body, why);
	if (ipc_send(c->ipc, MSG_REPLAY_OPENED, id, fd, &body) == -1)
		log_warn("REPLAY_OPENED");
	mbuf_free(&body);
}

static void
pending_free(struct supervisor *sup, struct pending *p)
{
	TAILQ_REMOVE(&sup->replays, p, entry);
	sup->nreplays--;
	close(p->fd);
	free(p);
}

/* Asks relayd; -1 and errno. */
static int
ask_relay(struct child *relay, uint32_t id, const struct replay_ask *a, int fd)
{
	struct mbuf body;
	int r;

	mbuf_init(&body);
	replay_ask_put(&body, a);
	r = ipc_send(relay->ipc, MSG_REPLAY, id | ID_BIT, fd, &body);
	mbuf_free(&body);
	return r;
}

static int
pending_new(struct supervisor *sup, uint32_t id, const struct replay_ask *a)
{
	struct child *relay = child_by_role(sup, ROLE_RELAY);
	struct pending *p;
	int fds[2], r;

	if (relay->state != CHILD_READY || relay->ipc == NULL ||
	    sup->nreplays >= PENDING_MAX || (p = calloc(1, sizeof(*p))) == NULL)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		fds) == -1) {
		free(p);
		return -1;
	}
	r = ask_relay(relay, id, a, fds[1]);
	close(fds[1]);
	p->id = id;
	p->fd = fds[0];
	TAILQ_INSERT_TAIL(&sup->replays, p, entry);
	sup->nreplays++;
	if (r == -1)
		pending_free(sup, p);
	return r;
}

void
replay_on_open(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct child *c = arg;
	struct replay_ask a;

	replay_ask_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1 || (m->id & ID_BIT) != 0) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	if (pending_new(c->sup, m->id, &a) == -1)
		tell(c->sup, m->id, "relayd is not running", -1);
}

bool
replay_on_reply(struct supervisor *sup, struct msg_in *m)
{
	struct pending *p;
	char why[256];
	bool ok;

	if ((m->id & ID_BIT) == 0)
		return false;
	ok = msg_get_u8(&m->cur) != 0;
	msg_get_str(&m->cur, why, sizeof(why));
	TAILQ_FOREACH(p, &sup->replays, entry) {
		if (p->id == (m->id & ~ID_BIT))
			break;
	}
	if (p == NULL)
		return true;
	if (msg_end(&m->cur) == -1)
		ok = false;
	tell(sup, p->id,
	    ok                 ? "" :
		why[0] != '\0' ? why :
				 "relayd refuses",
	    ok ? p->fd : -1);
	pending_free(sup, p);
	return true;
}

void
replay_child_gone(struct supervisor *sup, const struct child *c)
{
	struct pending *p;

	if (c->role != ROLE_RELAY && c->role != ROLE_REPLAY)
		return;
	while ((p = TAILQ_FIRST(&sup->replays)) != NULL) {
		if (c->role == ROLE_RELAY)
			tell(sup, p->id, "relayd has ended", -1);
		pending_free(sup, p);
	}
}
