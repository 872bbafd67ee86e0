import { job, type Job } from '@/api/types'
import { count } from '@/lib/format'
import { usePages } from '@/state/pages'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Paged } from '@/ui/Paged'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty } from '@/ui/State'
import { When } from '@/ui/Time'

export function payee(j: Job): string {
  const out = j.outputs.find((o) => o.address !== null)
  return out?.address ?? ''
}

const columns: Columns<Job> = [
  { id: 'ts', header: t.jobs.when, accessorFn: (j) => j.ts, cell: ({ row }) => <When at={row.original.ts} />, meta: { className: 'text-dim' } },
  {
    id: 'job', header: t.jobs.job, accessorFn: (j) => j.job_id,
    cell: ({ row: { original: j } }) => (
      <span className="inline-flex items-center gap-2">
        <span className="font-mono text-xs"><Raw value={j.job_id} max={32} /></span>
        {j.clean_jobs === true && <Badge tone="accent">{t.jobs.clean}</Badge>}
        {j.fault !== null && <Badge tone="attention">{t.jobs.fault}</Badge>}
      </span>
    ),
  },
  { id: 'pool', header: t.jobs.pool, accessorFn: (j) => j.pool ?? '', cell: ({ row }) => <Raw value={row.original.pool} max={48} />, meta: { from: 'md' } },
  { id: 'height', header: t.jobs.height, accessorFn: (j) => j.height ?? 0, cell: ({ row }) => count(row.original.height), meta: { right: true } },
  { id: 'reward', header: t.jobs.reward, accessorFn: (j) => Number(j.reward_btc ?? 0), cell: ({ row }) => (row.original.reward_btc === null ? '–' : `${row.original.reward_btc} BTC`), meta: { right: true, from: 'lg' } },
  { id: 'pays', header: t.jobs.output, accessorFn: payee, cell: ({ row }) => <Raw value={payee(row.original)} max={64} />, meta: { mono: true, from: 'xl' } },
  { id: 'branches', header: t.jobs.branches, accessorFn: (j) => j.merkle_branches.length, cell: ({ row }) => count(row.original.merkle_branches.length), meta: { right: true, from: 'lg' } },
  { id: 'tag', header: t.jobs.tag, accessorFn: (j) => j.tag ?? '', cell: ({ row }) => <Raw value={row.original.tag} max={40} />, meta: { from: 'sm' } },
]

const QUERY = { limit: 200 }

export function Jobs() {
  const list = usePages('/api/jobs', QUERY, job, (j) => j.id, 3000)
  return (
    <>
      <PageHead title={t.jobs.title} lead={t.jobs.lead} />
      <Panel flush>
        <Paged list={list} empty={<Empty title={t.jobs.empty}>{t.jobs.emptyText}</Empty>}>
          {(rows) => <DataTable label={t.jobs.title} rows={rows} columns={columns} id={(j) => j.id} to={(j) => `/jobs/${j.id}`} onEnd={list.more} onTop={list.onTop} />}
        </Paged>
      </Panel>
    </>
  )
}
