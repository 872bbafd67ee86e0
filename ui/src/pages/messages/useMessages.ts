/*
 * A list of messages, filled from the API and the feed.
 */
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { api } from '@/api'
import { ApiError } from '@/api/transport'
import { toApi, toFeed, type MessageFilter } from '@/lib/filters'
import { itemOf, MessageList, type ListState } from '@/state/messages'

const PAGE = 200
/** The list changes at most so often: nobody reads faster. */
const FLUSH_MS = 100

export interface Messages extends ListState {
  readonly error: ApiError | null
  readonly lost: boolean
  readonly loadOlder: () => void
  readonly reload: () => void
  readonly hold: (on: boolean) => void
}

function asError(e: unknown): ApiError {
  return e instanceof ApiError ? e : new ApiError(-1, String(e))
}

async function fetchPage(filter: MessageFilter, before: string | null, signal: AbortSignal) {
  const query = { ...toApi(filter, Date.now()), limit: PAGE, responses: 1, before }
  const page = await api.page('/api/messages', itemOf, query, signal)
  const last = page.items.at(-1)?.id ?? null
  const more = page.next !== null || page.items.length >= PAGE
  return { ...page, next: page.stoppedAt ?? (more ? last : null) }
}

/** Gathers what comes and hands it on ten times a second. */
function batched(list: MessageList): { take: (items: unknown[]) => void; flush: () => void; stop: () => void } {
  let held: unknown[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const items = held
    held = []
    if (items.length > 0) list.receive(items)
  }
  return {
    take: (items) => {
      for (const i of items) held.push(i)
      timer ??= setTimeout(flush, FLUSH_MS)
    },
    flush,
    stop: () => clearTimeout(timer),
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
    { topic: 'messages', filter: wanted, since },
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

/** The feed from where the store is, then the newest page: nothing falls between. */
async function begin(list: MessageList, filter: MessageFilter, signal: AbortSignal, setLost: (lost: boolean) => void): Promise<void> {
  const wanted = toFeed(filter)
  if (wanted) {
    const since = await storedUpTo(signal)
    if (signal.aborted) return
    const stop = follow(list, wanted, since, setLost)
    signal.addEventListener('abort', stop)
  }
  list.begin(await fetchPage(filter, null, signal))
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
  const loadOlder = useCallback(() => {
    const { older, loading } = list.get()
    const signal = stop.current?.signal
    if (older === null || loading || !signal) return
    list.loading()
    fetchPage(filter, older, signal).then(
      (page) => list.append(page),
      () => list.failed(),
    )
  }, [list, filter])
  const reload = useCallback(() => setRound((n) => n + 1), [])
  const hold = useCallback((on: boolean) => list.hold(on), [list])
  return { ...state, error, lost, loadOlder, reload, hold }
}
