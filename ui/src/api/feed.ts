/*
 * One subscription over a WebSocket of its own: it says what it wants, hears
 * batches with their positions, and when the connection is lost comes again
 * from where it was.  What it missed is told, never hidden.
 */
import { Backoff } from './backoff'
import { any, isObject, list, maybeText, text } from './decode'

export type Topic = 'messages' | 'shares' | 'sessions' | 'alerts' | 'stats' | 'agents'

export interface Subscription {
  readonly topic: Topic
  /** Filters of the API: session, direction, method, errors, q. */
  readonly filter?: Readonly<Record<string, string>>
  /** The position to go on from; without it, from now. */
  readonly since?: string | null
  /** At most one frame in so many ms. */
  readonly every?: number
}

export interface FeedEvents {
  readonly data: (items: unknown[]) => void
  /** So many were not sent or are not stored any more; null: not known. */
  readonly missed?: ((count: number | null) => void) | undefined
  /** What lies above this position will come again or never was. */
  readonly reset?: ((to: string) => void) | undefined
  readonly open?: (() => void) | undefined
  readonly lost?: (() => void) | undefined
}

export interface SocketLike {
  onopen: ((ev: never) => void) | null
  onmessage: ((ev: { data: unknown }) => void) | null
  onclose: ((ev: { code: number }) => void) | null
  send(data: string): void
  close(): void
}

export interface FeedHost {
  connect(): SocketLike
  later(ms: number, run: () => void): () => void
}

/** Positions are 64 bits wide: compared as strings of digits. */
export function after(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}

/** Counts are 64 bits wide too, so they come as text. */
function countOf(v: unknown): number | null {
  const n = typeof v === 'string' && /^\d+$/.test(v) ? Number(v) : v
  return typeof n === 'number' && Number.isFinite(n) ? n : null
}

export class Feed {
  private socket: SocketLike | null = null
  private cancel: (() => void) | null = null
  private closed = false
  private readonly backoff = new Backoff()
  /** The last position heard. */
  position: string | null

  constructor(
    private readonly host: FeedHost,
    private readonly wanted: Subscription,
    private readonly events: FeedEvents,
  ) {
    this.position = wanted.since ?? null
    this.connect()
  }

  close(): void {
    this.closed = true
    this.cancel?.()
    this.drop()
  }

  /** At once instead of when the time comes, as when the network is back. */
  hurry(): void {
    if (this.cancel === null) return
    this.cancel()
    this.cancel = null
    this.connect()
  }

  private drop(): void {
    const s = this.socket
    this.socket = null
    if (!s) return
    s.onopen = s.onmessage = s.onclose = null
    s.close()
  }

  private connect(): void {
    if (this.closed) return
    const s = this.host.connect()
    this.socket = s
    s.onopen = () => {
      s.send(JSON.stringify({ subscribe: this.request() }))
      this.events.open?.()
    }
    s.onmessage = (ev) => {
      this.hear(ev.data)
    }
    s.onclose = () => {
      this.socket = null
      this.events.lost?.()
      this.cancel = this.host.later(this.backoff.next(), () => {
        this.cancel = null
        this.connect()
      })
    }
  }

  private request(): Record<string, string | number> {
    const since = this.position === null ? {} : { since: this.position }
    const every = this.wanted.every === undefined ? {} : { every: this.wanted.every }
    return { topic: this.wanted.topic, ...this.wanted.filter, ...every, ...since }
  }

  private hear(data: unknown): void {
    if (typeof data !== 'string') return
    let frame: unknown
    try {
      frame = JSON.parse(data)
    } catch {
      return
    }
    if (!isObject(frame)) return
    this.backoff.reset()
    this.dispatch(frame)
  }

  private dispatch(frame: Record<string, unknown>): void {
    switch (text(frame['type'])) {
      case 'missed':
        this.events.missed?.(countOf(frame['count']))
        break
      case 'reset':
        this.position = text(frame['to'])
        this.events.reset?.(this.position)
        break
      case this.wanted.topic:
        this.batch(frame)
        break
      default:
        // Another's topic, a ping, or something of a later version.
    }
  }

  private batch(frame: Record<string, unknown>): void {
    const last = maybeText(frame['last'])
    if (last !== null) this.position = last
    const items = list(any)(frame['data'])
    if (items.length > 0) this.events.data(items)
  }
}
