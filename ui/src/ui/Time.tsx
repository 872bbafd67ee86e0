/* Times in the browser's zone, in UTC on hover. */
import { ago, clock, dateTime, utc, when } from '@/lib/format'
import { useNow } from '@/state/now'

type T = string | null | undefined

export function Clock({ at }: { at: T }) {
  return (
    <time dateTime={at ?? undefined} title={utc(at)} className="whitespace-nowrap tabular-nums">
      {clock(at)}
    </time>
  )
}

export function DateTime({ at, millis = false }: { at: T; millis?: boolean }) {
  return (
    <time dateTime={at ?? undefined} title={utc(at)} className="whitespace-nowrap tabular-nums">
      {dateTime(at, millis)}
    </time>
  )
}

/** For lists: the day only where it is another. */
export function When({ at }: { at: T }) {
  const now = useNow()
  return (
    <time dateTime={at ?? undefined} title={`${dateTime(at)}\n${utc(at)}`} className="whitespace-nowrap tabular-nums">
      {when(at, now)}
    </time>
  )
}

export function Ago({ at }: { at: T }) {
  const now = useNow()
  return (
    <time dateTime={at ?? undefined} title={`${dateTime(at)}\n${utc(at)}`} className="whitespace-nowrap tabular-nums">
      {ago(at, now)}
    </time>
  )
}
