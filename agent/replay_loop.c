/*
 * Auto-replay: each share of a session, as its miner submits it, is
 * submitted again so often as is set for its worker.
 *
 * There is one loop for a session, and it has one share in hand.  What comes
 * meanwhile takes the place of what waits: the newest is the one whose job
 * the pool still knows.  A loop lasts until it is switched off, its session
 * ends, or we do.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/replay.h"
#include "common/log.h"

struct loop {
	TAILQ_ENTRY(loop) entry;
	struct replay *replay;
	uint8_t session[16];
	bool known; /* origin is */
	struct origin origin;
	struct fetch *fetch; /* of its subscription */
	struct run *run;
	bool waits; /* next is to be run */
	struct share next;
	uint64_t next_count;
	uint64_t shares, skipped;
	uint64_t sent, accepted, rejected, failed;
	bool said; /* that it fails */
};

static void next_share(struct loop *);

struct loop *
loop_find(struct replay *r, const uint8_t session[16])
{
	struct loop *l;

	TAILQ_FOREACH(l, &r->loops, entry) {
		if (memcmp(l->session, session, 16) == 0)
			return l;
	}
	return NULL;
}

struct loop *
loop_new(struct replay *r, const uint8_t session[16])
{
	struct loop *l;

	if (r->nloops >= REPLAY_LOOPS || (l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->replay = r;
	memcpy(l->session, session, sizeof(l->session));
	TAILQ_INSERT_TAIL(&r->loops, l, entry);
	r->nloops++;
	return l;
}

int
loop_tell(struct replay *r, const uint8_t session[16], bool on, uint32_t id)
{
	struct replay_follow f = { .on = on };

	if (r->capture == NULL)
		return -1;
	memcpy(f.session, session, sizeof(f.session));
	mbuf_reset(&r->body);
	replay_follow_put(&r->body, &f);
	return ipc_send(r->capture, MSG_REPLAY_FOLLOW, id, -1, &r->body);
}

void
loops_tell(struct replay *r)
{
	struct loop *l;

	TAILQ_FOREACH(l, &r->loops, entry)
		(void)loop_tell(r, l->session, true, 0);
}

static void
say_end(const struct loop *l, const char *why)
{
	log_session(l->session);
	log_info("auto-replay ends: %s; %llu shares, %llu skipped, %llu "
		 "submits, %llu accepted, %llu rejected, %llu failed",
	    why, (unsigned long long)l->shares, (unsigned long long)l->skipped,
	    (unsigned long long)l->sent, (unsigned long long)l->accepted,
	    (unsigned long long)l->rejected, (unsigned long long)l->failed);
	log_session(NULL);
}

void
loop_end(struct loop *l, const char *why, bool tell)
{
	struct replay *r = l->replay;
	struct run *run = l->run;

	/* Nothing is begun any more by the end of what runs. */
	l->waits = false;
	if (run != NULL)
		run_stop(run);
	say_end(l, why);
	if (tell)
		(void)loop_tell(r, l->session, false, 0);
	fetch_cancel(r, l->fetch);
	TAILQ_REMOVE(&r->loops, l, entry);
	r->nloops--;
	free(l->next.line);
	free(l);
}

void
loops_end(struct replay *r, const char *why)
{
	struct loop *l;

	while ((l = TAILQ_FIRST(&r->loops)) != NULL)
		loop_end(l, why, true);
}

/* --- running --- */

static void
on_run(void *arg, const struct run_result *res)
{
	struct loop *l = arg;

	l->run = NULL;
	l->sent += res->sent;
	l->accepted += res->accepted;
	l->rejected += res->rejected;
	if (!res->stopped && res->accepted + res->rejected < res->sent + 1 &&
	    res->error[0] != '\0' && res->response == NULL) {
		l->failed++;
		if (!l->said) {
			log_session(l->session);
			log_warnx("auto-replay: %s", res->error);
			log_session(NULL);
		}
		l->said = true;
	} else if (res->accepted > 0) {
		l->said = false;
	}
	next_share(l);
}

static void
next_share(struct loop *l)
{
	if (!l->waits || !l->known || l->run != NULL)
		return;
	l->waits = false;
	l->shares++;
	l->run = run_begin(l->replay, &l->next, &l->origin, l->next_count,
	    false, on_run, l);
	free(l->next.line);
	l->next.line = NULL;
	if (l->run == NULL)
		l->failed++;
}

static void
on_subscription(void *arg, enum fetch_status status,
    const struct message_rec *m, const struct session_rec *s)
{
	struct loop *l = arg;

	l->fetch = NULL;
	l->known = true;
	if (status == FETCH_OK && m != NULL)
		fetch_subscription(l->replay->tree, (const char *)m->resp_raw,
		    m->resp_len, &l->origin);
	next_share(l);
}

/* captured says that it tells of this session; again after its restart. */
void
loop_on_followed(struct replay *r, const struct session_rec *rec)
{
	struct query q = { .kind = Q_MESSAGES,
		.flags = QF_SESSION | QF_ASCENDING | QF_WITH_RESPONSE |
		    QF_NO_RESPONSES,
		.limit = 1,
		.method = "mining.subscribe" };
	struct loop *l = loop_find(r, rec->id);

	if (l == NULL)
		return;
	l->origin.rec = *rec;
	if (l->known || l->fetch != NULL)
		return;
	snprintf(l->origin.session, sizeof(l->origin.session), "%s",
	    rec->mining_session_id);
	memcpy(q.session, rec->id, sizeof(q.session));
	l->fetch = fetch_begin(r, &q, on_subscription, l);
	l->known = l->fetch == NULL;
}

void
loop_on_share(struct ipc *ipc, struct msg_in *in, void *arg)
{
	struct replay *r = arg;
	struct message_rec m;
	struct share s = { 0 };
	struct loop *l;
	uint32_t count = msg_get_u32(&in->cur);

	message_get(&in->cur, &m);
	if (msg_end(&in->cur) == -1 || count == 0 || count > AUTO_REPLAY_MAX) {
		ipc_bad(ipc, in, "malformed");
		return;
	}
	l = loop_find(r, m.session);
	if (l == NULL || (s.line = malloc(m.raw_len + 1)) == NULL)
		return;
	memcpy(s.line, m.raw, m.raw_len);
	s.len = m.raw_len;
	s.pos = m.pos;
	s.ts_us = m.ts_recv_us;
	l->origin.rec.last_seen_us = m.ts_recv_us;
	if (l->waits) {
		l->skipped++;
		free(l->next.line);
	}
	l->next = s;
	l->next_count = count;
	l->waits = true;
	next_share(l);
}

void
loop_on_over(struct ipc *ipc, struct msg_in *in, void *arg)
{
	struct replay *r = arg;
	struct loop *l;
	uint8_t session[16];

	msg_get_raw(&in->cur, session, sizeof(session));
	if (msg_end(&in->cur) == -1) {
		ipc_bad(ipc, in, "malformed");
		return;
	}
	l = loop_find(r, session);
	if (l != NULL)
		loop_end(l, "the session has ended", false);
}
