import { useMemo } from 'react'
import type { StatRow } from '@/api/stats'
import { count, hashrate, instant } from '@/lib/format'
import { t } from '@/text'
import { Chart, type Line } from '@/ui/Chart'
import { Panel } from '@/ui/Panel'

export function Charts({ stats }: { stats: readonly StatRow[] }) {
  const { times, rate, shares } = useMemo(() => {
    const line = (label: string, tone: Line['tone'], value: (r: StatRow) => number | null, fill = false): Line => ({ label, tone, fill, values: stats.map(value) })
    return {
      times: stats.map((r) => instant(r.ts) / 1000),
      rate: [line(t.overview.hashrate, 'accent', (r) => r.hashrate, true)],
      shares: [
        line(t.overview.accepted, 'accepted', (r) => r.accepted),
        line(t.overview.rejected, 'rejected', (r) => r.rejected),
        line(t.overview.stale, 'stale', (r) => r.stale),
      ],
    }
  }, [stats])
  return (
    <div className="grid gap-3 lg:grid-cols-2">
      <Panel title={t.overview.charts.hashrate}>
        <Chart label={t.overview.charts.hashrate} times={times} lines={rate} format={hashrate} />
      </Panel>
      <Panel title={t.overview.charts.shares}>
        <Chart label={t.overview.charts.shares} times={times} lines={shares} format={count} />
      </Panel>
    </div>
  )
}
