import { useMemo } from 'react'
import { worker, type Worker } from '@/api/types'
import { count, difficulty, hashrate, percent } from '@/lib/format'
import { usePages } from '@/state/pages'
import { useParam } from '@/state/router'
import { t } from '@/text'
import { Dot } from '@/ui/Badge'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Input } from '@/ui/Input'
import { Paged } from '@/ui/Paged'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty } from '@/ui/State'
import { Ago } from '@/ui/Time'

const rate = (w: Worker): number => {
  const all = w.shares.accepted + w.shares.rejected
  return all > 0 ? w.shares.rejected / all : 0
}

const columns: Columns<Worker> = [
  {
    id: 'name', header: t.workers.name, accessorFn: (w) => w.name,
    cell: ({ row: { original: w } }) => (
      <span className="inline-flex items-center gap-2 font-medium"><Dot tone={w.live_sessions > 0 ? 'accepted' : 'neutral'} /><Raw value={w.name} max={64} /></span>
    ),
  },
  { id: 'sessions', header: t.workers.sessions, accessorFn: (w) => w.live_sessions, cell: ({ row }) => count(row.original.live_sessions), meta: { right: true, from: 'md' } },
  { id: 'r1', header: `${t.workers.hashrate} ${t.windows['10m'] ?? ''}`, accessorFn: (w) => w.hashrates['10m'] ?? -1, cell: ({ row }) => hashrate(row.original.hashrates['10m']), meta: { right: true } },
  { id: 'r24', header: t.windows['24h'] ?? '', accessorFn: (w) => w.hashrates['24h'] ?? -1, cell: ({ row }) => hashrate(row.original.hashrates['24h']), meta: { right: true, from: 'lg' } },
  { id: 'accepted', header: t.workers.accepted, accessorFn: (w) => w.shares.accepted, cell: ({ row }) => count(row.original.shares.accepted), meta: { right: true } },
  { id: 'rejected', header: t.workers.rejected, accessorFn: (w) => w.shares.rejected, cell: ({ row }) => count(row.original.shares.rejected), meta: { right: true, from: 'sm' } },
  { id: 'stale', header: t.workers.stale, accessorFn: (w) => w.shares.stale, cell: ({ row }) => count(row.original.shares.stale), meta: { right: true, from: 'lg' } },
  {
    id: 'rate', header: t.workers.rejects, accessorFn: rate, meta: { right: true, from: 'md' },
    cell: ({ row: { original: w } }) => {
      const n = w.shares
      return <span className={rate(w) > 0.05 ? 'text-rejected' : undefined}>{percent(n.rejected, n.accepted + n.rejected)}</span>
    },
  },
  { id: 'best', header: t.workers.best, accessorFn: (w) => w.best_difficulty ?? 0, cell: ({ row }) => difficulty(row.original.best_difficulty), meta: { right: true, from: 'xl' } },
  { id: 'last', header: t.workers.last, accessorFn: (w) => w.last_share ?? '', cell: ({ row }) => <Ago at={row.original.last_share} />, meta: { right: true, className: 'text-dim' } },
]

const QUERY = { limit: 1000 }

export function Workers() {
  const [q, setQ] = useParam('q')
  const list = usePages('/api/workers', QUERY, worker, (w) => w.id, 3000)
  const rows = useMemo(() => list.rows?.filter((w) => w.name.toLowerCase().includes(q.toLowerCase())), [list.rows, q])
  return (
    <>
      <PageHead title={t.workers.title} lead={t.workers.lead}>
        <Input type="search" aria-label={t.workers.search} placeholder={t.workers.search} value={q} onChange={(e) => setQ(e.target.value)} className="w-full sm:w-64" />
      </PageHead>
      <Panel flush>
        <Paged list={{ ...list, rows }} empty={<Empty title={t.workers.empty}>{t.workers.emptyText}</Empty>}>
          {(shown) => (
            <DataTable label={t.workers.title} rows={shown} columns={columns} id={(w) => w.id} sort={[{ id: 'name', desc: false }]}
              to={(w) => `/shares?worker=${encodeURIComponent(w.name)}`} dimmed={(w) => w.live_sessions === 0} />
          )}
        </Paged>
      </Panel>
    </>
  )
}
