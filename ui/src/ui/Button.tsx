import type { ButtonHTMLAttributes } from 'react'
import { cx } from '@/lib/cx'

type Look = 'primary' | 'plain' | 'quiet' | 'danger'

const LOOK: Record<Look, string> = {
  primary: 'bg-accent text-on-accent border-transparent hover:opacity-90',
  plain: 'bg-panel text-ink border-strong hover:bg-raised',
  quiet: 'bg-transparent text-dim border-transparent hover:bg-raised hover:text-ink',
  danger: 'bg-panel text-rejected border-strong hover:bg-rejected/10 hover:border-rejected/50',
}

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: Look
  readonly busy?: boolean
  /** A square one for an icon; then it needs an aria-label. */
  readonly icon?: boolean
}

export function Button({ look = 'plain', busy = false, icon = false, className, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      className={cx(
        'inline-flex h-8 shrink-0 items-center justify-center gap-1.5 whitespace-nowrap rounded border text-sm font-medium',
        'transition-colors disabled:cursor-not-allowed disabled:opacity-50 pointer-coarse:h-10',
        icon ? 'w-8' : 'px-3',
        LOOK[look],
        className,
      )}
      {...rest}
    />
  )
}
