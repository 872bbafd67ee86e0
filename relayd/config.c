/*
 * The configuration of relayd: taken item by item, applied as a whole.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relayd/relay_int.h"

void
conf_begin(void *arg)
{
	struct relay *r = arg;

	for (unsigned i = 0; i < r->nnext; i++)
		listener_free(r->next[i]);
	r->nnext = 0;
}

void
conf_on_relay(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;

	relay_conf_get(&m->cur, &r->next_conf);
	if (msg_end(&m->cur) == -1)
		ipc_bad(ipc, m, "malformed");
}

void
conf_on_listen(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct listener *l;

	if (r->nnext == RELAY_LISTENERS ||
	    (l = calloc(1, sizeof(*l))) == NULL) {
		ipc_bad(ipc, m, "too many listeners, or no memory");
		return;
	}
	l->refs = 1;
	l->relay = r;
	listen_conf_get(&m->cur, &l->conf);
	l->fd = msg_take_fd(m);
	r->next[r->nnext++] = l;
	if (msg_end(&m->cur) == -1 || l->fd == -1)
		ipc_bad(ipc, m, "malformed");
}

void
conf_on_pool(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct listener *l = r->nnext == 0 ? NULL : r->next[r->nnext - 1];
	struct pool_conf conf;
	struct pool *p;

	pool_conf_get(&m->cur, &conf);
	if (msg_end(&m->cur) == -1 || l == NULL || l->npools == LISTEN_POOLS ||
	    (p = pool_get(r, &conf)) == NULL) {
		ipc_bad(ipc, m, "malformed, or too many pools");
		return;
	}
	l->pools[l->npools++] = p;
}

void
conf_on_proxy(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct relay *r = arg;
	struct listener *l = r->nnext == 0 ? NULL : r->next[r->nnext - 1];
	struct net_conf net;

	net_conf_get(&m->cur, &net);
	if (msg_end(&m->cur) == -1 || l == NULL || l->nnets == LISTEN_NETS) {
		ipc_bad(ipc, m, "malformed, or too many networks");
		return;
	}
	l->nets[l->nnets++] = net;
}

int
conf_prepare(void *arg, char *why, size_t size)
{
	struct relay *r = arg;

	if (r->nnext == 0) {
		snprintf(why, size, "no listener");
		return -1;
	}
	return 0;
}

void
conf_bound_sessions(struct relay *r)
{
	r->max_sessions = r->conf.max_sessions;
	if (r->max_sessions == 0 || r->max_sessions > r->fit)
		r->max_sessions = r->fit;
	if (r->conf.max_sessions > r->fit)
		log_info("descriptors suffice for %u sessions, not for %u",
		    r->fit, r->conf.max_sessions);
}

static void
note_activity(struct relay *r)
{
	uint64_t now = mono_ms();
	struct session *s;

	TAILQ_FOREACH(s, &r->sessions, entry)
		if (s->first_fin == 0)
			s->active_ms = now;
}

/* What led back to us may not with other listeners. */
static void
forget_loops(struct relay *r)
{
	struct pool *p;

	LIST_FOREACH(p, &r->pools, entry)
		p->own_until_ms = 0;
}

/* Sessions keep what they began with; only newcomers see the new. */
void
conf_commit(void *arg)
{
	struct relay *r = arg;

	for (unsigned i = 0; i < r->nlisteners; i++) {
		struct listener *l = r->listeners[i];

		event_free(l->ev);
		l->ev = NULL;
		close(l->fd);
		l->fd = -1;
		listener_free(l);
	}
	memcpy(r->listeners, r->next, sizeof(r->next));
	r->nlisteners = r->nnext;
	r->nnext = 0;
	/* Nobody noted who was silent, while nobody wanted to know. */
	if (r->conf.idle_ms == 0 && r->next_conf.idle_ms != 0)
		note_activity(r);
	r->conf = r->next_conf;
	r->draining = false;
	forget_loops(r);
	if (r->tap != NULL) {
		conf_bound_sessions(r);
		tap_set_flush(r->tap, r->conf.flush_ms);
		for (unsigned i = 0; i < r->nlisteners; i++) {
			if (listener_start(r->listeners[i]) == -1)
				log_warn("listen on %s",
				    r->listeners[i]->conf.name);
		}
		pools_resolve(r);
	}
}
