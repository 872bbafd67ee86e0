/*
 * A list that comes in pages: the newest again and again, older ones when
 * somebody goes there.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import { api } from '@/api'
import type { Decoder } from '@/api/decode'
import { ApiError, type Page, type Query } from '@/api/transport'
import { after } from '@/api/feed'

export interface Pages<T> {
  readonly rows: readonly T[] | undefined
  readonly error: ApiError | null
  readonly loading: boolean
  readonly hasMore: boolean
  readonly stoppedAt: string | null
  readonly more: () => void
  readonly reload: () => void
}

interface State<T> {
  readonly rows: readonly T[] | undefined
  readonly next: string | null
  readonly stoppedAt: string | null
  readonly error: ApiError | null
  readonly loading: boolean
}

const NOTHING = { rows: undefined, next: null, stoppedAt: null, error: null, loading: true }

/** The newest page put over what is there: those in both are the newer ones. */
export function merge<T>(old: readonly T[], fresh: readonly T[], id: (row: T) => string): readonly T[] {
  const oldest = fresh.at(-1)
  if (oldest === undefined) return fresh
  const rest = old.filter((row) => after(id(oldest), id(row)))
  return rest.length === 0 ? fresh : [...fresh, ...rest]
}

export function usePages<T>(path: string, query: Query, decode: Decoder<T>, id: (row: T) => string, every: number): Pages<T> {
  const [state, setState] = useState<State<T>>(NOTHING)
  const [round, setRound] = useState(0)
  const fixed = useRef({ decode, id })
  const busy = useRef(false)
  useEffect(() => setState(NOTHING), [path, query])
  useEffect(() => {
    const stop = new AbortController()
    const { decode: d, id: idOf } = fixed.current
    api.page(path, d, query, stop.signal).then(
      (p: Page<T>) =>
        setState((s) => ({
          rows: merge(s.rows ?? [], p.items, idOf),
          next: s.rows && s.rows.length > p.items.length ? s.next : p.next,
          stoppedAt: p.stoppedAt,
          error: null,
          loading: false,
        })),
      (e: unknown) => {
        if (stop.signal.aborted) return
        setState((s) => ({ ...s, error: e instanceof ApiError ? e : new ApiError(-1, String(e)), loading: false }))
      },
    )
    return () => stop.abort()
  }, [path, query, round])
  const reload = useCallback(() => setRound((n) => n + 1), [])
  useEffect(() => {
    const tick = setInterval(() => !document.hidden && reload(), every)
    return () => clearInterval(tick)
  }, [every, reload])
  const { next } = state
  const more = useCallback(() => {
    if (next === null || busy.current) return
    busy.current = true
    const url = new URL(next, window.location.href)
    api.page(url.pathname + url.search, fixed.current.decode).then(
      (p) => {
        busy.current = false
        setState((s) => ({ ...s, rows: [...(s.rows ?? []), ...p.items], next: p.next, stoppedAt: p.stoppedAt }))
      },
      () => {
        busy.current = false
      },
    )
  }, [next])
  return { ...state, hasMore: next !== null, more, reload }
}
