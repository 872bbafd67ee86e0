/*
 * The demo's Nostr relay: events that are signed rightly are passed on to who
 * has asked for them; those that are to be kept are, the newest of them.
 *
 *	relay [--host ADDR] [--port PORT]
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/hex.h"
#include "common/json.h"
#include "common/nostr_event.h"
#include "common/nostr_key.h"
#include "tests/sim/relay.h"
#include "tests/sim/sim_util.h"

#define KEPT        1024
#define SUBS        16 /* of a client */
#define SUB_ID      65 /* with NUL */
#define FILTER_MAX  4096
#define FILTERS_MAX 4 /* of a subscription */

struct kept {
	char *text; /* NULL: free */
	size_t len;
	uint32_t kind;
	uint8_t pubkey[32];
	char d[200];
};

struct sub {
	char id[SUB_ID]; /* "": free */
	char filter[FILTERS_MAX][FILTER_MAX];
	unsigned n;
};

struct client {
	struct relay_ws *ws; /* NULL: free */
	struct sub sub[SUBS];
};

static struct relay {
	struct client client[RELAY_CLIENTS];
	struct kept kept[KEPT];
	unsigned next;
	struct nostr_verifier *verifier;
	struct jtree frame, filter, old;
	struct nostr_event event, past;
	char room[NOSTR_EVENT_MAX], past_room[NOSTR_EVENT_MAX];
} relay;

static void say(struct client *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct client *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)relay_send(c->ws, text, strlen(text));
}

/* --- filters --- */

static bool
in_hex(const struct jtree *t, uint32_t list, const uint8_t bytes[32])
{
	char hex[65];

	hex_text(bytes, 32, hex);
	for (uint32_t i = 0; i < jtree_count(t, list); i++)
		if (jtree_equals(t, jtree_item(t, list, i), hex))
			return true;
	return false;
}

static bool
in_kinds(const struct jtree *t, uint32_t list, uint32_t kind)
{
	int64_t n;

	for (uint32_t i = 0; i < jtree_count(t, list); i++)
		if (jtree_int(t, jtree_item(t, list, i), &n) == 0 && n == kind)
			return true;
	return false;
}

/* Only names of one letter are looked at, as relays do. */
static bool
in_tags(const struct jtree *t, uint32_t list, char letter,
    const struct nostr_event *e)
{
	char name[2] = { letter, '\0' }, want[400];

	for (uint32_t i = 0; i < jtree_count(t, list); i++)
		if (jtree_str(t, jtree_item(t, list, i), want, sizeof(want)) !=
			-1 &&
		    nostr_tag_has(e, name, want))
			return true;
	return false;
}

static bool
member_matches(const struct jtree *t, const char *key, uint32_t v,
    const struct nostr_event *e)
{
	int64_t n;

	if (strcmp(key, "ids") == 0)
		return in_hex(t, v, e->id);
	if (strcmp(key, "authors") == 0)
		return in_hex(t, v, e->pubkey);
	if (strcmp(key, "kinds") == 0)
		return in_kinds(t, v, e->kind);
	if (strcmp(key, "since") == 0)
		return jtree_int(t, v, &n) == 0 && e->created_at >= n;
	if (strcmp(key, "until") == 0)
		return jtree_int(t, v, &n) == 0 && e->created_at <= n;
	if (key[0] == '#' && key[1] != '\0' && key[2] == '\0')
		return in_tags(t, v, key[1], e);
	return true;
}

static bool
filter_matches(const char *text, const struct nostr_event *e)
{
	struct jtree *t = &relay.filter;
	uint32_t name = JTREE_NONE, v;
	char key[16];

	if (jtree_parse(t, text, strlen(text)) == -1)
		return false;
	while ((v = jtree_next(t, jtree_root(t), &name)) != JTREE_NONE)
		if (jtree_str(t, name, key, sizeof(key)) != -1 &&
		    !member_matches(t, key, v, e))
			return false;
	return true;
}

static bool
sub_matches(const struct sub *s, const struct nostr_event *e)
{
	for (unsigned i = 0; i < s->n; i++)
		if (filter_matches(s->filter[i], e))
			return true;
	return false;
}

/* --- events --- */

static void
deliver(struct client *c, const struct sub *s, const char *text, size_t len)
{
	size_t size = len + SUB_ID + 32, n;
	char *out = malloc(size);

	if (out == NULL)
		return;
	n = (size_t)snprintf(out, size, "[\"EVENT\",\"%s\",%.*s]", s->id,
	    (int)len, text);
	(void)relay_send(c->ws, out, n);
	free(out);
}

static void
pass_on(const struct nostr_event *e, const char *text, size_t len)
{
	for (struct client *c = relay.client; c < relay.client + RELAY_CLIENTS;
	     c++)
		for (unsigned i = 0; c->ws != NULL && i < SUBS; i++)
			if (c->sub[i].id[0] != '\0' &&
			    sub_matches(&c->sub[i], e))
				deliver(c, &c->sub[i], text, len);
}

/* Of addressable ones the newest of each address; of all the last so many. */
static void
keep(const struct nostr_event *e, const char *text, size_t len)
{
	const struct nostr_str *d = nostr_tag_find(e, "d", 0);
	struct kept *k = &relay.kept[relay.next], *old;
	char address[sizeof(k->d)];

	if (NOSTR_EPHEMERAL(e->kind))
		return;
	snprintf(address, sizeof(address), "%.*s", d == NULL ? 0 : (int)d->len,
	    d == NULL ? "" : d->s);
	for (old = relay.kept; old < relay.kept + KEPT; old++)
		if (NOSTR_ADDRESSABLE(e->kind) && old->text != NULL &&
		    old->kind == e->kind && strcmp(old->d, address) == 0 &&
		    memcmp(old->pubkey, e->pubkey, 32) == 0)
			k = old;
	if (k == &relay.kept[relay.next])
		relay.next = (relay.next + 1) % KEPT;
	free(k->text);
	k->text = malloc(len);
	if (k->text == NULL)
		return;
	memcpy(k->text, text, len);
	memcpy(k->pubkey, e->pubkey, 32);
	memcpy(k->d, address, sizeof(address));
	k->len = len;
	k->kind = e->kind;
}

static void
on_event(struct client *c, uint32_t node)
{
	struct nostr_event *e = &relay.event;
	const char *text;
	uint8_t id[32];
	char hex[65];
	size_t len;

	if (nostr_event_parse(e, &relay.frame, node, relay.room,
		sizeof(relay.room)) == -1) {
		say(c, "[\"NOTICE\",\"invalid: that is no event\"]");
		return;
	}
	hex_text(e->id, 32, hex);
	nostr_event_id(e, id);
	if (memcmp(id, e->id, 32) != 0 ||
	    !nostr_verify(relay.verifier, e->pubkey, id, 32, e->sig)) {
		say(c, "[\"OK\",\"%s\",false,\"invalid: forged\"]", hex);
		return;
	}
	text = jtree_raw(&relay.frame, node, &len);
	keep(e, text, len);
	say(c, "[\"OK\",\"%s\",true,\"\"]", hex);
	pass_on(e, text, len);
}

/* --- subscriptions --- */

static void
send_past(struct client *c, const struct sub *s)
{
	int64_t now = time(NULL), until;

	for (unsigned i = 0; i < KEPT; i++) {
		const struct kept *k = &relay.kept[(relay.next + i) % KEPT];
		struct nostr_event *e = &relay.past;

		if (k->text == NULL ||
		    jtree_parse(&relay.old, k->text, k->len) == -1 ||
		    nostr_event_parse(e, &relay.old, jtree_root(&relay.old),
			relay.past_room, sizeof(relay.past_room)) == -1)
			continue;
		until = nostr_event_expiration(e);
		if ((until == 0 || until > now) && sub_matches(s, e))
			deliver(c, s, k->text, k->len);
	}
}

static struct sub *
sub_of(struct client *c, const char *id)
{
	struct sub *free_one = NULL;

	for (struct sub *s = c->sub; s < c->sub + SUBS; s++) {
		if (strcmp(s->id, id) == 0)
			return s;
		if (s->id[0] == '\0')
			free_one = s;
	}
	return free_one;
}

static bool
plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
	return true;
}

static void
on_req(struct client *c)
{
	const struct jtree *t = &relay.frame;
	uint32_t root = jtree_root(t), n = jtree_count(t, root);
	const char *text;
	struct sub *s;
	char id[SUB_ID];
	size_t len;

	if (jtree_str(t, jtree_item(t, root, 1), id, sizeof(id)) < 1 ||
	    !plain(id) || (s = sub_of(c, id)) == NULL || n < 3 ||
	    n > 2 + FILTERS_MAX) {
		say(c, "[\"NOTICE\",\"invalid: no such subscription\"]");
		return;
	}
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 2; i < n; i++) {
		text = jtree_raw(t, jtree_item(t, root, i), &len);
		if (len >= FILTER_MAX) {
			say(c, "[\"CLOSED\",\"%s\",\"invalid: too long\"]", id);
			return;
		}
		memcpy(s->filter[s->n++], text, len);
	}
	memcpy(s->id, id, sizeof(id));
	send_past(c, s);
	say(c, "[\"EOSE\",\"%s\"]", id);
}

static void
on_close(struct client *c)
{
	const struct jtree *t = &relay.frame;
	char id[SUB_ID];
	struct sub *s;

	if (jtree_str(t, jtree_item(t, jtree_root(t), 1), id, sizeof(id)) > 0 &&
	    (s = sub_of(c, id)) != NULL)
		s->id[0] = '\0';
}

/* --- clients --- */

static void *
on_opened(struct relay_ws *ws)
{
	for (struct client *c = relay.client; c < relay.client + RELAY_CLIENTS;
	     c++) {
		if (c->ws != NULL)
			continue;
		memset(c, 0, sizeof(*c));
		c->ws = ws;
		return c;
	}
	return NULL;
}

static void
on_closed(void *arg)
{
	struct client *c = arg;

	c->ws = NULL;
}

static void
on_text(void *arg, const char *text, size_t len)
{
	struct client *c = arg;
	const struct jtree *t = &relay.frame;
	uint32_t what;

	if (json_valid(text, len, JTREE_DEPTH, NULL) == -1 ||
	    jtree_parse(&relay.frame, text, len) == -1 ||
	    !jtree_is(t, jtree_root(t), J_ARRAY)) {
		say(c, "[\"NOTICE\",\"invalid: that is no frame\"]");
		return;
	}
	what = jtree_item(t, jtree_root(t), 0);
	if (jtree_equals(t, what, "EVENT"))
		on_event(c, jtree_item(t, jtree_root(t), 1));
	else if (jtree_equals(t, what, "REQ"))
		on_req(c);
	else if (jtree_equals(t, what, "CLOSE"))
		on_close(c);
	else
		say(c, "[\"NOTICE\",\"unsupported\"]");
}

static const struct relay_ws_ops ops = { on_opened, on_text, on_closed };

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(arg);
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "host", required_argument, NULL, 'h' },
		{ "port", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *host = "127.0.0.1", *port = "0";
	struct event_base *base = event_base_new();
	struct event *ev;
	int ch;

	while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (ch == 'h')
			host = optarg;
		else if (ch == 'p')
			port = optarg;
		else
			sim_usage("relay", options);
	}
	signal(SIGPIPE, SIG_IGN);
	relay.verifier = nostr_verifier_new();
	ev = evsignal_new(base, SIGTERM, on_signal, base);
	if (base == NULL || relay.verifier == NULL || ev == NULL)
		sim_die("out of memory");
	event_add(ev, NULL);
	relay_listen(base, host, port, &ops);
	event_base_dispatch(base);
	return 0;
}
