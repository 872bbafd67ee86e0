/*
 * The list behind the message table, newest first.  It follows the feed while
 * one looks at its top; scrolled down or paused it holds still and counts what
 * comes.
 *
 * Only a window of it is in memory.  Rows keep their numbers while the list
 * holds still: the window moves over them, and remembers for every page it has
 * let go above from which position it can be loaded again.
 */
import type { Page } from '@/api/transport'
import { after } from '@/api/feed'
import { message, type Message } from '@/api/types'
import { isObject, text } from '@/api/decode'

/** A message not decoded yet, or a place where some are missing. */
export type Item =
  | { readonly kind: 'message'; readonly id: string; readonly body: unknown }
  | { readonly kind: 'gap'; readonly id: string; readonly count: number | null }

/** So many rows are kept, wherever one looks. */
export const WINDOW = 2000
/** When twice as many wait, only the newest so many go on waiting. */
export const WAITING = 4000
/** Of a page: so many rows are asked for at a time. */
export const PAGE = 200
/** Rows are there before one who scrolls comes to them. */
const AHEAD = 300
/** And some around a place where one has only come to. */
const NEAR = 40

export interface ListState {
  /** The window. */
  readonly items: readonly Item[]
  /** Its first row: so many newer ones were there and are let go. */
  readonly first: number
  /** Rows that are known, whether they are in the window or not. */
  readonly rows: number
  /** So many have come while the list holds still. */
  readonly waiting: number
  /** More of them than are kept: the list starts anew. */
  readonly overflown: boolean
  /** What is behind the window lies before this; null at the end. */
  readonly older: string | null
  readonly loading: boolean
  readonly stoppedAt: string | null
}

export const EMPTY: ListState = {
  items: [], first: 0, rows: 0, waiting: 0, overflown: false, older: null, loading: true, stoppedAt: null,
}

/** A page to load: up to so many rows before this position, for this row on. */
export interface Wanted {
  readonly where: 'below' | 'above' | 'elsewhere'
  readonly row: number
  readonly before: string
  readonly limit: number
}

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
const ANSWERED = 400

function pairOf(item: Item): string {
  return item.kind === 'message' && isObject(item.body) && item.body['is_response'] === true ? text(item.body['paired_message_id']) : ''
}

function answered(request: Item, answer: Item): Item {
  if (request.kind !== 'message' || answer.kind !== 'message' || !isObject(request.body) || !isObject(answer.body)) {
    return request
  }
  const { id, raw, latency_ms } = answer.body
  return { ...request, body: { ...request.body, paired_message_id: id, response_raw: raw, latency_ms } }
}

/** Answers put into those of the rows that they answer; null: into none. */
function withAnswers(rows: readonly Item[], answers: ReadonlyMap<string, Item>): Item[] | null {
  let changed: Item[] | null = null
  rows.forEach((row, i) => {
    const answer = answers.get(row.id)
    if (!answer) return
    changed ??= [...rows]
    changed[i] = answered(row, answer)
  })
  return changed
}

/** The position of the last message of these. */
function lastOf(items: readonly Item[]): string | null {
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i]
    if (item?.kind === 'message') return item.id
  }
  return null
}

/** The position behind this one, so that a page before it begins with it. */
function behind(id: string): string {
  return String(BigInt(id) + 1n)
}

export class MessageList {
  private state: ListState = EMPTY
  private waiting: Item[] = []
  private watchers = new Set<() => void>()
  /** The newest of those that could not wait. */
  private dropped = ''
  private holding = false
  private gaps = 0
  /** Where pages begin that can be loaded again: the row, and the position. */
  private marks: { row: number; before: string }[] = []

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

  /** What waited is too much: the newest page is asked for, and begins it anew. */
  renew(): void {
    this.set({ loading: true })
  }

  failed(): void {
    this.set({ loading: false })
    if (!this.holding) this.release()
  }

  /** The newest page: the list begins anew, with what came meanwhile. */
  begin(page: Page<Item>): void {
    const newest = page.items[0]?.id ?? ''
    const later = this.waiting.filter((i) => i.kind === 'gap' || after(i.id, newest))
    // Some did not wait, and the store may not have them yet.
    if (this.dropped !== '' && after(this.dropped, newest)) {
      this.gaps++
      later.unshift({ kind: 'gap', id: `gap-${this.gaps}`, count: null })
    }
    const items = [...later.reverse(), ...page.items]
    this.waiting = []
    this.dropped = ''
    this.marks = []
    this.set({ items, first: 0, rows: items.length, waiting: 0, overflown: false, older: page.next, loading: false, stoppedAt: page.stoppedAt })
  }

  // --- scrolling ---

  /** Rows from…to are looked at: what has to be loaded for them? */
  wanted(from: number, to: number): Wanted | null {
    const { items, first, older, loading, stoppedAt } = this.state
    const end = first + items.length
    if (loading || items.length === 0) return null
    if (from >= end || to < first) {
      const mark = this.markAbove(Math.max(0, from - NEAR) + 1)
      return mark ? { where: 'elsewhere', ...mark, limit: 2 * PAGE } : null
    }
    if (to + (from === 0 ? NEAR : AHEAD) >= end && older !== null && stoppedAt === null) {
      return { where: 'below', row: end, before: older, limit: 2 * PAGE }
    }
    const mark = from - AHEAD < first ? (this.markAbove(first - PAGE) ?? this.markAbove(first)) : null
    return mark ? { where: 'above', ...mark, limit: first - mark.row } : null
  }

  /** The search that stopped goes on. */
  further(): Wanted | null {
    const { items, first, older, loading } = this.state
    return loading || older === null ? null : { where: 'below', row: first + items.length, before: older, limit: PAGE }
  }

  /** What was wanted. */
  put(wanted: Wanted, page: Page<Item>): void {
    if (wanted.where === 'below') this.append(page)
    else if (wanted.where === 'above' && wanted.row + page.items.length >= this.state.first) this.prepend(wanted.row, page)
    else this.replace(wanted.row, page)
    if (!this.holding) this.release()
  }

  /** The page after the last. */
  append(page: Page<Item>): void {
    const { items, first, rows } = this.state
    const last = lastOf(items)
    const fresh = page.items.filter((i) => last === null || after(last, i.id))
    const end = first + items.length
    if (this.marks.length === 0) for (let i = 0; i < items.length; i += PAGE) this.mark(i, items)
    const all = [...items, ...fresh]
    for (let i = items.length; i < all.length; i += PAGE) this.mark(i, all)
    const cut = Math.max(0, all.length - WINDOW)
    this.set({
      items: cut > 0 ? all.slice(cut) : all,
      first: first + cut,
      rows: page.next === null ? end + fresh.length : Math.max(rows, end + fresh.length),
      older: page.next,
      loading: false,
      stoppedAt: page.stoppedAt,
    })
  }

  /** A page above the window. */
  private prepend(row: number, page: Page<Item>): void {
    const { items, first, older } = this.state
    const all = [...page.items.slice(0, first - row), ...items]
    const kept = all.slice(0, WINDOW)
    this.set({ items: kept, first: row, older: all.length > WINDOW ? lastOf(kept) : older, loading: false })
  }

  /** A page far from the window, which begins anew there. */
  private replace(row: number, page: Page<Item>): void {
    const end = row + page.items.length
    if (page.items.length === 0) {
      // What was there is not kept any longer, nor what was behind it.
      this.set({ items: [], first: 0, rows: 0, older: null, overflown: true, loading: false })
      return
    }
    this.set({
      items: page.items,
      first: row,
      rows: page.next === null ? end : Math.max(this.state.rows, end),
      older: page.next,
      loading: false,
    })
  }

  /** The i-th of these rows of the window is one from which to load again. */
  private mark(i: number, items: readonly Item[]): void {
    while (items[i]?.kind === 'gap') i++
    const item = items[i]
    const row = this.state.first + i
    const last = this.marks.at(-1)
    if (!item || !/^\d+$/.test(item.id) || (last && last.row >= row)) return
    this.marks.push({ row, before: behind(item.id) })
  }

  private markAbove(row: number): { row: number; before: string } | null {
    for (let i = this.marks.length - 1; i >= 0; i--) {
      const mark = this.marks[i]
      if (mark && mark.row < row) return mark
    }
    return null
  }

  // --- what comes ---

  /** From the feed, oldest first. */
  receive(bodies: readonly unknown[]): void {
    const items = this.answer(bodies.map(itemOf))
    const first = this.state.items.find((i) => i.kind === 'message')
    const late = first === undefined ? [] : items.filter((i) => !after(i.id, first.id))
    this.late(late)
    this.add(late.length === 0 ? items : items.filter((i) => !late.includes(i)))
  }

  /** A request's row tells what was answered, as soon as it was. */
  private answer(fresh: Item[]): Item[] {
    const answers = new Map<string, Item>()
    for (const item of fresh) {
      const pair = pairOf(item)
      if (pair !== '') answers.set(pair, item)
    }
    if (answers.size === 0) return fresh
    const { items } = this.state
    const shown = withAnswers(items.slice(0, ANSWERED), answers)
    if (shown) this.set({ items: [...shown, ...items.slice(ANSWERED)] })
    this.waiting = withAnswers(this.waiting, answers) ?? this.waiting
    return withAnswers(fresh, answers) ?? fresh
  }

  /** One that is there already is replaced, a late one put into its place. */
  private late(late: readonly Item[]): void {
    if (late.length === 0) return
    const items = [...this.state.items]
    const before = items.length
    for (const item of late) {
      const at = items.findIndex((i) => i.kind === 'message' && !after(i.id, item.id))
      if (at >= 0) items.splice(at, items[at]?.id === item.id ? 1 : 0, item)
    }
    this.set({ items, rows: this.state.rows + items.length - before })
  }

  gap(count: number | null): void {
    this.gaps++
    this.add([{ kind: 'gap', id: `gap-${this.gaps}`, count }])
  }

  /** What lies above this position never was. */
  reset(to: string): void {
    const { first, rows } = this.state
    const items = this.state.items.filter((i) => i.kind === 'gap' || !after(i.id, to))
    const gone = this.state.items.length - items.length
    this.waiting = this.waiting.filter((i) => i.kind === 'gap' || !after(i.id, to))
    this.marks = []
    // Scrolled down, it is not known how many of those above never were.
    this.set({ items, rows: rows - gone, ...(first > 0 ? { overflown: true } : {}) })
  }

  hold(on: boolean): void {
    if (this.holding === on) return
    this.holding = on
    if (!on) this.release()
  }

  /** Shows what waited, unless the list has to be loaded anew. */
  private release(): void {
    if (this.state.overflown || this.state.first > 0) return
    const items = this.waiting
    this.waiting = []
    if (items.length > 0 || this.state.waiting > 0) this.show(items)
  }

  private add(items: readonly Item[]): void {
    if (items.length === 0) return
    const { loading, first, overflown } = this.state
    if (!this.holding && !loading && !overflown && first === 0) {
      this.show(items)
      return
    }
    for (const i of items) this.waiting.push(i)
    const over = this.waiting.length > 2 * WAITING
    if (over) this.dropped = lastOf(this.waiting.splice(0, this.waiting.length - WAITING)) ?? this.dropped
    this.set({ waiting: this.state.waiting + items.length, overflown: overflown || over })
  }

  /** On top of the list, which lets go as much at its end. */
  private show(fresh: readonly Item[]): void {
    const { items: old, older } = this.state
    const items: Item[] = []
    for (let i = fresh.length - 1; i >= 0 && items.length < WINDOW; i--) {
      const item = fresh[i]
      if (item) items.push(item)
    }
    for (let i = 0; i < old.length && items.length < WINDOW; i++) {
      const item = old[i]
      if (item) items.push(item)
    }
    this.marks = []
    this.set({ items, rows: items.length, waiting: 0, older: fresh.length + old.length > WINDOW ? lastOf(items) : older })
  }
}
