import type { ReactNode } from 'react'

/** A part of the page, with its heading. */
export function Part({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="px-4 py-3">
      <div className="mb-2 flex min-h-6 items-center justify-between gap-2">
        <h3 className="text-sm font-semibold">{title}</h3>
        <div className="flex items-center gap-1">{aside}</div>
      </div>
      {children}
    </section>
  )
}
