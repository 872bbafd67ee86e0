/*
 * The query role.  It may read the state directory and nothing else, holds
 * a channel to control, which asks, and one to captured, which says when the
 * store must be left alone (HOLD, HELD, GO).
 *
 * Queries take turns in slices of some milliseconds, each a read transaction
 * of its own.  Between slices nothing of the store is held: a HOLD is
 * answered at once, and a reader that does not take its rows stops its query
 * without stopping anything else.
 */
#include <sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/query.h"
#include "captured/select.h"
#include "common/childconf.h"
#include "common/log.h"
#include "common/record.h"

#define SLICE_MS        20
/* Bytes that may wait for control before a query waits for it. */
#define QUEUE_HIGH      (512u * 1024u)
#define JOBS_MAX        256
/* Without GO for so long, captured is thought to have forgotten us. */
#define HOLD_MAX_S      10
/* A store that is not there or busy: look again, and then give up. */
#define AGAIN_MS        20
#define AGAIN_MAX_MS    3000
#define DEADLINE_MAX_MS (10u * 60u * 1000u)

struct job {
	TAILQ_ENTRY(job) entry;
	struct role_state *role;
	uint32_t id;
	struct select *sel;
	int64_t trouble; /* when the store began to refuse us; 0: it works */
	unsigned failures;
};
TAILQ_HEAD(jobs, job);

struct role_state {
	enum role role;
	struct event_base *base;
	struct capture_conf conf, next;
	bool have_next;
	struct sandbox_path path;
	struct ipc *control, *capture;
	struct reader *reader;
	struct jobs jobs;
	unsigned njobs;
	struct event *turn;  /* the next slice */
	struct event *again; /* the same, a little later */
	struct event *hold;  /* no GO came */
	bool held;
	bool blocked;    /* control does not take what it asked for */
	int64_t stopped; /* since when held or blocked; 0 not */
	struct mbuf body;
	uint64_t n_queries, n_rows, n_failed;
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- stopping and going on --- */

static void
wake(struct role_state *q)
{
	if (!TAILQ_EMPTY(&q->jobs) && !q->held && !q->blocked)
		event_active(q->turn, EV_TIMEOUT, 0);
}

static void
stop(struct role_state *q, bool *why)
{
	if (!q->held && !q->blocked)
		q->stopped = now_ms();
	*why = true;
}

/* Nobody's deadline passes while it waits for somebody else. */
static void
go_on(struct role_state *q, bool *why)
{
	struct job *j;
	unsigned ms;

	if (!*why)
		return;
	*why = false;
	if (q->held || q->blocked)
		return;
	ms = (unsigned)(now_ms() - q->stopped);
	TAILQ_FOREACH(j, &q->jobs, entry)
		select_postpone(j->sel, ms);
	wake(q);
}

static void
job_free(struct role_state *q, struct job *j)
{
	TAILQ_REMOVE(&q->jobs, j, entry);
	q->njobs--;
	select_free(j->sel);
	free(j);
}

static void
jobs_clear(struct role_state *q)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&q->jobs)) != NULL)
		job_free(q, j);
}

static void
reader_drop(struct role_state *q)
{
	reader_close(q->reader);
	q->reader = NULL;
}

/* --- answers --- */

static void
send_end(struct role_state *q, uint32_t id, const struct query_end *end)
{
	mbuf_reset(&q->body);
	query_end_put(&q->body, end);
	if (ipc_send(q->control, MSG_QUERY_END, id, -1, &q->body) == -1)
		log_warn("QUERY_END");
}

static void
send_refusal(struct role_state *q, uint32_t id, uint8_t status, const char *why)
{
	struct query_end end;

	memset(&end, 0, sizeof(end));
	end.status = status;
	snprintf(end.text, sizeof(end.text), "%s", why);
	send_end(q, id, &end);
}

/* A row is sent: whether the slice may go on. */
static int
send_row(struct job *j, enum msg_type type)
{
	struct role_state *q = j->role;

	if (ipc_send(q->control, type, j->id, -1, &q->body) == -1) {
		log_warn("row of a query");
		return -1;
	}
	q->n_rows++;
	if (ipc_queued(q->control) < QUEUE_HIGH)
		return 0;
	stop(q, &q->blocked);
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

static const struct select_ops row_ops = { on_message_row, on_session_row };

/* --- slices --- */

static void
job_end(struct role_state *q, struct job *j)
{
	struct query_end end;

	select_end(j->sel, &end);
	send_end(q, j->id, &end);
	job_free(q, j);
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
	send_end(q, j->id, &end);
	job_free(q, j);
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
		j->trouble = now_ms();
	if (now_ms() - j->trouble > AGAIN_MAX_MS) {
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
	if (reader_need(q, j) == -1)
		return;
	switch (select_step(j->sel, q->reader, SLICE_MS)) {
	case SELECT_MORE:
		j->trouble = 0;
		wake(q);
		break;
	case SELECT_DONE:
		job_end(q, j);
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
	struct job *j = TAILQ_FIRST(&q->jobs);

	if (j == NULL || q->held || q->blocked || q->control == NULL)
		return;
	/* The others have their turn before this one has it again. */
	TAILQ_REMOVE(&q->jobs, j, entry);
	TAILQ_INSERT_TAIL(&q->jobs, j, entry);
	job_slice(q, j);
}

/* --- control: queries --- */

static struct job *
job_find(struct role_state *q, uint32_t id)
{
	struct job *j;

	TAILQ_FOREACH(j, &q->jobs, entry)
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
job_new(struct role_state *q, uint32_t id, const struct query *what)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return -1;
	j->role = q;
	j->id = id;
	j->sel = select_new(what, deadline_of(q, what), &row_ops, j);
	if (j->sel == NULL) {
		free(j);
		return -1;
	}
	TAILQ_INSERT_TAIL(&q->jobs, j, entry);
	q->njobs++;
	q->n_queries++;
	return 0;
}

static void
on_query(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct role_state *q = arg;
	struct query what;

	query_get(&m->cur, &what);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		send_refusal(q, m->id, 2, "the query is malformed");
		return;
	}
	if (job_find(q, m->id) != NULL) {
		ipc_bad(ipc, m, "its number is in use");
		return;
	}
	if (q->njobs >= JOBS_MAX || job_new(q, m->id, &what) == -1) {
		send_refusal(q, m->id, 3, "too many queries at once");
		return;
	}
	if (q->reader != NULL && reader_stale(q->reader))
		reader_drop(q);
	wake(q);
}

static void
on_cancel(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct role_state *q = arg;
	struct job *j = job_find(q, m->id);

	if (j != NULL)
		job_free(q, j);
}

static void
on_control_drained(struct ipc *ipc, void *arg)
{
	struct role_state *q = arg;

	go_on(q, &q->blocked);
}

static void
control_close(struct role_state *q)
{
	ipc_free(q->control);
	q->control = NULL;
	jobs_clear(q);
	q->blocked = false;
}

static void
on_control_end(struct ipc *ipc, int err, void *arg)
{
	control_close(arg);
}

static void
on_peer_bad(struct ipc *ipc, unsigned type, const char *why, void *arg)
{
	const struct msg_info *info = msg_info(type);

	log_warnx("message %s from %s: %s", info == NULL ? "?" : info->name,
	    role_name(ipc_peer(ipc)), why);
}

static const struct ipc_handler control_handlers[] = {
	{ MSG_QUERY, on_query },
	{ MSG_QUERY_CANCEL, on_cancel },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops control_ops = {
	.handlers = control_handlers,
	.on_end = on_control_end,
	.on_bad = on_peer_bad,
	.on_drained = on_control_drained,
};

/* --- captured: HOLD and GO --- */

static void
on_hold(struct ipc *ipc, struct msg_in *m, void *arg)
{
	static const struct timeval tv = { HOLD_MAX_S, 0 };
	struct role_state *q = arg;

	/* No slice is under way, or we would not be here. */
	stop(q, &q->held);
	evtimer_add(q->hold, &tv);
	if (ipc_send_empty(ipc, MSG_HELD, m->id) == -1)
		log_warn("HELD");
}

static void
release(struct role_state *q)
{
	evtimer_del(q->hold);
	go_on(q, &q->held);
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
	.on_bad = on_peer_bad,
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
role_peer(struct proc *p, enum role peer, uint32_t generation, int fd,
    void *arg)
{
	struct role_state *q = arg;

	if (peer == ROLE_CONTROL) {
		control_close(q);
		q->control = ipc_new(q->base, fd, q->role, peer, &control_ops,
		    q);
	} else if (peer == ROLE_CAPTURE) {
		capture_close(q);
		q->capture = ipc_new(q->base, fd, q->role, peer, &capture_ops,
		    q);
	} else {
		log_warnx("no business with %s", role_name(peer));
		evutil_closesocket(fd);
		return;
	}
	if ((peer == ROLE_CONTROL ? q->control : q->capture) == NULL)
		fatal("channel to %s", role_name(peer));
}

static void
role_shutdown(struct proc *p, void *arg)
{
	struct role_state *q = arg;

	control_close(q);
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
	TAILQ_INIT(&q->jobs);
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
