/*
 * Replays, the fleet, and what is set for a worker: acts whose answer is an
 * object.
 */
#include <stdarg.h>
#include <string.h>

#include "common/jtree.h"
#include "hashscopectl/ctl.h"
#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

/* Asks; for programs the object as it came.  With EXIT_OK the tree has it. */
static int
ask(struct ctl *c, const struct act *a, struct jtree *t)
{
	struct act_done done;
	int code = ctl_act(c, a, &done);

	if (code != EXIT_OK)
		return code;
	if (jtree_parse(t, done.result, done.result_len) == -1)
		return ctl_no("malformed answer");
	if (c->out.w == writer_json()) {
		json_reset(&c->out.json);
		json_raw(&c->out.json, done.result, done.result_len);
		output_object(&c->out);
		fputc('\n', c->out.fp);
	}
	return EXIT_OK;
}

static void say(struct ctl *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* For people alone. */
static void
say(struct ctl *c, const char *fmt, ...)
{
	char text[1024], safe[1100];
	va_list ap;

	if (c->out.w == writer_json())
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_escape(safe, sizeof(safe), text, strlen(text));
	fprintf(c->out.fp, "%s\n", safe);
}

static const char *
text_of(const struct jtree *t, const char *name, char *buf, size_t size)
{
	if (jtree_str(t, jtree_member(t, jtree_root(t), name), buf, size) == -1)
		buf[0] = '\0';
	return buf;
}

static bool
is_true(const struct jtree *t, const char *name)
{
	return jtree_is(t, jtree_member(t, jtree_root(t), name), J_TRUE);
}

static int64_t
number_of(const struct jtree *t, const char *name)
{
	int64_t v;

	return jtree_int(t, jtree_member(t, jtree_root(t), name), &v) == -1 ?
	    0 :
	    v;
}

/* --- replay --- */

static void
say_replay(struct ctl *c, const struct jtree *t)
{
	char error[400], note[800], num[UNITS_TEXT];
	double ms;

	if (is_true(t, "success"))
		say(c, "the pool accepts it");
	else
		say(c, "%s", text_of(t, "error", error, sizeof(error)));
	if (jtree_member(t, jtree_root(t), "count") != JTREE_NONE)
		say(c, "%lld of %lld sent, %lld accepted, %lld rejected",
		    (long long)number_of(t, "sent"),
		    (long long)number_of(t, "count"),
		    (long long)number_of(t, "accepted"),
		    (long long)number_of(t, "rejected"));
	if (jtree_double(t, jtree_member(t, jtree_root(t), "latency_ms"),
		&ms) == 0)
		say(c, "answered in %s", units_us((int64_t)(ms * 1000), num));
	text_of(t, "note", note, sizeof(note));
	if (note[0] != '\0')
		say(c, "note: %s", note);
}

int
act_replay(struct ctl *c)
{
	static struct jtree t;
	struct act a = { .kind = ACT_REPLAY,
		.pos = c->cmd.query.pos,
		.n = c->cmd.count,
		.text = c->cmd.edit };
	int code;

	if (a.text != NULL && strlen(a.text) > ACT_TEXT_MAX)
		return ctl_no("the line is too long");
	a.text_len = a.text == NULL ? 0 : (uint32_t)strlen(a.text);
	code = ask(c, &a, &t);
	if (code != EXIT_OK)
		return code;
	say_replay(c, &t);
	return is_true(&t, "success") ? EXIT_OK : EXIT_NO;
}

int
act_replay_stop(struct ctl *c)
{
	static struct jtree t;
	struct act a = { .kind = ACT_REPLAY_STOP };
	int code = ask(c, &a, &t);

	if (code == EXIT_OK)
		say(c, "stopped: %lld replays, %lld sessions with auto-replay",
		    (long long)number_of(&t, "replays_stopped"),
		    (long long)number_of(&t, "auto_replays_stopped"));
	return code;
}

/* --- agents --- */

static void
say_relay(struct ctl *c, const struct jtree *t, uint32_t relay)
{
	char url[256], why[256];

	if (jtree_str(t, jtree_member(t, relay, "url"), url, sizeof(url)) == -1)
		url[0] = '\0';
	if (jtree_str(t, jtree_member(t, relay, "detail"), why, sizeof(why)) ==
	    -1)
		why[0] = '\0';
	if (jtree_is(t, jtree_member(t, relay, "taken"), J_TRUE))
		say(c, "  %s has taken it", url);
	else
		say(c, "  %s: %s", url, why);
}

/* Stop or start: what each relay made of it. */
int
act_agents(struct ctl *c)
{
	static struct jtree t;
	bool stop = c->cmd.action == CMD_AGENTS_STOP;
	struct act a = { .kind = stop ? ACT_AGENTS_STOP : ACT_AGENTS_START,
		.text = c->cmd.agent == NULL ? "" : c->cmd.agent };
	uint32_t relays;
	int code;

	a.text_len = (uint32_t)strlen(a.text);
	code = ask(c, &a, &t);
	if (code != EXIT_OK)
		return code;
	say(c, "%s was told to %s; %lld of them known by telemetry",
	    c->cmd.agent == NULL ? "every agent" : c->cmd.agent,
	    stop ? "stop" : "go on", (long long)number_of(&t, "agents_known"));
	relays = jtree_member(&t, jtree_root(&t), "relays");
	for (uint32_t i = 0; i < jtree_count(&t, relays); i++)
		say_relay(c, &t, jtree_item(&t, relays, i));
	return EXIT_OK;
}

/* --- settings --- */

static int
set(struct ctl *c, enum act_kind kind, struct jtree *t)
{
	struct act a = { .kind = (uint8_t)kind,
		.n = c->cmd.count,
		.on = c->cmd.on };
	int code;

	if (c->cmd.session[0] != '\0') {
		a.has_session = true;
		code = ctl_find_session(c, a.session);
		if (code != EXIT_OK)
			return code;
	}
	snprintf(a.worker, sizeof(a.worker), "%s", c->cmd.query.worker);
	return ask(c, &a, t);
}

int
act_broadcast(struct ctl *c)
{
	static struct jtree t;
	char worker[ACT_WORKER];
	int code = set(c, ACT_BROADCAST, &t);

	if (code == EXIT_OK)
		say(c, "shares of %s are %spublished",
		    text_of(&t, "worker", worker, sizeof(worker)),
		    is_true(&t, "broadcast_enabled") ? "" : "not ");
	return code;
}

int
act_repeat_count(struct ctl *c)
{
	static struct jtree t;
	char worker[ACT_WORKER];
	int code = set(c, ACT_REPEAT_COUNT, &t);

	if (code == EXIT_OK)
		say(c, "agents submit each share of %s %lld times",
		    text_of(&t, "worker", worker, sizeof(worker)),
		    (long long)number_of(&t, "repeat_count"));
	return code;
}

int
act_auto_count(struct ctl *c)
{
	static struct jtree t;
	char worker[ACT_WORKER];
	int code = set(c, ACT_AUTO_REPLAY_COUNT, &t);

	if (code == EXIT_OK)
		say(c, "auto-replay submits each share of %s %lld times",
		    text_of(&t, "worker", worker, sizeof(worker)),
		    (long long)number_of(&t, "auto_replay_count"));
	return code;
}

int
act_auto_replay(struct ctl *c)
{
	static struct jtree t;
	char id[SESSION_TEXT];
	int code = set(c, ACT_AUTO_REPLAY, &t);

	if (code == EXIT_OK)
		say(c, "auto-replay of %s is %s",
		    text_of(&t, "session_id", id, sizeof(id)),
		    is_true(&t, "auto_replay_enabled") ? "on" : "off");
	return code;
}
