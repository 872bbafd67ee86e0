/* What a page shows while there is nothing else to show. */
import type { ReactNode } from 'react'
import type { ApiError } from '@/api/transport'
import { cx } from '@/lib/cx'
import { explainError } from '@/state/act'
import type { Resource } from '@/state/resource'
import { t } from '@/text'
import { Button } from './Button'

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-1 px-6 py-12 text-center">
      <p className="font-medium text-ink">{title}</p>
      <div className="max-w-md text-sm text-dim">{children}</div>
    </div>
  )
}

export function Skeleton({ lines = 5, className }: { lines?: number; className?: string }) {
  return (
    <div role="status" aria-label={t.state.loading} className={cx('space-y-2.5 px-4 py-4', className)}>
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className="h-4 animate-pulse rounded bg-raised" style={{ width: `${92 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  )
}

export function ErrorNote({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  const away = error.status === 0
  return (
    <div role="alert" className="flex flex-col items-center gap-3 px-6 py-10 text-center">
      <p className="font-medium">{away ? t.state.away : error.status === 404 ? t.state.notFound : t.state.failed}</p>
      <p className="max-w-md text-sm text-dim">{away ? t.state.awayText : explainError(error)}</p>
      {onRetry && !away && <Button onClick={onRetry}>{t.act.retry}</Button>}
    </div>
  )
}

interface LoadedProps<T> {
  readonly of: Resource<T>
  readonly lines?: number
  readonly children: (data: T) => ReactNode
}

/** What was loaded; or that it is being loaded; or why it was not. */
export function Loaded<T>({ of, lines = 5, children }: LoadedProps<T>) {
  if (of.data !== undefined) return <>{children(of.data)}</>
  if (of.error) return <ErrorNote error={of.error} onRetry={of.reload} />
  return <Skeleton lines={lines} />
}
