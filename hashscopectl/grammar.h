/*
 * The language of hashscopectl: words in a table that says what may follow
 * each, so that parsing, prefixes, errors and help come from one place.
 */
#ifndef HASHSCOPECTL_GRAMMAR_H
#define HASHSCOPECTL_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/record.h"

/* Not ACT_: those are the acts of common/act.h. */
enum action {
	CMD_NONE,
	CMD_HELP,
	CMD_SUMMARY,
	CMD_SESSIONS,
	CMD_SESSION,
	CMD_MESSAGES,
	CMD_MESSAGE,
	CMD_SHARES,
	CMD_SHARE,
	CMD_WORKERS,
	CMD_JOBS,
	CMD_ALERTS,
	CMD_JOB,
	CMD_STATS,
	CMD_PROCESSES,
	CMD_AGENTS,
	CMD_AGENTS_STOP,
	CMD_AGENTS_START,
	CMD_RELAYS,
	CMD_KEY,
	CMD_POOLS,
	CMD_CONFIG,
	CMD_MONITOR,
	CMD_DISCONNECT,
	CMD_DRAIN,
	CMD_RELOAD,
	CMD_LOG,
	CMD_REPLAY,
	CMD_REPLAY_STOP,
	CMD_BROADCAST,
	CMD_REPEAT_COUNT,
	CMD_AUTO_COUNT,
	CMD_AUTO_REPLAY,
	CMD_EXPORT,
	CMD_VERIFY,
	CMD_AUDIT,
	CMD_LOGIN_URL,
	CMD_USER_ADD,
	CMD_USER_REMOVE,
	CMD_USER_PASSWORD,
	CMD_USER_ROLE,
	CMD_USER_LIST,
	CMD_TOKEN_CREATE,
	CMD_TOKEN_REVOKE,
	CMD_TOKEN_LIST,
	CMD_MAX
};

#define COMMAND_FILE     4096 /* bytes of a path, with NUL */
#define COMMAND_NAME     64   /* as ACT_NAME */

/* What relayd takes for: as long as the configuration says. */
#define DRAIN_CONFIGURED UINT32_MAX

struct command {
	enum action action;
	struct query query;         /* its filters; limit 0: not said */
	char session[SESSION_TEXT]; /* an id or its beginning; "" none */
	uint32_t drain_ms;
	bool verbose;
	bool on;                 /* broadcast, auto-replay */
	const char *agent;       /* one of the words; NULL all */
	uint64_t count;          /* of replays; 0 not said */
	const char *edit;        /* one of the words; NULL none */
	char name[COMMAND_NAME]; /* of a user or a token */
	uint8_t role;            /* enum act_role */
	uint64_t expires_s;      /* 0: never */
	char file[COMMAND_FILE];
	bool disputed;  /* only shares that are */
	bool alerts;    /* monitor: nothing else */
	uint8_t format; /* enum export_format */
};

/* What can be said at a place; a table of grammar.c. */
struct place;

struct grammar_error {
	int at;         /* index of the word that is wrong; argc: missing */
	char text[160]; /* "not a word here", "ambiguous", … */
	const struct place *expected; /* NULL: an argument; see text */
};

/*
 * Understands argv[0…argc-1].  now_us is what "10m" is before.  0; 1 when
 * help was asked for, err->expected being the place; -1 with *err.
 */
int grammar_parse(int argc, char *const argv[], int64_t now_us,
    struct command *, struct grammar_error *err);

/* Lists what may be said there. */
void grammar_help(FILE *, const struct place *);

/*
 * RFC 3339, "HH:MM" or "HH:MM:SS" (local, the last time it was so late), or
 * "90s", "10m", "2h", "3d" ago.  0, or -1.
 */
int grammar_time(const char *, int64_t now_us, int64_t *us);

#endif
