/*
 * The signer: holds the secret key, and nothing else.  It has one channel, to
 * nostrd, whose process reads what relays send; so it is given kind, tags and
 * content, makes the id itself, and signs the kinds of the configuration and
 * the answer to a relay's challenge.
 */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/nostr_key.h"
#include "common/nostr_nip44.h"
#include "common/nostr_wrap.h"
#include "nostrd/sign.h"

#define KINDS 8

struct reader {
	bool is;
	uint8_t key[32];
};

struct signer {
	struct proc *proc;
	struct event_base *base; /* NULL: supervised */
	struct ipc *nostrd;
	struct nostr_key *key;
	uint32_t kind[KINDS], next_kind[KINDS];
	unsigned nkinds, next_nkinds;
	bool have_next;
	struct reader group, alerts; /* whom nostrd encrypts to */
	struct reader next_group, next_alerts;
	struct nostr_event event;
	char *strings; /* of its tags */
};

static bool
may_sign(const struct signer *s, uint32_t kind)
{
	for (unsigned i = 0; i < s->nkinds; i++)
		if (s->kind[i] == kind)
			return true;
	return kind == NOSTR_KIND_AUTH ||
	    (kind == NOSTR_KIND_SEAL && s->alerts.is);
}

/* The body of SIGN; strings point into it. */
static int
get_event(struct mcur *c, struct nostr_event *e)
{
	unsigned i, k, ntags, n;
	struct nostr_str *item;

	e->kind = msg_get_u32(c);
	e->created_at = msg_get_i64(c);
	ntags = msg_get_u16(c);
	e->ntags = e->nitems = 0;
	if (ntags > NOSTR_TAGS)
		return -1;
	for (i = 0; i < ntags; i++) {
		n = msg_get_u16(c);
		if (n > NOSTR_ITEMS - e->nitems)
			return -1;
		e->tag[i].first = (uint16_t)e->nitems;
		e->tag[i].n = (uint16_t)n;
		for (k = 0; k < n; k++) {
			item = &e->item[e->nitems++];
			item->s = (const char *)msg_get_bytes(c, &item->len,
			    MSG_KIB(64));
		}
	}
	e->ntags = ntags;
	e->content.s = (const char *)msg_get_bytes(c, &e->content.len,
	    MSG_KIB(192));
	return msg_end(c);
}

static void
on_sign(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct signer *s = arg;
	struct nostr_event *e = &s->event;
	struct mbuf body;
	bool ok;

	if (get_event(&m->cur, e) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	memset(e->id, 0, 32);
	memset(e->sig, 0, 64);
	ok = s->key != NULL && may_sign(s, e->kind);
	if (ok) {
		memcpy(e->pubkey, nostr_key_public(s->key), 32);
		nostr_event_id(e, e->id);
		ok = nostr_key_sign(s->key, e->id, e->sig) == 0;
	}
	mbuf_init(&body);
	msg_put_u8(&body, ok);
	msg_put_raw(&body, e->id, 32);
	msg_put_raw(&body, e->sig, 64);
	if (ipc_send(ipc, MSG_SIGNED, m->id, -1, &body) == -1)
		log_warn("an answer could not be sent");
	mbuf_free(&body);
}

static const struct ipc_handler handlers[] = {
	{ MSG_SIGN, on_sign },
	{ MSG_NONE, NULL },
};

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct signer *s = arg;

	if (s->nostrd == ipc)
		s->nostrd = NULL;
	ipc_free(ipc);
	/* Of an agent: there will be no other. */
	if (s->base != NULL)
		event_base_loopbreak(s->base);
}

static const struct ipc_ops ops = { .handlers = handlers, .on_end = on_end };

/* What is encrypted with these can be read with them, and nothing signed. */
static void
put_conversation(const struct signer *s, const struct reader *r,
    struct mbuf *body)
{
	uint8_t shared[32], conversation[32] = { 0 };

	/* It was asked for in conf_prepare(), and never goes out as zeroes. */
	if (r->is &&
	    (nostr_key_shared(s->key, r->key, shared) == -1 ||
		nip44_conversation(shared, conversation) == -1))
		fatalx("a key to encrypt to is none");
	msg_put_u8(body, r->is);
	msg_put_raw(body, conversation, sizeof(conversation));
	explicit_bzero(shared, sizeof(shared));
	explicit_bzero(conversation, sizeof(conversation));
}

/* Our public key, and the conversation keys. */
static void
say_hello(struct signer *s)
{
	struct mbuf body;

	if (s->nostrd == NULL)
		return;
	mbuf_init(&body);
	msg_put_raw(&body, nostr_key_public(s->key), 32);
	put_conversation(s, &s->group, &body);
	put_conversation(s, &s->alerts, &body);
	if (ipc_send(s->nostrd, MSG_SIGNER_HELLO, 0, -1, &body) == -1)
		log_warn("SIGNER_HELLO");
	if (body.data != NULL)
		explicit_bzero(body.data, body.len);
	mbuf_free(&body);
}

/* --- configuration --- */

static void
take_key(struct signer *s, int fd)
{
	uint8_t secret[32];

	if (pread(fd, secret, sizeof(secret), 0) == sizeof(secret) &&
	    s->key == NULL)
		s->key = nostr_key_new(secret);
	explicit_bzero(secret, sizeof(secret));
	close(fd);
}

static void
get_reader(struct mcur *c, struct reader *r)
{
	r->is = msg_get_bool(c);
	msg_get_raw(c, r->key, sizeof(r->key));
}

static void
on_conf(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct signer *s = arg;
	unsigned n = msg_get_u8(&m->cur);
	int fd;

	if (n > KINDS) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	s->next_nkinds = n;
	for (unsigned i = 0; i < n; i++)
		s->next_kind[i] = msg_get_u32(&m->cur);
	get_reader(&m->cur, &s->next_group);
	get_reader(&m->cur, &s->next_alerts);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	s->have_next = true;
	if ((fd = msg_take_fd(m)) != -1)
		take_key(s, fd);
}

static void
conf_begin(void *arg)
{
	struct signer *s = arg;

	s->have_next = false;
}

/* Half of all numbers are nobody's public key. */
static bool
is_point(const struct signer *s, const struct reader *r)
{
	uint8_t shared[32];
	bool ok = !r->is || nostr_key_shared(s->key, r->key, shared) == 0;

	explicit_bzero(shared, sizeof(shared));
	return ok;
}

static int
conf_prepare(void *arg, char *why, size_t size)
{
	struct signer *s = arg;

	if (!s->have_next || s->key == NULL)
		snprintf(why, size, "no valid key was handed over");
	else if (!is_point(s, &s->next_group))
		snprintf(why, size, "encrypt to: there is no such key");
	else if (!is_point(s, &s->next_alerts))
		snprintf(why, size, "alerts to: there is no such key");
	else
		return 0;
	return -1;
}

static void
conf_commit(void *arg)
{
	struct signer *s = arg;

	memcpy(s->kind, s->next_kind, sizeof(s->kind));
	s->nkinds = s->next_nkinds;
	s->group = s->next_group;
	s->alerts = s->next_alerts;
	say_hello(s);
}

/* --- the role --- */

static void
start(struct proc *proc, void *arg)
{
	struct signer *s = arg;

	s->proc = proc;
}

static void
sandbox(struct sandbox *box, void *arg)
{
	box->promises = SB_STDIO | SB_PASSFD;
}

static void
attach(struct signer *s, struct event_base *base, int fd)
{
	ipc_free(s->nostrd);
	s->nostrd = ipc_new(base, fd, ROLE_SIGNER, ROLE_NOSTR, &ops, s);
	if (s->nostrd == NULL)
		fatal("channel to nostrd");
	say_hello(s);
}

static void
peer(struct proc *proc, enum role role, uint32_t generation, int fd, void *arg)
{
	if (role == ROLE_NOSTR)
		attach(arg, proc_base(proc), fd);
	else
		close(fd);
}

int
signer_alone(struct event_base *base, int fd, const uint8_t secret[32],
    uint32_t kind)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->key = nostr_key_new(secret)) == NULL) {
		free(s);
		return -1;
	}
	s->kind[0] = kind;
	s->nkinds = 1;
	s->base = base;
	attach(s, base, fd);
	return 0;
}

static void
shut_down(struct proc *proc, void *arg)
{
	struct signer *s = arg;

	ipc_free(s->nostrd);
	s->nostrd = NULL;
	nostr_key_free(s->key);
	s->key = NULL;
	proc_exit(proc, 0);
}

static void *
create(void)
{
	return calloc(1, sizeof(struct signer));
}

static const struct ipc_handler conf_handlers[] = {
	{ MSG_CONF_SIGNER, on_conf },
	{ MSG_NONE, NULL },
};

static const struct proc_role role = {
	.role = ROLE_SIGNER,
	.name = "signer",
	.handlers = conf_handlers,
	.create = create,
	.conf_begin = conf_begin,
	.conf_prepare = conf_prepare,
	.conf_commit = conf_commit,
	.start = start,
	.sandbox = sandbox,
	.peer = peer,
	.shutdown = shut_down,
};

const struct proc_role *
signer_role(void)
{
	return &role;
}
