import { audit, type Audit as Entry } from '@/api/types'
import { text } from '@/api/decode'
import { usePages } from '@/state/pages'
import { t } from '@/text'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Paged } from '@/ui/Paged'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty } from '@/ui/State'
import { DateTime } from '@/ui/Time'

const columns: Columns<Entry> = [
  { id: 'ts', header: t.settings.when, accessorFn: (a) => a.ts, cell: ({ row }) => <DateTime at={row.original.ts} />, meta: { className: 'text-dim' } },
  {
    id: 'who', header: t.settings.who, accessorFn: (a) => a.user,
    cell: ({ row: { original: a } }) => (
      <span><Raw value={a.user} max={40} /> <span className="text-xs text-faint"><Raw value={a.peer} max={60} empty="" /></span></span>
    ),
  },
  { id: 'what', header: t.settings.what, accessorFn: (a) => a.action, cell: ({ row }) => <Raw value={row.original.action} max={40} /> },
  { id: 'detail', header: t.settings.detail, accessorFn: (a) => a.detail, cell: ({ row }) => <Raw value={row.original.detail} max={200} />, meta: { from: 'md', mono: true } },
  { id: 'status', header: t.settings.status, accessorFn: (a) => text(a.status), cell: ({ row }) => <Raw value={text(row.original.status)} max={60} />, meta: { right: true } },
]

const QUERY = { limit: 200 }

export function Audit() {
  const list = usePages('/api/audit', QUERY, audit, (a) => a.id, 5000)
  return (
    <Panel flush>
      <Paged list={list} empty={<Empty title={t.settings.noAudit} />}>
        {(rows) => <DataTable label={t.settings.audit} rows={rows} columns={columns} id={(a) => a.id} onEnd={list.more} />}
      </Paged>
    </Panel>
  )
}
