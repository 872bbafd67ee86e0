import { audit, type Audit as Entry } from '@/api/types'
import { text } from '@/api/decode'
import { usePages } from '@/state/pages'
import { t } from '@/text'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Paged } from '@/ui/Paged'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty } from '@/ui/State'
import { When } from '@/ui/Time'

/** What was done to whom, in one line. */
function about(a: Entry): string {
  const parts: [string, unknown][] = [
    ['', a.name], ['', a.worker], ['session', a.session_id], ['message', a.message_id], ['role', a.to_role],
    ['', a.value], ['', typeof a.on === 'boolean' ? (a.on ? 'on' : 'off') : null], ['', a.text], ['', a.detail],
  ]
  return parts.filter(([, v]) => v !== null && v !== '').map(([name, v]) => (name === '' ? text(v) : `${name} ${text(v)}`)).join(' · ')
}

const columns: Columns<Entry> = [
  { id: 'ts', header: t.settings.when, accessorFn: (a) => a.time, cell: ({ row }) => <When at={row.original.time} />, meta: { className: 'text-dim' } },
  {
    id: 'who', header: t.settings.who, accessorFn: (a) => a.who,
    cell: ({ row: { original: a } }) => (
      <span><Raw value={a.who} max={40} /> <span className="text-xs text-faint"><Raw value={a.peer} max={60} empty="" /></span></span>
    ),
  },
  { id: 'what', header: t.settings.what, accessorFn: (a) => a.act, cell: ({ row: { original: a } }) => <><Raw value={a.act === '' ? a.event : a.act} max={40} /> {a.act !== '' && <span className="text-faint"><Raw value={a.event} max={20} /></span>}</> },
  { id: 'detail', header: t.settings.detail, accessorFn: about, cell: ({ row }) => <Raw value={about(row.original)} max={200} empty="" />, meta: { from: 'md', className: 'text-dim' } },
  { id: 'status', header: t.settings.status, accessorFn: (a) => a.status ?? 0, cell: ({ row: { original: a } }) => <span className={a.status !== null && a.status >= 400 ? 'text-rejected' : 'text-dim'}>{a.status ?? ''}</span>, meta: { right: true } },
]

const QUERY = { limit: 200 }

export function Audit() {
  const list = usePages('/api/audit', QUERY, audit, (a) => a.line, 5000)
  return (
    <Panel flush>
      <Paged list={list} empty={<Empty title={t.settings.noAudit} />}>
        {(rows) => <DataTable label={t.settings.audit} rows={rows} columns={columns} id={(a) => `${a.line} ${a.time ?? ''} ${a.event}`} onEnd={list.more} onTop={list.onTop} />}
      </Paged>
    </Panel>
  )
}
