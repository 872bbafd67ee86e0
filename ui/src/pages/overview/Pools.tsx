import { api } from '@/api'
import { pool, type Pool } from '@/api/types'
import { ms } from '@/lib/format'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Dot, type Tone } from '@/ui/Badge'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty, Loaded } from '@/ui/State'

const nameOf = (p: Pool): string => (p.port === null ? p.host : `${p.host}:${p.port}`)

/** A pool of several listeners is one pool. */
function distinct(pools: readonly Pool[]): Pool[] {
  return [...new Map(pools.map((p) => [nameOf(p), p])).values()]
}

function toneOf(p: Pool): Tone {
  if (p.state === 'down') return 'rejected'
  return p.state === 'up' || p.connected > 0 ? 'accepted' : 'neutral'
}

export function Pools() {
  const pools = useResource('pools', (signal) => api.page('/api/pools', pool, {}, signal), 3000)
  return (
    <Panel title={t.overview.pools}>
      <Loaded of={pools} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t.overview.noPools}>{t.overview.noPoolsText}</Empty>
          ) : (
            <ul className="divide-y">
              {distinct(items).map((p) => (
                <li key={nameOf(p)} className="flex items-baseline justify-between gap-4 py-1.5 text-sm first:pt-0">
                  <span className="min-w-0 truncate">
                    <Dot tone={toneOf(p)} /> <Raw value={nameOf(p)} max={80} />
                  </span>
                  <span className="shrink-0 text-dim">{p.state === 'down' && p.error !== null ? <Raw value={p.error} max={80} /> : t.overview.poolNote(p.connected, ms(p.rtt_ms))}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  )
}
