import { api } from '@/api'
import { process, type Process } from '@/api/types'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Link } from '@/ui/Link'
import { Panel } from '@/ui/Panel'
import { Loaded } from '@/ui/State'
import { Pair } from '@/ui/Stat'
import { isUp } from '@/lib/process'

function Down({ items }: { items: readonly Process[] }) {
  const down = items.filter((p) => !isUp(p))
  if (down.length === 0) return <>{t.overview.allUp(items.length)}</>
  return <span className="inline-flex gap-1">{down.map((p) => <Badge key={p.role} tone="rejected">{p.role}: {p.state}</Badge>)}</span>
}

export function Health() {
  const list = useResource('processes', (signal) => api.page('/api/processes', process, {}, signal), 3000)
  return (
    <Panel title={t.overview.health} aside={<Link to="/settings/processes">{t.settings.processes}</Link>}>
      <Loaded of={list} lines={3}>
        {({ items }) => (
          <dl>
            <Pair name={t.overview.processes}><Down items={items} /></Pair>
          </dl>
        )}
      </Loaded>
    </Panel>
  )
}
