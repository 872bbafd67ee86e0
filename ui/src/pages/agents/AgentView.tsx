/* One agent: its state, what it did, how fast, and what went wrong. */
import { useMemo } from 'react'
import { api } from '@/api'
import * as d from '@/api/decode'
import { agent, telemetry, type Agent, type Telemetry } from '@/api/fleet'
import { ago, count, ms, percent } from '@/lib/format'
import { useNow } from '@/state/now'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge, Dot } from '@/ui/Badge'
import { Chart } from '@/ui/Chart'
import { Link } from '@/ui/Link'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair, Stat } from '@/ui/Stat'
import { Ago, DateTime } from '@/ui/Time'
import { isStale, poolOf, rate, reportsOf, stateOf } from './agent'
import { KillSwitch } from './KillSwitch'

const one = d.record({ agent_id: d.text, latest: telemetry })
const history = d.record({ history: d.list(telemetry) })

const w = t.agents

/** Those that are shown by a name of ours. */
const KNOWN = new Set([
  'share_events_received_total', 'submits_attempted_total', 'submits_accepted_total', 'submits_rejected_total',
  'submits_per_second_1min', 'submits_per_second_10sec', 'last_submit_latency_ms', 'latency_p50_ms', 'latency_p90_ms',
  'latency_p99_ms', 'verdict_mismatches_total',
])

function Figures({ stats: n }: { stats: Agent['stats'] }) {
  const of = (name: string) => n[name]
  const accepted = of('submits_accepted_total') ?? 0
  const rejected = of('submits_rejected_total') ?? 0
  const wrong = of('verdict_mismatches_total')
  return (
    <Panel>
      <dl className="grid grid-cols-2 gap-4 pt-2 sm:grid-cols-4 xl:grid-cols-8">
        <Stat label={w.received} value={count(of('share_events_received_total'))} />
        <Stat label={w.attempted} value={count(of('submits_attempted_total'))} />
        <Stat label={w.accepted} value={count(of('submits_accepted_total'))} tone={accepted > 0 ? 'accepted' : 'neutral'} />
        <Stat label={w.rejected} value={count(of('submits_rejected_total'))} note={percent(rejected, accepted + rejected)} tone={rejected > 0 ? 'rejected' : 'neutral'} />
        <Stat label={`${w.rate}, ${w.window1m}`} value={`${rate(of('submits_per_second_1min'))}/s`} note={`${rate(of('submits_per_second_10sec'))}/s ${w.window10s}`} />
        <Stat label={w.latency} value={ms(of('last_submit_latency_ms'))} />
        <Stat label={w.medianLatency} value={ms(of('latency_p50_ms'))} note={`${w.worst} ${ms(of('latency_p99_ms'))}`} />
        <Stat label={w.wrong} value={count(wrong)} tone={wrong !== undefined && wrong > 0 ? 'attention' : 'neutral'} />
      </dl>
    </Panel>
  )
}

const perSecond = (n: number | null): string => (n === null ? rate(n) : `${rate(n)}/s`)

function Charts({ reports }: { reports: readonly Telemetry[] }) {
  const { times, rates, verdicts, latency } = useMemo(() => {
    const r = reportsOf(reports)
    return {
      times: r.times,
      rates: [
        { label: w.window1m, tone: 'accent' as const, values: r.line('submits_per_second_1min'), fill: true },
        { label: w.window10s, tone: 'dim' as const, values: r.line('submits_per_second_10sec') },
      ],
      verdicts: [
        { label: w.accepted, tone: 'accepted' as const, values: r.growth('submits_accepted_total') },
        { label: w.rejected, tone: 'rejected' as const, values: r.growth('submits_rejected_total') },
      ],
      latency: [
        { label: w.lastOne, tone: 'dim' as const, values: r.line('last_submit_latency_ms') },
        { label: w.median, tone: 'accent' as const, values: r.line('latency_p50_ms') },
        { label: w.worst, tone: 'stale' as const, values: r.line('latency_p99_ms') },
      ],
    }
  }, [reports])
  return (
    <div className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
      <Panel title={w.rates}><Chart label={w.rates} times={times} lines={rates} format={perSecond} /></Panel>
      <Panel title={w.verdicts}><Chart label={w.verdicts} times={times} lines={verdicts} format={perSecond} /></Panel>
      <Panel title={w.latencies} className="md:col-span-2 xl:col-span-1"><Chart label={w.latencies} times={times} lines={latency} format={ms} /></Panel>
    </div>
  )
}

function Facts({ a, row }: { a: Telemetry; row: Agent | undefined }) {
  const more = Object.entries(a.stats).filter(([name]) => !KNOWN.has(name)).slice(0, 40)
  return (
    <Panel title={w.facts}>
      <dl>
        <Pair name={w.state}><Raw value={stateOf(a)} max={60} /></Pair>
        <Pair name={w.pool}><Raw value={poolOf(a)} max={80} /></Pair>
        <Pair name={w.last}><Ago at={row?.last_seen ?? a.ts} /></Pair>
        <Pair name={w.told}><DateTime at={a.ts} /></Pair>
        {row && (
          <Pair name={w.key}>
            <span title={row.pubkey}><Badge tone={row.verified ? 'accepted' : 'attention'}>{row.verified ? w.verified : w.stranger}</Badge> <span className="font-mono text-xs"><Raw value={row.pubkey.slice(0, 16)} />…</span></span>
          </Pair>
        )}
        {more.map(([name, n]) => (
          <Pair key={name} name={<Raw value={name.replaceAll('_', ' ')} max={60} />}>{Number.isInteger(n) ? count(n) : n.toFixed(3)}</Pair>
        ))}
      </dl>
    </Panel>
  )
}

function Errors({ a }: { a: Telemetry }) {
  return (
    <Panel title={w.errors}>
      {a.errors.length === 0 ? <p className="text-sm text-dim">{w.noErrors}</p> : (
        <ul className="divide-y text-sm">
          {a.errors.slice(0, 50).map((e, i) => <li key={i} className="break-words py-1.5 text-rejected first:pt-0"><Raw value={e} max={400} /></li>)}
        </ul>
      )}
    </Panel>
  )
}

function View({ id, a, row, reports }: { id: string; a: Telemetry; row: Agent | undefined; reports: readonly Telemetry[] }) {
  const now = useNow()
  const seen = row?.last_seen ?? a.ts
  const stale = isStale(seen, now)
  return (
    <div className="space-y-3">
      <PageHead
        title={<span className="flex items-center gap-2"><Raw value={id} max={60} />{stale ? <Badge tone="stale">{w.stale}</Badge> : a.stopped ? <Badge tone="rejected">{w.stopped}</Badge> : <Badge tone={a.conn_state === 'connected' ? 'accepted' : 'stale'}><Raw value={stateOf(a)} max={24} /></Badge>}</span>}
        lead={<Dot tone={stale ? 'stale' : 'accepted'} label={stale ? w.silent(ago(seen, now)) : `${w.last}: ${ago(seen, now)}`} />}
      >
        <Link to="/agents" className="px-2 text-sm">{w.title}</Link>
        <KillSwitch id={id} />
      </PageHead>
      <Figures stats={a.stats} />
      <Charts reports={reports} />
      <div className="grid items-start gap-3 lg:grid-cols-2"><Facts a={a} row={row} /><Errors a={a} /></div>
    </div>
  )
}

const NONE: readonly Telemetry[] = []

export function AgentView({ id }: { id: string }) {
  const path = `/api/agents/${encodeURIComponent(id)}`
  const latest = useResource(`agent ${id}`, (signal) => api.get(path, one, {}, signal), 2000)
  const fleet = useResource('agents', (signal) => api.page('/api/agents', agent, {}, signal), 2000)
  const past = useResource(`agent history ${id}`, (signal) => api.get(`${path}/history`, history, { limit: 360 }, signal), 5000)
  const row = fleet.data?.items.find((a) => a.agent_id === id)
  return <Loaded of={latest}>{(data) => <View id={id} a={data.latest} row={row} reports={past.data?.history ?? NONE} />}</Loaded>
}
