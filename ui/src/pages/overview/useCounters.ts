/* HashScope's own counters, as the feed tells them every other second. */
import { useEffect, useState } from 'react'
import { api } from '@/api'
import { numbers, record } from '@/api/decode'

export const counters = record({ relay: numbers, capture: numbers, tap: numbers })

export interface Counters {
  readonly relay: Record<string, number>
  readonly capture: Record<string, number>
  readonly tap: Record<string, number>
  /** Messages a second since the last time; null at first. */
  readonly perSecond: number | null
}

const EVERY_MS = 2000

export function useCounters(): Counters | null {
  const [now, setNow] = useState<Counters | null>(null)
  useEffect(() => {
    let before: { at: number; seen: number } | null = null
    return api.subscribe(
      { topic: 'stats', filter: {}, every: EVERY_MS },
      {
        data: (items) => {
          const c = counters(items.at(-1))
          const at = performance.now()
          const seen = c.capture['messages_seen'] ?? 0
          const rate = before && at > before.at && seen >= before.seen ? (1000 * (seen - before.seen)) / (at - before.at) : null
          if (!before || at - before.at >= 1000) {
            before = { at, seen }
            setNow((old) => ({ ...c, perSecond: rate ?? old?.perSecond ?? null }))
          }
        },
      },
    )
  }, [])
  return now
}
