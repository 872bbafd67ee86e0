/*
 * What somebody outside said, shown as text: direction isolated, what cannot
 * be seen escaped, and no more of it than a table can bear.
 */
import { memo } from 'react'
import { clip, pieces, visible } from '@/lib/escape'
import { DASH } from '@/lib/format'
import { t } from '@/text'

interface Props {
  readonly value: string | null | undefined
  readonly max?: number
  /** Where an empty text says something, as in a raw view. */
  readonly empty?: string
}

export const Raw = memo(function Raw({ value, max = 400, empty = DASH }: Props) {
  if (value === null || value === undefined || value === '') return <span className="text-faint">{empty}</span>
  const { text, clipped } = clip(value, max)
  return (
    <bdi dir="ltr" title={value.length > 40 && value.length <= 400 ? visible(value) : undefined}>
      {pieces(text).map((p, i) =>
        p.escaped ? (
          <span key={i} className="text-attention opacity-80">
            {p.text}
          </span>
        ) : (
          p.text
        ),
      )}
      {clipped > 0 && <span className="text-faint"> {t.raw.more(clipped)}</span>}
    </bdi>
  )
})
