import type { Stat as Figure } from '@/api/types'
import { us } from '@/lib/format'
import { t } from '@/text'
import { Panel } from '@/ui/Panel'
import { Split } from '@/ui/Split'
import { Stat } from '@/ui/Stat'
import { partsOf } from '../shares/parts'

export function Latency({ whole }: { whole: Figure | null }) {
  const l = whole && whole.latency.count > 0 ? whole.latency : null
  return (
    <Panel title={t.overview.latency}>
      <dl className="mb-3 grid grid-cols-3 gap-4">
        <Stat label={t.latency.median} value={us(l?.p50_us)} />
        <Stat label={t.latency.ninety} value={us(l?.p90_us)} />
        <Stat label={t.latency.worst} value={us(l?.p99_us)} />
      </dl>
      <Split label={t.overview.latency} parts={partsOf(l)} />
      <p className="mt-3 text-xs text-faint">{t.overview.latencyText}</p>
    </Panel>
  )
}
