/*
 * Figures over time, as GET /api/stats has them: one row a step and group.
 */
import * as d from './decode'

export const statRow = d.record({
  ts: d.maybeText,
  key: d.maybeText,
  hashrate: d.maybeNumber,
  accepted: d.number,
  rejected: d.number,
  stale: d.number,
  unanswered: d.number,
  disputed: d.number,
  messages: d.any,
  causes: d.numbers,
  verdicts: d.numbers,
  latency: d.record({
    p50_us: d.maybeNumber,
    p99_us: d.maybeNumber,
    mean_us: d.maybeNumber,
    own_us: d.maybeNumber,
    tcp_miner_us: d.maybeNumber,
    tcp_pool_us: d.maybeNumber,
    pool_us: d.maybeNumber,
  }),
})
export type StatRow = d.Of<typeof statRow>
