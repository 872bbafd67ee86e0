/*
 * The list behind the message table, newest first.  It follows the feed while
 * one looks at its top; scrolled down or paused it holds still and counts what
 * comes.  It holds a bounded window: what falls off is loaded again when one
 * scrolls there.
 */
import type { Page } from '@/api/transport'
import { after } from '@/api/feed'
import { message, type Message } from '@/api/types'
import { isObject, text } from '@/api/decode'

/** A message not decoded yet, or a place where some are missing. */
export type Item =
  | { readonly kind: 'message'; readonly id: string; readonly body: unknown }
  | { readonly kind: 'gap'; readonly id: string; readonly count: number | null }

export const WINDOW = 10_000
export const WAITING = 5_000

export interface ListState {
  readonly items: readonly Item[]
  /** So many have come while the list holds still. */
  readonly waiting: number
  /** More of them than are kept: the list starts anew. */
  readonly overflown: boolean
  readonly older: string | null
  readonly loading: boolean
  readonly stoppedAt: string | null
}

export const EMPTY: ListState = { items: [], waiting: 0, overflown: false, older: null, loading: true, stoppedAt: null }

const decoded = new WeakMap<object, Message>()

/** Decoded when it is shown, and once. */
export function messageOf(body: unknown): Message {
  if (!isObject(body)) return message(body)
  const had = decoded.get(body)
  if (had) return had
  const made = message(body)
  decoded.set(body, made)
  return made
}

export function itemOf(body: unknown): Item {
  return { kind: 'message', id: isObject(body) ? text(body['id']) : '', body }
}

/** How far back a request is looked for when its answer comes. */
const ANSWERED = 200

function pairOf(item: Item): string {
  return item.kind === 'message' && isObject(item.body) && item.body['is_response'] === true ? text(item.body['paired_message_id']) : ''
}

function answered(request: Item | undefined, answer: Item): Item {
  if (request?.kind !== 'message' || answer.kind !== 'message' || !isObject(request.body) || !isObject(answer.body)) {
    return request ?? answer
  }
  const { id, raw, latency_ms } = answer.body
  return { ...request, body: { ...request.body, paired_message_id: id, response_raw: raw, latency_ms } }
}

export class MessageList {
  private state: ListState = EMPTY
  private waiting: Item[] = []
  private watchers = new Set<() => void>()
  private holding = false
  private gaps = 0

  readonly get = (): ListState => this.state

  readonly watch = (run: () => void): (() => void) => {
    this.watchers.add(run)
    return () => this.watchers.delete(run)
  }

  private set(change: Partial<ListState>): void {
    this.state = { ...this.state, ...change }
    for (const run of this.watchers) run()
  }

  loading(): void {
    this.set({ loading: true })
  }

  failed(): void {
    this.set({ loading: false })
  }

  /** The newest page: the list begins anew, with what came meanwhile. */
  begin(page: Page<Item>): void {
    const newest = page.items[0]?.id ?? ''
    const later = this.waiting.filter((i) => i.kind === 'gap' || after(i.id, newest))
    this.waiting = []
    this.set({
      items: [...later.reverse(), ...page.items],
      waiting: 0,
      overflown: false,
      older: page.next,
      loading: false,
      stoppedAt: page.stoppedAt,
    })
  }

  /** The page after the last. */
  append(page: Page<Item>): void {
    const last = this.state.items.at(-1)?.id
    const fresh = page.items.filter((i) => last === undefined || after(last, i.id))
    this.set({
      items: [...this.state.items, ...fresh],
      older: page.next,
      loading: false,
      stoppedAt: page.stoppedAt,
    })
  }

  /** From the feed, oldest first. */
  receive(bodies: readonly unknown[]): void {
    const items = this.answer(bodies.map(itemOf))
    const changes = items.filter((i) => this.replace(i))
    const fresh = changes.length === 0 ? items : items.filter((i) => !changes.includes(i))
    this.add(fresh)
  }

  /** A request's row tells what was answered, as soon as it was. */
  private answer(fresh: readonly Item[]): Item[] {
    const all = [...fresh]
    const shown = [...this.state.items.slice(0, ANSWERED)]
    let touched = false
    for (const item of fresh) {
      const pair = pairOf(item)
      if (pair === '') continue
      const at = all.findIndex((i) => i.id === pair)
      if (at >= 0) all[at] = answered(all[at], item)
      const above = at >= 0 ? -1 : shown.findIndex((i) => i.id === pair)
      if (above < 0) continue
      shown[above] = answered(shown[above], item)
      touched = true
    }
    if (touched) this.set({ items: [...shown, ...this.state.items.slice(ANSWERED)] })
    return all
  }

  /** One that is there already is replaced, a late one put into its place. */
  private replace(item: Item): boolean {
    const first = this.state.items.find((i) => i.kind === 'message')
    if (!first || after(item.id, first.id)) return false
    const at = this.state.items.findIndex((i) => i.kind === 'message' && !after(i.id, item.id))
    const items = [...this.state.items]
    if (at < 0) return true
    items.splice(at, items[at]?.id === item.id ? 1 : 0, item)
    this.set({ items })
    return true
  }

  gap(count: number | null): void {
    this.gaps++
    this.add([{ kind: 'gap', id: `gap-${this.gaps}`, count }])
  }

  /** What lies above this position never was. */
  reset(to: string): void {
    this.waiting = this.waiting.filter((i) => i.kind === 'gap' || !after(i.id, to))
    this.set({ items: this.state.items.filter((i) => i.kind === 'gap' || !after(i.id, to)) })
  }

  hold(on: boolean): void {
    if (this.holding === on) return
    this.holding = on
    if (!on) this.release()
  }

  /** Shows what waited.  False: too many came, the list has to be loaded. */
  private release(): void {
    if (this.state.overflown) return
    const items = this.waiting
    this.waiting = []
    this.show(items, { waiting: 0 })
  }

  private add(items: readonly Item[]): void {
    if (items.length === 0) return
    if (!this.holding && !this.state.loading) {
      this.show(items, {})
      return
    }
    this.waiting.push(...items)
    const overflown = this.state.overflown || this.waiting.length > WAITING
    if (overflown) this.waiting = this.waiting.slice(-1)
    this.set({ waiting: this.state.waiting + items.length, overflown })
  }

  private show(items: readonly Item[], change: Partial<ListState>): void {
    const all = [...[...items].reverse(), ...this.state.items]
    const cut = all.length > WINDOW
    const last = cut ? all[WINDOW - 1] : undefined
    this.set({
      ...change,
      items: cut ? all.slice(0, WINDOW) : all,
      ...(last ? { older: last.id } : {}),
    })
  }
}
