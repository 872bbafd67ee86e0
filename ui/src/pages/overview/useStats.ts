import { api } from '@/api'
import { statRow, type StatRow } from '@/api/stats'
import { useResource, type Resource } from '@/state/resource'

interface Range {
  readonly seconds: number
  readonly step: number
  readonly every: number
}

export const RANGES: Readonly<Record<string, Range>> = {
  '10m': { seconds: 600, step: 60, every: 2000 },
  '1h': { seconds: 3600, step: 60, every: 5000 },
  '24h': { seconds: 86400, step: 900, every: 30000 },
}

/** All pools and workers together, the oldest step first. */
export function useStats(range: string): Resource<StatRow[]> {
  const { seconds, step, every } = RANGES[range] ?? { seconds: 3600, step: 60, every: 5000 }
  return useResource(
    `stats ${range}`,
    async (signal) => {
      const since = new Date(Date.now() - seconds * 1000).toISOString()
      const page = await api.page('/api/stats', statRow, { since, step }, signal)
      return page.items
    },
    every,
  )
}
