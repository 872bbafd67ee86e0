/*
 * Alerts, told to the operator as private messages (common/nostr_wrap.h).
 *
 * What captured's store has and was not told yet becomes lines of a message:
 * each alert when it begins and when it ends.  A few at once go out as they
 * come; beyond that one message in so long says all that came meanwhile, so
 * that a bad night is not a hundred messages.  What was told and what some
 * relay has not taken yet is on disk: kill -9 tells nothing twice but what
 * was being written.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/nostr_wrap.h"
#include "common/sha256.h"
#include "common/utf8.h"
#include "nostrd/nostrd.h"

#define KNOWN     512 /* alerts that are remembered */
#define NOTES     32  /* messages that some relay has not taken */
#define NOTE_MAX  32768u
#define LINES_MAX 4096u /* bytes of one message's text */
#define BURST     5
#define MAGIC     0x414c5431u
#define NAME      "alerts"
#define NAME_NEW  "alerts.new"

enum step {
	STEP_NONE,
	STEP_WAITING, /* in the lines of the next message */
	STEP_SIGNING, /* in the one that is being made */
	STEP_TOLD
};

struct known {
	uint64_t id;
	uint8_t begun, ended; /* enum step */
};

/* A message, until every relay has answered for it. */
struct note {
	uint64_t serial; /* 0: free */
	uint8_t id[32];
	char *text;
	size_t len;
	uint64_t done[RELAYS_MAX]; /* relays, by name_of() */
	unsigned ndone;
	bool taken; /* by one of them */
};

struct alerts {
	struct nostrd *nostrd;
	uint8_t store[16];
	bool placed;    /* store is said */
	bool first;     /* nothing of this store was read */
	uint64_t floor; /* those up to here are forgotten */
	struct known known[KNOWN];
	unsigned nknown;
	struct note note[NOTES];
	unsigned nnotes;
	uint64_t serial;
	/* the next message */
	struct mbuf lines;
	unsigned nlines, more;
	struct draft seal;
	bool signing;
	/* how many may go out now */
	double tokens;
	uint64_t tokens_at;
	struct mbuf buf;
};

/* --- on disk --- */

static void
put_notes(const struct alerts *a, struct mbuf *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NOTES; i++)
		n += a->note[i].serial != 0;
	msg_put_u32(m, n);
	for (unsigned i = 0; i < NOTES; i++) {
		const struct note *t = &a->note[i];

		if (t->serial == 0)
			continue;
		msg_put_u64(m, t->serial);
		msg_put_raw(m, t->id, 32);
		msg_put_u8(m, t->taken);
		msg_put_u8(m, (uint8_t)t->ndone);
		for (unsigned k = 0; k < t->ndone; k++)
			msg_put_u64(m, t->done[k]);
		msg_put_bytes(m, t->text, t->len);
	}
}

static void
put_known(const struct alerts *a, struct mbuf *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->nknown; i++)
		n += a->known[i].begun == STEP_TOLD;
	msg_put_raw(m, a->store, 16);
	msg_put_u64(m, a->floor);
	msg_put_u32(m, n);
	for (unsigned i = 0; i < a->nknown; i++) {
		if (a->known[i].begun != STEP_TOLD)
			continue;
		msg_put_u64(m, a->known[i].id);
		msg_put_u8(m, a->known[i].ended == STEP_TOLD);
	}
}

static void
save(struct alerts *a)
{
	struct mbuf *m = &a->buf;
	uint8_t sum[32];
	int dir = a->nostrd->dir, fd;

	mbuf_reset(m);
	msg_put_u32(m, MAGIC);
	put_known(a, m);
	put_notes(a, m);
	if (!m->bad) {
		sha256(m->data, m->len, sum);
		msg_put_raw(m, sum, 8);
	}
	fd = openat(dir, NAME_NEW,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 || m->bad ||
	    write(fd, m->data, m->len) != (ssize_t)m->len ||
	    renameat(dir, NAME_NEW, dir, NAME) == -1)
		log_warn("what was told of alerts could not be kept");
	if (fd != -1)
		close(fd);
}

static int
get_note(struct alerts *a, struct mcur *c, struct note *t)
{
	const uint8_t *text;

	t->serial = msg_get_u64(c);
	msg_get_raw(c, t->id, 32);
	t->taken = msg_get_bool(c);
	t->ndone = msg_get_u8(c);
	a->nnotes += t->serial != 0;
	if (c->bad || t->ndone > RELAYS_MAX || t->serial == 0)
		return -1;
	for (unsigned k = 0; k < t->ndone; k++)
		t->done[k] = msg_get_u64(c);
	text = msg_get_bytes(c, &t->len, NOTE_MAX);
	if (c->bad || t->len == 0 || (t->text = malloc(t->len)) == NULL)
		return -1;
	memcpy(t->text, text, t->len);
	return 0;
}

static int
parse(struct alerts *a, const uint8_t *p, size_t len)
{
	uint8_t sum[32];
	struct mcur c;
	uint32_t n;

	if (len < 8)
		return -1;
	sha256(p, len - 8, sum);
	if (memcmp(p + len - 8, sum, 8) != 0)
		return -1;
	mcur_init(&c, p, len - 8);
	if (msg_get_u32(&c) != MAGIC)
		return -1;
	msg_get_raw(&c, a->store, 16);
	a->floor = msg_get_u64(&c);
	if ((n = msg_get_u32(&c)) > KNOWN)
		return -1;
	for (a->nknown = 0; a->nknown < n; a->nknown++) {
		struct known *k = &a->known[a->nknown];

		k->id = msg_get_u64(&c);
		k->begun = STEP_TOLD;
		k->ended = msg_get_bool(&c) ? STEP_TOLD : STEP_NONE;
	}
	if ((n = msg_get_u32(&c)) > NOTES)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (get_note(a, &c, &a->note[i]) == -1)
			return -1;
		if (a->note[i].serial > a->serial)
			a->serial = a->note[i].serial;
	}
	return msg_end(&c);
}

static void
forget_note(struct alerts *a, struct note *t)
{
	a->nnotes -= t->serial != 0;
	free(t->text);
	memset(t, 0, sizeof(*t));
}

static void
forget_all(struct alerts *a)
{
	for (unsigned i = 0; i < NOTES; i++)
		forget_note(a, &a->note[i]);
	a->nknown = 0;
	a->floor = 0;
	a->first = true;
}

void
alerts_open(struct alerts *a)
{
	const size_t most = NOTES * (NOTE_MAX + 256) + KNOWN * 16;
	int fd = openat(a->nostrd->dir, NAME,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *p = fd == -1 ? NULL : malloc(most);
	ssize_t n = p == NULL ? 0 : read(fd, p, most);

	a->first = false;
	if (n <= 0 || parse(a, p, (size_t)n) == -1)
		forget_all(a);
	free(p);
	if (fd != -1)
		close(fd);
}

/* --- what is to be told --- */

void
alerts_store(struct alerts *a, const uint8_t id[16])
{
	if (memcmp(a->store, id, 16) != 0) {
		/* Its numbers begin anew. */
		memcpy(a->store, id, 16);
		a->nknown = 0;
		a->floor = 0;
		a->first = true;
	}
	a->placed = true;
}

static struct known *
find(struct alerts *a, uint64_t id)
{
	for (unsigned i = 0; i < a->nknown; i++)
		if (a->known[i].id == id)
			return &a->known[i];
	return NULL;
}

/* Another is forgotten when there are too many: the oldest that is over. */
static struct known *
add(struct alerts *a, uint64_t id)
{
	struct known *k = NULL;

	if (a->nknown < KNOWN) {
		k = &a->known[a->nknown++];
	} else {
		for (unsigned i = 0; i < KNOWN; i++)
			if (a->known[i].ended == STEP_TOLD &&
			    (k == NULL || a->known[i].id < k->id))
				k = &a->known[i];
		if (k == NULL || k->id > id)
			return NULL;
		if (k->id > a->floor)
			a->floor = k->id;
	}
	memset(k, 0, sizeof(*k));
	k->id = id;
	return k;
}

static void
line(struct alerts *a, const struct alert_rec *r, bool over)
{
	char text[ALERT_TEXT + ALERT_POOL + 512], worker[160], pool[ALERT_POOL];
	int n;

	utf8_copy(worker, sizeof(worker), r->worker, strlen(r->worker));
	utf8_copy(pool, sizeof(pool), r->pool, strlen(r->pool));
	n = snprintf(text, sizeof(text), "\n%s: %s%s%s%s%s: %s",
	    over ? "over" : alert_severity_name(r->severity),
	    alert_kind_name(r->kind), pool[0] != '\0' ? ", pool " : "", pool,
	    worker[0] != '\0' ? ", worker " : "", worker, r->text);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    a->lines.len + (size_t)n > LINES_MAX) {
		a->more++;
		return;
	}
	msg_put_raw(&a->lines, text, (size_t)n);
	a->nlines++;
}

void
alerts_row(struct alerts *a, const struct alert_rec *r)
{
	struct known *k = find(a, r->id);

	if (k == NULL) {
		if (r->id <= a->floor || (k = add(a, r->id)) == NULL)
			return;
		if (a->first && r->ended_us != 0) {
			/* Of before there was anybody to tell. */
			k->begun = k->ended = STEP_TOLD;
			return;
		}
		k->begun = STEP_WAITING;
		line(a, r, false);
	}
	if (r->ended_us != 0 && k->ended == STEP_NONE) {
		k->ended = STEP_WAITING;
		line(a, r, true);
	}
}

void
alerts_listed(struct alerts *a)
{
	if (a->first) {
		a->first = false;
		save(a);
	}
	alerts_tick(a, nostrd_now());
}

/* --- making a message --- */

static void
step_all(struct alerts *a, uint8_t from, uint8_t to)
{
	for (unsigned i = 0; i < a->nknown; i++) {
		struct known *k = &a->known[i];

		if (k->begun == from)
			k->begun = to;
		if (k->ended == from)
			k->ended = to;
	}
}

/* They were not told: when the store is read again they are new. */
static void
forget_signing(struct alerts *a)
{
	for (unsigned i = 0; i < a->nknown;) {
		struct known *k = &a->known[i];

		if (k->ended == STEP_SIGNING)
			k->ended = STEP_NONE;
		if (k->begun == STEP_SIGNING)
			*k = a->known[--a->nknown];
		else
			i++;
	}
}

/* A place for one more; the oldest goes when there is none. */
static struct note *
note_room(struct alerts *a)
{
	struct note *t = NULL;

	for (unsigned i = 0; i < NOTES; i++) {
		if (a->note[i].serial == 0)
			return &a->note[i];
		if (t == NULL || a->note[i].serial < t->serial)
			t = &a->note[i];
	}
	if (!t->taken)
		log_warnx("a message with alerts reached no relay, and there "
			  "is no room to keep it");
	forget_note(a, t);
	return t;
}

static int
keep_wrap(struct alerts *a, const struct draft *seal)
{
	const struct nostrd *n = a->nostrd;
	struct mbuf text, out;
	uint8_t id[32];
	struct note *t;
	int ok;

	mbuf_init(&text);
	mbuf_init(&out);
	nostr_event_put(&seal->event, &text);
	ok = text.bad ? -1 :
			nostr_wrap(n->conf.alerts_to, seal->event.created_at,
			    (char *)text.data, text.len, &out, id);
	if (ok == 0 && out.len <= NOTE_MAX) {
		t = note_room(a);
		memcpy(t->id, id, 32);
		t->serial = ++a->serial;
		a->nnotes++;
		t->text = (char *)out.data;
		t->len = out.len;
		mbuf_init(&out);
	}
	mbuf_free(&text);
	mbuf_free(&out);
	return ok;
}

static void
on_sealed(void *arg, struct draft *d, bool ok)
{
	struct alerts *a = arg;

	a->signing = false;
	if (!ok || keep_wrap(a, d) == -1) {
		forget_signing(a);
		return;
	}
	log_info("the operator is told of alerts");
	step_all(a, STEP_SIGNING, STEP_TOLD);
	a->tokens -= 1;
	save(a);
	nostrd_news(a->nostrd);
}

static int
make_seal(struct alerts *a)
{
	const struct nostrd *n = a->nostrd;
	const uint8_t *conversation = signer_link_alerts(n->signer);
	int64_t now = nostrd_real_us() / 1000000;
	char more[96] = "", head[128];
	struct mbuf text;
	int ok;

	if (conversation == NULL)
		return -1;
	snprintf(head, sizeof(head), "HashScope %s", n->conf.site);
	if (a->more > 0)
		snprintf(more, sizeof(more),
		    "\nand %u more: hashscopectl show alerts", a->more);
	mbuf_init(&text);
	msg_put_raw(&text, head, strlen(head));
	msg_put_raw(&text, a->lines.data, a->lines.len);
	msg_put_raw(&text, more, strlen(more));
	draft_begin(&a->seal, NOSTR_KIND_SEAL, now);
	ok = text.bad ||
		nostr_rumor(signer_link_key(n->signer), n->conf.alerts_to, now,
		    (char *)text.data, text.len, &a->seal.content) == -1 ||
		nostr_seal(conversation, &a->seal.content) == -1 ?
	    -1 :
	    sign_ask(n->signer, &a->seal, on_sealed, a);
	mbuf_free(&text);
	return ok;
}

/* --- giving it to relays --- */

static uint64_t
name_of(const struct relay *r)
{
	uint8_t sum[32];
	uint64_t name;

	sha256(relay_url(r), strlen(relay_url(r)), sum);
	memcpy(&name, sum, sizeof(name));
	return name;
}

static bool
is_done(const struct note *t, uint64_t name)
{
	for (unsigned i = 0; i < t->ndone; i++)
		if (t->done[i] == name)
			return true;
	return false;
}

/* The oldest that the relay is still to be given. */
static struct note *
next_note(const struct alerts *a, struct relay *r)
{
	const struct publisher *p = relay_publisher(r);
	const struct note *best = NULL;
	uint64_t name;

	if (a->nnotes == 0)
		return NULL;
	name = name_of(r);
	for (unsigned i = 0; i < NOTES; i++) {
		const struct note *t = &a->note[i];

		if (t->serial != 0 && !is_done(t, name) &&
		    !pub_has(p, ALERT_COOKIE | t->serial) &&
		    (best == NULL || t->serial < best->serial))
			best = t;
	}
	return best == NULL ? NULL : (struct note *)(uintptr_t)best;
}

void
alerts_turn(struct alerts *a, struct relay *r, uint64_t now)
{
	struct publisher *p = relay_publisher(r);
	struct note *t;

	while (pub_wants(p, now) && (t = next_note(a, r)) != NULL)
		if (pub_add(p, ALERT_COOKIE | t->serial, t->id, t->text, t->len,
			PUB_NEVER) == -1)
			return;
}

bool
alerts_wait(const struct alerts *a, struct relay *r)
{
	return relay_publisher(r)->state == PUB_OPEN && next_note(a, r) != NULL;
}

/* Every relay of the configuration has answered for it. */
static bool
all_done(const struct alerts *a, const struct note *t)
{
	const struct nostrd *n = a->nostrd;

	for (unsigned i = 0; i < n->nrelays; i++)
		if (!is_done(t, name_of(n->relays[i])))
			return false;
	return true;
}

static void
finish(struct alerts *a, struct note *t)
{
	if (!t->taken)
		log_warnx("a message with alerts reached no relay");
	forget_note(a, t);
}

/* Those that only waited for a relay which is not configured any more. */
static void
finish_done(struct alerts *a)
{
	for (unsigned i = 0; i < NOTES && a->nnotes > 0; i++)
		if (a->note[i].serial != 0 && a->note[i].ndone > 0 &&
		    all_done(a, &a->note[i]))
			finish(a, &a->note[i]);
}

void
alerts_done(struct alerts *a, struct relay *r, uint64_t cookie,
    enum pub_outcome what)
{
	struct note *t = NULL;
	char why[2 * NOSTR_TEXT_MAX];

	for (unsigned i = 0; i < NOTES; i++)
		if ((ALERT_COOKIE | a->note[i].serial) == cookie)
			t = &a->note[i];
	if (t == NULL || t->serial == 0)
		return;
	if (what == PUB_ACCEPTED) {
		t->taken = true;
	} else {
		text_escape(why, sizeof(why), relay_publisher(r)->reason,
		    strlen(relay_publisher(r)->reason));
		log_warnx("relay %s does not take a message with alerts: %s",
		    relay_url(r), why);
	}
	if (t->ndone < RELAYS_MAX)
		t->done[t->ndone++] = name_of(r);
	if (all_done(a, t))
		finish(a, t);
	save(a);
}

/* --- when --- */

static void
refill(struct alerts *a, uint64_t now)
{
	if (a->tokens_at != 0 && a->nostrd->conf.alerts_pause_ms > 0)
		a->tokens += (double)(now - a->tokens_at) /
		    a->nostrd->conf.alerts_pause_ms;
	if (a->tokens > BURST || a->tokens_at == 0)
		a->tokens = BURST;
	a->tokens_at = now;
}

void
alerts_tick(struct alerts *a, uint64_t now)
{
	finish_done(a);
	refill(a, now);
	if (a->signing || a->nlines + a->more == 0 || a->tokens < 1 ||
	    !a->nostrd->conf.alerts || a->nostrd->nrelays == 0)
		return;
	if (make_seal(a) == -1)
		return;
	/* What comes while this is signed belongs to the next. */
	a->signing = true;
	step_all(a, STEP_WAITING, STEP_SIGNING);
	mbuf_reset(&a->lines);
	a->nlines = a->more = 0;
}

/* --- its life --- */

struct alerts *
alerts_new(struct nostrd *n)
{
	struct alerts *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->nostrd = n;
	a->first = true;
	return a;
}

void
alerts_free(struct alerts *a)
{
	if (a == NULL)
		return;
	for (unsigned i = 0; i < NOTES; i++)
		forget_note(a, &a->note[i]);
	mbuf_free(&a->lines);
	mbuf_free(&a->seal.content);
	mbuf_free(&a->buf);
	free(a);
}
