/*
 * Something of the API that a component shows: loaded, kept while it is loaded
 * again, shown at once when one comes back to it.  When loading fails what was
 * there stays, with the error beside it.
 */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { api } from '@/api'
import { ApiError } from '@/api/transport'

export interface Resource<T> {
  readonly data: T | undefined
  readonly error: ApiError | null
  readonly loading: boolean
  readonly reload: () => void
}

interface Kept {
  data: unknown
}

const KEEP = 64
const kept = new Map<string, Kept>()

function keep(key: string, data: unknown): void {
  kept.delete(key)
  kept.set(key, { data })
  const oldest = kept.keys().next()
  if (kept.size > KEEP && oldest.done !== true) kept.delete(oldest.value)
}

/** Forgets all, as when somebody else logs in. */
export function forgetResources(): void {
  kept.clear()
}

export const useReach = () => useSyncExternalStore(api.watchReach, api.reach)

interface State<T> {
  key: string | null
  data: T | undefined
  error: ApiError | null
  loading: boolean
}

function initial<T>(key: string | null): State<T> {
  const had = key === null ? undefined : kept.get(key)
  return { key, data: had?.data as T | undefined, error: null, loading: key !== null }
}

/**
 * key names what is loaded; null loads nothing.  every: again after so many
 * ms, while the page is seen.
 */
export function useResource<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  every?: number,
): Resource<T> {
  const [state, setState] = useState<State<T>>(() => initial(key))
  const [round, setRound] = useState(0)
  const loader = useRef(load)
  const reach = useReach()
  const down = reach === 'down'
  useEffect(() => {
    loader.current = load
  })
  useEffect(() => {
    if (key === null) return
    const stop = new AbortController()
    loader
      .current(stop.signal)
      .then((data) => {
        if (stop.signal.aborted) return
        keep(key, data)
        setState({ key, data, error: null, loading: false })
      })
      .catch((e: unknown) => {
        if (stop.signal.aborted) return
        const error = e instanceof ApiError ? e : new ApiError(-1, String(e))
        setState((s) => ({ ...(s.key === key ? s : initial<T>(key)), error, loading: false }))
      })
    return () => stop.abort()
  }, [key, round])
  const reload = useCallback(() => setRound((n) => n + 1), [])
  usePolling(key === null ? undefined : down ? 2000 : every, reload)
  const shown = state.key === key ? state : initial<T>(key)
  return { data: shown.data, error: shown.error, loading: shown.loading, reload }
}

function usePolling(every: number | undefined, run: () => void): void {
  useEffect(() => {
    if (every === undefined) return
    const tick = () => {
      if (!document.hidden) run()
    }
    const id = setInterval(tick, every)
    document.addEventListener('visibilitychange', tick)
    return () => {
      clearInterval(id)
      document.removeEventListener('visibilitychange', tick)
    }
  }, [every, run])
}
