/*
 * Where we are is the URL and nothing else: a view can be sent to somebody,
 * opened in a tab, and gone back to.
 */
import { useCallback, useMemo, useSyncExternalStore } from 'react'

const EVENT = 'hashscope:navigate'

function subscribe(run: () => void): () => void {
  window.addEventListener('popstate', run)
  window.addEventListener(EVENT, run)
  return () => {
    window.removeEventListener('popstate', run)
    window.removeEventListener(EVENT, run)
  }
}

const here = (): string => window.location.pathname + window.location.search

export interface Place {
  readonly path: string
  readonly query: URLSearchParams
}

export function usePlace(): Place {
  const url = useSyncExternalStore(subscribe, here)
  return useMemo(() => {
    const at = url.indexOf('?')
    return {
      path: at < 0 ? url : url.slice(0, at),
      query: new URLSearchParams(at < 0 ? '' : url.slice(at)),
    }
  }, [url])
}

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === here()) return
  if (options.replace === true) window.history.replaceState(null, '', to)
  else window.history.pushState(null, '', to)
  window.dispatchEvent(new Event(EVENT))
}

/** With these parameters set, or removed where they are ''. */
export function changed(query: URLSearchParams, change: Readonly<Record<string, string>>): string {
  const next = new URLSearchParams(query)
  for (const [key, value] of Object.entries(change)) {
    if (value === '') next.delete(key)
    else next.set(key, value)
  }
  const s = next.toString()
  return s === '' ? '' : `?${s}`
}

/** One parameter of the URL as state; typing into it makes no history. */
export function useParam(name: string): [string, (value: string) => void] {
  const { query } = usePlace()
  const set = useCallback(
    (value: string) => {
      const now = new URLSearchParams(window.location.search)
      navigate(window.location.pathname + changed(now, { [name]: value }), { replace: true })
    },
    [name],
  )
  return [query.get(name) ?? '', set]
}

/** "/messages/12" by "/messages/:id"; null when it is another page. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/')
  const have = path.replace(/\/+$/, '').split('/')
  if (want.length !== have.length) return path === '/' && pattern === '/' ? {} : null
  const params: Record<string, string> = {}
  for (const [i, part] of want.entries()) {
    const got = have[i] ?? ''
    if (!part.startsWith(':')) {
      if (part !== got) return null
      continue
    }
    try {
      params[part.slice(1)] = decodeURIComponent(got)
    } catch {
      return null
    }
  }
  return params
}
