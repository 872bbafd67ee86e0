/*
 * Acts on the wire, and the table of what there is to be done.
 */
#include <string.h>

#include "common/act.h"

static const char *const role_names[] = {
	[ACT_ROLE_NONE] = "",
	[ACT_ROLE_VIEWER] = "viewer",
	[ACT_ROLE_OPERATOR] = "operator",
	[ACT_ROLE_ADMIN] = "admin",
};

static const struct act_info infos[ACT_MAX] = {
#define X(name, text, by, role, audited) \
	[ACT_##name] = { text, ROLE_##by, ACT_ROLE_##role, audited },
	ACT_LIST(X)
#undef X
};

const char *
act_role_name(enum act_role role)
{
	return role <= ACT_ROLE_ADMIN ? role_names[role] : "";
}

enum act_role
act_role_parse(const char *s)
{
	for (unsigned i = ACT_ROLE_VIEWER; i <= ACT_ROLE_ADMIN; i++) {
		if (strcmp(s, role_names[i]) == 0)
			return (enum act_role)i;
	}
	return ACT_ROLE_NONE;
}

const struct act_info *
act_info(unsigned kind)
{
	return kind > ACT_NONE && kind < ACT_MAX ? &infos[kind] : NULL;
}

void
act_who_put(struct mbuf *b, const struct act_who *w)
{
	msg_put_u8(b, w->credential);
	msg_put_u32(b, w->uid);
	msg_put_u8(b, w->may_act);
	msg_put_str(b, w->secret);
	msg_put_str(b, w->peer);
	msg_put_str(b, w->user);
}

void
act_who_get(struct mcur *c, struct act_who *w)
{
	memset(w, 0, sizeof(*w));
	w->credential = msg_get_u8(c);
	w->uid = msg_get_u32(c);
	w->may_act = msg_get_bool(c);
	msg_get_str(c, w->secret, sizeof(w->secret));
	msg_get_str(c, w->peer, sizeof(w->peer));
	msg_get_str(c, w->user, sizeof(w->user));
	if (w->credential > ACT_UID)
		c->bad = true;
}

void
act_put(struct mbuf *b, const struct act *a)
{
	act_who_put(b, &a->who);
	msg_put_u8(b, a->kind);
	msg_put_u8(b, a->has_session);
	msg_put_raw(b, a->session, sizeof(a->session));
	msg_put_str(b, a->worker);
	msg_put_u64(b, a->pos);
	msg_put_u64(b, a->n);
	msg_put_u8(b, a->on);
	msg_put_u8(b, a->role);
	msg_put_str(b, a->name);
	msg_put_bytes(b, a->text, a->text_len);
}

void
act_get(struct mcur *c, struct act *a)
{
	size_t n;

	memset(a, 0, sizeof(*a));
	act_who_get(c, &a->who);
	a->kind = msg_get_u8(c);
	a->has_session = msg_get_bool(c);
	msg_get_raw(c, a->session, sizeof(a->session));
	msg_get_str(c, a->worker, sizeof(a->worker));
	a->pos = msg_get_u64(c);
	a->n = msg_get_u64(c);
	a->on = msg_get_bool(c);
	a->role = msg_get_u8(c);
	msg_get_str(c, a->name, sizeof(a->name));
	a->text = (const char *)msg_get_bytes(c, &n, ACT_TEXT_MAX);
	a->text_len = (uint32_t)n;
	if (act_info(a->kind) == NULL || a->role > ACT_ROLE_ADMIN)
		c->bad = true;
}

void
act_done_put(struct mbuf *b, const struct act_done *d)
{
	msg_put_u16(b, d->status);
	msg_put_str(b, d->detail);
	msg_put_bytes(b, d->result, d->result_len);
}

void
act_done_get(struct mcur *c, struct act_done *d)
{
	size_t n;

	memset(d, 0, sizeof(*d));
	d->status = msg_get_u16(c);
	msg_get_str(c, d->detail, sizeof(d->detail));
	d->result = (const char *)msg_get_bytes(c, &n, ACT_RESULT_MAX);
	d->result_len = (uint32_t)n;
	if (d->status < 200 || d->status > 599)
		c->bad = true;
}

void
act_identity_put(struct mbuf *b, const struct act_identity *i)
{
	msg_put_u16(b, i->status);
	msg_put_u8(b, i->role);
	msg_put_u32(b, i->retry_s);
	msg_put_u32(b, i->lives_s);
	msg_put_str(b, i->user);
	msg_put_str(b, i->secret);
}

void
act_identity_get(struct mcur *c, struct act_identity *i)
{
	memset(i, 0, sizeof(*i));
	i->status = msg_get_u16(c);
	i->role = msg_get_u8(c);
	i->retry_s = msg_get_u32(c);
	i->lives_s = msg_get_u32(c);
	msg_get_str(c, i->user, sizeof(i->user));
	msg_get_str(c, i->secret, sizeof(i->secret));
	if (i->role > ACT_ROLE_ADMIN)
		c->bad = true;
}

void
act_login_put(struct mbuf *b, const struct act_login *l)
{
	msg_put_str(b, l->peer);
	msg_put_str(b, l->user);
	msg_put_str(b, l->password);
	msg_put_str(b, l->code);
}

void
act_login_get(struct mcur *c, struct act_login *l)
{
	memset(l, 0, sizeof(*l));
	msg_get_str(c, l->peer, sizeof(l->peer));
	msg_get_str(c, l->user, sizeof(l->user));
	msg_get_str(c, l->password, sizeof(l->password));
	msg_get_str(c, l->code, sizeof(l->code));
}
