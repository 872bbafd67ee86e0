/*
 * show relays, show agents, key show: what nostrd knows.
 */
#include <stdio.h>

#include "common/record_agent.h"
#include "hashscopectl/ctl.h"

static bool
row(struct ctl *c, struct client_msg *a)
{
	struct nostr_relay_rec relay;
	struct agent_rec agent;

	if (a->type == MSG_ROW_NOSTR_RELAY) {
		nostr_relay_get(&a->cur, &relay);
		if (msg_end(&a->cur) == 0)
			c->out.w->relay(&c->out, &relay);
	} else if (a->type == MSG_ROW_AGENT) {
		agent_get(&a->cur, &agent);
		if (msg_end(&a->cur) == 0)
			c->out.w->agent(&c->out, &agent);
	} else {
		return false;
	}
	return true;
}

static int
list(struct ctl *c, enum msg_type type, const struct mbuf *body,
    enum listing listing)
{
	struct client_msg a;
	uint32_t id = client_ask(&c->client, type, body);
	bool ok;

	if (id == 0)
		return ctl_away(c);
	c->out.w->begin(&c->out, listing);
	do {
		if (client_wait(&c->client, id, &a) == -1)
			return ctl_away(c);
	} while (row(c, &a));
	c->out.w->end(&c->out);
	ok = a.type == MSG_REPLY && client_reply(&c->client, &a);
	return ok ? EXIT_OK : ctl_no(c->client.error);
}

int
show_relays(struct ctl *c)
{
	return list(c, MSG_REQ_RELAYS, NULL, LIST_RELAYS);
}

int
show_agents(struct ctl *c)
{
	struct mbuf body;
	int r;

	mbuf_init(&body);
	msg_put_str(&body, "");
	msg_put_u32(&body, 0);
	msg_put_u8(&body, false);
	r = list(c, MSG_REQ_AGENTS, &body, LIST_AGENTS);
	mbuf_free(&body);
	return r;
}

/* The public part; there is no way to see the other. */
int
key_show(struct ctl *c)
{
	uint32_t id = client_ask(&c->client, MSG_REQ_NOSTR_KEY, NULL);
	struct client_msg a;

	if (id == 0 || client_wait(&c->client, id, &a) == -1)
		return ctl_away(c);
	if (a.type != MSG_REPLY || !client_reply(&c->client, &a))
		return ctl_no(c->client.error);
	c->out.w->done(&c->out, c->client.error);
	return EXIT_OK;
}
