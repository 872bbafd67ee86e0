import { api } from '@/api'
import { stat, type Stat } from '@/api/types'
import { useResource } from '@/state/resource'

interface Range {
  readonly seconds: number
  readonly step: number
  readonly every: number
}

export const RANGES: Readonly<Record<string, Range>> = {
  '1h': { seconds: 3600, step: 60, every: 5000 },
  '24h': { seconds: 86400, step: 900, every: 30000 },
  '30d': { seconds: 30 * 86400, step: 21600, every: 60000 },
}

export interface Stats {
  /** Of the whole time; null while it is not known. */
  readonly whole: Stat | null
  /** Step by step, the oldest first. */
  readonly steps: readonly Stat[]
}

const NONE: Stats = { whole: null, steps: [] }

async function load({ seconds, step }: Range, signal: AbortSignal): Promise<Stats> {
  const since = new Date(Date.now() - seconds * 1000).toISOString()
  const [whole, steps] = await Promise.all([
    api.page('/api/stats', stat, { since }, signal),
    api.page('/api/stats', stat, { since, step }, signal),
  ])
  const sorted = steps.items.sort((a, b) => (a.ts ?? '').localeCompare(b.ts ?? ''))
  return { whole: whole.items[0] ?? null, steps: sorted }
}

/** All pools and workers together. */
export function useStats(name: string): Stats {
  const range = RANGES[name] ?? { seconds: 3600, step: 60, every: 5000 }
  return useResource(`stats ${name}`, (signal) => load(range, signal), range.every).data ?? NONE
}
