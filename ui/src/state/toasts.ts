/* Short words on what was done, or was not. */
import { useSyncExternalStore } from 'react'

export interface Toast {
  readonly id: number
  readonly text: string
  readonly bad: boolean
}

let toasts: readonly Toast[] = []
let last = 0
const watchers = new Set<() => void>()

function change(next: readonly Toast[]): void {
  toasts = next
  for (const run of watchers) run()
}

export function dismiss(id: number): void {
  change(toasts.filter((t) => t.id !== id))
}

export function toast(text: string, bad = false): void {
  const id = ++last
  change([...toasts.slice(-3), { id, text, bad }])
  setTimeout(() => dismiss(id), bad ? 10000 : 4000)
}

export const useToasts = (): readonly Toast[] =>
  useSyncExternalStore(
    (run) => {
      watchers.add(run)
      return () => watchers.delete(run)
    },
    () => toasts,
  )
