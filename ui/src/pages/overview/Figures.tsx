import { api } from '@/api'
import { session, type Stat as Figure } from '@/api/types'
import { count, hashrate, percent } from '@/lib/format'
import { WINDOWS } from '@/lib/rates'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Panel } from '@/ui/Panel'
import { Stat } from '@/ui/Stat'

function Rates({ whole }: { whole: Figure | null }) {
  const of = (w: string) => hashrate(whole?.hashrates[w])
  const note = (
    <span className="flex flex-wrap gap-x-4">
      {WINDOWS.slice(1).map((w) => <span key={w}>{t.windows[w]} <span className="text-ink">{of(w)}</span></span>)}
    </span>
  )
  return <Stat label={`${t.overview.hashrate}, ${t.windows['1m'] ?? ''}`} value={<span className="text-2xl">{of('1m')}</span>} note={note} className="col-span-2 md:col-span-4 xl:col-span-3" />
}

export function Figures({ whole }: { whole: Figure | null }) {
  const live = useResource('sessions live', (signal) => api.page('/api/sessions', session, { state: 'live', limit: 1000 }, signal), 2000)
  const n = whole?.shares
  const all = n ? n.accepted + n.rejected : 0
  const part = (k: number | undefined) => t.overview.ofShares(percent(k, all))
  return (
    <Panel>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-4 pt-2 md:grid-cols-4 xl:grid-cols-7">
        <Rates whole={whole} />
        <Stat label={t.overview.miners} value={<Link to="/sessions" quiet>{count(live.data?.items.length)}</Link>} />
        <Stat label={t.overview.accepted} value={count(n?.accepted)} note={part(n?.accepted)} tone={all > 0 ? 'accepted' : 'neutral'} />
        <Stat label={t.overview.rejected} value={<Link to="/shares?pool_verdict=rejected" quiet>{count(n?.rejected)}</Link>} note={part(n?.rejected)} tone={n && n.rejected > 0 ? 'rejected' : 'neutral'} />
        <Stat label={t.overview.stale} value={<Link to="/shares?verdict=stale" quiet>{count(n?.stale)}</Link>} note={part(n?.stale)} tone={n && n.stale > 0 ? 'stale' : 'neutral'} />
      </dl>
    </Panel>
  )
}
