import { useMemo } from 'react'
import type { Stat } from '@/api/types'
import { hashrate, instant, si, us } from '@/lib/format'
import { t } from '@/text'
import { Chart, type Line } from '@/ui/Chart'
import { Panel } from '@/ui/Panel'

const perMinute = (n: number, s: Stat): number | null => (s.seconds > 0 ? (60 * n) / s.seconds : null)

function linesOf(steps: readonly Stat[]) {
  const line = (label: string, tone: Line['tone'], value: (s: Stat) => number | null, fill = false): Line => ({ label, tone, fill, values: steps.map(value) })
  return {
    times: steps.map((s) => instant(s.ts) / 1000),
    rate: [line(t.overview.hashrate, 'accent', (s) => (s.seconds > 0 ? s.mean_hashrate : null), true)],
    shares: [
      line(t.overview.accepted, 'accepted', (s) => perMinute(s.shares.accepted, s)),
      line(t.overview.rejected, 'rejected', (s) => perMinute(s.shares.rejected, s)),
      line(t.overview.stale, 'stale', (s) => perMinute(s.shares.stale, s)),
    ],
    latency: [
      line(t.latency.median, 'accent', (s) => (s.seconds > 0 ? s.latency.p50_us || null : null)),
      line(t.latency.worst, 'dim', (s) => (s.seconds > 0 ? s.latency.p99_us || null : null)),
    ],
  }
}

const perMin = (n: number | null): string => si(n)

export function Charts({ steps }: { steps: readonly Stat[] }) {
  const { times, rate, shares, latency } = useMemo(() => linesOf(steps), [steps])
  const c = t.overview.charts
  return (
    <div className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
      <Panel title={c.hashrate}><Chart label={c.hashrate} times={times} lines={rate} format={hashrate} /></Panel>
      <Panel title={c.shares}><Chart label={c.shares} times={times} lines={shares} format={perMin} /></Panel>
      <Panel title={c.latency} className="md:col-span-2 xl:col-span-1"><Chart label={c.latency} times={times} lines={latency} format={us} /></Panel>
    </div>
  )
}
