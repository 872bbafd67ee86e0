/*
 * The one way to apid: REST and WebSockets of the page's own origin.  It knows
 * whether apid answers, so that everything else can show it.
 */
import type { Decoder } from './decode'
import { isObject, text } from './decode'
import { Feed, type FeedEvents, type SocketLike, type Subscription } from './feed'
import { nextPage } from './link'

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(detail)
  }
}

/** Nobody answered: apid is away, or the network. */
export class Unreachable extends ApiError {
  constructor() {
    super(0, '')
  }
}

export type Reach = 'connecting' | 'up' | 'down'

export interface Page<T> {
  readonly items: T[]
  /** The URL of what follows; null at the end. */
  readonly next: string | null
  /** A search that ran out of time stopped here. */
  readonly stoppedAt: string | null
}

export interface Environment {
  fetch: typeof fetch
  readonly socket: (path: string) => SocketLike
  readonly later: (ms: number, run: () => void) => () => void
}

export type Query = Readonly<Record<string, string | number | null | undefined>>

/** A path with those parameters that are set. */
export function withQuery(path: string, query: Query = {}): string {
  const p = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') p.set(key, String(value))
  }
  const s = p.toString()
  return s === '' ? path : `${path}?${s}`
}

async function detailOf(r: Response): Promise<string> {
  try {
    const body: unknown = await r.json()
    return isObject(body) ? text(body['detail']) : ''
  } catch {
    return ''
  }
}

export class Transport {
  private reached: Reach = 'connecting'
  private readonly watchers = new Set<() => void>()
  private readonly feeds = new Set<Feed>()
  /** Called when a session has ended or never began. */
  onUnauthorized: () => void = () => undefined

  constructor(private readonly env: Environment) {}

  readonly reach = (): Reach => this.reached

  readonly watchReach = (run: () => void): (() => void) => {
    this.watchers.add(run)
    return () => this.watchers.delete(run)
  }

  private setReach(to: Reach): void {
    if (this.reached === to) return
    this.reached = to
    if (to === 'up') for (const f of this.feeds) f.hurry()
    for (const run of this.watchers) run()
  }

  private async request(path: string, init: RequestInit, alsoGood?: number): Promise<Response> {
    let r: Response
    try {
      r = await this.env.fetch(path, { credentials: 'same-origin', ...init })
    } catch (e) {
      if (e instanceof DOMException && e.name === 'AbortError') throw e
      this.setReach('down')
      throw new Unreachable()
    }
    this.setReach('up')
    if (r.ok || r.status === alsoGood) return r
    const error = new ApiError(r.status, await detailOf(r))
    if (r.status === 401) this.onUnauthorized()
    throw error
  }

  private async json(r: Response): Promise<unknown> {
    try {
      return await r.json()
    } catch {
      throw new ApiError(r.status, 'the answer is no JSON')
    }
  }

  /** alsoGood: a status that is an answer too, as 503 of /health. */
  async get<T>(path: string, decode: Decoder<T>, query?: Query, signal?: AbortSignal, alsoGood?: number): Promise<T> {
    const r = await this.request(withQuery(path, query), signal ? { signal } : {}, alsoGood)
    return decode(await this.json(r))
  }

  /** A list: an array, or an object that has one and a cursor. */
  async page<T>(path: string, decode: Decoder<T>, query?: Query, signal?: AbortSignal): Promise<Page<T>> {
    const r = await this.request(withQuery(path, query), signal ? { signal } : {})
    return pageOf(await this.json(r), r.headers, decode)
  }

  async send<T>(method: 'POST' | 'DELETE' | 'PUT', path: string, body: unknown, decode: Decoder<T>): Promise<T> {
    const init: RequestInit = { method }
    if (body !== undefined) {
      init.body = JSON.stringify(body)
      init.headers = { 'content-type': 'application/json' }
    }
    const r = await this.request(path, init)
    return decode(r.status === 204 ? null : await this.json(r))
  }

  subscribe(wanted: Subscription, events: FeedEvents): () => void {
    const host = { connect: () => this.env.socket('/api/ws'), later: this.env.later }
    const feed = new Feed(host, wanted, {
      ...events,
      open: () => {
        this.setReach('up')
        events.open?.()
      },
    })
    this.feeds.add(feed)
    return () => {
      this.feeds.delete(feed)
      feed.close()
    }
  }
}

/** Lists are bare arrays with headers, or {items, complete, next}. */
export function pageOf<T>(body: unknown, headers: Headers, decode: Decoder<T>): Page<T> {
  if (Array.isArray(body)) {
    return {
      items: body.map(decode),
      next: nextPage(headers.get('link')),
      stoppedAt: headers.get('hashscope-stopped-at'),
    }
  }
  const o = isObject(body) ? body : {}
  const found = Object.values(o).find(Array.isArray) as unknown[] | undefined
  return {
    items: (found ?? []).map(decode),
    next: nextPage(headers.get('link')) ?? (typeof o['next'] === 'string' ? o['next'] : null),
    stoppedAt: o['complete'] === false ? text(o['stopped_at']) : null,
  }
}

/** That of a browser. */
export function browserEnvironment(): Environment {
  return {
    fetch: (...args) => fetch(...args),
    socket: (path) => {
      const url = new URL(path, window.location.href)
      url.protocol = url.protocol.replace('http', 'ws')
      return new WebSocket(url) as SocketLike
    },
    later: (ms, run) => {
      const id = setTimeout(run, ms)
      return () => clearTimeout(id)
    },
  }
}
