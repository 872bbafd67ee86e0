/*
 * Tables of relays and agents.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/record_agent.h"
#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

#define STALE_US 60000000 /* an agent that was silent for so long */

static const struct table_column relays[] = {
	{ "RELAY", 0, 0 },
	{ "STATE", 0, 0 },
	{ "SINCE", 0, 0 },
	{ "SENT", 1, 0 },
	{ "ACCEPTED", 1, 0 },
	{ "REFUSED", 1, 0 },
	{ "LOST", 1, 0 },
	{ "PENDING", 1, 0 },
	{ "RATE", 1, 0 },
	{ "LIMITS", 0, 0 },
	{ "IT SAID", 0, 60 },
	{ NULL, 0, 0 },
};

static const struct table_column agents[] = {
	{ "AGENT", 0, 0 },
	{ "STATE", 0, 0 },
	{ "SEEN", 0, 0 },
	{ "POOL", 0, 0 },
	{ "SHARES", 1, 0 },
	{ "SUBMITS", 1, 0 },
	{ "ACCEPTED", 1, 0 },
	{ "REJECTED", 1, 0 },
	{ "PER SECOND", 1, 0 },
	{ "LATENCY", 1, 0 },
	{ "NOTE", 0, 0 },
	{ NULL, 0, 0 },
};

const struct table_column *
nostr_columns(enum listing listing)
{
	return listing == LIST_RELAYS ? relays :
	    listing == LIST_AGENTS    ? agents :
					NULL;
}

/* What it says of itself, and what it wants, as far as it matters. */
static void
limits_cell(struct table *t, const struct nostr_relay_rec *r)
{
	char size[UNITS_TEXT + 8] = "", pow[24] = "", num[UNITS_TEXT];

	if (r->message_max > 0)
		snprintf(size, sizeof(size), "%s",
		    units_bytes(r->message_max, num));
	if (r->pow > 0)
		snprintf(pow, sizeof(pow), "%s%u bits",
		    size[0] != '\0' ? ", " : "", r->pow);
	table_cell(t, "%s%s%s%s", size, pow, r->auth ? " auth" : "",
	    r->payment ? " paid" : "");
}

void
relay_row(struct output *o, const struct nostr_relay_rec *r)
{
	struct table *t = &o->table;
	char buf[TEXT_MAX], num[UNITS_TEXT];
	bool well = strcmp(r->state, "connected") == 0;

	table_cell(t, "%s", safe(r->url, buf));
	table_cell(t, "%s", safe(r->state, buf));
	table_cell(t, "%s", units_time(r->since_us, o->now_us, num));
	table_cell(t, "%s", units_count(r->sent, num));
	table_cell(t, "%s", units_count(r->accepted, num));
	table_cell(t, "%s", units_count(r->refused, num));
	table_cell(t, "%s", units_count(r->lost, num));
	table_cell(t, "%s", units_count(r->pending, num));
	table_cell(t, "%.3g/s", r->rate);
	limits_cell(t, r);
	table_cell(t, "%s", r->reason[0] == '\0' ? "" : safe(r->reason, buf));
	table_row(t, text_colour(o, well ? NULL : YELLOW));
}

void
agent_row(struct output *o, const struct agent_rec *a)
{
	bool stale = o->now_us - a->received_us > STALE_US;
	bool well = a->state == AGENT_CONNECTED && !stale;
	struct table *t = &o->table;
	char buf[TEXT_MAX], num[UNITS_TEXT];

	table_cell(t, "%s", safe(a->agent_id, buf));
	table_cell(t, "%s", agent_state_name(a->state));
	table_cell(t, "%s", units_time(a->received_us, o->now_us, num));
	table_cell(t, "%s:%u", safe(a->pool_host, buf), a->pool_port);
	table_cell(t, "%s", units_count(a->received, num));
	table_cell(t, "%s", units_count(a->attempted, num));
	table_cell(t, "%s", units_count(a->accepted, num));
	table_cell(t, "%s", units_count(a->rejected, num));
	table_cell(t, "%.1f", a->per_second_1min);
	if (a->last_latency_ms < 0)
		table_cell(t, "-");
	else
		table_cell(t, "%s",
		    units_us((int64_t)(a->last_latency_ms * 1000), num));
	table_cell(t, "%s%s", a->trusted ? "" : "not verified ",
	    stale ? "stale" : "");
	table_row(t, text_colour(o, well ? NULL : YELLOW));
}
