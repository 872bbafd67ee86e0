/*
 * The lines of the audit log: who had what done, and how it ended.  Nothing
 * secret is among the values: of a password or a token only that there was
 * one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/object.h"
#include "hashscoped/auth_int.h"

#define TEXT_SHOWN 1024 /* bytes of a replayed line */

static const struct auth_fields fields[ACT_MAX] = {
	[ACT_DISCONNECT] = { FIELD_SESSION, 0, 0 },
	[ACT_BROADCAST] = { FIELD_TARGET | FIELD_ON, 0, 0 },
	[ACT_REPEAT_COUNT] = { FIELD_TARGET | FIELD_N, 1, 1000 },
	[ACT_AUTO_REPLAY_COUNT] = { FIELD_TARGET | FIELD_N, 1, 900000 },
	[ACT_AUTO_REPLAY] = { FIELD_SESSION | FIELD_ON, 0, 0 },
	[ACT_REPLAY] = { FIELD_POS | FIELD_TEXT | FIELD_N, 0, 0 },
	[ACT_AGENTS_STOP] = { FIELD_AGENT, 0, 0 },
	[ACT_AGENTS_START] = { FIELD_AGENT, 0, 0 },
	[ACT_LOG_LEVEL] = { FIELD_N, 0, 1 },
	[ACT_DRAIN] = { FIELD_N, 0, UINT32_MAX },
	[ACT_USER_ADD] = { FIELD_NAME | FIELD_ROLE, 0, 0 },
	[ACT_USER_REMOVE] = { FIELD_NAME, 0, 0 },
	[ACT_USER_PASSWORD] = { FIELD_NAME, 0, 0 },
	[ACT_USER_ROLE] = { FIELD_NAME | FIELD_ROLE, 0, 0 },
	[ACT_TOKEN_CREATE] = { FIELD_NAME | FIELD_ROLE | FIELD_N, 0, 0 },
	[ACT_TOKEN_REVOKE] = { FIELD_NAME, 0, 0 },
	[ACT_AUDIT] = { FIELD_N | FIELD_POS, 1, 1000 },
};

const struct auth_fields *
auth_fields(unsigned kind)
{
	return &fields[kind < ACT_MAX ? kind : 0];
}

static void
begin(struct json_out *j, const char *event)
{
	char when[OBJECT_TIME];

	object_time(clock_real_us(), when);
	json_init(j, AUDIT_LINE);
	json_object(j);
	json_kcstr(j, "time", when);
	json_kcstr(j, "event", event);
}

static void
put_who(struct json_out *j, const struct auth_act *a)
{
	static const char *const by[] = { [ACT_NOBODY] = "nobody",
		[ACT_OPEN] = "open",
		[ACT_COOKIE] = "cookie",
		[ACT_BEARER] = "token",
		[ACT_UID] = "uid" };

	json_kcstr(j, "act", act_info(a->act.kind)->name);
	json_kcstr(j, "who", a->who.user);
	json_kcstr(j, "by", by[a->act.who.credential]);
	json_kcstr(j, "role", act_role_name((enum act_role)a->who.role));
	json_kcstr(j, "peer", a->act.who.peer);
}

static void
put_values(struct json_out *j, const struct act *a)
{
	unsigned f = fields[a->kind].fields;
	char session[SESSION_TEXT];

	if (a->has_session && (f & (FIELD_SESSION | FIELD_TARGET))) {
		uuid_text(a->session, session);
		json_kcstr(j, "session_id", session);
	}
	if (a->worker[0] != '\0' && (f & FIELD_TARGET))
		json_kcstr(j, "worker", a->worker);
	if ((f & FIELD_AGENT) && a->text_len > 0)
		json_kstr(j, "agent_id", a->text,
		    a->text_len < TEXT_SHOWN ? a->text_len : TEXT_SHOWN);
	if (f & FIELD_POS)
		json_kuint_str(j, "message_id", a->pos);
	if (f & FIELD_NAME)
		json_kcstr(j, "name", a->name);
	if (f & FIELD_ROLE)
		json_kcstr(j, "to_role", act_role_name((enum act_role)a->role));
	if (f & FIELD_N)
		json_kuint(j, "value", a->n);
	if (f & FIELD_ON)
		json_kbool(j, "on", a->on);
	if ((f & FIELD_TEXT) && a->text_len > 0) {
		json_kstr(j, "text", a->text,
		    a->text_len < TEXT_SHOWN ? a->text_len : TEXT_SHOWN);
		json_kuint(j, "text_bytes", a->text_len);
	}
}

static void
put_outcome(struct json_out *j, unsigned status, const char *detail)
{
	json_kuint(j, "status", status);
	json_kcstr(j, "detail", detail);
}

/* Ends and writes it; what cannot be written now waits. */
static void
end_later(struct auth *auth, struct json_out *j)
{
	const char *text;
	size_t len;

	json_object_end(j);
	text = json_finish(j, &len);
	if (text != NULL)
		audit_write_later(&auth->audit, text, len);
	json_clear(j);
	auth_note_full(auth);
}

int
auth_note_asked(struct auth *auth, struct auth_act *a, char *why, size_t size)
{
	struct json_out j;
	const char *text;
	size_t len;
	int r = -1;

	begin(&j, "asked");
	put_who(&j, a);
	put_values(&j, &a->act);
	json_object_end(&j);
	text = json_finish(&j, &len);
	errno = ENOMEM;
	if (text != NULL)
		r = audit_write(&auth->audit, text, len, true, &a->line);
	if (r == -1)
		snprintf(why, size,
		    "nothing is done: the audit log cannot be "
		    "written: %s",
		    errno == EBADF ? "it is not open" : strerror(errno));
	json_clear(&j);
	auth_note_full(auth);
	return r;
}

void
auth_note_done(struct auth *auth, const struct auth_act *a, unsigned status,
    const char *detail)
{
	struct json_out j;

	begin(&j, "done");
	json_kuint(&j, "of", a->line);
	put_who(&j, a);
	put_outcome(&j, status, detail);
	end_later(auth, &j);
}

void
auth_note_refused(struct auth *auth, const struct auth_act *a, unsigned status,
    const char *detail)
{
	struct json_out j;
	uint64_t unnoted;

	if (!audit_may_note(&auth->audit,
		status == 401 ? AUDIT_STRANGER : AUDIT_KNOWN, auth_ms(),
		&unnoted))
		return;
	begin(&j, "refused");
	put_who(&j, a);
	put_values(&j, &a->act);
	put_outcome(&j, status, detail);
	if (unnoted > 0)
		json_kuint(&j, "failures_not_noted", unnoted);
	end_later(auth, &j);
}

void
auth_note_login(struct auth *auth, const char *user, const char *how,
    const char *peer, bool ok, const char *detail)
{
	struct json_out j;
	uint64_t unnoted = 0;

	if (!ok &&
	    !audit_may_note(&auth->audit, AUDIT_STRANGER, auth_ms(), &unnoted))
		return;
	begin(&j, "login");
	json_kcstr(&j, "who", user);
	json_kcstr(&j, "by", how);
	json_kcstr(&j, "peer", peer);
	put_outcome(&j, ok ? 200 : 401, detail);
	if (unnoted > 0)
		json_kuint(&j, "failures_not_noted", unnoted);
	end_later(auth, &j);
}

void
auth_note_logout(struct auth *auth, const char *user, const char *peer)
{
	struct json_out j;

	begin(&j, "logout");
	json_kcstr(&j, "who", user);
	json_kcstr(&j, "peer", peer);
	end_later(auth, &j);
}

void
auth_note_full(struct auth *auth)
{
	if (auth->full_told || auth->conf.audit_bytes == 0 ||
	    auth->audit.bytes < auth->conf.audit_bytes)
		return;
	auth->full_told = ipc_send_empty(auth->supervisor, MSG_AUDIT_FULL, 0) ==
	    0;
}
