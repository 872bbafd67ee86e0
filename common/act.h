/*
 * Acting: what an operator may have done, asked of the auth role by apid or
 * by control, and passed by auth to the process which does it.  auth is the
 * only way: it knows who asks, checks the role, writes the audit line, and
 * only then passes the act on (DO); what comes back (DONE) is the answer.
 *
 *	apid, control  --ACT-->  auth  --DO-->  supervisor, captured, replay,
 *	               <-ACTED-         <-DONE- nostrd
 *
 * The act stands in the audit log before DO goes out, its outcome before
 * ACTED does; where it cannot be written nothing is done, and that is a 503.
 *
 * Reading users, tokens and the audit log goes the same way, since only auth
 * has them.
 */
#ifndef COMMON_ACT_H
#define COMMON_ACT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"

/* What somebody is; each may do what those before it may. */
enum act_role {
	ACT_ROLE_NONE,
	ACT_ROLE_VIEWER,
	ACT_ROLE_OPERATOR,
	ACT_ROLE_ADMIN
};
/* "viewer", "operator", "admin"; "" for none. */
const char *act_role_name(enum act_role);
/* ACT_ROLE_NONE for anything else. */
enum act_role act_role_parse(const char *);

/* By what somebody is known. */
enum act_credential {
	ACT_NOBODY,
	ACT_OPEN,   /* nothing was asked for: API_AUTH=none */
	ACT_COOKIE, /* the secret of a session of the console */
	ACT_BEARER, /* a token */
	ACT_UID     /* from control: the uid of who runs hashscopectl */
};

#define ACT_SECRET   96   /* bytes of a cookie or token, with NUL */
#define ACT_NAME     64   /* of a user or a token, with NUL */
#define ACT_PEER     64   /* "ip:port", or "hashscopectl", with NUL */
#define ACT_WORKER   129  /* as in session_rec */
#define ACT_DETAIL   1024 /* of what was answered, with NUL */
#define ACT_TEXT_MAX 65536u

struct act_who {
	uint8_t credential; /* enum act_credential */
	uint32_t uid;       /* ACT_UID */
	bool may_act;       /* ACT_UID: of the group that may, says control */
	char secret[ACT_SECRET];
	char peer[ACT_PEER]; /* whence, for the audit log */
	char user[ACT_NAME]; /* filled by auth in DO */
};

/*
 * Name, the same in the audit log, who does it, the role it takes, whether it
 * is audited.  The fields which each reads are said before it.
 */
/* clang-format off */
#define ACT_LIST(X) \
	/* session */ \
	X(DISCONNECT,         "disconnect",          SUPERVISOR, OPERATOR, true) \
	/* session, or worker; on */ \
	X(BROADCAST,          "broadcast",           CAPTURE,    OPERATOR, true) \
	/* session, or worker; n: 1…1000 */ \
	X(REPEAT_COUNT,       "repeat-count",        CAPTURE,    OPERATOR, true) \
	/* session, or worker; n: 1…900000 */ \
	X(AUTO_REPLAY_COUNT,  "auto-replay-count",   CAPTURE,    OPERATOR, true) \
	/* session; on */ \
	X(AUTO_REPLAY,        "auto-replay",         REPLAY,     OPERATOR, true) \
	/* pos: the message; text: a line instead of it, or ""; n: how often */ \
	X(REPLAY,             "replay",              REPLAY,     OPERATOR, true) \
	/* every replay and loop that runs */ \
	X(REPLAY_STOP,        "replay-stop",         REPLAY,     OPERATOR, true) \
	/* text: an agent's id, "" for all; by an event on Nostr */ \
	X(AGENTS_STOP,        "agents-stop",         NOSTR,      OPERATOR, true) \
	X(AGENTS_START,       "agents-start",        NOSTR,      OPERATOR, true) \
	X(RELOAD,             "reload",              SUPERVISOR, ADMIN,    true) \
	/* n: 1 verbose */ \
	X(LOG_LEVEL,          "log-level",           SUPERVISOR, ADMIN,    true) \
	/* n: ms, UINT32_MAX as configured */ \
	X(DRAIN,              "drain",               SUPERVISOR, ADMIN,    true) \
	/* name; role; text: the password */ \
	X(USER_ADD,           "user-add",            AUTH,       ADMIN,    true) \
	X(USER_REMOVE,        "user-remove",         AUTH,       ADMIN,    true) \
	/* name ("": one's own); text: "old\nnew", or "new" by an admin */ \
	X(USER_PASSWORD,      "user-password",       AUTH,       VIEWER,   true) \
	X(USER_ROLE,          "user-role",           AUTH,       ADMIN,    true) \
	X(USERS,              "users",               AUTH,       ADMIN,    false) \
	/* name; role; n: seconds it lives, 0 for ever; result: the token */ \
	X(TOKEN_CREATE,       "token-create",        AUTH,       ADMIN,    true) \
	X(TOKEN_REVOKE,       "token-revoke",        AUTH,       ADMIN,    true) \
	X(TOKENS,             "tokens",              AUTH,       ADMIN,    false) \
	/* result: a URL that logs in once */ \
	X(LOGIN_URL,          "login-url",           AUTH,       ADMIN,    true) \
	/* n: newest lines, 1…1000; pos: before this line, 0 from the end */ \
	X(AUDIT,              "audit",               AUTH,       ADMIN,    false)
/* clang-format on */

enum act_kind {
	ACT_NONE,
#define X(name, text, by, role, audited) ACT_##name,
	ACT_LIST(X)
#undef X
	ACT_MAX
};

struct act_info {
	const char *name;   /* "repeat-count" */
	enum role by;       /* who does it */
	enum act_role role; /* that it takes */
	bool audited;
};
/* NULL for a number that is no act. */
const struct act_info *act_info(unsigned kind);

/* Body of ACT (asked) and of DO (passed on, user filled, secret empty). */
struct act {
	struct act_who who;
	uint8_t kind; /* enum act_kind */
	bool has_session;
	uint8_t session[16];
	char worker[ACT_WORKER]; /* "" none */
	uint64_t pos;
	uint64_t n;
	bool on;
	uint8_t role; /* enum act_role */
	char name[ACT_NAME];
	const char *text; /* not ended by NUL; into the body */
	uint32_t text_len;
};
void act_put(struct mbuf *, const struct act *);
/* Values out of range make the cursor bad. */
void act_get(struct mcur *, struct act *);

/*
 * Body of DONE (from who did it) and of ACTED (from auth).  status is that
 * of HTTP: 200; 400 the act makes no sense, 401 who are you, 403 your role
 * does not allow it, 404 there is no such thing, 409 it exists or has ended,
 * 422 a value out of range, 429 too many, 503 who does it is not there.
 */
struct act_done {
	uint16_t status;
	char detail[ACT_DETAIL]; /* why not; with 200 a word for people, "" */
	const char *result;      /* JSON, one value; "" none; into the body */
	uint32_t result_len;
};
#define ACT_RESULT_MAX (256u * 1024u)
void act_done_put(struct mbuf *, const struct act_done *);
void act_done_get(struct mcur *, struct act_done *);

/* --- who somebody is (apid asks auth) --- */

/* Body of IDENTITY, the answer to WHO and LOGIN. */
struct act_identity {
	uint16_t status;  /* 200, 401, 429 (retry_s), 503 */
	uint8_t role;     /* enum act_role; none: not known */
	uint32_t retry_s; /* 429: not before */
	uint32_t lives_s; /* until it expires; 0: does not */
	char user[ACT_NAME];
	char secret[ACT_SECRET]; /* LOGIN: of the new session's cookie */
};
void act_who_put(struct mbuf *, const struct act_who *);
void act_who_get(struct mcur *, struct act_who *);
void act_identity_put(struct mbuf *, const struct act_identity *);
void act_identity_get(struct mcur *, struct act_identity *);

/* Body of LOGIN: a name and a password, or the code of a one-time URL. */
struct act_login {
	char peer[ACT_PEER];
	char user[ACT_NAME];
	char password[257];
	char code[ACT_SECRET];
};
void act_login_put(struct mbuf *, const struct act_login *);
void act_login_get(struct mcur *, struct act_login *);

#endif
