/*
 * What a word of the grammar means: its argument read, and put into the
 * command.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/record_agent.h"
#include "hashscopectl/grammar_int.h"

static int
number(const char *s, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)s[0]))
		return -1;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno != 0 || *end != '\0' || v < min || v > max)
		return -1;
	*value = v;
	return 0;
}

static int
session_text(const char *s, char out[SESSION_TEXT])
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if (i == SESSION_TEXT - 1)
			return -1;
		if (!isxdigit((unsigned char)s[i]) && s[i] != '-')
			return -1;
		out[i] = (char)tolower((unsigned char)s[i]);
	}
	out[i] = '\0';
	return i > 0 ? 0 : -1;
}

static int
bounded_text(const char *s, char *out, size_t size)
{
	size_t len = strlen(s);

	if (len == 0 || len >= size)
		return -1;
	memcpy(out, s, len + 1);
	return 0;
}

/* "30d": seconds, as grammar_time() reads them before now. */
static int
lifetime(const char *s, uint64_t *out)
{
	int64_t us;

	if (strpbrk(s, "-:") != NULL || grammar_time(s, 0, &us) == -1 ||
	    us >= 0)
		return -1;
	*out = (uint64_t)-us / 1000000;
	return 0;
}

static void
set_flag(struct command *c, unsigned flag)
{
	static const unsigned errors = QF_ERRORS_PARSE | QF_ERRORS_POOL;
	static const unsigned states = QF_LIVE | QF_ENDED;

	/* Of these the last one said counts. */
	if (flag & errors)
		c->query.flags &= ~errors;
	if (flag & states)
		c->query.flags &= ~states;
	c->query.flags |= flag;
}

int
grammar_apply(struct command *c, const struct word *w, const char *arg,
    int64_t now)
{
	struct query *q = &c->query;
	uint64_t v = 0;
	int r = 0;

	switch (w->set) {
	case SET_NOTHING:
		break;
	case SET_ACTION:
		c->action = (enum action)w->value;
		break;
	case SET_SESSION:
		r = session_text(arg, c->session);
		break;
	case SET_DIR:
		q->flags |= QF_DIR;
		q->dir = (uint8_t)w->value;
		break;
	case SET_FLAG:
		set_flag(c, w->value);
		break;
	case SET_METHOD:
		r = bounded_text(arg, q->method, sizeof(q->method));
		break;
	case SET_TEXT:
		r = bounded_text(arg, q->text, sizeof(q->text));
		break;
	case SET_SINCE:
		r = grammar_time(arg, now, &q->since_us);
		break;
	case SET_UNTIL:
		r = grammar_time(arg, now, &q->until_us);
		break;
	case SET_BEFORE:
		r = number(arg, 1, UINT64_MAX, &q->before);
		break;
	case SET_AFTER:
		r = number(arg, 0, UINT64_MAX, &q->after);
		q->flags |= QF_ASCENDING;
		break;
	case SET_POS:
		r = number(arg, 1, UINT64_MAX, &q->pos);
		break;
	case SET_LIMIT:
		r = number(arg, 1, 100000, &v);
		q->limit = (uint32_t)v;
		break;
	case SET_SECONDS:
		r = number(arg, 0, 86400, &v);
		c->drain_ms = (uint32_t)v * 1000;
		break;
	case SET_VERBOSE:
		c->verbose = w->value != 0;
		break;
	case SET_FILE:
		r = bounded_text(arg, c->file, sizeof(c->file));
		break;
	case SET_DISPUTED:
		c->disputed = true;
		break;
	case SET_ALERTS:
		c->alerts = true;
		break;
	case SET_WORKER:
		r = bounded_text(arg, q->worker, sizeof(q->worker));
		break;
	case SET_BY:
		q->by = (uint8_t)w->value;
		break;
	case SET_BY_NAME:
		q->by = (uint8_t)w->value;
		r = bounded_text(arg, q->worker, sizeof(q->worker));
		break;
	case SET_BY_POOL:
		q->by = (uint8_t)w->value;
		r = bounded_text(arg, q->pool, sizeof(q->pool));
		break;
	case SET_STEP:
		r = lifetime(arg, &v);
		if (v % 60 != 0 || v > UINT32_MAX)
			r = -1;
		q->step_s = (uint32_t)v;
		break;
	case SET_POOL:
		r = bounded_text(arg, q->pool, sizeof(q->pool));
		break;
	case SET_VERDICT:
		q->verdicts |= (uint16_t)(1u << w->value);
		break;
	case SET_SAID:
		q->said |= (uint8_t)(1u << w->value);
		break;
	case SET_USER:
		r = bounded_text(arg, c->name, sizeof(c->name));
		break;
	case SET_ROLE:
		c->role = (uint8_t)w->value;
		break;
	case SET_EXPIRES:
		r = lifetime(arg, &c->expires_s);
		break;
	case SET_FORMAT:
		c->format = (uint8_t)w->value;
		return 0;
	case SET_ON:
		c->on = w->value != 0;
		break;
	case SET_COUNT:
		r = number(arg, 1, w->value, &c->count);
		break;
	case SET_AGENT:
		/* Not a word of the grammar: an agent may be called "al". */
		c->agent = strcmp(arg, "all") == 0 ? NULL : arg;
		r = arg[0] == '\0' || strlen(arg) > AGENT_ID_MAX ? -1 : 0;
		break;
	case SET_EDIT:
		c->edit = arg;
		r = arg[0] == '\0' ? -1 : 0;
		break;
	}
	return r;
}
