/*
 * HOLD, HELD, GO.
 */
#include <stdlib.h>

#include "captured/hold.h"
#include "captured/ingest.h"
#include "common/log.h"
#include "common/proc.h"

/* After a checkpoint that did not work, which blocks: 1, 2, 4, 8 seconds. */
#define AGAIN_NS  UINT64_C(1000000000)
#define AGAIN_MAX 3u

struct lane {
	struct ipc *ipc; /* NULL: not connected */
	bool held;
	bool late; /* said so once */
};

struct hold {
	struct event_base *base;
	struct store *store;
	struct event *timer;
	struct lane lane[HOLD_LANES];
	void (*late)(void *, enum role);
	void *arg;
	uint64_t wal_bytes;
	uint32_t ms;
	bool holding;
	uint64_t not_before; /* after a checkpoint that did not work */
	unsigned failures;   /* one after the other */
	uint64_t n, n_late, n_failed, n_done;
};

static const enum role lane_role[HOLD_LANES] = { ROLE_QUERY_PAGE,
	ROLE_QUERY_SEARCH };

static void
go(struct hold *h)
{
	h->holding = false;
	event_del(h->timer);
	for (unsigned i = 0; i < HOLD_LANES; i++) {
		if (h->lane[i].ipc != NULL)
			(void)ipc_send_empty(h->lane[i].ipc, MSG_GO, 0);
		h->lane[i].held = h->lane[i].late = false;
	}
}

static bool
all_held(const struct hold *h)
{
	for (unsigned i = 0; i < HOLD_LANES; i++)
		if (h->lane[i].ipc != NULL && !h->lane[i].held)
			return false;
	return true;
}

/* Nobody reads: the WAL goes into the file. */
static void
finish(struct hold *h)
{
	if (!h->holding || !all_held(h))
		return;
	if (h->store != NULL && store_checkpoint(h->store) == -1) {
		h->n_failed++;
		h->not_before = clock_ns() + (AGAIN_NS << h->failures);
		if (h->failures < AGAIN_MAX)
			h->failures++;
	} else {
		h->failures = 0;
		h->n_done++;
	}
	go(h);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct hold *h = arg;

	for (unsigned i = 0; i < HOLD_LANES; i++) {
		if (h->lane[i].ipc == NULL || h->lane[i].held ||
		    h->lane[i].late)
			continue;
		h->lane[i].late = true;
		h->n_late++;
		log_warnx("%s did not answer HOLD in %u ms",
		    role_name(lane_role[i]), h->ms);
		h->late(h->arg, lane_role[i]);
	}
}

static void
ask(struct hold *h, struct lane *l)
{
	l->held = false;
	/* A channel that is full is as late as one that is silent. */
	(void)ipc_send_empty(l->ipc, MSG_HOLD, 0);
}

void
hold_check(struct hold *h)
{
	struct timeval tv = { h->ms / 1000, (h->ms % 1000) * 1000 };

	if (h->holding || h->store == NULL || h->wal_bytes == 0 ||
	    store_wal_bytes(h->store) <= h->wal_bytes ||
	    clock_ns() < h->not_before)
		return;
	h->holding = true;
	h->n++;
	for (unsigned i = 0; i < HOLD_LANES; i++)
		if (h->lane[i].ipc != NULL)
			ask(h, &h->lane[i]);
	event_add(h->timer, &tv);
	finish(h);
}

static struct lane *
lane_of(struct hold *h, const struct ipc *ipc)
{
	for (unsigned i = 0; i < HOLD_LANES; i++)
		if (h->lane[i].ipc == ipc)
			return &h->lane[i];
	return NULL;
}

static void
on_held(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct hold *h = arg;
	struct lane *l = lane_of(h, ipc);

	if (l == NULL || !h->holding)
		return;
	l->held = true;
	finish(h);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct hold *h = arg;
	struct lane *l = lane_of(h, ipc);

	if (l != NULL) {
		l->ipc = NULL;
		l->held = l->late = false;
	}
	ipc_free(ipc);
	finish(h);
}

static const struct ipc_handler handlers[] = {
	{ MSG_HELD, on_held },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops ops = {
	.handlers = handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad,
};

void
hold_lane(struct hold *h, enum role role, int fd)
{
	struct lane *l = &h->lane[role == ROLE_QUERY_SEARCH];

	ipc_free(l->ipc);
	l->held = l->late = false;
	l->ipc = ipc_new(h->base, fd, ROLE_CAPTURE, role, &ops, h);
	if (l->ipc == NULL)
		log_warn("no channel to %s", role_name(role));
	else if (h->holding)
		ask(h, l);
	finish(h);
}

void
hold_store(struct hold *h, struct store *st)
{
	h->store = st;
}

void
hold_conf(struct hold *h, uint64_t wal_bytes, uint32_t ms)
{
	h->wal_bytes = wal_bytes;
	h->ms = ms;
}

void
hold_stats(const struct hold *h, struct stats *st)
{
	stats_add(st, "hold.asked", h->n);
	stats_add(st, "hold.checkpoints", h->n_done);
	stats_add(st, "hold.late", h->n_late);
	stats_add(st, "hold.failed", h->n_failed);
}

struct hold *
hold_new(struct event_base *base, void (*late)(void *, enum role), void *arg)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->base = base;
	h->late = late;
	h->arg = arg;
	h->timer = evtimer_new(base, on_late, h);
	if (h->timer == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

void
hold_free(struct hold *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < HOLD_LANES; i++)
		ipc_free(h->lane[i].ipc);
	event_free(h->timer);
	free(h);
}
