import { api } from '@/api'
import { alert } from '@/api/types'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Ago } from '@/ui/Time'
import { Severity } from '../Alerts'

export function AlertList() {
  const alerts = useResource('alerts', (signal) => api.page('/api/alerts', alert, { limit: 50 }, signal), 5000)
  return (
    <Panel title={t.overview.alerts} aside={<Link to="/alerts">{t.nav.alerts}</Link>}>
      <Loaded of={alerts} lines={2}>
        {({ items }) => {
          const open = items.filter((a) => a.active)
          if (open.length === 0) return <p className="text-sm text-dim">{t.overview.noAlerts}</p>
          return (
            <ul className="space-y-2">
              {open.slice(0, 6).map((a) => (
                <li key={a.id} className="flex items-baseline gap-2 text-sm">
                  <Severity a={a} />
                  <span className="min-w-0 flex-1 line-clamp-2 [overflow-wrap:anywhere]"><Raw value={a.text} max={300} /></span>
                  <span className="shrink-0 text-xs text-dim"><Ago at={a.first_seen} /></span>
                </li>
              ))}
            </ul>
          )
        }}
      </Loaded>
    </Panel>
  )
}
