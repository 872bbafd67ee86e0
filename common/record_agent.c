/*
 * Agents and relays on the wire, and telemetry read.
 */
#include <math.h>
#include <string.h>

#include "common/record_agent.h"
#include "common/utf8.h"

#define COUNT_MAX INT64_C(9007199254740992) /* 2^53: exact in JavaScript */
#define RATE_MAX  1e9

static const char *const states[AGENT_STATES] = { "connected", "reconnecting",
	"error" };

const char *
agent_state_name(unsigned s)
{
	return s < AGENT_STATES ? states[s] : "error";
}

void
agent_put(struct mbuf *m, const struct agent_rec *a)
{
	msg_put_raw(m, a->pubkey, 32);
	msg_put_u8(m, a->trusted);
	msg_put_i64(m, a->received_us);
	msg_put_i64(m, a->created_us);
	msg_put_str(m, a->agent_id);
	msg_put_str(m, a->run);
	msg_put_str(m, a->pool_host);
	msg_put_u16(m, a->pool_port);
	msg_put_u8(m, a->state);
	msg_put_u8(m, a->stopped);
	msg_put_u64(m, a->received);
	msg_put_u64(m, a->attempted);
	msg_put_u64(m, a->accepted);
	msg_put_u64(m, a->rejected);
	msg_put_double(m, a->last_latency_ms);
	msg_put_double(m, a->per_second_1min);
	msg_put_double(m, a->per_second_10sec);
	msg_put_double(m, a->p50_ms);
	msg_put_double(m, a->p90_ms);
	msg_put_double(m, a->p99_ms);
	msg_put_u64(m, a->mismatches);
	msg_put_str(m, a->errors);
}

void
agent_get(struct mcur *c, struct agent_rec *a)
{
	msg_get_raw(c, a->pubkey, 32);
	a->trusted = msg_get_bool(c);
	a->received_us = msg_get_i64(c);
	a->created_us = msg_get_i64(c);
	msg_get_str(c, a->agent_id, sizeof(a->agent_id));
	msg_get_str(c, a->run, sizeof(a->run));
	msg_get_str(c, a->pool_host, sizeof(a->pool_host));
	a->pool_port = msg_get_u16(c);
	a->state = msg_get_u8(c);
	a->stopped = msg_get_bool(c);
	a->received = msg_get_u64(c);
	a->attempted = msg_get_u64(c);
	a->accepted = msg_get_u64(c);
	a->rejected = msg_get_u64(c);
	a->last_latency_ms = msg_get_double(c);
	a->per_second_1min = msg_get_double(c);
	a->per_second_10sec = msg_get_double(c);
	a->p50_ms = msg_get_double(c);
	a->p90_ms = msg_get_double(c);
	a->p99_ms = msg_get_double(c);
	a->mismatches = msg_get_u64(c);
	msg_get_str(c, a->errors, sizeof(a->errors));
	if (a->state >= AGENT_STATES)
		c->bad = true;
}

void
nostr_relay_put(struct mbuf *m, const struct nostr_relay_rec *r)
{
	msg_put_str(m, r->url);
	msg_put_str(m, r->state);
	msg_put_str(m, r->reason);
	msg_put_i64(m, r->since_us);
	msg_put_u64(m, r->connects);
	msg_put_u64(m, r->sent);
	msg_put_u64(m, r->accepted);
	msg_put_u64(m, r->refused);
	msg_put_u64(m, r->lost);
	msg_put_u64(m, r->limited);
	msg_put_u64(m, r->pending);
	msg_put_u64(m, r->telemetry);
	msg_put_double(m, r->rate);
	msg_put_u8(m, r->subscribed);
	msg_put_u8(m, r->told);
	msg_put_u8(m, r->auth);
	msg_put_u8(m, r->payment);
	msg_put_u32(m, r->message_max);
	msg_put_u32(m, r->content_max);
	msg_put_u32(m, r->tags_max);
	msg_put_u32(m, r->pow);
}

void
nostr_relay_get(struct mcur *c, struct nostr_relay_rec *r)
{
	msg_get_str(c, r->url, sizeof(r->url));
	msg_get_str(c, r->state, sizeof(r->state));
	msg_get_str(c, r->reason, sizeof(r->reason));
	r->since_us = msg_get_i64(c);
	r->connects = msg_get_u64(c);
	r->sent = msg_get_u64(c);
	r->accepted = msg_get_u64(c);
	r->refused = msg_get_u64(c);
	r->lost = msg_get_u64(c);
	r->limited = msg_get_u64(c);
	r->pending = msg_get_u64(c);
	r->telemetry = msg_get_u64(c);
	r->rate = msg_get_double(c);
	r->subscribed = msg_get_bool(c);
	r->told = msg_get_bool(c);
	r->auth = msg_get_bool(c);
	r->payment = msg_get_bool(c);
	r->message_max = msg_get_u32(c);
	r->content_max = msg_get_u32(c);
	r->tags_max = msg_get_u32(c);
	r->pow = msg_get_u32(c);
}

/* --- telemetry --- */

static int
count(const struct jtree *t, uint32_t object, const char *name, uint64_t *out)
{
	uint32_t node = jtree_member(t, object, name);
	int64_t v = 0;

	if (node != JTREE_NONE &&
	    (jtree_int(t, node, &v) == -1 || v < 0 || v > COUNT_MAX))
		return -1;
	*out = (uint64_t)v;
	return 0;
}

/* Absent or null is what it is when nothing was told. */
static int
number(const struct jtree *t, uint32_t object, const char *name, double absent,
    double *out)
{
	uint32_t node = jtree_member(t, object, name);

	*out = absent;
	if (node == JTREE_NONE || jtree_is(t, node, J_NULL))
		return 0;
	if (jtree_double(t, node, out) == -1 || !isfinite(*out) || *out < 0 ||
	    *out > RATE_MAX)
		return -1;
	return 0;
}

static int
take_text(const struct jtree *t, uint32_t node, char *out, size_t cap)
{
	long n = jtree_str(t, node, out, cap);

	if (n < 1 || strlen(out) != (size_t)n || !utf8_valid(out, (size_t)n))
		return -1;
	for (long i = 0; i < n; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			return -1;
	return 0;
}

static int
take_pool(const struct jtree *t, uint32_t pool, struct agent_rec *a)
{
	int64_t port = 0;

	if (pool == JTREE_NONE || jtree_is(t, pool, J_NULL))
		return 0;
	if (take_text(t, jtree_member(t, pool, "host"), a->pool_host,
		sizeof(a->pool_host)) == -1 ||
	    jtree_int(t, jtree_member(t, pool, "port"), &port) == -1 ||
	    port < 1 || port > 65535)
		return -1;
	a->pool_port = (uint16_t)port;
	return 0;
}

static int
take_state(const struct jtree *t, uint32_t node, struct agent_rec *a)
{
	for (a->state = 0; a->state < AGENT_STATES; a->state++)
		if (jtree_equals(t, node, states[a->state]))
			return 0;
	return -1;
}

static int
take_stats(const struct jtree *t, uint32_t stats, struct agent_rec *a)
{
	if (!jtree_is(t, stats, J_OBJECT) ||
	    count(t, stats, "share_events_received_total", &a->received) ==
		-1 ||
	    count(t, stats, "submits_attempted_total", &a->attempted) == -1 ||
	    count(t, stats, "submits_accepted_total", &a->accepted) == -1 ||
	    count(t, stats, "submits_rejected_total", &a->rejected) == -1 ||
	    count(t, stats, "verdict_mismatches_total", &a->mismatches) == -1)
		return -1;
	if (number(t, stats, "last_submit_latency_ms", -1,
		&a->last_latency_ms) == -1 ||
	    number(t, stats, "submits_per_second_1min", 0,
		&a->per_second_1min) == -1 ||
	    number(t, stats, "submits_per_second_10sec", 0,
		&a->per_second_10sec) == -1 ||
	    number(t, stats, "latency_p50_ms", -1, &a->p50_ms) == -1 ||
	    number(t, stats, "latency_p90_ms", -1, &a->p90_ms) == -1 ||
	    number(t, stats, "latency_p99_ms", -1, &a->p99_ms) == -1)
		return -1;
	return 0;
}

/* Kept as it is when it is short; it is for people. */
static int
take_errors(const struct jtree *t, uint32_t node, struct agent_rec *a)
{
	const char *raw;
	size_t len;

	if (node == JTREE_NONE || jtree_is(t, node, J_NULL))
		return 0;
	if (!jtree_is(t, node, J_ARRAY))
		return -1;
	raw = jtree_raw(t, node, &len);
	if (len >= sizeof(a->errors) || jtree_count(t, node) == 0)
		return 0;
	memcpy(a->errors, raw, len);
	a->errors[len] = '\0';
	return 0;
}

int
telemetry_parse(struct jtree *t, const char *content, size_t len,
    const char *run, struct agent_rec *a)
{
	uint32_t root;

	memset(a, 0, sizeof(*a));
	if (len > 16384 || memchr(content, '\0', len) != NULL ||
	    json_valid(content, len, 8, NULL) == -1 ||
	    jtree_parse(t, content, len) == -1)
		return -1;
	root = jtree_root(t);
	if (!jtree_equals(t, jtree_member(t, root, "schema"), "hashscope.v1") ||
	    !jtree_equals(t, jtree_member(t, root, "run_id"), run) ||
	    strlen(run) >= sizeof(a->run) ||
	    take_text(t, jtree_member(t, root, "agent_id"), a->agent_id,
		sizeof(a->agent_id)) == -1 ||
	    take_pool(t, jtree_member(t, root, "pool_target"), a) == -1 ||
	    take_state(t, jtree_member(t, root, "conn_state"), a) == -1 ||
	    take_stats(t, jtree_member(t, root, "stats"), a) == -1 ||
	    take_errors(t, jtree_member(t, root, "errors"), a) == -1)
		return -1;
	a->stopped = jtree_is(t, jtree_member(t, root, "stopped"), J_TRUE);
	memcpy(a->run, run, strlen(run) + 1);
	return 0;
}
