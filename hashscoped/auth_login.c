/*
 * Who somebody is: sessions and tokens by their secrets, logins by password
 * or by a one-time URL.
 *
 * WHO is answered at once, from memory.  A login with a password waits for
 * the password role, in a short queue, and for nobody else; it counts as a
 * failure, of its address and of its user, until it is known to be right,
 * so that many at once gain nothing.  A name that does not exist is treated
 * as one that does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "hashscoped/auth_int.h"

/* A hash of the usual cost that no password has. */
#define NOBODYS_HASH                   \
	"$y$j9T$QmFzZTY0QmFzZTY0QmFz$" \
	"..........................................."

struct login {
	uint32_t generation, id;
	struct act_login asked;
};

/* --- slowing those who guess --- */

/* Whether this user has a session at this address: not a stranger, who
 * could lock the user out by failing in its name. */
static bool
is_known(struct auth *auth, const char *user, const char *address)
{
	struct auth_life life = { auth->conf.idle_s, auth->conf.age_s };
	char at[THROTTLE_NAME];
	int64_t now = auth_now();

	for (unsigned i = 0; i < auth->db.nsessions; i++) {
		const struct auth_session *s = &auth->db.session[i];

		throttle_address(s->peer, at);
		if (strcmp(s->user, user) == 0 && strcmp(at, address) == 0 &&
		    auth_session_left(s, &life, now) > 0)
			return true;
	}
	return false;
}

uint32_t
auth_slow(struct auth *auth, const char *user, const char *peer)
{
	char address[THROTTLE_NAME];
	int64_t now = auth_ms(), ms, user_ms = 0;

	throttle_address(peer, address);
	ms = throttle_wait(&auth->by_address, address, now);
	if (user[0] != '\0' && !is_known(auth, user, address))
		user_ms = throttle_wait(&auth->by_user, user, now);
	if (user_ms > ms)
		ms = user_ms;
	return (uint32_t)((ms + 999) / 1000);
}

void
auth_charge(struct auth *auth, const char *user, const char *peer)
{
	char address[THROTTLE_NAME];

	throttle_address(peer, address);
	throttle_charge(&auth->by_address, address, auth_ms());
	if (user[0] != '\0')
		throttle_charge(&auth->by_user, user, auth_ms());
}

void
auth_right(struct auth *auth, const char *user, const char *peer)
{
	char address[THROTTLE_NAME];

	throttle_address(peer, address);
	throttle_refund(&auth->by_address, address);
	if (user[0] != '\0')
		throttle_clear(&auth->by_user, user);
}

/* --- answers --- */

static void
answer(struct auth *auth, uint32_t id, const struct act_identity *i)
{
	struct ipc *ipc = auth->peers[ROLE_API].ipc;
	struct mbuf b;

	if (ipc == NULL)
		return;
	mbuf_init(&b);
	act_identity_put(&b, i);
	if (ipc_send(ipc, MSG_IDENTITY, id, -1, &b) == -1)
		log_warn("an answer to apid could not be sent");
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	mbuf_free(&b);
}

static void
answer_status(struct auth *auth, uint32_t id, uint16_t status, uint32_t retry_s)
{
	struct act_identity i = { .status = status, .retry_s = retry_s };

	answer(auth, id, &i);
}

/* --- who is it --- */

static void
by_session(struct auth *auth, struct auth_session *s, struct auth_identity *i)
{
	struct auth_life life = { auth->conf.idle_s, auth->conf.age_s };
	struct auth_user *u = auth_user_find(&auth->db, s->user);

	i->role = u != NULL ? u->role : ACT_ROLE_NONE;
	i->is_user = u != NULL;
	if (strncmp(s->user, AUTH_UID_IS, strlen(AUTH_UID_IS)) == 0)
		i->role = ACT_ROLE_ADMIN;
	memcpy(i->user, s->user, sizeof(i->user));
	memcpy(i->session, s->id, sizeof(i->session));
	if (s->used < auth_now()) {
		s->used = auth_now();
		auth->dirty[AUTH_FILE_SESSIONS] = true;
	}
	i->lives = auth_session_left(s, &life, auth_now());
}

static void
by_token(struct auth *auth, struct auth_token *t, struct auth_identity *i)
{
	int64_t now = auth_now();

	i->role = t->role;
	memcpy(i->user, t->name, sizeof(i->user));
	if (t->used < now) {
		t->used = now;
		auth->dirty[AUTH_FILE_TOKENS] = true;
	}
	i->lives = t->expires == 0 ? 0 : t->expires - now;
}

static void
by_uid(const struct act_who *w, struct auth_identity *i)
{
	i->role = w->may_act ? ACT_ROLE_ADMIN : ACT_ROLE_VIEWER;
	snprintf(i->user, sizeof(i->user), AUTH_UID_IS "%u", w->uid);
}

unsigned
auth_identify(struct auth *auth, enum role peer, const struct act_who *w,
    struct auth_identity *i)
{
	struct auth_life life = { auth->conf.idle_s, auth->conf.age_s };
	bool from_api = peer == ROLE_API;
	struct auth_session *s;
	struct auth_token *t;

	memset(i, 0, sizeof(*i));
	i->by = (enum act_credential)w->credential;
	switch (i->by) {
	case ACT_UID:
		/* Only control sees uids. */
		if (peer == ROLE_CONTROL)
			by_uid(w, i);
		break;
	case ACT_OPEN:
		if (from_api && auth->conf.open) {
			i->role = ACT_ROLE_ADMIN;
			snprintf(i->user, sizeof(i->user), "anybody");
		}
		break;
	case ACT_COOKIE:
		if (from_api &&
		    (s = auth_session_of(&auth->db, w->secret, &life,
			 auth_now())) != NULL)
			by_session(auth, s, i);
		break;
	case ACT_BEARER:
		if (from_api &&
		    (t = auth_token_of(&auth->db, w->secret, auth_now())) !=
			NULL)
			by_token(auth, t, i);
		break;
	case ACT_NOBODY:
		break;
	}
	return i->role == ACT_ROLE_NONE ? 401 : 200;
}

void
auth_on_who(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth *auth = ((struct auth_peer *)arg)->auth;
	struct act_identity out;
	struct auth_identity i;
	struct act_who w;

	act_who_get(&m->cur, &w);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	memset(&out, 0, sizeof(out));
	out.status = (uint16_t)auth_identify(auth, ROLE_API, &w, &i);
	if (out.status == 200) {
		out.role = i.role;
		out.lives_s = (uint32_t)(i.lives < UINT32_MAX ? i.lives :
								UINT32_MAX);
		memcpy(out.user, i.user, sizeof(out.user));
	}
	explicit_bzero(&w, sizeof(w));
	answer(auth, m->id, &out);
}

/* --- a new session --- */

/* Without spaces or odd bytes, as it goes into a file of words. */
static void
set_peer(struct auth_session *s, const char *peer)
{
	size_t n = 0;

	for (; n < sizeof(s->peer) - 1 && peer[n] != '\0'; n++)
		s->peer[n] = peer[n] > ' ' && peer[n] <= '~' ? peer[n] : '?';
	if (n == 0)
		s->peer[n++] = '-';
	s->peer[n] = '\0';
}

static void
log_in(struct auth *auth, uint32_t id, const char *user, const char *how,
    const char *peer)
{
	struct act_identity out;
	struct auth_session *s;
	struct auth_user *u;
	char why[256];

	s = auth_session_add(&auth->db, user);
	memset(&out, 0, sizeof(out));
	auth_random(out.secret, s->id);
	auth_digest(out.secret, s->digest);
	s->created = s->used = auth_now();
	set_peer(s, peer);
	/* A full disk must not keep anybody from looking: this one lives as
	 * long as this process. */
	if (auth_save(auth, AUTH_FILE_SESSIONS, why, sizeof(why)) == -1) {
		auth->dirty[AUTH_FILE_SESSIONS] = true;
		log_warnx("%s", why);
	}
	u = auth_user_find(&auth->db, user);
	out.status = 200;
	out.role = u != NULL ? u->role : ACT_ROLE_ADMIN;
	out.lives_s = auth->conf.idle_s < auth->conf.age_s ? auth->conf.idle_s :
							     auth->conf.age_s;
	snprintf(out.user, sizeof(out.user), "%s", user);
	auth_note_login(auth, user, how, peer, true, "");
	log_info("%s logged in from %s", user, s->peer);
	answer(auth, id, &out);
	explicit_bzero(&out, sizeof(out));
}

static void
refuse_login(struct auth *auth, uint32_t id, const char *user, const char *how,
    const char *peer, const char *why)
{
	uint32_t slow;

	auth_note_login(auth, user, how, peer, false, why);
	slow = auth_slow(auth, user, peer);
	answer_status(auth, id, 401, slow);
}

/* --- login by password --- */

const char *
auth_hash_of(struct auth *auth, const char *user)
{
	const struct auth_user *u = auth_user_find(&auth->db, user);

	return u != NULL ? u->hash : NOBODYS_HASH;
}

static void
on_password(struct auth *auth, void *arg, int result, const char *hash)
{
	struct login *l = arg;
	const char *user = l->asked.user, *peer = l->asked.peer;
	/* An apid that has gone knows nothing of it; nor do we. */
	bool there = auth->peers[ROLE_API].ipc != NULL &&
	    auth->peers[ROLE_API].generation == l->generation;

	if (result == -1) {
		auth_right(auth, "", peer);
		throttle_refund(&auth->by_user, user);
		if (there)
			answer_status(auth, l->id, 503, 1);
	} else if (result == 1 && auth_user_find(&auth->db, user) != NULL) {
		auth_right(auth, user, peer);
		if (there)
			log_in(auth, l->id, user, "password", peer);
	} else if (there) {
		refuse_login(auth, l->id, user, "password", peer,
		    "wrong name or password");
	}
	explicit_bzero(l, sizeof(*l));
	free(l);
}

static void
login_password(struct auth *auth, uint32_t id, const struct act_login *asked)
{
	struct login *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		answer_status(auth, id, 503, 1);
		return;
	}
	l->generation = auth->peers[ROLE_API].generation;
	l->id = id;
	l->asked = *asked;
	if (auth_hash_ask(auth, asked->password,
		auth_hash_of(auth, asked->user), true, on_password, l) == -1) {
		explicit_bzero(l, sizeof(*l));
		free(l);
		answer_status(auth, id, 429, 1);
		return;
	}
	auth_charge(auth, asked->user, asked->peer);
}

/* --- login by URL --- */

static struct auth_code *
find_code(struct auth *auth, const char *code)
{
	uint8_t digest[SHA256_LEN];

	auth_digest(code, digest);
	for (unsigned i = 0; i < AUTH_CODES; i++) {
		struct auth_code *c = &auth->codes[i];

		if (c->until > auth_ms() &&
		    auth_same(c->digest, digest, sizeof(digest)))
			return c;
	}
	return NULL;
}

static void
login_code(struct auth *auth, uint32_t id, const struct act_login *asked)
{
	struct auth_code *c = find_code(auth, asked->code);
	char user[ACT_NAME];

	if (c == NULL) {
		auth_charge(auth, "", asked->peer);
		refuse_login(auth, id, "", "url", asked->peer,
		    "the URL was used, or is too old");
		return;
	}
	memcpy(user, c->user, sizeof(user));
	memset(c, 0, sizeof(*c));
	/* Its user may have gone meanwhile. */
	if (strncmp(user, AUTH_UID_IS, strlen(AUTH_UID_IS)) != 0 &&
	    auth_user_find(&auth->db, user) == NULL)
		refuse_login(auth, id, user, "url", asked->peer,
		    "there is no such user any more");
	else
		log_in(auth, id, user, "url", asked->peer);
}

int
auth_url(struct auth *auth, const char *user, char *url, size_t size)
{
	struct auth_code *c = &auth->codes[0];
	char code[AUTH_SECRET];

	if (auth->conf.console[0] == '\0')
		return -1;
	/* A free one, else the oldest. */
	for (unsigned i = 1; i < AUTH_CODES; i++) {
		if (auth->codes[i].until < c->until)
			c = &auth->codes[i];
	}
	auth_random(code, NULL);
	auth_digest(code, c->digest);
	snprintf(c->user, sizeof(c->user), "%s", user);
	c->until = auth_ms() + AUTH_CODE_S * 1000;
	/* Behind a '#' it never reaches a server's log. */
	snprintf(url, size, "%s/#login=%s", auth->conf.console, code);
	explicit_bzero(code, sizeof(code));
	return 0;
}

/* --- messages --- */

void
auth_on_login(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth *auth = ((struct auth_peer *)arg)->auth;
	struct act_login l;
	uint32_t slow;

	act_login_get(&m->cur, &l);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	slow = auth_slow(auth, l.code[0] != '\0' ? "" : l.user, l.peer);
	if (slow > 0)
		answer_status(auth, m->id, 429, slow);
	else if (l.code[0] != '\0')
		login_code(auth, m->id, &l);
	else
		login_password(auth, m->id, &l);
	explicit_bzero(&l, sizeof(l));
}

void
auth_on_logout(struct ipc *ipc, struct msg_in *m, void *arg)
{
	struct auth *auth = ((struct auth_peer *)arg)->auth;
	struct auth_life life = { auth->conf.idle_s, auth->conf.age_s };
	struct auth_session *s;
	struct act_who w;
	char why[256];

	act_who_get(&m->cur, &w);
	if (msg_end(&m->cur) == -1) {
		ipc_bad(ipc, m, "malformed");
		return;
	}
	s = w.credential == ACT_COOKIE ?
	    auth_session_of(&auth->db, w.secret, &life, auth_now()) :
	    NULL;
	if (s != NULL) {
		auth_note_logout(auth, s->user, w.peer);
		auth_session_remove(&auth->db, s);
		if (auth_save(auth, AUTH_FILE_SESSIONS, why, sizeof(why)) ==
		    -1) {
			auth->dirty[AUTH_FILE_SESSIONS] = true;
			log_warnx("%s", why);
		}
		auth_forget(auth);
	}
	/* Nobody waits: who asks afterwards is answered afterwards. */
	explicit_bzero(&w, sizeof(w));
}
