import type { ReactNode } from 'react'
import { cx } from '@/lib/cx'
import { TEXT_TONE, type Tone } from './Badge'

interface Props {
  readonly label: string
  readonly value: ReactNode
  readonly note?: ReactNode
  readonly tone?: Tone
  readonly className?: string
}

/** One figure, large. */
export function Stat({ label, value, note, tone = 'neutral', className }: Props) {
  return (
    <div className={cx('min-w-0', className)}>
      <dt className="truncate text-xs text-dim">{label}</dt>
      <dd className={cx('truncate text-xl font-semibold tabular-nums tracking-tight', TEXT_TONE[tone])}>{value}</dd>
      {note !== undefined && <dd className="truncate text-xs text-dim tabular-nums">{note}</dd>}
    </div>
  )
}

/** A name and its value, in a list of them. */
export function Pair({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div className="flex min-w-0 items-baseline justify-between gap-4 border-b py-1 last:border-0">
      <dt className="shrink-0 text-sm text-dim">{name}</dt>
      <dd className="min-w-0 truncate text-right text-sm">{children}</dd>
    </div>
  )
}
