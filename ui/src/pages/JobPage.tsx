import type { ReactNode } from 'react'
import { api } from '@/api'
import type { PageProps } from '@/app/routes'
import { job, type Job } from '@/api/types'
import { count, difficulty } from '@/lib/format'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { PageHead, Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair } from '@/ui/Stat'
import { DateTime } from '@/ui/Time'

function Hex({ name, value }: { name: ReactNode; value: string | null }) {
  return (
    <div className="border-b py-1.5 last:border-0">
      <dt className="text-sm text-dim">{name}</dt>
      <dd className="break-all font-mono text-xs"><Raw value={value} max={4000} /></dd>
    </div>
  )
}

function Outputs({ j }: { j: Job }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-sm">
        <tbody>
          {j.outputs.map((o, i) => (
            <tr key={i} className="border-t first:border-0">
              <td className="break-all py-1.5 pr-4 font-mono text-xs"><Raw value={o.address ?? o.script} max={160} /></td>
              <td className="whitespace-nowrap py-1.5 pr-4 text-dim"><Raw value={o.type.replaceAll('_', ' ')} /></td>
              <td className="whitespace-nowrap py-1.5 text-right">{o.btc} BTC</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function View({ j }: { j: Job }) {
  return (
    <>
      <PageHead title={<>{t.jobs.job} <Raw value={j.job_id} max={40} /></>} lead={<><Raw value={j.pool} /> · <DateTime at={j.ts} /></>}>
        {j.message_id !== null && <Link to={`/messages/${j.message_id}`} className="text-sm">{t.jobs.message}</Link>}
      </PageHead>
      {j.fault !== null && <p className="mb-3 text-sm text-attention">{t.jobs.fault}: <Raw value={j.fault} /></p>}
      <div className="grid gap-3 lg:grid-cols-2">
        <Panel title={t.jobs.all}>
          <dl>
            <Pair name={t.jobs.height}>{count(j.height)}</Pair>
            <Pair name={t.jobs.reward}>{j.reward_btc === null ? '–' : `${j.reward_btc} BTC`}</Pair>
            <Pair name={t.jobs.tag}><Raw value={j.tag} max={100} /></Pair>
            <Pair name="nbits"><Raw value={j.nbits} /></Pair>
            <Pair name={t.sessions.difficulty}>{difficulty(j.network_difficulty)}</Pair>
            <Pair name="version"><Raw value={j.version} /></Pair>
            <Pair name="ntime"><Raw value={j.ntime} /> <DateTime at={j.time} /></Pair>
            <Hex name={t.jobs.prev} value={j.previous_block} />
            <Hex name={t.share.target} value={j.network_target} />
          </dl>
        </Panel>
        <Panel title={t.jobs.outputs}><Outputs j={j} /></Panel>
      </div>
      <Panel title={t.jobs.coinbase} className="mt-3">
        <dl>
          <Hex name="coinbase1" value={j.coinbase1} />
          <Hex name="coinbase2" value={j.coinbase2} />
          {j.merkle_branches.map((b, i) => <Hex key={i} name={`${t.share.branch} ${i + 1}`} value={b} />)}
        </dl>
      </Panel>
    </>
  )
}

export function JobPage({ params }: PageProps) {
  const id = params['id'] ?? ''
  const one = useResource(`job ${id}`, (signal) => api.get(`/api/jobs/${encodeURIComponent(id)}`, job, {}, signal))
  return <Loaded of={one}>{(j) => <View j={j} />}</Loaded>
}
