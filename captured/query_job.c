/*
 * Queries take turns in slices of some milliseconds, each a read transaction
 * of its own: first the askers one after the other, then each one's queries.
 * An asker that does not take its rows stops its queries without stopping
 * anybody else's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captured/query_int.h"
#include "common/clock.h"
#include "common/log.h"

#define SLICE_MS        20
/* Bytes that may wait for an asker before its queries wait for it. */
#define QUEUE_HIGH      (512u * 1024u)
/* A store that is not there or busy: look again, and then give up. */
#define AGAIN_MS        20
#define AGAIN_MAX_MS    3000
#define DEADLINE_MAX_MS (10u * 60u * 1000u)

/* --- whose turn it may be --- */

static bool
may_work(const struct asker *a)
{
	return a->ipc != NULL && !a->blocked && !TAILQ_EMPTY(&a->jobs);
}

void
query_wake(struct role_state *q)
{
	for (unsigned i = 0; i < ROLE_MAX && !q->held; i++) {
		if (!may_work(&q->asker[i]))
			continue;
		event_active(q->turn, EV_TIMEOUT, 0);
		break;
	}
}

void
query_stop(struct asker *a)
{
	if (a->stopped == 0)
		a->stopped = clock_mono_ms();
}

static void
block(struct asker *a)
{
	a->blocked = true;
	query_stop(a);
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

void
query_refuse(struct asker *a, uint32_t id, uint8_t status, const char *why)
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

/* --- queries --- */

struct job *
query_job_find(struct asker *a, uint32_t id)
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

int
query_job_new(struct asker *a, uint32_t id, const struct query *what)
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

void
query_job_free(struct job *j)
{
	TAILQ_REMOVE(&j->asker->jobs, j, entry);
	j->asker->njobs--;
	select_free(j->sel);
	free(j);
}

void
query_jobs_clear(struct asker *a)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&a->jobs)) != NULL)
		query_job_free(j);
}

void
query_reader_drop(struct role_state *q)
{
	reader_close(q->reader);
	q->reader = NULL;
}

/* --- slices --- */

static void
job_end(struct job *j)
{
	struct query_end end;

	select_end(j->sel, &end);
	send_end(j->asker, j->id, &end);
	query_job_free(j);
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
	query_job_free(j);
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

	if (q->reader != NULL)
		return 0;
	if (reader_open(&q->reader, q->conf.dir, err, sizeof(err)) == -1) {
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
	query_reader_drop(q);
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
		query_wake(q);
		break;
	case SELECT_DONE:
		job_end(j);
		query_wake(q);
		break;
	case SELECT_AGAIN:
		job_again(q, j, select_error(j->sel));
		break;
	case SELECT_FAILED:
		job_broken(q, j);
		break;
	}
}

void
query_on_turn(evutil_socket_t fd, short what, void *arg)
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
