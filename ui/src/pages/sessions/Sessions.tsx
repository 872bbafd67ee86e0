/* Who mines, and who did. */
import { useMemo } from 'react'
import { api } from '@/api'
import { session, type Session } from '@/api/types'
import { count, difficulty, hashrate, us } from '@/lib/format'
import { poolName, sessionName } from '@/lib/session'
import { useParam } from '@/state/router'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge, Dot } from '@/ui/Badge'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Input, Select } from '@/ui/Input'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { ShareCounts } from '@/ui/ShareCounts'
import { Empty, Loaded } from '@/ui/State'
import { Ago } from '@/ui/Time'
import { Disconnect } from './Disconnect'

const columns: Columns<Session> = [
  {
    id: 'worker', header: t.sessions.worker, accessorFn: sessionName,
    cell: ({ row: { original: s } }) => (
      <span className="inline-flex items-center gap-2">
        <Dot tone={s.state === 'live' ? (s.pool_connected ? 'accepted' : 'stale') : 'neutral'} />
        <span className="font-medium"><Raw value={sessionName(s)} max={48} /></span>
        {s.replay && <Badge tone="attention">{t.direction.hashscope_to_pool}</Badge>}
      </span>
    ),
  },
  { id: 'agent', header: t.sessions.agent, accessorFn: (s) => s.user_agent ?? '', cell: ({ row }) => <Raw value={row.original.user_agent} max={40} />, meta: { from: 'md', className: 'text-dim' } },
  { id: 'peer', header: t.sessions.address, accessorFn: (s) => s.peer, cell: ({ row }) => <Raw value={row.original.peer} max={60} />, meta: { from: 'xl', mono: true } },
  { id: 'pool', header: t.sessions.pool, accessorFn: poolName, cell: ({ row }) => <Raw value={poolName(row.original)} max={40} />, meta: { from: 'lg', className: 'text-dim' } },
  { id: 'difficulty', header: t.sessions.difficulty, accessorFn: (s) => s.difficulty ?? 0, cell: ({ row }) => difficulty(row.original.difficulty), meta: { right: true, from: 'md' } },
  { id: 'hashrate', header: t.sessions.hashrate, accessorFn: (s) => s.hashrate ?? -1, cell: ({ row }) => hashrate(row.original.hashrate), meta: { right: true } },
  { id: 'shares', header: t.sessions.shares, accessorFn: (s) => s.shares.accepted, cell: ({ row }) => <ShareCounts of={row.original.shares} />, meta: { right: true } },
  { id: 'latency', header: t.sessions.latency, accessorFn: (s) => s.latency.p50_us ?? -1, cell: ({ row }) => us(row.original.latency.p50_us || null), meta: { right: true, from: 'xl', className: 'text-dim' } },
  { id: 'messages', header: t.sessions.messages, accessorFn: (s) => s.message_count, cell: ({ row }) => count(row.original.message_count), meta: { right: true, from: 'lg', className: 'text-dim' } },
  {
    id: 'flags', header: t.sessions.broadcast, accessorFn: (s) => Number(s.broadcast_enabled) + 2 * Number(s.auto_replay_enabled), meta: { from: 'lg' },
    cell: ({ row: { original: s } }) => (
      <span className="inline-flex gap-1">
        {s.broadcast_enabled && <Badge tone="accent">{t.sessions.broadcast} ×{s.repeat_count}</Badge>}
        {s.auto_replay_enabled && <Badge tone="attention">{t.sessions.replay} ×{count(s.auto_replay_count)}</Badge>}
      </span>
    ),
  },
  { id: 'last', header: t.sessions.last, accessorFn: (s) => s.last_seen ?? '', cell: ({ row }) => <Ago at={row.original.last_seen} />, meta: { right: true, className: 'text-dim' } },
  { id: 'act', header: '', enableSorting: false, cell: ({ row }) => (row.original.state === 'live' ? <Disconnect s={row.original} small /> : null), meta: { from: 'sm', right: true } },
]

function found(s: Session, q: string): boolean {
  if (q === '') return true
  const words = [...s.workers, s.user_agent ?? '', s.peer, poolName(s), s.session_id, s.pool_peer ?? '']
  return words.some((w) => w.toLowerCase().includes(q.toLowerCase()))
}

export function Sessions() {
  const [state, setState] = useParam('state')
  const [q, setQ] = useParam('q')
  const which = state === '' ? 'live' : state
  const list = useResource(`sessions ${which}`, (signal) => api.page('/api/sessions', session, { state: which, limit: 1000 }, signal), 2000)
  const rows = useMemo(() => (list.data?.items ?? []).filter((s) => found(s, q)), [list.data, q])
  const live = list.data?.items.filter((s) => s.state === 'live').length ?? 0
  return (
    <>
      <PageHead title={t.sessions.title} lead={list.data && which !== 'ended' ? t.sessions.lead(live) : undefined}>
        <div className="flex w-[calc(100vw-1.5rem)] gap-2 sm:w-auto">
          <Input type="search" aria-label={t.sessions.search} placeholder={t.sessions.search} value={q} onChange={(e) => setQ(e.target.value)} className="w-0 grow sm:w-80 sm:grow-0" />
          <Select aria-label={t.sessions.stateLabel} value={which} options={Object.entries(t.sessions.state)} onValue={(v) => setState(v === 'live' ? '' : v)} />
        </div>
      </PageHead>
      <Panel flush>
        <Loaded of={list}>
          {() =>
            rows.length === 0 ? (
              <Empty title={q !== '' ? t.sessions.emptyFilter : t.sessions.empty}>{q !== '' ? '' : t.sessions.emptyText}</Empty>
            ) : (
              <DataTable label={t.sessions.title} rows={rows} columns={columns} id={(s) => s.session_id} sort={[{ id: 'worker', desc: false }]}
                to={(s) => `/sessions/${s.session_id}`} dimmed={(s) => s.state === 'ended'} />
            )
          }
        </Loaded>
      </Panel>
    </>
  )
}
