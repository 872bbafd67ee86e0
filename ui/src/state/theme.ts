/* Light or dark: the system's until somebody chooses.  See public/theme.js. */
import { useSyncExternalStore } from 'react'

export type Theme = 'light' | 'dark'
const watchers = new Set<() => void>()

const current = (): Theme => (document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light')

function watch(run: () => void): () => void {
  watchers.add(run)
  return () => watchers.delete(run)
}

export const useTheme = (): Theme => useSyncExternalStore(watch, current)

export function toggleTheme(): void {
  const next = current() === 'dark' ? 'light' : 'dark'
  document.documentElement.dataset['theme'] = next
  try {
    localStorage.setItem('theme', next)
  } catch {
    /* It holds for this page, then. */
  }
  for (const run of watchers) run()
}
