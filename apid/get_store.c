/*
 * Sessions and messages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/get.h"
#include "apid/list.h"

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
		    errors->u == 1	   ? QF_ERRORS_POOL :
		    errors->u <= 4	   ? QF_ERRORS_PARSE | QF_ERRORS_POOL :
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

void
get_message(struct request *r)
{
	struct query q = { .kind = Q_MESSAGE, .flags = QF_WITH_RESPONSE };
	char *end;

	q.pos = strtoull(r->id[0], &end, 10);
	if (*end != '\0' || r->id[0][0] < '0' || r->id[0][0] > '9' ||
	    q.pos == 0)
		reply_error(r, 404, "Message not found");
	else
		list_one(r, &q, list_row_of(q.kind), "Message not found");
}
