/*
 * Every route.  The reference (openapi.c) is written from these rows, and a
 * test calls each of them.
 */
#include <stddef.h>

#include "apid/export.h"
#include "apid/get.h"
#include "apid/page.h"
#include "apid/route.h"
#include "common/msg.h"

/* clang-format off */
#define POS_MAX INT64_MAX

static const char *const dirs[] = { "miner_to_pool", "pool_to_miner",
	"hashscope_to_pool", NULL };
static const char *const errors[] = { "parse", "pool", "any", "true", "1",
	"false", "0", NULL };
static const char *const states[] = { "all", "live", "ended", NULL };
static const char *const verdicts[] = { "valid", "low_difficulty", "stale",
	"duplicate", "bad_ntime", "bad_extranonce2", "bad_version",
	"unknown_job", "undecided", NULL };
static const char *const said[] = { "unanswered", "accepted", "rejected",
	"odd", NULL };

static const char *const formats[] = { "jsonl", "csv", "pcapng", NULL };
static const char *const bys[] = { "all", "worker", "pool", "user_agent",
	NULL };

#define LIMIT { "limit", P_UINT, 1, 1000, 100, NULL, "at most so many" }
#define OFFSET { "offset", P_UINT, 0, 10000, 0, NULL, \
	"so many are left out first; for further pages use before" }
#define BEFORE { "before", P_POS, 1, POS_MAX, 0, NULL, \
	"only those before this one, newest first" }
#define AFTER { "after", P_POS, 1, POS_MAX, 0, NULL, \
	"only those after this one, oldest first" }
#define SINCE { "since", P_TIME, 0, 0, 0, NULL, \
	"received then or later; RFC 3339, or seconds since 1970" }
#define UNTIL { "until", P_TIME, 0, 0, 0, NULL, "received before" }
#define SESSION { "session_id", P_UUID, 0, 0, 0, NULL, "of this session" }
#define TEXT(about) { "q", P_TEXT, 0, 255, 0, NULL, about }
#define END { NULL, P_TEXT, 0, 0, 0, NULL, NULL }

#define FILTER \
	SESSION, \
	{ "direction", P_ENUM, 0, 0, 0, dirs, "who sent it to whom" }, \
	{ "method", P_TEXT, 0, 63, 0, NULL, "of this method" }, \
	{ "errors", P_ENUM, 0, 0, 0, errors, \
	    "parse: not valid; pool: answers that say no; any: both" }, \
	TEXT("whose bytes contain this, ASCII letters in either case"), \
	SINCE, UNTIL

static const struct param p_sessions[] = {
	{ "state", P_ENUM, 0, 0, 0, states, "live: open now" },
	TEXT("address, worker, pool, agent or reason contain this"),
	SINCE, UNTIL, LIMIT, OFFSET, END };
static const struct param p_messages[] = {
	FILTER, LIMIT, OFFSET, BEFORE, AFTER,
	{ "responses", P_BOOL, 0, 0, 0, NULL,
	    "also answers, which otherwise are told with their request" },
	END };
static const struct param p_export[] = {
	{ "format", P_ENUM, 0, 0, 0, formats, "the kind of file" },
	FILTER, BEFORE, AFTER, END };
static const struct param p_shares[] = {
	SESSION,
	{ "worker", P_TEXT, 0, 128, 0, NULL, "of this worker" },
	{ "verdict", P_ENUM, 0, 0, 0, verdicts, "what HashScope found" },
	{ "pool_verdict", P_ENUM, 0, 0, 0, said, "what the pool said" },
	{ "disputed", P_BOOL, 0, 0, 0, NULL,
	    "that the pool judged against its own rules" },
	SINCE, UNTIL, LIMIT, OFFSET, BEFORE, AFTER, END };
static const struct param p_workers[] = {
	TEXT("whose name contains this"), LIMIT, OFFSET, BEFORE, END };
static const struct param p_jobs[] = {
	SESSION,
	{ "pool", P_TEXT, 0, 263, 0, NULL, "host, or host:port" },
	SINCE, UNTIL, LIMIT, OFFSET, BEFORE, AFTER, END };
static const struct param p_alerts[] = {
	{ "active", P_BOOL, 0, 0, 0, NULL, "true: now; false: over" },
	SINCE, UNTIL, LIMIT, OFFSET, BEFORE, END };
static const struct param p_stats[] = {
	{ "by", P_ENUM, 0, 0, 0, bys, "one series for each of these" },
	{ "name", P_TEXT, 0, 128, 0, NULL, "only this one of them" },
	{ "step", P_UINT, 0, 31536000, 0, NULL,
	    "seconds of a point, whole minutes; without: one for all" },
	{ "limit", P_UINT, 1, 10000, 1000, NULL, "at most so many" },
	OFFSET, SINCE, UNTIL, END };
static const struct param p_audit[] = { LIMIT, BEFORE, END };
static const struct param p_history[] = {
	{ "limit", P_UINT, 1, 1000, 50, NULL, "at most so many" }, END };

#define GET "GET"
#define POST "POST"
#define DELETE "DELETE"
#define OPEN ACT_ROLE_NONE
#define VIEW ACT_ROLE_VIEWER
#define OPER ACT_ROLE_OPERATOR
#define ADMIN ACT_ROLE_ADMIN
#define HTML "text/html"
#define LIST ROUTE_LIST
#define HIDDEN ROUTE_HIDDEN
#define ON(act) ACT_ARG(ACT_##act, 1)
#define OFF(act) ACT_ARG(ACT_##act, 0)
#define SID "/api/sessions/{session_id}"

static const struct route table[] = {
	{ GET, "/", OPEN, page_root, NULL, "Root", NULL, NULL,
	    "The console; for a program, name and version.", 0, 0 },
	{ GET, "/health", OPEN, get_health, NULL, "Health", NULL, NULL,
	    "Which part is ill; 200 when none is, else 503.", 0, 0 },
	{ GET, "/metrics", VIEW, get_metrics, NULL, NULL,
	    "text/plain; version=0.0.4", NULL,
	    "Counters in Prometheus' text format.", 0, 0 },
	{ GET, "/docs", OPEN, page_docs, NULL, NULL, HTML, NULL,
	    "This reference, for people.", 0, 0 },
	{ GET, "/openapi.json", OPEN, page_openapi, NULL, "Any", NULL, NULL,
	    "This reference, as OpenAPI 3.1.", 0, 0 },

	{ GET, "/api/sessions", VIEW, get_sessions, p_sessions, "Session",
	    NULL, NULL, "Sessions, newest first.", LIST, 0 },
	{ GET, SID, VIEW, get_session, NULL, "Session", NULL, NULL,
	    "One session.", 0, 0 },
	{ POST, SID "/broadcast/enable", OPER, act_session, NULL, "Broadcast",
	    NULL, NULL, "Publish the shares of this session's worker.", 0,
	    ON(BROADCAST) },
	{ POST, SID "/broadcast/disable", OPER, act_session, NULL,
	    "Broadcast", NULL, NULL, "Publish them no longer.", 0,
	    OFF(BROADCAST) },
	{ GET, SID "/broadcast/status", VIEW, act_setting, NULL, "Broadcast",
	    NULL, NULL, "Whether they are published.", 0, ON(BROADCAST) },
	{ POST, SID "/repeat-count", OPER, act_session, NULL, "RepeatCount",
	    NULL, "RepeatCountBody", "How often agents submit each share.", 0,
	    ON(REPEAT_COUNT) },
	{ GET, SID "/repeat-count", VIEW, act_setting, NULL, "RepeatCount",
	    NULL, NULL, "How often agents submit each share.", 0,
	    ON(REPEAT_COUNT) },
	{ POST, SID "/auto-replay/enable", OPER, act_session, NULL,
	    "AutoReplay", NULL, NULL,
	    "Submit each share of this session again.", 0, ON(AUTO_REPLAY) },
	{ POST, SID "/auto-replay/disable", OPER, act_session, NULL,
	    "AutoReplay", NULL, NULL, "Stop that at once.", 0,
	    OFF(AUTO_REPLAY) },
	{ GET, SID "/auto-replay/status", VIEW, act_setting, NULL,
	    "AutoReplay", NULL, NULL, "Whether it is on.", 0,
	    ON(AUTO_REPLAY) },
	{ POST, SID "/auto-replay-count", OPER, act_session, NULL,
	    "AutoReplayCount", NULL, "AutoReplayCountBody",
	    "How often each share is submitted again.", 0,
	    ON(AUTO_REPLAY_COUNT) },
	{ GET, SID "/auto-replay-count", VIEW, act_setting, NULL,
	    "AutoReplayCount", NULL, NULL,
	    "How often each share is submitted again.", 0,
	    ON(AUTO_REPLAY_COUNT) },
	{ POST, SID "/disconnect", OPER, act_session, NULL, "Disconnected",
	    NULL, NULL, "End the session; the miner will connect again.", 0,
	    ON(DISCONNECT) },

	{ GET, "/api/messages", VIEW, get_messages, p_messages, "Message",
	    NULL, NULL, "Messages, newest first.", LIST, 0 },
	{ GET, "/api/messages/{message_id}", VIEW, get_message, NULL,
	    "Message", NULL, NULL, "One message, explained.", 0, 0 },
	{ POST, "/api/messages/{message_id}/replay", OPER, act_replay, NULL,
	    "Replay", NULL, "ReplayBody",
	    "Submit this share again, as it was or changed.", 0, 0 },
	{ GET, "/api/export", VIEW, get_export, p_export, NULL,
	    "application/octet-stream", NULL,
	    "Messages as a file, oldest first: JSON lines, CSV or pcapng.", 0,
	    0 },

	{ GET, "/api/shares", VIEW, get_shares, p_shares, "Share", NULL, NULL,
	    "Shares with HashScope's verdict and the pool's, newest first.",
	    LIST, 0 },
	{ GET, "/api/shares/{share_id}", VIEW, get_share, NULL, "Share", NULL,
	    NULL, "One share, verified again step by step.", 0, 0 },
	{ GET, "/api/workers", VIEW, get_workers, p_workers, "Worker", NULL,
	    NULL, "Workers.", LIST, 0 },
	{ GET, "/api/jobs", VIEW, get_jobs, p_jobs, "Job", NULL, NULL,
	    "Jobs that pools sent, newest first.", LIST, 0 },
	{ GET, "/api/jobs/{job_id}", VIEW, get_job, NULL, "Job", NULL, NULL,
	    "One job with its coinbase.", 0, 0 },
	{ GET, "/api/alerts", VIEW, get_alerts, p_alerts, "Alert", NULL, NULL,
	    "What was found wrong, newest first.", LIST, 0 },
	{ GET, "/api/pools", VIEW, get_pools, NULL, "Pool", NULL, NULL,
	    "The pools of each listener, and whether they answer.", LIST, 0 },
	{ GET, "/api/processes", VIEW, get_processes, NULL, "Process", NULL,
	    NULL, "HashScope's own processes.", LIST, 0 },
	{ GET, "/api/config", VIEW, get_config, NULL, "Config", NULL, NULL,
	    "The configuration, without secrets.", 0, 0 },

	{ GET, "/api/stats", VIEW, get_stats, p_stats, "Stat", NULL, NULL,
	    "Hashrate, shares and latency over time.", LIST, 0 },
	{ GET, "/api/agents", VIEW, get_agents, NULL, "Agent", NULL, NULL,
	    "Agents that were heard of.", LIST, 0 },
	{ GET, "/api/agents/{agent_id}", VIEW, get_agent, NULL, "AgentLatest",
	    NULL, NULL, "What an agent told last of itself.", 0, 0 },
	{ GET, "/api/agents/{agent_id}/history", VIEW, get_history, p_history,
	    "AgentHistory", NULL, NULL,
	    "What it told of itself, newest first.", 0, 0 },
	{ POST, "/api/agents/stop", OPER, act_agents, NULL, "Command", NULL,
	    "CommandBody", "The kill switch: an agent, or all of them, submit "
	    "nothing more; it goes to every relay at once.", 0,
	    ON(AGENTS_STOP) },
	{ POST, "/api/agents/start", OPER, act_agents, NULL, "Command", NULL,
	    "CommandBody", "An agent, or all, that were stopped go on.", 0,
	    ON(AGENTS_START) },
	{ GET, "/api/relays", VIEW, get_relays, NULL, "Relay", NULL, NULL,
	    "Nostr relays that shares are published to.", LIST, 0 },

	{ GET, "/api/me", VIEW, get_me, NULL, "Me", NULL, NULL,
	    "Who asks, and what that may do.", 0, 0 },
	{ POST, "/api/login", OPEN, login_post, NULL, "Me", NULL, "LoginBody",
	    "Log in; the answer sets a cookie.", 0, 0 },
	{ POST, "/api/logout", VIEW, login_out, NULL, "Success", NULL, NULL,
	    "Log out.", 0, 0 },
	{ GET, "/api/users", ADMIN, act_plain, NULL, "Any", NULL, NULL,
	    "Users.", LIST, ON(USERS) },
	{ POST, "/api/users", ADMIN, act_plain, NULL, "Any", NULL, "UserBody",
	    "Add a user.", 0, ON(USER_ADD) },
	{ DELETE, "/api/users/{name}", ADMIN, act_plain, NULL, "Any", NULL,
	    NULL, "Remove a user.", 0, ON(USER_REMOVE) },
	{ POST, "/api/users/{name}/role", ADMIN, act_plain, NULL, "Any", NULL,
	    "RoleBody", "What a user may do.", 0, ON(USER_ROLE) },
	{ POST, "/api/users/{name}/password", ADMIN, act_plain, NULL, "Any",
	    NULL, "PasswordBody", "Give a user a new password.", 0,
	    ON(USER_PASSWORD) },
	{ POST, "/api/me/password", VIEW, act_plain, NULL, "Any", NULL,
	    "PasswordBody", "Change one's own password.", 0,
	    ON(USER_PASSWORD) },
	{ GET, "/api/tokens", ADMIN, act_plain, NULL, "Any", NULL, NULL,
	    "Tokens of scripts.", LIST, ON(TOKENS) },
	{ POST, "/api/tokens", ADMIN, act_plain, NULL, "Any", NULL,
	    "TokenBody", "Make a token; it is told only now.", 0,
	    ON(TOKEN_CREATE) },
	{ DELETE, "/api/tokens/{name}", ADMIN, act_plain, NULL, "Any", NULL,
	    NULL, "Revoke a token.", 0, ON(TOKEN_REVOKE) },
	{ GET, "/api/audit", ADMIN, act_plain, p_audit, "Any", NULL, NULL,
	    "Who had what done, newest first.", LIST, ON(AUDIT) },
	{ POST, "/api/replay/stop", OPER, act_plain, NULL, "Any", NULL, NULL,
	    "Stop every replay that runs.", 0, ON(REPLAY_STOP) },
	{ NULL, NULL, ACT_ROLE_NONE, NULL, NULL, NULL, NULL, NULL, NULL, 0,
	    0 },
};
/* clang-format on */

const struct route *
route_table(void)
{
	return table;
}
