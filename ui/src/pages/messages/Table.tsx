/*
 * The live table.  Rows of one height, only those which are seen; it follows
 * the newest while one looks at the top, and stands still otherwise.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { cx } from '@/lib/cx'
import { t } from '@/text'
import type { Item } from '@/state/messages'
import { gridOf, Row, wideOnly } from './Row'
import { Slots } from './slots'
import { intoView, ROW, useRows } from './useRows'

const FRESH_MS = 1500

interface Props {
  /** The rows that are there, from this one on, of so many that are known. */
  readonly items: readonly Item[]
  readonly first: number
  readonly rows: number
  readonly selected: string | null
  readonly onOpen: (id: string) => void
  readonly onTop: (atTop: boolean) => void
  readonly onLook: (from: number, to: number) => void
  /** Counts up when the table shall go to its top. */
  readonly jump: number
  readonly narrow: boolean
}

function Head({ narrow }: { narrow: boolean }) {
  const c = t.messages.columns
  const hidden = wideOnly(narrow)
  const cells: [string, string][] = [
    [c.time, ''], [c.session, hidden], [c.direction, 'w-4 text-transparent'], [c.method, ''], [c.id, hidden],
    [c.summary, hidden], [c.size, `${hidden} text-right`], [c.latency, `${hidden} text-right`], [c.verdict, 'text-right'],
  ]
  return (
    <div role="rowgroup">
      <div role="row" aria-rowindex={1} className={cx(gridOf(narrow), 'h-8 border-b text-xs font-medium text-dim')}>
        {cells.map(([label, className]) => (
          <div key={label} role="columnheader" className={cx('truncate', className)}>{label}</div>
        ))}
      </div>
    </div>
  )
}

/** The ids that came since, so that they flash; not when all would. */
function useFresh(items: readonly Item[]): ReadonlySet<string> {
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set())
  const top = useRef<string | null>(null)
  useEffect(() => {
    const before = top.current
    top.current = items[0]?.id ?? null
    if (before === null || before === top.current) return
    const at = items.findIndex((i) => i.id === before)
    if (at <= 0 || at > 12) return
    setFresh(new Set(items.slice(0, at).map((i) => i.id)))
    const id = setTimeout(() => setFresh(new Set()), FRESH_MS)
    return () => clearTimeout(id)
  }, [items])
  return fresh
}

export function Table({ items, first, rows, selected, onOpen, onTop, onLook, jump, narrow }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const fresh = useFresh(items)
  const { from, to, atTop } = useRows(box, rows)
  const slots = useRef(new Slots())
  useLayoutEffect(() => {
    box.current?.scrollTo({ top: 0 })
  }, [jump])
  const at = selected === null ? -1 : items.findIndex((i) => i.id === selected)
  useEffect(() => {
    if (at >= 0 && box.current) intoView(box.current, first + at)
    // Only when another row is chosen, not when it moves.
  }, [selected]) // eslint-disable-line react-hooks/exhaustive-deps
  useEffect(() => onTop(atTop), [atTop, onTop])
  useEffect(() => onLook(from, to), [from, to, items, onLook])
  const shown = items.slice(Math.max(0, from - first), Math.max(0, to - first))
  const start = Math.max(from, first)
  const keys = slots.current.assign(shown.map((i) => i.id))
  return (
    <div role="table" aria-label={t.messages.table} aria-rowcount={rows + 1} className="flex min-h-0 flex-1 flex-col">
      <Head narrow={narrow} />
      <div
        ref={box}
        role="rowgroup"
        tabIndex={0}
        aria-label={t.messages.table}
        className="min-h-0 flex-1 overflow-y-auto overflow-x-hidden outline-offset-[-2px]"
      >
        <div role="presentation" className="relative" style={{ height: rows * ROW }}>
          {shown.map((item, i) => (
            <Row key={keys[i]} item={item} index={start + i} top={(start + i) * ROW} height={ROW}
              selected={item.id === selected} fresh={fresh.has(item.id)} narrow={narrow} onOpen={onOpen} />
          ))}
        </div>
      </div>
    </div>
  )
}
