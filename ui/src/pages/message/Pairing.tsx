/* A request's answer, or an answer's request. */
import type { Message } from '@/api/types'
import { ms } from '@/lib/format'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Raw } from '@/ui/Raw'
import { latencyTone } from '../messages/columns'
import { Part } from './Part'

export function Pairing({ m }: { m: Message }) {
  if (!m.is_request && !m.is_response) return null
  const aside = <span className={`text-sm tabular-nums ${latencyTone(m.latency_ms)}`}>{ms(m.latency_ms)}</span>
  const other = m.paired_message_id
  return (
    <Part title={m.is_request ? t.message.pair : t.message.pairOf} aside={aside}>
      {other === null ? (
        <p className="text-sm text-dim">{m.is_request ? t.message.noPair : t.raw.empty}</p>
      ) : (
        <>
          {m.response_raw !== null && (
            <pre className="mb-1 whitespace-pre-wrap break-all font-mono text-xs leading-5">
              <Raw value={m.response_raw} max={4096} />
            </pre>
          )}
          <Link to={`/messages/${other}`} className="text-sm">{t.message.openPair(other)}</Link>
        </>
      )}
    </Part>
  )
}
