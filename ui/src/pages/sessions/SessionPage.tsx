/* One miner's connection: what is known of it, and what can be done. */
import { api } from '@/api'
import type { PageProps } from '@/app/routes'
import { session, type Session } from '@/api/types'
import { bytes, count, difficulty, hashrate, ms, percent, us } from '@/lib/format'
import { WINDOWS } from '@/lib/rates'
import { poolName, sessionName } from '@/lib/session'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Link } from '@/ui/Link'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair, Stat } from '@/ui/Stat'
import { Split } from '@/ui/Split'
import { Ago, DateTime } from '@/ui/Time'
import { partsOf } from '../shares/parts'
import { Control } from './Control'
import { Disconnect } from './Disconnect'

function Figures({ s }: { s: Session }) {
  const n = s.shares
  return (
    <Panel>
      <dl className="grid grid-cols-2 gap-4 pt-2 sm:grid-cols-4 lg:grid-cols-8">
        {WINDOWS.map((w) => (
          <Stat key={w} label={`${t.sessions.hashrate} ${t.windows[w] ?? w}`} value={hashrate(s.hashrates[w])} />
        ))}
        <Stat label={t.overview.accepted} value={count(n.accepted)} />
        <Stat label={t.overview.rejected} value={count(n.rejected)} note={percent(n.rejected, n.accepted + n.rejected)} tone={n.rejected > 0 ? 'rejected' : 'neutral'} />
        <Stat label={t.sessions.difficulty} value={difficulty(s.difficulty)} />
        <Stat label={t.sessions.messages} value={count(s.message_count)} />
      </dl>
    </Panel>
  )
}

const both = (a: string, b: string): string => `${a} / ${b}`

function Facts({ s }: { s: Session }) {
  return (
    <Panel title={t.session.facts}>
      <dl>
        <Pair name={t.sessions.agent}><Raw value={s.user_agent} max={80} /></Pair>
        <Pair name={t.session.workers}><Raw value={s.workers.join(', ')} max={200} /></Pair>
        <Pair name={t.sessions.address}><Raw value={s.peer} /></Pair>
        <Pair name={t.sessions.pool}>
          <Raw value={poolName(s)} max={80} /> <Badge tone={s.pool_connected ? 'accepted' : 'neutral'}>{s.pool_connected ? t.sessions.connected : t.sessions.notConnected}</Badge>
        </Pair>
        <Pair name={t.session.resolved}><Raw value={s.pool_peer} /></Pair>
        <Pair name={t.session.connectMs}>{ms(s.pool_connect_ms)}</Pair>
        <Pair name={t.session.rtt}>{both(ms(s.rtt_ms.miner), ms(s.rtt_ms.pool))}</Pair>
        <Pair name={t.session.extranonce1}><span className="font-mono text-xs"><Raw value={s.extranonce1} max={40} /></span></Pair>
        <Pair name={t.session.miningId}><span className="font-mono text-xs"><Raw value={s.mining_session_id} max={60} /></span></Pair>
        <Pair name={t.session.counts}>{both(count(s.stats.miner_to_pool), count(s.stats.pool_to_miner))}</Pair>
        <Pair name={t.session.bytes}>{both(bytes(s.bytes.miner_to_pool), bytes(s.bytes.pool_to_miner))}</Pair>
        <Pair name={t.session.errors}>{count(s.stats.parse_errors)}</Pair>
        <Pair name={t.session.gaps}>{s.gaps === 0 ? t.overview.noGaps : both(count(s.gaps), bytes(s.gap_bytes))}</Pair>
        <Pair name={t.session.listener}><Raw value={s.listener} /></Pair>
        {s.via !== null && <Pair name={t.session.via}><Raw value={s.via} /></Pair>}
        <Pair name={t.session.since}><DateTime at={s.first_seen} /></Pair>
        {s.state === 'ended' && <Pair name={t.session.ended}><DateTime at={s.ended_at} /></Pair>}
        {s.close_reason !== null && <Pair name={t.session.why}><Raw value={[s.close_reason.replaceAll('_', ' '), s.close_detail ?? ''].filter(Boolean).join(': ')} /></Pair>}
        <Pair name={t.session.id}><span className="font-mono text-xs">{s.session_id}</span></Pair>
      </dl>
    </Panel>
  )
}

function Conformance({ s }: { s: Session }) {
  if (s.conformance.length === 0) return null
  return (
    <Panel title={t.session.conformance}>
      <ul className="divide-y">
        {s.conformance.map((n) => (
          <li key={n.code} className="flex flex-wrap items-baseline justify-between gap-x-4 py-1.5 text-sm">
            <span className="min-w-0"><Raw value={n.text} max={300} /></span>
            <span className="text-dim">
              {count(n.count)}× {n.last_message_id !== null && <Link to={`/messages/${n.last_message_id}`}>{t.message.title(n.last_message_id)}</Link>}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Latency({ s }: { s: Session }) {
  if (s.latency.count === 0) return null
  return (
    <Panel title={t.overview.latency} aside={<>{t.latency.median} {us(s.latency.p50_us)} · {t.latency.worst} {us(s.latency.p99_us)}</>}>
      <Split label={t.overview.latency} parts={partsOf(s.latency)} />
    </Panel>
  )
}

function View({ s, reload }: { s: Session; reload: () => void }) {
  return (
    <div className="space-y-3">
      <PageHead
        title={<span className="flex items-center gap-2"><Raw value={sessionName(s)} max={60} /><Badge tone={s.state === 'live' ? 'accepted' : 'neutral'}>{t.sessions.state[s.state]}</Badge></span>}
        lead={<>{t.sessions.last}: <Ago at={s.last_seen} /></>}
      >
        <Link to={`/messages?session=${s.session_id}`} className="px-2 text-sm">{t.session.seeMessages}</Link>
        <Link to={`/shares?session=${s.session_id}`} className="px-2 text-sm">{t.session.seeShares}</Link>
        {s.state === 'live' && <Disconnect s={s} after={reload} />}
      </PageHead>
      <Figures s={s} />
      <div className="grid gap-3 lg:grid-cols-2">
        <Facts s={s} />
        <div className="space-y-3">
          <Control s={s} onChange={reload} />
          <Latency s={s} />
          <Conformance s={s} />
        </div>
      </div>
    </div>
  )
}

export function SessionPage({ params }: PageProps) {
  const id = params['id'] ?? ''
  const one = useResource(`session ${id}`, (signal) => api.get(`/api/sessions/${encodeURIComponent(id)}`, session, {}, signal), 2000)
  return <Loaded of={one}>{(s) => <View s={s} reload={one.reload} />}</Loaded>
}
