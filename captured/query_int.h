/*
 * What the files of the query role share: query.c (who asks, and when the
 * store must be left alone), query_job.c (their queries, slice by slice).
 */
#ifndef CAPTURED_QUERY_INT_H
#define CAPTURED_QUERY_INT_H

#include <sys/queue.h>

#include "captured/query.h"
#include "captured/select.h"
#include "common/childconf.h"
#include "common/record.h"

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

/* --- query_job.c --- */
struct job *query_job_find(struct asker *, uint32_t id);
/* -1 without memory. */
int query_job_new(struct asker *, uint32_t id, const struct query *);
void query_job_free(struct job *);
void query_jobs_clear(struct asker *);
/* Of event q->turn and q->again: one slice of whose turn it is. */
void query_on_turn(evutil_socket_t, short what, void *q);
/* There may be something to do. */
void query_wake(struct role_state *);
/* The time of its queries stands still. */
void query_stop(struct asker *);
void query_refuse(struct asker *, uint32_t id, uint8_t status, const char *why);
void query_reader_drop(struct role_state *);

#endif
