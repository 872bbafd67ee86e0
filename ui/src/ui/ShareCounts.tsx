/* Accepted and rejected in one cell, with what share of them was refused. */
import type { ShareCounts as Counts } from '@/api/types'
import { count, percent } from '@/lib/format'
import { t } from '@/text'

export function ShareCounts({ of: n }: { of: Counts }) {
  return (
    <span className="tabular-nums" title={percent(n.rejected, n.accepted + n.rejected)}>
      <span className="sr-only">{t.overview.accepted} </span>
      {count(n.accepted)}
      {n.rejected > 0 && (
        <span className="text-rejected">
          <span className="sr-only">, {t.overview.rejected}</span>
          <span aria-hidden> / </span>
          {count(n.rejected)}
        </span>
      )}
    </span>
  )
}
