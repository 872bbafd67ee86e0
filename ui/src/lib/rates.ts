/*
 * Hashrates over several windows and shares by verdict, as the API gives them
 * with sessions, workers and pools.
 */
import { isObject, maybeNumber, numbers } from '@/api/decode'

export const WINDOWS = ['1m', '10m', '1h', '24h'] as const
export type Window = (typeof WINDOWS)[number]

/** Of one window; a plain number holds for all. */
export function rateOver(hashrate: unknown, window: Window): number | null {
  if (!isObject(hashrate)) return maybeNumber(hashrate)
  return maybeNumber(hashrate[window])
}

/** The shortest window that has one. */
export function rateNow(hashrate: unknown): number | null {
  for (const w of ['10m', '1m', '1h', '24h'] as const) {
    const r = rateOver(hashrate, w)
    if (r !== null) return r
  }
  return null
}

export interface Counted {
  readonly accepted: number
  readonly rejected: number
  readonly stale: number
  readonly total: number
}

export function counted(shares: unknown): Counted {
  const n = numbers(shares)
  const accepted = n['accepted'] ?? 0
  const rejected = n['rejected'] ?? 0
  return { accepted, rejected, stale: n['stale'] ?? 0, total: n['total'] ?? accepted + rejected + (n['unanswered'] ?? 0) }
}
