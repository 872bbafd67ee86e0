import type { ReactNode } from 'react'
import type { Pages } from '@/state/pages'
import { t } from '@/text'
import { Button } from './Button'
import { ErrorNote, Skeleton } from './State'

interface Props<T> {
  readonly list: Pages<T>
  readonly empty: ReactNode
  readonly children: (rows: readonly T[]) => ReactNode
}

/** A list in pages: its rows, or why there are none. */
export function Paged<T>({ list, empty, children }: Props<T>) {
  const { rows, error, loading, hasMore, stoppedAt } = list
  if (!rows) return error ? <ErrorNote error={error} onRetry={list.reload} /> : <Skeleton lines={loading ? 8 : 1} />
  return (
    <>
      {rows.length === 0 ? empty : children(rows)}
      {(hasMore || stoppedAt !== null) && (
        <div className="flex flex-wrap items-center justify-center gap-2 border-t py-2 text-sm text-dim">
          {stoppedAt !== null && t.state.stopped(stoppedAt)}
          {hasMore && <Button look="quiet" onClick={list.more}>{t.act.more}</Button>}
        </div>
      )}
    </>
  )
}
