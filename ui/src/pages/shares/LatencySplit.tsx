import type { Share } from '@/api/types'
import { ms } from '@/lib/format'
import { t } from '@/text'
import { Split } from '@/ui/Split'
import { Part } from '../message/Part'

export function LatencySplit({ s }: { s: Share }) {
  const l = s.latency
  if (s.latency_ms === null && l.pool_us === null) return null
  return (
    <Part title={t.overview.latency} aside={<span className="text-sm tabular-nums text-dim">{ms(s.latency_ms)}</span>}>
      <Split
        label={t.overview.latency}
        parts={[
          { label: t.latency.own, us: l.own_us, className: 'bg-accent' },
          { label: t.latency.miner, us: l.tcp_miner_us, className: 'bg-strong' },
          { label: t.latency.pool, us: l.tcp_pool_us, className: 'bg-faint' },
          { label: t.latency.thinking, us: l.pool_us, className: 'bg-stale' },
        ]}
      />
    </Part>
  )
}
