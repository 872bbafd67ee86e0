/* The fleet: what each agent says of itself; the silent ones are marked. */
import { api } from '@/api'
import { agent, type Agent } from '@/api/fleet'
import { count, ms } from '@/lib/format'
import { useNow } from '@/state/now'
import { useParam } from '@/state/router'
import { useNostr } from '@/state/nostr'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge, Dot } from '@/ui/Badge'
import { DataTable, type Columns } from '@/ui/DataTable'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty, Loaded } from '@/ui/State'
import { Stat } from '@/ui/Stat'
import { Ago } from '@/ui/Time'
import { isStale, poolOf, rate, stateOf } from './agent'
import { AgentView } from './AgentView'
import { KillSwitch } from './KillSwitch'

function Name({ a }: { a: Agent }) {
  const stale = isStale(a.last_seen, useNow())
  return (
    <span className="flex min-w-0 items-center gap-2 font-medium">
      <Dot tone={stale ? 'stale' : a.conn_state === 'connected' ? 'accepted' : 'rejected'} />
      <span className="truncate"><Raw value={a.agent_id} max={48} /></span>
      {stale && <Badge tone="stale">{t.agents.stale}</Badge>}
      {a.stopped && !stale && <Badge tone="rejected">{t.agents.stopped}</Badge>}
      {!a.verified && <Badge tone="attention" title={t.agents.strangerNote}>{t.agents.stranger}</Badge>}
    </span>
  )
}

/** Of one that is silent only what it was is known. */
function State({ a }: { a: Agent }) {
  const stale = isStale(a.last_seen, useNow())
  const bad = !stale && a.conn_state !== 'connected'
  return <span className={bad ? 'text-rejected' : 'text-dim'}><Raw value={stale ? t.agents.was(stateOf(a)) : stateOf(a)} max={24} /></span>
}

const figure = (key: string, header: string, from?: 'sm' | 'md' | 'lg' | 'xl'): Columns<Agent>[number] => ({
  id: key,
  header,
  accessorFn: (a) => a.stats[key] ?? -1,
  cell: ({ row }) => count(row.original.stats[key]),
  meta: { right: true, ...(from ? { from } : {}) },
})

const columns: Columns<Agent> = [
  { id: 'agent', header: t.agents.agent, accessorFn: (a) => a.agent_id, cell: ({ row }) => <Name a={row.original} /> },
  { id: 'state', header: t.agents.state, accessorFn: (a) => a.conn_state, cell: ({ row }) => <State a={row.original} />, meta: { from: 'sm' } },
  { id: 'pool', header: t.agents.pool, accessorFn: poolOf, cell: ({ row }) => <Raw value={poolOf(row.original)} max={48} />, meta: { from: 'lg', className: 'text-dim' } },
  figure('share_events_received_total', t.agents.received, 'lg'),
  figure('submits_attempted_total', t.agents.attempted, 'md'),
  figure('submits_accepted_total', t.agents.accepted),
  figure('submits_rejected_total', t.agents.rejected),
  { id: 'rate', header: t.agents.rate, accessorFn: (a) => a.stats['submits_per_second_1min'] ?? -1, cell: ({ row }) => rate(row.original.stats['submits_per_second_1min']), meta: { right: true, from: 'md' } },
  { id: 'latency', header: t.agents.latency, accessorFn: (a) => a.stats['last_submit_latency_ms'] ?? -1, cell: ({ row }) => ms(row.original.stats['last_submit_latency_ms']), meta: { right: true, from: 'md' } },
  { id: 'last', header: t.agents.last, accessorFn: (a) => a.last_seen ?? '', cell: ({ row }) => <Ago at={row.original.last_seen} />, meta: { right: true, className: 'text-dim' } },
]

const sum = (agents: readonly Agent[], key: string): number => agents.reduce((n, a) => n + (a.stats[key] ?? 0), 0)

function Totals({ agents }: { agents: readonly Agent[] }) {
  const now = useNow()
  const active = agents.filter((a) => !isStale(a.last_seen, now))
  return (
    <Panel className="mb-3">
      <dl className="grid grid-cols-2 gap-4 pt-2 sm:grid-cols-3 lg:grid-cols-6">
        <Stat label={t.agents.active} value={`${count(active.length)} / ${count(agents.length)}`} />
        <Stat label={t.agents.submits} value={count(sum(agents, 'submits_attempted_total'))} />
        <Stat label={t.agents.accepted} value={count(sum(agents, 'submits_accepted_total'))} tone={sum(agents, 'submits_accepted_total') > 0 ? 'accepted' : 'neutral'} />
        <Stat label={t.agents.rejected} value={count(sum(agents, 'submits_rejected_total'))} tone={sum(agents, 'submits_rejected_total') > 0 ? 'rejected' : 'neutral'} />
        <Stat label={t.agents.rate1m} value={rate(sum(active, 'submits_per_second_1min'))} />
        <Stat label={t.agents.rate10s} value={rate(sum(active, 'submits_per_second_10sec'))} />
      </dl>
    </Panel>
  )
}

export function Agents() {
  const [open] = useParam('agent')
  const off = useNostr() === false
  const list = useResource('agents', (signal) => api.page('/api/agents', agent, {}, signal), 2000)
  if (open !== '') return <AgentView id={open} />
  return (
    <>
      <PageHead title={t.agents.title} lead={t.agents.lead}>{!off && <KillSwitch />}</PageHead>
      {off && <Panel><Empty title={t.agents.off}>{t.agents.offText}</Empty></Panel>}
      {!off && <Loaded of={list}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel><Empty title={t.agents.empty}>{t.agents.emptyText}</Empty></Panel>
          ) : (
            <>
              <Totals agents={items} />
              <Panel flush>
                <DataTable label={t.agents.title} rows={items} columns={columns} id={(a) => `${a.pubkey} ${a.agent_id}`} sort={[{ id: 'agent', desc: false }]}
                  to={(a) => `/agents?agent=${encodeURIComponent(a.agent_id)}`} />
              </Panel>
            </>
          )
        }
      </Loaded>}
    </>
  )
}
