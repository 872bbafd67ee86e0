/*
 * The grammar.  A place is a list of words, each with the argument that
 * follows it, what it sets, and the place behind it.  Filters lead back to
 * their own place: so they come in any order.
 */
#include <stdlib.h>
#include <string.h>

#include "common/act.h"
#include "common/export.h"
#include "common/verify.h"
#include "hashscopectl/grammar_int.h"

static const char *const arg_names[ARG_MAX] = {
	[ARG_NONE] = "",
	[ARG_SESSION] = "ID",
	[ARG_NUMBER] = "ID",
	[ARG_NUMBER0] = "ID",
	[ARG_SECONDS] = "SECONDS",
	[ARG_LIMIT] = "N",
	[ARG_WORD] = "NAME",
	[ARG_TEXT] = "WORD",
	[ARG_TIME] = "TIME",
	[ARG_FILE] = "FILE",
	[ARG_SHARE] = "ID",
	[ARG_SHARE0] = "ID",
	[ARG_JOB] = "ID",
	[ARG_WORKER] = "NAME",
	[ARG_POOL] = "HOST",
	[ARG_USER] = "NAME",
	[ARG_AGE] = "TIME",
	[ARG_LAST] = "N",
	[ARG_TIMES] = "N",
	[ARG_REPEAT] = "N",
	[ARG_AUTO] = "N",
	[ARG_LINE] = "LINE",
	[ARG_AGENT] = "NAME",
	[ARG_FLEET] = "ID|all",
	[ARG_STEP] = "TIME",
};

static const char *const arg_wants[ARG_MAX] = {
	[ARG_NONE] = "nothing",
	[ARG_SESSION] = "a session's id or its beginning",
	[ARG_NUMBER] = "a message's id: a number from 1",
	[ARG_NUMBER0] = "a message's id: a number from 0",
	[ARG_SECONDS] = "seconds: a number from 0 to 86400",
	[ARG_LIMIT] = "a number from 1 to 100000",
	[ARG_WORD] = "a name of 1 to 63 bytes",
	[ARG_TEXT] = "text of 1 to 255 bytes",
	[ARG_TIME] = "a time: 2026-11-21T12:00:00Z, 12:00, or 10m for ten "
		     "minutes ago",
	[ARG_FILE] = "a file's name of 1 to 4095 bytes",
	[ARG_SHARE] = "a share's id: a number from 1",
	[ARG_SHARE0] = "a share's id: a number from 0",
	[ARG_JOB] = "a job's id: a number from 1",
	[ARG_WORKER] = "a worker's name of 1 to 128 bytes",
	[ARG_POOL] = "a pool's host, or host:port",
	[ARG_USER] = "a name of 1 to 32 letters, digits, . _ @ + -",
	[ARG_AGE] = "how long: 90s, 10m, 2h, 30d",
	[ARG_LAST] = "a number from 1 to 100000",
	[ARG_TIMES] = "a number from 1 to 1000",
	[ARG_REPEAT] = "a number from 1 to 1000",
	[ARG_AUTO] = "a number from 1 to 900000",
	[ARG_LINE] = "a line of JSON in one word: in quotes",
	[ARG_AGENT] = "a user agent of 1 to 128 bytes",
	[ARG_FLEET] = "an agent's id of 1 to 64 bytes",
	[ARG_STEP] = "whole minutes: 1m, 10m, 1h, 1d",
};

static const struct place p_top, p_show, p_sessions, p_messages, p_errors,
    p_shares, p_verdict, p_said, p_workers, p_jobs, p_stats, p_alerts,
    p_monitor_alerts, p_dir, p_monitor, p_monitor_errors, p_monitor_dir, p_user,
    p_token, p_audit, p_drain, p_log, p_verify, p_help, p_replay, p_replayed,
    p_agents, p_broadcast, p_repeat, p_auto_count, p_auto_replay, p_export;

static const struct place p_session = {
	.words =
	    (const struct word[]){
		{ NULL, ARG_SESSION, SET_SESSION, 0, NULL, "the session" },
		{ 0 },
	    },
};

static const struct place p_key = {
	.words =
	    (const struct word[]){
		{ "show", ARG_NONE, SET_ACTION, CMD_KEY, NULL,
		    "its public part, as npub" },
		{ 0 },
	    },
};

static const struct place p_message = {
	.words =
	    (const struct word[]){
		{ NULL, ARG_NUMBER, SET_POS, 0, NULL, "the message" },
		{ 0 },
	    },
};

static const struct place p_share = {
	.words =
	    (const struct word[]){
		{ NULL, ARG_SHARE, SET_POS, 0, NULL, "the share" },
		{ 0 },
	    },
};

static const struct place p_job = {
	.words =
	    (const struct word[]){
		{ NULL, ARG_JOB, SET_POS, 0, NULL, "the job" },
		{ 0 },
	    },
};

/* clang-format off */
static const struct word w_top[] = {
	{ "show", ARG_NONE, SET_NOTHING, 0, &p_show,
	    "look at what was seen and what runs" },
	{ "monitor", ARG_NONE, SET_ACTION, CMD_MONITOR, &p_monitor,
	    "messages as they come" },
	{ "disconnect", ARG_NONE, SET_ACTION, CMD_DISCONNECT, &p_session,
	    "end a session" },
	{ "drain", ARG_NONE, SET_ACTION, CMD_DRAIN, &p_drain,
	    "take no new miners, end the others" },
	{ "reload", ARG_NONE, SET_ACTION, CMD_RELOAD, NULL,
	    "read the configuration again" },
	{ "log", ARG_NONE, SET_ACTION, CMD_LOG, &p_log,
	    "how much is logged" },
	{ "user", ARG_NONE, SET_NOTHING, 0, &p_user,
	    "who may log in to the console" },
	{ "token", ARG_NONE, SET_NOTHING, 0, &p_token,
	    "what scripts log in with" },
	{ "key", ARG_NONE, SET_NOTHING, 0, &p_key,
	    "the key that shares are published by" },
	{ "login-url", ARG_NONE, SET_ACTION, CMD_LOGIN_URL, NULL,
	    "a URL that logs in to the console once" },
	{ "replay", ARG_NONE, SET_ACTION, CMD_REPLAY, &p_replay,
	    "submit a share again, and see what the pool says" },
	{ "agents", ARG_NONE, SET_NOTHING, 0, &p_agents,
	    "stop the fleet, or let it go on" },
	{ "broadcast", ARG_NONE, SET_ACTION, CMD_BROADCAST, &p_broadcast,
	    "whether a worker's shares are published" },
	{ "repeat-count", ARG_NONE, SET_ACTION, CMD_REPEAT_COUNT, &p_repeat,
	    "how often agents submit each" },
	{ "auto-replay", ARG_NONE, SET_ACTION, CMD_AUTO_REPLAY, &p_auto_replay,
	    "submit a session's shares again as they come" },
	{ "auto-replay-count", ARG_NONE, SET_ACTION, CMD_AUTO_COUNT,
	    &p_auto_count, "how often each of them" },
	{ "export", ARG_NONE, SET_ACTION, CMD_EXPORT, &p_export,
	    "messages as a file, oldest first" },
	{ "verify", ARG_NONE, SET_ACTION, CMD_VERIFY, &p_verify,
	    "check the shares in a file, without HashScope" },
	{ "help", ARG_NONE, SET_ACTION, CMD_HELP, &p_help,
	    "this; at the end of a line, what may follow there" },
	{ 0 },
};
static const struct place p_top = { w_top, NULL, false };
static const struct place p_help = { NULL, &p_top, true };

static const struct word w_show[] = {
	{ "summary", ARG_NONE, SET_ACTION, CMD_SUMMARY, NULL,
	    "where to point a miner, and how it goes" },
	{ "sessions", ARG_NONE, SET_ACTION, CMD_SESSIONS, &p_sessions,
	    "miners, newest first" },
	{ "session", ARG_NONE, SET_ACTION, CMD_SESSION, &p_session,
	    "one miner" },
	{ "messages", ARG_NONE, SET_ACTION, CMD_MESSAGES, &p_messages,
	    "what was said, newest first" },
	{ "message", ARG_NONE, SET_ACTION, CMD_MESSAGE, &p_message,
	    "one message, explained, and its answer" },
	{ "shares", ARG_NONE, SET_ACTION, CMD_SHARES, &p_shares,
	    "what was submitted, and how it was judged" },
	{ "share", ARG_NONE, SET_ACTION, CMD_SHARE, &p_share,
	    "one share, verified step by step" },
	{ "workers", ARG_NONE, SET_ACTION, CMD_WORKERS, &p_workers,
	    "who mines, and how it adds up" },
	{ "alerts", ARG_NONE, SET_ACTION, CMD_ALERTS, &p_alerts,
	    "what is not as it should be" },
	{ "jobs", ARG_NONE, SET_ACTION, CMD_JOBS, &p_jobs,
	    "what pools handed out, newest first" },
	{ "job", ARG_NONE, SET_ACTION, CMD_JOB, &p_job,
	    "one job, taken apart" },
	{ "stats", ARG_NONE, SET_ACTION, CMD_STATS, &p_stats,
	    "hashrate, shares and latency, by whom and by time" },
	{ "pools", ARG_NONE, SET_ACTION, CMD_POOLS, NULL,
	    "each pool, whether it answers, who mines there" },
	{ "processes", ARG_NONE, SET_ACTION, CMD_PROCESSES, NULL,
	    "what runs, as whom, since when" },
	{ "relays", ARG_NONE, SET_ACTION, CMD_RELAYS, NULL,
	    "where shares are published, and what relays say" },
	{ "agents", ARG_NONE, SET_ACTION, CMD_AGENTS, NULL,
	    "who submits published shares, as told by telemetry" },
	{ "config", ARG_NONE, SET_ACTION, CMD_CONFIG, NULL,
	    "the configuration in force" },
	{ "audit", ARG_NONE, SET_ACTION, CMD_AUDIT, &p_audit,
	    "who had what done, newest first" },
	{ 0 },
};
static const struct place p_show = { w_show, NULL, false };

static const struct word w_sessions[] = {
	{ "live", ARG_NONE, SET_FLAG, QF_LIVE, &p_sessions,
	    "those that are connected" },
	{ "ended", ARG_NONE, SET_FLAG, QF_ENDED, &p_sessions,
	    "those that are not" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_sessions, "no more than that" },
	{ 0 },
};
static const struct place p_sessions = { w_sessions, NULL, true };

static const struct word w_messages[] = {
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_messages,
	    "of one session" },
	{ "direction", ARG_NONE, SET_NOTHING, 0, &p_dir, "of one direction" },
	{ "method", ARG_WORD, SET_METHOD, 0, &p_messages,
	    "of one method, with the answers" },
	{ "errors", ARG_NONE, SET_FLAG, QF_ERRORS_PARSE | QF_ERRORS_POOL,
	    &p_errors, "broken messages and answers that say no" },
	{ "text", ARG_TEXT, SET_TEXT, 0, &p_messages, "that contain this" },
	{ "since", ARG_TIME, SET_SINCE, 0, &p_messages, "received then or later" },
	{ "until", ARG_TIME, SET_UNTIL, 0, &p_messages, "received before" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_messages, "no more than that" },
	{ "before", ARG_NUMBER, SET_BEFORE, 0, &p_messages,
	    "older than this message" },
	{ "after", ARG_NUMBER0, SET_AFTER, 0, &p_messages,
	    "newer than this message, oldest first" },
	{ 0 },
};
static const struct place p_messages = { w_messages, NULL, true };

static const struct word w_shares[] = {
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_shares,
	    "of one session" },
	{ "worker", ARG_WORKER, SET_WORKER, 0, &p_shares, "of one worker" },
	{ "verdict", ARG_NONE, SET_NOTHING, 0, &p_verdict,
	    "that HashScope finds to be so" },
	{ "pool", ARG_NONE, SET_NOTHING, 0, &p_said,
	    "to which the pool said that" },
	{ "disputed", ARG_NONE, SET_FLAG, QF_DISPUTED, &p_shares,
	    "that the pool judged wrongly" },
	{ "since", ARG_TIME, SET_SINCE, 0, &p_shares, "received then or later" },
	{ "until", ARG_TIME, SET_UNTIL, 0, &p_shares, "received before" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_shares, "no more than that" },
	{ "before", ARG_SHARE, SET_BEFORE, 0, &p_shares,
	    "older than this share" },
	{ "after", ARG_SHARE0, SET_AFTER, 0, &p_shares,
	    "newer than this share, oldest first" },
	{ 0 },
};
static const struct place p_shares = { w_shares, NULL, true };

#define W_VERDICT(name, verdict, help) \
	{ name, ARG_NONE, SET_VERDICT, verdict, &p_shares, help }
static const struct word w_verdict[] = {
	W_VERDICT("valid", VERDICT_VALID, "as it should be"),
	W_VERDICT("low_difficulty", VERDICT_LOW_DIFFICULTY,
	    "below what was asked for"),
	W_VERDICT("stale", VERDICT_STALE, "for a job that was withdrawn"),
	W_VERDICT("duplicate", VERDICT_DUPLICATE, "submitted before"),
	W_VERDICT("bad_ntime", VERDICT_BAD_NTIME, "with a time out of range"),
	W_VERDICT("bad_extranonce2", VERDICT_BAD_EXTRANONCE2,
	    "with an extranonce2 that is none"),
	W_VERDICT("bad_version", VERDICT_BAD_VERSION,
	    "with version bits that are not the miner's"),
	W_VERDICT("unknown_job", VERDICT_UNKNOWN_JOB,
	    "for a job that was never sent"),
	W_VERDICT("undecided", VERDICT_UNDECIDED, "that cannot be judged"),
	{ 0 },
};
static const struct place p_verdict = { w_verdict, NULL, false };

static const struct word w_said[] = {
	{ "accepted", ARG_NONE, SET_SAID, ANSWER_ACCEPTED, &p_shares, "yes" },
	{ "rejected", ARG_NONE, SET_SAID, ANSWER_REJECTED, &p_shares, "no" },
	{ "unanswered", ARG_NONE, SET_SAID, ANSWER_NONE, &p_shares,
	    "nothing yet" },
	{ "odd", ARG_NONE, SET_SAID, ANSWER_ODD, &p_shares,
	    "neither yes nor no" },
	{ 0 },
};
static const struct place p_said = { w_said, NULL, false };

static const struct word w_workers[] = {
	{ "worker", ARG_WORKER, SET_WORKER, 0, &p_workers, "this one" },
	{ "text", ARG_TEXT, SET_TEXT, 0, &p_workers, "whose name contains this" },
	{ "live", ARG_NONE, SET_FLAG, QF_LIVE, &p_workers,
	    "those that are connected" },
	{ "since", ARG_TIME, SET_SINCE, 0, &p_workers,
	    "whose last share came then or later" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_workers, "no more than that" },
	{ 0 },
};
static const struct place p_workers = { w_workers, NULL, true };

static const struct word w_by[] = {
	{ "worker", ARG_NONE, SET_BY, ROLL_WORKER, &p_stats, "each worker" },
	{ "pool", ARG_NONE, SET_BY, ROLL_POOL, &p_stats, "each pool" },
	{ "user-agent", ARG_NONE, SET_BY, ROLL_AGENT, &p_stats,
	    "each firmware" },
	{ "all", ARG_NONE, SET_BY, ROLL_ALL, &p_stats, "all together" },
	{ 0 },
};
static const struct place p_by = { w_by, NULL, false };

static const struct word w_stats[] = {
	{ "by", ARG_NONE, SET_NOTHING, 0, &p_by, "of each of these" },
	{ "worker", ARG_WORKER, SET_BY_NAME, ROLL_WORKER, &p_stats,
	    "of one worker" },
	{ "pool", ARG_POOL, SET_BY_POOL, ROLL_POOL, &p_stats,
	    "of one pool, host:port" },
	{ "user-agent", ARG_AGENT, SET_BY_NAME, ROLL_AGENT, &p_stats,
	    "of one firmware" },
	{ "since", ARG_TIME, SET_SINCE, 0, &p_stats, "from then on" },
	{ "until", ARG_TIME, SET_UNTIL, 0, &p_stats, "until then" },
	{ "step", ARG_STEP, SET_STEP, 0, &p_stats, "a line for each" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_stats, "no more than that" },
	{ 0 },
};
static const struct place p_stats = { w_stats, NULL, true };

static const struct word w_jobs[] = {
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_jobs,
	    "that one session was given" },
	{ "pool", ARG_POOL, SET_POOL, 0, &p_jobs, "of one pool" },
	{ "since", ARG_TIME, SET_SINCE, 0, &p_jobs, "first sent then or later" },
	{ "until", ARG_TIME, SET_UNTIL, 0, &p_jobs, "first sent before" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_jobs, "no more than that" },
	{ "before", ARG_NUMBER, SET_BEFORE, 0, &p_jobs,
	    "sent before this message" },
	{ "after", ARG_NUMBER0, SET_AFTER, 0, &p_jobs,
	    "sent after this message, oldest first" },
	{ 0 },
};
static const struct place p_jobs = { w_jobs, NULL, true };

static const struct word w_alerts[] = {
	{ "active", ARG_NONE, SET_FLAG, QF_LIVE, &p_alerts,
	    "those that go on; so without any of these words" },
	{ "ended", ARG_NONE, SET_FLAG, QF_ENDED, &p_alerts,
	    "those that are over" },
	{ "all", ARG_NONE, SET_FLAG, QF_LIVE | QF_ENDED, &p_alerts, "both" },
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_alerts,
	    "about one session" },
	{ "worker", ARG_WORKER, SET_WORKER, 0, &p_alerts, "about one worker" },
	{ "pool", ARG_POOL, SET_POOL, 0, &p_alerts, "about one pool" },
	{ "text", ARG_TEXT, SET_TEXT, 0, &p_alerts,
	    "whose text or kind contains this" },
	{ "since", ARG_TIME, SET_SINCE, 0, &p_alerts,
	    "that were active then or later" },
	{ "until", ARG_TIME, SET_UNTIL, 0, &p_alerts, "that began before" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_alerts, "no more than that" },
	{ 0 },
};
static const struct place p_alerts = { w_alerts, NULL, true };

#define W_DIR(next) \
	{ "miner_to_pool", ARG_NONE, SET_DIR, DIR_MINER_TO_POOL, next, \
	    "what miners say" }, \
	{ "pool_to_miner", ARG_NONE, SET_DIR, DIR_POOL_TO_MINER, next, \
	    "what pools say" }, \
	{ "hashscope_to_pool", ARG_NONE, SET_DIR, DIR_HASHSCOPE_TO_POOL, next, \
	    "what HashScope says itself, replaying" }, \
	{ 0 }
static const struct word w_dir[] = { W_DIR(&p_messages) };
static const struct place p_dir = { w_dir, NULL, false };
static const struct word w_monitor_dir[] = { W_DIR(&p_monitor) };
static const struct place p_monitor_dir = { w_monitor_dir, NULL, false };

/* The flags replace those of the word "errors" alone. */
#define W_ERRORS(next) \
	{ "parse", ARG_NONE, SET_FLAG, QF_ERRORS_PARSE, next, \
	    "broken messages" }, \
	{ "pool", ARG_NONE, SET_FLAG, QF_ERRORS_POOL, next, \
	    "answers that say no" }, \
	{ "any", ARG_NONE, SET_FLAG, QF_ERRORS_PARSE | QF_ERRORS_POOL, next, \
	    "both" }, \
	{ 0 }
static const struct word w_errors[] = { W_ERRORS(&p_messages) };
static const struct place p_errors = { w_errors, &p_messages, true };
static const struct word w_monitor_errors[] = { W_ERRORS(&p_monitor) };
static const struct place p_monitor_errors = { w_monitor_errors, &p_monitor,
	true };

static const struct word w_monitor[] = {
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_monitor,
	    "of sessions whose id begins so" },
	{ "direction", ARG_NONE, SET_NOTHING, 0, &p_monitor_dir,
	    "of one direction" },
	{ "method", ARG_WORD, SET_METHOD, 0, &p_monitor,
	    "of one method, with the answers" },
	{ "errors", ARG_NONE, SET_FLAG, QF_ERRORS_PARSE | QF_ERRORS_POOL,
	    &p_monitor_errors, "broken messages and answers that say no" },
	{ "text", ARG_TEXT, SET_TEXT, 0, &p_monitor, "that contain this" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_monitor, "end after so many" },
	{ "alerts", ARG_NONE, SET_ALERTS, 0, &p_monitor_alerts,
	    "no messages: what goes wrong, and when it is over" },
	{ 0 },
};
static const struct place p_monitor = { w_monitor, NULL, true };
static const struct word w_monitor_alerts[] = {
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_monitor_alerts,
	    "about sessions whose id begins so" },
	{ "limit", ARG_LIMIT, SET_LIMIT, 0, &p_monitor_alerts,
	    "end after so many" },
	{ 0 },
};
static const struct place p_monitor_alerts = { w_monitor_alerts, NULL, true };

static const struct word w_drain[] = {
	{ NULL, ARG_SECONDS, SET_SECONDS, 0, NULL,
	    "until those that are left are cut off" },
	{ 0 },
};
static const struct place p_drain = { w_drain, NULL, true };

static const struct word w_log[] = {
	{ "verbose", ARG_NONE, SET_VERBOSE, 1, NULL, "debugging too" },
	{ "brief", ARG_NONE, SET_VERBOSE, 0, NULL, "what matters" },
	{ 0 },
};
static const struct place p_log = { w_log, NULL, false };

/* --- users and tokens --- */

static const struct word w_audit[] = {
	{ "last", ARG_LAST, SET_LIMIT, 0, &p_audit, "no more than that" },
	{ 0 },
};
static const struct place p_audit = { w_audit, NULL, true };

#define W_ROLES(next) \
	{ "viewer", ARG_NONE, SET_ROLE, ACT_ROLE_VIEWER, next, \
	    "may look" }, \
	{ "operator", ARG_NONE, SET_ROLE, ACT_ROLE_OPERATOR, next, \
	    "may also act on sessions" }, \
	{ "admin", ARG_NONE, SET_ROLE, ACT_ROLE_ADMIN, next, \
	    "may do everything" }, \
	{ 0 }
static const struct word w_expires[] = {
	{ "expires", ARG_AGE, SET_EXPIRES, 0, NULL, "so long from now" },
	{ 0 },
};
static const struct place p_expires = { w_expires, NULL, true };
static const struct word w_role[] = { W_ROLES(NULL) };
static const struct place p_role = { w_role, NULL, false };
static const struct word w_token_role[] = { W_ROLES(&p_expires) };
static const struct place p_token_role = { w_token_role, NULL, false };
static const struct word w_user_as[] = {
	{ "role", ARG_NONE, SET_NOTHING, 0, &p_role, "what it may do" },
	{ 0 },
};
static const struct place p_user_as = { w_user_as, NULL, false };
static const struct word w_token_as[] = {
	{ "role", ARG_NONE, SET_NOTHING, 0, &p_token_role, "what it may do" },
	{ 0 },
};
static const struct place p_token_as = { w_token_as, NULL, false };

static const struct word w_user_new[] = {
	{ NULL, ARG_USER, SET_USER, 0, &p_user_as, "the user" },
	{ 0 },
};
static const struct place p_user_new = { w_user_new, NULL, false };
static const struct word w_user_name[] = {
	{ NULL, ARG_USER, SET_USER, 0, NULL, "the user" },
	{ 0 },
};
static const struct place p_user_name = { w_user_name, NULL, false };
static const struct word w_user_role[] = {
	{ NULL, ARG_USER, SET_USER, 0, &p_role, "the user" },
	{ 0 },
};
static const struct place p_user_role = { w_user_role, NULL, false };
static const struct word w_user[] = {
	{ "add", ARG_NONE, SET_ACTION, CMD_USER_ADD, &p_user_new,
	    "a new user; its password is asked for" },
	{ "remove", ARG_NONE, SET_ACTION, CMD_USER_REMOVE, &p_user_name,
	    "no such user any more" },
	{ "password", ARG_NONE, SET_ACTION, CMD_USER_PASSWORD, &p_user_name,
	    "another password, which is asked for" },
	{ "role", ARG_NONE, SET_ACTION, CMD_USER_ROLE, &p_user_role,
	    "another role" },
	{ "list", ARG_NONE, SET_ACTION, CMD_USER_LIST, NULL, "all of them" },
	{ 0 },
};
static const struct place p_user = { w_user, NULL, false };

static const struct word w_token_new[] = {
	{ NULL, ARG_USER, SET_USER, 0, &p_token_as, "the token" },
	{ 0 },
};
static const struct place p_token_new = { w_token_new, NULL, false };
static const struct word w_token_name[] = {
	{ NULL, ARG_USER, SET_USER, 0, NULL, "the token, or its id" },
	{ 0 },
};
static const struct place p_token_name = { w_token_name, NULL, false };
static const struct word w_token[] = {
	{ "create", ARG_NONE, SET_ACTION, CMD_TOKEN_CREATE, &p_token_new,
	    "a new token, shown once" },
	{ "revoke", ARG_NONE, SET_ACTION, CMD_TOKEN_REVOKE, &p_token_name,
	    "no such token any more" },
	{ "list", ARG_NONE, SET_ACTION, CMD_TOKEN_LIST, NULL, "all of them" },
	{ 0 },
};
static const struct place p_token = { w_token, NULL, false };

static const struct word w_replayed[] = {
	{ "count", ARG_TIMES, SET_COUNT, 1000, &p_replayed, "so often" },
	{ "edit", ARG_LINE, SET_EDIT, 0, &p_replayed, "this line instead" },
	{ 0 },
};
static const struct place p_replayed = { w_replayed, NULL, true };
static const struct word w_replay[] = {
	{ "stop", ARG_NONE, SET_ACTION, CMD_REPLAY_STOP, NULL,
	    "every replay and auto-replay that runs" },
	{ NULL, ARG_NUMBER, SET_POS, 0, &p_replayed,
	    "the message: a mining.submit" },
	{ 0 },
};
static const struct place p_replay = { w_replay, NULL, false };

static const struct word w_fleet[] = {
	{ NULL, ARG_FLEET, SET_AGENT, 0, NULL,
	    "this agent; without it all of them" },
	{ 0 },
};
static const struct place p_fleet = { w_fleet, NULL, true };
static const struct word w_agents[] = {
	{ "stop", ARG_NONE, SET_ACTION, CMD_AGENTS_STOP, &p_fleet,
	    "the kill switch: agents submit nothing more" },
	{ "start", ARG_NONE, SET_ACTION, CMD_AGENTS_START, &p_fleet,
	    "those that were stopped go on" },
	{ 0 },
};
static const struct place p_agents = { w_agents, NULL, false };

static const struct word w_on[] = {
	{ "on", ARG_NONE, SET_ON, 1, NULL, "from now on" },
	{ "off", ARG_NONE, SET_ON, 0, NULL, "no more" },
	{ 0 },
};
static const struct place p_on = { w_on, NULL, false };
#define W_WHOSE(next) \
	{ "worker", ARG_WORKER, SET_WORKER, 0, next, "this worker's" }, \
	{ "session", ARG_SESSION, SET_SESSION, 0, next, \
	    "those of this session's worker" }, \
	{ 0 }
static const struct word w_broadcast[] = { W_WHOSE(&p_on) };
static const struct place p_broadcast = { w_broadcast, NULL, false };
static const struct word w_repeat_n[] = {
	{ NULL, ARG_REPEAT, SET_COUNT, REPEAT_MAX, NULL, "so often" },
	{ 0 },
};
static const struct place p_repeat_n = { w_repeat_n, NULL, false };
static const struct word w_repeat[] = { W_WHOSE(&p_repeat_n) };
static const struct place p_repeat = { w_repeat, NULL, false };
static const struct word w_auto_n[] = {
	{ NULL, ARG_AUTO, SET_COUNT, AUTO_REPLAY_MAX, NULL, "so often" },
	{ 0 },
};
static const struct place p_auto_n = { w_auto_n, NULL, false };
static const struct word w_auto_count[] = { W_WHOSE(&p_auto_n) };
static const struct place p_auto_count = { w_auto_count, NULL, false };
static const struct word w_auto_replay[] = {
	{ "session", ARG_SESSION, SET_SESSION, 0, &p_on, "the session's" },
	{ 0 },
};
static const struct place p_auto_replay = { w_auto_replay, NULL, false };

static const struct word w_verified[] = {
	{ "disputed", ARG_NONE, SET_DISPUTED, 0, NULL,
	    "list only those where the pool says otherwise" },
	{ 0 },
};
static const struct place p_verified = { w_verified, NULL, true };
static const struct word w_verify[] = {
	{ NULL, ARG_FILE, SET_FILE, 0, &p_verified,
	    "a transcript, messages of HashScope, pcap or pcapng" },
	{ 0 },
};
static const struct word w_export[] = {
	{ "jsonl", ARG_NONE, SET_FORMAT, EXPORT_JSONL, &p_messages,
	    "an object a line; so without any of these words" },
	{ "csv", ARG_NONE, SET_FORMAT, EXPORT_CSV, &p_messages,
	    "for spreadsheets" },
	{ "pcapng", ARG_NONE, SET_FORMAT, EXPORT_PCAPNG, &p_messages,
	    "for Wireshark" },
	{ 0 },
};
static const struct place p_export = { w_export, &p_messages, true };

static const struct place p_verify = { w_verify, NULL, false };
/* clang-format on */

/* --- words --- */

struct found {
	const struct word *exact;
	const struct word *prefix;
	const struct word *argument;
	unsigned nprefix;
	char names[120]; /* of those that begin so */
};

static void
add_name(struct found *f, const char *name)
{
	size_t len = strlen(f->names);

	snprintf(f->names + len, sizeof(f->names) - len, "%s%s",
	    len > 0 ? ", " : "", name);
}

static void
look_up(const struct place *p, const char *text, struct found *f)
{
	const struct word *w;
	size_t len = strlen(text);

	memset(f, 0, sizeof(*f));
	for (; p != NULL; p = p->also) {
		for (w = p->words; w != NULL && w->help != NULL; w++) {
			if (w->word == NULL) {
				f->argument = w;
			} else if (strcmp(w->word, text) == 0) {
				f->exact = w;
			} else if (len > 0 &&
			    strncmp(w->word, text, len) == 0) {
				f->prefix = w;
				f->nprefix++;
				add_name(f, w->word);
			}
		}
	}
}

/* The word that text stands for, or NULL with why. */
static const struct word *
find_word(const struct place *p, const char *text, char *why, size_t size)
{
	struct found f;

	look_up(p, text, &f);
	if (f.exact != NULL)
		return f.exact;
	if (f.nprefix == 1)
		return f.prefix;
	if (f.argument != NULL)
		return f.argument;
	if (f.nprefix > 1)
		snprintf(why, size, "is ambiguous: %s", f.names);
	else
		snprintf(why, size, "is not understood here");
	return NULL;
}

/* --- parsing --- */

static int
wrong(struct grammar_error *err, int at, const struct place *expected,
    const char *text)
{
	err->at = at;
	err->expected = expected;
	snprintf(err->text, sizeof(err->text), "%s", text);
	return -1;
}

static int
wants(struct grammar_error *err, int at, enum arg arg)
{
	err->at = at;
	err->expected = NULL;
	snprintf(err->text, sizeof(err->text), "expected %s", arg_wants[arg]);
	return -1;
}

/* Whether the last word asks what may be said there. */
static bool
asks_help(const struct place *p, int argc, int i, const char *text)
{
	return i == argc - 1 && strcmp(text, "help") == 0 && p != NULL &&
	    p != &p_top;
}

int
grammar_parse(int argc, char *const argv[], int64_t now_us, struct command *c,
    struct grammar_error *err)
{
	const struct place *p = &p_top;
	const struct word *w;
	const char *arg;
	char why[160];
	bool help = argc == 0;
	int i;

	memset(c, 0, sizeof(*c));
	c->drain_ms = DRAIN_CONFIGURED;
	memset(err, 0, sizeof(*err));
	err->expected = p;
	for (i = 0; i < argc; i++) {
		if (p == NULL)
			return wrong(err, i, NULL, "nothing more expected");
		err->expected = p;
		if (asks_help(p, argc, i, argv[i]))
			return 1;
		w = find_word(p, argv[i], why, sizeof(why));
		if (w == NULL)
			return wrong(err, i, p, why);
		arg = ""; /* what takes none does not look */
		if (w->arg != ARG_NONE) {
			i += w->word != NULL;
			if (i >= argc)
				return wants(err, i, w->arg);
			arg = argv[i];
		}
		if (grammar_apply(c, w, arg, now_us) == -1)
			return wants(err, i, w->arg);
		p = w->next;
		help = help || p == &p_help;
	}
	if (help) {
		err->expected = p;
		return 1;
	}
	if (p != NULL && !p->may_end)
		return wrong(err, argc, p, "is not complete");
	return 0;
}

void
grammar_help(FILE *fp, const struct place *p)
{
	const struct word *w;
	char name[64];

	if (p == NULL || (p->may_end && p != &p_help))
		fprintf(fp, "  %-22s %s\n", "(nothing)", "as it stands");
	for (; p != NULL; p = p->also) {
		for (w = p->words; w != NULL && w->help != NULL; w++) {
			snprintf(name, sizeof(name), "%s%s%s",
			    w->word != NULL ? w->word : "",
			    w->word != NULL && w->arg != ARG_NONE ? " " : "",
			    arg_names[w->arg]);
			fprintf(fp, "  %-22s %s\n", name, w->help);
		}
	}
}
