/*
 * captured: what relayd forwarded comes here as copies and becomes messages
 * in a store.
 *
 * It keeps the right to read and write beneath the state directory, and
 * nothing else: no socket but its channels, which are with relayd (the tap),
 * with control, apid, replay and nostrd (the feed, counters) and with both
 * lanes of the query role (HOLD).  All that it reads of miners and pools is hostile, all that it
 * does may fail, and nothing of either may reach the relay: relayd sends
 * into a socket that it does not wait for.
 *
 *	tap_in.c	the channel from relayd
 *	ingest.c	entries; message.c, commit.c, restore.c beside it
 *	feed.c		viewers
 *	hold.c		checkpoints
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captured/act_in.h"
#include "captured/capture.h"
#include "captured/feed.h"
#include "captured/hold.h"
#include "captured/ingest.h"
#include "captured/share_news.h"
#include "captured/tap_in.h"
#include "captured/watching.h"
#include "captured/worker.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/watchconf.h"

#define DRAIN_MS 1000

struct capture {
	struct proc *proc;
	struct capture_conf conf, next;
	struct watch_conf watch, next_watch;
	bool have_next;
	unsigned npatterns, next_npatterns;
	struct broadcast_conf pattern[BROADCAST_PATTERNS];
	struct broadcast_conf next_pattern[BROADCAST_PATTERNS];
	struct sandbox_path path;
	struct ingest ingest;
	bool open; /* the store is */
	struct tap_in *tap;
	struct act_in *acts;
	struct hold *hold;
	struct feed feed;
	struct ipc *viewer[ROLE_MAX]; /* who may subscribe and ask */
	struct event *second;
};

/* --- configuration --- */

static void
conf_begin(void *arg)
{
	struct capture *c = arg;

	c->have_next = false;
	watch_conf_default(&c->next_watch);
	c->next_npatterns = 0;
}

static void
on_conf_capture(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct capture *c = arg;

	capture_conf_get(&m->cur, &c->next);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	c->have_next = true;
}

static void
on_conf_watch(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct capture *c = arg;

	watch_conf_get(&m->cur, &c->next_watch);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		c->have_next = false;
	}
}

static void
on_conf_broadcast(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct capture *c = arg;
	struct broadcast_conf b;

	broadcast_conf_get(&m->cur, &b);
	if (msg_end(&m->cur) == -1 || c->next_npatterns == BROADCAST_PATTERNS) {
		ipc_bad(ipc, m, "malformed, or too many");
		return;
	}
	c->next_pattern[c->next_npatterns++] = b;
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	struct capture *c = arg;

	if (!c->have_next || c->next.dir[0] != '/') {
		snprintf(why, size, "no state directory was named");
		return -1;
	}
	if (c->open && strcmp(c->next.dir, c->conf.dir) != 0) {
		snprintf(why, size, "another state directory needs a restart");
		return -1;
	}
	return 0;
}

static void
conf_commit(void *arg)
{
	struct capture *c = arg;

	c->conf = c->next;
	c->watch = c->next_watch;
	if (c->conf.commit_rows == 0)
		c->conf.commit_rows = 1;
	if (c->hold != NULL)
		hold_conf(c->hold, c->conf.wal_bytes, c->conf.hold_ms);
	memcpy(c->pattern, c->next_pattern, sizeof(c->pattern));
	c->npatterns = c->next_npatterns;
	if (!c->open)
		return;
	ingest_conf(&c->ingest, &c->conf);
	watching_conf(&c->ingest, &c->watch);
	workers_conf(&c->ingest, c->pattern, c->npatterns);
}

/* --- after each round of work --- */

static void
on_turn(void *arg)
{
	struct capture *c = arg;

	hold_check(c->hold);
	if (c->feed.topics == 0)
		return;
	feed_flush(&c->feed, store_committed(c->ingest.store), clock_ns());
	if (feed_waiting(&c->feed))
		tap_in_again(c->tap);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;

	if (!c->open)
		return;
	tap_in_commit(c->tap, false);
	if (store_idle(c->ingest.store) == -1)
		log_debug("the store: %s", store_error(c->ingest.store));
	on_turn(c);
}

static void
on_message(void *arg, const struct message_rec *r)
{
	struct capture *c = arg;

	feed_message(&c->feed, r);
}

static void
on_alert(void *arg, const struct alert_rec *a)
{
	struct capture *c = arg;

	feed_alert(&c->feed, a);
}

static void
on_share(void *arg, const struct share_rec *r)
{
	struct capture *c = arg;

	feed_share(&c->feed, r);
}

static void
on_reset(void *arg)
{
	struct capture *c = arg;

	feed_store(&c->feed, store_id(c->ingest.store), c->ingest.last_pos);
}

/* --- viewers: control, apid, replay, nostrd --- */

/* Records are only made for somebody. */
static void
listen_to_ingest(struct capture *c)
{
	bool shares = (c->feed.topics & FEED_SHARES) != 0;

	c->ingest.on_message = c->feed.topics & FEED_MESSAGES ? on_message :
								NULL;
	if (share_news_to(&c->ingest, shares ? on_share : NULL) == -1)
		log_warnx("no memory for the feed of shares");
}

static void
on_subscribe(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct capture *c = arg;
	uint32_t topics = msg_get_u32(&m->cur);

	if (!c->open || msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "too early, or malformed");
		return;
	}
	if (topics == 0)
		feed_unsubscribe(&c->feed, ipc);
	else if (feed_subscribe(&c->feed, ipc, m->id, topics,
		     c->ingest.last_pos, store_committed(c->ingest.store),
		     c->ingest.first_committed) == -1)
		ipc_bad(ipc, m, "too many subscribers");
	listen_to_ingest(c);
}

static void
on_stats(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct capture *c = arg;
	struct stats *st;
	struct mbuf body;

	st = calloc(1, sizeof(*st));
	if (st == NULL || !c->open) {
		free(st);
		ipc_bad(ipc, m, "too early, or out of memory");
		return;
	}
	tap_in_stats(c->tap, st);
	ingest_stats(&c->ingest, st);
	stats_add(st, "feed.subscribed", c->feed.topics != 0);
	stats_add(st, "feed.batches", c->feed.batches);
	stats_add(st, "feed.messages", c->feed.messages);
	stats_add(st, "feed.skipped", c->feed.skipped);
	stats_add(st, "feed.shares_lost",
	    c->ingest.news == NULL ? 0 : c->ingest.news->lost);
	hold_stats(c->hold, st);
	mbuf_init(&body);
	stats_put(&body, st);
	if (ipc_send(ipc, MSG_CAPTURE_STATS, m->id, -1, &body) == -1)
		log_warn("CAPTURE_STATS");
	mbuf_free(&body);
	free(st);
}

static void
on_viewer_end(struct ipc *ipc, int err, void *arg)
{
	struct capture *c = arg;
	enum role who = ipc_peer(ipc);

	feed_unsubscribe(&c->feed, ipc);
	listen_to_ingest(c);
	if (c->viewer[who] == ipc)
		c->viewer[who] = NULL;
	ipc_free(ipc);
}

static const struct ipc_handler viewer_handlers[] = {
	{ MSG_FEED_SUBSCRIBE, on_subscribe },
	{ MSG_REQ_CAPTURE_STATS, on_stats },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops viewer_ops = {
	.handlers = viewer_handlers,
	.on_end = on_viewer_end,
	.on_bad = proc_on_peer_bad,
};

static void
viewer_peer(struct capture *c, enum role who, int fd)
{
	struct ipc *old = c->viewer[who];

	if (old != NULL)
		on_viewer_end(old, 0, c);
	c->viewer[who] = ipc_new(proc_base(c->proc), fd, ROLE_CAPTURE, who,
	    &viewer_ops, c);
	if (c->viewer[who] == NULL) {
		log_warn("no channel to %s", role_name(who));
		return;
	}
	ipc_set_limit(c->viewer[who], 4u << 20);
	if (!c->open)
		ipc_pause(c->viewer[who]);
}

static void
viewers_resume(struct capture *c)
{
	for (unsigned i = 0; i < ROLE_MAX; i++)
		if (c->viewer[i] != NULL)
			ipc_resume(c->viewer[i]);
}

static void
viewers_free(struct capture *c)
{
	for (unsigned i = 0; i < ROLE_MAX; i++)
		ipc_free(c->viewer[i]);
}

/* --- the life of the role --- */

static void
on_late(void *arg, enum role role)
{
	struct capture *c = arg;
	struct mbuf body;

	mbuf_init(&body);
	msg_put_u32(&body, role);
	if (ipc_send(proc_supervisor(c->proc), MSG_HOLD_LATE, 0, -1, &body) ==
	    -1)
		log_warn("HOLD_LATE");
	mbuf_free(&body);
}

/* An act is answered when it is in the store. */
static bool
commit_now(void *arg)
{
	struct capture *c = arg;

	tap_in_commit(c->tap, true);
	on_turn(c);
	feed_changed(&c->feed);
	return !c->ingest.changed;
}

static void
on_follow(void *arg, const struct session *s, const struct message_rec *r)
{
	struct capture *c = arg;

	act_in_follow(c->acts, s, r);
}

/* Whatever comes first, a peer or the start. */
static void
make_parts(struct capture *c, struct proc *proc)
{
	if (c->proc != NULL)
		return;
	c->proc = proc;
	feed_init(&c->feed);
	c->tap = tap_in_new(proc_base(proc), on_turn, c);
	c->acts = act_in_new(proc_base(proc), commit_now, c);
	c->hold = hold_new(proc_base(proc), on_late, c);
	c->second = event_new(proc_base(proc), -1, EV_PERSIST, on_second, c);
	if (c->tap == NULL || c->acts == NULL || c->hold == NULL ||
	    c->second == NULL)
		fatalx("out of memory");
}

static void
start(struct proc *proc, void *arg)
{
	struct capture *c = arg;

	make_parts(c, proc);
	hold_conf(c->hold, c->conf.wal_bytes, c->conf.hold_ms);
	umask(027);
}

static void
sandbox(struct sandbox *box, void *arg)
{
	struct capture *c = arg;

	c->path.path = c->conf.dir;
	c->path.rights = SB_PATH_READ | SB_PATH_WRITE | SB_PATH_READDIR;
	box->promises = SB_STDIO | SB_PASSFD | SB_RPATH | SB_WPATH | SB_CPATH;
	box->paths = &c->path;
	box->npaths = 1;
}

/* The store is opened with the rights that will write it. */
static void
serve(struct proc *proc, void *arg)
{
	struct capture *c = arg;
	struct timeval second = { 1, 0 };
	char err[512];

	if (ingest_open(&c->ingest, &c->conf, err, sizeof(err)) == -1)
		fatalx("the store in %s: %s", c->conf.dir, err);
	c->open = true;
	c->ingest.on_alert = on_alert;
	watching_conf(&c->ingest, &c->watch);
	workers_conf(&c->ingest, c->pattern, c->npatterns);
	c->ingest.on_reset = on_reset;
	c->ingest.on_follow = on_follow;
	c->ingest.arg = c;
	feed_store(&c->feed, store_id(c->ingest.store), c->ingest.last_pos);
	hold_store(c->hold, c->ingest.store);
	tap_in_start(c->tap, &c->ingest);
	viewers_resume(c);
	act_in_start(c->acts, &c->ingest);
	event_add(c->second, &second);
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	struct capture *c = arg;

	make_parts(c, proc);
	if (role == ROLE_RELAY)
		tap_in_peer(c->tap, fd);
	else if (role == ROLE_AUTH || role == ROLE_REPLAY)
		act_in_peer(c->acts, role, fd);
	else if (R_VIEWER & 1u << role)
		viewer_peer(c, role, fd);
	else if (role == ROLE_QUERY_PAGE || role == ROLE_QUERY_SEARCH)
		hold_lane(c->hold, role, fd);
	else
		close(fd);
}

static void
shut_down(struct proc *proc, void *arg)
{
	struct capture *c = arg;

	/* The order and the end of who gave it may both come. */
	if (c->tap == NULL)
		return;
	act_in_stop(c->acts);
	if (c->open) {
		tap_in_drain(c->tap, DRAIN_MS);
		hold_store(c->hold, NULL);
		c->open = false;
		ingest_close(&c->ingest);
	}
	tap_in_free(c->tap);
	c->tap = NULL;
	act_in_free(c->acts);
	hold_free(c->hold);
	viewers_free(c);
	feed_free(&c->feed);
	event_free(c->second);
	proc_exit(proc, 0);
}

static const struct ipc_handler handlers[] = {
	{ MSG_CONF_CAPTURE, on_conf_capture },
	{ MSG_CONF_WATCH, on_conf_watch },
	{ MSG_CONF_BROADCAST, on_conf_broadcast },
	{ MSG_NONE, NULL },
};

static const struct proc_role role = {
	.role = ROLE_CAPTURE,
	.name = "captured",
	.keeps_files = true,
	.precise_timers = true,
	.handlers = handlers,
	.create = capture_new,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
	.start = start,
	.sandbox = sandbox,
	.serve = serve,
	.peer = peer,
	.shutdown = shut_down,
};

const struct proc_role *
capture_role(void)
{
	return &role;
}

void *
capture_new(void)
{
	return calloc(1, sizeof(struct capture));
}
