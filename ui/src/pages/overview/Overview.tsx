/* How it goes, on one page: somebody should want to leave it open on a wall. */
import { PageHead } from '@/ui/Panel'
import { useParam } from '@/state/router'
import { t } from '@/text'
import { Select } from '@/ui/Input'
import { AlertList } from './AlertList'
import { Charts } from './Charts'
import { Figures } from './Figures'
import { Health } from './Health'
import { Latency } from './Latency'
import { Pools } from './Pools'
import { Reasons } from './Reasons'
import { RANGES, useStats } from './useStats'

export function Overview() {
  const [range, setRange] = useParam('range')
  const which = RANGES[range] === undefined ? '1h' : range
  const { whole, steps } = useStats(which)
  return (
    <div className="space-y-3">
      <PageHead title={t.overview.title}>
        <Select aria-label={t.overview.range} value={which} options={Object.entries(t.overview.ranges)} onValue={(v) => setRange(v === '1h' ? '' : v)} />
      </PageHead>
      <Figures whole={whole} />
      <Charts steps={steps} />
      <div className="grid items-start gap-3 md:grid-cols-2 xl:grid-cols-3">
        <div className="space-y-3"><Pools /><AlertList /></div>
        <div className="space-y-3"><Latency whole={whole} /><Reasons whole={whole} /></div>
        <Health />
      </div>
    </div>
  )
}
