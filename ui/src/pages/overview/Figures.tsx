import { api } from '@/api'
import type { StatRow } from '@/api/stats'
import { session } from '@/api/types'
import { count, hashrate, percent } from '@/lib/format'
import { rateOver, WINDOWS, type Window } from '@/lib/rates'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Panel } from '@/ui/Panel'
import { Stat } from '@/ui/Stat'
import { sumOf } from './sum'

export function Figures({ stats }: { stats: readonly StatRow[] }) {
  const live = useResource('sessions live', (signal) => api.page('/api/sessions', session, { state: 'live', limit: 1000 }, signal), 2000)
  const sessions = live.data?.items
  const n = sumOf(stats)
  const all = n.accepted + n.rejected
  const rate = (w: Window): number | null => {
    const known = (sessions ?? []).map((s) => rateOver(s.hashrate, w)).filter((r) => r !== null)
    return known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
  }
  const later = WINDOWS.slice(1).map((w) => `${t.windows[w] ?? w}: ${hashrate(rate(w))}`)
  return (
    <Panel>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-4 pt-2 md:grid-cols-3 xl:grid-cols-6">
        <div className="col-span-2">
          <Stat label={t.overview.hashrate} value={<span className="text-2xl">{hashrate(rate('1m') ?? rate('10m'))}</span>} note={later.join('   ')} />
        </div>
        <Stat label={t.overview.miners} value={<Link to="/sessions" quiet>{count(sessions?.length)}</Link>} />
        <Stat label={t.overview.accepted} value={count(n.accepted)} note={t.overview.ofShares(percent(n.accepted, all))} tone={n.accepted > 0 ? 'accepted' : 'neutral'} />
        <Stat label={t.overview.rejected} value={<Link to="/shares?pool_verdict=rejected" quiet>{count(n.rejected)}</Link>} note={t.overview.ofShares(percent(n.rejected, all))} tone={n.rejected > 0 ? 'rejected' : 'neutral'} />
        <Stat label={t.overview.stale} value={<Link to="/shares?verdict=stale" quiet>{count(n.stale)}</Link>} note={t.overview.ofShares(percent(n.stale, all))} tone={n.stale > 0 ? 'stale' : 'neutral'} />
      </dl>
    </Panel>
  )
}
