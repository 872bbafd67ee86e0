import { useMemo } from 'react'
import { alert, type Alert } from '@/api/types'
import { count } from '@/lib/format'
import { usePages } from '@/state/pages'
import { useParam } from '@/state/router'
import { t } from '@/text'
import { Badge, type Tone } from '@/ui/Badge'
import { Select } from '@/ui/Input'
import { Link } from '@/ui/Link'
import { Paged } from '@/ui/Paged'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty } from '@/ui/State'
import { Ago, When } from '@/ui/Time'

const TONES: Record<string, Tone> = { critical: 'rejected', warning: 'stale' }

export function Severity({ a }: { a: Alert }) {
  return <Badge tone={a.active ? (TONES[a.severity] ?? 'neutral') : 'neutral'}>{t.alerts.severity[a.severity] ?? a.severity.slice(0, 20)}</Badge>
}

export function About({ a }: { a: Alert }) {
  return (
    <span className="inline-flex flex-wrap gap-x-3">
      {a.pool !== null && <Raw value={a.pool} max={64} />}
      {a.worker !== null && <Link to={`/shares?worker=${encodeURIComponent(a.worker)}`}><Raw value={a.worker} max={64} /></Link>}
      {a.session_id !== null && <Link to={`/sessions/${a.session_id}`}>{t.session.title}</Link>}
      {a.message_id !== null && <Link to={`/messages/${a.message_id}`}>{t.message.title(a.message_id)}</Link>}
    </span>
  )
}

function Row({ a }: { a: Alert }) {
  return (
    <li className={`flex flex-wrap items-start gap-x-4 gap-y-1 border-t px-4 py-3 first:border-0 ${a.active ? '' : 'text-dim'}`}>
      <span className="w-20 shrink-0"><Severity a={a} /></span>
      <div className="min-w-0 flex-1 basis-64">
        <p className="text-sm [overflow-wrap:anywhere]"><Raw value={a.text} max={1000} /></p>
        <p className="mt-0.5 text-sm text-dim"><About a={a} /></p>
      </div>
      <div className="flex w-full shrink-0 items-baseline gap-x-3 pl-24 text-sm text-dim sm:block sm:w-auto sm:pl-0 sm:text-right">
        <p>{a.active ? <>{t.alerts.open} · <Ago at={a.first_seen} /></> : t.alerts.ended}</p>
        <p className="text-xs"><When at={a.last_seen} />{a.count > 1 && ` · ${count(a.count)}×`}</p>
      </div>
    </li>
  )
}

export function Alerts() {
  const [state, setState] = useParam('state')
  const which = state === 'all' ? 'all' : 'open'
  const query = useMemo(() => ({ limit: 200 }), [])
  const list = usePages('/api/alerts', query, alert, (a) => a.id, 3000)
  const rows = list.rows?.filter((a) => which === 'all' || a.active)
  return (
    <>
      <PageHead title={t.alerts.title} lead={t.alerts.lead}>
        <Select aria-label={t.alerts.stateLabel} value={which} options={Object.entries(t.alerts.state)} onValue={(v) => setState(v === 'all' ? v : '')} />
      </PageHead>
      <Panel flush>
        <Paged list={{ ...list, rows }} empty={<Empty title={t.alerts.empty}>{t.alerts.emptyText}</Empty>}>
          {(shown) => <ul>{shown.map((a) => <Row key={a.id} a={a} />)}</ul>}
        </Paged>
      </Panel>
    </>
  )
}
