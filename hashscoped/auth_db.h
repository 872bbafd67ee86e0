/*
 * Who may log in: users, tokens, and the sessions of the console.  Three
 * small tables in memory, and the text files hashscope-users(5) that they
 * are kept in.  Pure: bytes in, tables out; no files, no clock.
 *
 * Secrets are 256 random bits, so their SHA-256 is all that is kept, without
 * salt or stretching; passwords are people's, and kept as yescrypt.
 *
 * Times are seconds since 1970.
 */
#ifndef HASHSCOPED_AUTH_DB_H
#define HASHSCOPED_AUTH_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/act.h"
#include "common/sha256.h"

#define AUTH_USERS    256
#define AUTH_TOKENS   256
#define AUTH_SESSIONS 256
#define AUTH_PER_USER 16 /* sessions of one user; the oldest goes */

#define AUTH_HASH     120           /* of a password, with NUL */
#define AUTH_ID       9             /* of a token or session: 8 hex digits */
#define AUTH_FILE_MAX (256u * 1024) /* bytes of one file */
/* A secret as it is shown: 32 bytes in base64url, and NUL. */
#define AUTH_SECRET   44
#define AUTH_TOKEN_IS "hst_" /* how a token begins */

/* From a name like "uid:0", which no user can have: a login URL's. */
#define AUTH_UID_IS   "uid:"

struct auth_user {
	char name[ACT_NAME];
	uint8_t role; /* enum act_role */
	char hash[AUTH_HASH];
	int64_t created, changed;
};

struct auth_token {
	char id[AUTH_ID];
	char name[ACT_NAME];
	uint8_t role;
	uint8_t digest[SHA256_LEN];
	int64_t created;
	int64_t expires; /* 0: does not */
	int64_t used;    /* 0: never */
};

struct auth_session {
	char id[AUTH_ID];
	char user[ACT_NAME]; /* a user, or "uid:N" of a login URL */
	uint8_t digest[SHA256_LEN];
	int64_t created, used;
	char peer[ACT_PEER]; /* whence it was opened */
};

struct auth_db {
	struct auth_user user[AUTH_USERS];
	struct auth_token token[AUTH_TOKENS];
	struct auth_session session[AUTH_SESSIONS];
	unsigned nusers, ntokens, nsessions;
};

enum auth_file {
	AUTH_FILE_USERS,
	AUTH_FILE_TOKENS,
	AUTH_FILE_SESSIONS,
	AUTH_FILES
};

/* "users", "tokens", "sessions" */
const char *auth_file_name(enum auth_file);

/*
 * Replaces one table by what a file says.  -1 for anything odd, *line the
 * line of it, and the table is then empty.
 */
int auth_db_parse(struct auth_db *, enum auth_file, const char *text,
    size_t len, unsigned *line);
/* The file of a table; body->bad without memory. */
void auth_db_format(const struct auth_db *, enum auth_file, struct mbuf *);

/* 1 to 32 letters, digits, . _ @ + -, the first no sign. */
bool auth_name_ok(const char *);
/* "2026-11-21T12:00:00Z" */
void auth_time_text(int64_t, char out[21]);

struct auth_user *auth_user_find(struct auth_db *, const char *name);
/* NULL: there is no room. */
struct auth_user *auth_user_add(struct auth_db *, const char *name);
/* Its sessions go as well. */
void auth_user_remove(struct auth_db *, struct auth_user *);

/* By its id or its name. */
struct auth_token *auth_token_find(struct auth_db *, const char *);
struct auth_token *auth_token_add(struct auth_db *);
void auth_token_remove(struct auth_db *, struct auth_token *);
/* The token of this secret that has not expired; NULL. */
struct auth_token *auth_token_of(struct auth_db *, const char *secret,
    int64_t now);

/* How long sessions live, seconds. */
struct auth_life {
	int64_t idle, age;
};
/* Removes the oldest of this user, or of all, when there is no room. */
struct auth_session *auth_session_add(struct auth_db *, const char *user);
/* Seconds until it expires; 0 when it has. */
int64_t auth_session_left(const struct auth_session *, const struct auth_life *,
    int64_t now);
struct auth_session *auth_session_of(struct auth_db *, const char *secret,
    const struct auth_life *, int64_t now);
void auth_session_remove(struct auth_db *, struct auth_session *);
/* All of a user but keep (NULL: all). */
void auth_sessions_drop(struct auth_db *, const char *user,
    const struct auth_session *keep);
/* Removes what has expired; how many. */
unsigned auth_db_expire(struct auth_db *, const struct auth_life *,
    int64_t now);

/* 32 bytes as AUTH_SECRET characters; n bytes as hex digits and NUL. */
void auth_secret_text(const uint8_t bytes[32], char out[AUTH_SECRET]);
void auth_digest(const char *secret, uint8_t digest[SHA256_LEN]);
/* Takes as long for any two. */
bool auth_same(const uint8_t *, const uint8_t *, size_t n);

#endif
