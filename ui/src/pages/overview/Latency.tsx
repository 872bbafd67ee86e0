import type { StatRow } from '@/api/stats'
import { us } from '@/lib/format'
import { t } from '@/text'
import { Panel } from '@/ui/Panel'
import { Split } from '@/ui/Split'
import { Stat } from '@/ui/Stat'

/** Of the newest step that has any. */
export function Latency({ stats }: { stats: readonly StatRow[] }) {
  const l = [...stats].reverse().find((r) => r.latency.p50_us !== null || r.latency.mean_us !== null)?.latency
  return (
    <Panel title={t.overview.latency}>
      <p className="mb-3 text-sm text-dim">{t.overview.latencyText}</p>
      <dl className="mb-3 grid grid-cols-2 gap-4">
        <Stat label={t.latency.median} value={us(l?.p50_us ?? l?.mean_us)} />
        <Stat label={t.latency.worst} value={us(l?.p99_us)} />
      </dl>
      <Split
        label={t.overview.latency}
        parts={[
          { label: t.latency.own, us: l?.own_us ?? null, className: 'bg-accent' },
          { label: t.latency.miner, us: l?.tcp_miner_us ?? null, className: 'bg-strong' },
          { label: t.latency.pool, us: l?.tcp_pool_us ?? null, className: 'bg-faint' },
          { label: t.latency.thinking, us: l?.pool_us ?? null, className: 'bg-stale' },
        ]}
      />
    </Panel>
  )
}
