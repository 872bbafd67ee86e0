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
  /** Whether one looks at the newest of them. */
  readonly onTop: (atTop: boolean) => void
  readonly reload: () => void
}

interface Listed<T> {
  readonly rows: readonly T[] | undefined
  readonly next: string | null
}

interface State<T> extends Listed<T> {
  readonly stoppedAt: string | null
  readonly error: ApiError | null
  readonly loading: boolean
}

const NOTHING = { rows: undefined, next: null, stoppedAt: null, error: null, loading: true }

/** So many rows are kept while one looks at the newest. */
export const KEPT = 1000

/**
 * The newest page put over what is there: those in both are the newer ones.
 * null: there is a hole between them.
 */
export function merge<T>(old: readonly T[], fresh: Page<T>, id: (row: T) => string): readonly T[] | null {
  const oldest = fresh.items.at(-1)
  const top = old[0]
  if (oldest === undefined || top === undefined) return fresh.items
  if (fresh.next !== null && after(id(oldest), id(top))) return null
  const rest = old.filter((row) => after(id(oldest), id(row)))
  return rest.length === 0 ? fresh.items : [...fresh.items, ...rest]
}

/**
 * What is shown when the newest page has come.  Where more comes than fits a
 * page, and at the top of a list that has become long, it begins anew; further
 * down it stands still.
 */
export function renewed<T>(s: Listed<T>, fresh: Page<T>, id: (row: T) => string, atTop: boolean): Listed<T> {
  const rows = s.rows ?? []
  const all = merge(rows, fresh, id)
  if (all === null || all.length > KEPT) {
    return atTop ? { rows: fresh.items, next: fresh.next } : s
  }
  return { rows: all, next: all.length > fresh.items.length ? s.next : fresh.next }
}

export function usePages<T>(path: string, query: Query, decode: Decoder<T>, id: (row: T) => string, every: number): Pages<T> {
  const [state, setState] = useState<State<T>>(NOTHING)
  const [round, setRound] = useState(0)
  const fixed = useRef({ decode, id })
  const busy = useRef(false)
  const top = useRef(true)
  useEffect(() => setState(NOTHING), [path, query])
  useEffect(() => {
    const stop = new AbortController()
    const { decode: d, id: idOf } = fixed.current
    api.page(path, d, query, stop.signal).then(
      (p: Page<T>) =>
        setState((s) => ({
          ...renewed(s, p, idOf, top.current),
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
  const onTop = useCallback((atTop: boolean) => {
    top.current = atTop
  }, [])
  return { ...state, onTop, hasMore: next !== null, more, reload }
}
