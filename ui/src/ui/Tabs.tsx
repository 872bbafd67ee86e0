import * as Base from '@radix-ui/react-tabs'
import { useEffect, useRef, type ReactNode } from 'react'

interface Props {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly tabs: readonly { readonly value: string; readonly label: ReactNode; readonly content: ReactNode }[]
}

export function Tabs({ label, value, onChange, tabs }: Props) {
  const list = useRef<HTMLDivElement>(null)
  // Of many on a narrow screen the open one is seen.
  useEffect(() => {
    const row = list.current
    const open = row?.querySelector<HTMLElement>('[data-state=active]')
    if (row && open) row.scrollLeft = open.offsetLeft - row.offsetLeft - (row.clientWidth - open.offsetWidth) / 2
  }, [value])
  return (
    <Base.Root value={value} onValueChange={onChange}>
      <Base.List ref={list} aria-label={label} className="mb-3 flex gap-1 overflow-x-auto border-b">
        {tabs.map((tab) => (
          <Base.Trigger
            key={tab.value}
            value={tab.value}
            className="-mb-px whitespace-nowrap border-b-2 border-transparent px-3 py-1.5 text-sm text-dim hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
          >
            {tab.label}
          </Base.Trigger>
        ))}
      </Base.List>
      {tabs.map((tab) => (
        <Base.Content key={tab.value} value={tab.value} tabIndex={-1}>
          {tab.content}
        </Base.Content>
      ))}
    </Base.Root>
  )
}
