import type { Message } from '@/api/types'
import { bytes, instant, ms } from '@/lib/format'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Raw } from '@/ui/Raw'
import { Pair } from '@/ui/Stat'
import { DateTime } from '@/ui/Time'
import { Part } from './Part'

/** RFC 3339 has microseconds, Date only thousandths: the rest by hand. */
function heldMs(m: Message): number | null {
  const a = instant(m.ts_recv)
  const b = instant(m.ts_fwd)
  if (Number.isNaN(a) || Number.isNaN(b)) return null
  const micro = (s: string | null): number => Number(/\.\d{3}(\d{3})Z$/.exec(s ?? '')?.[1] ?? 0)
  return b - a + (micro(m.ts_fwd) - micro(m.ts_recv)) / 1000
}

export function Facts({ m }: { m: Message }) {
  return (
    <Part title={t.message.facts}>
      <dl className="gap-x-8 sm:grid sm:grid-cols-2">
        <Pair name={t.message.received}><DateTime at={m.ts_recv} millis /></Pair>
        <Pair name={t.message.forwarded}><DateTime at={m.ts_fwd} millis /></Pair>
        <Pair name={t.message.own}>{ms(heldMs(m))}</Pair>
        <Pair name={t.message.size}>{bytes(m.size_bytes)}</Pair>
        <Pair name={t.message.from}><span className="font-mono text-xs"><Raw value={m.peer} max={100} /></span></Pair>
        <Pair name={t.message.session}>
          <Link to={`/sessions/${m.session_id}`} className="font-mono text-xs">{m.session_id}</Link>
        </Pair>
        <Pair name={t.message.protocol}><Raw value={m.protocol} max={60} /></Pair>
        <Pair name={t.message.inSession}>
          <Link to={`/messages?session=${m.session_id}&open=${m.id}`}>{t.session.seeMessages}</Link>
        </Pair>
      </dl>
    </Part>
  )
}
