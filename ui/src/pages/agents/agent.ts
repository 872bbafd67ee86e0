/* What is read out of an agent's report. */
import type { Agent, Telemetry } from '@/api/fleet'
import { DASH, instant } from '@/lib/format'
import { t } from '@/text'

/** Silent for so long is stale, as in the original. */
const STALE_MS = 60_000

export function isStale(lastSeen: string | null, now: number): boolean {
  const at = instant(lastSeen)
  return Number.isNaN(at) || now - at > STALE_MS
}

export const poolOf = ({ pool_target: p }: Pick<Agent, 'pool_target'>): string =>
  p.host === null ? '' : `${p.host}${p.port === null ? '' : `:${p.port}`}`

export const stateOf = (a: Pick<Agent, 'conn_state'>): string => t.agents.states[a.conn_state] ?? a.conn_state

export function rate(n: number | null | undefined): string {
  return n === null || n === undefined ? DASH : n.toFixed(n < 10 ? 2 : 0)
}

export interface Reports {
  readonly times: readonly number[]
  /** One of its figures, report by report. */
  readonly line: (name: string) => (number | null)[]
  /** How fast one of its counters grew between two reports. */
  readonly growth: (name: string) => (number | null)[]
}

/** The history, oldest first, once for each time. */
export function reportsOf(history: readonly Telemetry[]): Reports {
  const by = new Map(history.map((r) => [instant(r.ts) / 1000, r.stats]))
  const times = [...by.keys()].filter((at) => !Number.isNaN(at)).sort((a, b) => a - b)
  const line = (name: string) => times.map((at) => by.get(at)?.[name] ?? null)
  const growth = (name: string) => {
    const values = line(name)
    return values.map((v, i) => {
      const before = values[i - 1] ?? null
      const seconds = (times[i] ?? 0) - (times[i - 1] ?? 0)
      // An agent that was started anew counts from 0.
      return v === null || before === null || v < before || seconds <= 0 ? null : (v - before) / seconds
    })
  }
  return { times, line, growth }
}
