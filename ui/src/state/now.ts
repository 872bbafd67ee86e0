/* One clock for all "12 s ago" of a page. */
import { useSyncExternalStore } from 'react'

const watchers = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function watch(run: () => void): () => void {
  watchers.add(run)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const w of watchers) w()
  }, 1000)
  return () => {
    watchers.delete(run)
    if (watchers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** Milliseconds since the epoch, to the second. */
export const useNow = (): number => useSyncExternalStore(watch, () => now)
