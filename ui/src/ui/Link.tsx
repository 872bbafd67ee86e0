import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { cx } from '@/lib/cx'
import { navigate } from '@/state/router'

interface Props extends AnchorHTMLAttributes<HTMLAnchorElement> {
  readonly to: string
  /** Underlined only when pointed at; for rows and lists. */
  readonly quiet?: boolean
}

export function Link({ to, quiet = false, className, onClick, ...rest }: Props) {
  const go = (e: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(e)
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
    e.preventDefault()
    navigate(to)
  }
  return <a href={to} onClick={go} className={cx(quiet ? 'hover:underline' : 'text-accent hover:underline', className)} {...rest} />
}
