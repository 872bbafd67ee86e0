/*
 * The query role.  It may read the state directory and nothing else, holds
 * a channel to each that asks (control, apid, replay, nostrd), and one to
 * captured, which says when the store must be left alone (HOLD, HELD, GO).
 *
 * Queries take turns in slices of some milliseconds, each a read transaction
 * of its own: first the askers one after the other, then each one's queries.
 * Between slices nothing of the store is held: a HOLD is answered at once,
 * and an asker that does not take its rows stops its queries without
 * stopping anybody else's.
 */
#include <sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/query.h"
#include "captured/select.h"
#include "common/childconf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/record.h"

#define SLICE_MS        20
/* Bytes that may wait for an asker before its queries wait for it. */
#define QUEUE_HIGH      (512u * 1024u)
#define JOBS_MAX        256 /* of each asker */
/* Without GO for so long, captured is thought to have forgotten us. */
#define HOLD_MAX_S      10
/* A store that is not there or busy: look again, and then give up. */
#define AGAIN_MS        20
#define AGAIN_MAX_MS    3000
#define DEADLINE_MAX_MS (10u * 60u * 1000u)

struct asker;

struct job {
	TAILQ_ENTRY(job) entry;
	struct role_state *role;
	struct asker *asker;
	uint32_t id;
	struct select *sel;
	int64_t trouble; /* when the store began to refuse us; 0: it works */
	unsigned failures;
};
TAILQ_HEAD(jobs, job);

struct asker {
	struct role_state *role;
	struct ipc *ipc; /* NULL: away */
	struct jobs jobs;
	unsigned njobs;
	bool blocked;    /* it does not take what it asked for */
	int64_t stopped; /* since when held or blocked; 0 not */
};

struct role_state {
	enum role role;
	struct event_base *base;
	struct capture_conf conf, next;
	bool have_next;
	struct sandbox_path path;
	struct asker asker[ROLE_MAX];
	unsigned last; /* whose turn it was */
	struct ipc *capture;
	struct reader *reader;
	struct event *turn;  /* the next slice */
	struct event *again; /* the same, a little later */
	struct event *hold;  /* no GO came */
	bool held;
	struct mbuf body;
	uint64_t n_queries, n_rows, n_failed;
};

/* --- stopping and going on --- */

static bool
may_work(const struct asker *a)
{
	return a->ipc != NULL && !a->blocked && !TAILQ_EMPTY(&a->jobs);
}

static void
wake(struct role_state *q)
{
	for (unsigned i = 0; i < ROLE_MAX && !q->held; i++) {
		if (!may_work(&q->asker[i]))
			continue;
		event_active(q->turn, EV_TIMEOUT, 0);
		break;
	}
}

static void
stop(struct asker *a)
{
	if (a->stopped == 0)
		a->stopped = clock_mono_ms();
}

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
block(struct asker *a)
{
	a->blocked = true;
	stop(a);
}

static void
hold(struct role_state *q)
{
	q->held = true;
	for (unsigned i = 0; i < ROLE_MAX; i++)
		stop(&q->asker[i]);
}

static void
let_go(struct role_state *q)
{
	if (!q->held)
		return;
	q->held = false;
	for (unsigned i = 0; i < ROLE_MAX; i++)
		go_on(&q->asker[i]);
	wake(q);
}

static void
job_free(struct job *j)
{
	TAILQ_REMOVE(&j->asker->jobs, j, entry);
	j->asker->njobs--;
	select_free(j->sel);
	free(j);
}

static void
jobs_clear(struct asker *a)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&a->jobs)) != NULL)
		job_free(j);
}

static void
reader_drop(struct role_state *q)
{
	reader_close(q->reader);
	q->reader = NULL;
}

/* --- answers --- */

static void
send_end(struct asker *a, uint32_t id, const struct query_end *end)
{
	struct mbuf *body = &a->role->body;

	mbuf_reset(body);
	query_end_put(body, end);
	if (ipc_send_together(a->ipc, MSG_QUERY_END, id, body) == -1 ||
	    ipc_flush(a->ipc) == -1)
		log_warn("QUERY_END to %s", role_name(ipc_peer(a->ipc)));
}

static void
send_refusal(struct asker *a, uint32_t id, uint8_t status, const char *why)
{
	struct query_end end;

	memset(&end, 0, sizeof(end));
	end.status = status;
	snprintf(end.text, sizeof(end.text), "%s", why);
	send_end(a, id, &end);
}

/* A row is on its way, with its neighbours: whether the slice may go on. */
static int
send_row(struct job *j, enum msg_type type)
{
	struct role_state *q = j->role;
	struct ipc *ipc = j->asker->ipc;

	if (ipc_send_together(ipc, type, j->id, &q->body) == -1) {
		log_warn("row of a query");
		return -1;
	}
	q->n_rows++;
	if (ipc_queued(ipc) < QUEUE_HIGH)
		return 0;
	block(j->asker);
	return 1;
}

static int
on_message_row(void *arg, const struct message_rec *m)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	message_put(&j->role->body, m);
	return send_row(j, MSG_ROW_MESSAGE);
}

static int
on_session_row(void *arg, const struct session_rec *s)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	session_put(&j->role->body, s);
	return send_row(j, MSG_ROW_SESSION);
}

static int
on_share_row(void *arg, const struct share_rec *s)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	share_put(&j->role->body, s);
	return send_row(j, MSG_ROW_SHARE);
}

static int
on_stat_row(void *arg, const struct stat_rec *r)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	stat_put(&j->role->body, r);
	return send_row(j, MSG_ROW_STAT);
}

static int
on_worker_row(void *arg, const struct worker_rec *w)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	worker_put(&j->role->body, w);
	return send_row(j, MSG_ROW_WORKER);
}

static int
on_job_row(void *arg, const struct job_rec *r)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	job_put(&j->role->body, r);
	return send_row(j, MSG_ROW_JOB);
}

static int
on_alert_row(void *arg, const struct alert_rec *a)
{
	struct job *j = arg;

	mbuf_reset(&j->role->body);
	alert_put(&j->role->body, a);
	return send_row(j, MSG_ROW_ALERT);
}

static const struct select_ops row_ops = {
	.message = on_message_row,
	.session = on_session_row,
	.share = on_share_row,
	.worker = on_worker_row,
	.stat = on_stat_row,
	.job = on_job_row,
	.alert = on_alert_row,
};

/* --- slices --- */

static void
job_end(struct job *j)
{
	struct query_end end;

	select_end(j->sel, &end);
	send_end(j->asker, j->id, &end);
	job_free(j);
}

static void
job_fail(struct role_state *q, struct job *j, const char *why)
{
	struct query_end end;

	select_end(j->sel, &end);
	end.status = 3;
	end.complete = false;
	snprintf(end.text, sizeof(end.text), "%s", why);
	log_warnx("query failed: %s", why);
	q->n_failed++;
	send_end(j->asker, j->id, &end);
	job_free(j);
}

static void
later(struct role_state *q)
{
	static const struct timeval tv = { 0, AGAIN_MS * 1000 };

	evtimer_add(q->again, &tv);
}

/* The store did not answer: again in a while, but not for ever. */
static void
job_again(struct role_state *q, struct job *j, const char *why)
{
	if (j->trouble == 0)
		j->trouble = clock_mono_ms();
	if (clock_mono_ms() - j->trouble > AGAIN_MAX_MS) {
		job_fail(q, j, why);
		return;
	}
	later(q);
}

static int
reader_need(struct role_state *q, struct job *j)
{
	char err[256];

	if (q->reader == NULL &&
	    reader_open(&q->reader, q->conf.dir, err, sizeof(err)) == -1) {
		job_again(q, j, err);
		return -1;
	}
	reader_chain(q->reader, (enum address_net)q->conf.chain);
	return 0;
}

/* With another reader it may work: captured replaces a damaged file. */
static void
job_broken(struct role_state *q, struct job *j)
{
	char why[256];

	snprintf(why, sizeof(why), "%s", select_error(j->sel));
	reader_drop(q);
	if (++j->failures >= 3)
		job_fail(q, j, why);
	else
		job_again(q, j, why);
}

static void
job_slice(struct role_state *q, struct job *j)
{
	enum select_result state;

	if (reader_need(q, j) == -1)
		return;
	state = select_step(j->sel, q->reader, SLICE_MS);
	/* The last rows go with the end. */
	if (state != SELECT_DONE && ipc_flush(j->asker->ipc) == -1) {
		job_fail(q, j, "its rows could not be sent");
		return;
	}
	switch (state) {
	case SELECT_MORE:
		j->trouble = 0;
		wake(q);
		break;
	case SELECT_DONE:
		job_end(j);
		wake(q);
		break;
	case SELECT_AGAIN:
		job_again(q, j, select_error(j->sel));
		break;
	case SELECT_FAILED:
		job_broken(q, j);
		break;
	}
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct role_state *q = arg;
	struct asker *a;
	struct job *j;

	if (q->held)
		return;
	for (unsigned i = 0; i < ROLE_MAX; i++) {
		q->last = (q->last + 1) % ROLE_MAX;
		a = &q->asker[q->last];
		if (!may_work(a))
			continue;
		/* Its others have their turn before this one has it again. */
		j = TAILQ_FIRST(&a->jobs);
		TAILQ_REMOVE(&a->jobs, j, entry);
		TAILQ_INSERT_TAIL(&a->jobs, j, entry);
		job_slice(q, j);
		return;
	}
}

/* --- askers: queries --- */

static struct job *
job_find(struct asker *a, uint32_t id)
{
	struct job *j;

	TAILQ_FOREACH(j, &a->jobs, entry)
		if (j->id == id)
			return j;
	return NULL;
}

static unsigned
deadline_of(const struct role_state *q, const struct query *what)
{
	unsigned ms = what->deadline_ms;

	if (ms == 0)
		ms = q->conf.query_ms;
	if (ms > DEADLINE_MAX_MS)
		ms = DEADLINE_MAX_MS;
	/* The answer is to be with the asker by then. */
	return ms - (ms < 250 ? ms / 5 : 50);
}

static int
job_new(struct asker *a, uint32_t id, const struct query *what)
{
	struct role_state *q = a->role;
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return -1;
	j->role = q;
	j->asker = a;
	j->id = id;
	j->sel = select_new(what, deadline_of(q, what), &row_ops, j);
	if (j->sel == NULL) {
		free(j);
		return -1;
	}
	TAILQ_INSERT_TAIL(&a->jobs, j, entry);
	a->njobs++;
	q->n_queries++;
	return 0;
}

static void
on_query(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct asker *a = arg;
	struct role_state *q = a->role;
	struct query what;

	query_get(&m->cur, &what);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		send_refusal(a, m->id, 2, "the query is malformed");
		return;
	}
	if (job_find(a, m->id) != NULL) {
		ipc_bad(ipc, m, "its number is in use");
		return;
	}
	if (a->njobs >= JOBS_MAX || job_new(a, m->id, &what) == -1) {
		send_refusal(a, m->id, 3, "too many queries at once");
		return;
	}
	if (q->reader != NULL && reader_stale(q->reader))
		reader_drop(q);
	wake(q);
}

static void
on_cancel(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct job *j = job_find(arg, m->id);

	if (j != NULL)
		job_free(j);
}

static void
on_asker_drained(struct ipc *ipc, void *arg)
{
	struct asker *a = arg;

	a->blocked = false;
	go_on(a);
	wake(a->role);
}

static void
asker_close(struct asker *a)
{
	jobs_clear(a);
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
}

/* --- the role --- */

static void
role_start(struct proc *p, void *arg)
{
	struct role_state *q = arg;

	q->base = proc_base(p);
	q->turn = event_new(q->base, -1, 0, on_turn, q);
	q->again = evtimer_new(q->base, on_turn, q);
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
		stop(a);
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
	reader_drop(q);
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
