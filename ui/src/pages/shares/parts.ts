/* Where the time of a share went.  The miner's leg is beside it, not in it. */
import type { Latency } from '@/api/types'
import { t } from '@/text'
import type { Part } from '@/ui/Split'

type Legs = Pick<Latency, 'own_us' | 'tcp_miner_us' | 'tcp_pool_us' | 'pool_us'>

export function partsOf(l: Legs | null | undefined): Part[] {
  return [
    { label: t.latency.own, us: l?.own_us ?? null, className: 'bg-accent' },
    { label: t.latency.pool, us: l?.tcp_pool_us ?? null, className: 'bg-strong' },
    { label: t.latency.thinking, us: l?.pool_us ?? null, className: 'bg-stale' },
    { label: t.latency.miner, us: l?.tcp_miner_us ?? null, className: 'bg-raised', apart: true },
  ]
}
