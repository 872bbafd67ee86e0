/*
 * The query role.  It may read the state directory and nothing else, holds
 * a channel to each that asks (control, apid, replay, nostrd), and one to
 * captured, which says when the store must be left alone (HOLD, HELD, GO).
 * Between the slices of a query (query_job.c) nothing of the store is held,
 * so a HOLD is answered at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/query_int.h"
#include "common/clock.h"
#include "common/log.h"

#define JOBS_MAX   256 /* of each asker */
/* Without GO for so long, captured is thought to have forgotten us. */
#define HOLD_MAX_S 10

/* --- stopping and going on --- */

/* Nobody's deadline passes while it waits for somebody else. */
static void
go_on(struct asker *a)
{
	struct job *j;
	unsigned ms;

	if (a->stopped == 0 || a->role->held || a->blocked)
		return;
	ms = (unsigned)(clock_mono_ms() - a->stopped);
	a->stopped = 0;
	TAILQ_FOREACH(j, &a->jobs, entry)
		select_postpone(j->sel, ms);
}

static void
hold(struct role_state *q)
{
	q->held = true;
	for (unsigned i = 0; i < ROLE_MAX; i++)
		query_stop(&q->asker[i]);
}

static void
let_go(struct role_state *q)
{
	if (!q->held)
		return;
	q->held = false;
	for (unsigned i = 0; i < ROLE_MAX; i++)
		go_on(&q->asker[i]);
	query_wake(q);
}

/* --- askers: queries --- */

static void
on_query(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct asker *a = arg;
	struct role_state *q = a->role;
	struct query what;

	query_get(&m->cur, &what);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		query_refuse(a, m->id, 2, "the query is malformed");
		return;
	}
	if (query_job_find(a, m->id) != NULL) {
		ipc_bad(ipc, m, "its number is in use");
		return;
	}
	if (a->njobs >= JOBS_MAX || query_job_new(a, m->id, &what) == -1) {
		query_refuse(a, m->id, 3, "too many queries at once");
		return;
	}
	if (q->reader != NULL && reader_stale(q->reader))
		query_reader_drop(q);
	query_wake(q);
}

static void
on_cancel(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct job *j = query_job_find(arg, m->id);

	if (j != NULL)
		query_job_free(j);
}

static void
on_asker_drained(struct ipc *ipc, void *arg)
{
	struct asker *a = arg;

	a->blocked = false;
	go_on(a);
	query_wake(a->role);
}

static void
asker_close(struct asker *a)
{
	query_jobs_clear(a);
	ipc_free(a->ipc);
	a->ipc = NULL;
	a->blocked = false;
	a->stopped = 0;
}

static void
on_asker_end(struct ipc *ipc, int err, void *arg)
{
	asker_close(arg);
}

static const struct ipc_handler asker_handlers[] = {
	{ MSG_QUERY, on_query },
	{ MSG_QUERY_CANCEL, on_cancel },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops asker_ops = {
	.handlers = asker_handlers,
	.on_end = on_asker_end,
	.on_bad = proc_on_peer_bad,
	.on_drained = on_asker_drained,
};

/* --- captured: HOLD and GO --- */

static void
on_hold(struct ipc *ipc, struct msg_in *m, void *arg)
{
	static const struct timeval tv = { HOLD_MAX_S, 0 };
	struct role_state *q = arg;

	/* No slice is under way, or we would not be here. */
	hold(q);
	evtimer_add(q->hold, &tv);
	if (ipc_send_empty(ipc, MSG_HELD, m->id) == -1)
		log_warn("HELD");
}

static void
release(struct role_state *q)
{
	evtimer_del(q->hold);
	let_go(q);
}

static void
on_go(struct ipc *ipc, struct msg_in *m, void *arg)
{
	release(arg);
}

static void
on_hold_over(evutil_socket_t fd, short what, void *arg)
{
	log_warnx("captured held us for %d s and did not let go", HOLD_MAX_S);
	release(arg);
}

static void
capture_close(struct role_state *q)
{
	ipc_free(q->capture);
	q->capture = NULL;
	release(q);
}

static void
on_capture_end(struct ipc *ipc, int err, void *arg)
{
	capture_close(arg);
}

static const struct ipc_handler capture_handlers[] = {
	{ MSG_HOLD, on_hold },
	{ MSG_GO, on_go },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops capture_ops = {
	.handlers = capture_handlers,
	.on_end = on_capture_end,
	.on_bad = proc_on_peer_bad,
};

/* --- configuration --- */

static void
on_conf(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct role_state *q = arg;
	struct capture_conf conf;

	capture_conf_get(&m->cur, &conf);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	q->next = conf;
	q->have_next = true;
}

static void
conf_begin(void *arg)
{
	struct role_state *q = arg;

	q->have_next = false;
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	const struct role_state *q = arg;

	if (q->have_next && q->next.dir[0] == '/')
		return 0;
	snprintf(why, size, "no state directory was named");
	return -1;
}

static void
conf_commit(void *arg)
{
	struct role_state *q = arg;

	if (!q->have_next)
		return;
	/* The sandbox knows only the first directory. */
	if (q->conf.dir[0] != '\0')
		memcpy(q->next.dir, q->conf.dir, sizeof(q->next.dir));
	q->conf = q->next;
	q->have_next = false;
	if (q->reader != NULL)
		reader_chain(q->reader, (enum address_net)q->conf.chain);
}

/* --- the role --- */

static void
role_start(struct proc *p, void *arg)
{
	struct role_state *q = arg;

	q->base = proc_base(p);
	q->turn = event_new(q->base, -1, 0, query_on_turn, q);
	q->again = evtimer_new(q->base, query_on_turn, q);
	q->hold = evtimer_new(q->base, on_hold_over, q);
	if (q->turn == NULL || q->again == NULL || q->hold == NULL)
		fatalx("out of memory");
}

static void
role_sandbox(struct sandbox *box, void *arg)
{
	struct role_state *q = arg;

	q->path.path = q->conf.dir;
	q->path.rights = SB_PATH_READ;
	box->promises = SB_STDIO | SB_PASSFD | SB_RPATH;
	box->paths = &q->path;
	box->npaths = 1;
	box->nofile = 64;
}

static void
asker_peer(struct role_state *q, enum role peer, int fd)
{
	struct asker *a = &q->asker[peer];

	asker_close(a);
	if (q->held)
		query_stop(a);
	a->ipc = ipc_new(q->base, fd, q->role, peer, &asker_ops, a);
	if (a->ipc == NULL)
		fatal("channel to %s", role_name(peer));
}

static void
role_peer(struct proc *p, enum role peer, uint32_t generation, int fd,
    void *arg)
{
	struct role_state *q = arg;

	if (R_VIEWER & 1u << peer) {
		asker_peer(q, peer, fd);
	} else if (peer == ROLE_CAPTURE) {
		capture_close(q);
		q->capture = ipc_new(q->base, fd, q->role, peer, &capture_ops,
		    q);
		if (q->capture == NULL)
			fatal("channel to %s", role_name(peer));
	} else {
		log_warnx("no business with %s", role_name(peer));
		evutil_closesocket(fd);
	}
}

static void
role_shutdown(struct proc *p, void *arg)
{
	struct role_state *q = arg;

	for (unsigned i = 0; i < ROLE_MAX; i++)
		asker_close(&q->asker[i]);
	capture_close(q);
	query_reader_drop(q);
	proc_exit(p, 0);
}

static const struct ipc_handler conf_handlers[] = {
	{ MSG_CONF_QUERY, on_conf },
	{ MSG_NONE, NULL },
};

static void *
query_new(enum role which)
{
	struct role_state *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->role = which;
	for (unsigned i = 0; i < ROLE_MAX; i++) {
		q->asker[i].role = q;
		TAILQ_INIT(&q->asker[i].jobs);
	}
	mbuf_init(&q->body);
	return q;
}

static void *
page_new(void)
{
	return query_new(ROLE_QUERY_PAGE);
}

static void *
search_new(void)
{
	return query_new(ROLE_QUERY_SEARCH);
}

#define QUERY_ROLE(which, title, new)                                   \
	{                                                               \
		.role = (which), .name = (title), .keeps_files = true,  \
		.create = (new), .handlers = conf_handlers,             \
		.conf_begin = conf_begin, .conf_prepare = conf_prepare, \
		.conf_commit = conf_commit, .start = role_start,        \
		.sandbox = role_sandbox, .peer = role_peer,             \
		.shutdown = role_shutdown,                              \
	}

static const struct proc_role roles[] = {
	QUERY_ROLE(ROLE_QUERY_PAGE, "query page", page_new),
	QUERY_ROLE(ROLE_QUERY_SEARCH, "query search", search_new),
};

const struct proc_role *
query_role(enum role which)
{
	return &roles[which == ROLE_QUERY_SEARCH];
}
