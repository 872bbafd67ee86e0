/* What is read out of an agent's report. */
import type { Agent } from '@/api/types'
import { DASH, instant } from '@/lib/format'

/** Silent for so long is stale, as in the original. */
const STALE_MS = 60_000

export function isStale(a: Agent, now: number): boolean {
  const at = instant(a.last_seen)
  return Number.isNaN(at) || now - at > STALE_MS
}

export const poolOf = (a: Agent): string =>
  a.pool_target.host === null ? '' : `${a.pool_target.host}${a.pool_target.port === null ? '' : `:${a.pool_target.port}`}`

export function rate(n: number | undefined): string {
  return n === undefined ? DASH : n.toFixed(n < 10 ? 2 : 0)
}
