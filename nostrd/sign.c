/*
 * Drafts, and the way to the signer.  What was asked of a signer that went
 * away has failed; whoever asked tries again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/nostr_nip44.h"
#include "common/sha256.h"
#include "nostrd/sign.h"

#define PENDING 64

struct signer_link {
	struct ipc *ipc;
	bool known;
	uint8_t key[32];
	/* NIP-44's conversation keys. */
	bool encrypt, alerts;
	uint8_t group[32], operator[32];
	uint32_t last_id;
	struct {
		uint32_t id; /* 0: free */
		struct draft *draft;
		sign_done done;
		void *arg;
	} pending[PENDING];
	struct mbuf body;
};

void
draft_begin(struct draft *d, uint32_t kind, int64_t created_at)
{
	nostr_event_init(&d->event, kind, created_at);
	d->ntext = 0;
	mbuf_reset(&d->content);
}

void
draft_tag(struct draft *d, const char *name, const char *fmt, ...)
{
	char *value;
	va_list ap;

	if (d->ntext == DRAFT_TAGS)
		return;
	value = d->text[d->ntext++];
	va_start(ap, fmt);
	vsnprintf(value, sizeof(d->text[0]), fmt, ap);
	va_end(ap);
	nostr_tag_add(&d->event, name, value);
}

struct signer_link *
signer_link_new(void)
{
	return calloc(1, sizeof(struct signer_link));
}

/* All that was asked has failed. */
static void
fail_all(struct signer_link *l)
{
	for (unsigned i = 0; i < PENDING; i++) {
		if (l->pending[i].id == 0)
			continue;
		l->pending[i].id = 0;
		l->pending[i].done(l->pending[i].arg, l->pending[i].draft,
		    false);
	}
}

void
signer_link_free(struct signer_link *l)
{
	if (l == NULL)
		return;
	ipc_free(l->ipc);
	mbuf_free(&l->body);
	free(l);
}

const uint8_t *
signer_link_key(const struct signer_link *l)
{
	return l->known ? l->key : NULL;
}

const uint8_t *
signer_link_alerts(const struct signer_link *l)
{
	return l->known && l->alerts ? l->operator: NULL;
}

/*
 * The nonce follows from the text, by a hash that only the group can compute:
 * the same content is the same event again.
 */
int
draft_encrypt(const struct signer_link *l, struct draft *d)
{
	uint8_t nonce[32];
	struct sha256 h;
	struct mbuf out;
	int ok;

	if (!l->encrypt)
		return 0;
	sha256_init(&h);
	sha256_update(&h, l->group, 32);
	sha256_update(&h, d->content.data, d->content.len);
	sha256d_final(&h, nonce);
	mbuf_init(&out);
	ok = nip44_encrypt(l->group, nonce, d->content.data, d->content.len,
	    &out);
	mbuf_free(&d->content);
	d->content = out;
	return ok;
}

static void
on_hello(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct signer_link *l = arg;

	msg_get_raw(&m->cur, l->key, 32);
	l->encrypt = msg_get_bool(&m->cur);
	msg_get_raw(&m->cur, l->group, 32);
	l->alerts = msg_get_bool(&m->cur);
	msg_get_raw(&m->cur, l->operator, 32);
	l->known = msg_end(&m->cur) == 0;
}

static void
on_signed(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct signer_link *l = arg;
	struct draft *d;
	unsigned i;
	bool ok;

	for (i = 0; i < PENDING; i++)
		if (l->pending[i].id == m->id && m->id != 0)
			break;
	if (i == PENDING)
		return;
	d = l->pending[i].draft;
	ok = msg_get_bool(&m->cur);
	msg_get_raw(&m->cur, d->event.id, 32);
	msg_get_raw(&m->cur, d->event.sig, 64);
	memcpy(d->event.pubkey, l->key, 32);
	l->pending[i].id = 0;
	l->pending[i].done(l->pending[i].arg, d, ok && msg_end(&m->cur) == 0);
}

static const struct ipc_handler handlers[] = {
	{ MSG_SIGNER_HELLO, on_hello },
	{ MSG_SIGNED, on_signed },
	{ MSG_NONE, NULL },
};

static void
on_end(struct ipc *ipc, int err, void *arg)
{
	struct signer_link *l = arg;

	if (l->ipc == ipc) {
		l->ipc = NULL;
		l->known = false;
	}
	ipc_free(ipc);
	fail_all(l);
}

static const struct ipc_ops ops = { .handlers = handlers, .on_end = on_end };

void
signer_link_attach(struct signer_link *l, struct event_base *base, int fd)
{
	ipc_free(l->ipc);
	l->known = false;
	fail_all(l);
	l->ipc = ipc_new(base, fd, ROLE_NOSTR, ROLE_SIGNER, &ops, l);
	if (l->ipc != NULL)
		ipc_set_limit(l->ipc, 8u << 20);
}

static void
put_event(struct mbuf *m, const struct draft *d)
{
	const struct nostr_event *e = &d->event;

	mbuf_reset(m);
	msg_put_u32(m, e->kind);
	msg_put_i64(m, e->created_at);
	msg_put_u16(m, (uint16_t)e->ntags);
	for (unsigned i = 0; i < e->ntags; i++) {
		msg_put_u16(m, e->tag[i].n);
		for (unsigned k = 0; k < e->tag[i].n; k++) {
			const struct nostr_str *s =
			    &e->item[e->tag[i].first + k];

			msg_put_bytes(m, s->s, s->len);
		}
	}
	msg_put_bytes(m, d->content.data, d->content.len);
}

int
sign_ask(struct signer_link *l, struct draft *d, sign_done done, void *arg)
{
	unsigned i;

	for (i = 0; i < PENDING && l->pending[i].id != 0; i++)
		;
	if (!l->known || i == PENDING)
		return -1;
	put_event(&l->body, d);
	if (++l->last_id == 0)
		l->last_id = 1;
	if (ipc_send(l->ipc, MSG_SIGN, l->last_id, -1, &l->body) == -1)
		return -1;
	d->event.content.s = d->content.len == 0 ? "" : (char *)d->content.data;
	d->event.content.len = d->content.len;
	l->pending[i].id = l->last_id;
	l->pending[i].draft = d;
	l->pending[i].done = done;
	l->pending[i].arg = arg;
	return 0;
}

void
sign_forget(struct signer_link *l, const struct draft *d)
{
	for (unsigned i = 0; i < PENDING; i++)
		if (l->pending[i].draft == d)
			l->pending[i].id = 0;
}
