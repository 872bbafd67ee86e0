/*
 * Users, tokens, sessions: the tables, and who is found in them.
 */
#include <ctype.h>
#include <string.h>

#include "common/hex.h"
#include "hashscoped/auth_db.h"

#define NAME_MAX_LEN 32

bool
auth_name_ok(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > NAME_MAX_LEN || !isalnum((unsigned char)s[0]))
		return false;
	for (size_t i = 0; i < n; i++) {
		/* isalnum() of the C locale: ASCII alone. */
		if (!isalnum((unsigned char)s[i]) &&
		    strchr("._@+-", s[i]) == NULL)
			return false;
	}
	return true;
}

/* --- secrets --- */

void
auth_secret_text(const uint8_t bytes[32], char out[AUTH_SECRET])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned n = 0, o = 0;

	for (unsigned i = 0; i < 32; i++) {
		bits = bits << 8 | bytes[i];
		for (n += 8; n >= 6; n -= 6)
			out[o++] = digits[bits >> (n - 6) & 63];
	}
	out[o++] = digits[bits << (6 - n) & 63];
	out[o] = '\0';
}

void
auth_digest(const char *secret, uint8_t digest[SHA256_LEN])
{
	sha256(secret, strlen(secret), digest);
}

bool
auth_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/* --- users --- */

struct auth_user *
auth_user_find(struct auth_db *db, const char *name)
{
	for (unsigned i = 0; i < db->nusers; i++) {
		if (strcmp(db->user[i].name, name) == 0)
			return &db->user[i];
	}
	return NULL;
}

struct auth_user *
auth_user_add(struct auth_db *db, const char *name)
{
	struct auth_user *u;

	if (db->nusers == AUTH_USERS)
		return NULL;
	u = &db->user[db->nusers++];
	memset(u, 0, sizeof(*u));
	strncpy(u->name, name, sizeof(u->name) - 1);
	return u;
}

void
auth_user_remove(struct auth_db *db, struct auth_user *u)
{
	auth_sessions_drop(db, u->name, NULL);
	memmove(u, u + 1,
	    (size_t)(&db->user[db->nusers] - (u + 1)) * sizeof(*u));
	db->nusers--;
}

/* --- tokens --- */

struct auth_token *
auth_token_find(struct auth_db *db, const char *name)
{
	for (unsigned i = 0; i < db->ntokens; i++) {
		if (strcmp(db->token[i].name, name) == 0 ||
		    strcmp(db->token[i].id, name) == 0)
			return &db->token[i];
	}
	return NULL;
}

struct auth_token *
auth_token_add(struct auth_db *db)
{
	struct auth_token *t;

	if (db->ntokens == AUTH_TOKENS)
		return NULL;
	t = &db->token[db->ntokens++];
	memset(t, 0, sizeof(*t));
	return t;
}

void
auth_token_remove(struct auth_db *db, struct auth_token *t)
{
	memmove(t, t + 1,
	    (size_t)(&db->token[db->ntokens] - (t + 1)) * sizeof(*t));
	db->ntokens--;
}

struct auth_token *
auth_token_of(struct auth_db *db, const char *secret, int64_t now)
{
	uint8_t digest[SHA256_LEN];

	auth_digest(secret, digest);
	for (unsigned i = 0; i < db->ntokens; i++) {
		struct auth_token *t = &db->token[i];

		if (auth_same(t->digest, digest, sizeof(digest)))
			return t->expires == 0 || now < t->expires ? t : NULL;
	}
	return NULL;
}

/* --- sessions --- */

/* The one used longest ago, of user or (NULL) of all; *n: how many. */
static struct auth_session *
oldest(struct auth_db *db, const char *user, unsigned *n)
{
	struct auth_session *old = NULL;

	*n = 0;
	for (unsigned i = 0; i < db->nsessions; i++) {
		struct auth_session *s = &db->session[i];

		if (user != NULL && strcmp(s->user, user) != 0)
			continue;
		(*n)++;
		if (old == NULL || s->used < old->used)
			old = s;
	}
	return old;
}

struct auth_session *
auth_session_add(struct auth_db *db, const char *user)
{
	struct auth_session *s;
	unsigned n;

	s = oldest(db, user, &n);
	if (s != NULL && n >= AUTH_PER_USER)
		auth_session_remove(db, s);
	s = oldest(db, NULL, &n);
	if (s != NULL && n == AUTH_SESSIONS)
		auth_session_remove(db, s);
	s = &db->session[db->nsessions++];
	memset(s, 0, sizeof(*s));
	strncpy(s->user, user, sizeof(s->user) - 1);
	return s;
}

int64_t
auth_session_left(const struct auth_session *s, const struct auth_life *life,
    int64_t now)
{
	int64_t idle, age;

	/* The clock was set back: nothing lives longer for that. */
	if (now < s->used)
		now = s->used;
	idle = s->used + life->idle - now;
	age = s->created + life->age - now;
	if (age < idle)
		idle = age;
	return idle > 0 ? idle : 0;
}

struct auth_session *
auth_session_of(struct auth_db *db, const char *secret,
    const struct auth_life *life, int64_t now)
{
	uint8_t digest[SHA256_LEN];

	auth_digest(secret, digest);
	for (unsigned i = 0; i < db->nsessions; i++) {
		struct auth_session *s = &db->session[i];

		if (auth_same(s->digest, digest, sizeof(digest)))
			return auth_session_left(s, life, now) > 0 ? s : NULL;
	}
	return NULL;
}

void
auth_session_remove(struct auth_db *db, struct auth_session *s)
{
	memmove(s, s + 1,
	    (size_t)(&db->session[db->nsessions] - (s + 1)) * sizeof(*s));
	db->nsessions--;
}

void
auth_sessions_drop(struct auth_db *db, const char *user,
    const struct auth_session *keep)
{
	char id[AUTH_ID] = "";
	unsigned i = 0;

	/* By its id, since it moves as others go. */
	if (keep != NULL)
		memcpy(id, keep->id, sizeof(id));
	while (i < db->nsessions) {
		struct auth_session *s = &db->session[i];

		if (strcmp(s->user, user) == 0 && strcmp(s->id, id) != 0)
			auth_session_remove(db, s);
		else
			i++;
	}
}

unsigned
auth_db_expire(struct auth_db *db, const struct auth_life *life, int64_t now)
{
	unsigned i = 0, n = 0;

	while (i < db->nsessions) {
		struct auth_session *s = &db->session[i];

		/* Or whose user is gone: a file that somebody edited. */
		if (auth_session_left(s, life, now) > 0 &&
		    (strncmp(s->user, AUTH_UID_IS, strlen(AUTH_UID_IS)) == 0 ||
			auth_user_find(db, s->user) != NULL)) {
			i++;
			continue;
		}
		auth_session_remove(db, s);
		n++;
	}
	return n;
}
