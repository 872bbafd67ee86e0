/*
 * Each child's part of the configuration, as the messages of
 * common/childconf.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/childconf.h"
#include "common/replay.h"
#include "common/watchconf.h"
#include "hashscoped/supervisor.h"

#define QUERY_DEADLINE_MS 250u
#define HOLD_MS           1000u
#define WAL_BYTES         (64ull * 1024 * 1024)
#define RESERVE_BYTES     (64ull * 1024 * 1024)
#define COMMIT_ROWS       2000u
#define REFRESH_MS        60000u

static int
send_item(struct child *c, enum msg_type type, int fd, struct mbuf *body)
{
	int r = ipc_send(c->ipc, type, 0, fd, body);

	mbuf_reset(body);
	return r;
}

static uint32_t
ms32(uint64_t ms)
{
	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void
fill_relay(struct relay_conf *r, const struct config *conf)
{
	const struct conf_timers *t = &conf->timers;

	memset(r, 0, sizeof(*r));
	r->capture = !conf->capture.off;
	r->ring_bytes = conf->tap_ring;
	r->max_sessions = ms32(conf->limits.sessions);
	r->max_per_address = ms32(conf->limits.per_address);
	r->session_buffer = ms32(conf->limits.session_buffer);
	r->keep_idle_s = ms32(t->keepalive_idle / 1000);
	r->keep_interval_s = ms32(t->keepalive_interval / 1000);
	r->keep_count = ms32(t->keepalive_count);
	r->idle_ms = ms32(t->idle);
	r->half_close_ms = ms32(t->half_close);
	r->proxy_ms = ms32(t->proxy_header);
	r->connect_ms = ms32(t->connect);
	r->retry_ms = ms32(t->pool_retry);
	r->drain_ms = ms32(t->drain);
	r->reset_ms = ms32(t->reset);
	r->flush_ms = ms32(t->tap_flush);
	r->refresh_ms = REFRESH_MS;
}

static int
send_listener(struct supervisor *sup, struct child *c,
    const struct conf_listen *l, unsigned n, struct mbuf *body)
{
	struct listen_conf lc = { .id = n };
	struct pool_conf pc;
	struct net_conf nc;
	int fd = port_fd(sup, &l->addr);

	/* Not there on this machine (ports.c said why). */
	if (fd == -1)
		return 0;
	snprintf(lc.name, sizeof(lc.name), "%s", l->addr.text);
	listen_conf_put(body, &lc);
	if (send_item(c, MSG_CONF_LISTEN, fd, body) == -1)
		return -1;
	for (size_t i = 0; i < l->npools; i++) {
		memset(&pc, 0, sizeof(pc));
		snprintf(pc.host, sizeof(pc.host), "%s", l->pools[i].host);
		pc.port = l->pools[i].port;
		pool_conf_put(body, &pc);
		if (send_item(c, MSG_CONF_POOL, -1, body) == -1)
			return -1;
	}
	for (size_t i = 0; i < l->nnets; i++) {
		memset(&nc, 0, sizeof(nc));
		nc.family = l->nets[i].family == AF_INET ? 4 : 6;
		nc.bits = l->nets[i].bits;
		memcpy(nc.addr, l->nets[i].addr, sizeof(nc.addr));
		net_conf_put(body, &nc);
		if (send_item(c, MSG_CONF_PROXY, -1, body) == -1)
			return -1;
	}
	return 0;
}

static int
send_relay(struct supervisor *sup, struct child *c, const struct config *conf,
    struct mbuf *body)
{
	struct relay_conf rc;

	fill_relay(&rc, conf);
	relay_conf_put(body, &rc);
	if (send_item(c, MSG_CONF_RELAY, -1, body) == -1)
		return -1;
	for (size_t i = 0; i < conf->nlisten; i++) {
		if (send_listener(sup, c, &conf->listen[i], (unsigned)i,
			body) == -1)
			return -1;
	}
	return 0;
}

static int
send_capture(struct child *c, const struct config *conf, struct mbuf *body)
{
	struct broadcast_conf bc;
	struct capture_conf cc;

	memset(&cc, 0, sizeof(cc));
	snprintf(cc.dir, sizeof(cc.dir), "%s", conf->state_dir);
	cc.messages = conf->capture.messages;
	cc.per_session = conf->capture.per_session;
	/* Less than a second is not "no bound". */
	cc.age_s = (conf->capture.age_ms + 999) / 1000;
	cc.minutes_s = (conf->capture.minutes_ms + 999) / 1000;
	cc.hours_s = (conf->capture.hours_ms + 999) / 1000;
	cc.size_bytes = conf->capture.size;
	cc.reserve_bytes = RESERVE_BYTES;
	cc.redact = conf->capture.redact;
	cc.chain = (uint8_t)conf->capture.chain;
	cc.ack_ms = ms32(conf->timers.ack);
	cc.commit_ms = ms32(conf->timers.commit);
	cc.commit_rows = COMMIT_ROWS;
	cc.hold_ms = HOLD_MS;
	cc.query_ms = QUERY_DEADLINE_MS;
	cc.wal_bytes = WAL_BYTES;
	cc.broadcast = conf->nostr.broadcast != 0;
	capture_conf_put(body, &cc);
	if (c->role != ROLE_CAPTURE)
		return send_item(c, MSG_CONF_QUERY, -1, body);
	if (send_item(c, MSG_CONF_CAPTURE, -1, body) == -1)
		return -1;
	for (size_t i = 0; i < conf->nostr.npatterns; i++) {
		bc.on = conf->nostr.patterns[i].on != 0;
		snprintf(bc.pattern, sizeof(bc.pattern), "%s",
		    conf->nostr.patterns[i].pattern);
		broadcast_conf_put(body, &bc);
		if (send_item(c, MSG_CONF_BROADCAST, -1, body) == -1)
			return -1;
	}
	return 0;
}

static void
fill_names(struct watch_names *l, const char (*names)[CONF_NAME_LEN], size_t n)
{
	_Static_assert(WATCH_NAMES >= CONF_MAX_NAMES, "WATCH_NAMES");
	for (size_t i = 0; i < n; i++)
		snprintf(l->name[l->n++], WATCH_NAME, "%s", names[i]);
}

static void
fill_watch(struct watch_conf *w, const struct conf_watch *conf, int chain)
{
	memset(w, 0, sizeof(*w));
	w->chain = (uint8_t)chain;
	fill_names(&w->payouts, conf->payouts, conf->npayouts);
	fill_names(&w->users, conf->users, conf->nusers);
	fill_names(&w->reconnects, conf->reconnects, conf->nreconnects);
	w->payout_change = conf->payout_change;
	w->reconnect = conf->reconnect;
	w->height = conf->height;
	w->foreign = conf->foreign;
	w->capture = conf->capture;
	w->silent_ms = conf->silent_ms;
	w->forget_ms = conf->forget_ms;
	w->rejects_bp = ms32(conf->rejects_bp);
	w->rejects_window_ms = conf->rejects_window_ms;
	w->rejects_shares = ms32(conf->rejects_shares);
	w->prevhash_ms = conf->prevhash_ms;
	w->difficulty = ms32(conf->difficulty);
	w->disputes = ms32(conf->disputes);
	w->unanswered = ms32(conf->unanswered);
}

static int
send_watch(struct child *c, const struct config *conf, struct mbuf *body)
{
	struct watch_conf *w = malloc(sizeof(*w));

	if (w == NULL)
		return -1;
	fill_watch(w, &conf->watch, conf->capture.chain);
	watch_conf_put(body, w);
	free(w);
	return send_item(c, MSG_CONF_WATCH, -1, body);
}

static int
send_replay(struct child *c, const struct config *conf, struct mbuf *body)
{
	struct replay_conf rc;

	memset(&rc, 0, sizeof(rc));
	snprintf(rc.worker, sizeof(rc.worker), "%s", conf->replay.worker);
	snprintf(rc.password, sizeof(rc.password), "%s", conf->replay.password);
	rc.rate = ms32(conf->replay.rate);
	rc.answer_ms = ms32(conf->replay.answer);
	rc.idle_ms = ms32(conf->replay.idle);
	replay_conf_put(body, &rc);
	explicit_bzero(rc.password, sizeof(rc.password));
	return send_item(c, MSG_CONF_REPLAY, -1, body);
}

/* What a miner is to be pointed at. */
static void
miner_lines(const struct supervisor *sup, const struct config *conf,
    struct control_conf *cc)
{
	for (size_t i = 0; i < conf->nlisten && cc->nminer < CONTROL_MINERS;
	     i++) {
		if (port_for_people(sup, &conf->listen[i].addr,
			cc->miner[cc->nminer], CONTROL_URL))
			cc->nminer++;
	}
}

static int
send_control(struct supervisor *sup, struct child *c, const struct config *conf,
    struct mbuf *body)
{
	struct control_conf cc;
	gid_t gid;

	memset(&cc, 0, sizeof(cc));
	cc.owner_uid = getuid();
	cc.full_gid = group_id("hashscope-admin", &gid) ? gid : CONTROL_NO_GID;
	cc.view_gid = group_id("hashscope-view", &gid) ? gid : CONTROL_NO_GID;
	for (unsigned i = 0; sup->is_root && i < CHILDREN; i++)
		cc.refused[cc.nrefused++] = sup->child[i].uid;
	miner_lines(sup, conf, &cc);
	console_url(sup, conf, cc.console, sizeof(cc.console));
	snprintf(cc.version, sizeof(cc.version), "%s", HS_VERSION);
	cc.started_us = sup->started_us;
	control_conf_put(body, &cc);
	return send_item(c, MSG_CONF_CONTROL, sup->control_fd, body);
}

/* By hand, and not by a service manager: whoever started us reads this. */
static bool
is_by_hand(const struct supervisor *sup)
{
	return sup->foreground && getenv("NOTIFY_SOCKET") == NULL &&
	    getenv("JOURNAL_STREAM") == NULL;
}

static int
send_auth(struct supervisor *sup, struct child *c, const struct config *conf,
    struct mbuf *body)
{
	struct auth_conf ac;

	memset(&ac, 0, sizeof(ac));
	ac.open = conf->console.auth == 0;
	ac.print_url = is_by_hand(sup) && child_by_role(sup, ROLE_API) != NULL;
	ac.idle_s = ms32(conf->console.session_idle / 1000);
	ac.age_s = ms32(conf->console.session_age / 1000);
	ac.audit_bytes = conf->audit.size;
	ac.owner_uid = getuid();
	console_url(sup, conf, ac.console, sizeof(ac.console));
	auth_conf_put(body, &ac);
	if (send_item(c, MSG_CONF_AUTH, sup->auth_fd, body) == -1)
		return -1;
	audit_send(sup, c);
	return 0;
}

int
conf_send(struct supervisor *sup, struct child *c, const struct config *conf,
    uint32_t id)
{
	struct mbuf body;
	int r;

	mbuf_init(&body);
	r = ipc_send_empty(c->ipc, MSG_CONF_BEGIN, id);
	if (r == 0 && c->role == ROLE_RELAY)
		r = send_relay(sup, c, conf, &body);
	else if (r == 0 && c->role == ROLE_CONTROL)
		r = send_control(sup, c, conf, &body);
	else if (r == 0 && c->role == ROLE_API)
		r = console_send(sup, c, conf);
	else if (r == 0 && c->role == ROLE_REPLAY)
		r = send_replay(c, conf, &body);
	else if (r == 0 && c->role == ROLE_NOSTR)
		r = nostr_send(sup, c, conf, &body);
	else if (r == 0 && c->role == ROLE_SIGNER)
		r = nostr_send_signer(sup, c, conf, &body);
	else if (r == 0 && c->role == ROLE_AUTH)
		r = send_auth(sup, c, conf, &body);
	else if (r == 0 &&
	    (c->role == ROLE_CAPTURE || c->role == ROLE_QUERY_PAGE ||
		c->role == ROLE_QUERY_SEARCH))
		r = send_capture(c, conf, &body);
	if (r == 0 && c->role == ROLE_CAPTURE)
		r = send_watch(c, conf, &body);
	if (r == 0)
		r = ipc_send_empty(c->ipc, MSG_CONF_END, id);
	mbuf_free(&body);
	return r;
}
