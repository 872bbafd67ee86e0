/*
 * Having something done: asked of control, which passes it on to auth.
 */
#include <string.h>

#include "hashscopectl/ctl.h"

/* Errors of a configuration come a line each. */
static void
say_lines(const char *text)
{
	char line[ACT_DETAIL];
	size_t n;

	for (; *text != '\0'; text += n, text += *text == '\n') {
		n = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		ctl_no(line);
	}
}

int
ctl_act(struct ctl *c, const struct act *a, struct act_done *done)
{
	struct client_msg m;
	struct mbuf b;
	uint32_t id;

	mbuf_init(&b);
	act_put(&b, a);
	id = client_ask(&c->client, MSG_ACT, &b);
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	mbuf_free(&b);
	if (id == 0 || client_wait(&c->client, id, &m) == -1)
		return ctl_away(c);
	if (m.type != MSG_ACTED)
		return ctl_no("unexpected answer");
	act_done_get(&m.cur, done);
	if (msg_end(&m.cur) == -1)
		return ctl_no("malformed answer");
	if (done->status == 200)
		return EXIT_OK;
	say_lines(done->detail[0] != '\0' ? done->detail : "no");
	return EXIT_NO;
}

int
ctl_act_say(struct ctl *c, const struct act *a)
{
	struct act_done done;
	int code = ctl_act(c, a, &done);

	if (code == EXIT_OK)
		c->out.w->done(&c->out, done.detail);
	return code;
}

int
act_disconnect(struct ctl *c)
{
	struct act a = { .kind = ACT_DISCONNECT, .has_session = true };
	int code = ctl_find_session(c, a.session);

	return code == EXIT_OK ? ctl_act_say(c, &a) : code;
}

int
act_drain(struct ctl *c)
{
	struct act a = { .kind = ACT_DRAIN, .n = c->cmd.drain_ms };

	return ctl_act_say(c, &a);
}

int
act_reload(struct ctl *c)
{
	struct act a = { .kind = ACT_RELOAD };

	return ctl_act_say(c, &a);
}

int
act_log(struct ctl *c)
{
	struct act a = { .kind = ACT_LOG_LEVEL, .n = c->cmd.verbose };

	return ctl_act_say(c, &a);
}
