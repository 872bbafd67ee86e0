/*
 * Settings are the worker's; a session has a copy of what holds for it, so
 * that whoever reads sessions needs to know nothing of settings.
 */
#include <stdio.h>
#include <string.h>

#include "captured/store_setting.h"
#include "captured/worker.h"

struct asked {
	char worker[ACT_WORKER];
	bool by_session;
	struct session *live;
};

static void
touch(struct ingest *in, struct session *s)
{
	s->facts = true;
	ingest_touch(in, s);
}

void
workers_apply(struct ingest *in)
{
	struct session *s;

	TAILQ_FOREACH(s, &in->sessions.all, all) {
		if (!s->ended && settings_apply(&in->settings, &s->rec))
			touch(in, s);
	}
}

void
workers_conf(struct ingest *in, const struct broadcast_conf *p, unsigned n)
{
	if (n > BROADCAST_PATTERNS)
		n = BROADCAST_PATTERNS;
	memcpy(in->settings.pattern, p, n * sizeof(*p));
	in->settings.npatterns = n;
	workers_apply(in);
}

unsigned
workers_unfollow(struct ingest *in)
{
	struct session *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &in->sessions.all, all) {
		if (!s->ended && s->rec.auto_replay_enabled) {
			workers_follow(in, s, false);
			n++;
		}
	}
	return n;
}

struct session *
workers_session(struct ingest *in, const uint8_t uuid[16])
{
	struct session *s;

	TAILQ_FOREACH(s, &in->sessions.all, all) {
		if (!s->ended && memcmp(s->rec.id, uuid, 16) == 0)
			return s;
	}
	return NULL;
}

void
workers_follow(struct ingest *in, struct session *s, bool on)
{
	if (s->rec.auto_replay_enabled == on)
		return;
	s->rec.auto_replay_enabled = on;
	touch(in, s);
}

/* --- the store --- */

int
workers_write(struct ingest *in)
{
	struct settings *t = &in->settings;
	struct session_rec holds;
	const struct setting *s;
	size_t i = 0;

	if (!t->dirty)
		return 0;
	while ((s = map_next(&t->map, &i)) != NULL) {
		if (!s->dirty)
			continue;
		memset(&holds, 0, sizeof(holds));
		snprintf(holds.worker, sizeof(holds.worker), "%s", s->worker);
		(void)settings_apply(t, &holds);
		if (store_setting(in->store, s, &holds) == -1)
			return -1;
	}
	return 0;
}

static void
mark(struct settings *t, bool dirty)
{
	struct setting *s;
	size_t i = 0;

	while ((s = map_next(&t->map, &i)) != NULL)
		s->dirty = dirty;
	t->dirty = dirty;
}

void
workers_settle(struct ingest *in)
{
	if (in->settings.dirty)
		mark(&in->settings, false);
}

void
workers_rewrite(struct ingest *in)
{
	mark(&in->settings, true);
}

/* --- acts --- */

static unsigned
no(unsigned status, char *detail, size_t size, const char *why)
{
	snprintf(detail, size, "%s", why);
	return status;
}

static unsigned
find_worker(struct ingest *in, const struct act *a, struct asked *who,
    char *detail, size_t size)
{
	memset(who, 0, sizeof(*who));
	if (!a->has_session) {
		memcpy(who->worker, a->worker, sizeof(who->worker));
		return who->worker[0] != '\0' ?
		    200 :
		    no(400, detail, size, "neither a session nor a worker");
	}
	who->by_session = true;
	who->live = workers_session(in, a->session);
	if (who->live != NULL && who->live->rec.replay)
		return no(400, detail, size, "this session is a replay");
	if (who->live != NULL)
		memcpy(who->worker, who->live->rec.worker, sizeof(who->worker));
	else if (store_worker_of(in->store, a->session, who->worker,
		     sizeof(who->worker)) != 1)
		return no(404, detail, size, "Session not found");
	if (who->worker[0] == '\0')
		return no(409, detail, size,
		    "the session has no worker yet: it has not authorized");
	return 200;
}

static unsigned
check_number(const struct act *a, char *detail, size_t size)
{
	if (a->kind == ACT_REPEAT_COUNT && (a->n < 1 || a->n > REPEAT_MAX))
		return no(400, detail, size, "repeat_count must be 1 to 1000");
	if (a->kind == ACT_AUTO_REPLAY_COUNT &&
	    (a->n < 1 || a->n > AUTO_REPLAY_MAX))
		return no(422, detail, size,
		    "auto_replay_count must be 1 to 900000");
	return 200;
}

static void
set(struct setting *s, const struct act *a)
{
	if (a->kind == ACT_BROADCAST)
		s->broadcast = a->on ? SETTING_ON : SETTING_OFF;
	else if (a->kind == ACT_REPEAT_COUNT)
		s->repeat = (uint32_t)a->n;
	else
		s->auto_count = (uint32_t)a->n;
	s->dirty = true;
}

static void
answer(struct json_out *o, const struct act *a, const struct asked *who)
{
	char id[SESSION_TEXT];

	json_reset(o);
	json_object(o);
	if (who->by_session) {
		uuid_text(a->session, id);
		json_kcstr(o, "session_id", id);
	}
	json_kcstr(o, "worker", who->worker);
	if (a->kind == ACT_BROADCAST)
		json_kbool(o, "broadcast_enabled", a->on);
	else if (a->kind == ACT_REPEAT_COUNT)
		json_kuint(o, "repeat_count", a->n);
	else
		json_kuint(o, "auto_replay_count", a->n);
	json_object_end(o);
}

unsigned
workers_act(struct ingest *in, const struct act *a, struct json_out *o,
    char *detail, size_t size)
{
	struct asked who;
	struct setting *s;
	unsigned status;

	if (a->kind != ACT_BROADCAST && a->kind != ACT_REPEAT_COUNT &&
	    a->kind != ACT_AUTO_REPLAY_COUNT)
		return no(400, detail, size, "not an act of captured");
	status = check_number(a, detail, size);
	if (status == 200)
		status = find_worker(in, a, &who, detail, size);
	if (status != 200)
		return status;
	s = settings_get(&in->settings, who.worker);
	if (s == NULL)
		return no(429, detail, size,
		    "too many workers have settings of their own");
	set(s, a);
	in->settings.dirty = true;
	workers_apply(in);
	ingest_touch(in, NULL);
	answer(o, a, &who);
	return 200;
}
