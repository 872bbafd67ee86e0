/*
 * show pools: each pool of each listener, as relayd knows it.
 */
#include <string.h>

#include "common/poolrec.h"
#include "hashscopectl/ctl.h"
#include "hashscopectl/text.h"
#include "hashscopectl/units.h"

static const struct table_column columns[] = {
	{ "LISTENER", 0, 0 },
	{ "POOL", 0, 0 },
	{ "ADDRESS", 0, 0 },
	{ "STATE", 0, 0 },
	{ "SESSIONS", 1, 0 },
	{ "CONNECTS", 1, 0 },
	{ "FAILURES", 1, 0 },
	{ "TOOK", 1, 0 },
	{ "LAST", 1, 0 },
	{ "LAST FAILURE", 0, 0 },
	{ NULL, 0, 0 },
};

static void
row(struct output *o, struct table *t, const struct pool_rec *p)
{
	char buf[TEXT_MAX], num[UNITS_TEXT];

	table_cell(t, "%s", safe(p->listener, buf));
	table_cell(t, "%s:%u", safe(p->host, buf), p->port);
	table_cell(t, "%s", safe(p->peer, buf));
	if (p->up)
		table_cell(t, "%s",
		    p->connects > 0     ? "up" :
			p->failures > 0 ? "not tried since" :
					  "not tried");
	else
		table_cell(t, "down, again in %s",
		    units_span(p->retry_ms / 1000, num));
	table_cell(t, "%u", p->sessions);
	table_cell(t, "%s", units_count(p->connects, num));
	table_cell(t, "%s", units_count(p->failures, num));
	table_cell(t, "%s",
	    p->connect_us != 0 ? units_us(p->connect_us, num) : "-");
	table_cell(t, "%s",
	    p->connected_us != 0 ?
		units_span((o->now_us - p->connected_us) / 1000000, num) :
		"-");
	table_cell(t, "%s", safe(p->error, buf));
	table_row(t, text_colour(o, p->up ? NULL : RED));
}

static void
object(struct output *o, const struct pool_rec *p, bool first)
{
	fputs(first ? "\n" : ",\n", o->fp);
	json_reset(&o->json);
	object_pool(&o->json, p);
	output_object(o);
}

static int
print(struct ctl *c, struct mcur *cur, uint32_t n)
{
	bool json = c->out.w == writer_json();
	struct pool_rec p;
	struct table t;
	uint32_t i;

	table_init(&t, columns);
	if (json)
		fputs("[", c->out.fp);
	for (i = 0; i < n; i++) {
		pool_rec_get(cur, &p);
		if (cur->bad)
			break;
		if (json)
			object(&c->out, &p, i == 0);
		else
			row(&c->out, &t, &p);
	}
	if (json)
		fputs(n == 0 ? "]\n" : "\n]\n", c->out.fp);
	else
		table_print(&t, c->out.fp, c->out.width);
	table_clear(&t);
	return msg_end(cur) == -1 ? ctl_no("malformed answer") : EXIT_OK;
}

int
show_pools(struct ctl *c)
{
	struct client_msg a;
	uint32_t id, n;

	if ((id = client_ask(&c->client, MSG_REQ_POOLS, NULL)) == 0 ||
	    client_wait(&c->client, id, &a) == -1)
		return ctl_away(c);
	if (a.type == MSG_REPLY) {
		client_reply(&c->client, &a);
		return ctl_no(c->client.error);
	}
	if (a.type != MSG_POOLS)
		return ctl_no("unexpected answer");
	n = msg_get_u32(&a.cur);
	if (n > POOLS_MAX)
		return ctl_no("malformed answer");
	return print(c, &a.cur, n);
}
