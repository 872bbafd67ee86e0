/*
 * Agents and relays as JSON, with the original's field names.
 */
#include <string.h>

#include "common/hex.h"
#include "common/object.h"
#include "common/record_agent.h"

static void
put_ms(struct json_out *o, const char *key, double ms)
{
	json_key(o, key);
	if (ms < 0)
		json_null(o);
	else
		json_double(o, ms);
}

static void
put_stats(struct json_out *o, const struct agent_rec *a)
{
	json_kobject(o, "stats");
	json_kuint(o, "share_events_received_total", a->received);
	json_kuint(o, "submits_attempted_total", a->attempted);
	json_kuint(o, "submits_accepted_total", a->accepted);
	json_kuint(o, "submits_rejected_total", a->rejected);
	put_ms(o, "last_submit_latency_ms", a->last_latency_ms);
	json_kdouble(o, "submits_per_second_1min", a->per_second_1min);
	json_kdouble(o, "submits_per_second_10sec", a->per_second_10sec);
	put_ms(o, "latency_p50_ms", a->p50_ms);
	put_ms(o, "latency_p90_ms", a->p90_ms);
	put_ms(o, "latency_p99_ms", a->p99_ms);
	json_kuint(o, "verdict_mismatches_total", a->mismatches);
	json_object_end(o);
}

static void
put_pool(struct json_out *o, const struct agent_rec *a)
{
	if (a->pool_host[0] == '\0') {
		json_knull(o, "pool_target");
		return;
	}
	json_kobject(o, "pool_target");
	json_kcstr(o, "host", a->pool_host);
	json_kuint(o, "port", a->pool_port);
	json_object_end(o);
}

static void
put_time(struct json_out *o, const char *key, int64_t us)
{
	char text[OBJECT_TIME];

	object_time(us, text);
	json_kcstr(o, key, text);
}

void
object_agent(struct json_out *o, const struct agent_rec *a)
{
	char hex[65];

	json_object(o);
	json_kcstr(o, "agent_id", a->agent_id);
	put_time(o, "last_seen", a->received_us);
	json_kcstr(o, "conn_state", agent_state_name(a->state));
	json_kbool(o, "stopped", a->stopped);
	put_stats(o, a);
	put_pool(o, a);
	hex_text(a->pubkey, 32, hex);
	json_kcstr(o, "pubkey", hex);
	json_kbool(o, "verified", a->trusted);
	json_object_end(o);
}

void
telemetry_write(struct json_out *o, const struct agent_rec *a)
{
	json_object(o);
	json_kcstr(o, "schema", "hashscope.v1");
	json_kcstr(o, "run_id", a->run);
	json_kcstr(o, "agent_id", a->agent_id);
	put_time(o, "ts", a->created_us);
	put_pool(o, a);
	json_kcstr(o, "conn_state", agent_state_name(a->state));
	json_kbool(o, "stopped", a->stopped);
	put_stats(o, a);
	json_key(o, "errors");
	if (a->errors[0] == '\0') {
		json_array(o);
		json_array_end(o);
	} else {
		json_raw(o, a->errors, strlen(a->errors));
	}
	json_object_end(o);
}

void
object_telemetry(struct json_out *o, const struct agent_rec *a)
{
	telemetry_write(o, a);
}

static void
put_limit(struct json_out *o, const char *key, uint32_t n)
{
	if (n == 0)
		json_knull(o, key);
	else
		json_kuint(o, key, n);
}

/* What it says of itself; null where it says nothing. */
static void
put_limits(struct json_out *o, const struct nostr_relay_rec *r)
{
	if (!r->told) {
		json_knull(o, "limits");
		return;
	}
	json_kobject(o, "limits");
	put_limit(o, "message_bytes", r->message_max);
	put_limit(o, "content_characters", r->content_max);
	put_limit(o, "event_tags", r->tags_max);
	json_kbool(o, "auth_required", r->auth);
	json_kbool(o, "payment_required", r->payment);
	json_object_end(o);
}

void
object_nostr_relay(struct json_out *o, const struct nostr_relay_rec *r)
{
	json_object(o);
	json_kcstr(o, "url", r->url);
	json_kcstr(o, "state", r->state);
	json_kcstr(o, "reason", r->reason[0] != '\0' ? r->reason : NULL);
	put_time(o, "since", r->since_us);
	json_kbool(o, "subscribed", r->subscribed);
	json_kuint(o, "connects", r->connects);
	json_kuint(o, "sent", r->sent);
	json_kuint(o, "accepted", r->accepted);
	json_kuint(o, "refused", r->refused);
	json_kuint(o, "lost", r->lost);
	json_kuint(o, "rate_limited", r->limited);
	json_kuint(o, "pending", r->pending);
	json_kuint(o, "telemetry", r->telemetry);
	json_kdouble(o, "rate", r->rate);
	json_kuint(o, "pow_bits", r->pow);
	put_limits(o, r);
	json_object_end(o);
}
