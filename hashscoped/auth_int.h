/*
 * What the files of the auth role share:
 *
 *	auth.c		the role: configuration, peers, the clock
 *	auth_db.c	users, tokens, sessions
 *	auth_file.c	the text that they are kept in
 *	auth_store.c	reading and writing those files
 *	auth_throttle.c	slowing those who guess
 *	auth_hash.c	what the password role is asked
 *	auth_login.c	WHO, LOGIN, LOGOUT; one-time URLs
 *	auth_act.c	ACT: who, may they, audit, DO, DONE, ACTED
 *	auth_admin.c	the acts that are auth's own
 *	auth_audit.c	the audit log
 *	auth_note.c	what its lines say
 */
#ifndef HASHSCOPED_AUTH_INT_H
#define HASHSCOPED_AUTH_INT_H

#include <sys/queue.h>

#include "common/act.h"
#include "common/childconf.h"
#include "common/proc.h"
#include "hashscoped/auth_audit.h"
#include "hashscoped/auth_db.h"
#include "hashscoped/auth_throttle.h"

#define AUTH_ACTS         64 /* under way at once */
#define AUTH_HASHES       16 /* questions for the password role */
#define AUTH_LOGINS       8  /* of them, of logins */
#define AUTH_CODES        8  /* login URLs that are valid */
#define AUTH_CODE_S       600
#define AUTH_HASH_MS      5000
/* Longer than a reload takes, and less than control waits. */
#define AUTH_DO_MS        14000
/* Sessions' and tokens' last use reaches the disk so often. */
#define AUTH_SAVE_MS      60000
#define AUTH_SLOW_ADDRESS 60000 /* ms: the longest delays */
#define AUTH_SLOW_USER    30000

struct auth;

struct auth_peer {
	struct auth *auth;
	struct ipc *ipc; /* NULL: away */
	uint32_t generation;
};

/* A URL that logs in once. */
struct auth_code {
	uint8_t digest[SHA256_LEN];
	char user[ACT_NAME];
	int64_t until; /* ms, monotonic; 0: unused */
};

struct auth_hash_job;
struct auth_act;

struct auth {
	struct event_base *base;
	struct ipc *supervisor;
	struct auth_conf conf, next;
	bool have_next;
	int dir, next_dir; /* of the files; -1 none */
	struct auth_db db;
	bool broken[AUTH_FILES]; /* not to be overwritten */
	unsigned broken_line[AUTH_FILES];
	bool dirty[AUTH_FILES];
	int64_t saved_ms;
	struct audit audit;
	bool full_told;
	struct throttle by_address, by_user;
	struct auth_peer peers[ROLE_MAX];
	struct auth_code codes[AUTH_CODES];
	TAILQ_HEAD(, auth_hash_job) hashes;
	unsigned nhashes, nlogins;
	TAILQ_HEAD(, auth_act) acts;
	unsigned nacts;
	uint32_t last_id;
	struct event *tick;
};

/* By what somebody is known, once it is. */
struct auth_identity {
	enum act_credential by;
	uint8_t role; /* enum act_role */
	char user[ACT_NAME];
	char session[AUTH_ID]; /* cookie: of it */
	bool is_user;          /* of our table: it has a password */
	int64_t lives;         /* seconds; 0: for ever */
};

/* --- auth.c --- */
int64_t auth_now(void); /* seconds since 1970 */
int64_t auth_ms(void);  /* ms that only grow */
/* 32 random bytes as text; id (may be NULL) 8 hex digits. */
void auth_random(char secret[AUTH_SECRET], char id[AUTH_ID]);
uint32_t auth_next_id(struct auth *);
/* apid is to ask again who everybody is. */
void auth_forget(struct auth *);

/* A channel to a peer; fd is taken over. */
void auth_peer(struct auth *, enum role, uint32_t generation, int fd);

/* --- auth_store.c --- */
/* Reads users and tokens, and at the start the sessions as well, which are
 * nobody's to edit. */
void auth_load(struct auth *, bool sessions);
/* Writes one; -1 with why. */
int auth_save(struct auth *, enum auth_file, char *why, size_t size);
/* Whether it may be changed; else -1 with why. */
int auth_may_change(const struct auth *, enum auth_file, char *why,
    size_t size);

/* --- auth_hash.c --- */
/* result: 1 yes (or made: hash), 0 no, -1 the password role is not there. */
typedef void auth_hash_fn(struct auth *, void *arg, int result,
    const char *hash);
/* hash NULL: make one.  -1: too many wait. */
int auth_hash_ask(struct auth *auth, const char *password, const char *hash,
    bool login, auth_hash_fn *fn, void *arg);
void auth_hash_peer(struct auth *, uint32_t generation, int fd);
void auth_hash_tick(struct auth *);
void auth_hash_clear(struct auth *);

/* --- auth_login.c --- */
/* A user's hash, or for who is none one that nothing matches. */
const char *auth_hash_of(struct auth *, const char *user);
/* Whether this user at this address has to wait: seconds, 0 no. */
uint32_t auth_slow(struct auth *, const char *user, const char *peer);
void auth_charge(struct auth *, const char *user, const char *peer);
void auth_right(struct auth *, const char *user, const char *peer);
/* A status: 200 and who it is, or 401. */
unsigned auth_identify(struct auth *, enum role peer, const struct act_who *,
    struct auth_identity *);
/* A URL that logs in as this user once; -1 without a console. */
int auth_url(struct auth *, const char *user, char *url, size_t size);
void auth_on_who(struct ipc *, struct msg_in *, void *);
void auth_on_login(struct ipc *, struct msg_in *, void *);
void auth_on_logout(struct ipc *, struct msg_in *, void *);

/* --- auth_act.c --- */
struct auth_act {
	TAILQ_ENTRY(auth_act) entry;
	enum role from;      /* who asked */
	uint32_t generation; /* of its channel */
	uint32_t id;         /* its number */
	uint32_t own;        /* ours, in DO */
	struct act act;
	char *text; /* act.text points here, ended by NUL */
	struct auth_identity who;
	uint64_t line; /* of the audit log; 0: not audited */
	bool sent;     /* DO is out */
	int64_t since; /* ms */
};
void auth_on_act(struct ipc *, struct msg_in *, void *);
void auth_on_done(struct ipc *, struct msg_in *, void *);
/* It ends: the outcome is noted, ACTED sent, the act freed. */
void auth_act_end(struct auth *, struct auth_act *, unsigned status,
    const char *detail, const struct json_out *result);
/* Still there: its memory may be gone when a hash comes. */
struct auth_act *auth_act_find(struct auth *, uint32_t own);
void auth_acts_fail(struct auth *, enum role at);
void auth_acts_tick(struct auth *);
void auth_acts_clear(struct auth *);

/* --- auth_admin.c --- */
/* An act of auth's own; it ends now or later. */
void auth_admin(struct auth *, struct auth_act *);

/* --- auth_note.c --- */
/* What an act reads, for the checks and the audit log. */
#define FIELD_SESSION 0x001u /* needs it */
#define FIELD_TARGET  0x002u /* a session or a worker */
#define FIELD_POS     0x004u
#define FIELD_N       0x008u
#define FIELD_ON      0x010u
#define FIELD_ROLE    0x020u
#define FIELD_NAME    0x040u
#define FIELD_TEXT    0x080u /* to be shown: no secret */
#define FIELD_AGENT   0x100u /* text is an agent's id, or "" for all */
struct auth_fields {
	unsigned fields;
	uint64_t min, max; /* of n; max 0: any */
};
const struct auth_fields *auth_fields(unsigned kind);
/* "asked": -1 with why when it cannot be written. */
int auth_note_asked(struct auth *, struct auth_act *, char *why, size_t size);
void auth_note_done(struct auth *, const struct auth_act *, unsigned status,
    const char *detail);
void auth_note_refused(struct auth *, const struct auth_act *, unsigned status,
    const char *detail);
/* how: "password", "url". */
void auth_note_login(struct auth *, const char *user, const char *how,
    const char *peer, bool ok, const char *detail);
void auth_note_logout(struct auth *, const char *user, const char *peer);
/* Asks for another file when this one is long enough. */
void auth_note_full(struct auth *);

#endif
