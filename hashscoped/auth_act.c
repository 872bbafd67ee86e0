/*
 * Acting.  Each act comes by here: who asks, whether they may, the line in
 * the audit log, and only then it is passed on; the outcome is noted before
 * it is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "hashscoped/auth_int.h"

static void
act_free(struct auth *auth, struct auth_act *a)
{
	TAILQ_REMOVE(&auth->acts, a, entry);
	auth->nacts--;
	if (a->text != NULL)
		explicit_bzero(a->text, a->act.text_len);
	free(a->text);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

static void
answer(struct auth *auth, const struct auth_act *a, const struct act_done *d)
{
	const struct auth_peer *p = &auth->peers[a->from];
	struct mbuf b;

	/* Whoever asked may have gone; its successor did not ask. */
	if (p->ipc == NULL || p->generation != a->generation)
		return;
	mbuf_init(&b);
	act_done_put(&b, d);
	if (ipc_send(p->ipc, MSG_ACTED, a->id, -1, &b) == -1)
		log_warn("an answer to %s could not be sent",
		    role_name(a->from));
	mbuf_free(&b);
}

static void
end_with(struct auth *auth, struct auth_act *a, const struct act_done *d)
{
	if (a->line != 0)
		auth_note_done(auth, a, d->status, d->detail);
	answer(auth, a, d);
	act_free(auth, a);
}

void
auth_act_end(struct auth *auth, struct auth_act *a, unsigned status,
    const char *detail, const struct json_out *result)
{
	struct act_done d;

	memset(&d, 0, sizeof(d));
	d.status = (uint16_t)status;
	snprintf(d.detail, sizeof(d.detail), "%s", detail);
	if (result != NULL) {
		d.result = result->buf;
		d.result_len = (uint32_t)result->len;
	}
	end_with(auth, a, &d);
}

struct auth_act *
auth_act_find(struct auth *auth, uint32_t own)
{
	struct auth_act *a;

	TAILQ_FOREACH(a, &auth->acts, entry) {
		if (a->own == own)
			return a;
	}
	return NULL;
}

/* --- what is wrong with it --- */

static unsigned
check_fields(const struct act *a, char *why, size_t size)
{
	const struct auth_fields *f = auth_fields(a->kind);
	const char *name = act_info(a->kind)->name;

	if ((f->fields & FIELD_SESSION) && !a->has_session) {
		snprintf(why, size, "%s of which session?", name);
		return 400;
	}
	if ((f->fields & FIELD_TARGET) && !a->has_session &&
	    a->worker[0] == '\0') {
		snprintf(why, size, "%s of which session or worker?", name);
		return 400;
	}
	if ((f->fields & FIELD_N) && f->max > 0 &&
	    (a->n < f->min || a->n > f->max)) {
		snprintf(why, size, "%s: %llu to %llu", name,
		    (unsigned long long)f->min, (unsigned long long)f->max);
		return 422;
	}
	return 200;
}

static unsigned
check_role(const struct auth_act *a, char *why, size_t size)
{
	const struct act_info *info = act_info(a->act.kind);

	if (a->who.role >= (uint8_t)info->role)
		return 200;
	if (a->who.by == ACT_UID)
		snprintf(why, size, "your user may look, not act");
	else
		snprintf(why, size, "%s takes the role %s, yours is %s",
		    info->name, act_role_name(info->role),
		    act_role_name((enum act_role)a->who.role));
	return 403;
}

/* --- passing it on --- */

static void
pass_on(struct auth *auth, struct auth_act *a, enum role by)
{
	struct ipc *ipc = by == ROLE_SUPERVISOR ? auth->supervisor :
						  auth->peers[by].ipc;
	struct act out = a->act;
	struct mbuf b;
	char why[64];

	memset(out.who.secret, 0, sizeof(out.who.secret));
	memcpy(out.who.user, a->who.user, sizeof(out.who.user));
	mbuf_init(&b);
	act_put(&b, &out);
	a->sent = ipc != NULL && ipc_send(ipc, MSG_DO, a->own, -1, &b) == 0;
	mbuf_free(&b);
	if (a->sent)
		return;
	snprintf(why, sizeof(why), "%s is not running", role_name(by));
	auth_act_end(auth, a, 503, why, NULL);
}

static void
begin(struct auth *auth, struct auth_act *a)
{
	const struct act_info *info = act_info(a->act.kind);
	char why[ACT_DETAIL] = "log in, or send a token";
	unsigned status;

	status = auth_identify(auth, a->from, &a->act.who, &a->who);
	explicit_bzero(a->act.who.secret, sizeof(a->act.who.secret));
	if (status == 200)
		status = check_role(a, why, sizeof(why));
	if (status == 200)
		status = check_fields(&a->act, why, sizeof(why));
	if (status != 200) {
		if (info->audited)
			auth_note_refused(auth, a, status, why);
		auth_act_end(auth, a, status, why, NULL);
		return;
	}
	if (info->audited && auth_note_asked(auth, a, why, sizeof(why)) == -1) {
		log_warnx("%s by %s: %s", info->name, a->who.user, why);
		auth_act_end(auth, a, 503, why, NULL);
		return;
	}
	if (info->by == ROLE_AUTH)
		auth_admin(auth, a);
	else
		pass_on(auth, a, info->by);
}

/* --- messages --- */

static void
answer_full(struct auth *auth, struct ipc *ipc, uint32_t id, uint16_t status,
    const char *why)
{
	struct act_done d = { .status = status };
	struct mbuf b;

	snprintf(d.detail, sizeof(d.detail), "%s", why);
	mbuf_init(&b);
	act_done_put(&b, &d);
	(void)ipc_send(ipc, MSG_ACTED, id, -1, &b);
	mbuf_free(&b);
}

void
auth_on_act(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth_peer *p = arg;
	struct auth *auth = p->auth;
	struct auth_act *a = calloc(1, sizeof(*a));

	if (a != NULL) {
		act_get(&m->cur, &a->act);
		if (msg_end(&m->cur) == -1) {
			ipc_bad(ipc, m, "malformed");
			free(a);
			return;
		}
		a->text = malloc(a->act.text_len + 1u);
	}
	if (a == NULL || a->text == NULL || auth->nacts >= AUTH_ACTS) {
		if (a != NULL)
			free(a->text);
		free(a);
		answer_full(auth, ipc, m->id, 503, "too much is to be done");
		return;
	}
	/* NOLINTNEXTLINE: of that size */
	memcpy(a->text, a->act.text, a->act.text_len);
	a->text[a->act.text_len] = '\0';
	a->act.text = a->text;
	a->from = ipc_peer(ipc);
	a->generation = p->generation;
	a->id = m->id;
	a->own = auth_next_id(auth);
	a->since = auth_ms();
	TAILQ_INSERT_TAIL(&auth->acts, a, entry);
	auth->nacts++;
	begin(auth, a);
}

static void
done(struct auth *auth, struct ipc *ipc, struct msg_in *m)
{
	struct auth_act *a;
	struct act_done d;

	act_done_get(&m->cur, &d);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	a = auth_act_find(auth, m->id);
	if (a != NULL && a->sent && act_info(a->act.kind)->by == ipc_peer(ipc))
		end_with(auth, a, &d);
}

void
auth_on_done(struct ipc *ipc, struct msg_in *m, void *arg)
{
	/* On fd 3 the argument is the role's, else the peer's. */
	if (ipc_peer(ipc) == ROLE_SUPERVISOR)
		done(arg, ipc, m);
	else
		done(((struct auth_peer *)arg)->auth, ipc, m);
}

/* --- those that are not answered --- */

void
auth_acts_fail(struct auth *auth, enum role at)
{
	struct auth_act *a, *next;
	char why[96];

	snprintf(why, sizeof(why),
	    "%s has ended; whether it was done is not known", role_name(at));
	for (a = TAILQ_FIRST(&auth->acts); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->sent && act_info(a->act.kind)->by == at)
			auth_act_end(auth, a, 503, why, NULL);
	}
}

void
auth_acts_tick(struct auth *auth)
{
	struct auth_act *a, *next;
	char why[96];

	for (a = TAILQ_FIRST(&auth->acts); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (!a->sent || auth_ms() - a->since < AUTH_DO_MS)
			continue;
		snprintf(why, sizeof(why),
		    "%s does not answer; whether it was done is not known",
		    role_name(act_info(a->act.kind)->by));
		auth_act_end(auth, a, 503, why, NULL);
	}
}

void
auth_acts_clear(struct auth *auth)
{
	struct auth_act *a;

	while ((a = TAILQ_FIRST(&auth->acts)) != NULL)
		auth_act_end(auth, a, 503,
		    "HashScope ends; whether it was done is not known", NULL);
}
