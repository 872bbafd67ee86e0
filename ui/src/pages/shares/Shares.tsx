/* Every submit with both verdicts. */
import { useMemo } from 'react'
import { share, type Share } from '@/api/types'
import { difficulty, ms } from '@/lib/format'
import { usePages } from '@/state/pages'
import { useParam } from '@/state/router'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Select } from '@/ui/Input'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty } from '@/ui/State'
import { Paged } from '@/ui/Paged'
import { Clock } from '@/ui/Time'
import { latencyTone } from '../messages/columns'
import { Verdict } from './verdict'

const VERDICTS = ['valid', 'low_difficulty', 'stale', 'duplicate', 'bad_ntime', 'bad_extranonce2', 'bad_version', 'unknown_job', 'undecided']

const columns: Columns<Share> = [
  { id: 'ts', header: t.shares.when, accessorFn: (s) => s.ts, cell: ({ row }) => <Clock at={row.original.ts} />, meta: { className: 'text-dim' } },
  { id: 'worker', header: t.shares.worker, accessorFn: (s) => s.worker, cell: ({ row }) => <Raw value={row.original.worker} max={48} /> },
  { id: 'job', header: t.shares.job, accessorFn: (s) => s.job_id, cell: ({ row }) => <Raw value={row.original.job_id} max={24} />, meta: { mono: true, from: 'lg' } },
  { id: 'reached', header: t.shares.reached, accessorFn: (s) => s.difficulty ?? 0, cell: ({ row }) => difficulty(row.original.difficulty), meta: { right: true, from: 'md' } },
  { id: 'required', header: t.shares.required, accessorFn: (s) => s.required_difficulty ?? 0, cell: ({ row }) => difficulty(row.original.required_difficulty), meta: { right: true, from: 'lg' } },
  { id: 'latency', header: t.shares.latency, accessorFn: (s) => s.latency_ms ?? -1, cell: ({ row }) => <span className={latencyTone(row.original.latency_ms)}>{ms(row.original.latency_ms)}</span>, meta: { right: true, from: 'md' } },
  { id: 'pool', header: t.shares.pool, accessorFn: (s) => s.pool_verdict, cell: ({ row }) => <Verdict of={row.original.pool_verdict} /> },
  {
    id: 'ours', header: t.shares.ours, accessorFn: (s) => s.verdict, meta: { from: 'sm' },
    cell: ({ row: { original: s } }) => (
      <span className="inline-flex gap-1"><Verdict of={s.verdict} />{s.is_block && <Badge tone="accent">{t.shares.block}</Badge>}</span>
    ),
  },
  { id: 'why', header: t.shares.why, accessorFn: (s) => s.cause ?? '', cell: ({ row: { original: s } }) => <span className="text-dim"><Raw value={s.cause_text ?? s.pool_error} max={160} empty="" /></span>, meta: { from: 'xl', className: 'max-w-[26rem]' } },
]

function Choice({ name, label, any, values }: { name: string; label: string; any: string; values: readonly string[] }) {
  const [value, set] = useParam(name)
  const options: [string, string][] = [['', any], ...values.map((v): [string, string] => [v, t.verdict[v] ?? v])]
  return <Select aria-label={label} value={value} options={options} onValue={set} />
}

export function Shares() {
  const [pool] = useParam('pool_verdict')
  const [verdict] = useParam('verdict')
  const [session] = useParam('session')
  const [worker] = useParam('worker')
  const [disputed, setDisputed] = useParam('disputed')
  const query = useMemo(
    () => ({ pool_verdict: pool, verdict, session_id: session, worker, disputed, limit: 200 }),
    [pool, verdict, session, worker, disputed],
  )
  const list = usePages('/api/shares', query, share, (s) => s.id, 3000)
  const filtered = pool + verdict + session + worker + disputed !== ''
  return (
    <>
      <PageHead title={t.shares.title} lead={t.shares.lead}>
        <Choice name="pool_verdict" label={t.shares.poolVerdict} any={t.shares.anyPool} values={['accepted', 'rejected', 'unanswered']} />
        <Choice name="verdict" label={t.shares.verdict} any={t.shares.anyVerdict} values={VERDICTS} />
        <label className="flex items-center gap-1.5 text-sm text-dim">
          <input type="checkbox" checked={disputed === '1'} onChange={(e) => setDisputed(e.target.checked ? '1' : '')} />
          {t.shares.disputed}
        </label>
      </PageHead>
      <Panel flush>
        <Paged list={list} empty={<Empty title={filtered ? t.shares.emptyFilter : t.shares.empty}>{filtered ? '' : t.shares.emptyText}</Empty>}>
          {(rows) => <DataTable label={t.shares.title} rows={rows} columns={columns} id={(s) => s.id} to={(s) => `/messages/${s.message_id}`} onEnd={list.more} onTop={list.onTop} />}
        </Paged>
      </Panel>
    </>
  )
}
