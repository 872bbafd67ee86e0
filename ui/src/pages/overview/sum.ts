/* Sums over the steps that are shown. */
import type { StatRow } from '@/api/stats'

export interface Sums {
  readonly accepted: number
  readonly rejected: number
  readonly stale: number
  readonly causes: readonly (readonly [string, number])[]
}

export function sumOf(rows: readonly StatRow[]): Sums {
  const causes = new Map<string, number>()
  let accepted = 0
  let rejected = 0
  let stale = 0
  for (const r of rows) {
    accepted += r.accepted
    rejected += r.rejected
    stale += r.stale
    for (const [cause, n] of Object.entries(r.causes)) causes.set(cause, (causes.get(cause) ?? 0) + n)
  }
  return { accepted, rejected, stale, causes: [...causes].filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]) }
}
