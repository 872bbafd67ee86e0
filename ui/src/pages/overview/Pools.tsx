import { api } from '@/api'
import { pool } from '@/api/types'
import { ms } from '@/lib/format'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Dot } from '@/ui/Badge'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty, Loaded } from '@/ui/State'

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
              {items.map((p, i) => (
                <li key={i} className="flex items-baseline justify-between gap-4 py-1.5 text-sm first:pt-0">
                  <span className="min-w-0 truncate">
                    <Dot tone={p.connected > 0 ? 'accepted' : 'neutral'} /> <Raw value={p.port === null ? p.host : `${p.host}:${p.port}`} max={80} />
                  </span>
                  <span className="shrink-0 text-dim">{t.overview.poolNote(p.connected, ms(p.rtt_ms))}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  )
}
