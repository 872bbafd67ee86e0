/*
 * See record_alert.h.
 */
#include <string.h>

#include "common/record_alert.h"

static const struct {
	const char *name;
	enum alert_severity severity;
} kinds[ALERT_KINDS] = {
	[ALERT_PAYOUT] = { "payout_changed", ALERT_CRITICAL },
	[ALERT_RECONNECT] = { "foreign_reconnect", ALERT_CRITICAL },
	[ALERT_USER] = { "unknown_user", ALERT_CRITICAL },
	[ALERT_PREVHASH] = { "prevhash_disagrees", ALERT_CRITICAL },
	[ALERT_HEIGHT] = { "height_back", ALERT_WARNING },
	[ALERT_DIFFICULTY] = { "difficulty_jump", ALERT_WARNING },
	[ALERT_SILENT] = { "worker_silent", ALERT_WARNING },
	[ALERT_REJECTS] = { "rejects_up", ALERT_WARNING },
	[ALERT_POOL_ACCEPTS] = { "pool_accepts_invalid", ALERT_WARNING },
	[ALERT_POOL_REJECTS] = { "pool_rejects_valid", ALERT_WARNING },
	[ALERT_UNANSWERED] = { "submits_unanswered", ALERT_WARNING },
	[ALERT_FOREIGN] = { "foreign_protocol", ALERT_INFO },
	[ALERT_GAP] = { "capture_gap", ALERT_WARNING },
	[ALERT_PAUSED] = { "capture_paused", ALERT_CRITICAL },
	[ALERT_STORE] = { "store_damaged", ALERT_CRITICAL },
};

const char *
alert_kind_name(enum alert_kind k)
{
	return (unsigned)k < ALERT_KINDS ? kinds[k].name : "";
}

enum alert_kind
alert_kind_find(const char *name)
{
	unsigned k;

	for (k = 0; k < ALERT_KINDS; k++)
		if (strcmp(kinds[k].name, name) == 0)
			break;
	return (enum alert_kind)k;
}

enum alert_severity
alert_kind_severity(enum alert_kind k)
{
	return (unsigned)k < ALERT_KINDS ? kinds[k].severity : ALERT_INFO;
}

const char *
alert_severity_name(enum alert_severity s)
{
	static const char *const names[ALERT_SEVERITIES] = {
		[ALERT_INFO] = "info",
		[ALERT_WARNING] = "warning",
		[ALERT_CRITICAL] = "critical",
	};

	return (unsigned)s < ALERT_SEVERITIES ? names[s] : "";
}

void
alert_put(struct mbuf *b, const struct alert_rec *a)
{
	msg_put_u64(b, a->id);
	msg_put_u8(b, a->kind);
	msg_put_u8(b, a->severity);
	msg_put_i64(b, a->first_us);
	msg_put_i64(b, a->last_us);
	msg_put_i64(b, a->ended_us);
	msg_put_u64(b, a->count);
	msg_put_u64(b, a->pos);
	msg_put_u8(b, a->has_session);
	msg_put_raw(b, a->session, sizeof(a->session));
	msg_put_str(b, a->pool);
	msg_put_str(b, a->worker);
	msg_put_str(b, a->text);
}

void
alert_get(struct mcur *c, struct alert_rec *a)
{
	memset(a, 0, sizeof(*a));
	a->id = msg_get_u64(c);
	a->kind = msg_get_u8(c);
	a->severity = msg_get_u8(c);
	a->first_us = msg_get_i64(c);
	a->last_us = msg_get_i64(c);
	a->ended_us = msg_get_i64(c);
	a->count = msg_get_u64(c);
	a->pos = msg_get_u64(c);
	a->has_session = msg_get_bool(c);
	msg_get_raw(c, a->session, sizeof(a->session));
	msg_get_str(c, a->pool, sizeof(a->pool));
	msg_get_str(c, a->worker, sizeof(a->worker));
	msg_get_str(c, a->text, sizeof(a->text));
	if (a->kind >= ALERT_KINDS || a->severity >= ALERT_SEVERITIES) {
		c->bad = true;
		a->kind = a->severity = 0;
	}
}
