/*
 * A list of messages, filled from the API and the feed.
 */
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { api } from '@/api'
import { ApiError } from '@/api/transport'
import { isFiltered, toApi, toFeed, type MessageFilter } from '@/lib/filters'
import { itemOf, MessageList, PAGE, WINDOW, type ListState, type Wanted } from '@/state/messages'

/** The list changes at most so often: nobody reads faster. */
const EVERY_MS = 100
/** A page that failed is not asked for again at once. */
const RETRY_MS = 1000

export interface Messages extends ListState {
  readonly error: ApiError | null
  readonly lost: boolean
  /** Rows from…to are looked at. */
  readonly look: (from: number, to: number) => void
  /** A search that stopped goes on. */
  readonly goOn: () => void
  readonly reload: () => void
  readonly hold: (on: boolean) => void
}

function asError(e: unknown): ApiError {
  return e instanceof ApiError ? e : new ApiError(-1, String(e))
}

async function fetchPage(filter: MessageFilter, before: string | null, limit: number, signal: AbortSignal) {
  const query = { ...toApi(filter, Date.now()), limit, responses: 1, before }
  const page = await api.page('/api/messages', itemOf, query, signal)
  const last = page.items.at(-1)?.id ?? null
  const more = page.next !== null || page.items.length >= limit
  return { ...page, next: page.stoppedAt ?? (more ? last : null) }
}

/**
 * Gathers what comes and hands it on with the next frame.  A page that nobody
 * sees has no frames: then it is handed on when there is enough of it.
 */
function batched(list: MessageList): { take: (items: unknown[]) => void; flush: () => void; stop: () => void } {
  let held: unknown[] = []
  let frame = 0
  const flush = () => {
    cancelAnimationFrame(frame)
    frame = 0
    const items = held
    held = []
    if (items.length > 0) list.receive(items)
  }
  return {
    take: (items) => {
      for (const i of items) held.push(i)
      if (held.length >= WINDOW) flush()
      else if (frame === 0) frame = requestAnimationFrame(flush)
    },
    flush,
    stop: () => cancelAnimationFrame(frame),
  }
}

/** Where the store is: the feed is ahead of it by what is not yet committed. */
async function storedUpTo(signal: AbortSignal): Promise<string> {
  const page = await api.page('/api/messages', itemOf, { limit: 1, responses: 1 }, signal)
  return page.items[0]?.id ?? '0'
}

function follow(list: MessageList, wanted: Record<string, string>, since: string, setLost: (lost: boolean) => void): () => void {
  const batch = batched(list)
  const close = api.subscribe(
    { topic: 'messages', filter: wanted, since, every: EVERY_MS },
    {
      data: batch.take,
      open: () => setLost(false),
      lost: () => setLost(true),
      missed: (count) => {
        batch.flush()
        list.gap(count)
      },
      reset: (to) => {
        batch.flush()
        list.reset(to)
      },
    },
  )
  return () => {
    batch.stop()
    close()
  }
}

/** The feed from where the store is, and the newest page: nothing falls between. */
async function begin(list: MessageList, filter: MessageFilter, signal: AbortSignal, setLost: (lost: boolean) => void): Promise<void> {
  const wanted = toFeed(filter)
  const listen = (since: string) => {
    if (signal.aborted || !wanted) return
    signal.addEventListener('abort', follow(list, wanted, since, setLost))
  }
  if (wanted && isFiltered(filter)) listen(await storedUpTo(signal))
  const page = await fetchPage(filter, null, PAGE, signal)
  // Of all messages the newest is where the store is.
  if (!isFiltered(filter)) listen(page.items[0]?.id ?? '0')
  if (!signal.aborted) list.begin(page)
}

export function useMessages(filter: MessageFilter): Messages {
  const [round, setRound] = useState(0)
  // A new list for each filter and each reload.
  const list = useMemo(() => new MessageList(), [filter, round]) // eslint-disable-line react-hooks/exhaustive-deps
  const state = useSyncExternalStore(list.watch, list.get)
  const [error, setError] = useState<ApiError | null>(null)
  const [lost, setLost] = useState(false)
  const stop = useRef<AbortController | null>(null)
  useEffect(() => {
    const abort = new AbortController()
    stop.current = abort
    setError(null)
    begin(list, filter, abort.signal, setLost).catch((e: unknown) => {
      if (abort.signal.aborted) return
      setError(asError(e))
      list.failed()
    })
    return () => abort.abort()
  }, [list, filter])
  const load = useCallback(
    (wanted: Wanted | null) => {
      const signal = stop.current?.signal
      if (!wanted || !signal) return
      list.loading()
      fetchPage(filter, wanted.before, wanted.limit, signal).then(
        (page) => list.put(wanted, page),
        () => setTimeout(() => list.failed(), RETRY_MS),
      )
    },
    [list, filter],
  )
  const look = useCallback((from: number, to: number) => load(list.wanted(from, to)), [list, load])
  const goOn = useCallback(() => load(list.further()), [list, load])
  const reload = useCallback(() => setRound((n) => n + 1), [])
  const [held, hold] = useState(false)
  useEffect(() => list.hold(held), [list, held])
  // Too many have waited: what is seen meanwhile stays until the newest is there.
  const anew = !held && state.overflown && !state.loading
  useEffect(() => {
    const signal = stop.current?.signal
    if (!anew || !signal) return
    list.renew()
    fetchPage(filter, null, PAGE, signal).then(
      (page) => list.begin(page),
      () => setTimeout(() => list.failed(), RETRY_MS),
    )
  }, [anew, list, filter])
  return { ...state, error, lost, look, goOn, reload, hold }
}
