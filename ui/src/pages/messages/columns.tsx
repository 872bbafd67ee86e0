/* What stands in the columns of the message list. */
import { shortId, ms, bytes } from '@/lib/format'
import { brief, member, parseJson } from '@/lib/json'
import type { Message } from '@/api/types'
import { t } from '@/text'
import type { Tone } from '@/ui/Badge'
import { ReplayIcon, ToMinerIcon, ToPoolIcon } from '@/ui/icons'

/** What the API says of it in words, or else its parameters or result. */
export function summaryOf(m: Message): string {
  if (m.summary !== null && m.summary !== '') return m.summary
  if (m.raw_encoding === 'base64') return t.messages.unparsed
  const node = m.raw.length < 8192 ? parseJson(m.raw) : null
  const params = member(node, 'params')
  if (params) return brief(params)
  const error = member(node, 'error')
  if (error && !(error.kind === 'literal' && error.value === 'null')) return brief(error)
  const result = member(node, 'result')
  return result ? brief(result) : m.raw.slice(0, 200)
}

export interface Verdict {
  readonly label: string
  readonly tone: Tone
}

/** What came of it: of a request what was answered, of an answer what it says. */
export function verdictOf(m: Message): Verdict | null {
  if (m.parse_error !== null || m.broken) return { label: t.messages.flags['broken'] ?? '', tone: 'attention' }
  if (m.is_error) return { label: t.messages.refused, tone: 'rejected' }
  if (m.is_response) {
    const result = member(parseJson(m.raw.slice(0, 4096)), 'result')
    if (m.method === 'mining.submit' && result?.kind === 'literal') {
      return result.value === 'true'
        ? { label: t.verdict['accepted'] ?? '', tone: 'accepted' }
        : { label: t.messages.refused, tone: 'rejected' }
    }
    return { label: t.messages.ok, tone: 'neutral' }
  }
  if (m.is_request && m.response_raw !== null) {
    const error = member(parseJson(m.response_raw.slice(0, 4096)), 'error')
    const result = member(parseJson(m.response_raw.slice(0, 4096)), 'result')
    if (error && error.kind !== 'literal') return { label: t.messages.refused, tone: 'rejected' }
    if (result?.kind === 'literal' && result.value === 'false') return { label: t.messages.refused, tone: 'rejected' }
    if (m.method === 'mining.submit') return { label: t.verdict['accepted'] ?? '', tone: 'accepted' }
    return { label: t.messages.ok, tone: 'neutral' }
  }
  return null
}

/** Colour only where an operator should look. */
export function latencyTone(latency: number | null): string {
  if (latency === null) return 'text-faint'
  if (latency > 200) return 'text-rejected'
  return latency > 50 ? 'text-stale' : 'text-dim'
}

export function DirectionMark({ m }: { m: Message }) {
  const label = t.direction[m.direction]
  const Icon = m.direction === 'miner_to_pool' ? ToPoolIcon : m.direction === 'pool_to_miner' ? ToMinerIcon : ReplayIcon
  return (
    <span role="img" aria-label={label} title={label} className={m.direction === 'miner_to_pool' ? 'text-ink' : m.direction === 'pool_to_miner' ? 'text-faint' : 'text-attention'}>
      <Icon className="size-3.5" />
    </span>
  )
}

export const sizeOf = (m: Message): string => bytes(m.size_bytes)
export const latencyOf = (m: Message): string => ms(m.latency_ms)
export const sessionOf = (m: Message): string => shortId(m.session_id)
