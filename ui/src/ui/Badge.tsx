import type { ReactNode } from 'react'
import { cx } from '@/lib/cx'

export type Tone = 'neutral' | 'accepted' | 'rejected' | 'stale' | 'attention' | 'accent'

const TONE: Record<Tone, string> = {
  neutral: 'text-dim bg-raised',
  accepted: 'text-accepted bg-accepted/10',
  rejected: 'text-rejected bg-rejected/10',
  stale: 'text-stale bg-stale/10',
  attention: 'text-attention bg-attention/10',
  accent: 'text-accent bg-accent/10',
}

export const TEXT_TONE: Record<Tone, string> = {
  neutral: 'text-ink',
  accepted: 'text-accepted',
  rejected: 'text-rejected',
  stale: 'text-stale',
  attention: 'text-attention',
  accent: 'text-accent',
}

export function Badge({ tone = 'neutral', children, title }: { tone?: Tone; children: ReactNode; title?: string }) {
  return (
    <span title={title} className={cx('inline-flex items-center rounded px-1.5 text-xs font-medium whitespace-nowrap', TONE[tone])}>
      {children}
    </span>
  )
}

/** A light, with its word for who does not see colours. */
export function Dot({ tone, label }: { tone: Tone; label?: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className={cx('inline-block size-2 shrink-0 rounded-full bg-current', tone === 'neutral' ? 'text-strong' : TEXT_TONE[tone])} />
      {label}
    </span>
  )
}
