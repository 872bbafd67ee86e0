/* What agents tell of themselves, as far as the console shows it. */
import * as d from './decode'
import type { Of } from './decode'

export const agent = d.record({
  agent_id: d.text,
  last_seen: d.maybeText,
  conn_state: d.text,
  stopped: d.bool,
  stats: d.numbers,
  pool_target: d.record({ host: d.maybeText, port: d.maybeNumber }),
  pubkey: d.text,
  verified: d.bool,
})
export type Agent = Of<typeof agent>

/** One report of an agent, in its own words: /api/agents/{id} and its history. */
export const telemetry = d.record({
  run_id: d.text,
  agent_id: d.text,
  ts: d.maybeText,
  pool_target: d.record({ host: d.maybeText, port: d.maybeNumber }),
  conn_state: d.text,
  stopped: d.bool,
  stats: d.numbers,
  errors: d.list(d.text),
})
export type Telemetry = Of<typeof telemetry>
