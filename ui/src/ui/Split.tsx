/* A length divided into its parts: where a share's time went. */
import { us } from '@/lib/format'
import { cx } from '@/lib/cx'

export interface Part {
  readonly label: string
  readonly us: number | null
  readonly className: string
  /** Told beside the others, not a part of the whole. */
  readonly apart?: boolean
}

export function Split({ label, parts }: { label: string; parts: readonly Part[] }) {
  const known = parts.filter((p): p is Part & { us: number } => p.us !== null && p.us >= 0 && p.apart !== true)
  const sum = known.reduce((n, p) => n + p.us, 0)
  return (
    <div>
      <div role="img" aria-label={`${label}: ${known.map((p) => `${p.label} ${us(p.us)}`).join(', ')}`} className="flex h-2 overflow-hidden rounded-full bg-raised">
        {known.map((p) => (
          <span key={p.label} className={p.className} style={{ width: `${sum > 0 ? (100 * p.us) / sum : 0}%` }} />
        ))}
      </div>
      <dl className="mt-2 grid grid-cols-[repeat(auto-fit,minmax(7.5rem,1fr))] gap-x-4 gap-y-1.5 text-sm">
        {parts.map((p) => (
          <div key={p.label} className="min-w-0">
            <dt className="flex items-center gap-1.5 truncate text-xs text-dim">
              <span aria-hidden className={cx('inline-block size-2 shrink-0 rounded-sm', p.apart === true ? 'border border-strong' : p.className)} />
              {p.label}
            </dt>
            <dd className="tabular-nums">{us(p.us)}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
