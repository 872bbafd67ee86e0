import { useMemo } from 'react'
import { api } from '@/api'
import * as d from '@/api/decode'
import { agent, type Agent } from '@/api/types'
import { count, instant } from '@/lib/format'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Chart } from '@/ui/Chart'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair } from '@/ui/Stat'
import { Ago } from '@/ui/Time'
import { poolOf, rate } from './agent'
import { KillSwitch } from './KillSwitch'

const latest = d.record({ agent_id: d.text, latest: agent })
/** A report may come as the content of its event, or as an agent's object. */
const report = d.record({ ts: d.maybeText, last_seen: d.maybeText, stats: d.numbers })
const history = d.record({ history: d.list(report) })
type Report = d.Of<typeof report>

const at = (r: Report): number => instant(r.ts ?? r.last_seen) / 1000

function Rates({ reports }: { reports: readonly Report[] }) {
  const chart = useMemo(() => {
    const rows = reports.filter((r) => !Number.isNaN(at(r))).sort((a, b) => at(a) - at(b))
    const line = (key: string) => rows.map((r) => r.stats[key] ?? null)
    return {
      times: rows.map(at),
      lines: [
        { label: t.agents.rate1m, tone: 'accent' as const, values: line('submits_per_second_1min'), fill: true },
        { label: t.agents.rate10s, tone: 'dim' as const, values: line('submits_per_second_10sec') },
      ],
    }
  }, [reports])
  return <Chart label={t.agents.rates} times={chart.times} lines={chart.lines} format={(n) => rate(n ?? undefined)} />
}

function Facts({ a }: { a: Agent }) {
  return (
    <Panel title={t.agents.counters}>
      <dl>
        <Pair name={t.agents.state}><Raw value={a.conn_state} max={60} /></Pair>
        <Pair name={t.agents.pool}><Raw value={poolOf(a)} max={80} /></Pair>
        <Pair name={t.agents.last}><Ago at={a.last_seen} /></Pair>
        {Object.entries(a.stats).slice(0, 40).map(([name, n]) => (
          <Pair key={name} name={<Raw value={name.replaceAll('_', ' ')} max={60} />}>{Number.isInteger(n) ? count(n) : n.toFixed(3)}</Pair>
        ))}
      </dl>
    </Panel>
  )
}

export function AgentView({ id, onClose }: { id: string; onClose: () => void }) {
  const path = `/api/agents/${encodeURIComponent(id)}`
  const one = useResource(`agent ${id}`, (signal) => api.get(path, latest, {}, signal), 2000)
  const past = useResource(`agent history ${id}`, (signal) => api.get(`${path}/history`, history, { limit: 360 }, signal), 5000)
  return (
    <>
      <PageHead title={<Raw value={id} max={60} />}>
        <KillSwitch id={id} />
        <Button onClick={onClose}>{t.agents.title}</Button>
      </PageHead>
      <div className="grid gap-3 lg:grid-cols-2">
        <Loaded of={one}>{(data) => <Facts a={data.latest} />}</Loaded>
        <Panel title={t.agents.rates}>
          <Loaded of={past}>{(data) => <Rates reports={data.history} />}</Loaded>
        </Panel>
      </div>
    </>
  )
}
