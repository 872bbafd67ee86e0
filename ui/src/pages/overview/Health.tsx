import { api } from '@/api'
import { health, process, relay, type Process } from '@/api/types'
import { bytes, count, DASH, duration, percent, si } from '@/lib/format'
import { isUp } from '@/lib/process'
import { useNostr } from '@/state/nostr'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge, Dot } from '@/ui/Badge'
import { Link } from '@/ui/Link'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair } from '@/ui/Stat'
import { useCounters } from './useCounters'

function Ill() {
  const state = useResource('health', (signal) => api.get('/health', health, {}, signal, 503), 5000)
  return (
    <Loaded of={state} lines={1}>
      {({ ill }) =>
        ill.length === 0 ? (
          <p className="mb-1 text-sm"><Dot tone="accepted" label={t.overview.well} /></p>
        ) : (
          <ul className="mb-1 space-y-1">
            {ill.map((i, n) => (
              <li key={n} className="text-sm"><Badge tone="rejected">{i.part.slice(0, 40)}</Badge> <Raw value={i.detail} max={300} /></li>
            ))}
          </ul>
        )
      }
    </Loaded>
  )
}

function Publishing() {
  const on = useNostr() === true
  const list = useResource(on ? 'relays' : null, (signal) => api.page('/api/relays', relay, {}, signal), 5000)
  if (!list.data || list.data.items.length === 0) return <Pair name={t.overview.publishing}>{t.overview.off}</Pair>
  return <>{list.data.items.map((r) => <Pair key={r.url} name={<Raw value={r.url} max={60} />}><Raw value={r.reason ?? r.state} max={60} /></Pair>)}</>
}

function Counters() {
  const c = useCounters()
  if (!c) return null
  const gaps = c.capture['gaps'] ?? 0
  return (
    <>
      <Pair name={t.overview.rate}>{c.perSecond === null ? DASH : t.overview.perSecond(si(c.perSecond))}</Pair>
      <Pair name={t.overview.ring}>{percent(c.tap['ring_used'], c.tap['ring_bytes'])}</Pair>
      <Pair name={t.overview.store}>{t.overview.stored(count(c.capture['store_visible']))}, {bytes((c.capture['store_file_bytes'] ?? 0) + (c.capture['store_wal_bytes'] ?? 0))}</Pair>
      <Pair name={t.overview.gaps}>{gaps === 0 ? t.overview.noGaps : <Badge tone="attention">{count(gaps)}</Badge>}</Pair>
    </>
  )
}

function Figures({ items }: { items: readonly Process[] }) {
  const up = items.filter(isUp)
  const oldest = Math.max(0, ...up.map((p) => p.uptime_s))
  return (
    <dl>
      <Pair name={t.overview.processes}>{t.overview.allUp(up.length)}</Pair>
      <Pair name={t.overview.uptime}>{duration(oldest)}</Pair>
      <Pair name={t.settings.memory}>{bytes(up.reduce((n, p) => n + p.rss_kb, 0) * 1024)}</Pair>
      <Counters />
      <Publishing />
    </dl>
  )
}

export function Health() {
  const list = useResource('processes', (signal) => api.page('/api/processes', process, {}, signal), 3000)
  return (
    <Panel title={t.overview.health} aside={<Link to="/settings/processes">{t.settings.processes}</Link>}>
      <Ill />
      <Loaded of={list} lines={3}>{({ items }) => <Figures items={items} />}</Loaded>
    </Panel>
  )
}
