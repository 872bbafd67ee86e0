/*
 * The operator's word to the agents: stop, or go on.  auth passes it on; it
 * is signed, goes to all relays before whatever waits there, and is answered
 * with what each relay said.
 *
 * An agent that is just connecting again hears nothing of what passed by
 * meanwhile: so a stop is said again for a minute, each time as a new event,
 * until somebody says start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/act.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/log.h"
#include "common/utf8.h"
#include "nostrd/nostrd.h"

#define LIVES_S   50   /* agents and relays want it young */
#define ANSWER_MS 3000 /* to the relays; then whoever asked is told */
#define LOOK_MS   10   /* between looks at them */
#define REST_MS   500  /* the same when nobody waits */
#define AGAIN_MS  5000
#define AGAIN_FOR 60000

enum state {
	FREE,
	SIGNING,
	OUT,  /* and whoever asked waits */
	SAID, /* answered: to be said again, or forgotten */
};

struct command {
	struct commands *commands;
	enum state state;
	bool stop;
	bool asked;  /* an answer is owed */
	bool once;   /* not to be said again */
	uint32_t id; /* of DO */
	char agent[AGENT_ID_MAX + 1];
	struct draft draft;
	uint64_t began_ms, again_ms;
};

struct commands {
	struct nostrd *nostrd;
	struct ipc *auth;
	struct command command[URGENT_MAX];
	struct event *timer;
	int64_t last_start_s; /* what is said behind it is newer */
	struct mbuf buf;
};

/* --- the answer --- */

static void
done(struct commands *cs, uint32_t id, unsigned status, const char *detail,
    struct json_out *result)
{
	struct act_done d = { .status = (uint16_t)status };
	size_t len = 0;

	if (cs->auth == NULL)
		return;
	snprintf(d.detail, sizeof(d.detail), "%s", detail);
	if (result != NULL) {
		d.result = json_finish(result, &len);
		d.result_len = d.result == NULL ? 0 : (uint32_t)len;
	}
	mbuf_reset(&cs->buf);
	act_done_put(&cs->buf, &d);
	if (ipc_send(cs->auth, MSG_DONE, id, -1, &cs->buf) == -1)
		log_warn("DONE");
}

static void
fail(struct command *c, unsigned status, const char *why)
{
	sign_forget(c->commands->nostrd->signer, &c->draft);
	if (c->asked)
		done(c->commands, c->id, status, why, NULL);
	/* One that was said before is said again later. */
	c->state = c->asked ? FREE : SAID;
	c->asked = false;
}

static const struct urgent *
urgent_of(const struct command *c, unsigned relay)
{
	struct commands *cs = c->commands;

	return &relay_publisher(cs->nostrd->relays[relay])
		    ->urgent[c - cs->command];
}

/* What a relay made of it, for people; NULL: it took it. */
static const char *
trouble(const struct command *c, unsigned relay)
{
	struct publisher *p = relay_publisher(
	    c->commands->nostrd->relays[relay]);
	const struct urgent *u = urgent_of(c, relay);

	if (u->state == URGENT_TAKEN)
		return NULL;
	if (u->why[0] != '\0')
		return u->why;
	return p->state == PUB_OPEN ? "it has not answered yet" :
				      "not connected";
}

static void
count_one(void *arg, const struct agent_rec *rec)
{
	++*(unsigned *)arg;
}

static void
put_result(struct json_out *o, const struct command *c, unsigned taken)
{
	struct nostrd *n = c->commands->nostrd;
	unsigned agents = 0;
	const char *why;
	char hex[65];

	agents_each(n->agents, c->agent, 0, count_one, &agents);
	hex_text(c->draft.event.id, 32, hex);
	json_object(o);
	json_kcstr(o, "command", c->stop ? "stop" : "start");
	json_kcstr(o, "agent_id", c->agent[0] != '\0' ? c->agent : NULL);
	json_kcstr(o, "event_id", hex);
	json_kuint(o, "agents_known", agents);
	json_kuint(o, "relays_taken", taken);
	json_karray(o, "relays");
	for (unsigned i = 0; i < n->nrelays; i++) {
		char text[NOSTR_TEXT_MAX];

		why = trouble(c, i);
		if (why != NULL)
			utf8_copy(text, sizeof(text), why, strlen(why));
		json_object(o);
		json_kcstr(o, "url", relay_url(n->relays[i]));
		json_kbool(o, "taken", why == NULL);
		json_kcstr(o, "detail", why != NULL ? text : NULL);
		json_object_end(o);
	}
	json_array_end(o);
	json_object_end(o);
}

static void
tell(struct command *c)
{
	struct nostrd *n = c->commands->nostrd;
	char why[ACT_DETAIL] = "no relay has taken it";
	unsigned taken = 0;
	struct json_out o;
	size_t len;

	for (unsigned i = 0; i < n->nrelays; i++) {
		len = strlen(why);
		if (trouble(c, i) == NULL)
			taken++;
		else
			snprintf(why + len, sizeof(why) - len, "%s%s: %s",
			    i == 0 ? ": " : "; ", relay_url(n->relays[i]),
			    trouble(c, i));
	}
	c->state = SAID;
	c->asked = false;
	if (taken == 0) {
		/* It stays, and goes out when one comes back. */
		done(c->commands, c->id, 503, why, NULL);
		return;
	}
	json_init(&o, ACT_RESULT_MAX);
	put_result(&o, c, taken);
	done(c->commands, c->id, 200, "", &o);
	json_clear(&o);
}

/* Each that is connected has spoken, and one is. */
static bool
all_said(const struct command *c)
{
	struct nostrd *n = c->commands->nostrd;
	unsigned said = 0;

	for (unsigned i = 0; i < n->nrelays; i++) {
		const struct urgent *u = urgent_of(c, i);

		if (u->state == URGENT_TAKEN || u->state == URGENT_REFUSED)
			said++;
		else if (relay_publisher(n->relays[i])->state == PUB_OPEN)
			return false;
	}
	return said > 0;
}

/* --- on its way --- */

static void
on_signed(void *arg, struct draft *d, bool ok)
{
	struct command *c = arg;
	struct commands *cs = c->commands;
	struct nostrd *n = cs->nostrd;
	uint64_t now = nostrd_now();
	unsigned slot = (unsigned)(c - cs->command);

	if (!ok) {
		fail(c, 503, "the signer is away, or refuses");
		return;
	}
	mbuf_reset(&cs->buf);
	nostr_event_put(&d->event, &cs->buf);
	if (cs->buf.bad) {
		fail(c, 503, "out of memory");
		return;
	}
	c->state = OUT;
	for (unsigned i = 0; i < n->nrelays; i++) {
		if (pub_urgent(relay_publisher(n->relays[i]), slot, d->event.id,
			(char *)cs->buf.data, cs->buf.len, now,
			now + LIVES_S * 1000) == -1)
			log_warn("%s", relay_url(n->relays[i]));
	}
	nostrd_news(n);
}

static void
put_content(struct command *c)
{
	struct json_out o;
	const char *text;
	size_t len;

	json_init(&o, MSG_KIB(4));
	json_object(&o);
	json_kcstr(&o, "schema", "hashscope.v1");
	json_kcstr(&o, "run_id", c->commands->nostrd->conf.run);
	json_kcstr(&o, "command", c->stop ? "stop" : "start");
	if (c->agent[0] != '\0')
		json_kcstr(&o, "agent_id", c->agent);
	json_object_end(&o);
	text = json_finish(&o, &len);
	if (text == NULL)
		c->draft.content.bad = true;
	else
		msg_put_raw(&c->draft.content, text, len);
	json_clear(&o);
}

/*
 * Never encrypted: agents that were not given the group's key stop as well.
 * A start has to be newer than the stop before it, in whole seconds.
 */
static int
say(struct command *c)
{
	struct commands *cs = c->commands;
	struct nostrd *n = cs->nostrd;
	int64_t now = nostrd_real_us() / 1000000;
	struct draft *d = &c->draft;

	if (!c->stop)
		cs->last_start_s = now = now > cs->last_start_s ?
		    now + 1 :
		    cs->last_start_s + 1;
	else if (now < cs->last_start_s)
		now = cs->last_start_s;
	draft_begin(d, n->conf.kind_control, now);
	draft_tag(d, "t", "hashscope");
	draft_tag(d, "t", "hashscope:%s", n->conf.run);
	draft_tag(d, "d", "%s:control", n->conf.run);
	draft_tag(d, "run", "%s", n->conf.run);
	draft_tag(d, "type", "control");
	draft_tag(d, "schema", "hashscope.v1");
	draft_tag(d, "expiration", "%lld", (long long)now + LIVES_S + 10);
	put_content(c);
	if (d->content.bad || signer_link_key(n->signer) == NULL)
		return -1;
	c->state = SIGNING;
	return sign_ask(n->signer, d, on_signed, c);
}

static void
forget(struct command *c)
{
	struct nostrd *n = c->commands->nostrd;
	unsigned slot = (unsigned)(c - c->commands->command);

	sign_forget(n->signer, &c->draft);
	for (unsigned i = 0; i < n->nrelays; i++)
		urgent_clear(&relay_publisher(n->relays[i])->urgent[slot]);
	c->state = FREE;
}

static void
look(struct command *c, uint64_t now)
{
	if (c->state == OUT && c->asked &&
	    (all_said(c) || now - c->began_ms >= ANSWER_MS))
		tell(c);
	if (c->state == OUT && !c->asked)
		c->state = SAID;
	if (c->state == SIGNING && now - c->began_ms >= ANSWER_MS && c->asked)
		fail(c, 503, "the signer does not answer");
	if (c->state != SAID || now < c->again_ms)
		return;
	c->again_ms = now + AGAIN_MS;
	if (!c->stop || c->once || now - c->began_ms >= AGAIN_FOR)
		forget(c);
	else if (say(c) == -1)
		c->state = SAID;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct commands *cs = arg;
	struct timeval tv = { 0, 0 };
	uint64_t now = nostrd_now();
	const struct command *c;

	for (unsigned i = 0; i < URGENT_MAX; i++) {
		c = &cs->command[i];
		look(&cs->command[i], now);
		if (c->asked)
			tv.tv_usec = LOOK_MS * 1000;
		else if (c->state != FREE && tv.tv_usec == 0)
			tv.tv_usec = REST_MS * 1000;
	}
	if (tv.tv_usec > 0)
		evtimer_add(cs->timer, &tv);
}

/* --- auth --- */

/* A free place, or that of the oldest which is only said again. */
static struct command *
place(struct commands *cs)
{
	struct command *c, *old = NULL;

	for (c = cs->command; c < cs->command + URGENT_MAX; c++) {
		if (c->state == FREE)
			return c;
		if (!c->asked && (old == NULL || c->began_ms < old->began_ms))
			old = c;
	}
	if (old != NULL)
		forget(old);
	return old;
}

static int
take(struct command *c, const struct act *a)
{
	if (a->text_len >= sizeof(c->agent) ||
	    memchr(a->text, '\0', a->text_len) != NULL ||
	    !utf8_valid(a->text, a->text_len))
		return -1;
	memcpy(c->agent, a->text, a->text_len);
	c->agent[a->text_len] = '\0';
	return 0;
}

static void
begin(struct commands *cs, uint32_t id, const struct act *a)
{
	struct timeval now = { 0, 0 };
	struct command *c;

	if (cs->nostrd->nrelays == 0) {
		done(cs, id, 503, "no relay is configured", NULL);
		return;
	}
	/* Nothing says stop again behind a start. */
	for (unsigned i = 0; i < URGENT_MAX; i++)
		if (a->kind == ACT_AGENTS_START)
			cs->command[i].once = true;
	if ((c = place(cs)) == NULL) {
		done(cs, id, 429, "too many commands are under way", NULL);
		return;
	}
	if (take(c, a) == -1) {
		done(cs, id, 422, "an agent's id is 1 to 64 bytes", NULL);
		return;
	}
	c->stop = a->kind == ACT_AGENTS_STOP;
	c->asked = true;
	c->once = false;
	c->id = id;
	c->began_ms = nostrd_now();
	c->again_ms = c->began_ms + AGAIN_MS;
	if (say(c) == -1)
		fail(c, 503, "the signer is away");
	evtimer_add(cs->timer, &now);
}

static void
on_do(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct commands *cs = arg;
	struct act a;

	act_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		done(cs, m->id, 400, "malformed", NULL);
	} else if (a.kind != ACT_AGENTS_STOP && a.kind != ACT_AGENTS_START) {
		done(cs, m->id, 400, "nostrd does nothing of the kind", NULL);
	} else {
		begin(cs, m->id, &a);
	}
}

static const struct ipc_handler handlers[] = {
	{ MSG_DO, on_do },
	{ MSG_NONE, NULL },
};

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct commands *cs = arg;

	if (cs->auth == ipc)
		cs->auth = NULL;
	ipc_free(ipc);
	/* What was begun goes on: nobody is to be told. */
	for (unsigned i = 0; i < URGENT_MAX; i++)
		cs->command[i].asked = false;
}

static const struct ipc_ops ops = { .handlers = handlers, .on_end = on_end };

void
commands_auth(struct commands *cs, int fd)
{
	if (cs->auth != NULL)
		on_end(cs->auth, 0, cs);
	cs->auth = ipc_new(cs->nostrd->base, fd, ROLE_NOSTR, ROLE_AUTH, &ops,
	    cs);
}

struct commands *
commands_new(struct nostrd *n)
{
	struct commands *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return NULL;
	cs->nostrd = n;
	for (unsigned i = 0; i < URGENT_MAX; i++)
		cs->command[i].commands = cs;
	cs->timer = evtimer_new(n->base, on_timer, cs);
	if (cs->timer == NULL) {
		free(cs);
		return NULL;
	}
	return cs;
}

void
commands_free(struct commands *cs)
{
	if (cs == NULL)
		return;
	for (unsigned i = 0; i < URGENT_MAX; i++) {
		sign_forget(cs->nostrd->signer, &cs->command[i].draft);
		mbuf_free(&cs->command[i].draft.content);
	}
	ipc_free(cs->auth);
	event_free(cs->timer);
	mbuf_free(&cs->buf);
	free(cs);
}
