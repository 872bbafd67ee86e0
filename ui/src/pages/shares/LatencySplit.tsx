import type { Share } from '@/api/types'
import { ms } from '@/lib/format'
import { t } from '@/text'
import { Split } from '@/ui/Split'
import { Part } from '../message/Part'
import { partsOf } from './parts'

export function LatencySplit({ s }: { s: Share }) {
  if (s.latency_ms === null && s.latency.pool_us === null) return null
  return (
    <Part title={t.overview.latency} aside={<span className="text-sm tabular-nums text-dim">{ms(s.latency_ms)}</span>}>
      <Split label={t.overview.latency} parts={partsOf(s.latency)} />
    </Part>
  )
}
