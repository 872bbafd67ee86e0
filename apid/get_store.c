/*
 * Sessions and messages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/get.h"
#include "apid/list.h"
#include "common/roll.h"

void
get_sessions(struct request *r)
{
	struct query q = { .kind = Q_SESSIONS };

	list_page(r, &q);
	snprintf(q.text, sizeof(q.text), "%s", param(r, "q")->text);
	switch (param(r, "state")->u) {
	case 1:
		q.flags |= QF_LIVE;
		break;
	case 2:
		q.flags |= QF_ENDED;
		break;
	default:
		break;
	}
	list_start(r, &q, list_row_of(q.kind));
}

void
get_session(struct request *r)
{
	struct query q = { .kind = Q_SESSION, .flags = QF_SESSION };

	if (uuid_parse(r->id[0], q.session) == -1)
		reply_error(r, 404, "Session not found");
	else
		list_one(r, &q, list_row_of(q.kind), "Session not found");
}

int
messages_filter(struct request *r, struct query *q)
{
	const struct param_value *session = param(r, "session_id"),
				 *dir = param(r, "direction"),
				 *errors = param(r, "errors");

	memset(q, 0, sizeof(*q));
	q->kind = Q_MESSAGES;
	list_page(r, q);
	if (session->given) {
		q->flags |= QF_SESSION;
		memcpy(q->session, session->id, sizeof(q->session));
	}
	if (dir->given) {
		q->flags |= QF_DIR;
		q->dir = (uint8_t)dir->u;
	}
	if (errors->given) /* parse, pool, any, true, 1 */
		q->flags |= errors->u == 0 ? QF_ERRORS_PARSE :
		    errors->u == 1         ? QF_ERRORS_POOL :
		    errors->u <= 4         ? QF_ERRORS_PARSE | QF_ERRORS_POOL :
					     0;
	snprintf(q->method, sizeof(q->method), "%s", param(r, "method")->text);
	snprintf(q->text, sizeof(q->text), "%s", param(r, "q")->text);
	return 0;
}

void
get_messages(struct request *r)
{
	struct query q;

	if (messages_filter(r, &q) == -1)
		return;
	/* As the original: an answer is told with its request. */
	q.flags |= QF_WITH_RESPONSE;
	if (param(r, "responses")->u == 0)
		q.flags |= QF_NO_RESPONSES;
	list_start(r, &q, list_row_of(q.kind));
}

/* One object by its number; route's arg is the kind of query. */
static void
one_by_number(struct request *r, struct query *q, const char *not_found)
{
	char *end;

	errno = 0;
	q->pos = strtoull(r->id[0], &end, 10);
	if (*end != '\0' || r->id[0][0] < '0' || r->id[0][0] > '9' ||
	    q->pos == 0 || q->pos > INT64_MAX || errno != 0)
		reply_error(r, 404, "%s", not_found);
	else
		list_one(r, q, list_row_of(q->kind), not_found);
}

void
get_message(struct request *r)
{
	struct query q = { .kind = Q_MESSAGE,
		.flags = QF_WITH_RESPONSE | QF_EXPLAIN };

	one_by_number(r, &q, "Message not found");
}

void
get_shares(struct request *r)
{
	struct query q = { .kind = Q_SHARES };
	const struct param_value *session = param(r, "session_id"),
				 *verdict = param(r, "verdict"),
				 *said = param(r, "pool_verdict");

	list_page(r, &q);
	if (session->given) {
		q.flags |= QF_SESSION;
		memcpy(q.session, session->id, sizeof(q.session));
	}
	if (verdict->given)
		q.verdicts = (uint16_t)(1u << verdict->u);
	if (said->given)
		q.said = (uint8_t)(1u << said->u);
	if (param(r, "disputed")->u != 0)
		q.flags |= QF_DISPUTED;
	snprintf(q.worker, sizeof(q.worker), "%s", param(r, "worker")->text);
	list_start(r, &q, list_row_of(q.kind));
}

void
get_share(struct request *r)
{
	struct query q = { .kind = Q_SHARE, .flags = QF_VERIFY };

	one_by_number(r, &q, "Share not found");
}

void
get_workers(struct request *r)
{
	struct query q = { .kind = Q_WORKERS };

	list_page(r, &q);
	snprintf(q.text, sizeof(q.text), "%s", param(r, "q")->text);
	list_start(r, &q, list_row_of(q.kind));
}

void
get_jobs(struct request *r)
{
	struct query q = { .kind = Q_JOBS };
	const struct param_value *session = param(r, "session_id");

	list_page(r, &q);
	if (session->given) {
		q.flags |= QF_SESSION;
		memcpy(q.session, session->id, sizeof(q.session));
	}
	snprintf(q.pool, sizeof(q.pool), "%s", param(r, "pool")->text);
	list_start(r, &q, list_row_of(q.kind));
}

void
get_job(struct request *r)
{
	struct query q = { .kind = Q_JOB };

	one_by_number(r, &q, "Job not found");
}

void
get_alerts(struct request *r)
{
	struct query q = { .kind = Q_ALERTS };

	list_page(r, &q);
	if (param(r, "active")->given)
		q.flags |= param(r, "active")->u != 0 ? QF_LIVE : QF_ENDED;
	list_start(r, &q, list_row_of(q.kind));
}

void
get_stats(struct request *r)
{
	struct query q = { .kind = Q_STATS };

	list_page(r, &q);
	q.by = (uint8_t)param(r, "by")->u; /* in the order of enum roll_by */
	q.step_s = (uint32_t)param(r, "step")->u;
	if (q.step_s % 60 != 0) {
		reply_error(r, 422, "step: whole minutes were expected");
		return;
	}
	snprintf(q.worker, sizeof(q.worker), "%s", param(r, "name")->text);
	if (q.by == ROLL_POOL) {
		q.worker[0] = '\0';
		snprintf(q.pool, sizeof(q.pool), "%s", param(r, "name")->text);
	}
	list_start(r, &q, list_row_of(q.kind));
}
