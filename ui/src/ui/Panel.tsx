import type { ReactNode } from 'react'
import { cx } from '@/lib/cx'

interface Props {
  readonly title?: ReactNode
  readonly aside?: ReactNode
  readonly children: ReactNode
  readonly className?: string
  /** Tables reach the edge. */
  readonly flush?: boolean
}

export function Panel({ title, aside, children, className, flush = false }: Props) {
  return (
    <section className={cx('min-w-0 rounded-lg border bg-panel', className)}>
      {(title !== undefined || aside !== undefined) && (
        <header className="flex min-h-10 flex-wrap items-center justify-between gap-x-3 gap-y-1 px-4 pt-2">
          <h2 className="text-sm font-semibold text-ink">{title}</h2>
          <div className="flex items-center gap-2 text-sm text-dim">{aside}</div>
        </header>
      )}
      <div className={cx('min-w-0', !flush && 'px-4 pb-4 pt-2', flush && 'pt-1')}>{children}</div>
    </section>
  )
}

/** A page's name, a line about it, and what can be done on it. */
export function PageHead({ title, children, lead }: { title: ReactNode; lead?: ReactNode; children?: ReactNode }) {
  return (
    <div className="mb-3 flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        {lead !== undefined && <p className="mt-0.5 text-sm text-dim">{lead}</p>}
      </div>
      <div className="flex max-w-full flex-wrap items-center gap-2">{children}</div>
    </div>
  )
}
