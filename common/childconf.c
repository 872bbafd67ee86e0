/*
 * The configuration's items on the wire: each put and its get name the same
 * fields in the same order.
 */
#include <string.h>

#include "common/address.h"
#include "common/childconf.h"

void
relay_conf_put(struct mbuf *b, const struct relay_conf *r)
{
	msg_put_u8(b, r->capture);
	msg_put_u64(b, r->ring_bytes);
	msg_put_u32(b, r->max_sessions);
	msg_put_u32(b, r->max_per_address);
	msg_put_u32(b, r->session_buffer);
	msg_put_u32(b, r->keep_idle_s);
	msg_put_u32(b, r->keep_interval_s);
	msg_put_u32(b, r->keep_count);
	msg_put_u32(b, r->idle_ms);
	msg_put_u32(b, r->half_close_ms);
	msg_put_u32(b, r->proxy_ms);
	msg_put_u32(b, r->connect_ms);
	msg_put_u32(b, r->retry_ms);
	msg_put_u32(b, r->drain_ms);
	msg_put_u32(b, r->reset_ms);
	msg_put_u32(b, r->flush_ms);
	msg_put_u32(b, r->refresh_ms);
}

void
relay_conf_get(struct mcur *c, struct relay_conf *r)
{
	memset(r, 0, sizeof(*r));
	r->capture = msg_get_bool(c);
	r->ring_bytes = msg_get_u64(c);
	r->max_sessions = msg_get_u32(c);
	r->max_per_address = msg_get_u32(c);
	r->session_buffer = msg_get_u32(c);
	r->keep_idle_s = msg_get_u32(c);
	r->keep_interval_s = msg_get_u32(c);
	r->keep_count = msg_get_u32(c);
	r->idle_ms = msg_get_u32(c);
	r->half_close_ms = msg_get_u32(c);
	r->proxy_ms = msg_get_u32(c);
	r->connect_ms = msg_get_u32(c);
	r->retry_ms = msg_get_u32(c);
	r->drain_ms = msg_get_u32(c);
	r->reset_ms = msg_get_u32(c);
	r->flush_ms = msg_get_u32(c);
	r->refresh_ms = msg_get_u32(c);
}

void
listen_conf_put(struct mbuf *b, const struct listen_conf *l)
{
	msg_put_u32(b, l->id);
	msg_put_str(b, l->name);
}

void
listen_conf_get(struct mcur *c, struct listen_conf *l)
{
	memset(l, 0, sizeof(*l));
	l->id = msg_get_u32(c);
	msg_get_str(c, l->name, sizeof(l->name));
}

void
pool_conf_put(struct mbuf *b, const struct pool_conf *p)
{
	msg_put_str(b, p->host);
	msg_put_u16(b, p->port);
}

void
pool_conf_get(struct mcur *c, struct pool_conf *p)
{
	memset(p, 0, sizeof(*p));
	msg_get_str(c, p->host, sizeof(p->host));
	p->port = msg_get_u16(c);
}

void
net_conf_put(struct mbuf *b, const struct net_conf *n)
{
	msg_put_u8(b, n->family);
	msg_put_u8(b, n->bits);
	msg_put_raw(b, n->addr, sizeof(n->addr));
}

void
net_conf_get(struct mcur *c, struct net_conf *n)
{
	memset(n, 0, sizeof(*n));
	n->family = msg_get_u8(c);
	n->bits = msg_get_u8(c);
	msg_get_raw(c, n->addr, sizeof(n->addr));
	if ((n->family != 4 && n->family != 6) ||
	    n->bits > (n->family == 4 ? 32 : 128))
		c->bad = true;
}

void
capture_conf_put(struct mbuf *b, const struct capture_conf *p)
{
	msg_put_str(b, p->dir);
	msg_put_u64(b, p->messages);
	msg_put_u64(b, p->per_session);
	msg_put_u64(b, p->age_s);
	msg_put_u64(b, p->minutes_s);
	msg_put_u64(b, p->hours_s);
	msg_put_u64(b, p->size_bytes);
	msg_put_u64(b, p->reserve_bytes);
	msg_put_u8(b, p->redact);
	msg_put_u8(b, p->chain);
	msg_put_u32(b, p->ack_ms);
	msg_put_u32(b, p->commit_ms);
	msg_put_u32(b, p->commit_rows);
	msg_put_u32(b, p->hold_ms);
	msg_put_u32(b, p->query_ms);
	msg_put_u64(b, p->wal_bytes);
	msg_put_u8(b, p->broadcast);
}

void
capture_conf_get(struct mcur *c, struct capture_conf *p)
{
	memset(p, 0, sizeof(*p));
	msg_get_str(c, p->dir, sizeof(p->dir));
	p->messages = msg_get_u64(c);
	p->per_session = msg_get_u64(c);
	p->age_s = msg_get_u64(c);
	p->minutes_s = msg_get_u64(c);
	p->hours_s = msg_get_u64(c);
	p->size_bytes = msg_get_u64(c);
	p->reserve_bytes = msg_get_u64(c);
	p->redact = msg_get_bool(c);
	p->chain = msg_get_u8(c);
	p->ack_ms = msg_get_u32(c);
	p->commit_ms = msg_get_u32(c);
	p->commit_rows = msg_get_u32(c);
	p->hold_ms = msg_get_u32(c);
	p->query_ms = msg_get_u32(c);
	p->wal_bytes = msg_get_u64(c);
	p->broadcast = msg_get_bool(c);
	if (p->chain >= ADDRESS_NETS)
		c->bad = true;
}

void
broadcast_conf_put(struct mbuf *b, const struct broadcast_conf *p)
{
	msg_put_u8(b, p->on);
	msg_put_str(b, p->pattern);
}

void
broadcast_conf_get(struct mcur *c, struct broadcast_conf *p)
{
	memset(p, 0, sizeof(*p));
	p->on = msg_get_bool(c);
	msg_get_str(c, p->pattern, sizeof(p->pattern));
}

void
control_conf_put(struct mbuf *b, const struct control_conf *k)
{
	unsigned i;

	msg_put_u32(b, k->owner_uid);
	msg_put_u32(b, k->full_gid);
	msg_put_u32(b, k->view_gid);
	msg_put_u8(b, k->nrefused);
	for (i = 0; i < k->nrefused; i++)
		msg_put_u32(b, k->refused[i]);
	msg_put_u8(b, k->nminer);
	for (i = 0; i < k->nminer; i++)
		msg_put_str(b, k->miner[i]);
	msg_put_str(b, k->console);
	msg_put_str(b, k->version);
	msg_put_i64(b, k->started_us);
}

void
control_conf_get(struct mcur *c, struct control_conf *k)
{
	unsigned i;

	memset(k, 0, sizeof(*k));
	k->owner_uid = msg_get_u32(c);
	k->full_gid = msg_get_u32(c);
	k->view_gid = msg_get_u32(c);
	if ((k->nrefused = msg_get_u8(c)) > CONTROL_REFUSED)
		goto bad;
	for (i = 0; i < k->nrefused; i++)
		k->refused[i] = msg_get_u32(c);
	if ((k->nminer = msg_get_u8(c)) > CONTROL_MINERS)
		goto bad;
	for (i = 0; i < k->nminer; i++)
		msg_get_str(c, k->miner[i], sizeof(k->miner[i]));
	msg_get_str(c, k->console, sizeof(k->console));
	msg_get_str(c, k->version, sizeof(k->version));
	k->started_us = msg_get_i64(c);
	return;
bad:
	/* A count that nobody checked afterwards must not index anything. */
	memset(k, 0, sizeof(*k));
	c->bad = true;
}

void
auth_conf_put(struct mbuf *b, const struct auth_conf *a)
{
	msg_put_u8(b, a->open);
	msg_put_u8(b, a->print_url);
	msg_put_u32(b, a->idle_s);
	msg_put_u32(b, a->age_s);
	msg_put_u64(b, a->audit_bytes);
	msg_put_u32(b, a->owner_uid);
	msg_put_str(b, a->console);
}

void
auth_conf_get(struct mcur *c, struct auth_conf *a)
{
	memset(a, 0, sizeof(*a));
	a->open = msg_get_bool(c);
	a->print_url = msg_get_bool(c);
	a->idle_s = msg_get_u32(c);
	a->age_s = msg_get_u32(c);
	a->audit_bytes = msg_get_u64(c);
	a->owner_uid = msg_get_u32(c);
	msg_get_str(c, a->console, sizeof(a->console));
}

void
api_conf_put(struct mbuf *b, const struct api_conf *a)
{
	msg_put_u8(b, a->auth);
	msg_put_u32(b, a->max_conns);
	msg_put_u32(b, a->per_address);
	msg_put_u32(b, a->waiting);
	msg_put_u32(b, a->requests);
	msg_put_u32(b, a->websockets);
	msg_put_u32(b, a->plain);
	msg_put_u32(b, a->queue);
	msg_put_u32(b, a->queue_max);
	msg_put_u32(b, a->head_ms);
	msg_put_u32(b, a->body_ms);
	msg_put_u32(b, a->idle_ms);
	msg_put_u32(b, a->answer_ms);
	msg_put_u32(b, a->stuck_ms);
	msg_put_u32(b, a->ping_ms);
	msg_put_u32(b, a->recheck_ms);
	msg_put_str(b, a->site);
	msg_put_str(b, a->version);
	msg_put_str(b, a->hostname);
	msg_put_str(b, a->listen_host);
	msg_put_str(b, a->pool_host);
	msg_put_str(b, a->run_id);
	msg_put_u16(b, a->listen_port);
	msg_put_u16(b, a->pool_port);
	msg_put_u16(b, a->api_port);
	msg_put_u64(b, a->capture_messages);
	msg_put_u8(b, a->capture);
	msg_put_u8(b, a->nostr);
	msg_put_i64(b, a->started_us);
}

void
api_conf_get(struct mcur *c, struct api_conf *a)
{
	memset(a, 0, sizeof(*a));
	a->auth = msg_get_bool(c);
	a->max_conns = msg_get_u32(c);
	a->per_address = msg_get_u32(c);
	a->waiting = msg_get_u32(c);
	a->requests = msg_get_u32(c);
	a->websockets = msg_get_u32(c);
	a->plain = msg_get_u32(c);
	a->queue = msg_get_u32(c);
	a->queue_max = msg_get_u32(c);
	a->head_ms = msg_get_u32(c);
	a->body_ms = msg_get_u32(c);
	a->idle_ms = msg_get_u32(c);
	a->answer_ms = msg_get_u32(c);
	a->stuck_ms = msg_get_u32(c);
	a->ping_ms = msg_get_u32(c);
	a->recheck_ms = msg_get_u32(c);
	msg_get_str(c, a->site, sizeof(a->site));
	msg_get_str(c, a->version, sizeof(a->version));
	msg_get_str(c, a->hostname, sizeof(a->hostname));
	msg_get_str(c, a->listen_host, sizeof(a->listen_host));
	msg_get_str(c, a->pool_host, sizeof(a->pool_host));
	msg_get_str(c, a->run_id, sizeof(a->run_id));
	a->listen_port = msg_get_u16(c);
	a->pool_port = msg_get_u16(c);
	a->api_port = msg_get_u16(c);
	a->capture_messages = msg_get_u64(c);
	a->capture = msg_get_bool(c);
	a->nostr = msg_get_bool(c);
	a->started_us = msg_get_i64(c);
}

void
api_listen_put(struct mbuf *b, const struct api_listen *l)
{
	msg_put_u32(b, l->id);
	msg_put_str(b, l->name);
	msg_put_u8(b, l->loopback);
}

void
api_listen_get(struct mcur *c, struct api_listen *l)
{
	memset(l, 0, sizeof(*l));
	l->id = msg_get_u32(c);
	msg_get_str(c, l->name, sizeof(l->name));
	l->loopback = msg_get_bool(c);
}

void
nostr_conf_put(struct mbuf *b, const struct nostr_conf *n)
{
	msg_put_str(b, n->run);
	msg_put_u8(b, n->formats);
	msg_put_u8(b, n->trust_any);
	msg_put_u8(b, n->miner_address);
	msg_put_u32(b, n->kind_share);
	msg_put_u32(b, n->kind_batch);
	msg_put_u32(b, n->kind_telemetry);
	msg_put_u32(b, n->kind_control);
	msg_put_u32(b, n->rate_milli);
	msg_put_u32(b, n->burst);
	msg_put_u32(b, n->flush_ms);
	msg_put_u32(b, n->answer_ms);
	msg_put_u32(b, n->connect_ms);
	msg_put_u32(b, n->retry_ms);
	msg_put_u32(b, n->retry_max_ms);
	msg_put_u32(b, n->pause_ms);
	msg_put_u32(b, n->blocked_ms);
	msg_put_u64(b, n->outbox_bytes);
	msg_put_u8(b, n->encrypted);
	msg_put_u8(b, n->pow);
	msg_put_u8(b, n->alerts);
	msg_put_raw(b, n->alerts_to, sizeof(n->alerts_to));
	msg_put_u32(b, n->alerts_pause_ms);
	msg_put_str(b, n->site);
}

void
nostr_conf_get(struct mcur *c, struct nostr_conf *n)
{
	memset(n, 0, sizeof(*n));
	msg_get_str(c, n->run, sizeof(n->run));
	n->formats = msg_get_u8(c);
	n->trust_any = msg_get_bool(c);
	n->miner_address = msg_get_bool(c);
	n->kind_share = msg_get_u32(c);
	n->kind_batch = msg_get_u32(c);
	n->kind_telemetry = msg_get_u32(c);
	n->kind_control = msg_get_u32(c);
	n->rate_milli = msg_get_u32(c);
	n->burst = msg_get_u32(c);
	n->flush_ms = msg_get_u32(c);
	n->answer_ms = msg_get_u32(c);
	n->connect_ms = msg_get_u32(c);
	n->retry_ms = msg_get_u32(c);
	n->retry_max_ms = msg_get_u32(c);
	n->pause_ms = msg_get_u32(c);
	n->blocked_ms = msg_get_u32(c);
	n->outbox_bytes = msg_get_u64(c);
	n->encrypted = msg_get_bool(c);
	n->pow = msg_get_u8(c);
	n->alerts = msg_get_bool(c);
	msg_get_raw(c, n->alerts_to, sizeof(n->alerts_to));
	n->alerts_pause_ms = msg_get_u32(c);
	msg_get_str(c, n->site, sizeof(n->site));
	if (n->rate_milli == 0 || n->burst == 0 || n->run[0] == '\0')
		c->bad = true;
}
