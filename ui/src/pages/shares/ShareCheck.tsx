/* How a share was judged: both verdicts side by side, and step by step. */
import { api } from '@/api'
import { share, type Share } from '@/api/types'
import { difficulty, ms } from '@/lib/format'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair } from '@/ui/Stat'
import { Part } from '../message/Part'
import { LatencySplit } from './LatencySplit'
import { Steps } from './Steps'
import { Verdict } from './verdict'

function Sides({ s }: { s: Share }) {
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <div className="rounded border p-3">
        <p className="mb-1 text-xs text-dim">{t.share.pool}</p>
        <Verdict of={s.pool_verdict} />
        <p className="mt-1.5 text-sm text-dim"><Raw value={s.pool_error} empty="" /></p>
      </div>
      <div className="rounded border p-3">
        <p className="mb-1 text-xs text-dim">{t.share.ours}</p>
        <Verdict of={s.verdict} />
        <p className="mt-1.5 text-sm text-dim"><Raw value={s.cause_text} empty="" max={600} /></p>
      </div>
    </div>
  )
}

function Judged({ s }: { s: Share }) {
  return (
    <>
      <Part title={t.share.verdicts}>
        <Sides s={s} />
        <p className="mt-2 text-sm text-dim">{t.agreement[s.agreement ?? ''] ?? ''}</p>
        {s.is_block && <p className="mt-2 font-medium text-accepted">{t.share.block}</p>}
        <dl className="mt-2 gap-x-8 sm:grid sm:grid-cols-2">
          <Pair name={t.share.reached}>{difficulty(s.difficulty)}</Pair>
          <Pair name={t.share.required}>{difficulty(s.required_difficulty)}</Pair>
          <Pair name={t.shares.worker}><Raw value={s.worker} max={80} /></Pair>
          <Pair name={t.shares.job}>
            {s.job === null ? <Raw value={s.job_id} max={40} /> : <Link to={`/jobs/${s.job}`}><Raw value={s.job_id} max={40} /></Link>}
          </Pair>
          {s.late_ms !== null && <Pair name={t.share.late}>{ms(s.late_ms)}</Pair>}
        </dl>
      </Part>
      <LatencySplit s={s} />
      <Steps s={s} />
    </>
  )
}

export function ShareCheck({ id }: { id: string }) {
  const one = useResource(`share ${id}`, (signal) => api.get(`/api/shares/${encodeURIComponent(id)}`, share, {}, signal))
  if (one.error?.status === 404) return null
  return (
    <Loaded of={one} lines={3}>
      {(s) => <div className="divide-y"><Judged s={s} /></div>}
    </Loaded>
  )
}
