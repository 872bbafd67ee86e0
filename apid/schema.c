/*
 * What answers and bodies look like.  Written briefly and turned into JSON
 * Schema by openapi.c: name:type, where the type is one of
 *
 *	s string, i integer, n number, b boolean, t time, id position,
 *	u session's id, any, Name another schema, [type] array,
 *	a|b|c one of these words, { … } object
 *
 * and ends with ? when it may be null; a name that ends with ~ need not be
 * there.
 */
#include <stddef.h>

#include "apid/openapi.h"

static const struct schema list[] = {
	{ "Any", NULL },
	{ "Error", "detail:s" },
	{ "Success", "success:b" },
	{ "Root", "name:s version:s docs:s" },
	{ "Health", "status:ok|degraded ill:[Ill]" },
	{ "Ill", "part:s detail:s" },
	{ "Me", "user:s? role:viewer|operator|admin auth_required:b" },
	{ "Session",
	    "session_id:u peer:s first_seen:t last_seen:t message_count:i "
	    "user_agent:s? mining_session_id:s? difficulty:n? pool_host:s? "
	    "pool_port:i? pool_connected:b pool_peer:s? pool_index:i "
	    "pool_connect_ms:n? broadcast_enabled:b repeat_count:i "
	    "auto_replay_enabled:b auto_replay_count:i "
	    "stats:{ total_messages:i miner_to_pool:i pool_to_miner:i "
	    "parse_errors:i } "
	    "bytes:{ miner_to_pool:i pool_to_miner:i } gaps:i gap_bytes:i "
	    "rtt_ms:{ miner:n? pool:n? } workers:[s] extranonce1:s? "
	    "extranonce2_size:i? hashrate:n hashrates:any shares:Shares "
	    "latency:Latency conformance:[Oddity] state:live|ended "
	    "ended_at:t? close_reason:s? close_detail:s? listener:s? via:s? "
	    "replay:b first_message_id:id? last_message_id:id?" },
	{ "Shares",
	    "total:i accepted:i rejected:i stale:i unanswered:i disputed:i "
	    "blocks:i verdicts:any causes:any reject_rate:n stale_rate:n "
	    "accepted_difficulty:n rejected_difficulty:n stale_difficulty:n "
	    "best_difficulty:n? last_share:t?" },
	{ "Latency",
	    "count:i mean_us:i p50_us:i p90_us:i p99_us:i own_us:i "
	    "tcp_miner_us:i tcp_pool_us:i pool_us:i" },
	{ "Oddity",
	    "code:s text:s count:i first_message_id:id? last_message_id:id?" },
	{ "Stat",
	    "ts:t? seconds:n by:all|worker|pool|user_agent name:s? other:b "
	    "hashrate:n? hashrates:any mean_hashrate:n shares:Shares "
	    "latency:Latency messages:{ miner_to_pool:i pool_to_miner:i } "
	    "bytes:{ miner_to_pool:i pool_to_miner:i }" },
	{ "Broadcast", "session_id:u broadcast_enabled:b" },
	{ "RepeatCount", "session_id:u repeat_count:i" },
	{ "AutoReplay", "session_id:u auto_replay_enabled:b" },
	{ "AutoReplayCount", "session_id:u auto_replay_count:i" },
	{ "Disconnected", "session_id:u message:s" },
	{ "RepeatCountBody", "repeat_count:i" },
	{ "AutoReplayCountBody", "auto_replay_count:i" },
	{ "Message",
	    "id:id ts_recv:t ts_fwd:t? "
	    "direction:miner_to_pool|pool_to_miner|hashscope_to_pool "
	    "session_id:u peer:s raw:s? raw_encoding:s? decoded:any "
	    "parse_error:s? size_bytes:i method:s? jsonrpc_id:any "
	    "redacted:b is_request:b is_notification:b is_response:b "
	    "is_error:b truncated:b after_gap:b broken:b no_newline:b crlf:b "
	    "multiple:b undelivered:b paired_message_id:id? response:any "
	    "response_ts_recv:t? response_raw:s? response_raw_encoding:s? "
	    "latency_ms:n? protocol:s? replay_of:id? share_id:id? summary:s "
	    "explanation:any" },
	{ "ReplayBody", "modified_message~:s?" },
	{ "Replay",
	    "success:b pool_response:any error:s? latency_ms:n? note:s?" },
	{ "Share",
	    "id:id message_id:id session_id:u worker:s? job_id:s? job:id? "
	    "ts:t? extranonce1:s? extranonce2:s? ntime:s? nonce:s? version:s? "
	    "version_bits:s? version_mask:s? hash:s? difficulty:n? "
	    "required_difficulty:n? "
	    "difficulties:{ job:n? present:n? previous:n? passed:[s] } "
	    "is_block:b verdict:s firm:b cause:s? cause_text:s? "
	    "pool_verdict:s pool_error:any pool_error_code:i? pool_reason:s? "
	    "agreement:s? answer_id:id? version_formula:s? "
	    "version_formulas:[s] late_ms:n? latency_ms:n? "
	    "latency:{ own_us:i? tcp_miner_us:i? tcp_pool_us:i? pool_us:i? } "
	    "committed:b verification~:any" },
	{ "Worker",
	    "id:id name:s first_seen:t? last_share:t? last_share_id:id? "
	    "shares:{ total:i valid:i stale:i duplicate:i low_difficulty:i "
	    "other:i accepted:i rejected:i disputed:i blocks:i } "
	    "hashrate:n hashrates:any reject_rate:n "
	    "accepted_difficulty:n best_difficulty:n? live_sessions:i "
	    "sessions:[u]" },
	{ "Job",
	    "id:id job_id:s pool:s? ts:t? message_id:id? "
	    "first_message_id:id? last_message_id:id? fault:s? clean_jobs:b? "
	    "fanout:{ sessions:i p50_us:i p99_us:i last_us:i } "
	    "previous_block:s? version:s? nbits:s? network_target:s? "
	    "network_difficulty:n? ntime:s? time:t? merkle_branches:[s] "
	    "coinbase_fault:s? height:i? tag:s? outputs:[Output] "
	    "output_count:i? reward:i? reward_btc:s? extranonce_bytes:i? "
	    "witness_commitment:s? coinbase1:s? coinbase2:s?" },
	{ "Output",
	    "value:i btc:s type:s address:s? script:s? script_bytes:i" },
	{ "Alert",
	    "id:id kind:s severity:s active:b first_seen~:t? last_seen~:t? "
	    "count:i session_id:u? message_id:id? text:s" },
	{ "Pool",
	    "listener:s index:i host:s port:i state:up|down retry_ms:i? "
	    "peer:s? sessions:i connects:i failures:i connect_ms:n? "
	    "last_connect:t? last_failure:t? error:s? connected:i "
	    "message_count:i last_seen:t? rtt_ms:n?" },
	{ "Process",
	    "role:s state:ready|starting|waiting|stopped pid:i? uid:i "
	    "generation:i uptime_s:n rss_kb:i cpu_s:n logs_dropped:i "
	    "last_exit:s?" },
	{ "Config",
	    "listen_host:s listen_port:i pool_host:s? pool_port:i? api_port:i "
	    "capture_max_messages:i nostr_enabled:b run_id:s? site:s "
	    "version:s started_at:t auth_required:b capture_enabled:b text~:s" },
	{ "Agent",
	    "agent_id:s last_seen:t? conn_state:s? stopped:b stats:any "
	    "pool_target:{ host:s? port:i? }" },
	{ "CommandBody", "agent_id~:s?" },
	{ "Command",
	    "command:stop|start agent_id:s? event_id:s agents_known:i "
	    "relays_taken:i relays:[CommandRelay]" },
	{ "CommandRelay", "url:s taken:b detail:s?" },
	{ "AgentLatest", "agent_id:s latest:any" },
	{ "AgentHistory", "agent_id:s history:[any]" },
	{ "Relay", "url:s state:s" },
	{ "LoginBody", "user~:s password~:s code~:s" },
	{ "UserBody", "name:s password:s role:viewer|operator|admin" },
	{ "RoleBody", "role:viewer|operator|admin" },
	{ "PasswordBody", "password:s old_password~:s" },
	{ "TokenBody", "name:s role:viewer|operator|admin lives_s~:i" },
	{ NULL, NULL },
};

const struct schema *
schemas(void)
{
	return list;
}
