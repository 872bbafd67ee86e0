import type { ComponentProps, ReactNode, SelectHTMLAttributes } from 'react'
import { cx } from '@/lib/cx'

const BOX =
  'h-8 min-w-0 rounded border border-strong bg-panel text-sm text-ink placeholder:text-faint disabled:opacity-60 pointer-coarse:h-10'

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={cx(BOX, 'px-2.5', className)} autoComplete="off" spellCheck={false} {...rest} />
}

interface SelectProps extends Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange'> {
  readonly options: readonly (readonly [value: string, label: string])[]
  readonly onValue: (value: string) => void
}

export function Select({ options, onValue, className, ...rest }: SelectProps) {
  return (
    <select className={cx(BOX, 'pl-2 pr-1', className)} onChange={(e) => onValue(e.target.value)} {...rest}>
      {options.map(([value, label]) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  )
}

/** A labelled field of a form. */
export function Field({ label, children, hint }: { label: string; children: ReactNode; hint?: ReactNode }) {
  return (
    <label className="block">
      <span className="mb-1 block text-sm text-dim">{label}</span>
      {children}
      {hint !== undefined && <span className="mt-1 block text-xs text-faint">{hint}</span>}
    </label>
  )
}
