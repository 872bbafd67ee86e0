/*
 * One message: what it says in words first, then what it is made of, then its
 * bytes.
 */
import { useState } from 'react'
import { api } from '@/api'
import { ApiError } from '@/api/transport'
import { message, type Message } from '@/api/types'
import { readSubmit } from '@/lib/submit'
import { useMay } from '@/state/me'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Button } from '@/ui/Button'
import { Copy } from '@/ui/Copy'
import { Link } from '@/ui/Link'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { DateTime } from '@/ui/Time'
import { verdictOf } from '../messages/columns'
import { ShareCheck } from '../shares/ShareCheck'
import { Bytes } from './Bytes'
import { Explained, Fields } from './Explained'
import { Facts } from './Facts'
import { Pairing } from './Pairing'
import { Replay } from './Replay'

const FLAGS = ['redacted', 'truncated', 'after_gap', 'broken', 'undelivered', 'crlf', 'no_newline'] as const

function Badges({ m }: { m: Message }) {
  const verdict = verdictOf(m)
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      <Badge>{t.direction[m.direction]}</Badge>
      {verdict && <Badge tone={verdict.tone}>{verdict.label}</Badge>}
      {FLAGS.filter((f) => m[f]).map((f) => (
        <Badge key={f} tone={f === 'redacted' ? 'neutral' : 'attention'}>{t.messages.flags[f]}</Badge>
      ))}
      {m.replay_of !== null && (
        <Link to={`/messages/${m.replay_of}`} className="text-xs">{t.message.replayOf} {m.replay_of}</Link>
      )}
    </div>
  )
}

function isSubmit(m: Message): boolean {
  return m.method === 'mining.submit' && m.direction !== 'pool_to_miner'
}

function Head({ m, onClose, alone, onReplay }: { m: Message; onClose: () => void; alone: boolean; onReplay: (() => void) | null }) {
  return (
    <header className="sticky top-0 z-10 rounded-t-lg border-b bg-panel px-4 py-3">
      <div className="flex items-center gap-1">
        <h2 className="mr-auto min-w-0 truncate text-lg font-semibold">
          <Raw value={m.method} max={80} empty={m.is_response ? t.messages.response : t.message.title(m.id)} />
        </h2>
        {onReplay && <Button onClick={onReplay}>{t.message.replay}</Button>}
        <span className="hidden sm:inline"><Copy text={`${window.location.origin}/messages/${m.id}`} label={t.message.permalink} /></span>
        {!alone && <Link to={`/messages/${m.id}`} className="hidden whitespace-nowrap px-2 text-sm xl:inline">{t.message.full}</Link>}
        <Button look="quiet" icon aria-label={t.act.close} onClick={onClose}>×</Button>
      </div>
      <div className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-dim">
        <span className="font-mono text-xs">{m.id}</span>
        <DateTime at={m.ts_recv} millis />
        <Badges m={m} />
      </div>
    </header>
  )
}

function Whole({ m, onClose, alone }: { m: Message; onClose: () => void; alone: boolean }) {
  const [replaying, setReplaying] = useState(false)
  const may = useMay('operator')
  const can = may && m.direction === 'miner_to_pool' && isSubmit(m) && readSubmit(m.raw) !== null
  return (
    <>
      <Head m={m} onClose={onClose} alone={alone} onReplay={can ? () => setReplaying(true) : null} />
      <div className="divide-y">
        <Explained m={m} />
        {isSubmit(m) && <ShareCheck id={m.share_id ?? m.id} />}
        <Fields m={m} />
        <Pairing m={m} />
        <Bytes m={m} />
        <Facts m={m} />
      </div>
      {replaying && <Replay m={m} onClose={() => setReplaying(false)} />}
    </>
  )
}

/*
 * A message is on the feed before it is in the store, by as long as captured
 * gathers before it commits: one that is opened at once is asked for again.
 */
const TRIES = 8
const AGAIN_MS = 250

async function stored(id: string, signal: AbortSignal): Promise<Message> {
  for (let tries = 1; ; tries++) {
    try {
      return await api.get(`/api/messages/${encodeURIComponent(id)}`, message, {}, signal)
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 404 || tries === TRIES || signal.aborted) throw e
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
  }
}

export function MessageView({ id, onClose, alone = false }: { id: string; onClose: () => void; alone?: boolean }) {
  const one = useResource(`message ${id}`, (signal) => stored(id, signal))
  return (
    <Loaded of={one} lines={8}>
      {(m) => <Whole m={m} onClose={onClose} alone={alone} />}
    </Loaded>
  )
}
