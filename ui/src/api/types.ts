/*
 * The API's objects, as far as the console shows them.  Each is a decoder,
 * and its type follows from it: hashscope-api(7) has what the fields mean.
 */
import * as d from './decode'
import type { Of } from './decode'

export const DIRECTIONS = ['miner_to_pool', 'pool_to_miner', 'hashscope_to_pool'] as const
export type Direction = (typeof DIRECTIONS)[number]

export const explanation = d.record({
  title: d.text,
  summary: d.text,
  fields: d.list(d.record({ name: d.text, value: d.text, unit: d.text, meaning: d.text })),
  notes: d.list(d.text),
  complete: d.bool,
})
export type Explanation = Of<typeof explanation>

export const message = d.record({
  id: d.text,
  ts_recv: d.maybeText,
  ts_fwd: d.maybeText,
  direction: d.word(...DIRECTIONS),
  session_id: d.text,
  peer: d.text,
  raw: d.text,
  raw_encoding: d.maybeText,
  parse_error: d.maybeText,
  size_bytes: d.number,
  method: d.maybeText,
  is_request: d.bool,
  is_notification: d.bool,
  is_response: d.bool,
  is_error: d.bool,
  redacted: d.bool,
  truncated: d.bool,
  after_gap: d.bool,
  broken: d.bool,
  crlf: d.bool,
  no_newline: d.bool,
  undelivered: d.bool,
  paired_message_id: d.maybeText,
  response_ts_recv: d.maybeText,
  response_raw: d.maybeText,
  response_raw_encoding: d.maybeText,
  latency_ms: d.maybeNumber,
  protocol: d.maybeText,
  summary: d.maybeText,
  share_id: d.maybeText,
  replay_of: d.maybeText,
  explanation: d.maybe(explanation),
})
export type Message = Of<typeof message>

/** Shares counted: by what the pool said, by HashScope's verdict, by cause. */
export const shareCounts = d.record({
  total: d.number,
  accepted: d.number,
  rejected: d.number,
  stale: d.number,
  unanswered: d.number,
  disputed: d.number,
  blocks: d.number,
  verdicts: d.numbers,
  causes: d.numbers,
  best_difficulty: d.maybeNumber,
  last_share: d.maybeText,
})
export type ShareCounts = Of<typeof shareCounts>

/** Of shares that were answered; all in µs. */
export const latency = d.record({
  count: d.number,
  mean_us: d.maybeNumber,
  p50_us: d.maybeNumber,
  p90_us: d.maybeNumber,
  p99_us: d.maybeNumber,
  own_us: d.maybeNumber,
  tcp_miner_us: d.maybeNumber,
  tcp_pool_us: d.maybeNumber,
  pool_us: d.maybeNumber,
})
export type Latency = Of<typeof latency>

const conformance = d.record({
  code: d.text,
  text: d.text,
  count: d.number,
  first_message_id: d.maybeText,
  last_message_id: d.maybeText,
})

/** One step of GET /api/stats. */
export const stat = d.record({
  ts: d.maybeText,
  seconds: d.number,
  name: d.maybeText,
  other: d.bool,
  hashrate: d.maybeNumber,
  hashrates: d.numbers,
  mean_hashrate: d.maybeNumber,
  shares: shareCounts,
  latency,
  messages: d.record({ miner_to_pool: d.number, pool_to_miner: d.number }),
  bytes: d.record({ miner_to_pool: d.number, pool_to_miner: d.number }),
})
export type Stat = Of<typeof stat>

export const session = d.record({
  session_id: d.text,
  peer: d.text,
  first_seen: d.maybeText,
  last_seen: d.maybeText,
  message_count: d.number,
  user_agent: d.maybeText,
  mining_session_id: d.maybeText,
  extranonce1: d.maybeText,
  difficulty: d.maybeNumber,
  pool_host: d.maybeText,
  pool_port: d.maybeNumber,
  pool_connected: d.bool,
  pool_peer: d.maybeText,
  pool_connect_ms: d.maybeNumber,
  broadcast_enabled: d.bool,
  repeat_count: d.number,
  auto_replay_enabled: d.bool,
  auto_replay_count: d.number,
  stats: d.record({
    total_messages: d.number,
    miner_to_pool: d.number,
    pool_to_miner: d.number,
    parse_errors: d.number,
  }),
  bytes: d.record({ miner_to_pool: d.number, pool_to_miner: d.number }),
  gaps: d.number,
  gap_bytes: d.number,
  rtt_ms: d.record({ miner: d.maybeNumber, pool: d.maybeNumber }),
  workers: d.list(d.text),
  hashrate: d.maybeNumber,
  hashrates: d.numbers,
  shares: shareCounts,
  latency,
  conformance: d.list(conformance),
  state: d.word('live', 'ended'),
  ended_at: d.maybeText,
  close_reason: d.maybeText,
  close_detail: d.maybeText,
  listener: d.maybeText,
  via: d.maybeText,
  replay: d.bool,
})
export type Session = Of<typeof session>

export const POOL_VERDICTS = ['accepted', 'rejected', 'unanswered'] as const

export const share = d.record({
  id: d.text,
  message_id: d.text,
  answer_id: d.maybeText,
  session_id: d.text,
  worker: d.text,
  job_id: d.text,
  job: d.maybeText,
  ts: d.maybeText,
  extranonce1: d.maybeText,
  extranonce2: d.maybeText,
  ntime: d.maybeText,
  nonce: d.maybeText,
  version: d.maybeText,
  version_bits: d.maybeText,
  version_mask: d.maybeText,
  hash: d.maybeText,
  difficulty: d.maybeNumber,
  required_difficulty: d.maybeNumber,
  difficulties: d.record({ job: d.maybeNumber, present: d.maybeNumber, previous: d.maybeNumber }),
  is_block: d.bool,
  verdict: d.text,
  firm: d.bool,
  pool_verdict: d.word('unanswered', 'accepted', 'rejected', 'odd'),
  pool_error: d.maybeText,
  pool_reason: d.maybeText,
  agreement: d.maybeText,
  cause: d.maybeText,
  cause_text: d.maybeText,
  version_formula: d.maybeText,
  version_formulas: d.list(d.text),
  late_ms: d.maybeNumber,
  latency_ms: d.maybeNumber,
  latency: d.record({
    own_us: d.maybeNumber,
    tcp_miner_us: d.maybeNumber,
    tcp_pool_us: d.maybeNumber,
    pool_us: d.maybeNumber,
  }),
  verification: d.any,
})
export type Share = Of<typeof share>

export const worker = d.record({
  id: d.text,
  name: d.text,
  first_seen: d.maybeText,
  last_share: d.maybeText,
  hashrates: d.numbers,
  shares: d.record({
    total: d.number,
    valid: d.number,
    stale: d.number,
    duplicate: d.number,
    low_difficulty: d.number,
    other: d.number,
    accepted: d.number,
    rejected: d.number,
    disputed: d.number,
    blocks: d.number,
  }),
  reject_rate: d.number,
  accepted_difficulty: d.maybeNumber,
  best_difficulty: d.maybeNumber,
  live_sessions: d.number,
  sessions: d.list(d.text),
})
export type Worker = Of<typeof worker>

export const output = d.record({
  value: d.number,
  btc: d.text,
  type: d.text,
  address: d.maybeText,
  script: d.maybeText,
})
export type Output = Of<typeof output>

export const job = d.record({
  id: d.text,
  job_id: d.text,
  pool: d.maybeText,
  ts: d.maybeText,
  message_id: d.maybeText,
  fault: d.maybeText,
  clean_jobs: d.maybeBool,
  previous_block: d.maybeText,
  version: d.maybeText,
  nbits: d.maybeText,
  network_target: d.maybeText,
  network_difficulty: d.maybeNumber,
  ntime: d.maybeText,
  time: d.maybeText,
  merkle_branches: d.list(d.text),
  coinbase_fault: d.maybeText,
  height: d.maybeNumber,
  tag: d.maybeText,
  outputs: d.list(output),
  output_count: d.maybeNumber,
  reward_btc: d.maybeText,
  extranonce_bytes: d.maybeNumber,
  witness_commitment: d.maybeText,
  coinbase1: d.maybeText,
  coinbase2: d.maybeText,
})
export type Job = Of<typeof job>

export const alert = d.record({
  id: d.text,
  kind: d.text,
  severity: d.text,
  active: d.bool,
  first_seen: d.maybeText,
  last_seen: d.maybeText,
  ended_at: d.maybeText,
  count: d.number,
  pool: d.maybeText,
  worker: d.maybeText,
  session_id: d.maybeText,
  message_id: d.maybeText,
  text: d.text,
})
export type Alert = Of<typeof alert>

export const pool = d.record({
  host: d.text,
  port: d.maybeNumber,
  peer: d.maybeText,
  listener: d.maybeText,
  state: d.text,
  error: d.maybeText,
  sessions: d.number,
  connected: d.number,
  last_seen: d.maybeText,
  connect_ms: d.maybeNumber,
  rtt_ms: d.maybeNumber,
})
export type Pool = Of<typeof pool>

export const relay = d.record({
  url: d.text,
  state: d.text,
  reason: d.maybeText,
  sent: d.number,
  accepted: d.number,
  refused: d.number,
  lost: d.number,
  pending: d.number,
})
export type Relay = Of<typeof relay>

/** GET /health: what is ill, and why. */
export const health = d.record({
  status: d.text,
  ill: d.list(d.record({ part: d.text, detail: d.text })),
})

export const process = d.record({
  role: d.text,
  state: d.text,
  pid: d.maybeNumber,
  generation: d.number,
  uptime_s: d.number,
  rss_kb: d.number,
  cpu_s: d.number,
  logs_dropped: d.number,
  last_exit: d.maybeText,
})
export type Process = Of<typeof process>

export const ROLES = ['none', 'viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

export const me = d.record({
  user: d.text,
  role: d.word(...ROLES),
  auth_required: d.bool,
})
export type Me = Of<typeof me>

export const user = d.record({ name: d.text, role: d.text, created: d.maybeText, sessions: d.number })
export type User = Of<typeof user>

export const token = d.record({
  name: d.text,
  role: d.text,
  created: d.maybeText,
  expires: d.maybeText,
  last_used: d.maybeText,
  expired: d.bool,
})
export type Token = Of<typeof token>

export const audit = d.record({
  line: d.text,
  time: d.maybeText,
  event: d.text,
  act: d.text,
  who: d.text,
  by: d.text,
  peer: d.text,
  session_id: d.maybeText,
  worker: d.maybeText,
  message_id: d.maybeText,
  name: d.maybeText,
  to_role: d.maybeText,
  value: d.maybeNumber,
  on: d.any,
  text: d.maybeText,
  status: d.maybeNumber,
  detail: d.text,
})
export type Audit = Of<typeof audit>

export const replayAnswer = d.record({
  success: d.bool,
  pool_response: d.any,
  error: d.maybeText,
  latency_ms: d.maybeNumber,
})
export type ReplayAnswer = Of<typeof replayAnswer>
