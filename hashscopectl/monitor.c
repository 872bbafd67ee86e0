/*
 * monitor: messages as they come.  Each batch of the feed says what came
 * before it; when that is not what was printed last, the store is asked
 * for what lies between, and only what it no longer has is missed.
 */
#include <sys/queue.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hashscopectl/ctl.h"

#define HEAL_PAGE  500
#define HEAL_TRIES 30 /* the store commits at least every second */
#define HEAL_MS    100
#define HELD_MAX   (8u << 20) /* bytes of batches kept meanwhile */

struct held {
	STAILQ_ENTRY(held) entry;
	unsigned type;
	struct mbuf body;
};

struct mon {
	struct ctl *ctl;
	uint32_t id;
	bool begun;
	uint8_t store_id[16];
	uint64_t cursor; /* everything up to here was printed or passed by */
	uint64_t committed;
	uint64_t left; /* to be printed until the end */
	STAILQ_HEAD(, held) held;
	size_t held_bytes;
	struct held *brief; /* the newest held, when it is but a head */
	bool jump; /* positions may be left out: captured began again */
};

/* --- filters --- */

static bool
contains(const uint8_t *hay, size_t len, const char *needle)
{
	size_t n = strlen(needle), i, j;

	for (i = 0; i + n <= len; i++) {
		for (j = 0; j < n &&
		     tolower(hay[i + j]) == tolower((unsigned char)needle[j]);)
			j++;
		if (j == n)
			return true;
	}
	return false;
}

static bool
matches(const struct command *c, const struct message_rec *m)
{
	const struct query *q = &c->query;
	char id[SESSION_TEXT];
	uint32_t errors = 0;

	if (c->alerts)
		return false;
	uuid_text(m->session, id);
	if (strncmp(id, c->session, strlen(c->session)) != 0)
		return false;
	if ((q->flags & QF_DIR) && q->dir != m->dir)
		return false;
	if (q->method[0] != '\0' && strcmp(q->method, m->method) != 0)
		return false;
	if (q->flags & QF_ERRORS_PARSE)
		errors |= MF_PARSE_ERROR;
	if (q->flags & QF_ERRORS_POOL)
		errors |= MF_ERROR;
	if (errors != 0 && (m->flags & errors) == 0)
		return false;
	return q->text[0] == '\0' || contains(m->raw, m->raw_len, q->text);
}

/* --- printing --- */

static void
take(struct mon *mon, const struct message_rec *m)
{
	if (m->pos <= mon->cursor)
		return;
	mon->cursor = m->pos;
	if (mon->left == 0 || !matches(&mon->ctl->cmd, m))
		return;
	mon->ctl->out.w->message(&mon->ctl->out, m);
	if (mon->left != UINT64_MAX)
		mon->left--;
}

static void
flush(struct mon *mon)
{
	mon->ctl->out.w->flush(&mon->ctl->out);
}

static void
say(struct mon *mon, const char *text)
{
	flush(mon);
	ctl_no(text);
}

/* --- the feed --- */

static struct held *
held_new(struct mon *mon, unsigned type)
{
	struct held *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->type = type;
	mbuf_init(&h->body);
	STAILQ_INSERT_TAIL(&mon->held, h, entry);
	mon->brief = NULL;
	return h;
}

/* Of batches that do not fit: where they end, so that they are asked for. */
static int
hold_head(struct mon *mon, const struct client_msg *a)
{
	struct mcur cur = a->cur;
	struct feed_head head;

	feed_head_get(&cur, &head);
	if (cur.bad)
		return 0;
	head.prev = head.first = head.last;
	head.count = 0;
	if (mon->brief == NULL &&
	    (mon->brief = held_new(mon, MSG_FEED_BATCH)) == NULL)
		return -1;
	mon->held_bytes -= mon->brief->body.len;
	mbuf_reset(&mon->brief->body);
	feed_head_put(&mon->brief->body, &head);
	mon->held_bytes += mon->brief->body.len;
	return 0;
}

static int
hold(struct mon *mon, const struct client_msg *a)
{
	struct held *h;

	if (a->type == MSG_FEED_BATCH &&
	    mon->held_bytes + a->cur.left > HELD_MAX)
		return hold_head(mon, a);
	if ((h = held_new(mon, a->type)) == NULL)
		return -1;
	msg_put_raw(&h->body, a->cur.p, a->cur.left);
	mon->held_bytes += h->body.len;
	return 0;
}

static void
free_held(struct mon *mon, struct held *h)
{
	mon->held_bytes -= h->body.len;
	mbuf_free(&h->body);
	free(h);
}

/* How far the store has come, as the batches say that wait here. */
static void
note_committed(struct mon *mon, const struct client_msg *a)
{
	struct mcur cur = a->cur;
	struct feed_head h;

	feed_head_get(&cur, &h);
	if (!cur.bad && h.committed > mon->committed)
		mon->committed = h.committed;
}

static void
missed(struct mon *mon, uint64_t upto)
{
	char text[128];

	snprintf(text, sizeof(text),
	    "missed: messages after %" PRIu64 " up to %" PRIu64
	    " are no longer stored",
	    mon->cursor, upto);
	say(mon, text);
}

/* A row between; positions follow each other but where captured began. */
static void
heal_row(struct mon *mon, struct client_msg *a)
{
	struct message_rec m;

	message_get(&a->cur, &m);
	if (msg_end(&a->cur) == -1)
		return;
	if (m.pos > mon->cursor + 1 && !mon->jump)
		missed(mon, m.pos - 1);
	mon->jump = false;
	take(mon, &m);
}

/*
 * One question about what lies behind the cursor, up to prev.  0 with *rows,
 * and whether there are no more; else an exit code.
 */
static int
heal_page(struct mon *mon, uint64_t prev, uint64_t *rows, bool *all)
{
	struct query q = { .kind = Q_MESSAGES,
		.flags = QF_ASCENDING,
		.after = mon->cursor,
		.before = prev + 1,
		.limit = HEAL_PAGE };
	struct ctl *c = mon->ctl;
	struct query_end end;
	struct client_msg a;
	uint32_t id;

	*rows = 0;
	*all = false;
	if ((id = client_query(&c->client, &q)) == 0)
		return ctl_away(c);
	for (;;) {
		if (client_next(&c->client, &a, -1) != 0)
			return ctl_away(c);
		if (a.type == MSG_FEED_BATCH)
			note_committed(mon, &a);
		if (a.type == MSG_FEED_BATCH || a.type == MSG_FEED_RESET ||
		    a.type == MSG_FEED_ALERT) {
			if (hold(mon, &a) == -1)
				return ctl_no("out of memory");
			continue;
		}
		if (a.id != id)
			continue;
		if (a.type != MSG_ROW_MESSAGE)
			break;
		heal_row(mon, &a);
		++*rows;
	}
	query_end_get(&a.cur, &end);
	*all = msg_end(&a.cur) == 0 && end.status == 0 && end.complete;
	flush(mon);
	return 0;
}

static void
sleep_ms(long ms)
{
	struct timespec ts = { 0, ms * 1000000 };

	nanosleep(&ts, NULL);
}

/*
 * Prints what lies between the cursor and a batch.  What the store has not
 * committed yet is waited for; what it no longer has is missed.
 */
static int
heal(struct mon *mon, const struct feed_head *h)
{
	uint64_t rows;
	bool all;
	int tries, code;

	for (tries = 0; mon->cursor < h->prev && mon->left > 0;) {
		if ((code = heal_page(mon, h->prev, &rows, &all)) != 0)
			return code;
		if (rows > 0)
			continue;
		if ((all && mon->committed >= h->prev) || ++tries > HEAL_TRIES)
			break;
		sleep_ms(HEAL_MS);
	}
	if (mon->cursor < h->prev && mon->left > 0 && !mon->jump)
		missed(mon, h->prev);
	mon->cursor = h->prev;
	return 0;
}

static int
on_batch(struct mon *mon, struct mcur *cur)
{
	struct feed_head h;
	struct message_rec m;
	uint32_t i;
	int code = 0;

	feed_head_get(cur, &h);
	if (cur->bad)
		return ctl_no("malformed batch");
	if (mon->begun && memcmp(mon->store_id, h.store_id, 16) != 0) {
		say(mon, "a new store: what came before is gone");
		mon->begun = false;
	}
	if (!mon->begun) {
		memcpy(mon->store_id, h.store_id, sizeof(mon->store_id));
		mon->cursor = h.prev;
		mon->committed = 0;
		mon->begun = true;
	}
	if (h.committed > mon->committed)
		mon->committed = h.committed;
	if (mon->ctl->cmd.alerts) {
		mon->cursor = h.last;
		return 0;
	}
	if (mon->cursor < h.prev)
		code = heal(mon, &h);
	for (i = 0; i < h.count && code == 0; i++) {
		message_get(cur, &m);
		if (cur->bad)
			return ctl_no("malformed batch");
		take(mon, &m);
	}
	if (code == 0 && h.last > mon->cursor)
		mon->cursor = h.last;
	return code;
}

/* captured began again: what it had not committed comes once more. */
static int
on_reset(struct mon *mon, struct mcur *cur)
{
	uint64_t to = msg_get_u64(cur);
	char text[96];

	if (msg_end(cur) == -1)
		return ctl_no("malformed reset");
	mon->jump = true;
	if (!mon->begun || to >= mon->cursor)
		return 0;
	snprintf(text, sizeof(text),
	    "capture began again: forget messages above %" PRIu64, to);
	say(mon, text);
	mon->cursor = to;
	return 0;
}

/*
 * Whoever asks for certain messages gets those; and the lines of a program
 * are of one kind, so it has to ask for alerts.
 */
static bool
wants_alert(const struct ctl *ctl, const struct alert_rec *a)
{
	const struct command *c = &ctl->cmd;
	const struct query *q = &c->query;
	char id[SESSION_TEXT];

	if (!c->alerts && ctl->out.w == writer_json())
		return false;
	if (q->flags != 0 || q->method[0] != '\0' || q->text[0] != '\0')
		return false;
	uuid_text(a->session, id);
	return c->session[0] == '\0' ||
	    (a->has_session &&
		strncmp(id, c->session, strlen(c->session)) == 0);
}

static int
on_alert(struct mon *mon, struct mcur *cur)
{
	struct alert_rec a;

	alert_get(cur, &a);
	if (msg_end(cur) == -1)
		return ctl_no("malformed alert");
	if (mon->left == 0 || !wants_alert(mon->ctl, &a))
		return 0;
	flush(mon);
	mon->ctl->out.w->alert(&mon->ctl->out, &a);
	if (mon->ctl->cmd.alerts && mon->left != UINT64_MAX)
		mon->left--;
	return 0;
}

static int
on_feed(struct mon *mon, unsigned type, struct mcur *cur)
{
	int code = 0;

	if (type == MSG_FEED_BATCH)
		code = on_batch(mon, cur);
	else if (type == MSG_FEED_RESET)
		code = on_reset(mon, cur);
	else if (type == MSG_FEED_ALERT)
		code = on_alert(mon, cur);
	flush(mon);
	return code;
}

static int
next(struct mon *mon)
{
	struct ctl *c = mon->ctl;
	struct client_msg a;
	struct held *h;
	struct mbuf body;
	int code;

	if ((h = STAILQ_FIRST(&mon->held)) != NULL) {
		STAILQ_REMOVE_HEAD(&mon->held, entry);
		if (mon->brief == h)
			mon->brief = NULL;
		mcur_init(&a.cur, h->body.data, h->body.len);
		code = on_feed(mon, h->type, &a.cur);
		free_held(mon, h);
		return code;
	}
	if (client_next(&c->client, &a, -1) != 0)
		return ctl_away(c);
	if (a.type == MSG_REPLY && a.id == 0) {
		client_reply(&c->client, &a);
		return ctl_away(c);
	}
	/* Healing reads other messages into the client's buffer. */
	body = c->client.body;
	mbuf_init(&c->client.body);
	code = on_feed(mon, a.type, &a.cur);
	mbuf_free(&body);
	return code;
}

static int
subscribe(struct mon *mon)
{
	struct ctl *c = mon->ctl;
	struct client_msg a;

	mon->id = client_ask(&c->client, MSG_REQ_MONITOR, NULL);
	if (mon->id == 0 || client_wait(&c->client, mon->id, &a) == -1)
		return ctl_away(c);
	if (a.type != MSG_REPLY)
		return ctl_no("unexpected answer");
	return client_reply(&c->client, &a) ? 0 : ctl_no(c->client.error);
}

int
monitor(struct ctl *c)
{
	struct mon mon = { .ctl = c };
	struct held *h;
	int code;

	STAILQ_INIT(&mon.held);
	mon.left = c->cmd.query.limit != 0 ? c->cmd.query.limit : UINT64_MAX;
	if ((code = subscribe(&mon)) != 0)
		return code;
	c->out.w->begin(&c->out, LIST_MONITOR);
	while (code == 0 && mon.left > 0)
		code = next(&mon);
	c->out.w->end(&c->out);
	while ((h = STAILQ_FIRST(&mon.held)) != NULL) {
		STAILQ_REMOVE_HEAD(&mon.held, entry);
		free_held(&mon, h);
	}
	return code;
}
