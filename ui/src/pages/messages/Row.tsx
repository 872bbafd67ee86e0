/*
 * One line of the message list.  Thousands of them pass a second: a line is
 * laid out by itself, and only those cells are cut off which may be too long.
 */
import { memo } from 'react'
import type { Message } from '@/api/types'
import { cx } from '@/lib/cx'
import { messageOf, type Item } from '@/state/messages'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Raw } from '@/ui/Raw'
import { Clock } from '@/ui/Time'
import { DirectionMark, latencyOf, latencyTone, sessionOf, sizeOf, summaryOf, verdictOf } from './columns'

const GRID = 'grid items-center gap-x-3 px-3 sm:px-4 '
const NARROW = 'grid-cols-[84px_16px_minmax(0,1fr)_auto]'
const WIDE = 'md:grid-cols-[92px_66px_16px_150px_64px_minmax(0,1fr)_56px_70px_92px]'

/** Beside an open message, and on a phone, there are fewer columns. */
export const gridOf = (narrow: boolean): string => cx(GRID, NARROW, !narrow && WIDE)
export const wideOnly = (narrow: boolean): string => cx('hidden', !narrow && 'md:block')
export const narrowOnly = (narrow: boolean): string => (narrow ? '' : 'md:hidden')

interface Props {
  readonly item: Item
  readonly index: number
  readonly top: number
  readonly height: number
  readonly selected: boolean
  readonly fresh: boolean
  readonly narrow: boolean
  readonly onOpen: (id: string) => void
}

function Gap({ count }: { count: number | null }) {
  return (
    <span className="flex w-full items-center gap-3 text-xs text-attention">
      <span className="h-px flex-1 border-t border-dashed border-attention" />
      {count === null ? t.messages.missedSome : t.messages.missed(count)}
      <span className="h-px flex-1 border-t border-dashed border-attention" />
    </span>
  )
}

function Cell({ className, children }: { className?: string; children: React.ReactNode }) {
  return (
    <div role="cell" className={className}>
      {children}
    </div>
  )
}

const Cells = memo(function Cells({ m, narrow }: { m: Message; narrow: boolean }) {
  const wide = wideOnly(narrow)
  const verdict = verdictOf(m)
  const summary = summaryOf(m)
  return (
    <>
      <Cell className="text-dim"><Clock at={m.ts_recv} /></Cell>
      <Cell className={cx('font-mono text-xs text-faint', wide)}>{sessionOf(m)}</Cell>
      <Cell><DirectionMark m={m} /></Cell>
      <Cell className="truncate">
        <span className={m.is_response ? 'text-dim' : 'text-ink'}><Raw value={m.method} max={64} empty={m.is_response ? t.messages.response : t.messages.unparsed} /></span>
        <span className={cx('ml-2 text-xs text-faint', narrowOnly(narrow))}><Raw value={summary} max={120} /></span>
      </Cell>
      <Cell className={cx('truncate font-mono text-xs text-faint', wide)}>{m.id}</Cell>
      <Cell className={cx('truncate text-dim', wide)}><Raw value={summary} max={240} /></Cell>
      <Cell className={cx('text-right text-faint', wide)}>{sizeOf(m)}</Cell>
      <Cell className={cx('text-right', wide, latencyTone(m.latency_ms))}>{latencyOf(m)}</Cell>
      <Cell className="text-right">{verdict && <Badge tone={verdict.tone}>{verdict.label}</Badge>}</Cell>
    </>
  )
})

export const Row = memo(function Row({ item, index, top, height, selected, fresh, narrow, onOpen }: Props) {
  const m = item.kind === 'message' ? messageOf(item.body) : null
  return (
    <div
      role="row"
      id={`row-${item.id}`}
      aria-rowindex={index + 2}
      aria-selected={selected}
      title={m?.after_gap === true ? t.messages.gap : undefined}
      onClick={() => item.kind === 'message' && onOpen(item.id)}
      className={cx(
        gridOf(narrow),
        'absolute inset-x-0 [contain:strict] border-b border-line/60 text-sm',
        m ? 'cursor-pointer hover:bg-raised/70' : '!flex',
        selected && '!bg-accent/10 shadow-[inset_2px_0_0_rgb(var(--accent))]',
        fresh && !selected && 'animate-fresh',
        m?.after_gap === true && '!border-b-2 !border-dashed !border-attention',
      )}
      style={{ top, height }}
    >
      {m ? <Cells m={m} narrow={narrow} /> : <div role="cell" className="w-full"><Gap count={item.kind === 'gap' ? item.count : null} /></div>}
    </div>
  )
})
