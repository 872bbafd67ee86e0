/*
 * The acts that are auth's own: users, tokens, login URLs, and reading the
 * audit log.  A change is made in memory, written, and taken back when it
 * cannot be written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/utf8.h"
#include "hashscoped/auth_int.h"
#include "hashscoped/password.h"

#define PASSWORD_MIN  8
#define TOKEN_LIFE    (100ull * 366 * 86400) /* seconds: the longest */
#define NO_SUCH_USER  "there is no such user"
#define NO_SUCH_TOKEN "there is no such token"

/* Ends it with a status and no result. */
static void
end(struct auth *auth, struct auth_act *a, unsigned status, const char *why)
{
	auth_act_end(auth, a, status, why, NULL);
}

/* Ends it with what is in j, which is cleared. */
static void
end_json(struct auth *auth, struct auth_act *a, const char *said,
    struct json_out *j)
{
	if (json_finish(j, NULL) == NULL)
		end(auth, a, 503, "out of memory");
	else
		auth_act_end(auth, a, 200, said, j);
	if (j->buf != NULL)
		explicit_bzero(j->buf, j->len);
	json_clear(j);
}

/* --- a change, and its undoing --- */

/* What there was; NULL after having ended the act. */
static struct auth_db *
change_begin(struct auth *auth, struct auth_act *a, enum auth_file which)
{
	struct auth_db *before;
	char why[256];

	if (auth_may_change(auth, which, why, sizeof(why)) == -1) {
		end(auth, a, 503, why);
		return NULL;
	}
	before = malloc(sizeof(*before));
	if (before == NULL)
		end(auth, a, 503, "out of memory");
	else
		*before = auth->db;
	return before;
}

/* Writes it, and sessions when they changed with it; -1 having ended it. */
static int
change_end(struct auth *auth, struct auth_act *a, enum auth_file which,
    struct auth_db *before)
{
	char why[256];
	int r = auth_save(auth, which, why, sizeof(why));

	if (r == -1)
		auth->db = *before;
	else if (auth->db.nsessions != before->nsessions &&
	    auth_save(auth, AUTH_FILE_SESSIONS, why, sizeof(why)) == -1) {
		/* They are gone from memory; the tick tries again. */
		auth->dirty[AUTH_FILE_SESSIONS] = true;
		log_warnx("%s", why);
	}
	explicit_bzero(before, sizeof(*before));
	free(before);
	if (r == -1)
		end(auth, a, 503, why);
	else
		auth_forget(auth);
	return r;
}

/* --- users --- */

static const char *
password_wrong(const char *p)
{
	size_t n = strlen(p);

	if (n < PASSWORD_MIN)
		return "a password has at least 8 bytes";
	if (n >= PASSWORD_MAX)
		return "a password has at most 256 bytes";
	for (; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "a password has no control characters";
	}
	return NULL;
}

/* The act goes on when its password is hashed, if it is still there. */
static void
hash_then(struct auth *auth, struct auth_act *a, const char *password,
    const char *hash, auth_hash_fn *fn)
{
	if (auth_hash_ask(auth, password, hash, false, fn,
		(void *)(uintptr_t)a->own) == -1)
		end(auth, a, 429, "too many passwords at once");
}

static struct auth_act *
still_there(struct auth *auth, void *arg)
{
	return auth_act_find(auth, (uint32_t)(uintptr_t)arg);
}

static void
user_add_hashed(struct auth *auth, void *arg, int result, const char *hash)
{
	struct auth_act *a = still_there(auth, arg);
	struct auth_db *before;
	struct auth_user *u;

	if (a == NULL)
		return;
	if (result != 1) {
		end(auth, a, 503, "the password could not be hashed");
		return;
	}
	if (auth_user_find(&auth->db, a->act.name) != NULL) {
		end(auth, a, 409, "there is such a user already");
		return;
	}
	before = change_begin(auth, a, AUTH_FILE_USERS);
	if (before == NULL)
		return;
	u = auth_user_add(&auth->db, a->act.name);
	if (u == NULL) {
		free(before);
		end(auth, a, 409, "there are 256 users already");
		return;
	}
	u->role = a->act.role;
	snprintf(u->hash, sizeof(u->hash), "%s", hash);
	u->created = u->changed = auth_now();
	if (change_end(auth, a, AUTH_FILE_USERS, before) == 0)
		end(auth, a, 200, "added");
}

static void
user_add(struct auth *auth, struct auth_act *a)
{
	const char *why = password_wrong(a->text);

	if (!auth_name_ok(a->act.name))
		end(auth, a, 422,
		    "a user's name has 1 to 32 letters, digits, . _ @ + -");
	else if (a->act.role == ACT_ROLE_NONE)
		end(auth, a, 422, "a role is viewer, operator or admin");
	else if (why != NULL)
		end(auth, a, 422, why);
	else if (auth_user_find(&auth->db, a->act.name) != NULL)
		end(auth, a, 409, "there is such a user already");
	else
		hash_then(auth, a, a->text, NULL, user_add_hashed);
}

static void
user_remove(struct auth *auth, struct auth_act *a)
{
	struct auth_user *u = auth_user_find(&auth->db, a->act.name);
	struct auth_db *before;

	if (u == NULL) {
		end(auth, a, 404, NO_SUCH_USER);
		return;
	}
	before = change_begin(auth, a, AUTH_FILE_USERS);
	if (before == NULL)
		return;
	auth_user_remove(&auth->db, u);
	if (change_end(auth, a, AUTH_FILE_USERS, before) == 0)
		end(auth, a, 200, "removed");
}

static void
user_role(struct auth *auth, struct auth_act *a)
{
	struct auth_user *u = auth_user_find(&auth->db, a->act.name);
	struct auth_db *before;

	if (u == NULL) {
		end(auth, a, 404, NO_SUCH_USER);
		return;
	}
	if (a->act.role == ACT_ROLE_NONE) {
		end(auth, a, 422, "a role is viewer, operator or admin");
		return;
	}
	before = change_begin(auth, a, AUTH_FILE_USERS);
	if (before == NULL)
		return;
	u->role = a->act.role;
	u->changed = auth_now();
	if (change_end(auth, a, AUTH_FILE_USERS, before) == 0)
		end(auth, a, 200, act_role_name((enum act_role)u->role));
}

/* Whose password it is about. */
static const char *
password_of(const struct auth_act *a)
{
	return a->act.name[0] != '\0' ? a->act.name : a->who.user;
}

static void
password_hashed(struct auth *auth, void *arg, int result, const char *hash)
{
	struct auth_act *a = still_there(auth, arg);
	struct auth_session *keep = NULL;
	struct auth_db *before;
	struct auth_user *u;

	if (a == NULL)
		return;
	u = auth_user_find(&auth->db, password_of(a));
	if (result != 1 || u == NULL) {
		end(auth, a, u == NULL ? 404 : 503,
		    u == NULL ? NO_SUCH_USER :
				"the password could not be hashed");
		return;
	}
	before = change_begin(auth, a, AUTH_FILE_USERS);
	if (before == NULL)
		return;
	snprintf(u->hash, sizeof(u->hash), "%s", hash);
	u->changed = auth_now();
	/* Whoever else was logged in with the old one is not any more. */
	for (unsigned i = 0; i < auth->db.nsessions; i++) {
		if (strcmp(auth->db.session[i].id, a->who.session) == 0)
			keep = &auth->db.session[i];
	}
	auth_sessions_drop(&auth->db, u->name, keep);
	if (change_end(auth, a, AUTH_FILE_USERS, before) == 0)
		end(auth, a, 200, "changed");
}

static void
old_checked(struct auth *auth, void *arg, int result, const char *hash)
{
	struct auth_act *a = still_there(auth, arg);

	if (a == NULL)
		return;
	if (result == -1) {
		throttle_refund(&auth->by_user, a->who.user);
		end(auth, a, 503, "the password could not be checked");
		return;
	}
	if (result == 0) {
		end(auth, a, 403, "the old password is wrong");
		return;
	}
	auth_right(auth, a->who.user, a->act.who.peer);
	hash_then(auth, a, strchr(a->text, '\n') + 1, NULL, password_hashed);
}

/* One's own: "old\nnew". */
static void
own_password(struct auth *auth, struct auth_act *a)
{
	char *nl = strchr(a->text, '\n'), old[PASSWORD_MAX];
	const char *why = nl == NULL ? "" : password_wrong(nl + 1);
	uint32_t slow;

	if (!a->who.is_user) {
		end(auth, a, 400, "only a user has a password");
		return;
	}
	if (nl == NULL || (size_t)(nl - a->text) >= sizeof(old)) {
		end(auth, a, 400, "the old and the new password are wanted");
		return;
	}
	if (why != NULL) {
		end(auth, a, 422, why);
		return;
	}
	slow = auth_slow(auth, a->who.user, a->act.who.peer);
	if (slow > 0) {
		end(auth, a, 429, "too many wrong passwords; wait a little");
		return;
	}
	auth_charge(auth, a->who.user, a->act.who.peer);
	memcpy(old, a->text, (size_t)(nl - a->text));
	old[nl - a->text] = '\0';
	hash_then(auth, a, old, auth_hash_of(auth, a->who.user), old_checked);
	explicit_bzero(old, sizeof(old));
}

static void
user_password(struct auth *auth, struct auth_act *a)
{
	const char *why;

	if (a->act.name[0] == '\0' ||
	    (a->who.role < ACT_ROLE_ADMIN && a->who.is_user &&
		strcmp(a->act.name, a->who.user) == 0)) {
		own_password(auth, a);
		return;
	}
	why = password_wrong(a->text);
	if (a->who.role < ACT_ROLE_ADMIN)
		end(auth, a, 403, "another's password takes the role admin");
	else if (auth_user_find(&auth->db, a->act.name) == NULL)
		end(auth, a, 404, NO_SUCH_USER);
	else if (why != NULL)
		end(auth, a, 422, why);
	else
		hash_then(auth, a, a->text, NULL, password_hashed);
}

static void
put_time(struct json_out *j, const char *key, int64_t t)
{
	char text[21];

	if (t == 0) {
		json_knull(j, key);
		return;
	}
	auth_time_text(t, text);
	json_kcstr(j, key, text);
}

static unsigned
sessions_of(const struct auth *auth, const char *user)
{
	struct auth_life life = { auth->conf.idle_s, auth->conf.age_s };
	unsigned n = 0;

	for (unsigned i = 0; i < auth->db.nsessions; i++) {
		const struct auth_session *s = &auth->db.session[i];

		n += strcmp(s->user, user) == 0 &&
		    auth_session_left(s, &life, auth_now()) > 0;
	}
	return n;
}

static void
users(struct auth *auth, struct auth_act *a)
{
	struct json_out j;

	json_init(&j, ACT_RESULT_MAX);
	json_array(&j);
	for (unsigned i = 0; i < auth->db.nusers; i++) {
		const struct auth_user *u = &auth->db.user[i];

		json_object(&j);
		json_kcstr(&j, "name", u->name);
		json_kcstr(&j, "role", act_role_name((enum act_role)u->role));
		put_time(&j, "created", u->created);
		put_time(&j, "changed", u->changed);
		json_kuint(&j, "sessions", sessions_of(auth, u->name));
		json_object_end(&j);
	}
	json_array_end(&j);
	end_json(auth, a, "", &j);
}

/* --- tokens --- */

static void
token_create(struct auth *auth, struct auth_act *a)
{
	char secret[AUTH_SECRET], text[sizeof(AUTH_TOKEN_IS) + AUTH_SECRET];
	struct auth_db *before;
	struct auth_token *t;
	struct json_out j;

	if (!auth_name_ok(a->act.name) || a->act.role == ACT_ROLE_NONE ||
	    a->act.n > TOKEN_LIFE) {
		end(auth, a, 422,
		    "a token has a name of 1 to 32 letters, digits, . _ @ + -, "
		    "a role, and lives a hundred years at most");
		return;
	}
	if (auth_token_find(&auth->db, a->act.name) != NULL) {
		end(auth, a, 409, "there is such a token already");
		return;
	}
	before = change_begin(auth, a, AUTH_FILE_TOKENS);
	if (before == NULL)
		return;
	t = auth_token_add(&auth->db);
	if (t == NULL) {
		free(before);
		end(auth, a, 409, "there are 256 tokens already");
		return;
	}
	auth_random(secret, t->id);
	snprintf(text, sizeof(text), AUTH_TOKEN_IS "%s", secret);
	auth_digest(text, t->digest);
	snprintf(t->name, sizeof(t->name), "%s", a->act.name);
	t->role = a->act.role;
	t->created = auth_now();
	t->expires = a->act.n == 0 ? 0 : t->created + (int64_t)a->act.n;
	json_init(&j, ACT_RESULT_MAX);
	json_object(&j);
	json_kcstr(&j, "id", t->id);
	json_kcstr(&j, "name", t->name);
	json_kcstr(&j, "role", act_role_name((enum act_role)t->role));
	json_kcstr(&j, "token", text);
	put_time(&j, "expires", t->expires);
	json_object_end(&j);
	if (change_end(auth, a, AUTH_FILE_TOKENS, before) == 0)
		end_json(auth, a, "created", &j);
	else
		json_clear(&j);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
}

static void
token_revoke(struct auth *auth, struct auth_act *a)
{
	struct auth_token *t = auth_token_find(&auth->db, a->act.name);
	struct auth_db *before;

	if (t == NULL) {
		end(auth, a, 404, NO_SUCH_TOKEN);
		return;
	}
	before = change_begin(auth, a, AUTH_FILE_TOKENS);
	if (before == NULL)
		return;
	auth_token_remove(&auth->db, t);
	if (change_end(auth, a, AUTH_FILE_TOKENS, before) == 0)
		end(auth, a, 200, "revoked");
}

static void
tokens(struct auth *auth, struct auth_act *a)
{
	struct json_out j;

	json_init(&j, ACT_RESULT_MAX);
	json_array(&j);
	for (unsigned i = 0; i < auth->db.ntokens; i++) {
		const struct auth_token *t = &auth->db.token[i];

		json_object(&j);
		json_kcstr(&j, "id", t->id);
		json_kcstr(&j, "name", t->name);
		json_kcstr(&j, "role", act_role_name((enum act_role)t->role));
		put_time(&j, "created", t->created);
		put_time(&j, "expires", t->expires);
		put_time(&j, "last_used", t->used);
		json_kbool(&j, "expired",
		    t->expires != 0 && t->expires <= auth_now());
		json_object_end(&j);
	}
	json_array_end(&j);
	end_json(auth, a, "", &j);
}

/* --- the rest --- */

static void
login_url(struct auth *auth, struct auth_act *a)
{
	char url[256], uid[ACT_NAME];
	const char *user = a->who.user;
	struct json_out j;

	/* A token and "anybody" are no users: it logs in as who runs
	 * HashScope. */
	snprintf(uid, sizeof(uid), AUTH_UID_IS "%u", auth->conf.owner_uid);
	if (!a->who.is_user && a->who.by != ACT_UID)
		user = uid;
	if (auth_url(auth, user, url, sizeof(url)) == -1) {
		end(auth, a, 503, "there is no console");
		return;
	}
	json_init(&j, ACT_RESULT_MAX);
	json_object(&j);
	json_kcstr(&j, "url", url);
	json_kuint(&j, "lives_s", AUTH_CODE_S);
	json_object_end(&j);
	explicit_bzero(url, sizeof(url));
	end_json(auth, a, "", &j);
}

static void
audit(struct auth *auth, struct auth_act *a)
{
	struct json_out j;

	json_init(&j, ACT_RESULT_MAX);
	audit_read(&auth->audit, (unsigned)a->act.n, a->act.pos,
	    ACT_RESULT_MAX - 16, &j);
	end_json(auth, a, "", &j);
}

void
auth_admin(struct auth *auth, struct auth_act *a)
{
	static void (*const fn[ACT_MAX])(struct auth *, struct auth_act *) = {
		[ACT_USER_ADD] = user_add,
		[ACT_USER_REMOVE] = user_remove,
		[ACT_USER_PASSWORD] = user_password,
		[ACT_USER_ROLE] = user_role,
		[ACT_USERS] = users,
		[ACT_TOKEN_CREATE] = token_create,
		[ACT_TOKEN_REVOKE] = token_revoke,
		[ACT_TOKENS] = tokens,
		[ACT_LOGIN_URL] = login_url,
		[ACT_AUDIT] = audit,
	};

	/* A text with a NUL inside is no password. */
	if (strlen(a->text) != a->act.text_len)
		end(auth, a, 400, "a NUL in the text");
	else if (fn[a->act.kind] == NULL)
		end(auth, a, 503, "not known here");
	else
		fn[a->act.kind](auth, a);
}
