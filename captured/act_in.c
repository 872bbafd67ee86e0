/*
 * Acts are answered when they are committed: what an operator was told is
 * done is still done after a kill.
 *
 * A session that the replay role follows is a fact of that role's life: it
 * is in the session's row for whoever reads, and taken back when the channel
 * ends.  Its submits go to the role as they come, with how often each is to
 * be repeated, so that neither has to read the whole feed for them.
 */
#include <stdlib.h>
#include <string.h>

#include "captured/act_in.h"
#include "captured/worker.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/replay.h"

#define RESULT_MAX 4096

struct act_in {
	struct event_base *base;
	bool (*commit)(void *);
	void *arg;
	struct ingest *in; /* NULL: not yet, or no more */
	struct ipc *auth, *replay;
	struct json_out json;
	struct mbuf body;
	uint64_t shares_lost;
};

/* --- auth --- */

static void
send_done(struct act_in *ai, struct ipc *ipc, uint32_t id, struct act_done *d)
{
	size_t len = 0;

	if (d->status == 200) {
		d->result = json_finish(&ai->json, &len);
		d->result_len = d->result == NULL ? 0 : (uint32_t)len;
	}
	mbuf_reset(&ai->body);
	act_done_put(&ai->body, d);
	if (ipc_send(ipc, MSG_DONE, id, -1, &ai->body) == -1)
		log_warn("DONE");
}

static void
on_do(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct act_in *ai = arg;
	struct act_done d = { 0 };
	struct act a;

	act_get(&m->cur, &a);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		d.status = 400;
		snprintf(d.detail, sizeof(d.detail), "malformed");
		send_done(ai, ipc, m->id, &d);
		return;
	}
	d.status = (uint16_t)workers_act(ai->in, &a, &ai->json, d.detail,
	    sizeof(d.detail));
	if (d.status == 200 && !ai->commit(ai->arg)) {
		d.status = 503;
		snprintf(d.detail, sizeof(d.detail),
		    "it holds, but the store cannot be written now: it may "
		    "not outlive a restart");
	}
	send_done(ai, ipc, m->id, &d);
}

/* --- the replay role --- */

static void
on_follow(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct act_in *ai = arg;
	struct replay_follow f;
	struct session_rec none = { .id = { 0 } };
	struct session *s;

	replay_follow_get(&m->cur, &f);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	memcpy(none.id, f.session, sizeof(none.id));
	s = workers_session(ai->in, f.session);
	if (s != NULL && s->rec.replay)
		s = NULL;
	if (s != NULL) {
		workers_follow(ai->in, s, f.on);
		(void)ai->commit(ai->arg);
	}
	mbuf_reset(&ai->body);
	msg_put_u8(&ai->body, s != NULL);
	session_put(&ai->body, s != NULL ? &s->rec : &none);
	if (ipc_send(ipc, MSG_REPLAY_FOLLOWED, m->id, -1, &ai->body) == -1)
		log_warn("REPLAY_FOLLOWED");
}

void
act_in_follow(struct act_in *ai, const struct session *s,
    const struct message_rec *r)
{
	enum msg_type type = r == NULL ? MSG_REPLAY_OVER : MSG_REPLAY_SHARE;

	if (ai->replay == NULL)
		return;
	mbuf_reset(&ai->body);
	if (r == NULL) {
		msg_put_raw(&ai->body, s->rec.id, sizeof(s->rec.id));
	} else {
		msg_put_u32(&ai->body, s->rec.auto_replay_count);
		message_put(&ai->body, r);
	}
	if (ipc_send(ai->replay, type, 0, -1, &ai->body) == -1)
		ai->shares_lost++;
}

/* --- the channels --- */

static void
auth_close(struct act_in *ai)
{
	ipc_free(ai->auth);
	ai->auth = NULL;
}

static void
replay_close(struct act_in *ai)
{
	unsigned n;

	if (ai->replay == NULL)
		return;
	ipc_free(ai->replay);
	ai->replay = NULL;
	if (ai->in == NULL)
		return;
	n = workers_unfollow(ai->in);
	if (n > 0)
		log_warnx("the replay role is away: auto-replay of %u "
			  "sessions has ended",
		    n);
}

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct act_in *ai = arg;

	if (ipc == ai->auth)
		auth_close(ai);
	else if (ipc == ai->replay)
		replay_close(ai);
	else
		ipc_free(ipc);
}

static const struct ipc_handler auth_handlers[] = {
	{ MSG_DO, on_do },
	{ MSG_NONE, NULL },
};

static const struct ipc_handler replay_handlers[] = {
	{ MSG_REPLAY_FOLLOW, on_follow },
	{ MSG_NONE, NULL },
};

static const struct ipc_ops auth_ops = {
	.handlers = auth_handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad,
};

static const struct ipc_ops replay_ops = {
	.handlers = replay_handlers,
	.on_end = on_end,
	.on_bad = proc_on_peer_bad,
};

void
act_in_peer(struct act_in *ai, enum role role, int fd)
{
	struct ipc **at = role == ROLE_AUTH ? &ai->auth : &ai->replay;

	if (role == ROLE_AUTH)
		auth_close(ai);
	else
		replay_close(ai);
	*at = ipc_new(ai->base, fd, ROLE_CAPTURE, role,
	    role == ROLE_AUTH ? &auth_ops : &replay_ops, ai);
	if (*at == NULL)
		log_warn("no channel to %s", role_name(role));
	else if (ai->in == NULL)
		ipc_pause(*at);
}

void
act_in_start(struct act_in *ai, struct ingest *in)
{
	ai->in = in;
	if (ai->auth != NULL)
		ipc_resume(ai->auth);
	if (ai->replay != NULL)
		ipc_resume(ai->replay);
}

void
act_in_stop(struct act_in *ai)
{
	ai->in = NULL;
	auth_close(ai);
	replay_close(ai);
}

struct act_in *
act_in_new(struct event_base *base, bool (*commit)(void *), void *arg)
{
	struct act_in *ai = calloc(1, sizeof(*ai));

	if (ai == NULL)
		return NULL;
	ai->base = base;
	ai->commit = commit;
	ai->arg = arg;
	mbuf_init(&ai->body);
	json_init(&ai->json, RESULT_MAX);
	return ai;
}

void
act_in_free(struct act_in *ai)
{
	if (ai == NULL)
		return;
	act_in_stop(ai);
	mbuf_free(&ai->body);
	json_clear(&ai->json);
	free(ai);
}
